//! Collects the faults of one document, and has the sentences for those that every kind can have.

use driftless_core::diagnostic::Diagnostic;
use driftless_core::field::FieldPath;
use driftless_core::schema::FieldFault;
use driftless_core::value::{Map, Value};

use super::references::text;
use super::rules;
use super::shapes::Shape;

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

    pub(super) fn invalid(&mut self, at: FieldPath, message: String) {
        self.add(at, Diagnostic::error("invalid_value", message));
    }

    /// Known fields must have their shape; unknown ones are sent as they are, so they get a warning.
    pub(super) fn shapes(&mut self, map: &Map, within: Option<&FieldPath>, known: &[(&str, Shape)]) {
        for (field, value) in map {
            let at = within.map_or_else(|| FieldPath::top(field), |path| path.child(field));
            match known.iter().find(|(name, _)| name == field) {
                Some((_, shape)) if !value.is_null() && !shape.fits(value) => {
                    self.add(
                        at.clone(),
                        Diagnostic::error(
                            "wrong_type",
                            format!("`{at}` must be {}, not {}", shape.noun(), value.noun()),
                        ),
                    );
                }
                Some(_) => {}
                None => self.unknown(at, field, known.iter().map(|(name, _)| *name)),
            }
        }
    }

    pub(super) fn unknown<'a>(&mut self, at: FieldPath, field: &str, known: impl Iterator<Item = &'a str>) {
        let diagnostic = Diagnostic::warning("unknown_field", format!("`{at}` is not known; it is sent as it stands"));
        self.add(
            at,
            match rules::nearest(field, known) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            },
        );
    }

    pub(super) fn one_of(&mut self, map: &Map, field: &str, allowed: &[&str], help: Option<&str>) {
        if let Some(value) = text(map, field).filter(|value| !allowed.contains(value)) {
            let message = format!("`{field}` is `{value}`, and must be one of {}", allowed.join(", "));
            let diagnostic = Diagnostic::error("invalid_value", message);
            self.add(
                FieldPath::top(field),
                match help {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                },
            );
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
            );
        }
    }

    pub(super) fn no_longer_than(&mut self, map: &Map, field: &str, characters: usize) {
        if text(map, field).is_some_and(|text| text.chars().count() > characters) {
            let message = format!("`{field}` is longer than {characters} characters");
            self.invalid(FieldPath::top(field), message);
        }
    }
}
