//! The orchestration over ports in memory: every path to its end, and what it says of it.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod ends;
mod faults;
pub(in crate::ci) mod world;

use std::time::Duration;

use self::world::{Habits, NUMBER, SHA, World};
use super::*;
use crate::ci::config::{Consequence, Label};
use crate::engine::backoff::Backoff;
use crate::forge::{ChangedFile, PullRequest, Repository};
use crate::platform::data_diffs::CiConfigId;

pub(in crate::ci) fn options() -> Options {
    let of = Duration::from_millis;
    let waits = Backoff {
        first: of(5),
        longest: of(20),
    };
    Options {
        poll: waits,
        retry: waits,
        tries: 5,
        appears: of(50),
        settles: of(60),
        starts: of(200),
        submits: of(200),
        limit: of(2_000),
        collects: of(100),
        head: of(30),
        summaries: 2,
    }
}

pub(in crate::ci) fn config() -> CiConfig {
    CiConfig {
        name: "shop".into(),
        id: CiConfigId(286),
        repository: Repository("acme/shop".into()),
        data_connection: "warehouse".into(),
        files_to_ignore: vec!["*.md".into()],
        errors: Consequence::Fails,
        differences: Consequence::Fails,
        key_issues: Consequence::Fails,
        label: Label::Optional,
        base_branch: None,
        diff_threshold: Some(1),
        diffs: None,
        schema: None,
        discovery: None,
        columns_to_ignore: Vec::new(),
    }
}

pub(in crate::ci) fn ports(world: &Arc<World>) -> Ports {
    Ports {
        platform: world.clone(),
        forge: Some(world.clone()),
        store: world.clone(),
        clock: world.clone(),
        metrics: Metrics::new().unwrap(),
        recent: Recent::default(),
        options: options(),
        rules: Arc::new(rules::TestRules),
    }
}

pub(in crate::ci) fn request() -> Request {
    Request {
        target: "datafold".into(),
        config: config(),
        head: Head {
            pull_request: NUMBER,
            branch: "feature".into(),
            sha: SHA.into(),
            base_branch: "main".into(),
            base_sha: "0".repeat(40),
        },
        diffs: None,
    }
}

/// Runs the orchestration to its end, each time anew when the process is killed; says how often it began.
pub(in crate::ci) async fn to_its_end(world: &Arc<World>, request: &Request) -> (CiOutcome, usize) {
    let ports = ports(world);
    let stop = CancellationToken::new();
    for life in 1..100 {
        tokio::select! {
            outcome = run_once(&ports, request, &stop) => return (outcome.unwrap().unwrap(), life),
            () = world.killed.notified() => {}
        }
    }
    panic!("it does not end: {:?}", world.state().asked);
}

pub(in crate::ci) async fn ended(world: &Arc<World>) -> CiOutcome {
    to_its_end(world, &request()).await.0
}

/// Holds in every end: one run a head at most, and diffs to a run of our commit alone, and only once.
#[track_caller]
pub(in crate::ci) fn assert_exactly_once(world: &World, what: &str) {
    let state = world.state();
    for run in &state.runs {
        let same = state.runs.iter().filter(|other| other.sha == run.sha).count();
        assert!(same == 1, "{what}: {same} runs of {}: {:?}", run.sha, state.asked);
    }
    assert!(state.submitted.len() <= 1, "{what}: {:?}", state.asked);
    for (id, _) in &state.submitted {
        let run = state.runs.iter().find(|run| run.id == *id).unwrap();
        assert_eq!(run.sha, SHA, "{what}: {:?}", state.asked);
    }
}

/// Pure rules that are enough to see what the orchestration does with them.
mod rules {
    use super::*;
    use crate::ci::pipeline::{Found, Rules, Verdict};
    use crate::platform::data_diffs::RunStatus;

    pub(in crate::ci) struct TestRules;

    impl Rules for TestRules {
        fn gate(&self, config: &CiConfig, pull: &PullRequest, _: &[ChangedFile]) -> Option<(&'static str, String)> {
            let lacks = config.label == Label::Required && pull.labels.is_empty();
            lacks.then(|| ("label_missing", "Skipped: the label datafold is missing.".to_owned()))
        }

