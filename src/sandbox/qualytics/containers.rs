//! Containers: tables and files that sync found, and computed ones that were written.

use serde_json::{Map, Value, json};

use super::body::{Faults, array, given, names, object, text};
use super::container_definition::{check_create, check_update, keys, normalized, sql_mode};
use super::operations::Work;
use super::page::{Page, descending};
use super::permission::Permission;
use super::state::{CheckStatus, Container, ContainerType, FieldStatus, Id, Instance};
use super::switches::{ContainerProfile, Put, Toggle};
use super::wire::{Answer, Call, Caller, Outcome, Refusal};

/// How much of a container an answer shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Listed,
}

impl Instance {
    pub(super) fn container(&self, id: Id) -> Result<&Container, Refusal> {
        self.containers
            .get(id)
            .ok_or_else(|| Refusal::not_found("Container", id))
    }

    /// A container in a datastore the caller shares a team with; any other is not found.
    pub(super) fn seen_container(&self, caller: Caller, id: Id) -> Result<&Container, Refusal> {
        self.container(id).and_then(|row| {
            if self.sees(caller, row.datastore) {
                Ok(row)
            } else {
                Err(Refusal::not_found("Container", id))
            }
        })
    }

    fn render_container(&self, row: &Container, form: Form) -> Value {
        let id = row.meta.id;
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        put("id", json!(id));
        put("created", json!(row.meta.created));
        put("container_type", json!(row.kind.name()));
        put("name", json!(row.name));
        put("datastore", self.datastore_stub(row.datastore));
        for (key, default) in keys(row.kind, &row.spec) {
            let value = row.spec.get(key).cloned().unwrap_or(default);
            if key == "source_container_id" {
                let source = value.as_i64().unwrap_or_default();
                put("source_container", self.container_stub(source));
            } else {
                let right = (key == "right_container_id").then(|| value.as_i64()).flatten();
                put(key, value);
                if let Some(right) = right {
                    put(
                        "right_datastore_id",
                        json!(self.containers.get(right).map(|row| row.datastore)),
                    );
                }
            }
        }
        for key in ["table_type", "relative_path", "file_name", "extension", "file_format"] {
            if let Some(value) = row.spec.get(key) {
                put(key, value.clone());
            }
        }
        put("global_tags", self.tag_stubs(&row.tags));
        if form == Form::Whole || self.switches.list_computed_fields == Toggle::On {
            let computed = row
                .computed_fields
                .iter()
                .filter_map(|id| self.computed_fields.get(*id));
            put(
                "computed_fields",
                computed.map(|field| self.render_computed_field(field)).collect(),
            );
        }
        let checks = self
            .checks_of_container
            .get(&id)
            .map_or(0, std::collections::BTreeSet::len);
        put("metrics", self.clock.metrics(id, row.fields.len(), checks));
        put("favorite", json!(false));
        put("deleted_at", Value::Null);
        put(
            "latest_observability_measurement",
            json!({ "volume": self.clock.wander(id, 40, 100_000) }),
        );
        put("incremental_checkpoint", Value::Null);
        put("last_editor", self.user_stub(row.meta.editor));
        if self.switches.leaked_volatile == Toggle::On {
            put("updated", json!(row.meta.updated));
            put("last_profiled", json!(self.clock.read(self.clock.wander(id, 41, 60))));
        }
        Value::Object(out)
    }

    fn container_stub(&self, id: Id) -> Value {
        self.containers.get(id).map_or(Value::Null, |row| {
            json!({ "id": id, "name": row.name, "container_type": row.kind.name(), "datastore": self.datastore_stub(row.datastore) })
        })
    }

    /// Creates a computed container from a create body.
    pub(super) fn add_computed(&mut self, body: &Map<String, Value>, by: Caller) -> Result<Id, Refusal> {
        let (datastore, kind, spec) = self.checked(body, by)?;
        let name = normalized(text(body, "name").unwrap_or_default());
        if self.container_named(datastore, &name).is_some() {
            return Err(duplicate(&name));
        }
        let id = self.containers.reserve();
        let meta = self.born(id, by.id);
        self.add_container(Container {
            meta,
            datastore,
            kind,
            name,
            spec,
            tags: Vec::new(),
            fields: indexmap::IndexMap::new(),
            computed_fields: Vec::new(),
            profiles: 0,
        });
        if self.switches.container_profile == ContainerProfile::Automatic {
            self.start(Work::profile(id), datastore, by.id);
        }
        Ok(id)
    }

