//! Data sources: connections to databases. They are made and read; the API neither changes nor deletes them.

use serde_json::{Map, Value, json};

use super::body::{Faults, given, object, text};
use super::data_source_type::{Field, Need, Reading, fields};
use super::organisation::Organisation;
use super::switches::Duplicates;
use super::wire::{Answer, Call, Outcome, Refusal};
use crate::sandbox::table::Id;

/// Whether a key may use a data source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Open,
    Closed,
}

pub(super) struct DataSource {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) kind: String,
    /// What can be read back of the options.
    pub(super) options: Map<String, Value>,
    /// What can only be written.
    pub(super) secrets: Map<String, Value>,
    /// The rest of the envelope.
    pub(super) envelope: Map<String, Value>,
    pub(super) access: Access,
    /// The tables that wildcards find: `DB.SCHEMA.TABLE`.
    pub(super) catalog: Vec<String>,
    /// What a step of a connection test finds, by step: `{code, message}`.
    pub(super) findings: Map<String, Value>,
    pub(super) last_test: Value,
}

/// The keys of the envelope that a caller sets, with what the server makes of those that are left out.
fn envelope() -> [(&'static str, Value); 18] {
    [
        ("temp_schema", Value::Null),
        ("float_tolerance", json!(0.0)),
        ("is_paused", json!(false)),
        ("hidden", json!(false)),
        ("view_only", json!(false)),
        ("disable_schema_indexing", json!(false)),
        ("disable_profiling", json!(false)),
        ("schema_indexing_schedule", Value::Null),
        ("profile_schedule", Value::Null),
        ("lineage_schedule", Value::Null),
        ("schema_max_age_s", Value::Null),
        ("data_retention_days", Value::Null),
        ("max_allowed_connections", Value::Null),
        ("catalog_include_list", Value::Null),
        ("catalog_exclude_list", Value::Null),
        ("profile_include_list", Value::Null),
        ("profile_exclude_list", Value::Null),
        ("groups", json!({})),
    ]
}

impl DataSource {
    /// A data source from a body as the API takes it.
    pub(super) fn parse(id: Id, body: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        faults.need(body, &["name", "type"]);
        faults.texts(body, &["name", "type", "temp_schema"]);
        faults.length(body, "name", 255);
        faults.objects(body, &["options", "groups"]);
        faults.flags(
            body,
            &[
                "is_paused",
                "hidden",
                "view_only",
                "disable_schema_indexing",
                "disable_profiling",
            ],
        );
        let kind = text(body, "type").unwrap_or_default();
        let known = fields(kind);
        if known.is_none() && !kind.is_empty() {
            faults.add(
                &["type"],
                format!("No match for discriminator 'type' and value '{kind}'"),
                "value_error",
            );
        }
        let sent = given(body, "options")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let known = known.unwrap_or_default();
        for field in known.iter().filter(|field| field.need == Need::Required) {
            if given(&sent, field.name).is_none() {
                faults.add(&["options", field.name], "field required", "value_error.missing");
            }
        }
        if text(&sent, "host").is_some_and(|host| host.chars().count() > 128) {
            faults.add(
                &["options", "host"],
                "ensure this value has at most 128 characters",
                "value_error.any_str.max_length",
            );
        }
        faults.done()?;
        let (options, secrets) = sorted(&known, &sent);
        let envelope = envelope().map(|(key, usual)| {
            let value = given(body, key).cloned().unwrap_or(usual);
            (key.to_owned(), value)
        });
        Ok(Self {
            id,
            name: text(body, "name").unwrap_or_default().to_owned(),
            kind: kind.to_owned(),
            options,
            secrets,
            envelope: envelope.into_iter().collect(),
            access: Access::Open,
            catalog: Vec::new(),
            findings: Map::new(),
            last_test: Value::Null,
        })
    }

    fn render(&self) -> Value {
        let mut out = Map::new();
        out.insert("id".to_owned(), json!(self.id));
        out.insert("name".to_owned(), json!(self.name));
        out.insert("type".to_owned(), json!(self.kind));
        out.insert("options".to_owned(), json!(self.options));
        out.extend(self.envelope.clone());
        out.insert("accessible".to_owned(), json!(self.access == Access::Open));
        out.insert("created_from".to_owned(), Value::Null);
        out.insert("source".to_owned(), Value::Null);
        out.insert("secret_id".to_owned(), Value::Null);
        out.insert("queue_name".to_owned(), Value::Null);
        out.insert("scheduled_queue_name".to_owned(), Value::Null);
        out.insert("oauth_dwh_active".to_owned(), json!(false));
        out.insert("last_test".to_owned(), self.last_test.clone());
        Value::Object(out)
    }
}

/// The options that are read back, defaults filled in, and the secrets; what the type does not know is dropped.
fn sorted(known: &[Field], sent: &Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let (mut options, mut secrets) = (Map::new(), Map::new());
    for field in known {
        let value = given(sent, field.name).cloned().or_else(|| field.default.clone());
        match (field.reading, value) {
            (Reading::Plain, value) => {
                options.insert(field.name.to_owned(), value.unwrap_or_default());
            }
            (Reading::Secret, Some(value)) => {
                secrets.insert(field.name.to_owned(), value);
            }
            (Reading::Secret, None) => {}
        }
    }
    (options, secrets)
}

impl Organisation {
    /// A data source that the caller may use.
    pub(super) fn data_source(&self, id: Id) -> Result<&DataSource, Refusal> {
        let found = self.data_sources.get(id);
        let found = found.ok_or_else(|| Refusal::text(404, format!("Data source {id} not found")))?;
        match found.access {
            Access::Open => Ok(found),
            Access::Closed => Err(Refusal::text(403, "You do not have access to this data source")),
        }
    }
}

/// `GET /data_sources`: all of them, those that the caller may not use too.
pub(super) fn list(organisation: &mut Organisation, _: &Call) -> Outcome {
    let shown = organisation
        .data_sources
        .iter()
        .filter(|row| row.envelope.get("hidden") != Some(&json!(true)))
        .map(DataSource::render);
    Ok(Answer::Ok(shown.collect()))
}

/// `POST /data_sources`.
pub(super) fn create(organisation: &mut Organisation, call: &Call) -> Outcome {
    let body = object(&call.body)?;
    // The number is taken when the body is known to be good.
    let mut row = DataSource::parse(0, body)?;
    let is_taken = organisation.data_sources.iter().any(|other| other.name == row.name);
    if is_taken && organisation.switches.duplicate_data_sources == Duplicates::Refuse {
        return Err(Refusal::conflict(format!(
            "Data source with name '{}' already exists",
            row.name
        )));
    }
    row.id = organisation.data_sources.reserve();
    let shown = row.render();
    organisation.data_sources.put(row.id, row);
    Ok(Answer::Ok(shown))
}

/// `GET /data_sources/{id}`.
pub(super) fn get(organisation: &mut Organisation, call: &Call) -> Outcome {
    Ok(Answer::Ok(organisation.data_source(call.id(0)?)?.render()))
}

/// `GET /data_sources/{id}/summary`.
pub(super) fn summary(organisation: &mut Organisation, call: &Call) -> Outcome {
    let row = organisation.data_source(call.id(0)?)?;
    Ok(Answer::Ok(json!({ "id": row.id, "name": row.name, "type": row.kind })))
}
