//! The folder that an export writes to, as it is: which of its files declares which resource, and where each resource goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use driftless_core::key::{Key, Kind};
use driftless_core::load::{Declared, Layers, declared, named};
use driftless_core::overlay::is_deletion;
use driftless_core::schema::{Location, Schema};
use driftless_core::substitute::Variables;
use driftless_core::tree::{Content, Refusal};
use driftless_core::value::Map;

use super::merge;
use crate::cli::wire;
use crate::platform::qualytics;
use crate::platform::qualytics::files::{ExportedFile, Identity};
use crate::source::Source as _;
use crate::source::dir::DirSource;
use crate::source::file::Limits;
use crate::variables::Values;

/// A folder before an export.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) declared: Vec<Declared>,
    /// What the placeholders of its files stand for.
    pub(super) variables: Variables,
    /// Paths of YAML files that are there, whatever they hold.
    occupied: BTreeSet<String>,
    /// Files in a document's place of which nothing can be told.
    unreadable: BTreeSet<String>,
}

/// Where an exported file goes.
pub(super) enum Target<'a> {
    /// To a file that does not exist.
    New(String),
    /// To the file that declares the resource.
    Existing(&'a Declared),
    /// Nowhere: what stands in its place cannot be read, and may be the resource itself.
    Blocked(String),
}

impl Target<'_> {
    /// Its path.
    pub(super) fn path(&self) -> &str {
        match self {
            Target::New(path) | Target::Blocked(path) => path,
            Target::Existing(declared) => &declared.path,
        }
    }
}

impl Folder {
    /// Reads the folder with the loader's own eyes; one that is not there is empty.
    pub(super) async fn read(root: &Path, values: &dyn Values) -> anyhow::Result<Self> {
        if !root.is_dir() {
            return Ok(Self::default());
        }
        let source = DirSource::open("export", root, Limits::default())?;
        let revision = source.head().await?;
        let tree = source.checkout(&revision, &[String::new()]).await?;
        let schema = qualytics::schema();
        let layers = Layers {
            base: "",
            overlays: &[],
        };
        let files = named::files(&tree, &layers, schema);
        let variables = values.read(&files).map_err(|found| wire::faults(&found))?;
        let declared = declared(&tree, layers.base, &variables, schema);
        let known: BTreeSet<&str> = declared.iter().map(|declared| declared.path.as_ref()).collect();
        let mut folder = Self::default();
        for file in &tree.files {
            // A link is replaced, never followed: what it points at is not touched.
            if file.content == Content::Refused(Refusal::Symlink) {
                continue;
            }
            folder.occupied.insert(file.path.to_string());
            let is_document = matches!(schema.locate(&file.path), Location::Document { .. });
            if is_document && !known.contains(file.path.as_ref()) {
                folder.unreadable.insert(file.path.to_string());
            }
        }
        folder.declared = declared;
        folder.variables = variables;
        Ok(folder)
    }

