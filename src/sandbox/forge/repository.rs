//! Repositories: commits, branches, pull requests, and what is said of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::host::Rights;

/// Path and text of every file.
pub(super) type Files = BTreeMap<String, String>;

#[derive(Clone)]
pub(super) struct Commit {
    pub(super) message: String,
    pub(super) files: Files,
}

#[derive(Clone)]
pub(super) struct Pull {
    pub(super) title: String,
    pub(super) is_open: bool,
    pub(super) draft: bool,
    pub(super) labels: Vec<String>,
    pub(super) branch: String,
    /// Where that branch lies, of one that comes from a fork.
    pub(super) fork: Option<String>,
    pub(super) sha: String,
    pub(super) base_sha: String,
    /// Old path by new one.
    pub(super) renamed: BTreeMap<String, String>,
    /// How often GitLab is still to be asked before it knows what is changed.
    pub(super) preparing: usize,
}

/// A file that a pull request changes.
pub(super) struct Changed {
    pub(super) path: String,
    pub(super) change: Change,
}

pub(super) enum Change {
    Added,
    Modified,
    Removed,
    RenamedFrom(String),
}

#[derive(Clone)]
pub(super) struct Status {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) context: String,
    /// The branch that it is said of, on GitLab.
    pub(super) branch: Value,
    pub(super) state: String,
    pub(super) description: Value,
    pub(super) url: Value,
}

#[derive(Clone)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) author: u64,
    /// What its author's token may do.
    pub(super) rights: Rights,
    pub(super) body: String,
}

#[derive(Clone)]
pub(super) struct Repository {
    pub(super) id: u64,
    /// What a token may do here at the most.
    pub(super) rights: Rights,
    pub(super) commits: BTreeMap<String, Commit>,
    /// The newest commit of `main`.
    pub(super) main: String,
    pub(super) pulls: BTreeMap<u64, Pull>,
    pub(super) statuses: Vec<Status>,
    pub(super) comments: Vec<Comment>,
}

impl Repository {
    pub(super) fn new(id: u64, path: &str, rights: Rights, files: Files) -> Self {
        let mut repository = Self {
            id,
            rights,
            commits: BTreeMap::new(),
            main: String::new(),
            pulls: BTreeMap::new(),
            statuses: Vec::new(),
            comments: Vec::new(),
        };
        let message = "Begin".to_owned();
        repository.main = repository.commit(path, Commit { message, files });
        repository
    }

    /// Adds a commit; its name follows from what was there before it.
    pub(super) fn commit(&mut self, path: &str, commit: Commit) -> String {
        let seed = format!("{path}\n{}\n{}", self.commits.len(), commit.message);
        let digest = Sha256::digest(seed.as_bytes());
        let sha: String = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
        self.commits.insert(sha.clone(), commit);
        sha
    }

    pub(super) fn files(&self, sha: &str) -> Files {
        self.commits
            .get(sha)
            .map(|commit| commit.files.clone())
            .unwrap_or_default()
    }

    /// What a pull request changes, by path.
    pub(super) fn changed(&self, pull: &Pull) -> Vec<Changed> {
        let (base, head) = (self.files(&pull.base_sha), self.files(&pull.sha));
        let is_renamed = |path: &String| pull.renamed.values().any(|old| old == path);
        let written = head.iter().filter_map(|(path, text)| {
            let change = match (pull.renamed.get(path), base.get(path)) {
                (Some(old), _) => Change::RenamedFrom(old.clone()),
                (None, None) => Change::Added,
                (None, Some(before)) if before != text => Change::Modified,
                (None, Some(_)) => return None,
            };
            Some(Changed {
                path: path.clone(),
                change,
            })
        });
        let gone = base
            .keys()
            .filter(|path| !head.contains_key(*path) && !is_renamed(path));
        let removed = gone.map(|path| Changed {
            path: path.clone(),
            change: Change::Removed,
        });
        written.chain(removed).collect()
    }

    /// The statuses of a commit, the newest first.
    pub(super) fn statuses(&self, sha: &str) -> impl Iterator<Item = &Status> {
        self.statuses.iter().rev().filter(move |status| status.sha == sha)
    }

    /// Everything, for the side door.
    pub(super) fn dump(&self, path: &str) -> Value {
        let pulls = self.pulls.iter().map(|(number, pull)| {
            json!({
                "number": number, "title": pull.title, "open": pull.is_open, "draft": pull.draft, "labels": pull.labels,
                "branch": pull.branch, "sha": pull.sha, "base_sha": pull.base_sha,
            })
        });
        let statuses = self.statuses.iter().map(|status| {
            json!({
                "sha": status.sha, "context": status.context, "state": status.state, "description": status.description,
                "url": status.url, "branch": status.branch,
            })
        });
        let comments = self.comments.iter().map(|comment| {
            json!({ "id": comment.id, "number": comment.number, "author": comment.author, "body": comment.body })
        });
        json!({
            "path": path, "main": self.main, "pull_requests": pulls.collect::<Vec<_>>(), "statuses": statuses.collect::<Vec<_>>(),
            "comments": comments.collect::<Vec<_>>(),
        })
    }
}
