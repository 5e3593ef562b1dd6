//! The comment on a pull request, in Markdown.
//!
//! Names of tables and columns and error texts are other people's: each sign of theirs that means something to Markdown, HTML or a forge is
//! written as an entity, inside of `<code>`, where no forge makes links and mentions of it.

use std::fmt::Write as _;

use driftless_core::render::plain_line;

use super::config::CiConfig;
use super::report::{Compared, Facts, Outcome, Verdict, counted, ending, shortened};
use crate::platform::data_diffs::{Findings, Summary};

/// Characters that a comment may have. GitHub takes 65,536 and GitLab more; what is around the table has room.
const LONGEST: usize = 60_000;

/// Characters of one name and of one error that are shown.
const LONGEST_NAME: usize = 150;
const LONGEST_ERROR: usize = 300;

/// Names of one list, columns by worth, and remarks that are shown.
const MOST_NAMES: usize = 5;
const MOST_COLUMNS: usize = 3;
const MOST_REMARKS: usize = 20;

/// The first line of a configuration's comments, by which its own is found again.
pub fn marker(config: &CiConfig) -> String {
    let mut name = String::new();
    for sign in config.name.chars() {
        // Two hyphens or an angle would end the comment.
        let ends_comment = matches!(sign, '<' | '>') || sign == '-' && name.ends_with('-');
        let is_plain = !sign.is_control() && sign != '%' && !ends_comment;
        if is_plain {
            name.push(sign);
        } else {
            let _ = write!(name, "%{:02X}", u32::from(sign));
        }
    }
    format!("<!-- driftless:{name} -->")
}

/// The comment for what is known: marker, verdict, a table of the comparisons with the worst first, remarks.
pub fn comment(facts: &Facts<'_>, verdict: &Verdict) -> String {
    let mut text = format!(
        "{}\n### Data diffs: {}\n\n{}\n",
        marker(facts.config),
        code(&facts.config.name, LONGEST_NAME),
        said(facts, verdict)
    );
    let remarks = remarks(facts);
    if !facts.diffs.is_empty() {
        text.push_str("\n| Table | Rows | Primary keys | Columns | Values | |\n|---|---|---|---|---|---|\n");
        let is_over = *facts.outcome == Outcome::Finished;
        let mut diffs: Vec<&Compared> = facts.diffs.iter().collect();
        diffs.sort_by_key(|diff| ending(diff, is_over));
        let mut left = diffs.len();
        let mut room = LONGEST.saturating_sub(text.len() + remarks.len() + LONGEST_NAME);
        for diff in diffs {
            let row = row(diff, is_over);
            let Some(rest) = room.checked_sub(row.len()) else { break };
            room = rest;
            left -= 1;
            text.push_str(&row);
        }
        if left > 0 {
            let _ = write!(text, "\n{} more not shown here.\n", counted(left, "table"));
        }
    }
    text.push_str(&remarks);
    let run = facts.run.map_or_else(String::new, |run| format!(", run {}", run.0));
    let _ = write!(text, "\nCommit {}{run}\n", code(facts.sha, LONGEST_NAME));
    text
}

/// The verdict's sentence. One that repeats what an instance, a forge or a file says is no prose of ours.
fn said(facts: &Facts<'_>, verdict: &Verdict) -> String {
    match facts.outcome {
        Outcome::Failed(_) | Outcome::NotStarted(_) | Outcome::Refused(_) | Outcome::TimedOut(_) => {
            code(&verdict.description, LONGEST_NAME)
        }
        Outcome::Skipped(_)
        | Outcome::UnderWay(_)
        | Outcome::Finished
        | Outcome::Held(..)
        | Outcome::Cancelled
        | Outcome::Superseded => escaped(&verdict.description),
    }
}

