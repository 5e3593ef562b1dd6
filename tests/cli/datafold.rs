//! A bare instance of Datafold: its own variables, its own kinds, and what cannot be done.

use super::*;

/// The binary in the rig's folder, with these variables and nothing else.
async fn with(rig: &Rig, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = rig.bare(arguments);
    command.envs(variables.iter().copied());
    Ran::of(command).await
}

const PLAN: [&str; 5] = ["plan", "--platform", "datafold", "--input", "cfg"];

#[tokio::test]
async fn each_platform_takes_its_instance_from_its_own_variables() {
    let rig = Rig::empty().await;
    let host = ("DATAFOLD_HOST", "http://127.0.0.1:9");
    let of_qualytics = [("QUALYTICS_URL", "http://127.0.0.1:9"), ("QUALYTICS_TOKEN", "t")];
    for variables in [&[][..], &of_qualytics] {
        with(&rig, variables, &PLAN)
            .await
            .exits(1)
            .says(&["no instance is given", "set DATAFOLD_HOST", "--url"]);
    }
    with(&rig, &[host], &PLAN)
        .await
        .exits(1)
        .says(&["no token is given", "set DATAFOLD_API_KEY", "--token"]);
    let key = ("DATAFOLD_API_KEY", "recognisable-5d1e\n");
    let ran = with(&rig, &[("DATAFOLD_HOST", "ftp://x"), key], &PLAN).await;
    ran.exits(1).says(&["DATAFOLD_HOST or --url", "https://"]);
    assert!(!ran.err.contains("recognisable-5d1e"), "{}", ran.err);
    let ran = rig.run(&["plan", "--platform", "datafolt", "--input", "cfg"]).await;
    ran.exits(1).says(&["datafolt", "qualytics, datafold"]);
}

#[tokio::test]
async fn the_kinds_of_include_are_those_of_the_platform() {
    let rig = Rig::empty().await;
    let variables = [("DATAFOLD_HOST", "http://127.0.0.1:9"), ("DATAFOLD_API_KEY", "key")];
    let plan = [&PLAN[..], &["--include", "checks"]].concat();
    with(&rig, &variables, &plan).await.exits(1).says(&[
        "does not know `checks`",
        "for datafold it takes data_sources, monitors, ci_configs",
    ]);
    rig.run(&["plan", "--input", "cfg", "--include", "monitors"])
        .await
        .exits(1)
        .says(&["does not know `monitors`", "for qualytics it takes connections,"]);
}

#[tokio::test]
async fn an_export_that_could_not_be_true_is_refused_before_anything_is_asked_or_written() {
    let rig = Rig::empty().await;
    let bare = with(&rig, &[], &["export", "--platform", "datafold", "--output", "out"]).await;
    bare.exits(1).says(&["datafold", "View as Code"]);
    rig.write(
        "driftless.yaml",
        "sources: [{ name: git, url: repo }]\n\
         targets: [{ name: here, platform: datafold, url: 'http://127.0.0.1:9', token: key }]\n\
         environments: [{ name: prod, source: git, target: here }]\n",
    );
    let scope = [
        "export",
        "--config",
        "driftless.yaml",
        "--environment",
        "prod",
        "--output",
        "out",
    ];
    with(&rig, &[], &scope)
        .await
        .exits(1)
        .says(&["datafold", "View as Code"]);
    assert!(!rig.path("out").exists());
}

const MONITORS: &str = "monitors:\n  orders:\n    type: metric\n    name: Orders\n    connection_id: warehouse\n    \
                        schedule: { interval: { every: hour } }\n    metric: { type: table, table: SHOP.CORE.ORDERS, metric: row_count }\n";

