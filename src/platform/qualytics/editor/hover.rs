//! What an editor shows of a field: a sentence or two for each field of each kind.

use driftless_core::document::{PREVIOUS_NAME, PROTECT};
use driftless_core::key::Kind;

use super::super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE, UID};

/// What a field that moves by itself is.
pub(super) const VOLATILE: &str = "Kept by the platform: neither compared nor sent.";

/// What `$delete` does at the top of a document.
pub(super) const DELETE_RESOURCE: &str = "`true` drops the whole resource in this overlay's environments.";

/// What `$delete` does inside of a document.
pub(super) const DELETE_FIELD: &str = "`true` drops the field in this overlay's environments.";

/// What documents of `kind` are.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        CONNECTION => "How a database or an object store is reached.",
        DATASTORE => "One schema of a database, or one prefix of a bucket, reached through a connection.",
        CONTAINER => "A table, file or join that the platform computes from others.",
        COMPUTED_FIELD => "A field that the platform computes in a container.",
        CHECK => "A quality check: one rule about the fields of a container.",
        _ => "",
    }
}

/// What `field` of `kind` is.
pub(super) fn field(kind: Kind, field: &str) -> Option<&'static str> {
    let table = match kind {
        CONNECTION => CONNECTION_HOVER,
        DATASTORE => DATASTORE_HOVER,
        CONTAINER => CONTAINER_HOVER,
        COMPUTED_FIELD => COMPUTED_FIELD_HOVER,
        CHECK => CHECK_HOVER,
        _ => &[],
    };
    let all = table.iter().chain(DIRECTIVE_HOVER);
    all.filter(|(name, _)| *name == field).map(|(_, text)| *text).next()
}

/// What steers driftless, and means nothing to the platform.
const DIRECTIVE_HOVER: &[(&str, &str)] = &[
    (
        PROTECT,
        "`true` keeps the resource from being deleted or replaced, also once its document is gone. Never sent to the platform.",
    ),
    (
        PREVIOUS_NAME,
        "The name that the resource had before: it is renamed, and not made a second time. Never sent to the platform.",
    ),
    (
        "trigger_sync",
        "Ignored: where a new datastore needs a sync, the plan shows one as a step of its own.",
    ),
    (
        "trigger_catalog",
        "Ignored: the older name of `trigger_sync`. Where a sync is needed, the plan has it.",
    ),
];

const CONNECTION_HOVER: &[(&str, &str)] = &[
    (
        "name",
        "The connection's name: how it is found on each instance, and what datastores call it in `connection_name`.",
    ),
    ("type", "The kind of database or object store. Cannot be changed later."),
    ("host", "The server's name or address."),
    ("port", "The server's port."),
    ("username", "The user that the platform signs in as."),
    (
        "password",
        "The password, access token or service-account key. Write a placeholder: `${WAREHOUSE_PASSWORD}`.",
    ),
    (
        "passphrase",
        "The passphrase of the private key. Write a placeholder: `${WAREHOUSE_PASSPHRASE}`.",
    ),
    ("uri", "The bucket or file system: `s3://…`, `gs://…`, `abfs://…`."),
    (
        "access_key",
        "The access key, account name or client id of the object store. Write a placeholder.",
    ),
    ("secret_key", "The object store's secret key. Write a placeholder."),
    ("credentials_payload", "Credentials as JSON text. Write a placeholder."),
    ("token", "An access token. Write a placeholder."),
    ("catalog", "The catalog of a catalog-based connection."),
    ("catalog_type", "The kind of catalog."),
    (
        "parameters",
        "Options of the driver. Replaced as a whole: what is not named here is not kept.",
    ),
    ("jdbc_fetch_size", "Rows that the driver fetches at a time."),
    (
        "max_parallelization",
        "Queries that may run at the same time, from 0 to 100.",
    ),
    (
        "secrets_manager",
        "A vault that holds the credentials. With one, `${key}` outside of the secret fields is the vault's and is left alone.",
    ),
    ("description", "What the connection is for."),
];

/// Fields of `secrets_manager`.
pub(super) const VAULT_HOVER: &[(&str, &str)] = &[
    ("login_url", "Where the platform signs in to the vault."),
    (
        "credentials_payload",
        "What it signs in with, as JSON text. Write a placeholder.",
    ),
    (
        "token_jsonpath",
        "Where the token stands in the vault's answer. Default: `$.auth.client_token`.",
    ),
    ("secret_url", "Where the secret is read. Required."),
    (
        "token_header_name",
        "The header that carries the token. Default: `X-Vault-Token`.",
    ),
    (
        "data_jsonpath",
        "Where the keys stand in the vault's answer. Default: `$.data`.",
    ),
];

