//! The documents as an editor knows them: one JSON Schema (draft-07) a kind, and one for what overlays say of it, from the forms that
//! `validate` itself reads. An editor also marks a field that is not known: there it is as likely a slip as something newer.

use driftless_core::document::{PREVIOUS_NAME, PROTECT};
use driftless_core::overlay::DELETE;
use driftless_core::schema::{KindSpec, Substitution};
use serde_json::{Map, Value as Json, json};

use super::ci_config_form::CI_CONFIG_FORM;
use super::form::{Field, Form, Need, Object, Rule, Tagged};
use super::kinds::{CI_CONFIG, DATA_SOURCE, DATA_SOURCE_SECRETS, KINDS, MONITOR, MONITORS, SLUG};
use super::monitor_form::MONITOR_FORM;
use super::options::{self, DATA_SOURCE_FORM, TYPES};
use crate::platform::document_field::{self as field, Around, Items, object};
use crate::platform::document_schema::{DocumentSchema, Layer};
use crate::platform::shape::Shape;

/// The dialect that editors know best.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schemas of all kinds, in the order of the table, each followed by that of its overlays.
pub fn document_schemas() -> Vec<DocumentSchema> {
    let layers = |spec: &'static KindSpec| {
        [Layer::Base, Layer::Overlay].map(|layer| DocumentSchema {
            kind: spec.kind,
            layer,
            json: document(spec, layer),
        })
    };
    KINDS.iter().flat_map(layers).collect()
}

fn document(spec: &KindSpec, layer: Layer) -> Json {
    let around = Around {
        layer,
        substitution: spec.substitution,
        others: |_| Vec::new(),
    };
    let mut body = match spec.kind {
        DATA_SOURCE => data_source(around),
        MONITOR => tagged(&MONITOR_FORM, around),
        CI_CONFIG => whole(&CI_CONFIG_FORM, around),
        _ => Map::new(),
    };
    let (noun, says) = match spec.kind {
        DATA_SOURCE => (
            "a Datafold data source",
            "How Datafold reaches a database or an object store.",
        ),
        MONITOR => (
            "Datafold monitors",
            "Monitors as code, in the vendor's format: one under each slug.",
        ),
        _ => (
            "a Datafold CI configuration",
            "How the pull requests of one repository are checked.",
        ),
    };
    let directives = spec.directives.iter().map(|name| ((*name).to_owned(), directive(name)));
    if let Some(Json::Object(properties)) = body.get_mut("properties") {
        properties.extend(directives);
        if spec.kind == MONITOR {
            properties.shift_remove(SLUG);
        }
        for name in spec.volatile {
            let quiet = json!({ "description": "Set by the platform; it is left out.", "doNotSuggest": true });
            properties.entry(*name).or_insert(quiet);
        }
        if layer == Layer::Overlay {
            properties.insert(DELETE.to_owned(), field::delete("Drops the whole resource."));
        }
    }
    if spec.kind == MONITOR {
        body = object(json!({
            "type": "object",
            "required": [MONITORS],
            "properties": { MONITORS: { "type": "object", "additionalProperties": body } },
        }));
    }
    let title = match layer {
        Layer::Base => noun.to_owned(),
        Layer::Overlay => format!("what an overlay says of {noun}"),
    };
    body.insert("$schema".to_owned(), json!(DRAFT));
    body.insert("title".to_owned(), json!(title));
    body.insert("description".to_owned(), json!(says));
    Json::Object(body)
}

fn directive(name: &str) -> Json {
    match name {
        PREVIOUS_NAME => json!({
            "type": ["string", "null"], "pattern": r"\S",
            "description": "The name that it has had: it is renamed, not made anew.",
        }),
        PROTECT => json!({
            "type": ["boolean", "null"],
            "description": "Whether it is never deleted nor replaced, also when its document is gone.",
        }),
        _ => json!({}),
    }
}

/// A data source: what its options are follows from its type.
fn data_source(around: Around) -> Map<String, Json> {
    let mut body = whole(&DATA_SOURCE_FORM, around);
    let by_type = TYPES.iter().filter_map(|name| {
        let options = whole(options::of_type(name)?, around);
        Some(where_says(
            "type",
            json!([name]),
            json!({ "properties": { "options": options } }),
        ))
    });
    further(&mut body, by_type.collect());
    body
}

