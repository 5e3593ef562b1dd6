//! What gets another name in Git gets it live, in one write, with its number and all that hangs on it; whatever goes wrong, the
//! next pass finishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use driftless::engine::reconcile::Environment;
use driftless::platform::qualytics::schema;
use driftless::sandbox::qualytics::Switches;
use driftless_core::plan::Action;
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::pipeline::{
    Files, Open, assert_converged, carried_out, clean_pass, environment, memory, pass, planned, platform,
};

pub(crate) const CONNECTION: &str = "config/connections/pg.yaml";
pub(crate) const DATASTORE: &str = "config/datastores/shop/_datastore.yaml";
pub(crate) const CONTAINER: &str = "config/datastores/shop/containers/paid/_container.yaml";
pub(crate) const FIELD: &str = "config/datastores/shop/containers/orders/computed_fields/amount_int.yaml";
pub(crate) const CHECK: &str = "config/datastores/shop/checks/paid/notnull__id.yaml";
pub(crate) const NAMELESS: &str = "config/datastores/shop/checks/paid/unique__id.yaml";
pub(crate) const FURTHER: &str = "config/datastores/shop/checks/orders/existsin__id.yaml";

/// One resource of each kind, and what refers to them.
pub(crate) fn files() -> BTreeMap<String, String> {
    [
        (
            CONNECTION,
            "name: pg\ntype: postgresql\nhost: db.example.com\nport: 5432\nusername: reader\npassword: sesame\n",
        ),
        (DATASTORE, "name: shop\nconnection_name: pg\ndatabase: shop\nschema: public\nteams:\n- Public\n"),
        (
            CONTAINER,
            "container_type: computed_table\nname: paid\nquery: SELECT id, amount FROM orders\n",
        ),
        (
            FIELD,
            "name: amount_int\ntransformation: cast\nsource_fields:\n- amount\nproperties:\n  target_type: bigint\n",
        ),
        (
            CHECK,
            "rule_type: notNull\ncontainer: paid\nfields:\n- id\nadditional_metadata:\n  _qualytics_check_uid: paid-id\n",
        ),
        (NAMELESS, "rule_type: unique\ncontainer: paid\nfields:\n- id\n"),
        (
            FURTHER,
            "rule_type: existsIn\ncontainer: orders\nfields:\n- id\nproperties:\n  field_name: id\n  \
             ref_container_name: paid\n  ref_datastore_name: shop\n",
        ),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into()
}

pub(crate) fn seed() -> Value {
    json!({
        "warehouse": { "shop|public": [
            { "name": "orders", "kind": "table", "fields": [["id", "Integral"], ["amount", "Fractional"]] },
        ]},
        "teams": ["Public"],
    })
}

/// Each kind's rename: the file, what it says, what it says then, and the keys that the ledger has then.
const RENAMES: &[(&str, &str, &str, &[&str])] = &[
    (
        CONNECTION,
        "name: pg\n",
        "name: postgres\nprevious_name: pg\n",
        &["connection/postgres"],
    ),
    (
        DATASTORE,
        "name: shop\n",
        "name: store\nprevious_name: shop\n",
        &[
            "datastore/store",
            "container/store/paid",
            "computed_field/store/orders/amount_int",
            "check/store/paid-id",
            "check/store/paid__unique__id",
            "check/store/orders__existsin__id",
        ],
    ),
    (
        FIELD,
        "name: amount_int\n",
        "name: whole_amount\nprevious_name: amount_int\n",
        &["computed_field/shop/orders/whole_amount"],
    ),
    (
        CHECK,
        "_qualytics_check_uid: paid-id\n",
        "_qualytics_check_uid: paid-ids\nprevious_name: paid-id\n",
        &["check/shop/paid-ids"],
    ),
];

/// What refers to something by its old name, with the new one.
fn follow(files: &Files) {
    for (path, old, new) in [
        (DATASTORE, "connection_name: pg\n", "connection_name: postgres\n"),
        (FURTHER, "ref_datastore_name: shop\n", "ref_datastore_name: store\n"),
    ] {
        let says = |path: &str, text: &str| files.text(path).contains(text);
        let renamed = match path {
            DATASTORE => says(CONNECTION, "name: postgres"),
            _ => says(DATASTORE, "name: store"),
        };
        if renamed && says(path, old) {
            files.edit(path, old, new);
        }
    }
}

struct Bench {
    instance: Instance,
    files: Arc<Files>,
    environment: Environment,
}

impl Bench {
    /// An instance that is what the files say.
    async fn start() -> Self {
        let instance = Instance::start(seed(), Switches::default()).await;
        let files = Files::new(files());
        let bare = environment(&instance, &files, BTreeMap::new(), Some(memory().await));
        let environment = Environment {
            platform: platform(&instance, Arc::new(Open), Duration::from_millis(400)),
            ..bare
        };
        let _ = clean_pass(&environment).await;
        let _ = clean_pass(&environment).await;
        instance.forget().await;
        Self {
            instance,
            files,
            environment,
        }
    }

    async fn ledger(&self) -> BTreeSet<String> {
        let memory = self.environment.memory.as_ref().unwrap();
        let ledger = memory.store.ledger(&memory.name, schema()).await.unwrap();
        ledger.entries.keys().map(ToString::to_string).collect()
    }

    /// The numbers of everything, by kind: a rename keeps them.
    async fn numbers(&self) -> BTreeMap<String, Vec<u64>> {
        let state = self.instance.full_state().await;
        let kinds = ["connections", "datastores", "containers", "checks"];
        let numbers = |kind: &str| -> Vec<u64> {
            let mut ids: Vec<u64> = state[kind]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|raw| raw["id"].as_u64())
                .collect();
            ids.sort_unstable();
            ids
        };
        kinds.into_iter().map(|kind| (kind.to_owned(), numbers(kind))).collect()
    }

    fn rename(&self, path: &str, old: &str, new: &str) {
        // `previous_name` stands at the top of a document, wherever the name stands.
        let (line, previous) = new.split_once('\n').unwrap();
        self.files.edit(path, old, &format!("{line}\n"));
        self.files.put(path, format!("{previous}{}", self.files.text(path)));
        follow(&self.files);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_of_each_kind_is_one_write_and_keeps_its_number_and_what_hangs_on_it() {
    for (path, old, new, keys) in RENAMES {
        let bench = Bench::start().await;
        let (numbers, ledger) = (bench.numbers().await, bench.ledger().await);
        bench.rename(path, old, new);
        let report = clean_pass(&bench.environment).await;
        let text = driftless_core::render::plan_text(&report.plan);
        assert_eq!(report.plan.steps.len(), 1, "{text}");
        assert_eq!(report.plan.steps[0].change.fields.len(), 1, "{text}");
        assert_eq!(
            (&report.plan.orphaned, &report.plan.unmanaged),
            (&vec![], &vec![]),
            "{text}"
        );
        let writes = bench.instance.writes().await;
        assert_eq!(writes.len(), 1, "{writes:?}");
        assert_eq!((writes[0].0.as_str(), writes[0].2), ("PUT", 200), "{writes:?}");
        assert_eq!(bench.numbers().await, numbers);
        let after = bench.ledger().await;
        assert_eq!(after.len(), ledger.len());
        for key in *keys {
            assert!(after.contains(*key), "{key}: {after:?}");
        }
        assert_converged(&bench.instance, &bench.environment).await;
        // What is left of the old name is nothing.
        bench
            .files
            .put(path, bench.files.text(path).replace("previous_name", "# previous_name"));
        assert_converged(&bench.instance, &bench.environment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_container_takes_its_checks_along_and_a_uid_that_follows_from_its_name_is_written() {
    let bench = Bench::start().await;
    let numbers = bench.numbers().await;
    bench.rename(CONTAINER, "name: paid\n", "name: settled\nprevious_name: paid\n");
    for path in [CHECK, NAMELESS] {
        bench.files.edit(path, "container: paid\n", "container: settled\n");
    }
    bench
        .files
        .edit(FURTHER, "ref_container_name: paid\n", "ref_container_name: settled\n");
    let report = clean_pass(&bench.environment).await;
    let steps: Vec<(String, &Action)> = report
        .plan
        .steps
        .iter()
        .map(|step| (step.change.key.to_string(), &step.change.action))
        .collect();
    assert_eq!(
        steps,
        [
            ("container/shop/settled".to_owned(), &Action::Update),
            ("check/shop/settled__unique__id".to_owned(), &Action::Update)
        ]
    );
    assert_eq!(bench.instance.writes().await.len(), 2);
    assert_eq!(bench.numbers().await, numbers);
    assert_converged(&bench.instance, &bench.environment).await;
    bench.files.put(
        CONTAINER,
        bench.files.text(CONTAINER).replace("previous_name: paid\n", ""),
    );
    assert_converged(&bench.instance, &bench.environment).await;
    let ledger = bench.ledger().await;
    assert!(
        !ledger
            .iter()
            .any(|key| key.contains("/paid/") || key.ends_with("/paid")),
        "{ledger:?}"
    );
    assert!(!ledger.contains("check/shop/paid__unique__id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_takes_a_write_each() {
    let bench = Bench::start().await;
    let (numbers, ledger) = (bench.numbers().await, bench.ledger().await.len());
    for (path, old, new, _) in RENAMES {
        bench.rename(path, old, new);
    }
    let report = clean_pass(&bench.environment).await;
    assert_eq!(
        report.plan.steps.len(),
        4,
        "{}",
        driftless_core::render::plan_text(&report.plan)
    );
    assert_eq!(bench.instance.writes().await.len(), 4);
    assert_eq!(bench.numbers().await, numbers);
    assert_eq!(bench.ledger().await.len(), ledger);
    assert_converged(&bench.instance, &bench.environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_whose_answer_is_lost_is_not_repeated_as_something_else() {
    for (path, old, new, keys) in RENAMES {
        for kind in ["reset_after", "reset_before", "timeout_after"] {
            let what = format!("{kind}: {path}");
            let bench = Bench::start().await;
            let (numbers, ledger) = (bench.numbers().await, bench.ledger().await.len());
            bench.rename(path, old, new);
            let prepared = planned(&bench.environment).await;
            let rule = json!({ "kind": kind, "delay_ms": 3000, "method": "PUT", "nth": 1 });
            bench.instance.door("PUT", "faults", json!([rule])).await;
            let report = carried_out(&bench.environment, prepared).await;
            bench.instance.door("DELETE", "faults", Value::Null).await;
            assert_eq!(report.tally().failed, 0, "{what}: {:?}", report.outcomes);
            assert_eq!(bench.numbers().await, numbers, "{what}");
            let after = bench.ledger().await;
            assert_eq!(after.len(), ledger, "{what}");
            assert!(keys.iter().all(|key| after.contains(*key)), "{what}: {after:?}");
            assert_converged(&bench.instance, &bench.environment).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_fails_leaves_the_ledger_as_it_was_and_is_tried_again() {
    for (path, old, new, keys) in RENAMES {
        let bench = Bench::start().await;
        let (numbers, ledger) = (bench.numbers().await, bench.ledger().await);
        bench.rename(path, old, new);
        let prepared = planned(&bench.environment).await;
        let rule = json!({ "kind": "status", "status": 422, "method": "PUT" });
        bench.instance.door("PUT", "faults", json!([rule])).await;
        let report = carried_out(&bench.environment, prepared).await;
        bench.instance.door("DELETE", "faults", Value::Null).await;
        assert_eq!(report.tally().failed, 1, "{path}");
        assert_eq!(bench.ledger().await, ledger, "{path}");
        let _ = clean_pass(&bench.environment).await;
        assert!(bench.ledger().await.contains(keys[0]), "{path}");
        assert_eq!(bench.numbers().await, numbers, "{path}");
        assert_converged(&bench.instance, &bench.environment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_did_not_learn_of_a_rename_learns_it_without_a_write() {
    for (path, old, new, keys) in RENAMES {
        let bench = Bench::start().await;
        let ledger = bench.ledger().await;
        bench.rename(path, old, new);
        // As a process that dies between the write and the ledger leaves it: carried out for another ledger.
        let forgetful = Environment {
            memory: None,
            name: None,
            ..bench.environment.clone()
        };
        let _ = pass(&forgetful).await;
        bench.instance.forget().await;
        let report = clean_pass(&bench.environment).await;
        assert!(
            report.plan.is_empty(),
            "{path}: {}",
            driftless_core::render::plan_text(&report.plan)
        );
        assert_eq!(bench.instance.writes().await, [], "{path}");
        let after = bench.ledger().await;
        assert_eq!(after.len(), ledger.len(), "{path}: {after:?}");
        assert!(keys.iter().all(|key| after.contains(*key)), "{path}: {after:?}");
        assert_converged(&bench.instance, &bench.environment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_instance_renames_too() {
    for (path, old, new, _) in RENAMES {
        let bench = Bench::start().await;
        let numbers = bench.numbers().await;
        bench.rename(path, old, new);
        let bare = environment(&bench.instance, &bench.files, BTreeMap::new(), None);
        let report = pass(&bare).await;
        let text = driftless_core::render::plan_text(&report.plan);
        assert_eq!(bench.instance.writes().await.len(), 1, "{path}: {text}");
        assert_eq!(bench.numbers().await, numbers, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_the_instance_spells_with_other_capitals_are_found_and_stay() {
    let bench = Bench::start().await;
    for (kind, place, new) in [
        ("container", json!({ "name": "paid", "datastore": "shop" }), "Paid"),
        ("connection", json!({ "name": "pg" }), "PG"),
        ("datastore", json!({ "name": "shop" }), "Shop"),
    ] {
        bench.instance.edit(kind, place, json!({ "name": new })).await;
    }
    let fresh = Environment {
        memory: Some(memory().await),
        ..bench.environment.clone()
    };
    bench.instance.forget().await;
    let prepared = planned(&fresh).await;
    let mut codes: Vec<&str> = prepared.diagnostics.iter().map(|fault| fault.code).collect();
    codes.dedup();
    assert_eq!(codes, ["name_differs_in_case"], "{:#?}", prepared.diagnostics);
    let report = carried_out(&fresh, prepared).await;
    let text = driftless_core::render::plan_text(&report.plan);
    // The secret that nobody knows to be there is all that is sent.
    assert_eq!(report.plan.steps.len(), 1, "{text}");
    assert_eq!(report.plan.blocked, []);
    assert_eq!(report.plan.unmanaged, []);
    let state = bench.instance.state().await;
    assert_eq!(state["connections"][0]["name"], "PG");
    assert_converged(&bench.instance, &fresh).await;
}
