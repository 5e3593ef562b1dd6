//! Instances that compare data: which targets of the config file are some, and their adapter.

use std::sync::Arc;

use anyhow::Context as _;
use driftless_core::report::Failure;
use driftless_core::schema::Schema as _;

use super::instances;
use super::platforms::{self, Way};
use super::wire::failed;
use crate::config::TargetConfig;
use crate::platform::Gate;
use crate::platform::data_diffs::DataDiffs;
use crate::platform::datafold;

/// Whether the instances of a target's platform compare data.
pub(crate) fn compares(target: &TargetConfig) -> bool {
    target.platform == datafold::schema().platform()
}

/// The adapter of a target that [`compares`]; nothing is sent.
pub(crate) fn open(target: &TargetConfig, gate: Arc<dyn Gate>) -> anyhow::Result<Arc<dyn DataDiffs>> {
    let made = at(instances::way(target)?, gate).map_err(failed);
    made.with_context(|| instances::named(target))
}

/// The adapter at the end of a way; nothing is sent.
pub(crate) fn at(way: Way, gate: Arc<dyn Gate>) -> Result<Arc<dyn DataDiffs>, Failure> {
    Ok(Arc::new(platforms::datafold(way, gate)?))
}
