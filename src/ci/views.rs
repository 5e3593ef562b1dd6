//! What pages show of pull requests: the runs that were written last.

use std::sync::Arc;

use tokio::sync::watch;

use crate::store::pull_runs::PullRun;

/// Runs that pages show at most.
const SHOWN: usize = 100;

/// The runs of pull requests that were written last, the newest first. Clones share them.
#[derive(Clone, Debug)]
pub struct Recent(Arc<watch::Sender<Arc<Vec<PullRun>>>>);

impl Default for Recent {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Arc::default())))
    }
}

impl Recent {
    /// The most runs that are shown.
    pub(super) fn limit() -> usize {
        SHOWN
    }

    /// Who is told of every change.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Vec<PullRun>>> {
        self.0.subscribe()
    }

    /// A run was written.
    pub(super) fn put(&self, run: PullRun) {
        self.0.send_modify(|shown| {
            let shown = Arc::make_mut(shown);
            shown.retain(|other| other.key != run.key);
            shown.insert(0, run);
            shown.truncate(SHOWN);
        });
    }

    /// What an earlier process wrote, behind what this one did.
    pub(super) fn remember(&self, runs: Vec<PullRun>) {
        self.0.send_modify(|shown| {
            let shown = Arc::make_mut(shown);
            for run in runs {
                if !shown.iter().any(|other| other.key == run.key) {
                    shown.push(run);
                }
            }
            shown.truncate(SHOWN);
        });
    }
}
