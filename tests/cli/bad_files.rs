//! Files that are wrong, from a folder and from Git alike: each is named with its place, the rest goes on, nothing is written on
//! a guess.

use std::path::Path;

use super::repo::Repo;
use super::{CHECK, CONNECTION, DATASTORE, FILES, OTHER_CHECK, Rig};

/// One bad file beside the standard ones, with a pending change in another.
struct Case {
    path: &'static str,
    bytes: Vec<u8>,
    /// The stable word of the fault, and where it is.
    says: &'static [&'static str],
}

const BAD: &str = "datastores/warehouse/checks/orders/bad.yaml";

fn case(bytes: impl Into<Vec<u8>>, says: &'static [&'static str]) -> Case {
    Case {
        path: BAD,
        bytes: bytes.into(),
        says,
    }
}

fn cases() -> Vec<Case> {
    let bomb = (1..30).fold("a0: &a0 [x]\n".to_owned(), |text, at| {
        let before = at - 1;
        format!("{text}a{at}: &a{at} [*a{before}, *a{before}, *a{before}, *a{before}]\n")
    });
    let again = FILES.iter().find(|(path, _)| *path == OTHER_CHECK).unwrap().1;
    vec![
        case("rule_type: notNull\nfields: [id\ncontainer: orders\n", &["bad.yaml:3:"]),
        case("- a\n- b\n", &["error[not_a_map]", "bad.yaml:1:1"]),
        case("", &["error[empty_document]", "bad.yaml:1:1"]),
        case(
            b"rule_type: notNull\ndescription: \xff\xfe\n".to_vec(),
            &["UTF-8", "bad.yaml:2:"],
        ),
        case(bomb, &["200000 values", "bad.yaml:"]),
        case("[".repeat(5000), &["error[yaml_too_deep]", "bad.yaml:1:101"]),
        case(
            vec![b'#'; 50 * 1024 * 1024],
            &["error[file_too_large]", "52428800 bytes", "bad.yaml:1:1"],
        ),
        case(
            again,
            &[
                "error[duplicate_identity]",
                "also in",
                "bad.yaml:1:1",
                "notnull__name.yaml:1:1",
            ],
        ),
        case(
            "fields: [id]\ncontainer: orders\n",
            &["error[", "rule_type", "bad.yaml:1:1"],
        ),
        Case {
            path: "connections/second.yaml",
            bytes: b"type: postgresql\nhost: h\n".to_vec(),
            says: &["error[", "`name`", "connections/second.yaml:1:1"],
        },
        Case {
            path: "connections/second.yaml",
            bytes: b"name: second\ntype: postgresql\nhost: ${NOWHERE}\n".to_vec(),
            says: &[
                "unresolved variable `NOWHERE`",
                "connections/second.yaml:3:1",
                "help: set `NOWHERE`",
            ],
        },
        Case {
            path: "datastores/second/_datastore.yaml",
            bytes: b"connection_name: pg\ndatabase: an\nschema: public\n".to_vec(),
            says: &["`name`", "datastores/second/_datastore.yaml:1:1"],
        },
    ]
}

/// The pending change that must be carried out whatever else is wrong.
fn pending(root: &Path) {
    let path = root.join(CHECK);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("description: ids", "description: keys")).unwrap();
}

#[tokio::test]
async fn a_bad_file_of_a_folder_is_named_and_the_rest_is_applied() {
    for Case { path, bytes, says } in cases() {
        let rig = Rig::new().await;
        rig.write(&format!("cfg/{path}"), bytes);
        pending(&rig.path("cfg"));
        let ran = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
        ran.exits(1).says(says).shows(&["1 updated"]);
        let writes = rig.writes().await;
        assert_eq!(writes.len(), 1, "{path} {says:?}: {writes:?}");
        assert!(writes[0].starts_with("PUT /api/quality-checks/"), "{writes:?}");
    }
}

#[tokio::test]
async fn a_symlink_out_of_the_folder_is_named_and_not_followed() {
    let rig = Rig::new().await;
    rig.write(
        "outside.yaml",
        "rule_type: notNull\ncontainer: orders\nfields: [status]\n",
    );
    std::os::unix::fs::symlink(rig.path("outside.yaml"), rig.path(&format!("cfg/{BAD}"))).unwrap();
    pending(&rig.path("cfg"));
    let ran = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    ran.exits(1)
        .says(&["error[symlink]", "bad.yaml:1:1"])
        .shows(&["1 updated"]);
    assert_eq!(rig.writes().await.len(), 1);
}

