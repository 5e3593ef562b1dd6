//! Collects the faults of one document, and has the sentences for those that every kind can have.

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::field::FieldPath;
use driftless_core::nearest::did_you_mean;
use driftless_core::schema::FieldFault;
use driftless_core::value::{Map, Value};

use super::shape::Shape;

/// What to do about a word that is not known and like none that is.
pub(super) const NEWER: &str = "remove it, unless the platform is newer than this version of driftless";

/// Faults of one document, collected.
pub(super) struct Faults(pub(super) Vec<FieldFault>);

impl Faults {
    pub(super) fn add(&mut self, at: FieldPath, diagnostic: Diagnostic) {
        self.0.push(FieldFault { at, diagnostic });
    }

    pub(super) fn missing(&mut self, field: &str, help: &str) {
        let message = format!("`{field}` is missing");
        self.add(
            FieldPath::top(field),
            Diagnostic::error("missing_field", message).help(help),
        );
    }

    pub(super) fn invalid(&mut self, at: FieldPath, message: String, help: &str) {
        self.add(at, Diagnostic::error("invalid_value", message).help(help));
    }

    /// Known fields must have their shape; unknown ones are sent as they are, so they get a warning.
    pub(super) fn shapes(
        &mut self,
        map: &Map,
        within: Option<&FieldPath>,
        known: &[(&str, Shape)],
        severity: Severity,
    ) {
        for (field, value) in map {
            let at = within.map_or_else(|| FieldPath::top(field), |path| path.child(field));
            match known.iter().find(|(name, _)| name == field) {
                Some((_, shape)) => self.shape(&at, value, *shape, severity),
                None => self.unknown(at, field, known.iter().map(|(name, _)| *name)),
            }
        }
    }

    /// The value at `at` must have `shape`; null stands for nothing.
    pub(super) fn shape(&mut self, at: &FieldPath, value: &Value, shape: Shape, severity: Severity) {
        if value.is_null() {
            return;
        }
        if !shape.fits(value) {
            let message = match value.as_str() {
                Some(text) if shape == Shape::Moment => format!("`{at}` is `{text}`, and must be {}", shape.noun()),
                _ => match unfit_item(value, shape) {
                    Some(item) => format!(
                        "`{at}` must be {}, and one of its items is {}",
                        shape.noun(),
                        item.noun()
                    ),
                    None => format!("`{at}` must be {}, not {}", shape.noun(), value.noun()),
                },
            };
            let diagnostic = Diagnostic {
                severity,
                ..Diagnostic::error("wrong_type", message)
            };
            self.add(at.clone(), diagnostic.help(shape_help(value, shape)));
            return;
        }
        let texts: &[Value] = match value {
            Value::List(items) => items,
            one => std::slice::from_ref(one),
        };
        for text in texts.iter().filter_map(Value::as_str) {
            if let Some(choices) = shape.choices().filter(|choices| !choices.contains(&text)) {
                self.choice(at, text, choices, severity);
            }
        }
    }

    /// A text that is none of those that are known: a slip of one of them is a fault; anything else may be newer than we are.
    fn choice(&mut self, at: &FieldPath, text: &str, choices: &[&str], severity: Severity) {
        let near = did_you_mean(text, choices.iter().copied());
        let diagnostic = Diagnostic {
            severity: if near.is_some() { severity } else { Severity::Warning },
            ..Diagnostic::error(
                "invalid_value",
                format!("`{at}` is `{text}`, and must be one of {}", choices.join(", ")),
            )
        };
        let one_of_them = "write one of them, unless the platform is newer than this version of driftless";
        self.add(at.clone(), diagnostic.help(near.as_deref().unwrap_or(one_of_them)));
    }

    pub(super) fn unknown<'a>(&mut self, at: FieldPath, field: &str, known: impl Iterator<Item = &'a str>) {
        let diagnostic = Diagnostic::warning("unknown_field", format!("`{at}` is not known; it is sent as it stands"));
        self.add(
            at,
            diagnostic.help(did_you_mean(field, known).as_deref().unwrap_or(NEWER)),
        );
    }

    /// A text that must be one of a few, whatever the version of the platform.
    pub(super) fn one_of(&mut self, map: &Map, field: &str, allowed: &[&str], help: Option<&str>) {
        if let Some(value) = text(map, field).filter(|value| !allowed.contains(value)) {
            let message = format!("`{field}` is `{value}`, and must be one of {}", allowed.join(", "));
            let diagnostic = Diagnostic::error("invalid_value", message);
            let near = did_you_mean(value, allowed.iter().copied());
            let help = near.as_deref().or(help).unwrap_or("write one of them");
            self.add(FieldPath::top(field), diagnostic.help(help));
        }
    }

    pub(super) fn within(&mut self, map: &Map, field: &str, range: std::ops::RangeInclusive<i64>) {
        if let Some(number) = map
            .get(field)
            .and_then(Value::as_i64)
            .filter(|number| !range.contains(number))
        {
            self.invalid(
                FieldPath::top(field),
                format!(
                    "`{field}` is {number}, and must lie between {} and {}",
                    range.start(),
                    range.end()
                ),
                &format!("write a number from {} to {}", range.start(), range.end()),
            );
        }
    }

    pub(super) fn no_longer_than(&mut self, map: &Map, field: &str, characters: usize) {
        if text(map, field).is_some_and(|text| text.chars().count() > characters) {
            let message = format!("`{field}` is longer than {characters} characters");
            self.invalid(FieldPath::top(field), message, "shorten it");
        }
    }
}

/// The first item of a list that keeps it from having `shape`.
fn unfit_item(value: &Value, shape: Shape) -> Option<&Value> {
    let items = value.as_list()?;
    let is_list = shape.fits(&Value::List(Vec::new()));
    items
        .iter()
        .find(|item| is_list && !shape.fits(&Value::List(vec![(*item).clone()])))
}

/// How to write what `value` was to be.
fn shape_help(value: &Value, shape: Shape) -> &'static str {
    let is_number = matches!(shape, Shape::Integer | Shape::Number);
    if let Some(text) = value.as_str().filter(|text| is_number && text.parse::<f64>().is_ok()) {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        return match is_plain {
            true => "write it without quotes",
            // YAML 1.1 takes neither for a number.
            false => "write it in plain decimal digits: 1000, not 1e3, and 0.5, not .5",
        };
    }
    match (unfit_item(value, shape), shape) {
        (Some(Value::List(_) | Value::Map(_)), Shape::Texts | Shape::SomeOf(_) | Shape::Scalars) => {
            "an item is one value: write each after a `- ` on a line of its own, none within another"
        }
        (None, Shape::Text | Shape::OneOf(_)) if matches!(value, Value::Number(_) | Value::Bool(_)) => {
            "put it in quotes"
        }
        (Some(_), Shape::Texts | Shape::SomeOf(_)) => "an item that looks like a number or a truth goes in quotes",
        _ => shape.help(),
    }
}

/// The text of a field.
fn text<'a>(map: &'a Map, field: &str) -> Option<&'a str> {
    map.get(field).and_then(Value::as_str)
}

/// The number that `value` is.
pub(super) fn number(value: &Value) -> Option<f64> {
    driftless_core::json::write(value).parse().ok()
}
