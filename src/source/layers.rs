//! Local folders as one source: a base and its overlays, each with the path that the user gave it, so that a fault's place
//! can be opened as it is shown.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use driftless_core::key::{Digest, Revision};
use driftless_core::tree::{File, Tree};

use super::dir::DirSource;
use super::file::Limits;
use super::{Commit, Source, SourceError, SourceFault};

/// A base folder with overlays, read as one tree.
pub struct LayeredSource {
    layers: Vec<Layer>,
}

/// One folder of it.
struct Layer {
    /// What stands before the paths of its files.
    prefix: String,
    source: DirSource,
    /// Which folders of it are read; `""` is all.
    folders: Vec<String>,
}

/// The name of a datastore's own document: what tells a datastore's folder from the folder of all of them.
const DATASTORE: &str = "_datastore.yaml";

impl LayeredSource {
    /// Opens a base and its overlays. The base may be the root of a configuration, its `datastores` folder, or the folder of one
    /// datastore: the root is then found above it, as the official client does.
    ///
    /// # Errors
    /// When a folder is not there.
    pub fn open(base: &Path, overlays: &[PathBuf]) -> Result<Self, SourceError> {
        let mut layers = vec![Layer::of_base(base)?];
        for overlay in overlays {
            layers.push(Layer::new(overlay, vec![String::new()])?);
        }
        Ok(Self { layers })
    }

    /// The folder of the base, and those of the overlays, as the tree's paths begin with them.
    pub fn folders(&self) -> (String, Vec<String>) {
        let mut prefixes = self.layers.iter().map(|layer| layer.prefix.clone());
        (prefixes.next().unwrap_or_default(), prefixes.collect())
    }
}

impl Layer {
    fn of_base(base: &Path) -> Result<Self, SourceError> {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        // `.` and `..` have no name; what they stand for has.
        let real = base.canonicalize().unwrap_or_else(|_| base.to_owned());
        let in_datastores = real.parent().and_then(name).as_deref() == Some("datastores");
        let (up, read) = if base.join(DATASTORE).is_file() && in_datastores {
            (2, format!("datastores/{}", name(&real).unwrap_or_default()))
        } else if name(&real).as_deref() == Some("datastores") {
            (1, "datastores".to_owned())
        } else {
            return Self::new(base, vec![String::new()]);
        };
        let root = (0..up).fold(base.to_owned(), |path, _| match path.parent() {
            Some(parent) if path.file_name().is_some() => parent.to_owned(),
            _ => path.join(".."),
        });
        let mut folders = vec![read];
        if root.join("connections").is_dir() {
            folders.push("connections".to_owned());
        }
        Self::new(&root, folders)
    }

    fn new(path: &Path, folders: Vec<String>) -> Result<Self, SourceError> {
        let shown = path.to_string_lossy();
        let prefix = shown.trim_end_matches('/').trim_start_matches("./");
        let prefix = if prefix == "." { "" } else { prefix };
        let here = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        Ok(Self {
            prefix: prefix.to_owned(),
            source: DirSource::open(shown.as_ref(), here, Limits::default())?,
            folders,
        })
    }
}

#[async_trait]
impl Source for LayeredSource {
    fn name(&self) -> &str {
        self.layers.first().map_or("", |layer| layer.source.name())
    }

    async fn head(&self) -> Result<Revision, SourceError> {
        let mut text = String::new();
        for layer in &self.layers {
            text.push_str(&layer.source.head().await?.0);
            text.push('\n');
        }
        Ok(Revision(Digest::of(&text).0))
    }

    async fn last_good(&self) -> Option<Revision> {
        self.head().await.ok()
    }

    async fn checkout(&self, revision: &Revision, _: &[String]) -> Result<Tree, SourceError> {
        let mut files = Vec::new();
        for Layer {
            prefix,
            source,
            folders,
        } in &self.layers
        {
            let head = source.head().await?;
            let tree = source.checkout(&head, folders).await?;
            files.extend(tree.files.into_iter().map(|file| match prefix.as_str() {
                "" => file,
                prefix => File {
                    path: format!("{prefix}/{}", file.path).into(),
                    ..file
                },
            }));
        }
        if self.head().await? != *revision {
            let message = "the files changed while they were read: run it again".to_owned();
            return Err(SourceError {
                kind: SourceFault::Unreadable,
                message,
            });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree {
            revision: revision.clone(),
            files,
        })
    }

    async fn describe(&self, _: &Revision) -> Option<Commit> {
        None
    }
}
