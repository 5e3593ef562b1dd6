//! What a network and a proxy do to requests, the request log, and changes behind a client's back.

use std::time::Duration;

use driftless::sandbox::datafold::{Options, Server, Switches};
use serde_json::{Value, json};

use crate::bench::{Bench, head, metric};

impl Bench {
    async fn fault(&self, rule: Value) {
        self.side("PUT", "faults", json!([rule])).await;
    }
}

/// A trigger, and how many runs there are then.
async fn trigger(bench: &Bench) -> (Result<(u16, String), reqwest::Error>, usize) {
    let request = bench.request("POST", "/api/v1/ci/286/trigger", &head("a1"));
    let answer = async {
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok((status, response.text().await?))
    };
    let answer = answer.await;
    bench.side("DELETE", "faults", Value::Null).await;
    (answer, bench.runs("").await.len())
}

#[tokio::test]
async fn a_fault_comes_before_or_after_the_effect() {
    for (rule, status, runs) in [
        (json!({ "kind": "reset_before" }), None, 0),
        (json!({ "kind": "reset_after" }), None, 1),
        (json!({ "kind": "truncate" }), None, 1),
        (json!({ "kind": "timeout", "delay_ms": 1 }), Some(504), 0),
        (json!({ "kind": "timeout_after", "delay_ms": 1 }), Some(504), 1),
        (json!({ "kind": "status", "status": 502 }), Some(502), 0),
        (json!({ "kind": "status", "status": 500, "after": true }), Some(500), 1),
        (json!({ "kind": "html" }), Some(200), 0),
        (json!({ "kind": "invalid_json" }), Some(200), 1),
        (json!({ "kind": "slow_drip", "delay_ms": 1 }), Some(200), 1),
    ] {
        let bench = Bench::seeded().await;
        bench.fault(rule.clone()).await;
        let (answer, made) = trigger(&bench).await;
        assert_eq!((answer.ok().map(|(status, _)| status), made), (status, runs), "{rule}");
        let log = bench.side("GET", "requests", Value::Null).await;
        let effect = if runs == 1 { 200 } else { 0 };
        assert_eq!(log["requests"][0]["effect"], effect, "{rule}");
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_again() {
    let bench = Bench::seeded().await;
    let rule = json!({ "kind": "status", "status": 429, "retry_after": 3, "method": "GET", "path_prefix": "/v1/monitors", "nth": 2 });
    bench.fault(rule).await;
    assert_eq!(bench.api("GET", "monitors", Value::Null).await.0, 200);
    let response = bench
        .request("GET", "/api/v1/monitors", &Value::Null)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"3".parse().unwrap())
    );
    assert_eq!(bench.api("GET", "monitors", Value::Null).await.0, 200);
    bench.side("PUT", "switches", json!({ "retry_after": 7 })).await;
    bench.fault(json!({ "kind": "status" })).await;
    let response = bench
        .request("GET", "/api/v1/monitors", &Value::Null)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"7".parse().unwrap())
    );
}

#[tokio::test]
async fn a_page_may_miscount_be_empty_or_hide_a_row() {
    let bench = Bench::seeded().await;
    bench.provision(json!({ "a": metric("A"), "b": metric("B") })).await;
    for (rule, count, rows) in [
        (json!({ "kind": "wrong_total" }), 3, 2),
        (json!({ "kind": "empty_page" }), 2, 0),
        (json!({ "kind": "hide", "hide": [1] }), 1, 1),
    ] {
        bench.fault(rule.clone()).await;
        let page = bench.get("monitors").await;
        let seen = (
            page["count"].as_u64().unwrap(),
            page["monitors"].as_array().unwrap().len(),
        );
        assert_eq!(seen, (count, rows), "{rule}");
    }
    bench.fault(json!({ "kind": "hide", "hide": [7] })).await;
    assert_eq!(
        bench.get("data_sources").await.as_array().unwrap().len(),
        1,
        "a bare list has no total"
    );
    bench.fault(json!({ "kind": "empty_page" })).await;
    assert_eq!(bench.get("data_sources").await, json!([]));
}

