//! Overlays that could not be read: what they may be laid over waits, since the base alone is not what Git says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Layer, Loader, Raw};
use crate::diagnostic::{Diagnostic, Place};
use crate::key::{Key, Kind};
use crate::snapshot::Broken;

/// A file that is meant to hold a document, and of which nothing more could be told.
pub(super) struct Lost {
    pub(super) layer: Layer,
    pub(super) file: Arc<str>,
    /// Its path within the layer.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// The slugs of the folders of its parents.
    pub(super) parents: Vec<String>,
}

impl Loader<'_> {
    /// Takes out the documents that a lost overlay changes: the one at its path; where there is none, all of its kind in its
    /// folder, since identity is inside of the file.
    pub(super) fn hold_back(&mut self, documents: &mut BTreeMap<Key, Raw>) {
        let lost = std::mem::take(&mut self.lost);
        for lost in lost.iter().filter(|lost| lost.layer == Layer::Overlay) {
            let held: Vec<Key> = match self.keys.get(&lost.path) {
                Some(key) => vec![key.clone()],
                None => {
                    let parents = self.parent_names(lost.kind, &lost.parents).0;
                    let may_be = |key: &&Key| key.kind == lost.kind && key.path().starts_with(&parents);
                    documents.keys().filter(may_be).cloned().collect()
                }
            };
            if !self.keys.contains_key(&lost.path) && !held.is_empty() {
                let message = format!(
                    "this overlay cannot be read, so it may be meant for any {} beside it: {} of them wait",
                    lost.kind,
                    held.len()
                );
                let place = Place {
                    file: lost.file.clone(),
                    line: 1,
                    column: 1,
                };
                let help = "an overlay's file that stands at the path of the file it changes holds back only that one";
                self.diagnostics
                    .push(Diagnostic::error("held_back", message).at(place).help(help));
            }
            for key in held {
                documents.remove(&key);
                self.broken.push(Broken {
                    kind: Some(key.kind),
                    key: Some(key),
                });
            }
        }
    }
}
