//! `driftless store`: looks the store over, and puts a damaged one together again.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use driftless_core::key::Kind;

use super::{Exit, diagnostics, out, platforms, process_environment, wire};
use crate::clock::{Clock as _, SystemClock};
use crate::store::sqlite::{Rebuilt, Standing, check_file, rebuild};

/// Which store.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct StoreArgs {
    /// The config file that names the store.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The store itself: `sqlite://FILE`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreCommandArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Looks the store over: pages, rows, audit, key. Changes nothing, and works beside a running daemon.
    Check(StoreArgs),
    /// Puts what can be read of a damaged store into a new file, and keeps the damaged one aside.
    Rebuild(StoreArgs),
}

impl StoreArgs {
    /// The URL that is given or that the config file names. `None` when the config file has faults: they are printed.
    pub(crate) fn location(&self) -> Option<String> {
        location(self.config.as_deref(), self.store.as_deref())
    }
}

/// The URL of the store that a config file names, or `given`. `None` when the config file has faults: they are printed.
pub(crate) fn location(config: Option<&Path>, given: Option<&str>) -> Option<String> {
    let Some(path) = config else {
        return given.map(str::to_owned);
    };
    match wire::read_config(path, &process_environment()) {
        Ok(config) => Some(config.store.url),
        Err(faults) => {
            diagnostics::say(&faults);
            None
        }
    }
}

pub(crate) async fn run(args: StoreCommandArgs) -> anyhow::Result<Exit> {
    match args.command {
        StoreCommand::Check(args) => match args.location() {
            Some(location) => check(&location).await,
            None => Ok(Exit::Error),
        },
        StoreCommand::Rebuild(args) => match args.location() {
            Some(location) => anew(&location).await,
            None => Ok(Exit::Error),
        },
    }
}

async fn check(location: &str) -> anyhow::Result<Exit> {
    let found = check_file(location, &kinds()).await?;
    for finding in &found {
        out::result(&format!("{:<6}{}\n", finding.standing.word(), finding.text));
    }
    let is_faulty = found.iter().any(|finding| finding.standing == Standing::Faulty);
    Ok(if is_faulty { Exit::Error } else { Exit::Done })
}

async fn anew(location: &str) -> anyhow::Result<Exit> {
    match rebuild(location, &kinds(), SystemClock.now()).await? {
        Rebuilt::Sound => out::result("The store is sound: it is left as it is.\n"),
        Rebuilt::Anew { kept, lines } => {
            out::result("The store was damaged, and is a new file now. Of the damaged one it has:\n");
            for line in lines {
                out::result(&format!("  {line}\n"));
            }
            out::result(&format!(
                "The damaged file is kept as {}: delete it when nobody wants it any more.\nWhat the ledger lost is adopted by the \
                 next pass, and nothing is deleted. A suspension that was lost must be asked for again before the daemon starts.\n",
                kept.display()
            ));
        }
    }
    Ok(Exit::Done)
}

/// The kinds of this build's platforms.
fn kinds() -> Vec<Kind> {
    let known = platforms::known().into_iter();
    known
        .flat_map(|platform| platform.kinds)
        .map(|(kind, _)| kind)
        .collect()
}
