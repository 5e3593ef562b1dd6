//! Replaces `${…}` in scalars of parsed documents: a value can never inject structure.
//!
//! `${VAR}`, `${VAR:-default}` (unset or empty), `${VAR:?message}`, `${file:/run/secrets/x}` for what a file holds, and `$${` for a
//! literal `${`. A bare `$VAR` is text.

mod placeholder;

use std::collections::{BTreeMap, BTreeSet};

use crate::key::Kind;
use crate::schema::{KindSpec, Substitution};
use crate::value::Secret;
use placeholder::{Otherwise, Part, Placeholder, parts};
pub use placeholder::{named_files, named_variables};

/// What the placeholders of documents may stand for.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    sensitive: BTreeSet<String>,
    secrets: Secrets,
    files: SecretFiles,
    kinds: Option<Vec<Kind>>,
}

/// Whether the values of secrets must be at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// They are: a document whose secret has no value cannot be used.
    #[default]
    Needed,
    /// They are set elsewhere, where the documents are applied: one without a value is only told of.
    Elsewhere,
}

/// What the named files hold, or why that cannot be told; by path.
pub type SecretFiles = BTreeMap<String, Result<Secret, FileFault>>;

impl Variables {
    /// `sensitive` are names whose value is a secret elsewhere (a target's token, a webhook's secret): they may be used in
    /// secret fields only.
    pub fn new(values: BTreeMap<String, String>, sensitive: BTreeSet<String>) -> Self {
        Self {
            values,
            sensitive,
            secrets: Secrets::Needed,
            files: SecretFiles::new(),
            kinds: None,
        }
    }

    /// The same where `secrets` are.
    #[must_use]
    pub fn with_secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// The same with what `files` hold. What a file holds is a secret, wherever its placeholder stands.
    #[must_use]
    pub fn with_files(self, files: SecretFiles) -> Self {
        Self { files, ..self }
    }

    /// The same for the documents of `kinds` alone, in place of those kinds that the platform's table names.
    #[must_use]
    pub fn in_kinds(self, kinds: Vec<Kind>) -> Self {
        Self {
            kinds: Some(kinds),
            ..self
        }
    }

    /// Whether the values of secrets must be at hand.
    pub fn secrets(&self) -> Secrets {
        self.secrets
    }

    /// Whether the variable's value is a secret by its use in the config.
    pub fn is_sensitive(&self, name: &str) -> bool {
        self.sensitive.contains(name)
    }

    /// Whether placeholders are replaced in documents of a kind.
    pub fn substitution(&self, spec: &KindSpec) -> Substitution {
        match &self.kinds {
            None => spec.substitution,
            Some(kinds) if kinds.contains(&spec.kind) => Substitution::Scalars,
            Some(_) => Substitution::Off,
        }
    }
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Why nothing can be told of what a file holds. None of them quotes its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// It is not there.
    Absent,
    /// The environment does not let documents name it; `key` is the key of the config file that would.
    NotAllowed {
        /// The key with its place in the config file.
        key: String,
    },
    /// The operating system refuses.
    Unreadable {
        /// Why, in its words.
        reason: String,
    },
    /// It is a folder, a device, a pipe.
    NotAFile,
    /// It has more than so many bytes.
    TooLarge {
        /// The most that it may have.
        most: u64,
    },
    /// It is not UTF-8.
    NotText,
    /// It holds nothing: whatever fills it has not done so yet.
    Empty,
}

impl FileFault {
    fn explain(&self, path: &str) -> (String, String) {
        match self {
            FileFault::Absent => (
                format!("there is no file `{path}`"),
                "mount it there, or correct the path".to_owned(),
            ),
            FileFault::NotAllowed { key } => (
                format!("documents may not read the file `{path}`"),
                format!("whoever runs driftless can allow it: add the path, or a glob for it, to {key}"),
            ),
            FileFault::Unreadable { reason } => (
                format!("the file `{path}` cannot be read: {reason}"),
                "give the user that runs driftless read access to it".to_owned(),
            ),
            FileFault::NotAFile => (
                format!("`{path}` is no regular file"),
                "name a file: a folder, a pipe or a device is never read".to_owned(),
            ),
            FileFault::TooLarge { most } => (
                format!("the file `{path}` is too large for a secret: it may have {most} bytes"),
                "name a file that holds the secret and nothing else".to_owned(),
            ),
            FileFault::NotText => (
                format!("the file `{path}` is not UTF-8"),
                "store a binary secret as base64, if the field takes that".to_owned(),
            ),
            FileFault::Empty => (
                format!("the file `{path}` is empty"),
                "fill it: nothing is never sent for a secret that a file should hold".to_owned(),
            ),
        }
    }
}

