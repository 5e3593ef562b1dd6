//! The Git source against real things: `git`, `git http-backend`, TLS with a private authority, `sshd`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/git_host.rs"]
mod git_host;
#[path = "support/git_repo.rs"]
mod git_repo;
#[path = "support/sshd.rs"]
mod sshd;

use std::path::Path;
use std::time::{Duration, Instant};

use driftless::source::file::Limits;
use driftless::source::git::{Auth, GitOptions, GitSource, Reference};
use driftless::source::{Commit, Source, SourceError, SourceFault};
use driftless_core::key::Revision;
use driftless_core::tree::{Content, Refusal, Tree};
use driftless_core::value::Secret;

use git_host::{GitHost, Manner};
use git_repo::{Repo, git};
use sshd::Sshd;

/// A source at `url`, with its mirror below `folder`.
fn options(url: impl Into<String>, folder: &Path) -> GitOptions {
    GitOptions {
        name: "config".to_owned(),
        url: url.into(),
        reference: Reference::Branch("main".to_owned()),
        mirror: folder.join("mirror"),
        auth: Auth::None,
        ca: None,
        limits: Limits::default(),
        timeout: Duration::from_secs(30),
    }
}

fn source_at(repo: &Repo) -> GitSource {
    GitSource::open(options(repo.bare().display().to_string(), repo.folder())).unwrap()
}

fn root() -> Vec<String> {
    vec![String::new()]
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.files.iter().map(|file| &*file.path).collect()
}

fn content<'t>(tree: &'t Tree, path: &str) -> &'t Content {
    &tree.files.iter().find(|file| &*file.path == path).expect(path).content
}

fn text<'t>(tree: &'t Tree, path: &str) -> &'t str {
    match content(tree, path) {
        Content::Yaml(parsed) => &parsed.text,
        Content::Refused(refusal) => panic!("{path} is refused: {refusal:?}"),
    }
}

async fn newest(source: &GitSource) -> Result<Tree, SourceError> {
    let head = source.head().await?;
    source.checkout(&head, &root()).await
}

#[tokio::test]
async fn where_nothing_moved_a_look_is_one_listing_and_no_fetch() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let host = GitHost::start(repo.folder(), Manner::default()).await;
    let source = GitSource::open(options(format!("{}/bare.git", host.url), repo.folder())).unwrap();
    let listing = "GET /bare.git/info/refs";
    let fetch = "POST /bare.git/git-upload-pack";

    let head = source.head().await.unwrap();
    assert_eq!(head.0, repo.head());
    assert_eq!(host.requests(), [listing]);
    assert_eq!(paths(&source.checkout(&head, &root()).await.unwrap()), ["a.yaml"]);
    let requests = host.requests();
    assert_eq!(requests.first().map(String::as_str), Some(listing));
    assert!(
        requests[1..].iter().all(|request| request == fetch) && requests.len() > 1,
        "{requests:?}"
    );

    for _ in 0..3 {
        assert_eq!(source.head().await.unwrap(), head);
        assert_eq!(host.requests(), [listing]);
        source.checkout(&head, &root()).await.unwrap();
        assert_eq!(host.requests(), Vec::<String>::new());
    }
}

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
async fn while_git_is_down_the_last_good_revision_stays_in_force_also_after_a_restart() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let host = GitHost::start(repo.folder(), Manner::default()).await;
    let options = options(format!("{}/bare.git", host.url), repo.folder());
    let source = GitSource::open(options.clone()).unwrap();
    assert_eq!(source.last_good().await, None);
    let head = source.head().await.unwrap();
    assert_eq!(source.last_good().await, None);
    source.checkout(&head, &root()).await.unwrap();
    assert_eq!(source.last_good().await, Some(head.clone()));
    host.stop().await;

    for source in [source, GitSource::open(options).unwrap()] {
        let error = source.head().await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Unreachable, "{error}");
        let last = source.last_good().await.unwrap();
        assert_eq!(last, head);
        assert_eq!(
            text(&source.checkout(&last, &root()).await.unwrap(), "a.yaml"),
            "a: 1\n"
        );
        let error = source.checkout(&Revision("1".repeat(40)), &root()).await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Unreachable, "{error}");
        assert_eq!(source.last_good().await, Some(head.clone()));
    }
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

