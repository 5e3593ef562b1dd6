//! `driftless ci run --config FILE`: the rules of the CI configuration in Git, its forge, and the work tree's own changes.

use std::path::Path;
use std::process::{Command, Stdio};

use driftless::sandbox::datafold::{self, Pace, Server, Switches};
use driftless::sandbox::forge;
use serde_json::{Value as Json, json};

use super::Ran;
use super::repo::Repo;

const DOCUMENT: &str = "name: shop\nci_config_id: 286\nrepository: acme/shop\ndata_connection: 1\nbase_branch: main\n\
                        files_to_ignore: ['docs/**']\nschema: PR\n";

const DIFFS: &str = r#"[{ "prod": "SHOP.CORE.ORDERS", "pr": "SHOP.${PR_SCHEMA}.ORDERS", "pk": ["ID"] }]"#;

/// A Datafold sandbox, a forge sandbox, the repository with the CI configuration, and a config file.
struct Bench {
    server: Server,
    forge: forge::Server,
    repo: Repo,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

/// The head commit of a pull request.
struct Pull {
    number: u64,
    sha: String,
    base: String,
}

impl Bench {
    async fn new(document: &str, forges: &[&str], outcome: &str) -> Self {
        Self::paced(document, forges, outcome, Switches::default()).await
    }

    async fn paced(document: &str, forges: &[&str], outcome: &str, switches: Switches) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = datafold::Options {
            switches,
            seed: Some(json!({
                "data_sources": [
                    { "id": 1, "name": "warehouse", "type": "duckdb" },
                    { "id": 2, "name": "shop", "type": "mysql", "options": { "host": "db.example.com", "user": "u", "password": "p", "db": "shop" } },
                ],
                "ci_configs": [{ "id": 286, "name": "shop", "repository": "acme/shop", "data_source": "warehouse" }],
                "comparisons": [{ "prod": "SHOP.CORE.ORDERS", "pr": "SHOP.PR.ORDERS", "outcome": outcome }],
            })),
            ..datafold::Options::default()
        };
        let forge_options = forge::Options {
            seed: Some(
                json!({ "repositories": [{ "path": "acme/shop", "files": { "models/orders.sql": "select 1" } }] }),
            ),
            ..forge::Options::default()
        };
        let bench = Self {
            server: Server::start(options).await.unwrap(),
            forge: forge::Server::start(forge_options).await.unwrap(),
            repo: Repo::with(&[("datafold/ci/shop.yaml", document.as_bytes())]),
            folder: tempfile::tempdir().unwrap(),
            client: reqwest::Client::new(),
        };
        let forges: String = forges
            .iter()
            .map(|name| {
                let (url, token) = (bench.forge.url(), bench.forge.token());
                format!("  - {{ name: {name}, provider: github, url: \"{url}\", token: {token} }}\n")
            })
            .collect();
        let forges = if forges.is_empty() {
            String::new()
        } else {
            format!("forges:\n{forges}")
        };
        let config = format!(
            "server: {{ listen: 127.0.0.1:0 }}\nstore: {{ url: sqlite://driftless.db }}\n\
             sources:\n  - {{ name: config, url: {repo}, branch: main, interval: 1h }}\n\
             targets:\n  - {{ name: here, platform: datafold, url: \"{url}\", token: {key} }}\n{forges}\
             pull_requests: {{ wait_for_run: 1s, timeout: 60s, poll: {{ from: 1s, to: 1s }} }}\n\
             environments:\n  - {{ name: prod, source: config, target: here, path: datafold }}\n",
            repo = bench.repo.bare().display(),
            url = bench.server.url(),
            key = bench.server.key(),
        );
        std::fs::write(bench.folder.path().join("driftless.yaml"), config).unwrap();
        bench
    }

    /// Opens a pull request on the forge.
    async fn pull(&self, mut body: Json) -> Pull {
        body["repository"] = json!("acme/shop");
        body["branch"] = json!("feat");
        let url = format!("{}/_sandbox/pull_requests", self.forge.url());
        let request = self.client.post(url).json(&body);
        let made: Json = request
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap()
            .json()
            .await
            .unwrap();
        let number = made["number"].as_u64().unwrap();
        let sha = made["sha"].as_str().unwrap().to_owned();
        let base = self.forge_state().await["pull_requests"][0]["base_sha"]
            .as_str()
            .unwrap()
            .to_owned();
        Pull { number, sha, base }
    }

