//! Brings both sides of a comparison to one form, as the table of kinds says, in two steps: the fields get one name and place
//! each, which is how they are kept, shown and written; what their values mean is asked for in the comparison only. Each step is
//! idempotent.

use crate::field::FieldPath;
use crate::key::Kind;
use crate::schema::{KindSpec, Schema, Side};
use crate::value::{Map, Number, Value};

/// Gives the fields of a resource of `kind` their names and places: by the table, then by the platform's own rules. The values
/// stay as they were written.
pub fn normalize(schema: &dyn Schema, kind: Kind, side: Side, mut spec: Map) -> Map {
    if let Some(table) = schema.spec(kind) {
        places(table, side, &mut spec);
    }
    schema.canonical(kind, side, &mut spec);
    spec
}

/// What normalised fields of a resource of `kind` mean: the form in which two spellings of one meaning are equal. For comparing
/// and looking up; what is written, shown and remembered is what was said.
pub fn meaning(schema: &dyn Schema, kind: Kind, spec: &Map) -> Map {
    let mut spec = spec.clone();
    if let Some(table) = schema.spec(kind) {
        values(table, &mut spec);
    }
    schema.meaning(kind, &mut spec);
    spec
}

fn places(table: &KindSpec, side: Side, spec: &mut Map) {
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
        if let Some(Value::List(items)) = spec.get_mut(*field) {
            to_names(items);
        }
    }
    if side == Side::Live {
        for (field, default) in table.defaults {
            fill(&FieldPath::dotted(field), default.value(), spec);
        }
    }
}

fn values(table: &KindSpec, spec: &mut Map) {
    for field in table.names {
        if let Some(value @ Value::Null) = spec.get_mut(*field) {
            *value = Value::List(Vec::new());
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
}

/// What a list means when its order means nothing: sorted by text, without repetitions.
fn sorted_set(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(member);
    items.dedup_by(|a, b| a.agrees(b));
    Value::List(items)
}

/// Whether two lists mean the same where order means nothing.
pub(crate) fn same_set(a: &[Value], b: &[Value]) -> bool {
    sorted_set(a.to_vec()).agrees(&sorted_set(b.to_vec()))
}

/// Text that is the same for what agrees: a float without a fraction is its integer.
fn member(item: &Value) -> String {
    match (item, item.as_i64()) {
        (Value::Number(Number::Float(_)), Some(int)) => int.to_string(),
        _ => crate::json::write(item),
    }
}

fn to_names(items: &mut [Value]) {
    for item in items {
        if let Some(name) = item.as_map().and_then(|map| map.get("name")).cloned() {
            *item = name;
        }
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
