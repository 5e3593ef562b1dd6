//! `sources`: Git repositories that are watched.

use std::path::PathBuf;
use std::time::Duration;

use driftless_core::key::Revision;
use serde::Deserialize;

use super::amount::{Cron, Interval};
use super::auth::Auth;
use super::fault::Faults;
use super::section::Item;
use super::{Surroundings, network};
use crate::engine::schedule::Schedule;
use crate::source::reference::{Range, Reference};

/// One item of `sources`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// What environments and webhooks call it. Required, unique.
    pub name: String,
    /// `https://…`, `ssh://…`, `git@host:path`, `file://…`, or the path of a local repository. Required; no credentials in it.
    pub url: String,
    /// The branch that is watched. Default: `main`. At most one of `branch`, `tag`, `semver` and `commit`.
    pub branch: Option<String>,
    /// The tag that is watched. Default: none.
    pub tag: Option<String>,
    /// A range of versions, such as `>=1.0.0 <2`: the newest tag in it is watched. Default: none.
    pub semver: Option<String>,
    /// What stands before the version in the tags that `semver` counts, such as `api/`. Default: nothing.
    pub tag_prefix: Option<String>,
    /// The commit that is taken, by its full id; it never moves. Default: none.
    pub commit: Option<String>,
    /// How often it is looked at: a duration such as `30s`, jittered. Default: `1m`. Not together with `schedule`.
    pub interval: Option<Interval>,
    /// When it is looked at: a cron expression in UTC. Default: none.
    pub schedule: Option<Cron>,
    /// What happens when a branch moves to a revision that does not descend from the last one, or a tag to another commit.
    /// Default: `refuse`.
    pub force_push: Option<ForcePush>,
    /// Which signatures a revision must have. Default: none.
    pub verify: Option<VerifyConfig>,
    /// Credentials. Default: none.
    pub auth: Option<Auth>,
    /// A PEM file of certificate authorities that are believed besides the system's. Default: none.
    pub ca_file: Option<PathBuf>,
}

/// `force_push` of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForcePush {
    /// The revision is taken.
    Allow,
    /// The last revision stays in force.
    #[default]
    Refuse,
}

/// `verify` of a source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyConfig {
    /// What must be signed.
    pub mode: VerifyMode,
    /// Files and folders with the public keys of those who may sign.
    pub keys: Vec<PathBuf>,
}

/// `verify.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyMode {
    /// The commit that is watched.
    Head,
    /// The tag that leads to it.
    Tag,
    /// Both.
    TagAndHead,
}

/// The branch that is watched when the file does not say.
const BRANCH: &str = "main";

/// How often a source is looked at when the file does not say.
const INTERVAL: Duration = Duration::from_secs(60);

impl SourceConfig {
    /// When it is looked at without any other reason.
    pub fn polling(&self) -> Schedule {
        match (&self.schedule, self.interval) {
            (Some(Cron(cron)), _) => Schedule::Cron(cron.clone()),
            (None, Some(Interval(interval))) => Schedule::Every(interval),
            (None, None) => Schedule::Every(INTERVAL),
        }
    }

    /// What is watched.
    ///
    /// # Errors
    /// Why `semver` is no range.
    pub fn reference(&self) -> Result<Reference, String> {
        let prefix = self.tag_prefix.as_deref().unwrap_or_default();
        Ok(match (&self.tag, &self.semver, &self.commit) {
            (Some(tag), _, _) => Reference::Tag(tag.clone()),
            (None, Some(semver), _) => Reference::Semver(Range::parse(semver, prefix)?),
            (None, None, Some(commit)) => Reference::Commit(Revision(commit.to_ascii_lowercase())),
            (None, None, None) => Reference::Branch(self.branch.clone().unwrap_or_else(|| BRANCH.to_owned())),
        })
    }

    /// What happens when a branch moves to a revision that does not descend from the last one, or a tag to another commit.
    pub fn force_push(&self) -> ForcePush {
        self.force_push.unwrap_or_default()
    }
}

