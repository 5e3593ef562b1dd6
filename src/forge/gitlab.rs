//! GitLab: its REST API v4, on gitlab.com and on instances of one's own, also those below a path.
//!
//! Wire facts are of <https://docs.gitlab.com/api/>: `merge_requests`, `commits`, `repository_files`, `notes`, `users`.

use std::sync::Arc;

use async_trait::async_trait;
use driftless_core::report::{Failure, Meaning};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use super::client::{
    End, ForgeOptions, User, WHOLE, client, clipped, failure, fetch, is_commit, is_file, list, page, say, segments,
    unprepared, who,
};
use super::comments::{Account, Comment, Us, ours};
use super::{
    ChangedFile, CommitState, CommitStatus, FileChange, FileContent, Forge, PullRequest, PullRequestState, Readiness,
    Repository,
};
use crate::platform::Gate;
use crate::platform::data_diffs::PullRequestNumber;
use crate::platform::http::{Advice, Body, Call, Http, Method, READINGS, Request};

const ADVICE: Advice = Advice {
    unauthorized: "the token is missing, wrong or expired; give this forge a valid one",
    not_found: "there is none, or this token may not see it: it takes the scope api, and the role Developer in this project",
    moved: "it points elsewhere: the project has another path now, or the forge another URL; give that one",
};

const NEEDS: &str = "the scope api, and the role Developer in this project";

const fn call(method: Method, route: &'static str) -> Call {
    Call {
        method,
        route,
        needs: NEEDS,
    }
}

const MERGE_REQUEST: Call = call(Method::Get, "/projects/{path}/merge_requests/{iid}");
const DIFFS: Call = call(Method::Get, "/projects/{path}/merge_requests/{iid}/diffs");
const COMMIT: Call = call(Method::Get, "/projects/{path}/repository/commits/{sha}");
const FILE: Call = call(Method::Get, "/projects/{path}/repository/files/{file}/raw");
const SET_STATUS: Call = call(Method::Post, "/projects/{path}/statuses/{sha}");
const STATUSES: Call = call(Method::Get, "/projects/{path}/repository/commits/{sha}/statuses");
const NOTES: Call = call(Method::Get, "/projects/{path}/merge_requests/{iid}/notes");
const ADD_NOTE: Call = call(Method::Post, "/projects/{path}/merge_requests/{iid}/notes");
const EDIT_NOTE: Call = call(Method::Put, "/projects/{path}/merge_requests/{iid}/notes/{id}");
const WHO: Call = call(Method::Get, "/user");

/// The longest description of a status, in characters, and the longest address: columns of 255.
const LONGEST: usize = 255;

/// The two states of what is under way.
const PENDING: &str = "pending";
const RUNNING: &str = "running";

/// An instance of GitLab.
pub struct GitLab {
    http: Http,
    us: OnceCell<Us>,
}

impl GitLab {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// A URL, a token, a certificate or a proxy that cannot be one.
    pub fn new(options: ForgeOptions, gate: Arc<dyn Gate>) -> Result<Self, Failure> {
        Ok(Self {
            http: client(options, "/api/v4", |_| None, ADVICE, gate)?,
            us: OnceCell::new(),
        })
    }

    async fn merge_request(&self, request: &Request) -> Result<MergeRequest, Failure> {
        fetch(&self.http, request).await
    }

    async fn commit(&self, repository: &Repository, sha: &str) -> Result<Commit, Failure> {
        fetch(&self.http, &request(repository, &COMMIT, &[sha])?).await
    }

    /// Notes do not tell programs from people, and whatever token may write one has a user: one that is not told whose it is writes none.
    async fn us(&self) -> Result<Us, Failure> {
        self.us.get_or_try_init(|| who(&self.http, &WHO)).await.copied()
    }

    /// The newest status of that name.
    async fn standing(&self, source: &Source, sha: &str, name: &str) -> Result<Option<Status>, Failure> {
        let mut asked = source.request(&STATUSES, sha).query("name", name);
        if let Some(branch) = &source.branch {
            asked = asked.query("ref", branch);
        }
        let statuses: Vec<Status> = list(&self.http, &asked, WHOLE).await?;
        let named = statuses.into_iter().filter(|status| status.name == name);
        Ok(named.max_by_key(|status| status.id))
    }

