//! Last words that the forge does not take.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn deaf(world: &World) {
    for name in ["set_status", "comment"] {
        world.state().broken.insert(name, Meaning::Forbidden);
    }
}

fn row(world: &World) -> PullRun {
    let state = world.state();
    state.rows.values().find(|row| row.key.sha == SHA).cloned().unwrap()
}

/// A daemon whose only pull request has passed at the platform while the forge refuses everything.
async fn unheard(options: impl FnOnce(Options) -> Options) -> Bench {
    let world = World::new(Habits::default());
    deaf(&world);
    let bench = start_with(&world, one(&world), options);
    bench.moved().await;
    while world.state().rows.values().all(|row| row.outcome.is_none()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bench
}

fn slow(options: Options) -> Options {
    Options {
        insists: crate::engine::backoff::Backoff {
            first: HOUR,
            longest: HOUR,
        },
        unheard: 24 * HOUR,
        ..options
    }
}

fn assert_heard(bench: &Bench) {
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
    let state = bench.world.state();
    assert_eq!((state.comments.len(), state.triggered.len()), (1, 1));
    drop(state);
    assert_exactly_once(&bench.world, "after the forge came back");
    let row = row(&bench.world);
    assert_eq!(row.outcome.as_deref(), Some("passed"));
    assert_eq!(row.message, "2 tables: no differences.");
    assert!(row.finished.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_the_forge_refused_to_be_told_is_said_when_it_takes_it_again() {
    let bench = unheard(|options| options).await;
    let open = row(&bench.world);
    assert_eq!((open.finished, open.outcome.as_deref()), (None, Some("passed")));
    assert!(
        open.message
            .contains("Not said at the forge yet: the commit status could not be set"),
        "{}",
        open.message
    );
    bench.world.state().broken.clear();
    bench.settle().await;
    assert_heard(&bench);
    let metrics = bench.driver.0.setup.metrics.encode();
    for line in [
        r#"driftless_ci_runs_total{config="shop",result="passed"} 1"#,
        r#"driftless_ci_unsaid_total{config="shop"} 0"#,
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_has_it_said_at_once() {
    let bench = unheard(slow).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.world.state().broken.clear();
    let began = Instant::now();
    bench.moved().await;
    bench.settle().await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_heard(&bench);
}

#[tokio::test(start_paused = true)]
async fn the_next_start_says_what_was_not_said() {
    let bench = unheard(slow).await;
    assert_eq!(bench.driver.shutdown(Duration::from_secs(5)).await, Shutdown::Clean);
    bench.world.state().broken.clear();
    let next = start_with(&bench.world, one(&bench.world), slow);
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_heard(&next);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_is_asked_now_and_then_also_when_there_is_a_newer_head() {
    let bench = unheard(slow).await;
    let puts = || {
        bench
            .world
            .state()
            .asked
            .iter()
            .filter(|name| **name == "put_pull_run")
            .count()
    };
    bench.world.state().push(NEWER);
    bench.world.state().broken = [("put_pull_run", Meaning::Unavailable)].into();
    let before = puts();
    let newer = Head {
        pull_request: NUMBER,
        branch: "feature".into(),
        sha: NEWER.into(),
        base_branch: "main".into(),
        base_sha: "0".repeat(40),
    };
    let opened = bench
        .driver
        .begin(&configured(&bench.world, config()), newer, Occasion::Moved)
        .await;
    assert!(opened.is_err(), "the store took it");
    let longest = bench.driver.0.setup.options.retry.longest;
    tokio::time::sleep(100 * longest).await;
    let asked = puts() - before;
    assert!((50..500).contains(&asked), "{asked}");
    bench.world.state().broken.clear();
    bench.settle().await;
    assert_eq!(bench.state(NEWER), Some(CommitState::Success));
    assert_eq!(row(&bench.world).outcome.as_deref(), Some("passed"));
    assert!(row(&bench.world).finished.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_no_forge_takes_for_a_whole_day_is_given_up_and_said_everywhere_else() {
    let bench = unheard(slow).await;
    tokio::time::sleep(23 * HOUR).await;
    assert_eq!(row(&bench.world).finished, None);
    tokio::time::sleep(4 * HOUR).await;
    let ended = row(&bench.world);
    assert!(
        ended.finished.is_some() && ended.message.contains("Never said at the forge"),
        "{}",
        ended.message
    );
    let metrics = bench.driver.0.setup.metrics.encode();
    assert!(
        metrics.contains(r#"driftless_ci_unsaid_total{config="shop"} 1"#),
        "{metrics}"
    );
    let asked = bench.world.state().asked.len();
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(bench.world.state().asked.len(), asked);
    bench.world.state().broken.clear();
    bench.moved().await;
    bench.settle().await;
    assert_heard(&bench);
}

#[tokio::test(start_paused = true)]
async fn a_newer_head_ends_what_was_to_be_said_of_the_older_one() {
    let bench = unheard(slow).await;
    bench.world.state().push(NEWER);
    bench.world.state().broken.clear();
    bench.moved().await;
    bench.settle().await;
    assert_eq!(bench.state(SHA), None);
    assert_eq!(bench.state(NEWER), Some(CommitState::Success));
    assert!(row(&bench.world).finished.is_some());
}

/// A daemon whose only pull request ended without access to the platform when its run had the diffs.
async fn without_access() -> Bench {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved().await;
    while world.state().submitted.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.state().broken.insert("runs", Meaning::Unauthorized);
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Error));
    world.state().broken.clear();
    bench
}

#[tokio::test(start_paused = true)]
async fn a_head_that_ended_without_access_goes_on_when_the_forge_tells_of_it() {
    let bench = without_access().await;
    bench.moved().await;
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&bench.world, "with access again");
    let comments = bench.world.state().comments.len();
    bench.moved().await;
    bench.settle().await;
    assert_eq!(bench.world.state().comments.len(), comments, "that was its end");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_ended_without_access_goes_on_at_the_next_start() {
    let bench = without_access().await;
    assert_eq!(bench.driver.shutdown(Duration::from_secs(5)).await, Shutdown::Clean);
    let next = start(&bench.world, one(&bench.world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&bench.world, "with access again");
    let rows = bench.world.state().rows.len();
    assert_eq!(rows, 1, "the look is done with");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_of_a_pull_request_that_may_not_be_read_is_kept_and_looked_at_again() {
    for meaning in [Meaning::Forbidden, Meaning::Unauthorized] {
        let world = World::new(Habits::default());
        world.state().broken.insert("pull_request", meaning);
        let bench = start(&world, one(&world));
        bench.moved().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.state().rows.len(), 1, "the delivery is kept");
        world.state().broken.clear();
        bench.settle().await;
        assert_eq!(bench.state(SHA), Some(CommitState::Success));
        assert_exactly_once(&world, "after the token was changed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_that_may_not_be_read_is_looked_at_less_and_less_and_at_once_when_it_is_told_again() {
    let world = World::new(Habits::default());
    world.state().broken.insert("pull_request", Meaning::Forbidden);
    let bench = start_with(&world, one(&world), slow);
    bench.moved().await;
    tokio::time::sleep(3 * HOUR).await;
    let looks = world
        .state()
        .asked
        .iter()
        .filter(|name| **name == "pull_request")
        .count();
    assert!((2..=5).contains(&looks), "{looks}");
    world.state().broken.clear();
    let began = Instant::now();
    bench.moved().await;
    bench.settle().await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_that_may_not_be_read_for_a_whole_day_is_left() {
    let world = World::new(Habits::default());
    world.state().broken.insert("pull_request", Meaning::Forbidden);
    let bench = start_with(&world, one(&world), slow);
    bench.moved().await;
    tokio::time::sleep(27 * HOUR).await;
    assert!(world.state().rows.is_empty() && bench.driver.0.looks.is_idle());
}
