//! Datastores: one schema or bucket prefix behind a connection, its teams, its enrichment link.

use serde_json::{Map, Value, json};

use super::body::{Faults, Omitted, given, names, object, overlay, text};
use super::connections::Family;
use super::enrichment::{no_enrichment_store, prefix};
use super::operations::Work;
use super::page::{Page, descending};
use super::permission::Permission;
use super::state::{Datastore, Id, Instance};
use super::switches::{ConnectionReading, EnrichmentListing, Put, Toggle};
use super::teams::PUBLIC;
use super::wire::{Answer, Call, Caller, Outcome, Refusal};

const STRATEGIES: &[&str] = &["none", "append", "overwrite"];

/// The writable keys of a family, in the order of responses, each with its default.
fn keys(family: Family) -> Vec<(&'static str, Value)> {
    let mut keys = match family {
        Family::Jdbc | Family::Native => vec![("database", Value::Null), ("schema", Value::Null)],
        Family::Dfs => vec![("root_path", json!("/")), ("folder_globbing_enabled", json!(false))],
    };
    keys.extend([
        ("description", Value::Null),
        ("enrichment_only", json!(false)),
        ("enrichment_prefix", Value::Null),
        ("enrichment_source_record_limit", json!(10)),
        ("enrichment_remediation_strategy", json!("none")),
        ("high_count_rollup_threshold", json!(10)),
    ]);
    keys
}

impl Instance {
    pub(super) fn datastore(&self, id: Id) -> Result<&Datastore, Refusal> {
        self.datastores
            .get(id)
            .ok_or_else(|| Refusal::not_found("Datastore", id))
    }

    /// A datastore the caller shares a team with; any other is not found.
    pub(super) fn seen_datastore(&self, caller: Caller, id: Id) -> Result<&Datastore, Refusal> {
        self.datastore(id).and_then(|row| {
            if self.sees(caller, id) {
                Ok(row)
            } else {
                Err(Refusal::not_found("Datastore", id))
            }
        })
    }

    /// A datastore as other rows carry it.
    pub(super) fn datastore_stub(&self, id: Id) -> Value {
        self.datastores.get(id).map_or(Value::Null, |row| {
            let (kind, family) = self.kind_of(row);
            json!({ "id": id, "name": row.name, "store_type": family.name(), "type": kind })
        })
    }

