//! What is said on the forge while an orchestration goes on, and at its end.

use std::sync::Arc;

use driftless_core::report::Failure;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use crate::ci::last_word::LastWord;
use crate::ci::outcome::StatusEnd;
use crate::ci::report::{LONGEST_DESCRIPTION, shortened, status_context};
use crate::ci::waits::{End, Waits};
use crate::forge::{CommitState, CommitStatus, Forge, Repository};
use crate::platform::data_diffs::PullRequestNumber;

/// Says how one commit is doing.
pub(super) struct Voice {
    pub(super) forge: Option<Arc<dyn Forge>>,
    pub(super) repository: Repository,
    pub(super) number: PullRequestNumber,
    pub(super) sha: String,
    /// The CI configuration's name.
    pub(super) config: String,
    /// What our comment is known by among others.
    pub(super) marker: String,
    /// When whatever is not said by then is left unsaid.
    pub(super) over: Instant,
    /// What was said last.
    pub(super) said: Option<CommitStatus>,
    /// What could not be said at the end.
    pub(super) unsaid: Vec<String>,
    /// Whether the commit's status is what it came to.
    pub(super) status: StatusEnd,
}

impl Voice {
    /// Says how far it is, unless that is what was said last. What does not come through is not worth a wait.
    pub(super) async fn mention(&mut self, state: CommitState, description: &str) {
        let status = self.status(state, description, None);
        let Some(forge) = self.forge.clone().filter(|_| self.said.as_ref() != Some(&status)) else {
            return;
        };
        let said = forge.set_status(&self.repository, self.number, &self.sha, &status);
        match said.await {
            Ok(()) => self.said = Some(status),
            Err(failure) => debug!(
                config = self.config,
                sha = self.sha,
                "cannot set a commit status for now: {}",
                failure.message
            ),
        }
    }

    /// Says how it ended, and what was found; tries for as long as the options let it.
    pub(super) async fn conclude(&mut self, waits: &Waits, word: &LastWord) -> Result<(), End> {
        self.set(waits, self.status(word.state, &word.description, word.page.clone()))
            .await?;
        match &word.comment {
            Some(comment) => self.comment(waits, comment).await,
            None => Ok(()),
        }
    }

    async fn set(&mut self, waits: &Waits, status: CommitStatus) -> Result<(), End> {
        let Some(forge) = self.forge.clone() else {
            return Ok(());
        };
        let (repository, number, sha) = (&self.repository, self.number, &self.sha);
        let set = || forge.set_status(repository, number, sha, &status);
        let tried = waits.tried("set the commit status", waits.options.tries, set);
        let set = timeout_at(self.over, tried).await.ok().transpose()?;
        self.status = match &set {
            Some(Ok(())) => StatusEnd::Settled,
            Some(Err(failure)) if !failure.meaning.is_transient() => StatusEnd::Refused,
            Some(Err(_)) | None => StatusEnd::Missed,
        };
        self.note("the commit status could not be set", set);
        self.said = Some(status);
        Ok(())
    }

    async fn comment(&mut self, waits: &Waits, body: &str) -> Result<(), End> {
        let Some(forge) = self.forge.clone() else {
            return Ok(());
        };
        let (repository, number, marker) = (&self.repository, self.number, self.marker.as_str());
        let set = || forge.comment(repository, number, marker, body);
        let tried = waits.tried("write the comment", waits.options.tries, set);
        let set = timeout_at(self.over, tried).await.ok().transpose()?;
        self.note("the comment could not be written", set);
        Ok(())
    }

    /// Keeps what was not said; `None`: there was no time for it.
    fn note(&mut self, what: &str, said: Option<Result<(), Failure>>) {
        let why = match said {
            Some(Ok(())) => return,
            Some(Err(failure)) => failure.message,
            None => "the time was over".to_owned(),
        };
        let text = format!("{what}: {why}");
        warn!(config = self.config, sha = self.sha, "{text}");
        self.unsaid.push(text);
    }

    fn status(&self, state: CommitState, description: &str, url: Option<String>) -> CommitStatus {
        CommitStatus {
            context: status_context(&self.config),
            state,
            description: shortened(description, LONGEST_DESCRIPTION),
            url,
        }
    }
}
