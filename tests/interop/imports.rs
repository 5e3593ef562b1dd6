//! What both clients make of one folder.

use driftless::sandbox::qualytics::{Switches, example_seed};
use serde_json::{Value as Json, json};

use super::exports::golden_seed;
use super::hostile;
use super::official::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn an_official_dry_run_writes_nothing() {
    let seed = golden_seed();
    let bench = Bench::start(&seed).await;
    bench.our_export("config").await;
    let empty = bench.empty_like(&seed).await;
    for instance in [&bench, &empty] {
        let before = instance.state().await;
        instance.writes().await;
        let folder = bench.path("config");
        let said = instance
            .official(&["config", "import", "--dry-run", "--input", folder.to_str().unwrap()])
            .await
            .succeeds();
        assert!(said.out.contains("DRY RUN"), "{}", said.out);
        assert_eq!(instance.writes().await, 0);
        assert_eq!(instance.state().await, before);
    }
}

/// Each fills an empty instance from what the other wrote, and both make the same.
async fn filled_alike(seed: &Json) -> (Bench, Bench, Bench) {
    let bench = Bench::start(seed).await;
    bench.our_export("config").await;
    bench.official_export("official").await;
    let (folder, official) = (bench.path("config"), bench.path("official"));
    let (theirs, ours) = (bench.empty_like(seed).await, bench.empty_like(seed).await);
    tokio::join!(theirs.official_import(&folder), ours.apply(&official));
    // The files name the uid of every check. Where it came from, not every check has it yet.
    bench.apply(&folder).await;
    let expected = bench.state().await;
    assert_state(&expected, &theirs.state().await);
    assert_state(&expected, &ours.state().await);
    (bench, theirs, ours)
}

async fn both_fill_an_empty_instance(seed: &Json) {
    let (bench, theirs, ours) = filled_alike(seed).await;
    let folder = bench.path("config");
    // To each, what the other did is as the folder says.
    let (code, plan) = theirs.plan(&folder).await;
    assert_eq!((code, &plan["changes"]), (Some(0), &json!([])));
    ours.writes().await;
    ours.official_import(&folder).await;
    assert_state(&bench.state().await, &ours.state().await);
    let (code, plan) = ours.plan(&folder).await;
    assert_eq!((code, &plan["changes"]), (Some(0), &json!([])));
}

/// Fails with the rows that differ.
#[track_caller]
fn assert_state(expected: &Json, found: &Json) {
    for (kind, rows) in expected.as_object().unwrap() {
        let (rows, others) = (rows.as_array().unwrap(), found[kind].as_array().unwrap());
        let missing: Vec<&Json> = rows.iter().filter(|row| !others.contains(row)).take(3).collect();
        let extra: Vec<&Json> = others.iter().filter(|row| !rows.contains(row)).take(3).collect();
        assert!(
            missing.is_empty() && extra.is_empty() && rows.len() == others.len(),
            "{kind}: {} expected, {} found\nmissing {missing:#?}\nextra {extra:#?}",
            rows.len(),
            others.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_golden_folder_fills_an_empty_instance_alike() {
    both_fill_an_empty_instance(&golden_seed()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn computed_containers_fields_and_enrichment_fill_an_empty_instance_alike() {
    both_fill_an_empty_instance(&example_seed(2, 4, 60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_checks_fill_an_empty_instance_alike() {
    let (bench, theirs, _) = filled_alike(&example_seed(5, 10, 200)).await;
    let (code, plan) = theirs.plan(&bench.path("config")).await;
    assert_eq!((code, &plan["changes"]), (Some(0), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_strings_fill_an_empty_instance_alike() {
    both_fill_an_empty_instance(&hostile::strings()).await;
}

/// The order of a list of values is Git's when it is written, and no difference when it is not.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_a_list_of_values_is_kept_and_is_no_difference() {
    let bench = Bench::start(&example_seed(1, 1, 5)).await;
    bench.our_export("config").await;
    let folder = bench.path("config");
    let file = folder.join("datastores/warehouse_01/checks/orders_01/expectedvalues__status.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (front, back) = ("  - new\n", "  - shipped\n");
    let swapped = text.replace(front, "@").replace(back, front).replace('@', back);
    assert_ne!(swapped, text);
    std::fs::write(&file, &swapped).unwrap();
    assert_eq!(bench.plan(&folder).await.0, Some(0));
    // Another field is written, and the list goes with it as Git has it: the next export shows no difference.
    std::fs::write(&file, swapped.replace("description: ", "description: Now ")).unwrap();
    bench.apply(&folder).await;
    let again = bench.our_export("again").await;
    let found = &again["datastores/warehouse_01/checks/orders_01/expectedvalues__status.yaml"];
    assert_eq!(*found, swapped.replace("description: ", "description: Now "));
}

/// Where listings hide enrichment stores, the official client does not find the one to link, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_the_official_client_passes_over_is_all_that_is_left_to_do() {
    let seed = example_seed(1, 2, 10);
    let bench = Bench::switched(&seed, Switches::default()).await;
    bench.our_export("config").await;
    let folder = bench.path("config");
    let empty = bench.empty_like(&seed).await;
    empty.official_import(&folder).await;
    let (code, plan) = empty.plan(&folder).await;
    assert_eq!(code, Some(2));
    let fields: Vec<&Json> = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|change| change["fields"].as_array().unwrap())
        .map(|field| &field["path"])
        .collect();
    assert_eq!(fields, ["enrich_datastore_name"], "{plan:#}");
    empty.apply(&folder).await;
    assert_state(&bench.state().await, &empty.state().await);
}

/// The difference that makes teams move: importing what was exported, where checks were made by hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_made_by_hand_is_adopted_where_the_official_client_makes_another() {
    let seed = json!({
        "warehouse": {"a|s": [{"name": "orders", "kind": "table", "fields": [["id", "Integral"]]}]},
        "connections": [{"name": "pg", "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "u", "password": "p"}],
        "datastores": [{"name": "dw", "connection_name": "pg", "database": "a", "schema": "s"}],
        "checks": [{
            "datastore": "dw", "container": "orders", "rule": "notNull", "fields": ["id"], "description": "There",
            "properties": {}, "tags": [],
        }],
    });
    let theirs = Bench::start(&seed).await;
    theirs
        .side("PUT", "switches", json!({"duplicate_checks": "accept"}))
        .await;
    theirs.official_export("config").await;
    let folder = theirs.path("config");
    theirs.official_import(&folder).await;
    assert_eq!(theirs.state().await["checks"].as_array().unwrap().len(), 2);

    let ours = Bench::start(&seed).await;
    ours.side("PUT", "switches", json!({"duplicate_checks": "accept"}))
        .await;
    ours.writes().await;
    ours.apply(&folder).await;
    assert_eq!(ours.writes().await, 1);
    let checks = ours.state().await["checks"].clone();
    assert_eq!(checks.as_array().unwrap().len(), 1);
    assert_eq!(
        checks[0]["additional_metadata"]["_qualytics_check_uid"],
        "orders__notnull__id"
    );
}
