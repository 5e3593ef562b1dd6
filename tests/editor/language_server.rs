//! The real language server, over its standard streams: the demo's documents as an editor has them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

use super::{root, yaml_below};

/// The release that this was tried with.
const RELEASE: &str = "1.20.0";

/// An editor: a language server, and what it has published.
struct Editor {
    server: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u64,
    /// By the file's address: line (from 1) and message of each diagnostic.
    published: BTreeMap<String, Vec<(u64, String)>>,
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

impl Editor {
    fn open() -> Self {
        let program = std::env::var("DRIFTLESS_LANGUAGE_SERVER")
            .expect("set DRIFTLESS_LANGUAGE_SERVER to the program yaml-language-server (scripts/test installs one)");
        let version = Command::new(&program).arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        assert_eq!(version.trim(), RELEASE, "install yaml-language-server@{RELEASE}");
        let mut server = Command::new(&program)
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut editor = Self {
            input: server.stdin.take().unwrap(),
            output: BufReader::new(server.stdout.take().unwrap()),
            server,
            asked: 0,
            published: BTreeMap::new(),
        };
        let capabilities = json!({
            "workspace": { "configuration": true },
            "textDocument": { "publishDiagnostics": {}, "hover": { "contentFormat": ["markdown"] }, "completion": {} },
        });
        let folder = address(&root().join("config/demo"));
        editor.ask(
            "initialize",
            &json!({ "processId": null, "rootUri": folder, "capabilities": capabilities }),
        );
        editor.send(&json!({ "method": "initialized", "params": {} }));
        editor
    }

