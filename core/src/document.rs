//! A desired document: one resource as a file (and its overlays) says it.

use std::sync::Arc;

use crate::diagnostic::Place;
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::value::Map;
use crate::yaml::{Entry, Mark, Parsed};

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
pub struct Origin(Vec<Text>);

/// One text that declares a document, or that has it in one of its entries.
#[derive(Clone, Debug, PartialEq)]
struct Text {
    file: Arc<str>,
    parsed: Option<Arc<Parsed>>,
    /// The entry that holds the document: which one of the root's entries, and which one of those in that. By number, since a file
    /// may have thousands and each is asked for often.
    within: Option<[usize; 2]>,
}

impl Origin {
    /// A document of one text.
    pub fn new(file: Arc<str>, parsed: Arc<Parsed>) -> Self {
        Self::within(file, parsed, None)
    }

    /// A document of one text, or of one entry of it.
    pub(crate) fn within(file: Arc<str>, parsed: Arc<Parsed>, within: Option<[usize; 2]>) -> Self {
        let parsed = Some(parsed);
        Self(vec![Text { file, parsed, within }])
    }

    /// A document of which only the file's name is known.
    pub fn of(file: &str) -> Self {
        Self(vec![Text {
            file: file.into(),
            parsed: None,
            within: None,
        }])
    }

    /// Adds the text of an overlay.
    pub fn overlaid(mut self, overlay: &Origin) -> Self {
        self.0.extend(overlay.0.iter().cloned());
        self
    }

    /// The file that declares the document.
    pub fn file(&self) -> &str {
        self.0.first().map_or("", |text| &text.file)
    }

    /// The file that declares the document and nothing else, and its text, where that is known.
    pub fn text(&self) -> Option<(Arc<str>, Arc<Parsed>)> {
        let text = self.0.first().filter(|text| text.within.is_none())?;
        Some((text.file.clone(), text.parsed.clone()?))
    }

    /// The place of `field` in the text that spoke last of it, of its nearest parent that has one, or of the document.
    pub fn place(&self, field: &FieldPath) -> Place {
        for depth in (1..=field.keys().len()).rev() {
            for text in self.0.iter().rev() {
                let mark = field.keys().get(..depth).and_then(|keys| text.mark(keys));
                if let Some(mark) = mark {
                    return Place {
                        file: text.file.clone(),
                        line: mark.line,
                        column: mark.column,
                    };
                }
            }
        }
        self.start()
    }

    /// Where the document begins: the first line of its file, or its key there.
    pub fn start(&self) -> Place {
        let entry = self.0.first().and_then(Text::entry);
        let mark = entry.map_or(Mark { line: 1, column: 1 }, |entry| entry.at);
        Place {
            file: self.file().into(),
            line: mark.line,
            column: mark.column,
        }
    }
}

impl Text {
    /// The entry that holds the document.
    fn entry(&self) -> Option<&Entry> {
        let [outer, inner] = self.within?;
        let outer = self.parsed.as_ref()?.root.as_ref()?.entries().get(outer)?;
        outer.value.entries().get(inner)
    }

    fn mark(&self, keys: &[String]) -> Option<Mark> {
        let mut node = match self.within {
            Some(_) => &self.entry()?.value,
            None => self.parsed.as_ref()?.root.as_ref()?,
        };
        let mut found = None;
        for key in keys {
            let entry = node.entry(key)?;
            found = Some(entry.at);
            node = &entry.value;
        }
        found
    }
}
