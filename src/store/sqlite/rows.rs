//! Rows and what they mean: the only place that knows how core values lie in columns.

use chrono::{DateTime, SecondsFormat, Utc};
use driftless_core::field::FieldPath;
use driftless_core::key::{Digest, EnvironmentName, Key, Kind, RemoteId, Revision};
use driftless_core::ledger::{Fingerprint, FingerprintKey, LedgerEntry};
use driftless_core::plan::Moved;
use driftless_core::report::Conclusion;
use driftless_core::schema::Schema;
use driftless_core::value::{Secret, Value};
use serde_json::Value as Json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::fault::Faults;
use crate::codec;
use crate::store::{Intent, RunId, RunRecord, StoreError, Trigger};

/// Why a row cannot be read: something else than this module wrote it.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowFault {
    /// A column is missing or of another type.
    #[error("{0}")]
    Column(#[from] sqlx::Error),
    /// A column's text is not what it should be.
    #[error("`{column}` of `{name}` is not as it was written")]
    Text {
        /// The row's key or id.
        name: String,
        /// The column.
        column: &'static str,
    },
}

/// The entry of a row; `None` when the schema does not know its key.
pub(super) fn entry(row: &SqliteRow, schema: &dyn Schema) -> Result<Option<(Key, LedgerEntry)>, RowFault> {
    let Some(key) = schema.key(row.try_get("key")?) else {
        return Ok(None);
    };
    Ok(Some((key, content(row)?)))
}

/// What an entry's row says, whatever its key is.
pub(super) fn content(row: &SqliteRow) -> Result<LedgerEntry, RowFault> {
    let name: String = row.try_get("key")?;
    let spec = match serde_json::from_str(row.try_get("spec")?) {
        Ok(Json::Object(object)) => codec::map_from_json(&object),
        Ok(_) | Err(_) => return Err(RowFault::Text { name, column: "spec" }),
    };
    let fingerprints: Vec<(Vec<String>, String)> =
        serde_json::from_str(row.try_get("fingerprints")?).map_err(|_| RowFault::Text {
            name,
            column: "fingerprints",
        })?;
    Ok(LedgerEntry {
        spec,
        fingerprints: fingerprints
            .into_iter()
            .filter_map(|(keys, text)| Some((path(keys)?, Fingerprint(text))))
            .collect(),
        remote: row.try_get::<Option<i64>, _>("remote")?.map(RemoteId),
        revision: Revision(row.try_get("revision")?),
        protected: row.try_get("protected")?,
    })
}

fn path(keys: Vec<String>) -> Option<FieldPath> {
    let mut keys = keys.into_iter();
    let head = FieldPath::top(keys.next()?);
    Some(keys.fold(head, |path, key| path.child(key)))
}

