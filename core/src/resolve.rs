//! Makes keys final once both sides are known: old names give way to new ones, folders' slugs become names, and live
//! resources without an identity are matched with the documents that mean them.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Addresses;
use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::schema::{KindSpec, Schema};
use crate::sides::Sides;
use crate::snapshot::{Broken, Desired, Live, LiveResource, Presence};

/// Documents with final keys.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) documents: BTreeMap<Key, Document>,
    /// Documents whose name several live ones could be, spelled otherwise.
    pub(crate) ambiguous: Vec<Key>,
    pub(crate) broken: Vec<Broken>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Makes keys final, and puts `sides` under the names that Git gives now.
pub(crate) fn resolve(desired: Desired, sides: &mut Sides<'_>, schema: &dyn Schema) -> Resolved {
    let mut resolved = Resolved {
        documents: desired.documents,
        broken: desired.broken,
        ..Resolved::default()
    };
    let kinds = |is_top: fn(&KindSpec) -> bool| schema.kinds().iter().filter(move |spec| is_top(spec));
    // Folders are known below parents that have their final names.
    for spec in kinds(|spec| spec.parents.is_empty()) {
        resolved.rename(spec.kind, sides, schema);
        resolved.respell(spec.kind, &sides.live, schema);
    }
    resolved.name_folders(&sides.live, schema);
    for spec in schema.kinds() {
        if !spec.parents.is_empty() {
            resolved.rename(spec.kind, sides, schema);
        }
        resolved.respell(spec.kind, &sides.live, schema);
    }
    resolved
}

/// The key of a document with every folder's slug replaced by the one name that has it: declared first, then live, then named
/// by other documents.
fn final_key(
    document: &Document,
    declared: &BTreeSet<Key>,
    named: &BTreeSet<Key>,
    live: &Live,
    schema: &dyn Schema,
) -> Result<Key, Box<Diagnostic>> {
    let mut path = document.key.path().to_vec();
    for by_slug in &document.by_slug {
        let Some((slug, above)) = path.get(..=by_slug.segment).and_then(<[String]>::split_last) else {
            continue;
        };
        let called = |keys: &mut dyn Iterator<Item = &Key>| -> BTreeSet<String> {
            keys.filter(|key| key.kind == by_slug.kind && key.path().split_last().is_some_and(|(_, p)| p == above))
                .map(Key::name)
                .filter(|name| schema.slug(name) == *slug)
                .map(str::to_owned)
                .collect()
        };
        let mut names = called(&mut declared.iter());
        if names.is_empty() {
            names = called(&mut live.resources.keys().chain(live.discovered.keys()));
        }
        if names.is_empty() {
            names = called(&mut named.iter());
        }
        let kind = by_slug.kind;
        let name = match (names.len(), names.pop_first()) {
            (1, Some(name)) => name,
            // Below a parent that does not exist yet, or whose content is yet to be discovered, nothing can be known: the name
            // is taken to be the folder's, and the step fails, without having written, where that turns out to be wrong.
            (0, None)
                if !above.is_empty()
                    && (!exists(live, schema, kind, above) || is_barren(live, schema, kind, above)) =>
            {
                slug.clone()
            }
            (0, _) => {
                let message = format!("no {kind} is called what the folder `{slug}` stands for");
                let help = format!("add the {kind}'s own document to the folder, or correct the folder's name");
                return Err(fault(document, message, help));
            }
            (_, first) => {
                let names = first.into_iter().chain(names).collect::<Vec<_>>().join("`, `");
                let message = format!("the folder `{slug}` stands for several of kind {kind}: `{names}`");
                let help = format!("add the {kind}'s own document to the folder: its `name` tells which is meant");
                return Err(fault(document, message, help));
            }
        };
        path[by_slug.segment] = name;
    }
    Ok(Key::new(document.key.kind, path))
}

fn fault(document: &Document, message: String, help: String) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error("unknown_folder", message)
            .at(document.origin.start())
            .help(help),
    )
}

/// Whether the parent (of something of `kind`) with the names `path` is live, or hidden by a gap.
fn exists(live: &Live, schema: &dyn Schema, kind: Kind, path: &[String]) -> bool {
    let key = parent(schema, kind, path);
    live.has(&key) || live.gap(&key).is_some()
}

/// Whether that parent shows nothing yet, of any kind.
fn is_barren(live: &Live, schema: &dyn Schema, kind: Kind, path: &[String]) -> bool {
    let key = parent(schema, kind, path);
    live.barren().any(|barren| *barren == key)
}

fn parent(schema: &dyn Schema, kind: Kind, path: &[String]) -> Key {
    let parent = schema
        .spec(kind)
        .and_then(|spec| spec.parents.last().copied())
        .unwrap_or(kind);
    Key::new(parent, path.to_vec())
}

impl Resolved {
    fn rename(&mut self, kind: Kind, sides: &mut Sides<'_>, schema: &dyn Schema) {
        let renames = crate::rename::find(kind, &self.documents, &sides.live, sides.ledger.as_deref(), schema);
        for (key, from) in &renames.refused {
            self.documents.remove(key);
            self.documents.remove(from);
            self.broken.extend([key, from].map(broken));
        }
        self.broken.extend(renames.unsure.iter().map(broken));
        sides.rename(kind, &renames, schema);
        self.diagnostics.extend(renames.diagnostics);
    }

