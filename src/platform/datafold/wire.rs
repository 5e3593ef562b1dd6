//! What Datafold answers, read one object at a time, and what it is sent: numbers of data sources become names, and back.

use std::collections::BTreeMap;

use driftless_core::field::FieldPath;
use driftless_core::key::{Kind, RemoteId};
use driftless_core::normalize::normalize;
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::Side;
use driftless_core::snapshot::{Authorship, LiveResource, Presence};
use driftless_core::value::{Map, Value};
use serde_json::Value as Json;

use super::form::Object;
use super::kinds::{DATA_SOURCE, MONITOR, PLATFORM_VERDICT, SLUG};
use super::monitor_form::{INTERVAL, SCHEDULE};
use super::references::{connection_fields, connection_name, is_number};
use super::schema::schema;
use crate::codec;
use crate::platform::failures::failure;

/// The text of a field.
pub(super) fn text<'a>(raw: &'a Json, field: &str) -> Option<&'a str> {
    raw.get(field).and_then(Json::as_str)
}

/// The number of a field: numbers of pull requests come as texts here and there.
pub(super) fn int(raw: &Json, field: &str) -> Option<i64> {
    match raw.get(field)? {
        Json::String(digits) => digits.parse().ok(),
        number => number.as_i64(),
    }
}

fn map_of(raw: &Json) -> Map {
    raw.as_object().map(codec::map_from_json).unwrap_or_default()
}

/// A resource of a kind, of which nothing is kept besides.
pub(super) fn resource(kind: Kind, id: i64, spec: Map) -> LiveResource {
    LiveResource {
        id: RemoteId(id),
        spec: normalize(schema(), kind, Side::Live, spec),
        base: None,
        presence: Presence::Active,
        authorship: Authorship::Authored,
        unread: Vec::new(),
        edited: None,
    }
}

/// A data source.
pub(super) fn data_source(raw: &Json) -> Option<LiveResource> {
    Some(resource(DATA_SOURCE, int(raw, "id")?, map_of(raw)))
}

/// What the list says of a monitor.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// Its number.
    pub(super) id: i64,
    /// Its name.
    pub(super) name: Option<String>,
    /// Its type: `diff`, `metric`, `schema`, `test`.
    pub(super) sort: Option<String>,
    /// All of it.
    pub(super) raw: Json,
}

/// A monitor of the list.
pub(super) fn listed(raw: Json) -> Option<Listed> {
    let own = |field: &str| text(&raw, field).map(str::to_owned);
    Some(Listed {
        id: int(&raw, "id")?,
        name: own("name"),
        sort: own("monitor_type"),
        raw,
    })
}

/// The fields of a monitor's data that the platform shows.
const SHOWN_OF_DATA: [&str; 5] = ["table", "query", "column", "filter", "metric"];

/// A monitor in the words of the files, as far as the platform shows it. Its data comes as a list of datasets, whatever its type.
pub(super) fn shown(raw: &Json) -> Map {
    let mut spec = Map::new();
    for (wire, file) in [
        ("name", "name"),
        ("description", "description"),
        ("enabled", "enabled"),
        ("schedule", "schedule"),
        ("notifications", "notifications"),
        ("tags", "tags"),
        ("owner", "owner"),
        ("monitor_type", "type"),
    ] {
        if let Some(value) = raw.get(wire) {
            spec.insert(file.to_owned(), codec::from_json(value));
        }
    }
    // What the platform says of a schedule beyond the words of the files can stand in no document.
    if let Some(Value::Map(schedule)) = spec.get_mut("schedule") {
        only_known(schedule, &SCHEDULE);
        if let Some(Value::Map(interval)) = schedule.get_mut("interval") {
            only_known(interval, &INTERVAL);
        }
    }
    if let Some(alert) = raw.get("alert") {
        let mut alert = codec::from_json(alert);
        // The type of a diff's alert stands in the answer only (`reference` 7.2).
        if let Value::Map(alert) = &mut alert
            && alert.get("type").and_then(Value::as_str) == Some("diff")
        {
            alert.shift_remove("type");
        }
        spec.insert("alert".to_owned(), alert);
    }
    let datasets = raw.get("dataset").and_then(Json::as_array).map(Vec::as_slice);
    let sort = text(raw, "monitor_type").unwrap_or_default();
    match (sort, datasets.unwrap_or_default()) {
        ("diff", [first, second]) => {
            for (side, raw) in [("dataset_a", first), ("dataset_b", second)] {
                for field in ["connection_id", "table", "query", "filter"] {
                    place(&mut spec, &["datadiff", side, field], raw, field);
                }
            }
        }
        ("metric", [one]) => {
            place(&mut spec, &["connection_id"], one, "connection_id");
            for field in SHOWN_OF_DATA {
                place(&mut spec, &["metric", field], one, field);
            }
        }
        ("test", [one]) => {
            place(&mut spec, &["connection_id"], one, "connection_id");
            place(&mut spec, &["query"], one, "query");
        }
        ("schema", [one]) => {
            place(&mut spec, &["connection_id"], one, "connection_id");
            place(&mut spec, &["table"], one, "table");
        }
        // Of one that watches many tables, the list of them is what it makes of its patterns.
        _ => {}
    }
    spec
}

fn only_known(map: &mut Map, object: &Object) {
    map.retain(|field, value| !value.is_null() && object.field(field).is_some());
}

fn place(spec: &mut Map, path: &[&str], raw: &Json, field: &str) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if let Some(value) = raw.get(field).filter(|value| !value.is_null()) {
        let path = rest.iter().fold(FieldPath::top(*first), |path, name| path.child(*name));
        path.set(spec, codec::from_json(value));
    }
}

