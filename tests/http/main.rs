//! What the server answers, over its router: every route, every refusal, every signature.

#![expect(clippy::disallowed_methods, reason = "a test has its own clock and environment")]
#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod access;
mod api;
mod live;
mod openapi;
mod pages;
mod pull_requests;
mod requests;
#[path = "../support/server.rs"]
mod support;
mod webhook;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::Utc;
use serde_json::Value as Json;
use support::{Rig, loopback, rig, troubled};
use tower::ServiceExt;

const PATIENCE: Duration = Duration::from_secs(20);

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `type` of a problem document, whose form is checked on the way.
    #[track_caller]
    fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(json["title"], self.status.canonical_reason().unwrap());
        assert!(
            json["detail"].as_str().is_some_and(|detail| detail.len() > 10),
            "{json}"
        );
        json["type"].as_str().unwrap().replace("urn:driftless:problem:", "")
    }
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

async fn get(rig: &Rig, path: &str) -> Answer {
    send(&rig.router, request(Method::GET, path, &[], "")).await
}

async fn post(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(&rig.router, request(Method::POST, path, headers, "")).await
}

fn plain() -> Rig {
    let (overview, runs) = troubled(Utc::now(), "acme");
    rig(overview, runs, loopback())
}
