//! One environment of a config file: `--config FILE --environment NAME`.

use std::path::Path;

use serde_json::json;

use super::repo::Repo;
use super::{CHECK, FILES, PASSWORD, Rig};

/// A config file with one source, one target and the environment `prod`, of which `environment` are further lines.
pub(super) fn config(rig: &Rig, repository: &Path, environment: &str) -> String {
    format!(
        "server: {{ listen: 127.0.0.1:0 }}\n\
         store: {{ url: sqlite://driftless.db }}\n\
         sources:\n  - name: config\n    url: {repository}\n    branch: main\n    interval: 1h\n\
         targets:\n  - {{ name: here, platform: qualytics, url: \"{url}\", token: \"${{QUALYTICS_TOKEN}}\" }}\n\
         environments:\n  - name: prod\n    source: config\n    target: here\n    env_passthrough: [PG_PASSWORD]\n    {environment}\n",
        repository = repository.display(),
        url = rig.sandbox.url(),
    )
}

/// A repository with the standard files under `cfg/`, and a config file that follows it.
pub(super) fn followed(rig: &Rig) -> Repo {
    let repo = Repo::new();
    for (path, text) in FILES {
        repo.write(&format!("cfg/{path}"), text.as_bytes());
    }
    repo.push("First files");
    rig.write("driftless.yaml", config(rig, &repo.bare(), "path: cfg"));
    repo
}

const SCOPE: [&str; 4] = ["--config", "driftless.yaml", "--environment", "prod"];

#[tokio::test]
async fn an_environment_is_planned_and_applied_at_the_commit_of_its_branch() {
    let rig = Rig::empty().await;
    let repo = followed(&rig);
    let plan = [&["plan"][..], &SCOPE, &["--format", "json"]].concat();
    let json = rig.run(&plan).await.exits(0).json();
    assert_eq!(json["environment"], "prod");
    assert_eq!(json["revision"], json!(repo.head()));
    assert_eq!(json["summary"]["create"], 7);
    let apply = [&["apply"][..], &SCOPE, &["--yes"]].concat();
    rig.run(&apply)
        .await
        .exits(0)
        .shows(&["Plan for prod (qualytics) at ", "7 created"]);
    rig.forget_writes().await;
    rig.run(&apply).await.exits(0).shows(&["7 in sync"]);
    // An edit counts when it is pushed.
    let path = repo.work().join("cfg").join(CHECK);
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("description: ids", "description: keys");
    std::fs::write(path, text).unwrap();
    rig.run(&apply).await.exits(0).shows(&["7 in sync"]);
    assert_eq!(rig.writes().await, [""; 0]);
    repo.push("An edit");
    let json = rig.run(&plan).await.exits(0).json();
    assert_eq!(json["changes"][0]["class"], "pending");
    rig.run(&apply).await.exits(0).shows(&["1 updated, 6 in sync"]);
    assert_eq!(rig.writes().await.len(), 1);
}

#[tokio::test]
async fn an_export_takes_its_instance_from_the_config_file() {
    let rig = Rig::new().await;
    let _repo = followed(&rig);
    let export = [&["export"][..], &SCOPE, &["--output", "out"]].concat();
    rig.run(&export).await.exits(0).shows(&["7 files"]);
}

#[tokio::test]
async fn include_narrows_an_environment() {
    let rig = Rig::empty().await;
    let _repo = followed(&rig);
    let plan = [&["plan"][..], &SCOPE, &["--include", "connections", "--format", "json"]].concat();
    assert_eq!(rig.run(&plan).await.exits(0).json()["summary"]["create"], 1);
}

#[tokio::test]
async fn an_environment_that_is_not_there_is_named_with_those_that_are() {
    let rig = Rig::empty().await;
    let _repo = followed(&rig);
    let ran = rig
        .run(&["plan", "--config", "driftless.yaml", "--environment", "prd"])
        .await;
    ran.exits(1).says(&["no environment `prd`", "there are: prod"]);
}

