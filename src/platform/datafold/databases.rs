//! The options of each type of data source, one row an option.

use driftless_core::schema::Default;

use super::form::{Field, Form, Object, Others, defaulted, optional};
use super::option::{
    AWS, AZURE, COUNT, DATABASE, DBNAME, HOST, MATERIALIZE, OAUTH, PASSWORD, PASSWORD_MUST, PG, PORT, ROLE,
    SESSION_SCRIPT, TEXT, TOKEN, TRUTH, USER, USER_OURS, USERNAME, must, port, secret, secret_to_create, ssl, tls,
};
use crate::platform::shape::Shape;

const INTEGER: Form = Form::Shape(Shape::Integer);
/// The platform asks for these, and takes null for them: absent, they are sent as null.
const NULLABLE_KEY: Field = optional("key_id", TEXT, "The id of the access key.");
const NULLABLE_CLIENT: Field = optional("client_id", TEXT, "The client.");

pub(super) static PG_FORM: Object = Object {
    noun: "a PostgreSQL data source",
    fields: &[PG],
    rules: &[],
    others: Others::Sent,
};

pub(super) static AURORA: Object = Object {
    noun: "a PostgreSQL data source of AWS",
    fields: &[PG, AWS],
    rules: &[],
    others: Others::Sent,
};

pub(super) static REDSHIFT: Object = Object {
    noun: "a Redshift data source",
    fields: &[
        PG,
        &[
            defaulted(
                "adhoc_query_group",
                TEXT,
                Default::Text("default"),
                "The query group of what people ask.",
            ),
            defaulted(
                "scheduled_query_group",
                TEXT,
                Default::Text("default"),
                "The query group of what runs by itself.",
            ),
        ],
    ],
    rules: &[],
    others: Others::Sent,
};

pub(super) static SNOWFLAKE: Object = Object {
    noun: "a Snowflake data source",
    fields: &[
        &[
            must("account", TEXT, "The account."),
            USER_OURS,
            optional(
                "authMethod",
                Form::Shape(Shape::OneOf(&["password", "keypair", "azure_entra"])),
                "How it signs in.",
            ),
            PASSWORD,
            secret("keyPairFile", "The private key."),
            optional("warehouse", TEXT, "The warehouse."),
            ROLE,
            optional("default_db", TEXT, "The database."),
            defaulted("default_schema", TEXT, Default::Text("PUBLIC"), "The schema."),
            optional("region", TEXT, "The region."),
            port(443),
            defaulted(
                "metadata_database",
                TEXT,
                Default::Text("SNOWFLAKE"),
                "The database of the metadata.",
            ),
            optional("sql_variables", TEXT, "Variables of the session: `name=value` a line."),
            defaulted(
                "quoted_identifiers_ignore_case",
                TRUTH,
                Default::Truth(false),
                "Whether case counts in quotes.",
            ),
            optional("data_source_id", INTEGER, "A number of the platform's."),
            optional("user_id", INTEGER, "A number of the platform's."),
        ],
        OAUTH,
        AZURE,
    ],
    rules: &[],
    others: Others::Sent,
};

