//! `${VAR}` in the config file: replaced after parsing, in any scalar, from the environment of the process; and
//! `${file:/run/secrets/x}`, where a secret is wanted.

use std::collections::BTreeSet;

use driftless_core::substitute::{SecretFiles, Substituted, SubstitutionFault, Variables, named_files, substitute};
use driftless_core::value::Value;
use driftless_core::yaml::{Data, Entry, Mark, Node};

use super::Surroundings;
use super::fault::{Faults, SECRET_IN_PLAIN_FIELD, UNRESOLVED};

/// A tree without variables.
pub(super) struct Plain {
    /// The tree.
    pub(super) root: Node,
    /// Names of the variables that were used where a secret stands.
    pub(super) sensitive: BTreeSet<String>,
    /// What the files that it names hold.
    pub(super) files: SecretFiles,
}

/// Replaces the variables of a whole config file.
pub(super) fn node(root: &Node, around: &Surroundings<'_>, faults: &mut Faults) -> Plain {
    let mut files = SecretFiles::new();
    read_files(root, around, &mut files);
    let variables = Variables::new(around.process.clone(), BTreeSet::new());
    let mut walk = Walk {
        variables: variables.with_files(files.clone()),
        faults,
        uses: Vec::new(),
        path: Vec::new(),
    };
    let root = walk.node(root);
    let uses = walk.uses;
    shown_credentials(&uses, faults);
    let mut sensitive: BTreeSet<String> = uses
        .iter()
        .filter(|used| holds_secrets(&used.path))
        .filter_map(|used| used.name.clone())
        .collect();
    // A variable of an environment that hands on a sensitive one, or a file, is as sensitive, under its new name.
    for used in &uses {
        if let ([.., name], true) = (used.path.as_slice(), is_variable(&used.path))
            && used.name.as_ref().is_none_or(|name| sensitive.contains(name))
        {
            sensitive.insert(name.clone());
        }
    }
    Plain { root, sensitive, files }
}

/// A variable that is a credential somewhere is one everywhere: addresses and names are shown on pages and in messages.
fn shown_credentials(uses: &[Use], faults: &mut Faults) {
    let is_credential = |used: &&Use| is_hidden(&used.path) && !is_variable(&used.path);
    let credentials: BTreeSet<&String> = uses
        .iter()
        .filter(is_credential)
        .filter_map(|used| used.name.as_ref())
        .collect();
    for used in uses.iter().filter(|used| !is_hidden(&used.path)) {
        if let Some(name) = used.name.as_ref().filter(|name| credentials.contains(name)) {
            let message = format!(
                "`{}` is shown, and the variable `{name}` is a credential elsewhere in this file",
                used.path.join(".")
            );
            let help = "use another variable here, or write the text".to_owned();
            faults.add(used.at, SECRET_IN_PLAIN_FIELD, message, Some(help));
        }
    }
}

/// Whether a path is that of a variable of an environment.
fn is_variable(path: &[String]) -> bool {
    matches!(path, [section, key, _] if section == "environments" && key == "variables")
}

fn read_files(node: &Node, around: &Surroundings<'_>, files: &mut SecretFiles) {
    match &node.data {
        Data::Scalar(Value::String(text)) => {
            for path in named_files(text) {
                files
                    .entry(path.to_owned())
                    .or_insert_with(|| (around.secret_file)(path));
            }
        }
        Data::Scalar(_) => {}
        Data::List(items) => items.iter().for_each(|item| read_files(item, around, files)),
        Data::Map(entries) => entries.iter().for_each(|entry| read_files(&entry.value, around, files)),
    }
}

/// Whether what stands at a path is shown nowhere: there a file may be named, which is always a secret.
fn is_hidden(path: &[String]) -> bool {
    let within = |key: &str| path.iter().any(|part| part == key);
    let last = path.last().map_or("", String::as_str);
    within("auth")
        || within("notifications")
        || is_variable(path)
        || (matches!(path, [section, ..] if section != "environments")
            && matches!(last, "token" | "secret" | "password"))
}

/// Whether a path (keys only, without places in lists) lies where credentials are: there every variable counts as one.
fn holds_secrets(path: &[String]) -> bool {
    match path {
        [section, ..] if ["targets", "forges", "webhooks", "notifications"].contains(&section.as_str()) => true,
        [section, key, ..] => (section == "sources" && key == "auth") || (section == "server" && key == "token"),
        _ => false,
    }
}

struct Use {
    path: Vec<String>,
    /// The variable; `None` for a file.
    name: Option<String>,
    at: Mark,
}

