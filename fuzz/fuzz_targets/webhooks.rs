//! Deliveries to webhooks: without the secret nothing is accepted, whatever is sent; with it nothing breaks.
//!
//! The first byte says which webhook, whether the signature is the right one, and which header of the provider's goes with it.
#![no_main]

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use driftless::engine::{Control, Overview, Refusal, UnknownEnvironment};
use driftless::forge::Repository;
use driftless::platform::data_diffs::PullRequestNumber;
use driftless::server::{Access, App, Provider, PullRequests, Watch, Watching, Webhook, router};
use driftless::store::pull_runs::{PullRun, PullRunKey};
use driftless::store::sqlite::{Limits, SqliteStore};
use driftless::store::{RunId, StoreError, Trigger};
use driftless_core::key::{Digest, EnvironmentName};
use driftless_core::value::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tower::ServiceExt as _;

const SECRET: &str = "of-the-webhooks";

/// An engine that counts what it is asked for.
struct Engine {
    overview: watch::Sender<Arc<Overview>>,
    asked: Mutex<usize>,
}

#[async_trait]
impl Control for Engine {
    fn overview(&self) -> watch::Receiver<Arc<Overview>> {
        self.overview.subscribe()
    }

    fn trigger(&self, environment: &EnvironmentName, _: Trigger) -> Result<RunId, UnknownEnvironment> {
        Err(UnknownEnvironment(environment.clone()))
    }

    fn trigger_source(&self, _: &str, _: &Trigger) -> Vec<(EnvironmentName, RunId)> {
        if let Ok(mut asked) = self.asked.lock() {
            *asked += 1;
        }
        vec![(EnvironmentName("prod".into()), RunId("run".into()))]
    }

    async fn suspend(&self, environment: &EnvironmentName, _: String, _: Option<String>) -> Result<(), Refusal> {
        Err(UnknownEnvironment(environment.clone()).into())
    }

    async fn resume(&self, environment: &EnvironmentName) -> Result<(), Refusal> {
        Err(UnknownEnvironment(environment.clone()).into())
    }

    async fn approve(
        &self,
        run: &RunId,
        _: &Digest,
        _: Option<String>,
    ) -> Result<(EnvironmentName, RunId), Refusal> {
        Err(Refusal::UnknownRun(run.clone()))
    }
}

/// Who is told of pull requests, and counts it with the rest.
struct Pulls {
    engine: Arc<Engine>,
    recent: watch::Sender<Arc<Vec<PullRun>>>,
}

#[async_trait]
impl PullRequests for Pulls {
    async fn moved(&self, _: &str, repository: &Repository, number: PullRequestNumber) -> Result<Watch, StoreError> {
        assert!(!repository.0.is_empty() && number.0 > 0, "{repository:?} {number:?}");
        if let Ok(mut asked) = self.engine.asked.lock() {
            *asked += 1;
        }
        Ok(Watch::Accepted)
    }

    fn recent(&self) -> watch::Receiver<Arc<Vec<PullRun>>> {
        self.recent.subscribe()
    }

    fn watching(&self) -> Watching {
        Watching::Some
    }

    fn page(&self, _: &PullRunKey) -> Option<String> {
        None
    }
}

struct Rig {
    runtime: Runtime,
    engine: Arc<Engine>,
    router: axum::Router,
}

impl Rig {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = runtime.block_on(SqliteStore::open("sqlite::memory:", Limits::default())).expect("a store");
        let engine = Arc::new(Engine {
            overview: watch::Sender::new(Arc::new(Overview::default())),
            asked: Mutex::new(0),
        });
        let webhook = |name: &str, provider| Webhook {
            name: name.to_owned(),
            provider,
            secret: Secret::new(SECRET),
            sources: vec!["config".to_owned()],
        };
        let router = router(App {
            control: engine.clone(),
            store: Arc::new(store),
            metrics: Arc::new(String::new),
            deliveries: Arc::new(|_, _| {}),
            access: Access::Closed,
            webhooks: vec![
                webhook("github", Provider::GitHub),
                webhook("generic", Provider::GenericHmac),
                webhook("gitlab", Provider::GitLab),
            ],
            pulls: Some(Arc::new(Pulls {
                engine: engine.clone(),
                recent: watch::Sender::default(),
            })),
        });
        Self { runtime, engine, router }
    }
}

thread_local! {
    static RIG: RefCell<Option<Rig>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    let Some((how, body)) = input.split_first() else { return };
    RIG.with_borrow_mut(|rig| deliver(rig.get_or_insert_with(Rig::new), *how, body));
});

fn deliver(rig: &Rig, how: u8, body: &[u8]) {
    let (name, header) = match how & 0x21 {
        0 => ("github", "x-hub-signature-256"),
        1 => ("generic", "x-signature"),
        _ => ("gitlab", "x-gitlab-token"),
    };
    let signed = how & 2 != 0;
    let mut request = Request::post(format!("/webhooks/{name}")).header("content-type", "application/json");
    if signed && name == "gitlab" {
        request = request.header(header, SECRET);
    } else if signed {
        let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length").chain_update(body);
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        request = request.header(header, format!("sha256={hex}"));
    } else if how & 4 != 0 {
        // The delivery signs itself with what it likes.
        let text: String = body.iter().take(80).filter(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect();
        request = request.header(header, text);
    }
    let events = match name {
        "gitlab" => ("x-gitlab-event", ["Push Hook", "Tag Push Hook", "Merge Request Hook"]),
        _ => ("x-github-event", ["push", "ping", "pull_request"]),
    };
    if let Some(event) = events.1.get(usize::from(how >> 3 & 3)) {
        request = request.header(events.0, *event);
    }
    if how & 0x40 != 0 {
        request = request.header("x-github-delivery", "one").header("x-gitlab-event-uuid", "one");
    }
    let Ok(request) = request.body(Body::from(body.to_vec())) else { return };
    let before = *rig.engine.asked.lock().expect("a count");
    let answer = rig.runtime.block_on(rig.router.clone().oneshot(request)).expect("an answer");
    let asked = *rig.engine.asked.lock().expect("a count") - before;
    assert!(!answer.status().is_server_error(), "{}", answer.status());
    if !signed {
        assert_eq!(asked, 0, "a delivery without the secret made driftless look");
        assert_ne!(answer.status(), StatusCode::ACCEPTED);
    }
    assert!(asked <= 1);
}
