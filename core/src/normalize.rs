//! Brings both sides of a comparison to one form, as the table of kinds says. Idempotent.

use crate::field::FieldPath;
use crate::key::Kind;
use crate::schema::{KindSpec, Schema, Side};
use crate::value::{Map, Value};

/// Normalises the fields of a resource of `kind`: by the table, then by the platform's own rules.
pub fn normalize(schema: &dyn Schema, kind: Kind, side: Side, mut spec: Map) -> Map {
    if let Some(table) = schema.spec(kind) {
        by_table(table, side, &mut spec);
    }
    schema.canonical(kind, side, &mut spec);
    spec
}

fn by_table(table: &KindSpec, side: Side, spec: &mut Map) {
    for (spelling, field) in table.aliases {
        if let Some(value) = spec.shift_remove(*spelling) {
            spec.entry((*field).to_owned()).or_insert(value);
        }
    }
    for field in table.volatile.iter().chain(table.directives) {
        FieldPath::dotted(field).remove(spec);
    }
    for field in table.secrets {
        let path = FieldPath::dotted(field);
        // The platform masks what it holds: a live secret is never a value. A null one says nothing on either side.
        if side == Side::Live || path.get(spec).is_some_and(Value::is_null) {
            path.remove(spec);
        }
    }
    for field in table.names {
        if let Some(value) = spec.get_mut(*field) {
            to_names(value);
        }
    }
    for field in table.owned_whole {
        match spec.get_mut(*field) {
            Some(Value::Map(map)) => map.retain(|_, value| !value.is_null()),
            Some(value @ Value::Null) => *value = Value::Map(Map::new()),
            _ => {}
        }
    }
    for field in table.trimmed {
        let path = FieldPath::dotted(field);
        if let Some(Value::String(text)) = path.get(spec)
            && text.trim() != text
        {
            let trimmed = Value::from(text.trim());
            path.set(spec, trimmed);
        }
    }
    for field in table.sets {
        let path = FieldPath::dotted(field);
        if let Some(Value::List(items)) = path.get(spec) {
            let sorted = sorted_set(items.clone());
            path.set(spec, sorted);
        }
    }
    if side == Side::Live {
        for (field, default) in table.defaults {
            fill(&FieldPath::dotted(field), default.value(), spec);
        }
    }
}

/// Sorts by text and drops repetitions: what a list means when its order means nothing.
pub fn sorted_set(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(crate::json::write);
    items.dedup();
    Value::List(items)
}

fn to_names(value: &mut Value) {
    match value {
        Value::List(items) => {
            for item in items {
                if let Some(name) = item.as_map().and_then(|map| map.get("name")).cloned() {
                    *item = name;
                }
            }
        }
        Value::Null => *value = Value::List(Vec::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Map(_) | Value::Secret(_) => {}
    }
}

/// Puts a default where nothing stands, but makes no maps on the way: a part that is absent has no defaults.
fn fill(path: &FieldPath, default: Value, spec: &mut Map) {
    let [parents @ .., last] = path.keys() else { return };
    let mut here = spec;
    for key in parents {
        let Some(Value::Map(next)) = here.get_mut(key) else {
            return;
        };
        here = next;
    }
    match here.get(last) {
        None | Some(Value::Null) => {
            here.insert(last.clone(), default);
        }
        Some(_) => {}
    }
}
