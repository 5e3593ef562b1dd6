//! What a pull request says of itself, which anybody who may open one can write: diffs files and SQL. Reading it ends, and is the same
//! each time; what is to be compared is well-formed, or there is an error at a place that exists, and nothing is compared.
//!
//! The first byte says as what the rest is read, and in which data source.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use driftless::ci::config::Discovery;
use driftless::ci::diffs::{Asked, Circumstances, read};
use driftless::ci::discovery::discover;
use driftless::ci::placeholders::Placeholders;
use driftless::forge::{ChangedFile, FileChange, FileContent};
use driftless_core::diagnostic::Severity;
use libfuzzer_sys::fuzz_target;

/// Data sources with each count of name parts, and with each way to write SQL.
const TYPES: [Option<&str>; 8] = [
    None,
    Some("snowflake"),
    Some("bigquery"),
    Some("databricks"),
    Some("mysql"),
    Some("pg"),
    Some("redshift"),
    Some("mssql"),
];

fuzz_target!(|input: &[u8]| {
    let Some((how, text)) = input.split_first() else { return };
    let placeholders = Placeholders::new([
        ("PR_NUMBER".to_owned(), "6".to_owned()),
        ("PR_SHA".to_owned(), "a1".repeat(20)),
        ("PR_SCHEMA".to_owned(), "pr_6".to_owned()),
    ]);
    let columns_to_ignore = ["loaded_at".to_owned(), "_*".to_owned()];
    let circumstances = Circumstances {
        placeholders: &placeholders,
        columns_to_ignore: &columns_to_ignore,
        data_source_type: TYPES[usize::from(how >> 2) % TYPES.len()],
    };
    let once = || match how & 3 {
        0 => read("datafold/diffs.json", text, &circumstances),
        1 => read("datafold/diffs.yaml", text, &circumstances),
        _ => found(text, &circumstances),
    };
    let asked = once();
    assert_eq!(once(), asked, "the same text means the same");
    said_well(&asked);
});

fn found(text: &[u8], circumstances: &Circumstances<'_>) -> Asked {
    let pair = |value: &str| vec![("schema".to_owned(), value.to_owned())];
    let discovery = Discovery {
        files: vec!["**/*.sql".to_owned()],
        production: pair("core"),
        pull_request: pair("${PR_SCHEMA}"),
    };
    let path = "models/m.sql".to_owned();
    let changed = [ChangedFile {
        path: path.clone(),
        previous: None,
        change: FileChange::Written,
    }];
    discover(&discovery, &changed, &BTreeMap::from([(path, FileContent::Whole(text.to_vec()))]), circumstances)
}

fn said_well(asked: &Asked) {
    for diagnostic in &asked.diagnostics {
        assert!(!diagnostic.message.is_empty());
        if let Some(place) = &diagnostic.place {
            assert!(place.line > 0 && place.column > 0, "no such place: {diagnostic}");
        }
    }
    if asked.is_broken() {
        assert!(asked.diffs.is_empty(), "something is compared beside an error");
        assert!(asked.diagnostics.iter().any(|said| said.severity == Severity::Error));
    }
    let mut pairs = BTreeSet::new();
    for diff in &asked.diffs {
        for name in [&diff.production, &diff.pull_request] {
            assert!(!name.is_empty() && name.trim() == name, "{diff:?}");
        }
        assert_ne!(diff.production, diff.pull_request);
        assert!(pairs.insert((&diff.production, &diff.pull_request)), "compared twice: {diff:?}");
        for columns in [&diff.primary_key, &diff.include_columns, &diff.exclude_columns] {
            let once: BTreeSet<&String> = columns.iter().collect();
            assert_eq!(once.len(), columns.len(), "{diff:?}");
            assert!(columns.iter().all(|column| !column.trim().is_empty()), "{diff:?}");
        }
        assert!(diff.exclude_columns.iter().all(|column| !diff.primary_key.contains(column)), "{diff:?}");
    }
}
