//! An engine and a store that say what a test tells them, and an overview with one of everything.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use driftless::engine::{
    Activity, Control, EnvironmentView, KindView, Overview, Refusal, SourceView, UnknownEnvironment,
};
use driftless::forge::Repository;
use driftless::platform::data_diffs::PullRequestNumber;
use driftless::server::{Access, App, Provider, PullRequests, Watch, Watching, Webhook, router};
use driftless::source::Commit;
use driftless::source::reference::Reference;
use driftless::store::audit::Note;
use driftless::store::drifts::DriftRecord;
use driftless::store::facts::Suspension;
use driftless::store::pull_runs::{PullRun, PullRunKey, PullRunsOf};
use driftless::store::{Intent, RunId, RunRecord, Settled, Store, StoreError, Trigger};
use driftless_core::diagnostic::{Diagnostic, Place};
use driftless_core::field::FieldPath;
use driftless_core::key::{Digest, EnvironmentName, Key, Kind, Revision};
use driftless_core::ledger::{FingerprintKey, Ledger, LedgerEntry};
use driftless_core::plan::{
    Action, Blast, BlockReason, Blocked, Change, Class, FieldChange, Moved, Plan, States, Step,
};
use driftless_core::render;
use driftless_core::report::Conclusion;
use driftless_core::schema::Schema;
use driftless_core::value::{Map, Secret, Value};
use tokio::sync::watch;

pub(crate) const TOKEN: &str = "a-token-for-tests";
pub(crate) const WEBHOOK_SECRET: &str = "a-secret-for-tests";

/// Text that runs, breaks out of attributes and comments, or closes what it stands in, wherever it is not escaped.
pub(crate) const HOSTILE: &str =
    "\"'><script>window.hacked=1</script><img src=x onerror=window.hacked=1>{{7*7}}</title><!--";

/// An engine that remembers what it was asked.
pub(crate) struct FakeEngine {
    pub(crate) overview: watch::Sender<Arc<Overview>>,
    pub(crate) asked: Mutex<Vec<(String, Trigger)>>,
    /// Run, digest and person of each approval.
    pub(crate) approved: Mutex<Vec<(String, String, Option<String>)>>,
}

#[async_trait]
impl Control for FakeEngine {
    fn overview(&self) -> watch::Receiver<Arc<Overview>> {
        self.overview.subscribe()
    }

    fn trigger(&self, environment: &EnvironmentName, trigger: Trigger) -> Result<RunId, UnknownEnvironment> {
        if !self.overview.borrow().environments.contains_key(environment) {
            return Err(UnknownEnvironment(environment.clone()));
        }
        self.asked.lock().unwrap().push((environment.0.clone(), trigger));
        Ok(RunId(format!("run-{}", environment.0)))
    }

    fn trigger_source(&self, source: &str, trigger: &Trigger) -> Vec<(EnvironmentName, RunId)> {
        let overview = self.overview.borrow().clone();
        let on_it = overview.environments.iter().filter(|(_, view)| view.source == source);
        on_it
            .map(|(name, _)| (name.clone(), self.trigger(name, trigger.clone()).unwrap()))
            .collect()
    }

    async fn suspend(&self, environment: &EnvironmentName, reason: String, by: Option<String>) -> Result<(), Refusal> {
        let since = "2026-11-22T09:00:00Z".parse().unwrap();
        self.change(environment, |view| {
            view.suspended = Some(Suspension { reason, by, since })
        })
    }

    async fn resume(&self, environment: &EnvironmentName) -> Result<(), Refusal> {
        self.change(environment, |view| view.suspended = None)
    }

    async fn approve(
        &self,
        run: &RunId,
        digest: &Digest,
        by: Option<String>,
    ) -> Result<(EnvironmentName, RunId), Refusal> {
        let prod = EnvironmentName("prod".to_owned());
        let current = Digest::of("prod");
        match run.0.as_str() {
            "20261122T0940-prod" if *digest == current => {
                self.approved
                    .lock()
                    .unwrap()
                    .push((run.0.clone(), digest.0.clone(), by));
                Ok((prod.clone(), self.trigger(&prod, Trigger::Approval)?))
            }
            "20261122T0940-prod" => Err(Refusal::PlanMoved {
                environment: prod,
                current: Some(current),
            }),
            "20261122T0936-staging" => Err(Refusal::NothingHeld(EnvironmentName("staging".to_owned()))),
            "no-store" => Err(Refusal::Store(StoreError {
                message: "cannot open /srv/private/driftless.db".to_owned(),
            })),
            _ => Err(Refusal::UnknownRun(run.clone())),
        }
    }
}

