//! Lays one document over another: maps by key, lists and scalars replaced, `$delete: true` drops.

use crate::field::FieldPath;
use crate::value::{Map, Value};

/// The key that drops a resource, or the field it stands in.
pub const DELETE: &str = "$delete";

/// Whether a map asks for its own removal.
pub fn is_deletion(map: &Map) -> bool {
    map.get(DELETE).and_then(Value::as_bool) == Some(true)
}

/// A `$delete` that does not say what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionFault {
    /// It is not `true`.
    NotTrue,
    /// Other keys stand beside it: they would be dropped with the field.
    NotAlone,
    /// It stands in a list, which an overlay replaces whole.
    InList,
}

impl DeletionFault {
    /// The message and the help for a person.
    pub fn explain(self) -> (&'static str, &'static str) {
        match self {
            DeletionFault::NotTrue => (
                "`$delete` is `true` or is not there",
                "write `$delete: true`; to keep what the layer below says, leave the key out",
            ),
            DeletionFault::NotAlone => (
                "`$delete` does not stand alone, and the keys beside it would be dropped with it",
                "write `$delete: true` alone to drop the field, or the keys alone to change it",
            ),
            DeletionFault::InList => (
                "`$delete` has no meaning in a list",
                "an overlay replaces a list whole: write the list as it should be",
            ),
        }
    }
}

/// Every `$delete` of a document that does not say what it means, with its place. One at the top drops the document: what else
/// it says, its identity first of all, stands beside it.
pub fn faults(document: &Map) -> Vec<(FieldPath, DeletionFault)> {
    let mut found = Vec::new();
    if let Some(fault) = document.get(DELETE).and_then(not_true) {
        found.push((FieldPath::top(DELETE), fault));
    }
    for (key, value) in document {
        faults_below(value, &FieldPath::top(key.clone()), &mut found);
    }
    found
}

