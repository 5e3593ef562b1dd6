//! Waiting: how an orchestration sleeps, is cut short, and tries again what changes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driftless_core::report::{Failure, Meaning};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::options::Options;
use super::outcome::Reason;

/// Why an orchestration goes no further.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// The process ends: the next one goes on.
    Stopped,
    /// The commit is not the head any more.
    Superseded,
    /// It is over, and this is what there is to say.
    Over(Reason, String),
}

/// What cuts waits short, and how long they are.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    pub(super) options: Options,
    /// The process is asked to end.
    pub(super) stop: CancellationToken,
    /// There is a newer head.
    pub(super) superseded: CancellationToken,
    /// What is asked for and has not been answered well.
    trouble: Arc<Mutex<Option<String>>>,
}

impl Waits {
    pub(super) fn new(options: Options, stop: CancellationToken, superseded: CancellationToken) -> Self {
        Self {
            options,
            stop,
            superseded,
            trouble: Arc::default(),
        }
    }

    /// What is asked for and has not been answered well: "cannot", and why as far as that is known.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Whether something cuts the orchestration short.
    pub(super) fn assert_wanted(&self) -> Result<(), End> {
        if self.superseded.is_cancelled() {
            return Err(End::Superseded);
        }
        match self.stop.is_cancelled() {
            true => Err(End::Stopped),
            false => Ok(()),
        }
    }

    /// Sleeps.
    pub(super) async fn pause(&self, length: Duration) -> Result<(), End> {
        self.assert_wanted()?;
        tokio::select! {
            () = self.superseded.cancelled() => Err(End::Superseded),
            () = self.stop.cancelled() => Err(End::Stopped),
            () = sleep(length) => Ok(()),
        }
    }

    /// Sleeps before look number `attempt` (from 1), but not beyond `until`.
    pub(super) async fn pause_before_look(&self, attempt: u32, until: Instant) -> Result<(), End> {
        let wait = self.options.poll.wait(attempt, fastrand::f64());
        self.pause(wait.min(until.saturating_duration_since(Instant::now())))
            .await
    }

    /// How long to wait after failure number `attempt` (from 1).
    pub(super) fn after(&self, failure: &Failure, attempt: u32) -> Duration {
        let own = self.options.retry.wait(attempt, fastrand::f64());
        failure.retry_after.map_or(own, |asked| asked.max(own))
    }

    /// Asks for something that changes nothing, again and again while it may still come right. `doing` goes on after "cannot".
    pub(super) async fn read<T, F>(&self, doing: &str, call: impl Fn() -> F + Send + Sync) -> Result<T, End>
    where
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let failure = match self.tried(doing, self.options.tries, call).await? {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        Err(End::Over(
            Reason::Request(failure.meaning),
            format!("cannot {doing}: {}", failure.message),
        ))
    }

    /// As [`Waits::read`], and hands the last failure out.
    pub(super) async fn tried<T, F>(
        &self,
        doing: &str,
        tries: u32,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<Result<T, Failure>, End>
    where
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let mut attempt = 1;
        loop {
            self.assert_wanted()?;
            if attempt == 1 {
                self.note(Some(format!("cannot {doing}: there is no answer")));
            }
            match call().await {
                Err(failure) if failure.meaning.is_transient() && attempt < tries => {
                    self.note(Some(format!("cannot {doing}: {}", failure.message)));
                    debug!(
                        attempt,
                        meaning = failure.meaning.word(),
                        "cannot {doing} now: {}",
                        failure.message
                    );
                    self.pause(self.after(&failure, attempt)).await?;
                    attempt += 1;
                }
                result => {
                    self.note(None);
                    return Ok(result);
                }
            }
        }
    }
}

/// What a request that failed has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing, and it may be sent again.
    NoneYet,
    /// Nothing, and it would do nothing again.
    Refused,
    /// Nobody knows: look before anything else.
    Unknown,
}

impl Effect {
    /// What a failure of that meaning says of a request that is not to be repeated blindly. A conflict may be with the very
    /// request before it whose answer was lost.
    pub(super) fn of(meaning: Meaning) -> Self {
        match meaning {
            Meaning::RateLimited | Meaning::NotSent => Effect::NoneYet,
            Meaning::Lost | Meaning::Unavailable | Meaning::Broken | Meaning::Conflict => Effect::Unknown,
            Meaning::Unauthorized | Meaning::Forbidden | Meaning::NotFound | Meaning::Invalid => Effect::Refused,
        }
    }
}
