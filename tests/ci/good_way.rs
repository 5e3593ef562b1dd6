//! Nothing goes wrong.

use serde_json::json;

use crate::rig::{Given, Provider, Start, World, discovery, in_folder};

#[tokio::test]
async fn a_pull_request_is_gated_run_compared_and_reported_on_both_forges() {
    for provider in Provider::ALL {
        for start in Start::ALL {
            let world = World::start(Given::new(provider, start)).await;
            let folder = tempfile::tempdir().unwrap();
            let daemon = world.driver(in_folder(folder.path()).await);
            daemon.moved().await;
            let run = daemon.end_of(&world.sha).await;
            assert_eq!(run.outcome.as_deref(), Some("passed"), "{run:?}");
            assert_eq!(world.runs_of(&world.sha).await, (1, 2), "{start:?}");
            assert_eq!(world.strays().await, [""; 0]);
            let triggered = world.asked.datafold.asked();
            let triggered = triggered
                .iter()
                .filter(|(_, route)| route.ends_with("/trigger"))
                .count();
            assert_eq!(triggered, usize::from(start == Start::Trigger));
            let statuses = world.statuses(&world.sha).await;
            if provider == Provider::GitHub {
                // GitLab has one status under a name, whose state moves on.
                assert_eq!(statuses[0].0, "pending", "{statuses:?}");
            }
            assert_eq!(
                *statuses.last().unwrap(),
                ("success".to_owned(), "2 tables: no differences.".to_owned())
            );
            let comments = world.comments().await;
            assert_eq!(comments.len(), 1);
            let body = comments[0]["body"].as_str().unwrap();
            assert!(
                body.starts_with("<!-- driftless:shop -->") && body.contains("/datadiffs/"),
                "{body}"
            );
            assert!(body.contains("ORDERS") && body.contains("CUSTOMERS"), "{body}");

            // The same delivery again: nothing more is asked of Datafold.
            let (writes, said) = (world.writes().await, statuses.len());
            daemon.moved().await;
            let next = world.push("Orders by week").await;
            daemon.moved().await;
            let second = daemon.end_of(&next).await;
            assert_eq!(second.outcome.as_deref(), Some("passed"));
            assert_eq!(world.statuses(&world.sha).await.len(), said);
            assert_eq!(world.writes().await, 2 * writes);
            assert_eq!(world.runs_of(&next).await, (1, 2));
            assert_eq!(world.strays().await, [""; 0]);
            let edited = world.comments().await;
            assert_eq!((edited.len(), &edited[0]["id"]), (1, &comments[0]["id"]));
            assert!(edited[0]["body"].as_str().unwrap().contains(&next[..8]), "{edited:?}");
        }
    }
}

#[tokio::test]
async fn differences_make_the_commit_bad_where_the_configuration_says_so() {
    for provider in Provider::ALL {
        for (consequence, state) in [("fails", "failure"), ("passes", "success")] {
            let mut world = World::start(Given {
                differing: vec!["ORDERS"],
                ..Given::new(provider, Start::Webhook)
            })
            .await;
            if consequence == "passes" {
                world.config.differences = driftless::ci::config::Consequence::Passes;
            }
            let run = world.see_through().await;
            let (said, description) = world.status(&world.sha).await;
            assert_eq!(said, provider.word(state), "{run:?}");
            assert!(description.starts_with("2 tables: 1 differ"), "{description}");
        }
    }
}

#[tokio::test]
async fn comparisons_are_found_in_the_sql_files_that_a_pull_request_changes() {
    let orders = "-- datafold: pk=tenant,id\ncreate or replace table DB.${schema}.ORDERS as select 1";
    for provider in Provider::ALL {
        let mut world = World::start(Given {
            files: json!({"models/orders.sql": orders, "models/sub/days.sql": "-- datafold: pk=id\ncreate view DB.${schema}.DAYS as select 1",
                "notes.md": "x"}),
            differing: vec!["DAYS"],
            ..Given::new(provider, Start::Trigger)
        })
        .await;
        world.config.discovery = Some(discovery());
        let run = world.see_through().await;
        assert_eq!(run.outcome.as_deref(), Some("failed"), "{run:?}");
        let runs = world.runs().await;
        let own = runs.iter().find(|run| run["pr_sha"] == world.sha).unwrap();
        let mut names: Vec<&str> = own["diffs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|diff| diff["prod"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["DB.CORE.DAYS", "DB.CORE.ORDERS"]);
        assert_eq!(world.strays().await, [""; 0]);
        assert_eq!(world.status(&world.sha).await.0, provider.word("failure"));
    }
}

#[tokio::test]
async fn what_the_gate_keeps_out_asks_nothing_of_datafold() {
    for provider in Provider::ALL {
        let world = World::start(Given {
            files: json!({"README.md": "y"}),
            ..Given::new(provider, Start::Trigger)
        })
        .await;
        let run = world.see_through().await;
        assert_eq!(run.outcome.as_deref(), Some("skipped"));
        assert_eq!(world.asked.datafold.asked(), []);
        assert_eq!(
            world.status(&world.sha).await,
            (
                "success".to_owned(),
                "Skipped: the one changed file is ignored.".to_owned()
            )
        );
        assert_eq!(world.comments().await.len(), 0);
    }
}
