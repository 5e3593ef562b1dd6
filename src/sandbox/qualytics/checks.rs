//! Quality checks: create, read, update, archive, restore, delete.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::body::{Faults, array, given, names, object, text};
use super::page::{Page, descending};
use super::permission::Permission;
use super::rules::named;
use super::state::{Check, CheckStatus, Definition, Id, Instance, Meta};
use super::switches::{Put, Toggle};
use super::wire::{Answer, Call, Caller, Outcome, Query, Refusal};

impl Instance {
    /// A check in a datastore the caller shares a team with; any other is not found.
    pub(super) fn seen_check(&self, caller: Caller, id: Id) -> Result<&Check, Refusal> {
        let found = self.checks.get(id).filter(|row| self.sees(caller, row.datastore));
        found.ok_or_else(|| Refusal::not_found("Quality check", id))
    }

    pub(super) fn render_check(&self, row: &Check) -> Value {
        let id = row.meta.id;
        let alias = row.rule.name == "isReplicaOf" && self.switches.replica_alias == Toggle::On;
        let fields: Vec<Value> = row
            .definition
            .fields
            .iter()
            .map(|name| self.field_stub(row.container, name))
            .collect();
        let container = self.containers.get(row.container);
        let mut out = json!({
            "id": id,
            "created": row.meta.created,
            "rule_type": if alias { "dataDiff" } else { row.rule.name },
            "inferred": row.inferred,
            "description": row.description,
            "fields": fields,
            "coverage": row.definition.coverage,
            "filter": row.definition.filter,
            "anomaly_message_field": row.message_field,
            "properties": self.shown_properties(&row.definition.properties),
            "global_tags": self.tag_stubs(&row.tags),
            "status": row.status.name(),
            "additional_metadata": row.metadata,
            "owner": self.user_stub(row.owner),
            "default_anomaly_assignee": row.assignee.map(|id| self.user_stub(id)),
            "is_template": false,
            "template_locked": null,
            "template": row.template.map(|id| json!({ "id": id })),
            "template_checks_count": null,
            "is_properties_inferrable": row.inferred,
            "is_coverage_inferrable": row.inferred,
            "is_description_inferrable": false,
            "created_by": self.user_stub(row.meta.creator),
            "last_editor": self.user_stub(row.meta.editor),
            "last_updated": row.meta.updated,
            "is_new": row.inferred,
            "favorite": row.favorite,
            "weight": self.clock.wander(id, 50, 20),
            "num_container_scans": self.clock.wander(id, 51, 500),
            "anomaly_count": self.clock.wander(id, 52, 100),
            "active_anomaly_count": self.clock.wander(id, 53, 10),
            "last_asserted": self.clock.read(self.clock.wander(id, 54, 60)),
            "is_passing": self.clock.wander(id, 55, 2) == 0,
            "deleted_at": row.archived_at,
            "latest_container_profile": { "id": container.map_or(0, |container| container.profiles) },
            "container": container.map(|container| json!({
                "id": container.meta.id,
                "name": container.name,
                "container_type": container.kind.name(),
            })),
            "datastore": self.datastore_stub(row.datastore),
        });
        if self.switches.leaked_volatile == Toggle::On {
            out["quality_score"] = self.clock.quality_score(id);
        }
        out
    }

