//! The rules of carrying out a plan.

use std::time::Duration;

use driftless_core::guard::Circumstances;
use driftless_core::key::{Digest, Key, RemoteId};
use driftless_core::plan::{Action, Removal};
use driftless_core::report::{Meaning, Outcomes, SkipReason};
use driftless_core::snapshot::{Gap, GapReason};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::apply::{Limits, Unfollowed};
use super::reconcile;
use super::testing::bench::{Bench, create, origin, plan, prod, step, words};
use super::testing::{BOX, ITEM, Log, Script, TestPlatform, TestSource, environment, failure, key};
use crate::store::audit::Note;
use crate::store::{Intent, Store as _};

#[tokio::test(start_paused = true)]
async fn a_step_waits_for_those_it_depends_on() {
    let bench = Bench::new();
    bench
        .platform
        .script(&key("box/b"), [Script::Slow(Duration::from_secs(3))]);
    let steps = vec![create("item/b/x", &[1]), create("box/b", &[]), create("box/c", &[])];
    let report = bench.run(steps).await;
    assert_eq!(words(&report), ["applied"; 3]);
    let wrote: Vec<String> = bench
        .log
        .take()
        .into_iter()
        .filter(|line| line.starts_with("wrote"))
        .collect();
    assert_eq!(wrote, ["wrote box/c", "wrote box/b", "wrote item/b/x"]);
    assert_eq!(report.outcomes[0].key, key("item/b/x"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_skips_what_depends_on_it_and_nothing_else() {
    let bench = Bench::new();
    bench
        .platform
        .script(&key("box/b"), [Script::Fails(failure(Meaning::Invalid))]);
    let steps = vec![
        create("box/b", &[]),
        create("item/b/x", &[0]),
        create("item/b/y", &[1]),
        create("box/c", &[]),
        create("item/c/z", &[3]),
    ];
    let report = bench.run(steps).await;
    assert_eq!(words(&report), ["failed", "skipped", "skipped", "applied", "applied"]);
    let upstream = Outcomes::Skipped(SkipReason::Upstream(key("box/b")));
    assert_eq!(report.outcomes[1].result, upstream);
    assert_eq!(report.outcomes[2].result, upstream);
    assert_eq!(report.outcomes[0].attempts, 1);
    assert_eq!(bench.open_intents(), 0);
    assert_eq!(bench.store.entry(&prod(), &key("box/b")), None);
}

#[tokio::test(start_paused = true)]
async fn an_open_intent_of_which_nothing_is_left_to_do_is_settled_unless_it_is_hidden() {
    let mut bench = Bench::new();
    for name in ["box/b", "item/b/x"] {
        let intent = Intent {
            key: key(name),
            digest: Digest::of("earlier"),
        };
        bench.store.intend(&prod(), &intent, &Note::default()).await.unwrap();
    }
    bench.gaps.push(Gap {
        kind: ITEM,
        below: None,
        reason: GapReason::Unread,
        message: "the list broke off".into(),
    });
    let _ = bench.run(Vec::new()).await;
    let state = bench.store.state();
    let open: Vec<&Key> = state.intents.keys().map(|(_, key)| key).collect();
    assert_eq!(open, [&key("item/b/x")]);
    assert_eq!(open[0].kind, ITEM);
    assert_ne!(open[0].kind, BOX);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_the_step_in_hand_end_and_starts_no_other() {
    let bench = Bench::new();
    bench
        .platform
        .script(&key("box/a"), [Script::Slow(Duration::from_secs(10))]);
    let limits = Limits {
        concurrency: 1,
        ..Limits::default()
    };
    let stop = bench.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
    });
    let steps = vec![create("box/a", &[]), create("box/b", &[]), create("item/a/x", &[0])];
    let report = bench.carry_out(plan(steps), &limits).await;
    assert_eq!(words(&report), ["applied", "skipped", "skipped"]);
    assert_eq!(report.outcomes[1].result, Outcomes::Skipped(SkipReason::Stopping));
    assert_eq!(report.outcomes[2].result, Outcomes::Skipped(SkipReason::Stopping));
    assert_eq!(bench.log.count("create"), 1);
    assert!(bench.store.entry(&prod(), &key("box/a")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_a_wait_looks_a_lost_write_up_and_does_not_repeat_it() {
    let bench = Bench::new();
    bench.platform.script(&key("box/a"), [Script::LostAfter]);
    bench.platform.script(&key("box/b"), [Script::LostBefore]);
    let limits = Limits {
        retry: super::backoff::Backoff {
            first: Duration::from_secs(100),
            longest: Duration::from_secs(100),
        },
        ..Limits::default()
    };
    let stop = bench.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
    });
    let began = Instant::now();
    let report = bench
        .carry_out(plan(vec![create("box/a", &[]), create("box/b", &[])]), &limits)
        .await;
    assert_eq!(words(&report), ["applied", "failed"]);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(bench.log.count("create"), 2);
}

#[tokio::test(start_paused = true)]
async fn no_more_steps_than_the_limit_are_under_way() {
    let bench = Bench::new();
    let names: Vec<String> = (0..6).map(|number| format!("box/{number}")).collect();
    for name in &names {
        bench
            .platform
            .script(&key(name), [Script::Slow(Duration::from_secs(1))]);
    }
    let limits = Limits {
        concurrency: 2,
        ..Limits::default()
    };
    let began = Instant::now();
    let steps = names.iter().map(|name| create(name, &[])).collect();
    let report = bench.carry_out(plan(steps), &limits).await;
    assert_eq!(words(&report), ["applied"; 6]);
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_leaves_the_ledger_only_when_the_platform_says_so_by_number() {
    let bench = Bench::new();
    let _ = bench.run(vec![create("box/b", &[]), create("box/c", &[])]).await;
    bench.platform.state().live.remove(&key("box/b"));
    let mut gone = plan(Vec::new());
    gone.gone = vec![(key("box/b"), Some(RemoteId(1))), (key("box/c"), Some(RemoteId(2)))];
    let _ = bench.carry_out(gone, &Limits::default()).await;
    assert_eq!(bench.store.entry(&prod(), &key("box/b")), None);
    assert!(bench.store.entry(&prod(), &key("box/c")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_step_leaves_the_others_going_and_its_own_intent_open() {
    let bench = Bench::new();
    bench.platform.script(&key("box/a"), [Script::Panics]);
    bench
        .platform
        .script(&key("box/b"), [Script::Slow(Duration::from_secs(5))]);
    let report = bench
        .run(vec![
            create("box/a", &[]),
            create("box/b", &[]),
            create("item/a/x", &[0]),
        ])
        .await;
    assert_eq!(words(&report), ["failed", "applied", "skipped"]);
    assert_eq!(bench.open_intents(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bare_instance_is_compared_and_written_without_a_ledger() {
    let log = Log::default();
    let (source, platform) = (TestSource::new(&log), TestPlatform::new("http://a", &log));
    source.push("digest", &[("x", "red")]);
    let bare = environment(&source, &platform);
    let pass = async || {
        let prepared = reconcile::prepare(&bare, None, &Circumstances::default(), &Unfollowed)
            .await
            .unwrap();
        let stop = CancellationToken::new();
        reconcile::carry_out(&bare, prepared, &origin(), &Limits::default(), &stop, &Unfollowed)
            .await
            .unwrap()
    };
    let first = pass().await;
    assert_eq!((&first.plan.environment, &first.plan.revision), (&None, &None));
    assert_eq!(words(&first), ["applied", "applied"]);
    platform.by_hand(&key("item/b/x"), "black");
    assert_eq!(pass().await.tally().updated, 1);
    let third = pass().await;
    assert!(third.plan.is_empty() && third.tally().unchanged == 2);
    assert_eq!((log.count("intend"), log.count("settle")), (0, 0));
}

fn deletion(name: &str, after: &[usize]) -> driftless_core::plan::Step {
    let mut step = step(Action::Delete(Removal::Erase), &key(name), after);
    (step.agreement, step.closes) = (None, vec![key(name)]);
    step
}

#[tokio::test(start_paused = true)]
async fn deletes_run_last_and_only_if_every_upsert_passed() {
    let bench = Bench::new();
    let _ = bench
        .run(vec![create("box/old", &[]), create("item/old/x", &[0])])
        .await;
    let steps = || {
        vec![
            create("box/b", &[]),
            create("box/c", &[]),
            deletion("item/old/x", &[]),
            deletion("box/old", &[2]),
        ]
    };
    bench
        .platform
        .script(&key("box/c"), [Script::Fails(failure(Meaning::Invalid))]);
    let report = bench.run(steps()).await;
    assert_eq!(words(&report), ["applied", "failed", "skipped", "skipped"]);
    let skipped = Outcomes::Skipped(SkipReason::UpsertsFailed);
    assert_eq!(
        (&report.outcomes[2].result, &report.outcomes[3].result),
        (&skipped, &skipped)
    );
    assert_eq!(bench.log.count("delete"), 0);
    assert!(bench.store.entry(&prod(), &key("box/old")).is_some());
    let report = bench.run(steps()).await;
    assert_eq!(words(&report), ["applied", "applied", "applied", "applied"]);
    let lines = bench.log.lines();
    let at = |line: &str| lines.iter().rposition(|other| other == line).unwrap();
    assert!(at("delete item/old/x") > at("settle box/c") && at("delete item/old/x") > at("settle box/b"));
    assert!(at("delete box/old") > at("settle item/old/x"));
    assert_eq!(bench.store.entry(&prod(), &key("box/old")), None);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_skips_what_comes_after_it_and_no_other_deletion() {
    let bench = Bench::new();
    let _ = bench.run(vec![create("box/b", &[]), create("box/c", &[])]).await;
    bench
        .platform
        .script(&key("box/b"), [Script::Fails(failure(Meaning::Conflict))]);
    let steps = vec![deletion("box/b", &[]), deletion("box/d", &[0]), deletion("box/c", &[])];
    let report = bench.run(steps).await;
    assert_eq!(words(&report), ["failed", "skipped", "applied"]);
    assert_eq!(report.outcomes[0].attempts, 1, "what is in use is not fought over");
    assert!(bench.store.entry(&prod(), &key("box/b")).is_some());
}
