//! The gate of an environment on its target's limits: what is sent when, and whether a read that failed is sent again.
//!
//! One [`Limiter`] a target, however many environments it has; one [`Pace`] an environment, so that requests are counted
//! where they belong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::EnvironmentName;
use driftless_core::report::Failure;

use super::backoff::Backoff;
use super::limiter::LONGEST_WISH;
use super::metrics::Metrics;
use crate::platform::{Exchange, Gate, Pass};

pub use super::breaker::Trip;
pub use super::limiter::{CONCURRENCY, Limiter, LimiterOptions, PER_SECOND};

/// How often a read is sent before its failure counts.
const READ_TRIES: u32 = 4;

/// Waits between the tries of a read.
const READ_BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(8),
};

/// The gate of one environment on its target's limiter.
#[derive(Clone)]
pub struct Pace {
    limiter: Arc<Limiter>,
    counted: Option<(Metrics, EnvironmentName)>,
}

impl Pace {
    /// A gate whose requests are counted for `environment`.
    pub fn counted(limiter: Arc<Limiter>, metrics: Metrics, environment: EnvironmentName) -> Self {
        Self {
            limiter,
            counted: Some((metrics, environment)),
        }
    }

    /// A gate that counts nothing: the command line's.
    pub fn uncounted(limiter: Arc<Limiter>) -> Self {
        Self { limiter, counted: None }
    }
}

#[async_trait]
impl Gate for Pace {
    async fn enter(&self) -> Result<Pass, Failure> {
        self.limiter.would_admit()?;
        let place = self.limiter.place().await;
        self.limiter.turn().await;
        self.limiter.admit()?;
        Ok(Pass::new(place))
    }

    fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        if attempt >= READ_TRIES || !failure.meaning.is_retryable() || self.limiter.would_admit().is_err() {
            return None;
        }
        if let Some((metrics, environment)) = &self.counted {
            metrics.api_retry(environment, failure.meaning.word());
        }
        let backoff = READ_BACKOFF.wait(attempt, fastrand::f64());
        let wish = failure.retry_after.map(|wish| wish.min(LONGEST_WISH));
        Some(wish.map_or(backoff, |wish| wish.max(backoff)))
    }

    fn note(&self, exchange: &Exchange<'_>) {
        self.limiter.note(exchange);
        if let Some((metrics, environment)) = &self.counted {
            metrics.api_request(environment, exchange);
        }
    }
}

#[cfg(test)]
mod tests {
    use driftless_core::report::Meaning;
    use tokio::time::Instant;

    use super::super::rate::RECOVERY;
    use super::*;
    use crate::platform::Fault;

    fn failure(meaning: Meaning, retry_after: Option<Duration>) -> Failure {
        Failure {
            meaning,
            message: String::new(),
            fields: Vec::new(),
            retry_after,
        }
    }