    fn kind_of<'a>(&'a self, row: &Datastore) -> (&'a str, Family) {
        self.connections
            .get(row.connection)
            .map_or(("", Family::Jdbc), |row| (row.kind(), row.family()))
    }

    /// The place in the warehouse that a datastore shows.
    pub(super) fn place(&self, row: &Datastore) -> String {
        let part = |key| text(&row.spec, key).unwrap_or_default();
        match self.connections.get(row.connection) {
            Some(connection) if connection.family() == Family::Dfs => {
                format!(
                    "{}|{}",
                    text(&connection.spec, "uri").unwrap_or_default(),
                    part("root_path")
                )
            }
            _ => format!("{}|{}", part("database"), part("schema")),
        }
    }

    pub(super) fn render_datastore(&self, row: &Datastore) -> Value {
        let id = row.meta.id;
        let (kind, family) = self.kind_of(row);
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        put("id", json!(id));
        put("created", json!(row.meta.created));
        put("name", json!(row.name));
        put("type", json!(kind));
        put("store_type", json!(family.name()));
        match self.switches.datastore_connection {
            ConnectionReading::Id => put("connection_id", json!(row.connection)),
            ConnectionReading::Nested => {
                let name = self.connections.get(row.connection).map(|connection| &connection.name);
                put(
                    "connection",
                    json!({ "id": row.connection, "name": name, "type": kind }),
                )
            }
        };
        for (key, default) in keys(family) {
            put(key, row.spec.get(key).cloned().unwrap_or(default));
        }
        put("teams", self.team_stubs(&row.teams));
        put("global_tags", self.tag_stubs(&row.tags));
        put(
            "enrich_datastore",
            row.enrichment.map_or(Value::Null, |id| self.datastore_stub(id)),
        );
        let linked: Vec<Value> = self
            .datastores
            .iter()
            .filter(|other| other.enrichment == Some(id))
            .map(|other| self.datastore_stub(other.meta.id))
            .collect();
        put("linked_datastores", Value::Array(linked));
        put("group", row.group.map_or(Value::Null, |id| json!({ "id": id })));
        put("connected", json!(true));
        put("favorite", json!(row.favorite));
        put("latest_operation", self.latest_operation(id));
        put("has_scheduled_operations", json!(false));
        let containers = self.containers_of.get(&id).map_or(0, std::collections::BTreeSet::len);
        let checks = self
            .checks_of_datastore
            .get(&id)
            .map_or(0, std::collections::BTreeSet::len);
        put("metrics", self.clock.metrics(id, containers, checks));
        if self.switches.leaked_volatile == Toggle::On {
            put("updated", json!(row.meta.updated));
            put("quality_score", self.clock.quality_score(id));
        }
        Value::Object(out)
    }

    /// Creates a datastore from a create body.
    pub(super) fn add_datastore(&mut self, body: &Map<String, Value>, by: Caller) -> Result<Id, Refusal> {
        let connection = self.named_connection(body)?;
        let inline = given(body, "connection").and_then(Value::as_object);
        let kind = inline.map_or_else(
            || {
                connection
                    .and_then(|id| self.connections.get(id))
                    .map(super::state::Connection::kind)
            },
            |inline| text(inline, "type"),
        );
        let family = kind.and_then(Family::of).unwrap_or(Family::Jdbc);
        self.check_datastore(body, family)?;
        let mut faults = Faults::default();
        faults.need(body, &["name"]);
        match family {
            Family::Jdbc if given(body, "database").is_none() && given(body, "schema").is_none() => {
                faults.need(body, &["database", "schema"]);
            }
            Family::Dfs => faults.need(body, &["root_path"]),
            Family::Jdbc | Family::Native => {}
        }
        faults.done()?;
        let name = text(body, "name").unwrap_or_default().to_owned();
        if self.datastore_names.contains_key(&name) {
            return Err(duplicate(&name));
        }
        let enrichment = given(body, "enrichment_datastore_id").and_then(Value::as_i64);
        if let Some(target) = enrichment {
            let target = self.seen_datastore(by, target)?;
            if target.spec.get("enrichment_only") != Some(&json!(true)) {
                return Err(no_enrichment_store(target.meta.id));
            }
        }
        let mut teams = names(body.get("teams").unwrap_or(&Value::Null));
        if teams.is_empty() {
            teams.push(PUBLIC.to_owned());
        }
        let teams = self.team_ids(&teams, by.id)?;
        let tags = self.tag_ids(&names(body.get("tags").unwrap_or(&Value::Null)), "tags", by.id)?;
        let connection = match (connection, inline) {
            (Some(id), _) => id,
            (None, Some(inline)) => self.add_connection(inline, by.id)?,
            (None, None) => return Err(no_connection()),
        };
        let id = self.datastores.reserve();
        let meta = self.born(id, by.id);
        let group = given(body, "group_id").and_then(Value::as_i64);
        let mut row = Datastore {
            meta,
            name: name.clone(),
            connection,
            spec: Map::new(),
            teams,
            tags,
            enrichment,
            group,
            favorite: false,
        };
        write(&mut row, body, family, Put::Full);
        self.datastore_names.insert(name, id);
        self.datastores.put(id, row);
        if body.get("trigger_sync").or_else(|| body.get("trigger_catalog")) == Some(&json!(true)) {
            self.start(Work::sync(), id, by.id);
        }
        Ok(id)
    }

    /// The connection a body names by id; both ways at once, or neither, is a 422.
    pub(super) fn named_connection(&self, body: &Map<String, Value>) -> Result<Option<Id>, Refusal> {
        match (given(body, "connection_id"), given(body, "connection")) {
            (Some(id), None) => {
                let id = id.as_i64().ok_or_else(no_connection)?;
                self.connection(id)?;
                Ok(Some(id))
            }
            (None, Some(connection)) if connection.is_object() => Ok(None),
            _ => Err(no_connection()),
        }
    }

    fn check_datastore(&self, body: &Map<String, Value>, family: Family) -> Result<(), Refusal> {
        let mut faults = Faults::default();
        faults.texts(
            body,
            &[
                "name",
                "database",
                "schema",
                "root_path",
                "description",
                "enrichment_prefix",
            ],
        );
        faults.length(body, "name", 255);
        if text(body, "description").is_some_and(|text| text.chars().count() > 255) {
            faults.add(
                &["description"],
                "String should have at most 255 characters",
                "string_too_long",
            );
        }
        if text(body, "enrichment_prefix").is_some_and(|text| text.chars().count() > 60) {
            faults.add(
                &["enrichment_prefix"],
                "String should have at most 60 characters",
                "string_too_long",
            );
        }
        faults.flags(body, &["enrichment_only", "folder_globbing_enabled", "trigger_sync"]);
        faults.lists_of_texts(body, &["teams", "tags"]);
        faults.integer(body, "enrichment_source_record_limit", 1, 1_000_000_000);
        faults.integer(body, "high_count_rollup_threshold", 1, 1000);
        faults.one_of(body, "enrichment_remediation_strategy", STRATEGIES);
        if given(body, "group").is_some_and(Value::is_string) && given(body, "group_id").is_some() {
            faults.add(&["group"], "group and group_id are mutually exclusive", "value_error");
        }
        if family == Family::Dfs && text(body, "root_path").is_some_and(str::is_empty) {
            faults.add(
                &["root_path"],
                "String should have at least 1 character",
                "string_too_short",
            );
        }
        faults.done()
    }

    /// Removes a datastore with everything in it, and every link to it.
    pub(super) fn remove_datastore(&mut self, id: Id) {
        let containers: Vec<Id> = self.containers_of.remove(&id).into_iter().flatten().collect();
        for container in containers {
            self.remove_container(container);
        }
        self.checks_of_datastore.remove(&id);
        if let Some(row) = self.datastores.remove(id) {
            self.datastore_names.remove(&row.name);
        }
        for row in self.datastores.iter_mut() {
            if row.enrichment == Some(id) {
                row.enrichment = None;
            }
        }
    }
}

