//! Monitors over the API: lists, objects, runs.

use serde_json::{Value, json};

use super::body::object;
use super::monitor::{Kind, Managed, Monitor, Run};
use super::monitor_spec::{From, kept};
use super::organisation::Organisation;
use super::page::{Page, word};
use super::switches::{Pace, Reached};
use super::wire::{Answer, Call, Outcome, Refusal};

/// `GET /monitors`.
pub(super) fn list(organisation: &mut Organisation, call: &Call) -> Outcome {
    let query = &call.query;
    let page = Page::of(query, 20)?;
    let orders = ["id", "name", "last_triggered", "last_run", "created_by"];
    let order = word(query, "order_by", "id", &orders)?;
    let direction = word(query, "sort_order", "desc", &["desc", "asc"])?;
    let tags: Vec<&str> = query
        .first("tags")
        .into_iter()
        .flat_map(|tags| tags.split(','))
        .collect();
    let has_tag = |monitor: &Monitor| {
        let own = monitor.spec.get("tags").and_then(Value::as_array);
        let own = || own.into_iter().flatten().filter_map(Value::as_str);
        tags.is_empty() || own().any(|tag| tags.contains(&tag))
    };
    let mut rows: Vec<&Monitor> = organisation.monitors.iter().filter(|row| has_tag(row)).collect();
    match order {
        "name" => rows.sort_by_key(|row| row.name().map(str::to_owned)),
        "last_run" | "last_triggered" => rows.sort_by_key(|row| row.runs.last().map(|run| run.started.clone())),
        _ => {}
    }
    if direction == "desc" {
        rows.reverse();
    }
    Ok(page.answer("monitors", &rows, |row| row.brief()))
}

/// `GET /monitors/{id}`.
pub(super) fn get(organisation: &mut Organisation, call: &Call) -> Outcome {
    let schedules = organisation.switches.schedules;
    Ok(Answer::Ok(organisation.monitor(call.id(0)?)?.full(schedules)))
}

/// `POST /monitors/create/{kind}`.
pub(super) fn create(organisation: &mut Organisation, call: &Call) -> Outcome {
    let kind = call.path.first().and_then(|kind| Kind::parse(kind));
    let kind = kind.ok_or_else(|| Refusal::text(404, "Not Found"))?;
    let spec = kept(kind, From::Api, object(&call.body)?)?;
    organisation.unknown_connections(&spec)?;
    let id = organisation.add_monitor(kind, Managed::ByHand, spec);
    Ok(Answer::Ok(json!({ "id": id })))
}

/// `DELETE /monitors/{id}`.
pub(super) fn delete(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = call.id(0)?;
    organisation.monitor(id)?;
    organisation.monitors.remove(id);
    Ok(Answer::Empty)
}

/// `POST /monitors/{id}/run`.
pub(super) fn run(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = call.id(0)?;
    organisation.monitor(id)?;
    let started = organisation.clock.precise();
    organisation.last_monitor_run += 1;
    let run = organisation.last_monitor_run;
    if let Some(monitor) = organisation.monitors.get_mut(id) {
        monitor.runs.push(Run {
            id: run,
            looks: 0,
            started,
        });
    }
    Ok(Answer::Ok(json!({ "run_id": run })))
}

fn state(pace: Pace, looks: u64) -> &'static str {
    match pace.reached(looks) {
        Reached::Part(0, _) => "queued",
        Reached::Part(..) => "checking",
        Reached::End => "ok",
    }
}

/// `GET /monitors/{id}/runs`; times are compared as texts, which all have one offset.
pub(super) fn runs(organisation: &mut Organisation, call: &Call) -> Outcome {
    let page = Page::of(&call.query, 10)?;
    let pace = organisation.switches.monitor_runs;
    let monitor = organisation.monitor(call.id(0)?)?;
    let (from, to) = (call.query.first("start_time"), call.query.first("end_time"));
    let rows: Vec<&Run> = monitor
        .runs
        .iter()
        .rev()
        .filter(|run| from.is_none_or(|from| run.started.as_str() >= from))
        .filter(|run| to.is_none_or(|to| run.started.as_str() <= to))
        .collect();
    Ok(page.answer("runs", &rows, |run| {
        json!({
            "run_id": run.id,
            "monitor_id": monitor.id,
            "state": state(pace, run.looks),
            "started_at": run.started,
            "diff_id": null,
        })
    }))
}

/// `GET /monitors/{id}/runs/{run_id}`.
pub(super) fn run_of(organisation: &mut Organisation, call: &Call) -> Outcome {
    let (id, wanted) = (call.id(0)?, call.id(1)?);
    organisation.monitor(id)?;
    let pace = organisation.switches.monitor_runs;
    let monitor = organisation.monitors.get_mut(id);
    let found = monitor.and_then(|monitor| monitor.runs.iter_mut().find(|run| run.id == wanted));
    let run = found.ok_or_else(|| Refusal::text(404, format!("Run {wanted} not found")))?;
    run.looks += 1;
    Ok(Answer::Ok(json!({
        "run_id": run.id,
        "monitor_id": id,
        "state": state(pace, run.looks),
        "warnings": [],
        "started_at": run.started,
        "diff_id": null,
        "error": null,
    })))
}
