//! The demo as a user meets it: the binary is started, what it prints is read and tried, word for word, and Ctrl-C ends it.
//!
//! Needs `git`, `sh`, `curl`, `openssl` and `promtool` (`scripts/test` sees to them).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

/// How long the demo may take to become what a test waits for, where the issue sets no bound: a loaded machine, a debug build.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon a push must be live.
const LIVE_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait between two looks at something that has to become true.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The check that the demo's own suggestions are about.
const CHECK: &str = "check/warehouse/orders__between__order_total";

struct Demo {
    process: Child,
    client: reqwest::blocking::Client,
    dashboard: String,
    tree: PathBuf,
    folder: PathBuf,
    sandboxes: BTreeMap<String, String>,
    datafold: String,
    /// The commands of each of the suggestions.
    suggestions: Vec<Vec<String>>,
}

impl Demo {
    fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut process = Command::new(env!("CARGO_BIN_EXE_driftless"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut printed = Vec::new();
        for line in BufReader::new(process.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            let last = line.starts_with("Stop it");
            printed.push(line);
            if last {
                break;
            }
        }
        let after = |label: &str| {
            let line = printed.iter().find_map(|line| line.strip_prefix(label));
            let rest = line.unwrap_or_else(|| panic!("no `{label}` in {printed:#?}"));
            rest.split_whitespace().next().unwrap().to_owned()
        };
        let sandboxes = ["dev", "staging", "prod"].map(|name| (name.to_owned(), after(&format!("Sandbox {name}:"))));
        let datafold = after("Sandbox datafold:");
        let demo = Self {
            process,
            client: reqwest::blocking::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(10))
                .build()
                .unwrap(),
            dashboard: after("The dashboard:"),
            tree: after("The work tree:").into(),
            folder: after("Everything is in:").into(),
            sandboxes: sandboxes.into(),
            datafold,
            suggestions: suggestions(&printed),
        };
        demo.until("all three are in sync", PATIENCE, || {
            ["dev", "staging", "prod"]
                .iter()
                .all(|name| demo.standing(name) == "in_sync")
        });
        demo.until("of Datafold, only what a person sets is not", PATIENCE, || {
            demo.states("datafold", "in_sync") == 6 && demo.states("datafold", "blocked") == 1
        });
        demo
    }

    /// How many resources of an environment are in a state.
    fn states(&self, environment: &str, state: &str) -> u64 {
        let found = self.get(&format!("/api/v1/environments/{environment}"));
        found["totals"][state].as_u64().unwrap()
    }

    /// A monitor of Datafold's, as it is live.
    fn monitor(&self, slug: &str) -> Json {
        let url = format!("{}/_sandbox/state?full=1", self.datafold);
        let state: Json = serde_json::from_str(&self.client.get(url).send().unwrap().text().unwrap()).unwrap();
        let monitors = state["monitors"].as_array().unwrap();
        let found = monitors.iter().find(|monitor| monitor["slug"] == slug);
        found.unwrap_or_else(|| panic!("no such monitor in {state:#}")).clone()
    }

    #[track_caller]
    fn until(&self, what: &str, patience: Duration, is_so: impl Fn() -> bool) -> Duration {
        let began = Instant::now();
        while !is_so() {
            let environments = || self.get("/api/v1/environments");
            assert!(
                began.elapsed() < patience,
                "not within {patience:?}: {what}: {:#}",
                environments()
            );
            std::thread::sleep(LOOK_AGAIN);
        }
        began.elapsed()
    }

    fn get(&self, path: &str) -> Json {
        let answer = self.client.get(format!("{}{path}", self.dashboard)).send().unwrap();
        serde_json::from_str(&answer.error_for_status().unwrap().text().unwrap()).unwrap()
    }