#[tokio::test]
async fn bad_files_of_a_repository_are_all_named_at_once_and_the_rest_is_applied() {
    let rig = Rig::new().await;
    let repo = Repo::new();
    for (path, text) in FILES {
        repo.write(&format!("cfg/{path}"), text.as_bytes());
    }
    let mut expected = Vec::new();
    for (at, Case { path, bytes, says }) in cases().into_iter().enumerate() {
        let numbered = path
            .replace("bad.yaml", &format!("bad{at}.yaml"))
            .replace("second", &format!("second{at}"));
        repo.write(&format!("cfg/{numbered}"), &bytes);
        // Their places are told by the number; the words are the folder's.
        expected.extend(says.iter().filter(|part| !part.contains(".yaml")).copied());
    }
    std::os::unix::fs::symlink(
        "/etc/hosts",
        repo.work().join("cfg/datastores/warehouse/checks/orders/link.yaml"),
    )
    .unwrap();
    pending(&repo.work().join("cfg"));
    repo.push("All that can be wrong");
    rig.write(
        "driftless.yaml",
        super::config_file::config(&rig, &repo.bare(), "path: cfg"),
    );
    let arguments = ["apply", "--config", "driftless.yaml", "--environment", "prod", "--yes"];
    let ran = rig.run(&arguments).await;
    expected.extend(["error[symlink]", "link.yaml:1:1", "bad0.yaml:3:", "bad6.yaml:1:1"]);
    ran.exits(1).says(&expected);
    let writes = rig.writes().await;
    let checks = writes
        .iter()
        .filter(|line| line.starts_with("PUT /api/quality-checks/"))
        .count();
    let connections = writes
        .iter()
        .filter(|line| line.starts_with("PUT /api/connections/"))
        .count();
    assert_eq!((checks, connections, writes.len()), (1, 1, 2), "{writes:?}");
}

#[tokio::test]
async fn a_reference_to_nothing_blocks_that_resource_alone() {
    let rig = Rig::new().await;
    rig.write(
        "cfg/datastores/warehouse/checks/nowhere/notnull__id.yaml",
        "rule_type: notNull\ncontainer: nowhere\nfields: [id]\nproperties: {}\n",
    );
    rig.write(
        "cfg/datastores/second/_datastore.yaml",
        "name: Second\nconnection_name: missing\ndatabase: an\nschema: public\n",
    );
    pending(&rig.path("cfg"));
    let ran = rig.run(&["plan", "--input", "cfg"]).await;
    ran.exits(3).shows(&[
        "Blocked (unresolved_reference)",
        "connection 'missing' not found",
        "! datastore/Second  (cfg/datastores/second/_datastore.yaml:2:1)",
    ]);
    let ran = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    assert_ne!(ran.code, 0);
    ran.shows(&["1 updated"]);
    let writes = rig.writes().await;
    assert!(
        !writes.iter().any(|line| line.starts_with("POST /api/datastores")),
        "{writes:?}"
    );
    assert!(
        !writes.iter().any(|line| line.starts_with("POST /api/quality-checks")),
        "{writes:?}"
    );
}

#[tokio::test]
async fn an_empty_folder_removes_nothing_and_says_so() {
    let rig = Rig::new().await;
    std::fs::create_dir(rig.path("empty")).unwrap();
    rig.applied(&["--store", "sqlite://ledger.db", "--secrets", "keep"])
        .await;
    rig.forget_writes().await;
    let arguments = ["apply", "--input", "empty", "--yes", "--store", "sqlite://ledger.db"];
    rig.run(&arguments)
        .await
        .exits(1)
        .says(&["error[empty_folder]", "empty"]);
    assert_eq!(rig.writes().await, [""; 0]);
    rig.run(&["validate", "empty"]).await.exits(1).shows(&["empty_folder"]);
    rig.run(&["plan", "--input", "missing"])
        .await
        .exits(1)
        .says(&["the folder missing cannot be read", "check the path"]);
    rig.run(&["plan", "--input", &format!("cfg/{CONNECTION}")])
        .await
        .exits(1)
        .says(&["is a file"]);
}

#[tokio::test]
async fn a_branch_a_repository_and_a_path_that_do_not_exist_are_named() {
    let rig = Rig::new().await;
    let repo = Repo::with(&[("cfg/connections/pg.yaml", b"name: pg\ntype: postgresql\n")]);
    let arguments = ["apply", "--config", "driftless.yaml", "--environment", "prod", "--yes"];
    let good = super::config_file::config(&rig, &repo.bare(), "path: cfg");
    for (config, says) in [
        (
            good.replace("branch: main", "branch: nowhere"),
            vec!["`config`", "nowhere"],
        ),
        (
            good.replace("path: cfg", "path: elsewhere"),
            vec!["`elsewhere`", "does not exist"],
        ),
        (good.replace("bare.git", "missing.git"), vec!["`config`", "missing.git"]),
    ] {
        rig.write("driftless.yaml", config);
        rig.run(&arguments).await.exits(1).says(&says);
    }
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn a_datastore_without_name_takes_what_lies_in_it_along() {
    let rig = Rig::new().await;
    rig.write(
        &format!("cfg/{DATASTORE}"),
        "connection_name: pg\ndatabase: an\nschema: public\n",
    );
    let ran = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    ran.exits(1).says(&["`name`", &format!("cfg/{DATASTORE}:1:1")]);
    assert_eq!(rig.writes().await, [""; 0]);
}
