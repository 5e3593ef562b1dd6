//! The Datafold adapter: what the platform is (`schema`, pure) and how it is read and written.

mod calls;
mod ci_config;
mod compared;
mod databases;
mod diffs;
mod faults;
mod form;
mod home;
pub mod kinds;
mod layout;
mod leaf;
mod meaning;
mod measured;
mod monitors;
mod normalize;
mod option;
mod options;
mod references;
mod rules;
mod schema;
mod summary;
#[cfg(test)]
mod testing;
mod wire;

use std::sync::Arc;

use driftless_core::report::Failure;
use driftless_core::value::Secret;

use super::address::address;
use super::http::{Http, HttpOptions, Network, Scheme};
use super::{Gate, TargetId};

pub use schema::{DatafoldSchema, schema};

/// What a [`Datafold`] is made of.
pub struct DatafoldOptions {
    /// The URL of the instance, as people open it, with or without scheme and final `/`.
    pub url: String,
    /// The key, personal or of a service account.
    pub key: Secret,
    /// The way to it.
    pub network: Network,
}

/// What of a URL names no other instance.
const API: &str = "/api";

/// Which instance a URL leads to, however it is written.
///
/// # Errors
/// What is wrong with it.
pub fn target(url: &str) -> Result<TargetId, Failure> {
    address(url, API).map(|(target, _)| target)
}

/// An organization of a Datafold instance: the one that the key is of.
pub struct Datafold {
    target: TargetId,
    http: Http,
}

impl Datafold {
    /// Makes the adapter; nothing is sent.
    ///
    /// # Errors
    /// A URL, a key, a certificate or a proxy that cannot be one.
    pub fn new(options: DatafoldOptions, gate: Arc<dyn Gate>) -> Result<Self, Failure> {
        let (target, base) = address(&options.url, API)?;
        let http = HttpOptions {
            base,
            scheme: Scheme::Key,
            token: options.key,
            network: options.network,
        };
        Ok(Self {
            target,
            http: Http::new(http, gate)?,
        })
    }

    /// The page on which CI configurations are edited (`reference` 4.4).
    fn ci_settings(&self) -> String {
        format!("{}/settings/integrations/ci", self.target.0)
    }
}