/// One of several objects: a field says which.
fn tagged(form: &Tagged, around: Around) -> Map<String, Json> {
    // In an overlay the field may stand in the base alone: any field of any of them may be there.
    let mut every = Map::new();
    for (_, variant) in form.variants {
        for one in variant.all() {
            let schema = match every.contains_key(one.name) && around.layer == Layer::Overlay {
                true => json!({}),
                false => Json::Object(property(one, around)),
            };
            every.insert(one.name.to_owned(), schema);
        }
    }
    if around.layer == Layer::Overlay {
        every.insert(form.tag.to_owned(), json!({ "type": "string" }));
        every.insert(DELETE.to_owned(), field::delete("Drops this field."));
        return object(json!({ "type": "object", "properties": every, "additionalProperties": false }));
    }
    let names: Map<String, Json> = every.keys().map(|name| (name.clone(), json!({}))).collect();
    let mut body = object(json!({ "type": "object", "required": [form.tag], "properties": names }));
    let mut branches = vec![json!({ "properties": { form.tag: { "enum": form.words() } } })];
    for (word, variant) in form.variants {
        branches.push(where_says(
            form.tag,
            json!([word]),
            Json::Object(whole(variant, around)),
        ));
    }
    further(&mut body, branches);
    body
}

/// An object: its fields, and what holds of several of them.
fn whole(form: &Object, around: Around) -> Map<String, Json> {
    let mut properties: Map<String, Json> = form
        .all()
        .filter(|one| one.name != SLUG)
        .map(|one| (one.name.to_owned(), Json::Object(property(one, around))))
        .collect();
    if around.layer == Layer::Overlay {
        properties.insert(DELETE.to_owned(), field::delete("Drops this field."));
    }
    // Directives and what the platform sets may stand at the top of a monitor, beside what its type has.
    if form.field(SLUG).is_some() {
        let monitors = KINDS.iter().filter(|spec| spec.kind == MONITOR);
        let beside = monitors.flat_map(|spec| spec.directives.iter().chain(spec.volatile));
        properties.extend(beside.map(|name| ((*name).to_owned(), json!({}))));
    }
    let mut body = object(json!({ "type": "object", "properties": properties, "additionalProperties": false }));
    if around.layer == Layer::Base {
        let must = |one: &&'static Field| one.need == Need::Required && one.name != SLUG;
        let required: Vec<&str> = form.all().filter(must).map(|one| one.name).collect();
        body.insert("required".to_owned(), json!(required));
        further(
            &mut body,
            form.rules.iter().filter_map(|rule| condition(form, *rule)).collect(),
        );
    }
    body
}

/// One field.
fn property(one: &Field, around: Around) -> Map<String, Json> {
    let is_secret = DATA_SOURCE_SECRETS.contains(&format!("options.{}", one.name).as_str());
    let mut schema = match is_secret && around.substitution == Substitution::Scalars {
        true => field::secret(around),
        false => value(one.form, around),
    };
    if around.layer == Layer::Base && one.need == Need::Required {
        schema.insert("not".to_owned(), json!({ "type": "null" }));
    }
    schema.insert("description".to_owned(), json!(one.says));
    if let Some(default) = one.default {
        schema.insert("default".to_owned(), crate::codec::sent(&default.value()));
    }
    schema
}

