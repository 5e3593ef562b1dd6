//! What a source holds at one revision: the files of interest, already parsed once per content.

use std::sync::Arc;

use crate::key::Revision;
use crate::yaml::Parsed;

/// The files of a source at one revision, sorted by path.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The commit, or a digest of a local folder's files.
    pub revision: Revision,
    /// The files under the folders that were asked for, sorted by path.
    pub files: Vec<File>,
}

/// One file: its path from the repository's root, with `/`.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Path from the root of the source, with `/`.
    pub path: Arc<str>,
    /// What it holds.
    pub content: Content,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A YAML text, read once per blob.
    Yaml(Arc<Parsed>),
    /// Something that is never read as content.
    Refused(Refusal),
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A symbolic link: what it points at may be outside of the repository.
    Symlink,
    /// A submodule.
    Submodule,
    /// A pointer of Git LFS instead of content.
    LfsPointer,
    /// Larger than the cap, in bytes.
    TooLarge {
        /// Size of the file.
        bytes: u64,
    },
}
