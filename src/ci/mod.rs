//! The orchestration of data diffs for pull requests: the gate, the diffs that are asked for, the run to its end.

mod annotation;
mod comment;
pub mod config;
mod create;
pub mod data_source;
pub mod diffs;
pub mod discovery;
mod draft;
pub mod driver;
pub mod gate;
pub mod ignore;
mod last_word;
mod looks;
pub mod metrics;
pub mod options;
pub mod outcome;
pub mod pipeline;
pub mod placeholders;
mod record;
pub mod report;
mod sql;
mod table_names;
pub mod views;
mod waits;
