//! From nodes to typed sections, past the first fault: serde stops at one, so what it stumbles over is noted, taken away, and
//! the rest is read again.

use driftless_core::value::Value;
use driftless_core::yaml::{Data, Entry, Mark, Node};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::fault::Faults;
use super::tree::Tree;

/// A section, or one item of it, with the place of everything in it.
pub(super) struct Item<'a, T> {
    /// What was read.
    pub(super) value: T,
    /// How faults call it: `sources[0]`, `server`.
    pub(super) label: String,
    node: Option<&'a Node>,
    /// Keys that had a fault, and stand in `value` with a default or a placeholder.
    faulty: Vec<Vec<String>>,
}

impl<T> Item<'_, T> {
    /// Where the value under `path` stands, or the nearest thing around it that is there.
    pub(super) fn at(&self, path: &[&str]) -> Mark {
        let Some(mut node) = self.node else {
            return Mark { line: 1, column: 1 };
        };
        for key in path {
            match node.entry(key) {
                Some(entry) => node = &entry.value,
                None => break,
            }
        }
        node.at
    }

    /// Where the key at the end of `path` stands; like [`Item::at`] without it.
    pub(super) fn key_at(&self, path: &[&str]) -> Mark {
        let Some((last, parents)) = path.split_last() else {
            return self.at(path);
        };
        let mut node = self.node;
        for key in parents {
            node = node.and_then(|node| node.entry(key)).map(|entry| &entry.value);
        }
        match node.and_then(|node| node.entry(last)) {
            Some(entry) => entry.at,
            None => self.at(path),
        }
    }

    /// Where the items of the list under `key` stand.
    pub(super) fn items_at(&self, key: &str) -> Vec<Mark> {
        self.items_below(&[key])
    }

    /// Where the items of the list under `path` stand.
    pub(super) fn items_below(&self, path: &[&str]) -> Vec<Mark> {
        let mut node = self.node;
        for key in path {
            node = node.and_then(|node| node.entry(key)).map(|entry| &entry.value);
        }
        match node.map(|node| &node.data) {
            Some(Data::List(items)) => items.iter().map(|item| item.at).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether what stands under `path` is what the file says: a fault about anything else was noted already.
    pub(super) fn is_sound(&self, path: &[&str]) -> bool {
        !self
            .faulty
            .iter()
            .any(|faulty| faulty.iter().zip(path).all(|(faulty, key)| faulty == key))
    }

    /// Notes a fault of the value under `path`, unless it had one already.
    pub(super) fn fault(&self, faults: &mut Faults, path: &[&str], code: &'static str, what: &str, help: &str) {
        if self.is_sound(path) {
            let message = format!("`{}.{}` {what}", self.label, path.join("."));
            faults.add(self.at(path), code, message, Some(help.to_owned()));
        }
    }
}

/// Reads the section `key`; one that is absent is read as an empty map.
pub(super) fn one<'a, T: DeserializeOwned>(root: &'a Node, key: &str, faults: &mut Faults) -> Option<Item<'a, T>> {
    let node = root
        .entry(key)
        .map(|entry| &entry.value)
        .filter(|node| node.data != Data::Scalar(Value::Null));
    let empty = Node {
        data: Data::Map(Vec::new()),
        at: root.at,
    };
    let (value, faulty) = read(node.unwrap_or(&empty), key, faults)?;
    Some(Item {
        value,
        label: key.to_owned(),
        node,
        faulty,
    })
}

/// Reads the items of the section `key`; those that cannot be read at all are left out.
pub(super) fn each<'a, T: DeserializeOwned>(root: &'a Node, key: &str, faults: &mut Faults) -> Vec<Item<'a, T>> {
    let Some(entry) = root.entry(key) else {
        return Vec::new();
    };
    let items = match &entry.value.data {
        Data::List(items) => items,
        Data::Scalar(Value::Null) => return Vec::new(),
        Data::Scalar(_) | Data::Map(_) => {
            let help = "write `- ` before each of its items".to_owned();
            faults.add(
                entry.value.at,
                "wrong_type",
                format!("`{key}` should be a list"),
                Some(help),
            );
            return Vec::new();
        }
    };
    let mut read_items = Vec::new();
    for (index, node) in items.iter().enumerate() {
        let label = format!("{key}[{index}]");
        if let Some((value, faulty)) = read(node, &label, faults) {
            read_items.push(Item {
                value,
                label,
                node: Some(node),
                faulty,
            });
        }
    }
    read_items
}

/// What a required key that is missing is read as, so that the rest can be read: nothing that anybody writes.
const PLACEHOLDER: &str = "\u{1a}";

