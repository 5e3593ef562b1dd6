//! What is read of a commit, and what is refused.

use driftless::source::file::Limits;
use driftless::source::git::{GitOptions, GitSource};
use driftless::source::{Commit, Source, SourceFault};
use driftless_core::key::Revision;
use driftless_core::tree::{Content, Refusal};

use crate::git_host::{GitHost, Manner};
use crate::git_repo::{Repo, git};
use crate::{content, newest, options, paths, root, source_at, text};

#[tokio::test]
async fn only_blobs_whose_id_changed_are_parsed_again_and_old_ones_are_forgotten() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n"), ("b.yaml", b"b: 1\n"), ("copy/b.yaml", b"b: 1\n")]);
    let source = source_at(&repo);
    newest(&source).await.unwrap();
    assert_eq!((source.parsed(), source.kept()), (2, 2));
    newest(&source).await.unwrap();
    assert_eq!(source.parsed(), 2);

    for (turn, value) in ["a: 2\n", "a: 3\n", "a: 4\n"].into_iter().enumerate() {
        repo.write("a.yaml", value.as_bytes());
        repo.push("Change a");
        let tree = newest(&source).await.unwrap();
        assert_eq!(text(&tree, "a.yaml"), value);
        assert_eq!((source.parsed(), source.kept()), (3 + turn as u64, 2));
    }
}

#[tokio::test]
async fn folders_are_read_apart_in_order_of_path_and_a_missing_one_is_named() {
    let repo = Repo::with(&[
        ("base/b.yaml", b"b: 1\n"),
        ("base/a/z.yml", b"z: 1\n"),
        ("base/notes.md", b"text"),
        ("other/c.yaml", b"c: 1\n"),
        ("based.yaml", b"d: 1\n"),
    ]);
    let source = source_at(&repo);
    let head = source.head().await.unwrap();
    let tree = source.checkout(&head, &["base".to_owned()]).await.unwrap();
    assert_eq!(paths(&tree), ["base/a/z.yml", "base/b.yaml"]);
    assert_eq!(tree.revision, head);
    let both = ["./base/".to_owned(), "base/a".to_owned(), "other".to_owned()];
    let tree = source.checkout(&head, &both).await.unwrap();
    assert_eq!(paths(&tree), ["base/a/z.yml", "base/b.yaml", "other/c.yaml"]);

    for (folder, words) in [
        ("base/nope", "does not exist"),
        ("base/b.yaml", "is a file"),
        ("../x", "leads out"),
    ] {
        let error = source.checkout(&head, &[folder.to_owned()]).await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Missing);
        assert!(
            error.message.contains(words) && error.message.contains(folder),
            "{error}"
        );
    }
    let error = source.checkout(&head, &["nope".to_owned()]).await.unwrap_err();
    assert!(error.message.contains(head.short()), "{error}");
}

