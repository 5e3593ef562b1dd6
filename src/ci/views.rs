//! What pages show of pull requests: the runs that were written last.

use std::sync::Arc;

use serde_json::Value as Json;
use tokio::sync::watch;

use super::outcome::CiResult;
use super::record::Record;
use super::report::{self, Compared};
use crate::store::pull_runs::{PullRun, PullRunKey};

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

    /// Whether a run was written after every other one of its pull request, as far as is known.
    pub(super) fn is_latest(&self, key: &PullRunKey) -> bool {
        let shown = self.0.borrow();
        let of = |run: &&PullRun| {
            let PullRunKey {
                target,
                config,
                repository,
                number,
                ..
            } = &run.key;
            (target, config, repository, number) == (&key.target, &key.config, &key.repository, &key.number)
        };
        shown.iter().find(of).is_some_and(|latest| latest.key == *key)
    }

    /// The run of another pull request of the same head commit that has a word on it, as far as is known: it was compared, or is to be.
    pub(super) fn other(&self, key: &PullRunKey) -> Option<PullRun> {
        let is_silent = |outcome: &str| {
            [CiResult::Skipped, CiResult::Superseded]
                .iter()
                .any(|result| result.word() == outcome)
        };
        let shown = self.0.borrow();
        let found = shown.iter().find(|run| {
            let PullRunKey {
                target: _,
                config,
                repository,
                number,
                sha,
            } = &run.key;
            (config, repository, sha) == (&key.config, &key.repository, &key.sha)
                && *number != key.number
                && !run.outcome.as_deref().is_some_and(is_silent)
        });
        found.cloned()
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

/// What a run's row holds beside its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// The branch that is to be merged.
    pub branch: String,
    /// The branch that is merged into.
    pub base_branch: String,
    /// The comparisons, each as one of `diffs` in [`report::json`] without `columns`; the worst first. Of a run that has not come to
    /// its findings: what it is to compare, with `status` `asked`.
    pub diffs: Vec<Json>,
}

impl Details {
    /// Those of a run; `None` where a later version of the program has written it.
    pub fn of(run: &PullRun) -> Option<Self> {
        let record = Record::read(run)?;
        let head = record.head();
        let diffs = match record.state.found.is_empty() {
            false => record.state.found,
            true => {
                let asked = record.requests().into_iter().map(|request| {
                    let mut told = report::diff_json(&Compared {
                        production: request.production,
                        pull_request: request.pull_request,
                        primary_key: request.primary_key,
                        id: None,
                        page: None,
                        summary: None,
                    });
                    told["status"] = "asked".into();
                    if let Json::Object(told) = &mut told {
                        told.remove("columns");
                    }
                    told
                });
                asked.collect()
            }
        };
        Some(Self {
            branch: head.branch,
            base_branch: head.base_branch,
            diffs,
        })
    }
}
