//! `previous_name`: the name that a resource has had. What is wrong with one can be seen offline, but for what is live.

use std::collections::BTreeMap;

use super::Loader;
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Origin, PREVIOUS_NAME};
use crate::field::FieldPath;
use crate::key::Key;
use crate::snapshot::Broken;
use crate::value::{Map, Value};

impl Loader<'_> {
    /// The previous name that `spec` says, in the form in which the platform keeps it.
    pub(super) fn previous(&mut self, key: &Key, spec: &Map, origin: &Origin) -> Option<String> {
        let table = self.schema.spec(key.kind)?;
        let said = spec
            .get(PREVIOUS_NAME)
            .filter(|_| table.directives.contains(&PREVIOUS_NAME))?;
        let place = origin.place(&FieldPath::top(PREVIOUS_NAME));
        let fault = match said {
            Value::Null => return None,
            Value::String(name) if name.trim().is_empty() => {
                Diagnostic::error("invalid_value", "`previous_name` is empty")
                    .help("write the old name, or drop the line")
            }
            Value::String(name) => {
                let name = self.schema.canonical_name(key.kind, name);
                if name != key.name() {
                    return Some(name);
                }
                let message = format!("`previous_name` is `{name}`, which is the name that it has");
                self.diagnostics.push(
                    Diagnostic::warning("same_previous_name", message)
                        .at(place)
                        .help("write the name that it had before, or drop the line"),
                );
                return None;
            }
            other => {
                let message = format!("`previous_name` must be a string, not {}", other.noun());
                Diagnostic::error("wrong_type", message).help("write the old name, in quotes if it looks like a number")
            }
        };
        self.fail(key.kind, Some(key.clone()), fault.at(place));
        None
    }

    /// Takes out documents that claim one previous name together, and those that claim a name which another document has: which
    /// of them is meant would be a guess.
    pub(super) fn settle_previous(&mut self, documents: &mut BTreeMap<Key, Document>) {
        let mut claims: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
        for (key, document) in documents.iter() {
            if let Some(previous) = &document.previous {
                claims.entry(key.sibling(previous)).or_default().push(key.clone());
            }
        }
        let mut out: Vec<(Key, Key, Diagnostic)> = Vec::new();
        for (from, by) in claims {
            let stands = documents.get(&from).filter(|other| other.previous.is_none());
            for key in &by {
                let fault = match (stands, by.iter().find(|other| *other != key)) {
                    (Some(other), _) => name_is_taken(&from, other),
                    (None, Some(other)) => {
                        let message = format!("`{other}` says that its previous name was `{}` too", from.name());
                        Diagnostic::error("duplicate_previous_name", message)
                            .help("one resource becomes one: keep `previous_name` in one of them; neither is planned")
                    }
                    (None, None) => continue,
                };
                out.push((key.clone(), from.clone(), fault));
            }
        }
        for (key, from, fault) in out {
            if let Some(document) = documents.remove(&key) {
                let place = document.origin.place(&FieldPath::top(PREVIOUS_NAME));
                self.fail(key.kind, Some(key), fault.at(place));
                // Where the rename has not been written yet, the old name is that of the other resource.
                documents.remove(&from);
                self.broken.push(Broken {
                    kind: Some(from.kind),
                    key: Some(from),
                });
            }
        }
    }
}

/// The fault of a document whose previous name, as `from`, is that of `other`.
pub(crate) fn name_is_taken(from: &Key, other: &Document) -> Diagnostic {
    let message = format!(
        "`{from}` is declared still, in {}: it cannot have become this",
        other.origin.file()
    );
    Diagnostic::error("declared_previous_name", message).help(
        "remove that document if it was renamed to this one; drop `previous_name` if both are meant; \
             neither is planned",
    )
}
