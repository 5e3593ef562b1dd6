//! One exchange with a remote: its deadline, its byte cap, its credentials, and the first thing that went wrong.
//!
//! libgit2 makes transports through process-wide factories that are told a URL and nothing else. So that no credential is
//! ever put into a URL, the exchange under way is kept per thread: libgit2 calls a transport on the thread that asked.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driftless_core::value::{SECRET_TEXT, Secret};
use git2::{ErrorClass, ErrorCode};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::remote::Remote;
use super::url::Endpoint;
use crate::source::{SourceError, SourceFault};

/// What one exchange with a remote may use, and how it failed.
pub(super) struct Exchange {
    /// Whom it is with.
    pub(super) remote: Arc<Remote>,
    handle: Handle,
    deadline: Instant,
    limit: Duration,
    cancel: CancellationToken,
    cap: u64,
    received: AtomicU64,
    fault: Mutex<Option<SourceError>>,
}

/// How an exchange failed.
pub(super) enum Failed {
    /// A transport, the deadline or a cap says why.
    Remote(SourceError),
    /// Only libgit2 says something: the remote's answer, a local remote, or the mirror may be at fault.
    Library(git2::Error),
}

impl Failed {
    /// The failure's meaning, where the mirror is not at fault.
    pub(super) fn explain(self, exchange: &Exchange) -> SourceError {
        match self {
            Failed::Remote(error) => error,
            Failed::Library(error) => exchange.explain(&error),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Exchange>>> = const { RefCell::new(None) };
}

/// The exchange that this thread has under way.
pub(super) fn current() -> Result<Arc<Exchange>, git2::Error> {
    CURRENT
        .with_borrow(Clone::clone)
        .ok_or_else(|| git2::Error::from_str("no exchange is under way on this thread"))
}

impl Exchange {
    /// An exchange that ends after `limit`, when `cancel` says so, or after `cap` bytes.
    pub(super) fn new(remote: Arc<Remote>, limit: Duration, cap: u64, cancel: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            remote,
            handle: Handle::current(),
            deadline: Instant::now() + limit,
            limit,
            cancel,
            cap,
            received: AtomicU64::new(0),
            fault: Mutex::new(None),
        })
    }

    /// Runs `work` with this exchange as the thread's own. A failure is what a transport said of it, else what libgit2 said.
    pub(super) fn run<T>(self: &Arc<Self>, work: impl FnOnce() -> Result<T, git2::Error>) -> Result<T, Failed> {
        struct Restore(Option<Arc<Exchange>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        self.check().map_err(Failed::Remote)?;
        let restore = Restore(CURRENT.replace(Some(Arc::clone(self))));
        let result = work();
        drop(restore);
        result.map_err(|error| {
            let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
            fault.map_or(Failed::Library(error), Failed::Remote)
        })
    }

    /// Waits for `future`, but no longer than the deadline and not beyond a cancellation. For threads that may block.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, SourceError> {
        let waiting = async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(self.cancelled()),
                result = tokio::time::timeout_at(self.deadline, future) => result.map_err(|_| self.timed_out()),
            }
        };
        self.handle.block_on(waiting)
    }

    /// The runtime, to start processes and tasks on.
    pub(super) fn runtime(&self) -> &Handle {
        &self.handle
    }

    /// What is left until the deadline.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether the exchange may go on.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        if self.cancel.is_cancelled() {
            return Err(self.cancelled());
        }
        if self.left().is_zero() {
            return Err(self.timed_out());
        }
        Ok(())
    }

    /// Counts bytes that came in.
    pub(super) fn receive(&self, bytes: usize) -> Result<(), SourceError> {
        let before = self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.admit(before.saturating_add(bytes as u64))
    }

    /// Whether `total` bytes are within the cap.
    pub(super) fn admit(&self, total: u64) -> Result<(), SourceError> {
        if total <= self.cap {
            return Ok(());
        }
        Err(SourceError::new(
            SourceFault::Unreadable,
            format!(
                "{} sent more than {} bytes: keep the configuration in a repository of its own, or raise the limit",
                self.remote.shown, self.cap
            ),
        ))
    }

    /// Keeps `error` as the reason of this exchange's failure, and gives it in libgit2's form.
    pub(super) fn fail(&self, error: SourceError) -> git2::Error {
        let code = match error.kind {
            SourceFault::Refused => ErrorCode::Auth,
            SourceFault::Missing => ErrorCode::NotFound,
            SourceFault::Unreachable | SourceFault::Unreadable | SourceFault::Untrusted => ErrorCode::GenericError,
        };
        let error = SourceError::new(error.kind, self.scrub(&error.message));
        let shown = git2::Error::new(code, ErrorClass::Net, &error.message);
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
        shown
    }

    /// As [`Exchange::fail`], in the form of a stream's failure.
    pub(super) fn fail_io(&self, error: SourceError) -> io::Error {
        io::Error::other(self.fail(error).message().to_owned())
    }

    /// What libgit2's own failure means.
    fn explain(&self, error: &git2::Error) -> SourceError {
        let shown = &self.remote.shown;
        let message = self.scrub(error.message());
        let is_local = matches!(self.remote.endpoint, Endpoint::Local(_));
        let (kind, help) = match (error.class(), error.code()) {
            (_, ErrorCode::Auth | ErrorCode::Certificate) => (SourceFault::Refused, "check the source's `auth`"),
            (ErrorClass::Os | ErrorClass::Repository, _) | (_, ErrorCode::NotFound) if is_local => (
                SourceFault::Missing,
                "check the source's `url`, that this user may read it, and that the mirror's disk is not full",
            ),
            (ErrorClass::Os | ErrorClass::NoMemory, _) => (
                SourceFault::Unreadable,
                "check that the mirror's disk is writable and not full",
            ),
            (
                ErrorClass::Net
                | ErrorClass::Http
                | ErrorClass::Ssh
                | ErrorClass::Indexer
                | ErrorClass::Zlib
                | ErrorClass::Odb,
                _,
            ) => (
                SourceFault::Unreachable,
                "the answer broke off, or is not what a Git server sends; it is tried again",
            ),
            _ => (SourceFault::Unreadable, "check that this is a Git repository"),
        };
        SourceError::new(kind, format!("{shown}: {message}: {help}"))
    }

    /// `text` without any credential of the remote, and without what would break a line or a C string.
    fn scrub(&self, text: &str) -> String {
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        for secret in self
            .remote
            .secrets()
            .map(Secret::expose)
            .filter(|secret| !secret.is_empty())
        {
            text = text.replace(secret, SECRET_TEXT);
        }
        text
    }

    fn timed_out(&self) -> SourceError {
        SourceError::new(
            SourceFault::Unreachable,
            format!(
                "{} did not finish within {:.1} s: it hangs or is too slow; it is tried again (raise the time-out if it is only slow)",
                self.remote.shown,
                self.limit.as_secs_f64()
            ),
        )
    }

    fn cancelled(&self) -> SourceError {
        SourceError::new(
            SourceFault::Unreachable,
            format!("the exchange with {} was given up", self.remote.shown),
        )
    }
}
