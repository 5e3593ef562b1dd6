//! What is to be compared, as far as that is known without the forge; and what of the gate can be told without it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use driftless_core::diagnostic::{Diagnostic, Severity};

use super::RunArgs;
use super::bench::Bench;
use super::work_tree::WorkTree;
use crate::ci::config::{CiConfig, Label};
use crate::ci::data_source::data_source_type;
use crate::ci::diffs::{self, Circumstances, USUAL_PATHS};
use crate::ci::discovery;
use crate::ci::gate::{self, Decision, Skip};
use crate::ci::placeholders::Placeholders;
use crate::forge::{FileContent, PullRequest, PullRequestState, Readiness};
use crate::platform::data_diffs::{DiffRequest, PullRequestNumber};

/// What is to be compared.
pub(super) enum Asked {
    /// What the forge shows of the pull request's tree.
    OfTheTree,
    /// These; with what there is to say of them.
    Diffs {
        diffs: Vec<DiffRequest>,
        remarks: Vec<Diagnostic>,
    },
    /// Nothing.
    Skipped(Skip),
    /// It cannot be told for what is wrong.
    Faulty { message: String, remarks: Vec<Diagnostic> },
}

impl Asked {
    /// What there is to say of the files that were read.
    pub(super) fn remarks(&self) -> &[Diagnostic] {
        match self {
            Asked::Diffs { remarks, .. } | Asked::Faulty { remarks, .. } => remarks,
            Asked::OfTheTree | Asked::Skipped(_) => &[],
        }
    }

    fn of(asked: diffs::Asked) -> Self {
        let errors = asked.diagnostics.iter().filter(|said| said.severity == Severity::Error);
        match errors.count() {
            0 => Asked::Diffs {
                diffs: asked.diffs,
                remarks: asked.diagnostics,
            },
            count => Asked::Faulty {
                message: match count {
                    1 => "what is to be compared has a fault".to_owned(),
                    count => format!("what is to be compared has {count} faults"),
                },
                remarks: asked.diagnostics,
            },
        }
    }
}

/// Reads what is to be compared. Nothing is written.
pub(super) async fn asked(args: &RunArgs, bench: &Bench) -> anyhow::Result<Asked> {
    let config = &bench.config;
    if bench.forge.is_some() && args.diffs.is_none() {
        return Ok(Asked::OfTheTree);
    }
    let mut pull = pull_request(args);
    let tree = match bench.forge {
        // The gate is the forge's to ask.
        Some(_) => None,
        None => {
            let tree = WorkTree::open(&args.pr_sha, &args.base_sha);
            if let Some(tree) = &tree {
                pull.message.clone_from(&tree.message);
            }
            if let Some(skip) = skipped(config, &pull, tree.as_ref()) {
                return Ok(Asked::Skipped(skip));
            }
            tree
        }
    };
    let placeholders = match Placeholders::of(config, &pull) {
        Ok(placeholders) => placeholders,
        Err(faults) => {
            let remarks = faults.into_iter().map(|fault| {
                let message = format!("the CI configuration's `schema`: {}", fault.message);
                Diagnostic::error("unknown_placeholder", message).help(fault.help)
            });
            return Ok(Asked::Faulty {
                message: "the `schema` of the CI configuration cannot be filled in".to_owned(),
                remarks: remarks.collect(),
            });
        }
    };
    let circumstances = Circumstances {
        placeholders: &placeholders,
        columns_to_ignore: &config.columns_to_ignore,
        data_source_type: None,
    };
    if let Some((path, bytes)) = file(args, config)? {
        let kind = data_source_type(bench.platform.as_ref(), config).await;
        return Ok(Asked::of(diffs::read(
            &path,
            &bytes,
            &circumstances.of(kind.as_deref()),
        )));
    }
    let Some(discovery) = &config.discovery else {
        anyhow::bail!(
            "nothing says what is compared: pass --diffs FILE, or write {} in the working directory, or --config FILE with a forge \
             or a CI configuration that has `discovery`",
            USUAL_PATHS[0]
        );
    };
    let tree = tree.with_context(|| {
        format!(
            "the changed SQL files cannot be told: the working directory is in no Git repository that has {} and {}; fetch them \
             with their history, or pass --diffs FILE",
            args.base_sha, args.pr_sha
        )
    })?;
    let mut texts = BTreeMap::new();
    // A glob that is none is told by the discovery too.
    for path in discovery::files_to_read(discovery, &tree.changed).unwrap_or_default() {
        if let Some(bytes) = tree.file(&path) {
            texts.insert(path, FileContent::Whole(bytes));
        }
    }
    let kind = match texts.is_empty() {
        true => None,
        false => data_source_type(bench.platform.as_ref(), config).await,
    };
    let circumstances = circumstances.of(kind.as_deref());
    Ok(Asked::of(discovery::discover(
        discovery,
        &tree.changed,
        &texts,
        &circumstances,
    )))
}

/// The pull request, as far as the flags tell.
fn pull_request(args: &RunArgs) -> PullRequest {
    PullRequest {
        number: PullRequestNumber(args.pr_num),
        state: PullRequestState::Open,
        readiness: Readiness::Ready,
        branch: args.pr_branch.clone(),
        sha: args.pr_sha.clone(),
        message: String::new(),
        base_branch: args.base_branch.clone(),
        base_sha: args.base_sha.clone(),
        labels: Vec::new(),
    }
}

/// The gate without a forge: the base branch, and what the repository tells where there is one. Labels are the forge's; whoever starts
/// a run by hand has asked for it, as with the vendor's own trigger (`reference` 0).
fn skipped(config: &CiConfig, pull: &PullRequest, tree: Option<&WorkTree>) -> Option<Skip> {
    let config = CiConfig {
        label: Label::Optional,
        ..config.clone()
    };
    let changed = tree.map_or(&[][..], |tree| &tree.changed);
    match gate::decide(&config, pull, changed) {
        // Without a repository there is nothing to tell.
        Decision::Skip(Skip::NoChanges) if tree.is_none() => None,
        Decision::Skip(skip) => Some(skip),
        Decision::Run => None,
    }
}

/// The diffs file: its name and its content.
fn file(args: &RunArgs, config: &CiConfig) -> anyhow::Result<Option<(String, Vec<u8>)>> {
    if let Some(path) = &args.diffs {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .context("cannot read standard input")?;
            // The official client takes JSON; a list in YAML begins otherwise.
            let is_json = bytes
                .trim_ascii_start()
                .first()
                .is_none_or(|first| b"[{".contains(first));
            let name = if is_json { "stdin.json" } else { "stdin.yaml" };
            return Ok(Some((name.to_owned(), bytes)));
        }
        let bytes = std::fs::read(path).with_context(|| format!("cannot read the diffs file {}", path.display()))?;
        return Ok(Some((path.display().to_string(), bytes)));
    }
    let paths = match &config.diffs {
        Some(path) => vec![path.as_str()],
        None => USUAL_PATHS.to_vec(),
    };
    for path in paths {
        match std::fs::read(path) {
            Ok(bytes) => return Ok(Some((path.to_owned(), bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && config.diffs.is_none() => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read the diffs file {path}")),
        }
    }
    Ok(None)
}
