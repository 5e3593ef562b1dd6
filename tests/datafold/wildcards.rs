//! One document for many monitors, and what it stands for changes: by Git, and by the warehouse.

use driftless::sandbox::datafold::{Elements, Switches, Unchanged};
use serde_json::{Value as Json, json};

use crate::rig::{Rig, metric, monitor};

/// What results may look like.
fn readings() -> Vec<Switches> {
    let reading = |elements, unchanged| Switches {
        elements,
        unchanged,
        ..Switches::default()
    };
    vec![
        reading(Elements::Objects, Unchanged::Listed),
        reading(Elements::Objects, Unchanged::Missing),
        reading(Elements::Ids, Unchanged::Listed),
    ]
}

fn columns(tables: &str) -> Json {
    json!({
        "type": "schema", "name": "Columns", "connection_id": "lake", "schedule": { "interval": { "every": "hour" } },
        "include_tables": tables,
    })
}

async fn catalog(rig: &Rig, tables: &[&str]) {
    let lake = json!({"data_sources": [{"id": 8, "name": "lake", "type": "duckdb", "catalog": tables}]});
    rig.side("POST", "seed?add=1", lake).await;
}

/// `L.A.*`, which stands for two tables, beside a monitor of one.
async fn made(switches: Switches) -> Rig {
    let mut rig = Rig::new(switches).await;
    catalog(&rig, &["L.A.ONE", "L.A.TWO", "L.B.THREE"]).await;
    rig.monitor("orders", &metric("Orders"));
    rig.clean().await;
    rig.monitor("rows", &columns("L.A.*"));
    rig.clean().await;
    assert_eq!(tables(&rig).await, ["L.A.ONE", "L.A.TWO"]);
    rig.assert_converged().await;
    rig
}

/// The tables that are watched.
async fn tables(rig: &Rig) -> Vec<String> {
    let state = rig.side("GET", "state?full=1", Json::Null).await;
    let monitors = state["monitors"].as_array().unwrap().iter();
    let mut found: Vec<String> = monitors
        .filter_map(|monitor| monitor["table"].as_str().map(str::to_owned))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_pattern_that_covers_less_takes_away_what_it_no_longer_covers() {
    for switches in readings() {
        let mut rig = made(switches.clone()).await;
        rig.monitor("rows", &columns("L.A.TWO"));
        let passed = rig.clean().await;
        assert_eq!(
            passed.changes(),
            ["monitor/rows Pending include_tables"],
            "{switches:?}"
        );
        assert_eq!(tables(&rig).await, ["L.A.TWO"], "{switches:?}");
        rig.assert_converged().await;
    }
}

#[tokio::test]
async fn a_new_table_and_one_that_is_gone_are_followed_by_the_next_pass_and_by_later_edits() {
    for switches in readings() {
        let mut rig = made(switches.clone()).await;
        catalog(&rig, &["L.A.ONE", "L.A.TWO", "L.A.FOUR", "L.B.THREE"]).await;
        let passed = rig.clean().await;
        assert_eq!(
            passed.changes(),
            ["monitor/rows Drift platform_verdict"],
            "{switches:?}"
        );
        assert_eq!(tables(&rig).await, ["L.A.FOUR", "L.A.ONE", "L.A.TWO"], "{switches:?}");
        rig.assert_converged().await;
        let mut edited = columns("L.*");
        edited["description"] = json!("All of them");
        rig.monitor("rows", &edited);
        rig.clean().await;
        assert_eq!(tables(&rig).await.len(), 4, "{switches:?}");
        rig.assert_converged().await;
        catalog(&rig, &["L.A.ONE", "L.A.TWO"]).await;
        rig.clean().await;
        assert_eq!(tables(&rig).await, ["L.A.ONE", "L.A.TWO"], "{switches:?}");
        rig.assert_converged().await;
        assert!(rig.number("rows").is_some() && rig.ledger.entries.contains_key(&monitor("rows")));
    }
}
