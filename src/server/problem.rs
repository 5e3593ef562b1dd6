//! Errors as problem documents (RFC 9457), and the three that no handler makes: no such page, wrong method, out of time.

use std::any::Any;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json};

use crate::store::StoreError;

/// How long a request may take from its header to the head of its answer, reading of the body included: GitHub gives a delivery
/// up after as long.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// One error as it is answered.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    more: Map<String, Json>,
}

impl Problem {
    /// `kind` is a stable word for programs, `detail` a sentence for people that says what to do next.
    pub(super) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            detail: detail.into(),
            more: Map::new(),
        }
    }

    /// This problem with one more member.
    pub(super) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// The status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// There is no environment of that name.
    pub(super) fn unknown_environment(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-environment",
            format!("There is no environment `{name}`; GET /api/v1/environments lists them."),
        )
    }

    /// There is no run of that id.
    pub(super) fn unknown_run(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-run",
            format!(
                "There is no run `{id}`: it has not begun yet, or history no longer holds it. GET /api/v1/runs lists those it holds."
            ),
        )
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store did not answer a page");
        // The message may hold a path or an address of the store: the log has it, the network does not.
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store",
            "The store does not answer; the daemon's log says why.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("type".into(), format!("urn:driftless:problem:{}", self.kind).into());
        body.insert("title".into(), self.status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("detail".into(), self.detail.into());
        body.extend(self.more);
        let mut response = (self.status, Json::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The one variable segment of a path, percent-decoded.
pub(super) struct Segment(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "bad-path",
                "The name in the path is no UTF-8 once its %XX are read; encode it as UTF-8.",
            )),
        }
    }
}

/// Answers what no route matches.
pub(super) async fn no_such_page(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        format!(
            "There is nothing at {}; GET /api/openapi.json lists all there is.",
            uri.path()
        ),
    )
}

/// Answers a method that a route does not have; the router adds `Allow`.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        format!(
            "{} does not answer {method}; the header `Allow` says what it answers.",
            uri.path()
        ),
    )
}

/// Ends a request whose body never does.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            format!(
                "The request was not complete within {} s; send it again.",
                ANSWER_WITHIN.as_secs()
            ),
        )
        .into_response(),
    }
}

/// Answers for a handler that panicked; the process and every other request go on.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked: this is a defect of driftless");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "defect",
        "The server met a defect of its own; the daemon's log says where. Reconciling goes on.",
    )
    .into_response()
}
