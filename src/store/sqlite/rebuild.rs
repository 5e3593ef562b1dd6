//! The way out of a damaged file: what can be read of it goes into a new one, and the damaged one is kept aside.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use driftless_core::key::Kind;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{Row as _, SqliteConnection};

use super::check::{self, Standing};
use super::fault::Faults;
use super::lock::Lock;
use super::migrations::Shape;
use super::salvage::{self, Cell, Loss, Salvaged};
use super::{audit, drifts, keyfile, location, migrations, pull_runs, reading, rows};
use crate::store::StoreError;
use crate::store::audit::{Became, Head, Note, Record, Verifier};

/// What became of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// Nothing is wrong with it: it is left as it is.
    Sound,
    /// There is a new file in its place.
    Anew {
        /// Where the damaged one is now.
        kept: PathBuf,
        /// What was saved and what was not, one line each.
        lines: Vec<String>,
    },
}

/// Rebuilds the store at `location` at the time `now`. `kinds` are those that this version knows.
///
/// # Errors
/// When a process has it open, when it is not ours to rebuild, or when no file can be written beside it; the store is as it was.
pub async fn rebuild(location: &str, kinds: &[Kind], now: DateTime<Utc>) -> Result<Rebuilt, StoreError> {
    let path = location::existing(location)?;
    let _lock = Lock::take(&path)?;
    let faults = Faults::file(&path);
    if !check::look(&path, kinds)
        .await
        .iter()
        .any(|finding| finding.standing == Standing::Faulty)
    {
        return Ok(Rebuilt::Sound);
    }
    let old = old_file(&path, &faults).await?;
    let stamp = now.format("%Y%m%dT%H%M%SZ");
    let kept = location::beside(&path, &format!("broken-{stamp}"));
    if kept.exists() {
        return Err(faults.plain("was rebuilt within this second: try again in the next"));
    }
    let next = location::beside(&path, "rebuilding");
    for file in [next.clone(), suffixed(&next, "-journal")] {
        remove(&file)?;
    }
    location::prepare(&next)?;
    let new = Faults::file(&next);
    let failed = |error: sqlx::Error| new.of("write what was saved", &error);
    let options = SqliteConnectOptions::new().filename(&next);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .map_err(failed)?;
    migrations::run(&pool, &new).await?;
    let mut lines = Vec::new();
    for table in tables(&pool).await.map_err(failed)? {
        let saved = carry_over(&old, &pool, &table).await.map_err(failed)?;
        lines.push(saved);
    }
    let spill = location::beside(&kept, "audit.jsonl");
    lines.push(carry_audit(&old, &pool, &spill, &faults).await?);
    old.close().await;
    let said = format!(
        "the file was damaged and is kept as {}; {}",
        file_name(&kept),
        lines.join("; ")
    );
    seal(&pool, said, now).await.map_err(failed)?;
    pool.close().await;
    put_in_place(&path, &kept, &next)?;
    if keyfile::peek(&path).is_err() {
        let aside = location::beside(&kept, "key");
        rename(&location::beside(&path, "key"), &aside)?;
        lines.push(format!(
            "the key of the secret fingerprints was none; it is kept as {}, a new one is made, and every secret is sent once more",
            file_name(&aside)
        ));
    }
    Ok(Rebuilt::Anew { kept, lines })
}

/// Opens the damaged file as well as it goes.
async fn old_file(path: &Path, faults: &Faults) -> Result<SqlitePool, StoreError> {
    let open = |options: SqliteConnectOptions| {
        let pool = SqlitePoolOptions::new().max_connections(1);
        // A statement that was prepared against one page may not be asked again of another.
        pool.connect_lazy_with(options.statement_cache_capacity(0))
    };
    let pool = open(reading::options(path));
    match migrations::shape(&pool).await {
        Ok(Shape::Foreign) => Err(faults.foreign()),
        Ok(Shape::Newer(found)) => Err(faults.newer(found, migrations::KNOWN)),
        Ok(Shape::Current | Shape::Older(_)) => Ok(pool),
        Err(_) => {
            pool.close().await;
            // Without its journal, which may be what is damaged: the state at the last checkpoint.
            Ok(open(reading::options(path).immutable(true)))
        }
    }
}

