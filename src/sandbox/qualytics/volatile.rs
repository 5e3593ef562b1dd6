//! What moves on its own: the clock, metrics, scores, counts. Values come from a counter, never from a wall clock.

use serde_json::{Value, json};

use super::state::Id;

/// 2026-01-05T08:00:00Z, the moment an instance begins at.
const BEGINNING: i64 = 1_767_600_000;

/// A counter that stands for time: every look at it is a second later.
#[derive(Default)]
pub(super) struct Clock(u64);

impl Clock {
    /// The time now, as ISO 8601; time moves on.
    pub(super) fn stamp(&mut self) -> String {
        self.0 += 1;
        self.read(0)
    }

    /// The time `back` seconds ago, without moving on.
    pub(super) fn read(&self, back: u64) -> String {
        let ticks = i64::try_from(self.0.saturating_sub(back)).unwrap_or(0);
        chrono::DateTime::from_timestamp(BEGINNING + ticks, 0)
            .map_or_else(String::new, |moment| moment.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// One request has come in.
    pub(super) fn tick(&mut self) {
        self.0 += 1;
    }

    /// A number below `below` that differs from request to request and from row to row.
    pub(super) fn wander(&self, id: Id, salt: u64, below: u64) -> u64 {
        let seed =
            self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ id.unsigned_abs().wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ salt;
        let mixed = (seed ^ (seed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 29)) % below.max(1)
    }

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
