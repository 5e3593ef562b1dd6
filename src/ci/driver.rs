//! The task that keeps the orchestrations of a daemon: one a head commit, resumed at the start, ended by a newer head.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::config::CiConfig;
use super::looks::{Looks, Next, Of};
use super::metrics::Metrics;
use super::options::Options;
use super::outcome::CiResult;
use super::pipeline::{self, Ports, Request, orchestrate};
use super::record::{Phase, Record};
use super::views::Recent;
use super::waits::Waits;
use crate::clock::Clock;
use crate::forge::{Forge, PullRequest, PullRequestState, Repository};
use crate::platform::data_diffs::{DataDiffs, Head, PullRequestNumber};
use crate::store::pull_runs::{PullRun, PullRunKey, PullRunsOf};
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

/// The CI configurations that are known now; `None` before they were read for the first time.
pub type Configurations = Option<Arc<Vec<Configured>>>;

/// What the driver works with.
pub struct Setup {
    /// The configurations, as they change.
    pub configs: watch::Receiver<Configurations>,
    /// What outlives the process.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Metrics,
    /// How long orchestrations wait for what.
    pub options: Options,
    /// How many are under way at the same time; others wait their turn.
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
    /// Tells this one from another of the same place.
    ticket: u64,
    occasion: Occasion,
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

