//! Which live monitor each declared slug means: the platform's own lists show no slug.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::document::Document;
use driftless_core::key::Key;
use driftless_core::snapshot::{Gap, GapReason, Scope};
use driftless_core::value::Value;

use super::kinds::MONITOR;
use super::results::{Extent, Said};
use super::wire::Listed;

/// The number that a document itself says.
pub(super) fn pinned(document: &Document) -> Option<i64> {
    document.spec.get("id").and_then(Value::as_i64)
}

/// Which live monitor each slug means.
#[derive(Debug, Default)]
pub(super) struct Matches {
    /// The number of each whose monitor is known.
    pub(super) ids: BTreeMap<String, i64>,
    /// Those of which it cannot be told.
    pub(super) gaps: Vec<Gap>,
}

/// How the number of a document's monitor may be known.
type Way<'a> = dyn Fn(&str, &Document) -> Option<i64> + 'a;

/// Finds them: by the number that the document pins, by the ledger's, by that of the dry run `of_git`; else it is the one of its name
/// and type that nothing else claims.
pub(super) fn matched(
    documents: &BTreeMap<&str, &Document>,
    listed: &[Listed],
    scope: &Scope,
    of_git: &BTreeMap<String, (Said, Option<i64>)>,
) -> Matches {
    let mut matches = Matches::default();
    let mut taken: BTreeSet<i64> = BTreeSet::new();
    let is_there = |id: i64| listed.iter().any(|monitor| monitor.id == id);
    let owned = |slug: &str| {
        scope
            .owned
            .get(&Key::new(MONITOR, [slug]))
            .copied()
            .flatten()
            .map(|id| id.0)
    };
    let told = |slug: &str| of_git.get(slug).and_then(|(_, id)| *id);
    let ways: [&Way<'_>; 3] = [
        &|_, document| pinned(document),
        &|slug, document| owned(slug).filter(|_| pinned(document).is_none()),
        &|slug, _| told(slug),
    ];
    for way in ways {
        for (slug, document) in documents {
            if !matches.ids.contains_key(*slug)
                && let Some(id) = way(slug, document).filter(|id| is_there(*id))
                && taken.insert(id)
            {
                matches.ids.insert((*slug).to_owned(), id);
            }
        }
    }
    // What another slug owns is not up for being taken over, also if its document is gone.
    let spoken_for: BTreeSet<i64> = scope
        .owned
        .iter()
        .filter(|(key, _)| key.kind == MONITOR)
        .filter_map(|(_, id)| Some((*id)?.0))
        .collect();
    let open: Vec<(&str, &Document)> = documents
        .iter()
        .filter(|(slug, document)| !matches.ids.contains_key(**slug) && pinned(document).is_none())
        // What no wildcard has made yet is no part of one: none can be taken over by its number.
        .filter(|(slug, document)| {
            let is_new = matches!(of_git.get(**slug), Some((Said::Created, _)));
            !is_new || Extent::of(&document.spec) == Extent::One
        })
        .map(|(slug, document)| (*slug, *document))
        .collect();
    let candidates = |slug: &str, document: &Document| -> Vec<i64> {
        let name = document.spec.get("name").and_then(Value::as_str).unwrap_or(slug);
        let sort = document.spec.get("type").and_then(Value::as_str);
        let is_it = |monitor: &&Listed| {
            monitor.name.as_deref() == Some(name)
                && (monitor.sort.is_none() || monitor.sort.as_deref() == sort)
                && !taken.contains(&monitor.id)
                && !spoken_for.contains(&monitor.id)
        };
        listed.iter().filter(is_it).map(|monitor| monitor.id).collect()
    };
    let all: Vec<(&str, Vec<i64>)> = open
        .iter()
        .map(|(slug, document)| (*slug, candidates(slug, document)))
        .collect();
    for (slug, found) in &all {
        let is_contested = |id: i64| all.iter().any(|(other, ids)| other != slug && ids.contains(&id));
        let key = Key::new(MONITOR, [*slug]);
        match found.as_slice() {
            [id] if !is_contested(*id) => {
                matches.ids.insert((*slug).to_owned(), *id);
            }
            [] => {
                let is_known = matches!(of_git.get(*slug), Some((Said::Updated | Said::Unchanged, _)));
                if is_known {
                    let why =
                        "the platform knows this slug, but none of the monitors that it lists can be told to be it";
                    matches.gaps.push(unclear(key, why));
                }
            }
            several => {
                let ids: Vec<String> = several.iter().map(i64::to_string).collect();
                let why = format!(
                    "more than one monitor or document has its name and type (numbers {})",
                    ids.join(", ")
                );
                matches.gaps.push(unclear(key, &why));
            }
        }
    }
    matches
}

fn unclear(key: Key, why: &str) -> Gap {
    Gap {
        kind: MONITOR,
        message: format!("which monitor `{key}` is cannot be told: {why}. Write its number as `id` into the document"),
        below: Some(key),
        reason: GapReason::Unread,
    }
}
