//! `POST /webhooks/{name}`: a delivery is verified over its raw body, then is a reason to look again, and nothing more.

mod payload;
mod signature;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use driftless_core::value::Secret;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use self::payload::News;
use super::guard::one;
use super::problem::{Problem, Segment};
use super::{Shared, Shell};
use crate::forge::Repository;
use crate::platform::data_diffs::PullRequestNumber;
use crate::store::pull_runs::{PullRun, PullRunKey};
use crate::store::{StoreError, Trigger};

/// The largest body; it is read into memory before it is trusted. A push of GitHub's is a few KiB to some tens, and so is what
/// surrounds a pull request, whose description has up to 65,536 characters of four bytes and comes twice when it was edited: 512 KiB.
/// A delivery that is refused for its size would be a pull request that nobody looks at.
const BODY_BYTES: usize = 640 * 1024;

/// How many delivery ids are remembered: days of pushes to a config repository, pull requests are not among them.
const REMEMBERED: usize = 1024;

/// The longest delivery id that is remembered: GitHub's are 36 characters.
const ID_BYTES: usize = 64;

/// What can become of a delivery: the values of the metric's label.
pub const OUTCOMES: [&str; 9] = [
    "accepted",
    "ignored",
    "ping",
    "duplicate",
    "bad_signature",
    "too_large",
    "malformed",
    "unreadable",
    "unstored",
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
    /// `X-Hub-Signature-256`; pushes to a watched branch count, and what moves pull requests. Gitea and Forgejo can send the same.
    GitHub,
    /// `X-Gitlab-Token`, which is the secret itself; pushes and merge requests count.
    GitLab,
    /// `X-Signature: sha256=...`; the body means nothing.
    GenericHmac,
}

impl Provider {
    /// The header that says who sends.
    fn signature(self) -> HeaderName {
        HeaderName::from_static(match self {
            Provider::GitHub => "x-hub-signature-256",
            Provider::GitLab => "x-gitlab-token",
            Provider::GenericHmac => "x-signature",
        })
    }

    fn vouches(self, header: &str, body: &[u8], secret: &Secret) -> bool {
        match self {
            Provider::GitHub | Provider::GenericHmac => signature::signs(header, body, secret),
            Provider::GitLab => signature::is_secret(header, secret),
        }
    }

    /// What tells a delivery from others, and is the same when it is sent again.
    fn delivery(self, headers: &HeaderMap, news: Option<&News>) -> Option<String> {
        let id = |name: &HeaderName| one(headers, name).filter(|id| id.len() <= ID_BYTES);
        match self {
            Provider::GitHub | Provider::GenericHmac => id(&GITHUB_DELIVERY).map(str::to_owned),
            Provider::GitLab => match id(&IDEMPOTENCY) {
                Some(id) => Some(id.to_owned()),
                // One event that moves several things has one id for all of them.
                None => id(&GITLAB_EVENT_ID).map(|id| format!("{id} {}", news.map(News::words).unwrap_or_default())),
            },
        }
    }
}

/// GitHub's id of a delivery; a redelivery has the same.
const GITHUB_DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");

/// GitLab's id of a delivery, since 17.4; a retry has the same.
const IDEMPOTENCY: HeaderName = HeaderName::from_static("idempotency-key");

/// GitLab's id of what happened.
const GITLAB_EVENT_ID: HeaderName = HeaderName::from_static("x-gitlab-event-uuid");

/// Who is told of pull requests that may have moved. What is so is asked of the forge.
#[async_trait]
pub trait PullRequests: Send + Sync {
    /// A delivery to `webhook` speaks of a pull request. When this returns, it outlives the process; nothing was looked at yet.
    ///
    /// # Errors
    /// When the store cannot be written: the delivery is to be sent again.
    async fn moved(
        &self,
        webhook: &str,
        repository: &Repository,
        number: PullRequestNumber,
    ) -> Result<Watch, StoreError>;

    /// Told of each run that is written.
    fn recent(&self) -> watch::Receiver<Arc<Vec<PullRun>>>;

    /// Whether there is any CI configuration now.
    fn watching(&self) -> Watching;

    /// The pull request's page on its forge, for people.
    fn page(&self, run: &PullRunKey) -> Option<String>;
}

