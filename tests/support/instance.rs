//! A sandbox instance with its side door: what it holds, what was asked of it, changes made by hand.

use std::collections::BTreeMap;
use std::sync::Once;
use std::time::Duration;

use driftless::sandbox::qualytics::Switches;
use driftless::sandbox::{Options, Sandbox};
use serde_json::{Value, json};

/// A running sandbox.
pub(crate) struct Instance {
    pub(crate) sandbox: Sandbox,
    client: reqwest::Client,
}

impl Instance {
    /// One that holds `seed`, and answers the open questions as `switches` say.
    pub(crate) async fn start(seed: Value, switches: Switches) -> Self {
        provider();
        let sandbox = Sandbox::start(Options {
            seed: Some(seed),
            switches,
            latency: Duration::ZERO,
        })
        .await
        .unwrap();
        Self {
            sandbox,
            client: client(),
        }
    }

    /// A request to the side door.
    pub(crate) async fn door(&self, method: &str, path: &str, body: Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .client
            .request(method, format!("{}/_sandbox/{path}", self.sandbox.url()));
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What the instance holds, without numbers and without what moves by itself.
    pub(crate) async fn state(&self) -> Value {
        self.door("GET", "state", Value::Null).await
    }

    /// What the instance holds, with numbers.
    pub(crate) async fn full_state(&self) -> Value {
        self.door("GET", "state?full=1", Value::Null).await
    }

    /// Empties the request log.
    pub(crate) async fn forget(&self) {
        self.door("DELETE", "requests", Value::Null).await;
    }

    /// The requests to the API since the log was emptied: method and path.
    pub(crate) async fn requests(&self) -> Vec<(String, String)> {
        let log = self.door("GET", "requests", Value::Null).await;
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        let lines = log["requests"].as_array().unwrap().iter();
        lines
            .map(|line| (text(line, "method"), text(line, "path")))
            .filter(|(_, path)| path.starts_with("/api/"))
            .collect()
    }

    /// How many of the requests were reads, by path with its numbers left out.
    pub(crate) async fn reads(&self) -> BTreeMap<String, usize> {
        let mut reads = BTreeMap::new();
        for (method, path) in self.requests().await {
            if method == "GET" {
                let route: Vec<&str> = path
                    .split('/')
                    .map(|part| if part.parse::<u64>().is_ok() { "{id}" } else { part })
                    .collect();
                *reads.entry(route.join("/")).or_default() += 1;
            }
        }
        reads
    }

    /// The writes since the log was emptied, operations apart: `(method, path, status)`.
    pub(crate) async fn writes(&self) -> Vec<(String, String, u64)> {
        let log = self.door("GET", "writes", Value::Null).await;
        let lines = log["writes"].as_array().unwrap().iter();
        lines
            .map(|line| {
                let text = |key: &str| line[key].as_str().unwrap().to_owned();
                (text("method"), text("path"), line["status"].as_u64().unwrap())
            })
            .collect()
    }

    /// How many operations were asked for since the log was emptied.
    pub(crate) async fn operations(&self) -> usize {
        let log = self.door("GET", "writes", Value::Null).await;
        log["operations"].as_array().unwrap().len()
    }

    /// Sets fields by hand, as somebody in the web interface would.
    pub(crate) async fn edit(&self, kind: &str, place: Value, set: Value) -> Value {
        let body = json!({ "kind": kind, "where": place, "set": set });
        self.door("POST", "edit", body).await
    }

    /// Waits until `done` says so of what the side door answers at `path`.
    pub(crate) async fn wait(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.door("GET", path, Value::Null).await;
            if done(&answer) {
                return answer;
            }
            assert!(std::time::Instant::now() < deadline, "{path}: {answer}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A client for the side door, which speaks no TLS: reading the machine's certificates takes longer than most tests.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).build().unwrap()
}

/// Makes the one TLS provider of the process; a second call finds it.
pub(crate) fn provider() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another test module of this binary may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The uids of the checks that a state holds, with how often each is there.
pub(crate) fn uids(state: &Value) -> BTreeMap<String, usize> {
    let mut uids = BTreeMap::new();
    for check in state["checks"].as_array().unwrap() {
        let uid = check["additional_metadata"]["_qualytics_check_uid"].as_str();
        let place = format!("{}/{}", check["datastore"], uid.unwrap_or("-"));
        *uids.entry(place).or_default() += 1;
    }
    uids
}

/// Of a seed only what no client can make: tables, tags, teams.
pub(crate) fn empty_like(seed: &Value) -> Value {
    let mut empty = json!({});
    for key in ["warehouse", "tags", "teams"] {
        if let Some(part) = seed.get(key) {
            empty[key] = part.clone();
        }
    }
    empty
}

/// Where two states differ, briefly: up to five places with both values.
pub(crate) fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect("", left, right, &mut found);
    found.truncate(5);
    found
}

fn collect(at: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                collect(&format!("{at}/{key}"), &of(left), &of(right), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                collect(&format!("{at}/{index}"), left, right, found);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            found.push(format!("{at}: {} entries, and {}", left.len(), right.len()));
        }
        _ if left != right => found.push(format!("{at}: {left}, and {right}")),
        _ => {}
    }
}

/// A state whose lists of values are in order: they are sets.
pub(crate) fn sorted_lists(mut state: Value) -> Value {
    for check in state["checks"].as_array_mut().unwrap() {
        if let Some(list) = check["properties"].get_mut("list").and_then(Value::as_array_mut) {
            list.sort_by_key(Value::to_string);
        }
    }
    state
}
