//! Seeds: what an instance knows, by name and without ids.
//!
//! ```json
//! {
//!   "warehouse":       {"database|schema": [{"name": "orders", "kind": "table|view|file", "fields": [["id", "Integral"]]}]},
//!   "tags":            ["finance", {"name": "tier-0", "color": "#ff0000"}],
//!   "teams":           ["Analysts", {"name": "Data", "permission": "Editor", "description": "..."}],
//!   "users":           [{"name": "...", "email": "...", "role": "Member|Manager|Admin", "teams": ["Data"], "token": "..."}],
//!   "connections":     [the create body],
//!   "datastores":      [the create body, "connection_name" for the id, "enrich_datastore_name", "synced": true],
//!   "containers":      [the create body, "datastore", names for ids, any setting of a PUT, "tags", "profiled": true],
//!   "computed_fields": [the create body, "datastore", "container"],
//!   "checks":          [the create body, "datastore", "container", "ref_container_name", "ref_datastore_name",
//!                       "inferred", "owner": "e-mail", "status": also "Discarded" and "Invalid"]
//! }
//! ```
//!
//! Every key may be left out. An object store's place is `uri|root_path`. `teams` of a user may be an object that
//! gives each team a permission of this user's own. Tags and teams that are only named elsewhere are made. A container
//! of the warehouse is listed to give it settings or tags; computed ones are made. Checks may leave out the inclusive
//! properties of ranges, which are then true.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::body::{given, names, text};
use super::permission::{Permission, Role};
use super::rules::named;
use super::state::{CheckStatus, ContainerType, Id, Instance};
use super::switches::{ContainerProfile, Overlap, Put, Unknown};
use super::wire::Refusal;

/// Adds a seed to what the instance holds.
///
/// # Errors
/// When something in the seed does not hold together; the text names the place.
pub(super) fn load(instance: &mut Instance, seed: &Value) -> Result<(), String> {
    let kept = instance.switches.clone();
    instance.switches.unknown_tags = Unknown::Create;
    instance.switches.unknown_teams = Unknown::Create;
    instance.switches.duplicate_checks = Overlap::Accept;
    instance.switches.container_profile = ContainerProfile::Manual;
    instance.switches.put.container = Put::Partial;
    let loaded = parts(instance, seed);
    instance.switches = kept;
    loaded
}

fn parts(instance: &mut Instance, seed: &Value) -> Result<(), String> {
    if !seed.is_object() {
        return Err("the seed should be an object".to_owned());
    }
    instance.warehouse.load(&seed["warehouse"])?;
    each(instance, seed, "tags", tag)?;
    each(instance, seed, "teams", team)?;
    each(instance, seed, "users", user)?;
    each(instance, seed, "connections", |instance, row| {
        instance.add_connection(row, 1).map(|_| ()).map_err(told)
    })?;
    each(instance, seed, "datastores", datastore)?;
    each(instance, seed, "datastores", enrichment)?;
    each(instance, seed, "containers", container)?;
    each(instance, seed, "computed_fields", computed_field)?;
    each(instance, seed, "checks", check)
}

fn each(
    instance: &mut Instance,
    seed: &Value,
    key: &str,
    one: impl Fn(&mut Instance, &Map<String, Value>) -> Result<(), String>,
) -> Result<(), String> {
    let Some(rows) = seed.get(key).filter(|rows| !rows.is_null()) else {
        return Ok(());
    };
    let rows = rows.as_array().ok_or_else(|| format!("{key}: should be a list"))?;
    for (at, row) in rows.iter().enumerate() {
        let named = row
            .as_str()
            .map(|name| Map::from_iter([("name".to_owned(), json!(name))]));
        let row = named
            .as_ref()
            .or_else(|| row.as_object())
            .ok_or_else(|| format!("{key}[{at}]: should be an object"))?;
        one(instance, row).map_err(|fault| format!("{key}[{at}]: {fault}"))?;
    }
    Ok(())
}

fn told(refusal: Refusal) -> String {
    refusal.body["detail"]
        .as_str()
        .map_or_else(|| refusal.body["detail"].to_string(), str::to_owned)
}

fn name(row: &Map<String, Value>) -> Result<&str, String> {
    text(row, "name").ok_or_else(|| "no name".to_owned())
}

