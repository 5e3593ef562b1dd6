//! Comparisons found from the SQL files that a pull request changes: what they create, with the keys that their comments name.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftless_core::diagnostic::{Diagnostic, Place};
use driftless_core::yaml::Mark;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::annotation::{self, Annotation};
use super::config::Discovery;
use super::create::{Head, Lasts};
use super::draft::{Asked, Circumstances, Draft, Spot, Told, settle};
use super::placeholders::Placeholders;
use super::sql::{Piece, pieces};
use super::table_names;
use crate::forge::{ChangedFile, FileChange, FileContent};

/// Bytes of one SQL file that are read: as for a file of desired state.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The changed files that are to be read, each once, in the order of their paths.
///
/// # Errors
/// A glob of the configuration that is none.
pub fn files_to_read(discovery: &Discovery, changed: &[ChangedFile]) -> Result<Vec<String>, Diagnostic> {
    let globs = globs(discovery)?;
    let written = changed.iter().filter(|file| file.change == FileChange::Written);
    let mut paths: Vec<String> = written
        .map(|file| file.path.clone())
        .filter(|path| globs.is_match(path))
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Finds what the changed files create. `texts` has the content of each path of [`files_to_read`] at the head commit; of the circumstances'
/// placeholders only the configuration's parameters of the pull request hold any.
pub fn discover(
    discovery: &Discovery,
    changed: &[ChangedFile],
    texts: &BTreeMap<String, FileContent>,
    circumstances: &Circumstances<'_>,
) -> Asked {
    let (globs, paths) = match (globs(discovery), files_to_read(discovery, changed)) {
        (Ok(globs), Ok(paths)) => (globs, paths),
        (Err(fault), _) | (_, Err(fault)) => {
            return Asked {
                diffs: Vec::new(),
                diagnostics: vec![fault],
            };
        }
    };
    let mut all = Asked::default();
    let sides = match sides(discovery, circumstances.placeholders) {
        Ok(sides) => sides,
        Err(faults) => {
            return Asked {
                diffs: Vec::new(),
                diagnostics: faults,
            };
        }
    };
    let mut drafts = Vec::new();
    for path in &paths {
        let bytes = match texts.get(path) {
            Some(FileContent::Whole(bytes)) => bytes,
            Some(FileContent::Larger) => {
                let message = format!("the file has more than {MAX_BYTES} bytes, which is the limit");
                all.diagnostics.push(fault_of_file(path, "large_file", message));
                continue;
            }
            None => {
                all.diagnostics.push(fault_of_file(
                    path,
                    "unread_file",
                    "the file could not be read at the head commit".to_owned(),
                ));
                continue;
            }
        };
        match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= MAX_BYTES => {
                let mut reader = Reader {
                    told: Told::new(path, text),
                    sides: &sides,
                };
                drafts.extend(reader.drafts(text, circumstances.data_source_type));
                all.diagnostics.append(&mut reader.told.all);
            }
            Ok(_) => {
                let message = format!("the file has {} bytes; {MAX_BYTES} is the limit", bytes.len());
                all.diagnostics.push(fault_of_file(path, "large_file", message));
            }
            Err(_) => all
                .diagnostics
                .push(fault_of_file(path, "encoding", "the file is not UTF-8".to_owned())),
        }
    }
    all.diagnostics.extend(gone(changed, &globs));
    let mut told = Told::new("", "");
    all.diffs = settle(&without_repeats(drafts), circumstances, &mut told);
    all.diagnostics.append(&mut told.all);
    all.diagnostics.sort_by(|a, b| a.place.cmp(&b.place));
    if all.is_broken() {
        all.diffs.clear();
    }
    all
}

fn globs(discovery: &Discovery) -> Result<GlobSet, Diagnostic> {
    let mut set = GlobSetBuilder::new();
    let fault = |glob: &str| {
        Diagnostic::error(
            "invalid_glob",
            format!("`discovery.files` has `{glob}`, which is no glob"),
        )
        .help("write it as `models/**/*.sql`")
    };
    for glob in &discovery.files {
        set.add(
            GlobBuilder::new(glob)
                .literal_separator(true)
                .build()
                .map_err(|_| fault(glob))?,
        );
    }
    set.build().map_err(|_| fault(&discovery.files.join(", ")))
}

fn fault_of_file(path: &str, code: &'static str, message: String) -> Diagnostic {
    Diagnostic::error(code, message)
        .help("mend the file, or leave it out of `discovery.files`")
        .at(start_of(path))
}

