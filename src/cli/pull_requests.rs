//! The section `pull_requests` of the config file as the orchestration has it.

use crate::ci::options::{Options, Unconfirmed};
use crate::config::{OnConfirmation, PullRequestsConfig};
use crate::engine::backoff::Backoff;

/// How long orchestrations wait for what.
pub(crate) fn options(config: &PullRequestsConfig) -> Options {
    Options {
        poll: Backoff {
            first: config.poll.from.0,
            longest: config.poll.to.0,
        },
        // The config file's check has seen to it that there is time left beside it.
        appears: config.wait_for_run.0,
        unconfirmed: match config.on_confirmation {
            OnConfirmation::Pending => Unconfirmed::Pending,
            OnConfirmation::Failure => Unconfirmed::Failure,
        },
        ..Options::default().within(config.timeout.0)
    }
}

/// How many head commits are seen to at the same time.
pub(crate) fn parallel(config: &PullRequestsConfig) -> usize {
    usize::try_from(config.concurrency).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Interval, PollConfig};

    #[test]
    fn every_key_of_the_section_has_its_effect() {
        let seconds = |seconds| Interval(Duration::from_secs(seconds));
        let config = PullRequestsConfig {
            concurrency: 7,
            wait_for_run: seconds(11),
            timeout: seconds(600),
            poll: PollConfig {
                from: seconds(2),
                to: seconds(9),
            },
            on_confirmation: OnConfirmation::Failure,
        };
        let expected = Options {
            poll: Backoff {
                first: Duration::from_secs(2),
                longest: Duration::from_secs(9),
            },
            appears: Duration::from_secs(11),
            limit: Duration::from_secs(570),
            last: Duration::from_secs(30),
            unconfirmed: Unconfirmed::Failure,
            ..Options::default()
        };
        assert_eq!((options(&config), parallel(&config)), (expected, 7));
    }

    #[test]
    fn the_config_file_is_checked_for_the_limit_that_a_head_has() {
        for timeout in [1, 10, 149, 150, 151, 3600] {
            let config = PullRequestsConfig {
                timeout: Interval(Duration::from_secs(timeout)),
                ..PullRequestsConfig::default()
            };
            assert_eq!(options(&config).limit, config.until_the_last_word(), "{timeout} s");
        }
    }
}