fn faults_below(value: &Value, at: &FieldPath, found: &mut Vec<(FieldPath, DeletionFault)>) {
    match value {
        Value::Map(map) => {
            if let Some(deletion) = map.get(DELETE) {
                let not_alone = (map.len() > 1).then_some(DeletionFault::NotAlone);
                found.extend(not_true(deletion).or(not_alone).map(|fault| (at.child(DELETE), fault)));
            }
            for (key, value) in map {
                faults_below(value, &at.child(key.clone()), found);
            }
        }
        Value::List(items) if items.iter().any(deletes) => found.push((at.clone(), DeletionFault::InList)),
        Value::List(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Secret(_) => {}
    }
}

fn not_true(value: &Value) -> Option<DeletionFault> {
    (value.as_bool() != Some(true)).then_some(DeletionFault::NotTrue)
}

fn deletes(value: &Value) -> bool {
    match value {
        Value::Map(map) => map.contains_key(DELETE) || map.values().any(deletes),
        Value::List(items) => items.iter().any(deletes),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Secret(_) => false,
    }
}

/// Lays `over` over `base`. Keys of `base` keep their place, new ones follow. Gives the fields that were to be dropped and were
/// not there.
#[must_use]
pub fn overlay(base: &mut Map, over: Map) -> Vec<FieldPath> {
    let mut absent = Vec::new();
    lay(base, over, None, &mut absent);
    absent
}

fn lay(base: &mut Map, over: Map, parent: Option<&FieldPath>, absent: &mut Vec<FieldPath>) {
    for (key, value) in over {
        let at = parent.map_or_else(|| FieldPath::top(key.clone()), |parent| parent.child(key.clone()));
        match value {
            Value::Map(map) if is_deletion(&map) => {
                if base.shift_remove(&key).is_none() {
                    absent.push(at);
                }
            }
            Value::Map(above) => {
                let slot = base.entry(key).or_insert_with(|| Value::Map(Map::new()));
                if !matches!(slot, Value::Map(_)) {
                    *slot = Value::Map(Map::new());
                }
                if let Value::Map(below) = slot {
                    lay(below, above, Some(&at), absent);
                }
            }
            value => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Map {
        let parsed = crate::yaml::parse(text.as_bytes());
        assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
        match parsed.root.map(|root| root.to_value()) {
            Some(Value::Map(map)) => map,
            other => panic!("{text} is {other:?}"),
        }
    }

    /// What the layers come to, and the fields that were to be dropped and were not there.
    fn laid(layers: &[&str]) -> (String, Vec<String>) {
        let mut base = Map::new();
        let mut absent = Vec::new();
        for layer in layers {
            absent.extend(overlay(&mut base, yaml(layer)).iter().map(FieldPath::to_string));
        }
        (crate::json::write(&Value::Map(base)), absent)
    }

    #[test]
    fn maps_merge_lists_are_replaced_and_deletions_drop() {
        for (layers, expected) in [
            (
                &[
                    "{tags: [a, b], p: {min: 1, max: 2}, filter: x}",
                    "{tags: [c], p: {min: 5, max: {$delete: true}}, filter: {$delete: true}, c: null}",
                ][..],
                r#"{"tags":["c"],"p":{"min":5},"c":null}"#,
            ),
            // A scalar or a list becomes a map, and a map one of those.
            (
                &["{a: 1, b: [1], c: {x: 1}}", "{a: {x: 1}, b: {y: 2}, c: 3}"],
                r#"{"a":{"x":1},"b":{"y":2},"c":3}"#,
            ),
            // Null is a value: it clears.
            (&["{p: {min: 1}}", "{p: null}"], r#"{"p":null}"#),
            (&["{p: null}", "{p: {min: 1}}"], r#"{"p":{"min":1}}"#),
            (
                &["{p: {a: {b: {c: 1, d: 2}}}}", "{p: {a: {b: {c: {$delete: true}}}}}"],
                r#"{"p":{"a":{"b":{"d":2}}}}"#,
            ),
            // The last key of a map leaves an empty map.
            (&["{p: {min: 1}}", "{p: {min: {$delete: true}}}"], r#"{"p":{}}"#),
            // Three layers: the later one wins, gives again what an earlier one dropped, drops what an earlier one gave.
            (&["{a: 1}", "{a: 2}", "{a: 3}"], r#"{"a":3}"#),
            (
                &["{a: 1, b: 1}", "{a: {$delete: true}}", "{a: {x: 2}}"],
                r#"{"b":1,"a":{"x":2}}"#,
            ),
            (
                &["{a: 1}", "{b: {x: 1, y: 2}}", "{b: {x: {$delete: true}}}"],
                r#"{"a":1,"b":{"y":2}}"#,
            ),
        ] {
            assert_eq!(laid(layers), (expected.to_owned(), Vec::new()), "{layers:?}");
        }
    }

    #[test]
    fn a_deletion_of_nothing_is_told_and_leaves_nothing_behind() {
        let gone = "{p: {q: {min: {$delete: true}}}, r: {$delete: true}}";
        let absent = vec!["p.q.min".to_owned(), "r".to_owned()];
        for (layers, expected) in [
            (&[gone][..], r#"{"p":{"q":{}}}"#),
            (&["{p: {a: 1}}", gone], r#"{"p":{"a":1,"q":{}}}"#),
            (&["{p: 1}", gone], r#"{"p":{"q":{}}}"#),
        ] {
            assert_eq!(laid(layers), (expected.to_owned(), absent.clone()), "{layers:?}");
        }
    }

    #[test]
    fn a_deletion_says_true_and_nothing_else_or_is_a_fault() {
        for (text, expected) in [
            ("{$delete: true, name: a}", &[][..]),
            ("{a: {$delete: true}, b: {c: {$delete: true}}}", &[]),
            ("{$delete: false, name: a}", &[("$delete", DeletionFault::NotTrue)]),
            (
                "{a: {$delete: 1}, b: {$delete: null}, c: {$delete: 'true'}}",
                &[
                    ("a.$delete", DeletionFault::NotTrue),
                    ("b.$delete", DeletionFault::NotTrue),
                    ("c.$delete", DeletionFault::NotTrue),
                ],
            ),
            ("{a: {$delete: {}}}", &[("a.$delete", DeletionFault::NotTrue)]),
            (
                "{a: {$delete: true, min: 1}}",
                &[("a.$delete", DeletionFault::NotAlone)],
            ),
            (
                "{a: [1, {$delete: true}], b: [[{x: {$delete: true}}]]}",
                &[("a", DeletionFault::InList), ("b", DeletionFault::InList)],
            ),
        ] {
            let found: Vec<(String, DeletionFault)> = faults(&yaml(text))
                .into_iter()
                .map(|(at, fault)| (at.to_string(), fault))
                .collect();
            let expected: Vec<_> = expected.iter().map(|(at, fault)| ((*at).to_owned(), *fault)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
