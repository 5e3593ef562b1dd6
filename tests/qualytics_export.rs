//! What an export must hold for any instance: it is read back as what is live, it makes the same instance elsewhere, and no secret
//! and no path in it is one that it must not have.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![allow(dead_code, reason = "the pipeline is shared with other tests")]

#[path = "support/instance.rs"]
mod instance;
#[path = "support/pipeline.rs"]
mod pipeline;

use std::collections::{BTreeMap, BTreeSet};

use driftless::platform::qualytics::files::{ExportOptions, Exported, export};
use driftless::sandbox::qualytics::Switches;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value as Json, json};

use instance::Instance;
use pipeline::{Files, clean_pass, environment, planned};

/// Names of tables: two have one slug, two have none, one is longer than a file name may be.
fn tables() -> Vec<String> {
    let names = [
        "orders",
        "Orders!",
        "数据",
        "😀",
        "yes",
        "12:30",
        "a/../b",
        "it's \"q\": #1",
        "2024-01-15",
        ".hidden",
    ];
    let long = format!("t{}", "_column".repeat(60));
    names.into_iter().map(str::to_owned).chain([long]).collect()
}

const FIELDS: [&str; 6] = ["id", "ID", "Total Amount", "prénom", "null", "a: b"];

/// Texts that YAML, its line folding or a terminal trip over. Those of white space alone, or with it at their ends, are kept apart
/// in [`ENDS`].
const TEXTS: &[&str] = &[
    "plain",
    "yes",
    "~",
    "1e3",
    "1e16",
    "0x1F",
    "12:30:45",
    "2024-01-15",
    "a: b",
    "a #b",
    "- a",
    "${NOT_A_VARIABLE}",
    "$${x}",
    "two\nlines",
    "carriage\r\nreturn",
    "nul\u{0}byte",
    "bell\u{7}",
    "escape\u{1b}[31m",
    "delete\u{7f}",
    "tab\there",
    "line\u{2028}separator",
    "\u{feff}mark",
    "zero\u{200b}width",
    "数据质量",
    "שלום",
    "emoji 😀",
    "it's \"both\"",
    "back\\slash",
    "a long line that goes on far beyond eighty columns, so that it is folded where there is a space, and not where there is none",
];

/// White space at the ends of descriptions and values of metadata.
const ENDS: &[&str] = &["", " "];

/// Filters, without white space at their ends: the platform keeps them as they are sent, and driftless sends them without.
const FILTERS: &[&str] = &["id > 1", "note <> 'a: #b'", "note = '\n'"];

#[derive(Clone, Debug)]
struct Check {
    text: &'static str,
    end: &'static str,
    number: Json,
    draft: bool,
    stored: bool,
}

/// What the platform tells checks apart by: table, rule, field, filter, whether at full coverage.
type Place = (usize, usize, usize, Option<usize>, bool);

fn number() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        json!(0),
        json!(-7),
        json!(1.0),
        json!(0.1),
        json!(1e16),
        json!(1e-7),
        json!(1.5e300),
        json!(9_007_199_254_740_993_i64),
        json!(u64::MAX),
        json!([]),
        json!({}),
        json!([[1, "1"], {"a": [{"b": {"c": [1.0, false]}}]}]),
    ])
}

