//! The known fields of each kind, and what each must hold.

use super::kinds::UID;
use super::rules::Evidence::{self, Client, Guide};
pub(super) use crate::platform::shape::Shape;

/// How two containers are joined, in the one spelling that is compared.
const JOINS: &[&str] = &["inner", "left", "right", "full", "left_semi", "left_anti"];

/// Other names of joins. All of them, and these, may be in any case, with spaces or hyphens for `_`.
pub(super) const JOIN_NAMES: &[(&str, &str)] = &[("outer", "full"), ("full_outer", "full")];

/// How a measured value is compared with the one before it.
const CHANGES: &[&str] = &["Absolute Value", "Absolute Change", "Percentage Change"];

/// How two values are compared, in the one spelling that is compared.
pub(super) const SIGNS: &[&str] = &["lt", "lte", "eq", "gte", "gt"];

/// Other names of signs. All of them, and these, may be in any case.
pub(super) const SIGN_NAMES: &[(&str, &str)] = &[
    ("less than", "lt"),
    ("less than or equal", "lte"),
    ("less than or equal to", "lte"),
    ("equal", "eq"),
    ("equals", "eq"),
    ("equal to", "eq"),
    ("greater than or equal", "gte"),
    ("greater than or equal to", "gte"),
    ("greater than", "gt"),
];

/// Other names of `choices`, where they have any.
pub(super) fn other_names(choices: &[&str]) -> Vec<&'static str> {
    let tables = JOIN_NAMES.iter().chain(SIGN_NAMES);
    tables
        .filter(|(_, meant)| choices.contains(meant))
        .map(|(name, _)| *name)
        .collect()
}

/// The types of fields. The platform's documents have two names for a map.
const FIELD_TYPES: &[&str] = &[
    "Integral",
    "Fractional",
    "Boolean",
    "String",
    "Date",
    "Timestamp",
    "Array",
    "Struct",
    "MapType",
    "Map",
    "Unknown",
];

/// The known fields of a connection.
pub(super) const CONNECTION_FIELDS: &[(&str, Shape)] = &[
    ("name", Shape::Text),
    ("type", Shape::Text),
    ("host", Shape::Text),
    ("port", Shape::Integer),
    ("username", Shape::Text),
    ("password", Shape::Text),
    ("passphrase", Shape::Text),
    ("uri", Shape::Text),
    ("access_key", Shape::Text),
    ("secret_key", Shape::Text),
    ("credentials_payload", Shape::Text),
    ("token", Shape::Text),
    ("catalog", Shape::Text),
    ("catalog_type", Shape::Text),
    ("parameters", Shape::Map),
    ("jdbc_fetch_size", Shape::Integer),
    ("max_parallelization", Shape::Integer),
    ("secrets_manager", Shape::Map),
    ("description", Shape::Text),
];

/// The known fields of a datastore.
pub(super) const DATASTORE_FIELDS: &[(&str, Shape)] = &[
    ("connection_name", Shape::Text),
    ("enrich_datastore_name", Shape::Text),
    ("name", Shape::Text),
    ("database", Shape::Text),
    ("schema", Shape::Text),
    ("root_path", Shape::Text),
    ("folder_globbing_enabled", Shape::Truth),
    ("description", Shape::Text),
    ("teams", Shape::Texts),
    ("tags", Shape::Texts),
    ("group_id", Shape::Integer),
    ("enrichment_only", Shape::Truth),
    ("enrichment_prefix", Shape::Text),
    ("enrichment_source_record_limit", Shape::Integer),
    ("enrichment_remediation_strategy", Shape::Text),
    ("high_count_rollup_threshold", Shape::Integer),
];

/// The known fields of a computed container.
pub(super) const CONTAINER_FIELDS: &[(&str, Shape)] = &[
    ("name", Shape::Text),
    ("container_type", Shape::Text),
    ("query", Shape::Text),
    ("select_clause", Shape::Text),
    ("where_clause", Shape::Text),
    ("group_by_clause", Shape::Text),
    ("lateral_views", Shape::Any),
    ("source_container_name", Shape::Text),
    ("source_datastore_name", Shape::Text),
    ("left_container_name", Shape::Text),
    ("left_datastore_name", Shape::Text),
    ("left_join_field_name", Shape::Text),
    ("left_prefix", Shape::Text),
    ("right_container_name", Shape::Text),
    ("right_datastore_name", Shape::Text),
    ("right_join_field_name", Shape::Text),
    ("right_prefix", Shape::Text),
    ("join_type", Shape::OneOf(JOINS)),
    ("sources", Shape::Maps),
    ("tags", Shape::Texts),
    ("exclude_fields", Shape::Texts),
    ("group_by_fields", Shape::Any),
    ("volumetric_tracking_enabled", Shape::Truth),
    ("freshness_tracking_enabled", Shape::Truth),
    ("additional_metadata", Shape::Map),
    ("description", Shape::Text),
    ("incremental_field_name", Shape::Text),
    ("incremental_identifier_type", Shape::Text),
    ("incremental_identifier", Shape::Any),
    ("table_type", Shape::Text),
    ("partition_field", Shape::Any),
    ("infer_datatypes", Shape::Truth),
];

/// The known fields of a computed field.
pub(super) const COMPUTED_FIELD_FIELDS: &[(&str, Shape)] = &[
    ("name", Shape::Text),
    ("transformation", Shape::Text),
    ("source_fields", Shape::Texts),
    ("properties", Shape::Map),
    ("additional_metadata", Shape::Map),
    ("description", Shape::Text),
];

