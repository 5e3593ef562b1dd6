//! Data diffs: made by runs, listed, and what they found.

use driftless::sandbox::datafold::{CiDiffs, Filters, Finished, Pace, Shapes, Switches};
use serde_json::{Value, json};

use crate::bench::{Bench, diff};

impl Bench {
    /// A finished run that compared a table of each outcome: the ids of its diffs, in that order.
    async fn compared(switches: Switches, outcomes: &[&str]) -> Self {
        let bench = Self::switched(switches).await;
        let comparisons: Vec<Value> = outcomes
            .iter()
            .map(|outcome| {
                let table = outcome.to_uppercase();
                json!({ "prod": format!("SHOP.CORE.{table}"), "pr": format!("SHOP.PR_6.{table}"), "outcome": outcome })
            })
            .collect();
        bench
            .side("POST", "seed?add=1", json!({ "comparisons": comparisons }))
            .await;
        let many = json!({ "id": 300, "name": "many", "repository": "acme/many", "data_source": 7 });
        bench.side("POST", "seed?add=1", json!({ "ci_configs": [many] })).await;
        let head =
            json!({ "pr_number": 6, "pr_branch": "feat", "base_branch": "main", "pr_sha": "a1", "base_sha": "b" });
        bench.post("ci/300/trigger", head).await;
        let diffs: Vec<Value> = outcomes.iter().map(|outcome| diff(&outcome.to_uppercase())).collect();
        bench.post("ci/300/6", json!(diffs)).await;
        bench.get("ci/300/runs").await;
        bench
    }

    async fn results(&self, id: usize) -> Value {
        self.get(&format!("datadiffs/{id}/summary_results")).await
    }
}

const OUTCOMES: [&str; 9] = [
    "identical",
    "different",
    "added",
    "removed",
    "null_keys",
    "duplicate_keys",
    "schema",
    "failed",
    "cross_database",
];

