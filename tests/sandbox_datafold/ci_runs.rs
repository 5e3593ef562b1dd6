//! CI runs: pushed, triggered, handed their diffs, and followed to their end.

use driftless::sandbox::datafold::{Attach, KnownCommit, OlderRuns, Pace, RunIds, RunOrder, Switches, Triggers};
use serde_json::{Value, json};

use crate::bench::{Bench, diff, head};

fn status(id: i64, word: &str) -> Vec<(i64, String)> {
    vec![(id, word.to_owned())]
}

#[tokio::test]
async fn a_pushed_run_waits_for_diffs_and_goes_through_its_states() {
    let switches = Switches {
        runs: Pace::Polls(4),
        ..Switches::default()
    };
    let bench = Bench::switched(switches).await;
    assert_eq!(
        bench.push("a1").await,
        [1],
        "not of the configuration for another base branch"
    );
    assert_eq!(bench.runs("pr_num=6").await, status(1, "waiting"));
    let taken = bench.post("ci/286/6", json!([diff("ORDERS"), diff("ITEMS")])).await;
    assert_eq!(taken, json!({ "ci_run_id": 1, "run_id": 401 }));
    let nothing = json!({ "ci_run_id": null, "run_id": null });
    assert_eq!(
        bench.post("ci/286/6", json!([diff("ORDERS")])).await,
        nothing,
        "it has its diffs"
    );
    for word in ["queued", "processing", "processing", "done", "done"] {
        assert_eq!(bench.runs("pr_sha=a1").await, status(1, word));
    }
    let run = &bench.get("ci/286/runs").await[0];
    let expected = json!({
        "id": 1, "base_branch": "main", "base_sha": "base", "pr_branch": "feat", "pr_sha": "a1", "pr_num": "6",
        "status": "done", "source": "ci",
    });
    assert_eq!(run, &expected);
}

#[tokio::test]
async fn diffs_go_to_whichever_run_waits_even_when_it_is_of_another_commit() {
    let bench = Bench::seeded().await;
    assert_eq!(
        bench.post("ci/286/6", json!([diff("ORDERS")])).await["ci_run_id"],
        Value::Null
    );
    bench.push("old").await;
    bench.push("new").await;
    assert_eq!(bench.runs("pr_sha=old").await, status(1, "cancelled"));
    assert_eq!(bench.post("ci/286/6", json!([diff("ORDERS")])).await["ci_run_id"], 2);
    let switches = Switches {
        older_runs: OlderRuns::Kept,
        attach: Attach::Oldest,
        ..Switches::default()
    };
    let bench = Bench::switched(switches).await;
    bench.push("old").await;
    bench.push("new").await;
    assert_eq!(bench.post("ci/286/6", json!([diff("ORDERS")])).await["ci_run_id"], 1);
    let held = bench.side("GET", "state?full=1", Value::Null).await;
    assert_eq!(held["ci_runs"][0]["diffs"][0]["prod"], "SHOP.CORE.ORDERS");
    assert_eq!(held["ci_runs"][1]["diffs"], json!([]));
}

#[tokio::test]
async fn a_trigger_of_a_known_commit_is_as_the_switch_says() {
    for (known_commit, expected) in [(KnownCommit::Second, 2), (KnownCommit::First, 1)] {
        let switches = Switches {
            known_commit,
            ..Switches::default()
        };
        let bench = Bench::switched(switches).await;
        let first = bench.post("ci/286/trigger", head("a1")).await;
        assert_eq!(first, json!({ "ci_run_id": 1, "run_id": null }));
        assert_eq!(bench.post("ci/286/trigger", head("a1")).await["ci_run_id"], expected);
        let newest = &bench.get("ci/286/runs?limit=1").await[0];
        assert_eq!((&newest["id"], &newest["source"]), (&json!(expected), &json!("api")));
    }
    let switches = Switches {
        triggers: Triggers::Nothing,
        ..Switches::default()
    };
    let bench = Bench::switched(switches).await;
    let nothing = json!({ "ci_run_id": null, "run_id": null });
    assert_eq!(bench.post("ci/286/trigger", head("a1")).await, nothing);
    assert_eq!(bench.runs("").await, []);
}

#[tokio::test]
async fn the_ids_that_are_filled_are_as_the_switch_says() {
    for (run_ids, triggered, taken) in [
        (RunIds::Documented, json!([1, null]), json!([1, 401])),
        (RunIds::CiRunId, json!([1, null]), json!([1, null])),
        (RunIds::RunId, json!([null, 1]), json!([null, 1])),
        (RunIds::Same, json!([1, 1]), json!([1, 1])),
    ] {
        let switches = Switches {
            run_ids,
            ..Switches::default()
        };
        let bench = Bench::switched(switches).await;
        let ids = |body: Value| json!([body["ci_run_id"], body["run_id"]]);
        assert_eq!(
            ids(bench.post("ci/286/trigger", head("a1")).await),
            triggered,
            "{run_ids:?}"
        );
        assert_eq!(
            ids(bench.post("ci/286/6", json!([diff("ORDERS")])).await),
            taken,
            "{run_ids:?}"
        );
    }
}