    fn text(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.dashboard)).send().unwrap();
        answer.error_for_status().unwrap().text().unwrap()
    }

    fn standing(&self, environment: &str) -> String {
        let found = self.get(&format!("/api/v1/environments/{environment}"));
        found["standing"].as_str().unwrap().to_owned()
    }

    /// What the side door of an environment's instance says.
    fn sandbox(&self, environment: &str, path: &str) -> Json {
        let url = format!("{}/_sandbox/{path}", self.sandboxes[environment]);
        serde_json::from_str(&self.client.get(url).send().unwrap().text().unwrap()).unwrap()
    }

    fn writes(&self, environment: &str) -> u64 {
        self.sandbox(environment, "writes")["count"].as_u64().unwrap()
    }

    fn all_writes(&self) -> BTreeMap<String, u64> {
        let names = self.sandboxes.keys();
        names.map(|name| (name.clone(), self.writes(name))).collect()
    }

    /// The check of the suggestions, as it is live.
    fn check(&self, environment: &str) -> Json {
        let state = self.sandbox(environment, "state?full=1");
        find(&state, "orders__between__order_total").unwrap_or_else(|| panic!("no such check in {state:#}"))
    }

    fn edit(&self, environment: &str, description: &str) {
        let url = format!("{}/_sandbox/edit", self.sandboxes[environment]);
        let edit = json!({"kind": "check", "where": {"uid": "orders__between__order_total"},
            "set": {"description": description}});
        let answer = self.client.post(url).json(&edit).send().unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().unwrap());
    }

    fn write(&self, path: &str, change: impl FnOnce(String) -> String) {
        let path = self.tree.join(path);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text, "{}", path.display());
        std::fs::write(path, changed).unwrap();
    }

    fn push(&self, message: &str) {
        run(&self.tree, &format!("git commit -qam '{message}' && git push -q"));
    }

    /// Waits until every environment has looked at the newest commit and says how many writes each has had by then.
    fn settled(&self) -> BTreeMap<String, u64> {
        let head = run(&self.tree, "git rev-parse HEAD").trim().to_owned();
        self.until("every environment has passed over the commit", PATIENCE, || {
            let environments = self.get("/api/v1/environments");
            let environments = environments["environments"].as_array().unwrap();
            environments.iter().all(|environment| {
                let last = &environment["last_run"];
                last["revision"] == head.as_str()
                    && !last["finished"].is_null()
                    && environment["revision"] == head.as_str()
            })
        });
        self.all_writes()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The map below `state` whose metadata have this uid.
fn find(state: &Json, uid: &str) -> Option<Json> {
    match state {
        Json::Object(map)
            if map
                .get("additional_metadata")
                .is_some_and(|m| m["_qualytics_check_uid"] == uid) =>
        {
            Some(state.clone())
        }
        Json::Object(map) => map.values().find_map(|below| find(below, uid)),
        Json::Array(items) => items.iter().find_map(|below| find(below, uid)),
        _ => None,
    }
}

/// The indented lines below each `N. ` of the introduction; a line that ends in `\` goes on.
fn suggestions(printed: &[String]) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut goes_on = false;
    for line in printed {
        if line.chars().next().is_some_and(|c| c.is_ascii_digit()) {
            found.push(Vec::new());
        } else if let (Some(command), Some(commands)) = (line.strip_prefix("     "), found.last_mut()) {
            match commands.last_mut().filter(|_| goes_on) {
                Some(last) => *last = format!("{last}\n{command}"),
                None => commands.push(command.to_owned()),
            }
            goes_on = command.ends_with('\\');
        }
    }
    assert_eq!(found.len(), 7, "{printed:#?}");
    found
}

/// Runs a command as a user's shell does; gives what it prints.
#[track_caller]
fn run(folder: &Path, command: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", command])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    assert!(output.status.success(), "{command}: {}", text(output.stderr));
    text(output.stdout)
}

