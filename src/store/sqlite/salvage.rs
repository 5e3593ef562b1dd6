//! Reads what can be read of a table whose file is damaged: row by row, from both ends, and around what cannot be read.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row as _, TypeInfo as _, ValueRef as _};

/// What one column of a row holds. Our tables are strict: they have integers and texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
}

/// What could be read of a table.
#[derive(Debug, Default)]
pub(super) struct Salvaged {
    /// The rows by their number.
    pub(super) rows: BTreeMap<i64, Vec<Cell>>,
    /// Whether there was something else that could not be read.
    pub(super) loss: Loss,
}

/// Whether something was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing that can be known.
    #[default]
    None,
    /// Something; how much is not known, since what would say so is lost too.
    Some,
}

/// How often a gap between readable rows is asked for what lies in it: each question is a descent to one page.
const QUESTIONS: usize = 5_000;

/// How far to look behind the last readable row when the end of a table cannot be read: a page holds fewer rows of ours.
const BEHIND: i64 = 4_096;

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

enum Scanned {
    /// All of the range was read.
    Whole,
    /// It broke off.
    Broken,
}

/// Reads `columns` of `table`.
pub(super) async fn table(pool: &SqlitePool, table: &str, columns: &[String]) -> Salvaged {
    let mut found = Salvaged::default();
    let queries = Queries::new(table, columns);
    if let Scanned::Whole = scan(pool, &queries, Direction::Up, (1, i64::MAX), &mut found).await {
        return found;
    }
    found.loss = Loss::Some;
    let first_missing = found.rows.last_key_value().map_or(1, |(last, _)| last + 1);
    let mut back = Salvaged::default();
    scan(pool, &queries, Direction::Down, (first_missing, i64::MAX), &mut back).await;
    let last_missing = match back.rows.first_key_value() {
        Some((first, _)) => first - 1,
        None => first_missing.saturating_add(BEHIND),
    };
    found.rows.extend(back.rows);
    let mut gaps = vec![(first_missing, last_missing)];
    for _ in 0..QUESTIONS {
        let Some((from, to)) = gaps.pop() else { break };
        if from > to {
            continue;
        }
        if let Scanned::Whole = scan(pool, &queries, Direction::Up, (from, to), &mut found).await {
            continue;
        }
        let next = found
            .rows
            .range(from..=to)
            .next_back()
            .map_or(from, |(last, _)| last + 1);
        if next < to {
            let middle = next + (to - next) / 2;
            gaps.push((middle + 1, to));
            gaps.push((next, middle));
        }
    }
    found
}

/// The two ways to ask for a range of rows.
struct Queries {
    up: String,
    down: String,
}

impl Queries {
    fn new(table: &str, columns: &[String]) -> Self {
        let columns: String = columns.iter().map(|column| format!(", \"{column}\"")).collect();
        let ordered = |order| {
            format!("SELECT rowid{columns} FROM \"{table}\" WHERE rowid BETWEEN ? AND ? ORDER BY rowid {order}")
        };
        Self {
            up: ordered("ASC"),
            down: ordered("DESC"),
        }
    }
}

/// Reads a range until it ends or breaks off.
async fn scan(
    pool: &SqlitePool,
    queries: &Queries,
    direction: Direction,
    (from, to): (i64, i64),
    found: &mut Salvaged,
) -> Scanned {
    let query = match direction {
        Direction::Up => &queries.up,
        Direction::Down => &queries.down,
    };
    // The names in it are those of our own tables.
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(query.clone()))
        .bind(from)
        .bind(to)
        .fetch(pool);
    let mut last = None;
    loop {
        let row = match rows.try_next().await {
            Ok(Some(row)) => row,
            Ok(None) => return Scanned::Whole,
            Err(_) => return Scanned::Broken,
        };
        let Ok(number) = row.try_get::<i64, _>(0) else {
            return Scanned::Broken;
        };
        // Pages that refer to each other in a circle would be read for ever.
        let is_onward = match (last, direction) {
            (None, _) => true,
            (Some(last), Direction::Up) => number > last,
            (Some(last), Direction::Down) => number < last,
        };
        if !is_onward || number < from || number > to {
            return Scanned::Broken;
        }
        last = Some(number);
        match cells(&row) {
            Some(cells) => drop(found.rows.insert(number, cells)),
            None => found.loss = Loss::Some,
        }
    }
}

fn cells(row: &SqliteRow) -> Option<Vec<Cell>> {
    (1..row.len())
        .map(|column| {
            let kind = {
                let value = row.try_get_raw(column).ok()?;
                match value.is_null() {
                    true => return Some(Cell::Null),
                    false => value.type_info().name().to_owned(),
                }
            };
            match kind.as_str() {
                "INTEGER" => row.try_get(column).ok().map(Cell::Integer),
                "TEXT" => row.try_get(column).ok().map(Cell::Text),
                _ => None,
            }
        })
        .collect()
}
