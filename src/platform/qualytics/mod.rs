//! The Qualytics adapter: what the platform is (`schema`, pure) and how it is read and written.

mod body;
mod bonds;
mod calls;
mod editor;
mod execute;
mod faults;
pub mod files;
mod find;
pub mod kinds;
mod labels;
mod layout;
mod meaning;
mod mentions;
mod normalize;
mod notes;
mod observe;
mod operations;
mod pattern;
mod placed;
mod portable;
mod profiles;
mod properties;
mod references;
mod remove;
mod rules;
mod run;
mod schema;
mod shapes;
mod sight;
mod together;
mod uid;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use driftless_core::plan::Step;
use driftless_core::report::Failure;
use driftless_core::schema::Schema;
use driftless_core::snapshot::{Desired, Live, Scope};
use driftless_core::value::Secret;

use self::calls::LIST_DATASTORES;
use super::address::address;
use super::http::{Http, HttpOptions, Network, Request, Scheme};
#[cfg(test)]
use super::testing;
use super::{Found, Gate, Ids, Job, Platform, Progress, TargetId};

pub use editor::document_schemas;
pub use layout::{generated_uid, slug};
pub use portable::UNEXPORTED;
pub use schema::{QualyticsSchema, schema};

/// What a [`Qualytics`] is made of.
pub struct QualyticsOptions {
    /// The URL of the instance, with or without scheme, final `/` and `/api`.
    pub url: String,
    /// The token, personal or of a service user.
    pub token: Secret,
    /// The way to it.
    pub network: Network,
}

/// What of a URL leads to the API and names no other instance.
const API: &str = "/api";

/// Which instance a URL leads to, however it is written.
///
/// # Errors
/// What is wrong with it.
pub fn target(url: &str) -> Result<TargetId, Failure> {
    address(url, API).map(|(target, _)| target)
}

/// An instance of Qualytics.
pub struct Qualytics {
    target: TargetId,
    http: Http,
}

impl Qualytics {
    /// Makes the adapter; nothing is sent.
    ///
    /// # Errors
    /// A URL, a token, a certificate or a proxy that cannot be one.
    pub fn new(options: QualyticsOptions, gate: Arc<dyn Gate>) -> Result<Self, Failure> {
        let (target, mut base) = address(&options.url, API)?;
        let path = format!("{}{API}", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let http = HttpOptions {
            base,
            scheme: Scheme::Bearer,
            token: options.token,
            network: options.network,
        };
        Ok(Self {
            target,
            http: Http::new(http, gate)?,
        })
    }
}

#[async_trait]
impl Platform for Qualytics {
    fn schema(&self) -> &dyn Schema {
        schema()
    }

    fn target(&self) -> &TargetId {
        &self.target
    }

    async fn observe(&self, desired: &Desired, scope: &Scope) -> Result<Live, Failure> {
        self.observed(desired, scope).await
    }

    async fn find(&self, step: &Step, ids: &Ids) -> Result<Found, Failure> {
        self.found(step, ids).await
    }

    async fn execute(&self, step: &Step, ids: &Ids) -> Result<Progress, Failure> {
        self.carried_out(step, ids).await
    }

    async fn poll(&self, job: &Job, ids: &Ids) -> Result<Progress, Failure> {
        self.polled(job, ids).await
    }

    async fn reach(&self) -> Result<(), Failure> {
        let one = Request::new(&LIST_DATASTORES, &[]).query("page", 1).query("size", 1);
        self.http.send(&one).await.map(drop)
    }
}