    /// A create body that holds: where it goes, its type, its spec.
    fn checked(
        &self,
        body: &Map<String, Value>,
        by: Caller,
    ) -> Result<(Id, ContainerType, Map<String, Value>), Refusal> {
        let mut faults = Faults::default();
        let kind = text(body, "container_type").and_then(ContainerType::parse);
        let Some(kind) = kind else {
            faults.add(
                &["container_type"],
                "Input tag does not match any of the expected tags",
                "union_tag_invalid",
            );
            return Err(faults.done().err().unwrap_or_else(|| Refusal::bad("no container type")));
        };
        check_create(body, kind, &mut faults);
        faults.done()?;
        let id = |key| given(body, key).and_then(Value::as_i64);
        let first = || Self::inputs(body).first().copied();
        let datastore = match kind {
            ContainerType::ComputedJoin => {
                let left = self.seen_container(by, first().unwrap_or_default())?.datastore;
                if sql_mode(body) {
                    id("datastore_id").unwrap_or(left)
                } else {
                    left
                }
            }
            _ => id("datastore_id").unwrap_or_default(),
        };
        self.seen_datastore(by, datastore)?;
        self.need(by, datastore, Permission::Editor)?;
        for input in Self::inputs(body) {
            self.seen_container(by, input)?;
        }
        let spec = self.created_spec(body, kind);
        self.validate_definition(datastore, kind, &spec)?;
        Ok((datastore, kind, spec))
    }

    /// Marks what `exclude_fields` names, archives the checks on it, and frees what is named no more.
    pub(super) fn exclude_fields(&mut self, id: Id) {
        let Some(row) = self.containers.get_mut(id) else { return };
        let excluded = names(row.spec.get("exclude_fields").unwrap_or(&Value::Null));
        for (name, field) in &mut row.fields {
            field.status = match (excluded.contains(name), field.status) {
                (true, _) => FieldStatus::Excluded,
                (false, FieldStatus::Excluded) => FieldStatus::Active,
                (false, status) => status,
            };
        }
        let stale: Vec<Id> = self
            .checks_on(id)
            .filter(|check| check.archived_at.is_none())
            .filter(|check| check.definition.fields.iter().any(|field| excluded.contains(field)))
            .map(|check| check.meta.id)
            .collect();
        for check in stale {
            self.archive(check, CheckStatus::Discarded);
        }
    }
}

fn duplicate(name: &str) -> Refusal {
    Refusal::conflict(format!(
        "A container with the name '{name}' already exists in this datastore"
    ))
}

fn matching<'a>(instance: &'a Instance, call: &Call) -> Result<Vec<&'a Container>, Refusal> {
    let query = &call.query;
    let (datastores, kinds) = (query.ids("datastore")?, query.set("container_type"));
    let (wanted, tags) = (query.set("name"), query.set("tag"));
    let search = query.first("search").map(str::to_lowercase);
    // Deleted containers leave nothing behind, so the archive is empty.
    let archive_only = query.first("archived") == Some("only");
    let all: Box<dyn Iterator<Item = &'a Container> + '_> = if datastores.is_empty() {
        Box::new(instance.containers.iter())
    } else {
        Box::new(datastores.iter().flat_map(|id| instance.containers_in(*id)))
    };
    let mut rows: Vec<&Container> = all
        .filter(|row| !archive_only && instance.sees(call.caller, row.datastore))
        .filter(|row| kinds.is_empty() || kinds.contains(&row.kind.name()))
        .filter(|row| wanted.is_empty() || wanted.contains(&row.name.as_str()))
        .filter(|row| {
            search
                .as_ref()
                .is_none_or(|part| row.name.to_lowercase().contains(part))
        })
        .filter(|row| instance.tagged(&row.tags, &tags))
        .collect();
    if let Some(down) = descending(query, "sort_name")? {
        rows.sort_by(|left, right| left.name.cmp(&right.name));
        if down {
            rows.reverse();
        }
    } else if descending(query, "sort_created")?.unwrap_or(false) {
        rows.reverse();
    }
    Ok(rows)
}

