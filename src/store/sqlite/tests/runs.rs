//! History: whole, bounded, newest first.

use super::*;

#[tokio::test]
async fn a_run_reads_back_whole_and_is_listed_without_its_plan_and_report() {
    let place = Place::new();
    let store = place.open().await;
    let mut under_way = a_run(&prod(), 1);
    under_way.finished = None;
    under_way.conclusion = None;
    under_way.revision = None;
    under_way.plan = None;
    store.put_run(&under_way).await.unwrap();
    assert_eq!(store.run(&under_way.id).await.unwrap(), Some(under_way));

    let done = a_run(&prod(), 1);
    store.put_run(&done).await.unwrap();
    assert_eq!(store.run(&done.id).await.unwrap().as_ref(), Some(&done));
    let listed = RunRecord {
        plan: None,
        report: None,
        ..done
    };
    assert_eq!(store.runs(None, 10).await.unwrap(), [listed]);
    assert_eq!(store.run(&RunId("nobody".into())).await.unwrap(), None);
}

#[tokio::test]
async fn history_is_bounded_for_each_environment_and_newest_first() {
    let store = SqliteStore::open(
        "sqlite::memory:",
        Limits {
            runs: 3,
            idle_runs: 2,
            ..Limits::default()
        },
    )
    .await
    .unwrap();
    let dev = EnvironmentName("dev".into());
    store.put_run(&a_run(&dev, 0)).await.unwrap();
    for number in 1..=10 {
        store.put_run(&a_run(&prod(), number)).await.unwrap();
        store.put_run(&a_run(&prod(), number)).await.unwrap();
    }
    let ids = |runs: Vec<RunRecord>| runs.into_iter().map(|run| run.id.0).collect::<Vec<_>>();
    assert_eq!(
        ids(store.runs(Some(&prod()), 100).await.unwrap()),
        ["run-00010", "run-00009", "run-00008"]
    );
    assert_eq!(ids(store.runs(None, 2).await.unwrap()), ["run-00010", "run-00009"]);
    assert_eq!(ids(store.runs(Some(&dev), 100).await.unwrap()), ["run-00000"]);
}

#[tokio::test]
async fn idle_runs_push_out_no_others_and_a_run_under_way_pushes_out_none() {
    let limits = Limits {
        runs: 3,
        idle_runs: 2,
        ..Limits::default()
    };
    let store = SqliteStore::open("sqlite::memory:", limits).await.unwrap();
    for number in 1..=3 {
        store.put_run(&a_run(&prod(), number)).await.unwrap();
    }
    for number in 4..=40 {
        let idle = RunRecord {
            idle: true,
            ..a_run(&prod(), number)
        };
        let begun = RunRecord {
            idle: false,
            finished: None,
            conclusion: None,
            ..idle.clone()
        };
        store.put_run(&begun).await.unwrap();
        store.put_run(&idle).await.unwrap();
    }
    let kept = store.runs(Some(&prod()), 100).await.unwrap();
    let kept: Vec<(&str, bool)> = kept.iter().map(|run| (run.id.0.as_str(), run.idle)).collect();
    assert_eq!(
        kept,
        [
            ("run-00040", true),
            ("run-00039", true),
            ("run-00003", false),
            ("run-00002", false),
            ("run-00001", false)
        ]
    );
}
