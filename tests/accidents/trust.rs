//! A daemon that people leave alone: it tries again, waits for its turn, says what it cannot, and costs what it says.

use std::time::Instant;

use serde_json::json;

use crate::house::{
    CONNECTION, DATASTORE, House, PATIENCE, Terms, check, check_text, files, outcomes, reasons, strict,
};

/// Imported, and the first plan wants to make everything a second time.
#[tokio::test]
async fn an_export_plans_empty_and_is_adopted_without_a_write() {
    let mut house = House::settled(strict()).await;
    house.kill().await;
    let (code, printed) = house
        .run(&["export", "--output", "exported", "--datastore", "shop"])
        .await;
    assert_eq!(code, 0, "{printed}");
    let arguments = ["plan", "--input", "exported", "--detailed-exitcode"];
    let (code, printed) = house.untouched(house.run(&arguments)).await;
    assert_eq!(code, 0, "{printed}");
    // A ledger that knows nothing: what is equal is adopted, and only the secret, which nobody can compare, is sent.
    std::fs::remove_file(house.repo.folder().join("driftless.db")).unwrap();
    house.instance.forget().await;
    house.start().await;
    let writes = house.instance.writes().await;
    assert!(
        writes.iter().all(|(_, path, _)| path.contains("/connections/")),
        "{writes:?}"
    );
    assert!(writes.len() <= 1);
    house.in_sync().await;
}

/// What failed once was never tried again; or the old revision was, for ever.
#[tokio::test]
async fn a_failed_revision_is_tried_again_and_never_blocks_the_next() {
    let house = House::settled(strict()).await;
    let path = check("orders", "city");
    house.push(&[(
        &path,
        Some(&check_text("orders", "city").replace("every", "each of the")),
    )]);
    house
        .faults(json!([{"kind": "status", "status": 500, "method": "PUT", "path_prefix": "/quality-checks"}]))
        .await;
    let run = house.reconcile("prod").await;
    assert_ne!(run["conclusion"], "succeeded", "{run:#}");
    house.faults(json!([])).await;
    // Nobody asks.
    house
        .until("/api/v1/environments/prod", |view| {
            view["last_run"]["trigger"] == "retry" && view["last_run"]["conclusion"] == "succeeded"
        })
        .await;
    assert_eq!(
        house.live("orders__notnull__city").await.unwrap()["description"],
        "each of the orders has its city"
    );

    // A revision that can never be applied stands in nobody's way.
    house.push(&[(
        &path,
        Some(&check_text("orders", "city").replace("notNull", "noSuchRule")),
    )]);
    let run = house.reconcile("prod").await;
    assert_ne!(run["conclusion"], "succeeded", "{run:#}");
    let fixed = house.push(&[(&path, Some(&check_text("orders", "city")))]);
    let run = house.reconcile("prod").await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    assert_eq!(run["revision"], fixed.as_str());
}

/// A counter of the backoff was wrong, and it healed at full speed, or never.
#[tokio::test]
async fn retries_wait_longer_each_time_and_start_over_for_a_person() {
    let house = House::settled(strict()).await;
    house.push(&[(
        &check("orders", "city"),
        Some(&check_text("orders", "city").replace("every", "each")),
    )]);
    house
        .faults(json!([{"kind": "status", "status": 422, "method": "PUT", "path_prefix": "/quality-checks"}]))
        .await;
    let wait = async || {
        let view = house.get("/api/v1/environments/prod").await;
        let time = |text: &serde_json::Value| {
            chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap_or_else(|| panic!("{view:#}"))).unwrap()
        };
        (time(&view["next"]) - time(&view["last_run"]["finished"])).num_seconds()
    };
    house.reconcile("prod").await;
    let first = wait().await;
    // Five seconds and a quarter of them, either way; both ends are cut to whole seconds.
    assert!((2..=7).contains(&first), "{first}");
    let retried = |count: usize| {
        move |runs: &serde_json::Value| {
            let runs = runs["runs"].as_array().unwrap().iter();
            runs.filter(|run| run["trigger"] == "retry" && !run["finished"].is_null())
                .count()
                >= count
        }
    };
    house.until("/api/v1/runs", retried(1)).await;
    house
        .until("/api/v1/environments/prod", |view| view["activity"]["state"] == "idle")
        .await;
    let second = wait().await;
    assert!((7..=13).contains(&second), "{first} {second}");
    house.reconcile("prod").await;
    let again = wait().await;
    assert!((2..=7).contains(&again), "{again} after a person asked");
}

