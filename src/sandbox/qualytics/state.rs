//! The instance: everything a controlplane stores, with the indexes that keep look-ups cheap.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::operations::Operation;
use super::permission::{Permission, Role};
use super::rules::Rule;
use super::switches::Switches;
use super::warehouse::Warehouse;
use crate::sandbox::clock::Clock;

pub(super) use crate::sandbox::table::{Id, Table};

/// What the server notes about every row.
#[derive(Clone)]
pub(super) struct Meta {
    pub(super) id: Id,
    pub(super) created: String,
    pub(super) updated: String,
    pub(super) creator: Id,
    pub(super) editor: Id,
    /// The versions the row went through, newest last.
    pub(super) history: Vec<Value>,
}

pub(super) struct Connection {
    pub(super) meta: Meta,
    pub(super) name: String,
    /// What can be read back, `type` and `secrets_manager` included.
    pub(super) spec: Map<String, Value>,
    /// What can only be written.
    pub(super) secrets: Map<String, Value>,
}

pub(super) struct Datastore {
    pub(super) meta: Meta,
    pub(super) name: String,
    pub(super) connection: Id,
    pub(super) spec: Map<String, Value>,
    pub(super) teams: Vec<Id>,
    pub(super) tags: Vec<Id>,
    pub(super) enrichment: Option<Id>,
    pub(super) group: Option<Id>,
    pub(super) favorite: bool,
}

/// The wire's `container_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContainerType {
    Table,
    File,
    ComputedTable,
    ComputedFile,
    ComputedJoin,
}

impl ContainerType {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::File => "file",
            Self::ComputedTable => "computed_table",
            Self::ComputedFile => "computed_file",
            Self::ComputedJoin => "computed_join",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [
            Self::Table,
            Self::File,
            Self::ComputedTable,
            Self::ComputedFile,
            Self::ComputedJoin,
        ]
        .into_iter()
        .find(|kind| kind.name() == text)
    }

    pub(super) const fn computed(self) -> bool {
        matches!(self, Self::ComputedTable | Self::ComputedFile | Self::ComputedJoin)
    }
}

/// Whether a field can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldStatus {
    Active,
    Missing,
    Excluded,
}

impl FieldStatus {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Missing => "missing",
            Self::Excluded => "excluded",
        }
    }
}

pub(super) struct Field {
    pub(super) id: Id,
    pub(super) kind: String,
    pub(super) status: FieldStatus,
    pub(super) computed: bool,
    pub(super) tags: Vec<Id>,
}

pub(super) struct Container {
    pub(super) meta: Meta,
    pub(super) datastore: Id,
    pub(super) kind: ContainerType,
    pub(super) name: String,
    pub(super) spec: Map<String, Value>,
    pub(super) tags: Vec<Id>,
    pub(super) fields: IndexMap<String, Field>,
    pub(super) computed_fields: Vec<Id>,
    /// How often it was profiled.
    pub(super) profiles: u64,
}

pub(super) struct ComputedField {
    pub(super) meta: Meta,
    pub(super) container: Id,
    pub(super) name: String,
    pub(super) transformation: String,
    /// Names, or null.
    pub(super) source_fields: Value,
    pub(super) properties: Value,
    pub(super) metadata: Value,
}

/// The wire's `status` of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckStatus {
    Active,
    Draft,
    Discarded,
    Invalid,
}

impl CheckStatus {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Draft => "Draft",
            Self::Discarded => "Discarded",
            Self::Invalid => "Invalid",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Draft, Self::Discarded, Self::Invalid]
            .into_iter()
            .find(|status| status.name() == text)
    }

    pub(super) const fn archived(self) -> bool {
        matches!(self, Self::Discarded | Self::Invalid)
    }
}

pub(super) struct Check {
    pub(super) meta: Meta,
    pub(super) datastore: Id,
    pub(super) container: Id,
    pub(super) rule: &'static Rule,
    pub(super) definition: Definition,
    pub(super) description: String,
    pub(super) message_field: Value,
    pub(super) metadata: Value,
    pub(super) tags: Vec<Id>,
    pub(super) status: CheckStatus,
    pub(super) archived_at: Option<String>,
    pub(super) inferred: bool,
    pub(super) owner: Id,
    pub(super) assignee: Option<Id>,
    pub(super) template: Option<Id>,
    pub(super) favorite: bool,
}

