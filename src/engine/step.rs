//! Brings one step to its end: the intent before the write, the retries, the look-up of a write whose answer was lost, the
//! waiting for a job, the ledger after it.

use driftless_core::plan::{Action, Step};
use driftless_core::report::{Failure, Meaning, Outcomes};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::apply::Tools;
use crate::platform::{Done, Found, Job, Progress};
use crate::store::audit::{Became, Note};
use crate::store::{Intent, Settled, StoreError};

/// How a step ended.
pub(super) struct Ended {
    pub(super) result: Outcomes,
    /// How often it was sent.
    pub(super) attempts: u32,
}

/// Whether the platform holds what was to be written.
enum Effect {
    Took(Done),
    /// An earlier process's write did: nothing was sent now.
    Found(Done),
    /// Certainly not.
    Not(Failure),
    /// Nobody knows: the intent stays open, so that the next pass looks before it writes.
    Unknown(Failure),
}

/// Carries out `step`.
pub(super) async fn carry_out(step: &Step, tools: &Tools<'_>) -> Ended {
    let key = &step.change.key;
    if let Err(error) = announce(step, tools).await {
        return Ended {
            result: Outcomes::Failed(not_tried(&error)),
            attempts: 0,
        };
    }
    let mut attempts = 0;
    let effect = write(step, tools, &mut attempts).await;
    let became = effect.became();
    let note = tools.audit.note(step, &became, attempts);
    let result = match effect {
        Effect::Took(done) | Effect::Found(done) => {
            if let Some(id) = done.remote.filter(|_| !is_operation(step)) {
                tools.ids.put(key.clone(), id);
            }
            for (key, id) in &done.learned {
                tools.ids.put(key.clone(), *id);
            }
            match settle(step, &done, &note, tools).await {
                Ok(()) => Outcomes::Applied { remote: done.remote },
                Err(error) => Outcomes::Failed(not_remembered(&error)),
            }
        }
        Effect::Not(failure) => {
            if let Err(error) = end(step, &Settled::default(), &note, tools).await {
                warn!(step.key = %key, "The intent of {key} stays open: {error}");
            }
            Outcomes::Failed(failure)
        }
        Effect::Unknown(failure) => {
            if let Some(memory) = tools.memory
                && let Err(error) = memory.store.note(&note).await
            {
                warn!(step.key = %key, "The audit has no word of how the write of {key} ended: {error}");
            }
            Outcomes::Failed(failure)
        }
    };
    if let Outcomes::Failed(failure) = &result {
        let meaning = failure.meaning.word();
        warn!(step.key = %key, step.action = step.change.action.word(), failure.meaning = meaning, attempts,
            "Could not {} {key}: {}", step.change.action.word(), failure.message);
    } else {
        debug!(step.key = %key, step.action = step.change.action.word(), attempts, "Applied {key}");
    }
    Ended { result, attempts }
}

impl Effect {
    fn became(&self) -> Became {
        match self {
            Effect::Took(_) => Became::Applied,
            Effect::Found(_) => Became::LookedUp("an earlier process's write of it took effect".to_owned()),
            Effect::Not(failure) => Became::Failed(failure.message.clone()),
            Effect::Unknown(failure) => Became::Unknown(failure.message.clone()),
        }
    }
}

/// Commits that `step` is about to be tried.
async fn announce(step: &Step, tools: &Tools<'_>) -> Result<(), StoreError> {
    let Some(memory) = tools.memory else { return Ok(()) };
    let note = tools.audit.note(step, &Became::Intended, 0);
    // An operation that agrees on nothing makes nothing that could be there twice: it needs no intent.
    if !leaves_a_trace(step) {
        return memory.store.note(&note).await;
    }
    let intent = Intent {
        key: step.change.key.clone(),
        digest: tools.digest.clone(),
    };
    memory.store.intend(&memory.name, &intent, &note).await
}

/// Commits how `step` ended, with what it leaves behind.
async fn end(step: &Step, settled: &Settled, note: &Note, tools: &Tools<'_>) -> Result<(), StoreError> {
    let Some(memory) = tools.memory else { return Ok(()) };
    if !leaves_a_trace(step) {
        return memory.store.note(note).await;
    }
    memory.store.settle(&memory.name, &step.change.key, settled, note).await
}

fn is_operation(step: &Step) -> bool {
    matches!(step.change.action, Action::Operation(_))
}

fn leaves_a_trace(step: &Step) -> bool {
    !is_operation(step) || step.agreement.is_some()
}