    fn configs(&self) -> Arc<Vec<Configured>> {
        self.setup.configs.borrow().clone().unwrap_or_default()
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

/// Takes up what is open in the store, each time that the configurations change.
async fn resume(driver: Driver) {
    let shared = driver.0.clone();
    let newest = PullRunsOf::Newest(Recent::limit());
    match shared.setup.store.pull_runs(&newest).await {
        Ok(runs) => shared.recent.remember(runs),
        Err(error) => error!("{error}"),
    }
    for run in open(&shared).await.iter().filter(|run| run.key.is_of_delivery()) {
        moved(&driver, &run.key).await;
    }
    let mut configs = shared.setup.configs.clone();
    let mut stranded: BTreeMap<PullRunKey, Instant> = BTreeMap::new();
    loop {
        let known = configs.borrow_and_update().clone();
        if let Some(known) = known {
            for configured in known.iter() {
                shared.setup.metrics.expect_config(&configured.config.name);
            }
            let mut left = BTreeMap::new();
            for run in open(&shared).await.iter().filter(|run| !run.key.is_of_delivery()) {
                if let Some(why) = take_up(&driver, &known, run).await {
                    let since = stranded.get(&run.key).copied().unwrap_or_else(Instant::now);
                    match since + shared.setup.options.limit <= Instant::now() {
                        true => give_up(&shared, run, why).await,
                        false => drop(left.insert(run.key.clone(), since)),
                    }
                }
            }
            stranded = left;
        }
        let due = stranded.values().min().map(|since| *since + shared.setup.options.limit);
        let due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let changed = tokio::select! {
            () = shared.stop.cancelled() => return,
            () = due => Ok(()),
            changed = configs.changed() => changed,
        };
        if changed.is_err() {
            return; // whoever knows them is gone, so that nothing changes any more
        }
    }
}

async fn open(shared: &Shared) -> Vec<PullRun> {
    let open = shared.setup.store.pull_runs(&PullRunsOf::Open).await;
    open.unwrap_or_else(|error| {
        error!("{error}");
        Vec::new()
    })
}

async fn moved(driver: &Driver, key: &PullRunKey) {
    let repository = Repository(key.repository.clone());
    if let Err(error) = driver.moved(repository, PullRequestNumber(key.number)).await {
        error!("{error}");
    }
}

/// Goes on with an open run whose configuration is there. Another one may wait until it is; why, and then it is in the text.
async fn take_up(driver: &Driver, known: &[Configured], run: &PullRun) -> Option<&'static str> {
    let PullRunKey {
        target,
        config,
        repository,
        ..
    } = &run.key;
    let of = |configured: &&Configured| {
        configured.target == *target
            && configured.config.name == *config
            && configured.config.repository.0 == *repository
    };
    let Some(configured) = known.iter().find(of) else {
        return Some("its CI configuration is not declared any more");
    };
    let Some(record) = Record::read(run) else {
        return Some("another version of driftless has written how far it is");
    };
    if let Err(error) = driver.begin(configured, record.head(), Occasion::Start).await {
        error!("{error}");
    }
    // While nobody listened there may have come a newer one.
    moved(driver, &run.key).await;
    None
}

/// Ends a run that nobody goes on with: it does not stand there as one under way for ever.
async fn give_up(shared: &Shared, run: &PullRun, why: &str) {
    let now = shared.setup.clock.now();
    let ended = PullRun {
        outcome: Some(CiResult::Failed.word().to_owned()),
        message: format!("given up: {why}; what became of the run is on the platform"),
        updated: now,
        finished: Some(now),
        ..run.clone()
    };
    warn!(config = run.key.config, sha = run.key.sha, "{}", ended.message);
    match shared.setup.store.put_pull_run(&ended).await {
        Ok(()) => shared.recent.put(ended),
        Err(error) => error!("{error}"),
    }
}

/// Looks at a pull request as it is now, again for as long as it is told that it moved, or cannot see it.
async fn look(driver: Driver, of: Of) {
    let shared = driver.0.clone();
    let mut configs = shared.setup.configs.clone();
    tokio::select! {
        () = shared.stop.cancelled() => {}
        // Without whoever knows them there are none.
        _ = configs.wait_for(Option::is_some) => {}
    }
    let waits = Waits::new(shared.setup.options, shared.stop.clone(), CancellationToken::new());
    loop {
        let next = match look_once(&driver, &of, &waits).await {
            // The next start looks.
            Looked::Stopped => return,
            Looked::Seen => shared.looks.end(&of).await,
            Looked::NotSeen => match waits.pause(shared.setup.options.retry.longest).await {
                Ok(()) => Ok(Next::Look),
                Err(_) => return,
            },
        };
        match next {
            Ok(Next::Look) => {}
            Ok(Next::Nothing) => return,
            Err(error) => {
                error!("{error}");
                return;
            }
        }
    }
}

/// What a look came to.
enum Looked {
    /// What was to be begun is in the store.
    Seen,
    /// A forge or the store did not answer: it is to be looked at again.
    NotSeen,
    /// The process ends.
    Stopped,
}

async fn look_once(driver: &Driver, (repository, number): &Of, waits: &Waits) -> Looked {
    let configs = driver.0.configs();
    let own: Vec<&Configured> = configs
        .iter()
        .filter(|configured| configured.config.repository == *repository)
        .collect();
    let mut looked = Looked::Seen;
    // Several configurations of a repository may have forges of their own: each is asked for itself.
    for configured in own {
        let forge = &configured.forge;
        let read = || forge.pull_request(repository, *number);
        let tries = waits.options.tries;
        let pull = match waits.tried("read the pull request", tries, read).await {
            Ok(Ok(pull)) => pull,
            Ok(Err(failure)) => {
                error!(
                    config = configured.config.name,
                    repository = repository.0,
                    number = number.0,
                    "a pull request moved and cannot be read: {}",
                    failure.message
                );
                if failure.meaning.is_transient() {
                    looked = Looked::NotSeen;
                }
                continue;
            }
            Err(_) => return Looked::Stopped,
        };
        if pull.state == PullRequestState::Closed {
            continue;
        }
        let begun = match is_settled(&driver.0, configured, &pull).await {
            Ok(false) => driver.begin(configured, head(&pull), Occasion::Moved).await,
            Ok(true) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = begun {
            error!("{error}");
            looked = Looked::NotSeen;
        }
    }
    looked
}

fn head(pull: &PullRequest) -> Head {
    Head {
        pull_request: pull.number,
        branch: pull.branch.clone(),
        sha: pull.sha.clone(),
        base_branch: pull.base_branch.clone(),
        base_sha: pull.base_sha.clone(),
    }
}

/// Whether all is done for a head. One that the gate kept out, or for which nothing was asked of the platform, is looked at anew: a
/// label does not make a new commit. So is one that was not the head any more, and is again.
async fn is_settled(shared: &Shared, configured: &Configured, pull: &PullRequest) -> Result<bool, StoreError> {
    let request = Request {
        target: configured.target.clone(),
        config: configured.config.clone(),
        head: head(pull),
        diffs: None,
    };
    let known = shared.setup.store.pull_runs(&PullRunsOf::Key(request.key())).await?;
    Ok(known.first().is_some_and(|run| {
        let is_superseded = run.outcome.as_deref() == Some(CiResult::Superseded.word());
        let has_asked = Record::read(run).is_some_and(|record| record.phase != Phase::Looking);
        run.finished.is_some() && has_asked && !is_superseded
    }))
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
        let (ends, ended) = oneshot::channel();
        let (ticket, before) = {
            let mut state = shared.state();
            let before = match state.active.get_mut(&place) {
                Some(active) if active.sha == head.sha => return Ok(()),
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
                ticket,
                occasion,
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
        let task = async move {
            if let Some(before) = before {
                // Its last request may be under way; it ends either way.
                let _ = before.await;
            }
            see_through(&shared, &ports, &request, &superseded).await;
            let mut state = shared.state();
            if state.active.get(&place).is_some_and(|active| active.ticket == ticket) {
                state.active.remove(&place);
            }
            drop(state);
            // Nobody waits for it unless there is a newer head.
            let _ = ends.send(());
        };
        self.0.tracker.spawn(task);
        opened
    }
}

async fn see_through(shared: &Shared, ports: &Ports, request: &Request, superseded: &CancellationToken) {
    let turn = tokio::select! {
        () = shared.stop.cancelled() => return,
        turn = shared.turns.acquire() => turn,
    };
    if turn.is_err() {
        return; // it is never closed
    }
    info!(
        config = request.config.name,
        number = request.head.pull_request.0,
        sha = request.head.sha,
        "looking after a pull request's head"
    );
    if let Err(error) = orchestrate(ports, request, &shared.stop, superseded).await {
        error!(config = request.config.name, "{error}");
    }
}

#[cfg(test)]
mod tests;
