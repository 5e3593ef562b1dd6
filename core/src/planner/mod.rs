//! Makes the plan: compares every resource, decides by policy, orders what is left, and says what is not done and why.

mod change;
mod reach;
mod references;
mod remainder;
mod removal;
mod replacing;
mod steps;
mod visibility;
mod writing;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::diff::{Memory, Terms, agreement, compare, gone_class, lets_through, overlaid};
use crate::document::{Document, Reference};
use crate::field::FieldPath;
use crate::guard::{self, Circumstances, Claim, Ground, Owners};
use crate::key::{Digest, EnvironmentName, Key, Kind, RemoteId, Revision};
use crate::ledger::{FingerprintKey, Ledger, LedgerEntry};
use crate::plan::{Action, BlockReason, Blocked, Change, Class, FieldChange, Note, Plan};
use crate::policy::Policy;
use crate::resolve::{Matched, Resolved, match_live, resolve};
use crate::schema::{KindSpec, Schema};
use crate::sides::Sides;
use crate::snapshot::{Broken, Desired, Live, LiveResource, Presence};
use crate::value::Map;

use self::change::{change, fields_of};
use self::remainder::Remainder;
use self::removal::{Removed, incomplete};
use self::visibility::Doubt;

/// All that a plan depends on.
pub struct Inputs<'a> {
    /// The environment; `None` on a bare instance.
    pub environment: Option<&'a EnvironmentName>,
    /// The commit; `None` on a bare instance.
    pub revision: Option<&'a Revision>,
    /// What Git says.
    pub desired: Desired,
    /// What the platform exports now.
    pub live: &'a Live,
    /// What was last agreed on; `None` makes every difference two-way.
    pub ledger: Option<&'a Ledger>,
    /// The key of the ledger's fingerprints.
    pub fingerprints: Option<&'a FingerprintKey>,
    /// What the environment allows.
    pub policy: &'a Policy,
    /// The platform's table.
    pub schema: &'a dyn Schema,
    /// What holds it back besides.
    pub circumstances: &'a Circumstances,
}

/// A plan, and the faults that only showed once both sides were known.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a plan does nothing until applied"]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Faults of documents that could not be planned.
    pub diagnostics: Vec<Diagnostic>,
    /// Numbers of what the instance has under another name than Git: the plan's steps call it as Git does.
    pub numbers: Vec<(Key, RemoteId)>,
}

/// Plans. Equal inputs give equal plans, to the byte of the digest.
///
/// Where the approved plan had resources that may be there without being seen, it is made again with all of them taken for
/// absent, and keeps the digest that was approved: what is carried out can be traced to what somebody looked at.
pub fn plan(inputs: Inputs<'_>) -> Planned {
    let Some(approved) = &inputs.circumstances.approved else {
        return planned(inputs, Doubt::Kept);
    };
    let desired = inputs.desired.clone();
    let first = planned(Inputs { desired, ..inputs }, Doubt::Kept);
    if first.plan.digest != *approved || !visibility::is_doubted(&first.plan) {
        return first;
    }
    planned(inputs, Doubt::Dispelled)
}

