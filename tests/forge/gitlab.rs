//! GitLab.

use driftless::forge::{
    ChangedFile, CommitState, CommitStatus, FileChange, Forge as _, PullRequest, PullRequestState, Readiness,
};
use driftless_core::report::Meaning;
use serde_json::{Value as Json, json};

use super::bodies::*;
use super::loopback::{Answer, Asked, Server};
use super::{MARKER, MOST, TWELVE, file, gitlab, repository, says, status, whole, written};

const SHOP: &str = "/api/v4/projects/acme%2Fdata%2Fshop";
const PATH: &str = "acme/data/shop";

fn get(path: &str) -> String {
    format!("GET {SHOP}{path}")
}

fn commit() -> String {
    get(&format!("/repository/commits/{HEAD}"))
}

#[tokio::test]
async fn a_merge_request_is_read_with_the_message_of_its_newest_commit() {
    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), GITLAB_MERGE_REQUEST);
    server.gives(&commit(), GITLAB_COMMIT);
    let read = gitlab(&server.url)
        .pull_request(&repository(PATH), TWELVE)
        .await
        .unwrap();
    assert_eq!(
        read,
        PullRequest {
            number: TWELVE,
            state: PullRequestState::Open,
            readiness: Readiness::Ready,
            branch: "orders-by-day".to_owned(),
            sha: HEAD.to_owned(),
            message: "Orders by day\n\ndatafold-skip-ci\n".to_owned(),
            base_branch: "main".to_owned(),
            base_sha: BASE.to_owned(),
            labels: vec!["datafold".to_owned(), "needs review".to_owned()],
        }
    );
    assert_eq!(server.lines(), [get("/merge_requests/12"), commit()]);
}

#[tokio::test]
async fn an_instance_below_a_path_is_found() {
    let server = Server::start().await;
    let below = |path: &str| get(path).replace("/api/v4", "/git/api/v4");
    server.gives(&below("/merge_requests/12"), GITLAB_MERGE_REQUEST);
    server.gives(&below(&format!("/repository/commits/{HEAD}")), GITLAB_COMMIT);
    for url in [format!("{}/git", server.url), format!("{}/git/api/v4/", server.url)] {
        gitlab(&url).pull_request(&repository(PATH), TWELVE).await.unwrap();
    }
}