fn checks() -> impl Strategy<Value = BTreeMap<Place, Check>> {
    let place = (
        0..tables().len(),
        0..RULES.len(),
        0..FIELDS.len(),
        prop::option::of(0..FILTERS.len()),
        any::<bool>(),
    );
    let check = (
        prop::sample::select(TEXTS),
        prop::sample::select(ENDS),
        number(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(text, end, number, draft, stored)| Check {
            text,
            end,
            number,
            draft,
            stored,
        });
    prop::collection::btree_map(place, check, 1..30)
}

/// Rules about one field of any type, with their properties; `TEXT` stands for the check's text.
fn properties(rule: usize, text: &str, table: &str) -> Json {
    match rule {
        0 | 1 => json!({}),
        2 => json!({"list": [text, "plain", "b"]}),
        3 => json!({"pattern": "^[a-z]+\\s#$"}),
        4 => json!({"value": 7}),
        _ => json!({"field_name": "id", "ref_container_name": table, "ref_datastore_name": "Dépôt"}),
    }
}

const RULES: [&str; 6] = [
    "notNull",
    "unique",
    "expectedValues",
    "matchesPattern",
    "maxLength",
    "existsIn",
];

fn seed(checks: &BTreeMap<Place, Check>) -> Json {
    let fields: Vec<Json> = FIELDS.iter().map(|name| json!([name, "String"])).collect();
    let names = tables();
    let tables: Vec<Json> = names
        .iter()
        .map(|name| json!({"name": name, "kind": "table", "fields": fields}))
        .collect();
    let rows: Vec<Json> = checks
        .iter()
        .enumerate()
        .map(|(index, ((table, rule, field, filter, full), check))| {
            let mut metadata = json!({"note": format!("{}{}", check.text, check.end), "number": check.number, check.text: 1});
            if check.stored {
                metadata["_qualytics_check_uid"] = json!(format!("own: {index}"));
            }
            json!({
                "datastore": "Dépôt", "container": names[*table], "rule": RULES[*rule], "fields": [FIELDS[*field]],
                "description": format!("{}{}", check.text, check.end), "filter": filter.map(|at| FILTERS[at]),
                "coverage": if *full { 1.0 } else { 0.5 }, "properties": properties(*rule, check.text, &names[0]), "tags": ["yes"],
                "status": if check.draft { "Draft" } else { "Active" }, "additional_metadata": metadata,
            })
        })
        .collect();
    json!({
        "warehouse": {"on|null": tables},
        "tags": ["yes"], "teams": ["no"],
        "connections": [{
            "name": "PG: été", "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "0123", "password": "x",
            "parameters": {"sslmode": "on"},
        }],
        "datastores": [{
            "name": "Dépôt", "connection_name": "PG: été", "database": "on", "schema": "null", "teams": ["no"], "tags": ["yes"],
        }],
        "containers": [{
            "datastore": "Dépôt", "container_type": "computed_table", "name": "合計", "query": "SELECT id,\n\t'#' AS x\nFROM orders",
        }],
        "computed_fields": [{
            "datastore": "Dépôt", "container": "合計", "name": "true", "transformation": "customExpression",
            "source_fields": null, "properties": {"column_expression": "CASE WHEN id = 'a: b' THEN '#' END"},
        }],
        "checks": rows,
    })
}

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

async fn holds(checks: BTreeMap<Place, Check>) {
    let seed = seed(&checks);
    let full = Instance::start(seed.clone(), Switches::default()).await;
    let files = pipeline::exported(&full).await;
    assert_eq!(files.len(), checks.len() + 4);
    assert!(
        files
            .keys()
            .all(|path| path.split('/').all(|part| !part.is_empty() && part.len() <= 255)),
        "{files:#?}"
    );

    // It is what is live: all that there is to write is the id of checks which store none.
    let environment_of =
        |instance: &Instance| environment(instance, &Files::new(files.clone()), pipeline::variables(&files), None);
    let prepared = planned(&environment_of(&full)).await;
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

    // It makes the same elsewhere, and an export from there says the same.
    let mut bare = seed;
    for kind in ["connections", "datastores", "containers", "computed_fields", "checks"] {
        bare[kind] = json!([]);
    }
    let empty = Instance::start(bare, Switches::default()).await;
    let _ = clean_pass(&environment_of(&empty)).await;
    let again = pipeline::exported(&empty).await;
    assert_eq!(texts(&files), texts(&again));
    assert_eq!(files.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
}

#[test]
fn any_export_is_read_back_as_what_is_live_and_makes_the_same_elsewhere() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: 16,
        failure_persistence: None,
        max_shrink_iters: 40,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&checks(), |checks| {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(holds(checks))));
        ended.map_err(|panic| {
            let text = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            TestCaseError::fail(text.chars().take(3000).collect::<String>())
        })
    });
    run.unwrap();
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

/// Weakness 25 of the official client: fields that
/// move by themselves are in its files.
#[tokio::test]
async fn fields_that_move_by_themselves_are_no_difference_where_a_file_has_them() {
    let seed = seed(&BTreeMap::new());
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
