//! Normalisation that the table of kinds cannot say: what two spellings of one meaning become.

use driftless_core::key::Kind;
use driftless_core::schema::Side;
use driftless_core::value::{Map, Number, Value};

use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE, UID};
use super::layout;
use super::rules::{self, Arity, Support};
use super::shapes::{CONNECTION_FIELDS, DATASTORE_FIELDS, Shape};

/// Metadata that the platform's own promotion writes, and that the official client leaves out of files.
pub(super) const PROMOTION_METADATA: [&str; 2] = ["from quality check id", "main datastore id"];

/// What an absent field of a secrets manager means.
const VAULT_DEFAULTS: [(&str, Option<&str>); 4] = [
    ("login_url", None),
    ("token_jsonpath", Some("$.auth.client_token")),
    ("token_header_name", Some("X-Vault-Token")),
    ("data_jsonpath", Some("$.data")),
];

/// Brings a document of `kind` into the one form that is compared. Idempotent.
pub(super) fn canonical(kind: Kind, side: Side, spec: &mut Map) {
    match kind {
        CONNECTION => {
            typed(spec, CONNECTION_FIELDS);
            connection(spec);
        }
        DATASTORE => {
            typed(spec, DATASTORE_FIELDS);
            datastore(spec);
        }
        CONTAINER => container(spec),
        COMPUTED_FIELD => computed_field(spec),
        CHECK => check(side, spec),
        _ => {}
    }
}

/// A variable's value is text (`port: ${PG_PORT}`): a field that wants a number or a truth takes the one that it says.
fn typed(spec: &mut Map, fields: &[(&str, Shape)]) {
    for (field, shape) in fields {
        if let Some(value) = spec.get_mut(*field)
            && let Some(meant) = value.as_str().and_then(|text| shape.read(text))
        {
            *value = meant;
        }
    }
}

fn connection(spec: &mut Map) {
    empty_is_null(spec, "parameters");
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
    if let Some(Value::String(name)) = spec.get_mut("name") {
        *name = container_name(name);
    }
    if let Some(Value::String(kind)) = spec.get_mut("container_type")
        && kind == "computed_joined"
    {
        "computed_join".clone_into(kind);
    }
    if let Some(Value::String(join)) = spec.get_mut("join_type") {
        *join = match join.to_lowercase().replace([' ', '-'], "_").as_str() {
            "full" | "outer" | "full_outer" => "full".to_owned(),
            other => other.to_owned(),
        };
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
                for derived in ["ordinal", "datastore_id", "id"] {
                    source.shift_remove(derived);
                }
                source.retain(|_, value| !value.is_null());
                trim(source, "where_clause");
            }
        }
    }
    empty_is_null(spec, "additional_metadata");
}

/// The form in which the platform keeps the name of a computed container.
pub(super) fn container_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join("_")
}

fn computed_field(spec: &mut Map) {
    empty_is_null(spec, "properties");
    empty_is_null(spec, "additional_metadata");
    if spec
        .get("source_fields")
        .is_some_and(|fields| fields.as_list().is_some_and(<[Value]>::is_empty))
    {
        spec.insert("source_fields".to_owned(), Value::Null);
    }
}

