//! The tables of Datafold's reference, row by row: what documents may say is exactly that.

use std::collections::BTreeSet;

use driftless_core::schema::Default;

use super::form::{Field, Form, Need, Object};
use super::kinds::DATA_SOURCE_SECRETS;
use super::monitor_form::MONITOR_FORM;
use super::options::{DATA_SOURCE_FORM, TYPES, of_type};
use crate::platform::shape::Shape;

/// Each object by the field that holds it, with the word that tells it from others. `*`: it must be there. `=`: what its absence
/// means. `(…)`: its words.
const MONITORS: &[&str] = &[
    // 7.2 and 8.1
    "diff: type(diff|metric|test|schema)* slug* id name description enabled=true schedule* tags notifications owner datadiff* alert",
    "metric: type(diff|metric|test|schema)* slug* id name description enabled=true schedule* tags notifications owner connection_id* \
     metric* alert",
    "test: type(diff|metric|test|schema)* slug* id name description enabled=true schedule* tags notifications owner connection_id* \
     query test",
    "schema: type(diff|metric|test|schema)* slug* id name description enabled=true schedule* tags notifications owner \
     connection_id* table include_tables exclude_tables",
    "schedule: interval cron type(none|hourly|daily|crontab)",
    "interval: every(hour|day)* hour utc_at type(hourly|daily)",
    "notifications.email: type(email|slack|teams|pagerduty|webhook)* recipients* \
     features(attach_csv|notify_first_triggered_only|disable_recovery_notifications|notify_every_run)",
    "notifications.slack: type(email|slack|teams|pagerduty|webhook)* integration* channel* mentions \
     features(attach_csv|notify_first_triggered_only|disable_recovery_notifications|notify_every_run)",
    "notifications.teams: type(email|slack|teams|pagerduty|webhook)* integration* channel* mentions \
     features(attach_csv|notify_first_triggered_only|disable_recovery_notifications|notify_every_run)",
    "notifications.pagerduty: type(email|slack|teams|pagerduty|webhook)* integration* \
     features(attach_csv|notify_first_triggered_only|disable_recovery_notifications|notify_every_run)",
    "notifications.webhook: type(email|slack|teams|pagerduty|webhook)* integration* \
     features(attach_csv|notify_first_triggered_only|disable_recovery_notifications|notify_every_run)",
    "alert: type(diff) different_rows_count different_rows_percent match_ratio_min",
    "alert.automatic: type(automatic|absolute|percentage)* sensitivity*",
    "alert.absolute: type(automatic|absolute|percentage)* min max",
    "alert.percentage: type(automatic|absolute|percentage)* increase decrease",
    // 7.3
    "datadiff.indb: diff_type(indb|inmem)* primary_key* dataset_a* dataset_b* columns_to_compare include_columns exclude_columns \
     column_remapping sampling tolerance ignore_string_case=false null_equals_empty_string=false compare_duplicates=true \
     sort_array_columns materialize_results=false timeseries_dimension_column",
    "datadiff.inmem: diff_type(indb|inmem)* primary_key* dataset_a* dataset_b* columns_to_compare include_columns exclude_columns \
     column_remapping sampling tolerance ignore_string_case=false null_equals_empty_string=false compare_duplicates=true \
     sort_array_columns materialize_results=false materialize_results_to column_rules",
    "dataset_a: connection_id* table query filter session_parameters time_travel_point",
    "dataset_b: connection_id* table query filter session_parameters time_travel_point",
    "dataset_a: connection_id* table query filter session_parameters materialize=true",
    "dataset_b: connection_id* table query filter session_parameters materialize=true",
    "sampling: tolerance confidence rate max_rows threshold",
    "tolerance: float datetime",
    "float: default column_tolerance",
    "default: type(relative|absolute) value*",
    "column_tolerance: type(relative|absolute) value*",
    "datetime: default(1s|0.1s|0.01s|1ms|0.1ms|0.01ms|1us)",
    "column_rules: column type equal_if*",
    // 7.4, and the vendor's schema of monitors files
    "metric.table: type(table|column|custom)* table filter include_tables exclude_tables \
     metric(row_count|freshness|total|distinct|column_count|freshness_seconds|freshness_minutes|col_freshness_minutes)*",
    "metric.column: type(table|column|custom)* table* column* filter \
     metric(minimum|maximum|std_dev|cardinality|uniqueness|median|average|sum|fill_rate|total|distinct|nulls|min|max|qmin|qmax|stddev\
     |col_freshness_minutes)*",
    "metric.custom: type(table|column|custom)* query* alert_on_missing_data=false",
    "test.unique: type(unique|not_null|accepted_values|referential_integrity|numeric_range|custom_template)* tables variables",
    "test.not_null: type(unique|not_null|accepted_values|referential_integrity|numeric_range|custom_template)* tables variables",
    "test.accepted_values: type(unique|not_null|accepted_values|referential_integrity|numeric_range|custom_template)* tables variables",
    "test.referential_integrity: type(unique|not_null|accepted_values|referential_integrity|numeric_range|custom_template)* tables \
     variables",
    "test.numeric_range: type(unique|not_null|accepted_values|referential_integrity|numeric_range|custom_template)* tables variables",
    "test.custom_template: type(unique|not_null|accepted_values|referential_integrity|numeric_range|custom_template)* tables variables",
    "tables: path* columns*",
    "variables: ",
    "variables: accepted_values*",
    "variables: minimum maximum",
    "variables: value* quote=true",
    "accepted_values: value* quote=true",
    "minimum: value* quote=true",
    "maximum: value* quote=true",
];