#[tokio::test]
async fn all_faults_of_a_config_file_come_at_once_from_every_command() {
    let rig = Rig::empty().await;
    let repo = followed(&rig);
    let broken =
        config(&rig, &repo.bare(), "path: cfg\n    mode: aply\n    sorce: x").replace("interval: 1h", "interval: soon");
    rig.write("driftless.yaml", broken);
    for arguments in [
        &["validate", "--config", "driftless.yaml"][..],
        &["run", "--config", "driftless.yaml"],
        &[&["plan"][..], &SCOPE].concat(),
        &[&["apply"][..], &SCOPE, &["--yes", "--format", "json"]].concat(),
        &[&["export"][..], &SCOPE, &["--output", "out"]].concat(),
    ] {
        let ran = rig.run(arguments).await;
        ran.exits(1);
        let all = if arguments[0] == "validate" { &ran.out } else { &ran.err };
        for part in ["driftless.yaml:7:", "interval", "mode", "sorce", "3 errors"] {
            assert!(all.contains(part), "{arguments:?}: no {part}: {}\n{}", ran.out, ran.err);
        }
        assert!(
            arguments[0] == "validate" || ran.out.is_empty(),
            "{arguments:?}: {}",
            ran.out
        );
    }
    rig.run(&["plan", "--config", "none.yaml", "--environment", "prod"])
        .await
        .exits(1)
        .says(&["none.yaml"]);
}

#[tokio::test]
async fn a_config_file_is_validated_offline_in_every_form() {
    let rig = Rig::empty().await;
    let _repo = followed(&rig);
    rig.run(&["validate", "--config", "driftless.yaml"])
        .await
        .exits(0)
        .shows(&["1 environment", "no errors"]);
    let json = rig
        .run(&["validate", "--config", "driftless.yaml", "--format", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(json["errors"], 0);
    let mut command = rig.bare(&["validate", "--config", "driftless.yaml"]);
    command.env("PG_PASSWORD", PASSWORD);
    super::Ran::of(command)
        .await
        .exits(1)
        .shows(&["QUALYTICS_TOKEN", "driftless.yaml:9:"]);
}

#[tokio::test]
async fn forges_and_who_tells_of_their_pull_requests_are_validated_with_the_files_that_they_name() {
    let rig = Rig::empty().await;
    let repo = followed(&rig);
    let config = |authorities: &str, forge: &str| {
        format!(
            "{}forges:\n  - {{ name: hub, provider: github, token: \"${{PG_PASSWORD}}\", ca_file: {authorities} }}\n\
             webhooks:\n  - {{ name: pulls, provider: gitlab, secret: s, forge: {forge} }}\n",
            config(&rig, &repo.bare(), "path: cfg")
        )
    };
    let validate = ["validate", "--config", "driftless.yaml"];
    rig.write("driftless.yaml", config("nowhere.pem", "hub"));
    let ran = rig.run(&validate).await;
    ran.exits(1).shows(&[
        "driftless.yaml:17:",
        "`forges[0].ca_file` names no file",
        "nowhere.pem",
        "driftless.yaml:19:",
        "`webhooks[0].forge` names a forge of `provider: github`",
        "2 errors",
    ]);
    assert!(!ran.out.contains(PASSWORD), "{}", ran.out);
    rig.write("driftless.yaml", config("nowhere.pem", "hup"));
    rig.run(&validate)
        .await
        .exits(1)
        .shows(&["there is no forge `hup`", "did you mean `hub`?"]);
}

#[tokio::test]
async fn what_policy_only_reports_is_shown_and_is_no_pending_change() {
    let rig = Rig::empty().await;
    let repo = followed(&rig);
    let apply = [&["apply"][..], &SCOPE, &["--yes"]].concat();
    let plan = [&["plan"][..], &SCOPE, &["--format", "json", "--detailed-exitcode"]].concat();
    rig.write(
        "driftless.yaml",
        config(&rig, &repo.bare(), "path: cfg\n    mode: observe"),
    );
    rig.run(&apply)
        .await
        .exits(0)
        .shows(&["Only reported", "connection/pg"]);
    assert_eq!(rig.writes().await, [""; 0]);
    let report = "path: cfg\n    drift: { policy: report }";
    rig.write("driftless.yaml", config(&rig, &repo.bare(), report));
    rig.run(&apply).await.exits(0).shows(&["7 created"]);
    let by_hand = json!({"kind": "datastore", "where": {"name": "Warehouse"}, "set": {"description": "by hand"}});
    rig.side("POST", "edit", by_hand).await;
    rig.forget_writes().await;
    let json = rig.run(&plan).await.exits(0).json();
    assert_eq!(json["changes"], json!([]));
    let reported = &json["reported"][0];
    assert_eq!(
        (&reported["key"], &reported["class"]),
        (&json!("datastore/Warehouse"), &json!("drift"))
    );
    assert_eq!(reported["fields"][0]["before"], "by hand");
    rig.run(&apply).await.exits(0);
    assert_eq!(rig.writes().await, [""; 0]);
}
