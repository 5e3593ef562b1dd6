//! Letting a plan through that guards keep back: bound to its digest, spent by the pass that carries it out.

use driftless_core::key::Digest;
use driftless_core::plan::Plan;

use super::Refusal;
use super::brake::Brake;
use super::reconcile::{Environment, Memory};
use crate::store::facts::{self, Approval};
use crate::store::{RunRecord, StoreError};

/// Whether the plan of `looked_at` may be approved as the one with `digest`, `current` being the plan of the environment's last
/// pass.
///
/// # Errors
/// When it is not the plan of now, or nothing in it waits for an approval.
pub(super) fn check(looked_at: &RunRecord, current: Option<&Plan>, digest: &Digest) -> Result<(), Refusal> {
    let environment = looked_at.environment.clone();
    let moved = |current: Option<&Plan>| Refusal::PlanMoved {
        environment: environment.clone(),
        current: current.map(|plan| plan.digest.clone()),
    };
    let Some(plan) = current.filter(|plan| plan.digest == *digest) else {
        return Err(moved(current));
    };
    // Later passes may have found the same: what counts is what was looked at.
    if digest_of(looked_at).as_ref() != Some(digest) {
        return Err(moved(current));
    }
    if !plan.blocked.iter().any(|blocked| blocked.reason.can_be_approved()) {
        return Err(Refusal::NothingHeld(environment));
    }
    Ok(())
}

fn digest_of(run: &RunRecord) -> Option<Digest> {
    let plan: serde_json::Value = serde_json::from_str(run.plan.as_deref()?).ok()?;
    Some(Digest(plan["digest"].as_str()?.to_owned()))
}

/// What a pass that made `plan` does with an approval that it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is of this plan, which is carried out.
    Spent,
    /// It is of this plan, of which nothing is carried out now: it waits.
    Waits,
    /// It is of another plan: it is forgotten.
    Moved,
}

impl Use {
    /// Who let the plan through that is carried out under it.
    pub(super) fn approver(self, approval: &Approval) -> Option<String> {
        let unnamed = || "somebody who gave no name".to_owned();
        (self == Use::Spent).then(|| approval.by.clone().unwrap_or_else(unnamed))
    }

    /// What the run's line says of it.
    pub(super) fn words(self, approval: &Approval) -> String {
        let Approval { by, run, .. } = approval;
        let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        match self {
            Use::Spent => format!("approved{by} as planned in run {run}"),
            Use::Waits => format!("approved{by} in run {run}, not carried out yet"),
            Use::Moved => format!("the plan that was approved{by} in run {run} is no longer the plan: look again"),
        }
    }
}

/// The approval that waits for the next pass over `environment`.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn recall(environment: &Environment) -> Result<Option<Approval>, StoreError> {
    match &environment.memory {
        Some(memory) => facts::recall(memory.store.as_ref(), &memory.name).await,
        None => Ok(None),
    }
}

/// Decides what becomes of `approval`, and forgets it where it has served or can serve no more: before the first write, so that
/// what was looked at once is carried out once.
///
/// # Errors
/// When the store cannot forget it: then nothing may be written under it.
pub(super) async fn take(approval: &Approval, plan: &Plan, brake: &Brake, memory: &Memory) -> Result<Use, StoreError> {
    let becomes = if approval.digest != plan.digest.0 {
        Use::Moved
    } else if plan.is_empty() || brake.is_pulled() {
        Use::Waits
    } else {
        Use::Spent
    };
    match becomes {
        Use::Waits => {}
        Use::Spent | Use::Moved => facts::forget::<Approval>(memory.store.as_ref(), &memory.name).await?,
    }
    Ok(becomes)
}