    async fn forge_state(&self) -> Json {
        let url = format!("{}/_sandbox/state?full=1", self.forge.url());
        let state: Json = self.client.get(url).send().await.unwrap().json().await.unwrap();
        state["repositories"][0].clone()
    }

    /// What was asked of the platform.
    async fn requests(&self) -> Json {
        let url = format!("{}/_sandbox/requests", self.server.url());
        let log: Json = self.client.get(url).send().await.unwrap().json().await.unwrap();
        log["requests"].clone()
    }

    /// Nothing was asked of the platform but of which type the data source is.
    async fn is_untouched(&self) {
        for request in self.requests().await.as_array().unwrap() {
            assert_eq!(
                (&request["method"], &request["path"]),
                (&json!("GET"), &json!("/api/v1/data_sources"))
            );
        }
    }

    async fn run(&self, pull: &Pull, further: &[&str]) -> Ran {
        self.run_in(self.folder.path(), pull, "main", further).await
    }

    async fn run_in(&self, folder: &Path, pull: &Pull, base_branch: &str, further: &[&str]) -> Ran {
        Ran::of(self.command(folder, pull, base_branch, further)).await
    }

    fn command(&self, folder: &Path, pull: &Pull, base_branch: &str, further: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_driftless"));
        command
            .args([
                "ci",
                "run",
                "--ci-config-id",
                "286",
                "--pr-num",
                &pull.number.to_string(),
            ])
            .args(["--base-branch", base_branch, "--base-sha", &pull.base])
            .args([
                "--pr-branch",
                "feat",
                "--pr-sha",
                &pull.sha,
                "--format",
                "json",
                "--config",
            ])
            .arg(self.folder.path().join("driftless.yaml"))
            .args(further)
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Has the forge answer each status that is set with this one of HTTP.
    async fn refuse_statuses(&self, with: u16) {
        let url = format!("{}/_sandbox/faults", self.forge.url());
        let prefix = "/api/v3/repos/acme/shop/statuses/";
        let rules = json!([{ "kind": "status", "status": with, "method": "POST", "path_prefix": prefix }]);
        let put = self.client.put(url).json(&rules).send().await.unwrap();
        put.error_for_status().unwrap();
    }

    /// The newest commit status.
    async fn status(&self) -> Json {
        let state = self.forge_state().await;
        state["statuses"]
            .as_array()
            .and_then(|statuses| statuses.last())
            .cloned()
            .unwrap_or_default()
    }
}

fn of_flags(sha: &str) -> Pull {
    Pull {
        number: 1,
        sha: sha.to_owned(),
        base: "b0".repeat(20),
    }
}

#[tokio::test]
async fn the_pull_requests_own_diffs_file_is_compared_and_the_forge_is_told() {
    let bench = Bench::new(&format!("{DOCUMENT}fail_on_differences: true\n"), &["hub"], "different").await;
    let files = json!({ "datafold/diffs.json": DIFFS, "models/orders.sql": "select 2" });
    let pull = bench.pull(json!({ "files": files })).await;
    let ran = bench.run(&pull, &[]).await;
    let json = ran.exits(1).json();
    assert_eq!(
        (&json["result"], &json["reason"]),
        (&json!("failed"), &json!("differences"))
    );
    let state = bench.forge_state().await;
    let last = state["statuses"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["context"], &last["state"]),
        (&json!("driftless/shop"), &json!("failure"))
    );
    let body = state["comments"][0]["body"].as_str().unwrap();
    assert!(
        body.contains("<!-- driftless:shop -->") && body.contains("SHOP.CORE.ORDERS"),
        "{body}"
    );
}

