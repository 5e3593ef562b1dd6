//! Faults: each says what to do.

use super::*;

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let place = Place::new();
    let first = place.open().await;
    let message = place.fault().await;
    assert!(
        message.contains(&format!("process {}", std::process::id())) && message.contains("a store of its own"),
        "{message}"
    );
    drop(first);
    place.open().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_with_what_to_do() {
    let place = Place::new();
    let garbage = vec![b'x'; 8192];
    std::fs::write(place.file("state.db"), &garbage).unwrap();
    let message = place.fault().await;
    assert!(
        message.contains("state.db") && message.contains("damaged") && message.contains("backup"),
        "{message}"
    );
    assert_eq!(
        std::fs::read(place.file("state.db")).unwrap(),
        garbage,
        "it is left as it was"
    );
}

/// A store's file all of whose pages but the first are overwritten, and the log that lay beside it before it was closed.
struct Overwritten {
    bytes: Vec<u8>,
    log: Vec<u8>,
}

async fn overwritten(place: &Place) -> Overwritten {
    let store = place.open().await;
    for number in 0..200 {
        store
            .agree(&prod(), &[], &[(key(&number.to_string()), entry("x"))])
            .await
            .unwrap();
    }
    let log = std::fs::read(place.file("state.db-wal")).unwrap();
    store.shutdown().await;
    drop(store);
    let mut bytes = std::fs::read(place.file("state.db")).unwrap();
    bytes[4096..].fill(0xA5);
    std::fs::write(place.file("state.db"), &bytes).unwrap();
    Overwritten { bytes, log }
}

#[tokio::test]
async fn a_database_with_overwritten_pages_is_called_damaged_and_not_empty() {
    let place = Place::new();
    overwritten(&place).await;
    let message = match SqliteStore::open(&place.url(), Limits::default()).await {
        Err(error) => error.message,
        Ok(store) => store.ledger(&prod(), &OneKind).await.unwrap_err().message,
    };
    assert!(message.contains("damaged"), "{message}");
}

#[tokio::test]
async fn a_damaged_database_is_left_as_it_was_with_the_log_of_a_killed_process_beside_it() {
    let place = Place::new();
    let Overwritten { bytes, log } = overwritten(&place).await;
    // Pages that were written before there was a log are not in it: those stay damaged.
    std::fs::write(place.file("state.db-wal"), &log).unwrap();
    // What a connection writes as it closes may come after the refusal: that of one attempt is seen at the next.
    for _ in 0..20 {
        let message = place.fault().await;
        assert!(message.contains("damaged"), "{message}");
        assert!(std::fs::read(place.file("state.db")).unwrap() == bytes, "the file");
        assert!(std::fs::read(place.file("state.db-wal")).unwrap() == log, "its log");
    }
}

#[tokio::test]
async fn an_unreadable_entry_is_an_error_and_never_an_absence() {
    let place = Place::new();
    let store = place.open().await;
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    place.raw("UPDATE ledger SET spec = '[broken'").await;
    let message = store.ledger(&prod(), &OneKind).await.unwrap_err().message;
    assert!(
        message.contains("`spec` of `check/") && message.contains("prod"),
        "{message}"
    );
}

#[tokio::test]
async fn a_store_of_a_newer_version_and_a_foreign_database_are_refused() {
    let place = Place::new();
    place.open().await.shutdown().await;
    place.raw("PRAGMA user_version = 99").await;
    let message = place.fault().await;
    assert!(
        message.contains("newer driftless") && message.contains("99"),
        "{message}"
    );

    let foreign = Place::new();
    foreign.raw("CREATE TABLE people (name TEXT)").await;
    let message = foreign.fault().await;
    assert!(message.contains("another program"), "{message}");
}

#[tokio::test]
async fn an_older_store_takes_each_step_whole_or_not_at_all_and_keeps_what_it_holds() {
    let place = Place::new();
    let store = place.open().await;
    let run = a_run(&prod(), 1);
    store.put_run(&run).await.unwrap();
    store.shutdown().await;
    drop(store);
    // As the version before this one left it; something stands where the last step's table is to be.
    place
        .raw("DROP TABLE pull_runs; PRAGMA user_version = 5; CREATE VIEW pull_runs AS SELECT 1 AS one")
        .await;
    let message = place.fault().await;
    assert!(message.contains("prepare the tables"), "{message}");
    let said = async || {
        let found = check_file(&place.url(), &[CHECK]).await.unwrap();
        found.into_iter().map(|finding| finding.text).next().unwrap()
    };
    assert!(said().await.starts_with("it is of version 5"), "{}", said().await);
    place.raw("DROP VIEW pull_runs").await;
    let store = place.open().await;
    assert_eq!(store.run(&run.id).await.unwrap(), Some(run));
    assert_eq!(store.pull_runs(&PullRunsOf::Open).await.unwrap(), []);
    store.shutdown().await;
    drop(store);
    assert_eq!(said().await, "version 6");
}

#[tokio::test]
async fn a_folder_that_is_missing_or_a_place_that_is_a_folder_is_named() {
    let place = Place::new();
    let open = async |path: PathBuf| {
        SqliteStore::open(path.to_str().unwrap(), Limits::default())
            .await
            .unwrap_err()
            .message
    };
    let message = open(place.file("nowhere/state.db")).await;
    assert!(
        message.contains("nowhere") && message.contains("does not exist"),
        "{message}"
    );
    std::fs::create_dir(place.file("folder")).unwrap();
    let message = open(place.file("folder")).await;
    assert!(message.contains("folder"), "{message}");
}

#[tokio::test]
async fn a_lock_held_by_a_database_shell_is_said_to_be_one() {
    let place = Place::new();
    place.open().await.shutdown().await;
    // `of` is what every method words its errors with; SQLITE_BUSY comes after five seconds, so it is made here at once.
    let options = SqliteConnectOptions::new()
        .filename(place.file("state.db"))
        .busy_timeout(Duration::ZERO);
    let holder = SqlitePool::connect_with(options.clone()).await.unwrap();
    let _held = holder.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let other = SqlitePool::connect_with(options).await.unwrap();
    let error = sqlx::query("DELETE FROM intents").execute(&other).await.unwrap_err();
    let message = Faults::file(&place.file("state.db"))
        .of("write the ledger", &error)
        .message;
    assert!(message.contains("another program"), "{message}");
}
