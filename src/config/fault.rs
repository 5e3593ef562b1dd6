//! Faults of one config file, collected and placed.

use std::sync::Arc;

use driftless_core::diagnostic::{Diagnostic, Place};
use driftless_core::nearest::did_you_mean;
use driftless_core::yaml::Mark;

/// What is wrong with one file, so far. The file can hold secrets: no line of it is ever quoted.
pub(super) struct Faults {
    file: Arc<str>,
    found: Vec<Diagnostic>,
}

/// The word for a variable without a value.
pub(super) const UNRESOLVED: &str = "unresolved_variable";

/// The word for a `${` that is none.
const BAD_SUBSTITUTION: &str = "bad_substitution";

/// The word for a file that cannot be read as a secret.
const UNRESOLVED_FILE: &str = "unresolved_file";

/// The word for a secret where something stands that is shown.
pub(super) const SECRET_IN_PLAIN_FIELD: &str = "secret_in_plain_field";

impl Faults {
    pub(super) fn new(file: Arc<str>) -> Self {
        Self {
            file,
            found: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn add(&mut self, at: Mark, code: &'static str, message: String, help: Option<String>) {
        let place = Place {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
        };
        let mut fault = Diagnostic::error(code, message).at(place);
        fault.help = help;
        self.found.push(fault);
    }

    /// A key that there is not. `within` is the path of the map it stands in, empty at the top.
    pub(super) fn unknown_key(&mut self, at: Mark, key: &str, within: &str, known: &[&str]) {
        let place = if within.is_empty() {
            "of the config file".to_owned()
        } else {
            format!("of `{within}`")
        };
        let help = did_you_mean(key, known.iter().copied()).unwrap_or_else(|| format!("there are {}", list(known)));
        self.add(at, "unknown_key", format!("`{key}` is no key {place}"), Some(help));
    }

    /// A name that points at nothing.
    pub(super) fn unknown_name(&mut self, at: Mark, code: &'static str, message: String, name: &str, known: &[&str]) {
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(help) => help,
            None if known.is_empty() => "there is none yet".to_owned(),
            None => format!("there are {}", list(known)),
        };
        self.add(at, code, message, Some(help));
    }

    /// A key that means something, but not in this version.
    pub(super) fn not_supported(&mut self, at: Mark, what: &str) {
        self.add(
            at,
            "not_supported",
            format!("{what} is not supported by this version, and nothing would enforce it"),
            Some("leave it out".to_owned()),
        );
    }

    /// All of them in the order of the text. What follows from a variable without a value is left out.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        let is_cause = |fault: &Diagnostic| {
            matches!(
                fault.code,
                UNRESOLVED | BAD_SUBSTITUTION | UNRESOLVED_FILE | SECRET_IN_PLAIN_FIELD
            )
        };
        let causes: Vec<Option<Place>> = self
            .found
            .iter()
            .filter(|fault| is_cause(fault))
            .map(|fault| fault.place.clone())
            .collect();
        self.found
            .retain(|fault| is_cause(fault) || !causes.contains(&fault.place));
        self.found.sort();
        self.found.dedup();
        self.found
    }
}

/// Names in backticks, joined by commas.
fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