#[tokio::test]
async fn each_gate_of_the_forge_skips_and_says_which() {
    let label = format!("{DOCUMENT}require_label: true\n");
    let files = json!({ "models/orders.sql": "select 2" });
    let gates = [
        (DOCUMENT, json!({ "files": { "docs/a.md": "x" } }), "files_ignored"),
        (DOCUMENT, json!({ "files": files, "draft": true }), "draft"),
        (
            DOCUMENT,
            json!({ "files": files, "message": "x datafold-skip-ci" }),
            "skip_requested",
        ),
        (label.as_str(), json!({ "files": files }), "label_missing"),
        (DOCUMENT, json!({ "files": files }), "nothing_to_diff"),
    ];
    for (document, body, reason) in gates {
        let bench = Bench::new(document, &["hub"], "identical").await;
        let pull = bench.pull(body).await;
        let json = bench.run(&pull, &[]).await.exits(0).json();
        assert_eq!((&json["result"], &json["reason"]), (&json!("skipped"), &json!(reason)));
        assert_eq!(bench.requests().await, json!([]), "{reason}");
    }
}

#[tokio::test]
async fn without_a_forge_the_flags_and_the_work_tree_are_what_the_gate_knows() {
    let document = format!(
        "{DOCUMENT}discovery:\n  files: ['models/**/*.sql']\n  production: {{ schema: CORE }}\n  \
         pull_request: {{ schema: '${{PR_SCHEMA}}_${{PR_NUMBER}}' }}\n"
    );
    let bench = Bench::new(&document, &[], "identical").await;
    let json = bench
        .run_in(bench.folder.path(), &of_flags(&"a1".repeat(20)), "release", &[])
        .await
        .exits(0)
        .json();
    assert_eq!(
        (&json["result"], &json["reason"]),
        (&json!("skipped"), &json!("base_branch"))
    );
    bench
        .run(&of_flags(&"a1".repeat(20)), &[])
        .await
        .exits(1)
        .says(&["the changed SQL files cannot be told", "pass --diffs FILE"]);
    let work = Repo::with(&[("models/old.sql", b"select 1")]);
    let base = work.head();
    work.write("docs/a.md", b"x");
    let sha = work.push("Words");
    let pull = Pull { number: 1, sha, base };
    let json = bench.run_in(&work.work(), &pull, "main", &[]).await.exits(0).json();
    assert_eq!(json["reason"], "files_ignored");
    let model = b"-- datafold: pk=ID\ncreate table SHOP.${schema}.ORDERS as select 1 as ID;\n";
    work.write("models/orders.sql", model);
    let sha = work.push("A model");
    // The base moved on: what it has since is none of the pull request's.
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(arguments)
            .current_dir(work.work())
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["checkout", "-q", "-b", "base", &pull.base]);
    work.write("models/old.sql", b"create table SHOP.CORE.OLD as select 1 as ID;");
    let base = work.push("On main");
    assert_eq!(bench.requests().await, json!([]));
    let pull = Pull { number: 1, sha, base };
    let ran = bench.run_in(&work.work(), &pull, "main", &[]).await;
    let json = ran.exits(0).json();
    assert_eq!(
        (&json["result"], &json["submitted"]),
        (&json!("passed"), &json!(1)),
        "{json}"
    );
    assert_eq!(json["diffs"][0]["pr"], "SHOP.PR_1.ORDERS");
}

#[tokio::test]
async fn a_forge_that_cannot_be_told_and_a_number_that_nobody_declares_are_errors() {
    let pull = of_flags(&"a1".repeat(20));
    let bench = Bench::new(DOCUMENT, &["hub", "lab"], "identical").await;
    bench
        .run(&pull, &[])
        .await
        .exits(1)
        .says(&["`shop` does not say which one", "add `forge:`", "one of hub, lab"]);
    let bench = Bench::new(&format!("{DOCUMENT}forge: club\n"), &["hub", "lab"], "identical").await;
    bench
        .run(&pull, &[])
        .await
        .exits(1)
        .says(&["of the forge `club`, which the config file does not have; it has: hub, lab"]);
    let other = DOCUMENT.replace("286", "7");
    let bench = Bench::new(&other, &["hub"], "identical").await;
    bench
        .run(&pull, &[])
        .await
        .exits(1)
        .says(&["declares a CI configuration with `ci_config_id: 286`; declared are 7 (shop)"]);
    let broken = DOCUMENT.replace("base_branch: main", "base_branch: [main]");
    let bench = Bench::new(&broken, &["hub"], "identical").await;
    bench
        .run(&pull, &[])
        .await
        .exits(1)
        .says(&["shop.yaml:5:", "base_branch"]);
    assert_eq!(bench.requests().await, json!([]));
}

