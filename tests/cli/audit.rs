//! `audit`: what was written is handed out and verified, beside the daemon that goes on writing; and a plan beside it.

use serde_json::Value as Json;

use super::config_file::followed;
use super::daemon::Daemon;
use super::{CHECK, Rig};

const STORE: [&str; 2] = ["--store", "sqlite://driftless.db"];

fn records(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_auditor_exports_and_verifies_beside_a_running_daemon_and_a_plan_is_made_too() {
    let rig = Rig::empty().await;
    let repo = followed(&rig);
    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 1).await;
    let exported = rig.run(&[&["audit", "export"][..], &STORE].concat()).await;
    let records = records(&exported.exits(0).out);
    let writes = rig.writes().await.len();
    let applied: Vec<&Json> = records.iter().filter(|record| record["result"] == "applied").collect();
    assert_eq!(applied.len(), writes, "{records:#?}");
    for record in &applied {
        assert_eq!(record["environment"], "prod");
        assert_eq!(record["trigger"], "start");
        assert_eq!(record["revision"], Json::from(repo.head()));
        assert!(!record["author"].as_str().unwrap().is_empty());
        assert!(!record["run"].as_str().unwrap().is_empty());
        let before = records.iter().find(|other| {
            other["result"] == "intended" && other["key"] == record["key"] && other["action"] == record["action"]
        });
        assert!(before.unwrap()["sequence"].as_u64() < record["sequence"].as_u64());
    }
    let verified = rig.run(&["audit", "verify", "--config", "driftless.yaml"]).await;
    verified.exits(0).shows(&[&format!("{} records, 1 of ", records.len())]);
    let check = rig.run(&["store", "check", "--config", "driftless.yaml"]).await;
    check
        .exits(0)
        .shows(&["ok    pages", "ok    ledger: 7 rows", "ok    audit"]);
    rig.run(&["store", "rebuild", "--config", "driftless.yaml"])
        .await
        .exits(1)
        .says(&["is open in process"]);
    let plan = [
        "plan",
        "--config",
        "driftless.yaml",
        "--environment",
        "prod",
        "--detailed-exitcode",
    ];
    rig.run(&plan).await.exits(0).shows(&["7 in sync"]);
    rig.run(&["apply", "--config", "driftless.yaml", "--environment", "prod", "--yes"])
        .await
        .exits(1)
        .says(&["is open in process"]);
    daemon.ends().await.exits(0);
}

#[tokio::test]
async fn an_export_is_verified_offline_and_what_was_done_to_it_is_found() {
    let rig = Rig::empty().await;
    rig.applied(&STORE).await;
    let export = |output: &'static str| [&["audit", "export", "--output", output][..], &STORE].concat();
    rig.run(&export("audit.jsonl")).await.exits(0);
    rig.run(&export("audit.jsonl"))
        .await
        .exits(1)
        .says(&["cannot write audit.jsonl"]);
    let text = rig.read("audit.jsonl");
    // `-` is no file.
    for _ in 0..2 {
        rig.run(&export("-")).await.exits(0).shows(&[text.trim_end()]);
    }
    let records = records(&text);
    let head = records.last().unwrap()["hash"].as_str().unwrap().to_owned();
    rig.run(&["audit", "verify", "audit.jsonl", "--head", &head])
        .await
        .exits(0)
        .shows(&[&head, "one chain"]);
    assert_eq!(records[0]["environment"], Json::Null);
    assert_eq!(records[0]["trigger"], "manual");
    // A time of the day may hold the digits of any value.
    let timeless = |mut record: Json| {
        record.as_object_mut().unwrap().remove("at");
        record.to_string()
    };
    let said: String = records.iter().cloned().map(timeless).collect();
    assert!(
        said.contains("coverage") && !said.contains("0.95"),
        "fields are named, values are not: {said}"
    );
    assert!(!text.contains(super::PASSWORD), "{text}");

    rig.edit("audit.jsonl", "\"attempts\":0", "\"attempts\":9");
    rig.run(&["audit", "verify", "audit.jsonl"])
        .await
        .exits(1)
        .says(&["line 1: record 1 does not have the hash of what it says"]);
    let lines: Vec<&str> = text.lines().collect();
    rig.write("audit.jsonl", [&lines[..3], &lines[4..]].concat().join("\n"));
    rig.run(&["audit", "verify", "audit.jsonl"])
        .await
        .exits(1)
        .says(&["record 5 stands where record 4 should"]);
    rig.write("audit.jsonl", lines[..3].join("\n"));
    rig.run(&["audit", "verify", "audit.jsonl"]).await.exits(0);
    rig.run(&["audit", "verify", "audit.jsonl", "--head", &head])
        .await
        .exits(1)
        .says(&["has 3 records and no record with the expected head", &head]);

    // The next export goes on where this one ends.
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.applied(&STORE).await;
    rig.run(&export("more.jsonl")).await.exits(0);
    let more = rig.read("more.jsonl");
    let rest: Vec<&str> = more.lines().skip(lines.len()).collect();
    assert_eq!(rest.len(), 2);
    rig.write("rest.jsonl", rest.join("\n"));
    rig.run(&["audit", "verify", "rest.jsonl", "--after", &head])
        .await
        .exits(0);
    rig.run(&["audit", "verify", "rest.jsonl"]).await.exits(1);
    rig.run(&["audit", "verify", "--store", "sqlite://driftless.db", "--head", &head])
        .await
        .exits(0);
    rig.run(&["audit", "verify", "more.jsonl", "--head", "none"])
        .await
        .exits(1)
        .says(&["is no hash of a record"]);
    let nobody = rig
        .run(&[&["audit", "export", "--environment", "nobody"][..], &STORE].concat())
        .await;
    assert_eq!(nobody.exits(0).out, "");
    let since = async |time: &'static str| {
        let ran = rig
            .run(&[&["audit", "export", "--since", time][..], &STORE].concat())
            .await;
        ran.out.lines().count()
    };
    assert_eq!(since("2020-01-31").await, more.lines().count());
    assert_eq!(since("2999-01-31T12:00:00+01:00").await, 0);
}