/// What is live of a monitor: what the platform shows in the fields that `said` or `wanted` names; the rest is as `said`.
pub(super) fn completed(said: &Map, wanted: &Map, shown: &Map, names: &BTreeMap<i64, String>) -> Map {
    let mut spec = said.clone();
    for field in said.keys().chain(wanted.keys()) {
        match (field.as_str(), shown.get(field)) {
            ("metric" | "datadiff", Some(Value::Map(shown))) => {
                let part = overlaid(part_of(said, field), part_of(wanted, field), shown);
                spec.insert(field.clone(), Value::Map(part));
            }
            (_, Some(shown)) => {
                spec.insert(field.clone(), shown.clone());
            }
            (_, None) => {}
        }
    }
    name_connections(said, &mut spec, names);
    name_connections(wanted, &mut spec, names);
    spec
}

fn part_of<'a>(spec: &'a Map, field: &str) -> Option<&'a Map> {
    spec.get(field).and_then(Value::as_map)
}

/// Of a part that the platform shows in part: what it shows, over what was said. A shown field that it leaves empty is absent.
fn overlaid(said: Option<&Map>, wanted: Option<&Map>, shown: &Map) -> Map {
    let mut part = said.cloned().unwrap_or_default();
    let fields = said.into_iter().chain(wanted).flat_map(|map| map.keys());
    for field in fields {
        let is_shown = SHOWN_OF_DATA.contains(&field.as_str()) || field == "connection_id";
        match shown.get(field) {
            Some(Value::Map(shown)) => {
                let below = |map: Option<&'_ Map>| map.and_then(|map| part_of(map, field)).cloned();
                let (said, wanted) = (below(said), below(wanted));
                part.insert(
                    field.clone(),
                    Value::Map(overlaid(said.as_ref(), wanted.as_ref(), shown)),
                );
            }
            Some(shown) => {
                part.insert(field.clone(), shown.clone());
            }
            None if is_shown && !matches!(part.get(field), Some(Value::Null | Value::Map(_))) => {
                part.shift_remove(field);
            }
            None => {}
        }
    }
    part
}

/// The top-level fields of `said` that the platform does not show, or shows in part only.
pub(super) fn not_shown(said: &Map, shown: &Map) -> Vec<String> {
    let is_shown = |field: &str, value: &Value| match (field, shown.get(field), value) {
        (SLUG | "id", _, _) => true,
        (_, None, _) | ("datadiff", _, _) => false,
        ("metric", Some(_), Value::Map(said)) => said.keys().all(|field| SHOWN_OF_DATA.contains(&field.as_str())),
        (_, Some(_), _) => true,
    };
    let hidden = said.iter().filter(|(field, value)| !is_shown(field, value));
    hidden.map(|(field, _)| field.clone()).collect()
}

/// Says numbers of data sources as `said` says them: by name, or as a text of digits.
fn name_connections(said: &Map, spec: &mut Map, names: &BTreeMap<i64, String>) {
    for field in connection_fields(MONITOR) {
        let path = FieldPath::dotted(field);
        let (Some(wanted), Some(id)) = (path.get(said).and_then(Value::as_str), path.get(spec)) else {
            continue;
        };
        let Some(id) = id.as_i64() else { continue };
        let name = match is_number(wanted) {
            true => Some(id.to_string()),
            false => names.get(&id).cloned(),
        };
        if let Some(name) = name {
            path.set(spec, Value::from(name));
        }
    }
}

/// A monitor as it is provisioned: without what is ours, without nulls, its data sources by number.
///
/// # Errors
/// A data source of that name that has no number.
pub(super) fn sent(spec: &Map, number: impl Fn(&str) -> Option<i64>) -> Result<Json, Failure> {
    let mut spec = spec.clone();
    spec.shift_remove(SLUG);
    spec.shift_remove(PLATFORM_VERDICT);
    for field in connection_fields(MONITOR) {
        let path = FieldPath::dotted(field);
        let Some(value) = path.get(&spec) else { continue };
        let id = match (connection_name(value), value.as_str()) {
            (Some(name), _) => number(name).ok_or_else(|| {
                let message = format!("data source `{name}` has no number on this instance yet");
                let mut failure = failure(Meaning::Invalid, message);
                failure.fields = vec![(path.clone(), "is not there".to_owned())];
                failure
            })?,
            (None, Some(digits)) => match digits.parse() {
                Ok(id) => id,
                Err(_) => continue,
            },
            (None, None) => continue,
        };
        path.set(&mut spec, Value::from(id));
    }
    // The vendor's schema takes no null: what is null is not said.
    let mut spec = Value::Map(spec);
    drop_nulls(&mut spec);
    Ok(codec::sent(&spec))
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Map(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::List(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Secret(_) => {}
    }
}

/// Who changed a monitor last and when, as far as the platform says it: when it was, and whose it is.
pub(super) fn edited(raw: &Json) -> Option<String> {
    let moment = text(raw, "modified_at")?;
    Some(match text(raw, "owner") {
        Some(owner) => format!("somebody at {moment}, owner {owner}"),
        None => format!("somebody at {moment}"),
    })
}

/// Whether a value says the same as what is live: a map says so of its own keys, and a secret cannot be compared.
pub(super) fn is_written(wanted: &Value, live: Option<&Value>) -> bool {
    match (wanted, live) {
        (Value::Secret(_), _) | (Value::Null, None | Some(Value::Null)) => true,
        (Value::Map(wanted), Some(Value::Map(live))) => {
            wanted.iter().all(|(field, value)| is_written(value, live.get(field)))
        }
        (Value::Map(wanted), None | Some(Value::Null)) => wanted.values().all(|value| is_written(value, None)),
        (wanted, Some(live)) => wanted.agrees(live),
        (_, None) => false,
    }
}
