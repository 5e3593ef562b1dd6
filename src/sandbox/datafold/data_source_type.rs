//! The types of data sources, each with its options.

use serde_json::{Map, Value, json};

use super::organisation::Organisation;
use super::wire::{Answer, Call, Outcome};

/// Per type its options: `name*` is required, `name!` is a secret, `name=x` has a default (JSON, or else a text).
const TYPES: &[(&str, &str)] = &[
    ("pg", PG),
    ("postgres_aurora", RDS),
    ("postgres_aws_rds", RDS),
    ("redshift", REDSHIFT),
    (
        "snowflake",
        "account* user=DATAFOLD authMethod password! keyPairFile! warehouse role default_db default_schema=PUBLIC region port=443 \
         metadata_database=SNOWFLAKE sql_variables quoted_identifiers_ignore_case=false oauth_dwh_client_id \
         oauth_dwh_client_secret! azure_client_id azure_client_secret! azure_scope azure_tenant_id data_source_id user_id",
    ),
    (
        "bigquery",
        "projectId* jsonKeyFile*! jsonOAuthKeyFile! location=US useStandardSql=true totalMBytesProcessedLimit \
         userDefinedFunctionResourceUri extraProjectsToIndex",
    ),
    (
        "databricks",
        "host* http_path=\"\" auth_method http_password! database m2m_client_id m2m_client_secret! azure_client_id \
         azure_client_secret! azure_scope azure_tenant_id oauth_dwh_client_id oauth_dwh_client_secret!",
    ),
    ("mysql", MYSQL),
    ("mariadb", MYSQL),
    ("mssql", MSSQL),
    ("azure_synapse", MSSQL),
    (
        "microsoft_fabric",
        "host* dbname* tenant_id* client_id* client_secret*! session_script",
    ),
    (
        "oracle",
        "host* port database database_type user=DATAFOLD password! ssl=false ssl_server_dn ewallet_type ewallet_pem_file! \
         ewallet_pkcs12_file! ewallet_password! session_script",
    ),
    (
        "athena",
        "region* s3_staging_dir* aws_access_key_id* aws_secret_access_key*! catalog=awsdatacatalog database=default",
    ),
    (
        "trino",
        "host* port=8080 dbname* user* password! tls=true ssl_verification=full hive_timestamp_precision",
    ),
    ("starburst", "host* port=443 username password! token! tls=true"),
    (
        "dremio",
        "host* port=443 username password! token! project_id role tls=false certcheck=dremio-cloud customcert! view_temp_schema",
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
const PG: &str = "host* port=5432 dbname* user* password! role sslmode=prefer rootcert!";
const RDS: &str = "host* port=5432 dbname* user* password! role sslmode=prefer rootcert! aws_access_key_id \
                   aws_secret_access_key! aws_region aws_cloudwatch_log_group keep_alive";
const REDSHIFT: &str = "host* port=5432 dbname* user* password! role sslmode=prefer rootcert! adhoc_query_group=default \
                        scheduled_query_group=default";
const MYSQL: &str = "host* port=3306 user* password*! db*";
const MSSQL: &str = "host* port=1433 dbname user=DATAFOLD password! require_encryption=true trust_server_certificate=true \
                     always_on=false session_script";

/// Whether an option must be given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

/// Whether an option is read back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Plain,
    Secret,
}

/// One option of a type.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) reading: Reading,
    pub(super) default: Option<Value>,
}

/// The options of a type; `None` when there is no such type.
pub(super) fn fields(kind: &str) -> Option<Vec<Field>> {
    let (_, listed) = TYPES.iter().find(|(name, _)| *name == kind)?;
    Some(listed.split_whitespace().map(field).collect())
}

fn field(text: &'static str) -> Field {
    let (head, default) = match text.split_once('=') {
        Some((head, value)) => (head, Some(serde_json::from_str(value).unwrap_or_else(|_| json!(value)))),
        None => (text, None),
    };
    Field {
        name: head.trim_end_matches(['*', '!']),
        need: if head.contains('*') {
            Need::Required
        } else {
            Need::Optional
        },
        reading: if head.contains('!') {
            Reading::Secret
        } else {
            Reading::Plain
        },
        default,
    }
}

/// `GET /data_sources/types`.
pub(super) fn list(_: &mut Organisation, _: &Call) -> Outcome {
    let shown = TYPES.iter().map(|(kind, _)| {
        let fields = fields(kind).unwrap_or_default();
        let of = |keep: &dyn Fn(&Field) -> bool| -> Vec<&str> {
            fields
                .iter()
                .filter(|field| keep(field))
                .map(|field| field.name)
                .collect()
        };
        let properties: Map<String, Value> = fields
            .iter()
            .map(|field| {
                let mut property = json!({ "title": field.name });
                if let Some(default) = &field.default {
                    property["default"] = default.clone();
                }
                (field.name.to_owned(), property)
            })
            .collect();
        json!({
            "name": kind,
            "type": kind,
            "features": [],
            "configuration_schema": {
                "title": kind,
                "properties": properties,
                "required": of(&|field| field.need == Need::Required),
                "secret": of(&|field| field.reading == Reading::Secret),
            },
        })
    });
    Ok(Answer::Ok(shown.collect()))
}
