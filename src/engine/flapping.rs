//! Flapping: what is changed on the platform again each time that it was put back is not put back any more, so that two writers
//! do not fight. Plain state over the history of one resource's drift; the time goes in.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::store::drifts::DriftRecord;

/// As often as this it is put back within [`WINDOW`]; then no more.
pub(super) const LIMIT: usize = 5;

/// How far back corrections count.
pub(super) const WINDOW: TimeDelta = TimeDelta::hours(1);

/// Whether the resource is not put back at `now`, should it have drifted.
pub(super) fn is_stopped(record: &DriftRecord, now: DateTime<Utc>) -> bool {
    // A clock that was set back must not hold anything for as long: what lies ahead does not count.
    let counts = |at: &&DateTime<Utc>| **at <= now && now - **at < WINDOW;
    record.stopped.is_some() || record.corrections.iter().filter(counts).count() >= LIMIT
}

/// A pass that began at `now` found drift which it was to put back.
pub(super) fn found(record: &mut DriftRecord, now: DateTime<Utc>) {
    if is_stopped(record, now) {
        record.stopped.get_or_insert(now);
    }
}

/// It was put back. One that was stopped was let through, by a person or by a change in Git: the count starts anew.
pub(super) fn corrected(record: &mut DriftRecord, now: DateTime<Utc>) {
    if record.stopped.take().is_some() {
        record.corrections.clear();
    }
    record.corrections.push(now);
    let old = record.corrections.len().saturating_sub(LIMIT);
    record.corrections.drain(..old);
    record.corrected = record.corrected.saturating_add(1);
}

/// A pass found nothing to put back. Between two corrections that is no news; after a stop it is what was waited for.
pub(super) fn in_sync(record: &mut DriftRecord) {
    if record.stopped.take().is_some() {
        record.corrections.clear();
    }
}

/// Why it is stopped, one sentence.
pub(super) fn sentence(record: &DriftRecord) -> String {
    let last = record.corrections.last();
    let last = last.map(|at| format!(", the last time at {}", at.to_rfc3339_opts(SecondsFormat::Secs, true)));
    let by = record.edited.as_ref().map(|edited| format!(" ({edited})"));
    format!(
        "corrected {LIMIT} times within an hour{}, and changed again{}: stopped, since somebody or something keeps changing it. \
         Find out who, then change it in Git, or put it right on the platform, or `driftless approve` one more correction",
        last.unwrap_or_default(),
        by.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
