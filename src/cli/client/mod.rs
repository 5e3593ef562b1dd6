//! The commands that ask a running daemon: one file a group of commands. What they know of it is its API.

mod accept;
mod connection;
mod control;
mod show;

use clap::{Args, Subcommand};

use super::Exit;

/// Where the daemon is, and who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// The daemon's address.
    #[arg(
        long,
        env = "DRIFTLESS_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    server: String,

    /// The token of the daemon's config (`server.token`); asked for where something is done. The variable is the better place:
    /// others can see a command's flags.
    #[arg(long, env = "DRIFTLESS_API_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    api_token: Option<String>,

    /// A PEM file of certificate authorities that are believed besides the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<std::path::PathBuf>,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// The daemon's own document.
    Json,
}

/// The commands that ask a running daemon.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Shows how the environments of a running daemon stand.
    Status(show::StatusArgs),
    /// Lists the last runs of a running daemon, or shows one.
    Runs(show::RunsArgs),
    /// Shows what was changed by hand, field by field.
    Drift(show::DriftArgs),
    /// Prints what runs do as they end.
    Logs(show::LogsArgs),
    /// Asks a running daemon for a pass over an environment, and waits for its end.
    Reconcile(control::ReconcileArgs),
    /// Stops all writes to an environment, with a reason, until `resume`; it is still read and shown.
    Suspend(control::SuspendArgs),
    /// Lets an environment be written to again.
    Resume(control::ResumeArgs),
    /// Lets the plan of a run through that guards keep back: that plan, and no other.
    Approve(control::ApproveArgs),
    /// Prints what was changed by hand as documents, to be put into Git.
    Accept(accept::AcceptArgs),
}

pub(crate) async fn run(command: ClientCommand) -> anyhow::Result<Exit> {
    match command {
        ClientCommand::Status(args) => show::status(args).await,
        ClientCommand::Runs(args) => show::runs(args).await,
        ClientCommand::Drift(args) => show::drift(args).await,
        ClientCommand::Logs(args) => show::logs(args).await,
        ClientCommand::Reconcile(args) => control::reconcile(args).await,
        ClientCommand::Suspend(args) => control::suspend(args).await,
        ClientCommand::Resume(args) => control::resume(args).await,
        ClientCommand::Approve(args) => control::approve(args).await,
        ClientCommand::Accept(args) => accept::accept(args).await,
    }
}
