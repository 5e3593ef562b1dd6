//! Reading one commit's files from the object database: no work tree, each blob parsed once.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use driftless_core::key::Revision;
use driftless_core::tree::{Content, File, Refusal, Tree};
use git2::{Commit, ErrorCode, ObjectType, Odb, Oid, Repository};
use sha2::{Digest as _, Sha256};

use crate::source::file::{self, Limits};
use crate::source::{SourceError, SourceFault, TreeId};

/// Why a commit's files could not be read.
#[derive(Debug)]
pub(super) enum ReadFault {
    /// The commit is not in the mirror.
    Absent,
    /// The mirror is damaged; says how.
    Broken(String),
    /// The mirror is sound: the caller asked for something that is not there, or not to be read.
    Source(SourceError),
}

impl From<SourceError> for ReadFault {
    fn from(error: SourceError) -> Self {
        ReadFault::Source(error)
    }
}

impl From<git2::Error> for ReadFault {
    fn from(error: git2::Error) -> Self {
        ReadFault::Broken(error.message().to_owned())
    }
}

/// What each blob holds, for the blobs of the newest trees.
#[derive(Default)]
pub(super) struct Blobs {
    known: HashMap<Oid, Blob>,
    /// The blobs of the newest tree for each set of folders, with the turn in which it was read.
    newest: BTreeMap<Vec<String>, (u64, HashSet<Oid>)>,
    turn: u64,
    parsed: u64,
}

#[derive(Clone)]
struct Blob {
    content: Content,
    bytes: u64,
}

/// Sets of folders whose newest tree is kept: more than environments on one source; a removed one ages out.
const TREES: usize = 64;

impl Blobs {
    /// How many texts have been parsed so far.
    pub(super) fn parsed(&self) -> u64 {
        self.parsed
    }

    /// How many blobs are kept.
    pub(super) fn kept(&self) -> usize {
        self.known.len()
    }

    fn get(&mut self, odb: &Odb<'_>, oid: Oid, limits: &Limits) -> Result<Blob, ReadFault> {
        if let Some(blob) = self.known.get(&oid) {
            return Ok(blob.clone());
        }
        let (bytes, kind) = odb.read_header(oid)?;
        if kind != ObjectType::Blob {
            return Err(ReadFault::Broken(format!("{oid} is a {kind} and not a file")));
        }
        let bytes = bytes as u64;
        let blob = if bytes > limits.file_bytes {
            Blob {
                content: Content::Refused(Refusal::TooLarge { bytes }),
                bytes: 0,
            }
        } else {
            let content = file::read(odb.read(oid)?.data());
            if matches!(content, Content::Yaml(_)) {
                self.parsed += 1;
            }
            Blob { content, bytes }
        };
        self.known.insert(oid, blob.clone());
        Ok(blob)
    }

    /// Forgets what none of the newest trees holds.
    fn keep(&mut self, folders: Vec<String>, used: HashSet<Oid>) {
        self.turn += 1;
        self.newest.insert(folders, (self.turn, used));
        if self.newest.len() > TREES {
            let oldest = self.newest.iter().min_by_key(|(_, (turn, _))| *turn);
            if let Some(folders) = oldest.map(|(folders, _)| folders.clone()) {
                self.newest.remove(&folders);
            }
        }
        let newest = &self.newest;
        self.known
            .retain(|oid, _| newest.values().any(|(_, used)| used.contains(oid)));
    }
}

/// Bytes of a commit; messages are some kilobytes.
const COMMIT_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of one entry of a folder with the longest name that file systems take: mode, name, id.
const ENTRY_BYTES: usize = 300;

/// Looks at the size of a folder before it is loaded: few compressed bytes can hold very many entries.
fn within(odb: &Odb<'_>, tree: Oid, limits: &Limits) -> Result<(), ReadFault> {
    let (bytes, _) = odb.read_header(tree)?;
    if bytes > limits.files.saturating_mul(ENTRY_BYTES) {
        return Err(file::too_many(limits).into());
    }
    Ok(())
}

