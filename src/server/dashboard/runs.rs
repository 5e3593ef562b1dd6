//! Lists of runs, as the pages show them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use driftless_core::key::EnvironmentName;
use serde::Serialize;

use super::view::{Chip, RevisionRow, revision_row};
use super::when::{When, span};
use crate::engine::{Activity, Overview};
use crate::store::RunRecord;

/// One run in a list.
#[derive(Serialize)]
pub(super) struct RunRow {
    id: String,
    environment: String,
    trigger: String,
    revision: Option<RevisionRow>,
    started: When,
    took: Option<String>,
    conclusion: Chip,
    message: String,
    /// How many idle runs in a row this line stands for, and since when; `None` for a line of its own.
    idle: Option<Idle>,
}

/// Runs in a row that did and found nothing.
#[derive(Serialize)]
struct Idle {
    count: usize,
    since: When,
}

/// One run.
pub(super) fn run_row(run: &RunRecord, overview: &Overview, now: DateTime<Utc>) -> RunRow {
    let view = overview.environments.get(&run.environment);
    let source = view.and_then(|view| overview.sources.get(&view.source));
    let under_way = view.is_some_and(|view| match &view.activity {
        Activity::Running { run: id, .. } => *id == run.id,
        Activity::Idle => false,
    });
    let word = match (run.conclusion, run.finished) {
        (Some(conclusion), _) => conclusion.word(),
        (None, None) if under_way => "running",
        (None, _) => "cut off",
    };
    RunRow {
        id: run.id.0.clone(),
        environment: run.environment.0.clone(),
        trigger: run.trigger.text(),
        revision: run
            .revision
            .as_ref()
            .map(|revision| revision_row(revision, source, now)),
        started: When::at(run.started, now),
        took: run.finished.map(|finished| span(finished - run.started)),
        conclusion: Chip {
            word: word.replace(' ', "_"),
            text: word.to_owned(),
        },
        message: run.message.clone(),
        idle: run.idle.then(|| Idle {
            count: 1,
            since: When::at(run.started, now),
        }),
    }
}

/// The newest lines of a list of runs: those of an environment that did and found nothing, one after another, are one line
/// with the newest's id.
pub(super) fn run_rows(runs: &[RunRecord], overview: &Overview, now: DateTime<Utc>) -> Vec<RunRow> {
    let mut rows: Vec<RunRow> = Vec::new();
    let mut open: BTreeMap<&EnvironmentName, usize> = BTreeMap::new();
    for run in runs {
        let folded = run.idle.then(|| open.get(&run.environment)).flatten();
        if let Some(idle) = folded.and_then(|index| rows.get_mut(*index)?.idle.as_mut()) {
            idle.count += 1;
            idle.since = When::at(run.started, now);
            continue;
        }
        if run.idle {
            open.insert(&run.environment, rows.len());
        } else {
            open.remove(&run.environment);
        }
        rows.push(run_row(run, overview, now));
    }
    rows.truncate(LINES);
    rows
}

/// How many lines a list of runs has.
const LINES: usize = 15;
