//! Fields: the columns of containers, as sync and profile found them.

use serde_json::{Value, json};

use super::body::{array, names, object};
use super::page::Page;
use super::permission::Permission;
use super::state::{Container, Field, FieldStatus, Id, Instance};
use super::wire::{Answer, Call, Outcome, Refusal};

impl Instance {
    pub(super) fn render_field(&self, name: &str, field: &Field, container: &Container) -> Value {
        json!({
            "id": field.id,
            "created": container.meta.created,
            "name": name,
            "type": field.kind,
            "status": field.status.name(),
            "is_computed": field.computed,
            "global_tags": self.tag_stubs(&field.tags),
            "weight": self.clock.wander(field.id, 30, 20),
            "completeness": 1.0,
            "container": { "id": container.meta.id, "name": container.name },
        })
    }

    /// A field as checks and computed fields carry it.
    pub(super) fn field_stub(&self, container: Id, name: &str) -> Value {
        let field = self.containers.get(container).and_then(|row| row.fields.get(name));
        field.map_or_else(
            || json!({ "id": null, "name": name, "type": "Unknown" }),
            |field| json!({ "id": field.id, "name": name, "type": field.kind }),
        )
    }
}

/// Whether a field passes the `status` filter; without one, active and missing fields do.
fn passes(statuses: &[&str], field: &Field) -> bool {
    if statuses.is_empty() {
        field.status != FieldStatus::Excluded
    } else {
        statuses.contains(&field.status.name())
    }
}

/// `GET /containers/{id}/fields`.
pub(super) fn of_container(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.seen_container(call.caller, call.id(0)?)?;
    let statuses = call.query.set("status");
    let fields = row.fields.iter().filter(|(_, field)| passes(&statuses, field));
    Ok(Answer::Ok(
        fields
            .map(|(name, field)| instance.render_field(name, field, row))
            .collect(),
    ))
}

/// `GET /containers/{id}/field-profiles`: one row for each field, once the container was profiled.
pub(super) fn profiles(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.seen_container(call.caller, call.id(0)?)?;
    let fields: Vec<(&String, &Field)> = if row.profiles == 0 {
        Vec::new()
    } else {
        row.fields.iter().collect()
    };
    let instance = &*instance;
    Ok(Page::of(&call.query)?.answer(&fields, |(name, field)| {
        json!({
            "id": field.id,
            "field": { "id": field.id, "name": name, "type": field.kind },
            "distinct": instance.clock.wander(field.id, 31, 1000),
            "completeness": 1.0,
        })
    }))
}

/// `GET /fields`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let query = &call.query;
    let (datastores, mut containers) = (query.ids("datastore")?, query.ids("container")?);
    containers.extend(query.ids("container_id")?);
    let (statuses, wanted, kinds) = (query.set("status"), query.set("name"), query.set("type"));
    let rows: Vec<(&Container, &String, &Field)> = instance
        .containers
        .iter()
        .filter(|row| containers.is_empty() || containers.contains(&row.meta.id))
        .filter(|row| datastores.is_empty() || datastores.contains(&row.datastore))
        .filter(|row| instance.sees(call.caller, row.datastore))
        .flat_map(|row| row.fields.iter().map(move |(name, field)| (row, name, field)))
        .filter(|(_, name, _)| wanted.is_empty() || wanted.contains(&name.as_str()))
        .filter(|(_, _, field)| kinds.is_empty() || kinds.contains(&field.kind.as_str()))
        .filter(|(_, _, field)| passes(&statuses, field))
        .collect();
    let instance = &*instance;
    Ok(Page::of(query)?.answer(&rows, |(row, name, field)| instance.render_field(name, field, row)))
}

/// `GET /fields/listing`.
pub(super) fn listing(instance: &mut Instance, call: &Call) -> Outcome {
    let containers = call.query.ids("container")?;
    let rows = instance
        .containers
        .iter()
        .filter(|row| containers.is_empty() || containers.contains(&row.meta.id))
        .filter(|row| instance.sees(call.caller, row.datastore))
        .flat_map(|row| &row.fields)
        .map(|(name, field)| json!({ "id": field.id, "name": name, "type": field.kind }));
    Ok(Answer::Ok(rows.collect()))
}

fn place(instance: &Instance, call: &Call, id: Id) -> Result<(Id, String), Refusal> {
    let found = instance
        .fields
        .get(&id)
        .cloned()
        .ok_or_else(|| Refusal::not_found("Field", id))?;
    instance
        .seen_container(call.caller, found.0)
        .map_err(|_| Refusal::not_found("Field", id))?;
    Ok(found)
}

/// `GET /fields/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let (container, name) = place(instance, call, call.id(0)?)?;
    let row = instance.seen_container(call.caller, container)?;
    Ok(Answer::Ok(
        row.fields
            .get(&name)
            .map_or(Value::Null, |field| instance.render_field(&name, field, row)),
    ))
}

/// `PATCH /fields`: tags of many fields.
pub(super) fn patch(instance: &mut Instance, call: &Call) -> Outcome {
    let mut out = Vec::new();
    for item in array(&call.body)? {
        let item = object(item)?;
        let id = item.get("id").and_then(Value::as_i64).unwrap_or_default();
        let (container, name) = place(instance, call, id)?;
        let datastore = instance.seen_container(call.caller, container)?.datastore;
        instance.need(call.caller, datastore, Permission::Viewer)?;
        let tags = instance.tag_ids(&names(item.get("tags").unwrap_or(&Value::Null)), "tags", call.caller.id)?;
        if let Some(field) = instance
            .containers
            .get_mut(container)
            .and_then(|row| row.fields.get_mut(&name))
        {
            field.tags = tags;
        }
        let row = instance.seen_container(call.caller, container)?;
        out.extend(
            row.fields
                .get(&name)
                .map(|field| instance.render_field(&name, field, row)),
        );
    }
    Ok(Answer::Ok(Value::Array(out)))
}
