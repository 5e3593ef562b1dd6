//! Ports in memory for the tests of the engine: a platform that fails as it is told, a source, a store, and one log of what
//! they were asked, in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use driftless_core::document::{Reference, Strength};
use driftless_core::field::FieldPath;
use driftless_core::key::{EnvironmentName, Key, Kind, RemoteId, Revision};
use driftless_core::ledger::{FingerprintKey, Ledger, LedgerEntry};
use driftless_core::plan::{Action, Operation, Step};
use driftless_core::policy::Policy;
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::{Draft, FieldFault, Granularity, KindSpec, Location, Needed, Schema, Side, Substitution};
use driftless_core::snapshot::{Authorship, Desired, Gap, Live, LiveResource, Presence, Scope};
use driftless_core::substitute::Variables;
use driftless_core::tree::{Content, File, Tree};
use driftless_core::value::{Map, Value};
use driftless_core::yaml::{Data, Entry, Mark, Node, Parsed};
use tokio::time::Instant;

use super::reconcile::Environment;
use crate::clock::Clock;
use crate::platform::{Done, Found, Ids, Job, Platform, Progress, TargetId};
use crate::source::{Commit, Source, SourceError, SourceFault};
use crate::store::{Intent, RunId, RunRecord, Store, StoreError};

pub(super) const BOX: Kind = Kind("box");
pub(super) const ITEM: Kind = Kind("item");

/// What the ports were asked, in order.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The lines since the last take.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(super) fn count(&self, start: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(start)).count()
    }
}

pub(super) fn key(text: &str) -> Key {
    Key::parse(text, [BOX, ITEM]).unwrap()
}

pub(super) fn failure(meaning: Meaning) -> Failure {
    Failure {
        meaning,
        message: format!("scripted: {}", meaning.word()),
        fields: Vec::new(),
        retry_after: None,
    }
}

/// A clock that follows tokio's paused time.
pub(super) struct TestClock(Instant);

impl TestClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + self.0.elapsed()
    }
}

// === schema ===

/// Boxes (`boxes/<slug>/_box.yaml`) and the items in them (`boxes/<slug>/items/<slug>.yaml`).
struct TestSchema;

const fn kind(kind: Kind, include: &'static str, parents: &'static [Kind]) -> KindSpec {
    KindSpec {
        kind,
        include,
        parents,
        secrets: &[],
        immutable: &[],
        volatile: &[],
        owned_whole: &[],
        sets: &[],
        names: &[],
        aliases: &[],
        trimmed: &[],
        defaults: &[],
        linked: &[],
        vault: None,
        substitution: Substitution::Off,
        granularity: Granularity::Each,
        directives: &[],
    }
}

static KINDS: [KindSpec; 2] = [kind(BOX, "boxes", &[]), kind(ITEM, "items", &[BOX])];

impl Schema for TestSchema {
    fn platform(&self) -> &'static str {
        "test"
    }

    fn kinds(&self) -> &'static [KindSpec] {
        &KINDS
    }

    fn locate(&self, path: &str) -> Location {
        match path.split('/').collect::<Vec<_>>()[..] {
            ["boxes", slug, "_box.yaml"] => Location::Document {
                kind: BOX,
                parents: Vec::new(),
                names_folder: Some(slug.to_owned()),
            },
            ["boxes", slug, "items", _] => Location::Document {
                kind: ITEM,
                parents: vec![slug.to_owned()],
                names_folder: None,
            },
            _ => Location::Ignored,
        }
    }

    fn slug(&self, name: &str) -> String {
        name.to_owned()
    }

    fn identity(&self, _: Kind, spec: &Map) -> Result<String, Box<FieldFault>> {
        Ok(spec["name"].as_str().unwrap().to_owned())
    }

    fn identity_fields(&self, _: Kind) -> &'static [&'static str] {
        &["name"]
    }

    fn canonical(&self, _: Kind, _: Side, _: &mut Map) {}

    fn references(&self, key: &Key, _: &Map) -> Vec<Reference> {
        match key.path() {
            [parent, _] => vec![Reference {
                at: FieldPath::top("name"),
                to: Key::new(BOX, [parent.clone()]),
                strength: Strength::Before,
            }],
            _ => Vec::new(),
        }
    }

    fn check(&self, _: &Key, _: &Map) -> Vec<FieldFault> {
        Vec::new()
    }

    fn likeness(&self, _: Kind, _: &Map) -> Option<String> {
        None
    }

    fn operations(&self, _: &Draft<'_>) -> Vec<Needed> {
        Vec::new()
    }
}

// === source ===

/// A source whose revisions a test pushes.
pub(super) struct TestSource {
    name: String,
    log: Log,
    state: Mutex<SourceState>,
}

#[derive(Default)]
struct SourceState {
    head: Option<Revision>,
    trees: BTreeMap<Revision, Vec<File>>,
    down: bool,
    slow: Duration,
    fetched: Option<Revision>,
}

impl TestSource {
    pub(super) fn new(log: &Log) -> Arc<Self> {
        Arc::new(Self {
            name: "config".into(),
            log: log.clone(),
            state: Mutex::default(),
        })
    }

