//! Connections: where data lives and how to get in. Secrets go in and never come out.

use serde_json::{Map, Value, json};

use super::body::{Faults, Omitted, given, object, overlay, text};
use super::page::{Page, descending};
use super::state::{Connection, Id, Instance};
use super::switches::{Put, SecretsManagerOmitted};
use super::wire::{Answer, Call, Outcome, Refusal};

/// The family a connection type belongs to, which fixes its fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Jdbc,
    Dfs,
    Native,
}

impl Family {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Jdbc => "jdbc",
            Self::Dfs => "dfs",
            Self::Native => "native",
        }
    }

    /// The family of a wire type; none for a type the platform does not know.
    pub(super) fn of(kind: &str) -> Option<Self> {
        match kind {
            "s3" | "gcs" | "abfs" | "wasb" => Some(Self::Dfs),
            "databricks_native" => Some(Self::Native),
            _ if JDBC.contains(&kind) => Some(Self::Jdbc),
            _ => None,
        }
    }

    /// The readable keys, in the order of responses.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Jdbc => &[
                "host",
                "port",
                "username",
                "jdbc_fetch_size",
                "max_parallelization",
                "parameters",
            ],
            Self::Dfs => &["uri", "access_key", "parameters"],
            Self::Native => &["host", "catalog", "catalog_type", "username", "parameters"],
        }
    }
}

const JDBC: &[&str] = &[
    "athena",
    "bigquery",
    "databricks",
    "db2",
    "dremio",
    "hive",
    "mariadb",
    "mysql",
    "oracle",
    "postgresql",
    "presto",
    "redshift",
    "snowflake",
    "sqlserver",
    "synapse",
    "teradata",
    "timescale",
    "trino",
];
const SECRETS: &[&str] = &["password", "passphrase", "secret_key", "token"];
const MISPLACED: &[&str] = &["authentication_type", "role_arn", "external_id"];
/// What the secrets manager fills in for itself.
const MANAGER: &[(&str, Option<&str>)] = &[
    ("login_url", None),
    ("token_jsonpath", Some("$.auth.client_token")),
    ("secret_url", None),
    ("token_header_name", Some("X-Vault-Token")),
    ("data_jsonpath", Some("$.data")),
];

impl Connection {
    pub(super) fn kind(&self) -> &str {
        text(&self.spec, "type").unwrap_or_default()
    }

    pub(super) fn family(&self) -> Family {
        Family::of(self.kind()).unwrap_or(Family::Jdbc)
    }
}

impl Instance {
    pub(super) fn connection(&self, id: Id) -> Result<&Connection, Refusal> {
        self.connections
            .get(id)
            .ok_or_else(|| Refusal::not_found("Connection", id))
    }

    fn render_connection(&self, row: &Connection) -> Value {
        let family = row.family();
        let datastores: Vec<Value> = self
            .datastores
            .iter()
            .filter(|store| store.connection == row.meta.id)
            .map(|store| json!({ "id": store.meta.id, "name": store.name }))
            .collect();
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        put("id", json!(row.meta.id));
        put("created", json!(row.meta.created));
        put("name", json!(row.name));
        put("type", json!(row.kind()));
        put("connection_type", json!(family.name()));
        for key in family.keys() {
            put(key, row.spec.get(*key).cloned().unwrap_or_default());
        }
        put(
            "secrets_manager",
            row.spec.get("secrets_manager").cloned().unwrap_or_default(),
        );
        put("datastores", Value::Array(datastores));
        if family == Family::Jdbc {
            put("product_name", json!(row.kind()));
            put(
                "product_version",
                json!(format!("15.{}", self.clock.wander(row.meta.id, 20, 9))),
            );
            put("driver_name", json!(format!("{} JDBC driver", row.kind())));
            put("driver_version", json!("42.7"));
        }
        Value::Object(out)
    }

    /// Creates a connection from a create body.
    pub(super) fn add_connection(&mut self, body: &Map<String, Value>, by: Id) -> Result<Id, Refusal> {
        check(body)?;
        let mut faults = Faults::default();
        faults.need(body, &["type"]);
        if text(body, "type").and_then(Family::of) == Some(Family::Dfs) {
            faults.need(body, &["uri"]);
        }
        faults.done()?;
        let kind = text(body, "type").unwrap_or_default();
        let id = self.connections.reserve();
        let name = text(body, "name").map_or_else(|| format!("{kind}-{id}"), str::to_owned);
        if self.connection_names.contains_key(&name) {
            return Err(duplicate(&name));
        }
        let meta = self.born(id, by);
        let mut row = Connection {
            meta,
            name: name.clone(),
            spec: Map::new(),
            secrets: Map::new(),
        };
        row.spec.insert("type".to_owned(), json!(kind));
        self.write(&mut row, body, Put::Full);
        self.connection_names.insert(name, id);
        self.connections.put(id, row);
        Ok(id)
    }

