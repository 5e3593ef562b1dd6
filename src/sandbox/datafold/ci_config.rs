//! CI configurations: what people set up in the web interface. No API reads or writes them; runs belong to them.

use serde_json::{Map, Value};

use super::body::text;
use super::data_source::Access;
use super::organisation::Organisation;
use super::wire::Refusal;
use crate::sandbox::table::Id;

pub(super) struct CiConfig {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) repository: String,
    pub(super) data_source: Id,
    /// The branch whose pull requests make runs; any when absent.
    pub(super) base_branch: Option<String>,
    /// The most diffs that start without a person's word.
    pub(super) diff_threshold: Option<usize>,
    /// The word that its runs end in.
    pub(super) ends: String,
    pub(super) access: Access,
}

impl CiConfig {
    /// A configuration from a row of a seed.
    pub(super) fn parse(id: Id, row: &Map<String, Value>, data_source: Id) -> Self {
        let word = |key: &str| text(row, key).map(str::to_owned);
        let threshold = row.get("diff_threshold").and_then(Value::as_u64);
        Self {
            id,
            name: word("name").unwrap_or_default(),
            repository: word("repository").unwrap_or_default(),
            data_source,
            base_branch: word("base_branch"),
            diff_threshold: threshold.and_then(|most| usize::try_from(most).ok()),
            ends: word("ends").unwrap_or_else(|| "done".to_owned()),
            access: if row.get("accessible") == Some(&Value::Bool(false)) {
                Access::Closed
            } else {
                Access::Open
            },
        }
    }
}

impl Organisation {
    /// A configuration that the caller may use.
    pub(super) fn ci_config(&self, id: Id) -> Result<&CiConfig, Refusal> {
        let found = self.ci_configs.get(id);
        let found = found.ok_or_else(|| Refusal::text(404, format!("CI config {id} not found")))?;
        match found.access {
            Access::Open => Ok(found),
            Access::Closed => Err(Refusal::text(403, "You do not have access to this CI config")),
        }
    }
}
