//! What is saved of a damaged store: all that can be read, nothing that was not written, and the damaged file itself.

use std::path::Path;

use super::rebuild::{Rebuilt, rebuild};
use super::*;
use crate::store::facts::{Suspension, recall, remember};

const ROWS: usize = 300;

async fn rebuilt(place: &Place) -> Rebuilt {
    rebuild(&place.url(), &[CHECK], time(0)).await.unwrap()
}

fn lines(rebuilt: &Rebuilt) -> String {
    match rebuilt {
        Rebuilt::Sound => "sound".to_owned(),
        Rebuilt::Anew { lines, .. } => lines.join("\n"),
    }
}

fn suspension() -> Suspension {
    Suspension {
        reason: "an audit".into(),
        by: Some("someone".into()),
        since: time(1),
    }
}

/// A store of several pages a table, closed so that it lies in one file.
async fn closed(place: &Place) -> Vec<u8> {
    let store = filled(place, ROWS).await;
    remember(&store, &prod(), &suspension()).await.unwrap();
    let kept = LedgerEntry {
        protected: true,
        ..entry("kept")
    };
    store.agree(&prod(), &[], &[(key("protected"), kept)]).await.unwrap();
    store.shutdown().await;
    drop(store);
    assert!(!place.file("state.db-wal").exists());
    std::fs::read(place.file("state.db")).unwrap()
}

/// Everything that is in the store now is what was written, and the store works.
async fn assert_true(place: &Place, what: &str) -> usize {
    let store = place.open().await;
    let ledger = store.ledger(&prod(), &OneKind).await.unwrap();
    for run in store.runs(None, 1000).await.unwrap() {
        assert!(store.run(&run.id).await.unwrap().is_some(), "{what}");
    }
    let _: Option<Suspension> = recall(&store, &prod()).await.unwrap();
    store.agree(&prod(), &[], &[(key("new"), entry("new"))]).await.unwrap();
    store.note(&applied()).await.unwrap();
    let found = check_file(&place.url(), &[CHECK]).await.unwrap();
    assert!(
        found.iter().all(|finding| finding.standing != Standing::Faulty),
        "{what}: {found:#?}"
    );
    // The next damaged file must find no journal of this one.
    store.shutdown().await;
    ledger.entries.len()
}

fn aside(place: &Place) -> Option<PathBuf> {
    let entries = std::fs::read_dir(place.folder.path()).unwrap();
    let is_aside = |path: &Path| path.to_str().is_some_and(|path| path.ends_with("Z"));
    entries.map(|entry| entry.unwrap().path()).find(|path| is_aside(path))
}

#[tokio::test]
async fn a_sound_store_is_left_as_it_is() {
    let place = Place::new();
    let before = closed(&place).await;
    assert_eq!(rebuilt(&place).await, Rebuilt::Sound);
    assert!(std::fs::read(place.file("state.db")).unwrap() == before);
    assert_eq!(aside(&place), None);
}

#[tokio::test]
async fn a_store_that_is_in_use_is_refused_with_the_process_that_uses_it() {
    let place = Place::new();
    let store = filled(&place, 1).await;
    let error = rebuild(&place.url(), &[CHECK], time(0)).await.unwrap_err();
    assert!(
        error.message.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    drop(store);
}

#[tokio::test]
async fn a_page_of_rubbish_costs_what_was_on_it_and_nothing_else() {
    let place = Place::new();
    let sound = closed(&place).await;
    let pages = sound.len() / PAGE;
    let mut saved = Vec::new();
    for page in 1..pages {
        let mut bytes = sound.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0xA5);
        std::fs::write(place.file("state.db"), &bytes).unwrap();
        let rebuilt = rebuilt(&place).await;
        assert!(
            std::fs::read(aside(&place).unwrap()).unwrap() == bytes,
            "the damaged file is kept"
        );
        let entries = assert_true(&place, &format!("page {page}: {}", lines(&rebuilt))).await;
        saved.push(entries);
        std::fs::remove_file(aside(&place).unwrap()).unwrap();
    }
    // The table's root is one page, and all others hold a few dozen rows each.
    let bad = saved.iter().filter(|entries| **entries < ROWS / 2).count();
    assert!(bad <= 1, "{saved:?}");
    assert!(
        saved.iter().any(|entries| (ROWS / 2..ROWS).contains(entries)),
        "{saved:?}"
    );
    assert!(
        saved.iter().filter(|entries| **entries == ROWS + 1).count() > pages / 4,
        "{saved:?}"
    );
}

/// The size of a page: SQLite's default.
const PAGE: usize = 4096;

