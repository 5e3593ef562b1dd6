//! driftless beside the real official client, `qualytics-cli` 1.2.2, on the same instances: the same bytes out, the same state in.
//!
//! Needs the client, named by `DRIFTLESS_QUALYTICS_CLI`; `scripts/test` installs it.
#![expect(clippy::disallowed_methods, reason = "a test has its own clock and environment")]
#![expect(clippy::unwrap_used, reason = "a test may stop")]

#[path = "../support/page.rs"]
mod commands;
mod exports;
mod hostile;
mod imports;
#[path = "../support/official.rs"]
mod official;
mod page;
