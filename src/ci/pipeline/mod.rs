//! The orchestration of one head commit: from the gate to the last word on the forge.
//!
//! Every request that must not be repeated blindly is written to the store before it is sent. An orchestration goes on from what is
//! written there, whether the answer was lost or the process was.

mod collect;
mod ending;
mod find;
mod follow;
mod insist;
mod prepare;
mod submit;
mod voice;

use std::sync::Arc;

use driftless_core::diagnostic::Diagnostic;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub(super) use self::insist::{Insisted, insist};
use self::prepare::Prepared;
use self::voice::Voice;
use super::config::CiConfig;
use super::diffs::Asked;
use super::last_word::Said;
use super::metrics::Metrics;
use super::options::Options;
use super::outcome::{CiOutcome, Reason, StatusEnd};
use super::record::{Headship, Phase, Record, Whose};
use super::report::{self, Compared, Facts, Outcome, Verdict};
use super::views::Recent;
use super::waits::{End, Waits};
use crate::clock::Clock;
use crate::forge::{CommitState, Forge};
use crate::platform::data_diffs::{CiRun, DataDiffs, Head, PullRequestNumber, RunStatus};
use crate::store::pull_runs::{PullRun, PullRunKey, PullRunsOf};
use crate::store::{Store, StoreError};

/// What there is to say of a head that waits for others.
const WAITING: &str = "waiting for its turn";

/// What an orchestration works with.
#[derive(Clone)]
pub struct Ports {
    /// The instance.
    pub platform: Arc<dyn DataDiffs>,
    /// Where the pull request lives; without one nothing is said there, and the gate is not asked.
    pub forge: Option<Arc<dyn Forge>>,
    /// What outlives the process.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Metrics,
    /// What pages show.
    pub recent: Recent,
    /// How long it waits for what.
    pub options: Options,
}

/// What is to be orchestrated.
#[derive(Clone, Debug)]
pub struct Request {
    /// The instance, by its name in the config.
    pub target: String,
    /// The configuration.
    pub config: CiConfig,
    /// The head commit.
    pub head: Head,
    /// What the caller wants compared, as it was read, faults included; `None`: what the pull request's tree says.
    pub diffs: Option<Asked>,
}

impl Request {
    /// What the orchestration is of.
    pub fn key(&self) -> PullRunKey {
        PullRunKey {
            target: self.target.clone(),
            config: self.config.name.clone(),
            repository: self.config.repository.0.clone(),
            number: self.head.pull_request.0,
            sha: self.head.sha.clone(),
        }
    }
}

/// Sees one head commit to its end, from wherever an earlier process left it. `None`: `stop` came first, and the next one goes on.
///
/// # Errors
/// When the store cannot be read.
pub async fn run_once(
    ports: &Ports,
    request: &Request,
    stop: &CancellationToken,
) -> Result<Option<CiOutcome>, StoreError> {
    let record = record(ports, request).await?;
    let superseded = CancellationToken::new();
    let waits = Waits::new(ports.options, stop.clone(), superseded);
    Ok(Orchestration::new(ports, request, record, waits, None).drive().await)
}

/// As [`run_once`]; ends silently when there is a newer head. `None` as well where nothing but its last word is left to do. `turns` are
/// the places of those who ask something of the platform; who only waits for a run, or for a person, has none.
pub(super) async fn orchestrate(
    ports: &Ports,
    request: &Request,
    stop: &CancellationToken,
    superseded: &CancellationToken,
    turns: &Semaphore,
) -> Result<Option<CiOutcome>, StoreError> {
    let record = record(ports, request).await?;
    match record.is_to_be_said() {
        true => Ok(None),
        false => {
            let waits = Waits::new(ports.options, stop.clone(), superseded.clone());
            let orchestration = Orchestration::new(ports, request, record, waits, Some(turns));
            Ok(orchestration.drive().await)
        }
    }
}

/// Writes that a head commit is to be orchestrated, before it has its turn: from then on the store alone tells the next process.
///
/// # Errors
/// When the store cannot be read or written.
pub(super) async fn open(ports: &Ports, request: &Request) -> Result<(), StoreError> {
    let mut record = record(ports, request).await?;
    let (now, is_to_be_said) = (ports.clock.now(), record.is_to_be_said());
    let row = match record.state.last.as_mut().filter(|_| is_to_be_said) {
        Some(word) => {
            word.said = Said::NotYet;
            let word = word.clone();
            record.last_row(&word, &word.description, now)
        }
        None => record.row(WAITING, now),
    };
    put(ports, row).await
}

/// What is known of a head commit.
async fn record(ports: &Ports, request: &Request) -> Result<Record, StoreError> {
    let key = request.key();
    let known = ports.store.pull_runs(&PullRunsOf::Key(key.clone())).await?;
    let known = known.first().and_then(Record::read);
    let seen = known.map(|record| record.seen(&request.head));
    Ok(seen.unwrap_or_else(|| Record::new(key, &request.head, ports.clock.now())))
}

