//! Pull requests as a team has them: the real daemon between a forge and Datafold, both on loopback, told by signed deliveries.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

#[path = "../support/git_repo.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod repo;
mod rig;

use rig::{Host, PATH, Rig};
use serde_json::{Value as Json, json};

#[tokio::test]
async fn an_opened_pull_request_comes_to_a_status_and_one_comment_whatever_is_delivered_again() {
    for host in Host::ALL {
        let rig = Rig::start(host).await;
        let daemon = rig.daemon().await;
        rig.opens(&daemon).await;
        let (number, head) = rig.opened().await;
        rig.until_state(&head, "success").await;
        daemon
            .until("/api/v1/pull-requests", |text| text.contains("\"passed\""))
            .await;
        // The forge delivers once more, with news of its own and with the same.
        let looks = rig.looks(number).await;
        rig.forge(
            "POST",
            "edit",
            json!({"kind": "pull_request", "where": {"repository": PATH, "number": number},
            "set": {"title": "Orders, by day"}}),
        )
        .await;
        rig.until("it is looked at again", async || rig.looks(number).await > looks)
            .await;
        assert_eq!(rig.deliver(&daemon, PATH, number, "1").await, (202, json!("looked")));
        // Who sends one again wants something done: it is looked at, and what is done is not done again.
        assert_eq!(rig.deliver(&daemon, PATH, number, "1").await, (202, json!("looked")));
        let page = daemon.get("/").await;
        assert!(
            page.contains("<h2>Pull requests</h2>") && page.contains(&format!("#{number}</a>")),
            "{page}"
        );
        let metrics = daemon.get("/metrics").await;
        for line in [
            "driftless_ci_runs_total{config=\"shop\",result=\"passed\"} 1",
            "driftless_ci_submits_total{config=\"shop\",result=\"accepted\"} 1",
            "driftless_build_info",
        ] {
            assert!(metrics.contains(line), "{line} is missing: {metrics}");
        }
        let told = daemon.ends().await;
        assert!(
            !told.contains(rig::SECRET) && !told.contains(rig.forge_token()),
            "{told}"
        );
        assert_eq!(rig.asked().await, ["trigger", "submit"], "{host:?}");
        assert_eq!(rig.comments().await, 1, "{host:?}");
        assert_eq!(rig.states(&head).await.last().unwrap(), "success");
    }
}

#[tokio::test]
async fn differences_that_fail_make_a_status_of_failure() {
    let rig = Rig::start(Host::GitHub).await;
    rig.declare("fail_on_differences: true\n");
    let comparison = json!({"comparisons": [{"prod": "core.orders", "pr": "pr_1.orders", "outcome": "added"}]});
    rig.datafold("POST", "seed?add=1", comparison).await;
    let daemon = rig.daemon().await;
    rig.opens(&daemon).await;
    let (_, head) = rig.opened().await;
    rig.until_state(&head, "failure").await;
    daemon.ends().await;
    assert_eq!(rig.asked().await, ["trigger", "submit"]);
}

#[tokio::test]
async fn a_push_while_a_run_is_under_way_gets_its_own_run_and_nothing_of_the_older_one() {
    let rig = Rig::start(Host::GitHub).await;
    rig.datafold("PUT", "switches", json!({"runs": "held"})).await;
    let daemon = rig.daemon().await;
    rig.opens(&daemon).await;
    let (number, old) = rig.opened().await;
    rig.until("the diffs are handed over", async || {
        rig.asked().await.contains(&"submit".to_owned())
    })
    .await;
    let pushed = rig
        .forge(
            "POST",
            "push",
            json!({"repository": PATH, "number": number, "message": "More", "files": {"more.sql": "select 2"}}),
        )
        .await;
    let new = pushed["sha"].as_str().unwrap().to_owned();
    rig.until("the new head has its diffs", async || rig.asked().await.len() == 4)
        .await;
    rig.datafold("PUT", "switches", json!({"runs": "instant"})).await;
    rig.until_state(&new, "success").await;
    daemon
        .until("/api/v1/pull-requests", |text| text.contains("\"superseded\""))
        .await;
    daemon.ends().await;
    assert_eq!(rig.asked().await, ["trigger", "submit", "trigger", "submit"]);
    assert!(rig.states(&old).await.iter().all(|state| state == "pending"));
    assert_eq!(rig.comments().await, 1, "that of the new head");
}

#[tokio::test]
async fn what_was_killed_in_the_middle_is_finished_by_the_next_start_and_asked_for_once() {
    for host in Host::ALL {
        let rig = Rig::start(host).await;
        rig.datafold("PUT", "switches", json!({"runs": "held"})).await;
        let daemon = rig.daemon().await;
        rig.opens(&daemon).await;
        let (_, head) = rig.opened().await;
        rig.until("the diffs are handed over", async || {
            rig.asked().await.contains(&"submit".to_owned())
        })
        .await;
        daemon.killed().await;
        rig.datafold("PUT", "switches", json!({"runs": "instant"})).await;
        // Nothing is delivered: the store alone knows of it.
        let daemon = rig.daemon().await;
        rig.until_state(&head, "success").await;
        daemon
            .until("/api/v1/pull-requests", |text| text.contains("\"passed\""))
            .await;
        daemon.ends().await;
        assert_eq!(rig.asked().await, ["trigger", "submit"], "{host:?}");
        assert_eq!(rig.comments().await, 1, "{host:?}");
    }
}

