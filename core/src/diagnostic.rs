//! Faults in users' files: collected, placed, and shown all at once. None of them stops the reading of the rest.

use std::fmt;
use std::sync::Arc;

/// Where something stands in a file of the source: line and column count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Path within the repository or folder, with `/`.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name of a file is whatever its author wrote, line feeds included.
        let file = crate::render::plain_line(&self.file);
        write!(f, "{file}:{}:{}", self.line, self.column)
    }
}

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The document it stands at is left out of the plan; nothing of its file is ever called removed.
    Error,
    /// The document is used as it stands.
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One fault or warning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where, when it has a place.
    pub place: Option<Place>,
    /// How bad.
    pub severity: Severity,
    /// A stable word for it: `duplicate_identity`, `unresolved_variable`.
    pub code: &'static str,
    /// What is wrong, readable alone. Never holds a secret.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line of the file, when it may be shown: lines of files that can hold secrets are not.
    pub excerpt: Option<String>,
}

impl Diagnostic {
    /// An error without place, help and excerpt.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            place: None,
            severity: Severity::Error,
            code,
            message: message.into(),
            help: None,
            excerpt: None,
        }
    }

    /// A warning without place, help and excerpt.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// This diagnostic, at `place`.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// This diagnostic, with a line of help.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}[{}]: {}", self.severity.word(), self.code, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " (help: {help})")?;
        }
        Ok(())
    }
}
