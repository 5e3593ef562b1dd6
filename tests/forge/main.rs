//! The two forges on the wire: exactly which requests are sent, and what is made of exactly which answers; then against a server that
//! keeps what it is told.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod bodies;
mod documented;
mod github;
mod gitlab;
mod large;
#[path = "../loopback/mod.rs"]
#[expect(dead_code, reason = "it serves the tests of platforms too")]
mod loopback;
mod sandbox;

use std::sync::Arc;

use driftless::forge::github::GitHub;
use driftless::forge::gitlab::GitLab;
use driftless::forge::{ChangedFile, CommitState, CommitStatus, FileChange, FileContent, ForgeOptions, Repository};
use driftless::platform::Gate;
use driftless::platform::data_diffs::PullRequestNumber;
use driftless::platform::http::Network;
use driftless_core::report::Failure;
use driftless_core::value::Secret;
use loopback::{Answer, Patience, TOKEN};

const TWELVE: PullRequestNumber = PullRequestNumber(12);
/// The most of a file that these tests want.
const MOST: usize = 4 << 20;

const MARKER: &str = "<!-- driftless:shop -->";

fn options(url: &str) -> ForgeOptions {
    ForgeOptions {
        url: url.to_owned(),
        token: Secret::new(TOKEN),
        network: Network::default(),
    }
}

fn patience(times: u32) -> Arc<dyn Gate> {
    Arc::new(Patience(times))
}

fn github(url: &str) -> GitHub {
    GitHub::new(options(url), patience(0)).unwrap()
}

fn gitlab(url: &str) -> GitLab {
    GitLab::new(options(url), patience(0)).unwrap()
}

fn repository(path: &str) -> Repository {
    Repository(path.to_owned())
}

fn whole(bytes: &[u8]) -> FileContent {
    FileContent::Whole(bytes.to_vec())
}

fn written(path: &str) -> ChangedFile {
    ChangedFile {
        path: path.to_owned(),
        previous: None,
        change: FileChange::Written,
    }
}

fn status(state: CommitState) -> CommitStatus {
    CommitStatus {
        context: "driftless/shop".to_owned(),
        state,
        description: "Data diffs run".to_owned(),
        url: Some("https://app.example.com/ci/9".to_owned()),
    }
}

/// A file as it is.
fn file(media: &str, text: &str) -> Answer {
    let mut answer = Answer::json(200, text);
    answer.headers = vec![("content-type", media.to_owned())];
    answer
}

/// A failure says what is to be done, and holds no token.
#[track_caller]
fn says(failure: &Failure, words: &[&str]) {
    for word in words {
        assert!(failure.message.contains(word), "no `{word}` in: {}", failure.message);
    }
    assert!(!failure.message.contains(TOKEN), "{}", failure.message);
}
