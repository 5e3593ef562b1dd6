//! The commands that ask a running daemon: what they print, and how they end.

use std::process::Stdio;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::config_file::followed;
use super::daemon::Daemon;
use super::repo::Repo;
use super::terminal::on_a_terminal;
use super::{CHECK, OTHER_CHECK, PATIENCE, Ran, Rig, keys, keys_of};

const KEY: &str = "check/Warehouse/orders__notnull__id";

/// A daemon that has made its first pass, and what it follows.
struct House {
    rig: Rig,
    repo: Repo,
    daemon: Daemon,
}

impl House {
    /// With further lines in the environment `prod`.
    async fn new(environment: &[&str]) -> Self {
        Self::with(environment, "").await
    }

    /// With further members of `server`, too.
    async fn with(environment: &[&str], server: &str) -> Self {
        let rig = Rig::empty().await;
        let repo = followed(&rig);
        for line in environment {
            rig.edit("driftless.yaml", "path: cfg\n", &format!("path: cfg\n    {line}\n"));
        }
        rig.edit("driftless.yaml", "127.0.0.1:0 }", &format!("127.0.0.1:0{server} }}"));
        let daemon = Daemon::start(&rig).await;
        daemon.runs(&rig, 1).await;
        Self { rig, repo, daemon }
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = self.rig.bare(arguments);
        command.env("DRIFTLESS_SERVER", self.daemon.url());
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments)).await
    }

    /// Changes the description in files of Git, and pushes.
    fn push(&self, files: &[&str], description: &str) {
        for file in files {
            let path = self.repo.work().join("cfg").join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            let line = text.lines().find(|line| line.starts_with("description:")).unwrap();
            std::fs::write(&path, text.replace(line, &format!("description: {description}"))).unwrap();
        }
        self.repo.push("An edit");
    }

    async fn by_hand(&self, description: &str) {
        let body = json!({
            "kind": "check", "where": {"uid": "orders__notnull__id"}, "set": {"description": description},
        });
        self.rig.side("POST", "edit", body).await;
    }

    /// The newest run.
    async fn newest(&self) -> String {
        let runs = self.run(&["runs", "--format", "json"]).await.exits(0).json();
        runs["runs"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_status_says_how_each_environment_stands_and_ends_as_it_does() {
    let house = House::new(&["drift: { policy: report }"]).await;
    let revision = house.repo.head();
    let ran = house.run(&["status", "--detailed-exitcode"]).await;
    ran.exits(0).shows(&[
        &format!("prod: in sync at {}\n", &revision[..8]),
        "  last run ",
        "(start)",
    ]);
    let all = house.run(&["status", "--format", "json"]).await.exits(0).json();
    assert_eq!(keys(&all), ["environments", "sources"]);
    assert_eq!(all["environments"][0]["revision"], json!(revision));
    let one = house.run(&["status", "prod", "--format", "json"]).await.exits(0).json();
    assert_eq!(one["standing"], "in_sync");

    house.by_hand("by hand").await;
    house.run(&["reconcile", "prod"]).await.exits(0);
    let ran = house.run(&["status", "--detailed-exitcode"]).await;
    ran.exits(2).shows(&["prod: drift at ", "  drift since "]);
    house.run(&["status"]).await.exits(0);

    let suspend = ["suspend", "prod", "--reason", "a migration", "--by", "somebody"];
    house
        .run(&suspend)
        .await
        .exits(0)
        .shows(&["prod is suspended", "driftless resume prod"]);
    let ran = house.run(&["status", "prod", "--detailed-exitcode"]).await;
    ran.exits(3)
        .shows(&["  suspended by somebody since ", ": a migration\n"]);
    house.run(&["resume", "prod"]).await.exits(0);

    let fault = json!([{"kind": "status", "status": 422, "method": "PUT", "path_prefix": "/quality-checks"}]);
    house.rig.faults(fault).await;
    house.push(&[OTHER_CHECK], "keys");
    house.run(&["reconcile", "prod"]).await.exits(1);
    house
        .run(&["status", "--detailed-exitcode"])
        .await
        .exits(1)
        .shows(&["prod: failed at "]);

    let ran = house.run(&["status", "nowhere"]).await;
    ran.exits(1).says(&["There is no environment `nowhere`"]);
}

#[tokio::test]
async fn runs_are_listed_and_one_is_shown_with_what_it_did() {
    let house = House::new(&[]).await;
    let id = house.newest().await;
    house
        .run(&["runs"])
        .await
        .exits(0)
        .shows(&[&id, "prod", "succeeded  (start)", "7 created"]);
    let ran = house.run(&["runs", &id]).await;
    ran.exits(0).shows(&[
        &id,
        "  applied create connection/pg\n",
        &format!("  applied create {KEY}\n"),
    ]);
    let run = house.run(&["runs", &id, "--format", "json"]).await.exits(0).json();
    assert_eq!(run["plan"]["digest"], run["report"]["digest"]);

    let fault = json!([{"kind": "status", "status": 422, "method": "PUT", "path_prefix": "/quality-checks"}]);
    house.rig.faults(fault).await;
    house.push(&[CHECK], "keys");
    house.run(&["reconcile", "prod"]).await.exits(1);
    let failed = house.newest().await;
    let ran = house.run(&["runs", &failed]).await;
    ran.exits(0).shows(&[&format!("  failed update {KEY}: ")]);
    let listed = house.run(&["runs", "--environment", "prod", "--limit", "1"]).await;
    listed.exits(0).shows(&[&failed]);
    assert_eq!(listed.out.lines().count(), 1, "{}", listed.out);

    let ran = house.run(&["runs", "no-such-run"]).await;
    ran.exits(1).says(&["There is no run `no-such-run`"]);
    let ran = house.run(&["runs", "--limit", "0"]).await;
    ran.exits(1).says(&["`limit` must lie between 1 and 200"]);
}

#[tokio::test]
async fn drift_is_shown_field_by_field_and_accepted_as_a_document() {
    let house = House::new(&["drift: { policy: report }"]).await;
    let ran = house.run(&["drift", "prod", "--detailed-exitcode"]).await;
    assert_eq!(ran.exits(0).out, "no drift\n");
    house.by_hand("worth keeping: yes").await;
    house.run(&["reconcile", "prod"]).await.exits(0);
    let ran = house.run(&["drift", "prod", "--detailed-exitcode"]).await;
    ran.exits(2).shows(&[
        &format!("{KEY}  drift  reported"),
        "first seen ",
        "    description: \"worth keeping: yes\" live, \"ids\" in Git\n",
    ]);
    house.run(&["drift", "prod"]).await.exits(0);
    let drift = house.run(&["drift", "prod", "--format", "json"]).await.exits(0).json();
    assert_eq!(keys_of(&drift["resources"]), [KEY]);

    let accepted = format!("# {KEY}, cfg/{CHECK}:2:1\ndescription: 'worth keeping: yes'\n\n");
    assert_eq!(house.run(&["accept", "prod"]).await.exits(0).out, accepted);
    assert_eq!(house.run(&["accept", "prod", KEY]).await.exits(0).out, accepted);
    let ran = house.run(&["accept", "prod", "check/Warehouse/another"]).await;
    ran.exits(1).says(&[
        "`check/Warehouse/another` has no drift in `prod`",
        "driftless drift prod",
    ]);
    assert_eq!(ran.out, "");

    // What was deleted by hand has nothing that could be put into its file.
    let body = json!({"kind": "check", "where": {"uid": "orders__notnull__id"}, "delete": true});
    house.rig.side("POST", "edit", body).await;
    house.run(&["reconcile", "prod"]).await;
    let ran = house.run(&["accept", "prod", KEY]).await;
    ran.exits(0)
        .shows(&["# deleted by hand: to accept it, delete its file\n"]);
}

#[tokio::test]
async fn a_pass_is_asked_for_waited_for_and_ended_as_it_ends() {
    let house = House::new(&["guards: { update_max: 1 }"]).await;
    house.push(&[CHECK], "keys");
    let ran = house.run(&["reconcile", "prod"]).await;
    ran.exits(0).shows(&["succeeded  (manual)", "1 updated"]);
    let run = house
        .run(&["reconcile", "prod", "--format", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(
        (&run["trigger"], &run["environment"]),
        (&json!("manual"), &json!("prod"))
    );

    house.push(&[CHECK, OTHER_CHECK], "both");
    let ran = house.run(&["reconcile", "prod"]).await;
    ran.exits(3)
        .shows(&["  blocked (update_max): ", &format!("    ! {KEY}\n")]);

    // A file that cannot be read fails no step, and is no success.
    house
        .repo
        .write(&format!("cfg/{OTHER_CHECK}"), b"rule_type: noSuchRule\n");
    house.repo.push("A mistake");
    house.run(&["reconcile", "prod"]).await.exits(1);

    let ran = house.run(&["reconcile", "prod", "--no-wait"]).await;
    assert!(ran.exits(0).out.starts_with("run 2"), "{}", ran.out);
    let ran = house.run(&["reconcile", "nowhere"]).await;
    ran.exits(1).says(&["There is no environment `nowhere`"]);
}

#[tokio::test]
async fn what_is_suspended_waits_until_it_is_resumed() {
    let house = House::new(&[]).await;
    let ran = house.run(&["suspend", "prod"]).await;
    assert_eq!(ran.code, 1, "{}", ran.err);
    ran.says(&["--reason"]);
    let ran = house.run(&["suspend", "prod", "--reason", " "]).await;
    ran.exits(1).says(&["`reason` is empty"]);
    house
        .run(&["suspend", "prod", "--reason", "a migration"])
        .await
        .exits(0);
    house.rig.forget_writes().await;
    house.push(&[CHECK], "keys");
    let ran = house.run(&["reconcile", "prod"]).await;
    ran.exits(3).shows(&["blocked (suspended)", "a migration"]);
    assert_eq!(house.rig.writes().await, [""; 0]);
    let ran = house.run(&["resume", "prod"]).await;
    ran.exits(0).shows(&["prod is written to again"]);
    house.run(&["reconcile", "prod"]).await.exits(0);
    assert_eq!(house.rig.writes().await.len(), 1);
    house.run(&["suspend", "nowhere", "--reason", "x"]).await.exits(1);
}

#[tokio::test]
async fn a_plan_is_approved_by_who_has_looked_at_it() {
    let house = House::new(&["guards: { update_max: 1 }"]).await;
    let first = house.newest().await;
    let ran = house.run(&["approve", &first, "--yes"]).await;
    ran.exits(1).says(&["nothing of the plan of run", "is kept back"]);
    house
        .run(&["approve", "no-such-run", "--yes"])
        .await
        .exits(1)
        .says(&["There is no run `no-such-run`"]);

    house.push(&[CHECK, OTHER_CHECK], "both");
    house.run(&["reconcile", "prod"]).await.exits(3);
    house.rig.forget_writes().await;
    let id = house.newest().await;
    // Nobody there who could be asked.
    let ran = house.run(&["approve", &id]).await;
    ran.exits(1)
        .says(&["there is nobody to ask: pass --yes, or --digest "])
        .shows(&[
            "blocked (update_max)",
            &format!("update {KEY}"),
            "description: \"ids\" -> \"both\"",
        ]);
    let ran = house.run(&["approve", &id, "--digest", "0123"]).await;
    ran.exits(1).says(&["not 0123: look at it again"]);
    let on_terminal = ["approve", &id, "--server", house.daemon.url()];
    let ran = on_a_terminal(&house.rig, "no\n", &on_terminal, None).await;
    ran.exits(1).shows(&["Let this plan through?", "nothing was approved"]);
    assert_eq!(house.rig.writes().await, [""; 0]);
    let ran = on_a_terminal(&house.rig, "yes\n", &on_terminal, None).await;
    ran.exits(0).shows(&["(approval)", "2 updated"]);
    assert_eq!(house.rig.writes().await.len(), 2);

    for (description, digest) in [("once", false), ("twice", true)] {
        house.push(&[CHECK, OTHER_CHECK], description);
        house.run(&["reconcile", "prod"]).await.exits(3);
        let id = house.newest().await;
        let run = house.run(&["runs", &id, "--format", "json"]).await.json();
        let digest = match digest {
            true => ["--digest", run["plan"]["digest"].as_str().unwrap()],
            false => ["--by=somebody", "--yes"],
        };
        let ran = house.run(&[&["approve", &id][..], &digest].concat()).await;
        ran.exits(0).shows(&["(approval)", "2 updated"]);
        // It was of that plan, once.
        house.run(&["approve", &id, "--yes"]).await.exits(1);
    }
}

#[tokio::test]
async fn runs_are_told_as_they_end() {
    let house = House::new(&[]).await;
    house.push(&[CHECK], "keys");
    house.run(&["reconcile", "prod"]).await.exits(0);
    let ran = house.run(&["logs"]).await;
    let told: Vec<&str> = ran.exits(0).out.lines().collect();
    assert!(
        told.len() == 2 && told[0].contains("(start)") && told[1].contains("(manual)"),
        "{told:?}"
    );
    assert_eq!(house.run(&["logs", "nowhere"]).await.exits(0).out, "");

    let mut child = house
        .command(&["logs", "prod", "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        line.unwrap().unwrap().unwrap()
    };
    assert_eq!([next().await, next().await], [told[0], told[1]]);
    house.push(&[CHECK], "others");
    house.run(&["reconcile", "prod"]).await.exits(0);
    let line = next().await;
    assert!(line.contains("(manual)") && line.contains("1 updated"), "{line}");
    let id = child.id().unwrap().to_string();
    let asked = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .unwrap();
    assert!(asked.success());
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn a_daemon_that_cannot_be_asked_is_said_with_where_it_was_looked_for() {
    let rig = Rig::empty().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for arguments in [
        &["status"][..],
        &["runs"],
        &["drift", "prod"],
        &["reconcile", "prod"],
        &["suspend", "prod", "--reason", "x"],
        &["resume", "prod"],
        &["approve", "x", "--yes"],
        &["accept", "prod"],
        &["logs"],
    ] {
        let ran = Ran::of(rig.bare(&[arguments, &["--server", &url]].concat())).await;
        ran.exits(1).says(&[
            &format!("cannot ask the daemon at {url}: "),
            "is it running there? --server or DRIFTLESS_SERVER",
        ]);
        assert_eq!(ran.out, "");
    }
    // Something else that listens there.
    let ran = Ran::of(rig.bare(&["status", "--server", &rig.sandbox.url()])).await;
    ran.exits(1).says(&["the daemon at ", "is it driftless?"]);
}

#[tokio::test]
async fn who_asks_for_something_shows_the_servers_token() {
    let token = "a-token-of-the-server-8c21";
    let house = House::with(&[], &format!(", token: {token}")).await;
    // To look needs none.
    house.run(&["status"]).await.exits(0);
    let id = house.newest().await;
    for arguments in [
        &["reconcile", "prod"][..],
        &["suspend", "prod", "--reason", "x"],
        &["resume", "prod"],
    ] {
        house
            .run(arguments)
            .await
            .exits(1)
            .says(&["Set DRIFTLESS_API_TOKEN to the token of the daemon's config (`server.token`)"]);
        let mut command = house.command(arguments);
        command.env("DRIFTLESS_API_TOKEN", "a-wrong-one-77");
        let ran = Ran::of(command).await;
        ran.exits(1)
            .says(&["The token is not the one this server is configured with"]);
        assert!(!ran.err.contains("a-wrong-one-77"), "{}", ran.err);
    }
    assert_eq!(house.newest().await, id);
    let mut command = house.command(&["reconcile", "prod"]);
    command.env("DRIFTLESS_API_TOKEN", token);
    Ran::of(command).await.exits(0);
    let ran = house.run(&["reconcile", "prod", "--api-token", token]).await;
    ran.exits(0);
    assert_ne!(house.newest().await, id);
    let view: Json = house.run(&["status", "prod", "--format", "json"]).await.json();
    assert_eq!(view["suspended"], Json::Null);
}
