//! What an editor is told of a platform's documents: a JSON Schema for each kind, and one for what an overlay says of it.

use driftless_core::key::Kind;
use serde_json::Value as Json;

/// Which files a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Documents that say all of a resource.
    Base,
    /// Documents of an overlay: they say what differs, and drop with `$delete: true`.
    Overlay,
}

/// The JSON Schema (draft-07) of one kind's documents. It refers to nothing outside of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentSchema {
    /// The kind.
    pub kind: Kind,
    /// Which files it is for.
    pub layer: Layer,
    /// The schema.
    pub json: Json,
}

impl DocumentSchema {
    /// What it is called, in file names too: `check`, `check-overlay`.
    pub fn name(&self) -> String {
        match self.layer {
            Layer::Base => self.kind.0.to_owned(),
            Layer::Overlay => format!("{}-overlay", self.kind.0),
        }
    }
}
