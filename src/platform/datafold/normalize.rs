//! Where the fields of each kind belong, and which of them say nothing: what of that the table of kinds cannot say.

use driftless_core::field::FieldPath;
use driftless_core::key::Kind;
use driftless_core::schema::Side;
use driftless_core::value::{Map, Value};

use super::faults::text;
use super::form::{Form, Object};
use super::kinds::{DATA_SOURCE, MONITOR};
use super::options::{self, DATA_SOURCE_FORM};
use super::references::{connection_fields, is_number};
use crate::platform::shape::Shape;

/// Lists that the platform refuses null for; what is live has them.
const LISTS: [&str; 2] = ["tags", "notifications"];

/// Puts the fields of a document of `kind` in their places. Values stay as they were said, but for a number or a truth that a text
/// says, and what null and an absent field mean. Idempotent.
pub(super) fn canonical(kind: Kind, side: Side, spec: &mut Map) {
    for field in connection_fields(kind) {
        let path = FieldPath::dotted(field);
        if let Some(number) = path.get(spec).and_then(Value::as_str).and_then(digits) {
            path.set(spec, number);
        }
    }
    match kind {
        DATA_SOURCE => data_source(side, spec),
        MONITOR => monitor(side, spec),
        _ => {}
    }
}

/// The number whose digits `text` is.
fn digits(text: &str) -> Option<Value> {
    let number = text.parse::<i64>().ok().filter(|_| is_number(text))?;
    Some(Value::from(number))
}

fn monitor(side: Side, spec: &mut Map) {
    for field in LISTS {
        match (side, spec.get(field)) {
            (Side::Desired, Some(Value::Null)) => {
                spec.shift_remove(field);
            }
            (Side::Live, None | Some(Value::Null)) => {
                spec.insert(field.to_owned(), Value::List(Vec::new()));
            }
            (Side::Desired | Side::Live, _) => {}
        }
    }
}

fn data_source(side: Side, spec: &mut Map) {
    let object = text(spec, "type").and_then(options::of_type);
    typed(&DATA_SOURCE_FORM, side, spec);
    if let (Some(object), Some(Value::Map(options))) = (object, spec.get_mut("options")) {
        typed(object, side, options);
    }
}

/// A variable's value is text (`port: ${PG_PORT}`): a field that wants a number or a truth takes the one that it says. What is live
/// says the defaults that it means.
fn typed(object: &Object, side: Side, map: &mut Map) {
    for field in object.all() {
        let shape = match field.form {
            Form::Shape(shape) => shape,
            Form::Whole(..) | Form::Integers(_) => Shape::Integer,
            _ => Shape::Any,
        };
        if let Some(value) = map.get_mut(field.name)
            && let Some(meant) = value.as_str().and_then(|text| shape.read(text))
        {
            *value = meant;
        }
        if let (Side::Live, Some(default)) = (side, field.default)
            && map.get(field.name).is_none_or(Value::is_null)
        {
            map.insert(field.name.to_owned(), default.value());
        }
    }
}