#[tokio::test]
async fn a_branch_that_does_not_exist_is_named_with_those_nearby() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    for branch in ["release", "mian", "mainline", "one", "two", "three"] {
        git(
            &repo.work(),
            &["push", "-q", "origin", &format!("HEAD:refs/heads/{branch}")],
        );
    }
    let mut options = options(repo.bare().display().to_string(), repo.folder());
    options.reference = Reference::Branch("maim".to_owned());
    let error = GitSource::open(options.clone()).unwrap().head().await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Missing);
    assert!(error.message.contains("no branch `maim`"), "{error}");
    assert!(error.message.contains("`main`, `mian`"), "{error}");
    assert!(!error.message.contains("three"), "{error}");

    options.reference = Reference::Branch("no such branch".to_owned());
    assert!(GitSource::open(options.clone()).is_err());

    let empty = Repo::new();
    options.url = empty.bare().display().to_string();
    options.reference = Reference::Branch("main".to_owned());
    let error = GitSource::open(options.clone()).unwrap().head().await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Missing);
    assert!(error.message.contains("is empty"), "{error}");

    options.url = empty.folder().join("nothing").display().to_string();
    let error = GitSource::open(options).unwrap().head().await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Missing, "{error}");
}

#[tokio::test]
async fn wrong_credentials_are_refused_in_words_that_hold_no_credential() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let manner = Manner {
        authorization: Some("Basic eC1hY2Nlc3MtdG9rZW46cmlnaHQ=".to_owned()), // x-access-token:right
        ..Manner::default()
    };
    let host = GitHost::start(repo.folder(), manner).await;
    let open = |auth, userinfo: &str| {
        let url = format!("{}/bare.git", host.url.replace("://", &format!("://{userinfo}")));
        GitSource::open(GitOptions {
            auth,
            ..options(url, repo.folder())
        })
        .unwrap()
    };
    let basic = |password: &str| Auth::Basic {
        username: "x-access-token".to_owned(),
        password: Secret::new(password),
    };
    for source in [
        open(Auth::Token(Secret::new("wr0ng")), ""),
        open(basic("wr0ng"), ""),
        open(Auth::None, "ann:wr0ng@"),
        open(Auth::None, "wr0ng@"),
        open(Auth::None, ""),
    ] {
        let error = source.head().await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Refused, "{error}");
        assert!(
            error.message.contains("401") && !error.message.contains("wr0ng"),
            "{error}"
        );
    }
    for source in [
        open(Auth::Token(Secret::new("right")), ""),
        open(basic("right"), "ann:wr0ng@"),
        open(Auth::None, "right@"),
    ] {
        newest(&source).await.unwrap();
    }
}

#[tokio::test]
async fn credentials_follow_a_redirect_within_the_host_and_never_to_another() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let authorization = Some("Basic eC1hY2Nlc3MtdG9rZW46cmlnaHQ=".to_owned());
    let other = GitHost::start(repo.folder(), Manner::default()).await;
    let away = Manner {
        authorization: authorization.clone(),
        redirect: Some(("/bare.git".to_owned(), format!("{}/bare.git", other.url))),
    };
    let renamed = Manner {
        authorization,
        redirect: Some(("/old.git".to_owned(), "/bare.git".to_owned())),
    };
    let away = GitHost::start(repo.folder(), away).await;
    let renamed = GitHost::start(repo.folder(), renamed).await;
    let open = |url: String| {
        GitSource::open(GitOptions {
            auth: Auth::Token(Secret::new("right")),
            ..options(url, repo.folder())
        })
        .unwrap()
    };

    newest(&open(format!("{}/old.git", renamed.url))).await.unwrap();
    let error = open(format!("{}/bare.git", away.url)).head().await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Refused, "{error}");
    assert!(error.message.contains(&other.url), "{error}");
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_no_repository_is_said_to_be_none() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let host = GitHost::start(repo.folder(), Manner::default()).await;
    let source = GitSource::open(options(format!("{}/nothing.git", host.url), repo.folder())).unwrap();
    assert_eq!(source.head().await.unwrap_err().kind, SourceFault::Missing);

    let (address, _) =
        git_host::hung(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi").await;
    let source = GitSource::open(options(format!("http://{address}/a.git"), repo.folder())).unwrap();
    let error = source.head().await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Unreadable, "{error}");

    let (address, _) = git_host::hung(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
    let source = GitSource::open(options(format!("http://{address}/a.git"), repo.folder())).unwrap();
    assert_eq!(source.head().await.unwrap_err().kind, SourceFault::Unreachable);
}

