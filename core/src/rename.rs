//! Which resources have got other names in Git: told by `previous_name`, or by the new name of what their own name follows from.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Severity};
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
    renames.pending = pending(&claims, documents, live);
    let circle: BTreeSet<Key> = renames
        .pending
        .keys()
        .filter(|from| returns(from, &renames.pending))
        .cloned()
        .collect();
    renames.pending.retain(|from, _| !circle.contains(from));
    for (from, (to, source)) in claims {
        if renames.pending.contains_key(&from) {
            continue;
        }
        let is_live = live.resources.contains_key(&from);
        if is_live && !live.has(&to) && live.gap(&to).is_some() {
            renames.unsure.push(from);
            continue;
        }
        if live.has(&to) && (!is_live || is_remembered(&from, &to, live, ledger)) {
            renames.done.insert(from, to);
            continue;
        }
        let (Source::Said, Some(document)) = (source, documents.get(&to)) else {
            continue;
        };
        let fault = match (documents.get(&from), live.has(&to)) {
            _ if circle.contains(&from) => circular(&from, &to),
            (None, true) if is_live => both_live(&from, &to),
            (Some(other), false) if is_live => name_is_taken(&from, other),
            _ => continue,
        };
        if fault.severity == Severity::Error {
            renames.refused.push((to, from));
        }
        let place = document.origin.place(&FieldPath::top(PREVIOUS_NAME));
        renames.diagnostics.push(fault.at(place));
    }
    renames
}

/// The claims that can be written: what has the old name is live, and the new one is free, or becomes so in the same plan.
fn pending(
    claims: &BTreeMap<Key, (Key, Source)>,
    documents: &BTreeMap<Key, Document>,
    live: &Live,
) -> BTreeMap<Key, Key> {
    let mut pending: BTreeMap<Key, Key> = claims
        .iter()
        .filter(|(from, (to, _))| live.resources.contains_key(*from) && live.gap(to).is_none())
        .map(|(from, (to, _))| (from.clone(), to.clone()))
        .collect();
    // Each may count on the others, until one of them turns out to stay.
    loop {
        let stays = |(from, to): &(&Key, &Key)| {
            let occupied = live.has(to) && !pending.contains_key(*to);
            let kept = documents.contains_key(*from) && !pending.values().any(|other| other == *from);
            occupied || kept
        };
        let Some(from) = pending.iter().find(stays).map(|(from, _)| from.clone()) else {
            return pending;
        };
        pending.remove(&from);
    }
}

/// Whether what is live as `to` is what was known as `from`, by its number.
fn is_remembered(from: &Key, to: &Key, live: &Live, ledger: Option<&Ledger>) -> bool {
    let number = live.resources.get(to).map(|resource| resource.id);
    let remembered = ledger.and_then(|ledger| ledger.entries.get(from)?.remote);
    number.is_some() && number == remembered
}

fn circular(from: &Key, to: &Key) -> Diagnostic {
    let message = format!("`{from}` and `{to}` cannot change places: each name is taken until the other is free");
    Diagnostic::error("circular_previous_name", message)
        .help("give one of them a name of its own first, and the wanted one with the next commit")
}

fn both_live(from: &Key, to: &Key) -> Diagnostic {
    let message = format!("`{from}` and `{to}` are both live: nothing is renamed");
    Diagnostic::warning("previous_name_is_live", message)
        .help("remove on the platform the one that is not wanted, or drop `previous_name`")
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
