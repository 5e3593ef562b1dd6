//! The pages: what they show, and that nothing in them runs.

use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use driftless::engine::Overview;
use driftless::source::reference::Reference;
use driftless::store::RunRecord;
use driftless_core::key::EnvironmentName;
use driftless_core::report::Conclusion;

use crate::support::{HOSTILE, Rig, calm, loopback, rig, run, source, troubled};
use crate::{get, plain, post};

fn hostile() -> Rig {
    let (mut overview, mut runs) = troubled(Utc::now(), HOSTILE);
    let name = EnvironmentName(HOSTILE.to_owned());
    let mut view = overview
        .environments
        .remove(&EnvironmentName("prod".to_owned()))
        .unwrap();
    for text in [&mut view.target, &mut view.url, &mut view.path, &mut view.source] {
        *text = HOSTILE.to_owned();
    }
    view.error = Some(HOSTILE.to_owned());
    overview.environments.insert(name.clone(), view);
    let mut source = overview.sources["dq-config"].clone();
    source.url = HOSTILE.to_owned();
    source.reference = Reference::Branch(HOSTILE.to_owned());
    source.commit.as_mut().unwrap().subject = HOSTILE.to_owned();
    overview.sources.insert(HOSTILE.to_owned(), source);
    runs[1].environment = name;
    runs[1].id.0 = HOSTILE.to_owned();
    rig(overview, runs, loopback())
}

