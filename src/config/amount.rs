//! Amounts as the config file writes them: durations, shares, counts, moments.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::engine::schedule::CronSchedule;

/// A duration in humantime's words: `90s`, `10m`, `1h30m`. From one second to a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(pub Duration);

/// The shortest interval: more often, a pass would only wait for the one before it.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest: clocks cannot count on by much longer ones.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_str(Text("a duration with its unit, such as `30s`, `10m` or `1h30m`"))?;
        let duration = humantime::parse_duration(text.trim())
            .map_err(|_| Error::custom("should be a duration with its unit, such as `30s`, `10m` or `1h30m`"))?;
        if duration < SHORTEST {
            return Err(Error::custom("is too short: one second is the least"));
        }
        if duration > LONGEST {
            return Err(Error::custom("is too long: a year (`366d`) is the most"));
        }
        Ok(Self(duration))
    }
}

/// A share of a whole, in hundredths: `30%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// From 0 to 100.
    pub percent: u8,
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_str(Text("a share such as `30%`"))?;
        let percent = text
            .trim()
            .strip_suffix('%')
            .and_then(|number| number.trim_end().parse().ok());
        match percent {
            Some(percent) if percent <= 100 => Ok(Self { percent }),
            _ => Err(Error::custom("should be a share from `0%` to `100%`, in whole numbers")),
        }
    }
}

/// A cron expression of five fields (or six, with seconds in front), in UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron(pub CronSchedule);

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_str(Text("a cron expression such as `\"*/5 * * * *\"`"))?;
        CronSchedule::parse(&text, "UTC")
            .map(Self)
            .map_err(|fault| Error::custom(format!("is not a cron expression: {fault}")))
    }
}

/// Reads a count, also from text: what `${VAR}` stood for is text.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    struct Count;
    impl Visitor<'_> for Count {
        type Value = u32;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
            u32::try_from(number).map_err(|_| E::custom("is too large a number"))
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<u32, E> {
            Err(E::custom("should not be below 0"))
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<u32, E> {
            text.trim().parse().map_err(|_| E::custom("should be a whole number"))
        }
    }
    deserializer.deserialize_any(Count)
}

/// Reads a count of at least one.
pub(super) fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match count(deserializer)? {
        0 => Err(Error::custom("should be at least 1")),
        number => Ok(number),
    }
}

/// Reads a number that names something, from 1.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    positive(deserializer).map(Some)
}

/// Takes text and nothing else, and says what the text should be.
struct Text(&'static str);

impl Visitor<'_> for Text {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
