//! What each page says, worked out before a template sees it. Pure: the overview, history and the time go in.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use driftless_core::diagnostic::Diagnostic;
use driftless_core::key::{EnvironmentName, Revision};
use driftless_core::render;
use serde::Serialize;
use serde_json::Value as Json;

use super::changes::{self, PlanRows};
use super::runs::{RunRow, run_row, run_rows};
use super::when::{When, span};
use crate::engine::{Activity, EnvironmentView, KindView, Overview, SourceView};
use crate::server::api::document;
use crate::server::standing::{Standing, faults, totals};
use crate::source::Commit;
use crate::store::RunRecord;
use crate::store::drifts::DriftRecord;

/// A word for the style sheet and the text for people.
#[derive(Serialize)]
pub(super) struct Chip {
    pub(super) word: String,
    pub(super) text: String,
}

impl From<Standing> for Chip {
    fn from(standing: Standing) -> Self {
        Self {
            word: standing.word().to_owned(),
            text: standing.text().to_owned(),
        }
    }
}

/// `GET /`.
#[derive(Serialize)]
pub(super) struct OverviewPage {
    calm: bool,
    headline: String,
    environments: Vec<EnvironmentRow>,
    attention: Vec<Attention>,
    sources: Vec<SourceRow>,
    runs: Vec<RunRow>,
}

/// Why somebody should look at an environment.
#[derive(Serialize)]
struct Attention {
    name: String,
    standing: Chip,
    reasons: Vec<String>,
}

/// One environment in the table.
#[derive(Serialize)]
struct EnvironmentRow {
    name: String,
    standing: Chip,
    platform: &'static str,
    target: String,
    mode: &'static str,
    activity: Option<String>,
    suspended: Option<SuspendedRow>,
    revision: Option<RevisionRow>,
    last_success: Option<When>,
    next: Option<When>,
    kinds: Vec<KindRow>,
}

/// That somebody asked that nothing be written.
#[derive(Serialize)]
struct SuspendedRow {
    reason: String,
    by: Option<String>,
    since: When,
}

/// A commit.
#[derive(Serialize)]
pub(super) struct RevisionRow {
    id: String,
    short: String,
    subject: Option<String>,
    author: Option<String>,
    time: Option<When>,
}

/// One kind of one environment.
#[derive(Serialize)]
struct KindRow {
    kind: &'static str,
    /// In the order of the table's columns.
    counts: Vec<(&'static str, usize)>,
}

/// One source.
#[derive(Serialize)]
struct SourceRow {
    name: String,
    url: String,
    reference: String,
    revision: Option<RevisionRow>,
    reached: Option<When>,
    tried: bool,
    stale: Option<String>,
}

/// `GET /environments/{name}`.
#[derive(Serialize)]
pub(super) struct EnvironmentPage {
    row: EnvironmentRow,
    reasons: Vec<String>,
    url: String,
    source: String,
    path: String,
    drift: &'static str,
    drift_since: Option<When>,
    error: Option<String>,
    circuit: Option<String>,
    diagnostics: Vec<DiagnosticRow>,
    gaps: Vec<String>,
    plan: Option<PlanRows>,
    /// The run of that plan: what an approval names.
    approve: Option<String>,
    runs: Vec<RunRow>,
}

/// A page, and whether it may have forms.
#[derive(Serialize)]
pub(super) struct WithForms<T> {
    /// The page.
    #[serde(flatten)]
    pub(super) page: T,
    /// Whether it may have forms.
    pub(super) forms: bool,
}

/// One fault of a file.
#[derive(Serialize)]
struct DiagnosticRow {
    severity: &'static str,
    code: &'static str,
    place: Option<String>,
    message: String,
    help: Option<String>,
    excerpt: Option<String>,
}

/// `GET /runs/{id}`.
#[derive(Serialize)]
pub(super) struct RunPage {
    run: RunRow,
    finished: Option<When>,
    known: bool,
    activity: Option<String>,
    tally: Vec<String>,
    diagnostics: Vec<String>,
    plan: Option<PlanRows>,
}

/// A page that could not be shown.
#[derive(Serialize)]
pub(super) struct Failed<'a> {
    /// The status in words.
    pub(super) title: &'a str,
    /// What is wrong and what to do.
    pub(super) detail: &'a str,
}

/// The overview.
pub(super) fn overview(overview: &Overview, runs: &[RunRecord], now: DateTime<Utc>) -> OverviewPage {
    let mut environments: Vec<(Standing, &EnvironmentName, &EnvironmentView)> = overview
        .environments
        .iter()
        .map(|(name, view)| (Standing::of(view, overview.sources.get(&view.source)), name, view))
        .collect();
    environments.sort_by_key(|(standing, name, _)| (*standing, *name));
    let attention: Vec<Attention> = environments
        .iter()
        .filter(|(standing, ..)| standing.needs_attention())
        .map(|(standing, name, view)| Attention {
            name: name.0.clone(),
            standing: (*standing).into(),
            reasons: reasons(view, overview.sources.get(&view.source), now)
                .into_iter()
                .chain(circuit_text(view, now))
                .collect(),
        })
        .collect();
    let waiting = environments
        .iter()
        .filter(|(standing, ..)| *standing == Standing::Waiting)
        .count();
    OverviewPage {
        calm: attention.is_empty(),
        headline: headline(environments.len(), attention.len(), waiting),
        attention,
        environments: environments
            .iter()
            .map(|(_, name, view)| environment_row(name, view, overview, now))
            .collect(),
        sources: overview
            .sources
            .iter()
            .map(|(name, source)| source_row(name, source, now))
            .collect(),
        runs: run_rows(runs, overview, now),
    }
}

