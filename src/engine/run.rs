//! One run as the daemon makes it: a pass with its record in history, its view and its metrics.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use driftless_core::diagnostic::Diagnostic;
use driftless_core::key::{Digest, EnvironmentName};
use driftless_core::render;
use driftless_core::report::{Conclusion, Meaning, Outcome, Report};
use driftless_core::snapshot::Gap;
use futures::FutureExt as _;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::apply::{Follower, Phase};
use super::audit::Origin;
use super::brake::Brake;
use super::circumstances::gather;
use super::drift::{self, Drifts};
use super::driver::Shared;
use super::reconcile::{self, Environment, PassError, Prepared};
use super::source_task::Looked;
use super::{Activity, approval, standing, suspension};
use crate::store::{RunId, RunRecord, StoreError, Trigger};

/// How a run ended.
pub(super) struct Ended {
    pub(super) conclusion: Conclusion,
    pub(super) drift_check: DriftCheck,
    pub(super) retry: Retry,
}

/// Whether what is left undone is tried again soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// After the backoff.
    Soon,
    /// It waits for a person or for its time.
    Waits,
}

/// When the instance is looked at again although nothing asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DriftCheck {
    /// At its interval.
    OnTime,
    /// With the retry: a pass is a pass, and one at the interval would send what failed again before its backoff is over.
    WithRetry,
}

/// What a pass that got as far as a plan leaves behind.
struct Passed {
    report: Report,
    diagnostics: Vec<Diagnostic>,
    gaps: Vec<String>,
    faults: usize,
    drifts: Drifts,
    /// What else the run's line says.
    remarks: Vec<String>,
}

/// Runs one pass, and writes down how it went: in history, in the view, in the metrics, and in one line of the log.
pub(super) async fn run(
    name: &EnvironmentName,
    environment: &Environment,
    mut record: RunRecord,
    looked: &Looked,
    brake: &Brake,
    shared: &Shared,
) -> Ended {
    let began = Instant::now();
    keep(&record, shared).await;
    let follower = ViewFollower::new(name, &record.id, shared);
    // A fault in an adapter must not end the environment's task: the next pass starts afresh.
    let origin = Origin {
        run: Some(record.id.clone()),
        trigger: record.trigger.clone(),
        approver: None,
        clock: shared.clock.clone(),
    };
    let pass = AssertUnwindSafe(pass(name, environment, looked, origin, brake, &follower, shared));
    let mut drift_check = DriftCheck::WithRetry;
    let mut retry = Retry::Soon;
    let (conclusion, message) = match pass.catch_unwind().await {
        Ok(Ok(passed)) => {
            if passed.report.tally().failed == 0 {
                drift_check = DriftCheck::OnTime;
            }
            if passed.report.only_waits(passed.faults) {
                retry = Retry::Waits;
            }
            finish(name, environment, passed, &mut record, shared)
        }
        Ok(Err(error)) => (conclusion_of(&error), error.to_string()),
        Err(_) => (
            Conclusion::Failed,
            "driftless itself failed in this run; its log has the place. Please report it".to_owned(),
        ),
    };
    let finished = shared.clock.now();
    record.finished = Some(finished);
    record.conclusion = Some(conclusion);
    record.message = message;
    shared.metrics.reconciled(name, conclusion, began.elapsed(), finished);
    log(name, &record, conclusion, began.elapsed());
    keep(&record, shared).await;
    show(&record, conclusion, finished, shared);
    Ended {
        conclusion,
        drift_check,
        retry,
    }
}

/// A stop is no fault of the environment's, but it is not done either.
fn conclusion_of(error: &PassError) -> Conclusion {
    match error {
        PassError::Stopped => Conclusion::Partial,
        PassError::Source { .. } | PassError::Variables(_) | PassError::Instance { .. } | PassError::Store(_) => {
            Conclusion::Failed
        }
    }
}

