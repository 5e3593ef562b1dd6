//! The task that keeps the orchestrations of a daemon: one a head commit, resumed at the start, ended by a newer head.

mod look;
mod resume;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use self::look::{look, look_again};
use self::resume::resume;
use super::config::CiConfig;
use super::looks::{Looks, Next};
use super::metrics::Metrics;
use super::options::Options;
use super::outcome::CiResult;
use super::pipeline::{self, Insisted, Ports, Request, insist, orchestrate};
use super::views::Recent;
use crate::clock::Clock;
use crate::forge::{Forge, Repository};
use crate::platform::data_diffs::{DataDiffs, Head, PullRequestNumber};
use crate::store::pull_runs::PullRun;
use crate::store::{Store, StoreError};

/// A CI configuration with what it is checked by.
#[derive(Clone)]
pub struct Configured {
    /// The instance, by its name in the config.
    pub target: String,
    /// The configuration.
    pub config: CiConfig,
    /// The instance.
    pub platform: Arc<dyn DataDiffs>,
    /// Where its pull requests live.
    pub forge: Arc<dyn Forge>,
}

/// The CI configurations that are known now.
#[derive(Clone, Default)]
pub struct Configurations {
    /// The configurations.
    pub known: Arc<Vec<Configured>>,
    /// Whether there may be more.
    pub extent: Extent,
}

/// Whether all CI configurations are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// Some could not be read since the start, or none were read yet: what is not known may be there.
    #[default]
    Partial,
    /// Each was read: what is not known is not there.
    Whole,
}

impl Configurations {
    /// All that there are.
    pub fn whole(known: Vec<Configured>) -> Self {
        Self {
            known: Arc::new(known),
            extent: Extent::Whole,
        }
    }
}

/// What the driver works with.
pub struct Setup {
    /// The configurations, as they change.
    pub configs: watch::Receiver<Configurations>,
    /// The forges, whether a configuration is of them or not.
    pub forges: Vec<Arc<dyn Forge>>,
    /// What outlives the process.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Metrics,
    /// How long orchestrations wait for what.
    pub options: Options,
    /// How many ask something of the platform at the same time; others wait their turn. Who only waits for a run is not counted.
    pub parallel: usize,
}

/// How the driver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// What was in hand has ended, or waits for the next start.
    Clean,
    /// The time was over before; the next start goes on all the same.
    CutOff,
}

/// What an orchestration is of, but for the commit: there is one at a time for each.
type Place = (String, String, Repository, PullRequestNumber);

/// An orchestration under way.
struct Active {
    sha: String,
    superseded: CancellationToken,
    ended: Option<oneshot::Receiver<()>>,
    /// The forge tells of it once more: what it did not take may be said.
    told: Arc<Notify>,
    /// Tells this one from another of the same place.
    ticket: u64,
    occasion: Occasion,
    /// Whether the forge told of it after it was begun: what was seen of the pull request may have changed since.
    retold: bool,
}

struct Shared {
    setup: Setup,
    recent: Recent,
    turns: Semaphore,
    stop: CancellationToken,
    tracker: TaskTracker,
    state: Mutex<State>,
    looks: Looks,
}

#[derive(Default)]
struct State {
    active: BTreeMap<Place, Active>,
    tickets: u64,
}

/// A running driver. Clones are ways in to the same one.
#[derive(Clone)]
pub struct Driver(Arc<Shared>);

impl Driver {
    /// Starts the driver on the current runtime: what an earlier process left open goes on as soon as its configuration is known.
    /// Cancelling `stop` ends it as [`Driver::shutdown`] does, without the wait.
    pub fn start(setup: Setup, stop: CancellationToken) -> Self {
        let shared = Arc::new(Shared {
            turns: Semaphore::new(setup.parallel.max(1)),
            recent: Recent::default(),
            looks: Looks::new(setup.store.clone(), setup.clock.clone()),
            setup,
            stop,
            tracker: TaskTracker::new(),
            state: Mutex::default(),
        });
        let driver = Self(shared.clone());
        shared.tracker.spawn(resume(driver.clone()));
        driver
    }

