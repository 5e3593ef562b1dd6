//! Data sources: made, read, tested; never changed.

use driftless::sandbox::datafold::{Duplicates, FailedTest, Options, Pace, Switches};
use serde_json::{Value, json};

use crate::bench::Bench;

fn pg(name: &str) -> Value {
    json!({ "name": name, "type": "pg",
            "options": { "host": "h.example", "dbname": "d", "user": "u", "password": "swordfish" } })
}

#[tokio::test]
async fn what_is_made_is_read_with_defaults_and_without_secrets() {
    let bench = Bench::seeded().await;
    let made = bench.post("data_sources", pg("third")).await;
    assert_eq!(made["options"]["port"], 5432);
    assert_eq!(made["accessible"], true);
    let path = format!("data_sources/{}", made["id"]);
    assert_eq!(bench.get(&path).await, made);
    assert_eq!(bench.get("data_sources").await.as_array().unwrap().len(), 3);
    let summary = json!({ "id": made["id"], "name": "third", "type": "pg" });
    assert_eq!(bench.get(&format!("{path}/summary")).await, summary);
    for path in ["data_sources".to_owned(), path] {
        assert!(!bench.get(&path).await.to_string().contains("swordfish"));
    }
    let state = bench.side("GET", "state?full=1", Value::Null).await;
    assert!(!state.to_string().contains("swordfish"), "{state}");
    for method in ["PUT", "PATCH", "DELETE"] {
        assert_eq!(bench.api(method, "data_sources/7", json!({})).await.0, 405, "{method}");
    }
}

#[tokio::test]
async fn a_name_is_taken_once_unless_the_switch_says_otherwise() {
    let bench = Bench::seeded().await;
    assert_eq!(bench.api("POST", "data_sources", pg("warehouse")).await.0, 409);
    let switches = Switches {
        duplicate_data_sources: Duplicates::Accept,
        ..Switches::default()
    };
    let bench = Bench::switched(switches).await;
    bench.post("data_sources", pg("warehouse")).await;
}

#[tokio::test]
async fn what_a_type_needs_is_asked_for_all_at_once() {
    let bench = Bench::seeded().await;
    let (status, body) = bench
        .api("POST", "data_sources", json!({ "name": "x", "type": "mysql" }))
        .await;
    assert_eq!(status, 422);
    let places: Vec<&str> = body["detail"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["loc"][2].as_str().unwrap())
        .collect();
    assert_eq!(places, ["host", "user", "password", "db"]);
    let (status, _) = bench
        .api("POST", "data_sources", json!({ "name": "x", "type": "mystery" }))
        .await;
    assert_eq!(status, 422);
    let types = bench.get("data_sources/types").await;
    assert_eq!(types.as_array().unwrap().len(), 27);
    assert_eq!(
        types[0]["configuration_schema"]["secret"],
        json!(["password", "rootcert"])
    );
}

#[tokio::test]
async fn a_test_tells_each_step() {
    let options = |switches| Options {
        seed: Some(json!({ "data_sources": [
            { "id": 1, "name": "good", "type": "duckdb" },
            { "id": 2, "name": "gone", "type": "trino", "options": { "host": "x.invalid", "dbname": "d", "user": "u" } },
            { "id": 3, "name": "poor", "type": "duckdb",
              "test": { "temp_schema": { "code": "error", "message": "permission denied" } } },
            { "id": 4, "name": "closed", "type": "duckdb", "accessible": false },
        ] })),
        switches,
        ..Options::default()
    };
    let codes = |job: &Value| -> Vec<String> {
        let results = job["results"].as_array().unwrap().iter();
        results
            .map(|step| step["result"]["code"].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    let bench = Bench::start(options(Switches::default())).await;
    for (id, expected) in [
        (1, ["OK", "OK", "OK", "OK"]),
        (2, ["ERROR", "SKIP", "SKIP", "SKIP"]),
        (3, ["OK", "ERROR", "OK", "OK"]),
    ] {
        let job = bench.post(&format!("data_sources/{id}/test"), json!({})).await;
        let job = bench.get(&format!("data_sources/test/{}", job["job_id"])).await;
        assert_eq!(
            (job["status"].as_str(), codes(&job)),
            (Some("done"), expected.map(str::to_owned).to_vec())
        );
    }
    assert_eq!(bench.api("POST", "data_sources/4/test", json!({})).await.0, 403);
    assert_eq!(bench.api("GET", "data_sources/4", Value::Null).await.0, 403);
    let tested = &bench.get("data_sources").await[2]["last_test"];
    assert_eq!(tested["results"][1]["result"]["message"], "permission denied");
    let slow = Switches {
        tests: Pace::Polls(2),
        failed_test: FailedTest::Failed,
        ..Switches::default()
    };
    let bench = Bench::start(options(slow)).await;
    let job = bench.post("data_sources/3/test", json!({})).await;
    let path = format!("data_sources/test/{}", job["job_id"]);
    let first = bench.get(&path).await;
    assert_eq!(
        (first["status"].as_str(), codes(&first)),
        (
            Some("processing"),
            ["OK", "ERROR", "-", "-"].map(str::to_owned).to_vec()
        )
    );
    assert_eq!(bench.get(&path).await["status"], "failed");
}
