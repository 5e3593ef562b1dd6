//! A server, and somebody who calls it.

use std::sync::Once;

use driftless::sandbox::datafold::{Options, Server, Switches};
use serde_json::{Value, json};

pub(crate) struct Bench {
    pub(crate) server: Server,
    client: reqwest::Client,
    key: String,
}

impl Bench {
    pub(crate) async fn start(options: Options) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
        let server = Server::start(options).await.unwrap();
        let key = server.key().to_owned();
        Self {
            server,
            client: reqwest::Client::new(),
            key,
        }
    }

    /// A deployment with two data sources.
    pub(crate) async fn switched(switches: Switches) -> Self {
        Self::start(Options {
            seed: Some(seed()),
            switches,
            ..Options::default()
        })
        .await
    }

    pub(crate) async fn seeded() -> Self {
        Self::switched(Switches::default()).await
    }

    /// The same server, called with another key.
    pub(crate) async fn with_rights(mut self, rights: &str) -> Self {
        self.key = self.side("POST", "keys", json!({ "rights": rights })).await["key"]
            .as_str()
            .unwrap()
            .to_owned();
        self
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self
            .client
            .request(method, format!("{}{path}", self.server.url()))
            .header("Authorization", format!("Key {}", self.key));
        if body.is_null() { request } else { request.json(body) }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let response = self.request(method, path, &body).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = if text.is_empty() {
            json!("nothing")
        } else {
            serde_json::from_str(&text).unwrap()
        };
        (status, body)
    }

    /// A request under `/api/v1`.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call(method, &format!("/api/v1/{path}"), body).await
    }

    #[track_caller]
    pub(crate) fn ok((status, body): (u16, Value)) -> Value {
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        Self::ok(self.api("GET", path, Value::Null).await)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        Self::ok(self.api("POST", path, body).await)
    }

    pub(crate) async fn side(&self, method: &str, path: &str, body: Value) -> Value {
        Self::ok(self.call(method, &format!("/_sandbox/{path}"), body).await)
    }

    /// A pull request of `acme/shop` was pushed: the runs that wait for it.
    pub(crate) async fn push(&self, sha: &str) -> Vec<i64> {
        let body = json!({ "repository": "acme/shop", "pr_num": 6, "pr_branch": "feat", "pr_sha": sha,
                           "base_branch": "main", "base_sha": "base" });
        let made = self.side("POST", "push", body).await;
        made["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_i64().unwrap())
            .collect()
    }

    /// The runs of a list, each with its status.
    pub(crate) async fn runs(&self, query: &str) -> Vec<(i64, String)> {
        let listed = self.get(&format!("ci/286/runs?{query}")).await;
        let rows = listed.as_array().unwrap().iter();
        rows.map(|run| (run["id"].as_i64().unwrap(), run["status"].as_str().unwrap().to_owned()))
            .collect()
    }

    /// Starts a provisioning job: status and body.
    pub(crate) async fn start_job(&self, body: Value) -> (u16, Value) {
        self.call("POST", "/api/internal/monitors/provision/jobs", body).await
    }

    pub(crate) async fn job(&self, id: &Value) -> Value {
        let path = format!("/api/internal/monitors/provision/jobs/{id}");
        Self::ok(self.call("GET", &path, Value::Null).await)
    }

    /// Provisions and looks once: the job.
    pub(crate) async fn provision(&self, monitors: Value) -> Value {
        let job = Self::ok(self.start_job(json!({ "config": { "monitors": monitors } })).await);
        self.job(&job["id"]).await
    }

    /// How many monitors are in each list of a result: created, updated, unchanged, deleted, paused; and its errors.
    pub(crate) fn counts(result: &Value) -> ([usize; 5], Vec<Value>) {
        let count = |key: &str| result[key].as_array().map_or(0, Vec::len);
        let counts = [
            count("created_monitors"),
            count("updated_monitors"),
            count("unchanged_monitors"),
            count("deleted_monitors"),
            count("paused_monitors"),
        ];
        (counts, result["errors"].as_array().unwrap().clone())
    }
}

pub(crate) fn seed() -> Value {
    json!({
        "data_sources": [
            { "id": 7, "name": "warehouse", "type": "pg",
              "options": { "host": "db.example", "dbname": "shop", "user": "reader", "password": "swordfish" },
              "catalog": ["SHOP.CORE.ORDERS", "SHOP.CORE.ITEMS", "SHOP.STAGE.ORDERS"] },
            { "id": 9, "name": "lake", "type": "duckdb" },
        ],
        "ci_configs": [
            { "id": 286, "name": "shop", "repository": "acme/shop", "data_source": "warehouse", "diff_threshold": 3 },
            { "id": 287, "name": "shop-dev", "repository": "acme/shop", "data_source": 7, "base_branch": "dev" },
            { "id": 288, "name": "closed", "repository": "acme/closed", "data_source": 7, "accessible": false },
        ],
    })
}

/// The body of a trigger.
pub(crate) fn head(sha: &str) -> Value {
    json!({ "pr_number": 6, "pr_branch": "feat", "base_branch": "main", "pr_sha": sha, "base_sha": "base" })
}

pub(crate) fn diff(table: &str) -> Value {
    json!({ "prod": format!("SHOP.CORE.{table}"), "pr": format!("SHOP.PR_6.{table}"), "pk": ["ID"] })
}

pub(crate) fn metric(name: &str) -> Value {
    json!({
        "type": "metric", "name": name, "connection_id": 7, "schedule": { "interval": { "every": "hour" } },
        "metric": { "type": "table", "table": "SHOP.CORE.ORDERS", "metric": "row_count" },
    })
}
