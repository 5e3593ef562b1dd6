//! Pull requests that are to be looked at: in the store from the delivery until the look has ended, as a forge tells it only once.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, Notify};

use crate::clock::Clock;
use crate::forge::Repository;
use crate::platform::data_diffs::PullRequestNumber;
use crate::store::pull_runs::{PullRun, PullRunKey};
use crate::store::{Store, StoreError};

/// A pull request.
pub(super) type Of = (Repository, PullRequestNumber);

/// Whether a pull request is to be looked at once more when the look at it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    UnderWay,
    Again,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A look.
    Look,
    /// Nothing: somebody looks, or nobody has to.
    Nothing,
}

/// The looks that are under way. Their rows are written under the same lock: what came meanwhile is never taken for done.
pub(super) struct Looks {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    under_way: Mutex<BTreeMap<Of, (Look, Arc<Notify>)>>,
}

impl Looks {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            under_way: Mutex::default(),
        }
    }

    /// A pull request is to be looked at, in this process or, when that ends before, in the next one.
    ///
    /// # Errors
    /// When the store cannot be written: nobody knows of it then.
    pub(super) async fn begin(&self, of: &Of) -> Result<Next, StoreError> {
        let mut looks = self.under_way.lock().await;
        self.store.put_pull_run(&row(of, self.clock.now(), None)).await?;
        if let Some(look) = looks.get_mut(of) {
            look.0 = Look::Again;
            look.1.notify_one();
            return Ok(Next::Nothing);
        }
        looks.insert(of.clone(), (Look::UnderWay, Arc::default()));
        Ok(Next::Look)
    }

    /// A look has ended, and all that follows from it is in the store.
    ///
    /// # Errors
    /// When the store cannot be written: the next start looks once more.
    pub(super) async fn end(&self, of: &Of) -> Result<Next, StoreError> {
        let mut looks = self.under_way.lock().await;
        match looks.get_mut(of) {
            Some((look, _)) if *look == Look::Again => {
                *look = Look::UnderWay;
                Ok(Next::Look)
            }
            _ => {
                looks.remove(of);
                let now = self.clock.now();
                self.store.put_pull_run(&row(of, now, Some(now))).await?;
                Ok(Next::Nothing)
            }
        }
    }

    /// Ends when it is told once more of a pull request that is being looked at.
    pub(super) async fn told(&self, of: &Of) {
        let told = self.under_way.lock().await.get(of).map(|(_, told)| told.clone());
        match told {
            Some(told) => told.notified().await,
            None => std::future::pending().await,
        }
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.try_lock().is_ok_and(|looks| looks.is_empty())
    }
}

fn row((repository, number): &Of, now: DateTime<Utc>, finished: Option<DateTime<Utc>>) -> PullRun {
    PullRun {
        key: PullRunKey::of_delivery(&repository.0, number.0),
        phase: "delivered".to_owned(),
        run: None,
        submitted: None,
        outcome: None,
        message: "the pull request is to be looked at".to_owned(),
        started: now,
        updated: now,
        finished,
        state: "{}".to_owned(),
    }
}
