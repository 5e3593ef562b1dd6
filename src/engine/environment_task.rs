//! Drives one environment: waits for a reason, for its turn on the target and for the look at the source that was asked for,
//! and then runs one pass. Reasons that arrive meanwhile are kept for the next.

use std::sync::Arc;
use std::time::Duration;

use driftless_core::key::{EnvironmentName, Revision};
use driftless_core::policy::{Mode, OnDrift};
use driftless_core::report::Conclusion;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::Instant;
use tracing::{Instrument as _, info_span, warn};

use super::backoff::jittered;
use super::breaker::Open;
use super::drift;
use super::driver::Shared;
use super::inbox::{Asked, Inbox, Taken};
use super::limiter::Limiter;
use super::reconcile::Environment;
use super::run::{self, DriftCheck, Ended, Retry};
use super::source_task::Looked;
use super::suspension::{self, Suspensions};
use super::{Activity, EnvironmentView};
use crate::source::TreeId;
use crate::store::{RunRecord, Trigger};

/// An environment to drive.
pub struct EnvironmentSetup {
    /// Its name.
    pub name: EnvironmentName,
    /// What a pass needs. Its `name` and `memory` are filled in by the driver.
    pub environment: Environment,
    /// The instance's name in the config.
    pub target: String,
    /// The instance's URL as it may be shown: without credentials.
    pub url: String,
    /// How long after a pass the instance is looked at again although nothing asks for it; jittered.
    pub drift_interval: Duration,
    /// What its target may be asked: the same for all environments on it.
    pub limiter: Arc<Limiter>,
}

impl EnvironmentSetup {
    pub(super) fn view(&self) -> EnvironmentView {
        let Environment {
            source,
            platform,
            folder,
            policy,
            ..
        } = &self.environment;
        EnvironmentView {
            platform: platform.schema().platform(),
            target: self.target.clone(),
            url: self.url.clone(),
            source: source.name().to_owned(),
            path: folder.clone(),
            mode: match policy.mode {
                Mode::Apply => "apply",
                Mode::Observe => "observe",
            },
            drift: match policy.drift {
                OnDrift::Correct => "correct",
                OnDrift::Report => "report",
            },
            activity: Activity::Idle,
            suspended: None,
            revision: None,
            last_run: None,
            last_success: None,
            next: None,
            kinds: Vec::new(),
            plan: None,
            drift_since: None,
            drifts: Arc::default(),
            diagnostics: Vec::new(),
            gaps: Vec::new(),
            error: None,
            circuit: None,
        }
    }
}

/// The task of one environment.
pub(super) struct EnvironmentTask {
    pub(super) name: EnvironmentName,
    pub(super) environment: Environment,
    pub(super) drift_interval: Duration,
    pub(super) inbox: Arc<Inbox>,
    pub(super) suspensions: Arc<Suspensions>,
    pub(super) looked: watch::Receiver<Looked>,
    /// Held during a pass: the target's other environments wait.
    pub(super) turn: Arc<Mutex<()>>,
    /// The target's breaker.
    pub(super) circuit: watch::Receiver<Option<Open>>,
    pub(super) shared: Arc<Shared>,
    pub(super) dues: Dues,
}

/// What is due when. Plain state: the loop asks it, and tells it how passes end.
#[derive(Debug, Default)]
pub(super) struct Dues {
    /// Whether any pass was run: the first is due at once.
    started: bool,
    /// The revision that the last pass was about, or that passed it by.
    attempted: Option<Revision>,
    /// What lay under the environment's folders when the last pass succeeded whole; nothing after any other.
    settled: Option<TreeId>,
    /// Passes in a row that did not succeed.
    failures: u32,
    retry: Option<Instant>,
    drift: Option<Instant>,
    /// When a window opens that kept the last pass from writing.
    opening: Option<Instant>,
}

impl Dues {
    /// The reason for a pass now, if there is one.
    fn reason(&self, looked: &Looked, now: Instant) -> Option<Trigger> {
        if !self.started {
            return Some(Trigger::Start);
        }
        if self.moved(looked) {
            return Some(Trigger::Revision);
        }
        if [self.retry, self.opening].into_iter().flatten().any(|due| due <= now) {
            return Some(Trigger::Retry);
        }
        self.drift.is_some_and(|due| due <= now).then_some(Trigger::Drift)
    }

