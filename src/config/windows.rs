//! `windows` of an environment: when it may be written to.

use serde::Deserialize;

use super::amount::Interval;
use super::environment::EnvironmentConfig;
use super::fault::Faults;
use super::section::Item;
use crate::engine::schedule::CronSchedule;
use crate::engine::windows::{Rule, Window, Windows};

/// One item of `windows`: one that denies, or one that allows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// A cron expression: when a time begins in which nothing is written, whatever other windows say.
    pub deny: Option<String>,
    /// A cron expression: when a time begins in which something may be written; outside of all of them nothing is.
    pub allow: Option<String>,
    /// How long it lasts from each beginning. Required.
    pub duration: Interval,
    /// The time zone of the expression, a name of the IANA database. Default: `UTC`.
    #[serde(default = "timezone")]
    pub timezone: String,
}

fn timezone() -> String {
    "UTC".to_owned()
}

/// The windows of `item`, made ready; their faults are noted.
pub(super) fn windows(item: &Item<'_, EnvironmentConfig>, faults: &mut Faults) -> Windows {
    // Of a list with a fault it is not known which item is which.
    if !item.is_sound(&["windows"]) {
        return Windows::default();
    }
    let mut windows = Vec::new();
    for (index, (config, at)) in item.value.windows.iter().zip(item.items_at("windows")).enumerate() {
        let mut fault = |what: String, help: Option<&str>| {
            let message = format!("`{}.windows[{index}]{what}", item.label);
            faults.add(at, "bad_value", message, help.map(str::to_owned));
        };
        let (rule, key, begins) = match (&config.deny, &config.allow) {
            (Some(begins), None) => (Rule::Deny, "deny", begins),
            (None, Some(begins)) => (Rule::Allow, "allow", begins),
            (Some(_), Some(_)) => {
                let help = "make two windows of it: one that denies always wins";
                fault("` both denies and allows".to_owned(), Some(help));
                continue;
            }
            (None, None) => {
                let help = "write `deny: CRON` for a time without writes, `allow: CRON` for the only times with them";
                fault("` says neither `deny` nor `allow`".to_owned(), Some(help));
                continue;
            }
        };
        match CronSchedule::parse(begins, &config.timezone) {
            Ok(begins) => windows.push(Window {
                rule,
                begins,
                duration: config.duration.0,
            }),
            Err(found) => fault(format!(".{key}`: {found}"), None),
        }
    }
    Windows::new(windows)
}
