//! The store of that world: pull-request runs alone.

use async_trait::async_trait;
use driftless_core::key::{EnvironmentName, Key};
use driftless_core::ledger::{FingerprintKey, Ledger, LedgerEntry};
use driftless_core::plan::Moved;
use driftless_core::schema::Schema;

use super::World;
use crate::store::audit::Note;
use crate::store::drifts::DriftRecord;
use crate::store::pull_runs::{PullRun, PullRunsOf};
use crate::store::{Intent, RunId, RunRecord, Settled, Store, StoreError};

#[async_trait]
impl Store for World {
    fn fingerprints(&self) -> &FingerprintKey {
        &self.key
    }

    async fn put_pull_run(&self, run: &PullRun) -> Result<(), StoreError> {
        let row = run.clone();
        let written = self.ask("put_pull_run", |state| {
            match row.key.is_of_delivery() && row.finished.is_some() {
                true => state.rows.remove(&row.key),
                false => state.rows.insert(row.key.clone(), row),
            };
            Ok(())
        });
        written.await.map_err(|failure| StoreError {
            message: failure.message,
        })
    }

    async fn pull_runs(&self, of: &PullRunsOf) -> Result<Vec<PullRun>, StoreError> {
        let state = self.state();
        if let Some(meaning) = state.broken.get("pull_runs") {
            return Err(StoreError {
                message: meaning.word().to_owned(),
            });
        }
        let rows = state.rows.values().cloned();
        Ok(match of {
            PullRunsOf::Key(key) => rows.filter(|row| row.key == *key).collect(),
            PullRunsOf::Id(id) => rows
                .filter(|row| !row.key.is_of_delivery() && row.key.id() == *id)
                .collect(),
            PullRunsOf::Open => rows.filter(|row| row.finished.is_none()).collect(),
            PullRunsOf::Newest(limit) => {
                let mut rows: Vec<PullRun> = rows.filter(|row| !row.key.is_of_delivery()).collect();
                rows.sort_by_key(|row| std::cmp::Reverse(row.updated));
                rows.truncate(*limit);
                rows
            }
        })
    }

    async fn ledger(&self, _: &EnvironmentName, _: &dyn Schema) -> Result<Ledger, StoreError> {
        unreachable!("a pull request has no ledger")
    }

    async fn agree(&self, _: &EnvironmentName, _: &[Moved], _: &[(Key, LedgerEntry)]) -> Result<(), StoreError> {
        unreachable!("a pull request has no ledger")
    }

    async fn close(&self, _: &EnvironmentName, _: &[Key]) -> Result<(), StoreError> {
        unreachable!("a pull request has no ledger")
    }

    async fn intend(&self, _: &EnvironmentName, _: &Intent, _: &Note) -> Result<(), StoreError> {
        unreachable!("a pull request has no ledger")
    }

    async fn settle(&self, _: &EnvironmentName, _: &Key, _: &Settled, _: &Note) -> Result<(), StoreError> {
        unreachable!("a pull request has no ledger")
    }

    async fn note(&self, _: &Note) -> Result<(), StoreError> {
        unreachable!("a pull request has no audit")
    }

    async fn intents(&self, _: &EnvironmentName, _: &dyn Schema) -> Result<Vec<Intent>, StoreError> {
        unreachable!("a pull request has no ledger")
    }

    async fn put_run(&self, _: &RunRecord) -> Result<(), StoreError> {
        unreachable!("a pull request is no pass")
    }

    async fn runs(&self, _: Option<&EnvironmentName>, _: usize) -> Result<Vec<RunRecord>, StoreError> {
        unreachable!("a pull request is no pass")
    }

    async fn run(&self, _: &RunId) -> Result<Option<RunRecord>, StoreError> {
        unreachable!("a pull request is no pass")
    }

    async fn drifts(&self, _: &EnvironmentName, _: &dyn Schema) -> Result<Vec<DriftRecord>, StoreError> {
        unreachable!("a pull request does not drift")
    }

    async fn put_drifts(&self, _: &EnvironmentName, _: &[DriftRecord]) -> Result<(), StoreError> {
        unreachable!("a pull request does not drift")
    }

    async fn fact(&self, _: &EnvironmentName, _: &'static str) -> Result<Option<String>, StoreError> {
        unreachable!("nothing is remembered of an environment")
    }

    async fn put_fact(&self, _: &EnvironmentName, _: &'static str, _: Option<&str>) -> Result<(), StoreError> {
        unreachable!("nothing is remembered of an environment")
    }
}
