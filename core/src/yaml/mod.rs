//! YAML as PyYAML means it: text to nodes with places, values to the text that PyYAML's `safe_dump` writes.
//!
//! The same reader serves repository files and the config file. No serde crate reads PyYAML's meaning or writes its bytes.

mod big;
mod compose;
mod construct;
mod emit;
mod fault;
#[cfg(test)]
mod properties;
mod quoted;
mod read;
mod scalar;
mod scalar_style;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use emit::emit;
pub use read::{MAX_BYTES, MAX_DEPTH, MAX_NODES, parse};

use crate::diagnostic::Severity;
use crate::value::{Map, Value};

/// A place inside one text: line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A node of a parsed document, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub data: Data,
    /// Where it begins.
    pub at: Mark,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// A scalar, resolved by PyYAML's rules (timestamps stay strings).
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the text, duplicate keys already folded and merges already done.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as text; a key that is no string is written as JSON would (`1`, `true`, `null`).
    pub key: String,
    /// Where the key begins.
    pub at: Mark,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value without places.
    pub fn to_value(&self) -> Value {
        match &self.data {
            Data::Scalar(value) => value.clone(),
            Data::List(items) => Value::List(items.iter().map(Node::to_value).collect()),
            Data::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_value()))
                    .collect::<Map>(),
            ),
        }
    }

    /// The entry of a map node under `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a map node, in the order of the text; none of any other.
    pub fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            Data::Scalar(_) | Data::List(_) => &[],
        }
    }
}

/// Something wrong or doubtful in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How bad.
    pub severity: Severity,
    /// A stable word: `yaml_syntax`, `yaml_too_deep`, `yaml_ambiguous_scalar`.
    pub code: &'static str,
    /// What is wrong. Does not quote the text's values: the file may hold secrets.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where.
    pub at: Mark,
}

/// What reading one text gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The text, for excerpts. Empty when it was not UTF-8 or too large.
    pub text: Arc<str>,
    /// The one document's root; `None` when any fault is an error, or the text holds no document.
    pub root: Option<Node>,
    /// Errors and warnings, in the order of the text.
    pub faults: Vec<Fault>,
    /// Keys that stand in one map again: where the later one stands, and where the one before does, which does not count. All of
    /// them, also where `faults` lists some.
    pub repeated: BTreeMap<Mark, Mark>,
}
