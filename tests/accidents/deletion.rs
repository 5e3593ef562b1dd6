//! Deletions: last, only of what is ours, never of what is protected, never by a rename or a change of the config.

use std::collections::BTreeSet;

use serde_json::json;

use crate::house::{CONNECTION, CONTAINER, DATASTORE, House, Terms, check, check_text, outcomes, reasons, strict};

/// Creations failed, deletions ran, and the account had no jobs at all.
#[tokio::test]
async fn deletions_run_last_and_only_if_every_upsert_passed() {
    let house = House::settled(strict()).await;
    let (gone, new) = (
        check("orders", "city"),
        "config/datastores/shop/checks/orders/unique__id.yaml",
    );
    let text = "rule_type: unique\ncontainer: orders\nfields:\n- id\nadditional_metadata:\n  _qualytics_check_uid: orders__unique__id\n";
    house.push(&[(&gone, None), (new, Some(text))]);
    house
        .faults(json!([{"kind": "status", "status": 422, "method": "POST", "path_prefix": "/quality-checks"}]))
        .await;
    let run = house.reconcile("prod").await;
    assert_ne!(run["conclusion"], "succeeded", "{run:#}");
    assert!(
        house.has("orders__notnull__city").await,
        "deleted although a creation failed"
    );
    assert!(
        outcomes(&run).contains(&"delete check/shop/orders__notnull__city: skipped".to_owned()),
        "{run:#}"
    );

    house.faults(json!([])).await;
    let run = house.reconcile("prod").await;
    let done = outcomes(&run);
    assert_eq!(
        done.last().unwrap(),
        "delete check/shop/orders__notnull__city: applied",
        "{run:#}"
    );
    assert!(house.has("orders__unique__id").await);
    house.in_sync().await;
}

/// Two repositories deleted each other's jobs in turn.
#[tokio::test]
async fn environments_on_one_instance_never_delete_each_others_resources() {
    let mut terms = strict();
    terms.environments = vec![
        "{ name: second, source: SOURCE, path: second, target: TARGET, env_passthrough: [PG_PASSWORD], drift: { interval: 1h }, \
         prune: { checks: delete } }",
    ];
    let mut house = House::unsettled(terms).await;
    let [own, further] =
        ["id", "city"].map(|column| format!("second/datastores/shop/checks/orders/unique__{column}.yaml"));
    let text = |column| {
        check_text("orders", column)
            .replace("notNull", "unique")
            .replace("notnull", "unique")
    };
    let datastore = std::fs::read_to_string(house.repo.work().join(DATASTORE)).unwrap();
    house.push(&[
        (&own, Some(&text("id"))),
        (&further, Some(&text("city"))),
        ("second/datastores/shop/_datastore.yaml", Some(&datastore)),
    ]);
    house.start().await;
    for environment in ["prod", "second", "prod"] {
        let run = house.reconcile(environment).await;
        assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    }
    // Either sees the other's, and each of them would call it its own to delete.
    for environment in ["prod", "second", "prod", "second"] {
        house.untouched(house.reconcile(environment)).await;
    }
    house.push(&[(&own, None)]);
    let run = house.reconcile("second").await;
    assert_eq!(
        outcomes(&run),
        ["delete check/shop/orders__unique__id: applied"],
        "{run:#}"
    );

    // What moves from the one to the other is handed over, whichever of them comes to it first.
    let (there, here) = (
        check("orders", "unique_city").replace("notnull", "unique"),
        "second/datastores/shop/checks/orders/notnull__city.yaml",
    );
    house.push(&[
        (&further, None),
        (&there, Some(&text("city"))),
        (&check("orders", "city"), None),
        (here, Some(&check_text("orders", "city"))),
        (&check("orders", "street"), None),
        (
            "second/datastores/shop/checks/orders/notnull__street.yaml",
            Some(&check_text("orders", "street")),
        ),
    ]);
    for environment in ["prod", "second", "prod", "second"] {
        let run = house.untouched(house.reconcile(environment)).await;
        assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    }
    house.in_sync().await;

    // And from then on it is the other's to delete.
    house.push(&[(here, None)]);
    let run = house.reconcile("second").await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    assert!(!house.has("orders__notnull__city").await, "{run:#}");
    house.in_sync().await;
}

