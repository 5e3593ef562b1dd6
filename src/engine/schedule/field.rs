//! One field of a cron expression: which numbers it means.

use std::collections::BTreeSet;
use std::fmt;

use super::ScheduleFault;

/// A part of a cron expression, as a fault names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronField {
    /// The whole of it.
    Expression,
    /// 0 to 59.
    Second,
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12, or `JAN` to `DEC`.
    Month,
    /// 0 to 7, both of which are Sunday, or `SUN` to `SAT`.
    DayOfWeek,
    /// The time zone beside it.
    Timezone,
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CronField::Expression => "expression",
            CronField::Second => "second",
            CronField::Minute => "minute",
            CronField::Hour => "hour",
            CronField::DayOfMonth => "day of month",
            CronField::Month => "month",
            CronField::DayOfWeek => "day of week",
            CronField::Timezone => "time zone",
        })
    }
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl CronField {
    /// The lowest and the highest number that may be written.
    fn bounds(self) -> (u32, u32) {
        match self {
            CronField::Second | CronField::Minute => (0, 59),
            CronField::Hour => (0, 23),
            CronField::DayOfMonth => (1, 31),
            CronField::Month => (1, 12),
            CronField::DayOfWeek => (0, 7),
            CronField::Expression | CronField::Timezone => (0, 0),
        }
    }

    /// The numbers that `*` means: of the two names of Sunday only the first.
    fn every(self) -> (u32, u32) {
        match self {
            CronField::DayOfWeek => (0, 6),
            field => field.bounds(),
        }
    }

    /// The names of the numbers, from the lowest up.
    fn names(self) -> &'static [&'static str] {
        match self {
            CronField::Month => &MONTHS,
            CronField::DayOfWeek => &WEEKDAYS,
            CronField::Expression
            | CronField::Second
            | CronField::Minute
            | CronField::Hour
            | CronField::DayOfMonth
            | CronField::Timezone => &[],
        }
    }

    fn fault(self, message: String) -> ScheduleFault {
        ScheduleFault { field: self, message }
    }

    /// Reads a number or a name.
    fn number(self, text: &str) -> Result<u32, ScheduleFault> {
        let (low, high) = self.bounds();
        let named = self
            .names()
            .iter()
            .zip(low..)
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some((_, number)) = named {
            return Ok(number);
        }
        if text.contains(['L', 'W', '#']) {
            return Err(self.fault(format!("`{text}`: `L`, `W` and `#` are not supported")));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(number) if digits && (low..=high).contains(&number) => Ok(number),
            _ => Err(self.fault(match self.names() {
                [first, .., last] => {
                    format!("`{text}` is not a number from {low} to {high}, nor a name from {first} to {last}")
                }
                _ => format!("`{text}` is not a number from {low} to {high}"),
            })),
        }
    }
}

/// The numbers of one field.
#[derive(Clone, Debug)]
pub(super) struct Set {
    field: CronField,
    /// `None` for all of them, so that a day field can be told to be unrestricted.
    numbers: Option<BTreeSet<u32>>,
}

impl Set {
    /// Everything.
    pub(super) fn all(field: CronField) -> Self {
        Self { field, numbers: None }
    }

    /// Reads a list of numbers, names, ranges and steps.
    pub(super) fn parse(field: CronField, text: &str) -> Result<Self, ScheduleFault> {
        if matches!(text, "*" | "?") {
            return Ok(Self::all(field));
        }
        let mut numbers = BTreeSet::new();
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(step_of(field, step)?)),
                None => (item, None),
            };
            let (from, to) = match (range, range.split_once('-')) {
                ("*" | "?", _) => field.every(),
                (_, Some((from, to))) => (field.number(from)?, field.number(to)?),
                (number, None) => {
                    let from = field.number(number)?;
                    // `5/15` is from 5 on, as in most crons.
                    (
                        from,
                        if step.is_some() {
                            field.every().1.max(from)
                        } else {
                            from
                        },
                    )
                }
            };
            if from > to {
                return Err(field.fault(format!(
                    "the range `{range}` goes backwards: write it as two, joined by a comma"
                )));
            }
            numbers.extend((from..=to).step_by(step.unwrap_or(1)).map(|number| match field {
                CronField::DayOfWeek => number % 7,
                _ => number,
            }));
        }
        Ok(Self {
            field,
            numbers: Some(numbers),
        })
    }

    /// Whether the field is unrestricted.
    pub(super) fn is_all(&self) -> bool {
        self.numbers.is_none()
    }

    /// The numbers in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let (low, high) = self.field.every();
        (low..=high).filter(|number| self.numbers.as_ref().is_none_or(|numbers| numbers.contains(number)))
    }
}

fn step_of(field: CronField, text: &str) -> Result<usize, ScheduleFault> {
    match text.parse() {
        Ok(step) if step > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(step),
        _ => Err(field.fault(format!("the step `{text}` is not a number from 1 up"))),
    }
}

/// Writes the numbers one by one, weekdays by name: what the `cron` crate reads the same way as everybody else.
impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("*");
        }
        for (index, number) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match (
                self.field,
                usize::try_from(number).ok().and_then(|number| WEEKDAYS.get(number)),
            ) {
                (CronField::DayOfWeek, Some(name)) => f.write_str(name)?,
                _ => write!(f, "{number}")?,
            }
        }
        Ok(())
    }
}
