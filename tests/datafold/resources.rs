//! Data sources and CI configurations: what the API cannot change is looked at, and never taken for done.

use driftless::platform::datafold::kinds::{CI_CONFIG, DATA_SOURCE, MONITOR};
use driftless::platform::{Found, Ids, Platform as _};
use driftless::sandbox::datafold::{Duplicates, FailedTest, Pace, Switches};
use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::{Action, Removal};
use driftless_core::report::Meaning;
use driftless_core::snapshot::{GapReason, Scope};
use driftless_core::value::Value;
use serde_json::{Value as Json, json};

use crate::loopback::{Answer, Server};
use crate::rig::{Rig, metric, monitor};
use crate::{datafold, of_organization, server, steps};

fn source() -> Json {
    json!({"type": "pg", "options": {"host": "db.example", "dbname": "shop", "user": "reader", "password": "swordfish"}})
}

fn named(name: &str) -> Key {
    Key::new(DATA_SOURCE, [name])
}

#[tokio::test]
async fn organizations_at_one_address_are_targets_of_their_own_and_a_key_of_another_one_reads_nothing() {
    let server = server().await;
    server.gives(
        "GET /api/v1/organization/meta",
        r#"{"org_id": 12, "org_name": "Acme", "user_id": 7}"#,
    );
    let (any, own, other) = (
        datafold(&server, 1),
        of_organization(&server, 1, Some(12)),
        of_organization(&server, 1, Some(13)),
    );
    let targets = [&any, &own, &other].map(|platform| platform.target().clone());
    assert_eq!(
        targets.iter().collect::<std::collections::BTreeSet<_>>().len(),
        3,
        "{targets:?}"
    );
    any.reach().await.unwrap();
    own.reach().await.unwrap();
    let desired = Rig::new(Switches::default()).await.desired();
    let refused = other.observe(&desired, &Scope::default()).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Forbidden);
    assert!(
        refused.message.contains("organization 12") && refused.message.contains("says 13"),
        "{refused:?}"
    );
    assert!(
        server.lines().iter().all(|line| line.contains("organization/meta")),
        "{:?}",
        server.lines()
    );
}

