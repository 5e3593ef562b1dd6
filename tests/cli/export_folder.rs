//! `export` into a folder that somebody keeps by hand: nothing of it is lost without a word.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::{Ran, Rig};

const PG: &str = "out/connections/pg.yaml";
const CHECKS: &str = "out/datastores/warehouse/checks/orders";

async fn export(rig: &Rig, more: &[&str]) -> Ran {
    rig.run(&[&["export", "--output", "out"], more].concat()).await
}

async fn settled(rig: &Rig) {
    export(rig, &[]).await.exits(0).shows(&["0 written"]);
    let ran = rig.run(&["plan", "--input", "out", "--detailed-exitcode"]).await;
    ran.exits(0);
}

#[tokio::test]
async fn a_file_that_means_what_is_live_stays_to_the_byte() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    let stem = first_check(&rig);
    let text = rig.read(&stem);
    // Another order and spelling, comments, no field that says nothing, a directive.
    let mut lines: Vec<&str> = text.lines().collect();
    let uid = lines.split_off(lines.len() - 2);
    lines.retain(|line| !line.ends_with(": null") && !line.ends_with(": []"));
    let by_hand = format!(
        "# yaml-language-server: $schema=x\n{}   # why it is here\n\nprotect: true\n{}\n",
        uid.join("\n"),
        lines.join("\n").replace("status: Active", "status: \"Active\"")
    );
    rig.write(&stem, &by_hand);
    let connection = rig
        .read(PG)
        .replace("host: ", "host:    ")
        .replace("port: ", "# the usual\nport: ");
    rig.write(PG, &connection);
    export(&rig, &[])
        .await
        .exits(0)
        .shows(&["7 files in out: 0 written, 7 unchanged"]);
    assert_eq!(rig.read(&stem), by_hand);
    assert_eq!(rig.read(PG), connection);
}

/// A check's file of the export.
fn first_check(rig: &Rig) -> String {
    let mut names: Vec<String> = std::fs::read_dir(rig.path(CHECKS))
        .unwrap()
        .map(|entry| format!("{CHECKS}/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    names.sort();
    names.remove(0)
}

#[tokio::test]
async fn a_placeholder_stays_where_its_value_is_live_or_not_to_be_told_and_is_named_where_it_goes() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    let host = rig
        .read(PG)
        .lines()
        .find(|line| line.starts_with("host: "))
        .unwrap()
        .to_owned();
    let value = host.trim_start_matches("host: ").to_owned();
    let by_hand = rig
        .read(PG)
        .replace(&host, "host: ${PG_HOST}")
        .replace(
            "password: ${PG_PASSWORD}",
            "password: ${VAULT_PG:?ask the platform team}",
        )
        .replace("port: 5432", "port: ${PG_PORT:-5432}");
    assert!(by_hand.contains("VAULT_PG") && by_hand.contains("PG_PORT"), "{by_hand}");
    rig.write(PG, &by_hand);
    rig.write(".env", format!("PG_HOST={value}\n"));
    export(&rig, &[]).await.exits(0).shows(&["0 written"]);
    // Nobody can tell whether it is live: what somebody wrote stays.
    rig.write(".env", "");
    export(&rig, &[]).await.exits(0).shows(&["0 written"]);
    assert_eq!(rig.read(PG), by_hand);
    // Something else differs: what means what is live stays as it is written.
    edit(&rig, "connection", json!({"name": "pg"}), json!({"username": "moved"})).await;
    rig.write(".env", format!("PG_HOST={value}\n"));
    export(&rig, &[]).await.exits(0).shows(&["1 written"]);
    let text = rig.read(PG);
    for kept in [
        "host: ${PG_HOST}",
        "port: ${PG_PORT:-5432}",
        "password: ${VAULT_PG:?ask",
        "username: moved",
    ] {
        assert!(text.contains(kept), "{text}");
    }
    edit(
        &rig,
        "connection",
        json!({"name": "pg"}),
        json!({"host": "elsewhere.example.com"}),
    )
    .await;
    export(&rig, &[])
        .await
        .exits(0)
        .says(&["warning: connections/pg.yaml is written anew and loses the placeholder in `host`"]);
    assert!(rig.read(PG).contains("host: elsewhere.example.com"), "{}", rig.read(PG));
}

async fn edit(rig: &Rig, kind: &str, of: Json, set: Json) {
    rig.side("POST", "edit", json!({"kind": kind, "where": of, "set": set}))
        .await;
}

#[tokio::test]
async fn a_file_that_must_change_keeps_its_head_and_directives_and_says_what_it_loses() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    let head = "# Copyright of nobody\n# vim: ts=2\n\n";
    rig.write(PG, format!("{head}protect: true\n{}", rig.read(PG)));
    edit(&rig, "connection", json!({"name": "pg"}), json!({"username": "moved"})).await;
    let ran = export(&rig, &[]).await;
    ran.exits(0);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    let text = rig.read(PG);
    assert!(
        text.starts_with(head) && text.contains("protect: true\n") && text.contains("moved"),
        "{text}"
    );
    settled(&rig).await;
    rig.write(PG, text.replace("username: moved", "username: moved # since may"));
    edit(&rig, "connection", json!({"name": "pg"}), json!({"username": "again"})).await;
    export(&rig, &[])
        .await
        .exits(0)
        .says(&["warning: connections/pg.yaml is written anew and loses comments below the first line of content"]);
    // A `#` inside of a text is none.
    edit(
        &rig,
        "connection",
        json!({"name": "pg"}),
        json!({"username": "with #one"}),
    )
    .await;
    export(&rig, &[]).await.exits(0);
    edit(
        &rig,
        "connection",
        json!({"name": "pg"}),
        json!({"username": "with #two"}),
    )
    .await;
    let ran = export(&rig, &[]).await;
    ran.exits(0);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
}

