//! Commits that wait for the disk together: steps run side by side, and a flush for each of them would be most of an apply.

use std::sync::{Mutex, PoisonError};

use driftless_core::key::{EnvironmentName, Key};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::oneshot;

use super::fault::Faults;
use super::{audit, rows};
use crate::store::audit::{Head, Note};
use crate::store::{Intent, Settled, StoreError};

/// A change that must be on the disk before its caller goes on.
#[derive(Debug)]
pub(super) enum Change {
    /// A write is about to be tried.
    Intend(EnvironmentName, Intent, Box<Note>),
    /// A write has ended, and leaves this behind.
    Settle(EnvironmentName, Key, Box<Settled>, Box<Note>),
    /// Something is said in the audit alone.
    Note(Box<Note>),
}

impl Change {
    /// Writes the change, and its record at the end of the chain.
    async fn write(&self, connection: &mut SqliteConnection, head: &mut Head) -> Result<(), sqlx::Error> {
        let note = match self {
            Change::Intend(environment, intent, note) => {
                rows::put_intent(connection, environment, intent).await?;
                note
            }
            Change::Settle(environment, key, settled, note) => {
                rows::move_entries(connection, environment, &settled.moved).await?;
                if let Some(entry) = &settled.entry {
                    rows::put_entry(connection, environment, key, entry).await?;
                }
                for closed in &settled.closed {
                    rows::delete_entry(connection, environment, closed).await?;
                }
                rows::delete_intent(connection, environment, key).await?;
                note
            }
            Change::Note(note) => note,
        };
        let record = head.follow(Note::clone(note));
        audit::append(connection, &record).await?;
        *head = record.head();
        Ok(())
    }
}

type Waiting = (Change, oneshot::Sender<Result<(), StoreError>>);

/// What waits for the next commit.
#[derive(Debug)]
pub(super) struct Group {
    writer: SqlitePool,
    faults: Faults,
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

impl Group {
    pub(super) fn new(writer: SqlitePool, faults: Faults) -> Self {
        Self {
            writer,
            faults,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Adds a change to the next commit, and says how to learn what became of it.
    pub(super) fn add(&self, change: Change) -> oneshot::Receiver<Result<(), StoreError>> {
        let (sender, receiver) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((change, sender));
        receiver
    }

    /// Commits all that waits, in the order it came, after the commit that is under way. All of it stands, or none.
    pub(super) async fn flush(&self) {
        let _turn = self.turn.lock().await;
        let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if batch.is_empty() {
            return; // an earlier flush took it along
        }
        let result = self.commit(&batch).await;
        for (_, sender) in batch {
            let answer = match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(self.faults.of("note a write", error)),
            };
            // Whoever no longer listens was cancelled; the change stands all the same.
            let _ = sender.send(answer);
        }
    }

    async fn commit(&self, batch: &[Waiting]) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin().await?;
        let mut head = audit::head(&mut transaction).await?;
        for (change, _) in batch {
            change.write(&mut transaction, &mut head).await?;
        }
        transaction.commit().await
    }
}