    fn moved(&self, looked: &Looked) -> bool {
        looked.revision.is_some() && looked.revision != self.attempted
    }

    /// Whether a pass could find nothing that the last one has not found: it succeeded, and neither Git nor the time moved.
    fn is_idle(&self, looked: &Looked, now: Instant) -> bool {
        self.failures == 0 && self.reason(looked, now).is_none()
    }

    /// Whether the source moved without anything of this environment's: `tree` is what lies under its folders now, and the pass
    /// over the same succeeded whole.
    fn is_passed_by(&self, looked: &Looked, tree: Option<&TreeId>) -> bool {
        self.moved(looked) && tree.is_some() && tree == self.settled.as_ref()
    }

    /// When something is due without anybody's doing.
    fn next(&self) -> Option<Instant> {
        [self.retry, self.drift, self.opening].into_iter().flatten().min()
    }

    /// A pass begins. A new revision and a person start the backoff anew.
    fn begin(&mut self, looked: &Looked, trigger: &Trigger) {
        if self.moved(looked) || trigger.is_personal() {
            self.failures = 0;
        }
        self.started = true;
        self.attempted.clone_from(&looked.revision);
    }

    /// The instance answers again: a pass that waits for its retry need not wait any longer, nor the next one for as long.
    fn answers_again(&mut self, now: Instant) {
        if self.retry.is_some() {
            self.failures = 0;
            self.retry = Some(now);
        }
    }

    /// A pass ended. Without a revision there is nothing to retry until the source has one.
    fn end(&mut self, ended: &Ended, now: Instant, drift: Duration, backoff: impl Fn(u32) -> Duration) {
        self.drift = match ended.drift_check {
            DriftCheck::OnTime => self.attempted.as_ref().map(|_| now + drift),
            DriftCheck::WithRetry => None,
        };
        match ended.conclusion {
            Conclusion::Succeeded => {
                self.failures = 0;
                self.retry = None;
            }
            Conclusion::Partial | Conclusion::Failed => {
                self.failures = self.failures.saturating_add(1);
                self.retry = match ended.retry {
                    Retry::Soon => self.attempted.as_ref().map(|_| now + backoff(self.failures)),
                    Retry::Waits => None,
                };
            }
        }
    }
}

impl EnvironmentTask {
    /// Drives the environment until the process stops.
    pub(super) async fn drive(mut self) {
        self.shared.metrics.expect_environment(&self.name);
        run::recall(&self.name, &self.shared).await;
        if let Err(error) = suspension::recall(&self.name, &self.shared).await {
            // Each pass asks again, and writes nothing unless it is answered.
            warn!(env.name = %self.name, "Whether {} is suspended cannot be read: {error}", self.name);
        }
        drift::show(&self.name, &self.environment, &self.shared).await;
        while let Some(trigger) = self.reason().await {
            let Some((asked, looked, turn)) = self.begin(trigger).await else {
                break;
            };
            self.pass(asked, &looked).await;
            drop(turn);
        }
    }

