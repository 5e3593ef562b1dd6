//! Roles and team permissions: who may do what, and what a refusal says.

use serde::{Deserialize, Serialize};

use super::state::{Id, Instance};
use super::wire::{Caller, Refusal};

/// The global role of a user; each contains the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Role {
    Member,
    Manager,
    Admin,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Member => "Member",
            Self::Manager => "Manager",
            Self::Admin => "Admin",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Member, Self::Manager, Self::Admin]
            .into_iter()
            .find(|role| role.name().eq_ignore_ascii_case(text))
    }
}

/// What a team may do in its datastores; each contains the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Permission {
    Reporter,
    Viewer,
    Drafter,
    Author,
    Editor,
}

impl Permission {
    pub(super) const NAMES: [&'static str; 5] = ["Reporter", "Viewer", "Drafter", "Author", "Editor"];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Reporter => "Reporter",
            Self::Viewer => "Viewer",
            Self::Drafter => "Drafter",
            Self::Author => "Author",
            Self::Editor => "Editor",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Reporter, Self::Viewer, Self::Drafter, Self::Author, Self::Editor]
            .into_iter()
            .find(|permission| permission.name().eq_ignore_ascii_case(text))
    }
}

/// Refuses a caller whose role is too low.
pub(super) fn need_role(caller: Caller, role: Role) -> Result<(), Refusal> {
    if caller.role >= role {
        return Ok(());
    }
    Err(Refusal::text(
        403,
        format!("You must have the {} role to perform this action", role.name()),
    ))
}

impl Instance {
    /// The highest permission the caller has in a datastore; none when no team is shared.
    pub(super) fn permission(&self, caller: Caller, datastore: Id) -> Option<Permission> {
        if caller.role == Role::Admin {
            return Some(Permission::Editor);
        }
        let store = self.datastores.get(datastore)?;
        let user = self.users.get(caller.id)?;
        store
            .teams
            .iter()
            .filter_map(|team| {
                let own = user.teams.get(team)?;
                own.or_else(|| self.teams.get(*team).map(|team| team.permission))
            })
            .max()
    }

    /// Whether the caller shares a team with a datastore.
    pub(super) fn sees(&self, caller: Caller, datastore: Id) -> bool {
        self.permission(caller, datastore).is_some()
    }

    /// Refuses a caller who sees a datastore and may not do this in it.
    pub(super) fn need(&self, caller: Caller, datastore: Id, permission: Permission) -> Result<(), Refusal> {
        if self.permission(caller, datastore).is_some_and(|has| has >= permission) {
            return Ok(());
        }
        let mut teams: Vec<&str> = self
            .datastores
            .get(datastore)
            .into_iter()
            .flat_map(|store| &store.teams)
            .filter_map(|team| self.teams.get(*team).map(|team| team.name.as_str()))
            .collect();
        teams.sort_unstable();
        let listed: Vec<String> = teams.iter().map(|name| quoted(name)).collect();
        Err(Refusal::text(
            403,
            format!(
                "You must have {} permission in at least one of these teams: [{}]",
                permission.name().to_lowercase(),
                listed.join(", ")
            ),
        ))
    }
}

/// A name as the platform's language prints it inside a list.
fn quoted(name: &str) -> String {
    if name.contains('\'') && !name.contains('"') {
        format!("\"{name}\"")
    } else {
        format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}
