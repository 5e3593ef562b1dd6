//! `driftless run`: the daemon, until it is asked to stop.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::pulls::{Ground, Pulls};
use super::{Exit, diagnostics, process_environment, stop_on_signals, wire};
use crate::ci;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::engine::Control as _;
use crate::engine::apply::Limits;
use crate::engine::driver::{Driver, RETRY, Setup, Shutdown};
use crate::engine::metrics::Metrics;
use crate::server::{self, Access, App, PullRequests};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The config file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// How long what is in hand may take after SIGTERM: Kubernetes and systemd kill after 30 s and 90 s by default.
const GRACE: Duration = Duration::from_secs(25);

pub(crate) async fn run(args: RunArgs) -> anyhow::Result<Exit> {
    let process = process_environment();
    let config = match wire::read_config(&args.config, &process) {
        Ok(config) => config,
        Err(faults) => {
            diagnostics::say(&faults);
            return Ok(Exit::Error);
        }
    };
    let stop = stop_on_signals()?;
    let listener = TcpListener::bind(config.server.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is another driftless running?",
            config.server.listen
        )
    })?;
    daemon(&config, &process, listener, stop).await
}

/// Runs everything that a config file describes until `stop`, then lets what is in hand end.
pub(crate) async fn daemon(
    config: &Config,
    process: &BTreeMap<String, String>,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<Exit> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let file = Arc::new(wire::store(config).await?);
    let store: Arc<dyn Store> = file.clone();
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), clock.clone())?;
    let wire::Assembly { sources, environments } = wire::assemble(config, process, &metrics)?;
    let ground = Ground {
        config,
        metrics: &metrics,
        store: store.clone(),
        clock: clock.clone(),
    };
    let pulls = Pulls::prepare(&ground, &environments)?;
    let driver = Driver::start(
        Setup {
            sources,
            environments,
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            limits: Limits::default(),
            retry: RETRY,
        },
        CancellationToken::new(),
    )?;
    let driver = Arc::new(driver);
    let pulls = pulls.map(|pulls| Arc::new(pulls.follow(&ground, driver.overview())));
    let ci_counted = pulls.clone();
    let (scraped, counted) = (metrics.clone(), metrics);
    let address = listener.local_addr()?;
    let router = server::router(App {
        control: driver.clone(),
        store,
        metrics: Arc::new(move || {
            let pulls = ci_counted.as_ref().map(|pulls| pulls.metrics());
            scraped.encode() + &pulls.unwrap_or_default()
        }),
        deliveries: Arc::new(move |webhook, outcome| counted.webhook_delivery(webhook, outcome)),
        access: Access::new(config.server.token.as_ref(), address),
        webhooks: wire::webhooks(config),
        pulls: pulls.clone().map(|pulls| pulls as Arc<dyn PullRequests>),
    });
    info!("Listening on http://{address}");
    // Probes and pages go on answering while the last steps end.
    let serving = CancellationToken::new();
    let server = tokio::spawn(server::serve(listener, router, serving.clone()));
    stop.cancelled().await;
    info!("Asked to stop: what is in hand ends, nothing new starts");
    let pulls_end = async {
        match &pulls {
            Some(pulls) => pulls.shutdown(GRACE).await,
            None => ci::driver::Shutdown::Clean,
        }
    };
    let ended = tokio::join!(driver.shutdown(GRACE), pulls_end);
    serving.cancel();
    server.await??;
    file.shutdown().await;
    Ok(match ended {
        (Shutdown::Clean, ci::driver::Shutdown::Clean) => Exit::Done,
        (Shutdown::CutOff, _) | (_, ci::driver::Shutdown::CutOff) => Exit::Error,
    })
}
