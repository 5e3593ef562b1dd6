//! A running engine over ports in memory, on paused time.

use std::sync::Arc;
use std::time::Duration;

use driftless_core::key::EnvironmentName;
use driftless_core::policy::{Guards, OnDrift};
use tokio_util::sync::CancellationToken;

use super::{Log, TestClock, TestPlatform, TestSource, TestStore, environment};
use crate::engine::apply::Limits;
use crate::engine::driver::{Driver, EnvironmentSetup, RETRY, Setup, SourceSetup};
use crate::engine::lineage::{Branch, Rewriting};
use crate::engine::metrics::Metrics;
use crate::engine::schedule::Schedule;
use crate::engine::windows::Windows;
use crate::engine::{Control as _, EnvironmentView, Overview};
use crate::platform::Platform as _;
use crate::source::reference::Reference;
use crate::store::{RunId, RunRecord, Trigger};

pub(in crate::engine) const MINUTE: Duration = Duration::from_secs(60);

pub(in crate::engine) struct House {
    pub(in crate::engine) log: Log,
    pub(in crate::engine) source: Arc<TestSource>,
    pub(in crate::engine) platform: Arc<TestPlatform>,
    pub(in crate::engine) store: Arc<TestStore>,
    pub(in crate::engine) metrics: Metrics,
    pub(in crate::engine) driver: Driver,
}

pub(in crate::engine) fn name(text: &str) -> EnvironmentName {
    EnvironmentName(text.into())
}

pub(in crate::engine) fn hook() -> Trigger {
    Trigger::Webhook("github".into())
}

/// What a test may have otherwise.
pub(in crate::engine) struct Plot {
    pub(in crate::engine) log: Log,
    pub(in crate::engine) source: Arc<TestSource>,
    pub(in crate::engine) store: Arc<TestStore>,
    pub(in crate::engine) platforms: Vec<(&'static str, Arc<TestPlatform>)>,
    pub(in crate::engine) drift: OnDrift,
    pub(in crate::engine) drift_interval: Duration,
    pub(in crate::engine) windows: Windows,
    pub(in crate::engine) branch: Branch,
    pub(in crate::engine) guards: Guards,
}

impl Plot {
    pub(in crate::engine) fn new() -> Self {
        let log = Log::default();
        let source = TestSource::new(&log);
        source.push("r1", &[("x", "red"), ("y", "red")]);
        Self {
            store: TestStore::new(&log),
            platforms: vec![("prod", TestPlatform::new("http://prod", &log))],
            drift: OnDrift::Correct,
            drift_interval: 60 * MINUTE,
            windows: Windows::default(),
            branch: Branch {
                reference: "main".into(),
                rewriting: Rewriting::Refused,
            },
            guards: Guards::default(),
            source,
            log,
        }
    }

    pub(in crate::engine) fn start(self) -> House {
        let clock = TestClock::new();
        let metrics = Metrics::new("0.0.0", clock.clone()).unwrap();
        let setup = Setup {
            sources: vec![SourceSetup {
                source: self.source.clone(),
                url: "file:///config".into(),
                reference: Reference::Branch("main".into()),
                schedule: Schedule::Every(MINUTE),
            }],
            environments: self
                .platforms
                .iter()
                .map(|(environment_name, platform)| {
                    let mut environment = environment(&self.source, platform);
                    environment.policy.drift = self.drift;
                    environment.windows = self.windows.clone();
                    environment.policy.guards = self.guards;
                    environment.branch = Some(self.branch.clone());
                    EnvironmentSetup {
                        name: name(environment_name),
                        environment,
                        target: platform.target().0.clone(),
                        url: "http://instance".into(),
                        drift_interval: self.drift_interval,
                        limiter: platform.limiter(),
                    }
                })
                .collect(),
            store: self.store.clone(),
            clock,
            metrics: metrics.clone(),
            limits: Limits::default(),
            retry: RETRY,
        };
        House {
            log: self.log,
            source: self.source,
            platform: self.platforms[0].1.clone(),
            store: self.store,
            metrics,
            driver: Driver::start(setup, CancellationToken::new()).unwrap(),
        }
    }
}

impl House {
    pub(in crate::engine) fn start() -> Self {
        Plot::new().start()
    }

    /// Waits, in paused time and at most half an hour of it, until so many runs have ended.
    pub(in crate::engine) async fn runs(&self, count: usize) -> Vec<RunRecord> {
        for _ in 0..18_000 {
            let ended = self.store.ended();
            if ended.len() >= count {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{count} runs did not end: {:#?}", self.store.ended());
    }

    pub(in crate::engine) fn overview(&self) -> Arc<Overview> {
        self.driver.overview().borrow().clone()
    }

    pub(in crate::engine) fn view(&self) -> EnvironmentView {
        self.overview().environments[&name("prod")].clone()
    }

    pub(in crate::engine) fn trigger(&self, trigger: Trigger) -> RunId {
        self.driver.trigger(&name("prod"), trigger).unwrap()
    }
}

/// The seconds between the end of each run and the start of the next.
pub(crate) fn seconds_between(runs: &[RunRecord]) -> Vec<i64> {
    runs.windows(2)
        .map(|pair| (pair[1].started - pair[0].finished.unwrap()).num_seconds())
        .collect()
}
