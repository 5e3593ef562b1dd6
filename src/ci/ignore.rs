//! Files whose changes start nothing: `.gitignore` lines, decided flat, path by path.
//!
//! The platform matches each path by itself and by the folders above it, and the last line that covers it decides. Git differs: below a
//! folder that is excluded it brings nothing back. The vendor's own example only works flat (`reference` 5.1, 5.2).

use ::ignore::Match;
use ::ignore::gitignore::{Gitignore, GitignoreBuilder};
use driftless_core::diagnostic::Diagnostic;

/// The lines of a configuration, each a matcher of its own: built into one, they give Git's answer and not the platform's.
#[derive(Debug, Default)]
pub struct Ignored {
    lines: Vec<Line>,
    unreadable: Vec<(usize, String)>,
}

#[derive(Debug)]
struct Line {
    /// From 1, blank lines and comments counted.
    number: usize,
    text: String,
    matcher: Gitignore,
}

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileVerdict {
    /// Its change starts nothing.
    Ignored,
    /// Its change counts.
    Counts,
}

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    File,
    Folder,
}

/// Lines up to which [`Ignored::lint`] tries the sample of each with the names of the others, so that it takes no long time.
const MOST_COMBINED: usize = 50;

impl Ignored {
    /// Reads lines from top to bottom.
    pub fn new<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for (index, text) in lines.into_iter().enumerate() {
            let mut builder = GitignoreBuilder::new("");
            let built = builder
                .add_line(None, &literal_braces(text))
                .and_then(|builder| builder.build());
            match built {
                Ok(matcher) if matcher.is_empty() => {}
                Ok(matcher) => all.lines.push(Line {
                    number: index + 1,
                    text: text.to_owned(),
                    matcher,
                }),
                Err(_) => all.unreadable.push((index + 1, text.to_owned())),
            }
        }
        all
    }

    /// Whether a changed file counts. `path` is from the repository's root, with `/`.
    pub fn verdict(&self, path: &str) -> FileVerdict {
        let covers = |line: &&Line| {
            upward(path)
                .map(|(path, entry)| line.says(path, entry))
                .find(Option::is_some)
                .flatten()
        };
        self.lines
            .iter()
            .rev()
            .find_map(|line| covers(&line))
            .unwrap_or(FileVerdict::Counts)
    }

    /// What Git would say: a folder that is excluded takes all below it along.
    fn verdict_of_git(&self, path: &str) -> FileVerdict {
        let mut way: Vec<(&str, Entry)> = upward(path).collect();
        way.reverse();
        for (path, entry) in way {
            let last = self.lines.iter().rev().find_map(|line| line.says(path, entry));
            match (last, entry) {
                (Some(FileVerdict::Ignored), _) => return FileVerdict::Ignored,
                (Some(FileVerdict::Counts) | None, Entry::Folder) => {}
                (last, Entry::File) => return last.unwrap_or(FileVerdict::Counts),
            }
        }
        FileVerdict::Counts
    }

    /// Warnings: lines that cannot be read as patterns, and lines that bring back what Git would not, each with an example.
    pub fn lint(&self) -> Vec<Diagnostic> {
        let mut found: Vec<(usize, Diagnostic)> = Vec::new();
        for (number, text) in &self.unreadable {
            let message = format!("line {number} of `files_to_ignore`, `{text}`, is no pattern and covers nothing");
            let help = "mend its brackets, or put a backslash before a sign that is meant as it stands";
            found.push((*number, Diagnostic::warning("ignore_pattern", message).help(help)));
        }
        for line in self.lines.iter().filter(|line| line.matcher.num_whitelists() > 0) {
            let differs = |path: &String| {
                self.verdict(path) == FileVerdict::Counts && self.verdict_of_git(path) == FileVerdict::Ignored
                    || self.verdict(path) == FileVerdict::Ignored && self.verdict_of_git(path) == FileVerdict::Counts
            };
            let Some(path) = self.samples(line).into_iter().find(differs) else {
                continue;
            };
            let (here, git) = match self.verdict(&path) {
                FileVerdict::Counts => ("counts", "ignores it"),
                FileVerdict::Ignored => ("is ignored", "lets it count"),
            };
            let message = format!(
                "line {} of `files_to_ignore`, `{}`, means something else to Git: `{path}` {here} here, and Git {git}",
                line.number, line.text
            );
            found.push((
                line.number,
                Diagnostic::warning("ignore_differs_from_git", message).help(PORTABLE),
            ));
        }
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }

    /// Paths that a line may be about: its pattern with names in place of wildcards, what lies below, and there the names of other lines.
    fn samples(&self, line: &Line) -> Vec<String> {
        let own = sample(&line.text);
        let mut samples = vec![own.clone(), format!("{own}/x")];
        if self.lines.len() > MOST_COMBINED {
            return samples;
        }
        for other in self.lines.iter().filter(|other| other.number != line.number) {
            let name = sample(&other.text);
            samples.push(format!("{own}/{name}"));
            samples.push(name.clone());
            samples.push(format!("{name}/{own}"));
        }
        samples
    }
}

/// The help of a line that means something else to Git (row 26 of `reference` 5.3).
const PORTABLE: &str = "write it so that no folder above is excluded: `/*`, then `!/dbt/`, then `/dbt/**/*.md` ignores all but the folder dbt, \
                        and in it the Markdown files";

impl Line {
    fn says(&self, path: &str, entry: Entry) -> Option<FileVerdict> {
        match self.matcher.matched(path, entry == Entry::Folder) {
            Match::None => None,
            Match::Ignore(_) => Some(FileVerdict::Ignored),
            Match::Whitelist(_) => Some(FileVerdict::Counts),
        }
    }
}

/// The line with its braces escaped: the matcher takes them for alternatives, `.gitignore` knows none.
fn literal_braces(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut is_escaped = false;
    let mut is_class = false;
    for sign in line.chars() {
        if matches!(sign, '{' | '}') && !is_escaped && !is_class {
            escaped.push('\\');
        }
        is_class = !is_escaped && (sign == '[' || is_class && sign != ']');
        is_escaped = sign == '\\' && !is_escaped;
        escaped.push(sign);
    }
    escaped
}

/// A path and the folders above it, from the inside out.
fn upward(path: &str) -> impl Iterator<Item = (&str, Entry)> {
    let path = path.trim_matches('/');
    let folders = path.rmatch_indices('/').map(|(at, _)| (&path[..at], Entry::Folder));
    std::iter::once((path, Entry::File)).chain(folders)
}

/// A path that a pattern covers, as far as that can be said without a search.
fn sample(pattern: &str) -> String {
    let pattern = pattern.trim_end();
    let pattern = pattern.strip_prefix('!').unwrap_or(pattern).trim_matches('/');
    let mut path = String::with_capacity(pattern.len());
    let mut signs = pattern.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => path.extend(signs.next()),
            '*' => {
                while signs.next_if_eq(&'*').is_some() {}
                path.push('x');
            }
            '?' => path.push('x'),
            '[' => {
                path.extend(signs.next().filter(|first| !matches!(first, '!' | '^')));
                while signs.next().is_some_and(|inside| inside != ']') {}
            }
            other => path.push(other),
        }
    }
    path
}

#[cfg(test)]
mod tests;