#[tokio::test]
async fn each_outcome_shows_in_the_results() {
    let bench = Bench::compared(Switches::default(), &OUTCOMES).await;
    let listed = bench.get("datadiffs").await;
    assert_eq!(listed["count"], 9);
    let results: Vec<&str> = listed["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["result"].as_str().unwrap())
        .collect();
    let expected = [
        "identical",
        "different",
        "different",
        "different",
        "bad-pks",
        "bad-pks",
        "different",
        "error",
        "identical",
    ];
    assert_eq!(results, expected);
    let of = |row: &Value, path: &str| row.pointer(path).cloned().unwrap_or_default();
    for (id, path, expected) in [
        (1, "/values/rows_with_differences", json!(0)),
        (1, "/pks/total_rows", json!([100, 100])),
        (2, "/values/rows_with_differences", json!(5)),
        (
            2,
            "/values/columns_diff_stats/0",
            json!({ "column_name": "amount", "match": 95.0, "values_different": 5 }),
        ),
        (3, "/pks/exclusives", json!([0, 3])),
        (4, "/pks/exclusives", json!([2, 0])),
        (5, "/pks/nulls", json!([0, 2])),
        (6, "/pks/dupes", json!([0, 4])),
        (7, "/schema/exclusive_columns", json!([["old"], ["new"]])),
        (7, "/schema/column_type_differs", json!(["amount"])),
        (8, "/status", json!("failed")),
        (8, "/error/error_value", json!("Table does not exist")),
        (9, "/status", json!("done")),
        (9, "/values", Value::Null),
        (9, "/schema", Value::Null),
    ] {
        assert_eq!(of(&bench.results(id).await, path), expected, "{id} {path}");
    }
    let summary = bench.get("datadiffs/8/summary").await;
    assert_eq!(
        (&summary["status"], &summary["error"]),
        (&json!("failed"), &json!("Table does not exist"))
    );
    let full = bench.get("datadiffs/2").await;
    assert_eq!(full["table2"], json!(["SHOP", "PR_6", "DIFFERENT"]));
    assert_eq!(full["diff_stats"]["diff_rows"], 5);
    assert_eq!(
        (&full["ci_run_id"], &full["ci_pr_num"], &full["ci_pr_sha"]),
        (&json!(1), &json!(6), &json!("a1"))
    );
}

#[tokio::test]
async fn words_and_shapes_are_as_the_switches_say() {
    let switches = Switches {
        finished: Finished::Success,
        shapes: Shapes::Old,
        ..Switches::default()
    };
    let bench = Bench::compared(switches, &["schema", "failed"]).await;
    let results = bench.results(1).await;
    assert_eq!(results["status"], "success");
    assert_eq!(results["dependencies"], json!({ "deps": [] }));
    assert!(results["schema"].get("column_reorders").is_none());
    assert_eq!(bench.results(2).await["status"], "error");
    let switches = Switches {
        diffs: Pace::Polls(2),
        ..Switches::default()
    };
    let bench = Bench::compared(switches, &["identical"]).await;
    assert_eq!(
        bench.results(1).await,
        json!({ "status": "running" }),
        "the run has ended, and this is late"
    );
    assert_eq!(bench.results(1).await["status"], "done");
}

#[tokio::test]
async fn a_list_is_paged_and_its_filters_may_be_ignored() {
    let bench = Bench::compared(Switches::default(), &OUTCOMES).await;
    let page = bench.get("datadiffs?page=2&page_size=4&sort_order=desc").await;
    let ids: Vec<&Value> = page["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["id"])
        .collect();
    assert_eq!(ids, [5, 4, 3, 2]);
    assert_eq!((&page["count"], &page["total_pages"]), (&json!(9), &json!(3)));
    assert_eq!(bench.get("datadiffs?ci_run_id=1,2").await["count"], 9);
    assert_eq!(bench.get("datadiffs?ci_run_id=2").await["count"], 0);
    assert_eq!(bench.get("datadiffs?pr_num=6&result=bad-pks").await["count"], 2);
    assert_eq!(bench.api("GET", "datadiffs?order_by=mood", Value::Null).await.0, 422);
    let switches = json!({ "diff_filters": Filters::Ignored });
    bench.side("PUT", "switches", switches).await;
    assert_eq!(bench.get("datadiffs?ci_run_id=2").await["count"], 9);
    bench
        .side("PUT", "switches", json!({ "ci_diffs": CiDiffs::Hidden }))
        .await;
    assert_eq!(bench.get("datadiffs").await["count"], 0);
}

#[tokio::test]
async fn diffs_of_a_run_are_done_in_turn_and_without_a_key_only_rows_are_counted() {
    let switches = Switches {
        runs: Pace::Polls(4),
        ..Switches::default()
    };
    let bench = Bench::switched(switches).await;
    bench.push("a1").await;
    let without = json!({ "prod": "SHOP.CORE.B", "pr": "SHOP.PR_6.B", "pk": null });
    bench.post("ci/286/6", json!([without, diff("A")])).await;
    bench.runs("").await;
    bench.runs("").await;
    let listed = bench.get("datadiffs").await;
    let words: Vec<&Value> = listed["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["status"])
        .collect();
    assert_eq!(words, ["done", "processing"]);
    bench.runs("").await;
    bench.runs("").await;
    let results = bench.results(1).await;
    assert_eq!(
        (&results["values"], &results["pks"]["total_rows"]),
        (&Value::Null, &json!([100, 100]))
    );
    assert_eq!(bench.get("datadiffs/1").await["result"], "missing-pks");
    let excluded = json!({ "prod": "X", "pr": "Y", "pk": ["ID"], "exclude_columns": ["note"] });
    bench.push("a2").await;
    bench.post("ci/286/6", json!([excluded])).await;
    for _ in 0..4 {
        bench.runs("").await;
    }
    assert_eq!(bench.results(3).await["values"]["compared_columns"], 1);
}

#[tokio::test]
async fn a_diff_can_be_asked_for_and_cancelled() {
    let switches = Switches {
        diffs: Pace::Polls(2),
        ..Switches::default()
    };
    let bench = Bench::switched(switches).await;
    let body = json!({ "data_source1_id": 7, "data_source2_id": 9, "table1": ["A"], "table2": ["B"],
                       "pk_columns": ["ID"], "tags": ["mine"] });
    let made = bench.post("datadiffs", body.clone()).await;
    assert_eq!(
        (&made["kind"], &made["source"], &made["ci_run_id"]),
        (&json!("cross_db"), &json!("api"), &Value::Null)
    );
    assert_eq!(bench.get("datadiffs?tags=mine").await["count"], 1);
    assert_eq!(
        bench.post("datadiffs/1/cancel", json!({})).await,
        json!({ "id": 1, "status": "cancelled" })
    );
    bench.post("datadiffs", body).await;
    assert_eq!(bench.get("datadiffs/2").await["diff_progress"]["completed_steps"], 1);
    assert_eq!(bench.get("datadiffs/2").await["status"], "done");
    assert_eq!(
        bench.post("datadiffs/2/cancel", json!({})).await["status"],
        "done",
        "it is finished"
    );
    let (status, archived) = bench.api("PATCH", "datadiffs/2", json!({ "archived": true })).await;
    assert_eq!((status, &archived["archived"]), (200, &json!(true)));
    let wrong = json!({ "data_source1_id": 7, "data_source2_id": 8, "table1": ["A"], "query2": "select 1" });
    assert_eq!(bench.api("POST", "datadiffs", wrong).await.0, 422);
}
