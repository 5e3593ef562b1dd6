//! The platform starts another run of the same commit in the middle, and cancels ours.

use driftless::sandbox::datafold::OlderRuns;
use serde_json::Value as Json;

use crate::rig::{Given, Provider, Start, World, memory};

fn given(provider: Provider) -> Given {
    let mut given = Given::new(provider, Start::Trigger);
    given.switches.older_runs = OlderRuns::Cancelled;
    given.differing = vec!["ORDERS"];
    given
}

/// The position of the first request of that method and route, from 1.
fn first_post(asked: &[(&'static str, &'static str)]) -> usize {
    asked.iter().position(|(method, _)| *method == "POST").unwrap() + 1
}

#[tokio::test]
async fn another_run_of_the_same_commit_at_any_moment_is_gone_on_with_and_given_the_diffs() {
    let quiet = World::start(given(Provider::GitHub)).await;
    let _ = quiet.see_through().await;
    let asked = quiet.asked.datafold.asked();
    let mut replaced = 0;
    for answer in first_post(&asked)..asked.len() {
        let world = World::start(given(Provider::ALL[answer % 2])).await;
        let daemon = world.driver(memory().await);
        world.asked.datafold.hold_after(answer);
        daemon.moved().await;
        tokio::select! {
            () = world.asked.datafold.holds() => {}
            // It asked less often than the way that was counted: then it comes after the end.
            _ = daemon.end_of(&world.sha) => world.asked.datafold.hold_after(usize::MAX),
        }
        world.pushed_to_datafold(&world.sha).await;
        world.asked.datafold.let_go();
        let row = daemon.end_of(&world.sha).await;
        let what = format!("after answer {answer}: {row:?}");
        let runs = world.runs().await;
        let own: Vec<&Json> = runs.iter().filter(|run| run["pr_sha"] == world.sha).collect();
        assert_eq!(own.len(), 2, "{what}");
        let followed = own.iter().find(|run| run["id"].as_i64() == row.run).unwrap();
        assert_eq!(
            (&followed["status"], followed["diffs"].as_array().unwrap().len()),
            (&"done".into(), 2),
            "{what}"
        );
        // It had ended before the other one came, or is that one.
        let newest = own.iter().filter_map(|run| run["id"].as_i64()).max();
        replaced += usize::from(row.run == newest);
        assert!(
            row.run == newest || own.iter().all(|run| run["status"] != "cancelled"),
            "{what}"
        );
        assert_eq!(world.strays().await, [""; 0], "{what}");
        let (state, description) = world.status(&world.sha).await;
        assert_eq!(state, world.given.provider.word("failure"), "{what}: {description}");
        assert!(!description.starts_with("Not compared"), "{what}: {description}");
    }
    assert!(replaced > 2, "{replaced}");
}
