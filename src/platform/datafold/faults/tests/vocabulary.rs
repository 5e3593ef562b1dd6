//! The vocabulary of `reference` 4.1, 4.2 and 6.2 to 7.4, written out once more beside the forms: no field, word, need or default of
//! theirs can go and nobody notice.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use serde_json::{Value as Json, json};

use super::super::super::form::Need;
use super::*;

/// A document with every field that it may have at the same time.
struct Whole {
    kind: Kind,
    spec: Json,
    /// What it cannot do without: JSON pointer, and where the fault is told.
    needs: &'static [(&'static str, &'static str)],
    /// What holds one of certain words: JSON pointer, where the fault is told, the words.
    words: &'static [(&'static str, &'static str, &'static [&'static str])],
}

/// A monitor, with the fields that every type has and those of `own`.
fn monitor(own: Json) -> Json {
    let mut spec = json!({
        "slug": "s", "id": 7, "name": "n", "description": "d", "enabled": false, "owner": "data@example.com", "tags": ["a"],
        "schedule": {"interval": {"every": "day", "hour": 6}},
        "notifications": [
            {"type": "email", "recipients": ["a@example.com"], "features": ["attach_csv"]},
            {"type": "slack", "integration": 3, "channel": "c", "mentions": ["@d"], "features": ["notify_first_triggered_only"]},
            {"type": "teams", "integration": 3, "channel": "c", "mentions": ["@d"], "features": ["disable_recovery_notifications"]},
            {"type": "pagerduty", "integration": 3, "features": ["notify_every_run"]},
            {"type": "webhook", "integration": 3, "features": []},
        ],
    });
    if let (Some(spec), Json::Object(own)) = (spec.as_object_mut(), own) {
        spec.extend(own);
    }
    spec
}

/// A diff monitor, with the fields of both sorts of diffs and those of `own`.
fn diff_of(own: Json) -> Json {
    let mut datadiff = json!({
        "primary_key": ["id"], "exclude_columns": ["b"], "column_remapping": {"x": "y"},
        "sampling": {"tolerance": 0.2, "confidence": 95, "threshold": 1000},
        "tolerance": {
            "float": {"default": {"type": "absolute", "value": 0.1}, "column_tolerance": {"v": {"type": "relative", "value": 1}}},
            "datetime": {"default": "1ms"},
        },
        "ignore_string_case": true, "null_equals_empty_string": true, "compare_duplicates": false, "sort_array_columns": true,
        "materialize_results": true,
    });
    if let (Some(datadiff), Json::Object(own)) = (datadiff.as_object_mut(), own) {
        datadiff.extend(own);
    }
    monitor(json!({
        "type": "diff", "datadiff": datadiff,
        "alert": {"type": "diff", "different_rows_count": 1, "different_rows_percent": 2.5, "match_ratio_min": 0.9},
    }))
}

/// A diff monitor with the list of columns and the sampling that exclude those of the others.
fn other_lists(sort: &str, columns: &str, sampling: Json) -> Json {
    let dataset = json!({"connection_id": 1, "table": TABLES});
    let mut own = json!({"diff_type": sort, "sampling": sampling, "dataset_a": dataset, "dataset_b": dataset});
    own[columns] = json!(["a"]);
    diff_of(own)
}

fn metric_of(metric: Json, alert: Json) -> Json {
    monitor(json!({"type": "metric", "connection_id": 1, "metric": metric, "alert": alert}))
}

fn test_of(test: Json) -> Json {
    monitor(json!({"type": "test", "connection_id": "warehouse", "test": test}))
}

const TABLES: &str = "a.b.c";
const TOLERANCE_TYPES: &[&str] = &["relative", "absolute"];

fn wholes() -> Vec<Whole> {
    let of = |spec: Json| Whole {
        kind: MONITOR,
        spec,
        needs: &[],
        words: &[],
    };
    let tables = json!([{"path": TABLES, "columns": ["id"]}]);
    vec![
        Whole {
            needs: &[
                ("/type", "type"),
                ("/schedule", "schedule"),
                ("/datadiff", "datadiff"),
                ("/datadiff/diff_type", "datadiff.diff_type"),
                ("/datadiff/primary_key", "datadiff.primary_key"),
                ("/datadiff/dataset_a", "datadiff.dataset_a"),
                ("/datadiff/dataset_b", "datadiff.dataset_b"),
                ("/datadiff/dataset_a/connection_id", "datadiff.dataset_a.connection_id"),
                (
                    "/datadiff/tolerance/float/default/value",
                    "datadiff.tolerance.float.default.value",
                ),
                ("/notifications/0/recipients", "notifications.#1.recipients"),
                ("/notifications/1/integration", "notifications.#2.integration"),
                ("/notifications/1/channel", "notifications.#2.channel"),
                ("/notifications/2/channel", "notifications.#3.channel"),
                ("/notifications/3/integration", "notifications.#4.integration"),
                ("/notifications/4/integration", "notifications.#5.integration"),
            ],
            words: &[
                (
                    "/datadiff/tolerance/float/default/type",
                    "datadiff.tolerance.float.default.type",
                    TOLERANCE_TYPES,
                ),
                (
                    "/datadiff/tolerance/datetime/default",
                    "datadiff.tolerance.datetime.default",
                    &["1s", "0.1s", "0.01s", "1ms", "0.1ms", "0.01ms", "1us"],
                ),
                (
                    "/notifications/0/features/0",
                    "notifications.#1.features",
                    &[
                        "attach_csv",
                        "notify_first_triggered_only",
                        "disable_recovery_notifications",
                        "notify_every_run",
                    ],
                ),
            ],
            ..of(diff_of(json!({
                "diff_type": "indb", "include_columns": ["a*"], "timeseries_dimension_column": "t",
                "dataset_a": {"connection_id": 1, "table": TABLES, "filter": "x > 1", "session_parameters": {"TAG": "d"},
                    "time_travel_point": "2026-01-01T00:00:00"},
                "dataset_b": {"connection_id": 1, "query": "select 1", "session_parameters": {}},
            })))
        },
        Whole {
            needs: &[("/datadiff/column_rules/0/equal_if", "datadiff.column_rules.#1.equal_if")],
            ..of(diff_of(json!({
                "diff_type": "inmem", "columns_to_compare": ["a"], "materialize_results_to": 2,
                "column_rules": [{"column": "a", "equal_if": "{a} = {b}"}, {"type": "date", "equal_if": "{a} = {b}"}],
                "dataset_a": {"connection_id": 1, "table": TABLES, "filter": "x", "session_parameters": {}, "materialize": false},
                "dataset_b": {"connection_id": 2, "query": "select 1", "materialize": true},
            })))
        },
        Whole {
            needs: &[
                ("/connection_id", "connection_id"),
                ("/metric", "metric"),
                ("/metric/type", "metric.type"),
                ("/metric/metric", "metric.metric"),
                ("/alert/type", "alert.type"),
                ("/alert/sensitivity", "alert.sensitivity"),
            ],
            words: &[(
                "/metric/metric",
                "metric.metric",
                &[
                    "row_count",
                    "freshness",
                    "total",
                    "freshness_seconds",
                    "freshness_minutes",
                ],
            )],
            ..of(metric_of(
                json!({"type": "table", "metric": "row_count", "table": TABLES, "filter": "x", "include_tables": "W.*",
                    "exclude_tables": "W.T"}),
                json!({"type": "automatic", "sensitivity": 50}),
            ))
        },
        Whole {
            words: &[("/metric/metric", "metric.metric", &["distinct", "column_count"])],
            ..of(metric_of(
                json!({"type": "table", "metric": "distinct", "table": TABLES, "filter": "x"}),
                json!({"type": "percentage", "increase": 5, "decrease": 5}),
            ))
        },
        Whole {
            needs: &[
                ("/metric/table", "metric.table"),
                ("/metric/column", "metric.column"),
                ("/metric/metric", "metric.metric"),
            ],
            words: &[(
                "/metric/metric",
                "metric.metric",
                &[
                    "minimum",
                    "maximum",
                    "std_dev",
                    "cardinality",
                    "uniqueness",
                    "median",
                    "average",
                    "sum",
                    "fill_rate",
                    "total",
                    "distinct",
                    "nulls",
                    "min",
                    "max",
                    "qmin",
                    "qmax",
                    "stddev",
                    "col_freshness_minutes",
                ],
            )],
            ..of(metric_of(
                json!({"type": "column", "metric": "sum", "table": TABLES, "column": "c", "filter": "x"}),
                json!({"type": "absolute", "min": 1, "max": 2}),
            ))
        },
        Whole {
            needs: &[("/metric/query", "metric.query")],
            ..of(metric_of(
                json!({"type": "custom", "query": "select 1", "alert_on_missing_data": true}),
                json!({"type": "absolute", "max": 2}),
            ))
        },
        Whole {
            needs: &[
                ("/connection_id", "connection_id"),
                ("/test/type", "test.type"),
                ("/test/tables/0/path", "test.tables.#1.path"),
                ("/test/tables/0/columns", "test.tables.#1.columns"),
            ],
            words: &[(
                "/test/type",
                "test.type",
                &["unique", "not_null", "referential_integrity", "custom_template"],
            )],
            ..of(test_of(json!({"type": "unique", "tables": tables, "variables": {}})))
        },
        Whole {
            needs: &[(
                "/test/variables/accepted_values/value",
                "test.variables.accepted_values.value",
            )],
            ..of(test_of(json!({"type": "accepted_values", "tables": tables,
                "variables": {"accepted_values": {"value": ["a", 1], "quote": false}}})))
        },
        of(test_of(json!({"type": "numeric_range", "tables": tables,
            "variables": {"minimum": {"value": 1, "quote": false}, "maximum": {"value": 2}}}))),
        of(test_of(
            json!({"type": "custom_template", "variables": {"any": {"value": "x", "quote": true}}}),
        )),
        of(monitor(
            json!({"type": "test", "connection_id": 1, "query": "select 1"}),
        )),
        Whole {
            needs: &[
                ("/connection_id", "connection_id"),
                ("/schedule/interval/every", "schedule.interval.every"),
            ],
            ..of(monitor(
                json!({"type": "schema", "connection_id": 1, "table": TABLES, "include_tables": "W.*", "exclude_tables": "W.T"}),
            ))
        },
        of(monitor(
            json!({"type": "schema", "connection_id": 1, "schedule": {"cron": "0 6 * * *"}}),
        )),
        of(monitor(
            json!({"type": "schema", "connection_id": 1, "schedule": {"type": "none"}}),
        )),
        of(other_lists(
            "indb",
            "columns_to_compare",
            json!({"rate": 5, "threshold": 1}),
        )),
        of(other_lists(
            "inmem",
            "include_columns",
            json!({"max_rows": 5, "threshold": 1}),
        )),
        Whole {
            kind: CI_CONFIG,
            spec: json!({
                "name": "shop", "ci_config_id": 12, "repository": "acme/shop", "forge": "hub", "data_connection": "warehouse",
                "files_to_ignore": "*\n!dbt/*\n", "fail_on_errors": false, "require_label": true, "base_branch": "main",
                "sampling": {"tolerance": 0.1, "tolerance_unit": "percent", "confidence": 99, "threshold": 100},
                "diff_threshold": 20, "fail_on_primary_key_issues": true, "fail_on_differences": true,
                "columns_to_ignore": ["a"], "diffs": "d.json", "schema": "pr_${PR_NUMBER}",
                "discovery": {"files": ["**/*.sql"], "production": {"a": "b"}, "pull_request": {"a": "c"}},
            }),
            needs: &[
                ("/name", "name"),
                ("/ci_config_id", "ci_config_id"),
                ("/repository", "repository"),
                ("/data_connection", "data_connection"),
                ("/sampling/tolerance_unit", "sampling.tolerance"),
                ("/discovery/files", "discovery.files"),
            ],
            words: &[(
                "/sampling/tolerance_unit",
                "sampling.tolerance_unit",
                &["fraction", "percent"],
            )],
        },
        Whole {
            kind: DATA_SOURCE,
            spec: json!({
                "name": "w", "type": "duckdb", "temp_schema": "t", "float_tolerance": 0.1, "is_paused": true, "hidden": true,
                "view_only": true, "disable_schema_indexing": true, "disable_profiling": true,
                "schema_indexing_schedule": "0 6 * * *", "profile_schedule": "0 6 * * *", "lineage_schedule": "0 6 * * *",
                "schema_max_age_s": 1, "data_retention_days": 1, "max_allowed_connections": 1, "catalog_include_list": "a.*",
                "catalog_exclude_list": "a.*", "profile_include_list": "a.*", "profile_exclude_list": "a.*", "group_ids": [1],
            }),
            needs: &[("/name", "name"), ("/type", "type")],
            words: &[],
        },
    ]
}

/// The document without what stands at a pointer.
fn without(spec: &Json, pointer: &str) -> Json {
    let mut spec = spec.clone();
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let above = spec.pointer_mut(above).and_then(Json::as_object_mut).unwrap();
    assert!(above.remove(name).is_some(), "{pointer}");
    spec
}

fn with(spec: &Json, pointer: &str, word: &str) -> Json {
    let mut spec = spec.clone();
    *spec.pointer_mut(pointer).unwrap() = json!(word);
    spec
}

#[test]
fn every_field_of_the_reference_is_known_and_what_cannot_be_missed_is_missed() {
    let mut amiss = Vec::new();
    for Whole { kind, spec, needs, .. } in wholes() {
        let told = found(kind, &spec.to_string());
        if !told.is_empty() {
            amiss.push(format!("{spec}\nhas no fault: {told:#?}"));
        }
        for (pointer, at) in needs {
            amiss.extend(wrong(kind, &without(&spec, pointer).to_string(), at, ""));
        }
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n\n"));
}

#[test]
fn every_word_of_the_reference_is_known_and_no_other() {
    let mut amiss = Vec::new();
    for Whole { kind, spec, words, .. } in wholes() {
        for (pointer, at, words) in words {
            for word in *words {
                let told = found(kind, &with(&spec, pointer, word).to_string());
                if !told.is_empty() {
                    amiss.push(format!("{at}: {word}: {told:#?}"));
                }
            }
            let told = found(kind, &with(&spec, pointer, "nonsense").to_string());
            // One that is near no other may be of a platform that is newer: it is told, whether as an error or a warning.
            let is_told = |told: &String| told.starts_with(&format!("{at} ")) && told.contains("must be one of");
            if !told.iter().any(is_told) {
                amiss.push(format!("{at}: nonsense: {told:#?}"));
            }
        }
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n\n"));
}

/// `reference` 6.3: `*` it must be there, `*?` it must and may be null, `(S)` it is secret, and what an absent one means.
const DATA_SOURCES: &[(&str, &str)] = &[
    ("pg", PG),
    (
        "postgres_aurora",
        "host* port=5432 dbname* user* password(S) role sslmode=prefer rootcert(S) aws_access_key_id aws_secret_access_key(S) aws_region \
         aws_cloudwatch_log_group keep_alive",
    ),
    (
        "postgres_aws_rds",
        "host* port=5432 dbname* user* password(S) role sslmode=prefer rootcert(S) aws_access_key_id aws_secret_access_key(S) aws_region \
         aws_cloudwatch_log_group keep_alive",
    ),
    (
        "redshift",
        "host* port=5432 dbname* user* password(S) role sslmode=prefer rootcert(S) adhoc_query_group=default \
         scheduled_query_group=default",
    ),
    (
        "snowflake",
        "account* user=DATAFOLD authMethod password(S) keyPairFile(S) warehouse role default_db default_schema=PUBLIC region port=443 \
         metadata_database=SNOWFLAKE sql_variables quoted_identifiers_ignore_case=false oauth_dwh_client_id oauth_dwh_client_secret(S) \
         azure_client_id azure_client_secret(S) azure_scope azure_tenant_id data_source_id user_id",
    ),
    (
        "bigquery",
        "projectId* jsonKeyFile*(S) jsonOAuthKeyFile(S) location=US useStandardSql=true totalMBytesProcessedLimit \
         userDefinedFunctionResourceUri extraProjectsToIndex",
    ),
    (
        "databricks",
        "host* http_path= auth_method http_password(S) database m2m_client_id m2m_client_secret(S) azure_client_id azure_client_secret(S) \
         azure_scope azure_tenant_id oauth_dwh_client_id oauth_dwh_client_secret(S)",
    ),
    ("mysql", "host* port=3306 user* password*(S) db*"),
    ("mariadb", "host* port=3306 user* password*(S) db*"),
    ("mssql", MSSQL),
    ("azure_synapse", MSSQL),
    (
        "microsoft_fabric",
        "host* dbname* tenant_id* client_id* client_secret*(S) session_script",
    ),
    (
        "oracle",
        "host* port database database_type user=DATAFOLD password(S) ssl=false ssl_server_dn ewallet_type ewallet_pem_file(S) \
         ewallet_pkcs12_file(S) ewallet_password(S) session_script",
    ),
    (
        "athena",
        "region* s3_staging_dir* aws_access_key_id* aws_secret_access_key*(S) catalog=awsdatacatalog database=default",
    ),
    (
        "trino",
        "host* port=8080 dbname* user* password(S) tls=true ssl_verification=full hive_timestamp_precision",
    ),
    ("starburst", "host* port=443 username password(S) token(S) tls=true"),
    (
        "dremio",
        "host* port=443 username password(S) token(S) project_id role tls=false certcheck=dremio-cloud customcert(S) view_temp_schema",
    ),
    ("teradata", "host* port database* user=DATAFOLD password*(S)"),
    (
        "vertica",
        "host* port=5433 dbname* user* password(S) role sslmode=prefer",
    ),
    ("netezza", "host* port=5480 database* username password(S) tls=true"),
    ("sap_hana", "host* port=443 user=DATAFOLD password*(S)"),
    (
        "db2",
        "host* port=50000 dbname* user* password*(S) ssl=false ssl_certificate(S) current_schema connection_timeout=30 pool_size=1",
    ),
    (
        "mongodb",
        "host* port=27017 database* username* password*(S) auth_source=admin connect_timeout_ms=60000 \
         server_selection_timeout_ms=60000 socket_timeout_ms=300000",
    ),
    ("duckdb", ""),
    (
        "aws_s3",
        "bucket_name* region* key_id*? secret(S) materialize_path materialize_max_rows",
    ),
    (
        "google_cloud_storage",
        "bucket_name* bucket_region* jsonKeyFile*(S) materialize_path materialize_max_rows",
    ),
    (
        "files_azure_datalake",
        "account_name* tenant_id* client_id*? client_secret(S) materialize_path materialize_max_rows",
    ),
];

const PG: &str = "host* port=5432 dbname* user* password(S) role sslmode=prefer rootcert(S)";
const MSSQL: &str = "host* port=1433 dbname user=DATAFOLD password(S) require_encryption=true trust_server_certificate=true \
                     always_on=false session_script";

/// A field of a form as the table has it.
fn said(field: &super::super::super::form::Field) -> String {
    let is_secret = DATA_SOURCE_SECRETS.contains(&format!("options.{}", field.name).as_str());
    let need = match field.need {
        Need::Required | Need::ToCreate => "*",
        // They are sent as null where they are not said.
        Need::Optional if ["key_id", "client_id"].contains(&field.name) => "*?",
        Need::Optional => "",
    };
    let secret = if is_secret { "(S)" } else { "" };
    let default = field.default.map(|default| match default.value() {
        Value::String(text) => format!("={text}"),
        other => format!("={}", crate::codec::sent(&other)),
    });
    format!("{}{need}{secret}{}", field.name, default.unwrap_or_default())
}

#[test]
fn every_option_of_every_data_source_is_as_the_reference_has_it() {
    assert_eq!(DATA_SOURCES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), TYPES);
    for (name, row) in DATA_SOURCES {
        let wanted: BTreeSet<String> = row.split_whitespace().map(str::to_owned).collect();
        let found: BTreeSet<String> = options::of_type(name).unwrap().all().map(said).collect();
        assert_eq!(found, wanted, "{name}");
    }
}