fn planned(inputs: Inputs<'_>, doubt: Doubt) -> Planned {
    let revision = inputs.desired.revision.clone();
    let left_out = inputs.desired.left_out.clone();
    let misplaced = inputs.desired.misplaced.clone();
    let mut sides = Sides::new(inputs.live, inputs.ledger);
    let Resolved {
        documents,
        ambiguous: spelled_alike,
        broken,
        mut diagnostics,
    } = resolve(inputs.desired, &mut sides, inputs.schema);
    visibility::judge(&mut sides, &documents, doubt, inputs.policy.guards, inputs.schema);
    let Matched {
        matches,
        ambiguous,
        unidentified,
        diagnostics: unmatched,
    } = match_live(&documents, &sides.live, inputs.schema);
    diagnostics.extend(unmatched);
    let owners = Owners::new(inputs.circumstances, inputs.live, inputs.schema);
    let mut planner = Planner {
        schema: inputs.schema,
        owners: &owners,
        live: &sides.live,
        sides: &sides,
        fingerprints: inputs.fingerprints,
        policy: inputs.policy,
        revision,
        documents: &documents,
        left_out: &left_out,
        broken: &broken,
        drafts: BTreeMap::new(),
        links: Vec::new(),
        reported: Vec::new(),
        blocked: BTreeMap::new(),
        notes: Vec::new(),
        unchanged: BTreeMap::new(),
        agreed: Vec::new(),
    };
    for (key, document) in &documents {
        if ambiguous.contains(key) {
            let message = "several live resources without identity look like it; see the warning at its file";
            planner.block(BlockReason::Ambiguous, message.to_owned(), key);
        } else if spelled_alike.contains(key) {
            let message = "several live resources have its name but for case; see the warning at its file";
            planner.block(BlockReason::Ambiguous, message.to_owned(), key);
        } else {
            planner.claim(document, matches.get(key).copied());
        }
    }
    let mut needed = planner.needed();
    if planner.block_unresolved(&needed) {
        needed = planner.needed(); // What is kept back needs nothing.
    }
    let mut steps = planner.steps(needed);
    let Remainder {
        mut unmanaged,
        mut owned,
        handed_over,
        gone,
    } = planner.remainder(&matches, &unidentified);
    let mut released = Vec::new();
    match inputs.circumstances.ground {
        Ground::Same => {}
        Ground::Moved => {
            released = planner.undeclared();
            unmanaged.extend(planner.in_use(std::mem::take(&mut owned)));
            unmanaged.sort();
        }
    }
    let incomplete = incomplete(&documents, &broken, &misplaced, &diagnostics);
    let Removed {
        orphaned,
        mut retired,
        held,
        mut objections,
        blast,
    } = planner.removals(owned, incomplete, &mut steps);
    objections.extend(planner.objections_to_writing(&steps));
    retired.extend(handed_over);
    retired.extend(released);
    let moved = planner.moves(&mut steps);
    let population = planner.population(&matches);
    let Planner {
        reported,
        blocked,
        notes,
        unchanged,
        agreed,
        ..
    } = planner;
    let mut plan = Plan {
        environment: inputs.environment.cloned(),
        platform: inputs.schema.platform(),
        revision: inputs.revision.cloned(),
        steps,
        reported,
        held,
        blast,
        blocked: blocked
            .into_iter()
            .map(|((reason, message), keys)| Blocked {
                reason,
                message,
                places: keys
                    .iter()
                    .filter_map(|(key, field)| {
                        let origin = &documents.get(key)?.origin;
                        let place = field
                            .as_ref()
                            .map_or_else(|| origin.start(), |field| origin.place(field));
                        Some((key.clone(), place))
                    })
                    .collect(),
                keys: keys.into_keys().collect(),
            })
            .collect(),
        unmanaged,
        orphaned,
        gone,
        unchanged,
        agreed,
        moved,
        retired,
        notes,
        digest: Digest(String::new()),
    };
    plan.digest = match (doubt, &inputs.circumstances.approved) {
        (Doubt::Dispelled, Some(approved)) => approved.clone(),
        (Doubt::Kept | Doubt::Dispelled, _) => digest(&plan),
    };
    guard::hold(
        &mut plan,
        &population,
        &owners,
        &inputs.policy.guards,
        objections,
        inputs.circumstances,
    );
    diagnostics.sort();
    Planned {
        plan,
        diagnostics,
        numbers: sides.numbers(),
    }
}

/// The digest of everything that apply would do and everything that waits; the revision and what is in sync do not count.
fn digest(plan: &Plan) -> Digest {
    let mut text = crate::render::content(plan);
    for step in &plan.steps {
        for (field, fingerprint) in step.agreement.iter().flat_map(|entry| &entry.fingerprints) {
            text.push_str(&format!("{} {field} {}\n", step.change.key, fingerprint.0));
        }
    }
    Digest::of(&text)
}

/// A write that is decided but not yet ordered.
struct Decision<'a> {
    document: &'a Document,
    change: Change,
    write: Map,
    live: Option<&'a LiveResource>,
    /// What it mentions and what does not exist.
    missing: Vec<Reference>,
    agreement: LedgerEntry,
}

