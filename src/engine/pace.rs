//! The gate of a target: how many requests at once, how many a second, and whether a read that failed is sent again.
//!
//! One [`Limiter`] a target, however many environments it has; one [`Pace`] an environment, so that requests are counted
//! where they belong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::EnvironmentName;
use driftless_core::report::Failure;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::metrics::Metrics;
use crate::platform::{Exchange, Gate, Pass};

/// Requests under way at once on one target, unless the config says otherwise. The vendor's ingress allows 250 connections
/// from one address; an instance has other users.
pub const CONCURRENCY: usize = 16;

/// Requests a second to one target, unless the config says otherwise: the vendor's ingress allows 50 from one address.
pub const PER_SECOND: f64 = 40.0;

/// How often a read is sent before its failure counts.
const READ_TRIES: u32 = 4;

/// Waits between the tries of a read.
const READ_BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(8),
};

/// What a platform's own wish to wait is cut down to: a longer one is the next pass's.
const LONGEST_WISH: Duration = Duration::from_secs(60);

/// How much may be sent at once after a pause, as a time at the full rate. The ingress allows a burst of five seconds' worth;
/// half a second fills every place under way without spending what others may need.
const BURST: Duration = Duration::from_millis(500);

/// The slowest that refusals make us, in requests a second: one must get through to learn that it goes again.
const SLOWEST: f64 = 1.0;

/// Requests refused within this time of each other were sent before the first refusal arrived: they halve the rate once.
const ONE_REFUSAL: Duration = Duration::from_secs(1);

/// How long it takes to come back from standing still to the full rate.
const RECOVERY: Duration = Duration::from_secs(30);

/// The limits of one target.
#[derive(Debug)]
pub struct Limiter {
    places: Arc<Semaphore>,
    rate: Mutex<Rate>,
}

impl Limiter {
    /// A limiter for `concurrency` requests at once (at least one) and `per_second` requests a second (at least
    /// one; [`CONCURRENCY`] and [`PER_SECOND`] are meant where nothing is configured).
    pub fn new(concurrency: usize, per_second: f64) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS))),
            rate: Mutex::new(Rate {
                full: per_second.max(SLOWEST),
                current: per_second.max(SLOWEST),
                changed: None,
                refused: None,
                next: None,
            }),
        })
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token bucket, kept as the time at which the next request may be sent if none had been saved up.
#[derive(Debug)]
struct Rate {
    full: f64,
    current: f64,
    changed: Option<Instant>,
    refused: Option<Instant>,
    next: Option<Instant>,
}

impl Rate {
    /// Takes the next turn: how long after `now` it is.
    fn turn(&mut self, now: Instant) -> Duration {
        self.recover(now);
        let saved_up = now.checked_sub(BURST).unwrap_or(now);
        let turn = self.next.map_or(saved_up, |next| next.max(saved_up));
        self.next = Some(turn + Duration::from_secs_f64(1.0 / self.current));
        turn.saturating_duration_since(now)
    }

    fn recover(&mut self, now: Instant) {
        if let Some(changed) = self.changed {
            let share = now.saturating_duration_since(changed).as_secs_f64() / RECOVERY.as_secs_f64();
            self.current = (self.current + self.full * share).min(self.full);
            self.changed = (self.current < self.full).then_some(now);
        }
    }

    fn refuse(&mut self, now: Instant) {
        if self
            .refused
            .is_some_and(|last| now.saturating_duration_since(last) < ONE_REFUSAL)
        {
            return;
        }
        self.recover(now);
        self.current = (self.current / 2.0).max(SLOWEST);
        self.changed = Some(now);
        self.refused = Some(now);
        // What was saved up is spent: the platform has just said that it is too much.
        self.next = Some(self.next.map_or(now, |next| next.max(now)));
    }

    fn hold(&mut self, until: Instant) {
        self.next = Some(self.next.map_or(until, |next| next.max(until)));
    }
}

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
    async fn enter(&self) -> Pass {
        // The semaphore is never closed; a pass without a place is what there would be to give if it were.
        let place = self.limiter.places.clone().acquire_owned().await.ok();
        let turn = self.limiter.rate().turn(Instant::now());
        if !turn.is_zero() {
            tokio::time::sleep(turn).await;
        }
        Pass::new(place)
    }

    fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        let wish = failure.retry_after.map(|wish| wish.min(LONGEST_WISH));
        if let Some(wish) = wish {
            self.limiter.rate().hold(Instant::now() + wish);
        }
        if attempt >= READ_TRIES || !failure.meaning.is_transient() {
            return None;
        }
        if let Some((metrics, environment)) = &self.counted {
            metrics.api_retry(environment, failure.meaning.word());
        }
        let backoff = READ_BACKOFF.wait(attempt, fastrand::f64());
        Some(wish.map_or(backoff, |wish| wish.max(backoff)))
    }

    fn note(&self, exchange: &Exchange) {
        if exchange.status == Some(TOO_MANY_REQUESTS) {
            self.limiter.rate().refuse(Instant::now());
        }
        if let Some((metrics, environment)) = &self.counted {
            metrics.api_request(environment, exchange);
        }
    }
}

const TOO_MANY_REQUESTS: u16 = 429;

#[cfg(test)]
mod tests {
    use driftless_core::report::Meaning;

    use super::*;

    fn failure(meaning: Meaning, retry_after: Option<Duration>) -> Failure {
        Failure {
            meaning,
            message: String::new(),
            fields: Vec::new(),
            retry_after,
        }
    }

    fn answer(status: u16) -> Exchange {
        Exchange {
            method: "GET",
            route: "/x",
            status: Some(status),
            elapsed: Duration::ZERO,
            attempt: 1,
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
        assert_eq!(limiter.rate().current, 20.0);
        let slow = spend(&pace, 40).await;
        assert!(slow >= Duration::from_millis(1_200), "{slow:?}");
        tokio::time::sleep(RECOVERY).await;
        let _ = pace.enter().await;
        assert_eq!(limiter.rate().current, 40.0);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_as_long_as_the_platform_asks() {
        let pace = Pace::uncounted(Limiter::new(16, 40.0));
        let wish = Some(Duration::from_secs(7));
        let again = pace.again(1, &failure(Meaning::RateLimited, wish));
        assert_eq!(again, Some(Duration::from_secs(7)));
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
}
