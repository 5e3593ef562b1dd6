//! What tests of platforms put their inputs together with.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use std::sync::Arc;

use driftless_core::key::Revision;
use driftless_core::tree::{Content, File, Tree};
use driftless_core::value::Map;
use driftless_core::yaml;

/// A document as JSON says it.
pub(super) fn map(json: &str) -> Map {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    crate::codec::map_from_json(json.as_object().unwrap())
}

/// Files of a source: path and text.
pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    let file = |(path, text): &(&str, &str)| File {
        path: (*path).into(),
        content: Content::Yaml(Arc::new(yaml::parse(text.as_bytes()))),
    };
    Tree {
        revision: Revision("r".to_owned()),
        files: files.iter().map(file).collect(),
    }
}
