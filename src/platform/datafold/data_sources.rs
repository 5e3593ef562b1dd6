//! Data sources: they are listed, created and tested; no request changes or deletes one (`reference` 6.1).

use std::collections::BTreeMap;

use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::{Operation, Step};
use driftless_core::report::{Failure, Meaning};
use driftless_core::snapshot::{Desired, Gap, GapReason, Live, Scope};
use driftless_core::value::{Map, Secret, Value};
use serde_json::{Value as Json, json};

use super::Datafold;
use super::calls::{CREATE_SOURCE, GET_SOURCE, GET_TEST, LIST_SOURCES, TEST_SOURCE};
use super::kinds::DATA_SOURCE;
use super::wire::{self, int, text};
use crate::codec;
use crate::platform::failures::{broken, failure};
use crate::platform::http::Request;
use crate::platform::{Done, Ids, Job, Progress};

/// The operation that a new data source waits for.
const TEST: &str = "test";
/// The argument of it with the number of the test, once it runs.
const JOB: &str = "job";
/// The argument of it with the secrets that were sent: no message may hold them.
const SENT: &str = "sent";

impl Datafold {
    /// Every data source that is in use.
    pub(super) async fn listed_sources(&self) -> Result<Vec<Json>, Failure> {
        let request = Request::new(&LIST_SOURCES, &[]);
        match self.http.fetch(&request).await? {
            Json::Array(items) => Ok(items),
            _ => Err(broken(&request, "the answer is no list")),
        }
    }

    /// Puts the data sources in their places: those of a name that is theirs alone. Gives the names by number.
    pub(super) async fn put_sources(
        &self,
        mut listed: Vec<Json>,
        desired: &Desired,
        scope: &Scope,
        live: &mut Live,
    ) -> Result<BTreeMap<i64, String>, Failure> {
        let is_left_out = scope.left_out.contains(&DATA_SOURCE);
        if !is_left_out {
            let is_listed = |id: i64| listed.iter().any(|raw| int(raw, "id") == Some(id));
            let unlisted = self.unlisted(DATA_SOURCE, scope, &GET_SOURCE, is_listed).await?;
            live.gaps.extend(unlisted.gaps);
            listed.extend(unlisted.found.into_iter().map(|(_, raw)| raw));
        }
        let mut by_name: BTreeMap<String, Vec<Json>> = BTreeMap::new();
        for raw in listed {
            if let (Some(_), Some(name)) = (int(&raw, "id"), text(&raw, "name")) {
                by_name.entry(name.to_owned()).or_default().push(raw);
            }
        }
        under_owned_names(&mut by_name, desired, scope);
        let mut names = BTreeMap::new();
        for (name, mut found) in by_name {
            let key = Key::new(DATA_SOURCE, [&name]);
            for id in found.iter().filter_map(|raw| int(raw, "id")) {
                names.insert(id, name.clone());
            }
            let document = desired.documents.get(&key);
            let owned = scope.owned.get(&key).copied().flatten();
            if found.len() > 1 {
                choose(&mut found, document.map(|document| &document.spec), owned);
            }
            let is_wanted = document.is_some() || scope.owned.contains_key(&key);
            let [raw] = found.as_slice() else {
                if is_wanted || is_named(desired, &key) {
                    live.gaps.push(ambiguous(key, &found));
                }
                continue;
            };
            let Some(resource) = wire::data_source(raw) else {
                continue;
            };
            let is_hidden = raw.get("accessible").and_then(Json::as_bool) == Some(false);
            if is_left_out || is_hidden {
                live.discovered.insert(key.clone(), resource.id);
                if is_hidden && is_wanted && !is_left_out {
                    live.gaps.push(not_accessible(key, resource.id));
                }
                continue;
            }
            live.resources.insert(key, resource);
        }
        Ok(names)
    }

