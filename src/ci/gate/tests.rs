//! Which pull requests get a run, and the word for why the others do not.

use super::*;
use crate::ci::config::{CiConfig, Consequence};
use crate::forge::{FileChange, Repository};
use crate::platform::data_diffs::{CiConfigId, PullRequestNumber};

pub(crate) fn config() -> CiConfig {
    CiConfig {
        name: "shop".to_owned(),
        id: CiConfigId(286),
        repository: Repository("acme/shop".to_owned()),
        forge: None,
        data_connection: "warehouse".to_owned(),
        files_to_ignore: Vec::new(),
        errors: Consequence::Fails,
        differences: Consequence::Passes,
        key_issues: Consequence::Passes,
        label: Label::Optional,
        base_branch: None,
        diff_threshold: None,
        diffs: None,
        schema: None,
        discovery: None,
        columns_to_ignore: Vec::new(),
    }
}

pub(crate) fn pull_request() -> PullRequest {
    PullRequest {
        number: PullRequestNumber(6),
        state: PullRequestState::Open,
        readiness: Readiness::Ready,
        branch: "feat".to_owned(),
        sha: "a".repeat(40),
        message: "Count orders once".to_owned(),
        base_branch: "main".to_owned(),
        base_sha: "b".repeat(40),
        labels: Vec::new(),
    }
}

fn written(path: &str) -> ChangedFile {
    ChangedFile {
        path: path.to_owned(),
        previous: None,
        change: FileChange::Written,
    }
}

fn word(config: &CiConfig, pull_request: &PullRequest, changed: &[ChangedFile]) -> &'static str {
    match decide(config, pull_request, changed) {
        Decision::Run => "run",
        Decision::Skip(skip) => skip.word(),
    }
}

#[test]
fn each_reason_to_skip_has_its_word_and_without_any_there_is_a_run() {
    type Change = fn(&mut CiConfig, &mut PullRequest);
    let table: &[(Change, &str)] = &[
        (|_, _| {}, "run"),
        (|_, p| p.state = PullRequestState::Closed, "closed"),
        (|_, p| p.readiness = Readiness::Draft, "draft"),
        (|c, _| c.base_branch = Some("release".to_owned()), "base_branch"),
        (|c, _| c.base_branch = Some("main".to_owned()), "run"),
        (|c, _| c.label = Label::Required, "label_missing"),
        (
            |c, p| {
                c.label = Label::Required;
                p.labels = vec!["Datafold".to_owned()]
            },
            "label_missing",
        ),
        (
            |c, p| {
                c.label = Label::Required;
                p.labels = vec!["x".to_owned(), "datafold".to_owned()]
            },
            "run",
        ),
        (
            |_, p| p.message = "Fix\n\nno data here, datafold-skip-ci".to_owned(),
            "skip_requested",
        ),
        (|c, _| c.files_to_ignore = vec!["*".to_owned()], "files_ignored"),
    ];
    for (row, (change, expected)) in table.iter().enumerate() {
        let (mut config, mut pull_request) = (config(), pull_request());
        change(&mut config, &mut pull_request);
        let changed = [written("models/a.sql")];
        assert_eq!(word(&config, &pull_request, &changed), *expected, "row {row}");
    }
    assert_eq!(word(&config(), &pull_request(), &[]), "no_changes");
}

#[test]
fn a_rename_counts_by_both_paths_and_a_deletion_by_the_one_it_had() {
    let config = CiConfig {
        files_to_ignore: vec!["docs/".to_owned()],
        ..config()
    };
    let moved = |path: &str, previous: &str| ChangedFile {
        previous: Some(previous.to_owned()),
        ..written(path)
    };
    let deleted = |path: &str| ChangedFile {
        change: FileChange::Deleted,
        ..written(path)
    };
    let table = [
        (moved("docs/a.sql", "models/a.sql"), "run"),
        (moved("models/a.sql", "docs/a.sql"), "run"),
        (moved("docs/a.sql", "docs/b.sql"), "files_ignored"),
        (deleted("models/a.sql"), "run"),
        (deleted("docs/a.sql"), "files_ignored"),
    ];
    for (file, expected) in table {
        assert_eq!(
            word(&config, &pull_request(), std::slice::from_ref(&file)),
            expected,
            "{file:?}"
        );
    }
}

#[test]
fn a_reason_is_a_sentence_that_says_what_was_looked_for() {
    let base = Skip::BaseBranch {
        wanted: "main".to_owned(),
        found: "dev".to_owned(),
    };
    assert_eq!(base.sentence(), "Skipped: it is merged into dev; only main is checked.");
    assert_eq!(
        Skip::FilesIgnored { files: 3 }.sentence(),
        "Skipped: all 3 changed files are ignored."
    );
}
