//! The way to an instance or a forge: time-outs, who is believed, who we are, and what lies between.

use std::path::PathBuf;
use std::time::Duration;

use driftless_core::value::Secret;
use serde::Deserialize;

use super::amount::Interval;
use super::fault::Faults;
use super::section::Item;
use super::source::has_credentials;
use super::{Surroundings, pem, secret};

/// `timeouts` of a target or a forge; each is at least as long as the one before it.
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

/// `proxy` of a target or a forge.
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

/// Whether a text is an address that requests can be sent to.
pub(super) fn is_http(url: &str) -> bool {
    let parsed = reqwest::Url::parse(url).ok();
    parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

/// Checks that no part of a request's time is longer than the whole.
pub(super) fn check_timeouts<T>(item: &Item<'_, T>, timeouts: TimeoutsConfig, faults: &mut Faults) {
    let TimeoutsConfig { connect, read, total } = timeouts;
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
pub(super) fn check_certificate<T>(
    item: &Item<'_, T>,
    certificate: Option<&ClientCertificate>,
    around: &Surroundings<'_>,
    faults: &mut Faults,
) {
    let Some(ClientCertificate { cert_file, key_file }) = certificate else {
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

/// Checks the address of a proxy, and that its credentials are whole.
pub(super) fn check_proxy<T>(item: &Item<'_, T>, proxy: Option<&ProxyConfig>, faults: &mut Faults) {
    let Some(ProxyConfig {
        url,
        username,
        password,
    }) = proxy
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

/// Makes the path of a file of certificate authorities count from the config file's folder, and looks into it.
pub(super) fn check_authorities<T>(
    item: &mut Item<'_, T>,
    file: impl FnOnce(&mut T) -> Option<&mut PathBuf>,
    around: &Surroundings<'_>,
    faults: &mut Faults,
) {
    let Some(path) = file(&mut item.value) else { return };
    *path = around.folder.join(&path);
    let path = path.clone();
    if let Err(pem::PemFault { what, help }) = (around.authorities)(&path) {
        item.fault(faults, &["ca_file"], "bad_certificate", &what, help);
    }
}
