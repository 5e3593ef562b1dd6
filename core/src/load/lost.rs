//! Overlays that could not be read, and folders that are none: what they may be laid over waits, since the base alone is not what Git
//! says, and what would lie below them is not absent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Layer, Loader, Raw, refused, start};
use crate::diagnostic::{Diagnostic, Place};
use crate::key::{Key, Kind};
use crate::schema::Location;
use crate::snapshot::Broken;
use crate::tree::{File, Refusal};

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

/// How deep below a folder of ours a file may lie for the folder to be known by it.
const PROBES: usize = 4;

impl Loader<'_> {
    /// Whether documents could lie below `path`, were it a folder.
    pub(super) fn may_hold(&self, path: &str) -> bool {
        self.below(path).any(|location| match location {
            Location::Document { kind, .. } | Location::Collection { kind, .. } => !self.left_out.contains(&kind),
            Location::Misplaced { .. } => true,
            Location::Ignored => false,
        })
    }

    /// What files below `path` would hold, were it a folder.
    pub(super) fn below(&self, path: &str) -> impl Iterator<Item = Location> + use<'_> {
        let mut below = path.to_owned();
        (0..PROBES).map(move |_| {
            below.push_str("/x");
            self.schema.locate(&format!("{below}.yaml"))
        })
    }

    /// Notes a link or a submodule that stands in the place of a folder of ours: whatever was to lie below it is not absent.
    pub(super) fn lose_folder(&mut self, file: &File, path: &str, layer: Layer, refusal: Refusal) {
        let (code, message, help) = refused(refusal);
        self.diagnostics
            .push(Diagnostic::error(code, message).at(start(file)).help(help));
        self.broken.push(Broken { key: None, kind: None });
        self.lose_collections_below(file, path, layer);
        if layer == Layer::Overlay {
            self.lost_folders.push(path.to_owned());
        }
    }

    /// Takes out the documents that a lost overlay changes: the one at its path; where there is none, all of its kind in its
    /// folder, since identity is inside of the file.
    pub(super) fn hold_back(&mut self, documents: &mut BTreeMap<Key, Raw>) {
        self.hold_entries(documents);
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
                self.hold(key);
            }
        }
        for folder in std::mem::take(&mut self.lost_folders) {
            let below = |path: &str| {
                path.strip_prefix(folder.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
            };
            let held = self.keys.iter().filter(|(path, _)| below(path));
            for key in held.map(|(_, key)| key.clone()).collect::<Vec<_>>() {
                if documents.remove(&key).is_some() {
                    self.hold(key);
                }
            }
        }
    }

    pub(super) fn hold(&mut self, key: Key) {
        self.broken.push(Broken {
            kind: Some(key.kind),
            key: Some(key),
        });
    }
}
