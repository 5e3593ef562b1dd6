//! What is read before anything is asked for: the head, the file that says what is compared, and whose the runs are.

use driftless_core::report::Meaning;

use super::world::{FakeRun, Fault, NEWER};
use super::*;
use crate::ci::config::Discovery;
use crate::ci::diffs::USUAL_PATHS;
use crate::forge::{ChangedFile, FileChange};
use crate::platform::data_diffs::{PullRequestNumber, RunStatus};

/// The tables of the pull request that were handed over.
fn handed_over(world: &World) -> Vec<String> {
    let state = world.state();
    let diffs = state.submitted.iter().flat_map(|(_, diffs)| diffs);
    diffs.map(|diff| diff.pull_request.clone()).collect()
}

fn put(world: &World, path: &str, text: &str) {
    let bytes = text.as_bytes().to_vec();
    world.state().files.insert(path.to_owned(), bytes);
}

#[tokio::test(start_paused = true)]
async fn the_diffs_file_may_be_yaml_and_json_goes_first() {
    let json = r#"[{"prod":"A.C.T","pr":"A.P.OF_JSON_${PR_NUMBER}","pk":["ID"]}]"#;
    let yaml = |name: &str| {
        format!("# what is compared\n- prod: A.C.T\n  pr: A.${{PR_SCHEMA}}.{name}_${{PR_SHA}}\n  pk: [ID]\n")
    };
    let mut request = request();
    request.config.schema = Some("PR_${PR_NUMBER}".to_owned());
    let world = World::new(Habits::default());
    world.state().files.clear();
    for (path, text, expected) in [
        ("datafold/diffs.yml", yaml("OF_YML"), format!("A.PR_6.OF_YML_{SHA}")),
        ("datafold/diffs.yaml", yaml("OF_YAML"), format!("A.PR_6.OF_YAML_{SHA}")),
        ("datafold/diffs.json", json.to_owned(), "A.P.OF_JSON_6".to_owned()),
    ] {
        put(&world, path, &text);
        let next = World::new(Habits::default());
        next.state().files = world.state().files.clone();
        assert_eq!(to_its_end(&next, &request).await.0.result(), CiResult::Passed, "{path}");
        assert_eq!(handed_over(&next), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_placeholder_without_a_value_is_told_and_nothing_is_sent() {
    let mut bad = request();
    bad.config.schema = Some("PR_${PR_SCHEMA}".to_owned());
    for (request, text) in [
        (request(), r#"[{"prod":"A.C.T","pr":"A.${PR_SCHEMA}.T","pk":["ID"]}]"#),
        (bad, r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"]}]"#),
    ] {
        let world = World::new(Habits::default());
        put(&world, "datafold/diffs.json", text);
        let outcome = to_its_end(&world, &request).await.0;
        assert_eq!(outcome.verdict.reason, Reason::InvalidDiffs.word());
        let said = world.status(SHA).unwrap();
        assert_eq!(said.0, CommitState::Error);
        assert!(said.1.contains("`${PR_SCHEMA}` stands for nothing"), "{}", said.1);
        assert!(world.state().runs.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_diffs_file_the_changed_sql_files_say_what_is_compared() {
    let mut request = request();
    let pair = |value: &str| vec![("s".to_owned(), value.to_owned())];
    request.config.discovery = Some(Discovery {
        files: vec!["**/*.sql".to_owned()],
        production: pair("CORE"),
        pull_request: pair("PR_${PR_NUMBER}"),
    });
    let world = World::new(Habits::default());
    world.state().files.clear();
    put(
        &world,
        "models/a.sql",
        "-- datafold: pk=id, day\ncreate table if not exists A.${s}.T as select 1",
    );
    assert_eq!(to_its_end(&world, &request).await.0.result(), CiResult::Passed);
    assert_eq!(handed_over(&world), ["A.PR_6.T"]);
    assert_eq!(world.state().submitted[0].1[0].primary_key, ["id", "day"]);
}

#[tokio::test(start_paused = true)]
async fn changed_files_of_which_nothing_can_be_compared_are_named_in_the_comment() {
    let mut request = request();
    request.config.discovery = Some(Discovery {
        files: vec!["**/*.sql".to_owned()],
        production: Vec::new(),
        pull_request: Vec::new(),
    });
    let world = World::new(Habits::default());
    world.state().files.clear();
    put(&world, "models/a.sql", "{{ config() }} select 1");
    assert_eq!(to_its_end(&world, &request).await.0.result(), CiResult::Skipped);
    let said = world.status(SHA).unwrap();
    assert_eq!(
        said,
        (
            CommitState::Success,
            "Skipped: there is nothing to compare; see 1 remark.".to_owned()
        )
    );
    let state = world.state();
    assert!(
        state.comments[0].contains("the file creates no table and no view"),
        "{:?}",
        state.comments
    );
    assert!(state.runs.is_empty());
}

fn discovering() -> Request {
    let mut request = request();
    request.config.discovery = Some(Discovery {
        files: vec!["**/*.sql".to_owned()],
        production: Vec::new(),
        pull_request: Vec::new(),
    });
    request
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_that_is_larger_than_a_file_may_be_is_named_and_not_read() {
    let world = World::new(Habits::default());
    world.state().files.clear();
    put(&world, "models/a.sql", &"-".repeat(2 << 20));
    let (outcome, _) = to_its_end(&world, &discovering()).await;
    assert_eq!(
        (outcome.result(), outcome.verdict.reason.as_str()),
        (CiResult::Failed, "invalid_diffs")
    );
    let said = world.status(SHA).unwrap().1;
    assert!(
        said.contains("models/a.sql:1:1: the file has more than 1048576 bytes"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_diffs_file_that_is_larger_than_a_file_may_be_is_named_and_not_read() {
    for path in ["datafold/diffs.json", "datafold/diffs.yaml"] {
        let world = World::new(Habits::default());
        world.state().files.clear();
        put(&world, path, &" ".repeat((1 << 20) + 1));
        let (outcome, _) = to_its_end(&world, &request()).await;
        assert_eq!(
            (outcome.result(), outcome.verdict.reason.as_str()),
            (CiResult::Failed, "invalid_diffs")
        );
        let said = world.status(SHA).unwrap().1;
        assert!(
            said.contains(&format!("{path}:1:1: the file has more than 1048576 bytes")),
            "{said}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn changed_files_that_are_too_many_together_end_the_run_before_all_are_read() {
    let world = World::new(Habits::default());
    world.state().files.clear();
    world.state().changed.clear();
    for number in 0..80 {
        let path = format!("models/{number}.sql");
        put(&world, &path, &"-".repeat(1 << 20));
        world.state().changed.push(ChangedFile {
            path,
            previous: None,
            change: FileChange::Written,
        });
    }
    let (outcome, _) = to_its_end(&world, &discovering()).await;
    assert_eq!(
        (outcome.result(), outcome.verdict.reason.as_str()),
        (CiResult::Failed, "invalid_diffs")
    );
    let said = world.status(SHA).unwrap().1;
    assert!(said.contains("split the pull request"), "{said}");
    let state = world.state();
    let read = state.asked.iter().filter(|asked| **asked == "file").count();
    assert_eq!(
        read,
        USUAL_PATHS.len() + 65,
        "the file that is one too many is the last"
    );
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_needs_no_files_is_asked_before_they_are_listed() {
    let mut request = request();
    request.config.label = crate::ci::config::Label::Required;
    let world = World::new(Habits::default());
    assert_eq!(to_its_end(&world, &request).await.0.result(), CiResult::Skipped);
    assert!(!world.state().asked.contains(&"changed_files"));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_moved_before_the_first_look_asks_nothing_of_the_platform() {
    let world = World::new(Habits::default());
    world.state().push(NEWER);
    let (outcome, _) = to_its_end(&world, &request()).await;
    assert_eq!(outcome.result(), CiResult::Superseded);
    let state = world.state();
    assert!(state.statuses.is_empty() && state.runs.is_empty() && !state.asked.contains(&"file"));
}

#[tokio::test(start_paused = true)]
async fn a_run_of_the_same_commit_in_another_pull_request_is_not_ours() {
    for status in [RunStatus::Waiting, RunStatus::Done] {
        let world = World::new(Habits::default());
        world.state().runs.push(FakeRun {
            id: 9001,
            number: PullRequestNumber(7),
            sha: SHA.to_owned(),
            made: Instant::now(),
            given: None,
            fixed: Some(status.clone()),
        });
        let (outcome, _) = to_its_end(&world, &request()).await;
        assert_eq!(outcome.result(), CiResult::Passed, "{status:?}");
        let state = world.state();
        let taken: Vec<i64> = state.submitted.iter().map(|(run, _)| *run).collect();
        assert_eq!((state.triggered.len(), taken), (1, vec![9002]), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_moves_between_a_look_and_the_submit_leaves_the_diffs_at_home() {
    let unhurried = |world: &Arc<World>| Ports {
        options: Options {
            head: Duration::from_secs(99),
            ..options()
        },
        ..ports(world)
    };
    // The commit has its run: nothing but looks stands before the submit.
    let quiet = World::new(Habits::default());
    quiet.state().start(SHA);
    let stop = CancellationToken::new();
    let _ = run_once(&unhurried(&quiet), &request(), &stop).await;
    let asked = quiet.state().asked.clone();
    let submit = asked.iter().position(|name| *name == "submit").unwrap();
    let looks = asked[..submit].iter().filter(|name| **name == "runs").count();
    assert!(looks > 1, "{asked:?}");
    for look in 1..=looks {
        let world = World::new(Habits::default());
        world.state().start(SHA);
        world.state().events.push(("runs", look, |state| state.push(NEWER)));
        let outcome = run_once(&unhurried(&world), &request(), &stop).await;
        assert_eq!(outcome.unwrap().unwrap().result(), CiResult::Superseded, "{look}");
        assert!(!world.state().asked.contains(&"submit"), "{look}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_asking_for_a_run_asks_for_no_second_one_though_none_is_awaited() {
    let habits = Habits {
        hidden: Duration::from_millis(30),
        ..Habits::default()
    };
    let hasty = |world: &Arc<World>| Ports {
        options: Options {
            appears: Duration::ZERO,
            ..options()
        },
        ..ports(world)
    };
    let stop = CancellationToken::new();
    let quiet = World::new(habits.clone());
    let _ = run_once(&hasty(&quiet), &request(), &stop).await;
    let trigger = quiet.state().asked.iter().position(|name| *name == "trigger").unwrap();
    let world = World::new(habits);
    world.state().faults.insert(trigger, Fault::KillAfter);
    let (ports, request) = (hasty(&world), request());
    tokio::select! {
        _ = run_once(&ports, &request, &stop) => panic!("it is to die"),
        () = world.killed.notified() => {}
    }
    let outcome = run_once(&ports, &request, &stop).await;
    assert_eq!(outcome.unwrap().unwrap().result(), CiResult::Passed);
    assert_exactly_once(&world, "after the death");
}

#[tokio::test(start_paused = true)]
async fn the_comparisons_of_a_run_that_is_done_are_awaited_where_the_list_lags_behind() {
    let world = World::new(Habits {
        lists: 0,
        course: vec![
            (Duration::ZERO, RunStatus::Queued),
            (Duration::from_millis(40), RunStatus::Done),
        ],
        ..Habits::default()
    });
    for (at, lists) in [(2, 1_usize), (4, 2)] {
        let later: fn(&mut world::State) = match lists {
            1 => |state| state.habits.lists = 1,
            _ => |state| state.habits.lists = 2,
        };
        world.state().events.push(("diffs", at, later));
    }
    let (outcome, _) = to_its_end(&world, &request()).await;
    assert_eq!((outcome.result(), outcome.diffs.len()), (CiResult::Passed, 2));
    assert!(outcome.diffs.iter().all(|diff| diff.id.is_some()));
}

#[tokio::test(start_paused = true)]
async fn the_last_word_is_tried_again_where_the_forge_does_not_take_it() {
    let quiet = World::new(Habits::default());
    let _ = ended(&quiet).await;
    for name in ["set_status", "comment"] {
        let last = quiet.state().asked.iter().rposition(|asked| *asked == name).unwrap();
        let world = World::new(Habits::default());
        world.state().faults.insert(last, Fault::Before(Meaning::Unavailable));
        let outcome = ended(&world).await;
        assert_eq!(outcome.unsaid, [""; 0], "{name}");
        assert_eq!(world.status(SHA).map(|(state, _)| state), Some(CommitState::Success));
        assert_eq!(world.state().comments.len(), 1, "{name}");
    }
}