    /// Creates a check from a create body; who may was decided by the caller of this.
    pub(super) fn add_check_from(&mut self, body: &Map<String, Value>, by: Caller) -> Result<Id, Refusal> {
        let mut faults = Faults::default();
        faults.need(body, &["container_id", "rule", "description"]);
        faults.texts(body, &["rule", "description"]);
        faults.length(body, "description", 10_000);
        status_fault(body, &mut faults);
        let rule = text(body, "rule").and_then(named);
        if rule.is_none() && text(body, "rule").is_some() {
            faults.add(
                &["rule"],
                "Input tag does not match any of the expected tags",
                "union_tag_invalid",
            );
        }
        faults.done()?;
        let Some(rule) = rule else {
            return Err(Refusal::bad("no rule"));
        };
        let container = body.get("container_id").and_then(Value::as_i64).unwrap_or_default();
        let datastore = self.seen_container(by, container)?.datastore;
        let status = text(body, "status")
            .and_then(CheckStatus::parse)
            .unwrap_or(CheckStatus::Active);
        self.need(by, datastore, right_for(status))?;
        let definition = self.define(body, rule, container, by)?;
        let owner = given(body, "owner_id").and_then(Value::as_i64);
        self.known_people(body, datastore)?;
        self.overlap(container, rule, &definition, None)?;
        let tags = self.tag_ids(&names(body.get("tags").unwrap_or(&Value::Null)), "tags", by.id)?;
        let id = self.checks.reserve();
        let meta = self.born(id, by.id);
        let metadata = self.stored(body.get("additional_metadata").cloned().unwrap_or_default());
        self.add_check(Check {
            meta,
            datastore,
            container,
            rule,
            definition,
            description: text(body, "description").unwrap_or_default().to_owned(),
            message_field: body.get("anomaly_message_field").cloned().unwrap_or_default(),
            metadata,
            tags,
            status,
            archived_at: None,
            inferred: false,
            owner: owner.unwrap_or(by.id),
            assignee: given(body, "default_anomaly_assignee_id").and_then(Value::as_i64),
            template: given(body, "template_id").and_then(Value::as_i64),
            favorite: false,
        });
        Ok(id)
    }

    /// Refuses an owner or assignee that does not exist, and an owner who may not draft here.
    fn known_people(&self, body: &Map<String, Value>, datastore: Id) -> Result<(), Refusal> {
        for key in ["owner_id", "default_anomaly_assignee_id"] {
            let Some(id) = given(body, key).and_then(Value::as_i64) else {
                continue;
            };
            let user = self.users.get(id).ok_or_else(|| Refusal::not_found("User", id))?;
            let them = Caller { id, role: user.role };
            if key == "owner_id" && self.permission(them, datastore) < Some(Permission::Drafter) {
                return Err(Refusal::bad("The owner needs drafter permission"));
            }
        }
        Ok(())
    }
}

const fn right_for(status: CheckStatus) -> Permission {
    match status {
        CheckStatus::Draft => Permission::Drafter,
        CheckStatus::Active | CheckStatus::Discarded | CheckStatus::Invalid => Permission::Author,
    }
}

fn status_fault(body: &Map<String, Value>, faults: &mut Faults) {
    faults.one_of(body, "status", &["Active", "Draft"]);
}

/// What the query of a list asks for.
struct Filter<'a> {
    containers: HashSet<Id>,
    fields: Vec<Id>,
    rules: Vec<&'a str>,
    tags: Vec<&'a str>,
    statuses: Vec<&'a str>,
    inferred: Option<bool>,
    owners: Vec<Id>,
    search: Option<String>,
    archived: &'a str,
}

impl<'a> Filter<'a> {
    fn of(query: &'a Query) -> Result<Self, Refusal> {
        Ok(Self {
            containers: query.ids("container")?.into_iter().collect(),
            fields: query.ids("field")?,
            rules: query.set("rule_type"),
            tags: query.set("tag"),
            statuses: query.set("status"),
            inferred: query.flag("inferred")?,
            owners: query.ids("owner_id")?,
            search: query.first("search").map(str::to_lowercase),
            archived: query.first("archived").unwrap_or_default(),
        })
    }

    fn passes(&self, instance: &Instance, row: &Check) -> bool {
        let archived = match self.archived {
            "only" => row.archived_at.is_some(),
            "include" => true,
            _ => row.archived_at.is_none(),
        };
        archived
            && (self.containers.is_empty() || self.containers.contains(&row.container))
            && (self.rules.is_empty() || self.rules.contains(&row.rule.name))
            && (self.statuses.is_empty() || self.statuses.contains(&row.status.name()))
            && self.inferred.is_none_or(|inferred| inferred == row.inferred)
            && (self.owners.is_empty() || self.owners.contains(&row.owner))
            && instance.tagged(&row.tags, &self.tags)
            && self
                .search
                .as_ref()
                .is_none_or(|part| row.description.to_lowercase().contains(part))
            && (self.fields.is_empty()
                || self
                    .fields
                    .iter()
                    .filter_map(|id| instance.fields.get(id))
                    .any(|(container, name)| *container == row.container && row.definition.fields.contains(name)))
    }
}

