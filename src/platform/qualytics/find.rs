//! Looks up whether a write whose answer was lost took effect: by key for a creation, by number for an update.

use driftless_core::key::{Key, RemoteId};
use driftless_core::normalize::meaning;
use driftless_core::plan::{Action, Operation, Removal, Step};
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::Schema as _;
use driftless_core::snapshot::{LiveResource, Presence};
use driftless_core::value::Value;
use serde_json::Value as Json;

use super::calls::{
    GET_CHECK, GET_CONNECTION, GET_CONTAINER, GET_DATASTORE, LIST_CHECKS, LIST_CONNECTIONS, LIST_DATASTORES, PAGES,
};
use super::execute::{is_written, known_number};
use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE, LINK_ENRICHMENT};
use super::references::{self, text};
use super::wire::{self, Context, Names};
use super::{Qualytics, portable, schema};
use crate::platform::failures::failure;
use crate::platform::http::{Call, Request};
use crate::platform::{Found, Ids};

impl Qualytics {
    pub(super) async fn found(&self, step: &Step, ids: &Ids) -> Result<Found, Failure> {
        match &step.change.action {
            Action::Operation(operation) => self.found_operation(operation, step.remote, ids).await,
            Action::Delete(removal) => self.found_deletion(step, ids, *removal).await,
            Action::Replace(_) => {
                let old = known_number(step, ids)?;
                Ok(match self.successor(step, old, ids).await? {
                    None => Found::Absent,
                    Some((id, true)) => Found::Done(id),
                    Some((id, false)) => Found::Partly(id),
                })
            }
            Action::Create | Action::Update => {
                let raw = match step.remote {
                    Some(id) => self.by_number(step, id, ids).await?,
                    None => self.by_key(step, ids).await?,
                };
                Ok(match raw.and_then(|raw| self.read_back(&raw, step, ids)) {
                    None => Found::Absent,
                    Some(live) if says_all(step, &live) => Found::Done(live.id),
                    Some(live) => Found::Partly(live.id),
                })
            }
        }
    }

    /// A deletion took effect when the number is gone, and one that archives when that is put away, too.
    pub(super) async fn found_deletion(&self, step: &Step, ids: &Ids, removal: Removal) -> Result<Found, Failure> {
        let Some(id) = step.remote.or_else(|| ids.get(&step.change.key)) else {
            let message = format!("{} has no number to look up", step.change.key);
            return Err(failure(Meaning::NotFound, message));
        };
        Ok(match self.by_number(step, id, ids).await? {
            Some(raw) if removal == Removal::Archive && wire::is_away(&raw) => Found::Done(id),
            Some(_) => Found::Partly(id),
            None => Found::Done(id),
        })
    }

    /// The link itself can be read; a sync or a profile that is asked for twice does no harm.
    async fn found_operation(
        &self,
        operation: &Operation,
        remote: Option<RemoteId>,
        ids: &Ids,
    ) -> Result<Found, Failure> {
        if operation.name != LINK_ENRICHMENT {
            return Ok(Found::Absent);
        }
        let Some(id) = remote.or_else(|| ids.get(&operation.subject)) else {
            return Ok(Found::Absent);
        };
        let raw = self.http.fetch(&Request::new(&GET_DATASTORE, &[id.0])).await?;
        let linked = raw.get("enrich_datastore").and_then(|stub| wire::text_of(stub, "name"));
        let wanted = text(&operation.arguments, "enrich_datastore_name");
        Ok(match linked == wanted {
            true => Found::Done(id),
            false => Found::Absent,
        })
    }

