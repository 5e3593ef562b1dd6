//! Provisioning, request by request: what is made of answers that go wrong, and who is told of them.

use driftless::platform::{Found, Ids, Platform as _, Progress};
use driftless::sandbox::datafold::Switches;
use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::Step;
use driftless_core::report::Meaning;
use driftless_core::snapshot::Scope;
use serde_json::{Value as Json, json};

use crate::loopback::{Answer, Server, TOKEN};
use crate::rig::{Rig, metric, monitor};
use crate::{datafold, server, steps};

const JOBS: &str = "POST /api/internal/monitors/provision/jobs";
const JOB: &str = "GET /api/internal/monitors/provision/jobs/5";

/// The steps that make two monitors, and what they know.
async fn two() -> (Step, Step, Ids) {
    let mut rig = Rig::new(Switches::default()).await;
    rig.monitor("orders", &metric("Orders"));
    rig.monitor("items", &metric("Items"));
    let ids = Ids::default();
    ids.put(
        Key::new(driftless::platform::datafold::kinds::DATA_SOURCE, ["warehouse"]),
        RemoteId(7),
    );
    let step = |slug: &str| steps::create(&rig.documents[&monitor(slug)]);
    (step("orders"), step("items"), ids)
}

fn made(slug: &str, id: i64) -> String {
    json!({"id": 5, "status": "done", "result": {"created_monitors": [{"slug": slug, "id": id}]}}).to_string()
}

fn writes(server: &Server) -> usize {
    let asked = server.asked();
    asked
        .iter()
        .filter(|asked| asked.line == JOBS && asked.body["dry_run"] == false)
        .count()
}

#[tokio::test]
async fn a_job_that_ends_without_a_result_that_can_be_read_is_told_by_a_dry_run() {
    for result in [
        json!(null),
        json!({}),
        json!("ok"),
        json!([]),
        json!({"created": ["orders"]}),
        json!({"created_monitors": {"count": 1}}),
    ] {
        let server = server().await;
        server
            .gives(JOBS, &json!({"id": 5, "status": "done", "result": result}).to_string())
            .gives(
                JOBS,
                r#"{"id":6,"status":"done","result":{"created_monitors":["orders"]}}"#,
            );
        let (step, _, ids) = two().await;
        let refused = steps::done(&datafold(&server, 0), &step, &ids).await.unwrap_err();
        assert!(
            refused.message.contains("provisioning did not write it"),
            "{result}: {}",
            refused.message
        );
    }
}

#[tokio::test]
async fn what_a_provisioning_says_is_shown_without_secrets() {
    let says = format!("no login with {TOKEN}");
    let named =
        json!({"status": "done", "result": {"created_monitors": [], "errors": [{"slug": "orders", "message": says}]}});
    let bare = json!({"status": "done", "result": {"created_monitors": [], "errors": [format!("orders: {says}")]}});
    let text = json!({"status": "failed", "error": says});
    let object = json!({"status": "failed", "error": {"message": says}});
    for said in [named, bare, text, object] {
        let server = server().await;
        server.gives(JOBS, r#"{"id":5,"status":"queued"}"#).gives(
            JOBS,
            r#"{"id":6,"status":"done","result":{"created_monitors":["orders"]}}"#,
        );
        server.gives(JOB, &said.to_string());
        let (step, _, ids) = two().await;
        let refused = steps::done(&datafold(&server, 0), &step, &ids).await.unwrap_err();
        assert!(
            refused.message.contains("no login with (secret)") && !refused.message.contains(TOKEN),
            "{said}: {}",
            refused.message
        );
    }
}