    fn answer(status: u16) -> Exchange<'static> {
        Exchange {
            method: "GET",
            route: "/x",
            status: Some(status),
            fault: None,
            elapsed: Duration::ZERO,
            attempt: 1,
            failure: None,
        }
    }

    fn broken(fault: Fault, failure: &Failure) -> Exchange<'_> {
        Exchange {
            status: None,
            fault: Some(fault),
            failure: Some(failure),
            ..answer(0)
        }
    }

    async fn spend(pace: &Pace, requests: usize) -> Duration {
        let began = Instant::now();
        for _ in 0..requests {
            drop(pace.enter().await);
        }
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_requests_keep_the_rate_after_the_first_burst() {
        let pace = Pace::uncounted(Limiter::new(16, 40.0));
        let elapsed = spend(&pace, 120).await;
        // 120 requests are three seconds' worth; half a second was saved up.
        assert!(elapsed >= Duration::from_millis(2_400), "{elapsed:?}");
        assert!(elapsed <= Duration::from_millis(2_700), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_configured_requests_are_under_way() {
        let pace = Pace::uncounted(Limiter::new(2, 1000.0));
        let (first, _second) = (pace.enter().await, pace.enter().await);
        let third = tokio::time::timeout(Duration::from_secs(60), pace.enter()).await;
        assert!(third.is_err());
        drop(first);
        let third = tokio::time::timeout(Duration::from_secs(60), pace.enter()).await;
        assert!(third.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_the_rate_once_and_time_brings_it_back() {
        let limiter = Limiter::new(16, 40.0);
        let pace = Pace::uncounted(limiter.clone());
        for _ in 0..10 {
            pace.note(&answer(429));
        }
        assert_eq!(limiter.per_second(), 20.0);
        let slow = spend(&pace, 40).await;
        assert!(slow >= Duration::from_millis(1_200), "{slow:?}");
        tokio::time::sleep(RECOVERY).await;
        let _ = pace.enter().await;
        assert_eq!(limiter.per_second(), 40.0);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_as_long_as_the_platform_asks() {
        let pace = Pace::uncounted(Limiter::new(16, 40.0));
        let wish = Some(Duration::from_secs(7));
        let refusal = failure(Meaning::RateLimited, wish);
        pace.note(&Exchange {
            failure: Some(&refusal),
            ..answer(429)
        });
        assert_eq!(pace.again(1, &refusal), Some(Duration::from_secs(7)));
        let elapsed = spend(&pace, 1).await;
        assert!(elapsed >= Duration::from_secs(7), "{elapsed:?}");
    }

    #[test]
    fn only_transient_failures_are_sent_again_and_only_four_times() {
        let pace = Pace::uncounted(Limiter::new(1, 1.0));
        assert!(pace.again(1, &failure(Meaning::Lost, None)).is_some());
        assert!(pace.again(3, &failure(Meaning::Unavailable, None)).is_some());
        assert!(pace.again(4, &failure(Meaning::Unavailable, None)).is_none());
        assert!(pace.again(1, &failure(Meaning::Forbidden, None)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_of_an_hour_is_cut() {
        let pace = Pace::uncounted(Limiter::new(1, 1.0));
        let wish = Some(Duration::from_secs(3600));
        assert_eq!(pace.again(1, &failure(Meaning::RateLimited, wish)), Some(LONGEST_WISH));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_told_to_wait_makes_everybody_wait() {
        let pace = Pace::uncounted(Limiter::new(16, 40.0));
        let refusal = failure(Meaning::Unavailable, Some(Duration::from_secs(9)));
        pace.note(&Exchange {
            method: "POST",
            failure: Some(&refusal),
            ..answer(503)
        });
        assert!(spend(&pace, 1).await >= Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_out_halves_the_rate_and_the_requests_under_way_and_time_brings_both_back() {
        for fault in [Fault::TimedOut, Fault::Broken] {
            let limiter = Limiter::new(8, 1000.0);
            let pace = Pace::uncounted(limiter.clone());
            let mut under_way = Vec::new();
            for _ in 0..8 {
                under_way.push(pace.enter().await);
            }
            let lost = failure(Meaning::Lost, None);
            pace.note(&broken(fault, &lost));
            assert_eq!(limiter.per_second(), 500.0);
            // Four of the eight that come back are not given out again.
            under_way.truncate(4);
            let waits = Duration::from_millis(1);
            assert!(tokio::time::timeout(waits, pace.enter()).await.is_err(), "{fault:?}");
            under_way.truncate(3);
            assert!(tokio::time::timeout(waits, pace.enter()).await.is_ok(), "{fault:?}");
            tokio::time::sleep(RECOVERY).await;
            for _ in 0..5 {
                under_way.push(
                    tokio::time::timeout(waits, pace.enter())
                        .await
                        .unwrap_or_else(|_| panic!("{fault:?}")),
                );
            }
            assert!(tokio::time::timeout(waits, pace.enter()).await.is_err());
            assert_eq!(limiter.per_second(), 1000.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_somebody_waits_for_is_withdrawn_too() {
        let pace = Pace::uncounted(Limiter::new(2, 1000.0));
        let (first, second) = (pace.enter().await, pace.enter().await);
        let third = tokio::spawn({
            let pace = pace.clone();
            async move { pace.enter().await.is_ok() }
        });
        tokio::task::yield_now().await;
        let lost = failure(Meaning::Lost, None);
        pace.note(&broken(Fault::TimedOut, &lost));
        drop(first);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!third.is_finished(), "one place is left, and it is taken");
        drop(second);
        assert!(third.await.is_ok_and(|entered| entered));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_connection_is_no_sign_of_too_much() {
        let limiter = Limiter::new(16, 40.0);
        let down = failure(Meaning::Unavailable, None);
        Pace::uncounted(limiter.clone()).note(&broken(Fault::Unreachable, &down));
        assert_eq!(limiter.per_second(), 40.0);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_breaker_is_open_requests_fail_at_once_and_are_not_tried_again() {
        let limiter = Limiter::of(LimiterOptions {
            name: "qualytics-prod".to_owned(),
            ..LimiterOptions::default()
        });
        let pace = Pace::uncounted(limiter.clone());
        let down = Failure {
            message: "GET /x: connection refused".to_owned(),
            ..failure(Meaning::Unavailable, None)
        };
        for _ in 0..7 {
            assert!(pace.enter().await.is_ok());
            pace.note(&broken(Fault::Unreachable, &down));
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        let before = Instant::now();
        let Err(refusal) = pace.enter().await else {
            panic!("it is open");
        };
        assert_eq!((refusal.meaning, before.elapsed()), (Meaning::NotSent, Duration::ZERO));
        assert!(
            refusal
                .message
                .contains("the circuit breaker of qualytics-prod has been open for 5s"),
            "{}",
            refusal.message
        );
        assert!(
            refusal
                .message
                .ends_with("the last failure was: GET /x: connection refused"),
            "{}",
            refusal.message
        );
        assert_eq!(pace.again(1, &refusal), None);
        assert_eq!(
            pace.again(1, &down),
            None,
            "what is on its way when it opens is not tried again either"
        );
        assert!(limiter.circuit().borrow().is_some());
        // An answer to a probe closes it.
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(pace.enter().await.is_ok());
        assert!(pace.enter().await.is_err(), "one probe");
        pace.note(&answer(404));
        assert!(pace.enter().await.is_ok());
        assert!(limiter.circuit().borrow().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn answers_of_500_and_more_count_as_none_and_any_other_as_one() {
        for (status, opens) in [
            (500, true),
            (502, true),
            (503, true),
            (499, false),
            (429, false),
            (401, false),
        ] {
            let limiter = Limiter::new(16, 40.0);
            let pace = Pace::uncounted(limiter.clone());
            for _ in 0..8 {
                pace.note(&answer(status));
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            assert_eq!(limiter.circuit().borrow().is_some(), opens, "{status}");
        }
    }
}
