//! The configuration an instance holds, without ids and without what moves: two instances can be compared by it.

use serde_json::{Map, Value, json};

use super::container_definition::keys;
use super::history::sorted;
use super::state::{Check, Container, Id, Instance};
use crate::sandbox::fingerprint::fingerprint;
use crate::sandbox::platform::Detail;

/// The dump, in the words of a seed; rows by name, keys by name. Secrets show as fingerprints.
pub(super) fn dump(instance: &Instance, detail: Detail) -> Value {
    let mut out = Map::new();
    let mut part = |key: &str, mut rows: Vec<Value>| {
        rows.sort_by_cached_key(order);
        out.insert(key.to_owned(), Value::Array(rows.into_iter().map(sorted).collect()));
    };
    let numbered = |id: Id, mut row: Value| {
        if detail == Detail::Full {
            row["id"] = json!(id);
        }
        row
    };
    let names = |ids: &[Id]| {
        let mut names: Vec<&str> = ids
            .iter()
            .filter_map(|id| instance.tags.get(*id))
            .map(|tag| tag.name.as_str())
            .collect();
        names.sort_unstable();
        json!(names)
    };
    part(
        "connections",
        instance
            .connections
            .iter()
            .map(|row| {
                let mut spec = row.spec.clone();
                spec.insert("name".to_owned(), json!(row.name));
                let secrets: Map<String, Value> = row
                    .secrets
                    .iter()
                    .map(|(key, value)| (key.clone(), fingerprint_of(value)))
                    .collect();
                spec.insert("secrets".to_owned(), Value::Object(secrets));
                numbered(row.meta.id, Value::Object(spec))
            })
            .collect(),
    );
    part(
        "datastores",
        instance
            .datastores
            .iter()
            .map(|row| {
                let mut spec = row.spec.clone();
                let mut teams: Vec<&str> = row
                    .teams
                    .iter()
                    .filter_map(|id| instance.teams.get(*id))
                    .map(|team| team.name.as_str())
                    .collect();
                teams.sort_unstable();
                spec.insert("name".to_owned(), json!(row.name));
                spec.insert(
                    "connection_name".to_owned(),
                    json!(instance.connections.get(row.connection).map(|row| &row.name)),
                );
                spec.insert("teams".to_owned(), json!(teams));
                spec.insert("tags".to_owned(), names(&row.tags));
                let enrichment = row
                    .enrichment
                    .and_then(|id| instance.datastores.get(id))
                    .map(|row| &row.name);
                spec.insert("enrich_datastore_name".to_owned(), json!(enrichment));
                numbered(row.meta.id, Value::Object(spec))
            })
            .collect(),
    );
    part(
        "containers",
        instance
            .containers
            .iter()
            .map(|row| {
                let mut out = container(instance, row);
                out["tags"] = names(&row.tags);
                if detail == Detail::Full {
                    out["fields"] = row
                        .fields
                        .iter()
                        .map(|(name, field)| json!({ "name": name, "type": field.kind, "status": field.status.name() }))
                        .collect();
                }
                numbered(row.meta.id, out)
            })
            .collect(),
    );
    part(
        "computed_fields",
        instance
            .computed_fields
            .iter()
            .map(|row| {
                let (datastore, container) = place(instance, row.container);
                let properties = row.properties.as_object().map(|map| by_name(instance, map));
                numbered(
                    row.meta.id,
                    json!({
                        "datastore": datastore,
                        "container": container,
                        "name": row.name,
                        "transformation": row.transformation,
                        "source_fields": row.source_fields,
                        "properties": properties,
                        "additional_metadata": row.metadata,
                    }),
                )
            })
            .collect(),
    );
    part(
        "checks",
        instance
            .checks
            .iter()
            .map(|row| {
                let mut out = check(instance, row);
                out["tags"] = names(&row.tags);
                numbered(row.meta.id, out)
            })
            .collect(),
    );
    part(
        "tags",
        instance
            .tags
            .iter()
            .map(|row| {
                let mut spec = row.spec.clone();
                spec.insert("name".to_owned(), json!(row.name));
                numbered(row.meta.id, Value::Object(spec))
            })
            .collect(),
    );
    part(
        "teams",
        instance
            .teams
            .iter()
            .map(|row| {
                numbered(
                    row.meta.id,
                    json!({ "name": row.name, "permission": row.permission.name(), "description": row.description }),
                )
            })
            .collect(),
    );
    if detail == Detail::Full {
        out.insert("warehouse".to_owned(), instance.warehouse.dump());
        out.insert(
            "counts".to_owned(),
            json!({
                "connections": instance.connections.len(),
                "datastores": instance.datastores.len(),
                "containers": instance.containers.len(),
                "computed_fields": instance.computed_fields.len(),
                "checks": instance.checks.len(),
                "archived_checks": instance.checks.iter().filter(|row| row.archived_at.is_some()).count(),
                "operations": instance.operations.len(),
                "tags": instance.tags.len(),
                "teams": instance.teams.len(),
                "users": instance.users.len(),
            }),
        );
    }
    Value::Object(out)
}

