//! `driftless ci run`: what comes out of a pull request's data, and what it says of what does not.

use std::process::Stdio;

use driftless::sandbox::datafold::{self, Pace, Server, Switches};
use serde_json::{Value as Json, json};

use super::{Ran, keys};

const SHA: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
const BASE: &str = "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0";

/// The flags of the official `ci trigger`, in its spelling.
const FLAGS: [&str; 12] = [
    "--ci-config-id",
    "286",
    "--pr-num",
    "6",
    "--base-branch",
    "main",
    "--base-sha",
    BASE,
    "--pr-branch",
    "feat",
    "--pr-sha",
    SHA,
];

const DIFFS: &str = r#"[{ "prod": "SHOP.CORE.ORDERS", "pr": "SHOP.PR_${PR_NUMBER}.ORDERS", "pk": ["ID"] }]"#;

/// A Datafold sandbox and a folder to work in.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

impl Bench {
    async fn new(switches: Switches, comparisons: Json) -> Self {
        let seed = json!({
            "data_sources": [{ "name": "warehouse", "type": "duckdb" }],
            "ci_configs": [{ "id": 286, "name": "shop", "repository": "acme/shop", "data_source": "warehouse" }],
            "comparisons": comparisons,
        });
        let options = datafold::Options {
            seed: Some(seed),
            switches,
            ..datafold::Options::default()
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bench = Self {
            server: Server::start(options).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            client: reqwest::Client::new(),
        };
        bench.write("diffs.json", DIFFS);
        bench
    }

    /// One where the tables of [`DIFFS`] are alike.
    async fn alike() -> Self {
        Self::new(Switches::default(), comparison("identical")).await
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    async fn side(&self, method: &str, path: &str, body: Json) -> Json {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/_sandbox/{path}", self.server.url());
        let request = self.client.request(method, url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap().error_for_status().unwrap();
        response.json().await.unwrap()
    }

    /// The platform hears of the pull request's head from the forge: the run that waits.
    async fn pushed(&self) -> Json {
        let push = json!({ "repository": "acme/shop", "pr_num": 6, "pr_branch": "feat", "pr_sha": SHA,
                           "base_branch": "main", "base_sha": BASE });
        self.side("POST", "push", push).await["runs"][0].clone()
    }

    async fn runs(&self) -> Json {
        self.side("GET", "state?full=1", Json::Null).await["ci_runs"].clone()
    }

    /// Nothing was asked of the platform.
    async fn is_untouched(&self) {
        assert_eq!(self.side("GET", "requests", Json::Null).await["requests"], json!([]));
    }

    fn command(&self, further: &[&str]) -> tokio::process::Command {
        self.bare(&[&FLAGS[..], further].concat())
    }

    /// The command with these flags alone.
    fn bare(&self, flags: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_driftless"));
        command
            .args(["ci", "run"])
            .args(flags)
            .current_dir(self.folder.path())
            .env_clear()
            .env("DATAFOLD_HOST", self.server.url())
            .env("DATAFOLD_API_KEY", self.server.key())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, further: &[&str]) -> Ran {
        Ran::of(self.command(further)).await
    }

    async fn json(&self, further: &[&str]) -> (i32, Json) {
        let ran = self.run(&[further, &["--format", "json"]].concat()).await;
        (ran.code, ran.json())
    }
}

fn comparison(outcome: &str) -> Json {
    json!([{ "prod": "SHOP.CORE.ORDERS", "pr": "SHOP.PR_6.ORDERS", "outcome": outcome }])
}

const FILE: [&str; 2] = ["--diffs", "diffs.json"];

#[tokio::test]
async fn a_run_that_finds_nothing_passes_and_its_document_is_the_one_that_is_promised() {
    let bench = Bench::alike().await;
    let run = bench.pushed().await;
    let (code, json) = bench.json(&FILE).await;
    let expected = [
        "version",
        "result",
        "reason",
        "message",
        "run_id",
        "pr_sha",
        "submitted",
        "diffs",
        "unsaid",
    ];
    assert_eq!(code, 0, "{json}");
    let mut found = keys(&json);
    found.sort_by_key(|key| expected.iter().position(|known| known == key));
    assert_eq!(found, expected);
    assert_eq!(
        (&json["version"], &json["result"], &json["reason"], &json["submitted"]),
        (&json!(1), &json!("passed"), &json!("no_differences"), &json!(1))
    );
    assert_eq!((&json["pr_sha"], json["run_id"].is_i64()), (&json!(SHA), true), "{run}");
    assert_eq!(
        (&json["diffs"][0]["pr"], &json["unsaid"]),
        (&json!("SHOP.PR_6.ORDERS"), &json!([]))
    );
    assert_eq!(bench.runs().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_run_one_is_asked_for_as_the_official_trigger_does() {
    let bench = Bench::alike().await;
    let ran = bench.run(&[&FILE[..], &["--wait-for-run", "0s"]].concat()).await;
    ran.exits(0).shows(&["1 table: no differences.", "Run 1 of commit"]);
    let run = &bench.runs().await[0];
    let told = ["pr_num", "pr_branch", "pr_sha", "base_branch", "base_sha"].map(|key| run[key].clone());
    assert_eq!(json!(told), json!(["6", "feat", SHA, "main", BASE]));
}

#[tokio::test]
async fn differences_exit_2_only_where_that_is_asked_for() {
    let bench = Bench::new(Switches::default(), comparison("different")).await;
    bench.pushed().await;
    let ran = bench.run(&FILE).await;
    ran.exits(0).shows(&["1 table: 1 differs."]);
    let bench = Bench::new(Switches::default(), comparison("different")).await;
    bench.pushed().await;
    let (code, json) = bench.json(&[&FILE[..], &["--detailed-exitcode"]].concat()).await;
    assert_eq!(
        (code, &json["result"], &json["reason"]),
        (2, &json!("passed"), &json!("differences"))
    );
    assert_eq!(json["diffs"][0]["differs"], true);
}

#[tokio::test]
async fn nothing_to_compare_is_skipped_and_says_so() {
    let bench = Bench::alike().await;
    bench.write("diffs.json", "[]");
    let (code, json) = bench.json(&FILE).await;
    assert_eq!(
        (code, &json["result"], &json["reason"]),
        (0, &json!("skipped"), &json!("nothing_to_diff"))
    );
    assert_eq!((&json["run_id"], &json["submitted"]), (&Json::Null, &json!(0)));
    bench.is_untouched().await;
}

#[tokio::test]
async fn diffs_come_from_standard_input_or_the_working_directory_too() {
    let bench = Bench::alike().await;
    bench.pushed().await;
    let mut command = bench.command(&["--diffs", "-"]);
    let file = std::fs::File::open(bench.folder.path().join("diffs.json")).unwrap();
    command.stdin(Stdio::from(file));
    Ran::of(command).await.exits(0);
    const YAML: &str = "- prod: SHOP.CORE.ORDERS\n  pr: SHOP.PR_${PR_NUMBER}.ORDERS\n  pk: [ID]\n";
    let bench = Bench::alike().await;
    bench.pushed().await;
    bench.write("piped", YAML);
    let mut command = bench.command(&["--diffs", "-"]);
    let file = std::fs::File::open(bench.folder.path().join("piped")).unwrap();
    command.stdin(Stdio::from(file));
    Ran::of(command).await.exits(0);
    let bench = Bench::alike().await;
    bench.pushed().await;
    bench.write("datafold/diffs.yaml", YAML);
    bench.run(&[]).await.exits(0);
    let bench = Bench::alike().await;
    bench
        .run(&[])
        .await
        .exits(1)
        .says(&["nothing says what is compared: pass --diffs FILE"]);
}

#[tokio::test]
async fn every_invalid_diffs_file_shows_its_faults_and_nothing_is_sent() {
    let files = [
        (r#"[{"prod":"A.C.T","pr":"A.P.T","pk":"ID"}]"#, "`pk` is"),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"include_columns":null}]"#,
            "`include_columns` is",
        ),
        (r#"[{"prod":null,"pr":"A.P.T","pk":["ID"]}]"#, "`prod` is"),
        (r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID","ID"]}]"#, "ID"),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"filter":"d>1"}]"#,
            "there is no field `filter`",
        ),
        (r#"{"prod":"A.C.T","pr":"A.P.T","pk":["ID"]}"#, "it must be a list"),
        (r#"[{"prod":["A","C","T"],"pr":"A.P.T","pk":[1]}]"#, "dotted name"),
        (r#"[{"prod":"A.C.T","pr":"A.C.T","pk":["ID"]}]"#, "are both `A.C.T`"),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.${NAME}","pk":["ID"]}]"#,
            "stands for nothing",
        ),
        ("[ // why\n]", "this is not JSON"),
    ];
    let bench = Bench::alike().await;
    for (text, message) in files {
        bench.write("diffs.json", text);
        let ran = bench.run(&[&FILE[..], &["--format", "json"]].concat()).await;
        ran.exits(1).says(&[message, "diffs.json:1:", "error"]);
        let json = ran.json();
        assert_eq!(
            (&json["result"], &json["reason"]),
            (&json!("failed"), &json!("invalid_diffs")),
            "{text}"
        );
    }
    bench.is_untouched().await;
}

#[tokio::test]
async fn a_run_that_fails_or_is_cancelled_exits_1() {
    for (word, reason) in [("failed", "run_failed"), ("cancelled", "cancelled")] {
        let bench = Bench::alike().await;
        let id = bench.pushed().await;
        bench
            .side("POST", "runs/status", json!({ "id": run_id(&id), "status": word }))
            .await;
        // Another run of the commit may come to be listed for as long as there is time.
        let (code, json) = bench.json(&[&FILE[..], &["--timeout", "2s"]].concat()).await;
        assert_eq!(
            (code, &json["result"], &json["reason"]),
            (1, &json!("failed"), &json!(reason)),
            "{json}"
        );
    }
}

#[tokio::test]
async fn what_never_ends_times_out_and_says_what_it_waits_for() {
    let words = [
        ("needs_confirmation", "needs_confirmation"),
        ("needs_authentication", "needs_authentication"),
        ("dreaming", "timed_out"),
        ("processing", "timed_out"),
    ];
    for (word, reason) in words {
        let bench = Bench::alike().await;
        let id = bench.pushed().await;
        bench
            .side("POST", "runs/status", json!({ "id": run_id(&id), "status": word }))
            .await;
        let (code, json) = bench.json(&[&FILE[..], &["--timeout", "1s"]].concat()).await;
        assert_eq!((code, &json["result"]), (1, &json!("timed_out")), "{word}: {json}");
        assert_eq!(json["reason"], reason, "{word}");
    }
    // One that has its diffs and does not move.
    let held = Switches {
        runs: Pace::Held,
        ..Switches::default()
    };
    let bench = Bench::new(held, comparison("identical")).await;
    bench.pushed().await;
    let ran = bench.run(&[&FILE[..], &["--timeout", "1s"]].concat()).await;
    ran.exits(1).shows(&["did not end within 1s"]);
}

#[tokio::test]
async fn an_unknown_number_and_a_key_without_rights_are_said() {
    let bench = Bench::alike().await;
    let mut flags = FLAGS;
    flags[1] = "999";
    let mut command = bench.bare(&flags);
    command.args(FILE).args(["--format", "json"]);
    let ran = Ran::of(command).await;
    ran.exits(1);
    assert_eq!(
        (&ran.json()["result"], &ran.json()["reason"]),
        (&json!("failed"), &json!("not_found"))
    );
    let key = bench.side("POST", "keys", json!({ "rights": "read" })).await["key"].clone();
    for (key, reason) in [(key.as_str().unwrap(), "forbidden"), ("no-key-7f3a", "unauthorized")] {
        let mut command = bench.command(&[&FILE[..], &["--wait-for-run", "0s", "--format", "json"]].concat());
        command.env("DATAFOLD_API_KEY", key);
        let ran = Ran::of(command).await;
        ran.exits(1);
        assert_eq!(ran.json()["reason"], reason, "{}", ran.out);
        assert!(
            !ran.err.contains(key) && !ran.out.contains(key),
            "{}{}",
            ran.err,
            ran.out
        );
    }
    assert_eq!(bench.runs().await, json!([]));
}

#[tokio::test]
async fn a_repository_that_cannot_be_opened_is_said_since_the_gate_does_not_ask_it() {
    let told = "the repository of the working directory cannot be opened";
    let bench = Bench::alike().await;
    bench.pushed().await;
    let ran = bench.run(&FILE).await;
    ran.exits(0);
    assert!(!ran.err.contains(told), "{}", ran.err);
    super::repo::git(bench.folder.path(), &["init", "-q"]);
    bench.write(".git/config", "[core\n");
    bench.run(&FILE).await.exits(0).says(&["warning: ", told]);
}

#[tokio::test]
async fn a_time_that_is_shorter_than_the_usual_wait_leaves_half_of_it_to_ask_for_a_run() {
    let bench = Bench::alike().await;
    let (code, json) = bench.json(&[&FILE[..], &["--timeout", "12s"]].concat()).await;
    assert_eq!((code, &json["result"]), (0, &json!("passed")), "{json}");
}

#[tokio::test]
async fn diffs_never_go_to_a_run_of_another_commit() {
    let bench = Bench::alike().await;
    bench.pushed().await;
    let push = json!({ "repository": "acme/shop", "pr_num": 6, "pr_branch": "feat", "pr_sha": BASE,
                       "base_branch": "main", "base_sha": BASE });
    bench.side("POST", "push", push).await;
    let (code, json) = bench.json(&[&FILE[..], &["--timeout", "1s"]].concat()).await;
    assert_eq!(
        (code, &json["reason"], &json["submitted"]),
        (0, &json!("superseded"), &json!(0)),
        "{json}"
    );
    for run in bench.runs().await.as_array().unwrap() {
        assert_eq!(run["diffs"], json!([]));
    }
}

#[tokio::test]
async fn a_shortened_commit_is_no_commit() {
    let bench = Bench::alike().await;
    let mut flags = FLAGS;
    flags[11] = "a1a1a1a";
    Ran::of(bench.bare(&flags))
        .await
        .exits(1)
        .says(&["--pr-sha", "write all hexadecimal digits"]);
    bench.is_untouched().await;
}

#[tokio::test]
async fn numbers_begin_at_1() {
    let bench = Bench::alike().await;
    for (at, flag) in [(1, "--ci-config-id"), (3, "--pr-num")] {
        let mut flags = FLAGS;
        flags[at] = "0";
        Ran::of(bench.bare(&flags)).await.exits(1).says(&[flag, "1.."]);
    }
    bench.is_untouched().await;
}

#[tokio::test]
async fn what_is_longer_than_a_commit_status_is_shown_whole() {
    let bench = Bench::alike().await;
    let mut command = bench.command(&FILE);
    command.env("DATAFOLD_API_KEY", "no-key-7f3a");
    Ran::of(command)
        .await
        .exits(1)
        .shows(&["Not compared: cannot list the runs", "give this target a valid one\n"]);
}

/// The number of a run that the side door names.
fn run_id(run: &Json) -> i64 {
    run.as_i64().or_else(|| run["id"].as_i64()).unwrap()
}
