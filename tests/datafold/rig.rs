//! A sandbox, the adapter, the planner and a ledger in memory: passes as the engine makes them, with the documents already read.

use std::collections::BTreeMap;

use driftless::platform::datafold::kinds::{CI_CONFIG, DATA_SOURCE, MONITOR};
use driftless::platform::datafold::{Datafold, DatafoldOptions, schema};
use driftless::platform::http::{Network, Timeouts};
use driftless::platform::{Done, Ids, Platform as _, Progress};
use driftless::sandbox::datafold::{Options, Server, Switches};
use driftless_core::document::{Document, Origin};
use driftless_core::guard::Circumstances;
use driftless_core::key::{Key, Kind, RemoteId, Revision};
use driftless_core::ledger::{FingerprintKey, Ledger};
use driftless_core::normalize::normalize;
use driftless_core::plan::{Plan, Step};
use driftless_core::planner::{self, Inputs};
use driftless_core::policy::{Guards, Policy, Prune};
use driftless_core::report::Failure;
use driftless_core::schema::{Schema as _, Side};
use driftless_core::snapshot::{Desired, Live, Scope};
use driftless_core::value::{Secret, Value};
use serde_json::{Value as Json, json};

use crate::loopback::Patience;

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) datafold: Datafold,
    pub(crate) documents: BTreeMap<Key, Document>,
    pub(crate) ledger: Ledger,
    client: reqwest::Client,
}

/// What a pass came to.
pub(crate) struct Passed {
    pub(crate) live: Live,
    pub(crate) plan: Plan,
    pub(crate) outcomes: Vec<(Key, Result<Done, Failure>)>,
}

pub(crate) fn monitor(slug: &str) -> Key {
    Key::new(MONITOR, [slug])
}

pub(crate) fn seed() -> Json {
    json!({
        "data_sources": [
            { "id": 7, "name": "warehouse", "type": "pg",
              "options": { "host": "db.example", "dbname": "shop", "user": "reader", "password": "swordfish" } },
        ],
    })
}

pub(crate) fn metric(name: &str) -> Json {
    json!({
        "type": "metric", "name": name, "connection_id": "warehouse", "schedule": { "interval": { "every": "hour" } },
        "metric": { "type": "table", "table": "SHOP.CORE.ORDERS", "metric": "row_count" },
    })
}

pub(crate) fn diff(name: &str) -> Json {
    json!({
        "type": "diff", "name": name, "schedule": { "interval": { "every": "day", "hour": 3 } },
        "datadiff": {
            "diff_type": "indb", "primary_key": ["ID"],
            "dataset_a": { "connection_id": 7, "table": "SHOP.CORE.ORDERS" },
            "dataset_b": { "connection_id": 7, "table": "SHOP.STAGE.ORDERS" },
        },
    })
}

impl Rig {
    pub(crate) async fn new(switches: Switches) -> Self {
        let options = Options {
            seed: Some(seed()),
            switches,
            ..Options::default()
        };
        let server = Server::start(options).await.unwrap();
        let datafold = adapter(&server, server.key());
        Self {
            server,
            datafold,
            documents: BTreeMap::new(),
            ledger: Ledger::default(),
            client: reqwest::Client::new(),
        }
    }

    /// Declares a resource, or declares it otherwise.
    pub(crate) fn declare(&mut self, kind: Kind, name: &str, spec: &Json) {
        let mut spec = driftless::codec::map_from_json(spec.as_object().unwrap());
        let identity = if kind == MONITOR { "slug" } else { "name" };
        spec.insert(identity.to_owned(), Value::from(name));
        if let Some(Value::Map(options)) = spec.get_mut("options")
            && let Some(password) = options.get_mut("password")
        {
            let text = password.as_str().unwrap().to_owned();
            *password = Value::Secret(Secret::new(text));
        }
        let spec = normalize(schema(), kind, Side::Desired, spec);
        let key = Key::new(kind, [name]);
        let document = Document {
            references: schema().references(&key, &spec),
            previous: None,
            protected: false,
            key: key.clone(),
            spec,
            origin: Origin::of("a file"),
            by_slug: Vec::new(),
        };
        self.documents.insert(key, document);
    }