#[tokio::test]
async fn several_forges_are_told_apart_by_the_document() {
    let bench = Bench::new(&format!("{DOCUMENT}forge: lab\n"), &["hub", "lab"], "identical").await;
    let files = json!({ "datafold/diffs.json": DIFFS, "models/orders.sql": "select 2" });
    let pull = bench.pull(json!({ "files": files })).await;
    let json = bench.run(&pull, &[]).await.exits(0).json();
    assert_eq!(json["result"], "passed");
}

#[tokio::test]
async fn who_starts_a_run_without_a_forge_needs_no_label() {
    let bench = Bench::new(&format!("{DOCUMENT}require_label: true\n"), &[], "identical").await;
    std::fs::write(bench.folder.path().join("diffs.json"), DIFFS).unwrap();
    let pull = of_flags(&"a1".repeat(20));
    let json = bench.run(&pull, &["--diffs", "diffs.json"]).await.exits(0).json();
    assert_eq!(
        (&json["result"], &json["submitted"]),
        (&json!("passed"), &json!(1)),
        "{json}"
    );
}

#[tokio::test]
async fn names_of_fewer_or_more_parts_than_the_data_connections_type_has_are_warned_of() {
    for connection in ["2", "shop"] {
        let document = DOCUMENT.replace("data_connection: 1", &format!("data_connection: {connection}"));
        let bench = Bench::new(&document, &[], "identical").await;
        std::fs::write(bench.folder.path().join("diffs.json"), DIFFS).unwrap();
        let pull = of_flags(&"a1".repeat(20));
        let ran = bench.run(&pull, &["--diffs", "diffs.json"]).await;
        ran.exits(0)
            .says(&["a name of 3 parts; tables of this data source have 2", "diffs.json:1:"]);
        assert_eq!(ran.json()["submitted"], 1);
    }
}

#[tokio::test]
async fn more_diffs_than_the_threshold_start_only_when_they_are_confirmed() {
    let bench = Bench::new(&format!("{DOCUMENT}diff_threshold: 0\n"), &[], "identical").await;
    std::fs::write(bench.folder.path().join("diffs.json"), DIFFS).unwrap();
    let pull = of_flags(&"a1".repeat(20));
    let ran = bench.run(&pull, &["--diffs", "diffs.json"]).await;
    assert_eq!(ran.exits(1).json()["reason"], "needs_confirmation");
    bench.is_untouched().await;
    let ran = bench.run(&pull, &["--diffs", "diffs.json", "--confirmed"]).await;
    assert_eq!(ran.exits(0).json()["submitted"], 1);
}

#[tokio::test]
async fn a_commit_that_is_not_the_head_is_a_fault_of_the_call() {
    let bench = Bench::new(DOCUMENT, &["hub"], "identical").await;
    let mut pull = bench
        .pull(json!({ "files": { "models/orders.sql": "select 2" } }))
        .await;
    let head = std::mem::replace(&mut pull.sha, "ab".repeat(20));
    let told = format!(
        "the head of pull request {} is {head}, not {}: pass the head commit",
        pull.number, pull.sha
    );
    let ran = bench.run(&pull, &[]).await;
    ran.exits(1)
        .says(&[&told, "github.event.pull_request.head.sha", "not the merge commit"]);
    assert_eq!(bench.status().await, json!(null));
    assert_eq!(bench.requests().await, json!([]));
}