/// The tables of this version, but for the audit, in an order that people care for.
async fn tables(pool: &SqlitePool) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'audit' ORDER BY
         CASE name WHEN 'ledger' THEN 0 WHEN 'facts' THEN 1 WHEN 'intents' THEN 2 ELSE 3 END, name",
    )
    .fetch_all(pool)
    .await
}

async fn columns(pool: &SqlitePool, table: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT name FROM pragma_table_info(?) ORDER BY cid")
        .bind(table)
        .fetch_all(pool)
        .await
}

/// Columns that both files have: an older version's has fewer, and the new ones have defaults.
async fn shared_columns(old: &SqlitePool, new: &SqlitePool, table: &str) -> Result<Vec<String>, sqlx::Error> {
    let had = columns(old, table).await.unwrap_or_default();
    let mut columns = columns(new, table).await?;
    columns.retain(|column| had.contains(column));
    Ok(columns)
}

/// Copies what can be read of a table and means something; says how much that is.
async fn carry_over(old: &SqlitePool, new: &SqlitePool, table: &str) -> Result<String, sqlx::Error> {
    let columns = shared_columns(old, new, table).await?;
    if columns.is_empty() {
        return Ok(format!("{table}: nothing could be read"));
    }
    let Salvaged { rows, mut loss } = salvage::table(old, table, &columns).await;
    let (mut saved, mut dropped) = (0_usize, 0_usize);
    let mut transaction = new.begin().await?;
    for cells in rows.values() {
        match insert(&mut transaction, table, &columns, cells).await {
            Ok(()) => saved += 1,
            // Twice there, or of another type: not what was written.
            Err(sqlx::Error::Database(_)) => dropped += 1,
            Err(error) => return Err(error),
        }
    }
    let senseless = sweep(&mut transaction, table).await?;
    transaction.commit().await?;
    (saved, dropped) = (saved - senseless, dropped + senseless);
    if dropped > 0 {
        loss = Loss::Some;
    }
    Ok(match loss {
        Loss::None => format!("{table}: all {saved} rows"),
        Loss::Some => format!("{table}: {saved} rows; what else was in it could not be read"),
    })
}

async fn insert(
    connection: &mut SqliteConnection,
    table: &str,
    columns: &[String],
    cells: &[Cell],
) -> Result<(), sqlx::Error> {
    let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let text = format!("INSERT INTO \"{table}\" ({}) VALUES ({marks})", names.join(", "));
    // The names in it are those of our own tables.
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text));
    for cell in cells {
        query = match cell {
            Cell::Null => query.bind(None::<String>),
            Cell::Integer(number) => query.bind(*number),
            Cell::Text(text) => query.bind(text),
        };
    }
    query.execute(connection).await.map(drop)
}

/// Takes out rows whose texts are not what they should be: one of them would keep the whole table from being read.
async fn sweep(connection: &mut SqliteConnection, table: &str) -> Result<usize, sqlx::Error> {
    let means: fn(&SqliteRow) -> bool = match table {
        "ledger" => |row| rows::content(row).is_ok(),
        "runs" => |row| rows::run(row).is_ok(),
        "facts" => |row| check::fact(row).is_ok(),
        "drifts" => |row| drifts::content(row).is_ok(),
        "pull_runs" => |row| pull_runs::read(row).is_ok(),
        _ => return Ok(0),
    };
    let select = format!("SELECT rowid AS number, * FROM \"{table}\"");
    let found = sqlx::query(sqlx::AssertSqlSafe(select))
        .fetch_all(&mut *connection)
        .await?;
    let mut senseless = 0;
    for row in found.iter().filter(|row| !means(row)) {
        let delete = format!("DELETE FROM \"{table}\" WHERE rowid = ?");
        sqlx::query(sqlx::AssertSqlSafe(delete))
            .bind(row.try_get::<i64, _>("number")?)
            .execute(&mut *connection)
            .await?;
        senseless += 1;
    }
    Ok(senseless)
}

