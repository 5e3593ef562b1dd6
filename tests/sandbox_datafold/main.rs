//! The contract of the sandbox's Datafold: what a client may rely on, and what it must expect.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod bench;
mod ci_runs;
mod data_diffs;
mod data_sources;
mod faults;
mod keys;
mod monitors;
mod provisioning;