    /// Pushes a revision with the box `b` and these items in it: name and colour.
    pub(super) fn push(&self, revision: &str, items: &[(&str, &str)]) {
        let mut files = vec![file("boxes/b/_box.yaml", Some(&[("name", "b")]))];
        for (name, colour) in items {
            let fields = [("name", *name), ("colour", *colour)];
            files.push(file(&format!("boxes/b/items/{name}.yaml"), Some(&fields)));
        }
        self.push_files(revision, files);
    }

    pub(super) fn push_files(&self, revision: &str, mut files: Vec<File>) {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut state = self.state.lock().unwrap();
        state.head = Some(Revision(revision.into()));
        state.trees.insert(Revision(revision.into()), files);
    }

    pub(super) fn down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    /// How long a look takes.
    pub(super) fn slow(&self, look: Duration) {
        self.state.lock().unwrap().slow = look;
    }
}

/// A file with these fields, or one that cannot be read.
pub(super) fn file(path: &str, fields: Option<&[(&str, &str)]>) -> File {
    let at = Mark { line: 1, column: 1 };
    let root = fields.map(|fields| Node {
        at,
        data: Data::Map(
            fields
                .iter()
                .map(|(name, value)| Entry {
                    key: (*name).to_owned(),
                    at,
                    value: Node {
                        data: Data::Scalar(Value::from(*value)),
                        at,
                    },
                })
                .collect(),
        ),
    });
    let broken = driftless_core::yaml::Fault {
        severity: driftless_core::diagnostic::Severity::Error,
        code: "yaml_syntax",
        message: "no YAML".into(),
        help: None,
        at,
    };
    let faults = if root.is_none() { vec![broken] } else { Vec::new() };
    File {
        path: path.into(),
        content: Content::Yaml(Arc::new(Parsed {
            text: "".into(),
            root,
            faults,
        })),
    }
}

#[async_trait]
impl Source for TestSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn head(&self) -> Result<Revision, SourceError> {
        self.log.add("head");
        let slow = self.state.lock().unwrap().slow;
        tokio::time::sleep(slow).await;
        let state = self.state.lock().unwrap();
        let down = SourceError {
            kind: SourceFault::Unreachable,
            message: "no route".into(),
        };
        state.head.clone().filter(|_| !state.down).ok_or(down)
    }

    async fn last_good(&self) -> Option<Revision> {
        self.state.lock().unwrap().fetched.clone()
    }

    async fn checkout(&self, revision: &Revision, _: &[String]) -> Result<Tree, SourceError> {
        let mut state = self.state.lock().unwrap();
        state.fetched = Some(revision.clone());
        Ok(Tree {
            revision: revision.clone(),
            files: state.trees[revision].clone(),
        })
    }

    async fn describe(&self, revision: &Revision) -> Option<Commit> {
        Some(Commit {
            author: "A. Author".into(),
            subject: format!("subject of {revision}"),
            time: 0,
        })
    }
}

// === platform ===

/// What happens to a write instead of success.
#[derive(Clone, Debug)]
pub(super) enum Script {
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
    /// It becomes a job that takes this many polls.
    Job(u32),
}

pub(super) struct TestPlatform {
    target: TargetId,
    name: String,
    log: Log,
    state: Mutex<PlatformState>,
}

#[derive(Default)]
pub(super) struct PlatformState {
    pub(super) live: BTreeMap<Key, LiveResource>,
    /// Things that a create made although one was there.
    pub(super) doubles: usize,
    pub(super) gaps: Vec<Gap>,
    next: i64,
    writes: BTreeMap<Key, VecDeque<Script>>,
    finds: VecDeque<Failure>,
    unreadable: Option<Failure>,
    reading: Duration,
    partly: BTreeSet<Key>,
    polls_left: u32,
    panics: bool,
}

impl TestPlatform {
    pub(super) fn new(target: &str, log: &Log) -> Arc<Self> {
        Self::named(target, "", log)
    }

