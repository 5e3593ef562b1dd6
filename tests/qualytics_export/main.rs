//! What an export must hold for any instance: it is read back as what is live, it makes the same instance elsewhere, and no secret
//! and no path in it is one that it must not have.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(clippy::disallowed_methods, reason = "a test has its own environment")]

#[path = "../support/instance.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod instance;
mod instances;
#[path = "../support/pipeline.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod pipeline;

use std::collections::{BTreeMap, BTreeSet};

use driftless::engine::reconcile::Environment;
use driftless::platform::qualytics::files::{ExportOptions, Exported, export};
use driftless::platform::qualytics::kinds::COMPUTED_FIELD;
use driftless::sandbox::qualytics::{Switches, Toggle};
use driftless_core::report::{Meaning, Outcomes};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::json;

use instance::Instance;
use instances::{World, worlds};
use pipeline::{Files, assert_converged, clean_pass, environment, pass, planned};

/// What files say, in whatever order checks of one name were numbered; `created` of computed fields is in official files too.
fn texts(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let stable = |text: &String| {
        text.lines()
            .filter(|line| !line.starts_with("created:"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    files.values().map(stable).collect()
}

async fn holds(world: World) {
    let seed = world.seed();
    let full = Instance::start(seed.clone(), world.switches()).await;
    let files = pipeline::exported(&full).await;
    let checks = files.keys().filter(|path| path.contains("/checks/")).count();
    assert_eq!(checks, world.exported_checks());
    assert!(
        files
            .keys()
            .all(|path| path.split('/').all(|part| !part.is_empty() && part.len() <= 255)),
        "{files:#?}"
    );

    // It is what is live: all that there is to write is the id of checks which store none, or one that is another's.
    let environment_of =
        |instance: &Instance| environment(instance, &Files::new(files.clone()), pipeline::variables(&files), None);
    let environment = environment_of(&full);
    let prepared = planned(&environment).await;
    assert!(prepared.diagnostics.is_empty(), "{:#?}", prepared.diagnostics);
    assert!(prepared.plan.blocked.is_empty(), "{:#?}", prepared.plan.blocked);
    for step in &prepared.plan.steps {
        let fields: Vec<String> = step.change.fields.iter().map(|field| field.path.to_string()).collect();
        assert_eq!(
            (step.change.action.word(), fields),
            ("update", vec!["_qualytics_check_uid".to_owned()]),
            "{:?}",
            step.change
        );
    }

    // Nor does writing those ids change a byte.
    let _ = clean_pass(&environment).await;
    assert_converged(&full, &environment).await;
    assert_same(&files, &pipeline::exported(&full).await);

    // It makes the same elsewhere, in one pass, and an export from there says the same.
    let mut bare = seed;
    for kind in ["connections", "datastores", "containers", "computed_fields", "checks"] {
        bare[kind] = json!([]);
    }
    let empty = Instance::start(bare, world.switches()).await;
    let environment = environment_of(&empty);
    filled(&environment).await;
    assert_converged(&empty, &environment).await;
    let again = pipeline::exported(&empty).await;
    assert_eq!(files.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
    let (texts, others) = (texts(&files), texts(&again));
    let of = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).take(2).cloned().collect::<Vec<_>>();
    assert_eq!(of(&texts, &others), of(&others, &texts));
}

/// Makes everything. Official files of a computed field name its table by a folder, which has the table's slug: until the table is
/// listed nobody knows what it is called, and the pass after that makes the field.
async fn filled(environment: &Environment) {
    let report = pass(environment).await;
    let faults = report
        .outcomes
        .iter()
        .filter(|outcome| !matches!(outcome.result, Outcomes::Applied { .. }));
    let mut again = false;
    for outcome in faults {
        let is_unknown = matches!(&outcome.result, Outcomes::Failed(failure) if failure.meaning == Meaning::NotFound);
        assert!(
            outcome.key.kind == COMPUTED_FIELD && is_unknown,
            "{}: {:?}",
            outcome.key,
            outcome.result
        );
        again = true;
    }
    if again {
        let _ = clean_pass(environment).await;
    }
}

/// Fails with the first texts that differ.
#[track_caller]
fn assert_same(files: &BTreeMap<String, String>, again: &BTreeMap<String, String>) {
    let differing = files.iter().filter(|(path, text)| again.get(*path) != Some(text));
    let differing: Vec<_> = differing.map(|(path, text)| (text, again.get(path))).take(2).collect();
    assert!(differing.is_empty() && files.len() == again.len(), "{differing:#?}");
}

/// Fails unless the files have no fault and say what is live.
async fn assert_nothing_to_do(environment: &Environment) {
    let prepared = planned(environment).await;
    assert!(
        prepared.diagnostics.is_empty() && prepared.plan.is_empty(),
        "{:#?}\n{:#?}",
        prepared.diagnostics,
        prepared.plan.steps
    );
}

/// `DRIFTLESS_SEED` repeats a run by the number that it said.
#[test]
fn any_export_is_read_back_as_what_is_live_and_makes_the_same_elsewhere() {
    let seed = std::env::var("DRIFTLESS_SEED").map_or_else(|_| rand_seed(), |text| text.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: 16,
        failure_persistence: None,
        max_shrink_iters: 40,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&worlds(), |world| {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(holds(world))));
        ended.map_err(|panic| {
            let text = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            TestCaseError::fail(text.chars().take(3000).collect::<String>())
        })
    });
    run.unwrap_or_else(|fault| panic!("DRIFTLESS_SEED={seed}: {fault}"));
}

fn rand_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}