    /// A place for each of `files`, in their order: the file that declares the resource already, wherever it lies; otherwise the
    /// path of the export, in the folder that its datastore and container have here, numbered where that is taken.
    pub(super) fn places(&self, files: &[ExportedFile], free: &BTreeSet<String>) -> Vec<Target<'_>> {
        let found = self.matches(files);
        let folders = self.folders(files, &found, free);
        let mut taken: BTreeSet<String> = self.occupied.difference(free).cloned().collect();
        let mut targets = Vec::new();
        for (file, found) in files.iter().zip(found) {
            let target = match found {
                Some(declared) => Target::Existing(declared),
                None => {
                    let path = relocated(&file.path, &folders);
                    if self.unreadable.contains(&path) {
                        Target::Blocked(path)
                    } else {
                        Target::New(vacant(&path, &taken))
                    }
                }
            };
            taken.insert(target.path().to_owned());
            targets.push(target);
        }
        targets
    }

    /// The file that declares each resource: by its key; where several do, or none does, by what makes two resources the same.
    fn matches(&self, files: &[ExportedFile]) -> Vec<Option<&Declared>> {
        let mut by_name: BTreeMap<(Kind, &str), Vec<usize>> = BTreeMap::new();
        let mut by_likeness: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut likenesses: Vec<Option<String>> = Vec::new();
        for (index, declared) in self.declared.iter().enumerate() {
            by_name
                .entry((declared.key.kind, declared.key.name()))
                .or_default()
                .push(index);
            let likeness = merge::map(&declared.parsed).and_then(|spec| likeness(&declared.key, spec));
            if let Some(likeness) = &likeness {
                by_likeness.entry(likeness.clone()).or_default().push(index);
            }
            likenesses.push(likeness);
        }
        let own: Vec<Option<String>> = files
            .iter()
            .map(|file| {
                likeness(
                    &file.key,
                    merge::map(&driftless_core::yaml::parse(file.text.as_bytes()))?,
                )
            })
            .collect();
        let mut claimed: BTreeSet<usize> = BTreeSet::new();
        let mut found: Vec<Option<usize>> = vec![None; files.len()];
        for pass in [Pass::KeyAndLikeness, Pass::LiveKey, Pass::Likeness, Pass::Key] {
            for ((file, own), slot) in files.iter().zip(&own).zip(&mut found) {
                if slot.is_some() || (pass == Pass::LiveKey && file.identity == Identity::Generated) {
                    continue;
                }
                let by_name = || by_name.get(&(file.key.kind, file.key.name()));
                let candidates = match (pass, own) {
                    (Pass::Likeness, None) => continue,
                    (Pass::Likeness, Some(own)) => by_likeness.get(own),
                    (Pass::KeyAndLikeness | Pass::LiveKey | Pass::Key, _) => by_name(),
                };
                let fits = |index: &&usize| {
                    let declared = self.declared.get(**index);
                    let alike = pass != Pass::KeyAndLikeness || likenesses.get(**index) == Some(own);
                    !claimed.contains(*index)
                        && alike
                        && declared.is_some_and(|declared| same_parents(declared, &file.key))
                };
                let mut candidates: Vec<usize> = candidates.into_iter().flatten().filter(fits).copied().collect();
                let stands_there = |index: &usize| self.declared.get(*index).is_some_and(|one| *one.path == *file.path);
                candidates.sort_by_key(|index| !stands_there(index));
                *slot = candidates.first().copied();
                claimed.extend(*slot);
            }
        }
        found.into_iter().map(|index| self.declared.get(index?)).collect()
    }

    /// The folders of the export that are called otherwise here, the deepest first: as the folder has them, and numbered where
    /// what stands in their place belongs to something else, and is not among what is `free`.
    fn folders(
        &self,
        files: &[ExportedFile],
        found: &[Option<&Declared>],
        free: &BTreeSet<String>,
    ) -> Vec<(String, String)> {
        let mut own: BTreeMap<(Kind, &[String]), &Declared> = BTreeMap::new();
        for declared in &self.declared {
            own.entry((declared.key.kind, declared.key.path())).or_insert(declared);
        }
        let mut folders: BTreeSet<(String, String)> = BTreeSet::new();
        let mut nameless: BTreeSet<String> = BTreeSet::new();
        for file in files {
            let theirs: Vec<&str> = file.path.split('/').collect();
            for (depth, kind) in [(1, qualytics::kinds::DATASTORE), (2, qualytics::kinds::CONTAINER)] {
                let parents = file.key.path().get(..depth).unwrap_or_default();
                let own = own.get(&(kind, parents));
                let folder = theirs.get(..2 * depth).unwrap_or_default().join("/");
                let names_both = ["datastores", "containers"].iter().zip(theirs.iter().step_by(2));
                let is_folder = theirs.len() > 2 * depth && names_both.take(depth).all(|(one, other)| one == other);
                match own {
                    Some(own) if is_folder => {
                        folders.insert((folder, parent(&own.path).to_owned()));
                    }
                    None if is_folder => {
                        nameless.insert(folder);
                    }
                    Some(_) | None => {}
                }
            }
        }
        // A table's folder has no document of its own: its computed fields tell where it is.
        for (file, found) in files.iter().zip(found) {
            if let (qualytics::kinds::COMPUTED_FIELD, Some(found)) = (file.key.kind, found) {
                folders.insert((parent(&file.path).to_owned(), parent(&found.path).to_owned()));
            }
        }
        let mut taken: BTreeSet<String> = own
            .values()
            .filter(|own| matches!(own.key.kind, qualytics::kinds::DATASTORE | qualytics::kinds::CONTAINER))
            .filter(|own| !free.contains(own.path.as_ref()))
            .map(|own| parent(&own.path).to_owned())
            .collect();
        taken.extend(folders.iter().map(|(_, ours)| ours.clone()));
        let by_depth = |folders: &mut Vec<(String, String)>| {
            folders.sort_by_key(|(theirs, _)| std::cmp::Reverse(theirs.len()));
        };
        let mut folders: Vec<_> = folders.into_iter().collect();
        by_depth(&mut folders);
        // A datastore's folder stands before those in it.
        for theirs in nameless {
            if folders.iter().any(|(known, _)| *known == theirs) {
                continue;
            }
            let ours = vacant(&relocated(&theirs, &folders), &taken);
            taken.insert(ours.clone());
            folders.push((theirs, ours));
            by_depth(&mut folders);
        }
        folders.retain(|(theirs, ours)| theirs != ours);
        folders
    }

    /// The id that `declared` gives the check of `file`, where the check stores none and nothing else has that id.
    pub(super) fn chosen_uid<'a>(
        &self,
        file: &ExportedFile,
        declared: &'a Declared,
        live: &BTreeSet<&Key>,
    ) -> Option<&'a str> {
        let same_name = self.declared.iter().filter(|other| other.key == declared.key);
        let is_free = declared.key == file.key || !live.contains(&declared.key);
        let keeps = file.identity == Identity::Generated && is_free && same_name.count() == 1;
        keeps.then(|| declared.key.name())
    }

    /// Datastores that the folder declares and of which nothing was exported: gone, renamed, or not to be seen.
    pub(super) fn without_datastore<'a>(&'a self, files: &[ExportedFile]) -> Vec<(&'a str, &'a Key)> {
        let live: BTreeSet<&Key> = files.iter().map(|file| &file.key).collect();
        self.declared
            .iter()
            .filter(|one| one.key.kind == qualytics::kinds::DATASTORE && !live.contains(&one.key))
            .filter(|one| !merge::map(&one.parsed).is_some_and(|spec| is_deletion(&spec)))
            .map(|one| (one.path.as_ref(), &one.key))
            .collect()
    }

    /// Files of the folders that were read which declare nothing that is live.
    pub(super) fn stale(&self, exported: &super::Read<'_>) -> Vec<&Declared> {
        let keys: BTreeSet<&Key> = exported.files.iter().map(|file| &file.key).collect();
        let claimed: BTreeSet<&str> = exported.targets.iter().map(Target::path).collect();
        let folders: BTreeSet<&str> = exported
            .targets
            .iter()
            .filter_map(|target| datastore(target.path()))
            .collect();
        let in_scope = |declared: &&Declared| match datastore(&declared.path) {
            Some(folder) => folders.contains(folder),
            None => exported.every_connection && !exported.others.contains(&declared.key),
        };
        let stays = |declared: &&Declared| {
            keys.contains(&declared.key)
                || claimed.contains(declared.path.as_ref())
                || merge::map(&declared.parsed).is_some_and(|spec| is_deletion(&spec))
        };
        self.declared
            .iter()
            .filter(in_scope)
            .filter(|declared| !stays(declared))
            .collect()
    }
}

