//! How many requests a second, and how many at once, an instance is asked: a token bucket that gives way when the instance shows
//! that it is too much, and comes back with time. Plain state: it is told what happened and when.

use std::time::Duration;

use tokio::time::Instant;

/// How much may be sent at once after a pause, as a time at the full rate. The ingress allows a burst of five seconds' worth;
/// half a second fills every place under way without spending what others may need.
pub(super) const BURST: Duration = Duration::from_millis(500);

/// The slowest that trouble makes us, in requests a second: one must get through to learn that it goes again.
pub(super) const SLOWEST: f64 = 1.0;

/// Requests refused within this time of each other were sent before the first refusal arrived: they halve the rate once.
const ONE_REFUSAL: Duration = Duration::from_secs(1);

/// How long it takes to come back from standing still to the full rate.
pub(super) const RECOVERY: Duration = Duration::from_secs(30);

/// A token bucket, kept as the time at which the next request may be sent if none had been saved up.
#[derive(Debug)]
pub(super) struct Rate {
    full: f64,
    current: f64,
    changed: Option<Instant>,
    lowered: Option<Instant>,
    next: Option<Instant>,
    /// Whether the last [`Shift`] that was handed out was [`Shift::Lowered`].
    told: bool,
}

/// A change of the rate that is worth a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    /// It is below the full rate.
    Lowered,
    /// It is the full rate again.
    Recovered,
}

impl Rate {
    /// A rate of at most `full` requests a second; of [`SLOWEST`] if that is more.
    pub(super) fn new(full: f64) -> Self {
        Self {
            full: full.max(SLOWEST),
            current: full.max(SLOWEST),
            changed: None,
            lowered: None,
            next: None,
            told: false,
        }
    }

    /// Takes the next turn: how long after `now` it is.
    pub(super) fn turn(&mut self, now: Instant) -> Duration {
        self.recover(now);
        let saved_up = now.checked_sub(BURST).unwrap_or(now);
        let turn = self.next.map_or(saved_up, |next| next.max(saved_up));
        self.next = Some(turn + Duration::from_secs_f64(1.0 / self.current));
        turn.saturating_duration_since(now)
    }

    /// A request that was sent at `sent` showed that it is too much: the rate is halved, once for all that were sent before
    /// it was.
    pub(super) fn lower(&mut self, sent: Instant, now: Instant) {
        let known = |last: Instant| sent <= last || now.saturating_duration_since(last) < ONE_REFUSAL;
        if self.lowered.is_some_and(known) {
            return;
        }
        self.recover(now);
        self.current = (self.current / 2.0).max(SLOWEST);
        self.changed = Some(now);
        self.lowered = Some(now);
        // What was saved up is spent: the platform has just said that it is too much.
        self.next = Some(self.next.map_or(now, |next| next.max(now)));
    }

    /// Nothing is sent before `until`.
    pub(super) fn hold(&mut self, until: Instant) {
        self.next = Some(self.next.map_or(until, |next| next.max(until)));
    }

    /// Requests a second, now.
    pub(super) fn per_second(&mut self, now: Instant) -> f64 {
        self.recover(now);
        self.current
    }

    /// How many of `places` requests may be under way at once, now: the same share as of the rate, and one at least. An
    /// instance that answers too late is asked no less by a lower rate alone.
    pub(super) fn places(&mut self, places: usize, now: Instant) -> usize {
        self.recover(now);
        let share = places as f64 * self.current / self.full;
        // A share is between 0 and `places`, so the cast cuts off nothing but the fraction.
        (share.ceil() as usize).clamp(1, places.max(1))
    }

    /// What has become of the rate since this was asked last.
    pub(super) fn news(&mut self) -> Option<Shift> {
        let is_low = self.current < self.full;
        if is_low == self.told {
            return None;
        }
        self.told = is_low;
        Some(match is_low {
            true => Shift::Lowered,
            false => Shift::Recovered,
        })
    }

