//! Data diffs for pull requests.

use driftless::platform::data_diffs::{
    CiConfigId, CiRun, CiRunId, DataDiff, DataDiffId, DataDiffs as _, DiffRequest, Head, PullRequestNumber, RunStatus,
    RunsOf, Summary,
};
use driftless_core::report::Meaning;
use serde_json::{Value as Json, json};

use crate::loopback::{Answer, Asked};
use crate::{datafold, server};

const CONFIG: CiConfigId = CiConfigId(286);
const PULL_REQUEST: PullRequestNumber = PullRequestNumber(6);
const RUNS: &str = "GET /api/v1/ci/286/runs?pr_sha=abc&pr_num=6&limit=100&offset=0";
const TRIGGER: &str = "POST /api/v1/ci/286/trigger";
const SUBMIT: &str = "POST /api/v1/ci/286/6";

fn run(id: i64, number: Json, sha: &str, status: &str) -> Json {
    json!({"id": id, "base_branch": "main", "base_sha": "000", "pr_branch": "feat", "pr_sha": sha, "pr_num": number,
        "status": status, "source": "api"})
}

fn of_head() -> RunsOf {
    RunsOf {
        pull_request: Some(PULL_REQUEST),
        sha: Some("abc".to_owned()),
    }
}

fn head() -> Head {
    Head {
        pull_request: PULL_REQUEST,
        branch: "feat".to_owned(),
        sha: "abc".to_owned(),
        base_branch: "main".to_owned(),
        base_sha: "000".to_owned(),
    }
}

fn request(key: &[&str]) -> DiffRequest {
    DiffRequest {
        production: "DB.CORE.T".to_owned(),
        pull_request: "DB.PR_6.T".to_owned(),
        primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
        include_columns: Vec::new(),
        exclude_columns: Vec::new(),
    }
}

#[tokio::test]
async fn runs_come_newest_first_and_only_those_that_were_asked_for_whatever_the_platform_filters() {
    let server = server().await;
    let answer = json!([
        run(9001, json!("6"), "abc", "waiting"),
        run(9003, json!(6), "abc", "needs_human"),
        run(9002, json!("6"), "def", "done"),
        run(9004, json!("7"), "abc", "done")
    ]);
    server.gives(RUNS, &answer.to_string());
    let runs = datafold(&server, 0).runs(CONFIG, &of_head()).await.unwrap();
    assert_eq!(server.lines(), [RUNS]);
    let expected = |id, status| CiRun {
        id: CiRunId(id),
        pull_request: Some(PULL_REQUEST),
        sha: "abc".to_owned(),
        status,
    };
    assert_eq!(
        runs,
        [
            expected(9003, RunStatus::Unknown("needs_human".to_owned())),
            expected(9001, RunStatus::Waiting)
        ]
    );
}

#[tokio::test]
async fn runs_are_read_to_the_end_and_a_run_that_comes_twice_is_read_again() {
    let server = server().await;
    let page = |ids: std::ops::Range<i64>| {
        let runs: Vec<Json> = ids.map(|id| run(id, json!("6"), "abc", "done")).collect();
        json!(runs).to_string()
    };
    let second = "GET /api/v1/ci/286/runs?pr_num=6&limit=100&offset=100";
    server
        .gives("GET /api/v1/ci/286/runs?pr_num=6&limit=100&offset=0", &page(1..101))
        .on(second, Answer::json(200, &page(100..103)))
        .on(second, Answer::json(200, &page(101..103)));
    let of = RunsOf {
        pull_request: Some(PULL_REQUEST),
        sha: None,
    };
    let runs = datafold(&server, 1).runs(CONFIG, &of).await.unwrap();
    assert_eq!(runs.len(), 102);
    assert_eq!(server.lines().len(), 4);
    let restless = crate::server().await;
    restless
        .gives("GET /api/v1/ci/286/runs?pr_num=6&limit=100&offset=0", &page(1..101))
        .gives(second, &page(100..103));
    let refused = datafold(&restless, 0).runs(CONFIG, &of).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Broken);
}

