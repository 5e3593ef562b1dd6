//! The little of a delivery that is read: what may have moved. What is said of it is not believed.

use axum::http::{HeaderMap, HeaderName, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::guard::one;
use super::Outcome;
use crate::forge::Repository;
use crate::platform::data_diffs::PullRequestNumber;

/// The longest path of a repository that is read, in bytes: GitLab's groups lie in one another, each with up to 255 characters.
const PATH_BYTES: usize = 4096;

/// What a delivery says may have moved.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A reference, in full: `refs/heads/main`.
    Reference(String),
    /// A pull or merge request.
    PullRequest(Repository, PullRequestNumber),
}

impl News {
    /// The news in a few words, the same for the same.
    pub(super) fn words(&self) -> String {
        match self {
            News::Reference(reference) => reference.clone(),
            News::PullRequest(repository, number) => format!("{}#{}", repository.0, number.0),
        }
    }
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
}

/// GitHub's `pull_request` (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request>).
#[derive(Deserialize)]
struct PullRequest {
    action: String,
    number: u64,
    repository: FullName,
}

#[derive(Deserialize)]
struct FullName {
    full_name: String,
}

/// GitLab's `Merge Request Hook` (<https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events>).
#[derive(Deserialize)]
struct MergeRequest {
    /// The project that is merged into.
    project: Project,
    object_attributes: Attributes,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct Attributes {
    iid: u64,
    /// Absent where nothing of the merge request itself moved.
    action: Option<String>,
}

/// What happened to a pull request that may change what the gate says of it, in GitHub's words.
const GITHUB_ACTIONS: [&str; 9] = [
    "opened",
    "synchronize",
    "reopened",
    "labeled",
    "unlabeled",
    "ready_for_review",
    "converted_to_draft",
    "edited",
    "closed",
];

/// The same in GitLab's words; `update` is a push, a label, a draft, a title.
const GITLAB_ACTIONS: [&str; 5] = ["open", "reopen", "update", "close", "merge"];

/// GitHub's name of what happened.
const GITHUB_EVENT: HeaderName = HeaderName::from_static("x-github-event");

/// GitLab's name of what happened.
const GITLAB_EVENT: HeaderName = HeaderName::from_static("x-gitlab-event");

const ELSE: Outcome = Outcome::Ignored("Only pushes and what moves pull requests count.");
const STILL: Outcome = Outcome::Ignored("Nothing that counts has happened to the pull request.");

/// What a delivery of GitHub's says.
pub(super) fn github(headers: &HeaderMap, body: &[u8]) -> Result<News, Outcome> {
    is_json(headers)?;
    match one(headers, &GITHUB_EVENT) {
        Some("ping") => Err(Outcome::Ping),
        Some("push") => Ok(News::Reference(read::<Push>(body, "push")?.reference)),
        Some("pull_request") => {
            let moved: PullRequest = read(body, "pull_request")?;
            if !GITHUB_ACTIONS.contains(&moved.action.as_str()) {
                return Err(STILL);
            }
            pull_request(moved.repository.full_name, moved.number)
        }
        Some(_) => Err(ELSE),
        None => Err(Outcome::Malformed("The header `X-GitHub-Event` is missing.".to_owned())),
    }
}

/// What a delivery of GitLab's says.
pub(super) fn gitlab(headers: &HeaderMap, body: &[u8]) -> Result<News, Outcome> {
    is_json(headers)?;
    match one(headers, &GITLAB_EVENT) {
        Some("Push Hook" | "Tag Push Hook") => Ok(News::Reference(read::<Push>(body, "push")?.reference)),
        Some("Merge Request Hook") => {
            let moved: MergeRequest = read(body, "merge_request")?;
            let action = moved.object_attributes.action.unwrap_or_default();
            if !GITLAB_ACTIONS.contains(&action.as_str()) {
                return Err(STILL);
            }
            pull_request(moved.project.path_with_namespace, moved.object_attributes.iid)
        }
        Some(_) => Err(ELSE),
        None => Err(Outcome::Malformed("The header `X-Gitlab-Event` is missing.".to_owned())),
    }
}

fn pull_request(path: String, number: u64) -> Result<News, Outcome> {
    let is_path =
        path.len() <= PATH_BYTES && path.split('/').count() > 1 && path.split('/').all(|name| !name.is_empty());
    match is_path && number > 0 {
        true => Ok(News::PullRequest(Repository(path), PullRequestNumber(number))),
        false => Err(Outcome::Malformed(
            "The payload names no pull request: its repository has no path, or it has no number.".to_owned(),
        )),
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), Outcome> {
    let is_json = one(headers, &header::CONTENT_TYPE)
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    match is_json {
        true => Ok(()),
        false => Err(Outcome::NotJson),
    }
}

fn read<T: DeserializeOwned>(body: &[u8], event: &str) -> Result<T, Outcome> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Outcome::Malformed(format!(
            "The payload is no {event} event in JSON (line {line}, column {column})."
        ))
    })
}
