//! Plans and reports as a person, a program or a pull request reads them. One diff, written once.

use std::fmt::Write as _;

use crate::diagnostic::Severity;
use crate::json;
use crate::plan::{Action, Blocked, Change, Plan, Summary};
use crate::report::{Outcome, Outcomes, Report, SkipReason, Tally};
use crate::value::{Map, Value};

/// Version of the JSON forms; a field may be added to a version, none is taken away.
const VERSION: i64 = 1;

/// The plan as text.
pub fn plan_text(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Plan{}: {}", head(plan), summary_line(plan));
    section(&mut out, None, plan.steps.iter().map(|step| &step.change));
    section(
        &mut out,
        Some("Only reported, as the policy says:"),
        plan.reported.iter(),
    );
    for Blocked { reason, message, keys } in &plan.blocked {
        let _ = writeln!(out, "\nBlocked ({}): {message}", reason.word());
        for key in keys {
            let _ = writeln!(out, "  ! {key}");
        }
    }
    list(
        &mut out,
        "No longer in Git, kept because pruning is off:",
        plan.orphaned.iter(),
    );
    for note in &plan.notes {
        let _ = writeln!(out, "\nNote: {}: {}", note.key, note.text);
    }
    if !plan.unmanaged.is_empty() {
        let _ = writeln!(
            out,
            "\n{} live and not in Git, never touched.",
            count(plan.unmanaged.len(), "resource")
        );
    }
    out
}

fn section<'a>(out: &mut String, title: Option<&str>, changes: impl Iterator<Item = &'a Change>) {
    let mut title = title;
    let mut first = true;
    for change in changes {
        if first {
            out.push('\n');
            first = false;
        }
        if let Some(title) = title.take() {
            let _ = writeln!(out, "{title}");
        }
        let mark = mark(&change.action);
        let place = change
            .place
            .as_ref()
            .map(|place| format!("  ({place})"))
            .unwrap_or_default();
        match &change.action {
            Action::Operation(operation) => {
                let _ = writeln!(out, "  {mark} {} {}  {}", operation.name, change.key, operation.reason);
            }
            Action::Create | Action::Update | Action::Replace | Action::Delete => {
                let _ = writeln!(out, "  {mark} {}  {}{place}", change.key, change.class.word());
            }
        }
        for field in &change.fields {
            let after = shown(field.after.as_ref());
            let _ = match (&change.action, &field.before) {
                (Action::Create, None) => writeln!(out, "      {}: {after}", field.path),
                (_, before) => writeln!(out, "      {}: {} -> {after}", field.path, shown(before.as_ref())),
            };
        }
    }
}

fn list<'a>(out: &mut String, title: &str, keys: impl ExactSizeIterator<Item = &'a crate::key::Key>) {
    if keys.len() > 0 {
        let _ = writeln!(out, "\n{title}");
        for key in keys {
            let _ = writeln!(out, "  . {key}");
        }
    }
}

fn mark(action: &Action) -> char {
    match action {
        Action::Create => '+',
        Action::Update => '~',
        Action::Replace => '±',
        Action::Delete => '-',
        Action::Operation(_) => '>',
    }
}

/// A field's value on one line; an absent one is `(none)`.
pub fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(none)".to_owned(),
        Some(Value::Secret(_)) => crate::value::SECRET_TEXT.to_owned(),
        Some(value) => json::write(value),
    }
}

fn head(plan: &Plan) -> String {
    let environment = plan
        .environment
        .as_ref()
        .map(|name| format!(" for {name}"))
        .unwrap_or_default();
    let revision = plan
        .revision
        .as_ref()
        .map(|revision| format!(" at {}", revision.short()))
        .unwrap_or_default();
    format!("{environment} ({}){revision}", plan.platform)
}

/// The totals in one line: `2 to create, 1 to update, 57 in sync`.
pub fn summary_line(plan: &Plan) -> String {
    let Summary {
        create,
        update,
        delete,
        replace,
        unchanged,
        drift,
        conflict,
        orphaned,
        unmanaged,
        blocked,
    } = plan.summary();
    let operations = plan.steps.len() - create - update - delete - replace;
    let parts = [
        (create, "to create"),
        (update, "to update"),
        (replace, "to replace"),
        (delete, "to delete"),
        (operations, "to run"),
        (drift, "drifted"),
        (conflict, "in conflict"),
        (blocked, "blocked"),
        (orphaned, "orphaned"),
        (unmanaged, "unmanaged"),
    ];
    let mut words: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    words.push(format!("{unchanged} in sync"));
    words.join(", ")
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun} is")
    } else {
        format!("{number} {noun}s are")
    }
}

