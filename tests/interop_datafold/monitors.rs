//! `datafold monitors provision`: monitors from files.

use driftless::sandbox::datafold::{Elements, Endpoint, Errors, Pace, ResultErrors, Switches, Unchanged};
use serde_json::{Value, json};

use crate::official::{Bench, Said};

const MONITORS: &str = r#"
monitors:
  orders-rows:
    type: metric
    name: Rows of orders
    connection_id: 7
    schedule: { interval: { every: day, hour: 6 } }
    metric: { type: table, table: SHOP.CORE.ORDERS, metric: row_count }
    alert: { type: automatic, sensitivity: 50 }
    notifications: [{ type: email, recipients: [team@shop.example] }]
  orders-copy:
    type: diff
    schedule: { cron: "0 6 * * *" }
    tags: [core]
    datadiff:
      diff_type: indb
      primary_key: [ID]
      dataset_a: { connection_id: 7, table: SHOP.CORE.ORDERS }
      dataset_b: { connection_id: 7, query: "select * from orders" }
      sampling: { tolerance: 0.2, confidence: 0.95, threshold: 100000 }
  orders-keys:
    type: test
    connection_id: 7
    schedule: { type: none }
    test: { type: not_null, tables: [{ path: SHOP.CORE.ORDERS, columns: [ID] }] }
  everything:
    type: schema
    connection_id: 7
    schedule: { interval: { every: hour } }
    include_tables: "SHOP.*"
"#;

impl Bench {
    async fn provision(&self, more: &[&str]) -> Said {
        let mut arguments = vec!["monitors", "provision", "monitors.yaml"];
        arguments.extend(more);
        self.official(&arguments).await
    }
}

/// What it prints of a finished provisioning.
fn completed(created: u8, updated: u8, unchanged: u8, deleted: u8, paused: u8) -> String {
    format!(
        "Provisioning completed:\n  created: {created}\n  updated: {updated}\n  unchanged: {unchanged}\n  deleted: {deleted}\n  paused: {paused}\n"
    )
}

fn planned(created: u8, updated: u8, unchanged: u8, deleted: u8, paused: u8) -> String {
    format!(
        "Dry run completed\nMonitors to be created: {created}\nMonitors to be updated: {updated}\nMonitors unchanged: {unchanged}\nMonitors to be deleted: {deleted}\nMonitors to be paused: {paused}\n"
    )
}

#[tokio::test]
async fn a_file_is_planned_applied_found_unchanged_and_changed() {
    let bench = Bench::start(Switches::default()).await;
    bench.write("monitors.yaml", MONITORS);
    bench
        .provision(&["--dry-run"])
        .await
        .ends(0, &[&planned(5, 0, 0, 0, 0)]);
    assert_eq!(bench.state().await["monitors"], json!([]));
    assert_eq!(bench.writes().await, 0);
    bench.provision(&[]).await.ends(0, &[&completed(5, 0, 0, 0, 0)]);
    bench.provision(&[]).await.ends(0, &[&completed(0, 0, 5, 0, 0)]);
    bench.write("monitors.yaml", &MONITORS.replace("sensitivity: 50", "sensitivity: 60"));
    bench
        .provision(&["--dry-run"])
        .await
        .ends(0, &[&planned(0, 1, 4, 0, 0)]);
    bench.provision(&[]).await.ends(0, &[&completed(0, 1, 4, 0, 0)]);
    assert_eq!(bench.state().await["monitors"][0]["alert"]["sensitivity"], 60);
    assert_eq!(bench.writes().await, 3);
}

#[tokio::test]
async fn what_either_provisions_is_in_sync_for_the_other() {
    let on =
        |command: &'static str, flag: &'static str| [command, "--platform", "datafold", "--input", "datafold", flag];
    let bench = Bench::start(Switches::default()).await;
    bench.write("monitors.yaml", MONITORS);
    bench.write("datafold/monitors/shop.yaml", MONITORS);
    bench.provision(&[]).await.ends(0, &[&completed(5, 0, 0, 0, 0)]);
    let writes = bench.writes().await;
    bench
        .driftless(&on("plan", "--detailed-exitcode"))
        .await
        .ends(0, &["4 in sync"]);
    bench.driftless(&on("apply", "--yes")).await.ends(0, &["4 in sync"]);
    assert_eq!(bench.writes().await, writes);

    let bench = Bench::start(Switches::default()).await;
    bench.write("monitors.yaml", MONITORS);
    bench.write("datafold/monitors/shop.yaml", MONITORS);
    bench.driftless(&on("apply", "--yes")).await.ends(0, &["4 created"]);
    bench
        .provision(&["--dry-run"])
        .await
        .ends(0, &[&planned(0, 0, 5, 0, 0)]);
}