impl FakeEngine {
    fn change(&self, environment: &EnvironmentName, change: impl FnOnce(&mut EnvironmentView)) -> Result<(), Refusal> {
        let mut overview = Overview::clone(&self.overview.borrow());
        let view = overview.environments.get_mut(environment);
        change(view.ok_or_else(|| UnknownEnvironment(environment.clone()))?);
        self.overview.send_replace(Arc::new(overview));
        Ok(())
    }
}

/// Whoever looks at pull requests: those of `acme/shop` and `acme/data/shop`.
#[derive(Default)]
pub(crate) struct FakePulls {
    /// Webhook, repository and number of each.
    pub(crate) moved: Mutex<Vec<(String, String, u64)>>,
    pub(crate) recent: watch::Sender<Arc<Vec<PullRun>>>,
    /// Why the next one is not kept.
    pub(crate) unstored: Mutex<Option<String>>,
}

#[async_trait]
impl PullRequests for FakePulls {
    async fn moved(
        &self,
        webhook: &str,
        repository: &Repository,
        number: PullRequestNumber,
    ) -> Result<Watch, StoreError> {
        if !["acme/shop", "acme/data/shop"].contains(&repository.0.as_str()) {
            return Ok(Watch::Unwatched);
        }
        if let Some(message) = self.unstored.lock().unwrap().take() {
            return Err(StoreError { message });
        }
        let moved = (webhook.to_owned(), repository.0.clone(), number.0);
        self.moved.lock().unwrap().push(moved);
        Ok(Watch::Accepted)
    }

    fn recent(&self) -> watch::Receiver<Arc<Vec<PullRun>>> {
        self.recent.subscribe()
    }

    fn watching(&self) -> Watching {
        Watching::Some
    }

    fn page(&self, run: &PullRunKey) -> Option<String> {
        Some(format!(
            "https://git.example.com/{}/pull/{}",
            run.repository, run.number
        ))
    }
}

/// History, or a store that does not answer.
pub(crate) struct FakeStore {
    pub(crate) runs: Mutex<Result<Vec<RunRecord>, String>>,
    pub(crate) pull_runs: Mutex<Vec<PullRun>>,
    fingerprints: FingerprintKey,
}

impl FakeStore {
    fn read(&self) -> Result<Vec<RunRecord>, StoreError> {
        let runs = self.runs.lock().unwrap().clone();
        runs.map_err(|message| StoreError { message })
    }
}

#[async_trait]
impl Store for FakeStore {
    fn fingerprints(&self) -> &FingerprintKey {
        &self.fingerprints
    }

    async fn ledger(&self, _: &EnvironmentName, _: &dyn Schema) -> Result<Ledger, StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn agree(&self, _: &EnvironmentName, _: &[Moved], _: &[(Key, LedgerEntry)]) -> Result<(), StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn close(&self, _: &EnvironmentName, _: &[Key]) -> Result<(), StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn intend(&self, _: &EnvironmentName, _: &Intent, _: &Note) -> Result<(), StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn settle(&self, _: &EnvironmentName, _: &Key, _: &Settled, _: &Note) -> Result<(), StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn note(&self, _: &Note) -> Result<(), StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn intents(&self, _: &EnvironmentName, _: &dyn Schema) -> Result<Vec<Intent>, StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn put_run(&self, _: &RunRecord) -> Result<(), StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn runs(&self, environment: Option<&EnvironmentName>, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        let mut runs = self.read()?;
        runs.retain(|run| environment.is_none_or(|name| run.environment == *name));
        runs.truncate(limit);
        for run in &mut runs {
            (run.plan, run.report) = (None, None);
        }
        Ok(runs)
    }