    pub(crate) fn monitor(&mut self, slug: &str, spec: &Json) {
        self.declare(MONITOR, slug, spec);
    }

    pub(crate) fn desired(&self) -> Desired {
        Desired {
            revision: Revision("r".to_owned()),
            documents: self.documents.clone(),
            left_out: Vec::new(),
            broken: Vec::new(),
            misplaced: Vec::new(),
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        let entries = || self.ledger.entries.iter();
        Scope {
            left_out: Vec::new(),
            owned: entries().map(|(key, entry)| (key.clone(), entry.remote)).collect(),
            agreed: entries()
                .filter(|(key, _)| key.kind != DATA_SOURCE)
                .map(|(key, entry)| (key.clone(), entry.spec.clone()))
                .collect(),
        }
    }

    pub(crate) async fn observe(&self) -> Live {
        self.datafold.observe(&self.desired(), &self.scope()).await.unwrap()
    }

    /// One pass: what differs is written, steps that need no other at once.
    pub(crate) async fn pass(&mut self) -> Passed {
        let live = self.observe().await;
        let policy = Policy {
            prune: [DATA_SOURCE, MONITOR, CI_CONFIG]
                .map(|kind| (kind, Prune::Delete))
                .into(),
            guards: Guards {
                update_share: 100,
                delete_share: 100,
                ..Guards::default()
            },
            ..Policy::default()
        };
        let revision = Revision("r".to_owned());
        let fingerprints = FingerprintKey::new(vec![7; 32]);
        let planned = planner::plan(Inputs {
            environment: None,
            revision: Some(&revision),
            desired: self.desired(),
            live: &live,
            ledger: Some(&self.ledger),
            fingerprints: Some(&fingerprints),
            policy: &policy,
            schema: schema(),
            circumstances: &Circumstances::default(),
        });
        assert!(planned.diagnostics.is_empty(), "{:#?}", planned.diagnostics);
        let plan = planned.plan;
        self.ledger.entries.extend(plan.agreed.iter().cloned());
        let ids = Ids::of(&live);
        let mut results: BTreeMap<usize, Result<Done, Failure>> = BTreeMap::new();
        loop {
            let is_ready = |(index, step): &(usize, &Step)| {
                !results.contains_key(index)
                    && step
                        .after
                        .iter()
                        .all(|before| matches!(results.get(before), Some(Ok(_))))
            };
            let ready: Vec<(usize, &Step)> = plan.steps.iter().enumerate().filter(is_ready).collect();
            if ready.is_empty() {
                break;
            }
            let ended = futures::future::join_all(ready.iter().map(|(_, step)| self.carry_out(step, &ids))).await;
            for ((index, step), result) in ready.into_iter().zip(ended) {
                if let Ok(done) = &result {
                    if let Some(id) = done.remote {
                        ids.put(step.change.key.clone(), id);
                    }
                    for closed in &step.closes {
                        self.ledger.entries.remove(closed);
                    }
                    if let Some(mut entry) = step.agreement.clone() {
                        entry.remote = done.remote.or(step.remote).or(entry.remote);
                        self.ledger.entries.insert(step.change.key.clone(), entry);
                    }
                }
                results.insert(index, result);
            }
        }
        let outcomes = results
            .into_iter()
            .map(|(index, result)| (plan.steps[index].change.key.clone(), result));
        Passed {
            live,
            outcomes: outcomes.collect(),
            plan,
        }
    }

    async fn carry_out(&self, step: &Step, ids: &Ids) -> Result<Done, Failure> {
        let mut progress = self.datafold.execute(step, ids).await?;
        for _ in 0..100 {
            match progress {
                Progress::Done(done) => return Ok(done),
                Progress::Running(job) => progress = self.datafold.poll(&job, ids).await?,
            }
            tokio::task::yield_now().await;
        }
        panic!("{} never ends", step.change.key);
    }

    /// A pass in which nothing goes wrong.
    pub(crate) async fn clean(&mut self) -> Passed {
        let passed = self.pass().await;
        assert_eq!(passed.live.gaps, []);
        assert!(passed.plan.blocked.is_empty(), "{:#?}", passed.plan.blocked);
        for (key, result) in &passed.outcomes {
            assert!(result.is_ok(), "{key}: {result:?}");
        }
        passed
    }

    /// Holds that another pass has nothing to do and writes nothing.
    pub(crate) async fn assert_converged(&mut self) {
        self.side("DELETE", "requests", Json::Null).await;
        let passed = self.clean().await;
        assert_eq!(passed.changes(), [] as [String; 0]);
        let writes = self.side("GET", "writes", Json::Null).await;
        assert_eq!(writes["count"], 0, "{writes}");
    }

    pub(crate) async fn side(&self, method: &str, path: &str, body: Json) -> Json {
        self.call(method, &format!("/_sandbox/{path}"), body).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Json) -> Json {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self
            .client
            .request(method, format!("{}{path}", self.server.url()))
            .header("Authorization", format!("Key {}", self.server.key()));
        let request = if body.is_null() { request } else { request.json(&body) };
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Json::Null)
    }

