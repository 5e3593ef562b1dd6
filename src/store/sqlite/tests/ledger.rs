//! The ledger: what was agreed on is there again, under the key that it has now.

use super::*;

#[tokio::test]
async fn an_entry_reads_back_as_it_was_written_after_reopening() {
    let place = Place::new();
    let store = place.open().await;
    store
        .agree(&prod(), &[], &[(key("a"), entry("first")), (key("b"), entry("other"))])
        .await
        .unwrap();
    store.agree(&prod(), &[], &[(key("a"), entry("second"))]).await.unwrap();
    drop(store);

    let ledger = place.open().await.ledger(&prod(), &OneKind).await.unwrap();
    assert_eq!(
        ledger.entries.into_iter().collect::<Vec<_>>(),
        [(key("a"), entry("second")), (key("b"), entry("other"))]
    );
}

#[tokio::test]
async fn the_keys_of_a_spec_keep_their_order() {
    let store = SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap();
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    let ledger = store.ledger(&prod(), &OneKind).await.unwrap();
    let keys: Vec<&String> = ledger.entries[&key("a")].spec.keys().collect();
    assert_eq!(keys, ["z", "big", "a", "list"]);
}

#[tokio::test]
async fn environments_have_ledgers_of_their_own_and_closing_removes_only_what_was_named() {
    let store = SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap();
    let dev = EnvironmentName("dev".into());
    for environment in [&prod(), &dev] {
        store
            .agree(environment, &[], &[(key("a"), entry("x")), (key("b"), entry("x"))])
            .await
            .unwrap();
    }
    store.close(&prod(), &[key("a"), key("never there")]).await.unwrap();
    assert_eq!(
        store
            .ledger(&prod(), &OneKind)
            .await
            .unwrap()
            .entries
            .into_keys()
            .collect::<Vec<_>>(),
        [key("b")]
    );
    assert_eq!(store.ledger(&dev, &OneKind).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn entries_move_before_others_are_written_and_only_those_that_are_there() {
    let store = SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap();
    let moved = |from: &str, to: &str| Moved {
        from: key(from),
        to: key(to),
    };
    let entries = [(key("a"), entry("of a")), (key("b"), entry("of b"))];
    store.agree(&prod(), &[], &entries).await.unwrap();
    let moves = [moved("b", "c"), moved("a", "b"), moved("never there", "d")];
    store
        .agree(&prod(), &moves, &[(key("e"), entry("of e"))])
        .await
        .unwrap();
    let ledger = store.ledger(&prod(), &OneKind).await.unwrap();
    assert_eq!(
        ledger.entries.into_iter().collect::<Vec<_>>(),
        [
            (key("b"), entry("of a")),
            (key("c"), entry("of b")),
            (key("e"), entry("of e"))
        ]
    );
    let settled = Settled {
        moved: vec![moved("b", "f")],
        entry: Some(entry("new")),
        closed: Vec::new(),
    };
    store.settle(&prod(), &key("f"), &settled, &applied()).await.unwrap();
    let ledger = store.ledger(&prod(), &OneKind).await.unwrap();
    let keys: Vec<Key> = ledger.entries.keys().cloned().collect();
    assert_eq!(keys, [key("c"), key("e"), key("f")]);
    assert_eq!(ledger.entries[&key("f")], entry("new"));
}

#[tokio::test]
async fn kinds_that_this_version_does_not_know_are_kept_and_not_returned() {
    let place = Place::new();
    let store = place.open().await;
    let other = Key::new(Kind("monitor"), ["m"]);
    store.agree(&prod(), &[], &[(other.clone(), entry("x"))]).await.unwrap();
    let intent = Intent {
        key: other,
        digest: Digest("d".into()),
    };
    store.intend(&prod(), &intent, &intended()).await.unwrap();
    assert!(store.ledger(&prod(), &OneKind).await.unwrap().entries.is_empty());
    assert!(store.intents(&prod(), &OneKind).await.unwrap().is_empty());
    store.agree(&prod(), &[], &[(key("a"), entry("y"))]).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger WHERE key = 'monitor/m'")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    assert_eq!(kept, 1);
}
