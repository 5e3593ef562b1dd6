//! Windows open when nothing denies and, where windows allow, one of them does; an opening that is told is one.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use super::*;

const HOUR: u64 = 3600;

fn window(rule: Rule, begins: &str, hours: u64, timezone: &str) -> Window {
    Window {
        rule,
        begins: CronSchedule::parse(begins, timezone).unwrap(),
        duration: Duration::from_secs(hours * HOUR),
    }
}

fn deny(begins: &str, hours: u64) -> Window {
    window(Rule::Deny, begins, hours, "UTC")
}

fn allow(begins: &str, hours: u64) -> Window {
    window(Rule::Allow, begins, hours, "UTC")
}

/// `open`, or when it opens.
fn state(windows: &[Window], now: &str) -> String {
    match Windows::new(windows.to_vec()).closed(now.parse().unwrap()) {
        None => "open".to_owned(),
        Some(closed) => closed.opens.map_or("never".to_owned(), |opens| {
            opens.to_rfc3339_opts(SecondsFormat::Secs, true)
        }),
    }
}

#[test]
fn deny_wins_and_outside_of_all_that_allow_is_closed() {
    // 2026-02-27 is a Friday.
    let weekend = || deny("0 18 * * 5", 62);
    let nights = || allow("0 22 * * *", 4);
    for (windows, now, expected) in [
        (vec![], "2026-02-27T18:00:00Z", "open"),
        (vec![weekend()], "2026-02-27T17:59:59Z", "open"),
        (vec![weekend()], "2026-02-27T18:00:00Z", "2026-03-02T08:00:00Z"),
        (vec![weekend()], "2026-03-02T07:59:59Z", "2026-03-02T08:00:00Z"),
        (vec![weekend()], "2026-03-02T08:00:00Z", "open"),
        (vec![nights()], "2026-02-25T12:00:00Z", "2026-02-25T22:00:00Z"),
        (vec![nights()], "2026-02-25T23:00:00Z", "open"),
        (vec![nights()], "2026-02-26T02:00:00Z", "2026-02-26T22:00:00Z"),
        // The nights from Friday to Monday are denied: the next opening is Monday's.
        (
            vec![weekend(), nights()],
            "2026-02-27T12:00:00Z",
            "2026-03-02T22:00:00Z",
        ),
        (
            vec![weekend(), nights()],
            "2026-02-27T23:00:00Z",
            "2026-03-02T22:00:00Z",
        ),
        // One that allows ends while one that denies begins: no opening at their seam.
        (
            vec![allow("0 8 * * *", 4), deny("0 10 * * *", 2)],
            "2026-02-25T11:00:00Z",
            "2026-02-26T08:00:00Z",
        ),
        // A denial that ends within one that allows opens there.
        (
            vec![allow("0 8 * * *", 4), deny("0 8 * * *", 2)],
            "2026-02-25T08:00:00Z",
            "2026-02-25T10:00:00Z",
        ),
        // Several that allow: one is enough.
        (
            vec![allow("0 8 * * *", 1), allow("0 12 * * *", 1)],
            "2026-02-25T09:30:00Z",
            "2026-02-25T12:00:00Z",
        ),
        // Back to back and overlapping denials are one.
        (
            vec![deny("0 8 * * *", 2), deny("0 10 * * *", 2)],
            "2026-02-25T09:00:00Z",
            "2026-02-25T12:00:00Z",
        ),
        (
            vec![deny("0 8 * * *", 3), deny("0 9 * * *", 1)],
            "2026-02-25T08:30:00Z",
            "2026-02-25T11:00:00Z",
        ),
        // A window that is longer than its period never ends.
        (vec![deny("0 * * * *", 2)], "2026-02-25T09:00:00Z", "never"),
        (vec![deny("* * * * *", 1)], "2026-02-25T09:00:00Z", "never"),
        // One that allows always is no restriction.
        (vec![allow("0 * * * *", 1)], "2026-02-25T09:00:00Z", "open"),
    ] {
        assert_eq!(state(&windows, now), expected, "{windows:?} at {now}");
    }
}

#[test]
fn a_window_begins_by_the_wall_clock_and_lasts_by_the_hour() {
    let berlin = |begins, hours| window(Rule::Deny, begins, hours, "Europe/Berlin");
    for (windows, now, expected) in [
        // Clocks go from 02:00 to 03:00 on 2026-03-29, at 01:00 UTC: 22:00 is 21:00 UTC before and 20:00 UTC after.
        (berlin("0 22 * * *", 6), "2026-03-28T21:00:00Z", "2026-03-29T03:00:00Z"),
        (berlin("0 22 * * *", 6), "2026-03-29T20:00:00Z", "2026-03-30T02:00:00Z"),
        // 02:30 is left out: it begins when the clocks go on.
        (berlin("30 2 * * *", 1), "2026-03-29T00:59:59Z", "open"),
        (berlin("30 2 * * *", 1), "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
        // Clocks go from 03:00 to 02:00 on 2026-10-25, at 01:00 UTC: 02:30 comes twice, and it begins the first time only.
        (berlin("30 2 * * *", 1), "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        (berlin("30 2 * * *", 1), "2026-10-25T01:30:00Z", "open"),
    ] {
        assert_eq!(
            state(std::slice::from_ref(&windows), now),
            expected,
            "{windows:?} at {now}"
        );
    }
}

#[test]
fn the_message_says_which_window_it_is_and_when_it_opens_in_its_own_time() {
    let message = |window: Window, now: &str| {
        Windows::new(vec![window])
            .closed(now.parse().unwrap())
            .unwrap()
            .message()
    };
    assert_eq!(
        message(
            window(Rule::Deny, "0 18 * * 5", 62, "Europe/Berlin"),
            "2026-02-28T00:00:00Z"
        ),
        "no write now: the window `deny: 0 18 * * 5 Europe/Berlin` of 2days 14h is in force; opens 2026-03-02 08:00 Europe/Berlin"
    );
    assert_eq!(
        message(allow("30 0 22 * * *", 4), "2026-02-28T12:00:00Z"),
        "no write now: none of the windows `allow: 30 0 22 * * * UTC` of 4h is in force; opens 2026-02-28 22:00:30 UTC"
    );
    assert_eq!(
        message(deny("0 * * * *", 1), "2026-02-28T12:00:00Z"),
        "no write now: the window `deny: 0 * * * * UTC` of 1h is in force; no opening is in sight: look at `windows` in the \
         config file"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
    #[test]
    fn an_opening_is_open_and_nothing_before_it_is(
        rules in proptest::collection::vec((proptest::bool::ANY, 0u32..24, 1u64..30, 0u32..7), 1..5),
        minutes in 0i64..40_000,
    ) {
        let windows = rules.iter().map(|(denies, hour, hours, day)| {
            let rule = if *denies { Rule::Deny } else { Rule::Allow };
            window(rule, &format!("0 {hour} * * {day},{}", (day + 3) % 7), *hours, "Europe/Berlin")
        });
        let windows = Windows::new(windows.collect());
        // Across the change of clocks on 2026-03-29.
        let now = "2026-03-15T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes);
        if let Some(opens) = windows.closed(now).and_then(|closed| closed.opens) {
            proptest::prop_assert!(windows.closed(opens).is_none());
            let mut before = now;
            while before < opens {
                proptest::prop_assert!(windows.closed(before).is_some(), "open at {before}, told {opens}");
                before += TimeDelta::hours(3);
            }
        }
    }
}
