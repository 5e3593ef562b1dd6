//! What the server answers, over its router: every route, every refusal, every signature.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

#[path = "support/server.rs"]
mod support;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use chrono::{TimeDelta, Utc};
use driftless::engine::Overview;
use driftless::server::{Access, OUTCOMES, route_names, serve};
use driftless::store::Trigger;
use driftless_core::key::EnvironmentName;
use futures::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
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

fn hostile() -> Rig {
    let (mut overview, mut runs) = troubled(Utc::now(), HOSTILE);
    let name = EnvironmentName(HOSTILE.to_owned());
    let mut view = overview
        .environments
        .remove(&EnvironmentName("prod".to_owned()))
        .unwrap();
    for text in [&mut view.target, &mut view.url, &mut view.path, &mut view.source] {
        *text = HOSTILE.to_owned();
    }
    view.error = Some(HOSTILE.to_owned());
    overview.environments.insert(name.clone(), view);
    let mut source = overview.sources["dq-config"].clone();
    for text in [&mut source.url, &mut source.reference] {
        *text = HOSTILE.to_owned();
    }
    source.commit.as_mut().unwrap().subject = HOSTILE.to_owned();
    overview.sources.insert(HOSTILE.to_owned(), source);
    runs[1].environment = name;
    runs[1].id.0 = HOSTILE.to_owned();
    rig(overview, runs, loopback())
}