/// The commit `oid`, unless it is larger than anybody writes one.
pub(super) fn find_commit(repository: &Repository, oid: Oid) -> Result<Commit<'_>, ReadFault> {
    match repository.odb()?.read_header(oid) {
        Ok((bytes, ObjectType::Commit)) if bytes <= COMMIT_BYTES => Ok(repository.find_commit(oid)?),
        Ok((_, ObjectType::Commit)) => Err(ReadFault::Source(SourceError::new(
            SourceFault::Unreadable,
            format!("the message of commit {oid} is over {COMMIT_BYTES} bytes: commit again with a shorter one"),
        ))),
        Ok((_, kind)) => Err(ReadFault::Source(SourceError::new(
            SourceFault::Missing,
            format!("{oid} is a {kind} and no commit: name a commit"),
        ))),
        Err(error) if error.code() == ErrorCode::NotFound => Err(ReadFault::Absent),
        Err(error) => Err(error.into()),
    }
}

/// Whether the history of `newer` holds `older`. The mirror has all of it: it is never fetched in part.
pub(super) fn descends(repository: &Repository, newer: Oid, older: Oid) -> Result<bool, ReadFault> {
    find_commit(repository, newer)?;
    if !repository.odb()?.exists(older) {
        return Ok(false);
    }
    Ok(repository.graph_descendant_of(newer, older)?)
}

/// What stands for all that lies under `folders` (normal, from the root) at commit `oid`: their ids, in their order.
pub(super) fn fingerprint(
    repository: &Repository,
    oid: Oid,
    folders: &[String],
    limits: &Limits,
) -> Result<TreeId, ReadFault> {
    let odb = repository.odb()?;
    let commit = find_commit(repository, oid)?;
    within(&odb, commit.tree_id(), limits)?;
    let root = commit.tree()?;
    let mut digest = Sha256::new();
    for folder in folders {
        let mut tree = Some(root.clone());
        let mut found = Some((0o040_000, root.id()));
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            found = match &tree {
                Some(tree) => tree
                    .get_name_bytes(name.as_bytes())
                    .map(|entry| (entry.filemode_raw(), entry.id())),
                None => None, // Below a file, a link or a submodule is nothing.
            };
            tree = match found {
                Some((mode, id)) if matches!(Mode::of(mode), Mode::Folder) => {
                    within(&odb, id, limits)?;
                    Some(repository.find_tree(id)?)
                }
                _ => None,
            };
        }
        let found = found.map_or("absent".to_owned(), |(mode, id)| format!("{mode:o} {id}"));
        digest.update(format!("{} {folder} {found}\n", folder.len()));
    }
    Ok(TreeId(
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}

/// Reads the files under `folders` (normal, from the root) at commit `oid`.
pub(super) fn read(
    repository: &Repository,
    oid: Oid,
    folders: &[String],
    limits: &Limits,
    blobs: &mut Blobs,
) -> Result<Tree, ReadFault> {
    let odb = repository.odb()?;
    let commit = find_commit(repository, oid)?;
    let revision = Revision(oid.to_string());
    within(&odb, commit.tree_id(), limits)?;
    let root = commit.tree()?;
    let mut walk = Walk {
        repository,
        odb: &odb,
        limits,
        blobs,
        seen: 0,
        bytes: 0,
        used: HashSet::new(),
        files: BTreeMap::new(),
    };
    for folder in folders {
        let tree = find(repository, &odb, &root, folder, &revision, limits)?;
        walk.folder(tree.id(), folder)?;
    }
    let Walk { used, files, .. } = walk;
    blobs.keep(folders.to_vec(), used);
    Ok(Tree {
        revision,
        files: files
            .into_iter()
            .map(|(path, content)| File { path, content })
            .collect(),
    })
}

fn find<'r>(
    repository: &'r Repository,
    odb: &Odb<'_>,
    root: &git2::Tree<'r>,
    folder: &str,
    revision: &Revision,
    limits: &Limits,
) -> Result<git2::Tree<'r>, ReadFault> {
    let missing = |why: &str| {
        ReadFault::Source(SourceError::new(
            SourceFault::Missing,
            format!(
                "the folder `{folder}` {why} at revision {}: correct the environment's `path` or `overlays`, or push the folder",
                revision.short()
            ),
        ))
    };
    let mut tree = root.clone();
    for name in folder.split('/').filter(|name| !name.is_empty()) {
        let Some(entry) = tree.get_name_bytes(name.as_bytes()) else {
            return Err(missing("does not exist"));
        };
        let (id, mode) = (entry.id(), Mode::of(entry.filemode_raw()));
        drop(entry);
        tree = match mode {
            Mode::Folder => {
                within(odb, id, limits)?;
                repository.find_tree(id)?
            }
            Mode::File => return Err(missing("is a file")),
            Mode::Symlink => return Err(missing("is, or lies behind, a symbolic link, which is not followed")),
            Mode::Submodule => return Err(missing("is, or lies in, a submodule, which is not read")),
        };
    }
    Ok(tree)
}

