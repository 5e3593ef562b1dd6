//! Teams: who works together, with which permission, on which datastores.

use serde_json::{Map, Value, json};

use super::body::{Faults, given, object, text};
use super::page::Page;
use super::permission::Permission;
use super::state::{Id, Instance, Team};
use super::switches::Unknown;
use super::wire::{Answer, Call, Outcome, Refusal};

/// The team every deployment has, and the one a datastore gets when none is named.
pub(super) const PUBLIC: &str = "Public";

impl Instance {
    /// The ids of teams by name; what happens to an unknown name is as the switch says.
    pub(super) fn team_ids(&mut self, names: &[String], by: Id) -> Result<Vec<Id>, Refusal> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            if let Some(id) = self.team_names.get(name) {
                ids.push(*id);
                continue;
            }
            let message = format!("Team '{name}' not found");
            match self.switches.unknown_teams {
                Unknown::Create => ids.push(self.add_team(name, Permission::Editor, Value::Null, by)),
                Unknown::Ignore => {}
                Unknown::NotFound => return Err(Refusal::text(404, message)),
                Unknown::Refuse => return Err(Refusal::invalid(json!(["body", "teams"]), message, "value_error")),
            }
        }
        Ok(ids)
    }

    /// Creates a team, or changes the one of that name.
    pub(super) fn add_team(&mut self, name: &str, permission: Permission, description: Value, by: Id) -> Id {
        if let Some(id) = self.team_names.get(name) {
            let id = *id;
            if let Some(team) = self.teams.get_mut(id) {
                team.permission = permission;
                team.description = description;
            }
            return id;
        }
        let id = self.teams.reserve();
        let meta = self.born(id, by);
        self.teams.put(
            id,
            Team {
                meta,
                name: name.to_owned(),
                description,
                permission,
            },
        );
        self.team_names.insert(name.to_owned(), id);
        id
    }

    /// Teams as datastores carry them, by name.
    pub(super) fn team_stubs(&self, ids: &[Id]) -> Value {
        let mut teams: Vec<&Team> = ids.iter().filter_map(|id| self.teams.get(*id)).collect();
        teams.sort_by(|left, right| left.name.cmp(&right.name));
        teams
            .into_iter()
            .map(|team| json!({ "id": team.meta.id, "name": team.name, "permission": team.permission.name() }))
            .collect()
    }
}

fn render(instance: &Instance, team: &Team) -> Value {
    let id = team.meta.id;
    let users: Vec<Value> = instance
        .users
        .iter()
        .filter(|user| user.teams.contains_key(&id))
        .map(|user| instance.user_stub(user.meta.id))
        .collect();
    let datastores: Vec<Value> = instance
        .datastores
        .iter()
        .filter(|store| store.teams.contains(&id))
        .map(|store| json!({ "id": store.meta.id, "name": store.name }))
        .collect();
    json!({
        "id": id,
        "created": team.meta.created,
        "name": team.name,
        "description": team.description,
        "permission": team.permission.name(),
        "users": users,
        "datastores": datastores,
    })
}

/// `GET /teams`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let wanted = call.query.set("name");
    let mut rows: Vec<&Team> = instance
        .teams
        .iter()
        .filter(|team| wanted.is_empty() || wanted.contains(&team.name.as_str()))
        .collect();
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    let instance = &*instance;
    Ok(Page::of(&call.query)?.answer(&rows, |team| render(instance, team)))
}

/// `GET /teams/listing`.
pub(super) fn listing(instance: &mut Instance, _: &Call) -> Outcome {
    let instance = &*instance;
    let rows = instance.teams.iter().map(|team| {
        let users = instance
            .users
            .iter()
            .filter(|user| user.teams.contains_key(&team.meta.id))
            .count();
        json!({ "id": team.meta.id, "name": team.name, "users": users, "permission": team.permission.name() })
    });
    Ok(Answer::Ok(rows.collect()))
}

/// `GET /teams/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let team = instance.teams.get(id).ok_or_else(|| Refusal::not_found("Team", id))?;
    Ok(Answer::Ok(render(instance, team)))
}

fn check(body: &Map<String, Value>) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    faults.need(body, &["name"]);
    faults.texts(body, &["name", "description"]);
    faults.length(body, "name", 255);
    faults.one_of(body, "permission", &Permission::NAMES);
    faults.done()
}

/// `POST /teams`.
pub(super) fn create(instance: &mut Instance, call: &Call) -> Outcome {
    let body = object(&call.body)?;
    check(body)?;
    let name = text(body, "name").unwrap_or_default();
    if instance.team_names.contains_key(name) {
        return Err(Refusal::conflict(format!(
            "A team with the name '{name}' already exists"
        )));
    }
    let permission = text(body, "permission")
        .and_then(Permission::parse)
        .unwrap_or(Permission::Viewer);
    let description = body.get("description").cloned().unwrap_or_default();
    let id = instance.add_team(name, permission, description, call.caller.id);
    members(instance, id, body);
    let team = instance.teams.get(id).ok_or_else(|| Refusal::not_found("Team", id))?;
    Ok(Answer::Created(render(instance, team)))
}

/// `PUT /teams/{id}`.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let body = object(&call.body)?;
    check(body)?;
    let name = text(body, "name").unwrap_or_default().to_owned();
    if instance.team_names.get(&name).is_some_and(|other| *other != id) {
        return Err(Refusal::conflict(format!(
            "A team with the name '{name}' already exists"
        )));
    }
    let team = instance
        .teams
        .get_mut(id)
        .ok_or_else(|| Refusal::not_found("Team", id))?;
    let old = std::mem::replace(&mut team.name, name.clone());
    if let Some(permission) = text(body, "permission").and_then(Permission::parse) {
        team.permission = permission;
    }
    if let Some(description) = body.get("description") {
        team.description = description.clone();
    }
    instance.team_names.remove(&old);
    instance.team_names.insert(name, id);
    members(instance, id, body);
    let team = instance.teams.get(id).ok_or_else(|| Refusal::not_found("Team", id))?;
    Ok(Answer::Ok(render(instance, team)))
}

/// Replaces the users and datastores of a team, where the body has the lists.
fn members(instance: &mut Instance, team: Id, body: &Map<String, Value>) {
    let ids = |key| -> Option<Vec<Id>> {
        given(body, key)
            .and_then(Value::as_array)
            .map(|ids| ids.iter().filter_map(Value::as_i64).collect())
    };
    if let Some(ids) = ids("user_ids") {
        for user in instance.users.iter_mut() {
            if ids.contains(&user.meta.id) {
                user.teams.entry(team).or_insert(None);
            } else {
                user.teams.remove(&team);
            }
        }
    }
    if let Some(ids) = ids("datastore_ids") {
        for store in instance.datastores.iter_mut() {
            store.teams.retain(|other| *other != team);
            if ids.contains(&store.meta.id) {
                store.teams.push(team);
            }
        }
    }
}

/// `DELETE /teams/{id}`.
pub(super) fn delete(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let team = instance.teams.get(id).ok_or_else(|| Refusal::not_found("Team", id))?;
    if team.name == PUBLIC {
        return Err(Refusal::conflict("The default team cannot be deleted"));
    }
    if let Some(team) = instance.teams.remove(id) {
        instance.team_names.remove(&team.name);
    }
    instance.users.iter_mut().for_each(|user| {
        user.teams.remove(&id);
    });
    instance
        .datastores
        .iter_mut()
        .for_each(|store| store.teams.retain(|other| *other != id));
    Ok(Answer::Empty)
}
