//! What ends a pass between two of its steps: the end of the process, or a suspension of its environment.

use driftless_core::report::SkipReason;
use tokio_util::sync::CancellationToken;

/// The brake of one pass. Clones are the same brake.
#[derive(Clone, Debug)]
pub struct Brake {
    process: CancellationToken,
    /// A child of `process`: cancelled with it, or alone.
    either: CancellationToken,
}

impl Brake {
    /// A brake that the end of the process pulls too.
    pub fn of(process: &CancellationToken) -> Self {
        Self {
            process: process.clone(),
            either: process.child_token(),
        }
    }

    /// Ends the pass: the steps in hand end, no other starts.
    pub fn pull(&self) {
        self.either.cancel();
    }

    /// Whether no other step starts.
    pub(super) fn is_pulled(&self) -> bool {
        self.either.is_cancelled()
    }

    /// Returns once no other step starts.
    pub(super) async fn pulled(&self) {
        self.either.cancelled().await;
    }

    /// Returns once the process is to end.
    pub(super) async fn process_stops(&self) {
        self.process.cancelled().await;
    }

    /// Why steps that never started did not.
    pub(super) fn reason(&self) -> SkipReason {
        if self.process.is_cancelled() {
            SkipReason::Stopping
        } else {
            SkipReason::Suspended
        }
    }
}

impl From<&CancellationToken> for Brake {
    fn from(process: &CancellationToken) -> Self {
        Self::of(process)
    }
}
