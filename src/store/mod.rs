//! The port of the store: ledgers, intents and the history of runs.

pub mod audit;
pub mod drifts;
pub mod facts;
pub mod pull_runs;
pub mod sqlite;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use driftless_core::key::{Digest, EnvironmentName, Key, Revision};
use driftless_core::ledger::{FingerprintKey, Ledger, LedgerEntry};
use driftless_core::plan::Moved;
use driftless_core::report::Conclusion;
use driftless_core::schema::Schema;

use self::audit::Note;
use self::drifts::DriftRecord;
use self::pull_runs::{PullRun, PullRunsOf};

/// What outlives the process.
#[async_trait]
pub trait Store: Send + Sync {
    /// The key of the secret fingerprints: made on first use, kept beside the store and never in it.
    fn fingerprints(&self) -> &FingerprintKey;

    /// The ledger of an environment.
    ///
    /// # Errors
    /// When the store cannot be read; a lost store is an empty ledger, a broken one is an error.
    async fn ledger(&self, environment: &EnvironmentName, schema: &dyn Schema) -> Result<Ledger, StoreError>;

    /// In one transaction: entries get other keys, then entries are written; those of other keys stay. Of an entry that is not
    /// there, nothing moves.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn agree(
        &self,
        environment: &EnvironmentName,
        moved: &[Moved],
        entries: &[(Key, LedgerEntry)],
    ) -> Result<(), StoreError>;

    /// Closes entries.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn close(&self, environment: &EnvironmentName, keys: &[Key]) -> Result<(), StoreError>;

    /// Commits, before a write, that it is about to be tried, and in the same transaction `note`, the audit's record of that.
    ///
    /// # Errors
    /// When the store cannot be written: then the write must not be tried.
    async fn intend(&self, environment: &EnvironmentName, intent: &Intent, note: &Note) -> Result<(), StoreError>;

    /// In one transaction: the write of `key` is settled, with what it leaves behind if it took effect, and with `note`, the
    /// audit's record of how it ended.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn settle(
        &self,
        environment: &EnvironmentName,
        key: &Key,
        settled: &Settled,
        note: &Note,
    ) -> Result<(), StoreError>;

    /// Adds a record to the audit that goes with no other change: of what leaves no trace, and of what nobody knows the end.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn note(&self, note: &Note) -> Result<(), StoreError>;

    /// Writes that were about to be tried and of which nobody knows the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn intents(&self, environment: &EnvironmentName, schema: &dyn Schema) -> Result<Vec<Intent>, StoreError>;

    /// Adds a run, or replaces the one of that id. Old runs beyond the store's limit go.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn put_run(&self, run: &RunRecord) -> Result<(), StoreError>;

    /// The newest runs first, without their plans and outcomes; of one environment, or of all.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn runs(&self, environment: Option<&EnvironmentName>, limit: usize) -> Result<Vec<RunRecord>, StoreError>;

    /// One run, whole.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn run(&self, id: &RunId) -> Result<Option<RunRecord>, StoreError>;

    /// The history of an environment's drift, by key.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn drifts(&self, environment: &EnvironmentName, schema: &dyn Schema) -> Result<Vec<DriftRecord>, StoreError>;

    /// In one transaction: writes these records over what their keys had. What is over the store's limit goes, the oldest that
    /// is not open first.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn put_drifts(&self, environment: &EnvironmentName, records: &[DriftRecord]) -> Result<(), StoreError>;

    /// Adds the run of a pull request, or replaces the one of that key: committed when this returns. Old ones that have ended go
    /// beyond the store's limit.
    ///
    /// # Errors
    /// When the store cannot be written: then what it announces must not be tried.
    async fn put_pull_run(&self, run: &PullRun) -> Result<(), StoreError>;

    /// Runs of pull requests.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn pull_runs(&self, of: &PullRunsOf) -> Result<Vec<PullRun>, StoreError>;

    /// What is remembered of an environment under `name`: see [`facts`].
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn fact(&self, environment: &EnvironmentName, name: &'static str) -> Result<Option<String>, StoreError>;

    /// Remembers `value` in place of what was there; `None` forgets it.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn put_fact(
        &self,
        environment: &EnvironmentName,
        name: &'static str,
        value: Option<&str>,
    ) -> Result<(), StoreError>;
}

/// What a write that ended leaves in the ledger. Of one that took no effect: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// Entries that get other keys; an entry that is not there does not move.
    pub moved: Vec<Moved>,
    /// The resource's own entry, written after that.
    pub entry: Option<LedgerEntry>,
    /// Entries that close after that; one that is not there is none to close.
    pub closed: Vec<Key>,
}

/// A write that is about to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The resource.
    pub key: Key,
    /// The plan it belongs to.
    pub digest: Digest,
}

/// The name of a run: sorts by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub String);

/// Why a run was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The process started.
    Start,
    /// The ref moved.
    Revision,
    /// The drift check was due.
    Drift,
    /// The last run left something undone.
    Retry,
    /// A delivery to the webhook of that name.
    Webhook(String),
    /// Somebody asked, through the API or the command line.
    Manual,
    /// Somebody approved a plan that guards kept back.
    Approval,
    /// Somebody let a suspended environment go on.
    Resume,
}

impl Trigger {
    /// The text for pages, JSON and the store.
    pub fn text(&self) -> String {
        match self {
            Trigger::Start => "start".to_owned(),
            Trigger::Revision => "revision".to_owned(),
            Trigger::Drift => "drift check".to_owned(),
            Trigger::Retry => "retry".to_owned(),
            Trigger::Webhook(name) => format!("webhook {name}"),
            Trigger::Manual => "manual".to_owned(),
            Trigger::Approval => "approval".to_owned(),
            Trigger::Resume => "resume".to_owned(),
        }
    }

    /// Whether a person stands behind it: such a pass is never put off, and starts the waits between passes anew.
    pub fn is_personal(&self) -> bool {
        match self {
            Trigger::Manual | Trigger::Approval | Trigger::Resume => true,
            Trigger::Start | Trigger::Revision | Trigger::Drift | Trigger::Retry | Trigger::Webhook(_) => false,
        }
    }

    /// Reads what [`Trigger::text`] wrote.
    pub fn read(text: &str) -> Self {
        match text {
            "start" => Trigger::Start,
            "revision" => Trigger::Revision,
            "drift check" => Trigger::Drift,
            "retry" => Trigger::Retry,
            "approval" => Trigger::Approval,
            "resume" => Trigger::Resume,
            text => match text.strip_prefix("webhook ") {
                Some(name) => Trigger::Webhook(name.to_owned()),
                None => Trigger::Manual,
            },
        }
    }
}

/// One run as history keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// Its name.
    pub id: RunId,
    /// The environment.
    pub environment: EnvironmentName,
    /// Why it was started.
    pub trigger: Trigger,
    /// The revision it read, once known.
    pub revision: Option<Revision>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended; `None` while it is under way, or when the process died in it.
    pub finished: Option<DateTime<Utc>>,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// Whether it wrote nothing and found nothing that the run before it had not found: such runs are kept apart, so that they
    /// do not push out the others.
    pub idle: bool,
    /// One line for the list: what was done, or why nothing could be.
    pub message: String,
    /// The plan, as the JSON of the command line has it; `None` in lists and when there was none.
    pub plan: Option<String>,
    /// The outcomes, as the JSON of the command line has them; `None` in lists and when there were none.
    pub report: Option<String>,
    /// Faults of the files, one text each, as they are shown.
    pub diagnostics: Vec<String>,
}

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What happened and what to do about it.
    pub message: String,
}
