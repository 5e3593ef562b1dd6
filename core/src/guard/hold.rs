//! Takes out of a finished plan what guards keep back. The digest is that of the whole: what would be done, were there no guard;
//! so the plan that waits and the one that was approved are the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{Circumstances, Owners};
use crate::key::{Key, Kind};
use crate::plan::{Action, BlockReason, Blocked, Change, Class, Plan, Step};
use crate::policy::Guards;

/// What guards count against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Population {
    /// Resources that exist live and are declared or owned.
    pub(crate) existing: usize,
    /// Of each kind: resources that exist live and are owned.
    pub(crate) owned: BTreeMap<Kind, usize>,
}

/// Holds back what `owners`, `guards` and `circumstances` do not let through, with all that needs it and all that only it needs.
pub(crate) fn hold(
    plan: &mut Plan,
    population: &Population,
    owners: &Owners<'_>,
    guards: &Guards,
    objections: Vec<Objection>,
    circumstances: &Circumstances,
) {
    let approved = circumstances.approved.as_ref() == Some(&plan.digest);
    let mut reasons = limits(plan, population, guards);
    reasons.extend(stopped(plan, circumstances));
    reasons.extend(of_others(plan, owners));
    reasons.extend(objected(plan, objections));
    let all = || (0..plan.steps.len()).collect();
    reasons.extend(circumstances.holds.iter().map(|hold| Reason {
        reason: hold.reason,
        message: hold.message.clone(),
        steps: all(),
    }));
    reasons.retain(|reason| !(approved && reason.reason.can_be_approved()));
    // What a revision says that may not be followed is nothing that both sides agree on.
    let refused = circumstances
        .holds
        .iter()
        .any(|hold| hold.reason == BlockReason::NotFastForward);
    if refused && !approved {
        plan.agreed.clear();
        plan.moved.clear();
        plan.gone.clear();
        plan.retired.clear();
    }
    reasons.retain(|reason| !reason.steps.is_empty());
    if reasons.is_empty() {
        return;
    }
    let direct: BTreeSet<usize> = reasons.iter().flat_map(|reason| reason.steps.iter().copied()).collect();
    let mut held = with_what_needs_them(&plan.steps, direct);
    plan.blocked
        .extend(reasons.into_iter().map(|reason| reason.blocked(&plan.steps)));
    let deletions = deletions_after(&plan.steps, &held);
    if !deletions.is_empty() {
        let changes = deletions.iter().filter_map(|node| plan.steps.get(*node));
        let message = UPSERTS_BLOCKED.to_owned();
        let entry = blocked(
            BlockReason::DependencyBlocked,
            message,
            changes.map(|step| &step.change),
        );
        plan.blocked.push(entry);
        held.extend(deletions);
    }
    behind(plan, &held);
    take_out(plan, &held);
}

/// A reason not to carry out the step of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) key: Key,
    pub(crate) reason: BlockReason,
    pub(crate) message: String,
}

/// Why deletions wait where something that Git declares is blocked.
pub(crate) const UPSERTS_BLOCKED: &str =
    "deletions come last, and something that Git declares is blocked: nothing is deleted before that is settled";

/// The steps that `objections` are about.
fn objected(plan: &Plan, objections: Vec<Objection>) -> Vec<Reason> {
    let mut reasons: BTreeMap<(BlockReason, String), BTreeSet<Key>> = BTreeMap::new();
    for Objection { key, reason, message } in objections {
        reasons.entry((reason, message)).or_default().insert(key);
    }
    let of = |keys: &BTreeSet<Key>| {
        let steps = plan.steps.iter().enumerate();
        let theirs = steps.filter(|(_, step)| step.change.is_of_resource() && keys.contains(&step.change.key));
        theirs.map(|(node, _)| node).collect()
    };
    reasons
        .into_iter()
        .map(|((reason, message), keys)| Reason {
            reason,
            message,
            steps: of(&keys),
        })
        .collect()
}

/// The deletions that are not held yet, where anything else of a resource is.
fn deletions_after(steps: &[Step], held: &BTreeSet<usize>) -> BTreeSet<usize> {
    let is_deletion = |step: &Step| weight(step) == Weight::Deletes;
    let waits = |node: &usize| {
        let step = steps.get(*node);
        step.is_some_and(|step| step.change.is_of_resource() && !is_deletion(step))
    };
    if !held.iter().any(waits) {
        return BTreeSet::new();
    }
    let nodes = steps
        .iter()
        .enumerate()
        .filter(|(node, step)| is_deletion(step) && !held.contains(node));
    nodes.map(|(node, _)| node).collect()
}

/// One guard that keeps steps back.
struct Reason {
    reason: BlockReason,
    message: String,
    steps: BTreeSet<usize>,
}

impl Reason {
    fn blocked(self, steps: &[Step]) -> Blocked {
        let changes = self
            .steps
            .iter()
            .filter_map(|node| steps.get(*node))
            .map(|step| &step.change);
        blocked(self.reason, self.message, changes)
    }
}

