//! What a field of a document must hold, whatever the platform: shapes, their names and how to write them.

use driftless_core::value::Value;

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
    /// A list of texts, numbers and truths.
    Scalars,
    /// A list of maps.
    Maps,
    /// An ISO date, a time, or both.
    Moment,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of these texts.
    SomeOf(&'static [&'static str]),
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
            Shape::Scalars => list_of(|item| !matches!(item, Value::Map(_) | Value::List(_))),
            Shape::Maps => list_of(|item| matches!(item, Value::Map(_))),
            Shape::Moment => value.as_str().is_some_and(is_moment),
            // Which texts it may be is told apart from what it is.
            Shape::OneOf(_) => Shape::Text.fits(value),
            Shape::SomeOf(_) => Shape::Texts.fits(value),
            Shape::Map => value.as_map().is_some(),
            Shape::Any => true,
        }
    }

    /// The number or truth that a text says, where one is wanted.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        match self {
            Shape::Integer => text.parse::<i64>().ok().map(Value::from),
            Shape::Truth => text.parse::<bool>().ok().map(Value::from),
            Shape::Text
            | Shape::Number
            | Shape::Texts
            | Shape::Scalars
            | Shape::Maps
            | Shape::Moment
            | Shape::OneOf(_)
            | Shape::SomeOf(_)
            | Shape::Map
            | Shape::Any => None,
        }
    }

    /// Its name in a message.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Shape::Text | Shape::OneOf(_) => "a string",
            Shape::Truth => "true or false",
            Shape::Integer => "an integer",
            Shape::Number => "a number",
            Shape::Texts | Shape::SomeOf(_) => "a list of strings",
            Shape::Scalars => "a list of values",
            Shape::Maps => "a list of maps",
            Shape::Moment => "an ISO date or time, such as '2024-01-15T10:30:00Z'",
            Shape::Map => "a map",
            Shape::Any => "a value",
        }
    }

    /// How to write it.
    pub(super) fn help(self) -> &'static str {
        match self {
            Shape::Text | Shape::OneOf(_) => "write one text; one that looks like a number or a truth goes in quotes",
            Shape::Truth => "write true or false, without quotes",
            Shape::Integer => "write a number without a fraction",
            Shape::Number => "write a number, with a point before its fraction",
            Shape::Texts | Shape::SomeOf(_) | Shape::Scalars => "write each of them after a `- ` on a line of its own",
            Shape::Maps => "write each of them as `key: value` lines after a `- `",
            Shape::Moment => "write it as '2024-01-15', '2024-01-15T10:30:00Z' or '10:30:00', in quotes",
            Shape::Map => "write `key: value` lines below it, indented by two spaces",
            Shape::Any => "write a value",
        }
    }

    /// The texts of which it may be, where they are counted.
    pub(super) fn choices(self) -> Option<&'static [&'static str]> {
        match self {
            Shape::OneOf(choices) | Shape::SomeOf(choices) => Some(choices),
            Shape::Text
            | Shape::Truth
            | Shape::Integer
            | Shape::Number
            | Shape::Texts
            | Shape::Scalars
            | Shape::Maps
            | Shape::Moment
            | Shape::Map
            | Shape::Any => None,
        }
    }
}

/// Whether a text can be an ISO date, a time, or both; in doubt it can.
fn is_moment(text: &str) -> bool {
    let text = text.trim();
    instant(text).is_some()
        || (text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || "-:.,+TZtz /W".contains(c)))
}

/// The one spelling of an ISO date with a time: in UTC, where nothing said is UTC, with a fraction only if there is one.
pub(super) fn instant(text: &str) -> Option<String> {
    use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
    let spelled = text.trim().replacen(' ', "T", 1);
    let moment: DateTime<Utc> = match DateTime::parse_from_rfc3339(&spelled) {
        Ok(moment) => moment.to_utc(),
        Err(_) => NaiveDateTime::parse_from_str(&spelled, "%Y-%m-%dT%H:%M:%S%.f")
            .ok()?
            .and_utc(),
    };
    Some(moment.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}
