//! What can be told of documents together without an instance: names that no document has, circles, and what the platform finds
//! fault with in two documents at once. A plan knows what is live and says these things its own way; this is for a look at files.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Document, Reference, Strength};
use crate::key::{Key, Kind};
use crate::load::{Layers, Loaded, show_lines};
use crate::nearest::did_you_mean;
use crate::order::sort;
use crate::schema::Schema;
use crate::tree::Tree;
use crate::value::Value;

/// Faults of what was loaded from `tree` that only several documents together have, by file and line.
pub fn offline(loaded: &Loaded, tree: &Tree, layers: &Layers<'_>, schema: &dyn Schema) -> Vec<Diagnostic> {
    let documents = &loaded.desired.documents;
    let mut found = undeclared(loaded, schema);
    found.extend(circles(documents));
    for (key, fault) in schema.check_together(documents) {
        if let Some(document) = documents.get(&key) {
            found.push(fault.diagnostic.at(document.origin.place(&fault.at)));
        }
    }
    show_lines(&mut found, tree, layers, schema);
    found.sort();
    found.dedup();
    found
}

/// Names that no document has. Only of kinds that lie below nothing: the platform discovers others by itself. Of a kind that the
/// files do not declare at all, or of which a document is too broken to be known by name, nothing is said.
fn undeclared(loaded: &Loaded, schema: &dyn Schema) -> Vec<Diagnostic> {
    let desired = &loaded.desired;
    let is_top = |kind: Kind| schema.spec(kind).is_some_and(|spec| spec.parents.is_empty());
    let nameless: BTreeSet<Kind> = desired
        .broken
        .iter()
        .filter(|broken| broken.key.is_none())
        .filter_map(|broken| broken.kind)
        .collect();
    let mut names: BTreeMap<Kind, BTreeSet<&str>> = BTreeMap::new();
    let mut folders: BTreeSet<(Kind, &str)> = BTreeSet::new();
    let keys = desired.documents.keys();
    for key in keys.chain(desired.broken.iter().filter_map(|broken| broken.key.as_ref())) {
        names.entry(key.kind).or_default().insert(key.name());
    }
    for document in desired.documents.values() {
        for parent in document.by_slug.iter().filter(|parent| parent.segment == 0) {
            folders.extend(document.key.path().first().map(|slug| (parent.kind, slug.as_str())));
        }
    }
    let mut found = Vec::new();
    for document in desired.documents.values() {
        for reference in &document.references {
            let Some(to) = top_of(&reference.to, schema) else {
                continue;
            };
            let name = to.name();
            let is_own = document.key.is_below(&to) || document.key == to;
            let declared = names.get(&to.kind);
            let is_known = declared.is_some_and(|names| names.contains(name))
                || folders.contains(&(to.kind, schema.slug(name).as_str()));
            let is_said = declared.is_some() || folders.iter().any(|(kind, _)| *kind == to.kind);
            if is_own || is_known || !is_said || nameless.contains(&to.kind) || !is_top(to.kind) {
                continue;
            }
            let message = format!(
                "{} `{name}` is not declared here: it must exist on the instance",
                to.kind
            );
            let fault =
                Diagnostic::warning("undeclared_reference", message).at(place_of_name(document, reference, name));
            let help = did_you_mean(name, declared.into_iter().flatten().copied())
                .unwrap_or_else(|| format!("correct the name, or declare the {} in a file of its own", to.kind));
            found.push(fault.help(help));
        }
    }
    found
}

/// The outermost thing that a key lies in; a key of the outermost kind is that itself.
fn top_of(key: &Key, schema: &dyn Schema) -> Option<Key> {
    match schema.spec(key.kind)?.parents.first() {
        Some(parent) => Some(Key::new(*parent, key.path().first().into_iter().cloned())),
        None => Some(key.clone()),
    }
}

/// Where `name` is written: the field of the reference, or the one beside it that holds the name.
fn place_of_name(document: &Document, reference: &Reference, name: &str) -> Place {
    let is_it = |value: &Value| value.as_str() == Some(name);
    let at = &reference.at;
    let map = match at.parent() {
        Some(parent) => parent.get(&document.spec).and_then(Value::as_map),
        None => Some(&document.spec),
    };
    let beside = map
        .filter(|_| !at.get(&document.spec).is_some_and(is_it))
        .and_then(|map| map.iter().find(|(_, value)| is_it(value)))
        .map(|(field, _)| at.beside(field));
    document.origin.place(beside.as_ref().unwrap_or(at))
}

/// Documents that must be there before themselves, each circle told once, at the first of its documents.
fn circles(documents: &BTreeMap<Key, Document>) -> Vec<Diagnostic> {
    let keys: Vec<&Key> = documents.keys().collect();
    let index: BTreeMap<&Key, usize> = keys.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    let first = |document: &Document| -> BTreeSet<usize> {
        let before = document
            .references
            .iter()
            .filter(|reference| reference.strength == Strength::Before);
        before
            .filter_map(|reference| index.get(&reference.to).copied())
            .collect()
    };
    let after: Vec<BTreeSet<usize>> = documents.values().map(first).collect();
    let mut found = Vec::new();
    for cycle in sort(&keys, &after).cycles {
        let within: BTreeSet<usize> = cycle.into_iter().collect();
        let Some((start, circle)) = within
            .first()
            .and_then(|start| Some((start, way_back(*start, &after, &within)?)))
        else {
            continue;
        };
        let (Some(key), Some(next)) = (keys.get(*start), circle.first().and_then(|next| keys.get(*next))) else {
            continue;
        };
        let Some(document) = documents.get(*key) else { continue };
        let reference = document.references.iter().find(|reference| reference.to == **next);
        let place = reference.map_or_else(
            || document.origin.start(),
            |reference| document.origin.place(&reference.at),
        );
        let way: Vec<String> = std::iter::once(start)
            .chain(&circle)
            .filter_map(|node| keys.get(*node))
            .map(|key| format!("`{key}`"))
            .collect();
        let message = if circle.len() == 1 {
            format!("`{key}` refers to itself")
        } else {
            format!("these refer to each other in a circle: {}", way.join(" -> "))
        };
        found.push(
            Diagnostic::error("reference_cycle", message)
                .at(place)
                .help("none of them can be made first: break it at one of them"),
        );
    }
    found
}

/// The shortest way from `start` back to it, without `start` at its beginning.
fn way_back(start: usize, after: &[BTreeSet<usize>], within: &BTreeSet<usize>) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        for next in after.get(node)?.iter().filter(|next| within.contains(next)) {
            if *next == start {
                let mut way = vec![start];
                let mut here = node;
                while here != start {
                    way.push(here);
                    here = *came_from.get(&here)?;
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next) {
                came_from.insert(*next, node);
                open.push_back(*next);
            }
        }
    }
    None
}
