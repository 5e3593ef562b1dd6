//! Server objects in the words of the official client's files: which keys, in which order, under which names.
//!
//! What is not named here is copied as it stands, in the order in which the platform says it.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::kinds::{CONNECTION_SECRETS, UID};
use super::layout::{self, NO_CONTAINER};
use super::normalize::{PROMOTION_METADATA, generated_description};
use super::uid::Claim;
use super::wire::{self, Names};
use crate::codec;

/// Secrets of a connection that become placeholders.
const PLACEHOLDERS: [&str; 5] = [
    "password",
    "passphrase",
    "secret_key",
    "credentials_payload",
    "access_key",
];

const CONNECTION_STRIPPED: &[&str] = &[
    "id",
    "created",
    "connection_type",
    "datastores",
    "product_name",
    "product_version",
    "driver_name",
    "driver_version",
];

const DATASTORE_STRIPPED: &[&str] = &[
    "id",
    "created",
    "connected",
    "favorite",
    "latest_operation",
    "metrics",
    "anomaly_count",
    "check_count",
    "container_count",
    "field_count",
    "record_count",
    "score",
    "overall_score",
    "completeness_score",
    "conformity_score",
    "consistency_score",
    "precision_score",
    "timeliness_score",
    "volume_score",
    "accuracy_score",
    "uniqueness_score",
    "containers",
    "connection",
    "connection_id",
    "product_name",
    "product_version",
    "driver_name",
    "driver_version",
    "jdbc_url",
    "host",
    "port",
    "username",
    "parameters",
    "jdbc_fetch_size",
    "max_parallelization",
    "secrets_manager",
    "store_type",
    "type",
    "group",
    "linked_datastores",
    "has_scheduled_operations",
    "enrich_datastore",
];

const CONTAINER_STRIPPED: &[&str] = &[
    "id",
    "created",
    "status",
    "metrics",
    "computed_fields",
    "field_count",
    "anomaly_count",
    "check_count",
    "record_count",
    "score",
    "cataloged",
    "datastore",
    "favorite",
    "deleted_at",
    "last_editor",
    "latest_observability_measurement",
    "incremental_checkpoint",
    "datastore_id",
    "right_datastore_id",
];

const COMPUTED_FIELD_STRIPPED: &[&str] = &["id", "container_id", "last_editor_id", "last_editor"];

/// Rules whose properties point at a container; of all others numbers stay as they are.
const CROSS_RULES: [&str; 5] = [
    "existsIn",
    "notExistsIn",
    "isReplicaOf",
    "dataDiff",
    "aggregationComparison",
];

/// Fields of a check that a file may have and that no export writes: what is live of them is not portable.
pub const UNEXPORTED: [&str; 3] = ["owner_id", "default_anomaly_assignee_id", "template_id"];

type Object = Map<String, Json>;

/// A connection as a file.
pub(super) struct ExportedConnection {
    /// What its file says.
    pub(super) content: Object,
    /// Secrets (dotted) that the platform shows and the file does not.
    pub(super) hidden: Vec<String>,
}

