//! The port of forges: what the orchestration of pull requests may ask of the place where they live.

mod client;
mod comments;
pub mod github;
pub mod gitlab;
mod quota;

use async_trait::async_trait;
use driftless_core::report::Failure;

use crate::platform::data_diffs::PullRequestNumber;

pub use self::client::ForgeOptions;

/// A place where repositories and their pull or merge requests live.
#[async_trait]
pub trait Forge: Send + Sync {
    /// A pull request as it is now.
    ///
    /// # Errors
    /// What went wrong, by meaning.
    async fn pull_request(&self, repository: &Repository, number: PullRequestNumber) -> Result<PullRequest, Failure>;

    /// The files that a pull request changes, all of them.
    ///
    /// # Errors
    /// What went wrong, by meaning. A list that does not hold still is [`Meaning::Broken`](driftless_core::report::Meaning::Broken), one
    /// that the forge cuts off [`Meaning::Invalid`](driftless_core::report::Meaning::Invalid): it will not be longer.
    async fn changed_files(
        &self,
        repository: &Repository,
        number: PullRequestNumber,
    ) -> Result<Vec<ChangedFile>, Failure>;

    /// A file at a commit, of which no more is read than `most` bytes; `None` where there is no such file.
    ///
    /// # Errors
    /// What went wrong, by meaning.
    async fn file(
        &self,
        repository: &Repository,
        sha: &str,
        path: &str,
        most: usize,
    ) -> Result<Option<FileContent>, Failure>;

    /// Says how a commit of a pull request is doing, in place of what was said under the same context. Of what is pending, GitLab takes
    /// other words once at most: what stands there then is left.
    ///
    /// # Errors
    /// What went wrong, by meaning.
    async fn set_status(
        &self,
        repository: &Repository,
        number: PullRequestNumber,
        sha: &str,
        status: &CommitStatus,
    ) -> Result<(), Failure>;

    /// Says `body` (Markdown) on a pull request: edits the comment of ours that holds `marker`, or makes one where there is none. The
    /// body holds the marker.
    ///
    /// # Errors
    /// What went wrong, by meaning.
    async fn comment(
        &self,
        repository: &Repository,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<(), Failure>;
}

/// A repository's path on its forge: `acme/shop`, on GitLab also `acme/data/shop`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(pub String);

/// A pull or merge request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: PullRequestNumber,
    /// Whether it can still be merged.
    pub state: PullRequestState,
    /// Whether its author calls it ready.
    pub readiness: Readiness,
    /// The branch that is to be merged.
    pub branch: String,
    /// Its newest commit.
    pub sha: String,
    /// The message of that commit.
    pub message: String,
    /// The branch that is merged into.
    pub base_branch: String,
    /// The commit of it that the forge compares with.
    pub base_sha: String,
    /// Its labels.
    pub labels: Vec<String>,
}

/// Whether a pull request can still be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullRequestState {
    /// It can.
    Open,
    /// It was merged or closed.
    Closed,
}

/// Whether a pull request is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is.
    Ready,
    /// It is a draft.
    Draft,
}

/// A file that a pull request changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path from the repository's root, with `/`; of a deleted file the one it had.
    pub path: String,
    /// The path that it had, of a renamed one.
    pub previous: Option<String>,
    /// What was done to it.
    pub change: FileChange,
}

/// What is read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// All of it.
    Whole(Vec<u8>),
    /// Nothing: it has more bytes than were wanted.
    Larger,
}

impl FileContent {
    /// The content of a file of `bytes`, of which no more than `most` are wanted.
    pub fn of(bytes: Vec<u8>, most: usize) -> Self {
        match bytes.len() <= most {
            true => Self::Whole(bytes),
            false => Self::Larger,
        }
    }
}

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It is there, new, changed or renamed.
    Written,
    /// It is gone.
    Deleted,
}

/// How a commit is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitStatus {
    /// The name under which it stands: another one than the platform's own.
    pub context: String,
    /// How it is doing.
    pub state: CommitState,
    /// One line.
    pub description: String,
    /// Where more is to be seen.
    pub url: Option<String>,
}

/// How a commit is doing. GitHub's words; GitLab has no `error`, there it is `failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitState {
    /// It is not known yet.
    Pending,
    /// It is good.
    Success,
    /// It is not good.
    Failure,
    /// It could not be told.
    Error,
}
