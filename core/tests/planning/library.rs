//! A platform small enough to read: vaults hold shelves, notes lie in vaults and may point at shelves. Beside them lie lamps, which
//! several share a file and are written as a set, licences, which can be created and nothing else, and rules, which a person writes.

use std::sync::Arc;

use driftless_core::diagnostic::Diagnostic;
use driftless_core::document::{PREVIOUS_NAME, PROTECT, Reference, Strength};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind, RemoteId, Revision};
use driftless_core::plan::Operation;
use driftless_core::schema::{
    Archiving, Default, Draft, FieldFault, Granularity, KindSpec, Location, Needed, Schema, Side, Substitution, Writing,
};
use driftless_core::snapshot::{Authorship, LiveResource, Presence};
use driftless_core::tree::{Content, File, Refusal, Tree};
use driftless_core::value::{Map, Value};
use driftless_core::yaml;

pub(crate) const VAULT: Kind = Kind("vault");
pub(crate) const SHELF: Kind = Kind("shelf");
pub(crate) const NOTE: Kind = Kind("note");
pub(crate) const LICENCE: Kind = Kind("licence");
pub(crate) const RULE: Kind = Kind("rule");
pub(crate) const LAMP: Kind = Kind("lamp");

const PLAIN: KindSpec = KindSpec {
    kind: VAULT,
    include: "vaults",
    parents: &[],
    secrets: &[],
    immutable: &[],
    volatile: &["updated"],
    owned_whole: &["properties"],
    sets: &["tags", "properties.list"],
    names: &["tags"],
    aliases: &[("global_tags", "tags")],
    trimmed: &["filter"],
    defaults: &[],
    linked: &[],
    vault: None,
    substitution: Substitution::Scalars,
    granularity: Granularity::Each,
    archiving: Archiving::Impossible,
    writing: Writing::Whole,
    directives: &[PREVIOUS_NAME, PROTECT],
};

const KINDS: &[KindSpec] = &[
    KindSpec {
        secrets: &["password"],
        immutable: &["engine"],
        linked: &[("mirror", "link_mirror")],
        vault: Some("keeper"),
        ..PLAIN
    },
    KindSpec {
        kind: SHELF,
        include: "shelves",
        parents: &[VAULT],
        defaults: &[("width", Default::Int(10))],
        ..PLAIN
    },
    KindSpec {
        kind: NOTE,
        include: "notes",
        parents: &[VAULT],
        substitution: Substitution::Off,
        immutable: &["ink"],
        archiving: Archiving::Possible,
        writing: Writing::Whole,
        ..PLAIN
    },
    KindSpec {
        kind: LICENCE,
        include: "licences",
        immutable: &["engine"],
        linked: &[("mirror", "link_mirror")],
        writing: Writing::Creation,
        ..PLAIN
    },
    KindSpec {
        kind: RULE,
        include: "rules",
        immutable: &["engine"],
        writing: Writing::ByHand,
        ..PLAIN
    },
    KindSpec {
        kind: LAMP,
        include: "lamps",
        secrets: &["password", "wiring.code"],
        granularity: Granularity::Set,
        ..PLAIN
    },
];

pub(crate) struct Library;

