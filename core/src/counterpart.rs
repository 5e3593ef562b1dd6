//! What is live under the names that the files of a folder give it: for those who write into that folder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::document::{Document, Origin, PREVIOUS_NAME};
use crate::key::{Key, RemoteId, Revision};
use crate::load::Declared;
use crate::normalize::normalize;
use crate::overlay::is_deletion;
use crate::resolve::resolve;
use crate::schema::{Schema, Side};
use crate::sides::Sides;
use crate::snapshot::{Authorship, Desired, Live, LiveResource, Presence};
use crate::value::{Map, Value};

/// Both sides under common names: those that Git gives where a `previous_name` is yet to be written, those of the instance where a
/// file spells one with other capitals.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterparts {
    /// The resources in the order in which they were given. What they refer to has Git's names; their own name is the key's alone.
    pub resources: Vec<(Key, Map)>,
    /// What is live beside them.
    pub others: BTreeSet<Key>,
    /// The files in the order in which they were given.
    pub declared: Vec<Declared>,
}

/// Finds what of `declared` and what of `resources` is one thing with two names, as a plan would.
pub fn counterparts(
    declared: Vec<Declared>,
    resources: Vec<(Key, Map)>,
    others: BTreeSet<Key>,
    schema: &dyn Schema,
) -> Counterparts {
    let mut live = Live::default();
    let beside = others.into_iter().map(|key| (key, Map::new()));
    let all: Vec<(Key, Map)> = resources.iter().cloned().chain(beside).collect();
    for ((key, spec), id) in all.iter().zip(0_i64..) {
        live.resources.insert(key.clone(), resource(RemoteId(id), spec.clone()));
    }
    for (key, _) in &all {
        let parents = schema.spec(key.kind).map_or(&[][..], |spec| spec.parents);
        for (kind, length) in parents.iter().zip(1..) {
            let parent = Key::new(*kind, key.path().get(..length).unwrap_or_default().to_vec());
            if !live.resources.contains_key(&parent) {
                live.discovered.insert(parent, RemoteId(-1));
            }
        }
    }
    let desired = Desired {
        revision: Revision(String::new()),
        documents: documents(&declared, schema),
        left_out: Vec::new(),
        broken: Vec::new(),
        misplaced: Vec::new(),
    };
    let mut sides = Sides::new(&live, None);
    let resolved = resolve(desired, &mut sides, schema);
    let mut found: BTreeMap<i64, (Key, Map)> = BTreeMap::new();
    for (key, resource) in &sides.live.resources {
        found.insert(resource.id.0, (key.clone(), resource.spec.clone()));
    }
    let mut named = all
        .into_iter()
        .zip(0_i64..)
        .map(|(as_given, id)| found.remove(&id).unwrap_or(as_given));
    let resources: Vec<_> = named.by_ref().take(resources.len()).collect();
    let others = named.map(|(key, _)| key).collect();
    let keys: BTreeMap<&str, &Key> = resolved
        .documents
        .values()
        .map(|document| (document.origin.file(), &document.key))
        .collect();
    let declared = declared
        .into_iter()
        .map(|mut declared| {
            if let Some(key) = keys.get(declared.path.as_ref()) {
                declared.key = but_for_slugs(key, &declared);
            }
            declared
        })
        .collect();
    Counterparts {
        resources,
        others,
        declared,
    }
}

/// The key, with the slugs of the folders where the file knows no more.
fn but_for_slugs(key: &Key, declared: &Declared) -> Key {
    declared.by_slug.iter().fold(key.clone(), |key, by_slug| {
        match declared.key.path().get(by_slug.segment) {
            Some(slug) => key.with_name(by_slug.segment, slug),
            None => key,
        }
    })
}

fn documents(declared: &[Declared], schema: &dyn Schema) -> BTreeMap<Key, Document> {
    let mut documents: BTreeMap<Key, Document> = BTreeMap::new();
    let mut claims: BTreeMap<Key, usize> = BTreeMap::new();
    for declared in declared {
        let Some(Value::Map(written)) = declared.parsed.root.as_ref().map(|root| root.to_value()) else {
            continue;
        };
        if is_deletion(&written) || documents.contains_key(&declared.key) {
            continue;
        }
        let key = declared.key.clone();
        let knows = |directive: &str| {
            schema
                .spec(key.kind)
                .is_some_and(|spec| spec.directives.contains(&directive))
        };
        let said = written.get(PREVIOUS_NAME).filter(|_| knows(PREVIOUS_NAME));
        let previous = said
            .and_then(Value::as_str)
            .map(|name| schema.canonical_name(key.kind, name))
            .filter(|name| name != key.name());
        if let Some(previous) = &previous {
            *claims.entry(key.sibling(previous)).or_default() += 1;
        }
        let spec = normalize(schema, key.kind, Side::Desired, written);
        let document = Document {
            references: schema.references(&key, &spec),
            spec,
            previous,
            protected: false,
            origin: Origin::new(declared.path.clone(), Arc::clone(&declared.parsed)),
            by_slug: declared.by_slug.clone(),
            key,
        };
        documents.insert(document.key.clone(), document);
    }
    // One resource becomes one: of several that claim it, none is meant.
    for (key, document) in &mut documents {
        let claimed = document
            .previous
            .as_ref()
            .and_then(|name| claims.get(&key.sibling(name)));
        if claimed.is_some_and(|count| *count > 1) {
            document.previous = None;
        }
    }
    documents
}

fn resource(id: RemoteId, spec: Map) -> LiveResource {
    LiveResource {
        id,
        spec,
        base: None,
        presence: Presence::Active,
        authorship: Authorship::Authored,
        unread: Vec::new(),
        edited: None,
    }
}
