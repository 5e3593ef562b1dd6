//! How the open questions about forges are answered.

use serde::{Deserialize, Serialize};

/// How the open questions about forges are answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// The most items of a page, whatever is asked for. Instances of GitLab give fewer diffs than asked for.
    pub largest_page: usize,
    /// How often a merge request is looked at before GitLab has worked out what it changes.
    pub preparing: usize,
    /// What `Retry-After` a fault of status carries that names none, in seconds; zero for no header.
    pub retry_after: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            largest_page: 100,
            preparing: 0,
            retry_after: 0,
        }
    }
}