#[tokio::test]
async fn a_data_source_is_made_and_tested_before_the_monitors_on_it() {
    for tests in [Pace::Instant, Pace::Polls(3)] {
        let mut rig = Rig::new(Switches {
            tests,
            ..Switches::default()
        })
        .await;
        rig.declare(DATA_SOURCE, "lake", &source());
        let mut on_it = metric("Lake");
        on_it["connection_id"] = json!("lake");
        rig.monitor("lake", &on_it);
        let passed = rig.clean().await;
        assert_eq!(passed.changes(), ["data_source/lake create", "monitor/lake create"]);
        let id = rig.ledger.entries[&named("lake")].remote.unwrap();
        let live = rig.call("GET", "/api/v1/monitors/1", Json::Null).await;
        assert_eq!(live["dataset"][0]["connection_id"], id.0);
        let log = rig.side("GET", "requests", Json::Null).await.to_string();
        assert!(log.contains(&format!("data_sources/{id}/test")), "{log}");
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn a_data_source_that_was_renamed_by_hand_differs_by_its_name_and_is_made_no_second_time() {
    let mut rig = Rig::new(Switches::default()).await;
    rig.declare(DATA_SOURCE, "lake", &source());
    let mut on_it = metric("Lake");
    on_it["connection_id"] = json!("lake");
    rig.monitor("lake", &on_it);
    rig.clean().await;
    let id = rig.ledger.entries[&named("lake")].remote;
    let rename = |from: &str, to: &str| json!({"kind": "data_source", "where": {"name": from}, "set": {"name": to}});
    rig.side("POST", "edit", rename("lake", "pond")).await;
    let passed = rig.pass().await;
    assert_eq!(passed.changes(), [] as [String; 0]);
    let fields: Vec<String> = passed
        .plan
        .held
        .iter()
        .flat_map(|change| {
            change
                .fields
                .iter()
                .map(|field| format!("{} {}", change.key, field.path))
        })
        .collect();
    assert_eq!(fields, ["data_source/lake name"], "{:#?}", passed.plan);
    assert!(
        passed
            .plan
            .blocked
            .iter()
            .any(|it| it.message.contains("/settings/integrations")),
        "{:#?}",
        passed.plan.blocked
    );
    let sources = rig.call("GET", "/api/v1/data_sources", Json::Null).await;
    assert_eq!(sources.as_array().unwrap().len(), 2, "{sources}");
    assert_eq!(rig.ledger.entries[&named("lake")].remote, id);
    rig.side("POST", "edit", rename("pond", "lake")).await;
    rig.assert_converged().await;
    // A document of its new name takes it over, as it does what a person has made.
    rig.side("POST", "edit", rename("lake", "pond")).await;
    rig.documents.remove(&named("lake"));
    rig.documents.remove(&monitor("lake"));
    rig.declare(DATA_SOURCE, "pond", &source());
    let passed = rig.pass().await;
    assert!(
        !passed.changes().iter().any(|line| line.contains("create")),
        "{:?}",
        passed.changes()
    );
    let sources = rig.call("GET", "/api/v1/data_sources", Json::Null).await;
    assert_eq!(sources.as_array().unwrap().len(), 2, "{sources}");
}

#[tokio::test]
async fn the_test_of_a_new_data_source_that_fails_says_which_step_and_no_secret() {
    let script = |status: &str, results: Json| (status.to_owned(), results);
    let bad = json!({"code": "ERROR", "message": "password swordfish refused for swordfish", "outcome": null});
    let steps_of = |result: Json| {
        json!([
            {"step": "connection", "status": "done", "result": {"code": "ok", "message": "fine"}},
            {"step": "temp_schema", "status": "done", "result": result},
            {"step": "lineage_download", "status": "done", "result": null}
        ])
    };
    for (status, results) in [script("done", steps_of(bad.clone())), script("failed", steps_of(bad))] {
        let server = server().await;
        server
            .gives("POST /api/v1/data_sources", r#"{"id":31,"name":"lake","type":"pg"}"#)
            .gives("POST /api/v1/data_sources/31/test", r#"{"job_id":5}"#)
            .on(
                "GET /api/v1/data_sources/test/5",
                Answer::json(200, r#"{"id":5,"status":"processing","results":[]}"#),
            )
            .on(
                "GET /api/v1/data_sources/test/5",
                Answer::json(200, &json!({"id": 5, "status": status, "results": results}).to_string()),
            );
        let step = lake();
        let ids = Ids::default();
        let refused = steps::done(&datafold(&server, 0), &step, &ids).await.unwrap_err();
        assert!(
            refused.message.contains("temp_schema: password (secret) refused"),
            "{}",
            refused.message
        );
        assert!(
            !refused.message.contains("swordfish") && refused.message.contains("number 31"),
            "{}",
            refused.message
        );
        assert_eq!(ids.get(&named("lake")), Some(RemoteId(31)), "it is there all the same");
        let asked = server.asked();
        assert_eq!(asked[0].body["options"]["password"], "swordfish");
        assert_eq!(asked[1].body, json!({}));
    }
}

fn lake() -> driftless_core::plan::Step {
    let mut write = driftless::codec::map_from_json(source().as_object().unwrap());
    write.insert("name".to_owned(), Value::from("lake"));
    let password = driftless_core::value::Secret::new("swordfish");
    driftless_core::field::FieldPath::dotted("options.password").set(&mut write, Value::Secret(password));
    steps::write(Action::Create, named("lake"), write)
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_found_by_name_and_type() {
    let live = json!({"id": 31, "name": "lake", "type": "pg", "options": {"host": "db.example", "dbname": "shop", "user": "reader"}});
    let mut other = live.clone();
    other["options"]["host"] = json!("elsewhere.example");
    let mut sort = live.clone();
    sort["type"] = json!("mysql");
    for (sources, expected) in [
        (json!([]), Ok(Found::Absent)),
        // Its test, and what is not as it was sent, is left to do.
        (json!([live]), Ok(Found::Partly(RemoteId(31)))),
        (json!([other]), Ok(Found::Partly(RemoteId(31)))),
        (json!([sort]), Err(Meaning::Conflict)),
        (json!([live, other]), Err(Meaning::Conflict)),
    ] {
        let server = server().await;
        server.gives("GET /api/v1/data_sources", &sources.to_string());
        let found = datafold(&server, 0).find(&lake(), &Ids::default()).await;
        assert_eq!(found.map_err(|failure| failure.meaning), expected, "{sources}");
        assert_eq!(server.lines(), ["GET /api/v1/data_sources"]);
    }
}

#[tokio::test]
async fn a_name_that_several_data_sources_have_and_one_that_is_closed_hide_what_needs_them() {
    let mut rig = Rig::new(Switches {
        duplicate_data_sources: Duplicates::Accept,
        failed_test: FailedTest::Done,
        ..Switches::default()
    })
    .await;
    let more = json!({"data_sources": [
        {"id": 8, "name": "warehouse", "type": "pg", "options": {"host": "h", "dbname": "d", "user": "u", "password": "x"}},
        {"id": 9, "name": "closed", "type": "duckdb", "accessible": false},
        {"id": 10, "name": "elsewhere", "type": "duckdb", "accessible": false}]});
    rig.side("POST", "seed?add=1", more).await;
    rig.monitor("orders", &metric("Orders"));
    rig.declare(DATA_SOURCE, "closed", &json!({"type": "duckdb"}));
    let passed = rig.pass().await;
    assert_eq!(passed.changes(), [] as [String; 0]);
    let gaps: Vec<_> = passed
        .live
        .gaps
        .iter()
        .map(|gap| (gap.below.clone(), gap.reason))
        .collect();
    assert_eq!(
        gaps,
        [
            (Some(named("closed")), GapReason::NotVisible),
            (Some(named("warehouse")), GapReason::Unread)
        ]
    );
    assert!(
        passed.live.gaps[1].message.contains("numbers 7, 8"),
        "{}",
        passed.live.gaps[1].message
    );
    assert!(rig.ledger.entries.is_empty());
}

#[tokio::test]
async fn a_data_source_that_a_person_must_change_is_done_when_it_is_as_git_says() {
    let server = server().await;
    server.gives(
        "GET /api/v1/data_sources/31",
        r#"{"id":31,"name":"lake","type":"pg","options":{"host":"old.example"},"is_paused":true}"#,
    );
    let datafold = datafold(&server, 0);
    let update = |json: Json| {
        let changed = driftless::codec::map_from_json(json.as_object().unwrap());
        let mut step = steps::write(Action::Update, named("lake"), changed);
        step.remote = Some(RemoteId(31));
        step
    };
    let ids = Ids::default();
    ids.put(named("lake"), RemoteId(31));
    let open = datafold
        .execute(&update(json!({"is_paused": false})), &ids)
        .await
        .unwrap_err();
    assert!(
        open.message.contains("`is_paused`") && open.message.contains("/settings/integrations"),
        "{}",
        open.message
    );
    assert!(
        datafold
            .execute(&update(json!({"is_paused": true})), &ids)
            .await
            .is_ok()
    );
    let mut gone = update(json!({}));
    gone.change.action = Action::Delete(Removal::Erase);
    let there = datafold.execute(&gone, &ids).await.unwrap_err();
    assert!(there.message.contains("still there"), "{}", there.message);
    assert!(server.lines().iter().all(|line| line.starts_with("GET ")));
}

const RUNS: &str = "GET /api/v1/ci/286/runs?limit=1";

async fn ci_server(answer: Answer) -> Server {
    let server = server().await;
    server
        .gives("GET /api/v1/data_sources", "[]")
        .gives(
            "GET /api/v1/monitors?order_by=id&sort_order=desc&page=1&page_size=100",
            r#"{"count":0,"page":1,"page_size":100,"total_pages":0,"monitors":[]}"#,
        )
        .on(RUNS, answer);
    server
}

#[tokio::test]
async fn of_a_ci_configuration_it_is_known_whether_it_is_there_and_the_rest_is_what_was_agreed() {
    let mut rig = Rig::new(Switches::default()).await;
    rig.declare(CI_CONFIG, "shop", &json!({"ci_config_id": 286, "repository": "shop"}));
    let desired = rig.desired();
    let key = Key::new(CI_CONFIG, ["shop"]);
    let there = ci_server(Answer::json(200, "[]")).await;
    let live = datafold(&there, 0).observe(&desired, &Scope::default()).await.unwrap();
    let bare: Vec<&String> = live.resources[&key].spec.keys().collect();
    assert_eq!(bare, ["name", "ci_config_id"]);
    assert_eq!(live.resources[&key].id, RemoteId(286));
    assert_eq!(
        live.by_hand[&CI_CONFIG],
        format!("{}/settings/integrations/ci", there.url)
    );
    assert_eq!(there.lines().len(), 3);
    let scope = Scope {
        owned: [(key.clone(), Some(RemoteId(286)))].into(),
        agreed: [(key.clone(), desired.documents[&key].spec.clone())].into(),
        ..Scope::default()
    };
    let live = datafold(&there, 0).observe(&desired, &scope).await.unwrap();
    assert_eq!(live.resources[&key].spec, desired.documents[&key].spec);
    let absent = ci_server(Answer::json(404, r#"{"detail":"no"}"#)).await;
    let live = datafold(&absent, 0).observe(&desired, &scope).await.unwrap();
    assert!(live.resources.is_empty() && live.gaps.is_empty());
    let closed = ci_server(Answer::json(403, r#"{"detail":"no"}"#)).await;
    let live = datafold(&closed, 0).observe(&desired, &scope).await.unwrap();
    assert_eq!(
        (live.gaps[0].reason, live.gaps[0].below.as_ref()),
        (GapReason::NotVisible, Some(&key))
    );
    let refused = ci_server(Answer::json(401, r#"{"detail":"no"}"#)).await;
    let refused = datafold(&refused, 0).observe(&desired, &scope).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Unauthorized);
}

#[tokio::test]
async fn a_ci_configuration_that_a_person_has_made_is_done_when_its_number_is_there() {
    let mut rig = Rig::new(Switches::default()).await;
    rig.declare(CI_CONFIG, "shop", &json!({"ci_config_id": 286, "repository": "shop"}));
    let step = steps::create(&rig.documents[&Key::new(CI_CONFIG, ["shop"])]);
    let there = ci_server(Answer::json(200, "[]")).await;
    let done = steps::done(&datafold(&there, 0), &step, &Ids::default()).await.unwrap();
    assert_eq!(done.remote, Some(RemoteId(286)));
    assert_eq!(there.lines(), [RUNS]);
    let absent = ci_server(Answer::json(404, r#"{"detail":"no"}"#)).await;
    let refused = steps::done(&datafold(&absent, 0), &step, &Ids::default())
        .await
        .unwrap_err();
    assert!(
        refused.message.contains("no CI configuration 286"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn provisioning_is_asked_for_by_slug_and_numbers_and_sends_nothing_of_ours() {
    let server = server().await;
    let job = "POST /api/internal/monitors/provision/jobs";
    server.gives(job, r#"{"id":"job/1","status":"queued"}"#).gives(
        "GET /api/internal/monitors/provision/jobs/job%2F1",
        r#"{"id":"job/1","status":"done","result":{"created_monitors":[{"slug":"orders","id":4}]}}"#,
    );
    let mut rig = Rig::new(Switches::default()).await;
    let mut spec = metric("Orders");
    spec["description"] = Json::Null;
    rig.monitor("orders", &spec);
    let step = steps::create(&rig.documents[&monitor("orders")]);
    let ids = Ids::default();
    ids.put(named("warehouse"), RemoteId(7));
    let done = steps::done(&datafold(&server, 0), &step, &ids).await.unwrap();
    assert_eq!(done.remote, Some(RemoteId(4)));
    let mut sent = metric("Orders");
    sent["connection_id"] = json!(7);
    let body =
        json!({"config": {"monitors": {"orders": sent}}, "dangling_monitors_strategy": "ignore", "dry_run": false});
    let asked = server.asked();
    assert_eq!((asked[0].line.as_str(), &asked[0].body), (job, &body));
    server.gives("DELETE /api/v1/monitors/4", "null");
    let mut gone = steps::write(
        Action::Delete(Removal::Erase),
        monitor("orders"),
        driftless_core::value::Map::new(),
    );
    gone.remote = Some(RemoteId(4));
    assert!(steps::done(&datafold(&server, 0), &gone, &ids).await.is_ok());
    assert_eq!(server.lines(), ["DELETE /api/v1/monitors/4"]);
    assert_eq!(gone.change.key.kind, MONITOR);
}

const JOBS: &str = "POST /api/internal/monitors/provision/jobs";

fn job_line(id: &str) -> String {
    format!("GET /api/internal/monitors/provision/jobs/{id}")
}

/// The step that makes a monitor on data source 7, and what it knows.
async fn orders() -> (driftless_core::plan::Step, Ids) {
    let mut rig = Rig::new(Switches::default()).await;
    rig.monitor("orders", &metric("Orders"));
    let ids = Ids::default();
    ids.put(named("warehouse"), RemoteId(7));
    (steps::create(&rig.documents[&monitor("orders")]), ids)
}

#[tokio::test]
async fn a_job_is_asked_about_by_its_own_name_and_no_name_is_a_step_in_the_path() {
    let made = r#"{"created_monitors":[{"slug":"orders","id":4}]}"#;
    for (id, on_the_wire) in [
        ("prov-7f", Some("prov-7f")),
        ("a/b", Some("a%2Fb")),
        ("../jobs/1", Some("..%2Fjobs%2F1")),
        ("...", Some("...")),
        ("?x=1#y", Some("%3Fx%3D1%23y")),
        ("%2e%2e", Some("%252e%252e")),
        (".", None),
        ("..", None),
    ] {
        let server = server().await;
        server.on(
            JOBS,
            Answer::json(200, &json!({"id": id, "status": "queued"}).to_string()),
        );
        // A second start is the dry run that tells what became of it, where the job cannot be asked about.
        server.gives(
            JOBS,
            r#"{"id":9,"status":"done","result":{"unchanged_monitors":[{"slug":"orders","id":4}]}}"#,
        );
        if let Some(name) = on_the_wire {
            let ended = format!(r#"{{"id":"x","status":"done","result":{made}}}"#);
            server.gives(&job_line(name), &ended);
        }
        let (step, ids) = orders().await;
        let done = steps::done(&datafold(&server, 0), &step, &ids).await.unwrap();
        assert_eq!(done.remote, Some(RemoteId(4)), "{id}");
        let expected = match on_the_wire {
            Some(name) => vec![JOBS.to_owned(), job_line(name)],
            None => vec![JOBS.to_owned(), JOBS.to_owned()],
        };
        assert_eq!(server.lines(), expected, "{id}");
    }
}

#[tokio::test]
async fn a_job_that_the_platform_says_nothing_of_is_told_by_a_dry_run() {
    for status in [403, 404, 410, 422] {
        let server = server().await;
        server
            .gives(JOBS, r#"{"id":5,"status":"queued"}"#)
            .gives(
                JOBS,
                r#"{"id":6,"status":"done","result":{"unchanged_monitors":[{"slug":"orders","id":4}]}}"#,
            )
            .on(&job_line("5"), Answer::json(status, r#"{"detail":"no"}"#));
        let (step, ids) = orders().await;
        let done = steps::done(&datafold(&server, 0), &step, &ids).await.unwrap();
        assert_eq!(done.remote, Some(RemoteId(4)), "{status}");
        let asked = server.asked();
        assert_eq!(
            asked.last().map(|asked| asked.body["dry_run"].clone()),
            Some(json!(true)),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_job_that_does_not_answer_is_asked_again_and_no_second_one_is_started() {
    let server = server().await;
    let ended = r#"{"id":5,"status":"done","result":{"created_monitors":[{"slug":"orders","id":4}]}}"#;
    server
        .gives(JOBS, r#"{"id":5,"status":"queued"}"#)
        .on(&job_line("5"), Answer::json(503, "{}"))
        .on(&job_line("5"), Answer::json(200, ended));
    let (step, ids) = orders().await;
    let datafold = datafold(&server, 0);
    let driftless::platform::Progress::Running(job) = datafold.execute(&step, &ids).await.unwrap() else {
        panic!("it is queued");
    };
    assert_eq!(
        datafold.poll(&job, &ids).await.unwrap_err().meaning,
        Meaning::Unavailable
    );
    let progress = datafold.poll(&job, &ids).await.unwrap();
    assert!(
        matches!(progress, driftless::platform::Progress::Done(_)),
        "{progress:?}"
    );
    assert_eq!(server.lines(), [JOBS.to_owned(), job_line("5"), job_line("5")]);
}

#[tokio::test]
async fn a_monitor_that_comes_while_a_job_does_not_answer_waits_and_is_sent_once() {
    let server = server().await;
    let ended = |slug: &str, id: i64| {
        json!({"id": 5, "status": "done", "result": {"created_monitors": [{"slug": slug, "id": id}]}}).to_string()
    };
    server
        .gives(JOBS, r#"{"id":5,"status":"queued"}"#)
        .gives(JOBS, &ended("items", 8))
        .on(&job_line("5"), Answer::json(503, "{}"))
        .on(&job_line("5"), Answer::json(200, &ended("orders", 4)));
    let (first, ids) = orders().await;
    let mut second = first.clone();
    second.change.key = monitor("items");
    let datafold = datafold(&server, 0);
    let begun = datafold.execute(&first, &ids).await.unwrap();
    assert!(matches!(begun, driftless::platform::Progress::Running(_)));
    // What does not answer is the job of another.
    let done = steps::done(&datafold, &second, &ids).await.unwrap();
    assert_eq!(done.remote, Some(RemoteId(8)));
    let sent = server.asked();
    let sent: Vec<&Json> = sent
        .iter()
        .filter(|asked| asked.line == JOBS)
        .map(|asked| &asked.body["config"]["monitors"])
        .collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(
        sent[1].get("items").is_some() && sent[1].get("orders").is_none(),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_refusal_is_that_of_the_monitor_below_whose_slug_it_lies() {
    let server = server().await;
    let refusal = json!({"detail": [
        {"loc": ["body", "config", "monitors", "orders", "schedule", "cron"], "msg": "is no time", "type": "value_error"}]});
    let made = r#"{"id":5,"status":"done","result":{"created_monitors":[{"slug":"schedule","id":8}]}}"#;
    server
        .on(JOBS, Answer::json(422, &refusal.to_string()))
        .gives(JOBS, made);
    let (step, ids) = orders().await;
    let mut other = step.clone();
    other.change.key = monitor("schedule");
    let datafold = datafold(&server, 0);
    let (refused, made) = futures::join!(datafold.execute(&step, &ids), datafold.execute(&other, &ids));
    let refused = refused.unwrap_err();
    let places: Vec<String> = refused.fields.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(places, ["schedule.cron"]);
    assert!(matches!(made, Ok(driftless::platform::Progress::Done(_))), "{made:?}");
}

#[tokio::test]
async fn a_data_source_that_was_made_without_an_answer_is_tested_all_the_same() {
    let server = server().await;
    let live = json!({"id": 31, "name": "lake", "type": "pg", "options": {"host": "db.example", "dbname": "shop", "user": "reader"}});
    let bad = json!({"id": 5, "status": "done", "results": [
        {"step": "connection", "status": "failed", "result": {"code": "error", "message": "swordfish refused"}}]});
    server
        .gives("GET /api/v1/data_sources/31", &live.to_string())
        .gives("POST /api/v1/data_sources/31/test", r#"{"job_id":"t/5"}"#)
        .gives("GET /api/v1/data_sources/test/t%2F5", &bad.to_string());
    // As the engine goes on after a look-up has found it.
    let mut step = lake();
    step.change.action = Action::Update;
    step.remote = Some(RemoteId(31));
    let ids = Ids::default();
    let failed = steps::done(&datafold(&server, 0), &step, &ids).await.unwrap_err();
    assert!(
        failed.message.contains("connection: (secret) refused"),
        "{}",
        failed.message
    );
    assert_eq!(ids.get(&named("lake")), Some(RemoteId(31)));
}