/// The official client writes such secrets as they are: the third exception to its bytes.
#[tokio::test]
async fn a_secret_that_the_platform_shows_is_not_in_the_files_and_is_asked_for() {
    let seed = json!({
        "warehouse": {"a|s": []},
        "connections": [{
            "name": "pg", "type": "postgresql", "host": "h", "port": 5432, "username": "u", "password": "p",
            "parameters": {"api_key": "shown-1", "password": "shown-2", "private_key": null, "sslmode": "require"},
        }],
        "datastores": [{"name": "dw", "connection_name": "pg", "database": "a", "schema": "s"}],
    });
    let instance = Instance::start(seed, Switches::default()).await;
    let platform = pipeline::platform(
        &instance,
        std::sync::Arc::new(pipeline::Open),
        std::time::Duration::from_secs(30),
    );
    let Exported { files, notes, .. } = export(&platform, &ExportOptions::default()).await.unwrap();
    let text = &files
        .iter()
        .find(|file| file.path == "connections/pg.yaml")
        .unwrap()
        .text;
    assert!(!text.contains("shown"), "{text}");
    for line in [
        "api_key: ${PG_API_KEY}",
        "password: ${PG_PARAMETERS_PASSWORD}",
        "private_key: null",
        "sslmode: require",
        "\npassword: ${PG_PASSWORD}",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes
            .iter()
            .all(|note| note.contains("`pg`") && !note.contains("shown")),
        "{notes:?}"
    );
}

/// The platform's own promotion writes numbers of the instance into the metadata of a check.
#[tokio::test]
async fn what_a_promotion_wrote_is_not_in_the_files() {
    let seed = json!({
        "warehouse": {"a|s": [{"name": "orders", "kind": "table", "fields": [["id", "Integral"]]}]},
        "connections": [{"name": "pg", "type": "postgresql", "host": "h", "port": 5432, "username": "u", "password": "p"}],
        "datastores": [{"name": "dw", "connection_name": "pg", "database": "a", "schema": "s"}],
        "checks": [{
            "datastore": "dw", "container": "orders", "rule": "notNull", "fields": ["id"], "description": "d", "properties": {},
            "additional_metadata": {
                "_qualytics_check_uid": "u", "main datastore id": 7, "owner": "data", "from quality check id": 3,
            },
        }],
    });
    let instance = Instance::start(seed, Switches::default()).await;
    let files = pipeline::exported(&instance).await;
    let text = files
        .iter()
        .find(|(path, _)| path.ends_with("notnull__id.yaml"))
        .unwrap()
        .1;
    assert!(
        text.ends_with("additional_metadata:\n  _qualytics_check_uid: u\n  owner: data\n"),
        "{text}"
    );
}

