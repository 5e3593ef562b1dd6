//! The driver over ports in memory.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod heads;
mod words;

use super::look::is_settled;
use super::*;
use crate::ci::pipeline::tests::world::{Fault, Habits, NEWER, NUMBER, SHA, World};
use crate::ci::pipeline::tests::{assert_exactly_once, config, ports};
use crate::forge::CommitState;
use crate::platform::data_diffs::RunStatus;
use driftless_core::report::Meaning;
use tokio::time::Instant;

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
    start_with(world, configs, |options| options)
}

fn start_with(world: &Arc<World>, configs: Configurations, change: impl FnOnce(Options) -> Options) -> Bench {
    let ports = ports(world);
    let (configs, watched) = watch::channel(configs);
    let stop = CancellationToken::new();
    let setup = Setup {
        configs: watched,
        forges: vec![world.clone()],
        store: world.clone(),
        clock: world.clone(),
        metrics: ports.metrics,
        options: change(ports.options),
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
    Configurations::whole(vec![configured(world, config())])
}

impl Bench {
    async fn moved(&self) {
        self.driver.moved(config().repository, NUMBER).await.unwrap();
    }

    /// Waits until nothing is under way.
    async fn settle(&self) {
        for _ in 0..10_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let is_idle = self.driver.0.state().active.is_empty() && self.driver.0.looks.is_idle();
            if is_idle {
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
        bench.moved().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    bench.moved().await;
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "repeated");
    let statuses = world.state().statuses.len();
    bench.moved().await;
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
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    world.state().push(NEWER);
    bench.moved().await;
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
async fn more_diffs_than_the_threshold_start_with_the_label_that_confirms_them() {
    let mut careful = config();
    careful.diff_threshold = Some(1);
    let world = World::new(Habits::default());
    let bench = start(&world, Configurations::whole(vec![configured(&world, careful)]));
    bench.moved().await;
    bench.settle().await;
    assert_eq!(
        world.status(SHA).unwrap(),
        (
            crate::forge::CommitState::Pending,
            "2 diffs exceed the threshold of 1: nothing was started; add the label `datafold-confirmed`, or raise `diff_threshold`"
                .to_owned()
        )
    );
    assert!(world.state().runs.is_empty() && world.state().submitted.is_empty());
    world.state().pull.labels.push("datafold-confirmed".into());
    bench.moved().await;
    bench.settle().await;
    assert_eq!(world.state().submitted.len(), 1);
    assert_exactly_once(&world, "after the label");
}

#[tokio::test(start_paused = true)]
async fn a_label_that_comes_later_opens_the_gate_for_the_same_head() {
    let mut labelled = config();
    labelled.label = crate::ci::config::Label::Required;
    let world = World::new(Habits::default());
    let bench = start(&world, Configurations::whole(vec![configured(&world, labelled)]));
    bench.moved().await;
    bench.settle().await;
    assert!(world.status(SHA).unwrap().1.starts_with("Skipped: the label"));
    world.state().pull.labels.push("datafold".into());
    bench.moved().await;
    bench.settle().await;
    assert_eq!(world.state().submitted.len(), 1);
    assert_exactly_once(&world, "after the label");
}

#[tokio::test(start_paused = true)]
async fn what_was_left_open_goes_on_at_the_next_start_as_soon_as_its_configuration_is_known() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(bench.driver.shutdown(Duration::from_secs(5)).await, Shutdown::Clean);
    assert!(bench.stop.is_cancelled());
    assert_eq!(bench.state(SHA), Some(CommitState::Pending));
    bench.moved().await;

    let next = start(&world, Configurations::default());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(next.state(SHA), Some(CommitState::Pending));
    next.configs.send_replace(Configurations::whole(Vec::new()));
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Pending));
    next.configs.send_replace(one(&world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "after the restart");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_before_all_configurations_are_known_waits_for_them_over_a_restart_too() {
    let world = World::new(Habits::default());
    let bench = start(&world, Configurations::default());
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(bench.driver.shutdown(Duration::from_secs(5)).await, Shutdown::Clean);
    let next = start(&world, Configurations::default());
    tokio::time::sleep(Duration::from_millis(50)).await;
    next.configs.send_replace(Configurations {
        known: Arc::default(),
        extent: Extent::Partial,
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.state().rows.len(), 1, "the delivery is kept");
    next.configs.send_replace(one(&world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Success));
}

#[tokio::test(start_paused = true)]
async fn an_open_run_is_not_given_up_while_its_configuration_may_be_one_that_could_not_be_read() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    let _ = bench.driver.shutdown(Duration::from_secs(5)).await;
    let next = start(&world, Configurations::default());
    tokio::time::sleep(Duration::from_millis(5_000)).await;
    assert_eq!(next.state(SHA), Some(CommitState::Pending));
    next.configs.send_replace(one(&world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Success));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_at_the_start_strands_nothing() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    let _ = bench.driver.shutdown(Duration::from_secs(5)).await;
    world.state().broken.insert("pull_runs", Meaning::Unavailable);
    let next = start(&world, one(&world));
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.state().broken.clear();
    while world.state().rows.values().any(|row| row.finished.is_none()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(next.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "after the store came back");
}

#[tokio::test(start_paused = true)]
async fn of_two_heads_that_were_left_open_the_newer_one_goes_on_and_the_older_one_is_closed() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved().await;
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
        bench.moved().await;
        bench.settle().await;
        probe.state().asked.clone()
    };
    let submit = sequence.iter().position(|name| *name == "submit").unwrap();
    world.state().faults.insert(submit, Fault::KillAfter);
    let bench = start(&world, one(&world));
    bench.moved().await;
    world.killed.notified().await;
    assert_eq!(bench.driver.shutdown(Duration::from_secs(1)).await, Shutdown::CutOff);
    let next = start(&world, one(&world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "after the cut");
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_of_no_configuration_starts_nothing() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    let other = bench.driver.moved(Repository("acme/other".into()), NUMBER);
    other.await.unwrap();
    bench.settle().await;
    assert!(world.state().rows.is_empty());
    assert!(!world.state().asked.contains(&"pull_request"));
}

#[tokio::test(start_paused = true)]
async fn a_repository_is_known_in_any_case() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    let told = config().repository.0.to_uppercase();
    bench.driver.moved(Repository(told), NUMBER).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_that_is_not_there_for_the_token_is_looked_at_until_it_is_or_a_day_is_over() {
    for (after, rows) in [(5_000, 1), (70_000, 0)] {
        let world = World::new(Habits::default());
        world.state().broken.insert("pull_request", Meaning::NotFound);
        let bench = start(&world, one(&world));
        bench.moved().await;
        tokio::time::sleep(Duration::from_millis(after)).await;
        assert_eq!(world.state().rows.len(), rows, "{after}");
        world.state().broken.clear();
        bench.settle().await;
        let state = (rows == 1).then_some(CommitState::Success);
        assert_eq!(bench.state(SHA), state);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_go_on_at_the_same_time() {
    let world = World::new(Habits::default());
    let configs = (0..4).map(|number| {
        let name = format!("shop-{number}");
        configured(&world, CiConfig { name, ..config() })
    });
    let bench = start(&world, Configurations::whole(configs.collect()));
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let messages = |world: &World| -> Vec<String> {
        let state = world.state();
        state.rows.values().map(|row| row.message.clone()).collect()
    };
    let waits = |message: &&String| *message == "waiting for its turn";
    let before = messages(&world);
    assert_eq!(
        (before.len(), before.iter().filter(waits).count()),
        (4, 2),
        "{before:?}"
    );
    let told: std::collections::BTreeSet<String> = {
        let state = world.state();
        let waiting = state
            .statuses
            .iter()
            .filter(|(_, status)| status.state == CommitState::Pending && status.description == "waiting for its turn");
        waiting.map(|(_, status)| status.context.clone()).collect()
    };
    assert_eq!(told.len(), 2, "the forge shows that they wait: {told:?}");
    // Those that wait are known to the next process too.
    let _ = bench.driver.shutdown(Duration::from_secs(5)).await;
    let configs = bench.configs.borrow().clone();
    let next = start(&world, configs);
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    let after = messages(&world);
    assert_eq!(after.len(), 4);
    assert!(
        after.iter().all(|message| message == "2 tables: no differences."),
        "{after:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn runs_that_wait_for_a_person_or_are_long_keep_nobody_from_the_turn() {
    for status in [
        RunStatus::NeedsConfirmation,
        RunStatus::NeedsAuthentication,
        RunStatus::Processing,
    ] {
        let world = World::new(Habits {
            course: vec![(Duration::ZERO, status.clone())],
            ..Habits::default()
        });
        let configs = (0..5).map(|number| {
            let name = format!("shop-{number}");
            configured(&world, CiConfig { name, ..config() })
        });
        let bench = start(&world, Configurations::whole(configs.collect()));
        bench.moved().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let phases: Vec<String> = world.state().rows.values().map(|row| row.phase.clone()).collect();
        let following = phases.iter().filter(|phase| *phase == "following").count();
        assert_eq!(following, 5, "{status:?}: {phases:?}");
        let _ = bench.driver.shutdown(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_outlives_a_process_that_dies_before_it_knows_the_head() {
    let world = World::new(Habits::default());
    let first = {
        let probe = World::new(Habits::default());
        let bench = start(&probe, one(&probe));
        bench.moved().await;
        bench.settle().await;
        let asked = probe.state().asked.clone();
        asked.iter().position(|name| *name == "pull_request").unwrap()
    };
    world.state().faults.insert(first, Fault::KillBefore);
    let bench = start(&world, one(&world));
    bench.moved().await;
    world.killed.notified().await;
    assert_eq!(bench.driver.shutdown(Duration::from_secs(5)).await, Shutdown::CutOff);
    assert!(
        bench.driver.recent().borrow().is_empty(),
        "it is no run that a page shows"
    );
    let next = start(&world, one(&world));
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    assert_eq!(next.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "after the restart");
    assert_eq!(world.state().rows.len(), 1, "the delivery is done with");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_pull_request_cannot_be_seen_for_now_is_looked_at_until_it_can() {
    let world = World::new(Habits::default());
    world.state().broken.insert("pull_request", Meaning::Unavailable);
    let bench = start(&world, one(&world));
    bench.moved().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.state().rows.len(), 1, "the delivery is kept");
    world.state().broken.clear();
    bench.settle().await;
    assert_eq!(bench.state(SHA), Some(CommitState::Success));
    assert_exactly_once(&world, "after the forge came back");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_cannot_be_kept_is_refused() {
    let world = World::new(Habits::default());
    world.state().broken.insert("put_pull_run", Meaning::Unavailable);
    let bench = start(&world, one(&world));
    assert!(bench.driver.moved(config().repository, NUMBER).await.is_err());
    bench.settle().await;
    assert!(!world.state().asked.contains(&"pull_request"));
}

#[tokio::test(start_paused = true)]
async fn an_open_run_whose_configuration_never_comes_back_is_ended_and_says_why() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    let _ = bench.driver.shutdown(Duration::from_secs(5)).await;
    let next = start(&world, Configurations::whole(Vec::new()));
    let row = || world.state().rows.values().next().cloned().unwrap();
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    assert_eq!(row().finished, None, "it may come back");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ended = row();
    assert_eq!(ended.outcome.as_deref(), Some("failed"));
    assert!(
        ended.finished.is_some() && ended.message.contains("not declared any more"),
        "{}",
        ended.message
    );
    assert_eq!(next.driver.recent().borrow()[0], ended);
    let said = "The run is not followed any more: its CI configuration is not declared any more.";
    assert_eq!(world.status(SHA), Some((CommitState::Error, said.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_is_a_head_of_which_something_was_asked_and_which_came_to_its_end() {
    let world = World::new(Habits::default());
    let bench = start(&world, one(&world));
    bench.moved().await;
    bench.settle().await;
    let ended = world.state().rows.values().next().cloned().unwrap();
    let configured = configured(&world, config());
    let pull = world.state().pull.clone();
    type Change = fn(&mut PullRun);
    let table: [(&str, Change, bool); 5] = [
        ("passed", |_| {}, true),
        ("failed", |row| row.outcome = Some("failed".into()), true),
        (
            "superseded, and the head again",
            |row| row.outcome = Some("superseded".into()),
            false,
        ),
        ("nothing was asked for", |row| row.phase = "looking".into(), false),
        ("it is open", |row| row.finished = None, false),
    ];
    for (what, change, expected) in table {
        let mut row = ended.clone();
        change(&mut row);
        world.state().rows.insert(row.key.clone(), row);
        let settled = is_settled(&bench.driver.0, &configured, &pull).await.unwrap();
        assert_eq!(settled, expected, "{what}");
    }
    world.state().rows.clear();
    assert!(!is_settled(&bench.driver.0, &configured, &pull).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn each_open_run_goes_on_at_the_forge_of_its_own_configuration() {
    // Two forges with a repository of the same path; each keeps what it is told.
    let (store, there) = (World::new(Habits::default()), World::new(Habits::default()));
    let other = CiConfig {
        name: "elsewhere".into(),
        ..config()
    };
    let configs = || {
        let elsewhere = Configured {
            platform: there.clone(),
            forge: there.clone(),
            ..configured(&store, other.clone())
        };
        Configurations::whole(vec![configured(&store, config()), elsewhere])
    };
    let bench = start(&store, configs());
    bench.moved().await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    let _ = bench.driver.shutdown(Duration::from_secs(5)).await;
    let heads = store.state().rows.keys().filter(|key| !key.is_of_delivery()).count();
    assert_eq!(heads, 2);
    let next = start(&store, configs());
    tokio::time::sleep(Duration::from_millis(2)).await;
    next.settle().await;
    for (world, context) in [(&store, "driftless/shop"), (&there, "driftless/elsewhere")] {
        let state = world.state();
        assert!(state.statuses.iter().all(|(_, status)| status.context == context));
        assert_eq!(state.statuses.last().unwrap().1.state, CommitState::Success);
        assert_eq!((state.triggered.len(), state.submitted.len()), (1, 1), "{context}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_holds_the_shutdown_no_longer_than_its_grace() {
    let world = World::new(Habits::default());
    world.state().faults.insert(8, Fault::KillBefore);
    let bench = start(&world, one(&world));
    bench.moved().await;
    world.killed.notified().await;
    let began = Instant::now();
    let grace = Duration::from_secs(1);
    assert_eq!(bench.driver.shutdown(grace).await, Shutdown::CutOff);
    assert_eq!(began.elapsed(), grace);
}
