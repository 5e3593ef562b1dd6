//! A bare repository and a work tree that pushes to it, made with the real `git`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository to be watched: a work tree to edit and the bare repository it pushes to.
pub(crate) struct Repo {
    folder: tempfile::TempDir,
}

impl Repo {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let repo = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        git(repo.folder.path(), &["init", "-q", "--bare", "-b", "main", "bare.git"]);
        git(repo.folder.path(), &["init", "-q", "-b", "main", "work"]);
        git(&repo.work(), &["remote", "add", "origin", "../bare.git"]);
        repo
    }

    /// One with these files pushed to `main`.
    pub(crate) fn with(files: &[(&str, &[u8])]) -> Self {
        let repo = Self::new();
        for (path, bytes) in files {
            repo.write(path, bytes);
        }
        repo.push("First files");
        repo
    }

    /// The folder that holds `bare.git`, and may hold anything else a test wants.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn bare(&self) -> PathBuf {
        self.folder.path().join("bare.git")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Commits everything and pushes it; gives the commit's id.
    pub(crate) fn push(&self, message: &str) -> String {
        git(&self.work(), &["add", "-A"]);
        git(&self.work(), &["commit", "-q", "--allow-empty", "-m", message]);
        git(&self.work(), &["push", "-q", "--force", "origin", "HEAD"]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        git(&self.work(), &["rev-parse", "HEAD"])
    }
}

/// Runs `git` apart from any configuration of the machine; gives what it prints.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Ada Example")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
        .env("GIT_COMMITTER_NAME", "Ada Example")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
