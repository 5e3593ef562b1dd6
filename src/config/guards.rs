//! `guards` of an environment: how much of it one plan may change before somebody must look.

use driftless_core::policy::Guards;
use serde::Deserialize;

use super::amount::{self, Share};

/// `guards` of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardsConfig {
    /// Share of the resources that one plan may delete. Default: `30%`.
    pub delete_share: Share,
    /// Share of the resources that one plan may update. Default: `30%`.
    pub update_share: Share,
    /// Number of resources from which the shares count. Default: 10.
    #[serde(deserialize_with = "amount::count")]
    pub from: u32,
    /// Resources that one plan may delete. Default: 50.
    #[serde(deserialize_with = "amount::count")]
    pub delete_max: u32,
    /// Resources that one plan may update. Default: 500.
    #[serde(deserialize_with = "amount::count")]
    pub update_max: u32,
}

impl Default for GuardsConfig {
    fn default() -> Self {
        let Guards {
            delete_share,
            update_share,
            from,
            delete_max,
            update_max,
        } = Guards::default();
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            delete_share: Share { percent: delete_share },
            update_share: Share { percent: update_share },
            from: number(from),
            delete_max: number(delete_max),
            update_max: number(update_max),
        }
    }
}

impl GuardsConfig {
    /// What the planner is told of them.
    pub fn guards(&self) -> Guards {
        let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Guards {
            delete_share: self.delete_share.percent,
            update_share: self.update_share.percent,
            from: number(self.from),
            delete_max: number(self.delete_max),
            update_max: number(self.update_max),
        }
    }
}
