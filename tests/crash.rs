//! The process dies in the middle of writing, and the next start finishes the work: all there, nothing twice.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

#[path = "support/git_repo.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod git_repo;
#[path = "support/instance.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod instance;
#[path = "support/pipeline.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod pipeline;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use driftless::engine::reconcile::Memory;
use driftless::platform::address::address;
use driftless::sandbox::qualytics::{Overlap, Switches, example_seed};
use driftless::store::Store;
use driftless::store::sqlite::{self, SqliteStore};
use driftless_core::key::EnvironmentName;
use driftless_core::report::Conclusion;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use git_repo::Repo;
use instance::{Instance, differences, sorted_lists, uids};
use pipeline::{exported, variables};

/// Creations of one apply.
const CHECKS: usize = 200;

/// The writes at which the process is killed: the first, the one before the last, and eight between them.
const KILLS: [usize; 10] = [1, 23, 45, 67, 89, 111, 133, 155, 177, 199];

/// Between two looks at what a process is doing.
const POLL: Duration = Duration::from_millis(5);

/// What there is to apply: a seed, its files, and the checks that are to be there in the end.
struct Work {
    seed: Value,
    files: BTreeMap<String, String>,
    wanted: Value,
}

async fn work() -> &'static Work {
    static WORK: OnceCell<Work> = OnceCell::const_new();
    let make = || async {
        let seed = example_seed(1, 8, CHECKS);
        let full = Instance::start(seed.clone(), Switches::default()).await;
        Work {
            seed,
            files: exported(&full).await,
            wanted: sorted_lists(full.state().await)["checks"].clone(),
        }
    };
    WORK.get_or_init(make).await
}

/// What the checks lie on is there already: the 200 writes of an apply are 200 creations of checks.
async fn instance_without_checks(switches: Switches) -> (Instance, &'static BTreeMap<String, String>, &'static Value) {
    let work = work().await;
    let mut seed = work.seed.clone();
    seed["checks"] = json!([]);
    let instance = Instance::start(seed, switches).await;
    // Time enough for requests to be under way when the process dies: they take effect after it.
    instance.door("PUT", "latency", json!({ "ms": 15 })).await;
    (instance, &work.files, &work.wanted)
}

fn accepting_duplicates() -> Switches {
    Switches {
        duplicate_checks: Overlap::Accept,
        ..Switches::default()
    }
}

/// A child that does not outlive its test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(
            command
                .env_remove("DRIFTLESS_LOG")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    /// SIGKILL: nothing of it runs after this.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn terminate(&self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    async fn exit_code(&mut self) -> Option<i32> {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(std::time::Instant::now() < deadline, "it does not end");
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn write_files(root: &Path, files: &BTreeMap<String, String>) -> PathBuf {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root.join("config")
}

/// `driftless apply` or `plan` on a bare instance.
fn bare(word: &str, instance: &Instance, input: &Path, variables: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftless"));
    command
        .arg(word)
        .arg("--input")
        .arg(input)
        .current_dir(input)
        .envs(variables)
        .env("QUALYTICS_URL", instance.sandbox.url())
        .env("QUALYTICS_TOKEN", instance.sandbox.token());
    match word {
        "apply" => command.arg("--yes"),
        _ => command.arg("--detailed-exitcode"),
    };
    command
}

/// Lets `point` creations of checks take effect and no more, kills the process when the last of them is on its way, and then
/// lets everything through again.
async fn kill_at(instance: &Instance, point: usize, start: impl FnOnce() -> Process) {
    let held = json!([{ "method": "POST", "path_prefix": "/quality-checks", "from": point + 1, "kind": "timeout" }]);
    instance.door("PUT", "faults", held).await;
    let mut process = start();
    creations_reach(instance, point).await;
    process.kill();
    instance.door("DELETE", "faults", Value::Null).await;
    let there = instance.state().await["checks"].as_array().unwrap().len();
    assert!(there <= point, "{there} at {point}");
}

