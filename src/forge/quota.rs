//! How long a forge wants to be left alone: until then nothing is sent to it, whoever asks. GitHub shuts out those who go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::report::{Failure, Meaning};
use tokio::time::Instant;

use super::client::failure;
use crate::platform::{Exchange, Gate, Pass};

/// How long it is where the forge does not say (docs.github.com/en/rest, `using-the-rest-api/rate-limits-for-the-rest-api`).
const UNSAID: Duration = Duration::from_secs(60);

/// A gate that is shut while the forge wants to be left alone.
pub(super) struct Quota {
    gate: Arc<dyn Gate>,
    until: Mutex<Option<Instant>>,
}

impl Quota {
    pub(super) fn new(gate: Arc<dyn Gate>) -> Self {
        Self {
            gate,
            until: Mutex::new(None),
        }
    }

    fn left(&self) -> Option<Duration> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

#[async_trait]
impl Gate for Quota {
    async fn enter(&self) -> Result<Pass, Failure> {
        let pass = self.gate.enter().await?;
        match self.left() {
            None => Ok(pass),
            Some(left) => Err(Failure {
                retry_after: Some(left),
                ..failure(
                    Meaning::NotSent,
                    format!(
                        "not sent: the forge has had too many requests, and takes none for {} s more",
                        left.as_secs() + 1
                    ),
                )
            }),
        }
    }

    fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        let wait = self.gate.again(attempt, failure)?;
        // Who would come too early gives up instead; how long it is to wait stands in the failure.
        self.left().is_none_or(|left| left <= wait).then_some(wait)
    }

    fn note(&self, exchange: &Exchange<'_>) {
        if let Some(refused) = exchange
            .failure
            .filter(|refused| refused.meaning == Meaning::RateLimited)
        {
            let asked = Instant::now().checked_add(refused.retry_after.unwrap_or(UNSAID));
            let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
            *until = asked.max(*until);
        }
        self.gate.note(exchange);
    }
}
