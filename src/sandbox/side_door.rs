//! The side door under `/_sandbox`: seeds, state, faults and switches, without authentication, on loopback only.
//!
//! | request | what it does |
//! |---|---|
//! | `POST seed[?add=1]` | replaces what the instance holds (switches stay, minted tokens and keys go), or adds to it |
//! | `GET state[?full=1]` | the configuration without ids, comparable between instances; with ids, fields and counts |
//! | `GET requests`, `DELETE requests` | the request log: method, path, query, a fingerprint of the body, the status answered (0: cut, or not yet) and the one behind it (`effect`; 0: it was never carried out) |
//! | `GET writes` | `{count, succeeded, writes, operations}` of the log |
//! | `PUT latency {"ms"}` | time between a request's arrival and its effect |
//! | `PUT faults [rule, …]`, `GET`, `DELETE` | rules as in [`super::fault`]; the first that hits a request counts; `met`: how many each has hit |
//! | `PUT switches {…}`, `GET switches` | sets the switches that are named |
//! | `POST edit {"kind", "where", "set" or "delete"}` | a change made by hand, in the platform's words |
//!
//! Each platform adds doors of its own.

use std::time::Duration;

use serde_json::{Value, json};

use super::edge::{Logged, Shared};
use super::fault::Rule;
use super::platform::{Detail, Load, Platform, Sort};
use super::wire::Query;

/// Answers one request: status and body.
pub(super) fn open<P: Platform>(
    shared: &Shared<P>,
    method: &str,
    path: &str,
    query: &Query,
    body: &[u8],
) -> (u16, Value) {
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
        ("POST", "seed") => {
            let how = if set("add") { Load::Add } else { Load::Replace };
            let loaded = shared.instance().load(&body, how);
            loaded.map_or_else(wrong, |loaded| (200, loaded))
        }
        ("GET", "state") => {
            let detail = if set("full") {
                Detail::Full
            } else {
                Detail::Configuration
            };
            (200, shared.instance().dump(detail))
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
        ("GET", "switches") => (200, json!(shared.instance().switches())),
        ("PUT", "switches") => switch(shared, &body),
        ("POST", "edit") => match shared.instance().edit(&body) {
            Ok(value) => (200, value),
            Err(refusal) => (refusal.status, refusal.body),
        },
        (method, path) => shared
            .instance()
            .side_door(method, path, &body)
            .unwrap_or_else(|| (404, json!({ "error": "no such side door" }))),
    }
}

/// A door that was used wrongly.
pub(super) fn wrong(message: impl Into<String>) -> (u16, Value) {
    (400, json!({ "error": message.into() }))
}

fn switch<P: Platform>(shared: &Shared<P>, body: &Value) -> (u16, Value) {
    let Some(changes) = body.as_object() else {
        return wrong("the body should be an object of switches");
    };
    let mut instance = shared.instance();
    let mut all = json!(instance.switches());
    for (key, value) in changes {
        all[key] = value.clone();
    }
    match serde_json::from_value::<P::Switches>(all) {
        Ok(switches) => {
            *instance.switches() = switches;
            (200, json!(instance.switches()))
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
fn writes<P: Platform>(shared: &Shared<P>) -> Value {
    let control = shared.control();
    let of = |sort| control.log.iter().filter(move |entry| entry.sort == sort);
    let writes: Vec<&Logged> = of(Sort::Write).collect();
    json!({
        "count": writes.len(),
        "succeeded": writes.iter().filter(|entry| (200..300).contains(&entry.status)).count(),
        "writes": writes.into_iter().map(line).collect::<Vec<_>>(),
        "operations": of(Sort::Operation).map(line).collect::<Vec<_>>(),
    })
}
