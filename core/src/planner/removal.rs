//! What the ledger owns and Git no longer declares: which of it goes, how, and what keeps the rest back.
//!
//! Nothing goes but what the ledger owns, and nothing at all while it is not certain what Git declares: one file with an error
//! blocks every deletion of its environment. Deletions are the last steps, what hangs on something before it. None is planned
//! while something that Git declares is blocked, and the engine starts none unless every other step was applied.

use std::collections::{BTreeMap, BTreeSet};

use super::Planner;
use super::reach::Reach;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::diff::{Comparison, Memory, Terms, compare, lets_through};
use crate::document::{Document, Origin};
use crate::guard::{Objection, UPSERTS_BLOCKED};
use crate::key::Key;
use crate::order::sort;
use crate::plan::{Action, Blast, BlockReason, Change, Class, FieldChange, Removal, Step};
use crate::policy::{Mode, Prune};
use crate::snapshot::{Broken, LiveResource, Presence};
use crate::value::{Map, Value};

/// What becomes of what Git no longer declares.
pub(super) struct Removed {
    /// It stays, since pruning is off.
    pub(super) orphaned: Vec<Key>,
    /// It is put away already: its ledger entries close.
    pub(super) retired: Vec<Key>,
    /// What would go if nothing kept it back.
    pub(super) held: Vec<Change>,
    /// What only a person lets through, replacements included.
    pub(super) objections: Vec<Objection>,
    /// What the deletions take along.
    pub(super) blast: Blast,
}

/// Why it is not certain what Git declares; `None` where it is.
pub(super) fn incomplete(
    documents: &BTreeMap<Key, Document>,
    broken: &[Broken],
    misplaced: &[Place],
    diagnostics: &[Diagnostic],
) -> Option<String> {
    let has_errors = diagnostics.iter().any(|found| found.severity == Severity::Error);
    if !broken.is_empty() || has_errors {
        return Some(
            "a file of the source has an error, so what it declares is not known: nothing is deleted before it is corrected"
                .to_owned(),
        );
    }
    if let Some(place) = misplaced.first() {
        return Some(format!(
            "{} looks meant for driftless and is not read: nothing is deleted before it is moved or removed",
            place.file
        ));
    }
    documents.is_empty().then(|| {
        "the source declares nothing at all, and an empty folder removes nothing: check the environment's `path`"
            .to_owned()
    })
}

/// Something that pruning would remove.
struct Candidate<'a> {
    live: &'a LiveResource,
    change: Change,
    removal: Removal,
}

