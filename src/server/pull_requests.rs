//! The runs of pull requests under `/api/v1`: how far the data diffs of each head commit came.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::api::{asked, instant, limit};
use super::problem::{Problem, Segment};
use super::{Shared, Shell};
use crate::ci::views::Details;
use crate::store::StoreError;
use crate::store::pull_runs::{PullRun, PullRunsOf};

/// What a list is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    limit: Option<usize>,
}

/// `GET /api/v1/pull-requests`.
pub(super) async fn list(
    State(shell): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let limit = limit(asked(filter)?.limit)?;
    let runs = shell.app.store.pull_runs(&PullRunsOf::Newest(limit)).await?;
    let runs: Vec<Json> = runs.iter().map(|run| run_json(&shell, run)).collect();
    Ok(axum::Json(json!({"pull_requests": runs})))
}

/// `GET /api/v1/pull-requests/{id}`.
pub(super) async fn one(State(shell): Shared, Segment(id): Segment) -> Result<impl IntoResponse, Problem> {
    let run = find(&shell, &id).await?.ok_or_else(|| unknown(&id))?;
    let mut json = run_json(&shell, &run);
    json["diffs"] = Details::of(&run).map_or_else(Vec::new, |details| details.diffs).into();
    Ok(axum::Json(json))
}

/// The run of an id.
pub(super) async fn find(shell: &Shell, id: &str) -> Result<Option<PullRun>, StoreError> {
    let found = shell.app.store.pull_runs(&PullRunsOf::Id(id.to_owned())).await?;
    Ok(found.into_iter().next())
}

/// There is no run of that id.
pub(super) fn unknown(id: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown-pull-request",
        format!(
            "There is no run `{id}` of a pull request, or history no longer holds it. GET /api/v1/pull-requests lists those it holds."
        ),
    )
}

fn run_json(shell: &Shell, run: &PullRun) -> Json {
    let details = Details::of(run);
    json!({
        "id": run.key.id(),
        "target": run.key.target,
        "config": run.key.config,
        "repository": run.key.repository,
        "number": run.key.number,
        "sha": run.key.sha,
        "branch": details.as_ref().map(|details| &details.branch),
        "base_branch": details.as_ref().map(|details| &details.base_branch),
        "url": page(shell, run),
        "phase": run.phase,
        "run": run.run,
        "result": run.outcome,
        "message": run.message,
        "started": instant(run.started),
        "updated": instant(run.updated),
        "finished": run.finished.map(instant),
        "duration_seconds": run.finished.map(|finished| (finished - run.started).as_seconds_f64()),
    })
}

/// The pull request's page on its forge.
pub(super) fn page(shell: &Shell, run: &PullRun) -> Option<String> {
    shell.app.pulls.as_ref().and_then(|pulls| pulls.page(&run.key))
}