/// 6.2, without what is the server's alone.
const ENVELOPE: &str = "name* type* options temp_schema float_tolerance=0 is_paused=false hidden=false view_only=false \
    disable_schema_indexing=false disable_profiling=false schema_indexing_schedule profile_schedule lineage_schedule schema_max_age_s \
    data_retention_days max_allowed_connections catalog_include_list catalog_exclude_list profile_include_list \
    profile_exclude_list group_ids groups";

/// 6.3. `!`: it is secret. Those that must be there and take null are not marked: absent, they are null.
const OPTIONS: &[(&str, &str)] = &[
    (
        "pg",
        "host* port=5432 dbname* user* password! role sslmode(prefer|require|verify-ca|verify-full)=prefer rootcert!",
    ),
    (
        "postgres_aurora postgres_aws_rds",
        "host* port=5432 dbname* user* password! role sslmode(prefer|require|verify-ca|verify-full)=prefer rootcert! \
         aws_access_key_id aws_secret_access_key! aws_region aws_cloudwatch_log_group keep_alive",
    ),
    (
        "redshift",
        "host* port=5432 dbname* user* password! role sslmode(prefer|require|verify-ca|verify-full)=prefer rootcert! \
         adhoc_query_group=default scheduled_query_group=default",
    ),
    (
        "snowflake",
        "account* user=DATAFOLD authMethod(password|keypair|azure_entra) password! keyPairFile! warehouse role default_db \
         default_schema=PUBLIC region port=443 metadata_database=SNOWFLAKE sql_variables quoted_identifiers_ignore_case=false \
         oauth_dwh_client_id oauth_dwh_client_secret! azure_client_id azure_client_secret! azure_scope azure_tenant_id \
         data_source_id user_id",
    ),
    (
        "bigquery",
        "projectId* jsonKeyFile*! jsonOAuthKeyFile! location=US useStandardSql=true totalMBytesProcessedLimit \
         userDefinedFunctionResourceUri extraProjectsToIndex",
    ),
    (
        "databricks",
        "host* http_path= auth_method(pat|m2m_oauth|azure_entra) http_password! database m2m_client_id m2m_client_secret! \
         azure_client_id azure_client_secret! azure_scope azure_tenant_id oauth_dwh_client_id oauth_dwh_client_secret!",
    ),
    ("mysql mariadb", "host* port=3306 user* password*! db*"),
    (
        "mssql azure_synapse",
        "host* port=1433 dbname user=DATAFOLD password! require_encryption=true trust_server_certificate=true always_on=false \
         session_script",
    ),
    (
        "microsoft_fabric",
        "host* dbname* tenant_id* client_id* client_secret*! session_script",
    ),
    (
        "oracle",
        "host* port database database_type(service|sid) user=DATAFOLD password! ssl=false ssl_server_dn ewallet_type(x509|pkcs12) \
         ewallet_pem_file! ewallet_pkcs12_file! ewallet_password! session_script",
    ),
    (
        "athena",
        "region* s3_staging_dir* aws_access_key_id* aws_secret_access_key*! catalog=awsdatacatalog database=default",
    ),
    (
        "trino",
        "host* port=8080 dbname* user* password! tls=true ssl_verification(full|none|ca)=full hive_timestamp_precision(3|6|9)",
    ),
    ("starburst", "host* port=443 username password! token! tls=true"),
    (
        "dremio",
        "host* port=443 username password! token! project_id role tls=false \
         certcheck(disable|dremio-cloud|customcert)=dremio-cloud customcert! view_temp_schema",
    ),
    ("teradata", "host* port database* user=DATAFOLD password*!"),
    ("vertica", "host* port=5433 dbname* user* password! role sslmode=prefer"),
    ("netezza", "host* port=5480 database* username password! tls=true"),
    ("sap_hana", "host* port=443 user=DATAFOLD password*!"),
    (
        "db2",
        "host* port=50000 dbname* user* password*! ssl=false ssl_certificate! current_schema connection_timeout=30 pool_size=1",
    ),
    (
        "mongodb",
        "host* port=27017 database* username* password*! auth_source=admin connect_timeout_ms=60000 \
         server_selection_timeout_ms=60000 socket_timeout_ms=300000",
    ),
    ("duckdb", ""),
    (
        "aws_s3",
        "bucket_name* region* key_id secret! materialize_path materialize_max_rows",
    ),
    (
        "google_cloud_storage",
        "bucket_name* bucket_region* jsonKeyFile*! materialize_path materialize_max_rows",
    ),
    (
        "files_azure_datalake",
        "account_name* tenant_id* client_id client_secret! materialize_path materialize_max_rows",
    ),
];

