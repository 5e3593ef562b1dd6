//! `apply`: what it writes, when it refuses to, and what becomes of secrets.

use serde_json::json;

use super::{CHECK, CONNECTION, DATASTORE, LIVE_PASSWORD, PASSWORD, Ran, Rig, keys, keys_of};

#[tokio::test]
async fn an_empty_instance_becomes_what_the_files_say_and_then_nothing_is_written() {
    let rig = Rig::empty().await;
    let first = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    first.exits(0).shows(&["7 created", "0 in sync"]);
    rig.forget_writes().await;
    let plan = rig.run(&["plan", "--input", "cfg", "--detailed-exitcode"]).await;
    plan.exits(0).shows(&["Plan (qualytics): 7 in sync"]);
    rig.run(&["apply", "--input", "cfg", "--yes"])
        .await
        .exits(0)
        .shows(&["7 in sync"]);
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn one_change_is_one_write_and_a_hand_made_change_is_put_back() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.applied(&[]).await.shows(&["1 updated, 6 in sync"]);
    assert_eq!(rig.writes().await.len(), 1);
    rig.forget_writes().await;
    let by_hand = json!({"kind": "datastore", "where": {"name": "Warehouse"}, "set": {"description": "by hand"}});
    rig.side("POST", "edit", by_hand).await;
    let ran = rig.applied(&[]).await;
    ran.shows(&[
        "~ datastore/Warehouse",
        r#"description: "by hand" -> "Orders""#,
        "1 updated",
    ]);
    let writes = rig.writes().await;
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].starts_with("PUT /api/datastores/"), "{writes:?}");
}

