//! What people and platforms do wrong, and what the commit's status says of it.

use std::time::Duration;

use driftless::ci::config::Consequence;
use driftless::platform::data_diffs::CiConfigId;
use serde_json::json;

use crate::rig::{Given, Provider, Service, Start, World};

fn ends(word: &str) -> Given {
    Given {
        configured: json!({ "ends": word }),
        ..Given::new(Provider::GitHub, Start::Webhook)
    }
}

/// Not longer than a test waits for what never comes.
async fn hasty(given: Given) -> World {
    let mut world = World::start(given).await;
    world.options.limit = Duration::from_millis(600);
    world.options.submits = Duration::from_millis(500);
    world
}

#[tokio::test]
async fn an_invalid_diffs_file_is_said_and_asks_nothing_of_datafold() {
    let table = [
        (r#"[{"prod":"A.C.T","pr":"A.P.T","pk":"ID"}]"#, "`pk`"),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"include_columns":null}]"#,
            "`include_columns`",
        ),
        (r#"[{"prod":null,"pr":"A.P.T","pk":["ID"]}]"#, "`prod`"),
        (r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID","ID"]}]"#, "ID"),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"filter":"d>1"}]"#,
            "filter",
        ),
        (r#"{"prod":"A.C.T","pr":"A.P.T","pk":["ID"]}"#, "list"),
        (r#"[{"prod":["A","C","T"],"pr":"A.P.T","pk":[1]}]"#, "`prod`"),
        ("[{", "datafold/diffs.json:1"),
    ];
    for (at, (text, words)) in table.into_iter().enumerate() {
        let provider = Provider::ALL[at % 2];
        let world = World::start(Given {
            files: json!({"datafold/diffs.json": text, "models/orders.sql": "y"}),
            ..Given::new(provider, Start::Webhook)
        })
        .await;
        let run = world.see_through().await;
        assert_eq!(run.outcome.as_deref(), Some("failed"), "{text}");
        // Of which type its data source is.
        assert_eq!(
            world.asked.datafold.asked(),
            [("GET", "/api/v1/data_sources")],
            "{text}"
        );
        let (state, description) = world.status(&world.sha).await;
        assert_eq!(state, provider.word("error"));
        assert!(
            description.starts_with("Not compared: datafold/diffs.json:1") && description.contains(words),
            "{text}: {description}"
        );
        let comments = world.comments().await;
        assert!(
            comments[0]["body"].as_str().unwrap().contains("diffs.json"),
            "{comments:?}"
        );
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_there_and_a_key_without_rights_are_said() {
    let unknown = |world: &mut World, _: String| world.config.id = CiConfigId(999);
    let minted = |world: &mut World, key: String| world.key = key;
    let foreign = |world: &mut World, _: String| world.key = "nobodys".to_owned();
    type Change = fn(&mut World, String);
    let table: [(&str, Change, &str); 4] = [
        ("read", unknown, "404"),
        ("none", minted, "403"),
        ("read", minted, "403"),
        ("none", foreign, "401"),
    ];
    for (rights, change, words) in table {
        for start in Start::ALL {
            let mut world = World::start(Given::new(Provider::GitHub, start)).await;
            let minted = world
                .side(Service::Datafold, "POST", "keys", json!({ "rights": rights }))
                .await;
            change(&mut world, minted["key"].as_str().unwrap().to_owned());
            let run = world.see_through().await;
            assert_eq!(run.outcome.as_deref(), Some("failed"));
            let (state, description) = world.status(&world.sha).await;
            assert_eq!(state, "error");
            assert!(
                description.starts_with("Not compared: ") && description.contains(words),
                "{words}: {description}"
            );
            assert_eq!(
                world.runs_of(&world.sha).await,
                (usize::from(start == Start::Webhook), 0)
            );
        }
    }
}

#[tokio::test]
async fn a_run_that_does_not_end_or_ends_badly_is_said() {
    let table = [
        ("waiting", "timed_out", "error", "it is waiting"),
        ("needs_confirmation", "timed_out", "error", "nobody confirmed it"),
        ("needs_authentication", "timed_out", "error", "nobody logged in"),
        ("materializing", "timed_out", "error", "it is materializing"),
        ("cancelled", "failed", "error", "cancelled"),
        ("failed", "failed", "failure", "failed"),
    ];
    for (word, outcome, state, words) in table {
        let world = hasty(ends(word)).await;
        let run = world.see_through().await;
        assert_eq!(run.outcome.as_deref(), Some(outcome), "{word}: {run:?}");
        let (said, description) = world.status(&world.sha).await;
        assert_eq!(said, state, "{word}: {description}");
        assert!(description.contains(words), "{word}: {description}");
        assert_eq!(world.runs_of(&world.sha).await, (1, 2), "{word}");
        assert_eq!(world.strays().await, [""; 0]);

        // The vendor's switch: errors are green, and the status says that they are.
        let mut world = hasty(ends(word)).await;
        world.config.errors = Consequence::Passes;
        let _ = world.see_through().await;
        let (said, description) = world.status(&world.sha).await;
        assert_eq!(said, "success", "{word}");
        assert!(
            description.ends_with("(errors do not fail this check)") && description.contains(words),
            "{word}: {description}"
        );
    }
}

#[tokio::test]
async fn a_run_that_a_person_confirms_goes_on() {
    let world = World::start(Given {
        configured: json!({ "diff_threshold": 1 }),
        ..Given::new(Provider::GitHub, Start::Trigger)
    })
    .await;
    let daemon = world.driver(crate::rig::memory().await);
    daemon.moved().await;
    let said = async {
        while !world
            .status(&world.sha)
            .await
            .1
            .contains("needs a person's confirmation on the platform")
        {}
    };
    tokio::time::timeout(Duration::from_secs(9), said).await.unwrap();
    let runs = world.runs().await;
    let own = runs.iter().find(|run| run["pr_sha"] == world.sha).unwrap();
    world
        .side(Service::Datafold, "POST", "runs/go_on", json!({ "id": own["id"] }))
        .await;
    assert_eq!(daemon.end_of(&world.sha).await.outcome.as_deref(), Some("passed"));
    assert_eq!(world.status(&world.sha).await.0, "success");
}

#[tokio::test]
async fn a_comparison_that_fails_is_an_error_beside_one_that_does_not() {
    for (errors, state) in [(Consequence::Fails, "failure"), (Consequence::Passes, "success")] {
        let mut world = World::start(Given::new(Provider::GitHub, Start::Webhook)).await;
        world.config.errors = errors;
        let failed = json!({"comparisons": [{"prod": "DB.CORE.ORDERS", "pr": format!("DB.PR_{}.ORDERS", world.sha), "outcome": "failed"}]});
        world.side(Service::Datafold, "POST", "seed?add=1", failed).await;
        let _ = world.see_through().await;
        let (said, description) = world.status(&world.sha).await;
        assert_eq!(said, state, "{description}");
        assert!(description.contains("1 could not be compared"), "{description}");
    }
}
