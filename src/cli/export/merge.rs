//! What is written over a file that somebody keeps by hand: what is live, and of the file what no instance can say.
//!
//! The rule: a file that means what is live stays as it is, to the byte. In one that must change, what the instance cannot say
//! stays: secrets as the file has them (or has not), directives, fields that no export writes, and a scalar with placeholders
//! whose value is live or whose variable is not set. The comment lines above the document stay; what is lost is named.

use std::collections::BTreeMap;

use driftless_core::field::FieldPath;
use driftless_core::key::Key;
use driftless_core::normalize::{meaning, normalize};
use driftless_core::schema::{Schema as _, Side, Substitution};
use driftless_core::substitute::{Variables, substitute};
use driftless_core::value::{Map, Value};
use driftless_core::yaml::{self, Parsed};

use crate::platform::qualytics::kinds::{CHECK, UID};
use crate::platform::qualytics::{self, UNEXPORTED};

/// What becomes of a file that exists.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It means what is live.
    Same,
    /// It is written anew.
    Changed(Rewritten),
}

/// A file's new text, and what of the old one it has no longer.
#[derive(Debug, PartialEq)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// What is lost of what somebody wrote, a clause each.
    pub(super) lost: Vec<String>,
}

/// What a file says, if it is a map.
pub(super) fn map(parsed: &Parsed) -> Option<Map> {
    match parsed.root.as_ref()?.to_value() {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

/// A document's fields in their places.
pub(super) fn normal(key: &Key, spec: Map) -> Map {
    normalize(qualytics::schema(), key.kind, Side::Desired, spec)
}

/// Lays what is live over the file `old` of the resource `key`. `uid` is the id that the file gives a check which stores none.
pub(super) fn merge(key: &Key, old: &Parsed, live: &str, uid: Option<&str>, variables: &Variables) -> Outcome {
    let live = map(&yaml::parse(live.as_bytes())).unwrap_or_default();
    let (Some(table), Some(written)) = (qualytics::schema().spec(key.kind), map(old)) else {
        return Outcome::Same;
    };
    let vault = table.leaves_to_vault(&written) || table.leaves_to_vault(&live);
    let laying = Laying {
        variables,
        secrets: table.secrets.iter().map(|field| FieldPath::dotted(field)).collect(),
        substitutes: variables.substitution(table) == Substitution::Scalars && !vault,
    };
    let mut merged = laying.maps(None, &written, &live);
    if let (Some(uid), Some(Value::Map(metadata))) = (uid, merged.get_mut("additional_metadata")) {
        metadata.insert(UID.to_owned(), Value::from(uid));
    }
    for (field, value) in &written {
        let stays =
            table.directives.contains(&field.as_str()) || (key.kind == CHECK && UNEXPORTED.contains(&field.as_str()));
        if stays {
            merged.insert(field.clone(), value.clone());
        }
    }
    if means_the_same(key, written.clone(), merged.clone()) {
        return Outcome::Same;
    }
    let mut lost = Vec::new();
    if laying.substitutes {
        let kept = placeholders(&merged);
        let gone = placeholders(&written)
            .into_iter()
            .filter(|(path, text)| kept.get(path) != Some(text));
        lost.extend(gone.map(|(path, _)| format!("the placeholder in `{path}`, of which the value is not live")));
    }
    let head = leading_comments(&old.text);
    if has_comment(old.text.get(head.len()..).unwrap_or_default()) {
        lost.push("comments below the first line of content".to_owned());
    }
    let text = format!("{head}{}", yaml::emit(&Value::Map(merged)));
    Outcome::Changed(Rewritten { text, lost })
}

struct Laying<'a> {
    variables: &'a Variables,
    secrets: Vec<FieldPath>,
    substitutes: bool,
}

impl Laying<'_> {
    fn maps(&self, at: Option<&FieldPath>, written: &Map, live: &Map) -> Map {
        let below = |field: &String| at.map_or_else(|| FieldPath::top(field.clone()), |path| path.child(field.clone()));
        let mut out = Map::new();
        for (field, value) in live {
            let path = below(field);
            match written.get(field) {
                Some(old) => {
                    out.insert(field.clone(), self.value(&path, old, value));
                }
                None if self.secrets.contains(&path) => {}
                None => {
                    out.insert(field.clone(), value.clone());
                }
            }
        }
        for (field, old) in written {
            if live.contains_key(field) {
                continue;
            }
            let path = below(field);
            if self.secrets.contains(&path) {
                out.insert(field.clone(), old.clone());
            } else if let Value::Map(old) = old {
                let kept = self.maps(Some(&path), old, &Map::new());
                if !kept.is_empty() {
                    out.insert(field.clone(), Value::Map(kept));
                }
            }
        }
        out
    }

    fn value(&self, path: &FieldPath, written: &Value, live: &Value) -> Value {
        if self.secrets.contains(path) {
            return written.clone();
        }
        match (written, live) {
            (Value::Map(written), Value::Map(live)) => Value::Map(self.maps(Some(path), written, live)),
            // Secrets inside of it are all that the platform holds.
            (Value::Map(written), Value::Null) => match self.maps(Some(path), written, &Map::new()) {
                kept if kept.is_empty() => Value::Null,
                kept => Value::Map(kept),
            },
            (Value::List(written), Value::List(live)) if written.len() == live.len() => Value::List(
                written
                    .iter()
                    .zip(live)
                    .map(|(written, live)| self.value(path, written, live))
                    .collect(),
            ),
            (Value::String(text), _) if self.substitutes && text.contains("${") => {
                match substitute(text, self.variables) {
                    Ok(found) if !says(live, &found.text) => live.clone(),
                    // It says what is live, or nobody knows what it says.
                    Ok(_) | Err(_) => written.clone(),
                }
            }
            _ => live.clone(),
        }
    }
}

