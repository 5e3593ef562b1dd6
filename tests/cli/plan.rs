//! `plan`: what it shows, in which form, and how it ends.

use serde_json::{Value as Json, json};

use super::{CHECK, CONNECTION, DATASTORE, OTHER_CHECK, PASSWORD, Ran, Rig, keys, keys_of};

const HEAD: [&str; 5] = ["version", "environment", "platform", "revision", "digest"];
const SUMMARY: [&str; 10] = [
    "create",
    "update",
    "delete",
    "replace",
    "unchanged",
    "drift",
    "conflict",
    "orphaned",
    "unmanaged",
    "blocked",
];

#[tokio::test]
async fn what_is_in_sync_exits_0_and_writes_nothing() {
    let rig = Rig::new().await;
    let ran = rig.run(&["plan", "--input", "cfg", "--detailed-exitcode"]).await;
    ran.exits(0)
        .shows(&["Plan (qualytics): 7 in sync", "secret `password` is not compared"]);
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn pending_changes_exit_2_only_when_asked_and_name_field_and_line() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.run(&["plan", "--input", "cfg"]).await.exits(0);
    let ran = rig.run(&["plan", "--input", "cfg", "--detailed-exitcode"]).await;
    let place = format!("cfg/{CHECK}:2:1");
    ran.exits(2).shows(&[
        "Plan (qualytics): 1 to update, 6 in sync",
        "~ check/Warehouse/orders__notnull__id",
        r#"description: "ids" -> "keys""#,
        &place,
    ]);
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn json_is_one_document_with_every_key_of_the_contract() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    let json = rig
        .run(&["plan", "--input", "cfg", "--format", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(keys(&json)[..5], HEAD);
    for key in ["summary", "changes", "reported", "blocked"] {
        assert!(json.get(key).is_some(), "{key}: {json}");
    }
    assert_eq!(keys(&json["summary"]), SUMMARY);
    assert_eq!(
        (json["version"].as_i64(), json["platform"].as_str()),
        (Some(1), Some("qualytics"))
    );
    assert_eq!((&json["environment"], &json["revision"]), (&Json::Null, &Json::Null));
    let change = &json["changes"][0];
    assert_eq!(change["action"], "update");
    assert_eq!(change["kind"], "check");
    assert_eq!(change["key"], "check/Warehouse/orders__notnull__id");
    assert!(
        ["pending", "adoption"].contains(&change["class"].as_str().unwrap()),
        "{change}"
    );
    assert_eq!(change["fields"][0]["path"], "description");
    assert_eq!(change["fields"][0]["before"], "ids");
    assert_eq!(change["fields"][0]["after"], "keys");
    assert_eq!(json["digest"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn json_stays_one_document_beside_faults() {
    let rig = Rig::new().await;
    rig.write("cfg/datastores/warehouse/checks/orders/broken.yaml", "a: [");
    let ran = rig.run(&["plan", "--input", "cfg", "--format", "json"]).await;
    ran.exits(1).says(&["broken.yaml:1:"]);
    assert_eq!(ran.json()["summary"]["unchanged"], 7);
}

#[tokio::test]
async fn equal_inputs_give_equal_bytes() {
    let rig = Rig::empty().await;
    let arguments = ["plan", "--input", "cfg", "--format", "json"];
    let (first, second) = (rig.run(&arguments).await, rig.run(&arguments).await);
    first.exits(0);
    assert_eq!(first.out, second.out);
}

#[tokio::test]
async fn markdown_is_a_table_with_the_field() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: a|b");
    let ran = rig.run(&["plan", "--input", "cfg", "--format", "markdown"]).await;
    ran.exits(0).shows(&[
        "### Plan (qualytics)",
        "| update | `check/Warehouse/orders__notnull__id` |",
        r#"| `description` | `"ids"` | `"a\|b"` |"#,
    ]);
}

#[tokio::test]
async fn what_is_printed_into_a_pipe_has_no_colour() {
    let rig = Rig::new().await;
    rig.write("cfg/datastores/warehouse/checks/orders/broken.yaml", "a: [");
    let mut forced = rig.command(&["plan", "--input", "cfg"]);
    forced.env("CLICOLOR_FORCE", "1");
    let forced = Ran::of(forced).await;
    assert!(forced.err.contains('\u{1b}'), "{}", forced.err);
    let mut plain = rig.command(&["plan", "--input", "cfg"]);
    plain.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    for ran in [rig.run(&["plan", "--input", "cfg"]).await, Ran::of(plain).await] {
        ran.exits(1);
        assert!(
            !ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'),
            "{}{}",
            ran.err,
            ran.out
        );
    }
}

#[tokio::test]
async fn a_dotenv_file_is_read_and_the_process_wins() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CONNECTION}"), "db.example.com", "${PG_HOST}");
    let (url, token) = (rig.sandbox.url(), rig.sandbox.token().to_owned());
    rig.write(
        ".env",
        format!("QUALYTICS_URL={url}\nQUALYTICS_TOKEN={token}\nPG_PASSWORD={PASSWORD}\nPG_HOST=from-file\n"),
    );
    let after = async |process: Option<&str>| {
        let mut command = rig.bare(&["plan", "--input", "cfg", "--format", "json"]);
        if let Some(host) = process {
            command.env("PG_HOST", host);
        }
        Ran::of(command).await.exits(0).json()["changes"][0]["fields"][0]["after"].clone()
    };
    assert_eq!(after(None).await, "from-file");
    assert_eq!(after(Some("from-process")).await, "from-process");
}

#[tokio::test]
async fn a_broken_dotenv_file_is_named_with_its_line() {
    let rig = Rig::new().await;
    rig.write(".env", format!("A=1\n{PASSWORD}\n"));
    let ran = rig.run(&["plan", "--input", "cfg"]).await;
    ran.exits(1).says(&[".env:2"]);
    assert!(!ran.err.contains(PASSWORD), "{}", ran.err);
}

#[tokio::test]
async fn flags_win_over_the_environment() {
    let rig = Rig::new().await;
    let (url, token) = (rig.sandbox.url(), rig.sandbox.token().to_owned());
    let mut command = rig.bare(&["plan", "--input", "cfg", "--url", &url, "--token", &token]);
    command
        .env("QUALYTICS_URL", "http://127.0.0.1:1")
        .env("QUALYTICS_TOKEN", "wrong")
        .env("PG_PASSWORD", PASSWORD);
    Ran::of(command).await.exits(0).shows(&["7 in sync"]);
}

#[tokio::test]
async fn the_input_may_be_the_root_the_datastores_or_one_datastore() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    for input in ["cfg", "cfg/", "./cfg/datastores", "cfg/datastores/warehouse"] {
        let json = rig
            .run(&["plan", "--input", input, "--format", "json"])
            .await
            .exits(0)
            .json();
        assert_eq!(
            keys_of(&json["changes"]),
            ["check/Warehouse/orders__notnull__id"],
            "{input}"
        );
        assert_eq!(json["summary"]["unchanged"], 6, "{input}: {json}");
    }
    for (folder, input) in [
        ("cfg", "."),
        ("cfg/datastores", "."),
        ("cfg/datastores/warehouse", "."),
        ("cfg/connections", ".."),
    ] {
        let mut command = rig.command(&["plan", "--input", input, "--format", "json"]);
        command.current_dir(rig.path(folder));
        let json = Ran::of(command).await.exits(0).json();
        assert_eq!(json["summary"]["unchanged"], 6, "{folder}: {json}");
    }
}

#[tokio::test]
async fn overlays_are_merged_in_their_order() {
    let rig = Rig::new().await;
    rig.write(
        "one/datastores/warehouse/_datastore.yaml",
        "name: Warehouse\ndescription: one\n",
    );
    rig.write(
        "two/datastores/warehouse/_datastore.yaml",
        "name: Warehouse\ndescription: two\n",
    );
    rig.write(&format!("two/{OTHER_CHECK}"), "$delete: true\n");
    let arguments = [
        "plan",
        "--input",
        "cfg",
        "--overlay",
        "one",
        "--overlay",
        "two",
        "--format",
        "json",
    ];
    let json = rig.run(&arguments).await.exits(0).json();
    assert_eq!(keys_of(&json["changes"]), ["datastore/Warehouse"]);
    assert_eq!(json["changes"][0]["fields"][0]["after"], "two");
    assert_eq!(json["changes"][0]["place"], format!("two/{DATASTORE}:2:1"));
    assert_eq!(json["unmanaged"], json!(["check/Warehouse/customers__notnull__name"]));
}

#[tokio::test]
async fn include_leaves_out_the_other_kinds() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.edit(&format!("cfg/{DATASTORE}"), "description: Orders", "description: Shop");
    let plan = async |include: &str| {
        let ran = rig
            .run(&["plan", "--input", "cfg", "--include", include, "--format", "json"])
            .await;
        keys_of(&ran.exits(0).json()["changes"]).join(" ")
    };
    assert_eq!(plan("checks").await, "check/Warehouse/orders__notnull__id");
    assert_eq!(plan("connections,datastores").await, "datastore/Warehouse");
    assert_eq!(
        plan("connections, datastores,checks").await,
        "datastore/Warehouse check/Warehouse/orders__notnull__id"
    );
    rig.run(&["plan", "--input", "cfg", "--include", "check"])
        .await
        .exits(1)
        .says(&[
            "`check`",
            "connections, datastores, containers, computed_fields, checks",
        ]);
}