/// A connection. Secrets become `${…}` of its slug and their name; so do those that the platform shows, which the official
/// client writes as they are.
pub(super) fn connection(raw: &Json, name: &str) -> ExportedConnection {
    let slug = layout::slug(name).to_uppercase();
    let placeholder = |field: &str| json!(format!("${{{slug}_{}}}", field.to_uppercase()));
    let mut out = Object::new();
    let mut hidden = Vec::new();
    for (field, value) in object(raw).filter(|(field, _)| !CONNECTION_STRIPPED.contains(&field.as_str())) {
        let value = match field.as_str() {
            secret if PLACEHOLDERS.contains(&secret) => placeholder(secret),
            "secrets_manager" => match value {
                Json::Object(vault) => {
                    let mut vault = vault.clone();
                    let payload = "credentials_payload";
                    if vault.get(payload).is_some_and(|shown| !shown.is_null()) {
                        hidden.push(format!("{field}.{payload}"));
                        vault.insert(payload.to_owned(), placeholder(payload));
                    }
                    vault.entry(payload).or_insert_with(|| placeholder(payload));
                    Json::Object(vault)
                }
                other => other.clone(),
            },
            "parameters" => match value {
                Json::Object(parameters) => {
                    let mut parameters = parameters.clone();
                    for (name, shown) in &mut parameters {
                        let path = format!("{field}.{name}");
                        if !shown.is_null() && CONNECTION_SECRETS.contains(&path.as_str()) {
                            // A field of that name beside `parameters` is another secret.
                            let is_both = CONNECTION_SECRETS.contains(&name.as_str());
                            *shown = placeholder(if is_both { path.replace('.', "_") } else { name.clone() }.as_str());
                            hidden.push(path);
                        }
                    }
                    Json::Object(parameters)
                }
                other => other.clone(),
            },
            secret if CONNECTION_SECRETS.contains(&secret) && !value.is_null() => {
                hidden.push(secret.to_owned());
                placeholder(secret)
            }
            _ => value.clone(),
        };
        out.insert(field.clone(), value);
    }
    let said = |field: &str| wire::text_of(raw, field).is_some_and(|text| !text.is_empty());
    let has_vault = raw.get("secrets_manager").is_some_and(Json::is_object);
    let kind = wire::text_of(raw, "connection_type");
    for (of_kind, beside, secret) in [("jdbc", "username", "password"), ("dfs", "access_key", "secret_key")] {
        if kind == Some(of_kind) && said(beside) && !has_vault {
            out.entry(secret).or_insert_with(|| placeholder(secret));
        }
    }
    ExportedConnection { content: out, hidden }
}

/// A datastore, its connection and enrichment by name.
pub(super) fn datastore(raw: &Json, names: &Names) -> Object {
    let mut out = Object::new();
    let id = wire::connection_id(raw);
    let stub = raw.get("connection").and_then(|stub| wire::text_of(stub, "name"));
    let connection = id
        .and_then(|id| names.connections.get(&id))
        .map(String::as_str)
        .or(stub);
    match (connection, id) {
        (Some(name), _) => {
            out.insert("connection_name".to_owned(), json!(name));
        }
        (None, Some(id)) => {
            out.insert("connection_id".to_owned(), json!(id));
        }
        (None, None) => {}
    }
    if let Some(name) = raw.get("enrich_datastore").and_then(|stub| wire::text_of(stub, "name")) {
        out.insert("enrich_datastore_name".to_owned(), json!(name));
    }
    for (field, value) in object(raw).filter(|(field, _)| !DATASTORE_STRIPPED.contains(&field.as_str())) {
        copy_with_names(&mut out, field, value, &["teams", "tags"]);
    }
    out
}

/// A computed container; `datastore` is the number of its own.
pub(super) fn container(raw: &Json, datastore: i64, names: &Names) -> Object {
    let mut out = Object::new();
    let mut resolved: BTreeSet<String> = BTreeSet::new();
    for side in ["source", "left", "right"] {
        let field = format!("{side}_container_id");
        let known = raw
            .get(&field)
            .and_then(Json::as_i64)
            .and_then(|id| names.containers.get(&id));
        let Some((owner, name)) = known else { continue };
        out.insert(format!("{side}_container_name"), json!(name));
        if side != "source"
            && *owner != datastore
            && let Some(owner) = names.datastores.get(owner)
        {
            out.insert(format!("{side}_datastore_name"), json!(owner));
        }
        resolved.insert(field);
    }
    for (field, value) in object(raw).filter(|(field, _)| !CONTAINER_STRIPPED.contains(&field.as_str())) {
        match field.as_str() {
            id if resolved.contains(id) => {}
            "source_container" | "left_container" | "right_container" if value.is_object() => {
                let name = wire::text_of(value, "name").unwrap_or_default();
                out.entry(format!("{field}_name")).or_insert_with(|| json!(name));
            }
            "sources" if value.is_array() => {
                out.insert(field.clone(), sources(value, datastore, names));
            }
            _ => copy_with_names(&mut out, field, value, &["tags"]),
        }
    }
    if let Some(name) = names.datastores.get(&datastore) {
        out.insert("datastore_name".to_owned(), json!(name));
    }
    out
}