fn duplicate(name: &str) -> Refusal {
    Refusal::conflict(format!("A datastore with the name '{name}' already exists"))
}

fn no_connection() -> Refusal {
    Refusal::invalid(
        json!(["body"]),
        "Exactly one of connection and connection_id is required",
        "value_error",
    )
}

/// Writes a body over a datastore's own keys.
pub(super) fn write(row: &mut Datastore, body: &Map<String, Value>, family: Family, put: Put) {
    // Null means the default for all but the description, which may be without.
    let given: Map<String, Value> = body
        .iter()
        .filter(|(key, value)| !value.is_null() || *key == "description")
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let keys = keys(family).into_iter().map(|(key, default)| {
        let omitted = match put {
            Put::Partial => Omitted::Kept,
            Put::Documented | Put::Full => Omitted::Reset(default),
        };
        (key, omitted)
    });
    overlay(&mut row.spec, &given, keys);
    let wanted = text(&row.spec, "enrichment_prefix").map_or_else(|| prefix(&row.name), prefix);
    row.spec.insert("enrichment_prefix".to_owned(), json!(wanted));
}

/// `GET /datastores`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let rows = matching(instance, call)?;
    let instance = &*instance;
    Ok(Page::of(&call.query)?.answer(&rows, |row| instance.render_datastore(row)))
}

/// `GET /datastores/listing`.
pub(super) fn listing(instance: &mut Instance, call: &Call) -> Outcome {
    let rows = matching(instance, call)?;
    Ok(Answer::Ok(
        rows.iter().map(|row| instance.datastore_stub(row.meta.id)).collect(),
    ))
}

fn matching<'a>(instance: &'a Instance, call: &Call) -> Result<Vec<&'a Datastore>, Refusal> {
    let query = &call.query;
    let (ids, names, kinds, tags) = (
        query.ids("id")?,
        query.set("name"),
        query.set("datastore_type"),
        query.set("tag"),
    );
    let groups = query.ids("group")?;
    let search = query.first("search").map(str::to_lowercase);
    let only = query.flag("enrichment_only")?;
    let hidden = instance.switches.enrichment_listing == EnrichmentListing::Hidden;
    let mut rows: Vec<&Datastore> = instance
        .datastores
        .iter()
        .filter(|row| instance.sees(call.caller, row.meta.id))
        .filter(|row| ids.is_empty() || ids.contains(&row.meta.id))
        .filter(|row| names.is_empty() || names.contains(&row.name.as_str()))
        .filter(|row| {
            search
                .as_ref()
                .is_none_or(|part| row.name.to_lowercase().contains(part))
        })
        .filter(|row| kinds.is_empty() || kinds.contains(&instance.kind_of(row).0))
        .filter(|row| groups.is_empty() || row.group.is_some_and(|group| groups.contains(&group)))
        .filter(|row| instance.tagged(&row.tags, &tags))
        .filter(|row| {
            let is = row.spec.get("enrichment_only") == Some(&json!(true));
            match only {
                Some(wanted) => is == wanted,
                None => !(hidden && is),
            }
        })
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

