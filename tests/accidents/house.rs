//! A team's house: an instance, a repository, a daemon between them.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use driftless::sandbox::qualytics::Switches;
use serde_json::{Value as Json, json};
use tokio::process::{Child, Command};

use crate::instance::{Instance, differences};
use crate::repo::{Repo, git};

/// How long anything may take: far more than it does on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PASSWORD: &str = "the-password-of-the-warehouse";

/// Columns of the two tables: a check for each of them.
const COLUMNS: [&str; 8] = ["id", "amount", "status", "city", "street", "phone", "placed", "paid"];

/// The daemon's config beside what every house has.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    /// Lines of the environment `prod`, such as `prune: { checks: delete }`.
    pub(crate) environment: Vec<&'static str>,
    /// Further environments, each as one flow map; `TARGET` and `SOURCE` are there to be named.
    pub(crate) environments: Vec<&'static str>,
    /// How often the branch is looked at. An hour where nothing is said: tests ask.
    pub(crate) interval: Option<&'static str>,
}

/// What most houses have: hand-made changes are put back, what Git drops is deleted.
pub(crate) fn strict() -> Terms {
    Terms {
        environment: vec![
            "prune: { checks: delete, computed_fields: delete, containers: delete, datastores: delete, connections: delete }",
        ],
        ..Terms::default()
    }
}

pub(crate) struct House {
    pub(crate) instance: Instance,
    pub(crate) repo: Repo,
    terms: Terms,
    address: String,
    daemon: Option<Child>,
    /// The newest run when the last daemon was killed: what the next one does is another.
    last: Json,
    client: reqwest::Client,
}

/// The file of the check on a column of a table.
pub(crate) fn check(table: &str, column: &str) -> String {
    format!("config/datastores/shop/checks/{table}/notnull__{column}.yaml")
}

/// What that file says.
pub(crate) fn check_text(table: &str, column: &str) -> String {
    format!(
        "rule_type: notNull\ncontainer: {table}\ndescription: every {table} has its {column}\nfields:\n- {column}\n\
         additional_metadata:\n  _qualytics_check_uid: {table}__notnull__{column}\n"
    )
}

pub(crate) const CONNECTION: &str = "config/connections/pg.yaml";
pub(crate) const DATASTORE: &str = "config/datastores/shop/_datastore.yaml";
pub(crate) const CONTAINER: &str = "config/datastores/shop/containers/sales/_container.yaml";

/// A connection, a datastore, a computed container and sixteen checks.
pub(crate) fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([
        (
            CONNECTION.to_owned(),
            "name: pg\ntype: postgresql\nhost: db.example.com\nport: 5432\nusername: reader\npassword: ${PG_PASSWORD}\n"
                .to_owned(),
        ),
        (
            DATASTORE.to_owned(),
            "name: shop\nconnection_name: pg\ndatabase: shop\nschema: public\nteams:\n- Public\n".to_owned(),
        ),
        (
            CONTAINER.to_owned(),
            "container_type: computed_table\nname: sales\nquery: SELECT id, amount FROM orders\n".to_owned(),
        ),
    ]);
    for table in ["orders", "customers"] {
        for column in COLUMNS {
            files.insert(check(table, column), check_text(table, column));
        }
    }
    files
}

/// The tables, and what is none of our business: a datastore of somebody else's, and a check that Git never had.
fn seed() -> Json {
    let fields: Vec<Json> = COLUMNS.iter().map(|column| json!([column, "String"])).collect();
    json!({
        "warehouse": {
            "shop|public": [
                { "name": "orders", "kind": "table", "fields": fields },
                { "name": "customers", "kind": "table", "fields": fields },
            ],
            "theirs|public": [{ "name": "ledger", "kind": "table", "fields": fields }],
        },
        "teams": ["Public"],
        "tags": ["mine"],
        "connections": [{
            "name": "theirs", "type": "postgresql", "host": "theirs.example.com", "port": 5432, "username": "u", "password": "p",
        }],
        "datastores": [{ "name": "theirs", "connection_name": "theirs", "database": "theirs", "schema": "public", "synced": true }],
        "checks": [{
            "datastore": "theirs", "container": "ledger", "rule": "notNull", "fields": ["id"], "properties": {},
            "description": "not ours", "additional_metadata": {},
        }],
    })
}

