//! What a list lacks: an error, a row that slipped between pages, a token that lost its team, a deletion by hand. Nothing is made
//! again, deleted or forgotten on a guess.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use driftless::engine::reconcile::{Environment, Prepared};
use driftless::sandbox::qualytics::{Switches, example_seed};
use driftless_core::guard::Circumstances;
use driftless_core::key::Key;
use driftless_core::plan::{BlockReason, Blocked};
use driftless_core::render;
use driftless_core::report::{Meaning, Outcomes};
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::pipeline::{
    Files, Open, assert_converged, carried_out, clean_pass, environment, exported, memory, pass, planned,
    planned_under, platform_as, variables,
};

const STORE: &str = "Warehouse 01";

/// An instance with one datastore of 36 checks, or of more, which an environment owns.
async fn owned(checks: usize) -> (Instance, Environment) {
    let instance = Instance::start(example_seed(1, 3, checks), Switches::default()).await;
    let files = exported(&instance).await;
    let variables = variables(&files);
    let environment = environment(&instance, &Files::new(files), variables, Some(memory().await));
    let _ = clean_pass(&environment).await;
    instance.forget().await;
    (instance, environment)
}

/// The same environment, with the token of a manager who is an editor in this team.
async fn in_team(instance: &Instance, environment: Environment, team: &str) -> Environment {
    let user = json!({ "role": "Manager", "teams": { team: "Editor" } });
    let made = instance.door("POST", "tokens", user).await;
    let token = made["token"].as_str().unwrap();
    let platform = platform_as(token, instance, Arc::new(Open), Duration::from_secs(30));
    Environment {
        platform,
        ..environment
    }
}

/// The numbers of the rows of a kind, by a field of theirs.
async fn ids(instance: &Instance, kind: &str, name: impl Fn(&Value) -> Option<&str>) -> BTreeMap<String, i64> {
    let state = instance.full_state().await;
    let rows = state[kind].as_array().unwrap().iter();
    rows.filter_map(|row| Some((name(row)?.to_owned(), row["id"].as_i64()?)))
        .collect()
}

async fn check_ids(instance: &Instance) -> BTreeMap<String, i64> {
    ids(instance, "checks", |row| {
        row["additional_metadata"]["_qualytics_check_uid"].as_str()
    })
    .await
}

fn blocked(prepared: &Prepared, reason: BlockReason) -> &Blocked {
    let found = prepared.plan.blocked.iter().find(|blocked| blocked.reason == reason);
    found.unwrap_or_else(|| panic!("{}: {}", reason.word(), render::plan_text(&prepared.plan)))
}

/// Nothing is to be done, reported, forgotten or called foreign.
#[track_caller]
fn assert_nothing_concluded(prepared: &Prepared) {
    let plan = &prepared.plan;
    assert!(
        plan.is_empty() && plan.reported.is_empty(),
        "{}",
        render::plan_text(plan)
    );
    assert!(plan.gone.is_empty() && plan.unmanaged.is_empty() && plan.orphaned.is_empty());
}

fn key(kind: &'static str, path: &[&str]) -> Key {
    Key::new(driftless_core::key::Kind(kind), path.iter().copied())
}

