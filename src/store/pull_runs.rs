//! The history of pull-request runs: how far the orchestration of each head commit came, written before each request that
//! must not be repeated.

use chrono::{DateTime, Utc};
use driftless_core::key::Digest;

/// What one orchestration is of: there is at most one for each. Besides there is one for each pull request that is still to be looked
/// at, of which only repository and number are known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullRunKey {
    /// The instance, by its name in the config.
    pub target: String,
    /// The CI configuration's name.
    pub config: String,
    /// The repository's path on its forge.
    pub repository: String,
    /// The pull request's number there.
    pub number: u64,
    /// The head commit.
    pub sha: String,
}

/// Characters of an id: far more than the runs that a store holds need to differ.
const ID: usize = 16;

impl PullRunKey {
    /// That of a pull request which is to be looked at.
    pub fn of_delivery(repository: &str, number: u64) -> Self {
        Self {
            target: String::new(),
            config: String::new(),
            repository: repository.to_owned(),
            number,
            sha: String::new(),
        }
    }

    /// Whether it is that of a pull request which is to be looked at.
    pub fn is_of_delivery(&self) -> bool {
        self.sha.is_empty()
    }

    /// What addresses call it: the same for the same key, whatever stands in it.
    pub fn id(&self) -> String {
        let Self {
            target,
            config,
            repository,
            number,
            sha,
        } = self;
        let number = number.to_string();
        // A length before each part: no two keys read alike.
        let parts = [target, config, repository, &number, sha].map(|part| format!("{}:{part}", part.len()));
        Digest::of(&parts.concat()).0.chars().take(ID).collect()
    }
}

/// How far an orchestration came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRun {
    /// What it is of.
    pub key: PullRunKey,
    /// The step that it is at: a word of the orchestration's.
    pub phase: String,
    /// The run on the instance, once known.
    pub run: Option<i64>,
    /// The digest of the diffs that were handed over, or may have been.
    pub submitted: Option<String>,
    /// How it ended: a word of the orchestration's; `None` while it is under way, or when the process died in it.
    pub outcome: Option<String>,
    /// One line for the list.
    pub message: String,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it was last written.
    pub updated: DateTime<Utc>,
    /// When it ended.
    pub finished: Option<DateTime<Utc>>,
    /// What the orchestration needs to go on: JSON of its own, without secrets.
    pub state: String,
}

/// Which pull-request runs are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullRunsOf {
    /// That of one key.
    Key(PullRunKey),
    /// That of the key with this [`PullRunKey::id`]; never a pull request that is to be looked at. The others are not read.
    Id(String),
    /// Those that have not ended, the oldest first; with the pull requests that are to be looked at.
    Open,
    /// So many, those that were written last first; without the pull requests that are to be looked at.
    Newest(usize),
}
