//! `store`: where the ledger and the history are kept.

use serde::Deserialize;

use super::fault::Faults;
use super::section::Item;
use crate::store::sqlite;

/// The section `store`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite://FILE`; a relative path counts from the working directory. Default: `sqlite://driftless.db`.
    #[serde(default = "url")]
    pub url: String,
}

fn url() -> String {
    "sqlite://driftless.db".to_owned()
}

/// What serde cannot say.
pub(super) fn check(store: Option<&Item<'_, StoreConfig>>, faults: &mut Faults) {
    let Some(item) = store else { return };
    if let Err(fault) = sqlite::check(&item.value.url) {
        let postgres = item.value.url.starts_with("postgres");
        let code = if postgres { "not_supported" } else { "bad_value" };
        if item.is_sound(&["url"]) {
            faults.add(
                item.at(&["url"]),
                code,
                fault.message,
                Some("write `sqlite://driftless.db`".to_owned()),
            );
        }
    }
}
