//! What SQLite's errors mean for the person who runs driftless, and what to do about each.

use std::path::Path;

use driftless_core::key::EnvironmentName;

use super::rows::RowFault;
use crate::store::StoreError;

/// Words the faults of one store.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    name: String,
}

impl Faults {
    /// Of a store in a file.
    pub(super) fn file(path: &Path) -> Self {
        Self {
            name: format!("the store `{}`", path.display()),
        }
    }

    /// Of a store in memory.
    pub(super) fn memory() -> Self {
        Self {
            name: "the store in memory".to_owned(),
        }
    }

    /// A fault of the store's own: `text` goes on after the store's name.
    pub(super) fn plain(&self, text: &str) -> StoreError {
        StoreError {
            message: format!("{} {text}", self.name),
        }
    }

    /// The file is not as SQLite wrote it.
    pub(super) fn damaged(&self, what: &str) -> StoreError {
        self.plain(&format!(
            "is no SQLite database, or it is damaged ({what}): nothing is written to any instance until that is mended. \
             `driftless store check` says what is wrong; stop driftless, then restore the file from a backup, or let \
             `driftless store rebuild` keep it aside and save what can be read. What it cannot save is adopted again: nothing \
             live is deleted, differences are two-way once and secrets are sent once"
        ))
    }

    /// A version that this one does not know wrote it.
    pub(super) fn newer(&self, found: i64, known: usize) -> StoreError {
        self.plain(&format!(
            "was written by a newer driftless (its version is {found}, this one knows up to {known}): use that one again, or \
             restore the backup from before it was started"
        ))
    }

    /// It is another program's.
    pub(super) fn foreign(&self) -> StoreError {
        self.plain("is a database of another program: name another file in `store.url`")
    }

    /// An older version wrote it, and it is only read here.
    pub(super) fn older(&self) -> StoreError {
        self.plain("was written by an older driftless, which kept no audit: start this version on it once")
    }

    /// `error` happened while trying to `doing`.
    pub(super) fn of(&self, doing: &str, error: &sqlx::Error) -> StoreError {
        let advice = match meaning(error) {
            Meaning::Damaged => return self.damaged(&error.to_string()),
            Meaning::Busy => {
                "another program holds it locked (a backup, a database shell): end that program and try again"
            }
            Meaning::Unwritable => {
                "the file or its folder cannot be written: give the user that runs driftless write access to both, or name \
                 another place in `store.url`"
            }
            Meaning::Full => "the disk is full: make room, then start again; what was agreed on so far is safe",
            Meaning::Disk => "the disk answers with an error: look at the system's log before going on",
            Meaning::Other => "",
        };
        let advice = if advice.is_empty() {
            error.to_string()
        } else {
            format!("{advice} ({error})")
        };
        StoreError {
            message: format!("cannot {doing} in {}: {advice}", self.name),
        }
    }

    /// A row of an environment's ledger or intents cannot be read.
    pub(super) fn row(&self, environment: &EnvironmentName, fault: &RowFault) -> StoreError {
        self.plain(&format!(
            "holds something for environment `{environment}` that cannot be read: {fault}. Restore it from a backup, or let \
             `driftless store rebuild` leave that row out: its resource is then compared two-way once"
        ))
    }

    /// A row of the history cannot be read.
    pub(super) fn run(&self, fault: &RowFault) -> StoreError {
        self.plain(&format!(
            "holds a run that cannot be read: {fault}. Restore it from a backup, or let `driftless store rebuild` leave it out: \
             nothing depends on it"
        ))
    }
}

impl Faults {
    /// A row of the audit cannot be read.
    pub(super) fn record(&self, fault: &RowFault) -> StoreError {
        self.plain(&format!(
            "holds an audit record that cannot be read: {fault}. `driftless store check` says what else is wrong"
        ))
    }
}

enum Meaning {
    Damaged,
    Busy,
    Unwritable,
    Full,
    Disk,
    Other,
}

/// The primary result code is the lower byte of the extended one: <https://www.sqlite.org/rescode.html>.
fn meaning(error: &sqlx::Error) -> Meaning {
    let code = match error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<i32>().ok()),
        sqlx::Error::Io(_) => return Meaning::Disk,
        _ => None,
    };
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => Meaning::Damaged,       // SQLITE_CORRUPT, SQLITE_NOTADB
        Some(5 | 6) => Meaning::Busy,            // SQLITE_BUSY, SQLITE_LOCKED
        Some(3 | 8 | 14) => Meaning::Unwritable, // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN
        Some(13) => Meaning::Full,               // SQLITE_FULL
        Some(10) => Meaning::Disk,               // SQLITE_IOERR
        _ => Meaning::Other,
    }
}