async fn pass(
    name: &EnvironmentName,
    environment: &Environment,
    looked: &Looked,
    mut origin: Origin,
    brake: &Brake,
    follower: &dyn Follower,
    shared: &Shared,
) -> Result<Passed, PassError> {
    let began = shared.clock.now();
    let approval = approval::recall(environment).await.map_err(PassError::Store)?;
    let prepare = async {
        match &looked.revision {
            Some(revision) => {
                if suspension::recall(name, shared)
                    .await
                    .map_err(PassError::Store)?
                    .is_some()
                {
                    // Whatever the plan says: nothing is begun.
                    brake.pull();
                }
                let approved = approval.as_ref().map(|approval| Digest(approval.digest.clone()));
                let circumstances = gather(environment, Some(revision), began, approved).await?;
                reconcile::prepare(environment, Some(revision), &circumstances, follower).await
            }
            None => Err(unread(environment, looked)),
        }
    };
    // Reading can be dropped at any point; what is being written cannot.
    let prepared = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return Err(PassError::Stopped),
        prepared = prepare => prepared?,
    };
    show_revision(name, environment, looked, shared).await;
    let faults = prepared.faults();
    let diagnostics = prepared.diagnostics.clone();
    let gaps = gaps(&prepared);
    let hidden = prepared.gaps.clone();
    let mut remarks = Vec::new();
    if let (Some(approval), Some(memory)) = (&approval, &environment.memory) {
        let used = approval::take(approval, &prepared.plan, brake, memory).await;
        let used = used.map_err(PassError::Store)?;
        origin.approver = used.approver(approval);
        remarks.push(used.words(approval));
    }
    let report = reconcile::carry_out(environment, prepared, &origin, &shared.limits, brake.clone(), follower).await?;
    let drifts = remember_drift(environment, &report, &hidden, began).await;
    Ok(Passed {
        report,
        diagnostics,
        gaps,
        faults,
        drifts,
        remarks,
    })
}

/// Adds what the pass found to the history of drift. History is not worth a pass: what it cannot keep is said.
async fn remember_drift(environment: &Environment, report: &Report, gaps: &[Gap], began: DateTime<Utc>) -> Drifts {
    let Some(memory) = &environment.memory else {
        return Drifts::new();
    };
    let kept = async {
        let mut drifts = drift::recall(memory, environment.platform.schema()).await?;
        let changed = drift::note(&mut drifts, report, gaps, began);
        if !changed.is_empty() {
            memory.store.put_drifts(&memory.name, &changed).await?;
        }
        Ok::<_, StoreError>(drifts)
    };
    kept.await.unwrap_or_else(|error| {
        warn!(env.name = %memory.name, "The history of drift is not kept: {error}");
        Drifts::new()
    })
}

fn unread(environment: &Environment, looked: &Looked) -> PassError {
    PassError::Source {
        name: environment.source.name().to_owned(),
        error: crate::source::SourceError {
            kind: crate::source::SourceFault::Unreachable,
            message: looked
                .fault
                .clone()
                .unwrap_or_else(|| "nothing of it is known yet".to_owned()),
        },
    }
}

/// Shows the revision as the environment's: one that a pass has read, or that changed nothing of it.
pub(super) async fn show_revision(name: &EnvironmentName, environment: &Environment, looked: &Looked, shared: &Shared) {
    let Some(revision) = &looked.revision else { return };
    shared.metrics.revision(name, revision);
    shared
        .views
        .environment(name, |view| view.revision = Some(revision.clone()));
    // Before it was read, the source may have known no more of it than its id.
    if let Some(commit) = environment.source.describe(revision).await {
        shared.views.source(environment.source.name(), |view| {
            if view.revision.as_ref() == Some(revision) {
                view.commit = Some(commit);
            }
        });
    }
}

fn gaps(prepared: &Prepared) -> Vec<String> {
    let gaps = prepared.gaps.iter();
    gaps.map(|gap| match &gap.below {
        Some(parent) => format!("{} below {parent}: {}", gap.kind, gap.message),
        None => format!("{}: {}", gap.kind, gap.message),
    })
    .collect()
}