/// One environment; `last` is its last run, whole.
pub(super) fn environment(
    name: &EnvironmentName,
    view: &EnvironmentView,
    overview: &Overview,
    history: (&[RunRecord], Option<&RunRecord>),
    now: DateTime<Utc>,
) -> EnvironmentPage {
    let (runs, last) = history;
    let report = document(last.and_then(|run| run.report.as_deref()));
    let mut plan = view.plan.as_ref().and_then(|plan| {
        let places = plan
            .changes()
            .filter_map(|change| Some((change.key.to_string(), change.place.as_ref()?.to_string())))
            .collect();
        changes::rows(&document(Some(&render::plan_json(plan))), &report, &places)
    });
    if let Some(plan) = &mut plan {
        let histories = view.drifts.iter();
        plan.remember(
            histories
                .map(|(key, record)| (key.to_string(), history_text(record, now)))
                .collect(),
        );
    }
    let of_plan = last.filter(|_| {
        plan.as_ref()
            .is_some_and(|plan| report["digest"].as_str() == Some(&plan.digest))
    });
    EnvironmentPage {
        approve: of_plan.map(|run| run.id.0.clone()),
        row: environment_row(name, view, overview, now),
        reasons: reasons(view, overview.sources.get(&view.source), now),
        url: view.url.clone(),
        source: view.source.clone(),
        path: view.path.clone(),
        drift: view.drift,
        drift_since: view.drift_since.map(|since| When::at(since, now)),
        error: view.error.clone(),
        circuit: circuit_text(view, now),
        diagnostics: view.diagnostics.iter().map(diagnostic_row).collect(),
        gaps: view.gaps.clone(),
        plan,
        runs: run_rows(runs, overview, now),
    }
}

/// One run, whole.
pub(super) fn run(run: &RunRecord, overview: &Overview, now: DateTime<Utc>) -> RunPage {
    let report = document(run.report.as_deref());
    let view = overview.environments.get(&run.environment);
    let activity = view.filter(|view| match &view.activity {
        Activity::Running { run: under_way, .. } => *under_way == run.id,
        Activity::Idle => false,
    });
    RunPage {
        run: run_row(run, overview, now),
        finished: run.finished.map(|finished| When::at(finished, now)),
        known: view.is_some(),
        activity: activity.and_then(|view| activity_text(&view.activity)),
        tally: tally(&report["summary"]),
        diagnostics: run.diagnostics.clone(),
        plan: changes::rows(&document(run.plan.as_deref()), &report, &BTreeMap::new()),
    }
}

fn headline(all: usize, attention: usize, waiting: usize) -> String {
    match (all, attention, waiting) {
        (0, ..) => "No environments yet".to_owned(),
        (1, 0, 0) => "The environment is in sync".to_owned(),
        (all, 0, 0) => format!("All {all} environments are in sync"),
        (all, 0, waiting) => format!(
            "{} of {all} environments are in sync, {waiting} waiting for the first run",
            all - waiting
        ),
        (1, 1, _) => "The environment needs attention".to_owned(),
        (all, 1, _) => format!("1 of {all} environments needs attention"),
        (all, attention, _) => format!("{attention} of {all} environments need attention"),
    }
}

/// Every reason to look at an environment, one clause each.
fn reasons(view: &EnvironmentView, source: Option<&SourceView>, now: DateTime<Utc>) -> Vec<String> {
    let total = totals(view);
    let states = total.states;
    let drift = match view.drift_since {
        Some(since) => format!("changed by hand (for {})", span(now - since)),
        None => "changed by hand".to_owned(),
    };
    let counted = [
        (total.failed, "failed".to_owned()),
        (states.conflict, "changed both in Git and by hand".to_owned()),
        (states.blocked, "blocked".to_owned()),
        (states.drift, drift),
        // What failed is not applied either: said once.
        (
            states.pending.saturating_sub(total.failed),
            "not applied yet".to_owned(),
        ),
        (faults(view), plural(faults(view), "fault in files", "faults in files")),
        (
            view.gaps.len(),
            plural(view.gaps.len(), "part not read whole", "parts not read whole"),
        ),
    ];
    let stale = source
        .and_then(|source| source.stale.as_ref())
        .map(|stale| format!("source {} is {}", view.source, stale_text(stale, now)));
    view.error
        .clone()
        .into_iter()
        .chain(
            counted
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}")),
        )
        .chain(stale)
        .collect()
}

