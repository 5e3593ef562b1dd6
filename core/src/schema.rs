//! What a platform knows without IO: its kinds as a table, and the few rules that no table can say.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::document::{Document, Reference};
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::plan::Operation;
use crate::value::{Map, Value};

/// Which side of the comparison a document is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From Git.
    Desired,
    /// From the platform.
    Live,
}

/// One kind of a platform: a table entry.
#[derive(Clone, Copy, Debug)]
pub struct KindSpec {
    /// Its name, singular: `check`.
    pub kind: Kind,
    /// Its word in `--include` lists: `checks`.
    pub include: &'static str,
    /// The kinds of its parents, outermost first: they are the first names of its key.
    pub parents: &'static [Kind],
    /// Fields (dotted) that the platform never returns, or that must never be shown.
    pub secrets: &'static [&'static str],
    /// Fields (dotted) that cannot be changed in place: a change of them is a replacement.
    pub immutable: &'static [&'static str],
    /// Fields (dotted) that move by themselves or are derived: never compared nor sent, even where a file has them.
    pub volatile: &'static [&'static str],
    /// Maps (top-level) whose keys are all owned by Git once it names the field: a key that only live has is a difference.
    pub owned_whole: &'static [&'static str],
    /// Lists (dotted) whose order means nothing: compared as sets, written as Git has them.
    pub sets: &'static [&'static str],
    /// Lists of objects or names (top-level) that mean their names.
    pub names: &'static [&'static str],
    /// Other spellings of a top-level field: `(spelling, field)`.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Texts (dotted) that are compared without outer white space, and written with it.
    pub trimmed: &'static [&'static str],
    /// Values (dotted) that mean the same as an absent field.
    pub defaults: &'static [(&'static str, Default)],
    /// Fields (top-level) that are written by an operation of their own: `(field, operation)`.
    pub linked: &'static [(&'static str, &'static str)],
    /// A top-level field whose presence reserves `${…}` outside of secret fields for the platform itself.
    pub vault: Option<&'static str>,
    /// Whether `${…}` is substituted in this kind's documents.
    pub substitution: Substitution,
    /// Whether resources of this kind are written one by one or all at once.
    pub granularity: Granularity,
    /// Whether the platform can put a resource of this kind away instead of deleting it.
    pub archiving: Archiving,
    /// What of a resource of this kind can be written through the platform's API.
    pub writing: Writing,
    /// Fields (top-level) that have no meaning for the platform and steer driftless: never compared nor sent.
    pub directives: &'static [&'static str],
}

impl KindSpec {
    /// Whether `spec` has what reserves `${…}` outside of secret fields for the platform.
    pub fn leaves_to_vault(&self, spec: &Map) -> bool {
        self.vault
            .is_some_and(|field| spec.get(field).is_some_and(|value| !value.is_null()))
    }
}

/// A default of a table.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// A text.
    Text(&'static str),
    /// A truth.
    Truth(bool),
    /// An integer.
    Int(i64),
    /// Null.
    Null,
}

impl Default {
    /// The value it stands for.
    pub fn value(self) -> Value {
        match self {
            Default::Text(text) => Value::from(text),
            Default::Truth(truth) => Value::from(truth),
            Default::Int(int) => Value::from(int),
            Default::Null => Value::Null,
        }
    }
}

/// Whether variables are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substitution {
    /// On every scalar.
    Scalars,
    /// Nowhere: a `${` is text.
    Off,
}

/// How resources of a kind are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// One request a resource.
    Each,
    /// The whole kind at once.
    Set,
}

/// What of a resource can be written through a platform's API. What cannot is blocked (`manual_step`): a person does it on the
/// platform's own page, and once it is approved the step is carried out as a look whether it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// All of it.
    Whole,
    /// It can be created, and neither changed nor deleted.
    Creation,
    /// Nothing.
    ByHand,
}

/// Whether resources of a kind can be archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archiving {
    /// They can be put away and restored.
    Possible,
    /// They can only be deleted.
    Impossible,
}