    async fn say(&self, source: &Source, sha: &str, status: &CommitStatus) -> Result<(), Failure> {
        let description = clipped(&status.description, LONGEST);
        let state = match status.state {
            // What is under way keeps its words as long as its state, of which there are two: it waits, then it runs.
            CommitState::Pending => match self.standing(source, sha, &status.context).await? {
                Some(open) if open.status == RUNNING || open.status == PENDING && open.says(&description) => {
                    return Ok(());
                }
                Some(open) if open.status == PENDING => RUNNING,
                Some(_) | None => PENDING,
            },
            CommitState::Success => "success",
            CommitState::Failure | CommitState::Error => "failed",
        };
        let mut body = json!({ "state": state, "name": status.context, "description": description });
        if let Some(branch) = &source.branch {
            body["ref"] = branch.as_str().into();
        }
        if let Some(url) = page(status.url.as_ref(), LONGEST) {
            body["target_url"] = url.into();
        }
        let asked = source.request(&SET_STATUS, sha).body(body, Vec::new());
        match self.http.send(&asked).await {
            Ok(_) => Ok(()),
            // A status cannot go from a state to that same state; the refusal does not say in a stable way from which one it was to go.
            Err(refused) if refused.meaning == Meaning::Invalid && refused.message.contains("annot transition") => {
                let stands = self.standing(source, sha, &status.context).await?;
                match stands.is_some_and(|stands| stands.status == state) {
                    true => Ok(()),
                    false => Err(refused),
                }
            }
            Err(failure) => Err(failure),
        }
    }
}

#[async_trait]
impl Forge for GitLab {
    async fn pull_request(&self, repository: &Repository, number: PullRequestNumber) -> Result<PullRequest, Failure> {
        let asked = request(repository, &MERGE_REQUEST, &[&number.0.to_string()])?;
        let found = self.merge_request(&asked).await?;
        let base_sha = found.diff_refs.and_then(|refs| refs.base_sha);
        let (Some(sha), Some(base_sha)) = (found.sha, base_sha) else {
            return Err(unprepared(
                "GitLab is still preparing the merge request: it names no commits yet; ask again",
            ));
        };
        let commit = self.commit(repository, &sha).await?;
        Ok(PullRequest {
            number,
            state: match found.state {
                // Locked while it is being merged, which may fail.
                State::Opened | State::Locked => PullRequestState::Open,
                State::Merged | State::Closed => PullRequestState::Closed,
            },
            readiness: match found.draft.or(found.work_in_progress).unwrap_or_default() {
                true => Readiness::Draft,
                false => Readiness::Ready,
            },
            branch: found.source_branch,
            sha,
            message: commit.message,
            base_branch: found.target_branch,
            base_sha,
            labels: found.labels,
        })
    }

    async fn changed_files(
        &self,
        repository: &Repository,
        number: PullRequestNumber,
    ) -> Result<Vec<ChangedFile>, Failure> {
        let number = number.0.to_string();
        let asked = request(repository, &MERGE_REQUEST, &[&number])?;
        let diffs = request(repository, &DIFFS, &[&number])?;
        let mut counts = (0, 0);
        // The list has no total; the merge request has. A push in between makes them differ.
        for _ in 0..READINGS {
            let found = self.merge_request(&asked).await?;
            let Some(said) = found
                .changes_count
                .as_ref()
                .and_then(written)
                .filter(|text| !text.is_empty())
            else {
                // Of one without a commit of its own nothing is ever counted.
                if found.prepared_at.is_some() {
                    let first: Vec<Diff> = list(&self.http, &diffs, End::ShortPage { most: 1 }).await?;
                    if first.is_empty() {
                        return Ok(Vec::new());
                    }
                }
                return Err(unprepared(
                    "GitLab is still preparing the merge request: it has not counted its changes yet; ask again",
                ));
            };
            let Ok(said) = said.parse::<usize>() else {
                // It says `1000+`.
                let message = format!(
                    "the merge request changes {said} files and GitLab does not list them all, so that nobody can tell which count: split it"
                );
                return Err(failure(Meaning::Invalid, message));
            };
            let files: Vec<Diff> = list(&self.http, &diffs, End::Items(said)).await?;
            if files.len() == said {
                return Ok(files.into_iter().map(Diff::meaning).collect());
            }
            counts = (files.len(), said);
        }
        let (listed, said) = counts;
        Err(diffs.broken(&format!(
            "{listed} files are listed, and the merge request says that it changes {said}: past the instance's limits of diffs some \
             are left out"
        )))
    }