/// Windows and freezes: asked for from 2019 on.
#[tokio::test]
async fn a_closed_window_holds_every_write_and_says_when_it_opens() {
    let mut house = House::settled(strict()).await;
    house.kill().await;
    // From the beginning of each minute on, for two minutes: never open.
    house.agree(Terms {
        environment: vec!["windows: [{ deny: \"* * * * *\", duration: 2m, timezone: Europe/Berlin }, { allow: \"* * * * *\", duration: 1m }]"],
        ..Terms::default()
    });
    house.start().await;
    house.push(&[(
        &check("orders", "city"),
        Some(&check_text("orders", "city").replace("every", "each")),
    )]);
    let run = house.untouched(house.reconcile("prod")).await;
    assert_eq!(reasons(&run), ["outside_window"], "{run:#}");
    assert_eq!(run["plan"]["held"].as_array().unwrap().len(), 1, "{run:#}");
    // Looking stays allowed.
    let (code, printed) = house
        .run(&["plan", "--input", "work/config", "--detailed-exitcode"])
        .await;
    assert_eq!(code, 2, "{printed}");

    house.kill().await;
    house.agree(Terms {
        environment: vec!["windows: [{ deny: \"0 0 1 1 *\", duration: 1s }, { allow: \"* * * * *\", duration: 2m }]"],
        ..Terms::default()
    });
    house.start().await;
    let run = house.reconcile("prod").await;
    assert_eq!(reasons(&run), [] as [String; 0], "{run:#}");
    house.in_sync().await;
}

/// A suspended environment came back by itself with the next restart.
#[tokio::test]
async fn a_suspension_outlives_the_process_and_says_why() {
    let mut house = House::settled(strict()).await;
    let (code, printed) = house
        .run(&[
            "suspend",
            "prod",
            "--reason",
            "the migration of the warehouse",
            "--by",
            "somebody",
        ])
        .await;
    assert_eq!(code, 0, "{printed}");
    house.push(&[(
        &check("orders", "city"),
        Some(&check_text("orders", "city").replace("every", "each")),
    )]);
    let run = house.untouched(house.reconcile("prod")).await;
    assert_eq!(reasons(&run), ["suspended"], "{run:#}");
    house.kill().await;
    house.instance.forget().await;
    house.start().await;
    assert_eq!(house.instance.writes().await, []);
    let (_, printed) = house.run(&["status"]).await;
    assert!(printed.contains("the migration of the warehouse"), "{printed}");
    let (code, printed) = house.run(&["resume", "prod"]).await;
    assert_eq!(code, 0, "{printed}");
    let run = house.reconcile("prod").await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    house.in_sync().await;
}

/// A release was five times slower, and nobody had counted.
#[tokio::test]
async fn a_pass_costs_what_the_budget_says() {
    let house = House::settled(strict()).await;
    house.untouched(house.reconcile("prod")).await;
    let reads = house.instance.requests().await.len();
    // Pages of connections, datastores, tables and checks: one each. One for the datastore, one for the computed container, ten more.
    assert!(reads <= 4 + 1 + 1 + 10, "{reads}");
    house.push(&[(
        &check("orders", "city"),
        Some(&check_text("orders", "city").replace("every", "each")),
    )]);
    house.instance.forget().await;
    house.reconcile("prod").await;
    assert_eq!(house.instance.writes().await.len(), 1);
}

