//! A sandbox, and the official client as a process, as a user starts it.

use std::process::Stdio;
use std::sync::Once;
use std::time::Duration;

use driftless::sandbox::datafold::{Options, Server, Switches};
use serde_json::{Value, json};

/// The release whose requests are the measure.
pub(crate) const RELEASE: &str = "0.4.1";
/// After this long a process is stuck, and not slow.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Bench {
    pub(crate) server: Server,
    client: reqwest::Client,
    folder: tempfile::TempDir,
}

/// What a process said, on both of its streams: its log is on the second.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn ends(self, code: i32, words: &[&str]) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.code, Some(code), "{all}");
        for word in words {
            assert!(all.contains(word), "{word:?} is not in:\n{all}");
        }
        self
    }
}

impl Bench {
    pub(crate) async fn start(switches: Switches) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
        let seed = json!({
            "data_sources": [
                { "id": 7, "name": "warehouse", "type": "duckdb", "catalog": ["SHOP.CORE.ORDERS", "SHOP.CORE.ITEMS"] },
            ],
            "ci_configs": [{ "id": 286, "name": "shop", "repository": "acme/shop", "data_source": 7 }],
        });
        let options = Options {
            seed: Some(seed),
            switches,
            ..Options::default()
        };
        Self {
            server: Server::start(options).await.unwrap(),
            client: reqwest::Client::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A request to the side door.
    pub(crate) async fn side(&self, method: &str, path: &str, body: Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self
            .client
            .request(method, format!("{}/_sandbox/{path}", self.server.url()));
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap().error_for_status().unwrap();
        response.json().await.unwrap()
    }

    pub(crate) async fn state(&self) -> Value {
        self.side("GET", "state?full=1", Value::Null).await
    }

    /// How many writes there were so far.
    pub(crate) async fn writes(&self) -> u64 {
        self.side("GET", "writes", Value::Null).await["count"].as_u64().unwrap()
    }

    pub(crate) async fn official(&self, arguments: &[&str]) -> Said {
        self.official_with(self.server.key(), arguments).await
    }

    /// The official client with this key.
    pub(crate) async fn official_with(&self, key: &str, arguments: &[&str]) -> Said {
        let program = std::env::var("DRIFTLESS_DATAFOLD_SDK").unwrap_or_else(|_| {
            panic!("set DRIFTLESS_DATAFOLD_SDK to the `datafold` of datafold-sdk=={RELEASE} (scripts/test installs it)")
        });
        let mut command = tokio::process::Command::new(&program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("DATAFOLD_HOST", self.server.url())
            .env("DATAFOLD_API_KEY", key)
            // It asks PyPI for a newer version of itself at each start, without a time limit: nobody listens there.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("NO_PROXY", "127.0.0.1")
            .env("NO_COLOR", "1")
            .env("PYTHONUTF8", "1")
            // Where its libraries keep files.
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Said::by(command).await
    }

    /// Ours, with the same environment variables.
    pub(crate) async fn driftless(&self, arguments: &[&str]) -> Said {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_driftless"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("DATAFOLD_HOST", self.server.url())
            .env("DATAFOLD_API_KEY", self.server.key())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Said::by(command).await
    }
}

impl Said {
    async fn by(mut command: tokio::process::Command) -> Self {
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = output
            .unwrap_or_else(|_| panic!("{command:?} does not end"))
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