    /// Somebody changes a monitor by hand.
    pub(crate) async fn by_hand(&self, slug: &str, set: Json) {
        self.side(
            "POST",
            "edit",
            json!({"kind": "monitor", "where": {"slug": slug}, "set": set}),
        )
        .await;
    }

    pub(crate) async fn switch(&self, switches: Json) {
        self.side("PUT", "switches", switches).await;
    }

    /// The jobs that wrote, each with its slugs.
    pub(crate) async fn written(&self) -> Vec<Vec<String>> {
        let asked = self.side("GET", "provisioning", Json::Null).await;
        let asked = asked.as_array().unwrap().iter();
        asked
            .filter(|job| job["dry_run"] == false)
            .map(|job| {
                assert_eq!(job["dangling_monitors_strategy"], "ignore");
                let slugs = job["slugs"].as_array().unwrap().iter();
                slugs.map(|slug| slug.as_str().unwrap().to_owned()).collect()
            })
            .collect()
    }

    pub(crate) fn number(&self, slug: &str) -> Option<RemoteId> {
        self.ledger.entries[&monitor(slug)].remote
    }
}

impl Passed {
    /// What differs, a line a field: key, class, field.
    pub(crate) fn changes(&self) -> Vec<String> {
        let changes = self.plan.steps.iter().map(|step| &step.change);
        changes
            .flat_map(|change| {
                let word = change.action.word();
                let all = change
                    .fields
                    .iter()
                    .filter(|_| word == "update")
                    .map(|field| format!("{} {:?} {}", change.key, field.class, field.path))
                    .collect::<Vec<_>>();
                match all.is_empty() {
                    true => vec![format!("{} {word}", change.key)],
                    false => all,
                }
            })
            .collect()
    }

    pub(crate) fn result(&self, slug: &str) -> &Result<Done, Failure> {
        &self.outcomes.iter().find(|(key, _)| *key == monitor(slug)).unwrap().1
    }
}

pub(crate) fn adapter(server: &Server, key: &str) -> Datafold {
    let second = std::time::Duration::from_secs(10);
    let options = DatafoldOptions {
        organization: None,
        url: server.url(),
        key: Secret::new(key),
        network: Network {
            timeouts: Timeouts {
                connect: second,
                read: second,
                total: second,
            },
            ..Network::default()
        },
        desk: std::sync::Arc::default(),
    };
    Datafold::new(options, std::sync::Arc::new(Patience(3))).unwrap()
}
