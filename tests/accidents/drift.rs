//! Drift: told from change, without noise, put back as policy says, and never for ever.

use std::time::Instant;

use serde_json::json;

use crate::house::{CONTAINER, DATASTORE, House, PATIENCE, Terms, check, outcomes, reasons, strict};

fn drift(line: &'static str) -> Terms {
    Terms {
        environment: vec![line],
        ..Terms::default()
    }
}

/// "Objects have changed outside of Terraform": almost always noise.
#[tokio::test]
async fn what_the_platform_moves_by_itself_is_no_drift() {
    let house = House::settled(strict()).await;
    // Even where a file names what is the platform's own to count.
    house.edit(DATASTORE, "teams:", "check_count: 99\nteams:");
    house.edit(CONTAINER, "query:", "record_count: 99\nquery:");
    house.edit(&check("orders", "id"), "fields:", "anomaly_count: 99\nfields:");
    house.push(&[]);
    house.in_sync().await;
    let before = house.instance.full_state().await;
    // A profile moves counts, scores, times and field types; nobody changed anything.
    let shop = before["datastores"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "shop")
        .unwrap()["id"]
        .clone();
    let client = reqwest::Client::new();
    for kind in ["profile", "scan", "sync"] {
        let request = client.post(format!("{}/api/operations/run", house.instance.sandbox.url()));
        let body = json!({"type": kind, "datastore_id": shop});
        request
            .bearer_auth(house.instance.sandbox.token())
            .json(&body)
            .send()
            .await
            .unwrap();
    }
    house.instance.door("POST", "operations/finish", json!({})).await;
    house.in_sync().await;
    let drift = house.get("/api/v1/environments/prod/drift").await;
    assert_eq!(drift["open"], 0);
    assert_eq!(drift["resources"], json!([]));
}

