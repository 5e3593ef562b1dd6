//! The run with its diffs, to its end.

use std::collections::BTreeSet;

use tokio::time::Instant;
use tracing::{info, warn};

use super::Orchestration;
use crate::ci::config::Consequence;
use crate::ci::options::Options;
use crate::ci::outcome::Reason;
use crate::ci::record::{Headship, Phase};
use crate::ci::waits::End;
use crate::forge::CommitState;
use crate::platform::data_diffs::{CiRun, CiRunId, RunStatus};

impl Orchestration<'_> {
    /// Follows our run until it is done or has failed. `None`: it was cancelled, and the record says what is gone on with.
    pub(super) async fn follow(&mut self) -> Result<Option<CiRun>, End> {
        let Some(id) = self.record.run else {
            // Only of a record that something else wrote: a run's number comes before its diffs.
            let text = "the store says that a run has the diffs, and not which: start it again by hand";
            return Err(End::Over(Reason::Store, text.to_owned()));
        };
        let mut unknown = BTreeSet::new();
        let mut attempt = 1;
        loop {
            let runs = self.runs_of_commit().await?;
            let run = runs.into_iter().find(|run| run.id == id);
            match run.as_ref().map(|run| &run.status) {
                Some(RunStatus::Cancelled) => {
                    self.replace(id).await?;
                    return Ok(None);
                }
                Some(_) if self.record.state.headship == Headship::Regained => {
                    self.record.state.headship = Headship::Kept;
                    self.step(Phase::Following, "the commit is the head again, and its run is there")
                        .await?;
                }
                Some(RunStatus::Unknown(word)) if unknown.insert(word.clone()) => {
                    warn!(
                        run = id.0,
                        "the platform calls the run `{word}`, which this version does not know"
                    );
                }
                _ => {}
            }
            if let Some(run) = run.clone().filter(|run| run.status.is_final()) {
                return Ok(Some(run));
            }
            let (state, text) = self.progress(id, run.as_ref()).await;
            self.voice.mention(state, &text).await;
            if Instant::now() >= self.until {
                return Err(timed_out(&self.waits.options, run.as_ref()));
            }
            self.assert_head_when_due().await?;
            self.waits.pause_before_look(attempt, self.until).await?;
            attempt += 1;
        }
    }

    /// Our run was cancelled: goes on with a newer one of our commit, which the platform or somebody else has started since. None is
    /// asked for, but where the commit was not the head when its run was cancelled: then that is no answer.
    async fn replace(&mut self, cancelled: CiRunId) -> Result<(), End> {
        let until = (Instant::now() + self.waits.options.settles).min(self.until);
        let mut attempt = 1;
        loop {
            let runs = self.runs_of_commit().await?;
            let newer = runs
                .iter()
                .filter(|run| run.id > cancelled && run.status != RunStatus::Cancelled);
            if let Some(newer) = newer.max_by_key(|run| run.id) {
                self.record.begin_with(Some(newer.id));
                let text = format!(
                    "run {} was cancelled, and run {} is of the same commit",
                    cancelled.0, newer.id.0
                );
                return self.step(Phase::Found, &text).await;
            }
            if self.record.state.headship == Headship::Regained {
                let newest = runs.iter().map(|run| run.id.0).max();
                self.record.state.headship = Headship::Kept;
                self.record.state.void = newest.max(Some(cancelled.0));
                self.record.begin_with(None);
                let text = format!(
                    "run {} was cancelled for another commit; this one is the head again",
                    cancelled.0
                );
                return self.step(Phase::Looking, &text).await;
            }
            if Instant::now() >= until {
                let text = match self.ports.forge {
                    Some(_) => format!("run {} was cancelled while its commit was the head", cancelled.0),
                    None => format!("run {} was cancelled, and no newer commit has a run", cancelled.0),
                };
                return Err(End::Over(Reason::Cancelled, text));
            }
            if self.ports.forge.is_none() {
                self.assert_newest(cancelled).await?;
            }
            self.waits.pause_before_look(attempt, until).await?;
            attempt += 1;
            self.assert_head_when_due().await?;
        }
    }

    /// Where there is no forge to say which commit is the head, the platform's list does: a newer run of another commit is of a newer one.
    async fn assert_newest(&self, cancelled: CiRunId) -> Result<(), End> {
        let runs = self.runs_of_pull_request().await?;
        let newer = runs
            .iter()
            .filter(|run| run.id > cancelled && run.sha != self.record.key.sha);
        match newer.max_by_key(|run| run.id) {
            Some(newer) => {
                info!(
                    config = self.config().name,
                    sha = self.record.key.sha,
                    "run {} was cancelled for run {} of the newer commit {}",
                    cancelled.0,
                    newer.id.0,
                    newer.sha
                );
                Err(End::Superseded)
            }
            None => Ok(()),
        }
    }

    /// How far the run is, for the commit status.
    async fn progress(&self, id: CiRunId, run: Option<&CiRun>) -> (CommitState, String) {
        let Some(run) = run else {
            let text = format!("run {} is not in the platform's list; looking for it", id.0);
            return (CommitState::Pending, text);
        };
        match &run.status {
            RunStatus::NeedsConfirmation => (self.waits.options.unconfirmed.state(), self.confirmation(id)),
            RunStatus::NeedsAuthentication => {
                let state = match self.config().errors {
                    Consequence::Fails => CommitState::Error,
                    Consequence::Passes => CommitState::Pending,
                };
                (
                    state,
                    format!("run {} needs a person to log in to the warehouse on the platform", id.0),
                )
            }
            RunStatus::Waiting | RunStatus::Queued => {
                (CommitState::Pending, format!("run {} is {}", id.0, run.status.word()))
            }
            RunStatus::Processing | RunStatus::Unknown(_) => {
                // A detail that nobody waits for: without an answer it is left out.
                let diffs = self.platform().diffs(id).await.unwrap_or_default();
                let finished = diffs.iter().filter(|diff| diff.status.is_final()).count();
                let all = diffs.len().max(self.record.state.asked());
                (
                    CommitState::Pending,
                    format!("run {}: {finished} of {all} diffs finished", id.0),
                )
            }
            RunStatus::Done | RunStatus::Failed | RunStatus::Cancelled => {
                (CommitState::Pending, format!("run {} is {}", id.0, run.status.word()))
            }
        }
    }

    fn confirmation(&self, id: CiRunId) -> String {
        let asked = self.record.state.asked();
        match self.config().diff_threshold {
            Some(threshold) if asked > threshold => format!(
                "run {} needs a person's confirmation: {asked} diffs exceed the threshold of {threshold}",
                id.0
            ),
            _ => format!("run {} needs a person's confirmation on the platform", id.0),
        }
    }
}

/// Why a run did not end within the limit, as far as its last status says.
pub(super) fn timed_out(options: &Options, run: Option<&CiRun>) -> End {
    let (reason, text) = match run.map(|run| &run.status) {
        Some(RunStatus::NeedsConfirmation) => (Reason::NeedsConfirmation, "nobody confirmed it".to_owned()),
        Some(RunStatus::NeedsAuthentication) => (
            Reason::NeedsAuthentication,
            "nobody logged in to the warehouse".to_owned(),
        ),
        Some(status) => (Reason::TimedOut, format!("it is {}", status.word())),
        None => (Reason::TimedOut, "it is not in the platform's list".to_owned()),
    };
    End::Over(reason, format!("{}: {text}", options.whole()))
}
