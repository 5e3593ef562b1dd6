//! Publishes what pages show: the only writer of the overview.

use std::sync::Arc;

use driftless_core::key::EnvironmentName;
use tokio::sync::watch;

use super::{EnvironmentView, Overview, SourceView};

/// The overview and its readers.
#[derive(Debug)]
pub(super) struct Views(watch::Sender<Arc<Overview>>);

impl Views {
    pub(super) fn new(overview: Overview) -> Self {
        Self(watch::Sender::new(Arc::new(overview)))
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Overview>> {
        self.0.subscribe()
    }

    /// Changes the view of an environment, and tells the readers.
    pub(super) fn environment(&self, name: &EnvironmentName, change: impl FnOnce(&mut EnvironmentView)) {
        self.0.send_modify(|overview| {
            if let Some(view) = Arc::make_mut(overview).environments.get_mut(name) {
                change(view);
            }
        });
    }

    /// Changes the view of a source, and tells the readers.
    pub(super) fn source(&self, name: &str, change: impl FnOnce(&mut SourceView)) {
        self.0.send_modify(|overview| {
            if let Some(view) = Arc::make_mut(overview).sources.get_mut(name) {
                change(view);
            }
        });
    }
}