fn start_of(path: &str) -> Place {
    Place {
        file: Arc::from(path),
        line: 1,
        column: 1,
    }
}

/// What was there and is no more: nothing of it is compared, and that is said.
fn gone(changed: &[ChangedFile], globs: &GlobSet) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    for file in changed {
        let (path, message) = match (file.change, &file.previous) {
            (FileChange::Deleted, _) => (
                &file.path,
                "the file is deleted: what it created is not compared".to_owned(),
            ),
            (FileChange::Written, Some(previous)) if !globs.is_match(&file.path) => (
                previous,
                format!(
                    "the file is now `{}`, which is not read: what it creates is not compared",
                    file.path
                ),
            ),
            (FileChange::Written, _) => continue,
        };
        if globs.is_match(path) {
            said.push(
                Diagnostic::warning("deleted_file", message)
                    .help("drop its tables where they are no longer wanted")
                    .at(start_of(path)),
            );
        }
    }
    said
}

/// What placeholders in names stand for, on either side.
struct Sides {
    production: Placeholders,
    pull_request: Placeholders,
}

fn sides(discovery: &Discovery, placeholders: &Placeholders) -> Result<Sides, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let mut filled = Vec::new();
    for (name, value) in &discovery.pull_request {
        match placeholders.fill(value) {
            Ok(value) => filled.push((name.clone(), value)),
            Err(unresolved) => faults.extend(unresolved.into_iter().map(|one| {
                let message = format!("`discovery.pull_request.{name}`: {}", one.message);
                Diagnostic::error("unknown_placeholder", message).help(one.help)
            })),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Sides {
        production: Placeholders::new(discovery.production.iter().cloned()),
        pull_request: Placeholders::new(filled),
    })
}

/// The same comparison of several statements is one: `drop` and `create` again, a table and the view over it are not.
fn without_repeats(drafts: Vec<Draft>) -> Vec<Draft> {
    let said = |draft: &Draft| {
        let texts = |spots: &[Spot]| -> Vec<String> { spots.iter().map(|spot| spot.text.clone()).collect() };
        let tables = [draft.production.text.clone(), draft.pull_request.text.clone()];
        (
            tables,
            [&draft.primary_key, &draft.include, &draft.exclude].map(|spots| texts(spots)),
        )
    };
    let mut seen = std::collections::HashSet::new();
    drafts.into_iter().filter(|draft| seen.insert(said(draft))).collect()
}

struct Reader<'a> {
    told: Told,
    sides: &'a Sides,
}

