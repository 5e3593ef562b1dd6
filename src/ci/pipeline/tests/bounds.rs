//! What holds around every end: the time, what is left unsaid, what outlives a death.

use driftless_core::report::Meaning;

use super::*;

use crate::ci::pipeline::tests::world::Fault;

const ERROR: Option<CommitState> = Some(CommitState::Error);

#[tokio::test(start_paused = true)]
async fn the_time_bounds_the_whole_whatever_does_not_answer() {
    let whole = Duration::from_secs(5);
    for name in ["runs", "trigger", "submit", "diffs", "summary", "pull_request"] {
        for hangs in [true, false] {
            let probe = World::new(Habits::default());
            let _ = ended(&probe).await;
            let place = probe.state().asked.iter().position(|asked| *asked == name).unwrap();
            let world = World::new(Habits::default());
            match hangs {
                true => drop(world.state().faults.insert(place, Fault::KillBefore)),
                false => drop(world.state().broken.insert(name, Meaning::NotSent)),
            }
            let ports = Ports {
                options: Options {
                    tries: u32::MAX,
                    ..options()
                }
                .within(whole),
                ..ports(&world)
            };
            let began = Instant::now();
            let end = run_once(&ports, &request(), &CancellationToken::new()).await;
            let outcome = end.unwrap().unwrap();
            let what = format!("{name}, {hangs}: {:?}", outcome.verdict);
            assert!(began.elapsed() <= whole, "{what} after {:?}", began.elapsed());
            assert_ne!(outcome.result(), CiResult::Passed, "{what}");
            assert_eq!(world.status(SHA).map(|(state, _)| state), ERROR, "{what}");
            assert_exactly_once(&world, &what);
            if !hangs && name == "runs" {
                assert_eq!(outcome.result(), CiResult::TimedOut, "{what}");
                assert_eq!(
                    outcome.verdict.description,
                    "The run did not end within 5s: cannot list the runs: scripted: not_sent."
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_forge_that_does_not_answer_at_the_end_takes_no_more_than_the_time() {
    let whole = Duration::from_secs(5);
    for meaning in [Meaning::NotSent, Meaning::Lost] {
        let world = World::new(Habits::default());
        world.state().broken.insert("set_status", meaning);
        world.state().broken.insert("comment", meaning);
        let ports = Ports {
            options: Options {
                tries: u32::MAX,
                ..options()
            }
            .within(whole),
            ..ports(&world)
        };
        let began = Instant::now();
        let end = run_once(&ports, &request(), &CancellationToken::new()).await;
        let outcome = end.unwrap().unwrap();
        assert!(began.elapsed() <= whole, "{:?}", began.elapsed());
        assert_eq!(
            outcome.unsaid,
            [
                "the commit status could not be set: the time was over",
                "the comment could not be written: the time was over"
            ]
        );
        assert_eq!(outcome.status, StatusEnd::Missed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_status_leads_to_the_comparison_that_decides() {
    let world = World::new(Habits::default());
    let _ = ended(&world).await;
    let statuses = world.state().statuses.clone();
    let (last, earlier) = statuses.split_last().unwrap();
    assert_eq!(
        last.1.url.as_deref(),
        Some("https://datafold.example.com/datadiffs/900100/overview")
    );
    assert!(earlier.iter().all(|(_, status)| status.url.is_none()));
}

#[tokio::test(start_paused = true)]
async fn what_there_is_to_say_of_the_diffs_file_is_said_after_a_death_too() {
    let file = br#"[{"prod":"DB.CORE.A","pr":"DB.PR_6.A","pk":[]},{"prod":"DB.CORE.B","pr":"DB.PR_6.B","pk":["ID"]}]"#;
    let unbroken = {
        let world = World::new(Habits::default());
        world.state().files.insert("datafold/diffs.json".into(), file.to_vec());
        let outcome = ended(&world).await;
        assert!(!outcome.remarks.is_empty(), "{outcome:?}");
        world.state().comments.clone()
    };
    let world = World::new(Habits::default());
    world.state().files.insert("datafold/diffs.json".into(), file.to_vec());
    let submit = {
        let probe = World::new(Habits::default());
        let _ = ended(&probe).await;
        let asked = probe.state().asked.clone();
        asked.iter().position(|name| *name == "submit").unwrap()
    };
    world.state().faults.insert(submit, Fault::KillAfter);
    let (_, lives) = to_its_end(&world, &request()).await;
    assert_eq!(lives, 2);
    assert_eq!(world.state().comments, unbroken);
}
