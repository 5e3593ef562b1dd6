//! The command line as a user has it: the real binary against a sandbox on loopback, its exit codes, what it prints where, and
//! what reaches the instance.

#![expect(
    clippy::disallowed_methods,
    reason = "a test has its own clock, files and environment"
)]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

mod apply;
mod audit;
mod bad_files;
mod bad_instance;
mod ci;
mod ci_config;
mod client;
#[path = "../support/page.rs"]
mod commands;
mod config_file;
mod daemon;
mod datafold;
mod datafold_page;
mod export;
mod export_folder;
mod plan;
#[path = "../support/git_repo.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod repo;
mod schema;
mod secrets;
mod store;
mod terminal;
mod troubleshooting;
mod validate;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use driftless::sandbox::{Options, Sandbox};
use serde_json::{Value as Json, json};

/// How long a command may take: far more than any does on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox and a folder to work in.
struct Rig {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

/// What a command printed, and how it ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// What the connection's `password` is on the instance, and what the variable of the files holds.
const LIVE_PASSWORD: &str = "live-password-7f3a";
const PASSWORD: &str = "hunter2-recognisable-91c4";

impl Rig {
    /// An instance with one connection, one datastore, a computed table and field, and three checks; `cfg/` says the same.
    async fn new() -> Self {
        let rig = Self::with(seed()).await;
        rig.files("cfg");
        rig
    }

    /// An instance whose warehouse has the tables, and nothing else; `cfg/` declares what [`Rig::new`] has live.
    async fn empty() -> Self {
        let rig =
            Self::with(json!({ "warehouse": seed()["warehouse"], "teams": ["Data"], "tags": ["production"] })).await;
        rig.files("cfg");
        rig
    }

    async fn with(seed: Json) -> Self {
        let options = Options {
            seed: Some(seed),
            ..Options::default()
        };
        // The binary installs its own provider; this process is another.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            sandbox: Sandbox::start(options).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            client: reqwest::Client::new(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// Writes the standard files below `root`.
    fn files(&self, root: &str) {
        for (path, text) in FILES {
            self.write(&format!("{root}/{path}"), text);
        }
    }

    /// Replaces text in a file, which must be there.
    #[track_caller]
    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}: {text}");
        self.write(path, text.replace(from, to));
    }

    /// The binary in the rig's folder, with the instance and the password in its environment and nothing else.
    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = self.bare(arguments);
        command
            .env("QUALYTICS_URL", self.sandbox.url())
            .env("QUALYTICS_TOKEN", self.sandbox.token())
            .env("PG_PASSWORD", PASSWORD);
        command
    }

    /// The binary in the rig's folder, with an empty environment.
    fn bare(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_driftless"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments)).await
    }

    /// Runs it in the name of `token`.
    async fn run_as(&self, token: &str, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.env("QUALYTICS_TOKEN", token);
        Ran::of(command).await
    }

    /// Applies the standard files, which must pass.
    #[track_caller]
    fn applied(&self, further: &[&str]) -> impl Future<Output = Ran> {
        let command = self.command(&[&["apply", "--input", "cfg", "--yes"], further].concat());
        async move {
            let ran = Ran::of(command).await;
            ran.exits(0);
            ran
        }
    }

    async fn side(&self, method: &str, path: &str, body: Json) -> Json {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/_sandbox/{path}", self.sandbox.url());
        let mut request = self.client.request(method, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, body) = (response.status().as_u16(), response.text().await.unwrap());
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The writes that reached the instance since the log was emptied: `POST /api/quality-checks`.
    async fn writes(&self) -> Vec<String> {
        let log = self.side("GET", "writes", Json::Null).await;
        let of = |key: &str| log[key].as_array().unwrap().clone();
        let line = |entry: Json| {
            format!(
                "{} {}",
                entry["method"].as_str().unwrap(),
                entry["path"].as_str().unwrap()
            )
        };
        of("writes").into_iter().chain(of("operations")).map(line).collect()
    }

    async fn forget_writes(&self) {
        self.side("DELETE", "requests", Json::Null).await;
    }

    async fn faults(&self, rules: Json) {
        self.side("PUT", "faults", rules).await;
    }

    /// What the instance holds, without ids.
    async fn state(&self) -> Json {
        self.side("GET", "state", Json::Null).await
    }

    /// A token for a new user.
    async fn token(&self, user: Json) -> String {
        self.side("POST", "tokens", user).await["token"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Ran {
    async fn of(mut command: tokio::process::Command) -> Self {
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = output.expect("the command did not end").unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Every one of `parts` stands on standard error.
    #[track_caller]
    fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} on standard error:\n{}", self.err);
        }
        self
    }

    /// Every one of `parts` stands on standard output.
    #[track_caller]
    fn shows(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.out.contains(part), "no {part:?} on standard output:\n{}", self.out);
        }
        self
    }

    /// Standard output as one JSON document and nothing else.
    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// The keys of a JSON object, in their order.
