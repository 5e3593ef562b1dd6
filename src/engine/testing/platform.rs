//! A platform in memory that fails as it is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::{Action, Operation, Step};
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::Schema;
use driftless_core::snapshot::{Authorship, Desired, Gap, Live, LiveResource, Presence, Scope};
use driftless_core::value::{Map, Value};

use super::schema::TestSchema;
use super::{Log, failure, key};
use crate::engine::pace::{CONCURRENCY, Limiter, PER_SECOND, Pace};
use crate::platform::{Done, Exchange, Fault, Found, Gate as _, Ids, Job, Platform, Progress, TargetId};

/// What happens to a write instead of success.
#[derive(Clone, Debug)]
pub(in crate::engine) enum Script {
    /// It fails; nothing took effect.
    Fails(Failure),
    /// It takes effect, and the answer is lost.
    LostAfter,
    /// It gets lost on the way.
    LostBefore,
    /// The one before it, thought lost, arrives first: its name is taken.
    Late,
    /// It takes effect in part, and the answer is lost.
    Partly,
    /// It takes this long.
    Slow(Duration),
    /// The adapter breaks down.
    Panics,
    /// It becomes a job that takes this many polls.
    Job(u32),
}

pub(in crate::engine) struct TestPlatform {
    target: TargetId,
    name: String,
    log: Log,
    limiter: Arc<Limiter>,
    state: Mutex<PlatformState>,
}

#[derive(Default)]
pub(in crate::engine) struct PlatformState {
    pub(in crate::engine) live: BTreeMap<Key, LiveResource>,
    /// Things that a create made although one was there.
    pub(in crate::engine) doubles: usize,
    pub(in crate::engine) gaps: Vec<Gap>,
    next: i64,
    writes: BTreeMap<Key, VecDeque<Script>>,
    finds: VecDeque<Failure>,
    unreadable: Option<Failure>,
    reading: Duration,
    partly: BTreeSet<Key>,
    polls_left: u32,
    panics: bool,
    gated: bool,
}

impl TestPlatform {
    pub(in crate::engine) fn new(target: &str, log: &Log) -> Arc<Self> {
        Self::named(target, "", log)
    }

    /// A platform whose lines in the log begin with its name.
    pub(in crate::engine) fn named(target: &str, name: &str, log: &Log) -> Arc<Self> {
        Arc::new(Self {
            target: TargetId(target.into()),
            name: name.into(),
            log: log.clone(),
            limiter: Limiter::new(CONCURRENCY, PER_SECOND),
            state: Mutex::default(),
        })
    }

    pub(in crate::engine) fn state(&self) -> MutexGuard<'_, PlatformState> {
        self.state.lock().unwrap()
    }

    /// What happens to the next writes of a key, in order; after that they succeed.
    pub(in crate::engine) fn script(&self, key: &Key, scripts: impl IntoIterator<Item = Script>) {
        self.state().writes.entry(key.clone()).or_default().extend(scripts);
    }

    pub(in crate::engine) fn finds_fail(&self, failures: impl IntoIterator<Item = Failure>) {
        self.state().finds.extend(failures);
    }

    pub(in crate::engine) fn unreadable(&self, failure: Option<Failure>) {
        self.state().unreadable = failure;
    }

    pub(in crate::engine) fn reading_takes(&self, time: Duration) {
        self.state().reading = time;
    }

    pub(in crate::engine) fn panics_once(&self) {
        self.state().panics = true;
    }

    /// Somebody changes an item by hand.
    pub(in crate::engine) fn by_hand(&self, key: &Key, colour: &str) {
        let mut state = self.state();
        state.live.get_mut(key).unwrap().spec["colour"] = Value::from(colour);
    }

    pub(in crate::engine) fn limiter(&self) -> Arc<Limiter> {
        self.limiter.clone()
    }

    /// From now on it asks its gate, as adapters do.
    pub(in crate::engine) fn gated(&self) {
        self.state().gated = true;
    }

    /// One request: it is answered unless the platform is unreadable.
    async fn request(&self) -> Result<(), Failure> {
        let gate = Pace::uncounted(self.limiter.clone());
        let pass = gate.enter().await?;
        self.log.add(format!("{}request", self.name));
        drop(pass);
        let failure = self.state().unreadable.clone();
        gate.note(&Exchange {
            method: "GET",
            route: "/items",
            status: failure.is_none().then_some(200),
            fault: failure.as_ref().map(|_| Fault::Unreachable),
            elapsed: Duration::ZERO,
            attempt: 1,
            failure: failure.as_ref(),
        });
        failure.map_or(Ok(()), Err)
    }

    fn write(&self, step: &Step) -> Done {
        let mut state = self.state();
        let key = &step.change.key;
        if let Action::Operation(_) = step.change.action {
            return Done::default();
        }
        if matches!(step.change.action, Action::Delete(_)) {
            state.live.remove(key);
            return Done::default();
        }
        if step.change.action == Action::Create && state.live.contains_key(key) {
            state.doubles += 1;
        }
        let id = match state.live.get(key) {
            Some(live) => live.id,
            None => {
                state.next += 1;
                RemoteId(state.next)
            }
        };
        state.partly.remove(key);
        state.live.insert(
            key.clone(),
            LiveResource {
                id,
                spec: step.write.clone(),
                base: None,
                presence: Presence::Active,
                authorship: Authorship::Authored,
                unread: Vec::new(),
                edited: None,
            },
        );
        Done {
            remote: Some(id),
            learned: Vec::new(),
        }
    }
}