        fn read(&self, _: &CiConfig, _: &PullRequest, _: &str, file: &[u8]) -> Result<Vec<DiffRequest>, String> {
            let diffs: Vec<serde_json::Value> = serde_json::from_slice(file).map_err(|error| error.to_string())?;
            let text = |diff: &serde_json::Value, key: &str| diff[key].as_str().unwrap().to_owned();
            let request = |diff: &serde_json::Value| DiffRequest {
                production: text(diff, "prod"),
                pull_request: text(diff, "pr"),
                primary_key: vec!["ID".into()],
                include_columns: Vec::new(),
                exclude_columns: Vec::new(),
            };
            Ok(diffs.iter().map(request).collect())
        }

        fn is_searched(&self, _: &CiConfig, path: &str) -> bool {
            path.ends_with(".sql")
        }

        fn discover(
            &self,
            _: &CiConfig,
            _: &PullRequest,
            files: &[(String, Vec<u8>)],
        ) -> Result<Vec<DiffRequest>, String> {
            assert_eq!(files, []);
            Ok(Vec::new())
        }

        fn judge(&self, config: &CiConfig, found: &Found<'_>) -> Verdict {
            let failed = |summary: &Summary| matches!(summary, Summary::Failed(_) | Summary::Running);
            let differs = |summary: &Summary| match summary {
                Summary::Finished(findings) => findings.values_with_differences.is_some_and(|count| count > 0),
                Summary::Running | Summary::Failed(_) => false,
            };
            let lacks = found.diffs.len() < found.asked.unwrap_or(1);
            if found.run.status == RunStatus::Failed {
                return self.give_up(config, Reason::RunFailed, "the run failed");
            }
            if lacks || found.diffs.iter().any(|(_, summary)| failed(summary)) {
                return self.give_up(config, Reason::DiffFailed, "a diff failed");
            }
            match found.diffs.iter().any(|(_, summary)| differs(summary)) {
                true => Verdict {
                    result: CiResult::Failed,
                    reason: Some(Reason::Differences),
                    state: CommitState::Failure,
                    description: "differences".into(),
                    comment: Some("a table".into()),
                },
                false => Verdict {
                    result: CiResult::Passed,
                    reason: None,
                    state: CommitState::Success,
                    description: "no differences".into(),
                    comment: Some("a table".into()),
                },
            }
        }

        fn give_up(&self, config: &CiConfig, reason: Reason, message: &str) -> Verdict {
            let (result, state) = match (config.errors, reason) {
                (Consequence::Passes, _) => (CiResult::Passed, CommitState::Success),
                (Consequence::Fails, Reason::TimedOut) => (CiResult::TimedOut, CommitState::Error),
                (Consequence::Fails, Reason::RunFailed) => (CiResult::Failed, CommitState::Failure),
                (Consequence::Fails, _) => (CiResult::Failed, CommitState::Error),
            };
            Verdict {
                result,
                reason: Some(reason),
                state,
                description: message.to_owned(),
                comment: Some(message.to_owned()),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_started_given_its_diffs_followed_and_reported() {
    let world = World::new(Habits::default());
    let outcome = ended(&world).await;
    assert_eq!(
        (outcome.result, outcome.reason, outcome.submitted, outcome.diffs.len()),
        (CiResult::Passed, None, 2, 2)
    );
    assert_exactly_once(&world, "as it goes");
    let state = world.state();
    let said: Vec<(CommitState, &str)> = state
        .statuses
        .iter()
        .map(|(_, status)| (status.state, status.description.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (CommitState::Pending, "waiting for the run of this commit"),
            (CommitState::Pending, "run 9001 is queued"),
            (CommitState::Pending, "run 9001: 0 of 2 diffs finished"),
            (CommitState::Success, "no differences"),
        ]
    );
    assert!(
        state
            .statuses
            .iter()
            .all(|(sha, status)| sha == SHA && status.context == "driftless/shop")
    );
    assert_eq!(state.comments, ["<!-- driftless:shop -->\na table"]);
    let row = state.rows.values().next().unwrap();
    assert_eq!((row.outcome.as_deref(), row.run), (Some("passed"), Some(9001)));
    assert!(row.finished.is_some() && row.submitted.is_some());
}
