//! Every row of the reference's table; rules of the flat algorithm; what the lint says, held against Git itself.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use std::process::Command;

use proptest::prelude::*;

use super::*;

const VENDOR: &[&str] = &["*", "!dbt/*", "dbt/*.md"];
const DEEP: &[&str] = &["*", "!dbt/**", "dbt/**/*.md"];
const PORTABLE_LINES: &[&str] = &["/*", "!/dbt/", "/dbt/**/*.md"];

/// Patterns, changed files, whether there is a run, whether Git would have one: `reference` 5.3, row by row.
const TABLE: &[(&[&str], &[&str], bool, bool)] = &[
    (&[], &["dbt/a.sql"], true, true),
    (&["*.md"], &["README.md"], false, false),
    (&["*.md"], &["README.md", "dbt/models/a.sql"], true, true),
    (&["*.md"], &["docs/x/y.md"], false, false),
    (&["dbt/*.md"], &["dbt/x/y.md"], true, true),
    (VENDOR, &["airflow/dag.py"], false, false),
    (VENDOR, &["dbt/dbt_project.yml"], true, false),
    (VENDOR, &["dbt/models/a.sql"], true, false),
    (VENDOR, &["dbt/README.md"], false, false),
    (VENDOR, &["dbt/models/notes.md"], true, false),
    (VENDOR, &["dbt/README.md", "airflow/dag.py"], false, false),
    (VENDOR, &["dbt/README.md", "dbt/models/a.sql"], true, false),
    (DEEP, &["dbt/models/notes.md"], false, false),
    (DEEP, &["dbt/models/a.sql"], true, false),
    (
        &["*", "!dbt/*", "dbt/*.md", "!dbt/schema.md"],
        &["dbt/schema.md"],
        true,
        false,
    ),
    (&["*", "!*.sql"], &["models/a.sql"], true, false),
    (&["!*.sql", "*"], &["a.sql"], false, false),
    (&["docs/", "!docs/keep.sql"], &["docs/keep.sql"], true, false),
    (&["docs/*", "!docs/keep.sql"], &["docs/keep.sql"], true, true),
    (&["/docs/"], &["x/docs/a.sql"], true, true),
    (&["docs/"], &["x/docs/a.sql"], false, false),
    (
        &["tests/", "*.yml"],
        &["dbt/tests/a.sql", "dbt/schema.yml"],
        false,
        false,
    ),
    (&["*.sql", "!models/**"], &["seeds/a.sql"], false, false),
    (&["*.MD"], &["README.md"], true, true),
    (&["# note", "\\#x.sql"], &["#x.sql"], false, false),
    (PORTABLE_LINES, &["dbt/models/a.sql"], true, true),
    (PORTABLE_LINES, &["dbt/models/n.md", "airflow/x/dag.py"], false, false),
    (&["*!dbt/*dbt/*.md"], &["airflow/x.py"], true, true),
];

fn ignored(lines: &[&str]) -> Ignored {
    Ignored::new(lines.iter().copied())
}

fn runs(files: &[&str], verdict: impl Fn(&str) -> FileVerdict) -> bool {
    files.iter().any(|file| verdict(file) == FileVerdict::Counts)
}

#[test]
fn every_row_of_the_table_has_its_two_verdicts() {
    assert_eq!(TABLE.len(), 28);
    for (row, (lines, files, flat, git)) in TABLE.iter().enumerate() {
        let all = ignored(lines);
        assert_eq!(runs(files, |file| all.verdict(file)), *flat, "row {}: flat", row + 1);
        assert_eq!(
            runs(files, |file| all.verdict_of_git(file)),
            *git,
            "row {}: git",
            row + 1
        );
    }
}

#[test]
fn gits_verdict_is_gits() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        Command::new("git")
            .args(["-c", "core.excludesFile=", "-C"])
            .arg(folder.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    assert!(git(&["init", "--quiet"]).status.success());
    for (row, (lines, files, ..)) in TABLE.iter().enumerate() {
        std::fs::write(folder.path().join(".gitignore"), lines.join("\n")).unwrap();
        for file in *files {
            let real = match git(&["check-ignore", "--quiet", "--no-index", file]).status.code() {
                Some(0) => FileVerdict::Ignored,
                Some(1) => FileVerdict::Counts,
                other => panic!("git check-ignore ends with {other:?}"),
            };
            assert_eq!(ignored(lines).verdict_of_git(file), real, "row {}: {file}", row + 1);
        }
    }
}

