//! Requests one after the other, so that each has a number; and how hard a pass tries.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driftless::platform::{Exchange, Gate, Pass};
use driftless_core::report::Failure;
use tokio::sync::{Semaphore, watch};

/// What was asked, with its numbers left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
}

impl Asked {
    pub(crate) fn is_read(&self) -> bool {
        self.method == "GET"
    }

    /// The beginning of what a message says of it.
    pub(crate) fn text(&self) -> String {
        let route = self.route.split("/{").next().unwrap_or_default();
        format!("{} {route}", self.method)
    }

    /// Whether the answer is a page with a total.
    pub(crate) fn is_list(&self) -> bool {
        self.is_read()
            && [
                "/connections",
                "/datastores",
                "/quality-checks",
                "/operations",
                "/global-tags",
                "/teams",
            ]
            .contains(&self.route)
    }
}

/// How often what failed is sent again within a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Patience {
    /// As the product does; the waits are short.
    Usual,
    /// Never: what a retry would have made good breaks the pass.
    None,
}

/// A gate with one place, that writes down what went through it.
pub(crate) struct OneByOne {
    place: Arc<Semaphore>,
    patience: Patience,
    entered: watch::Sender<usize>,
    asked: Mutex<Vec<Asked>>,
}

impl OneByOne {
    pub(crate) fn new(patience: Patience) -> Arc<Self> {
        Arc::new(Self {
            place: Arc::new(Semaphore::new(1)),
            patience,
            entered: watch::Sender::new(0),
            asked: Mutex::default(),
        })
    }

    /// Until the request of that number, from 1, goes out.
    pub(crate) async fn reached(&self, number: usize) {
        let mut entered = self.entered.subscribe();
        entered.wait_for(|count| *count >= number).await.unwrap();
    }

    /// What was asked so far, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Gate for OneByOne {
    async fn enter(&self) -> Result<Pass, Failure> {
        let place = self.place.clone().acquire_owned().await.unwrap();
        self.entered.send_modify(|count| *count += 1);
        Ok(Pass::new(place))
    }

    fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        let again = self.patience == Patience::Usual && attempt < 4 && failure.meaning.is_transient();
        again.then_some(Duration::from_millis(1))
    }

    fn note(&self, exchange: &Exchange) {
        let &Exchange { method, route, .. } = exchange;
        self.asked.lock().unwrap().push(Asked { method, route });
    }
}
