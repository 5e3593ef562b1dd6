//! The fault matrix: every request of the sequence, each fault, and death at every point.

#![expect(clippy::print_stdout, reason = "says how many cases there were")]

use std::collections::BTreeMap;

use driftless_core::report::Meaning;

use super::world::Fault;
use super::*;
use crate::platform::data_diffs::{Findings, RunStatus, Summary};

fn differing() -> Summary {
    Summary::Finished(Box::new(Findings {
        values_with_differences: Some(3),
        ..Findings::default()
    }))
}

/// Worlds, each with what a truthful end is in it.
fn worlds() -> Vec<(&'static str, Habits, CommitState, &'static str)> {
    let usual = Habits::default();
    let of = Duration::from_millis;
    vec![
        ("identical", usual.clone(), CommitState::Success, "no_differences"),
        (
            "different",
            Habits {
                summary: differing(),
                ..usual.clone()
            },
            CommitState::Failure,
            "differences",
        ),
        (
            "a run of its own accord",
            Habits {
                webhook: Some(of(20)),
                hidden: of(10),
                ..usual.clone()
            },
            CommitState::Success,
            "no_differences",
        ),
        (
            "slow to leave waiting",
            Habits {
                course: vec![
                    (of(0), RunStatus::Waiting),
                    (of(150), RunStatus::Processing),
                    (of(300), RunStatus::Done),
                ],
                ..usual.clone()
            },
            CommitState::Success,
            "no_differences",
        ),
        (
            "slow to show",
            Habits {
                hidden: of(30),
                ..usual
            },
            CommitState::Success,
            "no_differences",
        ),
    ]
}

const MEANINGS: [Meaning; 9] = [
    Meaning::Lost,
    Meaning::RateLimited,
    Meaning::Unavailable,
    Meaning::Broken,
    Meaning::NotSent,
    Meaning::Unauthorized,
    Meaning::Forbidden,
    Meaning::NotFound,
    Meaning::Conflict,
];

fn faults() -> Vec<Fault> {
    let after = [Meaning::Lost, Meaning::Unavailable, Meaning::Broken, Meaning::Conflict];
    let kills = [Fault::KillBefore, Fault::KillAfter];
    let failures = MEANINGS
        .into_iter()
        .map(Fault::Before)
        .chain(after.into_iter().map(Fault::After));
    failures.chain(kills).collect()
}

/// Whether a single fault of that sort must leave no trace in the end.
fn is_survived(fault: Fault, name: &str) -> bool {
    match fault {
        Fault::KillBefore | Fault::KillAfter => true,
        // Who says "conflict" and has none of its effect will say it again.
        Fault::Before(meaning) => meaning.is_transient() && name != "put_pull_run",
        Fault::After(Meaning::Conflict) => matches!(name, "trigger" | "submit"),
        Fault::After(_) => name != "put_pull_run",
    }
}

#[tokio::test(start_paused = true)]
async fn one_fault_anywhere_ends_in_a_truthful_status_and_never_in_two_runs_or_two_submits() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (name, habits, state, reason) in worlds() {
        let world = World::new(habits.clone());
        let _ = ended(&world).await;
        let sequence = world.state().asked.clone();
        for index in 0..sequence.len() {
            for fault in faults() {
                let world = World::new(habits.clone());
                world.state().faults.insert(index, fault);
                let (outcome, _) = to_its_end(&world, &request()).await;
                let request_name = world.state().asked[index];
                let what = format!("{name}: {fault:?} at {index} ({request_name})");
                assert_exactly_once(&world, &what);
                let has_effect = matches!(fault, Fault::After(_) | Fault::KillAfter);
                if has_effect && ["trigger", "submit"].contains(&request_name) {
                    let state = world.state();
                    let times = state.asked.iter().filter(|asked| **asked == request_name).count();
                    assert_eq!(times, 1, "{what}: it is not even asked for twice: {:?}", state.asked);
                }
                assert_truthful(&world, &outcome, state, reason, &what);
                if is_survived(fault, request_name) {
                    let found = (
                        world.status(SHA).map(|(state, _)| state),
                        outcome.verdict.reason.as_str(),
                    );
                    assert_eq!(found, (Some(state), reason), "{what}: {:?}", world.state().asked);
                    *counts.entry(format!("{request_name}: survived")).or_default() += 1;
                } else {
                    *counts.entry(format!("{request_name}: told")).or_default() += 1;
                }
            }
        }
    }
    println!("{} cases: {counts:#?}", counts.values().sum::<usize>());
}

/// What is said of the commit is what is so: good or bad only by what the world holds, and anything else as an error.
#[track_caller]
fn assert_truthful(world: &World, outcome: &CiOutcome, state: CommitState, reason: &str, what: &str) {
    let said = world.status(SHA);
    let word = outcome.verdict.reason.as_str();
    match said {
        // A summary that cannot be read is no finding.
        Some((CommitState::Failure, text)) if word == "errors" => {
            let unread = |diff: &Compared| matches!(diff.summary, Some(Summary::Failed(_)));
            assert!(outcome.diffs.iter().any(unread), "{what}: {text}");
        }
        Some((CommitState::Success | CommitState::Failure, text)) => {
            assert_eq!(
                (outcome.verdict.reason.as_str(), said_state(world)),
                (reason, state),
                "{what}: {text}"
            );
            assert_eq!(world.state().submitted.len(), 1, "{what}: {text}");
        }
        Some((CommitState::Error, text)) => {
            assert!(
                !word.is_empty() && outcome.result() != CiResult::Passed,
                "{what}: {text}"
            );
        }
        // The forge took no status: then the outcome says so.
        Some((CommitState::Pending, _)) | None => assert!(!outcome.unsaid.is_empty(), "{what}"),
    }
    let row = world.state().rows.values().next().cloned();
    let is_ended = row.is_some_and(|row| row.finished.is_some());
    assert!(
        is_ended || !outcome.unsaid.is_empty(),
        "{what}: the record is closed, or it is said that it is not"
    );
}

fn said_state(world: &World) -> CommitState {
    world.status(SHA).unwrap().0
}

#[tokio::test(start_paused = true)]
async fn two_deaths_anywhere_end_as_none_does() {
    let mut count = 0;
    for (name, habits, state, _) in worlds().into_iter().take(2) {
        let world = World::new(habits.clone());
        let _ = ended(&world).await;
        let length = world.state().asked.len();
        for first in 0..length {
            for apart in [1, 2, 3, 5, 8] {
                for faults in [
                    [Fault::KillAfter, Fault::KillAfter],
                    [Fault::KillBefore, Fault::KillAfter],
                    [Fault::After(Meaning::Lost), Fault::KillBefore],
                    [Fault::KillAfter, Fault::After(Meaning::Lost)],
                ] {
                    let world = World::new(habits.clone());
                    let what = format!("{name}: {faults:?} at {first} and {apart} later");
                    let places = [(first, faults[0]), (first + apart, faults[1])];
                    world.state().faults.extend(places);
                    let (outcome, _) = to_its_end(&world, &request()).await;
                    assert_exactly_once(&world, &what);
                    // A store that says that it did not write ends it there, as an error.
                    if outcome.verdict.reason != Reason::Store.word() {
                        assert_eq!(world.status(SHA).map(|said| said.0), Some(state), "{what}");
                    }
                    count += 1;
                }
            }
        }
    }
    println!("{count} cases");
}