#[tokio::test]
async fn what_the_platform_says_of_a_configuration_that_is_not_there_or_not_ours_is_told_apart() {
    for (answer, meaning) in [
        (Answer::json(404, r#"{"detail":"Not Found"}"#), Meaning::NotFound),
        (Answer::html(404, "<html>"), Meaning::Broken),
        (
            Answer::json(403, r#"{"type":"/errors/forbidden","status":403,"title":"no"}"#),
            Meaning::Forbidden,
        ),
        (Answer::json(401, r#"{"detail":"no"}"#), Meaning::Unauthorized),
        (Answer::json(501, r#"{"detail":"no"}"#), Meaning::Invalid),
        (Answer::json(500, "{}"), Meaning::Unavailable),
        (Answer::json(200, "{}"), Meaning::Broken),
    ] {
        let server = server().await;
        server.on(RUNS, answer.clone());
        let refused = datafold(&server, 0).runs(CONFIG, &of_head()).await.unwrap_err();
        assert_eq!(refused.meaning, meaning, "{answer:?}: {}", refused.message);
    }
}

#[tokio::test]
async fn a_run_is_triggered_for_a_head_and_either_number_is_taken() {
    for (answer, expected) in [
        (r#"{"ci_run_id":9001,"run_id":null}"#, Some(CiRunId(9001))),
        (r#"{"ci_run_id":null,"run_id":401}"#, Some(CiRunId(401))),
        (r#"{"ci_run_id":9001,"run_id":401}"#, Some(CiRunId(9001))),
        (r#"{"run_id":401}"#, Some(CiRunId(401))),
        (r#"{"ci_run_id":null,"run_id":null}"#, None),
        ("{}", None),
    ] {
        let server = server().await;
        server.gives(TRIGGER, answer).gives(SUBMIT, answer);
        let datafold = datafold(&server, 0);
        assert_eq!(datafold.trigger(CONFIG, &head()).await.unwrap(), expected, "{answer}");
        let submitted = datafold.submit(CONFIG, PULL_REQUEST, &[request(&["ID"])]).await;
        assert_eq!(submitted.unwrap(), expected, "{answer}");
        let body =
            json!({"pr_number": 6, "pr_branch": "feat", "base_branch": "main", "pr_sha": "abc", "base_sha": "000"});
        assert_eq!(
            server.asked(),
            [
                Asked {
                    line: TRIGGER.to_owned(),
                    body
                },
                Asked {
                    line: SUBMIT.to_owned(),
                    body: json!([{"prod": "DB.CORE.T", "pr": "DB.PR_6.T", "pk": ["ID"]}])
                }
            ]
        );
    }
}

#[tokio::test]
async fn a_diff_says_its_key_always_and_its_columns_only_where_there_are_some() {
    let server = server().await;
    server.gives(SUBMIT, r#"{"run_id":1}"#);
    let columns = DiffRequest {
        include_columns: vec!["X".to_owned()],
        exclude_columns: vec!["Y".to_owned()],
        ..request(&["TENANT", "ID"])
    };
    let diffs = [request(&[]), columns];
    let taken = datafold(&server, 0).submit(CONFIG, PULL_REQUEST, &diffs).await;
    assert_eq!(taken, Ok(Some(CiRunId(1))));
    let body = json!([
        {"prod": "DB.CORE.T", "pr": "DB.PR_6.T", "pk": null},
        {"prod": "DB.CORE.T", "pr": "DB.PR_6.T", "pk": ["TENANT", "ID"], "include_columns": ["X"], "exclude_columns": ["Y"]}
    ]);
    assert_eq!(server.asked()[0].body, body);
}

#[tokio::test]
async fn a_write_whose_answer_says_nothing_may_have_taken_effect_and_is_not_repeated() {
    for (answer, meaning) in [
        (Answer::json(200, ""), Meaning::Lost),
        (Answer::json(200, "[]"), Meaning::Lost),
        (Answer::json(200, r#"{"ci_run"#), Meaning::Lost),
        (Answer::json(500, "{}"), Meaning::Lost),
        (Answer::json(501, "{}"), Meaning::Invalid),
        (Answer::json(429, "{}"), Meaning::RateLimited),
        (
            Answer::json(422, r#"{"detail":[{"loc":["body",0,"pk"],"msg":"bad","type":"t"}]}"#),
            Meaning::Invalid,
        ),
    ] {
        let server = server().await;
        server.on(TRIGGER, answer.clone()).on(SUBMIT, answer.clone());
        let datafold = datafold(&server, 3);
        let refused = datafold.trigger(CONFIG, &head()).await.unwrap_err();
        assert_eq!(refused.meaning, meaning, "{answer:?}: {}", refused.message);
        let refused = datafold
            .submit(CONFIG, PULL_REQUEST, &[request(&[])])
            .await
            .unwrap_err();
        assert_eq!(refused.meaning, meaning, "{answer:?}: {}", refused.message);
        assert_eq!(server.lines().len(), 2);
    }
}

fn diff_page(number: usize, count: usize, size: usize, diffs: &[Json]) -> String {
    let pages = count.div_ceil(size);
    json!({"count": count, "page": number, "page_size": size, "total_pages": pages, "results": diffs}).to_string()
}

fn diffs_line(page: usize) -> String {
    format!("GET /api/v1/datadiffs?ci_run_id=9001&order_by=id&sort_order=desc&page={page}&page_size=100")
}

#[tokio::test]
async fn the_diffs_of_a_run_are_read_by_pages_and_those_of_others_are_left_out() {
    let server = server().await;
    let diff = |id: i64, run: Json| {
        json!({"id": id, "ci_run_id": run, "kind": "in_db", "status": "done", "table1": ["DB", "CORE", "T"],
            "table2": ["DB", "PR_6", "T"], "pk_columns": ["ID"], "result": "different"})
    };
    let query = json!({"id": 1, "ci_run_id": "9001", "status": "queued", "query1": "select 1", "pk_columns": null});
    server
        .gives(
            &diffs_line(1),
            &diff_page(1, 3, 2, &[diff(3, json!(9001)), diff(2, json!(8000))]),
        )
        .gives(&diffs_line(2), &diff_page(2, 3, 2, &[query]));
    let found = datafold(&server, 0).diffs(CiRunId(9001)).await.unwrap();
    assert_eq!(server.lines(), [diffs_line(1), diffs_line(2)]);
    assert_eq!(
        found,
        [
            DataDiff {
                id: DataDiffId(1),
                status: RunStatus::Queued,
                production: String::new(),
                pull_request: String::new(),
                primary_key: Vec::new(),
            },
            DataDiff {
                id: DataDiffId(3),
                status: RunStatus::Done,
                production: "DB.CORE.T".to_owned(),
                pull_request: "DB.PR_6.T".to_owned(),
                primary_key: vec!["ID".to_owned()],
            }
        ]
    );
}

#[tokio::test]
async fn a_page_that_does_not_fit_its_count_is_no_list() {
    let diff = json!({"id": 3, "ci_run_id": 9001, "status": "done"});
    for body in [
        diff_page(1, 2, 100, std::slice::from_ref(&diff)),
        diff_page(1, 0, 100, std::slice::from_ref(&diff)),
        diff_page(1, 2, 100, &[diff.clone(), diff.clone()]),
        json!({"count": 1, "items": [diff]}).to_string(),
        json!([diff]).to_string(),
    ] {
        let server = server().await;
        server.gives(&diffs_line(1), &body);
        let refused = datafold(&server, 0).diffs(CiRunId(9001)).await.unwrap_err();
        assert_eq!(refused.meaning, Meaning::Broken, "{body}");
    }
}

#[tokio::test]
async fn a_summary_is_asked_for_by_the_number_of_its_diff() {
    let line = "GET /api/v1/datadiffs/3/summary_results";
    let server = server().await;
    server
        .on(line, Answer::json(200, r#"{"status":"running"}"#))
        .on(
            line,
            Answer::json(
                200,
                r#"{"status":"failed","error":{"error_type":"E","error_value":"no table"}}"#,
            ),
        )
        .on(line, Answer::json(200, r#"{"result":"different"}"#));
    let datafold = datafold(&server, 0);
    let summary = || datafold.summary(DataDiffId(3));
    assert_eq!(summary().await, Ok(Summary::Running));
    assert_eq!(summary().await, Ok(Summary::Failed("E: no table".to_owned())));
    assert_eq!(summary().await.unwrap_err().meaning, Meaning::Broken);
}

#[tokio::test]
async fn pages_for_people_lie_on_the_host_itself() {
    let server = server().await;
    let datafold = datafold(&server, 0);
    assert_eq!(
        datafold.page(DataDiffId(3)),
        format!("{}/datadiffs/3/overview", server.url)
    );
    assert_eq!(datafold.settings(), format!("{}/settings/integrations/ci", server.url));
}
