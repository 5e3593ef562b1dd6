//! A platform, a forge and a store in memory, with one list of what they were asked, in order, and of what goes wrong when.

mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use driftless_core::ledger::FingerprintKey;
use driftless_core::report::{Failure, Meaning};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::forge::{
    ChangedFile, CommitState, CommitStatus, FileChange, FileContent, Forge, PullRequest, PullRequestState, Readiness,
    Repository,
};
use crate::platform::TargetId;
use crate::platform::data_diffs::{
    CiConfigId, CiRun, CiRunId, DataDiff, DataDiffId, DataDiffs, DiffRequest, Findings, Head, PullRequestNumber,
    RunStatus, RunsOf, Summary,
};
use crate::store::pull_runs::{PullRun, PullRunKey};

pub(in crate::ci) const SHA: &str = "1111111111111111111111111111111111111111";
pub(in crate::ci) const NEWER: &str = "2222222222222222222222222222222222222222";
pub(in crate::ci) const NUMBER: PullRequestNumber = PullRequestNumber(6);

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ci) enum Fault {
    /// It fails, and has no effect.
    Before(Meaning),
    /// It has its effect, and its answer does not come or says that it failed.
    After(Meaning),
    /// The process dies before it is sent.
    KillBefore,
    /// The process dies when it has had its effect.
    KillAfter,
}

/// How the platform behaves.
#[derive(Clone, Debug)]
pub(in crate::ci) struct Habits {
    /// When the platform starts a run by itself, after the head came.
    pub(in crate::ci) webhook: Option<Duration>,
    /// Whether a trigger starts a run.
    pub(in crate::ci) triggers: bool,
    /// How long a new run is not in the list.
    pub(in crate::ci) hidden: Duration,
    /// Whether a waiting run takes diffs.
    pub(in crate::ci) takes: bool,
    /// What a run is, so long after it took its diffs.
    pub(in crate::ci) course: Vec<(Duration, RunStatus)>,
    /// What each diff finds.
    pub(in crate::ci) summary: Summary,
    /// The type of every data source.
    pub(in crate::ci) data_source_type: Option<&'static str>,
    /// How many of the diffs it was given a run lists.
    pub(in crate::ci) lists: usize,
}

impl Default for Habits {
    fn default() -> Self {
        let at = Duration::from_millis;
        Self {
            webhook: None,
            triggers: true,
            hidden: Duration::ZERO,
            takes: true,
            course: vec![
                (at(0), RunStatus::Queued),
                (at(40), RunStatus::Processing),
                (at(200), RunStatus::Done),
            ],
            summary: Summary::Finished(Box::new(Findings {
                rows: Some([10, 10]),
                ..Findings::default()
            })),
            data_source_type: Some("pg"),
            lists: usize::MAX,
        }
    }
}

#[derive(Clone, Debug)]
pub(in crate::ci) struct FakeRun {
    pub(in crate::ci) id: i64,
    pub(in crate::ci) number: PullRequestNumber,
    pub(in crate::ci) sha: String,
    pub(in crate::ci) made: Instant,
    /// What it was given, and when.
    pub(in crate::ci) given: Option<(Instant, Vec<DiffRequest>)>,
    /// What it is instead of what its course says.
    pub(in crate::ci) fixed: Option<RunStatus>,
}

