//! The names under which an export and the folder that it writes to are compared.

use std::collections::BTreeSet;

use driftless_core::counterpart::{Counterparts, counterparts};
use driftless_core::key::Key;
use driftless_core::load::Declared;
use driftless_core::schema::Schema as _;
use driftless_core::value::{Map, Value};
use driftless_core::yaml;

use super::merge;
use crate::platform::qualytics;
use crate::platform::qualytics::files::ExportedFile;
use crate::platform::qualytics::kinds::{CHECK, UID};

/// Gives `files` and `others` the names that a `previous_name` of the folder has for them, and `declared` the instance's own
/// spelling: what Git is about to rename is no other resource, and what differs in capitals is none either.
pub(super) fn align(declared: &mut Vec<Declared>, files: &mut [ExportedFile], others: &mut BTreeSet<Key>) {
    let read = |file: &ExportedFile| merge::map(&yaml::parse(file.text.as_bytes())).unwrap_or_default();
    let live: Vec<(Key, Map)> = files.iter().map(|file| (file.key.clone(), read(file))).collect();
    let found = counterparts(
        std::mem::take(declared),
        live.clone(),
        std::mem::take(others),
        qualytics::schema(),
    );
    let Counterparts {
        resources,
        others: beside,
        declared: named,
    } = found;
    (*others, *declared) = (beside, named);
    for ((file, (old, before)), (key, mut spec)) in files.iter_mut().zip(live).zip(resources) {
        if old.name() != key.name() {
            rename(&key, &mut spec);
        }
        if spec != before {
            file.text = yaml::emit(&Value::Map(spec));
        }
        file.key = key;
    }
}

fn rename(key: &Key, spec: &mut Map) {
    let name = Value::from(key.name());
    if key.kind != CHECK {
        qualytics::schema().name_field(key.kind).set(spec, name);
    } else if let Some(Value::Map(metadata)) = spec.get_mut("additional_metadata") {
        metadata.insert(UID.to_owned(), name);
    }
}
