//! The Qualytics adapter: what the platform is (`schema`, pure) and how it is read and written.

mod faults;
pub mod kinds;
mod layout;
mod normalize;
mod operations;
mod references;
mod rules;
mod schema;
mod shapes;

pub use layout::{generated_uid, slug};
pub use schema::{QualyticsSchema, schema};
