//! Ways to a repository: HTTP, TLS, ssh; credentials, redirects and servers that hang.

use std::path::Path;
use std::time::{Duration, Instant};

use driftless::source::git::{Auth, GitOptions, GitSource, Reference};
use driftless::source::{Source, SourceFault};
use driftless_core::value::Secret;

use crate::git_host::{self, GitHost, Manner};
use crate::git_repo::{Repo, git};
use crate::sshd::Sshd;
use crate::{newest, options, paths, root, text};

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
        ..Manner::default()
    };
    let renamed = Manner {
        authorization,
        redirect: Some(("/old.git".to_owned(), "/bare.git".to_owned())),
        ..Manner::default()
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
