//! GitHub: its REST API (`2022-11-28`), on github.com, on `*.ghe.com`, and of an Enterprise Server below `/api/v3`.
//!
//! Wire facts are of <https://docs.github.com/en/rest>: `pulls/pulls`, `repos/contents`, `commits/commits`, `commits/statuses`,
//! `issues/comments`, `users/users`.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use driftless_core::report::{Failure, Meaning};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use super::client::{
    End, ForgeOptions, WHOLE, client, clipped, failure, fetch, is_commit, is_file, list, page, say, segments, who,
};
use super::comments::{Account, Comment, Us, ours};
use super::{
    ChangedFile, CommitState, CommitStatus, FileChange, FileContent, Forge, PullRequest, PullRequestState, Readiness,
    Repository,
};
use crate::platform::Gate;
use crate::platform::data_diffs::PullRequestNumber;
use crate::platform::http::{Advice, Body, Call, Content, Http, Method, READINGS, Request};

const ADVICE: Advice = Advice {
    unauthorized: "the token is missing, wrong or expired; give this forge a valid one",
    not_found: "there is none, or this token may not see it: it takes contents:read and pull_requests:read in this repository, or \
                the classic scope repo",
    moved: "it points elsewhere: the repository has another path now, or the forge another URL; give that one",
};

const READ_PULLS: &str = "pull_requests:read in this repository, or the classic scope repo";
const READ_CONTENTS: &str = "contents:read in this repository, or the classic scope repo";
const WRITE_COMMENTS: &str = "pull_requests:write (or issues:write) in this repository, or the classic scope repo";

const fn call(method: Method, route: &'static str, needs: &'static str) -> Call {
    Call { method, route, needs }
}

const PULL: Call = call(Method::Get, "/repos/{owner}/{repo}/pulls/{number}", READ_PULLS);
const FILES: Call = call(Method::Get, "/repos/{owner}/{repo}/pulls/{number}/files", READ_PULLS);
const COMMIT: Call = call(Method::Get, "/repos/{owner}/{repo}/commits/{sha}", READ_CONTENTS);
const CONTENTS: Call = call(Method::Get, "/repos/{owner}/{repo}/contents/{+path}", READ_CONTENTS);
const SET_STATUS: Call = call(
    Method::Post,
    "/repos/{owner}/{repo}/statuses/{sha}",
    "statuses:write in this repository, or the classic scope repo:status",
);
const COMMENTS: Call = call(
    Method::Get,
    "/repos/{owner}/{repo}/issues/{number}/comments",
    READ_PULLS,
);
const ADD_COMMENT: Call = call(
    Method::Post,
    "/repos/{owner}/{repo}/issues/{number}/comments",
    WRITE_COMMENTS,
);
const EDIT_COMMENT: Call = call(
    Method::Patch,
    "/repos/{owner}/{repo}/issues/comments/{id}",
    WRITE_COMMENTS,
);
const WHO: Call = call(Method::Get, "/user", "a token of a user");

/// The media type by which a file comes as it is, up to 100 MB; as JSON it comes up to 1 MB.
const RAW: &str = "application/vnd.github.raw+json";

/// The most files of a pull request that are listed.
const FILES_LISTED: usize = 3000;

/// The longest description of a status, in characters.
const DESCRIPTION: usize = 140;

/// The longest address of a status that is sent.
const ADDRESS: usize = 2000;

/// An instance of GitHub.
pub struct GitHub {
    http: Http,
    us: OnceCell<Us>,
}

impl GitHub {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// A URL, a token, a certificate or a proxy that cannot be one.
    pub fn new(options: ForgeOptions, gate: Arc<dyn Gate>) -> Result<Self, Failure> {
        // Where GitHub runs it, the API has a host of its own.
        let hosted = |host: &str| match host {
            "github.com" | "www.github.com" | "api.github.com" => Some("api.github.com".to_owned()),
            _ if host.starts_with("api.") && host.ends_with(".ghe.com") => Some(host.to_owned()),
            _ if host.ends_with(".ghe.com") => Some(format!("api.{host}")),
            _ => None,
        };
        Ok(Self {
            http: client(options, "/api/v3", hosted, ADVICE, gate)?,
            us: OnceCell::new(),
        })
    }

    async fn pull(&self, place: &Place<'_>, number: PullRequestNumber) -> Result<Pull, Failure> {
        fetch(&self.http, &place.request(&PULL, &[&number.0.to_string()])).await
    }

