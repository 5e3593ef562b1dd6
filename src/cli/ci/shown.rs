//! The outcome for the person at the terminal.

use std::fmt::Write as _;

use driftless_core::render::plain_line;

use crate::ci::report::{Compared, Facts, Verdict};
use crate::platform::data_diffs::{Findings, Summary};

/// The verdict, the run, and one line a comparison.
pub(super) fn text(facts: &Facts<'_>, verdict: &Verdict) -> String {
    let mut text = format!("{}\n", plain_line(&verdict.message));
    if let Some(run) = facts.run {
        let _ = writeln!(
            text,
            "Run {} of commit {}, reason: {}",
            run.0,
            plain_line(facts.sha),
            verdict.reason
        );
    }
    for diff in facts.diffs {
        let _ = writeln!(
            text,
            "  {} -> {}: {}",
            plain_line(&diff.production),
            plain_line(&diff.pull_request),
            found(diff)
        );
        if let Some(page) = &diff.page {
            let _ = writeln!(text, "    {}", plain_line(page));
        }
    }
    text
}

fn found(diff: &Compared) -> String {
    match &diff.summary {
        Some(Summary::Finished(found)) => findings(found),
        Some(Summary::Failed(why)) => format!("could not be compared: {}", plain_line(why)),
        Some(Summary::Running) => "not finished".to_owned(),
        None => "the platform shows nothing of it".to_owned(),
    }
}

fn findings(found: &Findings) -> String {
    let mut parts = Vec::new();
    if let Some([production, pull_request]) = found.rows {
        parts.push(match production == pull_request {
            true => format!("{production} rows"),
            false => format!("{production} rows, {pull_request} in the pull request"),
        });
    }
    if let Some([removed, added]) = found.exclusive_keys.filter(|pair| *pair != [0, 0]) {
        parts.push(format!("{added} added, {removed} removed"));
    }
    let keys = [("null keys", found.null_keys), ("duplicate keys", found.duplicate_keys)];
    for (what, pair) in keys {
        if let Some([production, pull_request]) = pair.filter(|pair| *pair != [0, 0]) {
            parts.push(format!("{what}: {production} and {pull_request}"));
        }
    }
    if let Some(rows) = found.rows_with_differences.filter(|rows| *rows > 0) {
        parts.push(format!("{rows} rows with other values"));
    }
    let [removed, added] = &found.exclusive_columns;
    for (what, columns) in [
        ("columns removed", removed),
        ("columns added", added),
        ("types changed", &found.retyped_columns),
    ] {
        if !columns.is_empty() {
            parts.push(format!("{what}: {}", plain_line(&columns.join(", "))));
        }
    }
    match parts.is_empty() {
        true => "nothing was counted".to_owned(),
        false => parts.join("; "),
    }
}