#[tokio::test]
async fn an_interrupted_run_leaves_no_status_pending() {
    let held = Switches {
        runs: Pace::Held,
        ..Switches::default()
    };
    for signal in ["-INT", "-TERM"] {
        let bench = Bench::paced(DOCUMENT, &["hub"], "identical", held.clone()).await;
        let files = json!({ "datafold/diffs.json": DIFFS, "models/orders.sql": "select 2" });
        let pull = bench.pull(json!({ "files": files })).await;
        let mut command = bench.command(bench.folder.path(), &pull, "main", &[]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let waiting = async {
            while bench.status().await["state"] != "pending" {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
            .await
            .unwrap();
        let id = child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let ended = child.wait_with_output().await.unwrap();
        assert_eq!(ended.status.code(), Some(1), "{signal}");
        let status = bench.status().await;
        assert_eq!(
            (&status["context"], &status["state"], &status["description"]),
            (
                &json!("driftless/shop"),
                &json!("error"),
                &json!("interrupted; run it again")
            ),
            "{signal}"
        );
    }
}

#[tokio::test]
async fn a_faulty_diffs_file_of_the_call_is_told_at_the_forge_where_the_gate_lets_it_through() {
    let bench = Bench::new(DOCUMENT, &["hub"], "identical").await;
    let file = bench.folder.path().join("diffs.json");
    std::fs::write(&file, DIFFS).unwrap();
    let files = json!({ "models/orders.sql": "select 2" });
    let pull = bench.pull(json!({ "files": files })).await;
    bench.run(&pull, &["--diffs", "diffs.json"]).await.exits(0);
    assert_eq!(bench.status().await["state"], "success");
    let asked = bench.requests().await;
    std::fs::write(&file, DIFFS.replace("\"pk\": [\"ID\"]", "\"pk\": \"ID\"")).unwrap();
    let ran = bench.run(&pull, &["--diffs", "diffs.json"]).await;
    ran.exits(1).says(&["diffs.json:1:", "`pk` is"]);
    assert_eq!(ran.err.matches("error[wrong_type]").count(), 1, "{}", ran.err);
    assert_eq!(ran.json()["reason"], "invalid_diffs");
    let state = bench.forge_state().await;
    let status = bench.status().await;
    assert_eq!(status["state"], "error", "{status}");
    assert!(
        status["description"].as_str().unwrap().contains("diffs.json:1:"),
        "{status}"
    );
    let comment = state["comments"][0]["body"].as_str().unwrap();
    assert!(
        comment.contains("it must be a list of column names (write "),
        "{comment}"
    );
    let kinds = |requests: &Json| {
        let all = requests.as_array().unwrap().iter();
        all.filter(|request| request["path"] != "/api/v1/data_sources").count()
    };
    assert_eq!(kinds(&bench.requests().await), kinds(&asked));
    let bench = Bench::new(DOCUMENT, &["hub"], "identical").await;
    std::fs::write(bench.folder.path().join("diffs.json"), "[{}]").unwrap();
    let pull = bench
        .pull(json!({ "files": files, "message": "x datafold-skip-ci" }))
        .await;
    let json = bench.run(&pull, &["--diffs", "diffs.json"]).await.exits(0).json();
    assert_eq!(
        (&json["result"], &json["reason"]),
        (&json!("skipped"), &json!("skip_requested"))
    );
}

#[tokio::test]
async fn a_status_that_could_not_be_set_is_no_success_unless_the_forge_refuses_it_for_good() {
    for (with, code, weight) in [(503, 1, "error: "), (403, 0, "warning: ")] {
        let bench = Bench::new(DOCUMENT, &["hub"], "identical").await;
        let files = json!({ "datafold/diffs.json": DIFFS, "models/orders.sql": "select 2" });
        let pull = bench.pull(json!({ "files": files })).await;
        bench.refuse_statuses(with).await;
        let ran = bench.run(&pull, &["--timeout", "10s"]).await;
        let told = format!("{weight}the commit status could not be set: ");
        let json = ran.exits(code).says(&[&told]).json();
        assert_eq!(json["result"], "passed", "{json}");
        let unsaid = json["unsaid"][0].as_str().unwrap();
        assert!(unsaid.starts_with("the commit status could not be set: "), "{unsaid}");
        assert_eq!(bench.status().await, Json::Null);
    }
}
