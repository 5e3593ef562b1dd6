//! The promises of the store: what was committed is there after any end of the process, and every fault says what to do.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use driftless_core::document::Reference;
use driftless_core::field::FieldPath;
use driftless_core::key::{Digest, Kind, RemoteId, Revision};
use driftless_core::ledger::Fingerprint;
use driftless_core::report::Conclusion;
use driftless_core::schema::{
    Archiving, Draft, FieldFault, Granularity, KindSpec, Location, Needed, Side, Substitution,
};
use driftless_core::value::{Map, Number, Secret, Value};
use tempfile::TempDir;

use super::*;
use crate::store::Trigger;

const CHECK: Kind = Kind("check");

/// A platform of one kind.
struct OneKind;

static KINDS: [KindSpec; 1] = [KindSpec {
    kind: CHECK,
    include: "checks",
    parents: &[],
    secrets: &[],
    immutable: &[],
    volatile: &[],
    owned_whole: &[],
    sets: &[],
    names: &[],
    aliases: &[],
    trimmed: &[],
    defaults: &[],
    linked: &[],
    vault: None,
    substitution: Substitution::Off,
    granularity: Granularity::Each,
    archiving: Archiving::Impossible,
    directives: &[],
}];

impl Schema for OneKind {
    fn platform(&self) -> &'static str {
        "one"
    }
    fn kinds(&self) -> &'static [KindSpec] {
        &KINDS
    }
    fn locate(&self, _path: &str) -> Location {
        Location::Ignored
    }
    fn slug(&self, name: &str) -> String {
        name.to_owned()
    }
    fn identity(&self, _kind: Kind, _spec: &Map) -> Result<String, Box<FieldFault>> {
        Ok(String::new())
    }
    fn identity_fields(&self, _kind: Kind) -> &'static [&'static str] {
        &[]
    }
    fn canonical(&self, _kind: Kind, _side: Side, _spec: &mut Map) {}
    fn references(&self, _key: &Key, _spec: &Map) -> Vec<Reference> {
        Vec::new()
    }
    fn readdress(&self, _key: &Key, _spec: &mut Map, _to: &dyn Fn(&Key) -> Option<Key>) {}
    fn check(&self, _key: &Key, _spec: &Map) -> Vec<FieldFault> {
        Vec::new()
    }
    fn likeness(&self, _kind: Kind, _spec: &Map) -> Option<String> {
        None
    }
    fn operations(&self, _draft: &Draft<'_>) -> Vec<Needed> {
        Vec::new()
    }
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn url(&self) -> String {
        format!("sqlite://{}", self.file("state.db").display())
    }
    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.url(), Limits::default()).await.unwrap()
    }
    async fn fault(&self) -> String {
        SqliteStore::open(&self.url(), Limits::default())
            .await
            .unwrap_err()
            .message
    }
    /// Opens the file as anybody else would, past the store.
    async fn raw(&self, sql: &'static str) {
        let pool = SqlitePool::connect_with(
            SqliteConnectOptions::new()
                .filename(self.file("state.db"))
                .create_if_missing(true),
        )
        .await
        .unwrap();
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

fn prod() -> EnvironmentName {
    EnvironmentName("prod".into())
}

fn key(name: &str) -> Key {
    Key::new(CHECK, ["warehouse/prod", name])
}

fn settled(description: &str) -> Settled {
    Settled {
        moved: Vec::new(),
        entry: Some(entry(description)),
        closed: Vec::new(),
    }
}

fn entry(description: &str) -> LedgerEntry {
    let spec: Map = [
        ("z".to_owned(), Value::from(description)),
        (
            "big".to_owned(),
            Value::Number(Number::Big("123456789012345678901234567890".into())),
        ),
        ("a".to_owned(), Value::from(1.0)),
        ("list".to_owned(), Value::List(vec![Value::from(1), Value::Null])),
    ]
    .into();
    LedgerEntry {
        spec,
        fingerprints: [(
            FieldPath::top("parameters").child("dotted.key"),
            Fingerprint("ab12".into()),
        )]
        .into(),
        remote: Some(RemoteId(42)),
        revision: Revision("0123456789abcdef".into()),
        protected: false,
    }
}

fn time(second: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + i64::from(second), 123_456_789).unwrap()
}

