//! Looks a store over: its pages, its rows, its audit, its key. Reads alone, so it may be asked beside a running daemon.

use std::path::Path;

use driftless_core::key::{Key, Kind};
use futures::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqlitePool};

use super::migrations::Shape;
use super::reading::Reading;
use super::{audit, drifts, keyfile, location, migrations, pull_runs, rows};
use crate::store::audit::Verifier;
use crate::store::{StoreError, facts};

/// Something that is said of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub standing: Standing,
    /// What it is, one line.
    pub text: String,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Sound,
    /// Worth knowing; nothing is to be done.
    Noted,
    /// Something is to be done.
    Faulty,
}

impl Standing {
    /// The word of the list.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Sound => "ok",
            Standing::Noted => "note",
            Standing::Faulty => "fault",
        }
    }
}

/// Faults of one table that are told one by one; more are counted.
const TOLD: usize = 5;

/// Looks the store at `location` over. `kinds` are those that this version knows.
///
/// # Errors
/// When there is nothing to look at.
pub async fn check(location: &str, kinds: &[Kind]) -> Result<Vec<Finding>, StoreError> {
    let path = location::existing(location)?;
    Ok(look(&path, kinds).await)
}

/// Looks the file at `path` over.
pub(super) async fn look(path: &Path, kinds: &[Kind]) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    let Reading { pool, faults } = Reading::of(path, 1);
    match migrations::shape(&pool).await {
        _ if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) => {
            found.faulty("the file is empty: driftless would start with an empty ledger and adopt what is live");
        }
        Err(error) => found.faulty(&faults.of("open", &error).message),
        Ok(Shape::Foreign) => found.faulty(&faults.foreign().message),
        Ok(Shape::Newer(version)) => found.faulty(&faults.newer(version, migrations::KNOWN).message),
        Ok(Shape::Older(taken)) => {
            found.noted(&format!(
                "it is of version {taken}, and this driftless brings it to {} when it starts on it: the rest is looked at then",
                migrations::KNOWN
            ));
            pages(&pool, &mut found).await;
        }
        Ok(Shape::Current) => {
            found.sound(&format!("version {}", migrations::KNOWN));
            pages(&pool, &mut found).await;
            tables(&pool, kinds, &mut found).await;
            chain(&pool, &mut found).await;
        }
    }
    key(path, &pool, &mut found).await;
    pool.close().await;
    found.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn say(&mut self, standing: Standing, text: &str) {
        let text = text.to_owned();
        self.0.push(Finding { standing, text });
    }
    fn sound(&mut self, text: &str) {
        self.say(Standing::Sound, text);
    }
    fn noted(&mut self, text: &str) {
        self.say(Standing::Noted, text);
    }
    fn faulty(&mut self, text: &str) {
        self.say(Standing::Faulty, text);
    }
}

async fn pages(pool: &SqlitePool, found: &mut Findings) {
    match sqlx::query("PRAGMA integrity_check(20)").fetch_all(pool).await {
        Err(error) => found.faulty(&format!("pages: {error}")),
        Ok(rows) => {
            let said: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
            match said.as_slice() {
                [one] if one == "ok" => found.sound("pages: every one is as SQLite wrote it"),
                said => said
                    .iter()
                    .flat_map(|text| text.lines())
                    .take(TOLD)
                    .for_each(|line| found.faulty(&format!("pages: {line}"))),
            }
        }
    }
}

async fn tables(pool: &SqlitePool, kinds: &[Kind], found: &mut Findings) {
    let mut strange = 0_usize;
    let ledger = |row: &SqliteRow| {
        let key: String = row.try_get("key").map_err(|error| error.to_string())?;
        strange += usize::from(Key::parse(&key, kinds.iter().copied()).is_none());
        rows::content(row).map(drop).map_err(|fault| fault.to_string())
    };
    table(pool, "ledger", "SELECT * FROM ledger", ledger, found).await;
    if strange > 0 {
        found.noted(&format!(
            "ledger: {strange} entries are of kinds that this version does not know; they are kept"
        ));
    }
    let run = |row: &SqliteRow| rows::run(row).map(drop).map_err(|fault| fault.to_string());
    table(pool, "runs", "SELECT * FROM runs", run, found).await;
    table(pool, "facts", "SELECT * FROM facts", fact, found).await;
    let drift = |row: &SqliteRow| drifts::content(row).map_err(|fault| fault.to_string());
    table(pool, "drifts", "SELECT * FROM drifts", drift, found).await;
    let pull_run = |row: &SqliteRow| pull_runs::read(row).map(drop).map_err(|fault| fault.to_string());
    table(pool, "pull_runs", "SELECT * FROM pull_runs", pull_run, found).await;
    let mut open = 0_usize;
    let intent = |row: &SqliteRow| {
        open += 1;
        let text = |column| row.try_get::<String, _>(column).map(drop);
        text("key")
            .and_then(|()| text("digest"))
            .map_err(|error| error.to_string())
    };
    table(pool, "intents", "SELECT * FROM intents", intent, found).await;
    if open > 0 {
        found.noted(&format!(
            "intents: of {open} writes the end is not known, or they are under way now; the next pass looks before it writes"
        ));
    }
}

