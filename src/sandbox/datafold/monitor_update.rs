//! Changes of monitors through the API: never of what is monitored.

use serde_json::{Map, Value};

use super::body::{Faults, given, object, text};
use super::monitor::Kind;
use super::monitor_spec::{alert, normal, notifications, schedule};
use super::organisation::Organisation;
use super::wire::{Answer, Call, Outcome, Refusal};

/// The keys that a change may name beside the common ones.
fn own(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Diff | Kind::Metric => &["alert"],
        Kind::Test => &["query", "test"],
        Kind::Schema => &[],
    }
}

/// `PATCH /monitors/{id}/update`. Keys that a change may not name are dropped.
pub(super) fn update(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let kind = organisation.monitor(id)?.kind;
    let body = object(&call.body)?;
    let mut faults = Faults::default();
    if text(body, "type") != Some(kind.name()) {
        faults.add(
            &["type"],
            format!("the monitor is of type '{}'", kind.name()),
            "value_error.discriminated_union",
        );
    }
    faults.texts(body, &["name", "description", "owner", "query"]);
    faults.lists_of_texts(body, &["tags"]);
    schedule(&mut faults, body);
    notifications(&mut faults, body);
    alert(&mut faults, kind, body);
    faults.done()?;
    let now = organisation.clock.precise();
    let missing = || Refusal::text(404, format!("Monitor {id} not found"));
    let monitor = organisation.monitors.get_mut(id).ok_or_else(missing)?;
    let common = ["name", "description", "notifications", "owner", "schedule", "tags"];
    for key in common.iter().chain(own(kind)) {
        match body.get(*key) {
            None => {}
            Some(Value::Null) => {
                monitor.spec.remove(*key);
            }
            Some(value) => {
                monitor.spec.insert((*key).to_owned(), normal(value));
            }
        }
    }
    if kind == Kind::Diff
        && let Some(change) = given(body, "datadiff").and_then(Value::as_object)
        && let Some(datadiff) = monitor.spec.get_mut("datadiff").and_then(Value::as_object_mut)
    {
        let allowed = |(key, _): &(&String, &Value)| !matches!(key.as_str(), "dataset_a" | "dataset_b");
        let change: Map<String, Value> = change
            .iter()
            .filter(allowed)
            .map(|(key, value)| (key.clone(), normal(value)))
            .collect();
        datadiff.extend(change);
    }
    monitor.modified = now;
    Ok(Answer::Empty)
}

/// `PUT /monitors/{id}/toggle`.
pub(super) fn toggle(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = call.id(0)?;
    organisation.monitor(id)?;
    let body = object(&call.body)?;
    let mut faults = Faults::default();
    faults.need(body, &["enabled"]);
    faults.flags(body, &["enabled"]);
    faults.done()?;
    let now = organisation.clock.precise();
    if let Some(monitor) = organisation.monitors.get_mut(id) {
        monitor
            .spec
            .insert("enabled".to_owned(), body.get("enabled").cloned().unwrap_or_default());
        monitor.modified = now;
    }
    Ok(Answer::Empty)
}
