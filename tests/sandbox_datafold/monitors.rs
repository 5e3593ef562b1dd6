//! Monitors over the API: made, read, changed as far as they can be, run.

use driftless::sandbox::datafold::{Pace, Schedules, Switches, Unspecified};
use serde_json::{Value, json};

use crate::bench::Bench;

/// A body of each kind, and what the full object says is monitored.
fn kinds() -> [(&'static str, Value, Value); 4] {
    let side = |table: &str| json!({ "connection_id": 7, "table": table, "filter": "x > 1" });
    let shown = |table: &str| json!({ "connection_id": 7, "table": table, "query": null, "column": null, "filter": "x > 1", "metric": null });
    [
        (
            "diff",
            json!({
                "alert": { "different_rows_count": 5 },
                "datadiff": {
                    "diff_type": "indb", "primary_key": ["ID"], "dataset_a": side("A"), "dataset_b": side("B"),
                    "sampling": { "rate": 0.5 }, "exclude_columns": ["NOTE"],
                },
            }),
            json!([shown("A"), shown("B")]),
        ),
        (
            "metric",
            json!({ "connection_id": 7, "metric": { "type": "column", "table": "A", "column": "C", "metric": "sum" } }),
            json!([{ "connection_id": 7, "table": "A", "query": null, "column": "C", "filter": null, "metric": "sum" }]),
        ),
        (
            "test",
            json!({ "connection_id": 7, "query": "select 1" }),
            json!([{ "connection_id": 7, "table": null, "query": "select 1", "column": null, "filter": null, "metric": null }]),
        ),
        (
            "schema",
            json!({ "connection_id": 9, "table": "A" }),
            json!([{ "connection_id": 9, "table": "A", "query": null, "column": null, "filter": null, "metric": null }]),
        ),
    ]
}

fn named(name: &str, rest: &Value) -> Value {
    let mut body = json!({ "name": name, "schedule": { "interval": { "every": "hour" } } });
    body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    body
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn objects_have_exactly_the_fields_of_the_description() {
    let bench = Bench::seeded().await;
    let short = [
        "id",
        "name",
        "monitor_type",
        "enabled",
        "created_at",
        "modified_at",
        "last_run",
        "last_alert",
        "state",
        "owner",
        "tags",
    ];
    let full = ["schedule", "dataset", "alert", "notifications", "description"];
    for (kind, rest, dataset) in kinds() {
        let made = bench.post(&format!("monitors/create/{kind}"), named(kind, &rest)).await;
        assert_eq!(keys(&made), ["id"]);
        let row = bench.get(&format!("monitors/{}", made["id"])).await;
        assert_eq!(keys(&row), [&short[..], &full[..]].concat());
        assert_eq!((&row["monitor_type"], &row["dataset"]), (&json!(kind), &dataset));
        assert_eq!(
            (&row["enabled"], &row["tags"], &row["notifications"]),
            (&json!(true), &json!([]), &json!([]))
        );
    }
    let diff = bench.get("monitors/1").await;
    assert_eq!(diff["alert"], json!({ "different_rows_count": 5, "type": "diff" }));
    let page = bench.get("monitors").await;
    assert_eq!(keys(&page), ["count", "page", "page_size", "total_pages", "monitors"]);
    for row in page["monitors"].as_array().unwrap() {
        assert_eq!(keys(row), short);
    }
    let time = diff["created_at"].as_str().unwrap();
    assert!(time.ends_with(".653283+00:00"), "{time}");
}

#[tokio::test]
async fn a_list_has_pages_an_order_and_tags() {
    let bench = Bench::seeded().await;
    let (_, rest, _) = &kinds()[3];
    for (name, tag) in [("b", "one"), ("c", "two"), ("a", "one")] {
        let mut body = named(name, rest);
        body["tags"] = json!([tag]);
        bench.post("monitors/create/schema", body).await;
    }
    let names = async |query: &str| -> Vec<String> {
        let page = bench.get(&format!("monitors?{query}")).await;
        let rows = page["monitors"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["a", "c", "b"], "the newest first");
    assert_eq!(names("order_by=name&sort_order=asc").await, ["a", "b", "c"]);
    assert_eq!(names("tags=two,three").await, ["c"]);
    assert_eq!(names("page=2&page_size=2").await, ["b"]);
    let page = bench.get("monitors?page=2&page_size=2").await;
    assert_eq!((&page["count"], &page["total_pages"]), (&json!(3), &json!(2)));
    assert_eq!(bench.api("GET", "monitors?order_by=mood", Value::Null).await.0, 422);
    assert_eq!(bench.api("GET", "monitors?page=0", Value::Null).await.0, 422);
}

#[tokio::test]
async fn what_is_monitored_cannot_be_changed() {
    let bench = Bench::seeded().await;
    let (_, rest, _) = &kinds()[0];
    bench.post("monitors/create/diff", named("Copy", rest)).await;
    let change = json!({
        "type": "diff", "name": "Other", "tags": ["x"], "enabled": false, "connection_id": 9,
        "datadiff": { "primary_key": ["ID", "AT"], "dataset_a": { "connection_id": 9, "table": "Z" } },
    });
    assert_eq!(
        bench.api("PATCH", "monitors/1/update", change).await,
        (200, Value::Null)
    );
    let row = bench.get("monitors/1").await;
    assert_eq!(
        (&row["name"], &row["tags"], &row["enabled"]),
        (&json!("Other"), &json!(["x"]), &json!(true))
    );
    assert_eq!(row["dataset"][0]["table"], "A");
    let state = bench.side("GET", "state", Value::Null).await;
    assert_eq!(state["monitors"][0]["datadiff"]["primary_key"], json!(["ID", "AT"]));
    let (status, _) = bench
        .api("PATCH", "monitors/1/update", json!({ "type": "metric" }))
        .await;
    assert_eq!(status, 422);
    bench.api("PUT", "monitors/1/toggle", json!({ "enabled": false })).await;
    assert_eq!(bench.get("monitors/1").await["enabled"], false);
    assert_eq!(bench.api("PUT", "monitors/1/toggle", json!({})).await.0, 422);
}

#[tokio::test]
async fn answers_without_a_described_body_are_as_the_switch_says() {
    for (unspecified, expected) in [
        (Unspecified::Null, Value::Null),
        (Unspecified::Object, json!({})),
        (Unspecified::Empty, json!("nothing")),
    ] {
        let bench = Bench::switched(Switches {
            unspecified,
            ..Switches::default()
        })
        .await;
        let (_, rest, _) = &kinds()[3];
        bench.post("monitors/create/schema", named("A", rest)).await;
        assert_eq!(bench.api("DELETE", "monitors/1", Value::Null).await, (200, expected));
        assert_eq!(bench.api("DELETE", "monitors/1", Value::Null).await.0, 404);
    }
}

#[tokio::test]
async fn schedules_may_be_read_back_with_their_type() {
    let bench = Bench::switched(Switches {
        schedules: Schedules::Tagged,
        ..Switches::default()
    })
    .await;
    let (_, rest, _) = &kinds()[3];
    for (at, (schedule, kind)) in (1..).zip([
        (json!({ "interval": { "every": "hour" } }), "hourly"),
        (json!({ "interval": { "every": "day", "utc_at": "06:30" } }), "daily"),
        (json!({ "cron": "0 6 * * *" }), "crontab"),
        (json!({ "type": "none" }), "none"),
    ]) {
        let mut body = named("A", rest);
        body["schedule"] = schedule;
        bench.post("monitors/create/schema", body).await;
        assert_eq!(bench.get(&format!("monitors/{at}")).await["schedule"]["type"], kind);
    }
    bench.side("PUT", "switches", json!({ "schedules": "as_sent" })).await;
    assert_eq!(
        bench.get("monitors/3").await["schedule"],
        json!({ "cron": "0 6 * * *" })
    );
}

#[tokio::test]
async fn a_body_that_does_not_hold_makes_nothing() {
    let bench = Bench::seeded().await;
    let (_, rest, _) = &kinds()[1];
    for change in [
        json!({ "connection_id": 8 }),
        json!({ "schedule": null }),
        json!({ "metric": { "type": "table", "metric": "column_count" } }),
        json!({ "name": null }),
    ] {
        let mut body = named("A", rest);
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        assert_eq!(
            bench.api("POST", "monitors/create/metric", body).await.0,
            422,
            "{change}"
        );
    }
    assert_eq!(bench.api("POST", "monitors/create/poem", json!({})).await.0, 404);
    assert_eq!(bench.get("monitors").await["count"], 0);
}

#[tokio::test]
async fn a_run_takes_its_looks() {
    let bench = Bench::switched(Switches {
        monitor_runs: Pace::Polls(2),
        ..Switches::default()
    })
    .await;
    let (_, rest, _) = &kinds()[3];
    bench.post("monitors/create/schema", named("A", rest)).await;
    assert_eq!(bench.post("monitors/1/run", json!({})).await, json!({ "run_id": 1 }));
    bench.post("monitors/1/run", json!({})).await;
    let page = bench.get("monitors/1/runs").await;
    assert_eq!(
        (&page["count"], &page["runs"][0]["state"]),
        (&json!(2), &json!("queued"))
    );
    let after = page["runs"][0]["started_at"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(
        bench.get(&format!("monitors/1/runs?start_time={after}")).await["count"],
        1
    );
    assert_eq!(bench.get("monitors/1/runs/1").await["state"], "checking");
    assert_eq!(bench.get("monitors/1/runs/1").await["state"], "ok");
    assert_eq!(bench.api("GET", "monitors/1/runs/9", Value::Null).await.0, 404);
    let writes = bench.side("GET", "writes", Value::Null).await;
    assert_eq!(
        (&writes["count"], writes["operations"].as_array().unwrap().len()),
        (&json!(1), 2)
    );
}