fn sources(value: &Json, datastore: i64, names: &Names) -> Json {
    let each = |source: &Json| {
        let mut out: Object = object(source)
            .filter(|(field, _)| !["container_id", "datastore_id", "ordinal"].contains(&field.as_str()))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        let id = source.get("container_id").and_then(Json::as_i64);
        match id.map(|id| (id, names.containers.get(&id))) {
            Some((_, Some((owner, name)))) => {
                out.insert("container_name".to_owned(), json!(name));
                if *owner != datastore
                    && let Some(owner) = names.datastores.get(owner)
                {
                    out.insert("datastore_name".to_owned(), json!(owner));
                }
            }
            Some((id, None)) => {
                out.insert("container_id".to_owned(), json!(id));
            }
            None => {}
        }
        Json::Object(out)
    };
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    Json::Array(items.iter().map(each).collect())
}

/// A computed field, as its container holds it.
pub(super) fn computed_field(raw: &Json, names: &Names) -> Object {
    let mut out = Object::new();
    for (field, value) in object(raw).filter(|(field, _)| !COMPUTED_FIELD_STRIPPED.contains(&field.as_str())) {
        match (field.as_str(), value) {
            ("transformation_type", value) => {
                out.insert("transformation".to_owned(), value.clone());
            }
            ("properties", Json::Object(properties)) => {
                out.insert(field.clone(), Json::Object(with_reference_names(properties, names)));
            }
            _ => copy_with_names(&mut out, field, value, &["source_fields"]),
        }
    }
    out
}

/// A check as a file.
pub(super) struct ExportedCheck {
    /// The folder of its container.
    pub(super) folder: String,
    /// Its file's name, without number and ending.
    pub(super) stem: String,
    /// What its file says.
    pub(super) content: Object,
}

/// The fields of a check that its file is made of: all others are dropped as the pages come.
pub(super) fn trimmed_check(mut raw: Json) -> Json {
    const NEEDED: &[&str] = &[
        "id",
        "rule_type",
        "description",
        "container",
        "fields",
        "coverage",
        "filter",
        "anomaly_message_field",
        "properties",
        "global_tags",
        "tags",
        "status",
        "additional_metadata",
    ];
    if let Json::Object(raw) = &mut raw {
        raw.retain(|field, _| NEEDED.contains(&field.as_str()));
        for list in ["fields", "global_tags", "tags"] {
            if let Some(Json::Array(items)) = raw.get_mut(list) {
                items.iter_mut().for_each(|item| *item = name_of(item));
            }
        }
        if let Some(container) = raw.get_mut("container") {
            *container = name_of(container);
        }
    }
    raw
}

