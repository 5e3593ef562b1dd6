//! Cron expressions mean what everybody's cron means, and a change of clocks neither loses nor doubles a run.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use super::*;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn next(text: &str, timezone: &str, after: &str) -> String {
    let schedule = Schedule::Cron(CronSchedule::parse(text, timezone).unwrap());
    schedule.next(utc(after)).map_or("never".to_owned(), |moment| {
        moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    })
}

#[test]
fn expressions_mean_what_crontab_says() {
    // 2024-01-01 is a Monday.
    for (text, after, expected) in [
        ("*/5 * * * *", "2024-01-01T00:00:00Z", "2024-01-01T00:05:00Z"),
        ("*/5 * * * *", "2024-01-01T00:04:59.999Z", "2024-01-01T00:05:00Z"),
        ("*/20 * * * * *", "2024-01-01T00:00:00Z", "2024-01-01T00:00:20Z"),
        ("0 9 * * 1-5", "2024-01-05T09:00:00Z", "2024-01-08T09:00:00Z"),
        ("0 9 * * 0", "2024-01-01T00:00:00Z", "2024-01-07T09:00:00Z"),
        ("0 9 * * 7", "2024-01-01T00:00:00Z", "2024-01-07T09:00:00Z"),
        ("0 9 * * 5-7", "2024-01-06T10:00:00Z", "2024-01-07T09:00:00Z"),
        ("0 9 * * sun", "2024-01-01T00:00:00Z", "2024-01-07T09:00:00Z"),
        ("0 9 * * Mon-Wed/2", "2024-01-01T10:00:00Z", "2024-01-03T09:00:00Z"),
        ("0 0 13 * 5", "2024-01-06T00:00:00Z", "2024-01-12T00:00:00Z"), // Friday the 12th
        ("0 0 13 * 5", "2024-01-12T00:00:00Z", "2024-01-13T00:00:00Z"), // the 13th, a Saturday
        ("0 0 13 * *", "2024-01-01T00:00:00Z", "2024-01-13T00:00:00Z"),
        ("0 0 ? * 5", "2024-01-01T00:00:00Z", "2024-01-05T00:00:00Z"),
        ("0 0 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 1 jan,JUL *", "2024-01-01T00:00:00Z", "2024-07-01T00:00:00Z"),
        ("10/25 3 * * *", "2024-01-01T03:10:00Z", "2024-01-01T03:35:00Z"),
        ("@hourly", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"),
        ("@daily", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
        ("@weekly", "2024-01-01T00:00:00Z", "2024-01-07T00:00:00Z"),
        ("@monthly", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"),
        ("@yearly", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
    ] {
        assert_eq!(next(text, "UTC", after), expected, "{text} after {after}");
    }
}

#[test]
fn a_moment_that_the_clocks_leave_out_happens_when_they_go_on() {
    // Berlin goes from 02:00 to 03:00 on 2024-03-31, at 01:00 UTC.
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z"),
        "2024-03-31T01:00:00Z"
    );
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2024-03-31T01:00:00Z"),
        "2024-04-01T00:30:00Z"
    );
    // Apia had no 30th of December 2011.
    assert_eq!(
        next("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z"),
        "2011-12-30T10:00:00Z"
    );
}

#[test]
fn a_moment_that_comes_twice_happens_once() {
    // Berlin goes from 03:00 back to 02:00 on 2024-10-27, at 01:00 UTC.
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z"),
        "2024-10-27T00:30:00Z"
    );
    for after in ["2024-10-27T00:30:00Z", "2024-10-27T01:10:00Z", "2024-10-27T01:30:00Z"] {
        assert_eq!(next("30 2 * * *", "Europe/Berlin", after), "2024-10-28T01:30:00Z");
    }
    assert_eq!(
        next("*/10 * * * *", "Europe/Berlin", "2024-10-27T01:05:00Z"),
        "2024-10-27T02:00:00Z"
    );
}

#[test]
fn walking_through_a_change_of_clocks_goes_forward_and_skips_no_minute_of_the_wall_clock() {
    for (from, to) in [
        ("2024-03-30T22:00:00Z", "2024-03-31T04:00:00Z"),
        ("2024-10-26T22:00:00Z", "2024-10-27T04:00:00Z"),
    ] {
        let schedule = CronSchedule::parse("* * * * *", "Europe/Berlin").unwrap();
        let mut seen = Vec::new();
        let mut now = utc(from);
        while now < utc(to) {
            let then = schedule.next(now).unwrap();
            assert!(then > now);
            now = then;
            seen.push(then.with_timezone(&chrono_tz::Europe::Berlin).naive_local());
        }
        let shown: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(shown.len(), seen.len(), "each minute of the wall clock once");
        let start = utc(from).timestamp() / 60;
        let minutes = (start + 1..=utc(to).timestamp() / 60).map(|minute| {
            DateTime::from_timestamp(minute * 60, 0)
                .unwrap()
                .with_timezone(&chrono_tz::Europe::Berlin)
                .naive_local()
        });
        assert_eq!(
            shown,
            minutes.collect::<std::collections::BTreeSet<_>>().iter().collect()
        );
    }
}

#[test]
fn a_fault_names_the_field_and_what_would_be_right() {
    for (text, timezone, field, part) in [
        ("", "UTC", CronField::Expression, "0 fields"),
        ("* * * *", "UTC", CronField::Expression, "4 fields"),
        ("* * * * * * *", "UTC", CronField::Expression, "7 fields"),
        ("@reboot", "UTC", CronField::Expression, "@hourly"),
        ("60 * * * *", "UTC", CronField::Minute, "0 to 59"),
        ("60 0 * * * *", "UTC", CronField::Second, "0 to 59"),
        ("* 24 * * *", "UTC", CronField::Hour, "0 to 23"),
        ("* * 0 * *", "UTC", CronField::DayOfMonth, "1 to 31"),
        ("* * L * *", "UTC", CronField::DayOfMonth, "not supported"),
        ("* * * 13 *", "UTC", CronField::Month, "JAN to DEC"),
        ("* * * * 8", "UTC", CronField::DayOfWeek, "SUN to SAT"),
        ("* * * * FRI-MON", "UTC", CronField::DayOfWeek, "backwards"),
        ("* * * * 5#2", "UTC", CronField::DayOfWeek, "not supported"),
        ("*/0 * * * *", "UTC", CronField::Minute, "from 1 up"),
        ("+5 * * * *", "UTC", CronField::Minute, "`+5`"),
        ("1,,2 * * * *", "UTC", CronField::Minute, "``"),
        ("0 0 30 2 *", "UTC", CronField::DayOfMonth, "never"),
        ("0 0 31 4,6,9,11 *", "UTC", CronField::DayOfMonth, "never"),
        ("* * * * *", "Europe/Nowhere", CronField::Timezone, "Europe/Nowhere"),
    ] {
        let fault = CronSchedule::parse(text, timezone).unwrap_err();
        assert_eq!(fault.field, field, "{text}: {fault}");
        assert!(fault.message.contains(part), "{text}: {fault}");
    }
    assert!(
        CronSchedule::parse("0 0 31 2 1", "UTC").is_ok(),
        "a weekday makes it possible"
    );
}

#[test]
fn an_interval_counts_from_the_last_time() {
    let schedule = Schedule::Every(Duration::from_secs(90));
    assert_eq!(
        schedule.next(utc("2024-01-01T00:00:00Z")),
        Some(utc("2024-01-01T00:01:30Z"))
    );
    assert_eq!(Schedule::Every(Duration::MAX).next(utc("2024-01-01T00:00:00Z")), None);
}

/// Small random numbers, the same on every machine.
fn below(state: &mut u64, bound: u32) -> u32 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    u32::try_from((*state >> 33) % u64::from(bound)).unwrap()
}

