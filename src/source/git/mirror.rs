//! The bare mirror of one repository: made, fetched into, checked, and made again when it is damaged.
//!
//! The folder holds `repository.git`, `lock` (one process fetches at a time), `source` (what it mirrors), and for moments
//! `next.git` and `old.git`. The one reference, [`LAST_GOOD`], moves when a fetch is complete, so it never names a commit of
//! which something is missing.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::{AutotagOption, ErrorClass, FetchOptions, Oid, RemoteCallbacks, Repository, RepositoryInitOptions};

use super::exchange::{Exchange, Failed};
use super::tree::Blobs;
use crate::source::{SourceError, SourceFault};

/// The newest commit that was fetched whole.
const LAST_GOOD: &str = "refs/driftless/last-good";

/// Packs at which the mirror is made anew instead of growing: every fetch adds one, and libgit2 has no `gc`.
const PACKS: usize = 50; // Git's own `gc.autoPackLimit`.

/// How often a lock that another process holds is tried.
const LOCK_RETRY: Duration = Duration::from_millis(50);

pub(super) struct Mirror {
    folder: PathBuf,
    branch: String,
}

impl Mirror {
    /// Opens the mirror in `folder`, or makes an empty one. One of another repository is thrown away.
    pub(super) fn open(folder: &Path, shown: &str, branch: &str) -> Result<Self, SourceError> {
        let mirror = Self {
            folder: folder.to_owned(),
            branch: branch.to_owned(),
        };
        mirror.settle(shown).map_err(|error| {
            SourceError::new(
                SourceFault::Unreadable,
                format!(
                    "the mirror of {shown} in {} cannot be prepared ({error}): check that this user may write there and that the disk is not full",
                    folder.display()
                ),
            )
        })?;
        Ok(mirror)
    }

    fn settle(&self, shown: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let lock = self.lock_file()?;
        if lock.try_lock().is_err() {
            return Ok(()); // Another process works here, so it is settled.
        }
        // A swap that was cut off between its two steps.
        if !self.repository_path().exists() && self.path("old.git").exists() {
            fs::rename(self.path("old.git"), self.repository_path())?;
        }
        remove(&self.path("old.git"))?;
        remove(&self.path("next.git"))?;
        let marker = self.path("source");
        let before = fs::read_to_string(&marker).unwrap_or_default();
        let (before_url, before_branch) = before.trim_end().split_once('\n').unwrap_or_default();
        if before_url != shown {
            remove(&self.repository_path())?;
        }
        if !self.repository_path().exists() {
            create(&self.repository_path()).map_err(io::Error::other)?;
        }
        sweep(&self.repository_path())?;
        if before_branch != self.branch
            && let Ok(repository) = self.repository()
            && let Ok(mut reference) = repository.find_reference(LAST_GOOD)
        {
            // Another branch's newest commit must not stay in force for this one.
            reference.delete().map_err(io::Error::other)?;
        }
        fs::write(marker, format!("{shown}\n{}\n", self.branch))
    }

    /// The repository, for reading.
    pub(super) fn repository(&self) -> Result<Repository, git2::Error> {
        Repository::open_bare(self.repository_path())
    }

    /// The newest commit that is here whole.
    pub(super) fn last_good(&self) -> Option<Oid> {
        let repository = self.repository().ok()?;
        let oid = repository.refname_to_id(LAST_GOOD).ok()?;
        repository.find_commit(oid).ok().map(|commit| commit.id())
    }

    /// Fetches the branch into the mirror; into a new one when this one is damaged or has grown too many packs.
    pub(super) fn fetch(&self, exchange: &Arc<Exchange>, reading: &Mutex<Blobs>) -> Result<(), SourceError> {
        let lock = self.lock(exchange)?;
        let fetched = match self.repository().and_then(sound) {
            Ok(repository) if packs(&self.repository_path()) < PACKS => {
                match exchange.run(|| fetch_into(&repository, &self.branch, exchange)) {
                    Ok(()) => Ok(()),
                    Err(Failed::Library(error)) if is_damage(&error) => {
                        self.damaged(exchange, reading, error.message())
                    }
                    Err(failed) => Err(failed.explain(exchange)),
                }
            }
            Ok(_) => self.replace(exchange, reading),
            Err(error) => self.damaged(exchange, reading, error.message()),
        };
        drop(lock);
        fetched
    }

    /// Makes the mirror anew because of `why`, which a read found.
    pub(super) fn renew(&self, exchange: &Arc<Exchange>, reading: &Mutex<Blobs>, why: &str) -> Result<(), SourceError> {
        let lock = self.lock(exchange)?;
        let renewed = self.damaged(exchange, reading, why);
        drop(lock);
        renewed
    }

    fn damaged(&self, exchange: &Arc<Exchange>, reading: &Mutex<Blobs>, why: &str) -> Result<(), SourceError> {
        tracing::warn!(
            source.url = %exchange.remote.shown,
            mirror = %self.folder.display(),
            reason = why,
            "the mirror cannot be used; fetching a new one"
        );
        self.replace(exchange, reading)
    }