/// Driver options that several connectors have.
pub(super) const PARAMETER_HOVER: &[(&str, &str)] = &[
    (
        "authentication_type",
        "How the platform signs in: `BASIC`, `KEYPAIR`, `IAM_ROLE`, `SHARED_KEY` or `SERVICE_PRINCIPAL`, by connector.",
    ),
    ("role_arn", "The role to assume with `authentication_type: IAM_ROLE`."),
    ("external_id", "The external id for assuming the role."),
    ("role", "The role on Snowflake."),
    ("warehouse", "The warehouse on Snowflake."),
    ("path", "The HTTP path of the warehouse on Databricks."),
    (
        "tenant_id",
        "The tenant, with `authentication_type: SERVICE_PRINCIPAL`.",
    ),
];

const DATASTORE_HOVER: &[(&str, &str)] = &[
    (
        "connection_name",
        "The name of the connection that it is reached through.",
    ),
    (
        "enrich_datastore_name",
        "The name of the enrichment datastore that takes its anomalies and remediation tables.",
    ),
    ("name", "The datastore's name: how it is found on each instance."),
    (
        "database",
        "The database; on BigQuery the project, on Databricks the catalog.",
    ),
    ("schema", "The schema; on BigQuery the dataset."),
    ("root_path", "The prefix within the bucket: `/` is all of it."),
    (
        "folder_globbing_enabled",
        "Whether files of one folder are taken as one container.",
    ),
    ("description", "What the datastore holds. At most 255 characters."),
    (
        "teams",
        "Names of the teams that see it. They must exist; the list is owned whole.",
    ),
    ("tags", "Names of tags. They must exist; the list is owned whole."),
    ("group_id", "The number of its group. Another number on each instance."),
    ("enrichment_only", "Whether it is an enrichment datastore itself."),
    (
        "enrichment_prefix",
        "What names of tables in the enrichment datastore begin with. At most 60 characters; kept in snake case with a leading `_`.",
    ),
    (
        "enrichment_source_record_limit",
        "Records of an anomaly that are kept in the enrichment datastore. The platform begins with 10.",
    ),
    (
        "enrichment_remediation_strategy",
        "Whether anomalous tables are copied to the enrichment datastore: not at all, appended, or overwritten each time.",
    ),
    (
        "high_count_rollup_threshold",
        "Anomalies of one check from which they are rolled up into one, from 1 to 1000. The platform begins with 10.",
    ),
];

const CONTAINER_HOVER: &[(&str, &str)] = &[
    (
        "name",
        "The container's name: how it is found on each instance. The platform turns white space into `_`.",
    ),
    (
        "container_type",
        "What it is computed from: a query, one file or table, or a join. Cannot be changed later.",
    ),
    ("query", "The SQL of a computed table, or of a join in SQL mode."),
    (
        "select_clause",
        "What a computed file or join selects, without `SELECT`.",
    ),
    ("where_clause", "Which rows are taken, without `WHERE`."),
    ("group_by_clause", "What is grouped by, without `GROUP BY`."),
    ("lateral_views", "Lateral views of a computed file."),
    (
        "source_container_name",
        "The container that a computed file reads. Cannot be changed later.",
    ),
    (
        "source_datastore_name",
        "The datastore of the source, if it is another one.",
    ),
    (
        "left_container_name",
        "The left side of a join. Cannot be changed later.",
    ),
    (
        "left_datastore_name",
        "The datastore of the left side, if it is another one.",
    ),
    ("left_join_field_name", "The left side's field that is joined on."),
    (
        "left_prefix",
        "What names of the left side's fields begin with. Default: `left`.",
    ),
    (
        "right_container_name",
        "The right side of a join. Cannot be changed later.",
    ),
    (
        "right_datastore_name",
        "The datastore of the right side, if it is another one.",
    ),
    ("right_join_field_name", "The right side's field that is joined on."),
    (
        "right_prefix",
        "What names of the right side's fields begin with. Default: `right`.",
    ),
    ("join_type", "How it is joined."),
    ("sources", "The containers of a join in SQL mode, two or more."),
    ("tags", "Names of tags. They must exist; the list is owned whole."),
    ("exclude_fields", "Names of fields that are not looked at."),
    ("group_by_fields", "Lists of fields that measures are grouped by."),
    (
        "volumetric_tracking_enabled",
        "Whether the number of rows is watched over time.",
    ),
    (
        "freshness_tracking_enabled",
        "Whether the time of the last change is watched.",
    ),
    (
        "additional_metadata",
        "Notes of your own: any keys and values. Owned whole.",
    ),
    ("description", "What the container holds."),
    ("incremental_field_name", "The field by which only new rows are read."),
    (
        "incremental_identifier_type",
        "What the incremental field holds: `last-modified` or `batch-value`.",
    ),
    ("incremental_identifier", "How only new rows are read."),
    ("table_type", "`table` or `view`."),
    (
        "partition_field",
        "The field by which work on the container is divided.",
    ),
    ("infer_datatypes", "Whether types are guessed from the values."),
];

