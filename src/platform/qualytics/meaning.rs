//! What the values of each kind mean: the spellings of one meaning that the table of kinds does not know become one, to be compared.

use driftless_core::key::Kind;
use driftless_core::value::{Map, Number, Value};

use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE, UID};
use super::normalize::GENERATED;
use super::rules::{self, Support};
use super::shapes::{JOIN_NAMES, SIGN_NAMES, SIGNS};
use crate::platform::shape::instant;

/// What an absent field of a secrets manager means.
const VAULT_DEFAULTS: [(&str, Option<&str>); 4] = [
    ("login_url", None),
    ("token_jsonpath", Some("$.auth.client_token")),
    ("token_header_name", Some("X-Vault-Token")),
    ("data_jsonpath", Some("$.data")),
];

/// Brings the values of a document of `kind` into the one form that is compared. Idempotent.
pub(super) fn meaning(kind: Kind, spec: &mut Map) {
    match kind {
        CONNECTION => connection(spec),
        DATASTORE => datastore(spec),
        CONTAINER => container(spec),
        COMPUTED_FIELD => computed_field(spec),
        CHECK => check(spec),
        _ => {}
    }
}

fn connection(spec: &mut Map) {
    empty_is_null(spec, "secrets_manager");
    if let Some(Value::Map(vault)) = spec.get_mut("secrets_manager") {
        for (field, default) in VAULT_DEFAULTS {
            let slot = vault.entry(field.to_owned()).or_insert(Value::Null);
            if let (Value::Null, Some(default)) = (&slot, default) {
                *slot = Value::from(default);
            }
        }
    }
}

fn datastore(spec: &mut Map) {
    if let Some(Value::String(prefix)) = spec.get_mut("enrichment_prefix") {
        *prefix = snake_prefix(prefix);
    }
}

/// The form in which the platform keeps an enrichment prefix: snake case with a leading underscore.
fn snake_prefix(prefix: &str) -> String {
    let mut out = String::from("_");
    let mut lower_before = false;
    for c in prefix.trim().chars() {
        if c.is_alphanumeric() {
            if c.is_uppercase() && lower_before {
                out.push('_');
            }
            lower_before = c.is_lowercase() || c.is_numeric();
            out.extend(c.to_lowercase());
        } else {
            if !out.ends_with('_') {
                out.push('_');
            }
            lower_before = false;
        }
    }
    if out == "_" { String::new() } else { out }
}

fn container(spec: &mut Map) {
    if let Some(Value::String(join)) = spec.get_mut("join_type") {
        let word = join.to_lowercase().replace([' ', '-'], "_");
        let other = JOIN_NAMES.iter().find(|(name, _)| *name == word);
        *join = other.map_or(word, |(_, meant)| (*meant).to_owned());
    }
    let pairwise = spec.get("left_container_name").is_some_and(|name| !name.is_null());
    if pairwise {
        for (field, default) in [("left_prefix", "left"), ("right_prefix", "right")] {
            let slot = spec.entry(field.to_owned()).or_insert(Value::Null);
            if slot.is_null() {
                *slot = Value::from(default);
            }
        }
    }
    if let Some(Value::List(sources)) = spec.get_mut("sources") {
        for source in sources {
            if let Value::Map(source) = source {
                source.retain(|_, value| !value.is_null());
                trim(source, "where_clause");
            }
        }
    }
}

fn computed_field(spec: &mut Map) {
    if spec
        .get("source_fields")
        .is_some_and(|fields| fields.as_list().is_some_and(<[Value]>::is_empty))
    {
        spec.insert("source_fields".to_owned(), Value::Null);
    }
}

