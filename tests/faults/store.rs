//! What becomes of a pass whose store is locked or lost.

use std::collections::BTreeSet;

use driftless_core::report::Outcomes;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::case::Case;
use crate::cell::{Cell, Unbroken, environment, killed, opened, pass, start};
use crate::instance::differences;
use crate::measure;
use crate::pipeline;
use crate::sorts::Sort;
use crate::wire::{OneByOne, Patience};

#[tokio::test]
async fn while_another_program_holds_the_store_locked_nothing_is_written_and_afterwards_all_of_it() {
    let case = Case::mixed().await;
    let instance = start(&case).await;
    let folder = tempfile::tempdir().unwrap();
    let gate = OneByOne::new(Patience::Usual);
    let environment = environment(&case, &instance, &gate, opened(folder.path()).await);
    let file = SqliteConnectOptions::new().filename(folder.path().join("store.db"));
    let mut shell = SqliteConnection::connect_with(&file).await.unwrap();

    // What both sides agree on already is noted first: not even that can be.
    let held = shell.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = pass(&environment, Patience::Usual).await.broken_by().join("; ");
    assert!(
        error.contains("nothing was written") && error.contains("end that program and try again"),
        "{error}"
    );
    assert_eq!(measure::done(&instance).await, measure::Done::default());
    held.rollback().await.unwrap();
    assert_eq!(pass(&environment, Patience::Usual).await.broken_by(), [] as [String; 0]);
    // The pass after it notes what it made as it is read back.
    assert_eq!(pass(&environment, Patience::Usual).await.broken_by(), [] as [String; 0]);
    let written = measure::done(&instance).await;

    // Nothing is left to agree on now: it is the intents that cannot be noted.
    let check = case
        .files
        .paths()
        .into_iter()
        .find(|path| path.contains("/checks/"))
        .unwrap();
    case.files.edit(&check, "description: ", "description: Another ");
    let held = shell.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let broken = pass(&environment, Patience::Usual).await;
    let report = broken.report().unwrap();
    assert_eq!((report.outcomes.len(), report.outcomes[0].attempts), (1, 0));
    let Outcomes::Failed(failure) = &report.outcomes[0].result else {
        panic!("{report:?}")
    };
    assert!(failure.message.starts_with("not tried, because"), "{}", failure.message);
    assert!(
        failure.message.contains("end that program and try again"),
        "{}",
        failure.message
    );
    assert_eq!(measure::done(&instance).await, written);
    held.rollback().await.unwrap();
    assert_eq!(pass(&environment, Patience::Usual).await.broken_by(), [] as [String; 0]);
    assert_eq!(
        measure::done(&instance).await.writes.count(),
        written.writes.count() + 1
    );
}

#[tokio::test]
async fn a_store_that_is_lost_costs_one_more_sending_of_the_secrets_and_nothing_else() {
    let case = Case::mixed().await;
    let unbroken = Unbroken::of(&case).await;
    let last = unbroken.asked.len();
    // After a pass that ended, and after one that died in the middle with its last write done.
    let middle = (last / 2..last).find(|at| !unbroken.asked[at - 1].is_read()).unwrap();
    for died_at in [None, Some(middle)] {
        let instance = start(&case).await;
        let strangers = measure::Strangers::of(&instance).await;
        let folder = tempfile::tempdir().unwrap();
        let gate = OneByOne::new(Patience::Usual);
        match died_at {
            None => {
                let memory = pipeline::memory().await;
                let environment = environment(&case, &instance, &gate, memory);
                assert_eq!(pass(&environment, Patience::Usual).await.broken_by(), [] as [String; 0]);
            }
            Some(at) => {
                let cell = Cell {
                    sort: Sort::KillAfter,
                    at,
                    patience: Patience::Usual,
                };
                instance.door("PUT", "faults", cell.rules()).await;
                drop(killed(&case, &instance, cell, folder.path()).await);
                instance.door("DELETE", "faults", serde_json::Value::Null).await;
            }
        }
        let environment = environment(&case, &instance, &gate, pipeline::memory().await);
        let next = pass(&environment, Patience::Usual).await;
        assert_eq!(next.broken_by(), [] as [String; 0]);
        assert_eq!(
            differences(&measure::state(&instance).await, &unbroken.state),
            [] as [String; 0]
        );
        let done = measure::done(&instance).await;
        assert_eq!(done.writes.repeated(), [] as [String; 0]);
        assert_eq!(
            done.writes.methods(),
            BTreeSet::from(["PATCH", "POST", "PUT"]),
            "nothing is deleted"
        );
        assert_eq!(measure::Strangers::of(&instance).await, strangers);
        let third = pass(&environment, Patience::Usual).await;
        assert!(third.report().unwrap().plan.is_empty());
    }
}
