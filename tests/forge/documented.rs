//! The examples of both forges' documentation, whole: what is not read of them, and what is null there, stands in nobody's way.
//!
//! | file | page |
//! |---|---|
//! | `github_pull`, `github_files` | docs.github.com/en/rest/pulls/pulls, "Get a pull request", "List pull requests files" |
//! | `github_commit` | docs.github.com/en/rest/commits/commits, "Get a commit" |
//! | `github_contents_*` | docs.github.com/en/rest/repos/contents, "Get repository content"; the file's `content` is our own |
//! | `github_status` | docs.github.com/en/rest/commits/statuses, "Create a commit status" |
//! | `github_comments` | docs.github.com/en/rest/issues/comments, "List issue comments" |
//! | `github_user` | docs.github.com/en/rest/users/users, "Get the authenticated user" |
//! | `github_hook_*` | docs.github.com/en/webhooks/webhook-events-and-payloads, `pull_request` |
//! | `gitlab_merge_request` | docs.gitlab.com/api/merge_requests, "Get single MR" |
//! | `gitlab_statuses`, `gitlab_status` | docs.gitlab.com/api/commits, "List the statuses of a commit", "Set the pipeline status of a commit" |
//! | `gitlab_notes` | docs.gitlab.com/api/notes, "Get single merge request note" |
//! | `gitlab_hook` | docs.gitlab.com/user/project/integrations/webhook_events, "Merge request events" |
//!
//! GitHub's are the examples of its published OpenAPI description (`@octokit/openapi` 23.0.2) and of `@octokit/webhooks-examples` 7.6.1,
//! as they are. GitLab's have the fields, types and nulls of its pages' examples, and persons, texts and times of our own. None was
//! recorded from a running forge.

use driftless::forge::{CommitState, Forge as _, PullRequestState, Readiness};
use driftless::platform::data_diffs::PullRequestNumber;
use serde_json::Value as Json;

use super::loopback::{Answer, Server};
use super::{MARKER, MOST, github, gitlab, repository, status, whole, written};

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
const SHOP: &str = "/api/v3/repos/octocat/Hello-World";