    /// Waits for a reason; `None` when the process stops.
    async fn reason(&mut self) -> Option<Trigger> {
        loop {
            if self.shared.stop.is_cancelled() {
                return None;
            }
            if let Some(asked) = self.inbox.peek() {
                return Some(asked.trigger);
            }
            let looked = self.looked.borrow_and_update().clone();
            if let Some(trigger) = self.dues.reason(&looked, Instant::now()) {
                return Some(trigger);
            }
            let next = self.dues.next();
            self.announce(next);
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return None,
                () = self.inbox.rung() => {}
                () = changed(&mut self.looked) => {}
                () = closed(&mut self.circuit) => self.dues.answers_again(Instant::now()),
                () = until(next) => {}
            }
        }
    }

    /// Publishes when something is due.
    fn announce(&self, next: Option<Instant>) {
        let now = (Instant::now(), self.shared.clock.now());
        let next = next.map(|due| now.1 + due.saturating_duration_since(now.0));
        self.shared.views.environment(&self.name, |view| view.next = next);
    }

    /// Waits for the look at the source and for the target's turn; `None` when the process stops. What is asked until then
    /// joins the pass.
    async fn begin(&mut self, trigger: Trigger) -> Option<(Asked, Looked, OwnedMutexGuard<()>)> {
        loop {
            let ticket = self
                .inbox
                .peek()
                .map_or(FIRST_LOOK, |asked| asked.ticket.max(FIRST_LOOK));
            let turn = tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return None,
                turn = wait_for_turn(&mut self.looked, ticket, &self.turn) => turn?,
            };
            let looked = self.looked.borrow_and_update().clone();
            let asked = match self.inbox.take(looked.answered) {
                Taken::Request(asked) => asked,
                Taken::NotYet => continue,
                Taken::Nothing => Asked {
                    run: self.shared.mint(),
                    trigger: if self.dues.started && self.dues.moved(&looked) {
                        Trigger::Revision
                    } else {
                        trigger
                    },
                    ticket,
                },
            };
            return Some((asked, looked, turn));
        }
    }

    /// What lies under the environment's folders, as far as the source can tell.
    async fn tree(&self, looked: &Looked) -> Option<TreeId> {
        let Environment {
            source,
            folder,
            overlays,
            ..
        } = &self.environment;
        let folders: Vec<String> = std::iter::once(folder).chain(overlays).cloned().collect();
        let told = source.fingerprint(looked.revision.as_ref()?, &folders);
        tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => None,
            // A pass that tries to read it says why it cannot be.
            told = told => told.ok(),
        }
    }

    async fn pass(&mut self, asked: Asked, looked: &Looked) {
        let span = info_span!("run", env.name = %self.name, run.id = %asked.run.0);
        let tree = self.tree(looked).await;
        // Who asks in person gets a pass.
        if !asked.trigger.is_personal() && self.dues.is_passed_by(looked, tree.as_ref()) {
            self.dues.attempted.clone_from(&looked.revision);
            run::show_revision(&self.name, &self.environment, looked, &self.shared).await;
            if asked.trigger == Trigger::Revision {
                return;
            }
        }
        let idle = matches!(asked.trigger, Trigger::Webhook(_)) && self.dues.is_idle(looked, Instant::now());
        let record = RunRecord {
            id: asked.run,
            environment: self.name.clone(),
            trigger: asked.trigger,
            revision: looked.revision.clone(),
            started: self.shared.clock.now(),
            finished: None,
            conclusion: None,
            idle: false,
            message: "under way".to_owned(),
            plan: None,
            report: None,
            diagnostics: Vec::new(),
        };
        if idle {
            // The payload was only a reason to look, and the look has found nothing.
            run::record_idle(record, looked, &self.shared).instrument(span).await;
            return;
        }
        self.dues.begin(looked, &record.trigger);
        let closed = self.environment.windows.closed(record.started);
        let brake = self.suspensions.arm(&self.shared.stop);
        let ended = run::run(&self.name, &self.environment, record, looked, &brake, &self.shared)
            .instrument(span)
            .await;
        self.dues.settled = tree.filter(|_| ended.conclusion == Conclusion::Succeeded);
        let drift = jittered(self.drift_interval, fastrand::f64());
        let retry = self.shared.retry;
        self.dues.end(&ended, Instant::now(), drift, |failures| {
            retry.wait(failures, fastrand::f64())
        });
        self.dues.opening = closed.and_then(|closed| closed.opens).map(|opens| {
            let wait = opens.signed_duration_since(self.shared.clock.now());
            Instant::now() + wait.to_std().unwrap_or_default()
        });
        if ended.conclusion != Conclusion::Succeeded
            && let Some(due) = self.dues.retry
        {
            let seconds = due.saturating_duration_since(Instant::now()).as_secs();
            warn!(env.name = %self.name, retry_s = seconds, "{} is tried again in {seconds} s", self.name);
        }
    }
}

/// The number of the look with which every source task begins.
const FIRST_LOOK: u64 = 1;

async fn wait_for_turn(
    looked: &mut watch::Receiver<Looked>,
    ticket: u64,
    turn: &Arc<Mutex<()>>,
) -> Option<OwnedMutexGuard<()>> {
    looked.wait_for(|looked| looked.answered >= ticket).await.ok()?;
    Some(turn.clone().lock_owned().await)
}

/// Returns when the source says something new; never, once its task has ended.
async fn changed(looked: &mut watch::Receiver<Looked>) {
    if looked.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when the breaker closes.
async fn closed(circuit: &mut watch::Receiver<Option<Open>>) {
    loop {
        if circuit.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if circuit.borrow_and_update().is_none() {
            return;
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
