//! Monitors from files: jobs, dry runs, what dangles.

use serde_json::json;

use crate::bench::{Bench, metric};

#[tokio::test]
async fn a_monitor_is_made_once_and_found_unchanged_then() {
    let bench = Bench::seeded().await;
    let monitors = json!({ "orders-rows": metric("Rows of orders") });
    let dry = json!({ "config": { "monitors": monitors }, "dry_run": true });
    let job = Bench::ok(bench.start_job(dry.clone()).await);
    assert_eq!(job["status"], "queued");
    let job = bench.job(&job["id"]).await;
    assert_eq!(
        (job["status"].as_str(), Bench::counts(&job["result"]).0),
        (Some("done"), [1, 0, 0, 0, 0])
    );
    assert_eq!(bench.get("monitors").await["count"], 0);
    let job = bench.provision(monitors.clone()).await;
    assert_eq!(Bench::counts(&job["result"]), ([1, 0, 0, 0, 0], vec![]));
    assert_eq!(
        job["result"]["created_monitors"],
        json!([{ "id": 1, "slug": "orders-rows", "name": "Rows of orders" }])
    );
    let job = bench.provision(monitors).await;
    assert_eq!(Bench::counts(&job["result"]), ([0, 0, 1, 0, 0], vec![]));
    let job = bench.provision(json!({ "orders-rows": metric("Orders") })).await;
    assert_eq!(Bench::counts(&job["result"]), ([0, 1, 0, 0, 0], vec![]));
    assert_eq!(bench.get("monitors/1").await["name"], "Orders");
    let writes = bench.side("GET", "writes", json!(null)).await;
    assert_eq!(writes["count"], 3, "a dry run is no write: {writes}");
}
