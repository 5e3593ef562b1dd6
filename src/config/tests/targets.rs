//! What the way to an instance may not be.

use super::*;

#[test]
fn each_fault_of_the_way_to_an_instance_has_its_place_its_reason_and_what_to_do() {
    // The added line is line 11.
    let target = |line: &str| least("", "", &format!("    {line}"), "");
    let mut wrong = Vec::new();
    for (text, expected) in [
        (
            target("timeouts: { connect: 90s }"),
            "11:15: error[bad_value]: `targets[0].timeouts.read` is shorter than `connect`, which is a part of it (help: make \
             it 1m 30s at least)",
        ),
        (
            target("timeouts: { read: 10m }"),
            "11:15: error[bad_value]: `targets[0].timeouts.total` is shorter than `read`, which is a part of it (help: make",
        ),
        (
            target("timeouts: { total: 30 }"),
            "11:24: error[wrong_type]: `targets[0].timeouts.total` should be a duration with its unit",
        ),
        (
            target("organization: 12"),
            "11:19: error[bad_value]: `targets[0].organization` is of a platform whose instances hold several (help: take it out",
        ),
        (
            target("organization: 0"),
            "11:19: error[bad_value]: `targets[0].organization` should be at least 1",
        ),
        (
            target("timeouts: { connection: 3s }"),
            "11:17: error[unknown_key]: `connection` is no key of `targets[0].timeouts` (help: did you mean `connect`?)",
        ),
        (
            target("client_certificate: { cert_file: /pem/certificate }"),
            "11:25: error[missing_key]: `targets[0].client_certificate` has no `key_file` (help: add `key_file:`)",
        ),
        (
            target("client_certificate: { cert_file: /pem/key, key_file: /pem/key }"),
            "11:38: error[bad_certificate]: `targets[0].client_certificate.cert_file` holds no PEM certificate (help: name a",
        ),
        (
            target("client_certificate: { cert_file: /pem/certificate, key_file: /pem/certificate }"),
            "11:66: error[bad_certificate]: `targets[0].client_certificate.key_file` holds no PEM private key (help: name a",
        ),
        (
            target("client_certificate: { cert_file: /pem/certificate, key_file: /pem/encrypted }"),
            "11:66: error[bad_certificate]: `targets[0].client_certificate.key_file` holds an encrypted key (help: decrypt it",
        ),
        (
            target("client_certificate: { cert_file: /pem/folder, key_file: /pem/key }"),
            "11:38: error[bad_certificate]: `targets[0].client_certificate.cert_file` is no file (help: name a PEM file",
        ),
        (
            target("client_certificate: { cert_file: /pem/certificate, key_file: /pem/forbidden }"),
            "11:66: error[bad_certificate]: `targets[0].client_certificate.key_file` cannot be read: permission denied (help:",
        ),
        (
            target("client_certificate: { cert_file: /pem/certificate, key_file: /pem/empty }"),
            "11:66: error[bad_certificate]: `targets[0].client_certificate.key_file` is empty (help: name a PEM file",
        ),
        (
            target("proxy: http://proxy:3128"),
            "11:12: error[wrong_type]: `targets[0].proxy` should be a map of keys",
        ),
        (
            target("proxy: { username: u, password: p }"),
            "11:12: error[missing_key]: `targets[0].proxy` has no `url` (help: add `url:`)",
        ),
        (
            target("proxy: { url: 'http://u:p4ssw0rd@proxy:3128' }"),
            "11:19: error[credentials_in_url]: `targets[0].proxy.url` has credentials in it (help: put them under",
        ),
        (
            target("proxy: { url: 'socks5://proxy:1080' }"),
            "11:19: error[bad_value]: `targets[0].proxy.url` is no http or https address (help: write it as",
        ),
        (
            target("proxy: { url: 'http://proxy:3128', username: u }"),
            "11:12: error[bad_value]: `targets[0].proxy` has one of `username` and `password` without the other (help: give",
        ),
    ] {
        let faults = read_text(&text).unwrap_err();
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(!shown.concat().contains("p4ssw0rd"), "{shown:?}");
        if shown.len() != 1 || !shown[0].contains(expected) {
            wrong.push(format!("{expected}\n    {shown:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_client_certificate_is_looked_into_where_it_is_there_and_may_be_elsewhere() {
    for (certificate, key) in [("/pem/certificate", "/pem/key"), ("/absent/certificate", "/absent/key")] {
        let added = format!("    client_certificate: {{ cert_file: {certificate}, key_file: {key} }}");
        let config = read_text(&least("", "", &added, "")).unwrap();
        let target = &config.targets[0];
        assert_eq!(target.client_certificate.as_ref().unwrap().key_file, Path::new(key));
    }
}

#[test]
fn certificate_authorities_are_looked_into_and_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let one = file("one.pem", PEM_CERTIFICATE);
    // More than a secret may have: the system's own list is some 200 KiB.
    let many = file("many.pem", &PEM_CERTIFICATE.repeat(4000));
    let (key, empty) = (file("key.pem", PEM_KEY), file("empty.pem", ""));
    let (absent, is_folder) = ("/nowhere/ca.pem".to_owned(), folder.path().display().to_string());
    let texts = |path: &str| {
        let line = format!("    ca_file: {path}");
        [
            ("sources[0]", "5:14", least("", &line, "", "")),
            ("targets[0]", "11:14", least("", "", &line, "")),
        ]
    };
    for path in [one, many] {
        for (whose, _, text) in texts(&path) {
            assert!(read_text(&text).is_ok(), "{whose}: {path}");
        }
    }
    for (path, expected) in [
        (key, "holds no PEM certificate"),
        (empty, "holds no PEM certificate"),
        (absent, "names no file: there is no /nowhere/ca.pem"),
        (is_folder, "is no file"),
    ] {
        for (whose, at, text) in texts(&path) {
            let shown = super::faults::shown(&text);
            let expected = format!("driftless.yaml:{at}: error[bad_certificate]: `{whose}.ca_file` {expected}");
            assert!(
                matches!(shown.as_slice(), [one] if one.starts_with(&expected)),
                "{expected}: {shown:?}"
            );
        }
    }
}