/// Why a text could not be substituted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubstitutionFault {
    /// No value and no default.
    Unresolved {
        /// The variable.
        name: String,
        /// What `:?` says.
        message: Option<String>,
    },
    /// A `${` that is no placeholder. The text is not quoted: it may be a secret.
    Malformed,
    /// A `${file:` that names no file as it should. The text is not quoted here either.
    MalformedFile,
    /// Nothing can be told of what the file holds.
    File {
        /// Its path.
        path: String,
        /// Why.
        fault: FileFault,
    },
}

impl SubstitutionFault {
    /// The fault's name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            SubstitutionFault::Unresolved { .. } => "unresolved_variable",
            SubstitutionFault::Malformed | SubstitutionFault::MalformedFile => "bad_substitution",
            SubstitutionFault::File { .. } => "unresolved_file",
        }
    }

    /// Whether another place, where the variable is set or the file lies, would not have it.
    pub fn is_of_this_place(&self) -> bool {
        match self {
            SubstitutionFault::Unresolved { .. } | SubstitutionFault::File { .. } => true,
            SubstitutionFault::Malformed | SubstitutionFault::MalformedFile => false,
        }
    }

    /// The message and the help for a person.
    pub fn explain(&self) -> (String, String) {
        match self {
            SubstitutionFault::Unresolved {
                name,
                message: Some(message),
            } => (format!("variable `{name}` is not set: {message}"), set_it(name)),
            SubstitutionFault::Unresolved { name, message: None } => (
                format!("unresolved variable `{name}`"),
                format!("{}, or give a default: ${{{name}:-…}}", set_it(name)),
            ),
            SubstitutionFault::Malformed => (
                "`${` does not begin a placeholder".to_owned(),
                "write ${NAME}, ${NAME:-default} or ${NAME:?message}, none of them within another, or ${file:/path}; write $${ for \
                 a literal ${"
                    .to_owned(),
            ),
            SubstitutionFault::MalformedFile => (
                "`${file:` does not name a file".to_owned(),
                "write ${file:/run/secrets/name}: a path from the root, without `.` and `..`, and without a default: a secret that \
                 is missing is an error"
                    .to_owned(),
            ),
            SubstitutionFault::File { path, fault } => fault.explain(path),
        }
    }
}

fn set_it(name: &str) -> String {
    format!(
        "set `{name}` in `variables` or `env_files` of the config file, or name it in `env_passthrough`; on a bare instance, in \
         the process's environment or in .env"
    )
}

/// What a text became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substituted {
    /// The text with its placeholders replaced.
    pub text: String,
    /// The variables that gave it their values (a default that stepped in names none).
    pub used: BTreeSet<String>,
    /// The files that gave it theirs.
    pub files: BTreeSet<String>,
}

impl Substituted {
    /// A text in which nothing is replaced.
    pub fn verbatim(text: String) -> Self {
        Self {
            text,
            used: BTreeSet::new(),
            files: BTreeSet::new(),
        }
    }
}

/// Replaces the placeholders of `text`. What a variable or a file holds is not looked at again.
///
/// # Errors
/// Every placeholder that has no value, in the order of the text.
pub fn substitute(text: &str, variables: &Variables) -> Result<Substituted, Vec<SubstitutionFault>> {
    let mut out = Substituted::verbatim(String::with_capacity(text.len()));
    let mut faults = Vec::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => out.text.push_str(text),
            Part::Malformed(fault) => faults.push(fault),
            Part::File(path) => match variables.files.get(path) {
                Some(Ok(secret)) => {
                    out.text.push_str(secret.expose());
                    out.files.insert(path.to_owned());
                }
                found => faults.push(SubstitutionFault::File {
                    path: path.to_owned(),
                    fault: match found {
                        Some(Err(fault)) => fault.clone(),
                        Some(Ok(_)) | None => FileFault::Absent,
                    },
                }),
            },
            Part::Variable(placeholder) => match resolve(&placeholder, variables) {
                Ok(Resolved::Variable(value)) => {
                    out.text.push_str(value);
                    out.used.insert(placeholder.name.to_owned());
                }
                Ok(Resolved::Default(value)) => out.text.push_str(value),
                Err(fault) => faults.push(fault),
            },
        }
    }
    if faults.is_empty() { Ok(out) } else { Err(faults) }
}

