//! Replaces `${…}` in scalars of parsed documents: a value can never inject structure.
//!
//! `${VAR}`, `${VAR:-default}` (unset or empty), `${VAR:?message}`, and `$${` for a literal `${`. A bare `$VAR` is text.

use std::collections::{BTreeMap, BTreeSet};

/// The variables that documents may use.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    sensitive: BTreeSet<String>,
    secrets: Secrets,
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

impl Variables {
    /// `sensitive` are names whose value is a secret elsewhere (a target's token, a webhook's secret): they may be used in
    /// secret fields only.
    pub fn new(values: BTreeMap<String, String>, sensitive: BTreeSet<String>) -> Self {
        Self {
            values,
            sensitive,
            secrets: Secrets::Needed,
        }
    }

    /// These variables, where `secrets` are.
    pub fn with_secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// Whether the values of secrets must be at hand.
    pub fn secrets(&self) -> Secrets {
        self.secrets
    }

    /// Whether the variable's value is a secret by its use in the config.
    pub fn is_sensitive(&self, name: &str) -> bool {
        self.sensitive.contains(name)
    }
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
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
}

impl SubstitutionFault {
    /// The stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            SubstitutionFault::Unresolved { .. } => "unresolved_variable",
            SubstitutionFault::Malformed => "bad_substitution",
        }
    }

    /// Whether another place, where the variable is set, would not have it.
    pub fn is_of_this_place(&self) -> bool {
        match self {
            SubstitutionFault::Unresolved { .. } => true,
            SubstitutionFault::Malformed => false,
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
                "write ${NAME}, ${NAME:-default} or ${NAME:?message}; write $${ for a literal ${".to_owned(),
            ),
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
}

/// Replaces the placeholders of `text`. What a variable holds is not looked at again.
///
/// # Errors
/// Every placeholder that has no value, in the order of the text.
pub fn substitute(text: &str, variables: &Variables) -> Result<Substituted, Vec<SubstitutionFault>> {
    let mut out = String::with_capacity(text.len());
    let mut used = BTreeSet::new();
    let mut faults = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, here) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &here[2..];
            continue;
        }
        out.push_str(before);
        match placeholder(&here[2..]) {
            Some((placeholder, after)) => {
                match resolve(&placeholder, variables) {
                    Ok(Resolved::Variable(value)) => {
                        out.push_str(value);
                        used.insert(placeholder.name.to_owned());
                    }
                    Ok(Resolved::Default(value)) => out.push_str(value),
                    Err(fault) => faults.push(fault),
                }
                rest = after;
            }
            None => {
                faults.push(SubstitutionFault::Malformed);
                rest = &here[2..];
            }
        }
    }
    out.push_str(rest);
    if faults.is_empty() {
        Ok(Substituted { text: out, used })
    } else {
        Err(faults)
    }
}

struct Placeholder<'a> {
    name: &'a str,
    otherwise: Otherwise<'a>,
}

enum Otherwise<'a> {
    Fail,
    Default(&'a str),
    Message(&'a str),
}

/// Reads what stands after `${`, and gives what stands after the `}`.
fn placeholder(text: &str) -> Option<(Placeholder<'_>, &str)> {
    let end = text.find('}')?;
    let (inner, after) = (&text[..end], &text[end + 1..]);
    let length = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(inner.len());
    let (name, tail) = inner.split_at(length);
    if name.is_empty() {
        return None;
    }
    let otherwise = match tail.get(..2) {
        None if tail.is_empty() => Otherwise::Fail,
        Some(":-") => Otherwise::Default(&tail[2..]),
        Some(":?") => Otherwise::Message(&tail[2..]),
        _ => return None,
    };
    Some((Placeholder { name, otherwise }, after))
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
    }

    #[test]
    fn what_has_no_value_is_named() {
        check(
            "${B} ${C}",
            Err(&["unresolved variable `B`", "unresolved variable `C`"]),
        );
        check("${B:?give it}", Err(&["variable `B` is not set: give it"]));
        check("${B:?}", Err(&["unresolved variable `B`"]));
        check(
            "${a b} ${",
            Err(&["`${` does not begin a placeholder", "`${` does not begin a placeholder"]),
        );
    }
}
