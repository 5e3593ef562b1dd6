//! What Qualytics answers, read one object at a time: server words and numbers become the portable words of the files.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::key::{Kind, RemoteId};
use driftless_core::schema::Side;
use driftless_core::snapshot::{Authorship, LiveResource, Presence};
use driftless_core::value::{Map, Value};
use serde_json::Value as Json;

use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE};
use super::normalize::PROMOTION_METADATA;
use super::references::{CONTAINER_NAMES, ContainerName, PROPERTY_NAME};
use super::schema::schema;
use crate::codec;

/// The names behind an instance's numbers, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) connections: BTreeMap<i64, String>,
    pub(super) datastores: BTreeMap<i64, String>,
    /// Containers with the number of their datastore.
    pub(super) containers: BTreeMap<i64, (i64, String)>,
}

/// What a portable form is made for.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) names: &'a Names,
    /// The datastore in which the thing lies.
    pub(super) datastore: i64,
    /// What Git says of the thing, if it does: whether a file names its own datastore beside a container is its own choice.
    pub(super) desired: Option<&'a Map>,
}

/// The number of a thing.
pub(super) fn id_of(raw: &Json) -> Option<i64> {
    raw.get("id").and_then(Json::as_i64)
}

/// The text of a field.
pub(super) fn text_of<'a>(raw: &'a Json, field: &str) -> Option<&'a str> {
    raw.get(field).and_then(Json::as_str)
}

/// The types of containers that are written by people; all others are discovered.
pub(super) fn is_computed(container_type: &str) -> bool {
    container_type.starts_with("computed_")
}

/// A connection.
pub(super) fn connection(raw: &Json) -> Option<LiveResource> {
    let spec = map_of(raw);
    resource(CONNECTION, raw, spec)
}

/// A datastore.
pub(super) fn datastore(raw: &Json, names: &Names) -> Option<LiveResource> {
    let mut spec = map_of(raw);
    let stub = raw.get("connection").and_then(|stub| text_of(stub, "name"));
    let id = connection_id(raw);
    let connection = id
        .and_then(|id| names.connections.get(&id))
        .map(String::as_str)
        .or(stub);
    match connection {
        Some(name) => spec.insert("connection_name".to_owned(), Value::from(name)),
        None => spec.shift_remove("connection_name"),
    };
    let enrichment = raw.get("enrich_datastore");
    let by_number = || {
        let id = raw.get("enrichment_datastore_id").and_then(Json::as_i64)?;
        names.datastores.get(&id).map(String::as_str)
    };
    let linked = enrichment.and_then(|stub| text_of(stub, "name")).or_else(by_number);
    spec.insert(
        "enrich_datastore_name".to_owned(),
        linked.map_or(Value::Null, Value::from),
    );
    let is_unknown = connection.is_none() && id.is_some();
    let mut live = resource(DATASTORE, raw, spec)?;
    if is_unknown {
        live.unread.push("connection_name".to_owned());
    }
    live.base = Some(kept(raw, &["type", "store_type", "favorite"], id)?.into());
    Some(live)
}

/// The number of a datastore's connection, in the present and in the older shape.
pub(super) fn connection_id(raw: &Json) -> Option<i64> {
    let number = raw.get("connection_id").and_then(Json::as_i64);
    number.or_else(|| raw.get("connection").and_then(id_of))
}

fn kept(raw: &Json, fields: &[&str], connection: Option<i64>) -> Option<Value> {
    let raw = raw.as_object()?;
    let mut base: Map = fields
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), codec::from_json(raw.get(*field)?))))
        .collect();
    if let Some(id) = connection {
        base.insert("connection_id".to_owned(), Value::from(id));
    }
    Some(Value::Map(base))
}

