//! The schemas of the documents against what loading says of the same documents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driftless::codec::shown;
use driftless::platform::qualytics;
use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::key::Revision;
use driftless_core::load::{Layers, load};
use driftless_core::schema::{Location, Schema as _};
use driftless_core::substitute::Variables;
use driftless_core::tree::{Content, File, Tree};
use driftless_core::yaml;
use serde_json::{Map, Value as Json, json};

use super::{marked, root, yaml_below};

/// Where a document of a kind may stand.
const PLACES: [(&str, &str); 5] = [
    ("connection", "connections/a.yaml"),
    ("datastore", "datastores/d/_datastore.yaml"),
    ("container", "datastores/d/containers/c/_container.yaml"),
    ("computed_field", "datastores/d/containers/c/computed_fields/f.yaml"),
    ("check", "datastores/d/checks/c/x.yaml"),
];

/// Documents without a fault, of every kind and of every sort of rule.
const SOUND: &[(&str, &str)] = &[
    (
        "connection",
        r#"{"name":"pg","type":"postgresql","host":"h","port":5432,"username":"u","password":"${V}","parameters":{"sslmode":"require"},
            "jdbc_fetch_size":1000,"max_parallelization":4,"secrets_manager":null,"protect":true}"#,
    ),
    (
        "connection",
        r#"{"name":"v","type":"snowflake","password":"${V}","secrets_manager":{"secret_url":"https://vault.example.com"}}"#,
    ),
    (
        "datastore",
        r#"{"connection_name":"pg","enrich_datastore_name":"e","name":"dw","database":"a","schema":"b","teams":["Public"],
            "tags":[],"enrichment_only":false,"enrichment_prefix":"_dw","enrichment_source_record_limit":10,
            "enrichment_remediation_strategy":"none","high_count_rollup_threshold":10}"#,
    ),
    (
        "datastore",
        r#"{"connection_name":"pg","name":"e","root_path":"/","enrichment_only":true,"tags":[{"name":"a"}]}"#,
    ),
    (
        "container",
        r#"{"name":"s","container_type":"computed_table","query":"select 1","tags":["a"],"additional_metadata":{"k":1}}"#,
    ),
    (
        "container",
        r#"{"name":"f","container_type":"computed_file","source_container_name":"a","select_clause":"*","where_clause":null}"#,
    ),
    (
        "container",
        r#"{"name":"j","container_type":"computed_join","left_container_name":"a","right_container_name":"b",
            "left_join_field_name":"x","right_join_field_name":"y","select_clause":"*","join_type":"left"}"#,
    ),
    (
        "container",
        r#"{"name":"k","container_type":"computed_joined","query":"q","join_type":"Full Outer","previous_name":"q"}"#,
    ),
    (
        "container",
        r#"{"name":"q","container_type":"computed_join","query":"q","sources":[{"container_name":"a"},{"container_name":"b"}]}"#,
    ),
    (
        "computed_field",
        r#"{"name":"f","transformation":"cast","source_fields":["a"],"properties":{"target_type":"int"}}"#,
    ),
    (
        "computed_field",
        r#"{"name":"f","transformation":"customExpression","source_fields":null,"properties":{"column_expression":"a + 1"},
            "created":"2026-01-01"}"#,
    ),
    (
        "check",
        r#"{"rule_type":"notNull","description":"d","container":"o","fields":["id"],"coverage":1.0,"filter":null,
            "anomaly_message_field":null,"properties":{},"tags":["a"],"status":"Active",
            "additional_metadata":{"_qualytics_check_uid":"u"},"owner_id":1}"#,
    ),
    (
        "check",
        r#"{"rule_type":"between","container":"o","fields":["a"],"coverage":0.9,"filter":"x",
            "properties":{"min":1,"max":2.5,"inclusive_min":true,"inclusive_max":false}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"existsIn","container":"o","fields":["a"],
            "properties":{"field_name":"id","ref_container_name":"c","ref_datastore_name":"d"}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"satisfiesExpression","container":"o","properties":{"expression":"a > '${text}'"}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"volumetric","container":"o","coverage":null,"fields":[],
            "properties":{"comparison":"Absolute Value","window_size":7,"min":1,"max":null}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"metric","container":"o","fields":["a"],"coverage":1,"properties":{"comparison":"Absolute Value"}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"isReplicaOf","container":"o","fields":["a"],"properties":{"ref_container_name":"b"}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"dataDiff","container":"o","fields":["a"],"properties":{"ref_container_id":7,"ref_datastore_id":3,
            "id_field_names":["a"],"diff_change_types":["added"],"numeric_comparator":{"epsilon":0.1},"string_comparator":null}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"aggregationComparison","container":"o","fields":["a"],"properties":{"expression":"sum(a)",
            "comparison":"Less Than","ref_expression":"sum(b)","ref_container_name":"c"}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"distinctCount","container":"o","fields":["a"],"properties":{"value":3,"comparison":"LTE"}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"isType","container":"o","fields":["a"],"properties":{"field_type":"Integral","is_element_context":true}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"betweenTimes","container":"o","fields":["a"],"properties":{"min_time":"08:00","max_time":"2024-01-15"}}"#,
    ),
    (
        "check",
        r#"{"rule_type":"expectedValues","container":"o","fields":["a"],"properties":{"list":["a",1,null,true]}}"#,
    ),
    ("check", r#"{"rule":"notFuture","container":"o","fields":["a","b"]}"#),
    (
        "check",
        r#"{"rule_type":"expectedSchema","container":"o","properties":{"list":["a"],"allow_other_fields":true}}"#,
    ),
];

