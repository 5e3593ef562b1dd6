//! The diffs file of a pull request's tree: which tables are compared, as JSON or YAML, checked whole before anything is sent.
//!
//! The platform takes what it can make no sense of, and the official client drops what it does not know (`reference` 3): a slip there is a
//! comparison that nobody makes. So this is stricter than either.

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::nearest::did_you_mean;
use driftless_core::value::Value;
use driftless_core::yaml::{self, Data, Entry, Mark, Node};

pub use super::draft::{Asked, Circumstances};
use super::draft::{Draft, Spot, Told, settle};

/// Where a tree has its diffs file when the CI configuration names none; the first that is there.
pub const USUAL_PATHS: [&str; 3] = ["datafold/diffs.json", "datafold/diffs.yaml", "datafold/diffs.yml"];

/// Bytes of a diffs file that are read: those of a document.
pub const MAX_BYTES: usize = yaml::MAX_BYTES;

/// The fields of one comparison (`reference` 3).
const FIELDS: [&str; 5] = ["prod", "pr", "pk", "include_columns", "exclude_columns"];

/// Reads a diffs file: strict JSON where its name ends in `.json`, else YAML. Never panics; all faults are told at once.
pub fn read(path: &str, bytes: &[u8], circumstances: &Circumstances<'_>) -> Asked {
    let is_json = path
        .rsplit('.')
        .next()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(_) => "",
    };
    let mut told = Told::new(path, text);
    let spaced;
    let mut bytes = bytes;
    if is_json && std::str::from_utf8(bytes).is_ok() {
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            told.all.push(not_json(&error, text, &told));
            return Asked {
                diffs: Vec::new(),
                diagnostics: told.all,
            };
        }
        // A tab in JSON is white space, since inside of a text it is an escape; YAML allows none where it indents.
        spaced = text.replace('\t', " ");
        bytes = spaced.as_bytes();
    }
    let parsed = yaml::parse(bytes);
    for fault in &parsed.faults {
        // What the reader of documents steps over is a comparison that is lost.
        let is_error = fault.severity == Severity::Error || fault.code == "yaml_duplicate_key";
        let mut diagnostic = Diagnostic::error(fault.code, fault.message.clone());
        if !is_error {
            diagnostic.severity = Severity::Warning;
        }
        diagnostic.help.clone_from(&fault.help);
        told.say(told.place(fault.at), diagnostic);
    }
    let drafts = match &parsed.root {
        Some(root) => elements(root, circumstances, &mut told),
        None => {
            if told.all.is_empty() {
                let start = told.place(Mark { line: 1, column: 1 });
                told.error(
                    start,
                    "not_a_list",
                    "the file is empty".to_owned(),
                    "write `[]` where nothing is compared",
                );
            }
            Vec::new()
        }
    };
    let diffs = settle(&drafts, circumstances, &mut told);
    told.all.sort_by(|a, b| a.place.cmp(&b.place));
    let mut asked = Asked {
        diffs,
        diagnostics: told.all,
    };
    if asked.is_broken() {
        asked.diffs.clear();
    }
    asked
}

/// What there is to say of a diffs file of more than [`MAX_BYTES`].
pub fn larger(path: &str) -> Asked {
    let message = format!("the file has more than {MAX_BYTES} bytes, which is the limit");
    let mut told = Told::new(path, "");
    let start = told.place(Mark { line: 1, column: 1 });
    told.error(
        start,
        "large_file",
        message,
        "compare fewer tables, or name fewer columns",
    );
    Asked {
        diffs: Vec::new(),
        diagnostics: told.all,
    }
}

fn not_json(error: &serde_json::Error, text: &str, told: &Told) -> Diagnostic {
    let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
    // serde_json counts bytes, and a place has characters.
    let found = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = found.get(..error.column().min(found.len())).unwrap_or(found);
    let column = u32::try_from(before.chars().count().max(1)).unwrap_or(u32::MAX);
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default().to_owned();
    let mut diagnostic = Diagnostic::error("json_syntax", format!("this is not JSON: {words}"))
        .at(told.place(Mark { line, column }))
        .help("JSON has no comments, no trailing commas and double quotes only; a file that ends in .yaml may have comments");
    diagnostic.excerpt = Some(found.to_owned()).filter(|line| line.len() <= 200);
    diagnostic
}

fn elements(root: &Node, circumstances: &Circumstances<'_>, told: &mut Told) -> Vec<Draft> {
    let Data::List(items) = &root.data else {
        told.error(
            told.place(root.at),
            "not_a_list",
            format!("the file is {}; it must be a list of comparisons", noun(root)),
            "put it between `[` and `]`, or begin each comparison with `- `",
        );
        return Vec::new();
    };
    let mut reader = Reader { circumstances, told };
    items.iter().filter_map(|item| reader.element(item)).collect()
}

