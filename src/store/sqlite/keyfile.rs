//! The key of the secret fingerprints, in a file beside the store: whoever has the database alone can test no guess.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use driftless_core::ledger::FingerprintKey;

use super::location;
use crate::store::StoreError;

/// Bytes of the key: as many as the hash gives (RFC 2104, section 3).
pub(super) const LENGTH: usize = 32;

/// A key that lives as long as the process.
pub(super) fn passing() -> Result<FingerprintKey, StoreError> {
    random().map(|bytes| FingerprintKey::new(bytes.to_vec()))
}

/// The key of the store at `store`; made if there is none.
pub(super) fn open(store: &Path) -> Result<FingerprintKey, StoreError> {
    let path = location::beside(store, "key");
    let Some(key) = peek(store)? else { return make(&path) };
    tighten(&path)?;
    Ok(key)
}

/// The key of the store at `store`, if there is one; nothing is made or changed.
pub(super) fn peek(store: &Path) -> Result<Option<FingerprintKey>, StoreError> {
    let path = location::beside(store, "key");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(StoreError {
                message: format!(
                    "cannot read `{}`, the key of the secret fingerprints: {error}. Give the user that runs driftless access to it",
                    path.display()
                ),
            });
        }
    };
    if bytes.len() != LENGTH {
        return Err(StoreError {
            message: format!(
                "`{}` is not a fingerprint key: it has {} bytes and should have {LENGTH}. Restore it from a backup, or delete it: \
                 a new one is made, and every secret is sent once more",
                path.display(),
                bytes.len()
            ),
        });
    }
    Ok(Some(FingerprintKey::new(bytes)))
}

fn make(path: &Path) -> Result<FingerprintKey, StoreError> {
    let bytes = random()?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let unwritable = |error: std::io::Error| location::unwritable(path, &error);
    // Whole or not at all, with mode 0600 from its first byte, and never over one that is there.
    let mut file = tempfile::Builder::new()
        .prefix(".driftless-key-")
        .tempfile_in(folder)
        .map_err(unwritable)?;
    file.write_all(&bytes[..]).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist_noclobber(path).map_err(|error| unwritable(error.error))?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(unwritable)?;
    Ok(FingerprintKey::new(bytes.to_vec()))
}

/// Takes the key away from everybody but its owner: a volume that was mounted again may have given it to a group.
#[cfg(unix)]
fn tighten(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;

    let fault = |error: std::io::Error| StoreError {
        message: format!(
            "`{path}` holds the key of the secret fingerprints and others may read it, which cannot be changed: {error}. Run \
             `chmod 600 {path}` as its owner",
            path = path.display()
        ),
    };
    let mode = fs::metadata(path).map_err(fault)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(fault)?;
        tracing::warn!(path = %path.display(), "the key of the secret fingerprints was open to others; it is not any more");
    }
    Ok(())
}

#[cfg(not(unix))]
fn tighten(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

fn random() -> Result<[u8; LENGTH], StoreError> {
    let mut bytes = [0; LENGTH];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes[..])
        .map_err(|_| StoreError {
            message: "the operating system gives no random bytes: no fingerprint key can be made".to_owned(),
        })?;
    Ok(bytes)
}