fn tag(instance: &mut Instance, row: &Map<String, Value>) -> Result<(), String> {
    instance.add_tag(name(row)?, row.clone(), 1);
    Ok(())
}

fn permission(text: &str) -> Result<Permission, String> {
    Permission::parse(text).ok_or_else(|| format!("'{text}' is no team permission"))
}

fn team(instance: &mut Instance, row: &Map<String, Value>) -> Result<(), String> {
    let permission = text(row, "permission").map_or(Ok(Permission::Editor), permission)?;
    let description = row.get("description").cloned().unwrap_or_default();
    instance.add_team(name(row)?, permission, description, 1);
    Ok(())
}

fn user(instance: &mut Instance, row: &Map<String, Value>) -> Result<(), String> {
    token_for(instance, row).map(|_| ())
}

/// Makes the user a seed or the side door describes, and a token for it.
pub(super) fn token_for(instance: &mut Instance, row: &Map<String, Value>) -> Result<String, String> {
    let role = text(row, "role").unwrap_or("Member");
    let role = Role::parse(role).ok_or_else(|| format!("'{role}' is no role"))?;
    let mut teams: BTreeMap<Id, Option<Permission>> = BTreeMap::new();
    match row.get("teams") {
        Some(Value::Object(own)) => {
            for (team, right) in own {
                let right = right.as_str().map(permission).transpose()?;
                teams.insert(team_named(instance, team), right);
            }
        }
        Some(list) => {
            for team in names(list) {
                teams.insert(team_named(instance, &team), None);
            }
        }
        None => {}
    }
    let serial = instance.tokens.len();
    let email = text(row, "email").map_or_else(|| format!("user{serial}@sandbox.example"), str::to_owned);
    let shown = text(row, "name").unwrap_or(&email);
    let id = instance.add_user(shown, &email, role, teams);
    let expires = given(row, "expires_at").and_then(Value::as_i64);
    Ok(instance.add_token(id, text(row, "token"), expires))
}

fn team_named(instance: &mut Instance, name: &str) -> Id {
    let known = instance.team_names.get(name).copied();
    known.unwrap_or_else(|| instance.add_team(name, Permission::Editor, Value::Null, 1))
}

fn connection_id(instance: &Instance, name: &str) -> Result<Id, String> {
    instance
        .connection_names
        .get(name)
        .copied()
        .ok_or_else(|| format!("no connection '{name}'"))
}

fn datastore_id(instance: &Instance, name: &str) -> Result<Id, String> {
    instance
        .datastore_names
        .get(name)
        .copied()
        .ok_or_else(|| format!("no datastore '{name}'"))
}

fn container_id(instance: &Instance, datastore: Id, name: &str) -> Result<Id, String> {
    let found = instance.container_named(datastore, name).map(|row| row.meta.id);
    found.ok_or_else(|| format!("no container '{name}'"))
}

fn datastore(instance: &mut Instance, row: &Map<String, Value>) -> Result<(), String> {
    let mut body = row.clone();
    if let Some(name) = text(row, "connection_name") {
        body.insert("connection_id".to_owned(), json!(connection_id(instance, name)?));
    }
    let id = instance.add_datastore(&body, Instance::own_hand()).map_err(told)?;
    if row.get("synced") != Some(&json!(false)) {
        instance.sync(id, false);
    }
    Ok(())
}

fn enrichment(instance: &mut Instance, row: &Map<String, Value>) -> Result<(), String> {
    let Some(target) = text(row, "enrich_datastore_name") else {
        return Ok(());
    };
    let (id, target) = (datastore_id(instance, name(row)?)?, datastore_id(instance, target)?);
    if let Some(row) = instance.datastores.get_mut(id) {
        row.enrichment = Some(target);
    }
    Ok(())
}

/// Where a row says it lies: its `datastore`, or for a row of a container its `datastore_name`.
fn home(instance: &Instance, row: &Map<String, Value>) -> Result<Id, String> {
    let name = text(row, "datastore")
        .or_else(|| text(row, "datastore_name"))
        .ok_or("no datastore")?;
    datastore_id(instance, name)
}

