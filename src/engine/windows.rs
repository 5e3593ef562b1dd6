//! When an environment may be written to: windows that deny, windows that allow, and when the next write is possible.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;

use super::schedule::CronSchedule;

/// The windows of an environment. Without any, it is always open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Windows(Vec<Window>);

/// One window: it begins at the moments of a cron expression and lasts for that long from each, whatever the clocks do meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// What it says of writes.
    pub rule: Rule,
    /// When it begins.
    pub begins: CronSchedule,
    /// How long it lasts.
    pub duration: Duration,
}

/// What a window says of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// None while it lasts, whatever other windows say.
    Deny,
    /// Where there is any such window, none outside of all of them.
    Allow,
}

/// Why nothing may be written now.
#[derive(Clone, Debug, PartialEq)]
pub struct Closed {
    /// Which window says so, one clause.
    pub why: String,
    /// The time zone of that window.
    pub timezone: Tz,
    /// When a write is possible again; `None` when that is too far to be told.
    pub opens: Option<DateTime<Utc>>,
}

impl Closed {
    /// The whole as a sentence, with what to do about it.
    pub fn message(&self) -> String {
        let opens = match self.opens {
            Some(opens) => {
                let local = opens.with_timezone(&self.timezone);
                let seconds = local.to_rfc3339_opts(SecondsFormat::Secs, true);
                let shown = match seconds.get(16..19) {
                    Some(":00") => local.format("%Y-%m-%d %H:%M"),
                    _ => local.format("%Y-%m-%d %H:%M:%S"),
                };
                format!("opens {shown} {}", self.timezone)
            }
            None => "no opening is in sight: look at `windows` in the config file".to_owned(),
        };
        format!("no write now: {}; {opens}", self.why)
    }
}

/// Moments that are looked at for the next opening: one that begins every minute is followed for three days.
const BOUNDARIES: usize = 5_000;

impl Windows {
    /// These windows; their order means nothing.
    pub fn new(windows: Vec<Window>) -> Self {
        Self(windows)
    }

    /// Why nothing may be written at `now`; `None` when it may.
    pub fn closed(&self, now: DateTime<Utc>) -> Option<Closed> {
        let denying = self
            .0
            .iter()
            .find(|window| window.rule == Rule::Deny && window.covers(now));
        let (why, timezone) = match denying {
            Some(window) => (
                format!("the window {} is in force", window.text()),
                window.begins.timezone(),
            ),
            None => {
                if self.is_open(now) {
                    return None;
                }
                let allowing: Vec<&Window> = self.0.iter().filter(|window| window.rule == Rule::Allow).collect();
                let texts: Vec<String> = allowing.iter().map(|window| window.text()).collect();
                let timezone = allowing.first().map_or(Tz::UTC, |window| window.begins.timezone());
                (
                    format!("none of the windows {} is in force", texts.join(", ")),
                    timezone,
                )
            }
        };
        let opens = self.opening(now);
        Some(Closed { why, timezone, opens })
    }

    /// Whether a write is possible at `now`: no window denies it, and one allows it if any window allows at all.
    fn is_open(&self, now: DateTime<Utc>) -> bool {
        let mut allowed = None;
        for window in &self.0 {
            match window.rule {
                Rule::Deny if window.covers(now) => return false,
                Rule::Deny => {}
                Rule::Allow => allowed = Some(allowed == Some(true) || window.covers(now)),
            }
        }
        allowed.unwrap_or(true)
    }

    /// The first moment after `now` at which a write is possible: a beginning or an end of some window.
    fn opening(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut at = now;
        for _ in 0..BOUNDARIES {
            at = self.0.iter().filter_map(|window| window.boundary(at)).min()?;
            if self.is_open(at) {
                return Some(at);
            }
        }
        None
    }
}

impl Window {
    /// Whether it has begun and not yet ended at `now`.
    fn covers(&self, now: DateTime<Utc>) -> bool {
        self.earliest(now).is_some_and(|begun| begun <= now)
    }

    /// The first moment after `now` at which it may begin or end.
    fn boundary(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let ends = self
            .earliest(now)
            .and_then(|begun| begun.checked_add_signed(self.length()));
        [self.begins.next(now), ends].into_iter().flatten().min()
    }

    /// The first beginning whose end is after `now`; it may be to come.
    fn earliest(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.begins.next(now.checked_sub_signed(self.length())?)
    }

    fn length(&self) -> TimeDelta {
        TimeDelta::from_std(self.duration).unwrap_or(TimeDelta::MAX)
    }

    /// How messages call it.
    fn text(&self) -> String {
        let rule = match self.rule {
            Rule::Deny => "deny",
            Rule::Allow => "allow",
        };
        format!(
            "`{rule}: {}` of {}",
            self.begins,
            humantime::format_duration(self.duration)
        )
    }
}

#[cfg(test)]
mod tests;
