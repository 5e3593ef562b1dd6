//! What the values of each kind mean: the spellings of one meaning become one, to be compared.

use driftless_core::key::Kind;
use driftless_core::value::{Map, Value};

use super::ci_config_form::{CI_CONFIG_FORM, OURS};
use super::faults::{present, text};
use super::form::{Form, Object};
use super::kinds::{AS_IN_GIT, CI_CONFIG, MONITOR, PLATFORM_VERDICT, SLUG};
use super::leaf::clock;
use super::monitor_form::MONITOR_FORM;

/// Brings the values of a document of `kind` into the one form that is compared. Idempotent.
pub(super) fn meaning(kind: Kind, spec: &mut Map) {
    match kind {
        MONITOR => monitor(spec),
        CI_CONFIG => ci_config(spec),
        _ => {}
    }
}

fn monitor(spec: &mut Map) {
    if let Some(schedule) = spec.get_mut("schedule")
        && let Some(when) = schedule.as_map().and_then(when)
    {
        *schedule = Value::from(when);
    }
    let is_diff = text(spec, MONITOR_FORM.tag) == Some("diff");
    if let Some(Value::Map(alert)) = spec.get_mut("alert")
        && is_diff
    {
        // As the platform returns it, and nobody needs to write it.
        alert.shift_remove("type");
    }
    if let Some(object) = text(spec, MONITOR_FORM.tag).and_then(|word| MONITOR_FORM.variant(word)) {
        for field in object.all().filter(|field| field.name != SLUG) {
            if let Some(value) = spec.get_mut(field.name) {
                unsaid_defaults(value, field.form);
            }
        }
    }
    if !present(spec, PLATFORM_VERDICT) {
        spec.insert(PLATFORM_VERDICT.to_owned(), Value::from(AS_IN_GIT));
    }
}

/// When a schedule runs: its fields are one choice, which is compared, shown and written whole. A full hour has two names (`hour: 6`,
/// `utc_at: "06:00"`), and a `type` tells again what the other fields do. What contradicts itself, or says nothing, stays as it is.
fn when(schedule: &Map) -> Option<String> {
    let is_none = text(schedule, "type") == Some("none");
    match (schedule.get("interval"), present(schedule, "cron")) {
        (Some(Value::Map(interval)), false) if !is_none => every(interval),
        (None | Some(Value::Null), true) if !is_none => {
            let cron: Vec<&str> = text(schedule, "cron")?.split_whitespace().collect();
            Some(format!("cron {}", cron.join(" ")))
        }
        (None | Some(Value::Null), false) if is_none => Some("only when asked to".to_owned()),
        _ => None,
    }
}

fn every(interval: &Map) -> Option<String> {
    let hour = || interval.get("hour").and_then(Value::as_i64);
    match (
        text(interval, "every")?,
        present(interval, "hour"),
        present(interval, "utc_at"),
    ) {
        ("hour", false, false) => Some("every hour".to_owned()),
        ("day", true, false) => Some(format!("every day at {:02}:00", hour()?)),
        ("day", false, true) => {
            let (hour, minute) = text(interval, "utc_at").and_then(clock)?;
            Some(format!("every day at {hour:02}:{minute:02}"))
        }
        _ => None,
    }
}

/// Takes out, of what a field holds, what means the same as nothing: nulls, defaults, and the empty lists of notifications. The maps
/// of a monitor are owned whole, so that nothing there is a value too.
fn unsaid_defaults(value: &mut Value, form: Form) {
    match (form, value) {
        (Form::Object(object), Value::Map(map)) => without_defaults(map, object),
        (Form::Tagged(tagged), Value::Map(map)) => {
            if let Some(object) = text(map, tagged.tag).and_then(|word| tagged.variant(word)) {
                without_defaults(map, object);
            }
        }
        (Form::List(item), Value::List(items)) => {
            for value in items {
                unsaid_defaults(value, *item);
            }
        }
        (Form::MapOf(item), Value::Map(map)) => {
            for (_, value) in map {
                unsaid_defaults(value, *item);
            }
        }
        _ => {}
    }
}

fn without_defaults(map: &mut Map, object: &Object) {
    map.retain(|name, value| {
        let default = object.field(name).and_then(|field| field.default);
        let is_default = default.is_some_and(|default| default.value().agrees(value));
        let is_empty =
            matches!(name.as_str(), "features" | "mentions") && value.as_list().is_some_and(<[Value]>::is_empty);
        !(value.is_null() || is_default || is_empty)
    });
    for (name, value) in map {
        if let Some(field) = object.field(name) {
            unsaid_defaults(value, field.form);
        }
    }
}

/// What is live of a CI configuration is what was agreed on, or its number alone: in a whole one an absent field is its default, and in
/// either what is ours.
fn ci_config(spec: &mut Map) {
    if let Some(lines) = spec.get_mut("files_to_ignore") {
        one_list(lines);
    }
    let is_whole = present(spec, "repository");
    for field in CI_CONFIG_FORM.all() {
        if let Some(default) = field.default
            && (is_whole || OURS.contains(&field.name))
            && !present(spec, field.name)
        {
            spec.insert(field.name.to_owned(), default.value());
        }
    }
}

/// The lines that say something, whether they stand in one text or in a list.
fn one_list(lines: &mut Value) {
    let all: Vec<&str> = match &*lines {
        Value::String(text) => text.lines().collect(),
        Value::List(items) if items.iter().all(|item| item.as_str().is_some()) => {
            items.iter().filter_map(Value::as_str).flat_map(str::lines).collect()
        }
        _ => return,
    };
    let says = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let kept = all.into_iter().filter(says).map(Value::from).collect();
    *lines = Value::List(kept);
}
