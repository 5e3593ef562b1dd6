//! `targets`: live instances of platforms.

use std::collections::BTreeMap;
use std::path::PathBuf;

use driftless_core::value::Secret;
use serde::Deserialize;

use super::fault::Faults;
use super::network::{
    ClientCertificate, ProxyConfig, TimeoutsConfig, check_authorities, check_certificate, check_proxy, check_timeouts,
    is_http,
};
use super::section::Item;
use super::source::has_credentials;
use super::{KnownPlatform, Surroundings, Tenancy, amount, secret};

/// One item of `targets`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// What environments call it. Required, unique.
    pub name: String,
    /// The platform: `qualytics` or `datafold`. Required.
    pub platform: String,
    /// The instance's address, `https://…`. Required.
    pub url: String,
    /// The access token, or API key. Required.
    #[serde(deserialize_with = "secret::required")]
    pub token: Secret,
    /// Which organization of the instance the token is of, where one address serves several. Default: the only one that this file
    /// has to do with there.
    #[serde(default, deserialize_with = "amount::number")]
    pub organization: Option<u32>,
    /// How hard the instance may be asked.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// A PEM file of certificate authorities that are believed besides the system's. Default: none.
    pub ca_file: Option<PathBuf>,
    /// How long requests may take.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
    /// The certificate that is shown to the instance. Default: none.
    pub client_certificate: Option<ClientCertificate>,
    /// The HTTP proxy that passes all requests on. Default: none, whatever the process's environment says: a daemon does what
    /// this file says.
    pub proxy: Option<ProxyConfig>,
}

/// `limits` of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Requests under way at the same time, from 1. Default: 16.
    #[serde(deserialize_with = "amount::positive")]
    pub concurrency: u32,
    /// Requests begun in a second, from 1. Default: 40.
    #[serde(deserialize_with = "amount::positive")]
    pub per_second: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            concurrency: 16,
            per_second: 40,
        }
    }
}

/// What serde cannot say; makes paths count from the file's folder.
pub(super) fn check(item: &mut Item<'_, TargetConfig>, around: &Surroundings<'_>, faults: &mut Faults) {
    let files = item.value.client_certificate.iter_mut();
    let files = files.flat_map(|certificate| [&mut certificate.cert_file, &mut certificate.key_file]);
    for path in files {
        *path = around.folder.join(&path);
    }
    check_authorities(item, |target| target.ca_file.as_mut(), around, faults);
    let item = &*item;
    check_timeouts(item, item.value.timeouts, faults);
    check_certificate(item, item.value.client_certificate.as_ref(), around, faults);
    check_proxy(item, item.value.proxy.as_ref(), faults);
    let TargetConfig { platform, url, .. } = &item.value;
    let known: Vec<&str> = around.platforms.iter().map(|platform| platform.name).collect();
    if !known.contains(&platform.as_str()) && item.is_sound(&["platform"]) {
        let message = format!("`{}.platform` is no platform of this version", item.label);
        faults.unknown_name(item.at(&["platform"]), "unknown_platform", message, platform, &known);
    }
    let holds = around.platforms.iter().find(|known| known.name == platform.as_str());
    if item.value.organization.is_some() && holds.is_some_and(|known| known.tenancy == Tenancy::One) {
        let help = "take it out: an instance of this platform is one by itself";
        let message = "is of a platform whose instances hold several";
        item.fault(faults, &["organization"], "bad_value", message, help);
    }
    if has_credentials(url) {
        let help = "put the token under `token`: the URL is shown on pages and in logs";
        item.fault(faults, &["url"], "credentials_in_url", "has credentials in it", help);
        return;
    }
    if !is_http(url) {
        let help = "write it as `https://acme.qualytics.io`";
        item.fault(faults, &["url"], "bad_value", "is no http or https address", help);
    }
}

/// The platform of each target, as far as it is known.
pub(super) fn platforms<'a>(
    targets: &[Item<'_, TargetConfig>],
    known: &'a [KnownPlatform],
) -> BTreeMap<String, &'a KnownPlatform> {
    targets
        .iter()
        .filter_map(|item| {
            let platform = known.iter().find(|platform| platform.name == item.value.platform)?;
            Some((item.value.name.clone(), platform))
        })
        .collect()
}
