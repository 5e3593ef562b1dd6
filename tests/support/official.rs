//! A sandbox, the official client and driftless beside it: both as processes, as a user starts them.
//!
//! The official client is `qualytics-cli==1.2.2`, named by `DRIFTLESS_QUALYTICS_CLI` (`scripts/test` installs it).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Once;
use std::time::Duration;

use driftless::platform::qualytics::slug;
use driftless::sandbox::qualytics::{EnrichmentListing, Switches};
use driftless::sandbox::{Options, Sandbox};
use serde_json::Value as Json;

/// The release whose bytes and requests are the measure.
const RELEASE: &str = "1.2.2";
/// After this long a process is stuck, and not slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// Files by path, relative and with `/`.
pub(crate) type Tree = BTreeMap<String, String>;

/// An instance, and a place for what is written about it.
pub(crate) struct Bench {
    sandbox: Sandbox,
    client: reqwest::Client,
    folder: tempfile::TempDir,
    /// What the placeholders of the seed's connections stand for.
    secrets: Vec<(String, String)>,
}

/// What a process said, on both of its streams.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }
}

impl Bench {
    /// An instance that holds `seed`; enrichment stores are listed like all others.
    pub(crate) async fn start(seed: &Json) -> Self {
        let shown = Switches {
            enrichment_listing: EnrichmentListing::Shown,
            ..Switches::default()
        };
        Self::switched(seed, shown).await
    }

    pub(crate) async fn switched(seed: &Json, switches: Switches) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
        let options = Options {
            seed: Some(seed.clone()),
            switches,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        // `doctor` wants a file; everything else takes the environment's word.
        let config = format!("url: {}\ntoken: {}\n", sandbox.url(), sandbox.token());
        std::fs::write(folder.path().join("home/config.yaml"), config).unwrap();
        Self {
            sandbox,
            client: reqwest::Client::new(),
            folder,
            secrets: secrets(seed),
        }
    }

    /// Another instance with the same warehouse, tags and teams, and nothing configured.
    pub(crate) async fn empty_like(&self, seed: &Json) -> Self {
        let switches = serde_json::from_value(self.side("GET", "switches", Json::Null).await).unwrap();
        let mut bare = seed.clone();
        for kind in ["connections", "datastores", "containers", "computed_fields", "checks"] {
            bare[kind] = Json::Array(Vec::new());
        }
        // Tags and teams that the seed only names in passing were made by loading it.
        let state = self.state().await;
        bare["tags"] = state["tags"].clone();
        bare["teams"] = state["teams"].clone();
        let mut empty = Self::switched(&bare, switches).await;
        empty.secrets = secrets(seed);
        empty
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self) -> String {
        self.sandbox.url()
    }

    pub(crate) fn token(&self) -> &str {
        self.sandbox.token()
    }

    /// A request to the side door.
    pub(crate) async fn side(&self, method: &str, path: &str, body: Json) -> Json {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self
            .client
            .request(method, format!("{}/_sandbox/{path}", self.sandbox.url()));
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap().error_for_status().unwrap();
        response.json().await.unwrap()
    }

    /// The configuration, comparable between instances.
    pub(crate) async fn state(&self) -> Json {
        by_value(self.side("GET", "state", Json::Null).await)
    }

    /// How many writes there were, operations apart; and the log begins anew.
    pub(crate) async fn writes(&self) -> u64 {
        let writes = self.side("GET", "writes", Json::Null).await;
        self.side("DELETE", "requests", Json::Null).await;
        writes["count"].as_u64().unwrap()
    }

    /// The official client, with the secrets of the seed in its environment.
    pub(crate) async fn official(&self, arguments: &[&str]) -> Said {
        let program = std::env::var("DRIFTLESS_QUALYTICS_CLI").unwrap_or_else(|_| {
            panic!(
                "set DRIFTLESS_QUALYTICS_CLI to the `qualytics` of qualytics-cli=={RELEASE} (scripts/test installs it)"
            )
        });
        self.run(Path::new(&program), arguments).await
    }

    /// driftless as it is built.
    pub(crate) async fn driftless(&self, arguments: &[&str]) -> Said {
        self.run(Path::new(env!("CARGO_BIN_EXE_driftless")), arguments).await
    }

