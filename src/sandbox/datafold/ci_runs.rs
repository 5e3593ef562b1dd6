//! CI runs over the API: lists, triggers, and diffs handed in.

use serde_json::{Value, json};

use super::body::{Faults, object, text};
use super::ci_run::{CiRun, Head, Source, Stage};
use super::data_diff::DataDiff;
use super::diff_request::DiffRequest;
use super::organisation::Organisation;
use super::page::number;
use super::switches::{Attach, KnownCommit, RunIds, RunOrder, Triggers};
use super::wire::{Answer, Call, Outcome};
use crate::sandbox::table::Id;

/// `GET /ci/{id}/runs`. A list is a look at each run that it shows.
pub(super) fn list(organisation: &mut Organisation, call: &Call) -> Outcome {
    let config = organisation.ci_config(call.id(0)?)?.id;
    let query = &call.query;
    let limit = number(query, "limit", 100, 1, 1000)?;
    let offset = number(query, "offset", 0, 0, usize::MAX)?;
    let (pace, hidden) = (organisation.switches.runs, organisation.switches.run_hidden_for);
    let is_meant = |run: &CiRun| {
        run.config == config
            && query.first("pr_sha").is_none_or(|sha| run.head.pr_sha == sha)
            && query
                .first("pr_num")
                .is_none_or(|number| run.head.pr_num.to_string() == number)
    };
    let order = organisation.switches.run_order;
    let mut rows: Vec<&mut CiRun> = organisation.ci_runs.iter_mut().filter(|run| is_meant(run)).collect();
    for run in &mut rows {
        run.lists += 1;
    }
    rows.retain(|run| run.lists > hidden);
    if order == RunOrder::Newest {
        rows.reverse();
    }
    let shown = rows.into_iter().skip(offset).take(limit).map(|run| {
        run.look(pace);
        run.render(pace)
    });
    Ok(Answer::Ok(shown.collect()))
}

/// The answer to a trigger and to diffs: `run` is the CI run, `job` what was started besides.
fn ids(organisation: &Organisation, run: Option<Id>, job: Option<Id>) -> Answer {
    let (ci_run_id, run_id) = match organisation.switches.run_ids {
        RunIds::Documented => (run, job),
        RunIds::CiRunId => (run, None),
        RunIds::RunId => (None, run),
        RunIds::Same => (run, run),
    };
    Answer::Ok(json!({ "ci_run_id": ci_run_id, "run_id": run_id }))
}

/// The head of a pull request that a body names; `number` is the key of the pull request.
pub(super) fn head(body: &Value, number: &str) -> Result<Head, super::wire::Refusal> {
    let body = object(body)?;
    let words = ["pr_branch", "base_branch", "pr_sha", "base_sha"];
    let mut faults = Faults::default();
    faults.need(body, &[number]);
    faults.integer(body, number, 0, i64::MAX);
    faults.need(body, &words);
    faults.texts(body, &words);
    faults.done()?;
    let word = |key: &str| text(body, key).unwrap_or_default().to_owned();
    Ok(Head {
        pr_num: body.get(number).and_then(Value::as_i64).unwrap_or_default(),
        pr_branch: word("pr_branch"),
        pr_sha: word("pr_sha"),
        base_branch: word("base_branch"),
        base_sha: word("base_sha"),
    })
}

/// `POST /ci/{id}/trigger`.
pub(super) fn trigger(organisation: &mut Organisation, call: &Call) -> Outcome {
    let config = organisation.ci_config(call.id(0)?)?.id;
    let head = head(&call.body, "pr_number")?;
    if organisation.switches.triggers == Triggers::Nothing {
        return Ok(ids(organisation, None, None));
    }
    let known = organisation
        .ci_runs
        .iter()
        .rev()
        .find(|run| run.config == config && run.head.pr_sha == head.pr_sha)
        .map(|run| run.id);
    let run = match (organisation.switches.known_commit, known) {
        (KnownCommit::First, Some(known)) => known,
        _ => organisation.add_run(config, head, Source::Api),
    };
    Ok(ids(organisation, Some(run), None))
}

/// The run of a pull request that takes diffs.
fn waiting(organisation: &Organisation, config: Id, pr_num: i64) -> Option<Id> {
    let mut waiting = organisation
        .ci_runs
        .iter()
        .filter(|run| run.config == config && run.head.pr_num == pr_num && run.stage == Stage::Waiting)
        .map(|run| run.id);
    match organisation.switches.attach {
        Attach::Newest => waiting.next_back(),
        Attach::Oldest => waiting.next(),
    }
}

/// `POST /ci/{id}/{pr_num}`: the diffs go to whichever run of the pull request waits.
pub(super) fn submit(organisation: &mut Organisation, call: &Call) -> Outcome {
    let config = organisation.ci_config(call.id(0)?)?;
    let (config, threshold, data_source) = (config.id, config.diff_threshold, config.data_source);
    let pr_num = call.id(1)?;
    let requests = DiffRequest::parse_all(&call.body)?;
    let run = waiting(organisation, config, pr_num);
    let Some(run) = run else {
        return Ok(ids(organisation, None, None));
    };
    let of = requests.len();
    let is_too_much = threshold.is_some_and(|most| of > most);
    for (at, request) in requests.into_iter().enumerate() {
        let id = organisation.data_diffs.reserve();
        let now = organisation.clock.precise();
        let diff = DataDiff::of_run(id, run, (at, of), data_source, request, now);
        organisation.data_diffs.put(id, diff);
    }
    if let Some(run) = organisation.ci_runs.get_mut(run) {
        run.stage = if is_too_much {
            Stage::Stands("needs_confirmation".to_owned())
        } else {
            Stage::Moving(0)
        };
    }
    // Numbers of jobs have nothing to do with those of runs.
    Ok(ids(organisation, Some(run), Some(run + 400)))
}
