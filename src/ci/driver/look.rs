//! Looks at pull requests that moved: what their heads are, and whether all is done for them.

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Configured, Driver, Extent, Occasion, Shared};
use crate::ci::last_word::{Again, LastWord, Said};
use crate::ci::looks::{Next, Of};
use crate::ci::outcome::CiResult;
use crate::ci::pipeline::Request;
use crate::ci::record::{Phase, Record};
use crate::ci::waits::Waits;
use crate::forge::{PullRequest, PullRequestState};
use crate::platform::data_diffs::{Head, PullRequestNumber};
use crate::store::StoreError;
use crate::store::pull_runs::PullRunsOf;

/// Looks at a pull request as it is now, again for as long as it is told that it moved, or cannot see it.
pub(super) async fn look(driver: Driver, of: Of) {
    let shared = driver.0.clone();
    let mut configs = shared.setup.configs.clone();
    let waits = Waits::new(shared.setup.options, shared.stop.clone(), CancellationToken::new());
    let (began, mut refused) = (Instant::now(), 0);
    loop {
        let looked = look_once(&driver, &of, &waits).await;
        let wait = match looked {
            // The next start looks.
            Looked::Stopped => return,
            Looked::Seen => None,
            Looked::NotSeen => Some(shared.setup.options.retry.longest),
            Looked::Nobodys if began.elapsed() < shared.setup.options.unheard => {
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    // Without whoever reads them nothing changes any more: the next start looks.
                    changed = configs.changed() => if changed.is_err() { return },
                    () = sleep_until(began + shared.setup.options.unheard) => {}
                }
                continue;
            }
            Looked::Nobodys => {
                error!(
                    repository = of.0.0,
                    number = of.1.0,
                    "a pull request that moved is not looked at: for a day not every environment's CI configurations could be read"
                );
                None
            }
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
    /// A forge does not let it be seen, or has none of that number: so it answers while a token is changed, too.
    Refused(String),
    /// No configuration that is known is of its repository, and not all are known.
    Nobodys,
    /// The process ends.
    Stopped,
}

/// Looks once more at a pull request for one configuration, whose orchestration has ended while there was something new to see. For
/// others there is nothing new: looks that make each other look have no end.
pub(super) fn look_again<'a>(
    driver: &'a Driver,
    configured: &'a Configured,
    number: PullRequestNumber,
) -> BoxFuture<'a, ()> {
    Box::pin(async move {
        let shared = driver.0.clone();
        let of = (configured.config.repository.clone(), number);
        match shared.looks.begin(&of).await {
            Ok(Next::Look) => {}
            // Somebody looks, and will once more.
            Ok(Next::Nothing) => return,
            Err(error) => {
                error!("{error}");
                return;
            }
        }
        let waits = Waits::new(shared.setup.options, shared.stop.clone(), CancellationToken::new());
        // The copy that a forge answers from may be behind for a moment.
        if waits
            .pause(shared.setup.options.poll.wait(1, fastrand::f64()))
            .await
            .is_err()
        {
            return;
        }
        match look_at(driver, configured, number, &waits).await {
            Looked::Stopped => {}
            Looked::Seen => match shared.looks.end(&of).await {
                Ok(Next::Look) => look(driver.clone(), of).await,
                Ok(Next::Nothing) => {}
                Err(error) => error!("{error}"),
            },
            Looked::NotSeen | Looked::Refused(_) | Looked::Nobodys => look(driver.clone(), of).await,
        }
    })
}

async fn look_once(driver: &Driver, (repository, number): &Of, waits: &Waits) -> Looked {
    let configs = driver.0.configs();
    // Both forges take a path in any case; documents have it as people write it.
    let is_of = |configured: &&Configured| configured.config.repository.0.eq_ignore_ascii_case(&repository.0);
    let own: Vec<&Configured> = configs.known.iter().filter(is_of).collect();
    if own.is_empty() && configs.extent == Extent::Partial {
        return Looked::Nobodys;
    }
    let mut looked = Looked::Seen;
    // Several configurations of a repository may have forges of their own: each is asked for itself.
    for configured in own {
        match look_at(driver, configured, *number, waits).await {
            Looked::Seen => {}
            Looked::Stopped => return Looked::Stopped,
            other => looked = other,
        }
    }
    looked
}

async fn look_at(driver: &Driver, configured: &Configured, number: PullRequestNumber, waits: &Waits) -> Looked {
    let (forge, repository) = (&configured.forge, &configured.config.repository);
    let read = || forge.pull_request(repository, number);
    let pull = match waits.tried("read the pull request", waits.options.tries, read).await {
        Ok(Ok(pull)) => pull,
        Ok(Err(failure)) if failure.meaning.is_transient() => {
            error!(
                config = configured.config.name,
                repository = repository.0,
                number = number.0,
                "a pull request moved and cannot be read: {}",
                failure.message
            );
            return Looked::NotSeen;
        }
        // What a token may not see is not there, as some forges put it.
        Ok(Err(failure)) => return Looked::Refused(failure.message),
        Err(_) => return Looked::Stopped,
    };
    if pull.state == PullRequestState::Closed {
        return Looked::Seen;
    }
    let begun = match is_settled(&driver.0, configured, &pull).await {
        Ok(false) => driver.begin(configured, head(&pull), Occasion::Moved).await,
        Ok(true) => Ok(()),
        Err(error) => Err(error),
    };
    match begun {
        Ok(()) => Looked::Seen,
        Err(error) => {
            error!("{error}");
            Looked::NotSeen
        }
    }
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
