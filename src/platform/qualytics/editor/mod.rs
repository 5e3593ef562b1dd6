//! The documents as an editor knows them: one JSON Schema (draft-07) a kind, and one for what overlays say of it.
//!
//! An editor marks what `validate` calls an error, as far as a schema can say it, and what it does not know (a field, a rule, a
//! transformation): there it is as likely a slip as something newer, and a mark holds nothing back. What `validate` takes in
//! silence is never marked. Everything is derived from the tables that `validate` itself reads, but for the few rules that stand
//! in its code.

mod check;
mod hover;
mod rule_hover;

use driftless_core::document::{PREVIOUS_NAME, PROTECT};
use driftless_core::key::Kind;
use driftless_core::overlay::DELETE;
use driftless_core::schema::KindSpec;
use serde_json::{Map, Value as Json, json};

use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE, KINDS, UID};
use super::shapes::{
    CHECK_FIELDS, COMPUTED_FIELD_FIELDS, CONNECTION_FIELDS, CONTAINER_FIELDS, DATASTORE_FIELDS, Shape, TRANSFORMATIONS,
    other_names,
};
use crate::platform::document_field::{self as field, Absence, Around, Items, object};
use crate::platform::document_schema::{DocumentSchema, Layer};

/// The dialect that editors know best.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schemas of all kinds, in the order of the table, each followed by that of its overlays.
pub fn document_schemas() -> Vec<DocumentSchema> {
    let mut found = Vec::new();
    for spec in KINDS {
        for layer in [Layer::Base, Layer::Overlay] {
            found.push(DocumentSchema {
                kind: spec.kind,
                layer,
                json: document(spec, layer),
            });
        }
    }
    found
}

/// The known fields of a kind.
fn fields(kind: Kind) -> &'static [(&'static str, Shape)] {
    match kind {
        CONNECTION => CONNECTION_FIELDS,
        DATASTORE => DATASTORE_FIELDS,
        CONTAINER => CONTAINER_FIELDS,
        COMPUTED_FIELD => COMPUTED_FIELD_FIELDS,
        CHECK => CHECK_FIELDS,
        _ => &[],
    }
}

/// Texts that a document cannot do without.
fn required(kind: Kind) -> &'static [&'static str] {
    match kind {
        CONNECTION => &["name", "type"],
        DATASTORE => &["name"],
        CONTAINER => &["name", "container_type"],
        COMPUTED_FIELD => &["name", "transformation"],
        CHECK => &["rule_type", "container"],
        _ => &[],
    }
}