fn remarks(facts: &Facts<'_>) -> String {
    let mut text = String::new();
    for said in facts.remarks.iter().take(MOST_REMARKS) {
        let place = said
            .place
            .as_ref()
            .map_or_else(String::new, |place| format!("{place}: "));
        let help = said.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
        let line = format!("{place}{}{help}", said.message);
        let _ = write!(text, "\n- {} {}", said.severity.word(), code(&line, LONGEST_ERROR));
    }
    if let Some(more) = facts.remarks.len().checked_sub(MOST_REMARKS).filter(|more| *more > 0) {
        let _ = write!(text, "\n- {} not shown here", counted(more, "more remark"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn row(diff: &Compared, is_over: bool) -> String {
    let tables = format!(
        "{} -> {}",
        code(&diff.production, LONGEST_NAME),
        code(&diff.pull_request, LONGEST_NAME)
    );
    let link = diff
        .page
        .as_deref()
        .map_or_else(String::new, |page| format!("[open]({})", address(page)));
    let [rows, keys, columns, values] = match &diff.summary {
        Some(Summary::Finished(found)) => [rows(found), keys(diff, found), columns(found), values(found)],
        Some(Summary::Failed(why)) => one(format!("error: {}", code(why, LONGEST_ERROR))),
        Some(Summary::Running) | None if !is_over => one("under way".to_owned()),
        Some(Summary::Running) => one("error: it did not end with the run".to_owned()),
        None => one("error: the platform shows nothing of it".to_owned()),
    };
    format!("| {tables} | {rows} | {keys} | {columns} | {values} | {link} |\n")
}

fn one(text: String) -> [String; 4] {
    [text, String::new(), String::new(), String::new()]
}

fn rows(found: &Findings) -> String {
    let Some([production, pull_request]) = found.rows else {
        return NOT_COMPARED.to_owned();
    };
    let mut text = format!("{production} -> {pull_request}");
    // Index 0 is production: a key that only it has was removed (`reference` 9.3).
    match found.exclusive_keys {
        Some([0, 0]) | None => {}
        Some([removed, added]) => {
            let _ = write!(text, "<br>{added} added, {removed} removed");
        }
    }
    text
}

const NOT_COMPARED: &str = "not compared";

fn keys(diff: &Compared, found: &Findings) -> String {
    if diff.primary_key.is_empty() && found.null_keys.is_none() && found.duplicate_keys.is_none() {
        return "none named".to_owned();
    }
    let pairs = [
        ("nulls", found.null_keys),
        ("duplicates", found.duplicate_keys),
        ("exclusive", found.exclusive_keys),
    ];
    let told: Vec<String> = pairs
        .iter()
        .filter_map(|(word, pair)| {
            pair.filter(|pair| *pair != [0, 0])
                .map(|[production, pull_request]| format!("{word} {production} -> {pull_request}"))
        })
        .collect();
    match (told.is_empty(), pairs.iter().all(|(_, pair)| pair.is_none())) {
        (_, true) => NOT_COMPARED.to_owned(),
        (true, false) => "good".to_owned(),
        (false, false) => told.join("<br>"),
    }
}

fn columns(found: &Findings) -> String {
    let [removed, added] = &found.exclusive_columns;
    let lists = [
        ("added", added),
        ("removed", removed),
        ("retyped", &found.retyped_columns),
    ];
    let told: Vec<String> = lists
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| {
            let mut text: Vec<String> = names
                .iter()
                .take(MOST_NAMES)
                .map(|name| code(name, LONGEST_NAME))
                .collect();
            if names.len() > MOST_NAMES {
                text.push(format!("{} more", names.len() - MOST_NAMES));
            }
            format!("{word} {}", text.join(", "))
        })
        .collect();
    if told.is_empty() {
        "same".to_owned()
    } else {
        told.join("<br>")
    }
}

fn values(found: &Findings) -> String {
    let (rows, values) = match (found.rows_with_differences, found.values_with_differences) {
        (None, None) => return NOT_COMPARED.to_owned(),
        (Some(0) | None, Some(0) | None) => return "same".to_owned(),
        counts => counts,
    };
    let said: Vec<String> = [(rows, "row"), (values, "value")]
        .into_iter()
        .filter_map(|(count, noun)| count.map(|count| format!("{count} {noun}{}", if count == 1 { "" } else { "s" })))
        .collect();
    let mut text = format!("differ: {}", said.join(", "));
    let mut worst: Vec<&(String, f64)> = found.columns.iter().filter(|(_, share)| *share < 100.0).collect();
    worst.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (name, share) in worst.iter().take(MOST_COLUMNS) {
        // Rounded down: what differs anywhere is never shown as equal in full.
        let _ = write!(
            text,
            "<br>{} {:.2} % equal",
            code(name, LONGEST_NAME),
            (share * 100.0).floor() / 100.0
        );
    }
    if worst.len() > MOST_COLUMNS {
        let _ = write!(text, "<br>{} more", counted(worst.len() - MOST_COLUMNS, "column"));
    }
    text
}

fn code(text: &str, most: usize) -> String {
    format!("<code>{}</code>", escaped(&shortened(&plain_line(text), most)))
}

/// A text in which no sign means anything.
fn escaped(text: &str) -> String {
    let signs: Vec<char> = text.chars().collect();
    let is_word = |at: Option<usize>| {
        at.and_then(|at| signs.get(at))
            .is_some_and(|sign| sign.is_alphanumeric())
    };
    let mut escaped = String::with_capacity(text.len());
    for (at, sign) in signs.iter().enumerate() {
        let is_plain = match sign {
            ' ' | '.' | ',' | '(' | ')' => true,
            // Inside of a word they are letters to Markdown; around one they are emphasis.
            '_' | '-' => is_word(at.checked_sub(1)) && is_word(Some(at + 1)),
            sign => !sign.is_ascii_punctuation() && !sign.is_control(),
        };
        if is_plain {
            escaped.push(*sign);
        } else {
            let _ = write!(escaped, "&#{};", u32::from(*sign));
        }
    }
    escaped
}

/// An address as a link may have it.
fn address(page: &str) -> String {
    let mut address = String::with_capacity(page.len());
    for byte in page.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&*+,;=%".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}
