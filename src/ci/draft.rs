//! A comparison as somebody wrote it, each name with its place, and the rules that make a request of it (`reference` 3).

use std::ops::RangeInclusive;
use std::sync::Arc;

use driftless_core::diagnostic::{Diagnostic, Place};
use driftless_core::yaml::Mark;

use super::placeholders::Placeholders;
use super::table_names;
use crate::platform::data_diffs::DiffRequest;

/// What comparisons are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// What placeholders in names stand for.
    pub placeholders: &'a Placeholders,
    /// Columns that no diff compares, as the CI configuration has them.
    pub columns_to_ignore: &'a [String],
    /// The type of the data source in the platform's word (`snowflake`), where it is known.
    pub data_source_type: Option<&'a str>,
}

impl<'a> Circumstances<'a> {
    /// These, in a data source of that type.
    #[must_use]
    pub fn of(self, data_source_type: Option<&'a str>) -> Self {
        Self {
            data_source_type,
            ..self
        }
    }
}

/// The comparisons that were asked for, and what is to be said of the asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// In the order in which they were written; none where any diagnostic is an error. None without one: there is nothing to compare.
    pub diffs: Vec<DiffRequest>,
    /// Faults and warnings, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl Asked {
    /// Whether nothing can be compared because of what is wrong.
    pub fn is_broken(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|said| said.severity == driftless_core::diagnostic::Severity::Error)
    }
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) text: String,
    pub(super) at: Place,
}

/// A comparison as it was written, placeholders filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) at: Place,
    pub(super) production: Spot,
    pub(super) pull_request: Spot,
    pub(super) primary_key: Vec<Spot>,
    pub(super) include: Vec<Spot>,
    pub(super) exclude: Vec<Spot>,
}

/// Diagnostics of texts, with the lines that they are about.
#[derive(Debug)]
pub(super) struct Told {
    file: Arc<str>,
    lines: Vec<String>,
    pub(super) all: Vec<Diagnostic>,
}

/// Characters of a line that are worth showing with a fault.
const LONGEST_EXCERPT: usize = 200;

impl Told {
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self {
            file: Arc::from(file),
            lines: text.lines().map(str::to_owned).collect(),
            all: Vec::new(),
        }
    }

    pub(super) fn place(&self, at: Mark) -> Place {
        Place {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
        }
    }

    pub(super) fn say(&mut self, place: Place, mut diagnostic: Diagnostic) {
        let line = self.lines.get(place.line.saturating_sub(1) as usize);
        diagnostic.excerpt = line
            .filter(|line| line.chars().count() <= LONGEST_EXCERPT && place.file == self.file)
            .cloned();
        self.all.push(diagnostic.at(place));
    }

    pub(super) fn error(&mut self, place: Place, code: &'static str, message: String, help: impl Into<String>) {
        self.say(place, Diagnostic::error(code, message).help(help));
    }

    pub(super) fn warning(&mut self, place: Place, code: &'static str, message: String, help: impl Into<String>) {
        self.say(place, Diagnostic::warning(code, message).help(help));
    }
}

/// Requests of drafts: every rule of each, and that none is asked for twice.
pub(super) fn settle(drafts: &[Draft], circumstances: &Circumstances<'_>, told: &mut Told) -> Vec<DiffRequest> {
    let parts = circumstances.data_source_type.and_then(name_parts);
    for draft in drafts {
        for (field, name) in [("prod", &draft.production), ("pr", &draft.pull_request)] {
            check_name(field, name, parts.as_ref(), told);
        }
        let same = draft.production.text.trim() == draft.pull_request.text.trim();
        if same && !draft.production.text.trim().is_empty() {
            told.error(
                draft.pull_request.at.clone(),
                "same_table",
                format!("`prod` and `pr` are both `{}`", draft.production.text),
                "name the table that the pull request builds; `${PR_NUMBER}`, `${PR_SHA}` and `${PR_SCHEMA}` may stand in it",
            );
        }
        check_columns(draft, told);
        if draft.primary_key.is_empty() {
            told.warning(
                draft.at.clone(),
                "no_primary_key",
                format!(
                    "`{}` has no primary key: only row counts and columns are compared",
                    draft.production.text
                ),
                "name the columns of its key under `pk`",
            );
        }
    }
    check_repeats(drafts, told);
    for pattern in circumstances
        .columns_to_ignore
        .iter()
        .filter(|column| is_pattern(column))
    {
        told.all.push(
            Diagnostic::warning(
                "column_pattern",
                format!("`columns_to_ignore` has the pattern `{pattern}`, which is not applied: the columns of a table are not known here"),
            )
            .help("write the names of the columns out"),
        );
    }
    let ignore: Vec<&String> = circumstances
        .columns_to_ignore
        .iter()
        .filter(|column| !is_pattern(column) && !column.trim().is_empty())
        .collect();
    drafts.iter().map(|draft| request(draft, &ignore, told)).collect()
}

