//! Changes made by hand: what somebody does in the web interface, behind the back of whoever manages the organisation.

use serde_json::{Map, Value, json};

use super::body::{object, text};
use super::monitor_spec::normal;
use super::organisation::Organisation;
use super::wire::Refusal;
use crate::sandbox::table::Id;

/// `POST /_sandbox/edit`: `{"kind", "where", "set": {…}}` or `{"kind", "where", "delete": true}`.
///
/// `kind` is `data_source`, `monitor` or `ci_config` (of which `ends` alone can be set); `where` names the row by `id`, by `name`, a monitor by `slug` too. What is not in `set` stays;
/// null takes a value away. Keys of a data source are those of its body, options and secrets within `options`.
pub(super) fn edit(organisation: &mut Organisation, body: &Value) -> Result<Value, Refusal> {
    let body = object(body)?;
    let nothing = Map::new();
    let part = |key: &str| body.get(key).and_then(Value::as_object).unwrap_or(&nothing);
    let (place, set) = (part("where"), part("set"));
    let is_deleted = body.get("delete") == Some(&json!(true));
    match text(body, "kind") {
        Some("data_source") => {
            let id = find(
                place,
                organisation
                    .data_sources
                    .iter()
                    .map(|row| (row.id, Some(row.name.as_str()), None)),
            )?;
            if is_deleted {
                organisation.data_sources.remove(id);
            } else {
                set_data_source(organisation, id, set);
            }
            Ok(json!({ "id": id }))
        }
        Some("monitor") => {
            let id = find(
                place,
                organisation.monitors.iter().map(|row| (row.id, row.name(), row.slug())),
            )?;
            let now = organisation.clock.precise();
            if is_deleted {
                organisation.monitors.remove(id);
            } else if let Some(row) = organisation.monitors.get_mut(id) {
                merge(&mut row.spec, set);
                row.modified = now;
            }
            Ok(json!({ "id": id }))
        }
        Some("ci_config") => {
            let rows = organisation.ci_configs.iter();
            let id = find(place, rows.map(|row| (row.id, Some(row.name.as_str()), None)))?;
            if is_deleted {
                organisation.ci_configs.remove(id);
            } else if let Some(row) = organisation.ci_configs.get_mut(id)
                && let Some(ends) = text(set, "ends")
            {
                ends.clone_into(&mut row.ends);
            }
            Ok(json!({ "id": id }))
        }
        _ => Err(Refusal::bad("kind is none of data_source, monitor, ci_config")),
    }
}

fn find<'a>(
    place: &Map<String, Value>,
    mut rows: impl Iterator<Item = (Id, Option<&'a str>, Option<&'a str>)>,
) -> Result<Id, Refusal> {
    let (id, name, slug) = (
        place.get("id").and_then(Value::as_i64),
        text(place, "name"),
        text(place, "slug"),
    );
    let is_meant = |row: &(Id, Option<&str>, Option<&str>)| {
        id.is_none_or(|id| row.0 == id)
            && name.is_none_or(|name| row.1 == Some(name))
            && slug.is_none_or(|slug| row.2 == Some(slug))
    };
    rows.find(is_meant)
        .map(|(id, ..)| id)
        .ok_or_else(|| Refusal::text(404, "nothing there"))
}

fn set_data_source(organisation: &mut Organisation, id: Id, set: &Map<String, Value>) {
    let Some(row) = organisation.data_sources.get_mut(id) else {
        return;
    };
    for (key, value) in set {
        match (key.as_str(), value) {
            ("name", Value::String(name)) => row.name.clone_from(name),
            ("options", Value::Object(options)) => {
                for (key, value) in options {
                    let kept = if row.options.contains_key(key) {
                        &mut row.options
                    } else {
                        &mut row.secrets
                    };
                    kept.insert(key.clone(), value.clone());
                }
            }
            _ => {
                row.envelope.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Writes `set` over a definition, objects key by key.
fn merge(spec: &mut Map<String, Value>, set: &Map<String, Value>) {
    for (key, value) in set {
        match (value, spec.get_mut(key)) {
            (Value::Null, _) => {
                spec.remove(key);
            }
            (Value::Object(inner), Some(Value::Object(own))) => merge(own, inner),
            _ => {
                spec.insert(key.clone(), normal(value));
            }
        }
    }
}
