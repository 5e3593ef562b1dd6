//! Before anything is asked of the platform: the gate, and the diffs that are to be handed over.

use std::collections::BTreeMap;

use driftless_core::diagnostic::Severity;

use super::Orchestration;
use crate::ci::config::Discovery;
use crate::ci::data_source::data_source_type;
use crate::ci::diffs::{self, Asked, Circumstances, USUAL_PATHS};
use crate::ci::discovery;
use crate::ci::gate::{self, CONFIRMED, Decision, Skip};
use crate::ci::outcome::Reason;
use crate::ci::placeholders::Placeholders;
use crate::ci::report::counted;
use crate::ci::waits::End;
use crate::forge::{ChangedFile, FileContent, Forge, PullRequest};
use crate::platform::data_diffs::{DiffRequest, PullRequestNumber};

/// The most bytes of all files that the diffs of one pull request are found in: what a stranger changes must not take the memory of the
/// process.
const MAX_TEXTS: usize = 64 << 20;

/// What the preparation decides.
pub(super) enum Prepared {
    /// These are to be compared.
    Diffs(Vec<DiffRequest>),
    /// Nothing is.
    Skipped(Skip),
    /// More than start without a person's confirmation; the sentence for it.
    Held(String),
}

/// Whether a person has let more diffs start than the configuration's threshold.
enum Confirmation {
    Given,
    /// Not yet; how it is given.
    Open(String),
}