#[tokio::test]
async fn a_server_that_hangs_is_cut_off_at_the_time_out() {
    let folder = tempfile::tempdir().unwrap();
    let begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-advertisement\r\n\
        content-length: 9000\r\n\r\n001e# service=git-upload-pack\n";
    for (scheme, greeting) in [
        ("http", &b""[..]),
        ("http", begun),
        ("ssh", b""),
        ("ssh", b"SSH-2.0-Hung\r\n"),
    ] {
        let (address, left) = git_host::hung(greeting).await;
        let source = GitSource::open(GitOptions {
            timeout: Duration::from_millis(300),
            ..options(format!("{scheme}://{address}/a.git"), folder.path())
        })
        .unwrap();
        let before = Instant::now();
        let error = source.head().await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Unreachable, "{error}");
        assert!(error.message.contains("0.3 s"), "{error}");
        assert!(before.elapsed() < Duration::from_secs(10));
        left.await.unwrap(); // The connection, and the process that held it, are gone.
    }
}

#[tokio::test]
async fn an_exchange_that_nobody_waits_for_any_more_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    for scheme in ["http", "ssh"] {
        let (address, left) = git_host::hung(b"").await;
        let source = GitSource::open(GitOptions {
            timeout: Duration::from_secs(600),
            ..options(format!("{scheme}://{address}/a.git"), folder.path())
        })
        .unwrap();
        assert!(
            tokio::time::timeout(Duration::from_millis(100), source.head())
                .await
                .is_err()
        );
        left.await.unwrap();
    }
}

#[tokio::test]
async fn a_branch_that_was_forced_is_followed_and_its_old_revision_is_still_readable_here() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    repo.write("a.yaml", b"a: 2\n");
    repo.push("Second");
    let source = source_at(&repo);
    let old = newest(&source).await.unwrap().revision;
    git(&repo.work(), &["reset", "-q", "--hard", "HEAD~1"]);
    repo.write("a.yaml", b"a: 3\n");
    let forced = repo.push("Another second");

    let tree = newest(&source).await.unwrap();
    assert_eq!(
        (tree.revision.0.as_str(), text(&tree, "a.yaml")),
        (forced.as_str(), "a: 3\n")
    );
    assert_eq!(source.last_good().await, Some(Revision(forced)));
    assert_eq!(text(&source.checkout(&old, &root()).await.unwrap(), "a.yaml"), "a: 2\n");

    let fresh = tempfile::tempdir().unwrap();
    let source = GitSource::open(options(repo.bare().display().to_string(), fresh.path())).unwrap();
    let error = source.checkout(&old, &root()).await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Missing, "{error}");
}

#[tokio::test]
async fn tasks_that_want_the_same_revision_at_once_fetch_it_once() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n"), ("b/b.yaml", b"b: 1\n")]);
    let host = GitHost::start(repo.folder(), Manner::default()).await;
    let options = options(format!("{}/bare.git", host.url), repo.folder());
    let source = GitSource::open(options.clone()).unwrap();
    let head = source.head().await.unwrap();
    let folders = [root(), vec!["b".to_owned()]];
    let checkouts = (0..8).map(|turn| source.checkout(&head, &folders[turn % 2]));
    for tree in futures::future::join_all(checkouts).await {
        tree.unwrap();
    }
    let listings = host
        .requests()
        .into_iter()
        .filter(|request| request.starts_with("GET"))
        .count();
    assert_eq!((listings, source.parsed()), (2, 2));

    // Another process, that is: another source on the same mirror, waits for the lock and finds the revision there.
    repo.write("a.yaml", b"a: 2\n");
    repo.push("Second");
    let other = GitSource::open(options).unwrap();
    let (one, two) = futures::future::join(newest(&source), newest(&other)).await;
    assert_eq!(one.unwrap(), two.unwrap());
}

