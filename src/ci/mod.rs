//! The orchestration of data diffs for pull requests: the gate, the diffs that are asked for, the run to its end.

pub mod config;
pub mod diffs;
mod draft;
pub mod gate;
pub mod ignore;
pub mod placeholders;
mod table_names;
