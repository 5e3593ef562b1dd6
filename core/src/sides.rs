//! What is live and what was last agreed on, under the names that Git gives now. Nothing is copied where no name has changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Addresses, holder};
use crate::key::{Key, Kind, RemoteId};
use crate::ledger::{Ledger, LedgerEntry};
use crate::plan::Moved;
use crate::rename::Renames;
use crate::schema::Schema;
use crate::snapshot::Live;

/// Both sides of a comparison with Git.
pub(crate) struct Sides<'a> {
    as_read: &'a Live,
    pub(crate) live: Cow<'a, Live>,
    pub(crate) ledger: Option<Cow<'a, Ledger>>,
    /// Resources that are live under another name than their key here says.
    pub(crate) renamed: BTreeSet<Key>,
    /// Of each of them whose name another one has as yet: that one.
    pub(crate) behind: BTreeMap<Key, Key>,
    /// The way of each ledger entry whose key has changed.
    trails: BTreeMap<Key, Trail>,
}

/// How a ledger entry came to its key.
#[derive(Debug)]
struct Trail {
    /// The key that it has in the store.
    stored: Key,
    hops: Vec<Hop>,
}

#[derive(Debug)]
struct Hop {
    moved: Moved,
    /// The resource that is to get its name; `None` where it has it.
    waits_for: Option<Key>,
}

/// Why an entry moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It, or what it lies in, is to get its name.
    Pending,
    /// It has it.
    Done,
}

/// Which ledger entries move with what.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// At once.
    pub(crate) now: Vec<Moved>,
    /// With the step that gives this resource its name.
    pub(crate) with: BTreeMap<Key, Vec<Moved>>,
    /// With the resource's own step, since no other does it.
    pub(crate) own: BTreeMap<Key, Moved>,
}

impl<'a> Sides<'a> {
    pub(crate) fn new(live: &'a Live, ledger: Option<&'a Ledger>) -> Self {
        Self {
            as_read: live,
            live: Cow::Borrowed(live),
            ledger: ledger.map(Cow::Borrowed),
            renamed: BTreeSet::new(),
            behind: BTreeMap::new(),
            trails: BTreeMap::new(),
        }
    }

    /// Puts both sides under the new names of `kind`.
    pub(crate) fn rename(&mut self, kind: Kind, renames: &Renames, schema: &dyn Schema) {
        if !renames.done.is_empty() {
            self.remember(kind, &renames.done, Cause::Done, schema);
        }
        if renames.pending.is_empty() {
            return;
        }
        self.live = Cow::Owned(Addresses::new(kind, &renames.pending).live(&self.live, schema));
        self.remember(kind, &renames.pending, Cause::Pending, schema);
        for to in renames.pending.values() {
            self.renamed.insert(to.clone());
            if let Some(other) = renames.pending.get(to) {
                self.behind.insert(to.clone(), other.clone());
            }
        }
    }

    /// Puts the ledger's entries under new keys.
    fn remember(&mut self, kind: Kind, names: &BTreeMap<Key, Key>, cause: Cause, schema: &dyn Schema) {
        let addresses = &Addresses::new(kind, names);
        let Some(ledger) = &mut self.ledger else { return };
        // A name that was given long ago has left no trace: nothing to copy.
        let moves = |key: &Key| addresses.of(key, schema).is_some();
        if cause == Cause::Done && !ledger.entries.keys().any(moves) {
            return;
        }
        let ledger = ledger.to_mut();
        addresses.in_specs(ledger, schema);
        let (moving, staying): (Vec<_>, Vec<_>) = std::mem::take(&mut ledger.entries)
            .into_iter()
            .map(|(key, entry)| (addresses.of(&key, schema), key, entry))
            .partition(|(to, _, _)| to.is_some());
        ledger
            .entries
            .extend(staying.into_iter().map(|(_, key, entry)| (key, entry)));
        let mut trails = Vec::new();
        for (to, from, entry) in moving {
            // What is remembered of the new name is of the resource that has it.
            let to = to.filter(|to| cause == Cause::Pending || !ledger.entries.contains_key(to));
            let Some(to) = to else {
                ledger.entries.insert(from, entry);
                continue;
            };
            let mut trail = self.trails.remove(&from).unwrap_or_else(|| Trail {
                stored: from.clone(),
                hops: Vec::new(),
            });
            let moved = Moved { from, to: to.clone() };
            let waits_for = match cause {
                Cause::Pending => holder(kind, &to, schema),
                Cause::Done => None,
            };
            trail.hops.push(Hop { moved, waits_for });
            ledger.entries.insert(to.clone(), entry);
            trails.push((to, trail));
        }
        self.trails.extend(trails);
    }

