//! The plan: a value that says everything apply will do, and what it will not do and why.

mod reason;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::Place;
use crate::field::FieldPath;
use crate::key::{Digest, EnvironmentName, Key, Kind, RemoteId, Revision};
use crate::ledger::LedgerEntry;
use crate::value::{Map, Value};

pub use self::reason::BlockReason;

/// The ordered actions of one pass, and all that was decided not to be done.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a plan does nothing until applied"]
pub struct Plan {
    /// The environment; `None` on a bare instance.
    pub environment: Option<EnvironmentName>,
    /// The platform's name.
    pub platform: &'static str,
    /// The commit; `None` on a bare instance.
    pub revision: Option<Revision>,
    /// What apply does, referenced before referring.
    pub steps: Vec<Step>,
    /// What policy only reports: the same shape, never carried out.
    pub reported: Vec<Change>,
    /// What would be done if no guard kept it back: the same shape; which guard it is, `blocked` says.
    pub held: Vec<Change>,
    /// What is not done, and why.
    pub blocked: Vec<Blocked>,
    /// Live, in scope, never applied by driftless and not in Git.
    pub unmanaged: Vec<Key>,
    /// Owned, live, and no longer in Git; pruning is off.
    pub orphaned: Vec<Key>,
    /// Owned, no longer in Git and no longer live: the ledger entry may close once a look-up by id says 404.
    pub gone: Vec<(Key, Option<RemoteId>)>,
    /// Resources that are in sync, and how many.
    pub unchanged: BTreeMap<Kind, usize>,
    /// Ledger entries to be written because both sides agree already.
    pub agreed: Vec<(Key, LedgerEntry)>,
    /// Ledger entries of resources that have their new names already: moved before `agreed` is written.
    pub moved: Vec<Moved>,
    /// Owned, no longer in Git, and put away already, taken over by another environment, or let go since the config names another
    /// path: their ledger entries close, and nothing else happens.
    pub retired: Vec<Key>,
    /// What the deletions take along, those that are held back included.
    pub blast: Blast,
    /// Things worth a line that change nothing: released fields, secrets that are not compared.
    pub notes: Vec<Note>,
    /// Of the content: equal plans have equal digests, on any machine, at any time.
    pub digest: Digest,
}

/// What deletions take along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blast {
    /// Of each resource that goes: what hangs on it and goes with it or is left without it, sorted.
    pub takes: BTreeMap<Key, Vec<Key>>,
    /// What no check watches any more once they are done, sorted.
    pub unwatched: Vec<Key>,
}

/// A remark on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The resource.
    pub key: Key,
    /// The remark, one sentence.
    pub text: String,
}

/// One difference of one resource, as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The resource.
    pub key: Key,
    /// What is, or would be, done.
    pub action: Action,
    /// Who moved.
    pub class: Class,
    /// The fields, in path order. Empty for an operation.
    pub fields: Vec<FieldChange>,
    /// Where Git says so.
    pub place: Option<Place>,
    /// Who changed the live resource last and when, in the platform's words, where it says so.
    pub edited: Option<String>,
}

impl Change {
    /// Whether it is a difference of a resource: what the platform is asked to do by itself is none.
    pub fn is_of_resource(&self) -> bool {
        !(matches!(self.action, Action::Operation(_)) && self.fields.is_empty())
    }

    /// With who changed the resource last, where a change by hand is what it is about.
    pub(crate) fn edited(mut self, edited: Option<&String>) -> Self {
        self.edited = edited.filter(|_| self.class >= Class::Drift).cloned();
        self
    }

    /// Whether somebody moved it on the platform, in any of its fields.
    pub fn has_drift(&self) -> bool {
        std::iter::once(self.class)
            .chain(self.fields.iter().map(|field| field.class))
            .any(Class::is_drift)
    }
}

/// One step of a plan: a change with all that is needed to carry it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is shown.
    pub change: Change,
    /// Indices of the steps that must have succeeded before.
    pub after: Vec<usize>,
    /// The whole resource to write: the desired one on creation; live overlaid with what policy lets through on update.
    pub write: Map,
    /// The live resource's number, for updates.
    pub remote: Option<RemoteId>,
    /// What the adapter kept of the live resource.
    pub base: Option<Arc<Value>>,
    /// What the ledger will say once the step has succeeded; `None` for operations that agree on nothing.
    pub agreement: Option<LedgerEntry>,
    /// Ledger entries that get other keys once the step has succeeded: of what it renames, and of all that lies below.
    pub moves: Vec<Moved>,
    /// Ledger entries that close once the step has succeeded, after those moves: of what it deletes, and of what goes with that.
    pub closes: Vec<Key>,
}

/// A ledger entry that gets another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The key that it has had.
    pub from: Key,
    /// The key that it has from then on; an entry that is there already makes way.
    pub to: Key,
}

/// What is done to a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// It does not exist live.
    Create,
    /// Some fields change in place. Restores it if it was archived.
    Update,
    /// An immutable field changed: the old one is removed, the new one made.
    Replace(Removal),
    /// It is removed.
    Delete(Removal),
    /// The platform is asked to do something of its own.
    Operation(Operation),
}

impl Action {
    /// The word of the JSON plan.
    pub fn word(&self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace(_) => "replace",
            Action::Delete(_) => "delete",
            Action::Operation(_) => "operation",
        }
    }

    /// How what is there is removed; `None` where nothing is.
    pub fn removal(&self) -> Option<Removal> {
        match self {
            Action::Replace(removal) | Action::Delete(removal) => Some(*removal),
            Action::Create | Action::Update | Action::Operation(_) => None,
        }
    }
}

/// How a resource is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is put away: it can be restored, and keeps what it has gathered.
    Archive,
    /// It goes, with all that hangs on it.
    Erase,
}