#[tokio::test]
async fn what_dangles_is_left_paused_or_deleted() {
    let bench = Bench::start(Switches::default()).await;
    bench.write("monitors.yaml", MONITORS);
    bench.provision(&[]).await.ends(0, &[]);
    bench.write("monitors.yaml", "monitors: {}\n");
    bench.provision(&[]).await.ends(0, &[&completed(0, 0, 0, 0, 0)]);
    let strategy = "--dangling-monitors-strategy";
    bench
        .provision(&[strategy, "pause"])
        .await
        .ends(0, &[&completed(0, 0, 0, 0, 5)]);
    bench
        .provision(&[strategy, "delete", "--dry-run"])
        .await
        .ends(0, &[&planned(0, 0, 0, 5, 0)]);
    bench.provision(&[strategy, "forget"]).await.ends(1, &["422"]);
    assert_eq!(bench.state().await["monitors"].as_array().unwrap().len(), 5);
    bench
        .provision(&[strategy, "delete"])
        .await
        .ends(0, &[&completed(0, 0, 0, 5, 0)]);
    assert_eq!(bench.state().await["monitors"], json!([]));
    let asked = bench.side("GET", "provisioning", Value::Null).await;
    let strategies: Vec<&Value> = asked
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["dangling_monitors_strategy"])
        .collect();
    assert_eq!(strategies, ["ignore", "ignore", "pause", "delete", "delete"]);
}

#[tokio::test]
async fn errors_stand_beside_what_was_applied() {
    for result_errors in [ResultErrors::Texts, ResultErrors::Objects] {
        let bench = Bench::start(Switches {
            result_errors,
            ..Switches::default()
        })
        .await;
        bench.write(
            "monitors.yaml",
            &MONITORS.replacen("connection_id: 7", "connection_id: 8", 1),
        );
        bench.provision(&[]).await.ends(
            1,
            &[
                &completed(4, 0, 0, 0, 0),
                "Encountered 1 error(s)",
                "orders-rows",
                "data source 8 does not exist",
            ],
        );
        assert_eq!(bench.state().await["monitors"].as_array().unwrap().len(), 4);
    }
}

#[tokio::test]
async fn jobs_take_their_time_fail_and_meet_others() {
    let slow = Switches {
        provisioning: Pace::Polls(2),
        ..Switches::default()
    };
    let bench = Bench::start(slow).await;
    bench.write("monitors.yaml", MONITORS);
    bench.provision(&[]).await.ends(0, &[&completed(5, 0, 0, 0, 0)]);
    bench
        .side("POST", "provisioning/occupy", json!({ "requests": 1 }))
        .await;
    let taken = "A monitors provisioning run is already in progress";
    bench.provision(&[]).await.ends(1, &[taken]);
    bench.provision(&[]).await.ends(0, &[&completed(0, 0, 5, 0, 0)]);
    bench
        .side("PUT", "switches", json!({ "errors": Errors::Problem }))
        .await;
    bench
        .side("POST", "provisioning/occupy", json!({ "requests": 1 }))
        .await;
    bench.provision(&[]).await.ends(1, &[taken]);

    let bench = Bench::start(Switches {
        provisioning_fails_after: Some(2),
        ..Switches::default()
    })
    .await;
    bench.write("monitors.yaml", MONITORS);
    bench
        .provision(&[])
        .await
        .ends(1, &["Provisioning failed: The workflow failed"]);
    assert_eq!(bench.state().await["monitors"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn without_jobs_it_provisions_at_once_and_counts_whatever_the_lists_hold() {
    for (provisioning_jobs, elements) in [
        (Endpoint::NotFound, Elements::Names),
        (Endpoint::NotImplemented, Elements::Slugs),
        (Endpoint::Served, Elements::Ids),
    ] {
        let bench = Bench::start(Switches {
            provisioning_jobs,
            elements,
            unchanged: Unchanged::Missing,
            ..Switches::default()
        })
        .await;
        bench.write("monitors.yaml", MONITORS);
        bench
            .provision(&["--dry-run"])
            .await
            .ends(0, &[&planned(5, 0, 0, 0, 0)]);
        bench.provision(&[]).await.ends(0, &[&completed(5, 0, 0, 0, 0)]);
        bench.provision(&[]).await.ends(0, &[&completed(0, 0, 0, 0, 0)]);
    }
    let bench = Bench::start(Switches {
        provisioning_jobs: Endpoint::NotFound,
        provisioning_sync: Endpoint::NotImplemented,
        ..Switches::default()
    })
    .await;
    bench.write("monitors.yaml", MONITORS);
    bench.provision(&["--dry-run"]).await.ends(1, &["501"]);
}
