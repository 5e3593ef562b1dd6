//! What Git no longer has goes from the instance as policy says, last and once; what driftless does not own is never touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driftless::engine::reconcile::Environment;
use driftless::platform::qualytics::kinds::{
    CHECK as CHECKS, COMPUTED_FIELD, CONNECTION as CONNECTIONS, CONTAINER as CONTAINERS, DATASTORE as DATASTORES,
};
use driftless::platform::qualytics::schema;
use driftless::sandbox::qualytics::Switches;
use driftless_core::guard::Circumstances;
use driftless_core::key::Kind;
use driftless_core::plan::BlockReason;
use driftless_core::policy::Prune;
use driftless_core::render;
use driftless_core::report::{Outcomes, Report, SkipReason};
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::pipeline::{Files, assert_converged, carried_out, clean_pass, environment, memory, pass, planned};
use crate::renames::{CHECK, CONNECTION, CONTAINER, FIELD, FURTHER, NAMELESS, files, seed};

const SHOP: &str = "config/datastores/shop";
const SPARE: &str = "config/connections/spare.yaml";

struct Bench {
    instance: Instance,
    files: Arc<Files>,
    environment: Environment,
}

impl Bench {
    /// An instance that is what the files say, and whose resources are pruned.
    async fn start(checks: Prune) -> Self {
        let instance = Instance::start(seed(), Switches::default()).await;
        let files = Files::new(files());
        files.put(SPARE, files.text(CONNECTION).replace("name: pg", "name: spare"));
        let mut environment = environment(&instance, &files, BTreeMap::new(), Some(memory().await));
        let _ = clean_pass(&environment).await;
        let _ = clean_pass(&environment).await;
        let others = [CONNECTIONS, DATASTORES, CONTAINERS, COMPUTED_FIELD];
        let mut prune: BTreeMap<Kind, Prune> = others.map(|kind| (kind, Prune::Delete)).into();
        prune.insert(CHECKS, checks);
        environment.policy.prune = prune;
        instance.forget().await;
        Self {
            instance,
            files,
            environment,
        }
    }

    async fn ledger(&self) -> BTreeSet<String> {
        let memory = self.environment.memory.as_ref().unwrap();
        let ledger = memory.store.ledger(&memory.name, schema()).await.unwrap();
        ledger.entries.keys().map(ToString::to_string).collect()
    }

    /// How a check stands: its status, `None` where it is not there.
    async fn check(&self, uid: &str) -> Option<String> {
        let state = self.instance.full_state().await;
        let checks = state["checks"].as_array().unwrap().clone();
        let found: Vec<&Value> = checks
            .iter()
            .filter(|check| check["additional_metadata"]["_qualytics_check_uid"] == uid)
            .collect();
        assert!(found.len() < 2, "{found:?}");
        found
            .first()
            .map(|check| check["status"].as_str().unwrap_or("Active").to_owned())
    }

