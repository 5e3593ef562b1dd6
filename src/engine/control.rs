//! What the shell may ask of a running engine, and why it may be refused.

use std::sync::Arc;

use async_trait::async_trait;
use driftless_core::key::{Digest, EnvironmentName};
use tokio::sync::watch;

use super::Overview;
use crate::store::{RunId, StoreError, Trigger};

/// What the shell may ask of a running engine.
#[async_trait]
pub trait Control: Send + Sync {
    /// The view, and every change of it.
    fn overview(&self) -> watch::Receiver<Arc<Overview>>;

    /// Asks for a pass over one environment: kept if a pass is under way, joined to one that is waiting already. The id is that
    /// of the run to come.
    ///
    /// # Errors
    /// When there is no such environment.
    fn trigger(&self, environment: &EnvironmentName, trigger: Trigger) -> Result<RunId, UnknownEnvironment>;

    /// Asks a source to be looked at now, and every environment on it for a pass. Empty when there is no such source.
    fn trigger_source(&self, source: &str, trigger: &Trigger) -> Vec<(EnvironmentName, RunId)>;

    /// Writes nothing to an environment any more, until [`Control::resume`]: passes go on reading and showing. Of a pass under way
    /// the steps in hand end and no other starts. An environment that is suspended already gets this reason in place of its own,
    /// and stays suspended since it was.
    ///
    /// # Errors
    /// When there is no such environment, or the store cannot remember it: then it is not suspended.
    async fn suspend(&self, environment: &EnvironmentName, reason: String, by: Option<String>) -> Result<(), Refusal>;

    /// Lets a suspended environment go on, beginning with a pass now; one that is not suspended is left alone.
    ///
    /// # Errors
    /// When there is no such environment, or the store cannot forget the suspension: then it stays.
    async fn resume(&self, environment: &EnvironmentName) -> Result<(), Refusal>;

    /// Lets the plan of `run` through, once, if it still is the environment's plan and has this digest: asks for the pass that
    /// carries it out, and says which it will be.
    ///
    /// # Errors
    /// When the plan is not the one that was looked at, or nothing of it waits for an approval.
    async fn approve(
        &self,
        run: &RunId,
        digest: &Digest,
        by: Option<String>,
    ) -> Result<(EnvironmentName, RunId), Refusal>;
}

/// There is no environment of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no environment `{0}`")]
pub struct UnknownEnvironment(pub EnvironmentName);

/// Why something that was asked for is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such environment.
    #[error(transparent)]
    UnknownEnvironment(#[from] UnknownEnvironment),
    /// There is no such run.
    #[error("there is no run `{}`: it has not begun yet, or history no longer holds it", .0.0)]
    UnknownRun(RunId),
    /// The plan that was looked at is not the environment's plan now.
    #[error(
        "the plan that was looked at is not the plan of `{environment}` now{}: look again, then approve what is there",
        .current.as_ref().map(|digest| format!(" (its digest is {digest})")).unwrap_or_default()
    )]
    PlanMoved {
        /// The environment.
        environment: EnvironmentName,
        /// The digest of its plan now; `None` before its first pass has made one.
        current: Option<Digest>,
    },
    /// No guard that an approval could lift keeps anything back.
    #[error("nothing in the plan of `{0}` waits for an approval: what is blocked in it says itself what it waits for")]
    NothingHeld(EnvironmentName),
    /// The store could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}