/// What rows are put in order by: where they lie, what they are called, and at last all they hold.
fn order(row: &Value) -> (String, String, String, String) {
    let part = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let uid = row
        .pointer("/additional_metadata/_qualytics_check_uid")
        .map(Value::to_string)
        .unwrap_or_default();
    let name = if row.get("rule").is_some() {
        format!("{}{}", part("rule"), row["fields"])
    } else {
        part("name")
    };
    (
        part("datastore"),
        part("container"),
        name,
        format!("{uid}{}{}", row["filter"], row["coverage"]),
    )
}

fn place(instance: &Instance, container: Id) -> (Option<&str>, Option<&str>) {
    let row = instance.containers.get(container);
    let datastore = row
        .and_then(|row| instance.datastores.get(row.datastore))
        .map(|row| row.name.as_str());
    (datastore, row.map(|row| row.name.as_str()))
}

/// Replaces the ids of a map by names.
fn by_name(instance: &Instance, map: &Map<String, Value>) -> Value {
    let mut out = Map::new();
    for (key, value) in map {
        let id = value.as_i64().unwrap_or_default();
        match key.as_str() {
            "ordinal" | "ref_datastore_id" | "datastore_id" => {}
            key if key.ends_with("container_id") => {
                let (datastore, container) = place(instance, id);
                let side = key.trim_end_matches("container_id");
                out.insert(format!("{side}container_name"), json!(container));
                out.insert(format!("{side}datastore_name"), json!(datastore));
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(out)
}

fn container(instance: &Instance, row: &Container) -> Value {
    let mut spec = Map::new();
    for (key, default) in keys(row.kind, &row.spec) {
        spec.insert(key.to_owned(), row.spec.get(key).cloned().unwrap_or(default));
    }
    if let Some(Value::Array(sources)) = spec.get_mut("sources") {
        for source in sources {
            *source = source
                .as_object()
                .map_or(Value::Null, |source| by_name(instance, source));
        }
    }
    let mut out = by_name(instance, &spec);
    out["datastore"] = json!(place(instance, row.meta.id).0);
    out["name"] = json!(row.name);
    out["container_type"] = json!(row.kind.name());
    out
}

fn check(instance: &Instance, row: &Check) -> Value {
    let (datastore, container) = place(instance, row.container);
    let mut fields = row.definition.fields.clone();
    fields.sort();
    json!({
        "datastore": datastore,
        "container": container,
        "rule": row.rule.name,
        "fields": fields,
        "description": row.description,
        "coverage": row.definition.coverage,
        "filter": row.definition.filter,
        "properties": by_name(instance, &row.definition.properties),
        "anomaly_message_field": row.message_field,
        "additional_metadata": row.metadata,
        "status": row.status.name(),
        "inferred": row.inferred,
        "owner": instance.users.get(row.owner).map(|user| &user.email),
    })
}

/// A text that tells two secrets apart without showing either.
fn fingerprint_of(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => fingerprint(text.as_bytes()),
        None => fingerprint(value.to_string().as_bytes()),
    }
}
