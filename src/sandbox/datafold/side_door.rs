//! The doors that only this platform has.
//!
//! | request | what it does |
//! |---|---|
//! | `POST keys {"rights": "admin", "read" or "none"}` | makes a key: `{"key"}` |
//! | `GET provisioning` | what was asked for, oldest first: `{slugs, dangling_monitors_strategy, dry_run}` |
//! | `POST provisioning/occupy {"requests"}` | the next that many requests to provision meet that of somebody else |
//! | `POST provisioning/finish`, `POST provisioning/cancel` | ends the open job |
//! | `POST push {"repository", "pr_num", "pr_branch", "pr_sha", "base_branch", "base_sha"}` | a pull request was pushed: `{"runs"}` that wait for diffs, one for each configuration of the repository and base branch |
//! | `POST runs/go_on {"id"}` | confirms a run, or logs it in: it moves on, and ends well |
//! | `POST runs/status {"id", "status"}` | puts a run at a word, known or not, where it stays; `waiting` takes diffs |

use serde_json::{Value, json};

use super::ci_runs::head;
use super::key::Rights;
use super::organisation::Organisation;
use crate::sandbox::side_door::wrong;
use crate::sandbox::table::Id;

/// Answers one request: status and body; `None` when there is no such door.
pub(super) fn open(organisation: &mut Organisation, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    Some(match (method, path) {
        ("POST", "keys") => match body.get("rights").and_then(Value::as_str).and_then(Rights::parse) {
            Some(rights) => (200, json!({ "key": organisation.mint(rights) })),
            None => wrong("rights should be admin, read or none"),
        },
        ("GET", "provisioning") => (200, json!(organisation.provisioning.asked())),
        ("POST", "provisioning/occupy") => match body.get("requests").and_then(Value::as_u64) {
            Some(requests) => {
                organisation.provisioning.occupy(requests);
                (200, json!({}))
            }
            None => wrong("requests should be a whole number"),
        },
        ("POST", "provisioning/finish") => (200, json!({ "ended": organisation.finish_job() })),
        ("POST", "provisioning/cancel") => (200, json!({ "ended": organisation.cancel_job() })),
        ("POST", "push") => match (body.get("repository").and_then(Value::as_str), head(body, "pr_num")) {
            (Some(repository), Ok(head)) => (200, json!({ "runs": organisation.pushed(repository, &head) })),
            (None, _) => wrong("repository should be a text"),
            (_, Err(refusal)) => (400, refusal.body),
        },
        ("POST", "runs/go_on") => there(organisation.go_on(id(body))),
        ("POST", "runs/status") => match body.get("status").and_then(Value::as_str) {
            Some(word) => there(organisation.stand_at(id(body), word)),
            None => wrong("status should be a text"),
        },
        _ => return None,
    })
}

fn id(body: &Value) -> Id {
    body.get("id").and_then(Value::as_i64).unwrap_or_default()
}

fn there(is_there: bool) -> (u16, Value) {
    if is_there {
        (200, json!({}))
    } else {
        wrong("there is no run of this id")
    }
}
