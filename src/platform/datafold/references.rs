//! What a document refers to: data sources, by name. A number, or a text of digits alone, is the platform's own number and refers to
//! nothing that could be looked up.

use driftless_core::document::{Reference, Strength};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind};
use driftless_core::value::{Map, Value};

use super::kinds::{CI_CONFIG, DATA_SOURCE, MONITOR};

/// The fields of a kind (dotted) that hold a data source: its number, or its name.
pub(super) fn connection_fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        MONITOR => &[
            "connection_id",
            "datadiff.dataset_a.connection_id",
            "datadiff.dataset_b.connection_id",
            "datadiff.materialize_results_to",
        ],
        CI_CONFIG => &["data_connection"],
        _ => &[],
    }
}

/// The name of the data source that `value` says, where it is one and no number.
pub(super) fn connection_name(value: &Value) -> Option<&str> {
    value.as_str().filter(|name| !name.is_empty() && !is_number(name))
}

/// Whether a text is a number's digits.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Everything that the document refers to, in a fixed order.
pub(super) fn references(kind: Kind, spec: &Map) -> Vec<Reference> {
    let paths = connection_fields(kind).iter().map(|field| FieldPath::dotted(field));
    paths
        .filter_map(|at| {
            let to = Key::new(DATA_SOURCE, [connection_name(at.get(spec)?)?]);
            Some(Reference {
                at,
                to,
                strength: Strength::Before,
            })
        })
        .collect()
}

/// Gives everything that the document refers to the name that it has at its new address.
pub(super) fn readdress(kind: Kind, spec: &mut Map, to: &dyn Fn(&Key) -> Option<Key>) {
    for reference in references(kind, spec) {
        if let Some(new) = to(&reference.to) {
            reference.at.set(spec, Value::from(new.name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::map;
    use super::*;

    const MONITOR_JSON: &str = r#"{"connection_id":"warehouse","datadiff":{"dataset_a":{"connection_id":"pg"},
        "dataset_b":{"connection_id":7},"materialize_results_to":"31"}}"#;

    #[test]
    fn a_name_of_a_data_source_is_a_reference_and_a_number_is_none() {
        let found = |kind, json| -> Vec<String> {
            references(kind, &map(json))
                .into_iter()
                .map(|reference| format!("{} -> {} {:?}", reference.at, reference.to, reference.strength))
                .collect()
        };
        assert_eq!(
            found(MONITOR, MONITOR_JSON),
            [
                "connection_id -> data_source/warehouse Before",
                "datadiff.dataset_a.connection_id -> data_source/pg Before"
            ]
        );
        assert_eq!(
            found(CI_CONFIG, r#"{"data_connection":"pg"}"#),
            ["data_connection -> data_source/pg Before"]
        );
        assert_eq!(found(DATA_SOURCE, r#"{"name":"pg","connection_id":"x"}"#), [""; 0]);
    }

    #[test]
    fn a_data_source_that_is_renamed_is_called_by_its_new_name() {
        let mut spec = map(MONITOR_JSON);
        readdress(MONITOR, &mut spec, &|key| {
            (key.name() == "pg").then(|| Key::new(DATA_SOURCE, ["postgres"]))
        });
        assert_eq!(spec, map(&MONITOR_JSON.replace("\"pg\"", "\"postgres\"")));
    }
}
