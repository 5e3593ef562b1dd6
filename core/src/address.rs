//! How keys change when resources of one kind get other names: their own key, and those of everything below.

use std::collections::BTreeMap;

use crate::key::{Key, Kind};
use crate::ledger::Ledger;
use crate::schema::Schema;
use crate::snapshot::{Gap, Live, LiveResource};

/// New names of resources of one kind, by the key that each has had.
#[derive(Debug)]
pub(crate) struct Addresses {
    kind: Kind,
    names: BTreeMap<Vec<String>, String>,
}

impl Addresses {
    /// The addresses after each key of `pairs` (all of `kind`) has become the other one of the same parents.
    pub(crate) fn new<'k>(kind: Kind, pairs: impl IntoIterator<Item = (&'k Key, &'k Key)>) -> Self {
        let names = pairs
            .into_iter()
            .map(|(from, to)| (from.path().to_vec(), to.name().to_owned()))
            .collect();
        Self { kind, names }
    }

    /// The name of which resource of the kind `key` holds at which place: its own, or a parent's.
    pub(crate) fn segment(&self, key: &Key, schema: &dyn Schema) -> Option<usize> {
        segment(self.kind, key, schema)
    }

    /// The key that `key` has now; `None` where it is the same.
    pub(crate) fn of(&self, key: &Key, schema: &dyn Schema) -> Option<Key> {
        let segment = self.segment(key, schema)?;
        let name = self.names.get(key.path().get(..=segment)?)?;
        Some(key.with_name(segment, name))
    }

    fn moved(&self, key: Key, schema: &dyn Schema) -> Key {
        self.of(&key, schema).unwrap_or(key)
    }

    /// The key at the new addresses, and the resource with the new names of all that it refers to. Its own name stays what it
    /// is: that is the difference.
    fn resource(&self, key: &Key, resource: &LiveResource, schema: &dyn Schema) -> (Key, LiveResource) {
        let mut resource = resource.clone();
        schema.readdress(key, &mut resource.spec, &|to| self.of(to, schema));
        (self.moved(key.clone(), schema), resource)
    }

    /// What is live, at the new addresses.
    pub(crate) fn live(&self, live: &Live, schema: &dyn Schema) -> Live {
        Live {
            resources: live
                .resources
                .iter()
                .map(|(key, resource)| self.resource(key, resource, schema))
                .collect(),
            unidentified: live
                .unidentified
                .iter()
                .map(|(key, resource)| self.resource(key, resource, schema))
                .collect(),
            discovered: live
                .discovered
                .iter()
                .map(|(key, id)| (self.moved(key.clone(), schema), *id))
                .collect(),
            outside: live.outside.clone(),
            named: live.named.clone(),
            unlisted: live.unlisted.clone(),
            by_hand: live.by_hand.clone(),
            gaps: live
                .gaps
                .iter()
                .map(|gap| Gap {
                    below: gap.below.clone().map(|key| self.moved(key, schema)),
                    ..gap.clone()
                })
                .collect(),
        }
    }

    /// Gives what the entries of `ledger` say the new names; their keys stay.
    pub(crate) fn in_specs(&self, ledger: &mut Ledger, schema: &dyn Schema) {
        for (key, entry) in &mut ledger.entries {
            schema.readdress(key, &mut entry.spec, &|to| self.of(to, schema));
        }
    }
}

/// At which place of its path `key` holds the name of a resource of `kind`: its own, or a parent's.
fn segment(kind: Kind, key: &Key, schema: &dyn Schema) -> Option<usize> {
    if key.kind == kind {
        return key.path().len().checked_sub(1);
    }
    schema.spec(key.kind)?.parents.iter().position(|parent| *parent == kind)
}

/// The key of the resource of `kind` that `key` is, or lies in.
pub(crate) fn holder(kind: Kind, key: &Key, schema: &dyn Schema) -> Option<Key> {
    let segment = segment(kind, key, schema)?;
    Some(Key::new(kind, key.path().get(..=segment)?.to_vec()))
}
