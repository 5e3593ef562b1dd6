//! GitHub.

use std::time::Duration;

use driftless::forge::{
    ChangedFile, CommitState, CommitStatus, FileChange, Forge as _, PullRequest, PullRequestState, Readiness,
};
use driftless_core::report::Meaning;
use serde_json::{Value as Json, json};

use super::bodies::*;
use super::loopback::{Answer, Asked, Server, TOKEN};
use super::{MARKER, MOST, TWELVE, file, github, options, patience, repository, says, status, whole, written};

const SHOP: &str = "/api/v3/repos/acme/shop";

fn get(path: &str) -> String {
    format!("GET {SHOP}{path}")
}

fn raw(body: &str) -> Answer {
    file("application/vnd.github.raw+json; charset=utf-8", body)
}

fn diffs() -> String {
    get(&format!("/contents/datafold/diffs.json?ref={HEAD}"))
}

#[tokio::test]
async fn a_pull_request_is_read_with_the_message_of_its_newest_commit() {
    let server = Server::start().await;
    server.gives(&get("/pulls/12"), GITHUB_PULL);
    server.gives(&get(&format!("/commits/{HEAD}")), GITHUB_COMMIT);
    let read = github(&server.url)
        .pull_request(&repository("acme/shop"), TWELVE)
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
            message: "Orders by day\n\ndatafold-skip-ci".to_owned(),
            base_branch: "main".to_owned(),
            base_sha: BASE.to_owned(),
            labels: vec!["datafold".to_owned(), "needs review".to_owned()],
        }
    );
    assert_eq!(server.lines(), [get("/pulls/12"), get(&format!("/commits/{HEAD}"))]);
}

