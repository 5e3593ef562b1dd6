//! How a placeholder is spelled: the pieces of a text.

use super::SubstitutionFault;

/// The paths of the files that `text` names, in its order.
pub fn named_files(text: &str) -> impl Iterator<Item = &str> {
    parts(text).into_iter().filter_map(|part| match part {
        Part::File(path) => Some(path),
        Part::Text(_) | Part::Variable(_) | Part::Malformed(_) => None,
    })
}

/// The variables that `text` names, in its order.
pub fn named_variables(text: &str) -> impl Iterator<Item = &str> {
    parts(text).into_iter().filter_map(|part| match part {
        Part::Variable(placeholder) => Some(placeholder.name),
        Part::Text(_) | Part::File(_) | Part::Malformed(_) => None,
    })
}

/// A piece of a text.
pub(super) enum Part<'a> {
    Text(&'a str),
    Variable(Placeholder<'a>),
    File(&'a str),
    Malformed(SubstitutionFault),
}

pub(super) struct Placeholder<'a> {
    pub(super) name: &'a str,
    pub(super) otherwise: Otherwise<'a>,
}

pub(super) enum Otherwise<'a> {
    Fail,
    Default(&'a str),
    Message(&'a str),
}

/// Cuts a text at its placeholders.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        if let Some(before) = before.strip_suffix('$') {
            parts.extend([Part::Text(before), Part::Text(OPEN)]);
            rest = after;
            continue;
        }
        parts.push(Part::Text(before));
        match placeholder(after) {
            Ok((part, after)) => {
                parts.push(part);
                rest = after;
            }
            Err(fault) => {
                parts.push(Part::Malformed(fault));
                rest = after;
            }
        }
    }
    parts.push(Part::Text(rest));
    parts
}

const OPEN: &str = "${";

/// What a placeholder of a file's content begins with: `file:/run/secrets/x`. A variable may be called `file` all the same.
const FILE: &str = "file:";

/// Reads what stands after `${`, and gives what stands after the `}`.
fn placeholder(text: &str) -> Result<(Part<'_>, &str), SubstitutionFault> {
    let (inner, after) = text.split_once('}').ok_or(SubstitutionFault::Malformed)?;
    // The first `}` would end the outer one, and the rest of it would be text.
    if inner.contains(OPEN) {
        return Err(SubstitutionFault::Malformed);
    }
    if let Some(path) = inner.strip_prefix(FILE).filter(|path| !path.starts_with(['-', '?'])) {
        return match is_file_path(path) {
            true => Ok((Part::File(path), after)),
            false => Err(SubstitutionFault::MalformedFile),
        };
    }
    let length = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(inner.len());
    let (name, tail) = inner.split_at(length);
    if name.is_empty() {
        return Err(SubstitutionFault::Malformed);
    }
    let otherwise = match tail.get(..2) {
        None if tail.is_empty() => Otherwise::Fail,
        Some(":-") => Otherwise::Default(&tail[2..]),
        Some(":?") => Otherwise::Message(&tail[2..]),
        _ => return Err(SubstitutionFault::Malformed),
    };
    Ok((Part::Variable(Placeholder { name, otherwise }), after))
}

/// Whether `path` is one spelling of one file: from the root, each part a name.
fn is_file_path(path: &str) -> bool {
    let Some(names) = path.strip_prefix('/') else {
        return false;
    };
    let is_default = path.contains(":-") || path.contains(":?");
    !is_default && !path.contains(char::is_control) && names.split('/').all(|name| !matches!(name, "" | "." | ".."))
}
