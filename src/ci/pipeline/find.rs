//! The run of a head commit: found, or asked for when there is none.

use driftless_core::report::{Failure, Meaning};
use tokio::time::Instant;
use tracing::{info, warn};

use super::Orchestration;
use crate::ci::outcome::Reason;
use crate::ci::record::Phase;
use crate::ci::waits::{Effect, End};
use crate::platform::data_diffs::{CiRun, CiRunId, PullRequestNumber, RunStatus, RunsOf};

impl Orchestration<'_> {
    /// The run of our commit: at most one is ever asked for, and none while there is one, or may be.
    pub(super) async fn find(&mut self) -> Result<CiRun, End> {
        let until = (Instant::now() + self.waits.options.appears + self.waits.options.starts).min(self.until);
        let mut patience = match self.record.phase {
            Phase::Triggering => self.waits.options.settles,
            Phase::Looking => self.waits.options.appears,
            Phase::Found | Phase::Submitting | Phase::Following => self.waits.options.starts,
        };
        let mut failure: Option<Failure> = None;
        let mut attempt = 0;
        loop {
            if let Some(run) = self.look_for(patience).await? {
                return Ok(run);
            }
            if let Some(failure) = failure.as_ref().filter(|failure| failure.meaning == Meaning::Conflict) {
                return Err(self.not_started(failure));
            }
            // What is in doubt has been looked for; only a run that is known to be there is waited for beyond that.
            if let Some(run) = self.record.run {
                return Err(End::Over(
                    Reason::NotStarted,
                    format!(
                        "run {} was started and cannot be found; look at it on the platform",
                        run.0
                    ),
                ));
            }
            if Instant::now() >= until {
                return Err(match failure {
                    Some(failure) => self.not_started(&failure),
                    None if until == self.until => {
                        let whole = self.waits.options.whole();
                        End::Over(Reason::TimedOut, format!("{whole}: there is no run of this commit"))
                    }
                    None => End::Over(
                        Reason::NotStarted,
                        "the platform starts no run for this commit: see whether its CI configuration is of this repository"
                            .to_owned(),
                    ),
                });
            }
            self.assert_head().await?;
            attempt += 1;
            match self.trigger().await? {
                Ok(Some(run)) if self.record.state.void == Some(run.0) => {
                    let text = format!(
                        "the platform starts no other run of this commit than run {}, which was cancelled",
                        run.0
                    );
                    return Err(End::Over(Reason::Cancelled, text));
                }
                Ok(Some(run)) => {
                    self.record.run = Some(run);
                    self.step(Phase::Found, &format!("run {} is started", run.0)).await?;
                    patience = self.waits.options.starts;
                }
                Ok(None) => {
                    self.step(Phase::Looking, "the platform started no run; it is asked again")
                        .await?;
                    let wait = self.waits.options.poll.wait(attempt, fastrand::f64());
                    self.waits.pause(wait).await?;
                    patience = std::time::Duration::ZERO;
                }
                Err(failed) => {
                    patience = match Effect::of(failed.meaning) {
                        Effect::Refused => {
                            self.step(Phase::Looking, "the platform refused to start a run").await?;
                            return Err(self.not_started(&failed));
                        }
                        Effect::NoneYet => {
                            self.step(Phase::Looking, "the platform asks for time").await?;
                            self.waits.pause(self.waits.after(&failed, attempt)).await?;
                            std::time::Duration::ZERO
                        }
                        Effect::Unknown => {
                            warn!(
                                config = self.config().name,
                                sha = self.record.key.sha,
                                "whether a run was started is not known ({}): it is looked for before another is asked for",
                                failed.message
                            );
                            self.waits.options.settles
                        }
                    };
                    failure = Some(failed);
                }
            }
        }
    }

    async fn trigger(&mut self) -> Result<Result<Option<CiRunId>, Failure>, End> {
        self.record.state.attempts.trigger += 1;
        self.step(Phase::Triggering, "a run is asked for").await?;
        info!(
            config = self.config().name,
            sha = self.record.key.sha,
            "asking for a run of this commit"
        );
        let head = self.record.head();
        Ok(self.platform().trigger(self.config().id, &head).await)
    }

    fn not_started(&self, failure: &Failure) -> End {
        End::Over(
            Reason::Request(failure.meaning),
            format!("no run could be started: {}", failure.message),
        )
    }

    /// Looks for a run of our commit, at least once.
    async fn look_for(&mut self, patience: std::time::Duration) -> Result<Option<CiRun>, End> {
        let until = (Instant::now() + patience).min(self.until);
        let mut attempt = 1;
        loop {
            let mut runs = self.runs_of_commit().await?;
            let void = self.record.state.void;
            runs.retain(|run| run.status != RunStatus::Cancelled || void.is_none_or(|void| run.id.0 > void));
            if let Some(run) = pick(runs, self.record.run) {
                return Ok(Some(run));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            self.waits.pause_before_look(attempt, until).await?;
            attempt += 1;
            self.assert_head_when_due().await?;
        }
    }

    /// The runs of our commit, and of no other pull request.
    pub(super) async fn runs_of_commit(&self) -> Result<Vec<CiRun>, End> {
        let key = &self.record.key;
        let of = RunsOf {
            pull_request: None,
            sha: Some(key.sha.clone()),
        };
        let mut runs = self.runs(&of).await?;
        let number = PullRequestNumber(key.number);
        runs.retain(|run| run.sha == key.sha && run.pull_request.is_none_or(|other| other == number));
        Ok(runs)
    }

    /// The runs of our pull request, whatever commit they are of.
    pub(super) async fn runs_of_pull_request(&self) -> Result<Vec<CiRun>, End> {
        let number = PullRequestNumber(self.record.key.number);
        let of = RunsOf {
            pull_request: Some(number),
            sha: None,
        };
        let mut runs = self.runs(&of).await?;
        runs.retain(|run| run.pull_request.is_none_or(|other| other == number));
        Ok(runs)
    }

    async fn runs(&self, of: &RunsOf) -> Result<Vec<CiRun>, End> {
        let (platform, config) = (self.platform(), self.config().id);
        self.waits.read("list the runs", || platform.runs(config, of)).await
    }
}

/// The run to go on with, of those of one commit: ours, unless it was cancelled; the newest that is under way; the newest that was not
/// cancelled; or the cancelled one whose end there is to report, and where ours is not listed yet, that is none. There is never a
/// second run for a commit that has one.
pub(super) fn pick(mut runs: Vec<CiRun>, ours: Option<CiRunId>) -> Option<CiRun> {
    runs.sort_by_key(|run| std::cmp::Reverse(run.id));
    let is_ours = |run: &&CiRun| Some(run.id) == ours;
    let is_alive = |run: &&CiRun| run.status != RunStatus::Cancelled;
    let found = runs
        .iter()
        .filter(is_ours)
        .find(is_alive)
        .or_else(|| runs.iter().find(|run| !run.status.is_final()))
        .or_else(|| runs.iter().find(is_alive))
        .or_else(|| runs.iter().find(|run| ours.is_none_or(|ours| run.id == ours)));
    found.cloned()
}