#[tokio::test]
async fn a_list_has_filters_a_limit_an_offset_and_an_order() {
    let switches = Switches {
        older_runs: OlderRuns::Kept,
        ..Switches::default()
    };
    let bench = Bench::switched(switches.clone()).await;
    for sha in ["a1", "a2", "a3"] {
        bench.push(sha).await;
    }
    let ids = |rows: Vec<(i64, String)>| -> Vec<i64> { rows.into_iter().map(|(id, _)| id).collect() };
    assert_eq!(ids(bench.runs("").await), [3, 2, 1]);
    assert_eq!(ids(bench.runs("limit=1&offset=1").await), [2]);
    assert_eq!(ids(bench.runs("pr_sha=a1&pr_num=6").await), [1]);
    assert_eq!(ids(bench.runs("pr_num=7").await), [0i64; 0]);
    assert_eq!(bench.api("GET", "ci/286/runs?limit=1001", Value::Null).await.0, 422);
    bench
        .side("PUT", "switches", json!({ "run_order": RunOrder::Oldest }))
        .await;
    assert_eq!(ids(bench.runs("").await), [1, 2, 3]);
    let hidden = Switches {
        run_hidden_for: 2,
        ..switches
    };
    let bench = Bench::switched(hidden).await;
    bench.push("a1").await;
    assert_eq!(bench.runs("").await, []);
    assert_eq!(bench.runs("").await, []);
    assert_eq!(bench.runs("").await, status(1, "waiting"));
}

#[tokio::test]
async fn too_many_diffs_need_a_word_of_a_person() {
    let bench = Bench::seeded().await;
    bench.push("a1").await;
    let diffs: Vec<Value> = ["A", "B", "C", "D"].map(diff).to_vec();
    bench.post("ci/286/6", json!(diffs)).await;
    for _ in 0..3 {
        assert_eq!(bench.runs("").await, status(1, "needs_confirmation"));
    }
    bench.side("POST", "runs/go_on", json!({ "id": 1 })).await;
    assert_eq!(bench.runs("").await, status(1, "done"));
}

#[tokio::test]
async fn a_run_ends_in_the_word_of_its_configuration_known_or_not() {
    for word in ["failed", "cancelled", "needs_authentication", "reticulating", "waiting"] {
        let bench = Bench::seeded().await;
        let ends = json!({ "kind": "ci_config", "where": { "id": 286 }, "set": { "ends": word } });
        bench.side("POST", "edit", ends).await;
        bench.push("a1").await;
        bench.post("ci/286/6", json!([diff("ORDERS")])).await;
        for _ in 0..3 {
            assert_eq!(bench.runs("").await, status(1, word));
        }
        assert_eq!(
            bench.post("ci/286/6", json!([diff("ORDERS")])).await["ci_run_id"],
            Value::Null
        );
        bench
            .side("POST", "runs/status", json!({ "id": 1, "status": "processing" }))
            .await;
        assert_eq!(bench.runs("").await, status(1, "processing"));
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let bench = Bench::seeded().await;
    bench.push("a1").await;
    assert_eq!(bench.api("GET", "ci/1/runs", Value::Null).await.0, 404);
    assert_eq!(bench.api("GET", "ci/288/runs", Value::Null).await.0, 403);
    assert_eq!(bench.api("POST", "ci/1/trigger", head("a1")).await.0, 404);
    assert_eq!(bench.api("POST", "ci/1/6", json!([diff("A")])).await.0, 404);
    let mut partial = head("a1");
    partial.as_object_mut().unwrap().remove("base_sha");
    assert_eq!(bench.api("POST", "ci/286/trigger", partial).await.0, 422);
    for (body, place) in [
        (json!({ "prod": "a", "pr": "b", "pk": ["id"] }), json!(["body"])),
        (
            json!([{ "prod": "a", "pr": "b", "pk": "id" }]),
            json!(["body", "0", "pk"]),
        ),
        (
            json!([{ "prod": "a", "pr": "b", "include_columns": null }]),
            json!(["body", "0", "include_columns"]),
        ),
        (
            json!([{ "prod": null, "pr": "b", "pk": ["id"] }]),
            json!(["body", "0", "prod"]),
        ),
        (
            json!([{ "prod": "a", "pr": "b", "pk": ["id", "id"] }]),
            json!(["body", "0", "pk"]),
        ),
        (
            json!([{ "prod": ["a"], "pr": "b", "pk": [1] }]),
            json!(["body", "0", "prod"]),
        ),
        (json!([{ "pr": "b" }]), json!(["body", "0", "prod"])),
    ] {
        let (status, answer) = bench.api("POST", "ci/286/6", body.clone()).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &place), "{body}");
    }
    assert_eq!(bench.runs("").await, status(1, "waiting"), "nothing was taken");
    for body in [
        json!([{ "prod": "a", "pr": "b" }]),
        json!([{ "prod": "a", "pr": "b", "pk": null, "filter": "d > 1" }]),
    ] {
        bench
            .side("POST", "runs/status", json!({ "id": 1, "status": "waiting" }))
            .await;
        assert_eq!(bench.post("ci/286/6", body).await["ci_run_id"], 1);
    }
}
