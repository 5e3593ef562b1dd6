//! The port of data diffs: what the orchestration of pull requests may ask of a platform that compares tables.

use async_trait::async_trait;
use driftless_core::report::Failure;

use super::TargetId;

/// A live instance that runs data diffs for pull requests.
#[async_trait]
pub trait DataDiffs: Send + Sync {
    /// The instance.
    fn target(&self) -> &TargetId;

    /// The page of a data diff, for people.
    fn page(&self, diff: DataDiffId) -> String;

    /// The page on which a CI configuration is edited, for people.
    fn settings(&self) -> String;

    /// The type of a data source in the platform's word (`snowflake`), by name or number. `None`: there is none, or several of different
    /// types.
    ///
    /// # Errors
    /// What went wrong, by meaning.
    async fn data_source_type(&self, name_or_number: &str) -> Result<Option<String>, Failure>;

    /// The runs of a CI configuration, the newest first: of one pull request, of one head commit, or both.
    ///
    /// # Errors
    /// [`Meaning::NotFound`](driftless_core::report::Meaning::NotFound) when there is no such configuration.
    async fn runs(&self, config: CiConfigId, of: &RunsOf) -> Result<Vec<CiRun>, Failure>;

    /// Starts a run for a head commit. `None`: the platform says that it started nothing. The number is the one that the platform
    /// answers with; of its two sorts of numbers it does not say which one that is (`reference` 2.3), so hold it against
    /// [`DataDiffs::runs`]: where no run there has it, it is not known which run it means.
    ///
    /// # Errors
    /// What went wrong, by meaning; after a lost answer a run may be there: look before asking again.
    async fn trigger(&self, config: CiConfigId, head: &Head) -> Result<Option<CiRunId>, Failure>;

    /// Hands the diffs to whichever run of the pull request waits: the request names no commit. `None`: no run waited. The
    /// number is of either sort, as that of [`DataDiffs::trigger`].
    ///
    /// # Errors
    /// What went wrong, by meaning; after a lost answer they may have been taken: look before asking again.
    async fn submit(
        &self,
        config: CiConfigId,
        pull_request: PullRequestNumber,
        diffs: &[DiffRequest],
    ) -> Result<Option<CiRunId>, Failure>;

    /// The data diffs of a run, by id.
    ///
    /// # Errors
    /// What went wrong, by meaning.
    async fn diffs(&self, run: CiRunId) -> Result<Vec<DataDiff>, Failure>;

    /// What a data diff found.
    ///
    /// # Errors
    /// What went wrong, by meaning.
    async fn summary(&self, diff: DataDiffId) -> Result<Summary, Failure>;
}

/// The number of a CI configuration on one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CiConfigId(pub i64);

/// The number of a CI run on one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CiRunId(pub i64);

/// The number of a data diff on one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataDiffId(pub i64);

/// The number of a pull or merge request in its repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullRequestNumber(pub u64);

/// The head of a pull request, as a run is started for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The pull request.
    pub pull_request: PullRequestNumber,
    /// The branch that is to be merged.
    pub branch: String,
    /// Its newest commit: full, and never a merge commit that a CI system made.
    pub sha: String,
    /// The branch that is merged into.
    pub base_branch: String,
    /// The commit of it that the head is compared with.
    pub base_sha: String,
}

/// Which runs are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsOf {
    /// Those of one pull request.
    pub pull_request: Option<PullRequestNumber>,
    /// Those of one head commit.
    pub sha: Option<String>,
}

/// A CI run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiRun {
    /// Its number.
    pub id: CiRunId,
    /// The pull request that it is of.
    pub pull_request: Option<PullRequestNumber>,
    /// The head commit that it is of.
    pub sha: String,
    /// How far it is.
    pub status: RunStatus,
}

