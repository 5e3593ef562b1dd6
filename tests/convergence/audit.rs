//! The audit and the instance agree: every write that took effect has one record that says so, whatever the network did.

use std::ops::ControlFlow;
use std::sync::Arc;

use driftless::engine::reconcile::{Environment, Memory};
use driftless::sandbox::qualytics::{Switches, example_seed};
use driftless::store::audit::{Record, Verifier};
use driftless::store::sqlite::{Limits, Reading, SqliteStore};
use driftless_core::key::EnvironmentName;
use serde_json::{Value, json};

use crate::instance::{Instance, empty_like};
use crate::pipeline::{Files, environment, exported, pass, variables};

/// The audit of a store, one whole chain.
async fn records(url: &str) -> Vec<Record> {
    let (mut records, mut verifier) = (Vec::new(), Verifier::new(None, None));
    let reading = Reading::open(url).await.unwrap();
    reading
        .audit(|record| {
            verifier.add(&record).unwrap();
            records.push(record);
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    records
}

/// The numbers of the records of a write with that result.
fn numbers(records: &[Record], key: &str, action: &str, result: &str) -> Vec<u64> {
    let is_it = |record: &&Record| {
        let note = &record.note;
        note.key == key && note.action == action && note.result == result
    };
    records.iter().filter(is_it).map(|record| record.sequence).collect()
}

/// Writes that took effect, and operations that were started.
async fn effective(instance: &Instance) -> usize {
    // The one step of two requests: a computed container is made, and then gets what its creation does not take.
    let is_second = |method: &str, path: &str| method == "PATCH" && path == "/api/containers";
    let writes = instance.writes().await;
    // 0 is of an answer that was cut off after the work was done: the only fault here that cuts one off.
    let took = |status: u64| status == 0 || (200..300).contains(&status);
    let effective = writes
        .iter()
        .filter(|(method, path, status)| took(*status) && !is_second(method, path));
    effective.count() + instance.operations().await
}

async fn start(url: &str) -> (Instance, Environment) {
    let seed = example_seed(1, 3, 36);
    let full = Instance::start(seed.clone(), Switches::default()).await;
    let files = exported(&full).await;
    let instance = Instance::start(empty_like(&seed), Switches::default()).await;
    let store = SqliteStore::open(url, Limits::default()).await.unwrap();
    let memory = Memory {
        store: Arc::new(store),
        name: EnvironmentName("test".to_owned()),
    };
    let environment = environment(&instance, &Files::new(files.clone()), variables(&files), Some(memory));
    (instance, environment)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_that_took_effect_has_exactly_one_record_that_says_so() {
    let lossy = json!([
        { "method": "POST", "path_prefix": "/quality-checks", "nth": 7, "kind": "reset_after" },
        { "method": "POST", "path_prefix": "/quality-checks", "nth": 20, "kind": "status", "status": 502 },
    ]);
    for faults in [json!([]), lossy] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("state.db").display());
        let (instance, environment) = start(&url).await;
        instance.forget().await;
        instance.door("PUT", "faults", faults.clone()).await;
        let report = pass(&environment).await;
        instance.door("DELETE", "faults", Value::Null).await;
        assert_eq!(report.tally().failed, 0, "{faults}");
        let records = records(&url).await;
        let applied = records.iter().filter(|record| record.note.result == "applied").count();
        assert_eq!(applied, effective(&instance).await, "{faults}");
        assert_eq!(applied, report.outcomes.len(), "{faults}");
        for outcome in &report.outcomes {
            let of = |result| numbers(&records, &outcome.key.to_string(), outcome.action.word(), result);
            let (before, after) = (of("intended"), of("applied"));
            assert!(
                before.len() == after.len() && before[0] < after[0],
                "{faults}: {}",
                outcome.key
            );
        }
        // A pass that writes nothing says nothing.
        let _ = pass(&environment).await;
        assert_eq!(self::records(&url).await.len(), records.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_once_the_store_is_found_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let (instance, environment) = start(&format!("sqlite://{}", path.display())).await;
    // While it is open: its pages, and the journal in which they may still be.
    let rubbish = vec![0xA5; 64 * 1024];
    for name in ["state.db", "state.db-wal"] {
        std::fs::write(folder.path().join(name), &rubbish).unwrap();
    }
    instance.forget().await;
    let read = driftless::engine::reconcile::prepare(
        &environment,
        None,
        &driftless_core::guard::Circumstances::default(),
        &driftless::engine::apply::Unfollowed,
    )
    .await;
    match read {
        Err(error) => assert!(error.to_string().contains("driftless store rebuild"), "{error}"),
        Ok(prepared) => {
            let report = crate::pipeline::carried_out(&environment, prepared).await;
            assert!(
                report.tally().failed > 0 && report.tally().created == 0,
                "{:?}",
                report.outcomes
            );
        }
    }
    assert_eq!(instance.writes().await, []);
}
