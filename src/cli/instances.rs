//! Instances as the config file says: their limits, the way to them, and the adapters of their platforms.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use driftless_core::value::Secret;

use super::platforms::{self, BuiltIn, Way};
use super::wire::failed;
use crate::config::{ClientCertificate, ProxyConfig, TargetConfig, TimeoutsConfig};
use crate::engine::pace::{Limiter, LimiterOptions};
use crate::platform::datafold::Desk;
use crate::platform::http::{Identity, Network, Proxy, Timeouts};
use crate::platform::{Gate, Platform, TargetId};

/// The platform of a target.
pub(crate) fn platform(target: &TargetConfig) -> anyhow::Result<&'static BuiltIn> {
    let found = platforms::named(&target.platform);
    found.with_context(|| {
        format!(
            "the target `{}`: there is no platform `{}`",
            target.name, target.platform
        )
    })
}

/// Which instance a target is, however its URL is written.
pub(crate) fn address(target: &TargetConfig) -> anyhow::Result<(&'static str, TargetId)> {
    let platform = platform(target)?;
    let address = (platform.target)(&target.url, target.organization).map_err(failed);
    Ok((platform.name(), address.with_context(|| named(target))?))
}

/// What all environments on one target have together.
pub(crate) struct Shared {
    /// What is asked of it at the same time, and in a second.
    pub(crate) limiter: Arc<Limiter>,
    desk: Arc<Desk>,
}

impl Shared {
    pub(crate) fn of(target: &TargetConfig) -> Self {
        Self {
            limiter: limiter(target),
            desk: Arc::default(),
        }
    }
}

/// The adapter of a target; nothing is sent.
pub(crate) fn open(target: &TargetConfig, shared: &Shared, gate: Arc<dyn Gate>) -> anyhow::Result<Arc<dyn Platform>> {
    let way = Way {
        desk: shared.desk.clone(),
        ..way(target)?
    };
    let made = (platform(target)?.open)(way, gate).map_err(failed);
    made.with_context(|| named(target))
}

/// How errors call a target.
pub(crate) fn named(target: &TargetConfig) -> String {
    format!("the target `{}`", target.name)
}

/// The way to a target, and its token.
pub(crate) fn way(target: &TargetConfig) -> anyhow::Result<Way> {
    Ok(Way {
        url: target.url.clone(),
        token: target.token.clone(),
        organization: target.organization,
        network: network(
            &named(target),
            target.timeouts,
            target.ca_file.as_deref(),
            target.client_certificate.as_ref(),
            target.proxy.as_ref(),
        )?,
        desk: Arc::default(),
    })
}

/// What is asked of an instance at the same time, and in a second.
pub(crate) fn limiter(target: &TargetConfig) -> Arc<Limiter> {
    let concurrency = usize::try_from(target.limits.concurrency).unwrap_or(usize::MAX);
    Limiter::of(LimiterOptions {
        name: target.name.clone(),
        concurrency,
        per_second: f64::from(target.limits.per_second),
        ..LimiterOptions::default()
    })
}

/// The way to an instance or a forge, as the config file says; the process's environment has no part in it. `whose` is how errors
/// call it.
pub(crate) fn network(
    whose: &str,
    timeouts: TimeoutsConfig,
    ca_file: Option<&Path>,
    certificate: Option<&ClientCertificate>,
    proxy: Option<&ProxyConfig>,
) -> anyhow::Result<Network> {
    let read = |path: &Path, key: &str| {
        let unreadable = || {
            let path = path.display();
            format!("{whose}: `{key}`: {path} cannot be read by the user that runs driftless")
        };
        std::fs::read(path).with_context(unreadable)
    };
    let identity = match certificate {
        None => None,
        Some(ClientCertificate { cert_file, key_file }) => {
            let key = String::from_utf8(read(key_file, "client_certificate.key_file")?)
                .map_err(|_| anyhow!("{whose}: `client_certificate.key_file` is no PEM file: convert it to one"))?;
            Some(Identity {
                certificates: read(cert_file, "client_certificate.cert_file")?,
                key: Secret::new(key),
            })
        }
    };
    Ok(Network {
        timeouts: Timeouts {
            connect: timeouts.connect.0,
            read: timeouts.read.0,
            total: timeouts.total.0,
        },
        authority: ca_file.map(|path| read(path, "ca_file")).transpose()?,
        identity,
        proxy: match proxy {
            None => Proxy::None,
            Some(proxy) => Proxy::At {
                url: proxy.url.clone(),
                credentials: proxy.username.clone().zip(proxy.password.clone()),
            },
        },
    })
}
