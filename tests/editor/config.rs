//! The schema of the config file against the parser of the config file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use driftless::codec::shown;
use driftless::config::{Surroundings, json_schema, read};
use driftless_core::diagnostic::Diagnostic;
use driftless_core::substitute::FileFault;
use driftless_core::yaml;
use serde_json::{Map, Value as Json, json};

use super::{marked, platforms, root};

/// A config file in which every section, and every map of one, is there.
fn whole() -> Json {
    json!({
        "server": { "listen": "127.0.0.1:8080", "token": "a-token" },
        "store": { "url": "sqlite://driftless.db" },
        "sources": [
            { "name": "s", "url": "https://git.example.com/s.git", "branch": "main", "interval": "1m", "auth": { "token": "t" } },
            { "name": "t", "url": "ssh://git.example.com/s.git", "semver": "^1", "tag_prefix": "v",
              "verify": { "mode": "head", "keys": ["/k"] }, "auth": { "ssh": { "key": "/k", "known_hosts": "/h" } } },
        ],
        "targets": [{
            "name": "q", "platform": "qualytics", "url": "https://acme.example.com", "token": "t",
            "limits": { "concurrency": 16, "per_second": 40 },
            "timeouts": { "connect": "5s", "read": "30s", "total": "2m" },
            "client_certificate": { "cert_file": "/c.pem", "key_file": "/k.pem" },
            "proxy": { "url": "http://proxy.example.com:3128", "username": "u", "password": "p" },
        }],
        "environments": [{
            "name": "prod", "source": "s", "path": "p", "overlays": ["o"], "target": "q", "variables": { "A": "b" },
            "env_files": [], "env_passthrough": ["DB_*"], "secret_files": ["/run/secrets/*"], "substitute": ["checks"], "mode": "apply", "adopt": "apply",
            "drift": { "policy": "correct", "interval": "10m" }, "prune": { "checks": "off" },
            "guards": { "from": 10 }, "windows": [{ "deny": "0 18 * * 5", "duration": "62h" }],
            "ignore": [{ "kind": "check", "key": "a/**", "fields": ["tags"] }],
        }],
        "forges": [{
            "name": "f", "provider": "github", "url": "https://api.github.com", "token": "t",
            "timeouts": { "connect": "5s", "read": "30s", "total": "2m" },
            "proxy": { "url": "http://proxy.example.com:3128", "username": "u", "password": "p" },
        }],
        "pull_requests": {
            "concurrency": 4, "wait_for_run": "2m", "timeout": "60m", "poll": { "from": "3s", "to": "30s" },
            "on_confirmation": "pending",
        },
        "webhooks": [{ "name": "w", "provider": "github", "secret": "s", "sources": ["s"], "forge": "f" }],
        "notifications": [],
    })
}

fn faults(config: &Json) -> Vec<Diagnostic> {
    let known = platforms();
    let around = Surroundings {
        folder: Path::new("/etc/driftless"),
        process: &BTreeMap::from([("V".to_owned(), "12".to_owned())]),
        platforms: &known,
        secret_file: |_| Err(FileFault::Absent),
        signers: |_| Ok(()),
        authorities: |_| Ok(()),
    };
    read("driftless.yaml", config.to_string().as_bytes(), &around)
        .err()
        .unwrap_or_default()
}

/// Every map of the schema that knows its keys: where one stands in [`whole`], and its schema.
fn maps() -> Vec<(String, Json)> {
    fn walk(at: String, schema: &Json, whole: &Json, found: &mut Vec<(String, Json)>) {
        if let Some(items) = schema.get("items") {
            for index in 0..whole.as_array().map_or(0, Vec::len) {
                walk(format!("{at}/{index}"), items, &whole[index], found);
            }
        }
        if schema["additionalProperties"] == json!(false) && whole.is_object() {
            found.push((at.clone(), schema.clone()));
            for (key, inside) in schema["properties"].as_object().unwrap() {
                walk(format!("{at}/{key}"), inside, &whole[key], found);
            }
        }
    }
    let mut found = Vec::new();
    walk(String::new(), &json_schema(&platforms()), &whole(), &mut found);
    found
}

