//! The repository of the working directory: what the head commit changes, where a CI system has checked it out.

use std::path::Path;

use driftless_core::render::plain_line;
use git2::{Delta, DiffFindOptions, ErrorCode, Oid, Repository};

use crate::cli::out;
use crate::forge::{ChangedFile, FileChange};

/// The head commit in a repository.
pub(super) struct WorkTree {
    repository: Repository,
    head: Oid,
    /// Its message.
    pub(super) message: String,
    /// What it changes since it left the base.
    pub(super) changed: Vec<ChangedFile>,
}

impl WorkTree {
    /// The repository that the working directory is in. `None`: it is in none, or the two commits and what they have in common are not
    /// in it, as in a shallow clone; or it cannot be opened, which is said.
    pub(super) fn open(head: &str, base: &str) -> Option<Self> {
        let repository = match Repository::discover(".") {
            Ok(repository) => repository,
            Err(error) => {
                if error.code() != ErrorCode::NotFound {
                    unopened(&error);
                }
                return None;
            }
        };
        let head = Oid::from_str(head).ok()?;
        let base = Oid::from_str(base).ok()?;
        let message = {
            let commit = repository.find_commit(head).ok()?;
            String::from_utf8_lossy(commit.message_bytes()).into_owned()
        };
        let changed = changed(&repository, head, base).ok()?;
        Some(Self {
            repository,
            head,
            message,
            changed,
        })
    }

    /// A file at the head commit, whatever the working directory has. `None` where there is no such file.
    pub(super) fn file(&self, path: &str) -> Option<Vec<u8>> {
        let tree = self.repository.find_commit(self.head).ok()?.tree().ok()?;
        let entry = tree.get_path(Path::new(path)).ok()?;
        let blob = self.repository.find_blob(entry.id()).ok()?;
        Some(blob.content().to_owned())
    }
}

/// Says that the gate is not asked what the commits tell: a run that was not wanted is then nobody's surprise.
fn unopened(error: &git2::Error) {
    // In containers the checkout often belongs to another user than the process.
    let help = match error.code() {
        ErrorCode::Owner => "; trust it with `git config --global --add safe.directory PATH`",
        _ => "",
    };
    out::say(&format!(
        "warning: the repository of the working directory cannot be opened, so neither `datafold-skip-ci` nor the changed files \
         count: {}{help}",
        plain_line(error.message())
    ));
}

/// What lies between the merge base and the head, as forges show it.
fn changed(repository: &Repository, head: Oid, base: Oid) -> Result<Vec<ChangedFile>, git2::Error> {
    let from = repository.merge_base(base, head)?;
    let tree = |id: Oid| repository.find_commit(id)?.tree();
    let (from, to) = (tree(from)?, tree(head)?);
    let mut diff = repository.diff_tree_to_tree(Some(&from), Some(&to), None)?;
    diff.find_similar(Some(DiffFindOptions::new().renames(true)))?;
    let path = |file: git2::DiffFile<'_>| {
        let bytes = file.path_bytes().unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let files = diff.deltas().map(|delta| match delta.status() {
        Delta::Deleted => ChangedFile {
            path: path(delta.old_file()),
            previous: None,
            change: FileChange::Deleted,
        },
        status => ChangedFile {
            path: path(delta.new_file()),
            previous: (status == Delta::Renamed).then(|| path(delta.old_file())),
            change: FileChange::Written,
        },
    });
    Ok(files.collect())
}
