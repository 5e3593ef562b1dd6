//! How an orchestration ends.

use driftless_core::report::Meaning;

use crate::platform::data_diffs::{CiRunId, DataDiff, Summary};

/// How the orchestration of one head commit ended.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an unread outcome is not actionable"]
pub struct CiOutcome {
    /// In one word.
    pub result: CiResult,
    /// Why, where there is more to say than that word.
    pub reason: Option<Reason>,
    /// One line for people: the commit status's description.
    pub message: String,
    /// The run on the instance, where there was one.
    pub run: Option<CiRunId>,
    /// The head commit.
    pub sha: String,
    /// How many diffs the run was given by us.
    pub submitted: usize,
    /// What was compared, and what was found.
    pub diffs: Vec<(DataDiff, Summary)>,
    /// What could not be said on the forge, and why.
    pub unsaid: Vec<String>,
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

    /// A stable word for JSON, metrics and the store.
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

/// Why an orchestration ended as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is to be no run: the gate's word for it.
    Skipped(&'static str),
    /// The diffs that are asked for are not valid.
    InvalidDiffs,
    /// Data differ.
    Differences,
    /// Primary keys are null or not unique.
    KeyIssues,
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
    /// The run failed.
    RunFailed,
    /// A data diff failed, is missing or has no summary.
    DiffFailed,
    /// The run is done and compared nothing.
    NothingCompared,
    /// The head moved.
    Superseded,
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
            Reason::Skipped(word) => word,
            Reason::InvalidDiffs => "invalid_diffs",
            Reason::Differences => "differences",
            Reason::KeyIssues => "key_issues",
            Reason::NotStarted => "not_started",
            Reason::NoRunWaiting => "no_run_waiting",
            Reason::OtherCommitWaits => "other_commit_waits",
            Reason::TakenElsewhere => "taken_elsewhere",
            Reason::NeedsConfirmation => "needs_confirmation",
            Reason::NeedsAuthentication => "needs_authentication",
            Reason::Cancelled => "cancelled",
            Reason::RunFailed => "run_failed",
            Reason::DiffFailed => "diff_failed",
            Reason::NothingCompared => "nothing_compared",
            Reason::Superseded => "superseded",
            Reason::TimedOut => "timed_out",
            Reason::Request(meaning) => meaning.word(),
            Reason::Store => "store",
        }
    }
}
