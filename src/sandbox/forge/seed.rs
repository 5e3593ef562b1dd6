//! Seeds: what a forge knows.
//!
//! ```json
//! {
//!   "users":        [{"name": "reader", "token": "...", "rights": "write|read|app"}],
//!   "hooks":        [{"url": "http://127.0.0.1:1/webhooks/x", "secret": "...", "provider": "github|gitlab"}],
//!   "repositories": [{"path": "acme/shop", "rights": "write|read", "files": {"models/orders.sql": "select 1"},
//!                     "pull_requests": [a body of the side door's `pull_requests`, without "repository"]}]
//! }
//! ```
//!
//! | side door | what it does |
//! |---|---|
//! | `POST pull_requests {"repository", "branch", "fork", "title", "message", "files", "renamed", "labels", "draft"}` | opens one; `fork`: the repository where its branch lies, if that is another; `files`: path and text, null for one that goes; `renamed`: new path and old one; gives `{"number", "sha"}` |
//! | `POST push {"repository", "number", "message", "files", "renamed"}` | adds a commit to one; gives `{"sha"}` |
//! | `POST edit {"kind": "pull_request", "where": {"repository", "number"}, "set": {"draft", "labels", "state", "title"}}` | changes one; `state`: `open` or `closed` |
//! | `POST edit {"kind": "comment", "where": {"repository", "id"}, "delete": true}` | deletes one |
//! | `POST hooks {"url", "secret", "provider"}` | from now on, what moves is delivered there |
//! | `GET deliveries` | each delivery: `url`, `event`, and the `status` that was answered, null where none was |

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::hook::{Hook, Moved};
use super::host::{Host, Rights, User};
use super::repository::{Commit, Files, Pull, Repository};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    #[serde(default)]
    users: Vec<UserSeed>,
    #[serde(default)]
    hooks: Vec<Hook>,
    #[serde(default)]
    repositories: Vec<RepositorySeed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserSeed {
    name: String,
    token: String,
    rights: Rights,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepositorySeed {
    path: String,
    /// What a token may do there at the most.
    #[serde(default)]
    rights: Rights,
    #[serde(default)]
    files: Files,
    #[serde(default)]
    pull_requests: Vec<Opened>,
}

/// A pull request that is opened.
#[derive(Deserialize)]
pub(super) struct Opened {
    branch: String,
    #[serde(default)]
    fork: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    draft: bool,
    #[serde(flatten)]
    pushed: Pushed,
}

/// A commit that is added to a pull request.
#[derive(Deserialize)]
pub(super) struct Pushed {
    #[serde(default)]
    message: String,
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
    /// Old path by new one.
    #[serde(default)]
    renamed: BTreeMap<String, String>,
}

/// Adds a seed to what the forge holds.
pub(super) fn load(host: &mut Host, seed: &Value) -> Result<(), String> {
    let seed: Seed = serde_path_to_error::deserialize(seed).map_err(|fault| fault.to_string())?;
    for user in seed.users {
        host.add_user(user.token, User::new(user.name, user.rights));
    }
    for row in seed.repositories {
        if row.path.split('/').count() < 2 {
            return Err(format!("repositories: `{}` is no path", row.path));
        }
        let made = Repository::new(host.next(), &row.path, row.rights, row.files);
        host.repositories.insert(row.path.clone(), made);
        for opened in row.pull_requests {
            open(host, &row.path, opened)?;
        }
    }
    // What was there before the hooks is no news.
    host.hooks.extend(seed.hooks);
    Ok(())
}

/// Opens a pull request: its number.
pub(super) fn open(host: &mut Host, path: &str, opened: Opened) -> Result<u64, String> {
    let preparing = host.switches.preparing;
    let number = host.next();
    if let Some(fork) = &opened.fork {
        host.repository(fork)?;
    }
    let repository = host.repository(path)?;
    let base_sha = repository.main.clone();
    let pull = Pull {
        title: opened.title,
        is_open: true,
        draft: opened.draft,
        labels: opened.labels,
        branch: opened.branch,
        fork: opened.fork,
        sha: base_sha.clone(),
        base_sha,
        renamed: BTreeMap::new(),
        preparing,
    };
    repository.pulls.insert(number, pull);
    commit(host, path, number, opened.pushed)?;
    host.tell(path, number, Moved::Opened);
    Ok(number)
}

/// Adds a commit to a pull request: its name.
pub(super) fn push(host: &mut Host, path: &str, number: u64, pushed: Pushed) -> Result<String, String> {
    let sha = commit(host, path, number, pushed)?;
    host.tell(path, number, Moved::Pushed);
    Ok(sha)
}

fn commit(host: &mut Host, path: &str, number: u64, pushed: Pushed) -> Result<String, String> {
    let repository = host.repository(path)?;
    let none = || format!("{path} has no pull request {number}");
    let head = repository.pulls.get(&number).ok_or_else(none)?.sha.clone();
    let mut files = repository.files(&head);
    for (new, old) in &pushed.renamed {
        if let Some(text) = files.remove(old) {
            files.insert(new.clone(), text);
        }
    }
    for (file, text) in pushed.files {
        match text {
            Some(text) => files.insert(file, text),
            None => files.remove(&file),
        };
    }
    let message = pushed.message;
    let made = Commit { message, files };
    let sha = repository.commit(path, made.clone());
    let pull = repository.pulls.get_mut(&number).ok_or_else(none)?;
    pull.sha.clone_from(&sha);
    pull.renamed.extend(pushed.renamed);
    // A forge shows the commits of a fork's pull request in either repository.
    if let Some(fork) = pull.fork.clone() {
        host.repository(&fork)?.commits.insert(sha.clone(), made);
    }
    Ok(sha)
}