/// What a path inside an environment's folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A document of `kind`.
    Document {
        /// Its kind.
        kind: Kind,
        /// The slugs of the folders of its parents, outermost first, in the order of [`KindSpec::parents`].
        parents: Vec<String>,
        /// The slug of the folder that this document itself names, where it names one.
        names_folder: Option<String>,
    },
    /// Several documents of `kind`, which lie in nothing: the map in `field` has one under each key.
    Collection {
        /// Their kind.
        kind: Kind,
        /// The top-level field that holds the map.
        field: &'static str,
        /// The field of a document that its key in the map becomes.
        identity: &'static str,
    },
    /// Nothing of ours.
    Ignored,
    /// Looks meant for us, but is not where it would be read.
    Misplaced {
        /// What to do about it.
        help: String,
    },
}

/// A field's fault without its place: the loader knows where the field stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field.
    pub at: FieldPath,
    /// What is wrong with it; its place is filled in by the loader.
    pub diagnostic: Diagnostic,
}

/// An operation that a plan needs, and the steps around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Needed {
    /// What to run.
    pub operation: Operation,
    /// Keys whose steps come first.
    pub after: Vec<Key>,
    /// Keys whose steps wait for it.
    pub before: Vec<Key>,
}

/// What the planner has decided so far: what operations are derived from.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// Documents that will be created.
    pub creates: Vec<&'a Document>,
    /// Documents that will be updated, with the fields that change.
    pub updates: Vec<(&'a Document, Vec<FieldPath>)>,
    /// References and mentions that neither a declared nor a live thing satisfies, by the document that has them.
    pub unsatisfied: Vec<(&'a Document, &'a Reference)>,
    /// Documents whose resources are live and stay as they are.
    pub settled: Vec<&'a Document>,
    /// Live resources below which nothing is: what the platform would discover there has not been, as far as can be seen.
    pub barren: Vec<&'a Key>,
}

/// What becomes of a resource when something that it has to do with is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond {
    /// It lies within it, and goes with it.
    Within,
    /// It is about it, stays, and is left without it.
    About,
    /// It needs it: as long as it stays, the other cannot go.
    Needs,
}

/// A platform without its IO. Kinds come in dependency order.
pub trait Schema: Send + Sync {
    /// The platform's name: `qualytics`.
    fn platform(&self) -> &'static str;

    /// The table of kinds, each after those it can refer to.
    fn kinds(&self) -> &'static [KindSpec];

    /// What a path (relative to the environment's folder, with `/`) holds.
    fn locate(&self, path: &str) -> Location;

    /// The file-name form of a name.
    fn slug(&self, name: &str) -> String;

    /// The document's own name: the last name of its key.
    ///
    /// # Errors
    /// A fault at the field that should hold it.
    fn identity(&self, kind: Kind, spec: &Map) -> Result<String, Box<FieldFault>>;

