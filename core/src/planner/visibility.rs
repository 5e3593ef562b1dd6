//! Not visible is not absent: what the ledger owns and a list lacks is in doubt until the platform, or a person, has said that it
//! is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::holder;
use crate::document::Document;
use crate::key::{Key, Kind, RemoteId};
use crate::ledger::Ledger;
use crate::plan::{BlockReason, Plan};
use crate::policy::Guards;
use crate::schema::Schema;
use crate::sides::Sides;
use crate::snapshot::{Gap, GapReason, LOOKED_UP, Live};

/// What is made of resources that may be there without being seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// They wait.
    Kept,
    /// They are absent: a person has said so.
    Dispelled,
}

/// The reason for which what a gap hides waits.
pub(super) fn reason(gap: &Gap) -> BlockReason {
    match gap.reason {
        GapReason::Unread => BlockReason::IncompleteRead,
        GapReason::NotVisible => BlockReason::NotVisible,
        GapReason::Shrunk => BlockReason::ShrunkRead,
    }
}

/// Whether anything in the plan waits for a person to say that it is gone.
pub(super) fn is_doubted(plan: &Plan) -> bool {
    let doubted = |reason| matches!(reason, BlockReason::NotVisible | BlockReason::ShrunkRead);
    plan.blocked.iter().any(|blocked| doubted(blocked.reason))
}

/// Adds gaps where so much of what the ledger owns is missing that the list is not believed; or, once a person has approved, takes
/// out those that only say that something is not to be seen.
///
/// Nothing is concluded from a list that shrank: what it lacks is neither made again, nor called deleted, nor forgotten; and what
/// Git declares there and the ledger does not know is not made either, since it may be among what the list lacks. What the list
/// does show is compared as ever. What Git does not declare any more does not count: the ledger forgets it only where the platform
/// says by number that it is gone.
pub(super) fn judge(
    sides: &mut Sides<'_>,
    documents: &BTreeMap<Key, Document>,
    doubt: Doubt,
    guards: Guards,
    schema: &dyn Schema,
) {
    match doubt {
        Doubt::Dispelled => {
            if sides.live.gaps.iter().any(|gap| gap.reason == GapReason::NotVisible) {
                let gaps = &mut sides.live.to_mut().gaps;
                gaps.retain(|gap| gap.reason != GapReason::NotVisible);
            }
        }
        Doubt::Kept => {
            let Some(ledger) = &sides.ledger else { return };
            let gaps = shrunk(&sides.live, ledger, documents, guards, schema);
            if !gaps.is_empty() {
                sides.live.to_mut().gaps.extend(gaps);
            }
        }
    }
}

/// What the ledger owns of one kind in one place.
#[derive(Debug, Default)]
struct Part {
    owned: usize,
    missing: Vec<Key>,
}

impl Part {
    fn exceeds(&self, guards: Guards) -> bool {
        let share = usize::from(guards.delete_share);
        self.owned >= guards.from && self.missing.len() * 100 > self.owned * share
    }
}

fn shrunk(
    live: &Live,
    ledger: &Ledger,
    documents: &BTreeMap<Key, Document>,
    guards: Guards,
    schema: &dyn Schema,
) -> Vec<Gap> {
    let numbers = numbers(live);
    let mut gaps: Vec<Gap> = Vec::new();
    for table in schema.kinds() {
        let kind = table.kind;
        let mut parts: BTreeMap<Option<Key>, Part> = BTreeMap::new();
        for (key, entry) in ledger.entries.iter().filter(|(key, _)| key.kind == kind) {
            let is_hidden = live.gap(key).is_some() || gaps.iter().any(|gap| gap.hides(key));
            // What it lay in is gone, which was found out there, and took it along.
            let mut above = table.parents.iter().filter_map(|parent| holder(*parent, key, schema));
            if is_hidden || above.any(|parent| !live.has(&parent)) {
                continue;
            }
            let place = table.parents.first().and_then(|top| holder(*top, key, schema));
            let part = parts.entry(place).or_default();
            part.owned += 1;
            let is_there = live.has(key) || entry.remote.is_some_and(|id| numbers.contains(&(kind, id)));
            if !is_there && documents.contains_key(key) {
                part.missing.push(key.clone());
            }
        }
        let mut rest = Part::default();
        let mut doubted = Vec::new();
        let mut believed = Vec::new();
        for (place, part) in parts {
            if part.exceeds(guards) || part.missing.len() > LOOKED_UP {
                doubted.push((place, part));
            } else {
                rest.owned += part.owned;
                rest.missing.extend(part.missing.iter().cloned());
                believed.push((place, part));
            }
        }
        // Small parts are only seen to shrink together.
        if rest.exceeds(guards) {
            doubted.extend(believed.into_iter().filter(|(_, part)| !part.missing.is_empty()));
        }
        for (place, part) in doubted {
            let message = message(table.include, place.as_ref(), &part);
            let gap = |kind, below| Gap {
                kind,
                below,
                reason: GapReason::Shrunk,
                message: message.clone(),
            };
            gaps.push(gap(kind, place));
            let children = schema.kinds().iter().filter(|child| child.parents.contains(&kind));
            for child in children {
                gaps.extend(part.missing.iter().map(|key| gap(child.kind, Some(key.clone()))));
            }
        }
    }
    gaps
}

/// The numbers of all that is live: what has another name than the ledger says is there all the same.
fn numbers(live: &Live) -> BTreeSet<(Kind, RemoteId)> {
    let identified = live.resources.iter().map(|(key, resource)| (key.kind, resource.id));
    let by_hand = live.unidentified.iter().map(|(key, resource)| (key.kind, resource.id));
    let discovered = live.discovered.iter().map(|(key, id)| (key.kind, *id));
    identified.chain(by_hand).chain(discovered).collect()
}

fn message(kinds: &str, place: Option<&Key>, part: &Part) -> String {
    let (owned, missing) = (part.owned, part.missing.len());
    let of = place.map_or_else(String::new, |place| format!(" of `{place}`"));
    format!(
        "the list of {kinds}{of} lacks {missing} of the {owned} that the ledger owns, which is more than is believed: nothing is \
         made or removed there. Find out whether they were deleted or are hidden from this token; if they are gone, approve this \
         plan, and they are made again"
    )
}