#[tokio::test]
async fn a_folder_is_validated_planned_and_applied_and_is_in_sync_then() {
    let rig = Rig::empty().await;
    let seed = json!({ "data_sources": [
        { "id": 7, "name": "warehouse", "type": "pg", "options": { "host": "db.example", "dbname": "shop", "user": "reader", "password": "swordfish" } },
    ]});
    let options = driftless::sandbox::datafold::Options {
        seed: Some(seed),
        ..Default::default()
    };
    let server = driftless::sandbox::datafold::Server::start(options).await.unwrap();
    rig.write("mon/monitors/shop/orders.yaml", MONITORS);
    let validate = ["validate", "mon", "--platform", "datafold"];
    with(&rig, &[], &validate)
        .await
        .exits(0)
        .shows(&["1 document: no errors"]);
    with(&rig, &[], &["validate", "mon"])
        .await
        .exits(1)
        .shows(&["no document in mon", "pass `--platform datafold`"]);

    let (url, key) = (server.url(), server.key().to_owned());
    let variables = [("DATAFOLD_HOST", url.as_str()), ("DATAFOLD_API_KEY", key.as_str())];
    let on = |command: &'static str, further: &'static [&'static str]| {
        [&[command, "--platform", "datafold", "--input", "mon"][..], further].concat()
    };
    let changes = on("plan", &["--detailed-exitcode"]);
    let ran = with(&rig, &variables, &changes).await;
    ran.exits(2).shows(&["monitor/orders"]);
    assert!(!ran.out.contains(&key) && !ran.err.contains(&key));
    with(&rig, &variables, &on("apply", &["--yes"])).await.exits(0);
    with(&rig, &variables, &changes).await.exits(0);

    rig.edit("mon/monitors/shop/orders.yaml", "type: metric\n", "type: metrik\n");
    let ran = with(&rig, &[], &validate).await;
    ran.exits(1).shows(&["monitors/shop/orders.yaml:3:", "metrik"]);
}

#[tokio::test]
async fn every_fault_of_monitors_files_is_told_at_its_line_and_a_slug_twice_at_both_places() {
    let rig = Rig::empty().await;
    let monitor = |slug: &str, body: &str| format!("  {slug}:\n    type: schema\n    connection_id: 7\n{body}");
    let hourly = "    schedule: { interval: { every: hour } }\n";
    rig.write(
        "mon/monitors/shop.yaml",
        [
            "monitors:\n".to_owned(),
            monitor("orders", hourly),
            monitor("items", "    schedule: {}\n"),
            monitor("days", "    schedule: { interval: { every: day, hour: 30 } }\n"),
            monitor(
                "weeks",
                &format!("{hourly}    sampling: {{ rate: 5 }}\n    tabel: a.b.c\n"),
            ),
            monitor("orders", hourly),
            "notes: mine\n".to_owned(),
        ]
        .concat(),
    );
    rig.write(
        "mon/monitors/eu/more.yml",
        format!("monitors:\n{}", monitor("months", hourly)),
    );
    rig.write(
        "mon/monitors/us/more.yaml",
        format!("monitors:\n{}", monitor("months", hourly)),
    );
    let ran = with(&rig, &[], &["validate", "mon", "--platform", "datafold"]).await;
    ran.exits(1);
    let told = format!("{}{}", ran.out, ran.err);
    for (place, words) in [
        ("monitors/shop.yaml:2:", "orders"),
        ("monitors/shop.yaml:9:", "`schedule` says neither"),
        ("monitors/shop.yaml:13:", "is 30"),
        ("monitors/shop.yaml:18:", "`sampling`"),
        ("monitors/shop.yaml:19:", "`tabel`"),
        ("monitors/shop.yaml:20:", "orders"),
        ("monitors/shop.yaml:24:", "notes"),
        ("monitors/eu/more.yml:2:", "months"),
        ("monitors/us/more.yaml:2:", "months"),
    ] {
        let lines: Vec<&str> = told.lines().collect();
        let is_told = |pair: &[&str]| pair[0].contains(words) && pair[1].contains(place);
        assert!(lines.windows(2).any(is_told), "{place} {words}:\n{told}");
    }
}

#[tokio::test]
async fn a_name_that_is_missing_is_told_once_beside_whatever_else_is_wrong() {
    let rig = Rig::empty().await;
    let text = "ci_config_id: 12\nrepository: acme/shop\ndata_connection: warehouse\nsampling_rate: 5\n";
    rig.write("mon/ci/shop.yaml", text);
    let ran = with(&rig, &[], &["validate", "mon", "--platform", "datafold"]).await;
    let told = format!("{}{}", ran.exits(1).out, ran.err);
    for words in ["`name` is missing", "`sampling_rate`", "2 errors"] {
        assert_eq!(told.matches(words).count(), 1, "{words}:\n{told}");
    }
}

