//! Request bodies: reading keys, collecting every fault as the platform's framework lists them, overlaying a PUT.

use serde_json::{Map, Value, json};

use super::wire::Refusal;

/// The body as an object, or a 422.
pub(super) fn object(body: &Value) -> Result<&Map<String, Value>, Refusal> {
    body.as_object().ok_or_else(|| {
        let (message, kind) = if body.is_null() {
            ("Field required", "missing")
        } else {
            (
                "Input should be a valid dictionary or object to extract fields from",
                "model_attributes_type",
            )
        };
        Refusal::invalid(json!(["body"]), message, kind)
    })
}

/// The body as an array, or a 422.
pub(super) fn array(body: &Value) -> Result<&Vec<Value>, Refusal> {
    body.as_array()
        .ok_or_else(|| Refusal::invalid(json!(["body"]), "Input should be a valid list", "list_type"))
}

/// The value of a key that is there and not null.
pub(super) fn given<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).filter(|value| !value.is_null())
}

/// The text of a key, if it is a text.
pub(super) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key).and_then(Value::as_str)
}

/// Collects the faults of one body, so that all are told at once.
#[derive(Default)]
pub(super) struct Faults(Vec<Value>);

impl Faults {
    pub(super) fn add(&mut self, place: &[&str], message: impl Into<String>, kind: &str) {
        let mut loc = vec![json!("body")];
        loc.extend(place.iter().map(|part| json!(part)));
        self.0.push(json!({ "loc": loc, "msg": message.into(), "type": kind }));
    }

    pub(super) fn missing(&mut self, key: &str) {
        self.add(&[key], "Field required", "missing");
    }

    /// Notes a key that is not there, or null.
    pub(super) fn need(&mut self, map: &Map<String, Value>, keys: &[&str]) {
        for key in keys {
            if given(map, key).is_none() {
                self.missing(key);
            }
        }
    }

    /// Notes keys that are there, not null, and no text.
    pub(super) fn texts(&mut self, map: &Map<String, Value>, keys: &[&str]) {
        for key in keys {
            if given(map, key).is_some_and(|value| !value.is_string()) {
                self.add(&[key], "Input should be a valid string", "string_type");
            }
        }
    }

    /// Notes a text that is empty or longer than `most` characters.
    pub(super) fn length(&mut self, map: &Map<String, Value>, key: &str, most: usize) {
        if let Some(value) = text(map, key) {
            if value.is_empty() {
                self.add(&[key], "String should have at least 1 character", "string_too_short");
            } else if value.chars().count() > most {
                self.add(
                    &[key],
                    format!("String should have at most {most} characters"),
                    "string_too_long",
                );
            }
        }
    }

    pub(super) fn flags(&mut self, map: &Map<String, Value>, keys: &[&str]) {
        for key in keys {
            if given(map, key).is_some_and(|value| !value.is_boolean()) {
                self.add(&[key], "Input should be a valid boolean", "bool_type");
            }
        }
    }

    pub(super) fn integer(&mut self, map: &Map<String, Value>, key: &str, least: i64, most: i64) {
        let Some(value) = given(map, key) else { return };
        match value.as_i64() {
            None => self.add(&[key], "Input should be a valid integer", "int_type"),
            Some(number) if number < least => {
                self.add(
                    &[key],
                    format!("Input should be greater than or equal to {least}"),
                    "greater_than_equal",
                );
            }
            Some(number) if number > most => {
                self.add(
                    &[key],
                    format!("Input should be less than or equal to {most}"),
                    "less_than_equal",
                );
            }
            Some(_) => {}
        }
    }

    pub(super) fn objects(&mut self, map: &Map<String, Value>, keys: &[&str]) {
        for key in keys {
            if given(map, key).is_some_and(|value| !value.is_object()) {
                self.add(&[key], "Input should be a valid dictionary", "dict_type");
            }
        }
    }

    pub(super) fn lists_of_texts(&mut self, map: &Map<String, Value>, keys: &[&str]) {
        for key in keys {
            let wrong = given(map, key).is_some_and(|value| {
                value
                    .as_array()
                    .is_none_or(|items| items.iter().any(|item| !item.is_string()))
            });
            if wrong {
                self.add(&[key], "Input should be a valid list of strings", "list_type");
            }
        }
    }

    pub(super) fn one_of(&mut self, map: &Map<String, Value>, key: &str, choices: &[&str]) {
        if given(map, key).is_some_and(|value| !value.as_str().is_some_and(|text| choices.contains(&text))) {
            let listed: Vec<String> = choices.iter().map(|choice| format!("'{choice}'")).collect();
            self.add(&[key], format!("Input should be {}", listed.join(", ")), "enum");
        }
    }

    /// The refusal, when there was any fault.
    pub(super) fn done(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal {
                status: 422,
                body: json!({ "detail": self.0 }),
            })
        }
    }
}

/// What a PUT does to one key that its body leaves out.
#[derive(Clone)]
pub(super) enum Omitted {
    /// It keeps its value.
    Kept,
    /// It gets this value.
    Reset(Value),
}

/// Writes `body` over `spec`, for the keys named; keys of the body that are not named are ignored.
pub(super) fn overlay<'a>(
    spec: &mut Map<String, Value>,
    body: &Map<String, Value>,
    keys: impl IntoIterator<Item = (&'a str, Omitted)>,
) {
    for (key, omitted) in keys {
        match (body.get(key), omitted) {
            (Some(value), _) => {
                spec.insert(key.to_owned(), value.clone());
            }
            (None, Omitted::Reset(value)) => {
                spec.insert(key.to_owned(), value);
            }
            (None, Omitted::Kept) => {}
        }
    }
}

/// The names in a list of texts, each once, in order.
pub(super) fn names(value: &Value) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}
