//! `driftless plan`: shows what apply would do, and writes nothing.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use driftless_core::diagnostic::Severity;
use driftless_core::render;

use super::progress::Bar;
use super::scope::{Scope, ScopeArgs};
use super::wire::Access;
use super::{Exit, diagnostics, out};
use crate::clock::{Clock as _, SystemClock};
use crate::engine::circumstances::gather;
use crate::engine::reconcile::{Prepared, prepare};

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Writes the plan to this file, for `apply --plan`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// How the plan is shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Exits 2 when apply would do something.
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
}

pub(crate) async fn run(args: PlanArgs) -> anyhow::Result<Exit> {
    let Some(scope) = Scope::open(&args.scope, Access::Read).await? else {
        return Ok(Exit::Error);
    };
    let bar = Bar::new();
    let circumstances = gather(&scope.environment, None, SystemClock.now(), None).await?;
    let prepared = prepare(&scope.environment, None, &circumstances, &bar).await;
    bar.finish();
    let prepared = prepared?;
    show_faults(&prepared);
    let plan = &prepared.plan;
    if let Some(path) = &args.out {
        std::fs::write(path, render::plan_json(plan)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    out::result(&match args.format {
        Format::Text => render::plan_text(plan),
        Format::Json => render::plan_json(plan),
        Format::Markdown => render::plan_markdown(plan),
    });
    Ok(if has_errors(&prepared) {
        Exit::Error
    } else if !plan.blocked.is_empty() {
        Exit::Blocked
    } else if args.detailed_exitcode && !plan.is_empty() {
        Exit::Pending
    } else {
        Exit::Done
    })
}

/// Prints faults of files, and what of the instance could not be read, on standard error.
pub(crate) fn show_faults(prepared: &Prepared) {
    for diagnostic in &prepared.diagnostics {
        out::say(&diagnostics::one(diagnostic));
    }
    for gap in &prepared.gaps {
        let message = render::plain_line(&gap.message);
        out::say(&format!("not read whole: {}: {message}", gap.kind));
    }
}

/// Whether documents were left out because of errors.
pub(crate) fn has_errors(prepared: &Prepared) -> bool {
    render::count_severity(&prepared.diagnostics, Severity::Error) > 0
}