async fn put(ports: &Ports, row: PullRun) -> Result<(), StoreError> {
    ports.store.put_pull_run(&row).await?;
    ports.recent.put(row);
    Ok(())
}

struct Orchestration<'a> {
    ports: &'a Ports,
    request: &'a Request,
    waits: Waits,
    /// The places of those who ask something of the platform; `None`: there is no other.
    turns: Option<&'a Semaphore>,
    turn: Option<SemaphorePermit<'a>>,
    voice: Voice,
    record: Record,
    began: Instant,
    /// When waiting for the run ends, whatever it does.
    until: Instant,
    /// When the head is looked at next.
    head_due: Instant,
    found: Vec<Compared>,
    remarks: Vec<Diagnostic>,
}

impl<'a> Orchestration<'a> {
    fn new(ports: &'a Ports, request: &'a Request, record: Record, waits: Waits, turns: Option<&'a Semaphore>) -> Self {
        let now = Instant::now();
        let until = now + ports.options.limit;
        Self {
            ports,
            request,
            waits,
            turns,
            turn: None,
            voice: Voice {
                forge: ports.forge.clone(),
                repository: request.config.repository.clone(),
                number: request.head.pull_request,
                sha: record.key.sha.clone(),
                config: request.config.name.clone(),
                marker: report::marker(&request.config),
                over: until + ports.options.last,
                said: None,
                unsaid: Vec::new(),
                status: StatusEnd::Settled,
            },
            remarks: record.remarks(),
            record,
            began: now,
            until,
            head_due: now + ports.options.head,
            found: Vec::new(),
        }
    }

    fn config(&self) -> &CiConfig {
        &self.request.config
    }

    fn platform(&self) -> &dyn DataDiffs {
        self.ports.platform.as_ref()
    }

    async fn drive(mut self) -> Option<CiOutcome> {
        let begun = self.first_turn().await;
        let cut = self.until + self.ports.options.last / 2;
        let advanced = match begun {
            Ok(()) => timeout_at(cut, self.advance()).await,
            Err(end) => Ok(Err(end)),
        };
        self.turn = None;
        let (mut end, mut reason) = (advanced.unwrap_or_else(|_| Err(self.cut_short())), None);
        if let Err(End::Over(why, message)) = &end {
            warn!(
                config = self.config().name,
                sha = self.record.key.sha,
                reason = why.word(),
                "{message}"
            );
            reason = Some(*why);
            end = Ok(why.outcome(message));
        }
        let said = match end {
            Ok(outcome) => {
                let verdict = self.verdict(&outcome, reason);
                self.say(&outcome, &verdict, reason).await.map(|()| (outcome, verdict))
            }
            Err(end) => Err(end),
        };
        let (outcome, verdict) = match said {
            Ok(said) => said,
            Err(End::Stopped) => return None,
            Err(End::Superseded) => (Outcome::Superseded, self.verdict(&Outcome::Superseded, None)),
            Err(End::Over(why, message)) => {
                let outcome = why.outcome(&message);
                let verdict = self.verdict(&outcome, Some(why));
                (outcome, verdict)
            }
        };
        Some(self.end(outcome, verdict).await)
    }

    /// Waits for a place, and says so at the forge. The time of a head begins when it has one.
    async fn first_turn(&mut self) -> Result<(), End> {
        if self.record.phase == Phase::Following {
            return Ok(());
        }
        if self.turns.is_some_and(|turns| turns.available_permits() == 0) {
            self.voice.mention(CommitState::Pending, WAITING).await;
        }
        self.take_turn().await?;
        let now = Instant::now();
        self.began = now;
        self.until = now + self.ports.options.limit;
        self.voice.over = self.until + self.ports.options.last;
        Ok(())
    }

    async fn take_turn(&mut self) -> Result<(), End> {
        let Some(turns) = self.turns else { return Ok(()) };
        tokio::select! {
            () = self.waits.superseded.cancelled() => Err(End::Superseded),
            () = self.waits.stop.cancelled() => Err(End::Stopped),
            turn = turns.acquire() => {
                self.turn = turn.ok(); // it is never closed
                Ok(())
            }
        }
    }

    /// The time was over in the middle of something.
    fn cut_short(&self) -> End {
        let doing = match (self.waits.trouble(), self.record.phase) {
            (Some(trouble), _) => trouble,
            (None, Phase::Triggering) => "whether a run was started is not known".to_owned(),
            (None, Phase::Submitting) => "whether the run has the diffs is not known".to_owned(),
            (None, Phase::Looking | Phase::Found | Phase::Following) => "there was no answer in time".to_owned(),
        };
        End::Over(Reason::TimedOut, format!("{}: {doing}", self.ports.options.whole()))
    }

