//! The table of Datafold kinds: one entry a kind, in dependency order.

use driftless_core::document::{PREVIOUS_NAME, PROTECT};
use driftless_core::key::Kind;
use driftless_core::schema::{Archiving, Default, Granularity, KindSpec, Substitution, Writing};

/// A connection to a database or an object store.
pub const DATA_SOURCE: Kind = Kind("data_source");
/// A monitor, known by its slug: the vendor's monitors as code.
pub const MONITOR: Kind = Kind("monitor");
/// How pull requests of one repository are checked.
pub const CI_CONFIG: Kind = Kind("ci_config");

/// The top-level field of a monitors file that holds the monitors.
pub const MONITORS: &str = "monitors";
/// The field of a monitor that its key in the file becomes. It is its identity, and never sent as a field.
pub const SLUG: &str = "slug";
/// A field of what is compared, and of nothing that is written, sent or kept: how a dry run of the platform judges the fields of a
/// monitor that it does not return.
pub const PLATFORM_VERDICT: &str = "platform_verdict";
/// The verdict on a monitor whose unseen fields are what Git says. Absent means the same.
pub const AS_IN_GIT: &str = "as in Git";
/// The verdict on a monitor that the platform would change.
pub const WOULD_BE_UPDATED: &str = "would be updated";

/// The options of data sources that the platform never returns: all that the published API marks `writeOnly`, whatever the type.
pub(super) const DATA_SOURCE_SECRETS: &[&str] = &[
    "options.password",
    "options.rootcert",
    "options.aws_secret_access_key",
    "options.keyPairFile",
    "options.oauth_dwh_client_secret",
    "options.azure_client_secret",
    "options.jsonKeyFile",
    "options.jsonOAuthKeyFile",
    "options.http_password",
    "options.m2m_client_secret",
    "options.client_secret",
    "options.ewallet_pem_file",
    "options.ewallet_pkcs12_file",
    "options.ewallet_password",
    "options.token",
    "options.customcert",
    "options.ssl_certificate",
    "options.secret",
];

/// The kinds.
pub(super) const KINDS: &[KindSpec] = &[
    KindSpec {
        kind: DATA_SOURCE,
        include: "data_sources",
        parents: &[],
        secrets: DATA_SOURCE_SECRETS,
        immutable: &[],
        volatile: &[
            "id",
            "queue_name",
            "scheduled_queue_name",
            "created_from",
            "source",
            "secret_id",
            "oauth_dwh_active",
            "last_test",
            "accessible",
        ],
        owned_whole: &[],
        // Who has access: a number is in it or not.
        sets: &["group_ids"],
        names: &[],
        aliases: &[],
        trimmed: &[],
        // Those of options are another for each type: `options.rs`.
        defaults: &[],
        linked: &[],
        vault: None,
        substitution: Substitution::Scalars,
        granularity: Granularity::Each,
        archiving: Archiving::Impossible,
        writing: Writing::Creation,
        directives: &[PROTECT, PREVIOUS_NAME],
    },
    KindSpec {
        kind: MONITOR,
        include: "monitors",
        parents: &[],
        secrets: &[],
        immutable: &[],
        volatile: &["created_at", "modified_at", "last_run", "last_alert", "state"],
        // A monitor is provisioned whole: what Git no longer says in them is gone.
        owned_whole: &["schedule", "alert", "metric", "test", "datadiff"],
        sets: &["tags"],
        names: &[],
        aliases: &[],
        trimmed: &[],
        defaults: &[("enabled", Default::Truth(true))],
        linked: &[],
        vault: None,
        substitution: Substitution::Off,
        granularity: Granularity::Set,
        archiving: Archiving::Impossible,
        writing: Writing::Whole,
        // No previous name: a slug is the identity at the platform too.
        directives: &[PROTECT],
    },
    KindSpec {
        kind: CI_CONFIG,
        include: "ci_configs",
        parents: &[],
        secrets: &[],
        immutable: &[],
        volatile: &[],
        owned_whole: &[],
        sets: &[],
        names: &[],
        aliases: &[],
        trimmed: &[],
        defaults: &[],
        linked: &[],
        vault: None,
        substitution: Substitution::Off,
        granularity: Granularity::Each,
        archiving: Archiving::Impossible,
        writing: Writing::ByHand,
        directives: &[PROTECT, PREVIOUS_NAME],
    },
];