    /// Fetches into a new repository beside this one, and puts it in its place once it is whole.
    fn replace(&self, exchange: &Arc<Exchange>, reading: &Mutex<Blobs>) -> Result<(), SourceError> {
        let next = self.path("next.git");
        let local = |error: &dyn std::fmt::Display| {
            SourceError::new(
                SourceFault::Unreadable,
                format!(
                    "the mirror of {} in {} cannot be written ({error}): check that this user may write there and that the disk is not full",
                    exchange.remote.shown,
                    self.folder.display()
                ),
            )
        };
        remove(&next).map_err(|error| local(&error))?;
        let repository = create(&next).map_err(|error| local(&error))?;
        let fetched = exchange.run(|| fetch_into(&repository, &self.branch, exchange));
        drop(repository);
        if let Err(failed) = fetched {
            // Whatever hinders the removal hinders the next attempt too, and is said then.
            let _ = remove(&next);
            return Err(failed.explain(exchange));
        }
        let pause = reading.lock().unwrap_or_else(PoisonError::into_inner);
        let swapped = self.swap(&next);
        drop(pause);
        swapped.map_err(|error| local(&error))
    }

    fn swap(&self, next: &Path) -> io::Result<()> {
        let old = self.path("old.git");
        remove(&old)?;
        if self.repository_path().exists() {
            fs::rename(self.repository_path(), &old)?;
        }
        fs::rename(next, self.repository_path())?;
        remove(&old)
    }

    /// Waits until no other process fetches into this mirror. The lock ends with the file, and so with the process.
    fn lock(&self, exchange: &Exchange) -> Result<File, SourceError> {
        let unusable = |error: io::Error| {
            SourceError::new(
                SourceFault::Unreadable,
                format!(
                    "the mirror in {} cannot be locked ({error}): check that this user may write there",
                    self.folder.display()
                ),
            )
        };
        let file = self.lock_file().map_err(unusable)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => exchange.wait(tokio::time::sleep(LOCK_RETRY))?,
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
    }

    fn lock_file(&self) -> io::Result<File> {
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.path("lock"))
    }

    fn repository_path(&self) -> PathBuf {
        self.path("repository.git")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// One connection: the listing, the negotiation, one pack. No tags and no other branch.
fn fetch_into(repository: &Repository, branch: &str, exchange: &Arc<Exchange>) -> Result<(), git2::Error> {
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| {
        let go_on = exchange
            .check()
            .and_then(|()| exchange.admit(progress.received_bytes() as u64));
        match go_on {
            Ok(()) => true,
            Err(error) => {
                exchange.fail(error);
                false
            }
        }
    });
    let mut options = FetchOptions::new();
    options
        .remote_callbacks(callbacks)
        .download_tags(AutotagOption::None)
        .update_fetchhead(false);
    let mut remote = repository.remote_anonymous(&exchange.remote.address())?;
    // `+`: what may be taken over from a branch that was forced is decided later, with the ledger at hand.
    let refspec = format!("+refs/heads/{branch}:{LAST_GOOD}");
    remote.fetch(&[refspec.as_str()], Some(&mut options), None)
}

/// Whether a failed fetch may be the mirror's fault; a full disk or a lost connection is not.
fn is_damage(error: &git2::Error) -> bool {
    !matches!(
        error.class(),
        ErrorClass::Net
            | ErrorClass::Http
            | ErrorClass::Ssh
            | ErrorClass::Os
            | ErrorClass::NoMemory
            | ErrorClass::Callback
    )
}

/// Whether what the mirror says it has can be read: a remote would never send it again.
fn sound(repository: Repository) -> Result<Repository, git2::Error> {
    match repository.refname_to_id(LAST_GOOD) {
        Ok(oid) => {
            repository.find_commit(oid)?.tree()?;
        }
        Err(error) if error.code() == git2::ErrorCode::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(repository)
}

fn create(path: &Path) -> Result<Repository, git2::Error> {
    let mut options = RepositoryInitOptions::new();
    options.bare(true).external_template(false);
    Repository::init_opts(path, &options)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn packs(repository: &Path) -> usize {
    entries(&repository.join("objects/pack"))
        .filter(|path| path.extension().is_some_and(|extension| extension == "pack"))
        .count()
}

/// Removes what a process that was killed left: half a pack costs disk, a lock on the reference would stop every fetch.
fn sweep(repository: &Path) -> io::Result<()> {
    let halves = entries(&repository.join("objects/pack")).filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().contains("_git2_"))
    });
    let locks = [repository.join("refs/driftless"), repository.to_owned()]
        .into_iter()
        .flat_map(|folder| entries(&folder))
        .filter(|path| path.extension().is_some_and(|extension| extension == "lock"));
    for path in halves.chain(locks) {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The paths in a folder; none if it cannot be read.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
}