/// The plan as JSON, with a final newline.
pub fn plan_json(plan: &Plan) -> String {
    let mut map = json_head(plan);
    map.insert("summary".into(), summary_value(&plan.summary()));
    content_into(plan, &mut map);
    map.insert("orphaned".into(), keys(&plan.orphaned));
    map.insert("unmanaged".into(), keys(&plan.unmanaged));
    let notes = plan.notes.iter().map(|note| {
        object([
            ("key", Value::from(note.key.to_string())),
            ("text", Value::from(note.text.clone())),
        ])
    });
    map.insert("notes".into(), Value::List(notes.collect()));
    json::write_pretty(&Value::Map(map))
}

/// What the digest is of: the environment, the platform, and everything that is done or waits.
pub(crate) fn content(plan: &Plan) -> String {
    let mut map = Map::new();
    map.insert(
        "environment".into(),
        plan.environment
            .as_ref()
            .map_or(Value::Null, |name| Value::from(name.0.clone())),
    );
    map.insert("platform".into(), Value::from(plan.platform));
    content_into(plan, &mut map);
    json::write(&Value::Map(map))
}

fn json_head(plan: &Plan) -> Map {
    let Value::Map(map) = object([
        ("version", Value::from(VERSION)),
        (
            "environment",
            plan.environment
                .as_ref()
                .map_or(Value::Null, |name| Value::from(name.0.clone())),
        ),
        ("platform", Value::from(plan.platform)),
        (
            "revision",
            plan.revision
                .as_ref()
                .map_or(Value::Null, |revision| Value::from(revision.0.clone())),
        ),
        ("digest", Value::from(plan.digest.0.clone())),
    ]) else {
        return Map::new();
    };
    map
}

fn content_into(plan: &Plan, map: &mut Map) {
    map.insert(
        "changes".into(),
        Value::List(plan.steps.iter().map(|step| change_value(&step.change)).collect()),
    );
    map.insert(
        "reported".into(),
        Value::List(plan.reported.iter().map(change_value).collect()),
    );
    let blocked = plan.blocked.iter().map(
        |Blocked {
             reason,
             message,
             keys: blocked,
         }| {
            object([
                ("reason", Value::from(reason.word())),
                ("message", Value::from(message.clone())),
                ("keys", keys(blocked)),
            ])
        },
    );
    map.insert("blocked".into(), Value::List(blocked.collect()));
}

fn change_value(change: &Change) -> Value {
    let fields = change.fields.iter().map(|field| {
        object([
            ("path", Value::from(field.path.to_string())),
            ("class", Value::from(field.class.word())),
            ("before", field.before.clone().unwrap_or(Value::Null)),
            ("after", field.after.clone().unwrap_or(Value::Null)),
        ])
    });
    let Value::Map(mut map) = object([
        ("action", Value::from(change.action.word())),
        ("kind", Value::from(change.key.kind.0)),
        ("key", Value::from(change.key.to_string())),
        ("class", Value::from(change.class.word())),
        ("fields", Value::List(fields.collect())),
    ]) else {
        return Value::Null;
    };
    if let Action::Operation(operation) = &change.action {
        map.insert("operation".into(), Value::from(operation.name));
        map.insert("reason".into(), Value::from(operation.reason.clone()));
    }
    if let Some(place) = &change.place {
        map.insert("place".into(), Value::from(place.to_string()));
    }
    Value::Map(map)
}

