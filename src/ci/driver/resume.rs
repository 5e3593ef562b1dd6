//! What an earlier process left open: taken up as soon as its configuration is known, and ended where that never is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Configurations, Configured, Driver, Extent, Occasion, Shared};
use crate::ci::last_word::Again;
use crate::ci::outcome::CiResult;
use crate::ci::record::Record;
use crate::ci::report::{LONGEST_DESCRIPTION, shortened};
use crate::ci::views::Recent;
use crate::ci::waits::Waits;
use crate::forge::{CommitState, CommitStatus, Forge, Repository};
use crate::platform::data_diffs::PullRequestNumber;
use crate::store::pull_runs::{PullRun, PullRunKey, PullRunsOf};

/// Takes up what is open in the store, each time that the configurations change.
pub(super) async fn resume(driver: Driver) {
    let shared = driver.0.clone();
    let newest = PullRunsOf::Newest(Recent::limit());
    match shared.setup.store.pull_runs(&newest).await {
        Ok(runs) => {
            for run in newest_of_each(&runs).filter(|run| run.finished.is_some()) {
                let last = Record::read(run).and_then(|record| record.state.last);
                if last.is_some_and(|word| word.again == Again::AtTheNextStart) {
                    moved(&driver, &run.key).await;
                }
            }
            shared.recent.remember(runs);
        }
        Err(error) => error!("{error}"),
    }
    for run in open(&shared).await.iter().filter(|run| run.key.is_of_delivery()) {
        moved(&driver, &run.key).await;
    }
    let mut configs = shared.setup.configs.clone();
    let mut stranded: BTreeMap<PullRunKey, Instant> = BTreeMap::new();
    loop {
        let Configurations { known, extent } = configs.borrow_and_update().clone();
        // What is not known may be there as long as not all is.
        let patience = match extent {
            Extent::Partial => shared.setup.options.unheard,
            Extent::Whole => shared.setup.options.limit,
        };
        for configured in known.iter() {
            shared.setup.metrics.expect_config(&configured.config.name);
        }
        let mut left = BTreeMap::new();
        for run in open(&shared).await.iter().filter(|run| !run.key.is_of_delivery()) {
            if let Some(why) = take_up(&driver, &known, run).await {
                let since = stranded.get(&run.key).copied().unwrap_or_else(Instant::now);
                match since + patience <= Instant::now() {
                    true => give_up(&shared, &known, run, why).await,
                    false => drop(left.insert(run.key.clone(), since)),
                }
            }
        }
        stranded = left;
        let due = stranded.values().min().map(|since| *since + patience);
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

/// The newest run of each pull request, of those that are given newest first: an older head is none of ours any more.
fn newest_of_each(runs: &[PullRun]) -> impl Iterator<Item = &PullRun> {
    let mut seen = BTreeSet::new();
    runs.iter().filter(move |run| {
        let PullRunKey {
            target,
            config,
            repository,
            number,
            ..
        } = &run.key;
        seen.insert((target, config, repository, number))
    })
}

/// What is open, once the store says it; nothing when the process ends before.
async fn open(shared: &Shared) -> Vec<PullRun> {
    let mut attempt = 0;
    loop {
        match shared.setup.store.pull_runs(&PullRunsOf::Open).await {
            Ok(open) => return open,
            Err(error) => error!("{error}"),
        }
        attempt += 1;
        tokio::select! {
            () = shared.stop.cancelled() => return Vec::new(),
            () = sleep(shared.setup.options.retry.wait(attempt, fastrand::f64())) => {}
        }
    }
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
async fn give_up(shared: &Arc<Shared>, known: &[Configured], run: &PullRun, why: &str) {
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
    let own = known
        .iter()
        .find(|other| other.config.repository.0 == run.key.repository);
    let forge = match (own, shared.setup.forges.as_slice()) {
        (Some(own), _) => own.forge.clone(),
        (None, [only]) => only.clone(),
        // Several may have a repository of that path.
        (None, _) => return,
    };
    let last = Record::read(run).and_then(|record| record.state.last);
    let (state, description) = last.map_or_else(
        || (CommitState::Error, format!("The run is not followed any more: {why}.")),
        |word| (word.state, word.description),
    );
    let status = CommitStatus {
        context: format!("driftless/{}", run.key.config),
        state,
        description: shortened(&description, LONGEST_DESCRIPTION),
        url: None,
    };
    let (shared, key) = (shared.clone(), run.key.clone());
    shared
        .clone()
        .tracker
        .spawn(async move { say(&shared, forge.as_ref(), &key, &status).await });
}

async fn say(shared: &Shared, forge: &dyn Forge, key: &PullRunKey, status: &CommitStatus) {
    let waits = Waits::new(shared.setup.options, shared.stop.clone(), CancellationToken::new());
    let (repository, number) = (Repository(key.repository.clone()), PullRequestNumber(key.number));
    let set = || forge.set_status(&repository, number, &key.sha, status);
    if let Ok(Err(failure)) = waits.tried("set the commit status", waits.options.tries, set).await {
        warn!(
            config = key.config,
            sha = key.sha,
            "the commit status could not be set: {}",
            failure.message
        );
    }
}
