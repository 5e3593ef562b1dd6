//! The progress bar: on a terminal, on standard error, and nowhere else.

use std::io::IsTerminal as _;
use std::time::Duration;

use driftless_core::report::{Meaning, Outcome};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::apply::{Follower, Phase};

/// A bar that follows a pass; draws nothing where nobody looks.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar; quiet where standard error is no terminal.
    pub(crate) fn new() -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        // Until there are steps to count there is no bar, only what is going on.
        let bar = ProgressBar::with_draw_target(None, target).with_style(ProgressStyle::default_spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Says what is going on.
    pub(crate) fn say(&self, what: &'static str) {
        self.0.set_message(what);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Follower for Bar {
    fn phase(&self, phase: Phase) {
        self.0.set_message(phase.word());
    }

    fn step(&self, done: usize, of: usize, _: &Outcome) {
        if self.0.length() != Some(of as u64) {
            self.0.set_length(of as u64);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{bar:40}] {pos}/{len} {eta}") {
                self.0.set_style(style.progress_chars("=> "));
            }
        }
        self.0.set_position(done as u64);
    }

    fn retry(&self, _: Meaning) {}
}
