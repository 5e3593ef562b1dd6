//! `driftless status`, `runs`, `drift`, `logs`: what a daemon knows, for people and for programs.

use std::collections::BTreeSet;

use anyhow::Context as _;
use clap::Args;
use driftless_core::render::{plain, plain_line};
use futures::StreamExt as _;
use serde_json::Value as Json;

use super::connection::{Connection, list, segment, text};
use super::{Format, ServerArgs};
use crate::cli::{Exit, out, stop_on_signals};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// One environment; all when none is named.
    environment: Option<String>,

    #[command(flatten)]
    server: ServerArgs,

    /// How it is shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Exits 1 where an environment failed, 3 where one is blocked or suspended, and 2 where one is not in sync.
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// One run, whole: its plan and what became of it.
    run: Option<String>,

    /// Only runs of this environment.
    #[arg(long, value_name = "NAME", conflicts_with = "run")]
    environment: Option<String>,

    /// How many, the newest first.
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with = "run")]
    limit: u32,

    #[command(flatten)]
    server: ServerArgs,

    /// How they are shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// The environment.
    environment: String,

    #[command(flatten)]
    server: ServerArgs,

    /// How it is shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Exits 2 where there is drift that was not put back.
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Only runs of this environment.
    environment: Option<String>,

    /// Goes on until it is stopped.
    #[arg(long, short)]
    follow: bool,

    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn status(args: StatusArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    let all = server.get("/api/v1/environments").await?;
    let (document, environments) = match &args.environment {
        Some(name) => {
            let one = server.get(&format!("/api/v1/environments/{}", segment(name))).await?;
            (one.clone(), vec![one])
        }
        None => (all.clone(), list(&all, "environments").to_vec()),
    };
    match args.format {
        Format::Json => json(&document),
        Format::Text => environments
            .iter()
            .for_each(|view| out::result(&plain(&standing(view, list(&all, "sources"))))),
    }
    let stands = |words: &[&str]| environments.iter().any(|view| words.contains(&text(view, "standing")));
    Ok(if !args.detailed_exitcode {
        Exit::Done
    } else if stands(&["failed"]) {
        Exit::Error
    } else if stands(&["blocked"]) || environments.iter().any(|view| !view["suspended"].is_null()) {
        Exit::Blocked
    } else if environments.iter().any(|view| text(view, "standing") != "in_sync") {
        Exit::Pending
    } else {
        Exit::Done
    })
}

/// An environment in a few lines: how it stands, and what keeps it from standing better.
fn standing(view: &Json, sources: &[Json]) -> String {
    let name = text(view, "name");
    let revision: String = text(view, "revision").chars().take(8).collect();
    let mut lines = format!("{name}: {}", text(view, "standing").replace('_', " "));
    if !revision.is_empty() {
        lines += &format!(" at {revision}");
    }
    lines.push('\n');
    let run = &view["last_run"];
    if !run.is_null() {
        let when = text(run, "finished");
        let line = plain_line(text(run, "message"));
        lines += &format!(
            "  last run {} ({}) {when}: {line}\n",
            text(run, "id"),
            text(run, "trigger")
        );
    }
    if let Some(suspended) = view.get("suspended").filter(|suspended| !suspended.is_null()) {
        let by = suspended["by"]
            .as_str()
            .map(|by| format!(" by {by}"))
            .unwrap_or_default();
        let (since, reason) = (text(suspended, "since"), text(suspended, "reason"));
        lines += &plain_line(&format!("  suspended{by} since {since}: {reason}"));
        lines.push('\n');
    }
    if let Some(since) = view["drift_since"].as_str() {
        lines += &format!("  drift since {since}\n");
    }
    if let Some(error) = view["error"].as_str() {
        lines += &format!("  error: {}\n", plain_line(error));
    }
    let name = text(view, "source");
    let source = sources.iter().find(|source| text(source, "name") == name);
    if let Some(stale) = source.map(|source| &source["stale"]).filter(|stale| !stale.is_null()) {
        let (since, message) = (text(stale, "since"), plain_line(text(stale, "message")));
        lines += &format!("  the source {name} cannot be read since {since}: {message}\n");
    }
    if let Some(circuit) = view.get("circuit").filter(|circuit| !circuit.is_null()) {
        let (since, next) = (text(circuit, "since"), text(circuit, "next_probe"));
        let failure = plain_line(text(circuit, "failure"));
        lines += &format!("  the instance does not answer since {since}, the next probe is at {next}: {failure}\n");
    }
    if text(view, "standing") == "blocked" {
        lines += &format!(
            "  `driftless runs {}` says what is kept back, and why\n",
            text(run, "id")
        );
    }
    lines
}

pub(crate) async fn runs(args: RunsArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    if let Some(id) = &args.run {
        let run = server.get(&format!("/api/v1/runs/{}", segment(id))).await?;
        match args.format {
            Format::Json => json(&run),
            Format::Text => out::result(&plain(&whole(&run))),
        }
        return Ok(Exit::Done);
    }
    let mut path = format!("/api/v1/runs?limit={}", args.limit);
    if let Some(name) = &args.environment {
        path += &format!("&environment={}", segment(name));
    }
    let runs = server.get(&path).await?;
    match args.format {
        Format::Json => json(&runs),
        Format::Text => list(&runs, "runs")
            .iter()
            .for_each(|run| out::result(&plain(&line(run)))),
    }
    Ok(Exit::Done)
}

