//! Properties over generated configurations, live instances and changes made by hand.

use std::collections::{BTreeMap, BTreeSet};

use driftless::engine::reconcile::{Environment, Prepared};
use driftless::sandbox::qualytics::{ContainerProfile, Overlap, Put, PutReading, Switches};
use driftless_core::key::Key;
use driftless_core::plan::{Action, Plan};
use driftless_core::render;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::instance::{Instance, differences};
use crate::pipeline::{Files, assert_converged, carried_out, clean_pass, environment, memory, planned};

const TABLES: [&str; 3] = ["orders", "customers", "items"];
const STORES: [&str; 2] = ["shop", "crm"];
const TAGS: [&str; 3] = ["alpha", "beta", "gamma"];

/// One datastore and what hangs on it.
#[derive(Clone, Debug)]
struct Store {
    /// Whether its connection is the first or the second.
    connection: bool,
    description: Option<String>,
    tags: Vec<&'static str>,
    /// Whether it writes to the enrichment datastore.
    enriched: bool,
    /// The computed table, by the least id that it shows.
    table: Option<u8>,
    /// A join of the computed table, if there is one, or of a plain one.
    join: bool,
    /// Computed fields, by the table that they are in.
    fields: BTreeSet<usize>,
    checks: BTreeMap<(usize, usize), Check>,
    /// A check on a field of the computed table, and one on the computed field.
    on_computed: bool,
}

#[derive(Clone, Debug)]
struct Check {
    value: u16,
    description: String,
    tags: Vec<&'static str>,
    coverage: Option<u8>,
    draft: bool,
    /// Whether it says its own id, or leaves it to be generated.
    names_itself: bool,
}

type World = Vec<Store>;

fn tags() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(TAGS.to_vec(), 0..=3)
}

fn check() -> impl Strategy<Value = Check> {
    let text = prop::sample::select(vec![
        "Plain",
        "yes",
        "12:30",
        "with: colon",
        "ünïcode # not a comment",
        "'quoted'",
    ]);
    (
        0..400_u16,
        text,
        tags(),
        prop::option::of(1..=99_u8),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(value, description, tags, coverage, draft, names_itself)| Check {
            value,
            description: description.to_owned(),
            tags,
            coverage,
            draft,
            names_itself,
        })
}

fn store() -> impl Strategy<Value = Store> {
    let checks = prop::collection::btree_map((0..TABLES.len(), 0..RULES.len()), check(), 0..7);
    (
        any::<bool>(),
        prop::option::of("[A-Za-z ]{1,12}[a-z]"),
        tags(),
        any::<bool>(),
        prop::option::of(0..5_u8),
        any::<bool>(),
        prop::collection::btree_set(0..TABLES.len(), 0..3),
        checks,
        any::<bool>(),
    )
        .prop_map(
            |(connection, description, tags, enriched, table, join, fields, checks, on_computed)| Store {
                connection,
                description,
                tags,
                enriched,
                table,
                join,
                fields,
                checks,
                on_computed,
            },
        )
}

fn world() -> impl Strategy<Value = World> {
    prop::collection::vec(store(), 1..=STORES.len())
}

/// Rules with their fields; `{}` stands for the check's value in the properties.
const RULES: [(&str, &[&str], &str); 5] = [
    ("notNull", &["id"], "{}"),
    (
        "between",
        &["amount"],
        "{inclusive_min: true, inclusive_max: true, min: 0, max: VALUE}",
    ),
    ("maxLength", &["note"], "{value: VALUE}"),
    ("existsIn", &["id"], "{field_name: id, ref_container_name: customers}"),
    ("expectedValues", &["note"], "{list: [b, a, 'VALUE']}"),
];

const BETWEEN: usize = 1;

