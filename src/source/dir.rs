//! A folder of this machine as a source: for a bare instance, where no repository is watched.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use driftless_core::key::Revision;
use driftless_core::tree::{Content, File, Refusal, Tree};
use sha2::{Digest as _, Sha256};

use super::file::{self, Limits};
use super::{Commit, Source, SourceError, SourceFault};

type Sum = [u8; 32];

/// A folder, read at the moment it is asked for. Its revision is the digest of the paths and contents of its files.
pub struct DirSource {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    root: PathBuf,
    limits: Limits,
    /// The newest reading, so that a plan is made of exactly what its revision names.
    newest: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    revision: Option<Revision>,
    files: BTreeMap<Arc<str>, (Sum, Content)>,
    folders: Vec<String>,
    parsed: u64,
}

impl DirSource {
    /// A source called `name` over the folder `root`; paths are relative to it.
    ///
    /// # Errors
    /// `root` is no folder that can be read.
    pub fn open(name: impl Into<String>, root: impl AsRef<Path>, limits: Limits) -> Result<Self, SourceError> {
        let root = root.as_ref();
        let found = fs::canonicalize(root).map_err(|error| {
            SourceError::new(
                SourceFault::Missing,
                format!("the folder {} cannot be read ({error}): check the path", root.display()),
            )
        })?;
        if !found.is_dir() {
            return Err(SourceError::new(
                SourceFault::Missing,
                format!(
                    "{} is a file: name the folder that holds the configuration",
                    root.display()
                ),
            ));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                name: name.into(),
                root: found,
                limits,
                newest: Mutex::new(Reading::default()),
            }),
        })
    }

    /// How many texts have been parsed since the source was opened.
    pub fn parsed(&self) -> u64 {
        self.inner.newest.lock().unwrap_or_else(PoisonError::into_inner).parsed
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .unwrap_or_else(|_| {
                Err(SourceError::new(
                    SourceFault::Unreachable,
                    "reading the folder broke off inside driftless: try again",
                ))
            })
    }
}

#[async_trait]
impl Source for DirSource {
    fn name(&self) -> &str {
        &self.inner.name
    }

    async fn head(&self) -> Result<Revision, SourceError> {
        self.blocking(Inner::scan).await
    }

    async fn last_good(&self) -> Option<Revision> {
        self.inner
            .newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .revision
            .clone()
    }

    async fn checkout(&self, revision: &Revision, folders: &[String]) -> Result<Tree, SourceError> {
        let folders = folders
            .iter()
            .map(|folder| file::normal_folder(folder))
            .collect::<Result<Vec<_>, _>>()?;
        let revision = revision.clone();
        self.blocking(move |inner| inner.checkout(revision, &folders)).await
    }

    async fn describe(&self, _revision: &Revision) -> Option<Commit> {
        None
    }
}

impl Inner {
    fn checkout(&self, revision: Revision, folders: &[String]) -> Result<Tree, SourceError> {
        let known = {
            let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            newest.revision.as_ref() == Some(&revision)
        };
        if !known && self.scan()? != revision {
            return Err(SourceError::new(
                SourceFault::Missing,
                format!(
                    "{} has changed since revision {} was read: run again",
                    self.root.display(),
                    revision.short()
                ),
            ));
        }
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        for folder in folders {
            if !folder.is_empty() && newest.folders.binary_search(folder).is_err() {
                return Err(SourceError::new(
                    SourceFault::Missing,
                    format!(
                        "there is no folder `{folder}` in {}: check the path",
                        self.root.display()
                    ),
                ));
            }
        }
        let is_asked = |path: &str| {
            folders.iter().any(|folder| {
                folder.is_empty()
                    || path
                        .strip_prefix(folder.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            })
        };
        Ok(Tree {
            revision,
            files: newest
                .files
                .iter()
                .filter(|(path, _)| is_asked(path))
                .map(|(path, (_, content))| File {
                    path: Arc::clone(path),
                    content: content.clone(),
                })
                .collect(),
        })
    }

    /// Reads the whole folder and keeps what it holds.
    fn scan(&self) -> Result<Revision, SourceError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let known: HashMap<Sum, Content> = newest.files.values().cloned().collect();
        let mut scan = Scan {
            root: &self.root,
            limits: &self.limits,
            known,
            seen: 0,
            bytes: 0,
            parsed: 0,
            files: BTreeMap::new(),
            folders: Vec::new(),
        };
        scan.folder(&self.root, "", &mut vec![self.root.clone()])?;
        let mut digest = Sha256::new();
        for (path, (sum, _)) in &scan.files {
            digest.update((path.len() as u64).to_be_bytes());
            digest.update(path.as_bytes());
            digest.update(sum);
        }
        let revision = Revision(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        scan.folders.sort();
        newest.parsed += scan.parsed;
        newest.files = scan.files;
        newest.folders = scan.folders;
        newest.revision = Some(revision.clone());
        Ok(revision)
    }
}

struct Scan<'a> {
    root: &'a Path,
    limits: &'a Limits,
    known: HashMap<Sum, Content>,
    seen: usize,
    bytes: u64,
    parsed: u64,
    files: BTreeMap<Arc<str>, (Sum, Content)>,
    folders: Vec<String>,
}

