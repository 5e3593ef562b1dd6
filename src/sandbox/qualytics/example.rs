//! A seed to start with: datastores of any size, with the rules, filters and metadata that real ones have.

use serde_json::{Map, Value, json};

/// The columns of every table.
const FIELDS: &[(&str, &str)] = &[
    ("id", "Integral"),
    ("customer_id", "Integral"),
    ("email", "String"),
    ("status", "String"),
    ("amount", "Fractional"),
    ("quantity", "Integral"),
    ("created_at", "Timestamp"),
    ("updated_at", "Timestamp"),
    ("country", "String"),
    ("score", "Fractional"),
    ("notes", "String"),
    ("website", "String"),
];
const TABLES: &[&str] = &[
    "orders",
    "customers",
    "invoices",
    "payments",
    "shipments",
    "returns",
    "products",
    "stores",
    "sessions",
    "refunds",
];
const COUNTRIES: &[&str] = &["BR", "DE", "FR", "JP", "US"];

/// A rule with the fields and properties that checks of it have here.
struct Sample {
    rule: &'static str,
    fields: &'static [&'static str],
    properties: fn(&str) -> Value,
    filterable: bool,
}

const fn sample(rule: &'static str, fields: &'static [&'static str], properties: fn(&str) -> Value) -> Sample {
    Sample {
        rule,
        fields,
        properties,
        filterable: true,
    }
}

const SAMPLES: &[Sample] = &[
    sample("notNull", &["id"], |_| json!({})),
    sample("unique", &["id"], |_| json!({})),
    sample(
        "between",
        &["amount"],
        |_| json!({"inclusive_min": true, "inclusive_max": true, "min": 0, "max": 100_000}),
    ),
    sample(
        "matchesPattern",
        &["email"],
        |_| json!({"pattern": "^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$"}),
    ),
    sample(
        "expectedValues",
        &["status"],
        |_| json!({"list": ["new", "paid", "shipped", "yes", "no"]}),
    ),
    sample("maxLength", &["notes"], |_| json!({"value": 4000})),
    sample("minLength", &["email"], |_| json!({"value": 5})),
    sample("minValue", &["quantity"], |_| json!({"inclusive": true, "value": 1})),
    sample("maxValue", &["score"], |_| json!({"inclusive": true, "value": 100})),
    sample(
        "greaterThan",
        &["quantity"],
        |_| json!({"value": 0, "inclusive": false}),
    ),
    sample("lessThan", &["score"], |_| json!({"value": 1000, "inclusive": true})),
    sample(
        "satisfiesExpression",
        &["amount", "quantity"],
        |_| json!({"expression": "amount >= 0 AND quantity < 1e6"}),
    ),
    sample(
        "existsIn",
        &["customer_id"],
        |table| json!({"field_name": "id", "ref_container_name": table}),
    ),
    sample("notNegative", &["amount"], |_| json!({})),
    sample("positive", &["quantity"], |_| json!({})),
    sample("notFuture", &["created_at"], |_| json!({})),
    sample("notEmpty", &["notes"], |_| json!({})),
    sample(
        "afterDateTime",
        &["updated_at"],
        |_| json!({"datetime": "2020-01-01T00:00:00Z"}),
    ),
    sample("containsUrl", &["website"], |_| json!({})),
    sample("isType", &["quantity"], |_| json!({"field_type": "Integral"})),
    sample("anyNotNull", &["email", "notes"], |_| json!({})),
    sample(
        "lessThanField",
        &["created_at"],
        |_| json!({"field_name": "updated_at", "inclusive": true}),
    ),
    sample("sum", &["quantity"], |_| json!({"value": 1_000_000})),
    Sample {
        rule: "fieldCount",
        fields: &[],
        properties: |_| json!({"value": 12}),
        filterable: false,
    },
    Sample {
        rule: "freshness",
        fields: &[],
        properties: |_| json!({"value": 86_400_000}),
        filterable: false,
    },
];

/// A seed with `datastores` datastores of `tables` tables each, and `checks` checks in every datastore, all with a
/// stored uid and no two of them overlapping. The same numbers give the same seed. Every datastore has a computed
/// table and a computed field besides, and all share one enrichment datastore.
#[must_use]
pub fn example_seed(datastores: usize, tables: usize, checks: usize) -> Value {
    let mut warehouse = Map::new();
    let (mut connections, mut stores, mut containers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut computed_fields, mut all_checks) = (Vec::new(), Vec::new());
    connections.push(json!({
        "name": "enrichment-pg", "type": "postgresql", "host": "enrichment.example.com", "port": 5432,
        "username": "enricher", "password": "enrichment-secret", "jdbc_fetch_size": 1000,
    }));
    stores.push(json!({
        "name": "Enrichment", "connection_name": "enrichment-pg", "database": "dq", "schema": "enrichment",
        "enrichment_only": true, "teams": ["Data Platform"], "tags": [],
    }));
    for store in 1..=datastores {
        let (name, connection) = (format!("Warehouse {store:02}"), format!("prod-pg-{store}"));
        let tables: Vec<String> = (0..tables)
            .map(|table| format!("{}_{:02}", TABLES[table % TABLES.len()], table + 1))
            .collect();
        warehouse.insert(
            format!("analytics_{store:02}|public"),
            tables
                .iter()
                .map(|table| json!({ "name": table, "kind": "table", "fields": FIELDS }))
                .collect(),
        );
        connections.push(json!({
            "name": connection, "type": "postgresql", "host": format!("db{store}.example.com"), "port": 5432,
            "username": "qualytics", "password": format!("secret-{store}"), "parameters": {"sslmode": "require"},
            "jdbc_fetch_size": 1000, "max_parallelization": 4,
        }));
        stores.push(json!({
            "name": name, "connection_name": connection, "database": format!("analytics_{store:02}"),
            "schema": "public", "description": format!("Warehouse number {store}"),
            "teams": ["Data Platform", "Analysts"], "tags": ["production"], "enrich_datastore_name": "Enrichment",
        }));
        let Some(first) = tables.first() else { continue };
        containers.push(json!({
            "datastore": name, "container_type": "computed_table", "name": "paid_orders",
            "query": format!("SELECT id, customer_id, amount AS paid FROM {first} WHERE status = 'paid'"),
            "tags": ["production"],
        }));
        computed_fields.push(json!({
            "datastore": name, "container": first, "name": "amount_int", "transformation": "cast",
            "source_fields": ["amount"], "properties": {"target_type": "bigint"},
        }));
        all_checks.extend((0..checks).map(|at| check(&name, &tables, at)));
    }
    json!({
        "warehouse": warehouse,
        "tags": [{"name": "production", "color": "#2E7D32"}, "critical"],
        "teams": ["Analysts", "Data Platform"],
        "connections": connections,
        "datastores": stores,
        "containers": containers,
        "computed_fields": computed_fields,
        "checks": all_checks,
    })
}

/// Check number `at` of a datastore: tables first, then rules, then filters, so that no two overlap.
fn check(datastore: &str, tables: &[String], at: usize) -> Value {
    let table = &tables[at % tables.len()];
    let round = at / tables.len();
    // The rules that cannot be filtered come once for each table.
    let filterable: Vec<&Sample> = SAMPLES.iter().filter(|sample| sample.filterable).collect();
    let (sample, turn) = match SAMPLES.get(round) {
        Some(sample) => (sample, 0),
        None => {
            let rest = round - SAMPLES.len();
            (filterable[rest % filterable.len()], 1 + rest / filterable.len())
        }
    };
    let filter = (turn > 0).then(|| {
        format!(
            "country = '{}' AND quantity > {}",
            COUNTRIES[turn % COUNTRIES.len()],
            turn / COUNTRIES.len()
        )
    });
    let mut uid = format!("{table}__{}", sample.rule.to_lowercase());
    if !sample.fields.is_empty() {
        uid = format!("{uid}__{}", sample.fields.join("_"));
    }
    if turn > 0 {
        uid = format!("{uid}_{}", turn + 1);
    }
    let coverage = (sample.filterable && at.is_multiple_of(3)).then_some(json!(0.95));
    let tags = if at.is_multiple_of(4) {
        json!(["production", "critical"])
    } else {
        json!(["production"])
    };
    json!({
        "datastore": datastore,
        "container": table,
        "rule": sample.rule,
        "description": format!("{} on {table}({})", sample.rule, sample.fields.join(", ")),
        "fields": sample.fields,
        "coverage": coverage,
        "filter": filter,
        "properties": (sample.properties)(table),
        "tags": tags,
        "status": if at % 11 == 10 { "Draft" } else { "Active" },
        "additional_metadata": {
            "owner_team": "data",
            "runbook": format!("https://wiki.example.com/{table}/{at}"),
            "_qualytics_check_uid": uid,
        },
    })
}
