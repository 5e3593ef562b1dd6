//! Monitors from files: jobs, dry runs, what dangles.

use driftless::sandbox::datafold::{Elements, Endpoint, FailedResult, Pace, ResultErrors, Switches, Unchanged};
use serde_json::{Value, json};

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

/// Provisions with this strategy: counts and errors.
async fn strategy(bench: &Bench, monitors: Value, strategy: &str) -> ([usize; 5], Vec<Value>) {
    let body = json!({ "config": { "monitors": monitors }, "dangling_monitors_strategy": strategy });
    let job = Bench::ok(bench.start_job(body).await);
    Bench::counts(&bench.job(&job["id"]).await["result"])
}

fn two() -> Value {
    json!({ "a": metric("A"), "b": metric("B") })
}

#[tokio::test]
async fn a_job_is_moved_on_by_those_who_look_and_lets_no_other_in() {
    let bench = Bench::switched(Switches {
        provisioning: Pace::Polls(2),
        ..Switches::default()
    })
    .await;
    let body = json!({ "config": { "monitors": two() } });
    let job = Bench::ok(bench.start_job(body.clone()).await);
    assert_eq!(
        job,
        json!({ "id": 1, "status": "queued", "progress": null, "result": null, "error": null })
    );
    assert_eq!(bench.get("monitors").await["count"], 0);
    let job = bench.job(&json!(1)).await;
    assert_eq!(
        job,
        json!({ "id": 1, "status": "processing", "progress": { "completed": 1, "total": 2 }, "result": null, "error": null })
    );
    assert_eq!(bench.get("monitors").await["count"], 1, "half of it is applied");
    // Whoever lost the answer is refused, until the job has ended.
    let (status, refused) = bench.start_job(body.clone()).await;
    assert_eq!(status, 409);
    assert!(refused["detail"].as_str().unwrap().contains("already in progress"));
    let job = bench.job(&json!(1)).await;
    assert_eq!(
        (&job["status"], &job["progress"]["completed"]),
        (&json!("done"), &json!(2))
    );
    assert_eq!(bench.start_job(body).await.0, 200);
    let nobody = bench
        .call("GET", "/api/internal/monitors/provision/jobs/9", Value::Null)
        .await;
    assert_eq!(nobody.0, 404);
}

#[tokio::test]
async fn somebody_else_may_be_provisioning() {
    let bench = Bench::seeded().await;
    bench
        .side("POST", "provisioning/occupy", json!({ "requests": 2 }))
        .await;
    let body = json!({ "config": { "monitors": two() }, "dry_run": true });
    assert_eq!(bench.start_job(body.clone()).await.0, 409);
    let at_once = bench
        .call("POST", "/api/internal/monitors/provision", body.clone())
        .await;
    assert_eq!(at_once.0, 409);
    assert_eq!(bench.start_job(body).await.0, 200);
}

#[tokio::test]
async fn a_held_job_ends_by_the_side_door() {
    let bench = Bench::switched(Switches {
        provisioning: Pace::Held,
        ..Switches::default()
    })
    .await;
    let body = json!({ "config": { "monitors": two() } });
    Bench::ok(bench.start_job(body.clone()).await);
    assert_eq!(bench.job(&json!(1)).await["status"], "queued");
    bench.side("POST", "provisioning/cancel", Value::Null).await;
    assert_eq!(bench.job(&json!(1)).await["status"], "cancelled");
    assert_eq!(bench.get("monitors").await["count"], 0);
    Bench::ok(bench.start_job(body).await);
    let ended = bench.side("POST", "provisioning/finish", Value::Null).await;
    assert_eq!(ended, json!({ "ended": true }));
    assert_eq!(bench.job(&json!(2)).await["status"], "done");
    let ended = bench.side("POST", "provisioning/finish", Value::Null).await;
    assert_eq!(ended, json!({ "ended": false }));
}

#[tokio::test]
async fn a_job_may_fail_half_way_and_what_it_made_stays() {
    for (failed_result, told) in [
        (FailedResult::Partial, json!(["a"])),
        (FailedResult::Absent, Value::Null),
    ] {
        let bench = Bench::switched(Switches {
            provisioning_fails_after: Some(1),
            failed_result,
            elements: Elements::Slugs,
            ..Switches::default()
        })
        .await;
        let dry = json!({ "config": { "monitors": two() }, "dry_run": true });
        let job = Bench::ok(bench.start_job(dry).await);
        assert_eq!(
            bench.job(&job["id"]).await["status"],
            "done",
            "a dry run does nothing that could fail"
        );
        let job = bench.provision(two()).await;
        assert_eq!(
            (&job["status"], &job["result"]["created_monitors"]),
            (&json!("failed"), &told)
        );
        assert!(job["error"].is_string());
        let made = bench.get("monitors").await;
        assert_eq!((&made["count"], &made["monitors"][0]["name"]), (&json!(1), &json!("A")));
    }
}

