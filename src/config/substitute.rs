//! `${VAR}` in the config file: replaced after parsing, in any scalar, from the environment of the process.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::substitute::{Substituted, SubstitutionFault, Variables, substitute};
use driftless_core::value::Value;
use driftless_core::yaml::{Data, Entry, Mark, Node};

use super::fault::{BAD_SUBSTITUTION, Faults, UNRESOLVED};

/// A tree without variables.
pub(super) struct Plain {
    /// The tree.
    pub(super) root: Node,
    /// Names of the variables that were used where a secret stands.
    pub(super) sensitive: BTreeSet<String>,
}

/// Replaces the variables of a whole config file.
pub(super) fn node(root: &Node, process: &BTreeMap<String, String>, faults: &mut Faults) -> Plain {
    let mut walk = Walk {
        variables: Variables::new(process.clone(), BTreeSet::new()),
        faults,
        uses: Vec::new(),
        path: Vec::new(),
    };
    let root = walk.node(root);
    let uses = walk.uses;
    let mut sensitive: BTreeSet<String> = uses
        .iter()
        .filter(|used| holds_secrets(&used.path))
        .map(|used| used.name.clone())
        .collect();
    // A variable of an environment that hands on a sensitive one is as sensitive, under its new name.
    for used in &uses {
        if let [section, key, name] = used.path.as_slice()
            && section == "environments"
            && key == "variables"
            && sensitive.contains(&used.name)
        {
            sensitive.insert(name.clone());
        }
    }
    Plain { root, sensitive }
}

/// Whether a path (keys only, without places in lists) lies where credentials are: there every variable counts as one.
fn holds_secrets(path: &[String]) -> bool {
    match path {
        [section, ..] if section == "targets" || section == "webhooks" || section == "notifications" => true,
        [section, key, ..] => (section == "sources" && key == "auth") || (section == "server" && key == "token"),
        _ => false,
    }
}

struct Use {
    path: Vec<String>,
    name: String,
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
            Ok(Substituted { text, used }) => {
                let path = self.path.clone();
                self.uses.extend(used.into_iter().map(|name| Use {
                    path: path.clone(),
                    name,
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
            SubstitutionFault::Malformed => {
                let (message, help) = fault.explain();
                (BAD_SUBSTITUTION, message, help)
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
        let out = node(&node_of_text, &process, &mut faults).root.to_value();
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
        ] {
            assert_eq!(substituted(text).1, [code], "{text}");
        }
    }
}