#[tokio::test]
async fn a_resource_is_written_to_the_file_that_declares_it_wherever_that_lies() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    let stem = first_check(&rig);
    let (text, moved) = (rig.read(&stem), "out/datastores/warehouse/checks/by-team/mine.yaml");
    rig.write(moved, &text);
    std::fs::remove_file(rig.path(&stem)).unwrap();
    std::fs::rename(rig.path(PG), rig.path("out/connections/main database.yaml")).unwrap();
    export(&rig, &[]).await.exits(0).shows(&["0 written"]);
    assert!(!rig.path(&stem).exists() && !rig.path(PG).exists());
    // The folder of a datastore has another name, too: what is new goes below it.
    std::fs::rename(
        rig.path("out/datastores/warehouse"),
        rig.path("out/datastores/the-warehouse"),
    )
    .unwrap();
    std::fs::remove_file(rig.path("out/datastores/the-warehouse/checks/by-team/mine.yaml")).unwrap();
    let ran = export(&rig, &["--prune-files"]).await;
    ran.exits(0);
    assert!(
        ran.out.contains("1 written") && !rig.path("out/datastores/warehouse").exists(),
        "{}",
        ran.out
    );
    assert_eq!(rig.read(&stem.replace("warehouse", "the-warehouse")), text);
    settled(&rig).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_neither_written_over_nor_removed() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    rig.write(PG, "name: pg\nhost: [broken\n");
    rig.write("out/connections/other.yaml", "name: ]\n");
    rig.write("out/datastores/warehouse/checks/old.yml", "rule_type: notNull\n");
    let ran = export(&rig, &["--prune-files"]).await;
    ran.exits(1);
    ran.says(&[
        "connections/pg.yaml cannot be read",
        "connection/pg",
        "correct the file",
    ]);
    assert_eq!(rig.read(PG), "name: pg\nhost: [broken\n");
    assert!(rig.path("out/connections/other.yaml").exists());
    assert!(rig.path("out/datastores/warehouse/checks/old.yml").exists());
}

#[tokio::test]
async fn a_stale_file_keeps_its_name_until_it_goes_and_takes_its_empty_folder_with_it() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    let stale = "out/datastores/warehouse/checks/gone/x.yaml";
    rig.write(stale, "rule_type: notNull\ncontainer: gone\nfields: [x]\n");
    let stem = first_check(&rig);
    let text = rig.read(&stem);
    rig.write(&stem, "rule_type: unique\ncontainer: gone\nfields: [y]\n");
    export(&rig, &[])
        .await
        .exits(0)
        .says(&["stale: datastores/warehouse/checks/gone/x.yaml"]);
    let numbered = stem.replace(".yaml", "_2.yaml");
    assert_eq!(rig.read(&numbered), text);
    std::fs::remove_file(rig.path(&numbered)).unwrap();
    export(&rig, &["--prune-files"]).await.exits(0);
    assert_eq!(rig.read(&stem), text);
    assert!(!rig.path("out/datastores/warehouse/checks/gone").exists());
    assert!(rig.path("out/datastores/warehouse/checks").exists());
}

#[tokio::test]
async fn connections_that_were_not_asked_for_or_that_nothing_uses_are_not_stale() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    rig.write("out/connections/unused.yaml", "name: foreign\ntype: mysql\n");
    let ran = export(&rig, &["--datastore", "Warehouse", "--prune-files"]).await;
    ran.exits(0);
    assert!(!ran.err.contains("removed"), "{}", ran.err);
    export(&rig, &[])
        .await
        .exits(0)
        .says(&["stale: connections/unused.yaml"]);
}

#[tokio::test]
async fn an_instance_without_datastores_makes_the_folder_and_empties_none() {
    let rig = Rig::empty().await;
    export(&rig, &[]).await.exits(0).shows(&["0 files in out"]);
    assert!(Path::new(&rig.path("out")).is_dir());
    let full = Rig::new().await;
    full.run(&["export", "--output", rig.path("out").to_str().unwrap()])
        .await
        .exits(0);
    export(&rig, &["--prune-files"]).await.exits(0);
    assert!(rig.path(CHECKS).exists());
}