fn segment(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn every_answer_carries_the_guarding_headers() {
    let rig = plain();
    for path in [
        "/",
        "/environments/prod",
        "/runs/20261122T0940-prod",
        "/nope",
        "/assets/app.js",
        "/api/v1/environments",
        "/metrics",
    ] {
        let answer = get(&rig, path).await;
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        let cache = if path.starts_with("/assets") {
            "public, max-age=31536000, immutable"
        } else {
            "no-store"
        };
        assert_eq!(answer.header("cache-control"), cache, "{path}");
    }
}

#[tokio::test]
async fn pages_show_what_the_engine_and_history_say() {
    let rig = plain();
    let overview = get(&rig, "/").await;
    assert_eq!(overview.header("content-type"), "text/html; charset=utf-8");
    for text in [
        "1 of 3 environments needs attention",
        "1 failed",
        "2 changed by hand (for 43 min)",
        "applying 3 of 12",
        "Allow larger order amounts",
        "stale for 43 min: git.example.com does not answer",
        "4b825dc642",
        "1 updated, 61 in sync",
    ] {
        assert!(overview.text.contains(text), "{text} is missing");
    }
    let prod = overview.text.find("/environments/prod").unwrap();
    assert!(
        prod < overview.text.find("/environments/dev").unwrap(),
        "what needs attention comes first"
    );

    let environment = get(&rig, "/environments/prod").await;
    for text in [
        "action=\"&#x2f;environments&#x2f;prod&#x2f;reconcile\"",
        "unresolved variable",
        "3:5",
        "give it a value under",
        "403, the token",
        "unresolved reference",
        "properties.max",
        "9000",
        "10000",
        "(secret)",
        "orders__between__amount.yaml:4:3",
        ">applied<",
        ">reported<",
        "3 attempts",
    ] {
        let raw = text.replace("&#x2f;", "/");
        assert!(
            environment.text.contains(text) || environment.text.contains(&raw),
            "{text} is missing"
        );
    }
    let run = get(&rig, "/runs/20261122T0940-prod").await;
    for text in [
        "partial",
        "4.2 s",
        "invalid:",
        "422: the platform refuses the content",
        "it depends on a step that failed",
        "error[unresolved_variable]",
    ] {
        assert!(run.text.contains(text), "{text} is missing");
    }
    for page in [&overview, &environment, &run] {
        assert!(!page.text.contains("hunter"), "a secret reached a page");
    }
    for path in ["/environments/nope", "/runs/nope"] {
        let answer = get(&rig, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.text.contains("There is no"));
    }
}

#[tokio::test]
async fn an_empty_overview_is_a_page_too() {
    let rig = rig(Overview::default(), Vec::new(), loopback());
    let page = get(&rig, "/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("No environments yet") && page.text.contains("No run yet"));
}

#[tokio::test]
async fn all_in_sync_is_said_in_one_line() {
    let now = Utc::now();
    let overview = Overview {
        environments: [
            (EnvironmentName("dev".to_owned()), calm("dev", now)),
            (EnvironmentName("prod".to_owned()), calm("prod", now)),
        ]
        .into(),
        sources: [("dq-config".to_owned(), source(now, "acme"))].into(),
    };
    let page = get(&rig(overview, Vec::new(), loopback()), "/").await;
    assert!(page.text.contains("<h1>All 2 environments are in sync</h1>"));
}

#[tokio::test]
async fn an_environment_that_waits_needs_no_attention() {
    let now = Utc::now();
    let mut view = calm("dev", now);
    view.last_run = None;
    view.last_success = None;
    view.next = Some(now + TimeDelta::seconds(5));
    view.kinds = Vec::new();
    let overview = Overview {
        environments: [(EnvironmentName("dev".to_owned()), view)].into(),
        ..Overview::default()
    };
    let page = get(&rig(overview, Vec::new(), loopback()), "/").await.text;
    assert!(page.contains("0 of 1 environments are in sync, 1 waiting for the first run"));
    assert!(page.contains("Nothing read yet"));
}

#[tokio::test]
async fn what_history_remembers_does_not_make_an_environment_in_sync() {
    let mut view = calm("dev", Utc::now());
    // As after a start: the last run is known, and nothing has been read yet.
    view.revision = None;
    view.kinds = Vec::new();
    let overview = Overview {
        environments: [(EnvironmentName("dev".to_owned()), view)].into(),
        ..Overview::default()
    };
    let rig = rig(overview, Vec::new(), loopback());
    let api = get(&rig, "/api/v1/environments/dev").await.json();
    assert_eq!(api["standing"], "waiting");
    let page = get(&rig, "/").await.text;
    assert!(page.contains("0 of 1 environments are in sync, 1 waiting for the first run"));
}

#[tokio::test]
async fn hostile_text_never_reaches_a_page_raw() {
    let rig = hostile();
    let name = segment(HOSTILE);
    for path in [
        "/".to_owned(),
        format!("/environments/{name}"),
        format!("/runs/{name}"),
        format!("/environments/{name}x"),
        format!("/runs/{name}x"),
    ] {
        let page = get(&rig, &path).await.text;
        assert!(page.contains("window.hacked"), "{path} shows none of it");
        for raw in [
            "<script>",
            "<img",
            "onerror=window.hacked=1>",
            "\"'>",
            "<!--",
            "{{",
            "49&lt;",
        ] {
            // The template's own comment marks and braces are gone by now; nothing else writes these.
            let shown = page.replace("{{7*7}}", "");
            assert!(!shown.contains(raw), "{path} holds {raw}");
        }
        assert_eq!(page.matches("<script").count(), 1, "{path}: only ours");
        assert_eq!(page.matches("</title>").count(), 1);
        assert_eq!(page.matches("</main>").count(), 1);
    }
    for path in ["/api/v1/environments", "/nope%3Cscript%3E"] {
        let answer = get(&rig, path).await;
        assert!(
            answer.header("content-type").starts_with("application/"),
            "no browser reads it as a page"
        );
    }
    let back = post(
        &rig,
        &format!("/environments/{name}/reconcile"),
        &[("host", "localhost")],
    )
    .await;
    assert!(back.header("location").starts_with("/environments/%22%27%3E%3Cscript"));
}

#[tokio::test]
async fn assets_are_addressed_by_their_content() {
    let rig = plain();
    let page = get(&rig, "/").await.text;
    for (asset, kind) in [
        ("/assets/app.css?", "text/css; charset=utf-8"),
        ("/assets/app.js?", "text/javascript; charset=utf-8"),
    ] {
        let escaped = asset.replace('/', "&#x2f;");
        let (found, asset) = match page.find(asset) {
            Some(at) => (&page[at..], asset),
            None => (&page[page.find(&escaped).unwrap()..], escaped.as_str()),
        };
        let mark = &found[asset.len()..found.find('"').unwrap()];
        assert_eq!(mark.len(), 12, "{mark}");
        let answer = get(&rig, &format!("{}{mark}", asset.replace("&#x2f;", "/"))).await;
        assert_eq!(answer.header("content-type"), kind);
        assert!(
            !answer.text.contains("http://") && !answer.text.contains("https://"),
            "nothing comes from elsewhere"
        );
    }
}

#[tokio::test]
async fn runs_that_found_nothing_are_one_line_for_each_environment() {
    let now = Utc::now();
    let row = |number: i64, environment: &str, idle: bool| RunRecord {
        idle,
        ..run(
            &format!("run-{number:02}"),
            environment,
            now - TimeDelta::minutes(number),
            Some(Conclusion::Succeeded),
        )
    };
    let mut runs: Vec<RunRecord> = (1..=40)
        .map(|number| row(number, ["dev", "prod"][usize::from(number % 2 == 0)], true))
        .collect();
    runs.push(row(41, "prod", false));
    runs.push(row(42, "prod", true));
    let page = get(&rig(troubled(now, "prod").0, runs, loopback()), "/").await.text;
    for (text, count) in [
        ("run-01", 2),
        ("run-02", 2),
        ("run-03", 0),
        ("run-41", 2),
        ("run-42", 2),
        ("\u{d7}20, since", 2),
    ] {
        assert_eq!(page.matches(text).count(), count, "{text}");
    }
}