enum Mode {
    Folder,
    File,
    Symlink,
    Submodule,
}

impl Mode {
    /// The type bits of a tree entry's mode; the rest are permissions.
    fn of(raw: i32) -> Self {
        match raw & 0o170_000 {
            0o040_000 => Mode::Folder,
            0o120_000 => Mode::Symlink,
            0o160_000 => Mode::Submodule,
            _ => Mode::File,
        }
    }
}

struct Walk<'a> {
    repository: &'a Repository,
    odb: &'a Odb<'a>,
    limits: &'a Limits,
    blobs: &'a mut Blobs,
    seen: usize,
    bytes: u64,
    used: HashSet<Oid>,
    files: BTreeMap<Arc<str>, Content>,
}

impl Walk<'_> {
    /// An explicit stack: a hostile repository chooses the depth.
    fn folder(&mut self, tree: Oid, path: &str) -> Result<(), ReadFault> {
        let mut stack = vec![(tree, path.to_owned(), 0)];
        while let Some((id, path, depth)) = stack.pop() {
            if depth > file::DEPTH {
                return Err(file::too_deep(&path).into());
            }
            within(self.odb, id, self.limits)?;
            for entry in &self.repository.find_tree(id)? {
                self.seen += 1;
                if self.seen > self.limits.files {
                    return Err(file::too_many(self.limits).into());
                }
                let name = entry.name_bytes();
                let below = join(&path, &String::from_utf8_lossy(name));
                let valid = std::str::from_utf8(name).is_ok();
                match Mode::of(entry.filemode_raw()) {
                    Mode::Folder if valid => stack.push((entry.id(), below, depth + 1)),
                    Mode::Folder => self.put(below, file::name_not_utf8("folder")),
                    Mode::Symlink => self.put(below, Content::Refused(Refusal::Symlink)),
                    Mode::Submodule => self.put(below, Content::Refused(Refusal::Submodule)),
                    Mode::File if !file::is_wanted(name) => {}
                    Mode::File if valid => self.file(below, entry.id())?,
                    Mode::File => self.put(below, file::name_not_utf8("file")),
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String, oid: Oid) -> Result<(), ReadFault> {
        let blob = self.blobs.get(self.odb, oid, self.limits)?;
        if self.used.insert(oid) {
            self.bytes = self.bytes.saturating_add(blob.bytes);
            if self.bytes > self.limits.tree_bytes {
                return Err(file::too_much(self.limits).into());
            }
        }
        self.put(path, blob.content);
        Ok(())
    }

    /// Folders may overlap, and two names may be alike once their invalid bytes are replaced: the first stays.
    fn put(&mut self, path: String, content: Content) {
        if let Entry::Vacant(entry) = self.files.entry(path.into()) {
            entry.insert(content);
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}
