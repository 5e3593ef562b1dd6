//! A data diff: two tables that are compared, for a CI run or because somebody asked.

use serde_json::{Map, Value, json};

use super::ci_run::{CiRun, Stage};
use super::comparison::{Findings, Span};
use super::diff_request::DiffRequest;
use super::organisation::Organisation;
use super::switches::{Pace, Reached};
use super::wire::Refusal;
use crate::sandbox::table::Id;

/// How far a data diff is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    NeedsConfirmation,
    Processing,
    Done,
    Failed,
    Cancelled,
}

impl Progress {
    /// The wire's `status`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::NeedsConfirmation => "needs_confirmation",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing comes after it.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// Why a data diff is there.
#[derive(Clone, Copy)]
pub(super) enum Cause {
    /// A CI run compares so many tables, this one at its place from 0.
    Run { run: Id, place: usize, of: usize },
    /// Somebody asked for it.
    Asked,
}

pub(super) struct DataDiff {
    pub(super) id: Id,
    pub(super) cause: Cause,
    pub(super) data_sources: [Id; 2],
    pub(super) request: DiffRequest,
    /// The rest of what was asked for.
    pub(super) body: Map<String, Value>,
    pub(super) created: String,
    pub(super) looks: u64,
    pub(super) is_cancelled: bool,
}

impl DataDiff {
    pub(super) fn of_run(
        id: Id,
        run: Id,
        (place, of): (usize, usize),
        data_source: Id,
        request: DiffRequest,
        created: String,
    ) -> Self {
        Self {
            id,
            cause: Cause::Run { run, place, of },
            data_sources: [data_source, data_source],
            request,
            body: Map::new(),
            created,
            looks: 0,
            is_cancelled: false,
        }
    }
}

impl Organisation {
    pub(super) fn data_diff(&self, id: Id) -> Result<&DataDiff, Refusal> {
        self.data_diffs
            .get(id)
            .ok_or_else(|| Refusal::text(404, format!("Data diff {id} not found")))
    }

    pub(super) fn found_by(&self, diff: &DataDiff) -> Findings {
        let mut found = self.findings(&diff.request.prod, &diff.request.pr);
        let [one, other] = diff.data_sources;
        if one != other {
            found.span = Span::AcrossDatabases;
        }
        found
    }

    pub(super) fn run_of_diff(&self, diff: &DataDiff) -> Option<&CiRun> {
        match diff.cause {
            Cause::Run { run, .. } => self.ci_runs.get(run),
            Cause::Asked => None,
        }
    }

    /// How far a data diff is; those of a run follow it.
    pub(super) fn progress(&self, diff: &DataDiff) -> Progress {
        if diff.is_cancelled {
            return Progress::Cancelled;
        }
        let is_done = match diff.cause {
            Cause::Asked => self.switches.diffs.reached(diff.looks) == Reached::End,
            Cause::Run { run, place, of } => match self.ci_runs.get(run).map(|run| (run, &run.stage)) {
                None | Some((_, Stage::Waiting)) => return Progress::Waiting,
                Some((_, Stage::Moving(looks))) => has_turn(self.switches.runs, *looks, place, of),
                Some((run, Stage::Stands(word))) => match word.as_str() {
                    "cancelled" => return Progress::Cancelled,
                    "needs_confirmation" | "needs_authentication" => return Progress::NeedsConfirmation,
                    _ => run.is_final() && self.switches.diffs.reached(diff.looks) == Reached::End,
                },
            },
        };
        match (is_done, self.found_by(diff).failure) {
            (false, _) => Progress::Processing,
            (true, None) => Progress::Done,
            (true, Some(_)) => Progress::Failed,
        }
    }

    /// The full object.
    pub(super) fn render_diff(&self, diff: &DataDiff) -> Value {
        let progress = self.progress(diff);
        let found = self.found_by(diff);
        let request = &diff.request;
        let [source1, source2] = diff.data_sources;
        let run = self.run_of_diff(diff);
        let head = run.map(|run| &run.head);
        let is_done = progress.is_final();
        let result = is_done.then(|| found.result(&request.pk));
        let parts = |table: &str| -> Vec<String> { table.split('.').map(str::to_owned).collect() };
        let mut out = json!({
            "id": diff.id,
            "kind": if found.span == Span::SameDatabase { "in_db" } else { "cross_db" },
            "status": progress.name(),
            "done": is_done,
            "result": result,
            "result_statuses": {},
            "diff_stats": (progress == Progress::Done).then(|| found.stats()),
            "source": if run.is_some() { "ci" } else { "api" },
            "data_source1_id": source1,
            "data_source2_id": source2,
            "table1": parts(&request.prod),
            "table2": parts(&request.pr),
            "pk_columns": request.pk,
            "include_columns": request.include,
            "exclude_columns": request.exclude,
            "ci_run_id": run.map(|run| run.id),
            "ci_pr_num": head.map(|head| head.pr_num),
            "ci_pr_sha": head.map(|head| head.pr_sha.as_str()),
            "ci_pr_branch": head.map(|head| head.pr_branch.as_str()),
            "ci_base_branch": head.map(|head| head.base_branch.as_str()),
            "ci_pr_url": null,
            "ci_sha_url": null,
            "ci_pr_user": null,
            "monitor_id": null,
            "monitor_state": null,
            "tags": [],
            "created_at": diff.created,
            "updated_at": diff.created,
            "finished_at": is_done.then_some(diff.created.as_str()),
            "runtime": null,
            "share_url": null,
            "affected_columns": [],
            "archived": false,
            "purged": false,
        });
        for (key, value) in &diff.body {
            out[key] = value.clone();
        }
        out
    }
}

/// Whether the diff at a place of a run that was looked at so often is done: they are done in turn.
fn has_turn(pace: Pace, looks: u64, place: usize, of: usize) -> bool {
    match pace.reached(looks) {
        Reached::End => true,
        Reached::Part(part, whole) => {
            let done = usize::try_from(part * u64::try_from(of).unwrap_or(0) / whole.max(1)).unwrap_or(0);
            place < done
        }
    }
}