impl Removal {
    /// The word of the JSON plan.
    pub fn word(self) -> &'static str {
        match self {
            Removal::Archive => "archive",
            Removal::Erase => "erase",
        }
    }
}

/// Something the platform does by itself when asked: `sync`, `profile`, `link_enrichment`.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its name, as the platform's schema knows it.
    pub name: &'static str,
    /// What it is run on.
    pub subject: Key,
    /// What else it needs, by name.
    pub arguments: Map,
    /// What it is for, one clause: shown beside the step.
    pub reason: String,
}

/// Who moved: the classes of the three-way comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Git moved, live did not.
    Pending,
    /// Both exist, and driftless never applied it.
    Adoption,
    /// Live moved, Git did not.
    Drift,
    /// Both moved, to different values.
    Conflict,
}

impl Class {
    /// Whether live moved.
    pub fn is_drift(self) -> bool {
        match self {
            Class::Drift | Class::Conflict => true,
            Class::Pending | Class::Adoption => false,
        }
    }

    /// The word of the JSON plan.
    pub fn word(self) -> &'static str {
        match self {
            Class::Pending => "pending",
            Class::Adoption => "adoption",
            Class::Drift => "drift",
            Class::Conflict => "conflict",
        }
    }
}

/// One field's difference. `None` is an absent field; a secret shows as such on either side.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// The field.
    pub path: FieldPath,
    /// Who moved this field.
    pub class: Class,
    /// What is live.
    pub before: Option<Value>,
    /// What Git says.
    pub after: Option<Value>,
}

/// Something that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Why, as a stable word.
    pub reason: BlockReason,
    /// Why, as a sentence with what to do about it.
    pub message: String,
    /// The resources concerned, sorted.
    pub keys: Vec<Key>,
    /// Where those that have a document stand in their files.
    pub places: BTreeMap<Key, Place>,
}

/// How the resources of one kind stand: each is in exactly one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// Equal on both sides.
    pub in_sync: usize,
    /// Git is ahead (adoptions included).
    pub pending: usize,
    /// Live moved.
    pub drift: usize,
    /// Both moved.
    pub conflict: usize,
    /// Owned and no longer in Git.
    pub orphaned: usize,
    /// Neither owned nor in Git.
    pub unmanaged: usize,
    /// Blocked.
    pub blocked: usize,
}

/// The totals of a plan, as the JSON plan has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps that create.
    pub create: usize,
    /// Steps that update.
    pub update: usize,
    /// Steps that delete.
    pub delete: usize,
    /// Steps that replace.
    pub replace: usize,
    /// Resources in sync.
    pub unchanged: usize,
    /// Resources whose difference is drift, applied or reported.
    pub drift: usize,
    /// Resources whose difference is a conflict, applied or reported.
    pub conflict: usize,
    /// Orphaned resources.
    pub orphaned: usize,
    /// Unmanaged resources.
    pub unmanaged: usize,
    /// Blocked resources.
    pub blocked: usize,
}

impl Plan {
    /// Every difference that is shown: steps first, then what is only reported.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.steps.iter().map(|step| &step.change).chain(&self.reported)
    }

    /// Whether apply would do nothing at all.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The resources that are blocked, each once, however many reasons there are.
    pub fn blocked_keys(&self) -> BTreeSet<&Key> {
        self.blocked.iter().flat_map(|blocked| &blocked.keys).collect()
    }

    /// Of what is held: the resources that a person writes on the platform, since its API cannot.
    pub fn manual(&self) -> BTreeSet<&Key> {
        let manual = self.blocked.iter().filter(|it| it.reason == BlockReason::ManualStep);
        manual.flat_map(|blocked| &blocked.keys).collect()
    }

    /// Whether somebody who has looked at the plan can let more of it through: `apply --approve` with its digest.
    pub fn can_be_approved(&self) -> bool {
        self.blocked.iter().any(|blocked| blocked.reason.can_be_approved())
    }

    /// The totals.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            unchanged: self.unchanged.values().sum(),
            orphaned: self.orphaned.len(),
            unmanaged: self.unmanaged.len(),
            blocked: self.blocked_keys().len(),
            ..Summary::default()
        };
        for step in &self.steps {
            match step.change.action {
                Action::Create => summary.create += 1,
                Action::Update => summary.update += 1,
                Action::Replace(_) => summary.replace += 1,
                Action::Delete(_) => summary.delete += 1,
                Action::Operation(_) => {}
            }
        }
        for states in self.states().values() {
            summary.drift += states.drift;
            summary.conflict += states.conflict;
        }
        summary
    }

    /// How many resources of each kind stand how; a resource counts once, by its worst class.
    pub fn states(&self) -> BTreeMap<Kind, States> {
        let mut states: BTreeMap<Kind, States> = BTreeMap::new();
        let mut worst: BTreeMap<&Key, Class> = BTreeMap::new();
        for change in self.changes().filter(|change| change.is_of_resource()) {
            let class = worst.entry(&change.key).or_insert(change.class);
            *class = (*class).max(change.class);
        }
        for key in self.blocked_keys() {
            worst.remove(key);
            states.entry(key.kind).or_default().blocked += 1;
        }
        for (key, class) in worst {
            let states = states.entry(key.kind).or_default();
            match class {
                Class::Pending | Class::Adoption => states.pending += 1,
                Class::Drift => states.drift += 1,
                Class::Conflict => states.conflict += 1,
            }
        }
        for (kind, count) in &self.unchanged {
            states.entry(*kind).or_default().in_sync += count;
        }
        for key in &self.orphaned {
            states.entry(key.kind).or_default().orphaned += 1;
        }
        for key in &self.unmanaged {
            states.entry(key.kind).or_default().unmanaged += 1;
        }
        states
    }
}
