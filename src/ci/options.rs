//! How long the orchestration waits for what.

use std::time::Duration;

use crate::engine::backoff::Backoff;
use crate::forge::CommitState;

/// The orchestration's times and limits. A test has others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Waits between looks at a run, and between tries of a request.
    pub poll: Backoff,
    /// Waits between tries of a request that went wrong.
    pub retry: Backoff,
    /// How often a request that changes nothing is tried before its failure is the end.
    pub tries: u32,
    /// How long the run is awaited that the platform starts by itself when the forge tells it of a commit: two runs for one commit
    /// are worse than this wait.
    pub appears: Duration,
    /// How long it is looked for what a request without an answer has done, before it counts as one that did nothing.
    pub settles: Duration,
    /// How long a run is asked for while the platform says that it started none.
    pub starts: Duration,
    /// How long diffs are offered while no run waits for them.
    pub submits: Duration,
    /// How long a head commit may take, in one life of the process, until its run has ended.
    pub limit: Duration,
    /// How long it may take beyond that until what there is to say is said: half of it for what is still to be read.
    pub last: Duration,
    /// Waits between tries to say a last word that the forge did not take.
    pub insists: Backoff,
    /// How long after the end of an orchestration its last word is tried to be said.
    pub unheard: Duration,
    /// How long the diffs and summaries of a run that is done are awaited.
    pub collects: Duration,
    /// How far apart looks at the pull request's head are, at least.
    pub head: Duration,
    /// Summaries that are read at the same time.
    pub summaries: usize,
    /// What the commit's status is while a person must confirm the run.
    pub unconfirmed: Unconfirmed,
}

/// What a commit's status is while a run waits for a person's confirmation. The run is followed either way: the person may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// Not known yet.
    Pending,
    /// Bad.
    Failure,
}

impl Unconfirmed {
    /// The commit's status.
    pub(super) fn state(self) -> CommitState {
        match self {
            Unconfirmed::Pending => CommitState::Pending,
            Unconfirmed::Failure => CommitState::Failure,
        }
    }
}

/// The most that [`Options::within`] keeps for the last word, of a fifth of the whole.
const LAST: Duration = Duration::from_secs(30);

impl Options {
    /// These, but the whole takes no longer than `whole`, the last word included. At least half of what is left of it is for a run that
    /// has to be asked for.
    #[must_use]
    pub fn within(self, whole: Duration) -> Self {
        let last = (whole / 5).min(LAST);
        let limit = whole.saturating_sub(last);
        Self {
            appears: self.appears.min(limit / 2),
            limit,
            last,
            ..self
        }
    }

    /// How long the whole may take, for people.
    pub(super) fn whole(&self) -> String {
        let whole = self.limit + self.last;
        let part = Duration::from_nanos(whole.subsec_nanos().into());
        // What was spent before the orchestration began is not told apart.
        let told = match part > Duration::ZERO {
            true => whole - part + Duration::from_secs(1),
            false => whole,
        };
        humantime::format_duration(told).to_string()
    }
}

impl Default for Options {
    /// Polls 3 s to 30 s apart, 60 min for a run and 60 s for its appearance, as the vendor's own client has them (`reference` 2.5, 9.3).
    fn default() -> Self {
        Self {
            poll: Backoff {
                first: Duration::from_secs(3),
                longest: Duration::from_secs(30),
            },
            retry: Backoff {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(30),
            },
            tries: 8,
            appears: Duration::from_secs(60),
            settles: Duration::from_secs(60),
            starts: Duration::from_secs(300),
            submits: Duration::from_secs(300),
            limit: Duration::from_secs(3570),
            last: LAST,
            insists: Backoff {
                first: Duration::from_secs(30),
                longest: Duration::from_secs(3600),
            },
            unheard: Duration::from_secs(24 * 3600),
            collects: Duration::from_secs(300),
            head: Duration::from_secs(30),
            summaries: 4,
            unconfirmed: Unconfirmed::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_a_short_time_a_run_is_asked_for_when_half_of_it_is_over() {
        for (whole, appears) in [(60, 24), (150, 60), (160, 60), (3600, 60)] {
            let options = Options::default().within(Duration::from_secs(whole));
            assert_eq!(options.appears, Duration::from_secs(appears), "{whole} s");
            assert_eq!(options.limit + options.last, Duration::from_secs(whole));
        }
    }
}
