//! What an outage of one target does to the loop.

use std::sync::Arc;
use std::time::Duration;

use driftless_core::report::{Conclusion, Meaning};
use tokio::time::Instant;

use super::testing::house::{House, MINUTE, Plot, name};
use super::testing::{TestPlatform, failure};
use crate::store::Trigger;

/// Two environments, each on a target of its own, looked at every minute.
fn two_targets() -> (Plot, Arc<TestPlatform>) {
    let mut plot = Plot::new();
    let other = TestPlatform::named("http://other", "other ", &plot.log);
    plot.platforms.push(("other", other.clone()));
    plot.drift_interval = MINUTE;
    for (_, platform) in &plot.platforms {
        platform.gated();
    }
    (plot, other)
}

async fn until(house: &House, wanted: impl Fn(&House) -> bool) {
    for _ in 0..18_000 {
        if wanted(house) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never: {:#?}", house.view());
}

async fn opened(house: &House) {
    house.platform.unreadable(Some(failure(Meaning::Unavailable)));
    until(house, |house| house.view().circuit.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_opens_the_breaker_of_its_target_and_hides_no_other() {
    let (plot, _other) = two_targets();
    let house = plot.start();
    house.runs(2).await;
    assert!(
        house
            .metrics
            .encode()
            .contains(r#"driftless_target_circuit_open{target="http://prod"} 0"#)
    );
    opened(&house).await;
    let circuit = house.view().circuit.unwrap();
    assert_eq!(circuit.failure, "scripted: unavailable");
    assert!(circuit.next > circuit.since);
    let text = house.metrics.encode();
    for line in [
        r#"driftless_target_circuit_open{target="http://prod"} 1"#,
        r#"driftless_target_circuit_open{target="http://other"} 0"#,
        r#"driftless_target_requests_per_second_limit{target="http://other"} 40"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }

    // A pass that is asked for now says so, and asks the instance nothing.
    house.log.take();
    let asked = house.trigger(Trigger::Manual);
    until(&house, |house| house.store.ended().iter().any(|run| run.id == asked)).await;
    let runs = house.store.ended();
    let run = runs.iter().find(|run| run.id == asked).unwrap();
    assert_eq!(run.conclusion, Some(Conclusion::Failed));
    assert!(
        run.message.contains("not sent: the circuit breaker of "),
        "{}",
        run.message
    );
    assert!(run.message.contains("scripted: unavailable"), "{}", run.message);
    assert_eq!(house.log.count("request"), 0, "{:?}", house.log.lines());

    // The other environment is read and in sync as ever.
    let before = house.log.count("other observed");
    tokio::time::sleep(5 * MINUTE).await;
    assert!(
        house.log.count("other observed") >= before + 4,
        "{:?}",
        house.log.lines()
    );
    let other = house.overview().environments[&name("other")].clone();
    assert!(other.circuit.is_none() && other.error.is_none());
    assert_eq!(other.last_run.unwrap().conclusion, Some(Conclusion::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_back_is_in_sync_within_a_minute_however_long_it_was_away() {
    let (plot, _other) = two_targets();
    let house = plot.start();
    house.runs(2).await;
    opened(&house).await;
    // By now a pass alone would wait for ten minutes.
    tokio::time::sleep(2 * 60 * MINUTE).await;
    let away = house.store.ended();
    let failed = away
        .iter()
        .filter(|run| run.conclusion == Some(Conclusion::Failed))
        .count();
    assert!(failed < 30, "{failed} runs in history for one outage");
    house.platform.unreadable(None);
    let back = Instant::now();
    until(&house, |house| {
        let view = house.view();
        view.circuit.is_none()
            && view
                .last_run
                .is_some_and(|run| run.conclusion == Some(Conclusion::Succeeded))
    })
    .await;
    assert!(
        back.elapsed() <= MINUTE + Duration::from_secs(2),
        "{:?}",
        back.elapsed()
    );
    assert!(
        house
            .metrics
            .encode()
            .contains(r#"driftless_target_circuit_open{target="http://prod"} 0"#)
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_twenty_seconds_ends_without_a_breaker() {
    let (plot, _other) = two_targets();
    let house = plot.start();
    house.runs(2).await;
    let runs = house.store.ended().len();
    house.platform.unreadable(Some(failure(Meaning::Unavailable)));
    house.trigger(Trigger::Manual);
    tokio::time::sleep(Duration::from_secs(20)).await;
    house.platform.unreadable(None);
    until(&house, |house| {
        house
            .view()
            .last_run
            .is_some_and(|run| run.conclusion == Some(Conclusion::Succeeded))
            && house.store.ended().len() > runs + 1
    })
    .await;
    assert!(house.view().circuit.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_probe() {
    let (plot, _other) = two_targets();
    let house = plot.start();
    house.runs(2).await;
    opened(&house).await;
    let stopped = house.driver.shutdown(Duration::from_secs(5)).await;
    assert_eq!(stopped, super::driver::Shutdown::Clean);
}
