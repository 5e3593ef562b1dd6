//! Names that Git spells with other capitals than the instance: they are taken for the one that differs in case only.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Addresses, holder};
use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::schema::Schema;
use crate::snapshot::Live;

/// Names of one kind that the instance spells otherwise.
#[derive(Debug)]
pub(crate) struct Spellings {
    /// The keys that Git writes, and those that are live.
    pub(crate) live: BTreeMap<Key, Key>,
    /// Documents whose own name several live ones could be.
    pub(crate) ambiguous: Vec<Key>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Finds names of `kind` that nothing has as they are spelled, neither declared (but for a document's own) nor live. A document's
/// own is that of something live which no other document declares; one that is referred to is that of anything.
pub(crate) fn find(kind: Kind, documents: &BTreeMap<Key, Document>, live: &Live, schema: &dyn Schema) -> Spellings {
    let mut found = Spellings {
        live: BTreeMap::new(),
        ambiguous: Vec::new(),
        diagnostics: Vec::new(),
    };
    if !schema.is_found_without_case(kind) {
        return found;
    }
    let known = || live.resources.keys().chain(live.discovered.keys());
    let undeclared = LazyCell::new(|| alike(known().filter(|key| key.kind == kind && !documents.contains_key(*key))));
    let mut own: BTreeMap<Key, Key> = BTreeMap::new();
    for (key, document) in documents.iter().filter(|(key, _)| key.kind == kind && !live.has(key)) {
        // A table is no computed container, however it is spelled.
        let mut candidates = undeclared.get(&folded(key)).cloned().unwrap_or_default();
        candidates.retain(|other| live.resources.contains_key(*other));
        if candidates.is_empty() || live.gap(key).is_some() {
            continue;
        }
        let at = schema.name_field(kind);
        found.diagnostics.push(told(document, &at, key, &candidates, live));
        match candidates.as_slice() {
            [one] => {
                own.insert(key.clone(), (*one).clone());
            }
            _ => found.ambiguous.push(key.clone()),
        }
    }
    let declared = || documents.keys().map(|key| own.get(key).unwrap_or(key));
    let anything = LazyCell::new(|| alike(known().chain(declared()).filter(|key| key.kind == kind)));
    for (key, document) in documents.iter().filter(|(_, document)| document.by_slug.is_empty()) {
        for reference in &document.references {
            let Some(to) = holder(kind, &reference.to, schema) else {
                continue;
            };
            // Of its own parents the folder, or their own documents, speak.
            if to == *key
                || key.is_below(&to)
                || documents.contains_key(&to)
                || live.has(&to)
                || live.gap(&to).is_some()
            {
                continue;
            }
            let candidates = anything.get(&folded(&to)).cloned().unwrap_or_default();
            if candidates.is_empty() {
                continue;
            }
            found
                .diagnostics
                .push(told(document, &reference.at, &to, &candidates, live));
            if let [one] = candidates.as_slice() {
                found.live.insert(to, (*one).clone());
            }
        }
    }
    found.live.extend(own);
    found
}

/// The key with its name in small letters: names are alike where these are equal.
fn folded(key: &Key) -> Key {
    key.sibling(&key.name().to_lowercase())
}

/// The names that are alike, in their order.
fn alike<'k>(keys: impl Iterator<Item = &'k Key>) -> BTreeMap<Key, Vec<&'k Key>> {
    let mut index: BTreeMap<Key, Vec<&Key>> = BTreeMap::new();
    for key in keys.collect::<BTreeSet<_>>() {
        index.entry(folded(key)).or_default().push(key);
    }
    index
}

fn told(document: &Document, at: &FieldPath, key: &Key, candidates: &[&Key], live: &Live) -> Diagnostic {
    let name = key.name();
    let fault = match candidates {
        [one] if !live.has(one) => {
            let message = format!(
                "`{name}` is taken for `{}`, which is how its document spells it",
                one.name()
            );
            Diagnostic::warning("name_differs_in_case", message).help("spell it so")
        }
        [one] => {
            let message = format!(
                "`{name}` is taken for `{}`, which is how the instance spells it",
                one.name()
            );
            Diagnostic::warning("name_differs_in_case", message)
                .help("spell it so; to rename it, say the instance's spelling as `previous_name` of its document")
        }
        several => {
            let names: Vec<String> = several.iter().map(|key| format!("`{}`", key.name())).collect();
            let message = format!(
                "`{name}` could be each of {}, which differ in case only",
                names.join(", ")
            );
            Diagnostic::warning("ambiguous_case", message).help("spell it as the one that is meant")
        }
    };
    fault.at(document.origin.place(at))
}

/// Gives documents the keys and names at which what they mean is live.
pub(crate) fn respell(
    documents: BTreeMap<Key, Document>,
    addresses: &Addresses,
    kind: Kind,
    schema: &dyn Schema,
) -> Vec<Document> {
    let respelled = |mut document: Document| {
        let to = |key: &Key| addresses.of(key, schema);
        let by_folder = addresses
            .segment(&document.key, schema)
            .is_some_and(|segment| document.by_slug.iter().any(|by_slug| by_slug.segment == segment));
        let key = to(&document.key).filter(|_| !by_folder);
        if key.is_none() && !document.references.iter().any(|reference| to(&reference.to).is_some()) {
            return document;
        }
        schema.readdress(&document.key, &mut document.spec, &to);
        if let Some(key) = key {
            if key.kind == kind {
                schema
                    .name_field(kind)
                    .set(&mut document.spec, crate::value::Value::from(key.name()));
            }
            document.key = key;
        }
        document.references = schema.references(&document.key, &document.spec);
        document
    };
    documents.into_values().map(respelled).collect()
}
