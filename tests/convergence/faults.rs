//! What a network and a proxy do to requests in the middle of a pass: nothing is made twice, nothing is lost, and the report says
//! what happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use driftless::engine::reconcile::Environment;
use driftless::sandbox::qualytics::{Overlap, Switches, example_seed};
use driftless_core::report::Outcomes;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::instance::{Instance, differences, empty_like, sorted_lists, uids};
use crate::pipeline::{
    Files, Open, assert_converged, environment, exported, memory, pass, planned, platform, variables,
};

struct Work {
    seed: Value,
    files: BTreeMap<String, String>,
    expected: Value,
}

/// Something to make that takes more than forty writes, and what it comes to when nothing goes wrong.
async fn work() -> &'static Work {
    static WORK: OnceCell<Work> = OnceCell::const_new();
    let make = || async {
        let seed = example_seed(1, 3, 36);
        let full = Instance::start(seed.clone(), Switches::default()).await;
        let files = exported(&full).await;
        let (instance, environment) = start(&seed, &files).await;
        let report = pass(&environment).await;
        assert_eq!(report.tally().failed, 0);
        assert!(instance.writes().await.len() > 40);
        let expected = sorted_lists(instance.state().await);
        let seed = empty_like(&seed);
        Work { seed, files, expected }
    };
    WORK.get_or_init(make).await
}

/// An empty instance that would accept a check twice, and an environment that makes it what the files say.
async fn start(seed: &Value, files: &BTreeMap<String, String>) -> (Instance, Environment) {
    let switches = Switches {
        duplicate_checks: Overlap::Accept,
        ..Switches::default()
    };
    let instance = Instance::start(empty_like(seed), switches).await;
    let bare = environment(
        &instance,
        &Files::new(files.clone()),
        variables(files),
        Some(memory().await),
    );
    let environment = Environment {
        platform: platform(&instance, Arc::new(Open), Duration::from_millis(400)),
        ..bare
    };
    (instance, environment)
}

/// The faults, as rules without their place.
fn kinds() -> Vec<Value> {
    vec![
        json!({ "kind": "reset_before" }),
        json!({ "kind": "reset_after" }),
        json!({ "kind": "status", "status": 500 }),
        json!({ "kind": "status", "status": 500, "after": true }),
        json!({ "kind": "status", "status": 502, "after": true }),
        json!({ "kind": "status", "status": 503, "retry_after": 1 }),
        json!({ "kind": "status", "status": 429, "retry_after": 1 }),
        json!({ "kind": "timeout", "delay_ms": 3000 }),
        json!({ "kind": "timeout_after", "delay_ms": 3000 }),
        json!({ "kind": "truncate" }),
        json!({ "kind": "html", "status": 200 }),
        json!({ "kind": "html", "status": 502, "after": true }),
        json!({ "kind": "invalid_json" }),
    ]
}

fn at(kind: &Value, place: Value) -> Value {
    let mut rule = kind.clone();
    for (key, value) in place.as_object().unwrap() {
        rule[key] = value.clone();
    }
    rule
}

