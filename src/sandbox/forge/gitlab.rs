//! GitLab's answers.

use serde_json::{Value, json};

use super::host::{Ask, Host, Rights};
use super::repository::{Change, Changed, Comment, Pull, Repository, Status};
use crate::sandbox::platform::Done;

/// The states of a status that can be asked for.
const STATES: [&str; 6] = ["pending", "running", "success", "failed", "canceled", "skipped"];

pub(super) fn refuse(status: u16, message: &str) -> Done {
    Done::json(status, json!({ "message": message }))
}

fn none(what: &str) -> Done {
    refuse(404, &format!("404 {what} Not Found"))
}

pub(super) fn answer(host: &mut Host, ask: &Ask<'_>) -> Done {
    if let ("GET", ["user"]) = (ask.method, ask.path.as_slice()) {
        return match ask.user.rights {
            Rights::App => refuse(403, "403 Forbidden"),
            Rights::Write | Rights::Read => Done::json(200, user(ask.user.id, &ask.user.name)),
        };
    }
    let ["projects", path, rest @ ..] = ask.path.as_slice() else {
        return refuse(404, "404 Not Found");
    };
    let id = host.next();
    let Some(path) = host.project(path) else {
        return none("Project");
    };
    let Some(repository) = host.repositories.get_mut(&path) else {
        return none("Project");
    };
    match (ask.method, rest) {
        ("GET", ["repository", "commits", sha]) => match repository.commits.get(*sha) {
            Some(found) => Done::json(200, json!({ "id": sha, "message": found.message, "parent_ids": [] })),
            None => none("Commit"),
        },
        ("GET", ["repository", "commits", sha, "statuses"]) => {
            let name = ask.query.first("name");
            // By its page, one that names no branch asks for the default one.
            let branch = ask.query.first("ref").unwrap_or("main");
            let named = repository
                .statuses(sha)
                .filter(|status| name.is_none_or(|name| name == status.context) && status.branch == branch);
            let rows = named.map(status).collect();
            Done::json(200, host.page(rows, &ask.query, 20))
        }
        ("GET", ["repository", "files", file, "raw"]) => {
            let sha = ask.query.first("ref").unwrap_or(&repository.main);
            match repository.commits.get(sha).map(|commit| commit.files.get(*file)) {
                Some(Some(text)) => Done::text(200, text, "text/plain; charset=utf-8"),
                Some(None) => none("File"),
                None => none("Commit"),
            }
        }
        ("POST", ["statuses", _]) if repository.rights == Rights::Read => refuse(403, "403 Forbidden"),
        ("POST", ["statuses", sha]) => set_status(repository, ask, sha, id),
        (_, ["merge_requests", number, rest @ ..]) => {
            let found = number
                .parse()
                .ok()
                .and_then(|number: u64| Some((number, repository.pulls.get(&number)?.clone())));
            match found {
                Some((number, pull)) => of_merge_request(host, ask, &path, number, &pull, rest, id),
                None => refuse(404, "404 Not found"),
            }
        }
        _ => refuse(404, "404 Not Found"),
    }
}

fn of_merge_request(
    host: &mut Host,
    ask: &Ask<'_>,
    path: &str,
    number: u64,
    pull: &Pull,
    rest: &[&str],
    id: u64,
) -> Done {
    let Some(repository) = host.repositories.get_mut(path) else {
        return none("Project");
    };
    match (ask.method, rest) {
        ("GET", []) => {
            let changed = repository.changed(pull).len();
            let mut shown = merge_request(host, path, number, pull, changed);
            if pull.preparing > 0 {
                shown["changes_count"] = Value::Null;
                shown["prepared_at"] = Value::Null;
                shown["diff_refs"] = Value::Null;
            }
            let kept = host
                .repositories
                .get_mut(path)
                .and_then(|repository| repository.pulls.get_mut(&number));
            if let Some(pull) = kept {
                pull.preparing = pull.preparing.saturating_sub(1);
            }
            Done::json(200, shown)
        }
        ("GET", ["diffs"]) => {
            let rows = repository.changed(pull).iter().map(diff).collect();
            Done::json(200, host.page(rows, &ask.query, 20))
        }
        ("GET", ["notes"]) => {
            let here = repository.comments.iter().filter(|comment| comment.number == number);
            let mut rows: Vec<Value> = here.map(note).collect();
            if ask.query.first("sort") != Some("asc") {
                rows.reverse();
            }
            Done::json(200, host.page(rows, &ask.query, 20))
        }
        ("POST", ["notes"]) => match ask.body["body"].as_str() {
            None | Some("") => refuse(400, "400 Bad request - Note {:note=>[\"can't be blank\"]}"),
            Some(body) => {
                let made = Comment {
                    id,
                    number,
                    author: ask.user.id,
                    rights: ask.user.rights,
                    body: body.to_owned(),
                };
                let shown = note(&made);
                repository.comments.push(made);
                Done::json(201, shown)
            }
        },
        ("PUT", ["notes", id]) => {
            let found = repository
                .comments
                .iter_mut()
                .find(|comment| comment.id.to_string() == *id);
            match (found, ask.body["body"].as_str()) {
                (None, _) => none("Note"),
                (Some(_), None) => refuse(400, "body is missing"),
                (Some(found), Some(body)) => {
                    body.clone_into(&mut found.body);
                    Done::json(200, note(found))
                }
            }
        }
        _ => refuse(404, "404 Not Found"),
    }
}

