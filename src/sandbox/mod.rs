//! Platforms to try things against: HTTP servers on loopback that behave like the real ones, faults included.
//!
//! Nothing here is a mock: state is kept, permissions are enforced, operations take their time. What the public
//! description of a platform leaves open is a switch, so that a client can be held to every reading.
//!
//! One request is one call of a synchronous handler on a locked state; the edge around it adds what a network
//! adds: latency, faults, clients that hang up.

mod body;
mod choice;
mod clock;
pub mod datafold;
mod edge;
mod fault;
mod fingerprint;
pub mod forge;
mod heard;
mod platform;
pub mod qualytics;
mod route;
mod running;
mod side_door;
mod socket;
mod table;
mod wire;

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;

use self::running::Running;

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

/// A running server on loopback that behaves like Qualytics; it stops when this value is dropped.
pub struct Sandbox(Running);

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
        qualytics::start(listener, options.switches, options.seed.as_ref(), options.latency).map(Self)
    }

    /// The address of the instance, without a path: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The token of the administrator every instance has; the same text at every start, and never expired.
    #[must_use]
    pub fn token(&self) -> &str {
        qualytics::ADMIN_TOKEN
    }

    /// Stops accepting and waits for the accept loop to end; requests in flight are cut off.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}
