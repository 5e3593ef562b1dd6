//! Puts what was decided in order: referenced before referring, operations between, links last.

use std::collections::{BTreeMap, BTreeSet};

use super::{Decision, Planner, change};
use crate::document::{Reference, Strength};
use crate::key::Key;
use crate::order::sort;
use crate::plan::{Action, BlockReason, Change, Class, Moved, Operation, Step};
use crate::schema::Needed;
use crate::value::{Map, Value};

impl Planner<'_> {
    pub(super) fn steps(&mut self, needed: Vec<Needed>) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut ranks: Vec<(usize, u8, Key)> = Vec::new();
        let mut index: BTreeMap<Key, usize> = BTreeMap::new();
        // What is no kind of the table refers to nothing, and comes first.
        let rank = |key: &Key| {
            let kinds = self.schema.kinds().iter();
            kinds
                .clone()
                .position(|spec| spec.kind == key.kind)
                .map_or(0, |position| position + 1)
        };
        let drafts = std::mem::take(&mut self.drafts);
        let references: BTreeMap<Key, &[Reference]> = drafts
            .iter()
            .map(|(key, decision)| ((*key).clone(), decision.document.references.as_slice()))
            .collect();
        // It is there already, and a person takes their time.
        let by_hand: BTreeSet<Key> = drafts
            .iter()
            .filter(|(key, decision)| decision.change.action == Action::Update && self.is_changed_by_hand(key))
            .map(|(key, _)| (*key).clone())
            .collect();
        let existing: BTreeSet<Key> = drafts
            .iter()
            .filter(|(_, decision)| decision.live.is_some())
            .map(|(key, _)| (*key).clone())
            .collect();
        for (key, decision) in drafts {
            let Decision {
                document: _,
                change,
                write,
                live,
                missing: _,
                agreement,
            } = decision;
            index.insert(key.clone(), steps.len());
            ranks.push((rank(key), 0, key.clone()));
            steps.push(Step {
                change,
                after: Vec::new(),
                write,
                remote: live.map(|live| live.id),
                base: live.and_then(|live| live.base.clone()),
                agreement: Some(agreement),
                moves: Vec::new(),
                closes: Vec::new(),
            });
        }
        let mut after: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); steps.len()];
        for (key, references) in &references {
            for reference in references
                .iter()
                .filter(|reference| reference.strength == Strength::Before)
            {
                // What exists does not wait for settings of the top-level place that it lies in, nor fail with them. For its
                // name it does.
                let to = &reference.to;
                let is_inside =
                    existing.contains(key) && existing.contains(to) && to.path().len() == 1 && key.is_below(to);
                let apart = (is_inside || by_hand.contains(to)) && !self.sides.renamed.contains(to);
                if let (Some(node), Some(target)) = (index.get(key), index.get(to))
                    && !apart
                {
                    after[*node].insert(*target);
                }
            }
        }
        for (key, other) in &self.sides.behind {
            if let (Some(node), Some(target)) = (index.get(key), index.get(other)) {
                after[*node].insert(*target);
            }
        }
        for Needed {
            operation,
            after: first,
            before,
        } in needed
        {
            let waiting: Vec<usize> = before.iter().filter_map(|key| index.get(key)).copied().collect();
            if waiting.is_empty() && !before.is_empty() {
                continue; // Everything that wanted it is blocked.
            }
            let node = steps.len();
            ranks.push((rank(&operation.subject), 1, operation.subject.clone()));
            after.push(first.iter().filter_map(|key| index.get(key)).copied().collect());
            for waiting in waiting {
                after[waiting].insert(node);
            }
            let key = operation.subject.clone();
            let remote = self.live.resources.get(&key).map(|live| live.id);
            let change = Change {
                key,
                action: Action::Operation(operation),
                class: Class::Pending,
                fields: Vec::new(),
                place: None,
                edited: None,
            };
            steps.push(Step {
                change,
                after: Vec::new(),
                write: Map::new(),
                remote,
                base: None,
                agreement: None,
                moves: Vec::new(),
                closes: Vec::new(),
            });
        }
        for link in std::mem::take(&mut self.links) {
            let key = &link.document.key;
            ranks.push((rank(key), 2, key.clone()));
            let targets = link
                .document
                .references
                .iter()
                .filter(|reference| reference.at == link.change.path);
            after.push(
                std::iter::once(key)
                    .chain(targets.map(|reference| &reference.to))
                    .filter_map(|key| index.get(key))
                    .copied()
                    .collect(),
            );
            let name = link.change.path.to_string();
            let arguments = [(name.clone(), link.change.after.clone().unwrap_or(Value::Null))].into();
            let reason = format!("`{name}` is written after both ends exist");
            let operation = Operation {
                name: link.operation,
                subject: key.clone(),
                arguments,
                reason,
            };
            steps.push(Step {
                change: change(link.document, Action::Operation(operation), vec![link.change]),
                after: Vec::new(),
                write: Map::new(),
                remote: link.live.map(|live| live.id),
                base: None,
                agreement: Some(link.agreement),
                moves: Vec::new(),
                closes: Vec::new(),
            });
        }
        self.ordered(steps, &ranks, &after)
    }

    /// Tells each step which ledger entries move with it; returns those that move at once.
    pub(super) fn moves(&self, steps: &mut [Step]) -> Vec<Moved> {
        if self.sides.ledger.is_none() {
            return Vec::new();
        }
        let renames = |step: &Step| {
            let name = self.schema.name_field(step.change.key.kind);
            let named = step.change.fields.iter().any(|change| change.path == name);
            named && step.change.action == Action::Update && self.sides.renamed.contains(&step.change.key)
        };
        let written: BTreeSet<Key> = steps
            .iter()
            .filter(|step| renames(step))
            .map(|step| step.change.key.clone())
            .collect();
        let mut moves = self.sides.moves(&written);
        for step in steps
            .iter_mut()
            .filter(|step| step.agreement.is_some() || !step.closes.is_empty())
        {
            let key = &step.change.key;
            step.moves.extend(moves.own.remove(key));
            if renames(step) {
                step.moves.extend(moves.with.remove(key).unwrap_or_default());
            }
        }
        moves.now
    }

    fn ordered(&mut self, steps: Vec<Step>, ranks: &[(usize, u8, Key)], after: &[BTreeSet<usize>]) -> Vec<Step> {
        let mut sorted = sort(ranks, after);
        for cycle in &sorted.cycles {
            let cycle: BTreeSet<&Key> = cycle.iter().map(|node| &steps[*node].change.key).collect();
            let names: Vec<String> = cycle.iter().map(|key| format!("`{key}`")).collect();
            let message = match names.as_slice() {
                [name] => format!("{name} refers to itself: name something else there"),
                names => format!(
                    "these refer to each other in a circle: {}; break it at one of them",
                    names.join(", ")
                ),
            };
            for key in cycle {
                self.block(BlockReason::DependencyCycle, message.clone(), key);
            }
        }
        let cyclic: BTreeSet<usize> = sorted.cycles.iter().flatten().copied().collect();
        let blocked: BTreeSet<&Key> = cyclic.iter().map(|node| &steps[*node].change.key).collect();
        for node in &sorted.behind {
            let step = &steps[*node];
            // An operation is no resource; a link is kept back with what it links.
            if step.agreement.is_some() && !blocked.contains(&step.change.key) {
                let message = "it needs something that is part of a circle of references".to_owned();
                self.block(BlockReason::DependencyBlocked, message, &step.change.key);
            }
        }
        let kept_back: BTreeSet<usize> = cyclic.iter().chain(&sorted.behind).copied().collect();
        if !kept_back.is_empty() {
            // What is done only for what is kept back is not done.
            let waits = |waiting: &usize, node: &usize| after[*waiting].contains(node);
            sorted.order.retain(|node| {
                let mut waiting = (0..steps.len()).filter(|other| waits(other, node)).peekable();
                let is_operation = matches!(steps[*node].change.action, Action::Operation(_));
                !is_operation || waiting.peek().is_none() || waiting.any(|other| !kept_back.contains(&other))
            });
        }
        let position: BTreeMap<usize, usize> = sorted.order.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let mut slots: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
        sorted
            .order
            .iter()
            .filter_map(|old| {
                let mut step = slots[*old].take()?;
                step.after = after[*old]
                    .iter()
                    .filter_map(|node| position.get(node))
                    .copied()
                    .collect();
                step.after.sort_unstable();
                Some(step)
            })
            .collect()
    }
}
