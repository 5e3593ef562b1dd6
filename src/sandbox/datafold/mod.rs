//! A Datafold deployment: the REST API under `/api`, and a side door under `/_sandbox` for tests and demos.
//!
//! `organisation` is what the edge calls and keeps. Progress is counted in looks and not in time: who asks moves things on.

mod ci_config;
mod ci_run;
mod ci_runs;
mod comparison;
mod data_diff;
mod data_diffs;
mod data_source;
mod data_source_test;
mod data_source_type;
mod diff_request;
mod dump;
mod edit;
mod findings;
mod key;
mod monitor;
mod monitor_spec;
mod monitor_update;
mod monitors;
mod options;
mod organisation;
mod page;
mod problem;
mod provisioning;
mod provisioning_job;
mod routes;
pub mod seed;
mod side_door;
mod switches;
mod wildcard;
mod wire;

use super::body;

pub use key::ADMIN_KEY;
pub use options::{Options, Server};
pub use switches::{
    Attach, CiDiffs, Duplicates, Elements, Endpoint, Errors, FailedResult, FailedTest, Filters, Finished, KnownCommit,
    OlderRuns, Pace, ResultErrors, RunIds, RunOrder, Schedules, Shapes, Switches, Triggers, Unchanged, Unspecified,
};
