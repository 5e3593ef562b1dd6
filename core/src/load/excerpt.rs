//! The lines that diagnostics stand at, where they may be shown.

use crate::diagnostic::{Diagnostic, Place};
use crate::field::FieldPath;
use crate::key::Kind;
use crate::schema::{Location, Schema};
use crate::tree::{Content, Tree};
use crate::yaml::{Mark, Node, Parsed};

use super::collection::entries;
use super::{Layers, within};

/// What stands for a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// Bytes of the longest line that is shown: a longer one is no help, and a thousand faults may stand on it.
const LONGEST: usize = 500;

/// Gives each diagnostic that has a place, and no line yet, the line at its place. Of a kind that can hold secrets only the name of
/// a field is shown, and of what lies inside of a secret field nothing.
pub(crate) fn show_lines(diagnostics: &mut [Diagnostic], tree: &Tree, layers: &Layers<'_>, schema: &dyn Schema) {
    for diagnostic in diagnostics {
        if let (Some(place), None) = (&diagnostic.place, &diagnostic.excerpt) {
            diagnostic.excerpt = line(place, tree, layers, schema);
        }
    }
}

fn line(place: &Place, tree: &Tree, layers: &Layers<'_>, schema: &dyn Schema) -> Option<String> {
    let at = tree.files.binary_search_by(|file| file.path.cmp(&place.file)).ok()?;
    let Content::Yaml(parsed) = &tree.files.get(at)?.content else {
        return None;
    };
    let (kind, field) = kind_of(&place.file, layers, schema)?;
    let line = parsed
        .text
        .lines()
        .nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
    if line.len() > LONGEST {
        return None;
    }
    let secrets = schema.spec(kind)?.secrets;
    if secrets.is_empty() {
        return (!names_secret(line, schema)).then(|| line.to_owned());
    }
    let mark = Mark {
        line: place.line,
        column: place.column,
    };
    let path = path_at(parsed, mark, field)?;
    let mut secrets = secrets.iter().map(|secret| FieldPath::dotted(secret));
    let is_inside = secrets.any(|secret| path != secret && path.is_within(&secret));
    let name = path.keys().last().filter(|_| !is_inside)?;
    name_alone(line, mark, name)
}

/// Whether a line gives a value to a name that is a secret field's in some kind: what stands in the wrong file is a secret still.
fn names_secret(line: &str, schema: &dyn Schema) -> bool {
    let line = line.to_ascii_lowercase();
    let secrets = schema.kinds().iter().flat_map(|kind| kind.secrets);
    let mut names = secrets.map(|secret| secret.rsplit_once('.').map_or(*secret, |(_, name)| name));
    names.any(|name| {
        line.match_indices(name).any(|(at, _)| {
            let rest = line.get(at + name.len()..).unwrap_or_default();
            rest.trim_start_matches(['"', '\'', ' ']).starts_with(':')
        })
    })
}

/// The kind of the document in the innermost layer that has the file; of the documents, and the field that holds them, where it is
/// for several.
fn kind_of(file: &str, layers: &Layers<'_>, schema: &dyn Schema) -> Option<(Kind, Option<&'static str>)> {
    let folders = layers.overlays.iter().rev().map(String::as_str);
    folders
        .chain(std::iter::once(layers.base))
        .filter_map(|folder| within(file, folder))
        .find_map(|path| match schema.locate(path) {
            Location::Document { kind, .. } => Some((kind, None)),
            Location::Collection { kind, field, .. } => Some((kind, Some(field))),
            Location::Ignored | Location::Misplaced { .. } => None,
        })
}

/// The line without all that follows the field's name, which must be the first thing on it.
fn name_alone(line: &str, mark: Mark, name: &str) -> Option<String> {
    let before = usize::try_from(mark.column).ok()?.checked_sub(1)?;
    let (indent, rest) = line.split_at_checked(before)?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_first = indent.bytes().all(|byte| byte == b' ');
    let ends = rest.strip_prefix(name)?.starts_with(':');
    (is_plain && is_first && ends).then(|| format!("{indent}{name}: {HIDDEN}"))
}

/// The path of the field whose name begins at `mark`, within its document where `collection` holds several.
fn path_at(parsed: &Parsed, mark: Mark, collection: Option<&str>) -> Option<FieldPath> {
    fn search(node: &Node, mark: Mark, above: Option<&FieldPath>) -> Option<FieldPath> {
        // A path does not go into a list.
        node.entries().iter().find_map(|entry| {
            let path = above.map_or_else(
                || FieldPath::top(entry.key.clone()),
                |above| above.child(entry.key.clone()),
            );
            if entry.at == mark {
                Some(path)
            } else {
                search(&entry.value, mark, Some(&path))
            }
        })
    }
    let root = parsed.root.as_ref()?;
    let documents = collection.map_or(&[][..], |field| entries(root, field));
    let mut inside = documents.iter().map(|entry| search(&entry.value, mark, None));
    inside.find_map(|path| path).or_else(|| search(root, mark, None))
}
