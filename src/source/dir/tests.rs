//! What a folder gives, and what of it is refused.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

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
