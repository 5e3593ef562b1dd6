//! A platform of two kinds.

use driftless_core::document::{Reference, Strength};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind};
use driftless_core::schema::{
    Archiving, Draft, FieldFault, Granularity, KindSpec, Location, Needed, Schema, Side, Substitution, Writing,
};
use driftless_core::value::Map;

use super::{BOX, ITEM};

/// Boxes (`boxes/<slug>/_box.yaml`) and the items in them (`boxes/<slug>/items/<slug>.yaml`).
pub(super) struct TestSchema;

const fn kind(kind: Kind, include: &'static str, parents: &'static [Kind]) -> KindSpec {
    KindSpec {
        kind,
        include,
        parents,
        secrets: &[],
        immutable: &[],
        volatile: &[],
        owned_whole: &[],
        sets: &[],
        names: &[],
        aliases: &[],
        trimmed: &[],
        defaults: &[],
        linked: &[],
        vault: None,
        substitution: Substitution::Off,
        granularity: Granularity::Each,
        archiving: Archiving::Impossible,
        writing: Writing::Whole,
        directives: &[],
    }
}

static KINDS: [KindSpec; 2] = [kind(BOX, "boxes", &[]), kind(ITEM, "items", &[BOX])];

impl Schema for TestSchema {
    fn platform(&self) -> &'static str {
        "test"
    }

    fn kinds(&self) -> &'static [KindSpec] {
        &KINDS
    }

    fn locate(&self, path: &str) -> Location {
        match path.split('/').collect::<Vec<_>>()[..] {
            ["boxes", slug, "_box.yaml"] => Location::Document {
                kind: BOX,
                parents: Vec::new(),
                names_folder: Some(slug.to_owned()),
            },
            ["boxes", slug, "items", _] => Location::Document {
                kind: ITEM,
                parents: vec![slug.to_owned()],
                names_folder: None,
            },
            _ => Location::Ignored,
        }
    }

    fn slug(&self, name: &str) -> String {
        name.to_owned()
    }

    fn identity(&self, _: Kind, spec: &Map) -> Result<String, Box<FieldFault>> {
        Ok(spec["name"].as_str().unwrap().to_owned())
    }

    fn identity_fields(&self, _: Kind) -> &'static [&'static str] {
        &["name"]
    }

    fn canonical(&self, _: Kind, _: Side, _: &mut Map) {}

    fn references(&self, key: &Key, _: &Map) -> Vec<Reference> {
        match key.path() {
            [parent, _] => vec![Reference {
                at: FieldPath::top("name"),
                to: Key::new(BOX, [parent.clone()]),
                strength: Strength::Before,
            }],
            _ => Vec::new(),
        }
    }

    /// Items name their box in their key alone.
    fn readdress(&self, _: &Key, _: &mut Map, _: &dyn Fn(&Key) -> Option<Key>) {}

    fn check(&self, _: &Key, _: &Map) -> Vec<FieldFault> {
        Vec::new()
    }

    fn likeness(&self, _: Kind, _: &Map) -> Option<String> {
        None
    }

    fn operations(&self, _: &Draft<'_>) -> Vec<Needed> {
        Vec::new()
    }
}