    /// Writes a body over a connection.
    fn write(&self, row: &mut Connection, body: &Map<String, Value>, put: Put) {
        let omitted = match put {
            Put::Full => Omitted::Reset(Value::Null),
            Put::Documented | Put::Partial => Omitted::Kept,
        };
        let keys = row.family().keys();
        overlay(&mut row.spec, body, keys.iter().map(|key| (*key, omitted.clone())));
        if let Some(parameters) = row.spec.get("parameters").cloned() {
            row.spec.insert("parameters".to_owned(), self.stored(parameters));
        }
        // A secret that is left out stays under every reading: no client can read it to send it back.
        overlay(&mut row.secrets, body, SECRETS.iter().map(|key| (*key, Omitted::Kept)));
        row.secrets.retain(|_, value| !value.is_null());
        match (
            body.get("secrets_manager"),
            self.switches.connection_secrets_manager_omitted,
        ) {
            (Some(Value::Object(manager)), _) => {
                let mut kept = Map::new();
                for (key, default) in MANAGER {
                    let value = given(manager, key).cloned().unwrap_or_else(|| json!(default));
                    kept.insert((*key).to_owned(), value);
                }
                if let Some(payload) = given(manager, "credentials_payload") {
                    row.secrets.insert("credentials_payload".to_owned(), payload.clone());
                }
                row.spec.insert("secrets_manager".to_owned(), Value::Object(kept));
            }
            (None, SecretsManagerOmitted::Keep) => {}
            (Some(_), _) | (None, SecretsManagerOmitted::Clear) => {
                row.spec.insert("secrets_manager".to_owned(), Value::Null);
                row.secrets.remove("credentials_payload");
            }
        }
    }
}

fn duplicate(name: &str) -> Refusal {
    Refusal::conflict(format!("A connection with the name '{name}' already exists"))
}

/// Refuses a body whose values no connection takes.
pub(super) fn check(body: &Map<String, Value>) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    faults.texts(
        body,
        &[
            "name",
            "type",
            "host",
            "username",
            "uri",
            "access_key",
            "catalog",
            "catalog_type",
        ],
    );
    faults.texts(body, SECRETS);
    faults.length(body, "name", 255);
    if text(body, "type").is_some_and(|kind| Family::of(kind).is_none()) {
        faults.add(
            &["type"],
            "Input should be a connection type this deployment supports",
            "enum",
        );
    }
    faults.integer(body, "port", 0, 65_535);
    faults.integer(body, "jdbc_fetch_size", 0, i64::from(i32::MAX));
    faults.integer(body, "max_parallelization", 0, 100);
    faults.objects(body, &["parameters", "secrets_manager"]);
    for key in MISPLACED {
        if body.contains_key(*key) {
            faults.add(&[key], "Extra inputs are not permitted", "extra_forbidden");
        }
    }
    let manager = body.get("secrets_manager").and_then(Value::as_object);
    if manager.is_some_and(|manager| given(manager, "secret_url").is_none()) {
        faults.add(&["secrets_manager", "secret_url"], "Field required", "missing");
    }
    faults.done()
}

/// `GET /connections`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let query = &call.query;
    let (ids, names, kinds) = (query.ids("id")?, query.set("name"), query.set("type"));
    let mut rows: Vec<&Connection> = instance
        .connections
        .iter()
        .filter(|row| ids.is_empty() || ids.contains(&row.meta.id))
        .filter(|row| names.is_empty() || names.contains(&row.name.as_str()))
        .filter(|row| kinds.is_empty() || kinds.contains(&row.kind()))
        .collect();
    if let Some(down) = descending(query, "sort_name")? {
        rows.sort_by(|left, right| left.name.cmp(&right.name));
        if down {
            rows.reverse();
        }
    } else if descending(query, "sort_id")?
        .or(descending(query, "sort_created")?)
        .unwrap_or(false)
    {
        rows.reverse();
    }
    let instance = &*instance;
    Ok(Page::of(query)?.answer(&rows, |row| instance.render_connection(row)))
}

/// `GET /connections/listing`.
pub(super) fn listing(instance: &mut Instance, _: &Call) -> Outcome {
    let rows = instance.connections.iter();
    Ok(Answer::Ok(
        rows.map(|row| json!({ "id": row.meta.id, "name": row.name, "type": row.kind() }))
            .collect(),
    ))
}

/// `GET /connections/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.connection(call.id(0)?)?;
    Ok(Answer::Ok(instance.render_connection(row)))
}

/// `POST /connections`.
pub(super) fn create(instance: &mut Instance, call: &Call) -> Outcome {
    let id = instance.add_connection(object(&call.body)?, call.caller.id)?;
    Ok(Answer::Created(instance.render_connection(instance.connection(id)?)))
}

/// `PUT /connections/{id}`.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let body = object(&call.body)?;
    check(body)?;
    let mut faults = Faults::default();
    faults.need(body, &["name", "type"]);
    let row = instance.connection(id)?;
    if text(body, "type").is_some_and(|kind| kind != row.kind()) {
        faults.add(&["type"], "The type of a connection cannot be changed", "value_error");
    }
    faults.done()?;
    let name = text(body, "name").unwrap_or_default().to_owned();
    if instance.connection_names.get(&name).is_some_and(|other| *other != id) {
        return Err(duplicate(&name));
    }
    let before = instance.render_connection(row);
    let Some(mut row) = instance.connections.remove(id) else {
        return Err(Refusal::not_found("Connection", id));
    };
    let old = std::mem::replace(&mut row.name, name.clone());
    instance.write(&mut row, body, instance.switches.put.connection);
    let after = instance.render_connection(&row);
    instance.edited(&mut row.meta, call.caller.id, &before, &after);
    instance.connections.put(id, row);
    instance.connection_names.remove(&old);
    instance.connection_names.insert(name, id);
    Ok(Answer::Ok(after))
}

/// `DELETE /connections/{id}`.
pub(super) fn delete(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    instance.connection(id)?;
    if instance.datastores.iter().any(|store| store.connection == id) {
        return Err(Refusal::conflict(format!(
            "The connection id: {id} is in use by datastores"
        )));
    }
    if let Some(row) = instance.connections.remove(id) {
        instance.connection_names.remove(&row.name);
    }
    Ok(Answer::Empty)
}
