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
    Archiving, Draft, FieldFault, Granularity, KindSpec, Location, Needed, Side, Substitution, Writing,
};
use driftless_core::value::{Map, Number, Secret, Value};
use tempfile::TempDir;

use super::*;
use crate::store::Trigger;
use crate::store::audit::{Became, Note};

mod audit;
mod check;
mod drifts;
mod faults;
mod keys;
mod ledger;
mod pull_runs;
mod reading;
mod rebuild;
mod runs;
mod writes;

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
    writing: Writing::Whole,
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

/// What the audit is told of a write of `name`.
fn note(name: &str, became: &Became) -> Note {
    Note {
        at: "2026-01-02T03:04:05.000000006Z".into(),
        environment: Some("prod".into()),
        target: "https://acme.example.com/api".into(),
        trigger: "manual".into(),
        digest: "d".into(),
        key: key(name).to_string(),
        action: "update".into(),
        request: "{}".into(),
        result: became.text(),
        ..Note::default()
    }
}

fn intended() -> Note {
    note("a", &Became::Intended)
}

fn applied() -> Note {
    note("a", &Became::Applied)
}

/// A store with so many entries and records, and a run.
async fn filled(place: &Place, rows: usize) -> SqliteStore {
    let store = place.open().await;
    let entries: Vec<(Key, LedgerEntry)> = (0..rows).map(|row| (key(&format!("{row:04}")), entry("x"))).collect();
    store.agree(&prod(), &[], &entries).await.unwrap();
    let note = applied();
    let notes = (0..rows).map(|_| store.note(&note));
    assert!(futures::future::join_all(notes).await.iter().all(Result::is_ok));
    store.put_run(&a_run(&prod(), 1)).await.unwrap();
    store
}