/// Sends the write until it took effect, certainly did not, or the tries are used up.
async fn write(step: &Step, tools: &Tools<'_>, attempts: &mut u32) -> Effect {
    let mut step = step.clone();
    let mut doubtful = None; // the failure after which a write may have taken effect
    if tools.open.contains(&step.change.key) && could_double(&step.change.action) {
        *attempts = 1;
        match look_up(&mut step, tools).await {
            Ok(Looked::There(done)) => return Effect::Found(done),
            Ok(Looked::Rest | Looked::Absent) => *attempts = 0,
            Err(failure) => return Effect::Unknown(unknown_since_before(failure)),
        }
    }
    loop {
        *attempts += 1;
        let failure = match tools.platform.execute(&step, tools.ids).await {
            Ok(Progress::Done(done)) => return Effect::Took(done),
            Ok(Progress::Running(job)) => match wait_for(&job, tools).await {
                Ok(done) => return Effect::Took(done),
                Err(failure) => return Effect::Unknown(failure),
            },
            Err(failure) => failure,
        };
        // A name that is taken on the second try may be the first try's own, arrived late.
        let late = failure.meaning == Meaning::Conflict && doubtful.is_some();
        if !failure.meaning.is_transient() && !late {
            return Effect::Not(failure);
        }
        if may_have_taken_effect(&step.change.action, failure.meaning) {
            doubtful = Some(failure.clone());
        }
        let last = failure.meaning == Meaning::NotSent || *attempts >= tools.limits.attempts || tools.brake.is_pulled();
        if !last && !late {
            pause(&failure, *attempts, tools).await;
        }
        if doubtful.is_some() {
            match look_up(&mut step, tools).await {
                Ok(Looked::There(done)) => return Effect::Took(done),
                Ok(Looked::Absent) if late => return Effect::Not(failure),
                Ok(Looked::Rest | Looked::Absent) => {}
                Err(other) => return Effect::Unknown(unknown(&failure, &other)),
            }
        }
        if last || tools.brake.is_pulled() {
            return match doubtful {
                Some(_) => Effect::Unknown(failure),
                None => Effect::Not(failure),
            };
        }
        tools.follower.retry(failure.meaning);
    }
}

/// Whether carrying it out twice could leave two of it.
fn could_double(action: &Action) -> bool {
    match action {
        Action::Create | Action::Replace(_) => true,
        Action::Update | Action::Delete(_) | Action::Operation(_) => false,
    }
}

/// Whether a failed request may have done its work all the same. A platform that is not able to answer can have written
/// before it broke off; that matters only where a second write would not be the same as one.
fn may_have_taken_effect(action: &Action, meaning: Meaning) -> bool {
    match meaning {
        Meaning::Lost | Meaning::Broken => true,
        Meaning::Unavailable => could_double(action),
        Meaning::RateLimited
        | Meaning::Unauthorized
        | Meaning::Forbidden
        | Meaning::NotFound
        | Meaning::Conflict
        | Meaning::Invalid
        | Meaning::NotSent => false,
    }
}

/// What a look-up says is left to do.
enum Looked {
    /// Nothing.
    There(Done),
    /// What the step now says.
    Rest,
    /// All of it.
    Absent,
}

/// Looks up whether `step` took effect. Where it did in part, `step` becomes the update that is left to do.
async fn look_up(step: &mut Step, tools: &Tools<'_>) -> Result<Looked, Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        match tools.platform.find(step, tools.ids).await {
            Ok(Found::Done(id)) => {
                return Ok(Looked::There(Done {
                    remote: Some(id),
                    learned: Vec::new(),
                }));
            }
            Ok(Found::Partly(id)) => {
                match step.change.action {
                    Action::Create | Action::Update | Action::Replace(_) => {
                        step.change.action = Action::Update;
                        step.remote = Some(id);
                    }
                    // What is still there is still to be deleted, or run.
                    Action::Delete(_) | Action::Operation(_) => {}
                }
                return Ok(Looked::Rest);
            }
            Ok(Found::Absent) => return Ok(Looked::Absent),
            Err(failure) => {
                if !failure.meaning.is_retryable() || tries >= tools.limits.attempts || tools.brake.is_pulled() {
                    return Err(failure);
                }
                pause(&failure, tries, tools).await;
            }
        }
    }
}

