//! The Git source against real things: `git`, `git http-backend`, TLS with a private authority, `sshd`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../support/git_host.rs"]
mod git_host;
#[path = "../support/git_repo.rs"]
mod git_repo;
#[path = "../support/sshd.rs"]
mod sshd;

mod lineage;
mod mirror;
mod reading;
mod references;
mod remotes;
mod signatures;

use std::path::Path;
use std::time::Duration;

use driftless::source::file::Limits;
use driftless::source::git::{Auth, GitOptions, GitSource, MovedTag, Reference};
use driftless::source::{Source, SourceError};
use driftless_core::tree::{Content, Tree};

use git_repo::Repo;

/// A source at `url`, with its mirror below `folder`.
pub(crate) fn options(url: impl Into<String>, folder: &Path) -> GitOptions {
    GitOptions {
        name: "config".to_owned(),
        url: url.into(),
        reference: Reference::Branch("main".to_owned()),
        mirror: folder.join("mirror"),
        auth: Auth::None,
        ca: None,
        limits: Limits::default(),
        timeout: Duration::from_secs(30),
        moved_tag: MovedTag::Refuse,
        verify: None,
    }
}

pub(crate) fn source_at(repo: &Repo) -> GitSource {
    GitSource::open(options(repo.bare().display().to_string(), repo.folder())).unwrap()
}

pub(crate) fn root() -> Vec<String> {
    vec![String::new()]
}

pub(crate) fn paths(tree: &Tree) -> Vec<&str> {
    tree.files.iter().map(|file| &*file.path).collect()
}

pub(crate) fn content<'t>(tree: &'t Tree, path: &str) -> &'t Content {
    &tree.files.iter().find(|file| &*file.path == path).expect(path).content
}

pub(crate) fn text<'t>(tree: &'t Tree, path: &str) -> &'t str {
    match content(tree, path) {
        Content::Yaml(parsed) => &parsed.text,
        Content::Refused(refusal) => panic!("{path} is refused: {refusal:?}"),
    }
}

pub(crate) async fn newest(source: &GitSource) -> Result<Tree, SourceError> {
    let head = source.head().await?;
    source.checkout(&head, &root()).await
}
