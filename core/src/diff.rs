//! Compares one resource field by field over three sides: what Git says, what is live, what was last agreed on.

use std::cell::LazyCell;

use crate::document::Document;
use crate::field::FieldPath;
use crate::key::Key;
use crate::ledger::{FingerprintKey, LedgerEntry};
use crate::normalize::{meaning, same_set};
use crate::plan::{Class, FieldChange};
use crate::policy::{Mode, OnAdopt, OnDrift, Policy, UnknownSecrets};
use crate::schema::{KindSpec, Schema};
use crate::snapshot::{Authorship, LiveResource, Presence};
use crate::value::{Map, Secret, Value};

/// What a comparison goes by.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) table: &'a KindSpec,
    /// What tells what values mean.
    pub(crate) schema: &'a dyn Schema,
    pub(crate) policy: &'a Policy,
    pub(crate) fingerprints: Option<&'a FingerprintKey>,
    pub(crate) memory: Memory<'a>,
    /// The key under which the fingerprints of that memory were made.
    pub(crate) sealed: &'a Key,
}

/// The third side for one resource.
#[derive(Clone, Copy)]
pub(crate) enum Memory<'a> {
    /// There is no ledger: every difference is two-way.
    None,
    /// The ledger has no entry: the resource was never applied.
    Unknown,
    /// The ledger's entry.
    Entry(&'a LedgerEntry),
}

impl<'a> Memory<'a> {
    /// What was last agreed on, where anything was.
    fn entry(self) -> Option<&'a LedgerEntry> {
        match self {
            Memory::Entry(entry) => Some(entry),
            Memory::None | Memory::Unknown => None,
        }
    }
}

/// The differences of one resource that exists on both sides.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// What policy lets through.
    pub(crate) applied: Vec<FieldChange>,
    /// What policy only reports.
    pub(crate) reported: Vec<FieldChange>,
    /// Remarks, one sentence each.
    pub(crate) notes: Vec<String>,
}

/// Shown as a field when an archived resource comes back.
pub(crate) const ARCHIVED: &str = "archived";

/// Compares `document` with `live` by what they mean, and shows what they say; fields that Git does not name are not compared.
pub(crate) fn compare(terms: Terms<'_>, document: &Document, live: &LiveResource) -> Comparison {
    let mut comparison = Comparison::default();
    let kind = document.key.kind;
    let wanted = meaning(terms.schema, kind, &document.spec);
    let found = meaning(terms.schema, kind, &live.spec);
    // Most resources have no difference, and then what was agreed on is not asked for.
    let agreed = LazyCell::new(|| {
        terms
            .memory
            .entry()
            .map(|entry| meaning(terms.schema, kind, &entry.spec))
    });
    let gone = (live.presence == Presence::Archived).then(|| gone_class(terms, document));
    for path in paths(terms.table, &wanted, &found) {
        let unread = live.unread.iter().any(|field| field == path.head());
        let ignored = terms.policy.ignore.iter().any(|rule| rule.covers(&document.key, &path));
        if unread || ignored {
            continue;
        }
        let desired = path.get(&wanted);
        if let Some(Value::Secret(secret)) = desired {
            compare_secret(terms, &path, secret, &mut comparison);
            continue;
        }
        let existing = path.get(&found);
        if same(desired, existing) {
            continue;
        }
        let class = gone.unwrap_or_else(|| classify(terms.memory, agreed.as_ref(), &path, desired, existing));
        // A default that one side leaves unsaid is shown as what it is.
        let change = FieldChange {
            class,
            before: path.get(&live.spec).or(existing).cloned(),
            after: path.get(&document.spec).or(desired).cloned(),
            path,
        };
        comparison.put(terms, live, change);
    }
    if let Some(class) = gone {
        let change = FieldChange {
            path: FieldPath::top(ARCHIVED),
            class,
            before: Some(Value::from(true)),
            after: Some(Value::from(false)),
        };
        comparison.put(terms, live, change);
    }
    let has_more = |entry: &LedgerEntry| entry.spec.keys().any(|field| !document.spec.contains_key(field));
    if terms.memory.entry().is_some_and(has_more) {
        let released = agreed
            .iter()
            .flat_map(|agreed| agreed.keys())
            .filter(|field| !wanted.contains_key(*field));
        let note = |field| format!("field `{field}` is no longer in Git: released, the last value stays");
        comparison.notes.extend(released.map(note));
    }
    comparison
}

