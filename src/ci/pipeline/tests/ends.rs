//! Each way in which an orchestration ends.

use driftless_core::report::Meaning;

use super::*;
use crate::ci::diffs::Asked;
use crate::ci::pipeline::tests::world::{Fault, NEWER};
use crate::platform::data_diffs::{DiffRequest, Findings, RunStatus, Summary};

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn becomes(status: &RunStatus) -> Habits {
    Habits {
        course: vec![(at(0), status.clone())],
        ..Habits::default()
    }
}

/// The result, the reason's word, and how the commit stands.
async fn end_of(world: &Arc<World>, request: &Request) -> (CiResult, &'static str, Option<CommitState>) {
    let (outcome, _) = to_its_end(world, request).await;
    assert_exactly_once(world, "an end");
    let state = world.status(SHA).map(|(state, _)| state);
    (outcome.result(), outcome.verdict.reason.leak(), state)
}

/// How many requests changed something on the platform.
fn asked_for(world: &World) -> usize {
    let state = world.state();
    state.triggered.len() + state.submitted.len()
}

const FAILED: CiResult = CiResult::Failed;
const ERROR: Option<CommitState> = Some(CommitState::Error);
const FAILURE: Option<CommitState> = Some(CommitState::Failure);
const SUCCESS: Option<CommitState> = Some(CommitState::Success);