/// Strictness that was switched on late broke everybody: it is there from the start.
#[tokio::test]
async fn what_is_not_understood_is_refused_from_the_start() {
    let house = House::settled(strict()).await;
    let config = std::fs::read_to_string(house.repo.folder().join("driftless.yaml")).unwrap();
    std::fs::write(
        house.repo.folder().join("wrong.yaml"),
        config.replace("path: config", "pth: config"),
    )
    .unwrap();
    let (code, printed) = house.run(&["run", "--config", "wrong.yaml"]).await;
    assert_eq!(code, 1);
    assert!(printed.contains("wrong.yaml:") && printed.contains("pth"), "{printed}");

    let connection = files()[CONNECTION].clone();
    let told = |run: &serde_json::Value, said: &str| {
        let faults = run["diagnostics"].as_array().unwrap().iter();
        let texts: Vec<&str> = faults.map(|fault| fault.as_str().unwrap()).collect();
        assert!(
            texts
                .iter()
                .any(|text| text.contains("config/connections/pg.yaml:") && text.contains(said)),
            "{said}: {texts:?}"
        );
    };
    for (old, new, said) in [
        ("port: 5432", "port: ${NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE"),
        ("name: pg", "nme: pg", "`name`"),
    ] {
        house.push(&[(CONNECTION, Some(&connection.replacen(old, new, 1)))]);
        let run = house.untouched(house.reconcile("prod")).await;
        assert_ne!(run["conclusion"], "succeeded", "{run:#}");
        told(&run, said);
    }
    // What the official client takes is taken, and told at its place.
    for (old, new, said) in [
        ("port: 5432", "port: 5432\nport: 5432", "yaml_duplicate_key"),
        (
            "username: reader",
            "username: reader\nusrname: reader",
            "did you mean `username`",
        ),
    ] {
        house.push(&[(CONNECTION, Some(&connection.replacen(old, new, 1)))]);
        told(&house.reconcile("prod").await, said);
    }
}

/// Too many requests, for eight years: one call for each object, and no patience.
#[tokio::test]
async fn too_many_requests_slow_everything_down_and_lose_nothing() {
    let house = House::settled(strict()).await;
    for column in ["id", "amount", "status", "city"] {
        let text = check_text("orders", column).replace("every", "each");
        house.repo.write(&check("orders", column), text.as_bytes());
    }
    house.push(&[]);
    house
        .faults(json!([
            {"kind": "status", "status": 429, "retry_after": 2, "from": 2, "to": 3},
            {"kind": "status", "status": 429, "retry_after": 1, "method": "PUT", "path_prefix": "/quality-checks", "from": 1, "to": 2},
        ]))
        .await;
    let began = Instant::now();
    let run = house.reconcile("prod").await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    assert_eq!(outcomes(&run).len(), 4);
    assert!(
        began.elapsed() >= std::time::Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert!(began.elapsed() < PATIENCE);
    house.in_sync().await;
}

/// The branch was rewritten, and what had been reviewed was rolled back.
#[tokio::test]
async fn a_rewritten_branch_waits_for_a_person() {
    let house = House::settled(strict()).await;
    house.push(&[(
        &check("orders", "city"),
        Some(&check_text("orders", "city").replace("every", "each")),
    )]);
    let run = house.reconcile("prod").await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    house.git(&["reset", "-q", "--hard", "HEAD~1"]);
    house.edit(DATASTORE, "teams:", "teams:");
    house.push(&[(
        &check("orders", "id"),
        Some(&check_text("orders", "id").replace("every", "any")),
    )]);
    let run = house.untouched(house.reconcile("prod")).await;
    assert!(reasons(&run).contains(&"not_fast_forward".to_owned()), "{run:#}");
    let run = house.approve(&run).await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    house.in_sync().await;
}