    fn respell(&mut self, kind: Kind, live: &Live, schema: &dyn Schema) {
        let spellings = crate::spelling::find(kind, &self.documents, live, schema);
        for diagnostic in spellings.diagnostics {
            if !self.diagnostics.contains(&diagnostic) {
                self.diagnostics.push(diagnostic);
            }
        }
        for key in spellings.ambiguous {
            if !self.ambiguous.contains(&key) {
                self.ambiguous.push(key);
            }
        }
        if spellings.live.is_empty() {
            return;
        }
        let addresses = Addresses::new(kind, &spellings.live);
        let documents = std::mem::take(&mut self.documents);
        for document in crate::spelling::respell(documents, &addresses, kind, schema) {
            self.put(document);
        }
    }

    /// Puts names in the place of folders' slugs.
    fn name_folders(&mut self, live: &Live, schema: &dyn Schema) {
        let documents = std::mem::take(&mut self.documents);
        let by_name = || documents.values().filter(|document| document.by_slug.is_empty());
        let declared: BTreeSet<Key> = by_name().map(|document| document.key.clone()).collect();
        // What documents call by name exists or will: a check names its table even where only a sync will discover it.
        let named: BTreeSet<Key> = by_name()
            .flat_map(|document| &document.references)
            .map(|reference| reference.to.clone())
            .collect();
        for document in documents.into_values() {
            match final_key(&document, &declared, &named, live, schema) {
                Ok(key) if key == document.key => self.put(Document {
                    by_slug: Vec::new(),
                    ..document
                }),
                Ok(key) => {
                    let references = schema.references(&key, &document.spec);
                    self.put(Document {
                        key,
                        references,
                        by_slug: Vec::new(),
                        ..document
                    });
                }
                Err(diagnostic) => {
                    self.broken.push(Broken {
                        key: None,
                        kind: Some(document.key.kind),
                    });
                    self.diagnostics.push(*diagnostic);
                }
            }
        }
    }

    fn put(&mut self, document: Document) {
        if let Some(other) = self.documents.get(&document.key) {
            let message = format!(
                "`{}` is declared more than once: also in {}",
                document.key,
                other.origin.file()
            );
            let help = "keep one of them; none of them is used";
            self.diagnostics.push(
                Diagnostic::error("duplicate_identity", message)
                    .at(document.origin.start())
                    .help(help),
            );
            self.broken.push(broken(&document.key));
            self.documents.remove(&document.key);
        } else {
            self.documents.insert(document.key.clone(), document);
        }
    }
}

fn broken(key: &Key) -> Broken {
    Broken {
        key: Some(key.clone()),
        kind: Some(key.kind),
    }
}

/// What is live of each document.
#[derive(Debug, Default)]
pub(crate) struct Matched<'a> {
    /// The live resource of each document that has one.
    pub(crate) matches: BTreeMap<Key, &'a LiveResource>,
    /// Documents that several live resources could be, or the reverse.
    pub(crate) ambiguous: Vec<Key>,
    /// Live resources without identity that no document means.
    pub(crate) unidentified: Vec<&'a Key>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// What two resources without a common identity must have in common: kind, parents, and the schema's likeness.
type Likeness<'a> = (Kind, &'a [String], String);

/// Matches documents with what is live: by key, and where that has none, by likeness.
pub(crate) fn match_live<'a>(documents: &BTreeMap<Key, Document>, live: &'a Live, schema: &dyn Schema) -> Matched<'a> {
    let mut matched = Matched::default();
    let mut wanted: BTreeMap<Likeness<'_>, Vec<&Key>> = BTreeMap::new();
    for (key, document) in documents {
        match live.resources.get(key) {
            Some(resource) => {
                matched.matches.insert(key.clone(), resource);
            }
            None if live.unidentified.is_empty() => {}
            None => {
                if let Some(likeness) = schema.likeness(key.kind, &document.spec) {
                    wanted.entry((key.kind, key.parents(), likeness)).or_default().push(key);
                }
            }
        }
    }
    let mut candidates: BTreeMap<Likeness<'a>, Vec<(&'a Key, &'a LiveResource)>> = BTreeMap::new();
    for (key, resource) in &live.unidentified {
        match schema.likeness(key.kind, &resource.spec) {
            Some(likeness) => {
                candidates
                    .entry((key.kind, key.parents(), likeness))
                    .or_default()
                    .push((key, resource));
            }
            None => matched.unidentified.push(key),
        }
    }
    for (likeness, mut found) in candidates {
        // What was put away is no rival of what is in use.
        if found
            .iter()
            .any(|(_, resource)| resource.presence != Presence::Archived)
        {
            found.retain(|(_, resource)| resource.presence != Presence::Archived);
        }
        match (wanted.get(&likeness).map_or(&[][..], Vec::as_slice), found.as_slice()) {
            ([key], [(_, resource)]) => {
                matched.matches.insert((*key).clone(), resource);
            }
            ([], found) => matched.unidentified.extend(found.iter().map(|(key, _)| *key)),
            (keys, _) => matched.ambiguous.extend(keys.iter().map(|key| (*key).clone())),
        }
    }
    matched.unidentified.sort();
    matched.ambiguous.sort();
    let field = FieldPath::top("name");
    for document in matched.ambiguous.iter().filter_map(|key| documents.get(key)) {
        let message = format!("several live resources look like `{}`: none is adopted", document.key);
        let help = "remove the duplicates on the platform, or make the documents differ";
        let place = document.origin.place(&field);
        matched
            .diagnostics
            .push(Diagnostic::warning("ambiguous_adoption", message).at(place).help(help));
    }
    matched
}