    /// What was last agreed on for `key`, and the key under which that is stored.
    pub(crate) fn agreed(&self, key: &Key) -> Option<(&LedgerEntry, &Key)> {
        let (key, entry) = self.ledger.as_ref()?.entries.get_key_value(key)?;
        Some((entry, self.trails.get(key).map_or(key, |trail| &trail.stored)))
    }

    /// Whether the entry of `key` is to move with a step.
    pub(crate) fn awaits(&self, key: &Key) -> bool {
        let trail = self.trails.get(key);
        trail.is_some_and(|trail| trail.hops.iter().any(|hop| hop.waits_for.is_some()))
    }

    /// Which entries move with what, when the resources of `written` get their names in this plan.
    pub(crate) fn moves(&self, written: &BTreeSet<Key>) -> Moves {
        let mut moves = Moves::default();
        for (key, trail) in &self.trails {
            let mut stored = &trail.stored;
            let mut with = None;
            let mut now = None;
            for Hop { moved, waits_for } in &trail.hops {
                // Not so where a name above it is one that nobody writes.
                if moved.from != *stored {
                    continue;
                }
                match waits_for {
                    Some(renamed) if written.contains(renamed) => with = Some(renamed),
                    Some(_) => continue,
                    None => {}
                }
                stored = &moved.to;
                match with {
                    Some(step) => moves.with.entry(step.clone()).or_default().push(moved.clone()),
                    None => now = Some(stored),
                }
            }
            moves.now.extend(now.map(|to| Moved {
                from: trail.stored.clone(),
                to: to.clone(),
            }));
            if stored != key {
                let moved = Moved {
                    from: stored.clone(),
                    to: key.clone(),
                };
                moves.own.insert(key.clone(), moved);
            }
        }
        moves.now = one_after_the_other(moves.now);
        moves
    }

    /// The numbers of what has other keys here than on the instance.
    pub(crate) fn numbers(&self) -> Vec<(Key, RemoteId)> {
        let Cow::Owned(live) = &self.live else {
            return Vec::new();
        };
        let resources = live.resources.iter().map(|(key, resource)| (key, resource.id));
        let known = resources.chain(live.discovered.iter().map(|(key, id)| (key, *id)));
        let as_read = |key: &Key| {
            let resource = self.as_read.resources.get(key).map(|resource| resource.id);
            resource.or_else(|| self.as_read.discovered.get(key).copied())
        };
        known
            .filter(|(key, id)| as_read(key) != Some(*id))
            .map(|(key, id)| (key.clone(), id))
            .collect()
    }
}

/// In an order in which no entry moves to where another one still is. Entries in a circle stay: what both sides agree on is
/// written over them.
fn one_after_the_other(mut moves: Vec<Moved>) -> Vec<Moved> {
    let mut ordered = Vec::with_capacity(moves.len());
    while !moves.is_empty() {
        let occupied: BTreeSet<Key> = moves.iter().map(|moved| moved.from.clone()).collect();
        let (free, waiting): (Vec<_>, Vec<_>) = moves.into_iter().partition(|moved| !occupied.contains(&moved.to));
        if free.is_empty() {
            break;
        }
        ordered.extend(free);
        moves = waiting;
    }
    ordered
}
