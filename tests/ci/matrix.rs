//! All cells, or some of them, side by side; and the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use driftless::ci::pipeline::{Ports, run_once};
use driftless::platform::data_diffs::DataDiffs;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::late::Late;
use crate::rig::{Given, OLDER, Provider, Service, Start, World, in_folder, memory};

/// One sort of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    ResetBefore,
    ResetAfter,
    TimeoutBefore,
    TimeoutAfter,
    Status429,
    Status500,
    Status500After,
    Status502,
    Status502After,
    Status503,
    Status503After,
    Truncated,
    InvalidJson,
    Html,
    HtmlAfter,
    SlowDrip,
    KillBefore,
    KillAfter,
}

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_millis(100);
/// Pieces in which a slow body comes.
const PIECES: u64 = 8;

impl Sort {
    const ALL: [Sort; 18] = [
        Sort::ResetBefore,
        Sort::ResetAfter,
        Sort::TimeoutBefore,
        Sort::TimeoutAfter,
        Sort::Status429,
        Sort::Status500,
        Sort::Status500After,
        Sort::Status502,
        Sort::Status502After,
        Sort::Status503,
        Sort::Status503After,
        Sort::Truncated,
        Sort::InvalidJson,
        Sort::Html,
        Sort::HtmlAfter,
        Sort::SlowDrip,
        Sort::KillBefore,
        Sort::KillAfter,
    ];

    fn name(self) -> &'static str {
        match self {
            Sort::ResetBefore => "reset-before",
            Sort::ResetAfter => "reset-after",
            Sort::TimeoutBefore => "timeout-before",
            Sort::TimeoutAfter => "timeout-after",
            Sort::Status429 => "429",
            Sort::Status500 => "500-before",
            Sort::Status500After => "500-after",
            Sort::Status502 => "502-before",
            Sort::Status502After => "502-after",
            Sort::Status503 => "503-before",
            Sort::Status503After => "503-after",
            Sort::Truncated => "truncated",
            Sort::InvalidJson => "invalid-json",
            Sort::Html => "html-before",
            Sort::HtmlAfter => "html-after",
            Sort::SlowDrip => "slow-drip",
            Sort::KillBefore => "kill-before",
            Sort::KillAfter => "kill-after",
        }
    }

    /// Whether the process ends there; otherwise the network or a service breaks off.
    fn kills(self) -> bool {
        matches!(self, Sort::KillBefore | Sort::KillAfter)
    }

    /// Whether there can be such a fault at a request of that method: a read has no effect that a fault could come after.
    fn is_possible(self, method: &str) -> bool {
        method != "GET"
            || !matches!(
                self,
                Sort::ResetAfter
                    | Sort::TimeoutAfter
                    | Sort::Status500After
                    | Sort::Status502After
                    | Sort::Status503After
                    | Sort::HtmlAfter
                    | Sort::KillAfter
            )
    }

    /// The rule for a sandbox, without its place. Of a kill: what holds the request while the process ends.
    fn rule(self) -> Json {
        let withheld = 4 * u64::try_from(PATIENCE.as_millis()).unwrap();
        match self {
            Sort::ResetBefore => json!({ "kind": "reset_before" }),
            Sort::ResetAfter => json!({ "kind": "reset_after" }),
            Sort::TimeoutBefore => json!({ "kind": "timeout", "delay_ms": withheld }),
            Sort::TimeoutAfter => json!({ "kind": "timeout_after", "delay_ms": withheld }),
            Sort::Status429 => json!({ "kind": "status", "status": 429, "retry_after": 0 }),
            Sort::Status500 => json!({ "kind": "status", "status": 500 }),
            Sort::Status500After => json!({ "kind": "status", "status": 500, "after": true }),
            Sort::Status502 => json!({ "kind": "status", "status": 502 }),
            Sort::Status502After => json!({ "kind": "status", "status": 502, "after": true }),
            Sort::Status503 => json!({ "kind": "status", "status": 503 }),
            Sort::Status503After => json!({ "kind": "status", "status": 503, "after": true }),
            Sort::Truncated => json!({ "kind": "truncate" }),
            Sort::InvalidJson => json!({ "kind": "invalid_json" }),
            Sort::Html => json!({ "kind": "html" }),
            Sort::HtmlAfter => json!({ "kind": "html", "after": true }),
            Sort::SlowDrip => json!({ "kind": "slow_drip", "delay_ms": withheld / PIECES }),
            // Nobody waits for these: the answer never comes.
            Sort::KillBefore => json!({ "kind": "timeout" }),
            Sort::KillAfter => json!({ "kind": "timeout_after" }),
        }
    }
}

/// The way that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    provider: Provider,
    start: Start,
}

