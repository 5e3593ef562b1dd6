//! What a document may say, as data: forms of values, and the objects that they make up. `validate` and the schemas for editors are
//! both derived from it.

use driftless_core::schema::Default;

use crate::platform::shape::Shape;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A shape that every platform knows.
    Shape(Shape),
    /// A text with something in it.
    Name,
    /// A text of at most so many characters, with something in it.
    Longest(usize),
    /// An integer from one to another.
    Whole(i64, i64),
    /// A number from one to another, both included.
    Between(f64, f64),
    /// A number between two, neither included.
    Inside(f64, f64),
    /// One of these integers.
    Integers(&'static [i64]),
    /// One text or more, each with something in it.
    Names,
    /// Lines of a text, or a list of them.
    Lines,
    /// A scalar, or a list of scalars.
    Values,
    /// A cron expression of five fields, in UTC.
    Cron,
    /// A time of day in UTC: `06:30`.
    Clock,
    /// A data source: its number, or its name.
    Connection,
    /// A repository of a forge: `owner/name`.
    Repository,
    /// The path of a file in a repository.
    Path,
    /// Globs of files in a repository, one or more.
    Globs,
    /// A text with something in it that may hold these placeholders: `${NAME}`.
    Template(&'static [&'static str]),
    /// The same, and it may be empty.
    Filling(&'static [&'static str]),
    /// A list of the same.
    List(&'static Form),
    /// A map from any key.
    MapOf(&'static Form),
    /// An object.
    Object(&'static Object),
    /// One of several objects, told apart by a field.
    Tagged(&'static Tagged),
}

/// An object.
#[derive(Debug)]
pub(super) struct Object {
    /// What it is called: `a schedule`.
    pub(super) noun: &'static str,
    /// Its fields, in groups that objects share.
    pub(super) fields: &'static [&'static [Field]],
    /// What holds of several of its fields together.
    pub(super) rules: &'static [Rule],
    /// What a field is that is not among them.
    pub(super) others: Others,
}

impl Object {
    /// All of its fields.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().flat_map(|group| group.iter())
    }

    /// The field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.all().find(|field| field.name == name)
    }
}

/// What becomes of a field that we do not know and that is no slip of one that we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// The platform may have it: sent as it stands, with a warning.
    Sent,
    /// The object is told from others by its fields, or holds settings whose loss would be silent: a fault.
    Refused,
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) form: Form,
    /// Whether the object can do without it.
    pub(super) need: Need,
    /// What an absent one means, where the platform says so.
    pub(super) default: Option<Default>,
    /// One sentence for people.
    pub(super) says: &'static str,
}

/// Whether an object can do without a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It must be there.
    Required,
    /// It must be there to create the resource; one that exists can be named without it.
    ToCreate,
    /// It may be absent.
    Optional,
}

/// A field that must be there.
pub(super) const fn required(name: &'static str, form: Form, says: &'static str) -> Field {
    Field {
        name,
        form,
        need: Need::Required,
        default: None,
        says,
    }
}

/// A field that may be absent.
pub(super) const fn optional(name: &'static str, form: Form, says: &'static str) -> Field {
    Field {
        name,
        form,
        need: Need::Optional,
        default: None,
        says,
    }
}

/// A field whose absence means `default`.
pub(super) const fn defaulted(name: &'static str, form: Form, default: Default, says: &'static str) -> Field {
    Field {
        name,
        form,
        need: Need::Optional,
        default: Some(default),
        says,
    }
}

/// What holds of several fields of an object. Null is as good as absent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// Exactly one of them is there.
    ExactlyOne(&'static [&'static str]),
    /// One of them at least is there.
    AtLeastOne(&'static [&'static str]),
    /// One of them at most is there.
    AtMostOne(&'static [&'static str]),
    /// The first needs the second beside it.
    Needs(&'static str, &'static str),
    /// Exactly one of these is there, unless the first says the text: then none is.
    ExactlyOneUnless(&'static str, &'static str, &'static [&'static str]),
    /// Where the first says the text, exactly one of these is there.
    ExactlyOneWhere(&'static str, &'static str, &'static [&'static str]),
    /// Where the first says the text, none of these is there.
    NoneWhere(&'static str, &'static str, &'static [&'static str]),
    /// Any of these is there only where the first says one of the texts.
    OnlyWhere(&'static str, &'static [&'static str], &'static [&'static str]),
    /// Where the first says the text, the last is a number below one.
    BelowOneWhere(&'static str, &'static str, &'static str),
    /// The first does not lie above the second.
    Ordered(&'static str, &'static str),
}

/// One of several objects, told apart by a field.
#[derive(Debug)]
pub(super) struct Tagged {
    /// The field.
    pub(super) tag: &'static str,
    /// Each of its texts, with the object that it stands for.
    pub(super) variants: &'static [(&'static str, &'static Object)],
}

impl Tagged {
    /// The object that `word` stands for.
    pub(super) fn variant(&self, word: &str) -> Option<&'static Object> {
        self.variants
            .iter()
            .find(|(tag, _)| *tag == word)
            .map(|(_, object)| *object)
    }

    /// The texts that the field may say.
    pub(super) fn words(&self) -> Vec<&'static str> {
        self.variants.iter().map(|(word, _)| *word).collect()
    }
}