#[tokio::test]
async fn with_a_store_a_hand_made_change_is_known_as_drift_and_survives_restarts() {
    let rig = Rig::empty().await;
    let store = ["--store", "sqlite://ledger.db"];
    rig.applied(&store).await;
    rig.forget_writes().await;
    rig.applied(&store).await.shows(&["7 in sync"]);
    assert_eq!(rig.writes().await, [""; 0]);
    let by_hand = json!({"kind": "datastore", "where": {"name": "Warehouse"}, "set": {"description": "by hand"}});
    rig.side("POST", "edit", by_hand).await;
    let json = rig
        .run(&[
            "plan",
            "--input",
            "cfg",
            "--store",
            "sqlite://ledger.db",
            "--format",
            "json",
        ])
        .await
        .exits(0)
        .json();
    assert_eq!(json["changes"][0]["class"], "drift", "{json}");
    assert_eq!(json["summary"]["drift"], 1);
    // What Git no longer has stays live, and is said to.
    std::fs::remove_file(rig.path(&format!("cfg/{CHECK}"))).unwrap();
    let ran = rig.applied(&store).await;
    ran.shows(&["No longer in Git", "check/Warehouse/orders__notnull__id", "1 orphaned"]);
    assert_eq!(rig.state().await["checks"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn off_a_terminal_changes_need_yes_and_no_changes_need_nothing() {
    let rig = Rig::new().await;
    rig.run(&["apply", "--input", "cfg"]).await.exits(0);
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.run(&["apply", "--input", "cfg"])
        .await
        .exits(1)
        .says(&["pass --yes"]);
    rig.run(&["apply", "--input", "cfg", "--format", "json"])
        .await
        .exits(1)
        .says(&["pass --yes"]);
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn json_is_one_document_with_every_key_of_the_contract() {
    let rig = Rig::empty().await;
    let json = rig.applied(&["--format", "json"]).await.json();
    assert_eq!(
        keys(&json)[..5],
        ["version", "environment", "platform", "revision", "digest"]
    );
    assert_eq!(
        keys(&json["summary"]),
        [
            "created",
            "updated",
            "replaced",
            "deleted",
            "unchanged",
            "failed",
            "skipped"
        ]
    );
    assert_eq!(json["summary"]["created"], 7);
    let outcomes = json["outcomes"].as_array().unwrap();
    assert!(outcomes.len() >= 7);
    for outcome in outcomes {
        for key in ["key", "action", "result", "attempts", "error"] {
            assert!(outcome.get(key).is_some(), "{key}: {outcome}");
        }
        assert_eq!(outcome["result"], "applied");
        assert_eq!(outcome["error"], json!(null));
        assert!(outcome["attempts"].as_u64().unwrap() >= 1);
    }
    let again = rig.applied(&["--format", "json"]).await.json();
    assert_eq!(
        (&again["summary"]["unchanged"], &again["outcomes"]),
        (&json!(7), &json!([]))
    );
}

#[tokio::test]
async fn a_saved_plan_is_carried_out_once_and_refused_when_its_inputs_moved() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.run(&["plan", "--input", "cfg", "--out", "plan.json"])
        .await
        .exits(0);
    // The files moved.
    rig.edit(&format!("cfg/{DATASTORE}"), "description: Orders", "description: Shop");
    rig.run(&["apply", "--input", "cfg", "--plan", "plan.json", "--yes"])
        .await
        .exits(1)
        .says(&["the plan moved since it was looked at", "look at it again"]);
    rig.edit(&format!("cfg/{DATASTORE}"), "description: Shop", "description: Orders");
    // The instance moved.
    let edit = |text: &str| json!({"kind": "datastore", "where": {"name": "Warehouse"}, "set": {"description": text}});
    rig.side("POST", "edit", edit("by hand")).await;
    rig.run(&["apply", "--input", "cfg", "--plan", "plan.json", "--yes"])
        .await
        .exits(1);
    rig.side("POST", "edit", edit("Orders")).await;
    assert_eq!(rig.writes().await, [""; 0]);
    let ran = rig
        .run(&["apply", "--input", "cfg", "--plan", "plan.json", "--yes"])
        .await;
    ran.exits(0).shows(&["1 updated"]);
    rig.run(&["apply", "--input", "cfg", "--plan", "plan.json", "--yes"])
        .await
        .exits(1);
    for (text, part) in [("{}", "has no digest"), ("no json", "is no plan")] {
        rig.write("other.json", text);
        rig.run(&["apply", "--input", "cfg", "--plan", "other.json", "--yes"])
            .await
            .exits(1)
            .says(&[part]);
    }
    rig.run(&["apply", "--input", "cfg", "--plan", "none.json", "--yes"])
        .await
        .exits(1)
        .says(&["none.json"]);
}

#[tokio::test]
async fn an_approval_is_of_one_digest() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    let json = rig.run(&["plan", "--input", "cfg", "--format", "json"]).await.json();
    rig.run(&["apply", "--input", "cfg", "--yes", "--approve", "0123"])
        .await
        .exits(1)
        .says(&["not 0123"]);
    assert_eq!(rig.writes().await, [""; 0]);
    rig.applied(&["--approve", json["digest"].as_str().unwrap()])
        .await
        .shows(&["1 updated"]);
}

#[tokio::test]
async fn too_large_a_share_of_updates_waits_for_an_approval_of_that_very_plan() {
    let rig = Rig::new().await;
    let check = |number: usize| format!("cfg/datastores/warehouse/checks/orders/check_{number}.yaml");
    let rules = [
        ("notNull", "amount"),
        ("notNull", "status"),
        ("notNegative", "id"),
        ("unique", "id"),
    ];
    for (number, (rule, field)) in rules.into_iter().enumerate() {
        let uid = format!("orders__own__{number}");
        let text = format!(
            "rule_type: {rule}\ncontainer: orders\nfields: [{field}]\ndescription: one\ncoverage: 1.0\nadditional_metadata:\n  \
             _qualytics_check_uid: {uid}\n"
        );
        rig.write(&check(number), text);
    }
    // Creations never count.
    rig.applied(&[]).await.shows(&["4 created"]);
    for number in 0..4 {
        rig.edit(&check(number), "description: one", "description: two");
    }
    let before = rig.writes().await;
    let held = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    held.exits(3).shows(&[
        "Blocked (update_share): would update 4 of 11 (36.4 %), the guard allows 30 %",
        "Held back; `apply --approve ",
        "description: \"one\" -> \"two\"",
    ]);
    assert_eq!(rig.writes().await, before);
    rig.run(&["plan", "--input", "cfg", "--detailed-exitcode"])
        .await
        .exits(3);
    let json = rig
        .run(&["plan", "--input", "cfg", "--format", "json"])
        .await
        .exits(3)
        .json();
    assert_eq!(json["held"].as_array().unwrap().len(), 4);
    assert_eq!((&json["changes"], &json["summary"]["blocked"]), (&json!([]), &json!(4)));
    // Something moved since: it is another plan.
    let digest = json["digest"].as_str().unwrap();
    rig.edit(&check(0), "description: two", "description: three");
    rig.run(&["apply", "--input", "cfg", "--yes", "--approve", digest])
        .await
        .exits(1)
        .says(&["the plan moved since it was looked at"]);
    rig.edit(&check(0), "description: three", "description: two");
    rig.applied(&["--approve", digest]).await.shows(&["4 updated"]);
    rig.run(&["plan", "--input", "cfg", "--detailed-exitcode"])
        .await
        .exits(0);
}

#[tokio::test]
async fn pruning_without_a_ledger_is_an_error_that_says_what_to_do() {
    let rig = Rig::new().await;
    for prune in ["disable", "delete"] {
        let ran = rig.run(&["apply", "--input", "cfg", "--yes", "--prune", prune]).await;
        ran.exits(1)
            .says(&["--prune needs a ledger", "--store URL", "nothing was written"]);
    }
    rig.run(&["apply", "--input", "cfg", "--yes", "--prune", "all"])
        .await
        .exits(1)
        .says(&["--prune"]);
    rig.applied(&["--prune", "off"]).await;
}

#[tokio::test]
async fn with_a_ledger_what_it_owns_is_pruned_as_the_flag_says_and_the_plan_shows_it_first() {
    let rig = Rig::new().await;
    let store = ["--store", "sqlite://ledger.db"];
    rig.applied(&store).await;
    std::fs::remove_file(rig.path(&format!("cfg/{CHECK}"))).unwrap();
    rig.applied(&store).await.shows(&["1 orphaned"]);
    for (prune, line) in [("disable", "pending, archived"), ("delete", "1 to delete")] {
        let ran = rig
            .run(&["plan", "--input", "cfg", "--store", store[1], "--prune", prune])
            .await;
        ran.exits(0).shows(&["1 to delete", "- check/", line]);
    }
    rig.forget_writes().await;
    rig.applied(&["--store", store[1], "--prune", "disable"])
        .await
        .shows(&["1 deleted"]);
    let writes = rig.writes().await;
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].starts_with("DELETE /api/quality-checks/"), "{writes:?}");
    rig.applied(&["--store", store[1], "--prune", "delete"])
        .await
        .shows(&["in sync"]);
    assert_eq!(rig.writes().await.len(), 1);
}

