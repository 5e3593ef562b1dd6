//! Bad config files, and what is said of each.

use super::*;

pub(super) fn shown(text: &str) -> Vec<String> {
    read_text(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn each_fault_has_its_place_its_reason_and_what_to_do() {
    // The added line is line 1, 5, 11 or 16.
    let mut wrong = Vec::new();
    let head = |line: &str| least(line, "", "", "");
    let source = |line: &str| least("", &format!("    {line}"), "", "");
    let target = |line: &str| least("", "", &format!("    {line}"), "");
    let environment = |line: &str| least("", "", "", &format!("    {line}"));
    for (text, expected) in [
        (
            head("servr: {}"),
            "1:1: error[unknown_key]: `servr` is no key of the config file (help: did you mean `server`?)",
        ),
        (
            head("colour: {}"),
            "1:1: error[unknown_key]: `colour` is no key of the config file (help: there are `server`, ",
        ),
        (
            head("server: { listn: x }"),
            "1:11: error[unknown_key]: `listn` is no key of `server` (help: did you mean `listen`?)",
        ),
        (
            head("server: { listen: 8080 }"),
            "1:19: error[wrong_type]: `server.listen` should be text",
        ),
        (
            head("server: { listen: here }"),
            "1:19: error[bad_value]: `server.listen` should be an IP address and a port",
        ),
        (
            head("server: { listen: 0.0.0.0:80 }"),
            "1:19: error[token_required]: `server.listen` is reachable from other machines",
        ),
        (head("server: { listen: '[::]:80' }"), "1:19: error[token_required]: "),
        (
            head("server: { token: '' }"),
            "1:18: error[bad_value]: `server.token` is empty",
        ),
        (
            head("server: { token: '${EMPTY}' }"),
            "1:18: error[bad_value]: `server.token` is empty",
        ),
        (
            head("server: { token: 12345 }"),
            "1:18: error[wrong_type]: `server.token` should be text: put it in quotes",
        ),
        (
            head("server: []"),
            "1:9: error[wrong_type]: `server` should be a map of keys",
        ),
        (
            environment("drift: [correct, 10m]"),
            "16:12: error[wrong_type]: `environments[0].drift` should be a map of keys",
        ),
        (
            head("store: { url: 'postgres://u:p@h/d' }"),
            "1:15: error[not_supported]: a store in PostgreSQL is not supported by this version",
        ),
        (
            head("store: { url: 'mysql://h/d' }"),
            "1:15: error[bad_value]: the store's URL has a scheme that is not known",
        ),
        (
            head("webhooks: {}"),
            "1:11: error[wrong_type]: `webhooks` should be a list (help: write `- `",
        ),
        (
            head("notifications: [{ url: x }]"),
            "1:1: error[not_supported]: `notifications` is not supported by this version",
        ),
        (
            head("webhooks: [{ name: a, provider: bitbucket, secret: s, sources: [git] }]"),
            "1:33: error[bad_value]: `webhooks[0].provider` should be one of `github`, `gitlab`, `generic-hmac`",
        ),
        (
            head("webhooks: [{ name: a, provider: github, secret: s, sources: [] }]"),
            "1:61: error[bad_value]: `webhooks[0].sources` is empty (help: name at least one",
        ),
        (
            head("webhooks: [{ name: a, provider: github, secret: s, sources: [gitt] }]"),
            "1:62: error[unknown_source]: `webhooks[0].sources`: there is no source `gitt` (help: did you mean `git`?)",
        ),
        (
            head("webhooks: [{ name: a, provider: github, sources: [git] }]"),
            "1:12: error[missing_key]: `webhooks[0]` has no `secret` (help: add `secret:`)",
        ),
        (
            head("webhooks: [{ name: a/b, provider: github, secret: s, sources: [git] }]"),
            "1:20: error[bad_name]: `webhooks[0].name` is no name",
        ),
        (
            head("server: { listen: '${NOPE}' }"),
            "1:19: error[unresolved_variable]: the variable `NOPE` is not set (help: set it",
        ),
        (
            head("server: { token: '${NOPE:?ask the team}' }"),
            "1:18: error[unresolved_variable]: the variable `NOPE` is not set, or empty: ask the team",
        ),
        (
            head("server: { token: '${NOPE' }"),
            "1:18: error[bad_substitution]: `${` does not begin a placeholder",
        ),
        (
            head("server: { token: a, token: b }"),
            "1:21: error[yaml_duplicate_key]: ",
        ),
        (
            source("interval: 5"),
            "5:15: error[wrong_type]: `sources[0].interval` should be a duration with its unit",
        ),
        (
            source("interval: 5x"),
            "5:15: error[bad_value]: `sources[0].interval` should be a duration with its unit",
        ),
        (
            source("interval: 500ms"),
            "5:15: error[bad_value]: `sources[0].interval` is too short: one second is the least",
        ),
        (
            source("schedule: '* * * * 8'"),
            "5:15: error[bad_value]: `sources[0].schedule` is not a cron expression: day of week: `8`",
        ),
        (
            source("schedule: '* 24 * * *'"),
            "5:15: error[bad_value]: `sources[0].schedule` is not a cron expression: hour: `24`",
        ),
        (
            source("interval: 1m\n    schedule: '@hourly'"),
            "6:15: error[bad_value]: `sources[0].schedule` stands beside `interval` (help: keep one",
        ),
        (
            source("auth: {}"),
            "5:11: error[bad_value]: `sources[0].auth` should have either `token`, or",
        ),
        (
            source("auth: { token: a, username: b, password: c }"),
            "5:11: error[bad_value]: `sources[0].auth` should have either",
        ),
        (
            source("auth: { ssh: { key: a, known_hosts: b } }"),
            "5:11: error[bad_value]: `sources[0].auth` is of no use with this `url`",
        ),
        (
            source("auth: { ssh: { key: a } }"),
            "5:18: error[missing_key]: `sources[0].auth.ssh` has no `known_hosts`",
        ),
        (
            source("auth: { tokn: a }"),
            "5:13: error[unknown_key]: `tokn` is no key of `sources[0].auth` (help: did you mean `token`?)",
        ),
        (
            source("branch: on"),
            "5:13: error[wrong_type]: `sources[0].branch` should be text: put it in quotes",
        ),
        (
            source("branch: refs/heads/main"),
            "5:13: error[bad_value]: `sources[0].branch` is no name of a branch",
        ),
        (
            source("name: git2").replace("    name: git2", "  - name: git\n    url: /srv/x.git"),
            "5:11: error[duplicate_name]: there are two sources of the name `git` (help: the first one is in line 3",
        ),
        (
            source("  ").replace("https://git.example.com/x.git", "https://me:pw@git.example.com/x.git"),
            "4:10: error[credentials_in_url]: `sources[0].url` has credentials in it",
        ),
        (
            source("  ").replace("https://git.example.com/x.git", "ftp://git.example.com/x.git"),
            "4:10: error[bad_value]: `sources[0].url` has a scheme",
        ),
        (
            target("limits: { concurrency: 0 }"),
            "11:28: error[bad_value]: `targets[0].limits.concurrency` should be at least 1",
        ),
        (
            target("limits: { per_second: many }"),
            "11:27: error[bad_value]: `targets[0].limits.per_second` should be a whole number",
        ),
        (
            target("limits: { per_second: 1.5 }"),
            "11:27: error[wrong_type]: `targets[0].limits.per_second` should be a whole number",
        ),
        (
            target("").replace("platform: qualytics", "platform: qualitycs"),
            "8:15: error[unknown_platform]: `targets[0].platform` is no platform of this version (help: did you mean `qualytics`?)",
        ),
        (
            target("").replace("https://acme.example.com", "acme.example.com"),
            "9:10: error[bad_value]: `targets[0].url` is no http or https address",
        ),
        (
            target("").replace("    token: t0ken\n", ""),
            "7:5: error[missing_key]: `targets[0]` has no `token` (help: add `token:`)",
        ),
        (
            environment("mode: dry"),
            "16:11: error[bad_value]: `environments[0].mode` should be `apply` or `observe`",
        ),
        (
            environment("adopt: yes"),
            "16:12: error[wrong_type]: `environments[0].adopt` should be `apply` or `report`",
        ),
        (
            environment("drift: { policy: fix }"),
            "16:22: error[bad_value]: `environments[0].drift.policy` should be `correct` or `report`",
        ),
        (
            environment("drift: { interval: 0s }"),
            "16:24: error[bad_value]: `environments[0].drift.interval` is too short",
        ),
        (
            environment("prune: { connections: disable }"),
            "16:27: error[bad_value]: `environments[0].prune.connections`: `disable` archives, and qualytics does not archive connections",
        ),
        (
            environment("prune: { check: off }"),
            "16:14: error[unknown_kind]: `environments[0].prune`: `check` is no kind of qualytics (help: did you mean `checks`?)",
        ),
        (
            environment("prune: { checks: on }"),
            "16:22: error[bad_value]: `environments[0].prune.checks` should be `off`, `disable` or `delete`",
        ),
        (
            environment("guards: { delete_share: 101% }"),
            "16:29: error[bad_value]: `environments[0].guards.delete_share` should be a share from `0%` to `100%`, in whole numbers",
        ),
        (
            environment("guards: { update_max: -1 }"),
            "16:27: error[bad_value]: `environments[0].guards.update_max` should not be below 0",
        ),
        (
            environment("windows: [{ deny: '0 18 * * 5', duration: 62h }, { duration: 1h }]"),
            "16:54: error[bad_value]: `environments[0].windows[1]` says neither `deny` nor `allow` (help: write `deny: CRON` for a \
             time without writes",
        ),
        (
            environment("windows: [{ deny: '0 18 * * 5', allow: '0 8 * * *', duration: 62h }]"),
            "16:15: error[bad_value]: `environments[0].windows[0]` both denies and allows (help: make two windows of it",
        ),
        (
            environment("windows: [{ allow: '0 25 * * *', duration: 62h }]"),
            "16:15: error[bad_value]: `environments[0].windows[0].allow`: hour",
        ),
        (
            environment("windows: [{ deny: '@daily', duration: 62h, timezone: Berlin }]"),
            "16:15: error[bad_value]: `environments[0].windows[0].deny`: time zone: `Berlin` is no time zone",
        ),
        (
            environment("windows: [{ deny: '@daily', duration: 367d }]"),
            "16:43: error[bad_value]: `environments[0].windows.duration` is too long: a year (`366d`) is the most",
        ),
        (
            environment("path: ../other"),
            "16:11: error[bad_value]: `environments[0].path` leads out of the source",
        ),
        (
            environment("overlays: [ok, /etc]"),
            "16:20: error[bad_value]: `environments[0].overlays` leads out of the source",
        ),
        (
            environment("overlays: [[]]"),
            "16:16: error[wrong_type]: an item of `environments[0].overlays` should be text",
        ),
        (
            environment("variables: { A: 1 }"),
            "16:21: error[wrong_type]: `environments[0].variables.A` should be text: put it in quotes",
        ),
        (
            environment("variables: { A-B: x }"),
            "16:18: error[bad_name]: `environments[0].variables`: `A-B` is no name",
        ),
        (
            environment("ignore: [{ fields: [] }]"),
            "16:14: error[bad_value]: `environments[0].ignore` names no field",
        ),
        (
            environment("ignore: [{ kind: checks, fields: [a] }]"),
            "16:14: error[unknown_kind]: `environments[0].ignore`: `checks` is no kind of qualytics (help: did you mean `check`?)",
        ),
        (
            environment("ignore: [{ key: '[', fields: [a] }]"),
            "16:14: error[bad_value]: `environments[0].ignore`: `key` is no glob",
        ),
        (
            environment("").replace("source: git", "source: gut"),
            "14:13: error[unknown_source]: `environments[0].source`: there is no source `gut` (help: did you mean `git`?)",
        ),
        (
            environment("").replace("target: live", "target: staging"),
            "15:13: error[unknown_target]: `environments[0].target`: there is no target `staging` (help: there are `live`)",
        ),
        (
            environment("").replace("name: prod", "name: 'prod eu'"),
            "13:11: error[bad_name]: `environments[0].name` is no name",
        ),
        (String::new(), "1:1: error[config_empty]: the config file is empty"),
        (
            "- a".to_owned(),
            "1:1: error[wrong_type]: the config file should be a map of sections",
        ),
        ("a: [".to_owned(), "error[yaml_syntax]: "),
        (
            "server: {}".to_owned(),
            "1:1: error[missing_key]: there is no environment",
        ),
    ] {
        let shown: Vec<String> = match read_text(&text) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        };
        let is_as_expected = match shown.as_slice() {
            [one] if expected.starts_with("error") => one.contains(expected),
            [one] => one
                .strip_prefix("driftless.yaml:")
                .is_some_and(|fault| fault.starts_with(expected)),
            _ => false,
        };
        if !is_as_expected {
            wrong.push(format!("expected {expected}\n{shown:#?}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_text() {
    let text = r#"servr: {}
server: { listen: nowhere, tokn: x, port: 1 }
store: { url: "postgres://u:hunter2@h/d" }
sources:
  - nme: a
    url: 12
    interval: [1]
    schedule: "* * * *"
  - just text
  - name: b
    url: "${NOPE}"
    interval: "${NOPE}"
targets:
  - platform: oracle
    limits: { concurrency: 0, per_second: -1, burst: 2 }
environments:
  - name: prod
    source: c
    mode: dry
    drift: { policy: x, interval: 1 }
    prune: { connections: disable }
    overlays: [1, 2]
    variables: { A: 1, B: 2 }
    ignore: [{ kind: 1 }]
    guards: { from: x }
    unknown: 1
webhooks:
  - {}
"#;
    let places: Vec<String> = read_text(text)
        .unwrap_err()
        .iter()
        .map(|fault| {
            let place = fault.place.as_ref().unwrap();
            format!("{}:{} {}", place.line, place.column, fault.code)
        })
        .collect();
    assert_eq!(
        places,
        [
            "1:1 unknown_key",
            "2:19 bad_value",
            "2:28 unknown_key",
            "2:37 unknown_key",
            "3:15 not_supported",
            "5:5 missing_key", // name
            "5:5 unknown_key",
            "6:10 wrong_type",
            "7:15 wrong_type",
            "8:15 bad_value",
            "9:5 wrong_type",
            "11:10 unresolved_variable",
            "12:15 unresolved_variable",
            "14:5 missing_key", // name
            "14:5 missing_key", // token
            "14:5 missing_key", // url
            "14:15 unknown_platform",
            "15:28 bad_value",
            "15:43 bad_value",
            "15:47 unknown_key",
            "17:5 missing_key", // target
            "18:13 unknown_source",
            "19:11 bad_value",
            "20:22 bad_value",
            "20:35 wrong_type",
            "22:16 wrong_type",
            "22:19 wrong_type",
            "23:21 wrong_type",
            "23:27 wrong_type",
            "24:14 missing_key",
            "24:22 wrong_type",
            "25:21 bad_value",
            "26:5 unknown_key",
            "28:5 missing_key", // name
            "28:5 missing_key", // provider
            "28:5 missing_key", // secret
            "28:5 missing_key", // sources or forge
        ]
    );
}

#[test]
fn a_fault_within_an_item_hides_no_other_and_is_told_once() {
    let environment = "    guards: { from: -1 }
    windows: [{ deny: \"0 18 * * 5\", duration: soon }, { deny: x, duration: later }, { deny: x }]
    ignore: [{ fields: tags }]
    variables: { 1A: b }
    overlays: overrides";
    let places: Vec<String> = shown(&least("", "", "", environment))
        .iter()
        .map(|fault| fault.splitn(3, ": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "16:21 error[bad_value]",
        "17:47 error[bad_value]",
        "17:76 error[bad_value]",
        "17:85 error[missing_key]",
        "18:24 error[wrong_type]",
        "19:18 error[bad_name]",
        "20:15 error[wrong_type]",
    ];
    assert_eq!(places.len(), expected.len(), "{places:#?}");
    for (place, expected) in places.iter().zip(expected) {
        assert!(place.ends_with(expected), "{place} {expected}");
    }

    let text = least("", "", "", "").replace("  - name: prod", "    name: prod");
    assert_eq!(shown(&text).len(), 1, "{:#?}", shown(&text));
    let text = least("", "    auth: { token: t0ken }", "", "").replace("https://git.", "htps://git.");
    assert_eq!(shown(&text).len(), 1, "{:#?}", shown(&text));
}
