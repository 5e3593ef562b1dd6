//! Operations: what the platform does by itself when asked, and how far it is.

use std::collections::BTreeSet;

use driftless_core::field::FieldPath;
use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::Operation;
use driftless_core::report::{Failure, Meaning};
use driftless_core::value::{Map, Value};
use serde_json::{Value as Json, json};

use super::body::{Body, number};
use super::calls::{GET_OPERATION, LINK, LIST_FIELDS, LIST_OPERATIONS, RUN_OPERATION, UNLINK};
use super::kinds::{CREATE_TAG, DATASTORE, LINK_ENRICHMENT, PROFILE, SYNC};
use super::operations::FIELDS;
use super::references::{container_key, datastore_of, text};
use super::{Qualytics, wire};
use crate::platform::failures::{broken, failure};
use crate::platform::http::Request;
use crate::platform::{Done, Ids, Job, Progress};

/// Marks a job that was under way before it was asked for: it may have begun too early to show every field.
const AWAITED: &str = "awaited";

impl Qualytics {
    pub(super) async fn run(
        &self,
        operation: &Operation,
        remote: Option<RemoteId>,
        ids: &Ids,
    ) -> Result<Progress, Failure> {
        match operation.name {
            SYNC => self.sync(operation, ids).await,
            PROFILE => self.profile(operation, ids).await,
            CREATE_TAG => self.create_tag(operation.subject.name()).await,
            LINK_ENRICHMENT => self.link(operation, remote, ids).await,
            other => {
                let message = format!("Qualytics has no operation `{other}`");
                Err(failure(Meaning::Invalid, message))
            }
        }
    }

    pub(super) async fn polled(&self, job: &Job, ids: &Ids) -> Result<Progress, Failure> {
        let raw = self.http.fetch(&Request::new(&GET_OPERATION, &[job.id.0])).await?;
        self.progress(&raw, job.clone(), ids).await
    }

    /// Discovers tables. Before the operation was renamed it was called `catalog`.
    async fn sync(&self, operation: &Operation, ids: &Ids) -> Result<Progress, Failure> {
        let datastore = subject(operation, ids)?;
        let body = |name: &str| json!({ "type": name, "datastore_id": datastore, "prune": false, "recreate": false });
        let asked = match self.ask(body(SYNC)).await {
            Err(refused) if refused.meaning == Meaning::Invalid => match self.ask(body("catalog")).await {
                Err(again) if again.meaning == Meaning::Invalid => Err(refused),
                other => other,
            },
            other => other,
        };
        let job = |id| Job {
            id: RemoteId(id),
            operation: operation.clone(),
        };
        match asked {
            Ok(raw) => {
                let id = wire::id_of(&raw).ok_or_else(no_number)?;
                self.progress(&raw, job(id), ids).await
            }
            // One is under way already: it is as good.
            Err(refused) if refused.meaning == Meaning::Conflict => {
                let request = Request::new(&LIST_OPERATIONS, &[]).query("datastore", datastore);
                match self.running(request, &["sync", "catalog"]).await? {
                    Some(id) => Ok(Progress::Running(job(id))),
                    None => Err(refused),
                }
            }
            Err(other) => Err(other),
        }
    }

    /// Sees to it that a container shows certain fields: nothing is done if it does, a profile that is under way is awaited, and
    /// only then is one started.
    async fn profile(&self, operation: &Operation, ids: &Ids) -> Result<Progress, Failure> {
        let container = subject(operation, ids)?;
        if self.missing_fields(operation, container).await?.is_empty() {
            return Ok(Progress::Done(Done::default()));
        }
        let datastore = owner(operation, ids)?;
        let request = Request::new(&LIST_OPERATIONS, &[])
            .query("datastore", datastore)
            .query("container", container)
            .query("operation_type", PROFILE);
        if let Some(id) = self.running(request, &[PROFILE]).await? {
            let mut operation = operation.clone();
            operation.arguments.insert(AWAITED.to_owned(), Value::from(true));
            return Ok(Progress::Running(Job {
                id: RemoteId(id),
                operation,
            }));
        }
        self.start_profile(operation, datastore, ids).await
    }

    async fn start_profile(&self, operation: &Operation, datastore: i64, ids: &Ids) -> Result<Progress, Failure> {
        let name = operation.subject.name();
        let raw = self
            .ask(json!({ "type": PROFILE, "datastore_id": datastore, "container_names": [name] }))
            .await?;
        let mut operation = operation.clone();
        operation.arguments.shift_remove(AWAITED);
        let job = Job {
            id: RemoteId(wire::id_of(&raw).ok_or_else(no_number)?),
            operation,
        };
        Box::pin(self.progress(&raw, job, ids)).await
    }

    /// Links a datastore with its enrichment datastore, or unlinks it.
    async fn link(&self, operation: &Operation, remote: Option<RemoteId>, ids: &Ids) -> Result<Progress, Failure> {
        const FIELD: &str = "enrich_datastore_name";
        let datastore = match remote {
            Some(id) => id.0,
            None => subject(operation, ids)?,
        };
        let request = match text(&operation.arguments, FIELD) {
            Some(name) => {
                let target = number(ids, &FieldPath::top(FIELD), &Key::new(DATASTORE, [name]))?;
                Request::new(&LINK, &[datastore, target])
            }
            None => Request::new(&UNLINK, &[datastore]),
        };
        self.http.send(&request).await?;
        Ok(Progress::Done(Done {
            remote: Some(RemoteId(datastore)),
            learned: Vec::new(),
        }))
    }

