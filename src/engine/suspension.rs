//! Suspending an environment: remembered first, so that it outlives the process, then told to the pass under way.

use std::sync::{Mutex, PoisonError};

use driftless_core::guard::Hold;
use driftless_core::key::EnvironmentName;
use driftless_core::plan::BlockReason;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::brake::Brake;
use super::driver::Shared;
use super::reconcile::Environment;
use crate::store::StoreError;
use crate::store::facts::{self, Suspension};

/// Where suspensions of one environment and its passes meet.
#[derive(Debug, Default)]
pub(super) struct Suspensions {
    /// Held while one is written, so that what is remembered and what is shown are the same one.
    turn: tokio::sync::Mutex<()>,
    in_hand: Mutex<Option<Brake>>,
}

impl Suspensions {
    /// The brake of a pass that begins. Armed before the pass reads whether it is suspended: a suspension is then seen there, or
    /// pulls the brake.
    pub(super) fn arm(&self, process: &CancellationToken) -> Brake {
        let brake = Brake::of(process);
        *self.in_hand.lock().unwrap_or_else(PoisonError::into_inner) = Some(brake.clone());
        brake
    }

    fn pull(&self) {
        let in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(brake) = in_hand.as_ref() {
            brake.pull();
        }
    }

    /// Suspends.
    pub(super) async fn suspend(
        &self,
        name: &EnvironmentName,
        reason: String,
        by: Option<String>,
        shared: &Shared,
    ) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let known: Option<Suspension> = facts::recall(shared.store.as_ref(), name).await?;
        let since = known.map_or_else(|| shared.clock.now(), |known| known.since);
        let suspension = Suspension { reason, by, since };
        facts::remember(shared.store.as_ref(), name, &suspension).await?;
        self.pull();
        info!(env.name = %name, "Suspended {name}: {}", suspension.reason);
        show(name, Some(suspension), shared);
        Ok(())
    }

    /// Lets it go on; whether it was suspended.
    pub(super) async fn resume(&self, name: &EnvironmentName, shared: &Shared) -> Result<Resumed, StoreError> {
        let _turn = self.turn.lock().await;
        let known: Option<Suspension> = facts::recall(shared.store.as_ref(), name).await?;
        if known.is_none() {
            return Ok(Resumed::WasNotSuspended);
        }
        facts::forget::<Suspension>(shared.store.as_ref(), name).await?;
        info!(env.name = %name, "Resumed {name}");
        show(name, None, shared);
        Ok(Resumed::GoesOn)
    }
}

/// What a resumption found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumed {
    GoesOn,
    WasNotSuspended,
}

/// What is remembered now, put into the view and the metrics.
///
/// # Errors
/// When the store cannot be read: then nobody knows, and nothing may be written.
pub(super) async fn recall(name: &EnvironmentName, shared: &Shared) -> Result<Option<Suspension>, StoreError> {
    let suspension: Option<Suspension> = facts::recall(shared.store.as_ref(), name).await?;
    show(name, suspension.clone(), shared);
    Ok(suspension)
}

fn show(name: &EnvironmentName, suspension: Option<Suspension>, shared: &Shared) {
    shared.metrics.suspended(name, suspension.as_ref());
    let is_shown = |overview: &super::Overview| {
        overview
            .environments
            .get(name)
            .is_some_and(|view| view.suspended == suspension)
    };
    if !is_shown(&shared.views.subscribe().borrow()) {
        shared.views.environment(name, |view| view.suspended = suspension);
    }
}

/// What is remembered of `environment` now; nothing of a bare instance.
///
/// # Errors
/// When the store cannot be read: then nobody knows, and nothing may be written.
pub(super) async fn of(environment: &Environment) -> Result<Option<Suspension>, StoreError> {
    match (&environment.memory, &environment.name) {
        (Some(memory), Some(name)) => facts::recall(memory.store.as_ref(), name).await,
        (None, _) | (_, None) => Ok(None),
    }
}

/// What a suspension keeps back: every write.
pub(super) fn hold(suspension: &Suspension) -> Hold {
    let Suspension { reason, by, since } = suspension;
    let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let since = since.format("%Y-%m-%d %H:%M UTC");
    Hold {
        reason: BlockReason::Suspended,
        message: format!("suspended{by} since {since}: {reason}; `driftless resume` lets it go on"),
    }
}
