//! The pure core of driftless: values in, values out.
//!
//! No async, clock, randomness, environment, files, sockets or logging; equal inputs give equal bytes. The story of a pass, in
//! reading order: files become documents ([`tree`], [`yaml`], [`load`]), documents are compared with what is live and with
//! what was last agreed on ([`snapshot`], [`ledger`], [`planner`]), differences become ordered steps ([`plan`]), and steps
//! become a [`report`].

mod address;
pub mod counterpart;
pub mod diagnostic;
mod diff;
pub mod document;
pub mod field;
pub mod guard;
pub mod json;
pub mod key;
pub mod ledger;
pub mod load;
pub mod nearest;
pub mod normalize;
pub mod offline;
mod order;
pub mod overlay;
pub mod plan;
pub mod planner;
pub mod policy;
mod rename;
pub mod render;
pub mod report;
mod resolve;
pub mod schema;
mod sides;
pub mod snapshot;
mod spelling;
pub mod substitute;
pub mod tree;
pub mod value;
pub mod yaml;
