//! Definitions of monitors: what a body or a file must hold, and what is kept of it.

use serde_json::{Map, Value, json};

use super::body::{Faults, given, text};
use super::monitor::Kind;
use super::wire::Refusal;

/// Where a definition comes from: files may name more than the API takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Api,
    Code,
}

const COMMON: [&str; 7] = [
    "name",
    "description",
    "enabled",
    "schedule",
    "notifications",
    "tags",
    "owner",
];

/// The keys of a kind beside the common ones.
fn own(kind: Kind, from: From) -> &'static [&'static str] {
    match (kind, from) {
        (Kind::Diff, _) => &["datadiff", "alert"],
        (Kind::Metric, From::Api) => &["connection_id", "metric", "alert"],
        (Kind::Metric, From::Code) => &["connection_id", "metric", "alert", "include_tables", "exclude_tables"],
        (Kind::Test, _) => &["connection_id", "query", "test"],
        (Kind::Schema, From::Api) => &["connection_id", "table"],
        (Kind::Schema, From::Code) => &["connection_id", "table", "include_tables", "exclude_tables"],
    }
}

/// What is kept of a definition: keys that are not known and nulls are dropped, defaults are filled in.
pub(super) fn kept(kind: Kind, from: From, body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    check(kind, from, body)?;
    let mut spec: Map<String, Value> = COMMON
        .iter()
        .chain(own(kind, from))
        .filter_map(|key| Some(((*key).to_owned(), normal(given(body, key)?))))
        .collect();
    spec.entry("enabled").or_insert(json!(true));
    spec.entry("tags").or_insert(json!([]));
    spec.entry("notifications").or_insert(json!([]));
    Ok(spec)
}

/// A value without nulls in objects, numbers by their value.
pub(super) fn normal(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), normal(value)))
            .collect(),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Number(number) if number.as_i64().is_none() => {
            number.as_f64().map_or_else(|| value.clone(), |n| json!(n))
        }
        other => other.clone(),
    }
}

fn check(kind: Kind, from: From, body: &Map<String, Value>) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    faults.texts(body, &["name", "description", "owner", "query", "table"]);
    faults.flags(body, &["enabled"]);
    if from == From::Api {
        faults.need(body, &["name"]);
    }
    faults.need(body, &["schedule"]);
    for key in ["tags", "notifications"] {
        if body.get(key).is_some_and(|value| !value.is_array()) {
            faults.add(&[key], "value is not a valid list", "type_error.list");
        }
    }
    faults.lists_of_texts(body, &["tags"]);
    schedule(&mut faults, body);
    notifications(&mut faults, body);
    match kind {
        Kind::Diff => datadiff(&mut faults, body),
        Kind::Metric => {
            connection(&mut faults, &[], body);
            metric(&mut faults, from, body);
        }
        Kind::Test => {
            connection(&mut faults, &[], body);
            if given(body, "query").is_some() == given(body, "test").is_some() {
                faults.add(&["query"], "exactly one of query and test is expected", "value_error");
            }
        }
        Kind::Schema => connection(&mut faults, &[], body),
    }
    alert(&mut faults, kind, body);
    faults.done()
}

fn connection(faults: &mut Faults, place: &[&str], map: &Map<String, Value>) {
    let at: Vec<&str> = place.iter().copied().chain(["connection_id"]).collect();
    match given(map, "connection_id") {
        None => faults.add(&at, "field required", "value_error.missing"),
        Some(id) if id.as_i64().is_none() => faults.add(&at, "value is not a valid integer", "type_error.integer"),
        Some(_) => {}
    }
}

/// The faults of a body's schedule.
pub(super) fn schedule(faults: &mut Faults, body: &Map<String, Value>) {
    let Some(value) = given(body, "schedule") else { return };
    let place = &["schedule"];
    let Some(map) = value.as_object() else {
        faults.add(place, "value is not a valid dict", "type_error.dict");
        return;
    };
    if let Some(interval) = given(map, "interval").and_then(Value::as_object) {
        match text(interval, "every") {
            Some("hour") => {}
            Some("day") => {
                let hour = given(interval, "hour");
                if hour.is_some_and(|hour| !hour.as_i64().is_some_and(|hour| (0..24).contains(&hour))) {
                    faults.add(
                        &["schedule", "interval", "hour"],
                        "ensure this value is between 0 and 23",
                        "value_error.number",
                    );
                }
                if hour.is_some() == given(interval, "utc_at").is_some() {
                    faults.add(
                        &["schedule", "interval"],
                        "exactly one of hour and utc_at is expected",
                        "value_error",
                    );
                }
            }
            _ => faults.add(
                &["schedule", "interval", "every"],
                "value is not a valid enumeration member; permitted: 'hour', 'day'",
                "type_error.enum",
            ),
        }
    } else if text(map, "cron").is_none() && text(map, "type") != Some("none") {
        faults.add(
            place,
            "one of interval, cron and type 'none' is expected",
            "value_error",
        );
    }
}

