//! The driver over ports in memory.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod heads;

use super::*;
use crate::ci::pipeline::tests::world::{Fault, Habits, NEWER, NUMBER, SHA, World};
use crate::ci::pipeline::tests::{assert_exactly_once, config, ports};
use crate::forge::CommitState;
use crate::platform::data_diffs::RunStatus;
use driftless_core::report::Meaning;

struct Bench {
    world: Arc<World>,
    configs: watch::Sender<Configurations>,
    stop: CancellationToken,
    driver: Driver,
}

fn configured(world: &Arc<World>, config: CiConfig) -> Configured {
    Configured {
        target: "datafold".into(),
        config,
        platform: world.clone(),
        forge: world.clone(),
    }
}

fn start(world: &Arc<World>, configs: Configurations) -> Bench {
    let ports = ports(world);
    let (configs, watched) = watch::channel(configs);
    let stop = CancellationToken::new();
    let setup = Setup {
        configs: watched,
        store: world.clone(),
        clock: world.clone(),
        metrics: ports.metrics,
        options: ports.options,
        parallel: 2,
    };
    Bench {
        driver: Driver::start(setup, stop.clone()),
        world: world.clone(),
        configs,
        stop,
    }
}

fn one(world: &Arc<World>) -> Configurations {
    Some(Arc::new(vec![configured(world, config())]))
}

impl Bench {
    fn moved(&self) {
        self.driver.moved(config().repository, NUMBER);
    }

    /// Waits until nothing is under way.
    async fn settle(&self) {
        for _ in 0..10_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let state = self.driver.0.state();
            if state.active.is_empty() && state.looks.is_empty() {
                return;
            }
        }
        panic!("it does not settle: {:?}", self.world.state().asked);
    }

    fn state(&self, sha: &str) -> Option<CommitState> {
        self.world.status(sha).map(|(state, _)| state)
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_leads_to_a_status_and_a_repeated_one_to_nothing() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    for _ in 0..3 {
        bench.moved();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    bench.moved();
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "repeated");
    let statuses = world.state().statuses.len();
    bench.moved();
    bench.settle().await;
    assert_eq!(world.state().statuses.len(), statuses, "all is done for that head");
    let shown = bench.driver.recent().borrow().clone();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].outcome.as_deref(), Some("passed"));
    let metrics = bench.driver.0.setup.metrics.encode();
    for line in [
        r#"driftless_ci_runs_total{config="shop",result="passed"} 1"#,
        r#"driftless_ci_runs_total{config="shop",result="timed_out"} 0"#,
        r#"driftless_ci_submits_total{config="shop",result="accepted"} 1"#,
        r#"driftless_ci_run_duration_seconds_count{config="shop"} 1"#,
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_head_ends_the_older_one_silently_and_gets_its_own_run() {
    let world = World::new(Habits {
        course: vec![
            (Duration::ZERO, RunStatus::Processing),
            (Duration::from_millis(400), RunStatus::Done),
        ],
        ..Habits::default()
    });
    let bench = start(&world, one(&world));
    bench.moved();
    tokio::time::sleep(Duration::from_millis(150)).await;
    world.state().push(NEWER);
    bench.moved();
    bench.settle().await;
    assert_eq!(bench.state(NEWER), Some(CommitState::Success));
    assert_eq!(bench.state(SHA), Some(CommitState::Pending));
    let state = world.state();
    assert_eq!(state.triggered, [SHA, NEWER]);
    let taken: Vec<i64> = state.submitted.iter().map(|(run, _)| *run).collect();
    assert_eq!(taken, [9001, 9002]);
    let mut outcomes: Vec<(&str, &str)> = state
        .rows
        .values()
        .map(|row| (row.key.sha.as_str(), row.outcome.as_deref().unwrap()))
        .collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(SHA, "superseded"), (NEWER, "passed")]);
}

#[tokio::test(start_paused = true)]
async fn a_label_that_comes_later_opens_the_gate_for_the_same_head() {
    let mut labelled = config();
    labelled.label = crate::ci::config::Label::Required;
    let world = World::new(Habits::default());
    let bench = start(&world, Some(Arc::new(vec![configured(&world, labelled)])));
    bench.moved();
    bench.settle().await;
    assert!(world.status(SHA).unwrap().1.starts_with("Skipped: the label"));
    world.state().pull.labels.push("datafold".into());
    bench.moved();
    bench.settle().await;
    assert_eq!(world.state().submitted.len(), 1);
    assert_exactly_once(&world, "after the label");
}

#[tokio::test(start_paused = true)]
async fn what_was_left_open_goes_on_at_the_next_start_as_soon_as_its_configuration_is_known() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved();
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(bench.driver.shutdown(Duration::from_secs(5)).await, Shutdown::Clean);
    assert!(bench.stop.is_cancelled());
    assert_eq!(bench.state(SHA), Some(CommitState::Pending));
    bench.moved();

    let next = start(&world, None);
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Pending));
    next.configs.send_replace(Some(Arc::default()));
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Pending));
    next.configs.send_replace(one(&world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "after the restart");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_before_the_configurations_are_known_waits_for_them() {
    let world = World::new(Habits::default());
    let bench = start(&world, None);
    bench.moved();
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.configs.send_replace(one(&world));
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
}

#[tokio::test(start_paused = true)]
async fn of_two_heads_that_were_left_open_the_newer_one_goes_on_and_the_older_one_is_closed() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved();
    tokio::time::sleep(Duration::from_millis(120)).await;
    let _ = bench.driver.shutdown(Duration::from_secs(5)).await;
    world.state().push(NEWER);
    let next = start(&world, one(&world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(NEWER), Some(CommitState::Success));
    let open = world.state().rows.values().filter(|row| row.finished.is_none()).count();
    assert_eq!(open, 0);
    assert_eq!(next.state(SHA), Some(CommitState::Pending));
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_that_does_not_end_is_cut_off_and_looked_up_by_the_next_start() {
    let world = World::new(Habits::default());
    let sequence = {
        let probe = World::new(Habits::default());
        let bench = start(&probe, one(&probe));
        bench.moved();
        bench.settle().await;
        probe.state().asked.clone()
    };
    let submit = sequence.iter().position(|name| *name == "submit").unwrap();
    world.state().faults.insert(submit, Fault::KillAfter);
    let bench = start(&world, one(&world));
    bench.moved();
    world.killed.notified().await;
    assert_eq!(bench.driver.shutdown(Duration::from_secs(5)).await, Shutdown::CutOff);
    let next = start(&world, one(&world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "after the cut");
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_that_cannot_be_read_or_is_of_no_configuration_starts_nothing() {
    let world = World::new(Habits::default());
    world.state().broken.insert("pull_request", Meaning::NotFound);
    let bench = start(&world, one(&world));
    bench.moved();
    bench.driver.moved(Repository("acme/other".into()), NUMBER);
    bench.settle().await;
    assert!(world.state().rows.is_empty());
    assert!(!world.state().asked.contains(&"runs"));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_go_on_at_the_same_time() {
    let world = World::new(Habits::default());
    let configs = (0..4).map(|number| {
        let name = format!("shop-{number}");
        configured(&world, CiConfig { name, ..config() })
    });
    let bench = start(&world, Some(Arc::new(configs.collect())));
    bench.moved();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.state().rows.len(), 2);
    bench.settle().await;
    assert_eq!(world.state().rows.len(), 4);
}
