//! The real official client, `datafold-sdk` 0.4.1, unchanged against the sandbox: what it asks is answered as it expects, and what it
//! says of the answers shows that they were understood.
//!
//! Needs the client, named by `DRIFTLESS_DATAFOLD_SDK`; `scripts/test` installs it.
#![expect(clippy::disallowed_methods, reason = "a test has its own clock and environment")]
#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod ci;
mod monitors;
mod official;
