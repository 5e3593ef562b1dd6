//! Deliveries: signatures first, then meaning.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use driftless::server::OUTCOMES;
use driftless::store::Trigger;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::support::{Rig, WEBHOOK_SECRET};
use crate::{Answer, plain, post, request, send};

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
