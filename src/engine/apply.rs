//! Carries out the steps of a plan as they become ready. Decides nothing of what is written: only when, in which order, and
//! whether again. How one step is brought to its end is `step`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use driftless_core::key::{Digest, Key};
use driftless_core::plan::{Action, Plan, Step};
use driftless_core::report::{Meaning, Outcome, Outcomes, SkipReason};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;

use super::audit::Audit;
use super::backoff::Backoff;
use super::brake::Brake;
use super::reconcile::Memory;
use super::step;
use crate::platform::{Ids, Platform};

/// How hard and how long steps are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps under way at once. The requests they send are bounded apart, by the target's gate.
    pub concurrency: usize,
    /// How often a step is tried while its failures are transient.
    pub attempts: u32,
    /// Waits between those tries.
    pub retry: Backoff,
    /// What a platform's own wish to wait is cut down to.
    pub longest_wish: Duration,
    /// Waits between two looks at a job.
    pub poll: Backoff,
    /// How long a job is awaited in all.
    pub job: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 16, // as many as a target's requests by default: more would only wait at its gate
            attempts: 5, // about 15 s of trying: a restart of the platform's ingress; longer outages are the next pass's
            retry: Backoff {
                first: Duration::from_millis(500),
                longest: Duration::from_secs(30),
            },
            longest_wish: Duration::from_secs(60), // a longer one is the next pass's: it backs off up to ten minutes
            poll: Backoff {
                first: Duration::from_millis(10), // a sync of few tables ends within milliseconds
                longest: Duration::from_secs(5),
            },
            job: Duration::from_secs(600), // catalogue syncs and profiles of large stores take minutes
        }
    }
}

/// Follows a pass while it goes on: the page's progress, the command line's bar, counters.
pub trait Follower: Send + Sync {
    /// A phase begins.
    fn phase(&self, phase: Phase);

    /// A step has ended: `done` of `of` have by now.
    fn step(&self, done: usize, of: usize, outcome: &Outcome);

    /// A step is tried again because of a failure of that meaning.
    fn retry(&self, meaning: Meaning);
}

/// What a pass is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the source and the instance.
    Reading,
    /// Comparing them.
    Comparing,
    /// Writing what differs.
    Applying,
}

impl Phase {
    /// The word for pages.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Reading => "reading",
            Phase::Comparing => "comparing",
            Phase::Applying => "applying",
        }
    }
}

/// A follower that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unfollowed;

impl Follower for Unfollowed {
    fn phase(&self, _: Phase) {}
    fn step(&self, _: usize, _: usize, _: &Outcome) {}
    fn retry(&self, _: Meaning) {}
}

/// What steps are carried out with.
pub(super) struct Tools<'a> {
    pub(super) platform: &'a dyn Platform,
    pub(super) ids: &'a Ids,
    pub(super) memory: Option<&'a Memory>,
    pub(super) digest: &'a Digest,
    pub(super) audit: &'a Audit<'a>,
    /// Keys whose write an earlier process was about to try.
    pub(super) open: &'a BTreeSet<Key>,
    pub(super) limits: &'a Limits,
    pub(super) brake: &'a Brake,
    pub(super) follower: &'a dyn Follower,
}

/// Carries out `plan`; one outcome a step, in the order of the steps.
pub(super) async fn apply(plan: &Plan, tools: &Tools<'_>) -> Vec<Outcome> {
    let mut board = Board::new(plan);
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < tools.limits.concurrency.max(1) && !tools.brake.is_pulled() {
            let Some(index) = board.ready.pop_first() else { break };
            running.push(async move {
                let began = Instant::now();
                // A fault in an adapter must not tear down the writes beside it.
                let step = AssertUnwindSafe(step::carry_out(&plan.steps[index], tools)).catch_unwind();
                let ended = step.await.unwrap_or_else(|_| step::broke_down());
                (index, ended, began.elapsed())
            });
        }
        let Some((index, ended, elapsed)) = running.next().await else {
            break;
        };
        board.end(index, ended.result, ended.attempts, elapsed, tools.follower);
    }
    board.finish(tools.brake.reason(), tools.follower)
}

fn deletes(step: &Step) -> bool {
    matches!(step.change.action, Action::Delete(_))
}

