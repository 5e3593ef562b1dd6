//! What hangs on what: how far a deletion reaches.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Document;
use crate::key::Key;
use crate::plan::Step;
use crate::schema::{Bond, Schema};
use crate::snapshot::{Live, Presence};

/// What hangs on what, once everything but the deletions is done.
pub(super) struct Reach<'a> {
    schema: &'a dyn Schema,
    live: &'a Live,
    documents: &'a BTreeMap<Key, Document>,
    /// By what it hangs on: what is live.
    on: BTreeMap<Key, BTreeMap<Key, Bond>>,
    /// By what it hangs on: what Git declares.
    declared: BTreeMap<Key, BTreeSet<Key>>,
}

impl<'a> Reach<'a> {
    /// `written` is what steps write: of that, the document says what it will hang on.
    pub(super) fn new(
        schema: &'a dyn Schema,
        live: &'a Live,
        documents: &'a BTreeMap<Key, Document>,
        written: &BTreeSet<&Key>,
    ) -> Self {
        let mut reach = Self {
            schema,
            live,
            documents,
            on: BTreeMap::new(),
            declared: BTreeMap::new(),
        };
        let unidentified = live.unidentified.iter().map(|(key, resource)| (key, resource));
        for (key, resource) in live.resources.iter().chain(unidentified) {
            if resource.presence == Presence::Archived {
                continue;
            }
            let document = documents.get(key).filter(|_| written.contains(key));
            let spec = document.map_or(&resource.spec, |document| &document.spec);
            for (to, bond) in schema.bonds(key, spec) {
                reach.on.entry(to).or_default().entry(key.clone()).or_insert(bond);
            }
        }
        for (to, users) in &live.outside {
            let on = reach.on.entry(to.clone()).or_default();
            on.extend(users.iter().map(|user| (user.clone(), Bond::Needs)));
        }
        for (key, document) in documents {
            for (to, _) in schema.bonds(key, &document.spec) {
                reach.declared.entry(to).or_default().insert(key.clone());
            }
        }
        reach
    }

    fn hanging<'s>(&'s self, on: &Key, wanted: Bond) -> impl Iterator<Item = &'s Key> + use<'s, 'a> {
        let all = self.on.get(on).into_iter().flatten();
        all.filter(move |(_, bond)| **bond == wanted).map(|(key, _)| key)
    }

    /// What lies in `key`, however deep.
    pub(super) fn within(&self, key: &Key) -> BTreeSet<Key> {
        let mut found = BTreeSet::new();
        let mut open = vec![key];
        while let Some(place) = open.pop() {
            for inner in self.hanging(place, Bond::Within) {
                if found.insert(inner.clone()) {
                    open.push(inner);
                }
            }
        }
        found
    }

    /// What goes with `key`, or is left without it.
    pub(super) fn along(&self, key: &Key) -> BTreeSet<Key> {
        let mut found = self.within(key);
        let left: Vec<Key> = std::iter::once(key)
            .chain(&found)
            .flat_map(|place| self.hanging(place, Bond::About))
            .cloned()
            .collect();
        found.extend(left);
        found
    }

    /// What needs `key` or something `within` it, from outside.
    pub(super) fn needing(&self, key: &Key, within: &BTreeSet<Key>) -> BTreeSet<&Key> {
        std::iter::once(key)
            .chain(within)
            .flat_map(|place| self.hanging(place, Bond::Needs))
            .filter(|user| *user != key && !within.contains(*user))
            .collect()
    }

    /// What Git declares and what hangs, in whichever way, on `key` or something `within` it.
    pub(super) fn declared_on(&self, key: &Key, within: &BTreeSet<Key>) -> BTreeSet<&Key> {
        std::iter::once(key)
            .chain(within)
            .flat_map(|place| self.declared.get(place).into_iter().flatten())
            .collect()
    }

    /// What is watched now and by nothing any more once `leaving`, and what goes with it, is gone and `steps` are done. What goes
    /// itself needs no watch.
    pub(super) fn unwatched<'k>(&self, leaving: impl Iterator<Item = &'k Key>, steps: &[Step]) -> Vec<Key> {
        let mut gone: BTreeSet<Key> = BTreeSet::new();
        for key in leaving {
            gone.extend(self.within(key));
            gone.insert(key.clone());
        }
        let places: Vec<&Key> = gone.iter().filter(|key| self.on.contains_key(key)).collect();
        let lies_in_one = |key: &Key| places.iter().any(|place| self.schema.lies_in(key, place));
        let goes = |place: &Key| gone.contains(place) || lies_in_one(place);
        let watched = |key: &Key, spec| self.schema.watches(key, spec).filter(|place| !goes(place));
        let mut lost: BTreeSet<Key> = BTreeSet::new();
        let mut kept: BTreeSet<Key> = BTreeSet::new();
        let unidentified = self.live.unidentified.iter().map(|(key, resource)| (key, resource));
        for (key, resource) in self.live.resources.iter().chain(unidentified) {
            if resource.presence == Presence::Archived {
                continue;
            }
            let place = watched(key, &resource.spec);
            match gone.contains(key) {
                true => lost.extend(place),
                false => kept.extend(place),
            }
        }
        for step in steps {
            let document = self.documents.get(&step.change.key);
            kept.extend(document.and_then(|document| watched(&document.key, &document.spec)));
        }
        lost.difference(&kept).cloned().collect()
    }
}
