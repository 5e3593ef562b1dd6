//! What is watched: branches, tags, ranges of versions, commits.

use driftless::source::git::{GitOptions, GitSource, MovedTag, Range, Reference};
use driftless::source::{Source, SourceFault};
use driftless_core::key::Revision;

use crate::git_host::{GitHost, Manner};
use crate::git_repo::{Repo, git};
use crate::{newest, options, root, text};

fn watching(repo: &Repo, reference: Reference) -> GitSource {
    open(repo, reference, MovedTag::Refuse)
}

fn open(repo: &Repo, reference: Reference, moved_tag: MovedTag) -> GitSource {
    GitSource::open(GitOptions {
        reference,
        moved_tag,
        ..options(repo.bare().display().to_string(), repo.folder())
    })
    .unwrap()
}

fn range(text: &str, prefix: &str) -> Reference {
    Reference::Semver(Range::parse(text, prefix).unwrap())
}

fn push_tag(repo: &Repo, arguments: &[&str]) {
    git(&repo.work(), &[&["tag"], arguments].concat());
    git(&repo.work(), &["push", "-q", "--force", "--tags", "origin"]);
}

/// A repository whose commits hold `a: <number>`, and the ids of its commits.
fn numbered(count: usize) -> (Repo, Vec<String>) {
    let repo = Repo::new();
    let ids = (0..count).map(|number| {
        repo.write("a.yaml", format!("a: {number}\n").as_bytes());
        repo.push("Next")
    });
    let ids = ids.collect();
    (repo, ids)
}

#[tokio::test]
async fn a_tag_is_followed_to_its_commit_and_is_not_the_branch_of_its_name() {
    let (repo, ids) = numbered(3);
    git(&repo.work(), &["branch", "v1", &ids[0]]);
    git(&repo.work(), &["push", "-q", "origin", "refs/heads/v1"]);
    push_tag(&repo, &["-a", "-m", "One", "v1", &ids[1]]);
    push_tag(&repo, &["light", &ids[2]]);
    push_tag(&repo, &["-a", "-m", "A tag of a tag", "nested", "v1"]);
    for (reference, expected) in [
        (Reference::Branch("v1".to_owned()), "a: 0\n"),
        (Reference::Tag("v1".to_owned()), "a: 1\n"),
        (Reference::Tag("light".to_owned()), "a: 2\n"),
        (Reference::Tag("nested".to_owned()), "a: 1\n"),
    ] {
        let source = watching(&repo, reference.clone());
        let tree = newest(&source).await.unwrap();
        assert_eq!(text(&tree, "a.yaml"), expected, "{reference}");
        assert_eq!(source.last_good().await, Some(tree.revision));
        assert_eq!(source.chosen(), None);
    }
    let error = watching(&repo, Reference::Tag("v2".to_owned()))
        .head()
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceFault::Missing);
    assert!(
        error.message.contains("no tag `v2`") && error.message.contains("there is `v1`"),
        "{error}"
    );
}

#[tokio::test]
async fn the_newest_tag_of_a_range_is_followed_and_named_also_where_it_is_not_the_newest_commit() {
    let (repo, ids) = numbered(4);
    for (tag, id) in [
        ("v1.10.0", 1),
        ("v1.9.0", 2),
        ("v2.0.0", 3),
        ("v1.11.0-rc.1", 3),
        ("api/v1.0.0", 0),
    ] {
        push_tag(&repo, &["-a", "-m", tag, tag, &ids[id]]);
    }
    let source = watching(&repo, range(">=1.0.0 <2", ""));
    assert_eq!(source.chosen(), None);
    assert_eq!(newest(&source).await.unwrap().revision.0, ids[1]);
    assert_eq!(source.chosen().as_deref(), Some("v1.10.0"));
    push_tag(&repo, &["v1.11.0", &ids[0]]);
    assert_eq!(newest(&source).await.unwrap().revision.0, ids[0]);
    assert_eq!(source.chosen().as_deref(), Some("v1.11.0"));
    assert_eq!(
        newest(&watching(&repo, range("*", "api/"))).await.unwrap().revision.0,
        ids[0]
    );

    for (reference, words) in [
        (
            range(">=3", ""),
            "there is `v2.0.0`, `v1.11.0`, `v1.11.0-rc.1`, `v1.10.0`, `v1.9.0`",
        ),
        (range("*", "web/"), "no tag is a version such as `v1.2.3`"),
    ] {
        let error = watching(&repo, reference).head().await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Missing);
        assert!(error.message.contains(words), "{error}");
    }
    let untagged = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let error = watching(&untagged, range("*", "")).head().await.unwrap_err();
    assert!(error.message.contains("no tag at all"), "{error}");
}

