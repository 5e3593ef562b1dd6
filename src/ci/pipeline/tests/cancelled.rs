//! Runs that are cancelled: for another run of the same commit, for another commit, or by a person.

use super::world::{Fault, NEWER, State};
use super::*;
use crate::ci::diffs::Asked;
use crate::platform::data_diffs::{DiffRequest, RunStatus};

/// Another run of our commit, for which the platform cancels those before it.
fn another(state: &mut State) {
    for run in &mut state.runs {
        run.fixed = Some(RunStatus::Cancelled);
    }
    state.start(SHA);
}

/// The runs that were given diffs.
fn taken(world: &World) -> Vec<i64> {
    world.state().submitted.iter().map(|(run, _)| *run).collect()
}

#[track_caller]
fn assert_gone_on_with(world: &World, outcome: &CiOutcome, what: &str) {
    let newest = i64::try_from(world.state().runs.len()).unwrap() + 9000;
    assert_eq!(
        (outcome.result(), outcome.run.map(|run| run.0)),
        (CiResult::Passed, Some(newest)),
        "{what}: {:?}",
        world.state().asked
    );
    let mut taken = taken(world);
    assert_eq!(taken.last(), Some(&newest), "{what}");
    taken.dedup();
    assert_eq!(taken.len(), world.state().submitted.len(), "{what}: each once");
    assert_eq!(world.state().triggered.len(), 1, "{what}: none is asked for");
    let row = world.state().rows.values().next().cloned().unwrap();
    assert_eq!(
        (row.run, row.outcome.as_deref()),
        (Some(newest), Some("passed")),
        "{what}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_for_another_of_the_same_commit_is_left_for_that_one_wherever_it_is() {
    let looks = |world: &World| world.state().asked.iter().filter(|name| **name == "runs").count();
    for hidden in [0, 30] {
        let habits = Habits {
            hidden: Duration::from_millis(hidden),
            ..Habits::default()
        };
        let probe = World::new(habits.clone());
        let _ = ended(&probe).await;
        let first = {
            let asked = probe.state().asked.clone();
            let trigger = asked.iter().position(|name| *name == "trigger").unwrap();
            asked[..trigger].iter().filter(|name| **name == "runs").count() + 1
        };
        // The last look is the one that shows it done.
        for look in first..looks(&probe) {
            let world = World::new(habits.clone());
            world.state().events.push(("runs", look, another));
            let (outcome, _) = to_its_end(&world, &request()).await;
            assert_gone_on_with(&world, &outcome, &format!("at look {look}, hidden for {hidden} ms"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_anywhere_after_the_cancellation_gives_the_other_run_its_diffs_once() {
    let event = ("diffs", 1, another as fn(&mut State));
    let probe = World::new(Habits::default());
    probe.state().events.push(event);
    let (outcome, _) = to_its_end(&probe, &request()).await;
    assert_gone_on_with(&probe, &outcome, "no fault");
    let asked = probe.state().asked.clone();
    let from = asked.iter().position(|name| *name == "diffs").unwrap();
    for (index, name) in asked.iter().enumerate().skip(from) {
        for fault in [Fault::KillBefore, Fault::KillAfter] {
            let world = World::new(Habits::default());
            world.state().events.push(event);
            world.state().faults.insert(index, fault);
            let (outcome, lives) = to_its_end(&world, &request()).await;
            assert_gone_on_with(&world, &outcome, &format!("{fault:?} at {index} ({name})"));
            assert_eq!(lives, 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_run_of_the_commit_that_somebody_else_filled_is_followed_and_given_nothing() {
    let world = World::new(Habits::default());
    world.state().events.push(("diffs", 1, |state| {
        another(state);
        let given = state.runs[0].given.clone();
        state.runs[1].given = given;
    }));
    let (outcome, _) = to_its_end(&world, &request()).await;
    assert_eq!((outcome.result(), outcome.submitted), (CiResult::Passed, 0));
    assert_eq!(outcome.run.map(|run| run.0), Some(9002));
    assert_eq!(taken(&world), [9001]);
    assert!(outcome.remarks.iter().any(|remark| remark.code == "others_run"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_started_and_is_not_listed_yet_is_not_mistaken_for_a_cancelled_one_before_it() {
    // Longer than a run is looked for that nobody knows to be there.
    let hidden = Duration::from_millis(100);
    let world = World::new(Habits {
        hidden,
        ..Habits::default()
    });
    // A process that died asked for it, and left no record.
    world.state().start(SHA);
    world.state().events.push(("trigger", 1, |state| {
        let before = &mut state.runs[0];
        (before.made, before.fixed) = (before.made - state.habits.hidden, Some(RunStatus::Cancelled));
    }));
    let ports = Ports {
        options: Options {
            appears: Duration::ZERO,
            ..options()
        },
        ..ports(&world)
    };
    let outcome = run_once(&ports, &request(), &CancellationToken::new())
        .await
        .unwrap()
        .unwrap();
    assert_gone_on_with(&world, &outcome, "not listed yet");
}

/// A newer commit was the head for a while, and ours is again: its orchestration ended as superseded, and the platform cancelled its
/// run where it was under way.
async fn left_and_head_again(world: &Arc<World>) {
    world.state().events.push(("diffs", 1, |state| state.push(NEWER)));
    assert_eq!(ended(world).await.result(), CiResult::Superseded);
    let mut state = world.state();
    state.events.clear();
    state.runs[0].fixed = Some(RunStatus::Cancelled);
    state.start(NEWER);
    state.runs[1].fixed = Some(RunStatus::Done);
    state.push(SHA);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_was_left_and_is_the_head_again_gets_one_new_run_for_the_cancelled_one() {
    let probe = World::new(Habits::default());
    left_and_head_again(&probe).await;
    let before = probe.state().asked.len();
    let outcome = ended(&probe).await;
    assert_eq!(
        (outcome.result(), outcome.run.map(|run| run.0)),
        (CiResult::Passed, Some(9003))
    );
    let asked = probe.state().asked.clone();
    for (index, name) in asked.iter().enumerate().skip(before) {
        for fault in [Fault::KillBefore, Fault::KillAfter] {
            let what = format!("{fault:?} at {index} ({name})");
            let world = World::new(Habits::default());
            left_and_head_again(&world).await;
            world.state().faults.insert(index, fault);
            let (outcome, lives) = to_its_end(&world, &request()).await;
            assert_eq!((outcome.result(), lives), (CiResult::Passed, 2), "{what}");
            assert_eq!(world.state().runs.len(), 3, "{what}");
            assert_eq!(taken(&world), [9001, 9003], "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_platform_starts_for_a_head_that_is_the_head_again_is_the_one() {
    let world = World::new(Habits::default());
    left_and_head_again(&world).await;
    world.state().events.push(("set_status", 4, |state| {
        state.start(SHA);
    }));
    let outcome = ended(&world).await;
    assert_eq!(
        (outcome.result(), outcome.run.map(|run| run.0)),
        (CiResult::Passed, Some(9003))
    );
    assert_eq!(world.state().triggered.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_after_its_commit_was_seen_as_the_head_again_is_cancelled() {
    // Whether it was the one that it had, or was asked for anew.
    for anew in [0, 1] {
        let world = World::new(Habits::default());
        left_and_head_again(&world).await;
        if anew == 0 {
            world.state().runs[0].fixed = None;
        }
        let looks = world.state().asked.iter().filter(|name| **name == "diffs").count();
        world.state().events.push(("diffs", looks + 1, |state| {
            state.runs[0].fixed = Some(RunStatus::Cancelled);
            if let Some(run) = state.runs.get_mut(2) {
                run.fixed = Some(RunStatus::Cancelled);
            }
        }));
        world.state().habits.course = vec![(Duration::ZERO, RunStatus::Processing)];
        let outcome = ended(&world).await;
        assert_eq!(outcome.verdict.reason, Reason::Cancelled.word());
        assert_eq!(world.state().triggered.len(), 1 + anew);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_forge_the_platforms_list_says_whether_a_run_was_cancelled_for_a_newer_commit() {
    let newer: fn(&mut State) = |state| {
        state.runs[0].fixed = Some(RunStatus::Cancelled);
        state.start(NEWER);
    };
    let nothing: fn(&mut State) = |state| state.runs[0].fixed = Some(RunStatus::Cancelled);
    for (event, reason, result) in [
        (newer, "superseded", CiResult::Superseded),
        (nothing, "cancelled", CiResult::Failed),
    ] {
        let world = World::new(Habits::default());
        world.state().events.push(("diffs", 1, event));
        let ports = Ports {
            forge: None,
            ..ports(&world)
        };
        let mut request = request();
        request.diffs = Some(Asked {
            diffs: vec![DiffRequest {
                production: "DB.CORE.A".into(),
                pull_request: "DB.PR_6.A".into(),
                primary_key: vec!["ID".into()],
                include_columns: Vec::new(),
                exclude_columns: Vec::new(),
            }],
            ..Asked::default()
        });
        let outcome = run_once(&ports, &request, &CancellationToken::new())
            .await
            .unwrap()
            .unwrap();
        assert_eq!((outcome.verdict.reason.as_str(), outcome.result()), (reason, result));
    }
}
