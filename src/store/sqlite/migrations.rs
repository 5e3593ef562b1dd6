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
    // The triggers hold against statements, not against whoever can write the file: that is what the hashes are for.
    "
    CREATE TABLE audit (
        sequence    INTEGER PRIMARY KEY,
        at          TEXT NOT NULL,
        environment TEXT,
        target      TEXT NOT NULL,
        run         TEXT,
        \"trigger\"   TEXT NOT NULL,
        revision    TEXT,
        author      TEXT,
        digest      TEXT NOT NULL,
        approver    TEXT,
        key         TEXT NOT NULL,
        action      TEXT NOT NULL,
        request     TEXT NOT NULL,
        result      TEXT NOT NULL,
        attempts    TEXT NOT NULL,
        previous    TEXT NOT NULL,
        hash        TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is never changed'); END;
    CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is never shortened'); END;
    CREATE TRIGGER audit_goes_on_at_its_end BEFORE INSERT ON audit
        WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM audit)
        BEGIN SELECT RAISE(ABORT, 'the audit goes on at its end'); END;
",
    "
    CREATE TABLE pull_runs (
        target TEXT NOT NULL, config TEXT NOT NULL, repository TEXT NOT NULL, number INTEGER NOT NULL, sha TEXT NOT NULL,
        phase TEXT NOT NULL, run INTEGER, submitted TEXT, outcome TEXT, message TEXT NOT NULL,
        started TEXT NOT NULL, updated TEXT NOT NULL, finished TEXT, state TEXT NOT NULL,
        PRIMARY KEY (target, config, repository, number, sha)
    ) STRICT;
",
];

/// The version that this driftless writes.
pub(super) const KNOWN: usize = STEPS.len();

/// Whose a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// This version's.
    Current,
    /// Ours, with so many of the steps taken; none in an empty file.
    Older(usize),
    /// That of a version which this one does not know.
    Newer(i64),
    /// Another program's.
    Foreign,
}

/// Asks a database whose it is.
pub(super) async fn shape(pool: &SqlitePool) -> Result<Shape, sqlx::Error> {
    let found: i64 = number(pool, "PRAGMA user_version").await?;
    let application: i64 = number(pool, "PRAGMA application_id").await?;
    let tables: i64 = number(pool, "SELECT count(*) FROM sqlite_master").await?;
    if tables > 0 && application != APPLICATION {
        return Ok(Shape::Foreign);
    }
    Ok(match usize::try_from(found) {
        Ok(taken) if taken == STEPS.len() => Shape::Current,
        Ok(taken) if taken < STEPS.len() => Shape::Older(taken),
        _ => Shape::Newer(found),
    })
}

/// How many of the steps a database has taken.
///
/// # Errors
/// When it is none of ours, or cannot be asked.
pub(super) async fn taken(pool: &SqlitePool, faults: &Faults) -> Result<usize, StoreError> {
    match shape(pool)
        .await
        .map_err(|error| faults.of("prepare the tables", &error))?
    {
        Shape::Current => Ok(STEPS.len()),
        Shape::Older(taken) => Ok(taken),
        Shape::Newer(found) => Err(faults.newer(found, STEPS.len())),
        Shape::Foreign => Err(faults.foreign()),
    }
}

/// Brings the database to this version's shape, each step in one transaction.
pub(super) async fn run(pool: &SqlitePool, faults: &Faults) -> Result<(), StoreError> {
    let doing = |error: sqlx::Error| faults.of("prepare the tables", &error);
    let taken = taken(pool, faults).await?;
    for (version, step) in STEPS.iter().enumerate().skip(taken) {
        let version = version + 1;
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
