//! How often the platform is asked, and how long somebody is waited for: counted on a clock that waits for nobody.

use driftless_core::report::Meaning;

use super::world::{Fault, NEWER};
use super::*;
use crate::platform::data_diffs::RunStatus;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The vendor's waits, and a run that is queued for ten minutes.
fn slow() -> (Arc<World>, Ports) {
    let world = World::new(Habits {
        course: vec![(seconds(0), RunStatus::Queued), (seconds(600), RunStatus::Done)],
        ..Habits::default()
    });
    let ports = Ports {
        options: Options {
            appears: Duration::ZERO,
            ..Options::default()
        },
        ..ports(&world)
    };
    (world, ports)
}

fn count(world: &World, name: &str) -> usize {
    world.state().asked.iter().filter(|asked| **asked == name).count()
}

#[tokio::test(start_paused = true)]
async fn looks_at_a_run_come_further_and_further_apart() {
    let (world, ports) = slow();
    let outcome = run_once(&ports, &request(), &CancellationToken::new()).await;
    assert_eq!(outcome.unwrap().unwrap().result(), CiResult::Passed);
    let looks = count(&world, "runs");
    // 3 s apart they would be two hundred, 30 s apart from the first one on twenty. Some belong to what comes before.
    let poll = Options::default().poll;
    let (most, least) = (600 / poll.first.as_secs(), 600 / poll.longest.as_secs());
    assert_eq!((most, least), (200, 20));
    assert!((22..40).contains(&looks), "{looks}");
    // The forge is asked for the head as often as the options say, and not with each look.
    let heads = count(&world, "pull_request");
    assert!(heads <= looks && (15..30).contains(&heads), "{heads}");
}

#[tokio::test(start_paused = true)]
async fn the_first_looks_come_soon() {
    let (world, ports) = slow();
    world.state().habits.course = vec![(seconds(0), RunStatus::Queued), (seconds(2), RunStatus::Done)];
    let began = Instant::now();
    let outcome = run_once(&ports, &request(), &CancellationToken::new()).await;
    assert_eq!(outcome.unwrap().unwrap().result(), CiResult::Passed);
    assert!(began.elapsed() < seconds(8), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_time_gets_it() {
    for name in ["runs", "trigger", "submit", "diffs", "summary", "set_status"] {
        let quick = Backoff {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(1),
        };
        let run = async |fault: bool| {
            let world = World::new(Habits::default());
            let options = Options {
                poll: quick,
                retry: quick,
                ..options()
            };
            let ports = Ports {
                options,
                ..ports(&world)
            };
            if fault {
                let probe = World::new(Habits::default());
                let ports = Ports {
                    platform: probe.clone(),
                    forge: Some(probe.clone()),
                    store: probe.clone(),
                    ..ports.clone()
                };
                let _ = run_once(&ports, &request(), &CancellationToken::new()).await;
                let last = probe.state().asked.iter().rposition(|asked| *asked == name).unwrap();
                world.state().faults.insert(last, Fault::Before(Meaning::RateLimited));
            }
            let began = Instant::now();
            let outcome = run_once(&ports, &request(), &CancellationToken::new()).await;
            assert_eq!(outcome.unwrap().unwrap().result(), CiResult::Passed, "{name}");
            began.elapsed()
        };
        let (unhindered, hindered) = (run(false).await, run(true).await);
        assert!(
            hindered >= unhindered + Duration::from_millis(40),
            "{name}: {unhindered:?}, {hindered:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn diffs_are_offered_for_as_long_as_the_options_say_and_not_longer() {
    for submits in [seconds(60), seconds(300)] {
        let world = World::new(Habits {
            takes: false,
            ..Habits::default()
        });
        let ports = Ports {
            options: Options {
                appears: Duration::ZERO,
                submits,
                ..Options::default()
            },
            ..ports(&world)
        };
        let began = Instant::now();
        let outcome = run_once(&ports, &request(), &CancellationToken::new()).await;
        assert_eq!(outcome.unwrap().unwrap().verdict.reason, Reason::NoRunWaiting.word());
        let took = began.elapsed();
        assert!(took >= submits && took < submits + seconds(60), "{submits:?}: {took:?}");
        assert!(count(&world, "submit") > 2, "{}", count(&world, "submit"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_followed_is_left_soon_after_the_head_has_moved() {
    let (world, ports) = slow();
    world.state().events.push(("runs", 8, |state| state.push(NEWER)));
    let began = Instant::now();
    let outcome = run_once(&ports, &request(), &CancellationToken::new()).await;
    assert_eq!(outcome.unwrap().unwrap().result(), CiResult::Superseded);
    assert!(began.elapsed() < seconds(180), "{:?}", began.elapsed());
    assert_eq!(world.state().submitted.len(), 1);
}
