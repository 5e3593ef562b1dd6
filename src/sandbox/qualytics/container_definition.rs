//! What a container is made of: the keys of each type, what a body must hold, which columns follow from it.

use serde_json::{Map, Value, json};

use super::body::{Faults, Omitted, given, overlay, text};
use super::columns::{Column, Source, Unreadable, of_clause, of_query};
use super::state::{ContainerType, Id, Instance};
use super::switches::Put;
use super::wire::Refusal;

/// The writable keys of a type that are no part of its definition: `(key, default)`.
fn settings(kind: ContainerType) -> Vec<(&'static str, Value)> {
    let mut keys = vec![
        ("exclude_fields", json!([])),
        ("group_by_fields", json!([])),
        ("volumetric_tracking_enabled", json!(true)),
        ("freshness_tracking_enabled", json!(false)),
        ("additional_metadata", Value::Null),
        ("description", Value::Null),
    ];
    match kind {
        ContainerType::Table => keys.extend([
            ("partition_field", Value::Null),
            ("incremental_field_name", Value::Null),
            ("incremental_identifier_type", Value::Null),
            ("infer_datatypes", json!(false)),
        ]),
        ContainerType::File => keys.extend([
            ("escape_character", Value::Null),
            ("infer_datatypes", json!(false)),
            ("has_header", json!(true)),
            ("treat_empty_as_null", json!(false)),
        ]),
        ContainerType::ComputedTable => {
            keys.extend([
                ("incremental_field_name", Value::Null),
                ("incremental_identifier_type", Value::Null),
            ]);
        }
        ContainerType::ComputedFile | ContainerType::ComputedJoin => {}
    }
    keys
}

