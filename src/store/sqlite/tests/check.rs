//! What a look over a store finds.

use super::check::{Finding, Standing};
use super::*;

async fn found(place: &Place) -> Vec<Finding> {
    check_file(&place.url(), &[CHECK]).await.unwrap()
}

#[track_caller]
fn says(found: &[Finding], standing: Standing, part: &str) {
    let said = found
        .iter()
        .any(|finding| finding.standing == standing && finding.text.contains(part));
    assert!(said, "no {standing:?} with {part:?} in {found:#?}");
}

fn faults(found: &[Finding]) -> usize {
    found
        .iter()
        .filter(|finding| finding.standing == Standing::Faulty)
        .count()
}

#[tokio::test]
async fn a_sound_store_is_sound_beside_the_one_that_has_it_open() {
    let place = Place::new();
    let store = filled(&place, 20).await;
    let before = found(&place).await;
    assert_eq!(faults(&before), 0, "{before:#?}");
    says(&before, Standing::Sound, "ledger: 20 rows");
    says(&before, Standing::Sound, "audit: 20 records");
    says(&before, Standing::Sound, "key: it is the one");
    let other = Key::new(Kind("monitor"), ["m"]);
    store.agree(&prod(), &[], &[(other, entry("x"))]).await.unwrap();
    let intent = Intent {
        key: key("a"),
        digest: Digest("d".into()),
    };
    store.intend(&prod(), &intent, &intended()).await.unwrap();
    let after = found(&place).await;
    assert_eq!(faults(&after), 0, "{after:#?}");
    says(&after, Standing::Noted, "1 entries are of kinds");
    says(&after, Standing::Noted, "of 1 writes the end is not known");
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_told() {
    let place = Place::new();
    let store = filled(&place, 20).await;
    store.shutdown().await;
    drop(store);
    place
        .raw("UPDATE ledger SET spec = '[broken' WHERE rowid IN (3, 4)")
        .await;
    place
        .raw("INSERT INTO facts VALUES ('prod', 'suspension', '{broken')")
        .await;
    place
        .raw("INSERT INTO drifts VALUES ('prod', 'check/shop/a', '2026-11-22T12:00:00Z', NULL, '2026-11-22T12:00:00Z', 1, 0, '{', NULL, NULL)")
        .await;
    place
        .raw("UPDATE runs SET started = 'yesterday'; DROP TRIGGER audit_is_never_changed; UPDATE audit SET approver = 'x' WHERE sequence = 7")
        .await;
    std::fs::write(place.file("state.db.key"), "short").unwrap();
    let found = found(&place).await;
    says(
        &found,
        Standing::Faulty,
        "ledger: a row of `prod` cannot be read: `spec` of `check/",
    );
    says(
        &found,
        Standing::Faulty,
        "facts: a row of `prod` cannot be read: `suspension`",
    );
    says(
        &found,
        Standing::Faulty,
        "runs: a row of `prod` cannot be read: `started` of `run-00001`",
    );
    says(
        &found,
        Standing::Faulty,
        "drifts: a row of `prod` cannot be read: `corrections` of `check/",
    );
    says(&found, Standing::Faulty, "audit: record 7 does not have the hash");
    says(&found, Standing::Faulty, "5 bytes");
    assert_eq!(faults(&found), 7, "{found:#?}");
}

#[tokio::test]
async fn a_file_that_is_none_is_told_and_what_is_not_there_is_an_error() {
    let place = Place::new();
    let error = check_file(&place.url(), &[CHECK]).await.unwrap_err();
    assert!(error.message.contains("there is no store"), "{error}");
    std::fs::write(place.file("state.db"), vec![b'x'; 8192]).unwrap();
    says(&found(&place).await, Standing::Faulty, "damaged");
    std::fs::write(place.file("state.db"), "").unwrap();
    says(&found(&place).await, Standing::Faulty, "the file is empty");
    std::fs::remove_file(place.file("state.db")).unwrap();
    place.raw("CREATE TABLE people (name TEXT)").await;
    says(&found(&place).await, Standing::Faulty, "another program");
}

#[tokio::test]
async fn a_key_that_is_another_or_open_to_others_is_noted() {
    let place = Place::new();
    drop(filled(&place, 1).await);
    std::fs::write(place.file("state.db.key"), [7; 32]).unwrap();
    std::fs::set_permissions(place.file("state.db.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let found = found(&place).await;
    assert_eq!(faults(&found), 0, "{found:#?}");
    says(&found, Standing::Noted, "is not the one that the ledger's fingerprints");
    says(&found, Standing::Noted, "others may read");
}