    async fn file(
        &self,
        repository: &Repository,
        sha: &str,
        path: &str,
        most: usize,
    ) -> Result<Option<FileContent>, Failure> {
        is_commit(sha)?;
        is_file(path)?;
        let asked = request(repository, &FILE, &[path])?.query("ref", sha).accept("*/*");
        match self.http.content(&asked, most).await {
            // Files come as text/plain or octets, pages of HTML among them too.
            Ok(content) if content.media == "text/html" => Err(asked.broken(
                "the answer is HTML, not the file: does the URL lead to the forge itself, not to a login page or a proxy?",
            )),
            Ok(content) => Ok(Some(match content.body {
                Body::Whole(bytes) => FileContent::Whole(bytes),
                Body::Larger => FileContent::Larger,
            })),
            // What is not shown has the same status: that there is no file is believed where its commit is shown.
            Err(refused) if refused.meaning == Meaning::NotFound => {
                self.commit(repository, sha).await?;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn set_status(
        &self,
        repository: &Repository,
        number: PullRequestNumber,
        sha: &str,
        status: &CommitStatus,
    ) -> Result<(), Failure> {
        is_commit(sha)?;
        let asked = request(repository, &MERGE_REQUEST, &[&number.0.to_string()])?;
        let source = Source::of(repository, self.merge_request(&asked).await?)?;
        let said = self.say(&source, sha, status).await;
        said.map_err(|failure| source.explained(failure))
    }

    async fn comment(
        &self,
        repository: &Repository,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<(), Failure> {
        let number = number.0.to_string();
        let notes = request(repository, &NOTES, &[&number])?
            .query("sort", "asc")
            .query("order_by", "created_at");
        let listed: Vec<Note> = list(&self.http, &notes, WHOLE).await?;
        let listed = listed.into_iter().filter(|note| !note.system).map(Note::meaning);
        let us = self.us().await?;
        let old = ours(listed.collect(), marker, us);
        let edit = |id: &str| request(repository, &EDIT_NOTE, &[&number, id]);
        say(
            &self.http,
            us,
            old,
            edit,
            request(repository, &ADD_NOTE, &[&number])?,
            body,
        )
        .await
    }
}

/// Where the status of a merge request's commits is said: GitLab takes it in the project of the source branch, for that branch.
struct Source {
    /// The project's path, or its number where it is a fork.
    project: String,
    /// Absent where it is longer than a status takes: then GitLab looks for one that has the commit.
    branch: Option<String>,
    kind: SourceKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    /// The project that is merged into.
    Own,
    /// Another one.
    Fork,
}

impl Source {
    fn of(repository: &Repository, found: MergeRequest) -> Result<Self, Failure> {
        let (project, kind) = match found.source_project_id {
            Some(id) if found.target_project_id != Some(id) => (id.to_string(), SourceKind::Fork),
            Some(_) => (repository.0.clone(), SourceKind::Own),
            None => {
                let message = "the project that the merge request comes from is gone, and GitLab takes the status of its commits there";
                return Err(failure(Meaning::NotFound, message.to_owned()));
            }
        };
        Ok(Self {
            project,
            branch: Some(found.source_branch).filter(|branch| branch.chars().count() <= LONGEST),
            kind,
        })
    }

    fn request(&self, call: &'static Call, sha: &str) -> Request {
        Request::named(call, &[&self.project, sha])
    }

    /// What a refusal means where the project is not the one that the token was made for.
    fn explained(&self, refused: Failure) -> Failure {
        match (self.kind, refused.meaning) {
            (SourceKind::Fork, Meaning::Forbidden | Meaning::NotFound) => Failure {
                message: format!(
                    "the merge request comes from a fork, and GitLab takes the status of its commits there: give the token's user the \
                     role Developer in project {}, or go by the comment: {}",
                    self.project, refused.message
                ),
                ..refused
            },
            (SourceKind::Fork | SourceKind::Own, _) => refused,
        }
    }
}

/// A request about a project, whose path is one segment.
fn request(repository: &Repository, call: &'static Call, names: &[&str]) -> Result<Request, Failure> {
    segments(repository)?;
    Ok(Request::named(call, &[&[repository.0.as_str()], names].concat()))
}

/// The count of changes: a text, `1000+` where it is cut off, or a number.
fn written(count: &Json) -> Option<String> {
    match count {
        Json::String(text) => Some(text.trim().to_owned()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

#[derive(Deserialize)]
struct MergeRequest {
    state: State,
    draft: Option<bool>,
    /// The name that `draft` had before GitLab 14.
    work_in_progress: Option<bool>,
    source_branch: String,
    target_branch: String,
    sha: Option<String>,
    diff_refs: Option<DiffRefs>,
    labels: Vec<String>,
    changes_count: Option<Json>,
    /// When GitLab had worked out what it changes, since 15.9; absent while it has not.
    prepared_at: Option<String>,
    /// Absent where the fork is gone.
    source_project_id: Option<u64>,
    target_project_id: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Opened,
    Closed,
    Locked,
    Merged,
}

#[derive(Deserialize)]
struct DiffRefs {
    base_sha: Option<String>,
}

#[derive(Deserialize)]
struct Commit {
    message: String,
}

#[derive(Deserialize)]
struct Diff {
    old_path: String,
    new_path: String,
    renamed_file: bool,
    deleted_file: bool,
}

impl Diff {
    fn meaning(self) -> ChangedFile {
        match self.deleted_file {
            true => ChangedFile {
                path: self.old_path,
                previous: None,
                change: FileChange::Deleted,
            },
            false => ChangedFile {
                path: self.new_path,
                previous: self.renamed_file.then_some(self.old_path),
                change: FileChange::Written,
            },
        }
    }
}

#[derive(Deserialize)]
struct Status {
    id: u64,
    name: String,
    status: String,
    description: Option<String>,
}

impl Status {
    fn says(&self, description: &str) -> bool {
        self.description.as_deref() == Some(description)
    }
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    author: Option<User>,
    body: String,
    #[serde(default)]
    system: bool,
}

impl Note {
    fn meaning(self) -> Comment {
        Comment {
            id: self.id,
            author: self.author.map(|author| author.id),
            account: Account::Person,
            body: self.body,
        }
    }
}
