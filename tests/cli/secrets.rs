//! Secrets that change: one that was rotated is sent once, one that was not is never sent again, wherever it comes from.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value as Json, json};

use super::config_file::config;
use super::daemon::Daemon;
use super::repo::Repo;
use super::{CONNECTION, FILES, PASSWORD, Ran, Rig};

impl Rig {
    /// The path of a secret in a file, as a document names it.
    fn secret_file(&self, name: &str, text: &str) -> String {
        self.write(name, text);
        self.path(name).canonicalize().unwrap().display().to_string()
    }

    /// What reached the instance since the last time, of connections.
    async fn sent(&self) -> usize {
        let writes = self.writes().await;
        self.forget_writes().await;
        assert!(
            writes.iter().all(|write| write.contains("/api/connections")),
            "{writes:?}"
        );
        writes.len()
    }
}

const STORED: [&str; 6] = ["apply", "--input", "cfg", "--yes", "--store", "sqlite://ledger.db"];

#[tokio::test]
async fn a_secret_in_a_file_is_sent_when_it_is_rotated_and_only_then() {
    let rig = Rig::new().await;
    let path = rig.secret_file("secrets/pg", "first-7c1d\n");
    rig.edit(
        &format!("cfg/{CONNECTION}"),
        "${PG_PASSWORD}",
        &format!("${{file:{path}}}"),
    );
    let mut said = Vec::new();
    for (text, sends) in [
        ("first-7c1d\n", 1),
        ("first-7c1d\n", 0),
        // The newline is no part of it.
        ("first-7c1d", 0),
        ("first-7c1d\r\n", 0),
        ("second-7c1d", 1),
        ("second-7c1d", 0),
        ("first-7c1d", 1),
    ] {
        rig.write("secrets/pg", text);
        let ran = rig.run(&STORED).await;
        ran.exits(0);
        assert_eq!(rig.sent().await, sends, "{text:?}: {}", ran.out);
        said.push(ran);
    }
    said[4].shows(&["password: (secret) -> (secret)", "1 updated"]);

    // The same text from a variable is the same secret.
    rig.edit(
        &format!("cfg/{CONNECTION}"),
        &format!("${{file:{path}}}"),
        "${PG_PASSWORD}",
    );
    let mut command = rig.command(&STORED);
    command.env("PG_PASSWORD", "first-7c1d");
    said.push(Ran::of(command).await);
    assert_eq!(rig.sent().await, 0);
    for ran in said {
        assert!(!ran.out.contains("7c1d") && !ran.err.contains("7c1d"), "{}", ran.out);
    }
}

#[tokio::test]
async fn a_key_that_is_lost_sends_every_secret_once_more_and_says_so() {
    let rig = Rig::new().await;
    rig.run(&STORED).await.exits(0);
    assert_eq!(rig.sent().await, 1);
    let key = rig.path("ledger.db.key");
    let mode = || std::fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);

    std::fs::remove_file(&key).unwrap();
    rig.run(&STORED)
        .await
        .exits(0)
        .says(&["every secret is sent once more"])
        .shows(&["password: (none) -> (secret)"]);
    assert_eq!(rig.sent().await, 1);
    assert_eq!(mode(), 0o600);
    rig.run(&STORED).await.exits(0).shows(&["7 in sync"]);
    assert_eq!(rig.sent().await, 0);

    // Open to others: closed, said, and nothing is sent for it.
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    rig.run(&STORED).await.exits(0).says(&["was open to others"]);
    assert_eq!((mode(), rig.sent().await), (0o600, 0));

    for content in [&b""[..], &[7; 31], &[7; 33]] {
        std::fs::write(&key, content).unwrap();
        rig.run(&STORED)
            .await
            .exits(1)
            .says(&["ledger.db.key", "is not a fingerprint key", "delete it"]);
        assert_eq!(rig.sent().await, 0);
    }
}

#[tokio::test]
async fn a_repository_names_only_files_that_its_environment_allows() {
    let rig = Rig::new().await;
    let allowed = rig.secret_file("allowed/pg", "allowed-7c1d\n");
    let other = rig.secret_file("other/pg", "other-7c1d\n");
    let repo = Repo::new();
    let mut files: BTreeMap<&str, String> = FILES.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
    let mut push = |path: &str| {
        let connection = FILES[0].1.replace("${PG_PASSWORD}", &format!("${{file:{path}}}"));
        files.insert(CONNECTION, connection);
        for (path, text) in &files {
            repo.write(&format!("cfg/{path}"), text.as_bytes());
        }
        repo.push(path);
    };
    let plan = ["plan", "--config", "driftless.yaml", "--environment", "prod"];

    push(&other);
    rig.write("driftless.yaml", config(&rig, &repo.bare(), "path: cfg"));
    rig.run(&plan).await.exits(1).says(&[
        "cfg/connections/pg.yaml:6:1",
        &format!("documents may not read the file `{other}`"),
        "`secret_files` of the environment `prod`",
    ]);
    let folder = std::path::Path::new(&allowed).parent().unwrap().display().to_string();
    let environment = format!("path: cfg\n    secret_files: [\"{folder}/*\"]");
    rig.write("driftless.yaml", config(&rig, &repo.bare(), &environment));
    rig.run(&plan).await.exits(1).says(&["documents may not read the file"]);
    push(&allowed);
    rig.run(&plan).await.exits(0).shows(&["password: (none) -> (secret)"]);
    push(&format!("{folder}/none"));
    rig.run(&plan).await.exits(1).says(&["there is no file"]);
    // On a bare instance whoever types the command reads what the command can read.
    rig.edit(
        &format!("cfg/{CONNECTION}"),
        "${PG_PASSWORD}",
        &format!("${{file:{other}}}"),
    );
    let ran = rig.run(&["plan", "--input", "cfg", "--secrets", "send"]).await;
    ran.exits(0).shows(&["password: (none) -> (secret)"]);
}

