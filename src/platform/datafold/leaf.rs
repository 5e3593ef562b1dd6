//! Values that have no fields: what they must be, and how to write them.

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::field::FieldPath;
use driftless_core::nearest::did_you_mean;
use driftless_core::value::Value;

use super::faults::Walk;
use super::form::Form;
use super::kinds::CI_CONFIG;
use super::references::is_number;
use crate::engine::schedule::CronSchedule;
use crate::platform::fault_list::number;
use crate::platform::shape::Shape;

/// Finds what of `value` is against `form`.
pub(super) fn check(walk: &mut Walk, at: &FieldPath, value: &Value, form: Form) {
    let Some(shape) = shape(form, value) else {
        let message = format!("`{at}` must be {}, not {}", noun(form), value.noun());
        return walk.add(at, Diagnostic::error("wrong_type", message).help(help(form)));
    };
    // That format is ours: no platform has a word that is newer.
    if let (CI_CONFIG, Form::Shape(Shape::OneOf(words)), Some(word)) = (walk.kind, form, value.as_str())
        && !words.contains(&word)
    {
        let message = format!("`{at}` is `{word}`, and must be one of {}", words.join(", "));
        let near = did_you_mean(word, words.iter().copied());
        return walk.invalid(at, message, near.as_deref().unwrap_or("write one of them"));
    }
    if !shape.fits(value) || matches!(form, Form::Shape(_)) {
        return walk.faults.shape(at, value, shape, Severity::Error);
    }
    let text = value.as_str().unwrap_or_default();
    match form {
        Form::Name | Form::Path | Form::Template(_) | Form::Longest(_)
            if value.as_str().is_some_and(|text| text.trim().is_empty()) =>
        {
            walk.invalid(at, format!("`{at}` is empty"), "write a text, or remove the field");
        }
        Form::Longest(most) if text.chars().count() > most => {
            walk.invalid(at, format!("`{at}` is longer than {most} characters"), "shorten it");
        }
        Form::Path if !is_path(text) => {
            let message = format!("`{at}` is `{text}`, and must be a file of the repository");
            walk.invalid(
                at,
                message,
                "write its path from the repository's root, without `..`: `datafold/diffs.json`",
            );
        }
        Form::Template(names) | Form::Filling(names) => placeholders(walk, at, text, names),
        Form::Names | Form::Globs => {
            let items = value.as_list().unwrap_or_default();
            let is_empty = value.as_list().is_some_and(<[Value]>::is_empty);
            if is_empty
                || items
                    .iter()
                    .any(|item| item.as_str().is_some_and(|text| text.trim().is_empty()))
            {
                let message = match is_empty {
                    true => format!("`{at}` is empty"),
                    false => format!("one item of `{at}` is empty"),
                };
                walk.invalid(
                    at,
                    message,
                    "write one text or more, each after a `- ` on a line of its own",
                );
            }
            if matches!(form, Form::Globs) {
                for glob in items.iter().filter_map(Value::as_str) {
                    if let Err(fault) = globset::Glob::new(glob) {
                        let message = format!("`{at}` has `{glob}`, which is no glob: {}", fault.kind());
                        walk.invalid(at, message, "write it as `models/**/*.sql`");
                    }
                }
            }
        }
        Form::Whole(least, most) => {
            if let Some(whole) = value.as_i64().filter(|whole| !(least..=most).contains(whole)) {
                let range = match most {
                    i64::MAX => format!("must be {least} or more"),
                    _ => format!("must lie between {least} and {most}"),
                };
                walk.invalid(
                    at,
                    format!("`{at}` is {whole}, and {range}"),
                    "write a number that does",
                );
            }
        }
        Form::Between(least, most) => {
            if let Some(found) = number(value).filter(|found| !(least..=most).contains(found)) {
                let range = match most {
                    f64::MAX => format!("must be {least} or more"),
                    _ => format!("must lie between {least} and {most}"),
                };
                walk.invalid(
                    at,
                    format!("`{at}` is {found}, and {range}"),
                    "write a number that does",
                );
            }
        }
        Form::Inside(least, most) => {
            if let Some(found) = number(value).filter(|found| *found <= least || *found >= most) {
                let message = format!("`{at}` is {found}, and must lie above {least} and below {most}");
                walk.invalid(at, message, "write a number that does");
            }
        }
        Form::Integers(choices) => {
            if let Some(found) = value.as_i64().filter(|found| !choices.contains(found)) {
                let words: Vec<String> = choices.iter().map(ToString::to_string).collect();
                let message = format!("`{at}` is {found}, and must be one of {}", words.join(", "));
                walk.invalid(at, message, "write one of them");
            }
        }
        Form::Cron => cron(walk, at, text),
        Form::Clock if clock(text).is_none() => {
            let message = format!("`{at}` is `{text}`, and must be a time of day from 00:00 to 23:59");
            walk.invalid(at, message, "write hours and minutes in quotes, in UTC: '06:30'");
        }
        Form::Connection => connection(walk, at, value),
        Form::Repository if !is_repository(text) => {
            let message = format!("`{at}` is `{text}`, and must be `owner/name`");
            let help = "write what follows the forge's host in the repository's address, without `.git`";
            walk.invalid(at, message, help);
        }
        _ => {}
    }
}

