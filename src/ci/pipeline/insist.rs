//! The last word on a commit, said once more where the forge did not take it.

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Orchestration, Ports, Request, put, record};
use crate::ci::last_word::{LastWord, Said};
use crate::ci::waits::{End, Waits};
use crate::store::StoreError;

/// What became of a last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ci) enum Insisted {
    /// There is nothing more to say.
    Done,
    /// The forge did not take it; it may yet.
    NotYet,
    /// The forge did not take it in all the time that it was tried.
    GivenUp,
    /// The process ends: the next one says it.
    Stopped,
}

/// Says the last word on a head commit if it is not said; nothing is asked of the platform.
///
/// # Errors
/// When the store cannot be read or written.
pub(in crate::ci) async fn insist(
    ports: &Ports,
    request: &Request,
    stop: &CancellationToken,
    superseded: &CancellationToken,
) -> Result<Insisted, StoreError> {
    let record = record(ports, request).await?;
    let Some(word) = record.state.last.clone().filter(|word| word.said == Said::NotYet) else {
        return Ok(Insisted::Done);
    };
    let waits = Waits::new(ports.options, stop.clone(), superseded.clone());
    let mut orchestration = Orchestration::new(ports, request, record, waits, None);
    orchestration.voice.over = Instant::now() + ports.options.last;
    orchestration.say_again(word).await
}

impl Orchestration<'_> {
    async fn say_again(&mut self, mut word: LastWord) -> Result<Insisted, StoreError> {
        let (now, sha) = (self.ports.clock.now(), self.record.key.sha.clone());
        let config = self.config().name.clone();
        let is_heard = match self.heard(&word).await {
            Err(End::Stopped) => return Ok(Insisted::Stopped),
            // When it is the head again, there is still something to say.
            Err(End::Superseded | End::Over(..)) => None,
            Ok(()) => Some(self.voice.unsaid.is_empty()),
        };
        let tried = (now - word.ended).to_std().unwrap_or_default();
        let (message, became) = match is_heard {
            Some(true) => {
                info!(config, sha, "the last word is said: {}", word.description);
                word.said = Said::Whole;
                (word.description.clone(), Insisted::Done)
            }
            Some(false) if tried < self.ports.options.unheard => (unheard(&word, &self.voice.unsaid), Insisted::NotYet),
            Some(false) => {
                let why = self.voice.unsaid.join("; ");
                error!(
                    config,
                    sha,
                    "the forge did not take the last word, and it is left unsaid (the next delivery has it said, also one that is sent again): {why}"
                );
                self.ports.metrics.unsaid(&config);
                (
                    format!("{} Never said at the forge: {why}", word.description),
                    Insisted::GivenUp,
                )
            }
            None => (word.description.clone(), Insisted::Done),
        };
        let mut row = self.record.last_row(&word, &message, now);
        if became != Insisted::NotYet {
            row.finished = Some(word.ended);
        }
        self.record.state.last = Some(word);
        row.state = self.record.row("", now).state;
        put(self.ports, row).await?;
        Ok(became)
    }

    async fn heard(&mut self, word: &LastWord) -> Result<(), End> {
        if let Ok(is_head) = timeout(self.ports.options.last / 2, self.assert_head()).await {
            is_head?;
        }
        self.voice.conclude(&self.waits, word).await
    }
}

/// What there is to say to those who ask the daemon while the forge does not know.
pub(super) fn unheard(word: &LastWord, why: &[String]) -> String {
    format!("{} Not said at the forge yet: {}", word.description, why.join("; "))
}