#[tokio::test]
async fn a_delivery_that_was_accepted_outlives_a_daemon_that_dies_before_it_sees_the_head() {
    for host in Host::ALL {
        let rig = Rig::start(host).await;
        let daemon = rig.daemon().await;
        let (number, head) = rig.opened().await;
        daemon.until("/", |text| text.contains("<h2>Pull requests</h2>")).await;
        // The forge hears every question and answers none.
        rig.forge("PUT", "faults", json!([{"kind": "timeout"}])).await;
        assert_eq!(rig.deliver(&daemon, PATH, number, "1").await, (202, json!("looked")));
        rig.until("it is looked at", async || rig.looks(number).await > 0).await;
        daemon.killed().await;
        rig.forge("DELETE", "faults", Json::Null).await;
        assert_eq!(rig.states(&head).await, [""; 0]);
        // Nothing is delivered again.
        let daemon = rig.daemon().await;
        rig.until_state(&head, "success").await;
        daemon
            .until("/api/v1/pull-requests", |text| text.contains("\"passed\""))
            .await;
        daemon.ends().await;
        assert_eq!(rig.asked().await, ["trigger", "submit"], "{host:?}");
    }
}

#[tokio::test]
async fn a_repository_that_no_configuration_names_is_ignored_and_counted() {
    for host in Host::ALL {
        let rig = Rig::start(host).await;
        let daemon = rig.daemon().await;
        let opened = rig.opened().await;
        daemon.until("/", |text| text.contains("<h2>Pull requests</h2>")).await;
        assert_eq!(
            rig.deliver(&daemon, "acme/other", opened.0, "1").await,
            (200, json!("ignored"))
        );
        let metrics = daemon.get("/metrics").await;
        let line = "driftless_webhook_deliveries_total{outcome=\"ignored\",webhook=\"pulls\"} 1";
        assert!(metrics.contains(line), "{metrics}");
        daemon.ends().await;
        assert_eq!(rig.asked().await, [""; 0]);
        assert_eq!(rig.states(&opened.1).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_configuration_that_breaks_stays_what_it_was_and_says_so() {
    let rig = Rig::start(Host::GitHub).await;
    let daemon = rig.daemon().await;
    daemon.until("/", |text| text.contains("<h2>Pull requests</h2>")).await;
    rig.declare("fail_on_errors: perhaps\n");
    assert_eq!(rig.push_delivered(&daemon).await, 202);
    let head = rig.repo.head();
    daemon
        .until("/api/v1/environments/prod", |text| text.contains(&head))
        .await;
    rig.opens(&daemon).await;
    let (_, head) = rig.opened().await;
    rig.until_state(&head, "success").await;
    let told = daemon.ends().await;
    assert!(
        told.contains("stays what it was") && told.contains("fail_on_errors"),
        "{told}"
    );
}

#[tokio::test]
async fn a_delivery_while_no_good_configuration_was_read_since_the_start_is_looked_at_when_one_is() {
    let rig = Rig::start(Host::GitHub).await;
    rig.declare("fail_on_errors: perhaps\n");
    let daemon = rig.daemon().await;
    let (number, head) = rig.opened().await;
    daemon
        .until("/api/v1/environments/prod", |text| text.contains(&rig.repo.head()))
        .await;
    assert_eq!(rig.deliver(&daemon, PATH, number, "1").await, (202, json!("looked")));
    rig.declare("");
    assert_eq!(rig.push_delivered(&daemon).await, 202);
    rig.until_state(&head, "success").await;
    daemon.ends().await;
}

#[tokio::test]
async fn the_last_configuration_that_goes_is_in_force_no_longer_and_is_no_fault() {
    let rig = Rig::start(Host::GitHub).await;
    let monitors =
        b"monitors:\n  orders:\n    type: schema\n    connection_id: 7\n    schedule: { interval: { every: hour } }\n";
    rig.repo.write("datafold/monitors/shop.yaml", monitors);
    rig.repo.push("A monitor");
    let daemon = rig.daemon().await;
    daemon.until("/", |text| text.contains("<h2>Pull requests</h2>")).await;
    std::fs::remove_file(rig.repo.work().join("datafold/ci/shop.yaml")).unwrap();
    rig.repo.push("No pull requests");
    assert_eq!(rig.push_delivered(&daemon).await, 202);
    daemon.until("/", |text| !text.contains("<h2>Pull requests</h2>")).await;
    let (number, _) = rig.opened().await;
    assert_eq!(rig.deliver(&daemon, PATH, number, "1").await.0, 200);
    let told = daemon.ends().await;
    assert!(!told.contains("at fault"), "{told}");
}

#[tokio::test]
async fn what_is_said_of_a_forge_that_refuses_names_the_forge() {
    let rig = Rig::start(Host::GitHub).await;
    let daemon = rig.daemon().await;
    let (number, head) = rig.opened().await;
    rig.forge(
        "PUT",
        "faults",
        json!([{"kind": "status", "status": 429, "retry_after": 1, "to": 1}]),
    )
    .await;
    assert_eq!(rig.deliver(&daemon, PATH, number, "1").await, (202, json!("looked")));
    rig.until_state(&head, "success").await;
    let told = daemon.ends().await;
    assert!(
        told.contains("the forge `hub` has more requests than it takes"),
        "{told}"
    );
}

fn of<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().map_or(&[], Vec::as_slice)
}