/// What a field holds beyond its shape.
enum Limit {
    /// One of these texts.
    OneOf(Vec<&'static str>),
    /// A number from one to another.
    Between(i64, i64),
    /// At most so many characters.
    Longest(u32),
}

fn limit(kind: Kind, field: &str) -> Option<Limit> {
    Some(match (kind, field) {
        (CONNECTION, "max_parallelization") => Limit::Between(0, 100),
        (DATASTORE, "name" | "description") => Limit::Longest(255),
        (DATASTORE, "enrichment_prefix") => Limit::Longest(60),
        (DATASTORE, "enrichment_source_record_limit") => Limit::Between(1, 1_000_000_000),
        (DATASTORE, "high_count_rollup_threshold") => Limit::Between(1, 1000),
        (DATASTORE, "enrichment_remediation_strategy") => Limit::OneOf(vec!["none", "append", "overwrite"]),
        // The last one is the older name.
        (CONTAINER, "container_type") => Limit::OneOf(vec![
            "computed_table",
            "computed_file",
            "computed_join",
            "computed_joined",
        ]),
        (COMPUTED_FIELD, "transformation") => Limit::OneOf(TRANSFORMATIONS.iter().map(|(name, _)| *name).collect()),
        (CHECK, "rule_type") => Limit::OneOf(check::rule_names()),
        (CHECK, "coverage") => Limit::Between(0, 1),
        (CHECK, "status") => Limit::OneOf(vec!["Active", "Draft"]),
        _ => return None,
    })
}

/// Values to begin with, where the shape alone says little.
fn examples(kind: Kind, field: &str) -> Option<Json> {
    Some(match (kind, field) {
        (CONNECTION, "type") => json!([
            "postgresql",
            "snowflake",
            "bigquery",
            "databricks",
            "redshift",
            "s3",
            "gcs",
            "abfs"
        ]),
        (CONNECTION, "port") => json!([5432, "${PG_PORT}"]),
        (CONNECTION, "password") => json!(["${WAREHOUSE_PASSWORD}"]),
        (CONNECTION, "uri") => json!(["s3://acme-lake"]),
        (CONTAINER, "incremental_identifier_type") => json!(["last-modified", "batch-value"]),
        (CHECK, "coverage") => json!([1.0]),
        (CHECK, "filter") => json!(["status <> 'cancelled'"]),
        _ => return None,
    })
}

fn document(spec: &KindSpec, layer: Layer) -> Json {
    let kind = spec.kind;
    let around = Around {
        layer,
        substitution: spec.substitution,
        others: other_names,
    };
    let mut properties = Map::new();
    for (name, shape) in fields(kind) {
        properties.insert((*name).to_owned(), Json::Object(property(spec, name, *shape, around)));
    }
    for name in spec.directives {
        let mut schema = Map::new();
        if *name == PREVIOUS_NAME {
            schema = field::field(Shape::Text, Items::Strings, around);
            schema.insert("pattern".to_owned(), json!(r"\S"));
        }
        if *name == PROTECT {
            schema.insert("type".to_owned(), json!(["boolean", "null"]));
        }
        let text = hover::field(kind, name).unwrap_or_default();
        schema.insert("description".to_owned(), json!(text));
        properties.insert((*name).to_owned(), Json::Object(schema));
    }
    for name in spec.volatile {
        let quiet = json!({ "description": hover::VOLATILE, "doNotSuggest": true });
        properties.entry(*name).or_insert(quiet);
    }
    for (spelling, name) in spec.aliases {
        let mut same = properties.get(*name).cloned().unwrap_or_default();
        same["description"] = json!(format!("Another name of `{name}`."));
        same["doNotSuggest"] = json!(true);
        properties.insert((*spelling).to_owned(), same);
    }
    let mut conditions = Vec::new();
    if layer == Layer::Base {
        conditions.extend(required(kind).iter().map(|name| needed(spec, name)));
        conditions.extend(further(kind));
    } else {
        properties.insert(DELETE.to_owned(), field::delete(hover::DELETE_RESOURCE));
    }
    if kind == CHECK {
        conditions.extend(check::by_rule(around));
    }
    let title = match layer {
        Layer::Base => format!("A Qualytics {}", kind.0.replace('_', " ")),
        Layer::Overlay => format!("What an overlay says of a Qualytics {}", kind.0.replace('_', " ")),
    };
    let mut schema = object(json!({
        "$schema": DRAFT,
        "title": title,
        "description": hover::kind(kind),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    }));
    if !conditions.is_empty() {
        schema.insert("allOf".to_owned(), Json::Array(conditions));
    }
    Json::Object(schema)
}

/// One field of a document.
fn property(spec: &KindSpec, name: &str, shape: Shape, around: Around) -> Map<String, Json> {
    let kind = spec.kind;
    let items = if spec.names.contains(&name) {
        Items::Names
    } else {
        Items::Strings
    };
    let limit = limit(kind, name);
    let mut schema = match &limit {
        // As a field of its own it is what files have in their metadata, once normalised.
        _ if name == UID => object(json!({ "doNotSuggest": true })),
        Some(Limit::OneOf(words)) if required(kind).contains(&name) => field::one_of(words, Absence::Refused, around),
        Some(Limit::OneOf(words)) => field::one_of(words, Absence::Allowed, around),
        _ if spec.secrets.contains(&name) => field::secret(around),
        _ => field::field(shape, items, around),
    };
    match limit {
        Some(Limit::Between(least, most)) => {
            schema.insert("minimum".to_owned(), json!(least));
            schema.insert("maximum".to_owned(), json!(most));
        }
        Some(Limit::Longest(most)) => {
            schema.insert("maxLength".to_owned(), json!(most));
        }
        Some(Limit::OneOf(_)) | None => {}
    }
    if let Some(text) = hover::field(kind, name) {
        schema.insert("description".to_owned(), json!(text));
    }
    if (kind, name) == (CHECK, "rule_type") {
        schema.insert("enumDescriptions".to_owned(), json!(check::rule_sentences()));
        let says = "not a known rule type; one that is newer than driftless is sent as it stands";
        schema.insert("errorMessage".to_owned(), json!(says));
    }
    if let Some(values) = examples(kind, name) {
        schema.insert("examples".to_owned(), values);
    }
    inside(kind, name, around, &mut schema);
    schema
}

/// What is known of the inside of a field.
fn inside(kind: Kind, name: &str, around: Around, schema: &mut Map<String, Json>) {
    let known = |rows: &[(&str, &str)]| -> Map<String, Json> {
        rows.iter()
            .map(|(name, text)| ((*name).to_owned(), json!({ "description": text })))
            .collect()
    };
    let mut properties = match (kind, name) {
        (CONNECTION, "parameters") => known(hover::PARAMETER_HOVER),
        (CONNECTION, "secrets_manager") => {
            if around.layer == Layer::Base {
                schema.insert("if".to_owned(), json!({ "type": "object", "minProperties": 1 }));
                let present = json!({ "secret_url": { "not": { "type": "null" } } });
                schema.insert(
                    "then".to_owned(),
                    json!({ "required": ["secret_url"], "properties": present }),
                );
            }
            known(hover::VAULT_HOVER)
        }
        (CONTAINER, "sources") => {
            let item = json!({ "type": "object", "properties": known(hover::SOURCE_HOVER) });
            schema.insert("items".to_owned(), item);
            // One source is no join.
            schema.insert("if".to_owned(), json!({ "type": "array", "minItems": 1 }));
            schema.insert("then".to_owned(), json!({ "minItems": 2 }));
            return;
        }
        (COMPUTED_FIELD, "properties") => known(hover::TRANSFORMATION_HOVER),
        (CHECK, "properties") => {
            schema.insert("additionalProperties".to_owned(), json!(false));
            check::every_property()
        }
        (CHECK, "additional_metadata") => known(&[(UID, hover::field(CHECK, UID).unwrap_or_default())]),
        _ => return,
    };
    if around.layer == Layer::Overlay {
        properties.insert(DELETE.to_owned(), field::delete(hover::DELETE_FIELD));
    }
    schema.insert("properties".to_owned(), Json::Object(properties));
}

/// That a text is there: under its name, or under another one that it has.
fn needed(spec: &KindSpec, name: &str) -> Json {
    let text = match name {
        "name" => json!({ "type": "string", "pattern": r"\S" }),
        "container" => json!({ "type": "string", "minLength": 1 }),
        _ => json!({ "type": "string" }),
    };
    let here = json!({ "required": [name], "properties": { name: text } });
    match spec.aliases.iter().find(|(_, field)| *field == name) {
        Some((spelling, _)) => json!({ "if": { "not": { "required": [spelling] } }, "then": here }),
        None => here,
    }
}

/// Fields that stand or fall together.
fn further(kind: Kind) -> Vec<Json> {
    let is = |field: &str, value: Json| json!({ "required": [field], "properties": { field: value } });
    let all = |fields: &[&str]| {
        let present: Map<String, Json> = fields.iter().map(|field| ((*field).to_owned(), present())).collect();
        json!({ "required": fields, "properties": present })
    };
    match kind {
        DATASTORE => vec![json!({
            "if": is("enrichment_only", json!({ "enum": [true, "true"] })),
            "then": { "properties": { "enrich_datastore_name": {
                "type": "null",
                "errorMessage": "an enrichment datastore cannot have an enrichment datastore itself",
            } } },
        })],
        CONTAINER => vec![
            json!({ "if": is("container_type", json!({ "const": "computed_table" })), "then": all(&["query"]) }),
            json!({ "if": is("container_type", json!({ "const": "computed_file" })), "then": all(&["select_clause"]) }),
            // A join is a query over sources, or two sides with a field each.
            json!({
                "if": { "allOf": [
                    is("container_type", json!({ "enum": ["computed_join", "computed_joined"] })),
                    { "not": all(&["query"]) },
                ] },
                "then": {
                    "if": is("sources", json!({ "type": "array", "minItems": 1 })),
                    "then": all(&["query"]),
                    "else": all(&["left_join_field_name", "right_join_field_name", "select_clause"]),
                },
            }),
        ],
        COMPUTED_FIELD => TRANSFORMATIONS
            .iter()
            .map(|(name, properties)| {
                let mut then = Vec::new();
                if !properties.is_empty() {
                    let inside = json!({ "type": "object", "allOf": [all(properties)] });
                    then.push(is("properties", inside));
                }
                // The transformations of exactly one field.
                if matches!(*name, "cast" | "cleanedEntityName" | "convertFormattedNumeric") {
                    then.push(is("source_fields", json!({ "type": "array", "minItems": 1, "maxItems": 1 })));
                }
                (name, then)
            })
            .filter(|(_, then)| !then.is_empty())
            .map(|(name, then)| json!({ "if": is("transformation", json!({ "const": name })), "then": { "allOf": then } }))
            .collect(),
        _ => Vec::new(),
    }
}

/// Anything but null.
fn present() -> Json {
    json!({ "type": ["string", "number", "boolean", "array", "object"] })
}
