//! How passes end when something stops them: a shutdown, a panic, a file, a failed step, the death of the process.

use std::time::Duration;

use driftless_core::report::{Conclusion, Meaning};

use super::Activity;
use super::driver::Shutdown;
use super::testing::house::{Plot, name, seconds_between};
use super::testing::{Script, failure, file, key};
use crate::store::{RunId, RunRecord, Store as _, Trigger};

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_step_in_hand_and_records_the_run() {
    let plot = Plot::new();
    plot.platforms[0]
        .1
        .script(&key("box/b"), [Script::Slow(Duration::from_secs(10))]);
    let house = plot.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(
        house.view().activity,
        Activity::Running { phase: "applying", .. }
    ));
    assert_eq!(house.driver.shutdown(Duration::from_secs(25)).await, Shutdown::Clean);
    let runs = house.store.ended();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].conclusion, Some(Conclusion::Partial));
    assert_eq!(runs[0].message, "1 created, 2 skipped, 1 in sync");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_reading_writes_nothing() {
    let plot = Plot::new();
    plot.platforms[0].1.reading_takes(Duration::from_secs(1000));
    let house = plot.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.driver.shutdown(Duration::from_secs(5)).await, Shutdown::Clean);
    assert_eq!(house.store.ended()[0].message, "stopped before anything was written");
    assert_eq!(house.log.count("create"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_takes_too_long_is_cut_off() {
    let plot = Plot::new();
    plot.platforms[0]
        .1
        .script(&key("box/b"), [Script::Slow(Duration::from_secs(100))]);
    let house = plot.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.driver.shutdown(Duration::from_secs(25)).await, Shutdown::CutOff);
    assert_eq!(house.store.state().intents.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_adapter_fails_the_run_and_not_the_environment() {
    let plot = Plot::new();
    plot.platforms[0].1.panics_once();
    let house = plot.start();
    let runs = house.runs(2).await;
    assert_eq!(runs[0].conclusion, Some(Conclusion::Failed));
    assert_eq!(
        (&runs[1].trigger, runs[1].conclusion),
        (&Trigger::Retry, Some(Conclusion::Succeeded))
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_leaves_the_rest_going_and_the_run_partial() {
    let plot = Plot::new();
    let files = vec![
        file("boxes/b/_box.yaml", Some(&[("name", "b")])),
        file("boxes/b/items/x.yaml", None),
    ];
    plot.source.push_files("r1", files);
    let house = plot.start();
    let runs = house.runs(1).await;
    assert_eq!(runs[0].conclusion, Some(Conclusion::Partial));
    assert_eq!(runs[0].message, "1 created, 1 in sync, 1 fault in the files");
    assert_eq!((runs[0].diagnostics.len(), house.view().diagnostics.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_is_counted_and_tried_again_by_the_next_run() {
    let plot = Plot::new();
    plot.platforms[0]
        .1
        .script(&key("item/b/x"), [Script::Fails(failure(Meaning::Invalid))]);
    let house = plot.start();
    let runs = house.runs(1).await;
    assert_eq!(runs[0].conclusion, Some(Conclusion::Partial));
    assert_eq!(runs[0].message, "2 created, 1 failed, 2 in sync");
    let item = house.view().kinds[1];
    assert_eq!((item.failed, item.states.pending, item.states.in_sync), (1, 1, 1));
    let runs = house.runs(2).await;
    assert_eq!(runs[1].message, "1 created, 3 in sync");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_failed_is_not_sent_again_by_a_drift_check_before_its_backoff_is_over() {
    let mut plot = Plot::new();
    plot.drift_interval = Duration::from_secs(1);
    let fails = || Script::Fails(failure(Meaning::Invalid));
    plot.platforms[0]
        .1
        .script(&key("item/b/x"), [fails(), fails(), fails()]);
    let house = plot.start();
    let runs = house.runs(4).await;
    let triggers: Vec<_> = runs.iter().map(|run| run.trigger.clone()).collect();
    assert_eq!(
        triggers,
        [Trigger::Start, Trigger::Retry, Trigger::Retry, Trigger::Retry]
    );
    assert!(
        seconds_between(&runs).iter().sum::<i64>() > 20,
        "{:?}",
        seconds_between(&runs)
    );
    assert_eq!(house.runs(5).await[4].trigger, Trigger::Drift);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_process_died_in_is_closed_at_the_next_start() {
    let plot = Plot::new();
    let start = chrono::DateTime::from_timestamp(1_600_000_000, 0).unwrap();
    let run = |id: &str, finished| RunRecord {
        id: RunId(id.into()),
        environment: name("prod"),
        trigger: Trigger::Start,
        revision: None,
        started: start,
        finished,
        conclusion: finished.map(|_| Conclusion::Succeeded),
        idle: false,
        message: String::new(),
        plan: None,
        report: None,
        diagnostics: Vec::new(),
    };
    plot.store.put_run(&run("1", Some(start))).await.unwrap();
    plot.store.put_run(&run("2", None)).await.unwrap();
    plot.source.down(true);
    let house = plot.start();
    house.runs(3).await;
    let closed = house.store.run(&RunId("2".into())).await.unwrap().unwrap();
    assert_eq!(closed.conclusion, Some(Conclusion::Partial));
    assert!(closed.message.starts_with("cut off"));
    assert_eq!(house.view().last_success, Some(start));
}