/// What a value must be.
fn value(form: Form, around: Around) -> Map<String, Json> {
    let shaped = |shape: Shape| field::field(shape, Items::Strings, around);
    let with = |mut schema: Map<String, Json>, more: Json| {
        schema.extend(object(more));
        schema
    };
    let drops = |schema: Map<String, Json>| match around.layer {
        Layer::Base => schema,
        Layer::Overlay => object(json!({ "anyOf": [schema, field::deletion()] })),
    };
    match form {
        Form::Shape(shape) => shaped(shape),
        Form::Name | Form::Cron | Form::Path | Form::Template(_) => {
            with(shaped(Shape::Text), json!({ "pattern": r"\S" }))
        }
        Form::Longest(most) => with(shaped(Shape::Text), json!({ "pattern": r"\S", "maxLength": most })),
        Form::Repository => with(
            shaped(Shape::Text),
            json!({ "pattern": "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$" }),
        ),
        Form::Clock => with(
            shaped(Shape::Text),
            json!({ "pattern": r"^\s*([01]?[0-9]|2[0-3]):[0-5]?[0-9]\s*$", "examples": ["06:30"] }),
        ),
        Form::Whole(least, i64::MAX) => with(shaped(Shape::Integer), json!({ "minimum": least })),
        Form::Whole(least, most) => with(shaped(Shape::Integer), json!({ "minimum": least, "maximum": most })),
        Form::Between(least, f64::MAX) => with(shaped(Shape::Number), json!({ "minimum": least })),
        Form::Between(least, most) => with(shaped(Shape::Number), json!({ "minimum": least, "maximum": most })),
        Form::Inside(least, most) => with(
            shaped(Shape::Number),
            json!({ "exclusiveMinimum": least, "exclusiveMaximum": most }),
        ),
        Form::Integers(choices) => with(shaped(Shape::Integer), json!({ "examples": choices })),
        Form::Filling(_) => shaped(Shape::Text),
        Form::Names | Form::Globs => with(shaped(Shape::Texts), json!({ "minItems": 1 })),
        Form::Lines => drops(object(json!({
            "type": ["string", "array", "null"], "items": { "type": "string" },
        }))),
        Form::Values => drops(object(json!({
            "type": ["string", "number", "boolean", "array", "null"],
            "items": { "type": ["string", "number", "boolean", "null"] },
        }))),
        Form::Connection => drops(object(json!({
            "type": ["integer", "string", "null"], "minimum": 1, "minLength": 1, "examples": ["warehouse"],
        }))),
        Form::List(item) => {
            // An overlay says a list as a whole.
            let inside = Around {
                layer: Layer::Base,
                ..around
            };
            drops(object(
                json!({ "type": ["array", "null"], "items": value(*item, inside) }),
            ))
        }
        Form::MapOf(item) => drops(object(
            json!({ "type": ["object", "null"], "additionalProperties": value(*item, around) }),
        )),
        Form::Object(form) => or_null(whole(form, around)),
        Form::Tagged(form) => or_null(tagged(form, around)),
    }
}

/// Null is as good as absent.
fn or_null(mut schema: Map<String, Json>) -> Map<String, Json> {
    schema.insert("type".to_owned(), json!(["object", "null"]));
    schema
}

fn further(body: &mut Map<String, Json>, conditions: Vec<Json>) {
    if conditions.is_empty() {
        return;
    }
    body.insert("allOf".to_owned(), Json::Array(conditions));
}

fn where_says(name: &str, words: Json, then: Json) -> Json {
    json!({
        "if": { "type": "object", "required": [name], "properties": { name: { "enum": words } } },
        "then": then,
    })
}

/// That a field is there and not null.
fn present(name: &str) -> Json {
    json!({ "required": [name], "properties": { name: { "not": { "type": "null" } } } })
}

fn at_least_one(names: &[&str]) -> Json {
    let any: Vec<Json> = names.iter().map(|name| present(name)).collect();
    json!({ "anyOf": any })
}

fn none(names: &[&str]) -> Json {
    json!({ "not": at_least_one(names) })
}

fn at_most_one(names: &[&str]) -> Json {
    let pairs: Vec<Json> = names
        .iter()
        .enumerate()
        .flat_map(|(index, first)| names.iter().skip(index + 1).map(move |second| (first, second)))
        .map(|(first, second)| json!({ "not": { "allOf": [present(first), present(second)] } }))
        .collect();
    json!({ "allOf": pairs })
}

fn exactly_one(names: &[&str]) -> Json {
    json!({ "allOf": [at_least_one(names), at_most_one(names)] })
}

/// What holds of several fields; nothing where a schema cannot say it. Null in the object's place is no object.
fn condition(form: &Object, rule: Rule) -> Option<Json> {
    let said = match rule {
        Rule::ExactlyOne(names) => exactly_one(names),
        Rule::AtLeastOne(names) => at_least_one(names),
        Rule::AtMostOne(names) => at_most_one(names),
        Rule::ExactlyOneUnless(field, word, names) => json!({
            "if": { "required": [field], "properties": { field: { "const": word } } },
            "then": none(names),
            "else": exactly_one(names),
        }),
        Rule::ExactlyOneWhere(field, word, names) => where_says(field, json!([word]), exactly_one(names)),
        Rule::NoneWhere(field, word, names) => where_says(field, json!([word]), none(names)),
        Rule::OnlyWhere(field, words, names) => {
            let Form::Shape(Shape::OneOf(choices)) = form.field(field)?.form else {
                return None;
            };
            let others: Vec<&&str> = choices.iter().filter(|word| !words.contains(word)).collect();
            where_says(field, json!(others), none(names))
        }
        Rule::Needs(field, other) => json!({ "if": present(field), "then": present(other) }),
        Rule::BelowOneWhere(field, word, name) => where_says(
            field,
            json!([word]),
            json!({ "properties": { name: { "exclusiveMaximum": 1 } } }),
        ),
        Rule::Ordered(..) => return None,
    };
    Some(json!({ "if": { "type": "object" }, "then": said }))
}
