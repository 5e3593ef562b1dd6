//! The key of the fingerprints.

use super::*;

#[tokio::test]
async fn the_fingerprint_key_is_made_once_for_its_owner_alone() {
    let place = Place::new();
    let fingerprint = |store: &SqliteStore| {
        store
            .fingerprints()
            .fingerprint(&key("a"), &FieldPath::top("password"), &Secret::new("x"))
    };
    let store = place.open().await;
    let first = fingerprint(&store);
    drop(store);
    assert_eq!(std::fs::read(place.file("state.db.key")).unwrap().len(), 32);
    let mode = |name: &str| std::fs::metadata(place.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("state.db.key"), 0o600);
    assert_eq!(mode("state.db"), 0o600);

    std::fs::set_permissions(place.file("state.db.key"), std::fs::Permissions::from_mode(0o664)).unwrap();
    let store = place.open().await;
    assert_eq!(fingerprint(&store), first);
    assert_eq!(mode("state.db.key"), 0o600);
    drop(store);

    let elsewhere = Place::new();
    assert_ne!(fingerprint(&elsewhere.open().await), first);
}

#[tokio::test]
async fn fingerprints_of_a_lost_key_are_forgotten_and_the_rest_of_the_ledger_stays() {
    let place = Place::new();
    let store = place.open().await;
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    drop(store);
    std::fs::remove_file(place.file("state.db.key")).unwrap();
    let ledger = place.open().await.ledger(&prod(), &OneKind).await.unwrap();
    let mut expected = entry("x");
    expected.fingerprints.clear();
    assert_eq!(ledger.entries[&key("a")], expected);
}

#[tokio::test]
async fn a_key_file_of_another_length_is_refused() {
    let place = Place::new();
    std::fs::write(place.file("state.db.key"), "short").unwrap();
    let message = place.fault().await;
    assert!(
        message.contains("5 bytes") && message.contains("delete it"),
        "{message}"
    );
}
