//! Faults of one document that can be seen offline: its forms, walked.

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::document::PREVIOUS_NAME;
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind};
use driftless_core::nearest::{did_you_mean, nearest};
use driftless_core::schema::FieldFault;
use driftless_core::value::{Map, Value};

use super::ci_config_form::CI_CONFIG_FORM;
use super::form::{Form, Need, Object, Others, Tagged};
use super::home::{self, Home};
use super::kinds::{CI_CONFIG, DATA_SOURCE, MONITOR, PLATFORM_VERDICT, SLUG};
use super::monitor_form::MONITOR_FORM;
use super::options::{self, DATA_SOURCE_FORM};
use super::{leaf, rules};
use crate::platform::fault_list::{Faults, NEWER};
use crate::platform::shape::Shape;

/// All faults of a document, in the order of its fields.
pub(super) fn check(key: &Key, spec: &Map) -> Vec<FieldFault> {
    let mut walk = Walk {
        faults: Faults(Vec::new()),
        root: root(key.kind, spec),
        kind: key.kind,
    };
    match key.kind {
        DATA_SOURCE => walk.data_source(spec),
        MONITOR => walk.tagged(None, spec, &MONITOR_FORM),
        CI_CONFIG => walk.object(None, spec, &CI_CONFIG_FORM),
        _ => {}
    }
    walk.faults.0
}

/// The object that a document is, where that can be told.
fn root(kind: Kind, spec: &Map) -> Option<&'static Object> {
    match kind {
        DATA_SOURCE => Some(&DATA_SOURCE_FORM),
        MONITOR => MONITOR_FORM.variant(text(spec, MONITOR_FORM.tag)?),
        CI_CONFIG => Some(&CI_CONFIG_FORM),
        _ => None,
    }
}

/// A walk through one document.
pub(super) struct Walk {
    pub(super) faults: Faults,
    /// The whole document's object: where a field that is in the wrong place may belong.
    root: Option<&'static Object>,
    pub(super) kind: Kind,
}

impl Walk {
    fn data_source(&mut self, spec: &Map) {
        self.object(None, spec, &DATA_SOURCE_FORM);
        let Some(object) = text(spec, "type").and_then(options::of_type) else {
            return;
        };
        let at = FieldPath::top("options");
        let empty = Map::new();
        match spec.get("options") {
            Some(Value::Map(options)) => self.object(Some(&at), options, object),
            Some(Value::Null) | None => {
                if object.all().any(|field| field.need != Need::Optional) {
                    let needed = self.needed(&empty, object);
                    let message = format!("`options` is missing: {} cannot be created without it", object.noun);
                    let help = format!("say at least {needed}; one that exists can be named without it");
                    self.add(&at, Diagnostic::warning("missing_field", message).help(help));
                }
            }
            Some(_) => {} // no map: said already
        }
    }

    fn needed(&self, map: &Map, object: &Object) -> String {
        let names: Vec<String> = object
            .all()
            .filter(|field| field.need != Need::Optional && !present(map, field.name))
            .map(|field| format!("`{}`", field.name))
            .collect();
        names.join(", ")
    }

    pub(super) fn add(&mut self, at: &FieldPath, diagnostic: Diagnostic) {
        self.faults.add(at.clone(), diagnostic);
    }

    pub(super) fn invalid(&mut self, at: &FieldPath, message: String, help: &str) {
        self.faults.invalid(at.clone(), message, help);
    }

    /// An object told apart by a field.
    fn tagged(&mut self, at: Option<&FieldPath>, map: &Map, form: &Tagged) {
        let tag = below(at, form.tag);
        let words = form.words().join(", ");
        match map.get(form.tag) {
            None | Some(Value::Null) => {
                if let Some(slip) = map
                    .keys()
                    .find(|key| nearest(key, [form.tag]).is_some() && *key != form.tag)
                {
                    let slip = below(at, slip);
                    let diagnostic = Diagnostic::error("unknown_field", format!("`{slip}` is not known"));
                    return self.add(&slip, diagnostic.help(format!("did you mean `{}`?", form.tag)));
                }
                let message = format!("`{tag}` is missing");
                let help = format!("write one of {words}: it says which other fields there are");
                self.add(&tag, Diagnostic::error("missing_field", message).help(help));
            }
            Some(Value::String(word)) => match form.variant(word) {
                Some(object) => self.object(at, map, object),
                None => {
                    let message = format!("`{tag}` is `{word}`, and must be one of {words}");
                    let near = did_you_mean(word, form.words());
                    let diagnostic = Diagnostic::error("invalid_value", message);
                    self.add(&tag, diagnostic.help(near.as_deref().unwrap_or("write one of them")));
                }
            },
            Some(value) => self.faults.shape(&tag, value, Shape::Text, Severity::Error),
        }
    }