fn check(side: Side, spec: &mut Map) {
    take_uid_out(side, spec);
    let written = spec
        .get("rule_type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    generated_description_is_null(spec, &written);
    let rule = rules::current_name(&written);
    if rule != written {
        spec.insert("rule_type".to_owned(), Value::from(rule));
    }
    let row = rules::find(rule);
    if row.is_some_and(|row| row.arity == Arity::Calculated) {
        spec.shift_remove("fields");
    } else if let Some(fields) = spec.get_mut("fields")
        && fields.is_null()
    {
        *fields = Value::List(Vec::new());
    }
    one_full_coverage(row.map(|row| row.coverage), spec);
    for blank in ["filter", "anomaly_message_field"] {
        if spec.get(blank).and_then(Value::as_str).is_some_and(str::is_empty) {
            spec.insert(blank.to_owned(), Value::Null);
        }
    }
    if let Some(properties) = spec.get_mut("properties") {
        if properties.is_null() {
            *properties = Value::Map(Map::new());
        }
        if let Value::Map(properties) = properties {
            check_properties(rule, properties);
        }
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

/// The uid is identity, and a document without metadata must not own all metadata because of it: it stands beside them.
fn take_uid_out(side: Side, spec: &mut Map) {
    let uid = match side {
        Side::Desired => Some(layout::uid(spec)),
        Side::Live => layout::stored_uid(spec),
    };
    if let Some(metadata) = spec.get_mut("additional_metadata") {
        if metadata.is_null() {
            *metadata = Value::Map(Map::new());
        }
        if let Value::Map(metadata) = metadata {
            metadata.shift_remove(UID);
            for promoted in PROMOTION_METADATA {
                metadata.shift_remove(promoted);
            }
        }
    }
    if let Some(uid) = uid {
        spec.insert(UID.to_owned(), Value::String(uid));
    }
}

/// The official client writes a text of its own where there is none.
fn generated_description_is_null(spec: &mut Map, rule: &str) {
    if let Some(Value::String(text)) = spec.get("description")
        && (text.is_empty()
            || *text == generated_description(rule)
            || *text == generated_description(rules::current_name(rule)))
    {
        spec.insert("description".to_owned(), Value::Null);
    }
}

/// The text that stands for no description.
pub(super) fn generated_description(rule: &str) -> String {
    format!("{rule} quality check")
}

fn check_properties(rule: &str, properties: &mut Map) {
    properties.retain(|_, value| !value.is_null());
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
    Some(match comparison.to_lowercase().as_str() {
        "lt" | "less than" => "lt",
        "lte" | "less than or equal" | "less than or equal to" => "lte",
        "eq" | "equal" | "equals" | "equal to" => "eq",
        "gte" | "greater than or equal" | "greater than or equal to" => "gte",
        "gt" | "greater than" => "gt",
        _ => return None,
    })
}

/// The one spelling of an ISO date with a time: in UTC, where nothing said is UTC, with a fraction only if there is one.
fn instant(text: &str) -> Option<String> {
    use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
    let spelled = text.trim().replacen(' ', "T", 1);
    let moment: DateTime<Utc> = match DateTime::parse_from_rfc3339(&spelled) {
        Ok(moment) => moment.to_utc(),
        Err(_) => NaiveDateTime::parse_from_str(&spelled, "%Y-%m-%dT%H:%M:%S%.f")
            .ok()?
            .and_utc(),
    };
    Some(moment.to_rfc3339_opts(SecondsFormat::AutoSi, true))
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

/// Whether two lists hold the same, in whatever order and however often.
pub(super) fn same_set(a: &[Value], b: &[Value]) -> bool {
    let sorted = |items: &[Value]| {
        let mut texts: Vec<String> = items.iter().map(set_key).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    };
    sorted(a) == sorted(b)
}

/// Text that sorts alike what agrees: a float without a fraction as its integer.
fn set_key(value: &Value) -> String {
    match (value, value.as_i64()) {
        (Value::Number(Number::Float(_)), Some(int)) => int.to_string(),
        _ => driftless_core::json::write(value),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn map(json: &str) -> Map {
        crate::codec::map_from_json(
            serde_json::from_str::<serde_json::Value>(json)
                .unwrap()
                .as_object()
                .unwrap(),
        )
    }

    fn brought(kind: Kind, side: Side, json: &str) -> Map {
        let mut spec = map(json);
        canonical(kind, side, &mut spec);
        let mut again = spec.clone();
        canonical(kind, side, &mut again);
        assert_eq!(again, spec, "idempotent: {json}");
        spec
    }

    #[test]
    fn a_uid_stands_beside_the_metadata_and_live_has_one_only_if_it_is_stored() {
        let desired = brought(
            CHECK,
            Side::Desired,
            r#"{"rule_type":"notNull","container":"orders","fields":["id"]}"#,
        );
        assert_eq!(desired[UID], Value::from("orders__notnull__id"));
        assert!(!desired.contains_key("additional_metadata"));
        let stored = brought(
            CHECK,
            Side::Live,
            r#"{"rule_type":"notNull","additional_metadata":{"_qualytics_check_uid":"x","main datastore id":3,"k":1}}"#,
        );
        assert_eq!(stored[UID], Value::from("x"));
        assert_eq!(stored["additional_metadata"], Value::Map(map(r#"{"k":1}"#)));
        let bare = brought(
            CHECK,
            Side::Live,
            r#"{"rule_type":"notNull","container":"orders","additional_metadata":null}"#,
        );
        assert!(!bare.contains_key(UID));
    }

    #[test]
    fn sets_are_the_same_in_any_order_and_number_by_number() {
        let list = |json: &str| map(&format!(r#"{{"l":{json}}}"#))["l"].as_list().unwrap().to_vec();
        assert!(same_set(&list(r#"["b",2,"a","b"]"#), &list(r#"["a","b",2.0]"#)));
        assert!(!same_set(&list(r#"["a","b"]"#), &list(r#"["a"]"#)));
        assert!(!same_set(&list(r#"["1"]"#), &list("[1]")));
    }

    #[test]
    fn a_number_or_a_truth_from_a_variable_is_one_where_the_field_wants_one() {
        for (kind, written, meant) in [
            (
                CONNECTION,
                r#"{"host":"5432","port":"5432"}"#,
                r#"{"host":"5432","port":5432}"#,
            ),
            (CONNECTION, r#"{"port":"5432 "}"#, r#"{"port":"5432 "}"#),
            (
                DATASTORE,
                r#"{"name":"2024","enrichment_only":"true"}"#,
                r#"{"name":"2024","enrichment_only":true}"#,
            ),
            (
                DATASTORE,
                r#"{"enrichment_only":"yes"}"#,
                r#"{"enrichment_only":"yes"}"#,
            ),
        ] {
            assert_eq!(brought(kind, Side::Desired, written), map(meant), "{written}");
        }
    }

    #[test]
    fn what_means_the_same_becomes_the_same() {
        let pairs = [
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
            assert_eq!(brought(kind, Side::Live, a), brought(kind, Side::Live, b), "{a} {b}");
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
            assert_ne!(brought(kind, Side::Live, a), brought(kind, Side::Live, b), "{a} {b}");
        }
    }
}
