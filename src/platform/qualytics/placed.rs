//! Puts what was read in its place: what Git and the ledger want of which datastore, what is known by which key, and what could
//! not be read.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::document::Document;
use driftless_core::key::{Key, Kind};
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::Schema as _;
use driftless_core::snapshot::{Desired, Gap, GapReason, Live, LiveResource, Presence, Scope};
use driftless_core::value::Map;
use serde_json::Value as Json;

use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE};
use super::wire::{self, Context, LiveCheck, Names};
use super::{layout, references, schema};

/// What Git and the ledger say of one datastore.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    pub(super) documents: Vec<&'a Document>,
    pub(super) owned: Vec<&'a Key>,
    /// The names that containers have had, by those that Git gives them.
    former: BTreeMap<&'a str, &'a str>,
}

impl Wanted<'_> {
    /// What Git says of each resource of `kind`, by its own name, and by the one that it has had where that is nobody's.
    pub(super) fn specs(&self, kind: Kind) -> BTreeMap<&str, &Map> {
        let documents = || self.documents.iter().filter(|document| document.key.kind == kind);
        let mut specs: BTreeMap<&str, &Map> = documents()
            .map(|document| (document.key.name(), &document.spec))
            .collect();
        for document in documents() {
            if let Some(previous) = &document.previous {
                specs.entry(previous).or_insert(&document.spec);
            }
        }
        specs
    }

    /// What Git says of computed fields in the container that has this name on the instance.
    fn fields_of<'w>(&'w self, container: &'w str) -> impl Iterator<Item = &'w Document> {
        let slug = layout::slug(container);
        let fields = self
            .documents
            .iter()
            .filter(|document| document.key.kind == COMPUTED_FIELD);
        fields.copied().filter(move |document| {
            let by_slug = document.by_slug.iter().any(|by_slug| by_slug.segment == 1);
            document.key.path().get(1).is_some_and(|name| {
                name == container
                    || (by_slug && *name == slug)
                    || self
                        .former
                        .get(name.as_str())
                        .is_some_and(|former| *former == container)
            })
        })
    }

    /// Whether Git or the ledger has a computed field in a container of this name.
    pub(super) fn has_computed_fields(&self, container: &str) -> bool {
        self.fields_of(container).next().is_some()
            || self
                .owned
                .iter()
                .any(|key| key.kind == COMPUTED_FIELD && key.path().get(1).is_some_and(|name| name == container))
    }
}

/// The datastores of an instance, by the names by which Git may call them.
struct Datastores<'a> {
    by_name: BTreeMap<&'a str, i64>,
    /// In small letters.
    by_folded: BTreeMap<String, Vec<i64>>,
    by_slug: BTreeMap<String, Vec<i64>>,
    /// The names that they have had, by those that Git gives them.
    former: BTreeMap<&'a str, &'a str>,
}

impl<'a> Datastores<'a> {
    fn new(documents: impl Iterator<Item = &'a Document>, names: &'a Names) -> Self {
        let mut all = Self {
            by_name: BTreeMap::new(),
            by_folded: BTreeMap::new(),
            by_slug: BTreeMap::new(),
            former: documents
                .filter(|document| document.key.kind == DATASTORE)
                .filter_map(|document| Some((document.key.name(), document.previous.as_deref()?)))
                .collect(),
        };
        for (id, name) in &names.datastores {
            all.by_name.insert(name, *id);
            all.by_folded.entry(name.to_lowercase()).or_default().push(*id);
            all.by_slug.entry(layout::slug(name)).or_default().push(*id);
        }
        all
    }

    /// All that may be meant by a name: which of them is, the plan tells.
    fn called(&self, name: &str) -> Vec<i64> {
        let names = [Some(name), self.former.get(name).copied()];
        let ids = names.into_iter().flatten().filter_map(|name| self.by_name.get(name));
        let ids: Vec<i64> = ids.copied().collect();
        if ids.is_empty() {
            return self.by_folded.get(&name.to_lowercase()).cloned().unwrap_or_default();
        }
        ids
    }
}

/// The datastores of this instance that Git or the ledger names, with what they say of each.
pub(super) fn wanted<'a>(desired: &'a Desired, scope: &'a Scope, names: &Names) -> BTreeMap<i64, Wanted<'a>> {
    let datastores = Datastores::new(desired.documents.values(), names);
    let mut wanted: BTreeMap<i64, Wanted<'a>> = BTreeMap::new();
    for (key, document) in desired.documents.iter().filter(|(key, _)| key.kind != CONNECTION) {
        let Some(name) = key.path().first() else { continue };
        let is_slug = document.by_slug.iter().any(|by_slug| by_slug.segment == 0);
        let ids = match is_slug {
            true => datastores.by_slug.get(name.as_str()).cloned().unwrap_or_default(),
            false => datastores.called(name),
        };
        for id in ids {
            let wanted = wanted.entry(id).or_default();
            wanted.documents.push(document);
            if let (CONTAINER, Some(previous)) = (key.kind, &document.previous) {
                wanted.former.insert(key.name(), previous);
            }
        }
    }
    for key in scope.owned.keys().filter(|key| key.kind != CONNECTION) {
        if let Some(id) = key
            .path()
            .first()
            .and_then(|name| datastores.by_name.get(name.as_str()))
        {
            wanted.entry(*id).or_default().owned.push(key);
        }
    }
    wanted
}