impl Reader<'_> {
    fn drafts(&mut self, text: &str, data_source_type: Option<&str>) -> Vec<Draft> {
        let (pieces, unread) = pieces(text, data_source_type);
        if let Some(line) = unread {
            let place = self.told.place(Mark { line, column: 1 });
            self.told.warning(
                place,
                "unread_sql",
                "a text, comment or name begins near here and does not end; what stands around it may be missed"
                    .to_owned(),
                "close its quote",
            );
        }
        let statements = self.bound(pieces);
        if statements.is_empty() {
            let place = self.told.place(Mark { line: 1, column: 1 });
            self.told.warning(
                place,
                "creates_nothing",
                "the file creates no table and no view: nothing of it is compared".to_owned(),
                "name its tables in a diffs file, or leave it out of `discovery.files`",
            );
        }
        statements
            .into_iter()
            .filter_map(|(head, annotation)| self.draft(&head, annotation))
            .collect()
    }

    /// Statements with their annotations. A comment is about the statement that follows it; one inside of a statement about that one, if
    /// nothing was said of it; one behind all about the file's only statement.
    fn bound(&mut self, pieces: Vec<Piece>) -> Vec<(Head, Option<Annotation>)> {
        let mut statements: Vec<(Head, Option<Annotation>)> = Vec::new();
        let mut waiting: Option<Annotation> = None;
        let mut is_inside = false;
        for piece in pieces {
            match piece {
                Piece::Creates(head) => {
                    statements.push((head, waiting.take()));
                    is_inside = true;
                }
                Piece::Comment { text, at } => {
                    let Some(annotation) = self.annotation(&text, at) else {
                        continue;
                    };
                    if let Some(before) = waiting.replace(annotation) {
                        self.unbound(&before);
                    }
                }
                Piece::Other | Piece::End => {
                    if let Some((_, told)) = statements.last_mut().filter(|_| is_inside)
                        && let Some(annotation) = waiting.take()
                    {
                        match told {
                            None => *told = Some(annotation),
                            Some(_) => self.unbound(&annotation),
                        }
                    }
                    is_inside &= piece == Piece::Other;
                }
            }
        }
        if let Some(annotation) = waiting {
            match statements.as_mut_slice() {
                [(_, told @ None)] => *told = Some(annotation),
                [.., (_, told @ None)] if is_inside => *told = Some(annotation),
                _ => self.unbound(&annotation),
            }
        }
        statements
    }

    fn annotation(&mut self, text: &str, at: Mark) -> Option<Annotation> {
        let (annotation, faults) = annotation::read(text, at);
        for fault in faults {
            let place = self.told.place(fault.at);
            self.told.error(place, "annotation", fault.message, fault.help);
        }
        annotation
    }

    fn unbound(&mut self, annotation: &Annotation) {
        let place = self.told.place(annotation.at.unwrap_or(Mark { line: 1, column: 1 }));
        self.told.error(
            place,
            "unbound_annotation",
            "this annotation belongs to no statement that creates a table or view".to_owned(),
            "put it on a line before the statement that it is about, one for each",
        );
    }

    fn draft(&mut self, head: &Head, annotation: Option<Annotation>) -> Option<Draft> {
        let at = self.told.place(head.at);
        let Some(name) = &head.name else {
            self.told.error(
                at,
                "unread_name",
                "the table's name is not written here".to_owned(),
                "write it out, with `${name}` for what differs",
            );
            return None;
        };
        if head.lasts == Lasts::Session {
            let message = format!("`{name}` is temporary: nobody else can read it, and it is not compared");
            self.told
                .warning(at, "temporary_table", message, "compare the table that is made from it");
            return None;
        }
        let (production, pull_request) = self.names(name, &at)?;
        if production == pull_request {
            let message =
                format!("`{production}` has the same name in production and in the pull request, and is not compared");
            let help = "put a placeholder into its name, such as `${schema}`, with values in `discovery.production` and `discovery.pull_request`";
            self.told.warning(at, "same_table", message, help);
            return None;
        }
        let annotation = annotation.unwrap_or_default();
        let spots = |names: Vec<(String, Mark)>| -> Vec<Spot> {
            names
                .into_iter()
                .map(|(text, mark)| Spot {
                    text,
                    at: self.told.place(mark),
                })
                .collect()
        };
        Some(Draft {
            production: Spot {
                text: production,
                at: at.clone(),
            },
            pull_request: Spot {
                text: pull_request,
                at: at.clone(),
            },
            primary_key: spots(annotation.primary_key),
            include: spots(annotation.include),
            exclude: spots(annotation.exclude),
            at,
        })
    }

    /// The name on either side, dotted and without quotes.
    fn names(&mut self, name: &str, at: &Place) -> Option<(String, String)> {
        let mut unresolved: Vec<String> = Vec::new();
        let mut sides = Vec::new();
        for (key, side) in [
            ("production", &self.sides.production),
            ("pull_request", &self.sides.pull_request),
        ] {
            match side.fill(name) {
                Ok(filled) => sides.push(filled),
                Err(faults) => unresolved.extend(
                    faults
                        .into_iter()
                        .map(|fault| format!("{} in `discovery.{key}`", fault.message)),
                ),
            }
        }
        for message in unresolved {
            let help = "give it a value there, in the CI configuration";
            self.told.error(
                at.clone(),
                "unresolved_placeholder",
                format!("`{name}`: {message}"),
                help,
            );
        }
        let [production, pull_request] = sides.as_slice() else {
            return None;
        };
        match (dotted(production), dotted(pull_request)) {
            (Some(production), Some(pull_request)) => Some((production, pull_request)),
            _ => {
                let message = format!("`{name}` is no name that can be written with dots alone");
                let help = "write it out without templates, other than `${name}`, and without dots inside of quotes";
                self.told.error(at.clone(), "unread_name", message, help);
                None
            }
        }
    }
}

/// A name of SQL as the platform has it: parts without quotes, joined by dots. `None`: a part has a dot or quote of its own, or is a template.
fn dotted(name: &str) -> Option<String> {
    let parts = table_names::parts(name)?;
    // BigQuery takes a whole path between one pair of backticks.
    let is_path = name.starts_with('`') && parts.len() == 1;
    let is_plain = |part: &String| {
        let is_foreign = part.contains(['"', '`', '{', '}', '$', '\n']) || part.contains('.') && !is_path;
        !part.trim().is_empty() && !is_foreign
    };
    parts.iter().all(is_plain).then(|| parts.join("."))
}

#[cfg(test)]
mod tests;
