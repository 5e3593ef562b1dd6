//! The circuit breaker of a target: an instance that has not answered for a while is given time, and asked only now and then
//! whether it is back. Plain state: it is told what happened and when.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;

/// When a breaker opens, and how often it lets a probe through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// Requests in a row without a whole answer, or with one of 500 and more, at least.
    pub failures: u32,
    /// For how long nothing else came back, at least: from the end of the first of them on. Requests that time out together
    /// tell of one moment, and are tried once more.
    pub lasting: Duration,
    /// Waits before the probes.
    pub wait: Backoff,
}

impl Default for Trip {
    fn default() -> Self {
        Self {
            failures: 5,
            // Longer than any step or read is tried in a pass: what an outage shorter than this ends, it ends without a breaker.
            lasting: Duration::from_secs(30),
            // A target that is back is asked again within a minute.
            wait: Backoff {
                first: Duration::from_secs(15),
                longest: Duration::from_secs(60),
            },
        }
    }
}

/// A breaker that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// When it opened.
    pub since: Instant,
    /// When the next probe is let through; while one is under way, when it is given up.
    pub next: Instant,
    /// The last failure, in words.
    pub failure: String,
}

/// A breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    trip: Trip,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Requests go through. How many failed in a row, and when the first of them ended.
    Closed { failed: u32, first: Option<Instant> },
    /// None goes through; so many probes have failed.
    Open { open: Open, probes: u32 },
    /// One goes through, since `began`.
    Probing { open: Open, probes: u32, began: Instant },
}

impl Breaker {
    pub(super) fn new(trip: Trip) -> Self {
        Self {
            trip,
            state: State::CLOSED,
        }
    }

    /// What there is to show while it is open.
    pub(super) fn open(&self) -> Option<&Open> {
        match &self.state {
            State::Closed { .. } => None,
            State::Open { open, .. } | State::Probing { open, .. } => Some(open),
        }
    }

    /// Whether a request would be let through.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn would_admit(&self, now: Instant) -> Result<(), &Open> {
        match self.open() {
            Some(open) if now < open.next => Err(open),
            Some(_) | None => Ok(()),
        }
    }

    /// Lets a request through; once the wait is over, one, as a probe.
    ///
    /// # Errors
    /// Why it is not to be sent.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Open> {
        self.would_admit(now).map_err(Clone::clone)?;
        // A probe that is never heard of again has had its time, too.
        if let State::Open { open, probes } | State::Probing { open, probes, .. } = &self.state {
            self.state = State::Probing {
                open: Open {
                    next: now + self.trip.wait.longest,
                    ..open.clone()
                },
                probes: *probes,
                began: now,
            };
        }
        Ok(())
    }

    /// An answer came back: whatever it says, the instance is there.
    pub(super) fn answered(&mut self) {
        self.state = State::CLOSED;
    }

    /// A request that was sent at `sent` came to nothing. `random` is between 0 and 1.
    pub(super) fn failed(&mut self, sent: Instant, now: Instant, failure: &str, random: f64) {
        match &mut self.state {
            State::Closed { failed, first } => {
                *failed = failed.saturating_add(1);
                let lasted = now.saturating_duration_since(*first.get_or_insert(now));
                if *failed >= self.trip.failures && lasted >= self.trip.lasting {
                    self.reopen(now, now, failure, 0, random);
                }
            }
            State::Probing { open, probes, began } if sent >= *began => {
                let (since, probes) = (open.since, probes.saturating_add(1));
                self.reopen(since, now, failure, probes, random);
            }
            // It was sent before the breaker opened, or before the probe.
            State::Open { open, .. } | State::Probing { open, .. } => failure.clone_into(&mut open.failure),
        }
    }

    fn reopen(&mut self, since: Instant, now: Instant, failure: &str, probes: u32, random: f64) {
        let open = Open {
            since,
            next: now + self.trip.wait.wait(probes.saturating_add(1), random),
            failure: failure.to_owned(),
        };
        self.state = State::Open { open, probes };
    }
}

impl State {
    const CLOSED: Self = State::Closed { failed: 0, first: None };
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tripped(start: Instant) -> Breaker {
        let mut breaker = Breaker::new(Trip::default());
        for number in 0..8 {
            let now = start + SECOND * number * 5;
            breaker.failed(now, now, &format!("failure {number}"), 0.5);
        }
        breaker
    }

