//! A Qualytics controlplane: the REST API under `/api`, and a side door under `/_sandbox` for tests and demos.
//!
//! One request is one call of a synchronous handler on the locked `state::Instance`; the edge in `edge` adds
//! what a network adds: latency, faults, clients that hang up.

mod archive;
mod body;
mod check_definition;
mod checks;
mod columns;
mod computed_fields;
mod connections;
mod container_definition;
mod containers;
mod datastores;
mod discovery;
mod dump;
mod edge;
mod edit;
mod enrichment;
pub mod example;
mod fault;
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
mod socket;
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

pub use edge::{Shared, serve};
pub use example::example_seed;
pub use switches::{
    ConnectionReading, ContainerProfile, EnrichmentListing, KeyOrder, NullProperties, Numbers, OperationPace, Overlap,
    Put, PutReading, SecretsManagerOmitted, Switches, Toggle, Unknown, Unsupported,
};
pub use token::ADMIN_TOKEN;
