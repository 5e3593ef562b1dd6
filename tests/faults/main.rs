//! The fault matrix: a pass over every kind of resource is broken at each of its requests by each sort of fault, and the
//! process is killed at each of its writes. Whatever happened, the next pass makes of the instance what the files say, nothing is
//! there twice, no write that took effect is sent again, and what is nobody's business but a stranger's stays as it is.
//!
//! `scripts/faults` runs it and says how; as a test beside the others it runs one cell in forty.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]
#![allow(clippy::print_stdout, reason = "the table is what this is read for")]

#[path = "../support/instance.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod instance;
#[path = "../support/pipeline.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod pipeline;

mod case;
mod cell;
mod matrix;
mod measure;
mod sorts;
mod store;
mod wire;
