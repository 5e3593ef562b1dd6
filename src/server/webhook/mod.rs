//! `POST /webhooks/{name}`: a delivery is verified over its raw body, then is a reason to look again, and nothing more.

mod signature;

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use driftless_core::value::Secret;
use serde::Deserialize;
use serde_json::json;

use super::guard::one;
use super::problem::Problem;
use super::{Shared, Shell};
use crate::engine::Overview;
use crate::store::Trigger;

/// The largest body: a push of GitHub's is a few KiB to some tens; it is read into memory before it is trusted.
const BODY_BYTES: usize = 256 * 1024;

/// How many delivery ids are remembered: more than GitHub redelivers in an hour, at 64 bytes each.
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
pub(super) struct Delivered(Mutex<(HashSet<(String, String)>, VecDeque<(String, String)>)>);

impl Delivered {
    /// Remembers a delivery; whether it is a new one.
    fn is_new(&self, webhook: &str, id: &str) -> bool {
        let delivery = (webhook.to_owned(), id.to_owned());
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *guard;
        if !known.insert(delivery.clone()) {
            return false;
        }
        order.push_back(delivery);
        if order.len() > REMEMBERED {
            if let Some(oldest) = order.pop_front() {
                known.remove(&oldest);
            }
        }
        true
    }
}

/// What a delivery asks for.
enum Delivery {
    Ping,
    /// Not about anything that is watched.
    Other(String),
    /// These sources may have moved.
    Look(Vec<String>),
}

/// `POST /webhooks/{name}`.
pub(super) async fn receive(State(shell): Shared, Path(name): Path<String>, request: Request) -> Response {
    let Some(webhook) = shell.app.webhooks.iter().find(|webhook| webhook.name == name) else {
        return Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-webhook",
            format!("There is no webhook `{name}`; `webhooks` in the config file names them."),
        )
        .into_response();
    };
    let (outcome, response) = match handle(&shell, webhook, request).await {
        Ok(answered) => answered,
        Err((outcome, problem)) => (outcome, problem.into_response()),
    };
    (shell.app.deliveries)(&webhook.name, outcome);
    tracing::info!(webhook = %webhook.name, outcome, status = response.status().as_u16(), "delivery");
    response
}

type Refusal = (&'static str, Problem);

async fn handle(shell: &Shell, webhook: &Webhook, request: Request) -> Result<(&'static str, Response), Refusal> {
    let headers = request.headers().clone();
    let body = body(request).await?;
    let signed = one(&headers, &webhook.provider.signature())
        .is_some_and(|header| signature::signs(header, &body, &webhook.secret));
    if !signed {
        let problem = Problem::new(
            StatusCode::UNAUTHORIZED,
            "bad-signature",
            format!(
                "The header `{}` is missing or does not sign this body: the sender's secret must be the webhook's `secret`.",
                webhook.provider.signature()
            ),
        );
        return Err(("bad_signature", problem));
    }
    let delivery = match webhook.provider {
        Provider::GitHub => {
            let overview = shell.app.control.overview().borrow().clone();
            github(webhook, &headers, &body, &overview)?
        }
        Provider::GenericHmac => Delivery::Look(webhook.sources.clone()),
    };
    let sources = match delivery {
        Delivery::Ping => return Ok(("ping", said("pong", "The webhook works."))),
        Delivery::Other(why) => return Ok(("ignored", said("ignored", &why))),
        Delivery::Look(sources) => sources,
    };
    let id = one(&headers, &DELIVERY).filter(|id| id.len() <= ID_BYTES);
    if id.is_some_and(|id| !shell.delivered.is_new(&webhook.name, id)) {
        return Ok(("duplicate", said("duplicate", "This delivery was accepted before.")));
    }
    let trigger = Trigger::Webhook(webhook.name.clone());
    let runs: Vec<_> = sources
        .iter()
        .flat_map(|source| shell.app.control.trigger_source(source, &trigger))
        .map(|(environment, run)| json!({"environment": environment.0, "run": run.0}))
        .collect();
    Ok((
        "accepted",
        (StatusCode::ACCEPTED, axum::Json(json!({"runs": runs}))).into_response(),
    ))
}

/// GitHub's id of a delivery; a redelivery has the same.
const DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");

/// GitHub's name of what happened.
const EVENT: HeaderName = HeaderName::from_static("x-github-event");

/// Reads the body up to the limit; one that announces more is not read at all.
async fn body(request: Request) -> Result<Bytes, Refusal> {
    let too_large = || {
        let detail = format!(
            "A delivery may have {} KiB; the payload is not needed, so send less of it.",
            BODY_BYTES / 1024
        );
        (
            "too_large",
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail),
        )
    };
    let announced = one(request.headers(), &header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES) {
        return Err(too_large());
    }
    let mut request = request;
    DefaultBodyLimit::max(BODY_BYTES).apply(&mut request);
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return too_large();
        }
        let detail = "The body broke off before its end; send the delivery again.";
        (
            "unreadable",
            Problem::new(StatusCode::BAD_REQUEST, "unreadable", detail),
        )
    })
}

/// The little of a push that is read.
#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
}

fn github(webhook: &Webhook, headers: &HeaderMap, body: &[u8], overview: &Overview) -> Result<Delivery, Refusal> {
    let is_json = one(headers, &header::CONTENT_TYPE)
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        let detail = "Set the webhook's content type to application/json.";
        return Err((
            "malformed",
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", detail),
        ));
    }
    match one(headers, &EVENT) {
        Some("ping") => return Ok(Delivery::Ping),
        Some("push") => {}
        Some(_) => return Ok(Delivery::Other("Only pushes count.".to_owned())),
        None => {
            let detail = "The header `X-GitHub-Event` is missing.";
            return Err(("malformed", Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)));
        }
    }
    let push: Push = serde_json::from_slice(body).map_err(|error| {
        let detail = format!(
            "The payload is no push event in JSON (line {}, column {}).",
            error.line(),
            error.column()
        );
        ("malformed", Problem::new(StatusCode::BAD_REQUEST, "malformed", detail))
    })?;
    let watching: Vec<String> = webhook
        .sources
        .iter()
        .filter(|name| {
            overview
                .sources
                .get(*name)
                .is_some_and(|source| is_watched(&source.reference, &push.reference))
        })
        .cloned()
        .collect();
    if watching.is_empty() {
        return Ok(Delivery::Other(
            "No source of this webhook watches that ref.".to_owned(),
        ));
    }
    Ok(Delivery::Look(watching))
}

/// Whether a push to `pushed` (a full ref) moves `watched` (a branch's name or a full ref).
fn is_watched(watched: &str, pushed: &str) -> bool {
    watched == pushed
        || pushed
            .strip_prefix("refs/heads/")
            .is_some_and(|branch| branch == watched)
}

fn said(result: &str, detail: &str) -> Response {
    axum::Json(json!({"result": result, "detail": detail})).into_response()
}