#[tokio::test]
async fn somebody_changes_things_right_after_an_answer() {
    let bench = Bench::seeded().await;
    bench.provision(json!({ "a": metric("A") })).await;
    let edit = |body: Value| json!({ "kind": "meanwhile", "nth": 1, "edits": [body] });
    let renamed = json!({ "kind": "monitor", "where": { "slug": "a" }, "set": { "name": "By hand" } });
    bench.fault(edit(renamed)).await;
    assert_eq!(bench.get("monitors/1").await["name"], "A");
    assert_eq!(bench.get("monitors/1").await["name"], "By hand");
    let host = json!({ "options": { "host": "new.example", "password": "other" }, "is_paused": true });
    bench
        .fault(edit(
            json!({ "kind": "data_source", "where": { "name": "warehouse" }, "set": host }),
        ))
        .await;
    let before = bench.side("GET", "state", Value::Null).await;
    bench.get("monitors/1").await;
    let row = bench.get("data_sources/7").await;
    assert_eq!(
        (&row["options"]["host"], &row["is_paused"]),
        (&json!("new.example"), &json!(true))
    );
    let after = bench.side("GET", "state", Value::Null).await;
    assert_ne!(
        before["data_sources"][0]["secrets"],
        after["data_sources"][0]["secrets"]
    );
    for (kind, place, path) in [
        ("monitor", json!({ "id": 1 }), "monitors/1"),
        ("data_source", json!({ "name": "warehouse" }), "data_sources/7"),
        ("ci_config", json!({ "id": 286 }), "ci/286/runs"),
    ] {
        bench
            .side("POST", "edit", json!({ "kind": kind, "where": place, "delete": true }))
            .await;
        assert_eq!(bench.api("GET", path, Value::Null).await.0, 404, "{kind}");
    }
    let (status, _) = bench.call("POST", "/_sandbox/edit", json!({ "kind": "poem" })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_log_counts_writes() {
    let bench = Bench::seeded().await;
    bench.get("monitors").await;
    bench.post("ci/286/trigger", head("a1")).await;
    bench.api("POST", "ci/286/trigger", json!({})).await;
    bench.call("POST", "/api/internal/sdk/log", json!({ "logs": [] })).await;
    let writes = bench.side("GET", "writes", Value::Null).await;
    assert_eq!((&writes["count"], &writes["succeeded"]), (&json!(2), &json!(1)));
    assert_eq!(writes["writes"][0]["path"], "/api/v1/ci/286/trigger");
    let log = bench.side("GET", "requests", Value::Null).await;
    assert!(!log.to_string().contains("a1"), "bodies are not kept: {log}");
    bench.side("DELETE", "requests", Value::Null).await;
    assert_eq!(bench.side("GET", "writes", Value::Null).await["count"], 0);
}

#[tokio::test]
async fn a_seed_that_does_not_hold_together_is_refused_at_its_place() {
    for (seed, place) in [
        (json!({ "monitors": [metric("A")] }), "monitors[0]"),
        (json!({ "data_sources": [{ "name": "x" }] }), "data_sources[0]"),
        (
            json!({ "ci_configs": [{ "name": "x", "data_source": "none" }] }),
            "ci_configs[0]",
        ),
        (
            json!({ "comparisons": [{ "prod": "a", "pr": "b", "outcome": "odd" }] }),
            "comparisons[0]",
        ),
        (json!({ "ci_runs": [{}] }), "ci_runs[0]"),
        (json!({ "poems": [] }), "poems"),
    ] {
        let options = Options {
            seed: Some(seed),
            ..Options::default()
        };
        let fault = Server::start(options).await.err().unwrap().to_string();
        assert!(fault.starts_with(place), "{fault}");
    }
    let bench = Bench::seeded().await;
    let (status, _) = bench.call("POST", "/_sandbox/seed", json!({ "poems": [] })).await;
    assert_eq!(status, 400);
    assert_eq!(
        bench.get("data_sources").await.as_array().unwrap().len(),
        2,
        "it is as it was"
    );
}

#[tokio::test]
async fn a_seeded_run_and_monitor_are_there_with_their_numbers() {
    let bench = Bench::seeded().await;
    let mut monitor = metric("Seeded");
    monitor["id"] = json!(40);
    monitor["slug"] = json!("seeded");
    monitor["connection_id"] = json!("warehouse");
    let run = json!({ "ci_config_id": 286, "pr_num": 6, "pr_branch": "feat", "pr_sha": "a1", "base_branch": "main",
                      "base_sha": "b", "status": "processing" });
    bench
        .side("POST", "seed?add=1", json!({ "monitors": [monitor], "ci_runs": [run] }))
        .await;
    assert_eq!(bench.get("monitors/40").await["dataset"][0]["connection_id"], 7);
    assert_eq!(bench.runs("").await, [(1, "processing".to_owned())]);
    let job = bench
        .provision(json!({ "seeded": metric("Seeded"), "next": metric("Next") }))
        .await;
    assert_eq!(Bench::counts(&job["result"]), ([1, 0, 1, 0, 0], vec![]));
    assert_eq!(bench.get("monitors/41").await["name"], "Next");
}

#[tokio::test]
async fn a_server_that_is_stopped_answers_nobody() {
    let options = Options {
        switches: Switches::default(),
        latency: Duration::from_millis(1),
        ..Options::default()
    };
    let bench = Bench::start(options).await;
    let request = || bench.request("GET", "/api/v1/monitors", &Value::Null);
    let again = request();
    assert_eq!(request().send().await.unwrap().status(), 200);
    bench.server.stop().await;
    assert!(again.send().await.is_err());
}