/// A scalar that YAML reads as this text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn files(world: &World) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut put = |path: String, text: String| files.insert(format!("config/{path}"), text);
    for number in [1, 2] {
        put(
            format!("connections/pg_{number}.yaml"),
            format!(
                "name: pg-{number}\ntype: postgresql\nhost: db{number}.example.com\nport: 5432\nusername: reader\npassword: \
                 ${{PG_PASSWORD}}\n"
            ),
        );
    }
    put(
        "datastores/enrichment/_datastore.yaml".to_owned(),
        "name: enrichment\nconnection_name: pg-1\ndatabase: dq\nschema: results\nenrichment_only: true\n".to_owned(),
    );
    for (store, name) in world.iter().zip(STORES) {
        let root = format!("datastores/{name}");
        let connection = if store.connection { "pg-1" } else { "pg-2" };
        let mut text = format!("connection_name: {connection}\nname: {name}\ndatabase: {name}\nschema: public\n");
        if let Some(description) = &store.description {
            text.push_str(&format!("description: {}\n", quoted(description)));
        }
        if store.enriched {
            text.push_str("enrich_datastore_name: enrichment\n");
        }
        put(
            format!("{root}/_datastore.yaml"),
            format!("{text}tags: [{}]\n", store.tags.join(", ")),
        );
        if let Some(least) = store.table {
            put(
                format!("{root}/containers/recent/_container.yaml"),
                format!(
                    "container_type: computed_table\nname: recent\ndatastore_name: {name}\nquery: SELECT id, amount FROM orders \
                     WHERE id > {least}\n"
                ),
            );
        }
        if store.join {
            // What it joins cannot change in place: another join has another name.
            let left = if store.table.is_some() { "recent" } else { "orders" };
            put(
                format!("{root}/containers/both_{left}/_container.yaml"),
                format!(
                    "left_container_name: {left}\nright_container_name: customers\ncontainer_type: computed_join\nname: both_{left}\n\
                     left_join_field_name: id\nright_join_field_name: id\nleft_prefix: l\nright_prefix: r\njoin_type: inner\n\
                     select_clause: l_id AS id\ndatastore_name: {name}\n"
                ),
            );
        }
        for table in &store.fields {
            put(
                format!("{root}/containers/{}/computed_fields/whole.yaml", TABLES[*table]),
                "name: whole\ntransformation: cast\nsource_fields:\n- amount\nproperties:\n  target_type: bigint\n"
                    .to_owned(),
            );
        }
        for ((table, rule), check) in &store.checks {
            let (table, (rule, fields, properties)) = (TABLES[*table], RULES[*rule]);
            let uid = format!("{table}__{}__{}", rule.to_lowercase(), fields.join("_"));
            let mut text = format!(
                "rule_type: {rule}\ndescription: {}\ncontainer: {table}\nfields: [{}]\ncoverage: {}\nproperties: {}\ntags: \
                 [{}]\nstatus: {}\n",
                quoted(&check.description),
                fields.join(", "),
                check
                    .coverage
                    .map_or("null".to_owned(), |hundredths| format!("0.{hundredths:02}")),
                properties.replace("VALUE", &check.value.to_string()),
                check.tags.join(", "),
                if check.draft { "Draft" } else { "Active" },
            );
            if check.names_itself {
                text.push_str(&format!("additional_metadata:\n  _qualytics_check_uid: {uid}\n"));
            }
            put(
                format!(
                    "{root}/checks/{table}/{}__{}.yaml",
                    rule.to_lowercase(),
                    fields.join("_")
                ),
                text,
            );
        }
        let computed = store.table.map(|_| ("recent", "amount"));
        let computed = computed
            .into_iter()
            .chain(store.fields.first().map(|table| (TABLES[*table], "whole")));
        for (container, field) in computed.filter(|_| store.on_computed) {
            put(
                format!("{root}/checks/{container}/notnegative__{field}.yaml"),
                format!("rule_type: notNegative\ncontainer: {container}\nfields: [{field}]\nproperties: {{}}\n"),
            );
        }
    }
    files
}

/// An instance whose tables are there to be found, and which holds things that are nobody's business.
fn seed() -> Value {
    let fields = json!([["id", "Integral"], ["amount", "Fractional"], ["note", "String"]]);
    let tables: Vec<Value> = TABLES
        .iter()
        .map(|name| json!({ "name": name, "kind": "table", "fields": fields }))
        .collect();
    json!({
        "warehouse": { "shop|public": tables, "crm|public": tables, "other|public": tables },
        "tags": TAGS,
        "teams": ["Public"],
        "connections": [{ "name": "foreign", "type": "postgresql", "host": "f.example.com", "port": 5432,
                          "username": "f", "password": "not-ours" }],
        "datastores": [{ "name": "foreign", "connection_name": "foreign", "database": "other", "schema": "public",
                         "teams": ["Public"] }],
        "containers": [{ "datastore": "foreign", "container_type": "computed_table", "name": "foreign_table",
                         "query": "SELECT id FROM orders" }],
        "checks": [{ "datastore": "foreign", "container": "orders", "rule": "notNull", "fields": ["id"],
                     "description": "foreign", "properties": {},
                     "additional_metadata": { "_qualytics_check_uid": "foreign" } }],
    })
}

/// The rows that are nobody's business.
fn foreign(state: &Value) -> Vec<Value> {
    let parts = state
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_array)
        .flatten();
    parts
        .filter(|row| row.to_string().contains("foreign") && row["name"] != "shop" && row["name"] != "crm")
        .cloned()
        .collect()
}

/// What a plan does to resources, operations apart.
fn resources(plan: &Plan) -> Vec<(Key, &'static str)> {
    plan.steps
        .iter()
        .filter(|step| !matches!(step.change.action, Action::Operation(_)))
        .map(|step| (step.change.key.clone(), step.change.action.word()))
        .collect()
}

#[derive(Clone, Debug)]
struct Case {
    live: World,
    git: World,
    /// Which share of the plan's steps is carried out before the rest is planned anew, in hundredths.
    prefix: usize,
    full_put: bool,
    profiles: bool,
    duplicates: bool,
    with_ledger: bool,
}

fn case() -> impl Strategy<Value = Case> {
    (
        world(),
        world(),
        0..=100_usize,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(live, git, prefix, full_put, profiles, duplicates, with_ledger)| Case {
                live,
                git,
                prefix,
                full_put,
                profiles,
                duplicates,
                with_ledger,
            },
        )
}

