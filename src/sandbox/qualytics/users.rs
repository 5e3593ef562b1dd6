//! Users and their personal tokens.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::body::{names, object, text};
use super::page::Page;
use super::permission::{Permission, Role};
use super::state::{Id, Instance, Meta, Token, User};
use super::teams::PUBLIC;
use super::token::{ADMIN_TOKEN, mint};
use super::wire::{Answer, Call, Outcome, Refusal};

impl Instance {
    /// What every instance begins with: the administrator, their token, the default team.
    pub(super) fn found(&mut self) {
        let id = self.users.reserve();
        let now = self.clock.stamp();
        let meta = Meta {
            id,
            created: now.clone(),
            updated: now,
            creator: id,
            editor: id,
            history: Vec::new(),
        };
        let public = self.add_team(PUBLIC, Permission::Editor, Value::Null, id);
        self.users.put(
            id,
            User {
                meta,
                name: "Sandbox Admin".to_owned(),
                email: "admin@sandbox.example".to_owned(),
                role: Role::Admin,
                teams: BTreeMap::from([(public, None)]),
            },
        );
        self.tokens.insert(
            ADMIN_TOKEN.to_owned(),
            Token {
                user: id,
                expires: None,
            },
        );
    }

    /// Adds a user with a token of the given expiry; the same e-mail address gives the same token.
    pub(super) fn add_user(
        &mut self,
        name: &str,
        email: &str,
        role: Role,
        teams: BTreeMap<Id, Option<Permission>>,
    ) -> Id {
        let known = self
            .users
            .iter()
            .find(|user| user.email == email)
            .map(|user| user.meta.id);
        let id = known.unwrap_or_else(|| self.users.reserve());
        let meta = self.born(id, 1);
        self.users.put(
            id,
            User {
                meta,
                name: name.to_owned(),
                email: email.to_owned(),
                role,
                teams,
            },
        );
        id
    }

    /// A token for a user that exists.
    pub(super) fn add_token(&mut self, user: Id, written: Option<&str>, expires: Option<i64>) -> String {
        let email = self.users.get(user).map_or("", |user| user.email.as_str());
        let token = written.map_or_else(
            || {
                let first = mint(email, 0, expires);
                if self.tokens.contains_key(&first) {
                    mint(email, self.tokens.len(), expires)
                } else {
                    first
                }
            },
            str::to_owned,
        );
        self.tokens.insert(token.clone(), Token { user, expires });
        token
    }

    fn user(&self, user: &User) -> Value {
        let teams: Vec<Value> = user
            .teams
            .iter()
            .filter_map(|(id, own)| {
                let team = self.teams.get(*id)?;
                let permission = own.unwrap_or(team.permission).name();
                Some(json!({ "id": id, "name": team.name, "permission": permission }))
            })
            .collect();
        json!({
            "id": user.meta.id,
            "created": user.meta.created,
            "user_id": format!("auth0|{}", user.meta.id),
            "email": user.email,
            "name": user.name,
            "role": user.role.name(),
            "teams": teams,
            "deleted_at": null,
        })
    }
}

/// `GET /users`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let rows: Vec<&User> = instance.users.iter().collect();
    let instance = &*instance;
    Ok(Page::of(&call.query)?.answer(&rows, |user| instance.user(user)))
}

/// `GET /users/me`.
pub(super) fn me(instance: &mut Instance, call: &Call) -> Outcome {
    let user = instance
        .users
        .get(call.caller.id)
        .ok_or_else(|| Refusal::not_found("User", call.caller.id))?;
    Ok(Answer::Ok(instance.user(user)))
}

/// `GET /users/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let user = instance.users.get(id).ok_or_else(|| Refusal::not_found("User", id))?;
    Ok(Answer::Ok(instance.user(user)))
}

/// `PUT /users/{id}`: role and teams.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let body = object(&call.body)?;
    let teams = body
        .get("teams")
        .map(|value| instance.team_ids(&names(value), call.caller.id))
        .transpose()?;
    let user = instance
        .users
        .get_mut(id)
        .ok_or_else(|| Refusal::not_found("User", id))?;
    if let Some(role) = text(body, "role") {
        user.role = Role::parse(role).ok_or_else(|| {
            Refusal::invalid(
                json!(["body", "role"]),
                "Input should be 'Member', 'Manager', 'Admin'",
                "enum",
            )
        })?;
    }
    if let Some(teams) = teams {
        user.teams = teams.into_iter().map(|team| (team, None)).collect();
    }
    let user = instance.users.get(id).ok_or_else(|| Refusal::not_found("User", id))?;
    Ok(Answer::Ok(instance.user(user)))
}
