//! Instants and spans as the pages say them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::server::api::instant;

/// An instant: exact for programs and on hover, relative for people.
#[derive(Serialize)]
pub(super) struct When {
    /// UTC, ISO 8601.
    pub(super) iso: String,
    /// `3 min ago`, `in 40 s`.
    pub(super) text: String,
}

impl When {
    /// When something is due: what is overdue is due now, never a time ago.
    pub(super) fn due(time: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let ahead = (time - now).num_seconds();
        Self {
            iso: instant(time),
            text: if ahead < 1 {
                "now".to_owned()
            } else {
                format!("in {}", whole(time - now))
            },
        }
    }

    /// `time` as seen at `now`.
    pub(super) fn at(time: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let past = now - time;
        // The clocks of two machines differ by a little: what is hardly in the future is now.
        let text = if past.num_seconds() >= -1 && past.num_seconds() < 2 {
            "just now".to_owned()
        } else if past > TimeDelta::zero() {
            format!("{} ago", whole(past))
        } else {
            format!("in {}", whole(-past))
        };
        Self {
            iso: instant(time),
            text,
        }
    }
}

/// A span between now and then: a tenth of a second would be old before it is read.
fn whole(distance: TimeDelta) -> String {
    match distance.num_seconds() {
        seconds @ 0..10 => format!("{seconds} s"),
        _ => span(distance),
    }
}

/// How long something took or lasts, in its largest unit.
pub(super) fn span(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    match seconds {
        ..0 => "0 s".to_owned(),
        0..10 => format!("{:.1} s", span.num_milliseconds().max(0) as f64 / 1000.0),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_in_its_largest_unit() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(10);
        for (offset, text) in [
            (TimeDelta::zero(), "just now"),
            (TimeDelta::milliseconds(-1500), "just now"),
            (TimeDelta::seconds(5), "5 s ago"),
            (TimeDelta::seconds(59), "59 s ago"),
            (TimeDelta::minutes(43), "43 min ago"),
            (TimeDelta::hours(47), "47 h ago"),
            (TimeDelta::days(3), "3 days ago"),
            (TimeDelta::seconds(-40), "in 40 s"),
        ] {
            assert_eq!(When::at(now - offset, now).text, text);
        }
        for (ahead, text) in [(-40, "now"), (0, "now"), (3, "in 3 s"), (600, "in 10 min")] {
            assert_eq!(When::due(now + TimeDelta::seconds(ahead), now).text, text);
        }
        assert_eq!(When::at(now, now).iso, "1970-01-11T00:00:00Z");
    }
}
