//! What documents' placeholders stand for, as a port: asked anew for each pass, so that a secret that was rotated is seen.

use std::collections::BTreeSet;

use driftless_core::diagnostic::Diagnostic;
use driftless_core::substitute::Variables;

/// Gives variables their values.
pub trait Values: Send + Sync {
    /// The values as they are now, with what `files` hold (paths from the root, as documents name them). May block.
    ///
    /// # Errors
    /// What stands in the way of all of them. A file of `files` that cannot be read is none: it is a fault of the documents that
    /// name it.
    fn read(&self, files: &BTreeSet<String>) -> Result<Variables, Vec<Diagnostic>>;
}

impl Values for Variables {
    fn read(&self, _files: &BTreeSet<String>) -> Result<Variables, Vec<Diagnostic>> {
        Ok(self.clone())
    }
}