#[test]
fn what_the_demo_suggests_does_what_it_says_and_ctrl_c_leaves_nothing() {
    let mut demo = Demo::start();
    let before = demo.all_writes();
    let suggested = |number: usize| &demo.suggestions[number - 1];

    // 1: live on all three, by one write each.
    run(&demo.folder, &suggested(1).join("\n"));
    demo.until("the push is live on all three", LIVE_WITHIN, || {
        demo.sandboxes
            .keys()
            .all(|name| demo.check(name)["coverage"] == json!(0.9))
    });
    let more = |before: &BTreeMap<String, u64>| -> Vec<u64> {
        let after = demo.settled();
        after.iter().map(|(name, count)| count - before[name]).collect()
    };
    assert_eq!(more(&before), [1, 1, 1]);

    // 2: put back on prod, with a run that says what it was; shown on staging with its field, and left.
    let before = demo.all_writes();
    run(&demo.folder, &suggested(2).join("\n"));
    demo.edit("staging", "changed by hand");
    demo.until("the change on prod is put back", PATIENCE, || {
        demo.check("prod")["description"] == "An order total is plausible"
    });
    demo.until("the change on staging shows", PATIENCE, || {
        demo.standing("staging") == "drift"
    });
    let drift = demo.get("/api/v1/environments/staging/drift");
    assert_eq!(drift["open"], json!(1));
    assert_eq!(drift["resources"][0]["key"], CHECK);
    assert_eq!(
        drift["resources"][0]["fields"],
        json!([{"path": "description", "class": "drift", "before": "changed by hand", "after": "An order total is plausible"}])
    );
    assert_eq!(demo.check("staging")["description"], "changed by hand");
    assert_eq!(more(&before), [0, 1, 0]);
    let runs = demo.get("/api/v1/runs?environment=prod&limit=200");
    let runs = runs["runs"].as_array().unwrap();
    let put_back = runs
        .iter()
        .find(|run| run["message"].as_str().unwrap().starts_with("1 updated"));
    let put_back = demo.get(&format!("/api/v1/runs/{}", put_back.unwrap()["id"].as_str().unwrap()));
    assert_eq!(put_back["trigger"], "drift check");
    assert_eq!(put_back["plan"]["changes"][0]["key"], CHECK);
    assert_eq!(put_back["plan"]["changes"][0]["fields"][0]["before"], "changed by hand");

    // 3: the fault has its file and line, everything else goes on, and what stands live stays; the revert heals.
    let before = demo.all_writes();
    let [break_it, heal_it] = suggested(3).as_slice() else {
        panic!("{:?}", suggested(3));
    };
    run(&demo.folder, break_it);
    demo.until("the fault shows everywhere", PATIENCE, || {
        ["dev", "prod"].iter().all(|name| demo.standing(name) == "incomplete")
    });
    for name in demo.sandboxes.keys() {
        demo.until("its one fault is told", PATIENCE, || {
            let found = demo.get(&format!("/api/v1/environments/{name}"));
            found["diagnostics"].as_array().unwrap().len() == 1
        });
        let fault = demo.get(&format!("/api/v1/environments/{name}"))["diagnostics"][0].clone();
        let file = "qualytics-config/datastores/warehouse/checks/orders/between__order_total.yaml";
        assert_eq!((&fault["file"], &fault["line"]), (&json!(file), &json!(1)));
    }
    assert!(
        demo.text("/environments/dev")
            .contains("between__order_total.yaml:1:12")
    );
    demo.edit("prod", "changed again");
    demo.write(
        "qualytics-config/datastores/warehouse/checks/orders/unique__order_id.yaml",
        |text| text.replacen("description: ", "description: Surely ", 1),
    );
    demo.push("Another change while one file is broken");
    assert_eq!(more(&before), [1, 1, 1]);
    run(&demo.tree, "git revert --no-edit HEAD && git push -q");
    run(&demo.folder, heal_it.replace("HEAD", "HEAD~2").as_str());
    demo.until("the revert heals", PATIENCE, || {
        demo.standing("dev") == "in_sync" && demo.standing("prod") == "in_sync"
    });
    assert_eq!(demo.check("prod")["description"], "An order total is plausible");

    // 4: the ids of the runs.
    let answer: Json = serde_json::from_str(&run(&demo.folder, &suggested(4).join("\n"))).unwrap();
    let runs = answer["runs"].as_array().unwrap();
    let names: Vec<&str> = runs.iter().map(|run| run["environment"].as_str().unwrap()).collect();
    assert_eq!(names, ["datafold", "dev", "prod", "staging"]);
    for answered in runs {
        let path = format!("/api/v1/runs/{}", answered["run"].as_str().unwrap());
        demo.until("the run of the webhook is in history", PATIENCE, || {
            let found = demo.client.get(format!("{}{path}", demo.dashboard)).send().unwrap();
            found.status().is_success()
        });
        assert_eq!(demo.get(&path)["trigger"], "webhook push");
    }

    // 5: shown with its field, and left.
    run(&demo.folder, &suggested(5).join("\n"));
    demo.until("the change on Datafold shows", PATIENCE, || {
        demo.get("/api/v1/environments/datafold/drift")["open"] == json!(1)
    });
    let drift = demo.get("/api/v1/environments/datafold/drift");
    assert_eq!(drift["resources"][0]["key"], "monitor/orders_freshness");
    assert_eq!(
        drift["resources"][0]["fields"],
        json!([{"path": "alert.sensitivity", "class": "drift", "before": 10, "after": 80}])
    );
    // The platform says when, and not who.
    let edited = drift["resources"][0]["edited"].as_str().unwrap();
    assert!(edited.starts_with("somebody at 20"), "{edited}");
    assert_eq!(demo.monitor("orders_freshness")["alert"]["sensitivity"], json!(10));

    // 6: let through, and nothing waits for a person any more.
    run(&demo.folder, &suggested(6).join("\n"));
    demo.until("nothing waits for a person", PATIENCE, || {
        demo.states("datafold", "blocked") == 0
    });

    // 7: compared, and said on the page and on the forge.
    let [open, look] = suggested(7).as_slice() else {
        panic!("{:?}", suggested(7));
    };
    run(&demo.folder, open);
    let shown = || run(&demo.folder, look);
    demo.until("the run has ended", PATIENCE, || {
        shown().contains(r#""state":"success""#)
    });
    let shown = shown();
    for part in [
        r#""context":"driftless/shop""#,
        "<!-- driftless:shop -->",
        "1 table: 1 differs.",
        "312",
    ] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    assert!(demo.text("/").replace("&#x2f;", "/").contains("acme/shop #"));

    // Ctrl-C.
    run(&demo.folder, &format!("kill -INT {}", demo.process.id()));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = demo.process.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(LOOK_AGAIN);
    };
    assert_eq!(status.code(), Some(0));
    assert!(!demo.folder.exists(), "{} is still there", demo.folder.display());
}

