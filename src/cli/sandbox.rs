//! `driftless sandbox`: a server that behaves like the platforms.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Exit, out, stop_on_signals};
use crate::sandbox::{Options, Sandbox};

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDR")]
    listen: String,

    /// What it holds at start: a YAML or JSON file.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
}

pub(crate) async fn run(args: SandboxArgs) -> anyhow::Result<Exit> {
    let seed = match &args.seed {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Some(serde_yaml::from_str(&text).with_context(|| format!("{} is no seed", path.display()))?)
        }
        None => None,
    };
    let stop = stop_on_signals()?;
    let listener = tokio::net::TcpListener::bind(&args.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another address with --listen", args.listen))?;
    let sandbox = Sandbox::start_on(
        listener,
        Options {
            seed,
            ..Options::default()
        },
    )
    .await?;
    out::result(&format!(
        "The sandbox listens on {url}\n\n  export QUALYTICS_URL={url}\n  export QUALYTICS_TOKEN={token}\n\nStop it with Ctrl-C.\n",
        url = sandbox.url(),
        token = sandbox.token(),
    ));
    stop.cancelled().await;
    sandbox.stop().await;
    Ok(Exit::Done)
}