fn segment(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn the_probes_say_alive_and_ready_once_every_source_was_tried() {
    let rig = plain();
    assert_eq!(get(&rig, "/healthz").await.status, StatusCode::OK);
    assert_eq!(get(&rig, "/readyz").await.status, StatusCode::OK);
    rig.engine.overview.send_modify(|overview| {
        let mut next = Overview::clone(overview);
        next.sources.get_mut("dq-config").unwrap().tried = false;
        *overview = next.into();
    });
    assert_eq!(get(&rig, "/healthz").await.status, StatusCode::OK);
    let waiting = get(&rig, "/readyz").await;
    assert_eq!(waiting.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(waiting.problem(), "not-ready");
    assert_eq!(waiting.json()["waiting"], json!(["dq-config"]));
}

#[tokio::test]
async fn metrics_are_the_registrys_text() {
    let answer = get(&plain(), "/metrics").await;
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(answer.text, "driftless_build_info{version=\"0\"} 1\n");
}

#[tokio::test]
async fn environments_say_how_they_stand() {
    let rig = plain();
    let all = get(&rig, "/api/v1/environments").await.json();
    let standing = |name: &str| {
        let environments = all["environments"].as_array().unwrap();
        environments.iter().find(|view| view["name"] == name).unwrap()["standing"].clone()
    };
    assert_eq!(
        [standing("prod"), standing("staging"), standing("dev")],
        ["failed", "in_sync", "in_sync"]
    );
    assert_eq!(all["sources"][0]["name"], "dq-config");
    assert_eq!(all["sources"][0]["commit"]["subject"], "Allow larger order amounts");
    assert!(
        all["sources"][1]["stale"]["message"]
            .as_str()
            .unwrap()
            .contains("does not answer")
    );

    let prod = get(&rig, "/api/v1/environments/prod").await.json();
    assert_eq!(prod["totals"]["drift"], 2);
    assert_eq!(prod["totals"]["failed"], 1);
    assert_eq!(
        prod["kinds"][4],
        json!({"kind": "check", "in_sync": 61, "pending": 0, "drift": 2, "conflict": 1, "failed": 0, "blocked": 1, "orphaned": 0, "unmanaged": 12})
    );
    assert_eq!(prod["diagnostics"][0]["line"], 3);
    assert_eq!(prod["gaps"].as_array().unwrap().len(), 1);
    let dev = get(&rig, "/api/v1/environments/dev").await.json();
    assert_eq!(
        dev["activity"],
        json!({"state": "running", "run": "20261122T0943-dev", "phase": "applying", "done": 3, "of": 12})
    );
    assert_eq!(
        get(&rig, "/api/v1/environments/nope").await.problem(),
        "unknown-environment"
    );
}

#[tokio::test]
async fn the_plan_is_that_of_the_command_line() {
    let rig = plain();
    let answer = get(&rig, "/api/v1/environments/prod/plan").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text, driftless_core::render::plan_json(&plan("prod", "acme")));
    assert!(!answer.text.contains("hunter"));
    let none = get(&rig, "/api/v1/environments/staging/plan").await;
    assert_eq!(
        (none.status, none.problem().as_str()),
        (StatusCode::NOT_FOUND, "no-plan")
    );
    assert_eq!(
        get(&rig, "/api/v1/environments/nope/plan").await.problem(),
        "unknown-environment"
    );
}

#[tokio::test]
async fn drift_is_shown_field_by_field_with_what_became_of_it() {
    let rig = plain();
    let drift = get(&rig, "/api/v1/environments/prod/drift").await.json();
    let shown: Vec<_> = drift["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| {
            (
                resource["key"].as_str().unwrap(),
                resource["class"].as_str().unwrap(),
                resource["handling"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("check/warehouse-prod/orders__between__amount", "drift", "corrected"),
            ("check/warehouse-prod/orders__isnotnull__id", "conflict", "reported"),
            ("check/warehouse-prod/acme", "drift", "reported"),
        ]
    );
    assert_eq!(drift["open"], 2);
    assert_eq!(
        drift["resources"][0]["fields"][0],
        json!({"path": "properties.max", "class": "drift", "before": 9000, "after": 10000})
    );
    let conflict = &drift["resources"][1]["fields"];
    assert!(conflict[1].get("after").is_none(), "an absent field is left out");
    assert_eq!(conflict[2]["after"], Json::Null);
    assert!(conflict[2].get("before").is_none());
    // A run of another plan says nothing of this one's steps.
    rig.store.runs.lock().unwrap().as_mut().unwrap()[1].report = Some(report(&plan("other", "acme"), "acme"));
    let drift = get(&rig, "/api/v1/environments/prod/drift").await.json();
    assert_eq!(drift["resources"][0]["handling"], "planned");
    assert_eq!(
        get(&rig, "/api/v1/environments/nope/drift").await.problem(),
        "unknown-environment"
    );
}

#[tokio::test]
async fn runs_are_listed_and_shown_whole() {
    let rig = plain();
    let all = get(&rig, "/api/v1/runs").await.json();
    assert_eq!(all["runs"].as_array().unwrap().len(), 4);
    assert_eq!(all["runs"][0]["conclusion"], Json::Null);
    assert_eq!(all["runs"][1]["duration_seconds"], json!(4.2));
    let some = get(&rig, "/api/v1/runs?environment=dev&limit=1").await.json();
    assert_eq!(some["runs"][0]["id"], "20261122T0943-dev");
    assert_eq!(some["runs"].as_array().unwrap().len(), 1);
    for bad in ["limit=0", "limit=201", "limit=-1", "limit=x", "colour=red"] {
        let answer = get(&rig, &format!("/api/v1/runs?{bad}")).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::BAD_REQUEST, "bad-query"),
            "{bad}"
        );
    }
    let one = get(&rig, "/api/v1/runs/20261122T0940-prod").await.json();
    assert_eq!(one["plan"]["digest"], one["report"]["digest"]);
    assert_eq!(one["report"]["outcomes"][0]["error"]["meaning"], "invalid");
    let none = get(&rig, "/api/v1/runs/nope").await;
    assert_eq!(
        (none.status, none.problem().as_str()),
        (StatusCode::NOT_FOUND, "unknown-run")
    );
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_problem_that_keeps_its_address() {
    let rig = plain();
    *rig.store.runs.lock().unwrap() = Err("cannot open /srv/private/driftless.db".to_owned());
    for path in ["/api/v1/runs", "/api/v1/runs/x", "/api/v1/environments/prod/drift"] {
        let answer = get(&rig, path).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "store")
        );
        assert!(!answer.text.contains("private"));
    }
    for path in ["/", "/environments/prod", "/runs/x"] {
        let answer = get(&rig, path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.text.contains("store does not answer") && !answer.text.contains("private"));
    }
    assert_eq!(get(&rig, "/api/v1/environments").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_no_route_answers_is_a_problem_document() {
    let rig = plain();
    for path in [
        "/nope",
        "/api/v1/nope",
        "/api/v1/environments/prod/suspend",
        "/api/v1/runs/x/approve",
    ] {
        let answer = get(&rig, path).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_FOUND, "not-found"),
            "{path}"
        );
    }
    let wrong = post(&rig, "/api/v1/runs", &[]).await;
    assert_eq!(
        (wrong.status, wrong.problem().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
    );
    assert_eq!(wrong.header("allow"), "GET,HEAD");
    let wrong = get(&rig, "/webhooks/github").await;
    assert_eq!(
        (wrong.status, wrong.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "POST")
    );
}

