//! `pull_requests`: how patiently the data diffs of pull requests are orchestrated.

use std::time::Duration;

use serde::Deserialize;
use serde::de::Deserializer;

use super::amount::{self, Interval};
use super::fault::Faults;
use super::section::Item;
use super::word;

/// The section `pull_requests`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PullRequestsConfig {
    /// Pull requests that are orchestrated at the same time, from 1. Default: 4.
    #[serde(deserialize_with = "amount::positive")]
    pub concurrency: u32,
    /// How long the platform's own run for a head commit is waited for. Default: `2m`.
    pub wait_for_run: Interval,
    /// How long one head commit may take in all; what [`PullRequestsConfig::until_the_last_word`] leaves of it is longer than
    /// `wait_for_run`. Default: `60m`.
    pub timeout: Interval,
    /// How often the platform is asked how a run is doing.
    pub poll: PollConfig,
    /// What the commit's status is while a person must confirm the run at the platform: `pending` or `failure`. Default: `pending`.
    #[serde(deserialize_with = "on_confirmation")]
    pub on_confirmation: OnConfirmation,
}

impl Default for PullRequestsConfig {
    fn default() -> Self {
        Self {
            concurrency: 4,
            wait_for_run: Interval(Duration::from_secs(120)),
            timeout: Interval(Duration::from_secs(3600)),
            poll: PollConfig::default(),
            on_confirmation: OnConfirmation::Pending,
        }
    }
}

/// The most of the time-out that is kept for the last word.
const LAST_WORD: Duration = Duration::from_secs(30);

impl PullRequestsConfig {
    /// What is left of `timeout` when a fifth of it, and 30 s at most, is kept for the last word.
    pub fn until_the_last_word(&self) -> Duration {
        self.timeout.0.saturating_sub((self.timeout.0 / 5).min(LAST_WORD))
    }
}

/// `pull_requests.poll`: the time between two questions grows from the one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PollConfig {
    /// Before the second question. Default: `3s`.
    pub from: Interval,
    /// At the longest; not shorter than `from`. Default: `30s`.
    pub to: Interval,
}

impl Default for PollConfig {
    fn default() -> Self {
        Self {
            from: Interval(Duration::from_secs(3)),
            to: Interval(Duration::from_secs(30)),
        }
    }
}

/// What a commit's status is while a run waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConfirmation {
    /// Not known yet, until the time is over.
    Pending,
    /// Bad, at once.
    Failure,
}

fn on_confirmation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnConfirmation, D::Error> {
    Ok(match word::of(deserializer, &["pending", "failure"])? {
        "failure" => OnConfirmation::Failure,
        _ => OnConfirmation::Pending,
    })
}

/// What serde cannot say.
pub(super) fn check(section: Option<&Item<'_, PullRequestsConfig>>, faults: &mut Faults) {
    let Some(item) = section else { return };
    let PullRequestsConfig {
        wait_for_run,
        poll: PollConfig { from, to },
        ..
    } = item.value;
    if item.value.until_the_last_word() <= wait_for_run.0 && item.is_sound(&["wait_for_run"]) {
        let enough = humantime::format_duration(wait_for_run.0.saturating_mul(2));
        let help = format!("write {enough}, or make `wait_for_run` shorter");
        let what = "leaves no time to ask for a run after `wait_for_run`: up to 30s of it are for the last word";
        item.fault(faults, &["timeout"], "bad_value", what, &help);
    }
    if to < from && item.is_sound(&["poll", "from"]) {
        let help = format!("make it {} at least", humantime::format_duration(from.0));
        item.fault(faults, &["poll", "to"], "bad_value", "is shorter than `from`", &help);
    }
}
