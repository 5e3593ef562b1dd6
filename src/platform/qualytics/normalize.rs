//! Where the fields of each kind belong: what of that the table of kinds cannot say.

use driftless_core::key::Kind;
use driftless_core::schema::Side;
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, CONNECTION, CONTAINER, DATASTORE, UID};
use super::layout;
use super::shapes::{CONNECTION_FIELDS, DATASTORE_FIELDS, Shape};

/// Metadata that the platform's own promotion writes, and that the official client leaves out of files.
pub(super) const PROMOTION_METADATA: [&str; 2] = ["from quality check id", "main datastore id"];

/// Puts the fields of a document of `kind` in their places. Values stay as they were said, but for those that are an address (the
/// name and type of a container), and a number or a truth that a variable says as text. Idempotent.
pub(super) fn canonical(kind: Kind, side: Side, spec: &mut Map) {
    match kind {
        CONNECTION => typed(spec, CONNECTION_FIELDS),
        DATASTORE => typed(spec, DATASTORE_FIELDS),
        CONTAINER => container_places(spec),
        CHECK => check_places(side, spec),
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

fn container_places(spec: &mut Map) {
    if let Some(Value::String(name)) = spec.get_mut("name") {
        *name = container_name(name);
    }
    // The word of older documentation; the type is what requests are told apart by.
    if let Some(Value::String(kind)) = spec.get_mut("container_type")
        && kind == "computed_joined"
    {
        "computed_join".clone_into(kind);
    }
    if let Some(Value::List(sources)) = spec.get_mut("sources") {
        for source in sources {
            if let Value::Map(source) = source {
                for derived in ["ordinal", "datastore_id", "id"] {
                    source.shift_remove(derived);
                }
            }
        }
    }
}

fn check_places(side: Side, spec: &mut Map) {
    take_uid_out(side, spec);
    // Some platforms return every property that any rule knows: what is live stays as long as the pass.
    if side == Side::Live
        && let Some(Value::Map(properties)) = spec.get_mut("properties")
    {
        properties.retain(|_, value| !value.is_null());
    }
}

/// The form in which the platform keeps the name of a computed container.
pub(super) fn container_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join("_")
}

/// The uid is identity, and a document without metadata must not own all metadata because of it: it stands beside them.
fn take_uid_out(side: Side, spec: &mut Map) {
    let uid = match side {
        Side::Desired => Some(layout::uid(spec)),
        Side::Live => layout::stored_uid(spec),
    };
    let number = layout::written_uid(spec).filter(|written| matches!(written, Value::Number(_)));
    let uid = number.cloned().or(uid.map(Value::String));
    if let Some(Value::Map(metadata)) = spec.get_mut("additional_metadata") {
        metadata.shift_remove(UID);
        for promoted in PROMOTION_METADATA {
            metadata.shift_remove(promoted);
        }
    }
    if let Some(uid) = uid {
        spec.insert(UID.to_owned(), uid);
    }
}

/// How a description ends that nobody wrote; the rule comes before it.
pub(super) const GENERATED: &str = " quality check";

/// The text that stands for no description.
pub(super) fn generated_description(rule: &str) -> String {
    format!("{rule}{GENERATED}")
}

#[cfg(test)]
mod tests {
    use driftless_core::normalize::normalize;

    use super::super::kinds::COMPUTED_FIELD;
    use super::super::schema;
    use super::super::testing::map;
    use super::*;

    /// The fields in their places, with the values that were written.
    fn placed(kind: Kind, side: Side, json: &str) -> Map {
        let spec = normalize(schema(), kind, side, map(json));
        assert_eq!(
            normalize(schema(), kind, side, spec.clone()),
            spec,
            "idempotent: {json}"
        );
        spec
    }

    #[test]
    fn a_uid_stands_beside_the_metadata_and_live_has_one_only_if_it_is_stored() {
        let desired = placed(
            CHECK,
            Side::Desired,
            r#"{"rule_type":"notNull","container":"orders","fields":["id"]}"#,
        );
        assert_eq!(desired[UID], Value::from("orders__notnull__id"));
        assert!(!desired.contains_key("additional_metadata"));
        let stored = placed(
            CHECK,
            Side::Live,
            r#"{"rule_type":"notNull","additional_metadata":{"_qualytics_check_uid":"x","main datastore id":3,"k":1}}"#,
        );
        assert_eq!(stored[UID], Value::from("x"));
        assert_eq!(stored["additional_metadata"], Value::Map(map(r#"{"k":1}"#)));
        let bare = placed(
            CHECK,
            Side::Live,
            r#"{"rule_type":"notNull","container":"orders","additional_metadata":null}"#,
        );
        assert!(!bare.contains_key(UID));
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
            assert_eq!(placed(kind, Side::Desired, written), map(meant), "{written}");
        }
    }

    #[test]
    fn values_are_kept_as_git_says_them() {
        for (kind, written) in [
            (
                CONNECTION,
                r#"{"parameters":{},"secrets_manager":{"secret_url":"u","token_jsonpath":null}}"#,
            ),
            (
                DATASTORE,
                r#"{"enrichment_prefix":"SalesDW","tags":["b","a"],"teams":null}"#,
            ),
            (
                CONTAINER,
                r#"{"query":" select 1 ","join_type":"Full Outer","left_container_name":"a","left_prefix":null,
                    "sources":[{"container_name":"a","where_clause":null},{"where_clause":" x > 1 "}],
                    "exclude_fields":["b","a"],"additional_metadata":{"a":null}}"#,
            ),
            (
                COMPUTED_FIELD,
                r#"{"source_fields":[],"properties":{"column_expression":" a "},"additional_metadata":{}}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"isReplicaOf","container":"orders","fields":["b","a"],"filter":"","coverage":1.0,
                    "description":"isReplicaOf quality check","properties":{"ref_filter":" x ","list":[2,1],"value":null},
                    "additional_metadata":{"a":null},"tags":["b","a"],"_qualytics_check_uid":"u"}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"satisfiesExpression","fields":["a"],"properties":{"comparison":"Less Than",
                    "datetime":"2024-01-05T00:00:00","is_element_context":false},"_qualytics_check_uid":"u"}"#,
            ),
        ] {
            assert_eq!(placed(kind, Side::Desired, written), map(written), "{written}");
        }
    }

    #[test]
    fn only_unsaid_properties_of_a_live_check_are_dropped() {
        let live = placed(
            CHECK,
            Side::Live,
            r#"{"rule_type":"notNull","properties":{"min":null,"max":1},"additional_metadata":{"a":null}}"#,
        );
        assert_eq!(live["properties"], Value::Map(map(r#"{"max":1}"#)));
        assert_eq!(live["additional_metadata"], Value::Map(map(r#"{"a":null}"#)));
    }
}