/// `GET /containers`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let rows = matching(instance, call)?;
    let instance = &*instance;
    Ok(Page::of(&call.query)?.answer(&rows, |row| instance.render_container(row, Form::Listed)))
}

/// `GET /containers/listing`: a plain array of light rows.
pub(super) fn listing(instance: &mut Instance, call: &Call) -> Outcome {
    let datastores = call.query.ids("datastore")?;
    let rows = instance
        .containers
        .iter()
        .filter(|row| datastores.is_empty() || datastores.contains(&row.datastore))
        .filter(|row| instance.sees(call.caller, row.datastore))
        .map(|row| {
            let mut out = json!({
                "id": row.meta.id,
                "name": row.name,
                "container_type": row.kind.name(),
                "deleted_at": null,
                "volumetric_tracking_enabled": row.spec.get("volumetric_tracking_enabled"),
                "freshness_tracking_enabled": row.spec.get("freshness_tracking_enabled"),
                "datastore": instance.datastore_stub(row.datastore),
                "favorite": false,
                "was_profiled": row.profiles > 0,
            });
            if let Some(kind) = row.spec.get("table_type") {
                out["table_type"] = kind.clone();
            }
            out
        });
    Ok(Answer::Ok(rows.collect()))
}

/// `GET /containers/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.seen_container(call.caller, call.id(0)?)?;
    Ok(Answer::Ok(instance.render_container(row, Form::Whole)))
}

/// `POST /containers`.
pub(super) fn create(instance: &mut Instance, call: &Call) -> Outcome {
    let id = instance.add_computed(object(&call.body)?, call.caller)?;
    Ok(Answer::Created(
        instance.render_container(instance.container(id)?, Form::Whole),
    ))
}

/// `POST /containers/validate`.
pub(super) fn validate(instance: &mut Instance, call: &Call) -> Outcome {
    let body = object(&call.body)?
        .get("container")
        .ok_or_else(|| Refusal::invalid(json!(["body", "container"]), "Field required", "missing"))?;
    instance.checked(object(body)?, call.caller)?;
    Ok(Answer::Empty)
}

/// `PUT /containers/{id}`.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance.seen_container(call.caller, id)?;
    let (datastore, kind, name) = (row.datastore, row.kind, row.name.clone());
    instance.need(call.caller, datastore, Permission::Editor)?;
    let body = object(&call.body)?;
    let mut faults = Faults::default();
    match text(body, "container_type") {
        None => faults.missing("container_type"),
        Some(written) if written == kind.name() || (written == "view" && kind == ContainerType::Table) => {}
        Some(_) => faults.add(
            &["container_type"],
            "The type of a container cannot be changed",
            "value_error",
        ),
    }
    check_update(body, kind, &mut faults);
    faults.done()?;
    let wanted = match text(body, "name") {
        Some(written) if kind.computed() => normalized(written),
        _ => name.clone(),
    };
    if wanted != name && instance.container_named(datastore, &wanted).is_some() {
        return Err(duplicate(&wanted));
    }
    let mut spec = row.spec.clone();
    instance.write_container(&mut spec, body, kind);
    let redefined = kind.computed()
        && (keys(kind, &spec).iter().map(|(key, _)| key).any(|key| defines(key) && spec.get(*key) != row.spec.get(*key))
            // Sending the sources again runs the validation and the profile again, identical or not.
            || body.contains_key("sources"));
    if redefined {
        let columns = instance.validate_definition(datastore, kind, &spec)?;
        let used = |field: &String| {
            instance
                .checks_on(id)
                .any(|check| check.archived_at.is_none() && check.definition.fields.contains(field))
        };
        let lost: Vec<&String> = row
            .fields
            .iter()
            .filter(|(name, field)| !field.computed && !columns.iter().any(|column| column.0 == **name))
            .map(|(name, _)| name)
            .filter(|name| used(name))
            .collect();
        if !lost.is_empty() && body.get("force_drop_fields") != Some(&json!(true)) {
            let listed: Vec<&str> = lost.iter().map(|name| name.as_str()).collect();
            return Err(Refusal::conflict(format!(
                "The update would drop fields that carry quality checks or anomalies: {}",
                listed.join(", ")
            )));
        }
    }
    let before = instance.render_container(row, Form::Listed);
    let mut tags = None;
    if body.contains_key("tags") || instance.switches.put.container == Put::Full {
        tags = Some(instance.tag_ids(&names(body.get("tags").unwrap_or(&Value::Null)), "tags", call.caller.id)?);
    }
    instance.rename_container(id, &wanted);
    let excluded = spec.get("exclude_fields").cloned();
    let row = instance
        .containers
        .get_mut(id)
        .ok_or_else(|| Refusal::not_found("Container", id))?;
    let excludes = excluded != row.spec.get("exclude_fields").cloned();
    row.spec = spec;
    if let Some(tags) = tags {
        row.tags = tags;
    }
    let mut meta = row.meta.clone();
    let after = instance.render_container(instance.container(id)?, Form::Listed);
    instance.edited(&mut meta, call.caller.id, &before, &after);
    if let Some(row) = instance.containers.get_mut(id) {
        row.meta = meta;
    }
    if excludes {
        instance.exclude_fields(id);
    }
    if redefined && instance.switches.container_profile == ContainerProfile::Automatic {
        instance.start(Work::profile(id), datastore, call.caller.id);
    }
    Ok(Answer::Ok(
        instance.render_container(instance.container(id)?, Form::Whole),
    ))
}

