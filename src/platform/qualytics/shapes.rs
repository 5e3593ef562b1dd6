//! The known fields of each kind, and what each must hold.

use driftless_core::value::Value;

use super::kinds::UID;

/// What a field must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A string, or a secret.
    Text,
    /// True or false.
    Truth,
    /// An integer, or a float without a fraction.
    Integer,
    /// Any number.
    Number,
    /// A list of strings.
    Texts,
    /// A list of maps.
    Maps,
    /// A map.
    Map,
    /// Anything.
    Any,
}

impl Shape {
    /// Whether `value` has it.
    pub(super) fn fits(self, value: &Value) -> bool {
        let list_of = |fits: fn(&Value) -> bool| value.as_list().is_some_and(|items| items.iter().all(fits));
        match self {
            Shape::Text => matches!(value, Value::String(_) | Value::Secret(_)),
            Shape::Truth => value.as_bool().is_some(),
            Shape::Integer => value.as_i64().is_some(),
            Shape::Number => matches!(value, Value::Number(_)),
            Shape::Texts => list_of(|item| matches!(item, Value::String(_))),
            Shape::Maps => list_of(|item| matches!(item, Value::Map(_))),
            Shape::Map => value.as_map().is_some(),
            Shape::Any => true,
        }
    }

    /// The number or truth that a text says, where one is wanted.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        match self {
            Shape::Integer => text.parse::<i64>().ok().map(Value::from),
            Shape::Truth => text.parse::<bool>().ok().map(Value::from),
            Shape::Text | Shape::Number | Shape::Texts | Shape::Maps | Shape::Map | Shape::Any => None,
        }
    }

    /// Its name in a message.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Shape::Text => "a string",
            Shape::Truth => "true or false",
            Shape::Integer => "an integer",
            Shape::Number => "a number",
            Shape::Texts => "a list of strings",
            Shape::Maps => "a list of maps",
            Shape::Map => "a map",
            Shape::Any => "a value",
        }
    }
}

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
    ("join_type", Shape::Text),
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
    (UID, Shape::Text),
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
    ("comparison", Shape::Text),
    ("equation", Shape::Text),
    ("expression", Shape::Text),
    ("field_name", Shape::Text),
    ("field_type", Shape::Text),
    ("pattern", Shape::Text),
    ("ref_container_name", Shape::Text),
    ("ref_datastore_name", Shape::Text),
    ("ref_expression", Shape::Text),
    ("ref_filter", Shape::Text),
    ("id_field_names", Shape::Texts),
    ("passthrough_field_names", Shape::Texts),
    ("diff_change_types", Shape::Texts),
    ("window_size", Shape::Integer),
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