/// A status that is not final is changed, one that is final is followed by another. One that waits may run, and none goes back, nor from a
/// state to the same: then nothing of it changes.
fn set_status(repository: &mut Repository, ask: &Ask<'_>, sha: &str, id: u64) -> Done {
    let state = ask.body["state"].as_str().unwrap_or_default();
    let name = ask.body["name"]
        .as_str()
        .or(ask.body["context"].as_str())
        .unwrap_or("default");
    let text = |field: &str| ask.body[field].as_str();
    if !repository.commits.contains_key(sha) {
        return none("Commit");
    }
    // Where none is named, one is looked for that has the commit; of a fork's there is none.
    let own = repository
        .pulls
        .values()
        .find(|pull| pull.sha == sha && pull.fork.is_none());
    let Some(branch) = text("ref").or(own.map(|pull| pull.branch.as_str())).map(str::to_owned) else {
        return none("References for commit");
    };
    if !STATES.contains(&state) {
        return Done::json(400, json!({ "error": "state does not have a valid value" }));
    }
    for field in ["description", "target_url", "ref"] {
        if text(field).is_some_and(|text| text.chars().count() > 255) {
            let said = json!({ field: ["is too long (maximum is 255 characters)"] });
            return Done::json(400, json!({ "message": said }));
        }
    }
    let open = repository.statuses.iter_mut().find(|status| {
        let is_open = ["pending", "running"].contains(&status.state.as_str());
        is_open && status.sha == sha && status.context == name && status.branch == branch.as_str()
    });
    if let Some(open) = open {
        let event = match (open.state.as_str(), state) {
            (_, "pending") => Some("enqueue"),
            ("running", "running") => Some("run"),
            _ => None,
        };
        if let Some(event) = event {
            let message = format!(
                "Cannot transition status via :{event} from :{} (Reason(s): Status cannot transition via \"{event}\")",
                open.state
            );
            return refuse(400, &message);
        }
        state.clone_into(&mut open.state);
        open.description = ask.body["description"].clone();
        open.url = ask.body["target_url"].clone();
        return Done::json(201, status(open));
    }
    let made = Status {
        id,
        sha: sha.to_owned(),
        context: name.to_owned(),
        branch: branch.into(),
        state: state.to_owned(),
        description: ask.body["description"].clone(),
        url: ask.body["target_url"].clone(),
    };
    let shown = status(&made);
    repository.statuses.push(made);
    Done::json(201, shown)
}

fn user(id: u64, name: &str) -> Value {
    json!({ "id": id, "username": name, "name": name, "state": "active" })
}

fn status(status: &Status) -> Value {
    json!({
        "id": status.id, "sha": status.sha, "name": status.context, "status": status.state, "description": status.description,
        "target_url": status.url, "ref": status.branch, "allow_failure": false,
    })
}

pub(super) fn merge_request(host: &Host, path: &str, number: u64, pull: &Pull, changed: usize) -> Value {
    // Of one without a commit of its own nothing is counted.
    let count = (changed > 0).then(|| changed.to_string());
    json!({
        "source_project_id": host.id_of(pull.fork.as_deref().unwrap_or(path)), "target_project_id": host.id_of(path),
        "id": number, "iid": number, "title": pull.title, "state": if pull.is_open { "opened" } else { "closed" },
        "draft": pull.draft, "work_in_progress": pull.draft, "source_branch": pull.branch, "target_branch": "main",
        "labels": pull.labels, "sha": pull.sha, "changes_count": count, "prepared_at": "2026-11-02T09:30:00.000Z",
        "diff_refs": { "base_sha": pull.base_sha, "start_sha": pull.base_sha, "head_sha": pull.sha },
        "references": { "full": format!("{path}!{number}") },
    })
}

fn diff(changed: &Changed) -> Value {
    let (old, is_new, is_gone, is_renamed) = match &changed.change {
        Change::Added => (&changed.path, true, false, false),
        Change::Modified => (&changed.path, false, false, false),
        Change::Removed => (&changed.path, false, true, false),
        Change::RenamedFrom(old) => (old, false, false, true),
    };
    json!({
        "old_path": old, "new_path": changed.path, "new_file": is_new, "deleted_file": is_gone, "renamed_file": is_renamed,
        "diff": "", "collapsed": false, "too_large": false,
    })
}

fn note(comment: &Comment) -> Value {
    json!({ "id": comment.id, "body": comment.body, "author": user(comment.author, "octo-bot"), "system": false })
}
