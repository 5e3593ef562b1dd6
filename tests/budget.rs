//! The budgets of a pass, counted in the sandbox's own log: reads, writes, texts parsed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]
#![allow(clippy::print_stdout, reason = "the counts are what these tests are read for")]

#[path = "support/git_repo.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod git_repo;
#[path = "support/instance.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod instance;
#[path = "support/pipeline.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod pipeline;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftless::clock::SystemClock;
use driftless::engine::Control as _;
use driftless::engine::driver::{Driver, EnvironmentSetup, RETRY, Setup, Shutdown, SourceSetup};
use driftless::engine::metrics::Metrics;
use driftless::engine::pace::{CONCURRENCY, Limiter, PER_SECOND, Pace};
use driftless::engine::reconcile::Environment;
use driftless::engine::schedule::Schedule;
use driftless::sandbox::qualytics::{Switches, example_seed};
use driftless::source::Source;
use driftless::source::file::Limits as FileLimits;
use driftless::source::git::{Auth, GitOptions, GitSource, MovedTag, Reference};
use driftless_core::key::{EnvironmentName, Revision};
use driftless_core::report::Conclusion;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use git_repo::Repo;
use instance::Instance;
use pipeline::{Files, clean_pass, environment, exported, memory, platform, variables};

const DATASTORES: usize = 5;
const CHECKS: usize = 200;
const TABLES: usize = 10;

/// What a pass may read: one page for each hundred rows of each list, one request for each datastore and for each container that
/// is computed or has a computed field, and ten.
fn budget(state: &Value) -> usize {
    let rows = |kind: &str| state[kind].as_array().unwrap();
    let pages = |rows: usize| rows.div_ceil(100);
    let of = |kind: &str, datastore: &Value| rows(kind).iter().filter(|row| row["datastore"] == *datastore).count();
    let mut lists = pages(rows("connections").len()) + pages(rows("datastores").len());
    for datastore in rows("datastores") {
        lists += pages(of("containers", &datastore["name"])) + pages(of("checks", &datastore["name"]));
    }
    let computed = rows("containers")
        .iter()
        .filter(|row| row["container_type"].as_str().unwrap().starts_with("computed"))
        .count();
    lists + rows("datastores").len() + computed + rows("computed_fields").len() + 10
}

async fn large() -> (Instance, BTreeMap<String, String>) {
    let instance = Instance::start(example_seed(DATASTORES, TABLES, CHECKS), Switches::default()).await;
    let files = exported(&instance).await;
    (instance, files)
}

/// With the limits that a real instance has.
fn paced(instance: &Instance, environment: Environment) -> Environment {
    let gate = Arc::new(Pace::uncounted(Limiter::new(CONCURRENCY, PER_SECOND)));
    Environment {
        platform: platform(instance, gate, Duration::from_secs(30)),
        ..environment
    }
}

async fn assert_within_budget(instance: &Instance, what: &str, budget: usize, elapsed: Duration) {
    let reads = instance.reads().await;
    let count: usize = reads.values().sum();
    println!("{what}: {count} reads of {budget} allowed, in {elapsed:.2?}: {reads:?}");
    assert!(count <= budget, "{what}: {count} reads, {budget} allowed: {reads:?}");
}

