//! The running engine: one task a source, one task an environment, and the way in for whoever wants a pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::{Digest, EnvironmentName};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::apply::Limits;
use super::approval;
use super::backoff::Backoff;
use super::environment_task::{Dues, EnvironmentTask};
use super::inbox::Inbox;
use super::metrics::Metrics;
use super::reconcile::{Environment, Memory, introduce};
use super::source_task::{self, Watched};
use super::suspension::{Resumed, Suspensions};
use super::target_task::{self, Target};
use super::views::Views;
use super::{Control, Overview, Refusal, UnknownEnvironment};
use crate::clock::Clock;
use crate::platform::TargetId;
use crate::store::facts::{self, Approval};
use crate::store::{RunId, Store, StoreError, Trigger};

pub use super::environment_task::EnvironmentSetup;
pub use super::source_task::SourceSetup;

/// Everything that the engine drives, and what it drives it with.
pub struct Setup {
    /// The sources.
    pub sources: Vec<SourceSetup>,
    /// The environments.
    pub environments: Vec<EnvironmentSetup>,
    /// Ledgers and history.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Metrics,
    /// How hard steps are tried.
    pub limits: Limits,
    /// Waits between passes that do not succeed.
    pub retry: Backoff,
}

/// Waits between passes that do not succeed, unless a test has others: 5 s to 10 min.
pub const RETRY: Backoff = Backoff {
    first: Duration::from_secs(5),
    longest: Duration::from_secs(600),
};

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An environment names a source that is not there.
    #[error(
        "the environment `{environment}` reads the source `{name}`, which is not declared; declare it under `sources`"
    )]
    UnknownSource {
        /// The environment.
        environment: EnvironmentName,
        /// The source's name.
        name: String,
    },
}

/// How the engine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// What was in hand has ended.
    Clean,
    /// The time was over before.
    CutOff,
}

/// What the tasks share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
    pub(super) limits: Limits,
    pub(super) retry: Backoff,
    pub(super) views: Views,
    pub(super) stop: CancellationToken,
}

impl Shared {
    /// A new run's name.
    pub(super) fn mint(&self) -> RunId {
        mint(self.clock.as_ref())
    }
}

/// A new run's name: the time down to the millisecond, and enough chance to part those of one millisecond.
pub fn mint(clock: &dyn Clock) -> RunId {
    let time = clock.now().format("%Y%m%d-%H%M%S-%3f");
    RunId(format!("{time}-{:06x}", fastrand::u32(..1 << 24)))
}

/// A running engine.
pub struct Driver {
    shared: Arc<Shared>,
    tracker: TaskTracker,
    environments: BTreeMap<EnvironmentName, Door>,
    sources: BTreeMap<String, Arc<Watched>>,
}

/// The way to one environment.
struct Door {
    inbox: Arc<Inbox>,
    suspensions: Arc<Suspensions>,
    memory: Memory,
    source: String,
}

impl Driver {
    /// Starts every task on the current runtime. Cancelling `stop` ends them as [`Driver::shutdown`] does, without the wait.
    ///
    /// # Errors
    /// When the set-up does not fit together.
    pub fn start(setup: Setup, stop: CancellationToken) -> Result<Self, StartError> {
        let Setup {
            sources,
            environments,
            store,
            clock,
            metrics,
            limits,
            retry,
        } = setup;
        let watched: BTreeMap<String, Arc<Watched>> = sources
            .iter()
            .map(|setup| (setup.source.name().to_owned(), Arc::default()))
            .collect();
        let overview = Overview {
            environments: environments
                .iter()
                .map(|setup| (setup.name.clone(), setup.view()))
                .collect(),
            sources: sources
                .iter()
                .map(|setup| (setup.source.name().to_owned(), setup.view()))
                .collect(),
        };
        let shared = Arc::new(Shared {
            store,
            clock,
            metrics,
            limits,
            retry,
            views: Views::new(overview),
            stop,
        });
        let mut driver = Self {
            shared: shared.clone(),
            tracker: TaskTracker::new(),
            environments: BTreeMap::new(),
            sources: watched,
        };
        let targets = targets(&environments, &shared.metrics);
        let tasks = driver.environment_tasks(environments)?;
        for setup in sources {
            if let Some(watched) = driver.sources.get(setup.source.name()) {
                let task = source_task::watch(setup, watched.clone(), shared.clone());
                driver.tracker.spawn(task);
            }
        }
        for task in tasks {
            driver.tracker.spawn(task.drive());
        }
        for target in targets {
            driver.tracker.spawn(target_task::watch(target, shared.clone()));
        }
        Ok(driver)
    }

    fn environment_tasks(&mut self, setups: Vec<EnvironmentSetup>) -> Result<Vec<EnvironmentTask>, StartError> {
        let mut turns: BTreeMap<TargetId, Arc<Mutex<()>>> = BTreeMap::new();
        let mut tasks = Vec::new();
        let named = |setup: &EnvironmentSetup| {
            let target = setup.environment.platform.target();
            Environment {
                name: Some(setup.name.clone()),
                memory: Some(Memory::new(self.shared.store.clone(), Some(&setup.name), target)),
                ..setup.environment.clone()
            }
        };
        let mut environments: Vec<Environment> = setups.iter().map(named).collect();
        introduce(&mut environments);
        for (setup, environment) in setups.into_iter().zip(environments) {
            let EnvironmentSetup {
                name,
                environment: _,
                target: _,
                url: _,
                drift_interval,
                limiter,
            } = setup;
            let source = environment.source.name().to_owned();
            let Some(watched) = self.sources.get(&source) else {
                return Err(StartError::UnknownSource {
                    environment: name,
                    name: source,
                });
            };
            let target = environment.platform.target();
            let memory = Memory::new(self.shared.store.clone(), Some(&name), target);
            let turn = turns.entry(environment.platform.target().clone()).or_default().clone();
            let inbox = Arc::new(Inbox::default());
            let suspensions = Arc::new(Suspensions::default());
            let door = Door {
                inbox: inbox.clone(),
                suspensions: suspensions.clone(),
                memory,
                source,
            };
            self.environments.insert(name.clone(), door);
            tasks.push(EnvironmentTask {
                name,
                environment,
                drift_interval,
                inbox,
                suspensions,
                looked: watched.looked(),
                turn,
                circuit: limiter.circuit(),
                shared: self.shared.clone(),
                dues: Dues::default(),
            });
        }
        Ok(tasks)
    }

