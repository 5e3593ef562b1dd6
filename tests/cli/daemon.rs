//! `run`: it starts, it answers, a delivery wakes it, and it ends when it is asked to.

use std::process::Stdio;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value as Json;
use sha2::Sha256;
use tokio::process::Child;

use super::config_file::followed;
use super::repo::git;
use super::{CHECK, PATIENCE, Ran, Rig};

const SECRET: &str = "webhook-secret-5d1e";

/// A running daemon.
pub(super) struct Daemon {
    child: Child,
    url: String,
}

impl Daemon {
    pub(super) async fn start(rig: &Rig) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let config = rig.read("driftless.yaml").replace("127.0.0.1:0", &address.to_string());
        let webhooks =
            "webhooks:\n  - { name: push, provider: github, secret: \"${WEBHOOK_SECRET}\", sources: [config] }\n";
        rig.write("daemon.yaml", config + webhooks);
        let mut command = rig.command(&["run", "--config", "daemon.yaml"]);
        command
            .env("WEBHOOK_SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let daemon = Self {
            child: command.spawn().unwrap(),
            url: format!("http://{address}"),
        };
        daemon.until(rig, "/readyz", |status, _| status == 200).await;
        daemon
    }

    /// Asks until the answer is as wanted.
    pub(super) async fn until(&self, rig: &Rig, path: &str, wanted: impl Fn(u16, &str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        while Instant::now() < deadline {
            if let Ok(response) = rig.client.get(format!("{}{path}", self.url)).send().await {
                let status = response.status().as_u16();
                last = response.text().await.unwrap();
                if wanted(status, &last) {
                    return last;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{path} never was as wanted: {last}");
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn runs(&self, rig: &Rig, count: usize) -> Json {
        let text = self
            .until(rig, "/api/v1/runs", |status, text| {
                let runs: Json = serde_json::from_str(text).unwrap_or_default();
                status == 200 && runs["runs"].as_array().is_some_and(|runs| ended(runs) >= count)
            })
            .await;
        serde_json::from_str(&text).unwrap()
    }

    pub(super) async fn ends(self) -> Ran {
        let id = self.child.id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let output = tokio::time::timeout(PATIENCE, self.child.wait_with_output())
            .await
            .unwrap()
            .unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn ended(runs: &[Json]) -> usize {
    runs.iter().filter(|run| !run["conclusion"].is_null()).count()
}

#[tokio::test]
async fn it_starts_applies_answers_a_delivery_and_ends_clean() {
    let rig = Rig::empty().await;
    let repo = followed(&rig);
    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 1).await;
    assert_eq!(rig.state().await["checks"].as_array().unwrap().len(), 3);
    rig.forget_writes().await;
    let path = repo.work().join("cfg").join(CHECK);
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("description: ids", "description: keys");
    std::fs::write(path, text).unwrap();
    let head = repo.push("An edit");
    let body = format!("{{\"ref\":\"refs/heads/main\",\"after\":\"{head}\"}}");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let deliver = async |signature: &str| {
        let request = rig
            .client
            .post(format!("{}/webhooks/push", daemon.url))
            .body(body.clone());
        let request = request
            .header("Content-Type", "application/json")
            .header("X-GitHub-Event", "push")
            .header("X-Hub-Signature-256", format!("sha256={signature}"));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(deliver(&"0".repeat(64)).await, 401);
    assert_eq!(deliver(&signature).await, 202);
    daemon.runs(&rig, 2).await;
    let writes = rig.writes().await;
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(rig.state().await["checks"].to_string().contains("\"keys\""));
    let ran = daemon.ends().await;
    ran.exits(0).says(&["Listening on", "Asked to stop"]);
    assert!(!ran.err.contains(SECRET) && !ran.err.contains(super::PASSWORD) && !ran.err.contains(rig.sandbox.token()));
    // What it wrote is remembered by the next process.
    let ran = rig
        .run(&[
            "plan",
            "--config",
            "driftless.yaml",
            "--environment",
            "prod",
            "--detailed-exitcode",
        ])
        .await;
    ran.exits(0).shows(&["7 in sync"]);
}

#[tokio::test]
async fn an_address_that_is_taken_is_said() {
    let rig = Rig::empty().await;
    let _repo = followed(&rig);
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    rig.edit("driftless.yaml", "127.0.0.1:0", &address);
    rig.run(&["run", "--config", "driftless.yaml"])
        .await
        .exits(1)
        .says(&["cannot listen on", &address]);
}

#[tokio::test]
async fn the_sandbox_says_how_to_use_it_and_ends_when_asked() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let rig = Rig::empty().await;
    rig.write("seed.json", super::seed().to_string());
    let data_source = serde_json::json!({"data_sources": [{"id": 7, "name": "Warehouse", "type": "duckdb"}]});
    rig.write("datafold.json", data_source.to_string());
    let anywhere = ["sandbox", "--listen", "127.0.0.1:0", "--datafold-listen", "127.0.0.1:0"];
    let seeded = ["--seed", "seed.json", "--datafold-seed", "datafold.json"];
    let mut command = rig.bare(&[&anywhere[..], &seeded].concat());
    command.stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = std::collections::BTreeMap::new();
    while said.len() < 4 {
        let line = tokio::time::timeout(PATIENCE, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        if let Some((name, value)) = line.trim().strip_prefix("export ").and_then(|set| set.split_once('=')) {
            said.insert(name.to_owned(), value.to_owned());
        }
    }
    let mut plan = rig.command(&["plan", "--input", "cfg"]);
    plan.env("QUALYTICS_URL", &said["QUALYTICS_URL"])
        .env("QUALYTICS_TOKEN", &said["QUALYTICS_TOKEN"]);
    Ran::of(plan).await.exits(0).shows(&["7 in sync"]);
    let asked = rig.client.get(format!("{}/api/v1/data_sources", said["DATAFOLD_HOST"]));
    let asked = asked.header("Authorization", format!("Key {}", said["DATAFOLD_API_KEY"]));
    let answer = asked.send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("Warehouse"), "{answer}");
    let id = child.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(
        tokio::time::timeout(PATIENCE, child.wait())
            .await
            .unwrap()
            .unwrap()
            .code(),
        Some(0)
    );
    rig.write(
        "bad.json",
        "{\"datastores\": [{\"name\": \"x\", \"connection_name\": \"nowhere\"}]}",
    );
    let ran = rig.run(&[&anywhere[..], &["--seed", "bad.json"]].concat()).await;
    ran.exits(1).says(&["datastores[0]", "nowhere"]);
    let ran = rig
        .run(&[&anywhere[..], &["--datafold-seed", "bad.json"]].concat())
        .await;
    ran.exits(1).says(&["datastores"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    rig.run(&["sandbox", "--listen", "127.0.0.1:0", "--datafold-listen", &address])
        .await
        .exits(1)
        .says(&["cannot listen on", &address, "--datafold-listen"]);
}

#[tokio::test]
async fn a_sandbox_starts_where_another_has_the_usual_address_of_datafold() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let rig = Rig::empty().await;
    // Where that fails, another process has it, which is what is wanted too.
    let taken = std::net::TcpListener::bind("127.0.0.1:8091");
    let mut command = rig.bare(&["sandbox", "--listen", "127.0.0.1:0"]);
    command.stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let host = loop {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap();
        let line = line
            .unwrap()
            .expect("the sandbox ended before it said where it listens");
        if let Some(host) = line.trim().strip_prefix("export DATAFOLD_HOST=") {
            break host.to_owned();
        }
    };
    if taken.is_ok() {
        assert_ne!(host, "http://127.0.0.1:8091");
    }
    let answer = rig
        .client
        .get(format!("{host}/api/v1/data_sources"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_suspension_outlives_the_daemon_and_a_rewritten_branch_waits_for_an_approval() {
    let rig = Rig::empty().await;
    let repo = followed(&rig);
    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 1).await;
    let post = async |daemon: &Daemon, path: &str, body: Json| {
        let request = rig.client.post(format!("{}/api/v1{path}", daemon.url));
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json::<Json>().await.unwrap())
    };
    let body = serde_json::json!({"reason": "the warehouse moves", "by": "ann"});
    let (status, answer) = post(&daemon, "/environments/prod/suspend", body).await;
    assert_eq!(
        (status, &answer["suspended"]["by"]),
        (200, &Json::from("ann")),
        "{answer}"
    );
    daemon.ends().await.exits(0);
    rig.forget_writes().await;
    // The branch is rewritten while nobody looks: another first commit, with another description.
    let path = repo.work().join("cfg").join(CHECK);
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("description: ids", "description: keys");
    std::fs::write(path, text).unwrap();
    git(&repo.work(), &["commit", "-q", "-a", "--amend", "-m", "Rewritten"]);
    git(&repo.work(), &["push", "-q", "--force", "origin", "HEAD"]);

    let daemon = Daemon::start(&rig).await;
    daemon.runs(&rig, 2).await;
    let environment = daemon
        .until(&rig, "/api/v1/environments/prod", |_, text| {
            text.contains(&repo.head()) && text.contains("\"blocked\":1")
        })
        .await;
    let environment: Json = serde_json::from_str(&environment).unwrap();
    assert_eq!(environment["suspended"], answer["suspended"]);
    assert_eq!(rig.writes().await, [""; 0]);
    daemon
        .until(&rig, "/metrics", |_, text| {
            text.contains("driftless_suspended{environment=\"prod\"} 1")
        })
        .await;
    let (status, answer) = post(&daemon, "/environments/prod/resume", Json::Null).await;
    assert_eq!((status, &answer["suspended"]), (200, &Json::Null));
    // Resumed, it is the branch that keeps it back.
    let runs = daemon
        .until(&rig, "/api/v1/runs", |_, text| {
            let runs: Json = serde_json::from_str(text).unwrap_or_default();
            runs["runs"].as_array().is_some_and(|runs| {
                let resumed = |run: &Json| run["trigger"] == "resume" && !run["conclusion"].is_null();
                runs.iter().any(resumed)
            })
        })
        .await;
    let runs: Json = serde_json::from_str(&runs).unwrap();
    let newest = runs["runs"][0]["id"].as_str().unwrap().to_owned();
    let plan = daemon
        .until(&rig, &format!("/api/v1/runs/{newest}"), |status, _| status == 200)
        .await;
    let plan = &serde_json::from_str::<Json>(&plan).unwrap()["plan"];
    assert_eq!(plan["blocked"][0]["reason"], "not_fast_forward");
    assert_eq!(rig.writes().await, [""; 0]);
    let wrong = serde_json::json!({"digest": "0".repeat(64)});
    let (status, problem) = post(&daemon, &format!("/runs/{newest}/approve"), wrong).await;
    assert_eq!((status, &problem["digest"]), (409, &plan["digest"]), "{problem}");
    let right = serde_json::json!({"digest": plan["digest"], "by": "ann"});
    let (status, accepted) = post(&daemon, &format!("/runs/{newest}/approve"), right).await;
    assert_eq!(status, 202, "{accepted}");
    let run = accepted["run"].as_str().unwrap();
    let run = daemon
        .until(&rig, &format!("/api/v1/runs/{run}"), |status, text| {
            let run: Json = serde_json::from_str(text).unwrap_or_default();
            status == 200 && !run["conclusion"].is_null()
        })
        .await;
    assert!(run.contains("approved by ann as planned in run"), "{run}");
    assert_eq!(rig.writes().await.len(), 1);
    daemon.ends().await.exits(0);
}
