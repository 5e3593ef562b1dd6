//! Files that hold several documents: the map in one field of theirs has one under each key. Their identity is that key and not
//! their file, so what could not be read of one is not known by its path either.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;
use std::sync::Arc;

use super::lost::Lost;
use super::{Layer, Loader, Located, Raw, bad_deletions, start};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::Origin;
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::nearest::did_you_mean;
use crate::schema::Location;
use crate::tree::File;
use crate::value::{Map, Value};
use crate::yaml::{Data, Entry, Mark, Node, Parsed};

/// What a file of several documents looks like.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    kind: Kind,
    /// The top-level field that holds them.
    field: &'static str,
    /// The field of a document that its key becomes.
    identity: &'static str,
}

impl Shape {
    /// That of a collection; anything else is given back.
    pub(super) fn of(location: Location) -> Result<Self, Location> {
        match location {
            Location::Collection { kind, field, identity } => Ok(Self { kind, field, identity }),
            other => Err(other),
        }
    }
}

/// What is not known of collections.
#[derive(Default)]
pub(super) struct Unread {
    /// Documents of which some layer says what cannot be used.
    pub(super) entries: BTreeSet<Key>,
    /// Kinds of which the base says more than could be read: what an overlay alone says of such a kind may be meant for that.
    kinds: BTreeSet<Kind>,
}

/// The documents of a collection, as far as it is one.
pub(super) fn entries<'n>(root: &'n Node, field: &str) -> &'n [Entry] {
    root.entry(field).map_or(&[], |entry| entry.value.entries())
}

