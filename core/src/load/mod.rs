//! Files become documents: located, identified, merged over their overlays, substituted, normalised, checked. Faults are
//! collected; a file that has one is left out, and nothing of it is ever called removed.

mod apart;
mod collection;
mod declared;
mod excerpt;
mod finish;
mod leaf;
mod limit;
mod lost;
mod merge;
pub mod named;
mod previous;
mod protection;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::document::{BySlug, Document, Origin};
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::overlay;
use crate::schema::{Location, Schema};
use crate::snapshot::{Broken, Desired};
use crate::substitute::Variables;
use crate::tree::{Content, File, Refusal, Tree};
use crate::value::{Map, Value};
use crate::yaml::Parsed;
use collection::{Shape, Unread};
pub use declared::{Declared, declared};
pub(crate) use excerpt::show_lines;
use lost::Lost;
pub(crate) use previous::name_is_taken;

/// The folders of an environment within its source; `""` is the root.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// The base.
    pub base: &'a str,
    /// Folders of the same layout, each laid over what came before it.
    pub overlays: &'a [String],
}

/// What the files say, and what is wrong with them.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The documents without fault.
    pub desired: Desired,
    /// All faults and warnings, by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the documents of an environment. Equal inputs give equal results.
pub fn load(tree: &Tree, layers: &Layers<'_>, variables: &Variables, left_out: &[Kind], schema: &dyn Schema) -> Loaded {
    let mut loader = Loader::new(schema, variables, left_out);
    loader.has_overlays = !layers.overlays.is_empty();
    loader.sensitive_uses = named::secret_variables(tree, layers, variables, schema);
    let mut documents: BTreeMap<Key, Raw> = BTreeMap::new();
    let folders = std::iter::once(layers.base).chain(layers.overlays.iter().map(String::as_str));
    for (depth, folder) in folders.enumerate() {
        let layer = if depth == 0 { Layer::Base } else { Layer::Overlay };
        let raws = loader.layer(tree, folder, layer);
        if layer == Layer::Base && raws.is_empty() && loader.broken.is_empty() {
            let shown = if folder.is_empty() {
                "the root of the source"
            } else {
                folder
            };
            loader.diagnostics.push(
                Diagnostic::error("empty_folder", format!("no document in {shown}"))
                    .help("check the environment's `path`; an empty folder removes nothing"),
            );
        }
        loader.merge(&mut documents, raws, layer);
    }
    loader.hold_back(&mut documents);
    let mut documents: BTreeMap<Key, Document> = documents
        .into_values()
        .filter_map(|raw| loader.finish(raw))
        .map(|doc| (doc.key.clone(), doc))
        .collect();
    loader.settle_previous(&mut documents);
    let Loader {
        mut diagnostics,
        broken,
        misplaced,
        ..
    } = loader;
    diagnostics.sort();
    diagnostics.dedup();
    let mut diagnostics = limit::limited(diagnostics);
    show_lines(&mut diagnostics, tree, layers, schema);
    let left_out = left_out.to_vec();
    Loaded {
        desired: Desired {
            revision: tree.revision.clone(),
            documents,
            left_out,
            broken,
            misplaced,
        },
        diagnostics,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Base,
    Overlay,
}

/// A document before its overlays are merged.
#[derive(Clone)]
struct Raw {
    key: Key,
    /// Whether no layer below an overlay declares it.
    overlay_alone: bool,
    by_slug: Vec<BySlug>,
    spec: Map,
    origin: Origin,
}

/// A document of which the identity is not known yet.
struct Located<'a> {
    file: &'a File,
    /// Its path within the layer; of an entry of a collection, with its key.
    path: String,
    parsed: &'a Arc<Parsed>,
    kind: Kind,
    parents: Vec<String>,
    names_folder: Option<String>,
    spec: Map,
    /// The entry of the text that it is, where it is one.
    within: Option<[usize; 2]>,
}

impl Located<'_> {
    fn origin(&self) -> Origin {
        Origin::within(self.file.path.clone(), self.parsed.clone(), self.within)
    }
}

struct Loader<'a> {
    schema: &'a dyn Schema,
    variables: &'a Variables,
    left_out: &'a [Kind],
    diagnostics: Vec<Diagnostic>,
    broken: Vec<Broken>,
    misplaced: Vec<Place>,
    /// Names of folders: the slugs from the outermost parent down to the folder itself.
    names: BTreeMap<(Kind, Vec<String>), String>,
    /// Names of documents by their path within the layer: an overlay's file may leave its identity to the base's.
    by_path: BTreeMap<String, String>,
    /// Keys of documents by their path within the layer.
    keys: BTreeMap<String, Key>,
    /// Files that hold a document of ours of which nothing could be told.
    lost: Vec<Lost>,
    /// What stands in an overlay in the place of a folder of ours, and is none: its path within the layer.
    lost_folders: Vec<String>,
    /// What is not known of collections, since files or entries of theirs could not be read.
    unread: Unread,
    /// Variables that stand in a secret field somewhere.
    sensitive_uses: BTreeSet<String>,
    /// Whether an overlay may have the last word on a document.
    has_overlays: bool,
}