fn blocked<'a>(reason: BlockReason, message: String, changes: impl Iterator<Item = &'a Change>) -> Blocked {
    let mut keys = BTreeSet::new();
    let mut places = BTreeMap::new();
    // What the platform is asked to do by itself is no resource.
    for change in changes.filter(|change| change.is_of_resource()) {
        keys.insert(change.key.clone());
        places.extend(change.place.clone().map(|place| (change.key.clone(), place)));
    }
    Blocked {
        reason,
        message,
        keys: keys.into_iter().collect(),
        places,
    }
}

/// What a step does to what exists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Nothing: it adds, or asks the platform for something of its own.
    Light,
    /// It changes it.
    Updates,
    /// It takes it away and makes it anew: both.
    Replaces,
    /// It takes it away.
    Deletes,
}

fn weight(step: &Step) -> Weight {
    match &step.change.action {
        Action::Create => Weight::Light,
        Action::Update => Weight::Updates,
        Action::Replace(_) => Weight::Replaces,
        Action::Delete(_) => Weight::Deletes,
        // A link of something that exists is a field of it that changes.
        Action::Operation(_) if step.remote.is_some() && step.change.is_of_resource() => Weight::Updates,
        Action::Operation(_) => Weight::Light,
    }
}

/// The guards with numbers. Those of deletions hold deletions and replacements alone. Those of updates hold deletions too: they
/// come after every update. Creations go on, but for those that need what is held.
fn limits(plan: &Plan, population: &Population, guards: &Guards) -> Vec<Reason> {
    let steps_of = |weights: &[Weight]| -> BTreeSet<usize> {
        let steps = plan.steps.iter().enumerate();
        steps
            .filter(|(_, step)| weights.contains(&weight(step)))
            .map(|(node, _)| node)
            .collect()
    };
    let keys_of = |weights: &[Weight]| -> BTreeSet<&Key> {
        let steps = steps_of(weights);
        steps
            .iter()
            .filter_map(|node| plan.steps.get(*node))
            .map(|step| &step.change.key)
            .collect()
    };
    let way_out = |key: &str| match &plan.environment {
        Some(_) => format!(
            "look at the plan and approve it with `driftless approve RUN` or `apply --approve DIGEST`, or raise `guards.{key}`"
        ),
        None => "look at the plan and let it through with `apply --approve DIGEST`".to_owned(),
    };
    let existing = population.existing;
    let mut reasons = Vec::new();
    let mut share = |reason, verb: &str, key: &str, count: usize, percent: u8, steps: BTreeSet<usize>| {
        // In whole numbers: no share is rounded to what is allowed.
        if existing >= guards.from && count * 100 > usize::from(percent) * existing {
            let share = percentage(count, existing);
            let message = format!(
                "would {verb} {count} of {existing} ({share} %), the guard allows {percent} %: {}",
                way_out(key)
            );
            reasons.push(Reason { reason, message, steps });
        }
    };
    let deleting = [Weight::Deletes, Weight::Replaces];
    let updating = [Weight::Updates, Weight::Replaces];
    let changing = [Weight::Updates, Weight::Replaces, Weight::Deletes];
    let erased = closed(plan);
    let (deletes, updates) = (
        keys_of(&[Weight::Replaces]).union(&erased).count(),
        keys_of(&updating).len(),
    );
    share(
        BlockReason::DeleteShare,
        "delete",
        "delete_share",
        deletes,
        guards.delete_share,
        steps_of(&deleting),
    );
    share(
        BlockReason::UpdateShare,
        "update",
        "update_share",
        updates,
        guards.update_share,
        steps_of(&changing),
    );
    for (reason, verb, key, count, most, weights) in [
        (
            BlockReason::DeleteMax,
            "delete",
            "delete_max",
            deletes,
            guards.delete_max,
            &deleting[..],
        ),
        (
            BlockReason::UpdateMax,
            "update",
            "update_max",
            updates,
            guards.update_max,
            &changing[..],
        ),
    ] {
        if count > most {
            let message = format!(
                "would {verb} {count} resources, the guard allows {most}: {}",
                way_out(key)
            );
            let steps = steps_of(weights);
            reasons.push(Reason { reason, message, steps });
        }
    }
    if let Some(what) = emptied(&erased, population, guards) {
        let message = format!("would delete {what}: {}", approval(plan));
        let steps = steps_of(&[Weight::Deletes]);
        let reason = BlockReason::PruneToEmpty;
        reasons.push(Reason { reason, message, steps });
    }
    reasons
}

/// What the deletions remove of what is owned: what has no step of its own and goes with what it lies in is deleted, too.
fn closed(plan: &Plan) -> BTreeSet<&Key> {
    let deletions = plan.steps.iter().filter(|step| weight(step) == Weight::Deletes);
    deletions
        .flat_map(|step| std::iter::once(&step.change.key).chain(&step.closes))
        .collect()
}

/// What somebody can do about a guard that has no number.
fn approval(plan: &Plan) -> &'static str {
    match plan.environment {
        Some(_) => "look at the plan and approve it with `driftless approve RUN` or `apply --approve DIGEST`",
        None => "look at the plan and let it through with `apply --approve DIGEST`",
    }
}

