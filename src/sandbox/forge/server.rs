//! The server: what it starts with, and how it is started and stopped.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;

use super::host::{ADMIN_TOKEN, Host};
use super::switches::Switches;
use crate::sandbox::platform::{Load, Platform};
use crate::sandbox::running::Running;

/// What a server starts with.
#[derive(Clone, Default)]
pub struct Options {
    /// The content to load first, in the format of [`super::seed`]; nothing when absent.
    pub seed: Option<Value>,
    /// How the open questions about forges are answered.
    pub switches: Switches,
    /// Time between the arrival of a request under `/api` and its effect.
    pub latency: Duration,
}

/// A running server on loopback that behaves like GitHub and like GitLab; it stops when this value is dropped.
pub struct Server(Running);

impl Server {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound, or when the seed cannot be loaded (`InvalidInput`, with the place in the seed).
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::start_on(TcpListener::bind(("127.0.0.1", 0)).await?, options).await
    }

    /// Starts a server on a listener that is bound already.
    ///
    /// # Errors
    /// When the listener has no local address, or when the seed cannot be loaded.
    pub async fn start_on(listener: TcpListener, options: Options) -> io::Result<Self> {
        let mut host = Host::new(options.switches);
        if let Some(seed) = &options.seed {
            host.load(seed, Load::Add)
                .map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
        }
        Running::start(listener, host, options.latency).map(Self)
    }

    /// The address of the forge, without a path: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The token of the user that every forge has; the same text at every start.
    #[must_use]
    pub fn token(&self) -> &str {
        ADMIN_TOKEN
    }

    /// Stops accepting and waits for the accept loop to end; requests in flight are cut off.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}