struct Walk<'a> {
    variables: Variables,
    faults: &'a mut Faults,
    uses: Vec<Use>,
    path: Vec<String>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node) -> Node {
        let data = match &node.data {
            Data::Scalar(Value::String(text)) => Data::Scalar(Value::String(self.text(text, node.at))),
            Data::Scalar(value) => Data::Scalar(value.clone()),
            Data::List(items) => Data::List(items.iter().map(|item| self.node(item)).collect()),
            Data::Map(entries) => Data::Map(entries.iter().map(|entry| self.entry(entry)).collect()),
        };
        Node { data, at: node.at }
    }

    fn entry(&mut self, entry: &Entry) -> Entry {
        self.path.push(entry.key.clone());
        let value = self.node(&entry.value);
        self.path.pop();
        Entry {
            key: entry.key.clone(),
            at: entry.at,
            value,
        }
    }

    fn text(&mut self, text: &str, at: Mark) -> String {
        match substitute(text, &self.variables) {
            Ok(Substituted { files, .. }) if !files.is_empty() && !is_hidden(&self.path) => {
                let message = format!("`{}` is shown, and what a file holds is a secret", self.path.join("."));
                let help = "name files where a credential stands; elsewhere write the text, or a variable".to_owned();
                self.faults.add(at, SECRET_IN_PLAIN_FIELD, message, Some(help));
                "${…}".to_owned()
            }
            Ok(Substituted { text, used, files }) => {
                let path = self.path.clone();
                let names = used.into_iter().map(Some).chain(files.into_iter().map(|_| None));
                self.uses.extend(names.map(|name| Use {
                    path: path.clone(),
                    name,
                    at,
                }));
                text
            }
            Err(found) => {
                for fault in found {
                    self.fault(&fault, at);
                }
                // Something of the right type, so that the field is not called wrong on top of that.
                "${…}".to_owned()
            }
        }
    }

    fn fault(&mut self, fault: &SubstitutionFault, at: Mark) {
        let (code, message, help) = match fault {
            SubstitutionFault::Unresolved { name, message: None } => (
                UNRESOLVED,
                format!("the variable `{name}` is not set"),
                format!("set it in the environment of the process, or give a default: `${{{name}:-…}}`"),
            ),
            SubstitutionFault::Unresolved {
                name,
                message: Some(message),
            } => (
                UNRESOLVED,
                format!("the variable `{name}` is not set, or empty: {message}"),
                "set it in the environment of the process".to_owned(),
            ),
            SubstitutionFault::Malformed | SubstitutionFault::MalformedFile | SubstitutionFault::File { .. } => {
                let (message, help) = fault.explain();
                (fault.code(), message, help)
            }
        };
        self.faults.add(at, code, message, Some(help));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::sync::Arc;

    use driftless_core::yaml;

    use super::*;

    fn substituted(text: &str) -> (String, Vec<&'static str>) {
        let process = [("A", "1"), ("EMPTY", ""), ("HARD", "x: [\"")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let mut faults = Faults::new(Arc::from("c.yaml"));
        let node_of_text = Node {
            data: Data::Scalar(Value::from(text)),
            at: yaml::Mark { line: 1, column: 1 },
        };
        let around = Surroundings {
            folder: std::path::Path::new(""),
            process: &process,
            platforms: &[],
            secret_file: |_| Err(driftless_core::substitute::FileFault::Absent),
            signers: |_| Ok(()),
            authorities: |_| Ok(()),
        };
        let out = node(&node_of_text, &around, &mut faults).root.to_value();
        let codes = faults.finish().iter().map(|fault| fault.code).collect();
        (out.as_str().unwrap().to_owned(), codes)
    }

    #[test]
    fn variables_defaults_and_literal_dollars_are_read_as_documented() {
        for (text, expected) in [
            ("plain $A $", "plain $A $"),
            ("${A}-${A}", "1-1"),
            ("[${EMPTY}]", "[]"),
            ("${EMPTY:-d}", "d"),
            ("${NONE:-}", ""),
            ("${NONE:-a:-b}", "a:-b"),
            ("${A:?why}", "1"),
            ("$${A}", "${A}"),
            ("$${A} ${A}", "${A} 1"),
            ("${HARD}", "x: [\""),
        ] {
            assert_eq!(substituted(text), (expected.to_owned(), Vec::new()), "{text}");
        }
    }

    #[test]
    fn what_has_no_value_or_no_meaning_is_a_fault() {
        for (text, code) in [
            ("${NONE}", UNRESOLVED),
            ("${EMPTY:?say it}", UNRESOLVED),
            ("${A", "bad_substitution"),
            ("${}", "bad_substitution"),
            ("${A-b}", "bad_substitution"),
            ("${ A }", "bad_substitution"),
            ("${file:/none}", "unresolved_file"),
            ("${file:none}", "bad_substitution"),
            ("${file:/none:-x}", "bad_substitution"),
        ] {
            assert_eq!(substituted(text).1, [code], "{text}");
        }
    }
}