struct Reader<'a, 'b> {
    circumstances: &'a Circumstances<'b>,
    told: &'a mut Told,
}

impl Reader<'_, '_> {
    /// `None`: what is wrong was said, and is too much to look further.
    fn element(&mut self, node: &Node) -> Option<Draft> {
        let Data::Map(entries) = &node.data else {
            self.error(
                node.at,
                "wrong_type",
                format!("a comparison is {}; it must be a map", noun(node)),
                "write `prod`, `pr` and `pk`",
            );
            return None;
        };
        for entry in entries.iter().filter(|entry| !FIELDS.contains(&entry.key.as_str())) {
            self.unknown(entry);
        }
        let production = self.name(node, "prod");
        let pull_request = self.name(node, "pr");
        let primary_key = match node.entry("pk") {
            Some(entry) if matches!(entry.value.data, Data::Scalar(Value::Null)) => Some(Vec::new()),
            Some(entry) => self.columns(entry, "write `\"pk\": [\"ID\"]`, or null where the table has no key"),
            None => Some(Vec::new()),
        };
        let include = self.optional(node, "include_columns");
        let exclude = self.optional(node, "exclude_columns");
        Some(Draft {
            at: self.told.place(node.at),
            production: production?,
            pull_request: pull_request?,
            primary_key: primary_key?,
            include: include?,
            exclude: exclude?,
        })
    }

    fn unknown(&mut self, entry: &Entry) {
        let help = did_you_mean(&entry.key, FIELDS).unwrap_or_else(|| {
            format!(
                "a comparison has {}; the platform would pass over anything else",
                FIELDS.join(", ")
            )
        });
        let message = format!("there is no field `{}`", driftless_core::render::plain_line(&entry.key));
        self.error(entry.at, "unknown_field", message, help);
    }

    fn name(&mut self, node: &Node, field: &str) -> Option<Spot> {
        let Some(entry) = node.entry(field) else {
            self.error(
                node.at,
                "missing_field",
                format!("`{field}` is missing"),
                "write the table's dotted name",
            );
            return None;
        };
        match &entry.value.data {
            Data::Scalar(Value::String(text)) => self.filled(text, entry.value.at),
            _ => {
                self.error(
                    entry.value.at,
                    "wrong_type",
                    format!(
                        "`{field}` is {}; it must be a string, a dotted name",
                        noun(&entry.value)
                    ),
                    "write it as \"DB.SCHEMA.TABLE\"",
                );
                None
            }
        }
    }

    fn optional(&mut self, node: &Node, field: &str) -> Option<Vec<Spot>> {
        match node.entry(field) {
            Some(entry) => self.columns(entry, "write a list of column names, or leave the field out"),
            None => Some(Vec::new()),
        }
    }

    fn columns(&mut self, entry: &Entry, help: &str) -> Option<Vec<Spot>> {
        let field = &entry.key;
        let Data::List(items) = &entry.value.data else {
            let message = format!("`{field}` is {}; it must be a list of column names", noun(&entry.value));
            self.error(entry.value.at, "wrong_type", message, help);
            return None;
        };
        let columns: Vec<Option<Spot>> = items
            .iter()
            .map(|item| match &item.data {
                Data::Scalar(Value::String(text)) => self.filled(text, item.at),
                _ => {
                    let message = format!("`{field}` holds {}; its items must be strings", noun(item));
                    self.error(item.at, "wrong_type", message, "put the column's name in quotes");
                    None
                }
            })
            .collect();
        columns.into_iter().collect()
    }

    fn filled(&mut self, text: &str, at: Mark) -> Option<Spot> {
        let place = self.told.place(at);
        match self.circumstances.placeholders.fill(text) {
            Ok(text) => Some(Spot { text, at: place }),
            Err(unresolved) => {
                for one in unresolved {
                    self.told
                        .error(place.clone(), "unknown_placeholder", one.message, one.help);
                }
                None
            }
        }
    }

    fn error(&mut self, at: Mark, code: &'static str, message: String, help: impl Into<String>) {
        let place = self.told.place(at);
        self.told.error(place, code, message, help);
    }
}

fn noun(node: &Node) -> &'static str {
    match &node.data {
        Data::Scalar(value) => value.noun(),
        Data::List(_) => "a list",
        Data::Map(_) => "a map",
    }
}

#[cfg(test)]
mod tests;
