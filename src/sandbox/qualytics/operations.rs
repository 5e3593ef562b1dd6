//! Operations: work that outlives a request. Their effect comes when they end, not when they are asked for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::body::{Faults, given, names, object, text};
use super::page::{Page, descending};
use super::permission::Permission;
use super::state::{Id, Instance};
use super::switches::OperationPace;
use super::wire::{Answer, Call, Outcome, Refusal};

/// What an operation does, by its wire name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sync,
    Profile,
    Scan,
    ExternalScan,
    Materialize,
    Export,
    Promote,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Profile => "profile",
            Self::Scan => "scan",
            Self::ExternalScan => "external_scan",
            Self::Materialize => "materialize",
            Self::Export => "export",
            Self::Promote => "promote",
        }
    }

    /// The kind of a wire name, the older `catalog` included.
    fn parse(text: &str) -> Option<Self> {
        if text == "catalog" {
            return Some(Self::Sync);
        }
        if text.starts_with("promote") {
            return Some(Self::Promote);
        }
        [
            Self::Sync,
            Self::Profile,
            Self::Scan,
            Self::ExternalScan,
            Self::Materialize,
            Self::Export,
        ]
        .into_iter()
        .find(|kind| kind.name() == text)
    }
}

/// What an operation was asked to do.
pub(super) struct Work {
    kind: Kind,
    /// The containers it is about; all of the datastore when none are named.
    containers: Option<Vec<Id>>,
    /// Of a sync: whether containers that vanished are removed.
    prune: bool,
}

impl Work {
    pub(super) const fn sync() -> Self {
        Self {
            kind: Kind::Sync,
            containers: None,
            prune: false,
        }
    }

    pub(super) const fn export() -> Self {
        Self {
            kind: Kind::Export,
            containers: None,
            prune: false,
        }
    }

    pub(super) fn profile(container: Id) -> Self {
        Self {
            kind: Kind::Profile,
            containers: Some(vec![container]),
            prune: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Queued,
    Running,
    Success,
    Aborted,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Aborted => "aborted",
        }
    }

    const fn ended(self) -> bool {
        matches!(self, Self::Success | Self::Aborted)
    }
}

/// One run of an operation.
pub(super) struct Operation {
    id: Id,
    created: String,
    datastore: Id,
    work: Work,
    stage: Stage,
    begun: Instant,
    started: Option<String>,
    ended: Option<String>,
    by: Id,
    analyzed: usize,
}

impl Instance {
    /// Starts an operation; it is queued when this returns.
    pub(super) fn start(&mut self, work: Work, datastore: Id, by: Id) -> Id {
        let id = self.operations.reserve();
        let created = self.clock.stamp();
        let operation = Operation {
            id,
            created,
            datastore,
            work,
            stage: Stage::Queued,
            begun: Instant::now(),
            started: None,
            ended: None,
            by,
            analyzed: 0,
        };
        self.operations.put(id, operation);
        self.open_operations.push(id);
        id
    }

