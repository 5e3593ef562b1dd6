//! Looks at pull requests that moved: what their heads are, and whether all is done for them.

use driftless_core::report::Meaning;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Configured, Driver, Occasion, Shared};
use crate::ci::last_word::{Again, LastWord, Said};
use crate::ci::looks::{Next, Of};
use crate::ci::outcome::CiResult;
use crate::ci::pipeline::Request;
use crate::ci::record::{Phase, Record};
use crate::ci::waits::Waits;
use crate::forge::{PullRequest, PullRequestState};
use crate::platform::data_diffs::Head;
use crate::store::StoreError;
use crate::store::pull_runs::PullRunsOf;

/// Looks at a pull request as it is now, again for as long as it is told that it moved, or cannot see it.
pub(super) async fn look(driver: Driver, of: Of) {
    let shared = driver.0.clone();
    let mut configs = shared.setup.configs.clone();
    tokio::select! {
        () = shared.stop.cancelled() => {}
        // Without whoever knows them there are none.
        _ = configs.wait_for(Option::is_some) => {}
    }
    let waits = Waits::new(shared.setup.options, shared.stop.clone(), CancellationToken::new());
    let (began, mut refused) = (Instant::now(), 0);
    loop {
        let looked = look_once(&driver, &of, &waits).await;
        let wait = match looked {
            // The next start looks.
            Looked::Stopped => return,
            Looked::Seen => None,
            Looked::NotSeen => Some(shared.setup.options.retry.longest),
            Looked::Refused(ref why) if began.elapsed() < shared.setup.options.unheard => {
                refused += 1;
                if refused == 1 {
                    warn!(
                        repository = of.0.0,
                        number = of.1.0,
                        "the forge does not let a pull request that moved be read; it is looked at again for a day, and when the forge \
                         tells of it: {why}"
                    );
                }
                Some(shared.setup.options.insists.wait(refused, fastrand::f64()))
            }
            Looked::Refused(why) => {
                error!(
                    repository = of.0.0,
                    number = of.1.0,
                    "a pull request that moved is not looked at any more, as the forge does not let it be read: {why}"
                );
                None
            }
        };
        if let Some(wait) = wait {
            tokio::select! {
                paused = waits.pause(wait) => if paused.is_err() { return },
                () = shared.looks.told(&of) => {}
            }
            continue;
        }
        match shared.looks.end(&of).await {
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
    /// A forge does not let it be seen, as far as its answer says why: so it answers while a token is changed, too.
    Refused(String),
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
                match failure.meaning {
                    Meaning::Unauthorized | Meaning::Forbidden => looked = Looked::Refused(failure.message),
                    meaning => {
                        error!(
                            config = configured.config.name,
                            repository = repository.0,
                            number = number.0,
                            "a pull request moved and cannot be read: {}",
                            failure.message
                        );
                        if meaning.is_transient() {
                            looked = Looked::NotSeen;
                        }
                    }
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
/// label does not make a new commit. So is one that was not the head any more, and is again, one whose last word no forge
/// took, one that ended for want of access or time, and one that another commit's comment came after: its last word is said anew.
pub(super) async fn is_settled(
    shared: &Shared,
    configured: &Configured,
    pull: &PullRequest,
) -> Result<bool, StoreError> {
    let request = Request {
        target: configured.target.clone(),
        config: configured.config.clone(),
        head: head(pull),
        diffs: None,
    };
    let known = shared.setup.store.pull_runs(&PullRunsOf::Key(request.key())).await?;
    let is_latest = shared.recent.is_latest(&request.key());
    Ok(known.first().is_some_and(|run| {
        let is_superseded = run.outcome.as_deref() == Some(CiResult::Superseded.word());
        let Some(record) = Record::read(run) else { return false };
        let is_open = |word: LastWord| word.said == Said::NotYet || word.again != Again::Never;
        let is_left = record.state.last.is_some_and(is_open);
        run.finished.is_some() && record.phase != Phase::Looking && !is_superseded && !is_left && is_latest
    }))
}
