//! The rules of carrying out a plan.

use std::sync::Arc;
use std::time::Duration;

use driftless_core::key::{Digest, EnvironmentName, Key, RemoteId, Revision};
use driftless_core::ledger::LedgerEntry;
use driftless_core::plan::{Action, Change, Class, Plan, Step};
use driftless_core::report::{Failure, Meaning, Outcomes, Report, SkipReason};
use driftless_core::snapshot::Gap;
use driftless_core::value::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::apply::{Limits, Unfollowed};
use super::reconcile::{self, Environment, Memory, Prepared};
use super::testing::{
    BOX, ITEM, Log, Script, TestPlatform, TestSource, TestStore, environment, failure, key, operation,
};
use crate::platform::Ids;
use crate::store::{Intent, Store as _};

fn prod() -> EnvironmentName {
    EnvironmentName("prod".into())
}

fn step(action: Action, name: &Key, after: &[usize]) -> Step {
    let write: Map = [("name".to_owned(), Value::from(name.name()))].into_iter().collect();
    Step {
        change: Change {
            key: name.clone(),
            action,
            class: Class::Pending,
            fields: Vec::new(),
            place: None,
        },
        after: after.to_vec(),
        write: write.clone(),
        remote: None,
        base: None,
        agreement: Some(LedgerEntry {
            spec: write,
            fingerprints: Default::default(),
            remote: None,
            revision: Revision("r1".into()),
        }),
    }
}

fn create(name: &str, after: &[usize]) -> Step {
    step(Action::Create, &key(name), after)
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        environment: Some(prod()),
        platform: "test",
        revision: Some(Revision("r1".into())),
        steps,
        reported: Vec::new(),
        blocked: Vec::new(),
        unmanaged: Vec::new(),
        orphaned: Vec::new(),
        gone: Vec::new(),
        unchanged: Default::default(),
        agreed: Vec::new(),
        notes: Vec::new(),
        digest: Digest::of("plan"),
    }
}

struct Bench {
    log: Log,
    platform: Arc<TestPlatform>,
    store: Arc<TestStore>,
    environment: Environment,
    stop: CancellationToken,
    gaps: Vec<Gap>,
}

impl Bench {
    fn new() -> Self {
        let log = Log::default();
        let (platform, store) = (TestPlatform::new("http://a", &log), TestStore::new(&log));
        let mut environment = environment(&TestSource::new(&log), &platform);
        environment.memory = Some(Memory {
            store: store.clone(),
            name: prod(),
        });
        Self {
            log,
            platform,
            store,
            environment,
            stop: CancellationToken::new(),
            gaps: Vec::new(),
        }
    }

    async fn carry_out(&self, plan: Plan, limits: &Limits) -> Report {
        let prepared = Prepared {
            plan,
            diagnostics: Vec::new(),
            ids: Ids::default(),
            gaps: self.gaps.clone(),
        };
        reconcile::carry_out(&self.environment, prepared, limits, &self.stop, &Unfollowed)
            .await
            .unwrap()
    }

    async fn run(&self, steps: Vec<Step>) -> Report {
        self.carry_out(plan(steps), &Limits::default()).await
    }

    fn open_intents(&self) -> usize {
        self.store.state().intents.len()
    }
}

fn words(report: &Report) -> Vec<&'static str> {
    report.outcomes.iter().map(|outcome| outcome.result.word()).collect()
}

fn failed(report: &Report, index: usize) -> &Failure {
    match &report.outcomes[index].result {
        Outcomes::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

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
async fn an_open_intent_of_which_nothing_is_left_to_do_is_settled_unless_it_is_hidden() {
    let mut bench = Bench::new();
    for name in ["box/b", "item/b/x"] {
        let intent = Intent {
            key: key(name),
            digest: Digest::of("earlier"),
        };
        bench.store.intend(&prod(), &intent).await.unwrap();
    }
    bench.gaps.push(Gap {
        kind: ITEM,
        below: None,
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
async fn a_deleted_resource_leaves_the_ledger() {
    let bench = Bench::new();
    let _ = bench.run(vec![create("box/b", &[])]).await;
    let mut delete = step(Action::Delete, &key("box/b"), &[]);
    delete.agreement = None;
    let report = bench.run(vec![delete]).await;
    assert_eq!(words(&report), ["applied"]);
    assert_eq!(bench.store.entry(&prod(), &key("box/b")), None);
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
