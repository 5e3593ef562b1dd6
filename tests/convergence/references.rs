//! References across resources, end to end: what is made in one pass in whatever datastore, what is not made and why, and that
//! nothing of it is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driftless::engine::reconcile::Environment;
use driftless::platform::http::Network;
use driftless::platform::qualytics::files::{ExportOptions, Exported, export};
use driftless::platform::qualytics::{Qualytics, QualyticsOptions};
use driftless::sandbox::qualytics::{Switches, Unknown};
use driftless_core::render::plan_text;
use driftless_core::value::Secret;
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::pipeline::{
    Files, Open, assert_converged, carried_out, clean_pass, environment, memory, planned, variables,
};

const TAG: &str = "pii / Kundendaten ä%";

fn seed() -> Value {
    let table =
        |name: &str| json!({ "name": name, "kind": "table", "fields": [["id", "Integral"], ["name", "String"]] });
    json!({
        "warehouse": {
            "shop|a": [table("orders"), table("Order Items")],
            "shop|crm": [table("people")],
        },
        "teams": ["Public"],
    })
}

fn files(texts: &[(&str, String)]) -> Arc<Files> {
    let named = texts
        .iter()
        .map(|(path, text)| (format!("config/{path}"), text.clone()));
    Files::new(named.collect())
}

fn connection() -> (&'static str, String) {
    let text = "name: pg\ntype: postgresql\nhost: db.example.com\nport: 5432\nusername: reader\npassword: sesame\n";
    ("connections/pg.yaml", text.to_owned())
}

fn datastore(name: &str, rest: &str) -> String {
    format!("name: {name}\nconnection_name: pg\ndatabase: shop\nschema: {name}\n{rest}")
}

fn check(rule: &str, container: &str, field: &str, rest: &str) -> String {
    format!("rule_type: {rule}\ndescription: A rule\ncontainer: {container}\nfields:\n- {field}\ncoverage: 1.0\n{rest}")
}

async fn over(instance: &Instance, files: &Arc<Files>) -> Environment {
    environment(instance, files, BTreeMap::new(), Some(memory().await))
}

/// How often each path that begins so was read.
async fn reads(instance: &Instance, prefix: &str) -> usize {
    let reads = instance.reads().await;
    let of = reads
        .iter()
        .filter(|(path, _)| path.starts_with(&format!("/api{prefix}")));
    of.map(|(_, count)| count).sum()
}

async fn writes(instance: &Instance, prefix: &str) -> Vec<(String, u64)> {
    let writes = instance.writes().await.into_iter();
    let of = writes.filter(|(_, path, _)| path.starts_with(&format!("/api{prefix}")));
    of.map(|(method, _, status)| (method, status)).collect()
}

fn readings() -> [Unknown; 4] {
    [Unknown::Refuse, Unknown::Create, Unknown::Ignore, Unknown::NotFound]
}