/// How many requests in a row it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Length {
    One,
    /// The look-up of what a lost request has done breaks as well.
    Three,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    sort: Sort,
    way: Way,
    service: Service,
    /// The number of the request, from 1, among those to the service.
    at: usize,
    length: Length,
}

impl Cell {
    fn name(&self) -> String {
        let start = match self.way.start {
            Start::Webhook => "found",
            Start::Trigger => "triggered",
        };
        let service = match self.service {
            Service::Datafold => "datafold",
            Service::Forge => "forge",
        };
        let length = match self.length {
            Length::One => "",
            Length::Three => "/three",
        };
        let provider = self.way.provider.name();
        format!(
            "ci/{provider}/{start}/{service}/{}@{}{length}",
            self.sort.name(),
            self.at
        )
    }

    fn rules(&self) -> Json {
        let mut rule = self.sort.rule();
        let more = match self.length {
            Length::One => 0,
            Length::Three => 2,
        };
        rule["from"] = json!(self.at);
        rule["to"] = json!(self.at + more);
        json!([rule])
    }
}

/// Method and route of each request of a way, by service: of a daemon's, and of an orchestration without one.
struct Unbroken {
    way: Way,
    daemon: [Vec<(&'static str, &'static str)>; 2],
    alone: [Vec<(&'static str, &'static str)>; 2],
    end: (String, String),
}

const SERVICES: [Service; 2] = [Service::Datafold, Service::Forge];

/// The tables of the pull request differ, and that is bad: a status that is good is a lie.
fn given(way: Way) -> Given {
    Given {
        differing: vec!["ORDERS"],
        patience: PATIENCE,
        ..Given::new(way.provider, way.start)
    }
}

async fn world(given: Given) -> World {
    let mut world = World::start(given).await;
    world.options.head = Duration::ZERO;
    // A look-up may break three times as well, and what it looks for may be late.
    world.options.settles = Duration::from_millis(600);
    world.options.starts = Duration::from_secs(5);
    world.options.submits = Duration::from_secs(5);
    world.options.collects = Duration::from_secs(5);
    world
}

impl Way {
    /// Whether what the platform shows comes late: in one of the ways.
    fn is_late(self) -> bool {
        self.provider == Provider::GitLab && self.start == Start::Trigger
    }

    fn platform(self, world: &World) -> Arc<dyn DataDiffs> {
        match self.is_late() {
            true => Late::new(world.platform()),
            false => world.platform(),
        }
    }
}

impl Unbroken {
    async fn of(way: Way) -> Self {
        let patient = || Given {
            patience: Duration::from_secs(10),
            ..given(way)
        };
        let world = world(patient()).await;
        let daemon = world.driver_over(way.platform(&world), memory().await);
        daemon.moved().await;
        daemon.end_of(&world.sha).await;
        let lone = self::world(patient()).await;
        let request = lone.request().await;
        let ports = Ports {
            platform: way.platform(&lone),
            ..lone.ports(memory().await)
        };
        let ended = run_once(&ports, &request, &CancellationToken::new()).await;
        assert!(ended.unwrap().is_some());
        let asked = |world: &World| [world.asked.datafold.asked(), world.asked.forge.asked()];
        let end = world.status(&world.sha).await;
        assert_eq!(end.0, way.provider.word("failure"));
        assert!(end.1.contains("1 differs"), "{end:?}");
        Self {
            way,
            daemon: asked(&world),
            alone: asked(&lone),
            end,
        }
    }

