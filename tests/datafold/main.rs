//! The Datafold contract: exactly which requests are sent, and what is made of exactly which answers, typed from the platform's
//! reference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

#[path = "../support/instance.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod instance;
#[path = "../loopback/mod.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod loopback;
#[path = "../support/pipeline.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod pipeline;

mod diffs;
mod monitors;
mod passes;
mod provisioning;
mod resources;
mod rig;
mod steps;
mod wildcards;

use std::sync::Arc;
use std::time::Duration;

use driftless::platform::datafold::{Datafold, DatafoldOptions};
use driftless::platform::http::{Network, Timeouts};
use driftless_core::value::Secret;
use loopback::{Patience, Server, TOKEN};

/// A server that wants a key as Datafold does.
async fn server() -> Server {
    Server::start_for("Key").await
}

/// The adapter of it; a read is sent again so many times.
fn datafold(server: &Server, patience: u32) -> Datafold {
    of_organization(server, patience, None)
}

/// As [`datafold`], for one organization of it.
fn of_organization(server: &Server, patience: u32, organization: Option<u32>) -> Datafold {
    let options = DatafoldOptions {
        organization,
        url: server.url.clone(),
        key: Secret::new(TOKEN),
        network: Network {
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                read: Duration::from_secs(5),
                total: Duration::from_secs(5),
            },
            ..Network::default()
        },
        desk: Arc::default(),
    };
    Datafold::new(options, Arc::new(Patience(patience))).unwrap()
}