/// A run in one line.
pub(super) fn line(run: &Json) -> String {
    let ended = run["conclusion"].as_str().unwrap_or("under way");
    let revision: String = text(run, "revision").chars().take(8).collect();
    format!(
        "{}  {}  {}  {}  {ended}  ({})  {}\n",
        text(run, "started"),
        text(run, "environment"),
        text(run, "id"),
        if revision.is_empty() { "-" } else { &revision },
        text(run, "trigger"),
        plain_line(text(run, "message")),
    )
}

/// A run with what it did and what it did not.
fn whole(run: &Json) -> String {
    let mut lines = line(run);
    for outcome in list(&run["report"], "outcomes") {
        let error = outcome["error"]
            .as_str()
            .map(|error| format!(": {}", plain_line(error)));
        let what = format!("{} {}", text(outcome, "action"), text(outcome, "key"));
        lines += &format!("  {} {what}{}\n", text(outcome, "result"), error.unwrap_or_default());
    }
    lines += &blocked(&run["plan"]);
    for fault in list(run, "diagnostics") {
        lines += &format!("  {}\n", fault.as_str().unwrap_or_default());
    }
    lines
}

/// What a plan does not do, and why.
pub(super) fn blocked(plan: &Json) -> String {
    let mut lines = String::new();
    for blocked in list(plan, "blocked") {
        let (reason, message) = (text(blocked, "reason"), plain_line(text(blocked, "message")));
        lines += &format!("  blocked ({reason}): {message}\n");
        for key in list(blocked, "keys") {
            lines += &format!("    ! {}\n", key.as_str().unwrap_or_default());
        }
    }
    lines
}

pub(crate) async fn drift(args: DriftArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    let path = format!("/api/v1/environments/{}/drift", segment(&args.environment));
    let drift = server.get(&path).await?;
    match args.format {
        Format::Json => json(&drift),
        Format::Text => {
            let resources = list(&drift, "resources");
            if resources.is_empty() {
                out::result("no drift\n");
            }
            resources
                .iter()
                .for_each(|resource| out::result(&plain(&drifted(resource))));
        }
    }
    let open = drift["open"].as_u64().unwrap_or_default();
    Ok(if args.detailed_exitcode && open > 0 {
        Exit::Pending
    } else {
        Exit::Done
    })
}

/// A resource that was changed by hand.
fn drifted(resource: &Json) -> String {
    let mut head = format!(
        "{}  {}  {}",
        text(resource, "key"),
        text(resource, "class"),
        text(resource, "handling")
    );
    if let Some(edited) = resource["edited"].as_str() {
        head += &format!("  {edited}");
    }
    if let Some(first) = resource["first_seen"].as_str() {
        head += &format!("  first seen {first}");
    }
    if let Some(seen) = resource["seen"].as_u64() {
        head += &format!(", {seen} times");
    }
    let mut lines = format!("{}\n", plain_line(&head));
    for field in list(resource, "fields") {
        let shown = |side: &str| field.get(side).map_or_else(|| "(none)".to_owned(), Json::to_string);
        lines += &format!(
            "    {}: {} live, {} in Git\n",
            text(field, "path"),
            shown("before"),
            shown("after")
        );
    }
    lines
}

pub(crate) async fn logs(args: LogsArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    let mut path = "/api/v1/runs?limit=50".to_owned();
    if let Some(name) = &args.environment {
        path += &format!("&environment={}", segment(name));
    }
    let mut told: BTreeSet<String> = BTreeSet::new();
    tell(&server, &path, &mut told).await?;
    if !args.follow {
        return Ok(Exit::Done);
    }
    let stop = stop_on_signals()?;
    let mut events = server.stream("/api/v1/events").await?.bytes_stream();
    loop {
        // An event says that something changed, and nothing else: what it is, the list says.
        let event = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Exit::Done),
            event = events.next() => event,
        };
        event.context("the daemon ended the stream: it stopped, or restarts")??;
        tell(&server, &path, &mut told).await?;
    }
}

/// Prints the runs that ended and were not told of, the oldest first.
async fn tell(server: &Connection, path: &str, told: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let runs = server.get(path).await?;
    let ended = list(&runs, "runs")
        .iter()
        .rev()
        .filter(|run| !run["finished"].is_null());
    for run in ended {
        if told.insert(text(run, "id").to_owned()) {
            out::result(&plain(&line(run)));
        }
    }
    Ok(())
}

/// Prints a document of the daemon's.
pub(super) fn json(document: &Json) {
    out::result(&format!("{document:#}\n"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_says_what_keeps_an_environment_from_standing_better() {
        let mut view = json!({"name": "prod", "standing": "stale", "source": "config", "last_run": {"id": "r7"}});
        let sources = [json!({"name": "config", "stale": {"since": "noon", "message": "it is not signed"}})];
        let shown = standing(&view, &sources);
        assert!(
            shown.contains("the source config cannot be read since noon: it is not signed\n"),
            "{shown}"
        );
        view["circuit"] = json!({"since": "noon", "next_probe": "one", "failure": "no answer"});
        let shown = standing(&view, &[]);
        assert!(
            shown.contains("does not answer since noon, the next probe is at one: no answer\n"),
            "{shown}"
        );
        assert!(!shown.contains("driftless runs"), "{shown}");
        view["standing"] = json!("blocked");
        let shown = standing(&view, &[]);
        assert!(shown.contains("`driftless runs r7` says what is kept back"), "{shown}");
    }
}