pub(super) static BIGQUERY: Object = Object {
    noun: "a BigQuery data source",
    fields: &[&[
        must("projectId", TEXT, "The project."),
        secret_to_create(
            "jsonKeyFile",
            "The key of the service account, as the platform takes it.",
        ),
        secret("jsonOAuthKeyFile", "The key of the users' own sign-in."),
        defaulted("location", TEXT, Default::Text("US"), "Where the data are."),
        defaulted(
            "useStandardSql",
            TRUTH,
            Default::Truth(true),
            "Which dialect it speaks.",
        ),
        optional(
            "totalMBytesProcessedLimit",
            INTEGER,
            "How many megabytes a query may read.",
        ),
        optional(
            "userDefinedFunctionResourceUri",
            TEXT,
            "Where functions of one's own are.",
        ),
        optional(
            "extraProjectsToIndex",
            TEXT,
            "Other projects that are indexed: one a line.",
        ),
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static DATABRICKS: Object = Object {
    noun: "a Databricks data source",
    fields: &[
        &[
            HOST,
            defaulted("http_path", TEXT, Default::Text(""), "The path of the warehouse."),
            optional(
                "auth_method",
                Form::Shape(Shape::OneOf(&["pat", "m2m_oauth", "azure_entra"])),
                "How it signs in.",
            ),
            secret("http_password", "The personal access token."),
            optional("database", TEXT, "The catalog."),
            optional("m2m_client_id", TEXT, "The client."),
            secret("m2m_client_secret", "The secret of that client."),
        ],
        OAUTH,
        AZURE,
    ],
    rules: &[],
    others: Others::Sent,
};

pub(super) static MYSQL: Object = Object {
    noun: "a MySQL data source",
    fields: &[&[HOST, port(3306), USER, PASSWORD_MUST, must("db", TEXT, "The database.")]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static MSSQL: Object = Object {
    noun: "an SQL Server data source",
    fields: &[&[
        HOST,
        port(1433),
        optional("dbname", TEXT, "The database."),
        USER_OURS,
        PASSWORD,
        defaulted(
            "require_encryption",
            TRUTH,
            Default::Truth(true),
            "Whether the connection is encrypted.",
        ),
        defaulted(
            "trust_server_certificate",
            TRUTH,
            Default::Truth(true),
            "Whether any certificate is taken.",
        ),
        defaulted(
            "always_on",
            TRUTH,
            Default::Truth(false),
            "Whether it is an availability group.",
        ),
        SESSION_SCRIPT,
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static FABRIC: Object = Object {
    noun: "a Microsoft Fabric data source",
    fields: &[&[
        HOST,
        DBNAME,
        must("tenant_id", TEXT, "The tenant."),
        must("client_id", TEXT, "The client."),
        secret_to_create("client_secret", "The secret of that client."),
        SESSION_SCRIPT,
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static ORACLE: Object = Object {
    noun: "an Oracle data source",
    fields: &[&[
        HOST,
        PORT,
        optional("database", TEXT, "The database."),
        optional(
            "database_type",
            Form::Shape(Shape::OneOf(&["service", "sid"])),
            "What `database` names.",
        ),
        USER_OURS,
        PASSWORD,
        ssl(false),
        optional("ssl_server_dn", TEXT, "The name in the server's certificate."),
        optional(
            "ewallet_type",
            Form::Shape(Shape::OneOf(&["x509", "pkcs12"])),
            "The form of the wallet.",
        ),
        secret("ewallet_pem_file", "The wallet."),
        secret("ewallet_pkcs12_file", "The wallet."),
        secret("ewallet_password", "The password of the wallet."),
        SESSION_SCRIPT,
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static ATHENA: Object = Object {
    noun: "an Athena data source",
    fields: &[&[
        must("region", TEXT, "The region."),
        must("s3_staging_dir", TEXT, "Where results are put."),
        must("aws_access_key_id", TEXT, "The id of the access key."),
        secret_to_create("aws_secret_access_key", "The access key."),
        defaulted("catalog", TEXT, Default::Text("awsdatacatalog"), "The catalog."),
        defaulted("database", TEXT, Default::Text("default"), "The database."),
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static TRINO: Object = Object {
    noun: "a Trino data source",
    fields: &[&[
        HOST,
        port(8080),
        DBNAME,
        USER,
        PASSWORD,
        tls(true),
        defaulted(
            "ssl_verification",
            Form::Shape(Shape::OneOf(&["full", "none", "ca"])),
            Default::Text("full"),
            "What of the certificate is checked.",
        ),
        optional(
            "hive_timestamp_precision",
            Form::Integers(&[3, 6, 9]),
            "Digits of a second's fraction.",
        ),
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static STARBURST: Object = Object {
    noun: "a Starburst data source",
    fields: &[&[HOST, port(443), USERNAME, PASSWORD, TOKEN, tls(true)]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static DREMIO: Object = Object {
    noun: "a Dremio data source",
    fields: &[&[
        HOST,
        port(443),
        USERNAME,
        PASSWORD,
        TOKEN,
        optional("project_id", TEXT, "The project."),
        ROLE,
        tls(false),
        defaulted(
            "certcheck",
            Form::Shape(Shape::OneOf(&["disable", "dremio-cloud", "customcert"])),
            Default::Text("dremio-cloud"),
            "Which certificate is taken.",
        ),
        secret("customcert", "The certificate."),
        optional(
            "view_temp_schema",
            TEXT,
            "The schema in which views are made for a while.",
        ),
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static TERADATA: Object = Object {
    noun: "a Teradata data source",
    fields: &[&[HOST, PORT, DATABASE, USER_OURS, PASSWORD_MUST]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static VERTICA: Object = Object {
    noun: "a Vertica data source",
    fields: &[&[
        HOST,
        port(5433),
        DBNAME,
        USER,
        PASSWORD,
        ROLE,
        defaulted(
            "sslmode",
            TEXT,
            Default::Text("prefer"),
            "Whether the connection is encrypted, and what is checked.",
        ),
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static NETEZZA: Object = Object {
    noun: "a Netezza data source",
    fields: &[&[HOST, port(5480), DATABASE, USERNAME, PASSWORD, tls(true)]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static SAP_HANA: Object = Object {
    noun: "an SAP HANA data source",
    fields: &[&[HOST, port(443), USER_OURS, PASSWORD_MUST]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static DB2: Object = Object {
    noun: "a Db2 data source",
    fields: &[&[
        HOST,
        port(50_000),
        DBNAME,
        USER,
        PASSWORD_MUST,
        ssl(false),
        secret("ssl_certificate", "The certificate."),
        optional("current_schema", TEXT, "The schema."),
        defaulted(
            "connection_timeout",
            COUNT,
            Default::Int(30),
            "How long to wait for a connection, in seconds.",
        ),
        defaulted("pool_size", COUNT, Default::Int(1), "How many connections are kept."),
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static MONGODB: Object = Object {
    noun: "a MongoDB data source",
    fields: &[&[
        HOST,
        port(27_017),
        DATABASE,
        must("username", TEXT, "The user."),
        PASSWORD_MUST,
        defaulted("auth_source", TEXT, Default::Text("admin"), "The database of users."),
        defaulted(
            "connect_timeout_ms",
            COUNT,
            Default::Int(60_000),
            "How long to wait for a connection.",
        ),
        defaulted(
            "server_selection_timeout_ms",
            COUNT,
            Default::Int(60_000),
            "How long to wait for a server.",
        ),
        defaulted(
            "socket_timeout_ms",
            COUNT,
            Default::Int(300_000),
            "How long to wait for an answer.",
        ),
    ]],
    rules: &[],
    others: Others::Sent,
};

pub(super) static DUCKDB: Object = Object {
    noun: "a DuckDB data source",
    fields: &[],
    rules: &[],
    others: Others::Sent,
};

pub(super) static AWS_S3: Object = Object {
    noun: "an S3 data source",
    fields: &[
        &[
            must("bucket_name", TEXT, "The bucket."),
            must("region", TEXT, "The region."),
            NULLABLE_KEY,
            secret("secret", "The access key."),
        ],
        MATERIALIZE,
    ],
    rules: &[],
    others: Others::Sent,
};

pub(super) static GCS: Object = Object {
    noun: "a Google Cloud Storage data source",
    fields: &[
        &[
            must("bucket_name", TEXT, "The bucket."),
            must("bucket_region", TEXT, "The region."),
            secret_to_create(
                "jsonKeyFile",
                "The key of the service account, as the platform takes it.",
            ),
        ],
        MATERIALIZE,
    ],
    rules: &[],
    others: Others::Sent,
};

pub(super) static AZURE_LAKE: Object = Object {
    noun: "an Azure Data Lake data source",
    fields: &[
        &[
            must("account_name", TEXT, "The account."),
            must("tenant_id", TEXT, "The tenant."),
            NULLABLE_CLIENT,
            secret("client_secret", "The secret of that client."),
        ],
        MATERIALIZE,
    ],
    rules: &[],
    others: Others::Sent,
};