/// Writes what a pass found into its record, the view and the metrics.
fn finish(
    name: &EnvironmentName,
    environment: &Environment,
    passed: Passed,
    record: &mut RunRecord,
    shared: &Shared,
) -> (Conclusion, String) {
    let Passed {
        report,
        diagnostics,
        gaps,
        faults,
        drifts,
        remarks,
    } = passed;
    let conclusion = report.conclusion(faults);
    let kinds = standing::kinds(&report, environment.platform.schema());
    let line = standing::line(&report, &kinds, faults.saturating_sub(gaps.len()), gaps.len());
    let message = std::iter::once(line).chain(remarks).collect::<Vec<_>>().join("; ");
    record.plan = Some(render::plan_json(&report.plan));
    record.report = Some(render::report_json(&report));
    record.diagnostics = diagnostics.iter().map(ToString::to_string).collect();
    for view in &kinds {
        shared.metrics.resources(name, view.kind, &view.states);
    }
    for outcome in &report.outcomes {
        shared.metrics.change(name, outcome);
    }
    for blocked in &report.plan.blocked {
        shared.metrics.blocked(name, blocked.reason);
    }
    let since = drift::since(&drifts);
    let wrote = !report.outcomes.is_empty();
    let plan = Arc::new(report.plan);
    let shown = drift::shown(&drifts, &plan);
    shared.views.environment(name, |view| {
        record.idle = !wrote
            && is_routine(&record.trigger)
            && view
                .last_run
                .as_ref()
                .is_some_and(|last| last.revision == record.revision)
            && view.plan.as_ref().is_some_and(|last| {
                last.reported == plan.reported && last.held == plan.held && last.blocked == plan.blocked
            })
            && view.kinds == kinds
            && view.diagnostics == diagnostics
            && view.gaps == gaps;
        view.drift_since = since;
        view.drifts = shown;
        view.kinds = kinds;
        view.plan = Some(plan);
        view.diagnostics = diagnostics;
        view.gaps = gaps;
    });
    shared.metrics.drift_since(name, since);
    (conclusion, message)
}

/// Whether nobody asked for it: what a person or a commit started is worth its line, whatever it found.
fn is_routine(trigger: &Trigger) -> bool {
    match trigger {
        Trigger::Drift | Trigger::Retry => true,
        Trigger::Start
        | Trigger::Revision
        | Trigger::Webhook(_)
        | Trigger::Manual
        | Trigger::Approval
        | Trigger::Resume => false,
    }
}

fn show(record: &RunRecord, conclusion: Conclusion, finished: DateTime<Utc>, shared: &Shared) {
    shared.views.environment(&record.environment, |view| {
        view.activity = Activity::Idle;
        view.error = record.plan.is_none().then(|| record.message.clone());
        if conclusion == Conclusion::Succeeded {
            view.last_success = Some(finished);
        }
        view.last_run = Some(RunRecord {
            plan: None,
            report: None,
            ..record.clone()
        });
    });
}

/// Records a run that was asked for and for which there was nothing to do: the platform is not asked anything.
pub(super) async fn record_idle(mut record: RunRecord, looked: &Looked, shared: &Shared) {
    let revision = record.revision.as_ref().map_or("", |revision| revision.short());
    let (conclusion, message) = match &looked.fault {
        None => (
            Conclusion::Succeeded,
            format!("nothing moved: {revision} is in place, and the drift check is not due"),
        ),
        Some(fault) => (
            Conclusion::Failed,
            format!("the source could not be looked at, {revision} stays in force: {fault}"),
        ),
    };
    record.message = message;
    record.finished = Some(shared.clock.now());
    record.conclusion = Some(conclusion);
    record.idle = conclusion == Conclusion::Succeeded;
    keep(&record, shared).await;
    let name = record.environment.clone();
    shared
        .metrics
        .reconciled(&name, conclusion, Duration::ZERO, record.started);
    shared.views.environment(&name, |view| view.last_run = Some(record));
}