/// A field as the tables write it; `within` is where options are.
fn written(field: &Field, within: &str) -> String {
    let words = match field.form {
        Form::Shape(Shape::OneOf(words) | Shape::SomeOf(words)) => {
            format!("({})", words.join("|"))
        }
        Form::Integers(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
            format!("({})", numbers.join("|"))
        }
        _ => String::new(),
    };
    let need = if field.need == Need::Optional { "" } else { "*" };
    let secret = match DATA_SOURCE_SECRETS.contains(&format!("{within}{}", field.name).as_str()) {
        true => "!",
        false => "",
    };
    let default = field.default.map(|default| match default {
        Default::Text(text) => format!("={text}"),
        Default::Truth(truth) => format!("={truth}"),
        Default::Int(int) => format!("={int}"),
        Default::Null => "=null".to_owned(),
    });
    format!("{}{words}{need}{secret}{}", field.name, default.unwrap_or_default())
}

fn row(object: &Object, within: &str) -> BTreeSet<String> {
    object.all().map(|field| written(field, within)).collect()
}

fn table(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn line(name: &str, fields: &BTreeSet<String>) -> String {
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    format!("{name}: {}", fields.join(" "))
}

/// Every object that a form may lead to, a line each.
fn objects(name: &str, form: Form, found: &mut BTreeSet<String>) {
    match form {
        Form::Object(object) => {
            found.insert(line(name, &row(object, "-")));
            below(object, found);
        }
        Form::Tagged(tagged) => {
            for (word, object) in tagged.variants {
                let name = if name.is_empty() {
                    (*word).to_owned()
                } else {
                    format!("{name}.{word}")
                };
                found.insert(line(&name, &row(object, "-")));
                below(object, found);
            }
        }
        Form::List(item) | Form::MapOf(item) => objects(name, *item, found),
        _ => {}
    }
}

fn below(object: &Object, found: &mut BTreeSet<String>) {
    for field in object.all() {
        objects(field.name, field.form, found);
    }
}

fn differing(found: &BTreeSet<String>, expected: &BTreeSet<String>) -> Vec<String> {
    let ours = found.difference(expected).map(|line| format!("ours: {line}"));
    let theirs = expected.difference(found).map(|line| format!("reference: {line}"));
    ours.chain(theirs).collect()
}

#[test]
fn monitors_say_every_field_of_the_reference_and_no_other() {
    let mut found = BTreeSet::new();
    objects("", Form::Tagged(&MONITOR_FORM), &mut found);
    let expected = MONITORS.iter().filter_map(|text| text.split_once(':'));
    let expected = expected.map(|(name, fields)| line(name, &table(fields))).collect();
    assert_eq!(differing(&found, &expected), [""; 0]);
}

#[test]
fn data_sources_say_every_field_and_option_of_the_reference_and_no_other() {
    let mut envelope = row(&DATA_SOURCE_FORM, "");
    envelope.retain(|field| !field.starts_with("type("));
    envelope.insert("type*".to_owned());
    assert_eq!(differing(&envelope, &table(ENVELOPE)), [""; 0]);
    let rows = OPTIONS
        .iter()
        .flat_map(|(names, fields)| names.split(' ').map(move |name| (name, *fields)));
    let expected: BTreeSet<String> = rows.map(|(name, fields)| line(name, &table(fields))).collect();
    let found = TYPES
        .iter()
        .filter_map(|name| Some(line(name, &row(of_type(name)?, "options."))));
    assert_eq!(differing(&found.collect(), &expected), [""; 0]);
    assert_eq!(expected.len(), 27);
}