async fn holds_the_budget(with_ledger: bool) {
    let (instance, files) = large().await;
    let budget = budget(&instance.state().await);
    let (variables, files) = (variables(&files), Files::new(files));
    let memory = if with_ledger { Some(memory().await) } else { None };
    let environment = paced(&instance, environment(&instance, &files, variables, memory));
    if with_ledger {
        // The first pass adopts: secrets of which nothing is known are sent once.
        let _ = clean_pass(&environment).await;
    }

    instance.forget().await;
    let began = Instant::now();
    let report = clean_pass(&environment).await;
    assert!(report.plan.is_empty(), "{:#?}", report.plan.steps);
    assert_eq!(report.tally().unchanged, 6 + 6 + 5 + 5 + DATASTORES * CHECKS);
    assert_eq!(instance.writes().await, []);
    assert_eq!(instance.operations().await, 0);
    assert_within_budget(&instance, "a pass without a change", budget, began.elapsed()).await;

    let check = files
        .paths()
        .into_iter()
        .find(|path| path.ends_with("notnull__id.yaml"))
        .unwrap();
    files.edit(&check, "description: ", "description: Changed, ");
    instance.forget().await;
    let began = Instant::now();
    let report = clean_pass(&environment).await;
    let writes = instance.writes().await;
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!((writes[0].0.as_str(), report.tally().updated), ("PUT", 1), "{writes:?}");
    assert_within_budget(&instance, "a pass with one changed check", budget, began.elapsed()).await;

    instance.forget().await;
    let began = Instant::now();
    let report = clean_pass(&environment).await;
    assert!(report.plan.is_empty());
    assert_eq!(instance.writes().await, []);
    assert_within_budget(&instance, "the pass after it", budget, began.elapsed()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_over_a_thousand_checks_reads_within_the_budget_and_writes_what_changed() {
    holds_the_budget(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_without_a_ledger_keeps_the_same_budget() {
    holds_the_budget(false).await;
}

fn git_source(repo: &Repo) -> Arc<GitSource> {
    let source = GitSource::open(GitOptions {
        name: "config".to_owned(),
        url: repo.bare().display().to_string(),
        reference: Reference::Branch("main".to_owned()),
        mirror: repo.folder().join("mirror"),
        auth: Auth::None,
        ca: None,
        limits: FileLimits::default(),
        timeout: Duration::from_secs(30),
        moved_tag: MovedTag::Refuse,
        verify: None,
    });
    Arc::new(source.unwrap())
}

fn repository(files: &BTreeMap<String, String>) -> Repo {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_bytes()))
        .collect();
    Repo::with(&files)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_texts_that_changed_are_parsed_again() {
    let (_instance, files) = large().await;
    let repo = repository(&files);
    let source = git_source(&repo);
    let folders = ["config".to_owned()];
    let head = source.head().await.unwrap();
    let tree = source.checkout(&head, &folders).await.unwrap();
    let first = source.parsed();
    assert_eq!(tree.files.len(), files.len());
    assert!(first <= files.len() as u64);

    let path = files.keys().find(|path| path.ends_with("notnull__id.yaml")).unwrap();
    repo.write(
        path,
        files[path]
            .replacen("description: ", "description: Changed, ", 1)
            .as_bytes(),
    );
    repo.push("Change one");
    let head = source.head().await.unwrap();
    source.checkout(&head, &folders).await.unwrap();
    println!(
        "{} files: {first} texts parsed at first, {} more after one change",
        files.len(),
        source.parsed() - first
    );
    assert_eq!(source.parsed() - first, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_in_git_costs_no_request_to_the_platform() {
    let instance = Instance::start(example_seed(1, 2, 20), Switches::default()).await;
    let files = exported(&instance).await;
    let repo = repository(&files);
    let source = git_source(&repo);
    let memory = memory().await;
    let name = EnvironmentName("prod".to_owned());
    let clock = Arc::new(SystemClock);
    let bare = environment(&instance, &Files::new(files.clone()), variables(&files), None);
    let driver = Driver::start(
        Setup {
            sources: vec![SourceSetup {
                source: source.clone(),
                url: repo.bare().display().to_string(),
                reference: Reference::Branch("main".to_owned()),
                schedule: Schedule::Every(Duration::from_millis(20)),
            }],
            environments: vec![EnvironmentSetup {
                name: name.clone(),
                environment: Environment { source, ..bare },
                target: "sandbox".to_owned(),
                url: instance.sandbox.url(),
                drift_interval: Duration::from_secs(3600),
                limiter: Limiter::new(CONCURRENCY, PER_SECOND),
            }],
            store: memory.store.clone(),
            clock: clock.clone(),
            metrics: Metrics::new("0", clock).unwrap(),
            limits: pipeline::limits(),
            retry: RETRY,
        },
        CancellationToken::new(),
    )
    .unwrap();
    let mut overview = driver.overview();
    let (prod, waited) = (name.clone(), Duration::from_secs(30));
    let ended = overview.wait_for(|view| view.environments[&prod].last_success.is_some());
    drop(
        tokio::time::timeout(waited, ended)
            .await
            .expect("the first pass ends")
            .unwrap(),
    );
    instance.forget().await;

    // The source is reached again and again; the instance is not.
    for _ in 0..5 {
        let reached = overview.borrow_and_update().sources["config"].reached;
        let again = overview.wait_for(|view| view.sources["config"].reached > reached);
        drop(
            tokio::time::timeout(waited, again)
                .await
                .expect("the source is looked at")
                .unwrap(),
        );
    }
    // A commit that touches another folder moves the environment on, and costs the instance nothing either.
    repo.write("elsewhere/a.yaml", b"a: 1\n");
    let moved = Some(Revision(repo.push("Elsewhere")));
    let passed_by = overview.wait_for(|view| view.environments[&name].revision == moved);
    drop(
        tokio::time::timeout(waited, passed_by)
            .await
            .expect("the environment moves on")
            .unwrap(),
    );
    assert_eq!(instance.requests().await, []);
    let runs = memory.store.runs(Some(&name), 10).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].conclusion, Some(Conclusion::Succeeded));
    assert_eq!(driver.shutdown(Duration::from_secs(10)).await, Shutdown::Clean);
}
