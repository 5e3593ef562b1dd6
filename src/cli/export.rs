//! `driftless export`: what an instance holds, as files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use driftless_core::schema::Schema as _;

use super::progress::Bar;
use super::scope::{Instance, InstanceArgs};
use super::{Exit, out, wire};
use crate::platform::qualytics;
use crate::platform::qualytics::files::{ExportOptions, Exported, ExportedFile, export};

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    instance: InstanceArgs,

    /// The folder to write to; made where it does not exist.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,

    /// Only this datastore: its name, or its id when it is all digits. May be given several times.
    #[arg(long = "datastore", value_name = "NAME|ID")]
    datastores: Vec<String>,

    /// Removes files of the layout that correspond to nothing any more; without it they are only named.
    #[arg(long)]
    prune_files: bool,
}

pub(crate) async fn run(args: ExportArgs) -> anyhow::Result<Exit> {
    let Some(instance) = Instance::open(&args.instance).await? else {
        return Ok(Exit::Error);
    };
    let bar = Bar::new();
    bar.say("reading");
    let kinds = qualytics::schema().kinds().iter().map(|spec| spec.kind);
    let kinds = kinds.filter(|kind| !instance.left_out.contains(kind)).collect();
    let options = ExportOptions {
        datastores: args.datastores.clone(),
        kinds,
    };
    let exported = export(&instance.platform, &options).await;
    bar.finish();
    let Exported { files, gaps } = exported.map_err(wire::failed)?;
    for gap in &gaps {
        out::error(gap);
    }
    let mut written = 0;
    for file in &files {
        written += usize::from(write_if_changed(&args.output, file)?);
    }
    // What could not be read, or was not asked for, may well exist: only a whole export tells what is stale.
    let whole = gaps.is_empty() && instance.left_out.is_empty();
    let stale = if whole {
        stale(&args.output, &files)?
    } else {
        Vec::new()
    };
    for path in &stale {
        if args.prune_files {
            std::fs::remove_file(args.output.join(path)).with_context(|| format!("cannot remove {path}"))?;
            out::say(&format!("removed {path}: it corresponds to nothing any more"));
        } else {
            out::say(&format!(
                "stale: {path} corresponds to nothing any more; --prune-files removes it"
            ));
        }
    }
    out::result(&format!(
        "{} files in {}: {written} written, {} unchanged\n",
        files.len(),
        args.output.display(),
        files.len() - written
    ));
    Ok(if gaps.is_empty() { Exit::Done } else { Exit::Error })
}

/// Writes a file unless it holds that text already: an unchanged file keeps its time.
fn write_if_changed(root: &Path, file: &ExportedFile) -> anyhow::Result<bool> {
    let path = root.join(&file.path);
    let shown = || format!("cannot write {}", path.display());
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    if is_file && std::fs::read(&path).is_ok_and(|bytes| bytes == file.text.as_bytes()) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(root);
    within(root, &file.path)?;
    std::fs::create_dir_all(folder).with_context(shown)?;
    // A reader, or a killed process, sees the old text or the new one, never half of it.
    let mut new = tempfile::NamedTempFile::new_in(folder).with_context(shown)?;
    std::io::Write::write_all(&mut new, file.text.as_bytes()).with_context(shown)?;
    std::fs::set_permissions(new.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).with_context(shown)?;
    new.persist(&path).with_context(shown)?;
    Ok(true)
}

/// Refuses folders below `root` that are symbolic links: in a work tree they are somebody else's, and lead anywhere.
fn within(root: &Path, path: &str) -> anyhow::Result<()> {
    let mut folder = root.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        folder.push(part);
        // The last one is the file, which is replaced, never followed.
        if folder == root.join(path) {
            break;
        }
        if folder.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            bail!(
                "{} is a symbolic link, which is not followed: put a folder in its place, or export to another one",
                folder.display()
            );
        }
    }
    Ok(())
}

/// Files of the layout below what was exported that nothing corresponds to: in `connections/`, and in the folders of the
/// datastores that were read.
fn stale(root: &Path, files: &[ExportedFile]) -> anyhow::Result<Vec<String>> {
    let known: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let folders: BTreeSet<String> = files
        .iter()
        .filter_map(|file| {
            let mut parts = file.path.split('/');
            match (parts.next()?, parts.next()?) {
                ("datastores", datastore) => Some(format!("datastores/{datastore}")),
                (first, _) => Some(first.to_owned()),
            }
        })
        .collect();
    let mut found = Vec::new();
    for folder in folders {
        collect(root, &folder, &mut found)?;
    }
    found.retain(|path| !known.contains(path.as_str()));
    found.sort();
    Ok(found)
}

fn collect(root: &Path, folder: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
    let path = root.join(folder);
    for entry in std::fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))? {
        let entry = entry?;
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(root, &name, found)?;
        } else if kind.is_file() && name.ends_with(".yaml") {
            found.push(name);
        }
    }
    Ok(())
}
