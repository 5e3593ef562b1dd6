//! Reads what is live: lists by pages, details only where a list is lighter than the comparison needs.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::key::{Key, Kind, RemoteId};
use driftless_core::report::{Failure, Meaning};
use driftless_core::snapshot::{Desired, Live, Scope};
use futures::stream::{self, StreamExt as _};
use serde_json::Value as Json;

use super::body::collect_secrets;
use super::calls::{
    GET_CONTAINER, GET_DATASTORE, LIST_CHECKS, LIST_CONNECTIONS, LIST_CONTAINERS, LIST_DATASTORES, PAGES,
};
use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE};
use super::labels::Seen;
use super::placed::{Wanted, gap, put_checks, put_container, referenced, wanted};
use super::references::{container_key, references};
use super::wire::{self, Context, LiveCheck, Names};
use super::{Qualytics, portable};
use crate::platform::failures::failure;
use crate::platform::http::{READINGS, Request, Whole};

/// Reads under way at once, before the gate: enough that the gate alone decides.
pub(super) const AT_ONCE: usize = 64;

/// A container, as the light list has it.
pub(super) struct Listed {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) container_type: String,
}

/// All that was read of one datastore.
struct Part {
    id: i64,
    name: String,
    containers: Result<Vec<Listed>, Failure>,
}

impl Qualytics {
    pub(super) async fn observed(&self, desired: &Desired, scope: &Scope) -> Result<Live, Failure> {
        let mut secrets = Vec::new();
        for document in desired.documents.values() {
            document
                .spec
                .values()
                .for_each(|value| collect_secrets(value, &mut secrets));
        }
        self.http.hide(secrets);
        let mut live = Live::default();
        let mut names = Names::default();
        let (connections, datastores) = futures::join!(self.connections(), self.datastores());
        match connections {
            Ok(connections) => {
                for raw in &connections {
                    let Some(resource) = wire::connection(raw) else {
                        continue;
                    };
                    let Some(name) = wire::text_of(raw, "name") else {
                        continue;
                    };
                    names.connections.insert(resource.id.0, name.to_owned());
                    live.resources.insert(Key::new(CONNECTION, [name]), resource);
                }
            }
            Err(failure) => live.gaps.push(gap(CONNECTION, None, failure, "the connections")?),
        }
        let listed = match live.gaps.is_empty() {
            true => &[CONNECTION, DATASTORE][..],
            false => &[DATASTORE],
        };
        let datastores = datastores?;
        for raw in &datastores {
            if let (Some(id), Some(name)) = (wire::id_of(raw), wire::text_of(raw, "name")) {
                names.datastores.insert(id, name.to_owned());
            }
        }
        let mut seen = Seen::default();
        datastores.iter().for_each(|raw| seen.of_datastore(raw));
        let wanted = wanted(desired, scope, &names);
        let mut to_list: BTreeSet<i64> = wanted.keys().copied().collect();
        to_list.extend(referenced(desired, &wanted, &names));
        let unseen = self.unseen(desired, scope, &names, listed).await?;
        unseen.name(scope, &mut names);
        live.gaps.extend(unseen.gaps);
        for raw in datastores {
            let Some(id) = wire::id_of(&raw) else { continue };
            let Some(name) = names.datastores.get(&id) else {
                continue;
            };
            let key = Key::new(DATASTORE, [name]);
            if wanted.contains_key(&id) {
                let raw = self.whole_datastore(raw, id).await?;
                live.resources
                    .extend(wire::datastore(&raw, &names).map(|resource| (key, resource)));
            } else {
                let spec = wire::datastore(&raw, &names).map(|resource| resource.spec);
                for reference in spec.iter().flat_map(|spec| references(&key, spec)) {
                    live.outside.entry(reference.to).or_default().insert(key.clone());
                }
                live.discovered.insert(key, RemoteId(id));
            }
        }
        let parts = self.listings(to_list, &names).await?;
        for part in &parts {
            if let Ok(containers) = &part.containers {
                for container in containers {
                    names.containers.insert(container.id, (part.id, container.name.clone()));
                }
            }
        }
        let names = self.contents(parts, &wanted, scope, names, &mut live).await?;
        self.confirm(scope, &wanted, &names, &mut live).await?;
        self.read_mentioned(desired, seen, &mut live).await?;
        Ok(live)
    }

    /// Every connection.
    pub(super) async fn connections(&self) -> Result<Vec<Json>, Failure> {
        let request = Request::new(&LIST_CONNECTIONS, &[]).query("sort_id", "desc");
        self.settled(&request, |raw| raw, |_| true).await
    }

