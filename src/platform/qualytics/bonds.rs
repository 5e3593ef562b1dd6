//! What hangs on what: what goes with a resource that is deleted, and what keeps it from going.

use driftless_core::key::Key;
use driftless_core::schema::{Bond, Schema as _};
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, COMPUTED_FIELD, CONTAINER};
use super::references::{home_of, references, text};
use super::schema;

/// What a resource hangs on. The platform deletes a datastore with its containers and their checks, and a container with its
/// fields and checks; it refuses to delete what a datastore or another computed container reads from.
pub(super) fn bonds(key: &Key, spec: &Map) -> Vec<(Key, Bond)> {
    let home = home_of(key, spec);
    let bond = |to: Key| match Some(&to) == home.as_ref() || schema().lies_in(key, &to) {
        true => (to, Bond::Within),
        false => (to, Bond::Needs),
    };
    let mut bonds: Vec<(Key, Bond)> = references(key, spec).into_iter().map(|it| bond(it.to)).collect();
    if let (CHECK, Some(home)) = (key.kind, &home) {
        let fields = spec.get("fields").and_then(Value::as_list).unwrap_or_default();
        let fields = fields.iter().filter_map(Value::as_str).map(|field| {
            let path = home.path().iter().map(String::as_str).chain([field]);
            (Key::new(COMPUTED_FIELD, path), Bond::About)
        });
        bonds.extend(fields);
    }
    bonds
}

/// The container that an active check looks at; a draft looks at nothing.
pub(super) fn watches(key: &Key, spec: &Map) -> Option<Key> {
    let is_draft = text(spec, "status") == Some("Draft");
    let home = home_of(key, spec).filter(|home| home.kind == CONTAINER)?;
    (key.kind == CHECK && !is_draft).then_some(home)
}