/// `GET /datastores/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.seen_datastore(call.caller, call.id(0)?)?;
    Ok(Answer::Ok(instance.render_datastore(row)))
}

/// `POST /datastores`.
pub(super) fn create(instance: &mut Instance, call: &Call) -> Outcome {
    let id = instance.add_datastore(object(&call.body)?, call.caller)?;
    Ok(Answer::Created(instance.render_datastore(instance.datastore(id)?)))
}

/// `PUT /datastores/{id}`.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance.seen_datastore(call.caller, id)?;
    instance.need(call.caller, id, Permission::Editor)?;
    let body = object(&call.body)?;
    let (_, family) = instance.kind_of(row);
    instance.check_datastore(body, family)?;
    let put = instance.switches.put.datastore;
    let mut faults = Faults::default();
    if put != Put::Partial {
        faults.need(body, &["name", "connection_id"]);
        match family {
            Family::Dfs => faults.need(body, &["root_path"]),
            Family::Jdbc if given(body, "database").is_none() && given(body, "schema").is_none() => {
                faults.need(body, &["database", "schema"]);
            }
            Family::Jdbc | Family::Native => {}
        }
    }
    if family == Family::Native && body.get("connection").and_then(|marker| marker.get("type")).is_none() {
        faults.add(&["connection", "type"], "Field required", "missing");
    }
    faults.done()?;
    let connection = match given(body, "connection_id").and_then(Value::as_i64) {
        Some(wanted) => {
            if instance.connection(wanted)?.family() != family {
                return Err(Refusal::bad("The connection is of another store type"));
            }
            wanted
        }
        None => row.connection,
    };
    let name = text(body, "name").unwrap_or(&row.name).to_owned();
    if instance.datastore_names.get(&name).is_some_and(|other| *other != id) {
        return Err(duplicate(&name));
    }
    let before = instance.render_datastore(row);
    let (mut teams, mut tags) = (None, None);
    if put != Put::Partial || body.contains_key("teams") {
        let mut wanted = names(body.get("teams").unwrap_or(&Value::Null));
        if wanted.is_empty() {
            wanted.push(PUBLIC.to_owned());
        }
        teams = Some(instance.team_ids(&wanted, call.caller.id)?);
    }
    if put != Put::Partial || body.contains_key("tags") {
        tags = Some(instance.tag_ids(&names(body.get("tags").unwrap_or(&Value::Null)), "tags", call.caller.id)?);
    }
    let Some(mut row) = instance.datastores.remove(id) else {
        return Err(Refusal::not_found("Datastore", id));
    };
    let old = std::mem::replace(&mut row.name, name.clone());
    row.connection = connection;
    write(&mut row, body, family, put);
    row.teams = teams.unwrap_or(row.teams);
    row.tags = tags.unwrap_or(row.tags);
    let after = instance.render_datastore(&row);
    instance.edited(&mut row.meta, call.caller.id, &before, &after);
    instance.datastores.put(id, row);
    instance.datastore_names.remove(&old);
    instance.datastore_names.insert(name, id);
    Ok(Answer::Ok(instance.render_datastore(instance.datastore(id)?)))
}

/// `DELETE /datastores/{id}`.
pub(super) fn delete(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    instance.datastore(id)?;
    instance.remove_datastore(id);
    Ok(Answer::Empty)
}

/// `PATCH /datastores/{id}/assign-group`.
pub(super) fn assign_group(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    instance.seen_datastore(call.caller, id)?;
    instance.need(call.caller, id, Permission::Editor)?;
    let group = object(&call.body)?.get("group_id").and_then(Value::as_i64);
    if let Some(row) = instance.datastores.get_mut(id) {
        row.group = group;
    }
    Ok(Answer::Ok(instance.render_datastore(instance.datastore(id)?)))
}

/// `PATCH /datastores/{id}/favorite`.
pub(super) fn favorite(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    instance.seen_datastore(call.caller, id)?;
    if let Some(row) = instance.datastores.get_mut(id) {
        row.favorite = !row.favorite;
    }
    Ok(Answer::Ok(instance.render_datastore(instance.datastore(id)?)))
}
