//! What the targets share: files that become documents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driftless::platform::qualytics;
use driftless_core::key::Revision;
use driftless_core::load::{Layers, Loaded, load};
use driftless_core::schema::Schema;
use driftless_core::substitute::Variables;
use driftless_core::tree::{Content, File, Tree};
use driftless_core::yaml;

/// A value that no message may quote: the targets hand it out as a secret and look for it in everything that is said.
pub const SECRET: &str = "s3cret-of-the-fuzzer";

/// Reads `files` as an environment of Qualytics whose base is `base` and whose one overlay is `overlay`.
pub fn read(files: &[(&str, &[u8])]) -> Loaded {
    read_as(qualytics::schema(), files)
}

/// As [`read`], of any platform.
pub fn read_as(schema: &dyn Schema, files: &[(&str, &[u8])]) -> Loaded {
    let mut files: Vec<File> = files
        .iter()
        .map(|(path, text)| File {
            path: Arc::from(*path),
            content: Content::Yaml(Arc::new(yaml::parse(text))),
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let tree = Tree {
        revision: Revision("0".repeat(40)),
        files,
    };
    let overlays = ["overlay".to_owned()];
    let layers = Layers {
        base: "base",
        overlays: &overlays,
    };
    load(&tree, &layers, &variables(), &[], schema)
}

/// Variables as an environment has them: some plain, one that is a secret elsewhere.
pub fn variables() -> Variables {
    let values = [
        ("REGION", "eu"),
        ("PORT", "5432"),
        ("EMPTY", ""),
        ("STRUCTURE", "x\n- y: {z: [1]}\n\"'${REGION}#"),
        ("TOKEN", SECRET),
    ];
    let values: BTreeMap<String, String> = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Variables::new(values, BTreeSet::from(["TOKEN".to_owned()]))
}

/// What is said of the files quotes no secret, and is said of places that exist.
pub fn said_well(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        let said = format!("{diagnostic} {:?} {:?}", diagnostic.help, diagnostic.excerpt);
        assert!(!said.contains(SECRET), "a secret in: {said}");
        if let Some(place) = &diagnostic.place {
            assert!(place.line > 0 && place.column > 0, "no such place: {said}");
        }
    }
    let shown = format!("{:?}", loaded.desired);
    assert!(!shown.contains(SECRET), "a secret among the documents");
}
