//! What documents name of the world outside, seen before any of them is merged: files, and variables that stand in secret fields.

use std::collections::BTreeSet;

use super::collection::entries;
use super::{Layers, within};
use crate::field::FieldPath;
use crate::schema::{KindSpec, Location, Schema, Substitution};
use crate::substitute::{Variables, named_files, named_variables};
use crate::tree::{Content, Tree};
use crate::value::Value;
use crate::yaml::{Data, Node};

/// The files that documents name (`${file:/run/secrets/x}`): what has to be read before they are loaded, whether in the end an
/// overlay replaces the placeholder or not.
pub fn files(tree: &Tree, layers: &Layers<'_>, schema: &dyn Schema) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, root) in documents(tree, layers, schema) {
        texts(root, &mut Vec::new(), &mut |_, text| {
            found.extend(named_files(text).map(str::to_owned));
        });
    }
    found
}

/// The variables that stand in a secret field of any document, kinds that are left out and placeholders that an overlay
/// replaces included: what is a secret once is none of it elsewhere.
pub(super) fn secret_variables(
    tree: &Tree,
    layers: &Layers<'_>,
    variables: &Variables,
    schema: &dyn Schema,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (spec, root) in documents(tree, layers, schema) {
        if spec.secrets.is_empty() || variables.substitution(spec) == Substitution::Off {
            continue;
        }
        let secrets: Vec<FieldPath> = spec.secrets.iter().map(|field| FieldPath::dotted(field)).collect();
        texts(root, &mut Vec::new(), &mut |path, text| {
            if secrets.iter().any(|secret| path.starts_with(secret.keys())) {
                found.extend(named_variables(text).map(str::to_owned));
            }
        });
    }
    found
}

/// The documents of all layers, as far as they can be read.
fn documents<'a>(
    tree: &'a Tree,
    layers: &'a Layers<'_>,
    schema: &'a dyn Schema,
) -> impl Iterator<Item = (&'static KindSpec, &'a Node)> {
    let folders = std::iter::once(layers.base).chain(layers.overlays.iter().map(String::as_str));
    folders.flat_map(move |folder| {
        let files = tree.files.iter().filter_map(move |file| {
            let Content::Yaml(parsed) = &file.content else {
                return None;
            };
            let root = parsed.root.as_ref()?;
            let (kind, whole, several) = match schema.locate(within(&file.path, folder)?) {
                Location::Document { kind, .. } => (kind, Some(root), &[][..]),
                Location::Collection { kind, field, .. } => (kind, None, entries(root, field)),
                Location::Ignored | Location::Misplaced { .. } => return None,
            };
            let spec = schema.spec(kind)?;
            let nodes = whole.into_iter().chain(several.iter().map(|entry| &entry.value));
            Some(nodes.map(move |node| (spec, node)))
        });
        files.flatten()
    })
}

/// Every text below `node` that may hold a placeholder, with the keys that lead to it: places in lists are none.
fn texts<'a>(node: &'a Node, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &'a str)) {
    match &node.data {
        Data::Scalar(Value::String(text)) if text.contains("${") => visit(path, text),
        Data::Scalar(_) => {}
        Data::List(items) => items.iter().for_each(|item| texts(item, path, visit)),
        Data::Map(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                texts(&entry.value, path, visit);
                path.pop();
            }
        }
    }
}
