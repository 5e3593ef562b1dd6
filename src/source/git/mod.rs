//! A Git repository as a source: listed, mirrored, and read from the object database without a work tree.

mod exchange;
mod http_transport;
mod listing;
mod mirror;
mod remote;
mod ssh_transport;
mod transport;
mod tree;
mod url;
mod verify;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::Revision;
use driftless_core::tree::Tree;
use driftless_core::value::Secret;
use git2::{Direction, Oid, RemoteHead, Repository};
use tokio_util::sync::CancellationToken;

pub use self::url::shown_url;
pub use self::verify::{Verify, VerifyMode};
pub use super::reference::{Range, Reference};

use self::exchange::Exchange;
use self::listing::{Listing, Pointer};
use self::mirror::{Mirror, Trust};
use self::remote::Remote;
use self::tree::{Blobs, ReadFault};
use super::file::{self, Limits};
use super::{Commit, Source, SourceError, SourceFault, TreeId};

/// Which repository, at which reference, with what credentials and limits.
#[derive(Clone, Debug)]
pub struct GitOptions {
    /// The source's name in the config.
    pub name: String,
    /// `https://`, `http://`, `ssh://`, `user@host:path`, `file://`, or a path.
    pub url: String,
    /// What is watched.
    pub reference: Reference,
    /// The folder of this source's mirror, made where it is not there; no other source's.
    pub mirror: PathBuf,
    /// How to sign in. Credentials inside `url` are used where this is [`Auth::None`].
    pub auth: Auth,
    /// A file of PEM certificates: the authorities that are trusted besides the system's.
    pub ca: Option<PathBuf>,
    /// How much is read.
    pub limits: Limits,
    /// How long one exchange may take, from the first connection to the last byte.
    pub timeout: Duration,
    /// What becomes of a tag that points elsewhere than before.
    pub moved_tag: MovedTag,
    /// Which signatures a revision must have; none where this is empty.
    pub verify: Option<Verify>,
}

/// What becomes of a tag that points elsewhere than before. (A branch is meant to move: whether it may move backwards is not for
/// the source to say.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovedTag {
    /// It is refused: the revision before it stays in force.
    Refuse,
    /// It is followed, and said.
    Follow,
}

/// How to sign in at a repository's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all; over ssh with what the user's own `ssh` finds.
    None,
    /// An access token of the host, for http(s).
    Token(Secret),
    /// A user and a password or token, for http(s).
    Basic {
        /// The user.
        username: String,
        /// The password, or a token.
        password: Secret,
    },
    /// A key and the hosts it may be shown to, for ssh.
    Ssh {
        /// The private key's file, without passphrase.
        key: PathBuf,
        /// The known host keys' file; a host that is not in it is refused.
        known_hosts: PathBuf,
    },
}

/// Bytes of one listing of references: about half a million of them.
const LISTING_BYTES: u64 = 64 * 1024 * 1024;

/// How long a host may take to accept a connection: one that is down should not cost a whole time-out.
const CONNECT: Duration = Duration::from_secs(10);

/// What a local disk may take on top of a time-out, which only cuts what waits for a network.
const GRACE: Duration = Duration::from_secs(60);

/// A Git repository at a reference.
pub struct GitSource {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    reference: Reference,
    remote: Arc<Remote>,
    mirror: Mirror,
    limits: Limits,
    timeout: Duration,
    moved_tag: MovedTag,
    verify: Option<Verify>,
    /// Where the reference pointed when it was last taken.
    pointer: Mutex<Option<Pointer>>,
    /// Held by the one task that fetches.
    fetching: tokio::sync::Mutex<()>,
    /// Held while the mirror is read; pauses readers while it is replaced.
    blobs: Mutex<Blobs>,
}