/// What serde cannot say; makes paths count from the config file's folder.
pub(super) fn check(item: &mut Item<'_, SourceConfig>, around: &Surroundings<'_>, faults: &mut Faults) {
    let folder = around.folder;
    let source = &mut item.value;
    for path in source.verify.iter_mut().flat_map(|verify| &mut verify.keys) {
        *path = folder.join(&path);
    }
    if let Some(Auth::Ssh { key, known_hosts }) = &mut source.auth {
        *key = folder.join(&key);
        *known_hosts = folder.join(&known_hosts);
    }
    if scheme(&source.url) == "file" && !source.url.contains("://") && !source.url.trim().is_empty() {
        source.url = folder.join(&source.url).display().to_string();
    }
    network::check_authorities(item, |source| source.ca_file.as_mut(), around, faults);
    let item = &*item;
    let source = &item.value;
    if source.interval.is_some() && source.schedule.is_some() {
        let help = "keep one of them";
        item.fault(faults, &["schedule"], "bad_value", "stands beside `interval`", help);
    }
    check_reference(item, faults);
    check_url(item, faults);
    check_verify(item, around, faults);
}

/// Checks that one thing is watched, and that its name is one.
fn check_reference(item: &Item<'_, SourceConfig>, faults: &mut Faults) {
    let SourceConfig {
        branch,
        tag,
        semver,
        tag_prefix,
        commit,
        ..
    } = &item.value;
    let watched = [
        ("branch", branch.is_some()),
        ("tag", tag.is_some()),
        ("semver", semver.is_some()),
        ("commit", commit.is_some()),
    ];
    let mut said = watched.iter().filter(|(_, said)| *said).map(|(key, _)| *key);
    if let Some(first) = said.next() {
        for other in said {
            let help = "keep one of `branch`, `tag`, `semver` and `commit`";
            item.fault(faults, &[other], "bad_value", &format!("stands beside `{first}`"), help);
        }
    }
    for (key, noun, name) in [("branch", "branch", branch), ("tag", "tag", tag)] {
        let is_bad = |name: &str| name.trim().is_empty() || name.starts_with("refs/") || name.starts_with('-');
        if name.as_deref().is_some_and(is_bad) {
            let (what, example) = (
                format!("is no name of a {noun}"),
                if noun == "tag" { "v1.2.3" } else { BRANCH },
            );
            let help = format!("write the {noun}'s name alone, such as `{example}`");
            item.fault(faults, &[key], "bad_value", &what, &help);
        }
    }
    if let Some(Err(why)) = semver.as_ref().map(|semver| Range::parse(semver, "")) {
        let help = "write comparators of versions, such as `>=1.0.0 <2`, `^1.4` or `~1.4.2`";
        item.fault(
            faults,
            &["semver"],
            "bad_value",
            &format!("is no range of versions ({why})"),
            help,
        );
    }
    if tag_prefix.is_some() && semver.is_none() {
        let help = "it says which tags `semver` counts: add `semver`, or leave it out";
        item.fault(faults, &["tag_prefix"], "bad_value", "stands without `semver`", help);
    }
    let is_id = |id: &String| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if commit.as_ref().is_some_and(|commit| !is_id(commit)) {
        let help = "write all 40 hexadecimal digits, as `git rev-parse HEAD` prints them, in quotes";
        item.fault(faults, &["commit"], "bad_value", "is no full id of a commit", help);
    }
}

/// Checks that there is something to verify, and keys to verify it with.
fn check_verify(item: &Item<'_, SourceConfig>, around: &Surroundings<'_>, faults: &mut Faults) {
    let SourceConfig {
        verify: Some(VerifyConfig { mode, keys }),
        tag,
        semver,
        ..
    } = &item.value
    else {
        return;
    };
    if *mode != VerifyMode::Head && tag.is_none() && semver.is_none() {
        let help = "take `mode: head`, or watch a tag with `tag` or `semver`";
        item.fault(
            faults,
            &["verify", "mode"],
            "bad_value",
            "asks for a signed tag where none is watched",
            help,
        );
    }
    if !item.is_sound(&["verify", "keys"]) {
        return;
    }
    if keys.is_empty() {
        let help = "name at least one file or folder of public keys: nobody could sign";
        item.fault(faults, &["verify", "keys"], "bad_value", "is empty", help);
    }
    for (path, at) in keys.iter().zip(item.items_below(&["verify", "keys"])) {
        if let Err(why) = (around.signers)(path) {
            let help = "a file holds OpenSSH public keys, lines of Git's allowed signers, or OpenPGP keys as `gpg --armor --export` prints them";
            faults.add(
                at,
                "bad_keys",
                format!("`{}.verify.keys`: {why}", item.label),
                Some(help.to_owned()),
            );
        }
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
