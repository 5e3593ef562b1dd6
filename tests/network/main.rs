//! The way to an instance as it is: TLS with authorities of one's own, proxies, servers that do not answer, outages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

#[path = "../support/instance.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod instance;
#[path = "../support/pipeline.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod pipeline;

mod outage;
mod patience;
mod proxies;
mod tls;

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driftless::engine::pace::{CONCURRENCY, Limiter, PER_SECOND, Pace};
use driftless::platform::http::{Network, Timeouts};
use driftless::platform::qualytics::{Qualytics, QualyticsOptions};
use driftless::platform::{Gate, Platform as _};
use driftless_core::report::Failure;
use driftless_core::value::Secret;

/// An instance at `url`, reached as `network` says, with a gate of its own.
fn instance_at(url: &str, network: Network) -> Qualytics {
    gated(
        url,
        network,
        Arc::new(Pace::uncounted(Limiter::new(CONCURRENCY, PER_SECOND))),
    )
}

fn gated(url: &str, network: Network, gate: Arc<dyn Gate>) -> Qualytics {
    made(url, network, gate).unwrap()
}

fn made(url: &str, network: Network, gate: Arc<dyn Gate>) -> Result<Qualytics, Failure> {
    let options = QualyticsOptions {
        url: url.to_owned(),
        token: Secret::new("token-of-a-test"),
        network,
    };
    Qualytics::new(options, gate)
}

/// Times that a test can wait for.
fn short() -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(200),
        read: Duration::from_millis(200),
        total: Duration::from_millis(600),
    }
}

/// One request, without the tries after it.
async fn reached(instance: &Qualytics) -> Result<(), String> {
    instance.reach().await.map_err(|failure| failure.message)
}

/// The heads of the requests that a server was sent.
type Heads = Arc<Mutex<Vec<String>>>;

/// What a test's server answers: a list with nothing in it.
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 23\r\nconnection: close\r\n\r\n\
                     {\"items\":[],\"total\":0}\r\n";

/// Serves every connection to a port of its own on a thread of its own, as long as the test lasts.
fn serve(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for caller in listener.incoming() {
            let (serve, caller) = (serve.clone(), caller.unwrap());
            std::thread::spawn(move || serve(caller));
        }
    });
    address
}

/// A request's head.
fn head(from: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(from.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A server of plain HTTP that answers every request with `answer`.
fn plain(answer: &'static str) -> (String, Heads) {
    let heads = Heads::default();
    let seen = heads.clone();
    let address = serve(move |mut caller| {
        seen.lock().unwrap().push(head(&mut caller));
        let _ = caller.write_all(answer.as_bytes());
    });
    (address, heads)
}