impl<'a> Planner<'a> {
    /// Decides what becomes of `owned`, and adds what goes to the end of `steps`.
    pub(super) fn removals(&mut self, owned: Vec<Key>, incomplete: Option<String>, steps: &mut Vec<Step>) -> Removed {
        let mut removed = Removed {
            orphaned: Vec::new(),
            retired: Vec::new(),
            held: Vec::new(),
            objections: Vec::new(),
            blast: Blast::default(),
        };
        // Whatever is blocked so far is declared.
        let waits = (!self.blocked.is_empty()).then_some(UPSERTS_BLOCKED);
        let mut going: BTreeMap<Key, Candidate<'a>> = BTreeMap::new();
        let mut staying: BTreeMap<Key, (BlockReason, String)> = BTreeMap::new();
        let mut only_shown: BTreeSet<Key> = BTreeSet::new();
        for key in owned {
            let policy = self.policy.prune.get(&key.kind).copied().unwrap_or(Prune::Off);
            let Some((candidate, protected)) = self.candidate(&key, policy) else {
                match policy {
                    Prune::Off if self.is_in_use(&key) && !self.uncertain(&key) => removed.orphaned.push(key),
                    // Somebody, or an earlier pass whose end is not in the ledger, has put it away.
                    Prune::Disable | Prune::Delete if !self.is_protected(&key) && !self.uncertain(&key) => {
                        removed.retired.push(key);
                    }
                    Prune::Off | Prune::Disable | Prune::Delete => {}
                }
                continue;
            };
            let class = candidate.change.class;
            if self.policy.mode == Mode::Observe || !lets_through(self.policy, class, false) {
                only_shown.insert(key.clone());
            } else if let Some(why) = self.obstacle_of_removal(&key, protected, incomplete.as_deref(), waits) {
                staying.insert(key.clone(), why);
            }
            going.insert(key, candidate);
        }
        let replaced: Vec<usize> = (0..steps.len())
            .filter(|index| {
                steps
                    .get(*index)
                    .is_some_and(|step| matches!(step.change.action, Action::Replace(_)))
            })
            .collect();
        if going.is_empty() && replaced.is_empty() {
            return removed;
        }
        let written: BTreeSet<&Key> = steps.iter().map(|step| &step.change.key).collect();
        let reach = Reach::new(self.schema, self.live, self.documents, &written);
        for index in replaced {
            if let Some(step) = steps.get(index) {
                removed.objections.extend(self.objection_to_replacing(step, &reach));
            }
        }
        self.keep_what_is_needed(&going, &only_shown, &mut staying, &reach);
        let goes = |key: &Key| going.contains_key(key) && !staying.contains_key(key) && !only_shown.contains(key);
        let erased = |key: &Key| goes(key) && going.get(key).is_some_and(|it| it.removal == Removal::Erase);
        for (key, candidate) in going
            .iter()
            .filter(|(_, candidate)| candidate.removal == Removal::Erase)
        {
            let along = reach.along(key);
            if goes(key) {
                removed.objections.extend(self.objection_to_deleting(key, &along));
            }
            if !along.is_empty() {
                removed
                    .blast
                    .takes
                    .insert(candidate.change.key.clone(), along.into_iter().collect());
            }
        }
        let shown = |key: &Key| only_shown.contains(key);
        let leaving = going.keys().filter(|key| !shown(key));
        removed.blast.unwatched = reach.unwatched(leaving, steps);
        for key in &only_shown {
            self.reported
                .extend(going.get(key).map(|candidate| candidate.change.clone()));
        }
        for (key, (reason, message)) in &staying {
            removed
                .held
                .extend(going.get(key).map(|candidate| candidate.change.clone()));
            self.block(*reason, message.clone(), key);
        }
        // What would only be archived goes with what it lies in, unless a person has to look at that first.
        let objected: BTreeSet<&Key> = removed.objections.iter().map(|objection| &objection.key).collect();
        let carried: BTreeSet<Key> = going
            .keys()
            .filter(|place| erased(place) && !objected.contains(place))
            .flat_map(|place| reach.within(place))
            .collect();
        removed.orphaned.retain(|key| !carried.contains(key));
        let goes_along =
            |key: &Key, candidate: &Candidate<'_>| candidate.removal == Removal::Archive && carried.contains(key);
        let last: Vec<(&Key, &Candidate<'_>)> = going
            .iter()
            .filter(|(key, candidate)| goes(key) && !goes_along(key, candidate))
            .collect();
        self.add_steps(&last, &reach, steps);
        removed
    }

    /// What would be done about something that Git no longer declares, and whether it is protected; `None` where nothing would be.
    fn candidate(&self, key: &Key, policy: Prune) -> Option<(Candidate<'a>, bool)> {
        let removal = match policy {
            Prune::Off => return None,
            Prune::Disable => Removal::Archive,
            Prune::Delete => Removal::Erase,
        };
        let live = self
            .live
            .resources
            .get(key)
            .filter(|live| live.presence == Presence::Active)?;
        let (entry, sealed) = self.sides.agreed(key)?;
        // What was agreed on takes the place of the document that is not there.
        let document = Document {
            key: key.clone(),
            spec: entry.spec.clone(),
            references: Vec::new(),
            previous: None,
            protected: entry.protected,
            origin: Origin::of(""),
            by_slug: Vec::new(),
        };
        let terms = Terms {
            table: self.schema.spec(key.kind)?,
            schema: self.schema,
            policy: self.policy,
            fingerprints: self.fingerprints,
            memory: Memory::Entry(entry),
            sealed,
        };
        let mut as_agreed = live.clone();
        self.schema.align(key, &mut as_agreed.spec, &entry.spec);
        let Comparison { applied, reported, .. } = compare(terms, &document, &as_agreed);
        let mut fields: Vec<FieldChange> = applied.into_iter().chain(reported).collect();
        fields.sort_by(|a, b| a.path.cmp(&b.path));
        for field in &mut fields {
            field.class = Class::Conflict;
        }
        let class = match fields.is_empty() {
            true => Class::Pending,
            false => Class::Conflict,
        };
        let change = Change {
            key: key.clone(),
            action: Action::Delete(removal),
            class,
            fields,
            place: None,
            edited: None,
        };
        let candidate = Candidate {
            live,
            change: change.edited(live.edited.as_ref()),
            removal,
        };
        Some((candidate, entry.protected))
    }

    fn is_in_use(&self, key: &Key) -> bool {
        let live = self.live.resources.get(key);
        live.is_some_and(|live| live.presence == Presence::Active)
    }

    pub(super) fn is_protected(&self, key: &Key) -> bool {
        self.sides.agreed(key).is_some_and(|(entry, _)| entry.protected)
    }

    fn is_owned(&self, key: &Key) -> bool {
        self.sides.agreed(key).is_some()
    }

    /// What keeps back the deletion of `key` by itself, whatever hangs on it.
    fn obstacle_of_removal(
        &self,
        key: &Key,
        protected: bool,
        incomplete: Option<&str>,
        waits: Option<&str>,
    ) -> Option<(BlockReason, String)> {
        if protected {
            let message = "it is protected, also now that its document is gone: to delete it, put the document back without \
                           `protect: true`, let that be applied, and then remove it";
            return Some((BlockReason::Protected, message.to_owned()));
        }
        if let Some(message) = incomplete {
            return Some((BlockReason::IncompleteSource, message.to_owned()));
        }
        if let Some(gap) = self.live.gap(key) {
            return Some((BlockReason::IncompleteRead, gap.message.clone()));
        }
        let depth = key.path().len();
        let below = self.schema.kinds().iter();
        let mut below = below.filter(|spec| spec.parents.get(depth.wrapping_sub(1)) == Some(&key.kind));
        let hides = |kind, gap: &crate::snapshot::Gap| {
            let here = gap
                .below
                .as_ref()
                .is_none_or(|below| below == key || below.is_below(key));
            gap.kind == kind && here
        };
        let unread = below.find_map(|spec| {
            if self.left_out.contains(&spec.kind) {
                let message = format!(
                    "what hangs on it was not read, since `--include` leaves out {}: include that too",
                    spec.include
                );
                return Some(message);
            }
            let gap = self.live.gaps.iter().find(|gap| hides(spec.kind, gap))?;
            Some(format!("what hangs on it is not known: {}", gap.message))
        });
        if let Some(message) = unread {
            return Some((BlockReason::IncompleteRead, message));
        }
        waits.map(|message| (BlockReason::DependencyBlocked, message.to_owned()))
    }

    /// Keeps what something that stays needs, and then, again and again, what that needs.
    fn keep_what_is_needed(
        &self,
        going: &BTreeMap<Key, Candidate<'a>>,
        only_shown: &BTreeSet<Key>,
        staying: &mut BTreeMap<Key, (BlockReason, String)>,
        reach: &Reach<'_>,
    ) {
        loop {
            let stays = |key: &Key| staying.contains_key(key) || only_shown.contains(key);
            let goes = |key: &Key| going.contains_key(key) && !stays(key);
            let kept: Vec<(Key, (BlockReason, String))> = going
                .iter()
                .filter(|(key, candidate)| goes(key) && candidate.removal == Removal::Erase)
                .filter_map(|(key, _)| {
                    let within = reach.within(key);
                    let needs = reach.needing(key, &within);
                    let declared = |other: &&Key| self.documents.contains_key(*other);
                    let users: BTreeSet<&Key> = needs
                        .iter()
                        .copied()
                        .filter(|other| !goes(other))
                        .chain(reach.declared_on(key, &within))
                        .collect();
                    if !users.is_empty() {
                        let who = names(users.iter().copied());
                        let way_out = match users.iter().all(declared) {
                            true => "Git declares that still: remove it too, or put this back",
                            false => "remove that first, or put this back",
                        };
                        return Some((key.clone(), (BlockReason::InUse, format!("it is used by {who}: {way_out}"))));
                    }
                    let along = reach.along(key);
                    if let Some(other) = along.iter().find(|other| self.is_protected(other)) {
                        let message = format!(
                            "`{other}`, which would go with it or be left without it, is protected: put its document back without `protect: true` and let \
                             that be applied first"
                        );
                        return Some((key.clone(), (BlockReason::Protected, message)));
                    }
                    let other = along.iter().find(|other| stays(other))?;
                    let message = format!("`{other}`, which would go with it or be left without it, is kept");
                    Some((key.clone(), (BlockReason::DependencyBlocked, message)))
                })
                .collect();
            if kept.is_empty() {
                return;
            }
            staying.extend(kept);
        }
    }

    fn objection_to_deleting(&self, key: &Key, along: &BTreeSet<Key>) -> Option<Objection> {
        let foreign: Vec<&Key> = along.iter().filter(|other| !self.is_owned(other)).collect();
        (!foreign.is_empty()).then(|| Objection {
            key: key.clone(),
            reason: BlockReason::DeletionTakesAlong,
            message: format!(
                "its deletion would take along what driftless does not own: {}; remove or move that first, or approve the plan",
                names(foreign.iter().copied())
            ),
        })
    }

    /// Adds deletions after all other steps: what hangs on something, or needs it, before it; else in the reverse order of kinds.
    fn add_steps(&self, last: &[(&Key, &Candidate<'a>)], reach: &Reach<'_>, steps: &mut Vec<Step>) {
        let rank = |key: &Key| {
            let mut kinds = self.schema.kinds().iter().rev();
            kinds.position(|spec| spec.kind == key.kind).unwrap_or_default()
        };
        let ranks: Vec<(usize, &Key)> = last.iter().map(|(key, _)| (rank(key), *key)).collect();
        let index: BTreeMap<&Key, usize> = last.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();
        let withins: Vec<BTreeSet<Key>> = last.iter().map(|(key, _)| reach.within(key)).collect();
        let after: Vec<BTreeSet<usize>> = last
            .iter()
            .zip(&withins)
            .map(|((key, _), within)| {
                let users = reach.needing(key, within).into_iter();
                let along = reach.along(key);
                let first: BTreeSet<&Key> = users.chain(&along).collect();
                first
                    .into_iter()
                    .filter_map(|other| index.get(other))
                    .copied()
                    .collect()
            })
            .collect();
        let offset = steps.len();
        let order = sort(&ranks, &after).order;
        let position: BTreeMap<usize, usize> = order
            .iter()
            .enumerate()
            .map(|(new, old)| (*old, offset + new))
            .collect();
        for old in order {
            let (Some((key, candidate)), Some(within)) = (last.get(old), withins.get(old)) else {
                continue;
            };
            let along = within.iter().filter(|other| !index.contains_key(other));
            let owned = along.filter(|other| candidate.removal == Removal::Erase && self.is_owned(other));
            let waits = after.get(old).into_iter().flatten();
            let mut after: Vec<usize> = waits.filter_map(|other| position.get(other)).copied().collect();
            after.sort_unstable();
            steps.push(Step {
                change: candidate.change.clone(),
                after,
                write: addressed(candidate.live),
                remote: Some(candidate.live.id),
                base: None,
                agreement: None,
                moves: Vec::new(),
                closes: std::iter::once((*key).clone()).chain(owned.cloned()).collect(),
            });
        }
    }
}

/// What a deletion keeps of a resource: enough to look it up.
fn addressed(live: &LiveResource) -> Map {
    let mut write = live.spec.clone();
    write.retain(|_, value| !matches!(value, Value::Secret(_)));
    write
}

/// How many keys a sentence names.
const NAMED: usize = 5;

/// Keys as a sentence has them.
pub(super) fn names<'k>(keys: impl ExactSizeIterator<Item = &'k Key>) -> String {
    let more = keys.len().saturating_sub(NAMED);
    let shown: Vec<String> = keys.take(NAMED).map(|key| format!("`{key}`")).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
