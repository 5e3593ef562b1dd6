//! What a pass has to do: what is live before it, what the files say, what is allowed.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftless::sandbox::qualytics::{Overlap, Switches, example_seed};
use driftless_core::policy::{Guards, Policy};
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::pipeline::{Files, exported, variables};

/// A pass to be broken.
pub(crate) struct Case {
    /// The instance before it, as a seed.
    pub(crate) before: Value,
    /// How the instance answers what its description leaves open.
    pub(crate) switches: Switches,
    /// The desired folder.
    pub(crate) files: Arc<Files>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) policy: Policy,
}

/// Whether a row of a state is somebody else's: no file names it.
pub(crate) fn is_foreign(row: &Value) -> bool {
    let is = |key: &str| {
        row[key]
            .as_str()
            .is_some_and(|name| name.to_lowercase().contains("foreign"))
    };
    is("name") || is("datastore") || is("container") || is("description")
}

/// Checks of each of the two datastores.
const CHECKS: usize = 33;

impl Case {
    /// One datastore of which most is there and much is different, and one of which nothing is: all five kinds are created, updated
    /// and adopted, a table is discovered, fields are profiled, a tag is made, two datastores are linked with a third, and
    /// passwords are sent.
    pub(crate) async fn mixed() -> Self {
        let full = full();
        let wanted = Instance::start(full.clone(), Switches::default()).await;
        let files = exported(&wanted).await;
        let mut before = without_second(full);
        age(&mut before);
        add_foreign(&mut before);
        Self {
            before,
            // A check that is sent twice is to be there twice.
            switches: Switches {
                duplicate_checks: Overlap::Accept,
                ..Switches::default()
            },
            variables: variables(&files),
            files: Files::new(files),
            policy: Policy {
                guards: Guards {
                    update_share: 100,
                    ..Guards::default()
                },
                ..Policy::default()
            },
        }
    }
}

fn rows<'a>(seed: &'a mut Value, kind: &str) -> &'a mut Vec<Value> {
    seed[kind].as_array_mut().unwrap()
}

/// What the files say.
fn full() -> Value {
    let mut seed = example_seed(2, 3, CHECKS);
    rows(&mut seed, "tags").push(json!("gold"));
    for store in rows(&mut seed, "datastores") {
        if store["name"] == "Warehouse 02" {
            store["tags"] = json!(["production", "gold"]);
        }
    }
    let stores = ["Warehouse 01", "Warehouse 02"];
    for store in stores {
        rows(&mut seed, "containers").push(json!({
            "datastore": store, "container_type": "computed_table", "name": "open_orders", "description": "Not yet paid",
            "query": "SELECT id, status, amount AS due FROM orders_01 WHERE status = 'new'", "tags": ["critical"],
        }));
        rows(&mut seed, "computed_fields").push(json!({
            "datastore": store, "container": "customers_02", "name": "score_int", "transformation": "cast",
            "source_fields": ["score"], "properties": {"target_type": "bigint"},
        }));
        for (container, field) in [
            ("open_orders", "due"),
            ("paid_orders", "paid"),
            ("customers_02", "score_int"),
        ] {
            let uid = format!("{container}__notnull__{field}");
            rows(&mut seed, "checks").push(json!({
                "datastore": store, "container": container, "rule": "notNull", "description": format!("{field} is there"),
                "fields": [field], "coverage": 0.5, "properties": {}, "tags": ["critical"], "status": "Active",
                "additional_metadata": { "_qualytics_check_uid": uid },
            }));
        }
    }
    seed
}

/// The second datastore and all in it are still to be made, and so are the tag and the connection that only it has.
fn without_second(mut seed: Value) -> Value {
    let second = json!("Warehouse 02");
    for kind in ["datastores", "containers", "computed_fields", "checks"] {
        rows(&mut seed, kind).retain(|row| row["name"] != second && row["datastore"] != second);
    }
    rows(&mut seed, "connections").retain(|row| row["name"] != "prod-pg-2");
    rows(&mut seed, "tags").retain(|tag| tag != "gold");
    seed
}

/// Of the first datastore a part is missing and a part is different.
fn age(seed: &mut Value) {
    for connection in rows(seed, "connections") {
        if connection["name"] == "prod-pg-1" {
            connection["host"] = json!("old.example.com");
        }
    }
    for store in rows(seed, "datastores") {
        if store["name"] == "Warehouse 01" {
            store["description"] = json!("As it was");
            store.as_object_mut().unwrap().shift_remove("enrich_datastore_name");
        }
    }
    rows(seed, "containers").retain(|row| row["name"] != "open_orders");
    for container in rows(seed, "containers") {
        if container["name"] == "paid_orders" {
            container["query"] = json!("SELECT id, customer_id FROM orders_01 WHERE status = 'paid'");
        }
    }
    rows(seed, "computed_fields").retain(|row| row["name"] != "score_int");
    for field in rows(seed, "computed_fields") {
        field["properties"] = json!({ "target_type": "double" });
    }
    let on_new = ["open_orders", "paid_orders", "score_int"];
    rows(seed, "checks").retain(|row| {
        let is = |value: &Value| value.as_str().is_some_and(|name| on_new.contains(&name));
        !is(&row["container"]) && !is(&row["fields"][0])
    });
    let mut number = 0;
    rows(seed, "checks").retain_mut(|check| {
        number += 1;
        match number % 3 {
            0 => return false,
            1 => check["description"] = json!("As it was"),
            _ => {}
        }
        true
    });
}

/// What is beside it, and no file knows of.
fn add_foreign(seed: &mut Value) {
    seed["warehouse"]["foreign|public"] =
        json!([{ "name": "ledger", "kind": "table", "fields": [["id", "Integral"]] }]);
    rows(seed, "connections").push(json!({
        "name": "foreign-pg", "type": "postgresql", "host": "foreign.example.com", "port": 5432,
        "username": "somebody", "password": "of-somebody",
    }));
    rows(seed, "datastores").push(json!({
        "name": "Foreign", "connection_name": "foreign-pg", "database": "foreign", "schema": "public",
        "teams": ["Analysts"], "tags": [],
    }));
    rows(seed, "containers").push(json!({
        "datastore": "Warehouse 01", "container_type": "computed_table", "name": "foreign_table",
        "query": "SELECT id FROM orders_01", "tags": ["critical"],
    }));
    rows(seed, "computed_fields").push(json!({
        "datastore": "Warehouse 01", "container": "orders_01", "name": "foreign_field", "transformation": "cast",
        "source_fields": ["quantity"], "properties": {"target_type": "bigint"},
    }));
    for (store, container, metadata) in [
        ("Foreign", "ledger", json!({})),
        ("Warehouse 01", "orders_01", json!({})),
        (
            "Warehouse 01",
            "orders_01",
            json!({ "_qualytics_check_uid": "by_hand" }),
        ),
        ("Warehouse 01", "foreign_table", json!({})),
    ] {
        rows(seed, "checks").push(json!({
            "datastore": store, "container": container, "rule": "notNull", "description": "Foreign: somebody's own",
            "fields": ["id"], "coverage": 0.75, "properties": {}, "tags": [], "status": "Active",
            "additional_metadata": metadata,
        }));
    }
}
