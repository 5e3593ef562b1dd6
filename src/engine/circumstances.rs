//! What a pass is made under: gathered before each, so that the daemon and the command line plan under the same.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use driftless_core::guard::{Circumstances, Hold};
use driftless_core::key::Digest;
use driftless_core::plan::BlockReason;

use super::reconcile::{Environment, PassError};

/// What a pass over `environment` at `now` is made under; `approved` is the digest of the plan that a person lets through.
///
/// # Errors
/// When something that must be known before a write cannot be read.
pub async fn gather(
    environment: &Environment,
    now: DateTime<Utc>,
    approved: Option<Digest>,
) -> Result<Circumstances, PassError> {
    let closed = environment.windows.closed(now);
    let outside = closed.map(|closed| Hold {
        reason: BlockReason::OutsideWindow,
        message: closed.message(),
    });
    Ok(Circumstances {
        approved,
        holds: outside.into_iter().collect(),
        stopped: BTreeMap::new(),
        neighbours: Vec::new(),
    })
}
