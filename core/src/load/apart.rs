//! Documents of one identity: what would tell each of them from the others.

use std::collections::BTreeMap;

use super::{Loader, Raw};
use crate::diagnostic::Place;
use crate::key::Key;
use crate::value::Map;

impl Loader<'_> {
    /// What tells documents of one identity apart, by where they begin.
    pub(super) fn apart(&self, raws: &[Raw], places: &BTreeMap<Key, Vec<Place>>) -> BTreeMap<Place, String> {
        let mut groups: BTreeMap<&Key, Vec<&Raw>> = BTreeMap::new();
        for raw in raws {
            if places.get(&raw.key).is_some_and(|places| places.len() > 1) {
                groups.entry(&raw.key).or_default().push(raw);
            }
        }
        let told = groups.into_iter().flat_map(|(key, raws)| {
            let specs: Vec<&Map> = raws.iter().map(|raw| &raw.spec).collect();
            let own = self.schema.apart(key.kind, &specs);
            let starts: Vec<Place> = raws.iter().map(|raw| raw.origin.start()).collect();
            starts.into_iter().zip(own)
        });
        told.filter_map(|(place, own)| Some((place, own?))).collect()
    }
}
