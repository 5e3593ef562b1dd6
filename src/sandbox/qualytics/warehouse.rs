//! What lies behind a datastore: the tables, views and files that only a sync makes known.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// A table, view or file as it physically exists.
#[derive(Clone)]
pub(super) struct Physical {
    pub(super) name: String,
    pub(super) kind: PhysicalKind,
    /// Columns, each with its type.
    pub(super) fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PhysicalKind {
    Table,
    View,
    File,
}

impl PhysicalKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::File => "file",
        }
    }
}

/// Everything physical, by place: `database|schema`, or `uri|root_path` for an object store.
#[derive(Default)]
pub(super) struct Warehouse(HashMap<String, Vec<Physical>>);

impl Warehouse {
    pub(super) fn at(&self, place: &str) -> &[Physical] {
        self.0.get(place).map_or(&[], Vec::as_slice)
    }

    /// Reads `{"database|schema": [{"name","kind":"table|view|file","fields":[[name,type],…]}]}` over what is there:
    /// a place that is named is replaced.
    pub(super) fn load(&mut self, seed: &Value) -> Result<(), String> {
        let Some(places) = seed.as_object() else {
            return if seed.is_null() {
                Ok(())
            } else {
                Err("warehouse: should be an object of places".to_owned())
            };
        };
        for (place, contents) in places {
            let rows = contents
                .as_array()
                .ok_or_else(|| format!("warehouse.{place}: should be a list"))?;
            let read: Result<Vec<Physical>, String> = rows
                .iter()
                .map(|row| physical(row).map_err(|fault| format!("warehouse.{place}: {fault}")))
                .collect();
            self.0.insert(place.clone(), read?);
        }
        Ok(())
    }

    pub(super) fn dump(&self) -> Value {
        let mut places: Vec<&String> = self.0.keys().collect();
        places.sort();
        let mut out = Map::new();
        for place in places {
            let rows: Vec<Value> = self
                .at(place)
                .iter()
                .map(|row| json!({ "name": row.name, "kind": row.kind.name(), "fields": row.fields }))
                .collect();
            out.insert(place.clone(), Value::Array(rows));
        }
        Value::Object(out)
    }
}

fn physical(row: &Value) -> Result<Physical, String> {
    let name = row["name"].as_str().ok_or("an entry without a name")?.to_owned();
    let kind = match row["kind"].as_str() {
        None | Some("table") => PhysicalKind::Table,
        Some("view") => PhysicalKind::View,
        Some("file") => PhysicalKind::File,
        Some(other) => return Err(format!("{name}: kind '{other}' is none of table, view, file")),
    };
    let fields = row["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(column)
        .collect::<Option<Vec<_>>>();
    let fields = fields.ok_or_else(|| format!("{name}: fields should be [name, type] or name"))?;
    Ok(Physical { name, kind, fields })
}

/// `[name, type]`, `{"name","type"}`, or a name alone, which is a String.
fn column(value: &Value) -> Option<(String, String)> {
    match value {
        Value::String(name) => Some((name.clone(), "String".to_owned())),
        Value::Array(pair) => Some((pair.first()?.as_str()?.to_owned(), pair.get(1)?.as_str()?.to_owned())),
        Value::Object(object) => {
            let kind = object.get("type").and_then(Value::as_str).unwrap_or("String");
            Some((object.get("name")?.as_str()?.to_owned(), kind.to_owned()))
        }
        _ => None,
    }
}