/// What a field is tried with.
const VALUES: &[&str] = &[
    "null",
    "true",
    "3",
    "3.5",
    "1000000",
    "-1",
    r#""""#,
    r#""word""#,
    r#""12""#,
    r#""${V}""#,
    "[]",
    r#"["a"]"#,
    r#"["a","b"]"#,
    "[1]",
    r#"[{"name":"a"}]"#,
    "{}",
    r#"{"a":1}"#,
];

/// Codes of loading that a schema can see too.
const SEEN: [&str; 9] = [
    "wrong_type",
    "missing_field",
    "missing_property",
    "wrong_arity",
    "unsupported_field",
    "invalid_value",
    "unknown_field",
    "unknown_rule",
    "unknown_transformation",
];

/// Warnings that an editor marks: what is not known.
const UNKNOWN: [&str; 3] = ["unknown_field", "unknown_rule", "unknown_transformation"];

fn place(kind: &str) -> &'static str {
    PLACES.iter().find(|(known, _)| *known == kind).unwrap().1
}

/// The codes for which loading finds fault with one document that stands alone.
fn faults(kind: &str, document: &Json) -> BTreeSet<&'static str> {
    let told = told(kind, document).into_iter();
    told.filter(|found| found.severity == Severity::Error || UNKNOWN.contains(&found.code))
        .map(|found| found.code)
        .collect()
}

/// Whether loading warns of a word that is none of those it knows: a slip of one of them would be an error, and a schema cannot
/// tell the two apart.
fn has_a_word_of_its_own(kind: &str, document: &Json) -> bool {
    let mut told = told(kind, document).into_iter();
    told.any(|found| found.code == "invalid_value" && found.message.contains("must be one of"))
}

fn told(kind: &str, document: &Json) -> Vec<Diagnostic> {
    let tree = Tree {
        revision: Revision("1111111111111111111111111111111111111111".into()),
        files: vec![File {
            path: place(kind).into(),
            content: Content::Yaml(Arc::new(yaml::parse(document.to_string().as_bytes()))),
        }],
    };
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    let variables = Variables::new(BTreeMap::from([("V".to_owned(), "12".to_owned())]), BTreeSet::new());
    load(&tree, &layers, &variables, &[], qualytics::schema()).diagnostics
}

