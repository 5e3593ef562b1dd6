//! A Datafold, a forge with one pull request, and the driver between them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driftless::ci::config::{CiConfig, Consequence, Discovery, Label};
use driftless::ci::driver::{Configurations, Configured, Driver, Setup};
use driftless::ci::metrics::Metrics;
use driftless::ci::options::{Options, Unconfirmed};
use driftless::ci::pipeline::{Ports, Request};
use driftless::ci::views::Recent;
use driftless::clock::SystemClock;
use driftless::engine::backoff::Backoff;
use driftless::forge::github::GitHub;
use driftless::forge::gitlab::GitLab;
use driftless::forge::{Forge, ForgeOptions, Repository};
use driftless::platform::data_diffs::{CiConfigId, DataDiffs, Head, PullRequestNumber};
use driftless::platform::datafold::{Datafold, DatafoldOptions};
use driftless::platform::http::{Network, Timeouts};
use driftless::platform::{Exchange, Gate, Pass};
use driftless::sandbox::{datafold, forge};
use driftless::store::Store;
use driftless::store::pull_runs::PullRun;
use driftless::store::sqlite::{Limits, SqliteStore};
use driftless_core::report::Failure;
use driftless_core::value::Secret;
use serde_json::{Value as Json, json};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub(crate) const REPOSITORY: &str = "acme/shop";
pub(crate) const CONTEXT: &str = "driftless/shop";
/// Names say which commit asked for a comparison.
pub(crate) const DIFFS: &str = r#"[
    {"prod": "DB.CORE.ORDERS", "pr": "DB.PR_${PR_SHA}.ORDERS", "pk": ["ID"]},
    {"prod": "DB.CORE.CUSTOMERS", "pr": "DB.PR_${PR_SHA}.CUSTOMERS", "pk": ["TENANT", "ID"]}
]"#;
/// A commit that an older run of the pull request waits for.
pub(crate) const OLDER: &str = "0123456789012345678901234567890123456789";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Provider {
    GitHub,
    GitLab,
}

impl Provider {
    pub(crate) const ALL: [Provider; 2] = [Provider::GitHub, Provider::GitLab];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Provider::GitHub => "github",
            Provider::GitLab => "gitlab",
        }
    }

    /// The forge's word for a state that GitHub calls so.
    pub(crate) fn word(self, state: &'static str) -> &'static str {
        match (self, state) {
            (Provider::GitLab, "failure" | "error") => "failed",
            _ => state,
        }
    }
}

/// Who starts the run of a head commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// Datafold, told of the commit by the forge.
    Webhook,
    /// Driftless.
    Trigger,
}

impl Start {
    pub(crate) const ALL: [Start; 2] = [Start::Webhook, Start::Trigger];
}

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Datafold,
    Forge,
}

/// What a world begins with.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) provider: Provider,
    pub(crate) start: Start,
    pub(crate) switches: datafold::Switches,
    /// What the pull request writes.
    pub(crate) files: Json,
    /// Tables of which the pull request's differs.
    pub(crate) differing: Vec<&'static str>,
    /// What Datafold's configuration has besides: `ends`, `diff_threshold`.
    pub(crate) configured: Json,
    /// How long a client waits for an answer.
    pub(crate) patience: Duration,
}

impl Given {
    pub(crate) fn new(provider: Provider, start: Start) -> Self {
        Self {
            provider,
            start,
            switches: datafold::Switches {
                runs: datafold::Pace::Polls(2),
                older_runs: datafold::OlderRuns::Kept,
                ..datafold::Switches::default()
            },
            files: json!({"datafold/diffs.json": DIFFS, "models/orders.sql": "select 3"}),
            differing: Vec::new(),
            configured: json!({}),
            patience: Duration::from_secs(10),
        }
    }
}

pub(crate) struct World {
    pub(crate) given: Given,
    pub(crate) datafold: datafold::Server,
    pub(crate) forge: forge::Server,
    pub(crate) number: PullRequestNumber,
    /// The head commit that the pull request had first.
    pub(crate) sha: String,
    pub(crate) asked: Requests,
    pub(crate) config: CiConfig,
    pub(crate) options: Options,
    pub(crate) key: String,
    client: reqwest::Client,
}

/// What was asked of the two services.
pub(crate) struct Requests {
    pub(crate) datafold: Arc<OneByOne>,
    pub(crate) forge: Arc<OneByOne>,
}