/// `prevent_destroy` went with the block that it stood in.
#[tokio::test]
async fn protection_outlives_the_document_it_stood_in() {
    let house = House::settled(strict()).await;
    let path = check("orders", "city");
    let text = check_text("orders", "city");
    house.push(&[(&path, Some(&format!("{text}protect: true\n")))]);
    house.in_sync().await;
    house.push(&[(&path, None)]);
    let run = house.untouched(house.reconcile("prod")).await;
    assert_eq!(reasons(&run), ["protected"], "{run:#}");

    // The way out: it says again that it is not protected, and then it may go.
    house.push(&[(&path, Some(&text))]);
    house.in_sync().await;
    house.push(&[(&path, None)]);
    let run = house.reconcile("prod").await;
    assert_eq!(
        outcomes(&run),
        ["delete check/shop/orders__notnull__city: applied"],
        "{run:#}"
    );
}

/// One protected resource stopped the whole plan.
#[tokio::test]
async fn a_protected_resource_is_skipped_and_the_rest_goes_on() {
    let house = House::settled(strict()).await;
    let path = check("orders", "city");
    house.push(&[(&path, Some(&format!("{}protect: true\n", check_text("orders", "city"))))]);
    house.in_sync().await;
    house.edit(
        &check("orders", "id"),
        "every orders has its id",
        "each order has an id",
    );
    house.push(&[(&path, None), (&check("orders", "street"), None)]);
    let run = house.reconcile("prod").await;
    assert_eq!(
        outcomes(&run),
        [
            "update check/shop/orders__notnull__id: applied",
            "delete check/shop/orders__notnull__street: applied",
        ],
        "{run:#}"
    );
    assert_eq!(reasons(&run), ["protected"]);
    assert!(house.has("orders__notnull__city").await);
}

/// A new name was a creation beside the old one: refused as taken, or the old one deleted with all that it had gathered.
#[tokio::test]
async fn a_rename_is_one_update_and_never_a_deletion_and_a_creation() {
    let house = House::settled(strict()).await;
    let before = house.instance.full_state().await;
    for (file, old, new) in [
        (CONNECTION, "name: pg\n", "name: warehouse\nprevious_name: pg\n"),
        (CONTAINER, "name: sales\n", "name: paid\nprevious_name: sales\n"),
    ] {
        house.edit(file, old, new);
    }
    house.edit(DATASTORE, "connection_name: pg", "connection_name: warehouse");
    house.push(&[]);
    let run = house.reconcile("prod").await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    let done = outcomes(&run);
    assert!(done.iter().all(|outcome| outcome.starts_with("update ")), "{done:?}");
    let after = house.instance.full_state().await;
    let ids = |state: &serde_json::Value, kind: &str| -> BTreeSet<String> {
        state[kind]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].to_string())
            .collect()
    };
    for kind in ["connections", "datastores", "containers", "checks"] {
        assert_eq!(ids(&before, kind), ids(&after, kind), "{kind}");
    }
    house.in_sync().await;
}

/// Dashboards were deleted and made again, history lost, because the path that they were read from had changed.
#[tokio::test]
async fn identity_never_depends_on_a_path() {
    let house = House::settled(strict()).await;
    let folder = house.repo.work().join("config/datastores");
    std::fs::rename(folder.join("shop/checks/orders"), folder.join("shop/checks/of_orders")).unwrap();
    std::fs::rename(
        folder.join("shop/checks/customers/notnull__id.yaml"),
        folder.join("shop/checks/customers/every_customer.yaml"),
    )
    .unwrap();
    std::fs::rename(folder.join("shop"), folder.join("the_shop")).unwrap();
    house.push(&[]);
    house.in_sync().await;
}

