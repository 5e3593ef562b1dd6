//! A Qualytics controlplane: the REST API under `/api`, and a side door under `/_sandbox` for tests and demos.
//!
//! `controlplane` is what the edge calls; `state::Instance` is what it keeps.

mod archive;
mod check_definition;
mod checks;
mod columns;
mod computed_fields;
mod connections;
mod container_definition;
mod containers;
mod controlplane;
mod datastores;
mod discovery;
mod dump;
mod edit;
mod enrichment;
pub mod example;
mod fields;
mod history;
mod openapi;
mod operations;
mod page;
mod permission;
mod reach;
mod routes;
mod rules;
pub mod seed;
mod side_door;
mod state;
mod switches;
mod tags;
mod teams;
mod templates;
mod token;
mod users;
mod volatile;
mod warehouse;
mod wire;

use super::body;

pub(super) use controlplane::start;
pub use example::example_seed;
pub use switches::{
    ConnectionReading, ContainerProfile, EnrichmentListing, KeyOrder, NullProperties, Numbers, OperationPace, Overlap,
    Put, PutReading, SecretsManagerOmitted, Switches, Toggle, Unknown, Unsupported,
};
pub use token::ADMIN_TOKEN;
