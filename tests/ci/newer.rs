//! Somebody pushes in the middle.

use std::collections::BTreeSet;
use std::time::Duration;

use driftless::sandbox::datafold::OlderRuns;

use crate::rig::{Given, Provider, Start, World, memory};

/// How soon the driver learns of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The delivery comes at once.
    AtOnce,
    /// It comes when the older commit's orchestration has ended: that sees for itself.
    Later,
}

/// A push after that many answers of Datafold.
async fn pushed_after(answers: usize, start: Start, older_runs: OlderRuns, told: Told) {
    let what = format!("after answer {answers}, {start:?}, {older_runs:?}, {told:?}");
    let mut given = Given::new(Provider::ALL[answers % 2], start);
    given.switches.older_runs = older_runs;
    given.differing = vec!["ORDERS"];
    let mut world = World::start(given).await;
    world.options.head = Duration::ZERO;
    let daemon = world.driver(memory().await);
    world.asked.datafold.hold_after(answers);
    daemon.moved();
    world.asked.datafold.holds().await;
    let next = world.push("Orders by week").await;
    world.asked.datafold.let_go();
    if told == Told::Later {
        daemon.end_of(&world.sha).await;
    }
    daemon.moved();
    let run = daemon.end_of(&next).await;
    let older = daemon.end_of(&world.sha).await;
    assert_eq!(world.strays().await, [""; 0], "{what}");
    assert_eq!(world.runs_of(&next).await, (1, 2), "{what}");
    let (runs, diffs) = world.runs_of(&world.sha).await;
    assert!(runs <= 1 && diffs <= 2, "{what}: {runs} runs with {diffs} diffs");
    // What is said of the new head is of its own run.
    let number = run.run.unwrap().to_string();
    let failure = world.given.provider.word("failure");
    let said = world.statuses(&next).await;
    assert_eq!(said.last().unwrap().0, failure, "{what}: {said:?} {older:?}");
    for (_, description) in &said {
        let own = description.contains(&format!("run {number}"));
        assert!(own || !description.contains("run 9"), "{what}: {said:?}");
    }
    let own: BTreeSet<String> = world
        .runs()
        .await
        .iter()
        .filter(|run| run["pr_sha"] == next)
        .map(|run| run["id"].to_string())
        .collect();
    assert_eq!(own, BTreeSet::from([number]), "{what}");
    // And the older commit never hears that it is good.
    let said = world.statuses(&world.sha).await;
    assert!(said.iter().all(|(state, _)| state != "success"), "{what}: {said:?}");
    assert_eq!(world.comments().await.len(), 1, "{what}");
}

#[tokio::test]
async fn a_newer_push_at_any_moment_leaves_each_commit_its_own_run_its_own_diffs_and_its_own_status() {
    for start in Start::ALL {
        let quiet = World::start(Given::new(Provider::GitHub, start)).await;
        let _ = quiet.see_through().await;
        let answers = quiet.asked.datafold.asked().len();
        assert!(answers > 8, "{answers}");
        for answer in 1..=answers {
            for older_runs in [OlderRuns::Kept, OlderRuns::Cancelled] {
                for told in [Told::AtOnce, Told::Later] {
                    pushed_after(answer, start, older_runs, told).await;
                }
            }
        }
    }
}
