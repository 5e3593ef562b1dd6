//! Watches the circuit breaker of one target: shows it, and asks the instance whether it is back when a probe is due, so that an
//! outage does not last longer here than there.

use std::sync::Arc;
use std::time::Duration;

use driftless_core::key::EnvironmentName;
use tokio::time::Instant;
use tracing::debug;

use super::CircuitView;
use super::breaker::Open;
use super::driver::Shared;
use super::limiter::Limiter;
use crate::platform::Platform;

/// The least time between two probes of ours, whatever the breaker says: a probe may be somebody else's just then.
const PAUSE: Duration = Duration::from_secs(1);

/// A target, and who is on it.
pub(super) struct Target {
    pub(super) limiter: Arc<Limiter>,
    /// Any one of its environments': a probe goes the way of every request.
    pub(super) platform: Arc<dyn Platform>,
    pub(super) environments: Vec<EnvironmentName>,
}

/// Watches `target` until the process stops.
pub(super) async fn watch(target: Target, shared: Arc<Shared>) {
    let mut circuit = target.limiter.circuit();
    let mut last_probe: Option<Instant> = None;
    loop {
        let open = circuit.borrow_and_update().clone();
        show(open.as_ref(), &target, &shared);
        let due = open.map(|open| last_probe.map_or(open.next, |last| open.next.max(last + PAUSE)));
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            changed = circuit.changed() => if changed.is_err() { return },
            () = until(due) => {
                tokio::select! {
                    biased;
                    () = shared.stop.cancelled() => return,
                    answer = target.platform.reach() => if let Err(failure) = answer {
                        debug!("A probe failed: {}", failure.message);
                    },
                }
                last_probe = Some(Instant::now());
            }
        }
    }
}

fn show(open: Option<&Open>, target: &Target, shared: &Shared) {
    let (now, time) = (Instant::now(), shared.clock.now());
    let circuit = open.map(|open| CircuitView {
        since: time - now.saturating_duration_since(open.since),
        next: time + open.next.saturating_duration_since(now),
        failure: open.failure.clone(),
    });
    for name in &target.environments {
        shared.views.environment(name, |view| view.circuit.clone_from(&circuit));
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
