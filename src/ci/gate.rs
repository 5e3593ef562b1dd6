//! The gate: whether a pull request gets a run at all, and in which words it does not.

use crate::ci::config::{CiConfig, Label};
use crate::ci::ignore::{FileVerdict, Ignored};
use crate::forge::{ChangedFile, PullRequest, PullRequestState, Readiness};

/// The label that [`Label::Required`] asks for: the vendor's (`reference` 4.1).
pub const LABEL: &str = "datafold";

/// The label by which a person lets more diffs start than the configuration's `diff_threshold`.
pub const CONFIRMED: &str = "datafold-confirmed";

/// The text in a head commit's message that asks for no run: the vendor's (`reference` 4.5).
pub const SKIP_WORD: &str = "datafold-skip-ci";

/// What the gate decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is to be a run.
    Run,
    /// There is to be none.
    Skip(Skip),
}

/// Why there is no run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The pull request is merged or closed.
    Closed,
    /// It is a draft.
    Draft,
    /// It is merged into another branch than the configuration's.
    BaseBranch {
        /// The configuration's.
        wanted: String,
        /// The pull request's.
        found: String,
    },
    /// It lacks the label.
    LabelMissing,
    /// The head commit's message asks for it.
    SkipRequested,
    /// Every changed file is ignored.
    FilesIgnored {
        /// How many.
        files: usize,
    },
    /// No file is changed.
    NoChanges,
    /// Nothing was found that could be compared.
    NothingToDiff,
}

impl Skip {
    /// The stable word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Skip::Closed => "closed",
            Skip::Draft => "draft",
            Skip::BaseBranch { .. } => "base_branch",
            Skip::LabelMissing => "label_missing",
            Skip::SkipRequested => "skip_requested",
            Skip::FilesIgnored { .. } => "files_ignored",
            Skip::NoChanges => "no_changes",
            Skip::NothingToDiff => "nothing_to_diff",
        }
    }

    /// A sentence for people.
    pub fn sentence(&self) -> String {
        match self {
            Skip::Closed => "Skipped: the pull request is closed.".to_owned(),
            Skip::Draft => "Skipped: the pull request is a draft.".to_owned(),
            Skip::BaseBranch { wanted, found } => {
                format!("Skipped: it is merged into {found}; only {wanted} is checked.")
            }
            Skip::LabelMissing => format!("Skipped: the label {LABEL} is missing."),
            Skip::SkipRequested => format!("Skipped: the head commit's message says {SKIP_WORD}."),
            Skip::FilesIgnored { files: 1 } => "Skipped: the one changed file is ignored.".to_owned(),
            Skip::FilesIgnored { files } => format!("Skipped: all {files} changed files are ignored."),
            Skip::NoChanges => "Skipped: no file is changed.".to_owned(),
            Skip::NothingToDiff => "Skipped: there is nothing to compare.".to_owned(),
        }
    }
}

/// Decides for a pull request as it is now. A renamed file counts by both of its paths, a deleted one by the path that it had.
pub fn decide(config: &CiConfig, pull_request: &PullRequest, changed: &[ChangedFile]) -> Decision {
    match before_files(config, pull_request) {
        Some(skip) => Decision::Skip(skip),
        None => by_files(config, changed),
    }
}

/// What closes the gate whatever files are changed.
pub fn before_files(config: &CiConfig, pull_request: &PullRequest) -> Option<Skip> {
    if pull_request.state == PullRequestState::Closed {
        return Some(Skip::Closed);
    }
    if pull_request.readiness == Readiness::Draft {
        return Some(Skip::Draft);
    }
    if let Some(wanted) = &config.base_branch
        && *wanted != pull_request.base_branch
    {
        return Some(Skip::BaseBranch {
            wanted: wanted.clone(),
            found: pull_request.base_branch.clone(),
        });
    }
    if config.label == Label::Required && !pull_request.labels.iter().any(|label| label == LABEL) {
        return Some(Skip::LabelMissing);
    }
    if pull_request.message.contains(SKIP_WORD) {
        return Some(Skip::SkipRequested);
    }
    None
}

fn by_files(config: &CiConfig, changed: &[ChangedFile]) -> Decision {
    if changed.is_empty() {
        return Decision::Skip(Skip::NoChanges);
    }
    let ignored = Ignored::new(config.files_to_ignore.iter().map(String::as_str));
    let mut paths = changed
        .iter()
        .flat_map(|file| std::iter::once(&file.path).chain(&file.previous));
    if paths.any(|path| ignored.verdict(path) == FileVerdict::Counts) {
        Decision::Run
    } else {
        Decision::Skip(Skip::FilesIgnored { files: changed.len() })
    }
}

#[cfg(test)]
pub(crate) mod tests;