#[tokio::test]
async fn a_saved_plan_is_the_json_plan_whatever_is_shown() {
    let rig = Rig::empty().await;
    let shown = rig.run(&["plan", "--input", "cfg", "--format", "json"]).await;
    rig.run(&["plan", "--input", "cfg", "--out", "plan.json"])
        .await
        .exits(0);
    assert_eq!(rig.read("plan.json"), shown.out);
    rig.run(&["plan", "--input", "cfg", "--out", "nowhere/plan.json"])
        .await
        .exits(1)
        .says(&["cannot write nowhere/plan.json"]);
}

#[tokio::test]
async fn the_first_of_1_3_2_0_that_holds_is_the_exit_code() {
    let rig = Rig::new().await;
    let exit = async || rig.run(&["plan", "--input", "cfg", "--detailed-exitcode"]).await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    exit().await.exits(2);
    // A rule cannot be changed in place.
    rig.edit(&format!("cfg/{OTHER_CHECK}"), "rule_type: notNull", "rule_type: unique");
    let blocked = exit().await;
    blocked.exits(3).shows(&[
        "Blocked (replacement_needs_prune)",
        "! check/Warehouse/customers__notnull__name",
        "1 to update",
    ]);
    rig.write("cfg/datastores/warehouse/checks/orders/broken.yaml", "a: [");
    exit()
        .await
        .exits(1)
        .shows(&["Blocked (replacement_needs_prune)", "1 to update"]);
}

