//! `driftless apply`: plans, asks, and carries the plan out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use driftless_core::key::Digest;
use driftless_core::plan::Plan;
use driftless_core::render;
use driftless_core::report::Outcomes;

use super::plan::{has_errors, show_faults};
use super::progress::Bar;
use super::scope::{Scope, ScopeArgs};
use super::wire::Access;
use super::{Exit, out, stop_on_signals};
use crate::clock::{Clock as _, SystemClock};
use crate::engine::apply::Limits;
use crate::engine::audit::Origin;
use crate::engine::circumstances::gather;
use crate::engine::reconcile::{carry_out, prepare};
use crate::store::Trigger;

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Carries out the plan that `plan --out` wrote, if it is still the plan.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Does not ask.
    #[arg(long)]
    yes: bool,

    /// Lets through what guards hold back, of the plan that has this digest and no other.
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,

    /// How the outcome is shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) async fn run(args: ApplyArgs) -> anyhow::Result<Exit> {
    let Some(scope) = Scope::open(&args.scope, Access::Write).await? else {
        return Ok(Exit::Error);
    };
    let bar = Bar::new();
    let circumstances = gather(
        &scope.environment,
        None,
        SystemClock.now(),
        args.approve.clone().map(Digest),
    )
    .await?;
    let prepared = prepare(&scope.environment, None, &circumstances, &bar).await;
    bar.finish();
    let prepared = prepared?;
    show_faults(&prepared);
    expect_digest(&prepared.plan, args.plan.as_deref(), args.approve.as_deref())?;
    if args.format == Format::Text {
        out::result(&render::plan_text(&prepared.plan));
    }
    if !prepared.plan.is_empty() && !args.yes {
        if !out::is_interactive() {
            bail!("there are changes and nobody to ask: pass --yes to carry them out");
        }
        if !out::confirm("\nCarry this out?") {
            bail!("nothing was written");
        }
    }
    let left_out = has_errors(&prepared);
    // From here on a signal lets the steps in hand end; before, while it reads and asks, it just ends the command.
    let stop = stop_on_signals()?;
    let bar = Bar::new();
    let origin = Origin {
        run: None,
        trigger: Trigger::Manual,
        approver: None,
        clock: Arc::new(SystemClock),
    };
    let report = carry_out(&scope.environment, prepared, &origin, &Limits::default(), &stop, &bar).await;
    bar.finish();
    let report = report?;
    out::result(&match args.format {
        Format::Text => format!("\n{}", render::report_text(&report)),
        Format::Json => render::report_json(&report),
    });
    let unfinished = report
        .outcomes
        .iter()
        .any(|outcome| !matches!(outcome.result, Outcomes::Applied { .. }));
    Ok(if unfinished || left_out {
        Exit::Error
    } else if !report.plan.blocked.is_empty() {
        Exit::Blocked
    } else {
        Exit::Done
    })
}

/// Holds the plan against the one that somebody looked at.
fn expect_digest(plan: &Plan, file: Option<&Path>, approved: Option<&str>) -> anyhow::Result<()> {
    let saved = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let saved: serde_json::Value =
                serde_json::from_str(&text).with_context(|| format!("{} is no plan", path.display()))?;
            match saved.get("digest").and_then(serde_json::Value::as_str) {
                Some(digest) => Some(digest.to_owned()),
                None => bail!(
                    "{} is no plan: it has no digest; write one with `plan --out`",
                    path.display()
                ),
            }
        }
        None => None,
    };
    for expected in [saved.as_deref(), approved].into_iter().flatten() {
        if expected != plan.digest.0 {
            bail!(
                "the plan moved since it was looked at (its digest is {}, not {expected}): look at it again with `plan`",
                plan.digest
            );
        }
    }
    Ok(())
}