fn variables() -> BTreeMap<String, String> {
    [("PG_PASSWORD".to_owned(), "open-sesame".to_owned())].into()
}

async fn no_write_was_refused(instance: &Instance) {
    for (method, path, status) in instance.writes().await {
        assert!((200..300).contains(&status), "{method} {path}: {status}");
        assert_ne!(method, "DELETE", "{path}");
    }
}

/// Equal inputs, equal bytes; what is referred to comes first.
async fn planned_twice(environment: &Environment) -> Prepared {
    let (one, two) = (planned(environment).await, planned(environment).await);
    assert_eq!(render::plan_json(&one.plan), render::plan_json(&two.plan));
    assert_eq!(render::plan_text(&one.plan), render::plan_text(&two.plan));
    assert_eq!(one.plan.digest, two.plan.digest);
    assert!(one.plan.blocked.is_empty(), "{:#?}", one.plan.blocked);
    assert!(one.diagnostics.is_empty(), "{:#?}", one.diagnostics);
    for (index, step) in one.plan.steps.iter().enumerate() {
        assert!(step.after.iter().all(|before| *before < index), "{:?}", step.change);
    }
    one
}

async fn holds(case: Case) {
    let switches = Switches {
        put: PutReading::all(if case.full_put { Put::Full } else { Put::Documented }),
        container_profile: if case.profiles {
            ContainerProfile::Automatic
        } else {
            ContainerProfile::Manual
        },
        duplicate_checks: if case.duplicates {
            Overlap::Accept
        } else {
            Overlap::Refuse
        },
        ..Switches::default()
    };
    let instance = Instance::start(seed(), switches).await;
    let untouched = foreign(&instance.state().await);
    assert!(untouched.len() >= 4, "{untouched:?}");

    // What is live came from elsewhere: the ledger, if there is one, knows nothing of it.
    let elsewhere = environment(&instance, &Files::new(files(&case.live)), variables(), None);
    let _ = clean_pass(&elsewhere).await;
    no_write_was_refused(&instance).await;

    let files = Files::new(files(&case.git));
    let memory = if case.with_ledger { Some(memory().await) } else { None };
    let environment = environment(&instance, &files, variables(), memory);
    let mut prepared = planned_twice(&environment).await;
    instance.forget().await;
    let all = resources(&prepared.plan);
    let keep = prepared.plan.steps.len() * case.prefix / 100;
    prepared.plan.steps.truncate(keep);
    let done = resources(&prepared.plan).len();
    let report = carried_out(&environment, prepared).await;
    assert_eq!(report.tally().failed, 0, "{:#?}", report.outcomes);

    let prepared = planned_twice(&environment).await;
    let sorted = |resources: &[(Key, &'static str)]| resources.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        sorted(&resources(&prepared.plan)),
        sorted(&all[done..]),
        "after {done} of {}",
        all.len()
    );
    let report = carried_out(&environment, prepared).await;
    assert_eq!(
        (report.tally().failed, report.tally().skipped),
        (0, 0),
        "{:#?}",
        report.outcomes
    );
    no_write_was_refused(&instance).await;
    assert_converged(&instance, &environment).await;
    assert_eq!(foreign(&instance.state().await), untouched);

    // Somebody changes by hand what Git says: it is put back.
    let state = instance.state().await;
    instance
        .edit(
            "connection",
            json!({ "name": "pg-1" }),
            json!({ "host": "moved.example.com" }),
        )
        .await;
    instance
        .edit("datastore", json!({ "name": "shop" }), json!({ "tags": ["gamma"] }))
        .await;
    let in_git = |row: &Value| {
        let at = (row["datastore"].as_str(), row["container"].as_str());
        let of_store = |(name, store): (&&str, &Store)| {
            at.0 == Some(*name)
                && TABLES
                    .iter()
                    .enumerate()
                    .any(|(table, name)| at.1 == Some(*name) && store.checks.contains_key(&(table, BETWEEN)))
        };
        STORES.iter().zip(&case.git).any(of_store)
    };
    let ours = |row: &&Value| row["rule"] == RULES[BETWEEN].0 && in_git(row);
    for check in state["checks"].as_array().unwrap().iter().filter(ours) {
        let place =
            json!({ "uid": check["additional_metadata"]["_qualytics_check_uid"], "datastore": check["datastore"] });
        instance
            .edit("check", place, json!({ "description": "by hand", "tags": ["beta"] }))
            .await;
    }
    let _ = clean_pass(&environment).await;
    assert_eq!(differences(&instance.state().await, &state), [] as [String; 0]);
    assert_converged(&instance, &environment).await;
}

#[test]
fn any_configuration_converges_on_any_instance_in_order_and_touches_nothing_else() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: 24,
        failure_persistence: None,
        max_shrink_iters: 24,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&case(), |case| {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(holds(case))));
        ended.map_err(|panic| {
            let text = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            TestCaseError::fail(text.chars().take(3000).collect::<String>())
        })
    });
    run.unwrap();
}