#[async_trait]
impl Platform for TestPlatform {
    fn schema(&self) -> &dyn Schema {
        &TestSchema
    }

    fn target(&self) -> &TargetId {
        &self.target
    }

    async fn observe(&self, _: &Desired, _: &Scope) -> Result<Live, Failure> {
        self.log.add(format!("{}observe", self.name));
        let gated = self.state().gated;
        if gated {
            self.request().await?;
        }
        let reading = self.state().reading;
        tokio::time::sleep(reading).await;
        self.log.add(format!("{}observed", self.name));
        let panics = std::mem::take(&mut self.state().panics);
        assert!(!panics, "scripted panic");
        let state = self.state();
        match &state.unreadable {
            Some(failure) => Err(failure.clone()),
            None => Ok(Live {
                resources: state.live.clone(),
                gaps: state.gaps.clone(),
                ..Live::default()
            }),
        }
    }

    async fn find(&self, step: &Step, _: &Ids) -> Result<Found, Failure> {
        self.log.add(format!("find {}", step.change.key));
        let mut state = self.state();
        if let Some(failure) = state.finds.pop_front() {
            return Err(failure);
        }
        let key = &step.change.key;
        Ok(match (state.live.get(key), &step.change.action) {
            (None, Action::Delete(_)) => Found::Done(step.remote.unwrap()),
            (None, _) => Found::Absent,
            (Some(live), Action::Delete(_)) => Found::Partly(live.id),
            (Some(live), _) if state.partly.contains(key) => Found::Partly(live.id),
            (Some(live), _) if live.spec == step.write => Found::Done(live.id),
            (Some(_), _) => Found::Absent,
        })
    }

    async fn execute(&self, step: &Step, _: &Ids) -> Result<Progress, Failure> {
        let key = &step.change.key;
        self.log.add(format!("{} {key}", step.change.action.word()));
        let script = self.state().writes.get_mut(key).and_then(VecDeque::pop_front);
        match script {
            None => {}
            Some(Script::Fails(failure)) => return Err(failure),
            Some(Script::LostBefore) => return Err(failure(Meaning::Lost)),
            Some(Script::LostAfter) => {
                let _ = self.write(step);
                return Err(failure(Meaning::Lost));
            }
            Some(Script::Late) => {
                let _ = self.write(step);
                return Err(failure(Meaning::Conflict));
            }
            Some(Script::Partly) => {
                let _ = self.write(step);
                self.state().partly.insert(key.clone());
                return Err(failure(Meaning::Lost));
            }
            Some(Script::Panics) => panic!("scripted panic"),
            Some(Script::Slow(time)) => tokio::time::sleep(time).await,
            Some(Script::Job(polls)) => {
                self.state().polls_left = polls;
                return Ok(Progress::Running(Job {
                    id: RemoteId(77),
                    operation: operation(key),
                }));
            }
        }
        self.log.add(format!("wrote {key}"));
        Ok(Progress::Done(self.write(step)))
    }

    async fn reach(&self) -> Result<(), Failure> {
        self.request().await
    }

    async fn poll(&self, job: &Job, _: &Ids) -> Result<Progress, Failure> {
        self.log.add("poll");
        let mut state = self.state();
        if state.polls_left > 1 {
            state.polls_left -= 1;
            return Ok(Progress::Running(job.clone()));
        }
        Ok(Progress::Done(Done {
            remote: None,
            learned: vec![(key("item/b/learned"), RemoteId(5))],
        }))
    }
}

pub(in crate::engine) fn operation(subject: &Key) -> Operation {
    Operation {
        name: "sync",
        subject: subject.clone(),
        arguments: Map::new(),
        reason: "a table is unknown".into(),
    }
}