/// What would be left without any resource, in words: all that is owned, or all of a kind where that is not few.
fn emptied(deleted: &BTreeSet<&Key>, population: &Population, guards: &Guards) -> Option<String> {
    let owned: usize = population.owned.values().sum();
    if owned > 0 && deleted.len() >= owned {
        return Some(match owned {
            1 => "the only resource that it owns".to_owned(),
            owned => format!("all of the {owned} resources that it owns"),
        });
    }
    let emptied = population.owned.iter().find(|(kind, owned)| {
        let of_kind = deleted.iter().filter(|key| key.kind == **kind).count();
        **owned >= guards.from.max(1) && of_kind >= **owned
    });
    emptied.map(|(kind, owned)| format!("all of the {owned} resources of kind {kind} that it owns"))
}

/// A share of a whole in percent, to a tenth, rounded up: what is over a limit never looks like the limit.
fn percentage(count: usize, of: usize) -> String {
    let tenths = (count * 1000).div_ceil(of.max(1));
    match tenths % 10 {
        0 => format!("{}", tenths / 10),
        tenth => format!("{}.{tenth}", tenths / 10),
    }
}

/// What is not put back any more. Where Git moved as well, in whatever field, somebody has decided since: it goes through.
fn stopped(plan: &Plan, circumstances: &Circumstances) -> Vec<Reason> {
    let mut reasons: BTreeMap<&String, BTreeSet<usize>> = BTreeMap::new();
    for (node, step) in plan.steps.iter().enumerate() {
        let change = &step.change;
        let mut classes = std::iter::once(change.class).chain(change.fields.iter().map(|field| field.class));
        let put_back = classes.all(|class| match class {
            Class::Drift => true,
            Class::Conflict | Class::Pending | Class::Adoption => false,
        });
        if let Some(message) = circumstances.stopped.get(&step.change.key).filter(|_| put_back) {
            reasons.entry(message).or_default().insert(node);
        }
    }
    reasons
        .into_iter()
        .map(|(message, steps)| Reason {
            reason: BlockReason::Flapping,
            message: message.clone(),
            steps,
        })
        .collect()
}

/// Deletions of what another environment declares or owns, or may declare, and of what would take such a thing along.
fn of_others(plan: &Plan, owners: &Owners<'_>) -> Vec<Reason> {
    let mut reasons: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (node, step) in plan.steps.iter().enumerate() {
        let key = &step.change.key;
        let taken = plan.blast.takes.get(key).into_iter().flatten();
        let mut elsewhere = std::iter::once(key)
            .chain(taken)
            .filter_map(|key| owners.elsewhere(key));
        let goes = matches!(weight(step), Weight::Deletes | Weight::Replaces);
        if let Some(elsewhere) = elsewhere.next().filter(|_| goes) {
            reasons.entry(elsewhere.message()).or_default().insert(node);
        }
    }
    reasons
        .into_iter()
        .map(|(message, steps)| Reason {
            reason: BlockReason::OwnedElsewhere,
            message,
            steps,
        })
        .collect()
}

/// These steps, those that must not be done before them, and the operations that nothing else wants.
fn with_what_needs_them(steps: &[Step], mut held: BTreeSet<usize>) -> BTreeSet<usize> {
    // Each step comes after those that it needs: one way up, one way down.
    for (node, step) in steps.iter().enumerate() {
        if step.after.iter().any(|needed| held.contains(needed)) {
            held.insert(node);
        }
    }
    let mut wanting: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (node, step) in steps.iter().enumerate() {
        for needed in &step.after {
            wanting.entry(*needed).or_default().push(node);
        }
    }
    for (node, step) in steps.iter().enumerate().rev() {
        let in_vain = |wanting: &Vec<usize>| wanting.iter().all(|other| held.contains(other));
        if !step.change.is_of_resource() && wanting.get(&node).is_some_and(in_vain) {
            held.insert(node);
        }
    }
    held
}

/// Says of what is held only for what it needs that it is.
fn behind(plan: &mut Plan, held: &BTreeSet<usize>) {
    let known: BTreeSet<&Key> = plan.blocked.iter().flat_map(|blocked| &blocked.keys).collect();
    let changes = held
        .iter()
        .filter_map(|node| plan.steps.get(*node))
        .map(|step| &step.change);
    let changes: Vec<&Change> = changes.filter(|change| !known.contains(&change.key)).collect();
    let message = "it comes after something that is held back".to_owned();
    let entry = blocked(BlockReason::DependencyBlocked, message, changes.into_iter());
    if !entry.keys.is_empty() {
        plan.blocked.push(entry);
    }
}

fn take_out(plan: &mut Plan, held: &BTreeSet<usize>) {
    let (mut kept, mut position) = (Vec::new(), BTreeMap::new());
    for (node, step) in std::mem::take(&mut plan.steps).into_iter().enumerate() {
        if held.contains(&node) {
            plan.held.push(step.change);
        } else {
            position.insert(node, kept.len());
            kept.push(step);
        }
    }
    for step in &mut kept {
        step.after = step
            .after
            .iter()
            .filter_map(|node| position.get(node))
            .copied()
            .collect();
    }
    plan.steps = kept;
}

#[cfg(test)]
mod tests;
