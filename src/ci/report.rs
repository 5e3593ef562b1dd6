//! What a run comes to: the commit's status, the comment and the answer of `ci run`, all from the same facts.

use driftless_core::diagnostic::Diagnostic;
use driftless_core::render::plain_line;
use serde_json::{Value, json};

use super::config::{CiConfig, Consequence};
use super::gate::Skip;
use super::options::Unconfirmed;
use super::outcome::Reason;
use crate::forge::CommitState;
use crate::platform::data_diffs::{CiRunId, DataDiffId, Findings, RunStatus, Summary};

pub use super::comment::{comment, marker};

/// Characters that a status's description may have: GitHub's limit.
pub const LONGEST_DESCRIPTION: usize = 140;

/// What the commit statuses of the CI configuration `name` are known by among others.
pub fn status_context(name: &str) -> String {
    format!("driftless/{name}")
}

/// What is known of the run for one head commit.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The configuration that it is of.
    pub config: &'a CiConfig,
    /// The head commit.
    pub sha: &'a str,
    /// The run, when there is one.
    pub run: Option<CiRunId>,
    /// How many comparisons the platform took.
    pub submitted: usize,
    /// How it stands.
    pub outcome: &'a Outcome,
    /// The comparisons, as far as they are known.
    pub diffs: &'a [Compared],
    /// What is to be said of the diffs file, the SQL files or the configuration.
    pub remarks: &'a [Diagnostic],
}

/// How a run stands, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gate let nothing through.
    Skipped(Skip),
    /// It is under way; `None`: there is no run yet.
    UnderWay(Option<RunStatus>),
    /// The platform calls it done.
    Finished,
    /// The platform calls it failed; what it says.
    Failed(String),
    /// There is none, and why: a faulty diffs file, no run that would take the diffs, an instance that does not answer.
    NotStarted(String),
    /// There is none before somebody mends what is asked for or by what right; why.
    Refused(String),
    /// It is not started before a person confirms it; why, and what the commit's status is until then.
    Held(String, Unconfirmed),
    /// It was cancelled, and the commit is still the head.
    Cancelled,
    /// The head moved: whatever becomes of it is of no commit that counts.
    Superseded,
    /// It did not end in time; how long it was waited for.
    TimedOut(String),
}

/// A comparison that was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The table in production: dotted names.
    pub production: String,
    /// The table of the pull request: dotted names.
    pub pull_request: String,
    /// The columns of its primary key.
    pub primary_key: Vec<String>,
    /// Its number on the instance; `None`: the platform shows no such data diff.
    pub id: Option<DataDiffId>,
    /// Its page, for people.
    pub page: Option<String>,
    /// What it found; `None`: that could not be read.
    pub summary: Option<Summary>,
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    Error,
    Findings,
    Equal,
    UnderWay,
}

/// What `ci run` says that it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// Nothing stands in the way.
    Passed,
    /// There was nothing to do.
    Skipped,
    /// Something does, or could not be told.
    Failed,
    /// It did not end in time.
    TimedOut,
}

impl RunResult {
    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            RunResult::Passed => "passed",
            RunResult::Skipped => "skipped",
            RunResult::Failed => "failed",
            RunResult::TimedOut => "timed_out",
        }
    }
}

/// What a run comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `None`: it is under way.
    pub result: Option<RunResult>,
    /// The commit's status; `None`: none is to be set.
    pub state: Option<CommitState>,
    /// The stable word for why: one of [`Skip::word`], `differences`, `key_issues`, `errors`, `no_differences`, `run_failed`, `not_started`,
    /// `needs_confirmation`, `cancelled`, `superseded`, `timed_out`, or the platform's word for a run under way.
    pub reason: String,
    /// All that there is to say of it, in one line.
    pub message: String,
    /// As much of that as a commit's status has room for: at most [`LONGEST_DESCRIPTION`] characters.
    pub description: String,
    tally: Tally,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    all: usize,
    ended: usize,
    different: usize,
    key_issues: usize,
    errors: usize,
}

