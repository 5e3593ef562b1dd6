//! Makes the plan: compares every resource, decides by policy, orders what is left, and says what is not done and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::diff::{Memory, Terms, agreement, compare, gone_class, lets_through, overlaid};
use crate::document::{Document, Reference, Strength};
use crate::field::FieldPath;
use crate::key::{Digest, EnvironmentName, Key, Kind, Revision};
use crate::ledger::{FingerprintKey, Ledger, LedgerEntry};
use crate::order::sort;
use crate::plan::{Action, BlockReason, Blocked, Change, Class, FieldChange, Note, Operation, Plan, Step};
use crate::policy::Policy;
use crate::resolve::{Resolved, resolve};
use crate::schema::{Draft, KindSpec, Needed, Schema};
use crate::snapshot::{Broken, Desired, Live, LiveResource, Presence};
use crate::value::{Map, Value};

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
}

/// A plan, and the faults that only showed once both sides were known.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a plan does nothing until applied"]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Faults of documents that could not be planned.
    pub diagnostics: Vec<Diagnostic>,
}

/// Plans. Equal inputs give equal plans, to the byte of the digest.
pub fn plan(inputs: Inputs<'_>) -> Planned {
    let revision = inputs.desired.revision.clone();
    let left_out = inputs.desired.left_out.clone();
    let Resolved {
        documents,
        matches,
        ambiguous,
        unidentified,
        broken,
        mut diagnostics,
    } = resolve(inputs.desired, inputs.live, inputs.schema);
    let mut planner = Planner {
        schema: inputs.schema,
        live: inputs.live,
        ledger: inputs.ledger,
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
        } else {
            planner.consider(document, matches.get(key).copied());
        }
    }
    let needed = planner.needed();
    planner.block_unresolved(&needed);
    let steps = planner.steps(needed);
    let (unmanaged, orphaned, gone) = planner.remainder(&matches, &unidentified);
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
        blocked: blocked
            .into_iter()
            .map(|((reason, message), keys)| Blocked {
                reason,
                message,
                keys: keys.into_iter().collect(),
            })
            .collect(),
        unmanaged,
        orphaned,
        gone,
        unchanged,
        agreed,
        notes,
        digest: Digest(String::new()),
    };
    plan.digest = digest(&plan);
    diagnostics.sort();
    Planned { plan, diagnostics }
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
    live: &'a Live,
    ledger: Option<&'a Ledger>,
    fingerprints: Option<&'a FingerprintKey>,
    policy: &'a Policy,
    revision: Revision,
    documents: &'a BTreeMap<Key, Document>,
    left_out: &'a [Kind],
    broken: &'a [Broken],
    drafts: BTreeMap<&'a Key, Decision<'a>>,
    links: Vec<Link<'a>>,
    reported: Vec<Change>,
    blocked: BTreeMap<(BlockReason, String), BTreeSet<Key>>,
    notes: Vec<Note>,
    unchanged: BTreeMap<Kind, usize>,
    agreed: Vec<(Key, LedgerEntry)>,
}

impl<'a> Planner<'a> {
    fn block(&mut self, reason: BlockReason, message: String, key: &Key) {
        self.blocked.entry((reason, message)).or_default().insert(key.clone());
    }