/// Gives entries other keys, in this order. Fingerprints are of a key: those of an entry that no write follows are made anew
/// when its secrets are sent once more.
pub(super) async fn move_entries(
    connection: &mut SqliteConnection,
    environment: &EnvironmentName,
    moved: &[Moved],
) -> Result<(), sqlx::Error> {
    for Moved { from, to } in moved {
        sqlx::query("UPDATE OR REPLACE ledger SET key = ? WHERE environment = ? AND key = ?")
            .bind(to.to_string())
            .bind(&environment.0)
            .bind(from.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Writes an entry over whatever the key had.
pub(super) async fn put_entry(
    connection: &mut SqliteConnection,
    environment: &EnvironmentName,
    key: &Key,
    entry: &LedgerEntry,
) -> Result<(), sqlx::Error> {
    // As lists of keys, not dotted: a key of a map may hold a dot.
    let fingerprints: Vec<(&[String], &str)> = entry
        .fingerprints
        .iter()
        .map(|(path, fingerprint)| (path.keys(), fingerprint.0.as_str()))
        .collect();
    sqlx::query(
        "INSERT INTO ledger (environment, key, spec, fingerprints, remote, revision, protected)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (environment, key) DO UPDATE SET spec = excluded.spec, fingerprints = excluded.fingerprints,
         remote = excluded.remote, revision = excluded.revision, protected = excluded.protected",
    )
    .bind(&environment.0)
    .bind(key.to_string())
    .bind(codec::shown(&Value::Map(entry.spec.clone())).to_string())
    .bind(serde_json::json!(fingerprints).to_string())
    .bind(entry.remote.map(|remote| remote.0))
    .bind(&entry.revision.0)
    .bind(entry.protected)
    .execute(connection)
    .await?;
    Ok(())
}

/// The intent of a row; `None` when the schema does not know its key.
pub(super) fn intent(row: &SqliteRow, schema: &dyn Schema) -> Result<Option<Intent>, RowFault> {
    let Some(key) = schema.key(row.try_get("key")?) else {
        return Ok(None);
    };
    let digest = Digest(row.try_get("digest")?);
    Ok(Some(Intent { key, digest }))
}

/// Writes an intent over whatever the key had.
pub(super) async fn put_intent(
    connection: &mut SqliteConnection,
    environment: &EnvironmentName,
    intent: &Intent,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO intents (environment, key, digest) VALUES (?, ?, ?)
         ON CONFLICT (environment, key) DO UPDATE SET digest = excluded.digest",
    )
    .bind(&environment.0)
    .bind(intent.key.to_string())
    .bind(&intent.digest.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the intent of a key away, if there is one.
pub(super) async fn delete_entry(
    connection: &mut SqliteConnection,
    environment: &EnvironmentName,
    key: &Key,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM ledger WHERE environment = ? AND key = ?")
        .bind(&environment.0)
        .bind(key.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn delete_intent(
    connection: &mut SqliteConnection,
    environment: &EnvironmentName,
    key: &Key,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM intents WHERE environment = ? AND key = ?")
        .bind(&environment.0)
        .bind(key.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a run over whatever the id had.
pub(super) async fn put_run(connection: &mut SqliteConnection, run: &RunRecord) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO runs (id, environment, \"trigger\", revision, started, finished, conclusion, idle, message, plan, report,
         diagnostics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET environment = excluded.environment, \"trigger\" = excluded.\"trigger\",
         revision = excluded.revision, started = excluded.started, finished = excluded.finished,
         conclusion = excluded.conclusion,
         idle = excluded.idle, message = excluded.message, plan = excluded.plan, report = excluded.report,
         diagnostics = excluded.diagnostics",
    )
    .bind(&run.id.0)
    .bind(&run.environment.0)
    .bind(run.trigger.text())
    .bind(run.revision.as_ref().map(|revision| revision.0.as_str()))
    .bind(time_text(run.started))
    .bind(run.finished.map(time_text))
    .bind(run.conclusion.map(Conclusion::word))
    .bind(run.idle)
    .bind(&run.message)
    .bind(run.plan.as_deref())
    .bind(run.report.as_deref())
    .bind(serde_json::json!(run.diagnostics).to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// The run of a row.
pub(super) fn run(row: &SqliteRow) -> Result<RunRecord, RowFault> {
    let id: String = row.try_get("id")?;
    let fault = |column| RowFault::Text {
        name: id.clone(),
        column,
    };
    let finished = match row.try_get("finished")? {
        Some(text) => Some(time(text).ok_or_else(|| fault("finished"))?),
        None => None,
    };
    let conclusion = match row.try_get("conclusion")? {
        Some(word) => Some(conclusion(word).ok_or_else(|| fault("conclusion"))?),
        None => None,
    };
    Ok(RunRecord {
        environment: EnvironmentName(row.try_get("environment")?),
        trigger: Trigger::read(row.try_get("trigger")?),
        revision: row.try_get::<Option<String>, _>("revision")?.map(Revision),
        started: time(row.try_get("started")?).ok_or_else(|| fault("started"))?,
        finished,
        conclusion,
        idle: row.try_get("idle")?,
        message: row.try_get("message")?,
        plan: row.try_get("plan")?,
        report: row.try_get("report")?,
        diagnostics: serde_json::from_str(row.try_get("diagnostics")?).map_err(|_| fault("diagnostics"))?,
        id: RunId(id),
    })
}

pub(super) fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.with_timezone(&Utc))
}

fn conclusion(word: &str) -> Option<Conclusion> {
    [Conclusion::Succeeded, Conclusion::Partial, Conclusion::Failed]
        .into_iter()
        .find(|conclusion| conclusion.word() == word)
}

/// Ties the ledger to the key of its fingerprints. Fingerprints that another key made would call every secret changed; without
/// them it is *unknown* whether it changed, which is the truth once that key is lost.
pub(super) async fn bind_fingerprints(
    pool: &SqlitePool,
    key: &FingerprintKey,
    faults: &Faults,
) -> Result<(), StoreError> {
    let doing = |error: sqlx::Error| faults.of("check the fingerprint key", &error);
    let mark = mark(key);
    let mut transaction = pool.begin().await.map_err(doing)?;
    let known = known_mark(&mut transaction).await.map_err(doing)?;
    if known.as_ref() == Some(&mark.0) {
        return Ok(());
    }
    if known.is_some() {
        tracing::warn!("the key of the secret fingerprints is another one than before: every secret is sent once more");
        sqlx::query("UPDATE ledger SET fingerprints = '[]'")
            .execute(&mut *transaction)
            .await
            .map_err(doing)?;
    }
    sqlx::query("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(MARK)
        .bind(mark.0)
        .execute(&mut *transaction)
        .await
        .map_err(doing)?;
    transaction.commit().await.map_err(doing)
}

/// Whether the ledger's fingerprints are that key's.
pub(super) async fn is_bound(pool: &SqlitePool, key: &FingerprintKey) -> Result<bool, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    Ok(known_mark(&mut connection).await? == Some(mark(key).0))
}

/// The name of the key's mark among what is said of the store itself.
const MARK: &str = "fingerprint_key";

/// A fingerprint of nothing at a place that no resource has: tells keys apart and says nothing of them.
fn mark(key: &FingerprintKey) -> Fingerprint {
    key.fingerprint(&Key::new(Kind("meta"), [MARK]), &FieldPath::top(MARK), &Secret::new(""))
}

async fn known_mark(connection: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = ?")
        .bind(MARK)
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}