#[test]
fn a_change_for_prod_alone_is_written_on_prod_alone_and_the_metrics_count_it() {
    let demo = Demo::start();
    let before = demo.all_writes();
    let updates = |metrics: &str| -> u64 {
        let counter = r#"driftless_changes_total{action="update",environment="prod",kind="check",result="applied"} "#;
        metrics
            .lines()
            .find_map(|line| line.strip_prefix(counter))
            .map_or(0, |count| count.parse().unwrap())
    };
    let updated = updates(&demo.text("/metrics"));
    demo.write(
        "overrides/prod/datastores/warehouse/checks/orders/between__order_total.yaml",
        |text| text.replace("max: 15000", "max: 14000"),
    );
    demo.push("Only prod");
    let took = demo.until("the change is live on prod", LIVE_WITHIN, || {
        demo.check("prod")["properties"]["max"] == json!(14000)
    });
    let after = demo.settled();
    let written: Vec<u64> = after.iter().map(|(name, count)| count - before[name]).collect();
    assert_eq!(written, [0, 1, 0], "dev, prod, staging; live after {took:?}");

    let head = run(&demo.tree, "git rev-parse HEAD").trim().to_owned();
    let metrics = demo.text("/metrics");
    for line in [
        format!(r#"driftless_revision_info{{environment="prod",revision="{head}"}} 1"#),
        r#"driftless_resources{environment="prod",kind="check",state="drift"} 0"#.to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line}\nis not in\n{metrics}");
    }
    assert_eq!(updates(&metrics), updated + 1);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is not installed: apt-get install -y prometheus");
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let verdict = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&verdict.stderr).into_owned() + &String::from_utf8_lossy(&verdict.stdout);
    assert!(verdict.status.success(), "promtool: {said}");
    assert!(said.is_empty(), "promtool: {said}");
    assert!(demo.text("/").contains("1 of 4 environments needs attention"));
    run(&demo.folder, &demo.suggestions[5].join("\n"));
    demo.until("the fourth is in sync too", PATIENCE, || {
        demo.standing("datafold") == "in_sync"
    });
    assert!(demo.text("/").contains("All 4 environments are in sync"));
}