type Event = (&'static str, usize, fn(&mut State));

pub(in crate::ci) struct State {
    pub(in crate::ci) habits: Habits,
    pub(in crate::ci) runs: Vec<FakeRun>,
    pub(in crate::ci) triggered: Vec<String>,
    /// The branch and commit that each run is asked for against.
    pub(in crate::ci) bases: Vec<(String, String)>,
    /// Each submit that had an effect: the run that took it, and what it took.
    pub(in crate::ci) submitted: Vec<(i64, Vec<DiffRequest>)>,
    pub(in crate::ci) pull: PullRequest,
    pub(in crate::ci) changed: Vec<ChangedFile>,
    pub(in crate::ci) files: BTreeMap<String, Vec<u8>>,
    pub(in crate::ci) statuses: Vec<(String, CommitStatus)>,
    pub(in crate::ci) comments: Vec<String>,
    pub(in crate::ci) rows: BTreeMap<PullRunKey, PullRun>,
    pub(in crate::ci) asked: Vec<&'static str>,
    pub(in crate::ci) faults: BTreeMap<usize, Fault>,
    /// What goes wrong with every request of a name.
    pub(in crate::ci) broken: BTreeMap<&'static str, Meaning>,
    /// What happens when a request of a name is asked for the so manieth time.
    pub(in crate::ci) events: Vec<Event>,
    head_came: Instant,
}

/// The outside world.
pub(in crate::ci) struct World {
    state: Mutex<State>,
    target: TargetId,
    key: FingerprintKey,
    pub(in crate::ci) killed: Notify,
    born: Instant,
}

impl World {
    pub(in crate::ci) fn new(habits: Habits) -> Arc<Self> {
        // The same waits in every world: a fault is put where the sequence without one had that request.
        fastrand::seed(7);
        let now = Instant::now();
        let pull = PullRequest {
            number: NUMBER,
            state: PullRequestState::Open,
            readiness: Readiness::Ready,
            branch: "feature".into(),
            sha: SHA.into(),
            message: "Change a model".into(),
            base_branch: "main".into(),
            base_sha: "0".repeat(40),
            labels: Vec::new(),
        };
        let changed = |path: &str| ChangedFile {
            path: path.into(),
            previous: None,
            change: FileChange::Written,
        };
        let diffs =
            r#"[{"prod":"DB.CORE.A","pr":"DB.PR_6.A","pk":["ID"]},{"prod":"DB.CORE.B","pr":"DB.PR_6.B","pk":["ID"]}]"#;
        Arc::new(Self {
            state: Mutex::new(State {
                habits,
                runs: Vec::new(),
                triggered: Vec::new(),
                bases: Vec::new(),
                submitted: Vec::new(),
                pull,
                changed: vec![changed("models/a.sql")],
                files: [("datafold/diffs.json".to_owned(), diffs.as_bytes().to_vec())].into(),
                statuses: Vec::new(),
                comments: Vec::new(),
                rows: BTreeMap::new(),
                asked: Vec::new(),
                faults: BTreeMap::new(),
                broken: BTreeMap::new(),
                events: Vec::new(),
                head_came: now,
            }),
            target: TargetId("https://datafold.example.com".into()),
            key: FingerprintKey::new(vec![7; 32]),
            killed: Notify::new(),
            born: now,
        })
    }

    pub(in crate::ci) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The last status of a commit.
    pub(in crate::ci) fn status(&self, sha: &str) -> Option<(CommitState, String)> {
        let state = self.state();
        let found = state.statuses.iter().rev().find(|(of, _)| of == sha);
        found.map(|(_, status)| (status.state, status.description.clone()))
    }

    async fn ask<T>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        {
            let mut state = self.state();
            let index = state.asked.len();
            state.asked.push(name);
            let count = state.asked.iter().filter(|asked| **asked == name).count();
            let events: Vec<fn(&mut State)> = state
                .events
                .iter()
                .filter(|(of, at, _)| *of == name && *at == count)
                .map(|(_, _, event)| *event)
                .collect();
            events.into_iter().for_each(|event| event(&mut state));
            state.pass();
            if let Some(meaning) = state.broken.get(name) {
                return Err(failure(*meaning));
            }
            match state.faults.remove(&index) {
                None => return effect(&mut state),
                Some(Fault::Before(meaning)) => return Err(failure(meaning)),
                Some(Fault::After(meaning)) => {
                    let _ = effect(&mut state);
                    return Err(failure(meaning));
                }
                Some(Fault::KillBefore) => {}
                Some(Fault::KillAfter) => drop(effect(&mut state)),
            }
        }
        self.killed.notify_one();
        std::future::pending().await
    }
}

fn failure(meaning: Meaning) -> Failure {
    Failure {
        meaning,
        message: format!("scripted: {}", meaning.word()),
        fields: Vec::new(),
        retry_after: (meaning == Meaning::RateLimited).then_some(Duration::from_millis(50)),
    }
}

impl State {
    /// What happens by itself.
    fn pass(&mut self) {
        let now = Instant::now();
        let due = self.habits.webhook.is_some_and(|wait| now >= self.head_came + wait);
        let sha = self.pull.sha.clone();
        if let Some(wait) = self.habits.webhook.filter(|_| due)
            && !self.runs.iter().any(|run| run.sha == sha)
        {
            self.start(&sha);
            // It came when it was due, not when somebody looked.
            let made = self.head_came + wait;
            self.runs.iter_mut().for_each(|run| run.made = run.made.min(made));
        }
    }

    /// A new head: what an older one's run is doing ends.
    pub(in crate::ci) fn push(&mut self, sha: &str) {
        self.pull.sha = sha.to_owned();
        self.head_came = Instant::now();
    }

    pub(in crate::ci) fn start(&mut self, sha: &str) -> i64 {
        let id = 9001 + i64::try_from(self.runs.len()).unwrap();
        self.runs.push(FakeRun {
            id,
            number: self.pull.number,
            sha: sha.to_owned(),
            made: Instant::now(),
            given: None,
            fixed: None,
        });
        id
    }

    fn status(&self, run: &FakeRun) -> RunStatus {
        if let Some(fixed) = &run.fixed {
            return fixed.clone();
        }
        let Some((at, _)) = &run.given else {
            return RunStatus::Waiting;
        };
        let past = at.elapsed();
        let reached = self.habits.course.iter().rev().find(|(from, _)| past >= *from);
        reached.map_or(RunStatus::Queued, |(_, status)| status.clone())
    }
}

#[async_trait]
impl DataDiffs for World {
    fn target(&self) -> &TargetId {
        &self.target
    }