    fn facts<'b>(&'b self, outcome: &'b Outcome) -> Facts<'b> {
        Facts {
            config: self.config(),
            sha: &self.record.key.sha,
            run: self.record.run,
            submitted: self.submitted(),
            outcome,
            diffs: &self.found,
            remarks: &self.remarks,
        }
    }

    fn verdict(&self, outcome: &Outcome, reason: Option<Reason>) -> Verdict {
        let mut verdict = Verdict::of(&self.facts(outcome));
        if let Some(reason) = reason {
            reason.word().clone_into(&mut verdict.reason);
        }
        verdict
    }

    /// How many diffs the run has from us.
    fn submitted(&self) -> usize {
        match (self.record.phase, self.record.state.whose) {
            (Phase::Following, Whose::Ours | Whose::Presumed) => self.record.state.asked(),
            _ => 0,
        }
    }

    /// Goes on from the step that the record is at.
    async fn advance(&mut self) -> Result<Outcome, End> {
        self.record.state.last = None;
        if self.record.phase == Phase::Looking {
            // A delivery comes once: a process that ends in the first requests is to be found open by the next one.
            self.step(Phase::Looking, "reading the pull request").await?;
            match self.prepare().await? {
                Prepared::Skipped(skip) => return Ok(Outcome::Skipped(skip)),
                Prepared::Held(why) => return Ok(Outcome::Held(why, self.waits.options.unconfirmed)),
                Prepared::Diffs(requests) => self.record.keep(&requests, &self.remarks),
            }
            self.step(Phase::Looking, "looking for the run of this commit").await?;
        }
        let run = loop {
            if let Some(run) = self.see_run().await? {
                break run;
            }
        };
        self.found = self.collect(&run).await?;
        if self.record.state.whose == Whose::Others {
            let text = format!(
                "this command did not hand run {} its diffs; an earlier one may have",
                run.id.0
            );
            self.remarks.push(Diagnostic::warning("others_run", text));
        }
        match run.status {
            RunStatus::Failed => Ok(Outcome::Failed(format!("run {} failed on the platform", run.id.0))),
            _ if self.found.is_empty() => Err(End::Over(
                Reason::NothingCompared,
                format!("run {} is done and compared nothing", run.id.0),
            )),
            _ => Ok(Outcome::Finished),
        }
    }

    /// Sees a run of our commit to its end. `None`: it was cancelled, and the record says what is gone on with. The next one's number
    /// is higher, so that this comes to an end.
    async fn see_run(&mut self) -> Result<Option<CiRun>, End> {
        if matches!(self.record.phase, Phase::Looking | Phase::Triggering | Phase::Found) {
            self.voice
                .mention(CommitState::Pending, "waiting for the run of this commit")
                .await;
            let run = self.find().await?;
            self.record.run = Some(run.id);
            if run.status != RunStatus::Cancelled {
                self.record.state.headship = Headship::Kept;
            }
            match run.status.is_final() {
                // It ended without us: that is reported, and no second run is asked for.
                true => {
                    self.record.state.whose = Whose::Others;
                    self.step(Phase::Following, "the commit has a run that has ended")
                        .await?;
                }
                false => self.step(Phase::Found, "the run is there").await?,
            }
        }
        if matches!(self.record.phase, Phase::Found | Phase::Submitting) {
            self.submit().await?;
        }
        self.turn = None;
        let run = self.follow().await?;
        if run.is_none() {
            self.take_turn().await?;
        }
        Ok(run)
    }

    /// Writes how far it is, before what comes next.
    async fn step(&mut self, phase: Phase, message: &str) -> Result<(), End> {
        self.record.phase = phase;
        let row = self.record.row(message, self.ports.clock.now());
        put(self.ports, row)
            .await
            .map_err(|error| End::Over(Reason::Store, error.message))
    }

    /// Looks whether our commit is still the head. A forge that does not say leaves it what it was.
    async fn assert_head(&mut self) -> Result<(), End> {
        self.waits.assert_wanted()?;
        let Some(forge) = &self.ports.forge else {
            return Ok(());
        };
        self.head_due = Instant::now() + self.ports.options.head;
        let number = PullRequestNumber(self.record.key.number);
        match forge.pull_request(&self.config().repository, number).await {
            Ok(pull) if pull.sha != self.record.key.sha => Err(End::Superseded),
            Ok(_) => Ok(()),
            Err(failure) => {
                warn!(
                    config = self.config().name,
                    "cannot see whether the head moved: {}", failure.message
                );
                Ok(())
            }
        }
    }

    async fn assert_head_when_due(&mut self) -> Result<(), End> {
        match Instant::now() < self.head_due {
            true => self.waits.assert_wanted(),
            false => self.assert_head().await,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
