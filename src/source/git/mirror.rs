//! The bare mirror of one repository: made, fetched into, checked, and made again when it is damaged.
//!
//! The folder holds `repository.git`, `lock` (one process fetches at a time), `source` (what it mirrors), and for moments
//! `next.git` and `old.git`, and `tags` (where each tag that was taken pointed). [`NEWEST`] moves when a fetch is complete, and
//! [`LAST_GOOD`] to it once it may be in force, so neither names a commit of which something is missing.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::{AutotagOption, ErrorClass, FetchOptions, Oid, RemoteCallbacks, Repository, RepositoryInitOptions};

use super::exchange::{Exchange, Failed};
use super::listing::Pointer;
use super::tree::Blobs;
use crate::source::reference::Reference;
use crate::source::{SourceError, SourceFault};

/// The newest commit that was fetched whole and may be in force.
const LAST_GOOD: &str = "refs/driftless/last-good";

/// What was fetched last: a commit, or the object of an annotated tag.
const NEWEST: &str = "refs/driftless/newest";

/// Refspecs of all that a commit can be found by. `+`: branches and tags move as they like here.
pub(super) const EVERYTHING: [&str; 2] = [
    "+refs/heads/*:refs/driftless/heads/*",
    "+refs/tags/*:refs/driftless/tags/*",
];

/// The refspec of one reference. `+`: what may be taken over from a branch that was forced is decided later, with the ledger at hand.
pub(super) fn one(name: &str) -> String {
    format!("+{name}:{NEWEST}")
}

/// Packs at which the mirror is made anew instead of growing: every fetch adds one, and libgit2 has no `gc`.
const PACKS: usize = 50; // Git's own `gc.autoPackLimit`.

/// How often a lock that another process holds is tried.
const LOCK_RETRY: Duration = Duration::from_millis(50);

pub(super) struct Mirror {
    folder: PathBuf,
    reference: Reference,
    trust: Trust,
}

/// When a commit may be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// When it was fetched.
    Fetched,
    /// When its signatures were verified.
    Verified,
}

