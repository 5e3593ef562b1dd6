//! What `driftless demo` starts with.

pub mod environments;
pub mod files;
