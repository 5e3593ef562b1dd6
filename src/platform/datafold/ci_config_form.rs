//! What a CI configuration may say: the fields of the platform's own form, and those by which driftless finds what to compare. The
//! format is ours, so that a field which is not known is a fault.

use driftless_core::schema::Default;

use super::form::{Form, Object, Others, Rule, defaulted, optional, required};
use crate::platform::shape::Shape;

const TEXT: Form = Form::Shape(Shape::Text);
const TRUTH: Form = Form::Shape(Shape::Truth);
const COUNT: Form = Form::Whole(0, i64::MAX);

/// The fields that the vendor's form does not have: driftless alone reads them, and what Git says of them is in effect
/// (`reference` 4.1 and 4.2, "API form").
pub(super) const OURS: [&str; 6] = [
    "forge",
    "fail_on_differences",
    "columns_to_ignore",
    "diffs",
    "schema",
    "discovery",
];

/// A CI configuration.
pub(super) static CI_CONFIG_FORM: Object = Object {
    noun: "a CI configuration",
    fields: &[&[
        required("name", Form::Name, "What it is called."),
        required(
            "ci_config_id",
            Form::Whole(1, i64::MAX),
            "Its number at Datafold: a person makes it there.",
        ),
        required(
            "repository",
            Form::Repository,
            "The repository whose pull requests are checked: `owner/name`.",
        ),
        optional(
            "forge",
            Form::Name,
            "Where that repository lives: the name of one of the config file's `forges`. Needed where there are several.",
        ),
        required(
            "data_connection",
            Form::Connection,
            "The data source in which both tables are read: its number, or the name of its document.",
        ),
        optional(
            "files_to_ignore",
            Form::Lines,
            "Files whose changes start nothing: patterns as in `.gitignore`, from top to bottom.",
        ),
        defaulted(
            "fail_on_errors",
            TRUTH,
            Default::Truth(true),
            "Whether the check fails when something went wrong.",
        ),
        defaulted(
            "require_label",
            TRUTH,
            Default::Truth(false),
            "Whether a pull request must bear the label `datafold`.",
        ),
        optional(
            "sampling",
            Form::Object(&SAMPLING),
            "That a part of the rows is enough, and which.",
        ),
        optional(
            "base_branch",
            Form::Name,
            "The one branch whose pull requests are checked.",
        ),
        optional(
            "diff_threshold",
            COUNT,
            "The most diffs that start without a person's confirmation: the label `datafold-confirmed`, or `ci run --confirmed`.",
        ),
        defaulted(
            "fail_on_primary_key_issues",
            TRUTH,
            Default::Truth(false),
            "Whether the check fails when primary keys are null or not unique.",
        ),
        defaulted(
            "fail_on_differences",
            TRUTH,
            Default::Truth(false),
            "Whether the check fails when data differ.",
        ),
        optional(
            "columns_to_ignore",
            Form::Shape(Shape::Texts),
            "Columns that no diff compares: patterns of their names.",
        ),
        optional("diffs", Form::Path, "Where a pull request's tree has its diffs file."),
        optional(
            "schema",
            Form::Template(&["PR_NUMBER", "PR_SHA"]),
            "What `${PR_SCHEMA}` stands for; may hold `${PR_NUMBER}` and `${PR_SHA}`.",
        ),
        optional(
            "discovery",
            Form::Object(&DISCOVERY),
            "How diffs are found from changed SQL files.",
        ),
    ]],
    rules: &[],
    others: Others::Refused,
};

static SAMPLING: Object = Object {
    noun: "a sampling",
    fields: &[&[
        optional(
            "tolerance",
            Form::Between(0.0, 100.0),
            "The share of wrong rows that may be missed.",
        ),
        optional(
            "tolerance_unit",
            Form::Shape(Shape::OneOf(&["fraction", "percent"])),
            "`fraction`: 0.001 is one row in a thousand; `percent`: 0.1 is.",
        ),
        optional(
            "confidence",
            Form::Inside(0.0, 100.0),
            "How certain that must be, in percent.",
        ),
        optional("threshold", COUNT, "Up to so many rows, all are compared."),
    ]],
    rules: &[
        // The vendor's documents disagree on the unit: it is never guessed.
        Rule::Needs("tolerance", "tolerance_unit"),
        Rule::Needs("tolerance_unit", "tolerance"),
        Rule::BelowOneWhere("tolerance_unit", "fraction", "tolerance"),
    ],
    others: Others::Refused,
};

static DISCOVERY: Object = Object {
    noun: "a discovery",
    fields: &[&[
        required(
            "files",
            Form::Globs,
            "Globs of the SQL files that are read, from the repository's root.",
        ),
        optional(
            "production",
            Form::MapOf(&TEXT),
            "What the placeholders of a table's name stand for in production.",
        ),
        optional(
            "pull_request",
            Form::MapOf(&Form::Filling(&["PR_NUMBER", "PR_SHA", "PR_SCHEMA"])),
            "What they stand for in the pull request; may hold `${PR_NUMBER}`, `${PR_SHA}` and `${PR_SCHEMA}`.",
        ),
    ]],
    rules: &[],
    others: Others::Refused,
};