impl Verdict {
    /// The verdict on what is known.
    pub fn of(facts: &Facts<'_>) -> Self {
        let tally = Tally::of(facts);
        let errors = facts.config.errors;
        let said = |text: &str| plain_line(text.trim());
        let (result, state, reason, text) = match facts.outcome {
            Outcome::Skipped(skip) => (
                Some(RunResult::Skipped),
                Some(CommitState::Success),
                skip.word(),
                match (skip, facts.remarks.len()) {
                    (Skip::NothingToDiff, remarks) if remarks > 0 => {
                        format!(
                            "Skipped: there is nothing to compare; see {}.",
                            counted(remarks, "remark")
                        )
                    }
                    _ => skip.sentence(),
                },
            ),
            Outcome::Superseded => (
                Some(RunResult::Skipped),
                None,
                "superseded",
                "Skipped: there is a newer commit.".to_owned(),
            ),
            Outcome::UnderWay(status) => return Self::under_way(status.as_ref(), errors, tally),
            Outcome::Finished => {
                let (fails, reason) = tally.judged(facts.config);
                let (result, state) = if fails {
                    (RunResult::Failed, CommitState::Failure)
                } else {
                    (RunResult::Passed, CommitState::Success)
                };
                (Some(result), Some(state), reason, tally.sentence(errors))
            }
            Outcome::Failed(why) => failed(
                errors,
                CommitState::Failure,
                "run_failed",
                format!("The run failed: {}", said(why)),
            ),
            Outcome::NotStarted(why) => failed(
                errors,
                CommitState::Error,
                "not_started",
                format!("Not compared: {}", said(why)),
            ),
            // No error of a run: it would be the same with the next one.
            Outcome::Refused(why) => failed(
                Consequence::Fails,
                CommitState::Error,
                "not_started",
                format!("Not compared: {}", said(why)),
            ),
            Outcome::Held(why, unconfirmed) => (
                Some(RunResult::Failed),
                Some(unconfirmed.state()),
                Reason::NeedsConfirmation.word(),
                said(why),
            ),
            Outcome::Cancelled => failed(
                errors,
                CommitState::Error,
                "cancelled",
                "The run was cancelled.".to_owned(),
            ),
            Outcome::TimedOut(limit) => {
                let text = format!("The run did not end within {}.", said(limit));
                let (result, state, reason, text) = failed(errors, CommitState::Error, "timed_out", text);
                let result = result.map(|result| match result {
                    RunResult::Failed => RunResult::TimedOut,
                    passed => passed,
                });
                (result, state, reason, text)
            }
        };
        Self {
            result,
            state,
            reason: reason.to_owned(),
            description: line(&text),
            message: text,
            tally,
        }
    }

    fn under_way(status: Option<&RunStatus>, errors: Consequence, tally: Tally) -> Self {
        let state = match (status, errors) {
            (Some(RunStatus::NeedsAuthentication), Consequence::Fails) => CommitState::Error,
            _ => CommitState::Pending,
        };
        let text = match status {
            None => "Waiting for a run.".to_owned(),
            Some(RunStatus::Waiting) => "The run waits for its diffs.".to_owned(),
            Some(RunStatus::NeedsConfirmation) => {
                format!("A person must confirm {}.", counted(tally.all, "comparison"))
            }
            Some(RunStatus::NeedsAuthentication) => "A person must log in to the warehouse.".to_owned(),
            Some(_) if tally.all > 0 => format!("{} of {} finished.", tally.ended, counted(tally.all, "comparison")),
            Some(_) => "The run is under way.".to_owned(),
        };
        Self {
            result: None,
            state: Some(state),
            reason: status.map_or("no_run", RunStatus::word).to_owned(),
            description: line(&text),
            message: text,
            tally,
        }
    }

