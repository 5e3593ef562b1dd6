//! The Datafold adapter: what the platform is (`schema`, pure) and how it is read and written.

mod calls;
mod ci_config_form;
mod compared;
mod data_sources;
mod databases;
mod desk;
mod diffs;
mod editor;
mod execute;
mod faults;
#[cfg(test)]
mod files;
mod find;
mod form;
mod home;
mod identified;
pub mod kinds;
#[cfg(test)]
mod laws;
mod layout;
mod leaf;
mod live_ci_configs;
mod live_monitors;
mod meaning;
mod measured;
mod monitor_form;
mod normalize;
mod observe;
mod option;
mod options;
mod provisioning;
mod references;
mod results;
mod rules;
mod schema;
mod sight;
mod summary;
#[cfg(test)]
mod tables;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use driftless_core::plan::Step;
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::Schema;
use driftless_core::snapshot::{Desired, Live, Scope};
use driftless_core::value::Secret;

use self::calls::GET_ORGANIZATION;
use self::wire::int;
use super::address::address;
use super::failures::failure;
use super::http::{Advice, Http, HttpOptions, Network, Request, Scheme};
use super::{Found, Gate, Ids, Job, Platform, Progress, TargetId};

#[cfg(test)]
use super::testing;

pub use desk::Desk;
pub use editor::document_schemas;
pub use schema::{DatafoldSchema, schema};

/// What is to be done at an organization.
const ADVICE: Advice = Advice {
    unauthorized: "the token is missing, wrong or expired; give this target a valid one",
    not_found: "it is gone, this key may not see it, or this deployment has no such endpoint",
    moved: "it points elsewhere; give this target the URL that it leads to",
};

/// What a [`Datafold`] is made of.
pub struct DatafoldOptions {
    /// The URL of the instance, as people open it, with or without scheme and final `/`.
    pub url: String,
    /// The key, personal or of a service account.
    pub key: Secret,
    /// The number of the organization that the key is to be of; `None`: of whichever it is.
    pub organization: Option<u32>,
    /// The way to it.
    pub network: Network,
    /// What writes its monitors: one for all adapters of one organization, which has one provisioning at a time.
    pub desk: Arc<Desk>,
}

/// What of a URL names no other instance.
const API: &str = "/api";

/// Which instance a URL leads to, however it is written, and which organization of it.
///
/// # Errors
/// What is wrong with it.
pub fn target(url: &str, organization: Option<u32>) -> Result<TargetId, Failure> {
    let (TargetId(address), _) = address(url, API)?;
    Ok(TargetId(match organization {
        Some(number) => format!("{address}#{number}"),
        None => address,
    }))
}

/// An organization of a Datafold instance: the one that the key is of.
pub struct Datafold {
    target: TargetId,
    /// Its address, as people open it.
    home: String,
    organization: Option<u32>,
    http: Http,
    desk: Arc<Desk>,
}

impl Datafold {
    /// Makes the adapter; nothing is sent.
    ///
    /// # Errors
    /// A URL, a key, a certificate or a proxy that cannot be one.
    pub fn new(options: DatafoldOptions, gate: Arc<dyn Gate>) -> Result<Self, Failure> {
        let (TargetId(home), base) = address(&options.url, API)?;
        let http = HttpOptions {
            base,
            scheme: Scheme::Key,
            token: options.key,
            network: options.network,
        };
        Ok(Self {
            target: target(&options.url, options.organization)?,
            home,
            organization: options.organization,
            http: Http::new(http, gate)?.advising(ADVICE),
            desk: options.desk,
        })
    }

    /// The page on which CI configurations are edited (`reference` 4.4).
    fn ci_settings(&self) -> String {
        format!("{}/settings/integrations/ci", self.home)
    }

    /// The page from which data sources are edited. The reference names none of their own, so it is the one above it.
    fn sources_settings(&self) -> String {
        format!("{}/settings/integrations", self.home)
    }
}

#[async_trait]
impl Platform for Datafold {
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
        let answer = self.http.send(&Request::new(&GET_ORGANIZATION, &[])).await?;
        let Some(wanted) = self.organization else {
            return Ok(());
        };
        match answer.as_ref().and_then(|answer| int(answer, "org_id")) {
            Some(found) if found == i64::from(wanted) => Ok(()),
            None => Err(failure(
                Meaning::Broken,
                format!("{} does not say which organization the key is of", self.home),
            )),
            Some(found) => Err(failure(
                Meaning::Forbidden,
                format!(
                    "the key is of organization {found}, and the target's `organization` says {wanted}: give it a key of that one, or \
                     correct the number"
                ),
            )),
        }
    }
}
