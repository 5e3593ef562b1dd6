//! The Datafold adapter: what the platform is (`schema`, pure) and how it is read and written.

pub mod kinds;
mod layout;
mod references;
mod schema;
#[cfg(test)]
mod testing;

pub use schema::{DatafoldSchema, schema};
