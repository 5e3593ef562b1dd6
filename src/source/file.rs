//! One file of a source on its way in: which files are of interest, how large they may be, what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftless_core::diagnostic::Severity;
use driftless_core::tree::{Content, Refusal};
use driftless_core::yaml::{self, Fault, Mark, Parsed};

use super::{SourceError, SourceFault};

/// How much of a source is read. What lies beyond is refused, never cut short: half a tree would look like a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file; a larger one is refused alone.
    pub file_bytes: u64,
    /// Entries of all kinds under the folders asked for, folders included.
    pub files: usize,
    /// Bytes of all distinct YAML texts under the folders asked for.
    pub tree_bytes: u64,
    /// Bytes that one exchange with the remote may bring.
    pub repository_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 1024 * 1024,                  // The parser's own cap.
            files: 200_000,                           // Twice the largest configuration in the budgets.
            tree_bytes: 256 * 1024 * 1024,            // Half the memory budget of the largest configuration.
            repository_bytes: 2 * 1024 * 1024 * 1024, // A configuration's history is megabytes; this is a wrong address.
        }
    }
}

/// How deep folders may be nested.
pub(super) const DEPTH: usize = 64; // The layout needs 6; a path of 64 names is past what tools can open.

/// Whether a file of this name is read: YAML and nothing else. (`.yml` too, so that the loader can say it is misnamed.)
pub(super) fn is_wanted(name: &[u8]) -> bool {
    name.ends_with(b".yaml") || name.ends_with(b".yml")
}

/// What a file's bytes are: YAML, or a Git LFS pointer. The bytes are within `Limits::file_bytes`.
pub(super) fn read(bytes: &[u8]) -> Content {
    if is_lfs_pointer(bytes) {
        return Content::Refused(Refusal::LfsPointer);
    }
    Content::Yaml(Arc::new(yaml::parse(bytes)))
}

/// The pointer format fixes the first line, and that a pointer is shorter than 1024 bytes.
fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.len() < 1024 && bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}

/// An entry that cannot be addressed at all, as a text with one error: it then counts as unread and not as absent.
pub(super) fn unreadable(code: &'static str, message: &str, help: &str) -> Content {
    Content::Yaml(Arc::new(Parsed {
        text: "".into(),
        root: None,
        faults: vec![Fault {
            severity: Severity::Error,
            code,
            message: message.to_owned(),
            help: Some(help.to_owned()),
            at: Mark { line: 1, column: 1 },
        }],
        repeated: BTreeMap::new(),
    }))
}

/// An entry whose name is not UTF-8; `noun` is what it is.
pub(super) fn name_not_utf8(noun: &str) -> Content {
    unreadable(
        "path_not_utf8",
        &format!("the name of this {noun} is not UTF-8, so it cannot be read (shown with replacement characters)"),
        "rename it with plain characters",
    )
}

/// `folder` without `./` and slashes at its ends; `""` is the root.
///
/// # Errors
/// `..`, which would lead out of the source.
pub(super) fn normal_folder(folder: &str) -> Result<String, SourceError> {
    let mut parts = Vec::new();
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                return Err(SourceError::new(
                    SourceFault::Missing,
                    format!("the folder `{folder}` leads out of the source: write it from the root, without `..`"),
                ));
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The failure of a tree with more entries than `limits` allow.
pub(super) fn too_many(limits: &Limits) -> SourceError {
    SourceError::new(
        SourceFault::Unreadable,
        format!(
            "more than {} entries under the folders asked for: point `path` at the folder of the configuration alone",
            limits.files
        ),
    )
}

/// The failure of a tree with more text than `limits` allow.
pub(super) fn too_much(limits: &Limits) -> SourceError {
    SourceError::new(
        SourceFault::Unreadable,
        format!(
            "more than {} bytes of YAML under the folders asked for: point `path` at the folder of the configuration alone",
            limits.tree_bytes
        ),
    )
}

/// The failure of a tree that is nested deeper than [`DEPTH`].
pub(super) fn too_deep(path: &str) -> SourceError {
    SourceError::new(
        SourceFault::Unreadable,
        format!("folders are nested more than {DEPTH} deep at `{path}`: flatten them"),
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_same_however_it_is_spelt_and_never_leads_out() {
        for spelling in ["a/b", "./a/b/", "/a//b", "a/./b"] {
            assert_eq!(normal_folder(spelling).unwrap(), "a/b");
        }
        assert_eq!(normal_folder(".").unwrap(), "");
        assert_eq!(normal_folder("a/../../b").unwrap_err().kind, SourceFault::Missing);
    }

    #[test]
    fn an_lfs_pointer_is_no_content_and_a_text_that_quotes_one_is() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
        assert_eq!(read(pointer), Content::Refused(Refusal::LfsPointer));
        assert!(matches!(
            read(b"a: version https://git-lfs.github.com/spec/v1\n"),
            Content::Yaml(_)
        ));
    }
}