#[tokio::test]
async fn a_deployment_may_lack_jobs_or_all_of_it() {
    let body = json!({ "config": { "monitors": two() } });
    for (endpoint, status) in [(Endpoint::NotFound, 404), (Endpoint::NotImplemented, 501)] {
        let bench = Bench::switched(Switches {
            provisioning_jobs: endpoint,
            ..Switches::default()
        })
        .await;
        assert_eq!(bench.start_job(body.clone()).await.0, status);
        let path = "/api/internal/monitors/provision";
        let result = Bench::ok(bench.call("POST", path, body.clone()).await);
        assert_eq!(Bench::counts(&result), ([2, 0, 0, 0, 0], vec![]));
        bench
            .side("PUT", "switches", json!({ "provisioning_sync": endpoint }))
            .await;
        assert_eq!(bench.call("POST", path, body.clone()).await.0, status);
    }
}

#[tokio::test]
async fn lists_hold_what_the_switches_say() {
    for (elements, made, planned) in [
        (
            Elements::Objects,
            json!({ "id": 1, "slug": "a", "name": "A" }),
            json!({ "id": null, "slug": "a", "name": "A" }),
        ),
        (Elements::Names, json!("A"), json!("A")),
        (Elements::Slugs, json!("a"), json!("a")),
        (Elements::Ids, json!(1), Value::Null),
    ] {
        let bench = Bench::switched(Switches {
            elements,
            unchanged: Unchanged::Missing,
            result_errors: ResultErrors::Objects,
            ..Switches::default()
        })
        .await;
        let monitors = json!({ "a": metric("A"), "b": { "type": "poem" } });
        let dry = json!({ "config": { "monitors": monitors }, "dry_run": true });
        let job = Bench::ok(bench.start_job(dry).await);
        assert_eq!(
            bench.job(&job["id"]).await["result"]["created_monitors"],
            json!([planned])
        );
        let result = &bench.provision(monitors).await["result"];
        assert_eq!(result["created_monitors"], json!([made]));
        assert!(result.get("unchanged_monitors").is_none());
        let message = "type should be one of diff, metric, test, schema";
        assert_eq!(result["errors"], json!([{ "slug": "b", "message": message }]));
    }
}

#[tokio::test]
async fn monitors_of_people_do_not_dangle() {
    let bench = Bench::seeded().await;
    let mut by_hand = metric("By hand");
    by_hand.as_object_mut().unwrap().remove("type");
    bench.post("monitors/create/metric", by_hand).await;
    bench.provision(two()).await;
    let one = json!({ "a": metric("A") });
    assert_eq!(strategy(&bench, one.clone(), "ignore").await.0, [0, 0, 1, 0, 0]);
    assert_eq!(strategy(&bench, one.clone(), "pause").await.0, [0, 0, 1, 0, 1]);
    assert_eq!(
        strategy(&bench, one.clone(), "pause").await.0,
        [0, 0, 1, 0, 0],
        "it is paused"
    );
    assert_eq!(
        strategy(&bench, two(), "ignore").await.0,
        [0, 1, 1, 0, 0],
        "it is sent again"
    );
    assert_eq!(strategy(&bench, json!({}), "delete").await.0, [0, 0, 0, 2, 0]);
    let left = bench.get("monitors").await;
    assert_eq!(
        (&left["count"], &left["monitors"][0]["name"]),
        (&json!(1), &json!("By hand"))
    );
    let asked = bench.side("GET", "provisioning", Value::Null).await;
    assert_eq!(
        asked[5],
        json!({ "slugs": [], "dangling_monitors_strategy": "delete", "dry_run": false })
    );
    let wrong = json!({ "config": { "monitors": {} }, "dangling_monitors_strategy": "forget" });
    assert_eq!(bench.start_job(wrong).await.0, 422);
    assert_eq!(bench.start_job(json!({ "monitors": {} })).await.0, 422);
}