    /// Stops: steps in hand end, nothing new starts, what was cut off is in its run's report. Waits for that at most `grace`,
    /// which is meant to be shorter than what the process manager waits before it kills.
    pub async fn shutdown(&self, grace: Duration) -> Shutdown {
        self.shared.stop.cancel();
        self.tracker.close();
        match tokio::time::timeout(grace, self.tracker.wait()).await {
            Ok(()) => {
                info!("Every run has ended");
                Shutdown::Clean
            }
            Err(_) => {
                let grace_s = grace.as_secs();
                warn!(
                    grace_s,
                    "Runs were still going on after {grace_s} s; the next start looks up what became of them"
                );
                Shutdown::CutOff
            }
        }
    }
}

/// The targets, by their names in the config, each with its environments.
fn targets(setups: &[EnvironmentSetup], metrics: &Metrics) -> Vec<Target> {
    let mut targets: BTreeMap<&str, Target> = BTreeMap::new();
    for setup in setups {
        let target = targets.entry(&setup.target).or_insert_with(|| {
            metrics.expect_target(&setup.target, setup.limiter.clone());
            Target {
                limiter: setup.limiter.clone(),
                platform: setup.environment.platform.clone(),
                environments: Vec::new(),
            }
        });
        target.environments.push(setup.name.clone());
    }
    targets.into_values().collect()
}

impl Driver {
    fn door(&self, environment: &EnvironmentName) -> Result<&Door, UnknownEnvironment> {
        let door = self.environments.get(environment);
        door.ok_or_else(|| UnknownEnvironment(environment.clone()))
    }
}

#[async_trait]
impl Control for Driver {
    fn overview(&self) -> watch::Receiver<Arc<Overview>> {
        self.shared.views.subscribe()
    }

    fn trigger(&self, environment: &EnvironmentName, trigger: Trigger) -> Result<RunId, UnknownEnvironment> {
        let door = self.door(environment)?;
        let watched = self.sources.get(&door.source);
        let ticket = watched.map_or(0, |watched| watched.ticket());
        let run = door.inbox.ask(trigger, ticket, || self.shared.mint());
        if let Some(watched) = watched {
            watched.ring();
        }
        Ok(run)
    }

    fn trigger_source(&self, source: &str, trigger: &Trigger) -> Vec<(EnvironmentName, RunId)> {
        let Some(watched) = self.sources.get(source) else {
            return Vec::new();
        };
        // Asked before the look begins: what it finds is then of these runs, and not of runs beside them.
        let ticket = watched.ticket();
        let runs = self.environments.iter().filter(|(_, door)| door.source == source);
        let runs = runs.map(|(name, door)| {
            let run = door.inbox.ask(trigger.clone(), ticket, || self.shared.mint());
            (name.clone(), run)
        });
        let runs = runs.collect();
        watched.ring();
        runs
    }
    async fn suspend(&self, environment: &EnvironmentName, reason: String, by: Option<String>) -> Result<(), Refusal> {
        let suspensions = self.door(environment)?.suspensions.clone();
        let (name, shared) = (environment.clone(), self.shared.clone());
        // Once begun it is finished, whether or not whoever asked still waits.
        to_its_end(async move { suspensions.suspend(&name, reason, by, &shared).await }).await?;
        Ok(())
    }

    async fn resume(&self, environment: &EnvironmentName) -> Result<(), Refusal> {
        let suspensions = self.door(environment)?.suspensions.clone();
        let (name, shared) = (environment.clone(), self.shared.clone());
        let resumed = to_its_end(async move { suspensions.resume(&name, &shared).await }).await?;
        if resumed == Resumed::GoesOn {
            self.trigger(environment, Trigger::Resume)?;
        }
        Ok(())
    }

    async fn approve(
        &self,
        run: &RunId,
        digest: &Digest,
        by: Option<String>,
    ) -> Result<(EnvironmentName, RunId), Refusal> {
        let looked_at = self.shared.store.run(run).await?;
        let looked_at = looked_at.ok_or_else(|| Refusal::UnknownRun(run.clone()))?;
        let name = looked_at.environment.clone();
        let memory = self.door(&name)?.memory.clone();
        let overview = self.shared.views.subscribe().borrow().clone();
        let view = overview.environments.get(&name);
        let plan = view.and_then(|view| view.plan.as_deref());
        approval::check(&looked_at, plan, digest)?;
        let approval = Approval {
            digest: digest.0.clone(),
            run: run.0.clone(),
            by,
            at: self.shared.clock.now(),
        };
        to_its_end(async move { facts::remember(memory.store.as_ref(), &memory.name, &approval).await }).await?;
        let to_come = self.trigger(&name, Trigger::Approval)?;
        Ok((name, to_come))
    }
}

/// Runs `work` to its end, even when the caller goes away.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        Err(StoreError {
            message: format!("driftless itself failed while it wrote to the store: {error}; please report it"),
        })
    })
}