    fn send(&mut self, message: &Json) {
        let mut message = message.clone();
        message["jsonrpc"] = json!("2.0");
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn receive(&mut self) -> Json {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "the language server has ended"
            );
            match line.trim().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Answers what the server asks, and keeps what it publishes.
    fn handle(&mut self, message: &Json) {
        let params = &message["params"];
        if message["method"] == "textDocument/publishDiagnostics" {
            let diagnostics = params["diagnostics"].as_array().unwrap().iter().map(|found| {
                let line = found["range"]["start"]["line"].as_u64().unwrap() + 1;
                (line, found["message"].as_str().unwrap().to_owned())
            });
            let mut diagnostics: Vec<_> = diagnostics.collect();
            diagnostics.sort();
            self.published
                .insert(params["uri"].as_str().unwrap().to_owned(), diagnostics);
        } else if message.get("id").is_some() {
            // No catalogue of schemas from elsewhere: only what the files themselves name.
            let settings = |item: &Json| match item["section"].as_str() {
                Some("yaml") => json!({ "schemaStore": { "enable": false } }),
                _ => json!({}),
            };
            let result = match params["items"].as_array() {
                Some(items) => Json::Array(items.iter().map(settings).collect()),
                None => Json::Null,
            };
            self.send(&json!({ "id": message["id"], "result": result }));
        }
    }

    fn ask(&mut self, method: &str, params: &Json) -> Json {
        self.asked += 1;
        let id = json!(self.asked);
        self.send(&json!({ "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == id && message.get("method").is_none() {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.handle(&message);
        }
    }

    fn show(&mut self, path: &Path, text: &str) {
        let document = json!({ "uri": address(path), "languageId": "yaml", "version": 1, "text": text });
        self.send(&json!({ "method": "textDocument/didOpen", "params": { "textDocument": document } }));
    }

    /// The diagnostics of a file that was shown.
    fn diagnostics(&mut self, path: &Path) -> Vec<(u64, String)> {
        let uri = address(path);
        loop {
            if let Some(found) = self.published.get(&uri) {
                return found.clone();
            }
            let message = self.receive();
            self.handle(&message);
        }
    }

    /// What is shown over a place, lines and columns from 1.
    fn hover(&mut self, path: &Path, line: u64, column: u64) -> String {
        let position = json!({ "line": line - 1, "character": column - 1 });
        let found = self.ask(
            "textDocument/hover",
            &json!({ "textDocument": { "uri": address(path) }, "position": position }),
        );
        found["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// What is offered at a place.
    fn completions(&mut self, path: &Path, line: u64, column: u64) -> Vec<String> {
        let position = json!({ "line": line - 1, "character": column - 1 });
        let found = self.ask(
            "textDocument/completion",
            &json!({ "textDocument": { "uri": address(path) }, "position": position }),
        );
        let items = found["items"].as_array().unwrap().iter();
        items.map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    }
}

/// A file of the demo's repository that is open and not saved, with the modeline of `schema`.
fn draft(schema: &str, text: &str) -> (PathBuf, String) {
    let path = root().join("config/demo/qualytics-config/draft.yaml");
    let modeline = format!("# yaml-language-server: $schema=../.driftless/schemas/{schema}.schema.json\n");
    (path, modeline + text)
}

#[test]
fn the_demos_documents_have_no_diagnostic() {
    let mut editor = Editor::open();
    let files = yaml_below(&root().join("config/demo"));
    assert!(files.len() > 90, "only {}", files.len());
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            text.starts_with("# yaml-language-server: $schema="),
            "{}",
            path.display()
        );
        editor.show(path, &text);
    }
    for path in &files {
        assert_eq!(editor.diagnostics(path), [], "{}", path.display());
    }
}

#[test]
fn a_fault_is_marked_in_its_line() {
    for (schema, text, expected) in [
        (
            "check",
            "rule_type: between\ncontainer: orders\nfields: [a, b]\ncoverage: 95\nfitler: x\nproperties:\n  min: 1\n  max: 2\n  \
             inclusive_min: true\n",
            &[
                (4, "Array has too many items. Expected 1 or fewer."),
                (5, "Value is above the maximum of 1."),
                (6, "Property fitler is not allowed."),
                (7, "Missing property \"inclusive_max\"."),
            ][..],
        ),
        (
            "check",
            "rule_type: isNotNull\ncontainer: orders\nfields: [a]\n",
            &[(
                2,
                "not a known rule type; one that is newer than driftless is sent as it stands",
            )],
        ),
        (
            "check",
            "rule_type: freshness\ncontainer: orders\nfields: []\nfilter: a > 1\nproperties: {value: 1}\n",
            &[(5, "`freshness` has no filter")],
        ),
        (
            "connection",
            "name: pg\ntype: postgresql\nport: ${PG_PORT}\nrole_arn: x\n",
            &[(5, "Property role_arn is not allowed.")],
        ),
        (
            "check-overlay",
            "coverage: 0.5\nfilter: {$delete: true}\nfieldss: [a]\n",
            &[(4, "Property fieldss is not allowed.")],
        ),
        (
            "config",
            "sources: [{name: s, url: u, intervall: 1m}]\ntargets: [{name: t, platform: qualytics, url: u, token: t}]\n\
             environments: [{name: e, source: s, target: t, mode: aply}]\n",
            &[
                (2, "Property intervall is not allowed."),
                (4, "Value is not accepted. Valid values: \"apply\", \"observe\"."),
            ],
        ),
    ] {
        let mut editor = Editor::open();
        let (path, text) = draft(schema, text);
        editor.show(&path, &text);
        let found = editor.diagnostics(&path);
        let found: Vec<(u64, &str)> = found.iter().map(|(line, message)| (*line, message.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_hover_says_what_a_field_is_and_what_a_rule_checks() {
    let mut editor = Editor::open();
    let (path, text) = draft(
        "check",
        "rule_type: between\ncontainer: orders\nproperties:\n  inclusive_max: true\n",
    );
    editor.show(&path, &text);
    let container = editor.hover(&path, 3, 3);
    assert!(
        container.contains("The table, file or computed container"),
        "{container}"
    );
    let rule = editor.hover(&path, 2, 14);
    assert!(rule.contains("`between`: The number lies within a range."), "{rule}");
    let property = editor.hover(&path, 5, 5);
    assert!(property.contains("Whether the maximum itself passes."), "{property}");
}

#[test]
fn what_is_offered_is_what_fits_there() {
    let mut editor = Editor::open();
    let (path, text) = draft("check", "rule_type: \ncontainer: orders\n\n");
    editor.show(&path, &text);
    let rules = editor.completions(&path, 2, 12);
    for rule in ["notNull", "between", "satisfiesExpression"] {
        assert!(rules.iter().any(|offered| offered == rule), "{rule} of {rules:?}");
    }
    let fields = editor.completions(&path, 4, 1);
    assert!(fields.iter().any(|offered| offered == "coverage"), "{fields:?}");
    // What moves by itself may be there, and nobody has to write it.
    assert!(!fields.iter().any(|offered| offered == "created"), "{fields:?}");

    let path = path.with_file_name("other.yaml");
    let text = text.replace("rule_type: \n", "rule_type: between\n") + "properties:\n  \n";
    editor.show(&path, &text);
    let properties = editor.completions(&path, 6, 3);
    assert!(
        properties.iter().any(|offered| offered == "inclusive_max"),
        "{properties:?}"
    );
    assert!(
        !properties.iter().any(|offered| offered == "max_time"),
        "{properties:?}"
    );
}