impl House {
    /// A house whose daemon has made its first pass over `files()`: all is in sync.
    pub(crate) async fn settled(terms: Terms) -> Self {
        let mut house = Self::unsettled(terms).await;
        house.start().await;
        let run = house.reconcile("prod").await;
        assert_eq!(run["conclusion"], "succeeded", "{run:#}");
        house.instance.forget().await;
        house
    }

    /// A house whose files are pushed and whose daemon does not run yet.
    pub(crate) async fn unsettled(terms: Terms) -> Self {
        let instance = Instance::start(seed(), Switches::default()).await;
        let repo = Repo::new();
        for (path, text) in files() {
            repo.write(&path, text.as_bytes());
        }
        repo.push("What the shop watches");
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        Self {
            instance,
            repo,
            terms,
            address: address.to_string(),
            daemon: None,
            last: Json::Null,
            client: reqwest::Client::new(),
        }
    }

    /// Starts the daemon, and waits until its first pass is over.
    pub(crate) async fn start(&mut self) {
        self.write_config();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.repo.folder().join("daemon.log"))
            .unwrap();
        let mut command = self.command(&["run", "--config", "driftless.yaml"]);
        command.stdout(Stdio::null()).stderr(log);
        self.daemon = Some(command.spawn().unwrap());
        let ready = format!("http://{}/readyz", self.address);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            assert!(Instant::now() < deadline, "{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.idle("prod").await;
    }

    fn write_config(&self) {
        let Terms {
            environment,
            environments,
            interval,
        } = &self.terms;
        let target = format!(
            "{{ name: TARGET, platform: qualytics, url: \"{}\", token: \"{}\", limits: {{ per_second: 10000 }} }}",
            self.instance.sandbox.url(),
            self.instance.sandbox.token(),
        );
        let mut config = format!(
            "server: {{ listen: \"{}\" }}\nstore: {{ url: \"sqlite://{}\" }}\nsources:\n  - {{ name: SOURCE, url: \"{}\", interval: {} }}\n\
             targets:\n  - {target}\nenvironments:\n  - name: prod\n    source: SOURCE\n    path: config\n    target: TARGET\n    \
             env_passthrough: [PG_PASSWORD]\n",
            self.address,
            self.repo.folder().join("driftless.db").display(),
            self.repo.bare().display(),
            interval.unwrap_or("1h"),
        );
        if !environment.iter().any(|line| line.starts_with("drift:")) {
            config += "    drift: { interval: 1h }\n";
        }
        for line in environment {
            config += &format!("    {line}\n");
        }
        for environment in environments {
            config += &format!("  - {environment}\n");
        }
        std::fs::write(self.repo.folder().join("driftless.yaml"), config).unwrap();
    }