impl GitSource {
    /// Checks the options and prepares the mirror; asks nothing of the remote.
    ///
    /// # Errors
    /// An address, branch, credential or CA file that cannot be used, or a mirror that cannot be written.
    pub fn open(options: GitOptions) -> Result<Self, SourceError> {
        let GitOptions {
            name,
            url,
            reference,
            mirror,
            auth,
            ca,
            limits,
            timeout,
            moved_tag,
            verify,
        } = options;
        transport::prepare()?;
        let remote = Remote::new(&url, auth, ca)?;
        listing::check_name(&reference)?;
        if let Some(verify) = &verify {
            verify.fits(&reference)?;
        }
        let trust = match &verify {
            Some(_) => Trust::Verified,
            None => Trust::Fetched,
        };
        let mirror = Mirror::open(&mirror, &remote.shown, reference.clone(), trust)?;
        Ok(Self {
            inner: Arc::new(Inner {
                name,
                reference,
                remote: Arc::new(remote),
                mirror,
                limits,
                timeout,
                moved_tag,
                verify,
                pointer: Mutex::default(),
                fetching: tokio::sync::Mutex::new(()),
                blobs: Mutex::new(Blobs::default()),
            }),
        })
    }

    /// How many texts have been parsed since the source was opened.
    pub fn parsed(&self) -> u64 {
        self.inner.blobs().parsed()
    }

    /// How many parsed blobs are held in memory: those of the newest tree for each set of folders.
    pub fn kept(&self) -> usize {
        self.inner.blobs().kept()
    }

    /// Runs `work` on a thread that may block, within the time-out. Dropping the future gives the exchange up.
    async fn blocking<T: Send + 'static>(
        &self,
        cap: u64,
        work: impl FnOnce(&Inner, &Arc<Exchange>) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let cancel = CancellationToken::new();
        let _give_up = cancel.clone().drop_guard();
        let inner = Arc::clone(&self.inner);
        let exchange = Exchange::new(Arc::clone(&inner.remote), inner.timeout, cap, cancel);
        let job = tokio::task::spawn_blocking(move || work(&inner, &exchange));
        let ended = tokio::time::timeout(self.inner.timeout.saturating_add(GRACE), job).await;
        match ended {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SourceError::new(
                SourceFault::Unreachable,
                format!(
                    "reading {} broke off inside driftless: it is tried again",
                    self.inner.remote.shown
                ),
            )),
            Err(_) => Err(SourceError::new(
                SourceFault::Unreachable,
                format!(
                    "reading {} does not end: check the disk of the mirror and of the repository",
                    self.inner.remote.shown
                ),
            )),
        }
    }
}

#[async_trait]
impl Source for GitSource {
    fn name(&self) -> &str {
        &self.inner.name
    }

    async fn head(&self) -> Result<Revision, SourceError> {
        let inner = &self.inner;
        let lists_alone = inner.verify.is_none() && !matches!(inner.reference, Reference::Commit(_));
        let cap = match lists_alone {
            true => LISTING_BYTES,
            false => inner.limits.repository_bytes,
        };
        self.blocking(cap, |inner, exchange| inner.head(exchange)).await
    }

    fn chosen(&self) -> Option<String> {
        match self.inner.reference {
            Reference::Semver(_) => self.inner.pointer()?.tag().map(str::to_owned),
            Reference::Branch(_) | Reference::Tag(_) | Reference::Commit(_) => None,
        }
    }

    async fn last_good(&self) -> Option<Revision> {
        self.blocking(0, |inner, _| {
            let _reading = inner.blobs();
            Ok(inner.mirror.last_good())
        })
        .await
        .ok()
        .flatten()
        .map(|oid| Revision(oid.to_string()))
    }

    async fn checkout(&self, revision: &Revision, folders: &[String]) -> Result<Tree, SourceError> {
        let oid = oid(revision)?;
        let mut folders = normal(folders)?;
        folders.sort();
        folders.dedup();
        let cap = self.inner.limits.repository_bytes;
        self.blocking(cap, move |inner, exchange| inner.checkout(exchange, oid, &folders))
            .await
    }

    async fn descends(&self, newer: &Revision, older: &Revision) -> Result<bool, SourceError> {
        let (Reference::Branch(_), true) = (&self.inner.reference, newer != older) else {
            return Ok(true);
        };
        let (newer, older) = (oid(newer)?, oid(older)?);
        let cap = self.inner.limits.repository_bytes;
        self.blocking(cap, move |inner, exchange| {
            inner.reading(exchange, newer, |repository, _| {
                tree::descends(repository, newer, older)
            })
        })
        .await
    }

