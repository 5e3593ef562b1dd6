//! Runs of pull requests, as the pages show them. Pure: history and the time go in.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;

use super::view::Chip;
use super::when::{When, span};
use crate::ci::views::Details;
use crate::store::pull_runs::PullRun;

/// Characters of a commit's name that are shown.
const SHORT: usize = 10;

/// One run in the list.
#[derive(Serialize)]
pub(super) struct PullRow {
    id: String,
    repository: String,
    number: u64,
    sha: String,
    short: String,
    config: String,
    result: Chip,
    message: String,
    updated: When,
    took: Option<String>,
}

/// The overview with its section of pull requests.
#[derive(Serialize)]
pub(super) struct WithPulls<T> {
    /// The page.
    #[serde(flatten)]
    pub(super) page: T,
    /// The newest runs; `None` where there is no CI configuration.
    pub(super) pulls: Option<Vec<PullRow>>,
}

/// `GET /pull-requests/{id}`.
#[derive(Serialize)]
pub(super) struct PullPage {
    pull: PullRow,
    target: String,
    branch: Option<String>,
    base_branch: Option<String>,
    run: Option<i64>,
    started: When,
    finished: Option<When>,
    link: Option<String>,
    diffs: Vec<DiffRow>,
}

/// One comparison.
#[derive(Serialize)]
struct DiffRow {
    production: String,
    pull_request: String,
    keys: String,
    standing: Chip,
    found: Vec<String>,
    link: Option<String>,
}

/// One run.
pub(super) fn row(run: &PullRun, now: DateTime<Utc>) -> PullRow {
    PullRow {
        id: run.key.id(),
        repository: run.key.repository.clone(),
        number: run.key.number,
        sha: run.key.sha.clone(),
        short: run.key.sha.chars().take(SHORT).collect(),
        config: run.key.config.clone(),
        result: chip(run),
        message: run.message.clone(),
        updated: When::at(run.updated, now),
        took: run.finished.map(|finished| span(finished - run.started)),
    }
}

/// One run, whole; `page` is the pull request's on its forge.
pub(super) fn page(run: &PullRun, page: Option<String>, now: DateTime<Utc>) -> PullPage {
    let details = Details::of(run);
    PullPage {
        pull: row(run, now),
        target: run.key.target.clone(),
        branch: details.as_ref().map(|details| details.branch.clone()),
        base_branch: details.as_ref().map(|details| details.base_branch.clone()),
        run: run.run,
        started: When::at(run.started, now),
        finished: run.finished.map(|finished| When::at(finished, now)),
        link: page.filter(|page| leads_out(page)),
        diffs: details
            .map(|details| details.diffs.iter().map(diff).collect())
            .unwrap_or_default(),
    }
}

fn chip(run: &PullRun) -> Chip {
    let (word, text) = match run.outcome.as_deref() {
        None => ("running", run.phase.as_str()),
        Some("passed") => ("succeeded", "passed"),
        Some("timed_out") => ("failed", "timed out"),
        Some(other) => (other, other),
    };
    Chip {
        word: word.to_owned(),
        text: text.to_owned(),
    }
}

/// A link of ours leads to a page and nowhere else, whatever the store holds.
fn leads_out(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}

fn diff(told: &Json) -> DiffRow {
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let (word, said) = match (told["status"].as_str(), &told["differs"], &told["key_issues"]) {
        (Some("finished"), _, Json::Bool(true)) => ("conflict", "key issues"),
        (Some("finished"), Json::Bool(true), _) => ("drift", "differs"),
        (Some("finished"), ..) => ("in_sync", "equal"),
        (Some("asked"), ..) => ("pending", "asked for"),
        (Some("running"), ..) => ("failed", "did not end with the run"),
        (Some("failed"), ..) => ("failed", "failed"),
        _ => ("failed", "not shown by the platform"),
    };
    DiffRow {
        production: text("prod"),
        pull_request: text("pr"),
        keys: names(&told["pk"]),
        standing: Chip {
            word: word.to_owned(),
            text: said.to_owned(),
        },
        found: findings(told),
        link: told["url"].as_str().filter(|page| leads_out(page)).map(str::to_owned),
    }
}

fn names(list: &Json) -> String {
    let names = list.as_array().into_iter().flatten().filter_map(Json::as_str);
    names.collect::<Vec<_>>().join(", ")
}

/// What was found, one clause each.
fn findings(told: &Json) -> Vec<String> {
    let pair = |key: &str, what: &str| {
        let (production, pull_request) = (told[key][0].as_u64()?, told[key][1].as_u64()?);
        let is_said = key == "rows" || (production, pull_request) != (0, 0);
        is_said.then(|| format!("{what} {production} \u{2192} {pull_request}"))
    };
    let count = |key: &str, what: &str| {
        let count = told[key].as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {what}"))
    };
    let list = |key: &str, what: &str| {
        Some(names(&told[key]))
            .filter(|names| !names.is_empty())
            .map(|names| format!("{what} {names}"))
    };
    [
        told["error"].as_str().map(str::to_owned),
        pair("rows", "rows"),
        count("added", "rows added"),
        count("removed", "rows removed"),
        pair("null_keys", "null keys"),
        pair("duplicate_keys", "duplicate keys"),
        count("rows_with_differences", "rows differ"),
        count("values_with_differences", "values differ"),
        list("columns_added", "columns added:"),
        list("columns_removed", "columns removed:"),
        list("columns_retyped", "columns retyped:"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
