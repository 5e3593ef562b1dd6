//! What people say to the loop: suspend, resume, approve; and what it remembers of drift from pass to pass.

use std::time::Duration;

use driftless_core::key::{Digest, EnvironmentName};
use driftless_core::policy::OnDrift;
use driftless_core::report::Conclusion;

use super::lineage::{Branch, Rewriting};
use super::testing::house::{House, MINUTE, Plot, name};
use super::testing::{Script, key};
use super::{Activity, Control as _, Refusal};
use crate::store::facts::{self, Lineage, Suspension};
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

/// One deletion or update is too much.
fn strict() -> Plot {
    let mut plot = Plot::new();
    plot.guards.update_max = 0;
    plot
}

#[tokio::test(start_paused = true)]
async fn an_approved_plan_is_carried_out_once_and_the_run_says_who_approved_it() {
    let house = strict().start();
    house.runs(1).await;
    house.platform.by_hand(&key("item/b/x"), "black");
    house.trigger(Trigger::Manual);
    let runs = house.runs(2).await;
    assert_eq!(writes(&house), 3, "the creations alone");
    let digest = house.view().plan.unwrap().digest.clone();
    let (environment, to_come) = house
        .driver
        .approve(&runs[1].id, &digest, Some("ann".into()))
        .await
        .unwrap();
    assert_eq!(environment, name("prod"));
    let run = loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let run = house.store.ended().into_iter().find(|run| run.id == to_come);
        if let Some(run) = run {
            break run;
        }
    };
    assert_eq!(run.trigger, Trigger::Approval);
    assert_eq!(run.conclusion, Some(Conclusion::Succeeded));
    let expected = format!(
        "1 updated, 3 in sync; approved by ann as planned in run {}",
        runs[1].id.0
    );
    assert_eq!(run.message, expected);
    assert_eq!(writes(&house), 4);
    // The same change by hand makes the same plan again: it waits again.
    house.platform.by_hand(&key("item/b/x"), "black");
    house.trigger(Trigger::Manual);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(writes(&house), 4);
    let plan = house.view().plan.unwrap();
    assert!(plan.can_be_approved() && plan.digest == digest);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_moved_after_it_was_approved_must_be_looked_at_again() {
    let house = strict().start();
    house.runs(1).await;
    house.source.push("r2", &[("x", "blue"), ("y", "red")]);
    let runs = house.runs(2).await;
    let digest = house.view().plan.unwrap().digest.clone();
    house.source.push("r3", &[("x", "green"), ("y", "red")]);
    house.driver.approve(&runs[1].id, &digest, None).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(writes(&house), 3);
    let ended = house.store.ended();
    let run = ended.iter().find(|run| run.trigger == Trigger::Approval).unwrap();
    assert!(
        run.message.ends_with("is no longer the plan: look again"),
        "{}",
        run.message
    );
    // It is forgotten: back at the old plan, nothing goes through.
    house.source.push("r4", &[("x", "blue"), ("y", "red")]);
    tokio::time::sleep(3 * MINUTE).await;
    assert_eq!(house.view().plan.unwrap().digest, digest);
    assert_eq!(writes(&house), 3);
}

#[tokio::test(start_paused = true)]
async fn an_approval_of_what_then_failed_is_spent() {
    let plot = strict();
    let house = plot.start();
    house.runs(1).await;
    house.source.push("r2", &[("x", "red"), ("y", "blue")]);
    let runs = house.runs(2).await;
    let digest = house.view().plan.unwrap().digest.clone();
    let fails = Script::Fails(super::testing::failure(driftless_core::report::Meaning::Invalid));
    house.platform.script(&key("item/b/y"), [fails]);
    house.driver.approve(&runs[1].id, &digest, None).await.unwrap();
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(house.log.count("update item/b/y"), 1);
    let plan = house.view().plan.unwrap();
    assert!(plan.held.len() == 1 && plan.digest == digest);
}