async fn assert_all_there_once(instance: &Instance, environment: &Environment, what: &str) {
    let state = sorted_lists(instance.state().await);
    let twice: Vec<_> = uids(&state).into_iter().filter(|(_, count)| *count > 1).collect();
    assert_eq!(twice, [], "{what}");
    assert_eq!(differences(&state, &work().await.expected), [] as [String; 0], "{what}");
    assert_converged(instance, environment).await;
    let deletions = instance.writes().await.into_iter().filter(|write| write.0 == "DELETE");
    assert_eq!(deletions.count(), 0, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_one_write_is_overcome_within_the_pass() {
    let Work { seed, files, .. } = work().await;
    for kind in kinds() {
        for nth in [1, 8, 40] {
            let what = format!("{kind} at write {nth}");
            let (instance, environment) = start(seed, files).await;
            let rule = at(&kind, json!({ "method": "POST", "nth": nth }));
            // What is asked for before the writes begin is no write.
            let prepared = planned(&environment).await;
            instance.door("PUT", "faults", json!([rule])).await;
            let report = crate::pipeline::carried_out(&environment, prepared).await;
            instance.door("DELETE", "faults", Value::Null).await;
            let failed: Vec<_> = report
                .outcomes
                .iter()
                .filter(|outcome| !matches!(outcome.result, Outcomes::Applied { .. }))
                .collect();
            assert!(failed.is_empty(), "{what}: {failed:#?}");
            assert_all_there_once(&instance, &environment, &what).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_the_middle_is_reported_and_the_next_pass_finishes() {
    let Work { seed, files, .. } = work().await;
    for kind in kinds() {
        let what = format!("{kind} from write 12 on");
        let (instance, environment) = start(seed, files).await;
        let prepared = planned(&environment).await;
        // Reads that look up what became of a write fail as well.
        let writes = at(&kind, json!({ "method": "POST", "from": 12 }));
        let reads = at(
            &json!({ "kind": "status", "status": 502 }),
            json!({ "method": "GET", "from": 3 }),
        );
        instance.door("PUT", "faults", json!([writes, reads])).await;
        let report = crate::pipeline::carried_out(&environment, prepared).await;
        instance.door("DELETE", "faults", Value::Null).await;
        let tally = report.tally();
        assert!(tally.failed > 0, "{what}: {tally:?}");
        for outcome in &report.outcomes {
            if let Outcomes::Failed(failure) = &outcome.result {
                assert!(failure.meaning.is_transient(), "{what}: {failure:?}");
                assert!(failure.message.len() > 20, "{what}: {failure:?}");
                assert!(!failure.message.contains("_password"), "{what}: {failure:?}");
            }
        }
        let next = pass(&environment).await;
        assert_eq!(
            (next.tally().failed, next.tally().skipped),
            (0, 0),
            "{what}: {:#?}",
            next.outcomes
        );
        assert_all_there_once(&instance, &environment, &what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_breaks_off_is_never_taken_for_an_absence() {
    let Work { seed, files, .. } = work().await;
    let (instance, environment) = start(seed, files).await;
    let _ = pass(&environment).await;
    let mut broken = kinds();
    broken.retain(|kind| kind.get("after").is_none());
    broken.extend([json!({ "kind": "wrong_total" }), json!({ "kind": "empty_page" })]);
    for kind in broken {
        for route in ["/connections", "/datastores", "/containers", "/quality-checks"] {
            if route == "/containers" && ["wrong_total", "empty_page"].contains(&kind["kind"].as_str().unwrap()) {
                continue; // Containers have no pages.
            }
            let what = format!("{kind} at every GET {route}");
            let rule = at(&kind, json!({ "method": "GET", "path_prefix": route }));
            instance.door("PUT", "faults", json!([rule])).await;
            instance.forget().await;
            let read = driftless::engine::reconcile::prepare(
                &environment,
                None,
                &driftless_core::guard::Circumstances::default(),
                &driftless::engine::apply::Unfollowed,
            )
            .await;
            let said = match read {
                Ok(prepared) => {
                    assert!(prepared.plan.is_empty(), "{what}: {:#?}", prepared.plan.steps[0].change);
                    assert!(prepared.plan.gone.is_empty(), "{what}");
                    let faults = prepared.faults();
                    let report = crate::pipeline::carried_out(&environment, prepared).await;
                    faults > 0 && report.plan.is_empty()
                }
                Err(error) => error.to_string().len() > 20,
            };
            assert!(said, "{what}: nothing is said of it");
            assert_eq!(instance.writes().await, [], "{what}");
        }
    }
    instance.door("DELETE", "faults", Value::Null).await;
    assert_all_there_once(&instance, &environment, "after all of it").await;
}
