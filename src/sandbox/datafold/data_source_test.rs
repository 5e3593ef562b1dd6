//! Connection tests: jobs of four steps, each with a result of its own.

use serde_json::{Value, json};

use super::body::text;
use super::data_source::DataSource;
use super::organisation::Organisation;
use super::switches::{FailedTest, Reached};
use super::wire::{Answer, Call, Outcome, Refusal};
use crate::sandbox::table::Id;

const STEPS: [&str; 4] = ["connection", "temp_schema", "schema_download", "lineage_download"];

pub(super) struct ConnectionTest {
    id: Id,
    data_source: Id,
    looks: u64,
}

/// `POST /data_sources/{id}/test`.
pub(super) fn start(organisation: &mut Organisation, call: &Call) -> Outcome {
    let data_source = organisation.data_source(call.id(0)?)?.id;
    let id = organisation.tests.reserve();
    let job = ConnectionTest {
        id,
        data_source,
        looks: 0,
    };
    organisation.tests.put(id, job);
    Ok(Answer::Ok(json!({ "job_id": id })))
}

/// `GET /data_sources/test/{job_id}`.
pub(super) fn get(organisation: &mut Organisation, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let pace = organisation.switches.tests;
    let failed = organisation.switches.failed_test;
    let missing = || Refusal::text(404, format!("Job {id} not found"));
    let job = organisation.tests.get_mut(id).ok_or_else(missing)?;
    job.looks += 1;
    let (job, looks, data_source) = (job.id, job.looks, job.data_source);
    let row = organisation.data_sources.get_mut(data_source).ok_or_else(missing)?;
    let steps = results(row);
    let total = u64::try_from(steps.len()).unwrap_or(0);
    let (status, finished) = match pace.reached(looks) {
        Reached::Part(done, of) => ("processing", done * total / of.max(1)),
        Reached::End => {
            let is_failed = steps.iter().any(|step| step["status"] == "failed");
            let word = if is_failed && failed == FailedTest::Failed {
                "failed"
            } else {
                "done"
            };
            (word, total)
        }
    };
    let shown: Vec<Value> = (0..)
        .zip(steps)
        .map(|(at, step)| match at < finished {
            true => step,
            false => json!({ "step": step["step"], "status": "waiting", "result": null }),
        })
        .collect();
    if finished == total {
        let tested_at = organisation.clock.precise();
        row.last_test = json!({ "results": shown, "tested_at": tested_at });
    }
    Ok(Answer::Ok(json!({ "id": job, "status": status, "results": shown })))
}

/// What each step finds: nothing is tried once there is no connection.
fn results(row: &DataSource) -> Vec<Value> {
    let mut is_connected = true;
    STEPS
        .iter()
        .map(|step| {
            let unreachable = text(&row.options, "host").is_some_and(|host| host.ends_with(".invalid"));
            let (code, message) = match row.findings.get(*step).and_then(Value::as_object) {
                _ if !is_connected => ("skip", "Skipped: there is no connection".to_owned()),
                Some(finding) => (
                    text(finding, "code").unwrap_or("unknown"),
                    text(finding, "message").unwrap_or_default().to_owned(),
                ),
                None if unreachable && *step == "connection" => ("error", "Could not resolve the host name".to_owned()),
                None => ("ok", String::new()),
            };
            is_connected &= !(*step == "connection" && code == "error");
            let status = if code == "error" { "failed" } else { "done" };
            json!({
                "step": step,
                "status": status,
                "result": { "code": code.to_uppercase(), "message": message, "outcome": code },
            })
        })
        .collect()
}
