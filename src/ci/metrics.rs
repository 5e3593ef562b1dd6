//! The metrics of the orchestration, on a registry of their own. Names and labels are public interface; labels are bounded.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use super::outcome::CiResult;

/// What is counted of pull requests. Clones share it.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Families>);

#[derive(Debug)]
struct Families {
    registry: Registry,
    runs: IntCounterVec,
    seconds: HistogramVec,
    submits: IntCounterVec,
    unsaid: IntCounterVec,
}

/// What became of handing diffs over once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// The run took them.
    Accepted,
    /// No run waited.
    NoRun,
    /// Another run took them.
    Elsewhere,
    /// There was no answer that says.
    Unknown,
    /// They were refused, or not sent.
    Refused,
}

impl Submitted {
    fn word(self) -> &'static str {
        match self {
            Submitted::Accepted => "accepted",
            Submitted::NoRun => "no_run",
            Submitted::Elsewhere => "elsewhere",
            Submitted::Unknown => "unknown",
            Submitted::Refused => "refused",
        }
    }
}

/// Seconds: from a gate that keeps a pull request out to the longest run that is awaited.
const BUCKETS: [f64; 10] = [0.1, 1.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1200.0, 1800.0, 3600.0];

impl Metrics {
    /// Registers every family.
    ///
    /// # Errors
    /// When the library refuses a family: a fault of this module, not of its caller.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let runs = IntCounterVec::new(
            Opts::new(
                "driftless_ci_runs_total",
                "Head commits of pull requests that were seen to their end, by how it ended.",
            ),
            &["config", "result"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "driftless_ci_run_duration_seconds",
                "How long head commits of pull requests took to their end.",
            )
            .buckets(BUCKETS.to_vec()),
            &["config"],
        )?;
        let submits = IntCounterVec::new(
            Opts::new(
                "driftless_ci_submits_total",
                "Times that diffs were handed to a run, by what became of it.",
            ),
            &["config", "result"],
        )?;
        let unsaid = IntCounterVec::new(
            Opts::new(
                "driftless_ci_unsaid_total",
                "Head commits of pull requests whose last word no forge took in all the time that it was tried.",
            ),
            &["config"],
        )?;
        registry.register(Box::new(unsaid.clone()))?;
        registry.register(Box::new(runs.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(submits.clone()))?;
        Ok(Self(Arc::new(Families {
            registry,
            runs,
            seconds,
            submits,
            unsaid,
        })))
    }

    /// Makes the series of a configuration that exist from the start, so that a rate over them has a beginning.
    pub fn expect_config(&self, config: &str) {
        for result in CiResult::ALL {
            let _ = self.0.runs.with_label_values(&[config, result.word()]);
        }
        let _ = self.0.unsaid.with_label_values(&[config]);
    }

    /// An orchestration ended.
    pub fn ended(&self, config: &str, result: CiResult, took: Duration) {
        self.0.runs.with_label_values(&[config, result.word()]).inc();
        self.0.seconds.with_label_values(&[config]).observe(took.as_secs_f64());
    }

    /// A last word was given up.
    pub fn unsaid(&self, config: &str) {
        self.0.unsaid.with_label_values(&[config]).inc();
    }

    /// Diffs were handed over, or were meant to be.
    pub fn submitted(&self, config: &str, became: Submitted) {
        self.0.submits.with_label_values(&[config, became.word()]).inc();
    }

    /// Everything, in the text format 0.0.4: to be put after what the engine says.
    pub fn encode(&self) -> String {
        let mut out = Vec::new();
        // Only a writer that fails can make it fail; a vector does not.
        let _ = TextEncoder::new().encode(&self.0.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}
