//! What an environment remembers of people and of itself besides its ledger: few, small, read and written whole.

use chrono::{DateTime, Utc};
use driftless_core::key::EnvironmentName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Store, StoreError};

/// Something that is remembered of an environment.
pub trait Fact: Serialize + DeserializeOwned {
    /// Its name in the store; never changed.
    const NAME: &'static str;
}

/// Somebody asked that nothing be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Why, in that person's words.
    pub reason: String,
    /// Who, as far as known.
    pub by: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Fact for Suspension {
    const NAME: &'static str = "suspension";
}

/// Somebody looked at a plan that guards keep back, and lets it through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The digest of that plan.
    pub digest: String,
    /// The run that made it.
    pub run: String,
    /// Who, as far as known.
    pub by: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

impl Fact for Approval {
    const NAME: &'static str = "approval";
}

/// The newest revision with which any write was attempted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The ref that it was read from, as the config says it: another one starts anew.
    pub reference: String,
    /// The commit.
    pub revision: String,
}

impl Fact for Lineage {
    const NAME: &'static str = "lineage";
}

/// The path within the source from which the ledger has what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// As the config says it; `""` is the root.
    pub path: String,
}

impl Fact for Home {
    const NAME: &'static str = "home";
}

/// Whether `value` is what is written under `name`; of a name that this version does not know, whether it can be anything.
pub fn is_sound(name: &str, value: &str) -> bool {
    match name {
        Suspension::NAME => serde_json::from_str::<Suspension>(value).is_ok(),
        Approval::NAME => serde_json::from_str::<Approval>(value).is_ok(),
        Lineage::NAME => serde_json::from_str::<Lineage>(value).is_ok(),
        Home::NAME => serde_json::from_str::<Home>(value).is_ok(),
        _ => serde_json::from_str::<serde_json::Value>(value).is_ok(),
    }
}

/// Reads what is remembered.
///
/// # Errors
/// When the store cannot be read, or holds something else than was written.
pub async fn recall<F: Fact>(store: &dyn Store, environment: &EnvironmentName) -> Result<Option<F>, StoreError> {
    let Some(text) = store.fact(environment, F::NAME).await? else {
        return Ok(None);
    };
    serde_json::from_str(&text).map(Some).map_err(|_| StoreError {
        message: format!(
            "the {} of `{environment}` in the store is not as it was written: look at the file with `driftless store check`",
            F::NAME
        ),
    })
}

/// Remembers `fact` in place of what was there.
///
/// # Errors
/// When the store cannot be written.
pub async fn remember<F: Fact>(store: &dyn Store, environment: &EnvironmentName, fact: &F) -> Result<(), StoreError> {
    let text = serde_json::to_string(fact).map_err(|error| StoreError {
        message: format!("the {} of `{environment}` cannot be written: {error}", F::NAME),
    })?;
    store.put_fact(environment, F::NAME, Some(&text)).await
}

/// Forgets what was there.
///
/// # Errors
/// When the store cannot be written.
pub async fn forget<F: Fact>(store: &dyn Store, environment: &EnvironmentName) -> Result<(), StoreError> {
    store.put_fact(environment, F::NAME, None).await
}