impl<'a> Loader<'a> {
    fn new(schema: &'a dyn Schema, variables: &'a Variables, left_out: &'a [Kind]) -> Self {
        Self {
            schema,
            variables,
            left_out,
            diagnostics: Vec::new(),
            broken: Vec::new(),
            misplaced: Vec::new(),
            names: BTreeMap::new(),
            by_path: BTreeMap::new(),
            keys: BTreeMap::new(),
            lost: Vec::new(),
            lost_folders: Vec::new(),
            unread: Unread::default(),
            sensitive_uses: BTreeSet::new(),
            has_overlays: false,
        }
    }
}

impl Loader<'_> {
    fn layer(&mut self, tree: &Tree, folder: &str, layer: Layer) -> Vec<Raw> {
        let mut located = Vec::new();
        for file in &tree.files {
            if let Some(path) = within(&file.path, folder) {
                match Shape::of(self.schema.locate(path)) {
                    Ok(shape) => located.extend(self.collection(file, path, shape, layer)),
                    Err(location) => located.extend(self.locate(file, path, location, layer)),
                }
            }
        }
        let mut identified = Vec::new();
        for mut document in located {
            if let Some(name) = self.identify(&mut document, layer) {
                if let Some(slug) = &document.names_folder {
                    let mut slugs = document.parents.clone();
                    slugs.push(slug.clone());
                    self.names.insert((document.kind, slugs), name.clone());
                }
                identified.push((document, name));
            } else if document.within.is_some() {
                self.lose_collection(document.file, &document.path, document.kind, layer);
            } else {
                self.lost.push(Lost {
                    layer,
                    file: document.file.path.clone(),
                    path: document.path,
                    kind: document.kind,
                    parents: document.parents,
                });
            }
        }
        identified
            .into_iter()
            .map(|(document, name)| self.address(document, name))
            .collect()
    }

    fn locate<'f>(&mut self, file: &'f File, path: &str, location: Location, layer: Layer) -> Option<Located<'f>> {
        // Either may be a folder; what else is refused is a file.
        if let Content::Refused(refusal @ (Refusal::Symlink | Refusal::Submodule)) = &file.content
            && !matches!(location, Location::Document { .. })
            && self.may_hold(path)
        {
            self.lose_folder(file, path, layer, *refusal);
            return None;
        }
        let (kind, parents, names_folder) = match location {
            Location::Document {
                kind,
                parents,
                names_folder,
            } => (kind, parents, names_folder),
            Location::Ignored | Location::Collection { .. } => return None,
            Location::Misplaced { help } => {
                let fault = Diagnostic::warning("misplaced_file", "this file is not read").help(help);
                self.diagnostics.push(fault.at(start(file)));
                self.misplaced.push(start(file));
                return None;
            }
        };
        if self.left_out.contains(&kind) {
            return None;
        }
        // What an unreadable file is laid under has no meaning of its own, and a second fault would only hide the first.
        if self.lost.iter().any(|lost| lost.path == path) {
            self.broken.push(Broken {
                key: None,
                kind: Some(kind),
            });
            return None;
        }
        let Some((parsed, spec)) = self.content(file, kind) else {
            self.lost.push(Lost {
                layer,
                file: file.path.clone(),
                path: path.to_owned(),
                kind,
                parents,
            });
            return None;
        };
        Some(Located {
            file,
            path: path.to_owned(),
            parsed,
            kind,
            parents,
            names_folder,
            spec,
            within: None,
        })
    }

    /// The text of a file of `kind`; its faults are told.
    fn text<'f>(&mut self, file: &'f File, kind: Kind) -> Option<&'f Arc<Parsed>> {
        let parsed = match &file.content {
            Content::Yaml(parsed) => parsed,
            Content::Refused(refusal) => {
                let (code, message, help) = refused(*refusal);
                self.fail(kind, None, Diagnostic::error(code, message).at(start(file)).help(help));
                return None;
            }
        };
        for fault in &parsed.faults {
            let place = Place {
                file: file.path.clone(),
                line: fault.at.line,
                column: fault.at.column,
            };
            self.diagnostics.push(Diagnostic {
                place: Some(place),
                severity: fault.severity,
                code: fault.code,
                message: fault.message.clone(),
                help: fault.help.clone(),
                excerpt: None,
            });
        }
        if parsed.faults.iter().any(|fault| fault.severity == Severity::Error) {
            self.broken.push(Broken {
                key: None,
                kind: Some(kind),
            });
            return None;
        }
        Some(parsed)
    }

    /// What a file of `kind` holds; its faults are told.
    fn content<'f>(&mut self, file: &'f File, kind: Kind) -> Option<(&'f Arc<Parsed>, Map)> {
        let place = start(file);
        let parsed = self.text(file, kind)?;
        let spec = match parsed.root.as_ref().map(crate::yaml::Node::to_value) {
            Some(Value::Map(map)) => map,
            Some(other) => {
                let message = format!("a {kind} document is a map, this is {}", other.noun());
                let fault = Diagnostic::error("not_a_map", message)
                    .at(place)
                    .help("write `field: value` lines");
                self.fail(kind, None, fault);
                return None;
            }
            None => {
                let fault = Diagnostic::error("empty_document", "the file holds no document").at(place);
                self.fail(kind, None, fault.help("write the resource, or delete the file"));
                return None;
            }
        };
        let deletions = bad_deletions(&spec, &Origin::new(file.path.clone(), parsed.clone()));
        if deletions.is_empty() {
            return Some((parsed, spec));
        }
        deletions.into_iter().for_each(|fault| self.fail(kind, None, fault));
        None
    }

    /// The document's own name, its identity fields substituted.
    fn identify(&mut self, document: &mut Located<'_>, layer: Layer) -> Option<String> {
        let origin = document.origin();
        let faults = self.substitute_identity(document.kind, &mut document.spec, &origin);
        if !faults.is_empty() {
            self.diagnostics.extend(faults);
            self.broken.push(Broken {
                key: None,
                kind: Some(document.kind),
            });
            return None;
        }
        let known = self
            .by_path
            .get(&document.path)
            .filter(|_| layer == Layer::Overlay)
            .cloned();
        match self.schema.identity(document.kind, &document.spec) {
            // An overlay's file at a base file's path is that resource, unless it says another identity itself.
            Ok(name) if known.is_none() || self.says_identity(document) => {
                self.by_path.insert(document.path.clone(), name.clone());
                Some(name)
            }
            Ok(name) => Some(known.unwrap_or(name)),
            Err(_) if known.is_some() => known,
            Err(fault) => {
                let diagnostic = fault.diagnostic.clone().at(origin.place(&fault.at));
                self.fail(document.kind, None, diagnostic);
                let raw = Raw {
                    key: Key::new(document.kind, document.parents.clone()),
                    overlay_alone: false,
                    by_slug: Vec::new(),
                    spec: document.spec.clone(),
                    origin,
                };
                self.tell_rest(raw, layer);
                None
            }
        }
    }

    fn says_identity(&self, document: &Located<'_>) -> bool {
        self.schema.identity_fields(document.kind).iter().any(|field| {
            FieldPath::dotted(field)
                .get(&document.spec)
                .is_some_and(|value| !value.is_null())
        })
    }

    /// The names of the parents whose folders have these slugs, and which of them are slugs still.
    fn parent_names(&self, of: Kind, folders: &[String]) -> (Vec<String>, Vec<BySlug>) {
        let kinds = self.schema.spec(of).map_or(&[][..], |spec| spec.parents);
        let mut by_slug = Vec::new();
        let mut path = Vec::new();
        for (segment, (kind, slug)) in kinds.iter().zip(folders).enumerate() {
            let slugs = folders.get(..=segment).unwrap_or_default().to_vec();
            match self.names.get(&(*kind, slugs)) {
                Some(name) => path.push(name.clone()),
                None => {
                    by_slug.push(BySlug { kind: *kind, segment });
                    path.push(slug.clone());
                }
            }
        }
        (path, by_slug)
    }

    /// Puts a document's key together from the names of its folders.
    fn address(&mut self, document: Located<'_>, name: String) -> Raw {
        let (mut path, by_slug) = self.parent_names(document.kind, &document.parents);
        path.push(name);
        let key = Key::new(document.kind, path);
        let origin = document.origin();
        self.keys.entry(document.path).or_insert_with(|| key.clone());
        Raw {
            key,
            overlay_alone: false,
            by_slug,
            spec: document.spec,
            origin,
        }
    }

    fn fail(&mut self, kind: Kind, key: Option<Key>, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
        self.broken.push(Broken { key, kind: Some(kind) });
    }
}

