//! The history of drift as rows.

use chrono::{DateTime, Utc};
use driftless_core::key::{EnvironmentName, Key, Kind};
use driftless_core::schema::Schema;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::rows::{RowFault, time, time_text};
use crate::store::drifts::DriftRecord;

/// The record of a row; `None` when the schema does not know its key.
pub(super) fn record(row: &SqliteRow, schema: &dyn Schema) -> Result<Option<DriftRecord>, RowFault> {
    let name: String = row.try_get("key")?;
    schema.key(&name).map(|key| read(row, key)).transpose()
}

/// Whether a row is as it was written, whatever its key is of.
pub(super) fn content(row: &SqliteRow) -> Result<(), RowFault> {
    let name: String = row.try_get("key")?;
    read(row, Key::new(Kind(""), [name])).map(drop)
}

fn read(row: &SqliteRow, key: Key) -> Result<DriftRecord, RowFault> {
    let name: String = row.try_get("key")?;
    let fault = |column| RowFault::Text {
        name: name.clone(),
        column,
    };
    let instant = |column| match row.try_get::<Option<&str>, _>(column)? {
        Some(text) => time(text).map(Some).ok_or_else(|| fault(column)),
        None => Ok(None),
    };
    let corrections: Vec<String> =
        serde_json::from_str(row.try_get("corrections")?).map_err(|_| fault("corrections"))?;
    let corrections: Option<Vec<DateTime<Utc>>> = corrections.iter().map(|text| time(text)).collect();
    Ok(DriftRecord {
        first_seen: instant("first_seen")?.ok_or_else(|| fault("first_seen"))?,
        open_since: instant("open_since")?,
        last_seen: instant("last_seen")?.ok_or_else(|| fault("last_seen"))?,
        seen: row.try_get("seen")?,
        corrected: row.try_get("corrected")?,
        corrections: corrections.ok_or_else(|| fault("corrections"))?,
        stopped: instant("stopped")?,
        edited: row.try_get("edited")?,
        key,
    })
}

/// Writes a record over whatever the key had.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    environment: &EnvironmentName,
    record: &DriftRecord,
) -> Result<(), sqlx::Error> {
    let DriftRecord {
        key,
        first_seen,
        open_since,
        last_seen,
        seen,
        corrected,
        corrections,
        stopped,
        edited,
    } = record;
    let corrections: Vec<String> = corrections.iter().copied().map(time_text).collect();
    sqlx::query(
        "INSERT INTO drifts (environment, key, first_seen, open_since, last_seen, seen, corrected, corrections, stopped, edited)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (environment, key) DO UPDATE SET first_seen = excluded.first_seen, open_since = excluded.open_since,
         last_seen = excluded.last_seen, seen = excluded.seen, corrected = excluded.corrected,
         corrections = excluded.corrections, stopped = excluded.stopped, edited = excluded.edited",
    )
    .bind(&environment.0)
    .bind(key.to_string())
    .bind(time_text(*first_seen))
    .bind(open_since.map(time_text))
    .bind(time_text(*last_seen))
    .bind(i64::from(*seen))
    .bind(i64::from(*corrected))
    .bind(serde_json::json!(corrections).to_string())
    .bind(stopped.map(time_text))
    .bind(edited.as_deref())
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes away what is over the limit: what was put back or agreed on longest ago first.
pub(super) async fn trim(
    connection: &mut SqliteConnection,
    environment: &EnvironmentName,
    limit: u32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM drifts WHERE environment = ?1 AND key IN
         (SELECT key FROM drifts WHERE environment = ?1
          ORDER BY open_since IS NULL, last_seen DESC, key LIMIT -1 OFFSET ?2)",
    )
    .bind(&environment.0)
    .bind(i64::from(limit))
    .execute(connection)
    .await?;
    Ok(())
}
