//! Who owns what on an instance that several environments share: the first environment in the config that declares it.

use std::collections::BTreeMap;

use super::{Certainty, Circumstances, Neighbour, Precedence};
use crate::diff::same;
use crate::document::Document;
use crate::key::{EnvironmentName, Key, Kind};
use crate::normalize::meaning;
use crate::resolve::resolve;
use crate::schema::Schema;
use crate::sides::Sides;
use crate::snapshot::{Broken, Live};
use crate::value::{Map, Value};

/// The other environments of the instance, with the keys that their documents have there.
pub(crate) struct Owners<'a> {
    others: Vec<Other<'a>>,
}

struct Other<'a> {
    neighbour: &'a Neighbour,
    documents: BTreeMap<Key, Document>,
    broken: Vec<Broken>,
}

/// Whose a declared resource is.
pub(crate) enum Claim<'a> {
    /// This environment's.
    Ours,
    /// That of an environment which comes first and declares the same.
    Theirs,
    /// That of an environment which comes first and declares these fields otherwise.
    Contested(&'a EnvironmentName, Vec<String>),
    /// That of an environment which comes first, has owned it, and of which it is not known whether it still declares it.
    Unknown(&'a EnvironmentName),
}

/// What another environment has to do with a resource that this one does not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elsewhere<'a> {
    /// It declares it.
    Declared(&'a EnvironmentName),
    /// Its ledger has it.
    Owned(&'a EnvironmentName),
    /// It could not be read whole, and may declare it.
    Perhaps(&'a EnvironmentName),
}

impl Elsewhere<'_> {
    /// Why nothing is deleted, with what to do about it.
    pub(crate) fn message(self) -> String {
        match self {
            Elsewhere::Declared(name) => format!("the environment `{name}` on the same instance declares it"),
            Elsewhere::Owned(name) => format!("the environment `{name}` on the same instance owns it"),
            Elsewhere::Perhaps(name) => format!(
                "the environment `{name}` on the same instance could not be read whole and may declare it: look at its source"
            ),
        }
    }
}

impl<'a> Owners<'a> {
    /// Puts the documents of the neighbours under the keys that they have on the instance.
    pub(crate) fn new(circumstances: &'a Circumstances, live: &Live, schema: &dyn Schema) -> Self {
        let other = |neighbour: &'a Neighbour| {
            let resolved = resolve(neighbour.desired.clone(), &mut Sides::new(live, None), schema);
            Other {
                neighbour,
                documents: resolved.documents,
                broken: resolved.broken,
            }
        };
        Self {
            others: circumstances.neighbours.iter().map(other).collect(),
        }
    }

    /// An instance that no other environment has.
    #[cfg(test)]
    pub(crate) fn nobody() -> Self {
        Self { others: Vec::new() }
    }

    /// Whose the resource of `document` is.
    pub(crate) fn claim(&self, document: &Document, schema: &dyn Schema) -> Claim<'a> {
        let key = &document.key;
        let before = |other: &&Other<'a>| other.neighbour.precedence == Precedence::Before;
        for other in self.others.iter().filter(before) {
            let name = &other.neighbour.name;
            if let Some(theirs) = other.documents.get(key) {
                let fields = differing(theirs, document, schema);
                return if fields.is_empty() {
                    Claim::Theirs
                } else {
                    Claim::Contested(name, fields)
                };
            }
            if other.may_declare(key) && other.neighbour.owned.contains(key) {
                return Claim::Unknown(name);
            }
        }
        Claim::Ours
    }

    /// An environment that may declare something of `kind` which is not known, since it or a file of it could not be read.
    pub(crate) fn not_known(&self, kind: Kind) -> Option<&'a EnvironmentName> {
        let may_be = |broken: &Broken| broken.kind.is_none_or(|other| other == kind);
        let mut others = self.others.iter();
        let other =
            others.find(|other| other.neighbour.certainty == Certainty::Partial || other.broken.iter().any(may_be))?;
        Some(&other.neighbour.name)
    }

    /// Whether another environment declares `key` and has it in its ledger: then it is that one's, and no longer anybody else's.
    pub(crate) fn have_taken_over(&self, key: &Key) -> bool {
        let mut others = self.others.iter();
        others.any(|other| other.documents.contains_key(key) && other.neighbour.owned.contains(key))
    }

    /// What another environment has to do with `key`: the weightiest of it.
    pub(crate) fn elsewhere(&self, key: &Key) -> Option<Elsewhere<'a>> {
        let find = |has: &dyn Fn(&Other<'a>) -> bool| {
            let other = self.others.iter().find(|other| has(other));
            other.map(|other| &other.neighbour.name)
        };
        find(&|other| other.documents.contains_key(key))
            .map(Elsewhere::Declared)
            .or_else(|| find(&|other| other.neighbour.owned.contains(key)).map(Elsewhere::Owned))
            .or_else(|| find(&|other| other.may_declare(key)).map(Elsewhere::Perhaps))
    }
}

impl Other<'_> {
    /// Whether something that could not be read may be the declaration of `key`.
    fn may_declare(&self, key: &Key) -> bool {
        self.neighbour.certainty == Certainty::Partial || self.broken.iter().any(|broken| broken.may_be(key))
    }
}

/// The top-level fields that two documents do not say alike; secrets are nobody's to compare.
fn differing(theirs: &Document, ours: &Document, schema: &dyn Schema) -> Vec<String> {
    let plain = |document: &Document| {
        let mut spec = meaning(schema, document.key.kind, &document.spec);
        without_secrets(&mut spec);
        spec
    };
    let (theirs, ours) = (plain(theirs), plain(ours));
    let fields = theirs
        .keys()
        .chain(ours.keys().filter(|field| !theirs.contains_key(*field)));
    fields
        .filter(|field| !same(theirs.get(*field), ours.get(*field)))
        .map(|field| format!("`{field}`"))
        .collect()
}

fn without_secrets(spec: &mut Map) {
    spec.retain(|_, value| !matches!(value, Value::Secret(_)));
    for value in spec.values_mut() {
        if let Value::Map(inner) = value {
            without_secrets(inner);
        }
    }
}
