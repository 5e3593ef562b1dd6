//! `server`: the listener of pages, API, metrics and webhooks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use driftless_core::value::Secret;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::fault::Faults;
use super::secret;
use super::section::Item;

/// The section `server`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on: `127.0.0.1:8080`, `[::]:8080`, `localhost:8080`. Default: `127.0.0.1:8080`.
    #[serde(default = "listen", deserialize_with = "address")]
    pub listen: SocketAddr,
    /// The bearer token that every POST under `/api/v1` needs. Without one they work on a loopback listener only, and no other
    /// address may be listened on. Default: none.
    #[serde(default, deserialize_with = "secret::optional")]
    pub token: Option<Secret>,
}

fn listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080)
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text,
    };
    text.parse().map_err(|_| {
        D::Error::custom("should be an IP address and a port: `127.0.0.1:8080`, or `0.0.0.0:8080` for every interface")
    })
}

/// What serde cannot say.
pub(super) fn check(server: Option<&Item<'_, ServerConfig>>, faults: &mut Faults) {
    let Some(item) = server else { return };
    let ServerConfig { listen, token } = &item.value;
    if token.is_none() && !listen.ip().to_canonical().is_loopback() && item.is_sound(&["token"]) {
        item.fault(
            faults,
            &["listen"],
            "token_required",
            "is reachable from other machines, and there is no `server.token`: anybody could start a run",
            "set `server.token: \"${API_TOKEN}\"`, or listen on 127.0.0.1",
        );
    }
}