    async fn fingerprint(&self, revision: &Revision, folders: &[String]) -> Result<TreeId, SourceError> {
        let (oid, folders) = (oid(revision)?, normal(folders)?);
        let cap = self.inner.limits.repository_bytes;
        self.blocking(cap, move |inner, exchange| {
            inner.reading(exchange, oid, |repository, _| {
                tree::fingerprint(repository, oid, &folders, &inner.limits)
            })
        })
        .await
    }

    async fn describe(&self, revision: &Revision) -> Option<Commit> {
        let oid = oid(revision).ok()?;
        self.blocking(0, move |inner, _| Ok(inner.describe(oid)))
            .await
            .ok()
            .flatten()
    }
}

impl Inner {
    fn blobs(&self) -> MutexGuard<'_, Blobs> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pointer(&self) -> Option<Pointer> {
        self.pointer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn head(&self, exchange: &Arc<Exchange>) -> Result<Revision, SourceError> {
        let pointer = self.point(exchange)?;
        let before = pointer.tag().and_then(|tag| self.mirror.seen(tag));
        if let (Some(tag), Some(before)) = (pointer.tag(), before)
            && before != pointer.commit
        {
            self.moved(tag, before, pointer.commit)?;
        }
        let known = self
            .pointer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(pointer.clone());
        let taken = self
            .verified(exchange, &pointer)
            .and_then(|()| self.mirror.see(&pointer));
        if let Err(error) = taken {
            *self.pointer.lock().unwrap_or_else(PoisonError::into_inner) = known;
            return Err(error);
        }
        Ok(Revision(pointer.commit.to_string()))
    }

    fn point(&self, exchange: &Arc<Exchange>) -> Result<Pointer, SourceError> {
        match &self.reference {
            Reference::Branch(name) => self.list(exchange)?.branch(name),
            Reference::Tag(name) => self.list(exchange)?.tag(name),
            Reference::Semver(range) => self.list(exchange)?.newest(range),
            // It never moves: once it is here, the remote is asked nothing.
            Reference::Commit(id) => {
                let oid = oid(id)?;
                self.reading(exchange, oid, |repository, _| {
                    tree::find_commit(repository, oid).map(|_| ())
                })?;
                Ok(Pointer {
                    name: None,
                    object: oid,
                    commit: oid,
                })
            }
        }
    }

    /// One listing of references.
    fn list(&self, exchange: &Arc<Exchange>) -> Result<Listing, SourceError> {
        let listed = exchange.run(|| {
            let mut remote = git2::Remote::create_detached(self.remote.address())?;
            let connection = remote.connect_auth(Direction::Fetch, None, None)?;
            let heads = connection.list()?.iter();
            // git2 panics at a name that is not UTF-8. Anybody may push one; no source watches it.
            let named = |head: &RemoteHead<'_>| catch_unwind(AssertUnwindSafe(|| head.name().to_owned())).ok();
            let heads = heads.map(|head| (named(head).unwrap_or_default(), head.oid()));
            Ok(Listing::new(&self.remote.shown, heads))
        });
        listed.map_err(|failed| failed.explain(exchange))?
    }

    fn moved(&self, tag: &str, before: Oid, now: Oid) -> Result<(), SourceError> {
        let shown = &self.remote.shown;
        match self.moved_tag {
            MovedTag::Refuse => Err(SourceError::new(
                SourceFault::Untrusted,
                format!(
                    "the tag `{tag}` of {shown} was moved: it was at {before} and is at {now} now; find out who moved it, and release under a new tag, or take it with `force_push: allow`"
                ),
            )),
            MovedTag::Follow => {
                tracing::warn!(source.url = %shown, "the tag {tag} was moved from {before} to {now}, and is followed");
                Ok(())
            }
        }
    }

    /// Whether what is pointed at bears the signatures that it must have. What is not there yet is fetched.
    fn verified(&self, exchange: &Arc<Exchange>, pointer: &Pointer) -> Result<(), SourceError> {
        let Some(verify) = &self.verify else {
            return Ok(());
        };
        let signers = verify.signers()?;
        self.reading(exchange, pointer.commit, |repository, _| {
            verify::check(repository, pointer, verify, &signers, &self.remote.shown)
        })?;
        self.mirror.accept(pointer.commit)
    }