/// The id that a check stores.
pub(super) fn stored_uid(raw: &Json) -> Option<String> {
    match raw.get("additional_metadata")?.get(UID)? {
        Json::String(text) if text.is_empty() => None,
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// What a check, trimmed before, brings to the question which id it has.
pub(super) fn claim(raw: &Json) -> Claim {
    let text = |field: &str| wire::text_of(raw, field).unwrap_or_default();
    let generated = layout::generated_uid(text("container"), text("rule_type"), field_names(raw));
    let spec = raw.as_object().map(codec::map_from_json).unwrap_or_default();
    Claim::new(stored_uid(raw), generated, spec)
}

fn field_names(raw: &Json) -> Vec<&str> {
    let fields = raw.get("fields").and_then(Json::as_array);
    fields.into_iter().flatten().filter_map(Json::as_str).collect()
}

/// A check, trimmed before, under its id.
pub(super) fn check(raw: &Json, names: &Names, uid: &str) -> ExportedCheck {
    let rule = wire::text_of(raw, "rule_type").unwrap_or_default();
    let container = wire::text_of(raw, "container").unwrap_or_default();
    let at = |field: &str| raw.get(field).cloned().unwrap_or(Json::Null);
    let fields = field_names(raw);
    let description = match wire::text_of(raw, "description").filter(|text| !text.is_empty()) {
        Some(text) => text.to_owned(),
        None => generated_description(rule),
    };
    let properties = match raw.get("properties") {
        Some(Json::Object(properties)) if CROSS_RULES.contains(&rule) => with_reference_names(properties, names),
        Some(Json::Object(properties)) => properties.clone(),
        _ => Object::new(),
    };
    let tags = raw
        .get("global_tags")
        .filter(|tags| tags.is_array())
        .or_else(|| raw.get("tags"));
    let mut metadata = Object::new();
    // A number stays one, unless it had to give way.
    let kept = raw.get("additional_metadata").and_then(|own| own.get(UID));
    let is_own = stored_uid(raw).as_deref() == Some(uid);
    let shown = kept.filter(|kept| kept.is_number() && is_own).cloned();
    metadata.insert(UID.to_owned(), shown.unwrap_or_else(|| json!(uid)));
    for (key, value) in raw.get("additional_metadata").into_iter().flat_map(object) {
        if key != UID && !PROMOTION_METADATA.contains(&key.as_str()) {
            metadata.insert(key.clone(), value.clone());
        }
    }
    let mut content = Object::new();
    for (field, value) in [
        ("rule_type", json!(rule)),
        ("description", json!(description)),
        ("container", json!(container)),
        ("fields", json!(fields)),
        ("coverage", at("coverage")),
        ("filter", at("filter")),
        ("anomaly_message_field", at("anomaly_message_field")),
        ("properties", Json::Object(properties)),
        (
            "tags",
            tags.filter(|tags| tags.is_array())
                .cloned()
                .unwrap_or_else(|| json!([])),
        ),
        ("status", raw.get("status").cloned().unwrap_or_else(|| json!("Active"))),
        ("additional_metadata", Json::Object(metadata)),
    ] {
        content.insert(field.to_owned(), value);
    }
    ExportedCheck {
        folder: match container.is_empty() {
            true => NO_CONTAINER.to_owned(),
            false => layout::slug(container),
        },
        stem: layout::check_stem(rule, fields),
        content,
    }
}

/// The containers that an object points at by number.
pub(super) fn containers_of(raw: &Json) -> BTreeSet<i64> {
    let of_properties = |raw: &Json| {
        raw.get("properties")
            .and_then(|map| map.get("ref_container_id")?.as_i64())
    };
    let of_fields = |field: &'static str| move |raw: &Json| raw.get(field).and_then(Json::as_i64);
    let list = |field: &str| {
        raw.get(field)
            .and_then(Json::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    let ids = ["source_container_id", "left_container_id", "right_container_id"];
    let mut found: BTreeSet<i64> = ids.into_iter().filter_map(|field| of_fields(field)(raw)).collect();
    found.extend(of_properties(raw));
    found.extend(list("sources").iter().filter_map(of_fields("container_id")));
    found.extend(list("computed_fields").iter().filter_map(of_properties));
    found
}

/// Properties whose references stand at the end, by name; by number where no name is known.
fn with_reference_names(properties: &Object, names: &Names) -> Object {
    let mut out = properties.clone();
    let container = out.shift_remove("ref_container_id").and_then(|id| id.as_i64());
    let datastore = out.shift_remove("ref_datastore_id").and_then(|id| id.as_i64());
    if let Some(id) = container {
        match names.containers.get(&id) {
            Some((_, name)) => out.insert("ref_container_name".to_owned(), json!(name)),
            None => out.insert("ref_container_id".to_owned(), json!(id)),
        };
    }
    if let Some(id) = datastore {
        match names.datastores.get(&id) {
            Some(name) => out.insert("ref_datastore_name".to_owned(), json!(name)),
            None => out.insert("ref_datastore_id".to_owned(), json!(id)),
        };
    }
    out
}

/// Copies a field; lists of named objects become lists of names, and `global_tags` is called `tags`.
fn copy_with_names(out: &mut Object, field: &str, value: &Json, named: &[&str]) {
    let field = match field {
        "global_tags" => "tags",
        other => other,
    };
    let value = match value {
        Json::Array(items) if named.contains(&field) => Json::Array(items.iter().map(name_of).collect()),
        other => other.clone(),
    };
    out.insert(field.to_owned(), value);
}

/// The name of a stub, or the name itself.
fn name_of(item: &Json) -> Json {
    item.get("name").cloned().unwrap_or_else(|| item.clone())
}

fn object(raw: &Json) -> impl Iterator<Item = (&String, &Json)> {
    raw.as_object().into_iter().flatten()
}
