//! Where in its source an environment is at home: another path in the config is nobody's wish to delete what the old one declared.

use driftless_core::guard::Ground;
use driftless_core::plan::{BlockReason, Plan};
use tracing::warn;

use super::reconcile::{Environment, Memory};
use crate::store::StoreError;
use crate::store::facts::{self, Home};

/// Whether the ledger of `environment` was grown at the path that the config names now.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn of(environment: &Environment) -> Result<Ground, StoreError> {
    let Some(memory) = &environment.memory else {
        return Ok(Ground::Same);
    };
    let home: Option<Home> = facts::recall(memory.store.as_ref(), &memory.name).await?;
    let Some(home) = home.filter(|home| home.path != environment.folder) else {
        return Ok(Ground::Same);
    };
    warn!(
        env.name = %memory.name,
        "The config names the path `{}`, and the ledger is of `{}`: what only that one declared is let go, and not deleted",
        environment.folder,
        home.path,
    );
    Ok(Ground::Moved)
}

/// Remembers the path, once what the old one alone declared is let go.
///
/// # Errors
/// When the store cannot be read or written.
pub(super) async fn settle(environment: &Environment, memory: &Memory, plan: &Plan) -> Result<(), StoreError> {
    let mut reasons = plan.blocked.iter().map(|blocked| blocked.reason);
    // Of a revision that may not be followed nothing is let go, nor of kinds that are left out.
    if !environment.left_out.is_empty() || reasons.any(|reason| reason == BlockReason::NotFastForward) {
        return Ok(());
    }
    let home = Home {
        path: environment.folder.clone(),
    };
    let known: Option<Home> = facts::recall(memory.store.as_ref(), &memory.name).await?;
    if known.as_ref() == Some(&home) {
        return Ok(());
    }
    facts::remember(memory.store.as_ref(), &memory.name, &home).await
}