    fn checkout(&self, exchange: &Arc<Exchange>, oid: Oid, folders: &[String]) -> Result<Tree, SourceError> {
        let tree = self.reading(exchange, oid, |repository, blobs| {
            tree::read(repository, oid, folders, &self.limits, blobs)
        })?;
        // What the reference was last seen at may have been here before it was watched.
        let is_pointed_at = self.pointer().is_some_and(|pointer| pointer.commit == oid);
        if self.verify.is_none() && (is_pointed_at || self.mirror.is_newest(oid)) {
            self.mirror.accept(oid)?;
        }
        Ok(tree)
    }

    /// Reads the mirror. What is not there is fetched, once; a mirror that is damaged is made anew, once.
    fn reading<T>(
        &self,
        exchange: &Arc<Exchange>,
        oid: Oid,
        read: impl Fn(&Repository, &mut Blobs) -> Result<T, ReadFault>,
    ) -> Result<T, SourceError> {
        let read = || {
            let mut blobs = self.blobs();
            let repository = self.mirror.repository()?;
            read(&repository, &mut blobs)
        };
        match read() {
            Ok(found) => return Ok(found),
            Err(ReadFault::Source(error)) => return Err(error),
            Err(ReadFault::Absent | ReadFault::Broken(_)) => {}
        }
        let _turn = exchange.wait(self.fetching.lock())?;
        // Whoever had the turn before may have brought it.
        match read() {
            Ok(found) => return Ok(found),
            Err(ReadFault::Source(error)) => return Err(error),
            Err(ReadFault::Absent) => {
                let specs = self.refspecs(exchange)?;
                self.mirror.fetch(exchange, &self.blobs, &specs)?;
            }
            Err(ReadFault::Broken(why)) => {
                let specs = self.refspecs(exchange)?;
                self.mirror.renew(exchange, &self.blobs, &specs, &why)?;
            }
        }
        let shown = &self.remote.shown;
        let watched = self.reference.words(self.pointer().as_ref().and_then(Pointer::tag));
        read().map_err(|fault| match fault {
            ReadFault::Source(error) => error,
            ReadFault::Absent if matches!(self.reference, Reference::Commit(_)) => SourceError::new(
                SourceFault::Missing,
                format!("no branch and no tag of {shown} leads to commit {oid}: correct `commit`, or push a branch that holds it"),
            ),
            ReadFault::Absent => SourceError::new(
                SourceFault::Missing,
                format!(
                    "revision {oid} is not on {watched} of {shown}: that was forced or deleted meanwhile; its newest revision is looked up again"
                ),
            ),
            ReadFault::Broken(why) => SourceError::new(
                SourceFault::Unreadable,
                format!(
                    "revision {oid} of {shown} cannot be read, also after fetching it anew ({why}): check the repository with `git fsck`"
                ),
            ),
        })
    }

    /// What is fetched, and where it is kept.
    fn refspecs(&self, exchange: &Arc<Exchange>) -> Result<Vec<String>, SourceError> {
        let pointer = match (&self.reference, self.pointer()) {
            (Reference::Commit(_), _) => return Ok(mirror::EVERYTHING.map(str::to_owned).to_vec()),
            (_, Some(pointer)) => pointer,
            // A revision is wanted of which only the mirror knew, and the mirror is gone.
            (_, None) => self.point(exchange)?,
        };
        let one = pointer.name.unwrap_or_default();
        Ok(vec![mirror::one(&one)])
    }

    fn describe(&self, oid: Oid) -> Option<Commit> {
        let _reading = self.blobs();
        let repository = self.mirror.repository().ok()?;
        let commit = repository.find_commit(oid).ok()?;
        let author = commit.author();
        Some(Commit {
            author: String::from_utf8_lossy(author.name_bytes()).into_owned(),
            subject: String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()).into_owned(),
            time: commit.time().seconds(),
        })
    }
}

fn normal(folders: &[String]) -> Result<Vec<String>, SourceError> {
    folders.iter().map(|folder| file::normal_folder(folder)).collect()
}

fn oid(revision: &Revision) -> Result<Oid, SourceError> {
    Oid::from_str(&revision.0)
        .ok()
        .filter(|oid| oid.to_string() == revision.0)
        .ok_or_else(|| {
            SourceError::new(
                SourceFault::Missing,
                format!("`{revision}` is no full commit id: take the one that `git rev-parse` prints"),
            )
        })
}
