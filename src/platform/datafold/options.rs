//! What a data source may say: the envelope that all types share, and the options of each type. One row an option.

use driftless_core::schema::Default;

use super::databases::{
    ATHENA, AURORA, AWS_S3, AZURE_LAKE, BIGQUERY, DATABRICKS, DB2, DREMIO, DUCKDB, FABRIC, GCS, MONGODB, MSSQL, MYSQL,
    NETEZZA, ORACLE, PG_FORM, REDSHIFT, SAP_HANA, SNOWFLAKE, STARBURST, TERADATA, TRINO, VERTICA,
};
use super::form::{Form, Object, Others, defaulted, optional, required};
use super::option::{COUNT, TEXT, TRUTH};
use crate::platform::shape::Shape;

static INTEGER: Form = Form::Shape(Shape::Integer);

/// The types of data sources.
pub(super) const TYPES: &[&str] = &[
    "pg",
    "postgres_aurora",
    "postgres_aws_rds",
    "redshift",
    "snowflake",
    "bigquery",
    "databricks",
    "mysql",
    "mariadb",
    "mssql",
    "azure_synapse",
    "microsoft_fabric",
    "oracle",
    "athena",
    "trino",
    "starburst",
    "dremio",
    "teradata",
    "vertica",
    "netezza",
    "sap_hana",
    "db2",
    "mongodb",
    "duckdb",
    "aws_s3",
    "google_cloud_storage",
    "files_azure_datalake",
];

/// The options of a type.
pub(super) fn of_type(name: &str) -> Option<&'static Object> {
    let at = TYPES.iter().position(|known| *known == name)?;
    OPTIONS.get(at).copied()
}

/// What every data source may say.
pub(super) static DATA_SOURCE_FORM: Object = Object {
    noun: "a data source",
    fields: &[&[
        required(
            "name",
            Form::Name,
            "What it is called: how it is found on each instance.",
        ),
        required("type", Form::Shape(Shape::OneOf(TYPES)), "What it connects to."),
        optional(
            "options",
            Form::Shape(Shape::Map),
            "How it connects: another set for each type.",
        ),
        optional("temp_schema", TEXT, "The schema in which tables are made for a while."),
        defaulted(
            "float_tolerance",
            Form::Between(0.0, f64::MAX),
            Default::Int(0),
            "How far numbers may lie apart.",
        ),
        defaulted(
            "is_paused",
            TRUTH,
            Default::Truth(false),
            "Whether nothing is run on it.",
        ),
        defaulted("hidden", TRUTH, Default::Truth(false), "Whether it is not shown."),
        defaulted(
            "view_only",
            TRUTH,
            Default::Truth(false),
            "Whether it is only looked at.",
        ),
        defaulted(
            "disable_schema_indexing",
            TRUTH,
            Default::Truth(false),
            "Whether its schema is not indexed.",
        ),
        defaulted(
            "disable_profiling",
            TRUTH,
            Default::Truth(false),
            "Whether its tables are not profiled.",
        ),
        // Cron expressions, as it seems.
        optional("schema_indexing_schedule", TEXT, "When its schema is indexed."),
        optional("profile_schedule", TEXT, "When its tables are profiled."),
        optional("lineage_schedule", TEXT, "When lineage is read."),
        optional("schema_max_age_s", COUNT, "How old its schema may be, in seconds."),
        optional("data_retention_days", COUNT, "How long results are kept, in days."),
        optional("max_allowed_connections", COUNT, "How many connections may be open."),
        optional(
            "catalog_include_list",
            TEXT,
            "Which tables are catalogued: a glob over `DB.SCHEMA.TABLE` a line.",
        ),
        optional("catalog_exclude_list", TEXT, "Which are not."),
        optional(
            "profile_include_list",
            TEXT,
            "Which tables are profiled: a glob over `DB.SCHEMA.TABLE` a line.",
        ),
        optional("profile_exclude_list", TEXT, "Which are not."),
        optional(
            "group_ids",
            Form::List(&INTEGER),
            "The numbers of the groups that have access.",
        ),
        optional("groups", Form::MapOf(&TRUTH), "The groups that have access, by number."),
    ]],
    rules: &[],
    others: Others::Sent,
};

/// Of each of [`TYPES`] its options.
static OPTIONS: [&Object; TYPES.len()] = [
    &PG_FORM,
    &AURORA,
    &AURORA,
    &REDSHIFT,
    &SNOWFLAKE,
    &BIGQUERY,
    &DATABRICKS,
    &MYSQL,
    &MYSQL,
    &MSSQL,
    &MSSQL,
    &FABRIC,
    &ORACLE,
    &ATHENA,
    &TRINO,
    &STARBURST,
    &DREMIO,
    &TERADATA,
    &VERTICA,
    &NETEZZA,
    &SAP_HANA,
    &DB2,
    &MONGODB,
    &DUCKDB,
    &AWS_S3,
    &GCS,
    &AZURE_LAKE,
];
