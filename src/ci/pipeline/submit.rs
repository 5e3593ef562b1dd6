//! Handing the diffs over: only to the run of our commit, and never twice.

use driftless_core::report::{Failure, Meaning};
use tokio::time::Instant;
use tracing::{info, warn};

use super::Orchestration;
use super::follow::timed_out;
use crate::ci::metrics::Submitted;
use crate::ci::outcome::Reason;
use crate::ci::record::{Phase, Whose};
use crate::ci::waits::{Effect, End};
use crate::platform::data_diffs::{CiRun, CiRunId, PullRequestNumber, RunStatus};

/// What stands before the diffs: the request names no commit, so this is what they would go to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Guard {
    /// The newest run that waits is of our commit.
    Waits(CiRunId),
    /// Our run waits no longer.
    Started,
    /// The newest run that waits is of another commit.
    OtherWaits,
    /// None waits.
    NoneWaits,
}

/// Judges the runs of our pull request.
fn guard(runs: &[CiRun], ours: Option<CiRunId>, sha: &str) -> Guard {
    let own = runs.iter().find(|run| Some(run.id) == ours);
    let waiting = runs.iter().filter(|run| run.status == RunStatus::Waiting);
    let newest = waiting.max_by_key(|run| run.id);
    match (own.map(|run| &run.status), newest) {
        (_, Some(newest)) if newest.sha == sha => match own {
            Some(own) if own.id != newest.id && has_started(&own.status) => Guard::Started,
            _ => Guard::Waits(newest.id),
        },
        (Some(status), _) if has_started(status) || *status == RunStatus::Cancelled => Guard::Started,
        (_, Some(_)) => Guard::OtherWaits,
        (_, None) => Guard::NoneWaits,
    }
}

/// Whether a run with that status has its diffs. A word that is not known proves nothing.
fn has_started(status: &RunStatus) -> bool {
    match status {
        RunStatus::Queued
        | RunStatus::Processing
        | RunStatus::NeedsConfirmation
        | RunStatus::NeedsAuthentication
        | RunStatus::Done
        | RunStatus::Failed => true,
        RunStatus::Waiting | RunStatus::Cancelled | RunStatus::Unknown(_) => false,
    }
}

