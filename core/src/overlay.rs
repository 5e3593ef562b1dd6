//! Lays one document over another: maps by key, lists and scalars replaced, `$delete: true` drops.

use crate::value::{Map, Value};

/// The key that drops a resource, or the field it stands in.
pub const DELETE: &str = "$delete";

/// Whether a map asks for its own removal.
pub fn is_deletion(map: &Map) -> bool {
    map.get(DELETE).and_then(Value::as_bool) == Some(true)
}

/// Lays `over` over `base`. Keys of `base` keep their place, new ones follow.
pub fn overlay(base: &mut Map, over: Map) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (_, Value::Map(map)) if is_deletion(&map) => {
                base.shift_remove(&key);
            }
            (Some(Value::Map(below)), Value::Map(above)) => overlay(below, above),
            (Some(slot), value) => *slot = value,
            (None, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, Value)]) -> Map {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn maps_merge_lists_are_replaced_and_deletions_drop() {
        let mut base = map(&[
            ("tags", Value::List(vec![Value::from("a"), Value::from("b")])),
            (
                "properties",
                Value::Map(map(&[("min", Value::from(1)), ("max", Value::from(2))])),
            ),
            ("filter", Value::from("x")),
        ]);
        let gone = Value::Map(map(&[(DELETE, Value::from(true))]));
        let over = map(&[
            ("tags", Value::List(vec![Value::from("c")])),
            (
                "properties",
                Value::Map(map(&[("min", Value::from(5)), ("max", gone.clone())])),
            ),
            ("filter", gone),
            ("coverage", Value::Null),
        ]);
        overlay(&mut base, over);
        assert_eq!(
            crate::json::write(&Value::Map(base)),
            r#"{"tags":["c"],"properties":{"min":5},"coverage":null}"#
        );
    }
}
