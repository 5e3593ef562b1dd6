//! `POST /webhooks/{name}`: a delivery is verified over its raw body, then is a reason to look again, and nothing more.

mod signature;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use driftless_core::value::Secret;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::guard::one;
use super::problem::{Problem, Segment};
use super::{Shared, Shell};
use crate::engine::Overview;
use crate::store::Trigger;

/// The largest body: a push of GitHub's is a few KiB to some tens; it is read into memory before it is trusted.
const BODY_BYTES: usize = 256 * 1024;

/// How many delivery ids are remembered: days of pushes to a config repository.
const REMEMBERED: usize = 1024;

/// The longest delivery id that is remembered: GitHub's are 36 characters.
const ID_BYTES: usize = 64;

/// What can become of a delivery: the values of the metric's label.
pub const OUTCOMES: [&str; 8] = [
    "accepted",
    "ignored",
    "ping",
    "duplicate",
    "bad_signature",
    "too_large",
    "malformed",
    "unreadable",
];

/// One webhook of the config.
#[derive(Clone)]
pub struct Webhook {
    /// Its name: the last part of its address.
    pub name: String,
    /// How deliveries are signed, and what they say.
    pub provider: Provider,
    /// What they are signed with.
    pub secret: Secret,
    /// The sources that a delivery makes driftless look at.
    pub sources: Vec<String>,
}

/// How deliveries are signed, and what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// `X-Hub-Signature-256`; pushes to a watched branch count. Gitea and Forgejo can send the same.
    GitHub,
    /// `X-Signature: sha256=...`; the body means nothing.
    GenericHmac,
}

impl Provider {
    fn signature(self) -> HeaderName {
        HeaderName::from_static(match self {
            Provider::GitHub => "x-hub-signature-256",
            Provider::GenericHmac => "x-signature",
        })
    }
}

/// Deliveries that were accepted already, by webhook and id, the oldest first.
#[derive(Default)]
pub(super) struct Delivered(Mutex<VecDeque<(String, String)>>);

impl Delivered {
    /// Remembers a delivery; whether it is a new one.
    fn is_new(&self, webhook: &str, id: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|delivery| delivery.0 == webhook && delivery.1 == id) {
            return false;
        }
        if known.len() == REMEMBERED {
            known.pop_front();
        }
        known.push_back((webhook.to_owned(), id.to_owned()));
        true
    }
}

/// What became of a delivery.
enum Outcome {
    /// These runs are to come.
    Accepted(Vec<Json>),
    /// It is about nothing that is watched; why.
    Ignored(&'static str),
    Ping,
    Duplicate,
    BadSignature(HeaderName),
    TooLarge,
    /// It is signed, but not what the provider sends; why.
    Malformed(String),
    /// As above, and it says so itself.
    NotJson,
    /// It broke off.
    Unreadable,
}

impl Outcome {
    /// One of [`OUTCOMES`].
    fn word(&self) -> &'static str {
        match self {
            Outcome::Accepted(_) => "accepted",
            Outcome::Ignored(_) => "ignored",
            Outcome::Ping => "ping",
            Outcome::Duplicate => "duplicate",
            Outcome::BadSignature(_) => "bad_signature",
            Outcome::TooLarge => "too_large",
            Outcome::Malformed(_) | Outcome::NotJson => "malformed",
            Outcome::Unreadable => "unreadable",
        }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let said = |result: &str, detail: &str| axum::Json(json!({"result": result, "detail": detail})).into_response();
        let (status, kind, detail) = match self {
            Outcome::Accepted(runs) => {
                return (StatusCode::ACCEPTED, axum::Json(json!({"runs": runs}))).into_response();
            }
            Outcome::Ignored(why) => return said("ignored", why),
            Outcome::Ping => return said("pong", "The webhook works."),
            Outcome::Duplicate => return said("duplicate", "This delivery was accepted before."),
            Outcome::BadSignature(header) => (
                StatusCode::UNAUTHORIZED,
                "bad-signature",
                format!(
                    "The header `{header}` is missing or does not sign this body: the sender's secret must be the webhook's `secret`."
                ),
            ),
            Outcome::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!(
                    "A delivery may have {} KiB; the payload is not needed, so send less of it.",
                    BODY_BYTES / 1024
                ),
            ),
            Outcome::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed", why),
            Outcome::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "Set the webhook's content type to application/json.".to_owned(),
            ),
            Outcome::Unreadable => (
                StatusCode::BAD_REQUEST,
                "unreadable",
                "The body broke off before its end; send the delivery again.".to_owned(),
            ),
        };
        Problem::new(status, kind, detail).into_response()
    }
}

