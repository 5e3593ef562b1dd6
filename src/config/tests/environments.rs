//! What an environment lets its documents use.

use super::*;

#[test]
fn variables_come_from_the_config_then_the_files_then_the_process() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.env"), "DB_HOST=a\nDB_USER=a\nREGION=a\n").unwrap();
    std::fs::write(folder.path().join("b.env"), "DB_USER=b\n").unwrap();
    let text = least(
        "",
        "",
        "",
        "    variables: { REGION: eu }\n    env_files: [a.env, b.env]\n    env_passthrough: ['DB_*']",
    );
    let mut process = process();
    process.insert("DB_HOST".to_owned(), "process".to_owned());
    let around = Surroundings {
        folder: folder.path(),
        process: &process,
        platforms: &platforms(),
        secret_file: |_| Err(FileFault::Absent),
        signers: |_| Ok(()),
        authorities: |_| Ok(()),
    };
    let config = read("c.yaml", text.as_bytes(), &around).unwrap();
    let expected = [
        ("DB_HOST", "a"),
        ("DB_PASSWORD", "db-secret"),
        ("DB_USER", "b"),
        ("REGION", "eu"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        super::variables::variables(&config.environments[0], &process).unwrap(),
        expected.into()
    );

    std::fs::write(folder.path().join("a.env"), "hunter2\n").unwrap();
    std::fs::remove_file(folder.path().join("b.env")).unwrap();
    let faults = super::variables::variables(&config.environments[0], &process).unwrap_err();
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["env_file", "env_file_unreadable"]);
    assert!(faults[0].place.as_ref().unwrap().file.ends_with("a.env"));
}

#[test]
fn an_environment_says_which_files_its_documents_may_name() {
    let allowed = |line: &str| {
        let config = read_text(&least("", "", "", line)).unwrap();
        let environment = config.environments[0].clone();
        move |path: &str| environment.allows_file(path).is_ok()
    };
    let by_default = allowed("");
    for (path, expected) in [
        ("/run/secrets/a", true),
        ("/run/secrets/a/b", true),
        ("/run/secrets/..data/b", true),
        ("/run/secrets", false),
        ("/run/secretsx/a", false),
        ("/etc/shadow", false),
        ("/proc/self/environ", false),
        ("/x/run/secrets/a", false),
    ] {
        assert_eq!(by_default(path), expected, "{path}");
    }
    let said = allowed("    secret_files: [/vault/*.key, '/deep/**/token']");
    for (path, expected) in [
        ("/vault/a.key", true),
        ("/vault/below/a.key", false),
        ("/deep/token", true),
        ("/deep/a/b/token", true),
        ("/run/secrets/a", false),
    ] {
        assert_eq!(said(path), expected, "{path}");
    }
    assert!(!allowed("    secret_files: []")("/run/secrets/a"));

    let text = least("", "", "", "    secret_files: [/ok, relative/*, '/open[']");
    let faults = read_text(&text).unwrap_err();
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["bad_value", "bad_value"]);
    let config = read_text(&least("", "", "", "")).unwrap();
    let fault = config.environments[0].allows_file("/etc/shadow").unwrap_err();
    let FileFault::NotAllowed { key } = fault else {
        panic!("{fault:?}")
    };
    assert!(key.contains("`secret_files` of the environment `prod`"), "{key}");
}

#[test]
fn an_environment_says_in_which_kinds_placeholders_are_replaced() {
    let kinds =
        |line: &str| read_text(&least("", "", "", line)).map(|config| config.environments[0].substituted_kinds());
    assert_eq!(kinds("").unwrap(), None);
    assert_eq!(
        kinds("    substitute: [connections, checks]").unwrap(),
        Some(vec![Kind("connection"), CHECK])
    );
    assert_eq!(kinds("    substitute: []").unwrap(), Some(Vec::new()));
    let faults = kinds("    substitute: [checks, check]").unwrap_err();
    assert_eq!((faults.len(), faults[0].code), (1, "unknown_kind"));
    assert!(faults[0].help.as_ref().unwrap().contains("`checks`"));
}
