//! The store in one SQLite file: the default, with nothing to install.
//!
//! Beside `<file>` lie `<file>.key` (the key of the secret fingerprints) and `<file>.lock` (held while the store is open).

mod audit;
mod check;
mod drifts;
mod fault;
mod group;
mod keyfile;
mod location;
mod lock;
mod migrations;
mod pull_runs;
mod reading;
mod rebuild;
mod rows;
mod salvage;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::{EnvironmentName, Key};
use driftless_core::ledger::{FingerprintKey, Ledger, LedgerEntry};
use driftless_core::plan::Moved;
use driftless_core::schema::Schema;
use futures::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};

pub use self::check::{Finding, Standing, check as check_file};
pub use self::reading::Reading;
pub use self::rebuild::{Rebuilt, rebuild};

use self::fault::Faults;
use self::group::{Change, Group};
use self::location::Location;
use self::lock::Lock;
use self::migrations::Shape;
use super::audit::Note;
use super::drifts::DriftRecord;
use super::pull_runs::{PullRun, PullRunsOf};
use super::{Intent, RunId, RunRecord, Settled, Store, StoreError};

/// What the store keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Runs in the history of one environment that did or found something; older ones go.
    pub runs: u32,
    /// Runs that did not, beside those.
    pub idle_runs: u32,
    /// Resources of one environment whose drift is remembered.
    pub drifts: u32,
    /// Runs of pull requests that have ended.
    pub pull_runs: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            runs: 500,
            idle_runs: 50,
            drifts: 10_000,
            pull_runs: 500,
        }
    }
}

/// A store in one SQLite file, or in memory. Only one at a time has a file open.
#[derive(Debug)]
pub struct SqliteStore {
    /// One connection: SQLite has one writer, and waiting here is fairer than its busy loop.
    writer: SqlitePool,
    readers: SqlitePool,
    group: Arc<Group>,
    fingerprints: FingerprintKey,
    limits: Limits,
    faults: Faults,
    #[expect(dead_code, reason = "held for its drop; `None` in memory and for reading")]
    lock: Option<Lock>,
}

/// How long a statement waits for somebody else's lock (a backup, a person's shell) on the file.
const BUSY: Duration = Duration::from_secs(5);

/// Connections that read at the same time: pages and the API read little, a few are enough.
const READERS: u32 = 4;

/// Looks at a location without touching anything: what [`SqliteStore::open`] would refuse by its wording alone.
///
/// # Errors
/// Why there can be no such store, and what to write.
pub fn check(location: &str) -> Result<(), StoreError> {
    Location::read(location).map(drop)
}

impl SqliteStore {
    /// Opens the store at `location` (`sqlite://FILE`, `sqlite:FILE`, a path, or `sqlite::memory:`), making and migrating it
    /// as needed. A relative path counts from the working directory.
    ///
    /// # Errors
    /// What is wrong with the place or the file, and what to do about it.
    pub async fn open(location: &str, limits: Limits) -> Result<Self, StoreError> {
        match Location::read(location)? {
            Location::Memory => Self::in_memory(limits).await,
            Location::File(path) => Self::in_file(&path, limits).await,
        }
    }

    async fn in_memory(limits: Limits) -> Result<Self, StoreError> {
        let faults = Faults::memory();
        // Each connection would have a database of its own: there is one, and it is never let go.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(SqliteConnectOptions::new().in_memory(true).foreign_keys(true))
            .await
            .map_err(|error| faults.of("open", &error))?;
        migrations::run(&pool, &faults).await?;
        Ok(Self {
            group: Arc::new(Group::new(pool.clone(), faults.clone())),
            writer: pool.clone(),
            readers: pool,
            fingerprints: keyfile::passing()?,
            limits,
            faults,
            lock: None,
        })
    }

