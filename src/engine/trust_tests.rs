//! What people say to the loop: suspend, resume, approve; and what it remembers of drift from pass to pass.

use std::time::Duration;

use driftless_core::key::Digest;
use driftless_core::policy::OnDrift;
use driftless_core::report::Conclusion;

use super::testing::house::{House, MINUTE, Plot, name};
use super::testing::{Script, key};
use super::{Activity, Control as _, Refusal};
use crate::store::facts::{self, Suspension};
use crate::store::{RunId, Trigger};

async fn suspend(house: &House, reason: &str) {
    let by = Some("ann".to_owned());
    house.driver.suspend(&name("prod"), reason.into(), by).await.unwrap();
}

fn writes(house: &House) -> usize {
    house.log.count("wrote")
}

#[tokio::test(start_paused = true)]
async fn a_suspended_environment_is_read_and_shown_and_not_written() {
    let house = House::start();
    house.runs(1).await;
    suspend(&house, "maintenance of the warehouse").await;
    house.log.take();
    house.platform.by_hand(&key("item/b/x"), "black");
    house.source.push("r2", &[("x", "red"), ("y", "blue")]);
    house.trigger(Trigger::Manual);
    let runs = house.runs(2).await;
    assert_eq!(runs[1].conclusion, Some(Conclusion::Partial));
    assert_eq!(writes(&house), 0, "{:?}", house.log.lines());
    let view = house.view();
    assert_eq!(view.revision.unwrap().0, "r2", "what is shown is fresh");
    assert!(view.drift_since.is_some());
    let suspended = view.suspended.unwrap();
    assert_eq!(
        (suspended.reason.as_str(), suspended.by.as_deref()),
        ("maintenance of the warehouse", Some("ann"))
    );
    let gauge = r#"driftless_suspended{environment="prod"} 1"#;
    assert!(house.metrics.encode().contains(gauge));
    house.driver.resume(&name("prod")).await.unwrap();
    let runs = house.runs(3).await;
    let resumed = runs.iter().find(|run| run.trigger == Trigger::Resume).unwrap();
    assert_eq!(resumed.conclusion, Some(Conclusion::Succeeded));
    assert_eq!(writes(&house), 2);
    assert_eq!(house.view().suspended, None);
    assert!(!house.metrics.encode().contains(gauge));
}

#[tokio::test(start_paused = true)]
async fn a_suspension_outlives_the_process_and_holds_its_first_pass() {
    let plot = Plot::new();
    let suspension = Suspension {
        reason: "an incident".into(),
        by: None,
        since: chrono::DateTime::from_timestamp(1_600_000_000, 0).unwrap(),
    };
    facts::remember(plot.store.as_ref(), &name("prod"), &suspension)
        .await
        .unwrap();
    let house = plot.start();
    let runs = house.runs(1).await;
    assert_eq!((&runs[0].trigger, writes(&house)), (&Trigger::Start, 0));
    assert_eq!(house.view().suspended, Some(suspension));
}

#[tokio::test(start_paused = true)]
async fn of_a_pass_under_way_the_step_in_hand_ends_and_no_other_starts() {
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
    suspend(&house, "stop").await;
    let runs = house.runs(1).await;
    assert_eq!(runs[0].message, "1 created, 2 skipped, 1 in sync");
    assert_eq!(house.log.count("create item"), 0);
    let report = runs[0].report.clone().unwrap();
    assert!(report.contains("the environment was suspended"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn suspending_and_resuming_twice_is_as_once_but_for_the_reason() {
    let house = House::start();
    house.runs(1).await;
    suspend(&house, "first").await;
    let since = house.view().suspended.unwrap().since;
    tokio::time::sleep(MINUTE).await;
    suspend(&house, "second").await;
    let suspended = house.view().suspended.unwrap();
    assert_eq!((suspended.reason.as_str(), suspended.since), ("second", since));
    house.driver.resume(&name("prod")).await.unwrap();
    house.runs(2).await;
    house.driver.resume(&name("prod")).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(house.store.ended().len(), 2);
    let nowhere = house.driver.suspend(&name("nowhere"), "x".into(), None).await;
    assert!(matches!(nowhere, Err(Refusal::UnknownEnvironment(_))));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_known_writes_nothing() {
    let plot = Plot::new();
    plot.store
        .state()
        .facts
        .insert((name("prod"), "suspension"), "{".into());
    let house = plot.start();
    let runs = house.runs(1).await;
    assert_eq!(runs[0].conclusion, Some(Conclusion::Failed));
    assert!(
        runs[0].message.contains("the suspension of `prod`"),
        "{}",
        runs[0].message
    );
    assert_eq!(writes(&house), 0);
}

#[tokio::test(start_paused = true)]
async fn drift_has_a_history_that_outlives_the_process() {
    let mut plot = Plot::new();
    plot.drift = OnDrift::Report;
    plot.drift_interval = 5 * MINUTE;
    let house = plot.start();
    house.runs(1).await;
    house.platform.by_hand(&key("item/b/x"), "black");
    house.runs(3).await;
    let view = house.view();
    let record = &view.drifts[&key("item/b/x")];
    assert_eq!((record.seen, record.corrected), (2, 0));
    assert_eq!(record.open_since, Some(record.first_seen));
    let since = view.drift_since.unwrap();
    // Another process over the same store and platform: the age goes on.
    let (store, platform) = (house.store.clone(), house.platform.clone());
    house.driver.shutdown(MINUTE).await;
    let mut plot = Plot::new();
    plot.drift = OnDrift::Report;
    plot.store = store;
    plot.platforms = vec![("prod", platform)];
    let house = plot.start();
    house.runs(4).await;
    let view = house.view();
    assert_eq!(view.drift_since, Some(since));
    assert_eq!(view.drifts[&key("item/b/x")].seen, 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_put_back_again_and_again_keeps_its_count_and_has_no_age() {
    let mut plot = Plot::new();
    plot.drift_interval = 20 * MINUTE;
    let house = plot.start();
    house.runs(1).await;
    for pass in 1..=3 {
        house.platform.by_hand(&key("item/b/x"), "black");
        house.runs(1 + pass).await;
    }
    let view = house.view();
    let record = &view.drifts[&key("item/b/x")];
    assert_eq!((record.seen, record.corrected, record.open_since), (3, 3, None));
    assert_eq!(view.drift_since, None);
}

#[tokio::test(start_paused = true)]
async fn an_approval_of_another_plan_or_of_one_that_waits_for_nothing_is_refused() {
    let house = House::start();
    let runs = house.runs(1).await;
    let digest = house.view().plan.unwrap().digest.clone();
    let refused = house.driver.approve(&RunId("none".into()), &digest, None).await;
    assert!(matches!(refused, Err(Refusal::UnknownRun(_))), "{refused:?}");
    let refused = house.driver.approve(&runs[0].id, &Digest::of("other"), None).await;
    assert!(
        matches!(&refused, Err(Refusal::PlanMoved { current: Some(current), .. }) if *current == digest),
        "{refused:?}"
    );
    let refused = house.driver.approve(&runs[0].id, &digest, None).await;
    assert!(matches!(refused, Err(Refusal::NothingHeld(_))), "{refused:?}");
}