enum Resolved<'a> {
    Variable(&'a str),
    Default(&'a str),
}

fn resolve<'a>(placeholder: &Placeholder<'a>, variables: &'a Variables) -> Result<Resolved<'a>, SubstitutionFault> {
    let value = variables.values.get(placeholder.name).map(String::as_str);
    let unresolved = |message: Option<&str>| SubstitutionFault::Unresolved {
        name: placeholder.name.to_owned(),
        message: message.filter(|message| !message.is_empty()).map(str::to_owned),
    };
    match (&placeholder.otherwise, value) {
        (Otherwise::Fail, Some(value)) => Ok(Resolved::Variable(value)),
        (Otherwise::Fail, None) => Err(unresolved(None)),
        (Otherwise::Default(_) | Otherwise::Message(_), Some(value)) if !value.is_empty() => {
            Ok(Resolved::Variable(value))
        }
        (Otherwise::Default(default), _) => Ok(Resolved::Default(default)),
        (Otherwise::Message(message), _) => Err(unresolved(Some(message))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &[&str]>) {
        let variables = Variables::new(
            [("A", "1"), ("EMPTY", ""), ("NEST", "${A}"), ("2024_Q1", "q")]
                .map(|(k, v)| (k.into(), v.into()))
                .into(),
            BTreeSet::new(),
        )
        .with_files(
            [
                ("/run/secrets/a", Ok(Secret::new("s${A}"))),
                ("/run/secrets/empty", Ok(Secret::new(""))),
                ("/run/secrets/..data/b", Ok(Secret::new("b"))),
                ("/etc/passwd", Err(FileFault::NotAllowed { key: "`k`".into() })),
                ("/big", Err(FileFault::TooLarge { most: 9 })),
                ("/dir", Err(FileFault::NotAFile)),
                ("/bytes", Err(FileFault::NotText)),
                ("/shut", Err(FileFault::Unreadable { reason: "shut".into() })),
            ]
            .map(|(path, content)| (path.to_owned(), content))
            .into(),
        );
        let got = substitute(text, &variables)
            .map(|substituted| substituted.text)
            .map_err(|faults| faults.iter().map(|fault| fault.explain().0).collect::<Vec<_>>());
        assert_eq!(
            got,
            expected
                .map(str::to_owned)
                .map_err(|faults| faults.iter().map(|f| (*f).to_owned()).collect())
        );
    }

    #[test]
    fn placeholders_are_replaced_once_and_escapes_kept() {
        check("x ${A} y ${A}", Ok("x 1 y 1"));
        check("${A:-d}${B:-d}${EMPTY:-e}${EMPTY}", Ok("1de"));
        check("$${A} $A $$ a$", Ok("${A} $A $$ a$"));
        check("${NEST}", Ok("${A}"));
        check("${2024_Q1}", Ok("q"));
        check("${B:-a:?b}", Ok("a:?b"));
        check("${B:-a}b}", Ok("ab}"));
        check("${B:-}${A:?why}", Ok("1"));
        // Only `$${` is an escape, and the left one counts; a default makes a dollar before a value.
        check("$$${A} $$$${A}", Ok("$${A} $$${A}"));
        check("${B:-$}${A}", Ok("$1"));
        check("${B:-é}", Ok("é"));
    }

    #[test]
    fn a_file_s_content_is_text_that_is_not_looked_at_again() {
        check("<${file:/run/secrets/a}>", Ok("<s${A}>"));
        check("${file:/run/secrets/empty}", Ok(""));
        check("${file:/run/secrets/..data/b}${A}", Ok("b1"));
        check("$${file:/run/secrets/a}", Ok("${file:/run/secrets/a}"));
        // A variable may be called so.
        check("${file:-x} ${file:?x}", Err(&["variable `file` is not set: x"]));
    }

    #[test]
    fn a_file_that_cannot_be_read_says_why_and_what_to_do() {
        for (path, message) in [
            ("/none", "there is no file `/none`"),
            ("/etc/passwd", "documents may not read the file `/etc/passwd`"),
            ("/big", "the file `/big` is too large for a secret: it may have 9 bytes"),
            ("/dir", "`/dir` is no regular file"),
            ("/bytes", "the file `/bytes` is not UTF-8"),
            ("/shut", "the file `/shut` cannot be read: shut"),
        ] {
            check(&format!("${{file:{path}}}"), Err(&[message]));
        }
    }

    #[test]
    fn a_file_is_named_in_one_way_and_has_no_default() {
        for path in [
            "",
            "a",
            "./a",
            "~/a",
            "/",
            "//a",
            "/a/",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/..",
            "/a:-default",
            "/a:?message",
            "/a\nb",
        ] {
            check(&format!("${{file:{path}}}"), Err(&["`${file:` does not name a file"]));
        }
        check("${file:/a", Err(&["`${` does not begin a placeholder"]));
    }

    #[test]
    fn what_has_no_value_is_named() {
        check(
            "${B} ${C}",
            Err(&["unresolved variable `B`", "unresolved variable `C`"]),
        );
        check("${B:?give it}", Err(&["variable `B` is not set: give it"]));
        check("${B:?}", Err(&["unresolved variable `B`"]));
        // One placeholder within another is not read: its end would be the first `}`.
        check("${B:-${A}}", Err(&["`${` does not begin a placeholder"]));
        check(
            "${a b} ${",
            Err(&["`${` does not begin a placeholder", "`${` does not begin a placeholder"]),
        );
    }
}
