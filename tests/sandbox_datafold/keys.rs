//! Keys: who may do what, and what a refusal says.

use driftless::sandbox::datafold::{Errors, Switches};
use serde_json::{Value, json};

use crate::bench::Bench;

#[tokio::test]
async fn a_key_does_what_its_rights_allow() {
    let bench = Bench::seeded().await;
    assert_eq!(bench.get("organization/meta").await["org_id"], 1);
    let source = json!({ "name": "third", "type": "duckdb" });
    let bench = bench.with_rights("read").await;
    assert_eq!(bench.get("data_sources").await.as_array().unwrap().len(), 2);
    assert_eq!(bench.api("POST", "data_sources", source.clone()).await.0, 403);
    let bench = bench.with_rights("none").await;
    assert_eq!(bench.get("organization/meta").await["user_id"], 1);
    assert_eq!(bench.api("GET", "data_sources", Value::Null).await.0, 403);
    let bench = bench.with_rights("admin").await;
    bench.post("data_sources", source).await;
}

#[tokio::test]
async fn without_the_word_key_nobody_is_known() {
    let bench = Bench::seeded().await;
    let key = bench.server.key();
    for header in [
        format!("Bearer {key}"),
        key.to_owned(),
        "Key wrong".to_owned(),
        format!("key {key}"),
    ] {
        let request = reqwest::Client::new().get(format!("{}/api/v1/monitors", bench.server.url()));
        let response = request.header("Authorization", &header).send().await.unwrap();
        assert_eq!(response.status(), 401, "{header}");
    }
}

#[tokio::test]
async fn a_refusal_is_written_as_the_switch_says() {
    let bench = Bench::seeded().await;
    let (status, body) = bench.api("GET", "monitors/5", Value::Null).await;
    assert_eq!((status, body), (404, json!({ "detail": "Monitor 5 not found" })));
    let (status, body) = bench.api("POST", "data_sources", json!({ "type": "pg" })).await;
    assert_eq!(status, 422);
    assert_eq!(body["detail"][0]["loc"], json!(["body", "name"]));
    let switches = Switches {
        errors: Errors::Problem,
        ..Switches::default()
    };
    let bench = Bench::switched(switches).await;
    let response = bench
        .request("GET", "/api/v1/monitors/5", &Value::Null)
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    let expected = json!({
        "type": "/errors/not-found", "status": 404, "instance": "/api/v1/monitors/5", "title": "Not found",
        "detail": "Monitor 5 not found",
    });
    assert_eq!(body, expected);
    let (status, body) = bench.api("POST", "data_sources", json!({ "type": "pg" })).await;
    assert_eq!((status, &body["type"]), (422, &json!("/errors/validation")));
    assert_eq!(body["errors"][0]["loc"], json!(["body", "name"]));
}
