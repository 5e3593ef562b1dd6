//! The two sides of a comparison, as two types so that they cannot be swapped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::Place;
use crate::document::Document;
use crate::key::{Key, Kind, RemoteId, Revision};
use crate::value::{Map, Value};

/// What Git says for one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The commit it was read from.
    pub revision: Revision,
    /// The documents by key.
    pub documents: BTreeMap<Key, Document>,
    /// Kinds that were left out on purpose (`--include`); nothing of them is planned.
    pub left_out: Vec<Kind>,
    /// Keys (or, where the key could not be read, kinds) whose file has an error: never called removed.
    pub broken: Vec<Broken>,
    /// Files that look meant for driftless and are not where it would read them: what they declare is not known.
    pub misplaced: Vec<Place>,
}

/// A file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The key, where identity could be read.
    pub key: Option<Key>,
    /// The kind that the file's path says, where it says one.
    pub kind: Option<Kind>,
}

impl Broken {
    /// Whether this file may be the one that declares `key`.
    pub fn may_be(&self, key: &Key) -> bool {
        match (&self.key, self.kind) {
            (Some(other), _) => other == key || key.is_below(other),
            (None, Some(kind)) => kind == key.kind,
            (None, None) => true,
        }
    }
}

/// What an instance holds, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Resources that carry an identity, by key.
    pub resources: BTreeMap<Key, LiveResource>,
    /// Resources without an identity of ours (checks made in the UI), with the key that they would get.
    pub unidentified: Vec<(Key, LiveResource)>,
    /// Things that references may point at but that are not resources of ours (tables that a sync discovered).
    pub discovered: BTreeMap<Key, RemoteId>,
    /// What lies out of scope, by what it needs: no resource of the plan, and in the way of a deletion.
    pub outside: BTreeMap<Key, BTreeSet<Key>>,
    /// Things that documents mention and that exist: they are known by name alone, no write needs a number of theirs.
    pub named: BTreeSet<Key>,
    /// Kinds of such things that could not be listed: whether one of them exists is left to the platform to say.
    pub unlisted: BTreeSet<Kind>,
    /// Where a person changes what the platform's API cannot, by kind: an address.
    pub by_hand: BTreeMap<Kind, String>,
    /// What could not be read whole.
    pub gaps: Vec<Gap>,
}

/// One resource on an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveResource {
    /// Its number there.
    pub id: RemoteId,
    /// Its fields, normalised for the live side; secrets are absent.
    pub spec: Map,
    /// Whatever else the adapter needs to write it without clearing a field. Not compared, not shown.
    pub base: Option<Arc<Value>>,
    /// Whether it is in use or put away.
    pub presence: Presence,
    /// Who owns its definition on the platform.
    pub authorship: Authorship,
    /// Top-level fields that could not be read: not compared.
    pub unread: Vec<String>,
    /// Who changed it last and when, in the platform's words.
    pub edited: Option<String>,
}

/// Whether a live resource is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In use.
    Active,
    /// Archived: restored by an update, never created beside.
    Archived,
}

/// Who owns a live resource's definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorship {
    /// People.
    Authored,
    /// The platform itself: its drift is only ever reported in the fields named.
    Inferred {
        /// Top-level fields that the platform moves by itself.
        fields: &'static [&'static str],
    },
}

/// Something that could not be read whole: an error is never an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The kind that is incomplete.
    pub kind: Kind,
    /// Below which resource; `None` for all of the kind. A resource of this very kind is hidden itself.
    pub below: Option<Key>,
    /// What sort of gap it is.
    pub reason: GapReason,
    /// Why, with what to do about it.
    pub message: String,
}

/// What sort of gap it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// It could not be read, or what was read is not whole.
    Unread,
    /// The resource `below`, and all that hangs on it, is owned, is not listed, and may be there all the same.
    NotVisible,
    /// So many of the resources that are owned are not listed that the list is not believed.
    Shrunk,
}

/// The most owned resources of one part (those of a kind, of one parent) that a list may lack and that are then asked for one by
/// one. A list that lacks more is not believed, and nobody asks.
pub const LOOKED_UP: usize = 20;

impl Gap {
    /// Whether `key` is hidden by it.
    pub fn hides(&self, key: &Key) -> bool {
        let below = |parent: &Key| key.is_below(parent) || key == parent;
        self.kind == key.kind && self.below.as_ref().is_none_or(below)
    }
}

impl Live {
    /// Whether something has this key: a resource of ours, or one that is only referred to.
    pub fn has(&self, key: &Key) -> bool {
        self.resources.contains_key(key) || self.discovered.contains_key(key)
    }

    /// The gap that hides `key`, if there is one.
    pub fn gap(&self, key: &Key) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.hides(key))
    }

    /// The resources below which nothing is live or discovered, and nothing is hidden by a gap.
    pub fn barren(&self) -> impl Iterator<Item = &Key> {
        let known = self.resources.keys().chain(self.discovered.keys());
        let known = known.chain(self.unidentified.iter().map(|(key, _)| key));
        let parents: BTreeSet<&[String]> = known
            .flat_map(|key| (1..key.path().len()).filter_map(|length| key.path().get(..length)))
            .collect();
        let hidden = |key: &Key| {
            let hides = |gap: &Gap| {
                gap.below
                    .as_ref()
                    .is_none_or(|below| below == key || below.is_below(key))
            };
            // What is known by name alone lies in nothing.
            let lies_inside = |gap: &&Gap| !self.unlisted.contains(&gap.kind);
            self.gaps.iter().filter(lies_inside).any(hides)
        };
        self.resources
            .keys()
            .filter(move |key| !parents.contains(key.path()) && !hidden(key))
    }
}

/// Which part of an instance is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Kinds that are left out.
    pub left_out: Vec<Kind>,
    /// Keys that the ledger knows, with the numbers that they had: their parents are in scope even if Git no longer names them.
    pub owned: BTreeMap<Key, Option<RemoteId>>,
    /// What both sides last agreed on, of those of `owned` whose kind is written as a set or by hand: what such a platform does not
    /// return is judged by it.
    pub agreed: BTreeMap<Key, Map>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(kind: &'static str) -> Gap {
        Gap {
            kind: Kind(kind),
            below: None,
            reason: GapReason::Unread,
            message: "it broke off".to_owned(),
        }
    }

    #[test]
    fn what_could_not_be_read_may_lie_in_anything_and_what_is_known_by_name_alone_lies_in_nothing() {
        let store = Key::new(Kind("datastore"), ["dw"]);
        let resource = LiveResource {
            id: RemoteId(1),
            spec: Map::new(),
            base: None,
            presence: Presence::Active,
            authorship: Authorship::Authored,
            unread: Vec::new(),
            edited: None,
        };
        let mut live = Live::default();
        live.resources.insert(store.clone(), resource);
        live.unlisted.insert(Kind("tag"));
        live.gaps.push(gap("tag"));
        assert_eq!(live.barren().collect::<Vec<_>>(), [&store]);
        live.gaps.push(gap("container"));
        assert_eq!(live.barren().count(), 0);
    }
}
