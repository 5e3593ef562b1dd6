//! `store check` and `store rebuild`, and what a daemon does whose store was damaged or lost.

use super::config_file::followed;
use super::daemon::Daemon;
use super::{Ran, Rig};

const PAGE: usize = 4096;

const STORE: [&str; 2] = ["--store", "sqlite://driftless.db"];

/// Overwrites the second half of the store's pages.
fn damage(rig: &Rig) -> Vec<u8> {
    let mut bytes = std::fs::read(rig.path("driftless.db")).unwrap();
    let from = bytes.len() / PAGE / 2 * PAGE;
    bytes[from..].fill(0xA5);
    rig.write("driftless.db", &bytes);
    bytes
}

async fn plan(rig: &Rig) -> Ran {
    rig.run(&[
        "plan",
        "--config",
        "driftless.yaml",
        "--environment",
        "prod",
        "--detailed-exitcode",
    ])
    .await
}

#[tokio::test]
async fn a_damaged_store_is_refused_checked_and_rebuilt_and_nothing_is_deleted() {
    let rig = Rig::empty().await;
    let _repo = followed(&rig);
    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 1).await;
    daemon.ends().await.exits(0);
    assert!(!rig.path("driftless.db-wal").exists(), "all of it is in one file");
    let damaged = damage(&rig);
    rig.forget_writes().await;
    rig.run(&["run", "--config", "driftless.yaml"]).await.exits(1).says(&[
        "driftless.db",
        "damaged",
        "driftless store check",
        "driftless store rebuild",
    ]);
    plan(&rig).await.exits(1).says(&["driftless store rebuild"]);
    assert!(
        std::fs::read(rig.path("driftless.db")).unwrap() == damaged,
        "it is left as it was"
    );
    rig.run(&["store", "check", "--config", "driftless.yaml"])
        .await
        .exits(1)
        .shows(&["fault "]);
    rig.run(&["store", "rebuild", "--config", "driftless.yaml"])
        .await
        .exits(0)
        .shows(&["ledger:", "audit:", "driftless.db.broken-", "nothing is deleted"]);
    rig.run(&["store", "check", "--config", "driftless.yaml"])
        .await
        .exits(0);
    rig.run(&[&["audit", "verify"][..], &STORE].concat()).await.exits(0);
    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 1).await;
    daemon.ends().await.exits(0);
    assert_eq!(rig.state().await["checks"].as_array().unwrap().len(), 3);
    let deletions: Vec<String> = rig.writes().await;
    assert!(
        deletions.iter().all(|write| !write.starts_with("DELETE")),
        "{deletions:?}"
    );
    plan(&rig).await.exits(0).shows(&["7 in sync"]);
}

#[tokio::test]
async fn a_lost_store_is_said_loudly_and_what_is_live_is_adopted() {
    let rig = Rig::empty().await;
    let _repo = followed(&rig);
    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 1).await;
    daemon.ends().await.exits(0);
    for name in ["driftless.db", "driftless.db-wal", "driftless.db-shm"] {
        let _ = std::fs::remove_file(rig.path(name));
    }
    rig.forget_writes().await;
    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 1).await;
    daemon.ends().await.exits(0).says(&[
        "the store is new although its key is there",
        "nothing is deleted; suspensions",
    ]);
    let writes = rig.writes().await;
    assert!(
        writes
            .iter()
            .all(|write| !write.starts_with("DELETE") && !write.starts_with("POST")),
        "{writes:?}"
    );
    plan(&rig).await.exits(0).shows(&["7 in sync"]);
}

#[tokio::test]
async fn a_store_that_is_not_there_is_said() {
    let rig = Rig::empty().await;
    for command in [
        &["store", "check"][..],
        &["store", "rebuild"],
        &["audit", "export"],
        &["audit", "verify"],
    ] {
        rig.run(&[command, &STORE].concat())
            .await
            .exits(1)
            .says(&["there is no store `driftless.db`"]);
    }
    rig.run(&["store", "check"]).await.exits(1).says(&["--store"]);
}