    /// Whether data or columns differ anywhere, or primary keys are null or not unique: what `--detailed-exitcode` tells.
    pub fn differences_found(&self) -> bool {
        self.tally.different > 0 || self.tally.key_issues > 0
    }
}

type Judged = (Option<RunResult>, Option<CommitState>, &'static str, String);

/// Something went wrong: bad, unless the configuration lets errors pass.
fn failed(errors: Consequence, state: CommitState, reason: &'static str, text: String) -> Judged {
    match errors {
        Consequence::Fails => (Some(RunResult::Failed), Some(state), reason, text),
        Consequence::Passes => (
            Some(RunResult::Passed),
            Some(CommitState::Success),
            reason,
            format!("{text}{PASSES}"),
        ),
    }
}

/// As much as a commit's status has room for; that errors do not count is said in any case.
fn line(text: &str) -> String {
    match text.strip_suffix(PASSES) {
        Some(text) => format!("{}{PASSES}", shortened(text, LONGEST_DESCRIPTION - PASSES.len())),
        None => shortened(text, LONGEST_DESCRIPTION),
    }
}

/// What a good status says when it is good by `fail_on_errors: false` alone.
const PASSES: &str = " (errors do not fail this check)";

impl Tally {
    fn of(facts: &Facts<'_>) -> Self {
        let is_over = *facts.outcome == Outcome::Finished;
        let mut tally = Self {
            all: facts.submitted.max(facts.diffs.len()),
            ..Self::default()
        };
        for diff in facts.diffs {
            if let Some(Summary::Finished(found)) = &diff.summary {
                tally.different += usize::from(differs(found));
                tally.key_issues += usize::from(has_key_issues(found));
            }
            match ending(diff, is_over) {
                Ending::Error => tally.errors += 1,
                Ending::UnderWay => continue,
                Ending::Findings | Ending::Equal => {}
            }
            tally.ended += 1;
        }
        if is_over {
            // What was taken and is not shown was not compared, as far as anybody can tell.
            tally.errors += tally.all - facts.diffs.len();
        }
        tally
    }

    fn judged(&self, config: &CiConfig) -> (bool, &'static str) {
        let causes = [
            (self.errors, config.errors, "errors"),
            (self.key_issues, config.key_issues, "key_issues"),
            (self.different, config.differences, "differences"),
        ];
        let cause = causes
            .iter()
            .find(|(count, consequence, _)| *count > 0 && *consequence == Consequence::Fails);
        match cause {
            Some((.., word)) => (true, word),
            None => (
                false,
                causes
                    .iter()
                    .find(|(count, ..)| *count > 0)
                    .map_or("no_differences", |(.., word)| word),
            ),
        }
    }

    fn sentence(&self, errors: Consequence) -> String {
        if self.all == 0 {
            return "There was nothing to compare.".to_owned();
        }
        let mut parts = Vec::new();
        if self.different > 0 {
            parts.push(format!(
                "{} differ{}",
                self.different,
                if self.different == 1 { "s" } else { "" }
            ));
        }
        if self.key_issues > 0 {
            parts.push(format!("{} with null or duplicate keys", self.key_issues));
        }
        if self.errors > 0 {
            let passes = if errors == Consequence::Passes { PASSES } else { "" };
            parts.push(format!("{} could not be compared{passes}", self.errors));
        }
        if parts.is_empty() {
            parts.push("no differences".to_owned());
        }
        format!("{}: {}.", counted(self.all, "table"), parts.join(", "))
    }
}

/// How a comparison ended; `is_over`: the run did, so that what is still open is lost.
pub(super) fn ending(diff: &Compared, is_over: bool) -> Ending {
    match &diff.summary {
        Some(Summary::Finished(found)) if differs(found) || has_key_issues(found) => Ending::Findings,
        Some(Summary::Finished(_)) => Ending::Equal,
        Some(Summary::Failed(_)) => Ending::Error,
        Some(Summary::Running) | None if is_over => Ending::Error,
        Some(Summary::Running) | None => Ending::UnderWay,
    }
}

/// Whether primary keys are null or not unique on either side (`reference` 9.3).
fn has_key_issues(found: &Findings) -> bool {
    let any = |pair: Option<[u64; 2]>| pair.is_some_and(|pair| pair != [0, 0]);
    any(found.null_keys) || any(found.duplicate_keys)
}

/// Whether rows, values or columns differ. Where there is no key, row counts are all that is known of rows.
fn differs(found: &Findings) -> bool {
    let some = |count: Option<u64>| count.is_some_and(|count| count > 0);
    found
        .rows
        .is_some_and(|[production, pull_request]| production != pull_request)
        || found.exclusive_keys.is_some_and(|pair| pair != [0, 0])
        || some(found.rows_with_differences)
        || some(found.values_with_differences)
        || found.exclusive_columns.iter().any(|columns| !columns.is_empty())
        || !found.retyped_columns.is_empty()
}

pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The text, or as much of it as has `most` characters with an ellipsis.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The answer of `ci run --format json`.
///
/// `reason` is [`Verdict::reason`]. Each of `diffs` has `prod`, `pr`, `pk` as they were asked for, `id` and `url` on the instance or null,
/// `status` (`finished`, `failed`, `running`, `missing`), `error` (a text or null), and, null unless finished: `differs`, `key_issues`
/// (truths), `rows`, `null_keys`, `duplicate_keys` (production and pull request), `added`, `removed` (rows by key), `rows_with_differences`,
/// `values_with_differences` (counts), `columns` (`name`, `match` in percent), `columns_added`, `columns_removed`, `columns_retyped` (names).
/// What the platform did not compare is null. `unsaid` has what could not be said on the forge, and why.
pub fn json(facts: &Facts<'_>, verdict: &Verdict, unsaid: &[String]) -> Value {
    json!({
        "version": 1,
        "result": verdict.result.map_or("pending", RunResult::word),
        "reason": verdict.reason,
        "message": verdict.message,
        "run_id": facts.run.map(|run| run.0),
        "pr_sha": facts.sha,
        "submitted": facts.submitted,
        "diffs": facts.diffs.iter().map(diff_json).collect::<Vec<Value>>(),
        "unsaid": unsaid,
    })
}

/// One of the `diffs` of [`json`].
pub(super) fn diff_json(diff: &Compared) -> Value {
    let (status, error, found) = match &diff.summary {
        Some(Summary::Finished(found)) => ("finished", None, Some(found.as_ref())),
        Some(Summary::Failed(why)) => ("failed", Some(why), None),
        Some(Summary::Running) => ("running", None, None),
        None => ("missing", None, None),
    };
    let columns = |found: &Findings| -> Vec<Value> {
        found
            .columns
            .iter()
            .map(|(name, share)| json!({ "name": name, "match": share }))
            .collect()
    };
    json!({
        "prod": diff.production,
        "pr": diff.pull_request,
        "pk": diff.primary_key,
        "id": diff.id.map(|id| id.0),
        "url": diff.page,
        "status": status,
        "error": error,
        "differs": found.map(differs),
        "key_issues": found.map(has_key_issues),
        "rows": found.and_then(|found| found.rows),
        "added": found.and_then(|found| found.exclusive_keys).map(|[_, added]| added),
        "removed": found.and_then(|found| found.exclusive_keys).map(|[removed, _]| removed),
        "null_keys": found.and_then(|found| found.null_keys),
        "duplicate_keys": found.and_then(|found| found.duplicate_keys),
        "rows_with_differences": found.and_then(|found| found.rows_with_differences),
        "values_with_differences": found.and_then(|found| found.values_with_differences),
        "columns": found.map(columns),
        "columns_added": found.map(|found| &found.exclusive_columns[1]),
        "columns_removed": found.map(|found| &found.exclusive_columns[0]),
        "columns_retyped": found.map(|found| &found.retyped_columns),
    })
}

#[cfg(test)]
mod tests;