impl Orchestration<'_> {
    /// Hands the diffs over. Ends when our run has them, from us or from somebody else.
    pub(super) async fn submit(&mut self) -> Result<(), End> {
        let until = (Instant::now() + self.waits.options.submits).min(self.until);
        let mut attempt = 0;
        let mut failure: Option<Failure> = None;
        loop {
            if self.record.phase == Phase::Submitting && self.has_taken().await? {
                self.record.state.whose = Whose::Presumed;
                return self.step(Phase::Following, "the run has the diffs").await;
            }
            if let Some(failure) = failure.as_ref().filter(|failure| {
                Effect::of(failure.meaning) == Effect::Refused || failure.meaning == Meaning::Conflict
            }) {
                return Err(refused(failure));
            }
            attempt += 1;
            let runs = self.runs_of_pull_request().await?;
            let ended = Instant::now() >= until;
            match guard(&runs, self.record.run, &self.record.key.sha) {
                Guard::Started => {
                    self.record.state.whose = match self.record.state.attempts.submit {
                        0 => Whose::Others,
                        _ => Whose::Presumed,
                    };
                    return self.step(Phase::Following, "the run has diffs").await;
                }
                Guard::OtherWaits if ended => {
                    self.assert_head().await?;
                    return Err(End::Over(
                        Reason::OtherCommitWaits,
                        "the run that waits is of another commit, and would take the diffs of this one: cancel it"
                            .to_owned(),
                    ));
                }
                Guard::NoneWaits | Guard::Waits(_) if ended => {
                    let nobody = || match until == self.until {
                        true => timed_out(&self.waits.options, self.own(&runs)),
                        false => no_run_waiting(),
                    };
                    return Err(failure.as_ref().map_or_else(nobody, refused));
                }
                Guard::OtherWaits => self.assert_head().await?,
                Guard::NoneWaits => {}
                Guard::Waits(run) => {
                    // The forge last: it shows a newer head before the platform has a run of it that would take the diffs.
                    self.assert_head().await?;
                    failure = match self.hand_over(run, attempt).await? {
                        Handed::Over => return self.step(Phase::Following, "the run has the diffs").await,
                        Handed::NotYet(failure) => failure,
                    };
                    // A failure has had its wait, or is looked into first.
                    if failure.is_some() {
                        continue;
                    }
                }
            }
            self.assert_head_when_due().await?;
            self.waits.pause_before_look(attempt, until).await?;
        }
    }

    fn own<'a>(&self, runs: &'a [CiRun]) -> Option<&'a CiRun> {
        runs.iter().find(|run| Some(run.id) == self.record.run)
    }

    async fn hand_over(&mut self, run: CiRunId, attempt: u32) -> Result<Handed, End> {
        self.record.run = Some(run);
        self.record.submitted = Some(self.record.digest());
        self.record.state.attempts.submit += 1;
        self.step(Phase::Submitting, "the diffs are handed over").await?;
        let requests = self.record.requests();
        info!(
            config = self.config().name,
            run = run.0,
            diffs = requests.len(),
            "handing the diffs over"
        );
        let number = PullRequestNumber(self.record.key.number);
        let answer = self.platform().submit(self.config().id, number, &requests).await;
        let name = &self.config().name;
        let count = |became| self.ports.metrics.submitted(name, became);
        match answer {
            Ok(Some(answered)) if answered == run => {
                count(Submitted::Accepted);
                Ok(Handed::Over)
            }
            Ok(Some(answered)) => {
                count(Submitted::Elsewhere);
                self.taken_elsewhere(answered).await?;
                Ok(Handed::Over)
            }
            Ok(None) => {
                count(Submitted::NoRun);
                self.step(Phase::Found, "no run took the diffs; they are offered again")
                    .await?;
                Ok(Handed::NotYet(None))
            }
            Err(failure) => {
                match Effect::of(failure.meaning) {
                    Effect::Unknown => {
                        count(Submitted::Unknown);
                        warn!(
                            config = self.config().name,
                            run = run.0,
                            "whether the run has the diffs is not known ({}): it is looked at before they are offered again",
                            failure.message
                        );
                    }
                    Effect::Refused => {
                        count(Submitted::Refused);
                        self.step(Phase::Found, "the diffs were refused").await?;
                    }
                    Effect::NoneYet => {
                        count(Submitted::Refused);
                        self.step(Phase::Found, "the platform asks for time").await?;
                        self.waits.pause(self.waits.after(&failure, attempt)).await?;
                    }
                }
                Ok(Handed::NotYet(Some(failure)))
            }
        }
    }

    /// The answer names another run than the one that waited: whichever of the two numbers of an answer that is, our run tells.
    async fn taken_elsewhere(&mut self, answered: CiRunId) -> Result<(), End> {
        let runs = self.runs_of_pull_request().await?;
        match runs.iter().find(|run| run.id == answered) {
            Some(run) if run.sha == self.record.key.sha => {
                self.record.run = Some(answered);
                return Ok(());
            }
            Some(run) => {
                return Err(End::Over(
                    Reason::TakenElsewhere,
                    format!(
                        "run {} of commit {} took the diffs, as this commit's run stopped waiting at that moment",
                        run.id.0,
                        run.sha.get(..8).unwrap_or(&run.sha)
                    ),
                ));
            }
            None if self.has_taken().await? => return Ok(()),
            None => {}
        }
        Err(End::Over(
            Reason::TakenElsewhere,
            format!(
                "the platform says that run {} took the diffs, and lists no such run",
                answered.0
            ),
        ))
    }

    /// Looks for some time whether our run has diffs.
    async fn has_taken(&mut self) -> Result<bool, End> {
        let Some(run) = self.record.run else {
            return Ok(false);
        };
        let until = Instant::now() + self.waits.options.settles;
        let mut attempt = 1;
        loop {
            let runs = self.runs_of_commit().await?;
            let own = runs.iter().find(|other| other.id == run);
            if own.is_some_and(|own| has_started(&own.status) || own.status == RunStatus::Cancelled) {
                return Ok(true);
            }
            let platform = self.platform();
            let diffs = self
                .waits
                .read("list the diffs of the run", || platform.diffs(run))
                .await?;
            if !diffs.is_empty() {
                return Ok(true);
            }
            if Instant::now() >= until {
                self.step(Phase::Found, "the run took no diffs").await?;
                return Ok(false);
            }
            self.waits.pause_before_look(attempt, until).await?;
            attempt += 1;
        }
    }
}

/// What became of handing over once.
enum Handed {
    Over,
    NotYet(Option<Failure>),
}

fn no_run_waiting() -> End {
    End::Over(
        Reason::NoRunWaiting,
        "no run took the diffs: see whether the CI configuration is one that waits for diffs by API, and is of this repository"
            .to_owned(),
    )
}

fn refused(failure: &Failure) -> End {
    End::Over(
        Reason::Request(failure.meaning),
        format!("the diffs could not be handed over: {}", failure.message),
    )
}
