//! The pipeline and the loop: knows the ports, never an adapter. The only place (with the CI orchestration) that retries,
//! waits, limits and times out.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use driftless_core::diagnostic::Diagnostic;
use driftless_core::key::{EnvironmentName, Key, Kind, Revision};
use driftless_core::plan::{Plan, States};

pub mod apply;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod apply_tests;
mod approval;
pub mod audit;
pub mod backoff;
pub mod brake;
pub mod breaker;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod breaker_tests;
pub mod circumstances;
mod control;
mod drift;
pub mod driver;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod driver_tests;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod ending_tests;
mod environment_task;
mod flapping;
mod ground;
mod inbox;
pub mod limiter;
pub mod lineage;
pub mod metrics;
pub mod pace;
mod rate;
pub mod reconcile;
mod run;
pub mod schedule;
mod source_task;
mod standing;
mod step;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod step_tests;
mod suspension;
mod target_task;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod testing;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod trust_tests;
mod views;
pub mod windows;

pub use self::control::{Control, Refusal, UnknownEnvironment};
use crate::source::Commit;
use crate::source::reference::Reference;
use crate::store::drifts::DriftRecord;
use crate::store::facts::Suspension;
use crate::store::{RunId, RunRecord};

/// Everything that pages, the API and `/readyz` show: published whole on a watch channel, never written by a reader.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The environments by name.
    pub environments: BTreeMap<EnvironmentName, EnvironmentView>,
    /// The sources by name.
    pub sources: BTreeMap<String, SourceView>,
}

/// How one environment stands.
#[derive(Clone, Debug)]
pub struct EnvironmentView {
    /// The platform's name.
    pub platform: &'static str,
    /// The instance's name in the config.
    pub target: String,
    /// The instance's URL.
    pub url: String,
    /// The source's name.
    pub source: String,
    /// The folder within the source.
    pub path: String,
    /// `apply` or `observe`.
    pub mode: &'static str,
    /// What happens to drift: `correct` or `report`.
    pub drift: &'static str,
    /// What it is doing now.
    pub activity: Activity,
    /// Who asked that nothing be written, and why.
    pub suspended: Option<Suspension>,
    /// The newest revision that a pass has read, or that changed nothing of what a pass has read.
    pub revision: Option<Revision>,
    /// The last run that ended.
    pub last_run: Option<RunRecord>,
    /// When a run last succeeded.
    pub last_success: Option<DateTime<Utc>>,
    /// When the next pass is due without a trigger.
    pub next: Option<DateTime<Utc>>,
    /// How the resources stand after the last run, by kind, in dependency order.
    pub kinds: Vec<KindView>,
    /// The last plan: what was applied, what is only reported, what is blocked.
    pub plan: Option<Arc<Plan>>,
    /// Since when there is drift that was not put back.
    pub drift_since: Option<DateTime<Utc>>,
    /// The history of what the last plan found drift on.
    pub drifts: Arc<BTreeMap<Key, DriftRecord>>,
    /// Faults of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// What could not be read, one sentence each.
    pub gaps: Vec<String>,
    /// Why the last pass could do nothing at all.
    pub error: Option<String>,
    /// The circuit breaker of its target, while it is open.
    pub circuit: Option<CircuitView>,
}

/// A circuit breaker that is open: the instance is sent nothing but a probe now and then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitView {
    /// When it opened.
    pub since: DateTime<Utc>,
    /// When the next probe is due; while one is under way, when it is given up.
    pub next: DateTime<Utc>,
    /// The last failure, in words.
    pub failure: String,
}

/// What an environment is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Waiting.
    Idle,
    /// In a run.
    Running {
        /// The run.
        run: RunId,
        /// What it is at: `reading`, `comparing`, `applying`.
        phase: &'static str,
        /// Steps that are done, of how many.
        progress: (usize, usize),
    },
}

/// How the resources of one kind stand after the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindView {
    /// The kind.
    pub kind: Kind,
    /// In sync and not.
    pub states: States,
    /// Of those that are not: how many have a step that failed.
    pub failed: usize,
}

/// How one source stands.
#[derive(Clone, Debug)]
pub struct SourceView {
    /// Its URL, without credentials.
    pub url: String,
    /// The ref that is watched.
    pub reference: Reference,
    /// The tag that was found newest, where the ref leaves a choice.
    pub chosen: Option<String>,
    /// Where it points, as far as known.
    pub revision: Option<Revision>,
    /// What that commit says of itself.
    pub commit: Option<Commit>,
    /// Whether reading it has been tried at all.
    pub tried: bool,
    /// When it was last reached.
    pub reached: Option<DateTime<Utc>>,
    /// Since when it does not answer, and what it says; the last good revision stays in force.
    pub stale: Option<(DateTime<Utc>, String)>,
}
