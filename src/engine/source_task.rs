//! Watches one source: looks where its ref points, when that is due or somebody asks, and says so to whoever waits for it.
//! A source that does not answer keeps its last good revision in force.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use driftless_core::key::Revision;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use super::SourceView;
use super::backoff::jittered;
use super::driver::Shared;
use super::schedule::Schedule;
use crate::source::reference::Reference;
use crate::source::{EXCHANGE, Source, SourceError, SourceFault};

/// A source to watch.
pub struct SourceSetup {
    /// It.
    pub source: Arc<dyn Source>,
    /// Its URL as it may be shown: without credentials.
    pub url: String,
    /// The ref that is watched.
    pub reference: Reference,
    /// When it is looked at.
    pub schedule: Schedule,
}

impl SourceSetup {
    pub(super) fn view(&self) -> SourceView {
        SourceView {
            url: self.url.clone(),
            reference: self.reference.clone(),
            chosen: None,
            revision: None,
            commit: None,
            tried: false,
            reached: None,
            stale: None,
        }
    }
}

/// What is known of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Looked {
    /// How many of the looks that were asked for have been answered, well or badly.
    pub(super) answered: u64,
    /// Where the ref points, or pointed when it was last known.
    pub(super) revision: Option<Revision>,
    /// Why the last look failed.
    pub(super) fault: Option<String>,
}

/// The way to ask a source task for a look.
#[derive(Debug)]
pub(super) struct Watched {
    asked: AtomicU64,
    bell: Notify,
    sender: watch::Sender<Looked>,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            asked: AtomicU64::new(1), // the look at the start
            bell: Notify::new(),
            sender: watch::Sender::default(),
        }
    }
}

impl Watched {
    /// The number of a look that begins after now; [`Watched::ring`] starts it.
    pub(super) fn ticket(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Starts the look.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    pub(super) fn looked(&self) -> watch::Receiver<Looked> {
        self.sender.subscribe()
    }
}

/// Longer than the adapter's own limit on one exchange, whose words are better: for a source that hangs all the same.
const LOOK: Duration = EXCHANGE.saturating_mul(2);

/// Watches until the process stops.
pub(super) async fn watch(setup: SourceSetup, watched: Arc<Watched>, shared: Arc<Shared>) {
    loop {
        let ticket = watched.asked.load(Ordering::SeqCst);
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            () = look(&setup, ticket, &watched, &shared) => {}
        }
        let wait = next(&setup.schedule, &shared);
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            () = watched.bell.notified() => {}
            () = sleep(wait) => {}
        }
    }
}

/// How long until the next look; `None` if the schedule names no further time.
fn next(schedule: &Schedule, shared: &Shared) -> Option<Duration> {
    match schedule {
        Schedule::Every(interval) => Some(jittered(*interval, fastrand::f64())),
        Schedule::Cron(_) => {
            let now = shared.clock.now();
            let next = schedule.next(now)?;
            (next - now).to_std().ok()
        }
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn look(setup: &SourceSetup, ticket: u64, watched: &Watched, shared: &Shared) {
    let name = setup.source.name();
    let began = Instant::now();
    let answer = tokio::time::timeout(LOOK, setup.source.head()).await;
    let answer = answer.unwrap_or_else(|_| {
        Err(SourceError {
            kind: SourceFault::Unreachable,
            message: format!("no answer within {} s", LOOK.as_secs()),
        })
    });
    let now = shared.clock.now();
    let reached = answer.is_ok().then_some(now);
    shared.metrics.fetched(name, began.elapsed(), reached);

    let before = watched.sender.borrow().clone();
    let (revision, fault) = match answer {
        Ok(revision) => (Some(revision), None),
        Err(error) => {
            let last = match before.revision.clone() {
                Some(revision) => Some(revision),
                None => setup.source.last_good().await,
            };
            (last, Some(error.message))
        }
    };
    log_change(name, &before, revision.as_ref(), fault.as_deref());
    let commit = match &revision {
        Some(revision) => setup.source.describe(revision).await,
        None => None,
    };
    shared.views.source(name, |view| {
        view.tried = true;
        if view.revision != revision || commit.is_some() {
            view.commit = commit;
        }
        view.revision = revision.clone();
        view.chosen = setup.source.chosen();
        view.reached = reached.or(view.reached);
        view.stale = fault.clone().map(|fault| match view.stale.take() {
            Some((since, _)) => (since, fault),
            None => (now, fault),
        });
    });
    watched.sender.send_replace(Looked {
        answered: ticket,
        revision,
        fault,
    });
}

/// What is to be said of `fault` where `told` was said last: another fault is another thing to do.
fn complaint(told: Option<&str>, revision: Option<&Revision>, fault: Option<&str>) -> Option<String> {
    let fault = fault.filter(|fault| told != Some(*fault))?;
    Some(match revision {
        Some(last) => format!("; {} stays in force: {fault}", last.short()),
        None => format!(", and nothing of it is known yet: {fault}"),
    })
}

/// Says what changed; what is as it was is not said again.
fn log_change(name: &str, before: &Looked, revision: Option<&Revision>, fault: Option<&str>) {
    if let Some(complaint) = complaint(before.fault.as_deref(), revision, fault) {
        warn!(source.name = name, "The source {name} cannot be read{complaint}");
    } else if fault.is_none() && before.fault.is_some() {
        info!(source.name = name, "The source {name} can be read again");
    }
    if let Some(revision) = revision.filter(|revision| Some(*revision) != before.revision.as_ref()) {
        info!(source.name = name, source.revision = %revision, "The source {name} is at {}", revision.short());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_once_and_another_one_anew() {
        let last = Revision("r1".to_owned());
        let said = |told, fault| complaint(told, Some(&last), Some(fault));
        assert_eq!(said(None, "unsigned").as_deref(), Some("; r1 stays in force: unsigned"));
        assert_eq!(said(Some("unsigned"), "unsigned"), None);
        assert_eq!(
            said(Some("unsigned"), "no keys").as_deref(),
            Some("; r1 stays in force: no keys")
        );
        assert_eq!(complaint(Some("unsigned"), Some(&last), None), None);
    }
}
