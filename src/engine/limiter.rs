//! What a target may be asked, however many environments it has: how many requests at once, how many a second, and whether any.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driftless_core::report::{Failure, Meaning};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use super::breaker::{Breaker, Open, Trip};
use super::rate::{Rate, Shift};
use crate::platform::{Exchange, Fault};

/// Requests under way at once on one target, unless the config says otherwise. The vendor's ingress allows 250 connections
/// from one address; an instance has other users.
pub const CONCURRENCY: usize = 16;

/// Requests a second to one target, unless the config says otherwise: the vendor's ingress allows 50 from one address.
pub const PER_SECOND: f64 = 40.0;

/// What a platform's own wish to wait is cut down to: a longer one is the next pass's.
pub(super) const LONGEST_WISH: Duration = Duration::from_secs(60);

/// The status of a refusal for the rate's sake.
const TOO_MANY_REQUESTS: u16 = 429;

/// What a [`Limiter`] is made of.
#[derive(Clone, Debug)]
pub struct LimiterOptions {
    /// What messages call the instance: its name in the config.
    pub name: String,
    /// Requests at once, at least one.
    pub concurrency: usize,
    /// Requests a second, at least one.
    pub per_second: f64,
    /// When the breaker opens.
    pub trip: Trip,
}

impl Default for LimiterOptions {
    fn default() -> Self {
        Self {
            name: "the instance".to_owned(),
            concurrency: CONCURRENCY,
            per_second: PER_SECOND,
            trip: Trip::default(),
        }
    }
}

/// The limits of one target, and its circuit breaker.
#[derive(Debug)]
pub struct Limiter {
    name: String,
    concurrency: usize,
    places: Arc<Semaphore>,
    state: Mutex<State>,
    /// The breaker while it is open, for whoever follows it.
    circuit: watch::Sender<Option<Open>>,
}

#[derive(Debug)]
struct State {
    rate: Rate,
    breaker: Breaker,
    /// Places that are out of use while the rate is lowered.
    withdrawn: usize,
}

impl Limiter {
    /// A limiter for `concurrency` requests at once (at least one) and `per_second` requests a second (at least
    /// one; [`CONCURRENCY`] and [`PER_SECOND`] are meant where nothing is configured).
    pub fn new(concurrency: usize, per_second: f64) -> Arc<Self> {
        Self::of(LimiterOptions {
            concurrency,
            per_second,
            ..LimiterOptions::default()
        })
    }

