//! Every key is read, and every fault is found in one go, with its place and what to do.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod environments;
mod faults;
mod pull_requests;
mod references;
mod secrets;
mod targets;

use std::net::SocketAddr;
use std::time::Duration;

use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Revision};
use driftless_core::policy::{Guards, Mode, OnAdopt, OnDrift, Prune};
use driftless_core::value::Secret;

use super::*;
use crate::engine::schedule::Schedule;
use crate::source::reference::{Range, Reference};

const CHECK: Kind = Kind("check");

fn platforms() -> Vec<KnownPlatform> {
    vec![
        KnownPlatform {
            name: "qualytics",
            kinds: vec![(Kind("connection"), "connections"), (CHECK, "checks")],
            archived: vec![CHECK],
            tenancy: Tenancy::One,
        },
        KnownPlatform {
            name: "datafold",
            kinds: vec![(Kind("monitor"), "monitors")],
            archived: Vec::new(),
            tenancy: Tenancy::Organizations,
        },
    ]
}

fn process() -> BTreeMap<String, String> {
    [
        ("API_TOKEN", "api-secret"),
        ("GIT_TOKEN", "git-secret"),
        ("PROD_URL", "https://acme.example.com/api"),
        ("PROD_TOKEN", "prod-secret\n"),
        ("WEBHOOK_SECRET", "hook-secret"),
        ("FORGE_TOKEN", "forge-secret"),
        ("PROXY_PASSWORD", "proxy-secret"),
        ("WIDE", "8"),
        ("DB_PASSWORD", "db-secret"),
        ("HOME", "/home/anybody"),
        ("EMPTY", ""),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn read_text(text: &str) -> Result<Config, Vec<Diagnostic>> {
    let around = Surroundings {
        folder: Path::new("/etc/driftless"),
        process: &process(),
        platforms: &platforms(),
        secret_file: |path| match path {
            "/run/secrets/token" => Ok(Secret::new("file-secret\n")),
            "/pem/certificate" => Ok(Secret::new(PEM_CERTIFICATE)),
            "/pem/key" => Ok(Secret::new(PEM_KEY)),
            "/pem/encrypted" => Ok(Secret::new(PEM_KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"))),
            "/pem/empty" => Err(FileFault::Empty),
            "/pem/folder" => Err(FileFault::NotAFile),
            "/pem/forbidden" => Err(FileFault::Unreadable {
                reason: "permission denied".to_owned(),
            }),
            _ => Err(FileFault::Absent),
        },
        signers: |path| match path.to_str() {
            Some("/etc/driftless/signers" | "/keys/release.asc") => Ok(()),
            _ => Err(format!("there is no {}", path.display())),
        },
        authorities: |path| match path.to_str() {
            Some("/etc/driftless/ca.pem" | "/etc/ssl/acme.pem") => Ok(()),
            _ => authorities(path),
        },
    };
    read("driftless.yaml", text.as_bytes(), &around)
}

/// The form of a certificate; what is in it is only looked at when it is used.
const PEM_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";

/// The form of a key.
const PEM_KEY: &str = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";

const EVERY_KEY: &str = r#"
server: { listen: "0.0.0.0:9090", token: "${API_TOKEN}" }
store: { url: sqlite:///var/lib/driftless/state.db }
sources:
  - name: dq-config
    url: https://git.example.com/acme/dq-config.git
    branch: release
    interval: 30s
    force_push: allow
    verify: { mode: head, keys: [signers] }
    auth: { token: "${GIT_TOKEN}" }
    ca_file: ca.pem
  - name: by-schedule
    url: git@git.example.com:acme/other.git
    schedule: "*/5 * * * 1-5"
    auth: { ssh: { key: id_ed25519, known_hosts: /etc/ssh/known_hosts } }
  - name: by-password
    url: https://git.example.com/acme/third.git
    semver: ">=1.0.0 <2"
    tag_prefix: api/
    force_push: refuse
    verify: { mode: tag_and_head, keys: [/keys/release.asc] }
    auth: { username: robot, password: "${GIT_TOKEN}" }
targets:
  - name: qualytics-prod
    platform: qualytics
    url: "${PROD_URL}"
    token: "${PROD_TOKEN}"
    limits: { concurrency: "${WIDE}", per_second: 20 }
    ca_file: /etc/ssl/acme.pem
    timeouts: { connect: 5s, read: 30s, total: 10m }
    client_certificate: { cert_file: client.pem, key_file: /etc/ssl/client-key.pem }
    proxy: { url: "http://proxy.example.com:3128", username: robot, password: "${PROXY_PASSWORD}" }
environments:
  - name: prod
    source: dq-config
    path: ./qualytics-config/
    overlays: [qualytics-config/overrides/prod]
    target: qualytics-prod
    variables: { REGION: eu, PASSED_ON: "x${PROD_TOKEN}" }
    env_files: [prod.env]
    env_passthrough: [DB_*]
    mode: observe
    adopt: report
    drift: { policy: report, interval: 1h30m }
    prune: { checks: off, connections: "off" }
    guards: { delete_share: 5%, update_share: "100%", from: 0, delete_max: "${WIDE}", update_max: 20 }
    windows: [{ deny: "0 18 * * 5", duration: 62h, timezone: Europe/Berlin }, { allow: "@daily", duration: 1d }]
    ignore: [{ kind: check, key: "warehouse-*/**", fields: [tags, properties.min] }]
forges:
  - name: github
    provider: github
    url: https://github.example.com/api/v3
    token: "${FORGE_TOKEN}"
    ca_file: ca.pem
    timeouts: { connect: 5s, read: 30s, total: 10m }
    proxy: { url: "http://proxy.example.com:3128", username: robot, password: "${PROXY_PASSWORD}" }
  - { name: gitlab, provider: gitlab, token: "${FORGE_TOKEN}" }
pull_requests:
  concurrency: "${WIDE}"
  wait_for_run: 90s
  timeout: 2h
  poll: { from: 1s, to: 1m }
  on_confirmation: failure
webhooks:
  - { name: github, provider: github, secret: "${WEBHOOK_SECRET}", sources: [dq-config], forge: github }
  - { name: gitlab, provider: gitlab, secret: "${WEBHOOK_SECRET}", forge: gitlab }
  - { name: other, provider: generic-hmac, secret: "${WEBHOOK_SECRET}", sources: [dq-config, by-schedule] }
notifications: []
"#;

#[test]
fn every_key_is_read() {
    let config = read_text(EVERY_KEY).unwrap();
    assert_eq!(config.server.listen, "0.0.0.0:9090".parse::<SocketAddr>().unwrap());
    assert_eq!(config.server.token, Some(Secret::new("api-secret")));
    assert_eq!(config.store.url, "sqlite:///var/lib/driftless/state.db");

    let [first, second, third] = config.sources.as_slice() else {
        panic!("three sources");
    };
    assert_eq!(first.reference(), Ok(Reference::Branch("release".into())));
    assert_eq!(first.force_push(), ForcePush::Allow);
    let verify = first.verify.as_ref().unwrap();
    assert_eq!(verify.mode, VerifyMode::Head);
    assert_eq!(verify.keys, [Path::new("/etc/driftless/signers")]);
    assert_eq!(first.polling(), Schedule::Every(Duration::from_secs(30)));
    assert_eq!(first.auth, Some(Auth::Token(Secret::new("git-secret"))));
    assert_eq!(first.ca_file.as_deref(), Some(Path::new("/etc/driftless/ca.pem")));
    assert!(matches!(second.polling(), Schedule::Cron(_)));
    assert_eq!(second.reference(), Ok(Reference::Branch("main".into())));
    assert_eq!(second.force_push(), ForcePush::Refuse);
    let range = Range::parse(">=1.0.0 <2", "api/").unwrap();
    assert_eq!(third.reference(), Ok(Reference::Semver(range)));
    assert_eq!(third.verify.as_ref().unwrap().mode, VerifyMode::TagAndHead);
    assert_eq!(
        second.auth,
        Some(Auth::Ssh {
            key: "/etc/driftless/id_ed25519".into(),
            known_hosts: "/etc/ssh/known_hosts".into()
        })
    );
    assert_eq!(
        third.auth,
        Some(Auth::Password {
            username: "robot".into(),
            password: Secret::new("git-secret")
        })
    );
    assert_eq!(third.polling(), Schedule::Every(Duration::from_secs(60)));

    let target = &config.targets[0];
    assert_eq!(target.url, "https://acme.example.com/api");
    assert_eq!(
        target.token,
        Secret::new("prod-secret"),
        "without the newline of its file"
    );
    assert_eq!((target.limits.concurrency, target.limits.per_second), (8, 20));
    let TimeoutsConfig { connect, read, total } = target.timeouts;
    assert_eq!([connect, read, total].map(|time| time.0.as_secs()), [5, 30, 600]);
    let certificate = ClientCertificate {
        cert_file: "/etc/driftless/client.pem".into(),
        key_file: "/etc/ssl/client-key.pem".into(),
    };
    assert_eq!(target.client_certificate, Some(certificate));
    let proxy = target.proxy.as_ref().unwrap();
    assert_eq!(
        (proxy.url.as_str(), &proxy.username, &proxy.password),
        (
            "http://proxy.example.com:3128",
            &Some("robot".to_owned()),
            &Some(Secret::new("proxy-secret"))
        )
    );

    let prod = &config.environments[0];
    assert_eq!(prod.path, "qualytics-config");
    assert_eq!(prod.overlays, ["qualytics-config/overrides/prod"]);
    assert_eq!(prod.variables.0["REGION"], "eu");
    assert_eq!(prod.env_files, [Path::new("/etc/driftless/prod.env")]);
    assert_eq!(prod.drift.interval.0, Duration::from_secs(5400));
    assert_eq!(prod.prune["checks"], PruneConfig(Prune::Off));
    let policy = prod.policy();
    assert_eq!(
        (policy.mode, policy.drift, policy.adopt),
        (Mode::Observe, OnDrift::Report, OnAdopt::Report)
    );
    let guards = Guards {
        delete_share: 5,
        update_share: 100,
        from: 0,
        delete_max: 8,
        update_max: 20,
    };
    assert_eq!(policy.guards, guards);
    // 2026-02-28 is a Saturday: the window that denies wins over the one that always allows.
    let opens = |now: &str| {
        prod.windows()
            .closed(now.parse().unwrap())
            .and_then(|closed| closed.opens)
    };
    assert_eq!(
        opens("2026-02-28T12:00:00Z"),
        Some("2026-03-02T07:00:00Z".parse().unwrap())
    );
    assert_eq!(prod.windows().closed("2026-02-26T12:00:00Z".parse().unwrap()), None);
    let key = Key::new(CHECK, ["warehouse-eu", "x"]);
    assert!(policy.ignore[0].covers(&key, &FieldPath::dotted("properties.min")));
    assert!(!policy.ignore[0].covers(&key, &FieldPath::dotted("properties.max")));

    let [github, gitlab] = config.forges.as_slice() else {
        panic!("two forges");
    };
    assert_eq!(
        (github.provider, github.url()),
        (ForgeProvider::Github, "https://github.example.com/api/v3")
    );
    assert_eq!(
        (gitlab.provider, gitlab.url()),
        (ForgeProvider::Gitlab, "https://gitlab.com")
    );
    assert_eq!(github.token, Secret::new("forge-secret"));
    assert_eq!(github.ca_file.as_deref(), Some(Path::new("/etc/driftless/ca.pem")));
    assert_eq!((github.timeouts, &github.proxy), (target.timeouts, &target.proxy));
    assert_eq!((gitlab.timeouts, &gitlab.proxy), (TimeoutsConfig::default(), &None));
    let seconds = |seconds| Interval(Duration::from_secs(seconds));
    let patience = PullRequestsConfig {
        concurrency: 8,
        wait_for_run: seconds(90),
        timeout: seconds(7200),
        poll: PollConfig {
            from: seconds(1),
            to: seconds(60),
        },
        on_confirmation: OnConfirmation::Failure,
    };
    assert_eq!(config.pull_requests, patience);

    let [pushes, pull_requests, other] = config.webhooks.as_slice() else {
        panic!("three webhooks");
    };
    assert_eq!(
        (pushes.provider, pushes.forge.as_deref()),
        (Provider::Github, Some("github"))
    );
    assert_eq!(
        (pull_requests.provider, &pull_requests.sources),
        (Provider::Gitlab, &None)
    );
    assert_eq!((other.provider, &other.forge), (Provider::GenericHmac, &None));
    let sensitive: Vec<&str> = config.sensitive.iter().map(String::as_str).collect();
    assert_eq!(
        sensitive,
        [
            "API_TOKEN",
            "FORGE_TOKEN",
            "GIT_TOKEN",
            "PASSED_ON",
            "PROD_TOKEN",
            "PROD_URL",
            "PROXY_PASSWORD",
            "WEBHOOK_SECRET",
            "WIDE"
        ]
    );
}

/// The least that is a config, to which a test adds one fault.
fn least(head: &str, source: &str, target: &str, environment: &str) -> String {
    format!(
        "{head}
sources:
  - name: git
    url: https://git.example.com/x.git
{source}
targets:
  - name: live
    platform: qualytics
    url: https://acme.example.com
    token: t0ken
{target}
environments:
  - name: prod
    source: git
    target: live
{environment}
"
    )
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = read_text(&least("", "", "", "")).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:8080".parse::<SocketAddr>().unwrap());
    assert_eq!(config.server.token, None);
    assert_eq!(config.store.url, "sqlite://driftless.db");
    assert_eq!(
        config.targets[0].limits,
        LimitsConfig {
            concurrency: 16,
            per_second: 40
        }
    );
    let TimeoutsConfig { connect, read, total } = config.targets[0].timeouts;
    assert_eq!([connect, read, total].map(|time| time.0.as_secs()), [10, 60, 300]);
    assert_eq!(config.targets[0].proxy, None);
    let PullRequestsConfig {
        concurrency,
        wait_for_run,
        timeout,
        poll,
        on_confirmation,
    } = config.pull_requests;
    let times = [wait_for_run, timeout, poll.from, poll.to].map(|time| time.0.as_secs());
    assert_eq!((concurrency, times), (4, [120, 3600, 3, 30]));
    assert_eq!(on_confirmation, OnConfirmation::Pending);
    let policy = config.environments[0].policy();
    assert_eq!(
        (policy.mode, policy.drift, policy.adopt),
        (Mode::Apply, OnDrift::Correct, OnAdopt::Apply)
    );
    assert_eq!(config.environments[0].drift.interval.0, Duration::from_secs(600));
    assert_eq!(config.environments[0].path, "");
    assert!(
        read_text(&least("server:\nstore:\npull_requests:\nforges:", "", "", "")).is_ok(),
        "an empty section has its defaults"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let faults = load(Path::new("/nowhere/driftless.yaml"), &process(), &platforms()).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].message.contains("/nowhere/driftless.yaml"));
}

#[test]
fn a_local_repository_counts_from_the_folder_of_the_file() {
    let text = least("", "", "", "");
    for (url, expected) in [
        ("repo", "/etc/driftless/repo"),
        ("/srv/repo", "/srv/repo"),
        ("file:///srv/repo", "file:///srv/repo"),
        ("git@host:repo", "git@host:repo"),
    ] {
        let config = read_text(&text.replace("https://git.example.com/x.git", url)).unwrap();
        assert_eq!(config.sources[0].url, expected);
    }
}
