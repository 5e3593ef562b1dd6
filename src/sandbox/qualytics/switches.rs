//! The switches: one for each question that the public description of the platform leaves open.

use serde::{Deserialize, Serialize};

use crate::sandbox::choice::choice;

/// What a PUT does to the keys its body leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Put {
    /// As the reference says for the kind: connections keep, datastores, computed fields and checks clear, containers
    /// do what their table says.
    #[default]
    Documented,
    /// Keys that are left out are cleared, or set to their default.
    Full,
    /// Keys that are left out keep their value.
    Partial,
}

/// [`Put`] per kind; in JSON one word for all kinds, or an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PutWritten", default)]
pub struct PutReading {
    /// For connections.
    pub connection: Put,
    /// For datastores.
    pub datastore: Put,
    /// For containers of every type.
    pub container: Put,
    /// For computed fields.
    pub computed_field: Put,
    /// For quality checks.
    pub check: Put,
}

impl PutReading {
    /// The same reading for every kind.
    #[must_use]
    pub fn all(put: Put) -> Self {
        Self {
            connection: put,
            datastore: put,
            container: put,
            computed_field: put,
            check: put,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PutWritten {
    All(Put),
    Each(PutEach),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PutEach {
    connection: Put,
    datastore: Put,
    container: Put,
    computed_field: Put,
    check: Put,
}

impl From<PutWritten> for PutReading {
    fn from(written: PutWritten) -> Self {
        match written {
            PutWritten::All(put) => Self::all(put),
            PutWritten::Each(PutEach {
                connection,
                datastore,
                container,
                computed_field,
                check,
            }) => Self {
                connection,
                datastore,
                container,
                computed_field,
                check,
            },
        }
    }
}

choice!(
    /// Whether `GET /datastores` shows enrichment-only stores to a caller who did not ask for them.
    EnrichmentListing {
        /// Only with `enrichment_only=true`.
        Hidden,
        /// Always, unless `enrichment_only=false`.
        Shown,
    }
);
choice!(
    /// What happens to a name in a payload that nothing bears.
    Unknown {
        /// 422, with the name.
        Refuse,
        /// The tag or team is created.
        Create,
        /// It is left out, and the rest is written.
        Ignore,
        /// 404, with the name.
        NotFound,
    }
);
choice!(
    /// What happens to a check that overlaps another.
    Overlap {
        /// 409.
        Refuse,
        /// Both live side by side.
        Accept,
    }
);
choice!(
    /// The key order of stored free-form objects (`parameters`, `properties`, `additional_metadata`).
    KeyOrder {
        /// As they were sent.
        Stored,
        /// Sorted by name.
        Canonical,
    }
);
choice!(
    /// Whether a new or redefined computed container is profiled by the server itself.
    ContainerProfile {
        /// It is, as an operation of its own.
        Automatic,
        /// Only when a profile is run.
        Manual,
    }
);
choice!(
    /// What a connection PUT without `secrets_manager` does to a stored one.
    SecretsManagerOmitted {
        /// It is removed.
        Clear,
        /// It stays.
        Keep,
    }
);
choice!(
    /// How integers in `properties` come back.
    Numbers {
        /// As they were sent.
        AsSent,
        /// As floats: `1` as `1.0`.
        Float,
    }
);
choice!(
    /// How properties without a value come back.
    NullProperties {
        /// Not at all.
        Absent,
        /// All keys that any rule knows are there, with null.
        Present,
    }
);
choice!(
    /// How a datastore names its connection.
    ConnectionReading {
        /// `connection_id`.
        Id,
        /// `connection: {id, name, type}`, as builds before August 2026.
        Nested,
    }
);
choice!(
    /// What happens to a coverage, filter or field that the rule has no use for.
    Unsupported {
        /// It is dropped.
        Drop,
        /// 422.
        Refuse,
    }
);
choice!(
    /// What moves operations on.
    OperationPace {
        /// Time: `operation_ms` after they were started.
        Automatic,
        /// Only `POST /_sandbox/operations/finish`.
        Held,
    }
);
choice!(
    /// On or off.
    Toggle {
        /// On.
        On,
        /// Off.
        Off,
    }
);

/// How one instance answers the open questions. Every field may be left out in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What PUT does to omitted keys.
    pub put: PutReading,
    /// Whether lists hide enrichment-only datastores.
    pub enrichment_listing: EnrichmentListing,
    /// Tags named in a payload that do not exist.
    pub unknown_tags: Unknown,
    /// Teams named in a payload that do not exist.
    pub unknown_teams: Unknown,
    /// The overlap rule of checks.
    pub duplicate_checks: Overlap,
    /// Key order of free-form objects.
    pub key_order: KeyOrder,
    /// Whether computed containers are profiled on their own.
    pub container_profile: ContainerProfile,
    /// Status of a POST that created something: 200 or 201.
    pub create_status: u16,
    /// A connection PUT without `secrets_manager`.
    pub connection_secrets_manager_omitted: SecretsManagerOmitted,
    /// Integers in properties.
    pub numbers: Numbers,
    /// Null properties.
    pub null_properties: NullProperties,
    /// Whether `isReplicaOf` is read back as `dataDiff`.
    pub replica_alias: Toggle,
    /// How a datastore names its connection.
    pub datastore_connection: ConnectionReading,
    /// Coverage, filter or fields that a rule does not support.
    pub unsupported: Unsupported,
    /// Whether `GET /containers` (the list) carries `computed_fields`.
    pub list_computed_fields: Toggle,
    /// Whether responses carry the volatile keys that the official client does not know (`updated`, `quality_score`,
    /// `last_profiled`) and writes into its files.
    pub leaked_volatile: Toggle,
    /// What moves operations on.
    pub operations: OperationPace,
    /// Milliseconds from the start of an operation to its end; half of it is spent queued.
    pub operation_ms: u64,
    /// What `Retry-After` a 429 or 503 fault carries when the fault names none; no header at zero.
    pub retry_after: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            put: PutReading::default(),
            enrichment_listing: EnrichmentListing::default(),
            unknown_tags: Unknown::default(),
            unknown_teams: Unknown::default(),
            duplicate_checks: Overlap::default(),
            key_order: KeyOrder::default(),
            container_profile: ContainerProfile::default(),
            create_status: 201,
            connection_secrets_manager_omitted: SecretsManagerOmitted::default(),
            numbers: Numbers::default(),
            null_properties: NullProperties::default(),
            replica_alias: Toggle::On,
            datastore_connection: ConnectionReading::default(),
            unsupported: Unsupported::default(),
            list_computed_fields: Toggle::Off,
            leaked_volatile: Toggle::Off,
            operations: OperationPace::default(),
            operation_ms: 0,
            retry_after: 0,
        }
    }
}
