//! Datafold without its IO: the schema behind core's trait.

use driftless_core::diagnostic::Diagnostic;
use driftless_core::document::Reference;
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind};
use driftless_core::schema::{Draft, FieldFault, KindSpec, Location, Needed, Schema, Side};
use driftless_core::value::{Map, Value};

use super::kinds::{KINDS, MONITOR, SLUG};
use super::{faults, layout, meaning, normalize, references};
use crate::platform::slug;

/// What is known of Datafold offline.
#[derive(Clone, Copy, Debug)]
pub struct DatafoldSchema;

/// The one schema.
pub fn schema() -> &'static DatafoldSchema {
    &DatafoldSchema
}

impl Schema for DatafoldSchema {
    fn platform(&self) -> &'static str {
        "datafold"
    }

    fn kinds(&self) -> &'static [KindSpec] {
        KINDS
    }

    fn locate(&self, path: &str) -> Location {
        layout::locate(path)
    }

    fn slug(&self, name: &str) -> String {
        slug::slug(name)
    }

    fn identity(&self, kind: Kind, spec: &Map) -> Result<String, Box<FieldFault>> {
        let field = identity_field(kind);
        match spec.get(field) {
            Some(Value::String(name)) if !name.trim().is_empty() => Ok(name.clone()),
            found => Err(unsaid(field, found)),
        }
    }

    fn identity_fields(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            MONITOR => &[SLUG],
            _ => &["name"],
        }
    }

    fn name_field(&self, kind: Kind) -> FieldPath {
        FieldPath::top(identity_field(kind))
    }

    fn canonical(&self, kind: Kind, side: Side, spec: &mut Map) {
        normalize::canonical(kind, side, spec);
    }

    fn meaning(&self, kind: Kind, spec: &mut Map) {
        meaning::meaning(kind, spec);
    }

    fn references(&self, key: &Key, spec: &Map) -> Vec<Reference> {
        references::references(key.kind, spec)
    }

    fn distinct(&self, kind: Kind) -> &'static str {
        match kind {
            MONITOR => "keep one of them, or give them different slugs",
            _ => "keep one of them, or give them different names",
        }
    }

    fn readdress(&self, key: &Key, spec: &mut Map, to: &dyn Fn(&Key) -> Option<Key>) {
        references::readdress(key.kind, spec, to);
    }

    // As it is said, and not as it is meant: defaults and spellings have their own faults.
    fn check(&self, key: &Key, spec: &Map) -> Vec<FieldFault> {
        faults::check(key, spec)
    }

    // A monitor without a ledger is found by its name and type, which need not be its alone: the adapter does it while it reads.
    fn likeness(&self, _kind: Kind, _spec: &Map) -> Option<String> {
        None
    }

    fn operations(&self, _draft: &Draft<'_>) -> Vec<Needed> {
        Vec::new()
    }
}

/// The field that a resource is known by.
fn identity_field(kind: Kind) -> &'static str {
    match kind {
        MONITOR => SLUG,
        _ => "name",
    }
}

/// The fault of a text that a document is known by and does not have: something else stands there, or nothing does.
fn unsaid(field: &'static str, found: Option<&Value>) -> Box<FieldFault> {
    let diagnostic = match found {
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Diagnostic::error(
            "wrong_type",
            format!("`{field}` must be a string, not {}", value.noun()),
        )
        .help("put it in quotes"),
        Some(value @ (Value::List(_) | Value::Map(_))) => Diagnostic::error(
            "wrong_type",
            format!("`{field}` must be a string, not {}", value.noun()),
        )
        .help("write one text"),
        Some(Value::Null | Value::String(_) | Value::Secret(_)) | None => {
            Diagnostic::error("missing_field", format!("`{field}` is missing"))
                .help("every resource has one: it is how it is known")
        }
    };
    Box::new(FieldFault {
        at: FieldPath::top(field),
        diagnostic,
    })
}