#[tokio::test]
async fn what_git_is_about_to_rename_stays_in_its_files_under_its_new_name() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    let store = "out/datastores/warehouse/_datastore.yaml";
    let renamed = |text: &str, old: &str, new: &str| {
        text.replace(
            &format!("\nname: {old}\n"),
            &format!("\nname: {new} # as agreed\nprevious_name: {old}\n"),
        )
    };
    let connection = renamed(&format!("\n{}", rig.read(PG)), "pg", "pg-main");
    rig.write(PG, &connection);
    let by_hand =
        renamed(&rig.read(store), "Warehouse", "dwh").replace("connection_name: pg\n", "connection_name: pg-main\n");
    assert!(
        by_hand.contains("previous_name") && by_hand.contains("pg-main"),
        "{by_hand}"
    );
    rig.write(store, &by_hand);
    for more in [&[][..], &["--prune-files"]] {
        let ran = export(&rig, more).await;
        ran.exits(0).shows(&["7 files in out: 0 written, 7 unchanged"]);
        assert!(
            !ran.err.contains("stale") && !ran.err.contains("removed"),
            "{}",
            ran.err
        );
        assert_eq!(rig.read(PG), connection);
        assert_eq!(rig.read(store), by_hand);
    }
    // What changed beside is written, and the rename stays.
    edit(
        &rig,
        "datastore",
        json!({"name": "Warehouse"}),
        json!({"description": "by hand"}),
    )
    .await;
    export(&rig, &["--prune-files"]).await.exits(0).shows(&["1 written"]);
    let text = rig.read(store);
    for line in [
        "name: dwh\n",
        "previous_name: Warehouse\n",
        "connection_name: pg-main\n",
        "description: by hand\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    rig.run(&["plan", "--input", "out"])
        .await
        .exits(0)
        .shows(&["name: \"Warehouse\" -> \"dwh\"", "name: \"pg\" -> \"pg-main\""]);
}

#[tokio::test]
async fn a_file_that_spells_a_name_with_other_capitals_is_corrected_and_keeps_the_rest() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    let store = "out/datastores/warehouse/_datastore.yaml";
    let text = rig.read(store);
    let spelled = format!(
        "# ours\nprotect: true\n{}",
        text.replace("name: Warehouse\n", "name: WAREHOUSE\n")
    );
    rig.write(store, &spelled);
    let ran = export(&rig, &["--prune-files"]).await;
    ran.exits(0).shows(&["7 files in out: 1 written, 6 unchanged"]);
    assert!(!ran.err.contains("removed"), "{}", ran.err);
    let after = rig.read(store);
    assert!(
        after.starts_with("# ours\n") && after.contains("protect: true\n") && after.contains("\nname: Warehouse\n"),
        "{after}"
    );
}

#[tokio::test]
async fn a_datastore_that_is_not_there_any_more_is_told_and_its_folder_stays() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    edit(&rig, "datastore", json!({"name": "Warehouse"}), json!({"name": "dwh"})).await;
    let ran = export(&rig, &["--prune-files"]).await;
    ran.exits(0).says(&[
        "note: datastores/warehouse/_datastore.yaml and what is beside it stay as they are",
        "no `datastore/Warehouse` is there that the token may see",
    ]);
    assert!(rig.path("out/datastores/warehouse/_datastore.yaml").exists());
    assert!(rig.path("out/datastores/dwh/_datastore.yaml").exists());
    let ran = export(&rig, &["--datastore", "dwh"]).await;
    assert!(!ran.exits(0).err.contains("stay as they are"));
}

#[tokio::test]
async fn a_datastore_never_goes_to_the_folder_of_another_whose_name_leads_there_too() {
    let rig = Rig::new().await;
    export(&rig, &[]).await.exits(0);
    let store = "out/datastores/warehouse/_datastore.yaml";
    let theirs = rig.read(store).replace("database: an", "database: other");
    rig.write("second/connections/pg.yaml", rig.read(PG));
    rig.write(
        "second/datastores/warehouse/_datastore.yaml",
        theirs.replace("name: Warehouse", "name: Warehouse!"),
    );
    let ran = rig
        .run(&["apply", "--input", "second", "--include", "datastores", "--yes"])
        .await;
    ran.exits(0).shows(&["1 created"]);
    let before = rig.read(store);
    let ran = export(&rig, &[]).await;
    ran.exits(0).shows(&["8 files in out: 1 written"]);
    assert_eq!(rig.read(store), before);
    let other = rig.read("out/datastores/warehouse_2/_datastore.yaml");
    assert!(other.contains("name: Warehouse!\n"), "{other}");
    settled(&rig).await;
}
