//! The JSON API under `/api/v1`: reads of the overview and of history, and the one request that asks for a pass.

use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use driftless_core::diagnostic::Diagnostic;
use driftless_core::key::EnvironmentName;
use driftless_core::plan::{Change, FieldChange, Plan, States};
use driftless_core::render;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::Shared;
use super::problem::{Problem, Segment};
use super::standing::{Standing, totals};
use crate::codec;
use crate::engine::{Activity, EnvironmentView, KindView, Overview, SourceView};
use crate::source::reference::Reference;
use crate::store::drifts::DriftRecord;
use crate::store::facts::Suspension;
use crate::store::{RunId, RunRecord, Trigger};

/// How many runs a list holds unless it is asked for another number, and at most.
const RUNS: (usize, usize) = (20, 200);

/// `GET /api/openapi.json`.
pub(super) async fn openapi() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        include_str!("openapi.json"),
    )
}

/// `GET /api/v1/environments`.
pub(super) async fn environments(State(shell): Shared) -> impl IntoResponse {
    let overview = shell.app.control.overview().borrow().clone();
    let environments: Vec<Json> = overview
        .environments
        .iter()
        .map(|(name, view)| environment_json(name, view, &overview))
        .collect();
    let sources: Vec<Json> = overview
        .sources
        .iter()
        .map(|(name, source)| source_json(name, source))
        .collect();
    axum::Json(json!({"environments": environments, "sources": sources}))
}

/// `GET /api/v1/environments/{name}`.
pub(super) async fn environment(State(shell): Shared, Segment(name): Segment) -> Result<impl IntoResponse, Problem> {
    let overview = shell.app.control.overview().borrow().clone();
    Ok(axum::Json(one_environment(&overview, name)?))
}

/// One environment, whole.
///
/// # Errors
/// When there is none of that name.
pub(super) fn one_environment(overview: &Overview, name: String) -> Result<Json, Problem> {
    let (name, view) = find(overview, name)?;
    let mut json = environment_json(&name, view, overview);
    json["diagnostics"] = view.diagnostics.iter().map(diagnostic_json).collect();
    json["gaps"] = view.gaps.iter().map(String::as_str).collect();
    Ok(json)
}

/// `GET /api/v1/environments/{name}/plan`: the plan of the last pass, in the form of the command line's.
pub(super) async fn plan(State(shell): Shared, Segment(name): Segment) -> Result<impl IntoResponse, Problem> {
    let overview = shell.app.control.overview().borrow().clone();
    let (_, view) = find(&overview, name)?;
    let plan = view.plan.as_ref().ok_or_else(no_plan)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], render::plan_json(plan)))
}

/// `GET /api/v1/environments/{name}/drift`: what was changed by hand, field by field, and what became of it.
pub(super) async fn drift(State(shell): Shared, Segment(name): Segment) -> Result<impl IntoResponse, Problem> {
    let overview = shell.app.control.overview().borrow().clone();
    let (name, view) = find(&overview, name)?;
    let plan = view.plan.as_ref().ok_or_else(no_plan)?;
    let results = match &view.last_run {
        Some(run) => results(run, plan, shell.app.store.run(&run.id).await?),
        None => BTreeMap::new(),
    };
    let steps = plan.steps.iter().filter(|step| step.change.has_drift()).map(|step| {
        let step_of = (step.change.key.to_string(), step.change.action.word().to_owned());
        let result = results.get(&step_of).map_or("planned", String::as_str);
        (
            &step.change,
            if result == "applied" { "corrected" } else { result }.to_owned(),
        )
    });
    let resources: Vec<(&Change, String)> = steps
        .chain(untouched(&plan.held, "held"))
        .chain(untouched(&plan.reported, "reported"))
        .collect();
    let open = resources.iter().filter(|(_, handling)| handling != "corrected").count();
    Ok(axum::Json(json!({
        "environment": name.0,
        "platform": view.platform,
        "revision": plan.revision.as_ref().map(|revision| &revision.0),
        "since": view.drift_since.map(instant),
        "open": open,
        "resources": resources.iter().map(|(change, handling)| drift_json(change, handling, view.drifts.get(&change.key))).collect::<Vec<_>>(),
    })))
}

