//! Who may send a POST.

use axum::http::StatusCode;
use chrono::Utc;
use driftless::server::Access;
use driftless::store::Trigger;
use serde_json::json;

use crate::support::{TOKEN, rig, troubled, with_token};
use crate::{get, plain, post};

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