/// A computed container.
pub(super) fn container(raw: &Json, context: Context<'_>) -> Option<LiveResource> {
    let mut spec = map_of(raw);
    for names in &CONTAINER_NAMES {
        let stem = names.container.trim_end_matches("_name");
        let stub = raw.get(stem);
        let id = raw
            .get(format!("{stem}_id"))
            .and_then(Json::as_i64)
            .or_else(|| stub.and_then(id_of));
        let Some(id) = id else { continue };
        let stub = stub.and_then(|stub| text_of(stub, "name"));
        name_container(&mut spec, names, id, stub, context.datastore, context.desired, context);
    }
    if let Some(Value::List(sources)) = spec.get_mut("sources") {
        let wanted = context.desired.and_then(|desired| desired.get("sources")?.as_list());
        for (index, source) in sources.iter_mut().enumerate() {
            let Value::Map(source) = source else { continue };
            let Some(id) = source.get("container_id").and_then(Value::as_i64) else {
                continue;
            };
            let names = ContainerName {
                container: "container_name",
                datastore: "datastore_name",
            };
            let wanted = wanted.and_then(|wanted| wanted.get(index)?.as_map());
            if name_container(source, &names, id, None, context.datastore, wanted, context) {
                source.shift_remove("container_id");
            }
        }
    }
    resource(CONTAINER, raw, spec)
}

/// A computed field, as its container holds it.
pub(super) fn computed_field(raw: &Json, context: Context<'_>) -> Option<LiveResource> {
    let mut spec = map_of(raw);
    name_property(&mut spec, context);
    resource(COMPUTED_FIELD, raw, spec)
}

/// A check, with the id that it stores, and the numbers of the container and datastore that its properties point at as long as
/// no name is known for them.
pub(super) struct LiveCheck {
    pub(super) resource: LiveResource,
    /// The id that it stores.
    pub(super) stored: Option<String>,
    /// The id that it would be given.
    pub(super) generated: String,
    /// A container that its properties point at by number.
    pub(super) unnamed: Option<Unnamed>,
}

/// A container that is known by number only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unnamed {
    pub(super) container: i64,
    /// Its datastore, where the platform says it.
    pub(super) datastore: Option<i64>,
}

/// The fields of a check that are read whether or not Git names them.
const CHECK_FIELDS: &[&str] = &[
    "rule_type",
    "description",
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

/// A check. `further` are the fields that Git names beyond the known ones.
pub(super) fn check(raw: &Json, further: &BTreeSet<String>, context: Context<'_>) -> Option<LiveCheck> {
    let mut spec: Map = raw
        .as_object()?
        .iter()
        .filter(|(field, _)| CHECK_FIELDS.contains(&field.as_str()) || further.contains(*field))
        .map(|(field, value)| (field.clone(), codec::from_json(value)))
        .collect();
    for absent in ["description", "coverage", "filter", "anomaly_message_field"] {
        spec.entry(absent.to_owned()).or_insert(Value::Null);
    }
    let container = raw.get("container").and_then(|stub| text_of(stub, "name"));
    let by_number = || {
        let id = raw.get("container_id").and_then(Json::as_i64)?;
        context.names.containers.get(&id).map(|(_, name)| name.as_str())
    };
    let container = container.or_else(by_number).unwrap_or_default();
    spec.insert("container".to_owned(), Value::from(container));
    for (field, stub) in [
        ("owner_id", "owner"),
        ("default_anomaly_assignee_id", "default_anomaly_assignee"),
        ("template_id", "template"),
    ] {
        if further.contains(field) {
            let id = raw.get(stub).and_then(id_of);
            spec.insert(field.to_owned(), id.map_or(Value::Null, Value::from));
        }
    }
    let unnamed = name_property(&mut spec, context);
    let stored = super::layout::stored_uid(&spec);
    let rule = text_of(raw, "rule_type").unwrap_or_default();
    let generated = super::layout::generated_uid(container, rule, super::layout::field_names(&spec));
    let base = check_base(&spec);
    let mut live = resource(CHECK, raw, spec)?;
    live.base = base.map(Into::into);
    if is_away(raw) {
        live.presence = Presence::Archived;
    }
    if raw.get("inferred").and_then(Json::as_bool) == Some(true) {
        live.authorship = Authorship::Inferred {
            fields: &["properties", "coverage", "filter", "fields"],
        };
    }
    Some(LiveCheck {
        resource: live,
        stored,
        generated,
        unnamed,
    })
}

/// Whether a check is archived.
pub(super) fn is_away(raw: &Json) -> bool {
    matches!(text_of(raw, "status"), Some("Discarded" | "Invalid"))
        || raw.get("deleted_at").is_some_and(|moment| !moment.is_null())
}

/// What a check's PUT needs beyond what is compared: metadata of the platform's own.
fn check_base(spec: &Map) -> Option<Value> {
    let metadata = spec.get("additional_metadata").and_then(Value::as_map)?;
    let promoted: Map = PROMOTION_METADATA
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), metadata.get(*name)?.clone())))
        .collect();
    (!promoted.is_empty()).then(|| Map::from([("additional_metadata".to_owned(), Value::Map(promoted))]).into())
}

