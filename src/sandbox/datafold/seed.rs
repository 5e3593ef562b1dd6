//! Seeds: the content of a deployment as one JSON object.
//!
//! | key | rows |
//! |---|---|
//! | `data_sources` | bodies as the API takes them, and `id`, `accessible` (true), `catalog` (tables that wildcards find), `test` (`{step: {code, message}}`) |
//! | `monitors` | definitions as in a file, and `id` (the number it has), `slug` (absent: made by hand); a `connection_id` may be the name of a data source |
//! | `ci_configs` | `{id, name, repository, data_source (name or id), base_branch (absent: any), diff_threshold, ends, accessible}`; `ends` (done) is the word that its runs end in, known or not |
//! | `ci_runs` | `{ci_config_id, pr_num, pr_branch, pr_sha, base_branch, base_sha, status}`: a run that stays at a status; `waiting` takes diffs |
//! | `comparisons` | `{prod, pr, outcome, …}`: what is found in two tables. `outcome`: identical, different, added, removed, null_keys, duplicate_keys, schema, failed, cross_database; `rows`, `nulls`, `dupes`, `exclusives` (pairs, production first), `changed`, `columns` (differing values by name), `retyped`, `failure`, `dependencies` stand over it |
//! | `keys` | `{key, rights}` |

use serde_json::{Map, Value, json};

use super::body::{names, text};
use super::ci_config::CiConfig;
use super::ci_run::Source;
use super::ci_runs::head;
use super::data_source::{Access, DataSource};
use super::key::Rights;
use super::monitor::{Kind, Managed};
use super::monitor_spec::{From, kept};
use super::organisation::Organisation;
use super::wire::Refusal;
use crate::sandbox::table::Id;

/// Adds a seed to an organisation.
pub(super) fn load(organisation: &mut Organisation, seed: &Value) -> Result<(), String> {
    let seed = seed.as_object().ok_or("a seed should be an object")?;
    let known: [(&str, Row); 6] = [
        ("keys", key),
        ("data_sources", data_source),
        ("monitors", monitor),
        ("ci_configs", ci_config),
        ("ci_runs", ci_run),
        ("comparisons", Organisation::compare),
    ];
    if let Some(key) = seed.keys().find(|key| !known.iter().any(|(known, _)| known == key)) {
        return Err(format!("{key}: a seed has no such key"));
    }
    for (part, load) in known {
        let rows = seed.get(part).and_then(Value::as_array);
        for (at, row) in rows.into_iter().flatten().enumerate() {
            let row = row
                .as_object()
                .ok_or_else(|| format!("{part}[{at}] should be an object"))?;
            load(organisation, row).map_err(|fault| format!("{part}[{at}]: {fault}"))?;
        }
    }
    Ok(())
}

type Row = fn(&mut Organisation, &Map<String, Value>) -> Result<(), String>;

fn told(refusal: Refusal) -> String {
    refusal.body.to_string()
}

fn key(organisation: &mut Organisation, row: &Map<String, Value>) -> Result<(), String> {
    let rights = text(row, "rights").and_then(Rights::parse);
    let rights = rights.ok_or("rights should be admin, read or none")?;
    let key = text(row, "key").ok_or("key should be a text")?;
    organisation.keys.insert(key.to_owned(), rights);
    Ok(())
}

fn data_source(organisation: &mut Organisation, row: &Map<String, Value>) -> Result<(), String> {
    let mut source = DataSource::parse(0, row).map_err(told)?;
    source.id = match row.get("id").and_then(Value::as_i64) {
        Some(id) => organisation.data_sources.claim(id),
        None => organisation.data_sources.reserve(),
    };
    if row.get("accessible") == Some(&json!(false)) {
        source.access = Access::Closed;
    }
    source.catalog = row.get("catalog").map(names).unwrap_or_default();
    source.findings = row.get("test").and_then(Value::as_object).cloned().unwrap_or_default();
    organisation.data_sources.put(source.id, source);
    Ok(())
}

fn monitor(organisation: &mut Organisation, row: &Map<String, Value>) -> Result<(), String> {
    let kind = text(row, "type").and_then(Kind::parse);
    let kind = kind.ok_or("type should be one of diff, metric, test, schema")?;
    let mut row = row.clone();
    number_connections(organisation, &mut row)?;
    let spec = kept(kind, From::Code, &row).map_err(told)?;
    organisation.unknown_connections(&spec).map_err(told)?;
    let managed = match text(&row, "slug") {
        Some(slug) => Managed::ByCode {
            slug: slug.to_owned(),
            table: None,
        },
        None => Managed::ByHand,
    };
    let id = organisation.add_monitor(kind, managed, spec);
    if let Some(wanted) = row.get("id").and_then(Value::as_i64)
        && let Some(mut monitor) = organisation.monitors.remove(id)
    {
        monitor.id = organisation.monitors.claim(wanted);
        organisation.monitors.put(wanted, monitor);
    }
    Ok(())
}

fn ci_config(organisation: &mut Organisation, row: &Map<String, Value>) -> Result<(), String> {
    let data_source = match row.get("data_source") {
        Some(Value::String(name)) => organisation.named_data_source(name)?,
        Some(id) => id.as_i64().ok_or("data_source should be a name or an id")?,
        None => return Err("data_source is missing".to_owned()),
    };
    let id = match row.get("id").and_then(Value::as_i64) {
        Some(id) => organisation.ci_configs.claim(id),
        None => organisation.ci_configs.reserve(),
    };
    organisation.ci_configs.put(id, CiConfig::parse(id, row, data_source));
    Ok(())
}

fn ci_run(organisation: &mut Organisation, row: &Map<String, Value>) -> Result<(), String> {
    let config = row.get("ci_config_id").and_then(Value::as_i64).unwrap_or_default();
    organisation.ci_config(config).map_err(told)?;
    let head = head(&Value::Object(row.clone()), "pr_num").map_err(told)?;
    let id = organisation.add_run(config, head, Source::Ci);
    organisation.stand_at(id, text(row, "status").unwrap_or("waiting"));
    Ok(())
}

impl Organisation {
    fn named_data_source(&self, name: &str) -> Result<Id, String> {
        let found = self.data_sources.iter().find(|row| row.name == *name);
        found
            .map(|row| row.id)
            .ok_or_else(|| format!("there is no data source {name}"))
    }
}

/// Puts the numbers of data sources in place of their names, wherever a definition has a `connection_id`.
fn number_connections(organisation: &Organisation, map: &mut Map<String, Value>) -> Result<(), String> {
    for (key, value) in map.iter_mut() {
        match value {
            Value::Object(inner) => number_connections(organisation, inner)?,
            Value::String(name) if key == "connection_id" => {
                *value = json!(organisation.named_data_source(name)?);
            }
            _ => {}
        }
    }
    Ok(())
}