/// Waits for a job to end. To be told of its end is reading: a suspension does not break it off.
async fn wait_for(job: &Job, tools: &Tools<'_>) -> Result<Done, Failure> {
    let deadline = Instant::now() + tools.limits.job;
    let mut job = job.clone();
    let (mut polls, mut failures) = (0, 0);
    loop {
        polls += 1;
        let wait = tools.limits.poll.wait(polls, fastrand::f64());
        let over = Instant::now() + wait > deadline;
        tokio::select! {
            biased;
            () = tools.brake.process_stops() => return Err(left_running(&job, "driftless was asked to stop")),
            () = tokio::time::sleep(wait), if !over => {}
            () = std::future::ready(()), if over => {
                return Err(left_running(&job, &format!("it took longer than {} s", tools.limits.job.as_secs())));
            }
        }
        match tools.platform.poll(&job, tools.ids).await {
            Ok(Progress::Done(done)) => return Ok(done),
            Ok(Progress::Running(same)) => {
                failures = 0;
                job = same;
            }
            Err(failure) => {
                failures += 1;
                if !failure.meaning.is_retryable() || failures >= tools.limits.attempts {
                    return Err(failure);
                }
                pause(&failure, failures, tools).await;
            }
        }
    }
}

/// Waits as long as the platform asks, or as the backoff says; the brake ends it.
async fn pause(failure: &Failure, attempt: u32, tools: &Tools<'_>) {
    let backoff = tools.limits.retry.wait(attempt, fastrand::f64());
    let wait = match failure.retry_after {
        Some(wish) => wish.min(tools.limits.longest_wish).max(backoff),
        None => backoff,
    };
    tokio::select! {
        biased;
        () = tools.brake.pulled() => {}
        () = tokio::time::sleep(wait) => {}
    }
}

/// Writes to the ledger what the step agreed on. Tried again: the platform has it, so the ledger should.
async fn settle(step: &Step, done: &Done, note: &Note, tools: &Tools<'_>) -> Result<(), StoreError> {
    let entry = step.agreement.clone().map(|mut entry| {
        if !is_operation(step) {
            entry.remote = done.remote.or(step.remote).or(entry.remote);
        }
        entry
    });
    let settled = Settled {
        moved: step.moves.clone(),
        entry,
        closed: step.closes.clone(),
    };
    stubborn(tools, || end(step, &settled, note, tools)).await
}

/// Tries a commit again that failed.
async fn stubborn<F>(tools: &Tools<'_>, commit: impl Fn() -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match commit().await {
            Err(_) if tries < SETTLE_TRIES => tokio::time::sleep(tools.limits.retry.wait(tries, fastrand::f64())).await,
            result => return result,
        }
    }
}

/// A busy store answers within its own time-out; three of those are enough to know that it is broken.
const SETTLE_TRIES: u32 = 3;

fn failure(meaning: Meaning, message: String) -> Failure {
    Failure {
        meaning,
        message,
        fields: Vec::new(),
        retry_after: None,
    }
}

fn not_tried(error: &StoreError) -> Failure {
    failure(
        Meaning::Unavailable,
        format!("not tried, because driftless could not note first that it was about to: {error}"),
    )
}

fn not_remembered(error: &StoreError) -> Failure {
    failure(
        Meaning::Unavailable,
        format!("it took effect, but the ledger could not be written: {error}; the next pass compares it again"),
    )
}

fn left_running(job: &Job, why: &str) -> Failure {
    let (name, subject) = (job.operation.name, &job.operation.subject);
    failure(
        Meaning::Unavailable,
        format!(
            "{name} of {subject} was still running (number {} on the platform) when driftless stopped waiting: {why}; \
             it goes on there, and the next pass looks again",
            job.id
        ),
    )
}

/// How a step ends in which driftless itself failed. Its intent stays open.
pub(super) fn broke_down() -> Ended {
    let message = "its effect is unknown: driftless itself failed in this step, and its log has the place; please report it. \
                   The next pass looks it up before it writes";
    Ended {
        result: Outcomes::Failed(failure(Meaning::Broken, message.to_owned())),
        attempts: 1,
    }
}

fn unknown(first: &Failure, other: &Failure) -> Failure {
    Failure {
        message: format!(
            "its effect is unknown: {}; looking it up failed too: {}; the next pass looks it up before it writes",
            first.message, other.message
        ),
        ..first.clone()
    }
}

fn unknown_since_before(other: Failure) -> Failure {
    Failure {
        message: format!(
            "its effect is unknown: an earlier process was about to write it, and looking it up failed: {}; nothing was \
             written now",
            other.message
        ),
        ..other
    }
}
