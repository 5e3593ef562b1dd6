//! The rows of the vendor's troubleshooting table, each with the message that a person needs; and what lesser tokens can do.

use serde_json::json;

use super::repo::Repo;
use super::{CHECK, CONNECTION, FILES, Rig, keys_of};

#[tokio::test]
async fn an_unresolved_variable_names_itself_its_line_and_where_to_set_it() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CONNECTION}"), "${PG_PASSWORD}", "${PG_PASSWORT}");
    for arguments in [&["plan", "--input", "cfg"][..], &["apply", "--input", "cfg", "--yes"]] {
        let place = format!("cfg/{CONNECTION}:6:1");
        rig.run(arguments).await.exits(1).says(&[
            "unresolved variable `PG_PASSWORT`",
            &place,
            ".env",
            "${PG_PASSWORT:-",
        ]);
    }
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn a_connection_that_include_leaves_out_is_named_when_it_is_not_live_either() {
    let rig = Rig::empty().await;
    let ran = rig
        .run(&[
            "plan",
            "--input",
            "cfg",
            "--include",
            "datastores,containers,computed_fields,checks",
        ])
        .await;
    ran.exits(3).shows(&[
        "Blocked (unresolved_reference): connection 'pg' not found: `--include` leaves out connections",
        "! datastore/Warehouse",
        "include connections, or create it first",
    ]);
    // Live, it is enough.
    rig.applied(&["--include", "connections"]).await;
    rig.applied(&["--include", "datastores,containers,computed_fields,checks"])
        .await
        .shows(&["6 created"]);
}

#[tokio::test]
async fn an_ignore_rule_ends_metadata_that_moves_by_itself() {
    let rig = Rig::new().await;
    let repo = Repo::new();
    for (path, text) in FILES {
        repo.write(&format!("cfg/{path}"), text.as_bytes());
    }
    let check = FILES.iter().find(|(path, _)| *path == CHECK).unwrap().1;
    repo.write(
        &format!("cfg/{CHECK}"),
        format!("{check}  last_reviewed: '2026-01-01'\n").as_bytes(),
    );
    repo.push("A date");
    let arguments = |verb: &'static str| [verb, "--config", "driftless.yaml", "--environment", "prod"];
    let config = super::config_file::config(&rig, &repo.bare(), "path: cfg");
    rig.write("driftless.yaml", &config);
    rig.run(&[&arguments("apply")[..], &["--yes"]].concat()).await.exits(0);
    let moved = json!({"kind": "check", "where": {"uid": "orders__notnull__id"}, "set": {"additional_metadata": {
        "_qualytics_check_uid": "orders__notnull__id", "last_reviewed": "2026-02-02"}}});
    rig.side("POST", "edit", moved).await;
    let plan = [&arguments("plan")[..], &["--detailed-exitcode", "--format", "json"]].concat();
    let json = rig.run(&plan).await.exits(2).json();
    assert_eq!(keys_of(&json["changes"]), ["check/Warehouse/orders__notnull__id"]);
    assert_eq!(json["changes"][0]["class"], "drift");
    assert_eq!(
        json["changes"][0]["fields"][0]["path"],
        "additional_metadata.last_reviewed"
    );
    let ignore =
        "path: cfg\n    ignore: [{ kind: check, key: \"Warehouse/**\", fields: [additional_metadata.last_reviewed] }]";
    rig.write("driftless.yaml", config.replace("path: cfg", ignore));
    rig.forget_writes().await;
    assert_eq!(rig.run(&plan).await.exits(0).json()["changes"], json!([]));
    rig.run(&[&arguments("apply")[..], &["--yes"]].concat()).await.exits(0);
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn a_member_who_may_not_read_connections_applies_all_else_and_is_told_what_it_takes() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.edit(&format!("cfg/{CONNECTION}"), "port: 5432", "port: 5433");
    let token = rig.token(json!({"role": "Member", "teams": {"Data": "Author"}})).await;
    // Where a Member may read them, only the write is refused.
    let ran = rig.run_as(&token, &["apply", "--input", "cfg", "--yes"]).await;
    ran.exits(1).shows(&[
        "failed connection/pg",
        "answered 403",
        "the role Manager (no team permission)",
        "1 updated, 1 failed",
    ]);
    let by_hand = json!({"kind": "check", "where": {"uid": "orders__notnull__id"}, "set": {"description": "by hand"}});
    rig.side("POST", "edit", by_hand).await;
    rig.forget_writes().await;
    // Where not even that, they are a gap.
    rig.faults(json!([{"method": "GET", "path_prefix": "/connections", "kind": "status", "status": 403}]))
        .await;
    let ran = rig.run_as(&token, &["apply", "--input", "cfg", "--yes"]).await;
    ran.exits(3)
        .says(&[
            "the connections could not be read",
            "answered 403",
            "it takes the role Member (no team permission)",
        ])
        .shows(&["Blocked (incomplete_read)", "! connection/pg", "1 updated"]);
    let writes = rig.writes().await;
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].starts_with("PUT /api/quality-checks/"), "{writes:?}");
}

#[tokio::test]
async fn a_member_with_the_author_permission_applies_checks_alone() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.write(
        "cfg/datastores/warehouse/checks/orders/unique__id.yaml",
        "rule_type: unique\ncontainer: orders\nfields: [id]\ncoverage: 1.0\nproperties: {}\n",
    );
    let token = rig.token(json!({"role": "Member", "teams": {"Data": "Author"}})).await;
    let ran = rig
        .run_as(&token, &["apply", "--input", "cfg", "--include", "checks", "--yes"])
        .await;
    ran.exits(0).shows(&["1 created, 1 updated, 2 in sync"]);
    let ran = rig
        .run_as(
            &token,
            &["plan", "--input", "cfg", "--include", "checks", "--detailed-exitcode"],
        )
        .await;
    ran.exits(0);
}

#[tokio::test]
async fn a_second_export_has_no_diff_however_much_moves_by_itself() {
    let rig = Rig::new().await;
    let repo = Repo::new();
    let work = repo.work().join("cfg");
    let arguments = ["export", "--output", work.to_str().unwrap()];
    rig.run(&arguments).await.exits(0);
    repo.push("First export");
    // Every look at the instance moves its scores, counts and times.
    rig.run(&["plan", "--input", "cfg"]).await.exits(0);
    rig.run(&arguments).await.exits(0).shows(&["0 written"]);
    assert_eq!(super::repo::git(&repo.work(), &["status", "--porcelain"]), "");
}
