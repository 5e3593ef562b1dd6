//! Data diffs for pull requests: CI runs, what is handed to them, and what came out.

use std::collections::BTreeSet;

use async_trait::async_trait;
use driftless_core::report::{Failure, Meaning};
use serde_json::{Value as Json, json};

use super::Datafold;
use super::calls::{DIFF_PAGES, GET_SUMMARY, LIST_DIFFS, LIST_RUNS, SUBMIT, TRIGGER};
use super::wire::{int, text};
use crate::platform::TargetId;
use crate::platform::data_diffs::{
    CiConfigId, CiRun, CiRunId, DataDiff, DataDiffId, DataDiffs, DiffRequest, Head, PullRequestNumber, RunStatus,
    RunsOf, Summary,
};
use crate::platform::failures::{broken, failure};
use crate::platform::http::{Paging, Request};

#[async_trait]
impl DataDiffs for Datafold {
    fn target(&self) -> &TargetId {
        &self.target
    }

    fn page(&self, diff: DataDiffId) -> String {
        format!("{}/datadiffs/{}/overview", self.home, diff.0)
    }

    fn settings(&self) -> String {
        self.ci_settings()
    }

    async fn data_source_type(&self, name_or_number: &str) -> Result<Option<String>, Failure> {
        let listed = self.listed_sources().await?;
        let of = |is_it: &dyn Fn(&Json) -> bool| -> BTreeSet<&str> {
            listed
                .iter()
                .filter(|raw| is_it(raw))
                .filter_map(|raw| text(raw, "type"))
                .collect()
        };
        let mut types = of(&|raw| text(raw, "name") == Some(name_or_number));
        if types.is_empty() {
            types = of(&|raw| int(raw, "id").is_some_and(|id| id.to_string() == name_or_number));
        }
        Ok(types
            .first()
            .filter(|_| types.len() == 1)
            .map(|kind| (*kind).to_owned()))
    }

    async fn runs(&self, config: CiConfigId, of: &RunsOf) -> Result<Vec<CiRun>, Failure> {
        let mut request = Request::new(&LIST_RUNS, &[config.0]);
        if let Some(sha) = &of.sha {
            request = request.query("pr_sha", sha);
        }
        if let Some(PullRequestNumber(number)) = of.pull_request {
            request = request.query("pr_num", number);
        }
        let found = self.http.pages(&request, Paging::Bare, |raw| run(&raw)).await?;
        // A filter that a deployment does not know is no filter.
        let is_asked_for = |run: &CiRun| {
            of.sha.as_ref().is_none_or(|sha| *sha == run.sha)
                && of.pull_request.is_none_or(|number| run.pull_request == Some(number))
        };
        let mut runs: Vec<CiRun> = found.into_iter().flatten().filter(is_asked_for).collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        Ok(runs)
    }

    async fn trigger(&self, config: CiConfigId, head: &Head) -> Result<Option<CiRunId>, Failure> {
        let body = json!({
            "pr_number": head.pull_request.0,
            "pr_branch": head.branch,
            "base_branch": head.base_branch,
            "pr_sha": head.sha,
            "base_sha": head.base_sha,
        });
        self.job(Request::new(&TRIGGER, &[config.0]).body(body, Vec::new()))
            .await
    }

    async fn submit(
        &self,
        config: CiConfigId,
        pull_request: PullRequestNumber,
        diffs: &[DiffRequest],
    ) -> Result<Option<CiRunId>, Failure> {
        let Ok(number) = i64::try_from(pull_request.0) else {
            let message = format!("{} is no number of a pull request", pull_request.0);
            return Err(failure(Meaning::Invalid, message));
        };
        let body = diffs.iter().map(asked_for).collect();
        self.job(Request::new(&SUBMIT, &[config.0, number]).body(body, Vec::new()))
            .await
    }

    async fn diffs(&self, run: CiRunId) -> Result<Vec<DataDiff>, Failure> {
        let request = Request::new(&LIST_DIFFS, &[])
            .query("ci_run_id", run.0)
            .query("order_by", "id")
            .query("sort_order", "desc");
        // The filter is said in prose only: what comes is held against it.
        let of_run = |raw: Json| (int(&raw, "ci_run_id") == Some(run.0)).then(|| diff(&raw)).flatten();
        let found = self.http.pages(&request, DIFF_PAGES, of_run).await?;
        let mut found: Vec<DataDiff> = found.into_iter().flatten().collect();
        found.sort_by_key(|diff| diff.id);
        Ok(found)
    }

    async fn summary(&self, diff: DataDiffId) -> Result<Summary, Failure> {
        let request = Request::new(&GET_SUMMARY, &[diff.0]);
        let answer = self.http.fetch(&request).await?;
        let summary = super::summary::read(&answer).ok_or_else(|| broken(&request, "the answer has no status"))?;
        Ok(match summary {
            Summary::Failed(why) => Summary::Failed(self.http.cleared(&why, &[])),
            other => other,
        })
    }
}

impl Datafold {
    /// Asks for a run, whose number is given under one of two names.
    async fn job(&self, request: Request) -> Result<Option<CiRunId>, Failure> {
        let answer = self.http.fetch(&request).await?;
        if !answer.is_object() {
            return Err(broken(&request, "the answer is no object"));
        }
        let id = int(&answer, "ci_run_id").or_else(|| int(&answer, "run_id"));
        Ok(id.map(CiRunId))
    }
}

/// A run of the list.
fn run(raw: &Json) -> Option<CiRun> {
    Some(CiRun {
        id: CiRunId(int(raw, "id")?),
        pull_request: int(raw, "pr_num")
            .and_then(|number| u64::try_from(number).ok())
            .map(PullRequestNumber),
        sha: text(raw, "pr_sha").unwrap_or_default().to_owned(),
        status: RunStatus::of(text(raw, "status").unwrap_or_default()),
    })
}

/// A diff as it is handed in. Clients of the platform want `pk` to be there, and no column list to be null.
fn asked_for(diff: &DiffRequest) -> Json {
    let mut body = json!({
        "prod": diff.production,
        "pr": diff.pull_request,
        "pk": (!diff.primary_key.is_empty()).then_some(&diff.primary_key),
    });
    for (name, columns) in [
        ("include_columns", &diff.include_columns),
        ("exclude_columns", &diff.exclude_columns),
    ] {
        if let Some(body) = body.as_object_mut().filter(|_| !columns.is_empty()) {
            body.insert(name.to_owned(), json!(columns));
        }
    }
    body
}

/// A data diff of the list.
fn diff(raw: &Json) -> Option<DataDiff> {
    Some(DataDiff {
        id: DataDiffId(int(raw, "id")?),
        status: RunStatus::of(text(raw, "status").unwrap_or_default()),
        production: table(raw.get("table1")),
        pull_request: table(raw.get("table2")),
        primary_key: names(raw.get("pk_columns")),
    })
}

/// A table, dotted: its names come as a list, or as one text.
fn table(raw: Option<&Json>) -> String {
    match raw {
        Some(Json::String(name)) => name.clone(),
        parts => names(parts).join("."),
    }
}

fn names(raw: Option<&Json>) -> Vec<String> {
    let items = raw.and_then(Json::as_array).into_iter().flatten();
    items.filter_map(Json::as_str).map(str::to_owned).collect()
}