#[test]
fn the_lint_names_the_line_whose_meaning_git_does_not_share_with_a_path_and_the_portable_form() {
    let told = ignored(VENDOR).lint();
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].message,
        "line 2 of `files_to_ignore`, `!dbt/*`, means something else to Git: `dbt/x` counts here, and Git ignores it"
    );
    assert!(
        told[0]
            .help
            .as_deref()
            .unwrap()
            .contains("`/*`, then `!/dbt/`, then `/dbt/**/*.md`")
    );
}

#[test]
fn lines_that_mean_the_same_to_git_are_not_warned_of() {
    for (row, (lines, ..)) in TABLE.iter().enumerate() {
        let expected = matches!(row + 1, 6..=16 | 18);
        let told = ignored(lines).lint();
        assert_eq!(!told.is_empty(), expected, "row {}: {told:?}", row + 1);
    }
}

#[test]
fn the_lint_sees_a_folder_brought_back_below_which_git_lets_an_older_line_decide() {
    let all = ignored(&["*.md", "!docs/"]);
    assert_eq!(all.verdict("docs/a.md"), FileVerdict::Counts);
    assert_eq!(all.verdict_of_git("docs/a.md"), FileVerdict::Ignored);
    assert_eq!(all.lint().len(), 1);
}

#[test]
fn a_line_that_is_no_pattern_covers_nothing_and_is_named() {
    let all = ignored(&["*.md", "docs/[z-a]", ""]);
    assert_eq!(all.verdict("docs/b"), FileVerdict::Counts);
    assert_eq!(all.verdict("a.md"), FileVerdict::Ignored);
    let told = all.lint();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0].message,
        "line 2 of `files_to_ignore`, `docs/[z-a]`, is no pattern and covers nothing"
    );
}

#[test]
fn braces_are_signs_like_any_other_as_in_git() {
    let all = ignored(&["{a,b}.md"]);
    assert_eq!(all.verdict("{a,b}.md"), FileVerdict::Ignored);
    assert_eq!(all.verdict("a.md"), FileVerdict::Counts);
}

fn any_line() -> impl Strategy<Value = String> {
    "!?/?(a|b|\\*|\\*\\*|\\?|x\\.md|/|\\[ab\\]|\\\\#| ){0,6}"
}

fn any_path() -> impl Strategy<Value = String> {
    "(a|b|x)(/(a|b|x\\.md|a\\.sql)){0,4}"
}

proptest! {
    #[test]
    fn a_last_line_that_covers_all_decides_alone(lines in prop::collection::vec(any_line(), 0..6), path in any_path()) {
        let with = |last: &str| Ignored::new(lines.iter().map(String::as_str).chain([last])).verdict(&path);
        prop_assert_eq!(with("*"), FileVerdict::Ignored);
        prop_assert_eq!(with("!*"), FileVerdict::Counts);
    }

    #[test]
    fn lines_above_one_that_covers_a_path_say_nothing_of_it(
        above in prop::collection::vec(any_line(), 0..4),
        below in prop::collection::vec(any_line(), 1..4),
        path in any_path(),
    ) {
        let alone = Ignored::new(below.iter().map(String::as_str));
        let covered = alone.lines.iter().any(|line| upward(&path).any(|(path, entry)| line.says(path, entry).is_some()));
        prop_assume!(covered);
        let both = Ignored::new(above.iter().chain(&below).map(String::as_str));
        prop_assert_eq!(both.verdict(&path), alone.verdict(&path));
    }

    #[test]
    fn without_a_line_that_brings_back_flat_and_git_agree(lines in prop::collection::vec(any_line(), 0..6), path in any_path()) {
        let plain = Ignored::new(lines.iter().map(|line| line.trim_start_matches('!')));
        prop_assert_eq!(plain.verdict(&path), plain.verdict_of_git(&path));
        prop_assert!(plain.lint().iter().all(|told| told.code == "ignore_pattern"));
    }

    #[test]
    fn no_text_is_too_much(lines in prop::collection::vec(".{0,30}", 0..8), path in ".{0,40}") {
        let all = Ignored::new(lines.iter().map(String::as_str));
        all.verdict(&path);
        all.lint();
    }
}