/// `POST /api/v1/environments/{name}/reconcile`.
pub(super) async fn reconcile(
    State(shell): Shared,
    Segment(name): Segment,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    shell.app.access.admit(&headers)?;
    let environment = EnvironmentName(name);
    let run = shell
        .app
        .control
        .trigger(&environment, Trigger::Manual)
        .map_err(|unknown| Problem::unknown_environment(&unknown.0.0))?;
    let location = format!("/api/v1/runs/{}", encode(&run.0));
    let body = json!({"environment": environment.0, "run": run.0});
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(body)).into_response())
}

/// What a list of runs is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    environment: Option<String>,
    limit: Option<usize>,
}

/// What a list's query says.
pub(super) fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let read = query.map(|Query(filter)| filter);
    read.map_err(|rejection| bad_query(format!("{}.", rejection.body_text())))
}

/// How many a list is asked to hold.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(RUNS.0);
    match (1..=RUNS.1).contains(&limit) {
        true => Ok(limit),
        false => Err(bad_query(format!("`limit` must lie between 1 and {}.", RUNS.1))),
    }
}

fn bad_query(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-query", detail)
}

/// `GET /api/v1/runs`.
pub(super) async fn runs(
    State(shell): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let filter = asked(filter)?;
    let limit = limit(filter.limit)?;
    let environment = filter.environment.map(EnvironmentName);
    let runs = shell.app.store.runs(environment.as_ref(), limit).await?;
    Ok(axum::Json(
        json!({"runs": runs.iter().map(run_json).collect::<Vec<_>>()}),
    ))
}

/// `GET /api/v1/runs/{id}`.
pub(super) async fn run(State(shell): Shared, Segment(id): Segment) -> Result<impl IntoResponse, Problem> {
    let run = shell.app.store.run(&RunId(id.clone())).await?;
    let run = run.ok_or_else(|| Problem::unknown_run(&id))?;
    let mut json = run_json(&run);
    json["plan"] = document(run.plan.as_deref());
    json["report"] = document(run.report.as_deref());
    Ok(axum::Json(json))
}

fn find(overview: &Overview, name: String) -> Result<(EnvironmentName, &EnvironmentView), Problem> {
    let name = EnvironmentName(name);
    match overview.environments.get(&name) {
        Some(view) => Ok((name, view)),
        None => Err(Problem::unknown_environment(&name.0)),
    }
}

fn no_plan() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-plan",
        "No pass has made a plan yet; the environment's `error` says why, or its first pass is still under way.",
    )
}

/// An instant as the API writes it: UTC, ISO 8601, whole seconds.
pub(super) fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A text as one segment of a path.
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A document that history keeps as text.
pub(super) fn document(text: Option<&str>) -> Json {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Json::Null)
}

/// What became of the steps of `plan` in its run, by key and action (a key may also have an operation); empty where the run is
/// of another plan.
fn results(shown: &RunRecord, plan: &Plan, stored: Option<RunRecord>) -> BTreeMap<(String, String), String> {
    let report = stored.and_then(|run| run.report).or_else(|| shown.report.clone());
    let report = document(report.as_deref());
    if report["digest"].as_str() != Some(&plan.digest.0) {
        return BTreeMap::new();
    }
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let outcomes = report["outcomes"].as_array().map_or(&[][..], Vec::as_slice);
    outcomes
        .iter()
        .filter_map(|outcome| {
            let step = (text(&outcome["key"])?, text(&outcome["action"])?);
            Some((step, text(&outcome["result"])?))
        })
        .collect()
}

fn untouched<'a>(changes: &'a [Change], handling: &'a str) -> impl Iterator<Item = (&'a Change, String)> {
    let drifted = changes.iter().filter(|change| change.has_drift());
    drifted.map(move |change| (change, handling.to_owned()))
}

fn drift_json(change: &Change, handling: &str, history: Option<&DriftRecord>) -> Json {
    let edited = change.edited.as_ref().or_else(|| history?.edited.as_ref());
    json!({
        "kind": change.key.kind.0,
        "key": change.key.to_string(),
        "class": change.class.word(),
        "action": change.action.word(),
        "handling": handling,
        "first_seen": history.map(|record| instant(record.first_seen)),
        "since": history.and_then(|record| record.open_since).map(instant),
        "seen": history.map_or(0, |record| record.seen),
        "corrected": history.map_or(0, |record| record.corrected),
        "stopped": history.and_then(|record| record.stopped).map(instant),
        "edited": edited,
        "place": change.place.as_ref().map(ToString::to_string),
        "fields": change.fields.iter().map(field_json).collect::<Vec<_>>(),
    })
}

