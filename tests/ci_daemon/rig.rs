//! A forge, a Datafold, a repository with the CI configuration, and the daemon between them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use driftless::sandbox::{datafold, forge};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use tokio::process::Child;

use crate::of;
use crate::repo::Repo;

pub(crate) const PATH: &str = "acme/shop";
pub(crate) const SECRET: &str = "webhook-secret-5d1e";

const CI: &str = "name: shop\nci_config_id: 286\nrepository: acme/shop\ndata_connection: warehouse\n";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whose deliveries and API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    GitHub,
    GitLab,
}

impl Host {
    pub(crate) const ALL: [Host; 2] = [Host::GitHub, Host::GitLab];

    fn word(self) -> &'static str {
        match self {
            Host::GitHub => "github",
            Host::GitLab => "gitlab",
        }
    }
}

pub(crate) struct Rig {
    host: Host,
    forge: forge::Server,
    datafold: datafold::Server,
    pub(crate) repo: Repo,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Rig {
    pub(crate) async fn start(host: Host) -> Self {
        // The binary installs its own provider; this process is another.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = json!({ "host": "db.example", "dbname": "shop", "user": "reader", "password": "swordfish" });
        let seed = json!({
            "data_sources": [{ "id": 7, "name": "warehouse", "type": "pg", "options": options }],
            "ci_configs": [{ "id": 286, "name": "shop", "repository": PATH, "data_source": "warehouse" }],
        });
        let datafold = datafold::Options {
            seed: Some(seed),
            ..datafold::Options::default()
        };
        let forge = forge::Options {
            seed: Some(json!({ "repositories": [{ "path": PATH, "files": { "orders.sql": "select 1" } }] })),
            ..forge::Options::default()
        };
        Self {
            host,
            forge: forge::Server::start(forge).await.unwrap(),
            datafold: datafold::Server::start(datafold).await.unwrap(),
            repo: Repo::with(&[("datafold/ci/shop.yaml", CI.as_bytes())]),
            folder: tempfile::tempdir().unwrap(),
            client: reqwest::Client::new(),
        }
    }

    /// The CI configuration with further lines, pushed.
    pub(crate) fn declare(&self, lines: &str) {
        self.repo
            .write("datafold/ci/shop.yaml", format!("{CI}{lines}").as_bytes());
        self.repo.push("Another configuration");
    }

    pub(crate) fn forge_token(&self) -> &str {
        self.forge.token()
    }

    pub(crate) async fn daemon(&self) -> Daemon {
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let config = format!(
            "server: {{ listen: {address} }}\n\
             store: {{ url: sqlite://driftless.db }}\n\
             sources:\n  - {{ name: config, url: '{repository}', branch: main, interval: 1h }}\n\
             targets:\n  - {{ name: datafold, platform: datafold, url: '{datafold}', token: '${{DATAFOLD_API_KEY}}' }}\n\
             environments:\n  - {{ name: prod, source: config, path: datafold, target: datafold, mode: observe }}\n\
             forges:\n  - {{ name: hub, provider: {provider}, url: '{forge}', token: '${{FORGE_TOKEN}}' }}\n\
             pull_requests: {{ wait_for_run: 1s, poll: {{ from: 1s, to: 1s }} }}\n\
             webhooks:\n  - {{ name: pulls, provider: {provider}, secret: '${{WEBHOOK_SECRET}}', sources: [config], forge: hub }}\n",
            repository = self.repo.bare().display(),
            datafold = self.datafold.url(),
            provider = self.host.word(),
            forge = self.forge.url(),
        );
        std::fs::write(self.folder.path().join("driftless.yaml"), config).unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_driftless"));
        command
            .args(["run", "--config", "driftless.yaml"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("DATAFOLD_API_KEY", self.datafold.key())
            .env("FORGE_TOKEN", self.forge.token())
            .env("WEBHOOK_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let daemon = Daemon {
            child: command.spawn().unwrap(),
            url: format!("http://{address}"),
            client: self.client.clone(),
        };
        daemon.until("/readyz", |text| text.contains("ready")).await;
        daemon
    }

    /// From now on the forge tells the daemon; then a pull request with a diffs file is opened.
    pub(crate) async fn opens(&self, daemon: &Daemon) {
        let url = format!("{}/webhooks/pulls", daemon.url);
        self.forge(
            "POST",
            "hooks",
            json!({"url": url, "secret": SECRET, "provider": self.host.word()}),
        )
        .await;
        self.open().await;
    }

    async fn open(&self) {
        let diffs = json!([{"prod": "core.orders", "pr": "pr_1.orders", "pk": ["id"]}]).to_string();
        let files = json!({"orders.sql": "select 3", "datafold/diffs.json": diffs});
        self.forge(
            "POST",
            "pull_requests",
            json!({"repository": PATH, "branch": "by-day", "message": "By day", "files": files}),
        )
        .await;
    }

    /// Number and head of the pull request; one is opened where there is none.
    pub(crate) async fn opened(&self) -> (u64, String) {
        if of(&self.repository().await, "pull_requests").is_empty() {
            self.open().await;
        }
        let pull = &self.repository().await["pull_requests"][0];
        (
            pull["number"].as_u64().unwrap(),
            pull["sha"].as_str().unwrap().to_owned(),
        )
    }

    async fn repository(&self) -> Json {
        self.forge("GET", "state", Json::Null).await["repositories"][0].clone()
    }

    pub(crate) async fn forge(&self, method: &str, path: &str, body: Json) -> Json {
        self.side(&self.forge.url(), method, path, body).await
    }

    pub(crate) async fn datafold(&self, method: &str, path: &str, body: Json) -> Json {
        self.side(&self.datafold.url(), method, path, body).await
    }

    async fn side(&self, url: &str, method: &str, path: &str, body: Json) -> Json {
        let mut request = self
            .client
            .request(method.parse().unwrap(), format!("{url}/_sandbox/{path}"));
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What was asked of Datafold's CI that changes anything, in its order.
    pub(crate) async fn asked(&self) -> Vec<String> {
        let log = self.datafold("GET", "requests", Json::Null).await;
        let entries = log.as_array().or_else(|| log["requests"].as_array()).unwrap().clone();
        let of_ci = entries.iter().filter(|entry| entry["method"] == "POST");
        let paths = of_ci.filter_map(|entry| entry["path"].as_str()?.strip_prefix("/api/v1/ci/286/"));
        paths
            .map(|path| if path == "trigger" { "trigger" } else { "submit" }.to_owned())
            .collect()
    }

    /// How often the pull request was read.
    pub(crate) async fn looks(&self, number: u64) -> usize {
        let log = self.forge("GET", "requests", Json::Null).await;
        let entries = log.as_array().or_else(|| log["requests"].as_array()).unwrap().clone();
        let ends = [format!("/pulls/{number}"), format!("/merge_requests/{number}")];
        let is_look = |entry: &&Json| {
            let path = entry["path"].as_str().unwrap();
            entry["method"] == "GET" && ends.iter().any(|end| path.ends_with(end))
        };
        entries.iter().filter(is_look).count()
    }

    /// The states of a commit, in the order in which they were set, in GitHub's words.
    pub(crate) async fn states(&self, sha: &str) -> Vec<String> {
        let repository = self.repository().await;
        let own = of(&repository, "statuses").iter().filter(|status| status["sha"] == sha);
        own.map(|status| match status["state"].as_str().unwrap() {
            "failed" => "failure".to_owned(),
            "running" => "pending".to_owned(),
            state => state.to_owned(),
        })
        .collect()
    }

    pub(crate) async fn comments(&self) -> usize {
        of(&self.repository().await, "comments").len()
    }

    pub(crate) async fn until_state(&self, sha: &str, state: &str) {
        self.until(&format!("{sha} is {state}"), async || {
            self.states(sha).await.last().is_some_and(|last| last == state)
        })
        .await;
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            if Instant::now() > deadline {
                let state = self.repository().await;
                panic!("never: {what}; {state}; asked: {:?}", self.asked().await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A delivery of a moved pull request, signed; the status, and `looked` or what became of it.
    pub(crate) async fn deliver(&self, daemon: &Daemon, repository: &str, number: u64, id: &str) -> (u16, Json) {
        let body = match self.host {
            Host::GitHub => json!({"action": "synchronize", "number": number, "repository": {"full_name": repository}}),
            Host::GitLab => json!({"project": {"path_with_namespace": repository},
                "object_attributes": {"iid": number, "action": "update"}}),
        };
        let (event, name) = match self.host {
            Host::GitHub => ("pull_request", "x-github-delivery"),
            Host::GitLab => ("Merge Request Hook", "idempotency-key"),
        };
        let (status, said) = self.post(daemon, event, (name, id), &body.to_string()).await;
        (status, said.get("result").cloned().unwrap_or_else(|| json!("looked")))
    }

    /// A delivery of a push to the configuration's branch.
    pub(crate) async fn push_delivered(&self, daemon: &Daemon) -> u16 {
        let body = json!({"ref": "refs/heads/main"}).to_string();
        self.post(daemon, "push", ("x-github-delivery", "push"), &body).await.0
    }

    async fn post(&self, daemon: &Daemon, event: &str, id: (&str, &str), body: &str) -> (u16, Json) {
        let mut request = self.client.post(format!("{}/webhooks/pulls", daemon.url));
        request = match self.host {
            Host::GitHub => {
                let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
                mac.update(body.as_bytes());
                let bytes = mac.finalize().into_bytes();
                let signature: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let request = request.header("x-hub-signature-256", format!("sha256={signature}"));
                request.header("x-github-event", event)
            }
            Host::GitLab => request.header("x-gitlab-token", SECRET).header("x-gitlab-event", event),
        };
        request = request.header(id.0, id.1).header("content-type", "application/json");
        let answer = request.body(body.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

impl Daemon {
    pub(crate) async fn get(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        answer.text().await.unwrap()
    }

    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        while Instant::now() < deadline {
            if let Ok(answer) = self.client.get(format!("{}{path}", self.url)).send().await {
                let is_good = answer.status().is_success();
                last = answer.text().await.unwrap();
                if is_good && wanted(&last) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{path} never was as wanted: {last}");
    }

    /// Asks it to end, which it does clean; what it said.
    pub(crate) async fn ends(self) -> String {
        let id = self.child.id().unwrap().to_string();
        let kill = std::process::Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap();
        assert!(kill.success());
        let output = tokio::time::timeout(PATIENCE, self.child.wait_with_output())
            .await
            .unwrap()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        said
    }

    /// Kills it as it is.
    pub(crate) async fn killed(mut self) {
        self.child.kill().await.unwrap();
    }
}
