//! Connections that can be cut, as networks cut them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Cuts one connection: its next write fails, and the peer sees a reset.
#[derive(Clone, Default)]
struct Cut(Arc<AtomicBool>);

/// One connection, as handlers see it.
#[derive(Clone)]
pub(super) struct Peer {
    cut: Cut,
    address: SocketAddr,
}

/// The listener, whose connections can be cut.
pub(super) struct Door(TcpListener);

impl Door {
    pub(super) const fn new(listener: TcpListener) -> Self {
        Self(listener)
    }
}

/// One accepted stream.
pub(super) struct Wire {
    stream: TcpStream,
    cut: Cut,
}

impl axum::serve::Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, peer)) => {
                    // Without it small answers wait for the peer's acknowledgement; a failure only costs speed.
                    let _ = stream.set_nodelay(true);
                    return (
                        Wire {
                            stream,
                            cut: Cut::default(),
                        },
                        peer,
                    );
                }
                // Out of descriptors, or a peer that is gone: neither ends the server.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Peer {
    /// Cuts the connection: what is written next is not sent, and the peer sees a reset.
    pub(super) fn cut(&self) {
        self.cut.0.store(true, Ordering::Release);
    }

    /// Whether the peer is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self {
            cut: stream.io().cut.clone(),
            address: *stream.remote_addr(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.cut.0.load(Ordering::Acquire) {
            // With no time to linger, closing sends a reset.
            let _ = self.stream.set_zero_linger();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
