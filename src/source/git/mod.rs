//! A branch of a Git repository as a source: listed, mirrored, and read from the object database without a work tree.

mod exchange;
mod http_transport;
mod mirror;
mod ssh_transport;
mod transport;
mod tree;
mod url;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::Revision;
use driftless_core::tree::Tree;
use driftless_core::value::Secret;
use git2::{Direction, Oid};
use tokio_util::sync::CancellationToken;

pub use self::url::shown_url;

use self::exchange::Exchange;
use self::http_transport::Trust;
use self::mirror::Mirror;
use self::tree::{Blobs, ReadFault};
use self::url::{Address, Endpoint, TOKEN_USER};
use super::file::{self, Limits};
use super::{Commit, Source, SourceError, SourceFault};

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
    /// A file of PEM certificates: the authorities that are trusted instead of the system's.
    pub ca: Option<PathBuf>,
    /// How much is read.
    pub limits: Limits,
    /// How long one exchange may take, from the first connection to the last byte.
    pub timeout: Duration,
}

/// What of a repository is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A branch, by its name below `refs/heads/`.
    Branch(String),
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

/// Names of branches that stand in an error.
const NEARBY: usize = 5;

/// What a local disk may take on top of a time-out, which only cuts what waits for a network.
const GRACE: Duration = Duration::from_secs(60);

/// Whom an exchange is with.
struct Remote {
    shown: String,
    endpoint: Endpoint,
    auth: Auth,
    /// Every secret that could turn up in a message.
    secrets: Vec<Secret>,
    http: Option<reqwest::Client>,
}

impl Remote {
    /// What libgit2 is given: names the transport, and holds no credential.
    fn address(&self) -> String {
        match &self.endpoint {
            Endpoint::Http(url) | Endpoint::Local(url) => url.clone(),
            Endpoint::Ssh(host) => format!("ssh://{}/", host.host),
        }
    }

    fn basic(&self) -> Option<(&str, &Secret)> {
        match &self.auth {
            Auth::Token(token) => Some((TOKEN_USER, token)),
            Auth::Basic { username, password } => Some((username, password)),
            Auth::None | Auth::Ssh { .. } => None,
        }
    }

    fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.iter()
    }

    fn client(&self) -> Result<&reqwest::Client, SourceError> {
        self.http.as_ref().ok_or_else(|| {
            SourceError::new(
                SourceFault::Unreadable,
                format!("{} is not reached over HTTP", self.shown),
            )
        })
    }
}