/// Whether a scalar is what a variable's text says.
fn says(live: &Value, text: &str) -> bool {
    match live {
        Value::String(live) => live == text,
        Value::Bool(_) | Value::Number(_) => driftless_core::json::write(live) == text,
        Value::Null | Value::List(_) | Value::Map(_) | Value::Secret(_) => false,
    }
}

fn means_the_same(key: &Key, written: Map, merged: Map) -> bool {
    let own = key.path().first().map(String::as_str);
    let form = |spec: Map| {
        let mut spec = meaning(qualytics::schema(), key.kind, &normal(key, spec));
        // The name of a resource's own datastore beside a container says nothing.
        let names_own = FieldPath::dotted("properties.ref_datastore_name");
        if names_own.get(&spec).is_some_and(|name| name.as_str() == own) {
            names_own.remove(&mut spec);
        }
        // So does a field that holds nothing.
        spec.retain(|_, value| match value {
            Value::Null => false,
            Value::List(items) => !items.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Secret(_) => true,
        });
        Value::Map(spec)
    };
    form(written).agrees(&form(merged))
}

/// Scalars with placeholders, by their place.
fn placeholders(spec: &Map) -> BTreeMap<String, String> {
    fn walk(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
        match value {
            Value::String(text) if text.contains("${") => {
                found.insert(path.to_owned(), text.clone());
            }
            Value::Map(map) => map
                .iter()
                .for_each(|(key, value)| walk(&format!("{path}.{key}"), value, found)),
            Value::List(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, value)| walk(&format!("{path}[{index}]"), value, found));
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Secret(_) => {}
        }
    }
    let mut found = BTreeMap::new();
    spec.iter().for_each(|(key, value)| walk(key, value, &mut found));
    found
}

/// The comment lines, empty lines and `---` before the first line of content.
fn leading_comments(text: &str) -> &str {
    let is_head = |line: &str| {
        let line = line.trim_end();
        line.is_empty() || line.starts_with('#') || line == "---"
    };
    let lines = text.split_inclusive('\n').take_while(|line| is_head(line));
    let length: usize = lines.map(str::len).sum();
    let head = text.get(..length).unwrap_or_default();
    if head.contains('#') { head } else { "" }
}

/// Whether a text has a comment: a `#` whose line means the same without what follows it.
fn has_comment(text: &str) -> bool {
    /// Lines that are tried one by one; a text with more of them is taken to have one.
    const TRIES: usize = 200;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let marks = |line: &str| -> Vec<usize> {
        let at = line.match_indices('#').map(|(at, _)| at);
        at.filter(|at| {
            line.get(..*at)
                .is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']))
        })
        .collect()
    };
    let meaning = yaml::parse(text.as_bytes()).root.map(|root| root.to_value());
    let mut tries = 0;
    for (index, line) in lines.iter().enumerate() {
        for at in marks(line) {
            tries += 1;
            if tries > TRIES {
                return true;
            }
            let end = if line.ends_with('\n') { "\n" } else { "" };
            let (before, after) = lines.split_at(index);
            let bare = format!(
                "{}{}{end}{}",
                before.concat(),
                line.get(..at).unwrap_or_default(),
                after.get(1..).unwrap_or_default().concat()
            );
            if yaml::parse(bare.as_bytes()).root.map(|root| root.to_value()) == meaning {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_placeholder_stays_in_those_kinds_in_which_the_environment_replaces_it() {
        let check = |filter: &str, description: &str| {
            format!("rule_type: notNull\ncontainer: o\nfields: [id]\nfilter: {filter}\ndescription: {description}\n")
        };
        let old = yaml::parse(check("${PAID}", "old").as_bytes());
        let live = check("paid", "new");
        let values = [("PAID".to_owned(), "paid".to_owned())].into();
        let variables = Variables::new(values, BTreeSet::new());
        for (variables, filter) in [
            (variables.clone(), "paid"),
            (variables.in_kinds(vec![CHECK]), "${PAID}"),
        ] {
            let key = Key::new(CHECK, ["dw", "u"]);
            let Outcome::Changed(Rewritten { text, .. }) = merge(&key, &old, &live, None, &variables) else {
                panic!("the description has changed");
            };
            assert_eq!(
                text,
                check(filter, "new").replace("[id]", "\n- id").replace(": \n", ":\n")
            );
        }
    }
}
