//! What moves on its own: metrics, scores, counts. Values come from a counter, never from a wall clock.

use serde_json::{Value, json};

use super::state::Id;
use crate::sandbox::clock::Clock;

impl Clock {
    /// A share between 0 and 1 with three digits.
    fn share(&self, id: Id, salt: u64) -> Value {
        let thousandths = u32::try_from(self.wander(id, salt, 1000)).unwrap_or(0);
        json!(f64::from(thousandths) / 1000.0)
    }

    pub(super) fn quality_score(&self, id: Id) -> Value {
        json!({ "total": self.share(id, 1), "completeness": self.share(id, 2), "conformity": self.share(id, 3) })
    }

    pub(super) fn metrics(&self, id: Id, fields: usize, checks: usize) -> Value {
        json!({
            "last_profiled": self.read(self.wander(id, 4, 60)),
            "last_scanned": self.read(self.wander(id, 5, 60)),
            "fields": fields,
            "records": self.wander(id, 6, 1_000_000),
            "completeness": self.share(id, 7),
            "active_checks": checks,
            "passing_checks": self.wander(id, 8, 1 + checks as u64),
            "anomalies": self.wander(id, 9, 50),
            "active_anomalies": self.wander(id, 10, 10),
            "quality_score": self.quality_score(id),
        })
    }
}