fn a_run(environment: &EnvironmentName, number: u32) -> RunRecord {
    RunRecord {
        id: RunId(format!("run-{number:05}")),
        environment: environment.clone(),
        trigger: Trigger::Webhook("github".into()),
        revision: Some(Revision("abc".into())),
        started: time(number),
        finished: Some(time(number + 1)),
        conclusion: Some(Conclusion::Partial),
        idle: false,
        message: "1 updated".into(),
        plan: Some("{\"version\":1}".into()),
        report: Some("{\"outcomes\":[]}".into()),
        diagnostics: vec!["a.yaml:1:1: error[x]: y".into()],
    }
}

#[tokio::test]
async fn an_entry_reads_back_as_it_was_written_after_reopening() {
    let place = Place::new();
    let store = place.open().await;
    store
        .agree(&prod(), &[], &[(key("a"), entry("first")), (key("b"), entry("other"))])
        .await
        .unwrap();
    store.agree(&prod(), &[], &[(key("a"), entry("second"))]).await.unwrap();
    drop(store);

    let ledger = place.open().await.ledger(&prod(), &OneKind).await.unwrap();
    assert_eq!(
        ledger.entries.into_iter().collect::<Vec<_>>(),
        [(key("a"), entry("second")), (key("b"), entry("other"))]
    );
}

#[tokio::test]
async fn the_keys_of_a_spec_keep_their_order() {
    let store = SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap();
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    let ledger = store.ledger(&prod(), &OneKind).await.unwrap();
    let keys: Vec<&String> = ledger.entries[&key("a")].spec.keys().collect();
    assert_eq!(keys, ["z", "big", "a", "list"]);
}