    /// What has this number; nothing when the platform says that nothing has.
    async fn by_number(&self, step: &Step, id: RemoteId, ids: &Ids) -> Result<Option<Json>, Failure> {
        let call: &'static Call = match step.change.key.kind {
            CONNECTION => &GET_CONNECTION,
            DATASTORE => &GET_DATASTORE,
            CONTAINER => &GET_CONTAINER,
            CHECK => &GET_CHECK,
            // There is no request for one: its container has it.
            _ => {
                return self
                    .computed_field(step, ids, |raw| wire::id_of(raw) == Some(id.0))
                    .await;
            }
        };
        or_nothing(self.http.fetch(&Request::new(call, &[id.0])).await)
    }

    /// What has this key.
    pub(super) async fn by_key(&self, step: &Step, ids: &Ids) -> Result<Option<Json>, Failure> {
        let key = &step.change.key;
        let named = |raw: &Json| wire::text_of(raw, "name") == Some(key.name());
        match key.kind {
            CONNECTION => {
                let request = Request::new(&LIST_CONNECTIONS, &[]).query("name", key.name());
                Ok(self
                    .http
                    .pages(&request, PAGES, |raw| raw)
                    .await?
                    .into_iter()
                    .find(named))
            }
            DATASTORE => {
                let request = Request::new(&LIST_DATASTORES, &[]).query("name", key.name());
                let hidden = request.clone().query("enrichment_only", true);
                let shown = self
                    .http
                    .pages(&request, PAGES, |raw| raw)
                    .await?
                    .into_iter()
                    .find(named);
                match shown {
                    Some(raw) => Ok(Some(raw)),
                    None => Ok(self
                        .http
                        .pages(&hidden, PAGES, |raw| raw)
                        .await?
                        .into_iter()
                        .find(named)),
                }
            }
            CONTAINER => {
                let Some(datastore) = references::datastore_of(key).and_then(|key| ids.get(&key)) else {
                    return Ok(None);
                };
                let listed = self.containers(datastore.0).await?;
                match listed.into_iter().find(|listed| listed.name == key.name()) {
                    Some(listed) => or_nothing(self.http.fetch(&Request::new(&GET_CONTAINER, &[listed.id])).await),
                    None => Ok(None),
                }
            }
            COMPUTED_FIELD => self.computed_field(step, ids, named).await,
            CHECK => self.check_by_uid(step, ids).await,
            _ => Ok(None),
        }
    }

    async fn computed_field(
        &self,
        step: &Step,
        ids: &Ids,
        wanted: impl Fn(&Json) -> bool,
    ) -> Result<Option<Json>, Failure> {
        let home = references::home_of(&step.change.key, &step.write);
        // A container that is gone has taken its fields along.
        let Some(container) = home.and_then(|home| ids.get(&home)) else {
            return Ok(None);
        };
        let raw = or_nothing(self.http.fetch(&Request::new(&GET_CONTAINER, &[container.0])).await)?;
        let fields = raw.as_ref().and_then(|raw| raw.get("computed_fields")?.as_array());
        Ok(fields.and_then(|fields| fields.iter().find(|raw| wanted(raw)).cloned()))
    }

    /// Searches the checks of the container and rule, put away or not, for the id that the creation wrote.
    async fn check_by_uid(&self, step: &Step, ids: &Ids) -> Result<Option<Json>, Failure> {
        let key = &step.change.key;
        let datastore = references::datastore_of(key).and_then(|key| ids.get(&key));
        let container = references::home_of(key, &step.write).and_then(|home| ids.get(&home));
        let (Some(datastore), Some(container)) = (datastore, container) else {
            return Ok(None);
        };
        let request = Request::new(&LIST_CHECKS, &[])
            .query("datastore", datastore.0)
            .query("container", container.0)
            .query("archived", "include")
            .query("sort_created", "desc");
        let stored = |raw: &Json| portable::stored_uid(raw).as_deref() == Some(key.name());
        let found = self
            .http
            .pages(&request, PAGES, |raw| stored(&raw).then_some(raw))
            .await?;
        let mut found: Vec<Json> = found.into_iter().flatten().collect();
        found.sort_by_key(|raw| {
            (
                raw.get("deleted_at").is_some_and(|moment| !moment.is_null()),
                wire::id_of(raw),
            )
        });
        Ok(found.into_iter().next())
    }

    /// What was read, in the form of what was to be written.
    pub(super) fn read_back(&self, raw: &Json, step: &Step, ids: &Ids) -> Option<LiveResource> {
        let key = &step.change.key;
        let names = names_of(step, ids);
        let owner = references::datastore_of(key).and_then(|key| ids.get(&key));
        let context = Context {
            names: &names,
            datastore: owner.map_or(0, |id| id.0),
            desired: Some(&step.write),
        };
        match key.kind {
            CONNECTION => wire::connection(raw),
            DATASTORE => wire::datastore(raw, &names),
            CONTAINER => wire::container(raw, context),
            COMPUTED_FIELD => wire::computed_field(raw, context),
            CHECK => {
                let further = step.write.keys().cloned().collect();
                let mut live = wire::check(raw, &further, context)?.resource;
                let owner = key.path().first().map_or("", String::as_str);
                references::align(owner, &mut live.spec, &step.write);
                Some(live)
            }
            _ => None,
        }
    }
}

/// The names of all that the step refers to, by number.
fn names_of(step: &Step, ids: &Ids) -> Names {
    let key = &step.change.key;
    let mut names = Names::default();
    let number = |key: &Key| ids.get(key).map(|id| id.0);
    let references = schema().references(key, &step.write);
    for to in references.iter().map(|reference| &reference.to).chain([key]) {
        let datastore = references::datastore_of(to);
        if let Some(datastore) = &datastore
            && let Some(id) = number(datastore)
        {
            names.datastores.insert(id, datastore.name().to_owned());
            if to.kind == CONTAINER
                && let Some(container) = number(to)
            {
                names.containers.insert(container, (id, to.name().to_owned()));
            }
        }
        if to.kind == CONNECTION
            && let Some(id) = number(to)
        {
            names.connections.insert(id, to.name().to_owned());
        }
    }
    names
}

/// Whether all that the step writes is live, however it is spelled, as far as that can be read. Of a change that is nothing but a
/// secret it cannot.
pub(super) fn says_all(step: &Step, live: &LiveResource) -> bool {
    let fields = &step.change.fields;
    let is_secret = |value: &Option<Value>| matches!(value, Some(Value::Secret(_)));
    let unreadable = step.change.action == Action::Update && fields.iter().any(|change| is_secret(&change.after));
    let linked: Vec<&str> = schema()
        .spec(step.change.key.kind)
        .map(|table| table.linked.iter().map(|(field, _)| *field).collect())
        .unwrap_or_default();
    let kind = step.change.key.kind;
    let (wanted, found) = (
        meaning(schema(), kind, &step.write),
        meaning(schema(), kind, &live.spec),
    );
    let written = wanted
        .iter()
        .filter(|(field, _)| !linked.contains(&field.as_str()))
        .filter(|(field, _)| !live.unread.contains(field))
        .all(|(field, value)| is_written(value, found.get(field)));
    let removed = fields
        .iter()
        .filter(|change| change.after.is_none())
        .all(|change| change.path.get(&found).is_none_or(Value::is_null));
    written && removed && !unreadable && live.presence == Presence::Active
}

fn or_nothing(answer: Result<Json, Failure>) -> Result<Option<Json>, Failure> {
    match answer {
        Ok(raw) => Ok(Some(raw)),
        Err(failure) if failure.meaning == Meaning::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
