//! The page "Coming from datafold-sdk", run from top to bottom: its commands in one folder, against a sandbox.

use std::path::Path;
use std::process::Command;

use super::commands::{Act, acts};
use super::*;

const PAGE: &str = "docs/coming-from-datafold-sdk.md";

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_page_for_datafold_does_what_the_page_says() {
    let rig = Rig::empty().await;
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let acts = acts(&page);
    let seed = acts.iter().find_map(|act| match act {
        Act::File { path, text } if path == "sandbox.yaml" => Some(serde_yaml::from_str(text).unwrap()),
        Act::File { .. } | Act::Command { .. } => None,
    });
    assert!(seed.is_some(), "the page says what its sandbox begins with");
    let options = driftless::sandbox::datafold::Options {
        seed,
        ..Default::default()
    };
    let server = driftless::sandbox::datafold::Server::start(options).await.unwrap();
    assert!(acts.len() > 8, "the page has its commands");
    let program = Path::new(env!("CARGO_BIN_EXE_driftless")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for act in acts {
        match act {
            Act::File { path, text } => rig.write(&path, &text),
            Act::Command { text, code, says } => {
                let mut command = Command::new("bash");
                command
                    .args(["-euo", "pipefail", "-c", &text])
                    .current_dir(rig.path(""))
                    .env_clear()
                    .env("PATH", &path)
                    .env("NO_COLOR", "1")
                    .env("NO_PROXY", "*")
                    .env("BASE_SHA", "b".repeat(40))
                    .env("PR_SHA", "a".repeat(40))
                    .env("DATAFOLD_HOST", server.url())
                    .env("DATAFOLD_API_KEY", server.key());
                let output = tokio::task::block_in_place(|| command.output()).unwrap();
                let [out, err] =
                    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                let shown = out + &err;
                assert_eq!(output.status.code(), Some(code), "$ {text}\n{shown}");
                for line in says {
                    assert!(shown.contains(&line), "$ {text}\nis to say {line:?}:\n{shown}");
                }
            }
        }
    }
}