#[tokio::test]
async fn a_damaged_mirror_is_made_again() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let head = Revision(repo.head());
    let repository = repo.folder().join("mirror/repository.git");
    let pack = repository.join("objects/pack");
    let damages: [(&str, &dyn Fn()); 5] = [
        ("a pack is cut short", &|| {
            for entry in std::fs::read_dir(&pack).unwrap() {
                let path = entry.unwrap().path();
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, b"PACK").unwrap();
            }
        }),
        ("the objects are gone", &|| std::fs::remove_dir_all(&pack).unwrap()),
        ("the reference is rubbish", &|| {
            std::fs::write(repository.join("refs/driftless/last-good"), b"rubbish").unwrap();
            std::fs::remove_dir_all(&pack).unwrap();
        }),
        ("there is no repository", &|| {
            std::fs::remove_file(repository.join("HEAD")).unwrap();
            std::fs::remove_dir_all(repository.join("refs")).unwrap();
        }),
        ("everything is gone", &|| std::fs::remove_dir_all(&repository).unwrap()),
    ];
    for (what, damage) in damages {
        let source = source_at(&repo);
        newest(&source).await.unwrap();
        damage();
        for source in [source, source_at(&repo)] {
            let tree = source
                .checkout(&head, &root())
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(text(&tree, "a.yaml"), "a: 1\n");
            assert_eq!(source.last_good().await, Some(head.clone()), "{what}");
        }
    }
}

#[tokio::test]
async fn what_a_killed_process_left_in_the_mirror_stops_nothing() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    newest(&source_at(&repo)).await.unwrap();
    let repository = repo.folder().join("mirror/repository.git");
    std::fs::write(repository.join("refs/driftless/last-good.lock"), b"").unwrap();
    std::fs::write(repository.join("objects/pack/pack_git2_0123456789"), b"PACK").unwrap();
    std::fs::rename(&repository, repo.folder().join("mirror/old.git")).unwrap();
    repo.write("a.yaml", b"a: 2\n");
    repo.push("Second");

    let source = source_at(&repo);
    assert!(source.last_good().await.is_some());
    assert_eq!(text(&newest(&source).await.unwrap(), "a.yaml"), "a: 2\n");
    assert!(!repository.join("objects/pack/pack_git2_0123456789").exists());
}

#[tokio::test]
async fn a_mirror_that_grew_many_packs_is_made_anew() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let source = source_at(&repo);
    newest(&source).await.unwrap();
    let pack = repo.folder().join("mirror/repository.git/objects/pack");
    for number in 0..60 {
        std::fs::write(pack.join(format!("pack-{number}.pack")), b"").unwrap();
    }
    repo.write("a.yaml", b"a: 2\n");
    repo.push("Second");
    assert_eq!(text(&newest(&source).await.unwrap(), "a.yaml"), "a: 2\n");
    assert_eq!(std::fs::read_dir(&pack).unwrap().count(), 2);
}

#[tokio::test]
async fn the_mirror_of_another_repository_or_branch_never_stays_in_force() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    git(&repo.work(), &["push", "-q", "origin", "HEAD:refs/heads/next"]);
    let other = Repo::with(&[("b.yaml", b"b: 1\n")]);
    let mut options = options(repo.bare().display().to_string(), repo.folder());
    let source = GitSource::open(options.clone()).unwrap();
    newest(&source).await.unwrap();
    assert!(source.last_good().await.is_some());
    options.reference = Reference::Branch("next".to_owned());
    assert_eq!(GitSource::open(options.clone()).unwrap().last_good().await, None);

    options.url = other.bare().display().to_string();
    options.reference = Reference::Branch("main".to_owned());
    let source = GitSource::open(options).unwrap();
    assert_eq!(paths(&newest(&source).await.unwrap()), ["b.yaml"]);
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_named_and_nowhere_else() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let host = GitHost::start(repo.folder(), Manner::default()).await;
    let (url, ca) = git_host::tls_front(&host, repo.folder()).await;
    let options = options(format!("{url}/bare.git"), repo.folder());
    let source = GitSource::open(GitOptions {
        ca: Some(ca.clone()),
        ..options.clone()
    })
    .unwrap();
    assert_eq!(paths(&newest(&source).await.unwrap()), ["a.yaml"]);

    let error = GitSource::open(options.clone()).unwrap().head().await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Refused, "{error}");
    assert!(error.message.contains("certificate"), "{error}");
    let wrong = GitOptions {
        ca: Some(repo.folder().join("ca.key")),
        ..options
    };
    assert!(GitSource::open(wrong).is_err());
}