    /// Method and route of what a cell breaks.
    fn request(&self, cell: &Cell) -> (&'static str, &'static str) {
        let [datafold, forge] = if cell.sort.kills() { &self.alone } else { &self.daemon };
        match cell.service {
            Service::Datafold => datafold[cell.at - 1],
            Service::Forge => forge[cell.at - 1],
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for sort in Sort::ALL {
            let asked = if sort.kills() { &self.alone } else { &self.daemon };
            for (service, requests) in SERVICES.into_iter().zip(asked) {
                for (index, (method, _)) in requests.iter().enumerate() {
                    let cell = |length| Cell {
                        sort,
                        way: self.way,
                        service,
                        at: index + 1,
                        length,
                    };
                    if sort.is_possible(method) {
                        cells.push(cell(Length::One));
                    }
                    if sort.is_possible(method) && !sort.kills() {
                        cells.push(cell(Length::Three));
                    }
                }
            }
        }
        cells
    }
}

/// What became of a cell.
#[derive(Clone, Debug, Default)]
struct Verdict {
    /// It ended as it does when nothing is broken.
    converged: bool,
    second_runs: usize,
    wrong_submits: usize,
    untruthful: usize,
    comments_beside: usize,
    violations: Vec<String>,
}

async fn run(cell: Cell, unbroken: &Unbroken) -> Verdict {
    let world = world(given(cell.way)).await;
    let folder = tempfile::tempdir().unwrap();
    world.side(cell.service, "PUT", "faults", cell.rules()).await;
    let platform = cell.way.platform(&world);
    let store = match cell.sort.kills() {
        true => {
            killed(&world, platform.clone(), cell, folder.path()).await;
            in_folder(folder.path()).await
        }
        false => memory().await,
    };
    let daemon = world.driver_over(platform, store);
    if !cell.sort.kills() {
        daemon.moved().await;
    }
    let row = daemon.end_of(&world.sha).await;
    world.side(cell.service, "DELETE", "faults", Json::Null).await;
    judge(&world, unbroken, &format!("{:?}", row.message)).await
}

/// A process that ends while the request of the cell is under way.
async fn killed(world: &World, platform: Arc<dyn DataDiffs>, cell: Cell, folder: &std::path::Path) {
    let ports = Ports {
        platform,
        ..world.ports(in_folder(folder).await)
    };
    let (request, stop) = (world.request().await, CancellationToken::new());
    let gate = match cell.service {
        Service::Datafold => &world.asked.datafold,
        Service::Forge => &world.asked.forge,
    };
    let held = async {
        gate.reached(cell.at).await;
        // Until the service has it, and has done what it asks for.
        while world.side(cell.service, "GET", "faults", Json::Null).await["met"][0] == 0 {}
    };
    tokio::select! {
        // It may poll less often than the way that was counted.
        ended = run_once(&ports, &request, &stop) => assert!(ended.unwrap().is_some()),
        () = held => {}
    }
    world.side(cell.service, "DELETE", "faults", Json::Null).await;
}

async fn judge(world: &World, unbroken: &Unbroken, message: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let (runs, diffs) = world.runs_of(&world.sha).await;
    let status = world.status(&world.sha).await;
    let comments = world.comments().await.len();
    verdict.converged = status == unbroken.end;
    let mut say = |count: &mut usize, is_bad: bool, text: String| {
        if is_bad {
            *count += 1;
            verdict.violations.push(text);
        }
    };
    let mut second_runs = 0;
    say(&mut second_runs, runs > 1, format!("{runs} runs of the commit"));
    let strays = world.strays().await;
    let (_, older) = world.runs_of(OLDER).await;
    let mut wrong_submits = 0;
    say(
        &mut wrong_submits,
        diffs > 2 || older > 0 || !strays.is_empty(),
        format!("{diffs} comparisons of the commit's run, {older} of the older one's, {strays:?}"),
    );
    // Not good, since the data differ; and that they differ is said by who has seen it only.
    let is_error = status.1.starts_with("Not compared: ") || status.1.starts_with("The run did not end within");
    let bad = ["failure", "error", "failed"].contains(&status.0.as_str());
    let is_seen = status == unbroken.end && diffs == 2;
    let mut untruthful = 0;
    say(
        &mut untruthful,
        !(is_seen || bad && is_error),
        format!("the commit's status is {status:?}, its run has {diffs} comparisons; {message}"),
    );
    // A body that is cut off or broken may be what the commit's own file holds.
    let is_of_file = status.1.starts_with("Not compared: datafold/diffs.json:");
    let mut given_up = 0;
    say(
        &mut given_up,
        !is_seen && bad && is_error && !is_of_file,
        format!("a fault that has passed is given up for: {status:?}; {message}"),
    );
    let mut beside = 0;
    say(&mut beside, comments != 1, format!("{comments} comments"));
    Verdict {
        second_runs,
        wrong_submits,
        untruthful,
        comments_beside: beside,
        ..verdict
    }
}

/// Which cells are run.
enum Chosen {
    All,
    /// One in so many, drawn with a seed.
    Share(u32, String),
    /// Those of that name.
    Only(String),
}

/// Of so many cells one is run where nobody says anything: beside all the other tests.
const USUAL_SHARE: u32 = 40;

impl Chosen {
    /// As `scripts/faults` says it: `all`, `tenth SEED` or `only CELL`.
    fn said() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a test has no other arguments")]
        let said = std::env::var("DRIFTLESS_FAULTS").unwrap_or_default();
        match said.split_once(' ') {
            None if said == "all" => Chosen::All,
            None if said.is_empty() => Chosen::Share(USUAL_SHARE, "driftless".to_owned()),
            Some(("tenth", seed)) => Chosen::Share(10, seed.to_owned()),
            Some(("only", name)) => Chosen::Only(name.to_owned()),
            _ => panic!("DRIFTLESS_FAULTS is `all`, `tenth SEED` or `only CELL`, and not `{said}`"),
        }
    }

