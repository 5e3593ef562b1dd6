//! A server on its listener, from start to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::edge::{Shared, serve};
use super::platform::Platform;

/// A running server; it stops when this value is dropped.
pub(super) struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    server: Option<tokio::task::JoinHandle<()>>,
}

impl Running {
    pub(super) fn start<P: Platform>(listener: TcpListener, instance: P, latency: Duration) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared::new(instance, latency));
        let server = tokio::spawn(serve(listener, shared, stop.clone()));
        Ok(Self {
            address,
            stop,
            server: Some(server),
        })
    }

    /// Without a path: `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops accepting and waits for the accept loop to end; requests in flight are cut off.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            // A server task that panicked has stopped as well.
            let _ = server.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}
