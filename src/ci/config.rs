//! What `datafold/ci/<name>.yaml` says: how pull requests of one repository are checked.

use crate::forge::Repository;
use crate::platform::data_diffs::CiConfigId;

/// A CI configuration as code. The platform has no API for its own (the vendor's form is the only editor): driftless enforces every rule
/// that it can itself.
#[derive(Clone, Debug, PartialEq)]
pub struct CiConfig {
    /// Its name here.
    pub name: String,
    /// Its number on the instance.
    pub id: CiConfigId,
    /// The repository whose pull requests it is for.
    pub repository: Repository,
    /// The data source in which both tables of a diff are read, by name.
    pub data_connection: String,
    /// Patterns of files whose changes start nothing, from top to bottom: `.gitignore` lines.
    pub files_to_ignore: Vec<String>,
    /// What the commit's status is when something went wrong.
    pub errors: Consequence,
    /// What the commit's status is when data differ.
    pub differences: Consequence,
    /// What the commit's status is when primary keys are null or not unique.
    pub key_issues: Consequence,
    /// Whether a pull request must bear the label `datafold`.
    pub label: Label,
    /// The one branch whose pull requests count; `None`: any.
    pub base_branch: Option<String>,
    /// The most diffs that start without a person's confirmation.
    pub diff_threshold: Option<usize>,
    /// Where the pull request's tree has its diffs file; `None`: `datafold/diffs.json`, `.yaml` or `.yml`.
    pub diffs: Option<String>,
    /// What `${PR_SCHEMA}` stands for; may hold `${PR_NUMBER}` and `${PR_SHA}`.
    pub schema: Option<String>,
    /// How diffs are found from changed SQL files where there is no diffs file.
    pub discovery: Option<Discovery>,
    /// Columns that no diff compares.
    pub columns_to_ignore: Vec<String>,
}

/// What becomes of a commit's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It is bad.
    Fails,
    /// It stays good; the comment says what there is to see.
    Passes,
}

/// Whether a label is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// It must be there.
    Required,
    /// It need not.
    Optional,
}

/// How diffs are found from changed SQL files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Globs of the files that are read; from the repository's root.
    pub files: Vec<String>,
    /// What the placeholders of a table's name stand for in production, by name.
    pub production: Vec<(String, String)>,
    /// What they stand for in the pull request, by name; may hold `${PR_NUMBER}`, `${PR_SHA}` and `${PR_SCHEMA}`.
    pub pull_request: Vec<(String, String)>,
}
