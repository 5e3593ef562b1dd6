//! Pull-request runs as rows.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::rows::{RowFault, time, time_text};
use crate::store::pull_runs::{PullRun, PullRunKey, PullRunsOf};

/// Writes a run over whatever its key had.
pub(super) async fn put(connection: &mut SqliteConnection, run: &PullRun) -> Result<(), sqlx::Error> {
    let PullRun {
        key,
        phase,
        run,
        submitted,
        outcome,
        message,
        started,
        updated,
        finished,
        state,
    } = run;
    sqlx::query(
        "INSERT INTO pull_runs (target, config, repository, number, sha, phase, run, submitted, outcome, message, started,
         updated, finished, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (target, config, repository, number, sha) DO UPDATE SET phase = excluded.phase, run = excluded.run,
         submitted = excluded.submitted, outcome = excluded.outcome, message = excluded.message, started = excluded.started,
         updated = excluded.updated, finished = excluded.finished, state = excluded.state",
    )
    .bind(&key.target)
    .bind(&key.config)
    .bind(&key.repository)
    .bind(key.number.cast_signed())
    .bind(&key.sha)
    .bind(phase)
    .bind(*run)
    .bind(submitted.as_deref())
    .bind(outcome.as_deref())
    .bind(message)
    .bind(time_text(*started))
    .bind(time_text(*updated))
    .bind(finished.map(time_text))
    .bind(state)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes away looks that have ended, and ended runs that are over the limit, the oldest first. One that has not ended is never the one
/// that goes.
pub(super) async fn trim(connection: &mut SqliteConnection, limit: u32) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM pull_runs WHERE sha = '' AND finished IS NOT NULL")
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "DELETE FROM pull_runs WHERE rowid IN
         (SELECT rowid FROM pull_runs WHERE finished IS NOT NULL ORDER BY finished DESC, rowid DESC LIMIT -1 OFFSET ?)",
    )
    .bind(i64::from(limit))
    .execute(connection)
    .await?;
    Ok(())
}

/// The key with that id. An id cannot be turned round: it is looked for among the keys, without what stands there beside them.
async fn key_of(pool: &SqlitePool, id: &str) -> Result<Option<PullRunKey>, sqlx::Error> {
    let rows = sqlx::query("SELECT target, config, repository, number, sha FROM pull_runs WHERE sha <> ''")
        .fetch_all(pool)
        .await?;
    for row in &rows {
        let key = key(row)?;
        if key.id() == id {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// The rows that are asked for.
pub(super) async fn find(pool: &SqlitePool, of: &PullRunsOf) -> Result<Vec<SqliteRow>, sqlx::Error> {
    match of {
        PullRunsOf::Key(key) => return at(pool, key).await,
        PullRunsOf::Id(id) => {
            return match key_of(pool, id).await? {
                Some(key) => at(pool, &key).await,
                None => Ok(Vec::new()),
            };
        }
        PullRunsOf::Open => sqlx::query("SELECT * FROM pull_runs WHERE finished IS NULL ORDER BY started, rowid"),
        PullRunsOf::Newest(limit) => {
            let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
            sqlx::query("SELECT * FROM pull_runs WHERE sha <> '' ORDER BY updated DESC, rowid DESC LIMIT ?").bind(limit)
        }
    }
    .fetch_all(pool)
    .await
}

/// The row of a key.
async fn at(pool: &SqlitePool, key: &PullRunKey) -> Result<Vec<SqliteRow>, sqlx::Error> {
    sqlx::query("SELECT * FROM pull_runs WHERE target = ? AND config = ? AND repository = ? AND number = ? AND sha = ?")
        .bind(&key.target)
        .bind(&key.config)
        .bind(&key.repository)
        .bind(key.number.cast_signed())
        .bind(&key.sha)
        .fetch_all(pool)
        .await
}

fn key(row: &SqliteRow) -> Result<PullRunKey, sqlx::Error> {
    Ok(PullRunKey {
        target: row.try_get("target")?,
        config: row.try_get("config")?,
        repository: row.try_get("repository")?,
        number: row.try_get::<i64, _>("number")?.cast_unsigned(),
        sha: row.try_get("sha")?,
    })
}

/// The run of a row.
pub(super) fn read(row: &SqliteRow) -> Result<PullRun, RowFault> {
    let key = key(row)?;
    let fault = |column| RowFault::Text {
        name: key.sha.clone(),
        column,
    };
    let instant = |column| match row.try_get::<Option<&str>, _>(column)? {
        Some(text) => time(text).map(Some).ok_or_else(|| fault(column)),
        None => Ok(None),
    };
    let state: String = row.try_get("state")?;
    if serde_json::from_str::<serde_json::Value>(&state).is_err() {
        return Err(fault("state"));
    }
    Ok(PullRun {
        phase: row.try_get("phase")?,
        run: row.try_get("run")?,
        submitted: row.try_get("submitted")?,
        outcome: row.try_get("outcome")?,
        message: row.try_get("message")?,
        started: instant("started")?.ok_or_else(|| fault("started"))?,
        updated: instant("updated")?.ok_or_else(|| fault("updated"))?,
        finished: instant("finished")?,
        state,
        key,
    })
}
