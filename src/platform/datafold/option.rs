//! Options that data sources of several types have.

use driftless_core::schema::Default;

use super::form::{Field, Form, Need, defaulted, optional, required};
use crate::platform::shape::Shape;

pub(super) const TEXT: Form = Form::Shape(Shape::Text);
pub(super) const TRUTH: Form = Form::Shape(Shape::Truth);
pub(super) const COUNT: Form = Form::Whole(0, i64::MAX);

/// An option that cannot be done without.
pub(super) const fn must(name: &'static str, form: Form, says: &'static str) -> Field {
    required(name, form, says)
}

/// An option that is kept secret; the platform never returns it.
pub(super) const fn secret(name: &'static str, says: &'static str) -> Field {
    optional(name, TEXT, says)
}

/// A secret without which a data source cannot be created; one that exists has it.
pub(super) const fn secret_to_create(name: &'static str, says: &'static str) -> Field {
    Field {
        name,
        form: TEXT,
        need: Need::ToCreate,
        default: None,
        says,
    }
}

/// Where it is; the platform takes at most 128 characters.
pub(super) const HOST: Field = must("host", Form::Longest(128), "Where it is.");

pub(super) const fn port(default: i64) -> Field {
    defaulted("port", Form::Whole(1, 65_535), Default::Int(default), "Its port.")
}
pub(super) const PORT: Field = optional("port", Form::Whole(1, 65_535), "Its port.");
pub(super) const PASSWORD: Field = secret("password", "The user's password.");
pub(super) const PASSWORD_MUST: Field = secret_to_create("password", "The user's password.");
pub(super) const ROLE: Field = optional("role", TEXT, "The role that is taken on.");
pub(super) const USER: Field = must("user", TEXT, "The user.");
pub(super) const USER_OURS: Field = defaulted("user", TEXT, Default::Text("DATAFOLD"), "The user.");
pub(super) const USERNAME: Field = optional("username", TEXT, "The user.");
pub(super) const DBNAME: Field = must("dbname", TEXT, "The database.");
pub(super) const DATABASE: Field = must("database", TEXT, "The database.");
pub(super) const SESSION_SCRIPT: Field = optional("session_script", TEXT, "What is run at the beginning of a session.");
pub(super) const TOKEN: Field = secret("token", "The token.");

pub(super) const fn tls(default: bool) -> Field {
    defaulted(
        "tls",
        TRUTH,
        Default::Truth(default),
        "Whether the connection is encrypted.",
    )
}
pub(super) const fn ssl(default: bool) -> Field {
    defaulted(
        "ssl",
        TRUTH,
        Default::Truth(default),
        "Whether the connection is encrypted.",
    )
}
pub(super) const SSLMODE: Field = defaulted(
    "sslmode",
    Form::Shape(Shape::OneOf(&["prefer", "require", "verify-ca", "verify-full"])),
    Default::Text("prefer"),
    "Whether the connection is encrypted, and what is checked.",
);

pub(super) const PG: &[Field] = &[
    HOST,
    port(5432),
    DBNAME,
    USER,
    PASSWORD,
    ROLE,
    SSLMODE,
    secret("rootcert", "The certificate of the authority."),
];
pub(super) const AWS: &[Field] = &[
    optional("aws_access_key_id", TEXT, "The id of the access key."),
    secret("aws_secret_access_key", "The access key."),
    optional("aws_region", TEXT, "The region."),
    optional("aws_cloudwatch_log_group", TEXT, "The log group."),
    optional("keep_alive", Form::Shape(Shape::Any), "How long a connection is kept."),
];
pub(super) const OAUTH: &[Field] = &[
    optional("oauth_dwh_client_id", TEXT, "The client of the users' own sign-in."),
    secret("oauth_dwh_client_secret", "The secret of that client."),
];
pub(super) const AZURE: &[Field] = &[
    optional("azure_client_id", TEXT, "The client at Azure."),
    secret("azure_client_secret", "The secret of that client."),
    optional("azure_scope", TEXT, "The scope."),
    optional("azure_tenant_id", TEXT, "The tenant."),
];
pub(super) const MATERIALIZE: &[Field] = &[
    optional("materialize_path", TEXT, "Where tables are put."),
    optional("materialize_max_rows", COUNT, "How many rows a table may have."),
];
