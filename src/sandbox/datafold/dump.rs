//! What an organisation holds, for tests to compare.

use serde_json::{Map, Value, json};

use super::monitor::{Managed, Monitor, Notices};
use super::organisation::Organisation;
use crate::sandbox::fingerprint::fingerprint;
use crate::sandbox::platform::Detail;

/// The dump: data sources and monitors, in the order of their ids; secrets show as fingerprints.
pub(super) fn dump(organisation: &Organisation, detail: Detail) -> Value {
    let numbered = |id: i64, mut row: Map<String, Value>| {
        if detail == Detail::Full {
            row.insert("id".to_owned(), json!(id));
        }
        Value::Object(row)
    };
    let data_sources: Vec<Value> = organisation
        .data_sources
        .iter()
        .map(|row| {
            let secrets: Map<String, Value> = row
                .secrets
                .iter()
                .map(|(key, value)| (key.clone(), fingerprint(value.to_string().as_bytes())))
                .collect();
            let mut out = Map::new();
            out.insert("name".to_owned(), json!(row.name));
            out.insert("type".to_owned(), json!(row.kind));
            out.insert("options".to_owned(), json!(row.options));
            out.insert("secrets".to_owned(), json!(secrets));
            out.extend(row.envelope.clone());
            numbered(row.id, out)
        })
        .collect();
    let monitors: Vec<Value> = organisation
        .monitors
        .iter()
        .map(|row| numbered(row.id, monitor(row)))
        .collect();
    json!({ "data_sources": data_sources, "monitors": monitors })
}

fn monitor(row: &Monitor) -> Map<String, Value> {
    let mut out = Map::new();
    if let Managed::ByCode { slug, table } = &row.managed {
        out.insert("slug".to_owned(), json!(slug));
        if let Some(table) = table {
            out.insert("found_table".to_owned(), json!(table));
        }
    }
    out.insert("type".to_owned(), json!(row.kind.name()));
    out.insert("paused".to_owned(), json!(row.notices == Notices::Paused));
    out.extend(row.spec.clone());
    out
}
