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
    for gap in list(view, "gaps") {
        lines += &format!("  not read whole: {}\n", plain_line(gap.as_str().unwrap_or_default()));
    }
    // The list of all environments does not say what is missing; one of them does.
    if text(view, "standing") == "incomplete" && view.get("gaps").is_none() {
        lines += &format!("  `driftless status {}` says what was not read\n", text(view, "name"));
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
        let is_its = |change: &&Json| change["key"] == outcome["key"] && change["action"] == outcome["action"];
        for change in list(&run["plan"], "changes").iter().filter(is_its) {
            lines += &fields(change);
        }
    }
    lines += &changes(&run["plan"], "reported");
    lines += &blocked(&run["plan"]);
    lines += &changes(&run["plan"], "held");
    for fault in list(run, "diagnostics") {
        lines += &format!("  {}\n", fault.as_str().unwrap_or_default());
    }
    lines
}

/// The changes that a plan has under `member`, field by field.
pub(super) fn changes(plan: &Json, member: &str) -> String {
    let mut lines = String::new();
    for change in list(plan, member) {
        let (action, key, class) = (text(change, "action"), text(change, "key"), text(change, "class"));
        lines += &format!("  {action} {key}  {class}\n{}", fields(change));
        for key in list(change, "takes") {
            lines += &format!("      takes along {}\n", key.as_str().unwrap_or_default());
        }
    }
    lines
}

/// What a change makes of each field.
fn fields(change: &Json) -> String {
    let line = |field: &Json| {
        let (path, after) = (text(field, "path"), shown(field, "after"));
        match field.get("before") {
            None => format!("      {path}: {after}\n"),
            Some(before) => format!("      {path}: {before} -> {after}\n"),
        }
    };
    list(change, "fields").iter().map(line).collect()
}

/// One side of a field.
fn shown(field: &Json, side: &str) -> String {
    field.get(side).map_or_else(|| "(none)".to_owned(), Json::to_string)
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
        head += &match seen {
            1 => ", once".to_owned(),
            seen => format!(", {seen} times"),
        };
    }
    let mut lines = format!("{}\n", plain_line(&head));
    for field in list(resource, "fields") {
        lines += &format!(
            "    {}: {} live, {} in Git\n",
            text(field, "path"),
            shown(field, "before"),
            shown(field, "after")
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
#[expect(clippy::unwrap_used, reason = "a test may stop")]
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

    #[test]
    fn drift_says_how_often_it_was_seen() {
        let seen = |times: u64| {
            drifted(
                &json!({"key": "monitor/a", "class": "drift", "handling": "reported", "first_seen": "noon", "seen": times}),
            )
        };
        assert_eq!(seen(1), "monitor/a  drift  reported  first seen noon, once\n");
        assert_eq!(seen(2), "monitor/a  drift  reported  first seen noon, 2 times\n");
    }

    #[test]
    fn status_says_what_was_not_read_or_where_that_is_said() {
        let mut view = json!({"name": "prod", "standing": "incomplete"});
        let asked = standing(&view, &[]);
        assert!(
            asked.contains("`driftless status prod` says what was not read"),
            "{asked}"
        );
        view["gaps"] = json!(["monitor: a page is missing"]);
        let told = standing(&view, &[]);
        assert_eq!(told, "prod: incomplete\n  not read whole: monitor: a page is missing\n");
        view["gaps"] = json!([]);
        assert_eq!(standing(&view, &[]), "prod: incomplete\n");
    }

    #[test]
    fn a_run_is_shown_field_by_field_with_what_it_did_what_it_left_and_what_waits() {
        let change =
            |key: &str, fields: Json| json!({"key": key, "action": "update", "class": "drift", "fields": fields});
        let run = json!({
            "id": "r7",
            "plan": {
                "changes": [change("check/a", json!([{"path": "tags", "before": ["a"], "after": ["b"]}, {"path": "owner", "after": 5}]))],
                "reported": [change("check/b", json!([{"path": "filter", "before": "x", "after": null}]))],
                "blocked": [{"reason": "manual_step", "message": "set it by hand", "keys": ["ci_config/shop"]}],
                "held": [change("ci_config/shop", json!([{"path": "require_label", "before": false}]))],
            },
            "report": {"outcomes": [{"result": "applied", "action": "update", "key": "check/a"}]},
        });
        let shown = whole(&run);
        let (_, rest) = shown.split_once('\n').unwrap();
        let wanted = "  applied update check/a\n      tags: [\"a\"] -> [\"b\"]\n      owner: 5\n  update check/b  drift\n      filter: \"x\" -> null\n  \
                      blocked (manual_step): set it by hand\n    ! ci_config/shop\n  update ci_config/shop  drift\n      require_label: false -> (none)\n";
        assert_eq!(rest, wanted);
    }
}