    fn page(&self, diff: DataDiffId) -> String {
        format!("https://datafold.example.com/datadiffs/{}/overview", diff.0)
    }

    fn settings(&self) -> String {
        "https://datafold.example.com/settings/integrations/ci".into()
    }

    async fn data_source_type(&self, _: &str) -> Result<Option<String>, Failure> {
        self.ask("data source", |state| {
            Ok(state.habits.data_source_type.map(str::to_owned))
        })
        .await
    }

    async fn runs(&self, _: CiConfigId, of: &RunsOf) -> Result<Vec<CiRun>, Failure> {
        let of = of.clone();
        self.ask("runs", |state| {
            let listed = state.runs.iter().rev().filter(|run| {
                run.made.elapsed() >= state.habits.hidden
                    && of.sha.as_ref().is_none_or(|sha| *sha == run.sha)
                    && of.pull_request.is_none_or(|number| number == run.number)
            });
            let run = |run: &FakeRun| CiRun {
                id: CiRunId(run.id),
                pull_request: Some(run.number),
                sha: run.sha.clone(),
                status: state.status(run),
            };
            Ok(listed.map(run).collect())
        })
        .await
    }

    async fn trigger(&self, _: CiConfigId, head: &Head) -> Result<Option<CiRunId>, Failure> {
        let sha = head.sha.clone();
        let base = (head.base_branch.clone(), head.base_sha.clone());
        self.ask("trigger", |state| {
            state.bases.push(base);
            if !state.habits.triggers {
                return Ok(None);
            }
            state.triggered.push(sha.clone());
            Ok(Some(CiRunId(state.start(&sha))))
        })
        .await
    }

    async fn submit(
        &self,
        _: CiConfigId,
        number: PullRequestNumber,
        diffs: &[DiffRequest],
    ) -> Result<Option<CiRunId>, Failure> {
        let diffs = diffs.to_vec();
        self.ask("submit", |state| {
            let waiting = |run: &&mut FakeRun| run.number == number && run.given.is_none() && run.fixed.is_none();
            let Some(run) = state.runs.iter_mut().rev().find(waiting).filter(|_| state.habits.takes) else {
                return Ok(None);
            };
            run.given = Some((Instant::now(), diffs.clone()));
            let id = run.id;
            state.submitted.push((id, diffs));
            Ok(Some(CiRunId(id)))
        })
        .await
    }

    async fn diffs(&self, run: CiRunId) -> Result<Vec<DataDiff>, Failure> {
        self.ask("diffs", |state| {
            let Some(run) = state.runs.iter().find(|other| other.id == run.0) else {
                return Ok(Vec::new());
            };
            let given = run.given.iter().flat_map(|(_, diffs)| diffs);
            let status = state.status(run);
            let diff = |(place, request): (usize, &DiffRequest)| DataDiff {
                id: DataDiffId(run.id * 100 + i64::try_from(place).unwrap()),
                status: status.clone(),
                production: request.production.clone(),
                pull_request: request.pull_request.clone(),
                primary_key: request.primary_key.clone(),
            };
            Ok(given.enumerate().take(state.habits.lists).map(diff).collect())
        })
        .await
    }

    async fn summary(&self, _: DataDiffId) -> Result<Summary, Failure> {
        self.ask("summary", |state| Ok(state.habits.summary.clone())).await
    }
}

#[async_trait]
impl Forge for World {
    async fn pull_request(&self, _: &Repository, _: PullRequestNumber) -> Result<PullRequest, Failure> {
        self.ask("pull_request", |state| Ok(state.pull.clone())).await
    }

    async fn changed_files(&self, _: &Repository, _: PullRequestNumber) -> Result<Vec<ChangedFile>, Failure> {
        self.ask("changed_files", |state| Ok(state.changed.clone())).await
    }

    async fn file(&self, _: &Repository, _: &str, path: &str, most: usize) -> Result<Option<FileContent>, Failure> {
        let path = path.to_owned();
        self.ask("file", |state| {
            let file = state.files.get(&path).cloned();
            Ok(file.map(|bytes| FileContent::of(bytes, most)))
        })
        .await
    }

    async fn set_status(
        &self,
        _: &Repository,
        _: PullRequestNumber,
        sha: &str,
        status: &CommitStatus,
    ) -> Result<(), Failure> {
        let said = (sha.to_owned(), status.clone());
        self.ask("set_status", |state| {
            state.statuses.push(said);
            Ok(())
        })
        .await
    }

    async fn comment(&self, _: &Repository, _: PullRequestNumber, marker: &str, body: &str) -> Result<(), Failure> {
        assert!(body.contains(marker), "{body}");
        let body = body.to_owned();
        self.ask("comment", |state| {
            state.comments.push(body);
            Ok(())
        })
        .await
    }
}

impl Clock for World {
    fn now(&self) -> DateTime<Utc> {
        let past = i64::try_from(self.born.elapsed().as_millis()).unwrap();
        DateTime::from_timestamp_millis(1_800_000_000_000 + past).unwrap()
    }
}
