//! `datafold ci`: runs triggered, diffs submitted.

use driftless::sandbox::datafold::{RunIds, Switches, Triggers};
use serde_json::{Value, json};

use crate::official::{Bench, RELEASE, Said};

const DIFFS: &str = r#"[
  { "prod": "SHOP.CORE.ORDERS", "pr": "SHOP.PR_6.ORDERS", "pk": ["ID"] },
  { "prod": "SHOP.CORE.ITEMS", "pr": "SHOP.PR_6.ITEMS", "pk": null, "exclude_columns": ["NOTE"] }
]"#;

impl Bench {
    async fn trigger(&self, config: &str, sha: &str) -> Said {
        let arguments = [
            "ci",
            "trigger",
            "--ci-config-id",
            config,
            "--pr-num",
            "6",
            "--base-branch",
            "main",
            "--base-sha",
            "base",
            "--pr-branch",
            "feat",
            "--pr-sha",
            sha,
        ];
        self.official(&arguments).await
    }

    async fn submit(&self) -> Said {
        self.write("diffs.json", DIFFS);
        let arguments = [
            "ci",
            "submit",
            "--ci-config-id",
            "286",
            "--pr-num",
            "6",
            "--diffs",
            "diffs.json",
        ];
        self.official(&arguments).await
    }
}

#[tokio::test]
async fn the_client_is_the_release_that_is_the_measure() {
    let bench = Bench::start(Switches::default()).await;
    let said = bench.official(&["version"]).await;
    assert_eq!(said.out.trim(), RELEASE, "{said:?}");
}

#[tokio::test]
async fn a_triggered_run_takes_the_diffs_of_a_file_once() {
    let bench = Bench::start(Switches::default()).await;
    bench
        .submit()
        .await
        .ends(0, &["Could not find an active job for the pull request"]);
    bench
        .trigger("286", "a1")
        .await
        .ends(0, &["Successfully triggered the CI run: 1"]);
    let state = bench.state().await;
    let expected = json!({
        "id": 1, "base_branch": "main", "base_sha": "base", "pr_branch": "feat", "pr_sha": "a1", "pr_num": "6",
        "status": "waiting", "source": "api", "ci_config_id": 286, "diffs": [],
    });
    assert_eq!(state["ci_runs"], json!([expected]));
    bench
        .submit()
        .await
        .ends(0, &["Successfully started a diff under Run ID 401"]);
    let diffs = &bench.state().await["ci_runs"][0]["diffs"];
    let expected = json!([
        { "id": 1, "prod": "SHOP.CORE.ORDERS", "pr": "SHOP.PR_6.ORDERS" },
        { "id": 2, "prod": "SHOP.CORE.ITEMS", "pr": "SHOP.PR_6.ITEMS" },
    ]);
    assert_eq!(diffs, &expected);
    bench.submit().await.ends(0, &["Could not find an active job"]);
}

#[tokio::test]
async fn a_run_that_a_push_made_takes_them_too() {
    let bench = Bench::start(Switches::default()).await;
    let push = json!({ "repository": "acme/shop", "pr_num": 6, "pr_branch": "feat", "pr_sha": "a1",
                       "base_branch": "main", "base_sha": "base" });
    bench.side("POST", "push", push).await;
    bench.submit().await.ends(0, &["Run ID 401"]);
}

#[tokio::test]
async fn it_reads_one_id_of_each_answer() {
    let bench = Bench::start(Switches {
        run_ids: RunIds::CiRunId,
        ..Switches::default()
    })
    .await;
    bench.trigger("286", "a1").await.ends(0, &["CI run: 1"]);
    // Taken, and it says that nothing was.
    bench.submit().await.ends(0, &["Could not find an active job"]);
    assert_eq!(bench.state().await["ci_runs"][0]["diffs"][1]["id"], 2);
    let bench = Bench::start(Switches {
        triggers: Triggers::Nothing,
        ..Switches::default()
    })
    .await;
    bench
        .trigger("286", "a1")
        .await
        .ends(0, &["triggered the CI run: None"]);
    assert_eq!(bench.state().await["ci_runs"], json!([]));
}

#[tokio::test]
async fn what_is_refused_ends_it_with_an_error() {
    let bench = Bench::start(Switches::default()).await;
    bench
        .trigger("1", "a1")
        .await
        .ends(1, &["404", "CI config 1 not found"]);
    let key = bench.side("POST", "keys", json!({ "rights": "read" })).await["key"].clone();
    let arguments = [
        "ci",
        "submit",
        "--ci-config-id",
        "286",
        "--pr-num",
        "6",
        "--diffs",
        "diffs.json",
    ];
    bench.write("diffs.json", DIFFS);
    bench
        .official_with(key.as_str().unwrap(), &arguments)
        .await
        .ends(1, &["403"]);
    bench.official_with("wrong", &arguments).await.ends(1, &["401"]);
    bench.write("diffs.json", r#"[{ "prod": "A", "pr": "B", "pk": ["ID", "ID"] }]"#);
    bench.official(&arguments).await.ends(1, &["422", "duplicated items"]);
    let rules = json!([{ "kind": "status", "status": 503 }]);
    bench.side("PUT", "faults", rules).await;
    bench.trigger("286", "a1").await.ends(1, &["503"]);
    assert_eq!(bench.state().await["ci_runs"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn driftless_takes_the_clients_flags_and_goes_on_with_the_run_that_the_client_triggered() {
    let (head, base) = ("a1".repeat(20), "b0".repeat(20));
    let triggers = [
        "--ci-config-id",
        "286",
        "--pr-num",
        "6",
        "--base-branch",
        "main",
        "--base-sha",
        &base,
        "--pr-branch",
        "feat",
        "--pr-sha",
        &head,
    ];
    let submits = ["--diffs", "diffs.json"];
    // What both of the client's commands leave behind is the measure.
    let measure = Bench::start(Switches::default()).await;
    measure.write("diffs.json", DIFFS);
    measure
        .official(&[&["ci", "trigger"][..], &triggers].concat())
        .await
        .ends(0, &["CI run: 1"]);
    measure
        .official(&[&["ci", "submit"][..], &triggers[..4], &submits].concat())
        .await
        .ends(0, &["Run ID"]);

    let bench = Bench::start(Switches::default()).await;
    bench.write("diffs.json", DIFFS);
    bench
        .official(&[&["ci", "trigger"][..], &triggers].concat())
        .await
        .ends(0, &["CI run: 1"]);
    let run = [&["ci", "run"][..], &triggers, &submits, &["--format", "json"]].concat();
    let said = bench.driftless(&run).await.ends(0, &[]);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&document["run_id"], &document["submitted"]), (&json!(1), &json!(2)));
    let (ours, theirs) = (bench.state().await, measure.state().await);
    assert_eq!(ours["ci_runs"][0]["diffs"], theirs["ci_runs"][0]["diffs"]);
    // Once more: the commit has its run, and is given no second one.
    bench.driftless(&run).await.ends(0, &["did not hand run"]);
    assert_eq!(bench.state().await["ci_runs"].as_array().map(Vec::len), Some(1));
}