fn any_field(state: &mut u64, low: u32, high: u32) -> String {
    let span = high - low + 1;
    let a = low + below(state, span);
    let b = low + below(state, span);
    match below(state, 6) {
        0 | 1 => "*".to_owned(),
        2 => a.to_string(),
        3 => format!("{}-{}", a.min(b), a.max(b)),
        4 => format!("*/{}", 1 + below(state, span)),
        _ => format!("{a},{b}"),
    }
}

#[test]
fn random_expressions_agree_with_another_implementation() {
    let mut state = 7;
    let mut compared = 0;
    for _ in 0..2_000 {
        let text = format!(
            "{} {} {} {} {}",
            any_field(&mut state, 0, 59),
            any_field(&mut state, 0, 23),
            any_field(&mut state, 1, 31),
            any_field(&mut state, 1, 12),
            any_field(&mut state, 0, 7),
        );
        let Ok(ours) = CronSchedule::parse(&text, "UTC") else {
            continue; // never due
        };
        let theirs: croner::Cron = text.parse().unwrap();
        let mut now = utc("2024-01-01T00:00:00Z") + TimeDelta::seconds(i64::from(below(&mut state, 100_000_000)));
        for _ in 0..5 {
            let expected = theirs.find_next_occurrence(&now, false).unwrap();
            assert_eq!(ours.next(now), Some(expected), "{text} after {now}");
            now = expected;
            compared += 1;
        }
    }
    assert!(compared > 9_000, "{compared}");
}
