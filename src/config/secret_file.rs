//! What `${file:/run/secrets/x}` stands for: the content of a small regular file, without the newline at its end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};

use driftless_core::substitute::{FileFault, SecretFiles};
use driftless_core::value::Secret;

/// Bytes that such a file may have: more is no secret.
const LARGEST: u64 = 64 * 1024;

/// Reads the file at `path`. A symbolic link is followed: orchestrators mount secrets behind them.
///
/// # Errors
/// Why it gives no secret; nothing of its content is quoted.
pub fn read(path: &str) -> Result<Secret, FileFault> {
    let fault = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileFault::Absent,
        _ => FileFault::Unreadable {
            reason: error.to_string(),
        },
    };
    // Asked before it is opened: to open a pipe is to wait for somebody who writes.
    if !fs::metadata(path).map_err(fault)?.is_file() {
        return Err(FileFault::NotAFile);
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fault)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(fault)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        return Err(FileFault::TooLarge { most: LARGEST });
    }
    let text = String::from_utf8(bytes).map_err(|_| FileFault::NotText)?;
    let text = match text.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => &text,
    };
    match text {
        "" => Err(FileFault::Empty),
        text => Ok(Secret::new(text)),
    }
}

/// Reads those of `files` that `allow` lets through.
pub fn read_all(files: &BTreeSet<String>, allow: impl Fn(&str) -> Result<(), FileFault>) -> SecretFiles {
    let content = |path: &String| allow(path).and_then(|()| read(path));
    files.iter().map(|path| (path.clone(), content(path))).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Result<Secret, FileFault> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        read(file.path().to_str().unwrap())
    }

    #[test]
    fn a_secret_is_the_file_without_one_newline_at_its_end() {
        for (bytes, expected) in [
            (&b"s3cret"[..], "s3cret"),
            (b"s3cret\n", "s3cret"),
            (b"s3cret\r\n", "s3cret"),
            (b"s3cret\n\n", "s3cret\n"),
            (b"s3cret\r", "s3cret\r"),
            (b"a\nb\n", "a\nb"),
            (b" ${A} ", " ${A} "),
        ] {
            assert_eq!(content(bytes), Ok(Secret::new(expected)), "{bytes:?}");
        }
        let most = usize::try_from(LARGEST).unwrap();
        assert!(content(&vec![b'x'; most]).is_ok());
        assert_eq!(
            content(&vec![b'x'; most + 1]),
            Err(FileFault::TooLarge { most: LARGEST })
        );
        assert_eq!(content(b"\xff\xfe"), Err(FileFault::NotText));
        for nothing in [&b""[..], b"\n", b"\r\n"] {
            assert_eq!(
                content(nothing),
                Err(FileFault::Empty),
                "a mount that is not filled yet"
            );
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_and_what_is_no_file_is_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        // As Kubernetes mounts a secret: a link to a link's folder.
        fs::create_dir(path("..2026_01_01")).unwrap();
        fs::write(path("..2026_01_01/token"), "one\n").unwrap();
        std::os::unix::fs::symlink("..2026_01_01", path("..data")).unwrap();
        std::os::unix::fs::symlink("..data/token", path("token")).unwrap();
        assert_eq!(read(&path("token")), Ok(Secret::new("one")));

        std::os::unix::fs::symlink("nowhere", path("dangling")).unwrap();
        for absent in ["none", "none/none", "token/none", "dangling"] {
            assert_eq!(read(&path(absent)), Err(FileFault::Absent), "{absent}");
        }
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        let socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        for other in [path("pipe"), path("socket"), path(".."), "/dev/zero".to_owned()] {
            assert_eq!(read(&other), Err(FileFault::NotAFile), "{other}");
        }
        drop(socket);
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        assert!(matches!(read(&path("loop")), Err(FileFault::Unreadable { .. })));
    }
}