/// Every `$delete` of a document that does not say what it means.
fn bad_deletions(spec: &Map, origin: &Origin) -> Vec<Diagnostic> {
    let faults = overlay::faults(spec).into_iter();
    let told = faults.map(|(at, fault)| {
        let (message, help) = fault.explain();
        Diagnostic::error("bad_deletion", message)
            .at(origin.place(&at))
            .help(help)
    });
    told.collect()
}

/// Where a file begins.
fn start(file: &File) -> Place {
    Place {
        file: file.path.clone(),
        line: 1,
        column: 1,
    }
}

/// The part of `path` below `folder`.
fn within<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        Some(path)
    } else {
        path.strip_prefix(folder)?.strip_prefix('/')
    }
}

fn refused(refusal: Refusal) -> (&'static str, String, &'static str) {
    match refusal {
        Refusal::Symlink => (
            "symlink",
            "a symbolic link is never followed".to_owned(),
            "put the file itself here; what a link points at may be outside of the repository",
        ),
        Refusal::Submodule => (
            "submodule",
            "a submodule is not supported".to_owned(),
            "put its files into this repository",
        ),
        Refusal::LfsPointer => (
            "lfs_pointer",
            "this is a pointer of Git LFS, not content".to_owned(),
            "store the file in Git itself: configuration is small",
        ),
        Refusal::TooLarge { bytes } => (
            "file_too_large",
            format!("the file has {bytes} bytes; a document may have 1 MiB"),
            "one resource is one small file: is this data in the wrong folder?",
        ),
    }
}
