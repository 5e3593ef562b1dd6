//! Monitors against the sandbox, from the first pass on.

use driftless::platform::Platform as _;
use driftless::platform::datafold::kinds::MONITOR;
use driftless::sandbox::datafold::{Elements, Endpoint, FailedResult, Pace, Switches, Unchanged};
use driftless_core::report::Meaning;
use driftless_core::snapshot::GapReason;
use serde_json::json;

use crate::rig::{Rig, adapter, diff, metric, monitor};

/// What is not documented, in every way that is likely.
fn readings() -> Vec<Switches> {
    let mut all = Vec::new();
    for elements in [Elements::Objects, Elements::Names, Elements::Slugs, Elements::Ids] {
        for unchanged in [Unchanged::Listed, Unchanged::Missing] {
            all.push(Switches {
                elements,
                unchanged,
                ..Switches::default()
            });
        }
    }
    for endpoint in [Endpoint::NotFound, Endpoint::NotImplemented] {
        all.push(Switches {
            provisioning_jobs: endpoint,
            ..Switches::default()
        });
    }
    all.push(Switches {
        provisioning: Pace::Polls(3),
        ..Switches::default()
    });
    all
}

/// Two monitors that are made and agreed on.
async fn made(switches: Switches) -> Rig {
    let mut rig = Rig::new(switches).await;
    rig.monitor("orders", &metric("Orders"));
    rig.monitor("stage", &diff("Stage"));
    rig.clean().await;
    rig
}

