//! What is shown: no secret, who did what, and what was changed by hand in Git's own words.

use serde_json::json;

use crate::house::{CONNECTION, House, PASSWORD, check, outcomes, strict};

/// Everything that is shown of an environment, in one text.
async fn all_that_is_shown(house: &House, run: &str) -> String {
    let mut all = String::new();
    for path in [
        "/",
        "/environments/prod",
        &format!("/runs/{run}"),
        "/metrics",
        "/api/v1/environments/prod",
        "/api/v1/environments/prod/plan",
        "/api/v1/environments/prod/drift",
        &format!("/api/v1/runs/{run}"),
    ] {
        all += &house.text(path).await;
    }
    for arguments in [
        &["plan", "--input", "work/config", "--secrets", "send"][..],
        &[
            "plan",
            "--input",
            "work/config",
            "--secrets",
            "send",
            "--format",
            "json",
        ],
        &[
            "plan",
            "--input",
            "work/config",
            "--secrets",
            "send",
            "--format",
            "markdown",
        ],
        &["audit", "export", "--config", "driftless.yaml"],
    ] {
        let (_, printed) = house.run(arguments).await;
        all += &printed;
    }
    all + &house.log()
}

/// The plan's text on a pull request held the secrets.
#[tokio::test]
async fn no_plan_shows_a_secret() {
    let house = House::settled(strict()).await;
    house.edit(CONNECTION, "username: reader", "username: writer");
    house.push(&[]);
    let run = house.reconcile("prod").await;
    assert_eq!(run["conclusion"], "succeeded", "{run:#}");
    let shown = all_that_is_shown(&house, run["id"].as_str().unwrap()).await;
    assert!(shown.contains("writer"), "nothing is shown at all");
    assert!(!shown.contains(PASSWORD));
}

/// Four generations of masks: the new value was hidden, the old one was not; and what looked like it was masked too.
#[tokio::test]
async fn the_old_secret_shows_no_more_than_the_new_one_and_nothing_else_is_masked() {
    let house = House::settled(strict()).await;
    // A value that is a piece of another field's: a mask by text would tear that one.
    house.edit(CONNECTION, "${PG_PASSWORD}", "reader");
    house.push(&[]);
    let run = house.reconcile("prod").await;
    assert_eq!(outcomes(&run), ["update connection/pg: applied"], "{run:#}");
    house.edit(CONNECTION, "password: reader", "password: another-secret-of-theirs");
    house.edit(CONNECTION, "username: reader", "username: reader2");
    house.push(&[]);
    let run = house.reconcile("prod").await;
    assert_eq!(outcomes(&run), ["update connection/pg: applied"], "{run:#}");
    let shown = all_that_is_shown(&house, run["id"].as_str().unwrap()).await;
    for secret in [PASSWORD, "another-secret-of-theirs"] {
        assert!(!shown.contains(secret), "{secret}");
    }
    let fields = run["plan"]["changes"][0]["fields"].as_array().unwrap();
    let shown = |path: &str| {
        let field = fields.iter().find(|field| field["path"] == path).unwrap();
        (field["before"].clone(), field["after"].clone())
    };
    assert_eq!(shown("password"), (json!("(secret)"), json!("(secret)")));
    assert_eq!(shown("username"), (json!("reader"), json!("reader2")));
}

/// Who did what, deletions included, was asked for since 2019.
#[tokio::test]
async fn every_write_says_when_who_what_and_why() {
    let house = House::settled(strict()).await;
    let revision = house.push(&[(&check("orders", "city"), None)]);
    let run = house.reconcile("prod").await;
    assert_eq!(
        outcomes(&run),
        ["delete check/shop/orders__notnull__city: applied"],
        "{run:#}"
    );
    let (code, printed) = house.run(&["audit", "export", "--config", "driftless.yaml"]).await;
    assert_eq!(code, 0, "{printed}");
    let records: Vec<serde_json::Value> = printed
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let last = records.last().unwrap();
    assert_eq!(last["key"], "check/shop/orders__notnull__city", "{last:#}");
    assert_eq!(last["action"], "delete");
    assert_eq!(last["result"], "applied");
    assert_eq!(last["run"], run["id"]);
    assert_eq!(last["trigger"], "manual");
    assert_eq!(last["revision"], revision.as_str());
    assert!(
        last["author"].as_str().unwrap_or_default().contains("Ada Example"),
        "{last:#}"
    );
    assert_eq!(last["digest"], run["plan"]["digest"]);
    let (code, printed) = house.run(&["audit", "verify", "--config", "driftless.yaml"]).await;
    assert_eq!(code, 0, "{printed}");
}

/// Puts what is exported into Git, in place of what was written by hand: nothing is written for it.
async fn as_exported(house: &House) {
    let (code, printed) = house.run(&EXPORT).await;
    assert_eq!(code, 0, "{printed}");
    house.push(&[]);
    house.in_sync().await;
}

/// Into the folder that Git has.
const EXPORT: [&str; 5] = ["export", "--output", "work/config", "--datastore", "shop"];

/// A change made in the interface is worth keeping, and has to be typed again.
#[tokio::test]
async fn a_change_made_by_hand_comes_back_as_a_change_of_git() {
    let mut terms = strict();
    terms.environment.push("drift: { policy: report, interval: 1h }");
    let house = House::settled(terms).await;
    as_exported(&house).await;
    house
        .by_hand("orders__notnull__id", json!({"description": "worth keeping"}))
        .await;
    house.untouched(house.reconcile("prod")).await;
    let (code, printed) = house.run(&["accept", "prod"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("description: worth keeping"), "{printed}");
    assert!(printed.contains("notnull__id.yaml"), "{printed}");

    // Into the folder itself, as one line of one file, the placeholder of the secret untouched.
    let (code, printed) = house.run(&EXPORT).await;
    assert_eq!(code, 0, "{printed}");
    let changed = house.git(&["diff", "--numstat"]);
    assert_eq!(changed, format!("1\t1\t{}", check("orders", "id")));
    house.push(&[]);
    house.in_sync().await;
    let drift = house.get("/api/v1/environments/prod/drift").await;
    assert_eq!(drift["open"], 0, "{drift:#}");
}

/// An export in another order each time: nobody can review it.
#[tokio::test]
async fn an_export_of_what_was_applied_changes_no_byte() {
    let house = House::settled(strict()).await;
    as_exported(&house).await;
    for folder in ["first", "second"] {
        let (code, printed) = house.run(&["export", "--output", folder]).await;
        assert_eq!(code, 0, "{printed}");
    }
    let compared = std::process::Command::new("diff")
        .args(["-r", "first", "second"])
        .current_dir(house.repo.folder())
        .output()
        .unwrap();
    assert!(
        compared.status.success(),
        "{}",
        String::from_utf8_lossy(&compared.stdout)
    );
    let (code, printed) = house.run(&EXPORT).await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(house.git(&["status", "--porcelain"]), "");
}
