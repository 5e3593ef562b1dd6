//! `driftless ci`: the data diffs of one head commit, for CI systems that start them themselves.

mod asked;
mod bench;
mod interruption;
mod shown;
mod work_tree;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use driftless_core::diagnostic::Diagnostic;

use self::asked::Asked;
use self::bench::Bench;
use super::{Exit, diagnostics, out, stop_on_signals};
use crate::ci::config::CiConfig;
use crate::ci::diffs;
use crate::ci::metrics::Metrics;
use crate::ci::outcome::{CiOutcome, CiResult, Reason, StatusEnd};
use crate::ci::pipeline::{Ports, Request, run_once};
use crate::ci::report::{self, Facts, Outcome, Verdict};
use crate::ci::views::Recent;
use crate::clock::SystemClock;
use crate::platform::data_diffs::{CiRunId, Head, PullRequestNumber};
use crate::store::sqlite::{self, SqliteStore};

#[derive(Debug, Subcommand)]
pub(crate) enum CiCommand {
    /// Compares what a pull request makes of the data: finds or starts the run of its head commit, hands it the diffs, follows it
    /// to its end and says what differs.
    ///
    /// Exits 0 where the commit's status is good (passed, skipped, a newer commit), 1 where it is not, and 2 with `--detailed-exitcode`
    /// when it is good and data differ. With `fail_on_errors: false` in the CI configuration a run that fails, does not end in time or
    /// cannot be started is good; a diffs file that is not valid, an unknown CI configuration and a key that is refused never are.
    /// Exits 1 too where the forge did not take the status in time; where it refuses it for good, that is a warning.
    Run(RunArgs),
}

/// The flags of `datafold ci trigger` and `datafold ci submit`, and ours.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The number of the CI configuration.
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    ci_config_id: i64,

    /// The number of the pull request.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pr_num: u64,

    /// The branch that is merged into.
    #[arg(long, value_name = "BRANCH")]
    base_branch: String,

    /// The commit of it that the head is compared with.
    #[arg(long, value_name = "SHA", value_parser = commit)]
    base_sha: String,

    /// The branch that is to be merged.
    #[arg(long, value_name = "BRANCH")]
    pr_branch: String,

    /// Its newest commit: all of its digits, and not the merge commit that a CI system made of it.
    #[arg(long, value_name = "SHA", value_parser = commit)]
    pr_sha: String,

    /// What is compared: a JSON or YAML file, `-` for standard input. Default: what the pull request's tree says where the config
    /// file has its forge, else `datafold/diffs.json` or `.yaml` in the working directory, else what the CI configuration's
    /// `discovery` finds between the two commits in the working directory's repository.
    #[arg(long, value_name = "FILE")]
    diffs: Option<PathBuf>,

    /// The config file: the rules are those of the CI configuration of that number in the source of an environment, and its forge is
    /// told. Without one the instance is that of `--url`, and nobody is told.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "token"])]
    config: Option<PathBuf>,

    /// The environment that declares the CI configuration, where several declare one of that number.
    #[arg(long, value_name = "NAME", requires = "config")]
    environment: Option<String>,

    /// The instance; DATAFOLD_HOST stands in for it. Default: `https://app.datafold.com`.
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// The API key; DATAFOLD_API_KEY stands in for it, and is the better place: others can see a command's flags.
    #[arg(long, value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Starts more diffs than the `diff_threshold` of the CI configuration. On a forge the label `datafold-confirmed` does it too.
    #[arg(long, requires = "config")]
    confirmed: bool,

    /// How long the run is awaited that the platform starts by itself, before one is asked for. Default: the config file's
    /// `pull_requests.wait_for_run`, else 1m; at most about half of the time-out.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    wait_for_run: Option<Duration>,

    /// How long it may take. Default: the config file's `pull_requests.timeout`, else 60m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,

    /// How the outcome is shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Exits 2 when data differ.
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// Reads a commit's id: one that is shortened would be another commit to the platform.
fn commit(text: &str) -> Result<String, String> {
    // SHA-1 and SHA-256.
    match [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("write all hexadecimal digits of the commit, as `git rev-parse` prints them".to_owned()),
    }
}

impl RunArgs {
    fn head(&self) -> Head {
        Head {
            pull_request: PullRequestNumber(self.pr_num),
            branch: self.pr_branch.clone(),
            sha: self.pr_sha.clone(),
            base_branch: self.base_branch.clone(),
            base_sha: self.base_sha.clone(),
        }
    }
}

