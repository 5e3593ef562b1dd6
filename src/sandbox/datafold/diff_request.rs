//! One comparison that is asked for when diffs are handed in.

use serde_json::{Map, Value, json};

use super::body::{Faults, names, text};
use super::wire::Refusal;

/// Two tables, and how they are compared.
pub(super) struct DiffRequest {
    pub(super) prod: String,
    pub(super) pr: String,
    pub(super) pk: Vec<String>,
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
}

impl DiffRequest {
    /// The requests of a body, which is a bare array. Keys that are not known are dropped.
    pub(super) fn parse_all(body: &Value) -> Result<Vec<Self>, Refusal> {
        let Some(items) = body.as_array() else {
            return Err(Refusal::invalid(
                json!(["body"]),
                "value is not a valid list",
                "type_error.list",
            ));
        };
        let mut faults = Faults::default();
        let nothing = Map::new();
        let mut requests = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let place = at.to_string();
            let map = item.as_object();
            if map.is_none() {
                faults.add(&[&place], "value is not a valid dict", "type_error.dict");
            }
            requests.push(parse(&mut faults, &place, map.unwrap_or(&nothing)));
        }
        faults.done()?;
        Ok(requests)
    }
}

fn parse(faults: &mut Faults, at: &str, map: &Map<String, Value>) -> DiffRequest {
    for key in ["prod", "pr"] {
        match map.get(key) {
            None => faults.add(&[at, key], "field required", "value_error.missing"),
            Some(value) if !value.is_string() => faults.add(&[at, key], "str type expected", "type_error.str"),
            Some(_) => {}
        }
    }
    for key in ["pk", "include_columns", "exclude_columns"] {
        let value = map.get(key);
        let is_absent = value.is_none() || (key == "pk" && value == Some(&Value::Null));
        let texts = value
            .and_then(Value::as_array)
            .is_some_and(|items| items.iter().all(Value::is_string));
        if !is_absent && !texts {
            faults.add(&[at, key], "value is not a valid list of strings", "type_error.list");
        }
    }
    let listed = |key: &str| map.get(key).map(names).unwrap_or_default();
    let pk = listed("pk");
    let sent = map.get("pk").and_then(Value::as_array).map_or(0, Vec::len);
    if sent > pk.len() {
        faults.add(
            &[at, "pk"],
            "the list has duplicated items",
            "value_error.list.unique_items",
        );
    }
    DiffRequest {
        prod: text(map, "prod").unwrap_or_default().to_owned(),
        pr: text(map, "pr").unwrap_or_default().to_owned(),
        pk,
        include: listed("include_columns"),
        exclude: listed("exclude_columns"),
    }
}
