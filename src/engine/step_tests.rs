//! The rules of bringing one step to its end.

use std::time::Duration;

use driftless_core::key::RemoteId;
use driftless_core::plan::{Action, Moved, Removal};
use driftless_core::report::{Failure, Meaning};
use tokio::time::Instant;

use super::apply::Limits;
use super::testing::bench::{Bench, create, failed, plan, prod, step, words};
use super::testing::{Script, failure, key, operation};

#[tokio::test(start_paused = true)]
async fn the_intent_comes_before_the_write_and_the_ledger_after_it() {
    let bench = Bench::new();
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!(
        bench.log.lines(),
        ["intend box/b", "create box/b", "wrote box/b", "settle box/b"]
    );
    let entry = bench.store.entry(&prod(), &key("box/b")).unwrap();
    assert_eq!(entry.remote, Some(RemoteId(1)));
    assert_eq!(bench.open_intents(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_intent_cannot_be_kept_is_not_tried() {
    let bench = Bench::new();
    bench.store.state().refuses_intents = true;
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert!(failed(&report, 0).message.contains("the disk is full"));
    assert_eq!(report.outcomes[0].attempts, 0);
    assert_eq!(bench.log.count("create"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_that_took_effect_is_found_and_not_repeated() {
    let bench = Bench::new();
    bench.platform.script(&key("box/b"), [Script::LostAfter]);
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!(bench.log.count("create box/b"), 1);
    assert_eq!(bench.platform.state().doubles, 0);
    assert_eq!(
        bench.store.entry(&prod(), &key("box/b")).unwrap().remote,
        Some(RemoteId(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_create_that_got_lost_on_the_way_is_looked_up_and_then_repeated() {
    let bench = Bench::new();
    bench.platform.script(&key("box/b"), [Script::LostBefore]);
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!(report.outcomes[0].attempts, 2);
    let lines = bench.log.lines();
    assert_eq!(lines[1..4], ["create box/b", "find box/b", "create box/b"]);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_took_effect_in_part_is_finished_by_an_update() {
    let bench = Bench::new();
    bench.platform.script(&key("box/b"), [Script::Partly]);
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!(report.outcomes[0].action, Action::Create);
    assert_eq!(bench.log.lines()[1..4], ["create box/b", "find box/b", "update box/b"]);
    assert_eq!(bench.platform.state().doubles, 0);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_fails_is_repeated() {
    let bench = Bench::new();
    bench.platform.script(&key("box/b"), [Script::LostAfter]);
    bench
        .platform
        .finds_fail([failure(Meaning::Unavailable), failure(Meaning::Lost)]);
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!((bench.log.count("find"), bench.log.count("create")), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_cannot_be_looked_up_is_not_repeated_and_keeps_its_intent() {
    let bench = Bench::new();
    bench.platform.script(&key("box/b"), [Script::LostAfter]);
    bench.platform.finds_fail(vec![failure(Meaning::Unavailable); 5]);
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert!(failed(&report, 0).message.contains("its effect is unknown"));
    assert_eq!(bench.log.count("create"), 1);
    assert_eq!(bench.open_intents(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_an_earlier_process_was_about_to_try_is_looked_up_first() {
    let bench = Bench::new();
    let steps = || vec![create("box/b", &[])];
    bench.platform.script(&key("box/b"), [Script::LostAfter]);
    bench.platform.finds_fail(vec![failure(Meaning::Unavailable); 5]);
    let _ = bench.run(steps()).await;
    bench.log.take();
    let report = bench.run(steps()).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!(bench.log.lines(), ["intend box/b", "find box/b", "settle box/b"]);
    assert_eq!(bench.platform.state().doubles, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_waits_as_long_as_the_platform_asks() {
    let bench = Bench::new();
    let refused = Failure {
        retry_after: Some(Duration::from_secs(20)),
        ..failure(Meaning::RateLimited)
    };
    bench.platform.script(&key("box/b"), [Script::Fails(refused)]);
    let began = Instant::now();
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert_eq!(words(&report), ["applied"]);
    assert!(began.elapsed() >= Duration::from_secs(20));
    assert!(report.outcomes[0].elapsed >= Duration::from_secs(20));
    assert_eq!(bench.log.count("find"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_create_is_looked_up_after_a_server_error_and_an_update_is_not() {
    let bench = Bench::new();
    for name in ["box/b", "box/c"] {
        bench
            .platform
            .script(&key(name), [Script::Fails(failure(Meaning::Unavailable))]);
    }
    let steps = vec![create("box/b", &[]), step(Action::Update, &key("box/c"), &[])];
    let report = bench.run(steps).await;
    assert_eq!(words(&report), ["applied", "applied"]);
    assert_eq!((bench.log.count("find box/b"), bench.log.count("find box/c")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_after_a_lost_answer_may_be_our_own() {
    let bench = Bench::new();
    bench.platform.script(&key("box/b"), [Script::LostBefore, Script::Late]);
    bench.platform.script(
        &key("box/c"),
        [Script::LostBefore, Script::Fails(failure(Meaning::Conflict))],
    );
    let report = bench.run(vec![create("box/b", &[]), create("box/c", &[])]).await;
    assert_eq!(words(&report), ["applied", "failed"]);
    assert_eq!(bench.log.count("find box/b"), 2);
    assert_eq!(failed(&report, 1).meaning, Meaning::Conflict);
}

#[tokio::test(start_paused = true)]
async fn tries_are_used_up() {
    let bench = Bench::new();
    let down = vec![Script::Fails(failure(Meaning::RateLimited)); 20];
    bench.platform.script(&key("box/b"), down);
    let report = bench.run(vec![create("box/b", &[])]).await;
    assert_eq!(words(&report), ["failed"]);
    assert_eq!(report.outcomes[0].attempts, Limits::default().attempts);
    assert_eq!(bench.open_intents(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_polled_from_milliseconds_up_to_seconds_and_teaches_numbers() {
    let bench = Bench::new();
    let subject = key("box/b");
    bench.platform.script(&subject, [Script::Job(20)]);
    let mut sync = step(Action::Operation(operation(&subject)), &subject, &[]);
    sync.agreement = None;
    let began = Instant::now();
    let report = bench.run(vec![sync, create("item/b/x", &[0])]).await;
    assert_eq!(words(&report), ["applied", "applied"]);
    assert_eq!(bench.log.count("poll"), 20);
    // Nine doublings from 10 ms make 5 s, then eleven at the longest, each spread by up to a quarter.
    assert!(began.elapsed() >= Duration::from_secs(40), "{:?}", began.elapsed());
    assert!(began.elapsed() <= Duration::from_secs(75), "{:?}", began.elapsed());
    // It agrees on nothing, so nothing is written to the ledger for it.
    assert_eq!(bench.log.count("intend box/b"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_end_fails_its_step_and_skips_what_waits_for_it() {
    let bench = Bench::new();
    let subject = key("box/b");
    bench.platform.script(&subject, [Script::Job(u32::MAX)]);
    let mut sync = step(Action::Operation(operation(&subject)), &subject, &[]);
    sync.agreement = None;
    let limits = Limits {
        job: Duration::from_secs(30),
        ..Limits::default()
    };
    let report = bench
        .carry_out(plan(vec![sync, create("item/b/x", &[0])]), &limits)
        .await;
    assert_eq!(words(&report), ["failed", "skipped"]);
    assert!(failed(&report, 0).message.contains("longer than 30 s"));
}

/// A step that gives `box/a` the name `b`, where the ledger has `box/a` with an item in it.
async fn renaming(bench: &Bench) -> driftless_core::plan::Step {
    let _ = bench.run(vec![create("box/a", &[]), create("item/a/x", &[0])]).await;
    bench.log.take();
    let mut update = step(Action::Update, &key("box/b"), &[]);
    update.remote = Some(RemoteId(1));
    update.moves = [("box/a", "box/b"), ("item/a/x", "item/b/x")]
        .map(|(from, to)| Moved {
            from: key(from),
            to: key(to),
        })
        .into();
    update
}

fn owned(bench: &Bench) -> Vec<String> {
    let state = bench.store.state();
    let keys = state.ledgers[&prod()].entries.keys();
    keys.map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn the_ledger_follows_a_rename_that_took_effect() {
    let bench = Bench::new();
    let update = renaming(&bench).await;
    let report = bench.run(vec![update]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!(owned(&bench), ["box/b", "item/b/x"]);
    let entry = bench.store.entry(&prod(), &key("box/b")).unwrap();
    assert_eq!(
        entry.spec["name"].as_str(),
        Some("b"),
        "what was agreed on now, not what moved"
    );
}

#[tokio::test(start_paused = true)]
async fn the_ledger_stays_where_a_rename_fails_and_what_waits_for_it_is_skipped() {
    let bench = Bench::new();
    let update = renaming(&bench).await;
    let refused = Script::Fails(failure(Meaning::Invalid));
    bench.platform.script(&key("box/b"), [refused]);
    let report = bench
        .run(vec![update, step(Action::Update, &key("item/b/x"), &[0])])
        .await;
    assert_eq!(words(&report), ["failed", "skipped"]);
    assert_eq!(owned(&bench), ["box/a", "item/a/x"]);
    assert_eq!(bench.open_intents(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_resource_leaves_the_ledger() {
    let bench = Bench::new();
    let _ = bench.run(vec![create("box/b", &[])]).await;
    let mut delete = step(Action::Delete(Removal::Erase), &key("box/b"), &[]);
    (delete.agreement, delete.closes) = (None, vec![key("box/b")]);
    let report = bench.run(vec![delete]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!(bench.store.entry(&prod(), &key("box/b")), None);
}

#[tokio::test(start_paused = true)]
async fn a_lost_deletion_that_took_no_effect_is_repeated_as_a_deletion() {
    let bench = Bench::new();
    let _ = bench.run(vec![create("box/b", &[])]).await;
    bench.platform.script(&key("box/b"), [Script::LostBefore]);
    let mut delete = step(Action::Delete(Removal::Erase), &key("box/b"), &[]);
    (delete.agreement, delete.remote) = (None, Some(RemoteId(1)));
    let report = bench.run(vec![delete]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!((bench.log.count("delete"), bench.log.count("update")), (2, 0));
    assert!(bench.platform.state().live.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sent_for_want_of_answers_fails_at_once_and_leaves_no_doubt() {
    let bench = Bench::new();
    let withheld = Script::Fails(failure(Meaning::NotSent));
    bench.platform.script(&key("box/b"), [withheld]);
    let began = Instant::now();
    let report = bench.run(vec![create("box/b", &[]), create("item/b/x", &[0])]).await;
    assert_eq!(words(&report), ["failed", "skipped"]);
    assert_eq!(report.outcomes[0].attempts, 1);
    assert_eq!((began.elapsed(), bench.log.count("find")), (Duration::ZERO, 0));
    assert_eq!(bench.open_intents(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_write_stays_in_doubt_when_nothing_more_is_sent() {
    // The look-up is not sent, or the second try is not.
    let scripts = [
        (vec![failure(Meaning::NotSent)], vec![Script::LostAfter]),
        (
            vec![],
            vec![Script::LostBefore, Script::Fails(failure(Meaning::NotSent))],
        ),
    ];
    for (finds, writes) in scripts {
        let bench = Bench::new();
        bench.platform.finds_fail(finds);
        bench.platform.script(&key("box/b"), writes);
        let report = bench.run(vec![create("box/b", &[])]).await;
        assert_eq!(words(&report), ["failed"]);
        assert!(bench.log.count("find box/b") > 0);
        assert_eq!(bench.open_intents(), 1, "the next pass looks before it writes");
    }
}

/// The records of the audit: key, action and result.
fn told(bench: &Bench) -> Vec<String> {
    let state = bench.store.state();
    let line = |note: &crate::store::audit::Note| format!("{} {}: {}", note.action, note.key, note.result);
    state.audit.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn each_write_is_told_before_and_after_and_on_whose_behalf() {
    let bench = Bench::new();
    bench
        .platform
        .script(&key("box/c"), [Script::Fails(failure(Meaning::Invalid))]);
    let _ = bench.run(vec![create("box/b", &[]), create("box/c", &[0])]).await;
    assert_eq!(
        told(&bench),
        [
            "create box/b: intended",
            "create box/b: applied",
            "create box/c: intended",
            "create box/c: failed: scripted: invalid"
        ]
    );
    let state = bench.store.state();
    let note = &state.audit[1];
    assert_eq!((note.run.as_deref(), note.trigger.as_str()), (Some("run-1"), "manual"));
    assert_eq!(
        (note.revision.as_deref(), note.author.as_deref()),
        (Some("r1"), Some("A. Author"))
    );
    assert_eq!((note.approver.as_deref(), note.attempts), (Some("someone"), 1));
    assert_eq!(note.target, "http://a");
    let change = driftless_core::render::change_json(&create("box/b", &[]).change);
    let request = format!(
        "{{\"kind\":\"box\",\"class\":\"pending\",\"remote\":null,\"fields\":[],\"change\":\"{}\"}}",
        driftless_core::key::Digest::of(&change)
    );
    assert_eq!(note.request, request);
}

#[tokio::test(start_paused = true)]
async fn an_operation_without_an_intent_is_told_too_and_not_tried_where_it_cannot_be() {
    let bench = Bench::new();
    let mut sync = step(Action::Operation(operation(&key("box/b"))), &key("box/b"), &[]);
    sync.agreement = None;
    let _ = bench.run(vec![sync.clone()]).await;
    assert_eq!(told(&bench), ["operation box/b: intended", "operation box/b: applied"]);
    bench.store.state().refuses_intents = true;
    let report = bench.run(vec![sync]).await;
    assert_eq!(report.outcomes[0].attempts, 0);
    assert_eq!(told(&bench).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_end_nobody_knows_is_told_as_that_and_then_what_was_found() {
    let bench = Bench::new();
    bench.platform.script(&key("box/b"), [Script::LostAfter]);
    bench.platform.finds_fail([failure(Meaning::Forbidden)]);
    let _ = bench.run(vec![create("box/b", &[])]).await;
    let _ = bench.run(vec![create("box/b", &[])]).await;
    let told = told(&bench);
    assert_eq!(told[0], "create box/b: intended");
    assert!(
        told[1].starts_with("create box/b: unknown: its effect is unknown"),
        "{told:?}"
    );
    assert_eq!(
        told[2..],
        [
            "create box/b: intended",
            "create box/b: looked_up: an earlier process's write of it took effect"
        ]
    );
    assert_eq!(bench.platform.state().doubles, 0);
}
