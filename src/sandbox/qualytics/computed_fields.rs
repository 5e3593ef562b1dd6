//! Computed fields: columns that the platform derives from others; they exist for checks once a profile has run.

use serde_json::{Map, Value, json};

use super::body::{Faults, given, names, object, text};
use super::permission::Permission;
use super::state::{ComputedField, Id, Instance};
use super::switches::Put;
use super::wire::{Answer, Call, Caller, Outcome, Refusal};

/// A transformation: its wire name, how many source fields it takes, the properties it needs.
struct Transformation {
    name: &'static str,
    sources: Sources,
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sources {
    One,
    Any,
    None,
}

const CLEANING: &[&str] = &[
    "drop_from_suffix",
    "drop_from_prefix",
    "drop_from_interior",
    "terms_to_drop",
    "terms_to_ignore",
];
const TRANSFORMATIONS: &[Transformation] = &[
    Transformation {
        name: "cleanedEntityName",
        sources: Sources::One,
        required: &[],
        optional: CLEANING,
    },
    Transformation {
        name: "convertFormattedNumeric",
        sources: Sources::One,
        required: &[],
        optional: &[],
    },
    Transformation {
        name: "cast",
        sources: Sources::One,
        required: &["target_type"],
        optional: &["format"],
    },
    Transformation {
        name: "customExpression",
        sources: Sources::None,
        required: &["column_expression"],
        optional: &[],
    },
    Transformation {
        name: "entityNameLookup",
        sources: Sources::Any,
        required: &[],
        optional: &["ref_container_id", "ref_datastore_id", "list"],
    },
    Transformation {
        name: "concatenate",
        sources: Sources::Any,
        required: &[],
        optional: &["list"],
    },
];

impl ComputedField {
    /// The type the field has once it is profiled.
    pub(super) fn field_type(&self) -> &'static str {
        let target = self
            .properties
            .get("target_type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match (self.transformation.as_str(), target.to_ascii_lowercase().as_str()) {
            ("cast", "int" | "integer" | "bigint" | "long" | "smallint") => "Integral",
            ("cast", "double" | "float") | ("convertFormattedNumeric", _) => "Fractional",
            ("cast", target) if target.starts_with("decimal") => "Fractional",
            ("cast", "date") => "Date",
            ("cast", "timestamp") => "Timestamp",
            ("cast", "boolean") => "Boolean",
            ("customExpression", _) => "Unknown",
            _ => "String",
        }
    }
}

impl Instance {
    pub(super) fn render_computed_field(&self, row: &ComputedField) -> Value {
        let sources = match &row.source_fields {
            Value::Array(names) => names
                .iter()
                .filter_map(Value::as_str)
                .map(|name| self.field_stub(row.container, name))
                .collect(),
            other => other.clone(),
        };
        json!({
            "id": row.meta.id,
            "created": row.meta.created,
            "name": row.name,
            "transformation_type": row.transformation,
            "source_fields": sources,
            "properties": row.properties,
            "additional_metadata": row.metadata,
            "container_id": row.container,
            "last_editor": self.user_stub(row.meta.editor),
        })
    }

    /// Creates a computed field from a create body.
    pub(super) fn add_computed_field(&mut self, body: &Map<String, Value>, by: Caller) -> Result<Id, Refusal> {
        let mut faults = Faults::default();
        faults.need(body, &["container_id", "name", "transformation"]);
        check(body, &mut faults);
        faults.done()?;
        let container = body.get("container_id").and_then(Value::as_i64).unwrap_or_default();
        let row = self.seen_container(by, container)?;
        self.need(by, row.datastore, Permission::Editor)?;
        let name = text(body, "name").unwrap_or_default().to_owned();
        if row.fields.contains_key(&name) || self.computed_field_named(container, &name).is_some() {
            return Err(duplicate(&name));
        }
        self.known_sources(container, body)?;
        let id = self.computed_fields.reserve();
        let meta = self.born(id, by.id);
        let row = ComputedField {
            meta,
            container,
            name,
            transformation: text(body, "transformation").unwrap_or_default().to_owned(),
            source_fields: body.get("source_fields").cloned().unwrap_or_default(),
            properties: self.stored(body.get("properties").cloned().unwrap_or_default()),
            metadata: self.stored(body.get("additional_metadata").cloned().unwrap_or_default()),
        };
        self.computed_fields.put(id, row);
        if let Some(row) = self.containers.get_mut(container) {
            row.computed_fields.push(id);
        }
        Ok(id)
    }

    pub(super) fn computed_field_named(&self, container: Id, name: &str) -> Option<Id> {
        let ids = &self.containers.get(container)?.computed_fields;
        ids.iter()
            .copied()
            .find(|id| self.computed_fields.get(*id).is_some_and(|field| field.name == name))
    }

    fn known_sources(&self, container: Id, body: &Map<String, Value>) -> Result<(), Refusal> {
        let row = self.container(container)?;
        for name in names(body.get("source_fields").unwrap_or(&Value::Null)) {
            if !row.fields.contains_key(&name) {
                return Err(Refusal::invalid(
                    json!(["body", "source_fields"]),
                    format!("Field '{name}' not found in container '{}'", row.name),
                    "value_error",
                ));
            }
        }
        Ok(())
    }

