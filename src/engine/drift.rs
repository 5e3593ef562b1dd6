//! The history of an environment's drift: what each pass adds to it, and what it says to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use driftless_core::key::{EnvironmentName, Key};
use driftless_core::plan::{Change, Plan};
use driftless_core::report::{Outcomes, Report};
use driftless_core::schema::Schema;
use driftless_core::snapshot::Gap;
use tracing::warn;

use super::driver::Shared;
use super::flapping;
use super::reconcile::{Environment, Memory};
use crate::store::StoreError;
use crate::store::drifts::DriftRecord;

/// What is remembered, by resource.
pub(super) type Drifts = BTreeMap<Key, DriftRecord>;

/// Reads what is remembered.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn recall(memory: &Memory, schema: &dyn Schema) -> Result<Drifts, StoreError> {
    let records = memory.store.drifts(&memory.name, schema).await?;
    Ok(records.into_iter().map(|record| (record.key.clone(), record)).collect())
}

/// Puts into the view and the metrics since when there is drift, as an earlier process left it.
pub(super) async fn show(name: &EnvironmentName, environment: &Environment, shared: &Shared) {
    let Some(memory) = &environment.memory else { return };
    match recall(memory, environment.platform.schema()).await {
        Ok(drifts) => {
            let since = since(&drifts);
            shared.metrics.drift_since(name, since);
            shared.views.environment(name, |view| view.drift_since = since);
        }
        Err(error) => warn!(env.name = %name, "The history of the drift of {name} cannot be read: {error}"),
    }
}

/// Resources that are not put back at `now`, and why.
pub(super) fn stopped(drifts: &Drifts, now: DateTime<Utc>) -> BTreeMap<Key, String> {
    let stopped = drifts.iter().filter(|(_, record)| flapping::is_stopped(record, now));
    stopped
        .map(|(key, record)| (key.clone(), flapping::sentence(record)))
        .collect()
}

/// Since when there is drift that was not put back.
pub(super) fn since(drifts: &Drifts) -> Option<DateTime<Utc>> {
    drifts.values().filter_map(|record| record.open_since).min()
}

/// Those of the resources that `plan` finds drift on: what pages show.
pub(super) fn shown(drifts: &Drifts, plan: &Plan) -> Arc<Drifts> {
    let keys: BTreeSet<&Key> = drifted(plan).map(|(change, _)| &change.key).collect();
    let shown = drifts.iter().filter(|(key, _)| keys.contains(*key));
    Arc::new(shown.map(|(key, record)| (key.clone(), record.clone())).collect())
}

/// What policy says of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// It is put back.
    Correction,
    /// It is told.
    Report,
}

fn drifted(plan: &Plan) -> impl Iterator<Item = (&Change, Wanted)> {
    let steps = plan.steps.iter().map(|step| &step.change);
    let wanted = steps.chain(&plan.held).map(|change| (change, Wanted::Correction));
    let reported = plan.reported.iter().map(|change| (change, Wanted::Report));
    wanted.chain(reported).filter(|(change, _)| change.has_drift())
}

/// Adds what a pass that began at `now` found and did; the records that changed by it.
pub(super) fn note(drifts: &mut Drifts, report: &Report, gaps: &[Gap], now: DateTime<Utc>) -> Vec<DriftRecord> {
    let plan = &report.plan;
    let mut found: BTreeMap<&Key, (Wanted, Option<&String>)> = BTreeMap::new();
    for (change, wanted) in drifted(plan) {
        let known = found.entry(&change.key).or_insert((wanted, None));
        if wanted == Wanted::Correction {
            known.0 = wanted;
        }
        known.1 = known.1.or(change.edited.as_ref());
    }
    let corrected = corrected(report);
    let mut changed = Vec::new();
    for (key, (wanted, edited)) in &found {
        let record = drifts
            .entry((*key).clone())
            .or_insert_with(|| DriftRecord::new((*key).clone(), now));
        record.seen = record.seen.saturating_add(1);
        record.last_seen = now;
        record.open_since.get_or_insert(now);
        if let Some(edited) = edited {
            record.edited = Some((*edited).clone());
        }
        if *wanted == Wanted::Correction {
            flapping::found(record, now);
        }
        if corrected.contains(key) {
            flapping::corrected(record, now);
            record.open_since = None;
        }
        changed.push(record.clone());
    }
    let blocked: BTreeSet<&Key> = plan.blocked.iter().flat_map(|blocked| &blocked.keys).collect();
    let hidden = |key: &Key| blocked.contains(key) || gaps.iter().any(|gap| gap.kind == key.kind);
    let open = drifts
        .iter_mut()
        .filter(|(_, record)| record.open_since.is_some() || record.stopped.is_some());
    // Of what could not be compared nobody knows that it agrees.
    for (_, record) in open.filter(|(key, _)| !found.contains_key(key) && !hidden(key)) {
        flapping::in_sync(record);
        record.open_since = None;
        changed.push(record.clone());
    }
    changed
}

/// The resources whose drift was put back, all of it.
fn corrected(report: &Report) -> BTreeSet<&Key> {
    let mut corrected = BTreeSet::new();
    let mut left = BTreeSet::new();
    for outcome in &report.outcomes {
        let step = report.plan.steps.get(outcome.step);
        let Some(change) = step.map(|step| &step.change).filter(|change| change.has_drift()) else {
            continue;
        };
        match &outcome.result {
            Outcomes::Applied { .. } => corrected.insert(&change.key),
            Outcomes::Failed(_) | Outcomes::Skipped(_) => left.insert(&change.key),
        };
    }
    &corrected - &left
}