fn read<T: DeserializeOwned>(node: &Node, label: &str, faults: &mut Faults) -> Option<(T, Vec<Vec<String>>)> {
    let mut node = node.clone();
    let mut faulty: Vec<Vec<String>> = Vec::new();
    let mut placeholders: Vec<Vec<String>> = Vec::new();
    // Keys that were taken away, and whose absence is no fault of its own.
    let mut taken: Vec<Vec<String>> = Vec::new();
    let mut misspelt: Vec<Vec<String>> = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(Tree(&node)) {
            Ok(value) => return Some((value, faulty)),
            Err(error) => error,
        };
        let steps = steps(error.path());
        let path: Vec<String> = steps.iter().filter_map(Step::key).collect();
        let message = error.inner().to_string();
        if placeholders.contains(&path) {
            // Was noted as missing. Another placeholder may do, so that what else is missing is seen too.
            let here = follow(&mut node, &steps)?;
            if let Some(other) = other_placeholder(&message).filter(|other| *other != here.data) {
                here.data = other;
                continue;
            }
            // Nothing does: what the key lies in goes, so that the rest of the section is still read.
            let (_, around) = steps.split_last()?;
            let gone: Vec<String> = around.iter().filter_map(Step::key).collect();
            take(&mut node, around)?;
            placeholders.retain(|path| !path.starts_with(&gone));
            taken.retain(|path| !path.starts_with(&gone));
            if let Some(Step::Key(_)) = around.last() {
                taken.push(gone.clone());
            }
            faulty.push(gone);
            continue;
        }
        let within = [&[label.to_owned()], path.as_slice()].concat().join(".");
        if let Some(key) = quoted(&message, "missing field ") {
            let missing = [path.as_slice(), &[key.to_owned()]].concat();
            if placeholders.contains(&missing) {
                return None;
            }
            let map = follow(&mut node, &steps)?;
            // A key that was taken away because of a fault was noted then.
            if !taken.contains(&missing) {
                let text = format!("`{within}` has no `{key}`");
                faults.add(map.at, "missing_key", text, Some(format!("add `{key}:`")));
                faulty.push(missing.clone());
            }
            let Data::Map(entries) = &mut map.data else {
                return None;
            };
            entries.push(Entry {
                key: key.to_owned(),
                at: map.at,
                value: Node {
                    data: Data::Scalar(Value::from(PLACEHOLDER)),
                    at: map.at,
                },
            });
            placeholders.push(missing);
            continue;
        }
        let (last, parents) = match steps.split_last() {
            Some(split) => split,
            None => {
                faults.add(node.at, "wrong_type", format!("`{label}` {}", reason(&message)), None);
                return None;
            }
        };
        let parent = follow(&mut node, parents)?;
        match (last, &mut parent.data) {
            (Step::Key(key), Data::Map(entries)) => {
                let entry = entries.remove(entries.iter().position(|entry| &entry.key == key)?);
                if message.starts_with("unknown field ") {
                    let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
                    let around = [vec![label.to_owned()], parents_of(&path)].concat().join(".");
                    faults.unknown_key(entry.at, key, &around, &known);
                    misspelt.push(parents_of(&path));
                } else {
                    // What a map lacks may be what it misspells, and that was noted.
                    if !misspelt.contains(&path) {
                        let code = code(&message);
                        faults.add(entry.value.at, code, format!("`{within}` {}", reason(&message)), None);
                    }
                    taken.push(path.clone());
                    faulty.push(path);
                }
            }
            (Step::Index(index), Data::List(items)) if *index < items.len() => {
                let item = items.remove(*index);
                faults.add(
                    item.at,
                    code(&message),
                    format!("an item of `{within}` {}", reason(&message)),
                    None,
                );
                faulty.push(path);
            }
            _ => return None,
        }
    }
}

/// Takes the value at the end of `steps` out of what it lies in; `None` when there is nothing around it.
fn take(node: &mut Node, steps: &[Step]) -> Option<()> {
    let (last, parents) = steps.split_last()?;
    match (last, &mut follow(node, parents)?.data) {
        (Step::Key(key), Data::Map(entries)) => {
            entries.remove(entries.iter().position(|entry| &entry.key == key)?);
        }
        (Step::Index(index), Data::List(items)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => return None,
    }
    Some(())
}

fn parents_of(path: &[String]) -> Vec<String> {
    path.split_last()
        .map(|(_, parents)| parents.to_vec())
        .unwrap_or_default()
}

/// A placeholder that is not text, as far as serde says what it wants.
fn other_placeholder(message: &str) -> Option<Data> {
    let (_, expected) = message.rsplit_once("expected ")?;
    match (message.starts_with("unknown variant "), expected) {
        (true, variants) => Some(Data::Scalar(Value::from(variants.split('`').nth(1)?))),
        (false, "a sequence") => Some(Data::List(Vec::new())),
        (false, _) => None,
    }
}

/// One step of a path.
enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    /// The key. Places in lists are left out of labels: earlier items may have been taken away.
    fn key(&self) -> Option<String> {
        match self {
            Step::Key(key) => Some(key.clone()),
            Step::Index(_) => None,
        }
    }
}

fn steps(path: &serde_path_to_error::Path) -> Vec<Step> {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

fn follow<'a>(node: &'a mut Node, steps: &[Step]) -> Option<&'a mut Node> {
    let mut here = node;
    for step in steps {
        here = match (step, &mut here.data) {
            (Step::Key(key), Data::Map(entries)) => &mut entries.iter_mut().find(|entry| &entry.key == key)?.value,
            (Step::Index(index), Data::List(items)) => items.get_mut(*index)?,
            _ => return None,
        };
    }
    Some(here)
}

/// The name in backticks after `start`.
fn quoted<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.split('`').nth(1)
}

fn code(message: &str) -> &'static str {
    if message.starts_with("invalid type: ") {
        "wrong_type"
    } else {
        "bad_value"
    }
}

/// serde's reason in plain words, without the value: it may have come from a variable.
fn reason(message: &str) -> String {
    const SERDE: [&str; 4] = [
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
        "unknown variant ",
    ];
    if !SERDE.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    let expected = message.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    let expected = match expected {
        "a string" => "text: put it in quotes",
        "a sequence" => "a list",
        text if text.starts_with("struct ") => "a map of keys",
        text => text,
    };
    format!("should be {expected}")
}
