//! The runs of pull requests: as JSON, on pages and as events.

use axum::http::{Method, StatusCode};
use futures::StreamExt;
use serde_json::json;
use tower::ServiceExt;

use crate::support::{HOSTILE, Rig, open_pull_run, pull_run, without_pulls};
use crate::{PATIENCE, get, plain, request};

fn with_runs() -> Rig {
    let rig = plain();
    *rig.store.pull_runs.lock().unwrap() = vec![open_pull_run(8), pull_run(7, "shop")];
    rig
}

#[tokio::test]
async fn runs_of_pull_requests_are_listed_and_told_whole() {
    let rig = with_runs();
    let list = get(&rig, "/api/v1/pull-requests").await.json();
    let runs = list["pull_requests"].as_array().unwrap();
    assert_eq!(
        (runs[0]["number"].clone(), runs[1]["number"].clone()),
        (json!(8), json!(7))
    );
    assert_eq!(runs[1]["result"], "passed");
    assert_eq!(runs[0]["result"], json!(null));
    assert_eq!(runs[1]["duration_seconds"], 90.0);
    assert_eq!(runs[1]["url"], "https://git.example.com/acme/shop/pull/7");
    assert_eq!(runs[1].get("diffs"), None);
    let limited = get(&rig, "/api/v1/pull-requests?limit=1").await.json();
    assert_eq!(limited["pull_requests"].as_array().unwrap().len(), 1);
    for query in ["limit=0", "limit=201", "limit=x", "environment=prod"] {
        let answer = get(&rig, &format!("/api/v1/pull-requests?{query}")).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::BAD_REQUEST, "bad-query"),
            "{query}"
        );
    }
    let of = async |at: usize| {
        let id = runs[at]["id"].as_str().unwrap();
        get(&rig, &format!("/api/v1/pull-requests/{id}")).await.json()
    };
    let ended = of(1).await;
    assert_eq!(
        (&ended["diffs"][0]["status"], &ended["diffs"][0]["rows"]),
        (&json!("finished"), &json!([3, 5]))
    );
    let open = of(0).await;
    assert_eq!(
        (&open["diffs"][0]["status"], &open["diffs"][0]["pr"]),
        (&json!("asked"), &json!("pr_7.orders"))
    );
    let missing = get(&rig, "/api/v1/pull-requests/nope").await;
    assert_eq!(missing.problem(), "unknown-pull-request");
}

#[tokio::test]
async fn the_pages_show_pull_requests_where_there_are_ci_configurations() {
    let rig = with_runs();
    let overview = get(&rig, "/").await.text;
    for text in [
        "<h2>Pull requests</h2>",
        "#7</a>",
        "#8</a>",
        ">passed<",
        ">following<",
        "1 table: 1 differs.",
    ] {
        assert!(overview.contains(text), "{text} is missing: {overview}");
    }
    let id = pull_run(7, "shop").key.id();
    assert!(overview.contains(&format!("/pull-requests/{id}")));
    let page = get(&rig, &format!("/pull-requests/{id}")).await.text;
    for text in [
        "core.shop",
        "pr_7.orders",
        "rows 3 \u{2192} 5",
        "2 rows added",
        "columns added: shop",
        ">differs<",
        "datadiffs",
        "git.example.com",
    ] {
        assert!(page.contains(text), "{text} is missing: {page}");
    }
    assert_eq!(get(&rig, "/pull-requests/nope").await.status, StatusCode::NOT_FOUND);
    let without = get(&without_pulls(), "/").await.text;
    assert!(!without.contains("Pull requests"));
}

#[tokio::test]
async fn hostile_text_of_pull_requests_never_reaches_a_page_raw() {
    let rig = plain();
    let hostile = pull_run(7, HOSTILE);
    let mut leading_astray = hostile.clone();
    leading_astray.key.number = 9;
    leading_astray.state = leading_astray
        .state
        .replace("https://datafold", "javascript://datafold");
    *rig.store.pull_runs.lock().unwrap() = vec![hostile.clone(), leading_astray.clone()];
    for path in [
        "/".to_owned(),
        format!("/pull-requests/{}", hostile.key.id()),
        format!("/pull-requests/{}", leading_astray.key.id()),
    ] {
        let page = get(&rig, &path).await.text;
        assert!(page.contains("window.hacked"), "{path} shows none of it");
        for raw in ["<script>", "<img", "\"'>", "<!--", "49&lt;", "javascript:"] {
            let shown = page.replace("{{7*7}}", "");
            assert!(!shown.contains(raw), "{path} holds {raw}");
        }
        assert_eq!(page.matches("<script").count(), 1, "{path}: only ours");
    }
}

#[tokio::test]
async fn an_event_tells_that_a_run_was_written() {
    let rig = plain();
    let response = rig
        .router
        .clone()
        .oneshot(request(Method::GET, "/api/v1/events", &[], ""))
        .await
        .unwrap();
    let mut frames = response.into_body().into_data_stream();
    let mut next = async || {
        let frame = tokio::time::timeout(PATIENCE, frames.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        String::from_utf8(frame.to_vec()).unwrap()
    };
    assert!(next().await.contains("event: overview"));
    rig.pulls.recent.send_replace(vec![pull_run(7, "shop")].into());
    let event = next().await;
    let id = pull_run(7, "shop").key.id();
    assert!(
        event.contains("event: pull_requests") && event.contains(&id) && event.contains("passed"),
        "{event}"
    );
}

#[test]
fn no_two_keys_have_one_id() {
    let run = pull_run(7, "shop").key;
    let mut other = run.clone();
    (other.target, other.config) = ("datafolds".to_owned(), "hop".to_owned());
    assert_ne!(run.id(), other.id());
    assert_eq!(run.id(), pull_run(7, "shop").key.id());
    assert_ne!(run.id(), pull_run(8, "shop").key.id());
}
