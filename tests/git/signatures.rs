//! Signatures of commits and tags, made by the real `git`, `ssh-keygen` and `gpg`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use driftless::clock::{Clock, SystemClock};
use driftless::source::git::{GitOptions, GitSource, Range, Reference, Verify, VerifyMode};
use driftless::source::{Source, SourceError, SourceFault};

use crate::git_host::{GitHost, Manner};
use crate::git_repo::{Repo, git};
use crate::{newest, options, root};

/// The machine's time, so many days on.
struct Later(i64);

impl Clock for Later {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::days(self.0)
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Somebody who signs: with what `git` is told to.
struct Signer(Vec<String>);

impl Signer {
    fn git(&self, repo: &Repo, arguments: &[&str]) {
        let all: Vec<&str> = self
            .0
            .iter()
            .map(String::as_str)
            .chain(arguments.iter().copied())
            .collect();
        git(&repo.work(), &all);
    }

    /// Pushes a signed commit; gives its id.
    fn commit(&self, repo: &Repo) -> String {
        self.git(repo, &["commit", "-q", "--allow-empty", "-S", "-m", "Signed"]);
        git(&repo.work(), &["push", "-q", "--force", "origin", "HEAD"]);
        repo.head()
    }

    fn tag(&self, repo: &Repo, name: &str) {
        self.git(repo, &["tag", "-f", "-s", "-m", "Signed", name]);
        git(&repo.work(), &["push", "-q", "--force", "--tags", "origin"]);
    }
}

/// An SSH key of this name, and somebody who signs with it.
fn ssh(folder: &Path, name: &str, kind: &str) -> (PathBuf, Signer) {
    let key = folder.join(name);
    let path = key.display().to_string();
    run(
        "ssh-keygen",
        &["-q", "-t", kind, "-N", "", "-C", "ada@example.com", "-f", &path],
    );
    let signer = ["-c", "gpg.format=ssh", "-c", &format!("user.signingkey={path}")].map(str::to_owned);
    (key.with_extension("pub"), Signer(signer.to_vec()))
}

/// A GnuPG of its own; its agent ends with it.
struct Gpg(tempfile::TempDir);

impl Gpg {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let gpg = Self(tempfile::tempdir().unwrap());
        std::fs::set_permissions(gpg.0.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let script = format!(
            "#!/bin/sh\nexec gpg --homedir '{}' --batch \"$@\"\n",
            gpg.0.path().display()
        );
        std::fs::write(gpg.program(), script).unwrap();
        std::fs::set_permissions(gpg.program(), std::fs::Permissions::from_mode(0o700)).unwrap();
        gpg
    }

    fn program(&self) -> PathBuf {
        self.0.path().join("program")
    }

    fn run(&self, arguments: &[&str]) -> String {
        let quiet = [
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--quiet",
            "--no-tty",
            "--yes",
        ];
        run(self.program().to_str().unwrap(), &[&quiet, arguments].concat())
    }

    /// A key; gives its fingerprint, and somebody who signs with it.
    fn key(&self, user: &str, usage: &str, expires: &str) -> (String, Signer) {
        self.run(&["--quick-generate-key", user, "ed25519", usage, expires]);
        let listed = self.run(&["--with-colons", "--list-keys", user]);
        let print = listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap();
        let print = print.trim_matches(':').to_owned();
        let program = format!("gpg.program={}", self.program().display());
        let signer = ["-c", &program, "-c", &format!("user.signingkey={print}")].map(str::to_owned);
        (print, Signer(signer.to_vec()))
    }