    /// `method` is that of the cell's request.
    fn has(&self, cell: &Cell, method: &str) -> bool {
        let is_write = cell.service == Service::Datafold && method == "POST";
        match self {
            Chosen::All => true,
            // These are what lateness is for.
            Chosen::Share(..) if cell.way.is_late() && is_write && cell.length == Length::One => true,
            Chosen::Share(of, seed) => {
                let digest = Sha256::digest(format!("{seed} {}", cell.name()));
                u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]).is_multiple_of(*of)
            }
            Chosen::Only(name) => cell.name() == *name,
        }
    }
}

/// A runtime with one thread: what the client sends, a sandbox carries out before anything that is sent later, however busy the
/// machine is. So a time-out that comes too early is one fault more, and never a write that takes effect after it was looked up.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[derive(Default)]
struct Row {
    cells: usize,
    converged: usize,
    said: usize,
    second_runs: usize,
    wrong_submits: usize,
    untruthful: usize,
    comments: usize,
}

impl Row {
    fn add(&mut self, verdict: &Verdict) {
        self.cells += 1;
        self.converged += usize::from(verdict.converged);
        self.said += usize::from(!verdict.converged && verdict.untruthful == 0);
        self.second_runs += verdict.second_runs;
        self.wrong_submits += verdict.wrong_submits;
        self.untruthful += verdict.untruthful;
        self.comments += verdict.comments_beside;
    }

    fn line(&self, name: &str) -> String {
        format!(
            "| {name:<16} | {:>5} | {:>9} | {:>13} | {:>11} | {:>13} | {:>19} | {:>12} |\n",
            self.cells, self.converged, self.said, self.second_runs, self.wrong_submits, self.untruthful, self.comments
        )
    }
}

fn table(ran: &BTreeMap<Cell, Verdict>) -> String {
    let mut text =
        "| fault            | cells | converged | said as error | second runs | wrong submits | untruthful statuses \
                    | not one comment |\n|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    let mut rows: BTreeMap<Sort, Row> = BTreeMap::new();
    let mut total = Row::default();
    for (cell, verdict) in ran {
        rows.entry(cell.sort).or_default().add(verdict);
        total.add(verdict);
    }
    for (sort, row) in &rows {
        text.push_str(&row.line(sort.name()));
    }
    text.push_str(&total.line("all"));
    text
}

#[test]
fn every_cell_ends_in_a_truthful_status_and_never_in_two_runs_or_a_submit_to_another_commit() {
    let began = Instant::now();
    let chosen = Chosen::said();
    let ways: Vec<Unbroken> = runtime().block_on(async {
        let mut ways = Vec::new();
        for provider in Provider::ALL {
            for start in Start::ALL {
                ways.push(Unbroken::of(Way { provider, start }).await);
            }
        }
        ways
    });
    let mut all = 0;
    let mut run_these: Vec<(Cell, &Unbroken)> = Vec::new();
    for way in &ways {
        let cells = way.cells();
        let [datafold, forge] = way.daemon.each_ref().map(Vec::len);
        println!("{:?}: {datafold} requests to Datafold, {forge} to the forge", way.way);
        all += cells.len();
        run_these.extend(
            cells
                .into_iter()
                .filter(|cell| chosen.has(cell, way.request(cell).0))
                .map(|cell| (cell, way)),
        );
    }
    assert!(!run_these.is_empty(), "there is no such cell among the {all}");
    let next = AtomicUsize::new(0);
    let ran = Mutex::new(BTreeMap::new());
    // Most of a cell's time is spent waiting.
    let workers = 4 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((cell, way)) = run_these.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ended =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime().block_on(run(*cell, way))));
                    let verdict = ended.unwrap_or_else(|_| Verdict {
                        untruthful: 1,
                        violations: vec!["it panicked: see above".to_owned()],
                        ..Verdict::default()
                    });
                    ran.lock().unwrap().insert(*cell, verdict);
                }
            });
        }
    });
    let ran = ran.into_inner().unwrap();
    println!("{}", table(&ran));
    let mut faults = String::new();
    for (cell, verdict) in &ran {
        let way = ways.iter().find(|way| way.way == cell.way).unwrap();
        let (method, route) = way.request(cell);
        for violation in &verdict.violations {
            writeln!(faults, "{} ({method} {route}): {violation}", cell.name()).unwrap();
        }
    }
    let failed = ran.values().filter(|verdict| !verdict.violations.is_empty()).count();
    println!(
        "{} of {all} cells, {failed} do not hold what they must; {:.0} s with {workers} workers.",
        ran.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(failed == 0, "{failed} cells do not hold what they must:\n{faults}");
}