#[tokio::test]
async fn drafts_under_their_old_name_and_states_are_told() {
    let table = [
        (r#""draft":true,"#, "opened", Readiness::Draft, PullRequestState::Open),
        ("", "opened", Readiness::Draft, PullRequestState::Open),
        (
            r#""draft":false,"#,
            "merged",
            Readiness::Ready,
            PullRequestState::Closed,
        ),
        (
            r#""draft":false,"#,
            "closed",
            Readiness::Ready,
            PullRequestState::Closed,
        ),
        (r#""draft":false,"#, "locked", Readiness::Ready, PullRequestState::Open),
    ];
    for (draft, state, readiness, expected) in table {
        let server = Server::start().await;
        let body = GITLAB_MERGE_REQUEST
            .replace(r#""draft":false,"#, draft)
            .replace(r#""work_in_progress":false"#, r#""work_in_progress":true"#)
            .replace(r#""state":"opened""#, &format!(r#""state":"{state}""#));
        server.gives(&get("/merge_requests/12"), &body);
        server.gives(&commit(), GITLAB_COMMIT);
        let read = gitlab(&server.url)
            .pull_request(&repository(PATH), TWELVE)
            .await
            .unwrap();
        assert_eq!((read.readiness, read.state), (readiness, expected), "{draft} {state}");
    }
}

#[tokio::test]
async fn a_merge_request_that_is_being_prepared_is_asked_for_again() {
    for body in [
        GITLAB_MERGE_REQUEST.replace(&format!(r#""sha":"{HEAD}""#), r#""sha":null"#),
        GITLAB_MERGE_REQUEST.replace(r#""diff_refs":{"#, r#""diff_refs":null,"was":{"#),
        GITLAB_MERGE_REQUEST.replace(&format!(r#""base_sha":"{BASE}""#), r#""base_sha":null"#),
    ] {
        assert_ne!(body, GITLAB_MERGE_REQUEST);
        let server = Server::start().await;
        server.gives(&get("/merge_requests/12"), &body);
        let failure = gitlab(&server.url)
            .pull_request(&repository(PATH), TWELVE)
            .await
            .unwrap_err();
        assert_eq!(failure.meaning, Meaning::Unavailable);
        assert!(failure.retry_after.is_some());
        says(&failure, &["still preparing", "ask again"]);
    }
    for count in ["null", r#""""#] {
        let server = Server::start().await;
        let body = GITLAB_MERGE_REQUEST.replace(r#""changes_count":"3""#, &format!(r#""changes_count":{count}"#));
        server.gives(&get("/merge_requests/12"), &body);
        let failure = gitlab(&server.url)
            .changed_files(&repository(PATH), TWELVE)
            .await
            .unwrap_err();
        assert_eq!(failure.meaning, Meaning::Unavailable);
        assert_eq!(server.lines(), [get("/merge_requests/12")]);
    }
}

#[tokio::test]
async fn a_merge_request_that_is_prepared_and_has_no_count_changes_what_is_listed_nothing_or_not_yet() {
    let listed = get("/merge_requests/12/diffs?per_page=100&page=1");
    for count in ["null", r#""""#] {
        let prepared = format!(r#""prepared_at":"2026-11-02T09:30:00.000Z","changes_count":{count}"#);
        let body = GITLAB_MERGE_REQUEST.replace(r#""changes_count":"3""#, &prepared);
        for (diffs, expected) in [("[]".to_owned(), Ok(vec![])), (diffs(0, 2), Err(Meaning::Unavailable))] {
            let server = Server::start().await;
            server.gives(&get("/merge_requests/12"), &body);
            server.gives(&listed, &diffs);
            let read = gitlab(&server.url).changed_files(&repository(PATH), TWELVE).await;
            assert_eq!(read.map_err(|failure| failure.meaning), expected, "{diffs}");
        }
        let body = body.replace(r#""2026-11-02T09:30:00.000Z""#, "null");
        let server = Server::start().await;
        server.gives(&get("/merge_requests/12"), &body);
        let read = gitlab(&server.url).changed_files(&repository(PATH), TWELVE).await;
        assert_eq!(read.unwrap_err().meaning, Meaning::Unavailable);
        assert_eq!(server.lines(), [get("/merge_requests/12")]);
    }
}

fn counted(count: &str) -> String {
    GITLAB_MERGE_REQUEST.replace(r#""changes_count":"3""#, &format!(r#""changes_count":{count}"#))
}

fn diffs(from: usize, to: usize) -> String {
    let file = |number| {
        let path = format!("f{number}.sql");
        json!({"old_path": path, "new_path": path, "new_file": true, "renamed_file": false, "deleted_file": false})
    };
    Json::Array((from..to).map(file).collect()).to_string()
}

#[tokio::test]
async fn changed_files_are_those_written_renamed_and_deleted() {
    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), GITLAB_MERGE_REQUEST);
    server.gives(&get("/merge_requests/12/diffs?per_page=100&page=1"), GITLAB_DIFFS);
    let read = gitlab(&server.url)
        .changed_files(&repository(PATH), TWELVE)
        .await
        .unwrap();
    let expected = [
        written("models/orders.sql"),
        ChangedFile {
            previous: Some("models/day.sql".to_owned()),
            ..written("models/days.sql")
        },
        ChangedFile {
            change: FileChange::Deleted,
            ..written("models/old.sql")
        },
    ];
    assert_eq!(read, expected);
}

#[tokio::test]
async fn changed_files_are_read_to_their_count_though_pages_are_smaller_than_asked_for() {
    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), &counted("45"));
    server.gives(&get("/merge_requests/12/diffs?per_page=100&page=1"), &diffs(0, 30));
    server.gives(&get("/merge_requests/12/diffs?per_page=100&page=2"), &diffs(30, 45));
    let read = gitlab(&server.url)
        .changed_files(&repository(PATH), TWELVE)
        .await
        .unwrap();
    assert_eq!((read.len(), read[44].clone()), (45, written("f44.sql")));
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn a_list_of_files_that_is_cut_off_is_no_list() {
    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), &counted(r#""1000+""#));
    let failure = gitlab(&server.url)
        .changed_files(&repository(PATH), TWELVE)
        .await
        .unwrap_err();
    assert_eq!(failure.meaning, Meaning::Invalid, "it will not be longer");
    says(&failure, &["1000+", "split it"]);

    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), &counted(r#""5""#));
    server.gives(&get("/merge_requests/12/diffs?per_page=100&page=1"), GITLAB_DIFFS);
    server.gives(&get("/merge_requests/12/diffs?per_page=100&page=2"), "[]");
    let failure = gitlab(&server.url)
        .changed_files(&repository(PATH), TWELVE)
        .await
        .unwrap_err();
    assert_eq!(failure.meaning, Meaning::Broken);
    says(&failure, &["3 files are listed", "changes 5", "limits of diffs"]);
}

#[tokio::test]
async fn a_file_comes_as_it_is_and_is_absent_only_where_its_commit_is_shown() {
    let line = get(&format!("/repository/files/datafold%2Fdiffs.json/raw?ref={HEAD}"));
    let forge_file = async |server: &Server| {
        gitlab(&server.url)
            .file(&repository(PATH), HEAD, "datafold/diffs.json", MOST)
            .await
    };
    let server = Server::start().await;
    server.on(&line, file("text/plain; charset=utf-8", "{\"diffs\": []}\n"));
    assert_eq!(forge_file(&server).await.unwrap(), Some(whole(b"{\"diffs\": []}\n")));
    assert_eq!(server.lines(), std::slice::from_ref(&line));

    let server = Server::start().await;
    server.on(&line, Answer::json(404, r#"{"message":"404 File Not Found"}"#));
    server.gives(&commit(), GITLAB_COMMIT);
    assert_eq!(forge_file(&server).await.unwrap(), None);

    let server = Server::start().await;
    server.on(&line, Answer::json(404, r#"{"message":"404 Project Not Found"}"#));
    server.on(&commit(), Answer::json(404, r#"{"message":"404 Project Not Found"}"#));
    let failure = forge_file(&server).await.unwrap_err();
    assert_eq!(failure.meaning, Meaning::NotFound);
    says(&failure, &["404 Project Not Found", "the scope api"]);

    let server = Server::start().await;
    server.on(&line, Answer::html(200, "<html>Sign in</html>"));
    says(&forge_file(&server).await.unwrap_err(), &["login page"]);
}

fn said() -> String {
    format!("POST {SHOP}/statuses/{HEAD}")
}

fn statuses() -> String {
    get(&format!(
        "/repository/commits/{HEAD}/statuses?name=driftless%2Fshop&ref=orders-by-day&per_page=100&page=1"
    ))
}

/// A server with the merge request, on whose commit `standing` was said before.
async fn with_status(standing: &str) -> Server {
    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), GITLAB_MERGE_REQUEST);
    server.gives(&statuses(), standing);
    server.on(&said(), Answer::json(201, GITLAB_STATUS));
    server
}

#[tokio::test]
async fn a_status_is_said_in_gitlabs_words() {
    let table = [
        (CommitState::Pending, "pending"),
        (CommitState::Success, "success"),
        (CommitState::Failure, "failed"),
        (CommitState::Error, "failed"),
    ];
    let server = with_status("[]").await;
    for (state, word) in table {
        gitlab(&server.url)
            .set_status(&repository(PATH), TWELVE, HEAD, &status(state))
            .await
            .unwrap();
        let body = json!({"state": word, "name": "driftless/shop", "description": "Data diffs run", "ref": "orders-by-day",
            "target_url": "https://app.example.com/ci/9"});
        assert_eq!(server.asked().pop().unwrap(), Asked { line: said(), body });
    }
    let long = CommitStatus {
        description: "é".repeat(300),
        url: Some(format!("https://app.example.com/{}", "x".repeat(300))),
        ..status(CommitState::Error)
    };
    gitlab(&server.url)
        .set_status(&repository(PATH), TWELVE, HEAD, &long)
        .await
        .unwrap();
    let body = json!({"state": "failed", "name": "driftless/shop", "description": format!("{}…", "é".repeat(254)),
        "ref": "orders-by-day"});
    assert_eq!(server.asked().pop().unwrap(), Asked { line: said(), body });

    let server = Server::start().await;
    let branch = "b".repeat(256);
    let body = GITLAB_MERGE_REQUEST.replace("orders-by-day", &branch);
    server.gives(&get("/merge_requests/12"), &body);
    server.on(&said(), Answer::json(201, GITLAB_STATUS));
    gitlab(&server.url)
        .set_status(&repository(PATH), TWELVE, HEAD, &status(CommitState::Success))
        .await
        .unwrap();
    let body = server.asked().pop().unwrap().body;
    assert_eq!(body.get("ref"), None, "GitLab refuses a longer one");
}

/// A status of GitLab's page, of another number, state and description.
fn standing(id: u64, state: &str, description: &str) -> String {
    GITLAB_STATUS
        .replace("93", &id.to_string())
        .replace("pending", state)
        .replace("Data diffs run", description)
}

#[tokio::test]
async fn what_is_under_way_is_said_in_other_words_once_and_then_left() {
    let same = standing(93, "pending", "Data diffs run");
    let other = standing(93, "pending", "waiting");
    let running = standing(93, "running", "waiting");
    let over = standing(93, "failed", "waiting");
    let older = standing(92, "running", "waiting");
    let table = [
        (format!("[{same}]"), None),
        (format!("[{other}]"), Some("running")),
        (format!("[{running}]"), None),
        (format!("[{over},{older}]"), Some("pending")),
        (format!("[{older},{over}]"), Some("pending")),
    ];
    for (listed, state) in table {
        let server = with_status(&listed).await;
        gitlab(&server.url)
            .set_status(&repository(PATH), TWELVE, HEAD, &status(CommitState::Pending))
            .await
            .unwrap();
        let written = server.asked().into_iter().find(|asked| asked.line == said());
        let written = written.map(|asked| asked.body["state"].clone());
        assert_eq!(written, state.map(Json::from), "{listed}");
    }
}

#[tokio::test]
async fn a_status_that_stands_already_is_said() {
    for refusal in [GITLAB_SAME_STATE, GITLAB_SAME_STATE_TEXT] {
        // Somebody else of ours was quicker.
        let server = Server::start().await;
        server.gives(&get("/merge_requests/12"), GITLAB_MERGE_REQUEST);
        server.on(&said(), Answer::json(400, refusal));
        server
            .gives(&statuses(), "[]")
            .gives(&statuses(), &format!("[{GITLAB_STATUS}]"));
        gitlab(&server.url)
            .set_status(&repository(PATH), TWELVE, HEAD, &status(CommitState::Pending))
            .await
            .unwrap();
        assert_eq!(
            server.lines(),
            [get("/merge_requests/12"), statuses(), said(), statuses()]
        );
        // Another state stands: it was not said.
        let refused = gitlab(&server.url)
            .set_status(&repository(PATH), TWELVE, HEAD, &status(CommitState::Success))
            .await;
        assert_eq!(refused.unwrap_err().meaning, Meaning::Invalid);
    }
    // Any other refusal is one.
    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), GITLAB_MERGE_REQUEST);
    server.on(&said(), Answer::json(400, r#"{"message":{"name":["is too long"]}}"#));
    let refused = gitlab(&server.url)
        .set_status(&repository(PATH), TWELVE, HEAD, &status(CommitState::Success))
        .await;
    assert_eq!(
        (refused.unwrap_err().meaning, server.lines()),
        (Meaning::Invalid, vec![get("/merge_requests/12"), said()])
    );
}

#[tokio::test]
async fn the_status_of_a_forks_commit_is_said_in_the_fork() {
    let from = |fork: &str| {
        GITLAB_MERGE_REQUEST.replace(
            r#""source_project_id":15513260"#,
            &format!(r#""source_project_id":{fork}"#),
        )
    };
    let there = format!("POST /api/v4/projects/77/statuses/{HEAD}");
    let success = status(CommitState::Success);
    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), &from("77"));
    server.on(&there, Answer::json(201, GITLAB_STATUS));
    gitlab(&server.url)
        .set_status(&repository(PATH), TWELVE, HEAD, &success)
        .await
        .unwrap();
    assert_eq!(server.lines(), [get("/merge_requests/12"), there.clone()]);
    for (refusal, meaning) in [
        (Answer::json(403, r#"{"message":"403 Forbidden"}"#), Meaning::Forbidden),
        (
            Answer::json(404, r#"{"message":"404 Project Not Found"}"#),
            Meaning::NotFound,
        ),
    ] {
        let server = Server::start().await;
        server.gives(&get("/merge_requests/12"), &from("77"));
        server.on(&there, refusal);
        let refused = gitlab(&server.url)
            .set_status(&repository(PATH), TWELVE, HEAD, &success)
            .await
            .unwrap_err();
        assert_eq!(refused.meaning, meaning);
        says(&refused, &["comes from a fork", "role Developer in project 77"]);
    }
    let server = Server::start().await;
    server.gives(&get("/merge_requests/12"), &from("null"));
    let refused = gitlab(&server.url)
        .set_status(&repository(PATH), TWELVE, HEAD, &success)
        .await
        .unwrap_err();
    assert_eq!(refused.meaning, Meaning::NotFound);
    says(&refused, &["is gone"]);
}

fn note(id: u64, author: u64, system: bool, body: &str) -> Json {
    json!({"id": id, "type": null, "body": body, "author": {"id": author, "username": "octo-bot"}, "system": system,
        "noteable_type": "MergeRequest", "noteable_iid": 12, "resolvable": false, "internal": false})
}

const NOTES: &str = "/merge_requests/12/notes?sort=asc&order_by=created_at&per_page=100&page=1";

#[tokio::test]
async fn the_first_note_is_made_and_the_oldest_of_ours_is_edited() {
    let old = format!("{MARKER}\nold");
    let text = format!("{MARKER}\nnew");
    let made = (format!("POST {SHOP}/merge_requests/12/notes"), json!({"body": text}));
    let edited = (format!("PUT {SHOP}/merge_requests/12/notes/8"), json!({"body": text}));
    let table = [
        (vec![], vec![made.clone()]),
        (
            vec![note(7, 5, false, &old), note(6, 1, true, &old)],
            vec![made.clone()],
        ),
        (
            vec![
                note(9, 1, false, &old),
                note(8, 1, false, &old),
                note(7, 5, false, &old),
            ],
            vec![edited.clone()],
        ),
        (vec![note(8, 1, false, &text)], vec![]),
    ];
    for (listed, expected) in table {
        let server = Server::start().await;
        server.gives(&get(NOTES), &Json::Array(listed.clone()).to_string());
        server.gives("GET /api/v4/user", GITLAB_USER);
        server.on(&made.0, Answer::json(201, "{}")).gives(&edited.0, "{}");
        gitlab(&server.url)
            .comment(&repository(PATH), TWELVE, MARKER, &text)
            .await
            .unwrap();
        let written = server
            .asked()
            .into_iter()
            .filter(|asked| !asked.line.starts_with("GET"));
        let written: Vec<(String, Json)> = written.map(|asked| (asked.line, asked.body)).collect();
        assert_eq!(written, expected, "{listed:?}");
    }
    // A token that is not told whose it is: notes do not say which are of programs, and a planted one must not be ours.
    let server = Server::start().await;
    server.gives(&get(NOTES), &Json::Array(vec![note(8, 5, false, &old)]).to_string());
    server.on("GET /api/v4/user", Answer::json(403, GITLAB_NO_SCOPE));
    let refused = gitlab(&server.url)
        .comment(&repository(PATH), TWELVE, MARKER, &text)
        .await
        .unwrap_err();
    assert_eq!(refused.meaning, Meaning::Forbidden);
    says(&refused, &["GET /user", "the scope api"]);
    assert!(server.lines().iter().all(|line| line.starts_with("GET")));
    // Deleted between the list and the edit.
    let server = Server::start().await;
    server.gives(&get(NOTES), &Json::Array(vec![note(8, 1, false, &old)]).to_string());
    server.gives("GET /api/v4/user", GITLAB_USER);
    server.on(&made.0, Answer::json(201, "{}"));
    server.on(&edited.0, Answer::json(404, r#"{"message":"404 Note Not Found"}"#));
    gitlab(&server.url)
        .comment(&repository(PATH), TWELVE, MARKER, &text)
        .await
        .unwrap();
    assert_eq!(server.lines()[2..], [edited.0, made.0]);
}

#[tokio::test]
async fn odd_answers_are_failures_that_say_what_to_do() {
    let table = [
        (
            Answer::html(200, "<html>Sign in</html>"),
            Meaning::Broken,
            "the answer is HTML",
        ),
        (
            Answer::json(200, "{\"iid\": 12, \"sta"),
            Meaning::Broken,
            "not whole JSON",
        ),
        (
            Answer::json(200, "{\"iid\": 12}"),
            Meaning::Broken,
            "not as it is documented",
        ),
        (
            Answer::json(401, r#"{"message":"401 Unauthorized"}"#),
            Meaning::Unauthorized,
            "give this forge a valid one",
        ),
        (
            Answer::json(403, GITLAB_NO_SCOPE),
            Meaning::Forbidden,
            "higher privileges",
        ),
        (
            Answer::json(403, GITLAB_NO_SCOPE),
            Meaning::Forbidden,
            "it takes the scope api",
        ),
        (
            Answer::json(404, r#"{"message":"404 Project Not Found"}"#),
            Meaning::NotFound,
            "Developer",
        ),
        (
            Answer::html(404, "<html>"),
            Meaning::Broken,
            "not in the platform's words",
        ),
        (
            Answer::html(429, "Retry later").header("retry-after", "7"),
            Meaning::RateLimited,
            "it asks for 7 s",
        ),
        (Answer::html(503, "<html>"), Meaning::Unavailable, "503"),
    ];
    for (answer, meaning, words) in table {
        let server = Server::start().await;
        server.on(&get("/merge_requests/12"), answer);
        let failure = gitlab(&server.url)
            .pull_request(&repository(PATH), TWELVE)
            .await
            .unwrap_err();
        assert_eq!(failure.meaning, meaning, "{}", failure.message);
        says(&failure, &[words]);
    }
}
