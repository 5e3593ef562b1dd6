//! Where the store is: reads `store.url` and makes the file.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Where a store is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// In memory, gone with the process: for tests.
    Memory,
    /// In a file.
    File(PathBuf),
}

impl Location {
    /// Reads `sqlite://FILE`, `sqlite:FILE`, `sqlite::memory:` or a path.
    pub(super) fn read(text: &str) -> Result<Self, StoreError> {
        let fault = |message: String| Err(StoreError { message });
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            // Not quoted: such a URL holds a password.
            return fault(
                "a store in PostgreSQL is not supported by this version: use `sqlite://FILE` and run one replica"
                    .to_owned(),
            );
        }
        let path = match text.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some((_, rest)) if rest.starts_with("//") => {
                return fault("the store's URL has a scheme that is not known: use `sqlite://FILE`".to_owned());
            }
            _ => text,
        };
        if path == ":memory:" {
            return Ok(Location::Memory);
        }
        if path.is_empty() {
            return fault("the store's URL names no file: write `sqlite://driftless.db`".to_owned());
        }
        if path.contains('?') {
            return fault("the store's URL has options after `?`: there are none, leave them out".to_owned());
        }
        Ok(Location::File(PathBuf::from(path)))
    }
}

/// The path of a file that lies beside the store: `<store>.<ending>`.
pub(super) fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// Whether there is no file, or one that holds nothing.
pub(super) fn is_empty(path: &Path) -> Result<bool, StoreError> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(found.is_file() && found.len() == 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(StoreError {
            message: format!(
                "cannot look at `{}`: {error}. Give the user that runs driftless access to its folder",
                path.display()
            ),
        }),
    }
}

/// The file of a store that has one and that is there.
pub(super) fn existing(location: &str) -> Result<PathBuf, StoreError> {
    let Location::File(path) = Location::read(location)? else {
        return Err(StoreError {
            message: "a store in memory ends with its process: there is nothing to read".to_owned(),
        });
    };
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(StoreError {
            message: format!(
                "there is no store `{}`: a relative path counts from the working directory",
                path.display()
            ),
        }),
        Err(error) => Err(StoreError {
            message: format!("cannot look at `{}`: {error}", path.display()),
        }),
    }
}

/// Makes the file if it is not there, for its owner alone: SQLite gives its journals the same mode.
pub(super) fn prepare(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// `path`, or its folder, cannot be written.
pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> StoreError {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder_text = folder.display();
    let path_text = path.display();
    let advice = match error.kind() {
        ErrorKind::NotFound => {
            format!("the folder `{folder_text}` does not exist: make it, or name another in `store.url`")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => format!(
            "the folder `{folder_text}` cannot be written: give the user that runs driftless write access, or name another \
             place in `store.url`"
        ),
        ErrorKind::IsADirectory => "it is a folder: name a file in `store.url`".to_owned(),
        ErrorKind::StorageFull => "the disk is full: make room and start again".to_owned(),
        _ => error.to_string(),
    };
    StoreError {
        message: format!("cannot make `{path_text}`: {advice}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_place_is_read() {
        for (text, path) in [
            ("sqlite://driftless.db", "driftless.db"),
            ("sqlite:///var/lib/driftless/state.db", "/var/lib/driftless/state.db"),
            ("sqlite:state.db", "state.db"),
            ("./state.db", "./state.db"),
        ] {
            assert_eq!(
                Location::read(text).unwrap(),
                Location::File(PathBuf::from(path)),
                "{text}"
            );
        }
        assert_eq!(Location::read("sqlite::memory:").unwrap(), Location::Memory);
    }

    #[test]
    fn a_place_that_is_not_supported_is_refused_with_advice_and_without_its_password() {
        for text in [
            "postgres://u:hunter2@db/x",
            "postgresql://u:hunter2@db/x",
            "mysql://u:hunter2@db/x",
        ] {
            let message = Location::read(text).unwrap_err().message;
            assert!(message.contains("sqlite://FILE"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(Location::read("sqlite://").is_err());
        assert!(Location::read("sqlite://a.db?mode=ro").is_err());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named_with_what_to_do() {
        for (kind, part) in [
            (ErrorKind::PermissionDenied, "the folder `/srv/state` cannot be written"),
            (ErrorKind::ReadOnlyFilesystem, "name another place in `store.url`"),
            (ErrorKind::NotFound, "the folder `/srv/state` does not exist"),
            (ErrorKind::StorageFull, "the disk is full"),
        ] {
            let message = unwritable(Path::new("/srv/state/driftless.db"), &kind.into()).message;
            assert!(message.contains(part), "{message}");
        }
        let message = unwritable(Path::new("driftless.db"), &ErrorKind::PermissionDenied.into()).message;
        assert!(message.contains("the folder `.`"), "{message}");
    }
}