/// The datastores whose containers Git refers to, wherever they are.
pub(super) fn referenced(desired: &Desired, wanted: &BTreeMap<i64, Wanted<'_>>, names: &Names) -> BTreeSet<i64> {
    let datastores = Datastores::new(desired.documents.values(), names);
    let targets: BTreeSet<&str> = wanted
        .values()
        .flat_map(|wanted| &wanted.documents)
        .flat_map(|document| &document.references)
        .filter(|reference| reference.to.kind == CONTAINER)
        .filter_map(|reference| reference.to.path().first())
        .map(String::as_str)
        .collect();
    targets.into_iter().flat_map(|name| datastores.called(name)).collect()
}

/// What could not be read; a token that is refused altogether is no gap.
pub(super) fn gap(kind: Kind, below: Option<Key>, failure: Failure, what: &str) -> Result<Gap, Failure> {
    // Nothing else of this instance will be read either.
    if matches!(failure.meaning, Meaning::Unauthorized | Meaning::NotSent) {
        return Err(failure);
    }
    Ok(Gap {
        kind,
        below,
        reason: GapReason::Unread,
        message: format!("{what} could not be read: {}", failure.message),
    })
}

/// Puts a container that was read in full, and its computed fields, in their places.
pub(super) fn put_container(
    key: Key,
    raw: Result<Json, Failure>,
    of: Context<'_>,
    wanted: Option<&Wanted<'_>>,
    as_discovered: bool,
    live: &mut Live,
) -> Result<(), Failure> {
    let raw = match raw {
        Ok(raw) => raw,
        // It went away after the list was read.
        Err(failure) if failure.meaning == Meaning::NotFound => {
            live.discovered.remove(&key);
            return Ok(());
        }
        Err(failure) => {
            let what = format!("`{}`", key.path_text());
            let parent = key.path().first().map(|name| Key::new(DATASTORE, [name]));
            live.gaps.push(gap(CONTAINER, parent, failure.clone(), &what)?);
            live.gaps.push(gap(COMPUTED_FIELD, Some(key), failure, &what)?);
            return Ok(());
        }
    };
    let none = Wanted::default();
    let wanted = wanted.unwrap_or(&none);
    let named = |kind: Kind, name: &str| -> Option<&Map> { wanted.specs(kind).get(name).copied() };
    let fields = raw
        .get("computed_fields")
        .and_then(Json::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    for field in fields {
        let Some(name) = wire::text_of(field, "name") else {
            continue;
        };
        let mut path = key.path().to_vec();
        path.push(name.to_owned());
        let field_key = Key::new(COMPUTED_FIELD, path);
        let is_it = |document: &&Document| document.key.name() == name || document.previous.as_deref() == Some(name);
        let desired = wanted.fields_of(key.name()).find(is_it);
        let context = Context {
            desired: desired.map(|document| &document.spec),
            ..of
        };
        live.resources
            .extend(wire::computed_field(field, context).map(|resource| (field_key, resource)));
    }
    if wire::text_of(&raw, "container_type").is_some_and(wire::is_computed) && !as_discovered {
        let context = Context {
            desired: named(CONTAINER, key.name()),
            ..of
        };
        if let Some(resource) = wire::container(&raw, context) {
            live.discovered.remove(&key);
            live.resources.insert(key, resource);
        }
    }
    Ok(())
}

/// Puts a datastore's checks in their places: by the id that they store, once each; all others with the id that they would get.
pub(super) fn put_checks(datastore: &str, mut found: Vec<LiveCheck>, wanted: Option<&Wanted<'_>>, live: &mut Live) {
    let none = Wanted::default();
    let wanted = wanted.unwrap_or(&none);
    let by_uid = wanted.specs(CHECK);
    let by_likeness: BTreeMap<String, &Map> = wanted
        .documents
        .iter()
        .filter_map(|document| Some((schema().likeness(document.key.kind, &document.spec)?, &document.spec)))
        .collect();
    // Of two with one id the older one has it, but one that is in use before one that was put away.
    found.sort_by_key(|check| (check.resource.presence == Presence::Archived, check.resource.id));
    let mut strangers: Vec<(String, LiveResource)> = Vec::new();
    for mut check in found {
        let key = check.stored.as_ref().map(|uid| Key::new(CHECK, [datastore, uid]));
        // Another check that stores its id is not what the document with this id means.
        let own = check
            .stored
            .as_ref()
            .filter(|_| key.as_ref().is_some_and(|key| !live.resources.contains_key(key)));
        let desired = match own {
            Some(uid) => by_uid.get(uid.as_str()).copied(),
            None => schema()
                .likeness(CHECK, &check.resource.spec)
                .and_then(|likeness| by_likeness.get(&likeness).copied()),
        };
        if let Some(desired) = desired {
            references::align(datastore, &mut check.resource.spec, desired);
        }
        match key {
            Some(key) if !live.resources.contains_key(&key) => {
                live.resources.insert(key, check.resource);
            }
            // Its twin is known by that id; what was put away beside it is of no use to anybody.
            Some(_) if check.resource.presence == Presence::Archived => {}
            Some(key) => strangers.push((key.name().to_owned(), check.resource)),
            None => strangers.push((check.generated, check.resource)),
        }
    }
    strangers.sort_by_key(|(_, resource)| resource.id);
    let mut taken: BTreeSet<Key> = BTreeSet::new();
    for (uid, resource) in strangers {
        let mut key = Key::new(CHECK, [datastore, &uid]);
        let mut number = 2;
        while taken.contains(&key) || live.resources.contains_key(&key) {
            key = Key::new(CHECK, [datastore, &format!("{uid}_{number}")]);
            number += 1;
        }
        taken.insert(key.clone());
        live.unidentified.push((key, resource));
    }
}
