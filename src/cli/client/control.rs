//! `driftless reconcile`, `suspend`, `resume`, `approve`: what a daemon is asked to do.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use driftless_core::render::plain;
use serde_json::{Value as Json, json};

use super::connection::{Connection, list, segment, text};
use super::{Format, ServerArgs, show};
use crate::cli::{Exit, out};

/// Between two looks at a run that is under way.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// The environment.
    environment: String,

    /// Does not wait for the end of the pass.
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    server: ServerArgs,

    /// How the run is shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct SuspendArgs {
    /// The environment.
    environment: String,

    /// Why: shown to everybody who wonders.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Who suspends it.
    #[arg(long, env = "USER", value_name = "NAME")]
    by: Option<String>,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The environment.
    environment: String,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The run whose plan is let through: the environment's newest.
    run: String,

    /// The digest of the plan that was looked at, where it was looked at elsewhere.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,

    /// Who approves.
    #[arg(long, env = "USER", value_name = "NAME")]
    by: Option<String>,

    /// Does not ask.
    #[arg(long)]
    yes: bool,

    /// Does not wait for the end of the pass that follows.
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn reconcile(args: ReconcileArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    let path = format!("/api/v1/environments/{}/reconcile", segment(&args.environment));
    let asked = server.post(&path, &json!({})).await?;
    if args.no_wait {
        return Ok(begun(&asked, args.format));
    }
    ended(&server, text(&asked, "run"), args.format).await
}

pub(crate) async fn suspend(args: SuspendArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    let path = format!("/api/v1/environments/{}/suspend", segment(&args.environment));
    let mut body = json!({"reason": args.reason});
    if let Some(by) = &args.by {
        body["by"] = json!(by);
    }
    server.post(&path, &body).await?;
    let name = &args.environment;
    out::result(&plain(&format!(
        "{name} is suspended: it is read and shown, and nothing is written until `driftless resume {name}`\n"
    )));
    Ok(Exit::Done)
}

pub(crate) async fn resume(args: ResumeArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    let path = format!("/api/v1/environments/{}/resume", segment(&args.environment));
    server.post(&path, &json!({})).await?;
    out::result(&plain(&format!("{} is written to again\n", args.environment)));
    Ok(Exit::Done)
}

pub(crate) async fn approve(args: ApproveArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    let path = format!("/api/v1/runs/{}", segment(&args.run));
    let run = server.get(&path).await?;
    let plan = &run["plan"];
    let digest = text(plan, "digest");
    if digest.is_empty() {
        bail!("run `{}` has made no plan: there is nothing to approve", args.run);
    }
    if let Some(expected) = args.digest.as_deref().filter(|expected| *expected != digest) {
        bail!(
            "the plan of run `{}` has the digest {digest}, not {expected}: look at it again",
            args.run
        );
    }
    if list(plan, "blocked").is_empty() {
        bail!(
            "nothing of the plan of run `{}` is kept back: there is nothing to approve",
            args.run
        );
    }
    if args.digest.is_none() && !args.yes {
        out::result(&plain(&kept_back(&run)));
        if !out::is_interactive() {
            bail!("there is nobody to ask: pass --yes, or --digest {digest}, to approve this plan");
        }
        if !out::confirm("\nLet this plan through?") {
            bail!("nothing was approved");
        }
    }
    let mut body = json!({"digest": digest});
    if let Some(by) = &args.by {
        body["by"] = json!(by);
    }
    let asked = server.post(&format!("{path}/approve"), &body).await?;
    if args.no_wait {
        return Ok(begun(&asked, Format::Text));
    }
    ended(&server, text(&asked, "run"), Format::Text).await
}

/// What somebody is asked to let through: why it is kept back, and what it would do.
fn kept_back(run: &Json) -> String {
    let plan = &run["plan"];
    let mut lines = format!("{} (digest {})\n", text(run, "environment"), text(plan, "digest"));
    lines += &show::blocked(plan);
    lines += &show::changes(plan, "held");
    for key in list(plan, "unwatched") {
        lines += &format!("  no check is left on {}\n", key.as_str().unwrap_or_default());
    }
    lines
}

fn begun(asked: &Json, format: Format) -> Exit {
    match format {
        Format::Json => show::json(asked),
        Format::Text => out::result(&plain(&format!("run {}\n", text(asked, "run")))),
    }
    Exit::Done
}

/// Waits for the end of a run, shows it, and ends as it ended.
async fn ended(server: &Connection, id: &str, format: Format) -> anyhow::Result<Exit> {
    let path = format!("/api/v1/runs/{}", segment(id));
    let run = loop {
        // It is not in history before it begins.
        match server.find(&path).await? {
            Some(run) if !run["finished"].is_null() => break run,
            Some(_) | None => tokio::time::sleep(LOOK).await,
        }
    };
    match format {
        Format::Json => show::json(&run),
        Format::Text => out::result(&plain(&format!("{}{}", show::line(&run), show::blocked(&run["plan"])))),
    }
    let failed = list(&run["report"], "outcomes")
        .iter()
        .any(|outcome| text(outcome, "result") != "applied");
    let conclusion = text(&run, "conclusion");
    Ok(if conclusion == "failed" || failed {
        Exit::Error
    } else if !list(&run["plan"], "blocked").is_empty() {
        Exit::Blocked
    } else if conclusion != "succeeded" {
        Exit::Error
    } else {
        Exit::Done
    })
}
