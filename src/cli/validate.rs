//! `driftless validate`: everything that can be seen without a network, all at once.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::load::{Layers, load, named};
use driftless_core::offline::offline;
use driftless_core::render::count_severity;
use driftless_core::schema::Schema;
use driftless_core::substitute::{Secrets, Variables};

use super::diagnostics::{Format, render};
use super::platforms::{BuiltIn, PLATFORMS};
use super::{Exit, out, process_environment, scope, wire};
use crate::config::secret_file;
use crate::source::Source as _;
use crate::source::layers::LayeredSource;

/// The code of the fault that a folder without documents is.
const EMPTY: &str = "empty_folder";

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The folder to check.
    #[arg(value_name = "DIR", conflicts_with = "config")]
    dir: Option<PathBuf>,

    /// A folder that is merged over it; may be given several times.
    #[arg(long = "overlay", value_name = "DIR", requires = "dir")]
    overlays: Vec<PathBuf>,

    /// The platform that the folder is for.
    #[arg(long, value_name = "NAME", value_parser = scope::platform(), default_value = PLATFORMS[0].name(),
        conflicts_with = "config")]
    platform: &'static BuiltIn,

    /// The config file to check.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How faults are shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) async fn run(args: ValidateArgs) -> anyhow::Result<Exit> {
    let (diagnostics, checked) = match (&args.dir, &args.config) {
        (Some(dir), None) => folder(dir, &args.overlays, args.platform).await?,
        (None, Some(path)) => match wire::read_config(path, &process_environment()) {
            Ok(config) => (
                Vec::new(),
                match config.environments.len() {
                    1 => "1 environment".to_owned(),
                    count => format!("{count} environments"),
                },
            ),
            Err(faults) => (faults, String::new()),
        },
        _ => bail!("nothing to check: pass a folder, or --config FILE"),
    };
    let errors = count_severity(&diagnostics, Severity::Error);
    out::result(&render(&diagnostics, args.format));
    if errors == 0 && args.format == Format::Text {
        out::result(&format!("{checked}: no errors\n"));
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Error })
}

async fn folder(
    dir: &std::path::Path,
    overlays: &[PathBuf],
    platform: &BuiltIn,
) -> anyhow::Result<(Vec<Diagnostic>, String)> {
    let schema = (platform.schema)();
    let source = LayeredSource::open(dir, overlays)?;
    let (base, overlays) = source.folders();
    let tree = source.checkout(&source.head().await?, &[]).await?;
    let layers = Layers {
        base: &base,
        overlays: &overlays,
    };
    let files = named::files(&tree, &layers, schema);
    let variables = Variables::new(
        scope::variables(process_environment())?,
        std::collections::BTreeSet::new(),
    )
    .with_secrets(Secrets::Elsewhere)
    .with_files(secret_file::read_all(&files, |_| Ok(())));
    let loaded_as = |schema: &dyn Schema| load(&tree, &layers, &variables, &[], schema);
    let loaded = loaded_as(schema);
    let mut diagnostics = offline(&loaded, &tree, &layers, schema);
    diagnostics.extend(loaded.diagnostics);
    if let Some(empty) = diagnostics.iter_mut().find(|fault| fault.code == EMPTY) {
        let has_files_of = |other: &&BuiltIn| {
            !loaded_as((other.schema)())
                .diagnostics
                .iter()
                .any(|fault| fault.code == EMPTY)
        };
        if let Some(other) = PLATFORMS.iter().find(has_files_of) {
            let name = other.name();
            empty.help = Some(format!("its files are those of {name}: pass `--platform {name}`"));
        }
    }
    diagnostics.sort();
    let checked = match loaded.desired.documents.len() {
        1 => "1 document".to_owned(),
        count => format!("{count} documents"),
    };
    Ok((diagnostics, checked))
}
