//! Whole passes: files are loaded, planned, applied and remembered as the daemon does it, against the sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driftless::clock::{Clock as _, SystemClock};
use driftless::engine::apply::Unfollowed;
use driftless::engine::circumstances::gather;
use driftless::engine::reconcile::{Environment, Memory, Prepared, introduce, prepare};
use driftless::engine::windows::Windows;
use driftless::platform::Progress;
use driftless::platform::datafold::kinds::{CI_CONFIG, DATA_SOURCE, MONITOR};
use driftless::platform::datafold::{Datafold, DatafoldOptions, Desk};
use driftless::platform::http::Network;
use driftless::sandbox::datafold::{FailedResult, Options, Server, Switches};
use driftless::store::sqlite::{self, SqliteStore};
use driftless_core::key::{Digest, EnvironmentName};
use driftless_core::policy::{Guards, OnDrift, Policy, Prune, UnknownSecrets};
use driftless_core::report::{Conclusion, Outcomes, Report};
use driftless_core::substitute::Variables;
use driftless_core::value::Secret;
use serde_json::{Value as Json, json};

use crate::pipeline::{Files, Open, carried_out};

const SOURCE: &str = "\
name: warehouse
type: pg
options:
  host: db.example
  port: 5432
  dbname: shop
  user: reader
  password: ${WAREHOUSE_PASSWORD}
";

const MONITORS: &str = "\
monitors:
  orders:
    type: metric
    name: Orders
    connection_id: warehouse
    schedule: { interval: { every: hour } }
    metric: { type: table, table: SHOP.CORE.ORDERS, metric: row_count }
  stage:
    type: diff
    name: Stage
    schedule: { interval: { every: day, hour: 3 } }
    datadiff:
      diff_type: indb
      primary_key: [ID]
      dataset_a: { connection_id: warehouse, table: SHOP.CORE.ORDERS }
      dataset_b: { connection_id: warehouse, table: SHOP.STAGE.ORDERS }
";

const CI: &str = "\
name: shop
ci_config_id: 286
repository: acme/shop
data_connection: warehouse
";

/// An organization, and a repository of which each folder is an environment.
struct World {
    server: Server,
    files: Arc<Files>,
    store: Arc<SqliteStore>,
    desk: Arc<Desk>,
    client: reqwest::Client,
}

impl World {
    async fn new(switches: Switches, files: &[(&str, &str)]) -> Self {
        crate::instance::provider();
        let seed = json!({ "ci_configs": [{ "id": 286, "name": "shop", "repository": "acme/shop", "data_source": 7 }], "data_sources": [
            { "id": 7, "name": "lake", "type": "pg", "options": { "host": "lake.example", "port": 5432, "dbname": "lake", "user": "reader", "password": "swordfish" } },
        ]});
        let options = Options {
            seed: Some(seed),
            switches,
            ..Options::default()
        };
        let texts = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self {
            server: Server::start(options).await.unwrap(),
            files: Files::new(texts.collect()),
            store: Arc::new(
                SqliteStore::open("sqlite::memory:", sqlite::Limits::default())
                    .await
                    .unwrap(),
            ),
            desk: Arc::default(),
            client: crate::instance::client(),
        }
    }

    /// All three kinds in one environment, applied but for what a person does.
    async fn applied() -> (Self, Environment) {
        let world = Self::new(
            Switches::default(),
            &[
                ("a/data_sources/warehouse.yaml", SOURCE),
                ("a/monitors/shop.yaml", MONITORS),
            ],
        )
        .await;
        let environment = world.environment("a");
        let _ = world.clean(&environment).await;
        (world, environment)
    }

    fn environment(&self, folder: &str) -> Environment {
        let options = DatafoldOptions {
            organization: None,
            url: self.server.url(),
            key: Secret::new(self.server.key()),
            network: Network::default(),
            desk: self.desk.clone(),
        };
        let platform = Arc::new(Datafold::new(options, Arc::new(Open)).unwrap());
        let name = EnvironmentName(folder.to_owned());
        let variables = [("WAREHOUSE_PASSWORD".to_owned(), "recognisable-5d1e".to_owned())];
        Environment {
            memory: Some(Memory {
                store: self.store.clone(),
                name: name.clone(),
            }),
            name: Some(name),
            source: self.files.clone(),
            platform,
            folder: folder.to_owned(),
            overlays: Vec::new(),
            variables: Arc::new(Variables::new(variables.into(), BTreeSet::new())),
            left_out: Vec::new(),
            policy: Policy {
                unknown_secrets: UnknownSecrets::Send,
                guards: Guards {
                    update_share: 100,
                    delete_share: 100,
                    ..Guards::default()
                },
                ..Policy::default()
            },
            windows: Windows::default(),
            neighbours: Vec::new(),
            branch: None,
        }
    }