/// Copies the audit as far as its chain is whole; what lies behind goes to `spill`, so that nothing that can be read is lost and
/// nothing that is not proven is continued.
async fn carry_audit(old: &SqlitePool, new: &SqlitePool, spill: &Path, faults: &Faults) -> Result<String, StoreError> {
    let failed = |error: sqlx::Error| faults.of("carry the audit over", &error);
    let columns = columns(new, "audit").await.map_err(failed)?;
    if columns_of_old(old).await != columns {
        return Ok("audit: there was none that could be read".to_owned());
    }
    let Salvaged { rows, loss } = salvage::table(old, "audit", &columns).await;
    let mut verifier = Verifier::new(None, None);
    let (mut whole, mut rest) = (Vec::new(), Vec::new());
    for cells in rows.values() {
        let Some(record) = record(cells) else { continue };
        if rest.is_empty() && verifier.add(&record).is_ok() {
            whole.push(record);
        } else {
            rest.push(record);
        }
    }
    let mut transaction = new.begin().await.map_err(failed)?;
    for record in &whole {
        audit::append(&mut transaction, record).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    if rest.is_empty() {
        return Ok(match loss {
            Loss::None if whole.len() == rows.len() => format!("audit: all {} records", whole.len()),
            _ => format!(
                "audit: {} records from the first on; what came after them could not be read",
                whole.len()
            ),
        });
    }
    write_records(spill, &rest)?;
    Ok(format!(
        "audit: {} records from the first on; behind them the chain is broken, and the {} that could be read there are in {}",
        whole.len(),
        rest.len(),
        file_name(spill)
    ))
}

async fn columns_of_old(old: &SqlitePool) -> Vec<String> {
    columns(old, "audit").await.unwrap_or_default()
}

/// The record of the audit's columns in their order.
fn record(cells: &[Cell]) -> Option<Record> {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Null | Cell::Integer(_) => None,
    };
    let [Cell::Integer(sequence), values @ .., previous, hash] = cells else {
        return None;
    };
    let values: Vec<Option<String>> = values.iter().map(text).collect();
    Some(Record {
        sequence: sequence.cast_unsigned(),
        note: Note::of(values.try_into().ok()?)?,
        previous: text(previous)?,
        hash: text(hash)?,
    })
}

fn write_records(path: &Path, records: &[Record]) -> Result<(), StoreError> {
    location::prepare(path)?;
    let unwritable = |error: std::io::Error| location::unwritable(path, &error);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .map_err(unwritable)?;
    for record in records {
        writeln!(file, "{}", record.json()).map_err(unwritable)?;
    }
    file.sync_all().map_err(unwritable)
}

/// Says in the audit itself that the file is another one now.
async fn seal(pool: &SqlitePool, said: String, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let head: Head = audit::head(&mut transaction).await?;
    let note = Note {
        at: now.to_rfc3339_opts(SecondsFormat::Nanos, true),
        trigger: "manual".to_owned(),
        action: "rebuild".to_owned(),
        request: "{}".to_owned(),
        result: Became::Rebuilt(said).text(),
        ..Note::default()
    };
    audit::append(&mut transaction, &head.follow(note)).await?;
    transaction.commit().await
}

/// Puts the damaged file aside with its journals, and the new one in its place. Between the two there is none, which is what a
/// lost store is: nothing is deleted then either.
fn put_in_place(path: &Path, kept: &Path, next: &Path) -> Result<(), StoreError> {
    rename(path, kept)?;
    for journal in ["-wal", "-shm"] {
        let lies = suffixed(path, journal);
        if lies.exists() {
            rename(&lies, &suffixed(kept, journal))?;
        }
    }
    rename(next, path)?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| location::unwritable(path, &error))
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| location::unwritable(to, &error))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(location::unwritable(path, &error)),
        _ => Ok(()),
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
