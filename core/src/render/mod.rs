//! Plans and reports as a person, a program or a pull request reads them. One diff, written once.

mod json;
mod markdown;
mod plain;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::diagnostic::Severity;
use crate::key::Key;
use crate::plan::{Action, Blocked, Change, Plan, Removal, Summary};
use crate::report::{Outcomes, Report, SkipReason, Tally};
use crate::value::Value;

pub(crate) use self::json::content;
pub use self::json::{change_json, plan_json, report_json};
pub use self::markdown::plan_markdown;
pub use self::plain::{plain, plain_line};

/// The plan as text.
pub fn plan_text(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Plan{}: {}", head(plan), summary_line(plan));
    let takes = &plan.blast.takes;
    section(&mut out, None, plan.steps.iter().map(|step| &step.change), takes);
    section(
        &mut out,
        Some("Only reported, as the policy says:"),
        plan.reported.iter(),
        takes,
    );
    for Blocked {
        reason,
        message,
        keys,
        places,
    } in &plan.blocked
    {
        let _ = writeln!(out, "\nBlocked ({}): {}", reason.word(), plain_line(message));
        for key in keys {
            let place = places
                .get(key)
                .map(|place| format!("  ({})", plain_line(&place.to_string())))
                .unwrap_or_default();
            let _ = writeln!(out, "  ! {key}{place}");
        }
    }
    list(&mut out, "Left without any check:", plan.blast.unwatched.iter());
    for (what, then, changes) in held(plan) {
        section(&mut out, Some(&format!("{what}{then}:")), changes.into_iter(), takes);
    }
    list(
        &mut out,
        "No longer in Git, kept because pruning is off:",
        plan.orphaned.iter(),
    );
    for note in &plan.notes {
        let _ = writeln!(out, "\nNote: {}: {}", note.key, plain_line(&note.text));
    }
    if !plan.unmanaged.is_empty() {
        let _ = writeln!(
            out,
            "\n{} live and not in Git, never touched.",
            count(plan.unmanaged.len(), "resource")
        );
    }
    plain(&out)
}

/// What is held back: what it is, what lets it through, and the changes; what a person does on the platform apart from the rest.
fn held(plan: &Plan) -> [(&'static str, String, Vec<&Change>); 2] {
    let by_hand = plan.manual();
    let (manual, rest) = plan.held.iter().partition(|change| by_hand.contains(&change.key));
    let approval = format!("`apply --approve {}`", plan.digest);
    let lets_through = match plan.can_be_approved() {
        true => format!("; {approval} lets it through"),
        false => String::new(),
    };
    [
        (
            "To be done by hand",
            format!("; once it is, {approval} takes note of it"),
            manual,
        ),
        ("Held back", lets_through, rest),
    ]
}

fn section<'a>(
    out: &mut String,
    title: Option<&str>,
    changes: impl Iterator<Item = &'a Change>,
    takes: &BTreeMap<Key, Vec<Key>>,
) {
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
            Action::Create | Action::Update | Action::Replace(_) | Action::Delete(_) => {
                let how = match &change.action {
                    Action::Delete(Removal::Archive) => ", archived",
                    Action::Replace(Removal::Archive) => ", the old one is archived",
                    Action::Replace(Removal::Erase) => ", the old one is deleted",
                    Action::Create | Action::Update | Action::Delete(Removal::Erase) | Action::Operation(_) => "",
                };
                let class = change.class.word();
                let _ = writeln!(out, "  {mark} {}  {class}{how}{}{place}", change.key, edited(change));
            }
        }
        for field in &change.fields {
            let (path, after) = (plain_line(&field.path.to_string()), shown(field.after.as_ref()));
            let _ = match (&change.action, &field.before) {
                (Action::Create, None) => writeln!(out, "      {path}: {after}"),
                (Action::Delete(_), before) => {
                    writeln!(
                        out,
                        "      {path}: live {}, last in Git {after}",
                        shown(before.as_ref())
                    )
                }
                (_, before) => writeln!(out, "      {path}: {} -> {after}", shown(before.as_ref())),
            };
        }
        for key in takes
            .get(&change.key)
            .into_iter()
            .flatten()
            .filter(|_| change.action.removal().is_some())
        {
            let _ = writeln!(out, "      takes along {key}");
        }
    }
}

/// Who changed the resource last, where that is what the change is about.
fn edited(change: &Change) -> String {
    let edited = change.edited.as_ref();
    edited.map_or_else(String::new, |edited| format!(", changed by {}", plain_line(edited)))
}

fn list<'a>(out: &mut String, title: &str, keys: impl ExactSizeIterator<Item = &'a Key>) {
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
        Action::Replace(_) => '±',
        Action::Delete(_) => '-',
        Action::Operation(_) => '>',
    }
}

/// A field's value on one line; an absent one is `(none)`.
pub fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(none)".to_owned(),
        Some(Value::Secret(_)) => crate::value::SECRET_TEXT.to_owned(),
        Some(value) => crate::json::write(value),
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

/// Why a step was not applied, in words.
pub fn outcome_error(result: &Outcomes) -> Option<String> {
    match result {
        Outcomes::Applied { .. } => None,
        Outcomes::Failed(failure) => {
            let mut text = failure.message.clone();
            for (field, message) in &failure.fields {
                // Most refusals say their fields in the sentence already.
                if failure.message.contains(&format!("{field}: {message}")) {
                    continue;
                }
                let _ = write!(text, "; `{field}`: {message}");
            }
            Some(text)
        }
        Outcomes::Skipped(SkipReason::Upstream(key)) => Some(format!("skipped: `{key}`, which it needs, failed")),
        Outcomes::Skipped(SkipReason::UpsertsFailed) => Some(
            "skipped: deletions come last, and only if everything before them was applied; the next pass tries again"
                .to_owned(),
        ),
        Outcomes::Skipped(SkipReason::Stopping) => Some("skipped: driftless was asked to stop".to_owned()),
        Outcomes::Skipped(SkipReason::Suspended) => {
            Some("skipped: the environment was suspended; `driftless resume` lets it go on".to_owned())
        }
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
            let error = plain_line(&error);
            let _ = writeln!(out, "  {} {}: {error}{place}", outcome.result.word(), outcome.key);
        }
    }
    let _ = writeln!(out, "{}", tally_line(report));
    plain(&out)
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
    let blocked = report.plan.blocked_keys().len();
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
