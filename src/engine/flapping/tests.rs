//! However somebody changes a resource: it is put back five times an hour at most, and once stopped only when let.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use driftless_core::key::{Key, Kind};
use proptest::prelude::*;

use super::*;

fn start() -> DateTime<Utc> {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

fn record() -> DriftRecord {
    DriftRecord::new(Key::new(Kind("item"), ["x"]), start())
}

fn minutes(minutes: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(minutes)
}

/// One pass that finds drift: whether it was put back.
fn pass(record: &mut DriftRecord, now: DateTime<Utc>) -> bool {
    let stopped = is_stopped(record, now);
    found(record, now);
    if !stopped {
        corrected(record, now);
    }
    !stopped
}

#[test]
fn the_sixth_correction_within_an_hour_is_not_made_nor_any_after_it() {
    let mut x = record();
    for minute in [0, 10, 20, 30, 40] {
        assert!(pass(&mut x, minutes(minute)), "{minute}");
    }
    for minute in [50, 59, 60, 120, 10_000] {
        assert!(!pass(&mut x, minutes(minute)), "{minute}");
    }
    assert_eq!((x.corrected, x.stopped), (5, Some(minutes(50))));
}

#[test]
fn what_is_put_back_less_often_is_put_back_for_ever() {
    let mut x = record();
    for time in 0..1000 {
        assert!(pass(&mut x, minutes(time * 13)), "{time}");
    }
    assert_eq!(x.corrected, 1000);
}

#[test]
fn an_agreement_between_two_corrections_does_not_start_the_count_anew_and_one_after_a_stop_does() {
    let mut x = record();
    for minute in [0, 5, 10, 15, 20] {
        assert!(pass(&mut x, minutes(minute)));
        in_sync(&mut x);
    }
    assert!(!pass(&mut x, minutes(25)));
    in_sync(&mut x);
    assert!(pass(&mut x, minutes(30)));
    assert_eq!(x.corrections, [minutes(30)]);
}

#[test]
fn one_that_is_let_through_counts_from_one_again() {
    let mut x = record();
    for minute in [0, 1, 2, 3, 4, 5] {
        pass(&mut x, minutes(minute));
    }
    found(&mut x, minutes(6));
    corrected(&mut x, minutes(6));
    let more: Vec<bool> = (7..13).map(|minute| pass(&mut x, minutes(minute))).collect();
    assert_eq!(more, [true, true, true, true, false, false]);
}

#[test]
fn a_clock_that_was_set_back_stops_nothing() {
    let mut x = record();
    for minute in [0, 1, 2, 3, 4] {
        pass(&mut x, minutes(minute));
    }
    assert!(pass(&mut x, start() - TimeDelta::days(400)));
}

#[test]
fn the_sentence_says_how_often_who_and_what_to_do() {
    let mut x = record();
    for minute in [0, 1, 2, 3, 4, 5] {
        pass(&mut x, minutes(minute));
    }
    x.edited = Some("changed by nightly-job at 2026-11-22T09:05:00Z".into());
    assert_eq!(
        sentence(&x),
        "corrected 5 times within an hour, the last time at 2026-11-22T09:04:00Z, and changed again (changed by nightly-job at \
         2026-11-22T09:05:00Z): stopped, since somebody or something keeps changing it. Find out who, then change it in Git, or \
         put it right on the platform, or `driftless approve` one more correction"
    );
}

/// What happens to the resource before a pass.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// Somebody changes it.
    Changed,
    /// Nobody does: what was not put back still stands.
    Left,
    /// Somebody undoes the change.
    Undone,
    /// It stands changed, and a person approves.
    Approved,
}

fn turns() -> impl Strategy<Value = Vec<(i64, Turn)>> {
    let turn = prop_oneof![
        6 => Just(Turn::Changed),
        3 => Just(Turn::Left),
        1 => Just(Turn::Undone),
        1 => Just(Turn::Approved),
    ];
    proptest::collection::vec((0i64..30, turn), 0..120)
}

proptest! {
    #[test]
    fn whatever_is_done_to_it_the_rules_hold(turns in turns()) {
        let mut x = record();
        let mut now = start();
        let mut differs = false;
        // The model: every correction since somebody last let go, and whether one was refused since.
        let (mut made, mut refused) = (Vec::<DateTime<Utc>>::new(), false);
        for (later, turn) in turns {
            now += TimeDelta::minutes(later);
            differs = match turn {
                Turn::Changed => true,
                Turn::Left | Turn::Approved => differs,
                Turn::Undone => false,
            };
            if !differs {
                in_sync(&mut x);
                if refused {
                    (made, refused) = (Vec::new(), false);
                }
                continue;
            }
            let recent = made.iter().filter(|at| now - **at < WINDOW).count();
            let expected_stop = refused || recent >= LIMIT;
            prop_assert_eq!(is_stopped(&x, now), expected_stop, "at {} after {:?}", now, made);
            found(&mut x, now);
            if expected_stop && !matches!(turn, Turn::Approved) {
                refused = true;
            } else {
                corrected(&mut x, now);
                if expected_stop {
                    (made, refused) = (Vec::new(), false);
                }
                made.push(now);
                differs = false;
            }
            prop_assert_eq!(x.stopped.is_some(), refused);
            prop_assert!(x.corrections.len() <= LIMIT);
            let recent = made.iter().filter(|at| now - **at < WINDOW).count();
            prop_assert!(recent <= LIMIT, "{} corrections within the hour before {}", recent, now);
        }
    }
}