/// The request of a draft. Columns to ignore go where the platform looks at exclusions at all: it does not where columns are included by name
/// (`reference` 3), and a name in the file is the nearer word. A key's columns are never among them.
fn request(draft: &Draft, ignore: &[&String], told: &mut Told) -> DiffRequest {
    let texts = |spots: &[Spot]| -> Vec<String> { spots.iter().map(|spot| spot.text.clone()).collect() };
    let (primary_key, include_columns) = (texts(&draft.primary_key), texts(&draft.include));
    let mut exclude_columns = texts(&draft.exclude);
    for column in ignore {
        if include_columns.is_empty() {
            let is_key = primary_key.iter().any(|key| key.eq_ignore_ascii_case(column));
            if !is_key && !exclude_columns.contains(column) {
                exclude_columns.push((*column).clone());
            }
        } else if let Some(spot) = draft.include.iter().find(|spot| spot.text == **column) {
            told.warning(
                spot.at.clone(),
                "ignored_column_included",
                format!("`{column}` is compared although `columns_to_ignore` has it: it is included by name"),
                "take it out of `include_columns` if it is not to be compared",
            );
        }
    }
    DiffRequest {
        production: draft.production.text.clone(),
        pull_request: draft.pull_request.text.clone(),
        primary_key,
        include_columns,
        exclude_columns,
    }
}

fn check_name(field: &str, name: &Spot, parts: Option<&RangeInclusive<usize>>, told: &mut Told) {
    let text = &name.text;
    if text.trim().is_empty() {
        told.error(
            name.at.clone(),
            "empty_name",
            format!("`{field}` is empty"),
            "write the table's name, parts joined by dots",
        );
        return;
    }
    if text.trim() != text {
        told.error(
            name.at.clone(),
            "outer_space",
            format!("`{field}` has white space around `{}`", text.trim()),
            "take it away",
        );
        return;
    }
    let count = match table_names::parts(text) {
        Some(parts) if parts.iter().all(|part| !part.is_empty()) => parts.len(),
        _ => {
            let message = format!("`{field}` is `{text}`, which is no dotted name");
            told.error(
                name.at.clone(),
                "table_name",
                message,
                "write parts joined by single dots: DB.SCHEMA.TABLE",
            );
            return;
        }
    };
    if let Some(parts) = parts.filter(|parts| !parts.contains(&count)) {
        let wanted = match (parts.start(), parts.end()) {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        // Whether the platform fills in what a session takes for granted is not documented: it has the last word.
        told.warning(
            name.at.clone(),
            "name_parts",
            format!("`{field}` is `{text}`, a name of {count} parts; tables of this data source have {wanted}"),
            "write the name out as the data source has it",
        );
    }
}

fn check_columns(draft: &Draft, told: &mut Told) {
    let lists = [
        ("pk", &draft.primary_key),
        ("include_columns", &draft.include),
        ("exclude_columns", &draft.exclude),
    ];
    for (field, columns) in lists {
        for (index, column) in columns.iter().enumerate() {
            let text = column.text.trim();
            if text.is_empty() {
                let message = format!("`{field}` has an empty name");
                told.error(
                    column.at.clone(),
                    "empty_name",
                    message,
                    "write a column's name, or take it away",
                );
            } else if text != column.text {
                let message = format!("`{field}` has white space around `{text}`");
                told.error(column.at.clone(), "outer_space", message, "take it away");
            } else if columns.iter().take(index).any(|before| before.text == column.text) {
                let message = format!("`{field}` has `{text}` twice");
                told.error(column.at.clone(), "duplicate_column", message, "keep one of them");
            }
        }
    }
    for column in &draft.exclude {
        let named = |columns: &[Spot]| !column.text.is_empty() && columns.iter().any(|other| other.text == column.text);
        if named(&draft.primary_key) {
            let message = format!("`{}` is excluded and part of the primary key", column.text);
            told.error(
                column.at.clone(),
                "key_excluded",
                message,
                "keep it in one of `pk` and `exclude_columns`",
            );
        }
        if named(&draft.include) {
            let message = format!("`{}` is both included and excluded", column.text);
            told.error(
                column.at.clone(),
                "column_conflict",
                message,
                "keep it in one of the two lists",
            );
        }
    }
}

fn check_repeats(drafts: &[Draft], told: &mut Told) {
    let mut seen = std::collections::HashMap::new();
    for draft in drafts {
        let pair = (&draft.production.text, &draft.pull_request.text);
        match seen.entry(pair) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(&draft.at);
            }
            std::collections::hash_map::Entry::Occupied(first) => told.error(
                draft.at.clone(),
                "duplicate_diff",
                format!("`{}` and `{}` are compared already, at {}", pair.0, pair.1, first.get()),
                "keep one of them",
            ),
        }
    }
}

/// Whether a column to ignore is a pattern of `.gitignore` and not a name (`reference` 4.2).
fn is_pattern(column: &str) -> bool {
    column.starts_with('!') || column.contains(['*', '?', '['])
}

/// How many parts the names of a data source's tables have, by its type; `None` where that is not known (`reference` 3).
fn name_parts(data_source_type: &str) -> Option<RangeInclusive<usize>> {
    match data_source_type {
        "snowflake" | "pg" | "postgres_aurora" | "postgres_aws_rds" | "redshift" | "bigquery" => Some(3..=3),
        "mysql" => Some(2..=2),
        "databricks" => Some(2..=3),
        _ => None,
    }
}
