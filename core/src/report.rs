//! What became of a plan.

use std::time::Duration;

use crate::field::FieldPath;
use crate::key::{Key, RemoteId};
use crate::plan::{Action, BlockReason, Plan};

/// What became of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Index of the step in the plan.
    pub step: usize,
    /// The resource.
    pub key: Key,
    /// What was to be done.
    pub action: Action,
    /// What happened.
    pub result: Outcomes,
    /// How often it was tried; 0 when it was skipped.
    pub attempts: u32,
    /// How long it took, retries included.
    pub elapsed: Duration,
}

/// What happened to a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcomes {
    /// It took effect.
    Applied {
        /// The number that the resource has there.
        remote: Option<RemoteId>,
    },
    /// It did not.
    Failed(Failure),
    /// It was not tried.
    Skipped(SkipReason),
}

impl Outcomes {
    /// The word of the JSON report.
    pub fn word(&self) -> &'static str {
        match self {
            Outcomes::Applied { .. } => "applied",
            Outcomes::Failed(_) => "failed",
            Outcomes::Skipped(_) => "skipped",
        }
    }
}

/// Why a step was not tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// A step it depends on failed or was skipped.
    Upstream(Key),
    /// It deletes, and not everything that comes before the deletions was applied.
    UpsertsFailed,
    /// The process was asked to stop.
    Stopping,
    /// Somebody suspended the environment while the pass was under way.
    Suspended,
}

/// A failure by meaning: what the engine decides by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it means.
    pub meaning: Meaning,
    /// What happened and what to do about it. Never holds a secret.
    pub message: String,
    /// What the platform said of single fields.
    pub fields: Vec<(FieldPath, String)>,
    /// How long the platform asks to wait.
    pub retry_after: Option<Duration>,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// The token is missing, wrong or expired.
    Unauthorized,
    /// The token may not do this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The state of the platform forbids it: a name is taken, something is in use.
    Conflict,
    /// The platform refuses the content.
    Invalid,
    /// Too many requests.
    RateLimited,
    /// The platform is not able to answer now; nothing took effect or it can be looked up.
    Unavailable,
    /// No answer in time, or the connection broke: a write may have taken effect.
    Lost,
    /// An answer that is not what the contract says: HTML, half a page, a wrong total.
    Broken,
    /// It was not sent at all: the platform has not answered for a while, and is given time.
    NotSent,
}

impl Meaning {
    /// A stable word for logs, metrics and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Meaning::Unauthorized => "unauthorized",
            Meaning::Forbidden => "forbidden",
            Meaning::NotFound => "not_found",
            Meaning::Conflict => "conflict",
            Meaning::Invalid => "invalid",
            Meaning::RateLimited => "rate_limited",
            Meaning::Unavailable => "unavailable",
            Meaning::Lost => "lost",
            Meaning::Broken => "broken",
            Meaning::NotSent => "not_sent",
        }
    }

    /// Whether the same request may succeed later without anybody's doing.
    pub fn is_transient(self) -> bool {
        match self {
            Meaning::RateLimited | Meaning::Unavailable | Meaning::Lost | Meaning::Broken | Meaning::NotSent => true,
            Meaning::Unauthorized | Meaning::Forbidden | Meaning::NotFound | Meaning::Conflict | Meaning::Invalid => {
                false
            }
        }
    }

    /// Whether it is of use to send the same request again within the pass. What was not sent for want of answers is the next
    /// pass's.
    pub fn is_retryable(self) -> bool {
        self.is_transient() && self != Meaning::NotSent
    }
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conclusion {
    /// All that was to be done was done, but for what a person does on the platform's own pages.
    Succeeded,
    /// Some steps, or some documents, or some kinds were not.
    Partial,
    /// Nothing could be done.
    Failed,
}

impl Conclusion {
    /// The word of the JSON report and of the metric's `outcome`.
    pub fn word(self) -> &'static str {
        match self {
            Conclusion::Succeeded => "succeeded",
            Conclusion::Partial => "partial",
            Conclusion::Failed => "failed",
        }
    }
}

/// The totals of an apply, as the JSON report has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Steps that created.
    pub created: usize,
    /// Steps that updated.
    pub updated: usize,
    /// Steps that replaced.
    pub replaced: usize,
    /// Steps that deleted.
    pub deleted: usize,
    /// Resources that were in sync.
    pub unchanged: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps that were not tried.
    pub skipped: usize,
}

/// A plan with what became of it.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an unread report is not actionable"]
pub struct Report {
    /// The plan.
    pub plan: Plan,
    /// One outcome a step, in the order of the steps.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// The totals.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            unchanged: self.plan.unchanged.values().sum(),
            ..Tally::default()
        };
        for outcome in &self.outcomes {
            match (&outcome.result, &outcome.action) {
                (Outcomes::Applied { .. }, Action::Create) => tally.created += 1,
                (Outcomes::Applied { .. }, Action::Update) => tally.updated += 1,
                (Outcomes::Applied { .. }, Action::Replace(_)) => tally.replaced += 1,
                (Outcomes::Applied { .. }, Action::Delete(_)) => tally.deleted += 1,
                (Outcomes::Applied { .. }, Action::Operation(_)) => {}
                (Outcomes::Failed(_), _) => tally.failed += 1,
                (Outcomes::Skipped(_), _) => tally.skipped += 1,
            }
        }
        tally
    }

    /// Whether all that is left undone waits for a person or for its time: to try again soon is of no use. `faults` as for
    /// [`Report::conclusion`].
    pub fn only_waits(&self, faults: usize) -> bool {
        let Tally { failed, skipped, .. } = self.tally();
        let mut blocked = self.plan.blocked.iter();
        // What depends on something that is blocked waits as that does.
        let waits = |reason: BlockReason| reason.waits() || reason == BlockReason::DependencyBlocked;
        failed + skipped + faults == 0 && blocked.all(|blocked| waits(blocked.reason))
    }

    /// How the pass ended; `faults` is the number of documents that were left out because of errors. What waits for a person's hand
    /// on the platform's own pages is blocked, and no failure of the pass: it may wait for days.
    pub fn conclusion(&self, faults: usize) -> Conclusion {
        let Tally {
            created,
            updated,
            replaced,
            deleted,
            unchanged: _,
            failed,
            skipped,
        } = self.tally();
        let applied = created + updated + replaced + deleted;
        let mut blocked = self.plan.blocked.iter();
        let is_manual = blocked.all(|blocked| blocked.reason == BlockReason::ManualStep);
        if failed + skipped + faults == 0 && is_manual {
            Conclusion::Succeeded
        } else if failed > 0 && applied == 0 && failed + skipped == self.outcomes.len() {
            Conclusion::Failed
        } else {
            Conclusion::Partial
        }
    }
}