#[track_caller]
fn keys(object: &Json) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The `key` of each entry of a list.
#[track_caller]
fn keys_of(list: &Json) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["key"].as_str().unwrap())
        .collect()
}

fn seed() -> Json {
    json!({
        "warehouse": {"an|public": [
            {"name": "orders", "kind": "table", "fields": [["id", "Integral"], ["amount", "Fractional"], ["status", "String"]]},
            {"name": "customers", "kind": "table", "fields": [["id", "Integral"], ["name", "String"]]},
        ]},
        "teams": ["Data"],
        "tags": ["production"],
        "connections": [{
            "name": "pg", "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "u", "password": LIVE_PASSWORD,
        }],
        "datastores": [{
            "name": "Warehouse", "connection_name": "pg", "database": "an", "schema": "public", "description": "Orders",
            "teams": ["Data"], "tags": ["production"],
        }],
        "containers": [{
            "datastore": "Warehouse", "container_type": "computed_table", "name": "paid", "query": "SELECT id FROM orders",
        }],
        "computed_fields": [{
            "datastore": "Warehouse", "container": "orders", "name": "amount_int", "transformation": "cast",
            "source_fields": ["amount"], "properties": {"target_type": "bigint"},
        }],
        "checks": [
            {"datastore": "Warehouse", "container": "orders", "rule": "notNull", "description": "ids", "fields": ["id"], "coverage": 1.0,
             "tags": ["production"], "additional_metadata": {"_qualytics_check_uid": "orders__notnull__id"}},
            {"datastore": "Warehouse", "container": "orders", "rule": "notNegative", "description": "amounts", "fields": ["amount"],
             "coverage": 1.0, "tags": [], "additional_metadata": {"_qualytics_check_uid": "orders__notnegative__amount"}},
            {"datastore": "Warehouse", "container": "customers", "rule": "notNull", "description": "names", "fields": ["name"],
             "coverage": 0.95, "tags": [],
             "additional_metadata": {"_qualytics_check_uid": "customers__notnull__name", "runbook": "https://wiki.example.com/1"}},
        ],
    })
}

const CONNECTION: &str = "connections/pg.yaml";
const DATASTORE: &str = "datastores/warehouse/_datastore.yaml";
const CONTAINER: &str = "datastores/warehouse/containers/paid/_container.yaml";
const COMPUTED_FIELD: &str = "datastores/warehouse/containers/orders/computed_fields/amount_int.yaml";
const CHECK: &str = "datastores/warehouse/checks/orders/notnull__id.yaml";
const OTHER_CHECK: &str = "datastores/warehouse/checks/customers/notnull__name.yaml";

const FILES: &[(&str, &str)] = &[
    (
        CONNECTION,
        "name: pg\ntype: postgresql\nhost: db.example.com\nport: 5432\nusername: u\npassword: ${PG_PASSWORD}\n",
    ),
    (
        DATASTORE,
        "connection_name: pg\nname: Warehouse\ndatabase: an\nschema: public\ndescription: Orders\nteams:\n- Data\ntags:\n- production\n",
    ),
    (
        CONTAINER,
        "container_type: computed_table\nname: paid\nquery: SELECT id FROM orders\ndatastore_name: Warehouse\n",
    ),
    (
        COMPUTED_FIELD,
        "name: amount_int\ntransformation: cast\nsource_fields:\n- amount\nproperties:\n  target_type: bigint\n",
    ),
    (
        CHECK,
        "rule_type: notNull\ndescription: ids\ncontainer: orders\nfields:\n- id\ncoverage: 1.0\nproperties: {}\ntags:\n- production\n\
         status: Active\nadditional_metadata:\n  _qualytics_check_uid: orders__notnull__id\n",
    ),
    (
        "datastores/warehouse/checks/orders/notnegative__amount.yaml",
        "rule_type: notNegative\ndescription: amounts\ncontainer: orders\nfields:\n- amount\ncoverage: 1.0\nproperties: {}\ntags: []\n\
         status: Active\nadditional_metadata:\n  _qualytics_check_uid: orders__notnegative__amount\n",
    ),
    (
        OTHER_CHECK,
        "rule_type: notNull\ndescription: names\ncontainer: customers\nfields:\n- name\ncoverage: 0.95\nproperties: {}\ntags: []\n\
         status: Active\nadditional_metadata:\n  _qualytics_check_uid: customers__notnull__name\n  runbook: https://wiki.example.com/1\n",
    ),
];
