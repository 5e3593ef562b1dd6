//! The controlplane as the edge sees it: requests under `/api`, routed, authenticated and run.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::dump::dump;
use super::edit::edit;
use super::openapi;
use super::permission::need_role;
use super::routes::ROUTES;
use super::seed;
use super::side_door;
use super::state::Instance;
use super::switches::Switches;
use super::wire::{Answer, Call, Query, Refusal};
use crate::sandbox::fault::Envelope;
use crate::sandbox::heard::Heard;
use crate::sandbox::platform::{Detail, Done, Platform, Sort};
use crate::sandbox::route::{Found, find};
use crate::sandbox::running::Running;

/// Starts a server of an instance that holds `seed`.
pub(in crate::sandbox) fn start(
    listener: TcpListener,
    switches: Switches,
    seed: Option<&Value>,
    latency: Duration,
) -> io::Result<Running> {
    let mut instance = Instance::new(switches);
    if let Some(seed) = seed {
        seed::load(&mut instance, seed).map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
    }
    Running::start(listener, instance, latency)
}

impl Platform for Instance {
    type Switches = Switches;

    const ENVELOPE: Envelope = Envelope {
        total: "total",
        rows: &["items"],
    };

    fn respond(&mut self, heard: &Heard) -> Done {
        match run(self, heard) {
            Ok((_, Answer::Ok(value))) => Done::json(200, value),
            Ok((status, Answer::Created(value))) => Done::json(status, value),
            Ok((_, Answer::Empty)) => Done::bare(204),
            Err(refusal) => Done::json(refusal.status, refusal.body),
        }
    }

    fn sort(heard: &Heard) -> Sort {
        let works = ["/api/operations/", "/api/export/"];
        if heard.method == "GET" || !heard.path.starts_with("/api/") {
            Sort::Reading
        } else if works.iter().any(|prefix| heard.path.starts_with(prefix)) {
            Sort::Operation
        } else {
            Sort::Write
        }
    }

    fn switches(&mut self) -> &mut Switches {
        &mut self.switches
    }

    fn retry_after(&self) -> u64 {
        self.switches.retry_after
    }

    fn empty(switches: Switches) -> Self {
        Self::new(switches)
    }

    fn add(&mut self, seed: &Value) -> Result<(), String> {
        seed::load(self, seed)
    }

    fn count(&self) -> Value {
        json!({ "datastores": self.datastores.len(), "checks": self.checks.len() })
    }

    fn dump(&self, detail: Detail) -> Value {
        dump(self, detail)
    }

    fn edit(&mut self, body: &Value) -> Result<Value, Refusal> {
        match edit(self, body)? {
            Answer::Ok(value) | Answer::Created(value) => Ok(value),
            Answer::Empty => Ok(json!({})),
        }
    }

    fn side_door(&mut self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        side_door::open(self, method, path, body)
    }
}

/// Routes, authenticates and runs a request; the status is that of an answer that made something.
fn run(instance: &mut Instance, heard: &Heard) -> Result<(u16, Answer), Refusal> {
    let below = heard
        .path
        .strip_prefix("/api")
        .filter(|below| below.is_empty() || below.starts_with('/'));
    let below = below.ok_or_else(|| Refusal::text(404, "Not Found"))?;
    match (heard.method.as_str(), below.trim_end_matches('/')) {
        ("GET", "/health") => return Ok((204, Answer::Empty)),
        ("GET", "") => return Ok((200, Answer::Ok(openapi::about()))),
        ("GET", "/openapi.json") => return Ok((200, Answer::Ok(openapi::document()))),
        _ => {}
    }
    let (route, path) = match find(ROUTES, &heard.method, below) {
        Found::Route(route, path) => (route, path),
        Found::OtherMethod => return Err(Refusal::text(405, "Method Not Allowed")),
        Found::Nothing => return Err(Refusal::text(404, "Not Found")),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a server of its own: tokens expire by the wall clock"
    )]
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    instance.clock.tick();
    instance.settle(Instant::now());
    let caller = instance.authenticate(heard.authorization.as_deref(), i64::try_from(now).unwrap_or(i64::MAX))?;
    need_role(caller, route.right)?;
    let body = heard.json()?;
    let call = Call {
        caller,
        path,
        query: Query::parse(&heard.query),
        body,
    };
    let answer = (route.handler)(instance, &call)?;
    Ok((instance.switches.create_status, answer))
}
