//! The orchestration over ports in memory: every path to its end, and what it says of it.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod bounds;
mod cancelled;
mod ends;
mod faults;
mod looking;
mod pace;
pub(in crate::ci) mod world;

use std::time::Duration;

use self::world::{Habits, NUMBER, SHA, World};
use super::*;
use crate::ci::config::{Consequence, Label};
use crate::ci::options::Unconfirmed;
use crate::ci::outcome::CiResult;
use crate::engine::backoff::Backoff;
use crate::forge::Repository;
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
        last: of(200),
        insists: waits,
        unheard: of(60_000),
        collects: of(100),
        head: of(30),
        summaries: 2,
        unconfirmed: Unconfirmed::Pending,
    }
}

pub(in crate::ci) fn config() -> CiConfig {
    CiConfig {
        name: "shop".into(),
        id: CiConfigId(286),
        repository: Repository("acme/shop".into()),
        forge: None,
        data_connection: "warehouse".into(),
        files_to_ignore: vec!["*.md".into()],
        errors: Consequence::Fails,
        differences: Consequence::Fails,
        key_issues: Consequence::Fails,
        label: Label::Optional,
        base_branch: None,
        diff_threshold: None,
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

#[tokio::test(start_paused = true)]
async fn a_run_is_started_given_its_diffs_followed_and_reported() {
    let world = World::new(Habits::default());
    let outcome = ended(&world).await;
    assert_eq!(
        (
            outcome.result(),
            outcome.verdict.reason.as_str(),
            outcome.submitted,
            outcome.diffs.len()
        ),
        (CiResult::Passed, "no_differences", 2, 2)
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
            (CommitState::Success, "2 tables: no differences."),
        ]
    );
    assert!(
        state
            .statuses
            .iter()
            .all(|(sha, status)| sha == SHA && status.context == "driftless/shop")
    );
    assert_eq!(state.comments.len(), 1);
    assert!(
        state.comments[0].starts_with("<!-- driftless:shop -->\n"),
        "{:?}",
        state.comments
    );
    assert!(state.comments[0].contains("https://datafold.example.com/datadiffs/900100/overview"));
    let row = state.rows.values().next().unwrap();
    assert_eq!((row.outcome.as_deref(), row.run), (Some("passed"), Some(9001)));
    assert!(row.finished.is_some() && row.submitted.is_some());
}
