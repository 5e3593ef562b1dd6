//! One field as JSON Schema: what its shape accepts, placeholders and overlays' deletions with it.

use driftless_core::overlay::DELETE;
use driftless_core::schema::Substitution;
use serde_json::{Map, Value as Json, json};

use super::document_schema::Layer;
use super::shape::Shape;

/// Text with a placeholder in it.
const PLACEHOLDER: &str = r"\$\{";

/// What a list of strings may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Items {
    /// Strings.
    Strings,
    /// Strings, or objects that mean their `name`.
    Names,
}

/// Whether a field may be absent, and so null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It may.
    Allowed,
    /// The document cannot do without it.
    Refused,
}

/// Where a field stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// Which files.
    pub(super) layer: Layer,
    /// Whether `${…}` is substituted there.
    pub(super) substitution: Substitution,
    /// Other names of words that a field may be one of.
    pub(super) others: fn(&[&str]) -> Vec<&'static str>,
}

impl Around {
    /// The same for an item of a list: an overlay drops the list as a whole.
    fn of_item(self) -> Self {
        Self {
            layer: Layer::Base,
            ..self
        }
    }
}

/// A field of `shape`; null is as good as absent.
pub(super) fn field(shape: Shape, items: Items, around: Around) -> Map<String, Json> {
    let placeholders = around.substitution == Substitution::Scalars;
    let mut schema = match shape {
        Shape::OneOf(words) => return one_of(words, Absence::Allowed, around),
        Shape::Text | Shape::Moment => object(json!({ "type": ["string", "null"] })),
        // Texts that say a number or a truth are taken, since that is what variables become.
        Shape::Truth if placeholders => object(json!({
            "type": ["boolean", "string", "null"], "pattern": format!("^(true|false)$|{PLACEHOLDER}"),
        })),
        Shape::Integer if placeholders => object(json!({
            "type": ["integer", "string", "null"], "pattern": format!("^[+-]?[0-9]+$|{PLACEHOLDER}"),
        })),
        Shape::Truth => object(json!({ "type": ["boolean", "null"] })),
        Shape::Integer => object(json!({ "type": ["integer", "null"] })),
        Shape::Number => object(json!({ "type": ["number", "null"] })),
        Shape::Texts => {
            let item = match items {
                Items::Strings => json!({ "type": "string" }),
                Items::Names => json!({
                    "type": ["string", "object"], "required": ["name"], "properties": { "name": { "type": "string" } },
                }),
            };
            object(json!({ "type": ["array", "null"], "items": item }))
        }
        Shape::SomeOf(words) => {
            let item = one_of(words, Absence::Refused, around.of_item());
            object(json!({ "type": ["array", "null"], "items": item }))
        }
        Shape::Scalars => object(json!({
            "type": ["array", "null"], "items": { "type": ["string", "number", "boolean", "null"] },
        })),
        Shape::Maps => object(json!({ "type": ["array", "null"], "items": { "type": "object" } })),
        Shape::Map => object(json!({ "type": ["object", "null"] })),
        Shape::Any => Map::new(),
    };
    if around.layer == Layer::Overlay {
        deletable(shape, &mut schema);
    }
    schema
}

/// A secret: whatever scalar stands there is taken as text.
pub(super) fn secret(around: Around) -> Map<String, Json> {
    let mut schema = object(json!({ "type": ["string", "number", "boolean", "null"] }));
    if around.layer == Layer::Overlay {
        deletable(Shape::Text, &mut schema);
    }
    schema
}

/// A text that is one of `words`, or null where it may be absent.
pub(super) fn one_of(words: &[&str], absence: Absence, around: Around) -> Map<String, Json> {
    let mut choices: Vec<Json> = words.iter().map(|word| json!(word)).collect();
    if absence == Absence::Allowed {
        choices.push(Json::Null);
    }
    let mut forms = vec![json!({ "enum": choices })];
    // Whether a kind's placeholders are replaced is the environment's to say; what a document cannot do without is rarely one.
    if around.substitution == Substitution::Scalars || absence == Absence::Allowed {
        forms.push(json!({ "type": "string", "pattern": PLACEHOLDER }));
    }
    let others = (around.others)(words);
    if !others.is_empty() {
        let spelled: Vec<String> = words.iter().chain(&others).map(|word| in_any_case(word)).collect();
        forms.push(json!({ "type": "string", "pattern": format!("^({})$", spelled.join("|")) }));
    }
    if around.layer == Layer::Overlay {
        forms.push(deletion());
    }
    match forms.as_mut_slice() {
        [only] => object(only.take()),
        _ => object(json!({ "anyOf": forms })),
    }
}

/// A pattern of a word whatever the case of its letters, and whatever stands between its parts.
fn in_any_case(word: &str) -> String {
    word.chars()
        .map(|c| match c {
            '_' => "[ _-]".to_owned(),
            c if c.is_ascii_alphabetic() => format!("[{}{c}]", c.to_ascii_uppercase()),
            c => c.to_string(),
        })
        .collect()
}

/// A map that says that the field is dropped.
pub(super) fn deletion() -> Json {
    json!({ "type": "object", "required": [DELETE], "properties": { DELETE: { "const": true } } })
}

/// `$delete` itself.
pub(super) fn delete(description: &str) -> Json {
    json!({ "const": true, "description": description })
}

/// Where a map of an overlay may stand for a deletion.
fn deletable(shape: Shape, schema: &mut Map<String, Json>) {
    if shape == Shape::Any {
        return;
    }
    schema.insert("properties".to_owned(), json!({ DELETE: { "const": true } }));
    if shape != Shape::Map {
        schema.insert("required".to_owned(), json!([DELETE]));
        if let Some(Json::Array(types)) = schema.get_mut("type") {
            types.push(json!("object"));
        }
    }
}

/// The object that `json` is.
pub(super) fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(object) => object,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Map::new(),
    }
}
