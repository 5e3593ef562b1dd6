//! The history of drift: what was changed by hand on which resource, since when, how often, and how often it was put back.

use chrono::{DateTime, Utc};
use driftless_core::key::Key;

/// The drift of one resource as far as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftRecord {
    /// The resource.
    pub key: Key,
    /// When a pass first found drift on it.
    pub first_seen: DateTime<Utc>,
    /// Since when it stands; `None` once it was put back, or both sides agree again.
    pub open_since: Option<DateTime<Utc>>,
    /// When a pass last found drift on it.
    pub last_seen: DateTime<Utc>,
    /// How many passes found drift on it.
    pub seen: u32,
    /// How often it was put back.
    pub corrected: u32,
    /// When it was put back the last few times, oldest first.
    pub corrections: Vec<DateTime<Utc>>,
    /// Since when it is not put back any more.
    pub stopped: Option<DateTime<Utc>>,
    /// Who changed it last and when, in the platform's words, where it says so.
    pub edited: Option<String>,
}

impl DriftRecord {
    /// The record of a resource on which nothing was found before `now`.
    pub fn new(key: Key, now: DateTime<Utc>) -> Self {
        Self {
            key,
            first_seen: now,
            open_since: None,
            last_seen: now,
            seen: 0,
            corrected: 0,
            corrections: Vec::new(),
            stopped: None,
            edited: None,
        }
    }
}