/// Weakness 25 of the official client: fields that
/// move by themselves are in its files.
#[tokio::test]
async fn fields_that_move_by_themselves_are_no_difference_where_a_file_has_them() {
    let seed = World::without_checks().seed();
    let instance = Instance::start(seed, Switches::default()).await;
    let mut files = pipeline::exported(&instance).await;
    for (path, text) in &mut files {
        let moving = "id: 7\nis_new: true\nupdated: 2020-01-01T00:00:00Z\n";
        assert!(!path.contains("/checks/"));
        text.push_str(moving);
    }
    let environment = environment(&instance, &Files::new(files.clone()), pipeline::variables(&files), None);
    let prepared = planned(&environment).await;
    assert!(
        prepared
            .diagnostics
            .iter()
            .all(|fault| fault.severity != driftless_core::diagnostic::Severity::Error),
        "{:#?}",
        prepared.diagnostics
    );
    assert!(prepared.plan.is_empty(), "{:#?}", prepared.plan.steps);
}

fn small(more: &serde_json::Value) -> serde_json::Value {
    let table = |name: &str| json!({"name": name, "kind": "table", "fields": [["id", "Integral"]]});
    let mut seed = json!({
        "warehouse": {"a|s": [table("orders")], "b|s": [table("people")], "s3://lake|/": []},
        "connections": [{"name": "pg", "type": "postgresql", "host": "h", "port": 5432, "username": "u", "password": "p"}],
        "datastores": [
            {"name": "dw", "connection_name": "pg", "database": "a", "schema": "s"},
            {"name": "crm", "connection_name": "pg", "database": "b", "schema": "s"},
        ],
    });
    seed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    seed
}

fn whole(instance: &Instance) -> std::sync::Arc<driftless::platform::qualytics::Qualytics> {
    pipeline::platform(
        instance,
        std::sync::Arc::new(pipeline::Open),
        std::time::Duration::from_secs(30),
    )
}

/// Weakness 28 of the official client, which writes nothing at all then.
#[tokio::test]
async fn a_reference_that_cannot_be_read_keeps_its_number_and_is_told_while_all_else_is_written() {
    let exists = |rule: &str, more: serde_json::Value| {
        json!({"datastore": "dw", "container": "orders", "rule": rule, "fields": ["id"],
        "description": "d", "properties": more})
    };
    let pointing = json!({"field_name": "id", "ref_container_name": "people", "ref_datastore_name": "crm"});
    let seed = small(&json!({"checks": [exists("notNull", json!({})), exists("existsIn", pointing)]}));
    let instance = Instance::start(seed, Switches::default()).await;
    let state = instance.full_state().await;
    let people = state["containers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "people")
        .unwrap()["id"]
        .clone();
    let only = ExportOptions {
        datastores: vec!["dw".to_owned()],
        ..ExportOptions::default()
    };
    let Exported { files: all, gaps, .. } = export(&whole(&instance), &only).await.unwrap();
    assert_eq!(gaps, [] as [String; 0]);
    let path = format!("/containers/{people}");
    instance
        .door(
            "PUT",
            "faults",
            json!([{"method": "GET", "path_prefix": path, "kind": "status", "status": 404}]),
        )
        .await;
    let Exported { files, gaps, .. } = export(&whole(&instance), &only).await.unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].contains(&format!("container {people}")), "{gaps:?}");
    assert_eq!(files.len(), all.len());
    for (file, before) in files.iter().zip(&all) {
        let expected = before
            .text
            .replace("ref_container_name: people", &format!("ref_container_id: {people}"));
        assert_eq!(file.text, expected, "{}", file.path);
    }
    assert_ne!(files, all);
}