/// `POST /webhooks/{name}`.
pub(super) async fn receive(State(shell): Shared, Segment(name): Segment, request: Request) -> Response {
    let Some(webhook) = shell.app.webhooks.iter().find(|webhook| webhook.name == name) else {
        return Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-webhook",
            format!("There is no webhook `{name}`; `webhooks` in the config file names them."),
        )
        .into_response();
    };
    let outcome = handle(&shell, webhook, request).await.unwrap_or_else(|refused| refused);
    (shell.app.deliveries)(&webhook.name, outcome.word());
    tracing::info!(webhook = %webhook.name, outcome = outcome.word(), "delivery");
    outcome.into_response()
}

async fn handle(shell: &Shell, webhook: &Webhook, request: Request) -> Result<Outcome, Outcome> {
    let headers = request.headers().clone();
    let body = body(request).await?;
    let header = webhook.provider.signature();
    if !one(&headers, &header).is_some_and(|value| signature::signs(value, &body, &webhook.secret)) {
        return Err(Outcome::BadSignature(header));
    }
    let sources = match webhook.provider {
        Provider::GitHub => {
            let overview = shell.app.control.overview().borrow().clone();
            github(webhook, &headers, &body, &overview)?
        }
        Provider::GenericHmac => webhook.sources.clone(),
    };
    let id = one(&headers, &DELIVERY).filter(|id| id.len() <= ID_BYTES);
    if id.is_some_and(|id| !shell.delivered.is_new(&webhook.name, id)) {
        return Ok(Outcome::Duplicate);
    }
    let trigger = Trigger::Webhook(webhook.name.clone());
    let runs = sources
        .iter()
        .flat_map(|source| shell.app.control.trigger_source(source, &trigger))
        .map(|(environment, run)| json!({"environment": environment.0, "run": run.0}))
        .collect();
    Ok(Outcome::Accepted(runs))
}

/// GitHub's id of a delivery; a redelivery has the same.
const DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");

/// GitHub's name of what happened.
const EVENT: HeaderName = HeaderName::from_static("x-github-event");

/// Reads the body up to the limit; one that announces more is not read at all.
async fn body(mut request: Request) -> Result<Bytes, Outcome> {
    let announced = one(request.headers(), &header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES) {
        return Err(Outcome::TooLarge);
    }
    DefaultBodyLimit::max(BODY_BYTES).apply(&mut request);
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Outcome::TooLarge
        } else {
            Outcome::Unreadable
        }
    })
}

/// The little of a push that is read.
#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
}

/// The sources that a delivery of GitHub's says may have moved.
fn github(webhook: &Webhook, headers: &HeaderMap, body: &[u8], overview: &Overview) -> Result<Vec<String>, Outcome> {
    let is_json = one(headers, &header::CONTENT_TYPE)
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(Outcome::NotJson);
    }
    match one(headers, &EVENT) {
        Some("ping") => return Err(Outcome::Ping),
        Some("push") => {}
        Some(_) => return Err(Outcome::Ignored("Only pushes count.")),
        None => return Err(Outcome::Malformed("The header `X-GitHub-Event` is missing.".to_owned())),
    }
    let push: Push = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Outcome::Malformed(format!(
            "The payload is no push event in JSON (line {line}, column {column})."
        ))
    })?;
    let watching: Vec<String> = webhook
        .sources
        .iter()
        .filter(|name| {
            let source = overview.sources.get(*name);
            source.is_some_and(|source| source.reference.follows(&push.reference))
        })
        .cloned()
        .collect();
    if watching.is_empty() {
        return Err(Outcome::Ignored("No source of this webhook watches that ref."));
    }
    Ok(watching)
}