#[tokio::test]
async fn monitors_are_made_in_one_job_and_a_second_pass_writes_nothing() {
    for switches in readings() {
        let mut rig = made(switches.clone()).await;
        assert_eq!(rig.written().await, [["orders", "stage"]], "{switches:?}");
        assert!(
            rig.number("orders").is_some() && rig.number("stage").is_some(),
            "{switches:?}"
        );
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn what_the_platform_shows_differs_as_itself() {
    for switches in readings() {
        let mut rig = made(switches.clone()).await;
        rig.by_hand(
            "orders",
            json!({"name": "Mine", "metric": {"table": "SHOP.CORE.ITEMS"}}),
        )
        .await;
        let passed = rig.clean().await;
        assert_eq!(
            passed.changes(),
            ["monitor/orders Drift metric.table", "monitor/orders Drift name"],
            "{switches:?}"
        );
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn what_the_platform_does_not_show_differs_by_its_own_verdict() {
    for switches in readings() {
        let mut rig = made(switches.clone()).await;
        rig.by_hand("stage", json!({"datadiff": {"primary_key": ["OTHER"]}}))
            .await;
        let passed = rig.clean().await;
        assert_eq!(
            passed.changes(),
            ["monitor/stage Drift platform_verdict"],
            "{switches:?}"
        );
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn a_change_of_git_in_what_is_not_shown_is_pending_with_its_own_field() {
    for switches in readings() {
        let mut rig = made(switches.clone()).await;
        let mut changed = diff("Stage");
        changed["datadiff"]["primary_key"] = json!(["ID", "LINE"]);
        rig.monitor("stage", &changed);
        let passed = rig.clean().await;
        assert_eq!(
            passed.changes(),
            ["monitor/stage Pending datadiff.primary_key"],
            "{switches:?}"
        );
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn a_field_that_git_gives_up_is_given_up_over_there() {
    let mut rig = made(Switches::default()).await;
    let mut more = diff("Stage");
    more["datadiff"]["compare_duplicates"] = json!(false);
    rig.monitor("stage", &more);
    rig.clean().await;
    rig.monitor("stage", &diff("Stage"));
    assert_eq!(rig.clean().await.changes().len(), 1);
    rig.assert_converged().await;
}

#[tokio::test]
async fn a_monitor_made_by_hand_is_taken_over_by_its_name_or_by_its_number() {
    for switches in readings() {
        for pinned in [false, true] {
            let mut rig = Rig::new(switches.clone()).await;
            let mut by_hand = metric("Orders");
            by_hand["connection_id"] = json!(7);
            by_hand.as_object_mut().unwrap().remove("type");
            by_hand["description"] = json!("mine");
            let id = rig.call("POST", "/api/v1/monitors/create/metric", by_hand).await["id"]
                .as_i64()
                .unwrap();
            let mut declared = metric(if pinned { "Orders of the shop" } else { "Orders" });
            declared["description"] = json!("ours");
            if pinned {
                declared["id"] = json!(id);
            }
            rig.monitor("orders", &declared);
            let passed = rig.clean().await;
            assert!(
                passed
                    .changes()
                    .iter()
                    .all(|line| line.starts_with("monitor/orders Pending ")
                        || line.starts_with("monitor/orders Adoption ")),
                "{:?}",
                passed.changes()
            );
            assert!(!passed.changes().is_empty());
            assert_eq!(rig.number("orders").map(|id| id.0), Some(id), "{switches:?}");
            let all = rig.call("GET", "/api/v1/monitors", serde_json::Value::Null).await;
            assert_eq!(all["count"], 1, "{all}");
            assert_eq!(all["monitors"][0]["id"], id);
            rig.assert_converged().await;
        }
    }
}

#[tokio::test]
async fn of_several_of_one_name_none_is_guessed() {
    let mut rig = Rig::new(Switches::default()).await;
    let mut by_hand = metric("Orders");
    by_hand["connection_id"] = json!(7);
    by_hand.as_object_mut().unwrap().remove("type");
    for _ in 0..2 {
        rig.call("POST", "/api/v1/monitors/create/metric", by_hand.clone())
            .await;
    }
    rig.monitor("orders", &metric("Orders"));
    let passed = rig.pass().await;
    assert_eq!(passed.changes(), [] as [String; 0]);
    let [gap] = passed.live.gaps.as_slice() else {
        panic!("{:?}", passed.live.gaps)
    };
    assert!(
        gap.message.contains("numbers 1, 2") && gap.message.contains("`id`"),
        "{}",
        gap.message
    );
    assert_eq!(rig.written().await, [] as [Vec<String>; 0]);
}

#[tokio::test]
async fn what_git_gives_up_is_deleted_by_number_and_what_people_made_stays() {
    for switches in readings() {
        let mut rig = made(switches.clone()).await;
        let mut by_hand = metric("Mine");
        by_hand["connection_id"] = json!(7);
        by_hand.as_object_mut().unwrap().remove("type");
        rig.call("POST", "/api/v1/monitors/create/metric", by_hand).await;
        rig.documents.remove(&monitor("orders"));
        let passed = rig.clean().await;
        assert_eq!(passed.changes(), ["monitor/orders delete"], "{switches:?}");
        assert_eq!(
            passed.plan.unmanaged,
            [
                monitor("Mine"),
                driftless_core::key::Key::new(driftless::platform::datafold::kinds::DATA_SOURCE, ["warehouse"])
            ]
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
        );
        let all = rig.call("GET", "/api/v1/monitors", serde_json::Value::Null).await;
        assert_eq!(all["count"], 2, "{all}");
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn somebody_elses_provisioning_is_waited_for_and_never_called_drift() {
    let mut rig = made(Switches::default()).await;
    rig.by_hand("stage", json!({"datadiff": {"primary_key": ["OTHER"]}}))
        .await;
    rig.side("POST", "provisioning/occupy", json!({"requests": 1})).await;
    let passed = rig.pass().await;
    assert_eq!(passed.changes(), [] as [String; 0]);
    assert!(
        passed.live.gaps[0].message.contains("somebody else provisions"),
        "{:?}",
        passed.live.gaps
    );
    assert_eq!(passed.live.gaps[0].reason, GapReason::Unread);
    let live = rig.observe().await;
    assert_eq!(live.gaps, []);
    // The write itself meets it three times.
    let mut changed = metric("Orders");
    changed["description"] = json!("All of them");
    rig.monitor("orders", &changed);
    rig.side("POST", "provisioning/occupy", json!({"requests": 5})).await;
    let mut passed = rig.pass().await;
    while !passed.live.gaps.is_empty() {
        passed = rig.pass().await;
    }
    rig.assert_converged().await;
}

#[tokio::test]
async fn a_write_that_meets_somebody_elses_provisioning_waits() {
    let mut rig = Rig::new(Switches::default()).await;
    rig.monitor("orders", &metric("Orders"));
    let live = rig.observe().await;
    rig.side("POST", "provisioning/occupy", json!({"requests": 3})).await;
    let step = crate::steps::create(&rig.documents[&monitor("orders")]);
    let ids = driftless::platform::Ids::of(&live);
    let done = crate::steps::done(&rig.datafold, &step, &ids).await.unwrap();
    assert_eq!(done.remote.map(|id| id.0), Some(1));
    assert_eq!(rig.written().await.last().unwrap(), &["orders"]);
}

#[tokio::test]
async fn a_job_that_fails_half_way_fails_what_it_did_not_do() {
    for failed_result in [FailedResult::Partial, FailedResult::Absent] {
        let mut rig = Rig::new(Switches {
            provisioning_fails_after: Some(1),
            failed_result,
            ..Switches::default()
        })
        .await;
        rig.monitor("orders", &metric("Orders"));
        rig.monitor("stage", &diff("Stage"));
        let passed = rig.pass().await;
        assert_eq!(rig.written().await, [["orders", "stage"]]);
        assert!(passed.result("orders").is_ok(), "{:?}", passed.result("orders"));
        let refused = passed.result("stage").as_ref().unwrap_err();
        assert!(
            refused.message.contains("provisioning did not write it"),
            "{}",
            refused.message
        );
        rig.switch(json!({"provisioning_fails_after": null})).await;
        assert_eq!(rig.clean().await.changes(), ["monitor/stage create"]);
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn one_monitor_that_is_refused_keeps_no_other_back() {
    for switches in readings() {
        let mut rig = Rig::new(switches.clone()).await;
        rig.monitor("orders", &metric("Orders"));
        let mut bad = metric("Bad");
        bad["schedule"] = json!("whenever");
        rig.monitor("bad", &bad);
        let passed = rig.pass().await;
        assert!(
            passed.result("orders").is_ok(),
            "{switches:?}: {:?}",
            passed.result("orders")
        );
        assert!(passed.result("bad").is_err(), "{switches:?}");
    }
}

#[tokio::test]
async fn without_provisioning_the_fields_that_are_not_shown_are_not_compared_and_that_is_said() {
    let mut rig = made(Switches::default()).await;
    rig.switch(json!({"provisioning_jobs": "not_found", "provisioning_sync": "not_implemented"}))
        .await;
    rig.by_hand("stage", json!({"datadiff": {"primary_key": ["OTHER"]}}))
        .await;
    rig.by_hand("orders", json!({"name": "Mine"})).await;
    let passed = rig.pass().await;
    assert_eq!(passed.changes(), ["monitor/orders Drift name"]);
    assert!(passed.live.gaps[0].message.contains("501"), "{:?}", passed.live.gaps);
    let refused = passed.result("orders").as_ref().unwrap_err();
    assert_eq!(refused.meaning, Meaning::Invalid);
    assert!(
        refused.message.contains("monitors cannot be written here"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn a_monitor_that_was_deleted_by_hand_is_made_again() {
    let mut rig = made(Switches::default()).await;
    rig.side(
        "POST",
        "edit",
        json!({"kind": "monitor", "where": {"slug": "orders"}, "delete": true}),
    )
    .await;
    assert_eq!(rig.clean().await.changes(), ["monitor/orders create"]);
    rig.assert_converged().await;
}

#[tokio::test]
async fn a_key_without_rights_reads_nothing_or_writes_nothing() {
    let mut rig = made(Switches::default()).await;
    let wrong = adapter(&rig.server, "no-such-key");
    let refused = wrong.observe(&rig.desired(), &rig.scope()).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Unauthorized);
    assert_eq!(wrong.reach().await.unwrap_err().meaning, Meaning::Unauthorized);
    let key = rig.side("POST", "keys", json!({"rights": "read"})).await["key"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.datafold = adapter(&rig.server, &key);
    rig.datafold.reach().await.unwrap();
    rig.by_hand("orders", json!({"name": "Mine"})).await;
    let passed = rig.pass().await;
    assert_eq!(passed.changes(), ["monitor/orders Drift name"]);
    assert_eq!(
        passed.result("orders").as_ref().unwrap_err().meaning,
        Meaning::Forbidden
    );
    assert!(
        passed
            .live
            .gaps
            .iter()
            .all(|gap| gap.kind == MONITOR && gap.message.contains("403")),
        "{:?}",
        passed.live.gaps
    );
}

#[tokio::test]
async fn a_change_that_the_dry_run_refuses_is_never_called_in_sync() {
    for switches in readings() {
        let mut rig = made(switches.clone()).await;
        // Nothing of it is returned: that it is not live is known by the dry run alone, which does not take it.
        let mut refused = diff("Stage");
        refused["datadiff"].as_object_mut().unwrap().remove("primary_key");
        rig.monitor("stage", &refused);
        let passed = rig.pass().await;
        assert_eq!(passed.changes(), [] as [String; 0], "{switches:?}");
        let [gap] = passed.live.gaps.as_slice() else {
            panic!("{switches:?}: {:?}", passed.live.gaps);
        };
        assert!(
            gap.message.contains("`monitor/stage`") && gap.message.contains("are not compared"),
            "{}",
            gap.message
        );
    }
}

#[tokio::test]
async fn one_document_for_many_tables_is_made_and_in_sync() {
    let mut rig = Rig::new(Switches::default()).await;
    let lake = json!({"data_sources": [{"id": 8, "name": "lake", "type": "duckdb", "catalog": ["L.A.ONE", "L.A.TWO", "L.B.THREE"]}]});
    rig.side("POST", "seed?add=1", lake).await;
    let many = json!({
        "type": "schema", "name": "Columns", "connection_id": "lake", "schedule": { "interval": { "every": "hour" } },
        "include_tables": "L.A.*",
    });
    rig.monitor("rows", &many);
    rig.clean().await;
    let all = rig.call("GET", "/api/v1/monitors", serde_json::Value::Null).await;
    assert_eq!(all["count"], 2, "{all}");
    rig.assert_converged().await;
}

#[tokio::test]
async fn a_monitor_that_another_slug_owns_is_not_taken_over_by_its_name() {
    let mut rig = made(Switches::default()).await;
    rig.documents.remove(&monitor("orders"));
    rig.monitor("orders-two", &metric("Orders"));
    let mut changes = rig.clean().await.changes();
    changes.sort();
    assert_eq!(changes, ["monitor/orders delete", "monitor/orders-two create"]);
}

#[tokio::test]
async fn what_the_platform_shows_differs_also_where_no_dry_run_can_be_had() {
    for hidden in [
        json!({"provisioning_jobs": "not_found", "provisioning_sync": "not_found"}),
        json!({}),
    ] {
        for by_hand in [true, false] {
            let mut rig = made(Switches::default()).await;
            let reader = rig.side("POST", "keys", json!({"rights": "read"})).await;
            if hidden == json!({}) {
                rig.datafold = adapter(&rig.server, reader["key"].as_str().unwrap());
            }
            rig.switch(hidden.clone()).await;
            let (class, mut orders, mut stage) = match by_hand {
                true => ("Drift", metric("Orders"), diff("Stage")),
                false => ("Pending", metric("Orders"), diff("Stage")),
            };
            if by_hand {
                rig.by_hand("orders", json!({"metric": {"table": "SHOP.CORE.ITEMS"}}))
                    .await;
                rig.by_hand(
                    "stage",
                    json!({"datadiff": {"primary_key": ["OTHER"], "dataset_a": {"table": "SHOP.CORE.ITEMS"}}}),
                )
                .await;
            } else {
                orders["metric"]["table"] = json!("SHOP.CORE.ITEMS");
                stage["datadiff"]["dataset_a"]["table"] = json!("SHOP.CORE.ITEMS");
                rig.monitor("orders", &orders);
                rig.monitor("stage", &stage);
            }
            let passed = rig.pass().await;
            assert_eq!(
                passed.changes(),
                [
                    format!("monitor/orders {class} metric.table"),
                    format!("monitor/stage {class} datadiff.dataset_a.table"),
                ],
                "{hidden}"
            );
            assert!(
                passed.live.gaps[0].message.contains("are not compared")
                    && !passed.live.gaps[0].message.contains("teams"),
                "{:?}",
                passed.live.gaps
            );
        }
    }
}

#[tokio::test]
async fn an_hour_that_another_client_wrote_is_in_sync_in_both_spellings_and_sent_as_git_says_it() {
    for spelling in [
        json!({"every": "day", "hour": 6}),
        json!({"every": "day", "utc_at": "06:00"}),
    ] {
        let mut rig = made(Switches::default()).await;
        let mut orders = metric("Orders");
        orders["schedule"] = json!({ "interval": spelling });
        rig.monitor("orders", &orders);
        assert_eq!(rig.clean().await.changes(), ["monitor/orders Pending schedule"]);
        let state = rig.side("GET", "state?full=1", serde_json::Value::Null).await;
        assert_eq!(state["monitors"][0]["schedule"]["interval"], spelling, "{state}");
        for live in [
            json!({"every": "day", "hour": 6}),
            json!({"every": "day", "utc_at": "6:00"}),
        ] {
            rig.by_hand("orders", json!({"schedule": null})).await;
            rig.by_hand("orders", json!({"schedule": { "interval": live }})).await;
            rig.switch(json!({"provisioning_jobs": "not_found", "provisioning_sync": "not_implemented"}))
                .await;
            assert_eq!(rig.pass().await.changes(), [] as [String; 0], "{spelling}");
            rig.switch(json!({"provisioning_jobs": "served", "provisioning_sync": "served"}))
                .await;
        }
    }
}

#[tokio::test]
async fn a_schedule_is_one_choice_and_what_is_live_of_it_is_shown_whole() {
    for schedules in ["as_sent", "tagged"] {
        let mut rig = made(Switches::default()).await;
        rig.switch(json!({"schedules": schedules})).await;
        rig.assert_converged().await;
        rig.by_hand("orders", json!({"schedule": null})).await;
        rig.by_hand("orders", json!({"schedule": {"cron": "0 6 * * *"}})).await;
        let passed = rig.clean().await;
        assert_eq!(passed.changes(), ["monitor/orders Drift schedule"]);
        let [change] = passed.plan.steps[0].change.fields.as_slice() else {
            panic!("{:?}", passed.plan.steps[0].change)
        };
        let shown = |value: &Option<driftless_core::value::Value>| driftless::codec::shown(value.as_ref().unwrap());
        assert_eq!(shown(&change.before)["cron"], "0 6 * * *");
        assert_eq!(shown(&change.after), json!({"interval": {"every": "hour"}}));
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn what_a_wildcard_stands_for_goes_with_it_and_where_it_cannot_be_told_nothing_does() {
    for (elements, goes) in [
        (Elements::Objects, true),
        (Elements::Names, false),
        (Elements::Slugs, false),
    ] {
        let mut rig = made(Switches {
            elements,
            ..Switches::default()
        })
        .await;
        let lake = json!({"data_sources": [{"id": 8, "name": "lake", "type": "duckdb", "catalog": ["L.A.ONE", "L.A.TWO", "L.B.THREE"]}]});
        rig.side("POST", "seed?add=1", lake).await;
        let many = json!({
            "type": "schema", "name": "Columns", "connection_id": "lake", "schedule": { "interval": { "every": "hour" } },
            "include_tables": "L.A.*",
        });
        rig.monitor("rows", &many);
        rig.pass().await;
        let count =
            async |rig: &Rig| rig.call("GET", "/api/v1/monitors", serde_json::Value::Null).await["count"].clone();
        assert_eq!(count(&rig).await, 4);
        // Who was agreed with by names has the number of one of them, as by an earlier read.
        rig.ledger.entries.get_mut(&monitor("rows")).unwrap().remote = Some(driftless_core::key::RemoteId(3));
        rig.documents.remove(&monitor("rows"));
        let passed = rig.pass().await;
        assert_eq!(
            passed.changes(),
            ["monitor/rows delete"],
            "{elements:?} {:?}",
            passed.live
        );
        if goes {
            assert!(passed.result("rows").is_ok(), "{:?}", passed.result("rows"));
            assert_eq!(count(&rig).await, 2);
            rig.assert_converged().await;
        } else {
            let refused = passed.result("rows").as_ref().unwrap_err();
            assert!(refused.message.contains("Nothing was deleted"), "{}", refused.message);
            assert_eq!(count(&rig).await, 4);
        }
    }
}

#[tokio::test]
async fn a_monitor_that_another_client_manages_under_its_slug_is_neither_taken_over_nor_deleted() {
    for switches in readings() {
        let mut rig = Rig::new(switches.clone()).await;
        let theirs = json!({"monitors": [{
            "id": 40, "slug": "theirs", "type": "metric", "name": "Orders", "connection_id": 7,
            "schedule": { "interval": { "every": "hour" } },
            "metric": { "type": "table", "table": "SHOP.CORE.ORDERS", "metric": "row_count" },
        }]});
        rig.side("POST", "seed?add=1", theirs).await;
        rig.monitor("orders", &metric("Orders"));
        rig.monitor("stage", &diff("Stage"));
        let changes = rig.clean().await.changes();
        assert_eq!(
            changes,
            ["monitor/orders create", "monitor/stage create"],
            "{switches:?}"
        );
        assert_ne!(rig.number("orders").map(|id| id.0), Some(40), "{switches:?}");
        rig.assert_converged().await;
        rig.documents.remove(&monitor("orders"));
        assert_eq!(rig.clean().await.changes(), ["monitor/orders delete"], "{switches:?}");
        let left = rig.call("GET", "/api/v1/monitors/40", serde_json::Value::Null).await;
        assert_eq!(left["name"], "Orders", "{switches:?}: {left}");
    }
}