    async fn planned(&self, environment: &Environment, approved: Option<Digest>) -> Prepared {
        let circumstances = gather(environment, None, SystemClock.now(), approved).await.unwrap();
        let prepared = prepare(environment, None, &circumstances, &Unfollowed).await.unwrap();
        assert_eq!(prepared.gaps, []);
        prepared
    }

    async fn pass(&self, environment: &Environment) -> Report {
        let prepared = self.planned(environment, None).await;
        carried_out(environment, prepared).await
    }

    /// One pass in which nothing goes wrong and nothing is left out.
    async fn clean(&self, environment: &Environment) -> Report {
        let prepared = self.planned(environment, None).await;
        assert_eq!(prepared.diagnostics, []);
        let report = carried_out(environment, prepared).await;
        assert!(report.plan.blocked.is_empty(), "{:#?}", report.plan.blocked);
        assert_applied(&report);
        report
    }

    /// Holds that another pass has nothing to do, and writes nothing.
    async fn assert_in_sync(&self, environment: &Environment) {
        self.side("DELETE", "requests", Json::Null).await;
        let report = self.clean(environment).await;
        assert!(report.plan.is_empty(), "{:#?}", report.plan);
        let writes = self.side("GET", "writes", Json::Null).await;
        assert_eq!(writes["count"], 0, "{writes}");
    }

    async fn side(&self, method: &str, path: &str, body: Json) -> Json {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/_sandbox/{path}", self.server.url());
        let request = self.client.request(method, url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Json::Null)
    }

    async fn by_hand(&self, kind: &str, place: Json, set: Json) {
        self.side("POST", "edit", json!({ "kind": kind, "where": place, "set": set }))
            .await;
    }

