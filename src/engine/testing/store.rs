//! A store in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use driftless_core::key::{EnvironmentName, Key};
use driftless_core::ledger::{FingerprintKey, Ledger, LedgerEntry};
use driftless_core::plan::Moved;
use driftless_core::schema::Schema;

use super::Log;
use crate::store::audit::Note;
use crate::store::drifts::DriftRecord;
use crate::store::pull_runs::{PullRun, PullRunsOf};
use crate::store::{Intent, RunId, RunRecord, Settled, Store, StoreError};

pub(in crate::engine) struct TestStore {
    log: Log,
    key: FingerprintKey,
    state: Mutex<StoreState>,
}

#[derive(Default)]
pub(in crate::engine) struct StoreState {
    pub(in crate::engine) ledgers: BTreeMap<EnvironmentName, Ledger>,
    pub(in crate::engine) intents: BTreeMap<(EnvironmentName, Key), Intent>,
    pub(in crate::engine) runs: BTreeMap<RunId, RunRecord>,
    pub(in crate::engine) drifts: BTreeMap<(EnvironmentName, Key), DriftRecord>,
    pub(in crate::engine) facts: BTreeMap<(EnvironmentName, &'static str), String>,
    pub(in crate::engine) audit: Vec<Note>,
    pub(in crate::engine) refuses_intents: bool,
}

impl TestStore {
    pub(in crate::engine) fn new(log: &Log) -> Arc<Self> {
        Arc::new(Self {
            log: log.clone(),
            key: FingerprintKey::new(vec![7; 32]),
            state: Mutex::default(),
        })
    }

    pub(in crate::engine) fn state(&self) -> MutexGuard<'_, StoreState> {
        self.state.lock().unwrap()
    }

    pub(in crate::engine) fn entry(&self, environment: &EnvironmentName, key: &Key) -> Option<LedgerEntry> {
        self.state().ledgers.get(environment)?.entries.get(key).cloned()
    }

    /// The runs that ended, oldest first.
    pub(in crate::engine) fn ended(&self) -> Vec<RunRecord> {
        let mut runs: Vec<RunRecord> = self.state().runs.values().cloned().collect();
        runs.retain(|run| run.finished.is_some());
        runs.sort_by_key(|run| run.finished);
        runs
    }
}

#[async_trait]
impl Store for TestStore {
    fn fingerprints(&self) -> &FingerprintKey {
        &self.key
    }

    async fn ledger(&self, environment: &EnvironmentName, _: &dyn Schema) -> Result<Ledger, StoreError> {
        Ok(self.state().ledgers.get(environment).cloned().unwrap_or_default())
    }

    async fn agree(
        &self,
        environment: &EnvironmentName,
        moved: &[Moved],
        entries: &[(Key, LedgerEntry)],
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        let ledger = state.ledgers.entry(environment.clone()).or_default();
        move_entries(ledger, moved);
        ledger.entries.extend(entries.iter().cloned());
        Ok(())
    }

    async fn close(&self, environment: &EnvironmentName, keys: &[Key]) -> Result<(), StoreError> {
        let mut state = self.state();
        let ledger = state.ledgers.entry(environment.clone()).or_default();
        ledger.entries.retain(|key, _| !keys.contains(key));
        Ok(())
    }

    async fn intend(&self, environment: &EnvironmentName, intent: &Intent, note: &Note) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.refuses_intents {
            return Err(StoreError {
                message: "the disk is full".into(),
            });
        }
        self.log.add(format!("intend {}", intent.key));
        let place = (environment.clone(), intent.key.clone());
        state.intents.insert(place, intent.clone());
        state.audit.push(note.clone());
        Ok(())
    }

    async fn settle(
        &self,
        environment: &EnvironmentName,
        key: &Key,
        settled: &Settled,
        note: &Note,
    ) -> Result<(), StoreError> {
        self.log.add(format!("settle {key}"));
        let mut state = self.state();
        state.audit.push(note.clone());
        state.intents.remove(&(environment.clone(), key.clone()));
        let ledger = state.ledgers.entry(environment.clone()).or_default();
        move_entries(ledger, &settled.moved);
        if let Some(entry) = &settled.entry {
            ledger.entries.insert(key.clone(), entry.clone());
        }
        for key in &settled.closed {
            ledger.entries.remove(key);
        }
        Ok(())
    }

    async fn note(&self, note: &Note) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.refuses_intents {
            return Err(StoreError {
                message: "the disk is full".into(),
            });
        }
        state.audit.push(note.clone());
        Ok(())
    }

    async fn intents(&self, environment: &EnvironmentName, _: &dyn Schema) -> Result<Vec<Intent>, StoreError> {
        let state = self.state();
        let own = state.intents.iter().filter(|((name, _), _)| name == environment);
        Ok(own.map(|(_, intent)| intent.clone()).collect())
    }

    async fn put_run(&self, run: &RunRecord) -> Result<(), StoreError> {
        self.state().runs.insert(run.id.clone(), run.clone());
        Ok(())
    }

    async fn runs(&self, environment: Option<&EnvironmentName>, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        let state = self.state();
        let runs = state.runs.values().rev();
        let own = runs.filter(|run| environment.is_none_or(|name| run.environment == *name));
        Ok(own.take(limit).cloned().collect())
    }

    async fn run(&self, id: &RunId) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.state().runs.get(id).cloned())
    }

    async fn drifts(&self, environment: &EnvironmentName, _: &dyn Schema) -> Result<Vec<DriftRecord>, StoreError> {
        let state = self.state();
        let own = state.drifts.iter().filter(|((name, _), _)| name == environment);
        Ok(own.map(|(_, record)| record.clone()).collect())
    }

    async fn put_drifts(&self, environment: &EnvironmentName, records: &[DriftRecord]) -> Result<(), StoreError> {
        let places = records.iter().map(|record| (environment.clone(), record.key.clone()));
        self.state().drifts.extend(places.zip(records.iter().cloned()));
        Ok(())
    }

    async fn put_pull_run(&self, _: &PullRun) -> Result<(), StoreError> {
        unreachable!("the engine knows nothing of pull requests")
    }

    async fn pull_runs(&self, _: &PullRunsOf) -> Result<Vec<PullRun>, StoreError> {
        unreachable!("the engine knows nothing of pull requests")
    }

    async fn fact(&self, environment: &EnvironmentName, name: &'static str) -> Result<Option<String>, StoreError> {
        Ok(self.state().facts.get(&(environment.clone(), name)).cloned())
    }

    async fn put_fact(
        &self,
        environment: &EnvironmentName,
        name: &'static str,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        let place = (environment.clone(), name);
        match value {
            Some(value) => state.facts.insert(place, value.to_owned()),
            None => state.facts.remove(&place),
        };
        Ok(())
    }
}

fn move_entries(ledger: &mut Ledger, moved: &[Moved]) {
    for Moved { from, to } in moved {
        if let Some(entry) = ledger.entries.remove(from) {
            ledger.entries.insert(to.clone(), entry);
        }
    }
}
