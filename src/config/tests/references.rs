//! What a source may watch and verify, and what is said of a source that cannot.

use super::faults::shown;
use super::*;

#[test]
fn a_source_watches_one_thing_and_verifies_it_with_keys_that_are_there() {
    // The added line is line 5.
    let source = |line: &str| least("", &format!("    {line}"), "", "");
    for (text, expected) in [
        (
            source("force_push: no"),
            "5:17: error[bad_value]: `sources[0].force_push` should be `allow` or `refuse`",
        ),
        (
            source("force_push: true"),
            "5:17: error[bad_value]: `sources[0].force_push` should be `allow` or `refuse`",
        ),
        (
            source("force_push: never"),
            "5:17: error[bad_value]: `sources[0].force_push` should be `allow` or `refuse`",
        ),
        (
            source("verify: { mode: head, keys: [/keys/release.asc, a] }"),
            "5:53: error[bad_keys]: `sources[0].verify.keys`: there is no /etc/driftless/a",
        ),
        (
            source("verify: { mode: head, keys: [] }"),
            "5:33: error[bad_value]: `sources[0].verify.keys` is empty",
        ),
        (
            source("verify: { mode: tag, keys: [/keys/release.asc] }"),
            "5:21: error[bad_value]: `sources[0].verify.mode` asks for a signed tag where none is watched",
        ),
        (
            source("verify: { mode: all, keys: [/keys/release.asc] }"),
            "5:21: error[bad_value]: `sources[0].verify.mode` should be one of `head`, `tag`, `tag_and_head`",
        ),
        (
            source("verify: { keys: [/keys/release.asc] }"),
            "5:13: error[missing_key]: `sources[0].verify` has no `mode`",
        ),
        (
            source("branch: main\n    tag: v1"),
            "6:10: error[bad_value]: `sources[0].tag` stands beside `branch` (help: keep one of",
        ),
        (
            source("semver: '*'\n    commit: 0123456789abcdef0123456789abcdef01234567"),
            "6:13: error[bad_value]: `sources[0].commit` stands beside `semver`",
        ),
        (
            source("tag: refs/tags/v1"),
            "5:10: error[bad_value]: `sources[0].tag` is no name of a tag (help: write the tag's name alone, such as `v1.2.3`",
        ),
        (
            source("semver: latest"),
            "5:13: error[bad_value]: `sources[0].semver` is no range of versions",
        ),
        (
            source("tag_prefix: api/"),
            "5:17: error[bad_value]: `sources[0].tag_prefix` stands without `semver`",
        ),
        (
            source("commit: 0123abc"),
            "5:13: error[bad_value]: `sources[0].commit` is no full id of a commit",
        ),
    ] {
        let shown = shown(&text);
        let is_as_expected = match shown.as_slice() {
            [one] => one
                .strip_prefix("driftless.yaml:")
                .is_some_and(|fault| fault.starts_with(expected)),
            _ => false,
        };
        assert!(is_as_expected, "expected {expected}\n{shown:#?}\n{text}");
    }
}

#[test]
fn without_a_word_the_branch_main_is_watched_and_a_commit_is_one_in_either_case() {
    let source = |line: &str| {
        read_text(&least("", &format!("    {line}"), "", ""))
            .unwrap()
            .sources
            .remove(0)
    };
    assert_eq!(source("branch:").reference(), Ok(Reference::Branch("main".into())));
    assert_eq!(source("tag: v1.2.3").reference(), Ok(Reference::Tag("v1.2.3".into())));
    let commit = source("commit: 0123456789ABCDEF0123456789abcdef01234567").reference();
    let expected = Revision("0123456789abcdef0123456789abcdef01234567".to_owned());
    assert_eq!(commit, Ok(Reference::Commit(expected)));
}