/// Waits until that many creations of checks have arrived.
async fn creations_reach(instance: &Instance, count: usize) {
    let created = |log: &Value| {
        let writes = log["writes"].as_array().unwrap().iter();
        writes.filter(|write| write["path"] == "/api/quality-checks").count()
    };
    instance.wait("writes", |log| created(log) >= count).await;
}

async fn assert_all_there_once(instance: &Instance, wanted: &Value) {
    let state = sorted_lists(instance.state().await);
    let twice: Vec<_> = uids(&state).into_iter().filter(|(_, count)| *count > 1).collect();
    assert_eq!(twice, []);
    assert_eq!(differences(&state["checks"], wanted), [] as [String; 0]);
    let writes = instance.writes().await;
    let others: Vec<_> = writes.iter().filter(|write| write.0 == "DELETE").collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Kills an apply at each point, each time on an instance of its own, and starts it again. All points at once.
async fn apply_survives(switches: Switches) {
    let points = KILLS.map(|point| {
        let switches = switches.clone();
        tokio::spawn(async move {
            let (instance, files, wanted) = instance_without_checks(switches).await;
            let variables = variables(files);
            let folder = tempfile::tempdir().unwrap();
            let input = write_files(folder.path(), files);
            let apply = || Process::start(&mut bare("apply", &instance, &input, &variables));
            kill_at(&instance, point, apply).await;
            let mut second = Process::start(&mut bare("apply", &instance, &input, &variables));
            assert_eq!(second.exit_code().await, Some(0), "killed at {point}");
            assert_all_there_once(&instance, wanted).await;
            let mut third = Process::start(&mut bare("plan", &instance, &input, &variables));
            assert_eq!(third.exit_code().await, Some(0), "killed at {point}: changes are left");
        })
    });
    for point in points {
        point.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_is_killed_at_any_write_is_finished_by_the_next() {
    apply_survives(Switches::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_is_killed_makes_no_check_twice_where_duplicates_are_accepted() {
    apply_survives(accepting_duplicates()).await;
}

/// A daemon over a repository and an instance.
struct Daemon {
    config: PathBuf,
    store: PathBuf,
    repo: Repo,
}

impl Daemon {
    fn over(instance: &Instance, files: &BTreeMap<String, String>) -> Self {
        let repo = Repo::with(
            &files
                .iter()
                .map(|(path, text)| (path.as_str(), text.as_bytes()))
                .collect::<Vec<_>>(),
        );
        let (config, store) = (repo.folder().join("driftless.yaml"), repo.folder().join("driftless.db"));
        let mut text = format!(
            "server: {{ listen: \"127.0.0.1:0\" }}\nstore: {{ url: \"sqlite://{}\" }}\nsources:\n- name: dq\n  url: \"{}\"\n  \
             branch: main\n  interval: 1s\ntargets:\n- {{ name: sandbox, platform: qualytics, url: \"{}\", token: \"{}\", \
             limits: {{ concurrency: 8, per_second: 200 }} }}\nenvironments:\n- name: prod\n  source: dq\n  path: config\n  \
             target: sandbox\n  drift: {{ policy: correct, interval: 1h }}\n  variables:\n",
            store.display(),
            repo.bare().display(),
            instance.sandbox.url(),
            instance.sandbox.token(),
        );
        for (name, value) in variables(files) {
            text.push_str(&format!("    {name}: \"{value}\"\n"));
        }
        std::fs::write(&config, text).unwrap();
        Self { config, store, repo }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftless"));
        command
            .args(["run", "--config"])
            .arg(&self.config)
            .current_dir(self.repo.folder());
        command
    }

    /// Starts it; nobody reads what it says.
    fn start(&self) -> Process {
        Process::start(self.command().stderr(Stdio::null()))
    }

    /// Starts it, and gives the address of its API.
    fn start_and_listen(&self) -> (Process, String) {
        let mut process = Process::start(self.command().stderr(Stdio::piped()).env("NO_COLOR", "1"));
        let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once("Listening on ")?.1.trim().to_owned()))
            .expect("it listens");
        // What follows must be read, or the daemon would wait for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        (process, address)
    }

    /// Waits for a run that succeeded.
    async fn succeeded(&self, address: &str) {
        let client = reqwest::Client::new();
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            let answer = client.get(format!("{address}/api/v1/runs")).send().await.unwrap();
            let runs: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            if runs["runs"][0]["conclusion"] == "succeeded" {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{runs}");
            tokio::time::sleep(POLL).await;
        }
    }
}

/// What the store calls the ledger of the environment `prod` on `instance`.
fn ledger_of_prod(store: Arc<dyn Store>, instance: &Instance) -> EnvironmentName {
    let (target, _) = address(&instance.sandbox.url(), "/api").unwrap();
    Memory::new(store, Some(&EnvironmentName("prod".to_owned())), &target).name
}

async fn daemon_survives(switches: Switches) {
    let points = KILLS.map(|point| {
        let switches = switches.clone();
        tokio::spawn(async move {
            let (instance, files, wanted) = instance_without_checks(switches).await;
            let daemon = Daemon::over(&instance, files);
            kill_at(&instance, point, || daemon.start()).await;
            let (mut second, address) = daemon.start_and_listen();
            daemon.succeeded(&address).await;
            assert_all_there_once(&instance, wanted).await;
            second.terminate();
            assert_eq!(second.exit_code().await, Some(0));
            let store = SqliteStore::open(daemon.store.to_str().unwrap(), sqlite::Limits::default())
                .await
                .unwrap();
            let schema = driftless::platform::qualytics::schema();
            let store: Arc<dyn Store> = Arc::new(store);
            let prod = ledger_of_prod(store.clone(), &instance);
            assert_eq!(store.intents(&prod, schema).await.unwrap(), []);
            let ledger = store.ledger(&prod, schema).await.unwrap();
            let owned = ledger.entries.keys().filter(|key| key.kind.0 == "check").count();
            assert_eq!(owned, CHECKS, "killed at {point}");
        })
    });
    for point in points {
        point.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_at_any_write_finishes_at_its_next_start() {
    daemon_survives(Switches::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_makes_no_check_twice_where_duplicates_are_accepted() {
    daemon_survives(accepting_duplicates()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_asked_to_stop_ends_what_is_in_hand_and_the_next_start_does_the_rest() {
    let (instance, files, wanted) = instance_without_checks(Switches::default()).await;
    let daemon = Daemon::over(&instance, files);
    let mut first = daemon.start();
    creations_reach(&instance, 60).await;
    first.terminate();
    assert_eq!(
        first.exit_code().await,
        Some(0),
        "a stop within the grace is a clean end"
    );

    let log = instance.door("GET", "writes", Value::Null).await;
    assert_eq!(log["count"], log["succeeded"], "what was in hand has ended");
    let there = instance.state().await["checks"].as_array().unwrap().len();
    assert!(there < CHECKS);
    let store = SqliteStore::open(daemon.store.to_str().unwrap(), sqlite::Limits::default())
        .await
        .unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let prod = EnvironmentName("prod".to_owned());
    let schema = driftless::platform::qualytics::schema();
    let ledger = ledger_of_prod(store.clone(), &instance);
    assert_eq!(store.intents(&ledger, schema).await.unwrap(), []);
    let runs = store.runs(Some(&prod), 10).await.unwrap();
    let run = store.run(&runs[0].id).await.unwrap().unwrap();
    assert_eq!(run.conclusion, Some(Conclusion::Partial));
    let report: Value = serde_json::from_str(run.report.as_deref().unwrap()).unwrap();
    assert_eq!(report["summary"]["failed"], 0);
    assert_eq!(report["summary"]["created"], there);
    assert_eq!(report["summary"]["skipped"], CHECKS - there);
    let skipped = report["outcomes"].as_array().unwrap().iter();
    let reasons: Vec<&Value> = skipped
        .filter(|outcome| outcome["result"] == "skipped")
        .map(|outcome| &outcome["error"])
        .collect();
    assert!(
        reasons
            .iter()
            .all(|reason| reason.as_str().is_some_and(|text| text.contains("stop"))),
        "{reasons:?}"
    );
    drop(store);

    let (mut second, address) = daemon.start_and_listen();
    daemon.succeeded(&address).await;
    assert_all_there_once(&instance, wanted).await;
    second.terminate();
    assert_eq!(second.exit_code().await, Some(0));
}

/// The command, under a limit of `blocks` of 512 bytes for each file that it writes: a write beyond it fails, as on a disk that is
/// full, and the process lives on.
fn with_little_room(command: &Command, blocks: u32) -> Command {
    let mut little = Command::new("sh");
    little
        .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\""])
        .arg(blocks.to_string())
        .arg(command.get_program())
        .args(command.get_args())
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(command.get_current_dir().unwrap());
    little
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_stops_the_writes_and_says_so_and_the_next_apply_with_room_finishes() {
    let (instance, files, wanted) = instance_without_checks(accepting_duplicates()).await;
    let variables = variables(files);
    let folder = tempfile::tempdir().unwrap();
    let input = write_files(folder.path(), files);
    let store = format!("sqlite://{}", folder.path().join("store.db").display());
    let apply = || {
        let mut command = bare("apply", &instance, &input, &variables);
        command.args(["--format", "json", "--store", &store]);
        command
    };
    // Room for the empty store and for the journal of some of the writes.
    let mut full = with_little_room(&apply(), 300);
    let ended = tokio::task::spawn_blocking(move || full.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let mut outcomes = report["outcomes"].as_array().unwrap().clone();
    outcomes.retain(|outcome| outcome["action"] == "create");
    let of = |part: &str| {
        let errors = outcomes.iter().filter_map(|outcome| outcome["error"].as_str());
        errors.filter(|error| error.contains(part)).count()
    };
    let (applied, not_tried) = (
        outcomes.iter().filter(|outcome| outcome["result"] == "applied").count(),
        of("not tried, because"),
    );
    let not_noted = of("it took effect, but the ledger could not be written");
    assert!(applied > 0 && not_tried > 0, "{applied}, {not_tried}: {report}");
    assert_eq!(applied + not_tried + not_noted, outcomes.len(), "{report}");
    assert_eq!(
        of("look at the system's log") + of("make room"),
        not_tried + not_noted,
        "{report}"
    );
    let there = instance.state().await["checks"].as_array().unwrap().len();
    assert_eq!(
        there,
        applied + not_noted,
        "nothing was written that was not noted first"
    );
    let location = folder.path().join("store.db");
    let kept = SqliteStore::open(location.to_str().unwrap(), sqlite::Limits::default())
        .await
        .unwrap();
    let (target, _) = address(&instance.sandbox.url(), "/api").unwrap();
    let kept: Arc<dyn Store> = Arc::new(kept);
    let name = Memory::new(kept.clone(), None, &target).name;
    let owned = kept
        .ledger(&name, driftless::platform::qualytics::schema())
        .await
        .unwrap()
        .entries;
    let owned = owned.keys().filter(|key| key.kind.0 == "check").count();
    assert_eq!(owned, applied, "what counts as applied is in the ledger");
    drop(kept);

    let mut second = Process::start(&mut apply());
    assert_eq!(second.exit_code().await, Some(0));
    assert_all_there_once(&instance, wanted).await;
    let creations = instance.writes().await.into_iter().filter(|write| write.0 == "POST");
    assert_eq!(creations.count(), CHECKS, "nothing was sent twice");
}
