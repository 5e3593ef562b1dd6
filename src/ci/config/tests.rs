//! What a document's spec means, and what is wrong with one.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use super::*;
use driftless_core::yaml;

fn read(text: &str) -> Result<CiConfig, Vec<String>> {
    let root = yaml::parse(text.as_bytes()).root.unwrap().to_value();
    CiConfig::read("shop", root.as_map().unwrap())
        .map_err(|faults| faults.into_iter().map(|fault| fault.diagnostic.message).collect())
}

const LEAST: &str = "ci_config_id: 286\nrepository: acme/shop\ndata_connection: warehouse\n";

#[test]
fn what_is_not_said_has_the_vendors_defaults() {
    let config = read(LEAST).unwrap();
    assert_eq!(
        (config.id, config.repository.0.as_str()),
        (CiConfigId(286), "acme/shop")
    );
    assert_eq!(config.errors, Consequence::Fails);
    assert_eq!(
        (config.differences, config.key_issues),
        (Consequence::Passes, Consequence::Passes)
    );
    assert_eq!(config.label, Label::Optional);
    assert!(config.files_to_ignore.is_empty() && config.discovery.is_none() && config.base_branch.is_none());
}

#[test]
fn every_field_is_read() {
    let config = read(&format!(
        "{LEAST}files_to_ignore: |\n  *\n  !dbt/*\nfail_on_errors: false\nfail_on_differences: true\nfail_on_primary_key_issues: true\n\
         require_label: true\nbase_branch: main\nforge: hub\ndiff_threshold: 20\ndiffs: ci/diffs.yaml\nschema: PR_${{PR_NUMBER}}\n\
         columns_to_ignore: [updated_at]\nsampling: {{ tolerance: 0.1 }}\n\
         discovery:\n  files: [models/**/*.sql]\n  production: {{ schema: CORE, year: 2026 }}\n  pull_request: {{ schema: 'PR_${{PR_NUMBER}}' }}\n"
    ))
    .unwrap();
    assert_eq!(config.files_to_ignore, ["*", "!dbt/*"]);
    assert_eq!(config.errors, Consequence::Passes);
    assert_eq!(
        (config.differences, config.key_issues),
        (Consequence::Fails, Consequence::Fails)
    );
    assert_eq!((config.label, config.diff_threshold), (Label::Required, Some(20)));
    assert_eq!(
        (config.base_branch.as_deref(), config.forge.as_deref()),
        (Some("main"), Some("hub"))
    );
    assert_eq!(
        (config.diffs.as_deref(), config.schema.as_deref()),
        (Some("ci/diffs.yaml"), Some("PR_${PR_NUMBER}"))
    );
    assert_eq!(config.columns_to_ignore, ["updated_at"]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        config.discovery,
        Some(Discovery {
            files: vec!["models/**/*.sql".to_owned()],
            production: vec![pair("schema", "CORE"), pair("year", "2026")],
            pull_request: vec![pair("schema", "PR_${PR_NUMBER}")],
        })
    );
}

#[test]
fn a_data_connection_may_be_a_number_and_lines_may_be_a_list() {
    let config =
        read("ci_config_id: 1\nrepository: a/b\ndata_connection: 7\nfiles_to_ignore: ['*.md']\ndiscovery: {}\n")
            .unwrap();
    assert_eq!(config.data_connection, "7");
    assert_eq!(config.files_to_ignore, ["*.md"]);
    assert_eq!(config.discovery.map(|d| d.files), Some(vec!["**/*.sql".to_owned()]));
}

#[test]
fn all_faults_are_told_at_once_and_nothing_is_guessed() {
    let faults =
        read("repository: ' '\nfail_on_errors: 'no'\ndiff_threshold: -1\ndiscovery: { files: x, production: [a] }\n")
            .unwrap_err();
    assert_eq!(
        faults,
        [
            "`ci_config_id` is missing",
            "`repository` is empty, and must be a text",
            "`data_connection` is missing",
            "`fail_on_errors` is a string, and must be true or false",
            "`diff_threshold` is -1, and must be a number, 0 or more",
            "`discovery.files` is a string, and must be a list of globs",
            "`discovery.production` is a list, and must be a map of names to texts",
        ]
    );
}