fn tagged() -> Arc<Files> {
    let tags = format!("tags:\n- {TAG}\n- known\n");
    files(&[
        connection(),
        ("datastores/a/_datastore.yaml", datastore("a", &tags)),
        (
            "datastores/a/containers/recent/_container.yaml",
            format!("container_type: computed_table\nname: recent\nquery: SELECT id FROM orders\n{tags}"),
        ),
        (
            "datastores/a/checks/orders/one.yaml",
            check("notNull", "orders", "id", &tags),
        ),
        (
            "datastores/a/checks/orders/two.yaml",
            check("unique", "orders", "id", &tags),
        ),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_does_not_exist_is_made_once_under_every_reading_and_listed_no_more_once_it_is_seen() {
    for unknown_tags in readings() {
        let switches = Switches {
            unknown_tags,
            ..Switches::default()
        };
        let mut seed = seed();
        seed["tags"] = json!(["known"]);
        let instance = Instance::start(seed, switches).await;
        let files = tagged();
        let environment = over(&instance, &files).await;

        instance.forget().await;
        let report = clean_pass(&environment).await;
        assert_eq!(report.tally().created, 5);
        assert_eq!(
            writes(&instance, "/global-tags").await,
            [("POST".to_owned(), 201)],
            "{unknown_tags:?}"
        );
        assert_eq!(reads(&instance, "/global-tags").await, 1);
        assert_eq!(reads(&instance, "/teams").await, 0, "no document names a team");
        assert!(instance.writes().await.iter().all(|(_, _, status)| *status < 300));
        let state = instance.state().await;
        for check in state["checks"].as_array().unwrap() {
            assert_eq!(check["tags"], json!(["known", TAG]), "{unknown_tags:?}");
        }

        assert_converged(&instance, &environment).await;
        assert_eq!(
            reads(&instance, "/global-tags").await,
            0,
            "all are seen on what bears them"
        );

        files.edit("config/datastores/a/checks/orders/one.yaml", "- known", "- another one");
        instance.forget().await;
        let _ = clean_pass(&environment).await;
        let methods: Vec<String> = instance.writes().await.into_iter().map(|(method, ..)| method).collect();
        assert_eq!(methods, ["POST", "PUT"], "the tag, then the check");
        assert_converged(&instance, &environment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_somebody_makes_meanwhile_is_there() {
    let instance = Instance::start(seed(), Switches::default()).await;
    let environment = over(&instance, &tagged()).await;
    let prepared = planned(&environment).await;
    instance
        .door("POST", "seed?add=1", json!({ "tags": [TAG, "known"] }))
        .await;
    let report = carried_out(&environment, prepared).await;
    assert_eq!((report.tally().failed, report.tally().created), (0, 5));
    let refused = writes(&instance, "/global-tags").await;
    assert_eq!(refused, [("POST".to_owned(), 409), ("POST".to_owned(), 409)]);
    assert_converged(&instance, &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_whose_answer_was_lost_is_not_made_twice() {
    let instance = Instance::start(seed(), Switches::default()).await;
    let environment = over(&instance, &tagged()).await;
    let rule = json!([{ "method": "POST", "path_prefix": "/global-tags", "nth": 1, "kind": "reset_after" }]);
    instance.door("PUT", "faults", rule).await;
    let report = clean_pass(&environment).await;
    assert_eq!(report.tally().created, 5);
    instance.door("DELETE", "faults", Value::Null).await;
    assert_converged(&instance, &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_does_not_say_what_tags_and_teams_it_has_is_believed_to_have_them() {
    let switches = Switches {
        unknown_tags: Unknown::Create,
        unknown_teams: Unknown::Create,
        ..Switches::default()
    };
    let instance = Instance::start(seed(), switches).await;
    let files = tagged();
    files.edit(
        "config/datastores/a/_datastore.yaml",
        "tags:",
        "teams:\n- Analysts\ntags:",
    );
    let environment = over(&instance, &files).await;
    let forbidden = |prefix: &str| json!({ "method": "GET", "path_prefix": prefix, "kind": "status", "status": 403 });
    instance
        .door("PUT", "faults", json!([forbidden("/global-tags"), forbidden("/teams")]))
        .await;
    let report = clean_pass(&environment).await;
    assert_eq!(report.tally().created, 5);
    assert_eq!(
        (reads(&instance, "/global-tags").await, reads(&instance, "/teams").await),
        (1, 1)
    );
    assert_eq!(writes(&instance, "/global-tags").await, []);
    assert_converged(&instance, &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_never_made_and_what_names_one_waits_for_it_under_every_reading() {
    for unknown_teams in readings() {
        let switches = Switches {
            unknown_teams,
            ..Switches::default()
        };
        let instance = Instance::start(seed(), switches).await;
        let files = files(&[
            connection(),
            ("datastores/a/_datastore.yaml", datastore("a", "teams:\n- Public\n")),
            (
                "datastores/crm/_datastore.yaml",
                datastore("crm", "teams:\n- Analysts\n"),
            ),
            (
                "datastores/a/checks/orders/one.yaml",
                check("notNull", "orders", "id", ""),
            ),
        ]);
        let environment = over(&instance, &files).await;
        let prepared = planned(&environment).await;
        let [blocked] = prepared.plan.blocked.as_slice() else {
            panic!("{}", plan_text(&prepared.plan));
        };
        assert!(
            blocked.message.starts_with("team 'Analysts' not found"),
            "{}",
            blocked.message
        );
        let places: Vec<String> = blocked.places.values().map(ToString::to_string).collect();
        assert_eq!(places, ["config/datastores/crm/_datastore.yaml:5:1"]);
        let report = carried_out(&environment, prepared).await;
        assert_eq!((report.tally().created, report.tally().failed), (3, 0));
        assert_eq!(writes(&instance, "/teams").await, []);
        assert_eq!(reads(&instance, "/teams").await, 1);

        instance
            .door("POST", "seed?add=1", json!({ "teams": ["Analysts"] }))
            .await;
        assert_eq!(clean_pass(&environment).await.tally().created, 1);
        assert_converged(&instance, &environment).await;
        assert_eq!(reads(&instance, "/teams").await, 0);
    }
}

/// Two datastores that refer into each other, and the results of both: everything new at once.
fn entangled() -> Arc<Files> {
    files(&[
        connection(),
        ("datastores/a/_datastore.yaml", datastore("a", "enrich_datastore_name: z_results\n")),
        ("datastores/crm/_datastore.yaml", datastore("crm", "enrich_datastore_name: z_results\n")),
        ("datastores/z_results/_datastore.yaml", datastore("z_results", "enrichment_only: true\n")),
        (
            "datastores/crm/containers/vip/_container.yaml",
            "container_type: computed_table\nname: vip\nquery: SELECT id, name FROM people\n".to_owned(),
        ),
        (
            "datastores/a/containers/b_pair/_container.yaml",
            "container_type: computed_join\nname: b_pair\nleft_container_name: orders\nright_container_name: vip\n\
             right_datastore_name: crm\nleft_join_field_name: id\nright_join_field_name: id\n\
             select_clause: left_id, right_name\n"
                .to_owned(),
        ),
        (
            "datastores/a/containers/a_by_query/_container.yaml",
            "container_type: computed_join\nname: a_by_query\nquery: SELECT v.id AS id FROM p JOIN v ON p.left_id = v.id\nsources:\n\
             - alias: p\n  container_name: b_pair\n- alias: v\n  container_name: vip\n  datastore_name: crm\n"
                .to_owned(),
        ),
        (
            "datastores/a/containers/orders/computed_fields/known_as.yaml",
            "name: known_as\ntransformation: entityNameLookup\nsource_fields:\n- name\nproperties:\n  \
             ref_container_name: vip\n  ref_datastore_name: crm\n"
                .to_owned(),
        ),
        (
            "datastores/a/checks/orders/exists.yaml",
            check(
                "existsIn",
                "orders",
                "id",
                "properties:\n  field_name: id\n  ref_container_name: vip\n  ref_datastore_name: crm\n",
            ),
        ),
        (
            "datastores/crm/checks/people/exists.yaml",
            check(
                "existsIn",
                "people",
                "id",
                "properties:\n  field_name: left_id\n  ref_container_name: b_pair\n  ref_datastore_name: a\n",
            ),
        ),
        (
            "datastores/crm/checks/people/items.yaml",
            check(
                "notExistsIn",
                "people",
                "id",
                "properties:\n  field_name: id\n  ref_container_name: Order Items\n  ref_datastore_name: a\n",
            ),
        ),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_refers_across_datastores_is_made_in_one_pass_with_the_syncs_and_profiles_that_it_needs() {
    for operation_ms in [0, 30] {
        let switches = Switches {
            operation_ms,
            ..Switches::default()
        };
        let instance = Instance::start(seed(), switches).await;
        let environment = over(&instance, &entangled()).await;
        instance.forget().await;
        let report = clean_pass(&environment).await;
        assert_eq!(report.tally().created, 11, "{}", plan_text(&report.plan));
        let refused: Vec<_> = instance
            .writes()
            .await
            .into_iter()
            .filter(|write| write.2 >= 300)
            .collect();
        assert_eq!(refused, []);
        assert_eq!(instance.writes().await.len(), 11 + 2, "each once, and two links");
        assert_converged(&instance, &environment).await;

        // Another instance gets the same from an export of this one.
        let files = crate::pipeline::exported(&instance).await;
        let other = Instance::start(seed(), Switches::default()).await;
        let names = variables(&files);
        let copy = crate::pipeline::environment(&other, &Files::new(files), names, None);
        assert_eq!(clean_pass(&copy).await.tally().created, 11);
        assert_converged(&other, &copy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrichment_link_follows_git_to_another_target_and_away() {
    let mut with_live = seed();
    with_live["connections"] = json!([{ "name": "pg", "type": "postgresql", "host": "db.example.com", "port": 5432,
        "username": "reader", "password": "sesame" }]);
    with_live["datastores"] = json!([{ "name": "only_live", "connection_name": "pg", "database": "shop", "schema": "live",
        "enrichment_only": true, "teams": ["Public"] }]);
    let instance = Instance::start(with_live, Switches::default()).await;
    let path = "config/datastores/a/_datastore.yaml";
    let files = files(&[
        connection(),
        (
            "datastores/a/_datastore.yaml",
            datastore("a", "enrich_datastore_name: only_live\n"),
        ),
    ]);
    let environment = over(&instance, &files).await;
    let linked = async || {
        instance.state().await["datastores"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["name"] == "a")
            .unwrap()["enrich_datastore_name"]
            .clone()
    };
    let _ = clean_pass(&environment).await;
    assert_eq!(linked().await, "only_live");
    assert_converged(&instance, &environment).await;

    files.put(
        "config/datastores/z_new/_datastore.yaml",
        datastore("z_new", "enrichment_only: true\n"),
    );
    files.edit(path, "only_live", "z_new");
    instance.forget().await;
    let _ = clean_pass(&environment).await;
    assert_eq!(linked().await, "z_new");
    assert_eq!(instance.writes().await.len(), 2, "the new one, and the link");
    assert_converged(&instance, &environment).await;

    files.edit(path, "z_new", "null");
    instance.forget().await;
    let _ = clean_pass(&environment).await;
    assert_eq!(linked().await, Value::Null);
    let writes = instance.writes().await;
    assert_eq!((writes.len(), writes[0].0.as_str()), (1, "DELETE"), "{writes:?}");
    assert_converged(&instance, &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datastore_moves_to_another_connection_that_is_made_in_the_same_pass() {
    let instance = Instance::start(seed(), Switches::default()).await;
    let files = files(&[connection(), ("datastores/a/_datastore.yaml", datastore("a", ""))]);
    let environment = over(&instance, &files).await;
    let _ = clean_pass(&environment).await;
    files.put(
        "config/connections/z_replica.yaml",
        connection()
            .1
            .replace("name: pg", "name: z-replica")
            .replace("db.example", "replica.example"),
    );
    files.edit(
        "config/datastores/a/_datastore.yaml",
        "connection_name: pg",
        "connection_name: z-replica",
    );
    instance.forget().await;
    let _ = clean_pass(&environment).await;
    let methods: Vec<String> = instance.writes().await.into_iter().map(|(method, ..)| method).collect();
    assert_eq!(methods, ["POST", "PUT"]);
    assert_eq!(instance.state().await["datastores"][0]["connection_name"], "z-replica");
    assert_converged(&instance, &environment).await;
}

/// The adapter of somebody who sees only what the team `Public` sees.
async fn as_member(instance: &Instance) -> Arc<Qualytics> {
    let user = json!({ "name": "Limited", "email": "limited@example.com", "role": "Manager", "teams": ["Public"] });
    let token = instance.door("POST", "tokens", user).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let options = QualyticsOptions {
        url: instance.sandbox.url(),
        token: Secret::new(token),
        network: Network::default(),
    };
    Arc::new(Qualytics::new(options, Arc::new(Open)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_may_not_name_what_it_refers_to_means_nothing_new_here_and_nothing_elsewhere() {
    let original = Instance::start(seed(), Switches::default()).await;
    original
        .door("POST", "seed?add=1", json!({ "teams": ["Hidden"] }))
        .await;
    let entangled = entangled();
    entangled.put(
        "config/datastores/crm/_datastore.yaml",
        datastore("crm", "teams:\n- Hidden\n"),
    );
    entangled.put(
        "config/datastores/a/_datastore.yaml",
        datastore("a", "teams:\n- Public\n"),
    );
    let _ = clean_pass(&over(&original, &entangled).await).await;

    let limited = as_member(&original).await;
    let options = ExportOptions {
        datastores: vec!["a".to_owned()],
        kinds: Vec::new(),
    };
    let Exported { files, .. } = export(&limited, &options).await.unwrap();
    let files: BTreeMap<String, String> = files
        .into_iter()
        .map(|file| (format!("config/{}", file.path), file.text))
        .collect();
    let check = &files["config/datastores/a/checks/orders/existsin__id.yaml"];
    assert!(
        check.contains("ref_container_id: ") && !check.contains("ref_container_name"),
        "{check}"
    );

    let names = variables(&files);
    let here = Environment {
        platform: limited,
        ..environment(&original, &Files::new(files.clone()), names.clone(), None)
    };
    let prepared = planned(&here).await;
    assert!(
        prepared.plan.is_empty() && prepared.plan.blocked.is_empty(),
        "{}",
        plan_text(&prepared.plan)
    );

    let other = Instance::start(seed(), Switches::default()).await;
    let elsewhere = environment(&other, &Files::new(files), names, None);
    let prepared = planned(&elsewhere).await;
    let blocked: BTreeSet<String> = prepared
        .plan
        .blocked
        .iter()
        .flat_map(|blocked| &blocked.keys)
        .map(ToString::to_string)
        .collect();
    let expected = [
        "check/a/orders__existsin__id",
        "computed_field/a/orders/known_as",
        "container/a/a_by_query",
        "container/a/b_pair",
    ];
    assert_eq!(
        blocked,
        expected.map(str::to_owned).into(),
        "{}",
        plan_text(&prepared.plan)
    );
    let report = carried_out(&elsewhere, prepared).await;
    assert_eq!(report.tally().failed, 0, "{:#?}", report.outcomes);
}
