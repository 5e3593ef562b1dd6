//! One cell of the matrix: a pass with one fault in it, a clean pass after it, and a third that must find nothing to do.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use driftless::engine::apply::{Limits, Unfollowed};
use driftless::engine::reconcile::{Environment, Memory, PassError, carry_out, prepare};
use driftless::engine::windows::Windows;
use driftless::store::sqlite::{self, SqliteStore};
use driftless_core::guard::Circumstances;
use driftless_core::key::EnvironmentName;
use driftless_core::render;
use driftless_core::report::{Conclusion, Outcomes, Report};
use driftless_core::substitute::Variables;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::case::Case;
use crate::instance::{Instance, differences};
use crate::measure::{self, Done, Strangers};
use crate::pipeline::{self, limits};
use crate::sorts::Sort;
use crate::wire::{Asked, OneByOne, Patience};

/// How long a request may take of a pass that runs into time-outs.
const SHORT: Duration = Duration::from_millis(100);

/// How long a request may take where nothing is broken, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

/// A place in the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) sort: Sort,
    /// The number of the request, from 1.
    pub(crate) at: usize,
    pub(crate) patience: Patience,
}

impl Cell {
    /// Its name: what `--only` takes.
    pub(crate) fn name(&self) -> String {
        let end = match self.patience {
            Patience::Usual => "",
            Patience::None => "/unretried",
        };
        format!("{}@{}{end}", self.sort.name(), self.at)
    }

    /// The rules for the sandbox, where nothing hangs on the time.
    pub(crate) fn rules(&self) -> Value {
        self.rules_for(LONG)
    }

    /// The rules for the sandbox, where a request may take `time`.
    fn rules_for(&self, time: Duration) -> Value {
        let mut rule = self.sort.rule(time);
        match self.patience {
            Patience::Usual => rule["nth"] = json!(self.at),
            // The look-up of a lost write breaks as well.
            Patience::None => {
                rule["from"] = json!(self.at);
                rule["to"] = json!(self.at + 1);
            }
        }
        json!([rule])
    }
}

/// The pass as it goes when nothing is broken.
pub(crate) struct Unbroken {
    /// Its requests, in order.
    pub(crate) asked: Vec<Asked>,
    /// What the instance then holds.
    pub(crate) state: Value,
    pub(crate) done: Done,
}

impl Unbroken {
    pub(crate) async fn of(case: &Case) -> Self {
        let instance = start(case).await;
        let strangers = Strangers::of(&instance).await;
        let gate = OneByOne::new(Patience::Usual);
        let environment = environment(case, &instance, &gate, pipeline::memory().await);
        let pass = pass(&environment, Patience::Usual).await;
        assert_eq!(pass.broken_by(), [] as [String; 0]);
        let done = measure::done(&instance).await;
        assert_eq!(done.writes.repeated(), [] as [String; 0]);
        assert_eq!(done.writes.secrets_twice(), 0);
        assert_eq!(Strangers::of(&instance).await, strangers);
        Self {
            asked: gate.asked(),
            state: measure::state(&instance).await,
            done,
        }
    }
}

/// What became of a cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Whether the pass with the fault in it did all that there was to do.
    pub(crate) absorbed: bool,
    pub(crate) duplicates: usize,
    pub(crate) foreign: usize,
    pub(crate) repeated: usize,
    /// Passwords that were sent once more, since nobody can read whether they arrived.
    pub(crate) secrets_again: usize,
    /// Synchronisations and profiles that were asked for once more.
    pub(crate) operations_again: usize,
    /// What does not hold.
    pub(crate) violations: Vec<String>,
}

/// One pass, as far as it came.
pub(crate) struct Pass(Result<(Report, usize), PassError>, Vec<String>);

impl Pass {
    /// What it did, if it came as far as doing anything.
    pub(crate) fn report(&self) -> Option<&Report> {
        self.0.as_ref().ok().map(|(report, _)| report)
    }

    fn succeeded(&self) -> bool {
        let Pass(Ok((report, faults)), _) = self else {
            return false;
        };
        report.conclusion(*faults) == Conclusion::Succeeded
    }

    /// What it says of what it could not do.
    pub(crate) fn broken_by(&self) -> Vec<String> {
        let Pass(result, gaps) = self;
        match result {
            Err(error) => vec![error.to_string()],
            Ok((report, _)) => {
                let failures = report.outcomes.iter().filter_map(|outcome| match &outcome.result {
                    Outcomes::Failed(failure) => Some(format!("{}: {}", outcome.key, failure.message)),
                    Outcomes::Applied { .. } | Outcomes::Skipped(_) => None,
                });
                gaps.iter().cloned().chain(failures).collect()
            }
        }
    }

