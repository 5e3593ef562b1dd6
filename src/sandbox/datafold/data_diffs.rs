//! Data diffs over the API.

use serde_json::{Map, Value, json};

use super::body::{Faults, given, names, object};
use super::data_diff::{Cause, DataDiff};
use super::diff_request::DiffRequest;
use super::findings;
use super::organisation::Organisation;
use super::page::{Page, word};
use super::switches::{CiDiffs, Filters};
use super::wire::{Answer, Call, Outcome, Query, Refusal};

/// The fields that a list can be filtered by, each with the parameter for it.
const FILTERS: [(&str, &str); 11] = [
    ("id", "id"),
    ("status", "status"),
    ("result", "result"),
    ("source", "source"),
    ("monitor_id", "monitor_id"),
    ("ci_run_id", "ci_run_id"),
    ("pr_num", "ci_pr_num"),
    ("ci_pr_num", "ci_pr_num"),
    ("pr_branch", "ci_pr_branch"),
    ("ci_pr_sha", "ci_pr_sha"),
    ("tags", "tags"),
];
const ORDERS: [&str; 8] = [
    "id",
    "status",
    "result",
    "ci_run_id",
    "pr_num",
    "pr_branch",
    "monitor_id",
    "created_at",
];

/// `GET /datadiffs`.
pub(super) fn list(organisation: &mut Organisation, call: &Call) -> Outcome {
    let page = Page::of(&call.query, 100)?;
    let order = word(&call.query, "order_by", "id", &ORDERS)?;
    let direction = word(&call.query, "sort_order", "asc", &["asc", "desc"])?;
    let mut rows: Vec<Value> = organisation
        .data_diffs
        .iter()
        .filter(|diff| organisation.switches.ci_diffs == CiDiffs::Shown || matches!(diff.cause, Cause::Asked))
        .map(|diff| organisation.render_diff(diff))
        .filter(|row| organisation.switches.diff_filters == Filters::Ignored || passes(&call.query, row))
        .collect();
    let field = match order {
        "pr_num" => "ci_pr_num",
        "pr_branch" => "ci_pr_branch",
        other => other,
    };
    rows.sort_by_cached_key(|row| row.get(field).map(|value| (value.as_i64(), value.to_string())));
    if direction == "desc" {
        rows.reverse();
    }
    Ok(page.answer("results", &rows, Clone::clone))
}

/// Whether a row passes all filters of a query; a comma parts several values.
fn passes(query: &Query, row: &Value) -> bool {
    FILTERS.iter().all(|(parameter, field)| {
        query.first(parameter).is_none_or(|wanted| {
            let is_wanted = |value: &Value| {
                let own = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                wanted.split(',').any(|one| one == own)
            };
            match row.get(*field) {
                Some(Value::Array(items)) => items.iter().any(is_wanted),
                Some(value) => is_wanted(value),
                None => false,
            }
        })
    })
}

/// `POST /datadiffs`.
pub(super) fn create(organisation: &mut Organisation, call: &Call) -> Outcome {
    let body = object(&call.body)?;
    let mut faults = Faults::default();
    for side in [1, 2] {
        let source = format!("data_source{side}_id");
        faults.need(body, &[&source]);
        faults.integer(body, &source, 1, i64::MAX);
        let given_ones = ["table", "query", "file"]
            .iter()
            .filter(|key| given(body, &format!("{key}{side}")).is_some());
        if given_ones.count() != 1 {
            faults.add(
                &[&format!("table{side}")],
                "exactly one of table, query and file is expected",
                "value_error",
            );
        }
    }
    faults.lists_of_texts(
        body,
        &[
            "table1",
            "table2",
            "pk_columns",
            "include_columns",
            "exclude_columns",
            "tags",
        ],
    );
    faults.done()?;
    let number = |key: &str| body.get(key).and_then(Value::as_i64).unwrap_or_default();
    let data_sources = [number("data_source1_id"), number("data_source2_id")];
    for id in data_sources {
        organisation.data_source(id).map_err(|_| {
            Refusal::invalid(
                json!(["body", "data_source1_id"]),
                format!("data source {id} does not exist"),
                "value_error",
            )
        })?;
    }
    let listed = |key: &str| body.get(key).map(names).unwrap_or_default();
    // A table's path may name a part twice.
    let dotted = |key: &str| {
        let parts = body.get(key).and_then(Value::as_array);
        let parts: Vec<&str> = parts.into_iter().flatten().filter_map(Value::as_str).collect();
        parts.join(".")
    };
    let request = DiffRequest {
        prod: dotted("table1"),
        pr: dotted("table2"),
        pk: listed("pk_columns"),
        include: listed("include_columns"),
        exclude: listed("exclude_columns"),
    };
    let id = organisation.data_diffs.reserve();
    let diff = DataDiff {
        id,
        cause: Cause::Asked,
        data_sources,
        request,
        body: kept(body),
        created: organisation.clock.precise(),
        looks: 0,
        is_cancelled: false,
    };
    organisation.data_diffs.put(id, diff);
    Ok(Answer::Ok(organisation.render_diff(organisation.data_diff(id)?)))
}

