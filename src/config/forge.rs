//! `forges`: where the pull requests live whose data diffs are orchestrated.

use std::path::PathBuf;

use driftless_core::value::Secret;
use serde::Deserialize;

use super::fault::Faults;
use super::network::{ProxyConfig, TimeoutsConfig, check_authorities, check_proxy, check_timeouts, is_http};
use super::section::Item;
use super::source::has_credentials;
use super::{Surroundings, secret};

/// One item of `forges`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgeConfig {
    /// What webhooks call it. Required, unique.
    pub name: String,
    /// What it is: `github` or `gitlab`. Required.
    pub provider: ForgeProvider,
    /// Its address: for GitHub that of the API, for GitLab that of the instance. Default: `https://api.github.com` or
    /// `https://gitlab.com`.
    url: Option<String>,
    /// A token that may read pull requests and files, set commit statuses and comment. Required.
    #[serde(deserialize_with = "secret::required")]
    pub token: Secret,
    /// A PEM file of certificate authorities that are believed besides the system's. Default: none.
    pub ca_file: Option<PathBuf>,
    /// How long requests may take.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
    /// The HTTP proxy that passes all requests on. Default: none, whatever the process's environment says.
    pub proxy: Option<ProxyConfig>,
}

/// What a forge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForgeProvider {
    /// GitHub, of its makers or of one's own.
    Github,
    /// GitLab, of its makers or of one's own.
    Gitlab,
}

impl ForgeProvider {
    /// Its name in the file.
    pub(super) fn word(self) -> &'static str {
        match self {
            ForgeProvider::Github => "github",
            ForgeProvider::Gitlab => "gitlab",
        }
    }

    /// The address of the one that its makers run.
    fn url(self) -> &'static str {
        match self {
            ForgeProvider::Github => "https://api.github.com",
            ForgeProvider::Gitlab => "https://gitlab.com",
        }
    }
}

impl ForgeConfig {
    /// Its address.
    pub fn url(&self) -> &str {
        self.url.as_deref().unwrap_or(self.provider.url())
    }
}

/// What serde cannot say; makes paths count from the file's folder.
pub(super) fn check(item: &mut Item<'_, ForgeConfig>, around: &Surroundings<'_>, faults: &mut Faults) {
    check_authorities(item, |forge| forge.ca_file.as_mut(), around, faults);
    let item = &*item;
    check_timeouts(item, item.value.timeouts, faults);
    check_proxy(item, item.value.proxy.as_ref(), faults);
    let url = item.value.url();
    if has_credentials(url) {
        let help = "put the token under `token`: the URL is shown on pages and in logs";
        item.fault(faults, &["url"], "credentials_in_url", "has credentials in it", help);
    } else if !is_http(url) {
        let help = format!("write it as `{}`", item.value.provider.url());
        item.fault(faults, &["url"], "bad_value", "is no http or https address", &help);
    }
}