fn matching<'a>(instance: &'a Instance, call: &Call) -> Result<Vec<&'a Check>, Refusal> {
    let query = &call.query;
    let filter = Filter::of(query)?;
    let mut datastores = query.ids("datastore")?;
    datastores.extend(query.ids("datastore_id")?);
    let seen = |id: Id| instance.sees(call.caller, id);
    let mut rows: Vec<&Check> = if datastores.is_empty() && filter.containers.is_empty() {
        instance
            .checks
            .iter()
            .filter(|row| seen(row.datastore))
            .filter(|row| filter.passes(instance, row))
            .collect()
    } else if datastores.is_empty() {
        let mut ids: Vec<Id> = filter.containers.iter().copied().collect();
        ids.sort_unstable();
        let rows = ids.into_iter().flat_map(|id| instance.checks_on(id));
        rows.filter(|row| seen(row.datastore))
            .filter(|row| filter.passes(instance, row))
            .collect()
    } else {
        let visible = datastores.into_iter().filter(|id| seen(*id));
        visible
            .flat_map(|id| instance.checks_in(id))
            .filter(|row| filter.passes(instance, row))
            .collect()
    };
    if descending(query, "sort_created")?
        .or(descending(query, "sort_id")?)
        .unwrap_or(false)
    {
        rows.reverse();
    }
    Ok(rows)
}

/// `GET /quality-checks`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    if call.query.flag("template_only")? == Some(true) {
        return super::templates::list(instance, call);
    }
    let rows = matching(instance, call)?;
    let instance = &*instance;
    Ok(Page::of(&call.query)?.answer(&rows, |row| instance.render_check(row)))
}

/// `GET /quality-checks/listing`.
pub(super) fn listing(instance: &mut Instance, call: &Call) -> Outcome {
    let rows = matching(instance, call)?;
    let owners = call.query.flag("owner")? == Some(true);
    Ok(Answer::Ok(
        rows.iter()
            .map(|row| {
                if owners {
                    instance.user_stub(row.owner)
                } else {
                    json!({ "id": row.meta.id, "rule_type": row.rule.name, "description": row.description })
                }
            })
            .collect(),
    ))
}

/// `GET /quality-checks/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    if instance.templates.contains_key(&id) {
        return super::templates::get(instance, call);
    }
    Ok(Answer::Ok(instance.render_check(instance.seen_check(call.caller, id)?)))
}

/// `POST /quality-checks`.
pub(super) fn create(instance: &mut Instance, call: &Call) -> Outcome {
    let id = instance.add_check_from(object(&call.body)?, call.caller)?;
    Ok(Answer::Created(
        instance.render_check(instance.seen_check(call.caller, id)?),
    ))
}

/// `PUT /quality-checks/{id}`.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance.seen_check(call.caller, id)?;
    let (datastore, container, rule) = (row.datastore, row.container, row.rule);
    let body = object(&call.body)?;
    let full = instance.switches.put.check != Put::Partial;
    let mut faults = Faults::default();
    if full {
        faults.need(body, &["description"]);
    }
    faults.texts(body, &["description"]);
    faults.length(body, "description", 10_000);
    status_fault(body, &mut faults);
    faults.done()?;
    let status = match text(body, "status").and_then(CheckStatus::parse) {
        Some(status) => status,
        None if full => CheckStatus::Active,
        None => row.status,
    };
    let completed = if full {
        body.clone()
    } else {
        completed(&row.definition, body)
    };
    instance.need(call.caller, datastore, Permission::Drafter)?;
    let definition = instance.define(&completed, rule, container, call.caller)?;
    let redefined = definition != row.definition;
    if redefined || status != row.status {
        instance.need(call.caller, datastore, right_for(row.status).max(right_for(status)))?;
    }
    instance.known_people(body, datastore)?;
    if !status.archived() {
        instance.overlap(container, rule, &definition, Some(id))?;
    }
    let before = comparable(row);
    let mut tags = None;
    if full || body.contains_key("tags") {
        tags = Some(instance.tag_ids(&names(body.get("tags").unwrap_or(&Value::Null)), "tags", call.caller.id)?);
    }
    let metadata = instance.stored(body.get("additional_metadata").cloned().unwrap_or_default());
    let row = instance
        .checks
        .get_mut(id)
        .ok_or_else(|| Refusal::not_found("Quality check", id))?;
    row.inferred = row.inferred && !redefined;
    row.definition = definition;
    row.status = status;
    if !status.archived() {
        row.archived_at = None;
    }
    if let Some(description) = text(body, "description") {
        description.clone_into(&mut row.description);
    }
    if full || body.contains_key("anomaly_message_field") {
        row.message_field = body.get("anomaly_message_field").cloned().unwrap_or_default();
    }
    if full || body.contains_key("additional_metadata") {
        row.metadata = metadata;
    }
    if let Some(tags) = tags {
        row.tags = tags;
    }
    if let Some(owner) = given(body, "owner_id").and_then(Value::as_i64) {
        row.owner = owner;
    }
    if let Some(assignee) = body.get("default_anomaly_assignee_id") {
        row.assignee = assignee.as_i64();
    }
    let (mut meta, after): (Meta, Value) = (row.meta.clone(), comparable(row));
    instance.edited(&mut meta, call.caller.id, &before, &after);
    if let Some(row) = instance.checks.get_mut(id) {
        row.meta = meta;
    }
    Ok(Answer::Ok(instance.render_check(instance.seen_check(call.caller, id)?)))
}

