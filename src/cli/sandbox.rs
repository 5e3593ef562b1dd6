//! `driftless sandbox`: servers that behave like the platforms.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::Value as Json;
use tokio::net::TcpListener;

use super::{Exit, out, stop_on_signals};
use crate::sandbox::datafold::{self, Server};
use crate::sandbox::{Options, Sandbox};

/// Where the one that behaves like Datafold listens unless it is told, and the address is free.
const DATAFOLD: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8091);

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Where the one that behaves like Qualytics listens.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDR")]
    listen: String,

    /// What it holds at start: a YAML or JSON file.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,

    /// Where the one that behaves like Datafold listens. Default: `127.0.0.1:8091`, or any free port where that one is taken.
    #[arg(long, value_name = "ADDR")]
    datafold_listen: Option<String>,

    /// What that one holds at start: a YAML or JSON file.
    #[arg(long, value_name = "FILE")]
    datafold_seed: Option<PathBuf>,
}

pub(crate) async fn run(args: SandboxArgs) -> anyhow::Result<Exit> {
    let (seed, datafold_seed) = (seed(args.seed.as_deref())?, seed(args.datafold_seed.as_deref())?);
    let stop = stop_on_signals()?;
    let listener = listener(&args.listen, "--listen").await?;
    let datafold_listener = match &args.datafold_listen {
        Some(address) => self::listener(address, "--datafold-listen").await?,
        None => anywhere(DATAFOLD).await?,
    };
    let options = Options {
        seed,
        ..Options::default()
    };
    let qualytics = Sandbox::start_on(listener, options).await?;
    let options = datafold::Options {
        seed: datafold_seed,
        ..datafold::Options::default()
    };
    let datafold = Server::start_on(datafold_listener, options).await?;
    out::result(&format!(
        "The Qualytics sandbox listens on {url}\n\n  export QUALYTICS_URL={url}\n  export QUALYTICS_TOKEN={token}\n\n\
         The Datafold sandbox listens on {host}\n\n  export DATAFOLD_HOST={host}\n  export DATAFOLD_API_KEY={key}\n\n\
         Stop them with Ctrl-C.\n",
        url = qualytics.url(),
        token = qualytics.token(),
        host = datafold.url(),
        key = datafold.key(),
    ));
    stop.cancelled().await;
    qualytics.stop().await;
    datafold.stop().await;
    Ok(Exit::Done)
}

fn seed(path: Option<&Path>) -> anyhow::Result<Option<Json>> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let seed = serde_yaml::from_str(&text).with_context(|| format!("{} is no seed", path.display()))?;
    Ok(Some(seed))
}

async fn listener(address: &str, flag: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen on {address}: choose another address with {flag}"))
}

/// At the usual address, or at any port of it: two sandboxes run beside each other.
async fn anywhere((address, port): (Ipv4Addr, u16)) -> anyhow::Result<TcpListener> {
    let bound = match TcpListener::bind((address, port)).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse => TcpListener::bind((address, 0)).await,
        bound => bound,
    };
    bound.with_context(|| format!("cannot listen on {address}: choose another address with --datafold-listen"))
}