/// Out of sync, and the diff is empty.
#[tokio::test]
async fn what_is_called_drift_has_a_diff() {
    let house = House::settled(drift("drift: { policy: report, interval: 1h }")).await;
    house
        .by_hand("orders__notnull__id", json!({"description": "by hand"}))
        .await;
    house
        .by_hand(
            "orders__notnull__city",
            json!({"additional_metadata": {"_qualytics_check_uid": "orders__notnull__city", "runbook": "by hand"}}),
        )
        .await;
    // What no document names is nobody's: it has no difference, and is no drift.
    house
        .by_hand("customers__notnull__id", json!({"tags": ["mine"], "filter": "id > 3"}))
        .await;
    let body = json!({"kind": "check", "where": {"uid": "orders__notnull__phone"}, "delete": true, "archive": true});
    house.instance.door("POST", "edit", body).await;
    let body = json!({"kind": "check", "where": {"uid": "customers__notnull__phone"}, "delete": true});
    house.instance.door("POST", "edit", body).await;
    let run = house.untouched(house.reconcile("prod")).await;
    let drift = house.get("/api/v1/environments/prod/drift").await;
    let resources = drift["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 4, "{drift:#} {run:#}");
    for resource in resources {
        assert_eq!(resource["class"], "drift");
        let place = resource["place"].as_str().unwrap_or_default();
        assert!(place.contains("config/datastores/shop/checks/"), "{place}");
        let fields = resource["fields"].as_array().unwrap();
        assert!(!fields.is_empty(), "{resource:#}");
        for field in fields {
            assert_ne!(field.get("before"), field.get("after"), "{field:#}");
        }
    }
}

/// The diff ignored a field, the apply did not: out of sync for ever.
#[tokio::test]
async fn an_ignored_field_is_ignored_by_diff_and_apply_alike() {
    let house = House::settled(drift(
        "ignore: [{ kind: check, key: \"shop/orders__*\", fields: [description] }]",
    ))
    .await;
    house
        .by_hand("orders__notnull__id", json!({"description": "by hand"}))
        .await;
    house
        .by_hand("customers__notnull__id", json!({"description": "by hand"}))
        .await;
    let run = house.reconcile("prod").await;
    assert_eq!(
        outcomes(&run),
        ["update check/shop/customers__notnull__id: applied"],
        "{run:#}"
    );
    // A change of Git's beside it takes the hand-made value along as it is.
    house.edit(&check("orders", "id"), "fields:\n", "filter: amount > 0\nfields:\n");
    house.push(&[]);
    let run = house.reconcile("prod").await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    let live = house.live("orders__notnull__id").await.unwrap();
    assert_eq!(live["description"], "by hand");
    assert_eq!(live["filter"], "amount > 0");
    house.in_sync().await;
}

/// Detect-only was asked for, for years; and then to correct, later, without starting over.
#[tokio::test]
async fn observe_writes_nothing_and_correcting_later_is_one_word() {
    let mut house = House::unsettled(drift("mode: observe")).await;
    house.start().await;
    assert_eq!(house.instance.writes().await, []);
    let run = house.untouched(house.reconcile("prod")).await;
    assert_eq!(outcomes(&run), [] as [String; 0]);
    assert!(!run["plan"]["reported"].as_array().unwrap().is_empty(), "{run:#}");
    house.kill().await;
    house.agree(drift("mode: apply"));
    house.start().await;
    house.in_sync().await;
}

/// Some drift is known to be safe: it is left, and the rest is put back.
#[tokio::test]
async fn drift_that_is_known_to_be_safe_is_left_and_the_rest_is_put_back() {
    let house = House::settled(drift(
        "ignore: [{ kind: check, key: \"*/customers__*\", fields: [filter, tags] }]",
    ))
    .await;
    let path = check("customers", "id");
    house.edit(&path, "fields:\n", "filter: id > 0\nfields:\n");
    house.push(&[]);
    let run = house.untouched(house.reconcile("prod")).await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    house
        .by_hand(
            "customers__notnull__id",
            json!({"filter": "id > 7", "description": "by hand"}),
        )
        .await;
    let run = house.reconcile("prod").await;
    assert_eq!(
        outcomes(&run),
        ["update check/shop/customers__notnull__id: applied"],
        "{run:#}"
    );
    let live = house.live("customers__notnull__id").await.unwrap();
    assert_eq!(live["filter"], "id > 7");
    assert_eq!(live["description"], "every customers has its id");
}

/// Looks for drift at night cost more than half of the bill.
#[tokio::test]
async fn between_its_intervals_nothing_is_asked_of_the_platform() {
    let mut terms = drift("drift: { interval: 1h }");
    terms.interval = Some("1s");
    let house = House::settled(terms).await;
    let fetches = |text: &str| -> f64 {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("driftless_source_fetch_total{"));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    let begin = fetches(&house.text("/metrics").await);
    house.instance.forget().await;
    let deadline = Instant::now() + PATIENCE;
    // Three looks at the branch, and not one at the instance.
    while fetches(&house.text("/metrics").await) < begin + 3.0 {
        assert!(Instant::now() < deadline, "{}", house.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(house.instance.requests().await, []);
}

/// Drift detection took eight years: here nobody has to ask for it.
#[tokio::test]
async fn drift_is_found_and_put_back_without_anybody_asking() {
    let house = House::settled(drift("drift: { interval: 1s }")).await;
    house
        .by_hand("orders__notnull__id", json!({"description": "by hand"}))
        .await;
    let runs = house
        .until("/api/v1/runs", |runs| {
            let runs = runs["runs"].as_array().unwrap();
            runs.iter()
                .any(|run| run["trigger"] == "drift check" && run["message"].as_str().unwrap().contains("1 updated"))
        })
        .await;
    assert_eq!(
        house.live("orders__notnull__id").await.unwrap()["description"],
        "every orders has its id",
        "{runs:#}"
    );
}

/// One number for what was found and another for what was done about it, and people mixed them up.
#[tokio::test]
async fn a_run_has_one_id_and_its_drift_has_the_fields() {
    let house = House::settled(strict()).await;
    house
        .by_hand("orders__notnull__id", json!({"description": "by hand"}))
        .await;
    let run = house.reconcile("prod").await;
    let view = house.get("/api/v1/environments/prod").await;
    assert_eq!(view["last_run"]["id"], run["id"]);
    let drift = house.get("/api/v1/environments/prod/drift").await;
    let resource = &drift["resources"][0];
    assert_eq!(resource["handling"], "corrected", "{drift:#}");
    assert_eq!(resource["fields"][0]["before"], "by hand");
    assert_eq!(resource["fields"][0]["after"], "every orders has its id");
    assert_eq!(run["plan"]["changes"][0]["fields"][0]["before"], "by hand");
}

/// The same message, again and again, until nobody reads any.
#[tokio::test]
async fn the_same_trouble_is_told_once() {
    let house = House::settled(drift("drift: { policy: report, interval: 1s }")).await;
    house
        .by_hand("orders__notnull__id", json!({"description": "by hand"}))
        .await;
    let drift = house
        .until("/api/v1/environments/prod/drift", |drift| {
            drift["resources"][0]["seen"].as_u64().unwrap_or(0) >= 4
        })
        .await;
    assert_eq!(drift["open"], 1);
    let runs = house.get("/api/v1/runs?limit=100").await;
    let found = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run["trigger"] == "drift check");
    let (idle, telling): (Vec<_>, Vec<_>) = found.partition(|run| run["idle"] == true);
    assert!(idle.len() >= 2, "{runs:#}");
    // Before the change, and when it was found.
    assert!(telling.len() <= 2, "{runs:#}");
}

/// Two who do not know of each other put the same thing back for ever.
#[tokio::test]
async fn what_is_changed_again_and_again_is_left_alone_and_said() {
    let house = House::settled(strict()).await;
    for round in 0..5 {
        house
            .by_hand(
                "orders__notnull__id",
                json!({"description": format!("by hand {round}")}),
            )
            .await;
        let run = house.reconcile("prod").await;
        assert_eq!(
            outcomes(&run),
            ["update check/shop/orders__notnull__id: applied"],
            "{run:#}"
        );
    }
    house
        .by_hand("orders__notnull__id", json!({"description": "by hand, once more"}))
        .await;
    house
        .by_hand("orders__notnull__city", json!({"description": "by hand"}))
        .await;
    let run = house.reconcile("prod").await;
    assert_eq!(reasons(&run), ["flapping"], "{run:#}");
    // The others are put back as before.
    assert_eq!(outcomes(&run), ["update check/shop/orders__notnull__city: applied"]);
    // With them the plan is done in part, so it is another: what waits is approved as it is now.
    let run = house.untouched(house.reconcile("prod")).await;
    assert_eq!(reasons(&run), ["flapping"], "{run:#}");
    let run = house.approve(&run).await;
    assert_eq!(
        outcomes(&run),
        ["update check/shop/orders__notnull__id: applied"],
        "{run:#}"
    );
    house.in_sync().await;
}