    async fn run(&self, id: &RunId) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.read()?.into_iter().find(|run| run.id == *id))
    }

    async fn drifts(&self, _: &EnvironmentName, _: &dyn Schema) -> Result<Vec<DriftRecord>, StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn put_drifts(&self, _: &EnvironmentName, _: &[DriftRecord]) -> Result<(), StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn put_pull_run(&self, _: &PullRun) -> Result<(), StoreError> {
        unreachable!("the server reads runs only")
    }

    async fn pull_runs(&self, of: &PullRunsOf) -> Result<Vec<PullRun>, StoreError> {
        self.read()?;
        let runs = self.pull_runs.lock().unwrap().clone().into_iter();
        Ok(match of {
            PullRunsOf::Newest(limit) => runs.take(*limit).collect(),
            PullRunsOf::Id(id) => runs.filter(|run| run.key.id() == *id).collect(),
            PullRunsOf::Key(_) | PullRunsOf::Open => unreachable!("the server reads the newest, or one by its id"),
        })
    }

    async fn fact(&self, _: &EnvironmentName, _: &'static str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn put_fact(&self, _: &EnvironmentName, _: &'static str, _: Option<&str>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A server with its two sides.
pub(crate) struct Rig {
    pub(crate) pulls: Arc<FakePulls>,
    pub(crate) engine: Arc<FakeEngine>,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) deliveries: Arc<Mutex<Vec<(String, &'static str)>>>,
    /// The metrics' text; the metrics panic when there is none.
    pub(crate) metrics: Arc<Mutex<Option<String>>>,
    pub(crate) router: Router,
}

/// A server that shows `overview` and `runs`.
pub(crate) fn rig(overview: Overview, runs: Vec<RunRecord>, access: Access) -> Rig {
    rig_of(overview, runs, access, Pulls::Watched)
}

/// A server of a config that is about no pull requests.
pub(crate) fn without_pulls() -> Rig {
    let (overview, runs) = troubled(Utc::now(), "acme");
    rig_of(overview, runs, loopback(), Pulls::Unconfigured)
}

#[derive(PartialEq)]
enum Pulls {
    Watched,
    Unconfigured,
}

fn rig_of(overview: Overview, runs: Vec<RunRecord>, access: Access, watched: Pulls) -> Rig {
    let engine = Arc::new(FakeEngine {
        overview: watch::Sender::new(Arc::new(overview)),
        asked: Mutex::default(),
        approved: Mutex::default(),
    });
    let store = Arc::new(FakeStore {
        runs: Mutex::new(Ok(runs)),
        pull_runs: Mutex::default(),
        fingerprints: FingerprintKey::new(vec![7; 32]),
    });
    let deliveries: Arc<Mutex<Vec<(String, &'static str)>>> = Arc::default();
    let counted = deliveries.clone();
    let metrics = Arc::new(Mutex::new(Some("driftless_build_info{version=\"0\"} 1\n".to_owned())));
    let text = metrics.clone();
    let webhook = |name: &str, provider| Webhook {
        name: name.to_owned(),
        provider,
        secret: Secret::new(WEBHOOK_SECRET),
        sources: vec!["dq-config".to_owned()],
    };
    let pulls = Arc::new(FakePulls::default());
    let router = router(App {
        control: engine.clone(),
        store: store.clone(),
        metrics: Arc::new(move || {
            let text = text.lock().unwrap().clone();
            text.unwrap()
        }),
        deliveries: Arc::new(move |webhook, outcome| counted.lock().unwrap().push((webhook.to_owned(), outcome))),
        access,
        webhooks: vec![
            webhook("github", Provider::GitHub),
            webhook("gitlab", Provider::GitLab),
            webhook("generic", Provider::GenericHmac),
        ],
        pulls: (watched == Pulls::Watched).then(|| pulls.clone() as Arc<dyn PullRequests>),
    });
    Rig {
        engine,
        store,
        deliveries,
        metrics,
        pulls,
        router,
    }
}

/// A run of a pull request that has ended, with one comparison found and its texts from outside.
pub(crate) fn pull_run(number: u64, text: &str) -> PullRun {
    let found = serde_json::json!({
        "prod": format!("core.{text}"), "pr": "pr_7.orders", "pk": ["id"], "id": 11, "url": "https://datafold.example.com/datadiffs/11",
        "status": "finished", "error": null, "differs": true, "key_issues": false, "rows": [3, 5], "added": 2, "removed": 0,
        "null_keys": [0, 0], "duplicate_keys": null, "rows_with_differences": 0, "values_with_differences": 0,
        "columns_added": [text], "columns_removed": [], "columns_retyped": [],
    });
    let at: DateTime<Utc> = "2026-11-22T09:40:00Z".parse().unwrap();
    PullRun {
        key: PullRunKey {
            target: "datafold".to_owned(),
            config: text.to_owned(),
            repository: "acme/shop".to_owned(),
            number,
            sha: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned(),
        },
        phase: "following".to_owned(),
        run: Some(41),
        submitted: Some("d".to_owned()),
        outcome: Some("passed".to_owned()),
        message: format!("1 table: 1 differs. {text}"),
        started: at,
        updated: at + TimeDelta::seconds(90),
        finished: Some(at + TimeDelta::seconds(90)),
        state: serde_json::json!({
            "head": {"branch": text, "base_branch": "main", "base_sha": "b"},
            "requests": [{"prod": "core.orders", "pr": "pr_7.orders", "pk": ["id"], "include_columns": [], "exclude_columns": []}],
            "whose": "ours", "attempts": {"trigger": 0, "submit": 1}, "found": [found],
        })
        .to_string(),
    }
}

/// One that is under way: its diffs are asked for.
pub(crate) fn open_pull_run(number: u64) -> PullRun {
    let ended = pull_run(number, "shop");
    let mut state: serde_json::Value = serde_json::from_str(&ended.state).unwrap();
    state.as_object_mut().unwrap().remove("found");
    PullRun {
        outcome: None,
        finished: None,
        state: state.to_string(),
        ..ended
    }
}

/// No token, on a loopback listener.
pub(crate) fn loopback() -> Access {
    Access::new(None, "127.0.0.1:8080".parse().unwrap())
}

/// A token, on a listener that all can reach.
pub(crate) fn with_token() -> Access {
    Access::new(Some(&Secret::new(TOKEN)), "0.0.0.0:8080".parse().unwrap())
}

const CHECK: Kind = Kind("check");
const CONTAINER: Kind = Kind("container");

fn check(name: &str) -> Key {
    Key::new(CHECK, ["warehouse-prod", name])
}

fn field(path: &str, class: Class, before: Option<Value>, after: Option<Value>) -> FieldChange {
    FieldChange {
        path: FieldPath::dotted(path),
        class,
        before,
        after,
    }
}

fn change(key: Key, action: Action, class: Class, fields: Vec<FieldChange>) -> Change {
    let place = Place {
        file: format!(
            "qualytics-config/datastores/warehouse_prod/checks/orders/{}.yaml",
            key.name()
        )
        .into(),
        line: 4,
        column: 3,
    };
    Change {
        key,
        action,
        class,
        fields,
        place: Some(place),
        edited: None,
    }
}

fn step(change: Change) -> Step {
    Step {
        change,
        after: Vec::new(),
        write: Map::new(),
        remote: None,
        base: None,
        agreement: None,
        moves: Vec::new(),
        closes: Vec::new(),
    }
}

pub(crate) fn revision() -> Revision {
    Revision("4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned())
}

/// A plan with one of everything; `text` stands wherever a plan holds text of others.
pub(crate) fn plan(environment: &str, text: &str) -> Plan {
    let query = "SELECT customer_id,\n       sum(amount) AS revenue\nFROM orders\nGROUP BY customer_id";
    let steps = vec![
        change(
            Key::new(CONTAINER, ["warehouse-prod", "daily_revenue"]),
            Action::Create,
            Class::Pending,
            vec![
                field("container_type", Class::Pending, None, Some("computed_table".into())),
                field("query", Class::Pending, None, Some(query.into())),
            ],
        ),
        change(
            check("orders__between__amount"),
            Action::Update,
            Class::Drift,
            vec![
                field("properties.max", Class::Drift, Some(9000.into()), Some(10_000.into())),
                field(
                    "description",
                    Class::Drift,
                    Some(text.into()),
                    Some("Amounts are plausible".into()),
                ),
            ],
        ),
        change(
            Key::new(Kind("connection"), ["warehouse"]),
            Action::Update,
            Class::Pending,
            vec![field(
                "password",
                Class::Pending,
                Some(Value::Secret(Secret::new("hunter2"))),
                Some(Value::Secret(Secret::new("hunter3"))),
            )],
        ),
    ];
    let reported = vec![
        change(
            check("orders__isnotnull__id"),
            Action::Update,
            Class::Conflict,
            vec![
                field("coverage", Class::Conflict, Some(0.95.into()), Some(1.0.into())),
                field("filter", Class::Drift, Some(text.into()), None),
                field("description", Class::Conflict, None, Some(Value::Null)),
            ],
        ),
        change(
            check(text),
            Action::Create,
            Class::Drift,
            vec![field("tags", Class::Drift, None, Some(vec![text.into()].into()))],
        ),
    ];
    Plan {
        environment: Some(EnvironmentName(environment.to_owned())),
        platform: "qualytics",
        revision: Some(revision()),
        steps: steps.into_iter().map(step).collect(),
        reported,
        held: Vec::new(),
        blast: Blast::default(),
        blocked: vec![Blocked {
            reason: BlockReason::UnresolvedReference,
            message: format!("`ref_container_name` names `{text}`, which is neither declared nor live"),
            keys: vec![check("orders__reconcile__total")],
            places: [].into(),
        }],
        unmanaged: Vec::new(),
        orphaned: Vec::new(),
        gone: Vec::new(),
        unchanged: [(CHECK, 61)].into(),
        agreed: Vec::new(),
        moved: Vec::new(),
        retired: Vec::new(),
        notes: Vec::new(),
        digest: Digest::of(environment),
    }
}

/// What became of [`plan`], as history keeps it.
pub(crate) fn report(plan: &Plan, text: &str) -> String {
    serde_json::json!({
        "version": 1, "environment": plan.environment.as_ref().unwrap().0, "platform": "qualytics",
        "revision": revision().0, "digest": plan.digest.0,
        "summary": {"created": 0, "updated": 1, "replaced": 0, "deleted": 0, "unchanged": 61, "failed": 1, "skipped": 1},
        "outcomes": [
            {"key": plan.steps[0].change.key.to_string(), "action": "create", "result": "failed", "attempts": 3, "error":
                {"meaning": "invalid", "message": format!("422: the platform refuses the content: {text}"),
                 "fields": [{"path": "query", "message": text}]}},
            {"key": plan.steps[1].change.key.to_string(), "action": "update", "result": "applied", "attempts": 1, "error": null},
            {"key": plan.steps[2].change.key.to_string(), "action": "update", "result": "skipped", "attempts": 0, "error":
                {"meaning": null, "message": "it depends on a step that failed", "fields": []}},
        ],
    })
    .to_string()
}

pub(crate) fn run(id: &str, environment: &str, started: DateTime<Utc>, conclusion: Option<Conclusion>) -> RunRecord {
    RunRecord {
        id: RunId(id.to_owned()),
        environment: EnvironmentName(environment.to_owned()),
        trigger: Trigger::Revision,
        revision: Some(revision()),
        started,
        finished: conclusion.map(|_| started + TimeDelta::milliseconds(4200)),
        conclusion,
        idle: false,
        message: "1 updated, 61 in sync".to_owned(),
        plan: None,
        report: None,
        diagnostics: Vec::new(),
    }
}

fn kinds(rows: [(&'static str, [usize; 8]); 5]) -> Vec<KindView> {
    rows.into_iter()
        .map(
            |(kind, [in_sync, pending, drift, conflict, failed, blocked, orphaned, unmanaged])| KindView {
                kind: Kind(kind),
                states: States {
                    in_sync,
                    pending,
                    drift,
                    conflict,
                    orphaned,
                    unmanaged,
                    blocked,
                },
                failed,
            },
        )
        .collect()
}

fn calm_kinds() -> Vec<KindView> {
    kinds([
        ("connection", [2, 0, 0, 0, 0, 0, 0, 0]),
        ("datastore", [3, 0, 0, 0, 0, 0, 0, 0]),
        ("container", [6, 0, 0, 0, 0, 0, 0, 0]),
        ("computed_field", [4, 0, 0, 0, 0, 0, 0, 0]),
        ("check", [62, 0, 0, 0, 0, 0, 0, 12]),
    ])
}

pub(crate) fn calm(target: &str, now: DateTime<Utc>) -> EnvironmentView {
    EnvironmentView {
        platform: "qualytics",
        target: format!("qualytics-{target}"),
        url: format!("https://{target}.qualytics.example/api"),
        source: "dq-config".to_owned(),
        path: "qualytics-config".to_owned(),
        mode: "apply",
        drift: "correct",
        activity: Activity::Idle,
        suspended: None,
        revision: Some(revision()),
        last_run: Some(run(
            &format!("20261122T0936-{target}"),
            target,
            now,
            Some(Conclusion::Succeeded),
        )),
        last_success: Some(now - TimeDelta::minutes(2)),
        next: Some(now + TimeDelta::seconds(48)),
        kinds: calm_kinds(),
        plan: None,
        drift_since: None,
        drifts: Arc::default(),
        diagnostics: Vec::new(),
        gaps: Vec::new(),
        error: None,
        circuit: None,
    }
}

pub(crate) fn source(now: DateTime<Utc>, text: &str) -> SourceView {
    SourceView {
        url: "https://git.example.com/acme/dq-config.git".to_owned(),
        reference: Reference::Branch("main".to_owned()),
        chosen: None,
        revision: Some(revision()),
        commit: Some(Commit {
            author: text.to_owned(),
            subject: "Allow larger order amounts".to_owned(),
            time: (now - TimeDelta::minutes(50)).timestamp(),
        }),
        tried: true,
        reached: Some(now - TimeDelta::seconds(20)),
        stale: None,
    }
}

/// Three environments, one of which has every trouble there is. `text` stands wherever an overview holds text of others.
pub(crate) fn troubled(now: DateTime<Utc>, text: &str) -> (Overview, Vec<RunRecord>) {
    let plan = plan("prod", text);
    let mut prod = calm("prod", now);
    let last = RunRecord {
        plan: Some(render::plan_json(&plan)),
        report: Some(report(&plan, text)),
        message: format!("1 updated, 1 failed, 1 skipped: {text}"),
        diagnostics: vec![format!("connections/crm.yaml:3:5: error[unresolved_variable]: {text}")],
        ..run(
            "20261122T0940-prod",
            "prod",
            now - TimeDelta::minutes(3),
            Some(Conclusion::Partial),
        )
    };
    prod.last_run = Some(RunRecord {
        plan: None,
        report: None,
        ..last.clone()
    });
    prod.plan = Some(Arc::new(plan));
    prod.drift_since = Some(now - TimeDelta::minutes(43));
    prod.kinds = kinds([
        ("connection", [1, 1, 0, 0, 0, 0, 0, 0]),
        ("datastore", [3, 0, 0, 0, 0, 0, 0, 0]),
        ("container", [5, 1, 0, 0, 1, 0, 0, 0]),
        ("computed_field", [4, 0, 0, 0, 0, 0, 2, 0]),
        ("check", [61, 0, 2, 1, 0, 1, 0, 12]),
    ]);
    prod.diagnostics = vec![
        Diagnostic {
            excerpt: Some(format!("  host: {text}")),
            ..Diagnostic::error("unresolved_variable", format!("`${{CRM_HOST}}` has no value {text}"))
                .at(Place {
                    file: format!("qualytics-config/connections/{text}.yaml").into(),
                    line: 3,
                    column: 5,
                })
                .help("give it a value under `variables` of the environment")
        },
        Diagnostic::warning("unknown_field", "the platform may not know `colour`"),
    ];
    prod.gaps = vec![format!(
        "connections: 403, the token's role needs to be Manager ({text})"
    )];
    let mut dev = calm("dev", now);
    dev.activity = Activity::Running {
        run: RunId("20261122T0943-dev".to_owned()),
        phase: "applying",
        progress: (3, 12),
    };
    let runs = vec![
        run("20261122T0943-dev", "dev", now - TimeDelta::seconds(2), None),
        last,
        run(
            "20261122T0936-staging",
            "staging",
            now - TimeDelta::minutes(7),
            Some(Conclusion::Succeeded),
        ),
        RunRecord {
            trigger: Trigger::Webhook(text.to_owned()),
            ..run(
                "20261122T0930-dev",
                "dev",
                now - TimeDelta::hours(3),
                Some(Conclusion::Failed),
            )
        },
    ];
    let mut stale = source(now, text);
    stale.url = "https://git.example.com/acme/overrides.git".to_owned();
    stale.stale = Some((
        now - TimeDelta::minutes(43),
        format!("git.example.com does not answer: {text}"),
    ));
    let overview = Overview {
        environments: [("prod", prod), ("staging", calm("staging", now)), ("dev", dev)]
            .into_iter()
            .map(|(name, view)| (EnvironmentName(name.to_owned()), view))
            .collect(),
        sources: [
            ("dq-config".to_owned(), source(now, text)),
            ("dq-overrides".to_owned(), stale),
        ]
        .into(),
    };
    (overview, runs)
}