    fn export(&self, print: &str, to: &Path) {
        std::fs::write(to, self.run(&["--armor", "--export", print])).unwrap();
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let home = self.0.path().display().to_string();
        let _ = Command::new("gpgconf")
            .args(["--homedir", &home, "--kill", "gpg-agent"])
            .status();
    }
}

fn verifying(repo: &Repo, keys: &[&Path], days: i64) -> GitSource {
    let mode = VerifyMode::Head;
    let reference = Reference::Branch("main".to_owned());
    GitSource::open(with(repo, reference, mode, keys, days)).unwrap()
}

fn with(repo: &Repo, reference: Reference, mode: VerifyMode, keys: &[&Path], days: i64) -> GitOptions {
    GitOptions {
        reference,
        verify: Some(Verify {
            mode,
            keys: keys.iter().map(|path| path.to_path_buf()).collect(),
            clock: Arc::new(Later(days)),
        }),
        ..options(repo.bare().display().to_string(), repo.folder())
    }
}

fn refused(error: &SourceError, words: &[&str]) {
    assert_eq!(error.kind, SourceFault::Untrusted, "{error}");
    for words in words {
        assert!(error.message.contains(words), "{words} is not in: {error}");
    }
}

/// Pushes the commit that `HEAD` is, with another message.
fn tamper(repo: &Repo) -> String {
    let raw = git(&repo.work(), &["cat-file", "commit", "HEAD"]);
    assert!(raw.contains("\n\nSigned"), "{raw}");
    let path = repo.folder().join("tampered");
    std::fs::write(&path, format!("{}\n", raw.replace("\n\nSigned", "\n\nTampered"))).unwrap();
    let id = git(
        &repo.work(),
        &["hash-object", "-t", "commit", "-w", path.to_str().unwrap()],
    );
    git(
        &repo.work(),
        &["push", "-q", "--force", "origin", &format!("{id}:refs/heads/main")],
    );
    id
}

#[tokio::test]
async fn only_a_commit_signed_by_a_listed_ssh_key_is_ever_in_force() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let unsigned = repo.head();
    let (key, ada) = ssh(repo.folder(), "ada", "ed25519");
    let (_, eve) = ssh(repo.folder(), "eve", "ed25519");
    let source = verifying(&repo, &[&key], 0);
    let error = source.head().await.unwrap_err();
    refused(&error, &[&unsigned, "is not signed", "git commit -S"]);
    assert_eq!(source.last_good().await, None);

    let good = ada.commit(&repo);
    assert_eq!(newest(&source).await.unwrap().revision.0, good);
    let print = run(
        "ssh-keygen",
        &["-l", "-f", repo.folder().join("eve.pub").to_str().unwrap()],
    );
    let print = print.split(' ').nth(1).unwrap().to_owned();
    let by_eve = eve.commit(&repo);
    refused(
        &source.head().await.unwrap_err(),
        &[&by_eve, &print, "not among the keys"],
    );
    git(&repo.work(), &["reset", "-q", "--hard", &good]);
    let tampered = tamper(&repo);
    refused(
        &source.head().await.unwrap_err(),
        &[&tampered, "altered", "ada@example.com"],
    );
    let unsigned = repo.push("Unsigned");
    for source in [source, verifying(&repo, &[&key], 0)] {
        refused(&source.head().await.unwrap_err(), &[&unsigned, "is not signed"]);
        let last = source.last_good().await.unwrap();
        assert_eq!(last.0, good);
        source.checkout(&last, &root()).await.unwrap();
    }
    let next = ada.commit(&repo);
    assert_eq!(verifying(&repo, &[&key], 0).head().await.unwrap().0, next);
}

#[tokio::test]
async fn every_usual_kind_of_ssh_key_signs() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    for kind in ["rsa", "ecdsa", "ed25519"] {
        let (key, signer) = ssh(repo.folder(), kind, kind);
        let commit = signer.commit(&repo);
        assert_eq!(verifying(&repo, &[&key], 0).head().await.unwrap().0, commit, "{kind}");
    }
}

#[tokio::test]
async fn a_line_of_allowed_signers_says_for_what_and_when_its_key_counts() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let (key, ada) = ssh(repo.folder(), "ada", "ed25519");
    ada.commit(&repo);
    let key = text_of(&key);
    let lines = repo.folder().join("signers");
    for (line, words) in [
        (format!("ada@example.com {key}"), None),
        (
            format!(
                "# who may\n\n\"ada@example.com,bob@example.com\" namespaces=\"git,file\",valid-after=\"20200101\",valid-before=\"29990101Z\" {key}"
            ),
            None,
        ),
        (format!("* namespaces=\"g*\" {key}"), None),
        (
            format!("ada@example.com namespaces=\"file\" {key}"),
            Some("does not let it sign for `git`"),
        ),
        (
            format!("ada@example.com valid-before=\"202001010000\" {key}"),
            Some("expired on 2020-01-01 00:00 UTC"),
        ),
        (
            format!("ada@example.com valid-after=\"29990101\" {key}"),
            Some("in force only from 2999-01-01"),
        ),
        (
            format!("ada@example.com cert-authority {key}"),
            Some("signers:1: certificates are not supported"),
        ),
        (format!("{key}\nada@example.com"), Some("signers:3: this is no key")),
        (
            format!("ada@example.com valid-before=\"soon\" {key}"),
            Some("signers:1: `soon` is no time"),
        ),
        (
            format!("ada@example.com verify-required {key}"),
            Some("signers:1: `verify-required` is no option"),
        ),
    ] {
        std::fs::write(&lines, &line).unwrap();
        match (verifying(&repo, &[&lines], 0).head().await, words) {
            (Ok(_), None) => {}
            (Err(error), Some(words)) => refused(&error, &[words]),
            (head, _) => panic!("{line}: {head:?}"),
        }
    }
}