    fn computed_field(&self, caller: Caller, id: Id) -> Result<&ComputedField, Refusal> {
        let missing = || Refusal::not_found("Computed field", id);
        let row = self.computed_fields.get(id).ok_or_else(missing)?;
        let datastore = self
            .seen_container(caller, row.container)
            .map_err(|_| missing())?
            .datastore;
        self.need(caller, datastore, Permission::Editor)?;
        Ok(row)
    }
}

fn duplicate(name: &str) -> Refusal {
    Refusal::conflict(format!(
        "A field with the name '{name}' already exists in this container"
    ))
}

fn check(body: &Map<String, Value>, faults: &mut Faults) {
    faults.texts(body, &["name", "transformation"]);
    faults.length(body, "name", 255);
    faults.lists_of_texts(body, &["source_fields"]);
    faults.objects(body, &["properties", "additional_metadata"]);
    let Some(written) = text(body, "transformation") else {
        return;
    };
    let Some(kind) = TRANSFORMATIONS.iter().find(|kind| kind.name == written) else {
        faults.add(
            &["transformation"],
            "Input should be a transformation this deployment supports",
            "enum",
        );
        return;
    };
    let sources = given(body, "source_fields")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if kind.sources == Sources::One && sources != 1 {
        faults.add(
            &["source_fields"],
            "Exactly one source field is required",
            "value_error",
        );
    }
    let properties = body.get("properties").and_then(Value::as_object);
    for key in kind.required {
        if properties.and_then(|properties| given(properties, key)).is_none() {
            faults.add(&["properties", key], "Field required", "missing");
        }
    }
}

/// `GET /computed-fields/specifications`.
pub(super) fn specifications(_: &mut Instance, _: &Call) -> Outcome {
    let rows = TRANSFORMATIONS.iter().map(|kind| {
        let property =
            |key: &&str, required: bool| json!({ "field": key, "map_to": "properties", "required": required });
        let properties: Vec<Value> = kind
            .required
            .iter()
            .map(|key| property(key, true))
            .chain(kind.optional.iter().map(|key| property(key, false)))
            .collect();
        json!({ "transformation": kind.name, "properties": properties })
    });
    Ok(Answer::Ok(rows.collect()))
}

/// `POST /computed-fields`.
pub(super) fn create(instance: &mut Instance, call: &Call) -> Outcome {
    let id = instance.add_computed_field(object(&call.body)?, call.caller)?;
    Ok(Answer::Created(
        instance.render_computed_field(instance.computed_field(call.caller, id)?),
    ))
}

/// `GET /computed-fields/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let missing = || Refusal::not_found("Computed field", id);
    let row = instance.computed_fields.get(id).ok_or_else(missing)?;
    instance
        .seen_container(call.caller, row.container)
        .map_err(|_| missing())?;
    Ok(Answer::Ok(instance.render_computed_field(row)))
}

/// `PUT /computed-fields/{id}`.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance.computed_field(call.caller, id)?;
    let container = row.container;
    let body = object(&call.body)?;
    let mut faults = Faults::default();
    faults.need(body, &["name", "transformation"]);
    check(body, &mut faults);
    faults.done()?;
    let name = text(body, "name").unwrap_or_default().to_owned();
    let clash = instance
        .computed_field_named(container, &name)
        .is_some_and(|other| other != id)
        || (name != row.name && instance.container(container)?.fields.contains_key(&name));
    if clash {
        return Err(duplicate(&name));
    }
    instance.known_sources(container, body)?;
    let before = instance.render_computed_field(row);
    let Some(mut row) = instance.computed_fields.remove(id) else {
        return Err(Refusal::not_found("Computed field", id));
    };
    let partial = instance.switches.put.computed_field == Put::Partial;
    let value = |key: &str, old: &Value| match body.get(key) {
        Some(value) => value.clone(),
        None if partial => old.clone(),
        None => Value::Null,
    };
    row.name = name;
    row.transformation = text(body, "transformation").unwrap_or_default().to_owned();
    row.source_fields = value("source_fields", &row.source_fields);
    row.properties = instance.stored(value("properties", &row.properties));
    row.metadata = instance.stored(value("additional_metadata", &row.metadata));
    let after = instance.render_computed_field(&row);
    instance.edited(&mut row.meta, call.caller.id, &before, &after);
    instance.computed_fields.put(id, row);
    Ok(Answer::Ok(
        instance.render_computed_field(instance.computed_field(call.caller, id)?),
    ))
}

/// `DELETE /computed-fields/{id}`.
pub(super) fn delete(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance.computed_field(call.caller, id)?;
    let (container, name) = (row.container, row.name.clone());
    instance.computed_fields.remove(id);
    if let Some(row) = instance.containers.get_mut(container) {
        row.computed_fields.retain(|other| *other != id);
    }
    instance.lose_field(container, &name);
    Ok(Answer::Empty)
}