fn check(spec: &mut Map) {
    let written = spec
        .get("rule_type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let rule = rules::current_name(&written);
    if rule != written {
        spec.insert("rule_type".to_owned(), Value::from(rule));
    }
    if let Some(uid @ Value::Number(_)) = spec.get_mut(UID) {
        *uid = Value::String(driftless_core::json::write(uid));
    }
    no_description_is_null(spec, rule);
    if rules::is_calculated(rule) {
        spec.shift_remove("fields");
    }
    one_full_coverage(rules::find(rule).map(|row| row.coverage), spec);
    for blank in ["filter", "anomaly_message_field"] {
        if spec.get(blank).and_then(Value::as_str).is_some_and(str::is_empty) {
            spec.insert(blank.to_owned(), Value::Null);
        }
    }
    if let Some(Value::Map(properties)) = spec.get_mut("properties") {
        check_properties(rule, properties);
    }
}

/// "All rows" and nothing mean the same: the platform keeps a number where the rule has a coverage, and nothing where it has
/// none. Any other number is left for `check` to find fault with.
fn one_full_coverage(support: Option<Support>, spec: &mut Map) {
    let Some(coverage) = spec.get_mut("coverage") else {
        return;
    };
    match support {
        Some(Support::Yes) if coverage.is_null() => *coverage = Value::Number(Number::Float(1.0)),
        Some(Support::No | Support::Unlikely) if coverage.agrees(&Value::from(1)) => *coverage = Value::Null,
        Some(_) | None => {}
    }
}

/// The official client writes a text of its own where there is none, under whichever name the rule had.
fn no_description_is_null(spec: &mut Map, rule: &str) {
    if let Some(Value::String(text)) = spec.get("description")
        && (text.is_empty()
            || text
                .strip_suffix(GENERATED)
                .is_some_and(|of| rules::current_name(of) == rule))
    {
        spec.insert("description".to_owned(), Value::Null);
    }
}

fn check_properties(rule: &str, properties: &mut Map) {
    let elements = properties.get("is_element_context").and_then(Value::as_bool);
    if rules::has_automatic_elements(rule) || elements == Some(false) {
        properties.shift_remove("is_element_context");
    }
    if let Some(Value::String(comparison)) = properties.get_mut("comparison") {
        *comparison = comparison_sign(comparison).map_or_else(|| comparison.clone(), str::to_owned);
    }
    for moment in ["datetime", "min_time", "max_time"] {
        if let Some(Value::String(text)) = properties.get_mut(moment)
            && let Some(instant) = instant(text)
        {
            *text = instant;
        }
    }
}

/// The short form of a comparison's display name.
fn comparison_sign(comparison: &str) -> Option<&'static str> {
    let word = comparison.to_lowercase();
    let mut signs = SIGNS.iter().copied();
    signs
        .find(|sign| *sign == word)
        .or_else(|| SIGN_NAMES.iter().find(|(name, _)| *name == word).map(|(_, sign)| *sign))
}

fn empty_is_null(spec: &mut Map, field: &str) {
    if spec
        .get(field)
        .and_then(Value::as_map)
        .is_some_and(|map| map.is_empty())
    {
        spec.insert(field.to_owned(), Value::Null);
    }
}

fn trim(spec: &mut Map, field: &str) {
    if let Some(Value::String(text)) = spec.get_mut(field) {
        *text = text.trim().to_owned();
    }
}

#[cfg(test)]
mod tests {
    use driftless_core::normalize as core;
    use driftless_core::schema::Side;

    use super::super::schema;
    use super::super::testing::map;
    use super::*;

    /// The form that is compared.
    fn meant(kind: Kind, side: Side, json: &str) -> Map {
        let spec = core::meaning(schema(), kind, &core::normalize(schema(), kind, side, map(json)));
        assert_eq!(core::meaning(schema(), kind, &spec), spec, "idempotent: {json}");
        assert_eq!(
            core::normalize(schema(), kind, side, spec.clone()),
            spec,
            "at rest: {json}"
        );
        spec
    }