    async fn in_file(path: &Path, limits: Limits) -> Result<Self, StoreError> {
        let faults = Faults::file(path);
        let lock = Lock::take(path)?;
        if location::is_empty(path)? && location::beside(path, "key").exists() {
            tracing::warn!(
                store = %path.display(),
                "the store is new although its key is there: the file was lost, or this is not where it was. What is live is adopted \
                 again and nothing is deleted; suspensions, approvals, history and the audit are gone. If that is not what you \
                 want, stop now and put a backup in its place"
            );
        }
        location::prepare(path)?;
        reading::assert_sound_beside_its_log(path, &faults).await?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .before_acquire(|connection, _| Box::pin(is_free(connection)))
            // An intent that a power cut can undo is no intent.
            .connect_with(options.clone().synchronous(SqliteSynchronous::Full))
            .await
            .map_err(|error| faults.of("open", &error))?;
        migrations::taken(&writer, &faults).await?;
        reading::assert_sound(&writer, &faults).await?;
        migrations::run(&writer, &faults).await?;
        // After the check that the file is ours: the journal mode is written into it.
        sqlx::query("PRAGMA journal_mode = WAL")
            .execute(&writer)
            .await
            .map_err(|error| faults.of("open", &error))?;
        let fingerprints = keyfile::open(path)?;
        rows::bind_fingerprints(&writer, &fingerprints, &faults).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_lazy_with(options.read_only(true));
        Ok(Self {
            group: Arc::new(Group::new(writer.clone(), faults.clone())),
            writer,
            readers,
            fingerprints,
            limits,
            faults,
            lock: Some(lock),
        })
    }

    /// Opens the store at `location` to read it alone, beside a process that may have it open; what is written through it is
    /// refused. One that is not there is an empty one. One that must be made ready before it can be read (an older version's,
    /// one whose key is another) is opened as [`SqliteStore::open`] does.
    ///
    /// # Errors
    /// What is wrong with the place or the file, and what to do about it.
    pub async fn open_for_reading(location: &str, limits: Limits) -> Result<Self, StoreError> {
        let Location::File(path) = Location::read(location)? else {
            return Self::in_memory(limits).await;
        };
        if location::is_empty(&path)? {
            return Self::in_memory(limits).await;
        }
        match Self::as_it_is(&path, limits).await? {
            Some(store) => Ok(store),
            None => Self::in_file(&path, limits).await,
        }
    }

    /// `None` where something is to be done to the file first.
    async fn as_it_is(path: &Path, limits: Limits) -> Result<Option<Self>, StoreError> {
        let Some(fingerprints) = keyfile::peek(path)? else {
            return Ok(None);
        };
        let Reading { pool, faults } = Reading::of(path, READERS);
        let failed = |error: sqlx::Error| faults.of("read", &error);
        if migrations::shape(&pool).await.map_err(failed)? != Shape::Current
            || !rows::is_bound(&pool, &fingerprints).await.map_err(failed)?
        {
            return Ok(None);
        }
        reading::assert_sound(&pool, &faults).await?;
        Ok(Some(Self {
            group: Arc::new(Group::new(pool.clone(), faults.clone())),
            writer: pool.clone(),
            readers: pool,
            fingerprints,
            limits,
            faults,
            lock: None,
        }))
    }

