//! Bodies of both forges, shaped after the examples of their documentation, shortened to what surrounds the fields that are read, with
//! names and numbers of our own; the examples whole are in `documented`. GitHub: docs.github.com/en/rest (`pulls/pulls`,
//! `commits/commits`, `repos/contents`, `commits/statuses`, `issues/comments`, `users/users`,
//! `using-the-rest-api/rate-limits-for-the-rest-api`). GitLab: docs.gitlab.com/api (`merge_requests`, `commits`, `repository_files`,
//! `notes`, `users`, `rest/troubleshooting`); the refusals of a status are as GitLab's users report them.

pub(crate) const HEAD: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
pub(crate) const BASE: &str = "9f3a1c07b1f6d7e0c3a5d8e2b4f60718293a4b5c";

pub(crate) const GITHUB_PULL: &str = r#"{"url":"https://api.github.com/repos/acme/shop/pulls/12","id":1,"node_id":"MDExOlB1bGxSZXF1ZXN0MQ==",
  "html_url":"https://github.com/acme/shop/pull/12","number":12,"state":"open","locked":false,"title":"Orders by day",
  "user":{"login":"octo-dev","id":5,"type":"User","site_admin":false},"body":"Counts orders by day.",
  "labels":[{"id":208045946,"node_id":"MDU6TGFiZWwyMDgwNDU5NDY=","url":"https://api.github.com/repos/acme/shop/labels/datafold",
  "name":"datafold","description":null,"color":"f29513","default":false},
  {"id":208045947,"name":"needs review","color":"ededed","default":false}],
  "milestone":null,"active_lock_reason":null,"created_at":"2026-11-01T09:00:00Z","closed_at":null,"merged_at":null,
  "merge_commit_sha":"e5bd3914e2e596debea16f433f57875b5b90bcd6","assignee":null,"requested_reviewers":[],
  "head":{"label":"acme:orders-by-day","ref":"orders-by-day","sha":"6dcb09b5b57875f334f61aebed695e2e4193db5e",
  "user":{"login":"acme","id":1},"repo":{"id":1296269,"full_name":"acme/shop"}},
  "base":{"label":"acme:main","ref":"main","sha":"9f3a1c07b1f6d7e0c3a5d8e2b4f60718293a4b5c","user":{"login":"acme","id":1},
  "repo":{"id":1296269,"full_name":"acme/shop"}},"draft":false,"merged":false,"mergeable":true,"rebaseable":true,
  "mergeable_state":"clean","comments":10,"review_comments":0,"commits":3,"additions":100,"deletions":3,"changed_files":4}"#;

pub(crate) const GITHUB_COMMIT: &str = r#"{"url":"https://api.github.com/repos/acme/shop/commits/6dcb09b5b57875f334f61aebed695e2e4193db5e",
  "sha":"6dcb09b5b57875f334f61aebed695e2e4193db5e","commit":{"author":{"name":"Octo Dev","email":"dev@example.com",
  "date":"2026-11-01T09:00:00Z"},"message":"Orders by day\n\ndatafold-skip-ci","tree":{"sha":"6dcb09b5b57875f334f61aebed695e2e4193db5e"},
  "comment_count":0,"verification":{"verified":false,"reason":"unsigned","signature":null,"payload":null}},"parents":[],
  "stats":{"additions":104,"deletions":4,"total":108},"files":[]}"#;

pub(crate) const GITHUB_FILES: &str = r#"[{"sha":"bbcd538c8e72b8c175046e27cc8f907076331401","filename":"models/orders.sql","status":"modified",
  "additions":103,"deletions":21,"changes":124,"blob_url":"https://github.com/acme/shop/blob/6dcb/models/orders.sql",
  "contents_url":"https://api.github.com/repos/acme/shop/contents/models/orders.sql?ref=6dcb","patch":"@@ -1 +1 @@"},
  {"sha":"bbcd538c8e72b8c175046e27cc8f907076331402","filename":"models/days.sql","status":"renamed","previous_filename":"models/day.sql",
  "additions":0,"deletions":0,"changes":0},
  {"sha":"bbcd538c8e72b8c175046e27cc8f907076331403","filename":"models/old.sql","status":"removed","additions":0,"deletions":9,"changes":9},
  {"sha":"bbcd538c8e72b8c175046e27cc8f907076331404","filename":"models/copy.sql","status":"copied","previous_filename":"models/orders.sql",
  "additions":0,"deletions":0,"changes":0}]"#;

pub(crate) const GITHUB_CONTENTS: &str = r#"{"type":"file","encoding":"base64","size":15,"name":"diffs.json","path":"datafold/diffs.json",
  "content":"eyJkaWZmcyI6\nIFtdfQo=\n","sha":"3d21ec53a331a6f037a91c368710b99387d012c1"}"#;

pub(crate) const GITHUB_FOLDER: &str = r#"[{"type":"file","size":625,"name":"diffs.json","path":"datafold/diffs.json",
  "sha":"fff6fe3a23bf1c8ea0692b4a883af99bee26fd3b"}]"#;

pub(crate) const GITHUB_STATUS: &str = r#"{"url":"https://api.github.com/repos/acme/shop/statuses/6dcb","id":1,"state":"success",
  "description":"No differences","target_url":"https://app.example.com/ci/9","context":"driftless/shop",
  "created_at":"2026-11-01T09:00:00Z","updated_at":"2026-11-01T09:00:00Z","creator":{"login":"octo-bot","id":1}}"#;