#[tokio::test]
async fn keys_are_read_anew_at_every_look_and_a_key_taken_away_counts_no_more() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let (key, ada) = ssh(repo.folder(), "ada", "ed25519");
    let (other, _) = ssh(repo.folder(), "other", "ed25519");
    let commit = ada.commit(&repo);
    let folder = repo.folder().join("keys");
    std::fs::create_dir_all(folder.join("..data")).unwrap();
    let source = verifying(&repo, &[&folder], 0);
    refused(&source.head().await.unwrap_err(), &["keys holds no file"]);
    std::fs::copy(&other, folder.join("other.pub")).unwrap();
    refused(&source.head().await.unwrap_err(), &["not among the keys"]);
    std::fs::copy(&key, folder.join("ada.pub")).unwrap();
    assert_eq!(source.head().await.unwrap().0, commit);
    std::fs::remove_file(folder.join("ada.pub")).unwrap();
    refused(&source.head().await.unwrap_err(), &["not among the keys"]);
    assert_eq!(source.last_good().await.unwrap().0, commit);
    std::fs::copy(repo.folder().join("ada"), folder.join("ada")).unwrap();
    refused(&source.head().await.unwrap_err(), &["holds a private key"]);
}

#[tokio::test]
async fn where_nothing_moved_verifying_asks_the_remote_for_nothing_more() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let (key, ada) = ssh(repo.folder(), "ada", "ed25519");
    ada.commit(&repo);
    let host = GitHost::start(repo.folder(), Manner::default()).await;
    let open = || {
        GitSource::open(GitOptions {
            url: format!("{}/bare.git", host.url),
            ..with(
                &repo,
                Reference::Branch("main".to_owned()),
                VerifyMode::Head,
                &[&key],
                0,
            )
        })
        .unwrap()
    };
    newest(&open()).await.unwrap();
    host.requests();
    newest(&open()).await.unwrap();
    assert_eq!(host.requests(), ["GET /bare.git/info/refs"]);
}

#[tokio::test]
async fn what_was_in_force_unverified_is_not_once_signatures_are_asked_for() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let (key, _) = ssh(repo.folder(), "ada", "ed25519");
    let open = GitSource::open(options(repo.bare().display().to_string(), repo.folder())).unwrap();
    newest(&open).await.unwrap();
    assert!(open.last_good().await.is_some());
    let source = verifying(&repo, &[&key], 0);
    assert_eq!(source.last_good().await, None);
    refused(&source.head().await.unwrap_err(), &["is not signed"]);
    assert_eq!(source.last_good().await, None);
}