impl World {
    pub(crate) async fn start(given: Given) -> Self {
        let held = Arc::new(watch::Sender::new(false));
        // The process has one; that it is set already is no fault.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let forge = forge::Options {
            seed: Some(
                json!({"repositories": [{"path": REPOSITORY, "files": {"models/orders.sql": "select 1", "README.md": "x"}}]}),
            ),
            ..forge::Options::default()
        };
        let mut ci_config = json!({"id": 286, "name": "shop", "repository": REPOSITORY, "data_source": "warehouse"});
        for (key, value) in given.configured.as_object().unwrap() {
            ci_config[key] = value.clone();
        }
        let seed = json!({
            "data_sources": [{ "id": 7, "name": "warehouse", "type": "pg",
                "options": { "host": "db.example", "dbname": "shop", "user": "reader", "password": "swordfish" } }],
            "ci_configs": [ci_config],
        });
        let datafold = datafold::Options {
            seed: Some(seed),
            switches: given.switches.clone(),
            ..datafold::Options::default()
        };
        let datafold = datafold::Server::start(datafold).await.unwrap();
        let mut world = Self {
            key: datafold.key().to_owned(),
            datafold,
            forge: forge::Server::start(forge).await.unwrap(),
            number: PullRequestNumber(0),
            sha: String::new(),
            asked: Requests {
                datafold: OneByOne::new(held.clone()),
                forge: OneByOne::new(held),
            },
            config: config(),
            options: options(),
            client: reqwest::Client::new(),
            given,
        };
        world.open().await;
        world
    }

    async fn open(&mut self) {
        let opened = json!({"repository": REPOSITORY, "branch": "orders", "message": "Orders by day", "files": self.given.files});
        let opened = self.side(Service::Forge, "POST", "pull_requests", opened).await;
        self.number = PullRequestNumber(opened["number"].as_u64().unwrap());
        self.sha = opened["sha"].as_str().unwrap().to_owned();
        let older = json!({"ci_runs": [{"ci_config_id": 286, "pr_num": self.number.0, "pr_branch": "orders", "pr_sha": OLDER,
            "base_branch": "main", "base_sha": "0".repeat(40), "status": "waiting"}]});
        self.side(Service::Datafold, "POST", "seed?add=1", older).await;
        self.arrived(&self.sha).await;
    }

    /// Datafold knows what is in the tables of a commit, and of the commit where a webhook tells it.
    async fn arrived(&self, sha: &str) {
        let different = |name: &&'static str| json!({"prod": format!("DB.CORE.{name}"), "pr": format!("DB.PR_{sha}.{name}"), "outcome": "different"});
        let comparisons: Vec<Json> = self.given.differing.iter().map(different).collect();
        self.side(
            Service::Datafold,
            "POST",
            "seed?add=1",
            json!({"comparisons": comparisons}),
        )
        .await;
        if self.given.start == Start::Webhook {
            self.pushed_to_datafold(sha).await;
        }
    }

    /// Datafold's webhook, or somebody else, starts a run of a commit.
    pub(crate) async fn pushed_to_datafold(&self, sha: &str) {
        let pushed = json!({"repository": REPOSITORY, "pr_num": self.number.0, "pr_branch": "orders", "pr_sha": sha,
            "base_branch": "main", "base_sha": "0".repeat(40)});
        self.side(Service::Datafold, "POST", "push", pushed).await;
    }

    /// Somebody pushes: the new head.
    pub(crate) async fn push(&self, message: &str) -> String {
        let pushed = json!({"repository": REPOSITORY, "number": self.number.0, "message": message, "files": {"models/orders.sql": message}});
        let pushed = self.side(Service::Forge, "POST", "push", pushed).await;
        let sha = pushed["sha"].as_str().unwrap().to_owned();
        self.arrived(&sha).await;
        sha
    }

    pub(crate) async fn side(&self, service: Service, method: &str, path: &str, body: Json) -> Json {
        let url = match service {
            Service::Datafold => self.datafold.url(),
            Service::Forge => self.forge.url(),
        };
        let method: reqwest::Method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{url}/_sandbox/{path}"));
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Json = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    fn network(&self) -> Network {
        let patience = self.given.patience;
        Network {
            timeouts: Timeouts {
                connect: patience,
                read: patience,
                total: patience,
            },
            ..Network::default()
        }
    }

    pub(crate) fn platform(&self) -> Arc<dyn DataDiffs> {
        let options = DatafoldOptions {
            organization: None,
            url: self.datafold.url(),
            key: Secret::new(self.key.clone()),
            network: self.network(),
            desk: Arc::default(),
        };
        Arc::new(Datafold::new(options, self.asked.datafold.clone()).unwrap())
    }

    fn adapter(&self) -> Arc<dyn Forge> {
        let options = ForgeOptions {
            url: self.forge.url(),
            token: Secret::new(self.forge.token()),
            network: self.network(),
        };
        let gate = self.asked.forge.clone();
        match self.given.provider {
            Provider::GitHub => Arc::new(GitHub::new(options, gate).unwrap()),
            Provider::GitLab => Arc::new(GitLab::new(options, gate).unwrap()),
        }
    }

    /// The ports of an orchestration without a driver.
    pub(crate) fn ports(&self, store: Arc<dyn Store>) -> Ports {
        Ports {
            platform: self.platform(),
            forge: Some(self.adapter()),
            store,
            clock: Arc::new(SystemClock),
            metrics: Metrics::new().unwrap(),
            recent: Recent::default(),
            options: self.options,
        }
    }

    pub(crate) async fn request(&self) -> Request {
        let repository = self.repository().await;
        Request {
            target: "datafold".to_owned(),
            config: self.config.clone(),
            head: Head {
                pull_request: self.number,
                branch: "orders".to_owned(),
                sha: self.sha.clone(),
                base_branch: "main".to_owned(),
                base_sha: repository["main"].as_str().unwrap().to_owned(),
            },
            diffs: None,
        }
    }

    /// A driver that nobody has told of anything.
    pub(crate) fn driver(&self, store: Arc<dyn Store>) -> Daemon {
        self.driver_over(self.platform(), store)
    }

    pub(crate) fn driver_over(&self, platform: Arc<dyn DataDiffs>, store: Arc<dyn Store>) -> Daemon {
        let configured = Configured {
            target: "datafold".to_owned(),
            config: self.config.clone(),
            platform,
            forge: self.adapter(),
        };
        let forges = vec![configured.forge.clone()];
        let (configs, watched) = watch::channel(Configurations::whole(vec![configured]));
        let setup = Setup {
            configs: watched,
            forges,
            store,
            clock: Arc::new(SystemClock),
            metrics: Metrics::new().unwrap(),
            options: self.options,
            parallel: 4,
        };
        Daemon {
            driver: Driver::start(setup, CancellationToken::new()),
            number: self.number,
            _configs: configs,
        }
    }

    /// Everything from a delivery to the end.
    pub(crate) async fn see_through(&self) -> PullRun {
        let daemon = self.driver(memory().await);
        daemon.moved().await;
        daemon.end_of(&self.sha).await
    }

    pub(crate) async fn repository(&self) -> Json {
        self.side(Service::Forge, "GET", "state", Json::Null).await["repositories"][0].clone()
    }

    /// State and description of every status that a commit was given, in order.
    pub(crate) async fn statuses(&self, sha: &str) -> Vec<(String, String)> {
        let repository = self.repository().await;
        let statuses = repository["statuses"].as_array().unwrap().iter();
        let text = |row: &Json, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        statuses
            .filter(|row| row["sha"] == sha)
            .map(|row| {
                assert_eq!(row["context"], CONTEXT);
                (text(row, "state"), text(row, "description"))
            })
            .collect()
    }

    /// The last status of a commit; empty where there is none.
    pub(crate) async fn status(&self, sha: &str) -> (String, String) {
        self.statuses(sha).await.pop().unwrap_or_default()
    }

    pub(crate) async fn comments(&self) -> Vec<Json> {
        self.repository().await["comments"].as_array().unwrap().clone()
    }

    /// The runs on Datafold, each with what it was handed.
    pub(crate) async fn runs(&self) -> Vec<Json> {
        let state = self.side(Service::Datafold, "GET", "state?full=1", Json::Null).await;
        state["ci_runs"].as_array().unwrap().clone()
    }

    /// The runs of a commit, and how many comparisons they were handed.
    pub(crate) async fn runs_of(&self, sha: &str) -> (usize, usize) {
        let runs = self.runs().await;
        let own: Vec<&Json> = runs.iter().filter(|run| run["pr_sha"] == sha).collect();
        let diffs = own.iter().map(|run| run["diffs"].as_array().unwrap().len());
        (own.len(), diffs.sum())
    }

    /// Comparisons that a run of another commit was handed.
    pub(crate) async fn strays(&self) -> Vec<String> {
        let runs = self.runs().await;
        let mut strays = Vec::new();
        for run in runs {
            let sha = run["pr_sha"].as_str().unwrap();
            let diffs = run["diffs"].as_array().unwrap().iter();
            let names = diffs.map(|diff| diff["pr"].as_str().unwrap());
            strays.extend(
                names
                    .filter(|name| !name.contains(sha))
                    .map(|name| format!("{sha}: {name}")),
            );
        }
        strays
    }

    /// How many requests to Datafold were to change something.
    pub(crate) async fn writes(&self) -> u64 {
        self.side(Service::Datafold, "GET", "writes", Json::Null).await["count"]
            .as_u64()
            .unwrap()
    }
}

