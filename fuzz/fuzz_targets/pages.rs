//! Answers of the API: whatever an instance sends in place of a list, reading it ends without a panic, and what is not whole is a
//! failure or a gap, never an absence.
//!
//! The first byte says which list is answered with the rest of the input; the other lists are well-formed.
#![no_main]

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use driftless::platform::http::Network;
use driftless::platform::qualytics::kinds::{CHECK, CONNECTION, CONTAINER, DATASTORE};
use driftless::platform::qualytics::{Qualytics, QualyticsOptions};
use driftless::platform::{Exchange, Gate, Pass, Platform as _};
use driftless_core::key::Kind;
use driftless_core::report::Failure;
use driftless_core::snapshot::Scope;
use driftless_core::value::Secret;
use driftless_fuzz::read;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};

const CONNECTIONS: &str = r#"{"items":[{"id":3,"name":"c","type":"postgresql"}],"total":1,"page":1,"size":100,"pages":1}"#;
const DATASTORES: &str = r#"{"items":[{"id":7,"name":"d","type":"postgresql","store_type":"jdbc","connection_id":3,"teams":[],"global_tags":[]}],"total":1,"page":1,"size":100,"pages":1}"#;
const CONTAINERS: &str = r#"{"items":[{"id":11,"name":"k","container_type":"table","datastore":{"id":7,"name":"d"}}],"total":1,"page":1,"size":100,"pages":1}"#;
const CHECKS: &str = r#"{"items":[],"total":0,"page":1,"size":100,"pages":0}"#;

/// The lists that may be answered with anything, and the kind that is then not known whole.
const LISTS: [(&str, Kind); 4] = [
    ("connections", CONNECTION),
    ("datastores", DATASTORE),
    ("listing", CONTAINER),
    ("quality-checks", CHECK),
];

/// One request at a time, and none again: every answer is the same.
struct Once;

#[async_trait]
impl Gate for Once {
    async fn enter(&self) -> Result<Pass, Failure> {
        Ok(Pass::new(()))
    }

    fn again(&self, _: u32, _: &Failure) -> Option<Duration> {
        None
    }

    fn note(&self, _: &Exchange) {}
}

#[derive(Default)]
struct Script {
    list: &'static str,
    body: Vec<u8>,
}

struct Rig {
    runtime: Runtime,
    script: Arc<Mutex<Script>>,
    url: String,
}

impl Rig {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let script = Arc::new(Mutex::new(Script::default()));
        let app = Router::new().fallback(answer).with_state(script.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { runtime, script, url }
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let path = request.uri().path();
    let script = script.lock().expect("a script");
    let last = path.rsplit('/').next().unwrap_or_default();
    let body = if last == script.list {
        script.body.clone()
    } else {
        match last {
            "connections" => CONNECTIONS.into(),
            "datastores" => DATASTORES.into(),
            "listing" => CONTAINERS.into(),
            _ => CHECKS.into(),
        }
    };
    ([("content-type", "application/json")], body).into_response()
}

thread_local! {
    static RIG: RefCell<Option<Rig>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    let Some((which, body)) = input.split_first() else { return };
    RIG.with_borrow_mut(|rig| observe(rig.get_or_insert_with(Rig::new), usize::from(*which) % LISTS.len(), body));
});

fn observe(rig: &Rig, which: usize, body: &[u8]) {
    let (list, kind) = LISTS[which];
    *rig.script.lock().expect("a script") = Script {
        list,
        body: body.to_vec(),
    };
    let platform = Qualytics::new(
        QualyticsOptions {
            url: rig.url.clone(),
            token: Secret::new("token"),
            network: Network::default(),
        },
        Arc::new(Once),
    )
    .expect("a client");
    let desired = read(&[
        ("base/connections/c.yaml", b"name: c\ntype: postgresql\nhost: h\nport: 5432\nusername: u\npassword: p\n"),
        ("base/datastores/d/_datastore.yaml", b"name: d\ntype: postgresql\nconnection_name: c\n"),
    ])
    .desired;
    let live = rig.runtime.block_on(platform.observe(&desired, &Scope::default()));
    let Ok(live) = live else { return };
    let json: Option<Json> = serde_json::from_slice(body).ok();
    let items = json.as_ref().and_then(|json| json["items"].as_array()).map(Vec::len);
    let total = json.as_ref().and_then(|json| json["total"].as_u64());
    let whole = match (items, total) {
        (Some(items), Some(total)) => items as u64 >= total,
        // A plain list says of itself that it is whole.
        (None, None) => json.as_ref().is_some_and(Json::is_array),
        _ => false,
    };
    let gap = live.gaps.iter().any(|gap| gap.kind == kind);
    // Containers of a datastore are listed only where they are asked for.
    assert!(whole || gap || which == 2, "{list} is not whole, and nothing says so: {:?}", live.gaps);
}
