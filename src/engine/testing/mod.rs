//! Ports in memory for the tests of the engine: a platform that fails as it is told, a source, a store, and one log of what
//! they were asked, in order.

pub(super) mod bench;
pub(super) mod house;
mod platform;
mod schema;
mod source;
mod store;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use driftless_core::key::{Key, Kind};
use driftless_core::policy::Policy;
use driftless_core::report::{Failure, Meaning};
use driftless_core::substitute::Variables;
use tokio::time::Instant;

pub(super) use self::platform::{Script, TestPlatform, operation};
pub(super) use self::source::{TestSource, file};
pub(super) use self::store::TestStore;
use super::reconcile::Environment;
use super::windows::Windows;
use crate::clock::Clock;

pub(super) const BOX: Kind = Kind("box");
pub(super) const ITEM: Kind = Kind("item");

/// What the ports were asked, in order.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The lines since the last take.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(super) fn count(&self, start: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(start)).count()
    }
}

pub(super) fn key(text: &str) -> Key {
    Key::parse(text, [BOX, ITEM]).unwrap()
}

pub(super) fn failure(meaning: Meaning) -> Failure {
    Failure {
        meaning,
        message: format!("scripted: {}", meaning.word()),
        fields: Vec::new(),
        retry_after: None,
    }
}

/// A clock that follows tokio's paused time.
pub(super) struct TestClock(Instant);

impl TestClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + self.0.elapsed()
    }
}

/// An environment over these, not yet named.
pub(super) fn environment(source: &Arc<TestSource>, platform: &Arc<TestPlatform>) -> Environment {
    Environment {
        name: None,
        source: source.clone(),
        platform: platform.clone(),
        memory: None,
        folder: String::new(),
        overlays: Vec::new(),
        variables: Arc::new(Variables::default()),
        left_out: Vec::new(),
        policy: Policy::default(),
        windows: Windows::default(),
        neighbours: Vec::new(),
        branch: None,
    }
}