#[tokio::test]
async fn environments_have_ledgers_of_their_own_and_closing_removes_only_what_was_named() {
    let store = SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap();
    let dev = EnvironmentName("dev".into());
    for environment in [&prod(), &dev] {
        store
            .agree(environment, &[], &[(key("a"), entry("x")), (key("b"), entry("x"))])
            .await
            .unwrap();
    }
    store.close(&prod(), &[key("a"), key("never there")]).await.unwrap();
    assert_eq!(
        store
            .ledger(&prod(), &OneKind)
            .await
            .unwrap()
            .entries
            .into_keys()
            .collect::<Vec<_>>(),
        [key("b")]
    );
    assert_eq!(store.ledger(&dev, &OneKind).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn entries_move_before_others_are_written_and_only_those_that_are_there() {
    let store = SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap();
    let moved = |from: &str, to: &str| Moved {
        from: key(from),
        to: key(to),
    };
    let entries = [(key("a"), entry("of a")), (key("b"), entry("of b"))];
    store.agree(&prod(), &[], &entries).await.unwrap();
    let moves = [moved("b", "c"), moved("a", "b"), moved("never there", "d")];
    store
        .agree(&prod(), &moves, &[(key("e"), entry("of e"))])
        .await
        .unwrap();
    let ledger = store.ledger(&prod(), &OneKind).await.unwrap();
    assert_eq!(
        ledger.entries.into_iter().collect::<Vec<_>>(),
        [
            (key("b"), entry("of a")),
            (key("c"), entry("of b")),
            (key("e"), entry("of e"))
        ]
    );
    let settled = Settled {
        moved: vec![moved("b", "f")],
        entry: Some(entry("new")),
        closed: Vec::new(),
    };
    store.settle(&prod(), &key("f"), &settled).await.unwrap();
    let ledger = store.ledger(&prod(), &OneKind).await.unwrap();
    let keys: Vec<Key> = ledger.entries.keys().cloned().collect();
    assert_eq!(keys, [key("c"), key("e"), key("f")]);
    assert_eq!(ledger.entries[&key("f")], entry("new"));
}

#[tokio::test]
async fn an_intent_survives_a_process_that_dies_and_is_gone_once_settled() {
    let place = Place::new();
    let intent = Intent {
        key: key("a"),
        digest: Digest("d1".into()),
    };
    let again = Intent {
        key: key("a"),
        digest: Digest("d2".into()),
    };
    let store = place.open().await;
    store.intend(&prod(), &intent).await.unwrap();
    store.intend(&prod(), &again).await.unwrap();
    drop(store); // not shut down

    let store = place.open().await;
    assert_eq!(
        store.intents(&prod(), &OneKind).await.unwrap(),
        std::slice::from_ref(&again)
    );
    store.settle(&prod(), &key("a"), &settled("written")).await.unwrap();
    assert_eq!(store.intents(&prod(), &OneKind).await.unwrap(), []);
    assert_eq!(
        store.ledger(&prod(), &OneKind).await.unwrap().entries[&key("a")],
        entry("written")
    );
}

#[tokio::test]
async fn a_write_that_took_no_effect_settles_without_touching_the_entry() {
    let store = SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap();
    store.agree(&prod(), &[], &[(key("a"), entry("old"))]).await.unwrap();
    let intent = Intent {
        key: key("a"),
        digest: Digest("d".into()),
    };
    store.intend(&prod(), &intent).await.unwrap();
    store.settle(&prod(), &key("a"), &Settled::default()).await.unwrap();
    assert_eq!(store.intents(&prod(), &OneKind).await.unwrap(), []);
    assert_eq!(
        store.ledger(&prod(), &OneKind).await.unwrap().entries[&key("a")],
        entry("old")
    );
}

#[tokio::test]
async fn settling_moves_the_entry_and_the_intent_together_or_neither() {
    let place = Place::new();
    let store = place.open().await;
    let intent = Intent {
        key: key("a"),
        digest: Digest("d".into()),
    };
    store.agree(&prod(), &[], &[(key("a"), entry("old"))]).await.unwrap();
    store.intend(&prod(), &intent).await.unwrap();
    // The second half of the transaction fails: the first must not stand.
    place
        .raw("CREATE TRIGGER refuse BEFORE DELETE ON intents BEGIN SELECT RAISE(ABORT, 'no'); END")
        .await;
    let settled = Settled {
        moved: vec![Moved {
            from: key("a"),
            to: key("b"),
        }],
        ..settled("new")
    };
    assert!(store.settle(&prod(), &key("a"), &settled).await.is_err());
    assert_eq!(
        store.ledger(&prod(), &OneKind).await.unwrap().entries[&key("a")],
        entry("old")
    );
    assert_eq!(store.intents(&prod(), &OneKind).await.unwrap(), [intent]);
}

#[tokio::test]
async fn changes_that_come_together_are_all_committed() {
    let place = Place::new();
    let store = place.open().await;
    let names: Vec<String> = (0..100).map(|number| format!("check {number:03}")).collect();
    let intents: Vec<Intent> = names
        .iter()
        .map(|name| Intent {
            key: key(name),
            digest: Digest("d".into()),
        })
        .collect();
    let environment = prod();
    let intended = intents.iter().map(|intent| store.intend(&environment, intent));
    assert!(futures::future::join_all(intended).await.iter().all(Result::is_ok));
    assert_eq!(store.intents(&environment, &OneKind).await.unwrap(), intents);
    let written = settled("written");
    let settled = intents[..60]
        .iter()
        .map(|intent| store.settle(&environment, &intent.key, &written));
    assert!(futures::future::join_all(settled).await.iter().all(Result::is_ok));
    drop(store);
    let store = place.open().await;
    assert_eq!(store.intents(&environment, &OneKind).await.unwrap(), intents[60..]);
    assert_eq!(store.ledger(&environment, &OneKind).await.unwrap().entries.len(), 60);
}

#[tokio::test]
async fn a_caller_that_is_cancelled_takes_no_change_of_others_with_it() {
    let place = Place::new();
    let store = place.open().await;
    let environment = prod();
    let intent = |name: &str| Intent {
        key: key(name),
        digest: Digest("d".into()),
    };
    let (first, second) = (intent("first"), intent("second"));
    {
        let cancelled = std::pin::pin!(store.intend(&environment, &first));
        // Polled once, so that it has begun, and dropped.
        assert!(futures::FutureExt::now_or_never(cancelled).is_none());
    }
    store.intend(&environment, &second).await.unwrap();
    assert_eq!(store.intents(&environment, &OneKind).await.unwrap(), [first, second]);
}

#[tokio::test]
async fn kinds_that_this_version_does_not_know_are_kept_and_not_returned() {
    let place = Place::new();
    let store = place.open().await;
    let other = Key::new(Kind("monitor"), ["m"]);
    store.agree(&prod(), &[], &[(other.clone(), entry("x"))]).await.unwrap();
    let intent = Intent {
        key: other,
        digest: Digest("d".into()),
    };
    store.intend(&prod(), &intent).await.unwrap();
    assert!(store.ledger(&prod(), &OneKind).await.unwrap().entries.is_empty());
    assert!(store.intents(&prod(), &OneKind).await.unwrap().is_empty());
    store.agree(&prod(), &[], &[(key("a"), entry("y"))]).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger WHERE key = 'monitor/m'")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn a_run_reads_back_whole_and_is_listed_without_its_plan_and_report() {
    let place = Place::new();
    let store = place.open().await;
    let mut under_way = a_run(&prod(), 1);
    under_way.finished = None;
    under_way.conclusion = None;
    under_way.revision = None;
    under_way.plan = None;
    store.put_run(&under_way).await.unwrap();
    assert_eq!(store.run(&under_way.id).await.unwrap(), Some(under_way));

    let done = a_run(&prod(), 1);
    store.put_run(&done).await.unwrap();
    assert_eq!(store.run(&done.id).await.unwrap().as_ref(), Some(&done));
    let listed = RunRecord {
        plan: None,
        report: None,
        ..done
    };
    assert_eq!(store.runs(None, 10).await.unwrap(), [listed]);
    assert_eq!(store.run(&RunId("nobody".into())).await.unwrap(), None);
}

#[tokio::test]
async fn history_is_bounded_for_each_environment_and_newest_first() {
    let store = SqliteStore::open(
        "sqlite::memory:",
        Limits {
            runs: 3,
            idle_runs: 2,
            ..Limits::default()
        },
    )
    .await
    .unwrap();
    let dev = EnvironmentName("dev".into());
    store.put_run(&a_run(&dev, 0)).await.unwrap();
    for number in 1..=10 {
        store.put_run(&a_run(&prod(), number)).await.unwrap();
        store.put_run(&a_run(&prod(), number)).await.unwrap();
    }
    let ids = |runs: Vec<RunRecord>| runs.into_iter().map(|run| run.id.0).collect::<Vec<_>>();
    assert_eq!(
        ids(store.runs(Some(&prod()), 100).await.unwrap()),
        ["run-00010", "run-00009", "run-00008"]
    );
    assert_eq!(ids(store.runs(None, 2).await.unwrap()), ["run-00010", "run-00009"]);
    assert_eq!(ids(store.runs(Some(&dev), 100).await.unwrap()), ["run-00000"]);
}

#[tokio::test]
async fn idle_runs_push_out_no_others_and_a_run_under_way_pushes_out_none() {
    let limits = Limits {
        runs: 3,
        idle_runs: 2,
        ..Limits::default()
    };
    let store = SqliteStore::open("sqlite::memory:", limits).await.unwrap();
    for number in 1..=3 {
        store.put_run(&a_run(&prod(), number)).await.unwrap();
    }
    for number in 4..=40 {
        let idle = RunRecord {
            idle: true,
            ..a_run(&prod(), number)
        };
        let begun = RunRecord {
            idle: false,
            finished: None,
            conclusion: None,
            ..idle.clone()
        };
        store.put_run(&begun).await.unwrap();
        store.put_run(&idle).await.unwrap();
    }
    let kept = store.runs(Some(&prod()), 100).await.unwrap();
    let kept: Vec<(&str, bool)> = kept.iter().map(|run| (run.id.0.as_str(), run.idle)).collect();
    assert_eq!(
        kept,
        [
            ("run-00040", true),
            ("run-00039", true),
            ("run-00003", false),
            ("run-00002", false),
            ("run-00001", false)
        ]
    );
}

#[tokio::test]
async fn the_fingerprint_key_is_made_once_for_its_owner_alone() {
    let place = Place::new();
    let fingerprint = |store: &SqliteStore| {
        store
            .fingerprints()
            .fingerprint(&key("a"), &FieldPath::top("password"), &Secret::new("x"))
    };
    let store = place.open().await;
    let first = fingerprint(&store);
    drop(store);
    assert_eq!(std::fs::read(place.file("state.db.key")).unwrap().len(), 32);
    let mode = |name: &str| std::fs::metadata(place.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("state.db.key"), 0o600);
    assert_eq!(mode("state.db"), 0o600);

    std::fs::set_permissions(place.file("state.db.key"), std::fs::Permissions::from_mode(0o664)).unwrap();
    let store = place.open().await;
    assert_eq!(fingerprint(&store), first);
    assert_eq!(mode("state.db.key"), 0o600);
    drop(store);

    let elsewhere = Place::new();
    assert_ne!(fingerprint(&elsewhere.open().await), first);
}

#[tokio::test]
async fn fingerprints_of_a_lost_key_are_forgotten_and_the_rest_of_the_ledger_stays() {
    let place = Place::new();
    let store = place.open().await;
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    drop(store);
    std::fs::remove_file(place.file("state.db.key")).unwrap();
    let ledger = place.open().await.ledger(&prod(), &OneKind).await.unwrap();
    let mut expected = entry("x");
    expected.fingerprints.clear();
    assert_eq!(ledger.entries[&key("a")], expected);
}

#[tokio::test]
async fn a_key_file_of_another_length_is_refused() {
    let place = Place::new();
    std::fs::write(place.file("state.db.key"), "short").unwrap();
    let message = place.fault().await;
    assert!(
        message.contains("5 bytes") && message.contains("delete it"),
        "{message}"
    );
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let place = Place::new();
    let first = place.open().await;
    let message = place.fault().await;
    assert!(
        message.contains(&format!("process {}", std::process::id())) && message.contains("a store of its own"),
        "{message}"
    );
    drop(first);
    place.open().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_with_what_to_do() {
    let place = Place::new();
    let garbage = vec![b'x'; 8192];
    std::fs::write(place.file("state.db"), &garbage).unwrap();
    let message = place.fault().await;
    assert!(
        message.contains("state.db") && message.contains("damaged") && message.contains("backup"),
        "{message}"
    );
    assert_eq!(
        std::fs::read(place.file("state.db")).unwrap(),
        garbage,
        "it is left as it was"
    );
}

#[tokio::test]
async fn a_database_with_overwritten_pages_is_called_damaged_and_not_empty() {
    let place = Place::new();
    let store = place.open().await;
    for number in 0..200 {
        store
            .agree(&prod(), &[], &[(key(&number.to_string()), entry("x"))])
            .await
            .unwrap();
    }
    store.shutdown().await;
    drop(store);
    let mut bytes = std::fs::read(place.file("state.db")).unwrap();
    bytes[4096..].fill(0xA5);
    std::fs::write(place.file("state.db"), bytes).unwrap();
    let message = match SqliteStore::open(&place.url(), Limits::default()).await {
        Err(error) => error.message,
        Ok(store) => store.ledger(&prod(), &OneKind).await.unwrap_err().message,
    };
    assert!(message.contains("damaged"), "{message}");
}

#[tokio::test]
async fn an_unreadable_entry_is_an_error_and_never_an_absence() {
    let place = Place::new();
    let store = place.open().await;
    store.agree(&prod(), &[], &[(key("a"), entry("x"))]).await.unwrap();
    place.raw("UPDATE ledger SET spec = '[broken'").await;
    let message = store.ledger(&prod(), &OneKind).await.unwrap_err().message;
    assert!(
        message.contains("`spec` of `check/") && message.contains("prod"),
        "{message}"
    );
}

#[tokio::test]
async fn a_store_of_a_newer_version_and_a_foreign_database_are_refused() {
    let place = Place::new();
    place.open().await.shutdown().await;
    place.raw("PRAGMA user_version = 99").await;
    let message = place.fault().await;
    assert!(
        message.contains("newer driftless") && message.contains("99"),
        "{message}"
    );

    let foreign = Place::new();
    foreign.raw("CREATE TABLE people (name TEXT)").await;
    let message = foreign.fault().await;
    assert!(message.contains("another program"), "{message}");
}

#[tokio::test]
async fn a_folder_that_is_missing_or_a_place_that_is_a_folder_is_named() {
    let place = Place::new();
    let open = async |path: PathBuf| {
        SqliteStore::open(path.to_str().unwrap(), Limits::default())
            .await
            .unwrap_err()
            .message
    };
    let message = open(place.file("nowhere/state.db")).await;
    assert!(
        message.contains("nowhere") && message.contains("does not exist"),
        "{message}"
    );
    std::fs::create_dir(place.file("folder")).unwrap();
    let message = open(place.file("folder")).await;
    assert!(message.contains("folder"), "{message}");
}

#[tokio::test]
async fn a_lock_held_by_a_database_shell_is_said_to_be_one() {
    let place = Place::new();
    place.open().await.shutdown().await;
    // `of` is what every method words its errors with; SQLITE_BUSY comes after five seconds, so it is made here at once.
    let options = SqliteConnectOptions::new()
        .filename(place.file("state.db"))
        .busy_timeout(Duration::ZERO);
    let holder = SqlitePool::connect_with(options.clone()).await.unwrap();
    let _held = holder.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let other = SqlitePool::connect_with(options).await.unwrap();
    let error = sqlx::query("DELETE FROM intents").execute(&other).await.unwrap_err();
    let message = Faults::file(&place.file("state.db"))
        .of("write the ledger", &error)
        .message;
    assert!(message.contains("another program"), "{message}");
}

fn drift(name: &str, minute: u32, open: bool) -> DriftRecord {
    let at: DateTime<Utc> = format!("2026-11-22T09:{minute:02}:00.123456789Z").parse().unwrap();
    DriftRecord {
        open_since: open.then_some(at),
        last_seen: at,
        seen: 18,
        corrected: 2,
        corrections: vec![at, at + chrono::TimeDelta::minutes(1)],
        stopped: open.then_some(at),
        edited: Some("a person, at nine".into()),
        ..DriftRecord::new(Key::new(CHECK, ["w", name]), at)
    }
}

#[tokio::test]
async fn the_history_of_drift_outlives_the_process_and_is_one_environments() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("drifts.db").display().to_string();
    let store = SqliteStore::open(&path, Limits::default()).await.unwrap();
    let (prod, other) = (EnvironmentName("prod".into()), EnvironmentName("other".into()));
    let records = [drift("a", 1, true), drift("b", 2, false)];
    store.put_drifts(&prod, &records).await.unwrap();
    store.shutdown().await;
    drop(store);
    let store = SqliteStore::open(&path, Limits::default()).await.unwrap();
    assert_eq!(store.drifts(&prod, &OneKind).await.unwrap(), records);
    assert_eq!(store.drifts(&other, &OneKind).await.unwrap(), []);
    let later = DriftRecord {
        seen: 19,
        stopped: None,
        ..records[0].clone()
    };
    store.put_drifts(&prod, std::slice::from_ref(&later)).await.unwrap();
    assert_eq!(
        store.drifts(&prod, &OneKind).await.unwrap(),
        [later, records[1].clone()]
    );
}

#[tokio::test]
async fn over_the_limit_the_oldest_drift_that_was_put_back_is_forgotten_first() {
    let limits = Limits {
        drifts: 3,
        ..Limits::default()
    };
    let store = SqliteStore::open("sqlite::memory:", limits).await.unwrap();
    let (prod, other) = (EnvironmentName("prod".into()), EnvironmentName("other".into()));
    store.put_drifts(&other, &[drift("z", 0, false)]).await.unwrap();
    for record in [
        drift("open-and-old", 1, true),
        drift("closed-and-old", 2, false),
        drift("closed", 3, false),
        drift("open", 4, true),
    ] {
        store.put_drifts(&prod, &[record]).await.unwrap();
    }
    let kept = store.drifts(&prod, &OneKind).await.unwrap();
    let kept: Vec<&str> = kept.iter().map(|record| record.key.name()).collect();
    assert_eq!(kept, ["closed", "open", "open-and-old"]);
    assert_eq!(store.drifts(&other, &OneKind).await.unwrap().len(), 1);
}
