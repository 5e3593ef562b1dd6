//! The config files that are handed out are ones that the daemon takes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use driftless::config::{self, Config, KnownPlatform};
use driftless_core::key::Kind;
use driftless_core::policy::{Mode, OnAdopt, OnDrift};

const KINDS: [(&str, &str); 5] = [
    ("connection", "connections"),
    ("datastore", "datastores"),
    ("container", "containers"),
    ("computed_field", "computed_fields"),
    ("check", "checks"),
];

/// The config at `path` (from the root of the project), with every variable that it names set.
fn load(path: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    let process: BTreeMap<String, String> = text
        .split("${")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect()
        })
        .map(|name: String| {
            let value = if name.ends_with("_URL") {
                "https://acme.example.com"
            } else {
                "a-secret"
            };
            (name, value.to_owned())
        })
        .collect();
    let platform = KnownPlatform {
        name: "qualytics",
        archived: vec![Kind("check")],
        tenancy: driftless::config::Tenancy::One,
        kinds: KINDS.iter().map(|(kind, word)| (Kind(kind), *word)).collect(),
    };
    match config::load(&path, &process, &[platform]) {
        Ok(config) => config,
        Err(faults) => panic!("{}: {faults:#?}", path.display()),
    }
}

#[test]
fn the_example_is_read_and_says_what_its_comments_say() {
    let config = load("config/driftless.example.yaml");
    assert_eq!(config.sources.len(), 1);
    assert_eq!(config.targets.len(), 2);
    assert_eq!(config.webhooks.len(), 2);
    let [forge] = config.forges.as_slice() else {
        panic!("one forge");
    };
    let [staging, prod] = config.environments.as_slice() else {
        panic!("two environments");
    };
    // "Everything below stands at its default."
    let text = "server: {}\nsources: [{ name: s, url: /srv/s.git }]\ntargets: \
                [{ name: t, platform: qualytics, url: 'https://a.example.com', token: x }]\nenvironments: \
                [{ name: e, source: s, target: t }]\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let bare = load(file.path().to_str().unwrap());
    assert_eq!(config.pull_requests, bare.pull_requests);
    assert_eq!(forge.url(), "https://api.github.com");
    let bare = bare.environments.first().unwrap();
    assert_eq!((staging.mode, staging.adopt), (bare.mode, bare.adopt));
    assert_eq!(staging.drift, bare.drift);
    assert_eq!(
        (prod.mode, prod.adopt, prod.drift.policy),
        (Mode::Apply, OnAdopt::Report, OnDrift::Correct)
    );
}

#[test]
fn the_cluster_s_config_is_read() {
    let config = load("deploy/kubernetes/config.yaml");
    assert!(!config.server.listen.ip().is_loopback());
    assert_eq!(
        config.environments.first().map(|environment| environment.mode),
        Some(Mode::Observe)
    );
}
