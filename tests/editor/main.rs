//! What `driftless schema` gives editors: JSON Schemas that agree with what driftless itself says of a file, and that the language
//! server behind most editors' YAML support makes diagnostics, hovers and completions of.
//!
//! Needs a Python with `jsonschema`, named by `DRIFTLESS_PYTHON`, and `yaml-language-server` 1.20.0, named by
//! `DRIFTLESS_LANGUAGE_SERVER` (`scripts/test` sees to both).
#![expect(clippy::disallowed_methods, reason = "a test has its own clock and environment")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

mod config;
mod documents;
mod language_server;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driftless::config::{KnownPlatform, Tenancy, json_schema};
use driftless::platform::qualytics;
use serde_json::{Map, Value as Json, json};

/// Every schema by its name.
fn schemas() -> Map<String, Json> {
    let mut found: Map<String, Json> = qualytics::document_schemas()
        .into_iter()
        .map(|schema| (schema.name(), schema.json))
        .collect();
    found.insert("config".to_owned(), json_schema(&platforms()));
    found
}

fn platforms() -> Vec<KnownPlatform> {
    vec![KnownPlatform::of(qualytics::schema(), Tenancy::One)]
}

/// What the schemas say of `(schema's name, instance)`, one list of faults each.
fn marked(instances: &[(String, Json)]) -> Vec<Vec<String>> {
    let python = std::env::var("DRIFTLESS_PYTHON")
        .expect("set DRIFTLESS_PYTHON to a Python that has jsonschema (scripts/test makes one)");
    let mut child = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/json_schema.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("DRIFTLESS_PYTHON ({python}) does not start: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = json!({ "schemas": schemas(), "instances": instances }).to_string();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "the Python side failed; its own message stands above"
    );
    writer.join().unwrap().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The YAML files below `folder`, by path.
fn yaml_below(folder: &Path) -> Vec<PathBuf> {
    let mut open = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
