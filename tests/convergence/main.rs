//! The pipeline converges: what Git says is live after one pass, and another finds nothing to do, however the platform reads
//! what its description leaves open, whatever was there before, and whatever the network does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

#[path = "../support/instance.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod instance;
#[path = "../support/pipeline.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod pipeline;

mod audit;
mod faults;
mod generated;
mod never_cleared;
mod reading;
mod references;
mod removal;
mod renames;
mod switches;
