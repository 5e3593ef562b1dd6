//! The plan as a comment on a pull request.

use std::fmt::Write as _;

use super::{head, shown, summary_line};
use crate::plan::{Action, Blocked, Change, Plan};

/// The plan as Markdown, for a comment on a pull request.
pub fn plan_markdown(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "### Plan{}\n\n{}\n", md(&head(plan)), summary_line(plan));
    let changes: Vec<&Change> = plan.changes().collect();
    if !changes.is_empty() {
        out.push_str("| | resource | class | field | before | after |\n|---|---|---|---|---|---|\n");
    }
    for change in changes {
        let what = match &change.action {
            Action::Operation(operation) => operation.name,
            action => action.word(),
        };
        let mut key = format!("`{}`", md_code(&change.key.to_string()));
        let mut class = change.class.word();
        let mut what = what;
        if change.fields.is_empty() {
            let _ = writeln!(out, "| {what} | {key} | {class} | | | |");
        }
        for field in &change.fields {
            let [path, before, after] = [
                field.path.to_string(),
                shown(field.before.as_ref()),
                shown(field.after.as_ref()),
            ]
            .map(|text| format!("`{}`", md_code(&text)));
            let _ = writeln!(out, "| {what} | {key} | {class} | {path} | {before} | {after} |");
            (what, class) = ("", "");
            key.clear();
        }
    }
    for Blocked {
        reason,
        message,
        keys,
        places: _,
    } in &plan.blocked
    {
        let keys = keys
            .iter()
            .map(|key| format!("`{}`", md_code(&key.to_string())))
            .collect::<Vec<_>>()
            .join(", ");
        let _ = writeln!(out, "\n**Blocked** ({}): {} {keys}", reason.word(), md(message));
    }
    out
}

/// Text in a Markdown paragraph: what would be markup, a link or HTML is not.
fn md(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '@' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text inside a Markdown code span within a table: no backtick, no bar, no line break.
fn md_code(text: &str) -> String {
    text.replace('`', "'").replace('|', "\\|").replace(['\n', '\r'], " ")
}