    async fn commit(&self, place: &Place<'_>, sha: &str) -> Result<Commit, Failure> {
        let commit: CommitOf = fetch(&self.http, &place.request(&COMMIT, &[sha])).await?;
        Ok(commit.commit)
    }

    async fn us(&self) -> Result<Us, Failure> {
        let ask = async || match who(&self.http, &WHO).await {
            // The token of an installed app, also that of a workflow, has no user.
            Err(refused) if matches!(refused.meaning, Meaning::Forbidden | Meaning::NotFound) => Ok(Us::Unknown),
            told => told,
        };
        self.us.get_or_try_init(ask).await.copied()
    }
}

#[async_trait]
impl Forge for GitHub {
    async fn pull_request(&self, repository: &Repository, number: PullRequestNumber) -> Result<PullRequest, Failure> {
        let place = Place::of(repository)?;
        let pull = self.pull(&place, number).await?;
        let commit = self.commit(&place, &pull.head.sha).await?;
        Ok(PullRequest {
            number,
            state: match pull.state {
                State::Open => PullRequestState::Open,
                State::Closed => PullRequestState::Closed,
            },
            readiness: match pull.draft {
                true => Readiness::Draft,
                false => Readiness::Ready,
            },
            branch: pull.head.reference,
            sha: pull.head.sha,
            message: commit.message,
            base_branch: pull.base.reference,
            base_sha: pull.base.sha,
            labels: pull.labels.into_iter().map(|label| label.name).collect(),
        })
    }

    async fn changed_files(
        &self,
        repository: &Repository,
        number: PullRequestNumber,
    ) -> Result<Vec<ChangedFile>, Failure> {
        let place = Place::of(repository)?;
        let request = place.request(&FILES, &[&number.0.to_string()]);
        let mut counts = (0, 0);
        // The list has no total; the pull request has. A push in between makes them differ.
        for _ in 0..READINGS {
            let said = self.pull(&place, number).await?.changed_files;
            if said > FILES_LISTED {
                let message = format!(
                    "the pull request changes {said} files and GitHub lists {FILES_LISTED} of them, so that nobody can tell which count: \
                     split it"
                );
                return Err(failure(Meaning::Invalid, message));
            }
            let files: Vec<File> = list(&self.http, &request, End::ShortPage { most: FILES_LISTED }).await?;
            if files.len() == said {
                return Ok(files.into_iter().map(File::meaning).collect());
            }
            counts = (files.len(), said);
        }
        let (listed, said) = counts;
        Err(request.broken(&format!(
            "{listed} files are listed, and the pull request says that it changes {said}"
        )))
    }

