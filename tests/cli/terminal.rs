//! What a person at a terminal sees and is asked. The terminal is a pseudo-terminal that Python opens.

use super::{CHECK, Ran, Rig};

/// Runs a command on a terminal, types `answer` when it is asked, and ends as the command does; a command that a signal ended
/// counts as 128 and the signal.
const TERMINAL: &str = r#"
import os, pty, sys
answer, command = sys.argv[1].encode(), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
seen, asked = b"", False
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:
        break
    if not read:
        break
    seen += read
    if not asked and b"Only `yes` is taken: " in seen:
        asked = True
        os.write(terminal, answer)
sys.stdout.buffer.write(seen)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(status if status >= 0 else 128 - status)
"#;

pub(super) async fn on_a_terminal(rig: &Rig, answer: &str, arguments: &[&str], colour: Option<&str>) -> Ran {
    let python = std::env::var("DRIFTLESS_PYTHON")
        .expect("DRIFTLESS_PYTHON names the Python that opens a terminal: run scripts/test, which sets it");
    let mut command = tokio::process::Command::new(python);
    command
        .args(["-c", TERMINAL, answer, env!("CARGO_BIN_EXE_driftless")])
        .args(arguments)
        .current_dir(rig.folder.path())
        .env_clear()
        .env("TERM", "xterm-256color")
        .env("QUALYTICS_URL", rig.sandbox.url())
        .env("QUALYTICS_TOKEN", rig.sandbox.token())
        .env("PG_PASSWORD", super::PASSWORD)
        .envs(colour.map(|value| ("NO_COLOR", value)))
        .kill_on_drop(true);
    Ran::of(command).await
}

const APPLY: [&str; 3] = ["apply", "--input", "cfg"];

async fn pending() -> Rig {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig
}

#[tokio::test]
async fn a_person_is_shown_the_plan_and_asked() {
    let rig = pending().await;
    let ran = on_a_terminal(&rig, "yes\n", &APPLY, None).await;
    ran.exits(0)
        .shows(&["1 to update", "Carry this out?", "1 updated, 6 in sync"]);
    assert!(!ran.out.contains("0/0"), "a bar that counts nothing: {}", ran.out);
    assert_eq!(rig.writes().await.len(), 1);
    // With nothing to do nobody is asked.
    let ran = on_a_terminal(&rig, "no\n", &APPLY, None).await;
    ran.exits(0);
    assert!(!ran.out.contains("Carry this out?"), "{}", ran.out);
}

#[tokio::test]
async fn anything_but_yes_writes_nothing() {
    let rig = pending().await;
    for answer in ["no\n", "y\n", "\n", "\u{4}"] {
        on_a_terminal(&rig, answer, &APPLY, None)
            .await
            .exits(1)
            .shows(&["nothing was written"]);
    }
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn an_interrupt_at_the_question_ends_it() {
    let rig = pending().await;
    let ran = on_a_terminal(&rig, "\u{3}", &APPLY, None).await;
    ran.exits(130);
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn colour_is_for_terminals_that_want_it() {
    let rig = Rig::new().await;
    rig.write("cfg/datastores/warehouse/checks/orders/broken.yaml", "a: [");
    let red = "\u{1b}[1m\u{1b}[91merror";
    let ran = on_a_terminal(&rig, "", &["validate", "cfg"], None).await;
    ran.exits(1).shows(&[red]);
    let ran = on_a_terminal(&rig, "", &["validate", "cfg"], Some("1")).await;
    ran.exits(1);
    assert!(!ran.out.contains('\u{1b}'), "{}", ran.out);
}
