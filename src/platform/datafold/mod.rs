//! The Datafold adapter: what the platform is (`schema`, pure) and how it is read and written.

mod ci_config;
mod compared;
mod databases;
mod faults;
mod form;
mod home;
pub mod kinds;
mod layout;
mod leaf;
mod meaning;
mod measured;
mod monitors;
mod normalize;
mod option;
mod options;
mod references;
mod rules;
mod schema;
#[cfg(test)]
mod testing;

pub use schema::{DatafoldSchema, schema};