    /// Other terms from the next start on.
    pub(crate) fn agree(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// Kills the daemon without a warning.
    pub(crate) async fn kill(&mut self) {
        self.last = self.get("/api/v1/runs?limit=1").await["runs"][0]["id"].clone();
        self.daemon.take().unwrap().kill().await.unwrap();
    }

    /// The binary in the house's folder, with the instance and the password in its environment and nothing else.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftless"));
        command
            .args(arguments)
            .current_dir(self.repo.folder())
            .env_clear()
            .env("PG_PASSWORD", PASSWORD)
            .env("QUALYTICS_URL", self.instance.sandbox.url())
            .env("QUALYTICS_TOKEN", self.instance.sandbox.token())
            .env("DRIFTLESS_SERVER", format!("http://{}", self.address))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs the binary: its exit code, and what it printed on either stream.
    pub(crate) async fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().await.unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8(printed).unwrap())
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.repo.folder().join("daemon.log")).unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = self
            .client
            .get(format!("http://{}{path}", self.address))
            .send()
            .await
            .unwrap();
        answer.text().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Json {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        let request = self.client.post(format!("http://{}{path}", self.address)).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Asks until `done` says so.
    pub(crate) async fn until(&self, path: &str, done: impl Fn(&Json) -> bool) -> Json {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await;
            if done(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path}: {answer:#}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn idle(&self, environment: &str) {
        let path = format!("/api/v1/environments/{environment}");
        self.until(&path, |view| {
            view["activity"]["state"] == "idle"
                && !view["last_run"].is_null()
                && view["last_run"]["id"] != self.last
                && !view["last_run"]["finished"].is_null()
        })
        .await;
    }

    /// Asks for a pass over an environment, at the newest commit; gives the run when it has ended, with plan and report.
    pub(crate) async fn reconcile(&self, environment: &str) -> Json {
        let (status, asked) = self
            .post(&format!("/api/v1/environments/{environment}/reconcile"), json!({}))
            .await;
        assert_eq!(status, 202, "{asked}");
        self.ended(&asked).await
    }

    /// The run that an answer of the API names, when it has ended.
    pub(crate) async fn ended(&self, asked: &Json) -> Json {
        let path = format!("/api/v1/runs/{}", asked["run"].as_str().unwrap());
        self.until(&path, |run| !run["finished"].is_null()).await
    }

    /// Approves a run's plan; gives the run that follows.
    pub(crate) async fn approve(&self, run: &Json) -> Json {
        let path = format!("/api/v1/runs/{}/approve", run["id"].as_str().unwrap());
        let (status, asked) = self
            .post(&path, json!({"digest": run["plan"]["digest"], "by": "somebody"}))
            .await;
        assert_eq!(status, 202, "{asked}");
        self.ended(&asked).await
    }

    /// Writes, changes or (with `None`) removes files, and pushes.
    pub(crate) fn push(&self, files: &[(&str, Option<&str>)]) -> String {
        for (path, text) in files {
            match text {
                Some(text) => self.repo.write(path, text.as_bytes()),
                None => std::fs::remove_file(self.repo.work().join(path)).unwrap(),
            }
        }
        self.repo.push("A change of the team's")
    }

    /// Replaces a piece of a file, which must be there; does not push.
    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.repo.work().join(path)).unwrap();
        assert!(text.contains(old), "{path} has no {old:?}:\n{text}");
        self.repo.write(path, text.replacen(old, new, 1).as_bytes());
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.repo.work(), arguments)
    }

    /// Changes a check by hand.
    pub(crate) async fn by_hand(&self, uid: &str, set: Json) {
        self.instance.edit("check", json!({ "uid": uid }), set).await;
    }

    /// What happens to requests from now on: rules of the sandbox; an empty list mends all.
    pub(crate) async fn faults(&self, rules: Json) {
        self.instance.door("PUT", "faults", rules).await;
    }

    /// The live check of a uid, archived ones too; `None` where there is none.
    pub(crate) async fn live(&self, uid: &str) -> Option<Json> {
        let state = self.instance.full_state().await;
        let checks = state["checks"].as_array().unwrap().clone();
        checks
            .into_iter()
            .find(|check| check["additional_metadata"]["_qualytics_check_uid"] == uid)
    }

    /// Whether a check is live and in use.
    pub(crate) async fn has(&self, uid: &str) -> bool {
        self.live(uid).await.is_some_and(|check| check["status"] == "Active")
    }

    /// Holds that `doing` writes nothing to the instance and changes nothing there; gives what it gives.
    pub(crate) async fn untouched<T>(&self, doing: impl Future<Output = T>) -> T {
        let before = self.instance.state().await;
        self.instance.forget().await;
        let done = doing.await;
        assert_eq!(self.instance.writes().await, []);
        assert_eq!(self.instance.operations().await, 0);
        assert_eq!(differences(&self.instance.state().await, &before), [] as [String; 0]);
        done
    }

    /// Holds that all is in sync, and stays so.
    pub(crate) async fn in_sync(&self) {
        let run = self.untouched(self.reconcile("prod")).await;
        assert_eq!(run["conclusion"], "succeeded", "{run:#}");
        let view = self.get("/api/v1/environments/prod").await;
        assert_eq!(view["standing"], "in_sync", "{view:#}");
    }
}

/// The reasons for which a run's plan keeps something back.
pub(crate) fn reasons(run: &Json) -> Vec<String> {
    let blocked = run["plan"]["blocked"]
        .as_array()
        .unwrap_or_else(|| panic!("no plan: {run:#}"));
    let mut reasons: Vec<String> = blocked
        .iter()
        .map(|one| one["reason"].as_str().unwrap().to_owned())
        .collect();
    reasons.dedup();
    reasons
}

/// What a run did: `create check/shop/x: applied`.
pub(crate) fn outcomes(run: &Json) -> Vec<String> {
    let text = |outcome: &Json, field: &str| outcome[field].as_str().unwrap().to_owned();
    let outcomes = run["report"]["outcomes"]
        .as_array()
        .unwrap_or_else(|| panic!("no report: {run:#}"));
    outcomes
        .iter()
        .map(|outcome| {
            format!(
                "{} {}: {}",
                text(outcome, "action"),
                text(outcome, "key"),
                text(outcome, "result")
            )
        })
        .collect()
}