/// Whether a key is part of what a computed container is, and not of how it is treated.
fn defines(key: &str) -> bool {
    matches!(
        key,
        "query"
            | "sources"
            | "select_clause"
            | "where_clause"
            | "group_by_clause"
            | "lateral_views"
            | "join_type"
            | "left_join_field_name"
            | "right_join_field_name"
            | "left_prefix"
            | "right_prefix"
    )
}

/// `PATCH /containers`: tags, or tracking flags, of many containers.
pub(super) fn patch(instance: &mut Instance, call: &Call) -> Outcome {
    let mut changes = Vec::new();
    for item in array(&call.body)? {
        let item = object(item)?;
        let mut faults = Faults::default();
        faults.need(item, &["id"]);
        faults.lists_of_texts(item, &["tags"]);
        faults.flags(item, TRACKING);
        let tracking = TRACKING.iter().any(|key| item.contains_key(*key));
        if tracking {
            faults.need(item, TRACKING);
        }
        faults.done()?;
        let id = item.get("id").and_then(Value::as_i64).unwrap_or_default();
        let datastore = instance.seen_container(call.caller, id)?.datastore;
        instance.need(
            call.caller,
            datastore,
            if tracking {
                Permission::Editor
            } else {
                Permission::Viewer
            },
        )?;
        let tags = match given(item, "tags") {
            Some(tags) => Some(instance.tag_ids(&names(tags), "tags", call.caller.id)?),
            None => None,
        };
        changes.push((id, item, tags));
    }
    let mut out = Vec::new();
    for (id, item, tags) in changes {
        let stamp = instance.clock.stamp();
        if let Some(row) = instance.containers.get_mut(id) {
            row.tags = tags.unwrap_or_else(|| std::mem::take(&mut row.tags));
            for key in TRACKING {
                if let Some(value) = given(item, key) {
                    row.spec.insert((*key).to_owned(), value.clone());
                }
            }
            row.meta.updated = stamp;
            row.meta.editor = call.caller.id;
        }
        out.push(instance.render_container(instance.container(id)?, Form::Listed));
    }
    Ok(Answer::Ok(Value::Array(out)))
}

const TRACKING: &[&str] = &["volumetric_tracking_enabled", "freshness_tracking_enabled"];

/// `DELETE /containers/{id}`.
pub(super) fn delete(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let datastore = instance.seen_container(call.caller, id)?.datastore;
    instance.need(call.caller, datastore, Permission::Editor)?;
    if let Some(reader) = instance
        .containers
        .iter()
        .find(|row| Instance::inputs(&row.spec).contains(&id))
    {
        return Err(Refusal::conflict(format!(
            "The container id: {id} is used by '{}'",
            reader.name
        )));
    }
    instance.remove_container(id);
    Ok(Answer::Empty)
}
