//! A base and what is laid over it, as two texts with a line of `=====` between: merging ends, drops nothing unsaid, and is the same
//! each time.
#![no_main]

use driftless_fuzz::{read, said_well};
use libfuzzer_sys::fuzz_target;

const DATASTORE: &[u8] = b"name: d\ntype: postgresql\nconnection_name: c\n";
const CONNECTION: &[u8] = b"name: c\ntype: postgresql\nhost: h\nport: 5432\nusername: u\npassword: p\n";

fuzz_target!(|input: &[u8]| {
    let mark = b"\n=====\n";
    let at = input.windows(mark.len()).position(|part| part == mark);
    let (base, overlay) = match at {
        Some(at) => (&input[..at], &input[at + mark.len()..]),
        None => (input, &b""[..]),
    };
    let files = [
        ("base/connections/c.yaml", CONNECTION),
        ("base/datastores/d/_datastore.yaml", DATASTORE),
        ("base/datastores/d/checks/k/one.yaml", base),
        ("overlay/datastores/d/checks/k/one.yaml", overlay),
        ("overlay/connections/c.yaml", overlay),
    ];
    let loaded = read(&files);
    said_well(&loaded);
    assert_eq!(read(&files), loaded, "the same files mean the same");
    let without = read(&files[..3]);
    // An overlay may take a document away only by saying so, or hold it back by being at fault: both are to be seen.
    for key in without.desired.documents.keys() {
        let kept = loaded.desired.documents.contains_key(key);
        let held = !loaded.desired.broken.is_empty();
        let dropped = overlay.windows(b"delete".len()).any(|part| part.eq_ignore_ascii_case(b"delete"))
            || overlay.contains(&b'\\');
        let renamed = overlay.windows(4).any(|part| part == b"name") || overlay.windows(3).any(|part| part == b"uid");
        assert!(
            kept || held || dropped || renamed || !loaded.diagnostics.is_empty(),
            "{key} is gone, and nothing says so"
        );
    }
});
