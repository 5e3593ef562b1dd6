//! How an orchestration ends.

use driftless_core::diagnostic::Diagnostic;
use driftless_core::report::Meaning;

use super::config::CiConfig;
use super::last_word::Again;
use super::report::{Compared, Facts, Outcome, RunResult, Verdict};
use crate::platform::data_diffs::CiRunId;

/// How the orchestration of one head commit ended.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an unread outcome is not actionable"]
pub struct CiOutcome {
    /// What it comes to; its reason is [`Reason::word`] where there is no result to report.
    pub verdict: Verdict,
    /// How the run stands, or why there is none.
    pub outcome: Outcome,
    /// The run on the instance, where there was one.
    pub run: Option<CiRunId>,
    /// The head commit.
    pub sha: String,
    /// How many diffs the run was given by us.
    pub submitted: usize,
    /// What was compared, and what was found.
    pub diffs: Vec<Compared>,
    /// What there is to say of the diffs file, the SQL files or the configuration.
    pub remarks: Vec<Diagnostic>,
    /// What could not be said on the forge, and why.
    pub unsaid: Vec<String>,
    /// Whether the commit's status on the forge is what it came to.
    pub status: StatusEnd,
}

/// What became of a commit's last status on the forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusEnd {
    /// It is set, or there was none to set.
    Settled,
    /// The forge refuses it, and would again: of a fork, say, where the token has no rights.
    Refused,
    /// There was no time for it, or the forge did not work: the one from before still stands.
    Missed,
}

impl CiOutcome {
    /// The facts, as the report asks for them.
    pub fn facts<'a>(&'a self, config: &'a CiConfig) -> Facts<'a> {
        Facts {
            config,
            sha: &self.sha,
            run: self.run,
            submitted: self.submitted,
            outcome: &self.outcome,
            diffs: &self.diffs,
            remarks: &self.remarks,
        }
    }

    /// In one word.
    pub fn result(&self) -> CiResult {
        CiResult::of(&self.outcome, &self.verdict)
    }
}

/// How the orchestration of one head commit ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CiResult {
    /// The commit is good.
    Passed,
    /// Nothing was to be compared.
    Skipped,
    /// The commit is not good, or it could not be told.
    Failed,
    /// It could not be told in time.
    TimedOut,
    /// The commit is not the pull request's head any more.
    Superseded,
}

impl CiResult {
    /// Every result.
    pub const ALL: [CiResult; 5] = [
        CiResult::Passed,
        CiResult::Skipped,
        CiResult::Failed,
        CiResult::TimedOut,
        CiResult::Superseded,
    ];

    /// That of a verdict.
    pub fn of(outcome: &Outcome, verdict: &Verdict) -> Self {
        match (outcome, verdict.result) {
            (Outcome::Superseded, _) => CiResult::Superseded,
            (_, Some(RunResult::Passed)) => CiResult::Passed,
            (_, Some(RunResult::Skipped)) => CiResult::Skipped,
            (_, Some(RunResult::TimedOut)) => CiResult::TimedOut,
            // One under way has no end; it is never called good.
            (_, Some(RunResult::Failed) | None) => CiResult::Failed,
        }
    }

    /// A stable word for metrics and the store.
    pub fn word(self) -> &'static str {
        match self {
            CiResult::Passed => "passed",
            CiResult::Skipped => "skipped",
            CiResult::Failed => "failed",
            CiResult::TimedOut => "timed_out",
            CiResult::Superseded => "superseded",
        }
    }
}

/// Why an orchestration came to no result of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The diffs that are asked for are not valid.
    InvalidDiffs,
    /// The platform started no run.
    NotStarted,
    /// No run took the diffs.
    NoRunWaiting,
    /// The run that waits is another commit's.
    OtherCommitWaits,
    /// The diffs went to another run.
    TakenElsewhere,
    /// A person must confirm the run.
    NeedsConfirmation,
    /// A person must log in to the warehouse.
    NeedsAuthentication,
    /// The run was cancelled while its commit was the head.
    Cancelled,
    /// The run is done and compared nothing.
    NothingCompared,
    /// It took too long.
    TimedOut,
    /// The platform or the forge refused a request, or did not answer.
    Request(Meaning),
    /// Our own store does not work.
    Store,
}

impl Reason {
    /// A stable word for JSON and the store.
    pub fn word(self) -> &'static str {
        match self {
            Reason::InvalidDiffs => "invalid_diffs",
            Reason::NotStarted => "not_started",
            Reason::NoRunWaiting => "no_run_waiting",
            Reason::OtherCommitWaits => "other_commit_waits",
            Reason::TakenElsewhere => "taken_elsewhere",
            Reason::NeedsConfirmation => "needs_confirmation",
            Reason::NeedsAuthentication => "needs_authentication",
            Reason::Cancelled => "cancelled",
            Reason::NothingCompared => "nothing_compared",
            Reason::TimedOut => "timed_out",
            Reason::Request(meaning) => meaning.word(),
            Reason::Store => "store",
        }
    }

    /// When the head is gone on with. What was handed over is not handed over again by that: it goes on from what the store has.
    pub(super) fn again(self) -> Again {
        match self {
            Reason::Request(_) | Reason::Store => Again::AtTheNextStart,
            Reason::NotStarted
            | Reason::NoRunWaiting
            | Reason::OtherCommitWaits
            | Reason::NeedsConfirmation
            | Reason::NeedsAuthentication
            | Reason::Cancelled
            | Reason::TimedOut => Again::WhenTold,
            Reason::InvalidDiffs | Reason::TakenElsewhere | Reason::NothingCompared => Again::Never,
        }
    }

    /// How that stands in the report.
    pub(super) fn outcome(self, message: &str) -> Outcome {
        match self {
            Reason::Cancelled => Outcome::Cancelled,
            Reason::TimedOut | Reason::NeedsConfirmation | Reason::NeedsAuthentication => {
                Outcome::TimedOut(message.to_owned())
            }
            Reason::InvalidDiffs
            | Reason::Request(Meaning::Unauthorized | Meaning::Forbidden | Meaning::NotFound | Meaning::Invalid) => {
                Outcome::Refused(message.to_owned())
            }
            Reason::NotStarted
            | Reason::NoRunWaiting
            | Reason::OtherCommitWaits
            | Reason::TakenElsewhere
            | Reason::NothingCompared
            | Reason::Request(_)
            | Reason::Store => Outcome::NotStarted(message.to_owned()),
        }
    }
}