pub(crate) struct Daemon {
    pub(crate) driver: Driver,
    number: PullRequestNumber,
    _configs: watch::Sender<Configurations>,
}

/// No orchestration of these tests takes as long, however busy the machine is.
const FOREVER: Duration = Duration::from_secs(60);

impl Daemon {
    pub(crate) async fn moved(&self) {
        let repository = Repository(REPOSITORY.to_owned());
        self.driver.moved(repository, self.number).await.unwrap();
    }

    /// Waits until the orchestration of a commit has ended.
    pub(crate) async fn end_of(&self, sha: &str) -> PullRun {
        let mut recent = self.driver.recent();
        let is_end = |run: &PullRun| run.key.sha == sha && run.finished.is_some();
        let ended = recent.wait_for(|runs| runs.iter().any(is_end));
        let runs = tokio::time::timeout(FOREVER, ended)
            .await
            .expect("it ends")
            .unwrap()
            .clone();
        runs.iter().find(|run| is_end(run)).unwrap().clone()
    }
}

pub(crate) async fn memory() -> Arc<dyn Store> {
    Arc::new(SqliteStore::open("sqlite::memory:", Limits::default()).await.unwrap())
}

pub(crate) async fn in_folder(folder: &std::path::Path) -> Arc<dyn Store> {
    let file = folder.join("store.db");
    Arc::new(
        SqliteStore::open(file.to_str().unwrap(), Limits::default())
            .await
            .unwrap(),
    )
}

