//! All cells, or some of them, side by side; and the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::case::Case;
use crate::cell::{self, Cell, Unbroken, Verdict};
use crate::sorts::Sort;
use crate::wire::Patience;

/// Which cells are run.
enum Chosen {
    All,
    /// One in so many, drawn with a seed.
    Share(u32, String),
    /// Those of that name: `reset-after@57`.
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

    fn has(&self, cell: &Cell) -> bool {
        match self {
            Chosen::All => true,
            Chosen::Share(of, seed) => {
                let digest = Sha256::digest(format!("{seed} {}", cell.name()));
                u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]).is_multiple_of(*of)
            }
            Chosen::Only(name) => cell.name() == *name,
        }
    }

    fn text(&self) -> String {
        match self {
            Chosen::All => "all cells".to_owned(),
            Chosen::Share(of, seed) => format!("one in {of}, drawn with the seed {seed}"),
            Chosen::Only(name) => format!("the cell {name}"),
        }
    }
}

/// A runtime with one thread: what the client sends, the sandbox carries out before anything that is sent later, however
/// busy the machine is. So a time-out that comes too early is one fault more, and never a write that takes effect after it was looked up.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn cells(unbroken: &Unbroken) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (index, asked) in unbroken.asked.iter().enumerate() {
        for sort in Sort::ALL.into_iter().filter(|sort| sort.is_possible(asked)) {
            let at = index + 1;
            let cell = |patience| Cell { sort, at, patience };
            cells.push(cell(Patience::Usual));
            if !sort.kills() {
                cells.push(cell(Patience::None));
            }
        }
    }
    cells
}

/// A row of the table.
#[derive(Default)]
struct Row {
    cells: usize,
    absorbed: usize,
    converged: usize,
    duplicates: usize,
    foreign: usize,
    repeated: usize,
    secrets: usize,
    operations: usize,
    failed: usize,
    spent: Duration,
}

impl Row {
    fn add(&mut self, verdict: &Verdict, spent: Duration) {
        self.cells += 1;
        self.absorbed += usize::from(verdict.absorbed);
        self.converged += usize::from(verdict.violations.is_empty());
        self.failed += usize::from(!verdict.violations.is_empty());
        self.duplicates += verdict.duplicates;
        self.foreign += verdict.foreign;
        self.repeated += verdict.repeated;
        self.secrets += verdict.secrets_again;
        self.operations += verdict.operations_again;
        self.spent += spent;
    }

    fn join(&mut self, other: &Row) {
        self.cells += other.cells;
        self.absorbed += other.absorbed;
        self.converged += other.converged;
        self.failed += other.failed;
        self.duplicates += other.duplicates;
        self.foreign += other.foreign;
        self.repeated += other.repeated;
        self.secrets += other.secrets;
        self.operations += other.operations;
        self.spent += other.spent;
    }

    fn line(&self, name: &str) -> String {
        format!(
            "| {name:<16} | {:>5} | {:>8} | {:>6} | {:>9} | {:>10} | {:>7} | {:>8} | {:>7} | {:>10} | {:>6.1} s |\n",
            self.cells,
            self.absorbed,
            self.cells - self.absorbed,
            self.converged,
            self.duplicates,
            self.foreign,
            self.repeated,
            self.secrets,
            self.operations,
            self.spent.as_secs_f64(),
        )
    }
}

fn table(ran: &BTreeMap<Cell, (Verdict, Duration)>) -> String {
    let mut text =
        "| fault            | cells | absorbed | broken | converged | duplicates | foreign | repeated | secrets \
                    | operations |     time |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    let mut rows: BTreeMap<Sort, Row> = BTreeMap::new();
    for (cell, (verdict, spent)) in ran {
        rows.entry(cell.sort).or_default().add(verdict, *spent);
    }
    let mut total = Row::default();
    for (sort, row) in &rows {
        text.push_str(&row.line(sort.name()));
        total.join(row);
    }
    text.push_str(&total.line("all"));
    text
}

#[test]
fn every_cell_converges_with_nothing_twice_nothing_repeated_and_nothing_foreign_touched() {
    let began = Instant::now();
    let chosen = Chosen::said();
    let (case, unbroken) = runtime().block_on(async {
        let case = Case::mixed().await;
        let unbroken = Unbroken::of(&case).await;
        (case, unbroken)
    });
    let writes = unbroken.done.writes.count();
    assert!(writes >= 60, "{writes}");
    let all = cells(&unbroken);
    let run: Vec<Cell> = all.iter().filter(|cell| chosen.has(cell)).copied().collect();
    assert!(!run.is_empty(), "there is no such cell among the {}", all.len());
    println!(
        "A pass of {} requests: {writes} writes, {} operations. {} of {} cells: {}.",
        unbroken.asked.len(),
        unbroken.done.operations.count(),
        run.len(),
        all.len(),
        chosen.text()
    );
    let next = AtomicUsize::new(0);
    let ran = Mutex::new(BTreeMap::new());
    // Half of the cells wait for time-outs, half for the processor.
    let workers = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(cell) = run.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let since = Instant::now();
                    let cell = *cell;
                    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        runtime().block_on(cell::run(&case, &unbroken, cell))
                    }));
                    let verdict = ended.unwrap_or_else(|_| Verdict {
                        violations: vec!["it panicked: see above".to_owned()],
                        ..Verdict::default()
                    });
                    ran.lock().unwrap().insert(cell, (verdict, since.elapsed()));
                }
            });
        }
    });
    let ran = ran.into_inner().unwrap();
    println!("{}", table(&ran));
    let mut faults = String::new();
    for (cell, (verdict, _)) in &ran {
        for violation in &verdict.violations {
            let asked = &unbroken.asked[cell.at - 1];
            writeln!(
                faults,
                "{} ({} {}): {violation}",
                cell.name(),
                asked.method,
                asked.route
            )
            .unwrap();
        }
    }
    let failed = ran
        .values()
        .filter(|(verdict, _)| !verdict.violations.is_empty())
        .count();
    println!(
        "{} cells, {} converged, {failed} did not; {:.0} s with {workers} workers.",
        ran.len(),
        ran.len() - failed,
        began.elapsed().as_secs_f64()
    );
    assert!(failed == 0, "{failed} cells do not hold what they must:\n{faults}");
}