#[tokio::test]
async fn a_commit_says_who_made_it_and_why() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let head = Revision(repo.push("Tighten the order checks\n\nBecause of the audit."));
    let source = source_at(&repo);
    assert_eq!(source.describe(&head).await, None);
    newest(&source).await.unwrap();
    let commit = Commit {
        author: "Ada Example".to_owned(),
        subject: "Tighten the order checks".to_owned(),
        time: 1_767_323_045, // 2026-01-02T03:04:05Z
    };
    assert_eq!(source.describe(&head).await, Some(commit));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_plain_text_of_reasonable_size_is_refused_alone_and_the_rest_is_read() {
    use std::os::unix::ffi::OsStrExt as _;

    let large = 50 * 1024 * 1024;
    let repo = Repo::with(&[
        ("good.yaml", b"a: 1\n"),
        ("large.yaml", &vec![b'x'; large]),
        (
            "lfs.yaml",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        ),
        ("latin1.yaml", b"name: caf\xe9\n"),
        ("notes.txt", b"text"),
    ]);
    std::os::unix::fs::symlink("/etc/passwd", repo.work().join("link.yaml")).unwrap();
    std::os::unix::fs::symlink("../..", repo.work().join("folder")).unwrap();
    let odd = repo.work().join(std::ffi::OsStr::from_bytes(b"n\xe9.yaml"));
    std::fs::write(odd, "a: 1\n").unwrap();
    git(&repo.work(), &["add", "-A"]);
    let module = format!("160000,{},module", "1".repeat(40));
    git(&repo.work(), &["update-index", "--add", "--cacheinfo", &module]);
    git(&repo.work(), &["commit", "-q", "-m", "Odd files"]);
    git(&repo.work(), &["push", "-q", "origin", "HEAD"]);

    let host = GitHost::start(repo.folder(), Manner::default()).await;
    let source = GitSource::open(options(format!("{}/bare.git", host.url), repo.folder())).unwrap();
    let tree = newest(&source).await.unwrap();
    assert_eq!(text(&tree, "good.yaml"), "a: 1\n");
    assert_eq!(content(&tree, "link.yaml"), &Content::Refused(Refusal::Symlink));
    assert_eq!(content(&tree, "folder"), &Content::Refused(Refusal::Symlink));
    assert_eq!(content(&tree, "module"), &Content::Refused(Refusal::Submodule));
    assert_eq!(content(&tree, "lfs.yaml"), &Content::Refused(Refusal::LfsPointer));
    let bytes = large as u64;
    assert_eq!(
        content(&tree, "large.yaml"),
        &Content::Refused(Refusal::TooLarge { bytes })
    );
    assert_eq!(text(&tree, "latin1.yaml"), "");
    let Content::Yaml(parsed) = content(&tree, "n\u{fffd}.yaml") else {
        panic!("a name that is not UTF-8 is a fault of its own");
    };
    assert_eq!(parsed.faults[0].code, "path_not_utf8");
    assert_eq!(tree.files.len(), 8);

    let head = source.head().await.unwrap();
    let error = source.checkout(&head, &["module".to_owned()]).await.unwrap_err();
    assert!(error.message.contains("submodule"), "{error}");
    let error = source.checkout(&head, &["folder/x".to_owned()]).await.unwrap_err();
    assert!(error.message.contains("symbolic link"), "{error}");
}

#[tokio::test]
async fn a_tree_over_a_limit_is_refused_whole() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n"), ("b.yaml", b"b: 12345\n"), ("c.txt", b"")]);
    for limits in [
        Limits {
            files: 2,
            ..Limits::default()
        },
        Limits {
            tree_bytes: 10,
            ..Limits::default()
        },
        Limits {
            repository_bytes: 100,
            ..Limits::default()
        },
    ] {
        let mirror = tempfile::tempdir().unwrap();
        let source = GitSource::open(GitOptions {
            limits,
            ..options(repo.bare().display().to_string(), mirror.path())
        })
        .unwrap();
        let error = newest(&source).await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Unreadable, "{error}");
    }
}

#[tokio::test]
async fn a_revision_that_is_no_commit_of_reasonable_size_is_refused() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let source = source_at(&repo);
    newest(&source).await.unwrap();
    let folder = Revision(git(&repo.work(), &["rev-parse", "HEAD^{tree}"]));
    let error = source.checkout(&folder, &root()).await.unwrap_err();
    assert!(error.message.contains("no commit"), "{error}");
    for text in ["main", "abc123", ""] {
        let error = source.checkout(&Revision(text.to_owned()), &root()).await.unwrap_err();
        assert!(error.message.contains("no full commit id"), "{error}");
    }

    let message = repo.folder().join("message");
    std::fs::write(&message, "long ".repeat(1024 * 1024)).unwrap();
    git(
        &repo.work(),
        &["commit", "-q", "--allow-empty", "-F", message.to_str().unwrap()],
    );
    git(&repo.work(), &["push", "-q", "origin", "HEAD"]);
    let error = newest(&source).await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Unreadable, "{error}");
}