#[tokio::test]
async fn a_tag_is_verified_itself_under_its_own_name_and_with_its_commit_where_both_are_asked_for() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let (key, ada) = ssh(repo.folder(), "ada", "ed25519");
    let (_, eve) = ssh(repo.folder(), "eve", "ed25519");
    let open = |tag: &str, mode| {
        let reference = Reference::Tag(tag.to_owned());
        GitSource::open(with(&repo, reference, mode, &[&key], 0)).unwrap()
    };
    ada.tag(&repo, "v1.0.0");
    assert_eq!(open("v1.0.0", VerifyMode::Tag).head().await.unwrap().0, repo.head());
    let error = open("v1.0.0", VerifyMode::TagAndHead).head().await.unwrap_err();
    refused(&error, &["commit ", "is not signed"]);
    let error = open("v1.0.0", VerifyMode::Head).head().await.unwrap_err();
    refused(&error, &["commit ", "is not signed"]);

    // The signed tag, under the name of a release that was never signed.
    git(
        &repo.work(),
        &["push", "-q", "origin", "refs/tags/v1.0.0:refs/tags/v9.0.0"],
    );
    let error = open("v9.0.0", VerifyMode::Tag).head().await.unwrap_err();
    refused(&error, &["the tag `v9.0.0`", "holds the tag `v1.0.0`"]);
    git(&repo.work(), &["tag", "light"]);
    git(&repo.work(), &["tag", "-a", "-m", "Unsigned", "plain"]);
    eve.tag(&repo, "by-eve");
    for (tag, words) in [
        ("light", "is not signed"),
        ("plain", "is not signed"),
        ("by-eve", "not among the keys"),
    ] {
        let error = open(tag, VerifyMode::Tag).head().await.unwrap_err();
        refused(&error, &[&format!("the tag `{tag}`"), words]);
    }

    let commit = ada.commit(&repo);
    ada.tag(&repo, "v2.0.0");
    let reference = Reference::Semver(Range::parse("^2", "").unwrap());
    let source = GitSource::open(with(&repo, reference, VerifyMode::TagAndHead, &[&key], 0)).unwrap();
    assert_eq!(newest(&source).await.unwrap().revision.0, commit);
    let branch = Reference::Branch("main".to_owned());
    assert!(GitSource::open(with(&repo, branch, VerifyMode::Tag, &[&key], 0)).is_err());
}

#[tokio::test]
async fn openpgp_keys_sign_with_primary_key_and_subkey_until_they_expire_or_are_revoked() {
    let repo = Repo::with(&[("a.yaml", b"a: 1\n")]);
    let gpg = Gpg::new();
    let (ada, by_ada) = gpg.key("Ada Example <ada@example.com>", "sign", "2d");
    let (bob, by_bob) = gpg.key("Bob Example <bob@example.com>", "cert", "never");
    let (_, by_eve) = gpg.key("Eve Example <eve@example.com>", "sign", "never");
    gpg.run(&["--quick-add-key", &bob, "ed25519", "sign", "5d"]);
    let keys = repo.folder().join("keys.asc");
    std::fs::write(&keys, gpg.run(&["--armor", "--export", &ada, &bob])).unwrap();
    let open = |days| verifying(&repo, &[&keys], days);

    let commit = by_ada.commit(&repo);
    assert_eq!(newest(&open(1)).await.unwrap().revision.0, commit);
    let error = open(3).head().await.unwrap_err();
    refused(&error, &[&commit, &ada, "expired on", "Ada Example"]);
    assert_eq!(open(3).last_good().await.unwrap().0, commit);
    let tampered = tamper(&repo);
    refused(&open(0).head().await.unwrap_err(), &[&tampered, &ada, "altered"]);

    let commit = by_bob.commit(&repo);
    assert_eq!(open(4).head().await.unwrap().0, commit);
    refused(&open(6).head().await.unwrap_err(), &[&commit, "expired on"]);
    by_bob.tag(&repo, "v1.0.0");
    let tag = Reference::Tag("v1.0.0".to_owned());
    let both = with(&repo, tag, VerifyMode::TagAndHead, &[&keys], 0);
    assert_eq!(GitSource::open(both).unwrap().head().await.unwrap().0, commit);

    let by_eve = by_eve.commit(&repo);
    refused(
        &open(0).head().await.unwrap_err(),
        &[&by_eve, "the OpenPGP key", "not among the keys"],
    );

    let commit = by_bob.commit(&repo);
    let revocation = gpg.0.path().join(format!("openpgp-revocs.d/{bob}.rev"));
    let text = text_of(&revocation).replace(":-----BEGIN", "-----BEGIN");
    std::fs::write(&revocation, text).unwrap();
    gpg.run(&["--import", revocation.to_str().unwrap()]);
    gpg.export(&bob, &keys);
    refused(&open(0).head().await.unwrap_err(), &[&commit, "was revoked"]);

    std::fs::write(&keys, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n").unwrap();
    refused(
        &open(0).head().await.unwrap_err(),
        &["keys.asc: an OpenPGP key cannot be read"],
    );
}