    /// A pull request may have moved: only a reason to look. What is done for its head, or under way, is not done again. When this
    /// returns, the next process looks if this one does not come to it.
    ///
    /// # Errors
    /// When the store cannot be written: whoever tells of it is to tell again.
    pub async fn moved(&self, repository: Repository, number: PullRequestNumber) -> Result<(), StoreError> {
        let (shared, of) = (&self.0, (repository, number));
        if shared.looks.begin(&of).await? == Next::Look && !shared.stop.is_cancelled() {
            shared.tracker.spawn(look(self.clone(), of));
        }
        Ok(())
    }

    /// The runs of pull requests that were written last, the newest first.
    pub fn recent(&self) -> watch::Receiver<Arc<Vec<PullRun>>> {
        self.0.recent.subscribe()
    }

    /// Stops: no request is begun any more, and what is not at its end stays open for the next start. Waits at most `grace`.
    pub async fn shutdown(&self, grace: Duration) -> Shutdown {
        self.0.stop.cancel();
        self.0.tracker.close();
        match tokio::time::timeout(grace, self.0.tracker.wait()).await {
            Ok(()) => Shutdown::Clean,
            Err(_) => {
                warn!("requests for pull requests were still under way; the next start looks up what became of them");
                Shutdown::CutOff
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an orchestration that has ended out; whether the forge told of it meanwhile, and nobody else took its place.
    fn leave(&self, place: &Place, ticket: u64) -> bool {
        let mut state = self.state();
        let is_last = state.active.get(place).is_some_and(|active| active.ticket == ticket);
        let own = is_last.then(|| state.active.remove(place)).flatten();
        own.is_some_and(|active| active.retold)
    }

    fn configs(&self) -> Configurations {
        self.setup.configs.borrow().clone()
    }

    fn ports(&self, configured: &Configured) -> Ports {
        Ports {
            platform: configured.platform.clone(),
            forge: Some(configured.forge.clone()),
            store: self.setup.store.clone(),
            clock: self.setup.clock.clone(),
            metrics: self.setup.metrics.clone(),
            recent: self.recent.clone(),
            options: self.setup.options,
        }
    }
}

/// Why an orchestration is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// An earlier process left it open: it may be newer than another that was left open, and is older than what the forge says.
    Start,
    /// The forge says that this is the head.
    Moved,
}

impl Driver {
    /// Begins the orchestration of a head commit, unless it is under way; ends that of an older head of the same pull request first.
    /// When this returns, it is open in the store.
    ///
    /// # Errors
    /// When the store cannot be read or written; it is begun all the same.
    async fn begin(&self, configured: &Configured, head: Head, occasion: Occasion) -> Result<(), StoreError> {
        let shared = self.0.clone();
        let place: Place = (
            configured.target.clone(),
            configured.config.name.clone(),
            configured.config.repository.clone(),
            head.pull_request,
        );
        let superseded = CancellationToken::new();
        let told = Arc::new(Notify::new());
        let (ends, ended) = oneshot::channel();
        let (ticket, before) = {
            let mut state = shared.state();
            let before = match state.active.get_mut(&place) {
                Some(active) if active.sha == head.sha => {
                    if occasion == Occasion::Moved {
                        active.retold = true;
                        active.told.notify_one();
                    }
                    return Ok(());
                }
                Some(active) if occasion == Occasion::Start && active.occasion == Occasion::Moved => return Ok(()),
                Some(active) => {
                    active.superseded.cancel();
                    active.ended.take()
                }
                None => None,
            };
            state.tickets += 1;
            let ticket = state.tickets;
            let active = Active {
                sha: head.sha.clone(),
                superseded: superseded.clone(),
                ended: Some(ended),
                told: told.clone(),
                ticket,
                occasion,
                retold: false,
            };
            state.active.insert(place.clone(), active);
            (ticket, before)
        };
        let ports = shared.ports(configured);
        let request = Request {
            target: configured.target.clone(),
            config: configured.config.clone(),
            head,
            diffs: None,
        };
        let opened = match occasion {
            Occasion::Moved => pipeline::open(&ports, &request).await,
            Occasion::Start => Ok(()),
        };
        let (driver, configured) = (self.clone(), configured.clone());
        let task = async move {
            if let Some(before) = before {
                // Its last request may be under way; it ends either way.
                let _ = before.await;
            }
            let left = see_through(&shared, &ports, &request, &superseded).await;
            let unsaid = speak(&shared, &ports, &request, (&superseded, &told), left).await;
            let retold = shared.leave(&place, ticket);
            // Nobody waits for it unless there is a newer head.
            let _ = ends.send(());
            let is_behind = left == Left::Passed && !superseded.is_cancelled();
            if unsaid == Left::Nothing && (retold || is_behind) {
                look_again(&driver, &configured, request.head.pull_request).await;
            }
        };
        self.0.tracker.spawn(task);
        opened
    }
}

/// What is left to say when an orchestration is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    /// The commit is not the head any more, as its own orchestration saw.
    Passed,
    /// The forge was not asked in this process.
    Unasked,
    /// The forge did not take it.
    Unheard,
}

async fn see_through(shared: &Shared, ports: &Ports, request: &Request, superseded: &CancellationToken) -> Left {
    info!(
        config = request.config.name,
        number = request.head.pull_request.0,
        sha = request.head.sha,
        "looking after a pull request's head"
    );
    let mut attempt = 0;
    loop {
        match orchestrate(ports, request, &shared.stop, superseded, &shared.turns).await {
            Ok(None) => return Left::Unasked,
            Ok(Some(outcome)) if outcome.result() == CiResult::Superseded => return Left::Passed,
            Ok(Some(outcome)) if outcome.unsaid.is_empty() => return Left::Nothing,
            Ok(Some(_)) => return Left::Unheard,
            Err(error) => error!(config = request.config.name, "{error}"),
        }
        attempt += 1;
        let wait = ports.options.retry.wait(attempt, fastrand::f64());
        tokio::select! {
            // It is open in the store: the next start goes on.
            () = shared.stop.cancelled() => return Left::Nothing,
            () = superseded.cancelled() => return Left::Nothing,
            () = sleep(wait) => {}
        }
    }
}

/// Says the last word for as long as the forge does not take it: again and again, and at once when it tells of the pull request. What is
/// left unsaid.
async fn speak(
    shared: &Shared,
    ports: &Ports,
    request: &Request,
    (superseded, told): (&CancellationToken, &Notify),
    mut left: Left,
) -> Left {
    let mut attempt = 0;
    while matches!(left, Left::Unasked | Left::Unheard) {
        if left == Left::Unheard {
            attempt += 1;
            let wait = ports.options.insists.wait(attempt, fastrand::f64());
            tokio::select! {
                () = shared.stop.cancelled() => return Left::Unheard,
                // That is no word any more: it is closed.
                () = superseded.cancelled() => {}
                () = told.notified() => {}
                () = sleep(wait) => {}
            }
        }
        left = match insist(ports, request, &shared.stop, superseded).await {
            Ok(Insisted::Done) => Left::Nothing,
            Ok(Insisted::GivenUp | Insisted::Stopped) => return Left::Unheard,
            Ok(Insisted::NotYet) => Left::Unheard,
            Err(error) => {
                error!(config = request.config.name, "{error}");
                attempt += 1;
                // Whatever else happens: a store that does not answer is left in peace meanwhile.
                let wait = ports.options.retry.wait(attempt, fastrand::f64());
                tokio::select! {
                    () = shared.stop.cancelled() => return Left::Unheard,
                    () = sleep(wait) => Left::Unasked,
                }
            }
        };
    }
    Left::Nothing
}

#[cfg(test)]
mod tests;
