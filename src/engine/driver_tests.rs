//! The rules of the loop.

use std::time::Duration;

use driftless_core::key::Revision;
use driftless_core::policy::OnDrift;
use driftless_core::report::{Conclusion, Meaning};

use super::schedule::CronSchedule;
use super::testing::house::{House, MINUTE, Plot, hook, name, seconds_between};
use super::testing::{TestPlatform, failure, file, key};
use super::windows::{Rule, Window, Windows};
use super::{Activity, Control as _};
use crate::store::{RunId, RunRecord, Trigger};

#[tokio::test(start_paused = true)]
async fn the_first_pass_applies_the_branch_and_says_so() {
    let house = House::start();
    let runs = house.runs(1).await;
    assert_eq!(runs[0].trigger, Trigger::Start);
    assert_eq!(runs[0].conclusion, Some(Conclusion::Succeeded));
    assert_eq!(runs[0].message, "3 created, 3 in sync");
    assert!(runs[0].plan.is_some() && runs[0].report.is_some());
    let view = house.view();
    assert_eq!(view.activity, Activity::Idle);
    assert_eq!(view.revision, Some(Revision("r1".into())));
    assert_eq!(view.kinds[1].states.in_sync, 2);
    assert!(view.last_success.is_some() && view.plan.is_some() && view.error.is_none());
    let source = house.overview().sources["config"].clone();
    assert!(source.tried && source.stale.is_none());
    assert_eq!(source.commit.unwrap().subject, "subject of r1");
    let text = house.metrics.encode();
    for line in [
        r#"driftless_reconcile_total{environment="prod",outcome="succeeded"} 1"#,
        r#"driftless_changes_total{action="create",environment="prod",kind="item",result="applied"} 2"#,
        r#"driftless_resources{environment="prod",kind="item",state="in_sync"} 2"#,
        r#"driftless_source_fetch_total{outcome="succeeded",source="config"} 1"#,
        r#"driftless_revision_info{environment="prod",revision="r1"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_nothing_moves_the_platform_is_asked_nothing() {
    let house = House::start();
    house.runs(1).await;
    house.log.take();
    tokio::time::sleep(30 * MINUTE).await;
    let asked = house.log.take();
    assert!(
        asked.len() >= 25 && asked.iter().all(|line| line == "head"),
        "{asked:?}"
    );
    assert_eq!(house.store.ended().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_push_is_applied_with_only_what_changed() {
    let house = House::start();
    house.runs(1).await;
    house.log.take();
    house.source.push("r2", &[("x", "red"), ("y", "blue")]);
    let runs = house.runs(2).await;
    assert_eq!(runs[1].trigger, Trigger::Revision);
    assert_eq!(runs[1].revision, Some(Revision("r2".into())));
    assert_eq!(runs[1].message, "1 updated, 3 in sync");
    assert_eq!((house.log.count("update item/b/y"), house.log.count("update")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_during_a_pass_joins_one_run_after_it() {
    let house = House::start();
    house.platform.reading_takes(Duration::from_secs(10));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(matches!(
        house.view().activity,
        Activity::Running { phase: "reading", .. }
    ));
    let asked: Vec<RunId> = (0..5).map(|_| house.trigger(Trigger::Manual)).collect();
    assert!(asked.iter().all(|run| *run == asked[0]));
    let runs = house.runs(2).await;
    assert_eq!(runs[0].trigger, Trigger::Start);
    assert_eq!((&runs[1].id, &runs[1].trigger), (&asked[0], &Trigger::Manual));
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(house.store.ended().len(), 2);
    assert_eq!(house.log.count("observed"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_push_during_a_pass_is_not_lost() {
    let house = House::start();
    house.platform.reading_takes(Duration::from_secs(200));
    tokio::time::sleep(Duration::from_secs(5)).await;
    house.source.push("r2", &[("x", "blue")]);
    house.source.push("r3", &[("x", "green")]);
    let runs = house.runs(2).await;
    assert_eq!(runs[1].revision, Some(Revision("r3".into())));
    assert_eq!(runs[1].trigger, Trigger::Revision);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_touches_nothing_of_an_environment_costs_it_no_request_and_no_run() {
    let house = House::start();
    house.runs(1).await;
    house.log.take();
    house.source.push("r2", &[("x", "red"), ("y", "red")]);
    tokio::time::sleep(5 * MINUTE).await;
    assert!(house.log.take().iter().all(|line| line == "head"));
    assert_eq!(house.store.ended().len(), 1);
    let view = house.view();
    assert_eq!(view.revision, Some(Revision("r2".into())));
    assert_eq!(
        house.overview().sources["config"].commit.clone().unwrap().subject,
        "subject of r2"
    );
    let metrics = house.metrics.encode();
    assert!(metrics.contains(r#"driftless_revision_info{environment="prod",revision="r2"} 1"#));

    // A delivery is only a reason to look: its run is recorded, and is idle.
    house.source.push("r3", &[("x", "red"), ("y", "red")]);
    let asked = house.driver.trigger_source("config", &hook());
    let runs = house.runs(2).await;
    assert_eq!((&runs[1].id, runs[1].idle), (&asked[0].1, true));
    assert_eq!(runs[1].revision, Some(Revision("r3".into())));
    assert!(house.log.take().iter().all(|line| line == "head"));

    // Who asks in person gets a pass, and drift is looked for as before.
    house.source.push("r4", &[("x", "red"), ("y", "red")]);
    house.trigger(Trigger::Manual);
    let runs = house.runs(3).await;
    assert_eq!((&runs[2].trigger, runs[2].idle), (&Trigger::Manual, false));
    assert_eq!(house.log.count("observed"), 1);
    let mut plot = Plot::new();
    plot.drift_interval = 5 * MINUTE;
    let house = plot.start();
    house.runs(1).await;
    house.source.push("r2", &[("x", "red"), ("y", "red")]);
    house.platform.by_hand(&key("item/b/x"), "black");
    let runs = house.runs(2).await;
    assert_eq!(
        (&runs[1].trigger, runs[1].message.as_str()),
        (&Trigger::Drift, "1 updated, 3 in sync")
    );
    assert_eq!(runs[1].revision, Some(Revision("r2".into())));
}

#[tokio::test(start_paused = true)]
async fn a_push_after_a_pass_that_did_not_succeed_whole_starts_another_whatever_it_touches() {
    let plot = Plot::new();
    let files = || {
        vec![
            file("boxes/b/_box.yaml", Some(&[("name", "b")])),
            file("boxes/b/items/x.yaml", None),
        ]
    };
    plot.source.push_files("r1", files());
    let house = plot.start();
    assert_eq!(house.runs(1).await[0].conclusion, Some(Conclusion::Partial));
    house.source.push_files("r2", files());
    tokio::time::sleep(2 * MINUTE).await;
    let runs = house.store.ended();
    let at = |run: &&RunRecord| run.revision.as_ref().is_some_and(|revision| revision.0 == "r2");
    let first = runs.iter().find(at).map(|run| (&run.trigger, run.conclusion));
    assert_eq!(first, Some((&Trigger::Revision, Some(Conclusion::Partial))));
}

#[tokio::test(start_paused = true)]
async fn a_webhook_without_a_push_is_recorded_and_asks_the_platform_nothing() {
    let house = House::start();
    house.runs(1).await;
    house.log.take();
    let asked = house.driver.trigger_source("config", &hook());
    let runs = house.runs(2).await;
    assert_eq!(asked, [(name("prod"), runs[1].id.clone())]);
    assert_eq!(runs[1].conclusion, Some(Conclusion::Succeeded));
    assert!(runs[1].message.starts_with("nothing moved"), "{}", runs[1].message);
    assert_eq!(house.log.lines(), ["head"]);
    assert!(house.driver.trigger_source("other", &hook()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_webhook_waits_for_the_look_it_asked_for_and_makes_one_run() {
    let house = House::start();
    house.runs(1).await;
    house.source.slow(Duration::from_secs(20));
    house.source.push("r2", &[("x", "blue")]);
    house.driver.trigger_source("config", &hook());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, joined) = house.driver.trigger_source("config", &hook()).remove(0);
    let runs = house.runs(2).await;
    assert_eq!((&runs[1].id, &runs[1].trigger), (&joined, &hook()));
    assert_eq!(runs[1].revision, Some(Revision("r2".into())));
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(house.store.ended().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_environment_backs_off_and_a_new_revision_starts_the_waits_anew() {
    let plot = Plot::new();
    plot.platforms[0].1.unreadable(Some(failure(Meaning::Unauthorized)));
    let house = plot.start();
    let runs = house.runs(5).await;
    assert_eq!(runs[4].trigger, Trigger::Retry);
    assert_eq!(runs[4].conclusion, Some(Conclusion::Failed));
    for (seconds, expected) in seconds_between(&runs).into_iter().zip([5.0, 10.0, 20.0, 40.0]) {
        let share = seconds as f64 / expected;
        assert!((0.55..=1.3).contains(&share), "{seconds} s instead of {expected} s");
    }
    let error = house.view().error.unwrap();
    assert!(error.contains("scripted: unauthorized"), "{error}");
    let before = house.store.ended().len();
    house.source.push("r2", &[("x", "blue")]);
    house.driver.trigger_source("config", &hook());
    let runs = house.runs(before + 2).await;
    let waits = seconds_between(&runs[before..]);
    assert!(waits[0] <= 7, "{waits:?}");
    house.platform.unreadable(None);
    house.runs(before + 3).await;
    tokio::time::sleep(20 * MINUTE).await;
    assert!(house.view().error.is_none());
    assert_eq!(house.view().last_run.unwrap().conclusion, Some(Conclusion::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_asks_starts_the_waits_anew() {
    let plot = Plot::new();
    plot.platforms[0].1.unreadable(Some(failure(Meaning::Unavailable)));
    let house = plot.start();
    house.runs(6).await;
    let asked = house.trigger(Trigger::Manual);
    let runs = house.runs(8).await;
    assert_eq!(runs[6].id, asked);
    assert!(seconds_between(&runs[6..])[0] <= 7);
}

#[tokio::test(start_paused = true)]
async fn two_environments_on_one_target_take_turns_and_others_run_side_by_side() {
    for (targets, apart) in [
        (["http://one", "http://one"], true),
        (["http://one", "http://two"], false),
    ] {
        let mut plot = Plot::new();
        plot.platforms = ["a", "b"]
            .into_iter()
            .zip(targets)
            .map(|(environment, target)| (environment, TestPlatform::named(target, environment, &plot.log)))
            .collect();
        for (_, platform) in &plot.platforms {
            platform.reading_takes(Duration::from_secs(10));
        }
        let house = plot.start();
        house.runs(2).await;
        let mut reads = house.log.take();
        reads.retain(|line| line.contains("observe"));
        let first = reads[0].clone();
        assert_eq!(reads[1] == format!("{first}d"), apart, "{reads:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_keeps_its_last_good_revision_and_says_since_when() {
    let mut plot = Plot::new();
    plot.drift_interval = 5 * MINUTE;
    let house = plot.start();
    house.runs(1).await;
    house.source.down(true);
    house.platform.by_hand(&key("item/b/x"), "black");
    let runs = house.runs(2).await;
    assert_eq!(
        (&runs[1].trigger, &runs[1].message),
        (&Trigger::Drift, &"1 updated, 3 in sync".to_owned())
    );
    let stale = |house: &House| house.overview().sources["config"].stale.clone();
    let (since, fault) = stale(&house).unwrap();
    assert_eq!(fault, "no route");
    tokio::time::sleep(3 * MINUTE).await;
    assert_eq!(stale(&house).unwrap().0, since);
    let source = house.overview().sources["config"].clone();
    assert_eq!(source.revision, Some(Revision("r1".into())));
    assert!(source.reached.unwrap() < since);
    assert!(
        house
            .metrics
            .encode()
            .contains(r#"driftless_source_fetch_total{outcome="failed",source="config"}"#)
    );
    house.source.down(false);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(stale(&house), None);
}

#[tokio::test(start_paused = true)]
async fn a_source_of_which_nothing_is_known_fails_the_run_and_asks_the_platform_nothing() {
    let plot = Plot::new();
    plot.source.down(true);
    let house = plot.start();
    let runs = house.runs(1).await;
    assert_eq!(runs[0].conclusion, Some(Conclusion::Failed));
    assert_eq!(runs[0].message, "the source `config` could not be read: no route");
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!((house.store.ended().len(), house.log.count("observe")), (1, 0));
    assert!(house.overview().sources["config"].tried);
    house.source.down(false);
    let runs = house.runs(2).await;
    assert_eq!(runs[1].trigger, Trigger::Revision);
    assert_eq!(runs[1].conclusion, Some(Conclusion::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn drift_that_is_only_reported_has_an_age_until_it_is_gone() {
    let mut plot = Plot::new();
    plot.drift = OnDrift::Report;
    plot.drift_interval = 5 * MINUTE;
    let house = plot.start();
    house.runs(1).await;
    house.platform.by_hand(&key("item/b/x"), "black");
    let runs = house.runs(2).await;
    assert_eq!(runs[1].message, "1 drifted, 2 in sync");
    let since = house.view().drift_since.unwrap();
    house.runs(3).await;
    let view = house.view();
    assert_eq!((view.drift_since, view.kinds[1].states.drift), (Some(since), 1));
    assert!(!view.plan.unwrap().reported[0].fields.is_empty());
    let age = |house: &House| {
        house
            .metrics
            .encode()
            .contains(r#"driftless_drift_age_seconds{environment="prod"} 0"#)
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!age(&house));
    house.platform.by_hand(&key("item/b/x"), "red");
    house.runs(4).await;
    assert_eq!(house.view().drift_since, None);
    assert!(age(&house));
}

#[tokio::test(start_paused = true)]
async fn a_drift_check_is_idle_when_it_finds_what_the_run_before_it_found() {
    let mut plot = Plot::new();
    plot.drift = OnDrift::Report;
    plot.drift_interval = 5 * MINUTE;
    let house = plot.start();
    house.runs(3).await;
    house.platform.by_hand(&key("item/b/x"), "black");
    house.runs(5).await;
    house.platform.by_hand(&key("item/b/x"), "white");
    house.runs(7).await;
    house.trigger(Trigger::Manual);
    let idle: Vec<bool> = house.runs(8).await.iter().take(8).map(|run| run.idle).collect();
    // First pass, two checks of nothing; drift and the same again; another drift and the same again; somebody asked.
    assert_eq!(idle, [false, true, true, false, true, false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_is_not_there_is_named() {
    let house = House::start();
    let error = house.driver.trigger(&name("nowhere"), Trigger::Manual).unwrap_err();
    assert_eq!(error.to_string(), "there is no environment `nowhere`");
}

#[tokio::test(start_paused = true)]
async fn what_a_window_keeps_back_is_written_when_it_opens_and_not_tried_before() {
    let mut plot = Plot::new();
    // The clock begins at 22:13:20, and the drift check is not due for an hour.
    plot.windows = Windows::new(vec![Window {
        rule: Rule::Deny,
        begins: CronSchedule::parse("0 22 * * *", "UTC").unwrap(),
        duration: 20 * MINUTE,
    }]);
    let house = plot.start();
    let runs = house.runs(1).await;
    assert_eq!(runs[0].conclusion, Some(Conclusion::Partial));
    assert_eq!(runs[0].message, "3 blocked");
    let plan = house.view().plan.unwrap();
    assert_eq!((plan.steps.len(), plan.held.len()), (0, 3));
    assert!(
        plan.blocked[0].message.ends_with("opens 2023-11-14 22:20 UTC"),
        "{:?}",
        plan.blocked
    );
    assert!(!house.log.take().iter().any(|line| line.starts_with("intend")));
    let counted = r#"driftless_guard_blocks_total{environment="prod",guard="outside_window"} 1"#;
    assert!(house.metrics.encode().contains(counted), "{}", house.metrics.encode());
    let runs = house.runs(2).await;
    assert_eq!(runs[1].trigger, Trigger::Retry);
    assert_eq!(runs[1].message, "3 created, 3 in sync");
    assert_eq!(runs[1].started.format("%H:%M:%S").to_string(), "22:20:00");
}

#[tokio::test(start_paused = true)]
async fn of_two_environments_that_declare_the_same_on_one_instance_the_first_alone_writes() {
    let mut plot = Plot::new();
    let shared = plot.platforms[0].1.clone();
    plot.platforms = vec![("first", shared.clone()), ("second", shared)];
    let house = plot.start();
    house.runs(2).await;
    let last = |environment: &str| {
        let mut runs = house.store.ended();
        runs.retain(|run| run.environment == name(environment));
        runs.pop().unwrap().message
    };
    assert_eq!(last("first"), "3 created, 3 in sync");
    house.platform.by_hand(&key("item/b/x"), "black");
    house.driver.trigger(&name("second"), Trigger::Manual).unwrap();
    house.runs(3).await;
    assert_eq!(last("second"), "3 in sync");
    house.driver.trigger(&name("first"), Trigger::Manual).unwrap();
    house.runs(4).await;
    assert_eq!(last("first"), "1 updated, 3 in sync");
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_was_renamed_deletes_nothing_and_begins_anew() {
    let plot = Plot::new();
    let (log, source, store) = (plot.log.clone(), plot.source.clone(), plot.store.clone());
    let platform = plot.platforms[0].1.clone();
    let house = plot.start();
    house.runs(1).await;
    house.driver.shutdown(MINUTE).await;
    // What the old name owned, nobody declares any more in part.
    source.push("r2", &[("x", "red")]);
    let renamed = Plot {
        platforms: vec![("production", platform)],
        log,
        source,
        store,
        ..Plot::new()
    };
    let house = renamed.start();
    house.runs(2).await;
    let view = house.overview().environments[&name("production")].clone();
    let states = view.kinds[1].states;
    assert_eq!((states.in_sync, states.unmanaged, states.orphaned), (1, 1, 0));
    assert!(view.plan.unwrap().steps.is_empty());
    assert!(house.platform.state().live.contains_key(&key("item/b/y")));
}
