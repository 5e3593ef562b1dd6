//! What is not there is not always gone: sources, lists, files, answers.

use serde_json::json;

use crate::house::{House, check, check_text, outcomes, reasons, strict};

/// A small edit of a generator made an empty result, and the empty result deleted the production clusters.
#[tokio::test]
async fn an_empty_or_failed_source_is_not_an_empty_desired_state() {
    let house = House::settled(strict()).await;
    house.git(&["mv", "config", "elsewhere"]);
    house.push(&[]);
    let run = house.untouched(house.reconcile("prod")).await;
    assert_eq!(run["conclusion"], "failed", "{run:#}");
    assert!(run["message"].as_str().unwrap().contains("does not exist"), "{run:#}");

    // A folder that is there and holds nothing is no wish either.
    house.git(&["rm", "-rq", "elsewhere"]);
    house.push(&[("config/readme.txt", Some("nothing here yet\n"))]);
    let run = house.untouched(house.reconcile("prod")).await;
    assert_ne!(run["conclusion"], "succeeded", "{run:#}");
    assert_eq!(reasons(&run), ["incomplete_source"], "{run:#}");

    house.git(&["checkout", "-q", "HEAD~2", "--", "config"]);
    house.push(&[]);
    house.in_sync().await;
}

/// Less than a second without an API, and applications were deleted.
#[tokio::test]
async fn an_error_is_never_an_absence() {
    let house = House::settled(strict()).await;
    // A deletion waits all the while: it needs all that was read to be whole.
    house.push(&[(&check("orders", "city"), None)]);
    for fault in [
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503}),
        json!({"kind": "reset_before"}),
        json!({"kind": "truncate"}),
        json!({"kind": "html"}),
        json!({"kind": "invalid_json"}),
        json!({"kind": "wrong_total"}),
        json!({"kind": "empty_page"}),
    ] {
        for list in ["/quality-checks", "/containers/listing", "/datastores", "/connections"] {
            let mut rule = fault.clone();
            rule["method"] = json!("GET");
            rule["path_prefix"] = json!(list);
            if list == "/containers/listing" && matches!(fault["kind"].as_str(), Some("wrong_total" | "empty_page")) {
                continue; // It has no pages.
            }
            house.faults(json!([rule])).await;
            let run = house.untouched(house.reconcile("prod")).await;
            assert_ne!(run["conclusion"], "succeeded", "{fault} at {list}: {run:#}");
            if !run["plan"].is_null() {
                let doubted = ["shrunk_read", "not_visible"].map(str::to_owned);
                let reasons = reasons(&run);
                assert!(
                    reasons.contains(&"incomplete_read".to_owned()),
                    "{fault} at {list}: {reasons:?}"
                );
                assert!(
                    !doubted.iter().any(|reason| reasons.contains(reason)),
                    "{fault} at {list}: {reasons:?}"
                );
            }
        }
    }
    house.faults(json!([])).await;
    let run = house.reconcile("prod").await;
    assert_eq!(outcomes(&run), ["delete check/shop/orders__notnull__city: applied"]);
    house.in_sync().await;
}

/// A folder that could not be read was skipped with a warning, and then the user database was deleted.
#[tokio::test]
async fn an_unreadable_file_blocks_every_deletion_of_its_environment() {
    let house = House::settled(strict()).await;
    let (gone, broken) = (check("orders", "city"), check("customers", "phone"));
    let run = {
        house.push(&[(&gone, None), (&broken, Some("rule_type: [notNull\n"))]);
        house.untouched(house.reconcile("prod")).await
    };
    assert!(reasons(&run).contains(&"incomplete_source".to_owned()), "{run:#}");
    assert_ne!(run["conclusion"], "succeeded");

    house.push(&[(&broken, Some(&check_text("customers", "phone")))]);
    let run = house.reconcile("prod").await;
    assert_eq!(outcomes(&run), ["delete check/shop/orders__notnull__city: applied"]);
    house.in_sync().await;
}

/// The list is whole by its own count, and most of what is ours is not on it.
#[tokio::test]
async fn a_list_that_shrank_is_not_believed() {
    let house = House::settled(strict()).await;
    let state = house.instance.full_state().await;
    let ours = state["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["datastore"] == "shop");
    for check in ours.take(9) {
        let body = json!({"kind": "check", "where": {"id": check["id"]}, "delete": true});
        house.instance.door("POST", "edit", body).await;
    }
    let run = house.untouched(house.reconcile("prod")).await;
    assert_eq!(reasons(&run), ["shrunk_read"], "{run:#}");

    // A person knows what happened, and says so.
    let run = house.approve(&run).await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    assert_eq!(outcomes(&run).len(), 9);
    house.in_sync().await;
}

/// Access was taken away from a token, and what it no longer saw was made a second time.
#[tokio::test]
async fn not_visible_is_not_absent() {
    let house = House::settled(strict()).await;
    let body = json!({"kind": "datastore", "where": {"name": "shop"}, "delete": true});
    house.instance.door("POST", "edit", body).await;
    let run = house.untouched(house.reconcile("prod")).await;
    assert!(reasons(&run).contains(&"not_visible".to_owned()), "{run:#}");
    assert_eq!(outcomes(&run), [] as [String; 0]);
}
