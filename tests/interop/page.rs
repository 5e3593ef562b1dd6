//! The page "Coming from qualytics-cli", run from top to bottom: its commands in one shell's folder, with both clients.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::commands::{Act, acts};
use super::official::Bench;

const PAGE: &str = "docs/coming-from-qualytics-cli.md";
/// How long the daemon may take to have tried its first pass.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_page_does_what_the_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seed = std::fs::read_to_string(root.join("config/demo-seeds/prod.json")).unwrap();
    let seed: Json = serde_json::from_str(&seed).unwrap();
    let bench = Bench::start(&seed).await;
    let empty = bench.empty_like(&seed).await;
    let page = std::fs::read_to_string(root.join(PAGE)).unwrap();
    let acts = acts(&page);
    assert!(acts.len() > 20, "the page has its commands");
    for act in acts {
        match act {
            Act::File { path, text } => {
                let path = bench.path(&path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Act::Command { text, .. } if text.starts_with("driftless run ") => {
                let (bench, empty) = (&bench, &empty);
                tokio::task::block_in_place(|| runs_until_stopped(shell(bench, empty, &text), &text));
            }
            Act::Command { text, code, says } => {
                let mut command = shell(&bench, &empty, &text);
                let output = tokio::task::block_in_place(|| command.output()).unwrap();
                let shown = format!(
                    "{}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                );
                assert_eq!(output.status.code(), Some(code), "$ {text}\n{shown}");
                for line in says.iter().filter(|line| *line != "...") {
                    assert!(shown.contains(line.as_str()), "$ {text}\nis to say {line:?}:\n{shown}");
                }
                if text.starts_with("git status") || text.starts_with("git diff") {
                    assert_eq!(shown.trim().is_empty(), says.is_empty(), "$ {text}\n{shown}");
                }
            }
        }
    }
}

/// A shell in the folder of `bench`, as a person has one who follows the page: both clients on the path, `QUALYTICS_URL` and
/// `QUALYTICS_TOKEN` for the instance, `NEW_URL` and `NEW_TOKEN` for an empty one.
fn shell(bench: &Bench, empty: &Bench, text: &str) -> Command {
    let client = std::env::var("DRIFTLESS_QUALYTICS_CLI")
        .unwrap_or_else(|_| panic!("set DRIFTLESS_QUALYTICS_CLI: scripts/test does"));
    let folders = [env!("CARGO_BIN_EXE_driftless"), &client]
        .map(|program| Path::new(program).parent().unwrap().to_str().unwrap().to_owned());
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", text])
        .current_dir(bench.path(""))
        .stdin(Stdio::null())
        .env_clear()
        .env(
            "PATH",
            format!("{}:{}", folders.join(":"), std::env::var("PATH").unwrap()),
        )
        .env("HOME", bench.path("home"))
        .env("QUALYTICS_CONFIG_HOME", bench.path("home"))
        .env("QUALYTICS_URL", bench.url())
        .env("QUALYTICS_TOKEN", bench.token())
        .env("NEW_URL", empty.url())
        .env("NEW_TOKEN", empty.token())
        .env("NO_PROXY", "*")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "300")
        .env("LANG", "C.UTF-8")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "Someone")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "someone@example.com")));
    command
}

/// Starts the daemon, waits until it has tried its first pass, and ends it as a terminal would.
fn runs_until_stopped(mut command: Command, text: &str) {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut daemon = command
        .env("LISTEN", address.to_string())
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let ready = loop {
        let ready = std::net::TcpStream::connect(address).is_ok_and(|mut stream| {
            use std::io::{Read as _, Write as _};
            let asked = stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n");
            let mut answer = String::new();
            asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.contains(" 200 ")
        });
        if ready || began.elapsed() > PATIENCE || daemon.try_wait().unwrap().is_some() {
            break ready;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let group = format!("-{}", daemon.id());
    Command::new("kill").args(["-TERM", "--", &group]).status().unwrap();
    let ended = daemon.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ready, "$ {text}\nis not ready:\n{said}");
}