#[tokio::test]
async fn a_dry_run_that_meets_a_failure_is_tried_again_since_it_writes_nothing() {
    let there = r#"{"id":6,"status":"done","result":{"unchanged_monitors":[{"slug":"orders","id":4}]}}"#;
    for failures in [vec![429], vec![502], vec![503, 503], vec![502, 409]] {
        let server = server().await;
        for status in &failures {
            server.on(JOBS, Answer::json(*status, r#"{"detail":"no"}"#));
        }
        server.gives(JOBS, there);
        let (step, _, ids) = two().await;
        let found = datafold(&server, 2).find(&step, &ids).await;
        assert_eq!(found, Ok(Found::Done(RemoteId(4))), "{failures:?}");
        assert_eq!(server.lines().len(), failures.len() + 1);
    }
    // What somebody else has under way is not tried again here, and patience ends.
    for (status, asked) in [(409, 1), (503, 3)] {
        let server = server().await;
        server.on(JOBS, Answer::json(status, r#"{"detail":"no"}"#));
        let (step, _, ids) = two().await;
        let refused = datafold(&server, 2).find(&step, &ids).await.unwrap_err();
        assert_eq!(refused.meaning, Meaning::Unavailable);
        assert_eq!(server.lines().len(), asked);
    }
}

/// Two monitors: a job of the first runs, and the second waits for its end, by which a start of its own is answered so.
async fn waiting(
    server: &Server,
    start: Answer,
) -> (driftless::platform::datafold::Datafold, driftless::platform::Job, Ids) {
    server
        .gives(JOBS, r#"{"id":5,"status":"queued"}"#)
        .on(JOBS, start)
        .gives(JOBS, &made("items", 8))
        .gives(JOB, r#"{"id":5,"status":"processing"}"#)
        .gives(JOB, &made("orders", 4));
    let (first, second, ids) = two().await;
    let datafold = datafold(server, 0);
    let Progress::Running(_) = datafold.execute(&first, &ids).await.unwrap() else {
        panic!("it is queued");
    };
    let Progress::Running(job) = datafold.execute(&second, &ids).await.unwrap() else {
        panic!("it waits");
    };
    (datafold, job, ids)
}

#[tokio::test]
async fn what_waits_for_its_turn_and_was_not_taken_waits_on_and_is_sent_again() {
    let server = server().await;
    let limited = Answer::json(429, r#"{"detail":"slower"}"#);
    let (datafold, job, ids) = waiting(&server, limited).await;
    let refused = datafold.poll(&job, &ids).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::RateLimited);
    let progress = datafold.poll(&job, &ids).await.unwrap();
    let Progress::Done(done) = progress else {
        panic!("{progress:?}");
    };
    assert_eq!(done.remote, Some(RemoteId(8)));
    assert_eq!(writes(&server), 3);
}

#[tokio::test]
async fn what_may_have_taken_effect_is_told_alike_to_whoever_asks_again_and_is_not_sent_again() {
    let server = server().await;
    let (datafold, job, ids) = waiting(&server, Answer::json(502, r#"{"detail":"gone"}"#)).await;
    let lost = datafold.poll(&job, &ids).await.unwrap_err();
    assert_eq!(lost.meaning, Meaning::Lost);
    assert_eq!(datafold.poll(&job, &ids).await.unwrap_err(), lost);
    assert_eq!(writes(&server), 2);
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_any_more_and_that_never_ends_keeps_no_later_pass_from_writing() {
    let server = server().await;
    server
        .gives(JOBS, r#"{"id":5,"status":"queued"}"#)
        .on(JOBS, Answer::json(409, r#"{"detail":"one is under way"}"#))
        .gives(JOBS, &made("items", 8))
        .gives(JOB, r#"{"id":5,"status":"processing"}"#)
        .gives("GET /api/v1/data_sources", "[]")
        .gives(
            "GET /api/v1/monitors?order_by=id&sort_order=desc&page=1&page_size=100",
            r#"{"count":0,"page":1,"page_size":100,"total_pages":0,"monitors":[]}"#,
        );
    let (first, second, ids) = two().await;
    let datafold = datafold(&server, 0);
    let begun = datafold.execute(&first, &ids).await.unwrap();
    assert!(matches!(begun, Progress::Running(_)), "{begun:?}");
    let desired = Rig::new(Switches::default()).await.desired();
    datafold.observe(&desired, &Scope::default()).await.unwrap();
    let done = steps::done(&datafold, &second, &ids).await.unwrap();
    assert_eq!(done.remote, Some(RemoteId(8)));
    let sent: Vec<Json> = server
        .asked()
        .into_iter()
        .filter(|asked| asked.line == JOBS)
        .map(|asked| asked.body)
        .collect();
    assert_eq!(sent.len(), 3);
    assert!(sent[2]["config"]["monitors"].get("orders").is_none(), "{sent:?}");
}
