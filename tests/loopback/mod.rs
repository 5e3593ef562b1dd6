//! A server on loopback that answers what a test has typed, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use driftless::platform::http::{Network, Timeouts};
use driftless::platform::qualytics::{Qualytics, QualyticsOptions};
use driftless::platform::{Exchange, Gate, Pass};
use driftless_core::report::Failure;
use driftless_core::value::Secret;
use serde_json::Value as Json;

/// The token that every request must bear, after the word of the platform's scheme.
pub(crate) const TOKEN: &str = "token-of-a-test";

/// One answer: status, headers, body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_owned(),
        }
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self {
            headers: vec![("content-type", "text/html".to_owned())],
            ..Self::json(status, body)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What was asked: `GET /api/connections?page=1`, with its body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) body: Json,
}

#[derive(Default)]
struct Script {
    scheme: &'static str,
    answers: Vec<(String, VecDeque<Answer>)>,
    asked: Vec<Asked>,
}

/// A running server.
pub(crate) struct Server {
    script: Arc<Mutex<Script>>,
    pub(crate) url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_for("Bearer").await
    }

    pub(crate) async fn start_for(scheme: &'static str) -> Self {
        let script = Arc::new(Mutex::new(Script {
            scheme,
            ..Script::default()
        }));
        let app = axum::Router::new().fallback(answer).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { script, url, task }
    }

    /// Adds an answer to a request line; the last one of a line is given again and again.
    pub(crate) fn on(&self, line: &str, answer: Answer) -> &Self {
        let mut script = self.script.lock().unwrap();
        match script.answers.iter_mut().find(|(known, _)| known == line) {
            Some((_, answers)) => answers.push_back(answer),
            None => script.answers.push((line.to_owned(), VecDeque::from([answer]))),
        }
        self
    }

    /// Answers with JSON of status 200.
    pub(crate) fn gives(&self, line: &str, body: &str) -> &Self {
        self.on(line, Answer::json(200, body))
    }

    /// What was asked so far, since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }

    /// The lines of what was asked.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    pub(crate) fn qualytics(&self) -> Qualytics {
        self.qualytics_with(Arc::new(Patience(0)))
    }

    pub(crate) fn qualytics_with(&self, gate: Arc<dyn Gate>) -> Qualytics {
        qualytics_at(&self.url, gate)
    }
}

pub(crate) fn qualytics_at(url: &str, gate: Arc<dyn Gate>) -> Qualytics {
    let options = QualyticsOptions {
        url: url.to_owned(),
        token: Secret::new(TOKEN),
        network: Network {
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                read: Duration::from_secs(5),
                total: Duration::from_secs(5),
            },
            ..Network::default()
        },
    };
    Qualytics::new(options, gate).unwrap()
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let line = format!("{method} {uri}");
    let body = match body.is_empty() {
        true => Json::Null,
        false => {
            assert_eq!(headers[header::CONTENT_TYPE], "application/json");
            serde_json::from_slice(&body).unwrap()
        }
    };
    let mut script = script.lock().unwrap();
    assert_eq!(headers[header::AUTHORIZATION], format!("{} {TOKEN}", script.scheme));
    let answer = script
        .answers
        .iter_mut()
        .find(|(known, _)| *known == line)
        .map(|(_, answers)| {
            if answers.len() > 1 {
                answers.pop_front().unwrap()
            } else {
                answers.front().unwrap().clone()
            }
        });
    script.asked.push(Asked {
        line: line.clone(),
        body,
    });
    let Some(answer) = answer else {
        let body = format!(r#"{{"detail":"the test has no answer to {line}"}}"#);
        return (StatusCode::IM_A_TEAPOT, body).into_response();
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body.into()).unwrap()
}

/// A gate that lets a read be sent again so many times, at once.
pub(crate) struct Patience(pub(crate) u32);

#[async_trait]
impl Gate for Patience {
    async fn enter(&self) -> Result<Pass, Failure> {
        Ok(Pass::new(()))
    }

    fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        (attempt <= self.0 && failure.meaning.is_transient()).then_some(Duration::ZERO)
    }

    fn note(&self, _exchange: &Exchange<'_>) {}
}
