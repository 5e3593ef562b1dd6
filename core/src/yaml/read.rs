//! One text to one tree: the checks before the parser, then composing, then constructing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compose::compose;
use super::construct::construct;
use super::source::mark_after;
use super::{Fault, Mark, Parsed, fault};
use crate::diagnostic::Severity;

/// Bytes a text may have (design, section 3).
pub const MAX_BYTES: usize = 1024 * 1024;
/// Collections that may stand inside one another (design, section 3).
pub const MAX_DEPTH: usize = 100;
/// Nodes a text may hold, keys and the copies that aliases and merges make included (design, section 3).
pub const MAX_NODES: usize = 200_000;
/// Faults of one severity that are listed one by one: more help nobody.
const MAX_LISTED: usize = 100;

/// Reads one document as PyYAML's `SafeLoader` does, timestamps left as strings.
///
/// Never panics and never stops at a fault it can step over; with any error there is no root. Messages and helps never quote
/// the text's values.
pub fn parse(bytes: &[u8]) -> Parsed {
    let nothing = |fault: Fault| Parsed {
        text: Arc::from(""),
        root: None,
        faults: vec![fault],
        repeated: BTreeMap::new(),
    };
    if bytes.len() > MAX_BYTES {
        return nothing(fault::too_large(bytes.len()));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            return nothing(fault::not_utf8(mark_after(&before)));
        }
    };
    // A byte-order mark belongs to the encoding, not to the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut faults = Vec::new();
    let mut repeated = BTreeMap::new();
    let root = match refused(text) {
        Some(fault) => {
            faults.push(fault);
            None
        }
        None => compose(text, &mut faults).and_then(|graph| construct(&graph, &mut faults, &mut repeated)),
    };
    let faults = listed(faults);
    let broken = faults.iter().any(|fault| fault.severity == Severity::Error);
    Parsed {
        text: Arc::from(text),
        root: root.filter(|_| !broken),
        faults,
        repeated,
    }
}

/// What is refused before any parsing.
fn refused(text: &str) -> Option<Fault> {
    // PyYAML's reader takes these characters and no others.
    let allowed = |c: char| {
        matches!(c,
            '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    };
    if let Some((index, c)) = text.char_indices().find(|(_, c)| !allowed(*c)) {
        return Some(fault::character(c, mark_after(&text[..index])));
    }
    // Directives stand before the first line of content.
    let mut offset = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        if line.starts_with("%TAG") {
            return Some(fault::tag_directive(mark_after(&text[..offset])));
        }
        if !matches!(line.trim_start().chars().next(), None | Some('#' | '%')) {
            break;
        }
        offset += line.len();
    }
    None
}

/// The faults in the order of the text; where there are too many of a severity, the rest as one number.
fn listed(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by(|a, b| (a.at, a.code).cmp(&(b.at, b.code)));
    let mut kept = Vec::new();
    let mut seen = [0_usize; 2];
    let mut last = Mark { line: 1, column: 1 };
    for fault in faults {
        let count = &mut seen[usize::from(fault.severity == Severity::Warning)];
        *count += 1;
        last = last.max(fault.at);
        if *count <= MAX_LISTED {
            kept.push(fault);
        }
    }
    let [errors, warnings] = seen.map(|count| count.saturating_sub(MAX_LISTED));
    if errors > 0 {
        kept.push(fault::more(Severity::Error, errors, last));
    }
    if warnings > 0 {
        kept.push(fault::more(Severity::Warning, warnings, last));
    }
    kept
}