/// A partial body with what the check has for the keys of its definition that are left out.
fn completed(definition: &Definition, body: &Map<String, Value>) -> Map<String, Value> {
    let mut out = body.clone();
    let mut fill = |key: &str, value: Value| {
        if !out.contains_key(key) {
            out.insert(key.to_owned(), value);
        }
    };
    fill("fields", json!(definition.fields));
    fill("coverage", definition.coverage.clone());
    fill("filter", definition.filter.clone());
    fill("properties", Value::Object(definition.properties.clone()));
    out
}

/// What the history of a check tells apart.
fn comparable(row: &Check) -> Value {
    json!({
        "description": row.description,
        "fields": row.definition.fields,
        "coverage": row.definition.coverage,
        "filter": row.definition.filter,
        "properties": row.definition.properties,
        "additional_metadata": row.metadata,
        "tags": row.tags,
        "status": row.status.name(),
    })
}

/// `PATCH /quality-checks`: organisational attributes of many checks.
pub(super) fn patch(instance: &mut Instance, call: &Call) -> Outcome {
    let mut out = Vec::new();
    for item in array(&call.body)? {
        let item = object(item)?;
        let mut faults = Faults::default();
        faults.need(item, &["id"]);
        faults.lists_of_texts(item, &["tags"]);
        status_fault(item, &mut faults);
        faults.done()?;
        let id = item.get("id").and_then(Value::as_i64).unwrap_or_default();
        let row = instance.seen_check(call.caller, id)?;
        let (datastore, current) = (row.datastore, row.status);
        instance.need(call.caller, datastore, Permission::Drafter)?;
        let status = text(item, "status").and_then(CheckStatus::parse);
        if let Some(status) = status.filter(|status| *status != current) {
            instance.need(call.caller, datastore, right_for(current).max(right_for(status)))?;
            let row = instance.seen_check(call.caller, id)?;
            instance.overlap(row.container, row.rule, &row.definition, Some(id))?;
        }
        instance.known_people(item, datastore)?;
        let tags = match given(item, "tags") {
            Some(tags) => Some(instance.tag_ids(&names(tags), "tags", call.caller.id)?),
            None => None,
        };
        let metadata = item
            .get("additional_metadata")
            .cloned()
            .map(|metadata| instance.stored(metadata));
        let stamp = instance.clock.stamp();
        if let Some(row) = instance.checks.get_mut(id) {
            row.tags = tags.unwrap_or_else(|| std::mem::take(&mut row.tags));
            row.metadata = metadata.unwrap_or_else(|| std::mem::take(&mut row.metadata));
            if let Some(status) = status {
                row.status = status;
                row.archived_at = None;
            }
            if let Some(owner) = given(item, "owner_id").and_then(Value::as_i64) {
                row.owner = owner;
            }
            if let Some(description) = text(item, "description") {
                description.clone_into(&mut row.description);
            }
            row.meta.updated = stamp;
            row.meta.editor = call.caller.id;
        }
        out.push(instance.render_check(instance.seen_check(call.caller, id)?));
    }
    Ok(Answer::Ok(Value::Array(out)))
}

/// `PATCH /quality-checks/{id}/favorite`.
pub(super) fn favorite(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    instance.seen_check(call.caller, id)?;
    if let Some(row) = instance.checks.get_mut(id) {
        row.favorite = !row.favorite;
    }
    Ok(Answer::Ok(instance.render_check(instance.seen_check(call.caller, id)?)))
}