    /// Moves operations on to where they are at `now`.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.switches.operations == OperationPace::Held || self.open_operations.is_empty() {
            return;
        }
        let whole = Duration::from_millis(self.switches.operation_ms);
        for id in self.open_operations.clone() {
            let Some(operation) = self.operations.get(id) else {
                continue;
            };
            let elapsed = now.saturating_duration_since(operation.begun);
            if elapsed >= whole {
                self.finish(id);
            } else if elapsed >= whole / 2 {
                self.run_stage(id);
            }
        }
    }

    /// Ends every open operation now; returns their ids.
    pub(super) fn finish_all(&mut self) -> Vec<Id> {
        let open = self.open_operations.clone();
        for id in &open {
            self.finish(*id);
        }
        open
    }

    fn run_stage(&mut self, id: Id) {
        let stamp = self.clock.stamp();
        if let Some(operation) = self
            .operations
            .get_mut(id)
            .filter(|operation| operation.stage == Stage::Queued)
        {
            operation.stage = Stage::Running;
            operation.started = Some(stamp);
        }
    }

    fn finish(&mut self, id: Id) {
        self.run_stage(id);
        self.open_operations.retain(|open| *open != id);
        let Some(operation) = self.operations.get(id) else {
            return;
        };
        let (datastore, kind, prune) = (operation.datastore, operation.work.kind, operation.work.prune);
        let containers: Vec<Id> = match &operation.work.containers {
            Some(ids) => ids.clone(),
            None => self
                .containers_of
                .get(&datastore)
                .into_iter()
                .flatten()
                .copied()
                .collect(),
        };
        match kind {
            Kind::Sync => self.sync(datastore, prune),
            Kind::Profile => containers.iter().for_each(|container| self.profile(*container)),
            Kind::Scan | Kind::ExternalScan | Kind::Materialize | Kind::Export | Kind::Promote => {}
        }
        let stamp = self.clock.stamp();
        if let Some(operation) = self.operations.get_mut(id) {
            operation.stage = Stage::Success;
            operation.ended = Some(stamp);
            operation.analyzed = containers.len();
        }
    }

    fn render_operation(&self, row: &Operation) -> Value {
        let total = match &row.work.containers {
            Some(ids) => ids.len(),
            None => self
                .containers_of
                .get(&row.datastore)
                .map_or(0, std::collections::BTreeSet::len),
        };
        json!({
            "id": row.id,
            "created": row.created,
            "type": row.work.kind.name(),
            "start_time": row.started,
            "end_time": row.ended,
            "result": row.stage.name(),
            "message": null,
            "datastore": self.datastore_stub(row.datastore),
            "status": {
                "total_containers": total,
                "containers_analyzed": row.analyzed,
                "records_processed": row.analyzed * 1000,
            },
            "triggered_by": self.user_stub(row.by),
            "has_logs": false,
        })
    }

    /// The newest operation of a datastore, as datastores carry it.
    pub(super) fn latest_operation(&self, datastore: Id) -> Value {
        let newest = self.operations.iter().rev().find(|row| row.datastore == datastore);
        newest.map_or(Value::Null, |row| {
            json!({ "id": row.id, "type": row.work.kind.name(), "result": row.stage.name(), "end_time": row.ended })
        })
    }

    /// Whether an operation that writes to the enrichment datastore is open.
    pub(super) fn writes_enrichment(&self, datastore: Id) -> bool {
        self.open_operations
            .iter()
            .filter_map(|id| self.operations.get(*id))
            .any(|row| row.datastore == datastore && matches!(row.work.kind, Kind::Export | Kind::Materialize))
    }
}

/// `POST /operations/run`.
pub(super) fn run(instance: &mut Instance, call: &Call) -> Outcome {
    let body = object(&call.body)?;
    let mut faults = Faults::default();
    faults.need(body, &["type", "datastore_id"]);
    faults.flags(body, &["prune", "recreate"]);
    faults.lists_of_texts(body, &["container_names", "container_tags"]);
    let kind = text(body, "type").and_then(Kind::parse);
    if kind.is_none() && body.contains_key("type") {
        faults.add(
            &["type"],
            "Input tag does not match any of the expected tags",
            "union_tag_invalid",
        );
    }
    faults.done()?;
    let datastore = body.get("datastore_id").and_then(Value::as_i64).unwrap_or_default();
    instance.seen_datastore(call.caller, datastore)?;
    instance.need(call.caller, datastore, Permission::Editor)?;
    let mut containers = None;
    let tags = names(body.get("container_tags").unwrap_or(&Value::Null));
    if let Some(wanted) = given(body, "container_names")
        .map(names)
        .filter(|names| !names.is_empty())
    {
        let ids: Result<Vec<Id>, Refusal> = wanted
            .iter()
            .map(|name| {
                let found = instance.container_named(datastore, name).map(|row| row.meta.id);
                found.ok_or_else(|| Refusal::text(404, format!("Container '{name}' not found")))
            })
            .collect();
        containers = Some(ids?);
    } else if !tags.is_empty() {
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let tagged = instance
            .containers_in(datastore)
            .filter(|row| instance.tagged(&row.tags, &tags));
        containers = Some(tagged.map(|row| row.meta.id).collect());
    }
    let prune = body.get("prune") == Some(&json!(true));
    let work = Work {
        kind: kind.unwrap_or(Kind::Sync),
        containers,
        prune,
    };
    let id = instance.start(work, datastore, call.caller.id);
    get_one(instance, id)
}