/// Brings back what an earlier process left in history, and closes the runs that it died in.
pub(super) async fn recall(name: &EnvironmentName, shared: &Shared) {
    let runs = match shared.store.runs(Some(name), RECALLED).await {
        Ok(runs) => runs,
        Err(error) => {
            warn!(env.name = %name, "The history of {name} cannot be read: {error}");
            return;
        }
    };
    for run in runs.iter().filter(|run| run.finished.is_none()) {
        let cut_off = RunRecord {
            finished: Some(shared.clock.now()),
            conclusion: Some(Conclusion::Partial),
            message: "cut off: the process ended before this run did".to_owned(),
            ..run.clone()
        };
        keep(&cut_off, shared).await;
    }
    let success = runs
        .iter()
        .find(|run| run.conclusion == Some(Conclusion::Succeeded))
        .and_then(|run| run.finished);
    if let Some(at) = success {
        shared.metrics.last_success(name, at);
    }
    shared.views.environment(name, |view| {
        view.last_success = success;
        view.last_run = runs.into_iter().find(|run| run.finished.is_some());
    });
}

/// Runs that are looked through for the last success and for what was cut off: an hour of the densest drift checks.
const RECALLED: usize = 100;

/// History is not worth a pass: what it cannot keep is said, and the pass goes on. (The ledger is another matter: without
/// it nothing is written.)
async fn keep(record: &RunRecord, shared: &Shared) {
    if let Err(error) = shared.store.put_run(record).await {
        warn!(env.name = %record.environment, run.id = %record.id.0, "The run {} is not in history: {error}", record.id.0);
    }
}

fn log(name: &EnvironmentName, record: &RunRecord, conclusion: Conclusion, took: Duration) {
    let elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let (trigger, outcome, message) = (record.trigger.text(), conclusion.word(), &record.message);
    match conclusion {
        Conclusion::Succeeded if record.plan.is_none() => debug!(elapsed_ms, "{name}: {message}"),
        Conclusion::Succeeded => info!(
            run.trigger = trigger,
            run.outcome = outcome,
            elapsed_ms,
            "{name}: {message}"
        ),
        Conclusion::Partial => warn!(
            run.trigger = trigger,
            run.outcome = outcome,
            elapsed_ms,
            "{name} in part: {message}"
        ),
        Conclusion::Failed => error!(
            run.trigger = trigger,
            run.outcome = outcome,
            elapsed_ms,
            "{name} failed: {message}"
        ),
    }
}

/// Publishes a pass's progress, and counts its retries.
struct ViewFollower<'a> {
    name: &'a EnvironmentName,
    run: &'a RunId,
    shared: &'a Shared,
    at: Mutex<(Phase, Option<Instant>)>,
}

/// Pages are told of progress this often at most: each telling copies the overview.
const TELLING: Duration = Duration::from_millis(100);

impl<'a> ViewFollower<'a> {
    fn new(name: &'a EnvironmentName, run: &'a RunId, shared: &'a Shared) -> Self {
        Self {
            name,
            run,
            shared,
            at: Mutex::new((Phase::Reading, None)),
        }
    }

    fn publish(&self, phase: Phase, progress: (usize, usize)) {
        self.shared.views.environment(self.name, |view| {
            view.next = None;
            view.activity = Activity::Running {
                run: self.run.clone(),
                phase: phase.word(),
                progress,
            };
        });
    }
}

impl Follower for ViewFollower<'_> {
    fn phase(&self, phase: Phase) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = (phase, None);
        self.publish(phase, (0, 0));
    }

    fn step(&self, done: usize, of: usize, _: &Outcome) {
        let now = Instant::now();
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let told = at.1.is_some_and(|last| now.saturating_duration_since(last) < TELLING);
        if !told || done == of {
            at.1 = Some(now);
            let phase = at.0;
            drop(at);
            self.publish(phase, (done, of));
        }
    }

    fn retry(&self, meaning: Meaning) {
        self.shared.metrics.api_retry(self.name, meaning.word());
    }
}
