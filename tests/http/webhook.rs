//! Deliveries: signatures first, then meaning.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use driftless::server::OUTCOMES;
use driftless::store::Trigger;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::support::{self, Rig, WEBHOOK_SECRET};
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
        ("check_run", br#"{"ref":"refs/heads/main"}"#, "ignored", "ignored"),
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
    let limit = 640 * 1024;
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

/// What is read of a `pull_request` delivery (docs.github.com, "Webhook events and payloads"), among what is not.
fn pull_request(action: &str, repository: &str, number: u64) -> Vec<u8> {
    let payload = json!({
        "action": action,
        "number": number,
        "pull_request": {"number": number, "state": "open", "draft": false, "head": {"ref": "work", "sha": "0".repeat(40)}},
        "repository": {"id": 7, "name": "shop", "full_name": repository, "private": true},
        "sender": {"login": "octo-bot", "id": 1},
    });
    payload.to_string().into_bytes()
}

/// What is read of a `Merge Request Hook` (docs.gitlab.com, "Webhook events"), among what is not.
fn merge_request(action: Option<&str>, project: &str, iid: u64) -> Vec<u8> {
    let mut payload = json!({
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "project": {"id": 7, "name": "shop", "path_with_namespace": project, "default_branch": "main"},
        "object_attributes": {"id": 99, "iid": iid, "state": "opened", "draft": false, "source_branch": "work"},
        "labels": [],
        "repository": {"name": "shop"},
    });
    if let Some(action) = action {
        payload["object_attributes"]["action"] = json!(action);
    }
    payload.to_string().into_bytes()
}

async fn deliver_gitlab(rig: &Rig, event: &str, ids: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut headers = vec![
        ("x-gitlab-token", WEBHOOK_SECRET),
        ("x-gitlab-event", event),
        ("content-type", "application/json"),
    ];
    headers.extend(ids);
    send(
        &rig.router,
        request(Method::POST, "/webhooks/gitlab", &headers, body.to_vec()),
    )
    .await
}

fn gitlab(outcome: &'static str) -> Option<(String, &'static str)> {
    Some(("gitlab".to_owned(), outcome))
}

fn moved(rig: &Rig) -> Vec<(String, String, u64)> {
    std::mem::take(&mut *rig.pulls.moved.lock().unwrap())
}

#[tokio::test]
async fn a_pull_request_that_moved_is_handed_on_by_its_repository_and_number_alone() {
    let rig = plain();
    let actions = [
        "opened",
        "synchronize",
        "reopened",
        "labeled",
        "unlabeled",
        "ready_for_review",
        "converted_to_draft",
        "edited",
        "closed",
    ];
    for action in actions {
        let answer = deliver(&rig, "pull_request", None, &pull_request(action, "acme/shop", 12)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{action}");
        assert_eq!(
            answer.json(),
            json!({"runs": [], "pull_request": {"repository": "acme/shop", "number": 12}})
        );
        assert_eq!(outcome(&rig), github("accepted"));
        assert_eq!(
            moved(&rig),
            [("github".to_owned(), "acme/shop".to_owned(), 12)],
            "{action}"
        );
    }
    for action in ["open", "reopen", "update", "close", "merge"] {
        let body = merge_request(Some(action), "acme/data/shop", 3);
        let answer = deliver_gitlab(&rig, "Merge Request Hook", &[], &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{action}");
        assert_eq!(outcome(&rig), gitlab("accepted"));
        assert_eq!(
            moved(&rig),
            [("gitlab".to_owned(), "acme/data/shop".to_owned(), 3)],
            "{action}"
        );
    }
    assert!(rig.engine.asked.lock().unwrap().is_empty(), "no source has moved");
}

#[tokio::test]
async fn a_delivery_that_the_store_does_not_take_is_not_answered_as_accepted_and_is_taken_when_it_comes_again() {
    let rig = plain();
    *rig.pulls.unstored.lock().unwrap() = Some("cannot write /srv/private/driftless.db".to_owned());
    let body = pull_request("opened", "acme/shop", 12);
    let refused = deliver(&rig, "pull_request", Some("one"), &body).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "store")
    );
    assert_eq!(outcome(&rig), github("unstored"));
    assert_eq!(moved(&rig), []);
    let again = deliver(&rig, "pull_request", Some("one"), &body).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(moved(&rig).len(), 1);
}

#[tokio::test]
async fn what_moves_no_watched_pull_request_is_ignored() {
    let rig = plain();
    for (action, repository) in [("assigned", "acme/shop"), ("", "acme/shop"), ("opened", "acme/other")] {
        let answer = deliver(&rig, "pull_request", Some("one"), &pull_request(action, repository, 12)).await;
        assert_eq!(
            (answer.status, &answer.json()["result"]),
            (StatusCode::OK, &json!("ignored"))
        );
        assert_eq!(outcome(&rig), github("ignored"));
    }
    for action in [Some("approved"), Some("unapproval"), None] {
        let body = merge_request(action, "acme/shop", 12);
        let answer = deliver_gitlab(&rig, "Merge Request Hook", &[], &body).await;
        assert_eq!(
            (answer.status, &answer.json()["result"]),
            (StatusCode::OK, &json!("ignored"))
        );
    }
    for event in ["Note Hook", "Pipeline Hook", "System Hook", "push"] {
        let answer = deliver_gitlab(&rig, event, &[], PUSH).await;
        assert_eq!(
            (answer.status, &answer.json()["result"]),
            (StatusCode::OK, &json!("ignored")),
            "{event}"
        );
        assert_eq!(outcome(&rig), gitlab("ignored"));
    }
    assert_eq!(moved(&rig), []);
    // What was ignored is no duplicate when it comes again.
    let again = deliver(
        &rig,
        "pull_request",
        Some("one"),
        &pull_request("opened", "acme/shop", 12),
    )
    .await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_pull_request_is_ignored_where_none_is_configured() {
    let rig = support::without_pulls();
    let answer = deliver(&rig, "pull_request", None, &pull_request("opened", "acme/shop", 12)).await;
    assert_eq!(
        (answer.status, &answer.json()["result"]),
        (StatusCode::OK, &json!("ignored"))
    );
    assert_eq!(outcome(&rig), github("ignored"));
}

#[tokio::test]
async fn a_payload_that_names_no_pull_request_is_malformed() {
    let rig = plain();
    let no_number = br#"{"action":"opened","repository":{"full_name":"acme/shop"}}"#;
    let bad: [&[u8]; 7] = [
        b"{",
        br#"{"action":"opened"}"#,
        no_number,
        &pull_request("opened", "acme/shop", 0),
        &pull_request("opened", "shop", 1),
        &pull_request("opened", "acme//shop", 1),
        &pull_request("opened", &format!("acme/{}", "s".repeat(5000)), 1),
    ];
    for body in bad {
        let answer = deliver(&rig, "pull_request", None, body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::BAD_REQUEST, "malformed")
        );
    }
    let answer = deliver_gitlab(&rig, "Merge Request Hook", &[], b"{\"object_attributes\":{}}").await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::BAD_REQUEST, "malformed")
    );
    assert_eq!(outcome(&rig), gitlab("malformed"));
    assert_eq!(moved(&rig), []);
}

