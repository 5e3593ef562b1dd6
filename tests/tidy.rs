//! The house rules that no compiler knows: imports go one way, adapters are named by the wiring alone, every module says what
//! it is, and no file has two jobs.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which of our own modules a file may name, by the longest prefix of its path that stands here. Order of the design: the shell
/// over the engine, the engine over the ports, the ports over core; `sandbox` over core alone.
const LAYERS: &[(&str, &[&str])] = &[
    ("lib.rs", &[]),
    ("main.rs", &[]),
    ("clock.rs", &[]),
    ("codec.rs", &[]),
    ("telemetry.rs", &[]),
    ("variables.rs", &[]),
    ("platform/mod.rs", &[]),
    ("platform/data_diffs.rs", &["platform"]),
    ("platform/document_schema.rs", &[]),
    ("platform/document_field.rs", &["platform"]),
    ("platform/failures.rs", &["platform"]),
    ("platform/address.rs", &["platform"]),
    ("platform/redact.rs", &["platform"]),
    ("platform/slug.rs", &[]),
    ("platform/testing.rs", &["codec"]),
    ("platform/shape.rs", &[]),
    ("platform/fault_list.rs", &["platform"]),
    ("platform/http.rs", &["platform", "codec"]),
    ("platform/http/", &["platform", "codec"]),
    ("platform/qualytics/", &["platform", "codec"]),
    ("platform/datafold/", &["platform", "codec", "engine::schedule"]),
    ("forge/mod.rs", &["platform::data_diffs"]),
    ("forge/", &["forge", "platform", "codec"]),
    (
        "ci/",
        &[
            "ci",
            "engine::backoff",
            "forge",
            "platform",
            "source",
            "store",
            "clock",
            "codec",
            "variables",
        ],
    ),
    ("source/", &["source", "clock"]),
    ("store/mod.rs", &[]),
    ("store/audit", &[]),
    ("store/drifts.rs", &[]),
    ("store/facts.rs", &["store"]),
    ("store/pull_runs.rs", &[]),
    ("store/sqlite", &["store", "codec"]),
    (
        "engine/",
        &["engine", "platform", "source", "store", "clock", "codec", "variables"],
    ),
    (
        "server/",
        &[
            "server",
            "engine",
            "ci",
            "forge::Repository",
            "platform::data_diffs::PullRequestNumber",
            "source",
            "store",
            "clock",
            "codec",
        ],
    ),
    (
        "config/",
        &[
            "config",
            "engine::schedule",
            "engine::windows",
            "source::reference",
            "source::signers",
            "store::sqlite",
            "variables",
        ],
    ),
    ("sandbox/", &["sandbox"]),
    (
        "cli/",
        &[
            "cli",
            "server",
            "config",
            "engine",
            "ci",
            "forge",
            "platform",
            "source",
            "store",
            "sandbox",
            "clock",
            "codec",
            "telemetry",
            "variables",
        ],
    ),
];

/// What stands behind a port: named by the wiring (`cli/`) and by itself.
const ADAPTERS: &[&str] = &[
    "platform::qualytics",
    "platform::datafold",
    "forge::github",
    "forge::gitlab",
    "platform::http",
    "source::git",
    "source::dir",
    "source::layers",
    "store::sqlite",
];

/// Lines that a file may have: beyond, it has two jobs.
const LONGEST: usize = 500;

#[test]
fn imports_go_one_way() {
    let mut faults = Vec::new();
    for (path, text) in sources("src") {
        let Some((prefix, allowed)) = LAYERS
            .iter()
            .filter(|(prefix, _)| path.starts_with(prefix))
            .max_by_key(|(p, _)| p.len())
        else {
            faults.push(format!("src/{path} is in no layer: add it to the table"));
            continue;
        };
        for import in imports(&text) {
            let is = |name: &str| import == name || import.starts_with(&format!("{name}::"));
            if !allowed.iter().any(|name| is(name)) {
                faults.push(format!(
                    "src/{path} names crate::{import}; {prefix} may name {allowed:?}"
                ));
            }
            let own = |adapter: &&&str| path.starts_with(&adapter.replace("::", "/"));
            let foreign = ADAPTERS
                .iter()
                .filter(|adapter| is(adapter))
                .find(|adapter| !own(adapter));
            let within_port = |adapter: &str| {
                adapter
                    .split("::")
                    .next()
                    .is_some_and(|port| path.starts_with(&format!("{port}/")))
                    // Forges are spoken to by the client that platforms are.
                    || adapter == "platform::http" && path.starts_with("forge/")
            };
            if let Some(adapter) = foreign
                && !path.starts_with("cli/")
                && !path.starts_with("config/")
                && !within_port(adapter)
            {
                faults.push(format!("src/{path} names the adapter {adapter}: only src/cli does"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_core_can_do_no_io() {
    let manifest = std::fs::read_to_string(root().join("core/Cargo.toml")).unwrap();
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let named: BTreeSet<&str> = dependencies
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty()))
        .collect();
    let pure = [
        "globset",
        "granit-parser",
        "hmac",
        "indexmap",
        "sha2",
        "thiserror",
        "zmij",
    ];
    assert_eq!(
        named,
        pure.into(),
        "a crate in core is a value-in, value-out crate: add it here with a reason"
    );
}

#[test]
fn every_module_says_what_it_is_and_has_one_job() {
    let mut faults = Vec::new();
    for folder in ["src", "core/src"] {
        for (path, text) in sources(folder) {
            if !text.starts_with("//!") {
                faults.push(format!("{folder}/{path} does not begin with `//!`"));
            }
            let name = Path::new(&path)
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default();
            if ["utils", "util", "helpers", "helper", "common", "misc", "types"].contains(&name) {
                faults.push(format!("{folder}/{path} is named after no noun"));
            }
            let lines = text.lines().count();
            if lines > LONGEST && !name.ends_with("tests") {
                faults.push(format!("{folder}/{path} has {lines} lines: two jobs?"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    let mut faults = Vec::new();
    for folder in ["src", "core/src"] {
        for (path, text) in sources(folder) {
            for word in ["todo!(", "unimplemented!(", "FIXME", "dbg!("] {
                if text.contains(word) {
                    faults.push(format!("{folder}/{path} has {word}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below `folder`: path within it, and text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let base = root().join(folder);
    let mut open = vec![base.clone()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&base).unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Every path after `crate::` in a text, comments left out, lists in braces spread.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        // `driftless_core::` and `$crate::` are not ours.
        if before.is_alphanumeric() || before == '_' || before == '$' {
            continue;
        }
        spread("", &code[at + "crate::".len()..], &mut found);
    }
    found
}

fn spread(prefix: &str, text: &str, found: &mut BTreeSet<String>) {
    if let Some(list) = text.strip_prefix('{') {
        let mut depth = 0;
        let mut item = String::new();
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    spread(prefix, item.trim(), found);
                    item.clear();
                    continue;
                }
                _ => {}
            }
            item.push(c);
        }
        if !item.trim().is_empty() {
            spread(prefix, item.trim(), found);
        }
        return;
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}::{name}")
    };
    match rest.strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => spread(&path, rest, found),
        _ => {
            found.insert(path);
        }
    }
}

#[test]
fn the_reader_of_imports_sees_them() {
    let text = "use crate::a::{b, c::{d, self}};\n// crate::no\nlet x = crate::e::f(1); driftless_crate::g();";
    let expected = ["a::b", "a::c::d", "a::c::self", "e::f"].map(str::to_owned);
    assert_eq!(imports(text), expected.into());
}