/// A field that is written by an operation of its own.
struct Link<'a> {
    document: &'a Document,
    operation: &'static str,
    change: FieldChange,
    live: Option<&'a LiveResource>,
    agreement: LedgerEntry,
}

struct Planner<'a> {
    schema: &'a dyn Schema,
    owners: &'a Owners<'a>,
    live: &'a Live,
    sides: &'a Sides<'a>,
    fingerprints: Option<&'a FingerprintKey>,
    policy: &'a Policy,
    revision: Revision,
    documents: &'a BTreeMap<Key, Document>,
    left_out: &'a [Kind],
    broken: &'a [Broken],
    drafts: BTreeMap<&'a Key, Decision<'a>>,
    links: Vec<Link<'a>>,
    reported: Vec<Change>,
    /// The keys of each reason, with the field that it is about.
    blocked: BTreeMap<(BlockReason, String), BTreeMap<Key, Option<FieldPath>>>,
    notes: Vec<Note>,
    unchanged: BTreeMap<Kind, usize>,
    agreed: Vec<(Key, LedgerEntry)>,
}

impl<'a> Planner<'a> {
    fn block(&mut self, reason: BlockReason, message: String, key: &Key) {
        self.block_at(reason, message, key, None);
    }

    fn block_at(&mut self, reason: BlockReason, message: String, key: &Key, field: Option<FieldPath>) {
        let keys = self.blocked.entry((reason, message)).or_default();
        keys.entry(key.clone()).or_insert(field);
    }

    /// What was last agreed on, and the key under which that is stored.
    fn memory(&self, key: &'a Key) -> (Memory<'a>, &'a Key) {
        match (self.sides.agreed(key), &self.sides.ledger) {
            (Some((entry, stored)), _) => (Memory::Entry(entry), stored),
            (None, Some(_)) => (Memory::Unknown, key),
            (None, None) => (Memory::None, key),
        }
    }

    /// Considers what is this environment's to write. What is another's is only counted; its differences are that one's.
    fn claim(&mut self, document: &'a Document, live: Option<&'a LiveResource>) {
        let key = &document.key;
        let instead = "take it out of one of them, or say the same in both";
        match (self.owners.claim(document, self.schema), live) {
            (Claim::Ours, _) => self.consider(document, live),
            (Claim::Theirs, Some(live)) if live.presence == Presence::Active => {
                *self.unchanged.entry(key.kind).or_default() += 1;
            }
            (Claim::Theirs, _) => match self.live.gap(key) {
                Some(gap) => self.block(BlockReason::IncompleteRead, gap.message.clone(), key),
                None => {
                    let fields = fields_of(&document.spec, Class::Pending);
                    self.reported.push(change(document, Action::Create, fields));
                }
            },
            (Claim::Contested(owner, fields), _) => {
                let fields = fields.join(", ");
                let message = format!(
                    "the environment `{owner}` stands first in the config and declares {fields} otherwise: {instead}"
                );
                self.block(BlockReason::OwnedElsewhere, message, key);
            }
            (Claim::Unknown(owner), _) => {
                let message = format!(
                    "the environment `{owner}` stands first in the config, has owned it, and cannot be read whole: look at its source"
                );
                self.block(BlockReason::OwnedElsewhere, message, key);
            }
        }
    }

    fn consider(&mut self, document: &'a Document, live: Option<&'a LiveResource>) {
        let Some(table) = self.schema.spec(document.key.kind) else {
            return;
        };
        let (memory, sealed) = self.memory(&document.key);
        let terms = Terms {
            table,
            schema: self.schema,
            policy: self.policy,
            fingerprints: self.fingerprints,
            memory,
            sealed,
        };
        match (live, self.live.gap(&document.key)) {
            (Some(live), _) => self.consider_existing(terms, document, live),
            (None, Some(gap)) => {
                self.block(visibility::reason(gap), gap.message.clone(), &document.key);
            }
            (None, None) => self.consider_missing(terms, document),
        }
    }