#[tokio::test]
async fn what_is_blocked_exits_3_and_the_rest_is_applied() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "rule_type: notNull", "rule_type: unique");
    rig.edit(&format!("cfg/{DATASTORE}"), "description: Orders", "description: Shop");
    let ran = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    ran.exits(3)
        .shows(&["Blocked (replacement_needs_prune)", "1 updated, 1 blocked"]);
    assert_eq!(rig.writes().await.len(), 1);
}

#[tokio::test]
async fn a_failed_resource_exits_1_names_its_file_and_skips_only_its_dependants() {
    let rig = Rig::empty().await;
    rig.faults(json!([{"method": "POST", "path_prefix": "/containers", "kind": "status", "status": 422}]))
        .await;
    let json = rig
        .run(&["apply", "--input", "cfg", "--yes", "--format", "json"])
        .await
        .exits(1)
        .json();
    let of = |key: &str| {
        json["outcomes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|outcome| outcome["key"] == key)
            .unwrap()
            .clone()
    };
    assert_eq!(of("container/Warehouse/paid")["result"], "failed");
    assert!(
        of("container/Warehouse/paid")["error"]
            .as_str()
            .unwrap()
            .contains("422")
    );
    assert_eq!(of("check/Warehouse/orders__notnull__id")["result"], "applied");
    assert_eq!(
        (&json["summary"]["failed"], &json["summary"]["skipped"]),
        (&json!(1), &json!(0))
    );
    let text = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    text.exits(1).shows(&[
        "failed container/Warehouse/paid",
        "cfg/datastores/warehouse/containers/paid/_container.yaml:1:1",
    ]);
}

#[tokio::test]
async fn secrets_of_what_exists_are_left_alone_unless_they_are_asked_for() {
    let rig = Rig::new().await;
    let ran = rig.applied(&[]).await;
    ran.shows(&["secret `password` is not compared"]);
    assert_eq!(rig.writes().await, [""; 0]);
    let plan = rig
        .run(&["plan", "--input", "cfg", "--secrets", "send", "--format", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(keys_of(&plan["changes"]), ["connection/pg"]);
    assert_eq!(plan["changes"][0]["fields"][0]["after"], "(secret)");
    rig.applied(&["--secrets", "send"]).await.shows(&["1 updated"]);
    rig.forget_writes().await;
    // With a ledger they are sent once, and again only when they changed; `keep` does not send them even then.
    rig.applied(&["--store", "sqlite://ledger.db", "--secrets", "keep"])
        .await
        .shows(&["7 in sync"]);
    assert_eq!(rig.writes().await, [""; 0]);
    rig.applied(&["--store", "sqlite://other.db"])
        .await
        .shows(&["connection/pg", "1 updated"]);
    rig.applied(&["--store", "sqlite://other.db"])
        .await
        .shows(&["7 in sync"]);
    assert_eq!(rig.writes().await.len(), 1);
    let mut rotated = rig.command(&["apply", "--input", "cfg", "--yes", "--store", "sqlite://other.db"]);
    rotated.env("PG_PASSWORD", "another-password");
    Ran::of(rotated)
        .await
        .exits(0)
        .shows(&["password: (secret) -> (secret)", "1 updated"]);
}

#[tokio::test]
async fn a_secret_is_in_no_output_and_no_file() {
    let rig = Rig::empty().await;
    rig.write(".env", format!("PG_PASSWORD={PASSWORD}\n"));
    let (url, token) = (rig.sandbox.url(), rig.sandbox.token().to_owned());
    let mut printed = Vec::new();
    for arguments in [
        &["plan", "--input", "cfg", "--out", "plan.json"][..],
        &["plan", "--input", "cfg", "--format", "json"],
        &["plan", "--input", "cfg", "--format", "markdown"],
        &[
            "apply",
            "--input",
            "cfg",
            "--yes",
            "--store",
            "sqlite://ledger.db",
            "--log",
            "trace",
        ],
        &[
            "apply",
            "--input",
            "cfg",
            "--yes",
            "--store",
            "sqlite://ledger.db",
            "--format",
            "json",
        ],
        &[
            "plan",
            "--input",
            "cfg",
            "--secrets",
            "send",
            "--log",
            "trace",
            "--log-format",
            "json",
        ],
        &["export", "--output", "out", "--log", "trace"],
        &["validate", "cfg", "--format", "json"],
    ] {
        let mut command = rig.bare(arguments);
        command.env("QUALYTICS_URL", &url).env("QUALYTICS_TOKEN", &token);
        let ran = Ran::of(command).await;
        ran.exits(0);
        printed.push((arguments.join(" "), ran.out.into_bytes()));
        printed.push((arguments.join(" "), ran.err.into_bytes()));
    }
    // The variable is refused outside of secret fields, and its value is not quoted.
    rig.edit(
        &format!("cfg/{DATASTORE}"),
        "description: Orders",
        "description: ${PG_PASSWORD}",
    );
    let ran = rig.run(&["plan", "--input", "cfg"]).await;
    ran.exits(1)
        .says(&["variable `PG_PASSWORD` holds a secret", &format!("cfg/{DATASTORE}:5")]);
    printed.push(("misuse".to_owned(), [ran.out, ran.err].concat().into_bytes()));
    rig.edit(&format!("cfg/{DATASTORE}"), "${PG_PASSWORD}", "${QUALYTICS_TOKEN}");
    let ran = rig.run(&["plan", "--input", "cfg"]).await;
    ran.exits(1).says(&["variable `QUALYTICS_TOKEN` holds a secret"]);
    printed.push(("misuse".to_owned(), [ran.out, ran.err].concat().into_bytes()));
    let mut folders = vec![rig.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != ".env" {
                printed.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    assert!(printed.iter().any(|(path, _)| path.ends_with("ledger.db")));
    assert!(
        printed
            .iter()
            .any(|(path, _)| path.ends_with("out/connections/pg.yaml"))
    );
    for (whence, bytes) in printed {
        for secret in [PASSWORD, LIVE_PASSWORD, &token] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {whence}");
        }
    }
}

#[tokio::test]
async fn a_connection_alone_is_created_without_a_datastore() {
    let rig = Rig::empty().await;
    rig.applied(&["--include", "connections"]).await.shows(&["1 created"]);
    rig.edit(&format!("cfg/{CONNECTION}"), "port: 5432", "port: 5433");
    rig.applied(&["--include", "connections"])
        .await
        .shows(&["port: 5432 -> 5433", "1 updated"]);
    assert_eq!(rig.writes().await.len(), 2);
}

#[tokio::test]
async fn asked_to_stop_it_ends_what_is_in_hand_and_says_what_was_cut_off() {
    let rig = Rig::new().await;
    for number in 0..60 {
        rig.write(
            &format!("cfg/datastores/warehouse/checks/orders/minvalue__{number}.yaml"),
            format!(
                "rule_type: minValue\ncontainer: orders\nfields: [amount]\nfilter: id > {number}\n\
                 properties: {{value: {number}, inclusive: true}}\n\
                 additional_metadata: {{_qualytics_check_uid: orders__minvalue__{number}}}\n"
            ),
        );
    }
    let mut command = rig.command(&["apply", "--input", "cfg", "--yes", "--format", "json"]);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    rig.side("PUT", "latency", json!({ "ms": 100 })).await;
    let child = command.spawn().unwrap();
    let id = child.id().unwrap().to_string();
    let stop = async {
        while rig.writes().await.is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(
            std::process::Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
    };
    let (stopped, output) = tokio::join!(tokio::time::timeout(super::PATIENCE, stop), child.wait_with_output());
    stopped.unwrap();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (created, skipped) = (&json["summary"]["created"], &json["summary"]["skipped"]);
    assert_eq!(created.as_u64().unwrap() + skipped.as_u64().unwrap(), 60, "{json}");
    assert!(skipped.as_u64().unwrap() > 0 && created.as_u64().unwrap() > 0, "{json}");
    assert_eq!(rig.writes().await.len() as u64, created.as_u64().unwrap());
    assert!(json["outcomes"].to_string().contains("asked to stop"));
    rig.side("PUT", "latency", json!({ "ms": 0 })).await;
    rig.applied(&[]).await;
    assert_eq!(rig.state().await["checks"].as_array().unwrap().len(), 63);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_looked_up_and_not_repeated() {
    let rig = Rig::empty().await;
    rig.side("PUT", "switches", json!({"duplicate_checks": "accept"})).await;
    rig.faults(json!([
        {"method": "POST", "path_prefix": "/quality-checks", "nth": 1, "kind": "reset_after"},
        {"method": "POST", "path_prefix": "/connections", "nth": 1, "kind": "html", "after": true},
    ]))
    .await;
    rig.applied(&[]).await.shows(&["7 created"]);
    let state = rig.state().await;
    assert_eq!(state["checks"].as_array().unwrap().len(), 3, "{state}");
    assert_eq!(state["connections"].as_array().unwrap().len(), 1, "{state}");
}
