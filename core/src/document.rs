//! A desired document: one resource as a file (and its overlays) says it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Place;
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::value::Map;

/// One resource as Git says it, normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The address. Final, unless `by_slug` says that parents are still known by their folder only.
    pub key: Key,
    /// The fields, normalised; secrets are `Value::Secret`.
    pub spec: Map,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// Where the document begins, and where its fields stand.
    pub origin: Origin,
    /// Parents whose names are not in the source: their folders' slugs stand in the key until the plan is made.
    pub by_slug: Vec<BySlug>,
}

/// A segment of a key that is still a folder's slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BySlug {
    /// The parent's kind.
    pub kind: Kind,
    /// Which name of the key's path it is, from 0.
    pub segment: usize,
}

/// A pointer from one resource to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The field that holds it; a parent's reference has the identity field.
    pub at: FieldPath,
    /// What it points at.
    pub to: Key,
    /// Whether the target must be there before this resource is written.
    pub strength: Strength,
}

/// What a reference asks of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// The target is written first, and must exist.
    Before,
    /// The field is written by a step of its own after both ends exist.
    Link,
}

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file that declares it (the last overlay that touched it is in `fields`).
    pub file: Arc<str>,
    /// Places of top-level fields and of the keys of maps in them, by dotted path.
    pub fields: BTreeMap<FieldPath, Place>,
}

impl Origin {
    /// The place of `field`, of its nearest parent that has one, or of the document's first line.
    pub fn place(&self, field: &FieldPath) -> Place {
        let mut keys = field.keys();
        while let Some((_, parents)) = keys.split_last() {
            let path = keys
                .iter()
                .skip(1)
                .fold(FieldPath::top(keys[0].clone()), |path, key| path.child(key));
            if let Some(place) = self.fields.get(&path) {
                return place.clone();
            }
            keys = parents;
        }
        self.start()
    }

    /// The first line of the file.
    pub fn start(&self) -> Place {
        Place {
            file: self.file.clone(),
            line: 1,
            column: 1,
        }
    }
}
