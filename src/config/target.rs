//! `targets`: live instances of platforms.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use driftless_core::value::Secret;
use serde::Deserialize;

use super::amount::Interval;
use super::fault::Faults;
use super::section::Item;
use super::source::has_credentials;
use super::{KnownPlatform, Surroundings, amount, pem, secret};

/// One item of `targets`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// What environments call it. Required, unique.
    pub name: String,
    /// The platform: `qualytics`. Required.
    pub platform: String,
    /// The instance's address, `https://…`. Required.
    pub url: String,
    /// The access token. Required.
    #[serde(deserialize_with = "secret::required")]
    pub token: Secret,
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

/// `timeouts` of a target; each is at least as long as the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsConfig {
    /// Until the connection stands. Default: `10s`.
    pub connect: Interval,
    /// Until the answer begins, and between two pieces of it. Default: `60s`.
    pub read: Interval,
    /// From sending to the last byte. Default: `5m`.
    pub total: Interval,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            connect: Interval(Duration::from_secs(10)),
            read: Interval(Duration::from_secs(60)),
            total: Interval(Duration::from_secs(300)),
        }
    }
}

/// `client_certificate` of a target.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// A PEM file: the certificate, and after it those that vouch for it. Required.
    pub cert_file: PathBuf,
    /// A PEM file: its private key, unencrypted. Required.
    pub key_file: PathBuf,
}

/// `proxy` of a target.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    /// Its address, `http://…` or `https://…`. Required; no credentials in it.
    pub url: String,
    /// The name for it. Default: none. Together with `password`.
    pub username: Option<String>,
    /// The password for it. Default: none.
    #[serde(default, deserialize_with = "secret::optional")]
    pub password: Option<Secret>,
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
    for path in files.chain(&mut item.value.ca_file) {
        *path = around.folder.join(&path);
    }
    let item = &*item;
    check_timeouts(item, faults);
    check_certificate(item, around, faults);
    check_proxy(item, faults);
    let TargetConfig { platform, url, .. } = &item.value;
    let known: Vec<&str> = around.platforms.iter().map(|platform| platform.name).collect();
    if !known.contains(&platform.as_str()) && item.is_sound(&["platform"]) {
        let message = format!("`{}.platform` is no platform of this version", item.label);
        faults.unknown_name(item.at(&["platform"]), "unknown_platform", message, platform, &known);
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

fn is_http(url: &str) -> bool {
    let parsed = reqwest::Url::parse(url).ok();
    parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

fn check_timeouts(item: &Item<'_, TargetConfig>, faults: &mut Faults) {
    let TimeoutsConfig { connect, read, total } = item.value.timeouts;
    for (key, longer, than, shorter) in [("read", read, "connect", connect), ("total", total, "read", read)] {
        if longer < shorter && item.is_sound(&["timeouts", than]) {
            let what = format!("is shorter than `{than}`, which is a part of it");
            let help = format!("make it {} at least", humantime::format_duration(shorter.0));
            item.fault(faults, &["timeouts", key], "bad_value", &what, &help);
        }
    }
}

/// Files that are there are looked into; those that are not may be on the machine that runs the daemon, which refuses to start
/// without them.
fn check_certificate(item: &Item<'_, TargetConfig>, around: &Surroundings<'_>, faults: &mut Faults) {
    let Some(ClientCertificate { cert_file, key_file }) = &item.value.client_certificate else {
        return;
    };
    for (key, path, check) in [
        (
            "cert_file",
            cert_file,
            pem::certificate as fn(&Secret) -> Result<(), pem::PemFault>,
        ),
        ("key_file", key_file, pem::key),
    ] {
        let fault = match (around.secret_file)(&path.display().to_string()) {
            Ok(content) => check(&content).err(),
            Err(fault) => pem::unreadable(&fault),
        };
        if let Some(pem::PemFault { what, help }) = fault {
            item.fault(faults, &["client_certificate", key], "bad_certificate", &what, help);
        }
    }
}

fn check_proxy(item: &Item<'_, TargetConfig>, faults: &mut Faults) {
    let Some(ProxyConfig {
        url,
        username,
        password,
    }) = &item.value.proxy
    else {
        return;
    };
    if has_credentials(url) {
        let help = "put them under `username` and `password`: the URL is shown in messages";
        item.fault(
            faults,
            &["proxy", "url"],
            "credentials_in_url",
            "has credentials in it",
            help,
        );
    } else if !is_http(url) {
        let help = "write it as `http://proxy.example.com:3128`";
        item.fault(
            faults,
            &["proxy", "url"],
            "bad_value",
            "is no http or https address",
            help,
        );
    }
    if username.is_some() != password.is_some() && item.is_sound(&["proxy", "password"]) {
        let help = "give both, or neither";
        let what = "has one of `username` and `password` without the other";
        item.fault(faults, &["proxy"], "bad_value", what, help);
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
