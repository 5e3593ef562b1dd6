//! The shape of the database, as steps from each version to the next. A released step is never changed; a new one is added.

use sqlx::{Row as _, SqlitePool};

use super::fault::Faults;
use crate::store::StoreError;

/// Marks a file as a store of driftless (`PRAGMA application_id`): "drif".
const APPLICATION: i64 = 0x6472_6966;

/// What leads from version `index` to `index + 1` (`PRAGMA user_version`).
const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (
        name  TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT;
    CREATE TABLE ledger (
        environment  TEXT NOT NULL,
        key          TEXT NOT NULL,
        spec         TEXT NOT NULL,
        fingerprints TEXT NOT NULL,
        remote       INTEGER,
        revision     TEXT NOT NULL,
        PRIMARY KEY (environment, key)
    ) STRICT;
    CREATE TABLE intents (
        environment TEXT NOT NULL,
        key         TEXT NOT NULL,
        digest      TEXT NOT NULL,
        PRIMARY KEY (environment, key)
    ) STRICT;
    CREATE TABLE runs (
        id          TEXT PRIMARY KEY,
        environment TEXT NOT NULL,
        \"trigger\"   TEXT NOT NULL,
        revision    TEXT,
        started     TEXT NOT NULL,
        finished    TEXT,
        conclusion  TEXT,
        message     TEXT NOT NULL,
        plan        TEXT,
        report      TEXT,
        diagnostics TEXT NOT NULL
    ) STRICT;
    CREATE INDEX runs_of_environment ON runs (environment, id);
",
    "
    ALTER TABLE runs ADD COLUMN idle INTEGER NOT NULL DEFAULT 0;
",
    "
    ALTER TABLE ledger ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE facts (
        environment TEXT NOT NULL,
        name        TEXT NOT NULL,
        value       TEXT NOT NULL,
        PRIMARY KEY (environment, name)
    ) STRICT;
",
    "
    CREATE TABLE drifts (
        environment TEXT NOT NULL,
        key         TEXT NOT NULL,
        first_seen  TEXT NOT NULL,
        open_since  TEXT,
        last_seen   TEXT NOT NULL,
        seen        INTEGER NOT NULL,
        corrected   INTEGER NOT NULL,
        corrections TEXT NOT NULL,
        stopped     TEXT,
        edited      TEXT,
        PRIMARY KEY (environment, key)
    ) STRICT;
",
];

/// Brings the database to this version's shape, each step in one transaction.
pub(super) async fn run(pool: &SqlitePool, faults: &Faults) -> Result<(), StoreError> {
    let doing = |error: sqlx::Error| faults.of("prepare the tables", &error);
    let found: i64 = number(pool, "PRAGMA user_version").await.map_err(doing)?;
    let application: i64 = number(pool, "PRAGMA application_id").await.map_err(doing)?;
    let tables: i64 = number(pool, "SELECT count(*) FROM sqlite_master")
        .await
        .map_err(doing)?;
    if tables > 0 && application != APPLICATION {
        return Err(faults.plain("is a database of another program: name another file in `store.url`"));
    }
    let known = STEPS.len();
    let Some(pending) = usize::try_from(found).ok().and_then(|found| STEPS.get(found..)) else {
        return Err(faults.plain(&format!(
            "was written by a newer driftless (its version is {found}, this one knows up to {known}): use that one again, or \
             restore the backup from before it was started"
        )));
    };
    for (version, step) in (found + 1..).zip(pending) {
        let mut transaction = pool.begin().await.map_err(doing)?;
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(doing)?;
        // Pragmas take no bound values; both are numbers of ours, and part of the transaction.
        let marks = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version};");
        sqlx::raw_sql(sqlx::AssertSqlSafe(marks))
            .execute(&mut *transaction)
            .await
            .map_err(doing)?;
        transaction.commit().await.map_err(doing)?;
    }
    Ok(())
}

async fn number(pool: &SqlitePool, query: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query(query).fetch_one(pool).await?.try_get(0)
}
