//! One process a store: a second one would lose the first one's intents.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::location;
use crate::store::StoreError;

/// The lock on `<store>.lock`. Given back when it is dropped, or when the process dies in whatever way; the file stays, since
/// deleting it would let two processes hold two locks of one name.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for its drop")] File);

impl Lock {
    /// Takes the lock of the store at `path`, or says who has it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let lock = location::beside(path, "lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .open(&lock)
            .map_err(|error| location::unwritable(&lock, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path, &mut file)),
            Err(TryLockError::Error(error)) => {
                return Err(StoreError {
                    message: format!(
                        "cannot lock `{}`: {error}. The store must lie on a file system with file locks: a local disk, not a \
                         network share",
                        lock.display()
                    ),
                });
            }
        }
        // For the other process's message only: the lock holds without it.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }
}

fn taken(path: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    let _ = file.take(32).read_to_string(&mut holder);
    let holder = match holder.trim().parse::<u32>() {
        Ok(id) => format!("process {id}"),
        Err(_) => "another process".to_owned(),
    };
    StoreError {
        message: format!(
            "the store `{}` is open in {holder}: two may not share one store. Stop the other one, or give this one a store of \
             its own",
            path.display()
        ),
    }
}
