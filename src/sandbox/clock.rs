//! A clock of its own for each instance: time comes from a counter, never from a wall clock.

use super::table::Id;

/// 2026-01-05T08:00:00Z, the moment an instance begins at.
const BEGINNING: i64 = 1_767_600_000;

/// A counter that stands for time: every look at it is a second later.
#[derive(Default)]
pub(super) struct Clock(u64);

impl Clock {
    /// The time now, as ISO 8601; time moves on.
    pub(super) fn stamp(&mut self) -> String {
        self.0 += 1;
        self.read(0)
    }

    /// The time now with an offset and microseconds; time moves on.
    pub(super) fn precise(&mut self) -> String {
        self.0 += 1;
        self.moment(0).map_or_else(String::new, |moment| {
            moment.format("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
        })
    }

    /// The time `back` seconds ago, without moving on.
    pub(super) fn read(&self, back: u64) -> String {
        self.moment(back)
            .map_or_else(String::new, |moment| moment.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    fn moment(&self, back: u64) -> Option<chrono::DateTime<chrono::Utc>> {
        let ticks = i64::try_from(self.0.saturating_sub(back)).unwrap_or(0);
        chrono::DateTime::from_timestamp(BEGINNING + ticks, 653_283_000)
    }

    /// One request has come in.
    pub(super) fn tick(&mut self) {
        self.0 += 1;
    }

    /// A number below `below` that differs from request to request and from row to row.
    pub(super) fn wander(&self, id: Id, salt: u64, below: u64) -> u64 {
        let seed =
            self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ id.unsigned_abs().wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ salt;
        let mixed = (seed ^ (seed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 29)) % below.max(1)
    }
}
