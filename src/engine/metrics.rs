//! The metrics: names and labels are public interface. Labels are bounded: no keys, no messages, no URLs.

mod families;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use driftless_core::key::{EnvironmentName, Kind, Revision};
use driftless_core::plan::{BlockReason, States};
use driftless_core::report::{Conclusion, Outcome};
use prometheus::{Encoder as _, GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec, Registry, TextEncoder};

use self::families::Maker;
use super::limiter::Limiter;
use crate::clock::Clock;
use crate::platform::Exchange;
use crate::store::facts::Suspension;

/// All metrics of one process, on a registry of their own. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Registry,
    clock: Arc<dyn Clock>,
    reconciles: IntCounterVec,
    reconcile_seconds: HistogramVec,
    last_success: GaugeVec,
    resources: IntGaugeVec,
    drift_age: GaugeVec,
    changes: IntCounterVec,
    fetches: IntCounterVec,
    fetch_seconds: HistogramVec,
    last_fetch: GaugeVec,
    revision: IntGaugeVec,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    retries: IntCounterVec,
    deliveries: IntCounterVec,
    blocks: IntCounterVec,
    circuits: IntGaugeVec,
    rates: GaugeVec,
    suspended: IntGaugeVec,
    moving: Mutex<Moving>,
}

/// What a series is derived from when it is read, or replaced by.
#[derive(Default)]
struct Moving {
    drift_since: BTreeMap<EnvironmentName, Option<DateTime<Utc>>>,
    revisions: BTreeMap<EnvironmentName, Revision>,
    /// By the target's name.
    targets: BTreeMap<String, Arc<Limiter>>,
}