    fn consider_existing(&mut self, terms: Terms<'a>, document: &'a Document, live: &'a LiveResource) {
        let key = &document.key;
        let mut comparison = compare(terms, document, live);
        self.notes
            .extend(comparison.notes.drain(..).map(|text| Note { key: key.clone(), text }));
        let immutable: BTreeSet<String> = comparison
            .applied
            .iter()
            .filter(|change| {
                terms
                    .table
                    .immutable
                    .iter()
                    .any(|f| change.path.is_within(&FieldPath::dotted(f)))
            })
            .map(|change| format!("`{}`", change.path))
            .collect();
        if !immutable.is_empty() {
            let fields = immutable.into_iter().collect::<Vec<_>>().join(", ");
            self.consider_replacing(terms, document, live, comparison, &fields);
            return;
        }
        let entry = agreement(terms, document, &comparison.reported, Some(live.id), &self.revision);
        let (linked, applied): (Vec<_>, Vec<_>) = comparison
            .applied
            .into_iter()
            .partition(|change| link(terms.table, &change.path).is_some());
        if !comparison.reported.is_empty() {
            let edited = live.edited.as_ref();
            self.reported
                .push(change(document, Action::Update, comparison.reported).edited(edited));
        }
        let nothing = applied.is_empty() && linked.is_empty();
        for change in linked {
            if let Some(operation) = link(terms.table, &change.path) {
                let agreement = entry.clone();
                self.links.push(Link {
                    document,
                    operation,
                    change,
                    live: Some(live),
                    agreement,
                });
            }
        }
        if !applied.is_empty() {
            let write = overlaid(terms.table, document, live, &applied);
            let change = change(document, Action::Update, applied).edited(live.edited.as_ref());
            let missing = self.missing(document, Some(live), &change);
            self.drafts.insert(
                key,
                Decision {
                    document,
                    change,
                    write,
                    live: Some(live),
                    missing,
                    agreement: entry,
                },
            );
        } else if nothing {
            let reported = self.reported.last().is_some_and(|change| change.key == *key);
            if !reported {
                *self.unchanged.entry(key.kind).or_default() += 1;
            }
            self.agree(terms, key, entry, reported);
        }
    }

    /// Both sides agree, on everything or on all that is not reported: the ledger learns it without a write.
    fn agree(&mut self, terms: Terms<'_>, key: &Key, entry: LedgerEntry, reported: bool) {
        let known = match terms.memory {
            Memory::None => return,
            // What was never applied becomes owned by being equal, not by being looked at.
            Memory::Unknown if reported => return,
            Memory::Unknown => None,
            Memory::Entry(known) => Some(known),
        };
        let same = known.is_some_and(|known| {
            known.spec == entry.spec
                && known.fingerprints == entry.fingerprints
                && known.remote == entry.remote
                && known.protected == entry.protected
        });
        // An entry that is to move with a step must not stand under its new key before.
        if !same && !self.sides.awaits(key) {
            self.agreed.push((key.clone(), entry));
        }
    }

    fn consider_missing(&mut self, terms: Terms<'a>, document: &'a Document) {
        let class = gone_class(terms, document);
        let mut write = document.spec.clone();
        let mut links = Vec::new();
        for (field, operation) in terms.table.linked {
            if let Some(value) = write.shift_remove(*field).filter(|value| !value.is_null()) {
                let path = FieldPath::top(*field);
                links.push((
                    *operation,
                    FieldChange {
                        path,
                        class,
                        before: None,
                        after: Some(value),
                    },
                ));
            }
        }
        let fields = fields_of(&write, class);
        let change = change(document, Action::Create, fields);
        if !lets_through(self.policy, class, false) {
            self.reported.push(change);
            return;
        }
        let entry = agreement(terms, document, &[], None, &self.revision);
        let missing = self.missing(document, None, &change);
        for (operation, change) in links {
            self.links.push(Link {
                document,
                operation,
                change,
                live: None,
                agreement: entry.clone(),
            });
        }
        self.drafts.insert(
            &document.key,
            Decision {
                document,
                change,
                write,
                live: None,
                missing,
                agreement: entry,
            },
        );
    }
}

fn link(table: &KindSpec, path: &FieldPath) -> Option<&'static str> {
    let linked = table.linked.iter().find(|(field, _)| *field == path.head());
    linked.map(|(_, operation)| *operation)
}