/// What an object repeats of the body that asked for it.
fn kept(body: &Map<String, Value>) -> Map<String, Value> {
    const KEPT: [&str; 9] = [
        "tags",
        "filter1",
        "filter2",
        "query1",
        "query2",
        "file1",
        "file2",
        "sampling_ratio",
        "algorithm",
    ];
    body.iter()
        .filter(|(key, _)| KEPT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// One look at a data diff.
fn look(organisation: &mut Organisation, call: &Call) -> Result<i64, Refusal> {
    let id = call.id(0)?;
    let is_ready = {
        let diff = organisation.data_diff(id)?;
        organisation
            .run_of_diff(diff)
            .is_none_or(super::ci_run::CiRun::is_final)
    };
    if let Some(diff) = organisation.data_diffs.get_mut(id).filter(|_| is_ready) {
        diff.looks += 1;
    }
    Ok(id)
}

/// `GET /datadiffs/{id}`.
pub(super) fn get(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = look(organisation, call)?;
    let diff = organisation.data_diff(id)?;
    let mut out = organisation.render_diff(diff);
    let done = if organisation.progress(diff).is_final() { 4 } else { 1 };
    out["diff_progress"] = json!({ "version": "1", "completed_steps": done, "total_steps": 4 });
    Ok(Answer::Ok(out))
}

/// `PATCH /datadiffs/{id}`.
pub(super) fn patch(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = call.id(0)?;
    organisation.data_diff(id)?;
    let body = object(&call.body)?;
    let mut faults = Faults::default();
    faults.flags(body, &["archived", "purged"]);
    faults.done()?;
    if let Some(diff) = organisation.data_diffs.get_mut(id) {
        for key in ["archived", "purged"] {
            if let Some(value) = given(body, key) {
                diff.body.insert(key.to_owned(), value.clone());
            }
        }
    }
    Ok(Answer::Ok(organisation.render_diff(organisation.data_diff(id)?)))
}

/// `POST /datadiffs/{id}/cancel`.
pub(super) fn cancel(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let is_final = organisation.progress(organisation.data_diff(id)?).is_final();
    if let Some(diff) = organisation.data_diffs.get_mut(id).filter(|_| !is_final) {
        diff.is_cancelled = true;
    }
    let progress = organisation.progress(organisation.data_diff(id)?);
    Ok(Answer::Ok(json!({ "id": id, "status": progress.name() })))
}

/// `GET /datadiffs/{id}/summary`.
pub(super) fn summary(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = look(organisation, call)?;
    let diff = organisation.data_diff(id)?;
    let full = organisation.render_diff(diff);
    let of = |key: &str| full.get(key).cloned().unwrap_or_default();
    let [name1, name2] = diff
        .data_sources
        .map(|id| organisation.data_sources.get(id).map(|row| row.name.clone()));
    let error = (of("status") == "failed").then(|| organisation.found_by(diff).failure);
    Ok(Answer::Ok(json!({
        "id": id,
        "status": of("status"),
        "result": of("result"),
        "result_status": null,
        "feedback": "",
        "error": error.flatten(),
        "diff_stats": of("diff_stats"),
        "table1": of("table1"),
        "table2": of("table2"),
        "pk_columns": of("pk_columns"),
        "data_source1_name": name1,
        "data_source2_name": name2,
        "sampling_ratio": of("sampling_ratio"),
        "algorithm": of("algorithm"),
        "results_count": 0,
        "created_at": of("created_at"),
        "finished_at": of("finished_at"),
    })))
}

/// `GET /datadiffs/{id}/summary_results`.
pub(super) fn summary_results(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = look(organisation, call)?;
    let diff = organisation.data_diff(id)?;
    let found = organisation.found_by(diff);
    let progress = organisation.progress(diff);
    Ok(Answer::Ok(findings::render(
        diff,
        progress,
        &found,
        &organisation.switches,
    )))
}