/// The places to compare, sorted: all that Git names, and what only live has in maps that Git owns whole.
fn paths(table: &KindSpec, wanted: &Map, found: &Map) -> Vec<FieldPath> {
    let mut desired = Vec::new();
    leaves(wanted, None, table.owned_whole, &mut desired);
    let mut existing = Vec::new();
    for head in table.owned_whole {
        if let (true, Some(Value::Map(map))) = (wanted.contains_key(*head), found.get(*head)) {
            leaves(map, Some(&FieldPath::top(*head)), table.owned_whole, &mut existing);
        }
    }
    existing.retain(|(path, _)| {
        !desired
            .iter()
            .any(|(other, _)| other.is_within(path) || path.is_within(other))
    });
    let mut paths: Vec<FieldPath> = desired.into_iter().chain(existing).map(|(path, _)| path).collect();
    paths.sort();
    paths
}

/// The class of a resource that Git wants and that is not (or no longer) in use.
pub(crate) fn gone_class(terms: Terms<'_>, document: &Document) -> Class {
    match terms.memory {
        Memory::None | Memory::Unknown => Class::Pending,
        Memory::Entry(entry) if agrees_with(terms, document, entry) => Class::Drift,
        Memory::Entry(_) => Class::Conflict,
    }
}

/// Whether Git still says what was last agreed on.
fn agrees_with(terms: Terms<'_>, document: &Document, entry: &LedgerEntry) -> bool {
    let wanted = meaning(terms.schema, document.key.kind, &document.spec);
    let agreed = meaning(terms.schema, document.key.kind, &entry.spec);
    let mut desired = Vec::new();
    leaves(&wanted, None, &[], &mut desired);
    desired.into_iter().all(|(path, value)| match value {
        Value::Secret(secret) => match (terms.fingerprints, entry.fingerprints.get(&path)) {
            (Some(key), Some(known)) => key.fingerprint(terms.sealed, &path, secret) == *known,
            _ => false,
        },
        value => same(Some(value), path.get(&agreed)),
    })
}

