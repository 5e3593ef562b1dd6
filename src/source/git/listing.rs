//! What a remote's listing of references says: where the one that is watched points, or what there is instead of it.

use git2::Oid;

use crate::source::reference::{BRANCHES, Range, Reference, TAGS};
use crate::source::{SourceError, SourceFault};

/// Names that stand in an error.
const NEARBY: usize = 5;

/// References that a repository may list: each costs memory at every look.
const REFERENCES: usize = 200_000; // The largest public repositories have half of it.

/// Whether a branch or tag can have the name that it has.
pub(super) fn check_name(reference: &Reference) -> Result<(), SourceError> {
    let (noun, name, full) = match reference {
        Reference::Branch(name) => ("branch", name, format!("refs/heads/{name}")),
        Reference::Tag(name) => ("tag", name, format!("refs/tags/{name}")),
        Reference::Commit(_) | Reference::Semver(_) => return Ok(()),
    };
    if git2::Reference::is_valid_name(&full) {
        return Ok(());
    }
    Err(SourceError::new(
        SourceFault::Missing,
        format!("`{name}` cannot be the name of a {noun}: write it as `git {noun}` shows it"),
    ))
}

/// Where a reference points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    /// Its full name; none for a commit that is named itself.
    pub(super) name: Option<String>,
    /// What it names: a commit, or the object of an annotated tag.
    pub(super) object: Oid,
    /// The commit, as the remote peels it.
    pub(super) commit: Oid,
}

impl Pointer {
    /// The tag's name, where it is one.
    pub(super) fn tag(&self) -> Option<&str> {
        self.name.as_deref()?.strip_prefix(TAGS)
    }
}

/// References as a remote lists them: full names, and after an annotated tag a line of the same name and `^{}`.
pub(super) struct Listing {
    /// The remote as it may be shown.
    shown: String,
    heads: Vec<(String, Oid)>,
}

/// What follows the name of an annotated tag on the line of the object it leads to.
const PEELED: &str = "^{}";

impl Listing {
    /// Takes what is a branch or a tag.
    ///
    /// # Errors
    /// More references than anybody needs.
    pub(super) fn new(shown: &str, heads: impl IntoIterator<Item = (String, Oid)>) -> Result<Self, SourceError> {
        let mut kept = Vec::new();
        for (seen, head) in heads.into_iter().enumerate() {
            if seen >= REFERENCES {
                return Err(SourceError::new(
                    SourceFault::Unreadable,
                    format!(
                        "{shown} lists more than {REFERENCES} references: delete those that nobody needs, or keep the configuration in a repository of its own"
                    ),
                ));
            }
            if head.0.starts_with(BRANCHES) || head.0.starts_with(TAGS) {
                kept.push(head);
            }
        }
        Ok(Self {
            shown: shown.to_owned(),
            heads: kept,
        })
    }

    /// Where a branch points.
    ///
    /// # Errors
    /// It is not there; says what is.
    pub(super) fn branch(&self, name: &str) -> Result<Pointer, SourceError> {
        self.find(&format!("{BRANCHES}{name}"))
            .ok_or_else(|| self.missing("branch", name, BRANCHES, "correct `branch` or push it"))
    }

    /// Where a tag points.
    ///
    /// # Errors
    /// It is not there; says what is.
    pub(super) fn tag(&self, name: &str) -> Result<Pointer, SourceError> {
        self.find(&format!("{TAGS}{name}"))
            .ok_or_else(|| self.missing("tag", name, TAGS, "correct `tag` or push it (`git push --tags`)"))
    }

    /// Where the newest tag of a range points.
    ///
    /// # Errors
    /// There is none; says what is.
    pub(super) fn newest(&self, range: &Range) -> Result<Pointer, SourceError> {
        let newest = range.newest(self.names(TAGS));
        newest
            .and_then(|tag| self.find(&format!("{TAGS}{tag}")))
            .ok_or_else(|| self.no_version(range))
    }

    fn find(&self, full: &str) -> Option<Pointer> {
        let of = |name: &str| self.heads.iter().find(|(other, _)| other == name).map(|(_, oid)| *oid);
        let object = of(full)?;
        Some(Pointer {
            name: Some(full.to_owned()),
            object,
            commit: of(&format!("{full}{PEELED}")).unwrap_or(object),
        })
    }

    /// The names below `folder`, without those of peeled tags.
    fn names(&self, folder: &str) -> impl Iterator<Item = &str> {
        let names = self.heads.iter().map(|(name, _)| name.as_str());
        names
            .filter(|name| !name.ends_with(PEELED))
            .filter_map(move |name| name.strip_prefix(folder))
    }

    fn missing(&self, noun: &str, wanted: &str, folder: &str, help: &str) -> SourceError {
        let shown = &self.shown;
        let mut names: Vec<&str> = self.names(folder).collect();
        if names.is_empty() {
            let there = match self.heads.is_empty() {
                true => format!("{shown} is empty: push a first commit to {noun} `{wanted}`"),
                false => format!("{shown} has no {noun} `{wanted}`, and no other: {help}"),
            };
            return SourceError::new(SourceFault::Missing, there);
        }
        names.sort_by_cached_key(|name| (distance(name, wanted), (*name).to_owned()));
        SourceError::new(
            SourceFault::Missing,
            format!("{shown} has no {noun} `{wanted}`: {help}; there is {}", few(&names)),
        )
    }

    fn no_version(&self, range: &Range) -> SourceError {
        let shown = &self.shown;
        let mut versions: Vec<_> = self
            .names(TAGS)
            .filter_map(|tag| Some((range.version(tag)?, tag)))
            .collect();
        versions.sort();
        let tags: Vec<&str> = versions.iter().rev().map(|(_, tag)| *tag).collect();
        let there = match tags.as_slice() {
            [] => {
                let mut others: Vec<&str> = self.names(TAGS).collect();
                others.sort_unstable();
                match others.as_slice() {
                    [] => "there is no tag at all: push one".to_owned(),
                    others => format!(
                        "no tag is a version such as `v1.2.3` (`tag_prefix` says what stands before it); there is {}",
                        few(others)
                    ),
                }
            }
            tags => format!("correct `semver` or push a tag; there is {}", few(tags)),
        };
        SourceError::new(
            SourceFault::Missing,
            format!("{shown} has no tag in the range `{range}`: {there}"),
        )
    }
}

/// The first names, and whether there are more.
fn few(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NEARBY).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > NEARBY { ", and more" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn the_distance_of_two_names_counts_what_has_to_be_typed() {
        for (a, b, steps) in [
            ("main", "main", 0),
            ("main", "mian", 2),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), steps);
        }
    }

    #[test]
    fn more_references_than_anybody_needs_are_refused_as_that() {
        let oid = Oid::from_str(&"1".repeat(40)).unwrap();
        let heads = |count: usize| (0..count).map(move |number| (format!("refs/pull/{number}/head"), oid));
        assert!(Listing::new("the remote", heads(REFERENCES)).is_ok());
        let error = Listing::new("the remote", heads(REFERENCES + 1)).err().unwrap();
        assert_eq!(error.kind, SourceFault::Unreadable);
        assert!(error.message.contains("more than 200000 references"), "{error}");
    }
}