    async fn names(&self, kind: &str) -> Vec<String> {
        let state = self.instance.state().await;
        let rows = state[kind].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn deletions(&self) -> Vec<String> {
        let writes = self.instance.writes().await;
        let deletions = writes.into_iter().filter(|(method, _, _)| method == "DELETE");
        deletions
            .map(|(_, path, _)| path.split('/').nth(2).unwrap_or_default().to_owned())
            .collect()
    }
}

fn text(report: &Report) -> String {
    format!("{}{}", render::plan_text(&report.plan), render::report_text(report))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_check_is_archived_or_deleted_and_one_that_comes_back_is_restored() {
    for (prune, left) in [(Prune::Disable, Some("Discarded")), (Prune::Delete, None)] {
        let bench = Bench::start(prune).await;
        let said = bench.files.text(CHECK);
        bench.files.remove(CHECK);
        let report = clean_pass(&bench.environment).await;
        assert_eq!(report.tally().deleted, 1, "{}", text(&report));
        assert_eq!(bench.instance.writes().await.len(), 1);
        assert_eq!(bench.check("paid-id").await.as_deref(), left);
        assert!(!bench.ledger().await.contains("check/shop/paid-id"));
        assert_converged(&bench.instance, &bench.environment).await;
        bench.files.put(CHECK, said);
        let _ = clean_pass(&bench.environment).await;
        assert_eq!(bench.check("paid-id").await.as_deref(), Some("Active"));
        assert_converged(&bench.instance, &bench.environment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_removed_goes_in_reverse_order_and_leaves_nothing_behind() {
    let bench = Bench::start(Prune::Delete).await;
    bench.files.remove(SHOP);
    bench.files.remove(CONNECTION);
    let report = clean_pass(&bench.environment).await;
    let kinds: Vec<String> = bench.deletions().await;
    let place = |kind: &str| kinds.iter().position(|other| other == kind).unwrap_or(usize::MAX);
    assert!(
        place("quality-checks") < place("containers"),
        "{kinds:?}\n{}",
        text(&report)
    );
    assert!(
        place("containers") < place("datastores") && place("datastores") < place("connections"),
        "{kinds:?}"
    );
    assert_eq!(bench.ledger().await, BTreeSet::from(["connection/spare".to_owned()]));
    assert_eq!(bench.names("connections").await, ["spare"]);
    assert_eq!(bench.names("datastores").await, [] as [&str; 0]);
    assert_converged(&bench.instance, &bench.environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_datastore_takes_along_checks_that_would_only_be_archived() {
    let bench = Bench::start(Prune::Disable).await;
    bench.files.remove(SHOP);
    let report = clean_pass(&bench.environment).await;
    assert!(
        !bench.deletions().await.contains(&"quality-checks".to_owned()),
        "{}",
        text(&report)
    );
    let ledger = bench.ledger().await;
    assert_eq!(ledger.len(), 2, "{ledger:?}");
    assert_converged(&bench.instance, &bench.environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_made_goes_along_with_nothing_that_nobody_approved() {
    let bench = Bench::start(Prune::Delete).await;
    // A second team's files, unknown to this environment, make a check of their own.
    let others = Files::new(files());
    others.edit(CHECK, "paid-id", "of-others");
    others.edit(CHECK, "notNull", "unique");
    others.edit(CHECK, "- id", "- amount");
    let _ = pass(&environment(&bench.instance, &others, BTreeMap::new(), None)).await;
    assert_eq!(bench.check("of-others").await.as_deref(), Some("Active"));
    bench.files.remove(SHOP);
    let report = pass(&bench.environment).await;
    let blocked = report.plan.blocked.iter();
    let waits: Vec<BlockReason> = blocked.map(|blocked| blocked.reason).collect();
    assert!(waits.contains(&BlockReason::DeletionTakesAlong), "{}", text(&report));
    assert_eq!(bench.names("datastores").await, ["shop"]);
    assert_eq!(bench.check("of-others").await.as_deref(), Some("Active"));
    assert_eq!(bench.check("paid-id").await, None, "what is owned goes all the same");
    let approved = Circumstances {
        approved: Some(report.plan.digest.clone()),
        ..Circumstances::default()
    };
    // The plan is another one by now: what was approved has moved.
    let again = driftless::engine::reconcile::prepare(
        &bench.environment,
        None,
        &approved,
        &driftless::engine::apply::Unfollowed,
    );
    let again = again.await.unwrap();
    assert!(again.plan.is_empty());
    let approved = Circumstances {
        approved: Some(again.plan.digest.clone()),
        ..Circumstances::default()
    };
    let prepared = driftless::engine::reconcile::prepare(
        &bench.environment,
        None,
        &approved,
        &driftless::engine::apply::Unfollowed,
    );
    let report = carried_out(&bench.environment, prepared.await.unwrap()).await;
    assert_eq!(report.tally().deleted, 2, "{}", text(&report));
    assert_eq!(bench.names("datastores").await, [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_resource_is_skipped_and_the_rest_goes_on() {
    let bench = Bench::start(Prune::Delete).await;
    bench
        .files
        .put(CHECK, format!("protect: true\n{}", bench.files.text(CHECK)));
    assert_converged(&bench.instance, &bench.environment).await;
    bench.files.remove(CHECK);
    bench.files.remove(FURTHER);
    for _ in 0..2 {
        let report = pass(&bench.environment).await;
        assert_eq!(report.plan.blocked.len(), 1, "{}", text(&report));
        assert_eq!(report.plan.blocked[0].reason, BlockReason::Protected);
    }
    assert_eq!(bench.check("paid-id").await.as_deref(), Some("Active"));
    assert_eq!(bench.check("orders__existsin__id").await, None);
    // What Git says, Git can take back.
    bench.files.put(CHECK, files()[CHECK].clone());
    assert_converged(&bench.instance, &bench.environment).await;
    bench.files.remove(CHECK);
    let _ = clean_pass(&bench.environment).await;
    assert_eq!(bench.check("paid-id").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_when_a_creation_failed() {
    let bench = Bench::start(Prune::Delete).await;
    bench.files.remove(NAMELESS);
    bench.files.put(
        "config/connections/new.yaml",
        bench.files.text(CONNECTION).replace("name: pg", "name: new"),
    );
    let prepared = planned(&bench.environment).await;
    let rule = json!({ "kind": "status", "status": 422, "method": "POST" });
    bench.instance.door("PUT", "faults", json!([rule])).await;
    let report = carried_out(&bench.environment, prepared).await;
    bench.instance.door("DELETE", "faults", Value::Null).await;
    let results: Vec<&Outcomes> = report.outcomes.iter().map(|outcome| &outcome.result).collect();
    assert!(matches!(results[0], Outcomes::Failed(_)), "{}", text(&report));
    assert_eq!(*results[1], Outcomes::Skipped(SkipReason::UpsertsFailed));
    assert_eq!(bench.deletions().await, [] as [&str; 0]);
    let report = clean_pass(&bench.environment).await;
    assert_eq!((report.tally().created, report.tally().deleted), (1, 1));
    assert_converged(&bench.instance, &bench.environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_in_use_stays_without_a_request() {
    let bench = Bench::start(Prune::Delete).await;
    let others = Files::new(files());
    others.edit(crate::renames::DATASTORE, "name: shop\n", "name: elsewhere\n");
    for path in [CONTAINER, FIELD, CHECK, NAMELESS, FURTHER] {
        others.remove(path);
    }
    let _ = pass(&environment(&bench.instance, &others, BTreeMap::new(), None)).await;
    bench.files.remove(SHOP);
    bench.files.remove(CONNECTION);
    bench.instance.forget().await;
    // The other datastore is out of scope, and uses it all the same.
    let report = pass(&bench.environment).await;
    assert!(
        !bench.deletions().await.contains(&"connections".to_owned()),
        "{}",
        text(&report)
    );
    let blocked = &report.plan.blocked;
    assert_eq!(
        (blocked.len(), blocked[0].reason),
        (1, BlockReason::InUse),
        "{}",
        text(&report)
    );
    assert!(
        blocked[0].message.contains("`datastore/elsewhere`"),
        "{}",
        text(&report)
    );
    assert_eq!(bench.names("connections").await, ["pg", "spare"]);
    assert!(bench.ledger().await.contains("connection/pg"));
    assert_eq!(bench.names("datastores").await, ["elsewhere"]);
    assert_converged(&bench.instance, &bench.environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_answer_is_lost_or_that_the_ledger_did_not_learn_of_ends_well() {
    for prune in [Prune::Disable, Prune::Delete] {
        for kind in ["reset_after", "reset_before"] {
            let bench = Bench::start(prune).await;
            bench.files.remove(CHECK);
            let prepared = planned(&bench.environment).await;
            let rule = json!({ "kind": kind, "method": "DELETE", "nth": 1 });
            bench.instance.door("PUT", "faults", json!([rule])).await;
            let report = carried_out(&bench.environment, prepared).await;
            bench.instance.door("DELETE", "faults", Value::Null).await;
            assert_eq!(report.tally().deleted, 1, "{kind}: {}", text(&report));
            assert_converged(&bench.instance, &bench.environment).await;
        }
        // As a process that dies between the write and the ledger leaves it.
        let bench = Bench::start(prune).await;
        bench.files.remove(CHECK);
        let memory = bench.environment.memory.clone().unwrap();
        let ledger = memory.store.ledger(&memory.name, schema()).await.unwrap();
        let _ = clean_pass(&bench.environment).await;
        let entries: Vec<_> = ledger.entries.into_iter().collect();
        memory.store.agree(&memory.name, &[], &entries).await.unwrap();
        assert!(bench.ledger().await.contains("check/shop/paid-id"));
        assert_converged(&bench.instance, &bench.environment).await;
        assert!(!bench.ledger().await.contains("check/shop/paid-id"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_change_in_place_is_replaced_once_whatever_the_network_does() {
    for (prune, old) in [(Prune::Disable, 1), (Prune::Delete, 0)] {
        for fault in [
            None,
            Some(("DELETE", "reset_after")),
            Some(("POST", "reset_after")),
            Some(("POST", "reset_before")),
        ] {
            let bench = Bench::start(prune).await;
            bench.files.edit(
                CHECK,
                "rule_type: notNull",
                "rule_type: distinctCount\nproperties:\n  value: 3",
            );
            let prepared = planned(&bench.environment).await;
            if let Some((method, kind)) = fault {
                let rule = json!({ "kind": kind, "method": method, "nth": 1 });
                bench.instance.door("PUT", "faults", json!([rule])).await;
            }
            let report = carried_out(&bench.environment, prepared).await;
            bench.instance.door("DELETE", "faults", Value::Null).await;
            assert_eq!(report.tally().replaced, 1, "{fault:?}: {}", text(&report));
            let state = bench.instance.full_state().await;
            let checks: Vec<&Value> = state["checks"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|check| check["additional_metadata"]["_qualytics_check_uid"] == "paid-id")
                .collect();
            assert_eq!(checks.len(), 1 + old, "{fault:?}: {checks:?}");
            assert_converged(&bench.instance, &bench.environment).await;
        }
    }
}