    /// Makes a data source, and has it tested. Its test is a job, so that its number is known whatever comes of it.
    pub(super) async fn create_source(&self, step: &Step, ids: &Ids) -> Result<Progress, Failure> {
        let key = &step.change.key;
        let body = Value::Map(step.write.clone());
        let mut secrets = Vec::new();
        collect_secrets(&body, &mut secrets);
        let request = Request::new(&CREATE_SOURCE, &[]).body(codec::sent(&body), secrets);
        let made = match self.http.fetch(&request).await {
            Err(taken) if taken.meaning == Meaning::Conflict => {
                let message = format!(
                    "{}; one of this name was made since this pass read the instance, or this key does not see it",
                    taken.message
                );
                return Err(Failure { message, ..taken });
            }
            made => made?,
        };
        let id = int(&made, "id").ok_or_else(|| broken(&request, "the answer has no id"))?;
        Ok(untested(key, RemoteId(id), &step.write, ids))
    }

    /// How the test of a new data source is doing; it is started first.
    pub(super) async fn tested(&self, job: &Job, ids: &Ids) -> Result<Progress, Failure> {
        let key = &job.operation.subject;
        let source = ids.get(key).unwrap_or(job.id);
        let made = || {
            Progress::Done(Done {
                remote: Some(source),
                learned: Vec::new(),
            })
        };
        let Some(test) = job.operation.arguments.get(JOB).and_then(Value::as_str) else {
            let request = Request::new(&TEST_SOURCE, &[source.0]).body(json!({}), Vec::new());
            let answer = match self.http.probe(&request).await {
                Ok(Ok(answer)) => answer.unwrap_or_default(),
                Ok(Err(missing)) if missing.meaning == Meaning::NotFound => {
                    let message = format!("{key} was made, and is not there to be tested: {}", missing.message);
                    return Err(Failure { message, ..missing });
                }
                // A deployment without tests has none to fail.
                Ok(Err(_)) => return Ok(made()),
                Err(failure) => {
                    let message = format!("{key} is made, but its test could not be started: {}", failure.message);
                    return Err(Failure { message, ..failure });
                }
            };
            let test = match answer.get("job_id") {
                Some(Json::String(id)) => id.clone(),
                Some(Json::Number(id)) => id.to_string(),
                _ => return Err(broken(&request, "the answer has no job_id")),
            };
            let mut job = job.clone();
            job.operation.arguments.insert(JOB.to_owned(), Value::from(test));
            return Ok(Progress::Running(job));
        };
        let answer = self.http.fetch(&Request::named(&GET_TEST, &[test])).await?;
        let status = text(&answer, "status").unwrap_or_default();
        if !matches!(status, "done" | "failed" | "cancelled") {
            return Ok(Progress::Running(job.clone()));
        }
        let faults = faults(&answer);
        if faults.is_empty() && status == "done" {
            return Ok(made());
        }
        let mut secrets: Vec<Secret> = Vec::new();
        job.operation
            .arguments
            .values()
            .for_each(|value| collect_secrets(value, &mut secrets));
        let why = match faults.is_empty() {
            true => format!("it ended as `{status}`"),
            false => faults.join("; "),
        };
        let message = format!(
            "{key} is made (number {source}) and stays, but its test failed: {}; correct it at {}",
            self.http.cleared(&why, &secrets),
            self.sources_settings()
        );
        Err(failure(Meaning::Conflict, message))
    }

    /// Looks whether a person has done what no request can do.
    pub(super) async fn source_by_hand(&self, step: &Step, id: RemoteId) -> Result<(), Failure> {
        let raw = self.http.fetch(&Request::new(&GET_SOURCE, &[id.0])).await?;
        let live = wire::data_source(&raw).map(|live| live.spec).unwrap_or_default();
        let changes = step.change.fields.iter();
        let open: Vec<String> = changes
            .filter(|change| match &change.after {
                // A secret, which is never shown, is taken for done: a person has said so.
                Some(wanted) => !wire::is_written(wanted, change.path.get(&live)),
                None => change.path.get(&live).is_some_and(|found| !found.is_null()),
            })
            .map(|change| format!("`{}`", change.path))
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} is not yet as Git says in {}: set it at {}",
            step.change.key,
            open.join(", "),
            self.sources_settings()
        );
        Err(failure(Meaning::Conflict, message))
    }
}

