//! The doors that only this platform has.
//!
//! | request | what it does |
//! |---|---|
//! | `POST keys {"rights": "admin", "read" or "none"}` | makes a key: `{"key"}` |
//! | `GET provisioning` | what was asked for, oldest first: `{slugs, dangling_monitors_strategy, dry_run}` |
//! | `POST provisioning/occupy {"requests"}` | the next that many requests to provision meet that of somebody else |
//! | `POST provisioning/finish`, `POST provisioning/cancel` | ends the open job |

use serde_json::{Value, json};

use super::key::Rights;
use super::organisation::Organisation;
use crate::sandbox::side_door::wrong;

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
        _ => return None,
    })
}
