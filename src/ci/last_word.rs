//! The last word on a commit: what there is to say of it at the forge. It is kept until it is said, as a forge may not listen for long.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::forge::CommitState;

/// Whether the forge has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// It does.
    Whole,
    /// It does not, or not the whole.
    NotYet,
}

/// When a head commit whose orchestration has ended is gone on with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Again {
    /// Never: that is its end.
    #[default]
    Never,
    /// When the forge tells of the pull request: it was waited for long enough, or somebody else has to act.
    WhenTold,
    /// By the next process too: it lacked access, or an answer.
    AtTheNextStart,
}

/// What there is to say of a commit when its orchestration has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastWord {
    /// The word of the result.
    pub(super) result: String,
    #[serde(with = "StateWord")]
    pub(super) state: CommitState,
    pub(super) description: String,
    /// Where more is to be seen.
    pub(super) page: Option<String>,
    /// The comment; `None`: none is to be written.
    pub(super) comment: Option<String>,
    pub(super) said: Said,
    #[serde(default)]
    pub(super) again: Again,
    /// When the orchestration ended.
    pub(super) ended: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "CommitState", rename_all = "snake_case")]
enum StateWord {
    Pending,
    Success,
    Failure,
    Error,
}