#[tokio::test]
async fn a_pinned_id_adopts_and_the_slug_is_remembered() {
    let bench = Bench::seeded().await;
    let mut by_hand = metric("By hand");
    by_hand.as_object_mut().unwrap().remove("type");
    bench.post("monitors/create/metric", by_hand).await;
    let mut adopted = metric("Adopted");
    adopted["id"] = json!(1);
    let counts = |job: &Value| Bench::counts(&job["result"]);
    assert_eq!(
        counts(&bench.provision(json!({ "x": adopted })).await),
        ([0, 1, 0, 0, 0], vec![])
    );
    assert_eq!(bench.get("monitors/1").await["name"], "Adopted");
    // Renamed by hand, it is still the monitor of its slug, with and without the id.
    let change = json!({ "type": "metric", "name": "Renamed by hand" });
    assert_eq!(bench.api("PATCH", "monitors/1/update", change).await.0, 200);
    assert_eq!(
        counts(&bench.provision(json!({ "x": metric("Adopted") })).await),
        ([0, 1, 0, 0, 0], vec![])
    );
    assert_eq!(bench.get("monitors").await["count"], 1);
    for (slug, id, change, expected) in [
        ("y", 1, json!({}), "y: monitor 1 is managed as x"),
        ("y", 5, json!({}), "y: monitor 5 does not exist"),
        ("y", 1, json!({ "type": "schema" }), "y: monitor 1 is of type metric"),
        (
            "x",
            1,
            json!({ "type": "schema" }),
            "x: the type of a monitor cannot be changed",
        ),
    ] {
        let mut spec = metric("Other");
        spec["id"] = json!(id);
        spec.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let (counts, errors) = counts(&bench.provision(json!({ slug: spec })).await);
        assert_eq!((counts, errors), ([0; 5], vec![json!(expected)]));
    }
}

#[tokio::test]
async fn a_definition_that_does_not_hold_is_an_error_beside_what_is_applied() {
    let bench = Bench::seeded().await;
    let changed = |change: Value| {
        let mut spec = metric("A");
        spec.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        spec
    };
    for (change, expected) in [
        (
            json!({ "connection_id": 8 }),
            "connection_id: data source 8 does not exist",
        ),
        (
            json!({ "connection_id": "warehouse" }),
            "connection_id: value is not a valid integer",
        ),
        (json!({ "schedule": {} }), "schedule: one of interval"),
        (
            json!({ "schedule": { "interval": { "every": "day", "hour": 30 } } }),
            "schedule.interval.hour",
        ),
        (json!({ "tags": null }), "tags: value is not a valid list"),
        (json!({ "alert": { "type": "absolute" } }), "alert: one of min, max"),
        (
            json!({ "notifications": [{ "type": "slack" }] }),
            "notifications.0.integration: field required",
        ),
        (
            json!({ "metric": { "type": "table", "metric": "mood" } }),
            "metric.metric",
        ),
        (json!({ "type": "test" }), "exactly one of query and test"),
        (json!({ "type": "diff" }), "datadiff: field required"),
        (json!({ "id": "7" }), "id should be a whole number"),
    ] {
        let monitors = json!({ "bad": changed(change.clone()), "good": metric("Good") });
        let (_, errors) = Bench::counts(&bench.provision(monitors).await["result"]);
        assert_eq!(errors.len(), 1, "{change}");
        let error = errors[0].as_str().unwrap();
        assert!(error.starts_with("bad: ") && error.contains(expected), "{error}");
        assert_eq!(bench.get("monitors").await["count"], 1);
    }
}

#[tokio::test]
async fn a_wildcard_is_a_monitor_of_each_table() {
    let bench = Bench::seeded().await;
    let all = |exclude: &str| {
        json!({ "all": {
            "type": "schema", "connection_id": 7, "schedule": { "type": "none" },
            "include_tables": ["shop.*"], "exclude_tables": exclude,
        } })
    };
    let counts = |job: &Value| Bench::counts(&job["result"]).0;
    assert_eq!(counts(&bench.provision(all("SHOP.STAGE.*")).await), [2, 0, 0, 0, 0]);
    assert_eq!(counts(&bench.provision(all("SHOP.STAGE.*")).await), [0, 0, 2, 0, 0]);
    assert_eq!(bench.get("monitors/1").await["dataset"][0]["table"], "SHOP.CORE.ORDERS");
    assert_eq!(counts(&bench.provision(all("SHOP.CORE.*")).await), [1, 0, 0, 2, 0]);
    let mut of_columns = metric("A");
    of_columns["include_tables"] = json!("SHOP.*");
    of_columns["metric"] = json!({ "type": "column", "table": "T", "column": "C", "metric": "sum" });
    let (_, errors) = Bench::counts(&bench.provision(json!({ "x": of_columns })).await["result"]);
    assert!(errors[0].as_str().unwrap().contains("wildcards are for"), "{errors:?}");
}
