//! Which revision descends from which, and what stands for the content of folders.

use driftless::source::git::{GitOptions, GitSource, Reference};
use driftless::source::{Source, TreeId};
use driftless_core::key::Revision;

use crate::git_repo::{Repo, git};
use crate::{newest, options, source_at};

fn revision(id: &str) -> Revision {
    Revision(id.to_owned())
}

#[tokio::test]
async fn a_revision_descends_from_what_its_history_holds_and_from_nothing_else() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let first = repo.head();
    git(&repo.work(), &["checkout", "-q", "-b", "side"]);
    repo.write("b.yaml", b"b: 1\n");
    let side = repo.push("Beside");
    git(&repo.work(), &["checkout", "-q", "main"]);
    repo.write("a.yaml", b"a: 2\n");
    let second = repo.push("Second");
    git(&repo.work(), &["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    let merged = repo.push("After the merge");
    git(&repo.work(), &["push", "-q", "origin", ":side"]);
    let source = source_at(&repo);
    // Nothing was read yet: what is asked about is fetched.
    for (newer, older, expected) in [
        (&merged, &first, true),
        (&merged, &second, true),
        (&merged, &side, true),
        (&merged, &merged, true),
        (&second, &side, false),
        (&first, &merged, false),
        (&merged, &"1".repeat(40), false),
    ] {
        let descends = source.descends(&revision(newer), &revision(older)).await.unwrap();
        assert_eq!(descends, expected, "{newer} from {older}");
    }
    assert!(
        source
            .descends(&revision(&"1".repeat(40)), &revision(&first))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_branch_that_was_rewritten_or_made_again_does_not_descend_from_what_it_was() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    git(&repo.bare(), &["config", "receive.denyDeleteCurrent", "ignore"]);
    let first = repo.head();
    repo.write("a.yaml", b"a: 2\n");
    let second = repo.push("Second");
    let source = source_at(&repo);
    newest(&source).await.unwrap();
    git(&repo.work(), &["reset", "-q", "--hard", &first]);
    repo.write("a.yaml", b"a: 3\n");
    let forced = repo.push("Another second");
    git(&repo.work(), &["checkout", "-q", "--orphan", "anew"]);
    repo.write("a.yaml", b"a: 4\n");
    git(&repo.work(), &["add", "-A"]);
    git(&repo.work(), &["commit", "-q", "-m", "From nothing"]);
    let anew = repo.head();
    for (head, before, expected) in [
        (&forced, &second, false),
        (&forced, &first, true),
        (&anew, &forced, false),
    ] {
        git(&repo.work(), &["push", "-q", "origin", ":main"]);
        git(
            &repo.work(),
            &["push", "-q", "origin", &format!("{head}:refs/heads/main")],
        );
        let now = source.head().await.unwrap();
        assert_eq!(now.0, *head);
        assert_eq!(source.descends(&now, &revision(before)).await.unwrap(), expected);
    }
    // The older one was pushed over the newer: the branch went back.
    git(
        &repo.work(),
        &["push", "-q", "--force", "origin", &format!("{first}:main")],
    );
    let now = source.head().await.unwrap();
    assert!(!source.descends(&now, &revision(&second)).await.unwrap());
    // A mirror that was lost knows as much: all of the history is fetched.
    let fresh = tempfile::tempdir().unwrap();
    let source = GitSource::open(options(repo.bare().display().to_string(), fresh.path())).unwrap();
    assert!(!source.descends(&now, &revision(&second)).await.unwrap());
}

#[tokio::test]
async fn what_is_no_branch_has_no_lineage() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    git(&repo.work(), &["tag", "v1"]);
    git(&repo.work(), &["push", "-q", "--tags", "origin"]);
    let source = GitSource::open(GitOptions {
        reference: Reference::Tag("v1".to_owned()),
        ..options(repo.bare().display().to_string(), repo.folder())
    })
    .unwrap();
    let head = source.head().await.unwrap();
    assert!(source.descends(&head, &revision(&"1".repeat(40))).await.unwrap());
}

#[tokio::test]
async fn folders_are_the_same_as_long_as_nothing_in_them_or_of_their_order_changes() {
    let repo = Repo::with(&[
        ("base/a.yaml", b"a: 1\n"),
        ("over/prod/a.yaml", b"a: 2\n"),
        ("over/test/a.yaml", b"a: 3\n"),
    ]);
    let source = source_at(&repo);
    let of = async |folders: &[&str]| -> TreeId {
        let head = source.head().await.unwrap();
        let folders: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        source.fingerprint(&head, &folders).await.unwrap()
    };
    let (prod, test) = (["base", "over/prod"], ["base", "over/test"]);
    let first = (of(&prod).await, of(&test).await, of(&[""]).await);
    assert_eq!(source.parsed(), 0, "no file is read");
    assert_ne!(first.0, first.1);
    assert_ne!(first.0, of(&["over/prod", "base"]).await);
    assert_eq!(first.0, of(&["./base/", "/over/prod"]).await);

    repo.write("over/test/a.yaml", b"a: 4\n");
    repo.push("Of the test alone");
    assert_eq!(of(&prod).await, first.0);
    assert_ne!(of(&test).await, first.1);
    assert_ne!(of(&[""]).await, first.2);

    std::fs::remove_dir_all(repo.work().join("over/prod")).unwrap();
    repo.push("Without prod");
    let absent = of(&prod).await;
    assert_ne!(absent, first.0);
    std::os::unix::fs::symlink("test", repo.work().join("over/prod")).unwrap();
    repo.push("A link in its place");
    assert_ne!(of(&prod).await, absent);
    assert_eq!(of(&["over/prod/deeper"]).await, of(&["over/prod/deeper"]).await);
}
