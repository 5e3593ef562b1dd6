//! The port of sources: where desired state comes from.

pub mod dir;
pub mod file;
pub mod git;
pub mod layers;
pub mod reference;
pub mod signers;

use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::Revision;
use driftless_core::tree::Tree;

/// A repository watched at a ref, or a folder.
#[async_trait]
pub trait Source: Send + Sync {
    /// Its name in the config.
    fn name(&self) -> &str;

    /// Asks where the ref points: one listing of references, and nothing else.
    ///
    /// # Errors
    /// Why that cannot be told, with what to do about it.
    async fn head(&self) -> Result<Revision, SourceError>;

    /// The newest revision that is already here: what stays in force while the source does not answer.
    async fn last_good(&self) -> Option<Revision>;

    /// Reads the files under `folders` (paths from the root; `""` is the root) at `revision`, fetching it if it is not here yet.
    /// A text is parsed once per content, however many revisions hold it.
    ///
    /// # Errors
    /// Why they cannot be read.
    async fn checkout(&self, revision: &Revision, folders: &[String]) -> Result<Tree, SourceError>;

    /// Who made a revision and what they said of it, where the source knows.
    async fn describe(&self, revision: &Revision) -> Option<Commit>;

    /// The tag that the last look found newest, where the source has a choice.
    fn chosen(&self) -> Option<String> {
        None
    }

    /// Whether the history of `newer` holds `older`: what was pushed over it took nothing back. A revision that the source has no
    /// more is in no history. Only a branch has a lineage; of anything else every revision may follow every other.
    ///
    /// # Errors
    /// Why the history cannot be read.
    async fn descends(&self, _newer: &Revision, _older: &Revision) -> Result<bool, SourceError> {
        Ok(true)
    }

    /// What stands for all that lies under `folders` at `revision`: the same where a [`Source::checkout`] of the same folders
    /// would give the same files. A folder that is not there counts as such. No file is read.
    ///
    /// # Errors
    /// Why that cannot be told.
    async fn fingerprint(&self, revision: &Revision, _folders: &[String]) -> Result<TreeId, SourceError> {
        Ok(TreeId(revision.0.clone()))
    }
}

/// Stands for the content of some folders of a source; means nothing elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeId(pub String);

/// What a commit says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The author's name.
    pub author: String,
    /// The first line of the message.
    pub subject: String,
    /// Seconds since 1970.
    pub time: i64,
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What it means.
    pub kind: SourceFault,
    /// What happened and what to do about it; no credential in it.
    pub message: String,
}

impl SourceError {
    /// A failure of kind `kind`; `message` says what happened and what to do about it, and holds no credential.
    pub fn new(kind: SourceFault, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// What a source's failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFault {
    /// It does not answer, or broke off: it may tomorrow.
    Unreachable,
    /// The credentials or the host key are refused.
    Refused,
    /// There is no such branch, folder or revision.
    Missing,
    /// What it holds is over a limit or is no repository.
    Unreadable,
    /// What it points at is not signed by somebody who may, or was put in another's place.
    Untrusted,
}

/// How long one exchange with a source may take.
pub const EXCHANGE: Duration = Duration::from_secs(60); // Flux's `.spec.timeout` for Git sources.
