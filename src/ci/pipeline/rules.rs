//! The rules of a CI configuration, as the orchestration asks for them.

use crate::ci::config::CiConfig;
use crate::ci::outcome::{CiResult, Reason};
use crate::forge::{ChangedFile, CommitState, PullRequest};
use crate::platform::data_diffs::{CiRun, DataDiff, DiffRequest, Summary};

/// What is pure of the orchestration.
pub trait Rules: Send + Sync {
    /// Why there is to be no run, as a word and a sentence.
    fn gate(&self, config: &CiConfig, pull: &PullRequest, changed: &[ChangedFile]) -> Option<(&'static str, String)>;

    /// The diffs of a diffs file.
    ///
    /// # Errors
    /// Every fault, one a line.
    fn read(&self, config: &CiConfig, pull: &PullRequest, path: &str, file: &[u8]) -> Result<Vec<DiffRequest>, String>;

    /// Whether a changed file is looked through for diffs.
    fn is_searched(&self, config: &CiConfig, path: &str) -> bool;

    /// The diffs that changed files ask for.
    ///
    /// # Errors
    /// Every fault, one a line.
    fn discover(
        &self,
        config: &CiConfig,
        pull: &PullRequest,
        files: &[(String, Vec<u8>)],
    ) -> Result<Vec<DiffRequest>, String>;

    /// What a run that ended means for its commit.
    fn judge(&self, config: &CiConfig, found: &Found<'_>) -> Verdict;

    /// What an orchestration that came to no result means for its commit.
    fn give_up(&self, config: &CiConfig, reason: Reason, message: &str) -> Verdict;
}

/// A run that ended.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The run.
    pub run: &'a CiRun,
    /// How many diffs it was given by us; `None` when somebody else gave them.
    pub asked: Option<usize>,
    /// Its diffs.
    pub diffs: &'a [(DataDiff, Summary)],
}

/// What is said of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The result.
    pub result: CiResult,
    /// Why, where there is more to say.
    pub reason: Option<Reason>,
    /// The commit status.
    pub state: CommitState,
    /// Its description.
    pub description: String,
    /// The comment, without its marker.
    pub comment: Option<String>,
}