fn get_one(instance: &Instance, id: Id) -> Outcome {
    let row = instance
        .operations
        .get(id)
        .ok_or_else(|| Refusal::not_found("Operation", id))?;
    Ok(Answer::Ok(instance.render_operation(row)))
}

/// `GET /operations/{id}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance
        .operations
        .get(id)
        .ok_or_else(|| Refusal::not_found("Operation", id))?;
    if !instance.sees(call.caller, row.datastore) {
        return Err(Refusal::not_found("Operation", id));
    }
    get_one(instance, id)
}

/// `GET /operations`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let query = &call.query;
    let (datastores, containers, ids) = (query.ids("datastore")?, query.ids("container")?, query.ids("id")?);
    let (results, finished) = (query.set("result"), query.flag("finished")?);
    let kind = query.first("operation_type").map(Kind::parse);
    let mut rows: Vec<&Operation> = instance
        .operations
        .iter()
        .filter(|row| instance.sees(call.caller, row.datastore))
        .filter(|row| ids.is_empty() || ids.contains(&row.id))
        .filter(|row| datastores.is_empty() || datastores.contains(&row.datastore))
        .filter(|row| {
            containers.is_empty()
                || row
                    .work
                    .containers
                    .as_ref()
                    .is_none_or(|own| own.iter().any(|id| containers.contains(id)))
        })
        .filter(|row| kind.is_none_or(|kind| kind == Some(row.work.kind)))
        .filter(|row| {
            results.is_empty()
                || results
                    .iter()
                    .any(|result| result.eq_ignore_ascii_case(row.stage.name()))
        })
        .filter(|row| finished.is_none_or(|finished| finished == row.stage.ended()))
        .collect();
    if descending(query, "sort_created")?.unwrap_or(true) {
        rows.reverse();
    }
    let instance = &*instance;
    Ok(Page::of(query)?.answer(&rows, |row| instance.render_operation(row)))
}

/// `PUT /operations/abort/{id}`.
pub(super) fn abort(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance
        .operations
        .get(id)
        .ok_or_else(|| Refusal::not_found("Operation", id))?;
    instance.seen_datastore(call.caller, row.datastore)?;
    instance.need(call.caller, row.datastore, Permission::Editor)?;
    if row.stage.ended() {
        return Err(Refusal::bad("The operation has already finished"));
    }
    let stamp = instance.clock.stamp();
    instance.open_operations.retain(|open| *open != id);
    if let Some(row) = instance.operations.get_mut(id) {
        row.stage = Stage::Aborted;
        row.ended = Some(stamp);
    }
    get_one(instance, id)
}

/// `POST /export/{asset}`: the older way to start an export.
pub(super) fn export(instance: &mut Instance, call: &Call) -> Outcome {
    let datastore = call.query.ids("datastore")?.first().copied();
    let datastore = datastore.or_else(|| call.body.get("datastore_id").and_then(Value::as_i64));
    let datastore =
        datastore.ok_or_else(|| Refusal::invalid(json!(["query", "datastore"]), "Field required", "missing"))?;
    instance.seen_datastore(call.caller, datastore)?;
    instance.need(call.caller, datastore, Permission::Editor)?;
    let id = instance.start(Work::export(), datastore, call.caller.id);
    get_one(instance, id)
}

/// `GET /anomalies`: nothing is ever scanned here, so there are none.
pub(super) fn no_anomalies(_: &mut Instance, call: &Call) -> Outcome {
    Ok(Page::of(&call.query)?.answer(&[] as &[()], |()| Value::Null))
}

/// `/anomalies/{id}`, and writes to anomalies.
pub(super) fn no_anomaly(_: &mut Instance, call: &Call) -> Outcome {
    Err(Refusal::not_found("Anomaly", call.id(0).unwrap_or_default()))
}