    /// An object: its fields, what it lacks, and what holds of several fields.
    fn object(&mut self, at: Option<&FieldPath>, map: &Map, object: &'static Object) {
        for (name, value) in map {
            let here = below(at, name);
            match object.field(name) {
                Some(field) if !value.is_null() => self.form(&here, value, field.form),
                Some(_) => {}
                None => self.unknown(at, &here, name, object),
            }
        }
        let known = || object.all().map(|field| field.name);
        // A slip of it was told, with the name that was meant.
        let is_slipped = |name: &str| {
            let slips = map.keys().filter(|key| object.field(key).is_none());
            slips.into_iter().any(|slip| nearest(slip, known()) == Some(name))
        };
        for field in object
            .all()
            .filter(|field| !present(map, field.name) && !is_slipped(field.name))
        {
            let here = below(at, field.name);
            let said = match field.need {
                Need::Optional => continue,
                Need::Required => Diagnostic::error("missing_field", format!("`{here}` is missing")),
                Need::ToCreate => {
                    let message = format!("`{here}` is missing: {} cannot be created without it", object.noun);
                    Diagnostic::warning("missing_field", message)
                }
            };
            let help = match at {
                Some(at) => format!("add `{}:` below `{at}:`. {}", field.name, field.says),
                None => format!("add `{}:`. {}", field.name, field.says),
            };
            self.add(&here, said.help(help));
        }
        for rule in object.rules {
            rules::check(self, at, map, object, *rule);
        }
    }

    /// A value that is there.
    fn form(&mut self, at: &FieldPath, value: &Value, form: Form) {
        match (form, value) {
            (Form::List(item), Value::List(items)) => {
                for (index, value) in items.iter().enumerate() {
                    self.form(&at.child(format!("#{}", index + 1)), value, *item);
                }
            }
            (Form::MapOf(item), Value::Map(map)) => {
                for (name, value) in map {
                    self.form(&at.child(name), value, *item);
                }
            }
            (Form::Object(object), Value::Map(map)) => self.object(Some(at), map, object),
            (Form::Tagged(tagged), Value::Map(map)) => self.tagged(Some(at), map, tagged),
            (Form::MapOf(_) | Form::Object(_) | Form::Tagged(_), value) => self.no_map(at, value),
            (Form::List(_), value) => {
                let message = format!("`{at}` must be a list, not {}", value.noun());
                let help = "write each of them after a `- ` on a line of its own";
                self.add(at, Diagnostic::error("wrong_type", message).help(help));
            }
            (form, value) => leaf::check(self, at, value, form),
        }
    }

    fn no_map(&mut self, at: &FieldPath, value: &Value) {
        let message = format!("`{at}` must be a map, not {}", value.noun());
        self.add(at, Diagnostic::error("wrong_type", message).help(Shape::Map.help()));
    }

    /// A field that the object does not have: a slip, one that belongs elsewhere, one of another use, or one that is newer than we are.
    fn unknown(&mut self, within: Option<&FieldPath>, at: &FieldPath, name: &str, object: &Object) {
        let refused = |message: String| Diagnostic::error("unknown_field", message);
        if within.is_none()
            && let Some(diagnostic) = self.reserved(name)
        {
            return self.add(at, diagnostic);
        }
        let known = || object.all().map(|field| field.name).filter(|name| *name != SLUG);
        let message = format!("`{at}` is not known");
        if let Some(near) = nearest(name, known()) {
            return self.add(at, refused(message).help(format!("did you mean `{near}`?")));
        }
        match self.root.and_then(|root| home::of(root, name)) {
            Some(Home::Top) if within.is_some() => {
                let message = format!("`{name}` does not belong inside of `{}`", show(within));
                let help = format!("move it to the top of the {}", self.kind.0.replace('_', " "));
                self.add(at, refused(message).help(help));
            }
            Some(Home::In(place)) if Some(&place) != within => {
                let message = format!("`{name}` belongs inside of `{place}`");
                self.add(at, refused(message).help("move it there, indented by two spaces"));
            }
            Some(_) | None => match object.others {
                Others::Sent => {
                    let diagnostic =
                        Diagnostic::warning("unknown_field", format!("{message}; it is sent as it stands"));
                    self.add(at, diagnostic.help(NEWER));
                }
                Others::Refused => {
                    let fields: Vec<&str> = known().collect();
                    let help = match fields.as_slice() {
                        [] => "remove it".to_owned(),
                        fields => format!("remove it: {} has {}", object.noun, fields.join(", ")),
                    };
                    self.add(at, refused(message).help(help));
                }
            },
        }
    }

    /// A field at the top that is not the document's to say.
    fn reserved(&self, name: &str) -> Option<Diagnostic> {
        match (self.kind, name) {
            (MONITOR, PREVIOUS_NAME) => Some(
                Diagnostic::error(
                    "unsupported_field",
                    "a monitor has no `previous_name`: its slug is its identity at Datafold too",
                )
                .help(
                    "say the monitor's number instead, `id: 123`, until the next run: it is taken over under its new slug \
                     with its history",
                ),
            ),
            (_, PLATFORM_VERDICT) => Some(
                Diagnostic::error("unknown_field", format!("`{PLATFORM_VERDICT}` is found out, not said")).help("remove it"),
            ),
            _ => None,
        }
    }
}

fn show(path: Option<&FieldPath>) -> String {
    path.map(ToString::to_string).unwrap_or_default()
}

/// The path of a field of the object at `at`.
pub(super) fn below(at: Option<&FieldPath>, name: &str) -> FieldPath {
    at.map_or_else(|| FieldPath::top(name), |path| path.child(name))
}

/// Whether a field is there and not null.
pub(super) fn present(map: &Map, name: &str) -> bool {
    map.get(name).is_some_and(|value| !value.is_null())
}

/// The text of a field.
pub(super) fn text<'a>(map: &'a Map, field: &str) -> Option<&'a str> {
    map.get(field).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