#[tokio::test]
async fn drafts_and_closed_pull_requests_are_told() {
    let table = [
        (
            r#""draft":true"#,
            r#""state":"open""#,
            Readiness::Draft,
            PullRequestState::Open,
        ),
        (
            r#""draft":false"#,
            r#""state":"closed""#,
            Readiness::Ready,
            PullRequestState::Closed,
        ),
        (
            r#""merged_by":null"#,
            r#""state":"open""#,
            Readiness::Ready,
            PullRequestState::Open,
        ),
    ];
    for (draft, state, readiness, expected) in table {
        let server = Server::start().await;
        let body = GITHUB_PULL
            .replace(r#""draft":false"#, draft)
            .replace(r#""state":"open""#, state);
        server.gives(&get("/pulls/12"), &body);
        server.gives(&get(&format!("/commits/{HEAD}")), GITHUB_COMMIT);
        let read = github(&server.url)
            .pull_request(&repository("acme/shop"), TWELVE)
            .await
            .unwrap();
        assert_eq!((read.readiness, read.state), (readiness, expected), "{draft} {state}");
    }
}

#[tokio::test]
async fn an_enterprise_server_is_found_by_its_url_and_by_that_of_its_api() {
    let server = Server::start().await;
    server.gives(&get("/pulls/12"), GITHUB_PULL);
    server.gives(&get(&format!("/commits/{HEAD}")), GITHUB_COMMIT);
    for url in [format!("{}/", server.url), format!("{}/api/v3/", server.url)] {
        github(&url)
            .pull_request(&repository("acme/shop"), TWELVE)
            .await
            .unwrap();
        assert_eq!(server.lines().len(), 2);
    }
}

fn changed(count: usize) -> String {
    GITHUB_PULL.replace(r#""changed_files":4"#, &format!(r#""changed_files":{count}"#))
}

fn added(from: usize, to: usize) -> String {
    let file = |number| json!({"filename": format!("f{number}.sql"), "status": "added", "sha": "0"});
    Json::Array((from..to).map(file).collect()).to_string()
}

#[tokio::test]
async fn changed_files_are_those_written_renamed_and_deleted() {
    let server = Server::start().await;
    server.gives(&get("/pulls/12"), GITHUB_PULL);
    server.gives(&get("/pulls/12/files?per_page=100&page=1"), GITHUB_FILES);
    let read = github(&server.url)
        .changed_files(&repository("acme/shop"), TWELVE)
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
        written("models/copy.sql"),
    ];
    assert_eq!(read, expected);
}

#[tokio::test]
async fn changed_files_are_read_page_by_page_to_their_end() {
    let server = Server::start().await;
    server.gives(&get("/pulls/12"), &changed(200));
    server.gives(&get("/pulls/12/files?per_page=100&page=1"), &added(0, 100));
    server.gives(&get("/pulls/12/files?per_page=100&page=2"), &added(100, 200));
    server.gives(&get("/pulls/12/files?per_page=100&page=3"), "[]");
    let read = github(&server.url)
        .changed_files(&repository("acme/shop"), TWELVE)
        .await
        .unwrap();
    assert_eq!((read.len(), read[199].clone()), (200, written("f199.sql")));
    assert_eq!(server.lines().len(), 4);
}

#[tokio::test]
async fn the_most_files_that_github_lists_are_read_and_no_page_beyond() {
    let server = Server::start().await;
    server.gives(&get("/pulls/12"), &changed(3000));
    for page in 1..=30 {
        let line = get(&format!("/pulls/12/files?per_page=100&page={page}"));
        server.gives(&line, &added((page - 1) * 100, page * 100));
    }
    let read = github(&server.url)
        .changed_files(&repository("acme/shop"), TWELVE)
        .await
        .unwrap();
    assert_eq!((read.len(), server.lines().len()), (3000, 31));
}

#[tokio::test]
async fn a_list_of_files_that_is_cut_off_or_does_not_hold_still_is_no_list() {
    let server = Server::start().await;
    server.gives(&get("/pulls/12"), &changed(3001));
    let failure = github(&server.url)
        .changed_files(&repository("acme/shop"), TWELVE)
        .await
        .unwrap_err();
    assert_eq!(failure.meaning, Meaning::Invalid, "it will not be longer");
    says(&failure, &["3001 files", "lists 3000", "split it"]);
    assert_eq!(server.lines(), [get("/pulls/12")]);

    let server = Server::start().await;
    server.gives(&get("/pulls/12"), &changed(3));
    server.gives(&get("/pulls/12/files?per_page=100&page=1"), &added(0, 2));
    let failure = github(&server.url)
        .changed_files(&repository("acme/shop"), TWELVE)
        .await
        .unwrap_err();
    assert_eq!(failure.meaning, Meaning::Broken);
    says(&failure, &["2 files are listed", "changes 3"]);
    assert_eq!(server.lines().len(), 6);

    // A push in between.
    let server = Server::start().await;
    server
        .gives(&get("/pulls/12"), &changed(1))
        .gives(&get("/pulls/12"), &changed(2));
    server.gives(&get("/pulls/12/files?per_page=100&page=1"), &added(0, 2));
    let read = github(&server.url)
        .changed_files(&repository("acme/shop"), TWELVE)
        .await
        .unwrap();
    assert_eq!(read.len(), 2);
}

#[tokio::test]
async fn a_file_comes_as_it_is_however_long() {
    let server = Server::start().await;
    let long = "x".repeat(2 << 20);
    server.on(&diffs(), raw(&long));
    let read = github(&server.url)
        .file(&repository("acme/shop"), HEAD, "datafold/diffs.json", MOST)
        .await
        .unwrap();
    assert_eq!(read, Some(whole(long.as_bytes())));
    // A file of JSON is no object about a file.
    let server = Server::start().await;
    server.on(&diffs(), raw(GITHUB_CONTENTS));
    let read = github(&server.url)
        .file(&repository("acme/shop"), HEAD, "datafold/diffs.json", MOST)
        .await
        .unwrap();
    assert_eq!(read, Some(whole(GITHUB_CONTENTS.as_bytes())));
}

#[tokio::test]
async fn a_server_that_sends_no_raw_files_sends_them_as_base64() {
    let server = Server::start().await;
    server.gives(&diffs(), GITHUB_CONTENTS);
    let read = github(&server.url)
        .file(&repository("acme/shop"), HEAD, "datafold/diffs.json", MOST)
        .await
        .unwrap();
    assert_eq!(read, Some(whole(b"{\"diffs\": []}\n")));
    let server = Server::start().await;
    server.gives(&diffs(), GITHUB_FOLDER);
    let read = github(&server.url)
        .file(&repository("acme/shop"), HEAD, "datafold/diffs.json", MOST)
        .await
        .unwrap();
    assert_eq!(read, None, "a folder is no file");
    for odd in [
        GITHUB_CONTENTS.replace("base64", "none"),
        GITHUB_CONTENTS.replace("eyJ", "###"),
        "{".to_owned(),
    ] {
        let server = Server::start().await;
        server.gives(&diffs(), &odd);
        let read = github(&server.url)
            .file(&repository("acme/shop"), HEAD, "datafold/diffs.json", MOST)
            .await;
        assert_eq!(read.unwrap_err().meaning, Meaning::Broken, "{odd}");
    }
}

#[tokio::test]
async fn a_file_is_absent_only_where_its_commit_is_shown() {
    let server = Server::start().await;
    server.on(&diffs(), Answer::json(404, GITHUB_NOT_FOUND));
    server.gives(&get(&format!("/commits/{HEAD}")), GITHUB_COMMIT);
    let read = github(&server.url)
        .file(&repository("acme/shop"), HEAD, "datafold/diffs.json", MOST)
        .await
        .unwrap();
    assert_eq!(read, None);
    let server = Server::start().await;
    server.on(&diffs(), Answer::json(404, GITHUB_NOT_FOUND));
    server.on(&get(&format!("/commits/{HEAD}")), Answer::json(404, GITHUB_NOT_FOUND));
    let failure = github(&server.url)
        .file(&repository("acme/shop"), HEAD, "datafold/diffs.json", MOST)
        .await
        .unwrap_err();
    assert_eq!(failure.meaning, Meaning::NotFound);
    says(&failure, &["may not see it", "contents:read"]);
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused_before_anything_is_sent() {
    let server = Server::start().await;
    let forge = github(&server.url);
    for path in ["../secrets", "a/../../b", "/etc", "a//b", ""] {
        let failure = forge
            .file(&repository("acme/shop"), HEAD, path, MOST)
            .await
            .unwrap_err();
        assert_eq!(failure.meaning, Meaning::Invalid, "{path}");
    }
    for path in ["acme/..", "acme", "acme/data/shop", ""] {
        let failure = forge.pull_request(&repository(path), TWELVE).await.unwrap_err();
        assert_eq!(failure.meaning, Meaning::Invalid, "{path}");
    }
    let moving = forge
        .file(&repository("acme/shop"), "main", "a", MOST)
        .await
        .unwrap_err();
    assert_eq!(moving.meaning, Meaning::Invalid);
    assert_eq!(server.lines(), [""; 0]);
}

#[tokio::test]
async fn a_name_is_encoded_and_a_path_keeps_its_segments() {
    let server = Server::start().await;
    let line = get(&format!("/contents/a%20b/%C3%A9%3F%23.sql?ref={HEAD}"));
    server.on(&line, raw("x"));
    let read = github(&server.url)
        .file(&repository("acme/shop"), HEAD, "a b/é?#.sql", MOST)
        .await
        .unwrap();
    assert_eq!(read, Some(whole(b"x")));
}

#[tokio::test]
async fn a_status_is_said_in_githubs_words() {
    let line = format!("POST {SHOP}/statuses/{HEAD}");
    let table = [
        (CommitState::Pending, "pending"),
        (CommitState::Success, "success"),
        (CommitState::Failure, "failure"),
        (CommitState::Error, "error"),
    ];
    let server = Server::start().await;
    server.on(&line, Answer::json(201, GITHUB_STATUS));
    for (state, word) in table {
        github(&server.url)
            .set_status(&repository("acme/shop"), TWELVE, HEAD, &status(state))
            .await
            .unwrap();
        let body = json!({"state": word, "context": "driftless/shop", "description": "Data diffs run",
            "target_url": "https://app.example.com/ci/9"});
        assert_eq!(
            server.asked(),
            [Asked {
                line: line.clone(),
                body
            }]
        );
    }
    // What GitHub refuses is made to fit: the status matters more than its words.
    let long = CommitStatus {
        description: "é".repeat(200),
        url: Some("ftp://example.com".to_owned()),
        ..status(CommitState::Error)
    };
    github(&server.url)
        .set_status(&repository("acme/shop"), TWELVE, HEAD, &long)
        .await
        .unwrap();
    let body = json!({"state": "error", "context": "driftless/shop", "description": format!("{}…", "é".repeat(139))});
    assert_eq!(server.asked(), [Asked { line, body }]);
}

fn comment(id: u64, user: Option<u64>, body: &str) -> Json {
    let user = user.map(|id| json!({"login": "octo-bot", "id": id, "type": "User"}));
    json!({"id": id, "node_id": "x", "user": user, "body": body, "created_at": "2026-11-01T09:00:00Z"})
}

const COMMENTS: &str = "/issues/12/comments?per_page=100&page=1";

/// What is sent, when `listed` stands there, to say `text`.
async fn sent(server: &Server, who: Answer, listed: Vec<Json>, text: &str) -> Vec<Asked> {
    server.gives(&get(COMMENTS), &Json::Array(listed).to_string());
    server.on("GET /api/v3/user", who);
    server.on(&format!("POST {SHOP}/issues/12/comments"), Answer::json(201, "{}"));
    server.on(&format!("PATCH {SHOP}/issues/comments/8"), Answer::json(200, "{}"));
    let body = format!("{MARKER}\n{text}");
    github(&server.url)
        .comment(&repository("acme/shop"), TWELVE, MARKER, &body)
        .await
        .unwrap();
    server.asked()
}

fn writes(asked: Vec<Asked>) -> Vec<(String, Json)> {
    let written = asked.into_iter().filter(|asked| !asked.line.starts_with("GET"));
    written.map(|asked| (asked.line, asked.body)).collect()
}

fn user() -> Answer {
    Answer::json(200, GITHUB_USER)
}

fn made(text: &str) -> Vec<(String, Json)> {
    vec![(
        format!("POST {SHOP}/issues/12/comments"),
        json!({"body": format!("{MARKER}\n{text}")}),
    )]
}

fn edited(text: &str) -> Vec<(String, Json)> {
    vec![(
        format!("PATCH {SHOP}/issues/comments/8"),
        json!({"body": format!("{MARKER}\n{text}")}),
    )]
}

#[tokio::test]
async fn the_first_comment_is_made_and_the_oldest_of_ours_is_edited() {
    let old = format!("{MARKER}\nold");
    let quoted = format!("> {MARKER}\n> old");
    let table = [
        (vec![], made("new")),
        (vec![comment(7, Some(5), &old), comment(9, None, &old)], made("new")),
        (vec![comment(8, Some(1), &quoted)], edited("new")),
        (
            vec![
                comment(9, Some(1), &old),
                comment(8, Some(1), &old),
                comment(7, Some(5), &old),
            ],
            edited("new"),
        ),
        (vec![comment(8, Some(1), &format!("{MARKER}\r\nnew"))], vec![]),
    ];
    for (listed, expected) in table {
        let server = Server::start().await;
        let asked = sent(&server, user(), listed.clone(), "new").await;
        assert_eq!(writes(asked), expected, "{listed:?}");
    }
}

fn by_bot(id: u64, user: u64, body: &str) -> Json {
    let mut comment = comment(id, Some(user), body);
    comment["user"]["type"] = json!("Bot");
    comment
}

#[tokio::test]
async fn an_app_knows_its_comment_by_the_marker_at_its_head_and_by_what_wrote_it() {
    let (old, quoted) = (format!("{MARKER}\nold"), format!("> {MARKER}\n> old"));
    let table = [
        (vec![comment(7, Some(5), &quoted), by_bot(8, 41, &old)], edited("new")),
        (
            vec![comment(6, Some(5), &old), by_bot(7, 42, &quoted), by_bot(8, 41, &old)],
            edited("new"),
        ),
        // What a person has planted is left alone, and so is one whose account is gone.
        (vec![comment(6, Some(5), &old)], made("new")),
        (vec![comment(6, None, &old)], made("new")),
    ];
    for (listed, expected) in table {
        let server = Server::start().await;
        let who = Answer::json(403, GITHUB_NO_USER);
        let asked = sent(&server, who, listed.clone(), "new").await;
        assert_eq!(writes(asked), expected, "{listed:?}");
    }
}

#[tokio::test]
async fn an_app_that_may_not_edit_another_bots_comment_adds_its_own_once() {
    let old = format!("{MARKER}\nold");
    for refusal in [403, 404] {
        let foreign = format!("PATCH {SHOP}/issues/comments/6");
        let refused = vec![(foreign.clone(), json!({"body": format!("{MARKER}\nnew")}))];
        let server = Server::start().await;
        server.on(&foreign, Answer::json(refusal, GITHUB_NOT_FOUND));
        let who = Answer::json(403, GITHUB_NO_USER);
        let asked = sent(&server, who.clone(), vec![by_bot(6, 42, &old)], "new").await;
        assert_eq!(writes(asked), [refused.clone(), made("new")].concat());
        // The next time it is among those that may be ours.
        let server = Server::start().await;
        server.on(&foreign, Answer::json(refusal, GITHUB_NOT_FOUND));
        let listed = vec![by_bot(6, 42, &old), by_bot(8, 41, &old)];
        assert_eq!(
            writes(sent(&server, who, listed, "new").await),
            [refused, edited("new")].concat()
        );
    }
}

#[tokio::test]
async fn a_user_who_may_not_edit_the_own_comment_is_told_so() {
    let server = Server::start().await;
    server.gives(
        &get(COMMENTS),
        &Json::Array(vec![comment(8, Some(1), MARKER)]).to_string(),
    );
    server.on("GET /api/v3/user", user());
    server.on(
        &format!("PATCH {SHOP}/issues/comments/8"),
        Answer::json(403, GITHUB_NO_USER),
    );
    let forge = github(&server.url);
    let said = forge.comment(&repository("acme/shop"), TWELVE, MARKER, "x").await;
    assert_eq!(said.unwrap_err().meaning, Meaning::Forbidden);
}

#[tokio::test]
async fn a_comment_that_was_deleted_meanwhile_is_made_again() {
    let server = Server::start().await;
    let gone = Answer::json(404, GITHUB_NOT_FOUND);
    server.on(&format!("PATCH {SHOP}/issues/comments/8"), gone.clone());
    server.on(&format!("PATCH {SHOP}/issues/comments/8"), gone);
    let asked = sent(&server, user(), vec![comment(8, Some(1), MARKER)], "new").await;
    assert_eq!(writes(asked), [edited("new"), made("new")].concat());
}

#[tokio::test]
async fn a_comment_on_the_second_page_is_found() {
    let server = Server::start().await;
    let others: Vec<Json> = (100..200).map(|id| comment(id, Some(5), "other")).collect();
    let second = Json::Array(vec![comment(8, Some(1), MARKER)]);
    server.gives(&get("/issues/12/comments?per_page=100&page=2"), &second.to_string());
    assert_eq!(writes(sent(&server, user(), others, "new").await), edited("new"));
}

#[tokio::test]
async fn a_rate_limit_is_told_from_a_missing_right_and_says_when_it_ends() {
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    let limited = |status, body: &str| Answer::json(status, body).header("date", date);
    let primary = limited(403, GITHUB_RATE)
        .header("x-ratelimit-limit", "5000")
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "1792567740");
    let table = [
        (primary, Meaning::RateLimited, Some(60), "too many requests"),
        (
            limited(403, GITHUB_SECONDARY_RATE).header("retry-after", "30"),
            Meaning::RateLimited,
            Some(30),
            "30 s",
        ),
        (
            limited(403, GITHUB_SECONDARY_RATE),
            Meaning::RateLimited,
            None,
            "too many requests",
        ),
        (
            limited(429, GITHUB_SECONDARY_RATE).header("retry-after", "9"),
            Meaning::RateLimited,
            Some(9),
            "9 s",
        ),
        (
            limited(403, GITHUB_NO_USER).header("x-ratelimit-remaining", "4999"),
            Meaning::Forbidden,
            None,
            "it takes pull_requests:read",
        ),
    ];
    for (answer, meaning, wait, words) in table {
        let server = Server::start().await;
        server.on(&get("/pulls/12"), answer);
        let failure = github(&server.url)
            .pull_request(&repository("acme/shop"), TWELVE)
            .await
            .unwrap_err();
        assert_eq!(
            (failure.meaning, failure.retry_after),
            (meaning, wait.map(Duration::from_secs))
        );
        says(&failure, &[words]);
    }
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
            Answer::json(200, "{\"number\": 12, \"sta"),
            Meaning::Broken,
            "not whole JSON",
        ),
        (
            Answer::json(200, "{\"number\": 12}"),
            Meaning::Broken,
            "not as it is documented",
        ),
        (
            Answer::json(200, &GITHUB_PULL.replace("\"open\"", "\"limbo\"")),
            Meaning::Broken,
            "`state`",
        ),
        (Answer::json(200, ""), Meaning::Broken, "no body"),
        (
            Answer::json(401, r#"{"message":"Bad credentials"}"#),
            Meaning::Unauthorized,
            "give this forge a valid one",
        ),
        (
            Answer::json(404, GITHUB_NOT_FOUND),
            Meaning::NotFound,
            "pull_requests:read",
        ),
        (
            Answer::html(404, "<html>"),
            Meaning::Broken,
            "not in the platform's words",
        ),
        (
            Answer::json(301, r#"{"message":"Moved Permanently"}"#),
            Meaning::Broken,
            "another path",
        ),
        (Answer::html(502, "<html>"), Meaning::Unavailable, "502"),
    ];
    for (answer, meaning, words) in table {
        let server = Server::start().await;
        server.on(&get("/pulls/12"), answer);
        let failure = github(&server.url)
            .pull_request(&repository("acme/shop"), TWELVE)
            .await
            .unwrap_err();
        assert_eq!(failure.meaning, meaning, "{}", failure.message);
        says(&failure, &[words, "GET /repos/acme/shop/pulls/12"]);
    }
}

#[tokio::test]
async fn a_file_is_never_a_page_to_sign_in() {
    let server = Server::start().await;
    server.on(&diffs(), Answer::html(200, "<html>Sign in</html>"));
    let failure = github(&server.url)
        .file(&repository("acme/shop"), HEAD, "datafold/diffs.json", MOST)
        .await
        .unwrap_err();
    assert_eq!(failure.meaning, Meaning::Broken);
    says(&failure, &["login page"]);
}

#[tokio::test]
async fn a_read_is_sent_again_and_a_write_is_not() {
    let server = Server::start().await;
    server
        .on(&get("/pulls/12"), Answer::html(502, ""))
        .gives(&get("/pulls/12"), GITHUB_PULL);
    server.gives(&get(&format!("/commits/{HEAD}")), GITHUB_COMMIT);
    let forge = driftless::forge::github::GitHub::new(options(&server.url), patience(1)).unwrap();
    forge.pull_request(&repository("acme/shop"), TWELVE).await.unwrap();
    assert_eq!(server.lines().len(), 3);
    let line = format!("POST {SHOP}/statuses/{HEAD}");
    server.on(&line, Answer::html(502, ""));
    let said = forge
        .set_status(&repository("acme/shop"), TWELVE, HEAD, &status(CommitState::Success))
        .await
        .unwrap_err();
    assert_eq!((said.meaning, server.lines()), (Meaning::Lost, vec![line]));
}

#[tokio::test]
async fn a_token_that_comes_back_is_not_repeated() {
    let server = Server::start().await;
    server.on(
        &get("/pulls/12"),
        Answer::json(403, &format!(r#"{{"message":"token {TOKEN} is blocked"}}"#)),
    );
    let failure = github(&server.url)
        .pull_request(&repository("acme/shop"), TWELVE)
        .await
        .unwrap_err();
    says(&failure, &["is blocked"]);
}

#[tokio::test]
async fn a_token_does_not_go_where_an_answer_points() {
    let elsewhere = Server::start().await;
    for status in [301, 302, 303, 307, 308] {
        for path in ["/elsewhere", "//elsewhere.example.com/x", ""] {
            let server = Server::start().await;
            let location = format!("{}{path}", elsewhere.url);
            let moved = Answer::json(status, r#"{"message":"Moved"}"#).header("location", &location);
            server.on(&get("/pulls/12"), moved.clone());
            server.on(&diffs(), moved.clone());
            server.on(&format!("POST {SHOP}/statuses/{HEAD}"), moved.clone());
            server.on("GET /api/v4/projects/acme%2Fshop/merge_requests/12", moved);
            let (hub, lab, shop) = (github(&server.url), super::gitlab(&server.url), repository("acme/shop"));
            let refused = [
                hub.pull_request(&shop, TWELVE).await.map(|_| ()),
                hub.file(&shop, HEAD, "datafold/diffs.json", MOST).await.map(|_| ()),
                hub.set_status(&shop, TWELVE, HEAD, &super::status(CommitState::Success))
                    .await,
                lab.pull_request(&shop, TWELVE).await.map(|_| ()),
            ];
            for refused in refused {
                says(&refused.unwrap_err(), &["points elsewhere"]);
            }
        }
    }
    assert_eq!(elsewhere.lines(), [""; 0]);
}
