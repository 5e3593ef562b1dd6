//! Where the fields of each kind belong, and which of them say nothing: what of that the table of kinds cannot say.

use driftless_core::field::FieldPath;
use driftless_core::key::Kind;
use driftless_core::schema::Side;
use driftless_core::value::{Map, Value};

use super::faults::{present, text};
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
    if let Some(Value::Map(schedule)) = spec.get_mut("schedule") {
        one_way_to_say_it(schedule);
    }
}

/// A schedule says some things twice: a full hour under two names (`hour: 6`, `utc_at: "06:00"`; the platform returns the second), and
/// its sort in a `type` beside the fields that tell it. What differs must be found, and written, under one name. What contradicts
/// itself stays, to be told.
fn one_way_to_say_it(schedule: &mut Map) {
    let mut sort = present(schedule, "cron").then_some("crontab");
    if let Some(Value::Map(interval)) = schedule.get_mut("interval") {
        let every = match text(interval, "every") {
            Some("hour") => Some("hourly"),
            Some("day") => Some("daily"),
            _ => None,
        };
        if every.is_some() && text(interval, "type") == every {
            interval.shift_remove("type");
        }
        if every == Some("daily") {
            one_time_of_day(interval);
        }
        sort = sort.or(every);
    }
    if sort.is_some() && text(schedule, "type") == sort {
        schedule.shift_remove("type");
    }
}

fn one_time_of_day(interval: &mut Map) {
    let hour = interval.get("hour").filter(|hour| matches!(hour, Value::Number(_)));
    let hour = hour.and_then(Value::as_i64).filter(|hour| (0..24).contains(hour));
    if let Some(hour) = hour
        && !present(interval, "utc_at")
    {
        interval.shift_remove("hour");
        interval.insert("utc_at".to_owned(), Value::from(format!("{hour:02}:00")));
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