#[tokio::test(start_paused = true)]
async fn a_run_that_the_platform_starts_by_itself_is_awaited_and_no_second_one_is_asked_for() {
    let world = World::new(Habits {
        webhook: Some(at(40)),
        ..Habits::default()
    });
    assert_eq!(
        end_of(&world, &request()).await,
        (CiResult::Passed, "no_differences", SUCCESS)
    );
    assert_eq!(world.state().triggered, [] as [&str; 0]);
    assert_eq!(world.state().submitted.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn names_are_held_against_the_type_of_the_data_source_where_the_platform_says_it() {
    let of = |data_source_type| {
        World::new(Habits {
            data_source_type,
            ..Habits::default()
        })
    };
    let forbidden = of(Some("mysql"));
    forbidden.state().broken.insert("data source", Meaning::Forbidden);
    for (world, is_told) in [
        (of(Some("mysql")), true),
        (of(Some("pg")), false),
        (of(None), false),
        (forbidden, false),
    ] {
        assert_eq!(
            end_of(&world, &request()).await,
            (CiResult::Passed, "no_differences", SUCCESS)
        );
        let comment = world.state().comments.concat();
        assert_eq!(
            comment.contains("tables of this data source have 2"),
            is_told,
            "{comment}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_starts_no_run_is_asked_for_some_time_and_then_it_is_said() {
    let world = World::new(Habits {
        triggers: false,
        ..Habits::default()
    });
    assert_eq!(end_of(&world, &request()).await, (FAILED, "not_started", ERROR));
    let asked = world.state().asked.iter().filter(|name| **name == "trigger").count();
    assert!(asked > 3, "{asked}");
    assert_eq!(world.state().submitted.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_never_takes_diffs_ends_as_no_run_waiting_and_never_as_success() {
    let world = World::new(Habits {
        takes: false,
        ..Habits::default()
    });
    assert_eq!(end_of(&world, &request()).await, (FAILED, "no_run_waiting", ERROR));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_started_and_never_listed_is_not_started_a_second_time() {
    let world = World::new(Habits {
        hidden: Duration::from_secs(99),
        ..Habits::default()
    });
    assert_eq!(end_of(&world, &request()).await, (FAILED, "not_started", ERROR));
    assert_eq!(world.state().triggered.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn statuses_that_need_a_person_are_said_at_once_and_end_with_the_time() {
    let confirmation = World::new(becomes(&RunStatus::NeedsConfirmation));
    confirmation.state().pull.labels.push("datafold-confirmed".into());
    let mut careful = request();
    careful.config.diff_threshold = Some(1);
    let end = end_of(&confirmation, &careful).await;
    assert_eq!((end.0, end.1), (CiResult::TimedOut, "needs_confirmation"));
    let said = confirmation.state().statuses.clone();
    let pending = said
        .iter()
        .find(|(_, status)| status.description.contains("2 diffs exceed the threshold of 1"));
    assert_eq!(pending.unwrap().1.state, CommitState::Pending, "{said:?}");

    let authentication = World::new(becomes(&RunStatus::NeedsAuthentication));
    let end = end_of(&authentication, &request()).await;
    assert_eq!(end, (CiResult::TimedOut, "needs_authentication", ERROR));
    let said = authentication.state().statuses.clone();
    assert_eq!(
        said.iter()
            .filter(|(_, status)| status.state == CommitState::Error)
            .count(),
        2,
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_that_waits_for_confirmation_may_be_bad_at_once_and_good_again() {
    let world = World::new(Habits {
        course: vec![(at(0), RunStatus::NeedsConfirmation), (at(900), RunStatus::Done)],
        ..Habits::default()
    });
    let ports = Ports {
        options: Options {
            unconfirmed: Unconfirmed::Failure,
            ..options()
        },
        ..ports(&world)
    };
    let end = run_once(&ports, &request(), &CancellationToken::new()).await;
    assert_eq!(end.unwrap().unwrap().result(), CiResult::Passed);
    let said = world.state().statuses.clone();
    let waiting = said
        .iter()
        .find(|(_, status)| status.description.contains("confirmation"));
    assert_eq!(waiting.unwrap().1.state, CommitState::Failure, "{said:?}");
    assert_eq!(world.status(SHA).map(|(state, _)| state), SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn no_wait_goes_beyond_the_limit() {
    let hidden = Habits {
        hidden: Duration::from_secs(99),
        ..Habits::default()
    };
    for habits in [hidden, becomes(&RunStatus::Waiting)] {
        let world = World::new(habits);
        let limit = Duration::from_millis(40);
        let ports = Ports {
            options: Options { limit, ..options() },
            ..ports(&world)
        };
        let began = Instant::now();
        let end = run_once(&ports, &request(), &CancellationToken::new()).await;
        assert!(end.unwrap().unwrap().result() != CiResult::Passed);
        assert!(began.elapsed() <= limit * 2, "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_confirms_in_time_lets_it_go_on() {
    let world = World::new(Habits {
        course: vec![
            (at(0), RunStatus::NeedsConfirmation),
            (at(900), RunStatus::Processing),
            (at(1_000), RunStatus::Done),
        ],
        ..Habits::default()
    });
    assert_eq!(
        end_of(&world, &request()).await,
        (CiResult::Passed, "no_differences", SUCCESS)
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_cancelled_while_its_commit_is_the_head_is_an_error_and_otherwise_a_silent_end() {
    let world = World::new(becomes(&RunStatus::Cancelled));
    assert_eq!(end_of(&world, &request()).await, (FAILED, "cancelled", ERROR));

    let world = World::new(becomes(&RunStatus::Cancelled));
    world.state().events.push(("submit", 1, |state| state.push(NEWER)));
    let end = end_of(&world, &request()).await;
    assert_eq!(end, (CiResult::Superseded, "superseded", Some(CommitState::Pending)));
    assert_eq!(world.status(NEWER), None, "nothing is said of the newer commit");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_not_known_is_one_of_work_under_way() {
    let word = RunStatus::Unknown("materializing".into());
    let world = World::new(Habits {
        course: vec![(at(0), word.clone()), (at(100), RunStatus::Done)],
        ..Habits::default()
    });
    assert_eq!(
        end_of(&world, &request()).await,
        (CiResult::Passed, "no_differences", SUCCESS)
    );
    let world = World::new(becomes(&word));
    assert_eq!(
        end_of(&world, &request()).await,
        (CiResult::TimedOut, "timed_out", ERROR)
    );
}

#[tokio::test(start_paused = true)]
async fn done_says_nothing_of_the_data() {
    let differing = Findings {
        values_with_differences: Some(3),
        ..Findings::default()
    };
    for (summary, lists, expected) in [
        (
            Summary::Finished(Box::new(differing)),
            9,
            (FAILED, "differences", FAILURE),
        ),
        (Summary::Failed("no such table".into()), 9, (FAILED, "errors", FAILURE)),
        (Summary::Running, 9, (FAILED, "errors", FAILURE)),
        (Summary::Finished(Box::default()), 1, (FAILED, "errors", FAILURE)),
        (Summary::Finished(Box::default()), 0, (FAILED, "errors", FAILURE)),
    ] {
        let world = World::new(Habits {
            summary: summary.clone(),
            lists,
            ..Habits::default()
        });
        assert_eq!(end_of(&world, &request()).await, expected, "{summary:?} {lists}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_a_failure_and_the_configuration_may_turn_it_green() {
    let world = World::new(becomes(&RunStatus::Failed));
    assert_eq!(end_of(&world, &request()).await, (FAILED, "run_failed", FAILURE));
    let mut request = request();
    request.config.errors = Consequence::Passes;
    let world = World::new(becomes(&RunStatus::Failed));
    assert_eq!(
        end_of(&world, &request).await,
        (CiResult::Passed, "run_failed", SUCCESS)
    );
}

#[tokio::test(start_paused = true)]
async fn the_gate_and_an_empty_or_invalid_file_end_before_anything_is_asked_of_the_platform() {
    let mut labelled = request();
    labelled.config.label = Label::Required;
    let world = World::new(Habits::default());
    let end = end_of(&world, &labelled).await;
    assert_eq!(end, (CiResult::Skipped, "label_missing", SUCCESS));
    let said = world.status(SHA).unwrap().1;
    assert_eq!(said, "Skipped: the label datafold is missing.");

    for (file, expected) in [
        (&b"[]"[..], (CiResult::Skipped, "nothing_to_diff", SUCCESS)),
        (&b"{"[..], (FAILED, "invalid_diffs", ERROR)),
    ] {
        let world = World::new(Habits::default());
        world.state().files.insert("datafold/diffs.json".into(), file.to_vec());
        assert_eq!(end_of(&world, &request()).await, expected);
        let asked = world.state().asked.clone();
        assert!(!asked.contains(&"runs") && !asked.contains(&"trigger"), "{asked:?}");
    }
    let mut named = request();
    named.config.diffs = Some("elsewhere.json".into());
    let world = World::new(Habits::default());
    assert_eq!(end_of(&world, &named).await, (FAILED, "invalid_diffs", ERROR));
}

#[tokio::test(start_paused = true)]
async fn what_the_platform_refuses_ends_with_its_meaning() {
    for name in ["runs", "trigger", "submit", "diffs"] {
        for meaning in [
            Meaning::Unauthorized,
            Meaning::Forbidden,
            Meaning::NotFound,
            Meaning::Invalid,
        ] {
            let world = World::new(Habits::default());
            world.state().broken.insert(name, meaning);
            let end = end_of(&world, &request()).await;
            assert_eq!(end, (FAILED, meaning.word(), ERROR), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_of_another_commit_never_gets_the_diffs() {
    // The newest run that waits is of a commit that the forge does not show yet.
    let world = World::new(Habits::default());
    world.state().events.push(("runs", 12, |state| {
        state.start(NEWER);
    }));
    let mut slow = request();
    slow.config.name = "shop".into();
    world.state().habits.takes = false;
    let (outcome, _) = to_its_end(&world, &slow).await;
    assert_eq!(outcome.verdict.reason, Reason::OtherCommitWaits.word());
    assert_exactly_once(&world, "another commit's run");
    assert_eq!(world.status(NEWER), None);
}

#[tokio::test(start_paused = true)]
async fn diffs_that_another_run_took_in_between_are_told_as_that() {
    let world = World::new(Habits::default());
    // Between the look and the request the newer commit's run came.
    world.state().events.push(("submit", 1, |state| {
        state.start(NEWER);
    }));
    let (outcome, _) = to_its_end(&world, &request()).await;
    assert_eq!(outcome.verdict.reason, Reason::TakenElsewhere.word());
    assert!(
        outcome.verdict.description.contains("run 9002 of commit 22222222"),
        "{}",
        outcome.verdict.description
    );
    assert_eq!(world.state().submitted.len(), 1, "and they are not handed over again");
}

#[tokio::test(start_paused = true)]
async fn the_head_that_moves_ends_it_wherever_it_is() {
    for name in ["runs", "trigger", "submit", "diffs", "summary"] {
        let world = World::new(Habits::default());
        world.state().events.push((name, 1, |state| state.push(NEWER)));
        let (outcome, _) = to_its_end(&world, &request()).await;
        assert_eq!(outcome.result(), CiResult::Superseded, "{name}");
        assert_eq!(world.status(NEWER), None, "{name}");
        assert!(world.state().comments.is_empty(), "{name}");
        let row = world.state().rows.values().next().cloned();
        assert_eq!(row.unwrap().outcome.as_deref(), Some("superseded"), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_without_us_is_reported_and_there_is_no_second_one() {
    for (status, reason) in [
        (RunStatus::Done, "nothing_compared"),
        (RunStatus::Failed, "run_failed"),
        (RunStatus::Cancelled, "cancelled"),
    ] {
        let world = World::new(Habits::default());
        world.state().start(SHA);
        world.state().runs[0].fixed = Some(status.clone());
        let end = end_of(&world, &request()).await;
        assert_eq!((end.0, end.1), (FAILED, reason), "{status:?}");
        assert_eq!(asked_for(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_commit_filled_says_nothing_of_the_tables_of_this_one() {
    let other = |name: &str| DiffRequest {
        production: name.to_owned(),
        pull_request: format!("pr_of_another_commit.{name}"),
        primary_key: vec!["id".to_owned()],
        include_columns: Vec::new(),
        exclude_columns: Vec::new(),
    };
    let world = World::new(Habits::default());
    world.state().start(SHA);
    // As many as this commit asks for, so that their number tells nothing.
    let asked = ["one", "two", "three", "four"].map(other).to_vec();
    world.state().runs[0].given = Some((Instant::now(), asked));
    let end = end_of(&world, &request()).await;
    assert_eq!((end.0, end.2), (FAILED, FAILURE), "{}", end.1);
    assert_eq!(asked_for(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_set_is_in_the_outcome() {
    let world = World::new(Habits::default());
    for name in ["set_status", "comment"] {
        world.state().broken.insert(name, Meaning::Forbidden);
    }
    let outcome = ended(&world).await;
    assert_eq!(outcome.result(), CiResult::Passed);
    assert_eq!(
        outcome.unsaid,
        [
            "the commit status could not be set: scripted: forbidden",
            "the comment could not be written: scripted: forbidden"
        ]
    );
    assert_eq!(outcome.status, StatusEnd::Refused);
}

#[tokio::test(start_paused = true)]
async fn without_a_forge_the_diffs_are_given_and_nothing_is_said_anywhere() {
    let world = World::new(Habits::default());
    let mut ports = ports(&world);
    ports.forge = None;
    let mut request = request();
    let stop = CancellationToken::new();
    let outcome = run_once(&ports, &request, &stop).await.unwrap().unwrap();
    assert_eq!(outcome.verdict.reason, Reason::InvalidDiffs.word());
    request.diffs = Some(Asked {
        diffs: vec![DiffRequest {
            production: "DB.CORE.A".into(),
            pull_request: "DB.PR_6.A".into(),
            primary_key: vec!["ID".into()],
            include_columns: Vec::new(),
            exclude_columns: Vec::new(),
        }],
        ..Asked::default()
    });
    let outcome = run_once(&ports, &request, &stop).await.unwrap().unwrap();
    assert_eq!((outcome.result(), outcome.submitted), (CiResult::Passed, 1));
    assert!(world.state().statuses.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_written_lets_nothing_be_asked_that_must_not_be_repeated() {
    let world = World::new(Habits::default());
    world.state().broken.insert("put_pull_run", Meaning::Unavailable);
    let end = end_of(&world, &request()).await;
    assert_eq!(end, (FAILED, "store", ERROR));
    assert_eq!(asked_for(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn asking_to_stop_leaves_it_open_for_the_next_start() {
    let world = World::new(Habits::default());
    let (ports, stop) = (ports(&world), CancellationToken::new());
    let cancel = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(at(120)).await;
        cancel.cancel();
    });
    assert_eq!(run_once(&ports, &request(), &stop).await.unwrap(), None);
    let row = world.state().rows.values().next().cloned().unwrap();
    assert_eq!((row.finished, row.phase.as_str()), (None, "following"));
    assert_eq!(ended(&world).await.result(), CiResult::Passed);
    assert_exactly_once(&world, "after the stop");
}

#[tokio::test(start_paused = true)]
async fn the_last_looks_before_the_diffs_are_at_the_runs_and_then_at_the_head() {
    let world = World::new(Habits::default());
    let _ = ended(&world).await;
    let asked = world.state().asked.clone();
    let asked: Vec<&str> = asked.into_iter().filter(|name| *name != "put_pull_run").collect();
    let submit = asked.iter().position(|name| *name == "submit").unwrap();
    assert_eq!(asked[submit - 2..submit], ["runs", "pull_request"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_commit_filled_while_our_answer_was_lost_says_nothing_of_our_tables() {
    let probe = World::new(Habits::default());
    let _ = ended(&probe).await;
    let submit = probe.state().asked.iter().position(|name| *name == "submit").unwrap();
    let world = World::new(Habits::default());
    world.state().faults.insert(submit, Fault::Before(Meaning::Lost));
    world.state().events.push(("submit", 1, |state| {
        let other = |name: &str| DiffRequest {
            production: name.to_owned(),
            pull_request: format!("pr_of_another_commit.{name}"),
            primary_key: vec!["id".to_owned()],
            include_columns: Vec::new(),
            exclude_columns: Vec::new(),
        };
        state.runs[0].given = Some((Instant::now(), vec![other("one"), other("two")]));
    }));
    let end = end_of(&world, &request()).await;
    assert_eq!(end, (FAILED, "errors", FAILURE));
}