/// Fields of an item of `sources`.
pub(super) const SOURCE_HOVER: &[(&str, &str)] = &[
    ("container_name", "The container."),
    ("datastore_name", "Its datastore, if it is another one."),
    ("alias", "What the query calls it."),
    ("where_clause", "Which of its rows are taken, without `WHERE`."),
];

const COMPUTED_FIELD_HOVER: &[(&str, &str)] = &[
    (
        "name",
        "The field's name: how it is found in its container, and what checks call it.",
    ),
    ("transformation", "How it is computed."),
    ("source_fields", "The fields that it is computed from, in this order."),
    ("properties", "What the transformation needs. Owned whole."),
    (
        "additional_metadata",
        "Notes of your own: any keys and values. Owned whole.",
    ),
    ("description", "What the field holds."),
];

/// Properties of transformations.
pub(super) const TRANSFORMATION_HOVER: &[(&str, &str)] = &[
    (
        "column_expression",
        "`customExpression`: the expression, in Spark SQL. Required there.",
    ),
    ("target_type", "`cast`: the type, in Spark SQL's words. Required there."),
    ("format", "`cast`: the pattern of dates and times."),
    (
        "drop_from_prefix",
        "`cleanedEntityName`: whether terms are dropped in front.",
    ),
    (
        "drop_from_suffix",
        "`cleanedEntityName`: whether terms are dropped at the end.",
    ),
    (
        "drop_from_interior",
        "`cleanedEntityName`: whether terms are dropped in between.",
    ),
    ("terms_to_drop", "`cleanedEntityName`: further terms that are dropped."),
    ("terms_to_ignore", "`cleanedEntityName`: terms that stay."),
];

const CHECK_HOVER: &[(&str, &str)] = &[
    ("rule_type", "What is checked. Cannot be changed later."),
    (
        "description",
        "What the check is for: shown with each of its anomalies.",
    ),
    (
        "container",
        "The table, file or computed container that the check is about. Cannot be changed later.",
    ),
    (
        "fields",
        "The fields that the check is about; how many, its rule says. `[]` for a rule about the whole container.",
    ),
    (
        "coverage",
        "The share of rows that must pass, from 0 to 1. `1.0` or `null` is all of them.",
    ),
    ("filter", "Which rows are checked, in Spark SQL; `null` is all."),
    (
        "anomaly_message_field",
        "The field whose value becomes part of an anomaly's message.",
    ),
    ("properties", "What the rule needs. Owned whole."),
    ("tags", "Names of tags. They must exist; the list is owned whole."),
    (
        "status",
        "`Active` runs; `Draft` does not. A check is put away by removing its file.",
    ),
    (
        "additional_metadata",
        "Notes of your own, and the check's own id under `_qualytics_check_uid`. Owned whole.",
    ),
    (
        "owner_id",
        "The number of the user that owns it. Another number on each instance.",
    ),
    (
        "default_anomaly_assignee_id",
        "The number of the user that its anomalies are given to. Another number on each instance.",
    ),
    (
        "template_id",
        "The number of its template. Another number on each instance.",
    ),
    (
        UID,
        "The check's own id: how it is found on each instance, whatever changes. Unique within the datastore.",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::super::kinds::KINDS;
    use super::super::fields;
    use super::*;

    #[test]
    fn every_field_of_the_tables_has_its_sentence() {
        for spec in KINDS {
            let known = fields(spec.kind).iter().map(|(name, _)| *name);
            for name in known.chain(spec.directives.iter().copied()) {
                assert!(field(spec.kind, name).is_some(), "{} {name}", spec.kind);
            }
            assert!(!kind(spec.kind).is_empty(), "{}", spec.kind);
        }
    }

    #[test]
    fn every_sentence_is_of_a_field_that_there_is() {
        for (kind, table) in [
            (CONNECTION, CONNECTION_HOVER),
            (DATASTORE, DATASTORE_HOVER),
            (CONTAINER, CONTAINER_HOVER),
            (COMPUTED_FIELD, COMPUTED_FIELD_HOVER),
            (CHECK, CHECK_HOVER),
        ] {
            for (name, _) in table {
                assert!(fields(kind).iter().any(|(known, _)| known == name), "{kind} {name}");
            }
        }
    }
}
