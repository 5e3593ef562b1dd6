//! A bound on what is told of one file: nobody reads ten thousand faults, and no log should hold them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};

/// How many faults of one severity are told of one file: more than the reader of YAML tells of it by itself.
const MOST: usize = 200;

/// The first of each file's faults of each severity; the place of the next one says how many are not told.
pub(super) fn limited(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut counts: BTreeMap<(Arc<str>, Severity), usize> = BTreeMap::new();
    let file_of = |fault: &Diagnostic| fault.place.as_ref().map(|place| (place.file.clone(), fault.severity));
    for of in diagnostics.iter().filter_map(file_of) {
        *counts.entry(of).or_default() += 1;
    }
    let mut told: BTreeMap<(Arc<str>, Severity), usize> = BTreeMap::new();
    let mut kept = Vec::with_capacity(diagnostics.len());
    for fault in diagnostics {
        let Some(of) = file_of(&fault) else {
            kept.push(fault);
            continue;
        };
        let all = counts.get(&of).copied().unwrap_or_default();
        let number = told.entry(of).or_default();
        *number += 1;
        if *number <= MOST {
            kept.push(fault);
        } else if *number == MOST + 1 {
            let message = format!("{} more faults of this severity are not listed", all - MOST);
            kept.push(Diagnostic {
                code: "more_faults",
                message,
                help: Some("mend those listed, then look again".to_owned()),
                ..fault
            });
        }
    }
    kept
}