/// The known fields of a check.
pub(super) const CHECK_FIELDS: &[(&str, Shape)] = &[
    ("rule_type", Shape::Text),
    ("description", Shape::Text),
    ("container", Shape::Text),
    ("fields", Shape::Texts),
    ("coverage", Shape::Number),
    ("filter", Shape::Text),
    ("anomaly_message_field", Shape::Text),
    ("properties", Shape::Map),
    ("tags", Shape::Texts),
    ("status", Shape::Text),
    ("additional_metadata", Shape::Map),
    ("owner_id", Shape::Integer),
    ("default_anomaly_assignee_id", Shape::Integer),
    ("template_id", Shape::Integer),
    (UID, Shape::Any),
];

/// Properties of checks whose shape is the same for every rule.
pub(super) const PROPERTY_SHAPES: &[(&str, Shape)] = &[
    ("allow_other_fields", Shape::Truth),
    ("inclusive", Shape::Truth),
    ("inclusive_max", Shape::Truth),
    ("inclusive_min", Shape::Truth),
    ("is_element_context", Shape::Truth),
    ("pair_homophones", Shape::Truth),
    ("pair_substrings", Shape::Truth),
    ("assertion", Shape::Text),
    ("comparison", Shape::Text),
    ("distinct_field_name", Shape::Text),
    ("equation", Shape::Text),
    ("expression", Shape::Text),
    ("field_name", Shape::Text),
    ("field_type", Shape::OneOf(FIELD_TYPES)),
    ("interval_name", Shape::Text),
    ("pattern", Shape::Text),
    ("ref_container_name", Shape::Text),
    ("ref_datastore_name", Shape::Text),
    ("ref_expression", Shape::Text),
    ("ref_filter", Shape::Text),
    ("datetime", Shape::Moment),
    ("max_time", Shape::Moment),
    ("min_time", Shape::Moment),
    ("id_field_names", Shape::Texts),
    ("passthrough_field_names", Shape::Texts),
    ("required_labels", Shape::Texts),
    ("diff_change_types", Shape::SomeOf(&["added", "removed", "changed"])),
    ("list", Shape::Scalars),
    ("ref_container_id", Shape::Integer),
    ("ref_datastore_id", Shape::Integer),
    ("window_size", Shape::Integer),
    ("max", Shape::Number),
    ("max_size", Shape::Number),
    ("min", Shape::Number),
    ("min_size", Shape::Number),
    ("spelling_similarity_threshold", Shape::Number),
    ("duration_comparator", Shape::Map),
    ("numeric_comparator", Shape::Map),
    ("string_comparator", Shape::Map),
];

/// The shape that a property has with one rule.
pub(super) struct PropertyOfRule {
    /// The rule.
    pub(super) rule: &'static str,
    /// The property.
    pub(super) property: &'static str,
    /// What it must hold.
    pub(super) shape: Shape,
    /// How well that is known.
    pub(super) evidence: Evidence,
}

const fn of_rule(rule: &'static str, property: &'static str, shape: Shape, evidence: Evidence) -> PropertyOfRule {
    PropertyOfRule {
        rule,
        property,
        shape,
        evidence,
    }
}

/// Properties whose shape depends on the rule.
pub(super) const PROPERTIES_OF_RULES: &[PropertyOfRule] = &[
    of_rule("aggregationComparison", "comparison", Shape::OneOf(SIGNS), Client),
    of_rule("distinctCount", "comparison", Shape::OneOf(SIGNS), Guide),
    of_rule("distinctCount", "value", Shape::Integer, Client),
    of_rule("expectedSchema", "list", Shape::Texts, Client),
    of_rule("fieldCount", "comparison", Shape::OneOf(SIGNS), Guide),
    of_rule("fieldCount", "value", Shape::Integer, Client),
    of_rule("freshness", "value", Shape::Integer, Client),
    of_rule("greaterThan", "value", Shape::Number, Guide),
    of_rule("lessThan", "value", Shape::Number, Guide),
    of_rule("maxLength", "value", Shape::Integer, Client),
    of_rule("maxPartitionSize", "value", Shape::Number, Guide),
    of_rule("maxValue", "value", Shape::Number, Guide),
    of_rule("metric", "comparison", Shape::OneOf(CHANGES), Client),
    of_rule("minLength", "value", Shape::Integer, Client),
    of_rule("minPartitionSize", "value", Shape::Number, Guide),
    of_rule("minValue", "value", Shape::Number, Guide),
    of_rule("predictedBy", "tolerance", Shape::Number, Guide),
    of_rule("sum", "value", Shape::Number, Guide),
    of_rule("volumetric", "comparison", Shape::OneOf(CHANGES), Client),
];

/// What the maps among the properties hold.
pub(super) const COMPARATORS: &[(&str, &[(&str, Shape)])] = &[
    ("duration_comparator", &[("millis", Shape::Integer)]),
    (
        "numeric_comparator",
        &[("epsilon", Shape::Number), ("as_absolute", Shape::Truth)],
    ),
    ("string_comparator", &[("ignore_whitespace", Shape::Truth)]),
];

/// Transformations of computed fields, with the properties that each cannot do without.
pub(super) const TRANSFORMATIONS: &[(&str, &[&str])] = &[
    ("cast", &["target_type"]),
    ("cleanedEntityName", &[]),
    ("concatenate", &[]),
    ("convertFormattedNumeric", &[]),
    ("customExpression", &["column_expression"]),
    ("entityNameLookup", &[]),
];
