//! Heads that come and go.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_commit_that_was_left_for_a_newer_one_and_is_the_head_again_gets_its_status() {
    let world = World::new(Habits {
        course: vec![
            (Duration::ZERO, RunStatus::Processing),
            (Duration::from_millis(400), RunStatus::Done),
        ],
        ..Habits::default()
    });
    let bench = start(&world, one(&world));
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    world.state().push(NEWER);
    bench.moved().await;
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Pending));
    world.state().push(SHA);
    bench.moved().await;
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
    assert_eq!(world.state().triggered, [SHA, NEWER], "each has the run that it had");
    assert_eq!(world.state().submitted.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_older_commit_is_left_as_soon_as_the_newer_one_is_told_and_not_when_it_is_next_looked_at() {
    let world = World::new(Habits {
        course: vec![(Duration::ZERO, RunStatus::Queued)],
        ..Habits::default()
    });
    let long = Duration::from_secs(1_000);
    let setup = Setup {
        options: Options {
            poll: crate::engine::backoff::Backoff {
                first: long,
                longest: long,
            },
            head: long,
            limit: long * 1_000,
            appears: Duration::ZERO,
            ..ports(&world).options
        },
        configs: watch::channel(one(&world)).1,
        forges: vec![world.clone()],
        store: world.clone(),
        clock: world.clone(),
        metrics: Metrics::new().unwrap(),
        parallel: 1,
    };
    let driver = Driver::start(setup, CancellationToken::new());
    driver.moved(config().repository, NUMBER).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.state().submitted.len(), 1);
    world.state().push(NEWER);
    driver.moved(config().repository, NUMBER).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let taken: Vec<i64> = world.state().submitted.iter().map(|(run, _)| *run).collect();
    assert_eq!(taken, [9001, 9002]);
    let superseded = world.state().rows.values().filter(|row| row.finished.is_some()).count();
    assert_eq!(superseded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_had_passed_and_is_the_head_again_has_its_own_results_in_the_comment_again() {
    let world = World::new(Habits::default());
    let mut bench = start(&world, one(&world));
    for head in [SHA, NEWER] {
        world.state().push(head);
        bench.moved().await;
        bench.settle().await;
    }
    // What an earlier process said counts as well.
    for again in [SHA, NEWER] {
        world.state().push(again);
        bench.moved().await;
        bench.settle().await;
        let last = world.state().comments.last().cloned().unwrap();
        assert!(last.contains(&again[..7]), "{last}");
        assert_eq!(bench.state(again), Some(CommitState::Success));
        let said = world.state().comments.len();
        bench.moved().await;
        bench.settle().await;
        assert_eq!(world.state().comments.len(), said, "it is said once");
        let _ = bench.driver.shutdown(Duration::from_secs(1)).await;
        bench = start(&world, one(&world));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let state = world.state();
    assert_eq!(state.comments.len(), 4);
    assert_eq!(state.triggered, [SHA, NEWER], "no run is asked for anew");
    assert_eq!(state.submitted.len(), 2);
    let finished = state.rows.values().filter(|row| row.finished.is_some()).count();
    assert_eq!(finished, 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_forge_tells_while_the_gate_is_asked_is_looked_at_when_that_is_over() {
    let world = World::new(Habits::default());
    let labelled = CiConfig {
        label: crate::ci::config::Label::Required,
        ..config()
    };
    let bench = start(&world, Configurations::whole(vec![configured(&world, labelled)]));
    world.state().broken.insert("set_status", Meaning::Unavailable);
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.state().pull.labels.push("datafold".into());
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.state().broken.clear();
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
    assert_eq!(world.state().submitted.len(), 1, "{:?}", world.state().statuses);
    let asked = world.state().asked.len();
    tokio::time::sleep(HOUR).await;
    assert_eq!(world.state().asked.len(), asked, "that is all");
}

#[tokio::test(start_paused = true)]
async fn a_newer_head_that_nobody_told_of_is_begun_when_the_older_one_is_seen_to_be_none() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.state().push(NEWER);
    bench.settle().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench.settle().await;
    assert_eq!(bench.state(NEWER), Some(CommitState::Success));
    let of: Vec<bool> = world.state().rows.values().map(|row| row.finished.is_some()).collect();
    assert_eq!(of, [true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_was_compared_for_one_pull_request_is_not_called_skipped_for_another() {
    let world = World::new(Habits {
        summary: crate::platform::data_diffs::Summary::Failed("no table".into()),
        ..Habits::default()
    });
    let on_main = CiConfig {
        base_branch: Some("main".into()),
        ..config()
    };
    let bench = start(&world, Configurations::whole(vec![configured(&world, on_main)]));
    bench.moved().await;
    bench.settle().await;
    let said = world.status(SHA).unwrap();
    assert_eq!(said.0, CommitState::Failure);
    let other = PullRequestNumber(7);
    world.state().pull.number = other;
    world.state().pull.base_branch = "release".into();
    bench.driver.moved(config().repository, other).await.unwrap();
    bench.settle().await;
    assert_eq!(world.status(SHA), Some(said));
    let ends: Vec<Option<String>> = world.state().rows.values().map(|row| row.outcome.clone()).collect();
    assert_eq!(ends, [Some("failed".to_owned()), Some("skipped".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_that_is_merged_into_another_branch_than_before_is_asked_for_with_that_one() {
    let world = World::new(Habits::default());
    let on_main = CiConfig {
        base_branch: Some("main".into()),
        ..config()
    };
    world.state().pull.base_branch = "stacked".into();
    let bench = start(&world, Configurations::whole(vec![configured(&world, on_main)]));
    bench.moved().await;
    bench.settle().await;
    world.state().pull.base_branch = "main".into();
    world.state().pull.base_sha = "5".repeat(40);
    bench.moved().await;
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
    let bases = world.state().bases.clone();
    assert_eq!(bases, [("main".to_owned(), "5".repeat(40))]);
}