#[tokio::test(start_paused = true)]
async fn an_approval_of_a_suspended_environment_waits_for_its_resumption() {
    let house = strict().start();
    house.runs(1).await;
    house.source.push("r2", &[("x", "blue"), ("y", "red")]);
    let runs = house.runs(2).await;
    suspend(&house, "not now").await;
    let digest = house.view().plan.unwrap().digest.clone();
    house.driver.approve(&runs[1].id, &digest, None).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(writes(&house), 3);
    house.driver.resume(&name("prod")).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(writes(&house), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_put_back_five_times_an_hour_is_stopped_until_it_is_let_go() {
    let mut plot = Plot::new();
    plot.drift_interval = 5 * MINUTE;
    let house = plot.start();
    house.runs(1).await;
    let x = key("item/b/x");
    for pass in 1..=5 {
        house.platform.by_hand(&x, "black");
        house.runs(1 + pass).await;
    }
    assert_eq!(house.log.count("update item/b/x"), 5);
    house.platform.by_hand(&x, "black");
    tokio::time::sleep(6 * 60 * MINUTE).await;
    assert_eq!(house.log.count("update item/b/x"), 5);
    let view = house.view();
    let plan = view.plan.unwrap();
    assert_eq!(plan.blocked[0].reason.word(), "flapping");
    assert!(plan.blocked[0].message.starts_with("corrected 5 times within an hour"));
    assert!(view.drifts[&x].stopped.is_some() && view.drift_since.is_some());
    assert!(house.metrics.encode().contains("guard=\"flapping\""));
    // Git changes it: what Git says goes through, over what was changed by hand.
    house.source.push("r2", &[("x", "green"), ("y", "red")]);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(house.log.count("update item/b/x"), 6);
    assert_eq!(house.view().drift_since, None);
    assert_eq!(house.view().drifts[&x].stopped, None);
}

#[tokio::test(start_paused = true)]
async fn an_approval_lets_a_flapping_resource_be_put_back_once_more() {
    let mut plot = Plot::new();
    plot.drift_interval = 5 * MINUTE;
    let house = plot.start();
    house.runs(1).await;
    let x = key("item/b/x");
    for pass in 1..=5 {
        house.platform.by_hand(&x, "black");
        house.runs(1 + pass).await;
    }
    house.platform.by_hand(&x, "black");
    let runs = house.runs(7).await;
    let digest = house.view().plan.unwrap().digest.clone();
    house.driver.approve(&runs[6].id, &digest, None).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(house.log.count("update item/b/x"), 6);
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_was_put_back_or_rewritten_is_not_followed_before_it_is_approved() {
    let house = House::start();
    house.runs(1).await;
    house.source.push("r2", &[("x", "blue"), ("y", "red")]);
    house.runs(2).await;
    assert_eq!(writes(&house), 4);
    house.source.reset("r1");
    let runs = house.runs(3).await;
    assert_eq!(writes(&house), 4);
    let plan = house.view().plan.unwrap();
    let blocked = &plan.blocked[0];
    assert_eq!(blocked.reason.word(), "not_fast_forward");
    assert!(
        blocked
            .message
            .starts_with("revision r1 does not descend from r2, the last one that was written: `main`"),
        "{}",
        blocked.message
    );
    // A commit that descends from the last one that was written is followed without a word.
    house.source.reset("r2");
    house.source.push("r3", &[("x", "pink"), ("y", "red")]);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(writes(&house), 5);
    // An approved one is the line from then on.
    house.source.reset("r1");
    tokio::time::sleep(2 * MINUTE).await;
    let ended = house.store.ended();
    let blocked = ended.iter().rev().find(|run| run.plan.is_some()).unwrap();
    let digest = house.view().plan.unwrap().digest.clone();
    house.driver.approve(&blocked.id, &digest, None).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(writes(&house), 6);
    house.source.push("r4", &[("x", "grey"), ("y", "red")]);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(writes(&house), 7);
    assert!(runs[2].message.contains("blocked"), "{}", runs[2].message);
}

#[tokio::test(start_paused = true)]
async fn another_ref_starts_anew_and_allowed_rewriting_asks_nobody() {
    for (reference, rewriting, followed) in [
        ("main", Rewriting::Refused, false),
        ("main", Rewriting::Allowed, true),
        ("release", Rewriting::Refused, true),
    ] {
        let plot = Plot::new();
        let memory = EnvironmentName("prod@http://prod".into());
        let lineage = Lineage {
            reference: "main".into(),
            revision: "r9".into(),
        };
        facts::remember(plot.store.as_ref(), &memory, &lineage).await.unwrap();
        let mut plot = plot;
        plot.branch = Branch {
            reference: reference.into(),
            rewriting,
        };
        let house = plot.start();
        house.runs(1).await;
        assert_eq!(writes(&house) > 0, followed, "{reference} {rewriting:?}");
        let known: Option<Lineage> = facts::recall(house.store.as_ref(), &memory).await.unwrap();
        let expected = if followed { "r1" } else { "r9" };
        assert_eq!(known.unwrap().revision, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_moves_before_the_first_write_and_not_without_one() {
    let plot = Plot::new();
    let fails = || Script::Fails(super::testing::failure(driftless_core::report::Meaning::Invalid));
    plot.platforms[0].1.script(&key("box/b"), [fails()]);
    let house = plot.start();
    house.runs(1).await;
    let memory = EnvironmentName("prod@http://prod".into());
    let line = async || {
        let known: Option<Lineage> = facts::recall(house.store.as_ref(), &memory).await.unwrap();
        known.unwrap().revision
    };
    assert_eq!(line().await, "r1", "a write was attempted");
    house.runs(2).await;
    house.source.push("r2", &[("x", "red"), ("y", "red")]);
    house.driver.trigger(&name("prod"), Trigger::Manual).unwrap();
    house.runs(3).await;
    assert_eq!(line().await, "r1", "nothing was to be written");
}