#[tokio::test]
async fn a_running_daemon_sees_what_was_rotated_in_files_without_a_restart() {
    let rig = Rig::new().await;
    let file = rig.secret_file("secrets/pg", "file-1-7c1d\n");
    rig.write("prod.env", "FROM_ENV=env-1-7c1d\n");
    rig.write("api-token", "api-7c1d\n");
    let repo = Repo::new();
    for (path, text) in FILES {
        repo.write(&format!("cfg/{path}"), text.as_bytes());
    }
    let secrets = format!("password: ${{file:{file}}}\npassphrase: ${{FROM_ENV}}");
    let connection = FILES[0].1.replace("password: ${PG_PASSWORD}", &secrets);
    repo.write(&format!("cfg/{CONNECTION}"), connection.as_bytes());
    repo.push("Secrets from files");
    let folder = rig.path("secrets").canonicalize().unwrap();
    let environment = format!(
        "path: cfg\n    env_files: [prod.env]\n    secret_files: [\"{}/**\"]\n    drift: {{ interval: 1h }}",
        folder.display()
    );
    let token = rig.path("api-token").canonicalize().unwrap();
    let text = config(&rig, &repo.bare(), &environment).replace(
        "server: { listen: 127.0.0.1:0 }",
        &format!(
            "server: {{ listen: 127.0.0.1:0, token: \"${{file:{}}}\" }}",
            token.display()
        ),
    );
    rig.write("driftless.yaml", text);
    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 1).await;
    assert_eq!(rig.sent().await, 1);

    for (path, text, sends) in [
        ("secrets/pg", "file-1-7c1d\n", 0),
        ("secrets/pg", "file-2-7c1d\n", 1),
        ("secrets/pg", "file-2-7c1d\n", 0),
        ("prod.env", "FROM_ENV=env-2-7c1d\n", 1),
        ("prod.env", "FROM_ENV=env-2-7c1d\n", 0),
    ] {
        rig.write(path, text);
        let run = reconciled(&rig, &daemon).await;
        assert_eq!(run["conclusion"], json!("succeeded"), "{run}");
        assert_eq!(rig.sent().await, sends, "{path} {text}");
    }

    // A file that went away stops its connection, and nothing is sent in its place.
    std::fs::remove_file(rig.path("secrets/pg")).unwrap();
    let run = reconciled(&rig, &daemon).await;
    assert_ne!(run["conclusion"], json!("succeeded"), "{run}");
    assert!(run.to_string().contains("there is no file"), "{run}");
    assert_eq!(rig.sent().await, 0);
    // So does a file of variables that cannot be read, for the whole environment: it is said, and tried again.
    std::fs::remove_file(rig.path("prod.env")).unwrap();
    let run = reconciled(&rig, &daemon).await;
    assert_eq!(run["conclusion"], json!("failed"), "{run}");
    assert!(run.to_string().contains("prod.env"), "{run}");
    assert_eq!(rig.sent().await, 0);
    let ran = daemon.ends().await;
    ran.exits(0);
    assert!(!ran.err.contains("7c1d") && !ran.err.contains(PASSWORD), "{}", ran.err);
}

/// A pass that was asked for, ended.
async fn reconciled(rig: &Rig, daemon: &Daemon) -> Json {
    let post = rig
        .client
        .post(format!("{}/api/v1/environments/prod/reconcile", daemon.url()));
    let answer = post.bearer_auth("api-7c1d").send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let run = answer.json::<Json>().await.unwrap()["run"].as_str().unwrap().to_owned();
    let ended = |status: u16, text: &str| {
        let run: Json = serde_json::from_str(text).unwrap_or_default();
        status == 200 && !run["conclusion"].is_null()
    };
    let text = daemon.until(rig, &format!("/api/v1/runs/{run}"), ended).await;
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn the_process_wins_over_the_env_file_and_an_empty_value_takes_the_default() {
    let rig = Rig::new().await;
    rig.edit(
        "cfg/datastores/warehouse/_datastore.yaml",
        "description: Orders",
        "description: \"${FROM:-default} ${FROM} ${ONLY:-default}\"",
    );
    rig.write(".env", "\u{feff}export FROM='file'\r\nONLY=\"a #b\" # a comment\r\n");
    let plan = ["plan", "--input", "cfg", "--format", "text"];
    rig.run(&plan).await.exits(0).shows(&["\"file file a #b\""]);
    for (value, expected) in [("process", "\"process process a #b\""), ("", "\"default  a #b\"")] {
        let mut command = rig.command(&plan);
        command.env("FROM", value);
        Ran::of(command).await.exits(0).shows(&[expected]);
    }
}