    /// Finishes what is under way and closes the file, so that it can be copied as it lies.
    pub async fn shutdown(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Whether a connection is in no transaction. A commit that fails, on a full disk, can leave its transaction open: what is committed within
/// it from then on looks well, and is kept by nobody. Such a connection is closed, and another one opened.
async fn is_free(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(sqlx::raw_sql("BEGIN; ROLLBACK").execute(connection).await.is_ok())
}

#[async_trait]
impl Store for SqliteStore {
    fn fingerprints(&self) -> &FingerprintKey {
        &self.fingerprints
    }

    async fn ledger(&self, environment: &EnvironmentName, schema: &dyn Schema) -> Result<Ledger, StoreError> {
        let failed = |error: sqlx::Error| self.faults.of("read the ledger", &error);
        // Row by row: the rows of a large ledger are as large as what is made of them.
        let mut found = sqlx::query(
            "SELECT key, spec, fingerprints, remote, revision, protected FROM ledger WHERE environment = ?",
        )
        .bind(&environment.0)
        .fetch(&self.readers);
        let mut ledger = Ledger::default();
        while let Some(row) = found.try_next().await.map_err(failed)? {
            // A key that this version does not know is another version's business: it stays where it is.
            if let Some((key, entry)) =
                rows::entry(&row, schema).map_err(|fault| self.faults.row(environment, &fault))?
            {
                ledger.entries.insert(key, entry);
            }
        }
        Ok(ledger)
    }

    async fn agree(
        &self,
        environment: &EnvironmentName,
        moved: &[Moved],
        entries: &[(Key, LedgerEntry)],
    ) -> Result<(), StoreError> {
        let doing = |error: sqlx::Error| self.faults.of("write the ledger", &error);
        let mut transaction = self.writer.begin().await.map_err(doing)?;
        rows::move_entries(&mut transaction, environment, moved)
            .await
            .map_err(doing)?;
        for (key, entry) in entries {
            rows::put_entry(&mut transaction, environment, key, entry)
                .await
                .map_err(doing)?;
        }
        transaction.commit().await.map_err(doing)
    }

    async fn close(&self, environment: &EnvironmentName, keys: &[Key]) -> Result<(), StoreError> {
        let doing = |error: sqlx::Error| self.faults.of("write the ledger", &error);
        let mut transaction = self.writer.begin().await.map_err(doing)?;
        for key in keys {
            rows::delete_entry(&mut transaction, environment, key)
                .await
                .map_err(doing)?;
        }
        transaction.commit().await.map_err(doing)
    }

    async fn intend(&self, environment: &EnvironmentName, intent: &Intent, note: &Note) -> Result<(), StoreError> {
        let note = Box::new(note.clone());
        self.commit(Change::Intend(environment.clone(), intent.clone(), note))
            .await
    }

    async fn settle(
        &self,
        environment: &EnvironmentName,
        key: &Key,
        settled: &Settled,
        note: &Note,
    ) -> Result<(), StoreError> {
        let (settled, note) = (Box::new(settled.clone()), Box::new(note.clone()));
        self.commit(Change::Settle(environment.clone(), key.clone(), settled, note))
            .await
    }

    async fn note(&self, note: &Note) -> Result<(), StoreError> {
        self.commit(Change::Note(Box::new(note.clone()))).await
    }

    async fn intents(&self, environment: &EnvironmentName, schema: &dyn Schema) -> Result<Vec<Intent>, StoreError> {
        let found = sqlx::query("SELECT key, digest FROM intents WHERE environment = ? ORDER BY key")
            .bind(&environment.0)
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.faults.of("read what was about to be written", &error))?;
        found
            .iter()
            .filter_map(|row| rows::intent(row, schema).transpose())
            .map(|intent| intent.map_err(|fault| self.faults.row(environment, &fault)))
            .collect()
    }

    async fn put_run(&self, run: &RunRecord) -> Result<(), StoreError> {
        let doing = |error: sqlx::Error| self.faults.of("write a run", &error);
        let mut transaction = self.writer.begin().await.map_err(doing)?;
        rows::put_run(&mut transaction, run).await.map_err(doing)?;
        // One that is under way may turn out to be either, and must not push out a run of the other sort.
        if run.finished.is_some() {
            let limit = match run.idle {
                true => self.limits.idle_runs,
                false => self.limits.runs,
            };
            // Ids sort by time; the run that was just written is never the one that goes.
            sqlx::query(
                "DELETE FROM runs WHERE environment = ?1 AND id <> ?2 AND idle = ?4 AND finished IS NOT NULL AND id NOT IN
                 (SELECT id FROM runs WHERE environment = ?1 AND id <> ?2 AND idle = ?4 AND finished IS NOT NULL
                  ORDER BY id DESC LIMIT ?3)",
            )
            .bind(&run.environment.0)
            .bind(&run.id.0)
            .bind(i64::from(limit.saturating_sub(1)))
            .bind(run.idle)
            .execute(&mut *transaction)
            .await
            .map_err(doing)?;
        }
        transaction.commit().await.map_err(doing)
    }

    async fn runs(&self, environment: Option<&EnvironmentName>, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = match environment {
            Some(environment) => sqlx::query(
                "SELECT id, environment, \"trigger\", revision, started, finished, conclusion, idle, message, diagnostics,
                 NULL AS plan, NULL AS report FROM runs WHERE environment = ? ORDER BY id DESC LIMIT ?",
            )
            .bind(&environment.0),
            None => sqlx::query(
                "SELECT id, environment, \"trigger\", revision, started, finished, conclusion, idle, message, diagnostics,
                 NULL AS plan, NULL AS report FROM runs ORDER BY id DESC LIMIT ?",
            ),
        }
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.faults.of("read the runs", &error))?;
        found.iter().map(|row| self.read_run(row)).collect()
    }