pub(crate) const GITHUB_USER: &str =
    r#"{"login":"octo-bot","id":1,"node_id":"MDQ6VXNlcjE=","type":"User","site_admin":false,"name":null}"#;

pub(crate) const GITHUB_NO_USER: &str = r#"{"message":"Resource not accessible by integration",
  "documentation_url":"https://docs.github.com/rest/users/users#get-the-authenticated-user","status":"403"}"#;

pub(crate) const GITHUB_NOT_FOUND: &str = r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest/pulls/pulls#get-a-pull-request","status":"404"}"#;

pub(crate) const GITHUB_RATE: &str = r#"{"message":"API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, please include the request ID.",
  "documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api","status":"403"}"#;

pub(crate) const GITHUB_SECONDARY_RATE: &str = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
  "documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits","status":"403"}"#;

pub(crate) const GITLAB_MERGE_REQUEST: &str = r#"{"id":155016530,"iid":12,"project_id":15513260,"title":"Orders by day","description":"",
  "state":"opened","created_at":"2026-11-01T09:00:00.000Z","merged_by":null,"merged_at":null,"closed_at":null,
  "target_branch":"main","source_branch":"orders-by-day","user_notes_count":0,"upvotes":0,
  "author":{"id":4155490,"username":"octo-dev","name":"Octo Dev","state":"active"},"assignees":[],"reviewers":[],
  "source_project_id":15513260,"target_project_id":15513260,"labels":["datafold","needs review"],"draft":false,"imported":false,
  "work_in_progress":false,"milestone":null,"merge_status":"can_be_merged","detailed_merge_status":"can_be_merged",
  "sha":"6dcb09b5b57875f334f61aebed695e2e4193db5e","merge_commit_sha":null,"squash_commit_sha":null,"squash":false,
  "references":{"short":"!12","relative":"!12","full":"acme/data/shop!12"},"subscribed":true,"changes_count":"3",
  "latest_build_started_at":null,"pipeline":null,"head_pipeline":null,
  "diff_refs":{"base_sha":"9f3a1c07b1f6d7e0c3a5d8e2b4f60718293a4b5c","head_sha":"6dcb09b5b57875f334f61aebed695e2e4193db5e",
  "start_sha":"1162f719d711319a2efb2a35566f3bfdadee8bab"},"merge_error":null,"first_contribution":false,"user":{"can_merge":true}}"#;

pub(crate) const GITLAB_COMMIT: &str = r#"{"id":"6dcb09b5b57875f334f61aebed695e2e4193db5e","short_id":"6dcb09b5","title":"Orders by day",
  "author_name":"Octo Dev","author_email":"dev@example.com","committer_name":"Octo Dev","committer_email":"dev@example.com",
  "created_at":"2026-11-01T09:00:00.000+00:00","message":"Orders by day\n\ndatafold-skip-ci\n",
  "committed_date":"2026-11-01T09:00:00.000+00:00","parent_ids":["1162f719d711319a2efb2a35566f3bfdadee8bab"],
  "stats":{"additions":15,"deletions":10,"total":25},"status":"running"}"#;

pub(crate) const GITLAB_DIFFS: &str = r#"[{"old_path":"models/orders.sql","new_path":"models/orders.sql","a_mode":"100644","b_mode":"100644",
  "diff":"@@ -1 +1 @@","collapsed":false,"too_large":false,"new_file":false,"renamed_file":false,"deleted_file":false,"generated_file":false},
  {"old_path":"models/day.sql","new_path":"models/days.sql","a_mode":"100644","b_mode":"100644","diff":"","collapsed":false,
  "too_large":false,"new_file":false,"renamed_file":true,"deleted_file":false,"generated_file":false},
  {"old_path":"models/old.sql","new_path":"models/old.sql","a_mode":"100644","b_mode":"0","diff":"","collapsed":true,"too_large":true,
  "new_file":false,"renamed_file":false,"deleted_file":true,"generated_file":false}]"#;

pub(crate) const GITLAB_STATUS: &str = r#"{"id":93,"sha":"6dcb09b5b57875f334f61aebed695e2e4193db5e","ref":"orders-by-day","status":"pending",
  "name":"driftless/shop","target_url":"https://app.example.com/ci/9","description":"Data diffs run","created_at":"2026-11-01T09:00:00.000Z",
  "started_at":null,"finished_at":null,"allow_failure":false,"coverage":null,"author":{"id":1,"username":"octo-bot"}}"#;

pub(crate) const GITLAB_SAME_STATE: &str = r#"{"message":{"status":["Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \"enqueue\")"]}}"#;

pub(crate) const GITLAB_SAME_STATE_TEXT: &str = r#"{"message":"Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \"enqueue\")"}"#;

pub(crate) const GITLAB_USER: &str = r#"{"id":1,"username":"octo-bot","name":"Octo Bot","state":"active","bot":true}"#;

pub(crate) const GITLAB_NO_SCOPE: &str = r#"{"error":"insufficient_scope",
  "error_description":"The request requires higher privileges than provided by the access token.","scope":"api"}"#;