/// An environment's entry was renamed, or removed, and everything that it had made went with it.
#[tokio::test]
async fn taking_an_environment_out_of_the_config_deletes_nothing() {
    let mut house = House::settled(strict()).await;
    let before = house.instance.state().await;
    house.kill().await;
    // The entry goes; another one of another folder stays on the instance, and prunes.
    house.push(&[(
        "other/connections/pg.yaml",
        Some("name: other\ntype: postgresql\nhost: h\nport: 5432\nusername: u\npassword: ${PG_PASSWORD}\n"),
    )]);
    let config = std::fs::read_to_string(house.repo.folder().join("driftless.yaml")).unwrap();
    let (head, _) = config.split_once("environments:").unwrap();
    let environments = "environments:\n  - { name: renamed, source: SOURCE, path: other, target: TARGET, env_passthrough: [PG_PASSWORD], \
                        prune: { checks: delete, datastores: delete, connections: delete } }\n";
    std::fs::write(house.repo.folder().join("other.yaml"), format!("{head}{environments}")).unwrap();
    let (code, printed) = house
        .run(&["apply", "--config", "other.yaml", "--environment", "renamed", "--yes"])
        .await;
    assert_eq!(code, 0, "{printed}");
    let after = house.instance.state().await;
    for kind in ["datastores", "containers", "computed_fields", "checks"] {
        assert_eq!(before[kind], after[kind]);
    }
    assert_eq!(
        after["connections"].as_array().unwrap().len(),
        before["connections"].as_array().unwrap().len() + 1
    );
}

/// More is to go than anybody meant: a person looks at it first, and at nothing else than that plan.
#[tokio::test]
async fn a_mass_deletion_waits_for_a_person_and_for_that_plan() {
    let house = House::settled(Terms {
        environment: vec!["prune: { checks: disable }"],
        ..Terms::default()
    })
    .await;
    for column in ["id", "amount", "status", "city", "street", "phone"] {
        house.push(&[(&check("orders", column), None)]);
    }
    let held = house.untouched(house.reconcile("prod")).await;
    assert_eq!(reasons(&held), ["delete_share"], "{held:#}");

    // What was looked at is no longer what would be done.
    house.push(&[(&check("orders", "placed"), None)]);
    house.untouched(house.reconcile("prod")).await;
    let path = format!("/api/v1/runs/{}/approve", held["id"].as_str().unwrap());
    let (status, problem) = house
        .post(&path, json!({"digest": held["plan"]["digest"], "by": "somebody"}))
        .await;
    assert_eq!(status, 409, "{problem}");

    let held = house.reconcile("prod").await;
    let run = house.approve(&held).await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    assert_eq!(outcomes(&run).len(), 7);
    // Archived, with all that they have gathered, and not erased.
    assert_eq!(house.live("orders__notnull__id").await.unwrap()["status"], "Discarded");
    house.in_sync().await;
}

/// One line of a plan took seventeen resources along, and no guard had counted them.
#[tokio::test]
async fn what_goes_with_a_deletion_counts_as_deleted() {
    for prune in [
        "prune: { datastores: delete }",
        "prune: { datastores: delete, checks: disable }",
    ] {
        let house = House::settled(Terms {
            environment: vec![prune],
            ..Terms::default()
        })
        .await;
        house.git(&["rm", "-rq", "config/datastores"]);
        house.push(&[]);
        let run = house.untouched(house.reconcile("prod")).await;
        assert!(reasons(&run).contains(&"delete_share".to_owned()), "{run:#}");
    }
}

/// A change of the path in the config was a change of everything that the environment wished for.
#[tokio::test]
async fn another_path_in_the_config_deletes_nothing() {
    let mut house = House::settled(strict()).await;
    house.git(&["mv", "config", "elsewhere"]);
    let gone = check("orders", "city").replace("config/", "elsewhere/");
    house.push(&[(&gone, None)]);
    house.kill().await;
    let config = std::fs::read_to_string(house.repo.folder().join("driftless.yaml")).unwrap();
    let moved = config.replace("path: config", "path: elsewhere");
    std::fs::write(house.repo.folder().join("moved.yaml"), moved).unwrap();
    let apply = ["apply", "--config", "moved.yaml", "--environment", "prod", "--yes"];
    for _ in 0..2 {
        let (code, printed) = house.untouched(house.run(&apply)).await;
        assert_eq!(code, 0, "{printed}");
    }
    // What the new path names is as much its own as before.
    house.push(&[(&check("orders", "street").replace("config/", "elsewhere/"), None)]);
    let (code, printed) = house.run(&apply).await;
    assert_eq!(code, 0, "{printed}");
    assert!(!house.has("orders__notnull__street").await, "{printed}");
    assert!(house.has("orders__notnull__city").await, "{printed}");
}
