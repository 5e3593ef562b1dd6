//! GitHub's answers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::host::{Ask, Host, Rights};
use super::repository::{Change, Changed, Comment, Commit, Pull, Repository, Status};
use crate::sandbox::platform::Done;

/// The most files of a pull request that are listed.
const FILES_LISTED: usize = 3000;

/// The states of a status.
const STATES: [&str; 4] = ["error", "failure", "pending", "success"];

pub(super) fn refuse(status: u16, message: &str) -> Done {
    let body = json!({ "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string() });
    Done::json(status, body)
}

fn none() -> Done {
    refuse(404, "Not Found")
}

pub(super) fn answer(host: &mut Host, ask: &Ask<'_>) -> Done {
    if let ("GET", ["user"]) = (ask.method, ask.path.as_slice()) {
        return match ask.user.rights {
            Rights::App => refuse(403, "Resource not accessible by integration"),
            Rights::Write | Rights::Read => Done::json(200, user(ask.user.id, &ask.user.name, ask.user.rights)),
        };
    }
    let ["repos", owner, name, rest @ ..] = ask.path.as_slice() else {
        return none();
    };
    let path = format!("{owner}/{name}");
    let id = host.next();
    let Some(repository) = host.repositories.get_mut(&path) else {
        return none();
    };
    let pull_of = |repository: &Repository, number: &str| {
        let number: u64 = number.parse().ok()?;
        Some((number, repository.pulls.get(&number)?.clone()))
    };
    match (ask.method, rest) {
        ("GET", ["pulls", number]) => match pull_of(repository, number) {
            Some((number, found)) => Done::json(200, pull(&path, number, &found, repository.changed(&found).len())),
            None => none(),
        },
        ("GET", ["pulls", number, "files"]) => match pull_of(repository, number) {
            Some((_, found)) => {
                let rows = repository.changed(&found).iter().take(FILES_LISTED).map(file).collect();
                Done::json(200, host.page(rows, &ask.query, 30))
            }
            None => none(),
        },
        ("GET", ["commits", sha]) => match repository.commits.get(*sha) {
            Some(found) => Done::json(200, commit(sha, found)),
            None => refuse(422, &format!("No commit found for SHA: {sha}")),
        },
        ("GET", ["contents", file @ ..]) => contents(repository, ask, &file.join("/")),
        ("POST", ["statuses", sha]) => set_status(repository, ask, sha, id),
        ("GET", ["issues", number, "comments"]) => match pull_of(repository, number) {
            Some((number, _)) => {
                let here = repository.comments.iter().filter(|comment| comment.number == number);
                let rows = here.map(comment).collect();
                Done::json(200, host.page(rows, &ask.query, 30))
            }
            None => none(),
        },
        ("POST", ["issues", number, "comments"]) => match (pull_of(repository, number), ask.body["body"].as_str()) {
            (None, _) => none(),
            (Some(_), None | Some("")) => refuse(422, "Validation Failed"),
            (Some((number, _)), Some(body)) => {
                let made = Comment {
                    id,
                    number,
                    author: ask.user.id,
                    rights: ask.user.rights,
                    body: body.to_owned(),
                };
                let shown = comment(&made);
                repository.comments.push(made);
                Done::json(201, shown)
            }
        },
        ("PATCH", ["issues", "comments", id]) => {
            let found = repository
                .comments
                .iter_mut()
                .find(|comment| comment.id.to_string() == *id);
            match (found, ask.body["body"].as_str()) {
                (None, _) => none(),
                (Some(_), None) => refuse(422, "Validation Failed"),
                (Some(found), Some(body)) => {
                    body.clone_into(&mut found.body);
                    Done::json(200, comment(found))
                }
            }
        }
        _ => none(),
    }
}

fn contents(repository: &Repository, ask: &Ask<'_>, path: &str) -> Done {
    let sha = ask.query.first("ref").unwrap_or(&repository.main);
    let Some(found) = repository.commits.get(sha) else {
        return refuse(404, &format!("No commit found for the ref {sha}"));
    };
    let Some(text) = found.files.get(path) else {
        let below: Vec<Value> = found
            .files
            .keys()
            .filter(|file| file.starts_with(&format!("{path}/")))
            .map(|file| json!({ "type": "file", "path": file }))
            .collect();
        return match below.is_empty() {
            true => none(),
            false => Done::json(200, Value::Array(below)),
        };
    };
    if ask.accept.contains("raw") {
        return Done::text(200, text, "application/vnd.github.raw+json; charset=utf-8");
    }
    let (encoding, content) = match text.len() > 1 << 20 {
        true => ("none", String::new()),
        false => ("base64", BASE64_STANDARD.encode(text)),
    };
    Done::json(
        200,
        json!({ "type": "file", "encoding": encoding, "size": text.len(), "path": path, "content": content }),
    )
}

fn set_status(repository: &mut Repository, ask: &Ask<'_>, sha: &str, id: u64) -> Done {
    let state = ask.body["state"].as_str().unwrap_or_default();
    let description = ask.body["description"].as_str().unwrap_or_default();
    if !repository.commits.contains_key(sha) {
        return refuse(422, &format!("No commit found for SHA: {sha}"));
    }
    if !STATES.contains(&state) || description.chars().count() > 140 {
        return refuse(422, "Validation Failed");
    }
    let status = Status {
        id,
        sha: sha.to_owned(),
        context: ask.body["context"].as_str().unwrap_or("default").to_owned(),
        branch: Value::Null,
        state: state.to_owned(),
        description: ask.body["description"].clone(),
        url: ask.body["target_url"].clone(),
    };
    let shown = json!({
        "id": status.id, "state": status.state, "context": status.context, "description": status.description,
        "target_url": status.url, "creator": user(ask.user.id, &ask.user.name, ask.user.rights),
    });
    repository.statuses.push(status);
    Done::json(201, shown)
}

fn user(id: u64, name: &str, rights: Rights) -> Value {
    let kind = match rights {
        Rights::App => "Bot",
        Rights::Write | Rights::Read => "User",
    };
    json!({ "login": name, "id": id, "type": kind, "site_admin": false })
}

pub(super) fn pull(path: &str, number: u64, pull: &Pull, changed: usize) -> Value {
    let labels: Vec<Value> = pull
        .labels
        .iter()
        .map(|label| json!({ "name": label, "color": "ededed" }))
        .collect();
    json!({
        "id": number, "number": number, "html_url": format!("https://github.example/{path}/pull/{number}"),
        "state": if pull.is_open { "open" } else { "closed" }, "title": pull.title, "draft": pull.draft, "labels": labels,
        "head": { "ref": pull.branch, "sha": pull.sha, "repo": { "full_name": pull.fork.as_deref().unwrap_or(path) } },
        "base": { "ref": "main", "sha": pull.base_sha, "repo": { "full_name": path } },
        "merged": false, "changed_files": changed,
    })
}

fn commit(sha: &str, commit: &Commit) -> Value {
    json!({ "sha": sha, "commit": { "message": commit.message, "comment_count": 0 }, "parents": [], "files": [] })
}

fn file(changed: &Changed) -> Value {
    let status = match &changed.change {
        Change::Added => "added",
        Change::Modified => "modified",
        Change::Removed => "removed",
        Change::RenamedFrom(old) => {
            return json!({ "filename": changed.path, "status": "renamed", "previous_filename": old });
        }
    };
    json!({ "filename": changed.path, "status": status })
}

fn comment(comment: &Comment) -> Value {
    json!({ "id": comment.id, "user": user(comment.author, "octo-bot", comment.rights), "body": comment.body })
}