/// Which steps are ready, which wait for what, and what became of the rest.
struct Board<'a> {
    plan: &'a Plan,
    ready: BTreeSet<usize>,
    /// For each step that waits: how many steps it waits for.
    waiting: BTreeMap<usize, usize>,
    dependants: BTreeMap<usize, Vec<usize>>,
    /// How many of the steps that delete nothing have not been applied: before they all have, nothing is deleted.
    upserts: usize,
    outcomes: BTreeMap<usize, Outcome>,
}

impl<'a> Board<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut board = Self {
            plan,
            ready: BTreeSet::new(),
            waiting: BTreeMap::new(),
            dependants: BTreeMap::new(),
            upserts: plan.steps.iter().filter(|step| !deletes(step)).count(),
            outcomes: BTreeMap::new(),
        };
        for (index, step) in plan.steps.iter().enumerate() {
            let after: BTreeSet<usize> = step.after.iter().copied().collect();
            // A deletion waits for all upserts as if they were one more step.
            let waits = after.len() + usize::from(deletes(step) && board.upserts > 0);
            if waits == 0 {
                board.ready.insert(index);
            } else {
                board.waiting.insert(index, waits);
            }
            for before in after {
                board.dependants.entry(before).or_default().push(index);
            }
        }
        board
    }

    fn end(&mut self, index: usize, result: Outcomes, attempts: u32, elapsed: Duration, follower: &dyn Follower) {
        let passed = matches!(result, Outcomes::Applied { .. });
        self.note(index, result, attempts, elapsed, follower);
        let upsert = !deletes(&self.plan.steps[index]);
        if passed {
            for dependant in self.dependants.remove(&index).unwrap_or_default() {
                self.one_less(dependant);
            }
            if upsert {
                self.upserts -= 1;
                if self.upserts == 0 {
                    self.deletions()
                        .into_iter()
                        .for_each(|deletion| self.one_less(deletion));
                }
            }
        } else {
            self.skip_dependants(index, follower);
            if upsert {
                for deletion in self.deletions() {
                    self.waiting.remove(&deletion);
                    let reason = SkipReason::UpsertsFailed;
                    self.note(deletion, Outcomes::Skipped(reason), 0, Duration::ZERO, follower);
                }
            }
        }
    }

    /// `waiting` waits for one step less.
    fn one_less(&mut self, waiting: usize) {
        if let Some(count) = self.waiting.get_mut(&waiting) {
            *count -= 1;
            if *count == 0 {
                self.waiting.remove(&waiting);
                self.ready.insert(waiting);
            }
        }
    }

    /// The deletions that wait.
    fn deletions(&self) -> Vec<usize> {
        let waiting = self.waiting.keys().copied();
        waiting.filter(|index| deletes(&self.plan.steps[*index])).collect()
    }

    /// Skips everything that waits for `failed`, directly or not, naming it: it is what a person has to look at.
    fn skip_dependants(&mut self, failed: usize, follower: &dyn Follower) {
        let cause = self.plan.steps[failed].change.key.clone();
        let mut cut = vec![failed];
        while let Some(index) = cut.pop() {
            for dependant in self.dependants.remove(&index).unwrap_or_default() {
                if self.waiting.remove(&dependant).is_some() {
                    let reason = SkipReason::Upstream(cause.clone());
                    self.note(dependant, Outcomes::Skipped(reason), 0, Duration::ZERO, follower);
                    cut.push(dependant);
                }
            }
        }
    }

    /// What never started: all of it because of the brake, since every failure has skipped its dependants already.
    fn finish(mut self, reason: SkipReason, follower: &dyn Follower) -> Vec<Outcome> {
        let left: Vec<usize> = self.ready.iter().chain(self.waiting.keys()).copied().collect();
        for index in left {
            let stopped = Outcomes::Skipped(reason.clone());
            self.note(index, stopped, 0, Duration::ZERO, follower);
        }
        self.outcomes.into_values().collect()
    }

    fn note(&mut self, index: usize, result: Outcomes, attempts: u32, elapsed: Duration, follower: &dyn Follower) {
        let change = &self.plan.steps[index].change;
        let outcome = Outcome {
            step: index,
            key: change.key.clone(),
            action: change.action.clone(),
            result,
            attempts,
            elapsed,
        };
        follower.step(self.outcomes.len() + 1, self.plan.steps.len(), &outcome);
        self.outcomes.insert(index, outcome);
    }
}