/// What a file and a resource must have in common, the surest first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    KeyAndLikeness,
    /// The key, where the instance says it.
    LiveKey,
    Likeness,
    Key,
}

/// Whether the file lies below the parents that `key` names, of which it may know the slugs alone.
fn same_parents(declared: &Declared, key: &Key) -> bool {
    let (own, other) = (declared.key.path(), key.path());
    let parents = other.len().saturating_sub(1);
    let schema = qualytics::schema();
    own.len() == other.len()
        && own
            .iter()
            .zip(other)
            .take(parents)
            .enumerate()
            .all(|(at, (own, other))| {
                let is_slug = declared.by_slug.iter().any(|by_slug| by_slug.segment == at);
                own == other || (is_slug && schema.slug(own) == schema.slug(other))
            })
}

fn likeness(key: &Key, spec: Map) -> Option<String> {
    qualytics::schema().likeness(key.kind, &merge::normal(key, spec))
}

/// The folder of the datastore below which a path lies.
pub(super) fn datastore(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("datastores/")?;
    let end = rest.find('/')?;
    path.get(.."datastores/".len() + end)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn relocated(path: &str, folders: &[(String, String)]) -> String {
    let within = |folder: &str| path.strip_prefix(folder).filter(|rest| rest.starts_with('/'));
    let found = folders
        .iter()
        .find_map(|(theirs, ours)| Some(format!("{ours}{}", within(theirs)?)));
    found.unwrap_or_else(|| path.to_owned())
}

/// The path of a file or folder, or what it is with the first number that makes it free.
fn vacant(path: &str, taken: &BTreeSet<String>) -> String {
    let (stem, end) = path.strip_suffix(".yaml").map_or((path, ""), |stem| (stem, ".yaml"));
    let numbered = (2_u64..).map(|number| format!("{stem}_{number}{end}"));
    let mut candidates = std::iter::once(path.to_owned()).chain(numbered);
    candidates
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or_default()
}
