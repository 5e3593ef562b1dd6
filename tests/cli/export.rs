//! `export`: what an instance holds, as files.

use serde_json::json;

use super::{Ran, Rig};

fn listing(rig: &Rig, root: &str) -> Vec<String> {
    let mut folders = vec![rig.path(root)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(rig.path(root)).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn an_export_plans_empty_and_a_second_one_writes_nothing() {
    let rig = Rig::new().await;
    rig.run(&["export", "--output", "out"])
        .await
        .exits(0)
        .shows(&["7 files in out: 7 written, 0 unchanged"]);
    rig.run(&["export", "--output", "out"])
        .await
        .exits(0)
        .shows(&["7 files in out: 0 written, 7 unchanged"]);
    let ran = rig.run(&["plan", "--input", "out", "--detailed-exitcode"]).await;
    ran.exits(0).shows(&["7 in sync"]);
    rig.run(&["validate", "out"]).await.exits(0);
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn an_export_is_applied_to_an_empty_instance_as_it_stands() {
    let (full, empty) = (Rig::new().await, Rig::empty().await);
    full.run(&["export", "--output", "out"]).await.exits(0);
    let out = full.path("out");
    let ran = empty.run(&["apply", "--input", out.to_str().unwrap(), "--yes"]).await;
    ran.exits(0).shows(&["7 created"]);
    empty.run(&["export", "--output", "out"]).await.exits(0);
    assert_eq!(listing(&full, "out"), listing(&empty, "out"));
}

#[tokio::test]
async fn include_and_datastore_choose_what_is_written() {
    let rig = Rig::new().await;
    rig.run(&["export", "--output", "a", "--include", "checks"])
        .await
        .exits(0);
    assert!(
        listing(&rig, "a").iter().all(|path| path.contains("/checks/")),
        "{:?}",
        listing(&rig, "a")
    );
    rig.run(&["export", "--output", "b", "--include", "connections,datastores"])
        .await
        .exits(0);
    assert_eq!(
        listing(&rig, "b"),
        ["connections/pg.yaml", "datastores/warehouse/_datastore.yaml"]
    );
    rig.run(&["export", "--output", "c", "--datastore", "Warehouse"])
        .await
        .exits(0);
    assert_eq!(listing(&rig, "c").len(), 7);
    let full = rig.side("GET", "state?full=1", json!(null)).await;
    let id = full["datastores"][0]["id"].as_i64().unwrap().to_string();
    rig.run(&["export", "--output", "d", "--datastore", &id]).await.exits(0);
    assert_eq!(listing(&rig, "c"), listing(&rig, "d"));
    rig.run(&["export", "--output", "e", "--datastore", "Nowhere"])
        .await
        .exits(1)
        .says(&["Nowhere"]);
    assert!(!rig.path("e").exists());
}

#[tokio::test]
async fn stale_files_are_named_and_removed_only_when_asked() {
    let rig = Rig::new().await;
    rig.run(&["export", "--output", "out"]).await.exits(0);
    let stale = "datastores/warehouse/checks/orders/old.yaml";
    rig.write(&format!("out/{stale}"), "rule_type: notNull\n");
    rig.write("out/datastores/warehouse/notes.txt", "mine");
    rig.write("out/README.yaml", "mine: true\n");
    rig.run(&["export", "--output", "out"])
        .await
        .exits(0)
        .says(&["stale: ", stale, "--prune-files"]);
    assert!(rig.path(&format!("out/{stale}")).exists());
    // What was not asked for, or could not be read, is not stale.
    rig.run(&["export", "--output", "out", "--include", "connections", "--prune-files"])
        .await
        .exits(0);
    rig.faults(json!([{"path_prefix": "/quality-checks", "kind": "status", "status": 403}]))
        .await;
    rig.run(&["export", "--output", "out", "--prune-files"])
        .await
        .exits(1)
        .says(&["403"]);
    assert_eq!(listing(&rig, "out").len(), 10);
    rig.faults(json!([])).await;
    rig.run(&["export", "--output", "out", "--prune-files"])
        .await
        .exits(0)
        .says(&["removed ", stale]);
    assert!(!rig.path(&format!("out/{stale}")).exists());
    assert!(rig.path("out/datastores/warehouse/notes.txt").exists());
    assert!(rig.path("out/README.yaml").exists());
}

#[tokio::test]
async fn an_export_that_cannot_be_written_says_where() {
    let rig = Rig::new().await;
    rig.write("out", "a file");
    rig.run(&["export", "--output", "out"])
        .await
        .exits(1)
        .says(&["cannot write out/"]);
    let ran = Ran::of(rig.bare(&["export", "--output", "x"])).await;
    ran.exits(1).says(&["QUALYTICS_URL"]);
}

#[tokio::test]
async fn an_export_never_writes_through_a_link_that_somebody_left_in_the_folder() {
    let rig = Rig::new().await;
    rig.write("elsewhere/keep.yaml", "kept: true\n");
    for link in ["connections", "datastores"] {
        rig.write("out/README.md", "a work tree\n");
        std::os::unix::fs::symlink(rig.path("elsewhere"), rig.path(&format!("out/{link}"))).unwrap();
        rig.run(&["export", "--output", "out", "--prune-files"])
            .await
            .exits(1)
            .says(&["is a symbolic link, which is not followed"]);
        assert_eq!(listing(&rig, "elsewhere"), ["keep.yaml"]);
        std::fs::remove_dir_all(rig.path("out")).unwrap();
    }
    // The folder itself may be one: that was asked for. A file that is one is replaced.
    std::os::unix::fs::symlink(rig.path("elsewhere"), rig.path("named")).unwrap();
    rig.run(&["export", "--output", "named"]).await.exits(0);
    rig.write("victim", "untouched");
    std::fs::remove_file(rig.path("named/connections/pg.yaml")).unwrap();
    std::os::unix::fs::symlink(rig.path("victim"), rig.path("named/connections/pg.yaml")).unwrap();
    rig.run(&["export", "--output", "named"]).await.exits(0);
    assert_eq!(rig.read("victim"), "untouched");
    assert!(rig.read("named/connections/pg.yaml").contains("name: pg"));
}
