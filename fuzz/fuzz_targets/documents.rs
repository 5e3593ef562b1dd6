//! YAML texts: reading them ends, in time and memory; what was read is written and read again without a change; and as a file
//! of an environment they are a document or a fault.
#![no_main]

use driftless::platform::datafold;
use driftless_core::yaml::{emit, parse};
use driftless_fuzz::{read, read_as, said_well};
use libfuzzer_sys::fuzz_target;

/// Where a text may lie: each kind's file, and one that is nobody's.
const PATHS: [&str; 9] = [
    "base/connections/c.yaml",
    "base/datastores/d/_datastore.yaml",
    "base/datastores/d/containers/k/_container.yaml",
    "base/datastores/d/containers/k/computed_fields/f.yaml",
    "base/datastores/d/checks/k/notnull__id.yaml",
    "base/datastores/d/readme.yaml",
    "base/data_sources/s.yaml",
    "base/ci/c.yaml",
    COLLECTION,
];

/// The file of many documents, of which there may be none.
const COLLECTION: &str = "base/monitors/m.yaml";

/// Where Datafold's paths begin.
const OF_DATAFOLD: usize = 6;

fuzz_target!(|input: &[u8]| {
    let Some((first, text)) = input.split_first() else { return };
    let parsed = parse(text);
    assert_eq!(parse(text), parsed, "the same text means the same");
    if let Some(root) = &parsed.root {
        let written = emit(&root.to_value());
        let again = parse(written.as_bytes());
        // What was within the limits may be written longer than they are.
        if let Some(again) = again.root {
            assert_eq!(emit(&again.to_value()), written, "what was written is read as it was");
        }
    } else {
        assert!(text.is_empty() || !parsed.faults.is_empty() || parsed.text.trim().is_empty() || is_bare(&parsed.text));
    }
    let at = usize::from(*first) % PATHS.len();
    let path = PATHS[at];
    let loaded = match at < OF_DATAFOLD {
        true => read(&[(path, text)]),
        false => read_as(datafold::schema(), &[(path, text)]),
    };
    said_well(&loaded);
    let used = loaded.desired.documents.len() + loaded.desired.broken.len() + loaded.diagnostics.len();
    assert!(used > 0 || path == COLLECTION, "a file that is neither used nor spoken of");
});

/// Comments, directives and document marks alone: no document, and no fault.
fn is_bare(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with(['#', '%']) || line.starts_with("---") || line.starts_with("...")
    }) || text.chars().all(|char| !char.is_ascii_graphic() || char == '#')
}
