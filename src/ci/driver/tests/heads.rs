//! Heads that come and go.

use super::*;

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
