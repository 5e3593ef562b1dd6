//! However Datafold answers the questions that its description leaves open.

use driftless::sandbox::datafold::Switches;
use serde_json::{Value as Json, json};

use crate::rig::{Given, Provider, Start, World};

/// Each open question with its answers.
const QUESTIONS: [(&str, &[&str]); 8] = [
    ("run_ids", &["documented", "ci_run_id", "run_id", "same"]),
    ("known_commit", &["second", "first"]),
    ("older_runs", &["kept", "cancelled"]),
    ("run_order", &["newest", "oldest"]),
    ("diff_filters", &["honoured", "ignored"]),
    ("finished", &["done", "success"]),
    ("shapes", &["current", "old"]),
    ("errors", &["framework", "problem"]),
];

/// Deployment number `index`: its digits are its answers.
fn deployment(mut index: usize) -> Json {
    let mut answers = json!({});
    for (question, words) in QUESTIONS {
        answers[question] = json!(words[index % words.len()]);
        index /= words.len();
    }
    answers
}

#[tokio::test]
async fn every_deployment_leads_to_the_same_end() {
    let all: usize = QUESTIONS.iter().map(|(_, words)| words.len()).product();
    // A step that shares no factor with their number meets every answer with every other one.
    for (number, index) in (0..all).step_by(17).enumerate() {
        let answers = deployment(index);
        let mut switches: Switches = serde_json::from_value(answers.clone()).unwrap();
        switches.runs = driftless::sandbox::datafold::Pace::Polls(2);
        switches.run_hidden_for = (number % 3) as u64;
        let provider = Provider::ALL[number % 2];
        let start = Start::ALL[number / 2 % 2];
        let differing = if number % 3 == 0 { vec!["ORDERS"] } else { Vec::new() };
        let state = if differing.is_empty() { "success" } else { "failure" };
        let mut world = World::start(Given {
            switches,
            differing,
            ..Given::new(provider, start)
        })
        .await;
        if number % 3 > 0 {
            // A run that Datafold starts by itself appears within this time.
            world.options.appears = std::time::Duration::from_millis(80);
        }
        let run = world.see_through().await;
        assert_eq!(
            world.status(&world.sha).await.0,
            provider.word(state),
            "{answers}: {run:?}"
        );
        assert_eq!(world.runs_of(&world.sha).await, (1, 2), "{answers}");
        assert_eq!(world.strays().await, [""; 0], "{answers}");
    }
}

#[tokio::test]
async fn a_deployment_that_shows_no_comparisons_is_never_called_good() {
    for (answers, state, words) in [
        (json!({"ci_diffs": "hidden"}), "failure", "2 could not be compared"),
        (json!({"triggers": "nothing"}), "error", "starts no run"),
    ] {
        let mut world = World::start(Given {
            switches: serde_json::from_value(answers).unwrap(),
            ..Given::new(Provider::GitHub, Start::Trigger)
        })
        .await;
        world.options.collects = std::time::Duration::from_millis(30);
        let run = world.see_through().await;
        assert_eq!(run.outcome.as_deref(), Some("failed"));
        let (said, description) = world.status(&world.sha).await;
        assert_eq!(said, state);
        assert!(description.contains(words), "{description}");
    }
}
