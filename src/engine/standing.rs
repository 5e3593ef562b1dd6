//! How an environment stands after a pass, and the line that says so.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::key::{Key, Kind};
use driftless_core::plan::{Action, Class, States};
use driftless_core::report::{Outcomes, Report};
use driftless_core::schema::Schema;

use super::KindView;

/// How the resources stand once the outcomes of `report` are counted, by kind, in the schema's order: every kind, so that one
/// that drained shows zero. A resource counts once, by the worst of its differences that are left.
pub(super) fn kinds(report: &Report, schema: &dyn Schema) -> Vec<KindView> {
    let plan = &report.plan;
    let mut states: BTreeMap<Kind, States> = BTreeMap::new();
    let mut failed: BTreeMap<Kind, BTreeSet<&Key>> = BTreeMap::new();
    let mut applied: BTreeMap<&Key, &Action> = BTreeMap::new();
    let mut left: BTreeMap<&Key, Class> = BTreeMap::new();
    let mut leave = |key, class: Class| {
        let worst = left.entry(key).or_insert(class);
        *worst = (*worst).max(class);
    };
    for outcome in &report.outcomes {
        let Some(step) = plan.steps.get(outcome.step) else {
            continue;
        };
        let change = &step.change;
        if let Outcomes::Failed(_) = &outcome.result {
            failed.entry(change.key.kind).or_default().insert(&change.key);
        }
        match (&outcome.result, &change.action) {
            // The resource itself is counted by its own step, or as in sync.
            (_, Action::Operation(_)) => {}
            (Outcomes::Applied { .. }, action) => {
                applied.insert(&change.key, action);
            }
            (Outcomes::Failed(_) | Outcomes::Skipped(_), _) => leave(&change.key, change.class),
        }
    }
    for change in &plan.reported {
        leave(&change.key, change.class);
    }
    let blocked: BTreeSet<&Key> = plan.blocked.iter().flat_map(|blocked| &blocked.keys).collect();
    for key in &blocked {
        states.entry(key.kind).or_default().blocked += 1;
    }
    for (key, class) in left.iter().filter(|(key, _)| !blocked.contains(*key)) {
        let states = states.entry(key.kind).or_default();
        match class {
            Class::Pending | Class::Adoption => states.pending += 1,
            Class::Drift => states.drift += 1,
            Class::Conflict => states.conflict += 1,
        }
    }
    for (key, action) in applied {
        if !left.contains_key(key) && !blocked.contains(key) && !matches!(action, Action::Delete(_)) {
            states.entry(key.kind).or_default().in_sync += 1;
        }
    }
    for (kind, count) in &plan.unchanged {
        states.entry(*kind).or_default().in_sync += count;
    }
    for key in &plan.orphaned {
        states.entry(key.kind).or_default().orphaned += 1;
    }
    for key in &plan.unmanaged {
        states.entry(key.kind).or_default().unmanaged += 1;
    }
    schema
        .kinds()
        .iter()
        .map(|spec| KindView {
            kind: spec.kind,
            states: states.get(&spec.kind).copied().unwrap_or_default(),
            failed: failed.get(&spec.kind).map_or(0, BTreeSet::len),
        })
        .collect()
}

/// One line for the list of runs: `3 created, 1 updated, 57 in sync`. `faults` is the number of faults in files, `gaps` that
/// of kinds which could not be read whole.
pub(super) fn line(report: &Report, kinds: &[KindView], faults: usize, gaps: usize) -> String {
    let tally = report.tally();
    let operations = report
        .outcomes
        .iter()
        .filter(|outcome| {
            matches!(outcome.action, Action::Operation(_)) && matches!(outcome.result, Outcomes::Applied { .. })
        })
        .count();
    let total = |count: fn(&States) -> usize| kinds.iter().map(|view| count(&view.states)).sum::<usize>();
    let in_sync = total(|states| states.in_sync);
    // Failed and skipped steps leave their resources pending: said once.
    let waiting = total(|states| states.pending).saturating_sub(tally.failed + tally.skipped);
    let parts = [
        (tally.created, "created"),
        (tally.updated, "updated"),
        (tally.replaced, "replaced"),
        (tally.deleted, "deleted"),
        (operations, if operations == 1 { "operation" } else { "operations" }),
        (tally.failed, "failed"),
        (tally.skipped, "skipped"),
        (waiting, "pending"),
        (total(|states| states.drift), "drifted"),
        (total(|states| states.conflict), "in conflict"),
        (total(|states| states.blocked), "blocked"),
        (in_sync, "in sync"),
        (
            faults,
            if faults == 1 {
                "fault in the files"
            } else {
                "faults in the files"
            },
        ),
        (
            gaps,
            if gaps == 1 {
                "part of the instance not read"
            } else {
                "parts of the instance not read"
            },
        ),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if parts.is_empty() {
        "nothing declared".to_owned()
    } else {
        parts.join(", ")
    }
}