impl Metrics {
    /// Registers every family, with `version` in `driftless_build_info`.
    ///
    /// # Errors
    /// When the library refuses a family: a fault of this module, not of its caller.
    pub fn new(version: &str, clock: Arc<dyn Clock>) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let make = Maker(&registry);
        let build = make.gauges(
            "driftless_build_info",
            "The version that is running; always 1.",
            &["version"],
        )?;
        build.with_label_values(&[version]).set(1);
        let families = Families {
            reconciles: make.counters(
                "driftless_reconcile_total",
                "Runs that ended, by how.",
                &["environment", "outcome"],
            )?,
            reconcile_seconds: make.seconds(
                "driftless_reconcile_duration_seconds",
                "How long runs took.",
                &["environment"],
            )?,
            last_success: make.floats(
                "driftless_reconcile_last_success_timestamp_seconds",
                "When a run last succeeded.",
                &["environment"],
            )?,
            resources: make.gauges(
                "driftless_resources",
                "Resources by how they stand after the last run.",
                &["environment", "kind", "state"],
            )?,
            drift_age: make.floats(
                "driftless_drift_age_seconds",
                "Since how long there is drift that was not put back; 0 when there is none.",
                &["environment"],
            )?,
            changes: make.counters(
                "driftless_changes_total",
                "Steps of plans, by what became of them.",
                &["environment", "kind", "action", "result"],
            )?,
            fetches: make.counters(
                "driftless_source_fetch_total",
                "Looks at a source, by outcome.",
                &["source", "outcome"],
            )?,
            fetch_seconds: make.seconds(
                "driftless_source_fetch_duration_seconds",
                "How long looks at a source took.",
                &["source"],
            )?,
            last_fetch: make.floats(
                "driftless_source_last_fetch_timestamp_seconds",
                "When a source was last reached.",
                &["source"],
            )?,
            revision: make.gauges(
                "driftless_revision_info",
                "The newest revision that a run has read; always 1.",
                &["environment", "revision"],
            )?,
            requests: make.counters(
                "driftless_api_requests_total",
                "Requests to platforms; the status is `none` when there was no answer.",
                &["environment", "method", "route", "status"],
            )?,
            request_seconds: make.seconds(
                "driftless_api_request_duration_seconds",
                "How long requests to platforms took.",
                &["environment", "route"],
            )?,
            retries: make.counters(
                "driftless_api_retries_total",
                "Requests that were sent again, by what the failure meant.",
                &["environment", "reason"],
            )?,
            deliveries: make.counters(
                "driftless_webhook_deliveries_total",
                "Deliveries to webhooks, by outcome.",
                &["webhook", "outcome"],
            )?,
            blocks: make.counters(
                "driftless_guard_blocks_total",
                "Plans, or parts of plans, that were held back.",
                &["environment", "guard"],
            )?,
            circuits: make.gauges(
                "driftless_target_circuit_open",
                "Whether a target is sent nothing but probes, since nothing comes back: 1 or 0.",
                &["target"],
            )?,
            rates: make.floats(
                "driftless_target_requests_per_second_limit",
                "Requests a second that a target is sent at most; below the configured ones while it is given time.",
                &["target"],
            )?,
            suspended: make.gauges(
                "driftless_suspended",
                "1 while an environment is suspended: nothing is written to it.",
                &["environment"],
            )?,
            clock,
            moving: Mutex::default(),
            registry: registry.clone(),
        };
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self(Arc::new(families)))
    }

    /// Makes the series of an environment that exist from the start, so that a rate over them has a beginning.
    pub fn expect_environment(&self, environment: &EnvironmentName) {
        for conclusion in [Conclusion::Succeeded, Conclusion::Partial, Conclusion::Failed] {
            let _ = self
                .0
                .reconciles
                .with_label_values(&[environment.0.as_str(), conclusion.word()]);
        }
        self.drift_since(environment, None);
        self.suspended(environment, None);
    }

    /// Makes the series of a target, which are worked out when the metrics are read.
    pub fn expect_target(&self, target: &str, limiter: Arc<Limiter>) {
        self.moving(|moving| moving.targets.insert(target.to_owned(), limiter));
    }

    /// A run ended.
    pub fn reconciled(&self, environment: &EnvironmentName, conclusion: Conclusion, took: Duration, at: DateTime<Utc>) {
        let name = environment.0.as_str();
        self.0.reconciles.with_label_values(&[name, conclusion.word()]).inc();
        self.0
            .reconcile_seconds
            .with_label_values(&[name])
            .observe(took.as_secs_f64());
        if conclusion == Conclusion::Succeeded {
            self.last_success(environment, at);
        }
    }

    /// When a run last succeeded; said at the start of what an earlier process did.
    pub fn last_success(&self, environment: &EnvironmentName, at: DateTime<Utc>) {
        self.0
            .last_success
            .with_label_values(&[environment.0.as_str()])
            .set(seconds(at));
    }

    /// How the resources of one kind stand. A state that has drained is zero; it does not vanish.
    pub fn resources(&self, environment: &EnvironmentName, kind: Kind, states: &States) {
        let States {
            in_sync,
            pending,
            drift,
            conflict,
            orphaned,
            unmanaged,
            blocked,
        } = *states;
        for (state, count) in [
            ("in_sync", in_sync),
            ("pending", pending),
            ("drift", drift),
            ("conflict", conflict),
            ("orphaned", orphaned),
            ("unmanaged", unmanaged),
            ("blocked", blocked),
        ] {
            let labels = [environment.0.as_str(), kind.0, state];
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.0.resources.with_label_values(&labels).set(count);
        }
    }

    /// Since when there is drift that was not put back. The age is worked out when the metrics are read.
    pub fn drift_since(&self, environment: &EnvironmentName, since: Option<DateTime<Utc>>) {
        self.moving(|moving| moving.drift_since.insert(environment.clone(), since));
    }

    /// A step ended.
    pub fn change(&self, environment: &EnvironmentName, outcome: &Outcome) {
        let labels = [
            environment.0.as_str(),
            outcome.key.kind.0,
            outcome.action.word(),
            outcome.result.word(),
        ];
        self.0.changes.with_label_values(&labels).inc();
    }

    /// A plan, or a part of one, was held back.
    pub fn blocked(&self, environment: &EnvironmentName, reason: BlockReason) {
        self.0
            .blocks
            .with_label_values(&[environment.0.as_str(), reason.word()])
            .inc();
    }

    /// Whether an environment is suspended.
    pub fn suspended(&self, environment: &EnvironmentName, suspension: Option<&Suspension>) {
        self.0
            .suspended
            .with_label_values(&[environment.0.as_str()])
            .set(i64::from(suspension.is_some()));
    }

    /// A source was looked at; `reached` is when it answered, `None` if it did not.
    pub fn fetched(&self, source: &str, took: Duration, reached: Option<DateTime<Utc>>) {
        let outcome = if reached.is_some() { "succeeded" } else { "failed" };
        self.0.fetches.with_label_values(&[source, outcome]).inc();
        self.0
            .fetch_seconds
            .with_label_values(&[source])
            .observe(took.as_secs_f64());
        if let Some(at) = reached {
            self.0.last_fetch.with_label_values(&[source]).set(seconds(at));
        }
    }

    /// The newest revision that a run has read; the one before vanishes.
    pub fn revision(&self, environment: &EnvironmentName, revision: &Revision) {
        let old = self.moving(|moving| moving.revisions.insert(environment.clone(), revision.clone()));
        if let Some(old) = old.filter(|old| old != revision) {
            // It is there, since it was set; if it were not, there would be nothing to remove.
            let _ = self
                .0
                .revision
                .remove_label_values(&[environment.0.as_str(), old.0.as_str()]);
        }
        self.0
            .revision
            .with_label_values(&[environment.0.as_str(), revision.0.as_str()])
            .set(1);
    }

    /// A request and its answer.
    pub fn api_request(&self, environment: &EnvironmentName, exchange: &Exchange<'_>) {
        let Exchange {
            method,
            route,
            status,
            elapsed,
            fault: _,
            attempt: _,
            failure: _,
        } = exchange;
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let name = environment.0.as_str();
        self.0
            .requests
            .with_label_values(&[name, *method, *route, status.as_str()])
            .inc();
        self.0
            .request_seconds
            .with_label_values(&[name, *route])
            .observe(elapsed.as_secs_f64());
    }

    /// A request or a step is tried again; `reason` is the word of a meaning.
    pub fn api_retry(&self, environment: &EnvironmentName, reason: &'static str) {
        self.0
            .retries
            .with_label_values(&[environment.0.as_str(), reason])
            .inc();
    }

    /// A delivery arrived at a webhook that exists; `outcome` is one of the shell's few words.
    pub fn webhook_delivery(&self, webhook: &str, outcome: &'static str) {
        self.0.deliveries.with_label_values(&[webhook, outcome]).inc();
    }

    /// Everything, in the text format 0.0.4 ([`prometheus::TEXT_FORMAT`]).
    pub fn encode(&self) -> String {
        let now = self.0.clock.now();
        self.moving(|moving| {
            for (environment, since) in &moving.drift_since {
                let age = since.map_or(0.0, |since| (seconds(now) - seconds(since)).max(0.0));
                self.0.drift_age.with_label_values(&[environment.0.as_str()]).set(age);
            }
            for (target, limiter) in &moving.targets {
                let open = i64::from(limiter.circuit().borrow().is_some());
                self.0.circuits.with_label_values(&[target.as_str()]).set(open);
                self.0
                    .rates
                    .with_label_values(&[target.as_str()])
                    .set(limiter.per_second());
            }
        });
        let mut out = Vec::new();
        // Only a writer that fails can make it fail; a vector does not.
        let _ = TextEncoder::new().encode(&self.0.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    fn moving<T>(&self, change: impl FnOnce(&mut Moving) -> T) -> T {
        change(&mut self.0.moving.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::platform::Fault;

    struct Fixed(Mutex<DateTime<Utc>>);

    impl Clock for Fixed {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().unwrap()
        }
    }

    fn metrics() -> Metrics {
        Metrics::new("1.2.3", Arc::new(SystemClock)).unwrap()
    }

    fn prod() -> EnvironmentName {
        EnvironmentName("prod".into())
    }

    #[test]
    fn only_the_newest_revision_has_a_series() {
        let metrics = metrics();
        metrics.revision(&prod(), &Revision("aaa".into()));
        metrics.revision(&prod(), &Revision("bbb".into()));
        let text = metrics.encode();
        assert!(!text.contains("aaa"), "{text}");
        assert!(
            text.contains(r#"driftless_revision_info{environment="prod",revision="bbb"} 1"#),
            "{text}"
        );
    }

    #[test]
    fn a_state_that_drained_is_zero_and_does_not_vanish() {
        let metrics = metrics();
        let drifted = States {
            drift: 2,
            ..States::default()
        };
        metrics.resources(&prod(), Kind("check"), &drifted);
        assert!(
            metrics
                .encode()
                .contains(r#"driftless_resources{environment="prod",kind="check",state="drift"} 2"#)
        );
        metrics.resources(&prod(), Kind("check"), &States::default());
        let text = metrics.encode();
        for state in [
            "in_sync",
            "pending",
            "drift",
            "conflict",
            "orphaned",
            "unmanaged",
            "blocked",
        ] {
            let line = format!(r#"driftless_resources{{environment="prod",kind="check",state="{state}"}} 0"#);
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn the_age_of_drift_grows_until_there_is_none() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let clock = Arc::new(Fixed(Mutex::new(start)));
        let metrics = Metrics::new("1.2.3", clock.clone()).unwrap();
        metrics.expect_environment(&prod());
        assert!(
            metrics
                .encode()
                .contains(r#"driftless_drift_age_seconds{environment="prod"} 0"#)
        );
        metrics.drift_since(&prod(), Some(start));
        *clock.0.lock().unwrap() = start + Duration::from_secs(90);
        assert!(
            metrics
                .encode()
                .contains(r#"driftless_drift_age_seconds{environment="prod"} 90"#)
        );
        metrics.drift_since(&prod(), None);
        assert!(
            metrics
                .encode()
                .contains(r#"driftless_drift_age_seconds{environment="prod"} 0"#)
        );
    }

    #[test]
    fn requests_without_an_answer_are_counted_as_such() {
        let metrics = metrics();
        let exchange = Exchange {
            method: "GET",
            route: "/quality-checks/{id}",
            status: None,
            fault: Some(Fault::TimedOut),
            elapsed: Duration::from_millis(20),
            attempt: 2,
            failure: None,
        };
        metrics.api_request(&prod(), &exchange);
        let text = metrics.encode();
        assert!(
            text.contains(
                r#"driftless_api_requests_total{environment="prod",method="GET",route="/quality-checks/{id}",status="none"} 1"#
            ),
            "{text}"
        );
        assert!(text.contains(r#"driftless_api_request_duration_seconds_bucket{environment="prod",route="/quality-checks/{id}",le="0.025"} 1"#));
        assert!(text.contains(r#"driftless_build_info{version="1.2.3"} 1"#));
    }
}