/// `first seen 3 h ago, seen 18 times, put back 5 times, last edited: …`.
fn history_text(record: &DriftRecord, now: DateTime<Utc>) -> String {
    let times = |count: u32| match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    let mut text = format!(
        "first seen {}, seen {}",
        When::at(record.first_seen, now).text,
        times(record.seen)
    );
    if record.corrected > 0 {
        text += &format!(", put back {}", times(record.corrected));
    }
    if let Some(edited) = &record.edited {
        text += &format!(", last edited: {edited}");
    }
    text
}

fn plural(count: usize, one: &str, many: &str) -> String {
    if count == 1 { one } else { many }.to_owned()
}

fn stale_text((since, why): &(DateTime<Utc>, String), now: DateTime<Utc>) -> String {
    format!("stale for {}: {why}", span(now - *since))
}

/// That the circuit breaker of the target is open.
fn circuit_text(view: &EnvironmentView, now: DateTime<Utc>) -> Option<String> {
    let circuit = view.circuit.as_ref()?;
    Some(format!(
        "target {} does not answer for {}, and is sent nothing but probes; the next one {}: {}",
        view.target,
        span(now - circuit.since),
        When::due(circuit.next, now).text,
        circuit.failure
    ))
}

fn environment_row(
    name: &EnvironmentName,
    view: &EnvironmentView,
    overview: &Overview,
    now: DateTime<Utc>,
) -> EnvironmentRow {
    let source = overview.sources.get(&view.source);
    EnvironmentRow {
        name: name.0.clone(),
        standing: Standing::of(view, source).into(),
        platform: view.platform,
        target: view.target.clone(),
        mode: view.mode,
        activity: activity_text(&view.activity),
        suspended: view.suspended.as_ref().map(|suspension| SuspendedRow {
            reason: suspension.reason.clone(),
            by: suspension.by.clone(),
            since: When::at(suspension.since, now),
        }),
        revision: view
            .revision
            .as_ref()
            .map(|revision| revision_row(revision, source, now)),
        last_success: view.last_success.map(|time| When::at(time, now)),
        next: view.next.map(|time| When::due(time, now)),
        kinds: view.kinds.iter().map(kind_row).collect(),
    }
}

fn activity_text(activity: &Activity) -> Option<String> {
    match activity {
        Activity::Idle => None,
        Activity::Running {
            phase,
            progress: (_, 0),
            ..
        } => Some((*phase).to_owned()),
        Activity::Running {
            phase,
            progress: (done, of),
            ..
        } => Some(format!("{phase} {done} of {of}")),
    }
}

/// The columns of the table of kinds are in this order.
fn kind_row(view: &KindView) -> KindRow {
    let states = view.states;
    KindRow {
        kind: view.kind.0,
        counts: vec![
            ("in_sync", states.in_sync),
            ("pending", states.pending),
            ("drift", states.drift),
            ("conflict", states.conflict),
            ("failed", view.failed),
            ("blocked", states.blocked),
            ("orphaned", states.orphaned),
            ("unmanaged", states.unmanaged),
        ],
    }
}

/// A revision, with what its commit says where the source stands at it.
pub(super) fn revision_row(revision: &Revision, source: Option<&SourceView>, now: DateTime<Utc>) -> RevisionRow {
    let commit: Option<&Commit> = source
        .filter(|source| source.revision.as_ref() == Some(revision))
        .and_then(|source| source.commit.as_ref());
    RevisionRow {
        id: revision.0.clone(),
        short: revision.short().to_owned(),
        subject: commit.map(|commit| commit.subject.clone()),
        author: commit.map(|commit| commit.author.clone()),
        time: commit
            .and_then(|commit| DateTime::from_timestamp(commit.time, 0))
            .map(|time| When::at(time, now)),
    }
}

fn source_row(name: &str, source: &SourceView, now: DateTime<Utc>) -> SourceRow {
    SourceRow {
        name: name.to_owned(),
        url: source.url.clone(),
        reference: source.reference.words(source.chosen.as_deref()),
        revision: source
            .revision
            .as_ref()
            .map(|revision| revision_row(revision, Some(source), now)),
        reached: source.reached.map(|time| When::at(time, now)),
        tried: source.tried,
        stale: source.stale.as_ref().map(|stale| stale_text(stale, now)),
    }
}

fn diagnostic_row(diagnostic: &Diagnostic) -> DiagnosticRow {
    DiagnosticRow {
        severity: diagnostic.severity.word(),
        code: diagnostic.code,
        place: diagnostic.place.as_ref().map(ToString::to_string),
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone(),
        excerpt: diagnostic.excerpt.clone(),
    }
}

fn tally(summary: &Json) -> Vec<String> {
    [
        "created",
        "updated",
        "replaced",
        "deleted",
        "failed",
        "skipped",
        "unchanged",
    ]
    .iter()
    .filter_map(|name| Some((summary[*name].as_u64().filter(|count| *count > 0)?, name)))
    .map(|(count, name)| format!("{count} {name}"))
    .collect()
}
