//! A field that Git does not name keeps what somebody gave it, whatever else of its resource is written.

use std::collections::BTreeMap;

use driftless::sandbox::qualytics::{Put, PutReading, Switches};
use serde_json::{Value, json};

use crate::instance::{Instance, differences};
use crate::pipeline::{Files, assert_converged, clean_pass, environment, memory};

const CONNECTION: &str = "config/connections/pg.yaml";
const DATASTORE: &str = "config/datastores/shop/_datastore.yaml";
const CONTAINER: &str = "config/datastores/shop/containers/paid/_container.yaml";
const FIELD: &str = "config/datastores/shop/containers/orders/computed_fields/amount_int.yaml";
const CHECK: &str = "config/datastores/shop/checks/orders/between__amount.yaml";

/// One resource of each kind, with as few fields as it can have.
fn files() -> BTreeMap<String, String> {
    [
        (
            CONNECTION,
            "name: pg\ntype: postgresql\nhost: db.example.com\nport: 5432\nusername: reader\npassword: sesame\n",
        ),
        (
            DATASTORE,
            "name: shop\nconnection_name: pg\ndatabase: shop\nschema: public\ndescription: Sales\nteams:\n- Public\n",
        ),
        (
            CONTAINER,
            "container_type: computed_table\nname: paid\ndatastore_name: shop\nquery: SELECT id, amount FROM orders\n",
        ),
        (
            FIELD,
            "name: amount_int\ntransformation: cast\nsource_fields:\n- amount\nproperties:\n  target_type: bigint\n",
        ),
        (
            CHECK,
            "rule_type: between\ncontainer: orders\nfields:\n- amount\nproperties:\n  min: 0\n  max: 100\n  \
             inclusive_min: true\n  inclusive_max: true\nadditional_metadata:\n  _qualytics_check_uid: orders__between__amount\n",
        ),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into()
}

fn seed() -> Value {
    json!({
        "warehouse": { "shop|public": [
            { "name": "orders", "kind": "table", "fields": [["id", "Integral"], ["amount", "Fractional"], ["note", "String"]] },
        ]},
        "tags": ["by-hand", "also-by-hand"],
        "teams": ["Public", "Hands"],
    })
}

/// What somebody sets by hand on each kind: `(kind, where, what)`.
fn by_hand() -> Vec<(&'static str, Value, Value)> {
    vec![
        (
            "connection",
            json!({ "name": "pg" }),
            json!({ "jdbc_fetch_size": 777, "max_parallelization": 3, "parameters": { "sslmode": "require" } }),
        ),
        (
            "datastore",
            json!({ "name": "shop" }),
            json!({ "high_count_rollup_threshold": 77, "tags": ["by-hand"], "enrichment_source_record_limit": 33 }),
        ),
        (
            "container",
            json!({ "datastore": "shop", "name": "paid" }),
            json!({ "description": "Set by hand", "tags": ["by-hand"], "additional_metadata": { "kept": "yes" } }),
        ),
        (
            "computed_field",
            json!({ "datastore": "shop", "container": "orders", "name": "amount_int" }),
            json!({ "additional_metadata": { "kept": "yes" } }),
        ),
        (
            "check",
            json!({ "uid": "orders__between__amount" }),
            json!({ "description": "Set by hand", "tags": ["by-hand", "also-by-hand"], "coverage": 0.5,
                    "filter": "id > 7", "anomaly_message_field": "note" }),
        ),
    ]
}

async fn keeps_what_was_set_by_hand(put: Put, with_ledger: bool) {
    let switches = Switches {
        put: PutReading::all(put),
        ..Switches::default()
    };
    let instance = Instance::start(seed(), switches).await;
    let files = Files::new(files());
    let memory = if with_ledger { Some(memory().await) } else { None };
    let environment = environment(&instance, &files, BTreeMap::new(), memory);
    let _ = clean_pass(&environment).await;
    assert_converged(&instance, &environment).await;
    for (kind, place, set) in by_hand() {
        instance.edit(kind, place, set).await;
    }
    // What Git does not say is no drift.
    assert_converged(&instance, &environment).await;
    let mut expected = instance.state().await;

    files.edit(CONNECTION, "db.example.com", "db2.example.com");
    files.edit(DATASTORE, "description: Sales", "description: All sales");
    files.edit(
        CONTAINER,
        "SELECT id, amount FROM orders",
        "SELECT id, amount FROM orders WHERE id > 1",
    );
    files.edit(FIELD, "bigint", "integer");
    files.edit(CHECK, "max: 100", "max: 200");
    instance.forget().await;
    let report = clean_pass(&environment).await;
    assert_eq!(report.tally().updated, 5, "{:?}", report.tally());
    assert_eq!(instance.writes().await.len(), 5);
    expected["connections"][0]["host"] = json!("db2.example.com");
    expected["datastores"][0]["description"] = json!("All sales");
    for container in expected["containers"].as_array_mut().unwrap() {
        if container["name"] == "paid" {
            container["query"] = json!("SELECT id, amount FROM orders WHERE id > 1");
        }
    }
    expected["computed_fields"][0]["properties"]["target_type"] = json!("integer");
    expected["checks"][0]["properties"]["max"] = json!(200);
    let what = format!("{put:?}, with a ledger: {with_ledger}");
    assert_eq!(
        differences(&instance.state().await, &expected),
        [] as [String; 0],
        "{what}"
    );
    assert_converged(&instance, &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_put_clears_no_field_that_git_does_not_name() {
    keeps_what_was_set_by_hand(Put::Full, true).await;
    keeps_what_was_set_by_hand(Put::Full, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_put_keeps_every_field_that_git_does_not_name() {
    keeps_what_was_set_by_hand(Put::Partial, true).await;
    keeps_what_was_set_by_hand(Put::Partial, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_as_documented_keeps_every_field_that_git_does_not_name() {
    keeps_what_was_set_by_hand(Put::Documented, true).await;
    keeps_what_was_set_by_hand(Put::Documented, false).await;
}