impl Loader<'_> {
    /// The documents of one file of several.
    pub(super) fn collection<'f>(
        &mut self,
        file: &'f File,
        path: &str,
        shape: Shape,
        layer: Layer,
    ) -> Vec<Located<'f>> {
        if self.left_out.contains(&shape.kind) {
            return Vec::new();
        }
        let Some((parsed, outer, entries)) = self.opened(file, shape) else {
            self.lose_collection(file, path, shape.kind, layer);
            return Vec::new();
        };
        let mut located = Vec::with_capacity(entries.len());
        let mut told = BTreeSet::new();
        for (inner, entry) in entries.iter().enumerate() {
            let mut document = Located {
                file,
                path: format!("{path}/{}", entry.key),
                parsed,
                kind: shape.kind,
                parents: Vec::new(),
                names_folder: None,
                spec: Map::new(),
                within: Some([outer, inner]),
            };
            let identity = Value::from(entry.key.clone());
            document.spec.insert(shape.identity.to_owned(), identity);
            let origin = document.origin();
            let (said, mut faults) = self.said(entry, shape, &origin);
            let places = Self::places(file, parsed, entry);
            faults.extend(repeated(&entry.key, &places));
            told.extend(places);
            if faults.is_empty() {
                document.spec.extend(said.unwrap_or_default());
                located.push(document);
            } else {
                self.spoil(document, said, faults, layer);
            }
        }
        self.retract(&told);
        located
    }

    /// The map of a collection: its text, which of the root's entries it is, and its own.
    fn opened<'f>(&mut self, file: &'f File, shape: Shape) -> Option<(&'f Arc<Parsed>, usize, &'f [Entry])> {
        let Shape { kind, field, identity } = shape;
        let parsed = self.text(file, kind)?;
        let several = self.schema.spec(kind).map_or(kind.0, |spec| spec.include);
        let layout = format!("write `{field}:`, and below it each {kind} under its {identity}");
        let none = format!("write `{field}: {{}}` where none is meant, or delete the file");
        let Some(root) = &parsed.root else {
            let fault = Diagnostic::error("empty_document", "the file holds no document").at(start(file));
            self.fail(kind, None, fault.help(none));
            return None;
        };
        if !matches!(root.data, Data::Map(_)) {
            let message = format!("a file of {several} is a map, this is {}", root.to_value().noun());
            let fault = Diagnostic::error("not_a_map", message).at(start(file));
            self.fail(kind, None, fault.help(layout));
            return None;
        }
        for other in root.entries().iter().filter(|entry| entry.key != field) {
            let message = format!("`{}` is not read: a file of {several} has `{field}` alone", other.key);
            let fault = Diagnostic::warning("unknown_field", message).at(at(file, other.at));
            let help = did_you_mean(&other.key, [field]).unwrap_or_else(|| "drop it".to_owned());
            self.diagnostics.push(fault.help(help));
        }
        let found = root.entries().iter().enumerate().find(|(_, entry)| entry.key == field);
        let places = found.map_or_else(Vec::new, |(_, entry)| Self::places(file, parsed, entry));
        if !places.is_empty() {
            let faults = repeated(field, &places).into_iter();
            faults.for_each(|fault| self.fail(kind, None, fault));
            self.retract(&places.into_iter().collect());
            return None;
        }
        let fault = match found.map(|(outer, entry)| (outer, entry, &entry.value.data)) {
            Some((outer, _, Data::Map(entries))) => return Some((parsed, outer, entries)),
            Some((_, entry, Data::Scalar(Value::Null))) => {
                let fault = Diagnostic::error("missing_field", format!("`{field}` is empty"));
                fault.at(at(file, entry.at)).help(none)
            }
            Some((_, entry, Data::Scalar(_) | Data::List(_))) => {
                let message = format!("`{field}` must be a map, not {}", entry.value.to_value().noun());
                let fault = Diagnostic::error("wrong_type", message);
                fault.at(at(file, entry.at)).help(layout)
            }
            None => {
                let fault = Diagnostic::error("missing_field", format!("`{field}` is missing"));
                fault.at(start(file)).help(layout)
            }
        };
        self.fail(kind, None, fault);
        None
    }

    /// What an entry says besides its identity, and what keeps it from being used.
    fn said(&self, entry: &Entry, shape: Shape, origin: &Origin) -> (Option<Map>, Vec<Diagnostic>) {
        let Shape { kind, identity, .. } = shape;
        let mut said = match entry.value.to_value() {
            Value::Map(map) => map,
            other => {
                let message = format!("`{}`: a {kind} is a map, this is {}", entry.key, other.noun());
                let fault = Diagnostic::error("not_a_map", message).at(origin.start());
                let fault = fault.help("write `field: value` lines below it");
                return (None, vec![fault]);
            }
        };
        let mut faults = bad_deletions(&said, origin);
        let again = said.shift_remove(identity).filter(|again| !again.is_null());
        if let Some(again) = again.filter(|again| again.as_str() != Some(entry.key.as_str())) {
            let other = again
                .as_str()
                .map_or(again.noun().to_owned(), |name| format!("`{name}`"));
            let message = format!("`{identity}` is {other} here, and `{}` in the key", entry.key);
            let fault = Diagnostic::error("ambiguous_identity", message);
            let fault = fault.at(origin.place(&FieldPath::top(identity)));
            faults.push(fault.help(format!("drop this line: the key is the {identity}")));
        }
        (Some(said), faults)
    }

    /// Every place of a key that stands in its map more than once, the last one first; none of any other. To the reader of YAML the
    /// last one counts; here each means a document.
    fn places(file: &File, parsed: &Parsed, entry: &Entry) -> Vec<Place> {
        let before = |mark: &Mark| parsed.repeated.get(mark).copied();
        let marks: Vec<Mark> = successors(Some(entry.at), before).collect();
        match marks.as_slice() {
            [_] => Vec::new(),
            marks => marks.iter().map(|mark| at(file, *mark)).collect(),
        }
    }

    /// Takes back what the reader of YAML said of keys whose places are told as faults.
    fn retract(&mut self, places: &BTreeSet<Place>) {
        if !places.is_empty() {
            self.diagnostics
                .retain(|it| it.code != "yaml_duplicate_key" || !it.place.iter().any(|at| places.contains(at)));
        }
    }

    /// Tells what is wrong with an entry that cannot be used. What other layers say of it is not used either.
    fn spoil(&mut self, mut document: Located<'_>, said: Option<Map>, faults: Vec<Diagnostic>, layer: Layer) {
        let kind = document.kind;
        let key = self.identify(&mut document, layer).map(|name| Key::new(kind, [name]));
        for fault in faults {
            self.fail(kind, key.clone(), fault);
        }
        let Some(key) = key else {
            self.lose_collection(document.file, &document.path, kind, layer);
            return;
        };
        self.unread.entries.insert(key.clone());
        if let Some(said) = said {
            let origin = document.origin();
            let mut spec = document.spec;
            spec.extend(said);
            let raw = Raw {
                key,
                overlay_alone: false,
                by_slug: Vec::new(),
                spec,
                origin,
            };
            self.tell_rest(raw, layer);
        }
    }

    /// Notes that it is not known what a collection, or one of its entries, says.
    pub(super) fn lose_collection(&mut self, file: &File, path: &str, kind: Kind, layer: Layer) {
        match layer {
            Layer::Base => {
                self.unread.kinds.insert(kind);
            }
            // Whichever document of the kind it was meant for waits.
            Layer::Overlay => self.lost.push(Lost {
                layer,
                file: file.path.clone(),
                path: path.to_owned(),
                kind,
                parents: Vec::new(),
            }),
        }
    }

    /// Notes that a folder which would hold collections is none.
    pub(super) fn lose_collections_below(&mut self, file: &File, path: &str, layer: Layer) {
        let kinds: BTreeSet<Kind> = self
            .below(path)
            .filter_map(|location| Shape::of(location).ok())
            .map(|shape| shape.kind)
            .filter(|kind| !self.left_out.contains(kind))
            .collect();
        for kind in kinds {
            self.lose_collection(file, path, kind, layer);
        }
    }

    /// Takes out documents of which not all layers are known.
    pub(super) fn hold_entries(&mut self, documents: &mut BTreeMap<Key, Raw>) {
        let Unread { entries, kinds } = std::mem::take(&mut self.unread);
        let is_held =
            |(key, raw): &(&Key, &Raw)| entries.contains(key) || (raw.overlay_alone && kinds.contains(&key.kind));
        let held: Vec<Key> = documents.iter().filter(is_held).map(|(key, _)| key.clone()).collect();
        for key in held {
            documents.remove(&key);
            self.hold(key);
        }
    }
}

/// The faults of a key that stands at all of these places, one at each.
fn repeated(key: &str, places: &[Place]) -> Vec<Diagnostic> {
    let fault = |here: &Place| {
        let others = places.iter().rev().filter(|place| *place != here);
        let lines: Vec<String> = others.take(OTHERS).map(|place| place.line.to_string()).collect();
        let more = match places.len().saturating_sub(1 + lines.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "`{key}` stands in this map more than once: also in line {}{more}",
            lines.join(", ")
        );
        Diagnostic::error("duplicate_identity", message)
            .at(here.clone())
            .help("keep one of them, or put them together; none of them is used")
    };
    places.iter().map(fault).collect()
}

/// Other places that a fault of a repeated key names; more are counted, since each of them has a fault.
const OTHERS: usize = 5;

/// A place in `file`.
fn at(file: &File, mark: Mark) -> Place {
    Place {
        file: file.path.clone(),
        line: mark.line,
        column: mark.column,
    }
}
