//! Writes: an intent outlives its process, and what a write leaves behind comes with its end or not at all.

use super::*;

#[tokio::test]
async fn an_intent_survives_a_process_that_dies_and_is_gone_once_settled() {
    let place = Place::new();
    let intent = Intent {
        key: key("a"),
        digest: Digest("d1".into()),
    };
    let again = Intent {
        key: key("a"),
        digest: Digest("d2".into()),
    };
    let store = place.open().await;
    store.intend(&prod(), &intent, &intended()).await.unwrap();
    store.intend(&prod(), &again, &intended()).await.unwrap();
    drop(store); // not shut down

    let store = place.open().await;
    assert_eq!(
        store.intents(&prod(), &OneKind).await.unwrap(),
        std::slice::from_ref(&again)
    );
    store
        .settle(&prod(), &key("a"), &settled("written"), &applied())
        .await
        .unwrap();
    assert_eq!(store.intents(&prod(), &OneKind).await.unwrap(), []);
    assert_eq!(
        store.ledger(&prod(), &OneKind).await.unwrap().entries[&key("a")],
        entry("written")
    );
}

#[tokio::test]
async fn a_write_that_took_no_effect_settles_without_touching_the_entry() {
    let store = SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap();
    store.agree(&prod(), &[], &[(key("a"), entry("old"))]).await.unwrap();
    let intent = Intent {
        key: key("a"),
        digest: Digest("d".into()),
    };
    store.intend(&prod(), &intent, &intended()).await.unwrap();
    store
        .settle(&prod(), &key("a"), &Settled::default(), &applied())
        .await
        .unwrap();
    assert_eq!(store.intents(&prod(), &OneKind).await.unwrap(), []);
    assert_eq!(
        store.ledger(&prod(), &OneKind).await.unwrap().entries[&key("a")],
        entry("old")
    );
}

#[tokio::test]
async fn settling_moves_the_entry_and_the_intent_together_or_neither() {
    let place = Place::new();
    let store = place.open().await;
    let intent = Intent {
        key: key("a"),
        digest: Digest("d".into()),
    };
    store.agree(&prod(), &[], &[(key("a"), entry("old"))]).await.unwrap();
    store.intend(&prod(), &intent, &intended()).await.unwrap();
    // The second half of the transaction fails: the first must not stand.
    place
        .raw("CREATE TRIGGER refuse BEFORE DELETE ON intents BEGIN SELECT RAISE(ABORT, 'no'); END")
        .await;
    let settled = Settled {
        moved: vec![Moved {
            from: key("a"),
            to: key("b"),
        }],
        ..settled("new")
    };
    assert!(store.settle(&prod(), &key("a"), &settled, &applied()).await.is_err());
    assert_eq!(
        store.ledger(&prod(), &OneKind).await.unwrap().entries[&key("a")],
        entry("old")
    );
    assert_eq!(store.intents(&prod(), &OneKind).await.unwrap(), [intent]);
}

#[tokio::test]
async fn changes_that_come_together_are_all_committed() {
    let place = Place::new();
    let store = place.open().await;
    let names: Vec<String> = (0..100).map(|number| format!("check {number:03}")).collect();
    let intents: Vec<Intent> = names
        .iter()
        .map(|name| Intent {
            key: key(name),
            digest: Digest("d".into()),
        })
        .collect();
    let environment = prod();
    let (before, after) = (intended(), applied());
    let intended = intents.iter().map(|intent| store.intend(&environment, intent, &before));
    assert!(futures::future::join_all(intended).await.iter().all(Result::is_ok));
    assert_eq!(store.intents(&environment, &OneKind).await.unwrap(), intents);
    let written = settled("written");
    let settled = intents[..60]
        .iter()
        .map(|intent| store.settle(&environment, &intent.key, &written, &after));
    assert!(futures::future::join_all(settled).await.iter().all(Result::is_ok));
    drop(store);
    let store = place.open().await;
    assert_eq!(store.intents(&environment, &OneKind).await.unwrap(), intents[60..]);
    assert_eq!(store.ledger(&environment, &OneKind).await.unwrap().entries.len(), 60);
}

#[tokio::test]
async fn a_caller_that_is_cancelled_takes_no_change_of_others_with_it() {
    let place = Place::new();
    let store = place.open().await;
    let environment = prod();
    let intent = |name: &str| Intent {
        key: key(name),
        digest: Digest("d".into()),
    };
    let (first, second) = (intent("first"), intent("second"));
    {
        let note = intended();
        let cancelled = std::pin::pin!(store.intend(&environment, &first, &note));
        // Polled once, so that it has begun, and dropped.
        assert!(futures::FutureExt::now_or_never(cancelled).is_none());
    }
    store.intend(&environment, &second, &intended()).await.unwrap();
    assert_eq!(store.intents(&environment, &OneKind).await.unwrap(), [first, second]);
}