    /// The fields that [`Schema::identity`] reads: they are substituted before overlays are merged.
    fn identity_fields(&self, kind: Kind) -> &'static [&'static str];

    /// The field of a normalised document that holds its own name.
    fn name_field(&self, _kind: Kind) -> FieldPath {
        FieldPath::top("name")
    }

    /// The form in which the platform keeps a name of `kind`.
    fn canonical_name(&self, _kind: Kind, name: &str) -> String {
        name.to_owned()
    }

    /// Whether a name of `kind` that nothing has stands for the one that differs from it in case only.
    fn is_found_without_case(&self, _kind: Kind) -> bool {
        false
    }

    /// What the table cannot say of the names and places of fields, after the table was applied. What it leaves is kept, shown
    /// and written. Idempotent.
    fn canonical(&self, kind: Kind, side: Side, spec: &mut Map);

    /// What the table cannot say of the meaning of values, after the table was applied: spellings of one meaning become one. What
    /// it makes is compared and nothing else. Idempotent.
    fn meaning(&self, _kind: Kind, _spec: &mut Map) {}

    /// Says what is live of `key` the way `said` says the same, where the platform has two ways of saying it. What was read
    /// beside its document is so already; what has no document any more is not.
    fn align(&self, _key: &Key, _live: &mut Map, _said: &Map) {}

    /// What a document refers to; its parents included.
    fn references(&self, key: &Key, spec: &Map) -> Vec<Reference>;

    /// Faults of one document as it is written, of what normalisation takes away.
    fn check_written(&self, _kind: Kind, _spec: &Map) -> Vec<FieldFault> {
        Vec::new()
    }

    /// Faults that can be seen offline in several documents together, each at the document that has it.
    fn check_together(&self, _documents: &BTreeMap<Key, Document>) -> Vec<(Key, FieldFault)> {
        Vec::new()
    }

    /// What to do about two documents of one identity: `keep one of them`.
    fn distinct(&self, _kind: Kind) -> &'static str {
        "keep one of them, or give them different identities"
    }

    /// What a document names that no document declares: asked for only where it is written, since documents are many. What is
    /// not among [`Live::named`](crate::snapshot::Live::named) waits for an operation of the plan, or is blocked.
    fn mentions(&self, _key: &Key, _spec: &Map) -> Vec<Reference> {
        Vec::new()
    }

    /// What a resource hangs on, and how. For normalised fields of either side.
    fn bonds(&self, key: &Key, spec: &Map) -> Vec<(Key, Bond)> {
        let bond = |reference: Reference| {
            let bond = if self.lies_in(key, &reference.to) {
                Bond::Within
            } else {
                Bond::Needs
            };
            (reference.to, bond)
        };
        self.references(key, spec).into_iter().map(bond).collect()
    }

    /// What a resource watches over, where it does: told when the last one that watches something goes.
    fn watches(&self, _key: &Key, _spec: &Map) -> Option<Key> {
        None
    }

    /// Whether `key` lies, by its names, in `place`.
    fn lies_in(&self, key: &Key, place: &Key) -> bool {
        let parents = self.spec(key.kind).map_or(&[][..], |spec| spec.parents);
        let depth = place.path().len();
        key.is_below(place) && depth.checked_sub(1).and_then(|at| parents.get(at)) == Some(&place.kind)
    }

    /// Why a reference that nothing satisfies cannot hold, with what to do about it, where that is not to declare the target.
    fn unresolved(&self, _reference: &Reference) -> Option<String> {
        None
    }

    /// Why a reference cannot hold although its target is there, with what to do about it. `target` is what the target will be.
    fn unfit(&self, _reference: &Reference, _target: &Map) -> Option<String> {
        None
    }

    /// Gives every field of `spec` (normalised, of either side) that names another resource the name that it has at its new
    /// address. `key` is the one at which `spec` stands so far; `to` says the new key of an old one, `None` where that is the
    /// same. The resource's own name stays.
    fn readdress(&self, key: &Key, spec: &mut Map, to: &dyn Fn(&Key) -> Option<Key>);

    /// The name that a document would have if what it refers to had the keys that `former` says: `None` where its name does not
    /// follow from those of others, or none of them has had another.
    fn former_name(&self, _key: &Key, _spec: &Map, _former: &dyn Fn(&Key) -> Option<Key>) -> Option<String> {
        None
    }

    /// Faults that can be seen offline in one document.
    fn check(&self, key: &Key, spec: &Map) -> Vec<FieldFault>;

    /// What makes two resources of a kind without a common identity the same: equal texts mean the same resource. `None` where
    /// a kind has nothing of the sort. For normalised fields of either side.
    fn likeness(&self, kind: Kind, spec: &Map) -> Option<String>;

    /// For each of several documents of one identity what a person could write into it to tell it apart. `None` where it may keep
    /// that identity, or where nothing tells them apart.
    fn apart(&self, _kind: Kind, specs: &[&Map]) -> Vec<Option<String>> {
        vec![None; specs.len()]
    }

    /// Operations that a plan needs besides its writes.
    fn operations(&self, draft: &Draft<'_>) -> Vec<Needed>;

    /// The entry of `kind` in the table.
    fn spec(&self, kind: Kind) -> Option<&'static KindSpec> {
        self.kinds().iter().find(|spec| spec.kind == kind)
    }

    /// Reads a key's text.
    fn key(&self, text: &str) -> Option<Key> {
        Key::parse(text, self.kinds().iter().map(|spec| spec.kind))
    }
}
