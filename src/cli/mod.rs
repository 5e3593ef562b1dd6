//! The command line: one file a command. The only place, with `main.rs` and the server, that prints, binds, reads the
//! environment and exits.

mod apply;
mod audit;
mod ci;
mod ci_configs;
mod client;
mod completions;
mod data_diffs;
pub mod demo;
mod diagnostics;
mod export;
mod forges;
mod healthcheck;
mod instances;
mod out;
mod plan;
mod platforms;
mod progress;
mod pull_requests;
mod pulls;
mod run;
mod sandbox;
mod schema;
mod scope;
mod store;
mod validate;
mod wire;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::telemetry::{self, Colour};

/// How a command ended: the first of error, blocked, pending, done that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or in sync.
    Done,
    /// An error, or a resource that failed.
    Error,
    /// Changes are pending, and `--detailed-exitcode` asks.
    Pending,
    /// Blocked.
    Blocked,
}

impl From<LogFormat> for telemetry::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Pending => 2,
            Exit::Blocked => 3,
        })
    }
}

/// GitOps for data-quality platforms: keeps live Qualytics and Datafold instances identical to what a Git branch says.
#[derive(Debug, Parser)]
#[command(name = "driftless", version, about, propagate_version = true, max_term_width = 100)]
struct Cli {
    /// What is logged, on standard error: `error`, `warn`, `info`, `debug`, or a filter such as `driftless=debug`. The daemon
    /// begins with `info`, every other command with `warn`.
    #[arg(
        long,
        global = true,
        env = "DRIFTLESS_LOG",
        value_name = "FILTER",
        help_heading = "Logging"
    )]
    log: Option<String>,

    /// How log lines are written.
    #[arg(long, global = true, env = "DRIFTLESS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text,
        value_name = "FORMAT", help_heading = "Logging")]
    log_format: LogFormat,

    #[command(subcommand)]
    command: Command,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon: watches the sources and keeps the instances like them.
    Run(run::RunArgs),
    /// Tries everything out on this machine: sandboxes of Qualytics, Datafold and a forge, a Git repository, the daemon and its dashboard.
    Demo(demo::DemoArgs),
    /// Shows what apply would do, field by field.
    Plan(plan::PlanArgs),
    /// Makes an instance what the files say.
    Apply(apply::ApplyArgs),
    /// Writes what an instance holds as files, byte for byte as the official client does.
    Export(export::ExportArgs),
    /// Checks a folder or a config file offline: all faults at once.
    Validate(validate::ValidateArgs),
    #[command(flatten)]
    Client(client::ClientCommand),
    /// The data diffs of a pull request, for CI systems that start them themselves.
    #[command(subcommand)]
    Ci(ci::CiCommand),
    /// The record of every write: hands it out, and verifies that nobody changed it.
    Audit(audit::AuditArgs),
    /// The store's file: looks it over, and puts a damaged one together again.
    Store(store::StoreCommandArgs),
    /// Prints JSON Schemas of the documents and of the config file, for editors.
    Schema(schema::SchemaArgs),
    /// Prints the script that completes commands and flags in a shell.
    Completions(completions::CompletionsArgs),
    /// Runs servers that behave like Qualytics and Datafold, for trying things out.
    Sandbox(sandbox::SandboxArgs),
    /// Exits 0 when the daemon is alive: for container images without a shell.
    #[command(hide = true)]
    Healthcheck(healthcheck::HealthcheckArgs),
}

/// Reads the arguments, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no errors; a wrong flag is one.
            let exit = if error.use_stderr() { Exit::Error } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    // Ring is the one TLS provider in the binary; a second call finds it installed and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out::error(&format!("the runtime could not be started: {error}"));
            return Exit::Error.into();
        }
    };
    let exit = runtime.block_on(dispatch(cli));
    // A blocking read of a hung source must not keep a finished command.
    runtime.shutdown_background();
    exit.unwrap_or_else(|error| {
        out::error(&format!("{error:#}"));
        Exit::Error
    })
    .into()
}

async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let filter = match (&cli.log, &cli.command) {
        (Some(filter), _) => filter.as_str(),
        (None, Command::Run(_)) => telemetry::DEFAULT_FILTER,
        (None, _) => "warn",
    };
    let (format, colour) = (
        cli.log_format.into(),
        if out::is_coloured() { Colour::Yes } else { Colour::No },
    );
    telemetry::init(format, filter, colour)?;
    match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Apply(args) => apply::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Validate(args) => validate::run(args).await,
        Command::Client(command) => client::run(command).await,
        Command::Ci(command) => ci::main(command).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Store(args) => store::run(args).await,
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => Ok(completions::run(&args)),
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Healthcheck(args) => healthcheck::run(args).await,
    }
}

/// The process's environment, read once, here: below the command line nothing reads it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// A token that ends when the process is asked to stop: SIGINT, SIGTERM.
fn stop_on_signals() -> anyhow::Result<tokio_util::sync::CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = tokio_util::sync::CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        asked.cancel();
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn flags_refer_to_flags_that_exist() {
        super::Cli::command().debug_assert();
    }
}