fn summary_value(summary: &Summary) -> Value {
    let Summary {
        create,
        update,
        delete,
        replace,
        unchanged,
        drift,
        conflict,
        orphaned,
        unmanaged,
        blocked,
    } = *summary;
    object([
        ("create", number(create)),
        ("update", number(update)),
        ("delete", number(delete)),
        ("replace", number(replace)),
        ("unchanged", number(unchanged)),
        ("drift", number(drift)),
        ("conflict", number(conflict)),
        ("orphaned", number(orphaned)),
        ("unmanaged", number(unmanaged)),
        ("blocked", number(blocked)),
    ])
}

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
    for Blocked { reason, message, keys } in &plan.blocked {
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

/// The report as JSON, with a final newline.
pub fn report_json(report: &Report) -> String {
    let mut map = json_head(&report.plan);
    let Tally {
        created,
        updated,
        replaced,
        deleted,
        unchanged,
        failed,
        skipped,
    } = report.tally();
    map.insert(
        "summary".into(),
        object([
            ("created", number(created)),
            ("updated", number(updated)),
            ("replaced", number(replaced)),
            ("deleted", number(deleted)),
            ("unchanged", number(unchanged)),
            ("failed", number(failed)),
            ("skipped", number(skipped)),
        ]),
    );
    let outcomes = report.outcomes.iter().map(outcome_value);
    map.insert("outcomes".into(), Value::List(outcomes.collect()));
    json::write_pretty(&Value::Map(map))
}

fn outcome_value(outcome: &Outcome) -> Value {
    let action = match &outcome.action {
        Action::Operation(operation) => operation.name,
        action => action.word(),
    };
    let millis = i64::try_from(outcome.elapsed.as_millis()).unwrap_or(i64::MAX);
    object([
        ("key", Value::from(outcome.key.to_string())),
        ("action", Value::from(outcome.action.word())),
        (
            "operation",
            if action == outcome.action.word() {
                Value::Null
            } else {
                Value::from(action)
            },
        ),
        ("result", Value::from(outcome.result.word())),
        ("attempts", Value::from(i64::from(outcome.attempts))),
        ("elapsed_ms", Value::from(millis)),
        ("error", outcome_error(&outcome.result).map_or(Value::Null, Value::from)),
    ])
}

/// Why a step was not applied, in words.
pub fn outcome_error(result: &Outcomes) -> Option<String> {
    match result {
        Outcomes::Applied { .. } => None,
        Outcomes::Failed(failure) => {
            let mut text = failure.message.clone();
            for (field, message) in &failure.fields {
                let _ = write!(text, "; `{field}`: {message}");
            }
            Some(text)
        }
        Outcomes::Skipped(SkipReason::Upstream(key)) => Some(format!("skipped: `{key}`, which it needs, failed")),
        Outcomes::Skipped(SkipReason::Stopping) => Some("skipped: driftless was asked to stop".to_owned()),
    }
}

/// The report as text: what failed and what was not tried, then the totals.
pub fn report_text(report: &Report) -> String {
    let mut out = String::new();
    for (outcome, step) in report.outcomes.iter().zip(&report.plan.steps) {
        if let Some(error) = outcome_error(&outcome.result) {
            let place = step
                .change
                .place
                .as_ref()
                .map(|place| format!("  ({place})"))
                .unwrap_or_default();
            let _ = writeln!(out, "  {} {}: {error}{place}", outcome.result.word(), outcome.key);
        }
    }
    let _ = writeln!(out, "{}", tally_line(report));
    out
}

/// The totals in one line: `2 created, 1 failed, 57 in sync`.
pub fn tally_line(report: &Report) -> String {
    let Tally {
        created,
        updated,
        replaced,
        deleted,
        unchanged,
        failed,
        skipped,
    } = report.tally();
    let parts = [
        (created, "created"),
        (updated, "updated"),
        (replaced, "replaced"),
        (deleted, "deleted"),
        (failed, "failed"),
        (skipped, "skipped"),
    ];
    let mut words: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    let blocked: usize = report.plan.blocked.iter().map(|blocked| blocked.keys.len()).sum();
    if blocked > 0 {
        words.push(format!("{blocked} blocked"));
    }
    words.push(format!("{unchanged} in sync"));
    words.join(", ")
}

/// How many of each severity.
pub fn count_severity(diagnostics: &[crate::diagnostic::Diagnostic], severity: Severity) -> usize {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == severity)
        .count()
}

fn keys(keys: &[crate::key::Key]) -> Value {
    Value::List(keys.iter().map(|key| Value::from(key.to_string())).collect())
}

fn number(number: usize) -> Value {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}
