//! Changes made by hand: what somebody does in the web interface, behind the back of whoever manages the instance.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::body::{names, object, text};
use super::permission::Role;
use super::rules::named;
use super::state::{ContainerType, Id, Instance};
use super::switches::{Put, PutReading};
use super::wire::{Call, Caller, Outcome, Query, Refusal};
use super::{archive, checks, computed_fields, connections, containers, datastores};

/// `POST /_sandbox/edit`: `{"kind", "where", "set": {…}}` or `{"kind", "where", "delete": true, "archive": false}`.
///
/// `kind` is connection, datastore, container, computed_field or check; `where` names the row as a seed does, by `id`,
/// or a check by `uid`. What is not in `set` stays, whatever the switches say.
pub(super) fn edit(instance: &mut Instance, body: &Value) -> Outcome {
    let body = object(body)?;
    let kind = text(body, "kind").unwrap_or_default().to_owned();
    let place = body
        .get("where")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let id = find(instance, &kind, &place)?;
    let caller = hand(instance);
    let mut call = Call {
        caller,
        path: vec![id.to_string()],
        query: Query::default(),
        body: Value::Null,
    };
    if body.get("delete") == Some(&json!(true)) {
        let archive = body.get("archive") == Some(&json!(true));
        call.query = Query::parse(&format!("archive={archive}"));
        return match kind.as_str() {
            "connection" => connections::delete(instance, &call),
            "datastore" => datastores::delete(instance, &call),
            "container" => containers::delete(instance, &call),
            "computed_field" => computed_fields::delete(instance, &call),
            _ => archive::delete(instance, &call),
        };
    }
    let mut set = body.get("set").and_then(Value::as_object).cloned().unwrap_or_default();
    complete(instance, &kind, id, &mut set);
    call.body = Value::Object(set);
    let kept = std::mem::replace(&mut instance.switches.put, PutReading::all(Put::Partial));
    let done = match kind.as_str() {
        "connection" => connections::update(instance, &call),
        "datastore" => datastores::update(instance, &call),
        "container" => containers::update(instance, &call),
        "computed_field" => computed_fields::update(instance, &call),
        _ => checks::update(instance, &call),
    };
    instance.switches.put = kept;
    done
}

/// The user who edits by hand.
fn hand(instance: &mut Instance) -> Caller {
    const EMAIL: &str = "hand@sandbox.example";
    let known = instance
        .users
        .iter()
        .find(|user| user.email == EMAIL)
        .map(|user| user.meta.id);
    let id = known.unwrap_or_else(|| instance.add_user("Someone by hand", EMAIL, Role::Admin, BTreeMap::new()));
    Caller { id, role: Role::Admin }
}

/// Adds what an update body must hold under every reading.
fn complete(instance: &Instance, kind: &str, id: Id, set: &mut Map<String, Value>) {
    let mut fill = |key: &str, value: Value| {
        set.entry(key.to_owned()).or_insert(value);
    };
    match kind {
        "connection" => {
            if let Some(row) = instance.connections.get(id) {
                fill("name", json!(row.name));
                fill("type", json!(row.kind()));
                if let Some(manager) = row.spec.get("secrets_manager").filter(|manager| !manager.is_null()) {
                    fill("secrets_manager", manager.clone());
                }
            }
        }
        "container" => {
            if let Some(row) = instance.containers.get(id) {
                fill("container_type", json!(row.kind.name()));
                fill("name", json!(row.name));
                match row.kind {
                    ContainerType::ComputedTable => fill("query", row.spec.get("query").cloned().unwrap_or_default()),
                    ContainerType::ComputedFile => {
                        fill(
                            "select_clause",
                            row.spec.get("select_clause").cloned().unwrap_or_default(),
                        );
                    }
                    ContainerType::Table | ContainerType::File | ContainerType::ComputedJoin => {}
                }
            }
        }
        "computed_field" => {
            if let Some(row) = instance.computed_fields.get(id) {
                fill("name", json!(row.name));
                fill("transformation", json!(row.transformation));
                fill("source_fields", row.source_fields.clone());
                fill("properties", row.properties.clone());
            }
        }
        _ => {}
    }
}

fn find(instance: &Instance, kind: &str, place: &Map<String, Value>) -> Result<Id, Refusal> {
    let nothing = || Refusal::text(404, format!("no {kind} there"));
    if let Some(id) = place.get("id").and_then(Value::as_i64) {
        return Ok(id);
    }
    let name = text(place, "name").unwrap_or_default();
    let datastore = text(place, "datastore").and_then(|name| instance.datastore_names.get(name).copied());
    let container = |key: &str| {
        let name = text(place, key)?;
        instance.container_named(datastore?, name).map(|row| row.meta.id)
    };
    let found = match kind {
        "connection" => instance.connection_names.get(name).copied(),
        "datastore" => instance.datastore_names.get(name).copied(),
        "container" => container("name"),
        "computed_field" => container("container").and_then(|id| instance.computed_field_named(id, name)),
        "check" => {
            let mut fields = names(place.get("fields").unwrap_or(&Value::Null));
            fields.sort();
            let rule = text(place, "rule").and_then(named);
            let wanted = container("container");
            let uid = text(place, "uid");
            let mut rows = instance.checks.iter().filter(|row| {
                let mut own = row.definition.fields.clone();
                own.sort();
                let own_uid = row.metadata.get("_qualytics_check_uid").and_then(Value::as_str);
                uid.is_none_or(|uid| own_uid == Some(uid))
                    && datastore.is_none_or(|id| row.datastore == id)
                    && wanted.is_none_or(|id| row.container == id)
                    && rule.is_none_or(|rule| std::ptr::eq(rule, row.rule))
                    && (!place.contains_key("fields") || own == fields)
            });
            rows.next().map(|row| row.meta.id)
        }
        _ => {
            return Err(Refusal::bad(
                "kind is none of connection, datastore, container, computed_field, check",
            ));
        }
    };
    found.ok_or_else(nothing)
}
