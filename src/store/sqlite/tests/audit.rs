//! The audit: a record with every change, one chain, and nobody's statement alters it.

use std::ops::ControlFlow;

use super::*;
use crate::store::audit::{Record, Verifier};

async fn records(place: &Place) -> Vec<Record> {
    let mut records = Vec::new();
    let reading = Reading::open(&place.url()).await.unwrap();
    reading
        .audit(|record| {
            records.push(record);
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    records
}

fn assert_chain(records: &[Record]) {
    let mut verifier = Verifier::new(None, None);
    for record in records {
        verifier.add(record).unwrap();
    }
}

fn intent(name: &str) -> Intent {
    Intent {
        key: key(name),
        digest: Digest("d".into()),
    }
}

#[tokio::test]
async fn changes_that_come_together_are_one_chain_in_the_order_in_which_they_came() {
    let place = Place::new();
    let store = place.open().await;
    let environment = prod();
    let names: Vec<String> = (0..100).map(|number| format!("check {number:03}")).collect();
    let before: Vec<(Intent, Note)> = names
        .iter()
        .map(|name| (intent(name), note(name, &Became::Intended)))
        .collect();
    let writes = before
        .iter()
        .map(|(intent, note)| store.intend(&environment, intent, note));
    assert!(futures::future::join_all(writes).await.iter().all(Result::is_ok));
    let written = settled("written");
    let after: Vec<Note> = names.iter().map(|name| note(name, &Became::Applied)).collect();
    let ends = before
        .iter()
        .zip(&after)
        .map(|((intent, _), note)| store.settle(&environment, &intent.key, &written, note));
    assert!(futures::future::join_all(ends).await.iter().all(Result::is_ok));
    store
        .note(&note("more", &Became::Unknown("lost".into())))
        .await
        .unwrap();
    // Beside the process that has it open.
    let records = records(&place).await;
    assert_chain(&records);
    let said: Vec<Note> = records.into_iter().map(|record| record.note).collect();
    let mut expected: Vec<Note> = before.into_iter().map(|(_, note)| note).chain(after).collect();
    expected.push(note("more", &Became::Unknown("lost".into())));
    assert_eq!(said, expected);
}

#[tokio::test]
async fn the_chain_goes_on_after_a_process_that_dies() {
    let place = Place::new();
    for _ in 0..3 {
        let store = place.open().await;
        store.intend(&prod(), &intent("a"), &intended()).await.unwrap();
        drop(store); // not shut down
    }
    let records = records(&place).await;
    assert_chain(&records);
    assert_eq!(records.len(), 3);
}

#[tokio::test]
async fn a_change_that_cannot_be_committed_has_no_record_and_a_record_that_cannot_no_change() {
    let place = Place::new();
    let store = place.open().await;
    store.intend(&prod(), &intent("a"), &intended()).await.unwrap();
    place
        .raw("CREATE TRIGGER refuse BEFORE DELETE ON intents BEGIN SELECT RAISE(ABORT, 'no'); END")
        .await;
    assert!(
        store
            .settle(&prod(), &key("a"), &settled("x"), &applied())
            .await
            .is_err()
    );
    assert_eq!(records(&place).await.len(), 1);
    place
        .raw("DROP TRIGGER refuse; CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
        .await;
    assert!(
        store
            .settle(&prod(), &key("a"), &settled("x"), &applied())
            .await
            .is_err()
    );
    assert!(store.ledger(&prod(), &OneKind).await.unwrap().entries.is_empty());
    assert_eq!(store.intents(&prod(), &OneKind).await.unwrap(), [intent("a")]);
}

#[tokio::test]
async fn no_statement_changes_shortens_or_inserts_into_it() {
    let place = Place::new();
    let store = place.open().await;
    for _ in 0..3 {
        store.note(&applied()).await.unwrap();
    }
    store.shutdown().await;
    drop(store);
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(place.file("state.db")))
        .await
        .unwrap();
    for statement in [
        "UPDATE audit SET approver = 'nobody' WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 3",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT 2, at, environment, target, run, \"trigger\", revision, author, digest, approver, key,
         action, request, result, attempts, previous, hash FROM audit WHERE sequence = 1",
        "INSERT INTO audit SELECT 5, at, environment, target, run, \"trigger\", revision, author, digest, approver, key,
         action, request, result, attempts, previous, hash FROM audit WHERE sequence = 1",
    ] {
        let error = sqlx::query(statement).execute(&pool).await.unwrap_err().to_string();
        assert!(error.contains("the audit"), "{statement}: {error}");
    }
    pool.close().await;
    assert_chain(&records(&place).await);
}