/// Replaces `<side>_container_name` (and the datastore it may be in) by the id.
fn reference(instance: &Instance, map: &mut Map<String, Value>, side: &str, home: Id) -> Result<(), String> {
    let separator = if side.is_empty() { "" } else { "_" };
    let key = |what: &str| format!("{side}{separator}{what}");
    let datastore = match map.remove(&key("datastore_name")) {
        Some(Value::String(name)) => datastore_id(instance, &name)?,
        _ => home,
    };
    if let Some(Value::String(name)) = map.remove(&key("container_name")) {
        map.insert(key("container_id"), json!(container_id(instance, datastore, &name)?));
    }
    Ok(())
}

fn container(instance: &mut Instance, row: &Map<String, Value>) -> Result<(), String> {
    let home = home(instance, row)?;
    let mut body = row.clone();
    body.insert("datastore_id".to_owned(), json!(home));
    body.remove("datastore_name");
    for side in ["source", "left", "right"] {
        reference(instance, &mut body, side, home)?;
    }
    if let Some(Value::Array(sources)) = body.get_mut("sources") {
        for source in sources.iter_mut().filter_map(Value::as_object_mut) {
            reference(instance, source, "", home)?;
        }
    }
    let kind = text(row, "container_type").and_then(ContainerType::parse);
    let id = if kind.is_some_and(ContainerType::computed) {
        let id = instance.add_computed(&body, Instance::own_hand()).map_err(told)?;
        if row.get("profiled") != Some(&json!(false)) {
            instance.profile(id);
        }
        id
    } else {
        container_id(instance, home, name(row)?)?
    };
    let tags = match row.get("tags") {
        Some(tags) => Some(instance.tag_ids(&names(tags), "tags", 1).map_err(told)?),
        None => None,
    };
    let found = instance.containers.get(id).map(|row| (row.kind, row.spec.clone()));
    let (kind, mut spec) = found.ok_or("it is gone")?;
    instance.write_container(&mut spec, &body, kind);
    if let Some(row) = instance.containers.get_mut(id) {
        row.spec = spec;
        row.tags = tags.unwrap_or_else(|| std::mem::take(&mut row.tags));
    }
    if row.contains_key("exclude_fields") {
        instance.exclude_fields(id);
    }
    Ok(())
}

fn computed_field(instance: &mut Instance, row: &Map<String, Value>) -> Result<(), String> {
    let home = home(instance, row)?;
    let container = container_id(instance, home, text(row, "container").ok_or("no container")?)?;
    let mut body = row.clone();
    body.insert("container_id".to_owned(), json!(container));
    if let Some(Value::Object(properties)) = body.get_mut("properties") {
        reference(instance, properties, "ref", home)?;
    }
    instance.add_computed_field(&body, Instance::own_hand()).map_err(told)?;
    if row.get("profiled") != Some(&json!(false)) {
        instance.profile(container);
    }
    Ok(())
}

fn check(instance: &mut Instance, row: &Map<String, Value>) -> Result<(), String> {
    let home = home(instance, row)?;
    let container = container_id(instance, home, text(row, "container").ok_or("no container")?)?;
    let mut body = row.clone();
    body.insert("container_id".to_owned(), json!(container));
    let rule = text(row, "rule")
        .or_else(|| text(row, "rule_type"))
        .ok_or("no rule")?
        .to_owned();
    let mut properties = named(&rule).map(super::rules::Rule::defaults).unwrap_or_default();
    let sent = row
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    properties.retain(|key, _| !sent.contains_key(key));
    properties.extend(sent);
    reference(instance, &mut properties, "ref", home)?;
    body.insert("properties".to_owned(), Value::Object(properties));
    let described = text(row, "description").map_or_else(|| format!("{rule} quality check"), str::to_owned);
    body.insert("rule".to_owned(), json!(rule));
    body.insert("description".to_owned(), json!(described));
    let status = text(row, "status")
        .map_or(Some(CheckStatus::Active), CheckStatus::parse)
        .ok_or("no such status")?;
    if status.archived() {
        body.remove("status");
    }
    if let Some(email) = text(row, "owner") {
        let owner = instance
            .users
            .iter()
            .find(|user| user.email == email)
            .map(|user| user.meta.id);
        body.insert(
            "owner_id".to_owned(),
            json!(owner.ok_or_else(|| format!("no user '{email}'"))?),
        );
    }
    let id = instance.add_check_from(&body, Instance::own_hand()).map_err(told)?;
    if status.archived() {
        instance.archive(id, status);
    }
    if let Some(row) = instance.checks.get_mut(id) {
        row.inferred = body.get("inferred") == Some(&json!(true));
    }
    Ok(())
}
