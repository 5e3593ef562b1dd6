//! `sources`: Git repositories that are watched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::amount::{Cron, Interval};
use super::auth::Auth;
use super::fault::Faults;
use super::section::Item;
use crate::engine::schedule::Schedule;

/// One item of `sources`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// What environments and webhooks call it. Required, unique.
    pub name: String,
    /// `https://…`, `ssh://…`, `git@host:path`, `file://…`, or the path of a local repository. Required; no credentials in it.
    pub url: String,
    /// The branch that is watched. Default: `main`.
    #[serde(default = "branch")]
    pub branch: String,
    /// How often the branch is looked at: a duration such as `30s`, jittered. Default: `1m`. Not together with `schedule`.
    pub interval: Option<Interval>,
    /// When the branch is looked at: a cron expression in UTC. Default: none.
    pub schedule: Option<Cron>,
    /// What happens when the branch moves to a revision that does not descend from the last one. Not enforced yet: refused.
    pub force_push: Option<ForcePush>,
    /// Which signatures commits must have. Not enforced yet: refused.
    pub verify: Option<VerifyConfig>,
    /// Credentials. Default: none.
    pub auth: Option<Auth>,
    /// A PEM file of certificate authorities that are believed besides the system's. Default: none.
    pub ca_file: Option<PathBuf>,
}

/// `force_push` of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForcePush {
    /// The revision is taken.
    Allow,
    /// The last revision stays in force.
    Refuse,
}

/// `verify` of a source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyConfig {
    /// Which commits are verified.
    pub mode: VerifyMode,
    /// Files with the keys of those who may sign.
    pub keys: Vec<PathBuf>,
}

/// `verify.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifyMode {
    /// The commit that the branch points at.
    Head,
}

fn branch() -> String {
    "main".to_owned()
}

/// How often a source is looked at when the file does not say.
const INTERVAL: Duration = Duration::from_secs(60);

impl SourceConfig {
    /// When the branch is looked at without any other reason.
    pub fn polling(&self) -> Schedule {
        match (&self.schedule, self.interval) {
            (Some(Cron(cron)), _) => Schedule::Cron(cron.clone()),
            (None, Some(Interval(interval))) => Schedule::Every(interval),
            (None, None) => Schedule::Every(INTERVAL),
        }
    }
}

/// What serde cannot say; makes paths count from `folder`.
pub(super) fn check(item: &mut Item<'_, SourceConfig>, folder: &Path, faults: &mut Faults) {
    let source = &mut item.value;
    if let Some(path) = &mut source.ca_file {
        *path = folder.join(&path);
    }
    if let Some(Auth::Ssh { key, known_hosts }) = &mut source.auth {
        *key = folder.join(&key);
        *known_hosts = folder.join(&known_hosts);
    }
    if scheme(&source.url) == "file" && !source.url.contains("://") && !source.url.trim().is_empty() {
        source.url = folder.join(&source.url).display().to_string();
    }
    let item = &*item;
    let source = &item.value;
    if source.interval.is_some() && source.schedule.is_some() {
        let help = "keep one of them";
        item.fault(faults, &["schedule"], "bad_value", "stands beside `interval`", help);
    }
    if source.branch.trim().is_empty() || source.branch.starts_with("refs/") || source.branch.starts_with('-') {
        let help = "write the branch's name alone, such as `main`";
        item.fault(faults, &["branch"], "bad_value", "is no name of a branch", help);
    }
    check_url(item, faults);
    if source.force_push.is_some() {
        faults.not_supported(item.key_at(&["force_push"]), "`force_push`");
    }
    if source.verify.is_some() {
        faults.not_supported(item.key_at(&["verify"]), "verifying signatures (`verify`)");
    }
}

/// The schemes of an address that is understood.
const SCHEMES: [&str; 4] = ["https", "http", "ssh", "file"];

fn check_url(item: &Item<'_, SourceConfig>, faults: &mut Faults) {
    let SourceConfig { url, auth, .. } = &item.value;
    let scheme = scheme(url);
    if url.trim().is_empty() {
        item.fault(
            faults,
            &["url"],
            "bad_value",
            "is empty",
            "write the repository's address",
        );
    } else if !SCHEMES.contains(&scheme) {
        let help = "use https, ssh, file, or the path of a local repository";
        item.fault(faults, &["url"], "bad_value", "has a scheme that is not known", help);
    } else if has_credentials(url) {
        let help = "put them under `auth`: the URL is shown on pages and in logs";
        item.fault(faults, &["url"], "credentials_in_url", "has credentials in it", help);
    }
    let fits = match auth {
        None => true,
        // That nothing is known of the scheme has been told.
        Some(_) if !SCHEMES.contains(&scheme) => true,
        Some(Auth::Token(_) | Auth::Password { .. }) => matches!(scheme, "http" | "https"),
        Some(Auth::Ssh { .. }) => scheme == "ssh",
    };
    if !fits && item.is_sound(&["url"]) {
        let help = "`token` and `username` with `password` are for https, `ssh` is for ssh";
        item.fault(faults, &["auth"], "bad_value", "is of no use with this `url`", help);
    }
}

/// The scheme of a repository's address; `file` for a path.
fn scheme(url: &str) -> &str {
    match url.split_once("://") {
        Some((scheme, _)) => scheme,
        // As Git reads it: `host:path` is SSH unless a slash comes first.
        None if url
            .split_once(':')
            .is_some_and(|(host, _)| !host.is_empty() && !host.contains('/')) =>
        {
            "ssh"
        }
        None => "file",
    }
}

/// Whether a URL has a password, or on http(s) any name before the host.
pub(super) fn has_credentials(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => user.contains(':') || scheme.starts_with("http"),
        None => false,
    }
}
