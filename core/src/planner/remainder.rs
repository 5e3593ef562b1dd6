//! What is live, or in the ledger, without being declared: counted and named. What becomes of what is owned, `removal` says.

use std::collections::BTreeMap;

use super::Planner;
use crate::guard::{Elsewhere, Population};
use crate::key::{Key, RemoteId};
use crate::snapshot::{LiveResource, Presence};

/// What is there, on either side, without being declared.
pub(super) struct Remainder {
    /// Live and never applied, sorted.
    pub(super) unmanaged: Vec<Key>,
    /// Live, in use or archived, and in the ledger, sorted.
    pub(super) owned: Vec<Key>,
    /// In the ledger, and in that of another environment, which declares them.
    pub(super) handed_over: Vec<Key>,
    /// In the ledger alone, with the numbers that they had.
    pub(super) gone: Vec<(Key, Option<RemoteId>)>,
}

impl Planner<'_> {
    /// What is live or in the ledger without being declared.
    pub(super) fn remainder(&self, matches: &BTreeMap<Key, &LiveResource>, unidentified: &[&Key]) -> Remainder {
        let mut unmanaged: Vec<Key> = unidentified.iter().map(|key| (*key).clone()).collect();
        let (mut owned, mut handed_over) = (Vec::new(), Vec::new());
        let mut gone = Vec::new();
        let entries = self.sides.ledger.as_ref().map(|ledger| &ledger.entries);
        for (key, resource) in &self.live.resources {
            if self.documents.contains_key(key) || matches.contains_key(key) || self.left_out.contains(&key.kind) {
                continue;
            }
            // What was handed over to another environment is no orphan.
            let elsewhere = self.owners.elsewhere(key);
            if entries.is_some_and(|entries| entries.contains_key(key)) {
                if !matches!(elsewhere, Some(Elsewhere::Declared(_))) {
                    owned.push(key.clone());
                } else if self.owners.have_taken_over(key) && !self.uncertain(key) {
                    handed_over.push(key.clone());
                }
            } else if !self.uncertain(key) && resource.presence == Presence::Active {
                unmanaged.push(key.clone());
            }
        }
        unmanaged.retain(|key| !self.left_out.contains(&key.kind) && self.owners.elsewhere(key).is_none());
        unmanaged.sort();
        for (key, entry) in entries.into_iter().flatten() {
            let known = self.documents.contains_key(key) || self.live.resources.contains_key(key);
            if !known && !self.uncertain(key) && self.live.gap(key).is_none() {
                gone.push((key.clone(), entry.remote));
            }
        }
        Remainder {
            unmanaged,
            owned,
            handed_over,
            gone,
        }
    }

    /// Of these, what is live and not put away.
    pub(super) fn in_use(&self, mut keys: Vec<Key>) -> Vec<Key> {
        keys.retain(|key| {
            let live = self.live.resources.get(key);
            live.is_some_and(|live| live.presence == Presence::Active)
        });
        keys
    }

    /// What the ledger has and no document declares, whatever is live.
    pub(super) fn undeclared(&self) -> Vec<Key> {
        let entries = self.sides.ledger.iter().flat_map(|ledger| ledger.entries.keys());
        entries
            .filter(|key| !self.documents.contains_key(key))
            .cloned()
            .collect()
    }

    /// What guards count against: what is put away does not count.
    pub(super) fn population(&self, matches: &BTreeMap<Key, &LiveResource>) -> Population {
        let is_active = |resource: &LiveResource| resource.presence == Presence::Active;
        let mut population = Population {
            existing: matches.values().filter(|resource| is_active(resource)).count(),
            ..Population::default()
        };
        let entries = self.sides.ledger.iter().flat_map(|ledger| ledger.entries.keys());
        for key in entries {
            let live = matches.get(key).copied().or_else(|| self.live.resources.get(key));
            if live.is_some_and(is_active) {
                *population.owned.entry(key.kind).or_default() += 1;
                population.existing += usize::from(!matches.contains_key(key));
            }
        }
        population
    }

    /// Whether a file that could not be used may be the one that declares `key`.
    pub(super) fn uncertain(&self, key: &Key) -> bool {
        self.left_out.contains(&key.kind) || self.broken.iter().any(|broken| broken.may_be(key))
    }
}
