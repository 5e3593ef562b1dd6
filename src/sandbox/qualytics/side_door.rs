//! The doors that only this platform has.
//!
//! | request | what it does |
//! |---|---|
//! | `POST tokens {"role", "teams", "name", "email", "expires_at"}` | a user, and `{"token"}` for it |
//! | `POST operations/finish` | ends every open operation now |

use serde_json::{Value, json};

use super::seed;
use super::state::Instance;
use crate::sandbox::side_door::wrong;

/// Answers one request: status and body; `None` when there is no such door.
pub(super) fn open(instance: &mut Instance, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    match (method, path) {
        ("POST", "tokens") => Some(match body.as_object() {
            Some(row) => match seed::token_for(instance, row) {
                Ok(token) => (200, json!({ "token": token })),
                Err(fault) => wrong(fault),
            },
            None => wrong("the body should be an object: role, teams, name, email, expires_at"),
        }),
        ("POST", "operations/finish") => Some((200, json!({ "finished": instance.finish_all() }))),
        _ => None,
    }
}
