//! The probes, the metrics and the reads under `/api/v1`.

use axum::http::StatusCode;
use driftless::engine::Overview;
use serde_json::{Value as Json, json};

use crate::support::{plan, report};
use crate::{get, plain, post};

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
    assert_eq!(
        drift["resources"][0]["place"],
        "qualytics-config/datastores/warehouse_prod/checks/orders/orders__between__amount.yaml:4:3"
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
        "/api/v1/environments/prod/nope",
        "/api/v1/runs/x/nope",
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
async fn a_name_that_is_no_utf_8_is_a_problem_document() {
    let rig = plain();
    for path in [
        "/api/v1/environments/%FF",
        "/api/v1/runs/%FF",
        "/environments/%C3%28",
        "/runs/%FF",
    ] {
        let answer = get(&rig, path).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::BAD_REQUEST, "bad-path"),
            "{path}"
        );
    }
    assert_eq!(post(&rig, "/webhooks/%FF", &[]).await.problem(), "bad-path");
}