    /// Every datastore: a list may hide those that only take enrichment, so it is read both ways.
    pub(super) async fn datastores(&self) -> Result<Vec<Json>, Failure> {
        let request = Request::new(&LIST_DATASTORES, &[]).query("sort_created", "desc");
        let hidden = request.clone().query("enrichment_only", true);
        let (shown, hidden) = futures::join!(
            self.settled(&request, |raw| raw, |_| true),
            self.settled(&hidden, |raw| raw, |_| true)
        );
        let mut all = shown?;
        let seen: BTreeSet<Option<i64>> = all.iter().map(wire::id_of).collect();
        all.extend(hidden?.into_iter().filter(|raw| !seen.contains(&wire::id_of(raw))));
        Ok(all)
    }

    /// Reads a list that is asked for newest first, and gives it oldest first. Where something is `missing` in it, and it has several
    /// pages, it must have held still meanwhile; it is read again as long as it did not, three times at most.
    pub(super) async fn settled<T>(
        &self,
        request: &Request,
        read: impl Fn(Json) -> T,
        missing: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, Failure> {
        for _ in 0..READINGS {
            let Whole { mut items, first } = self.http.list(request, PAGES, &read).await?;
            if !missing(&items) || self.http.stands(request, PAGES, &first).await? {
                items.reverse();
                return Ok(items);
            }
        }
        let message = format!(
            "{}: rows came while its pages were read, {READINGS} times in a row: what is missing in it may have slipped between them",
            request.asked()
        );
        Err(failure(Meaning::Broken, message))
    }

    /// The datastore itself, where the list holds less of it than is compared.
    async fn whole_datastore(&self, raw: Json, id: i64) -> Result<Json, Failure> {
        let has = |field: &str| raw.get(field).is_some();
        if has("teams") && (has("global_tags") || has("tags")) && (has("connection_id") || has("connection")) {
            return Ok(raw);
        }
        self.http.fetch(&Request::new(&GET_DATASTORE, &[id])).await
    }

    /// The light list of a datastore's containers, without those that were deleted.
    pub(super) async fn containers(&self, datastore: i64) -> Result<Vec<Listed>, Failure> {
        let request = Request::new(&LIST_CONTAINERS, &[]).query("datastore", datastore);
        let answer = self.http.fetch(&request).await?;
        let Json::Array(items) = answer else {
            return Err(crate::platform::failures::broken(&request, "the answer is no list"));
        };
        let is_there = |raw: &Json| raw.get("deleted_at").is_none_or(Json::is_null);
        Ok(items
            .iter()
            .filter(|raw| is_there(raw))
            .filter_map(|raw| {
                Some(Listed {
                    id: wire::id_of(raw)?,
                    name: wire::text_of(raw, "name")?.to_owned(),
                    container_type: wire::text_of(raw, "container_type").unwrap_or_default().to_owned(),
                })
            })
            .collect())
    }

    async fn listings(&self, datastores: BTreeSet<i64>, names: &Names) -> Result<Vec<Part>, Failure> {
        let mut parts: Vec<Part> = stream::iter(datastores)
            .map(|id| async move {
                Part {
                    id,
                    name: names.datastores.get(&id).cloned().unwrap_or_default(),
                    containers: self.containers(id).await,
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        parts.sort_by_key(|part| part.id);
        Ok(parts)
    }

    /// Reads the containers in full where that is needed, and the checks; then puts all of it in its place.
    async fn contents(
        &self,
        parts: Vec<Part>,
        wanted: &BTreeMap<i64, Wanted<'_>>,
        scope: &Scope,
        mut names: Names,
        live: &mut Live,
    ) -> Result<Names, Failure> {
        let left_out = |kind: Kind| scope.left_out.contains(&kind);
        let mut details = Vec::new();
        for part in &parts {
            let datastore = Key::new(DATASTORE, [&part.name]);
            let containers = match &part.containers {
                Ok(containers) => containers,
                Err(failure) => {
                    let what = format!("the containers of `{}`", part.name);
                    for kind in [CONTAINER, COMPUTED_FIELD] {
                        live.gaps
                            .push(gap(kind, Some(datastore.clone()), failure.clone(), &what)?);
                    }
                    continue;
                }
            };
            let wanted = wanted.get(&part.id);
            for container in containers {
                let key = container_key(&part.name, &container.name);
                let computed = wire::is_computed(&container.container_type);
                let needed = wanted.is_some_and(|wanted| {
                    (computed && !(left_out(CONTAINER) && left_out(COMPUTED_FIELD)))
                        || (!left_out(COMPUTED_FIELD) && wanted.has_computed_fields(&container.name))
                });
                if needed {
                    details.push((part.id, container.id, key.clone()));
                }
                live.discovered.insert(key, RemoteId(container.id));
            }
        }
        let ids = wanted.keys().copied().filter(|_| !left_out(CHECK));
        let names_so_far = &names;
        let (details, mut checks) = futures::join!(
            stream::iter(details)
                .map(|(datastore, id, key)| async move {
                    (
                        datastore,
                        key,
                        self.http.fetch(&Request::new(&GET_CONTAINER, &[id])).await,
                    )
                })
                .buffer_unordered(AT_ONCE)
                .collect::<Vec<_>>(),
            stream::iter(ids)
                .map(|datastore| async move {
                    let documents = wanted.get(&datastore);
                    (datastore, self.checks(datastore, documents, names_so_far).await)
                })
                .buffered(AT_ONCE)
                .collect::<Vec<_>>()
        );
        self.learn_names(&mut checks, &mut names).await?;
        for (datastore, key, raw) in details {
            let of = Context {
                names: &names,
                datastore,
                desired: None,
            };
            put_container(key, raw, of, wanted.get(&datastore), left_out(CONTAINER), live)?;
        }
        for (datastore, found) in checks {
            let Some(name) = names.datastores.get(&datastore) else {
                continue;
            };
            match found {
                Ok(found) => put_checks(name, found, wanted.get(&datastore), live),
                Err(failure) => {
                    let what = format!("the checks of `{name}`");
                    let below = Some(Key::new(DATASTORE, [name]));
                    live.gaps.push(gap(CHECK, below, failure, &what)?);
                }
            }
        }
        Ok(names)
    }

    async fn checks(
        &self,
        datastore: i64,
        wanted: Option<&Wanted<'_>>,
        names: &Names,
    ) -> Result<Vec<LiveCheck>, Failure> {
        let none = Wanted::default();
        let wanted = wanted.unwrap_or(&none);
        let by_uid = wanted.specs(CHECK);
        let further: BTreeSet<String> = by_uid.values().flat_map(|spec| spec.keys()).cloned().collect();
        let request = Request::new(&LIST_CHECKS, &[])
            .query("datastore", datastore)
            .query("archived", "include")
            .query("sort_created", "desc");
        let read = |raw: Json| {
            let uid = portable::stored_uid(&raw);
            let context = Context {
                names,
                datastore,
                desired: uid.and_then(|uid| by_uid.get(uid.as_str()).copied()),
            };
            wire::check(&raw, &further, context)
        };
        // A second look costs a request, and a row that slipped matters only where one is missed.
        let missing = |found: &[Option<LiveCheck>]| {
            let stored: BTreeSet<&str> = found
                .iter()
                .flatten()
                .filter_map(|check| check.stored.as_deref())
                .collect();
            let mut documents = wanted.documents.iter().filter(|document| document.key.kind == CHECK);
            documents.any(|document| {
                let previous = document.previous.as_deref();
                !stored.contains(document.key.name()) && !previous.is_some_and(|name| stored.contains(name))
            })
        };
        let found = self.settled(&request, read, missing).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Reads what checks point at outside of what is known: one list for each datastore that they name, one container for each
    /// that they do not.
    async fn learn_names(
        &self,
        checks: &mut [(i64, Result<Vec<LiveCheck>, Failure>)],
        names: &mut Names,
    ) -> Result<(), Failure> {
        let unnamed = || {
            checks
                .iter()
                .filter_map(|(_, found)| found.as_ref().ok())
                .flatten()
                .filter_map(|check| check.unnamed)
        };
        let datastores: BTreeSet<i64> = unnamed()
            .filter_map(|unnamed| unnamed.datastore)
            .filter(|id| !names.containers.values().any(|(datastore, _)| datastore == id))
            .collect();
        let containers: BTreeSet<i64> = unnamed()
            .filter(|unnamed| unnamed.datastore.is_none())
            .map(|unnamed| unnamed.container)
            .collect();
        if datastores.is_empty() && containers.is_empty() {
            return Ok(());
        }
        for part in self.listings(datastores, names).await? {
            // What cannot be read keeps its number, which is no difference of ours to make.
            for container in part.containers.unwrap_or_default() {
                names.containers.insert(container.id, (part.id, container.name));
            }
        }
        let found: Vec<_> = stream::iter(containers)
            .map(|id| async move { self.http.fetch(&Request::new(&GET_CONTAINER, &[id])).await })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for raw in found.into_iter().flatten() {
            let datastore = raw.get("datastore").and_then(wire::id_of);
            if let (Some(id), Some(name), Some(datastore)) = (wire::id_of(&raw), wire::text_of(&raw, "name"), datastore)
            {
                names.containers.insert(id, (datastore, name.to_owned()));
            }
        }
        for (datastore, found) in checks.iter_mut() {
            let context = Context {
                names,
                datastore: *datastore,
                desired: None,
            };
            for check in found.iter_mut().flatten().filter(|check| check.unnamed.is_some()) {
                wire::name_late(check, context);
            }
        }
        Ok(())
    }
}
