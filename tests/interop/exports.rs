//! What both clients write of one instance.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use driftless::cli::demo::environments::{BASE, ENVIRONMENTS};
use driftless::sandbox::qualytics::example_seed;
use serde_json::Value as Json;

use super::hostile;
use super::official::{Bench, Tree, assert_same, tree};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/s");

pub(crate) fn golden_seed() -> Json {
    serde_json::from_str(&std::fs::read_to_string(format!("{GOLDEN}/seed.json")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_doctor_finds_a_healthy_instance() {
    let bench = Bench::start(&golden_seed()).await;
    let said = bench.official(&["doctor"]).await.succeeds();
    assert!(said.out.contains("All checks passed!"), "{}", said.out);
    assert!(said.out.contains("v1.2.2"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_golden_folder_is_what_both_write() {
    let bench = Bench::start(&golden_seed()).await;
    let golden = tree(&Path::new(GOLDEN).join("export"));
    assert_eq!(golden.len(), 102);
    let (official, ours) = tokio::join!(bench.official_export("official"), bench.our_export("ours"));
    assert_same(&golden, &official);
    assert_same(&golden, &ours);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_datastores_and_a_thousand_checks_are_the_same_bytes_and_a_second_export_is_no_diff() {
    let bench = Bench::start(&example_seed(5, 10, 200)).await;
    let (official, ours) = tokio::join!(bench.official_export("official"), bench.our_export("ours"));
    assert_eq!(official.keys().filter(|path| path.contains("/checks/")).count(), 1000);
    assert_same(&official, &ours);

    assert_eq!(errors(&bench, "official").await, [Json::Null; 0]);

    let repository = bench.path("official");
    git(&repository, &["init", "-q"]);
    git(&repository, &["add", "-A"]);
    git(
        &repository,
        &[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "commit",
            "-qm",
            "First",
        ],
    );
    let state = bench.side("GET", "state?full=1", Json::Null).await;
    let ids: Vec<String> = state["datastores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].to_string())
        .collect();
    let mut again = vec!["config", "export", "--output", "official"];
    again.extend(ids.iter().flat_map(|id| ["--datastore-id", id.as_str()]));
    bench.official(&again).await.succeeds();
    assert_eq!(git(&repository, &["status", "--porcelain"]), "");
    let said = bench.driftless(&["export", "--output", "official"]).await.succeeds();
    assert!(said.out.contains(" 0 written"), "{}", said.out);
    assert_eq!(git(&repository, &["status", "--porcelain"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_demo_applies_both_export_alike() {
    let each = ENVIRONMENTS.iter().map(|environment| async move {
        let seed: Json = serde_json::from_str(environment.seed).unwrap();
        let bench = Bench::start(&seed).await;
        let demo = format!("{}/config/demo", env!("CARGO_MANIFEST_DIR"));
        let (input, overlay) = (format!("{demo}/{BASE}"), format!("{demo}/{}", environment.overlay));
        let variables: String = environment
            .variables
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        std::fs::write(bench.path(".env"), variables).unwrap();
        bench
            .driftless(&["apply", "--yes", "--input", &input, "--overlay", &overlay])
            .await
            .succeeds();
        let official = bench.official_export("official").await;
        assert_same(&official, &bench.our_export("ours").await);
        assert!(official.len() > 60, "{}", official.len());
        assert_eq!(errors(&bench, "official").await, [Json::Null; 0]);
    });
    futures::future::join_all(each).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_strings_are_the_same_bytes_and_read_back_as_what_is_live() {
    let bench = Bench::start(&hostile::strings()).await;
    let official = bench.official_export("official").await;
    assert_same(&official, &bench.our_export("ours").await);
    assert_eq!(errors(&bench, "official").await, [Json::Null; 0]);
    let (_, plan) = bench.plan(&bench.path("official")).await;
    // The checks without a stored uid are adopted, and nothing of them changes but the uid.
    for change in plan["changes"].as_array().unwrap() {
        assert_eq!(change["kind"], "check", "{change}");
        for field in change["fields"].as_array().unwrap() {
            assert_eq!(field["path"], "_qualytics_check_uid", "{change}");
        }
    }
}

/// Documented exceptions: a path is never overwritten, a generated uid never given twice.
#[tokio::test(flavor = "multi_thread")]
async fn where_paths_or_uids_collide_nothing_is_lost() {
    let bench = Bench::start(&hostile::collisions()).await;
    let (official, ours) = tokio::join!(bench.official_export("official"), bench.our_export("ours"));
    let extra: Vec<&str> = ours
        .keys()
        .filter(|path| !official.contains_key(*path))
        .map(String::as_str)
        .collect();
    assert_eq!(
        extra,
        [
            "connections/pg_main_2.yaml",
            "datastores/dw_main/containers/lines/computed_fields/as_text_2.yaml",
            "datastores/dw_main_2/_datastore.yaml",
            "datastores/dw_main_2/checks/orders/notnull__id.yaml",
        ]
    );
    assert!(official.keys().all(|path| ours.contains_key(path)));
    // What the official client wrote gives one uid to several checks, which is an error wherever it is read.
    assert_eq!(errors(&bench, "ours").await, [Json::Null; 0]);
    // Read back, the folder is all that is live; what the official client wrote has lost a part of it.
    let (code, plan) = bench.plan(&bench.path("ours")).await;
    assert_ne!(code, Some(1), "{plan}");
    // A uid is one check's in its datastore.
    let uids: Vec<(&str, &str)> = ours
        .iter()
        .filter(|(path, _)| path.contains("/checks/"))
        .map(|(path, text)| {
            let uid = text.lines().find(|line| line.contains("_qualytics_check_uid:"));
            (path.split('/').nth(1).unwrap(), uid.unwrap())
        })
        .collect();
    let distinct: BTreeSet<_> = uids.iter().collect();
    assert_eq!((uids.len(), distinct.len()), (5, 5));
}

/// The official client gives checks of one container, rule and fields one uid in all of their files, by which its own import
/// lets the last one win. Its folder is refused with what to write, and is mended by an export into it: each check in its file.
#[tokio::test(flavor = "multi_thread")]
async fn an_official_folder_with_one_uid_twice_is_told_and_mended_in_place() {
    let bench = Bench::start(&hostile::filters()).await;
    let official = bench.official_export("config").await;
    let numbered = "datastores/dw/checks/orders/notnull__id_2.yaml";
    assert!(official[numbered].contains("_qualytics_check_uid: orders__notnull__id\n"));
    let said = bench.driftless(&["validate", "config"]).await;
    assert_eq!(said.code, Some(1));
    for part in [
        "notnull__id.yaml",
        "notnull__id_2.yaml",
        "notnull__id_3.yaml",
        "`_qualytics_check_uid: orders__notnull__id_",
    ] {
        assert!((said.out.clone() + &said.err).contains(part), "{part}: {said:?}");
    }
    let ours = bench.our_export("config").await;
    assert_eq!(ours.keys().collect::<Vec<_>>(), official.keys().collect::<Vec<_>>());
    for (path, text) in &official {
        let differing = text
            .lines()
            .zip(ours[path].lines())
            .filter(|(theirs, ours)| theirs != ours);
        let differing: Vec<_> = differing.collect();
        let at_most = usize::from(path.contains("notnull__id"));
        assert!(differing.len() <= at_most, "{path}: {differing:?}");
        assert!(
            differing
                .iter()
                .all(|(theirs, _)| theirs.contains("_qualytics_check_uid")),
            "{path}"
        );
    }
    // Elsewhere all of them are made, and there they have the same ids.
    let folder = bench.path("config");
    let empty = bench.empty_like(&hostile::filters()).await;
    empty.apply(&folder).await;
    // Only the numbers of their files are in the order in which they were made there.
    let texts = |files: &Tree| files.values().cloned().collect::<BTreeSet<_>>();
    assert_eq!(texts(&ours), texts(&empty.our_export("again").await));
    assert_eq!(bench.plan(&folder).await.1["summary"]["create"], 0);
}

/// The client's other pair of commands: checks alone, into a folder of their own.
#[tokio::test(flavor = "multi_thread")]
async fn checks_alone_go_both_ways() {
    let seed = example_seed(1, 3, 30);
    let bench = Bench::start(&seed).await;
    let ours = bench.our_export("config").await;
    let full = bench.side("GET", "state?full=1", Json::Null).await;
    let stores = full["datastores"].as_array().unwrap();
    let store = stores
        .iter()
        .find(|row| row["name"].as_str().unwrap().to_lowercase().starts_with("warehouse"))
        .unwrap();
    let id = store["id"].to_string();
    bench
        .official(&["checks", "export", "--datastore-id", &id, "--output", "theirs"])
        .await
        .succeeds();
    let theirs = tree(&bench.path("theirs"));
    let root = ours
        .keys()
        .find_map(|path| Some(path.split_once("/checks/")?.0.to_owned()))
        .unwrap();
    let below: Tree = ours
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix(&format!("{root}/checks/"))?.to_owned(), text.clone())))
        .collect();
    assert_same(&theirs, &below);
    // Theirs, read by ours.
    let folder = bench.path(&format!("partial/{root}/checks"));
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::rename(bench.path("theirs"), &folder).unwrap();
    assert_eq!(bench.plan(&bench.path("partial")).await.0, Some(0));
    // Ours, read by theirs: nothing but what is there already.
    let before = bench.state().await;
    let folder = bench.path(&format!("config/{root}/checks"));
    let said = bench
        .official(&[
            "checks",
            "import",
            "--datastore-id",
            &id,
            "--input",
            folder.to_str().unwrap(),
        ])
        .await
        .succeeds();
    assert!(!said.out.contains("ailed: 1"), "{}", said.out);
    assert_eq!(bench.state().await, before);
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The errors that `validate` finds in a folder of the bench: in what was exported there are none.
async fn errors(bench: &Bench, folder: &str) -> Vec<Json> {
    let said = bench.driftless(&["validate", folder, "--format", "json"]).await;
    let json: Json =
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}{}", said.out, said.err));
    let all = json["diagnostics"].as_array().unwrap();
    all.iter()
        .filter(|fault| fault["severity"] == "error")
        .cloned()
        .collect()
}