/// The part of a check whose change makes an inferred check an authored one.
#[derive(Clone, PartialEq)]
pub(super) struct Definition {
    pub(super) fields: Vec<String>,
    pub(super) coverage: Value,
    pub(super) filter: Value,
    pub(super) properties: Map<String, Value>,
}

pub(super) struct Template {
    pub(super) meta: Meta,
    pub(super) rule: &'static Rule,
    pub(super) spec: Map<String, Value>,
    pub(super) tags: Vec<Id>,
}

pub(super) struct Tag {
    pub(super) meta: Meta,
    pub(super) name: String,
    pub(super) spec: Map<String, Value>,
}

pub(super) struct Team {
    pub(super) meta: Meta,
    pub(super) name: String,
    pub(super) description: Value,
    pub(super) permission: Permission,
}

pub(super) struct User {
    pub(super) meta: Meta,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: Role,
    /// The teams, each with a permission of this user's own, or the team's.
    pub(super) teams: BTreeMap<Id, Option<Permission>>,
}

/// A bearer token that the instance knows.
pub(super) struct Token {
    pub(super) user: Id,
    /// Unix seconds after which it is refused; never when absent.
    pub(super) expires: Option<i64>,
}

pub(super) struct Instance {
    pub(super) switches: Switches,
    pub(super) clock: Clock,
    pub(super) warehouse: Warehouse,
    pub(super) connections: Table<Connection>,
    pub(super) connection_names: HashMap<String, Id>,
    pub(super) datastores: Table<Datastore>,
    pub(super) datastore_names: HashMap<String, Id>,
    pub(super) containers: Table<Container>,
    pub(super) container_names: HashMap<(Id, String), Id>,
    pub(super) containers_of: HashMap<Id, BTreeSet<Id>>,
    /// Field ids to their container and name.
    pub(super) fields: HashMap<Id, (Id, String)>,
    pub(super) next_field: Id,
    pub(super) computed_fields: Table<ComputedField>,
    pub(super) checks: Table<Check>,
    pub(super) checks_of_datastore: HashMap<Id, BTreeSet<Id>>,
    pub(super) checks_of_container: HashMap<Id, BTreeSet<Id>>,
    pub(super) templates: BTreeMap<Id, Template>,
    pub(super) tags: Table<Tag>,
    pub(super) tag_names: HashMap<String, Id>,
    pub(super) teams: Table<Team>,
    pub(super) team_names: HashMap<String, Id>,
    pub(super) users: Table<User>,
    pub(super) tokens: HashMap<String, Token>,
    pub(super) operations: Table<Operation>,
    /// Operations that have not ended, oldest first.
    pub(super) open_operations: Vec<Id>,
    pub(super) transactions: Id,
}

impl Instance {
    /// An empty instance: the administrator with the fixed token, and the team every deployment has.
    pub(super) fn new(switches: Switches) -> Self {
        let mut instance = Self {
            switches,
            clock: Clock::default(),
            warehouse: Warehouse::default(),
            connections: Table::default(),
            connection_names: HashMap::new(),
            datastores: Table::default(),
            datastore_names: HashMap::new(),
            containers: Table::default(),
            container_names: HashMap::new(),
            containers_of: HashMap::new(),
            fields: HashMap::new(),
            next_field: 1,
            computed_fields: Table::default(),
            checks: Table::default(),
            checks_of_datastore: HashMap::new(),
            checks_of_container: HashMap::new(),
            templates: BTreeMap::new(),
            tags: Table::default(),
            tag_names: HashMap::new(),
            teams: Table::default(),
            team_names: HashMap::new(),
            users: Table::default(),
            tokens: HashMap::new(),
            operations: Table::default(),
            open_operations: Vec::new(),
            transactions: 0,
        };
        instance.found();
        instance
    }

    /// Notes for a row that is made now.
    pub(super) fn born(&mut self, id: Id, by: Id) -> Meta {
        let now = self.clock.stamp();
        Meta {
            id,
            created: now.clone(),
            updated: now,
            creator: by,
            editor: by,
            history: Vec::new(),
        }
    }

    /// The container of a datastore with this name.
    pub(super) fn container_named(&self, datastore: Id, name: &str) -> Option<&Container> {
        let id = self.container_names.get(&(datastore, name.to_owned()))?;
        self.containers.get(*id)
    }