#[tokio::test(flavor = "multi_thread")]
async fn not_visible_is_not_absent() {
    let (instance, environment) = owned(36).await;
    let environment = in_team(&instance, environment, "Data Platform").await;
    assert!(planned(&environment).await.plan.is_empty());
    let teams = |names: Value| json!({ "teams": names });
    let place = json!({ "name": STORE });
    instance
        .edit("datastore", place.clone(), teams(json!(["Analysts"])))
        .await;

    instance.forget().await;
    let prepared = planned(&environment).await;
    assert_nothing_concluded(&prepared);
    let hidden = blocked(&prepared, BlockReason::NotVisible);
    assert!(hidden.message.contains("answers 404"), "{}", hidden.message);
    for (kind, count) in [("datastore", 1), ("container", 1), ("computed_field", 1), ("check", 36)] {
        let of_kind = hidden.keys.iter().filter(|key| key.kind.0 == kind).count();
        assert_eq!(of_kind, count, "{kind}");
    }
    assert!(prepared.faults() > 0);
    let _ = carried_out(&environment, prepared).await;
    assert_eq!(instance.writes().await, []);

    // With the team back, all of it is known as before: nothing was forgotten.
    instance
        .edit("datastore", place, teams(json!(["Data Platform", "Analysts"])))
        .await;
    let report = clean_pass(&environment).await;
    assert!(report.plan.is_empty() && report.plan.agreed.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_by_hand_is_made_again_once_a_person_has_approved() {
    let (instance, environment) = owned(36).await;
    let gone = json!({ "kind": "datastore", "where": { "name": STORE }, "delete": true });
    instance.door("POST", "edit", gone).await;
    let prepared = planned(&environment).await;
    assert_nothing_concluded(&prepared);
    let digest = prepared.plan.digest.clone();
    let _ = carried_out(&environment, prepared).await;

    let approved = Circumstances {
        approved: Some(digest.clone()),
        ..Circumstances::default()
    };
    instance.forget().await;
    let prepared = planned_under(&environment, &approved).await;
    assert_eq!((&prepared.plan.digest, prepared.faults()), (&digest, 0));
    let report = carried_out(&environment, prepared).await;
    let tally = report.tally();
    assert_eq!(
        (tally.created, tally.failed),
        (1 + 1 + 1 + 36, 0),
        "{:#?}",
        report.outcomes
    );
    assert_converged(&instance, &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_never_an_absence() {
    let (instance, environment) = owned(36).await;
    let id = ids(&instance, "connections", |row| row["name"].as_str()).await["prod-pg-1"];
    let hide = json!({ "kind": "hide", "hide": [id], "method": "GET", "path_prefix": "/connections" });
    for (status, reason) in [
        (Some(403), BlockReason::NotVisible),
        (Some(502), BlockReason::IncompleteRead),
        (None, BlockReason::IncompleteRead),
    ] {
        let own = format!("/connections/{id}");
        let answer = json!({ "kind": "status", "status": status, "method": "GET", "path_prefix": own });
        let rules: Vec<&Value> = status.iter().map(|_| &answer).chain([&hide]).collect();
        instance.door("PUT", "faults", json!(rules)).await;
        let prepared = planned(&environment).await;
        assert_nothing_concluded(&prepared);
        let lost = blocked(&prepared, reason);
        assert_eq!(lost.keys, [key("connection", &["prod-pg-1"])], "{status:?}");
        assert!(lost.message.contains(&format!("number {id}")), "{}", lost.message);
        let _ = carried_out(&environment, prepared).await;
    }
    assert_eq!(instance.writes().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_shrank_is_not_believed() {
    let (instance, environment) = owned(36).await;
    let hidden: Vec<i64> = check_ids(&instance).await.into_values().take(15).collect();
    let rule = json!({ "kind": "hide", "hide": hidden, "method": "GET", "path_prefix": "/quality-checks" });
    instance.door("PUT", "faults", json!([rule])).await;
    let prepared = planned(&environment).await;
    assert_nothing_concluded(&prepared);
    let shrunk = blocked(&prepared, BlockReason::IncompleteRead);
    assert_eq!(shrunk.keys.len(), 15, "they answer by number: the list lies");
    let _ = carried_out(&environment, prepared).await;
    assert_eq!(instance.writes().await, []);

    // Deleted by hand, they do not; so many are not believed to be gone all the same.
    instance.door("DELETE", "faults", Value::Null).await;
    for id in hidden {
        let gone = json!({ "kind": "check", "where": { "id": id }, "delete": true });
        instance.door("POST", "edit", gone).await;
    }
    instance.forget().await;
    let prepared = planned(&environment).await;
    assert_nothing_concluded(&prepared);
    let shrunk = blocked(&prepared, BlockReason::ShrunkRead);
    assert_eq!(shrunk.keys.len(), 15);
    assert!(shrunk.message.contains("lacks 15 of the 36 "), "{}", shrunk.message);
    let approved = Circumstances {
        approved: Some(prepared.plan.digest.clone()),
        ..Circumstances::default()
    };
    let prepared = planned_under(&environment, &approved).await;
    let report = carried_out(&environment, prepared).await;
    assert_eq!((report.tally().created, report.tally().failed), (15, 0));
    assert_converged(&instance, &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_not_asked_for_row_by_row() {
    let (instance, environment) = owned(36).await;
    let hidden: Vec<i64> = check_ids(&instance).await.into_values().collect();
    let rule = json!({ "kind": "hide", "hide": hidden, "method": "GET", "path_prefix": "/quality-checks" });
    instance.door("PUT", "faults", json!([rule])).await;
    let prepared = planned(&environment).await;
    assert_nothing_concluded(&prepared);
    assert_eq!(blocked(&prepared, BlockReason::ShrunkRead).keys.len(), 36);
    let reads = instance.reads().await;
    assert_eq!(reads.get("/api/quality-checks/{id}"), None, "{reads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_list_lacks_is_asked_for_by_number_before_it_is_called_deleted() {
    let (instance, environment) = owned(36).await;
    let (uid, id) = check_ids(&instance).await.pop_first().unwrap();
    let rule = json!({ "kind": "hide", "hide": [id], "method": "GET", "path_prefix": "/quality-checks" });
    instance.door("PUT", "faults", json!([rule])).await;
    let prepared = planned(&environment).await;
    assert_nothing_concluded(&prepared);
    assert_eq!(
        blocked(&prepared, BlockReason::IncompleteRead).keys,
        [key("check", &[STORE, &uid])]
    );
    assert_eq!(instance.reads().await["/api/quality-checks/{id}"], 1);

    instance.door("DELETE", "faults", Value::Null).await;
    let gone = json!({ "kind": "check", "where": { "id": id }, "delete": true });
    instance.door("POST", "edit", gone).await;
    let report = pass(&environment).await;
    assert_eq!((report.tally().created, report.tally().failed), (1, 0));
    assert_converged(&instance, &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_and_go_while_pages_are_read_are_no_absence() {
    let (instance, environment) = owned(150).await;
    let (uid, _) = check_ids(&instance)
        .await
        .into_iter()
        .min_by_key(|(_, id)| *id)
        .unwrap();
    let delete = json!({ "kind": "check", "where": { "uid": uid }, "delete": true });
    let check = json!({
        "datastore": STORE, "container": "orders_01", "rule": "notNull", "fields": ["website"],
        "additional_metadata": { "_qualytics_check_uid": "made_by_hand" },
    });
    let store = ids(&instance, "datastores", |row| row["name"].as_str()).await[STORE];
    let rule = json!({
        "kind": "meanwhile", "query": format!("datastore={store}&archived"), "nth": 1,
        "edits": [delete], "add": { "checks": [check] },
    });
    instance.door("PUT", "faults", json!([rule])).await;
    let prepared = planned(&environment).await;
    assert_eq!(prepared.gaps, []);
    let keys: Vec<&Key> = prepared.plan.steps.iter().map(|step| &step.change.key).collect();
    assert_eq!(
        keys,
        [&key("check", &[STORE, &uid])],
        "deleted by hand, and nothing else"
    );
    assert_eq!(prepared.plan.unmanaged, [key("check", &[STORE, "made_by_hand"])]);
    // Two pages that did not fit together, two that did, a second look, since one is missing, and the other datastore's page.
    let reads = instance.reads().await;
    assert_eq!(
        (reads["/api/quality-checks"], reads["/api/quality-checks/{id}"]),
        (6, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_by_nothing_that_can_be_seen_is_told_and_not_tried_again() {
    let (instance, owner) = owned(36).await;
    let fresh = Environment {
        memory: Some(memory().await),
        ..owner
    };
    let environment = in_team(&instance, fresh, "Nobody").await;
    let before = instance.full_state().await["datastores"].clone();
    instance.forget().await;
    let report = pass(&environment).await;
    let store = key("datastore", &[STORE]);
    let outcome = report.outcomes.iter().find(|outcome| outcome.key == store).unwrap();
    let Outcomes::Failed(failure) = &outcome.result else {
        panic!("{outcome:?}");
    };
    assert_eq!((failure.meaning, outcome.attempts), (Meaning::Conflict, 1));
    assert!(
        failure.message.contains("`datastore/Warehouse 01` is not visible"),
        "{}",
        failure.message
    );
    assert_eq!(instance.full_state().await["datastores"], before);
    let stores = instance.writes().await.into_iter();
    let tried = stores.filter(|(method, path, _)| method == "POST" && path.ends_with("/datastores"));
    assert_eq!(tried.count(), 2, "each of the two datastores once");
}