impl Mirror {
    /// Opens the mirror in `folder`, or makes an empty one. One of another repository is thrown away.
    pub(super) fn open(folder: &Path, shown: &str, reference: Reference, trust: Trust) -> Result<Self, SourceError> {
        let mirror = Self {
            folder: folder.to_owned(),
            reference,
            trust,
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
        let (before_url, before_reference) = before.trim_end().split_once('\n').unwrap_or_default();
        if before_url != shown {
            remove(&self.repository_path())?;
        }
        if !self.repository_path().exists() {
            create(&self.repository_path()).map_err(io::Error::other)?;
        }
        sweep(&self.repository_path())?;
        let reference = match self.trust {
            Trust::Fetched => self.reference.to_string(),
            Trust::Verified => format!("{}, verified", self.reference),
        };
        if before_url != shown || before_reference != reference {
            remove_file(&self.path("tags"))?;
        }
        if before_reference != reference
            && let Ok(repository) = self.repository()
        {
            for name in [LAST_GOOD, NEWEST] {
                if let Ok(mut found) = repository.find_reference(name) {
                    // Another branch's newest commit must not stay in force for this one, nor one that nobody verified.
                    found.delete().map_err(io::Error::other)?;
                }
            }
        }
        fs::write(marker, format!("{shown}\n{reference}\n"))
    }

    /// Where a tag pointed when it was last taken.
    pub(super) fn seen(&self, tag: &str) -> Option<Oid> {
        let text = fs::read_to_string(self.path("tags")).ok()?;
        let lines = text.lines().rev().filter_map(|line| line.split_once(' '));
        let (oid, _) = lines.into_iter().find(|(_, name)| *name == tag)?;
        Oid::from_str(oid).ok()
    }

    /// Notes where a tag points that is taken.
    pub(super) fn see(&self, pointer: &Pointer) -> Result<(), SourceError> {
        let Some(tag) = pointer.tag().filter(|tag| self.seen(tag) != Some(pointer.commit)) else {
            return Ok(());
        };
        let file = File::options().create(true).append(true).open(self.path("tags"));
        let written = file.and_then(|mut file| file.write_all(format!("{} {tag}\n", pointer.commit).as_bytes()));
        written.map_err(|error| self.unwritable(&error))
    }

    /// Whether `oid` is the commit that was fetched last.
    pub(super) fn is_newest(&self, oid: Oid) -> bool {
        if let Reference::Commit(id) = &self.reference {
            return id.0 == oid.to_string();
        }
        let newest = |repository: Repository| {
            repository
                .find_reference(NEWEST)?
                .peel_to_commit()
                .map(|found| found.id())
        };
        self.repository().and_then(newest).is_ok_and(|newest| newest == oid)
    }

    /// Lets `oid`, which is here whole, be in force while the remote does not answer.
    pub(super) fn accept(&self, oid: Oid) -> Result<(), SourceError> {
        let set = |repository: Repository| {
            if repository.refname_to_id(LAST_GOOD).ok() != Some(oid) {
                repository.reference(LAST_GOOD, oid, true, "in force")?;
            }
            Ok::<_, git2::Error>(())
        };
        let accepted = self.repository().and_then(set);
        accepted.map_err(|error| self.unwritable(&error.message()))
    }

    fn unwritable(&self, why: &dyn std::fmt::Display) -> SourceError {
        SourceError::new(
            SourceFault::Unreadable,
            format!(
                "the mirror in {} cannot be written ({why}): check that this user may write there and that the disk is not full",
                self.folder.display()
            ),
        )
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

    /// Fetches into the mirror; into a new one when this one is damaged or has grown too many packs.
    pub(super) fn fetch(
        &self,
        exchange: &Arc<Exchange>,
        reading: &Mutex<Blobs>,
        specs: &[String],
    ) -> Result<(), SourceError> {
        let lock = self.lock(exchange)?;
        let fetched = match self.repository().and_then(sound) {
            Ok(repository) if packs(&self.repository_path()) < PACKS => {
                match exchange.run(|| fetch_into(&repository, specs, exchange)) {
                    Ok(()) => Ok(()),
                    Err(Failed::Library(error)) if is_damage(&error) => {
                        self.damaged(exchange, reading, specs, error.message())
                    }
                    Err(failed) => Err(failed.explain(exchange)),
                }
            }
            Ok(_) => self.replace(exchange, reading, specs),
            Err(error) => self.damaged(exchange, reading, specs, error.message()),
        };
        drop(lock);
        fetched
    }

    /// Makes the mirror anew because of `why`, which a read found.
    pub(super) fn renew(
        &self,
        exchange: &Arc<Exchange>,
        reading: &Mutex<Blobs>,
        specs: &[String],
        why: &str,
    ) -> Result<(), SourceError> {
        let lock = self.lock(exchange)?;
        let renewed = self.damaged(exchange, reading, specs, why);
        drop(lock);
        renewed
    }

    fn damaged(
        &self,
        exchange: &Arc<Exchange>,
        reading: &Mutex<Blobs>,
        specs: &[String],
        why: &str,
    ) -> Result<(), SourceError> {
        tracing::warn!(
            source.url = %exchange.remote.shown,
            mirror = %self.folder.display(),
            reason = why,
            "the mirror cannot be used; fetching a new one"
        );
        self.replace(exchange, reading, specs)
    }

    /// Fetches into a new repository beside this one, and puts it in its place once it is whole.
    fn replace(&self, exchange: &Arc<Exchange>, reading: &Mutex<Blobs>, specs: &[String]) -> Result<(), SourceError> {
        let next = self.path("next.git");
        let local = |error: &dyn std::fmt::Display| self.unwritable(error);
        remove(&next).map_err(|error| local(&error))?;
        let repository = create(&next).map_err(|error| local(&error))?;
        let fetched = exchange.run(|| fetch_into(&repository, specs, exchange));
        drop(repository);
        if let Err(failed) = fetched {
            // Whatever hinders the removal hinders the next attempt too, and is said then.
            let _ = remove(&next);
            return Err(failed.explain(exchange));
        }
        let pause = reading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.repository().and_then(|before| before.refname_to_id(LAST_GOOD));
        let swapped = self.swap(&next);
        drop(pause);
        swapped.map_err(|error| local(&error))?;
        // What was in force stays it, unless the branch was forced meanwhile and the remote has it no more.
        match before {
            Ok(oid)
                if self
                    .repository()
                    .and_then(|now| now.find_commit(oid).map(|_| ()))
                    .is_ok() =>
            {
                self.accept(oid)
            }
            Ok(_) | Err(_) => Ok(()),
        }
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

/// One connection: the listing, the negotiation, one pack. Nothing that is not named.
fn fetch_into(repository: &Repository, specs: &[String], exchange: &Arc<Exchange>) -> Result<(), git2::Error> {
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
    remote.fetch(specs, Some(&mut options), None)
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
    for name in [LAST_GOOD, NEWEST] {
        match repository.find_reference(name) {
            Ok(reference) => {
                reference.peel_to_commit()?.tree()?;
            }
            Err(error) if error.code() == git2::ErrorCode::NotFound => {}
            Err(error) => return Err(error),
        }
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

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
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