#[tokio::test]
async fn while_another_environment_of_the_organization_cannot_be_read_apply_provisions_nothing() {
    let rig = Rig::empty().await;
    let seed = json!({ "data_sources": [
        { "id": 7, "name": "warehouse", "type": "pg", "options": { "host": "db.example", "dbname": "shop", "user": "reader", "password": "swordfish" } },
    ]});
    let options = driftless::sandbox::datafold::Options {
        seed: Some(seed),
        ..Default::default()
    };
    let server = driftless::sandbox::datafold::Server::start(options).await.unwrap();
    let repo = super::repo::Repo::new();
    repo.write("a/monitors/orders.yaml", MONITORS.as_bytes());
    repo.push("Monitors");
    let target = |name: &str| {
        let (url, key) = (server.url(), server.key());
        format!("  - {{ name: {name}, platform: datafold, url: \"{url}\", token: {key} }}\n")
    };
    let config = format!(
        "server: {{ listen: 127.0.0.1:0 }}\nstore: {{ url: sqlite://driftless.db }}\n\
         sources:\n  - {{ name: git, url: {}, branch: main, interval: 1h }}\ntargets:\n{}{}environments:\n  \
         - {{ name: shop, source: git, target: here, path: a }}\n  - {{ name: items, source: git, target: there, path: b }}\n",
        repo.bare().display(),
        target("here"),
        target("there"),
    );
    rig.write("driftless.yaml", config);
    let apply = ["apply", "--config", "driftless.yaml", "--environment", "shop", "--yes"];
    let ran = rig.run(&apply).await;
    ran.shows(&["Blocked (incomplete_source)", "`items`"]);
    assert_ne!(ran.code, 0, "{}", ran.out);
    let provisioned = || async {
        let jobs = rig.client.get(format!("{}/_sandbox/provisioning", server.url()));
        let jobs: Json = serde_json::from_str(&jobs.send().await.unwrap().text().await.unwrap()).unwrap();
        let jobs = jobs.as_array().unwrap().iter();
        jobs.filter(|job| job["dry_run"] == false).count()
    };
    assert_eq!(provisioned().await, 0);
    // One slug in both, said otherwise: both places are named.
    repo.write(
        "b/monitors/more.yaml",
        MONITORS.replace("row_count", "freshness").as_bytes(),
    );
    repo.push("The other one");
    let ran = rig
        .run(&["apply", "--config", "driftless.yaml", "--environment", "items", "--yes"])
        .await;
    ran.shows(&[
        "Blocked (owned_elsewhere)",
        "`shop`",
        "monitor/orders",
        "b/monitors/more.yaml:2",
    ]);
    assert_eq!(provisioned().await, 0);
    rig.run(&apply).await.exits(0);
    assert_eq!(provisioned().await, 1);
}

#[tokio::test]
async fn monitors_beside_their_folder_are_said_so_and_nothing_is_deleted_for_that() {
    let rig = Rig::empty().await;
    let seed = json!({ "data_sources": [
        { "id": 7, "name": "warehouse", "type": "pg", "options": { "host": "db.example", "dbname": "shop", "user": "reader", "password": "swordfish" } },
    ]});
    let options = driftless::sandbox::datafold::Options {
        seed: Some(seed),
        ..Default::default()
    };
    let server = driftless::sandbox::datafold::Server::start(options).await.unwrap();
    let repo = super::repo::Repo::new();
    repo.write("monitors/orders.yaml", MONITORS.as_bytes());
    let others = MONITORS.replace("orders:", "items:").replace("Orders", "Items");
    repo.write("monitors/items.yaml", others.as_bytes());
    repo.push("Monitors");
    let config = format!(
        "server: {{ listen: 127.0.0.1:0 }}\nstore: {{ url: sqlite://driftless.db }}\n\
         sources:\n  - {{ name: git, url: {}, branch: main, interval: 1h }}\n\
         targets:\n  - {{ name: here, platform: datafold, url: \"{}\", token: {} }}\n\
         environments:\n  - {{ name: shop, source: git, target: here, prune: {{ monitors: delete }} }}\n",
        repo.bare().display(),
        server.url(),
        server.key(),
    );
    rig.write("driftless.yaml", config);
    let apply = ["apply", "--config", "driftless.yaml", "--environment", "shop", "--yes"];
    rig.run(&apply).await.exits(0);
    std::fs::remove_file(repo.work().join("monitors/orders.yaml")).unwrap();
    repo.write("monitors.yaml", MONITORS.as_bytes());
    repo.push("All of them in one file");
    let ran = rig.run(&apply).await;
    let told = format!("{}{}", ran.out, ran.err);
    for words in [
        "warning[misplaced_file]: this file is not read",
        "--> monitors.yaml:1:1",
        "monitors are read from the folder `monitors/`",
    ] {
        assert!(told.contains(words), "{words}:\n{told}");
    }
    ran.shows(&[
        "Blocked (incomplete_source)",
        "monitors.yaml looks meant for driftless",
        "monitor/orders",
        "1 blocked, 1 in sync",
    ]);
    assert_ne!(ran.code, 0, "{told}");
    std::fs::remove_file(repo.work().join("monitors.yaml")).unwrap();
    repo.write("monitors/all.yaml", MONITORS.as_bytes());
    repo.push("In their folder");
    rig.run(&apply).await.exits(0).shows(&["2 in sync"]);
}
