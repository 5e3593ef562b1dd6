//! driftless keeps live data-quality platforms identical to what a Git branch says.
//!
//! Modules in reading order; imports go one way, from the shell down to `driftless-core` (`tests/tidy.rs` holds it).

pub mod ci;
pub mod cli;
pub mod clock;
pub mod codec;
pub mod config;
pub mod engine;
pub mod forge;
pub mod platform;
pub mod sandbox;
pub mod server;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod variables;