#[tokio::test]
async fn a_push_of_gitlabs_is_a_reason_to_look_again() {
    let rig = plain();
    let answer = deliver_gitlab(&rig, "Push Hook", &[], PUSH).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["runs"].as_array().unwrap().len(), 3);
    assert_eq!(
        rig.engine.asked.lock().unwrap()[0],
        ("dev".to_owned(), Trigger::Webhook("gitlab".to_owned()))
    );
    let other = br#"{"object_kind":"tag_push","ref":"refs/tags/v1"}"#;
    let answer = deliver_gitlab(&rig, "Tag Push Hook", &[], other).await;
    assert_eq!(
        (answer.status, &answer.json()["result"]),
        (StatusCode::OK, &json!("ignored"))
    );
}

#[tokio::test]
async fn a_delivery_of_gitlabs_without_its_secret_is_refused_before_it_is_read() {
    let rig = plain();
    let signed = signature(PUSH, WEBHOOK_SECRET);
    let table: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![("x-gitlab-token", "")],
        vec![("x-gitlab-token", "another-secret")],
        vec![("x-gitlab-token", &WEBHOOK_SECRET[1..])],
        vec![("x-gitlab-token", WEBHOOK_SECRET), ("x-gitlab-token", WEBHOOK_SECRET)],
        vec![("x-hub-signature-256", &signed)],
        vec![("authorization", WEBHOOK_SECRET)],
    ];
    for mut headers in table {
        headers.extend([("x-gitlab-event", "Push Hook"), ("content-type", "application/json")]);
        for body in [PUSH, b"{"] {
            let answer = send(&rig.router, request(Method::POST, "/webhooks/gitlab", &headers, body)).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (StatusCode::UNAUTHORIZED, "bad-signature"),
                "{headers:?}"
            );
            assert!(!answer.text.contains(WEBHOOK_SECRET));
            assert_eq!(outcome(&rig), gitlab("bad_signature"));
        }
    }
    let headers = [("x-gitlab-token", WEBHOOK_SECRET), ("content-type", "application/json")];
    let answer = send(&rig.router, request(Method::POST, "/webhooks/gitlab", &headers, PUSH)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(rig.engine.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_delivery_of_gitlabs_is_known_by_its_key_or_by_its_event_and_what_moved() {
    let rig = plain();
    let first = merge_request(Some("update"), "acme/shop", 1);
    let second = merge_request(Some("update"), "acme/shop", 2);
    let hook = "Merge Request Hook";
    let key = [("idempotency-key", "k1"), ("x-gitlab-event-uuid", "e1")];
    assert_eq!(
        deliver_gitlab(&rig, "Push Hook", &key, PUSH).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(
        deliver_gitlab(&rig, "Push Hook", &key, PUSH).await.status,
        StatusCode::OK
    );
    assert_eq!(outcome(&rig), gitlab("duplicate"));
    // Servers before 17.4: a push to a branch of two merge requests is one event.
    let event = [("x-gitlab-event-uuid", "e2")];
    assert_eq!(
        deliver_gitlab(&rig, hook, &event, &first).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(
        deliver_gitlab(&rig, hook, &event, &second).await.status,
        StatusCode::ACCEPTED
    );
    let push = async || deliver_gitlab(&rig, "Push Hook", &event, PUSH).await.status;
    assert_eq!(
        (push().await, push().await),
        (StatusCode::ACCEPTED, StatusCode::OK),
        "the push itself"
    );
    assert_eq!(moved(&rig).len(), 2);
}

#[tokio::test]
async fn a_delivery_of_a_pull_request_that_is_sent_again_is_a_reason_to_look_again() {
    let rig = plain();
    let (opened, update) = (
        pull_request("opened", "acme/shop", 12),
        merge_request(Some("update"), "acme/shop", 1),
    );
    let key = [("idempotency-key", "k1"), ("x-gitlab-event-uuid", "e1")];
    for _ in 0..3 {
        let answer = deliver(&rig, "pull_request", Some("one"), &opened).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(outcome(&rig), github("accepted"));
        let answer = deliver_gitlab(&rig, "Merge Request Hook", &key, &update).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(outcome(&rig), gitlab("accepted"));
        assert_eq!(moved(&rig).len(), 2);
    }
}

#[tokio::test]
async fn the_documented_payloads_are_read_whole() {
    let rig = plain();
    // Their sources stand in tests/forge/documented.rs.
    let payloads = [
        include_str!("../forge/documented/github_hook_opened.json"),
        include_str!("../forge/documented/github_hook_synchronize.json"),
        include_str!("../forge/documented/github_hook_labeled.json"),
        include_str!("../forge/documented/github_hook_ready_for_review.json"),
        include_str!("../forge/documented/github_hook_closed.json"),
    ];
    for payload in payloads {
        let payload = payload.replace("Codertocat/Hello-World", "acme/shop");
        let answer = deliver(&rig, "pull_request", None, payload.as_bytes()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(moved(&rig), [("github".to_owned(), "acme/shop".to_owned(), 2)]);
    }
    let payload =
        include_str!("../forge/documented/gitlab_hook.json").replace("gitlabhq/gitlab-test", "acme/data/shop");
    for action in ["open", "update", "reopen", "close", "merge"] {
        let payload = payload.replace(r#""action":"open""#, &format!(r#""action":"{action}""#));
        let answer = deliver_gitlab(&rig, "Merge Request Hook", &[], payload.as_bytes()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(moved(&rig), [("gitlab".to_owned(), "acme/data/shop".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn a_secret_of_the_other_forges_kind_opens_no_webhook() {
    let rig = plain();
    let signed = signature(PUSH, WEBHOOK_SECRET);
    let wrong = signature(PUSH, "another-secret");
    let table = [
        ("/webhooks/github", vec![("x-gitlab-token", WEBHOOK_SECRET)]),
        (
            "/webhooks/github",
            vec![("x-gitlab-token", WEBHOOK_SECRET), ("x-hub-signature-256", &wrong)],
        ),
        (
            "/webhooks/gitlab",
            vec![("x-hub-signature-256", &signed), ("x-gitlab-token", "another-secret")],
        ),
    ];
    for (path, mut headers) in table {
        headers.extend([
            ("x-github-event", "push"),
            ("x-gitlab-event", "Push Hook"),
            ("content-type", "application/json"),
        ]);
        let answer = send(&rig.router, request(Method::POST, path, &headers, PUSH)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
    }
    assert!(rig.engine.asked.lock().unwrap().is_empty());
}
