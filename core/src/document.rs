//! A desired document: one resource as a file (and its overlays) says it.

use std::sync::Arc;

use crate::diagnostic::Place;
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::value::Map;
use crate::yaml::{Mark, Parsed};

/// The directive that says which name a resource has had: it is renamed, not made anew.
pub const PREVIOUS_NAME: &str = "previous_name";

/// The directive that keeps a resource from being deleted or replaced, also when its document is gone.
pub const PROTECT: &str = "protect";

/// One resource as Git says it, normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The address. Final, unless `by_slug` says that parents are still known by their folder only.
    pub key: Key,
    /// The fields, normalised, with the values that Git says; secrets are `Value::Secret`.
    pub spec: Map,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// The name that it has had, and may still have on an instance.
    pub previous: Option<String>,
    /// Whether it must never be deleted nor replaced.
    pub protected: bool,
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

/// Where a document comes from: the texts that declare it, the base first, then each overlay that touches it.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin(Vec<(Arc<str>, Option<Arc<Parsed>>)>);

impl Origin {
    /// A document of one text.
    pub fn new(file: Arc<str>, parsed: Arc<Parsed>) -> Self {
        Self(vec![(file, Some(parsed))])
    }

    /// A document of which only the file's name is known.
    pub fn of(file: &str) -> Self {
        Self(vec![(file.into(), None)])
    }

    /// Adds the text of an overlay.
    pub fn overlaid(mut self, overlay: &Origin) -> Self {
        self.0.extend(overlay.0.iter().cloned());
        self
    }

    /// The file that declares the document.
    pub fn file(&self) -> &str {
        self.0.first().map_or("", |(file, _)| file)
    }

    /// The file that declares the document and its text, where that is known.
    pub fn text(&self) -> Option<(Arc<str>, Arc<Parsed>)> {
        let (file, parsed) = self.0.first()?;
        Some((file.clone(), parsed.clone()?))
    }

    /// The place of `field` in the text that spoke last of it, of its nearest parent that has one, or of the document.
    pub fn place(&self, field: &FieldPath) -> Place {
        for depth in (1..=field.keys().len()).rev() {
            for (file, parsed) in self.0.iter().rev() {
                let mark = parsed
                    .as_ref()
                    .and_then(|parsed| mark(parsed, field.keys().get(..depth)?));
                if let Some(mark) = mark {
                    return Place {
                        file: file.clone(),
                        line: mark.line,
                        column: mark.column,
                    };
                }
            }
        }
        self.start()
    }

    /// The first line of the file.
    pub fn start(&self) -> Place {
        Place {
            file: self.file().into(),
            line: 1,
            column: 1,
        }
    }
}

fn mark(parsed: &Parsed, keys: &[String]) -> Option<Mark> {
    let mut node = parsed.root.as_ref()?;
    let mut found = None;
    for key in keys {
        let entry = node.entry(key)?;
        found = Some(entry.at);
        node = &entry.value;
    }
    found
}