    /// All that it leaves for people to read.
    fn text(&self) -> String {
        let shown = match &self.0 {
            Ok((report, _)) => render::report_json(report),
            Err(_) => String::new(),
        };
        self.broken_by().join("\n") + &shown
    }
}

/// The instance before the pass.
pub(crate) async fn start(case: &Case) -> Instance {
    Instance::start(case.before.clone(), case.switches.clone()).await
}

/// What a pass of `case` works with, all requests of which may take their time.
pub(crate) fn environment(case: &Case, instance: &Instance, gate: &Arc<OneByOne>, memory: Memory) -> Environment {
    hurried(case, instance, gate, memory, LONG)
}

/// The same, where a request may take `time`.
fn hurried(case: &Case, instance: &Instance, gate: &Arc<OneByOne>, memory: Memory, time: Duration) -> Environment {
    Environment {
        name: Some(memory.name.clone()),
        source: case.files.clone(),
        platform: pipeline::platform(instance, gate.clone(), time),
        folder: "config".to_owned(),
        overlays: Vec::new(),
        variables: Arc::new(Variables::new(case.variables.clone(), BTreeSet::new())),
        left_out: Vec::new(),
        policy: case.policy.clone(),
        memory: Some(memory),
        windows: Windows::default(),
        neighbours: Vec::new(),
        branch: None,
    }
}

/// One pass, one step after the other, so that each request has its number.
pub(crate) async fn pass(environment: &Environment, patience: Patience) -> Pass {
    let limits = Limits {
        concurrency: 1,
        attempts: match patience {
            Patience::Usual => limits().attempts,
            Patience::None => 1,
        },
        ..limits()
    };
    let prepared = match prepare(environment, None, &Circumstances::default(), &Unfollowed).await {
        Ok(prepared) => prepared,
        Err(error) => return Pass(Err(error), Vec::new()),
    };
    let faults = prepared.faults();
    let gaps = prepared.gaps.iter().map(|gap| gap.message.clone()).collect();
    let stop = CancellationToken::new();
    let report = carry_out(environment, prepared, &pipeline::origin(), &limits, &stop, &Unfollowed).await;
    Pass(report.map(|report| (report, faults)), gaps)
}

/// A memory in a file.
pub(crate) async fn opened(folder: &Path) -> Memory {
    let file = folder.join("store.db");
    let store = SqliteStore::open(file.to_str().unwrap(), sqlite::Limits::default()).await;
    Memory {
        store: Arc::new(store.unwrap()),
        name: EnvironmentName("test".to_owned()),
    }
}

/// Runs a cell. Where the machine was so busy that another request ran out of its time before the fault was met, it is run again with
/// four times as much.
pub(crate) async fn run(case: &Case, unbroken: &Unbroken, cell: Cell) -> Verdict {
    let mut time = match cell.sort.takes_time() {
        true => SHORT,
        false => LONG,
    };
    loop {
        match tried_with(case, unbroken, cell, time).await {
            Some(verdict) => return verdict,
            None if time < LONG => time *= 4,
            None => {
                return Verdict {
                    violations: vec!["the fault is never met".to_owned()],
                    ..Verdict::default()
                };
            }
        }
    }
}