    async fn run(&self, id: &RunId) -> Result<Option<RunRecord>, StoreError> {
        let found = sqlx::query("SELECT * FROM runs WHERE id = ?")
            .bind(&id.0)
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.faults.of("read a run", &error))?;
        found.as_ref().map(|row| self.read_run(row)).transpose()
    }

    async fn drifts(&self, environment: &EnvironmentName, schema: &dyn Schema) -> Result<Vec<DriftRecord>, StoreError> {
        let found = sqlx::query("SELECT * FROM drifts WHERE environment = ? ORDER BY key")
            .bind(&environment.0)
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.faults.of("read the history of drift", &error))?;
        found
            .iter()
            .filter_map(|row| drifts::record(row, schema).transpose())
            .map(|record| record.map_err(|fault| self.faults.row(environment, &fault)))
            .collect()
    }

    async fn put_drifts(&self, environment: &EnvironmentName, records: &[DriftRecord]) -> Result<(), StoreError> {
        let doing = |error: sqlx::Error| self.faults.of("write the history of drift", &error);
        let mut transaction = self.writer.begin().await.map_err(doing)?;
        for record in records {
            drifts::put(&mut transaction, environment, record)
                .await
                .map_err(doing)?;
        }
        drifts::trim(&mut transaction, environment, self.limits.drifts)
            .await
            .map_err(doing)?;
        transaction.commit().await.map_err(doing)
    }

    async fn put_pull_run(&self, run: &PullRun) -> Result<(), StoreError> {
        let doing = |error: sqlx::Error| self.faults.of("write a pull request's run", &error);
        let mut transaction = self.writer.begin().await.map_err(doing)?;
        pull_runs::put(&mut transaction, run).await.map_err(doing)?;
        pull_runs::trim(&mut transaction, self.limits.pull_runs)
            .await
            .map_err(doing)?;
        transaction.commit().await.map_err(doing)
    }

    async fn pull_runs(&self, of: &PullRunsOf) -> Result<Vec<PullRun>, StoreError> {
        let found = pull_runs::find(&self.readers, of)
            .await
            .map_err(|error| self.faults.of("read the pull requests' runs", &error))?;
        let read = |row| pull_runs::read(row).map_err(|fault| self.faults.run(&fault));
        found.iter().map(read).collect()
    }

    async fn fact(&self, environment: &EnvironmentName, name: &'static str) -> Result<Option<String>, StoreError> {
        let doing = |error: sqlx::Error| self.faults.of("read what is remembered of an environment", &error);
        let found = sqlx::query("SELECT value FROM facts WHERE environment = ? AND name = ?")
            .bind(&environment.0)
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(doing)?;
        found.map(|row| row.try_get(0)).transpose().map_err(doing)
    }

    async fn put_fact(
        &self,
        environment: &EnvironmentName,
        name: &'static str,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        let query = match value {
            Some(value) => sqlx::query(
                "INSERT INTO facts (environment, name, value) VALUES (?, ?, ?)
                 ON CONFLICT (environment, name) DO UPDATE SET value = excluded.value",
            )
            .bind(&environment.0)
            .bind(name)
            .bind(value),
            None => sqlx::query("DELETE FROM facts WHERE environment = ? AND name = ?")
                .bind(&environment.0)
                .bind(name),
        };
        let doing = |error: sqlx::Error| self.faults.of("write what is remembered of an environment", &error);
        query.execute(&self.writer).await.map(drop).map_err(doing)
    }
}

impl SqliteStore {
    /// Commits a change together with those that others ask for at the same time.
    async fn commit(&self, change: Change) -> Result<(), StoreError> {
        let answer = self.group.add(change);
        let group = self.group.clone();
        // A task of its own: a caller that is cancelled must not take the changes of others with it.
        tokio::spawn(async move { group.flush().await });
        answer.await.unwrap_or_else(|_| {
            Err(self
                .faults
                .plain("was closed before a change was committed: start again"))
        })
    }

    fn read_run(&self, row: &SqliteRow) -> Result<RunRecord, StoreError> {
        rows::run(row).map_err(|fault| self.faults.run(&fault))
    }
}

#[cfg(test)]
mod tests;
