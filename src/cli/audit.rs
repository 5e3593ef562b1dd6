//! `driftless audit`: hands the audit out, and verifies its chain.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};

use super::store::{StoreArgs, location};
use super::{Exit, out};
use crate::store::audit::{Record, Verified, Verifier};
use crate::store::sqlite::Reading;

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Writes the audit's records, one JSON object a line. Works beside a running daemon.
    Export(ExportArgs),
    /// Verifies that no record of a store, or of an export, was changed, taken out or put in. Works beside a running daemon.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,

    /// How records are written.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,

    /// Writes to this file, which must not be there yet, in place of standard output (`-`).
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Only records of this environment: for reading, since such an export is no chain.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,

    /// Only records from this time on, by the clock of the machine that wrote them: `2026-01-31` or `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    place: PlaceArgs,

    /// The head of an earlier verification, noted elsewhere: it must be in the chain, or the chain's end was cut off since.
    #[arg(long, value_name = "HASH")]
    head: Option<String>,

    /// The head of the export before this one: FILE begins with the record after it.
    #[arg(long, value_name = "HASH", requires = "file")]
    after: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct PlaceArgs {
    /// An export.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// The config file that names the store.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The store itself: `sqlite://FILE`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Jsonl,
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || {
        let day = text.parse::<NaiveDate>().ok()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc())
    };
    let instant = || Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc));
    instant()
        .or_else(day)
        .ok_or_else(|| "write a day as 2026-01-31, or an instant as 2026-01-31T12:00:00Z".to_owned())
}

pub(crate) async fn run(args: AuditArgs) -> anyhow::Result<Exit> {
    match args.command {
        AuditCommand::Export(args) => export(args).await,
        AuditCommand::Verify(args) => verify(args).await,
    }
}

async fn export(args: ExportArgs) -> anyhow::Result<Exit> {
    let Format::Jsonl = args.format;
    let Some(location) = args.store.location() else {
        return Ok(Exit::Error);
    };
    let reading = Reading::open(&location).await?;
    let is_wanted = |record: &Record| {
        let since = args.since.is_none_or(|since| {
            DateTime::parse_from_rfc3339(&record.note.at).is_ok_and(|at| at.with_timezone(&Utc) >= since)
        });
        since && (args.environment.is_none() || record.note.environment == args.environment)
    };
    match args.output.as_ref().filter(|path| path.as_os_str() != "-") {
        None => {
            reading
                .audit(|record| {
                    if is_wanted(&record) {
                        out::result(&format!("{}\n", record.json()));
                    }
                    ControlFlow::Continue(())
                })
                .await?;
        }
        Some(path) => {
            let unwritable = || format!("cannot write {}", path.display());
            // An export that somebody keeps as evidence is not written over.
            let mut file = BufWriter::new(File::create_new(path).with_context(unwritable)?);
            let mut written = Ok(());
            reading
                .audit(|record| {
                    if is_wanted(&record) {
                        written = writeln!(file, "{}", record.json());
                    }
                    match written {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(_) => ControlFlow::Break(()),
                    }
                })
                .await?;
            written
                .and_then(|()| {
                    file.into_inner()
                        .map_err(std::io::IntoInnerError::into_error)?
                        .sync_all()
                })
                .with_context(unwritable)?;
        }
    }
    Ok(Exit::Done)
}

async fn verify(args: VerifyArgs) -> anyhow::Result<Exit> {
    for hash in [&args.head, &args.after].into_iter().flatten() {
        if hash.len() != 64
            || !hash
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
        {
            bail!("`{hash}` is no hash of a record: it has 64 digits from 0 to f, as `audit verify` prints it");
        }
    }
    let verifier = Verifier::new(args.after.as_deref(), args.head.as_deref());
    let verified = match &args.place.file {
        Some(path) => in_file(path, verifier)?,
        None => {
            let Some(location) = location(args.place.config.as_deref(), args.place.store.as_deref()) else {
                return Ok(Exit::Error);
            };
            in_store(&location, verifier).await?
        }
    };
    out::result(&line(&verified));
    Ok(Exit::Done)
}

async fn in_store(location: &str, mut verifier: Verifier) -> anyhow::Result<Verified> {
    let mut broken = None;
    let reading = Reading::open(location).await?;
    reading
        .audit(|record| match verifier.add(&record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(found) => {
                broken = Some(found);
                ControlFlow::Break(())
            }
        })
        .await?;
    match broken {
        Some(broken) => Err(broken).context("the audit is not as it was written"),
        None => verifier.end().context("the audit is not as it was written"),
    }
}

fn in_file(path: &Path, mut verifier: Verifier) -> anyhow::Result<Verified> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let broken = || format!("{} is not the audit as it was written", path.display());
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        let record = Record::read(&line)
            .with_context(|| format!("line {} is no record of an audit", number + 1))
            .with_context(broken)?;
        verifier
            .add(&record)
            .with_context(|| format!("line {}", number + 1))
            .with_context(broken)?;
    }
    verifier.end().with_context(broken)
}

fn line(verified: &Verified) -> String {
    let hash = &verified.head.hash;
    match (&verified.first, &verified.last) {
        (Some((first, from)), Some((last, to))) => format!(
            "{} records, {first} of {from} to {last} of {to}: one chain, as it was written. Its head is\n{hash}\n",
            verified.records
        ),
        _ => format!("There is no record yet. The head is\n{hash}\n"),
    }
}