    #[test]
    fn many_failures_at_once_and_few_over_a_long_time_open_nothing() {
        let start = Instant::now();
        let mut breaker = Breaker::new(Trip::default());
        for _ in 0..100 {
            breaker.failed(start, start + 2 * SECOND, "", 0.5);
        }
        assert_eq!(breaker.open(), None);
        let mut breaker = Breaker::new(Trip::default());
        for number in 0..4 {
            let now = start + 600 * SECOND * number;
            breaker.failed(now, now, "", 0.5);
        }
        assert_eq!(breaker.open(), None);
    }

    #[test]
    fn requests_that_time_out_together_are_tried_once_more_before_it_opens() {
        let (start, minute) = (Instant::now(), 60 * SECOND);
        let mut breaker = Breaker::new(Trip::default());
        for _ in 0..16 {
            breaker.failed(start, start + minute, "", 0.5);
        }
        assert_eq!(breaker.open(), None);
        breaker.failed(start + minute, start + 2 * minute, "", 0.5);
        assert!(breaker.open().is_some());
    }

    #[test]
    fn one_answer_among_failures_begins_the_count_anew() {
        let start = Instant::now();
        let mut breaker = Breaker::new(Trip::default());
        for number in 0..60 {
            let now = start + 10 * SECOND * number;
            breaker.failed(now, now, "", 0.5);
            if number % 3 == 0 {
                breaker.answered();
            }
        }
        assert_eq!(breaker.open(), None);
    }

    #[test]
    fn it_opens_says_why_and_lets_one_probe_through_when_its_time_has_come() {
        let start = Instant::now();
        let mut breaker = tripped(start);
        let open = breaker.open().unwrap().clone();
        assert_eq!(open.since, start + 30 * SECOND);
        assert_eq!(open.next, start + 45 * SECOND);
        assert_eq!(open.failure, "failure 7");
        assert!(breaker.admit(open.next - SECOND).is_err());
        assert!(breaker.would_admit(open.next).is_ok());
        assert!(breaker.admit(open.next).is_ok(), "the probe");
        assert!(breaker.admit(open.next + SECOND).is_err(), "there is one already");
        breaker.answered();
        assert!(breaker.admit(open.next + SECOND).is_ok());
        assert_eq!(breaker.open(), None);
    }

    #[test]
    fn a_request_from_before_the_probe_does_not_decide_for_it() {
        let start = Instant::now();
        let mut breaker = tripped(start);
        let probe = breaker.open().unwrap().next;
        breaker.admit(probe).unwrap();
        breaker.failed(probe - 20 * SECOND, probe + SECOND, "late", 0.5);
        assert_eq!(
            breaker.open().unwrap().next,
            probe + 60 * SECOND,
            "the probe is under way"
        );
        breaker.failed(probe, probe + 2 * SECOND, "still down", 0.5);
        let open = breaker.open().unwrap();
        assert_eq!(open.next, probe + 32 * SECOND);
        assert_eq!((open.since, open.failure.as_str()), (start + 30 * SECOND, "still down"));
    }

    #[test]
    fn a_probe_that_is_never_heard_of_again_is_followed_by_another() {
        let mut breaker = tripped(Instant::now());
        let probe = breaker.open().unwrap().next;
        breaker.admit(probe).unwrap();
        assert!(breaker.admit(probe + 59 * SECOND).is_err());
        assert!(breaker.admit(probe + 60 * SECOND).is_ok());
    }

    proptest! {
        /// However long an instance was away: once it answers, a request gets through within a minute, and the one that does
        /// closes the breaker.
        #[test]
        fn a_target_that_is_back_is_asked_again_within_a_minute(
            waits in prop::collection::vec((0..120_000u64, 0.0..1.0f64), 1..200),
        ) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new(Trip::default());
            for (wait, random) in waits {
                now += Duration::from_millis(wait);
                if breaker.admit(now).is_ok() {
                    breaker.failed(now, now, "down", random);
                }
                if let Some(open) = breaker.open() {
                    prop_assert!(open.next <= now + 60 * SECOND);
                    prop_assert!(open.since <= now);
                }
            }
            prop_assert!(breaker.admit(now + 60 * SECOND).is_ok());
            breaker.answered();
            prop_assert!(breaker.open().is_none());
        }

        /// An outage shorter than thirty seconds never opens it, however many requests it costs.
        #[test]
        fn a_short_outage_never_opens_it(failures in prop::collection::vec(0..29_999u64, 0..300)) {
            let start = Instant::now();
            let mut breaker = Breaker::new(Trip::default());
            for at in failures {
                let sent = start + Duration::from_millis(at);
                breaker.failed(sent, sent, "", 0.5);
            }
            prop_assert!(breaker.open().is_none());
        }
    }
}
