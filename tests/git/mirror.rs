//! The mirror: when it is fetched into, what survives, and how it heals.

use std::time::Duration;

use driftless::source::git::{GitOptions, GitSource, Reference};
use driftless::source::{Source, SourceFault};
use driftless_core::key::Revision;

use crate::git_host::{Fault, GitHost, Manner};
use crate::git_repo::{Repo, git};
use crate::{newest, options, paths, root, source_at, text};

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
async fn a_fetch_that_breaks_off_changes_nothing_and_the_next_one_works() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let manner = Manner::default();
    let host = GitHost::start(repo.folder(), manner.clone()).await;
    let source = GitSource::open(GitOptions {
        timeout: Duration::from_secs(5),
        ..options(format!("{}/bare.git", host.url), repo.folder())
    })
    .unwrap();
    let mut good = newest(&source).await.unwrap().revision;
    for (turn, fault) in [Fault::Cut, Fault::Flip, Fault::Break, Fault::Hang]
        .into_iter()
        .enumerate()
    {
        repo.write("a.yaml", format!("a: {turn} after\n").as_bytes());
        repo.push("Next");
        *manner.fault.lock().unwrap() = fault;
        let error = newest(&source).await.unwrap_err();
        assert_eq!(error.kind, SourceFault::Unreachable, "{error}");
        assert_eq!(source.last_good().await, Some(good.clone()));
        source.checkout(&good, &root()).await.unwrap();

        *manner.fault.lock().unwrap() = Fault::None;
        good = newest(&source).await.unwrap().revision;
        assert_eq!(good.0, repo.head());
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
async fn of_five_thousand_files_only_the_one_that_changed_is_parsed_again() {
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
        let head = source.head().await.unwrap();
        let tree = source.checkout(&head, &["config".to_owned()]).await.unwrap();
        assert_eq!((tree.files.len(), source.parsed()), (5000, 5000));
        source.checkout(&head, &["config".to_owned()]).await.unwrap();
        repo.write("config/datastores/d0/checks/t0/c0.yaml", url.as_bytes());
        repo.push("One change");
        let head = source.head().await.unwrap();
        source.checkout(&head, &["config".to_owned()]).await.unwrap();
        assert_eq!((source.parsed(), source.kept()), (5001, 5000));
    }
}

#[tokio::test]
async fn a_revision_descends_from_what_lies_behind_it_and_from_nothing_else() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let source = source_at(&repo);
    let first = newest(&source).await.unwrap().revision;
    repo.write("a.yaml", b"a: 2\n");
    repo.push("Second");
    let second = newest(&source).await.unwrap().revision;
    git(&repo.work(), &["reset", "-q", "--hard", "HEAD~1"]);
    repo.write("a.yaml", b"a: 3\n");
    repo.push("Another second");
    let other = newest(&source).await.unwrap().revision;
    git(&repo.work(), &["merge", "-q", "-m", "Both", "-s", "ours", &second.0]);
    repo.push("After both");
    let both = newest(&source).await.unwrap().revision;
    let never = Revision("1".repeat(40));
    for (newer, older, expected) in [
        (&second, &first, true),
        (&first, &second, false),
        (&first, &first, true),
        (&other, &second, false),
        (&second, &other, false),
        (&both, &second, true),
        (&both, &other, true),
        (&both, &never, false),
    ] {
        assert_eq!(
            source.descends(newer, older).await.unwrap(),
            expected,
            "{newer} from {older}"
        );
    }
    // A mirror that never had what the branch has dropped.
    let elsewhere = tempfile::tempdir().unwrap();
    git(&repo.work(), &["reset", "-q", "--hard", &other.0]);
    git(&repo.work(), &["push", "-q", "--force", "origin", "HEAD"]);
    let fresh = GitSource::open(options(repo.bare().display().to_string(), elsewhere.path())).unwrap();
    let head = newest(&fresh).await.unwrap().revision;
    assert_eq!(head, other);
    assert!(!fresh.descends(&head, &second).await.unwrap());
    assert!(fresh.descends(&head, &first).await.unwrap());
}
