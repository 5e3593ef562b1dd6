//! The sorts of faults, and at which requests each of them can be.

use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::Asked;

/// One sort of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    ResetBefore,
    ResetAfter,
    TimeoutBefore,
    TimeoutAfter,
    Status429,
    Status500,
    Status500After,
    Status502,
    Status502After,
    Status503,
    Status503After,
    Truncated,
    InvalidJson,
    Html,
    HtmlAfter,
    WrongTotal,
    EmptyPage,
    SlowDrip,
    KillBefore,
    KillAfter,
}

/// Pieces in which a slow body comes.
const PIECES: u64 = 8;

impl Sort {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Sort; 20] = [
        Sort::ResetBefore,
        Sort::ResetAfter,
        Sort::TimeoutBefore,
        Sort::TimeoutAfter,
        Sort::Status429,
        Sort::Status500,
        Sort::Status500After,
        Sort::Status502,
        Sort::Status502After,
        Sort::Status503,
        Sort::Status503After,
        Sort::Truncated,
        Sort::InvalidJson,
        Sort::Html,
        Sort::HtmlAfter,
        Sort::WrongTotal,
        Sort::EmptyPage,
        Sort::SlowDrip,
        Sort::KillBefore,
        Sort::KillAfter,
    ];

    /// Its name in the table, and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Sort::ResetBefore => "reset-before",
            Sort::ResetAfter => "reset-after",
            Sort::TimeoutBefore => "timeout-before",
            Sort::TimeoutAfter => "timeout-after",
            Sort::Status429 => "429",
            Sort::Status500 => "500-before",
            Sort::Status500After => "500-after",
            Sort::Status502 => "502-before",
            Sort::Status502After => "502-after",
            Sort::Status503 => "503-before",
            Sort::Status503After => "503-after",
            Sort::Truncated => "truncated",
            Sort::InvalidJson => "invalid-json",
            Sort::Html => "html-before",
            Sort::HtmlAfter => "html-after",
            Sort::WrongTotal => "wrong-total",
            Sort::EmptyPage => "empty-page",
            Sort::SlowDrip => "slow-drip",
            Sort::KillBefore => "kill-before",
            Sort::KillAfter => "kill-after",
        }
    }

    /// Whether the process ends there; otherwise the network or the platform breaks off.
    pub(crate) fn kills(self) -> bool {
        matches!(self, Sort::KillBefore | Sort::KillAfter)
    }

    /// Whether there can be such a fault at such a request: a read has no effect that it could be after, and only lists have a
    /// total and pages. A process that dies while it reads has done nothing.
    pub(crate) fn is_possible(self, asked: &Asked) -> bool {
        match self {
            Sort::ResetBefore
            | Sort::TimeoutBefore
            | Sort::Status429
            | Sort::Status500
            | Sort::Status502
            | Sort::Status503
            | Sort::Truncated
            | Sort::InvalidJson
            | Sort::Html
            | Sort::SlowDrip => true,
            Sort::ResetAfter
            | Sort::TimeoutAfter
            | Sort::Status500After
            | Sort::Status502After
            | Sort::Status503After
            | Sort::HtmlAfter
            | Sort::KillBefore
            | Sort::KillAfter => !asked.is_read(),
            Sort::WrongTotal | Sort::EmptyPage => asked.is_list(),
        }
    }

    /// Whether it is the client's time-out that ends the request.
    pub(crate) fn takes_time(self) -> bool {
        matches!(self, Sort::TimeoutBefore | Sort::TimeoutAfter | Sort::SlowDrip)
    }

    /// The rule for the sandbox, without its place, where a client waits for `patience`; of a kill: what holds the request while
    /// the process dies.
    pub(crate) fn rule(self, patience: Duration) -> Value {
        let withheld = 4 * u64::try_from(patience.as_millis()).unwrap();
        match self {
            Sort::ResetBefore => json!({ "kind": "reset_before" }),
            Sort::ResetAfter => json!({ "kind": "reset_after" }),
            Sort::TimeoutBefore => json!({ "kind": "timeout", "delay_ms": withheld }),
            Sort::TimeoutAfter => json!({ "kind": "timeout_after", "delay_ms": withheld }),
            Sort::Status429 => json!({ "kind": "status", "status": 429, "retry_after": 1 }),
            Sort::Status500 => json!({ "kind": "status", "status": 500 }),
            Sort::Status500After => json!({ "kind": "status", "status": 500, "after": true }),
            Sort::Status502 => json!({ "kind": "status", "status": 502 }),
            Sort::Status502After => json!({ "kind": "status", "status": 502, "after": true }),
            Sort::Status503 => json!({ "kind": "status", "status": 503 }),
            Sort::Status503After => json!({ "kind": "status", "status": 503, "after": true }),
            Sort::Truncated => json!({ "kind": "truncate" }),
            Sort::InvalidJson => json!({ "kind": "invalid_json" }),
            Sort::Html => json!({ "kind": "html" }),
            Sort::HtmlAfter => json!({ "kind": "html", "after": true }),
            Sort::WrongTotal => json!({ "kind": "wrong_total" }),
            Sort::EmptyPage => json!({ "kind": "empty_page" }),
            Sort::SlowDrip => json!({ "kind": "slow_drip", "delay_ms": withheld / PIECES }),
            // Nobody waits for these: the answer never comes.
            Sort::KillBefore => json!({ "kind": "timeout" }),
            Sort::KillAfter => json!({ "kind": "timeout_after" }),
        }
    }
}