/// Breaks the pass at its cell, where a request may take `time`, and holds what must hold afterwards; nothing where the fault was not
/// met.
async fn tried_with(case: &Case, unbroken: &Unbroken, cell: Cell, time: Duration) -> Option<Verdict> {
    let instance = start(case).await;
    let strangers = Strangers::of(&instance).await;
    instance.door("PUT", "faults", cell.rules_for(time)).await;
    let folder = tempfile::tempdir().unwrap();
    let mut verdict = Verdict::default();
    let mut violations = Vec::new();
    let memory = if cell.sort.kills() {
        killed(case, &instance, cell, folder.path()).await
    } else {
        let memory = pipeline::memory().await;
        let gate = OneByOne::new(cell.patience);
        let environment = hurried(case, &instance, &gate, memory.clone(), time);
        let first = pass(&environment, cell.patience).await;
        let met = instance.door("GET", "faults", Value::Null).await["met"][0].as_u64();
        if met.is_none_or(|met| met == 0) {
            return None;
        }
        verdict.absorbed = first.succeeded();
        let said = first.broken_by();
        match verdict.absorbed {
            true => {
                let left = differences(&measure::state(&instance).await, &unbroken.state);
                violations.extend(left.iter().map(|at| format!("it succeeded, and yet {at}")));
            }
            false => {
                let asked = gate.asked();
                let mut broken: Vec<String> = asked.iter().skip(cell.at - 1).take(2).map(Asked::text).collect();
                // On a busy machine another request may have run out of its time as well.
                if cell.sort.takes_time() {
                    broken.push("no whole answer in time".to_owned());
                }
                if !broken.iter().any(|what| said.iter().any(|line| line.contains(what))) {
                    violations.push(format!("it does not say that {} failed: {said:?}", broken.join(" or ")));
                }
            }
        }
        if let Some(secret) = secrets(case).find(|secret| first.text().contains(secret.as_str())) {
            violations.push(format!("it shows the secret {secret}"));
        }
        memory
    };
    instance.door("DELETE", "faults", Value::Null).await;

    let gate = OneByOne::new(Patience::Usual);
    let environment = environment(case, &instance, &gate, memory);
    let second = pass(&environment, Patience::Usual).await;
    if !second.succeeded() {
        violations.push(format!("the next pass failed: {:?}", second.broken_by()));
    }
    let left = differences(&measure::state(&instance).await, &unbroken.state);
    violations.extend(left.iter().map(|at| format!("after the next pass {at}")));
    let done = measure::done(&instance).await;
    match pass(&environment, Patience::Usual).await {
        Pass(Ok((report, _)), _) if report.plan.is_empty() => {}
        Pass(Ok((report, _)), _) => violations.push(format!("a third pass would: {}", render::plan_text(&report.plan))),
        third => violations.push(format!("a third pass failed: {:?}", third.broken_by())),
    }
    if measure::done(&instance).await != done {
        violations.push("a third pass wrote".to_owned());
    }
    let memory = environment.memory.as_ref().unwrap();
    let intents = memory.store.intents(&memory.name, environment.platform.schema()).await;
    if intents.as_ref().is_ok_and(|open| !open.is_empty()) || intents.is_err() {
        violations.push(format!("what was about to be written is not settled: {intents:?}"));
    }

    let twice = measure::twice(&measure::state(&instance).await);
    verdict.duplicates = twice.len();
    violations.extend(twice.iter().map(|place| format!("there twice: {place}")));
    let mut foreign = strangers.written(&done.writes);
    if Strangers::of(&instance).await != strangers {
        foreign.push("somebody else's row is not as it was".to_owned());
    }
    verdict.foreign = foreign.len();
    violations.extend(foreign);
    let repeated = done.writes.repeated();
    verdict.repeated = repeated.len();
    violations.extend(repeated);
    // Of a connection whose creation was cut off, too, nobody can read whether its secret arrived.
    verdict.secrets_again = done.writes.secrets().saturating_sub(unbroken.done.writes.secrets());
    verdict.operations_again = done.operations.count().saturating_sub(unbroken.done.operations.count());
    let (written, needed) = (
        done.writes.count() - verdict.secrets_again,
        unbroken.done.writes.count(),
    );
    if written > needed {
        violations.push(format!("{written} writes took effect, and {needed} are enough"));
    }
    verdict.violations = violations;
    Some(verdict)
}

fn secrets(case: &Case) -> impl Iterator<Item = &String> {
    let named = case.variables.iter();
    named
        .filter(|(name, _)| name.contains("PASSWORD"))
        .map(|(_, value)| value)
}

/// Lets the process die while its request is on the way, before or after it took effect; gives the memory as the next process
/// finds it.
///
/// What a killed process leaves behind is what the platform holds and what lies on the disk. Here the request is held by the
/// sandbox when its effect is there, or is not to be; the pass waits for the answer, so nothing is being committed, and the files
/// are copied as they lie: the database with the journal beside it, in which commits stay until a clean end that a killed process
/// never has. Then the pass is dropped where it stands, as nothing of a killed process runs on. What is dropped may close its own files
/// in good order: nobody reads them again. Between an effect and its answer, and between that and the commit that notes it, there is no
/// difference for the next process; so before and after the effect of each write are all the places there are.
pub(crate) async fn killed(case: &Case, instance: &Instance, cell: Cell, folder: &Path) -> Memory {
    let (lived, left) = (folder.join("lived"), folder.join("left"));
    std::fs::create_dir(&lived).unwrap();
    std::fs::create_dir(&left).unwrap();
    let gate = OneByOne::new(cell.patience);
    let environment = environment(case, instance, &gate, opened(&lived).await);
    tokio::select! {
        _ = pass(&environment, cell.patience) => panic!("the pass ended before it was killed"),
        () = held(instance, &gate, cell.at) => {}
    }
    for file in std::fs::read_dir(&lived).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), left.join(file.file_name())).unwrap();
    }
    drop(environment);
    opened(&left).await
}

/// Until the request of that number is held by the sandbox.
async fn held(instance: &Instance, gate: &OneByOne, at: usize) {
    gate.reached(at).await;
    instance.wait("faults", |answer| answer["met"][0] == 1).await;
}
