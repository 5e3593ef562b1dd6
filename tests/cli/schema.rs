//! `driftless schema` and `driftless completions`.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

const NAMES: [&str; 17] = [
    "check",
    "check-overlay",
    "ci_config",
    "ci_config-overlay",
    "computed_field",
    "computed_field-overlay",
    "config",
    "connection",
    "connection-overlay",
    "container",
    "container-overlay",
    "data_source",
    "data_source-overlay",
    "datastore",
    "datastore-overlay",
    "monitor",
    "monitor-overlay",
];

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn schemas_are_printed_one_by_one_or_all_in_one_document() {
    let rig = Rig::with(json!({})).await;
    let all = rig.run(&["schema"]).await;
    all.exits(0);
    let all: Json = serde_json::from_str(&all.out).unwrap();
    let definitions = all["definitions"].as_object().unwrap();
    assert_eq!(definitions.keys().collect::<Vec<_>>(), NAMES);
    for name in NAMES {
        let ran = rig.run(&["schema", name]).await;
        ran.exits(0);
        let one: Json = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(one, definitions[name], "{name}");
        assert_eq!(one["$schema"], "http://json-schema.org/draft-07/schema#");
        assert!(ran.out.ends_with("}\n") && !ran.out.contains("$ref"), "{name}");
    }
    let ran = rig.run(&["schema", "chek"]).await;
    ran.exits(1);
    assert!(ran.err.contains("'check'"), "{}", ran.err);
}

#[tokio::test]
async fn schemas_become_files_and_a_file_that_stays_the_same_is_not_written() {
    let rig = Rig::with(json!({})).await;
    let ran = rig.run(&["schema", "--output", "a/b"]).await;
    ran.exits(0);
    let written = files(&rig.path("a/b"));
    let mut names: Vec<String> = NAMES.iter().map(|name| format!("{name}.schema.json")).collect();
    names.sort();
    assert_eq!(written.keys().cloned().collect::<Vec<_>>(), names);
    for name in &names {
        assert!(
            ran.out.contains(&format!("# yaml-language-server: $schema={name}")),
            "{}",
            ran.out
        );
    }
    // The demo's documents name the same bytes.
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/.driftless/schemas");
    let demo = files(&demo);
    assert_eq!(written.keys().collect::<Vec<_>>(), demo.keys().collect::<Vec<_>>());
    for (name, text) in &written {
        assert!(
            demo[name] == *text,
            "run `driftless schema --output config/demo/.driftless/schemas`: {name}"
        );
    }

    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let touched = |name: &str| {
        std::fs::metadata(rig.path(&format!("a/b/{name}")))
            .unwrap()
            .modified()
            .unwrap()
    };
    for name in &names {
        let file = std::fs::File::options()
            .write(true)
            .open(rig.path(&format!("a/b/{name}")))
            .unwrap();
        file.set_modified(long_ago).unwrap();
    }
    rig.write("a/b/check.schema.json", "{}");
    rig.run(&["schema", "--output", "a/b"]).await.exits(0);
    assert_eq!(files(&rig.path("a/b")), written);
    assert_ne!(touched("check.schema.json"), long_ago);
    assert_eq!(touched("config.schema.json"), long_ago);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let rig = Rig::with(json!({})).await;
    rig.write("taken", "");
    let ran = rig.run(&["schema", "--output", "taken/b"]).await;
    ran.exits(1);
    assert!(ran.err.contains("taken/b"), "{}", ran.err);
}

#[tokio::test]
async fn every_shell_is_told_the_commands() {
    let rig = Rig::with(json!({})).await;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = rig.run(&["completions", shell]).await;
        ran.exits(0);
        for word in ["validate", "detailed-exitcode"] {
            assert!(ran.out.contains(word), "{shell} lacks {word}");
        }
        assert_eq!(ran.err, "", "{shell}");
    }
    // Bash itself takes the script, and completes with it.
    let script = "source /dev/stdin; COMP_WORDS=(driftless vali); COMP_CWORD=1; _driftless driftless vali driftless; echo \"${COMPREPLY[*]}\"";
    let mut bash = tokio::process::Command::new("bash");
    bash.args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut bash = bash.spawn().unwrap();
    let completions = rig.run(&["completions", "bash"]).await.out;
    let mut input = bash.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut input, completions.as_bytes())
        .await
        .unwrap();
    drop(input);
    let answer = bash.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8(answer.stdout).unwrap(), "validate\n");
}
