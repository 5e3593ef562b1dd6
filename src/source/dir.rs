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
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, bytes: &[u8]) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn open(root: &Path, limits: Limits) -> DirSource {
        DirSource::open("folder", root, limits).unwrap()
    }

    async fn read(source: &DirSource, folders: &[&str]) -> Result<Tree, SourceError> {
        let head = source.head().await?;
        let folders: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        source.checkout(&head, &folders).await
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.files.iter().map(|file| &*file.path).collect()
    }

    #[tokio::test]
    async fn the_revision_follows_contents_and_paths_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "a.yaml", b"a: 1\n");
        write(root, "b/b.yml", b"b: 1\n");
        let source = open(root, Limits::default());
        assert_eq!(source.last_good().await, None);
        let first = source.head().await.unwrap();
        write(root, "notes.md", b"text");
        write(root, ".git/c.yaml", b"c: 1\n");
        write(root, "a.yaml", b"a: 1\n");
        assert_eq!(source.head().await.unwrap(), first);
        assert_eq!(source.parsed(), 2);

        write(root, "a.yaml", b"a: 2\n");
        let second = source.head().await.unwrap();
        assert_ne!(second, first);
        assert_eq!((source.parsed(), source.last_good().await), (3, Some(second.clone())));
        fs::rename(root.join("a.yaml"), root.join("c.yaml")).unwrap();
        assert_ne!(source.head().await.unwrap(), second);
        assert_eq!(source.parsed(), 3);
    }

    #[tokio::test]
    async fn a_checkout_is_what_its_revision_names_whatever_happened_since() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.yaml", b"a: 1\n");
        let source = open(folder.path(), Limits::default());
        let first = source.head().await.unwrap();
        write(folder.path(), "a.yaml", b"a: 2\n");
        let tree = source.checkout(&first, &[String::new()]).await.unwrap();
        let Content::Yaml(parsed) = &tree.files[0].content else {
            panic!("a text is refused");
        };
        assert_eq!(&*parsed.text, "a: 1\n");
        source.head().await.unwrap();
        let error = source.checkout(&first, &[String::new()]).await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Missing);
        assert!(error.message.contains("has changed"), "{error}");
    }

    #[tokio::test]
    async fn folders_are_read_apart_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "base/b.yaml", b"b: 1\n");
        write(folder.path(), "based.yaml", b"c: 1\n");
        write(folder.path(), "other/deep/d.yaml", b"d: 1\n");
        let source = open(folder.path(), Limits::default());
        assert_eq!(paths(&read(&source, &["./base/"]).await.unwrap()), ["base/b.yaml"]);
        let tree = read(&source, &["other/deep", "base", "other"]).await.unwrap();
        assert_eq!(paths(&tree), ["base/b.yaml", "other/deep/d.yaml"]);
        assert_eq!(read(&source, &[""]).await.unwrap().files.len(), 3);
        for folder in ["nope", "base/b.yaml", "../x"] {
            let error = read(&source, &[folder]).await.unwrap_err();
            assert_eq!(error.kind, SourceFault::Missing);
            assert!(error.message.contains(folder), "{error}");
        }
        let Err(error) = DirSource::open("folder", folder.path().join("nope"), Limits::default()) else {
            panic!("a folder that is not there was opened");
        };
        assert_eq!(error.kind, SourceFault::Missing);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_are_followed_within_the_folder_and_never_out_of_it_nor_in_circles() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        write(outside.path(), "secret.yaml", b"s: 1\n");
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "real/a.yaml", b"a: 1\n");
        symlink("real", root.join("alias")).unwrap();
        symlink(".", root.join("real/circle")).unwrap();
        symlink(outside.path(), root.join("out")).unwrap();
        symlink(outside.path().join("secret.yaml"), root.join("out.yaml")).unwrap();
        symlink("nothing", root.join("dangling.yaml")).unwrap();
        let tree = read(&open(root, Limits::default()), &[""]).await.unwrap();
        assert_eq!(
            paths(&tree),
            [
                "alias/a.yaml",
                "alias/circle",
                "dangling.yaml",
                "out",
                "out.yaml",
                "real/a.yaml",
                "real/circle"
            ]
        );
        for file in &tree.files {
            let is_read = matches!(file.content, Content::Yaml(_));
            assert_eq!(is_read, file.path.ends_with("a.yaml"), "{}", file.path);
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_plain_text_of_reasonable_size_is_refused_and_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "large.yaml", &[b'x'; 101]);
        write(root, "lfs.yaml", b"version https://git-lfs.github.com/spec/v1\n");
        let made = std::process::Command::new("mkfifo")
            .arg(root.join("pipe.yaml"))
            .status();
        assert!(made.unwrap().success());
        let limits = Limits {
            file_bytes: 100,
            ..Limits::default()
        };
        let tree = read(&open(root, limits), &[""]).await.unwrap();
        assert_eq!(paths(&tree), ["large.yaml", "lfs.yaml", "pipe.yaml"]);
        assert_eq!(
            tree.files[0].content,
            Content::Refused(Refusal::TooLarge { bytes: 101 })
        );
        assert_eq!(tree.files[1].content, Content::Refused(Refusal::LfsPointer));
        let Content::Yaml(parsed) = &tree.files[2].content else {
            panic!("a pipe has a fault of its own");
        };
        assert_eq!(parsed.faults[0].code, "not_a_file");
    }

    #[tokio::test]
    async fn a_folder_over_a_limit_is_refused_whole() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.yaml", b"a: 12345\n");
        write(folder.path(), "b.yaml", b"b: 12345\n");
        let mut deep = folder.path().to_owned();
        let few = Limits {
            files: 1,
            ..Limits::default()
        };
        let short = Limits {
            tree_bytes: 10,
            ..Limits::default()
        };
        for limits in [few, short] {
            let error = read(&open(folder.path(), limits), &[""]).await.unwrap_err();
            assert_eq!(error.kind, SourceFault::Unreadable, "{error}");
        }
        for _ in 0..=file::DEPTH {
            deep.push("d");
        }
        fs::create_dir_all(deep).unwrap();
        let error = read(&open(folder.path(), Limits::default()), &[""]).await.unwrap_err();
        assert!(error.message.contains("deep"), "{error}");
    }
}
