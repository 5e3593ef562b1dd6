//! The side door under `/_sandbox`: seeds, state, faults and switches, without authentication, on loopback only.
//!
//! | request | what it does |
//! |---|---|
//! | `POST seed[?add=1]` | replaces what the instance holds (switches stay, minted tokens go), or adds to it |
//! | `GET state[?full=1]` | the configuration without ids, comparable between instances; with ids, fields and counts |
//! | `GET requests`, `DELETE requests` | the request log: method, path, query, a fingerprint of the body, the status answered (0: cut, or not yet) and the one behind it (`effect`; 0: it was never carried out) |
//! | `GET writes` | `{count, succeeded, writes, operations}` of the log |
//! | `PUT latency {"ms"}` | time between a request's arrival and its effect |
//! | `PUT faults [rule, …]`, `GET`, `DELETE` | rules as in [`super::fault`]; the first that hits a request counts; `met`: how many each has hit |
//! | `PUT switches {…}`, `GET switches` | sets the switches that are named |
//! | `POST edit {"kind", "where", "set" or "delete"}` | a change made by hand, as in [`super::edit`] |
//! | `POST tokens {"role", "teams", "name", "email", "expires_at"}` | a user, and `{"token"}` for it |
//! | `POST operations/finish` | ends every open operation now |

use std::time::Duration;

use serde_json::{Value, json};

use super::dump::{Detail, dump};
use super::edge::{Logged, Shared};
use super::edit::edit;
use super::fault::Rule;
use super::seed;
use super::state::Instance;
use super::switches::Switches;
use super::wire::{Answer, Query};

/// Answers one request: status and body.
pub(super) fn open(shared: &Shared, method: &str, path: &str, query: &Query, body: &[u8]) -> (u16, Value) {
    let body: Value = if body.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(fault) => return wrong(format!("the body is no JSON: {fault}")),
        }
    };
    let set = |key: &str| query.first(key).is_some_and(|value| !matches!(value, "0" | "false"));
    match (method, path.trim_matches('/')) {
        ("POST", "seed") => load(shared, &body, if set("add") { Load::Add } else { Load::Replace }),
        ("GET", "state") => {
            let detail = if set("full") {
                Detail::Full
            } else {
                Detail::Configuration
            };
            (200, dump(&shared.instance(), detail))
        }
        ("GET", "requests") => (
            200,
            json!({ "requests": shared.control().log.iter().map(line).collect::<Vec<_>>() }),
        ),
        ("DELETE", "requests") => {
            shared.control().forget();
            (200, json!({}))
        }
        ("GET", "writes") => (200, writes(shared)),
        ("PUT", "latency") => match body.get("ms").and_then(Value::as_u64) {
            Some(ms) => {
                shared.control().latency = Duration::from_millis(ms);
                (200, json!({ "ms": ms }))
            }
            None => wrong("ms should be a whole number of milliseconds"),
        },
        ("PUT", "faults") => {
            let rules = body.get("rules").unwrap_or(&body).clone();
            match serde_json::from_value::<Vec<Rule>>(rules) {
                Ok(rules) => {
                    shared.control().faults.set(rules);
                    (200, json!({ "rules": shared.control().faults.rules() }))
                }
                Err(fault) => wrong(format!("faults: {fault}")),
            }
        }
        ("GET", "faults") => {
            let control = shared.control();
            (
                200,
                json!({ "rules": control.faults.rules(), "met": control.faults.met() }),
            )
        }
        ("DELETE", "faults") => {
            shared.control().faults.set(Vec::new());
            (200, json!({}))
        }
        ("GET", "switches") => (200, json!(shared.instance().switches)),
        ("PUT", "switches") => switch(shared, &body),
        ("POST", "edit") => match edit(&mut shared.instance(), &body) {
            Ok(Answer::Ok(value) | Answer::Created(value)) => (200, value),
            Ok(Answer::Empty) => (200, json!({})),
            Err(refusal) => (refusal.status, refusal.body),
        },
        ("POST", "tokens") => match body.as_object() {
            Some(row) => match seed::token_for(&mut shared.instance(), row) {
                Ok(token) => (200, json!({ "token": token })),
                Err(fault) => wrong(fault),
            },
            None => wrong("the body should be an object: role, teams, name, email, expires_at"),
        },
        ("POST", "operations/finish") => (200, json!({ "finished": shared.instance().finish_all() })),
        _ => (404, json!({ "error": "no such side door" })),
    }
}

fn wrong(message: impl Into<String>) -> (u16, Value) {
    (400, json!({ "error": message.into() }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Replace,
    Add,
}

/// A replacing load leaves the instance as it was when the seed does not hold together.
fn load(shared: &Shared, body: &Value, how: Load) -> (u16, Value) {
    let mut instance = shared.instance();
    let loaded = match how {
        Load::Add => seed::load(&mut instance, body),
        Load::Replace => {
            let mut fresh = Instance::new(instance.switches.clone());
            seed::load(&mut fresh, body).map(|()| *instance = fresh)
        }
    };
    match loaded {
        Ok(()) => (
            200,
            json!({ "datastores": instance.datastores.len(), "checks": instance.checks.len() }),
        ),
        Err(fault) => wrong(fault),
    }
}

fn switch(shared: &Shared, body: &Value) -> (u16, Value) {
    let Some(changes) = body.as_object() else {
        return wrong("the body should be an object of switches");
    };
    let mut instance = shared.instance();
    let mut all = json!(instance.switches);
    for (key, value) in changes {
        all[key] = value.clone();
    }
    match serde_json::from_value::<Switches>(all) {
        Ok(switches) => {
            instance.switches = switches;
            (200, json!(instance.switches))
        }
        Err(fault) => wrong(format!("switches: {fault}")),
    }
}

fn line(entry: &Logged) -> Value {
    json!({
        "method": entry.method, "path": entry.path, "query": entry.query, "body": entry.body,
        "status": entry.status, "effect": entry.effect,
    })
}

/// What changed the instance, or tried to; operations apart, since they configure nothing.
fn writes(shared: &Shared) -> Value {
    let control = shared.control();
    let changing = control
        .log
        .iter()
        .filter(|entry| entry.method != "GET" && entry.path.starts_with("/api/"));
    let (operations, writes): (Vec<&Logged>, Vec<&Logged>) = changing
        .partition(|entry| entry.path.starts_with("/api/operations/") || entry.path.starts_with("/api/export/"));
    json!({
        "count": writes.len(),
        "succeeded": writes.iter().filter(|entry| (200..300).contains(&entry.status)).count(),
        "writes": writes.into_iter().map(line).collect::<Vec<_>>(),
        "operations": operations.into_iter().map(line).collect::<Vec<_>>(),
    })
}
