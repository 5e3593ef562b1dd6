//! Signatures that no Git makes.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use std::process::Command;

use super::*;

#[test]
fn a_signature_counts_for_its_namespace_its_bytes_and_its_armour_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let keygen = |arguments: &[&str]| {
        let ran = Command::new("ssh-keygen").args(arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &path("key")]);
    let sign = |namespace: &str| {
        let _ = fs::remove_file(path("text.sig"));
        fs::write(path("text"), "a text").unwrap();
        keygen(&["-q", "-Y", "sign", "-f", &path("key"), "-n", namespace, &path("text")]);
        fs::read(path("text.sig")).unwrap()
    };
    let signers = Signers::read(&[path("key.pub").into()]).unwrap();
    assert_eq!(signers.count(), 1);
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let good = sign("git");
    assert!(signers.verify(&good, b"a text", now).is_ok());
    let altered = signers.verify(&good, b"another text", now);
    assert!(matches!(altered, Err(Doubt::Altered { .. })), "{altered:?}");
    let unknown = Signers::default().verify(&good, b"a text", now);
    assert!(matches!(unknown, Err(Doubt::Unknown { .. })), "{unknown:?}");
    let other = signers.verify(&sign("file"), b"a text", now);
    assert!(
        matches!(&other, Err(Doubt::Unfit { why, .. }) if why.contains("`file`")),
        "{other:?}"
    );
    for armour in [
        &good[..good.len() / 2],
        b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
        b"-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n",
        b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        b"",
    ] {
        let unreadable = signers.verify(armour, b"a text", now);
        assert!(matches!(unreadable, Err(Doubt::Unreadable(_))), "{unreadable:?}");
    }
}

#[test]
fn what_cannot_be_read_as_keys_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    for (bytes, words) in [
        (&b"# nobody yet\n"[..], "holds no key"),
        (b"\xff\xfe", "it is no text"),
        (b"\nssh-ed25519 AAAA ada\n", "file:2: the key cannot be read"),
    ] {
        fs::write(&file, bytes).unwrap();
        let error = Signers::read(std::slice::from_ref(&file)).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    fs::write(&file, vec![b'#'; usize::try_from(FILE_BYTES).unwrap() + 1]).unwrap();
    let error = Signers::read(&[file]).unwrap_err();
    assert!(error.contains("larger than"), "{error}");
    let error = Signers::read(&[folder.path().join("nothing")]).unwrap_err();
    assert!(error.contains("there is no"), "{error}");
}
