//! A Datafold that is late with everything that it may be late with.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driftless::platform::TargetId;
use driftless::platform::data_diffs::{
    CiConfigId, CiRun, CiRunId, DataDiff, DataDiffId, DataDiffs, DiffRequest, Head, PullRequestNumber, RunStatus,
    RunsOf, Summary,
};
use driftless_core::report::Failure;

/// Hides each run from the first look that would show it, and its comparisons from the first list of them; shows a run that was handed
/// its diffs as one that waits, once; and says of the first diffs that no run waits for them.
pub(crate) struct Late {
    platform: Arc<dyn DataDiffs>,
    done: Mutex<BTreeSet<(What, CiRunId)>>,
    offered: Mutex<usize>,
}

/// What it was late with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Run,
    Status,
    Comparisons,
}

impl Late {
    pub(crate) fn new(platform: Arc<dyn DataDiffs>) -> Arc<Self> {
        Arc::new(Self {
            platform,
            done: Mutex::default(),
            offered: Mutex::default(),
        })
    }

    /// Whether it is late with that, as it is once.
    fn is_late(&self, what: What, run: CiRunId) -> bool {
        self.done.lock().unwrap().insert((what, run))
    }
}

#[async_trait]
impl DataDiffs for Late {
    fn target(&self) -> &TargetId {
        self.platform.target()
    }

    fn page(&self, diff: DataDiffId) -> String {
        self.platform.page(diff)
    }

    fn settings(&self) -> String {
        self.platform.settings()
    }

    async fn data_source_type(&self, name_or_number: &str) -> Result<Option<String>, Failure> {
        self.platform.data_source_type(name_or_number).await
    }

    async fn runs(&self, config: CiConfigId, of: &RunsOf) -> Result<Vec<CiRun>, Failure> {
        let mut runs = self.platform.runs(config, of).await?;
        runs.retain(|run| !self.is_late(What::Run, run.id));
        for run in &mut runs {
            if run.status != RunStatus::Waiting && self.is_late(What::Status, run.id) {
                run.status = RunStatus::Waiting;
            }
        }
        Ok(runs)
    }

    async fn trigger(&self, config: CiConfigId, head: &Head) -> Result<Option<CiRunId>, Failure> {
        self.platform.trigger(config, head).await
    }

    async fn submit(
        &self,
        config: CiConfigId,
        number: PullRequestNumber,
        diffs: &[DiffRequest],
    ) -> Result<Option<CiRunId>, Failure> {
        let offers = {
            let mut offered = self.offered.lock().unwrap();
            *offered += 1;
            *offered
        };
        match offers {
            1 => Ok(None),
            _ => self.platform.submit(config, number, diffs).await,
        }
    }

    async fn diffs(&self, run: CiRunId) -> Result<Vec<DataDiff>, Failure> {
        let diffs = self.platform.diffs(run).await?;
        Ok(match !diffs.is_empty() && self.is_late(What::Comparisons, run) {
            true => Vec::new(),
            false => diffs,
        })
    }

    async fn summary(&self, diff: DataDiffId) -> Result<Summary, Failure> {
        self.platform.summary(diff).await
    }
}
