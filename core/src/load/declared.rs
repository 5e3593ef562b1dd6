//! Which resource each file of one folder declares, whatever else is wrong with it: for those who write into that folder.

use std::sync::Arc;

use super::{Layer, Loader};
use crate::document::BySlug;
use crate::key::Key;
use crate::schema::Schema;
use crate::substitute::Variables;
use crate::tree::Tree;
use crate::yaml::Parsed;

/// A file that declares a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Its path from the root of the source.
    pub path: Arc<str>,
    /// The resource.
    pub key: Key,
    /// Parents whose names are not in the folder: their folders' slugs stand in the key.
    pub by_slug: Vec<BySlug>,
    /// What the file says, as it stands.
    pub parsed: Arc<Parsed>,
}

/// The resources that the files of `folder` declare, by path; a file that has no identity to be told is not among them.
pub fn declared(tree: &Tree, folder: &str, variables: &Variables, schema: &dyn Schema) -> Vec<Declared> {
    let mut loader = Loader::new(schema, variables, &[]);
    let raws = loader.layer(tree, folder, Layer::Base);
    let declares = |raw: super::Raw| {
        let (path, parsed) = raw.origin.text()?;
        Some(Declared {
            path,
            key: raw.key,
            by_slug: raw.by_slug,
            parsed,
        })
    };
    raws.into_iter().filter_map(declares).collect()
}