    fn memory(&self, key: &Key) -> Memory<'a> {
        match self.ledger {
            None => Memory::None,
            Some(ledger) => ledger.entries.get(key).map_or(Memory::Unknown, Memory::Entry),
        }
    }

    fn consider(&mut self, document: &'a Document, live: Option<&'a LiveResource>) {
        let Some(table) = self.schema.spec(document.key.kind) else {
            return;
        };
        let terms = Terms {
            table,
            policy: self.policy,
            fingerprints: self.fingerprints,
            memory: self.memory(&document.key),
        };
        match (live, self.live.gap(&document.key)) {
            (Some(live), _) => self.consider_existing(terms, document, live),
            (None, Some(gap)) => {
                let message = gap.message.clone();
                self.block(BlockReason::IncompleteRead, message, &document.key);
            }
            (None, None) => self.consider_missing(terms, document),
        }
    }

    fn consider_existing(&mut self, terms: Terms<'a>, document: &'a Document, live: &'a LiveResource) {
        let key = &document.key;
        let comparison = compare(terms, document, live);
        self.notes
            .extend(comparison.notes.into_iter().map(|text| Note { key: key.clone(), text }));
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
            let message = format!(
                "{fields} cannot be changed in place, and replacing is off: delete the resource on the platform, or undo the change"
            );
            self.block(BlockReason::ReplacementNeedsPrune, message, key);
            return;
        }
        let entry = agreement(terms, document, &comparison.reported, Some(live.id), &self.revision);
        let (linked, applied): (Vec<_>, Vec<_>) = comparison
            .applied
            .into_iter()
            .partition(|change| link(terms.table, &change.path).is_some());
        if !comparison.reported.is_empty() {
            self.reported
                .push(change(document, Action::Update, comparison.reported));
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
            let change = change(document, Action::Update, applied);
            self.drafts.insert(
                key,
                Decision {
                    document,
                    change,
                    write,
                    live: Some(live),
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
            known.spec == entry.spec && known.fingerprints == entry.fingerprints && known.remote == entry.remote
        });
        if !same {
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
                agreement: entry,
            },
        );
    }

    /// Whether what `key` names is declared without fault, or live.
    fn satisfied(&self, key: &Key) -> bool {
        self.documents.contains_key(key) || self.live.discovered.contains_key(key) || self.is_live(key)
    }

    fn is_live(&self, key: &Key) -> bool {
        self.live.resources.contains_key(key)
    }

    /// References that must hold before a write: all of a creation's, those of the fields that an update changes.
    fn pressing(decision: &Decision<'a>) -> impl Iterator<Item = &'a Reference> {
        let creates = decision.live.is_none();
        let changed: BTreeSet<String> = decision
            .change
            .fields
            .iter()
            .map(|field| field.path.head().to_owned())
            .collect();
        decision
            .document
            .references
            .iter()
            .filter(move |reference| reference.strength == Strength::Before)
            .filter(move |reference| creates || changed.contains(reference.at.head()))
    }

    fn needed(&self) -> Vec<Needed> {
        let mut draft = Draft {
            creates: Vec::new(),
            updates: Vec::new(),
            unsatisfied: Vec::new(),
        };
        for decision in self.drafts.values() {
            match decision.live {
                None => draft.creates.push(decision.document),
                Some(_) => draft.updates.push((
                    decision.document,
                    decision.change.fields.iter().map(|field| field.path.clone()).collect(),
                )),
            }
            for reference in Self::pressing(decision).filter(|reference| !self.satisfied(&reference.to)) {
                draft.unsatisfied.push((decision.document, reference));
            }
        }
        self.schema.operations(&draft)
    }

    /// Takes out what refers to nothing, and then, again and again, what waits for something that was taken out.
    fn block_unresolved(&mut self, needed: &[Needed]) {
        let mut out: Vec<(Key, BlockReason, String)> = Vec::new();
        for (key, decision) in &self.drafts {
            for reference in Self::pressing(decision).filter(|reference| !self.satisfied(&reference.to)) {
                let found_by_operation = needed
                    .iter()
                    .any(|needed| needed.before.contains(key) && reference.to.is_below(&needed.operation.subject));
                if !found_by_operation {
                    let (reason, message) = self.unresolved(reference);
                    out.push(((*key).clone(), reason, message));
                }
            }
        }
        for (key, message) in self.take_links_to_nothing() {
            self.block(BlockReason::UnresolvedReference, message, &key);
        }
        while !out.is_empty() {
            for (key, reason, message) in std::mem::take(&mut out) {
                self.drafts.remove(&key);
                self.block(reason, message, &key);
            }
            for (key, decision) in &self.drafts {
                for reference in Self::pressing(decision) {
                    let waits = self.documents.contains_key(&reference.to)
                        && !self.drafts.contains_key(&reference.to)
                        && !self.is_live(&reference.to);
                    if waits {
                        let message = format!("`{}`, which it needs, is not made", reference.to);
                        out.push(((*key).clone(), BlockReason::DependencyBlocked, message));
                    }
                }
            }
        }
        let drafts = &self.drafts;
        let live = self.live;
        self.links
            .retain(|link| link.live.is_some() || drafts.contains_key(&link.document.key));
        self.links.retain(|link| {
            link.document
                .references
                .iter()
                .filter(|r| r.strength == Strength::Link && r.at == link.change.path)
                .all(|reference| drafts.contains_key(&reference.to) || live.resources.contains_key(&reference.to))
        });
    }

    /// Links whose other end is nowhere: they are not made, and the rest of their resource is.
    fn take_links_to_nothing(&mut self) -> Vec<(Key, String)> {
        let mut missing = Vec::new();
        let (documents, live) = (self.documents, self.live);
        self.links.retain(|link| {
            let nowhere = link.document.references.iter().find(|reference| {
                reference.strength == Strength::Link
                    && reference.at == link.change.path
                    && !documents.contains_key(&reference.to)
                    && !live.resources.contains_key(&reference.to)
            });
            if let Some(Reference { at, to, .. }) = nowhere {
                let message = format!(
                    "{} '{}' not found: field `{at}` names it; declare it, or correct the name",
                    to.kind,
                    to.name()
                );
                missing.push((link.document.key.clone(), message));
            }
            nowhere.is_none()
        });
        missing
    }

    fn unresolved(&self, reference: &Reference) -> (BlockReason, String) {
        let Reference { at, to, .. } = reference;
        let what = format!("{} '{}' not found", to.kind, to.name());
        if self.broken.iter().any(|broken| broken.key.as_ref() == Some(to)) {
            let message = format!("`{to}`, which it needs, has an error in its file");
            return (BlockReason::DependencyBlocked, message);
        }
        if let Some(gap) = self.live.gap(to) {
            let message = format!("whether `{to}` exists could not be read: {}", gap.message);
            return (BlockReason::IncompleteRead, message);
        }
        let why = if self.left_out.contains(&to.kind) {
            let word = self.schema.spec(to.kind).map_or(to.kind.0, |spec| spec.include);
            format!(
                "{what}: `--include` leaves out {word}, and it is not live either; include {word}, or create it first"
            )
        } else {
            format!(
                "{what}: field `{at}` names it, but it is neither declared nor live; declare it, or correct the name"
            )
        };
        (BlockReason::UnresolvedReference, why)
    }

    fn steps(&mut self, needed: Vec<Needed>) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut ranks: Vec<(usize, u8, Key)> = Vec::new();
        let mut index: BTreeMap<Key, usize> = BTreeMap::new();
        let rank = |key: &Key| {
            self.schema
                .kinds()
                .iter()
                .position(|spec| spec.kind == key.kind)
                .unwrap_or(usize::MAX)
        };
        let drafts = std::mem::take(&mut self.drafts);
        let references: BTreeMap<Key, &[Reference]> = drafts
            .iter()
            .map(|(key, decision)| ((*key).clone(), decision.document.references.as_slice()))
            .collect();
        for (key, decision) in drafts {
            let Decision {
                document: _,
                change,
                write,
                live,
                agreement,
            } = decision;
            index.insert(key.clone(), steps.len());
            ranks.push((rank(key), 0, key.clone()));
            steps.push(Step {
                change,
                after: Vec::new(),
                write,
                remote: live.map(|live| live.id),
                base: live.and_then(|live| live.base.clone()),
                agreement: Some(agreement),
            });
        }
        let mut after: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); steps.len()];
        for (key, references) in &references {
            for reference in references
                .iter()
                .filter(|reference| reference.strength == Strength::Before)
            {
                if let (Some(node), Some(target)) = (index.get(key), index.get(&reference.to))
                    && node != target
                {
                    after[*node].insert(*target);
                }
            }
        }
        for Needed {
            operation,
            after: first,
            before,
        } in needed
        {
            let waiting: Vec<usize> = before.iter().filter_map(|key| index.get(key)).copied().collect();
            if waiting.is_empty() && !before.is_empty() {
                continue; // Everything that wanted it is blocked.
            }
            let node = steps.len();
            ranks.push((rank(&operation.subject), 1, operation.subject.clone()));
            after.push(first.iter().filter_map(|key| index.get(key)).copied().collect());
            for waiting in waiting {
                after[waiting].insert(node);
            }
            let key = operation.subject.clone();
            let remote = self.live.resources.get(&key).map(|live| live.id);
            let change = Change {
                key,
                action: Action::Operation(operation),
                class: Class::Pending,
                fields: Vec::new(),
                place: None,
            };
            steps.push(Step {
                change,
                after: Vec::new(),
                write: Map::new(),
                remote,
                base: None,
                agreement: None,
            });
        }
        for link in std::mem::take(&mut self.links) {
            let key = &link.document.key;
            ranks.push((rank(key), 2, key.clone()));
            let targets = link
                .document
                .references
                .iter()
                .filter(|reference| reference.at == link.change.path);
            after.push(
                std::iter::once(key)
                    .chain(targets.map(|reference| &reference.to))
                    .filter_map(|key| index.get(key))
                    .copied()
                    .collect(),
            );
            let name = link.change.path.to_string();
            let arguments = [(name.clone(), link.change.after.clone().unwrap_or(Value::Null))].into();
            let reason = format!("`{name}` is written after both ends exist");
            let operation = Operation {
                name: link.operation,
                subject: key.clone(),
                arguments,
                reason,
            };
            steps.push(Step {
                change: change(link.document, Action::Operation(operation), vec![link.change]),
                after: Vec::new(),
                write: Map::new(),
                remote: link.live.map(|live| live.id),
                base: None,
                agreement: Some(link.agreement),
            });
        }
        self.ordered(steps, &ranks, &after)
    }

    fn ordered(&mut self, steps: Vec<Step>, ranks: &[(usize, u8, Key)], after: &[BTreeSet<usize>]) -> Vec<Step> {
        let sorted = sort(ranks, after);
        let cycle: BTreeSet<&Key> = sorted.cyclic.iter().map(|node| &steps[*node].change.key).collect();
        let names = cycle
            .iter()
            .map(|key| format!("`{key}`"))
            .collect::<Vec<_>>()
            .join(", ");
        for key in cycle {
            let message = format!("these refer to each other in a circle: {names}; break it at one of them");
            self.block(BlockReason::DependencyCycle, message, key);
        }
        for node in &sorted.behind {
            let message = "it needs something that is part of a circle of references".to_owned();
            self.block(BlockReason::DependencyBlocked, message, &steps[*node].change.key);
        }
        let position: BTreeMap<usize, usize> = sorted.order.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let mut slots: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
        sorted
            .order
            .iter()
            .filter_map(|old| {
                let mut step = slots[*old].take()?;
                step.after = after[*old]
                    .iter()
                    .filter_map(|node| position.get(node))
                    .copied()
                    .collect();
                step.after.sort_unstable();
                Some(step)
            })
            .collect()
    }

    /// What is live or in the ledger without being declared.
    #[expect(clippy::type_complexity, reason = "three lists, named where they are taken apart")]
    fn remainder(
        &self,
        matches: &BTreeMap<Key, &LiveResource>,
        unidentified: &[&Key],
    ) -> (Vec<Key>, Vec<Key>, Vec<(Key, Option<crate::key::RemoteId>)>) {
        let mut unmanaged: Vec<Key> = unidentified.iter().map(|key| (*key).clone()).collect();
        let mut orphaned = Vec::new();
        let mut gone = Vec::new();
        let entries = self.ledger.map(|ledger| &ledger.entries);
        for (key, resource) in &self.live.resources {
            let declared = self.documents.contains_key(key) || matches.contains_key(key);
            if declared || self.uncertain(key) || resource.presence == Presence::Archived {
                continue;
            }
            if entries.is_some_and(|entries| entries.contains_key(key)) {
                orphaned.push(key.clone());
            } else {
                unmanaged.push(key.clone());
            }
        }
        unmanaged.retain(|key| !self.left_out.contains(&key.kind));
        unmanaged.sort();
        for (key, entry) in entries.into_iter().flatten() {
            let known = self.documents.contains_key(key) || self.live.resources.contains_key(key);
            if !known && !self.uncertain(key) && self.live.gap(key).is_none() {
                gone.push((key.clone(), entry.remote));
            }
        }
        (unmanaged, orphaned, gone)
    }

    /// Whether a file that could not be used may be the one that declares `key`.
    fn uncertain(&self, key: &Key) -> bool {
        self.left_out.contains(&key.kind)
            || self.broken.iter().any(|broken| match (&broken.key, broken.kind) {
                (Some(other), _) => other == key,
                (None, Some(kind)) => kind == key.kind,
                (None, None) => true,
            })
    }
}

fn link(table: &KindSpec, path: &FieldPath) -> Option<&'static str> {
    table
        .linked
        .iter()
        .find(|(field, _)| *field == path.head())
        .map(|(_, operation)| *operation)
}

fn change(document: &Document, action: Action, mut fields: Vec<FieldChange>) -> Change {
    fields.sort_by(|a, b| a.path.cmp(&b.path));
    let class = fields.iter().map(|field| field.class).max().unwrap_or(Class::Pending);
    let first = fields.iter().map(|field| document.origin.place(&field.path)).min();
    let place = match action {
        Action::Create => Some(document.origin.start()),
        Action::Update | Action::Replace | Action::Delete | Action::Operation(_) => first,
    };
    Change {
        key: document.key.clone(),
        action,
        class,
        fields,
        place,
    }
}

/// The fields of a creation, as they are shown: top-level, in the order of the document.
fn fields_of(write: &Map, class: Class) -> Vec<FieldChange> {
    write
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(field, value)| FieldChange {
            path: FieldPath::top(field.clone()),
            class,
            before: None,
            after: Some(value.clone()),
        })
        .collect()
}
