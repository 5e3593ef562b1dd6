//! What of a repository is watched: a branch, a tag, the newest tag of a range of versions, or one commit.

use std::fmt;

use driftless_core::key::Revision;
use semver::{Version, VersionReq};

/// What of a repository is watched.
///
/// Shown (`Display`) as the API has it: a branch by its name alone, anything else in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A branch, by its name below `refs/heads/`.
    Branch(String),
    /// A tag, by its name below `refs/tags/`.
    Tag(String),
    /// The newest tag of a range of versions.
    Semver(Range),
    /// One commit, by its full id: it never moves.
    Commit(Revision),
}

/// A range of versions, and which tags are versions at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    text: String,
    prefix: String,
    requirement: VersionReq,
}

impl Reference {
    /// In words for a person: `branch main`, `semver >=1.0 <2 (v1.4.2)`. `chosen` is the tag that was found newest, where
    /// there is a choice.
    pub fn words(&self, chosen: Option<&str>) -> String {
        match (self, chosen) {
            (Reference::Branch(name), _) => format!("branch {name}"),
            (Reference::Commit(id), _) => format!("commit {}", id.short()),
            (Reference::Semver(_), Some(tag)) => format!("{self} ({tag})"),
            (Reference::Semver(_) | Reference::Tag(_), _) => self.to_string(),
        }
    }

    /// Whether a push to `pushed`, a full name such as `refs/heads/main`, may move it.
    pub fn follows(&self, pushed: &str) -> bool {
        match self {
            Reference::Branch(name) => pushed.strip_prefix(BRANCHES) == Some(name),
            Reference::Tag(name) => pushed.strip_prefix(TAGS) == Some(name),
            Reference::Semver(range) => pushed
                .strip_prefix(TAGS)
                .is_some_and(|tag| range.version(tag).is_some()),
            Reference::Commit(_) => false,
        }
    }
}

/// Where branches are, among references.
pub(super) const BRANCHES: &str = "refs/heads/";

/// Where tags are, among references.
pub(super) const TAGS: &str = "refs/tags/";

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Branch(name) => f.write_str(name),
            Reference::Tag(name) => write!(f, "tag {name}"),
            Reference::Semver(range) => write!(f, "semver {range}"),
            Reference::Commit(id) => write!(f, "commit {id}"),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, prefix, .. } = self;
        match prefix.as_str() {
            "" => f.write_str(text),
            prefix => write!(f, "{prefix} {text}"),
        }
    }
}

impl Range {
    /// The range that `text` says, as Cargo reads it, over the tags that begin with `prefix`. Comparators may stand apart by a
    /// space or by a comma: `>=1.0.0 <2`. A version before its release (`2.0.0-rc.1`) is in it only where a comparator names
    /// one of the same version.
    ///
    /// # Errors
    /// Why it is no range.
    pub fn parse(text: &str, prefix: &str) -> Result<Self, String> {
        let mut comparators: Vec<String> = Vec::new();
        let mut operator = String::new();
        for word in text.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
            operator.push_str(word);
            if !word.chars().all(|c| "<>=~^".contains(c)) {
                comparators.push(std::mem::take(&mut operator));
            }
        }
        comparators.extend(Some(operator).filter(|left| !left.is_empty()));
        let requirement = VersionReq::parse(&comparators.join(", ")).map_err(|error| error.to_string())?;
        Ok(Self {
            text: text.trim().to_owned(),
            prefix: prefix.to_owned(),
            requirement,
        })
    }

    /// The version that a tag names, in the range or not: what follows the prefix, and a `v` if there is one.
    pub fn version(&self, tag: &str) -> Option<Version> {
        let rest = tag.strip_prefix(self.prefix.as_str())?;
        Version::parse(rest.strip_prefix('v').unwrap_or(rest)).ok()
    }

    /// The newest of `tags` in the range; of two that name one version, the one whose name is later in the alphabet.
    pub fn newest<'t>(&self, tags: impl IntoIterator<Item = &'t str>) -> Option<&'t str> {
        tags.into_iter()
            .filter_map(|tag| Some((self.version(tag)?, tag)))
            .filter(|(version, _)| self.requirement.matches(version))
            .max()
            .map(|(_, tag)| tag)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn the_newest_tag_of_a_range_is_that_of_semver_and_not_of_the_alphabet() {
        let tags = [
            "v1.9.0",
            "v1.10.0",
            "1.2.0",
            "v2.0.0-rc.1",
            "v2.0.0",
            "v3.0.0-beta",
            "api/v1.5.0",
            "api/1.6.0-rc.1",
            "latest",
        ];
        for (text, prefix, expected) in [
            (">=1.0.0 <2", "", Some("v1.10.0")),
            (">= 1.0.0, < 1.10", "", Some("v1.9.0")),
            ("1.2", "", Some("v1.10.0")),
            ("~1.2", "", Some("1.2.0")),
            ("=1.2.0", "", Some("1.2.0")),
            ("*", "", Some("v2.0.0")),
            (">=3", "", None),
            (">=3.0.0-alpha", "", Some("v3.0.0-beta")),
            ("<2.0.0-rc.2", "", Some("v2.0.0-rc.1")),
            ("*", "api/", Some("api/v1.5.0")),
            (">=1.6.0-rc.0", "api/", Some("api/1.6.0-rc.1")),
            ("*", "web/", None),
        ] {
            let range = Range::parse(text, prefix).unwrap();
            assert_eq!(range.newest(tags), expected, "{text} of {prefix:?}");
        }
        for text in ["", "latest", ">=", "1.0 - 2.0", "1 || 2", ">=01"] {
            assert!(Range::parse(text, "").is_err(), "{text}");
        }
    }

    #[test]
    fn a_reference_is_said_in_words_and_knows_the_pushes_that_may_move_it() {
        let range = Range::parse(">=1.0 <2", "").unwrap();
        let commit = Revision("0123456789abcdef0123456789abcdef01234567".to_owned());
        let pushes = [
            "refs/heads/main",
            "refs/tags/main",
            "refs/tags/v1.2",
            "refs/tags/v9.0.0",
            "main",
        ];
        for (reference, api, words, moved_by) in [
            (Reference::Branch("main".into()), "main", "branch main", &pushes[..1]),
            (Reference::Tag("main".into()), "tag main", "tag main", &pushes[1..2]),
            (
                Reference::Semver(range),
                "semver >=1.0 <2",
                "semver >=1.0 <2 (v1.4.2)",
                &pushes[3..4],
            ),
            (
                Reference::Commit(commit),
                "commit 0123456789abcdef0123456789abcdef01234567",
                "commit 0123456789",
                &[],
            ),
        ] {
            assert_eq!(
                (reference.to_string().as_str(), reference.words(Some("v1.4.2"))),
                (api, words.to_owned())
            );
            let moving: Vec<&str> = pushes.into_iter().filter(|pushed| reference.follows(pushed)).collect();
            assert_eq!(moving, moved_by, "{reference}");
        }
    }
}