#[tokio::test]
async fn over_ssh_the_host_key_is_strict_and_the_key_is_the_configured_one() {
    let server = Sshd::start().await;
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    std::fs::rename(repo.bare(), repo.folder().join("it's a repo.git")).unwrap();
    let path = repo.folder().join("it's a repo.git");
    let open = |path: &Path, key: &str, known: &str| {
        GitSource::open(GitOptions {
            auth: Auth::Ssh {
                key: server.file(key),
                known_hosts: server.file(known),
            },
            ..options(server.url(path), repo.folder())
        })
        .unwrap()
    };
    let source = open(&path, "user", "known");
    assert_eq!(paths(&newest(&source).await.unwrap()), ["a.yaml"]);
    git(
        &repo.work(),
        &["remote", "set-url", "origin", &path.display().to_string()],
    );
    repo.write("a.yaml", b"a: 2\n");
    repo.push("Second");
    assert_eq!(text(&newest(&source).await.unwrap(), "a.yaml"), "a: 2\n");

    for (path, key, known, kind, words) in [
        (path.as_path(), "user", "empty", SourceFault::Refused, "known_hosts"),
        (path.as_path(), "user", "wrong", SourceFault::Refused, "known_hosts"),
        (
            path.as_path(),
            "stranger",
            "known",
            SourceFault::Refused,
            "Permission denied",
        ),
        (
            Path::new("/nothing.git"),
            "user",
            "known",
            SourceFault::Missing,
            "/nothing.git",
        ),
    ] {
        let error = open(path, key, known).head().await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn credentials_that_do_not_fit_the_address_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let token = Auth::Token(Secret::new("t0ken"));
    let key = Auth::Ssh {
        key: "/keys/id".into(),
        known_hosts: "/keys/hosts".into(),
    };
    for (url, auth) in [
        ("ssh://git@git.test/a.git", token.clone()),
        ("https://git.test/a.git", key),
        ("/srv/a.git", token),
    ] {
        let opened = GitSource::open(GitOptions {
            auth,
            ..options(url, folder.path())
        });
        assert_eq!(opened.err().unwrap().kind, SourceFault::Refused);
    }
}

#[tokio::test]
#[ignore = "prints figures; run with --ignored --nocapture, and --release for the real ones"]
#[expect(clippy::print_stdout, reason = "figures are what this is for")]
async fn five_thousand_files_are_read_fast_and_one_change_costs_little() {
    let repo = Repo::new();
    for file in 0..5000 {
        let mut text = format!("rule_type: notNull\nname: check {file}\nfields:\n- id\n");
        for line in 0..20 {
            text.push_str(&format!("property_{line}: value {line} of check {file}\n"));
        }
        let path = format!("config/datastores/d{}/checks/t{}/c{file}.yaml", file % 5, file % 100);
        repo.write(&path, text.as_bytes());
    }
    repo.push("Five thousand");
    let host = GitHost::start(repo.folder(), Manner::default()).await;
    for url in [repo.bare().display().to_string(), format!("{}/bare.git", host.url)] {
        let mirror = tempfile::tempdir().unwrap();
        let source = GitSource::open(options(url.as_str(), mirror.path())).unwrap();
        let mut clock = Instant::now();
        let mut lap = || {
            let took = clock.elapsed();
            clock = Instant::now();
            took
        };
        let head = source.head().await.unwrap();
        let listing = lap();
        let tree = source.checkout(&head, &["config".to_owned()]).await.unwrap();
        let first = lap();
        assert_eq!((tree.files.len(), source.parsed()), (5000, 5000));
        source.checkout(&head, &["config".to_owned()]).await.unwrap();
        let again = lap();
        repo.write("config/datastores/d0/checks/t0/c0.yaml", url.as_bytes());
        repo.push("One change");
        lap();
        let head = source.head().await.unwrap();
        source.checkout(&head, &["config".to_owned()]).await.unwrap();
        let changed = lap();
        assert_eq!((source.parsed(), source.kept()), (5001, 5000));
        let kind = url.split(':').next().unwrap();
        println!("{kind}: listing {listing:?}, first {first:?}, again {again:?}, after one change {changed:?}");
    }
}