pub(crate) async fn main(command: CiCommand) -> anyhow::Result<Exit> {
    let CiCommand::Run(args) = command;
    let Some(bench) = Bench::open(&args).await? else {
        return Ok(Exit::Error);
    };
    let asked = asked::asked(&args, &bench).await?;
    tell(asked.remarks());
    let remarks = asked.remarks().to_vec();
    let diffs = match asked {
        Asked::OfTheTree => None,
        Asked::Diffs { diffs, remarks } => Some(diffs::Asked {
            diffs,
            diagnostics: remarks,
        }),
        // The forge is told, unless its gate is closed: what it says of an earlier run of the commit would stand.
        Asked::Faulty { remarks, .. } if bench.forge.is_some() => Some(diffs::Asked {
            diffs: Vec::new(),
            diagnostics: remarks,
        }),
        Asked::Skipped(skip) => {
            let end = End::before(&args, &bench.config, Outcome::Skipped(skip), None, &remarks);
            return Ok(end.shown(&args));
        }
        Asked::Faulty { message, .. } => {
            let outcome = Outcome::Refused(message);
            let end = End::before(&args, &bench.config, outcome, Some(Reason::InvalidDiffs), &remarks);
            return Ok(end.shown(&args));
        }
    };
    let recent = Recent::default();
    let ports = Ports {
        platform: bench.platform,
        forge: bench.forge,
        // What this command does not remember it finds on the platform. The daemon's store has one writer.
        store: Arc::new(SqliteStore::open("sqlite::memory:", sqlite::Limits::default()).await?),
        clock: Arc::new(SystemClock),
        metrics: Metrics::new()?,
        recent: recent.clone(),
        options: bench.options,
    };
    let request = Request {
        target: bench.target,
        config: bench.config,
        head: args.head(),
        diffs,
    };
    let follower = tokio::spawn(follow(recent));
    let stop = stop_on_signals()?;
    let run = run_once(&ports, &request, &stop);
    tokio::pin!(run);
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => {
            let again = stop_on_signals()?;
            tokio::select! {
                () = again.cancelled() => None,
                outcome = interruption::end(run, &ports, &request) => outcome?,
            }
        }
        outcome = &mut run => outcome?,
    };
    follower.abort();
    let Some(outcome) = outcome else {
        bail!("interrupted before the end: the same command goes on with the run that is there");
    };
    let weight = match outcome.status {
        StatusEnd::Missed => "error",
        StatusEnd::Settled | StatusEnd::Refused => "warning",
    };
    for said in &outcome.unsaid {
        out::say(&format!("{weight}: {said}"));
    }
    let is_new = |remark: &&Diagnostic| !remarks.contains(remark);
    tell(&outcome.remarks.iter().filter(is_new).cloned().collect::<Vec<_>>());
    Ok(End::of(&outcome, &request.config).shown(&args))
}

/// Says what there is to say of files, to the person at the terminal.
fn tell(remarks: &[Diagnostic]) {
    if !remarks.is_empty() {
        diagnostics::say(remarks);
    }
}

/// Says each step to the person at the terminal.
async fn follow(recent: Recent) {
    let mut shown = recent.subscribe();
    let mut said = String::new();
    while shown.changed().await.is_ok() {
        let runs = shown.borrow_and_update().clone();
        let Some(run) = runs.first().filter(|run| run.finished.is_none() && run.message != said) else {
            continue;
        };
        said.clone_from(&run.message);
        out::say(&said);
    }
}

/// How it ended.
struct End {
    result: CiResult,
    status: StatusEnd,
    differs: bool,
    text: String,
    json: serde_json::Value,
}

impl End {
    /// An end before anything was sent.
    fn before(
        args: &RunArgs,
        config: &CiConfig,
        outcome: Outcome,
        reason: Option<Reason>,
        remarks: &[Diagnostic],
    ) -> Self {
        let facts = Facts {
            config,
            sha: &args.pr_sha,
            run: None::<CiRunId>,
            submitted: 0,
            outcome: &outcome,
            diffs: &[],
            remarks,
        };
        let mut verdict = Verdict::of(&facts);
        if let Some(reason) = reason {
            reason.word().clone_into(&mut verdict.reason);
        }
        let (text, json) = (shown::text(&facts, &verdict), report::json(&facts, &verdict, &[]));
        Self {
            result: CiResult::of(&outcome, &verdict),
            status: StatusEnd::Settled,
            differs: false,
            text,
            json,
        }
    }

    fn of(outcome: &CiOutcome, config: &CiConfig) -> Self {
        let facts = outcome.facts(config);
        Self {
            result: outcome.result(),
            status: outcome.status,
            differs: outcome.verdict.differences_found(),
            text: shown::text(&facts, &outcome.verdict),
            json: report::json(&facts, &outcome.verdict, &outcome.unsaid),
        }
    }

    fn shown(self, args: &RunArgs) -> Exit {
        out::result(&match args.format {
            Format::Text => self.text,
            Format::Json => format!("{:#}\n", self.json),
        });
        match self.result {
            CiResult::Failed | CiResult::TimedOut => Exit::Error,
            _ if self.status == StatusEnd::Missed => Exit::Error,
            CiResult::Passed if self.differs && args.detailed_exitcode => Exit::Pending,
            CiResult::Passed | CiResult::Skipped | CiResult::Superseded => Exit::Done,
        }
    }
}
