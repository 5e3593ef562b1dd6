//! The plan as a comment on a pull request.

use std::fmt::Write as _;

use super::{head, held, plain_line, shown, summary_line};
use crate::key::Key;
use crate::plan::{Action, Blocked, Change, Plan};

/// The plan as Markdown, for a comment on a pull request.
pub fn plan_markdown(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "### Plan{}\n\n{}\n", md(&head(plan)), summary_line(plan));
    table(&mut out, &plan.changes().collect::<Vec<_>>());
    blocked(&mut out, plan);
    for (what, then, changes) in held(plan) {
        if !changes.is_empty() {
            let _ = writeln!(out, "\n**{what}**{then}:\n");
            table(&mut out, &changes);
        }
    }
    blast(&mut out, plan);
    out
}

fn blast(out: &mut String, plan: &Plan) {
    for change in plan.changes().chain(&plan.held) {
        if let Some(takes) = plan.blast.takes.get(&change.key) {
            let _ = writeln!(
                out,
                "\n`{}` takes along {}",
                md_code(&change.key.to_string()),
                codes(takes)
            );
        }
    }
    if !plan.blast.unwatched.is_empty() {
        let _ = writeln!(out, "\n**Left without any check**: {}", codes(&plan.blast.unwatched));
    }
}

fn table(out: &mut String, changes: &[&Change]) {
    if !changes.is_empty() {
        out.push_str("| | resource | class | field | before | after |\n|---|---|---|---|---|---|\n");
    }
    for change in changes {
        let what = match &change.action {
            Action::Operation(operation) => operation.name,
            action => action.word(),
        };
        let mut key = format!("`{}`", md_code(&change.key.to_string()));
        let class = format!("{}{}", change.class.word(), md(&super::edited(change)));
        let mut class = class.as_str();
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
}

fn blocked(out: &mut String, plan: &Plan) {
    for Blocked {
        reason,
        message,
        keys,
        places: _,
    } in &plan.blocked
    {
        let _ = writeln!(
            out,
            "\n**Blocked** ({}): {} {}",
            reason.word(),
            md(message),
            codes(keys)
        );
    }
}

fn codes(keys: &[Key]) -> String {
    let codes: Vec<String> = keys
        .iter()
        .map(|key| format!("`{}`", md_code(&key.to_string())))
        .collect();
    codes.join(", ")
}

/// Text in a Markdown paragraph: what would be markup, a link, a mention or HTML is not.
fn md(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain_line(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            // Hosts look for mentions and issue numbers in what was rendered, where a backslash is gone.
            '@' | '#' => {
                out.push(c);
                out.push('\u{200b}');
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text inside a Markdown code span within a table: no backtick, no bar that ends a cell, no line break.
fn md_code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut escapes = false;
    for c in plain_line(text).chars() {
        match c {
            '`' => out.push('\''),
            // After a backslash a second one would be read as escaping the first, and the bar would end the cell.
            '|' if escapes => out.push_str("\u{200b}\\|"),
            '|' => out.push_str("\\|"),
            c => out.push(c),
        }
        escapes = c == '\\';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_cell() {
        for text in ["a|b", "a\\|b", "a\\\\|b", "`|`", "x\n| y |"] {
            let cell = md_code(text);
            let mut escaped = false;
            for c in cell.chars() {
                assert!(
                    c != '`' && c != '\n' && (c != '|' || escaped),
                    "{text:?} became {cell:?}"
                );
                escaped = c == '\\' && !escaped;
            }
        }
    }

    #[test]
    fn a_message_mentions_nobody_and_links_nowhere() {
        assert_eq!(md("@org #1 [x](y) <b>"), "@\u{200b}org #\u{200b}1 \\[x\\](y) &lt;b>");
    }
}
