//! `prune` of an environment, for editors.

use driftless_core::key::Kind;
use serde_json::{Value as Json, json};

use super::super::KnownPlatform;
use super::{PLACEHOLDER, kinds, map};

/// Without quotes `off` is a truth to YAML 1.1. What cannot be archived cannot be disabled.
pub(super) fn prune(platforms: &[KnownPlatform]) -> Json {
    let archived: Vec<Kind> = platforms
        .iter()
        .flat_map(|platform| &platform.archived)
        .copied()
        .collect();
    let rows = kinds(platforms).map(|(kind, word)| {
        let mut words = vec![
            json!({ "description": "`off`: it stays live, and is listed as orphaned.", "enum": ["off", false] }),
            json!({ "description": "`delete`: it is deleted, with all that hangs on it.", "const": "delete" }),
        ];
        if archived.contains(kind) {
            let says = "`disable`: it is archived; its anomalies stay, and it can be restored.";
            words.push(json!({ "description": says, "const": "disable" }));
        }
        words.push(json!({ "type": "string", "pattern": PLACEHOLDER }));
        (*word, json!({ "anyOf": words, "default": "off" }))
    });
    map(
        "What happens, by kind, to what Git no longer has. Default: `off` for all.",
        &[],
        rows,
    )
}
