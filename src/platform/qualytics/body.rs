//! Request bodies: portable words become the words and numbers of one instance.
//!
//! A PUT says everything, so that it makes no difference whether the platform keeps or clears what a body leaves out.

use driftless_core::field::FieldPath;
use driftless_core::key::Key;
use driftless_core::normalize::{meaning, normalize};
use driftless_core::plan::Step;
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::Side;
use driftless_core::value::{Map, Secret, Value};
use serde_json::Value as Json;

use super::kinds::{CONNECTION, CONTAINER, UID};
use super::normalize::generated_description;
use super::references::{self, CONTAINER_NAMES, ContainerName, PROPERTY_NAME, text};
use super::schema::schema;
use crate::codec;
use crate::platform::Ids;
use crate::platform::failures::failure;

/// Fields of a container that its creation does not take.
const AFTER_CREATION: &[&str] = &[
    "tags",
    "exclude_fields",
    "group_by_fields",
    "volumetric_tracking_enabled",
    "freshness_tracking_enabled",
    "incremental_field_name",
    "incremental_identifier_type",
    "incremental_identifier",
    "partition_field",
    "infer_datatypes",
    "description",
];

/// What a body is made for.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) step: &'a Step,
    pub(super) ids: &'a Ids,
}

/// A body with the secrets that it holds.
pub(super) struct Body {
    pub(super) json: Json,
    pub(super) secrets: Vec<Secret>,
}

impl Body {
    /// Turns a map into a body; secrets are in plain text from here on.
    pub(super) fn of(map: Map) -> Self {
        let value = Value::Map(map);
        let mut secrets = Vec::new();
        collect_secrets(&value, &mut secrets);
        Self {
            json: codec::sent(&value),
            secrets,
        }
    }
}