fn keys(schema: &Json) -> Vec<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schema_has_the_keys_of_the_parser_and_no_other() {
    assert_eq!(faults(&whole()), Vec::new());
    let maps = maps();
    // The parser lists the keys that it knows, where it finds one that it does not.
    for (at, schema) in &maps {
        if at.ends_with("/prune") {
            continue; // its keys are kinds
        }
        let mut config = whole();
        config.pointer_mut(at).unwrap()["zzzzzzzzzzzz"] = json!(1);
        let found = faults(&config);
        let [fault] = found.as_slice() else {
            panic!("{at}: {found:?}")
        };
        assert_eq!(fault.code, "unknown_key", "{at}");
        let help = fault.help.clone().unwrap_or_default();
        let known: BTreeSet<&str> = help.split('`').skip(1).step_by(2).collect();
        let offered = keys(schema);
        assert_eq!(known, offered.iter().map(String::as_str).collect(), "{at}");
    }
    let places: BTreeSet<&str> = maps.iter().map(|(at, _)| at.as_str()).collect();
    for at in [
        "",
        "/server",
        "/sources/1/auth/ssh",
        "/targets/0/limits",
        "/targets/0/timeouts",
        "/targets/0/client_certificate",
        "/targets/0/proxy",
        "/environments/0/drift",
        "/environments/0/ignore/0",
        "/environments/0/guards",
        "/environments/0/windows/0",
        "/forges/0/timeouts",
        "/forges/0/proxy",
        "/pull_requests/poll",
        "/webhooks/0",
    ] {
        assert!(places.contains(at), "{at} of {places:?}");
    }
}

#[test]
fn a_key_that_this_version_refuses_is_not_offered_and_every_other_one_is_described() {
    fn walk(at: &str, schema: &Json, refused: &mut Vec<String>) {
        for (key, inside) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}{key}");
            let inner = &inside["anyOf"][0];
            let text = inside["description"].as_str().or(inner["description"].as_str());
            assert!(
                text.is_some_and(|text| text.ends_with(['.', '`'])),
                "{at} is not described"
            );
            if inside["doNotSuggest"] == json!(true) {
                refused.push(at.clone());
            }
            walk(&format!("{at}."), inside, refused);
            if inside.get("items").is_some() {
                walk(&format!("{at}[]."), &inside["items"], refused);
            }
        }
    }
    let mut refused = Vec::new();
    walk("", &json_schema(&platforms()), &mut refused);
    refused.sort();
    let said = [("notifications", json!([{ "name": "n" }]))];
    assert_eq!(refused, said.iter().map(|(at, _)| *at).collect::<Vec<_>>());
    for (at, value) in said {
        let mut config = whole();
        let mut here = &mut config;
        for step in at.split('.') {
            here = match step.strip_suffix("[]") {
                Some(list) => &mut here[list][0],
                None => &mut here[step],
            };
        }
        *here = value;
        assert!(
            faults(&config).iter().any(|fault| fault.code == "not_supported"),
            "{at}"
        );
    }
}

#[test]
fn an_editor_marks_what_the_parser_refuses_and_nothing_else() {
    let values = [
        "null",
        "true",
        "3",
        "0",
        "-1",
        "3.5",
        r#""""#,
        r#""word""#,
        r#""12""#,
        r#""${V}""#,
        r#""10m""#,
        "[]",
        r#"["a"]"#,
        "[1]",
        "{}",
        r#"{"a":1}"#,
    ];
    let values: Vec<Json> = values.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let mut instances = vec![("config".to_owned(), whole())];
    let mut add = |config: Json| instances.push(("config".to_owned(), config));
    for (at, schema) in maps() {
        for key in keys(&schema) {
            let mut without = whole();
            let here: &mut Map<String, Json> = without.pointer_mut(&at).unwrap().as_object_mut().unwrap();
            if here.shift_remove(&key).is_some() {
                add(without);
            }
            for value in &values {
                let mut with = whole();
                with.pointer_mut(&at).unwrap()[&key] = value.clone();
                add(with);
            }
        }
    }
    let shapes = ["wrong_type", "missing_key", "unknown_key", "bad_name", "not_supported"];
    let mut wrong = Vec::new();
    for ((_, config), marks) in instances.iter().zip(marked(&instances)) {
        let faults = faults(config);
        if faults.is_empty() && !marks.is_empty() {
            wrong.push(format!("marked, and sound: {config}\n    {marks:?}"));
        }
        let depends = config.to_string().contains("${");
        if marks.is_empty() && !depends && faults.iter().any(|fault| shapes.contains(&fault.code)) {
            wrong.push(format!("not marked: {config}\n    {faults:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        instances.len(),
        wrong.join("\n")
    );
    assert!(instances.len() > 500, "only {}", instances.len());
}

#[test]
fn the_example_is_marked_nowhere_and_has_every_key_that_is_offered() {
    let text = std::fs::read_to_string(root().join("config/driftless.example.yaml")).unwrap();
    let example = shown(&yaml::parse(text.as_bytes()).root.unwrap().to_value());
    let marks = marked(&[("config".to_owned(), example)]);
    assert_eq!(marks, [Vec::<String>::new()]);
    for (at, schema) in maps() {
        for (key, inside) in schema["properties"].as_object().unwrap() {
            let quiet = inside["doNotSuggest"] == json!(true) || at.ends_with("/prune");
            // Keys that stand behind a `#` are told there too.
            let there = text.contains(&format!("{key}:"));
            assert!(quiet || there || key == "prune", "{at}/{key} is not in the example");
        }
    }
}
