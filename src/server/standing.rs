//! How an environment stands, in one word: what the banner counts, the list sorts by and the API says.

use driftless_core::diagnostic::Severity;
use driftless_core::plan::States;
use driftless_core::report::Conclusion;

use crate::engine::{EnvironmentView, SourceView};

/// How an environment stands, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// A pass could do nothing, or steps of it failed.
    Failed,
    /// Resources were changed on both sides.
    Conflict,
    /// Something is blocked.
    Blocked,
    /// Resources were changed by hand.
    Drift,
    /// Git is ahead.
    Pending,
    /// Files have errors, or kinds could not be read whole: what could be compared is in sync.
    Incomplete,
    /// All was in sync when it was last looked at; since then the source or the instance does not answer.
    Stale,
    /// No pass has ended yet since the daemon started: what history remembers says nothing of now.
    Waiting,
    /// All is as Git says.
    InSync,
}

impl Standing {
    /// How `view` stands, given its source.
    pub(super) fn of(view: &EnvironmentView, source: Option<&SourceView>) -> Self {
        let total = totals(view);
        let run_failed = view.last_run.as_ref().and_then(|run| run.conclusion) == Some(Conclusion::Failed);
        if view.error.is_some() || run_failed || total.failed > 0 {
            Standing::Failed
        } else if total.states.conflict > 0 {
            Standing::Conflict
        } else if total.states.blocked > 0 {
            Standing::Blocked
        } else if total.states.drift > 0 {
            Standing::Drift
        } else if total.states.pending > 0 {
            Standing::Pending
        } else if faults(view) > 0 || !view.gaps.is_empty() {
            Standing::Incomplete
        } else if source.is_some_and(|source| source.stale.is_some()) || view.circuit.is_some() {
            Standing::Stale
        } else if view.last_run.is_none() || view.revision.is_none() {
            Standing::Waiting
        } else {
            Standing::InSync
        }
    }

    /// The word of the API and of style sheets.
    pub(super) fn word(self) -> &'static str {
        match self {
            Standing::Failed => "failed",
            Standing::Conflict => "conflict",
            Standing::Blocked => "blocked",
            Standing::Drift => "drift",
            Standing::Pending => "pending",
            Standing::Incomplete => "incomplete",
            Standing::Stale => "stale",
            Standing::Waiting => "waiting",
            Standing::InSync => "in_sync",
        }
    }

    /// The words for people.
    pub(super) fn text(self) -> &'static str {
        match self {
            Standing::InSync => "in sync",
            Standing::Waiting => "waiting for its first run",
            other => other.word(),
        }
    }

    /// Whether somebody should look.
    pub(super) fn needs_attention(self) -> bool {
        self < Standing::Waiting
    }
}

/// The sums over all kinds of an environment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// The states.
    pub(super) states: States,
    /// Steps that failed.
    pub(super) failed: usize,
}

/// The sums over all kinds of `view`.
pub(super) fn totals(view: &EnvironmentView) -> Totals {
    view.kinds.iter().fold(Totals::default(), |total, kind| Totals {
        states: States {
            in_sync: total.states.in_sync + kind.states.in_sync,
            pending: total.states.pending + kind.states.pending,
            drift: total.states.drift + kind.states.drift,
            conflict: total.states.conflict + kind.states.conflict,
            orphaned: total.states.orphaned + kind.states.orphaned,
            unmanaged: total.states.unmanaged + kind.states.unmanaged,
            blocked: total.states.blocked + kind.states.blocked,
        },
        failed: total.failed + kind.failed,
    })
}

/// How many errors the files of `view` have; warnings do not count.
pub(super) fn faults(view: &EnvironmentView) -> usize {
    view.diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count()
}