/// The secrets that `value` holds.
pub(super) fn collect_secrets(value: &Value, found: &mut Vec<Secret>) {
    match value {
        Value::Secret(secret) => found.push(secret.clone()),
        Value::List(items) => items.iter().for_each(|item| collect_secrets(item, found)),
        Value::Map(map) => map.values().for_each(|item| collect_secrets(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Target<'_> {
    /// The name of the datastore in which the resource lies.
    fn owner(&self) -> &str {
        self.step
            .change
            .key
            .path()
            .first()
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// What the adapter kept of the live resource.
    fn base(&self, field: &str) -> Option<&Value> {
        self.step.base.as_ref()?.as_map()?.get(field)
    }

    /// Whether the step changes anything in a top-level field.
    fn changes(&self, field: &str) -> bool {
        self.step.change.fields.iter().any(|change| change.path.head() == field)
    }

    /// The number of what a field names.
    fn number(&self, at: &FieldPath, key: &Key) -> Result<Value, Failure> {
        number(self.ids, at, key).map(Value::from)
    }

    /// A connection, for creation and for update alike.
    pub(super) fn connection(&self) -> Body {
        Body::of(self.step.write.clone())
    }

    /// A datastore, for creation and for update alike.
    pub(super) fn datastore(&self) -> Result<Map, Failure> {
        let mut map = self.step.write.clone();
        lists(&mut map);
        map.shift_remove("enrich_datastore_name"); // a step of its own
        let connection = match map.shift_remove("connection_name") {
            Some(Value::String(name)) => {
                let at = FieldPath::top("connection_name");
                Some(self.number(&at, &Key::new(CONNECTION, [name]))?)
            }
            _ => self.base("connection_id").cloned(),
        };
        let connection = connection.ok_or_else(|| {
            let mut failure = failure(
                Meaning::Invalid,
                format!(
                    "{}: a datastore needs a connection: name it as `connection_name`",
                    self.step.change.key
                ),
            );
            failure.fields = vec![(FieldPath::top("connection_name"), "is missing".to_owned())];
            failure
        })?;
        map.insert("connection_id".to_owned(), connection);
        Ok(map)
    }

    /// What the PUT of a datastore says besides.
    pub(super) fn datastore_update(&self) -> Result<Body, Failure> {
        let mut map = self.datastore()?;
        if let Some(favorite) = self.base("favorite") {
            map.insert("favorite".to_owned(), favorite.clone());
        }
        if self.base("store_type").and_then(Value::as_str) == Some("native")
            && let Some(kind) = self.base("type")
        {
            // The platform tells by this marker alone which of its schemas the body has.
            let marker = Map::from([("type".to_owned(), kind.clone())]);
            map.insert("connection".to_owned(), Value::Map(marker));
        }
        Ok(Body::of(map))
    }

    /// A computed container with its references as numbers.
    fn container(&self) -> Result<Map, Failure> {
        let mut map = self.step.write.clone();
        for names in &CONTAINER_NAMES {
            self.refer(&mut map, names, &FieldPath::top(names.container))?;
        }
        if let Some(Value::List(sources)) = map.get_mut("sources") {
            for source in sources {
                let names = ContainerName {
                    container: "container_name",
                    datastore: "datastore_name",
                };
                if let Value::Map(source) = source {
                    self.refer(source, &names, &FieldPath::top("sources"))?;
                }
            }
        }
        lists(&mut map);
        Ok(map)
    }

    pub(super) fn container_creation(&self, datastore: i64) -> Result<Body, Failure> {
        let mut map = self.container()?;
        let by_sql = has(&map, "sources");
        map.retain(|field, value| {
            let is_late = AFTER_CREATION.contains(&field.as_str()) && !(by_sql && field == "description");
            !is_late && !value.is_null() && !value.as_list().is_some_and(<[Value]>::is_empty)
        });
        map.insert("datastore_id".to_owned(), Value::from(datastore));
        Ok(Body::of(map))
    }

    /// The PUT of a container. It has a join's query and sources even where they are as they were: the platform then checks and
    /// profiles them once more, but if it cleared what a body leaves out, the join would be lost.
    pub(super) fn container_update(&self) -> Result<Body, Failure> {
        let mut map = self.container()?;
        // Not in the update's schema: a change of these is another container.
        for fixed in [
            "source_container_id",
            "left_container_id",
            "right_container_id",
            "table_type",
        ] {
            map.shift_remove(fixed);
        }
        map.retain(|field, value| !value.is_null() || self.changes(field));
        Ok(Body::of(map))
    }

    /// The fields that a created container still lacks, `tags` apart.
    pub(super) fn lacks(&self, created: &Json) -> Lacks {
        let write = &self.step.write;
        let late = AFTER_CREATION.iter().filter(|field| **field != "tags");
        let stands = late.clone().filter_map(|field| Some((*field, created.get(*field)?)));
        let stands = stands.map(|(field, value)| (field.to_owned(), codec::from_json(value)));
        let stands = normalize(schema(), CONTAINER, Side::Live, stands.collect());
        let (wanted, found) = (
            meaning(schema(), CONTAINER, write),
            meaning(schema(), CONTAINER, &stands),
        );
        let differs = |field: &&str| {
            let wanted = wanted.get(*field).filter(|wanted| !wanted.is_null());
            let found = found.get(*field).unwrap_or(&Value::Null);
            let holds_nothing = |wanted: &Value| wanted.as_list().is_some_and(<[Value]>::is_empty);
            wanted.is_some_and(|wanted| !(wanted.agrees(found) || holds_nothing(wanted) && found.is_null()))
        };
        let has_fields = late.clone().any(differs);
        let tags = write.get("tags").filter(|tags| !is_empty(tags));
        Lacks {
            tags: tags.map(codec::sent),
            fields: has_fields,
        }
    }

    /// A computed field; `container` only on creation.
    pub(super) fn computed_field(&self, container: Option<i64>) -> Result<Body, Failure> {
        let mut map = self.step.write.clone();
        self.refer_in_properties(&mut map)?;
        if let Some(container) = container {
            map.insert("container_id".to_owned(), Value::from(container));
        }
        Ok(Body::of(map))
    }

    /// The parts of a check that both its creation and its update have.
    fn check(&self) -> Result<Map, Failure> {
        let mut map = self.step.write.clone();
        let rule = text(&map, "rule_type").unwrap_or_default().to_owned();
        self.refer_in_properties(&mut map)?;
        for apart in ["rule_type", "container", "template_id", UID] {
            map.shift_remove(apart);
        }
        // The platform wants a text.
        if map
            .get("description")
            .is_none_or(|text| text.is_null() || is_empty(text))
        {
            map.insert("description".to_owned(), Value::String(generated_description(&rule)));
        }
        map.entry("fields".to_owned()).or_insert(Value::Null);
        lists(&mut map);
        if let Some(properties @ Value::Null) = map.get_mut("properties") {
            *properties = Value::Map(Map::new());
        }
        // A number that is the id stays one.
        let written = self.step.write.get(UID).filter(|uid| matches!(uid, Value::Number(_)));
        let uid = written
            .cloned()
            .unwrap_or_else(|| Value::from(self.step.change.key.name()));
        let mut metadata = Map::from([(UID.to_owned(), uid)]);
        if let Some(Value::Map(own)) = map.get("additional_metadata") {
            metadata.extend(own.clone());
        }
        if let Some(Value::Map(promoted)) = self.base("additional_metadata") {
            metadata.extend(promoted.clone());
        }
        map.insert("additional_metadata".to_owned(), Value::Map(metadata));
        // Ownership cannot be cleared: nothing is to be said of it.
        if map.get("owner_id").is_some_and(Value::is_null) {
            map.shift_remove("owner_id");
        }
        Ok(map)
    }

    pub(super) fn check_creation(&self, container: i64) -> Result<Body, Failure> {
        let mut map = self.check()?;
        let write = &self.step.write;
        map.insert("container_id".to_owned(), Value::from(container));
        map.insert(
            "rule".to_owned(),
            write.get("rule_type").cloned().unwrap_or(Value::Null),
        );
        if let Some(template) = write.get("template_id").filter(|template| !template.is_null()) {
            map.insert("template_id".to_owned(), template.clone());
        }
        Ok(Body::of(map))
    }

    pub(super) fn check_update(&self) -> Result<Body, Failure> {
        let mut map = self.check()?;
        // What was put away comes back by being in use.
        if matches!(text(&map, "status"), Some("Discarded" | "Invalid")) {
            map.insert("status".to_owned(), Value::from("Active"));
        }
        Ok(Body::of(map))
    }

    fn refer_in_properties(&self, map: &mut Map) -> Result<(), Failure> {
        let at = FieldPath::top("properties").child(PROPERTY_NAME.container);
        match map.get_mut("properties") {
            Some(Value::Map(properties)) => self.refer(properties, &PROPERTY_NAME, &at),
            _ => Ok(()),
        }
    }

    /// Puts the numbers of a container, and of its datastore where that is named, in the place of their names.
    fn refer(&self, map: &mut Map, names: &ContainerName, at: &FieldPath) -> Result<(), Failure> {
        let named = references::named_container(self.owner(), map, names);
        let datastore = map.shift_remove(names.datastore);
        let Some(key) = named else {
            map.shift_remove(names.container);
            return Ok(());
        };
        let id = self.number(at, &key)?;
        let numbered = |field: &str| format!("{}_id", field.trim_end_matches("_name"));
        replace(map, names.container, &numbered(names.container), id);
        // Only the references of properties take a datastore: elsewhere it follows from the container.
        if names.datastore == PROPERTY_NAME.datastore
            && datastore.is_some_and(|name| !name.is_null())
            && let Some(datastore) = references::datastore_of(&key)
        {
            let id = self.number(at, &datastore)?;
            map.insert(numbered(names.datastore), id);
        }
        Ok(())
    }
}

/// What a container that was just made still lacks.
pub(super) struct Lacks {
    /// Its tags.
    pub(super) tags: Option<Json>,
    /// Whether it lacks other fields.
    pub(super) fields: bool,
}

/// The number of what a field names.
pub(super) fn number(ids: &Ids, at: &FieldPath, key: &Key) -> Result<i64, Failure> {
    ids.get(key).map(|id| id.0).ok_or_else(|| {
        let message = format!(
            "`{at}` names {} `{}`, and this instance has none",
            key.kind,
            key.path_text()
        );
        let mut failure = failure(Meaning::NotFound, message);
        failure.fields = vec![(at.clone(), format!("{} `{}` not found", key.kind, key.path_text()))];
        failure
    })
}

/// No names are an empty list in a request.
fn lists(map: &mut Map) {
    for field in ["tags", "teams", "fields", "exclude_fields"] {
        if let Some(value @ Value::Null) = map.get_mut(field) {
            *value = Value::List(Vec::new());
        }
    }
}

/// Puts `value` under `new` where `old` stood.
fn replace(map: &mut Map, old: &str, new: &str, value: Value) {
    match map.get_index_of(old) {
        Some(index) => {
            map.shift_remove(old);
            map.shift_insert(index, new.to_owned(), value);
        }
        None => {
            map.insert(new.to_owned(), value);
        }
    }
}

fn has(map: &Map, field: &str) -> bool {
    map.get(field).is_some_and(|value| !value.is_null() && !is_empty(value))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Secret(_) => false,
    }
}
