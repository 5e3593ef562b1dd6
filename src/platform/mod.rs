//! The port of platforms: what the engine may ask of one. Adapters report meaning; they decide nothing.

pub mod address;
pub mod data_diffs;
pub mod datafold;
mod document_field;
pub mod document_schema;
mod failures;
mod fault_list;
pub mod http;
pub mod qualytics;
mod redact;
mod shape;
pub mod slug;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::Step;
use driftless_core::report::Failure;
use driftless_core::schema::Schema;
use driftless_core::snapshot::{Desired, Live, Scope};

/// A live instance of a platform.
#[async_trait]
pub trait Platform: Send + Sync {
    /// What is known of the platform without IO.
    fn schema(&self) -> &dyn Schema;

    /// The instance: runs on one target never overlap.
    fn target(&self) -> &TargetId;

    /// Reads what is live in `scope`. What could not be read whole is a gap of the answer.
    ///
    /// # Errors
    /// When nothing at all could be read: the token is refused, the instance does not answer.
    async fn observe(&self, desired: &Desired, scope: &Scope) -> Result<Live, Failure>;

    /// Looks up, by key, whether a write whose answer was lost took effect, so that it is not repeated.
    ///
    /// # Errors
    /// When that cannot be told.
    async fn find(&self, step: &Step, ids: &Ids) -> Result<Found, Failure>;

    /// Carries out a step. Safe to repeat after a failure that says nothing took effect, or after [`Platform::find`].
    ///
    /// # Errors
    /// What went wrong, by meaning.
    async fn execute(&self, step: &Step, ids: &Ids) -> Result<Progress, Failure>;

    /// Asks how a job is doing.
    ///
    /// # Errors
    /// When that cannot be told, or the job failed.
    async fn poll(&self, job: &Job, ids: &Ids) -> Result<Progress, Failure>;

    /// Asks something small: only whether the instance answers is of interest, and the gate is told of that.
    ///
    /// # Errors
    /// As any read.
    async fn reach(&self) -> Result<(), Failure>;
}

/// The normalised URL of an instance: scheme, lower-case host, port unless it is the scheme's own, path without final `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub String);

/// How far a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It took effect.
    Done(Done),
    /// The platform works on it.
    Running(Job),
}

/// What a finished step taught.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// The resource's number.
    pub remote: Option<RemoteId>,
    /// Numbers of other things that are known now (tables that a sync discovered).
    pub learned: Vec<(Key, RemoteId)>,
}

/// Work on the platform's side that outlives a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number there.
    pub id: RemoteId,
    /// The step's operation, as it was asked for.
    pub operation: driftless_core::plan::Operation,
}

/// What a look-up after a lost answer found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing took effect.
    Absent,
    /// The resource is there, but not all of the step took effect.
    Partly(RemoteId),
    /// All of it took effect.
    Done(RemoteId),
}

/// The numbers of one instance by key: what was observed, and what steps of this run made or discovered.
#[derive(Debug, Default)]
pub struct Ids(RwLock<BTreeMap<Key, RemoteId>>);

impl Ids {
    /// The numbers of everything that `live` holds.
    pub fn of(live: &Live) -> Self {
        let resources = live.resources.iter().map(|(key, resource)| (key.clone(), resource.id));
        let discovered = live.discovered.iter().map(|(key, id)| (key.clone(), *id));
        Self(RwLock::new(discovered.chain(resources).collect()))
    }

    /// The number of `key`.
    pub fn get(&self, key: &Key) -> Option<RemoteId> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    /// Remembers a number.
    pub fn put(&self, key: Key, id: RemoteId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, id);
    }
}

/// Who may send a request now, and what to do when it failed. The engine implements it, adapters ask it: waiting, limits and
/// retries are decided in one place.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Waits for a place among the requests under way, and for the rate. The place is given back when the pass is dropped.
    ///
    /// # Errors
    /// [`Meaning::NotSent`](driftless_core::report::Meaning::NotSent), at once, while the instance is not to be asked.
    async fn enter(&self) -> Result<Pass, Failure>;

    /// How long to wait before a *read* that failed is sent again; `None` to give up. `attempt` counts from 1.
    fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration>;

    /// Takes note of a request and its answer.
    fn note(&self, exchange: &Exchange<'_>);
}

/// A place among the requests under way.
pub struct Pass(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send>);

impl Pass {
    /// Wraps whatever gives the place back when it is dropped.
    pub fn new(place: impl Send + 'static) -> Self {
        Self(Box::new(place))
    }
}

/// One request and its answer, in bounded words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exchange<'a> {
    /// The method.
    pub method: &'static str,
    /// The path with its ids left out: `/quality-checks/{id}`.
    pub route: &'static str,
    /// The status; `None` when there was no answer.
    pub status: Option<u16>,
    /// What kept a whole answer from coming.
    pub fault: Option<Fault>,
    /// From sending to the last byte.
    pub elapsed: Duration,
    /// Which try this was, from 1.
    pub attempt: u32,
    /// What went wrong, by meaning.
    pub failure: Option<&'a Failure>,
}

/// What keeps a whole answer from coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection could be made: nothing was sent.
    Unreachable,
    /// The time was over, for the connection, between two pieces of the answer, or in all.
    TimedOut,
    /// The connection broke.
    Broken,
}
