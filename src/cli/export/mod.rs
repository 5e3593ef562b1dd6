//! `driftless export`: what an instance holds, as files, in a folder that may be kept by hand.

mod disk;
mod folder;
mod merge;
mod names;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use driftless_core::key::Key;
use driftless_core::load::Declared;
use driftless_core::overlay::is_deletion;
use driftless_core::schema::Schema as _;
use driftless_core::substitute::Variables;

use self::folder::{Folder, Target};
use self::merge::{Outcome, Rewritten, merge};
use super::platforms::{BuiltIn, Export, Open};
use super::progress::Bar;
use super::scope::{Instance, InstanceArgs};
use super::{Exit, out, wire};
use crate::platform::qualytics::files::{ExportOptions, Exported, ExportedFile, export};
use crate::platform::qualytics::{self, Qualytics};

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    instance: InstanceArgs,

    /// The folder to write to; made where it does not exist. What a file of it says already is left as it is written.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,

    /// Only this datastore: its name, or its id when it is all digits. May be given several times.
    #[arg(long = "datastore", value_name = "NAME|ID")]
    datastores: Vec<String>,

    /// Removes files of the layout that correspond to nothing any more; without it they are only named.
    #[arg(long)]
    prune_files: bool,
}

/// What was read, and where it goes.
struct Read<'a> {
    files: &'a [ExportedFile],
    targets: &'a [Target<'a>],
    /// What is live and not among the files.
    others: &'a BTreeSet<Key>,
    /// Whether every connection that datastores use was asked for.
    every_connection: bool,
}

/// What opens an instance whose resources this command can write as files.
fn opener(platform: &BuiltIn) -> anyhow::Result<Open<Qualytics>> {
    match platform.export {
        Export::Files(open) => Ok(open),
        Export::Elsewhere(why) => bail!("{why}; nothing was written"),
    }
}

pub(crate) async fn run(args: ExportArgs) -> anyhow::Result<Exit> {
    // Refused before an instance is asked for that would be of no use.
    if args.instance.config.is_none() {
        opener(args.instance.platform)?;
    }
    let Some(instance) = Instance::open(&args.instance).await? else {
        return Ok(Exit::Error);
    };
    let platform = instance.made(opener(instance.platform)?)?;
    let bar = Bar::new();
    bar.say("reading");
    let kinds = qualytics::schema().kinds().iter().map(|spec| spec.kind);
    let kinds = kinds.filter(|kind| !instance.left_out.contains(kind)).collect();
    let options = ExportOptions {
        datastores: args.datastores.clone(),
        kinds,
    };
    let exported = export(&platform, &options).await;
    bar.finish();
    let Exported {
        mut files,
        gaps,
        notes,
        mut others,
    } = exported.map_err(wire::failed)?;
    for gap in &gaps {
        out::error(gap);
    }
    let root = &args.output;
    std::fs::create_dir_all(root).with_context(|| format!("cannot write {}/", root.display()))?;
    let mut folder = Folder::read(root, instance.variables.as_ref()).await?;
    names::align(&mut folder.declared, &mut files, &mut others);
    let mut targets = folder.places(&files, &BTreeSet::new());
    // What could not be read, or was not asked for, may well exist: only a whole export tells what is stale.
    let stale: Vec<&Declared> = if gaps.is_empty() && instance.left_out.is_empty() {
        folder.stale(&Read {
            files: &files,
            targets: &targets,
            others: &others,
            every_connection: args.datastores.is_empty(),
        })
    } else {
        Vec::new()
    };
    if args.prune_files {
        // What replaces a file that goes may take its name.
        let free = stale.iter().map(|declared| declared.path.to_string()).collect();
        targets = folder.places(&files, &free);
        for declared in &stale {
            disk::remove(root, &declared.path)?;
            out::say(&format!(
                "removed {}: it corresponds to nothing any more",
                declared.path
            ));
        }
    }
    let live: BTreeSet<&Key> = files.iter().map(|file| &file.key).collect();
    let (mut written, mut blocked) = (0, 0);
    for (file, target) in files.iter().zip(&targets) {
        let text = match target {
            Target::New(_) => Some(file.text.clone()),
            Target::Existing(declared) => {
                let uid = folder.chosen_uid(file, declared, &live);
                rewritten(file, declared, uid, &folder.variables)
            }
            Target::Blocked(path) => {
                let key = &file.key;
                out::error(&format!(
                    "{path} cannot be read, and may be `{key}`: it is left as it is, and `{key}` is not written; correct the file \
                     or remove it"
                ));
                blocked += 1;
                None
            }
        };
        if let Some(text) = text
            && !disk::holds(root, target.path(), &text)
        {
            disk::write(root, target.path(), &text)?;
            written += 1;
        }
    }
    for note in &notes {
        out::say(&format!("note: {note}"));
    }
    if !args.prune_files {
        for declared in &stale {
            let path = &declared.path;
            out::say(&format!(
                "stale: {path} corresponds to nothing any more; --prune-files removes it"
            ));
        }
    }
    if gaps.is_empty() && instance.left_out.is_empty() && args.datastores.is_empty() {
        for (path, key) in folder.without_datastore(&files) {
            out::say(&format!(
                "note: {path} and what is beside it stay as they are: no `{key}` is there that the token may see; remove the \
                 folder if it is gone for good"
            ));
        }
    }
    out::result(&format!(
        "{} files in {}: {written} written, {} unchanged\n",
        files.len(),
        root.display(),
        files.len() - written - blocked
    ));
    let clean = gaps.is_empty() && blocked == 0;
    Ok(if clean { Exit::Done } else { Exit::Error })
}

/// The new text of a file that declares the resource; `None` when it stays as it is.
fn rewritten(file: &ExportedFile, declared: &Declared, uid: Option<&str>, variables: &Variables) -> Option<String> {
    let path = &declared.path;
    if merge::map(&declared.parsed).is_some_and(|spec| is_deletion(&spec)) {
        out::say(&format!("{path} says `$delete`: it is left as it is"));
        return None;
    }
    match merge(&file.key, &declared.parsed, &file.text, uid, variables) {
        Outcome::Same => None,
        Outcome::Changed(Rewritten { text, lost }) => {
            if !lost.is_empty() {
                out::say(&format!(
                    "warning: {path} is written anew and loses {}",
                    lost.join(", and ")
                ));
            }
            Some(text)
        }
    }
}
