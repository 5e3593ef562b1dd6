//! Where the command line prints: results on standard output, everything else on standard error. A closed pipe is no fault.

use std::io::{IsTerminal as _, Write as _};

use driftless_core::render::plain;

/// Prints a result: colour codes are taken out where the stream is no terminal or `NO_COLOR` is set.
pub(crate) fn result(text: &str) {
    let _ = write!(anstream::stdout(), "{text}");
    let _ = anstream::stdout().flush();
}

/// Prints something for the person at the terminal.
pub(crate) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Prints why the command failed.
pub(crate) fn error(text: &str) {
    // The text may quote a platform, a Git host or a file's name: only the colour is ours.
    say(&format!("\u{1b}[1;31merror\u{1b}[0m: {}", plain(text)));
}

/// Whether a person can be asked and shown a bar.
pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a question that only `yes` answers.
pub(crate) fn confirm(question: &str) -> bool {
    let _ = write!(anstream::stderr(), "{question} Only `yes` is taken: ");
    let _ = anstream::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

/// Whether standard error shows colour: a terminal, and no `NO_COLOR`.
pub(crate) fn is_coloured() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
