//! The line of revisions that an environment follows: a branch that was rewritten is not followed unasked.

use driftless_core::guard::Hold;
use driftless_core::key::Revision;
use driftless_core::plan::BlockReason;

use super::reconcile::{Environment, Memory};
use crate::store::StoreError;
use crate::store::facts::{self, Lineage};

/// The branch that an environment follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The ref, as the config says it.
    pub reference: String,
    /// What happens when it was rewritten.
    pub rewriting: Rewriting,
}

/// What happens when a branch moves to a revision that does not descend from the last one that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewriting {
    /// Nothing is written before somebody approves the plan.
    Refused,
    /// It is followed.
    Allowed,
}

/// What keeps `revision` back, if anything does: the newest revision with which any write was attempted is no ancestor of it.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn hold(environment: &Environment, revision: &Revision) -> Result<Option<Hold>, StoreError> {
    let (Some(branch), Some(memory)) = (&environment.branch, &environment.memory) else {
        return Ok(None);
    };
    match branch.rewriting {
        Rewriting::Allowed => return Ok(None),
        Rewriting::Refused => {}
    }
    let known: Option<Lineage> = facts::recall(memory.store.as_ref(), &memory.name).await?;
    // Another ref in the config is a decision that somebody made: it starts anew.
    let Some(known) = known.filter(|known| known.reference == branch.reference && known.revision != revision.0) else {
        return Ok(None);
    };
    let older = Revision(known.revision);
    let what = match environment.source.descends(revision, &older).await {
        Ok(true) => return Ok(None),
        Ok(false) => "does not descend from".to_owned(),
        Err(error) => format!("may not descend from ({error})"),
    };
    Ok(Some(Hold {
        reason: BlockReason::NotFastForward,
        message: format!(
            "revision {revision} {what} {older}, the last one that was written: `{}` was rewritten or put back. Push a commit \
             that descends from it, look at the plan and approve it with `driftless approve RUN`, or set `force_push: allow` on \
             the source",
            branch.reference
        ),
    }))
}

/// Remembers that a write with `revision` is about to be attempted.
///
/// # Errors
/// When the store cannot be written: then it must not be attempted.
pub(super) async fn advance(
    environment: &Environment,
    memory: &Memory,
    revision: Option<&Revision>,
) -> Result<(), StoreError> {
    let (Some(branch), Some(revision)) = (&environment.branch, revision) else {
        return Ok(());
    };
    let lineage = Lineage {
        reference: branch.reference.clone(),
        revision: revision.0.clone(),
    };
    facts::remember(memory.store.as_ref(), &memory.name, &lineage).await
}