/// Puts names in the place of the numbers in `properties`; what no name is known for is returned, and stays.
fn name_property(spec: &mut Map, context: Context<'_>) -> Option<Unnamed> {
    let wanted = context.desired.and_then(|desired| desired.get("properties")?.as_map());
    let Some(Value::Map(properties)) = spec.get_mut("properties") else {
        return None;
    };
    let number = |properties: &Map, field| properties.get(field).and_then(Value::as_i64);
    let container = number(properties, "ref_container_id");
    let datastore = number(properties, "ref_datastore_id");
    let container = container?;
    if name_container(
        properties,
        &PROPERTY_NAME,
        container,
        None,
        context.datastore,
        wanted,
        context,
    ) {
        properties.shift_remove("ref_container_id");
        properties.shift_remove("ref_datastore_id");
        return None;
    }
    Some(Unnamed { container, datastore })
}

/// Names what a check could not name when it was read, now that more names are known.
pub(super) fn name_late(check: &mut LiveCheck, context: Context<'_>) {
    check.unnamed = name_property(&mut check.resource.spec, context);
}

/// Writes the name of container `id` into `map`, and that of its datastore when it is another one or when `wanted` has one.
/// Says whether the name is known.
fn name_container(
    map: &mut Map,
    fields: &ContainerName,
    id: i64,
    stub: Option<&str>,
    owner: i64,
    wanted: Option<&Map>,
    context: Context<'_>,
) -> bool {
    let known = context.names.containers.get(&id);
    let Some(name) = known.map(|(_, name)| name.as_str()).or(stub) else {
        return false;
    };
    map.insert(fields.container.to_owned(), Value::from(name));
    let datastore = known.map_or(owner, |(datastore, _)| *datastore);
    let says_it = wanted.is_some_and(|wanted| wanted.contains_key(fields.datastore));
    if (datastore != owner || says_it)
        && let Some(name) = context.names.datastores.get(&datastore)
    {
        map.insert(fields.datastore.to_owned(), Value::from(name.as_str()));
    } else {
        map.shift_remove(fields.datastore);
    }
    true
}

fn map_of(raw: &Json) -> Map {
    raw.as_object().map(codec::map_from_json).unwrap_or_default()
}

/// The resource of a spec, which is normalised here.
fn resource(kind: Kind, raw: &Json, spec: Map) -> Option<LiveResource> {
    let mut spec = driftless_core::normalize::normalize(schema(), kind, Side::Live, spec);
    // It stays as long as the pass, and was made for more fields than it has now.
    spec.shrink_to_fit();
    Some(LiveResource {
        id: RemoteId(id_of(raw)?),
        spec,
        base: None,
        presence: Presence::Active,
        authorship: Authorship::Authored,
        unread: Vec::new(),
        edited: edited(raw),
    })
}

/// Who changed it last and when, in the platform's words.
fn edited(raw: &Json) -> Option<String> {
    let who = raw
        .get("last_editor")
        .and_then(|user| text_of(user, "name").or_else(|| text_of(user, "email")));
    let when = ["last_updated", "updated"].iter().find_map(|field| text_of(raw, field));
    match (who, when) {
        (Some(who), Some(when)) => Some(format!("{who}, {when}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}