    fn recover(&mut self, now: Instant) {
        if let Some(changed) = self.changed {
            let share = now.saturating_duration_since(changed).as_secs_f64() / RECOVERY.as_secs_f64();
            self.current = (self.current + self.full * share).min(self.full);
            self.changed = (self.current < self.full).then_some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens to a rate.
    #[derive(Clone, Debug)]
    enum Event {
        /// Time goes by, in milliseconds.
        Wait(u64),
        /// So many requests ask for their turn.
        Ask(u8),
        /// A request that was sent so many milliseconds ago showed that it is too much.
        Trouble(u64),
        /// The platform asks for a pause, in milliseconds.
        Hold(u64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..20_000u64).prop_map(Event::Wait),
            (1..60u8).prop_map(Event::Ask),
            (0..90_000u64).prop_map(Event::Trouble),
            (0..60_000u64).prop_map(Event::Hold),
        ]
    }

    /// Far enough from the beginning of the clock that a request can have been sent before.
    fn start() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    proptest! {
        #[test]
        fn a_rate_stays_between_the_slowest_and_the_full_one_and_never_sends_more_than_it(
            full in 0.5..200.0f64, places in 1..64usize, events in prop::collection::vec(event(), 1..80),
        ) {
            let (mut rate, mut now) = (Rate::new(full), start());
            let full = full.max(SLOWEST);
            let mut held = now;
            let mut turns: Vec<Instant> = Vec::new();
            for event in events {
                match event {
                    Event::Wait(time) => now += Duration::from_millis(time),
                    Event::Ask(count) => for _ in 0..count {
                        let turn = now + rate.turn(now);
                        prop_assert!(turn >= held, "sent before the pause is over");
                        turns.push(turn);
                    },
                    Event::Trouble(ago) => rate.lower(now - Duration::from_millis(ago), now),
                    Event::Hold(time) => {
                        rate.hold(now + Duration::from_millis(time));
                        held = held.max(now + Duration::from_millis(time));
                    }
                }
                let current = rate.per_second(now);
                prop_assert!((SLOWEST..=full).contains(&current), "{current} of {full}");
                prop_assert!((1..=places).contains(&rate.places(places, now)));
            }
            for (index, first) in turns.iter().enumerate().step_by(7) {
                let within = turns.iter().skip(index).filter(|turn| **turn <= *first + Duration::from_secs(5)).count();
                let most = full * (5.0 + BURST.as_secs_f64()) + 2.0;
                prop_assert!(within as f64 <= most, "{within} in five seconds at {full} a second");
            }
        }

        #[test]
        fn trouble_lowers_a_full_rate_and_time_alone_brings_it_back(
            full in 2.0..200.0f64, places in 1..64usize, troubles in prop::collection::vec(0..120_000u64, 1..12),
        ) {
            let (mut rate, mut now) = (Rate::new(full), start());
            for (index, wait) in troubles.into_iter().enumerate() {
                rate.lower(now, now);
                let news = rate.news();
                prop_assert!(rate.per_second(now) < rate.full);
                prop_assert!(index > 0 || news == Some(Shift::Lowered));
                now += Duration::from_millis(wait);
            }
            now += RECOVERY;
            prop_assert_eq!(rate.per_second(now), full);
            prop_assert_eq!(rate.places(places, now), places);
            prop_assert_eq!(rate.news(), Some(Shift::Recovered));
            prop_assert_eq!(rate.news(), None);
        }
    }

    #[test]
    fn what_was_sent_before_the_rate_was_lowered_does_not_lower_it_again() {
        let (mut rate, start) = (Rate::new(40.0), start());
        // Sixteen requests are sent over a minute and time out one after the other.
        for number in 0..16 {
            let sent = start + Duration::from_secs(number * 4);
            rate.lower(sent, sent + Duration::from_secs(60));
            assert!(rate.per_second(sent + Duration::from_secs(60)) >= 20.0);
        }
        let next = start + Duration::from_secs(121);
        let before = rate.per_second(next);
        rate.lower(next, next);
        assert_eq!(rate.per_second(next), before / 2.0);
    }
}