    async fn run(&self, program: &Path, arguments: &[&str]) -> Said {
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("QUALYTICS_URL", self.sandbox.url())
            .env("QUALYTICS_TOKEN", self.sandbox.token())
            .env("QUALYTICS_CONFIG_HOME", self.path("home"))
            .env("NO_PROXY", "*")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "300")
            .env("PYTHONUTF8", "1")
            .envs(self.secrets.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = output
            .unwrap_or_else(|_| panic!("{} {arguments:?} does not end", program.display()))
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Everything the instance holds, as the official client writes it to `name`.
    pub(crate) async fn official_export(&self, name: &str) -> Tree {
        let state = self.side("GET", "state?full=1", Json::Null).await;
        let mut ids: Vec<i64> = state["datastores"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect();
        ids.sort_unstable();
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let mut arguments = vec!["config", "export", "--output", name];
        for id in &ids {
            arguments.extend(["--datastore-id", id]);
        }
        self.official(&arguments).await.succeeds();
        tree(&self.path(name))
    }

    /// Everything the instance holds, as driftless writes it to `name`.
    pub(crate) async fn our_export(&self, name: &str) -> Tree {
        self.driftless(&["export", "--output", name]).await.succeeds();
        tree(&self.path(name))
    }

    /// `config import`, without an error. The client exits 0 in any case, so its words count.
    pub(crate) async fn official_import(&self, folder: &Path) -> Said {
        let said = self
            .official(&["config", "import", "--input", folder.to_str().unwrap()])
            .await
            .succeeds();
        assert!(said.out.contains("Import complete!"), "{}", said.out);
        said
    }

    /// `apply`, without a failure.
    pub(crate) async fn apply(&self, folder: &Path) -> Said {
        self.driftless(&["apply", "--yes", "--input", folder.to_str().unwrap()])
            .await
            .succeeds()
    }

    /// The plan for a folder: exit code 0 when it is empty, 2 when not.
    pub(crate) async fn plan(&self, folder: &Path) -> (Option<i32>, Json) {
        let folder = folder.to_str().unwrap();
        let said = self
            .driftless(&["plan", "--detailed-exitcode", "--format", "json", "--input", folder])
            .await;
        let plan = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        (said.code, plan)
    }
}

/// Numbers as their values: an instance keeps the spelling that it was sent (`1e-7`, `1e-07`).
fn by_value(json: Json) -> Json {
    match json {
        Json::Number(number) if number.is_f64() => Json::from(number.as_f64()),
        Json::Array(items) => items.into_iter().map(by_value).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, by_value(value))).collect(),
        other => other,
    }
}

/// The variables that an export of the seed names, with the values that the seed has.
fn secrets(seed: &Json) -> Vec<(String, String)> {
    const FIELDS: [&str; 5] = [
        "password",
        "passphrase",
        "secret_key",
        "credentials_payload",
        "access_key",
    ];
    let mut found = Vec::new();
    for row in seed["connections"].as_array().into_iter().flatten() {
        let prefix = slug(row["name"].as_str().unwrap()).to_uppercase();
        for field in FIELDS {
            let vault = &row["secrets_manager"];
            if let Some(value) = row[field].as_str().or_else(|| vault[field].as_str()) {
                found.push((format!("{prefix}_{}", field.to_uppercase()), value.to_owned()));
            }
        }
    }
    found
}

/// The files below `root`.
pub(crate) fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Fails with the first paths and texts that differ.
#[track_caller]
pub(crate) fn assert_same(official: &Tree, ours: &Tree) {
    let mut faults = Vec::new();
    for (path, text) in official {
        match ours.get(path) {
            None => faults.push(format!("{path}: only the official client writes it:\n{text}")),
            Some(other) if other != text => faults.push(format!("{path}:\n--- official\n{text}\n+++ ours\n{other}")),
            Some(_) => {}
        }
    }
    let extra = ours.iter().filter(|(path, _)| !official.contains_key(*path));
    faults.extend(extra.map(|(path, text)| format!("{path}: only driftless writes it:\n{text}")));
    let count = faults.len();
    faults.truncate(5);
    assert!(
        faults.is_empty(),
        "{count} of {} files differ\n{}",
        official.len(),
        faults.join("\n\n")
    );
}
