//! What people may ask of the engine besides a pass: to suspend an environment and to resume it, and to let a plan through.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use driftless_core::key::{Digest, EnvironmentName};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::api::{encode, one_environment};
use super::problem::{Problem, Segment};
use super::{Shared, Shell};
use crate::engine::Refusal;
use crate::store::RunId;

/// The largest body: a reason and a name, in any script, escaped.
const BODY_BYTES: usize = 16 * 1024;

/// The longest reason, in characters: it stands on one line of a page.
const REASON: usize = 500;

/// The longest name of a person, in characters.
const NAME: usize = 200;

/// The body of a suspension.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suspend {
    reason: String,
    by: Option<String>,
}

/// The body of an approval.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    digest: String,
    by: Option<String>,
}

/// `POST /api/v1/environments/{name}/suspend`.
pub(super) async fn suspend(
    State(shell): Shared,
    Segment(name): Segment,
    request: Request,
) -> Result<Response, Problem> {
    shell.app.access.admit(request.headers())?;
    let Suspend { reason, by } = body(request).await?;
    let reason = line("reason", &reason, REASON)?;
    let by = person(by)?;
    let environment = EnvironmentName(name);
    shell.app.control.suspend(&environment, reason, by).await?;
    answer(&shell, environment)
}

/// `POST /api/v1/environments/{name}/resume`.
pub(super) async fn resume(
    State(shell): Shared,
    Segment(name): Segment,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    shell.app.access.admit(&headers)?;
    let environment = EnvironmentName(name);
    shell.app.control.resume(&environment).await?;
    answer(&shell, environment)
}

/// `POST /api/v1/runs/{id}/approve`.
pub(super) async fn approve(State(shell): Shared, Segment(id): Segment, request: Request) -> Result<Response, Problem> {
    shell.app.access.admit(request.headers())?;
    let Approve { digest, by } = body(request).await?;
    let digest = Digest(line("digest", &digest, NAME)?);
    let by = person(by)?;
    let (environment, run) = shell.app.control.approve(&RunId(id), &digest, by).await?;
    let location = format!("/api/v1/runs/{}", encode(&run.0));
    let body = json!({"environment": environment.0, "run": run.0});
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(body)).into_response())
}

fn answer(shell: &Shell, environment: EnvironmentName) -> Result<Response, Problem> {
    let overview = shell.app.control.overview().borrow().clone();
    Ok(axum::Json(one_environment(&overview, environment.0)?).into_response())
}

/// Reads a body of JSON up to the limit.
async fn body<T: DeserializeOwned>(mut request: Request) -> Result<T, Problem> {
    DefaultBodyLimit::max(BODY_BYTES).apply(&mut request);
    let bytes = Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("The body may have {} KiB; shorten it.", BODY_BYTES / 1024);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
        } else {
            bad("The body broke off before its end; send it again.")
        }
    })?;
    serde_json::from_slice(&bytes).map_err(|error| bad(&format!("The body is not as it should be: {error}.")))
}

fn bad(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-body", detail)
}

/// A text that is shown on one line: without control characters, not empty, and not longer than `most` characters.
fn line(name: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    match text.chars().count() {
        0 => Err(bad(&format!("`{name}` is empty; say it in a few words."))),
        count if count > most => Err(bad(&format!("`{name}` may have {most} characters and has {count}."))),
        _ => Ok(text.to_owned()),
    }
}

fn person(by: Option<String>) -> Result<Option<String>, Problem> {
    by.map(|by| line("by", &by, NAME)).transpose()
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = {
            let mut text = refusal.to_string();
            if let Some(first) = text.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            text + "."
        };
        match refusal {
            Refusal::UnknownEnvironment(unknown) => Problem::unknown_environment(&unknown.0.0),
            Refusal::UnknownRun(run) => Problem::unknown_run(&run.0),
            Refusal::PlanMoved { environment, current } => Problem::new(StatusCode::CONFLICT, "plan-moved", detail)
                .with("environment", environment.0)
                .with("digest", current.map(|digest| digest.0)),
            Refusal::NothingHeld(environment) => {
                Problem::new(StatusCode::CONFLICT, "nothing-held", detail).with("environment", environment.0)
            }
            Refusal::Store(error) => error.into(),
        }
    }
}
