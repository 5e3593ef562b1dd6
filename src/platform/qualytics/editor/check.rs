//! What the rule of a check asks of its fields, its filter, its coverage and its properties.

use driftless_core::diagnostic::Severity;
use driftless_core::overlay::DELETE;
use serde_json::{Map, Value as Json, json};

use super::super::properties;
use super::super::rules::{Arity, Evidence, PROPERTIES, RENAMED, RULES, Rule, Support};
use super::super::shapes::{COMPARATORS, Shape};
use super::{hover, present, rule_hover};
use crate::platform::document_field::{self as field, Around, Items};
use crate::platform::document_schema::Layer;

/// Every name that a rule has or had.
pub(super) fn rule_names() -> Vec<&'static str> {
    let older = RENAMED.iter().map(|(older, _)| *older);
    RULES.iter().map(|row| row.name).chain(older).collect()
}

/// What each of [`rule_names`] checks.
pub(super) fn rule_sentences() -> Vec<String> {
    let present = RULES
        .iter()
        .map(|row| rule_hover::rule(row.name).unwrap_or_default().to_owned());
    let older = RENAMED.iter().map(|(_, name)| format!("The older name of {name}."));
    present.chain(older).collect()
}

/// Every property that a check may have. None is offered here: its rule offers those that are its own.
pub(super) fn every_property() -> Map<String, Json> {
    let quiet = |name: &&str| {
        let text = rule_hover::property(name).unwrap_or_default();
        let schema = json!({ "description": text, "doNotSuggest": true });
        ((*name).to_owned(), schema)
    };
    PROPERTIES.iter().map(quiet).collect()
}

/// What `name` holds with the rule of `row`.
fn property(name: &str, row: &Rule, around: Around) -> Map<String, Json> {
    let (shape, severity) = properties::shape(name, Some(row));
    let mut schema = by_severity(shape, severity, around);
    if let Some((_, known)) = COMPARATORS.iter().find(|(of, _)| *of == name) {
        let mut inside: Map<String, Json> = known
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), Json::Object(by_severity(*shape, severity, around))))
            .collect();
        if around.layer == Layer::Overlay {
            inside.insert(DELETE.to_owned(), field::delete(hover::DELETE_FIELD));
        }
        schema.insert("properties".to_owned(), Json::Object(inside));
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    if let Some(text) = rule_hover::property(name) {
        schema.insert("description".to_owned(), json!(text));
    }
    schema
}

/// What a breach of is an error is demanded; of what is a warning there, only the words are offered.
fn by_severity(shape: Shape, severity: Severity, around: Around) -> Map<String, Json> {
    match (severity, shape) {
        (Severity::Error, _) => field::field(shape, Items::Strings, around),
        (Severity::Warning, Shape::OneOf(words)) => field::object(json!({ "examples": words })),
        (Severity::Warning, Shape::SomeOf(words)) => field::object(json!({ "examples": [words] })),
        (Severity::Warning, _) => Map::new(),
    }
}

/// One condition a rule: if the check is of this rule, then this.
pub(super) fn by_rule(around: Around) -> Vec<Json> {
    RULES
        .iter()
        .map(|row| {
            let names: Vec<&str> = std::iter::once(row.name)
                .chain(
                    RENAMED
                        .iter()
                        .filter(|(_, name)| *name == row.name)
                        .map(|(older, _)| *older),
                )
                .collect();
            // Not `enum`: to an editor that completes, the beginning of a word is the word.
            let is = json!({ "type": "string", "pattern": format!("^({})$", names.join("|")) });
            json!({
                "if": { "required": ["rule_type"], "properties": { "rule_type": is } },
                "then": branch(row, around),
            })
        })
        .collect()
}

fn branch(row: &Rule, around: Around) -> Json {
    // What the user guide alone says of a rule is a warning to `validate`, and no fault here.
    let strict = row.evidence == Evidence::Client;
    let whole = around.layer == Layer::Base;
    let mut properties = Map::new();
    let mut required = Vec::new();
    if strict && let Some((least, most)) = bounds(row.arity) {
        let mut count = field::object(json!({ "minItems": least }));
        if let Some(most) = most {
            count.insert("maxItems".to_owned(), json!(most));
        }
        if whole && least > 0 {
            count.insert("type".to_owned(), json!("array"));
            required.push("fields");
        }
        properties.insert("fields".to_owned(), Json::Object(count));
    }
    if strict && row.filter == Support::No {
        let mut blank = field::field(Shape::Text, Items::Strings, around);
        blank.insert("pattern".to_owned(), json!(r"^\s*$"));
        let says = format!("`{}` has no filter", row.name);
        blank.insert("patternErrorMessage".to_owned(), json!(says));
        properties.insert("filter".to_owned(), Json::Object(blank));
    }
    if strict && row.coverage == Support::No {
        let says = format!("`{}` has no coverage", row.name);
        // All rows and nothing mean the same.
        let mut all = field::object(json!({ "enum": [null, 1.0], "errorMessage": says }));
        if !whole {
            all = field::object(json!({ "anyOf": [all, field::deletion()], "errorMessage": says }));
        }
        properties.insert("coverage".to_owned(), Json::Object(all));
    }
    let (inside, some_needed) = inside(row, around);
    if whole && strict && some_needed {
        required.push("properties");
    }
    properties.insert("properties".to_owned(), inside);
    match required.as_slice() {
        [] => json!({ "properties": properties }),
        _ => json!({ "required": required, "properties": properties }),
    }
}

/// How many fields a rule takes: at least, and at most where there is a most.
fn bounds(arity: Arity) -> Option<(u32, Option<u32>)> {
    match arity {
        Arity::Single => Some((1, Some(1))),
        Arity::Multi => Some((1, None)),
        Arity::Container => Some((0, Some(0))),
        Arity::Calculated => None,
    }
}

/// The rule's own properties, and whether there must be some.
fn inside(row: &Rule, around: Around) -> (Json, bool) {
    let needs = row.evidence == Evidence::Client && around.layer == Layer::Base && !row.required.is_empty();
    let mut own = Map::new();
    for name in row.offered() {
        own.insert(name.to_owned(), Json::Object(property(name, row, around)));
    }
    for name in PROPERTIES.iter().filter(|name| row.takes(name)) {
        if !own.contains_key(*name) {
            let mut quiet = property(name, row, around);
            quiet.insert("doNotSuggest".to_owned(), json!(true));
            own.insert((*name).to_owned(), Json::Object(quiet));
        }
    }
    if !needs {
        return (json!({ "properties": own }), false);
    }
    // A container may be named by its number instead, where it could not be resolved on export.
    let (by_number, named): (Vec<&str>, Vec<&str>) =
        row.required.iter().partition(|name| **name == "ref_container_name");
    for name in &named {
        if let Some(Json::Object(schema)) = own.get_mut(*name) {
            match schema.get_mut("type") {
                Some(Json::Array(types)) => types.retain(|of| of != "null"),
                _ => schema.extend(field::object(present())),
            }
        }
    }
    let mut schema = field::object(json!({ "type": "object", "properties": own, "required": named }));
    if !by_number.is_empty() {
        let either = ["ref_container_name", "ref_container_id"]
            .map(|name| json!({ "required": [name], "properties": { name: present() } }));
        schema.insert("anyOf".to_owned(), json!(either));
    }
    (Json::Object(schema), true)
}
