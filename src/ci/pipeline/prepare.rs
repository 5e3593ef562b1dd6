//! Before anything is asked of the platform: the gate, and the diffs that are to be handed over.

use super::Orchestration;
use super::rules::Verdict;
use crate::ci::outcome::{CiResult, Reason};
use crate::ci::waits::End;
use crate::forge::{CommitState, FileChange, Forge, PullRequest};
use crate::platform::data_diffs::{DiffRequest, PullRequestNumber};

/// What the preparation decides.
pub(super) enum Prepared {
    /// These are to be compared.
    Diffs(Vec<DiffRequest>),
    /// Nothing is.
    Skipped(Verdict),
}

/// Where the diffs file lies when the configuration does not say (`reference` 3).
const USUAL: [&str; 3] = ["datafold/diffs.json", "datafold/diffs.yaml", "datafold/diffs.yml"];

impl Orchestration<'_> {
    /// Asks the gate where there is a forge to ask, then reads the diffs.
    pub(super) async fn prepare(&self) -> Result<Prepared, End> {
        let requests = match (&self.ports.forge, &self.request.diffs) {
            (None, Some(diffs)) => diffs.clone(),
            (None, None) => {
                let text = "no diffs are given, and there is no forge to read them from: name a diffs file";
                return Err(End::Over(Reason::InvalidDiffs, text.to_owned()));
            }
            (Some(forge), given) => {
                let number = PullRequestNumber(self.record.key.number);
                let repository = &self.config().repository;
                let pull = self
                    .waits
                    .read("read the pull request", || forge.pull_request(repository, number))
                    .await?;
                if pull.sha != self.record.key.sha {
                    return Err(End::Superseded);
                }
                let changed = self
                    .waits
                    .read("list the changed files", || forge.changed_files(repository, number))
                    .await?;
                if let Some((word, sentence)) = self.ports.rules.gate(self.config(), &pull, &changed) {
                    return Ok(Prepared::Skipped(skipped(word, sentence)));
                }
                match given {
                    Some(diffs) => diffs.clone(),
                    None => {
                        let paths: Vec<&str> = changed
                            .iter()
                            .filter(|file| file.change == FileChange::Written)
                            .map(|file| file.path.as_str())
                            .collect();
                        self.diffs_of(forge.as_ref(), &pull, &paths).await?
                    }
                }
            }
        };
        match requests.is_empty() {
            true => Ok(Prepared::Skipped(skipped(
                "nothing_to_diff",
                "Skipped: there is nothing to compare.".to_owned(),
            ))),
            false => Ok(Prepared::Diffs(requests)),
        }
    }

    /// The diffs of the pull request's tree: from its diffs file, or found in what it changes.
    async fn diffs_of(&self, forge: &dyn Forge, pull: &PullRequest, written: &[&str]) -> Result<Vec<DiffRequest>, End> {
        let config = self.config();
        let invalid = |faults: String| End::Over(Reason::InvalidDiffs, faults);
        let named = config.diffs.as_deref();
        let candidates = named.map_or_else(|| USUAL.to_vec(), |path| vec![path]);
        for path in candidates {
            if let Some(file) = self.file(forge, path).await? {
                return self.ports.rules.read(config, pull, path, &file).map_err(invalid);
            }
        }
        if let Some(path) = named {
            return Err(invalid(format!(
                "the diffs file `{path}` is not in the pull request's tree"
            )));
        }
        let mut files = Vec::new();
        for path in written {
            if self.ports.rules.is_searched(config, path)
                && let Some(file) = self.file(forge, path).await?
            {
                files.push(((*path).to_owned(), file));
            }
        }
        self.ports.rules.discover(config, pull, &files).map_err(invalid)
    }

    async fn file(&self, forge: &dyn Forge, path: &str) -> Result<Option<Vec<u8>>, End> {
        let (repository, sha) = (&self.config().repository, &self.record.key.sha);
        self.waits
            .read("read a file of the pull request", || forge.file(repository, sha, path))
            .await
    }
}

fn skipped(word: &'static str, sentence: String) -> Verdict {
    Verdict {
        result: CiResult::Skipped,
        reason: Some(Reason::Skipped(word)),
        state: CommitState::Success,
        description: sentence,
        comment: None,
    }
}