fn field_json(field: &FieldChange) -> Json {
    let mut json = json!({"path": field.path.to_string(), "class": field.class.word()});
    // An absent field is left out, so that it differs from one that is null.
    if let Some(before) = &field.before {
        json["before"] = codec::shown(before);
    }
    if let Some(after) = &field.after {
        json["after"] = codec::shown(after);
    }
    json
}

fn environment_json(name: &EnvironmentName, view: &EnvironmentView, overview: &Overview) -> Json {
    let total = totals(view);
    json!({
        "name": name.0,
        "standing": Standing::of(view, overview.sources.get(&view.source)).word(),
        "platform": view.platform,
        "target": view.target,
        "url": view.url,
        "source": view.source,
        "path": view.path,
        "mode": view.mode,
        "drift_policy": view.drift,
        "activity": activity_json(&view.activity),
        "suspended": view.suspended.as_ref().map(suspension_json),
        "revision": view.revision.as_ref().map(|revision| &revision.0),
        "last_run": view.last_run.as_ref().map(run_json),
        "last_success": view.last_success.map(instant),
        "next": view.next.map(instant),
        "drift_since": view.drift_since.map(instant),
        "error": view.error,
        "circuit": view.circuit.as_ref().map(|circuit| json!({
            "since": instant(circuit.since),
            "next_probe": instant(circuit.next),
            "failure": circuit.failure,
        })),
        "totals": states_json(&total.states, total.failed),
        "kinds": view.kinds.iter().map(kind_json).collect::<Vec<_>>(),
    })
}

fn suspension_json(suspension: &Suspension) -> Json {
    json!({"reason": suspension.reason, "by": suspension.by, "since": instant(suspension.since)})
}

fn activity_json(activity: &Activity) -> Json {
    match activity {
        Activity::Idle => json!({"state": "idle"}),
        Activity::Running { run, phase, progress } => {
            json!({"state": "running", "run": run.0, "phase": phase, "done": progress.0, "of": progress.1})
        }
    }
}

fn kind_json(view: &KindView) -> Json {
    let mut json = json!({"kind": view.kind.0});
    if let (Json::Object(json), Json::Object(states)) = (&mut json, states_json(&view.states, view.failed)) {
        json.extend(states);
    }
    json
}

fn states_json(states: &States, failed: usize) -> Json {
    json!({
        "in_sync": states.in_sync,
        "pending": states.pending,
        "drift": states.drift,
        "conflict": states.conflict,
        "failed": failed,
        "blocked": states.blocked,
        "orphaned": states.orphaned,
        "unmanaged": states.unmanaged,
    })
}

fn source_json(name: &str, source: &SourceView) -> Json {
    json!({
        "name": name,
        "url": source.url,
        "ref": match &source.reference {
            Reference::Branch(name) => name.clone(),
            other => other.words(source.chosen.as_deref()),
        },
        "revision": source.revision.as_ref().map(|revision| &revision.0),
        "commit": source.commit.as_ref().map(|commit| json!({
            "author": commit.author,
            "subject": commit.subject,
            "time": DateTime::from_timestamp(commit.time, 0).map(instant),
        })),
        "tried": source.tried,
        "reached": source.reached.map(instant),
        "stale": source.stale.as_ref().map(|(since, why)| json!({"since": instant(*since), "message": why})),
    })
}

fn diagnostic_json(diagnostic: &Diagnostic) -> Json {
    json!({
        "severity": diagnostic.severity.word(),
        "code": diagnostic.code,
        "file": diagnostic.place.as_ref().map(|place| &*place.file),
        "line": diagnostic.place.as_ref().map(|place| place.line),
        "column": diagnostic.place.as_ref().map(|place| place.column),
        "message": diagnostic.message,
        "help": diagnostic.help,
    })
}

fn run_json(run: &RunRecord) -> Json {
    json!({
        "id": run.id.0,
        "environment": run.environment.0,
        "trigger": run.trigger.text(),
        "revision": run.revision.as_ref().map(|revision| &revision.0),
        "started": instant(run.started),
        "finished": run.finished.map(instant),
        "duration_seconds": run.finished.map(|finished| (finished - run.started).as_seconds_f64()),
        "conclusion": run.conclusion.map(|conclusion| conclusion.word()),
        "idle": run.idle,
        "message": run.message,
        "diagnostics": run.diagnostics,
    })
}
