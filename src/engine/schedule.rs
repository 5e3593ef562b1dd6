//! When something is due next: a fixed interval, or a cron expression in a time zone.
//!
//! Expressions mean what crontab(5) says (five fields, `0` and `7` are Sunday, two restricted day fields are joined by *or*),
//! with an optional field of seconds in front. The calendar is walked in wall-clock time, which has neither gaps nor folds,
//! and each moment is then put into the time zone: a moment that a change of clocks leaves out happens when the clocks go on,
//! one that comes twice happens the first time only.

mod field;

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

pub use self::field::CronField;
use self::field::Set;

/// When something is due next.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// This long after the last time.
    Every(Duration),
    /// At the moments of a cron expression.
    Cron(CronSchedule),
}

impl Schedule {
    /// The first moment after `after`; `None` when there is none before the year 2100.
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Schedule::Every(interval) => after.checked_add_signed(TimeDelta::from_std(*interval).ok()?),
            Schedule::Cron(cron) => cron.next(after),
        }
    }
}

/// A cron expression in a time zone.
#[derive(Clone, Debug)]
pub struct CronSchedule {
    text: String,
    timezone: Tz,
    /// Two when both day fields are restricted: either of them is enough.
    calendars: Vec<cron::Schedule>,
}

impl PartialEq for CronSchedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.timezone == other.timezone
    }
}

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.text, self.timezone)
    }
}

/// What is wrong with a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ScheduleFault {
    /// Which part of it.
    pub field: CronField,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl CronSchedule {
    /// Reads an expression of five fields (minute, hour, day of month, month, day of week), of six (second in front), or a name
    /// such as `@hourly`. `timezone` is a name of the IANA database (`Europe/Berlin`), or `UTC`.
    ///
    /// # Errors
    /// The first part that is not right.
    pub fn parse(text: &str, timezone: &str) -> Result<Self, ScheduleFault> {
        let timezone = Tz::from_str(timezone).map_err(|_| ScheduleFault {
            field: CronField::Timezone,
            message: format!(
                "`{timezone}` is no time zone: write a name of the IANA database, such as `Europe/Berlin`, or `UTC`"
            ),
        })?;
        let text = text.trim();
        let expression = match text.strip_prefix('@') {
            Some(name) => named(name)?,
            None => text,
        };
        let words: Vec<&str> = expression.split_whitespace().collect();
        let (second, rest) = match words.as_slice() {
            rest @ [_, _, _, _, _] => ("0", rest),
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            words => {
                return Err(ScheduleFault {
                    field: CronField::Expression,
                    message: format!(
                        "it has {} fields and should have five (minute, hour, day of month, month, day of week), or six with \
                         seconds in front",
                        words.len()
                    ),
                });
            }
        };
        let [minute, hour, day, month, weekday] = rest else {
            return Err(broken());
        };
        let second = Set::parse(CronField::Second, second)?;
        let minute = Set::parse(CronField::Minute, minute)?;
        let hour = Set::parse(CronField::Hour, hour)?;
        let day = Set::parse(CronField::DayOfMonth, day)?;
        let month = Set::parse(CronField::Month, month)?;
        let weekday = Set::parse(CronField::DayOfWeek, weekday)?;
        let never =
            !day.is_all() && weekday.is_all() && month.iter().all(|month| day.iter().all(|day| day > longest(month)));
        if never {
            return Err(ScheduleFault {
                field: CronField::DayOfMonth,
                message: "there is no such day in these months: it would never be due".to_owned(),
            });
        }
        let calendar = |day: &Set, weekday: &Set| {
            cron::Schedule::from_str(&format!("{second} {minute} {hour} {day} {month} {weekday}")).map_err(|_| broken())
        };
        let calendars = if day.is_all() || weekday.is_all() {
            vec![calendar(&day, &weekday)?]
        } else {
            vec![
                calendar(&day, &Set::all(CronField::DayOfWeek))?,
                calendar(&Set::all(CronField::DayOfMonth), &weekday)?,
            ]
        };
        Ok(Self {
            text: text.to_owned(),
            timezone,
            calendars,
        })
    }

    /// The time zone of its wall clock.
    pub fn timezone(&self) -> Tz {
        self.timezone
    }

    /// The first moment after `after`; `None` when there is none before the year 2100.
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // The wall clock, dressed up as UTC: a calendar without gaps and folds.
        let wall = after.with_timezone(&self.timezone).naive_local().and_utc();
        self.calendars
            .iter()
            .filter_map(|calendar| {
                calendar
                    .after(&wall)
                    .map(|moment| self.instant(moment.naive_utc()))
                    // In the second pass through a fold, what is still to come on the wall clock has happened already.
                    .find(|instant| *instant > after)
            })
            .min()
    }

    /// When the wall clock first shows `wall` or, where it leaves that out, a later time.
    fn instant(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        match self.timezone.from_local_datetime(&wall) {
            MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => instant.to_utc(),
            MappedLocalTime::None => self.end_of_gap(wall),
        }
    }

    /// The instant at which the clocks were put forward over `wall`: found by halving, to the second.
    fn end_of_gap(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        let passed = |instant: DateTime<Utc>| instant.with_timezone(&self.timezone).naive_local() >= wall;
        let (mut before, mut past) = (wall.and_utc() - WIDEST, wall.and_utc() + WIDEST);
        while past - before > TimeDelta::seconds(1) {
            let middle = before + TimeDelta::seconds((past - before).num_seconds() / 2);
            if passed(middle) {
                past = middle;
            } else {
                before = middle;
            }
        }
        past
    }
}

/// No wall clock is further from UTC, before or after a change: the widest are -12 h and +14 h, and one island skipped a day.
const WIDEST: TimeDelta = TimeDelta::hours(26);

/// Days of the longest month of that number there is.
fn longest(month: u32) -> u32 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn named(name: &str) -> Result<&'static str, ScheduleFault> {
    match name {
        "hourly" => Ok("0 * * * *"),
        "daily" | "midnight" => Ok("0 0 * * *"),
        "weekly" => Ok("0 0 * * 0"),
        "monthly" => Ok("0 0 1 * *"),
        "yearly" | "annually" => Ok("0 0 1 1 *"),
        _ => Err(ScheduleFault {
            field: CronField::Expression,
            message: format!("`@{name}` is unknown: there are @hourly, @daily, @weekly, @monthly and @yearly"),
        }),
    }
}

fn broken() -> ScheduleFault {
    ScheduleFault {
        field: CronField::Expression,
        message: "it cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests;