#[tokio::test]
async fn githubs_examples_are_read_whole() {
    let (here, number) = (repository("octocat/Hello-World"), PullRequestNumber(1347));
    let server = Server::start().await;
    let get = |path: &str| format!("GET {SHOP}{path}");
    let pull = include_str!("documented/github_pull.json");
    server.gives(&get("/pulls/1347"), pull);
    server.gives(
        &get(&format!("/commits/{SHA}")),
        include_str!("documented/github_commit.json"),
    );
    let forge = github(&server.url);
    let read = forge.pull_request(&here, number).await.unwrap();
    assert_eq!((read.sha.as_str(), read.base_sha.as_str()), (SHA, SHA));
    assert_eq!(
        (read.branch.as_str(), read.base_branch.as_str()),
        ("new-topic", "master")
    );
    assert_eq!((read.state, read.readiness), (PullRequestState::Open, Readiness::Ready));
    assert_eq!(
        (read.labels, read.message.as_str()),
        (vec!["bug".to_owned()], "Fix all the bugs")
    );

    // The example says 5 files and lists one.
    let one = pull.replace(r#""changed_files":5"#, r#""changed_files":1"#);
    let server = Server::start().await;
    server.gives(&get("/pulls/1347"), &one);
    server.gives(
        &get("/pulls/1347/files?per_page=100&page=1"),
        include_str!("documented/github_files.json"),
    );
    server.on(
        &format!("POST {SHOP}/statuses/{SHA}"),
        Answer::json(201, include_str!("documented/github_status.json")),
    );
    let comments = include_str!("documented/github_comments.json");
    server.gives(&get("/issues/1347/comments?per_page=100&page=1"), comments);
    server.gives("GET /api/v3/user", include_str!("documented/github_user.json"));
    let own: Json = serde_json::from_str(comments).unwrap();
    server.on(
        &format!("POST {SHOP}/issues/1347/comments"),
        Answer::json(201, &own[0].to_string()),
    );
    server.gives(&format!("PATCH {SHOP}/issues/comments/1"), &own[0].to_string());
    let forge = github(&server.url);
    assert_eq!(
        forge.changed_files(&here, number).await.unwrap(),
        [written("file1.txt")]
    );
    forge
        .set_status(&here, number, SHA, &status(CommitState::Success))
        .await
        .unwrap();
    forge.comment(&here, number, MARKER, MARKER).await.unwrap();
    assert_eq!(
        server.lines().last(),
        Some(&format!("POST {SHOP}/issues/1347/comments"))
    );
    // The example's comment is of the example's user.
    forge
        .comment(&here, number, "Me too", "Me too, and more")
        .await
        .unwrap();
    assert_eq!(server.lines().last(), Some(&format!("PATCH {SHOP}/issues/comments/1")));
}

#[tokio::test]
async fn what_github_shows_in_place_of_a_file_is_none() {
    let table = [
        (
            include_str!("documented/github_contents_file.json"),
            Some(whole(b"{\"diffs\": []}\n")),
        ),
        (include_str!("documented/github_contents_directory.json"), None),
        (include_str!("documented/github_contents_symlink.json"), None),
        (include_str!("documented/github_contents_submodule.json"), None),
    ];
    for (shown, expected) in table {
        let server = Server::start().await;
        server.gives(&format!("GET {SHOP}/contents/datafold/diffs.json?ref={SHA}"), shown);
        let read = github(&server.url)
            .file(&repository("octocat/Hello-World"), SHA, "datafold/diffs.json", MOST)
            .await;
        assert_eq!(read.unwrap(), expected, "{shown}");
    }
}

#[tokio::test]
async fn gitlabs_examples_are_read_whole() {
    let (here, number) = (repository("dev/shop"), PullRequestNumber(133));
    let project = "/api/v4/projects/dev%2Fshop";
    let sha = "e82eb4a098e32c796079ca3915e07487fc4db24c";
    let server = Server::start().await;
    let get = |path: &str| format!("GET {project}{path}");
    server.gives(
        &get("/merge_requests/133"),
        include_str!("documented/gitlab_merge_request.json"),
    );
    let commit = super::bodies::GITLAB_COMMIT;
    server.gives(&get(&format!("/repository/commits/{sha}")), commit);
    let statuses = get(&format!(
        "/repository/commits/{sha}/statuses?name=test&ref=manual-job-rules&per_page=100&page=1"
    ));
    server.gives(&statuses, include_str!("documented/gitlab_statuses.json"));
    server.on(
        &format!("POST {project}/statuses/{sha}"),
        Answer::json(201, include_str!("documented/gitlab_status.json")),
    );
    server.gives(
        &get("/merge_requests/133/notes?sort=asc&order_by=created_at&per_page=100&page=1"),
        include_str!("documented/gitlab_notes.json"),
    );
    server.gives("GET /api/v4/user", super::bodies::GITLAB_USER);
    server.gives(&format!("PUT {project}/merge_requests/133/notes/301"), "{}");
    let forge = gitlab(&server.url);
    let read = forge.pull_request(&here, number).await.unwrap();
    assert_eq!((read.sha.as_str(), read.branch.as_str()), (sha, "manual-job-rules"));
    assert_eq!(read.base_sha, "1162f719d711319a2efb2a35566f3bfdadee8bab");
    assert_eq!((read.state, read.labels), (PullRequestState::Open, vec![]));
    let mut said = status(CommitState::Pending);
    "test".clone_into(&mut said.context);
    server.asked();
    forge.set_status(&here, number, sha, &said).await.unwrap();
    let sent = server.asked().pop().unwrap();
    assert_eq!(
        sent.body["state"], "running",
        "the example's `test` waits in other words"
    );
    forge
        .comment(&here, number, "Comment for MR", "Comment for MR, and more")
        .await
        .unwrap();
    let edited = server.lines().pop();
    assert_eq!(edited, Some(format!("PUT {project}/merge_requests/133/notes/301")));
}