    #[test]
    fn what_means_the_same_becomes_the_same() {
        let pairs = [
            (
                CHECK,
                r#"{"rule_type":"expectedValues","fields":["b","a"],"filter":" x ","properties":{"list":["b",2,"a","b"]},
                    "tags":null,"additional_metadata":null}"#,
                r#"{"rule_type":"expectedValues","fields":["a","b"],"filter":"x","properties":{"list":["a","b",2]},
                    "tags":[],"additional_metadata":{"a":null}}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","filter":"  "}"#,
                r#"{"rule_type":"notNull","filter":null}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"dataDiff","description":"isReplicaOf quality check"}"#,
                r#"{"rule_type":"isReplicaOf","description":"dataDiff quality check"}"#,
            ),
            (
                CONTAINER,
                r#"{"join_type":"Full Outer","tags":[{"name":"b"},{"name":"a"}],"additional_metadata":{}}"#,
                r#"{"join_type":"full","tags":["a","b"],"additional_metadata":null}"#,
            ),
            (
                CONTAINER,
                r#"{"sources":[{"container_name":"a","where_clause":" x "}]}"#,
                r#"{"sources":[{"container_name":"a","where_clause":"x"}]}"#,
            ),
            (
                CONTAINER,
                r#"{"left_container_name":"a","left_prefix":null}"#,
                r#"{"left_container_name":"a","left_prefix":"left"}"#,
            ),
            (CHECK, r#"{"rule_type":"dataType"}"#, r#"{"rule_type":"isType"}"#),
            (CHECK, r#"{"rule_type":"isReplicaOf"}"#, r#"{"rule_type":"dataDiff"}"#),
            (
                CHECK,
                r#"{"rule_type":"isReplicaOf","description":"isReplicaOf quality check"}"#,
                r#"{"rule_type":"dataDiff","description":null}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","description":"notNull quality check","properties":null}"#,
                r#"{"rule_type":"notNull","description":null,"properties":{"is_element_context":false,"min":null}}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"between","properties":{"is_element_context":true,"min":1}}"#,
                r#"{"rule_type":"between","properties":{"min":1}}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"aggregationComparison","fields":["a"],"properties":{"comparison":"Greater Than"}}"#,
                r#"{"rule_type":"aggregationComparison","fields":[],"properties":{"comparison":"gt"}}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"volumetric","coverage":1.0,"filter":""}"#,
                r#"{"rule_type":"volumetric","coverage":null,"filter":null}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","coverage":null}"#,
                r#"{"rule_type":"notNull","coverage":1.0}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"afterDateTime","properties":{"datetime":"2024-01-01 00:00:00"}}"#,
                r#"{"rule_type":"afterDateTime","properties":{"datetime":"2024-01-01T01:00:00.000+01:00"}}"#,
            ),
            (
                CONTAINER,
                r#"{"name":"a b  c","join_type":"outer"}"#,
                r#"{"name":"a_b_c","join_type":"full"}"#,
            ),
            (
                CONTAINER,
                r#"{"sources":[{"container_name":"a","alias":"x","where_clause":null}]}"#,
                r#"{"sources":[{"alias":"x","container_name":"a","ordinal":1,"datastore_id":4}]}"#,
            ),
            (
                CONTAINER,
                r#"{"left_container_name":"a"}"#,
                r#"{"left_container_name":"a","left_prefix":"left","right_prefix":"right"}"#,
            ),
            (
                DATASTORE,
                r#"{"enrichment_prefix":"SalesDW"}"#,
                r#"{"enrichment_prefix":"_sales_dw"}"#,
            ),
            (
                CONNECTION,
                r#"{"parameters":{},"secrets_manager":{"secret_url":"u"}}"#,
                r#"{"parameters":null,"secrets_manager":{"secret_url":"u","login_url":null,"token_jsonpath":"$.auth.client_token","token_header_name":"X-Vault-Token","data_jsonpath":"$.data"}}"#,
            ),
            (
                COMPUTED_FIELD,
                r#"{"source_fields":[],"properties":{}}"#,
                r#"{"source_fields":null,"properties":null}"#,
            ),
        ];
        for (kind, a, b) in pairs {
            assert_eq!(meant(kind, Side::Live, a), meant(kind, Side::Live, b), "{a} {b}");
        }
    }

    #[test]
    fn what_means_something_else_stays_different() {
        let pairs = [
            (
                CHECK,
                r#"{"rule_type":"notNull","properties":{"is_element_context":true}}"#,
                r#"{"rule_type":"notNull","properties":{}}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"metric","coverage":0.5}"#,
                r#"{"rule_type":"metric","coverage":null}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"dataDiff","properties":{"diff_change_types":["a","b"]}}"#,
                r#"{"rule_type":"dataDiff","properties":{"diff_change_types":["b","a"]}}"#,
            ),
            (CONTAINER, r#"{"join_type":"left"}"#, r#"{"join_type":"full"}"#),
        ];
        for (kind, a, b) in pairs {
            assert_ne!(meant(kind, Side::Live, a), meant(kind, Side::Live, b), "{a} {b}");
        }
    }
}
