//! Somebody pushes in the middle.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use driftless::ci::config::Consequence;
use driftless::platform::TargetId;
use driftless::platform::data_diffs::{
    CiConfigId, CiRun, CiRunId, DataDiff, DataDiffId, DataDiffs, DiffRequest, Head, PullRequestNumber, RunsOf, Summary,
};
use driftless::sandbox::datafold::{OlderRuns, RunIds};
use driftless_core::report::Failure;

use crate::rig::{Given, Provider, Start, World, memory};

/// How soon the driver learns of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The delivery comes at once.
    AtOnce,
    /// It comes when the older commit's orchestration has ended: that sees for itself.
    Later,
}

/// A push after that many answers of Datafold.
async fn pushed_after(answers: usize, start: Start, older_runs: OlderRuns, told: Told) {
    let what = format!("after answer {answers}, {start:?}, {older_runs:?}, {told:?}");
    let mut given = Given::new(Provider::ALL[answers % 2], start);
    given.switches.older_runs = older_runs;
    given.differing = vec!["ORDERS"];
    let mut world = World::start(given).await;
    world.options.head = Duration::ZERO;
    let daemon = world.driver(memory().await);
    world.asked.datafold.hold_after(answers);
    daemon.moved().await;
    tokio::select! {
        () = world.asked.datafold.holds() => {}
        // It asked less often than the way that was counted: then it is a push after the end.
        _ = daemon.end_of(&world.sha) => world.asked.datafold.hold_after(usize::MAX),
    }
    let next = world.push("Orders by week").await;
    world.asked.datafold.let_go();
    if told == Told::Later {
        daemon.end_of(&world.sha).await;
    }
    daemon.moved().await;
    let run = daemon.end_of(&next).await;
    let older = daemon.end_of(&world.sha).await;
    assert_eq!(world.strays().await, [""; 0], "{what}");
    assert_eq!(world.runs_of(&next).await, (1, 2), "{what}");
    let (runs, diffs) = world.runs_of(&world.sha).await;
    assert!(runs <= 1 && diffs <= 2, "{what}: {runs} runs with {diffs} diffs");
    // What is said of the new head is of its own run.
    let number = run.run.unwrap().to_string();
    let failure = world.given.provider.word("failure");
    let said = world.statuses(&next).await;
    assert_eq!(said.last().unwrap().0, failure, "{what}: {said:?} {older:?}");
    for (_, description) in &said {
        let own = description.contains(&format!("run {number}"));
        assert!(own || !description.contains("run 9"), "{what}: {said:?}");
    }
    let own: BTreeSet<String> = world
        .runs()
        .await
        .iter()
        .filter(|run| run["pr_sha"] == next)
        .map(|run| run["id"].to_string())
        .collect();
    assert_eq!(own, BTreeSet::from([number]), "{what}");
    // And the older commit never hears that it is good.
    let said = world.statuses(&world.sha).await;
    assert!(said.iter().all(|(state, _)| state != "success"), "{what}: {said:?}");
    assert_eq!(world.comments().await.len(), 1, "{what}");
}

#[tokio::test]
async fn a_newer_push_at_any_moment_leaves_each_commit_its_own_run_its_own_diffs_and_its_own_status() {
    for start in Start::ALL {
        let quiet = World::start(Given::new(Provider::GitHub, start)).await;
        let _ = quiet.see_through().await;
        let answers = quiet.asked.datafold.asked().len();
        assert!(answers > 8, "{answers}");
        for answer in 1..=answers {
            for older_runs in [OlderRuns::Kept, OlderRuns::Cancelled] {
                for told in [Told::AtOnce, Told::Later] {
                    pushed_after(answer, start, older_runs, told).await;
                }
            }
        }
    }
}

/// The platform as it is, but that somebody pushes while the first diffs are on their way to it.
struct Window {
    world: Arc<World>,
    platform: Arc<dyn DataDiffs>,
    next: OnceLock<String>,
}

#[async_trait]
impl DataDiffs for Window {
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
        self.platform.runs(config, of).await
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
        if self.next.get().is_none() {
            let next = self.world.push("Orders by week").await;
            self.next.set(next).unwrap();
        }
        self.platform.submit(config, number, diffs).await
    }

    async fn diffs(&self, run: CiRunId) -> Result<Vec<DataDiff>, Failure> {
        self.platform.diffs(run).await
    }

    async fn summary(&self, diff: DataDiffId) -> Result<Summary, Failure> {
        self.platform.summary(diff).await
    }
}

#[tokio::test]
async fn a_push_between_the_last_look_and_the_request_makes_neither_commit_good() {
    for (provider, older_runs, run_ids) in [
        (Provider::GitHub, OlderRuns::Kept, RunIds::CiRunId),
        (Provider::GitLab, OlderRuns::Cancelled, RunIds::CiRunId),
        (Provider::GitHub, OlderRuns::Kept, RunIds::RunId),
        (Provider::GitLab, OlderRuns::Cancelled, RunIds::RunId),
    ] {
        let what = format!("{provider:?}, {older_runs:?}, {run_ids:?}");
        let mut given = Given::new(provider, Start::Webhook);
        given.switches.older_runs = older_runs;
        given.switches.run_ids = run_ids;
        let mut world = World::start(given).await;
        // Nothing but tables that were not compared makes a commit bad.
        world.config.differences = Consequence::Passes;
        let world = Arc::new(world);
        let window = Arc::new(Window {
            platform: world.platform(),
            world: world.clone(),
            next: OnceLock::new(),
        });
        let daemon = world.driver_over(window.clone(), memory().await);
        daemon.moved().await;
        let old = daemon.end_of(&world.sha).await;
        assert_eq!(old.outcome.as_deref(), Some("superseded"), "{what}: {old:?}");
        let said = world.statuses(&world.sha).await;
        assert!(said.iter().all(|(state, _)| state != "success"), "{what}: {said:?}");

        // The API names no commit, so that the new commit's run has the old one's diffs; they are seen for what they are.
        let next = window.next.get().unwrap();
        assert_eq!(world.runs_of(next).await, (1, 2), "{what}");
        assert_eq!(world.strays().await.len(), 2, "{what}");
        daemon.moved().await;
        let new = daemon.end_of(next).await;
        assert_eq!(new.outcome.as_deref(), Some("failed"), "{what}: {new:?}");
        let (state, description) = world.status(next).await;
        assert_eq!(state, provider.word("failure"), "{what}: {description}");
        assert!(description.contains("2 could not be compared"), "{what}: {description}");
        assert_eq!(
            world.runs_of(next).await,
            (1, 2),
            "{what}: nothing is handed over once more"
        );
        let comments = world.comments().await;
        let body = comments[0]["body"].as_str().unwrap();
        assert!(
            comments.len() == 1 && body.contains("did not hand run") && body.contains("shows nothing of it"),
            "{what}: {body}"
        );
    }
}
