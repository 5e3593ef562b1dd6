//! The orchestration of data diffs for pull requests: the gate, the diffs that are asked for, the run to its end.

mod annotation;
mod comment;
pub mod config;
mod create;
pub mod diffs;
pub mod discovery;
mod draft;
pub mod gate;
pub mod ignore;
pub mod placeholders;
pub mod report;
mod sql;
mod table_names;
