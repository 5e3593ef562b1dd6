//! The history of pull-request runs.

use super::*;
use crate::store::pull_runs::{PullRun, PullRunKey, PullRunsOf};

fn pull_run(number: u64, minute: u32, finished: bool) -> PullRun {
    let at = time(60 * minute);
    PullRun {
        key: PullRunKey {
            target: "datafold".into(),
            config: "shop".into(),
            repository: "acme/shop".into(),
            number,
            sha: format!("{number:040x}"),
        },
        phase: "submitting".into(),
        run: Some(9001),
        submitted: Some("ab12".into()),
        outcome: finished.then(|| "passed".to_owned()),
        message: "1 of 2 diffs".into(),
        started: at,
        updated: at,
        finished: finished.then_some(at),
        state: "{\"head\":{}}".into(),
    }
}

fn numbers(runs: &[PullRun]) -> Vec<u64> {
    runs.iter().map(|run| run.key.number).collect()
}

#[tokio::test]
async fn pull_request_runs_outlive_the_process_and_there_is_one_a_head_commit() {
    let place = Place::new();
    let store = place.open().await;
    let (open, ended) = (pull_run(u64::MAX, 1, false), pull_run(2, 2, true));
    for run in [&open, &ended] {
        store.put_pull_run(run).await.unwrap();
    }
    store.shutdown().await;
    drop(store);
    let store = place.open().await;
    let left = store.pull_runs(&PullRunsOf::Open).await.unwrap();
    assert_eq!(left, std::slice::from_ref(&open));
    let newest = store.pull_runs(&PullRunsOf::Newest(9)).await.unwrap();
    assert_eq!(newest, [ended.clone(), open.clone()]);
    let further = PullRun {
        phase: "following".into(),
        updated: time(999),
        ..open.clone()
    };
    store.put_pull_run(&further).await.unwrap();
    let of = PullRunsOf::Key(open.key.clone());
    assert_eq!(store.pull_runs(&of).await.unwrap(), std::slice::from_ref(&further));
    assert_eq!(store.pull_runs(&PullRunsOf::Newest(1)).await.unwrap(), [further]);
    let other = PullRunKey {
        sha: "f".repeat(40),
        ..open.key
    };
    assert_eq!(store.pull_runs(&PullRunsOf::Key(other)).await.unwrap(), []);
}

#[tokio::test]
async fn over_the_limit_the_oldest_ended_pull_request_run_goes_and_an_open_one_never() {
    let limits = Limits {
        pull_runs: 2,
        ..Limits::default()
    };
    let store = SqliteStore::open("sqlite::memory:", limits).await.unwrap();
    for run in [
        pull_run(1, 1, false),
        pull_run(2, 2, true),
        pull_run(3, 4, true),
        pull_run(4, 3, true),
        pull_run(5, 5, false),
    ] {
        store.put_pull_run(&run).await.unwrap();
    }
    let kept = store.pull_runs(&PullRunsOf::Newest(9)).await.unwrap();
    assert_eq!(numbers(&kept), [5, 3, 4, 1]);
    let open = store.pull_runs(&PullRunsOf::Open).await.unwrap();
    assert_eq!(numbers(&open), [1, 5]);
}

#[tokio::test]
async fn a_pull_request_run_that_is_not_as_it_was_written_is_told_and_left_out_by_a_rebuild() {
    let place = Place::new();
    let store = place.open().await;
    for run in [pull_run(1, 1, false), pull_run(2, 2, true)] {
        store.put_pull_run(&run).await.unwrap();
    }
    store.shutdown().await;
    drop(store);
    place.raw("UPDATE pull_runs SET state = '{' WHERE number = 2").await;
    let store = place.open().await;
    let message = store.pull_runs(&PullRunsOf::Newest(9)).await.unwrap_err().message;
    assert!(message.contains("`state`"), "{message}");
    store.shutdown().await;
    drop(store);
    let rebuilt = rebuild(&place.url(), &[CHECK], time(0)).await.unwrap();
    assert!(matches!(rebuilt, Rebuilt::Anew { .. }), "{rebuilt:?}");
    let store = place.open().await;
    let kept = store.pull_runs(&PullRunsOf::Newest(9)).await.unwrap();
    assert_eq!(numbers(&kept), [1]);
}

#[tokio::test]
async fn a_pull_request_run_is_found_by_its_id_whatever_the_others_hold() {
    let place = Place::new();
    let store = place.open().await;
    let runs: Vec<PullRun> = (1..=40).map(|number| pull_run(number, 1, number % 2 == 0)).collect();
    let look = PullRun {
        key: PullRunKey::of_delivery("acme/shop", 7),
        ..pull_run(7, 9, false)
    };
    for run in runs.iter().chain([&look]) {
        store.put_pull_run(run).await.unwrap();
    }
    let by_id = async |store: &SqliteStore, id: String| store.pull_runs(&PullRunsOf::Id(id)).await;
    for run in &runs {
        assert_eq!(by_id(&store, run.key.id()).await.unwrap(), std::slice::from_ref(run));
    }
    for id in [
        String::new(),
        "0".repeat(16),
        runs[0].key.id()[..15].to_owned(),
        look.key.id(),
    ] {
        assert_eq!(by_id(&store, id).await.unwrap(), []);
    }
    store.shutdown().await;
    drop(store);
    // Of the others nothing but their keys is read.
    place.raw("UPDATE pull_runs SET state = '{' WHERE number <> 5").await;
    let store = place.open().await;
    let found = by_id(&store, runs[4].key.id()).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&runs[4]));
    assert!(by_id(&store, runs[5].key.id()).await.is_err());
}

#[tokio::test]
async fn a_pull_request_that_is_to_be_looked_at_is_open_until_that_is_done_and_never_a_run_that_is_shown() {
    let limits = Limits {
        pull_runs: 1,
        ..Limits::default()
    };
    let store = SqliteStore::open("sqlite::memory:", limits).await.unwrap();
    let look = |finished| PullRun {
        key: PullRunKey::of_delivery("acme/shop", 7),
        run: None,
        outcome: None,
        ..pull_run(7, 9, finished)
    };
    let ended = pull_run(2, 2, true);
    for run in [&ended, &look(false), &look(false)] {
        store.put_pull_run(run).await.unwrap();
    }
    assert_eq!(store.pull_runs(&PullRunsOf::Open).await.unwrap(), [look(false)]);
    assert_eq!(
        store.pull_runs(&PullRunsOf::Newest(9)).await.unwrap(),
        std::slice::from_ref(&ended)
    );
    store.put_pull_run(&look(true)).await.unwrap();
    assert_eq!(store.pull_runs(&PullRunsOf::Open).await.unwrap(), []);
    assert_eq!(store.pull_runs(&PullRunsOf::Key(look(true).key)).await.unwrap(), []);
    assert_eq!(store.pull_runs(&PullRunsOf::Newest(9)).await.unwrap(), [ended]);
}