/// Whether there is any CI configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// There is.
    Some,
    /// There is none, or none is known yet.
    Nothing,
}

/// Whether a pull request is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// It will be.
    Accepted,
    /// Nothing of the config is about its repository by this webhook.
    Unwatched,
}

/// Deliveries of pushes that were accepted already, by webhook and id, the oldest first.
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
    /// This pull request is looked at.
    Looked(Repository, PullRequestNumber),
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
    /// The store does not take it.
    Unstored(StoreError),
}

impl Outcome {
    /// One of [`OUTCOMES`].
    fn word(&self) -> &'static str {
        match self {
            Outcome::Accepted(_) | Outcome::Looked(..) => "accepted",
            Outcome::Ignored(_) => "ignored",
            Outcome::Ping => "ping",
            Outcome::Duplicate => "duplicate",
            Outcome::BadSignature(_) => "bad_signature",
            Outcome::TooLarge => "too_large",
            Outcome::Malformed(_) | Outcome::NotJson => "malformed",
            Outcome::Unreadable => "unreadable",
            Outcome::Unstored(_) => "unstored",
        }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let said = |result: &str, detail: &str| axum::Json(json!({"result": result, "detail": detail})).into_response();
        let (status, kind, detail) = match self {
            Outcome::Unstored(error) => return Problem::from(error).into_response(),
            Outcome::Accepted(runs) => {
                return (StatusCode::ACCEPTED, axum::Json(json!({"runs": runs}))).into_response();
            }
            Outcome::Looked(repository, number) => {
                let moved = json!({"repository": repository.0, "number": number.0});
                return (
                    StatusCode::ACCEPTED,
                    axum::Json(json!({"runs": [], "pull_request": moved})),
                )
                    .into_response();
            }
            Outcome::Ignored(why) => return said("ignored", why),
            Outcome::Ping => return said("pong", "The webhook works."),
            Outcome::Duplicate => return said("duplicate", "This delivery was accepted before."),
            Outcome::BadSignature(header) => (
                StatusCode::UNAUTHORIZED,
                "bad-signature",
                format!(
                    "The header `{header}` is missing or does not fit: the sender's secret must be the webhook's `secret`."
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
    let vouched = one(&headers, &header).is_some_and(|value| webhook.provider.vouches(value, &body, &webhook.secret));
    if !vouched {
        return Err(Outcome::BadSignature(header));
    }
    let news = match webhook.provider {
        Provider::GitHub => Some(payload::github(&headers, &body)?),
        Provider::GitLab => Some(payload::gitlab(&headers, &body)?),
        Provider::GenericHmac => None,
    };
    let sources = match &news {
        Some(News::Reference(reference)) => watching(shell, webhook, reference)?,
        None => webhook.sources.clone(),
        Some(News::PullRequest(..)) => Vec::new(),
    };
    let id = webhook.provider.delivery(&headers, news.as_ref());
    if let Some(News::PullRequest(repository, number)) = news {
        let Some(pulls) = &shell.app.pulls else {
            return Err(Outcome::Ignored("No pull requests are watched."));
        };
        let watch = pulls.moved(&webhook.name, &repository, number).await;
        if watch.map_err(Outcome::Unstored)? == Watch::Unwatched {
            return Err(Outcome::Ignored("No pull requests of that repository are watched."));
        }
        // One that came before is handed on too: what is done is not done again, and who sends it again wants what is not done yet.
        return Ok(Outcome::Looked(repository, number));
    }
    if id.is_some_and(|id| !shell.delivered.is_new(&webhook.name, &id)) {
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

/// The sources of a webhook that follow a reference.
fn watching(shell: &Shell, webhook: &Webhook, reference: &str) -> Result<Vec<String>, Outcome> {
    let overview = shell.app.control.overview().borrow().clone();
    let follows = |name: &&String| {
        let source = overview.sources.get(*name);
        source.is_some_and(|source| source.reference.follows(reference))
    };
    let watching: Vec<String> = webhook.sources.iter().filter(follows).cloned().collect();
    match watching.is_empty() {
        true => Err(Outcome::Ignored("No source of this webhook watches that ref.")),
        false => Ok(watching),
    }
}

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