/// The definition of a type: `(key, default, what the reference says of its omission in a PUT)`.
fn definition(kind: ContainerType, sql: bool) -> Vec<(&'static str, Value, Documented)> {
    use Documented::{Cleared, Fixed, Kept};
    match kind {
        ContainerType::Table | ContainerType::File => Vec::new(),
        ContainerType::ComputedTable => vec![("query", Value::Null, Kept)],
        ContainerType::ComputedFile => vec![
            ("source_container_id", Value::Null, Fixed),
            ("select_clause", Value::Null, Kept),
            ("where_clause", Value::Null, Cleared),
            ("group_by_clause", Value::Null, Cleared),
            ("lateral_views", Value::Null, Cleared),
        ],
        ContainerType::ComputedJoin if sql => {
            vec![("query", Value::Null, Kept), ("sources", Value::Null, Kept)]
        }
        ContainerType::ComputedJoin => vec![
            ("left_container_id", Value::Null, Fixed),
            ("left_join_field_name", Value::Null, Kept),
            ("left_prefix", json!("left"), Kept),
            ("right_container_id", Value::Null, Fixed),
            ("right_join_field_name", Value::Null, Kept),
            ("right_prefix", json!("right"), Kept),
            ("join_type", json!("inner"), Kept),
            ("select_clause", Value::Null, Kept),
            ("where_clause", Value::Null, Cleared),
            ("group_by_clause", Value::Null, Cleared),
        ],
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Documented {
    Kept,
    Cleared,
    /// Not part of the update body: ignored there.
    Fixed,
}

/// The settings of a container that was just made.
pub(super) fn defaults(kind: ContainerType) -> Map<String, Value> {
    settings(kind)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// The keys of a container as responses list them.
pub(super) fn keys(kind: ContainerType, spec: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let mut keys: Vec<(&'static str, Value)> = definition(kind, sql_mode(spec))
        .into_iter()
        .map(|(key, default, _)| (key, default))
        .collect();
    keys.extend(settings(kind));
    keys
}

/// Whether a join is written as one query over named sources.
pub(super) fn sql_mode(spec: &Map<String, Value>) -> bool {
    given(spec, "query").is_some() || given(spec, "sources").is_some()
}

/// A name as the platform keeps it: white space becomes underscores.
pub(super) fn normalized(name: &str) -> String {
    name.chars()
        .map(|character| if character.is_whitespace() { '_' } else { character })
        .collect()
}

/// Notes what a create body of a computed type lacks.
pub(super) fn check_create(body: &Map<String, Value>, kind: ContainerType, faults: &mut Faults) {
    faults.need(body, &["name"]);
    match kind {
        ContainerType::ComputedTable => faults.need(body, &["datastore_id", "query"]),
        ContainerType::ComputedFile => faults.need(body, &["datastore_id", "source_container_id", "select_clause"]),
        ContainerType::ComputedJoin if sql_mode(body) => faults.need(body, &["query", "sources"]),
        ContainerType::ComputedJoin => faults.need(
            body,
            &[
                "left_container_id",
                "left_join_field_name",
                "right_container_id",
                "right_join_field_name",
                "select_clause",
            ],
        ),
        ContainerType::Table | ContainerType::File => {
            faults.add(
                &["container_type"],
                "Only computed containers can be created",
                "union_tag_invalid",
            );
        }
    }
    check_values(body, faults);
}

/// Notes what an update body lacks.
pub(super) fn check_update(body: &Map<String, Value>, kind: ContainerType, faults: &mut Faults) {
    match kind {
        ContainerType::Table | ContainerType::File => {}
        ContainerType::ComputedTable => faults.need(body, &["name", "query"]),
        ContainerType::ComputedFile => faults.need(body, &["name", "select_clause"]),
        ContainerType::ComputedJoin => faults.need(body, &["name"]),
    }
    check_values(body, faults);
}

fn check_values(body: &Map<String, Value>, faults: &mut Faults) {
    faults.texts(
        body,
        &[
            "name",
            "query",
            "select_clause",
            "where_clause",
            "group_by_clause",
            "description",
            "left_prefix",
            "right_prefix",
        ],
    );
    faults.length(body, "name", 255);
    faults.flags(
        body,
        &[
            "volumetric_tracking_enabled",
            "freshness_tracking_enabled",
            "force_drop_fields",
        ],
    );
    faults.lists_of_texts(body, &["tags", "exclude_fields"]);
    faults.objects(body, &["additional_metadata"]);
    faults.one_of(
        body,
        "join_type",
        &["inner", "left", "right", "outer", "full", "left_semi", "left_anti"],
    );
    faults.one_of(body, "incremental_identifier_type", &["last-modified", "batch-value"]);
    if let Some(sources) = given(body, "sources") {
        let rows = sources.as_array().map(Vec::as_slice).unwrap_or_default();
        if rows.len() < 2 {
            faults.add(
                &["sources"],
                "List should have at least 2 items after validation",
                "too_short",
            );
        }
        for key in ["container_id", "alias"] {
            if rows.iter().any(|row| row.get(key).is_none_or(Value::is_null)) {
                faults.add(&["sources", key], "Field required", "missing");
            }
        }
    }
}

impl Instance {
    /// The spec of a new computed container: only what the create contract takes, the rest by default.
    pub(super) fn created_spec(&self, body: &Map<String, Value>, kind: ContainerType) -> Map<String, Value> {
        let mut spec = Map::new();
        let keys = definition(kind, sql_mode(body))
            .into_iter()
            .map(|(key, default, _)| (key, Omitted::Reset(default)));
        overlay(&mut spec, body, keys);
        spec.extend(defaults(kind));
        if let Some(metadata) = body.get("additional_metadata") {
            spec.insert("additional_metadata".to_owned(), self.stored(metadata.clone()));
        }
        if sql_mode(body) {
            overlay(&mut spec, body, [("description", Omitted::Kept)]);
        }
        self.order_sources(&mut spec);
        spec
    }

    /// Writes an update body over the spec of a container.
    pub(super) fn write_container(
        &self,
        spec: &mut Map<String, Value>,
        body: &Map<String, Value>,
        kind: ContainerType,
    ) {
        let put = self.switches.put.container;
        let sql = sql_mode(spec);
        for (key, default, documented) in definition(kind, sql) {
            let omitted = match (put, documented) {
                (_, Documented::Fixed) => continue,
                (Put::Partial, _) | (Put::Documented, Documented::Kept) => Omitted::Kept,
                (Put::Full, _) | (Put::Documented, Documented::Cleared) => Omitted::Reset(default),
            };
            overlay(spec, body, [(key, omitted)]);
        }
        for (key, default) in settings(kind) {
            let kept = matches!(key, "additional_metadata" | "description");
            let omitted = match put {
                Put::Partial => Omitted::Kept,
                Put::Documented if kept => Omitted::Kept,
                Put::Documented | Put::Full => Omitted::Reset(default),
            };
            overlay(spec, body, [(key, omitted)]);
        }
        for (key, default) in settings(kind) {
            if spec.get(key).is_none_or(Value::is_null) {
                spec.insert(key.to_owned(), default);
            }
        }
        if let Some(metadata) = spec.get("additional_metadata").cloned() {
            spec.insert("additional_metadata".to_owned(), self.stored(metadata));
        }
        self.order_sources(spec);
    }

    /// Adds what the server notes about the sources of a join.
    fn order_sources(&self, spec: &mut Map<String, Value>) {
        let Some(Value::Array(sources)) = spec.get_mut("sources") else {
            return;
        };
        for (ordinal, source) in sources.iter_mut().enumerate() {
            let Some(source) = source.as_object_mut() else { continue };
            let id = source.get("container_id").and_then(Value::as_i64).unwrap_or_default();
            let datastore = self.containers.get(id).map(|row| row.datastore);
            let mut kept = Map::new();
            kept.insert("container_id".to_owned(), json!(id));
            kept.insert("datastore_id".to_owned(), json!(datastore));
            kept.insert("alias".to_owned(), source.get("alias").cloned().unwrap_or_default());
            kept.insert(
                "where_clause".to_owned(),
                source.get("where_clause").cloned().unwrap_or_default(),
            );
            kept.insert("ordinal".to_owned(), json!(ordinal));
            *source = kept;
        }
    }

    /// The containers that a definition reads by id.
    pub(super) fn inputs(spec: &Map<String, Value>) -> Vec<Id> {
        let mut ids: Vec<Id> = ["source_container_id", "left_container_id", "right_container_id"]
            .iter()
            .filter_map(|key| spec.get(*key).and_then(Value::as_i64))
            .collect();
        let sources = spec.get("sources").and_then(Value::as_array).into_iter().flatten();
        ids.extend(sources.filter_map(|source| source.get("container_id").and_then(Value::as_i64)));
        ids
    }

    /// The columns a definition yields.
    pub(super) fn derive(
        &self,
        datastore: Id,
        kind: ContainerType,
        spec: &Map<String, Value>,
    ) -> Result<Vec<Column>, Unreadable> {
        let id = |key: &str| spec.get(key).and_then(Value::as_i64).unwrap_or_default();
        match kind {
            ContainerType::Table | ContainerType::File => Ok(Vec::new()),
            ContainerType::ComputedTable => of_query(text(spec, "query").unwrap_or_default(), |name| {
                let found = self.container_named(datastore, name).or_else(|| {
                    self.containers_in(datastore)
                        .find(|row| row.name.eq_ignore_ascii_case(name))
                })?;
                Some(self.columns(found.meta.id))
            }),
            ContainerType::ComputedFile => {
                let source = Source {
                    alias: String::new(),
                    columns: self.columns(id("source_container_id")),
                };
                of_clause(text(spec, "select_clause").unwrap_or_default(), &[source])
            }
            ContainerType::ComputedJoin if sql_mode(spec) => {
                let sources = spec.get("sources").and_then(Value::as_array);
                of_query(text(spec, "query").unwrap_or_default(), |name| {
                    let source = sources?.iter().find(|source| source["alias"].as_str() == Some(name))?;
                    Some(self.columns(source["container_id"].as_i64()?))
                })
            }
            ContainerType::ComputedJoin => {
                let side = |side: &str| {
                    let prefix = text(spec, &format!("{side}_prefix")).unwrap_or(side).to_owned();
                    let columns = self.columns(id(&format!("{side}_container_id")));
                    let columns = columns
                        .into_iter()
                        .map(|(name, kind)| (format!("{prefix}_{name}"), kind));
                    Source {
                        columns: columns.collect(),
                        alias: prefix,
                    }
                };
                of_clause(
                    text(spec, "select_clause").unwrap_or_default(),
                    &[side("left"), side("right")],
                )
            }
        }
    }

    /// Whether a definition holds: its SQL can be read, and what it reads exists.
    pub(super) fn validate_definition(
        &self,
        datastore: Id,
        kind: ContainerType,
        spec: &Map<String, Value>,
    ) -> Result<Vec<Column>, Refusal> {
        for id in Self::inputs(spec) {
            if self.containers.get(id).is_none() {
                return Err(Refusal::not_found("Container", id));
            }
        }
        self.derive(datastore, kind, spec)
            .map_err(|fault| Refusal::bad(format!("Invalid query: {}", fault.0)))
    }
}