#[tokio::test]
async fn a_tag_that_moved_is_refused_unless_that_is_allowed_and_its_revision_stays() {
    for reference in [Reference::Tag("v1.0.0".to_owned()), range("^1", "")] {
        let (repo, ids) = numbered(2);
        push_tag(&repo, &["v1.0.0", &ids[0]]);
        let source = watching(&repo, reference.clone());
        let before = newest(&source).await.unwrap().revision;
        // The same commit under a tag object is no move.
        push_tag(&repo, &["-f", "-a", "-m", "One", "v1.0.0", &ids[0]]);
        assert_eq!(source.head().await.unwrap(), before);

        push_tag(&repo, &["-f", "v1.0.0", &ids[1]]);
        for source in [source, watching(&repo, reference.clone())] {
            let error = source.head().await.unwrap_err();
            assert_eq!(error.kind, SourceFault::Untrusted);
            for words in ["`v1.0.0`", &ids[0], &ids[1], "force_push: allow"] {
                assert!(error.message.contains(words), "{error}");
            }
            assert_eq!(source.last_good().await, Some(before.clone()));
        }
        let following = open(&repo, reference.clone(), MovedTag::Follow);
        assert_eq!(following.head().await.unwrap().0, ids[1]);
        assert_eq!(watching(&repo, reference).head().await.unwrap().0, ids[1]);
    }
}

#[tokio::test]
async fn a_commit_is_fetched_once_wherever_it_lies_and_never_asked_for_again() {
    let (repo, ids) = numbered(3);
    git(
        &repo.work(),
        &["push", "-q", "--force", "origin", &format!("{}:main", ids[0])],
    );
    git(
        &repo.work(),
        &["push", "-q", "origin", &format!("{}:refs/heads/side", ids[2])],
    );
    let host = GitHost::start(repo.folder(), Manner::default()).await;
    let at = |id: &str| {
        GitSource::open(GitOptions {
            reference: Reference::Commit(Revision(id.to_owned())),
            ..options(format!("{}/bare.git", host.url), repo.folder())
        })
        .unwrap()
    };
    let source = at(&ids[1]);
    assert_eq!(text(&newest(&source).await.unwrap(), "a.yaml"), "a: 1\n");
    assert!(!host.requests().is_empty());
    for source in [source, at(&ids[1])] {
        assert_eq!(source.head().await.unwrap().0, ids[1]);
        source.checkout(&Revision(ids[1].clone()), &root()).await.unwrap();
        assert_eq!(source.last_good().await, Some(Revision(ids[1].clone())));
        assert_eq!(host.requests(), Vec::<String>::new());
    }
    let absent = "1".repeat(40);
    let error = at(&absent).head().await.unwrap_err();
    assert_eq!(error.kind, SourceFault::Missing);
    assert!(
        error.message.contains(&absent) && error.message.contains("`commit`"),
        "{error}"
    );
    assert!(at("main").head().await.is_err());
}

#[tokio::test]
async fn a_reference_whose_name_is_no_text_stands_in_nobody_s_way() {
    use std::os::unix::ffi::OsStrExt as _;

    let (repo, ids) = numbered(1);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(repo.bare().join("refs/heads").join(name), &ids[0]).unwrap();
    let source = watching(&repo, Reference::Branch("main".to_owned()));
    assert_eq!(newest(&source).await.unwrap().revision.0, ids[0]);
}
