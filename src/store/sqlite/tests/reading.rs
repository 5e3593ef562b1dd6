//! Reading beside the process that has a store open.

use super::*;

async fn open(place: &Place) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_for_reading(&place.url(), Limits::default()).await
}

#[tokio::test]
async fn what_was_committed_is_read_beside_the_one_that_holds_the_lock_and_nothing_is_written() {
    let place = Place::new();
    let store = place.open().await;
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    let beside = open(&place).await.unwrap();
    let ledger = beside.ledger(&prod(), &OneKind).await.unwrap();
    assert_eq!(ledger.entries[&key("a")], entry("x"));
    let mark = |store: &SqliteStore| {
        store
            .fingerprints()
            .fingerprint(&key("a"), &FieldPath::top("p"), &Secret::new("x"))
    };
    assert_eq!(mark(&beside), mark(&store));
    let intent = Intent {
        key: key("a"),
        digest: Digest("d".into()),
    };
    let message = beside.intend(&prod(), &intent, &intended()).await.unwrap_err().message;
    assert!(message.contains("cannot be written"), "{message}");
    assert!(beside.agree(&prod(), &[], &[(key("b"), entry("x"))]).await.is_err());
    store.agree(&prod(), &[], &[(key("c"), entry("x"))]).await.unwrap();
    assert_eq!(beside.ledger(&prod(), &OneKind).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn what_a_process_left_that_died_is_read() {
    let place = Place::new();
    let store = place.open().await;
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    // Another place with the files as they lie: the journal is not in the database yet.
    let copy = Place::new();
    for name in ["state.db", "state.db-wal", "state.db.key"] {
        std::fs::copy(place.file(name), copy.file(name)).unwrap();
    }
    let beside = open(&copy).await.unwrap();
    assert_eq!(beside.ledger(&prod(), &OneKind).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_store_that_is_not_there_is_an_empty_one_and_is_not_made() {
    let place = Place::new();
    let store = open(&place).await.unwrap();
    assert!(store.ledger(&prod(), &OneKind).await.unwrap().entries.is_empty());
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 0);
    let message = Reading::open(&place.url()).await.unwrap_err().message;
    assert!(message.contains("there is no store"), "{message}");
}

#[tokio::test]
async fn what_must_be_made_ready_first_is_opened_in_full() {
    let place = Place::new();
    let store = place.open().await;
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    store.shutdown().await;
    drop(store);
    std::fs::remove_file(place.file("state.db.key")).unwrap();
    let store = open(&place).await.unwrap();
    let ledger = store.ledger(&prod(), &OneKind).await.unwrap();
    assert!(ledger.entries[&key("a")].fingerprints.is_empty());
    assert!(open(&place).await.is_ok());
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_one() {
    let place = Place::new();
    place.open().await.shutdown().await;
    std::fs::write(place.file("state.db"), vec![b'x'; 8192]).unwrap();
    let message = open(&place).await.unwrap_err().message;
    assert!(message.contains("driftless store rebuild"), "{message}");
}