    /// The data sources, as the API shows them.
    async fn sources(&self) -> Vec<Json> {
        let request = self.client.get(format!("{}/api/v1/data_sources", self.server.url()));
        let request = request.header("Authorization", format!("Key {}", self.server.key()));
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The slugs of each job that wrote.
    async fn provisioned(&self) -> Vec<Json> {
        let jobs = self.side("GET", "provisioning", Json::Null).await;
        let jobs = jobs.as_array().unwrap().iter();
        assert!(jobs.clone().all(|job| job["dangling_monitors_strategy"] == "ignore"));
        jobs.filter(|job| job["dry_run"] == false)
            .map(|job| job["slugs"].clone())
            .collect()
    }

    /// The names of the monitors: those that are made one by one come in any order.
    async fn monitors(&self) -> Vec<String> {
        let state = self.side("GET", "state", Json::Null).await;
        let monitors = state["monitors"].as_array().unwrap().iter();
        let mut names: Vec<String> = monitors
            .map(|monitor| monitor["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

fn assert_applied(report: &Report) {
    for outcome in &report.outcomes {
        assert!(
            matches!(outcome.result, Outcomes::Applied { .. }),
            "{}: {:?}",
            outcome.key,
            outcome.result
        );
    }
}

/// What a plan does, holds back and shows, a line each: key, action, class, fields.
fn lines(prepared: &Prepared) -> Vec<String> {
    let plan = &prepared.plan;
    let does = plan.steps.iter().map(|step| ("does", &step.change));
    let holds = plan.held.iter().map(|change| ("holds", change));
    let shows = plan.reported.iter().map(|change| ("shows", change));
    does.chain(holds)
        .chain(shows)
        .map(|(verb, change)| {
            let fields: Vec<String> = change.fields.iter().map(|field| field.path.to_string()).collect();
            format!(
                "{verb} {} {} {} [{}]",
                change.key,
                change.action.word(),
                change.class.word(),
                fields.join(" ")
            )
        })
        .collect()
}

/// What is held back: the reason's word, the message, the keys.
fn blocked(prepared: &Prepared) -> Vec<(&'static str, &str, Vec<String>)> {
    let blocked = prepared.plan.blocked.iter();
    blocked
        .map(|it| {
            let keys = it.keys.iter().map(ToString::to_string).collect();
            (it.reason.word(), it.message.as_str(), keys)
        })
        .collect()
}

#[tokio::test]
async fn all_that_the_api_can_write_is_made_from_files_and_another_pass_writes_nothing() {
    for home in ["a", "a/datafold"] {
        let files = [
            (format!("{home}/data_sources/warehouse.yaml"), SOURCE),
            (format!("{home}/monitors/team/shop.yml"), MONITORS),
            (format!("{home}/ci/shop.yaml"), CI),
        ];
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let world = World::new(Switches::default(), &files).await;
        let environment = world.environment("a");
        let prepared = world.planned(&environment, None).await;
        assert_eq!(prepared.diagnostics, []);
        let digest = prepared.plan.digest.clone();
        let report = carried_out(&environment, prepared).await;
        assert_applied(&report);
        let made: Vec<String> = report.outcomes.iter().map(|outcome| outcome.key.to_string()).collect();
        assert_eq!(made, ["data_source/warehouse", "monitor/orders", "monitor/stage"]);
        assert_eq!(world.provisioned().await, [json!(["orders", "stage"])]);

        // What a person makes is never called in sync before a person has said so.
        let open = world.planned(&environment, None).await;
        assert_ne!(open.plan.digest, digest);
        let [(reason, message, keys)] = &blocked(&open)[..] else {
            panic!("{:#?}", open.plan.blocked);
        };
        assert_eq!(
            (*reason, &keys[..]),
            ("manual_step", &["ci_config/shop".to_owned()][..])
        );
        let page = format!("{}/settings/integrations/ci", world.server.url());
        assert!(message.contains(&page), "{message}");
        assert!(!open.plan.unchanged.contains_key(&CI_CONFIG));

        let approved = world.planned(&environment, Some(open.plan.digest.clone())).await;
        assert!(approved.plan.blocked.is_empty(), "{:#?}", approved.plan.blocked);
        assert_applied(&carried_out(&environment, approved).await);
        world.assert_in_sync(&environment).await;

        world.files.edit(
            &format!("{home}/ci/shop.yaml"),
            "data_connection",
            "diff_threshold: 5\ndata_connection",
        );
        let changed = world.planned(&environment, None).await;
        assert_eq!(changed.diagnostics, []);
        assert_eq!(
            lines(&changed),
            ["holds ci_config/shop update pending [diff_threshold]"]
        );
        assert_eq!(blocked(&changed)[0].0, "manual_step");
        let report = carried_out(&environment, changed).await;
        assert!(report.outcomes.is_empty());
        assert_eq!(blocked(&world.planned(&environment, None).await).len(), 1);
    }
}

#[tokio::test]
async fn what_the_vendors_form_does_not_have_is_in_effect_as_git_says_it_and_no_step_for_a_person() {
    let plain = CI.replace("warehouse", "lake");
    let world = World::new(Switches::default(), &[("a/ci/shop.yaml", &plain)]).await;
    let environment = world.environment("a");
    let ours = "schema: pr_${PR_NUMBER}\nfail_on_differences: true\ncolumns_to_ignore: [_*]\ndiffs: d.json\ndiscovery: { files: [a.sql] }\n";
    world
        .files
        .edit("a/ci/shop.yaml", "data_connection", &format!("{ours}data_connection"));
    let open = world.planned(&environment, None).await;
    assert_eq!(
        lines(&open),
        [
            "holds ci_config/shop update adoption [data_connection fail_on_errors fail_on_primary_key_issues repository require_label]"
        ]
    );
    let approved = world.planned(&environment, Some(open.plan.digest.clone())).await;
    assert_applied(&carried_out(&environment, approved).await);
    world.assert_in_sync(&environment).await;
    for (before, after) in [
        ("pr_${PR_NUMBER}", "ci_${PR_NUMBER}"),
        ("fail_on_differences: true\n", ""),
        ("[a.sql]", "[b.sql]"),
    ] {
        world.files.edit("a/ci/shop.yaml", before, after);
        world.assert_in_sync(&environment).await;
        assert!(blocked(&world.planned(&environment, None).await).is_empty());
    }
    world.files.edit(
        "a/ci/shop.yaml",
        "data_connection",
        "diff_threshold: 5\ndata_connection",
    );
    world.files.edit("a/ci/shop.yaml", "[b.sql]", "[c.sql]");
    assert_eq!(
        lines(&world.planned(&environment, None).await),
        ["holds ci_config/shop update pending [diff_threshold]"]
    );
}

#[tokio::test]
async fn a_schedule_that_changes_converges_however_it_is_spelled() {
    let (world, environment) = World::applied().await;
    let mut before = "{ interval: { every: day, hour: 3 } }";
    for after in [
        "{ interval: { every: hour, type: hourly } }",
        "{ interval: { every: day, hour: 6 } }",
        "{ interval: { every: day, utc_at: \"7:30\" } }",
        "{ interval: { every: day, hour: 8 } }",
        "{ cron: \"0 6 * * 1\" }",
        "{ interval: { every: day, utc_at: \"09:00\" } }",
    ] {
        world.files.edit("a/monitors/shop.yaml", before, after);
        let report = world.clean(&environment).await;
        assert_eq!(report.outcomes.len(), 1, "{after}");
        world.assert_in_sync(&environment).await;
        before = after;
    }
}

#[tokio::test]
async fn a_ci_configuration_that_is_not_there_fails_although_it_was_approved() {
    let absent = CI.replace("286", "287").replace("warehouse", "lake");
    let world = World::new(Switches::default(), &[("a/ci/shop.yaml", &absent)]).await;
    let environment = world.environment("a");
    let open = world.planned(&environment, None).await;
    assert_eq!(blocked(&open)[0].0, "manual_step");
    let approved = world.planned(&environment, Some(open.plan.digest.clone())).await;
    let report = carried_out(&environment, approved).await;
    let Outcomes::Failed(failure) = &report.outcomes[0].result else {
        panic!("{:?}", report.outcomes);
    };
    assert!(
        failure.message.contains("no CI configuration 287"),
        "{}",
        failure.message
    );
    assert_eq!(blocked(&world.planned(&environment, None).await)[0].0, "manual_step");
}

#[tokio::test]
async fn a_data_source_that_git_changes_waits_for_a_person_and_is_in_sync_once_it_is_done() {
    let (world, environment) = World::applied().await;
    world.assert_in_sync(&environment).await;
    world
        .files
        .edit("a/data_sources/warehouse.yaml", "db.example", "new.example");
    let open = world.planned(&environment, None).await;
    assert_eq!(
        lines(&open),
        ["holds data_source/warehouse update pending [options.host]"]
    );
    let [("manual_step", message, _)] = &blocked(&open)[..] else {
        panic!("{:#?}", open.plan.blocked);
    };
    let page = format!("{}/settings/integrations", world.server.url());
    assert!(message.contains(&page), "{message}");
    let digest = open.plan.digest.clone();
    assert!(carried_out(&environment, open).await.outcomes.is_empty());

    // An approval before it is done does nothing and says what is open.
    let early = world.planned(&environment, Some(digest)).await;
    let report = carried_out(&environment, early).await;
    let Outcomes::Failed(failure) = &report.outcomes[0].result else {
        panic!("{:?}", report.outcomes);
    };
    assert!(failure.message.contains("options.host"), "{}", failure.message);

    let place = json!({ "name": "warehouse" });
    world
        .by_hand("data_source", place, json!({ "options": { "host": "new.example" } }))
        .await;
    world.assert_in_sync(&environment).await;
}

#[tokio::test]
async fn what_only_the_platform_can_compare_is_drift_that_shows_its_verdict() {
    for drift in [OnDrift::Report, OnDrift::Correct] {
        let (world, mut environment) = World::applied().await;
        environment.policy.drift = drift;
        let place = json!({ "slug": "stage" });
        world
            .by_hand("monitor", place, json!({ "datadiff": { "primary_key": ["OTHER"] } }))
            .await;
        let prepared = world.planned(&environment, None).await;
        let verb = if drift == OnDrift::Correct { "does" } else { "shows" };
        assert_eq!(
            lines(&prepared),
            [format!("{verb} monitor/stage update drift [platform_verdict]")]
        );
        assert_eq!(prepared.plan.unchanged.get(&MONITOR), Some(&1));
        assert_applied(&carried_out(&environment, prepared).await);
        if drift == OnDrift::Correct {
            assert_eq!(world.provisioned().await[1..], [json!(["stage"])]);
            world.assert_in_sync(&environment).await;
        } else {
            assert_eq!(world.provisioned().await.len(), 1);
            assert_eq!(lines(&world.planned(&environment, None).await).len(), 1);
        }
    }
}

#[tokio::test]
async fn what_git_gives_up_is_deleted_by_its_number_and_only_where_pruning_says_so() {
    let (world, mut environment) = World::applied().await;
    let stage = MONITORS.find("  stage:").unwrap();
    world.files.put("a/monitors/shop.yaml", &MONITORS[..stage]);
    let kept = world.planned(&environment, None).await;
    assert_eq!(kept.plan.orphaned.len(), 1);
    assert!(kept.plan.is_empty());

    environment.policy.prune = BTreeMap::from([(MONITOR, Prune::Delete), (DATA_SOURCE, Prune::Delete)]);
    world.side("DELETE", "requests", Json::Null).await;
    let prepared = world.planned(&environment, None).await;
    assert_eq!(lines(&prepared), ["does monitor/stage delete pending []"]);
    let number = prepared.plan.steps[0].remote.unwrap().0;
    assert_applied(&carried_out(&environment, prepared).await);
    let log = world.side("GET", "writes", Json::Null).await;
    let paths: Vec<&Json> = log["writes"].as_array().unwrap().iter().map(|it| &it["path"]).collect();
    assert_eq!(paths, [&json!(format!("/api/v1/monitors/{number}"))]);
    assert_eq!(world.monitors().await, ["Orders"]);
    world.assert_in_sync(&environment).await;

    // A data source cannot be deleted by a request, so a person is asked.
    world.files.remove("a/data_sources/warehouse.yaml");
    world
        .files
        .put("a/monitors/shop.yaml", MONITORS[..stage].replace("warehouse", "7"));
    let prepared = world.planned(&environment, None).await;
    let report = carried_out(&environment, prepared).await;
    assert_applied(&report);
    let open = world.planned(&environment, None).await;
    assert_eq!(blocked(&open)[0].0, "manual_step");
    assert_eq!(lines(&open), ["holds data_source/warehouse delete pending []"]);
}

#[tokio::test]
async fn one_slug_of_two_environments_of_one_organization_belongs_to_the_first() {
    let stage = MONITORS.find("  stage:").unwrap();
    let first = MONITORS[..stage].replace("warehouse", "lake");
    let second = first.replace("row_count", "freshness");
    let world = World::new(
        Switches::default(),
        &[("a/monitors/shop.yaml", &first), ("b/monitors/shop.yaml", &second)],
    )
    .await;
    let mut environments = [world.environment("a"), world.environment("b")];
    introduce(&mut environments);
    let [a, b] = environments;
    for _ in 0..2 {
        let contested = world.planned(&b, None).await;
        let [("owned_elsewhere", message, keys)] = &blocked(&contested)[..] else {
            panic!("{:#?}", contested.plan.blocked);
        };
        assert_eq!(keys, &["monitor/orders"]);
        assert!(message.contains("`a`"), "{message}");
        assert!(carried_out(&b, contested).await.outcomes.is_empty());
        let _ = world.clean(&a).await;
    }
    world.assert_in_sync(&a).await;
    assert_eq!(world.provisioned().await, [json!(["orders"])]);
}

#[tokio::test]
async fn while_one_environment_of_an_organization_cannot_be_read_none_provisions() {
    let world = World::new(
        Switches::default(),
        &[("a/monitors/shop.yaml", &MONITORS.replace("warehouse", "lake"))],
    )
    .await;
    let mut environments = [world.environment("a"), world.environment("b")];
    introduce(&mut environments);
    let [a, _] = environments;
    let prepared = world.planned(&a, None).await;
    let reasons: Vec<_> = blocked(&prepared).iter().map(|(reason, ..)| *reason).collect();
    assert_eq!(reasons, ["incomplete_source"], "{:#?}", prepared.plan.blocked);
    assert!(blocked(&prepared)[0].1.contains("`b`"));
    assert!(carried_out(&a, prepared).await.outcomes.is_empty());
    assert_eq!(world.provisioned().await, [] as [Json; 0]);

    let other = "monitors:\n  items:\n    type: metric\n    connection_id: lake\n    schedule: { interval: { every: hour } }\n    \
                 metric: { type: table, table: SHOP.CORE.ITEMS, metric: row_count }\n";
    world.files.put("b/monitors/items.yaml", other);
    let _ = world.clean(&a).await;
    world.assert_in_sync(&a).await;
}

#[tokio::test]
async fn a_provisioning_that_fails_half_way_is_told_slug_by_slug_and_the_rest_is_made_later() {
    for failed_result in [FailedResult::Partial, FailedResult::Absent] {
        let switches = Switches {
            provisioning_fails_after: Some(1),
            failed_result,
            ..Switches::default()
        };
        let monitors = MONITORS.replace("warehouse", "lake");
        let world = World::new(switches, &[("a/monitors/shop.yaml", &monitors)]).await;
        let environment = world.environment("a");
        let report = world.pass(&environment).await;
        let told: Vec<(String, &str)> = report
            .outcomes
            .iter()
            .map(|outcome| (outcome.key.to_string(), outcome.result.word()))
            .collect();
        assert_eq!(
            told,
            [
                ("monitor/orders".to_owned(), "applied"),
                ("monitor/stage".to_owned(), "failed")
            ]
        );
        assert_eq!(world.monitors().await, ["Orders"]);
        world
            .side("PUT", "switches", json!({ "provisioning_fails_after": null }))
            .await;
        let prepared = world.planned(&environment, None).await;
        assert_eq!(prepared.plan.steps.len(), 1);
        assert_applied(&carried_out(&environment, prepared).await);
        assert_eq!(world.monitors().await, ["Orders", "Stage"]);
        world.assert_in_sync(&environment).await;
    }
}

#[tokio::test]
async fn the_sources_password_is_nowhere_in_what_is_shown() {
    let (world, environment) = World::applied().await;
    let place = json!({ "name": "warehouse" });
    world
        .by_hand("data_source", place, json!({ "options": { "user": "other" } }))
        .await;
    let prepared = world.planned(&environment, None).await;
    assert_eq!(
        lines(&prepared),
        ["holds data_source/warehouse update drift [options.user]"]
    );
    let shown = format!(
        "{}{}{:?}",
        driftless_core::render::plan_text(&prepared.plan),
        driftless_core::render::plan_json(&prepared.plan),
        prepared.plan
    );
    assert!(!shown.contains("recognisable-5d1e"));
}

#[tokio::test]
async fn a_provisioning_that_one_environment_left_behind_is_ended_by_the_next_at_the_same_desk() {
    let items = "monitors:\n  items:\n    type: metric\n    name: Items\n    connection_id: lake\n    schedule: { interval: { every: hour } }\n    \
                 metric: { type: table, table: SHOP.CORE.ITEMS, metric: row_count }\n";
    let world = World::new(
        Switches::default(),
        &[
            ("a/monitors/shop.yaml", &MONITORS.replace("warehouse", "lake")),
            ("b/monitors/items.yaml", items),
        ],
    )
    .await;
    let mut environments = [world.environment("a"), world.environment("b")];
    introduce(&mut environments);
    let [a, b] = environments;
    let (of_a, of_b) = (world.planned(&a, None).await, world.planned(&b, None).await);
    world.side("PUT", "switches", json!({ "provisioning": "held" })).await;
    let step = &of_a.plan.steps[0];
    let begun = a.platform.execute(step, &of_a.ids).await.unwrap();
    assert!(matches!(begun, Progress::Running(_)), "{begun:?}");
    assert_eq!(world.provisioned().await.len(), 1);
    // Whoever waited for it is gone; the next one asks about it instead of running into it.
    world
        .side("PUT", "switches", json!({ "provisioning": "instant" }))
        .await;
    world.side("DELETE", "requests", Json::Null).await;
    assert_applied(&carried_out(&b, of_b).await);
    let log = world.side("GET", "requests", Json::Null).await;
    let lines = log["requests"].as_array().unwrap().iter();
    let lines: Vec<String> = lines
        .map(|line| format!("{} {}", line["method"].as_str().unwrap(), line["status"]))
        .collect();
    assert!(
        lines[0].starts_with("GET") && !lines.iter().any(|line| line.ends_with("409")),
        "{lines:?}"
    );
    assert_eq!(world.provisioned().await.last().unwrap(), &json!(["items"]));
}

#[tokio::test]
async fn two_environments_that_give_a_monitor_the_same_name_have_one_each_and_delete_their_own() {
    let orders = |slug: &str| {
        format!(
            "monitors:\n  {slug}:\n    type: metric\n    name: Orders\n    connection_id: lake\n    schedule: {{ interval: {{ every: hour }} }}\n    \
             metric: {{ type: table, table: SHOP.CORE.ORDERS, metric: row_count }}\n"
        )
    };
    let (of_a, of_b) = (orders("orders"), orders("orders-b"));
    let world = World::new(
        Switches::default(),
        &[
            ("a/monitors/shop.yaml", &of_a),
            ("b/monitors/shop.yaml", &of_b),
            (
                "b/monitors/more.yaml",
                &MONITORS
                    .replace("warehouse", "lake")
                    .replace("orders:", "more:")
                    .replace("name: Orders", "name: More"),
            ),
        ],
    )
    .await;
    let mut environments = [world.environment("a"), world.environment("b")];
    introduce(&mut environments);
    let [a, mut b] = environments;
    b.policy.prune = [(MONITOR, Prune::Delete)].into();
    let _ = world.clean(&a).await;
    let planned = world.planned(&b, None).await;
    assert!(
        lines(&planned)
            .iter()
            .any(|line| line.starts_with("does monitor/orders-b create ")),
        "{:#?}",
        lines(&planned)
    );
    let _ = world.clean(&b).await;
    assert_eq!(world.monitors().await, ["More", "Orders", "Orders", "Stage"]);
    world.assert_in_sync(&a).await;
    world.assert_in_sync(&b).await;
    world.files.remove("b/monitors/shop.yaml");
    let _ = world.clean(&b).await;
    assert_eq!(world.monitors().await, ["More", "Orders", "Stage"]);
    world.assert_in_sync(&a).await;
}

/// A pass of which nothing is known beforehand.
async fn attempt(environment: &Environment) -> (Vec<String>, Conclusion, Report) {
    let circumstances = gather(environment, None, SystemClock.now(), None).await.unwrap();
    let prepared = prepare(environment, None, &circumstances, &Unfollowed).await.unwrap();
    let gaps = prepared.gaps.iter().map(|gap| gap.message.clone()).collect();
    let faults = prepared.faults();
    let report = carried_out(environment, prepared).await;
    (gaps, report.conclusion(faults), report)
}

/// Passes until one has nothing to do, leaves nothing out and is held back by nothing.
async fn until_in_sync(world: &World, environment: &Environment) {
    let mut last = None;
    for _ in 0..6 {
        let (gaps, conclusion, report) = attempt(environment).await;
        if gaps.is_empty() && report.plan.is_empty() && conclusion == Conclusion::Succeeded {
            return world.assert_in_sync(environment).await;
        }
        last = Some((gaps, report));
    }
    panic!("{last:#?}");
}

#[tokio::test]
async fn a_write_that_breaks_off_is_made_once_and_the_next_pass_ends_in_sync() {
    const SOURCES: &str = "/api/v1/data_sources";
    const JOBS: &str = "/api/internal/monitors/provision/jobs";
    for (method, path, nth) in [
        ("POST", SOURCES, 1),
        ("POST", SOURCES, 2), // its test
        ("GET", "/api/v1/data_sources/test", 1),
        ("POST", JOBS, 1),
        ("GET", JOBS, 1),
    ] {
        for fault in [
            json!({ "kind": "reset_before" }),
            json!({ "kind": "reset_after" }),
            json!({ "kind": "truncate" }),
            json!({ "kind": "status", "status": 500 }),
            json!({ "kind": "status", "status": 502, "after": true }),
            json!({ "kind": "invalid_json" }),
        ] {
            for pace in ["instant", "polls"] {
                let case = format!("{method} {path} {nth} {fault} {pace}");
                let world = World::new(
                    Switches::default(),
                    &[
                        ("a/data_sources/warehouse.yaml", SOURCE),
                        ("a/monitors/shop.yaml", MONITORS),
                    ],
                )
                .await;
                if pace == "polls" {
                    world
                        .side(
                            "PUT",
                            "switches",
                            json!({ "provisioning": { "polls": 3 }, "tests": { "polls": 3 } }),
                        )
                        .await;
                }
                let mut rule = fault.clone();
                rule["method"] = json!(method);
                rule["path_prefix"] = json!(path);
                // A read is tried again: it fails until nobody asks any more.
                match method {
                    "GET" => (rule["from"], rule["to"]) = (json!(nth), json!(nth + 7)),
                    _ => rule["nth"] = json!(nth),
                }
                world.side("PUT", "faults", json!([rule])).await;
                let environment = world.environment("a");
                let _ = attempt(&environment).await;
                world.side("PUT", "faults", json!([])).await;
                until_in_sync(&world, &environment).await;
                assert_eq!(world.monitors().await, ["Orders", "Stage"], "{case}");
                let sources = world.sources().await;
                assert_eq!(sources.len(), 2, "{case} {sources:?}");
                let is_tested = |source: &Json| source["name"] == "warehouse" && !source["last_test"].is_null();
                assert!(sources.iter().any(is_tested), "{case} {sources:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_job_that_outlives_the_process_is_waited_for_and_not_started_again() {
    let monitors = MONITORS.replace("warehouse", "lake");
    for ends_well in [true, false] {
        let mut world = World::new(Switches::default(), &[("a/monitors/shop.yaml", &monitors)]).await;
        let environment = world.environment("a");
        let prepared = world.planned(&environment, None).await;
        // It has made the first of two when the process dies.
        world
            .side("PUT", "switches", json!({ "provisioning": { "polls": 2 } }))
            .await;
        let dies = tokio::spawn(async move { carried_out(&environment, prepared).await });
        while world.monitors().await.is_empty() {
            tokio::task::yield_now().await;
        }
        dies.abort();
        let _ = dies.await;
        world.side("PUT", "switches", json!({ "provisioning": "held" })).await;
        world.desk = Arc::default();
        let environment = world.environment("a");
        if world.monitors().await.len() == 1 {
            let (gaps, conclusion, report) = attempt(&environment).await;
            assert!(gaps[0].contains("somebody else provisions"), "{gaps:?}");
            assert_eq!(conclusion, Conclusion::Partial);
            assert!(report.outcomes.is_empty());
            let how = if ends_well {
                "provisioning/finish"
            } else {
                "provisioning/cancel"
            };
            world.side("POST", how, Json::Null).await;
        }
        world
            .side("PUT", "switches", json!({ "provisioning": "instant" }))
            .await;
        until_in_sync(&world, &environment).await;
        assert_eq!(world.monitors().await, ["Orders", "Stage"]);
        let expected = if ends_well { 1 } else { 2 };
        let written = world.provisioned().await;
        assert_eq!(written.len(), expected, "{written:?}");
        assert_eq!(written[0], json!(["orders", "stage"]));
    }
}

#[tokio::test]
async fn what_a_job_that_was_cancelled_has_made_is_known_and_shown() {
    let monitors = MONITORS.replace("warehouse", "lake");
    let switches = Switches {
        provisioning_fails_after: Some(1),
        ..Switches::default()
    };
    let world = World::new(switches, &[("a/monitors/shop.yaml", &monitors)]).await;
    let (_, conclusion, report) = attempt(&world.environment("a")).await;
    assert_eq!(conclusion, Conclusion::Partial);
    let shown: Json = serde_json::from_str(&driftless_core::render::report_json(&report)).unwrap();
    assert_eq!(shown["summary"]["created"], 1, "{shown}");
    assert_eq!(shown["summary"]["failed"], 1);
    let outcomes = shown["outcomes"].as_array().unwrap();
    assert_eq!(
        (&outcomes[0]["key"], &outcomes[0]["result"]),
        (&json!("monitor/orders"), &json!("applied")),
        "{shown}"
    );
    let why = outcomes[1]["error"].to_string();
    assert!(
        outcomes[1]["key"] == "monitor/stage"
            && why.contains("provisioning did not write it")
            && why.contains("an activity did not answer"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_deployment_without_dry_runs_is_readable_and_never_wholly_in_sync() {
    let (world, environment) = World::applied().await;
    for endpoint in ["not_found", "not_implemented"] {
        world
            .side(
                "PUT",
                "switches",
                json!({ "provisioning_jobs": endpoint, "provisioning_sync": endpoint }),
            )
            .await;
        let (gaps, conclusion, report) = attempt(&environment).await;
        let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
        assert!(
            gap.contains("that the platform does not return are not compared"),
            "{gap}"
        );
        assert!(gap.contains("ask Datafold to enable monitors as code"), "{gap}");
        assert_eq!(conclusion, Conclusion::Partial);
        assert!(report.plan.is_empty() && report.plan.blocked.is_empty());
        assert_eq!(report.plan.unchanged.get(&MONITOR), Some(&2));
        world
            .by_hand("monitor", json!({ "slug": "orders" }), json!({ "name": endpoint }))
            .await;
        let prepared = prepare(
            &environment,
            None,
            &gather(&environment, None, SystemClock.now(), None).await.unwrap(),
            &Unfollowed,
        )
        .await
        .unwrap();
        assert_eq!(lines(&prepared), ["does monitor/orders update drift [name]"]);
        world
            .by_hand("monitor", json!({ "slug": "orders" }), json!({ "name": "Orders" }))
            .await;
    }
}

#[tokio::test]
async fn two_processes_that_provision_one_organization_at_the_same_time_both_end_in_sync() {
    let items = "monitors:\n  items:\n    type: metric\n    name: Items\n    connection_id: lake\n    schedule: { interval: { every: hour } }\n    \
                 metric: { type: table, table: SHOP.CORE.ITEMS, metric: row_count }\n";
    let mut world = World::new(
        Switches::default(),
        &[
            ("a/monitors/shop.yaml", &MONITORS.replace("warehouse", "lake")),
            ("b/monitors/items.yaml", items),
        ],
    )
    .await;
    world
        .side("PUT", "switches", json!({ "provisioning": { "polls": 3 } }))
        .await;
    let mut environments = vec![world.environment("a")];
    world.desk = Arc::default();
    environments.push(world.environment("b"));
    introduce(&mut environments);
    let (a, b) = (&environments[0], &environments[1]);
    let _ = futures::join!(until_all(a), until_all(b));
    let log = world.side("GET", "requests", Json::Null).await;
    let met = log["requests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["status"] == 409)
        .count();
    assert!(met > 0, "they never met");
    assert_eq!(world.monitors().await.len(), 3);
    let mut written: Vec<String> = world.provisioned().await.iter().map(Json::to_string).collect();
    written.sort();
    assert_eq!(written, [r#"["items"]"#, r#"["orders","stage"]"#]);
    world.assert_in_sync(a).await;
    world.assert_in_sync(b).await;
}

/// Passes until one leaves nothing to do.
async fn until_all(environment: &Environment) {
    for _ in 0..40 {
        let (gaps, conclusion, report) = attempt(environment).await;
        if gaps.is_empty() && report.plan.is_empty() && conclusion == Conclusion::Succeeded {
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn a_data_source_whose_test_fails_is_said_so_stays_and_is_not_made_again() {
    let world = World::new(
        Switches::default(),
        &[(
            "a/data_sources/warehouse.yaml",
            &SOURCE.replace("db.example", "db.invalid"),
        )],
    )
    .await;
    let environment = world.environment("a");
    let (_, conclusion, report) = attempt(&environment).await;
    assert_eq!(conclusion, Conclusion::Failed);
    let shown = driftless_core::render::report_json(&report);
    assert!(
        shown.contains("its test failed: connection: Could not resolve the host name"),
        "{shown}"
    );
    assert!(!shown.contains("recognisable-5d1e"), "{shown}");
    // A person looks at it, on the page that was named, and says that it is right.
    let open = world.planned(&environment, None).await;
    assert_eq!(
        lines(&open),
        ["holds data_source/warehouse update adoption [options.password]"]
    );
    assert_eq!(blocked(&open)[0].0, "manual_step");
    let approved = world.planned(&environment, Some(open.plan.digest.clone())).await;
    assert_applied(&carried_out(&environment, approved).await);
    world.assert_in_sync(&environment).await;
    assert_eq!(world.sources().await.len(), 2);
}

#[tokio::test]
async fn a_name_that_a_data_source_of_another_type_has_is_a_persons_matter() {
    let source = SOURCE
        .replace("warehouse", "lake")
        .replace("type: pg", "type: redshift");
    let world = World::new(Switches::default(), &[("a/data_sources/lake.yaml", &source)]).await;
    let environment = world.environment("a");
    let prepared = world.planned(&environment, None).await;
    assert_eq!(blocked(&prepared)[0].0, "manual_step");
    assert!(prepared.plan.is_empty(), "{:#?}", prepared.plan.steps);
    let _ = carried_out(&environment, prepared).await;
    assert_eq!(world.sources().await.len(), 1);
}
