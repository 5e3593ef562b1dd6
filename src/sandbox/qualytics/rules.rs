//! The rule table: how many fields a rule takes, whether it can be filtered and covered, which properties it needs.

use serde_json::{Map, Value, json};

use super::state::Instance;
use super::wire::{Answer, Call, Outcome};

/// How many fields a check of a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arity {
    /// Exactly one.
    Single,
    /// One or more.
    Multi,
    /// As many as its expression mentions; the server fills them in.
    Calculated,
    /// None: the rule is about the container.
    None,
}

impl Arity {
    const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Multi => "multi",
            Self::Calculated => "calculated",
            Self::None => "none",
        }
    }
}

/// One rule of the platform.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) arity: Arity,
    pub(super) filterable: bool,
    pub(super) coverage: bool,
    pub(super) required: &'static [&'static str],
    pub(super) optional: &'static [&'static str],
}

const fn rule(
    name: &'static str,
    arity: Arity,
    traits: Traits,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Rule {
    let (filterable, coverage) = match traits {
        Traits::Both => (true, true),
        Traits::Filter => (true, false),
        Traits::Neither => (false, false),
    };
    Rule {
        name,
        arity,
        filterable,
        coverage,
        required,
        optional,
    }
}

#[derive(Clone, Copy)]
enum Traits {
    Both,
    Filter,
    Neither,
}

use Arity::{Calculated, Multi, Single};
use Traits::{Both, Filter, Neither};

const REPLICA: &[&str] = &[
    "ref_datastore_id",
    "id_field_names",
    "passthrough_field_names",
    "diff_change_types",
    "numeric_comparator",
    "duration_comparator",
    "string_comparator",
];

/// Every rule, from section 5.1 of the reference.
pub(super) static RULES: &[Rule] = &[
    rule("afterDateTime", Single, Both, &["datetime"], &[]),
    rule(
        "aggregationComparison",
        Calculated,
        Filter,
        &["expression", "comparison", "ref_expression", "ref_container_id"],
        &["ref_filter", "ref_datastore_id"],
    ),
    rule("anyNotNull", Multi, Both, &[], &[]),
    rule("beforeDateTime", Single, Both, &["datetime"], &[]),
    rule(
        "between",
        Single,
        Both,
        &["min", "inclusive_min", "max", "inclusive_max"],
        &[],
    ),
    rule("betweenTimes", Single, Both, &["min_time", "max_time"], &[]),
    rule("containsCreditCard", Single, Both, &[], &[]),
    rule("containsEmail", Single, Both, &[], &[]),
    rule("containsSocialSecurityNumber", Single, Both, &[], &[]),
    rule("containsUrl", Single, Both, &[], &[]),
    rule("dataDiff", Multi, Filter, &["ref_container_id"], REPLICA),
    rule("distinctCount", Single, Filter, &["value"], &["comparison"]),
    rule(
        "entityResolution",
        Single,
        Both,
        &["distinct_field_name"],
        &["pair_substrings", "pair_homophones", "spelling_similarity_threshold"],
    ),
    rule("equalTo", Multi, Both, &["value"], &["inclusive"]),
    rule(
        "equalToField",
        Single,
        Both,
        &["field_name"],
        &["numeric_comparator", "duration_comparator", "string_comparator"],
    ),
    rule(
        "existsIn",
        Single,
        Both,
        &["field_name", "ref_container_id"],
        &["ref_datastore_id", "ref_filter"],
    ),
    rule(
        "expectedSchema",
        Arity::None,
        Neither,
        &["list", "allow_other_fields"],
        &[],
    ),
    rule("expectedValues", Single, Both, &["list"], &[]),
    rule("fieldCount", Arity::None, Neither, &["value"], &["comparison"]),
    rule("freshness", Arity::None, Neither, &["value"], &[]),
    rule("greaterThan", Single, Both, &["value", "inclusive"], &[]),
    rule("greaterThanField", Single, Both, &["field_name", "inclusive"], &[]),
    rule("isAddress", Single, Both, &["required_labels"], &[]),
    rule("isCreditCard", Single, Both, &[], &[]),
    rule("isReplicaOf", Multi, Filter, &["ref_container_id"], REPLICA),
    rule("isType", Single, Both, &["field_type"], &[]),
    rule("lessThan", Single, Both, &["value", "inclusive"], &[]),
    rule("lessThanField", Single, Both, &["field_name", "inclusive"], &[]),
    rule("matchesPattern", Single, Both, &["pattern"], &[]),
    rule("maxLength", Single, Both, &["value"], &[]),
    rule("maxPartitionSize", Arity::None, Neither, &["value"], &[]),
    rule("maxValue", Single, Both, &["value"], &["inclusive"]),
    rule("metric", Single, Filter, &["comparison"], &["min", "max"]),
    rule("minLength", Single, Both, &["value"], &[]),
    rule("minPartitionSize", Arity::None, Neither, &["value"], &[]),
    rule("minValue", Single, Both, &["value"], &["inclusive"]),
    rule("notEmpty", Single, Both, &[], &[]),
    rule(
        "notExistsIn",
        Single,
        Both,
        &["field_name", "ref_container_id"],
        &["ref_datastore_id", "ref_filter"],
    ),
    rule("notFuture", Single, Both, &[], &[]),
    rule("notNegative", Single, Both, &[], &[]),
    rule("notNull", Multi, Both, &[], &[]),
    rule("positive", Single, Both, &[], &[]),
    rule("predictedBy", Single, Both, &["expression", "tolerance"], &[]),
    rule("requiredValues", Single, Filter, &["list"], &[]),
    rule("satisfiesEquation", Calculated, Both, &["equation"], &[]),
    rule("satisfiesExpression", Calculated, Both, &["expression"], &[]),
    rule("sum", Single, Both, &["value"], &[]),
    rule(
        "timeDistributionSize",
        Single,
        Filter,
        &["interval_name", "min_size", "max_size"],
        &[],
    ),
    rule("unique", Multi, Both, &[], &[]),
    rule("userDefinedFunction", Single, Both, &["assertion"], &[]),
    rule(
        "volumetric",
        Arity::None,
        Neither,
        &["comparison", "window_size"],
        &["min", "max"],
    ),
];

/// Every property key that any rule knows; responses may carry all of them.
pub(super) const PROPERTIES: &[&str] = &[
    "allow_other_fields",
    "assertion",
    "comparison",
    "datetime",
    "diff_change_types",
    "distinct_field_name",
    "duration_comparator",
    "equation",
    "expression",
    "field_name",
    "field_type",
    "id_field_names",
    "inclusive",
    "inclusive_max",
    "inclusive_min",
    "interval_name",
    "is_element_context",
    "list",
    "max",
    "max_size",
    "max_time",
    "min",
    "min_size",
    "min_time",
    "numeric_comparator",
    "pair_homophones",
    "pair_substrings",
    "passthrough_field_names",
    "pattern",
    "ref_container_id",
    "ref_datastore_id",
    "ref_expression",
    "ref_filter",
    "required_labels",
    "spelling_similarity_threshold",
    "string_comparator",
    "tolerance",
    "value",
    "window_size",
];

/// Rules whose properties name another container.
pub(super) const CROSS_REFERENCES: &[&str] = &[
    "existsIn",
    "notExistsIn",
    "isReplicaOf",
    "dataDiff",
    "aggregationComparison",
];

/// The rule with this name; the older `dataType` is `isType`.
pub(super) fn named(name: &str) -> Option<&'static Rule> {
    let name = if name == "dataType" { "isType" } else { name };
    RULES.iter().find(|rule| rule.name == name)
}

