//! Platforms to try things against: HTTP servers on loopback that behave like the real ones, faults included.
//!
//! Nothing here is a mock: state is kept, permissions are enforced, operations take their time. What the public
//! description of a platform leaves open is a switch, so that a client can be held to every reading.

pub mod qualytics;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What a sandbox starts with.
#[derive(Clone, Default)]
pub struct Options {
    /// The content to load first, in the format of [`qualytics::seed`]; nothing when absent.
    pub seed: Option<Value>,
    /// How the open questions about the platform are answered.
    pub switches: qualytics::Switches,
    /// Time between the arrival of a request under `/api` and its effect.
    pub latency: Duration,
}

/// A running server on loopback; it stops when this value is dropped.
pub struct Sandbox {
    address: SocketAddr,
    stop: CancellationToken,
    server: Option<tokio::task::JoinHandle<()>>,
}

impl Sandbox {
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
        let address = listener.local_addr()?;
        let shared = qualytics::Shared::new(options.switches, options.latency);
        if let Some(seed) = &options.seed {
            shared
                .load(seed)
                .map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
        }
        let stop = CancellationToken::new();
        let server = tokio::spawn(qualytics::serve(listener, Arc::new(shared), stop.clone()));
        Ok(Self {
            address,
            stop,
            server: Some(server),
        })
    }

    /// The address of the instance, without a path: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The token of the administrator every instance has; the same text at every start, and never expired.
    #[must_use]
    pub fn token(&self) -> &str {
        qualytics::ADMIN_TOKEN
    }

    /// Stops accepting and waits for the accept loop to end; requests in flight are cut off.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            // A server task that panicked has stopped as well.
            let _ = server.await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}