impl Comparison {
    fn put(&mut self, terms: Terms<'_>, live: &LiveResource, change: FieldChange) {
        let of_platform = match live.authorship {
            Authorship::Authored => false,
            Authorship::Inferred { fields } => fields.contains(&change.path.head()),
        };
        if lets_through(terms.policy, change.class, of_platform) {
            if of_platform {
                let note = "the platform manages it by itself: with this change it becomes authored".to_owned();
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            self.applied.push(change);
        } else {
            self.reported.push(change);
        }
    }
}

/// Whether a difference of this class is written.
pub(crate) fn lets_through(policy: &Policy, class: Class, of_platform: bool) -> bool {
    let by_class = match class {
        Class::Pending => true,
        Class::Adoption => policy.adopt == OnAdopt::Apply,
        Class::Drift | Class::Conflict => policy.drift == OnDrift::Correct && !of_platform,
    };
    by_class && policy.mode == Mode::Apply
}

fn compare_secret(terms: Terms<'_>, path: &FieldPath, secret: &Secret, into: &mut Comparison) {
    let now = terms
        .fingerprints
        .map(|key| key.fingerprint(terms.sealed, path, secret));
    let mut before = None;
    let class = match terms.memory {
        Memory::Entry(entry) => {
            let known = entry.fingerprints.get(path);
            if known.is_some() && known == now.as_ref() {
                return;
            }
            // What was sent once is there, whatever it is: "none" would be untrue.
            before = known.map(|_| Value::Secret(Secret::new("")));
            Class::Pending
        }
        Memory::None | Memory::Unknown => match terms.policy.unknown_secrets {
            UnknownSecrets::Send => Class::Adoption,
            UnknownSecrets::Keep => {
                into.notes.push(format!(
                    "secret `{path}` is not compared: the platform never returns it"
                ));
                return;
            }
        },
    };
    let change = FieldChange {
        path: path.clone(),
        class,
        before,
        after: Some(Value::Secret(secret.clone())),
    };
    if lets_through(terms.policy, class, false) {
        into.applied.push(change)
    } else {
        into.reported.push(change)
    }
}

/// The table of the three-way comparison, for one field that differs; all three sides by what they mean.
fn classify(
    memory: Memory<'_>,
    agreed: Option<&Map>,
    path: &FieldPath,
    desired: Option<&Value>,
    live: Option<&Value>,
) -> Class {
    let agreed = match (memory, agreed) {
        (Memory::None, _) => return Class::Pending,
        (_, None) => return Class::Adoption,
        (_, Some(agreed)) => agreed,
    };
    if !agreed.contains_key(path.head()) {
        return Class::Pending; // Git names the field since then: Git moved.
    }
    let agreed = path.get(agreed);
    if same(agreed, live) {
        Class::Pending
    } else if same(agreed, desired) {
        Class::Drift
    } else {
        Class::Conflict
    }
}

/// Whether two fields mean the same: null and absent do.
pub(crate) fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (None | Some(Value::Null), None | Some(Value::Null)) => true,
        (Some(a), Some(b)) => a.agrees(b),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// The leaves of a document: everything but maps. An empty map is a leaf of its own, unless it is one that is owned whole.
fn leaves<'a>(map: &'a Map, parent: Option<&FieldPath>, whole: &[&str], found: &mut Vec<(FieldPath, &'a Value)>) {
    for (key, value) in map {
        let path = parent.map_or_else(|| FieldPath::top(key.clone()), |parent| parent.child(key.clone()));
        match value {
            Value::Map(inner) if !inner.is_empty() => leaves(inner, Some(&path), whole, found),
            Value::Map(_) if whole.contains(&path.head()) => {}
            value => found.push((path, value)),
        }
    }
}

/// What is written to a resource that exists: live overlaid with the changes, the secrets inside maps that are sent whole, and
/// sets in the order that Git has. A
/// map that Git owns whole and that changes is put down the way Git has it: in its order, with the nulls that it names.
pub(crate) fn overlaid(table: &KindSpec, document: &Document, live: &LiveResource, changes: &[FieldChange]) -> Map {
    let mut write = live.spec.clone();
    for change in changes.iter().filter(|change| change.path.head() != ARCHIVED) {
        match &change.after {
            Some(value) => change.path.set(&mut write, value.clone()),
            None => {
                change.path.remove(&mut write);
            }
        }
    }
    for secret in table.secrets.iter().map(|field| FieldPath::dotted(field)) {
        if secret.keys().len() > 1
            && table.owned_whole.contains(&secret.head())
            && let Some(value @ Value::Secret(_)) = secret.get(&document.spec)
        {
            secret.set(&mut write, value.clone());
        }
    }
    for head in table.owned_whole {
        if changes.iter().any(|change| change.path.head() == *head)
            && let Some(Value::Map(said)) = document.spec.get(*head)
            && let Some(Value::Map(map)) = write.get_mut(*head)
        {
            *map = put_down(said, std::mem::take(map));
        }
    }
    for path in table.sets.iter().map(|field| FieldPath::dotted(field)) {
        if let (Some(said @ Value::List(items)), Some(Value::List(found))) =
            (path.get(&document.spec), path.get(&write))
            && same_set(items, found)
        {
            let said = said.clone();
            path.set(&mut write, said);
        }
    }
    write
}

/// `map` in the order of `said`, with its nulls; what only `map` has comes last.
fn put_down(said: &Map, mut map: Map) -> Map {
    let mut put = Map::new();
    for (key, value) in said {
        match map.shift_remove(key) {
            Some(value) => put.insert(key.clone(), value),
            None if value.is_null() => put.insert(key.clone(), Value::Null),
            None => None,
        };
    }
    put.extend(map);
    put
}

/// What the ledger says once `applied` took effect and `reported` did not.
pub(crate) fn agreement(
    terms: Terms<'_>,
    document: &Document,
    reported: &[FieldChange],
    remote: Option<crate::key::RemoteId>,
    revision: &crate::key::Revision,
) -> LedgerEntry {
    let mut spec = document.spec.clone();
    let mut fingerprints = std::collections::BTreeMap::new();
    let known = terms.memory.entry();
    let mut all = Vec::new();
    leaves(&document.spec, None, &[], &mut all);
    for (path, value) in all {
        if let Value::Secret(secret) = value {
            path.remove(&mut spec);
            let waits = reported.iter().any(|change| change.path == path);
            let known = known.and_then(|entry| entry.fingerprints.get(&path)).cloned();
            let now = terms
                .fingerprints
                .map(|key| key.fingerprint(&document.key, &path, secret));
            if let Some(fingerprint) = if waits { known } else { now } {
                fingerprints.insert(path, fingerprint);
            }
        }
    }
    for change in reported
        .iter()
        .filter(|change| !matches!(change.after, Some(Value::Secret(_))))
    {
        match known.and_then(|entry| change.path.get(&entry.spec)) {
            Some(agreed) => change.path.set(&mut spec, agreed.clone()),
            None => {
                change.path.remove(&mut spec);
            }
        }
    }
    LedgerEntry {
        spec,
        fingerprints,
        remote,
        revision: revision.clone(),
        protected: document.protected,
    }
}
