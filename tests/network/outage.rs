//! An outage of one instance, with the daemon's own loop over two.

use std::sync::Arc;
use std::time::Duration;

use driftless::clock::SystemClock;
use driftless::engine::backoff::Backoff;
use driftless::engine::driver::{Driver, EnvironmentSetup, Setup, SourceSetup};
use driftless::engine::metrics::Metrics;
use driftless::engine::pace::{Limiter, LimiterOptions, Pace, Trip};
use driftless::engine::reconcile::Environment;
use driftless::engine::schedule::Schedule;
use driftless::engine::{Control as _, EnvironmentView, Overview};
use driftless::sandbox::qualytics::{Switches, example_seed};
use driftless_core::key::EnvironmentName;
use driftless_core::report::Conclusion;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::instance::Instance;
use crate::pipeline::{self, Files, environment, exported, memory, platform, variables};

const PATIENCE: Duration = Duration::from_secs(60);

async fn until(overview: &mut watch::Receiver<Arc<Overview>>, name: &str, wanted: impl Fn(&EnvironmentView) -> bool) {
    let name = EnvironmentName(name.to_owned());
    let seen = overview.wait_for(|overview| wanted(&overview.environments[&name]));
    drop(
        tokio::time::timeout(PATIENCE, seen)
            .await
            .expect("it comes about")
            .unwrap(),
    );
}

fn is_in_sync(view: &EnvironmentView) -> bool {
    view.circuit.is_none()
        && view
            .last_run
            .as_ref()
            .is_some_and(|run| run.conclusion == Some(Conclusion::Succeeded))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_away_is_left_alone_until_it_is_back_and_the_other_stays_in_sync() {
    let a_moment = |millis| Backoff {
        first: Duration::from_millis(millis),
        longest: Duration::from_millis(millis * 2),
    };
    let (away, there) = (
        Instance::start(example_seed(1, 2, 5), Switches::default()).await,
        Instance::start(example_seed(1, 2, 5), Switches::default()).await,
    );
    let files = exported(&there).await;
    let source = Files::new(files.clone());
    let clock = Arc::new(SystemClock);
    let metrics = Metrics::new("0", clock.clone()).unwrap();
    let setups = [("away", &away), ("there", &there)].map(|(name, instance)| {
        let limiter = Limiter::of(LimiterOptions {
            name: name.to_owned(),
            per_second: 400.0,
            trip: Trip {
                failures: 3,
                lasting: Duration::from_millis(100),
                wait: a_moment(100),
            },
            ..LimiterOptions::default()
        });
        let environment_name = EnvironmentName(name.to_owned());
        let gate = Pace::counted(limiter.clone(), metrics.clone(), environment_name.clone());
        EnvironmentSetup {
            name: environment_name,
            environment: Environment {
                platform: platform(instance, Arc::new(gate), Duration::from_secs(10)),
                ..environment(instance, &source, variables(&files), None)
            },
            target: name.to_owned(),
            url: instance.sandbox.url(),
            drift_interval: Duration::from_millis(200),
            limiter,
        }
    });
    let driver = Driver::start(
        Setup {
            sources: vec![SourceSetup {
                source,
                url: "memory".to_owned(),
                reference: driftless::source::reference::Reference::Branch("main".to_owned()),
                schedule: Schedule::Every(Duration::from_secs(3600)),
            }],
            environments: setups.into(),
            store: memory().await.store,
            clock,
            metrics: metrics.clone(),
            limits: pipeline::limits(),
            retry: a_moment(50),
        },
        CancellationToken::new(),
    )
    .unwrap();
    let mut overview = driver.overview();
    until(&mut overview, "away", is_in_sync).await;
    until(&mut overview, "there", is_in_sync).await;

    away.door("PUT", "faults", json!([{ "kind": "status", "status": 503 }]))
        .await;
    until(&mut overview, "away", |view| {
        view.circuit.is_some() && view.error.is_some()
    })
    .await;
    assert!(
        metrics
            .encode()
            .contains(r#"driftless_target_circuit_open{target="away"} 1"#)
    );
    let name = EnvironmentName("away".to_owned());
    let failure = overview.borrow().environments[&name].circuit.clone().unwrap().failure;
    assert!(failure.contains("503"), "{failure}");
    // What a pass would ask in the meantime is not asked; the other instance is read as ever.
    let name = EnvironmentName("there".to_owned());
    for _ in 0..3 {
        let last = overview.borrow_and_update().environments[&name].last_success;
        until(&mut overview, "there", |view| {
            view.last_success > last && is_in_sync(view)
        })
        .await;
    }

    away.door("DELETE", "faults", Value::Null).await;
    until(&mut overview, "away", is_in_sync).await;
    assert!(
        metrics
            .encode()
            .contains(r#"driftless_target_circuit_open{target="away"} 0"#)
    );
    driver.shutdown(Duration::from_secs(5)).await;
}