/// A data source that was just made: it is known, and its test is still to be made.
pub(super) fn untested(key: &Key, id: RemoteId, written: &Map, ids: &Ids) -> Progress {
    ids.put(key.clone(), id);
    let mut secrets = Vec::new();
    written.values().for_each(|value| collect_secrets(value, &mut secrets));
    let sent = secrets.into_iter().map(Value::Secret).collect::<Vec<_>>();
    Progress::Running(Job {
        id,
        operation: Operation {
            name: TEST,
            subject: key.clone(),
            arguments: [(SENT.to_owned(), Value::from(sent))].into(),
            reason: "a new data source is tested".to_owned(),
        },
    })
}

/// Puts what the ledger owns and a person has renamed under the name that it is owned by: it is no other one, and a second one could
/// never be deleted. What a document gives its new name, or what has its old one by now, is left to its name.
fn under_owned_names(by_name: &mut BTreeMap<String, Vec<Json>>, desired: &Desired, scope: &Scope) {
    for (key, id) in scope.owned.iter().filter(|(key, _)| key.kind == DATA_SOURCE) {
        let Some(id) = id.filter(|_| !by_name.contains_key(key.name())) else {
            continue;
        };
        let is_it = |raw: &Json| int(raw, "id") == Some(id.0);
        let is_free = |name: &str| !desired.documents.contains_key(&Key::new(DATA_SOURCE, [name]));
        let renamed = by_name.iter_mut().filter(|(name, _)| is_free(name));
        let taken: Vec<Json> = renamed
            .flat_map(|(_, found)| found.extract_if(.., |raw| is_it(raw)))
            .collect();
        if !taken.is_empty() {
            by_name.insert(key.name().to_owned(), taken);
        }
    }
    by_name.retain(|_, found| !found.is_empty());
}

/// Of several of one name, leaves the one that is owned, or that alone has the document's type.
fn choose(found: &mut Vec<Json>, document: Option<&Map>, owned: Option<RemoteId>) {
    let sort = document.and_then(|spec| spec.get("type")).and_then(Value::as_str);
    let is_owned = |raw: &Json| owned.is_some_and(|id| int(raw, "id") == Some(id.0));
    let is_alike = |raw: &Json| sort.is_some_and(|sort| text(raw, "type") == Some(sort));
    let is_it: &dyn Fn(&Json) -> bool = match found.iter().any(&is_owned) {
        true => &is_owned,
        false => &is_alike,
    };
    if found.iter().filter(|raw| is_it(raw)).count() == 1 {
        found.retain(is_it);
    }
}

/// Whether a document refers to it.
fn is_named(desired: &Desired, key: &Key) -> bool {
    let documents = desired.documents.values();
    documents
        .flat_map(|document| &document.references)
        .any(|reference| reference.to == *key)
}

fn ambiguous(key: Key, found: &[Json]) -> Gap {
    let ids: Vec<String> = found
        .iter()
        .filter_map(|raw| int(raw, "id"))
        .map(|id| id.to_string())
        .collect();
    Gap {
        kind: DATA_SOURCE,
        message: format!(
            "several data sources are called `{}` (numbers {}): rename all but one, so that it is known which one is meant",
            key.name(),
            ids.join(", ")
        ),
        below: Some(key),
        reason: GapReason::Unread,
    }
}

fn not_accessible(key: Key, id: RemoteId) -> Gap {
    Gap {
        kind: DATA_SOURCE,
        message: format!(
            "`{key}` is not visible: number {id} is listed, and not accessible to this key. Give the key's owner a permission group \
             of it"
        ),
        below: Some(key),
        reason: GapReason::NotVisible,
    }
}

/// What went wrong in a test, step by step.
fn faults(test: &Json) -> Vec<String> {
    let results = test.get("results").and_then(Json::as_array).into_iter().flatten();
    results
        .filter_map(|raw| {
            let result = raw.get("result").unwrap_or(&Json::Null);
            let code = text(result, "code").unwrap_or_default().to_lowercase();
            let is_bad = code == "error" || text(raw, "status") == Some("failed");
            let step = text(raw, "step").unwrap_or("a step");
            let said = text(result, "message").or_else(|| text(result, "outcome"));
            is_bad.then(|| format!("{step}: {}", said.unwrap_or("the platform does not say why")))
        })
        .collect()
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
