//! Who may sign: public keys from files, and whether a signature is one of theirs.
//!
//! A key counts as of now. The time that a commit gives itself proves nothing: whoever has an old key can write an old date.

mod openpgp;
mod ssh;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

/// The keys of those who may sign.
#[derive(Debug, Default)]
pub struct Signers {
    ssh: Vec<ssh::Signer>,
    openpgp: Vec<openpgp::Certificate>,
}

/// Bytes that a file of keys may have; a key is a few kilobytes.
const FILE_BYTES: u64 = 1024 * 1024;

/// Files that a folder of keys may hold.
const FILES: usize = 1000;

impl Signers {
    /// Reads files of keys, and the files of folders of keys (not those of folders inside them, nor those whose names begin with
    /// a dot). A file holds OpenSSH public keys, lines as in Git's `gpg.ssh.allowedSignersFile`, or armoured OpenPGP keys.
    ///
    /// # Errors
    /// A file that cannot be read or holds something else, a folder without a file: what is wrong, and where.
    pub fn read(paths: &[PathBuf]) -> Result<Self, String> {
        let mut signers = Self::default();
        for path in paths {
            for file in files(path)? {
                signers.add(&file)?;
            }
        }
        Ok(signers)
    }

    /// How many keys there are; the subkeys of one OpenPGP key count as it.
    pub fn count(&self) -> usize {
        self.ssh.len() + self.openpgp.len()
    }

    /// Whether `signature`, in its armour, is one of `payload` by somebody who may sign at `now`. Gives the key's name.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, signature: &[u8], payload: &[u8], now: DateTime<Utc>) -> Result<String, Doubt> {
        let armour = signature.trim_ascii_start();
        if armour.starts_with(b"-----BEGIN SSH SIGNATURE-----") {
            ssh::verify(&self.ssh, armour, payload, now)
        } else if armour.starts_with(b"-----BEGIN PGP ") {
            openpgp::verify(&self.openpgp, armour, payload, now)
        } else {
            Err(Doubt::Unreadable(
                "it is neither an SSH nor an OpenPGP signature".to_owned(),
            ))
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), String> {
        let shown = path.display();
        let text = text(path).map_err(|reason| format!("the key file {shown} cannot be read: {reason}"))?;
        if text.contains("PRIVATE KEY") {
            return Err(format!("{shown} holds a private key: give the public one"));
        }
        let before = self.count();
        if text.contains(openpgp::BEGIN) {
            let found = openpgp::read(&text).map_err(|reason| format!("{shown}: {reason}"))?;
            self.openpgp.extend(found);
        } else {
            let found = ssh::read(&text).map_err(|(line, reason)| format!("{shown}:{line}: {reason}"))?;
            self.ssh.extend(found);
        }
        if self.count() == before {
            return Err(format!("{shown} holds no key: put public keys there, or leave it out"));
        }
        Ok(())
    }
}

/// The files that `path` stands for, in order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no {shown}: put the public keys of those who may sign there"),
        _ => format!("{shown} cannot be read ({error}): check its permissions"),
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // `..data` and `..2026_…` are how Kubernetes mounts a folder of files.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && fs::metadata(entry.path()).map_err(unreadable)?.is_file() {
            files.push(entry.path());
        }
        if files.len() > FILES {
            return Err(format!(
                "the folder {shown} holds more than {FILES} files: name one of keys alone"
            ));
        }
    }
    if files.is_empty() {
        return Err(format!(
            "the folder {shown} holds no file: put the public keys of those who may sign there"
        ));
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".to_owned()); // To open a pipe is to wait for somebody who writes.
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("it is larger than {FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| {
        "it is no text: give OpenSSH public keys, or OpenPGP keys as `gpg --armor --export` prints them".to_owned()
    })
}

/// Why a signature proves nothing. Each says, after the name of what it stands on, what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It cannot be read, or is of a kind that is not known.
    #[error("has a signature that cannot be read ({0}): sign it again")]
    Unreadable(String),
    /// By nobody who is listed.
    #[error(
        "is signed by {key}, which is not among the keys under `verify.keys`: add its public key if its owner may sign, else find out who pushed this"
    )]
    Unknown {
        /// The key, as far as the signature says.
        key: String,
    },
    /// Not of this content.
    #[error("does not fit its signature by {key}: it was altered after it was signed; find out who pushed this")]
    Altered {
        /// The key.
        key: String,
    },
    /// By a key whose time is over.
    #[error(
        "is signed by {key}, which expired on {since}: sign anew with a key in force, or put the key with a later expiry under `verify.keys`"
    )]
    Expired {
        /// The key.
        key: String,
        /// The day, in UTC.
        since: String,
    },
    /// By a key whose time has not come.
    #[error("is signed by {key}, which is in force only from {from}: wait, or correct `valid-after`")]
    Early {
        /// The key.
        key: String,
        /// The day, in UTC.
        from: String,
    },
    /// By a key that its owner has taken back.
    #[error("is signed by {key}, which was revoked{why}: sign anew with another key, and find out who pushed this")]
    Revoked {
        /// The key.
        key: String,
        /// The reason that the revocation gives, in brackets, or nothing.
        why: String,
    },
    /// By a key, or in a way, that is not meant for this.
    #[error("is signed by {key}, but {why}")]
    Unfit {
        /// The key.
        key: String,
        /// What is wrong, and what to do.
        why: String,
    },
}

/// The day of a time, for a message.
fn day(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