#[tokio::test]
async fn flipped_bits_and_files_that_were_cut_off_never_stop_a_rebuild() {
    let place = Place::new();
    let sound = closed(&place).await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut saved = 0;
    for round in 0..24 {
        let mut bytes = sound.clone();
        let what = match round % 4 {
            0 => {
                bytes.truncate(random.usize(0..bytes.len()));
                format!("round {round}: cut off at {}", bytes.len())
            }
            flips => {
                for _ in 0..flips * flips * 8 {
                    let at = random.usize(0..bytes.len());
                    bytes[at] ^= 1 << random.u32(0..8);
                }
                format!("round {round}: bits flipped")
            }
        };
        std::fs::write(place.file("state.db"), &bytes).unwrap();
        match rebuild(&place.url(), &[CHECK], time(round)).await {
            // Bits in a text are nobody's to see; those in the head can make it another program's file.
            Ok(Rebuilt::Sound) => {}
            Err(error) => {
                assert!(
                    error.message.contains("another program") || error.message.contains("newer driftless"),
                    "{what}: {error}"
                );
                continue;
            }
            Ok(rebuilt) => {
                saved += assert_true(&place, &format!("{what}: {}", lines(&rebuilt))).await;
                std::fs::remove_file(aside(&place).unwrap()).unwrap();
            }
        }
    }
    assert!(saved > 5 * ROWS, "{saved}");
}

#[tokio::test]
async fn what_people_said_is_saved_where_it_can_be_read() {
    let place = Place::new();
    let mut bytes = closed(&place).await;
    // The last page is of the table that was written last.
    let at = bytes.len() - PAGE;
    bytes[at..].fill(0xA5);
    std::fs::write(place.file("state.db"), &bytes).unwrap();
    rebuilt(&place).await;
    let store = place.open().await;
    let remembered: Option<Suspension> = recall(&store, &prod()).await.unwrap();
    assert_eq!(remembered, Some(suspension()));
    assert!(store.ledger(&prod(), &OneKind).await.unwrap().entries[&key("protected")].protected);
}

#[tokio::test]
async fn of_a_file_that_is_none_nothing_is_saved_and_that_is_said() {
    for bytes in [vec![b'x'; 20_000], b"SQLite format 3\0".to_vec(), Vec::new()] {
        let place = Place::new();
        closed(&place).await;
        std::fs::write(place.file("state.db"), &bytes).unwrap();
        let said = lines(&rebuilt(&place).await);
        assert!(said.contains("ledger: nothing could be read"), "{said}");
        assert!(std::fs::read(aside(&place).unwrap()).unwrap() == bytes);
        assert_eq!(assert_true(&place, "nothing").await, 0);
    }
}

#[tokio::test]
async fn a_journal_that_is_lost_or_damaged_costs_at_most_what_was_in_it() {
    for damaged in [false, true] {
        let place = Place::new();
        let store = filled(&place, ROWS).await;
        let copy = Place::new();
        for name in ["state.db", "state.db-wal", "state.db.key"] {
            std::fs::copy(place.file(name), copy.file(name)).unwrap();
        }
        drop(store);
        match damaged {
            true => {
                let mut bytes = std::fs::read(copy.file("state.db-wal")).unwrap();
                let at = bytes.len() / 2;
                bytes[at..].fill(0xA5);
                std::fs::write(copy.file("state.db-wal"), bytes).unwrap();
            }
            false => std::fs::remove_file(copy.file("state.db-wal")).unwrap(),
        }
        // SQLite's journal is made for this: what was committed before the damage is there.
        assert_true(&copy, &format!("damaged: {damaged}")).await;
    }
}

#[tokio::test]
async fn a_chain_that_was_broken_is_continued_from_what_is_whole_and_the_rest_is_kept_beside() {
    let place = Place::new();
    closed(&place).await;
    place
        .raw("DROP TRIGGER audit_is_never_changed; UPDATE audit SET approver = 'x' WHERE sequence = 7")
        .await;
    let said = lines(&rebuilt(&place).await);
    assert!(said.contains("audit: 6 records from the first on"), "{said}");
    let spill = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .unwrap();
    assert_eq!(std::fs::read_to_string(spill).unwrap().lines().count(), ROWS - 6);
    assert_true(&place, "a broken chain").await;
}

#[tokio::test]
async fn a_key_that_is_none_is_put_aside_too() {
    let place = Place::new();
    closed(&place).await;
    std::fs::write(place.file("state.db.key"), "short").unwrap();
    let said = lines(&rebuilt(&place).await);
    assert!(said.contains("every secret is sent once more"), "{said}");
    assert_eq!(assert_true(&place, "a new key").await, ROWS + 1);
}
