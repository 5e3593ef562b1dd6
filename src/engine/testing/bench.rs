//! A bench for carrying out plans that a test writes down.

use std::sync::Arc;

use driftless_core::key::{Digest, EnvironmentName, Key, Revision};
use driftless_core::ledger::LedgerEntry;
use driftless_core::plan::{Action, Blast, Change, Class, Plan, Step};
use driftless_core::report::{Failure, Outcomes, Report};
use driftless_core::snapshot::Gap;
use driftless_core::value::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{Log, TestClock, TestPlatform, TestSource, TestStore, environment, key};
use crate::engine::apply::{Limits, Unfollowed};
use crate::engine::audit::Origin;
use crate::engine::reconcile::{self, Environment, Memory, Prepared};
use crate::platform::Ids;
use crate::store::{RunId, Trigger};

pub(in crate::engine) fn prod() -> EnvironmentName {
    EnvironmentName("prod".into())
}

/// Somebody let it through, in a run.
pub(in crate::engine) fn origin() -> Origin {
    Origin {
        run: Some(RunId("run-1".into())),
        trigger: Trigger::Manual,
        approver: Some("someone".into()),
        clock: TestClock::new(),
    }
}

pub(in crate::engine) fn step(action: Action, name: &Key, after: &[usize]) -> Step {
    let write: Map = [("name".to_owned(), Value::from(name.name()))].into_iter().collect();
    Step {
        change: Change {
            key: name.clone(),
            action,
            class: Class::Pending,
            fields: Vec::new(),
            place: None,
            edited: None,
        },
        after: after.to_vec(),
        write: write.clone(),
        remote: None,
        base: None,
        agreement: Some(LedgerEntry {
            spec: write,
            fingerprints: Default::default(),
            remote: None,
            revision: Revision("r1".into()),
            protected: false,
        }),
        moves: Vec::new(),
        closes: Vec::new(),
    }
}

pub(in crate::engine) fn create(name: &str, after: &[usize]) -> Step {
    step(Action::Create, &key(name), after)
}

pub(in crate::engine) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        environment: Some(prod()),
        platform: "test",
        revision: Some(Revision("r1".into())),
        steps,
        reported: Vec::new(),
        held: Vec::new(),
        blast: Blast::default(),
        blocked: Vec::new(),
        unmanaged: Vec::new(),
        orphaned: Vec::new(),
        gone: Vec::new(),
        unchanged: Default::default(),
        agreed: Vec::new(),
        moved: Vec::new(),
        retired: Vec::new(),
        notes: Vec::new(),
        digest: Digest::of("plan"),
    }
}

pub(in crate::engine) struct Bench {
    pub(in crate::engine) log: Log,
    pub(in crate::engine) platform: Arc<TestPlatform>,
    pub(in crate::engine) store: Arc<TestStore>,
    pub(in crate::engine) environment: Environment,
    pub(in crate::engine) stop: CancellationToken,
    pub(in crate::engine) gaps: Vec<Gap>,
}

impl Bench {
    pub(in crate::engine) fn new() -> Self {
        let log = Log::default();
        let (platform, store) = (TestPlatform::new("http://a", &log), TestStore::new(&log));
        let mut environment = environment(&TestSource::new(&log), &platform);
        environment.memory = Some(Memory {
            store: store.clone(),
            name: prod(),
        });
        Self {
            log,
            platform,
            store,
            environment,
            stop: CancellationToken::new(),
            gaps: Vec::new(),
        }
    }

    pub(in crate::engine) async fn carry_out(&self, plan: Plan, limits: &Limits) -> Report {
        let prepared = Prepared {
            plan,
            diagnostics: Vec::new(),
            ids: Ids::default(),
            gaps: self.gaps.clone(),
        };
        reconcile::carry_out(&self.environment, prepared, &origin(), limits, &self.stop, &Unfollowed)
            .await
            .unwrap()
    }

    pub(in crate::engine) async fn run(&self, steps: Vec<Step>) -> Report {
        self.carry_out(plan(steps), &Limits::default()).await
    }

    pub(in crate::engine) fn open_intents(&self) -> usize {
        self.store.state().intents.len()
    }
}

pub(in crate::engine) fn words(report: &Report) -> Vec<&'static str> {
    report.outcomes.iter().map(|outcome| outcome.result.word()).collect()
}

pub(in crate::engine) fn failed(report: &Report, index: usize) -> &Failure {
    match &report.outcomes[index].result {
        Outcomes::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}