/// How far a CI run or a data diff is. The platform's word is a free text (`reference` 2.4): one that is not known is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It waits for diffs.
    Waiting,
    /// It is accepted and not started.
    Queued,
    /// It works.
    Processing,
    /// A person must confirm it.
    NeedsConfirmation,
    /// A person must log in to the warehouse.
    NeedsAuthentication,
    /// It is finished, which says nothing of what it found.
    Done,
    /// It failed.
    Failed,
    /// It was cancelled, mostly by a newer commit.
    Cancelled,
    /// A word that this version does not know: taken for one of work under way.
    Unknown(String),
}

impl RunStatus {
    /// The meaning of the platform's word.
    pub fn of(word: &str) -> Self {
        match word {
            "waiting" => RunStatus::Waiting,
            "queued" => RunStatus::Queued,
            "processing" => RunStatus::Processing,
            "needs_confirmation" => RunStatus::NeedsConfirmation,
            "needs_authentication" => RunStatus::NeedsAuthentication,
            "done" => RunStatus::Done,
            "failed" => RunStatus::Failed,
            "cancelled" => RunStatus::Cancelled,
            other => RunStatus::Unknown(other.to_owned()),
        }
    }

    /// The platform's word.
    pub fn word(&self) -> &str {
        match self {
            RunStatus::Waiting => "waiting",
            RunStatus::Queued => "queued",
            RunStatus::Processing => "processing",
            RunStatus::NeedsConfirmation => "needs_confirmation",
            RunStatus::NeedsAuthentication => "needs_authentication",
            RunStatus::Done => "done",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
            RunStatus::Unknown(word) => word,
        }
    }

    /// Whether nothing comes after it.
    pub fn is_final(&self) -> bool {
        match self {
            RunStatus::Done | RunStatus::Failed | RunStatus::Cancelled => true,
            RunStatus::Waiting
            | RunStatus::Queued
            | RunStatus::Processing
            | RunStatus::NeedsConfirmation
            | RunStatus::NeedsAuthentication
            | RunStatus::Unknown(_) => false,
        }
    }
}

/// One comparison that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffRequest {
    /// The table in production: dotted names.
    pub production: String,
    /// The table that the pull request builds: dotted names.
    pub pull_request: String,
    /// The columns of its primary key; without any, only row counts and schemas are compared.
    pub primary_key: Vec<String>,
    /// The columns that are compared; empty: all.
    pub include_columns: Vec<String>,
    /// The columns that are not compared.
    pub exclude_columns: Vec<String>,
}

/// A data diff of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct DataDiff {
    /// Its number.
    pub id: DataDiffId,
    /// How far it is.
    pub status: RunStatus,
    /// The table in production, dotted, as far as it is one.
    pub production: String,
    /// The table of the pull request, dotted, as far as it is one.
    pub pull_request: String,
    /// The columns of its primary key.
    pub primary_key: Vec<String>,
}

/// What a data diff found.
#[derive(Clone, Debug, PartialEq)]
pub enum Summary {
    /// It is not finished.
    Running,
    /// It failed; what the platform says of it.
    Failed(String),
    /// It is finished.
    Finished(Box<Findings>),
}

/// What a finished data diff found. Of two numbers the first is of production, the second of the pull request; what was not compared
/// is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Rows.
    pub rows: Option<[u64; 2]>,
    /// Rows of which a part of the primary key is null.
    pub null_keys: Option<[u64; 2]>,
    /// Rows whose primary key another row has too.
    pub duplicate_keys: Option<[u64; 2]>,
    /// Rows whose primary key only that side has.
    pub exclusive_keys: Option<[u64; 2]>,
    /// Rows that both have and whose values differ.
    pub rows_with_differences: Option<u64>,
    /// Values that differ.
    pub values_with_differences: Option<u64>,
    /// Columns with differing values: name, and the share of equal values, 0 to 100.
    pub columns: Vec<(String, f64)>,
    /// Columns that only that side has.
    pub exclusive_columns: [Vec<String>; 2],
    /// Columns whose types differ.
    pub retyped_columns: Vec<String>,
}