/// A fact is JSON, whatever it is of.
pub(super) fn fact(row: &SqliteRow) -> Result<(), String> {
    let (name, value): (String, String) = row
        .try_get("name")
        .and_then(|name| Ok((name, row.try_get("value")?)))
        .map_err(|error| error.to_string())?;
    match facts::is_sound(&name, &value) {
        true => Ok(()),
        false => Err(format!("`{name}` is not as it was written")),
    }
}

async fn table(
    pool: &SqlitePool,
    name: &str,
    query: &'static str,
    mut read: impl FnMut(&SqliteRow) -> Result<(), String>,
    found: &mut Findings,
) {
    let (mut count, mut faults) = (0_usize, Vec::new());
    let mut rows = sqlx::query(query).fetch(pool);
    loop {
        match rows.try_next().await {
            Ok(Some(row)) => {
                count += 1;
                if let Err(fault) = read(&row) {
                    let of = row.try_get("environment").or_else(|_| row.try_get("config"));
                    let environment: String = of.unwrap_or_default();
                    faults.push(format!("{name}: a row of `{environment}` cannot be read: {fault}"));
                }
            }
            Ok(None) => break,
            Err(error) => {
                faults.push(format!("{name}: from row {} on it cannot be read: {error}", count + 1));
                break;
            }
        }
    }
    if faults.is_empty() {
        found.sound(&format!("{name}: {count} rows, all readable"));
    }
    faults.iter().take(TOLD).for_each(|fault| found.faulty(fault));
    if faults.len() > TOLD {
        found.faulty(&format!("{name}: and {} more such rows", faults.len() - TOLD));
    }
}

async fn chain(pool: &SqlitePool, found: &mut Findings) {
    let mut verifier = Verifier::new(None, None);
    let mut rows = sqlx::query(audit::ALL).fetch(pool);
    let fault = loop {
        let record = match rows.try_next().await {
            Ok(Some(row)) => audit::record(&row),
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        };
        let taken = record
            .map_err(|fault| fault.to_string())
            .and_then(|record| verifier.add(&record).map_err(|broken| broken.to_string()));
        if let Err(fault) = taken {
            break Some(fault);
        }
    };
    match (fault, verifier.end()) {
        (Some(fault), _) => found.faulty(&format!("audit: {fault}")),
        (None, Err(broken)) => found.faulty(&format!("audit: {broken}")),
        (None, Ok(verified)) => found.sound(&format!(
            "audit: {} records, one chain; its head is {}",
            verified.records, verified.head.hash
        )),
    }
}

async fn key(path: &Path, pool: &SqlitePool, found: &mut Findings) {
    let file = location::beside(path, "key");
    let shown = file.display();
    match keyfile::peek(path) {
        Err(error) => found.faulty(&error.message),
        Ok(None) => found.noted(&format!(
            "key: there is no `{shown}`: a new one is made at the next start, and every secret is sent once more"
        )),
        Ok(Some(key)) => match rows::is_bound(pool, &key).await {
            Ok(true) => found.sound("key: it is the one that the ledger's fingerprints were made with"),
            Ok(false) => found.noted(&format!(
                "key: `{shown}` is not the one that the ledger's fingerprints were made with: every secret is sent once more at \
                 the next start, unless the right one is put in its place before"
            )),
            Err(_) => {} // What cannot be read has been told.
        },
    }
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(&file)
        && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
    {
        found.noted(&format!(
            "key: others may read `{shown}`; the next start takes that away from them"
        ));
    }
}
