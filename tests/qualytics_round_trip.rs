//! The Qualytics adapter against the sandbox: what is exported is what the official client exports, what is read agrees with it,
//! and what is written comes back.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driftless::platform::http::Network;
use driftless::platform::qualytics::files::{ExportOptions, Exported, export};
use driftless::platform::qualytics::{Qualytics, QualyticsOptions, schema};
use driftless::platform::{Exchange, Found, Gate, Ids, Pass, Platform, Progress};
use driftless::sandbox::qualytics::{
    ConnectionReading, ContainerProfile, KeyOrder, NullProperties, Numbers, Put, PutReading, Switches, Toggle,
    example_seed,
};
use driftless::sandbox::{Options, Sandbox};
use driftless_core::key::Revision;
use driftless_core::load::{Layers, load};
use driftless_core::plan::{Action, Plan};
use driftless_core::planner::{Inputs, plan};
use driftless_core::policy::Policy;
use driftless_core::report::Failure;
use driftless_core::snapshot::{Desired, Scope};
use driftless_core::substitute::Variables;
use driftless_core::tree::{Content, File, Tree};
use driftless_core::value::Secret;
use driftless_core::yaml;
use serde_json::{Value as Json, json};

/// Lets everything through and counts.
#[derive(Default)]
struct Open(Mutex<Vec<&'static str>>);

#[async_trait]
impl Gate for Open {
    async fn enter(&self) -> Result<Pass, Failure> {
        Ok(Pass::new(()))
    }

    fn again(&self, _attempt: u32, _failure: &Failure) -> Option<Duration> {
        None
    }

    fn note(&self, exchange: &Exchange<'_>) {
        self.0.lock().unwrap().push(exchange.method);
    }
}

impl Open {
    /// How many reads and writes there were since the last time this was asked.
    fn taken(&self) -> (usize, usize) {
        let methods = std::mem::take(&mut *self.0.lock().unwrap());
        let reads = methods.iter().filter(|method| **method == "GET").count();
        (reads, methods.len() - reads)
    }
}

struct Bench {
    sandbox: Sandbox,
    qualytics: Qualytics,
    gate: Arc<Open>,
}

impl Bench {
    async fn start(seed: Json, switches: Switches) -> Self {
        let sandbox = Sandbox::start(Options {
            seed: Some(seed),
            switches: Switches {
                operation_ms: 0,
                ..switches
            },
            ..Options::default()
        })
        .await
        .unwrap();
        let gate = Arc::new(Open::default());
        let options = QualyticsOptions {
            url: sandbox.url(),
            token: Secret::new(sandbox.token()),
            network: Network::default(),
        };
        let qualytics = Qualytics::new(options, gate.clone()).unwrap();
        Self {
            sandbox,
            qualytics,
            gate,
        }
    }

    async fn export(&self) -> Exported {
        let exported = export(&self.qualytics, &ExportOptions::default()).await.unwrap();
        assert_eq!(exported.gaps, Vec::<String>::new());
        exported
    }

    async fn plan(&self, desired: &Desired) -> (Plan, Ids) {
        let live = self.qualytics.observe(desired, &Scope::default()).await.unwrap();
        assert_eq!(live.gaps, Vec::new());
        let ids = Ids::of(&live);
        let planned = plan(Inputs {
            environment: None,
            revision: None,
            desired: desired.clone(),
            live: &live,
            ledger: None,
            fingerprints: None,
            policy: &Policy {
                unknown_secrets: driftless_core::policy::UnknownSecrets::Keep,
                guards: driftless_core::policy::Guards {
                    update_share: 100,
                    ..driftless_core::policy::Guards::default()
                },
                ..Policy::default()
            },
            schema: schema(),
            circumstances: &driftless_core::guard::Circumstances::default(),
        });
        assert_eq!(planned.diagnostics, Vec::new());
        assert_eq!(planned.plan.blocked, Vec::new());
        (planned.plan, ids)
    }

    /// Carries a plan out, in its order, and looks each write up afterwards as if its answer had been lost.
    async fn apply(&self, plan: &Plan, ids: &Ids) {
        for step in &plan.steps {
            let key = &step.change.key;
            let mut progress = match self.qualytics.execute(step, ids).await {
                Ok(progress) => progress,
                Err(failure) => panic!("{key} {}: {failure:?}", step.change.action.word()),
            };
            let done = loop {
                match progress {
                    Progress::Done(done) => break done,
                    Progress::Running(job) => {
                        tokio::task::yield_now().await;
                        progress = self.qualytics.poll(&job, ids).await.unwrap();
                    }
                }
            };
            for (key, id) in done.learned {
                ids.put(key, id);
            }
            if let Action::Create | Action::Update = step.change.action {
                let id = done.remote.unwrap();
                ids.put(key.clone(), id);
                assert_eq!(self.qualytics.find(step, ids).await.unwrap(), Found::Done(id), "{key}");
            }
        }
    }
}

fn desired(exported: &Exported) -> Desired {
    let files = exported.files.iter().map(|file| File {
        path: file.path.as_str().into(),
        content: Content::Yaml(Arc::new(yaml::parse(file.text.as_bytes()))),
    });
    let tree = Tree {
        revision: Revision("r".to_owned()),
        files: files.collect(),
    };
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    let mut values = BTreeMap::new();
    for file in &exported.files {
        for (start, _) in file.text.match_indices("${") {
            let name = file.text[start + 2..].split('}').next().unwrap();
            values.insert(name.to_owned(), "a-secret".to_owned());
        }
    }
    let variables = Variables::new(values, Default::default());
    let loaded = load(&tree, &layers, &variables, &[], schema());
    assert_eq!(loaded.diagnostics, Vec::new());
    assert_eq!(loaded.desired.documents.len(), exported.files.len());
    loaded.desired
}

fn golden_seed() -> Json {
    let text = std::fs::read_to_string("tests/golden/s/seed.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What an instance is before anybody has configured it: its databases, tags and teams.
fn bare(seed: &Json) -> Json {
    let names = |field: &str, of: &str| -> Vec<Json> {
        let mut found: Vec<Json> = seed[field].as_array().into_iter().flatten().cloned().collect();
        for kind in ["datastores", "containers", "checks"] {
            for row in seed[kind].as_array().into_iter().flatten() {
                found.extend(row[of].as_array().into_iter().flatten().cloned());
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        let name = |row: &Json| row["name"].as_str().or(row.as_str()).unwrap().to_owned();
        found.retain(|row| seen.insert(name(row)));
        found
    };
    json!({ "warehouse": seed["warehouse"], "tags": names("tags", "tags"), "teams": names("teams", "teams") })
}

fn files_of(folder: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_of(&path, root, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn an_export_is_byte_for_byte_that_of_the_official_client() {
    let bench = Bench::start(golden_seed(), Switches::default()).await;
    let root = Path::new("tests/golden/s/export");
    let mut golden = BTreeMap::new();
    files_of(root, root, &mut golden);
    let exported: BTreeMap<String, String> = bench
        .export()
        .await
        .files
        .into_iter()
        .map(|file| (file.path, file.text))
        .collect();
    let paths = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&exported), paths(&golden));
    for (path, text) in &golden {
        assert_eq!(&exported[path], text, "{path}");
    }
}

#[tokio::test]
async fn what_was_exported_is_no_difference_and_costs_the_reads_it_may_and_no_write() {
    for seed in [golden_seed(), example_seed(3, 6, 240)] {
        let bench = Bench::start(seed.clone(), Switches::default()).await;
        let desired = desired(&bench.export().await);
        bench.gate.taken();
        let (plan, _) = bench.plan(&desired).await;
        let (reads, writes) = bench.gate.taken();
        assert!(plan.is_empty(), "{:#?}", plan.changes().take(3).collect::<Vec<_>>());
        assert_eq!(writes, 0);
        let count = |kind: &str| desired.documents.keys().filter(|key| key.kind.0 == kind).count();
        let datastores = count("datastore");
        let containers: std::collections::BTreeSet<_> = desired
            .documents
            .keys()
            .filter(|key| matches!(key.kind.0, "container" | "computed_field"))
            .map(|key| key.path()[..2].to_vec())
            .collect();
        let pages = |items: usize| items.div_ceil(100);
        let mut checks: BTreeMap<&String, usize> = BTreeMap::new();
        for key in desired.documents.keys().filter(|key| key.kind.0 == "check") {
            *checks.entry(&key.path()[0]).or_default() += 1;
        }
        let lists =
            pages(count("connection")) + pages(datastores) + checks.values().map(|count| pages(*count)).sum::<usize>();
        let budget = lists + datastores + containers.len() + 10;
        assert!(reads <= budget, "{reads} reads, {budget} allowed");
    }
}

#[tokio::test]
async fn what_is_applied_to_an_empty_instance_comes_back_whatever_the_platform_does_with_what_a_body_leaves_out() {
    for (index, switches) in readings().into_iter().enumerate() {
        let seed = example_seed(2, 4, 80);
        let from = Bench::start(seed.clone(), Switches::default()).await;
        let exported = from.export().await;
        let desired = desired(&exported);
        let to = Bench::start(bare(&seed), switches).await;
        let (plan, ids) = to.plan(&desired).await;
        assert!(plan.steps.len() >= desired.documents.len());
        to.apply(&plan, &ids).await;
        let (rest, _) = to.plan(&desired).await;
        let left: Vec<_> = rest.changes().take(3).collect();
        assert!(rest.is_empty(), "reading {index}: {left:#?}");
        // An export of it says what the first one said.
        if index == 0 {
            assert_same(&to.export().await, &exported);
        }
    }
}

/// An instance with one of everything.
fn everything() -> Json {
    let fields = json!([
        ["id", "Integral"],
        ["customer_id", "Integral"],
        ["amount", "Fractional"],
        ["name", "String"]
    ]);
    let table = |name: &str| json!({ "name": name, "kind": "table", "fields": fields });
    let file = json!({ "name": "events.csv", "kind": "file", "fields": fields });
    json!({
        "warehouse": {
            "sales|public": [table("orders"), table("customers"), table("Order Items")],
            "crm|public": [table("people")],
            "dq|public": [],
            "s3://lake|/in": [file],
        },
        "connections": [
            { "name": "prod-pg", "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "svc",
              "password": "x", "parameters": { "sslmode": "require" } },
            { "name": "vault-pg", "type": "postgresql", "host": "${host}", "username": "${user}", "port": 5432,
              "secrets_manager": { "secret_url": "https://vault.example.com/v1/x", "credentials_payload": "{}" } },
            { "name": "lake", "type": "s3", "uri": "s3://lake", "access_key": "AK", "secret_key": "SK" },
        ],
        "datastores": [
            { "name": "dq", "connection_name": "prod-pg", "database": "dq", "schema": "public", "enrichment_only": true },
            { "name": "Sales", "connection_name": "prod-pg", "database": "sales", "schema": "public", "tags": ["finance"],
              "teams": ["Public"], "enrich_datastore_name": "dq", "enrichment_remediation_strategy": "append" },
            { "name": "CRM", "connection_name": "vault-pg", "database": "crm", "schema": "public" },
            { "name": "Lake", "connection_name": "lake", "root_path": "/in" },
        ],
        "containers": [
            { "datastore": "Sales", "container_type": "computed_table", "name": "summary", "query": "SELECT id, amount FROM orders",
              "description": "sums", "tags": ["finance"], "volumetric_tracking_enabled": false,
              "additional_metadata": { "team": "data" } },
            { "datastore": "Sales", "container_type": "computed_join", "name": "joined", "left_container_name": "orders",
              "left_join_field_name": "customer_id", "right_container_name": "people", "right_datastore_name": "CRM",
              "right_join_field_name": "id", "join_type": "left", "select_clause": "left_id, right_name",
              "where_clause": "left_amount > 0" },
            { "datastore": "Sales", "container_type": "computed_join", "name": "by_sql", "query": "SELECT o.id FROM o JOIN c ON o.id = c.id",
              "sources": [{ "container_name": "orders", "alias": "o" }, { "container_name": "customers", "alias": "c" }] },
            { "datastore": "Lake", "container_type": "computed_file", "name": "paid", "source_container_name": "events.csv",
              "select_clause": "id, amount", "where_clause": "amount > 0", "group_by_clause": null },
        ],
        "computed_fields": [
            { "datastore": "Sales", "container": "orders", "name": "amount_int", "transformation": "cast",
              "source_fields": ["amount"], "properties": { "target_type": "bigint" } },
            { "datastore": "Sales", "container": "summary", "name": "twice", "transformation": "customExpression",
              "properties": { "column_expression": "amount * 2" } },
        ],
        "checks": [
            { "datastore": "Sales", "container": "orders", "rule": "notNull", "fields": ["amount_int"], "coverage": 1.0,
              "description": "a", "tags": ["finance"], "additional_metadata": { "_qualytics_check_uid": "orders__notnull__amount_int" } },
            { "datastore": "Sales", "container": "orders", "rule": "unique", "fields": ["id", "customer_id"], "coverage": 0.9,
              "description": "b", "filter": "amount > 0", "anomaly_message_field": "name" },
            { "datastore": "Sales", "container": "orders", "rule": "satisfiesExpression", "fields": [], "coverage": 1.0,
              "description": "c", "properties": { "expression": "amount > 0" } },
            { "datastore": "Sales", "container": "orders", "rule": "existsIn", "fields": ["customer_id"], "coverage": 1.0,
              "description": "d", "properties": { "field_name": "id", "ref_container_name": "people", "ref_datastore_name": "CRM" } },
            { "datastore": "Sales", "container": "summary", "rule": "between", "fields": ["twice"], "coverage": 1.0, "description": "e",
              "properties": { "min": 0, "max": 10, "inclusive_min": true, "inclusive_max": false } },
            { "datastore": "Sales", "container": "customers", "rule": "expectedSchema", "fields": [], "description": "f",
              "properties": { "list": ["id", "name"], "allow_other_fields": true } },
            { "datastore": "Lake", "container": "paid", "rule": "notNull", "fields": ["id"], "coverage": 1.0, "description": "g",
              "status": "Draft" },
        ],
    })
}

fn readings() -> [Switches; 3] {
    [
        Switches::default(),
        Switches {
            put: PutReading::all(Put::Full),
            numbers: Numbers::Float,
            null_properties: NullProperties::Present,
            container_profile: ContainerProfile::Manual,
            ..Switches::default()
        },
        Switches {
            put: PutReading::all(Put::Partial),
            key_order: KeyOrder::Canonical,
            datastore_connection: ConnectionReading::Nested,
            create_status: 200,
            ..Switches::default()
        },
    ]
}

#[tokio::test]
async fn one_of_everything_goes_to_an_empty_instance_in_one_pass() {
    for (index, switches) in readings().into_iter().enumerate() {
        let from = Bench::start(everything(), Switches::default()).await;
        let wanted = desired(&from.export().await);
        let to = Bench::start(bare(&everything()), switches).await;
        let (plan, ids) = to.plan(&wanted).await;
        to.apply(&plan, &ids).await;
        let (rest, _) = to.plan(&wanted).await;
        let left: Vec<_> = rest.changes().take(3).collect();
        assert!(rest.is_empty(), "reading {index}: {left:#?}");
    }
}

#[tokio::test]
async fn one_changed_field_is_one_write_and_changes_nothing_else() {
    let edits = [
        ("connections/prod_pg.yaml", "port: 5432", "port: 5433"),
        (
            "datastores/sales/_datastore.yaml",
            "enrichment_source_record_limit: 10",
            "enrichment_source_record_limit: 20",
        ),
        (
            "datastores/sales/containers/summary/_container.yaml",
            "description: sums",
            "description: totals",
        ),
        (
            "datastores/sales/containers/joined/_container.yaml",
            "where_clause: left_amount > 0",
            "where_clause: left_amount > 1",
        ),
        (
            "datastores/sales/containers/by_sql/_container.yaml",
            "freshness_tracking_enabled: false",
            "freshness_tracking_enabled: true",
        ),
        (
            "datastores/lake/containers/paid/_container.yaml",
            "where_clause: amount > 0",
            "where_clause: amount > 1",
        ),
        (
            "datastores/sales/containers/orders/computed_fields/amount_int.yaml",
            "target_type: bigint",
            "target_type: int",
        ),
        (
            "datastores/sales/checks/orders/notnull__amount_int.yaml",
            "description: a",
            "description: z",
        ),
        (
            "datastores/sales/checks/summary/between__twice.yaml",
            "max: 10",
            "max: 11",
        ),
        (
            "datastores/sales/checks/orders/existsin__customer_id.yaml",
            "coverage: 1.0",
            "coverage: 0.5",
        ),
    ];
    for (index, switches) in readings().into_iter().enumerate() {
        let bench = Bench::start(everything(), switches).await;
        // Checks made by hand get their ids first.
        let before = bench.export().await;
        let (adoption, ids) = bench.plan(&desired(&before)).await;
        bench.apply(&adoption, &ids).await;
        let mut before = bench.export().await;
        for (path, from, to) in edits {
            let mut wanted = before.clone();
            let file = wanted.files.iter_mut().find(|file| file.path == path).unwrap();
            assert!(file.text.contains(from), "{path}: {}", file.text);
            file.text = file.text.replace(from, to);
            let (plan, ids) = bench.plan(&desired(&wanted)).await;
            let writes: Vec<_> = plan.steps.iter().map(|step| step.change.action.word()).collect();
            assert_eq!(
                writes.iter().filter(|word| **word == "update").count(),
                1,
                "{path} {writes:?}"
            );
            bench.apply(&plan, &ids).await;
            let after = bench.export().await;
            for (after, wanted) in after.files.iter().zip(&wanted.files) {
                assert_eq!(after.text, wanted.text, "reading {index}, after {path}: {}", after.path);
            }
            before = after;
        }
    }
}

#[tokio::test]
async fn a_check_made_by_hand_is_adopted_by_one_write_that_gives_it_its_id() {
    let bench = Bench::start(everything(), Switches::default()).await;
    let exported = bench.export().await;
    let wanted = desired(&exported);
    let (plan, ids) = bench.plan(&wanted).await;
    assert_eq!(plan.steps.len(), 6, "all checks but the one that stores an id");
    bench.gate.taken();
    for step in &plan.steps {
        assert_eq!(step.change.action, Action::Update);
        bench.qualytics.execute(step, &ids).await.unwrap();
    }
    assert_eq!(bench.gate.taken(), (0, 6));
    let (rest, _) = bench.plan(&wanted).await;
    assert!(rest.is_empty());
    let texts =
        |exported: Exported| -> Vec<_> { exported.files.into_iter().map(|file| (file.path, file.text)).collect() };
    assert_eq!(texts(bench.export().await), texts(exported));
}

#[tokio::test]
async fn a_member_who_may_author_can_apply_a_change_of_checks() {
    let bench = Bench::start(everything(), Switches::default()).await;
    let mut wanted = bench.export().await;
    let file = wanted
        .files
        .iter_mut()
        .find(|file| file.path.ends_with("notnull__amount_int.yaml"))
        .unwrap();
    file.text = file.text.replace("description: a", "description: z");
    let client = reqwest::Client::new();
    let body =
        json!({ "role": "Member", "teams": { "Public": "Author" }, "name": "author", "email": "author@example.com" });
    let answer: Json = client
        .post(format!("{}/_sandbox/tokens", bench.sandbox.url()))
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let gate = Arc::new(Open::default());
    let options = QualyticsOptions {
        url: bench.sandbox.url(),
        token: Secret::new(answer["token"].as_str().unwrap()),
        network: Network::default(),
    };
    let author = Bench {
        qualytics: Qualytics::new(options, gate.clone()).unwrap(),
        gate,
        ..bench
    };
    let (plan, ids) = author.plan(&desired(&wanted)).await;
    let step = plan
        .steps
        .iter()
        .find(|step| step.change.key.name() == "orders__notnull__amount_int")
        .unwrap();
    author.qualytics.execute(step, &ids).await.unwrap();
    assert_eq!(
        author.qualytics.find(step, &ids).await.unwrap(),
        Found::Done(step.remote.unwrap())
    );
}

/// An instance on which people and scripts have written everything in the oddest way that the platform takes.
fn odd() -> Json {
    let fields = json!([
        ["id", "Integral"],
        ["customer_id", "Integral"],
        ["amount", "Fractional"],
        ["at", "Timestamp"],
        ["name", "String"]
    ]);
    let table = |name: &str| json!({ "name": name, "kind": "table", "fields": fields });
    let file = json!({ "name": "events.csv", "kind": "file", "fields": fields });
    let check = |number: usize, rule: &str, on: &[&str], more: Json| {
        let mut check = json!({
            "datastore": "Sales", "container": "orders", "rule": rule, "fields": on, "description": "d",
            "additional_metadata": { "_qualytics_check_uid": format!("u{number}"), "z": null, "a": {}, "l": [], "n": 1.0 },
        });
        check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        check
    };
    let checks = [
        (
            "unique",
            &["name", "id", "amount"][..],
            json!({ "filter": "  amount > 0\n", "tags": ["z", "a", "m"] }),
        ),
        ("unique", &["id", "customer_id"], json!({ "filter": "", "coverage": 1 })),
        (
            "notNull",
            &["id"],
            json!({ "filter": " ", "coverage": 0.5, "description": " a text " }),
        ),
        (
            "notNull",
            &["name"],
            json!({ "description": "notNull quality check", "anomaly_message_field": "" }),
        ),
        (
            "expectedValues",
            &["name"],
            json!({ "properties": { "list": ["b", "a", "", " b", "10", "9"] } }),
        ),
        (
            "expectedSchema",
            &[],
            json!({ "properties": { "list": ["name", "id"], "allow_other_fields": false } }),
        ),
        (
            "between",
            &["amount"],
            json!({ "properties": { "min": 1, "max": 10.0, "inclusive_min": true, "inclusive_max": false,
            "is_element_context": false } }),
        ),
        (
            "afterDateTime",
            &["at"],
            json!({ "properties": { "datetime": "2024-01-05T00:00:00" } }),
        ),
        (
            "beforeDateTime",
            &["at"],
            json!({ "properties": { "datetime": "2024-01-05 01:00:00.000+01:00" } }),
        ),
        (
            "satisfiesExpression",
            &[],
            json!({ "properties": { "expression": "  amount > 0 " }, "description": "satisfiesExpression quality check" }),
        ),
        (
            "aggregationComparison",
            &[],
            json!({ "properties": { "expression": " SUM(amount) ", "comparison": "Less Than",
            "ref_expression": "SUM(amount)\n", "ref_filter": " amount > 0 ", "ref_container_name": "customers" } }),
        ),
        (
            "isReplicaOf",
            &["name", "id"],
            json!({ "description": "isReplicaOf quality check",
            "properties": { "ref_container_name": "customers", "id_field_names": ["name", "id"], "passthrough_field_names": [] } }),
        ),
    ];
    let checks = checks.into_iter().enumerate();
    json!({
        "warehouse": { "sales|public": [table("orders"), table("customers")], "s3://lake|/in": [file] },
        "teams": [{ "name": "Zeta" }, { "name": "Alpha" }],
        "connections": [
            { "name": "pg", "type": "postgresql", "host": " db.example.com ", "port": 5432, "password": "x", "parameters": {} },
            { "name": "lake", "type": "s3", "uri": "s3://lake", "access_key": "AK", "secret_key": "SK", "parameters": { "z": null, "a": "", "m": { "n": null } } },
        ],
        "datastores": [
            { "name": "Sales", "connection_name": "pg", "database": "sales", "schema": "public", "tags": ["z", "a"],
              "teams": ["Zeta", "Public", "Alpha"], "description": "", "enrichment_prefix": "SalesDW" },
            { "name": "Lake", "connection_name": "lake", "root_path": "/in" },
        ],
        "containers": [
            { "datastore": "Sales", "container_type": "computed_table", "name": "sums", "query": "\n  SELECT id, amount, name FROM orders  \n",
              "exclude_fields": ["name", "amount"], "tags": ["z", "m", "a"], "additional_metadata": { "z": null, "a": {}, "l": [null] }, "description": "" },
            { "datastore": "Sales", "container_type": "computed_join", "name": "outer", "left_container_name": "orders",
              "left_join_field_name": "id", "right_container_name": "customers", "right_join_field_name": "id", "join_type": "outer",
              "select_clause": " left_id, right_name ", "where_clause": " left_amount > 0 ", "group_by_clause": "", "additional_metadata": {} },
            { "datastore": "Sales", "container_type": "computed_join", "name": "full", "left_container_name": "orders",
              "left_join_field_name": "id", "right_container_name": "customers", "right_join_field_name": "id", "join_type": "full",
              "left_prefix": "l", "select_clause": "l_id" },
            { "datastore": "Sales", "container_type": "computed_join", "name": "by_sql", "query": " SELECT o.id FROM o JOIN c ON o.id = c.id ",
              "sources": [{ "container_name": "orders", "alias": "o", "where_clause": null },
                          { "alias": "c", "where_clause": " id > 0 ", "container_name": "customers" }] },
            { "datastore": "Lake", "container_type": "computed_file", "name": "paid", "source_container_name": "events.csv",
              "select_clause": " id ", "where_clause": " ", "group_by_clause": "id " },
        ],
        "computed_fields": [
            { "datastore": "Sales", "container": "orders", "name": "twice", "transformation": "customExpression",
              "properties": { "column_expression": " amount * 2 " }, "additional_metadata": { "z": null } },
            { "datastore": "Sales", "container": "orders", "name": "number", "transformation": "convertFormattedNumeric",
              "source_fields": ["name"], "properties": {}, "additional_metadata": {} },
        ],
        "checks": checks.map(|(number, (rule, on, more))| check(number, rule, on, more)).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn however_odd_a_value_is_written_it_is_no_difference_and_comes_back_to_the_byte() {
    let forms = |alias| {
        readings().map(|switches| Switches {
            replica_alias: alias,
            ..switches
        })
    };
    for (index, switches) in [forms(Toggle::Off), forms(Toggle::On)].concat().into_iter().enumerate() {
        let from = Bench::start(odd(), switches.clone()).await;
        let exported = from.export().await;
        let wanted = desired(&exported);
        let (none, _) = from.plan(&wanted).await;
        let left: Vec<_> = none.changes().take(3).collect();
        assert!(none.is_empty(), "reading {index}: {left:#?}");
        let to = Bench::start(bare(&odd()), switches).await;
        let (plan, ids) = to.plan(&wanted).await;
        to.apply(&plan, &ids).await;
        let (rest, _) = to.plan(&wanted).await;
        let left: Vec<_> = rest.changes().take(3).collect();
        assert!(rest.is_empty(), "reading {index}: {left:#?}");
        assert_same(&to.export().await, &exported);
    }
}

#[tokio::test]
async fn a_change_beside_odd_values_leaves_them_as_they_are_live_to_the_byte() {
    for switches in readings() {
        let bench = Bench::start(odd(), switches).await;
        let mut wanted = bench.export().await;
        let mut edited = 0;
        for file in &mut wanted.files {
            let lines = file.text.lines().map(|line| match line.split_once(": ") {
                Some(("description", _)) => "description: moved".to_owned(),
                Some(("port", _)) => "port: 5433".to_owned(),
                _ => line.to_owned(),
            });
            let text: String = lines.map(|line| line + "\n").collect();
            edited += usize::from(text != file.text);
            file.text = text;
        }
        let (plan, ids) = bench.plan(&desired(&wanted)).await;
        let updates = plan.steps.iter().filter(|step| step.change.action == Action::Update);
        assert_eq!(updates.clone().count(), edited);
        assert!(updates.clone().all(|step| step.change.fields.len() == 1));
        bench.apply(&plan, &ids).await;
        assert_same(&bench.export().await, &wanted);
    }
}

#[tokio::test]
async fn keys_and_nulls_that_git_adds_inside_of_a_map_stand_where_git_has_them() {
    let bench = Bench::start(odd(), Switches::default()).await;
    let mut wanted = bench.export().await;
    let mut edited = 0;
    for file in &mut wanted.files {
        let metadata = "\n  z: null\n  a: ";
        edited += file.text.matches(metadata).count();
        file.text = file
            .text
            .replace(metadata, "\n  z: null\n  first: 1\n  none: null\n  a: ");
    }
    let (plan, ids) = bench.plan(&desired(&wanted)).await;
    assert_ne!(edited, 0);
    assert_eq!(
        plan.steps
            .iter()
            .filter(|step| step.change.action == Action::Update)
            .count(),
        edited
    );
    bench.apply(&plan, &ids).await;
    assert_same(&bench.export().await, &wanted);
}

/// Texts of an export, as somebody else might have written them.
const OTHER_SPELLINGS: [(&str, &str); 14] = [
    ("filter: ''", "filter: null"),
    ("filter: ' '", "filter: ''"),
    ("anomaly_message_field: ''", "anomaly_message_field: null"),
    ("- name\n- id\n- amount\n", "- amount\n- name\n- id\n- id\n"),
    ("  - b\n  - a\n", "  - a\n  - b\n"),
    (
        "datetime: '2024-01-05T00:00:00'",
        "datetime: '2024-01-05T01:00:00+01:00'",
    ),
    ("comparison: Less Than", "comparison: lt"),
    ("rule_type: isReplicaOf", "rule_type: dataDiff"),
    ("description: isReplicaOf quality check", "description: null"),
    ("join_type: full", "join_type: Full Outer"),
    ("  where_clause: null\n", ""),
    (
        "query: ' SELECT o.id FROM o JOIN c ON o.id = c.id '",
        "query: SELECT o.id FROM o JOIN c ON o.id = c.id",
    ),
    ("parameters: {}", "parameters: null"),
    ("enrichment_prefix: _salesdw", "enrichment_prefix: salesdw"),
];

#[tokio::test]
async fn another_spelling_in_git_is_no_difference_and_no_write() {
    let switches = Switches {
        replica_alias: Toggle::Off,
        ..Switches::default()
    };
    let bench = Bench::start(odd(), switches).await;
    let exported = bench.export().await;
    for (one, other) in OTHER_SPELLINGS {
        let mut wanted = exported.clone();
        let mut edited = 0;
        for file in &mut wanted.files {
            edited += file.text.matches(one).count();
            file.text = file.text.replace(one, other);
        }
        assert_ne!(edited, 0, "{one}");
        let (plan, _) = bench.plan(&desired(&wanted)).await;
        let left: Vec<_> = plan.changes().take(3).collect();
        assert!(plan.is_empty(), "{one} -> {other}: {left:#?}");
    }
}

/// Byte for byte, but for `created` of computed fields, which is in the official client's files too.
fn assert_same(again: &Exported, exported: &Exported) {
    let said = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("created:"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(again.files.len(), exported.files.len());
    for (again, exported) in again.files.iter().zip(&exported.files) {
        assert_eq!(again.path, exported.path);
        assert_eq!(said(&again.text), said(&exported.text), "{}", exported.path);
    }
}
