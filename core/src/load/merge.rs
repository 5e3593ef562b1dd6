//! Lays the documents of one layer over those below it, by identity.

use std::collections::BTreeMap;

use super::{Layer, Loader, Raw};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::Origin;
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::overlay::{DELETE, is_deletion, overlay};
use crate::value::Map;

impl Loader<'_> {
    pub(super) fn merge(&mut self, documents: &mut BTreeMap<Key, Raw>, raws: Vec<Raw>, layer: Layer) {
        let mut places: BTreeMap<Key, Vec<Place>> = BTreeMap::new();
        for raw in &raws {
            places.entry(raw.key.clone()).or_default().push(raw.origin.start());
        }
        let mut dropped = Vec::new();
        let apart = self.apart(&raws, &places);
        for raw in raws {
            let same = places.get(&raw.key).map_or(&[][..], Vec::as_slice);
            if same.len() > 1 {
                let here = raw.origin.start();
                let message = format!(
                    "`{}` is declared more than once: also in {}",
                    raw.key,
                    others(same, &here)
                );
                let fault = Diagnostic::error("duplicate_identity", message).at(here);
                documents.remove(&raw.key);
                self.unread.entries.insert(raw.key.clone());
                let help = match apart.get(&raw.origin.start()) {
                    Some(own) => format!("keep one of them, or write {own} here; none of them is used"),
                    None => format!("{}; none of them is used", self.schema.distinct(raw.key.kind)),
                };
                self.fail(raw.key.kind, Some(raw.key.clone()), fault.help(help));
                self.tell_rest(raw, layer);
                continue;
            }
            match (layer, documents.remove(&raw.key)) {
                (Layer::Overlay, Some(_)) if is_deletion(&raw.spec) => dropped.push(raw.key),
                (Layer::Overlay, Some(mut base)) => {
                    let absent = overlay(&mut base.spec, raw.spec);
                    self.nothing_to_delete(&absent, &raw.origin);
                    base.origin = base.origin.overlaid(&raw.origin);
                    documents.insert(base.key.clone(), base);
                }
                (_, None) if is_deletion(&raw.spec) => {
                    let message = format!("`{}` is not declared below this overlay: nothing to delete", raw.key);
                    let place = raw.origin.place(&FieldPath::top(DELETE));
                    self.diagnostics
                        .push(Diagnostic::warning("nothing_to_delete", message).at(place));
                }
                (Layer::Base | Layer::Overlay, _) => {
                    let overlay_alone = layer == Layer::Overlay;
                    let mut spec = Map::new();
                    let absent = overlay(&mut spec, raw.spec);
                    self.nothing_to_delete(&absent, &raw.origin);
                    documents.insert(
                        raw.key.clone(),
                        Raw {
                            overlay_alone,
                            spec,
                            ..raw
                        },
                    );
                }
            }
        }
        for key in dropped {
            self.drop_below(&key, documents, &places);
        }
    }

    /// Drops what the layers below declare within a dropped resource: without it, it can be nowhere. What the overlay itself says
    /// stays.
    fn drop_below(&self, key: &Key, documents: &mut BTreeMap<Key, Raw>, said: &BTreeMap<Key, Vec<Place>>) {
        documents.retain(|below, _| {
            let parents = self.schema.spec(below.kind).map_or(&[][..], |spec| spec.parents);
            let depth = key.path().len();
            let is_within = parents.get(..depth).and_then(<[Kind]>::last) == Some(&key.kind)
                && below.path().starts_with(key.path());
            !is_within || said.contains_key(below)
        });
    }

    fn nothing_to_delete(&mut self, absent: &[FieldPath], origin: &Origin) {
        for field in absent {
            let message = format!("`{field}` is not there: nothing to delete");
            let fault = Diagnostic::warning("nothing_to_delete", message);
            self.diagnostics.push(fault.at(origin.place(field)));
        }
    }
}

/// How many other files a message names.
const NAMED: usize = 3;

/// The files of `places` other than the one at `here`.
fn others(places: &[Place], here: &Place) -> String {
    let files: Vec<&str> = places
        .iter()
        .filter(|place| *place != here)
        .map(|place| place.file.as_ref())
        .collect();
    match files.get(..NAMED) {
        Some(first) if files.len() > NAMED => format!("{} and {} more", first.join(", "), files.len() - NAMED),
        _ => files.join(", "),
    }
}
