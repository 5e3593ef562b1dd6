//! Suspending, resuming and approving: who may, what a body must be, what is answered.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use chrono::{TimeDelta, Utc};
use driftless::engine::Overview;
use driftless::store::Trigger;
use driftless::store::drifts::DriftRecord;
use driftless_core::key::{Digest, EnvironmentName, Key, Kind};
use driftless_core::plan::{BlockReason, Plan};
use serde_json::{Value as Json, json};

use crate::support::{HOSTILE, Rig, TOKEN, rig, troubled, with_token};
use crate::{Answer, get, plain, request, send};

const SUSPEND: &str = "/api/v1/environments/prod/suspend";
const RESUME: &str = "/api/v1/environments/prod/resume";
const APPROVE: &str = "/api/v1/runs/20261122T0940-prod/approve";

async fn say(rig: &Rig, path: &str, body: &Json) -> Answer {
    let headers = [("host", "localhost"), ("content-type", "application/json")];
    send(&rig.router, request(Method::POST, path, &headers, body.to_string())).await
}

#[tokio::test]
async fn an_environment_is_suspended_with_a_reason_and_resumed() {
    let rig = plain();
    assert_eq!(
        get(&rig, "/api/v1/environments/prod").await.json()["suspended"],
        Json::Null
    );
    let body = json!({"reason": "  the warehouse\nmoves\u{1b}[2J  ", "by": "ann"});
    let answer = say(&rig, SUSPEND, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let suspended = json!({"reason": "the warehouse moves [2J", "by": "ann", "since": "2026-11-22T09:00:00Z"});
    assert_eq!(answer.json()["suspended"], suspended);
    assert_eq!(answer.json()["name"], "prod");
    assert_eq!(
        get(&rig, "/api/v1/environments/prod").await.json()["suspended"],
        suspended
    );
    let page = get(&rig, "/environments/prod").await.text;
    assert!(
        page.contains("the warehouse moves") && page.contains("driftless resume prod"),
        "{page}"
    );
    assert!(get(&rig, "/").await.text.contains("suspended"));
    let answer = say(&rig, RESUME, &Json::Null).await;
    assert_eq!(
        (answer.status, &answer.json()["suspended"]),
        (StatusCode::OK, &Json::Null)
    );
    assert!(
        !get(&rig, "/environments/prod")
            .await
            .text
            .contains("the warehouse moves")
    );
}

#[tokio::test]
async fn a_body_that_does_not_say_why_is_refused_with_what_is_wrong() {
    let rig = plain();
    for (body, says) in [
        (json!({}), "missing field `reason`"),
        (json!({"reason": ""}), "`reason` is empty"),
        (json!({"reason": " \u{7}\n "}), "`reason` is empty"),
        (json!({"reason": "x".repeat(501)}), "500 characters and has 501"),
        (json!({"reason": "x", "by": ""}), "`by` is empty"),
        (json!({"reason": "x", "by": "x".repeat(201)}), "`by` may have 200"),
        (json!({"reason": 1}), "expected a string"),
        (json!({"reason": "x", "until": "noon"}), "unknown field `until`"),
        (json!([]), "invalid length"),
    ] {
        let answer = say(&rig, SUSPEND, &body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::BAD_REQUEST, "bad-body"),
            "{body}"
        );
        assert!(answer.text.contains(says), "{body}: {}", answer.text);
    }
    let long = say(&rig, SUSPEND, &json!({"reason": "x".repeat(20_000)})).await;
    assert_eq!(
        (long.status, long.problem().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too-large")
    );
    assert_eq!(
        get(&rig, "/api/v1/environments/prod").await.json()["suspended"],
        Json::Null
    );
    let nowhere = say(&rig, "/api/v1/environments/nope/suspend", &json!({"reason": "x"})).await;
    assert_eq!(nowhere.problem(), "unknown-environment");
    let nowhere = say(&rig, "/api/v1/environments/nope/resume", &Json::Null).await;
    assert_eq!(nowhere.problem(), "unknown-environment");
}

#[tokio::test]
async fn a_plan_that_was_looked_at_is_let_through() {
    let rig = plain();
    let digest = Digest::of("prod").0;
    let answer = say(&rig, APPROVE, &json!({"digest": digest, "by": "ann"})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(answer.json(), json!({"environment": "prod", "run": "run-prod"}));
    assert_eq!(answer.header("location"), "/api/v1/runs/run-prod");
    assert_eq!(
        *rig.engine.approved.lock().unwrap(),
        [("20261122T0940-prod".to_owned(), digest.clone(), Some("ann".to_owned()))]
    );
    assert_eq!(
        *rig.engine.asked.lock().unwrap(),
        [("prod".to_owned(), Trigger::Approval)]
    );
    let moved = say(&rig, APPROVE, &json!({"digest": "0".repeat(64)})).await;
    assert_eq!(
        (moved.status, moved.problem().as_str()),
        (StatusCode::CONFLICT, "plan-moved")
    );
    assert_eq!(
        (&moved.json()["digest"], &moved.json()["environment"]),
        (&json!(digest), &json!("prod"))
    );
    for (run, status, problem) in [
        ("20261122T0936-staging", StatusCode::CONFLICT, "nothing-held"),
        ("nope", StatusCode::NOT_FOUND, "unknown-run"),
        ("no-store", StatusCode::SERVICE_UNAVAILABLE, "store"),
    ] {
        let answer = say(&rig, &format!("/api/v1/runs/{run}/approve"), &json!({"digest": digest})).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{run}");
        assert!(!answer.text.contains("private"));
    }
    let none = say(&rig, APPROVE, &json!({"by": "ann"})).await;
    assert_eq!(none.problem(), "bad-body");
}

#[tokio::test]
async fn each_of_them_needs_the_token_where_one_is_configured() {
    let (overview, runs) = troubled(Utc::now(), "acme");
    let rig = rig(overview, runs, with_token());
    let right = format!("Bearer {TOKEN}");
    let approval = json!({"digest": Digest::of("prod").0}).to_string();
    for (path, body, good) in [
        (SUSPEND, "{\"reason\": \"x\"}", StatusCode::OK),
        (RESUME, "", StatusCode::OK),
        (APPROVE, approval.as_str(), StatusCode::ACCEPTED),
    ] {
        for sent in [None, Some("Bearer wrong")] {
            let headers: Vec<_> = sent.map(|value| ("authorization", value)).into_iter().collect();
            let answer = send(&rig.router, request(Method::POST, path, &headers, body.to_owned())).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (StatusCode::UNAUTHORIZED, "unauthorized"),
                "{path}"
            );
        }
        let headers = [("authorization", right.as_str())];
        let answer = send(&rig.router, request(Method::POST, path, &headers, body.to_owned())).await;
        assert_eq!(answer.status, good, "{path}: {}", answer.text);
    }
    // Without one, a page of another origin may not.
    let rig = plain();
    for path in [SUSPEND, RESUME, APPROVE] {
        let headers = [("host", "localhost:8080"), ("origin", "https://foreign.example")];
        let answer = send(&rig.router, request(Method::POST, path, &headers, approval.clone())).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::FORBIDDEN, "forbidden"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_hostile_reason_stays_text() {
    let rig = plain();
    say(&rig, SUSPEND, &json!({"reason": HOSTILE, "by": HOSTILE})).await;
    for path in ["/", "/environments/prod"] {
        let page = get(&rig, path).await.text;
        assert!(!page.contains("<script>window") && !page.contains("<img"), "{path}");
    }
}

#[tokio::test]
async fn pages_say_how_a_plan_that_waits_is_approved_and_how_long_something_drifts() {
    let rig = plain();
    let key = Key::new(Kind("check"), ["warehouse-prod", "orders__between__amount"]);
    let at = Utc::now() - TimeDelta::hours(3);
    let record = DriftRecord {
        seen: 18,
        corrected: 5,
        open_since: Some(at),
        edited: Some("a person, at nine".to_owned()),
        ..DriftRecord::new(key.clone(), at)
    };
    rig.engine.overview.send_modify(|overview| {
        let mut next = Overview::clone(overview);
        let prod = next.environments.get_mut(&EnvironmentName("prod".to_owned())).unwrap();
        prod.drifts = Arc::new([(key, record)].into());
        let mut plan = Plan::clone(prod.plan.as_ref().unwrap());
        plan.blocked[0].reason = BlockReason::DeleteShare;
        prod.plan = Some(Arc::new(plan));
        *overview = next.into();
    });
    let page = get(&rig, "/environments/prod").await.text;
    for text in [
        "driftless approve 20261122T0940-prod",
        &Digest::of("prod").0,
        "first seen 3 h ago, seen 18 times, put back 5 times, last edited: a person, at nine",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    let drift = get(&rig, "/api/v1/environments/prod/drift").await.json();
    let resource = &drift["resources"][0];
    assert_eq!(
        (&resource["seen"], &resource["corrected"], &resource["edited"]),
        (&json!(18), &json!(5), &json!("a person, at nine"))
    );
    assert_eq!(resource["first_seen"], resource["since"]);
    assert_eq!(drift["resources"][1]["first_seen"], Json::Null);
    // The run is of the plan as it was before: nothing in it waits.
    assert!(
        !get(&rig, "/runs/20261122T0940-prod")
            .await
            .text
            .contains("driftless approve")
    );
}
