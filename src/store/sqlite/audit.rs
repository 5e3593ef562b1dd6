//! The audit's rows: added at the end of the chain, and read in its order.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::rows::RowFault;
use crate::store::audit::{FIELDS, Head, Note, Record};

/// Where the chain ends.
pub(super) async fn head(connection: &mut SqliteConnection) -> Result<Head, sqlx::Error> {
    let last = sqlx::query("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    match last {
        Some(row) => Ok(Head {
            sequence: row.try_get::<i64, _>("sequence")?.cast_unsigned(),
            hash: row.try_get("hash")?,
        }),
        None => Ok(Head::start()),
    }
}

/// Adds a record. The database refuses one that does not stand at the end.
pub(super) async fn append(connection: &mut SqliteConnection, record: &Record) -> Result<(), sqlx::Error> {
    let mut query = sqlx::query(
        "INSERT INTO audit (sequence, at, environment, target, run, \"trigger\", revision, author, digest, approver, key, action,
         request, result, attempts, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.sequence.cast_signed());
    for value in record.note.values() {
        query = query.bind(value);
    }
    query
        .bind(&record.previous)
        .bind(&record.hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// All of it, in order.
pub(super) const ALL: &str = "SELECT * FROM audit ORDER BY sequence";

/// The record of a row.
pub(super) fn record(row: &SqliteRow) -> Result<Record, RowFault> {
    let sequence: i64 = row.try_get("sequence")?;
    let mut values = FIELDS.map(|_| None);
    for (value, name) in values.iter_mut().zip(FIELDS) {
        *value = row.try_get(name)?;
    }
    let note = Note::of(values).ok_or_else(|| RowFault::Text {
        name: format!("record {sequence}"),
        column: "attempts",
    })?;
    Ok(Record {
        sequence: sequence.cast_unsigned(),
        note,
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
    })
}