impl Rule {
    /// The properties the server fills in when they are not sent, in front of those that were.
    pub(super) fn defaults(&self) -> Map<String, Value> {
        let mut defaults = Map::new();
        if self.name == "between" {
            defaults.insert("inclusive_min".to_owned(), json!(true));
            defaults.insert("inclusive_max".to_owned(), json!(true));
        } else if self.required.contains(&"inclusive") || self.optional.contains(&"inclusive") {
            defaults.insert("inclusive".to_owned(), json!(true));
        }
        defaults
    }
}

/// `GET /quality-checks/specifications/rules`.
pub(super) fn specifications(_: &mut Instance, _: &Call) -> Outcome {
    Ok(Answer::Ok(Value::Array(RULES.iter().map(specification).collect())))
}

fn specification(rule: &Rule) -> Value {
    let property = |key: &&str, required: bool| json!({ "field": key, "map_to": "properties", "required": required, "title": title(key), "type": kind(key), "values": values(key) });
    let properties: Vec<Value> = rule
        .required
        .iter()
        .map(|key| property(key, true))
        .chain(rule.optional.iter().map(|key| property(key, false)))
        .collect();
    json!({
        "rule": rule.name,
        "rule_description": format!("Asserts {}", title(rule.name).to_lowercase()),
        "deprecated": matches!(rule.name, "isReplicaOf" | "satisfiesEquation"),
        "author": true,
        "fields": rule.arity.name(),
        "fields_type_filter": [],
        "filterable": rule.filterable,
        "supports_coverage": rule.coverage,
        "properties": properties,
    })
}

fn title(key: &str) -> String {
    let mut out = String::new();
    for (at, character) in key.chars().enumerate() {
        match character {
            '_' => out.push(' '),
            _ if at == 0 => out.extend(character.to_uppercase()),
            _ if character.is_uppercase() => {
                out.push(' ');
                out.extend(character.to_lowercase());
            }
            _ => out.push(character),
        }
    }
    out
}

fn kind(key: &str) -> &'static str {
    match key {
        "ref_container_id" => "container",
        "ref_datastore_id" => "datastore",
        "field_name" | "distinct_field_name" => "field",
        "inclusive" | "inclusive_min" | "inclusive_max" | "allow_other_fields" | "pair_substrings"
        | "pair_homophones" => "boolean",
        "min"
        | "max"
        | "value"
        | "window_size"
        | "tolerance"
        | "min_size"
        | "max_size"
        | "spelling_similarity_threshold" => "number",
        "datetime" | "min_time" | "max_time" => "datetime",
        "list" | "required_labels" | "id_field_names" | "passthrough_field_names" | "diff_change_types" => "list",
        "comparison" | "field_type" | "interval_name" => "enum",
        _ => "string",
    }
}

fn values(key: &str) -> &'static [&'static str] {
    match key {
        "field_type" => &[
            "Integral",
            "Fractional",
            "Boolean",
            "String",
            "Date",
            "Timestamp",
            "Array",
            "Struct",
            "MapType",
            "Unknown",
        ],
        "interval_name" => &["Yearly", "Quarterly", "Monthly", "Weekly", "Daily", "Hourly"],
        "diff_change_types" => &["added", "removed", "changed"],
        _ => &[],
    }
}