/// The faults of a body's notifications.
pub(super) fn notifications(faults: &mut Faults, body: &Map<String, Value>) {
    let listed = body.get("notifications").and_then(Value::as_array);
    for (at, item) in listed.into_iter().flatten().enumerate() {
        let at = at.to_string();
        let nothing = Map::new();
        let map = item.as_object().unwrap_or(&nothing);
        let needed: &[&str] = match text(map, "type") {
            Some("email") => &["recipients"],
            Some("slack" | "teams") => &["integration", "channel"],
            Some("pagerduty" | "webhook") => &["integration"],
            _ => {
                faults.add(
                    &["notifications", &at, "type"],
                    "no match for discriminator 'type'",
                    "value_error.discriminated_union",
                );
                continue;
            }
        };
        for key in needed.iter().filter(|key| given(map, key).is_none()) {
            faults.add(&["notifications", &at, key], "field required", "value_error.missing");
        }
    }
}

fn datadiff(faults: &mut Faults, body: &Map<String, Value>) {
    let Some(map) = given(body, "datadiff").and_then(Value::as_object) else {
        faults.add(&["datadiff"], "field required", "value_error.missing");
        return;
    };
    if !matches!(text(map, "diff_type"), Some("indb" | "inmem")) {
        faults.add(
            &["datadiff", "diff_type"],
            "value is not a valid enumeration member; permitted: 'indb', 'inmem'",
            "type_error.enum",
        );
    }
    if !given(map, "primary_key").is_some_and(Value::is_array) {
        faults.add(
            &["datadiff", "primary_key"],
            "value is not a valid list",
            "type_error.list",
        );
    }
    for side in ["dataset_a", "dataset_b"] {
        match given(map, side).and_then(Value::as_object) {
            None => faults.add(&["datadiff", side], "field required", "value_error.missing"),
            Some(dataset) => {
                connection(faults, &["datadiff", side], dataset);
                if given(dataset, "table").is_some() == given(dataset, "query").is_some() {
                    faults.add(
                        &["datadiff", side],
                        "exactly one of table and query is expected",
                        "value_error",
                    );
                }
            }
        }
    }
}

const TABLE_METRICS: [&str; 2] = ["row_count", "freshness"];
const COLUMN_METRICS: [&str; 9] = [
    "minimum",
    "maximum",
    "std_dev",
    "cardinality",
    "uniqueness",
    "median",
    "average",
    "sum",
    "fill_rate",
];
/// What files may name beyond the API's metrics.
const RAW_METRICS: [&str; 13] = [
    "total",
    "distinct",
    "column_count",
    "freshness_seconds",
    "freshness_minutes",
    "nulls",
    "min",
    "max",
    "qmin",
    "qmax",
    "stddev",
    "col_freshness_minutes",
    "row_count",
];

fn metric(faults: &mut Faults, from: From, body: &Map<String, Value>) {
    let Some(map) = given(body, "metric").and_then(Value::as_object) else {
        faults.add(&["metric"], "field required", "value_error.missing");
        return;
    };
    let mut need = |keys: &[&str]| {
        for key in keys.iter().filter(|key| given(map, key).is_none()) {
            faults.add(&["metric", key], "field required", "value_error.missing");
        }
    };
    let metrics: &[&str] = match text(map, "type") {
        Some("table") => {
            need(&["metric"]);
            &TABLE_METRICS
        }
        Some("column") => {
            need(&["table", "column", "metric"]);
            &COLUMN_METRICS
        }
        Some("custom") => {
            need(&["query"]);
            return;
        }
        _ => {
            faults.add(
                &["metric", "type"],
                "no match for discriminator 'type'",
                "value_error.discriminated_union",
            );
            return;
        }
    };
    let named = text(map, "metric").unwrap_or_default();
    let is_raw = from == From::Code && RAW_METRICS.contains(&named);
    if given(map, "metric").is_some() && !metrics.contains(&named) && !is_raw {
        faults.add(
            &["metric", "metric"],
            "value is not a valid enumeration member",
            "type_error.enum",
        );
    }
}

/// The faults of a body's alert.
pub(super) fn alert(faults: &mut Faults, kind: Kind, body: &Map<String, Value>) {
    let Some(map) = given(body, "alert").and_then(Value::as_object) else {
        return;
    };
    let needed: &[&str] = match (kind, text(map, "type")) {
        (Kind::Diff, _) => return,
        (_, Some("automatic")) => &["sensitivity"],
        (_, Some("absolute")) => &["min", "max"],
        (_, Some("percentage")) => &["increase", "decrease"],
        _ => {
            faults.add(
                &["alert", "type"],
                "no match for discriminator 'type'",
                "value_error.discriminated_union",
            );
            return;
        }
    };
    if needed.iter().all(|key| given(map, key).is_none()) {
        faults.add(
            &["alert"],
            format!("one of {} is expected", needed.join(", ")),
            "value_error.missing",
        );
    }
}