impl Scan<'_> {
    /// `above` are the real paths of the folders that are open, so that a circle of links ends.
    fn folder(&mut self, folder: &Path, path: &str, above: &mut Vec<PathBuf>) -> Result<(), SourceError> {
        if above.len() > file::DEPTH {
            return Err(file::too_deep(path));
        }
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            let entry = entry.map_err(|error| unreadable(folder, &error))?;
            self.seen += 1;
            if self.seen > self.limits.files {
                return Err(file::too_many(self.limits));
            }
            let name = entry.file_name();
            let below = match path {
                "" => name.to_string_lossy().into_owned(),
                path => format!("{path}/{}", name.to_string_lossy()),
            };
            let place = entry.path();
            let kind = entry.file_type().map_err(|error| unreadable(&place, &error))?;
            let wanted = file::is_wanted(name.as_encoded_bytes());
            if name == ".git" {
                continue; // Git's own store: no tree of a repository can hold that name.
            }
            let target = if kind.is_symlink() {
                let real = fs::canonicalize(&place).ok();
                match real.filter(|real| real.starts_with(self.root) && !above.contains(real)) {
                    Some(real) => real,
                    None => {
                        self.put(below, b"symlink", Content::Refused(Refusal::Symlink));
                        continue;
                    }
                }
            } else {
                place
            };
            let metadata = fs::metadata(&target).map_err(|error| unreadable(&target, &error))?;
            let valid = name.to_str().is_some();
            match (metadata.is_dir(), metadata.is_file()) {
                (true, _) if !valid => self.put(below, b"name", file::name_not_utf8("folder")),
                (true, _) => {
                    self.folders.push(below.clone());
                    above.push(fs::canonicalize(&target).map_err(|error| unreadable(&target, &error))?);
                    self.folder(&target, &below, above)?;
                    above.pop();
                }
                _ if !wanted => {}
                _ if !valid => self.put(below, b"name", file::name_not_utf8("file")),
                (_, true) => self.file(&target, below)?,
                // Opening a pipe would wait for ever.
                (_, false) => self.put(
                    below,
                    b"special",
                    file::unreadable(
                        "not_a_file",
                        "this is a pipe, a socket or a device and no file",
                        "replace it with a plain file",
                    ),
                ),
            }
        }
        Ok(())
    }

    fn file(&mut self, place: &Path, path: String) -> Result<(), SourceError> {
        let cap = self.limits.file_bytes;
        let mut bytes = Vec::new();
        let opened = fs::File::open(place).map_err(|error| unreadable(place, &error))?;
        let size = opened.metadata().map_err(|error| unreadable(place, &error))?.len();
        // One byte more than the cap tells a file that grew after its size was asked for.
        opened
            .take(cap.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(place, &error))?;
        let read = bytes.len() as u64;
        if read > cap {
            let bytes = size.max(read);
            self.put(
                path,
                &bytes.to_be_bytes(),
                Content::Refused(Refusal::TooLarge { bytes }),
            );
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(read);
        let sum: Sum = Sha256::digest(&bytes).into();
        let content = match self.known.get(&sum) {
            Some(content) => content.clone(),
            None => {
                let content = file::read(&bytes);
                self.parsed += u64::from(matches!(content, Content::Yaml(_)));
                self.known.insert(sum, content.clone());
                content
            }
        };
        if self.bytes > self.limits.tree_bytes {
            return Err(file::too_much(self.limits));
        }
        self.files.insert(path.into(), (sum, content));
        Ok(())
    }

    /// Keeps an entry that is not read; `what` stands for its content in the digest.
    fn put(&mut self, path: String, what: &[u8], content: Content) {
        let sum = Sha256::new()
            .chain_update(b"not read: ")
            .chain_update(what)
            .finalize()
            .into();
        self.files.insert(path.into(), (sum, content));
    }
}

fn unreadable(place: &Path, error: &std::io::Error) -> SourceError {
    SourceError::new(
        SourceFault::Unreadable,
        format!("{} cannot be read ({error}): check its permissions", place.display()),
    )
}

#[cfg(test)]
mod tests;
