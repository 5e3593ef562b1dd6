//! The planner's rules, on a platform small enough to read.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may stop")]

mod case;
mod collections;
mod library;
mod offline;
mod owners;
mod removal;
mod renaming;
mod rules;
mod three_way;
mod visibility;
mod writing;
