//! What tests of this folder put their inputs together with.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use driftless_core::value::Map;

/// A document as JSON says it.
pub(super) fn map(json: &str) -> Map {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    crate::codec::map_from_json(json.as_object().unwrap())
}
