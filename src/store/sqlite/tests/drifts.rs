//! The history of drift.

use super::*;

fn drift(name: &str, minute: u32, open: bool) -> DriftRecord {
    let at: DateTime<Utc> = format!("2026-11-22T09:{minute:02}:00.123456789Z").parse().unwrap();
    DriftRecord {
        open_since: open.then_some(at),
        last_seen: at,
        seen: 18,
        corrected: 2,
        corrections: vec![at, at + chrono::TimeDelta::minutes(1)],
        stopped: open.then_some(at),
        edited: Some("a person, at nine".into()),
        ..DriftRecord::new(Key::new(CHECK, ["w", name]), at)
    }
}

#[tokio::test]
async fn the_history_of_drift_outlives_the_process_and_is_one_environments() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("drifts.db").display().to_string();
    let store = SqliteStore::open(&path, Limits::default()).await.unwrap();
    let (prod, other) = (EnvironmentName("prod".into()), EnvironmentName("other".into()));
    let records = [drift("a", 1, true), drift("b", 2, false)];
    store.put_drifts(&prod, &records).await.unwrap();
    store.shutdown().await;
    drop(store);
    let store = SqliteStore::open(&path, Limits::default()).await.unwrap();
    assert_eq!(store.drifts(&prod, &OneKind).await.unwrap(), records);
    assert_eq!(store.drifts(&other, &OneKind).await.unwrap(), []);
    let later = DriftRecord {
        seen: 19,
        stopped: None,
        ..records[0].clone()
    };
    store.put_drifts(&prod, std::slice::from_ref(&later)).await.unwrap();
    assert_eq!(
        store.drifts(&prod, &OneKind).await.unwrap(),
        [later, records[1].clone()]
    );
}

#[tokio::test]
async fn over_the_limit_the_oldest_drift_that_was_put_back_is_forgotten_first() {
    let limits = Limits {
        drifts: 3,
        ..Limits::default()
    };
    let store = SqliteStore::open("sqlite::memory:", limits).await.unwrap();
    let (prod, other) = (EnvironmentName("prod".into()), EnvironmentName("other".into()));
    store.put_drifts(&other, &[drift("z", 0, false)]).await.unwrap();
    for record in [
        drift("open-and-old", 1, true),
        drift("closed-and-old", 2, false),
        drift("closed", 3, false),
        drift("open", 4, true),
    ] {
        store.put_drifts(&prod, &[record]).await.unwrap();
    }
    let kept = store.drifts(&prod, &OneKind).await.unwrap();
    let kept: Vec<&str> = kept.iter().map(|record| record.key.name()).collect();
    assert_eq!(kept, ["closed", "open", "open-and-old"]);
    assert_eq!(store.drifts(&other, &OneKind).await.unwrap().len(), 1);
}