/// The shape that `value` must have for `form`; `None` where it fits none of those that it may have.
fn shape(form: Form, value: &Value) -> Option<Shape> {
    let list = matches!(value, Value::List(_));
    Some(match form {
        Form::Shape(shape) => shape,
        Form::Name
        | Form::Longest(_)
        | Form::Cron
        | Form::Clock
        | Form::Repository
        | Form::Path
        | Form::Template(_)
        | Form::Filling(_) => Shape::Text,
        Form::Whole(..) | Form::Integers(_) => Shape::Integer,
        Form::Between(..) | Form::Inside(..) => Shape::Number,
        Form::Names | Form::Globs => Shape::Texts,
        Form::Lines if list => Shape::Texts,
        Form::Lines => Shape::Text,
        Form::Values if list => Shape::Scalars,
        Form::Values => match value {
            Value::Map(_) => return None,
            _ => Shape::Any,
        },
        Form::Connection => match value {
            Value::Number(_) => Shape::Integer,
            Value::String(_) => Shape::Text,
            _ => return None,
        },
        // Walked, and never come here.
        Form::List(_) | Form::MapOf(_) | Form::Object(_) | Form::Tagged(_) => return None,
    })
}

fn noun(form: Form) -> &'static str {
    match form {
        Form::Values => "a value or a list of values",
        Form::Connection => "the number or the name of a data source",
        _ => "something else",
    }
}

fn help(form: Form) -> &'static str {
    match form {
        Form::Connection => "write the name of a data source, or its number",
        _ => "write one value, or each after a `- ` on a line of its own",
    }
}

fn cron(walk: &mut Walk, at: &FieldPath, text: &str) {
    const FIELDS: &str = "write five fields: minute, hour, day of month, month, day of week; it is in UTC";
    let count = text.split_whitespace().count();
    if count != 5 {
        let message = format!("`{at}` is `{text}`: it has {count} fields and should have five");
        walk.invalid(at, message, FIELDS);
    } else if let Err(fault) = CronSchedule::parse(text, "UTC") {
        walk.invalid(at, format!("`{at}` is `{text}`: {fault}"), FIELDS);
    }
}

/// The hour and the minute of a time of day.
pub(super) fn clock(text: &str) -> Option<(u32, u32)> {
    let (hour, minute) = text.trim().split_once(':')?;
    let read = |digits: &str, longest: usize| {
        let is_plain = !digits.is_empty() && digits.len() <= longest && is_number(digits);
        digits.parse::<u32>().ok().filter(|_| is_plain)
    };
    let hour = read(hour, 2).filter(|hour| *hour < 24)?;
    let minute = read(minute, 2).filter(|minute| *minute < 60)?;
    Some((hour, minute))
}

fn connection(walk: &mut Walk, at: &FieldPath, value: &Value) {
    let help = "write the name of a data source, or its number";
    match value {
        Value::Number(_) if value.as_i64().is_some_and(|id| id < 1) => {
            walk.invalid(at, format!("`{at}` is no number of a data source"), help);
        }
        // Digits that are a number have become one.
        Value::String(text) if text.trim().is_empty() || is_number(text) => {
            walk.invalid(at, format!("`{at}` is `{text}`, and names no data source"), help);
        }
        _ => {}
    }
}

/// Whether a text is the path of a file that lies in the repository.
fn is_path(text: &str) -> bool {
    !text.starts_with('/') && !text.contains('\\') && text.split('/').all(|part| !matches!(part, "" | ".."))
}

/// Each placeholder must be one of `names`, and be closed.
fn placeholders(walk: &mut Walk, at: &FieldPath, text: &str, names: &[&str]) {
    let known: Vec<String> = names.iter().map(|name| format!("${{{name}}}")).collect();
    let known = known.join(", ");
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let Some((name, next)) = after.split_once('}') else {
            let message = format!("a placeholder begins in `{at}` with `${{` and does not end");
            return walk.invalid(at, message, &format!("close it with `}}`; known here: {known}"));
        };
        if !names.contains(&name) {
            let near = did_you_mean(name, names.iter().copied());
            let help = near.unwrap_or_else(|| format!("known here: {known}"));
            walk.invalid(at, format!("`{at}` has `${{{name}}}`, which stands for nothing"), &help);
        }
        rest = next;
    }
}

/// Whether a text is `owner/name`; GitLab's groups may lie within others.
fn is_repository(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    parts.len() >= 2 && parts.iter().all(plain) && !text.ends_with(".git")
}
