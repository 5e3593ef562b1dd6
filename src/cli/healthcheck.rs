//! `driftless healthcheck`: asks a daemon whether it is alive, for images that hold nothing else that could.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use super::Exit;

#[derive(Debug, Args)]
pub(crate) struct HealthcheckArgs {
    /// The daemon's address.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    server: String,
}

/// A probe that waits longer than its caller says nothing: Docker's default is 30 s, Kubernetes' is 1 s.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn run(args: HealthcheckArgs) -> anyhow::Result<Exit> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    let url = format!("{}/healthz", args.server.trim_end_matches('/'));
    let answer = client
        .get(&url)
        .send()
        .await
        .with_context(|| format!("{url} does not answer"))?;
    if !answer.status().is_success() {
        bail!("{url} answers {}", answer.status());
    }
    Ok(Exit::Done)
}