/// Which fields of a document are tried.
#[derive(Clone, Copy, PartialEq)]
enum Tried {
    /// All that its kind knows, and one that it does not.
    Known,
    /// Those that it has.
    Own,
}

/// `document` with fields, at the top and in `properties`, taken away or replaced, one at a time.
fn variations(schema: &Json, document: &Map<String, Json>, tried: Tried) -> Vec<Map<String, Json>> {
    let names = |schema: &Json| -> Vec<String> { schema["properties"].as_object().unwrap().keys().cloned().collect() };
    let values: Vec<Json> = VALUES.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let mut found = Vec::new();
    let mut fields = names(schema);
    // Beside the field itself, another name of it is not looked at.
    let another = |field: &String| {
        let text = schema["properties"][field]["description"].as_str().unwrap_or_default();
        text.starts_with("Another name of ")
    };
    fields.retain(|field| !another(field) && (tried == Tried::Known || document.contains_key(field)));
    if tried == Tried::Known {
        fields.push("fieldz".to_owned());
    }
    for field in fields {
        let values = match schema["properties"][&field]["doNotSuggest"] == json!(true) {
            true => &values[..2], // whatever it is, it is not looked at
            false => &values[..],
        };
        let mut without = document.clone();
        if without.shift_remove(&field).is_some() {
            found.push(without);
        }
        for value in values {
            let mut with = document.clone();
            with.insert(field.clone(), value.clone());
            found.push(with);
        }
    }
    if schema["properties"]["properties"]["properties"]["min"].is_object() {
        let mut properties = names(&schema["properties"]["properties"]);
        let has = |property: &String| {
            document
                .get("properties")
                .is_some_and(|inside| inside.get(property).is_some())
        };
        properties.retain(|property| tried == Tried::Known || has(property));
        if tried == Tried::Known {
            properties.push("mim".to_owned());
        }
        for property in properties {
            let inside = document.get("properties").cloned().unwrap_or_else(|| json!({}));
            let mut changed = vec![inside.clone()];
            changed[0].as_object_mut().unwrap().shift_remove(&property);
            // A property that is null is none, whatever its name.
            for value in &values[1..] {
                let mut with = inside.clone();
                with[&property] = value.clone();
                changed.push(with);
            }
            for inside in changed {
                let mut with = document.clone();
                with.insert("properties".to_owned(), inside);
                found.push(with);
            }
        }
    }
    found
}

