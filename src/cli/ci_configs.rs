//! The CI configurations that the environments of a config file declare, as their sources have them.

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::key::{Kind, Revision};
use driftless_core::load::{Layers, load, named};
use driftless_core::schema::Schema;

use crate::ci::config::CiConfig;
use crate::config::EnvironmentConfig;
use crate::platform::datafold::kinds::CI_CONFIG;
use crate::source::{Source, SourceError};
use crate::variables::Values;

/// What one environment declares.
pub(crate) struct Declared {
    /// The configurations without fault, by name.
    pub(crate) configs: Vec<CiConfig>,
    /// What is wrong with what was read: other kinds are, as far as a configuration names one of theirs.
    pub(crate) faults: Vec<Diagnostic>,
}

/// Whether it says that a folder holds no document.
fn is_empty(fault: &Diagnostic) -> bool {
    fault.code == "empty_folder"
}

/// Reads the CI configurations of an environment at a revision, and no other kind.
///
/// # Errors
/// Why the source cannot be read.
pub(crate) async fn read(
    source: &dyn Source,
    revision: &Revision,
    environment: &EnvironmentConfig,
    values: &dyn Values,
    schema: &dyn Schema,
) -> Result<Declared, SourceError> {
    let base = std::iter::once(&environment.path);
    let folders: Vec<String> = base.chain(&environment.overlays).cloned().collect();
    let tree = source.checkout(revision, &folders).await?;
    let layers = Layers {
        base: &environment.path,
        overlays: &environment.overlays,
    };
    let variables = match values.read(&named::files(&tree, &layers, schema)) {
        Ok(variables) => variables,
        Err(faults) => {
            return Ok(Declared {
                configs: Vec::new(),
                faults,
            });
        }
    };
    let kinds = schema.kinds().iter().map(|spec| spec.kind);
    let others: Vec<Kind> = kinds.filter(|kind| *kind != CI_CONFIG).collect();
    let mut loaded = load(&tree, &layers, &variables, &others, schema);
    if loaded.diagnostics.iter().any(is_empty) {
        // There is no CI configuration; whether there is nothing at all, the others say.
        let whole = load(&tree, &layers, &variables, &[], schema).diagnostics;
        if !whole.iter().any(is_empty) {
            loaded.diagnostics.retain(|fault| !is_empty(fault));
        }
    }
    let mut declared = Declared {
        configs: Vec::new(),
        faults: loaded.diagnostics,
    };
    declared.faults.retain(|fault| fault.severity == Severity::Error);
    for document in loaded.desired.documents.values() {
        if document.key.kind != CI_CONFIG {
            continue;
        }
        match CiConfig::read(document.key.name(), &document.spec) {
            Ok(config) => declared.configs.push(config),
            Err(found) => {
                let placed = found.into_iter().map(|fault| {
                    let place = document.origin.place(&fault.at);
                    fault.diagnostic.at(place)
                });
                declared.faults.extend(placed);
            }
        }
    }
    Ok(declared)
}