impl Orchestration<'_> {
    /// Asks the gate where there is a forge to ask, then reads the diffs.
    pub(super) async fn prepare(&mut self) -> Result<Prepared, End> {
        let given = self.request.diffs.clone();
        let (requests, confirmation) = match (self.ports.forge.clone(), given) {
            (None, Some(asked)) => (self.accept(asked)?, Confirmation::Open("pass --confirmed".to_owned())),
            (None, None) => {
                let text = "no diffs are given, and there is no forge to read them from: name a diffs file";
                return Err(End::Over(Reason::InvalidDiffs, text.to_owned()));
            }
            (Some(forge), given) => {
                let number = PullRequestNumber(self.record.key.number);
                let repository = &self.config().repository;
                let read = || forge.pull_request(repository, number);
                let pull = self.waits.read("read the pull request", read).await?;
                if pull.sha != self.record.key.sha {
                    return Err(End::Superseded);
                }
                if let Some(skip) = gate::before_files(self.config(), &pull) {
                    return Ok(Prepared::Skipped(skip));
                }
                let list = || forge.changed_files(repository, number);
                let changed = self.waits.read("list the changed files", list).await?;
                let confirmation = match pull.labels.iter().any(|label| label == CONFIRMED) {
                    true => Confirmation::Given,
                    false => Confirmation::Open(format!("add the label `{CONFIRMED}`")),
                };
                let diffs = match (gate::decide(self.config(), &pull, &changed), given) {
                    (Decision::Skip(skip), _) => return Ok(Prepared::Skipped(skip)),
                    (Decision::Run, Some(asked)) => self.accept(asked)?,
                    (Decision::Run, None) => self.diffs_of(forge.as_ref(), &pull, &changed).await?,
                };
                (diffs, confirmation)
            }
        };
        if let (Some(threshold), Confirmation::Open(by)) = (self.config().diff_threshold, confirmation)
            && requests.len() > threshold
        {
            return Ok(Prepared::Held(format!(
                "{} exceed{} the threshold of {threshold}: nothing was started; {by}, or raise `diff_threshold`",
                counted(requests.len(), "diff"),
                if requests.len() == 1 { "s" } else { "" },
            )));
        }
        Ok(match requests.is_empty() {
            true => Prepared::Skipped(Skip::NothingToDiff),
            false => Prepared::Diffs(requests),
        })
    }

    /// The diffs of the pull request's tree: from its diffs file, or found in what it changes.
    async fn diffs_of(
        &mut self,
        forge: &dyn Forge,
        pull: &PullRequest,
        changed: &[ChangedFile],
    ) -> Result<Vec<DiffRequest>, End> {
        let config = self.config();
        let placeholders = Placeholders::of(config, pull).map_err(|faults| {
            let faults: Vec<String> = faults
                .into_iter()
                .map(|fault| format!("{}; {}", fault.message, fault.help))
                .collect();
            let text = format!(
                "the `schema` of the CI configuration cannot be filled in: {}",
                faults.join("; ")
            );
            End::Over(Reason::InvalidDiffs, text)
        })?;
        let circumstances = Circumstances {
            placeholders: &placeholders,
            columns_to_ignore: &config.columns_to_ignore,
            data_source_type: None,
        };
        let named = config.diffs.as_deref();
        for path in named.map_or_else(|| USUAL_PATHS.to_vec(), |path| vec![path]) {
            match self.file(forge, path, diffs::MAX_BYTES).await? {
                Some(FileContent::Whole(file)) => {
                    let kind = data_source_type(self.platform(), config).await;
                    return self.accept(diffs::read(path, &file, &circumstances.of(kind.as_deref())));
                }
                Some(FileContent::Larger) => return self.accept(diffs::larger(path)),
                None => {}
            }
        }
        if let Some(path) = named {
            let text = format!("the diffs file `{path}` is not in the pull request's tree");
            return Err(End::Over(Reason::InvalidDiffs, text));
        }
        let Some(discovery) = &config.discovery else {
            return Ok(Vec::new());
        };
        let texts = self.texts(forge, discovery, changed).await?;
        let kind = match texts.is_empty() {
            true => None,
            false => data_source_type(self.platform(), config).await,
        };
        let circumstances = circumstances.of(kind.as_deref());
        self.accept(discovery::discover(discovery, changed, &texts, &circumstances))
    }

    /// The files that diffs are found in; one that is not there is told by the discovery.
    async fn texts(
        &self,
        forge: &dyn Forge,
        discovery: &Discovery,
        changed: &[ChangedFile],
    ) -> Result<BTreeMap<String, FileContent>, End> {
        let (mut texts, mut read) = (BTreeMap::new(), 0_usize);
        // A glob that is none is told by the discovery too.
        for path in discovery::files_to_read(discovery, changed).unwrap_or_default() {
            let Some(content) = self.file(forge, &path, discovery::MAX_BYTES).await? else {
                continue;
            };
            if let FileContent::Whole(bytes) = &content {
                read += bytes.len();
            }
            if read > MAX_TEXTS {
                let text = format!(
                    "the changed SQL files have more than {} MiB together: split the pull request, or let `discovery.files` match fewer",
                    MAX_TEXTS >> 20
                );
                return Err(End::Over(Reason::InvalidDiffs, text));
            }
            texts.insert(path, content);
        }
        Ok(texts)
    }

    async fn file(&self, forge: &dyn Forge, path: &str, most: usize) -> Result<Option<FileContent>, End> {
        let (repository, sha) = (&self.config().repository, &self.record.key.sha);
        let read = || forge.file(repository, sha, path, most);
        self.waits.read("read a file of the pull request", read).await
    }

    /// Keeps what there is to say; without an error the diffs stand.
    fn accept(&mut self, asked: Asked) -> Result<Vec<DiffRequest>, End> {
        let is_broken = asked.is_broken();
        self.remarks = asked.diagnostics;
        if !is_broken {
            return Ok(asked.diffs);
        }
        let mut errors = self.remarks.iter().filter(|said| said.severity == Severity::Error);
        let first = errors.next().map(|fault| match &fault.place {
            Some(place) => format!("{place}: {}", fault.message),
            None => fault.message.clone(),
        });
        let text = match errors.count() {
            0 => first.unwrap_or_default(),
            more => format!("{} (and {more} more)", first.unwrap_or_default()),
        };
        Err(End::Over(Reason::InvalidDiffs, text))
    }
}