    async fn file(
        &self,
        repository: &Repository,
        sha: &str,
        path: &str,
        most: usize,
    ) -> Result<Option<FileContent>, Failure> {
        let place = Place::of(repository)?;
        is_commit(sha)?;
        is_file(path)?;
        let request = place.request(&CONTENTS, &[path]).query("ref", sha).accept(RAW);
        match self.http.content(&request, on_the_wire(most)).await {
            Ok(content) => Ok(file(&request, content)?.map(|content| match content {
                FileContent::Whole(bytes) => FileContent::of(bytes, most),
                FileContent::Larger => FileContent::Larger,
            })),
            // What is not shown has the same status: that there is no file is believed where its commit is shown.
            Err(refused) if refused.meaning == Meaning::NotFound => {
                self.commit(&place, sha).await?;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn set_status(
        &self,
        repository: &Repository,
        _number: PullRequestNumber,
        sha: &str,
        status: &CommitStatus,
    ) -> Result<(), Failure> {
        let place = Place::of(repository)?;
        is_commit(sha)?;
        let mut body = json!({
            "state": match status.state {
                CommitState::Pending => "pending",
                CommitState::Success => "success",
                CommitState::Failure => "failure",
                CommitState::Error => "error",
            },
            "context": status.context,
            "description": clipped(&status.description, DESCRIPTION),
        });
        if let Some(url) = page(status.url.as_ref(), ADDRESS) {
            body["target_url"] = url.into();
        }
        let request = place.request(&SET_STATUS, &[sha]).body(body, Vec::new());
        self.http.send(&request).await?;
        Ok(())
    }

    async fn comment(
        &self,
        repository: &Repository,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<(), Failure> {
        let place = Place::of(repository)?;
        let number = number.0.to_string();
        let list_of = place.request(&COMMENTS, &[&number]);
        let listed: Vec<Said> = list(&self.http, &list_of, WHOLE).await?;
        let us = self.us().await?;
        let old = ours(listed.into_iter().map(Said::meaning).collect(), marker, us);
        let edit = |id: &str| Ok(place.request(&EDIT_COMMENT, &[id]));
        say(&self.http, us, old, edit, place.request(&ADD_COMMENT, &[&number]), body).await
    }
}

/// Where a repository lies.
struct Place<'a> {
    owner: &'a str,
    name: &'a str,
}

impl<'a> Place<'a> {
    fn of(repository: &'a Repository) -> Result<Self, Failure> {
        match segments(repository)?.as_slice() {
            [owner, name] => Ok(Self { owner, name }),
            _ => {
                let message = format!("`{}` is no repository of GitHub: write `owner/name`", repository.0);
                Err(failure(Meaning::Invalid, message))
            }
        }
    }

    fn request(&self, call: &'static Call, names: &[&str]) -> Request {
        Request::named(call, &[&[self.owner, self.name], names].concat())
    }
}

/// The bytes of an answer that is read for a file of `most`: in an object of JSON it is base64, four for three, in lines, among links.
fn on_the_wire(most: usize) -> usize {
    most.saturating_mul(2).saturating_add(64 << 10)
}

/// A file, raw or in an object of JSON. A folder, which is a list, is no file, nor is a link that leads nowhere or a submodule.
fn file(request: &Request, content: Content) -> Result<Option<FileContent>, Failure> {
    let is_raw = content.media.starts_with("application/vnd.github");
    let foreign = || {
        request.broken(
            "the answer is neither the file nor JSON about it: does the URL lead to the forge itself, not to a login page or a proxy?",
        )
    };
    let bytes = match content.body {
        Body::Whole(bytes) if is_raw => return Ok(Some(FileContent::Whole(bytes))),
        Body::Whole(bytes) => bytes,
        Body::Larger if is_raw || content.media == "application/json" => return Ok(Some(FileContent::Larger)),
        Body::Larger => return Err(foreign()),
    };
    let json: Json = serde_json::from_slice(&bytes).map_err(|_| foreign())?;
    if json.is_array() {
        return Ok(None);
    }
    if json["type"] == "symlink" || json["type"] == "submodule" {
        return Ok(None);
    }
    let found: Contents = serde_json::from_value(json).map_err(|_| foreign())?;
    if found.encoding != "base64" {
        return Err(foreign());
    }
    let text: String = found.content.split_ascii_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(text);
    bytes
        .map(|bytes| Some(FileContent::Whole(bytes)))
        .map_err(|_| request.broken("the file is no whole base64"))
}

/// A file as JSON: servers that do not know the media type send it.
#[derive(Deserialize)]
struct Contents {
    encoding: String,
    content: String,
}

#[derive(Deserialize)]
struct Pull {
    state: State,
    /// Absent on servers that know no drafts.
    #[serde(default)]
    draft: bool,
    head: Branch,
    base: Branch,
    labels: Vec<Label>,
    changed_files: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Closed,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    reference: String,
    sha: String,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
struct CommitOf {
    commit: Commit,
}

#[derive(Deserialize)]
struct Commit {
    message: String,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    status: String,
    previous_filename: Option<String>,
}

impl File {
    fn meaning(self) -> ChangedFile {
        ChangedFile {
            path: self.filename,
            // Of a copy it is the original, which stays what it was.
            previous: self.previous_filename.filter(|_| self.status == "renamed"),
            change: match self.status.as_str() {
                "removed" => FileChange::Deleted,
                // added, modified, renamed, copied, changed (its mode), unchanged; and a word to come is of a file that is there.
                _ => FileChange::Written,
            },
        }
    }
}

#[derive(Deserialize)]
struct Said {
    id: u64,
    user: Option<Author>,
    #[serde(default)]
    body: Option<String>,
}

/// Who wrote a comment: `User`, `Bot`, and what may come (`simple-user`).
#[derive(Deserialize)]
struct Author {
    id: u64,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Said {
    fn meaning(self) -> Comment {
        Comment {
            id: self.id,
            author: self.user.as_ref().map(|user| user.id),
            account: match self.user.and_then(|user| user.kind).as_deref() {
                Some("Bot") => Account::Program,
                Some(_) | None => Account::Person,
            },
            body: self.body.unwrap_or_default(),
        }
    }
}
