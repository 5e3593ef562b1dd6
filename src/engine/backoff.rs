//! How long to wait before something is tried again: a pure function of the attempt and a random number.

use std::time::Duration;

/// Waits that double from `first` up to `longest`, spread so that many who failed together do not return together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// What no wait exceeds, the spread included.
    pub longest: Duration,
}

/// The share of a wait that is random: enough to part sixteen requests that failed together, little enough to stay a backoff.
const SPREAD: f64 = 0.25;

impl Backoff {
    /// The wait after failure number `attempt` (from 1). `random` is between 0 and 1: it moves the wait by up to a quarter
    /// either way.
    pub fn wait(&self, attempt: u32, random: f64) -> Duration {
        // 2^31 times any first wait is far beyond any longest wait.
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(31));
        let factor = 1.0 + SPREAD * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        doubled.min(self.longest).mul_f64(factor).min(self.longest)
    }
}

/// `interval`, moved by up to a tenth either way: many that started together do not stay together. `random` is between 0 and 1.
pub fn jittered(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(5),
        longest: Duration::from_secs(600),
    };

    #[test]
    fn waits_double_until_the_longest() {
        let waits: Vec<u64> = (1..=9).map(|attempt| BACKOFF.wait(attempt, 0.5).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(BACKOFF.wait(u32::MAX, 1.0), Duration::from_secs(600));
    }

    #[test]
    fn the_spread_is_a_quarter_either_way() {
        assert_eq!(BACKOFF.wait(1, 0.0), Duration::from_millis(3_750));
        assert_eq!(BACKOFF.wait(1, 1.0), Duration::from_millis(6_250));
    }
}
