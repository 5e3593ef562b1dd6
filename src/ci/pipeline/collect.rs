//! What a run found: its data diffs, each with its summary.

use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

use super::Orchestration;
use crate::ci::record::Whose;
use crate::ci::report::Compared;
use crate::ci::waits::End;
use crate::platform::data_diffs::{CiRun, DataDiff, DiffRequest, RunStatus, Summary};

impl Orchestration<'_> {
    /// The data diffs of a run that has ended, in the order of their ids. Those of one that is done are awaited for some time: a
    /// list may lag behind.
    pub(super) async fn collect(&self, run: &CiRun) -> Result<Vec<Compared>, End> {
        let until = Instant::now() + self.waits.options.collects;
        let platform = self.platform();
        let asked = self.record.requests();
        // What somebody else asked for need not be awaited until it is as much as we would have asked for.
        let awaited = match self.record.state.whose {
            Whose::Ours | Whose::Presumed => asked.len(),
            Whose::Others => 0,
        };
        let mut attempt = 1;
        loop {
            let mut diffs = self
                .waits
                .read("list the diffs of the run", || platform.diffs(run.id))
                .await?;
            diffs.sort_by_key(|diff| diff.id);
            let count = diffs.len();
            let found = self.summaries(diffs).await?;
            let is_whole = count >= awaited && !found.iter().any(|(_, summary)| *summary == Summary::Running);
            if is_whole || run.status != RunStatus::Done || Instant::now() >= until {
                return Ok(self.compared(found, asked));
            }
            self.waits.pause_before_look(attempt, until).await?;
            attempt += 1;
        }
    }

    /// What was found, and what was asked for and is not there.
    fn compared(&self, found: Vec<(DataDiff, Summary)>, asked: Vec<DiffRequest>) -> Vec<Compared> {
        let is_of = |request: &DiffRequest, diff: &DataDiff| {
            // Warehouses fold the case of names.
            diff.production.eq_ignore_ascii_case(&request.production)
                && diff.pull_request.eq_ignore_ascii_case(&request.pull_request)
        };
        let lacking = match self.record.state.whose {
            Whose::Others if found.is_empty() => 0,
            // By their number: names come back as a warehouse has them.
            Whose::Ours => asked.len().saturating_sub(found.len()),
            // As many comparisons of other tables are none of these.
            Whose::Presumed | Whose::Others => asked.len(),
        };
        let missing: Vec<Compared> = asked
            .into_iter()
            .filter(|request| !found.iter().any(|(diff, _)| is_of(request, diff)))
            .take(lacking)
            .map(|request| Compared {
                production: request.production,
                pull_request: request.pull_request,
                primary_key: request.primary_key,
                id: None,
                page: None,
                summary: None,
            })
            .collect();
        let shown = found.into_iter().map(|(diff, summary)| Compared {
            page: Some(self.platform().page(diff.id)),
            id: Some(diff.id),
            production: diff.production,
            pull_request: diff.pull_request,
            primary_key: diff.primary_key,
            summary: Some(summary),
        });
        shown.chain(missing).collect()
    }

    async fn summaries(&self, diffs: Vec<DataDiff>) -> Result<Vec<(DataDiff, Summary)>, End> {
        let read = |diff: DataDiff| async move {
            let platform = self.platform();
            let read = || platform.summary(diff.id);
            let answer = self
                .waits
                .tried("read a diff's summary", self.waits.options.tries, read)
                .await?;
            let summary = answer
                .unwrap_or_else(|failure| Summary::Failed(format!("its summary cannot be read: {}", failure.message)));
            Ok((diff, summary))
        };
        let found: Vec<Result<_, End>> = stream::iter(diffs.into_iter().map(read))
            .buffered(self.waits.options.summaries.max(1))
            .collect()
            .await;
        found.into_iter().collect()
    }
}