/// A branch of a Git repository.
pub struct GitSource {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    branch: String,
    remote: Arc<Remote>,
    mirror: Mirror,
    limits: Limits,
    timeout: Duration,
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
            reference: Reference::Branch(branch),
            mirror,
            auth,
            ca,
            limits,
            timeout,
        } = options;
        transport::prepare()?;
        let remote = remote(&url, auth, ca)?;
        if !git2::Reference::is_valid_name(&format!("refs/heads/{branch}")) {
            return Err(SourceError::new(
                SourceFault::Missing,
                format!("`{branch}` cannot be the name of a branch: write it as `git branch` shows it"),
            ));
        }
        let mirror = Mirror::open(&mirror, &remote.shown, &branch)?;
        Ok(Self {
            inner: Arc::new(Inner {
                name,
                branch,
                remote: Arc::new(remote),
                mirror,
                limits,
                timeout,
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
        self.blocking(LISTING_BYTES, |inner, exchange| inner.head(exchange))
            .await
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
        let mut folders = folders
            .iter()
            .map(|folder| file::normal_folder(folder))
            .collect::<Result<Vec<_>, _>>()?;
        folders.sort();
        folders.dedup();
        let cap = self.inner.limits.repository_bytes;
        self.blocking(cap, move |inner, exchange| inner.checkout(exchange, oid, &folders))
            .await
    }

    async fn descends(&self, newer: &Revision, older: &Revision) -> Result<bool, SourceError> {
        let (newer, older) = (oid(newer)?, oid(older)?);
        self.blocking(0, move |inner, _| inner.descends(newer, older)).await
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

    fn descends(&self, newer: Oid, older: Oid) -> Result<bool, SourceError> {
        let _reading = self.blobs();
        let descends = self.mirror.repository().and_then(|repository| {
            if repository.find_commit(older).is_err() {
                return Ok(false);
            }
            Ok(newer == older || repository.graph_descendant_of(newer, older)?)
        });
        descends.map_err(|error| {
            let message = format!(
                "the history of {} cannot be read: {}",
                self.remote.shown,
                error.message()
            );
            SourceError::new(SourceFault::Unreadable, message)
        })
    }

    fn head(&self, exchange: &Arc<Exchange>) -> Result<Revision, SourceError> {
        let heads = exchange
            .run(|| {
                let mut remote = git2::Remote::create_detached(self.remote.address())?;
                let connection = remote.connect_auth(Direction::Fetch, None, None)?;
                let heads = connection.list()?;
                Ok(heads
                    .iter()
                    .filter_map(|head| Some((head.name().strip_prefix("refs/heads/")?.to_owned(), head.oid())))
                    .collect::<Vec<_>>())
            })
            .map_err(|failed| failed.explain(exchange))?;
        match heads.iter().find(|(name, _)| *name == self.branch) {
            Some((_, oid)) => Ok(Revision(oid.to_string())),
            None => Err(self.no_branch(heads.into_iter().map(|(name, _)| name).collect())),
        }
    }

    fn no_branch(&self, mut names: Vec<String>) -> SourceError {
        let (shown, branch) = (&self.remote.shown, &self.branch);
        if names.is_empty() {
            return SourceError::new(
                SourceFault::Missing,
                format!("{shown} is empty: push a first commit to branch `{branch}`"),
            );
        }
        names.sort_by_cached_key(|name| (distance(name, branch), name.clone()));
        let nearby = names.iter().take(NEARBY).map(|name| format!("`{name}`"));
        SourceError::new(
            SourceFault::Missing,
            format!(
                "{shown} has no branch `{branch}`: correct `branch` or push it; there is {}{}",
                nearby.collect::<Vec<_>>().join(", "),
                if names.len() > NEARBY { ", and more" } else { "" }
            ),
        )
    }

    fn checkout(&self, exchange: &Arc<Exchange>, oid: Oid, folders: &[String]) -> Result<Tree, SourceError> {
        match self.read(oid, folders) {
            Ok(tree) => return Ok(tree),
            Err(ReadFault::Source(error)) => return Err(error),
            Err(ReadFault::Absent | ReadFault::Broken(_)) => {}
        }
        let _turn = exchange.wait(self.fetching.lock())?;
        // Whoever had the turn before may have brought it.
        match self.read(oid, folders) {
            Ok(tree) => return Ok(tree),
            Err(ReadFault::Source(error)) => return Err(error),
            Err(ReadFault::Absent) => self.mirror.fetch(exchange, &self.blobs)?,
            Err(ReadFault::Broken(why)) => self.mirror.renew(exchange, &self.blobs, &why)?,
        }
        self.read(oid, folders).map_err(|fault| match fault {
            ReadFault::Source(error) => error,
            ReadFault::Absent => SourceError::new(
                SourceFault::Missing,
                format!(
                    "revision {oid} is not on branch `{}` of {}: the branch was forced or deleted meanwhile; its newest revision is looked up again",
                    self.branch, self.remote.shown
                ),
            ),
            ReadFault::Broken(why) => SourceError::new(
                SourceFault::Unreadable,
                format!(
                    "revision {oid} of {} cannot be read, also after fetching it anew ({why}): check the repository with `git fsck`",
                    self.remote.shown
                ),
            ),
        })
    }

    fn read(&self, oid: Oid, folders: &[String]) -> Result<Tree, ReadFault> {
        let mut blobs = self.blobs();
        let repository = self.mirror.repository()?;
        tree::read(&repository, oid, folders, &self.limits, &mut blobs)
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

/// Checks that address and credentials fit, and makes what reaches the repository.
fn remote(url: &str, auth: Auth, ca: Option<PathBuf>) -> Result<Remote, SourceError> {
    let Address { endpoint, userinfo } = url::parse(url)?;
    let shown = shown_url(url);
    let mut secrets: Vec<Secret> = userinfo.iter().map(|(_, secret)| secret.clone()).collect();
    let auth = match (auth, userinfo) {
        (Auth::None, Some((username, password))) => Auth::Basic { username, password },
        (auth, _) => auth,
    };
    let misfit = |message: String| Err(SourceError::new(SourceFault::Refused, message));
    match (&endpoint, &auth) {
        (_, Auth::None) | (Endpoint::Ssh(_), Auth::Ssh { .. }) => {}
        (Endpoint::Http(_), Auth::Token(secret) | Auth::Basic { password: secret, .. }) => {
            if endpoint.is_plain_http() {
                tracing::warn!(source.url = %shown, "credentials are sent over http without TLS: use https");
            }
            secrets.push(secret.clone());
        }
        (Endpoint::Http(_), Auth::Ssh { .. }) => {
            return misfit(format!(
                "{shown} is an http address and `auth` holds an ssh key: set a token"
            ));
        }
        (Endpoint::Ssh(_), Auth::Token(_) | Auth::Basic { .. }) => {
            return misfit(format!(
                "{shown} is an ssh address and `auth` holds no ssh key: set key and known_hosts"
            ));
        }
        (Endpoint::Local(_), _) => {
            return misfit(format!("{shown} is a local folder and needs no `auth`: remove it"));
        }
    }
    let http = match &endpoint {
        Endpoint::Http(_) if endpoint.is_plain_http() => Some(http_transport::client(Trust::Nobody)?),
        Endpoint::Http(_) => Some(http_transport::client(
            ca.as_deref().map_or(Trust::System, Trust::File),
        )?),
        Endpoint::Ssh(_) | Endpoint::Local(_) => None,
    };
    Ok(Remote {
        shown,
        endpoint,
        auth,
        secrets,
        http,
    })
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

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_of_two_names_counts_what_has_to_be_typed() {
        for (a, b, steps) in [
            ("main", "main", 0),
            ("main", "mian", 2),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), steps);
        }
    }
}