    /// The containers of a datastore, in the order of their ids.
    pub(super) fn containers_in(&self, datastore: Id) -> impl Iterator<Item = &Container> {
        self.containers_of
            .get(&datastore)
            .into_iter()
            .flatten()
            .filter_map(|id| self.containers.get(*id))
    }

    /// The checks of a container, archived ones included, in the order of their ids.
    pub(super) fn checks_on(&self, container: Id) -> impl Iterator<Item = &Check> {
        self.checks_of_container
            .get(&container)
            .into_iter()
            .flatten()
            .filter_map(|id| self.checks.get(*id))
    }

    /// The checks of a datastore, archived ones included, in the order of their ids.
    pub(super) fn checks_in(&self, datastore: Id) -> impl Iterator<Item = &Check> {
        self.checks_of_datastore
            .get(&datastore)
            .into_iter()
            .flatten()
            .filter_map(|id| self.checks.get(*id))
    }

    pub(super) fn add_container(&mut self, container: Container) {
        let id = container.meta.id;
        self.container_names
            .insert((container.datastore, container.name.clone()), id);
        self.containers_of.entry(container.datastore).or_default().insert(id);
        self.containers.put(id, container);
    }

    pub(super) fn rename_container(&mut self, id: Id, name: &str) {
        let Some(container) = self.containers.get_mut(id) else {
            return;
        };
        let old = std::mem::replace(&mut container.name, name.to_owned());
        let datastore = container.datastore;
        self.container_names.remove(&(datastore, old));
        self.container_names.insert((datastore, name.to_owned()), id);
    }

    /// Removes a container with its fields, computed fields and checks.
    pub(super) fn remove_container(&mut self, id: Id) {
        let Some(container) = self.containers.remove(id) else {
            return;
        };
        self.container_names.remove(&(container.datastore, container.name));
        if let Some(ids) = self.containers_of.get_mut(&container.datastore) {
            ids.remove(&id);
        }
        for field in container.fields.values() {
            self.fields.remove(&field.id);
        }
        for field in container.computed_fields {
            self.computed_fields.remove(field);
        }
        let checks: Vec<Id> = self.checks_of_container.remove(&id).into_iter().flatten().collect();
        for check in checks {
            self.remove_check(check);
        }
    }

    pub(super) fn add_check(&mut self, check: Check) {
        let id = check.meta.id;
        self.checks_of_container.entry(check.container).or_default().insert(id);
        self.checks_of_datastore.entry(check.datastore).or_default().insert(id);
        self.checks.put(id, check);
    }

    pub(super) fn remove_check(&mut self, id: Id) {
        let Some(check) = self.checks.remove(id) else { return };
        if let Some(ids) = self.checks_of_container.get_mut(&check.container) {
            ids.remove(&id);
        }
        if let Some(ids) = self.checks_of_datastore.get_mut(&check.datastore) {
            ids.remove(&id);
        }
    }

    /// Adds a field to a container, or revives one of the same name.
    pub(super) fn add_field(&mut self, container: Id, name: &str, kind: &str, computed: bool) {
        let next = self.next_field;
        let Some(row) = self.containers.get_mut(container) else {
            return;
        };
        if let Some(field) = row.fields.get_mut(name) {
            field.kind = kind.to_owned();
            field.computed = computed;
            if field.status == FieldStatus::Missing {
                field.status = FieldStatus::Active;
            }
            return;
        }
        let field = Field {
            id: next,
            kind: kind.to_owned(),
            status: FieldStatus::Active,
            computed,
            tags: Vec::new(),
        };
        row.fields.insert(name.to_owned(), field);
        self.fields.insert(next, (container, name.to_owned()));
        self.next_field += 1;
    }

    /// Takes a field away: it is kept as missing while a check names it.
    pub(super) fn lose_field(&mut self, container: Id, name: &str) {
        let named = self
            .checks_on(container)
            .any(|check| check.definition.fields.iter().any(|field| field == name));
        let Some(row) = self.containers.get_mut(container) else {
            return;
        };
        if named {
            if let Some(field) = row.fields.get_mut(name) {
                field.status = FieldStatus::Missing;
            }
        } else if let Some(field) = row.fields.shift_remove(name) {
            self.fields.remove(&field.id);
        }
    }
}