impl Schema for Library {
    fn platform(&self) -> &'static str {
        "library"
    }

    fn kinds(&self) -> &'static [KindSpec] {
        KINDS
    }

    fn locate(&self, path: &str) -> Location {
        let parts: Vec<&str> = path.split('/').collect();
        let document = |kind, parents: &[&str], names_folder: Option<&str>| Location::Document {
            kind,
            parents: parents.iter().map(|p| (*p).to_owned()).collect(),
            names_folder: names_folder.map(str::to_owned),
        };
        match parts.as_slice() {
            [.., name] if name.ends_with(".yml") => Location::Misplaced {
                help: "rename it".into(),
            },
            ["vaults", vault, "_vault.yaml"] => document(VAULT, &[], Some(vault)),
            ["vaults", vault, "shelves", _] => document(SHELF, &[vault], None),
            ["vaults", vault, "notes", _] => document(NOTE, &[vault], None),
            ["licences", _] => document(LICENCE, &[], None),
            ["rules", _] => document(RULE, &[], None),
            ["lamps", .., _] => Location::Collection {
                kind: LAMP,
                field: "lamps",
                identity: "slug",
            },
            _ => Location::Ignored,
        }
    }

    fn slug(&self, name: &str) -> String {
        name.to_lowercase().replace(' ', "_")
    }

    fn identity(&self, kind: Kind, spec: &Map) -> Result<String, Box<FieldFault>> {
        let field = self.identity_fields(kind)[0];
        match spec.get(field) {
            Some(Value::String(name)) if !name.contains(' ') || kind != LAMP => Ok(name.clone()),
            _ => {
                let diagnostic = Diagnostic::error("missing_name", format!("a {kind} needs a `{field}`"));
                Err(Box::new(FieldFault {
                    at: FieldPath::top(field),
                    diagnostic,
                }))
            }
        }
    }

    fn identity_fields(&self, kind: Kind) -> &'static [&'static str] {
        if kind == LAMP { &["slug"] } else { &["name"] }
    }

    fn name_field(&self, kind: Kind) -> FieldPath {
        FieldPath::top(self.identity_fields(kind)[0])
    }

    fn canonical(&self, _: Kind, _: Side, _: &mut Map) {}

    /// A colour has two spellings.
    fn meaning(&self, _: Kind, spec: &mut Map) {
        if let Some(colour @ Value::String(_)) = spec.get_mut("colour")
            && colour.as_str() == Some("gray")
        {
            *colour = Value::from("grey");
        }
    }

    fn references(&self, key: &Key, spec: &Map) -> Vec<Reference> {
        let mut references = Vec::new();
        let mut refer = |at: &str, to: Key, strength| {
            references.push(Reference {
                at: FieldPath::top(at),
                to,
                strength,
            });
        };
        if let [vault, _] = key.path() {
            refer("name", Key::new(VAULT, [vault]), Strength::Before);
            if let Some(shelf) = spec.get("shelf").and_then(Value::as_str) {
                refer("shelf", Key::new(SHELF, [vault.as_str(), shelf]), Strength::Before);
            }
        }
        for (field, kind) in [("licence", LICENCE), ("rule", RULE)] {
            if let Some(name) = spec.get(field).and_then(Value::as_str).filter(|_| key.kind == LAMP) {
                refer(field, Key::new(kind, [name]), Strength::Before);
            }
        }
        if let Some(mirror) = spec.get("mirror").and_then(Value::as_str) {
            refer("mirror", Key::new(VAULT, [mirror]), Strength::Link);
        }
        references
    }

    /// A note is kept for its shelf.
    fn watches(&self, key: &Key, spec: &Map) -> Option<Key> {
        let shelf = spec.get("shelf")?.as_str()?;
        (key.kind == NOTE).then(|| Key::new(SHELF, [key.path()[0].as_str(), shelf]))
    }

    fn is_found_without_case(&self, kind: Kind) -> bool {
        kind != NOTE
    }

    fn readdress(&self, key: &Key, spec: &mut Map, to: &dyn Fn(&Key) -> Option<Key>) {
        for (field, kind) in [("shelf", SHELF), ("mirror", VAULT)] {
            let Some(name) = spec.get(field).and_then(Value::as_str) else {
                continue;
            };
            let parents = key.path()[..1].iter().filter(|_| kind == SHELF);
            let old = Key::new(kind, parents.cloned().chain([name.to_owned()]));
            if let Some(new) = to(&old) {
                spec.insert(field.to_owned(), Value::from(new.name()));
            }
        }
    }

    /// A note that is called after its shelf is called otherwise with it.
    fn former_name(&self, key: &Key, spec: &Map, former: &dyn Fn(&Key) -> Option<Key>) -> Option<String> {
        let shelf = spec.get("shelf")?.as_str()?;
        let old = former(&Key::new(SHELF, [key.path()[0].as_str(), shelf]))?;
        let rest = key.name().strip_prefix(shelf).filter(|_| key.kind == NOTE)?;
        Some(format!("{}{rest}", old.name()))
    }

    fn check(&self, _: &Key, spec: &Map) -> Vec<FieldFault> {
        let fault = |at: &str, diagnostic| FieldFault {
            at: FieldPath::top(at),
            diagnostic,
        };
        spec.get("colour")
            .filter(|colour| colour.as_str() == Some("invisible"))
            .map(|_| fault("colour", Diagnostic::error("bad_colour", "no such colour")))
            .into_iter()
            .collect()
    }

    fn likeness(&self, kind: Kind, spec: &Map) -> Option<String> {
        (kind == NOTE).then(|| format!("{:?}", spec.get("text")))
    }

    /// New vaults have their own shelves looked up when something lies on a shelf that nobody declared.
    fn operations(&self, draft: &Draft<'_>) -> Vec<Needed> {
        let mut needed: Vec<Needed> = Vec::new();
        for (document, reference) in draft
            .unsatisfied
            .iter()
            .filter(|(_, reference)| reference.to.kind == SHELF)
        {
            let vault = Key::new(VAULT, [reference.to.path()[0].clone()]);
            match needed.iter_mut().find(|needed| needed.operation.subject == vault) {
                Some(needed) => needed.before.push(document.key.clone()),
                None => needed.push(Needed {
                    operation: Operation {
                        name: "look",
                        subject: vault.clone(),
                        arguments: Map::new(),
                        reason: "a shelf is not known".into(),
                    },
                    after: vec![vault],
                    before: vec![document.key.clone()],
                }),
            }
        }
        needed
    }
}

pub(crate) fn key(text: &str) -> Key {
    Library.key(text).expect("a key of the library")
}

/// What stands for a submodule among the texts of files.
pub(crate) const SUBMODULE: &str = "(a submodule)";

pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
    let mut files: Vec<File> = files
        .iter()
        .map(|(path, text)| File {
            path: (*path).into(),
            content: match *text {
                SUBMODULE => Content::Refused(Refusal::Submodule),
                text => Content::Yaml(Arc::new(yaml::parse(text.as_bytes()))),
            },
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Tree {
        revision: Revision("r1".into()),
        files,
    }
}

pub(crate) fn live(id: i64, yaml_text: &str, kind: Kind) -> LiveResource {
    let value = yaml::parse(yaml_text.as_bytes()).root.map(|root| root.to_value());
    let spec = match value {
        Some(Value::Map(map)) => driftless_core::normalize::normalize(&Library, kind, Side::Live, map),
        _ => Map::new(),
    };
    LiveResource {
        id: RemoteId(id),
        spec,
        base: None,
        presence: Presence::Active,
        authorship: Authorship::Authored,
        unread: Vec::new(),
        edited: None,
    }
}
