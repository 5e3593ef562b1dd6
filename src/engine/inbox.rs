//! What an environment was asked for: one slot, so that requests join, and none is lost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::store::{RunId, Trigger};

/// A request for a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) run: RunId,
    pub(super) trigger: Trigger,
    /// The look at the source that must have been answered before the pass reads it.
    pub(super) ticket: u64,
}

/// The slot of one environment. Emptied when a pass begins: what is asked during a pass is for the next.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    slot: Mutex<Option<Asked>>,
    bell: Notify,
}

/// What is in the slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Request(Asked),
    /// A request that wants a newer look at the source.
    NotYet,
    Nothing,
}

impl Inbox {
    /// Asks for a pass, or joins the request that waits: the first one's run and reason stay, except that somebody who asked
    /// in person is not put off as a webhook may be. `mint` makes the name of a new run.
    pub(super) fn ask(&self, trigger: Trigger, ticket: u64, mint: impl FnOnce() -> RunId) -> RunId {
        let mut slot = self.slot();
        let asked = slot.get_or_insert_with(|| Asked {
            run: mint(),
            trigger: trigger.clone(),
            ticket,
        });
        asked.ticket = asked.ticket.max(ticket);
        if trigger.is_personal() {
            asked.trigger = trigger;
        }
        let run = asked.run.clone();
        drop(slot);
        self.bell.notify_one();
        run
    }

    /// What waits, left where it is.
    pub(super) fn peek(&self) -> Option<Asked> {
        self.slot().clone()
    }

    /// Takes what waits, if the look it wants is among the first `answered`.
    pub(super) fn take(&self, answered: u64) -> Taken {
        let mut slot = self.slot();
        match slot.take() {
            None => Taken::Nothing,
            Some(asked) if asked.ticket <= answered => Taken::Request(asked),
            early => {
                *slot = early;
                Taken::NotYet
            }
        }
    }

    /// Returns once something was asked since the last return.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    fn slot(&self) -> MutexGuard<'_, Option<Asked>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> RunId {
        RunId(name.to_owned())
    }

    #[test]
    fn requests_that_wait_are_one_run_and_those_after_it_began_another() {
        let inbox = Inbox::default();
        let hook = || Trigger::Webhook("github".into());
        assert_eq!(inbox.ask(hook(), 1, || run("a")), run("a"));
        assert_eq!(inbox.ask(hook(), 2, || run("b")), run("a"));
        assert_eq!(inbox.take(1), Taken::NotYet);
        let first = Asked {
            run: run("a"),
            trigger: hook(),
            ticket: 2,
        };
        assert_eq!(inbox.take(2), Taken::Request(first));
        assert_eq!(inbox.take(2), Taken::Nothing);
        assert_eq!(inbox.ask(hook(), 3, || run("c")), run("c"));
    }

    #[test]
    fn a_person_who_joins_a_webhook_is_heard() {
        let inbox = Inbox::default();
        inbox.ask(Trigger::Webhook("github".into()), 1, || run("a"));
        inbox.ask(Trigger::Manual, 2, || run("b"));
        inbox.ask(Trigger::Webhook("github".into()), 3, || run("c"));
        let asked = inbox.peek();
        assert_eq!(asked.map(|asked| asked.trigger), Some(Trigger::Manual));
    }
}
