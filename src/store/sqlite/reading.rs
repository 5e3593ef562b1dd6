//! Opening a store to read it alone: without its lock, beside the process that has it open, and without making or changing
//! anything.

use std::ops::ControlFlow;
use std::path::Path;

use futures::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::fault::Faults;
use super::migrations::Shape;
use super::{BUSY, audit, location, migrations};
use crate::store::StoreError;
use crate::store::audit::Record;

/// A store that is only read.
#[derive(Debug)]
pub struct Reading {
    pub(super) pool: SqlitePool,
    pub(super) faults: Faults,
}

impl Reading {
    /// Opens the store at `location`, which must be there and of this version.
    ///
    /// # Errors
    /// What is wrong with the place or the file, and what to do about it.
    pub async fn open(location: &str) -> Result<Self, StoreError> {
        let reading = Self::of(&location::existing(location)?, 1);
        migrations::taken(&reading.pool, &reading.faults).await?;
        match migrations::shape(&reading.pool).await {
            Ok(Shape::Current) => Ok(reading),
            _ => Err(reading.faults.older()),
        }
    }

    /// The file at `path`, in whatever state it is.
    pub(super) fn of(path: &Path, connections: u32) -> Self {
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .connect_lazy_with(options(path));
        Self {
            pool,
            faults: Faults::file(path),
        }
    }

    /// Hands the audit's records to `take`, in order, until it breaks off.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audit(&self, mut take: impl FnMut(Record) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut rows = sqlx::query(audit::ALL).fetch(&self.pool);
        let failed = |error: sqlx::Error| self.faults.of("read the audit", &error);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let record = audit::record(&row).map_err(|fault| self.faults.record(&fault))?;
            if take(record).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// How a file is opened that nothing is written to.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .read_only(true)
}

/// Refuses a file that is not sound and has a log (`<file>-wal`, what a process leaves that was killed) beside it, without changing
/// either: the last connection that may write puts the log's pages into the file when it closes, over what may still be saved.
pub(super) async fn assert_sound_beside_its_log(path: &Path, faults: &Faults) -> Result<(), StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if !std::fs::metadata(log).is_ok_and(|log| log.len() > 0) || location::is_empty(path)? {
        return Ok(());
    }
    let reading = Reading::of(path, 1);
    migrations::taken(&reading.pool, faults).await?;
    assert_sound(&reading.pool, faults).await?;
    reading.pool.close().await;
    Ok(())
}

/// Looks through the file's pages: one that is damaged is found before anything is built on it.
pub(super) async fn assert_sound(pool: &SqlitePool, faults: &Faults) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| faults.of("look through the pages", &error);
    let row = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await
        .map_err(failed)?;
    let said: String = row.try_get(0).map_err(failed)?;
    match said.as_str() {
        "ok" => Ok(()),
        what => Err(faults.damaged(what.lines().last().unwrap_or(what).trim())),
    }
}
