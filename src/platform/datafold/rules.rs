//! What holds of several fields of one object together.

use driftless_core::diagnostic::Diagnostic;
use driftless_core::field::FieldPath;
use driftless_core::value::{Map, Value};

use super::faults::{Walk, below, present, text};
use super::form::{Object, Rule};
use crate::platform::fault_list::number;

/// Finds what of `map` is against `rule`.
pub(super) fn check(walk: &mut Walk, at: Option<&FieldPath>, map: &Map, object: &Object, rule: Rule) {
    let mut scene = Scene { walk, at, map, object };
    match rule {
        Rule::ExactlyOne(names) => {
            scene.at_least_one(names);
            scene.at_most_one(names);
        }
        Rule::AtLeastOne(names) => scene.at_least_one(names),
        Rule::AtMostOne(names) => scene.at_most_one(names),
        Rule::ExactlyOneUnless(field, word, names) => {
            if text(map, field) == Some(word) {
                scene.none(field, word, names);
            } else {
                scene.at_least_one(names);
                scene.at_most_one(names);
            }
        }
        Rule::ExactlyOneWhere(field, word, names) => {
            if text(map, field) == Some(word) {
                scene.at_least_one(names);
                scene.at_most_one(names);
            }
        }
        Rule::NoneWhere(field, word, names) => {
            if text(map, field) == Some(word) {
                scene.none(field, word, names);
            }
        }
        Rule::OnlyWhere(field, words, names) => {
            // A word that is not known may be a newer one; it was told.
            if let Some(word) = text(map, field).filter(|word| !words.contains(word)) {
                for name in names.iter().filter(|name| present(map, name)) {
                    let here = below(at, name);
                    let message = format!("`{here}` is not for `{field}: {word}`");
                    let help = format!("remove it, or let `{field}` be one of {}", words.join(", "));
                    scene
                        .walk
                        .add(&here, Diagnostic::error("unsupported_field", message).help(help));
                }
            }
        }
        Rule::Needs(field, other) => {
            if present(map, field) && !present(map, other) {
                let here = below(at, field);
                let message = format!("`{here}` needs `{other}` beside it");
                let help = format!("add `{other}:`, or remove `{field}`");
                scene
                    .walk
                    .add(&here, Diagnostic::error("missing_field", message).help(help));
            }
        }
        Rule::BelowOneWhere(field, word, name) => {
            if let Some(found) = figure(map, name).filter(|found| *found >= 1.0 && text(map, field) == Some(word)) {
                let here = below(at, name);
                let message = format!("`{here}` is {found}, and as a {word} must lie below 1");
                let help = format!("write a smaller number, or say `{field}: percent` if that is meant");
                scene.walk.invalid(&here, message, &help);
            }
        }
        Rule::Ordered(low, high) => {
            if let (Some(least), Some(most)) = (figure(map, low), figure(map, high))
                && least > most
            {
                let here = below(at, low);
                let message = format!("`{here}` is {least}, and lies above `{high}`, which is {most}");
                scene.walk.invalid(&here, message, "exchange the two");
            }
        }
    }
}

struct Scene<'a> {
    walk: &'a mut Walk,
    at: Option<&'a FieldPath>,
    map: &'a Map,
    object: &'a Object,
}

impl Scene<'_> {
    fn at_least_one(&mut self, names: &[&str]) {
        if names.iter().any(|name| present(self.map, name)) {
            return;
        }
        let words = either(names);
        let at = match (self.at, names) {
            (Some(at), _) => at.clone(),
            (None, [first, ..]) => FieldPath::top(*first),
            (None, []) => return,
        };
        let message = match self.at {
            Some(at) => format!("`{at}` says neither {}", words.replace(" or ", " nor ")),
            None => format!("{} needs {words}", self.object.noun),
        };
        let says = names
            .iter()
            .filter_map(|name| self.object.field(name))
            .map(|field| format!("`{}`: {}", field.name, field.says))
            .collect::<Vec<_>>()
            .join(" ");
        self.walk.add(
            &at,
            Diagnostic::error("missing_field", message).help(format!("add {words}. {says}")),
        );
    }

    fn at_most_one(&mut self, names: &[&str]) {
        let mut there = names.iter().filter(|name| present(self.map, name));
        let Some(first) = there.next() else { return };
        for name in there {
            let here = below(self.at, name);
            let message = format!("`{here}` and `{first}` exclude each other");
            self.walk.invalid(&here, message, "keep one of them");
        }
    }

    fn none(&mut self, field: &str, word: &str, names: &[&str]) {
        for name in names.iter().filter(|name| present(self.map, name)) {
            let here = below(self.at, name);
            let message = format!("`{here}` has no meaning beside `{field}: {word}`");
            self.walk.invalid(&here, message, "remove one of them");
        }
    }
}

/// The number of a field.
fn figure(map: &Map, name: &str) -> Option<f64> {
    map.get(name)
        .filter(|value| matches!(value, Value::Number(_)))
        .and_then(number)
}

fn either(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" or ")
}