#[test]
fn an_editor_marks_what_loading_finds_fault_with_and_nothing_else() {
    let mut instances = Vec::new();
    let schemas = super::schemas();
    let mut kinds = BTreeSet::new();
    for (kind, text) in SOUND {
        let document: Map<String, Json> = serde_json::from_str(text).unwrap();
        let sound = Json::Object(document.clone());
        assert_eq!(faults(kind, &sound), BTreeSet::new(), "{text}");
        instances.push(((*kind).to_owned(), sound));
        let tried = if kinds.insert(*kind) { Tried::Known } else { Tried::Own };
        let changed = variations(&schemas[*kind], &document, tried).into_iter();
        instances.extend(changed.map(|document| ((*kind).to_owned(), Json::Object(document))));
    }
    let mut wrong = Vec::new();
    let mut refused = 0;
    for ((kind, document), marks) in instances.iter().zip(marked(&instances)) {
        let faults = faults(kind, document);
        refused += usize::from(!faults.is_empty());
        if faults.is_empty() && !marks.is_empty() && !has_a_word_of_its_own(kind, document) {
            wrong.push(format!("marked, and sound: {kind} {document}\n    {marks:?}"));
        }
        // A schema cannot know what a variable holds, nor the number that a text says.
        let depends = document.to_string().contains("${") || document.to_string().contains("\"12\"");
        if marks.is_empty() && !depends && faults.iter().any(|code| SEEN.contains(code)) {
            wrong.push(format!("not marked: {kind} {document}\n    {faults:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        instances.len(),
        wrong.join("\n")
    );
    assert!(
        refused > 500 && instances.len() - refused > 500,
        "{refused} of {}",
        instances.len()
    );
}

#[test]
fn documents_that_people_and_exports_wrote_are_marked_nowhere() {
    let mut instances = Vec::new();
    let mut paths = Vec::new();
    for folder in ["tests/golden/s/export", "tests/cases", "config/demo/qualytics-config"] {
        for path in yaml_below(&root().join(folder)) {
            // Those cases are files with something wrong.
            if path.ancestors().any(|folder| folder.join("validate.txt").exists()) {
                continue;
            }
            let inside = path.to_string_lossy().replace('\\', "/");
            let Some(at) = ["/connections/", "/datastores/"]
                .iter()
                .find_map(|part| inside.find(part))
            else {
                continue;
            };
            let Location::Document { kind, .. } = qualytics::schema().locate(&inside[at + 1..]) else {
                continue;
            };
            let Some(root) = yaml::parse(&std::fs::read(&path).unwrap()).root else {
                continue;
            };
            let document = shown(&root.to_value());
            let faults = faults(kind.0, &document);
            if faults.is_empty() || faults == BTreeSet::from(["unresolved_variable"]) {
                // A deletion is at home in an overlay.
                let name = match document.to_string().contains("$delete") {
                    true => format!("{}-overlay", kind.0),
                    false => kind.0.to_owned(),
                };
                instances.push((name, document));
                paths.push(path);
            }
        }
    }
    let marks = paths.iter().zip(marked(&instances));
    let wrong: Vec<_> = marks.filter(|(_, marks)| !marks.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(paths.len() > 200, "only {}", paths.len());
}

#[test]
fn an_overlay_may_say_little_or_that_something_goes() {
    let taken = [
        (
            "check-overlay",
            r#"{"$delete":true,"additional_metadata":{"_qualytics_check_uid":"u"}}"#,
        ),
        ("check-overlay", r#"{"coverage":0.5}"#),
        (
            "check-overlay",
            r#"{"rule_type":"between","fields":["a"],"properties":{"max":3}}"#,
        ),
        (
            "check-overlay",
            r#"{"filter":{"$delete":true},"coverage":{"$delete":true},"status":{"$delete":true},"properties":{"max":{"$delete":true}}}"#,
        ),
        (
            "check-overlay",
            r#"{"rule_type":"volumetric","coverage":{"$delete":true},"filter":{"$delete":true}}"#,
        ),
        (
            "datastore-overlay",
            r#"{"name":"d","tags":{"$delete":true},"teams":["a"]}"#,
        ),
        (
            "connection-overlay",
            r#"{"port":{"$delete":true},"password":{"$delete":true},"parameters":{"role":{"$delete":true}}}"#,
        ),
        (
            "container-overlay",
            r#"{"query":"select 2","sources":{"$delete":true}}"#,
        ),
        (
            "computed_field-overlay",
            r#"{"properties":{"$delete":true,"format":"x"}}"#,
        ),
    ];
    let marked_ones = [
        ("check-overlay", r#"{"covrage":0.5}"#),
        ("check-overlay", r#"{"coverage":5}"#),
        ("check-overlay", r#"{"filter":{"delete":true}}"#),
        ("check-overlay", r#"{"$delete":"yes"}"#),
        ("check-overlay", r#"{"rule_type":"between","fields":["a","b"]}"#),
        ("check-overlay", r#"{"rule_type":"freshness","filter":"x"}"#),
        ("datastore-overlay", r#"{"tags":{"a":1}}"#),
        ("connection", r#"{"name":"a","type":"s3","port":{"$delete":true}}"#),
    ];
    let instances: Vec<(String, Json)> = taken
        .iter()
        .chain(&marked_ones)
        .map(|(name, text)| ((*name).to_owned(), serde_json::from_str(text).unwrap()))
        .collect();
    for (index, ((_, document), marks)) in instances.iter().zip(marked(&instances)).enumerate() {
        assert_eq!(marks.is_empty(), index < taken.len(), "{document}: {marks:?}");
    }
}
