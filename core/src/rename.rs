//! Which resources have got other names in Git: told by `previous_name`, or by the new name of what their own name follows from.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::document::{Document, PREVIOUS_NAME};
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::ledger::Ledger;
use crate::load::name_is_taken;
use crate::schema::Schema;
use crate::snapshot::Live;

/// The renames of one kind, by the key that each resource has had.
#[derive(Debug, Default)]
pub(crate) struct Renames {
    /// Live under the old name: to be written.
    pub(crate) pending: BTreeMap<Key, Key>,
    /// Live under the new name: what is remembered of the old one is meant.
    pub(crate) done: BTreeMap<Key, Key>,
    /// Documents of which nobody can say what they mean, with the keys that they claim.
    pub(crate) refused: Vec<(Key, Key)>,
    /// Live under an old name, while the new one may be hidden.
    pub(crate) unsure: Vec<Key>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// How a document comes by a previous name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// It says it.
    Said,
    /// Its name follows from one that is another now.
    Followed,
}

/// Finds the renames of `kind`. Keys of `documents` are final but for names that are to be found without case; what is live and
/// in the ledger has the new names of the kinds before. By its numbers the ledger tells whether what is live under a new name
/// was known under the old one.
pub(crate) fn find(
    kind: Kind,
    documents: &BTreeMap<Key, Document>,
    live: &Live,
    ledger: Option<&Ledger>,
    schema: &dyn Schema,
) -> Renames {
    let mut renames = Renames::default();
    let claims = claims(kind, documents, schema);
    if claims.is_empty() {
        return renames;
    }
    let taken = |key: &Key| live.resources.contains_key(key) || live.discovered.contains_key(key);
    let mut pending: BTreeMap<Key, Key> = claims
        .iter()
        .filter(|(from, (to, _))| live.resources.contains_key(*from) && live.gap(to).is_none())
        .map(|(from, (to, _))| (from.clone(), to.clone()))
        .collect();
    // Each may count on the others, until one of them turns out to stay.
    loop {
        let stays = |(from, to): &(&Key, &Key)| {
            let occupied = taken(to) && !pending.contains_key(*to);
            let kept = documents.contains_key(*from) && !pending.values().any(|other| other == *from);
            occupied || kept
        };
        let Some(from) = pending.iter().find(stays).map(|(from, _)| from.clone()) else {
            break;
        };
        pending.remove(&from);
    }
    let circle: BTreeSet<Key> = pending.keys().filter(|from| returns(from, &pending)).cloned().collect();
    pending.retain(|from, _| !circle.contains(from));
    for (from, (to, source)) in claims {
        if pending.contains_key(&from) {
            continue;
        }
        if live.resources.contains_key(&from) && !taken(&to) && live.gap(&to).is_some() {
            renames.unsure.push(from);
            continue;
        }
        let number = live.resources.get(&to).map(|resource| resource.id);
        let remembered = ledger.and_then(|ledger| ledger.entries.get(&from)?.remote);
        if taken(&to) && (!live.resources.contains_key(&from) || number.is_some() && number == remembered) {
            renames.done.insert(from, to);
            continue;
        }
        if source == Source::Followed {
            continue;
        }
        let Some(document) = documents.get(&to) else { continue };
        let place = document.origin.place(&FieldPath::top(PREVIOUS_NAME));
        let is_live = live.resources.contains_key(&from);
        if circle.contains(&from) {
            let message =
                format!("`{from}` and `{to}` cannot change places: each name is taken until the other is free");
            let help = "give one of them a name of its own first, and the wanted one with the next commit";
            renames.diagnostics.push(
                Diagnostic::error("circular_previous_name", message)
                    .at(place)
                    .help(help),
            );
            renames.refused.push((to, from));
        } else if is_live && taken(&to) {
            if !documents.contains_key(&from) {
                let message = format!("`{from}` and `{to}` are both live: nothing is renamed");
                let help = "remove on the platform the one that is not wanted, or drop `previous_name`";
                renames.diagnostics.push(
                    Diagnostic::warning("previous_name_is_live", message)
                        .at(place)
                        .help(help),
                );
            }
        } else if let (true, Some(other)) = (is_live, documents.get(&from)) {
            renames.diagnostics.push(name_is_taken(&from, other).at(place));
            renames.refused.push((to, from));
        }
    }
    renames.pending = pending;
    renames
}

/// The documents of `kind` that claim a previous name, by the key that they claim.
fn claims(kind: Kind, documents: &BTreeMap<Key, Document>, schema: &dyn Schema) -> BTreeMap<Key, (Key, Source)> {
    let mut claims = BTreeMap::new();
    if documents.values().all(|document| document.previous.is_none()) {
        return claims;
    }
    let of_kind = || documents.iter().filter(|(key, _)| key.kind == kind);
    for (key, document) in of_kind() {
        if let Some(previous) = &document.previous {
            claims
                .entry(key.sibling(previous))
                .or_insert_with(|| (key.clone(), Source::Said));
        }
    }
    let former = |key: &Key| Some(key.sibling(documents.get(key)?.previous.as_ref()?));
    for (key, document) in of_kind().filter(|(_, document)| document.previous.is_none()) {
        if let Some(name) = schema.former_name(key, &document.spec, &former) {
            claims
                .entry(key.sibling(&name))
                .or_insert_with(|| (key.clone(), Source::Followed));
        }
    }
    claims
}

/// Whether following the renames from `start` leads back to it.
fn returns(start: &Key, pending: &BTreeMap<Key, Key>) -> bool {
    let mut here = start;
    for _ in 0..pending.len() {
        match pending.get(here) {
            Some(next) if next == start => return true,
            Some(next) => here = next,
            None => return false,
        }
    }
    false
}