    /// A platform whose lines in the log begin with its name.
    pub(super) fn named(target: &str, name: &str, log: &Log) -> Arc<Self> {
        Arc::new(Self {
            target: TargetId(target.into()),
            name: name.into(),
            log: log.clone(),
            state: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, PlatformState> {
        self.state.lock().unwrap()
    }

    /// What happens to the next writes of a key, in order; after that they succeed.
    pub(super) fn script(&self, key: &Key, scripts: impl IntoIterator<Item = Script>) {
        self.state().writes.entry(key.clone()).or_default().extend(scripts);
    }

    pub(super) fn finds_fail(&self, failures: impl IntoIterator<Item = Failure>) {
        self.state().finds.extend(failures);
    }

    pub(super) fn unreadable(&self, failure: Option<Failure>) {
        self.state().unreadable = failure;
    }

    pub(super) fn reading_takes(&self, time: Duration) {
        self.state().reading = time;
    }

    pub(super) fn panics_once(&self) {
        self.state().panics = true;
    }

    /// Somebody changes an item by hand.
    pub(super) fn by_hand(&self, key: &Key, colour: &str) {
        let mut state = self.state();
        state.live.get_mut(key).unwrap().spec["colour"] = Value::from(colour);
    }

    fn write(&self, step: &Step) -> Done {
        let mut state = self.state();
        let key = &step.change.key;
        if let Action::Operation(_) = step.change.action {
            return Done::default();
        }
        if step.change.action == Action::Delete {
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
            (None, Action::Delete) => Found::Done(step.remote.unwrap()),
            (None, _) | (Some(_), Action::Delete) => Found::Absent,
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

pub(super) fn operation(subject: &Key) -> Operation {
    Operation {
        name: "sync",
        subject: subject.clone(),
        arguments: Map::new(),
        reason: "a table is unknown".into(),
    }
}

// === store ===

pub(super) struct TestStore {
    log: Log,
    key: FingerprintKey,
    state: Mutex<StoreState>,
}

#[derive(Default)]
pub(super) struct StoreState {
    pub(super) ledgers: BTreeMap<EnvironmentName, Ledger>,
    pub(super) intents: BTreeMap<(EnvironmentName, Key), Intent>,
    pub(super) runs: BTreeMap<RunId, RunRecord>,
    pub(super) refuses_intents: bool,
}

impl TestStore {
    pub(super) fn new(log: &Log) -> Arc<Self> {
        Arc::new(Self {
            log: log.clone(),
            key: FingerprintKey::new(vec![7; 32]),
            state: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, StoreState> {
        self.state.lock().unwrap()
    }

    pub(super) fn entry(&self, environment: &EnvironmentName, key: &Key) -> Option<LedgerEntry> {
        self.state().ledgers.get(environment)?.entries.get(key).cloned()
    }

    /// The runs that ended, oldest first.
    pub(super) fn ended(&self) -> Vec<RunRecord> {
        let mut runs: Vec<RunRecord> = self.state().runs.values().cloned().collect();
        runs.retain(|run| run.finished.is_some());
        runs.sort_by_key(|run| run.finished);
        runs
    }
}

#[async_trait]
impl Store for TestStore {
    fn fingerprints(&self) -> &FingerprintKey {
        &self.key
    }

    async fn ledger(&self, environment: &EnvironmentName, _: &dyn Schema) -> Result<Ledger, StoreError> {
        Ok(self.state().ledgers.get(environment).cloned().unwrap_or_default())
    }

    async fn agree(&self, environment: &EnvironmentName, entries: &[(Key, LedgerEntry)]) -> Result<(), StoreError> {
        let mut state = self.state();
        let ledger = state.ledgers.entry(environment.clone()).or_default();
        ledger.entries.extend(entries.iter().cloned());
        Ok(())
    }

    async fn close(&self, environment: &EnvironmentName, keys: &[Key]) -> Result<(), StoreError> {
        let mut state = self.state();
        let ledger = state.ledgers.entry(environment.clone()).or_default();
        ledger.entries.retain(|key, _| !keys.contains(key));
        Ok(())
    }

    async fn intend(&self, environment: &EnvironmentName, intent: &Intent) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.refuses_intents {
            return Err(StoreError {
                message: "the disk is full".into(),
            });
        }
        self.log.add(format!("intend {}", intent.key));
        let place = (environment.clone(), intent.key.clone());
        state.intents.insert(place, intent.clone());
        Ok(())
    }

    async fn settle(
        &self,
        environment: &EnvironmentName,
        key: &Key,
        entry: Option<&LedgerEntry>,
    ) -> Result<(), StoreError> {
        self.log.add(format!("settle {key}"));
        let mut state = self.state();
        state.intents.remove(&(environment.clone(), key.clone()));
        if let Some(entry) = entry {
            let ledger = state.ledgers.entry(environment.clone()).or_default();
            ledger.entries.insert(key.clone(), entry.clone());
        }
        Ok(())
    }

    async fn intents(&self, environment: &EnvironmentName, _: &dyn Schema) -> Result<Vec<Intent>, StoreError> {
        let state = self.state();
        let own = state.intents.iter().filter(|((name, _), _)| name == environment);
        Ok(own.map(|(_, intent)| intent.clone()).collect())
    }

    async fn put_run(&self, run: &RunRecord) -> Result<(), StoreError> {
        self.state().runs.insert(run.id.clone(), run.clone());
        Ok(())
    }

    async fn runs(&self, environment: Option<&EnvironmentName>, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        let state = self.state();
        let runs = state.runs.values().rev();
        let own = runs.filter(|run| environment.is_none_or(|name| run.environment == *name));
        Ok(own.take(limit).cloned().collect())
    }

    async fn run(&self, id: &RunId) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.state().runs.get(id).cloned())
    }
}

/// An environment over these, not yet named.
pub(super) fn environment(source: &Arc<TestSource>, platform: &Arc<TestPlatform>) -> Environment {
    Environment {
        name: None,
        source: source.clone(),
        platform: platform.clone(),
        memory: None,
        folder: String::new(),
        overlays: Vec::new(),
        variables: Variables::new(BTreeMap::new(), BTreeSet::new()),
        left_out: Vec::new(),
        policy: Policy::default(),
    }
}