    /// The limiter of a target.
    pub fn of(options: LimiterOptions) -> Arc<Self> {
        let concurrency = options.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            name: options.name,
            concurrency,
            places: Arc::new(Semaphore::new(concurrency)),
            state: Mutex::new(State {
                rate: Rate::new(options.per_second),
                breaker: Breaker::new(options.trip),
                withdrawn: 0,
            }),
            circuit: watch::Sender::new(None),
        })
    }

    /// The breaker while it is open, and every change of it.
    pub fn circuit(&self) -> watch::Receiver<Option<Open>> {
        self.circuit.subscribe()
    }

    /// How many requests a second are sent at most, now.
    pub fn per_second(&self) -> f64 {
        self.state().rate.per_second(Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many places are to be out of use.
    fn surplus(&self, state: &mut State) -> usize {
        let places = state.rate.places(self.concurrency, Instant::now());
        self.concurrency.saturating_sub(places)
    }

    /// Makes the places in use as many as the rate allows.
    fn adjust(&self, state: &mut State) {
        let wanted = self.surplus(state);
        if wanted > state.withdrawn {
            // Those under way are withdrawn when they come back.
            state.withdrawn += self.places.forget_permits(wanted - state.withdrawn);
        } else {
            self.places.add_permits(state.withdrawn - wanted);
            state.withdrawn = wanted;
        }
    }

    /// Waits for a place among the requests under way.
    pub(super) async fn place(self: &Arc<Self>) -> Place {
        self.adjust(&mut self.state());
        Place {
            // The semaphore is never closed; a pass without a place is what there would be to give if it were.
            permit: self.places.clone().acquire_owned().await.ok(),
            limiter: self.clone(),
        }
    }

    /// Waits for the rate.
    pub(super) async fn turn(&self) {
        let turn = {
            let mut state = self.state();
            let turn = state.rate.turn(Instant::now());
            self.tell(&mut state);
            turn
        };
        if !turn.is_zero() {
            tokio::time::sleep(turn).await;
        }
    }

    /// Takes note of how a request ended.
    pub(super) fn note(&self, exchange: &Exchange<'_>) {
        let now = Instant::now();
        let sent = now.checked_sub(exchange.elapsed).unwrap_or(now);
        let mut state = self.state();
        let is_too_much = match exchange.fault {
            Some(Fault::TimedOut | Fault::Broken) => true,
            Some(Fault::Unreachable) => false,
            None => exchange.status == Some(TOO_MANY_REQUESTS),
        };
        if is_too_much {
            state.rate.lower(sent, now);
            self.adjust(&mut state);
        }
        if let Some(wish) = exchange.failure.and_then(|failure| failure.retry_after) {
            state.rate.hold(now + wish.min(LONGEST_WISH));
        }
        match (exchange.fault, exchange.status) {
            (Some(_), _) | (None, Some(500..)) => {
                let why = exchange.failure.map_or("", |failure| failure.message.as_str());
                state.breaker.failed(sent, now, why, fastrand::f64());
            }
            (None, Some(_)) => state.breaker.answered(),
            // It failed on our side, before it was sent.
            (None, None) => {}
        }
        self.tell(&mut state);
    }

    /// Tells the log, and whoever follows the breaker, what has changed.
    fn tell(&self, state: &mut State) {
        let name = self.name.as_str();
        match state.rate.news() {
            Some(Shift::Lowered) => warn!(
                target.name = name,
                "{name} has more requests than it takes, or answers too late: it is asked less, and more again as it recovers"
            ),
            Some(Shift::Recovered) => info!(target.name = name, "{name} is asked at the full rate again"),
            None => {}
        }
        self.circuit.send_if_modified(|shown| {
            let open = state.breaker.open();
            if shown.as_ref() == open {
                return false;
            }
            match (shown.as_ref(), open) {
                (None, Some(open)) => warn!(
                    target.name = name,
                    "The circuit breaker of {name} is open: nothing is sent but a probe now and then, since nothing comes \
                     back; the last failure was: {}",
                    open.failure
                ),
                (Some(_), None) => info!(target.name = name, "The circuit breaker of {name} is closed: it answers again"),
                (Some(_), Some(_)) | (None, None) => {}
            }
            *shown = open.cloned();
            true
        });
    }

    /// Whether a request could be sent now.
    pub(super) fn would_admit(&self) -> Result<(), Failure> {
        let now = Instant::now();
        self.state()
            .breaker
            .would_admit(now)
            .map_err(|open| self.not_sent(open, now))
    }

    /// Lets a request through the breaker.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        let now = Instant::now();
        let mut state = self.state();
        let admitted = state.breaker.admit(now);
        self.tell(&mut state);
        admitted.map_err(|open| self.not_sent(&open, now))
    }

    fn not_sent(&self, open: &Open, now: Instant) -> Failure {
        let whole = |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
        Failure {
            meaning: Meaning::NotSent,
            message: format!(
                "not sent: the circuit breaker of {} has been open for {}; it is tried again in {}; the last failure was: {}",
                self.name,
                whole(now.saturating_duration_since(open.since)),
                whole(open.next.saturating_duration_since(now) + Duration::from_millis(999)),
                open.failure
            ),
            fields: Vec::new(),
            retry_after: None,
        }
    }
}

/// A place among the requests under way.
pub(super) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    limiter: Arc<Limiter>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        self.limiter.adjust(&mut state);
        let is_too_many = state.withdrawn < self.limiter.surplus(&mut state);
        match self.permit.take() {
            // Whoever waits would get it before it could be withdrawn.
            Some(permit) if is_too_many => {
                permit.forget();
                state.withdrawn += 1;
            }
            permit => drop(permit),
        }
    }
}
