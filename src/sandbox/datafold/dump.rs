//! What an organisation holds, for tests to compare.

use serde_json::{Map, Value, json};

use super::data_diff::Cause;
use super::monitor::{Managed, Monitor, Notices};
use super::organisation::Organisation;
use crate::sandbox::fingerprint::fingerprint;
use crate::sandbox::platform::Detail;

/// The dump: data sources, monitors and CI configurations, in the order of their ids; in full with the CI runs and what each was
/// handed. Secrets show as fingerprints.
pub(super) fn dump(organisation: &Organisation, detail: Detail) -> Value {
    let numbered = |id: i64, mut row: Map<String, Value>| {
        if detail == Detail::Full {
            row.insert("id".to_owned(), json!(id));
        }
        Value::Object(row)
    };
    let data_sources: Vec<Value> = organisation
        .data_sources
        .iter()
        .map(|row| {
            let secrets: Map<String, Value> = row
                .secrets
                .iter()
                .map(|(key, value)| (key.clone(), fingerprint(value.to_string().as_bytes())))
                .collect();
            let mut out = Map::new();
            out.insert("name".to_owned(), json!(row.name));
            out.insert("type".to_owned(), json!(row.kind));
            out.insert("options".to_owned(), json!(row.options));
            out.insert("secrets".to_owned(), json!(secrets));
            out.extend(row.envelope.clone());
            numbered(row.id, out)
        })
        .collect();
    let monitors: Vec<Value> = organisation
        .monitors
        .iter()
        .map(|row| numbered(row.id, monitor(row)))
        .collect();
    let ci_configs: Vec<Value> = organisation
        .ci_configs
        .iter()
        .map(|row| {
            json!({
                "id": row.id, "name": row.name, "repository": row.repository, "data_source": row.data_source,
                "base_branch": row.base_branch, "diff_threshold": row.diff_threshold,
            })
        })
        .collect();
    let mut out = json!({ "data_sources": data_sources, "monitors": monitors, "ci_configs": ci_configs });
    if detail == Detail::Full {
        let pace = organisation.switches.runs;
        let diffs = |run: i64| -> Vec<Value> {
            let of = organisation.data_diffs.iter();
            of.filter(|diff| matches!(diff.cause, Cause::Run { run: own, .. } if own == run))
                .map(|diff| json!({ "id": diff.id, "prod": diff.request.prod, "pr": diff.request.pr }))
                .collect()
        };
        let runs = organisation.ci_runs.iter().map(|run| {
            let mut out = run.render(pace);
            out["ci_config_id"] = json!(run.config);
            out["diffs"] = json!(diffs(run.id));
            out
        });
        out["ci_runs"] = runs.collect();
    }
    out
}

fn monitor(row: &Monitor) -> Map<String, Value> {
    let mut out = Map::new();
    if let Managed::ByCode { slug, table } = &row.managed {
        out.insert("slug".to_owned(), json!(slug));
        if let Some(table) = table {
            out.insert("found_table".to_owned(), json!(table));
        }
    }
    out.insert("type".to_owned(), json!(row.kind.name()));
    out.insert("paused".to_owned(), json!(row.notices == Notices::Paused));
    out.extend(row.spec.clone());
    out
}
