//! The process-wide set-up of libgit2: our transports, no foreign configuration, bounded memory.

use std::sync::{Mutex, Once, PoisonError};

use git2::transport::{self, Transport};

use super::exchange;
use super::http_transport::HttpTransport;
use super::ssh_transport::SshTransport;
use crate::source::{SourceError, SourceFault};

/// Bytes of packs that libgit2 may map at a time; its default is 8 GiB.
const MAPPED: usize = 256 * 1024 * 1024;

/// Bytes of parsed objects that libgit2 may keep; its default is 256 MiB.
const CACHED: isize = 16 * 1024 * 1024;

/// Prepares libgit2, once per process.
pub(super) fn prepare() -> Result<(), SourceError> {
    static ONCE: Once = Once::new();
    static FAILED: Mutex<Option<String>> = Mutex::new(None);
    ONCE.call_once(|| {
        if let Err(error) = configure() {
            *FAILED.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.message().to_owned());
        }
    });
    match &*FAILED.lock().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(()),
        Some(message) => Err(SourceError::new(
            SourceFault::Unreadable,
            format!("the Git library cannot be prepared: {message}"),
        )),
    }
}

#[expect(
    unsafe_code,
    reason = "libgit2's options and transports are process-wide and unsynchronised; `Once` makes this the only call, \
              before any other use of libgit2"
)]
fn configure() -> Result<(), git2::Error> {
    // SAFETY: runs once, before the first repository or remote of this process is made (every way to one goes through
    // `prepare`), so nothing else reads or writes libgit2's global state meanwhile.
    unsafe {
        for level in [
            git2::ConfigLevel::System,
            git2::ConfigLevel::Global,
            git2::ConfigLevel::XDG,
            git2::ConfigLevel::ProgramData,
        ] {
            // A user's `url.*.insteadOf` or a proxy would redirect us behind the config file's back.
            git2::opts::set_search_path(level, "")?;
        }
        // It guards against running a foreign repository's hooks; none are ever run here, and a mirror on a volume may
        // belong to the user of an earlier deployment.
        git2::opts::set_verify_owner_validation(false)?;
        git2::opts::set_mwindow_mapped_limit(MAPPED)?;
        git2::opts::set_cache_max_size(CACHED)?;
        for scheme in ["http", "https"] {
            transport::register(scheme, |remote| {
                Transport::smart(remote, true, HttpTransport::new(exchange::current()?))
            })?;
        }
        transport::register("ssh", |remote| {
            Transport::smart(remote, false, SshTransport::new(exchange::current()?))
        })
    }
}