    async fn ask(&self, body: Json) -> Result<Json, Failure> {
        let body = Body {
            json: body,
            secrets: Vec::new(),
        };
        self.write(&RUN_OPERATION, &[], body).await?.ok_or_else(no_number)
    }

    /// The newest operation of one of these types that has not ended.
    async fn running(&self, request: Request, types: &[&str]) -> Result<Option<i64>, Failure> {
        let request = request
            .query("finished", false)
            .query("sort_created", "desc")
            .query("page", 1)
            .query("size", 10);
        let answer = self.http.fetch(&request).await?;
        let items = answer
            .get("items")
            .and_then(Json::as_array)
            .ok_or_else(|| broken(&request, "the answer is no page: it has no items"))?;
        let is_running = |raw: &&Json| {
            let of_type = wire::text_of(raw, "type").is_none_or(|name| types.contains(&name));
            of_type && raw.get("end_time").is_none_or(Json::is_null)
        };
        Ok(items.iter().find(is_running).and_then(wire::id_of))
    }

    /// How far an operation is, from what the platform says of it.
    async fn progress(&self, raw: &Json, job: Job, ids: &Ids) -> Result<Progress, Failure> {
        if raw.get("end_time").is_none_or(Json::is_null) {
            return Ok(Progress::Running(job));
        }
        let name = job.operation.name;
        let subject_key = &job.operation.subject;
        let result = wire::text_of(raw, "result").unwrap_or_default().to_lowercase();
        if result != "success" {
            let why = wire::text_of(raw, "message").unwrap_or("the platform does not say why");
            let message = format!("the {name} of `{}` ended as `{result}`: {why}", subject_key.path_text());
            return Err(failure(Meaning::Conflict, message));
        }
        let mut done = Done::default();
        let number = subject(&job.operation, ids)?;
        if name == SYNC {
            for container in self.containers(number).await? {
                let key = container_key(subject_key.name(), &container.name);
                done.learned.push((key, RemoteId(container.id)));
            }
            return Ok(Progress::Done(done));
        }
        let missing = self.missing_fields(&job.operation, number).await?;
        if missing.is_empty() {
            return Ok(Progress::Done(done));
        }
        if job.operation.arguments.contains_key(AWAITED) {
            // It began before the change: only one of our own has seen it.
            return self
                .start_profile(&job.operation, owner(&job.operation, ids)?, ids)
                .await;
        }
        let missing: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "`{}` was profiled and does not have {}",
            subject_key.path_text(),
            missing.join(", ")
        );
        Err(failure(Meaning::Conflict, message))
    }

    /// The fields that the operation wants and that the container does not show. A container without any field shows nothing at
    /// all, whatever is wanted of it.
    async fn missing_fields(&self, operation: &Operation, container: i64) -> Result<BTreeSet<String>, Failure> {
        let request = Request::new(&LIST_FIELDS, &[container]);
        let answer = self.http.fetch(&request).await?;
        let items = answer
            .as_array()
            .ok_or_else(|| broken(&request, "the answer is no list"))?;
        let is_there =
            |raw: &&Json| !wire::text_of(raw, "status").is_some_and(|status| status.eq_ignore_ascii_case("missing"));
        let shown: BTreeSet<&str> = items
            .iter()
            .filter(is_there)
            .filter_map(|raw| wire::text_of(raw, "name"))
            .collect();
        let wanted = wanted_fields(&operation.arguments);
        if shown.is_empty() && wanted.is_empty() {
            return Ok(BTreeSet::from(["any field".to_owned()]));
        }
        Ok(wanted
            .into_iter()
            .filter(|name| !shown.contains(name))
            .map(str::to_owned)
            .collect())
    }
}

fn wanted_fields(arguments: &Map) -> BTreeSet<&str> {
    let fields = arguments.get(FIELDS).and_then(Value::as_list).unwrap_or_default();
    fields.iter().filter_map(Value::as_str).collect()
}

/// The number of what the operation is run on.
fn subject(operation: &Operation, ids: &Ids) -> Result<i64, Failure> {
    ids.get(&operation.subject).map(|id| id.0).ok_or_else(|| {
        let message = format!("{} has no number on this instance yet", operation.subject);
        failure(Meaning::NotFound, message)
    })
}

/// The number of the datastore in which it lies.
fn owner(operation: &Operation, ids: &Ids) -> Result<i64, Failure> {
    let datastore = datastore_of(&operation.subject).and_then(|key| ids.get(&key));
    datastore.map(|id| id.0).ok_or_else(|| {
        let message = format!("the datastore of {} has no number on this instance", operation.subject);
        failure(Meaning::NotFound, message)
    })
}

/// An answer without a number leaves open whether the operation runs.
fn no_number() -> Failure {
    failure(Meaning::Lost, "POST /operations/run: the answer has no id")
}