#[tokio::test]
async fn openapi_describes_every_route_and_no_other() {
    let document = get(&plain(), "/api/openapi.json").await.json();
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.push((method.to_uppercase(), path.clone()));
            let named = path.matches('{').count();
            let parameters = operation["parameters"].as_array().map_or(0, |parameters| {
                let is_path = |parameter: &&Json| parameter["in"] == "path" || parameter.get("$ref").is_some();
                parameters.iter().filter(is_path).count()
            });
            assert_eq!(named, parameters, "{method} {path}");
        }
    }
    let mut routes: Vec<(String, String)> = route_names()
        .into_iter()
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    described.sort();
    routes.sort();
    assert_eq!(described, routes);
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text
        .split("\"$ref\":\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
    {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn answers_hold_what_openapi_requires_of_them() {
    let rig = plain();
    let document = get(&rig, "/api/openapi.json").await.json();
    for path in [
        "/api/v1/environments",
        "/api/v1/environments/{name}",
        "/api/v1/environments/{name}/plan",
        "/api/v1/environments/{name}/drift",
        "/api/v1/runs",
        "/api/v1/runs/{id}",
        "/healthz",
        "/readyz",
    ] {
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path}");
        let actual = get(
            &rig,
            &path.replace("{name}", "prod").replace("{id}", "20261122T0940-prod"),
        )
        .await
        .json();
        fits(&document, schema, &actual, path);
    }
}

/// The part of JSON Schema that our document uses: references, `allOf`, `oneOf`, types, enums, required members, items.
fn fits(document: &Json, schema: &Json, value: &Json, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&reference[1..]).unwrap(), value, at);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(document, part, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices
            .iter()
            .find(|choice| (choice["type"] == "null") == value.is_null())
            .unwrap();
        return fits(document, choice, value, at);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    let types: Vec<&str> = match &schema["type"] {
        Json::String(one) => vec![one],
        Json::Array(some) => some.iter().map(|name| name.as_str().unwrap()).collect(),
        _ => Vec::new(),
    };
    let actual = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_i64() => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    assert!(
        types.is_empty() || types.contains(&actual) || actual == "integer" && types.contains(&"number"),
        "{at}: {value}"
    );
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            value.get(name.as_str().unwrap()).is_some(),
            "{at}: {name} is missing in {value}"
        );
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            fits(document, schema, value, &format!("{at}.{name}"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
}

const RECONCILE: &str = "/api/v1/environments/prod/reconcile";
const FORM: &str = "/environments/prod/reconcile";

#[tokio::test]
async fn a_post_needs_the_token_wherever_one_is_configured() {
    let (overview, runs) = troubled(Utc::now(), "acme");
    let rig = rig(overview, runs, with_token());
    let right = format!("Bearer {TOKEN}");
    let lower = format!("bearer {TOKEN}");
    let shorter = &right[..right.len() - 1];
    let longer = format!("{right}x");
    let basic = format!("Basic {TOKEN}");
    for (sent, status) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some(""), StatusCode::UNAUTHORIZED),
        (Some("Bearer"), StatusCode::UNAUTHORIZED),
        (Some("Bearer "), StatusCode::UNAUTHORIZED),
        (Some(shorter), StatusCode::UNAUTHORIZED),
        (Some(&longer), StatusCode::UNAUTHORIZED),
        (Some(&basic), StatusCode::UNAUTHORIZED),
        (Some(TOKEN), StatusCode::UNAUTHORIZED),
        (Some(&lower), StatusCode::ACCEPTED),
        (Some(&right), StatusCode::ACCEPTED),
    ] {
        let headers: Vec<_> = sent.map(|value| ("authorization", value)).into_iter().collect();
        let answer = post(&rig, RECONCILE, &headers).await;
        assert_eq!(answer.status, status, "{sent:?}");
        if status == StatusCode::UNAUTHORIZED {
            assert_eq!(answer.problem(), "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert!(!answer.text.contains(TOKEN));
        } else {
            assert_eq!(answer.json(), json!({"environment": "prod", "run": "run-prod"}));
            assert_eq!(answer.header("location"), "/api/v1/runs/run-prod");
        }
    }
    assert_eq!(
        *rig.engine.asked.lock().unwrap(),
        vec![("prod".to_owned(), Trigger::Manual); 2]
    );
    // A form cannot send a token, so there is none.
    assert_eq!(
        post(&rig, FORM, &[("host", "localhost"), ("authorization", &right)])
            .await
            .problem(),
        "forbidden"
    );
    assert!(!get(&rig, "/environments/prod").await.text.contains("<form"));
    let unknown = post(
        &rig,
        "/api/v1/environments/nope/reconcile",
        &[("authorization", &right)],
    )
    .await;
    assert_eq!(unknown.problem(), "unknown-environment");
    assert_eq!(
        post(&rig, "/api/v1/environments/nope/reconcile", &[]).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn without_a_token_a_post_must_come_from_this_machine_and_no_foreign_page() {
    let rig = plain();
    let table: &[(&[(&str, &str)], bool)] = &[
        (&[("host", "127.0.0.1:8080")], true),
        (&[("host", "localhost:8080")], true),
        (&[("host", "LOCALHOST")], true),
        (&[("host", "[::1]:8080")], true),
        (&[("host", "127.5.0.1")], true),
        (&[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")], true),
        (
            &[
                ("host", "127.0.0.1:8080"),
                ("origin", "http://127.0.0.1:8080"),
                ("sec-fetch-site", "same-origin"),
            ],
            true,
        ),
        (&[], false),
        (&[("host", "rebound.example:8080")], false),
        (&[("host", "127.0.0.1.rebound.example")], false),
        (&[("host", "localhost.rebound.example")], false),
        (&[("host", "user@localhost")], false),
        (&[("host", "10.0.0.1")], false),
        (&[("host", "0.0.0.0")], false),
        (&[("host", "localhost"), ("host", "rebound.example")], false),
        (
            &[("host", "rebound.example"), ("origin", "http://rebound.example")],
            false,
        ),
        (
            &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:9090")],
            false,
        ),
        (
            &[("host", "127.0.0.1:8080"), ("origin", "http://localhost:8080")],
            false,
        ),
        (
            &[("host", "127.0.0.1:8080"), ("origin", "https://foreign.example")],
            false,
        ),
        (&[("host", "127.0.0.1:8080"), ("origin", "null")], false),
        (&[("host", "127.0.0.1:8080"), ("origin", "")], false),
        (&[("host", "127.0.0.1:8080"), ("sec-fetch-site", "cross-site")], false),
    ];
    for (headers, passes) in table {
        for (path, good) in [(RECONCILE, StatusCode::ACCEPTED), (FORM, StatusCode::SEE_OTHER)] {
            let answer = post(&rig, path, headers).await;
            if *passes {
                assert_eq!(answer.status, good, "{path} {headers:?}: {}", answer.text);
            } else {
                assert_eq!(
                    (answer.status, answer.problem().as_str()),
                    (StatusCode::FORBIDDEN, "forbidden"),
                    "{path} {headers:?}"
                );
            }
        }
    }
    let back = post(&rig, FORM, &[("host", "localhost")]).await;
    assert_eq!(back.header("location"), "/environments/prod");
}

#[tokio::test]
async fn without_a_token_nobody_posts_to_a_listener_that_others_can_reach() {
    for listen in ["0.0.0.0:8080", "10.0.0.1:8080", "[::]:8080"] {
        let (overview, runs) = troubled(Utc::now(), "acme");
        let rig = rig(overview, runs, Access::new(None, listen.parse().unwrap()));
        for path in [RECONCILE, FORM] {
            assert_eq!(
                post(&rig, path, &[("host", "localhost")]).await.status,
                StatusCode::FORBIDDEN
            );
        }
        assert!(rig.engine.asked.lock().unwrap().is_empty());
        assert_eq!(get(&rig, "/api/v1/environments").await.status, StatusCode::OK);
    }
}

fn signature(body: &[u8], secret: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .unwrap()
        .chain_update(body);
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256={hex}")
}

async fn deliver(rig: &Rig, event: &str, id: Option<&str>, body: &[u8]) -> Answer {
    let signature = signature(body, WEBHOOK_SECRET);
    let mut headers = vec![
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", event),
        ("content-type", "application/json"),
    ];
    headers.extend(id.map(|id| ("x-github-delivery", id)));
    send(
        &rig.router,
        request(Method::POST, "/webhooks/github", &headers, body.to_vec()),
    )
    .await
}

fn outcome(rig: &Rig) -> Option<(String, &'static str)> {
    let last = rig.deliveries.lock().unwrap().last().cloned();
    assert!(last.as_ref().is_none_or(|(_, outcome)| OUTCOMES.contains(outcome)));
    last
}

fn github(outcome: &'static str) -> Option<(String, &'static str)> {
    Some(("github".to_owned(), outcome))
}

const PUSH: &[u8] = br#"{"ref":"refs/heads/main","after":"0000000000000000000000000000000000000000"}"#;

#[tokio::test]
async fn a_push_to_a_watched_branch_is_a_reason_to_look_again() {
    let rig = plain();
    let answer = deliver(&rig, "push", Some("one"), PUSH).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let runs = answer.json()["runs"].clone();
    assert_eq!(runs.as_array().unwrap().len(), 3);
    assert_eq!(runs[0], json!({"environment": "dev", "run": "run-dev"}));
    assert_eq!(
        rig.engine.asked.lock().unwrap()[0],
        ("dev".to_owned(), Trigger::Webhook("github".to_owned()))
    );
    assert_eq!(outcome(&rig), github("accepted"));
}

#[tokio::test]
async fn deliveries_that_are_no_reason_to_look_are_answered_without_work() {
    let rig = plain();
    let table: [(&str, &[u8], &str, &'static str); 6] = [
        ("ping", br#"{"zen":"Keep it logically awesome."}"#, "pong", "ping"),
        ("push", br#"{"ref":"refs/heads/feature/main"}"#, "ignored", "ignored"),
        ("push", br#"{"ref":"refs/tags/main"}"#, "ignored", "ignored"),
        ("push", br#"{"ref":"refs/heads/old"}"#, "ignored", "ignored"),
        ("issues", br#"{"action":"opened"}"#, "ignored", "ignored"),
        ("pull_request", br#"{"ref":"refs/heads/main"}"#, "ignored", "ignored"),
    ];
    for (event, body, result, counted) in table {
        let answer = deliver(&rig, event, None, body).await;
        assert_eq!(
            (answer.status, &answer.json()["result"]),
            (StatusCode::OK, &json!(result)),
            "{event}"
        );
        assert_eq!(outcome(&rig), github(counted));
    }
    assert!(rig.engine.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_delivery_that_is_not_signed_is_refused_before_it_is_read() {
    let rig = plain();
    let right = signature(PUSH, WEBHOOK_SECRET);
    let other = signature(PUSH, "another-secret");
    let of_another_body = signature(b"{}", WEBHOOK_SECRET);
    let sha1 = right.replace("sha256=", "sha1=");
    let table: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![("x-hub-signature-256", "")],
        vec![("x-hub-signature-256", &other)],
        vec![("x-hub-signature-256", &of_another_body)],
        vec![("x-hub-signature-256", &sha1)],
        vec![("x-hub-signature", &right)],
        vec![("x-signature", &right)],
        vec![("x-hub-signature-256", &right[..20])],
        vec![("x-hub-signature-256", &right), ("x-hub-signature-256", &other)],
    ];
    for mut headers in table {
        headers.extend([("x-github-event", "push"), ("content-type", "application/json")]);
        let answer = send(&rig.router, request(Method::POST, "/webhooks/github", &headers, PUSH)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::UNAUTHORIZED, "bad-signature"),
            "{headers:?}"
        );
        assert_eq!(outcome(&rig), github("bad_signature"));
    }
    // Neither a broken body nor a ping is looked at before the signature holds.
    let headers = [("x-github-event", "ping"), ("content-type", "application/json")];
    assert_eq!(
        send(&rig.router, request(Method::POST, "/webhooks/github", &headers, "{"))
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
    assert!(rig.engine.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_signed_body_that_is_no_push_is_malformed() {
    let rig = plain();
    let deep = "[".repeat(100_000);
    for body in ["", "{", "[]", r#"{"ref":7}"#, r#"{"before":"x"}"#, "\u{0}", &deep] {
        let answer = deliver(&rig, "push", None, body.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::BAD_REQUEST, "malformed")
        );
        assert_eq!(outcome(&rig), github("malformed"));
    }
    let signature = signature(PUSH, WEBHOOK_SECRET);
    for kind in ["application/x-www-form-urlencoded", "text/plain", ""] {
        let headers = [
            ("x-hub-signature-256", signature.as_str()),
            ("x-github-event", "push"),
            ("content-type", kind),
        ];
        let answer = send(&rig.router, request(Method::POST, "/webhooks/github", &headers, PUSH)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json")
        );
    }
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("content-type", "application/json; charset=utf-8"),
    ];
    let answer = send(&rig.router, request(Method::POST, "/webhooks/github", &headers, PUSH)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let rig = plain();
    let limit = 256 * 1024;
    let body = vec![b' '; limit + 1];
    // Announced: nothing is read.
    let length = body.len().to_string();
    let never = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let announced = request(Method::POST, "/webhooks/github", &[("content-length", &length)], never);
    let answer = send(&rig.router, announced).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too-large")
    );
    assert_eq!(outcome(&rig), github("too_large"));
    // In pieces, without a length.
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = body.chunks(4096).map(|piece| Ok(piece.to_vec())).collect();
    let streamed = request(
        Method::POST,
        "/webhooks/generic",
        &[],
        Body::from_stream(futures::stream::iter(pieces)),
    );
    let answer = send(&rig.router, streamed).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too-large")
    );
    // One of exactly the limit is read.
    let mut exact = PUSH.to_vec();
    exact.resize(limit, b' ');
    assert_eq!(deliver(&rig, "push", None, &exact).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_delivery_that_was_accepted_before_is_a_duplicate() {
    let rig = plain();
    let asked = || rig.engine.asked.lock().unwrap().len();
    assert_eq!(
        deliver(&rig, "push", Some("a"), PUSH).await.status,
        StatusCode::ACCEPTED
    );
    let again = deliver(&rig, "push", Some("a"), PUSH).await;
    assert_eq!(
        (again.status, &again.json()["result"]),
        (StatusCode::OK, &json!("duplicate"))
    );
    assert_eq!(outcome(&rig), github("duplicate"));
    assert_eq!(asked(), 3);
    // What was refused or ignored before is not a duplicate.
    assert_eq!(
        deliver(&rig, "push", Some("b"), b"{").await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        deliver(&rig, "push", Some("b"), PUSH).await.status,
        StatusCode::ACCEPTED
    );
    // Memory is bounded: the oldest is forgotten, the newest not.
    for number in 0..1024 {
        assert_eq!(
            deliver(&rig, "push", Some(&number.to_string()), PUSH).await.status,
            StatusCode::ACCEPTED
        );
    }
    assert_eq!(deliver(&rig, "push", Some("1023"), PUSH).await.status, StatusCode::OK);
    assert_eq!(
        deliver(&rig, "push", Some("a"), PUSH).await.status,
        StatusCode::ACCEPTED
    );
    // Deliveries without an id cannot be told apart.
    assert_eq!(deliver(&rig, "push", None, PUSH).await.status, StatusCode::ACCEPTED);
    assert_eq!(deliver(&rig, "push", None, PUSH).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_generic_delivery_needs_its_signature_and_nothing_else() {
    let rig = plain();
    for body in ["", "anything", "{"] {
        let signature = signature(body.as_bytes(), WEBHOOK_SECRET);
        let send = |name: &'static str| {
            let request = request(
                Method::POST,
                "/webhooks/generic",
                &[(name, &signature)],
                body.to_owned(),
            );
            async { send(&rig.router, request).await }
        };
        assert_eq!(send("x-signature").await.status, StatusCode::ACCEPTED);
        assert_eq!(outcome(&rig), Some(("generic".to_owned(), "accepted")));
        assert_eq!(send("x-hub-signature-256").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_unknown_webhook_is_not_found_and_not_counted() {
    let rig = plain();
    let answer = post(&rig, "/webhooks/nope", &[]).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::NOT_FOUND, "unknown-webhook")
    );
    assert_eq!(outcome(&rig), None);
}

#[tokio::test]
async fn every_answer_carries_the_guarding_headers() {
    let rig = plain();
    for path in [
        "/",
        "/environments/prod",
        "/runs/20261122T0940-prod",
        "/nope",
        "/assets/app.js",
        "/api/v1/environments",
        "/metrics",
    ] {
        let answer = get(&rig, path).await;
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        let cache = if path.starts_with("/assets") {
            "public, max-age=31536000, immutable"
        } else {
            "no-store"
        };
        assert_eq!(answer.header("cache-control"), cache, "{path}");
    }
}

#[tokio::test]
async fn pages_show_what_the_engine_and_history_say() {
    let rig = plain();
    let overview = get(&rig, "/").await;
    assert_eq!(overview.header("content-type"), "text/html; charset=utf-8");
    for text in [
        "1 of 3 environments needs attention",
        "1 failed",
        "2 changed by hand (for 43 min)",
        "applying 3 of 12",
        "Allow larger order amounts",
        "stale for 43 min: git.example.com does not answer",
        "4b825dc642",
        "1 updated, 61 in sync",
    ] {
        assert!(overview.text.contains(text), "{text} is missing");
    }
    let prod = overview.text.find("/environments/prod").unwrap();
    assert!(
        prod < overview.text.find("/environments/dev").unwrap(),
        "what needs attention comes first"
    );

    let environment = get(&rig, "/environments/prod").await;
    for text in [
        "action=\"&#x2f;environments&#x2f;prod&#x2f;reconcile\"",
        "unresolved variable",
        "3:5",
        "give it a value under",
        "403, the token",
        "unresolved reference",
        "properties.max",
        "9000",
        "10000",
        "(secret)",
        "orders__between__amount.yaml:4:3",
        ">applied<",
        ">reported<",
        "3 attempts",
    ] {
        let raw = text.replace("&#x2f;", "/");
        assert!(
            environment.text.contains(text) || environment.text.contains(&raw),
            "{text} is missing"
        );
    }
    let run = get(&rig, "/runs/20261122T0940-prod").await;
    for text in [
        "partial",
        "4.2 s",
        "invalid:",
        "422: the platform refuses the content",
        "it depends on a step that failed",
        "error[unresolved_variable]",
    ] {
        assert!(run.text.contains(text), "{text} is missing");
    }
    for page in [&overview, &environment, &run] {
        assert!(!page.text.contains("hunter"), "a secret reached a page");
    }
    for path in ["/environments/nope", "/runs/nope"] {
        let answer = get(&rig, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.text.contains("There is no"));
    }
}

#[tokio::test]
async fn an_empty_overview_is_a_page_too() {
    let rig = rig(Overview::default(), Vec::new(), loopback());
    let page = get(&rig, "/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("No environments yet") && page.text.contains("No run yet"));
}

#[tokio::test]
async fn all_in_sync_is_said_in_one_line() {
    let now = Utc::now();
    let overview = Overview {
        environments: [
            (EnvironmentName("dev".to_owned()), calm("dev", now)),
            (EnvironmentName("prod".to_owned()), calm("prod", now)),
        ]
        .into(),
        sources: [("dq-config".to_owned(), source(now, "acme"))].into(),
    };
    let page = get(&rig(overview, Vec::new(), loopback()), "/").await;
    assert!(page.text.contains("<h1>All 2 environments are in sync</h1>"));
}

#[tokio::test]
async fn hostile_text_never_reaches_a_page_raw() {
    let rig = hostile();
    let name = segment(HOSTILE);
    for path in [
        "/".to_owned(),
        format!("/environments/{name}"),
        format!("/runs/{name}"),
        format!("/environments/{name}x"),
        format!("/runs/{name}x"),
    ] {
        let page = get(&rig, &path).await.text;
        assert!(page.contains("window.hacked"), "{path} shows none of it");
        for raw in [
            "<script>",
            "<img",
            "onerror=window.hacked=1>",
            "\"'>",
            "<!--",
            "{{",
            "49&lt;",
        ] {
            // The template's own comment marks and braces are gone by now; nothing else writes these.
            let shown = page.replace("{{7*7}}", "");
            assert!(!shown.contains(raw), "{path} holds {raw}");
        }
        assert_eq!(page.matches("<script").count(), 1, "{path}: only ours");
        assert_eq!(page.matches("</title>").count(), 1);
        assert_eq!(page.matches("</main>").count(), 1);
    }
    for path in ["/api/v1/environments", "/nope%3Cscript%3E"] {
        let answer = get(&rig, path).await;
        assert!(
            answer.header("content-type").starts_with("application/"),
            "no browser reads it as a page"
        );
    }
    let back = post(
        &rig,
        &format!("/environments/{name}/reconcile"),
        &[("host", "localhost")],
    )
    .await;
    assert!(back.header("location").starts_with("/environments/%22%27%3E%3Cscript"));
}

#[tokio::test]
async fn assets_are_addressed_by_their_content() {
    let rig = plain();
    let page = get(&rig, "/").await.text;
    for (asset, kind) in [
        ("/assets/app.css?", "text/css; charset=utf-8"),
        ("/assets/app.js?", "text/javascript; charset=utf-8"),
    ] {
        let escaped = asset.replace('/', "&#x2f;");
        let (found, asset) = match page.find(asset) {
            Some(at) => (&page[at..], asset),
            None => (&page[page.find(&escaped).unwrap()..], escaped.as_str()),
        };
        let mark = &found[asset.len()..found.find('"').unwrap()];
        assert_eq!(mark.len(), 12, "{mark}");
        let answer = get(&rig, &format!("{}{mark}", asset.replace("&#x2f;", "/"))).await;
        assert_eq!(answer.header("content-type"), kind);
        assert!(
            !answer.text.contains("http://") && !answer.text.contains("https://"),
            "nothing comes from elsewhere"
        );
    }
}

#[tokio::test]
async fn an_event_is_sent_at_once_and_on_each_change() {
    let rig = plain();
    let request = request(Method::GET, "/api/v1/events", &[("last-event-id", "no such event")], "");
    let response = rig.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut frames = response.into_body().into_data_stream();
    let mut next = async || {
        let frame = tokio::time::timeout(PATIENCE, frames.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        String::from_utf8(frame.to_vec()).unwrap()
    };
    let first = next().await;
    assert!(
        first.contains("event: overview") && first.contains("\"prod\":{\"standing\":\"failed\""),
        "{first}"
    );
    for revision in ["1111", "2222"] {
        rig.engine.overview.send_modify(|overview| {
            let mut next = Overview::clone(overview);
            let prod = next.environments.get_mut(&EnvironmentName("prod".to_owned())).unwrap();
            prod.revision = Some(driftless_core::key::Revision(revision.to_owned()));
            *overview = next.into();
        });
        let event = next().await;
        assert!(event.contains(revision), "{event}");
    }
}

#[tokio::test]
async fn readers_of_events_are_bounded_and_give_their_place_back() {
    let rig = plain();
    let open = async || {
        let request = request(Method::GET, "/api/v1/events", &[], "");
        rig.router.clone().oneshot(request).await.unwrap()
    };
    let mut readers = Vec::new();
    for _ in 0..256 {
        readers.push(open().await);
    }
    assert_eq!(open().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    readers.pop();
    assert_eq!(open().await.status(), StatusCode::OK);
}

async fn served(
    rig: &Rig,
) -> (
    std::net::SocketAddr,
    CancellationToken,
    tokio::task::JoinHandle<std::io::Result<()>>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, rig.router.clone(), stop.clone()));
    (address, stop, server)
}

#[tokio::test]
async fn streams_and_idle_connections_end_when_the_process_stops() {
    let rig = plain();
    let (address, stop, server) = served(&rig).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut buffer = [0; 4096];
    assert!(idle.read(&mut buffer).await.unwrap() > 0);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("event: overview") {
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(count > 0);
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    stop.cancel();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(
        rest.ends_with(b"0\r\n\r\n"),
        "the stream ends as HTTP says, and is not cut off"
    );
    tokio::time::timeout(PATIENCE, server).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_header_that_never_ends_is_cut_off() {
    let rig = plain();
    let (address, _stop, _server) = served(&rig).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.unwrap();
    let mut rest = Vec::new();
    // A connection that is reset is cut off as well.
    let _ = tokio::time::timeout(PATIENCE, slow.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn an_environment_that_waits_needs_no_attention() {
    let now = Utc::now();
    let mut view = calm("dev", now);
    view.last_run = None;
    view.last_success = None;
    view.next = Some(now + TimeDelta::seconds(5));
    view.kinds = Vec::new();
    let overview = Overview {
        environments: [(EnvironmentName("dev".to_owned()), view)].into(),
        ..Overview::default()
    };
    let page = get(&rig(overview, Vec::new(), loopback()), "/").await.text;
    assert!(page.contains("0 of 1 environments are in sync, 1 waiting for the first run"));
    assert!(page.contains("Nothing read yet"));
}
