//! What a pass is made under: gathered before each, so that the daemon and the command line plan under the same.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use driftless_core::guard::{Certainty, Circumstances, Hold, Neighbour};
use driftless_core::key::{Digest, EnvironmentName, Key, Revision};
use driftless_core::plan::BlockReason;
use driftless_core::snapshot::Desired;
use tracing::warn;

use super::reconcile::{Environment, Neighbouring, PassError, read_ledger, read_source};
use super::{drift, ground, suspension};
use crate::store::StoreError;

/// What a pass over `environment` at `revision`, or at the newest one, is made under at `now`; `approved` is the digest of the plan that a person lets through.
///
/// # Errors
/// When something that must be known before a write cannot be read.
pub async fn gather(
    environment: &Environment,
    revision: Option<&Revision>,
    now: DateTime<Utc>,
    approved: Option<Digest>,
) -> Result<Circumstances, PassError> {
    let mut neighbours = Vec::with_capacity(environment.neighbours.len());
    for neighbour in &environment.neighbours {
        neighbours.push(acquaint(environment, neighbour, revision).await?);
    }
    let suspended = suspension::of(environment).await.map_err(PassError::Store)?;
    let closed = environment.windows.closed(now);
    let outside = closed.map(|closed| Hold {
        reason: BlockReason::OutsideWindow,
        message: closed.message(),
    });
    let suspended = suspended.as_ref().map(suspension::hold);
    Ok(Circumstances {
        approved,
        holds: suspended.into_iter().chain(outside).collect(),
        stopped: stopped(environment, now).await.map_err(PassError::Store)?,
        neighbours,
        ground: ground::of(environment).await.map_err(PassError::Store)?,
    })
}

/// What a neighbour declares and owns. Of the instance nothing is asked.
async fn acquaint(
    environment: &Environment,
    neighbour: &Neighbouring,
    revision: Option<&Revision>,
) -> Result<Neighbour, PassError> {
    let Neighbouring {
        environment: other,
        precedence,
    } = neighbour;
    let name = other.name.clone().unwrap_or_else(|| EnvironmentName(String::new()));
    let owned = read_ledger(other)
        .await?
        .unwrap_or_default()
        .entries
        .into_keys()
        .collect();
    // Two environments of one repository are looked at in one state of it.
    let revision = if other.source.name() == environment.source.name() {
        revision.cloned()
    } else {
        other.source.last_good().await
    };
    let (desired, certainty) = match read_source(other, revision.as_ref()).await {
        Ok(loaded) => (loaded.desired, Certainty::Whole),
        Err(error) => {
            warn!(env.name = %name, "What {name} declares on the same instance is not known: {error}");
            let nothing = Desired {
                revision: Revision(String::new()),
                documents: BTreeMap::new(),
                left_out: Vec::new(),
                broken: Vec::new(),
                misplaced: Vec::new(),
            };
            (nothing, Certainty::Partial)
        }
    };
    Ok(Neighbour {
        name,
        precedence: *precedence,
        desired,
        owned,
        certainty,
    })
}

async fn stopped(environment: &Environment, now: DateTime<Utc>) -> Result<BTreeMap<Key, String>, StoreError> {
    let Some(memory) = &environment.memory else {
        return Ok(BTreeMap::new());
    };
    let drifts = drift::recall(memory, environment.platform.schema()).await?;
    Ok(drift::stopped(&drifts, now))
}