#[tokio::test]
async fn a_wrong_flag_and_flags_that_do_not_go_together_exit_1() {
    let rig = Rig::new().await;
    for (arguments, part) in [
        (vec!["plan", "--input", "cfg", "--nonsense"], "--nonsense"),
        (
            vec!["plan", "--input", "cfg", "--format", "xml"],
            "text, json, markdown",
        ),
        (vec!["plan"], "pass --input DIR, or --config FILE --environment NAME"),
        (vec!["plan", "--overlay", "x"], "--input"),
        (vec!["plan", "--config", "x.yaml"], "--environment"),
        (
            vec!["plan", "--config", "x.yaml", "--environment", "p", "--input", "cfg"],
            "cannot be used with",
        ),
        (
            vec![
                "plan",
                "--config",
                "x.yaml",
                "--environment",
                "p",
                "--store",
                "sqlite://x.db",
            ],
            "cannot be used with",
        ),
        (
            vec!["plan", "--config", "x.yaml", "--environment", "p", "--secrets", "send"],
            "cannot be used with",
        ),
        (vec!["plan", "--input", "cfg", "--platform", "snowflake"], "qualytics"),
        (vec!["nonsense"], "nonsense"),
    ] {
        rig.run(&arguments).await.exits(1).says(&[part]);
    }
    for arguments in [
        &["--help"][..],
        &["plan", "--help"],
        &["apply", "--help"],
        &["export", "--help"],
        &["--version"],
    ] {
        let ran = rig.run(arguments).await;
        ran.exits(0);
        assert!(!ran.out.is_empty() && ran.err.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn what_names_no_instance_says_how_to_name_one() {
    let rig = Rig::new().await;
    let ran = Ran::of(rig.bare(&["plan", "--input", "cfg"])).await;
    ran.exits(1).says(&["QUALYTICS_URL", "--url"]);
    let url = rig.sandbox.url();
    let ran = Ran::of(rig.bare(&["plan", "--input", "cfg", "--url", &url])).await;
    ran.exits(1).says(&["QUALYTICS_TOKEN", "--token"]);
}

#[tokio::test]
async fn what_others_wrote_does_not_steer_the_terminal() {
    let rig = Rig::new().await;
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}";
    rig.edit(
        &format!("cfg/{CHECK}"),
        "additional_metadata:\n",
        "additional_metadata:\n  \"x\\e[2J\\n  + check/forged\": \"\\e[31m\\x9b\\u202e\"\n",
    );
    rig.write(
        &format!("cfg/datastores/warehouse/checks/orders/{evil}\n.yaml"),
        "rule_type: notNull\ncontainer: orders\nfields: [amount]\n",
    );
    rig.write(&format!("cfg/connections/{evil}.yaml"), "name: [\n");
    for arguments in [
        &["plan", "--input", "cfg"][..],
        &["plan", "--input", "cfg", "--format", "markdown"],
        &["validate", "cfg"],
    ] {
        let ran = rig.run(arguments).await;
        for text in [&ran.out, &ran.err] {
            let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(steers), "{arguments:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("  + check/forged")), "{text}");
        }
    }
}