/// Weakness 10 of the official client: its file of a connection without a key asks for one.
#[tokio::test]
async fn a_key_that_is_not_there_is_asked_for_by_official_bytes_and_may_be_written_as_null() {
    let seed = small(&json!({
        "connections": [
            {"name": "pg", "type": "postgresql", "host": "h", "port": 5432, "username": "u", "password": "p"},
            {"name": "lake", "type": "s3", "uri": "s3://lake"},
        ],
        "datastores": [{"name": "files", "connection_name": "lake", "root_path": "/"}],
    }));
    let instance = Instance::start(seed, Switches::default()).await;
    let Exported { files, notes, .. } = export(&whole(&instance), &ExportOptions::default()).await.unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("connections/lake.yaml") && notes[0].contains("write `access_key: null`"),
        "{notes:?}"
    );
    let files: BTreeMap<String, String> = files
        .into_iter()
        .map(|file| (format!("config/{}", file.path), file.text))
        .collect();
    assert!(files["config/connections/lake.yaml"].contains("access_key: ${LAKE_ACCESS_KEY}\n"));
    let files = Files::new(files);
    let environment = environment(&instance, &files, BTreeMap::new(), None);
    let prepared = planned(&environment).await;
    let told: Vec<&str> = prepared
        .diagnostics
        .iter()
        .map(|fault| fault.message.as_str())
        .collect();
    assert!(told.len() == 1 && told[0].contains("LAKE_ACCESS_KEY"), "{told:?}");
    files.edit("config/connections/lake.yaml", "${LAKE_ACCESS_KEY}", "null");
    assert_nothing_to_do(&environment).await;
}

#[tokio::test]
async fn a_text_that_is_live_with_a_placeholder_is_told_and_is_itself_once_it_is_escaped() {
    let seed = small(&json!({
        "connections": [{
            "name": "pg", "type": "postgresql", "host": "h", "port": 5432, "username": "u", "password": "p",
            "parameters": {"label": "costs ${x}"},
        }],
        "datastores": [{"name": "dw", "connection_name": "pg", "database": "a", "schema": "s", "description": "${y}"}],
    }));
    let instance = Instance::start(seed, Switches::default()).await;
    let Exported { files, notes, .. } = export(&whole(&instance), &ExportOptions::default()).await.unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    for part in [
        "connections/pg.yaml: `parameters.label`",
        "datastores/dw/_datastore.yaml: `description`",
    ] {
        assert!(
            notes.iter().any(|note| note.contains(part) && note.contains("`$${`")),
            "{part}: {notes:?}"
        );
    }
    let files = files
        .into_iter()
        .map(|file| (format!("config/{}", file.path), file.text))
        .collect();
    let variables = BTreeMap::from([("PG_PASSWORD".to_owned(), "p".to_owned())]);
    let files = Files::new(files);
    let environment = environment(&instance, &files, variables, None);
    assert!(!planned(&environment).await.diagnostics.is_empty());
    files.edit("config/connections/pg.yaml", "${x}", "$${x}");
    files.edit("config/datastores/dw/_datastore.yaml", "${y}", "$${y}");
    assert_nothing_to_do(&environment).await;
}

/// Weakness 22 of the official client: what is made as `isReplicaOf` may be read as `dataDiff`.
#[tokio::test]
async fn a_rule_that_comes_back_under_its_newer_name_keeps_its_id_and_its_file() {
    let replica = json!({"checks": [{
        "datastore": "dw", "container": "orders", "rule": "isReplicaOf", "fields": ["id"], "description": "d",
        "properties": {"ref_container_name": "people", "ref_datastore_name": "crm"},
    }]});
    let older = Switches {
        replica_alias: Toggle::Off,
        ..Switches::default()
    };
    let instance = Instance::start(small(&replica), older).await;
    let files = pipeline::exported(&instance).await;
    let path = files.keys().find(|path| path.contains("/checks/")).unwrap().clone();
    assert!(files[&path].contains("rule_type: isReplicaOf\n"), "{}", files[&path]);
    // The platform is one that says the newer name from now on.
    instance.door("PUT", "switches", json!({"replica_alias": "on"})).await;
    let environment = environment(&instance, &Files::new(files.clone()), pipeline::variables(&files), None);
    let _ = clean_pass(&environment).await;
    assert_converged(&instance, &environment).await;
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in &files {
        let place = folder.path().join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_driftless"))
        .args(["export", "--output"])
        .arg(folder.path().join("config"))
        .env("QUALYTICS_URL", instance.sandbox.url())
        .env("QUALYTICS_TOKEN", instance.sandbox.token())
        .env("PG_PASSWORD", "p")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains(" 0 written"), "{said}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join(&path)).unwrap(),
        files[&path]
    );
}