pub(crate) fn options() -> Options {
    let of = Duration::from_millis;
    let waits = Backoff {
        first: of(2),
        longest: of(15),
    };
    Options {
        poll: waits,
        retry: waits,
        tries: 6,
        appears: of(20),
        settles: of(60),
        starts: of(400),
        submits: of(400),
        limit: of(10_000),
        last: of(10_000),
        insists: waits,
        unheard: of(10_000),
        collects: of(300),
        head: of(10),
        summaries: 2,
        unconfirmed: Unconfirmed::Pending,
    }
}

pub(crate) fn config() -> CiConfig {
    CiConfig {
        name: "shop".to_owned(),
        id: CiConfigId(286),
        forge: None,
        repository: Repository(REPOSITORY.to_owned()),
        data_connection: "warehouse".to_owned(),
        files_to_ignore: vec!["*.md".to_owned()],
        errors: Consequence::Fails,
        differences: Consequence::Fails,
        key_issues: Consequence::Fails,
        label: Label::Optional,
        base_branch: None,
        diff_threshold: None,
        diffs: None,
        schema: None,
        discovery: None,
        columns_to_ignore: Vec::new(),
    }
}

pub(crate) fn discovery() -> Discovery {
    let schema = |value: &str| vec![("schema".to_owned(), value.to_owned())];
    Discovery {
        files: vec!["models/**/*.sql".to_owned()],
        production: schema("CORE"),
        pull_request: schema("PR_${PR_SHA}"),
    }
}

/// A gate with one place, so that each request has a number.
pub(crate) struct OneByOne {
    place: Arc<Semaphore>,
    entered: watch::Sender<usize>,
    asked: Mutex<Vec<(&'static str, &'static str)>>,
    /// Whether requests to both services wait.
    held: Arc<watch::Sender<bool>>,
    hold_after: AtomicUsize,
}

impl OneByOne {
    fn new(held: Arc<watch::Sender<bool>>) -> Arc<Self> {
        Arc::new(Self {
            held,
            hold_after: AtomicUsize::new(usize::MAX),
            place: Arc::new(Semaphore::new(1)),
            entered: watch::Sender::new(0),
            asked: Mutex::default(),
        })
    }

    /// Until the request of that number, from 1, goes out.
    pub(crate) async fn reached(&self, number: usize) {
        let mut entered = self.entered.subscribe();
        entered.wait_for(|count| *count >= number).await.unwrap();
    }

    /// From the answer to that request on, from 1, none goes out to either service.
    pub(crate) fn hold_after(&self, number: usize) {
        self.hold_after.store(number, Ordering::SeqCst);
    }

    /// Until that answer is there.
    pub(crate) async fn holds(&self) {
        self.held.subscribe().wait_for(|held| *held).await.unwrap();
    }

    pub(crate) fn let_go(&self) {
        self.held.send_replace(false);
    }

    /// Method and route of what was asked so far, in order.
    pub(crate) fn asked(&self) -> Vec<(&'static str, &'static str)> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Gate for OneByOne {
    async fn enter(&self) -> Result<Pass, Failure> {
        self.held.subscribe().wait_for(|held| !held).await.unwrap();
        let place = self.place.clone().acquire_owned().await.unwrap();
        self.entered.send_modify(|count| *count += 1);
        Ok(Pass::new(place))
    }

    fn again(&self, _attempt: u32, _failure: &Failure) -> Option<Duration> {
        None
    }

    fn note(&self, exchange: &Exchange<'_>) {
        let mut asked = self.asked.lock().unwrap();
        asked.push((exchange.method, exchange.route));
        if asked.len() == self.hold_after.load(Ordering::SeqCst) {
            self.held.send_replace(true);
        }
    }
}
